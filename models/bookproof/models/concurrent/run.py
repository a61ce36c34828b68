"""The concurrent part of `bookproof verify`: many histories of real threads, each judged against the oracle."""

from __future__ import annotations

import random
import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from bookproof.engine.interface import Engine
from bookproof.models.concurrent.check import Violation, check
from bookproof.models.concurrent.history import History, overlap
from bookproof.models.concurrent.recorder import RunError, record
from bookproof.models.concurrent.seam import OverlappingThreads, TracingThreads
from bookproof.models.concurrent.story import as_test, lines_of, side_by_side
from bookproof.models.engines_by_name import factory
from bookproof.models.generate.features import EVERYTHING, PLAIN, Feature, Features
from bookproof.models.generate.funds import opening_deposits, with_accounts, with_margin
from bookproof.models.generate.packed import BITS, decode, plan_for
from bookproof.models.generate.venues import VENUES, books, fitting, venue_named
from bookproof.models.linearize.conclusion import Verdict as Explained
from bookproof.models.linearize.conflicts import decide
from bookproof.models.linearize.file import write
from bookproof.models.linearize.recorded import by_call, of_recorder
from bookproof.models.verdict import Disagreement, Result, Verdict
from bookproof.spec.commands import Command
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import Profile
from bookproof.spec.rulebook import listening

PART = "concurrent"

ACROSS_BOOKS = PLAIN | {
    Feature.BASKETS,
    Feature.MASS_CANCEL,
    Feature.HALTS,
    Feature.SNAPSHOT,
    Feature.CLOCK,
    Feature.REPLACE,
    Feature.ROUTING,
    Feature.KILL_SWITCH,
    Feature.BREAKER,
}
"""What needs several stripes at once, and what it collides with."""

ON_ACCOUNT = "accounts"
"""The mix in which every venue keeps accounts: few of them, shared by all clients and all books."""

LISTS_ON_ACCOUNT = "lists on account"
"""The same with lists, whose orders are paid for when they are released."""

MIXES: dict[str, Features] = {
    "one book at a time": PLAIN | {Feature.REPLACE, Feature.IOC, Feature.REUSED_IDS},
    "across books": ACROSS_BOOKS,
    "lists across books": PLAIN | {Feature.LISTS, Feature.IOC, Feature.BASKETS, Feature.REUSED_IDS},
    "everything": EVERYTHING - {Feature.BAD_INPUT, Feature.LIMITS, Feature.SPREADS},
    ON_ACCOUNT: PLAIN
    | {Feature.ACCOUNTS, Feature.MARGIN, Feature.REPLACE, Feature.IOC, Feature.MARKET, Feature.BASKETS},
    LISTS_ON_ACCOUNT: PLAIN | {Feature.ACCOUNTS, Feature.LISTS, Feature.IOC, Feature.BASKETS},
    "explained by clauses": PLAIN
    | {Feature.IOC, Feature.FOK, Feature.MIN_QUANTITY, Feature.POST_ONLY, Feature.ICEBERG, Feature.HIDDEN}
    | {Feature.BASKETS, Feature.MASS_CANCEL},
    "spreads": PLAIN | {Feature.SPREADS, Feature.REPLACE, Feature.STOPS, Feature.FOK},
}
"""The mixes of commands that the histories go through in turn."""

CLIENTS = 6
LENGTH = 400
"""Commands of a history, over all clients."""

CUTS = 0.05
"""In every second history a thread gives way at this share of its function calls as well."""

LEAST = 2 * len(MIXES)
"""Histories recorded whatever the budget: each mix with cuts and without."""

_TRIES = 12
"""How often a smaller scenario is run before it counts as harmless: threads are not obedient."""

_STEPS = 20_000
"""Operations that may be tried to put a history in order without its stamps."""

_SHRINKING_SECONDS = 20.0

Progress = Callable[[float, str], None]


class Scenario(NamedTuple):
    """What one history is recorded from. Case K of a seed is always the same scenario."""

    mix: str
    profile: Profile
    commands: tuple[tuple[int, Command], ...]
    """Who does what, in the order in which each client has it."""
    cuts: float

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """The books of the mix."""
        return books(MIXES[self.mix])

    @property
    def scripts(self) -> list[list[Command]]:
        """The commands of each client that has any."""
        clients = sorted({client for client, _ in self.commands})
        return [[command for who, command in self.commands if who == client] for client in clients]


