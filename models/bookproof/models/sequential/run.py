"""The sequential part of `bookproof verify`: as many cases as the budget allows, feature by feature and all together.

Case K of a seed is always the same case, whatever the budget and the machine: K says which features and which venue,
and the seed and K together say the rest. So a run that found something needs to keep nothing but two numbers.
"""

from __future__ import annotations

import random
import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from time import perf_counter
from typing import Any

from bookproof.models.engines_by_name import MakeEngine, factory
from bookproof.models.generate.case import Case
from bookproof.models.generate.features import ALL_TOGETHER, SWARM, a_few
from bookproof.models.generate.soak import soak_case
from bookproof.models.generate.venues import VENUES, venue_named
from bookproof.models.report.program import as_comparison, as_test, snake_case
from bookproof.models.sequential.differential import Difference, Kind, compare, shrink
from bookproof.models.verdict import Disagreement, Result, Verdict
from bookproof.spec.profile import Profile
from bookproof.spec.rulebook import RULES, listening

PART = "sequential"

A_FEW = "a few at once"
"""A run with two to four features, other ones in every case: deeper than all together, wider than one at a time."""

RUNS: tuple[str, ...] = (*SWARM, A_FEW)
"""Every run by name."""

ROUND: tuple[str, ...] = (*SWARM, *[A_FEW] * 4)
"""The runs of one case each that make a round; the rounds go through the venues in turn."""

LEAST_ROUNDS = len(VENUES)
"""Done whatever the budget, unless an engine hangs: each run in each venue once."""

INVARIANTS_EVERY = 4
"""In one round of so many the oracle is held to its own invariants, which costs as much as all the rest."""

DECISION_RULES = tuple(rule.number for rule in RULES.values() if rule.shown_by == "decision")
"""What a run can reach: the rules that the oracle decides by."""

Progress = Callable[[float, str], None]


def numbered_case(seed: int, number: int, venues: Sequence[Profile] = tuple(VENUES.values())) -> tuple[str, Case]:
    """The run that a case belongs to, and the case; the rounds go through these venues in turn.

    >>> numbered_case(seed=1, number=0)[0], numbered_case(seed=1, number=1)[0]
    ('limit', 'market')
    """
    round_number, at = divmod(number, len(ROUND))
    name = ROUND[at]
    profile = venues[round_number % len(venues)]
    features = SWARM[name] if name in SWARM else a_few(random.Random(f"features {seed} {number}"))
    return name, soak_case(seed, number, features, profile)


