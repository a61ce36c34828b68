"""What is wrong with a run, if anything: in words, and with the schedule that shows it."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

from bookproof.models.concurrent.check import Violation
from bookproof.models.interleaving.program import Outcome
from bookproof.models.interleaving.reorders import MOST_ORDERS, reordered, right_in_all
from bookproof.models.interleaving.scheduler import Run
from bookproof.models.interleaving.stuck import standstill, starved
from bookproof.models.interleaving.witness import Witness
from bookproof.models.interleaving.words import letter
from bookproof.models.report.plainly import plainly


class Fault(NamedTuple):
    """A run that was wrong."""

    kind: str
    """`deadlock`, `lost wake-up`, `livelock`, `starvation`, `race`, `error`, or how the answers are not explained:
    `answer`, `real time`, …"""
    story: str
    schedule: tuple[int, ...]
    expected: str = ""
    """What the rule book says, where that is what differs."""
    lines: tuple[str, ...] = ()
    """Where in the source each waits that cannot go on: known when the run is told again."""


class Judge:
    """What is wrong with the runs of one scenario."""

    def __init__(self) -> None:
        self._witness = Witness()
        self.outcomes: set[Hashable] = set()
        """What everybody was told and the books at the end, of every run so far."""
        self.gave_up = False
        """Whether the stamps of a run could be in more orders than were judged."""

    def fault(self, outcome: Outcome) -> Fault | None:
        """What is wrong with a run, but for its races."""
        run = outcome.run
        if run.errors:
            thread, error = min(run.errors.items())
            return Fault("error", f"thread {letter(thread)} raised {type(error).__name__}: {error}", run.schedule)
        stuck = standstill(run)
        if stuck is not None:
            return Fault(*stuck, run.schedule)
        if run.cut:
            return None
        history = outcome.history
        if history is None:  # it was made to wait for what it only tried
            return None
        told = sorted((each.client, each.number, each.answer.events) for each in outcome.told)
        self.outcomes.add((tuple(told), history.final, history.accounts))
        violation = self._witness.judge(history)
        if violation is not None:
            return _unexplained(violation, run)
        if right_in_all(outcome, self._witness):
            return None
        for count, other in enumerate(reordered(outcome), start=2):  # the run itself is the first order
            violation = self._witness.judge(other.history)
            if violation is not None:
                return _unexplained(violation, run)._replace(schedule=other.schedule)
            self.gave_up |= count == MOST_ORDERS
        return None


def _unexplained(violation: Violation, run: Run) -> Fault:
    story = violation.story
    if violation.operation is not None and violation.kind == "answer":
        story = f"{plainly(violation.operation.command)} was told: {plainly(*violation.operation.answer.events)}"
    return Fault(violation.kind, story, run.schedule, plainly(*violation.expected))


FAIR = ("livelock", "starvation")
"""Faults of fair runs: their schedule is what comes before everybody has its turn, one after the other."""


def starving(run: Run) -> Fault | None:
    """Who never has its turn though everybody has, if anybody."""
    stuck = starved(run)
    return None if stuck is None else Fault(*stuck, ())


def raced(run: Run) -> Fault | None:
    """The first race of a run, if there is one."""
    for race in run.races:
        one, other = (letter(thread) for thread in race.threads)
        story = f"threads {one} and {other} touch {race.cell}, and no lock puts them in order"
        if one == other:
            story = f"thread {one} leaves {race.cell}, which nobody holds"
        return Fault("race", story, run.schedule)
    return None
