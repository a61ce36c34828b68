"""Holding an engine to the rule book: feature by feature, then all that it has together.

Scenario K of a run is always the same for the same seed, whatever the budget and the machine, so a finding needs to
keep nothing but the run's name and two numbers. A run ends at its first divergence, which is made as short as can be;
the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from time import perf_counter
from typing import NamedTuple

from bookproof.models.conform.at_once import HISTORIES, SESSIONS, THREADS, at_once, lacks_clients, script
from bookproof.models.conform.capabilities import Capabilities
from bookproof.models.conform.divergence import Divergence, Kind
from bookproof.models.conform.judge import diverges
from bookproof.models.conform.scenarios import USUAL, Conventions, Scenario, covered, lacks, scenario
from bookproof.models.conform.shorter import shrink
from bookproof.models.conform.subject import PATIENCE, Subject
from bookproof.models.conform.variants import Variant
from bookproof.models.generate.features import Feature
from bookproof.spec.input_error import InputError
from bookproof.spec.profile import DEFAULT, Profile

SCENARIOS = 200
"""In each run, unless told otherwise: every defect that engines were found to have shows in far fewer."""

Progress = Callable[[float, str], None]


class Request(NamedTuple):
    """What is to be checked."""

    runs: tuple[str, ...] = ()
    """Features by name, or `all together`; empty for all that the engine has."""
    scenarios: int = SCENARIOS
    """In each run."""
    seed: int = 1
    case: int | None = None
    """This scenario of each run, and no other."""
    budget_seconds: float | None = None
    """For all runs; those that it does not reach are named."""
    profile: Profile = DEFAULT
    profile_named: str = ""
    """The words that say so on a command line."""
    conventions: Conventions = USUAL
    """Habits beside the profile."""
    ignore: tuple[Kind, ...] = ()
    patience: float = PATIENCE


class Finding(NamedTuple):
    """One divergence, as short as it could be made."""

    divergence: Divergence
    scenario: Scenario
    number: int
    """Which scenario of its run it was found in."""
    note: str = ""
    """What else there is to know of it."""
    test: str = ""
    """The test to paste, where it is none of a single sequence."""


class Outcome(NamedTuple):
    """What became of one run."""

    run: str
    scenarios: int
    commands: int
    seconds: float
    finding: Finding | None = None
    not_run: str = ""
    """Why the run did not take place, or not to its end."""
    overlapped: int = 0
    """Of many clients at once: operations that were under way at the same time as another."""


class Report(NamedTuple):
    """Everything that is known of an engine in the end."""

    named: tuple[str, ...]
    capabilities: Capabilities
    request: Request
    outcomes: tuple[Outcome, ...]
    not_covered: tuple[tuple[str, str], ...]
    """Features that the engine lacks, each with what it lacks."""
    lost: str = ""
    """Why the engine could not be asked any more."""
    variants: tuple[Variant, ...] = ()
    """The conventions that it was found to follow."""

    @property
    def findings(self) -> list[tuple[Outcome, Finding]]:
        """Every divergence with its run."""
        return [(outcome, outcome.finding) for outcome in self.outcomes if outcome.finding is not None]

    @property
    def exit_code(self) -> int:
        """0 it conforms, 1 it diverges, 2 it could not be asked, 3 nothing diverges but not every run took place."""
        if self.findings:
            return 1
        if self.lost:
            return 2
        return 3 if any(outcome.not_run for outcome in self.outcomes) else 0


ALL = Request()
"""Everything that an engine has, by the rule book's defaults."""


def check(subject: Subject, request: Request = ALL, progress: Progress | None = None) -> Report:
    """Hold an engine to the rule book. InputError for a run that it cannot have.

    >>> from bookproof.models.conform.ways import engine
    >>> with engine("--engine", "global-lock") as subject:
    ...     report = check(subject, Request(("limit", "iceberg"), scenarios=3))
    >>> [(outcome.run, outcome.scenarios, outcome.finding) for outcome in report.outcomes], report.exit_code
    ([('limit', 3, None), ('iceberg', 3, None)], 0)
    """
    has = subject.capabilities
    runs = request.runs or runs_of(subject)
    known_to(subject, runs)
    started = perf_counter()
    outcomes: list[Outcome] = []
    lost = ""
    for place, run in enumerate(runs):
        left = None if request.budget_seconds is None else request.budget_seconds - (perf_counter() - started)
        if lost or (left is not None and left <= 0):
            outcomes.append(Outcome(run, 0, 0, 0.0, not_run=lost or "the budget was spent"))
            continue
        share = None if left is None else left / (len(runs) - place)

        def tell(done: float, what: str, place: int = place) -> None:
            if progress is not None:
                progress((place + done) / len(runs), what)

        outcome, lost = (_at_once if run in AT_ONCE else _run)(subject, run, request, share, tell)
        outcomes.append(outcome)
    if progress is not None:
        progress(1.0, "done")
    not_covered = [(feature.value, why) for feature in Feature if (why := lacks(feature, has))]
    not_covered += [(run, why) for run in AT_ONCE if (why := lacks_clients(run, subject))]
    return Report(subject.named, has, request, tuple(outcomes), tuple(not_covered), lost)


