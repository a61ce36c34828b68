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

from bookproof.models.concurrent.check import Violation
from bookproof.models.engines_by_name import Factory
from bookproof.models.interleaving.actions import VAIN
from bookproof.models.interleaving.digests import engine_digest, scenario_digest
from bookproof.models.interleaving.program import Outcome, Program
from bookproof.models.interleaving.reorders import MOST_ORDERS, reordered, right_in_all
from bookproof.models.interleaving.sampling import Pct, UniformWalk, Walk
from bookproof.models.interleaving.scenarios import Scenario
from bookproof.models.interleaving.scheduler import Action, Choose, Event, Run, Scheduler
from bookproof.models.interleaving.search import Execute, Naive, Reduced, Search
from bookproof.models.interleaving.stuck import RoundRobin, lines, overtaken, standstill, starved
from bookproof.models.interleaving.token import Replay, without
from bookproof.models.interleaving.trace import Recorder
from bookproof.models.interleaving.traces import linearizations, trace_of
from bookproof.models.interleaving.wheels import THREADS
from bookproof.models.interleaving.witness import Witness
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
        started = perf_counter()
        judge = _Judge()
        runs = cut = 0
        fault: Fault | None = None
        race: Fault | None = None
        raced = 0
        raced_at: frozenset[str] = frozenset()
        strayed = ""
        spent = False
        endless = spun = False
        longest = 0
        racy: frozenset[str] = frozenset()
        with _stage(self._make, scenario, self._back_end) as stage:
            while True:
                points = stage.scheduler.racy = racy
                tally = _Tally(how)
                search = how.search(stage.execute)
                if not runs:
                    fault, longest = stage.fairly()
                for run in search if fault is None else ():
                    runs += 1
                    cut += run.cut
                    outcome = stage.outcome
                    if tally.traces == 0 and not run.cut:
                        strayed = stage.again(outcome)
                    if runs % 100 == 0:
                        tell(runs, search.estimate())
                    if strayed:
                        break
                    if not run.cut:
                        tally.add(run)
                    if run.spun & run.waiting.keys():
                        fault = stage.goes_round(run)
                    elif not run.cut or run.endless:
                        fault = judge.fault(outcome)
                    if run.races and race is None:
                        race, raced, raced_at = _raced(run), runs, points
                    racy |= run.drawn.union(each.cell for each in run.races)
                    endless |= run.endless
                    spun |= bool(run.spun)
                    # A race that does harm says more than one that might, so harm is looked for, for a while.
                    if fault is not None or not racy <= points:
                        break
                    if perf_counter() - started > seconds or (race is not None and runs - raced > _RUNS_FOR_HARM):
                        spent = True
                        break
                if search.strayed is not None:
                    step, before, now = search.strayed
                    strayed = f"after {step} steps, at first: {before}; then: {now}"
                if strayed or fault is not None or spent or racy <= points:
                    break
            watched = stage.watched
            if fault is not None and fault.kind == "livelock":
                fault = stage.sooner(fault)
        if fault is None and race is not None:
            fault, points = race, raced_at  # a schedule means something only with the points that it was made with
        verdict, limit, bitten = Verdict.VERIFIED, "", False
        if strayed:
            verdict = Verdict.UNREPEATABLE
        elif fault is not None:
            verdict = Verdict.FAILED
        elif how.draws:
            verdict, limit = Verdict.SAMPLED, f"{runs:,}"
        elif spent:
            verdict, limit = Verdict.BOUNDED, f"{runs:,} runs"
        elif isinstance(search, Naive) and search.bitten:
            verdict, limit, bitten = Verdict.BOUNDED, f"{how.preemptions} preemption{'s'[how.preemptions == 1 :]}", True
        elif endless or spun:
            limit = f"{stage.scheduler.most_steps} steps" if endless else f"{stage.scheduler.most_tries} tries"
            verdict, bitten = Verdict.BOUNDED, True
        elif not watched:
            verdict, limit = Verdict.BOUNDED, "no cells watched"
        elif judge.gave_up:
            verdict, limit = Verdict.BOUNDED, f"{MOST_ORDERS:,} orders of stamps"
        exhausted = not (spent or strayed or how.draws or bitten or fault)
        return Certificate(
            verdict,
            scenario,
            runs,
            cut,
            len(judge.outcomes),
            tuple(sorted(points)),
            perf_counter() - started,
            None if strayed else fault,
            how=how,
            races=tuple(sorted(racy)),
            traces=tally.traces,
            schedules=tally.schedules,
            counted=exhausted and tally.exact,
            expected=search.estimate(),
            limit=limit,
            strayed=strayed,
            overtaken=longest,
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
        best, judge = certificate.fault, _Judge()
        assert best is not None
        with _stage(self._make, certificate.scenario, self._back_end) as stage:
            points = stage.scheduler.racy = frozenset((*certificate.points, *certificate.races))
            most = 0 if best.kind in _FAIR else switches(best.schedule) + (points != frozenset(certificate.points))
            for allowed in range(most):
                for tried, run in enumerate(Naive(stage.execute, allowed)):
                    fault = None if run.cut else judge.fault(stage.outcome) or _raced(run)
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
        fault = _starved(self.outcome.run)
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


class _Judge:
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


_FAIR = ("livelock", "starvation")
"""Faults of fair runs: their schedule is what comes before everybody has its turn, one after the other."""


def _starved(run: Run) -> Fault | None:
    stuck = starved(run)
    return None if stuck is None else Fault(*stuck, ())


def _raced(run: Run) -> Fault | None:
    for race in run.races:
        one, other = (letter(thread) for thread in race.threads)
        story = f"threads {one} and {other} touch {race.cell}, and no lock puts them in order"
        if one == other:
            story = f"thread {one} leaves {race.cell}, which nobody holds"
        return Fault("race", story, run.schedule)
    return None


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
    fault = _Judge().fault(outcome) or _raced(outcome.run)
    if fault is None and not replay.schedule:  # only then everybody had its turn from the beginning
        fault = _starved(outcome.run)
    if fault is not None and fault.kind in _FAIR:
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
