"""The process in which an engine is tested: an adapter behind the protocol on standard input and output.

It is started as `python worker.py my_pkg:MyEngine`, under any Python from 3.11 on, and needs none of bookproof's
dependencies. The engine may print what it likes: standard output is taken from it before it is loaded, and what it
writes there goes to standard error.
"""

from __future__ import annotations

import faulthandler
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bookproof.models.conform.adapter import Adapter

UNUSABLE = 2
"""Exit code: there is no such engine, or it cannot be made."""


def adapter_named(target: str, argument: str | None = None) -> Callable[[], Adapter]:
    """What makes the adapter `module:Class` or `path/to/file.py:Class`; with an argument, made with it.

    ValueError, which says what is wrong, when there is none.

    >>> adapter_named("bookproof.models.conform.adapter:Book")
    Traceback (most recent call last):
    ...
    ValueError: expected a class that is an Adapter, got Book in bookproof.models.conform.adapter
    """
    from bookproof.models.conform.adapter import Adapter

    place, colon, name = target.rpartition(":")
    if not colon or not place or not name:
        raise ValueError(f"expected module:Class or path/to/file.py:Class, got {target!r}")
    found: Any = _module(place)
    for part in name.split("."):
        if not hasattr(found, part):
            raise ValueError(f"expected a class named {name} in {place}, got none; is it spelled so?")
        found = getattr(found, part)
    if not (isinstance(found, type) and issubclass(found, Adapter)):
        raise ValueError(f"expected a class that is an Adapter, got {name} in {place}")
    make: Any = found
    return make if argument is None else partial(make, argument)


def _module(place: str) -> Any:
    if not place.endswith(".py"):
        return importlib.import_module(place)
    path = Path(place)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ValueError(f"expected a file of Python, got {place!r}; is the path right?")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def main(words: list[str]) -> int:
    """Serve one adapter until standard input ends."""
    from bookproof.models.conform.answers import Serving, told

    faulthandler.enable()  # what a native engine dies of has a place in Python as well
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # native code too
    sys.stdout = sys.stderr
    try:
        serving = Serving(adapter_named(*words))
    except Exception as error:  # importing foreign code may raise anything
        print(f"bookproof: {error if type(error) is ValueError else told(error)}", file=sys.stderr)
        return UNUSABLE
    for line in sys.stdin.buffer:
        answers.write(serving.line(line).encode() + b"\n")
        answers.flush()
    return 0


def _make_importable() -> None:
    """Where this Python knows no bookproof, let it know this one, and nothing else of what is installed beside it."""
    try:
        importlib.import_module("bookproof.models.conform")
    except ImportError:
        package = ModuleType("bookproof")
        package.__path__ = [str(Path(__file__).resolve().parents[2])]
        sys.modules["bookproof"] = package


if __name__ == "__main__":
    sys.path[0] = os.getcwd()  # instead of this folder, whose modules are none that anybody should import by accident
    _make_importable()
    sys.exit(main(sys.argv[1:]))