def run_sequential(
    engine: str | MakeEngine = "striped",
    *,
    budget_seconds: float,
    seed: int,
    progress: Progress | None = None,
    case: int | None = None,
    patience: float | None = None,
    profile: str | None = None,
) -> list[Result]:
    """Judge an engine, by its name or by what makes it, for about so many seconds.

    One result for each run of the swarm, in every venue, or under the one profile that is named (`venue_named`). A run
    ends at its first disagreement, which is shrunk; the others go on. With `case`, that one case and nothing else.
    `progress` is told the share done, from 0 to 1, and what is going on. An engine that does not answer for `patience`
    seconds hangs.

    >>> [result] = run_sequential("global-lock", budget_seconds=0, seed=1, case=3)
    >>> result.check, result.verdict.value, result.worth["sequences"]
    ('fok', 'agree', 1)
    """
    make = factory(engine) if isinstance(engine, str) else engine
    venues = tuple(VENUES.values()) if profile is None else (venue_named(profile).profile,)
    tallies = {name: _Tally() for name in RUNS}
    started = perf_counter()
    for number in _numbers(case):
        spent = perf_counter() - started
        done = number >= len(venues) * len(ROUND) or any(tally.hung for tally in tallies.values())
        if case is None and done and spent >= budget_seconds:
            break
        name, generated = numbered_case(seed, number, venues)
        thorough = case is not None or (number // len(ROUND)) % INVARIANTS_EVERY == 0
        tally = tallies[name]
        if tally.disagreement is None:
            if progress is not None:
                progress(min(spent / budget_seconds, 1.0) if budget_seconds > 0 else 1.0, f"{name}, case {number}")
            tally.judge(make, engine, generated, patience, _again(engine, seed, number, profile), thorough)
        elif all(other.disagreement is not None for other in tallies.values()):
            break
    if progress is not None:
        progress(1.0, "done")
    return [tally.result(name, tallies, venues) for name, tally in tallies.items() if tally.sequences or case is None]


def _numbers(case: int | None) -> Iterator[int]:
    return count() if case is None else iter((case,))


@dataclass
class _Tally:
    """What one run came to."""

    sequences: int = 0
    commands: int = 0
    seconds: float = 0.0
    rules: Counter[str] = field(default_factory=Counter)
    disagreement: Disagreement | None = None
    hung: bool = False

    def judge(
        self,
        make: MakeEngine,
        engine: str | MakeEngine,
        case: Case,
        patience: float | None,
        run_again: str,
        invariants: bool,
    ) -> None:
        """One more case: views after every command, then once more with views at the end only."""
        started = perf_counter()
        with listening() as seen:
            for late in (False, True):
                difference = compare(
                    make,
                    case.instruments,
                    case.profile,
                    case.commands,
                    late=late,
                    invariants=invariants and not late,
                    patience=patience,
                )
                if difference is not None:
                    break
        self.rules += seen
        self.sequences += 1
        self.commands += len(case.commands)
        if difference is not None:
            self.hung = difference.hangs
            self.disagreement = disagreement(engine, *shrink(make, case, difference, late=late), run_again)
        self.seconds += perf_counter() - started

    def result(self, name: str, tallies: dict[str, _Tally], venues: Sequence[Profile]) -> Result:
        if not self.sequences:
            note = "an engine that hangs had used the budget up"
            return Result(PART, name, Verdict.NOT_RUN, {}, 0.0, note)
        reached = [number for number in DECISION_RULES if self.rules[number]]
        worth: dict[str, int | str] = {
            "sequences": self.sequences,
            "commands": self.commands,
            "rules reached": len(reached),
        }
        verdict = Verdict.AGREE if self.disagreement is None else Verdict.DISAGREE
        note = _coverage(tallies, venues) if name == ALL_TOGETHER else ""
        return Result(PART, name, verdict, worth, self.seconds, note, self.disagreement)


def _coverage(tallies: dict[str, _Tally], venues: Sequence[Profile]) -> str:
    """The decision rules that all runs together reached, and which they never did."""
    total = sum((tally.rules for tally in tallies.values()), Counter[str]())
    never = [number for number in DECISION_RULES if not total[number]]
    told = f"all runs reached {len(DECISION_RULES) - len(never)} of {len(DECISION_RULES)} decision rules"
    told += f", under {f'{len(venues)} profiles' if len(venues) > 1 else venues[0].name}"
    return f"{told}; never: {', '.join(never)}" if never else told


def disagreement(engine: str | Callable[..., Any], case: Case, difference: Difference, run_again: str) -> Disagreement:
    """A difference as every part of `bookproof verify` reports it."""
    expected, got = difference.side_by_side()
    return Disagreement(difference.title, difference.rules, expected, got, program(engine, case, difference), run_again)


def program(engine: str | Callable[..., Any], case: Case, difference: Difference) -> str:
    """The test that shows a difference."""
    about = f"{difference.asked[0]}_after_{snake_case(type(difference.command).__name__)}".replace(
        "submit_after", "answer_to"
    )
    story = f"What the rule book says, by {', '.join(difference.rules) or 'no rule at all'}."
    where = (case.instruments, case.profile, case.commands, engine)
    if difference.kind is Kind.ORACLE:
        name = f"test_oracle_on_{snake_case(type(difference.command).__name__)}"
        return as_comparison(*where, name=name, story=story)
    if difference.asked == ("submit",):
        return as_test(*where, difference.expected, name=f"test_{about}", story=story)
    return as_test(*where, views=[(difference.asked, difference.expected)], name=f"test_{about}", story=story)


def _again(engine: str | MakeEngine, seed: int, number: int, profile: str | None) -> str:
    named = f" --engine {engine}" if isinstance(engine, str) else ""
    named += "" if profile is None else f" --profile {shlex.quote(profile)}"
    return f"bookproof verify --only {PART} --seed {seed} --case {number}{named}"