AT_ONCE = (THREADS, SESSIONS)
"""The runs with many clients at once."""


def runs_of(subject: Subject) -> tuple[str, ...]:
    """Every run that an engine can have: its features, all of them together, and many clients at once."""
    return (*covered(subject.capabilities), *(run for run in AT_ONCE if not lacks_clients(run, subject)))


def known_to(subject: Subject, runs: Iterable[str]) -> None:
    """InputError for a run that this engine cannot have."""
    has = runs_of(subject)
    for run in runs:
        if run not in has:
            raise InputError("options", 0, "--feature", f"one that this engine has: {', '.join(has)}", repr(run))


def _at_once(
    subject: Subject, run: str, request: Request, budget_seconds: float | None, tell: Progress
) -> tuple[Outcome, str]:
    """Many clients at once, again and again: a history that is told again is another one."""
    started = perf_counter()
    histories = commands = overlapped = 0
    numbers = range(min(HISTORIES, request.scenarios)) if request.case is None else (request.case,)
    not_known = ""
    for number in numbers:
        if budget_seconds is not None and perf_counter() - started > budget_seconds and histories:
            not_known = f"the budget was spent after {histories} of {len(numbers)} histories"
            break
        tell(histories / max(1, len(numbers)), f"{run}, history {number}")
        one = script(request.seed, number, subject.capabilities, request.profile)
        try:
            found, test, unknown, together = at_once(subject, run, one, patience=request.patience)
        except InputError as error:
            seconds = perf_counter() - started
            return Outcome(run, histories, commands, seconds, not_run=str(error)), str(error)
        histories += 1
        commands += len(one.case.commands)
        overlapped += together
        not_known = not_known or unknown
        if found is not None and found.kind not in request.ignore:
            finding = Finding(found, Scenario(one.case), number, BY_THREADS, test)
            return Outcome(run, histories, commands, perf_counter() - started, finding, "", overlapped), ""
    return Outcome(run, histories, commands, perf_counter() - started, None, not_known, overlapped), ""


BY_THREADS = "threads are not obedient: it may take more than one try to see it again"


def _run(
    subject: Subject, run: str, request: Request, budget_seconds: float | None, tell: Progress
) -> tuple[Outcome, str]:
    """One run, and why the engine was lost in it if it was."""
    started = perf_counter()
    scenarios = commands = 0
    for number in _numbers(request):
        if budget_seconds is not None and perf_counter() - started > budget_seconds and scenarios:
            short = f"the budget was spent after {scenarios} of {request.scenarios} scenarios"
            return Outcome(run, scenarios, commands, perf_counter() - started, not_run=short), ""
        tell(scenarios / max(1, request.scenarios), f"{run}, scenario {number}")
        drawn = scenario(request.seed, run, number, subject.capabilities, request.profile)
        one = drawn._replace(conventions=request.conventions)
        try:
            found = diverges(subject, one, ignore=request.ignore, patience=request.patience)
            scenarios += 1
            commands += len(one.case.commands)
            finding = None if found is None else _finding(subject, one, found, number, request, tell)
        except InputError as error:
            return Outcome(run, scenarios, commands, perf_counter() - started, not_run=str(error)), str(error)
        if finding is not None:
            return Outcome(run, scenarios, commands, perf_counter() - started, finding), ""
    return Outcome(run, scenarios, commands, perf_counter() - started), ""


def _numbers(request: Request) -> Iterator[int]:
    return iter(range(request.scenarios)) if request.case is None else iter((request.case,))


LEFT_BEHIND = 20
"""How often a scenario is played in a new process until it is believed that it does not diverge any more."""

ALONE = "it shows only after other scenarios in the same process: `open` leaves something behind"
ONCE = "the engine did not do it again: it does not always do the same"


def _finding(
    subject: Subject, one: Scenario, found: Divergence, number: int, request: Request, tell: Progress
) -> Finding:
    """As short as can be, and seen again in a new process. What was found is kept whatever happens meanwhile."""
    tell(0.0, f"making a shorter scenario of {len(one.case.commands)} commands")
    as_found = one._replace(case=one.case._replace(commands=one.case.commands[: found.step + 1]))
    try:
        shortest, best = shrink(subject, one, found, ignore=request.ignore)
        subject.renew()
        for attempt in range(LEFT_BEHIND):
            again = diverges(subject, shortest, ignore=request.ignore, patience=request.patience)
            if again is not None and again.kind is best.kind:
                return Finding(again, shortest, number, ALONE if attempt else "")
        return Finding(found, as_found, number, ONCE)
    except InputError as error:
        return Finding(found, as_found, number, f"it could not be made shorter: {error}")
