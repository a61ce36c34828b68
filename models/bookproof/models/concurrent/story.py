"""A concurrent counterexample as a person wants to see it: who did what when, and as a test that can be pasted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from bookproof.models.concurrent.check import Violation
from bookproof.models.concurrent.history import History, Operation
from bookproof.models.report.literal import classes_in, laid_out, literal
from bookproof.spec.commands import Command
from bookproof.spec.events import Event
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import Profile

_MARGIN = "    "
_SHOWN = 12
"""Operations shown up to the one that is not explained; the rest is said to be left out."""

_RUNS = 200
"""How often a pasted test records its scenario: threads are not obedient."""


def lines_of(events: Iterable[Event]) -> str:
    """Events as text, one a line."""
    return "\n".join(map(literal, events)) or "nothing"


def side_by_side(history: History, violation: Violation) -> str:
    """The operations in order of their stamps, up to the one that is not explained and what ran beside it.

    Times are microseconds since the first call; an arrow marks the operation in question. What the operations did with
    locks is below, if the run was watched.
    """
    ordered = sorted(history.operations, key=lambda operation: operation.answer.stamp)
    begin = min(operation.called for operation in ordered)
    upto = violation.position + 1
    beside = [
        operation
        for operation in ordered[upto : upto + 4]
        if violation.operation is not None and operation.called < violation.operation.returned
    ]
    shown = ordered[:upto][-_SHOWN:] + beside
    lines = [f"{'stamp':>7}  {'client':>6}  {'called':>9}  {'returned':>9}  command → answer"]
    if upto > _SHOWN:
        lines.append(f"{'…':>7}  {upto - _SHOWN} operations before these are explained")
    for operation in shown:
        mark = "→" if operation is violation.operation else " "
        lines.append(f"{mark}{_row(operation, begin)}")
    return "\n".join([*lines, *_inside(history, shown, begin)])


def _inside(history: History, shown: Sequence[Operation], begin: int) -> Iterator[str]:
    """What some operations did with locks, in order of time; what one did in a row to several of them on one line."""
    stamps = {at: operation.answer.stamp for at, operation in enumerate(history.operations) if operation in shown}
    steps = [step for step in history.lock_steps if step.operation in stamps]
    if steps:
        yield f"{'stamp':>7}  {'µs':>9}  inside the engine"
    for (at, doing), run in groupby(steps, key=lambda step: (step.operation, step.doing)):
        same = list(run)
        locks = ", ".join(step.lock for step in same)
        yield f"{stamps[at]:>7}  {(same[0].time - begin) / 1000:>9.1f}  {doing.value} {locks}"


def _row(operation: Operation, begin: int) -> str:
    called, returned = ((moment - begin) / 1000 for moment in (operation.called, operation.returned))
    answer = "; ".join(map(literal, operation.answer.events))
    return (
        f"{operation.answer.stamp:>6}  {operation.client:>6}  {called:>9.1f}  {returned:>9.1f}  "
        f"{literal(operation.command)} → {answer}"
    )


def as_test(
    engine: str,
    instruments: Sequence[Instrument],
    profile: Profile,
    scripts: Sequence[Sequence[Command]],
    cuts: float,
    name: str = "test_every_run_of_these_clients_is_explained_by_its_stamps",
) -> str:
    """The source of a test that fails as soon as one run of these scripts is not explained by its stamps."""
    lines = [
        f"def {name}() -> None:",
        laid_out(list(instruments), _MARGIN, "instruments = "),
        laid_out(profile, _MARGIN, "profile = "),
        laid_out([list(script) for script in scripts], _MARGIN, "scripts = "),
        f'{_MARGIN}make = factory("{engine}")',
        f"{_MARGIN}for attempt in range({_RUNS}):",
        f"{_MARGIN * 2}history = record(",
        f"{_MARGIN * 3}lambda sync: make(instruments, profile, sync=sync),",
        f"{_MARGIN * 3}instruments, profile, scripts, cuts={cuts} * (1 + attempt % 4), seed=attempt,",
        f"{_MARGIN * 2})",
        f"{_MARGIN * 2}assert check(history) is None",
    ]
    classes = {kind for part in (tuple(instruments), profile, tuple(scripts)) for kind in classes_in(part)}
    names = {(kind.__module__, kind.__name__) for kind in classes} | {
        ("bookproof.models.concurrent.check", "check"),
        ("bookproof.models.concurrent.recorder", "record"),
        ("bookproof.models.engines_by_name", "factory"),
    }
    modules: dict[str, list[str]] = {}
    for module, imported in sorted(names):
        modules.setdefault(module, []).append(imported)
    imports = [f"from {module} import {', '.join(imported)}" for module, imported in modules.items()]
    return "\n".join([*imports, "", "", *lines, ""])
