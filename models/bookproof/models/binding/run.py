"""`bookproof bind`: the TLA+ models and the real engine, held against each other in both directions."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bookproof.engine.striped import StripedEngine
from bookproof.engine.zoo import ZOO
from bookproof.models.binding.accept import TlcReader
from bookproof.models.binding.bind import THREAD_RUNS, Bound, Read, bind
from bookproof.models.binding.engines import striped
from bookproof.models.binding.subject import Subject, by_tlc, by_twin
from bookproof.models.report.terminal import Bars
from bookproof.models.tla.manifest import Model, read_manifest, tla_folder
from bookproof.models.tla.tlc import TlcChecker
from bookproof.models.tla.tlc import find as find_tlc
from bookproof.spec.input_error import InputError, quote

PART = "bind"
RIGHT = "striped"
"""The engine that the models are about."""

SMALL = 1_000
"""States of a model that is bound in seconds."""

_SOURCES = ("twin", "tlc")
_READERS = ("graph", "tlc")

Progress = Callable[[float, str], None]


def add_bind(parser: argparse.ArgumentParser, count: Callable[[str], int]) -> None:
    """The options of `bookproof bind`."""
    parser.description = (
        "Every step of a TLA+ model is replayed on the real engine, state by state, and every run of the engine is "
        "read by the model, line by line. Without a model: all small ones that the manifest binds."
    )
    parser.epilog = (
        "exit codes: 0 no gap, 1 engine and model part somewhere, 2 something is missing or cannot be read, "
        "3 a budget was spent before all was read"
    )
    parser.add_argument("models", nargs="*", metavar="MODEL", help="by name, as `bookproof tla --list` shows them")
    parser.add_argument("--nightly", action="store_true", help="those that take minutes as well")
    parser.add_argument(
        "--engine", choices=(RIGHT, *ZOO), default=RIGHT, metavar="NAME", help=f"{RIGHT}, or one of the zoo"
    )
    parser.add_argument(
        "--graph", choices=_SOURCES, default="twin", metavar="SOURCE", help="of all states: twin (no Java), or tlc"
    )
    parser.add_argument(
        "--reader", choices=_READERS, action="append", metavar="NAME", help="of traces: graph (no Java), tlc (both)"
    )
    parser.add_argument(
        "--threads", type=count, default=THREAD_RUNS, metavar="N", help=f"runs on real threads ({THREAD_RUNS})"
    )
    parser.add_argument(
        "--processes", type=int, choices=range(1, 65), metavar="N", help="models at a time (one a core)"
    )
    parser.add_argument("--json", action="store_true", help="results as JSON on standard output")
    parser.set_defaults(run=run_bind)


def run_bind(asked: argparse.Namespace) -> int:
    """Bind what was asked for."""
    models = chosen(read_manifest(tla_folder()), asked.models, asked.nightly)
    readers = tuple(asked.reader or _READERS)
    tlc = _tlc() if "tlc" in (asked.graph, *readers) else None
    with Bars() as bars:
        found = bind_all(
            models,
            asked.engine,
            tlc,
            asked.graph,
            "tlc" in readers,
            asked.threads,
            partial(bars.show, PART),
            asked.processes,
        )
    code = exit_code(found)
    if asked.json:
        print(json.dumps({"exit_code": code, "results": [as_dict(each) for each in found]}, indent=2))
    else:
        _print(Console(), found)
    return code


def chosen(models: Sequence[Model], names: Sequence[str], nightly: bool = False) -> tuple[Model, ...]:
    """Models by name; without names the small ones that are bound, or all. Raises InputError for one that is not."""
    bound = {model.name: model for model in models if model.binds}
    for name in names:
        if name not in bound:
            raise InputError("options", 0, "MODEL", f"one of {', '.join(bound)}", quote(name), "others are not bound")
    small = [name for name, model in bound.items() if nightly or (model.distinct or 0) <= SMALL]
    return tuple(bound[name] for name in dict.fromkeys(names or small))


def _tlc() -> TlcChecker:
    try:
        return find_tlc()
    except InputError as error:
        hint = f"{error.hint or 'bookproof tla --list says more'}; without Java: --graph twin --reader graph"
        raise InputError(error.path, error.line, error.field, error.expected, error.got, hint) from None


def bind_all(
    models: Sequence[Model],
    engine: str = RIGHT,
    tlc: TlcChecker | None = None,
    source: str = "twin",
    read_by_tlc: bool = False,
    thread_runs: int = THREAD_RUNS,
    progress: Progress = lambda share, what: None,
    processes: int | None = None,
) -> list[Bound]:
    """Bind models to an engine, several at a time."""
    make = striped(StripedEngine if engine == RIGHT else ZOO[engine].engine)
    read: dict[str, Read] = {"tlc": TlcReader(tlc)} if read_by_tlc and tlc is not None else {}
    done = 0

    def one(model: Model) -> Bound:
        nonlocal done

        def tell(what: str) -> None:
            progress(max(done / len(models), 0.001), f"{model.name}: {what}")

        tell("finding all states")
        subject: Subject = by_twin(model) if source == "twin" or tlc is None else by_tlc(tlc, model)
        bound = bind(subject, engine, make, read, thread_runs, tell)
        done += 1
        progress(done / len(models), model.name)
        return bound

    with ThreadPoolExecutor(processes or os.cpu_count() or 1) as pool:
        try:
            return list(pool.map(one, models))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def exit_code(found: Sequence[Bound]) -> int:
    """1 for any gap, else 3 for whatever is not decided, else 0."""
    if any(each.complaints for each in found):
        return 1
    return 3 if any(each.undecided for each in found) else 0


def again(each: Bound) -> str:
    """The command line that binds it once more."""
    engine = "" if each.engine == RIGHT else f" --engine {each.engine}"
    return f"bookproof bind {each.model}{engine}"


def as_dict(each: Bound) -> dict[str, Any]:
    """What came of one model, for a machine."""
    replayed = each.replayed
    return {
        "model": each.model,
        "engine": each.engine,
        "bound": not each.complaints and not each.undecided,
        "complaints": list(each.complaints),
        "undecided": each.undecided,
        "edges": replayed.edges,
        "replayed": replayed.covered,
        "walks": replayed.walks,
        "steps": replayed.steps,
        "states": each.states,
        "engine_states": each.engine_states,
        "orders": each.orders,
        "engine_orders": each.explored,
        "traces": each.traces,
        "lines": each.lines,
        "refused": [
            {"line": refusal.at + 1, "guilty": str(refusal), "trace": [str(line) for line in refusal.trace]}
            for refusal in each.refused
        ],
        "readers": list(each.readers),
        "seconds": round(each.seconds, 3),
        "again": again(each),
    }


def _print(console: Console, found: Sequence[Bound]) -> None:
    table = Table(title=f"Models and the engine {found[0].engine}" if found else "No models", title_justify="left")
    table.add_column("model", no_wrap=True)
    for heading in ("edges", "states", "orders", "traces", "seconds"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for each in found:
        replayed = each.replayed
        says = Text("a gap", "bold red") if each.complaints else Text("bound", "green")
        if each.undecided and not each.complaints:
            says = Text("not decided", "yellow")
        table.add_row(
            each.model,
            _of(replayed.covered, replayed.edges),
            _of(each.engine_states, each.states),
            _of(each.explored, each.orders),
            _of(each.traces - len(each.refused), each.traces),
            f"{each.seconds:.1f}",
            says,
        )
    console.print(table)
    for each in found:
        for what in filter(None, (*each.complaints, each.undecided)):
            console.print(f"{each.model}: {what}", highlight=False, soft_wrap=True, markup=False)
        if each.complaints or each.undecided:
            console.print(f"again: {again(each)}", highlight=False, soft_wrap=True, markup=False)
    if not any(each.complaints for each in found):
        edges, traces = sum(each.replayed.edges for each in found), sum(each.traces for each in found)
        by = " and ".join(found[0].readers) if found else "nobody"
        console.print(f"{edges:,} edges replayed, {traces:,} traces read by {by}.", highlight=False)


def _of(count: int, whole: int) -> str:
    """How much of what the model has was seen of the engine; one number if it is the same.

    >>> _of(7, 7), _of(5, 7)
    ('7', '5 of 7')
    """
    return f"{count:,}" if count == whole else f"{count:,} of {whole:,}"
