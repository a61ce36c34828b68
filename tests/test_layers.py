"""Data flows one way: the vocabulary knows nobody else, the oracle and the engines know the vocabulary, the models know
them all. So no engine can take its answers from the oracle that judges it.

And in `engine` only `sync` gets at threads, so a checker that takes its place sees every lock.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.util import find_spec, resolve_name
from pathlib import Path

import pytest

VOCABULARY = frozenset(
    {
        "values",
        "instruments",
        "profile",
        "commands",
        "events",
        "reasons",
        "views",
        "codec",
        "input_error",
        "wire",
        "profile_files",
        "allocation_terms",
        "reports",
        "fix",
    }
)
MAY_IMPORT = {
    "vocabulary": {"vocabulary"},
    "oracle": {"vocabulary", "oracle"},
    "engine": {"vocabulary", "engine"},
    "models": {"vocabulary", "oracle", "engine", "models"},
}
SYNC = "bookproof.engine.sync"
HIDE_LOCKS = frozenset({"threading", "_thread", "queue", "concurrent", "multiprocessing", "asyncio"})
"""Standard modules with locks of their own, which a checker could not take the place of."""


def layer_of(name: str) -> str:
    """Return the layer of a module, or of something in it. Whatever in `spec` is no vocabulary is the oracle."""
    folder, module = (*name.split("."), "", "")[1:3]
    if folder == "spec":
        return "vocabulary" if module in VOCABULARY else "oracle"
    return "engine" if folder == "engine" else "models"


def names_in(module: str, source: str) -> Iterator[tuple[int, str]]:
    """Yield line and full name of whatever a module imports, anywhere in it, and of every `something.threading`."""
    package = module.rpartition(".")[0]
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(aliases):
                yield from ((node.lineno, alias.name) for alias in aliases)
            case ast.ImportFrom(origin, aliases, level):
                base = resolve_name("." * level + (origin or ""), package)
                yield from ((node.lineno, f"{base}.{alias.name}") for alias in aliases)
            case ast.Call(
                ast.Name("import_module" | "__import__") | ast.Attribute(_, "import_module"),
                [ast.Constant(str(name)), *_],
            ):
                yield node.lineno, resolve_name(name, package)
            case ast.Attribute(_, "threading"):
                yield node.lineno, ast.unparse(node)


def faults(module: str, source: str) -> list[str]:
    """Return a sentence for everything in a module that goes against the layers; packages end in `.__init__`."""
    found = []
    layer = layer_of(module)
    for line, name in names_in(module, source):
        parts = name.split(".")
        if parts[0] == "bookproof" and layer_of(name) not in MAY_IMPORT[layer]:
            found.append(f"{module}:{line} ({layer}) imports {name} ({layer_of(name)})")
        if layer == "engine" and module != SYNC and (parts[0] in HIDE_LOCKS or "threading" in parts):
            found.append(f"{module}:{line} names {name}, which only {SYNC} may")
    return found


def sources(package: str) -> dict[str, str]:
    """Return the source of every module of a package, by its full name."""
    found = find_spec(package)
    assert found is not None
    assert found.submodule_search_locations
    (folder,) = map(Path, found.submodule_search_locations)
    return {
        ".".join([package, *path.relative_to(folder).with_suffix("").parts]): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*.py"))
    }


@pytest.mark.parametrize("package", ["bookproof.spec", "bookproof.engine", "bookproof.models"])
def test_data_flows_one_way(package: str) -> None:
    found = [fault for module, source in sources(package).items() for fault in faults(module, source)]
    assert not found, "\n".join(found)


def test_the_scan_sees_every_layer() -> None:
    spec, engine = sources("bookproof.spec"), sources("bookproof.engine")
    assert {f"bookproof.spec.{name}" for name in VOCABULARY} <= set(spec)
    assert {"vocabulary", "oracle"} == {layer_of(module) for module in spec}
    assert any(name == "threading" for _, name in names_in(SYNC, engine[SYNC]))
    assert any(layer_of(name) == "vocabulary" for module in engine for _, name in names_in(module, engine[module]))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("bookproof.spec.values", "import enum"),
        ("bookproof.spec.codec", "from bookproof.spec.events import Event"),
        ("bookproof.spec.codec", "from .events import Event"),
        ("bookproof.spec.exchange", "from bookproof.spec import book as rules"),
        ("bookproof.spec.exchange", "from .kernel import match"),
        ("bookproof.engine.striped", "from bookproof.engine.sync import THREADS, Sync"),
        ("bookproof.engine.striped", "from ..spec.views import Depth"),
        ("bookproof.engine.striped", "from bookproof.spec import values"),
        ("bookproof.engine.striped", "'a comment on threading, and on bookproof.spec.kernel'"),
        ("bookproof.engine.queue", "from bookproof.engine.queue import Level"),
        ("bookproof.engine.sync", "import threading"),
        ("bookproof.models.machines", "import threading, bookproof.spec.exchange, bookproof.engine.striped"),
    ],
)
def test_lets_pass(module: str, source: str) -> None:
    assert faults(module, source) == []


@pytest.mark.parametrize(
    ("module", "source", "culprit"),
    [
        ("bookproof.spec.values", "from bookproof.spec.kernel import hit", "bookproof.spec.kernel.hit (oracle)"),
        ("bookproof.spec.events", "from . import rulebook", "bookproof.spec.rulebook (oracle)"),
        ("bookproof.spec.events", "import bookproof.spec", "bookproof.spec (oracle)"),
        ("bookproof.spec.book", "from bookproof.engine import ladder", "bookproof.engine.ladder (engine)"),
        ("bookproof.spec.book", "def f():\n    import bookproof.models.audit", "bookproof.models.audit (models)"),
        ("bookproof.spec.__init__", "from ..models import audit", "bookproof.models.audit (models)"),
        ("bookproof.spec.book", "import bookproof", "bookproof (models)"),
        ("bookproof.engine.book", "from bookproof.spec import exchange", "bookproof.spec.exchange (oracle)"),
        ("bookproof.engine.book", "from bookproof.spec.book import submit", "bookproof.spec.book.submit (oracle)"),
        ("bookproof.engine.book", "import bookproof.spec.kernel as k", "bookproof.spec.kernel (oracle)"),
        ("bookproof.engine.book", "from bookproof.spec import validation", "bookproof.spec.validation (oracle)"),
        ("bookproof.engine.book", "from bookproof.spec import sorted_tuple", "bookproof.spec.sorted_tuple (oracle)"),
        ("bookproof.engine.book", "from bookproof.spec import invariants", "bookproof.spec.invariants (oracle)"),
        ("bookproof.engine.book", "from bookproof.spec import rulebook", "bookproof.spec.rulebook (oracle)"),
        ("bookproof.engine.book", "from bookproof.spec import *", "bookproof.spec.* (oracle)"),
        ("bookproof.engine.book", "if TYPE_CHECKING:\n    from ..spec import kernel", "bookproof.spec.kernel (oracle)"),
        ("bookproof.engine.zoo.late", "from ...spec import kernel", "bookproof.spec.kernel (oracle)"),
        ("bookproof.engine.book", "import_module('bookproof.spec.exchange')", "bookproof.spec.exchange (oracle)"),
        ("bookproof.engine.book", "importlib.import_module('..spec.kernel')", "bookproof.spec.kernel (oracle)"),
        ("bookproof.engine.book", "__import__('bookproof.models')", "bookproof.models (models)"),
        ("bookproof.engine.book", "from bookproof.models.verdict import Verdict", "bookproof.models.verdict"),
        ("bookproof.engine.book", "import threading", "names threading"),
        ("bookproof.engine.book", "def f():\n    from threading import Lock", "names threading.Lock"),
        ("bookproof.engine.book", "from .sync import threading", "names bookproof.engine.sync.threading"),
        ("bookproof.engine.book", "sync.threading.Lock()", "names sync.threading"),
        ("bookproof.engine.book", "import _thread", "names _thread"),
        ("bookproof.engine.book", "from queue import Queue", "names queue.Queue"),
        ("bookproof.engine.book", "from concurrent.futures import Future", "names concurrent.futures.Future"),
    ],
)
def test_catches(module: str, source: str, culprit: str) -> None:
    (fault,) = faults(module, source)
    assert culprit in fault
    assert fault.startswith(f"{module}:{source.count(chr(10)) + 1} ")