def numbered_scenario(seed: int, number: int) -> Scenario:
    """Case `number` of a seed.

    >>> [numbered_scenario(1, number).mix for number in range(3)]
    ['one book at a time', 'across books', 'lists across books']
    """
    mix = list(MIXES)[number % len(MIXES)]
    listed = books(MIXES[mix])
    turn = number // len(MIXES)
    venues = list(VENUES.values())
    dice = random.Random(f"concurrent {seed} {number}")
    codes = [dice.getrandbits(BITS) for _ in range(LENGTH)]
    commands = decode(codes, plan_for(MIXES[mix], listed))
    dealt = tuple((dice.randrange(CLIENTS), command) for command in commands)
    if {Feature.SPREADS, Feature.ROUTING} & MIXES[mix]:  # not every venue lists them
        venues = [venue for venue in venues if fitting(MIXES[mix], venue) == MIXES[mix]]
    profile = venues[turn // 2 % len(venues)]
    if mix in (ON_ACCOUNT, LISTS_ON_ACCOUNT):
        profile = with_margin(profile) if mix == ON_ACCOUNT and turn % 4 > 1 else with_accounts(profile)
    funds = tuple((0, deposit) for deposit in opening_deposits(listed, profile))
    return Scenario(mix, profile, funds + dealt, CUTS if turn % 2 else 0.0)


def run_concurrent(
    engine: str = "striped",
    *,
    budget_seconds: float,
    seed: int,
    progress: Progress | None = None,
    case: int | None = None,
    save_to: Path | None = None,
    profile: str | None = None,
) -> list[Result]:
    """Record and judge histories for about so many seconds: one result for each mix.

    The histories go through all venues, or keep to the profile that is named (`venue_named`). Ends at the first
    disagreement, which is then shrunk. With `case`, that one scenario, up to fifty times over because threads are not
    obedient. With `save_to`, every history is written into that folder.

    >>> [result] = run_concurrent("striped", budget_seconds=0, seed=1, case=1)
    >>> result.check, result.verdict.value
    ('across books', 'agree')
    """
    tallies = {mix: _Tally() for mix in MIXES}
    started = perf_counter()
    number = 0
    while case is None or number < 50:
        spent = perf_counter() - started
        if case is None and number >= LEAST and spent >= budget_seconds:
            break
        chosen = number if case is None else case
        scenario = numbered_scenario(seed, chosen)
        if profile is not None:
            scenario = scenario._replace(profile=venue_named(profile).profile)
        if progress is not None:
            progress(min(spent / budget_seconds, 1.0) if budget_seconds > 0 else 1.0, f"{scenario.mix}, case {chosen}")
        tally = tallies[scenario.mix]
        before = perf_counter()
        finding = _judge(engine, scenario, number, tally, save_to)
        if finding is not None:
            smaller, finding = _shrunk(engine, scenario, finding)
            again = f"bookproof verify --only concurrent --seed {seed} --case {chosen}"
            again += "" if engine == "striped" else f" --engine {engine}"
            again += "" if profile is None else f" --profile {shlex.quote(profile)}"
            tally.disagreement = finding.told(engine, smaller, again)
        tally.seconds += perf_counter() - before
        if finding is not None:
            break
        number += 1
    if progress is not None:
        progress(1.0, "done")
    return [tally.result(mix) for mix, tally in tallies.items() if tally.histories or case is None]


class _Finding(NamedTuple):
    """A history that the stamps do not explain, or a run that did not come to its end."""

    violation: Violation | None
    history: History | None
    error: RunError | None

    @property
    def kind(self) -> str:
        return self.violation.kind if self.violation is not None else "run"

    def told(self, engine: str, scenario: Scenario, run_again: str) -> Disagreement:
        program = as_test(engine, scenario.instruments, scenario.profile, scenario.scripts, scenario.cuts)
        if self.violation is None or self.history is None:
            assert self.error is not None
            return Disagreement(
                str(self.error), (), "every operation returns", str(self.error.command), program, run_again
            )
        violation = self.violation
        title = f"{violation.story}\n{side_by_side(self.history, violation)}"
        got = lines_of(violation.operation.answer.events) if violation.operation is not None else violation.story
        expected = lines_of(violation.expected) if violation.expected else violation.kind
        return Disagreement(title, violation.rules, expected, got, program, run_again)


class _Tally:
    """What the histories of one mix came to."""

    def __init__(self) -> None:
        self.histories = 0
        self.operations = 0
        self.overlapped = 0
        self.in_same_book = 0
        self.seconds = 0.0
        self.rules: Counter[str] = Counter()
        self.without_stamps = 0
        self.disagreement: Disagreement | None = None

    def count(self, history: History) -> None:
        counted = overlap(history.operations)
        self.histories += 1
        self.operations += counted.operations
        self.overlapped += counted.overlapped
        self.in_same_book += counted.in_same_book

    def result(self, mix: str) -> Result:
        share = 100 * self.in_same_book // max(1, self.operations)
        worth: dict[str, int | str] = {
            "histories": self.histories,
            "operations": self.operations,
            "overlapped": self.overlapped,
            "overlapped in the same book": self.in_same_book,
            "explained without stamps": self.without_stamps,
            "rules": len(self.rules),
        }
        if self.disagreement is not None:
            verdict = Verdict.DISAGREE
        else:
            verdict = Verdict.AGREE if self.histories else Verdict.NOT_RUN
        note = f"{share} % overlapped in the same book" if self.operations else "no history was completed"
        if self.without_stamps:
            note += f", {self.without_stamps} explained without stamps as well"
        return Result(PART, mix, verdict, worth, self.seconds, note, self.disagreement)


def _judge(
    engine: str, scenario: Scenario, number: int, tally: _Tally | None = None, save_to: Path | None = None
) -> _Finding | None:
    make = factory(engine)

    def built(sync: OverlappingThreads) -> Engine:
        return make(scenario.instruments, scenario.profile, sync=sync)

    try:
        history = record(
            built,
            scenario.instruments,
            scenario.profile,
            scenario.scripts,
            cuts=scenario.cuts,
            seed=number,
            patience=10.0,
            seam=TracingThreads(),
        )
    except RunError as error:
        return _Finding(None, None, error)
    recorded = of_recorder(history)
    if save_to is not None:
        write(recorded, save_to / f"history-{number:05}.ndjson")
    with listening() as rules:
        violation = check(history)
    if violation is None:
        unstamped = decide(recorded, steps=_STEPS)
        if unstamped.verdict is Explained.NOT_LINEARIZABLE:  # then one of the two checks is wrong
            story = "the stamps explain it, and clauses have a proof that no order does: "
            story += "; ".join(reason.told({}) for reason in unstamped.proof[-3:])
            operation = by_call(history)[unstamped.core[0]] if unstamped.core else None
            violation = Violation("clauses", story, operation, (), len(history.operations) - 1)
        elif tally is not None and unstamped.verdict is Explained.LINEARIZABLE:
            tally.without_stamps += 1
    if tally is not None:
        tally.count(history)
        tally.rules.update(rules)
    return None if violation is None else _Finding(violation, history, None)


def _shrunk(engine: str, scenario: Scenario, finding: _Finding) -> tuple[Scenario, _Finding]:
    """Fewer commands that still go wrong in some run: the shortest scenario found in the time there is."""
    deadline = perf_counter() + _SHRINKING_SECONDS

    def goes_wrong(commands: Sequence[tuple[int, Command]]) -> _Finding | None:
        candidate = scenario._replace(commands=tuple(commands))
        for attempt in range(_TRIES):
            if perf_counter() > deadline:
                return None
            found = _judge(engine, candidate._replace(cuts=CUTS * (1 + attempt % 4)), attempt)
            if found is not None:
                return found
        return None

    commands = list(scenario.commands)
    if finding.violation is not None:  # what comes much later than the violation has no part in it
        commands = commands[: max(2 * finding.violation.position, 8)]
        shorter = goes_wrong(commands)
        if shorter is None:
            commands = list(scenario.commands)
        else:
            finding = shorter
    size = max(1, len(commands) // 2)
    while perf_counter() < deadline:
        at, before = 0, len(commands)
        while at < len(commands) and perf_counter() < deadline:
            candidate = commands[:at] + commands[at + size :]
            found = goes_wrong(candidate) if candidate else None
            if found is None:
                at += size
            else:
                commands, finding = candidate, found
        if size == 1 and len(commands) == before:
            break
        size = max(1, size // 2)
    return scenario._replace(commands=tuple(commands), cuts=CUTS * 2), finding
