"""Search one scenario to its end, and say truthfully what that showed.

A run is right when everybody returned, nothing raced, and the oracle, given the commands in order of their commit
stamps, says the very same, with real time respected (`concurrent.check`). A scenario is `VERIFIED` when every run that
can differ is right; when some may not have been made, it is `BOUNDED` or `SAMPLED`, whatever the runs were like.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from itertools import zip_longest
from time import perf_counter
from typing import NamedTuple

from bookproof.models.engines_by_name import Factory
from bookproof.models.interleaving.actions import VAIN
from bookproof.models.interleaving.digests import engine_digest, scenario_digest
from bookproof.models.interleaving.judge import FAIR, Fault, Judge, raced, starving
from bookproof.models.interleaving.program import Outcome, Program
from bookproof.models.interleaving.reorders import MOST_ORDERS
from bookproof.models.interleaving.sampling import Pct, UniformWalk, Walk
from bookproof.models.interleaving.scenarios import Scenario
from bookproof.models.interleaving.scheduler import Action, Choose, Event, Run, Scheduler
from bookproof.models.interleaving.search import Execute, Naive, Reduced, Search
from bookproof.models.interleaving.stuck import RoundRobin, lines, overtaken, standstill
from bookproof.models.interleaving.token import Replay, without
from bookproof.models.interleaving.trace import Recorder
from bookproof.models.interleaving.traces import linearizations, trace_of
from bookproof.models.interleaving.wheels import THREADS
from bookproof.models.interleaving.words import letter, switches
from bookproof.models.report.plainly import plainly


class Verdict(StrEnum):
    """What a search showed."""

    VERIFIED = "verified"
    """Exhausted: every run that can differ was made, was free of races, and was right."""
    BOUNDED = "bounded"
    """The runs that were made were right, up to a bound: of preemptions, of how long a run may be, or of what was to be
    spent on them."""
    SAMPLED = "sampled"
    """The runs that were drawn were right, and nothing is said of the others."""
    UNREPEATABLE = "unrepeatable"
    """The same schedule led to two different runs, so that no schedule shows anything."""
    FAILED = "failed"
    """A run was wrong."""


class Method(StrEnum):
    """Which schedules are run."""

    REDUCED = "reduced"
    """One of every trace."""
    NAIVE = "naive"
    """All of them."""
    BOUNDED = "bounded"
    """All with so many preemptions, those with fewer first."""
    PCT = "pct"
    """Drawn: priorities, and so many changes of them."""
    RANDOM = "random"
    """Drawn: whoever can go on is as likely as the others."""
    UNIFORM = "uniform"
    """Drawn: all schedules about as likely."""


class How(NamedTuple):
    """A way to search."""

    method: Method = Method.REDUCED
    preemptions: int = 2
    """The bound of `BOUNDED`, and the changes of priority of `PCT`."""
    samples: int = 1_000
    seed: int = 0

    @property
    def draws(self) -> bool:
        """Whether schedules are drawn by lot."""
        return self.method in (Method.PCT, Method.RANDOM, Method.UNIFORM)

    def search(self, execute: Execute) -> Search:
        """Begin it."""
        match self.method:
            case Method.REDUCED:
                return Reduced(execute)
            case Method.NAIVE:
                return Naive(execute)
            case Method.BOUNDED:
                return Naive(execute, preemptions=self.preemptions)
            case Method.PCT:
                return Pct(execute, self.samples, self.seed, self.preemptions)
            case Method.RANDOM:
                return Walk(execute, self.samples, self.seed)
            case Method.UNIFORM:
                return UniformWalk(execute, self.samples, self.seed)


REDUCED = How()


class Certificate(NamedTuple):
    """What was covered, and what came of it."""

    verdict: Verdict
    scenario: Scenario
    runs: int
    cut: int
    """Runs given up because they had been made in another order, or would go beyond a bound."""
    outcomes: int
    """Different results among the runs."""
    points: tuple[str, ...]
    """Racing cells at which threads had to stop as well."""
    seconds: float
    fault: Fault | None = None
    left_out: tuple[tuple[int, int], ...] = ()
    """Commands of the scenario that the fault does not need."""
    how: How = How()
    traces: int = 0
    """Runs that differ in more than the order of what does not depend on each other."""
    schedules: int = 0
    """How many schedules have these traces: what a naive search would have to run."""
    counted: bool = False
    """Whether that is the number of all schedules, and not a lower bound of it."""
    expected: float = 0.0
    """How many traces there are, as far as can be said; with a search that does not reduce, schedules."""
    limit: str = ""
    """What the verdict is bounded by: `2 preemptions`, `1,200 runs`, `400 steps`, `2 tries`, `no cells watched`,
    `2,000 orders of stamps`."""
    strayed: str = ""
    """Where a schedule went another way the second time."""
    engine_digest: str = ""
    """Of the source of the engine."""
    races: tuple[str, ...] = ()
    """Cells that were seen to race."""
    overtaken: int = 0
    """When everybody has its turn: how often one thread took a lock while another one asked for it, at most."""

    @property
    def scenario_digest(self) -> str:
        """Of all that is done in the scenario."""
        return scenario_digest(self.scenario)

    @property
    def says(self) -> str:
        """The verdict with its bound.

        >>> from bookproof.models.interleaving.scenarios import NAMED
        >>> of = NAMED["cancel-fill"]
        >>> Certificate(Verdict.BOUNDED, of, 9, 0, 3, (), 0.1, limit="2 preemptions").says
        'bounded(2 preemptions)'
        """
        return f"{self.verdict.value}({self.limit})" if self.limit else self.verdict.value


Tell = Callable[[int, float], None]
"""Hears how many runs there have been and how many it may be in all, now and then."""


def _silent(runs: int, of: float) -> None: ...


class _Tally:
    """What the runs of a search come to."""

    def __init__(self, how: How) -> None:
        self._all_differ = how.method is Method.REDUCED
        self._traces: set[Hashable] = set()
        self.traces = self.schedules = 0
        self.exact = True

    def add(self, run: Run) -> None:
        if not self._all_differ:
            trace = trace_of(run)
            if trace in self._traces:
                return
            self._traces.add(trace)
        self.traces += 1
        ways, exact = linearizations(run)
        self.schedules += ways
        self.exact &= exact


class Explorer:
    """Runs scenarios on one engine."""

    def __init__(self, make: Factory, back_end: str = THREADS) -> None:
        self._make = make
        self._back_end = back_end

    def explore(self, scenario: Scenario, seconds: float, tell: Tell = _silent, how: How = REDUCED) -> Certificate:
        """Search a scenario for so many seconds; a fault is made as small as it gets."""
        certificate = self._search(scenario, seconds, tell, how)
        if certificate.fault is None:
            return certificate
        left_out, smaller = self._shrunk(certificate)
        return certificate._replace(
            scenario=smaller.scenario,
            points=smaller.points,
            fault=smaller.fault,
            outcomes=smaller.outcomes,
            left_out=left_out,
        )

    def _search(self, scenario: Scenario, seconds: float, tell: Tell = _silent, how: How = REDUCED) -> Certificate:
        with _stage(self._make, scenario, self._back_end) as stage:
            course = _Course(stage, how, seconds, tell)
            course.run()
        verdict, limit, exhausted = course.says()
        return Certificate(
            verdict,
            scenario,
            course.runs,
            course.cut,
            len(course.judge.outcomes),
            tuple(sorted(course.points)),
            course.seconds,
            None if course.strayed else course.fault,
            how=how,
            races=tuple(sorted(course.racy)),
            traces=course.tally.traces,
            schedules=course.tally.schedules,
            counted=exhausted and course.tally.exact,
            expected=course.search.estimate(),
            limit=limit,
            strayed=course.strayed,
            overtaken=course.overtaken,
            engine_digest=engine_digest(type(self._make(scenario.instruments, scenario.profile))),
        )

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
                    candidate = self._search(without(whole, (*left_out, place)), _SHRINKING_SECONDS)
                    if candidate.fault is not None and candidate.fault.kind == kind:
                        left_out, found, smaller = tuple(sorted((*left_out, place))), candidate, True
        return left_out, self._calmest(found)

    def _calmest(self, certificate: Certificate) -> Certificate:
        """The fault with the fewest switches among all schedules of a scenario that is as small as it gets."""
        best, judge = certificate.fault, Judge()
        assert best is not None
        with _stage(self._make, certificate.scenario, self._back_end) as stage:
            points = stage.scheduler.racy = frozenset((*certificate.points, *certificate.races))
            most = 0 if best.kind in FAIR else switches(best.schedule) + (points != frozenset(certificate.points))
            for allowed in range(most):
                for tried, run in enumerate(Naive(stage.execute, allowed)):
                    fault = None if run.cut else judge.fault(stage.outcome) or raced(run)
                    if fault is not None and fault.kind == best.kind:
                        return certificate._replace(fault=fault, points=tuple(sorted(points)))
                    if tried >= _MOST_SCHEDULES:
                        return certificate
        return certificate


_RUNS_FOR_HARM = 600
_SHRINKING_SECONDS = 5.0
_MOST_SCHEDULES = 2_000
_MOST_AT_A_TIME = 3
_LONGEST_WAY_IN = 40


class _Says(NamedTuple):
    """What a search comes to."""

    verdict: Verdict
    limit: str = ""
    exhausted: bool = False
    """Whether no run was left out that can differ."""


class _Course:
    """One search: what its runs have shown so far."""

    def __init__(self, stage: _Stage, how: How, seconds: float, tell: Tell) -> None:
        self._stage, self._how, self._tell = stage, how, tell
        self._begun, self._most_seconds = perf_counter(), seconds
        self.judge = Judge()
        self.tally = _Tally(how)
        self.search = how.search(stage.execute)
        self.runs = self.cut = 0
        self.fault: Fault | None = None
        self.points: frozenset[str] = frozenset()
        """Cells and counters at which threads stop."""
        self.racy: frozenset[str] = frozenset()
        """Those that have to be points, as far as has been seen."""
        self._race: tuple[Fault, int, frozenset[str]] | None = None
        """The first race, in which run it was, and with which points."""
        self.strayed = ""
        self.overtaken = 0
        self._spent = self._endless = self._spun = False

    @property
    def seconds(self) -> float:
        """How long it has taken."""
        return perf_counter() - self._begun

    def run(self) -> None:
        """Give everybody its turn; then search, and search anew whenever something races that was no point."""
        self.fault, self.overtaken = self._stage.fairly()
        while not self._searched():
            pass
        if self.fault is not None and self.fault.kind == "livelock":
            self.fault = self._stage.sooner(self.fault)
        if self.fault is None and self._race is not None:
            self.fault, _, self.points = self._race  # a schedule means something only with the points it was made with

    def _searched(self) -> bool:
        """Search once; whether that was all."""
        self.points = self._stage.scheduler.racy = self.racy
        self.tally, self.search = _Tally(self._how), self._how.search(self._stage.execute)
        for run in self.search if self.fault is None else ():
            self._look_at(run)
            if self._enough():
                break
        if self.search.strayed is not None:
            step, before, now = self.search.strayed
            self.strayed = f"after {step} steps, at first: {before}; then: {now}"
        return bool(self.strayed) or self.fault is not None or self._spent or self.racy <= self.points

    def _look_at(self, run: Run) -> None:
        """Count and judge the run that was just made."""
        self.runs += 1
        self.cut += run.cut
        outcome = self._stage.outcome
        if self.runs % 100 == 0:
            self._tell(self.runs, self.search.estimate())
        if not run.cut:
            if self.tally.traces == 0:
                self.strayed = self._stage.again(outcome)
                if self.strayed:
                    return
            self.tally.add(run)
        if run.spun & run.waiting.keys():
            self.fault = self._stage.goes_round(run)
        elif not run.cut or run.endless:
            self.fault = self.judge.fault(outcome)
        if self._race is None and (race := raced(run)) is not None:
            self._race = race, self.runs, self.points
        self.racy |= run.drawn.union(each.cell for each in run.races)
        self._endless |= run.endless
        self._spun |= bool(run.spun)

    def _enough(self) -> bool:
        """Whether to go no further in this search."""
        # A race that does harm says more than one that might, so harm is looked for, for a while.
        if self.strayed or self.fault is not None or not self.racy <= self.points:
            return True
        without_harm = 0 if self._race is None else self.runs - self._race[1]
        self._spent = self.seconds > self._most_seconds or without_harm > _RUNS_FOR_HARM
        return self._spent

    def says(self) -> _Says:
        """What may be said, now that it is over."""
        how, search, scheduler = self._how, self.search, self._stage.scheduler
        if self.strayed:
            return _Says(Verdict.UNREPEATABLE)
        if self.fault is not None:
            return _Says(Verdict.FAILED)
        if how.draws:
            return _Says(Verdict.SAMPLED, f"{self.runs:,}")
        if self._spent:
            return _Says(Verdict.BOUNDED, f"{self.runs:,} runs")
        if isinstance(search, Naive) and search.bitten:
            return _Says(Verdict.BOUNDED, f"{how.preemptions} preemption{'s'[how.preemptions == 1 :]}")
        if self._endless:
            return _Says(Verdict.BOUNDED, f"{scheduler.most_steps} steps")
        if self._spun:
            return _Says(Verdict.BOUNDED, f"{scheduler.most_tries} tries")
        # From here on no run that can differ was left out.
        if not self._stage.watched:
            return _Says(Verdict.BOUNDED, "no cells watched", True)
        if self.judge.gave_up:
            return _Says(Verdict.BOUNDED, f"{MOST_ORDERS:,} orders of stamps", True)
        return _Says(Verdict.VERIFIED, exhausted=True)


class _Stage:
    """A scenario on an engine, under a scheduler, to be run as often as one likes."""

    def __init__(self, make: Factory, scenario: Scenario, back_end: str) -> None:
        self.scheduler = Scheduler(len(scenario.scripts), back_end)
        self.scheduler.numbers_matter = False  # each run is judged in every order of the stamps that it allows
        self.program = Program(make, scenario, self.scheduler)
        self._outcome: Outcome | None = None

    def execute(self, choose: Choose) -> Run:
        """Run it once, and keep its outcome."""
        self._outcome = self.program.execute(choose)
        return self._outcome.run

    @property
    def outcome(self) -> Outcome:
        """Of the last run."""
        assert self._outcome is not None
        return self._outcome

    @property
    def watched(self) -> bool:
        """Whether the last run would have shown its data races."""
        return self.program.watched

    def fairly(self) -> tuple[Fault | None, int]:
        """Give everybody its turn: what is wrong with that, and how often one thread overtook another one, at most.

        Where threads try, or look, in vain, who has how many steps at a time makes a difference: a few are tried.
        """
        longest = overtaken(self._spin(RoundRobin()))
        fault = starving(self.outcome.run)
        for steps in range(1, _MOST_AT_A_TIME + 1):
            run = self.outcome.run if steps == 1 else self._spin(RoundRobin(steps))
            stuck = standstill(run)
            if fault is None and stuck is not None and stuck.kind == "livelock":
                fault = Fault(*stuck, run.schedule)
            if fault is not None or not any(event.action.kind in (*VAIN, "look") for event in run.events):
                break
        return fault, 0 if longest is None else longest.times

    def sooner(self, livelock: Fault) -> Fault:
        """The same livelock by giving everybody its turn as soon as may be."""
        for steps in range(min(len(livelock.schedule), _LONGEST_WAY_IN)):
            schedule = livelock.schedule[:steps]
            sooner = self._goes_round(schedule)
            if sooner is not None:
                return sooner
        return livelock

    def goes_round(self, run: Run) -> Fault | None:
        """Whether threads that were made to wait for what they tried would try for ever, when all have their turn."""
        return self._goes_round(run.schedule)

    def _goes_round(self, schedule: Sequence[int]) -> Fault | None:
        stuck = standstill(self._spin(_Following(schedule)))
        return Fault(*stuck, tuple(schedule)) if stuck is not None and stuck.kind == "livelock" else None

    def _spin(self, choose: Choose) -> Run:
        """Run it once, and let everybody try as often as it likes."""
        scheduler = self.scheduler
        most, scheduler.most_tries = scheduler.most_tries, scheduler.most_steps
        try:
            return self.execute(choose)
        finally:
            scheduler.most_tries = most

    def again(self, first: Outcome) -> str:
        """Run the same schedule a second time; what differs first, or nothing."""
        following = _Following(first.run.schedule)
        return _differs(first, self.program.execute(following))


@contextmanager
def _stage(make: Factory, scenario: Scenario, back_end: str) -> Iterator[_Stage]:
    stage = _Stage(make, scenario, back_end)
    try:
        yield stage
    finally:
        stage.scheduler.close()


def _differs(one: Outcome, other: Outcome) -> str:
    """Where two runs of one schedule part, as a sentence."""
    mine = [*map(_step_told, one.run.events), *map(_waits_told, sorted(one.run.waiting.items()))]
    theirs = [*map(_step_told, other.run.events), *map(_waits_told, sorted(other.run.waiting.items()))]
    for at, (first, second) in enumerate(zip_longest(mine, theirs, fillvalue="nobody does anything")):
        if first != second:
            return f"step {at + 1}, at first: {first}; then: {second}"
    for told, again in zip(one.told, other.told, strict=True):
        if told != again:
            who = f"thread {letter(told.client)} was told, at first: "
            return f"{who}{plainly(*told.answer.events)}; then: {plainly(*again.answer.events)}"
    if _raised(one.run) != _raised(other.run):
        return f"at first: {_raised(one.run) or 'nothing raised'}; then: {_raised(other.run) or 'nothing raised'}"
    if (one.history and (one.history.final, one.history.accounts)) != (
        other.history and (other.history.final, other.history.accounts)
    ):
        return "the books at the end differ"
    return ""


def _step_told(event: Event) -> str:
    return f"{letter(event.thread)} {event.action.kind}s {event.action.place}"


def _waits_told(waiting: tuple[int, Action]) -> str:
    return f"{letter(waiting[0])} waits for {waiting[1].place}"


def _raised(run: Run) -> str:
    return "; ".join(f"{letter(thread)} raised {error!r}" for thread, error in sorted(run.errors.items()))


Heard = list[tuple[int, str]]
"""What happened, in order: the thread, and what it did."""


def replayed(
    make: Factory, replay: Replay, recorder: Recorder | None = None, back_end: str = THREADS
) -> tuple[Outcome, Fault | None, Heard]:
    """Run one schedule again, and hear what every thread does. After its last step everybody has its turn.

    Raises ValueError when the schedule asks for a thread that cannot go on.
    """
    scheduler = Scheduler(len(replay.scenario.scripts), back_end)
    scheduler.numbers_matter = False
    scheduler.racy = replay.points
    scheduler.most_tries = scheduler.most_steps
    program = Program(make, replay.scenario, scheduler)
    program.recorder = recorder
    heard: Heard = []
    scheduler.tell = program.tell = lambda thread, what: heard.append((thread, what))
    try:
        following = _Following(replay.schedule)
        outcome = program.execute(following)
    finally:
        scheduler.close()
    if outcome.run.cut and not outcome.run.endless:
        thread = letter(replay.schedule[following.done - 1])
        raise ValueError(f"thread {thread} cannot make step {following.done}")
    fault = Judge().fault(outcome) or raced(outcome.run)
    if fault is None and not replay.schedule:  # only then everybody had its turn from the beginning
        fault = starving(outcome.run)
    if fault is not None and fault.kind in FAIR:
        fault = fault._replace(schedule=replay.schedule)
    return outcome, fault and fault._replace(lines=lines(outcome.run)), heard


class _Following:
    """Chooses as a schedule says."""

    def __init__(self, schedule: Sequence[int]) -> None:
        self._schedule = schedule
        self._turns = RoundRobin()
        self.done = 0

    def __call__(self, wanted: Mapping[int, Action], able: frozenset[int]) -> int | None:
        self.done += 1
        if self.done > len(self._schedule):
            return self._turns(wanted, able)
        chosen = self._schedule[self.done - 1]
        return chosen if chosen in able else None
