"""Search one scenario to its end, and say truthfully what that showed.

A run is right when everybody returned, nothing raced, and the oracle, given the commands in order of their commit
stamps, says the very same, with real time respected (`concurrent.check`). A scenario is `VERIFIED` when every run that
can differ is right; when the budget was spent before, it is `BOUNDED`, whatever the runs were like.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from enum import StrEnum
from itertools import pairwise
from time import perf_counter
from typing import NamedTuple

from bookproof.models.concurrent.check import Violation, check
from bookproof.models.engines_by_name import Factory
from bookproof.models.interleaving.program import Outcome, Program
from bookproof.models.interleaving.reorders import by_stamp, in_order, reordered
from bookproof.models.interleaving.scenarios import Scenario
from bookproof.models.interleaving.scheduler import Action, Choose, Run, Scheduler
from bookproof.models.interleaving.search import naive, reduced
from bookproof.models.interleaving.token import Replay, without
from bookproof.models.interleaving.wheels import THREADS
from bookproof.models.report.plainly import plainly


class Verdict(StrEnum):
    """What a search showed."""

    VERIFIED = "verified"
    """Exhausted: every run that can differ was made, was free of races, and was right."""
    BOUNDED = "bounded"
    """The budget was spent first, or runs were given up as too long: those that were made were right, and nothing is
    said of the others."""
    FAILED = "failed"
    """A run was wrong."""


class Fault(NamedTuple):
    """A run that was wrong."""

    kind: str
    """`deadlock`, `race`, `error`, or how the answers are not explained: `answer`, `real time`, …"""
    story: str
    schedule: tuple[int, ...]
    expected: str = ""
    """What the rule book says, where that is what differs."""


class Certificate(NamedTuple):
    """What was covered, and what came of it."""

    verdict: Verdict
    scenario: Scenario
    runs: int
    cut: int
    """Runs given up because they had been made in another order."""
    outcomes: int
    """Different results among the runs."""
    points: tuple[str, ...]
    """Racing cells at which threads had to stop as well."""
    seconds: float
    fault: Fault | None = None
    left_out: tuple[tuple[int, int], ...] = ()
    """Commands of the scenario that the fault does not need."""


Tell = Callable[[int], None]
"""Hears how many runs there have been, now and then."""


class Explorer:
    """Runs scenarios on one engine. Threads are kept from one to the next."""

    def __init__(self, make: Factory, back_end: str = THREADS) -> None:
        self._make = make
        self._back_end = back_end

    def _scheduler(self, scenario: Scenario) -> Scheduler:
        scheduler = Scheduler(len(scenario.scripts), self._back_end)
        scheduler.numbers_matter = False  # every order of the stamps is judged that a run allows
        return scheduler

    def explore(self, scenario: Scenario, seconds: float, tell: Tell = lambda runs: None) -> Certificate:
        """Search a scenario for so many seconds; a fault is made as small as it gets."""
        certificate = self._search(scenario, seconds, tell)
        if certificate.fault is None:
            return certificate
        left_out, smaller = self._shrunk(certificate)
        return smaller._replace(left_out=left_out, runs=certificate.runs, cut=certificate.cut)

    def _search(self, scenario: Scenario, seconds: float, tell: Tell) -> Certificate:
        started = perf_counter()
        scheduler = self._scheduler(scenario)
        program = Program(self._make, scenario, scheduler)
        judged: dict[Hashable, Fault | None] = {}
        runs = cut = 0
        fault: Fault | None = None
        racy: set[str] = set()
        race: Fault | None = None
        verdict = Verdict.BOUNDED
        bounded = False
        outcome: Outcome | None = None

        def execute(choose: Choose) -> Run:
            nonlocal outcome
            outcome = program.execute(choose)
            return outcome.run

        try:
            exhausted = False
            while fault is None and not exhausted:
                points = scheduler.racy
                exhausted = True
                for run in reduced(execute):
                    runs += 1
                    cut += run.cut
                    if runs % 200 == 0:
                        tell(runs)
                    assert outcome is not None
                    if not run.cut:
                        fault = _judged(outcome, judged)
                    if run.races and race is None:
                        race = _raced(run)
                    racy |= run.drawn.union(each.cell for each in run.races)
                    bounded |= run.bounded
                    # A race that does harm says more than one that might, so harm is looked for first.
                    if fault is not None or not racy <= points:
                        exhausted = fault is not None
                        break
                    if perf_counter() - started > seconds:
                        return Certificate(
                            Verdict.FAILED if race else Verdict.BOUNDED,
                            scenario,
                            runs,
                            cut,
                            len(judged),
                            tuple(sorted(points)),
                            perf_counter() - started,
                            race,
                        )
                scheduler.racy = frozenset(racy)
            if fault is None:
                fault = race
            if fault is not None:
                verdict = Verdict.FAILED
            elif program.watched and not bounded:
                verdict = Verdict.VERIFIED
        finally:
            scheduler.close()
        seconds_spent = perf_counter() - started
        return Certificate(verdict, scenario, runs, cut, len(judged), tuple(sorted(racy)), seconds_spent, fault)

    def _shrunk(self, certificate: Certificate) -> tuple[tuple[tuple[int, int], ...], Certificate]:
        """Without the commands that the fault does not need, each smaller scenario searched to its end; then the
        schedule with the fewest switches."""
        whole = certificate.scenario
        kind = certificate.fault.kind if certificate.fault else ""
        left_out: tuple[tuple[int, int], ...] = ()
        found = certificate
        places = [(thread, number) for thread, script in enumerate(whole.scripts) for number in range(len(script))]
        smaller = True
        while smaller:
            smaller = False
            for place in places:
                if place not in left_out:
                    candidate = self._search(without(whole, (*left_out, place)), _SHRINKING_SECONDS, lambda runs: None)
                    if candidate.fault is not None and candidate.fault.kind == kind:
                        left_out, found, smaller = tuple(sorted((*left_out, place))), candidate, True
        return left_out, found._replace(fault=self._calmest(found))

    def _calmest(self, certificate: Certificate) -> Fault | None:
        """The fault with the fewest switches among all schedules of a scenario that is as small as it gets."""
        scheduler = self._scheduler(certificate.scenario)
        scheduler.racy = frozenset(certificate.points)
        program = Program(self._make, certificate.scenario, scheduler)
        best = certificate.fault
        assert best is not None
        outcome: Outcome | None = None

        def execute(choose: Choose) -> Run:
            nonlocal outcome
            outcome = program.execute(choose)
            return outcome.run

        try:
            for switches in range(_switches(best.schedule)):
                for tried, run in enumerate(naive(execute, switches)):
                    assert outcome is not None
                    fault = None if run.cut else _judged(outcome, {}) or _raced(run)
                    if fault is not None and fault.kind == best.kind:
                        return fault
                    if tried >= _MOST_SCHEDULES:
                        return best
        finally:
            scheduler.close()
        return best


_SHRINKING_SECONDS = 5.0
_MOST_SCHEDULES = 2_000


def _switches(schedule: Sequence[int]) -> int:
    return sum(one != other for one, other in pairwise(schedule))


def _judged(outcome: Outcome, known: dict[Hashable, Fault | None]) -> Fault | None:
    """What is wrong with a run. Runs with the same answers in the same order are judged once."""
    run = outcome.run
    if run.errors:
        thread, error = min(run.errors.items())
        return Fault("error", f"thread {'ABCDEFGH'[thread]} raised {type(error).__name__}: {error}", run.schedule)
    if run.waiting:
        return Fault("deadlock", _circle(run), run.schedule)
    history = outcome.history
    assert history is not None
    told = sorted(outcome.told, key=lambda each: (each.client, each.number))
    key: Hashable = (
        tuple((each.client, each.answer.events) for each in by_stamp(outcome)),
        tuple(one.returned < other.called for one in told for other in told),
        in_order(outcome),
        len({each.answer.stamp for each in outcome.told}),
        history.final,
    )
    if key not in known:
        violation = check(history)
        known[key] = None if violation is None else _unexplained(violation, run)
        if violation is None:
            for other in reordered(outcome):
                violation = check(other.history)
                if violation is not None:
                    return _unexplained(violation, run)._replace(schedule=other.schedule)
    fault = known[key]
    return None if fault is None else fault._replace(schedule=run.schedule)


def _unexplained(violation: Violation, run: Run) -> Fault:
    story = violation.story
    if violation.operation is not None and violation.kind == "answer":
        story = f"{plainly(violation.operation.command)} was told: {plainly(*violation.operation.answer.events)}"
    return Fault(violation.kind, story, run.schedule, plainly(*violation.expected))


def _raced(run: Run) -> Fault | None:
    for race in run.races:
        one, other = ("ABCDEFGH"[thread] for thread in race.threads)
        story = f"threads {one} and {other} touch {race.cell}, and no lock puts them in order"
        return Fault("race", story, run.schedule)
    return None


def _circle(run: Run) -> str:
    """Who waits for whom."""
    waits: list[str] = []
    for thread, action in sorted(run.waiting.items()):
        holder = run.holders.get(action.place)
        held = f", which {'ABCDEFGH'[holder]} holds" if holder is not None else ""
        waits.append(f"{'ABCDEFGH'[thread]} waits for {action.place}{held}")
    return "; ".join(waits)


Heard = list[tuple[int, str]]
"""What happened, in order: the thread, and what it did."""


def replayed(make: Factory, replay: Replay) -> tuple[Outcome, Fault | None, Heard]:
    """Run one schedule again, and hear what every thread does. After its last step whoever can goes on.

    Raises ValueError when the schedule asks for a thread that cannot go on.
    """
    scheduler = Scheduler(len(replay.scenario.scripts))
    scheduler.numbers_matter = False
    scheduler.racy = replay.points
    program = Program(make, replay.scenario, scheduler)
    heard: Heard = []
    scheduler.tell = program.tell = lambda thread, what: heard.append((thread, what))
    try:
        following = _Following(replay.schedule)
        outcome = program.execute(following)
    finally:
        scheduler.close()
    if outcome.run.cut:
        thread = "ABCDEFGH"[replay.schedule[following.done - 1]]
        raise ValueError(f"thread {thread} cannot make step {following.done}")
    return outcome, _judged(outcome, {}) or _raced(outcome.run), heard


class _Following:
    """Chooses as a schedule says."""

    def __init__(self, schedule: Sequence[int]) -> None:
        self._schedule = schedule
        self.done = 0

    def __call__(self, wanted: Mapping[int, Action], able: frozenset[int]) -> int | None:
        self.done += 1
        if self.done > len(self._schedule):
            return min(able)
        chosen = self._schedule[self.done - 1]
        return chosen if chosen in able else None
