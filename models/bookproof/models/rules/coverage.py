"""Which rules, and which pairs of rules within one command, the generators reach; and whether any meet that cannot.

Case K is always the same case: three of four are dense ones (`generate.dense`), the fourth is a case of the soak
generator, which goes through every feature and every venue. Then come the cases that were hunted for and kept (`kept`).
A run without a budget goes on until every rule and pair that can be reached has been, so it is the same run on every
machine, and it ends at MOST generated cases whatever is missing.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from time import perf_counter
from typing import Any, NamedTuple

from bookproof.models.generate.case import Case
from bookproof.models.generate.dense import dense_case
from bookproof.models.generate.features import EVERYTHING, PLAIN, Feature, Features, a_few
from bookproof.models.generate.shrinking import shrink_case
from bookproof.models.rules.kept import kept_cases
from bookproof.models.rules.occasions import PLACED, in_order, pairs, why_not
from bookproof.models.sequential.run import DECISION_RULES, numbered_case
from bookproof.spec import exchange
from bookproof.spec.commands import Command
from bookproof.spec.profile import Profile
from bookproof.spec.rulebook import listening

SEED = 1
LEAST, MOST = 8_000, 60_000
"""Cases of a run without a budget: at least, so that the counts mean something, and at most."""

TOLD = 12
"""So many sets of rules that cannot meet are told with the shortest case in which they did; the others are counted."""

RUN = "bookproof rules --coverage"
"""The line that runs it again; with `--case K` behind it, one case, command by command."""

Pair = tuple[str, str]
Progress = Callable[[float, str], None]

_PREVENTION = PLAIN | {Feature.ICEBERG, Feature.SELF_TRADE}
"""Slices that prevention empties: rarest of all, so what they are to meet comes one at a time."""

_IN_ONE_BASKET = PLAIN | {Feature.BASKETS, Feature.LIMITS, Feature.REUSED_IDS, Feature.HALTS, Feature.MARKET}
"""What refuses several legs of one basket at once."""

_CALLS = PLAIN | {Feature.AUCTIONS, Feature.ICEBERG, Feature.MARKET}
"""Uncrosses with stops behind them: what a cascade is to meet in them comes a few at a time."""

_REPLACED = _PREVENTION | {Feature.REPLACE}
"""What a replaced order sets off that is rare already when a new one does."""

_IMPLIED = PLAIN | {Feature.SPREADS, Feature.REPLACE}
"""What is implied, for orders of few kinds: a group of books has no spreads, and a list no orders in them."""

_ROUTED = PLAIN | {Feature.ROUTING, Feature.LISTS, Feature.HALTS, Feature.AUCTIONS}
"""Routed orders that fill orders of lists, and so let others enter books that may be shut."""

_NO_FAULTS = EVERYTHING - {Feature.LIMITS, Feature.BAD_INPUT}


class Impossible(NamedTuple):
    """Rules that met in one command though the table of occasions says that they cannot."""

    rules: tuple[str, ...]
    why_not: str
    """What the table says."""
    case: int
    shortest: Case
    """The shortest case found in whose last command they meet."""


class Coverage:
    """What a run reached."""

    def __init__(self) -> None:
        self.cases = 0
        self.commands = 0
        self.seconds = 0.0
        self.rules: Counter[str] = Counter()
        """In how many commands each rule decided something."""
        self.pairs: Counter[Pair] = Counter()
        """In how many commands both rules of each pair did."""
        self.first: dict[Pair, int] = {}
        """The first case in which each pair met."""
        self.impossible: list[Impossible] = []
        self.impossible_more = 0
        """How often others did, once TOLD were noted."""
        self.partial = ""
        """Why what is missing shows nothing; empty when the run had every venue and as many cases as it may have."""

    @property
    def unplaced(self) -> list[str]:
        """Rules that the table of occasions does not know: nothing is said of their pairs."""
        return [number for number in DECISION_RULES if number not in PLACED]

    @property
    def unreached_rules(self) -> list[str]:
        """Rules that never decided anything."""
        return [number for number in DECISION_RULES if not self.rules[number]]

    @property
    def unreached_pairs(self) -> list[Pair]:
        """Pairs that can meet and did not."""
        return [pair for pair in possible_pairs() if not self.pairs[pair]]

    def note_impossible(self, rules: frozenset[str], why: str, number: int, case: Case) -> None:
        """Rules met that cannot: the first few with the shortest case, for that takes a while."""
        if len(self.impossible) < TOLD:
            self.impossible.append(_impossible(rules, why, number, case))
        else:
            self.impossible_more += 1

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "cases": self.cases,
            "commands": self.commands,
            "seconds": round(self.seconds, 3),
            "rules": {number: self.rules[number] for number in DECISION_RULES},
            "pairs_possible": len(possible_pairs()),
            "pairs": [
                {"rules": list(pair), "commands": self.pairs[pair], "first_case": self.first[pair]}
                for pair in sorted(self.pairs, key=lambda pair: (in_order(pair[0]), in_order(pair[1])))
            ],
            "unreached_rules": self.unreached_rules,
            "unreached_pairs": [list(pair) for pair in self.unreached_pairs],
            "impossible": [
                {"rules": list(met.rules), "why_not": met.why_not, "case": met.case, "run_again": again(met.case)}
                for met in self.impossible
            ],
            "impossible_more": self.impossible_more,
            "rules_without_a_row": self.unplaced,
            "partial": self.partial,
            "run_again": RUN,
        }


def possible_pairs() -> list[Pair]:
    """Every pair of decision rules that the table of occasions lets meet.

    >>> ("B1", "B7") in possible_pairs(), ("A5", "B1") in possible_pairs()
    (True, False)
    """
    return [pair for pair in pairs(number for number in DECISION_RULES if number in PLACED) if why_not(pair) is None]


def apart_pairs() -> Iterator[tuple[Pair, str]]:
    """Every pair of decision rules that can never meet in one command, with the reason.

    >>> why = dict(apart_pairs())
    >>> ("A5", "B1") in why, ("B1", "B7") in why
    (True, False)
    """
    for pair in pairs(number for number in DECISION_RULES if number in PLACED):
        if (why := why_not(pair)) is not None:
            yield pair, why


def coverage_case(number: int) -> Case:
    """Case K of every coverage run; from MOST on, those that are kept.

    >>> coverage_case(7) == coverage_case(7)
    True
    """
    if 0 <= number - MOST < len(kept_cases()):
        return kept_cases()[number - MOST]
    turn, kind = divmod(number, 4)
    if kind == 3:
        return numbered_case(SEED, turn)[1]
    return dense_case(SEED, number, _features(number))


def _features(number: int) -> Features:
    """The features of a dense case: all of them, a few, or such as meet rarely."""
    dice = random.Random(f"coverage {SEED} {number}")
    few = a_few(dice)
    mixes: tuple[Features, ...] = (
        _NO_FAULTS,
        _PREVENTION | few,
        few | a_few(dice),
        _PREVENTION | few | {Feature.POST_ONLY},
        _IN_ONE_BASKET,
        _CALLS | few,
        _CALLS | _PREVENTION,
        _CALLS | _PREVENTION | few,
        _CALLS | _PREVENTION | few | {Feature.POST_ONLY},
        _REPLACED | {Feature.IOC},
        _REPLACED | few | {Feature.POST_ONLY},
        _IN_ONE_BASKET | {Feature.AUCTIONS},
        _CALLS | few | {Feature.SELF_TRADE, Feature.POST_ONLY},
        _IMPLIED | (few - {Feature.LISTS, Feature.ACCOUNTS}),
        (_IMPLIED | _PREVENTION | few | {Feature.HALTS}) - {Feature.LISTS, Feature.ACCOUNTS},
        _IMPLIED | _CALLS | {Feature.BASKETS, Feature.POST_ONLY},
        _ROUTED | (few - {Feature.SPREADS, Feature.ACCOUNTS}),
    )
    return mixes[number % len(mixes)]


def told_by(case: Case) -> Iterator[tuple[Command, frozenset[str]]]:
    """Every command of a case with the rules by which the oracle decided it."""
    state = exchange.opening(case.instruments, case.profile)
    for command in case.commands:
        with listening() as seen:
            state, _ = exchange.step(state, command)
        yield command, frozenset(seen)


def run_coverage(
    *, budget: float | None = None, profile: Profile | None = None, progress: Progress | None = None
) -> Coverage:
    """Run cases until every rule and every pair that can be reached has been; with a budget, for so many seconds.

    With `profile`, LEAST cases and only under it: what its choices rule out stays unreached, and shows nothing.

    >>> run_coverage(budget=0.0).partial
    'the budget was spent'
    """
    found = Coverage()
    missing = {(number,) for number in DECISION_RULES} | set(possible_pairs())
    told: dict[frozenset[str], list[Pair]] = {}
    started = perf_counter()
    for number in _numbers(endless=budget is not None, venue=profile is not None):
        spent = perf_counter() - started
        if budget is not None and spent >= budget:
            found.partial = "the budget was spent" if missing else ""
            break
        if budget is None and found.cases >= LEAST and not missing:
            break
        if progress is not None and found.cases % 100 == 0:
            progress(_share(found.cases, spent, budget), f"{found.cases:,} cases, {len(missing)} still to be reached")
        case = coverage_case(number)
        if profile is not None:
            kept = case.instruments
            if profile.apart:
                kept = tuple(book._replace(group="") for book in kept if not book.legs)
            case = case._replace(profile=profile, instruments=kept)
        for _, rules in told_by(case):
            found.commands += 1
            if rules not in told:
                told[rules] = list(pairs(rules))
                missing -= {(rule,) for rule in rules}
                missing -= set(told[rules])
                for pair in told[rules]:
                    found.first.setdefault(pair, number)
                if (why := why_not(rules & PLACED)) is not None:
                    found.note_impossible(rules, why, number, case)
            found.rules.update(rules)
            found.pairs.update(told[rules])
        found.cases += 1
    if profile is not None and missing:
        found.partial = f"the choices of {profile.name} alone rule some of them out"
    found.seconds = perf_counter() - started
    if progress is not None:
        progress(1.0, "done")
    return found


def _numbers(endless: bool, venue: bool) -> Iterator[int]:
    """The cases of a run in their order; under one venue's choices those that are kept show nothing."""
    yield from range(min(LEAST, MOST))
    if not venue:
        yield from range(MOST, MOST + len(kept_cases()))
        yield from range(LEAST, MOST)
    if endless:
        yield from count(MOST + len(kept_cases()))


def again(number: int) -> str:
    """The line that shows one case."""
    return f"{RUN} --case {number}"


def _share(number: int, spent: float, budget: float | None) -> float:
    if budget is None:
        return min(number / LEAST, 0.99)
    return min(spent / budget, 0.99) if budget else 0.99


def _impossible(rules: frozenset[str], why: str, number: int, case: Case) -> Impossible:
    def meets(candidate: Case) -> bool:
        try:
            told = [seen for _, seen in told_by(candidate)]
        except ValueError:  # such books cannot be had
            return False
        return bool(told) and rules <= told[-1]

    length = next(at for at, (_, seen) in enumerate(told_by(case), 1) if seen == rules)
    first = case._replace(commands=case.commands[:length])
    return Impossible(tuple(sorted(rules, key=in_order)), why, number, shrink_case(first, meets, attempts=2_000))
