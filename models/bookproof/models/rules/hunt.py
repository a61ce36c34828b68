"""The hunt for pairs of rules that chance does not bring together: change what comes near, and keep what comes nearer.

It starts from cases in which one of the two rules decides, cut off behind that command, and changes them: a command
more or less, a term of an order, a choice of the venue, the beginning of one case put before another. What shows a set
of rules that nothing has shown before is changed further, as coverage-guided fuzzers do (American Fuzzy Lop; Zalewski,
2013). What shows a pair that was missing is shrunk and kept (`kept`).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from bookproof.models.generate import command_parts
from bookproof.models.generate.case import Case, entered
from bookproof.models.generate.dense import mixed_profile
from bookproof.models.generate.features import EVERYTHING, Feature
from bookproof.models.generate.packed import BITS, Context, decode_command, plan_for
from bookproof.models.generate.shrinking import shrink_case
from bookproof.models.generate.venues import books
from bookproof.models.rules.coverage import LEAST, Pair, coverage_case, possible_pairs, told_by
from bookproof.models.rules.kept import FILE, kept_cases, read_cases, write_cases
from bookproof.models.rules.occasions import PLACED, in_order, pairs, why_not
from bookproof.spec.commands import Command, Submit, SubmitList
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import Profile, ReduceOnly
from bookproof.spec.values import OrderId, Symbol

HUNT = "bookproof rules --hunt"
HUNT_SECONDS = 300.0

LONGEST = 40
"""Commands of a case that is changed: what is longer is slow, and what it shows is hard to see."""

_CHANGES = 4
"""So many changes at most from a case to the next."""

_SOUND = EVERYTHING - {Feature.BAD_INPUT, Feature.LIMITS}

Progress = Callable[[float, str], None]


class Seed(NamedTuple):
    """A case, and the rules by which its last command was decided."""

    case: Case
    rules: frozenset[str]


def seeds_of(case: Case) -> list[Seed]:
    """Every beginning of a case that shows something in its last command.

    >>> from bookproof.models.rules.coverage import coverage_case
    >>> all(seed.rules for seed in seeds_of(coverage_case(1)))
    True
    """
    found = []
    for at, (_, rules) in enumerate(told_by(case), start=1):
        if rules:
            found.append(Seed(case._replace(commands=case.commands[:at]), rules))
    return found


class Hunt:
    """What has been shown so far, and what is still missing."""

    def __init__(self, missing: Iterable[Pair], seeds: Iterable[Seed], dice: random.Random) -> None:
        self.missing = set(missing)
        self.found: list[Case] = []
        """A shrunk case for every pair that was missing; one may show several."""
        self.tries = 0
        self._dice = dice
        self._seeds: dict[frozenset[str], list[Seed]] = {}
        self._having: dict[str, list[frozenset[str]]] = {}
        for seed in seeds:
            self._add(seed)

    def run(self, seconds: float, progress: Progress) -> None:
        """Go on until nothing is missing or the time is over."""
        started = perf_counter()
        while self.missing and (spent := perf_counter() - started) < seconds:
            progress(spent / seconds, f"{self.tries:,} tries, {len(self.missing)} pairs missing")
            for pair in sorted(self.missing, key=lambda _: self._dice.random()):
                for _ in range(20):
                    if pair in self.missing and perf_counter() - started < seconds:
                        self._try(pair)
        progress(1.0, f"{self.tries:,} tries, {len(self.missing)} pairs missing")

    def _add(self, seed: Seed) -> None:
        if len(seed.case.commands) > LONGEST:
            return
        if seed.rules not in self._seeds:
            self._seeds[seed.rules] = []
            for rule in seed.rules:
                self._having.setdefault(rule, []).append(seed.rules)
        mine = self._seeds[seed.rules]
        if len(mine) < 4:
            mine.append(seed)

    def _near(self, pair: Pair) -> Seed | None:
        """A case that shows one of the two rules."""
        near = self._having.get(self._dice.choice(pair), [])
        return self._dice.choice(self._seeds[self._dice.choice(near)]) if near else None

    def _try(self, pair: Pair) -> None:
        seed, other = self._near(pair), self._near(pair)
        if seed is None or other is None:
            return
        self.tries += 1
        case = seed.case
        if self._dice.random() < 0.3:
            case = _joined(other.case, case, self._dice)
        for _ in range(self._dice.randint(1, _CHANGES)):
            case = _changed(case, self._dice)
        try:
            told = seeds_of(case)
        except ValueError:  # such books cannot be had
            return
        for shown in told:
            new = self.missing.intersection(pairs(shown.rules & PLACED))
            if new:
                self._keep(shown, new)
            elif shown.rules not in self._seeds and why_not(shown.rules & PLACED) is None:
                self._add(shown)

    def _keep(self, shown: Seed, new: set[Pair]) -> None:
        first = min(new)
        case = shrink_case(shown.case, lambda candidate: shows(candidate, first), attempts=800)
        self.found.append(case)
        for seed in seeds_of(case):
            self.missing.difference_update(pairs(seed.rules & PLACED))
            self._add(seed)
        self._add(shown)


def shows(case: Case, pair: Pair) -> bool:
    """Whether the last command of a case is decided by both rules.

    >>> from bookproof.models.rules.coverage import coverage_case
    >>> shows(coverage_case(1)._replace(commands=()), ("A1", "A4"))
    False
    """
    try:
        told = list(told_by(case))
    except ValueError:  # such books cannot be had
        return False
    return bool(told) and told[-1][1] >= set(pair)


def still_of_use(cases: Sequence[Case], missing: Iterable[Pair]) -> list[Case]:
    """Those of the cases that show a missing pair which no case before them does."""
    left, kept = set(missing), []
    for case in cases:
        met = {pair for seed in seeds_of(case) for pair in pairs(seed.rules & PLACED)} & left
        if met:
            left -= met
            kept.append(case)
    return kept


class Hunted(NamedTuple):
    """What a hunt led to."""

    kept: tuple[Case, ...]
    caught: int
    missing: tuple[Pair, ...]


def hunted(seconds: float, progress: Callable[[str, float, str], None], file: Path = FILE) -> Hunted:
    """What the generated cases of a run do not show, looked for; what shows it is in the file afterwards.

    Cases that were kept before and show nothing that is missing any more are left out of it.
    """
    seeds: dict[frozenset[str], Seed] = {}
    met: set[Pair] = set()
    for number in range(LEAST):
        if number % 100 == 0:
            progress("generated", number / LEAST, f"{number:,} cases")
        for seed in seeds_of(coverage_case(number)):
            known = seeds.setdefault(seed.rules, seed)
            if len(seed.case.commands) < len(known.case.commands):
                seeds[seed.rules] = seed
            elif known is seed:
                met.update(pairs(seed.rules & PLACED))
    progress("generated", 1.0, f"{LEAST:,} cases")
    missing = set(possible_pairs()) - met
    kept = still_of_use(kept_cases(), missing)
    for case in kept:
        for seed in seeds_of(case):
            seeds.setdefault(seed.rules, seed)
            missing.difference_update(pairs(seed.rules & PLACED))
    hunt = Hunt(missing, seeds.values(), random.Random(f"hunt {sorted(missing)}"))
    try:
        hunt.run(seconds, lambda share, what: progress("hunt", share, what))
    finally:
        write_cases(file, still_of_use([*hunt.found, *kept], set(possible_pairs()) - met))
    got_away = tuple(sorted(hunt.missing, key=lambda pair: tuple(map(in_order, pair))))
    return Hunted(read_cases(file), len(missing) - len(got_away), got_away)


# ── changes ──


def _changed(case: Case, dice: random.Random) -> Case:
    commands = list(case.commands)
    kind = dice.random()
    at = dice.randrange(len(commands) + 1)
    if kind < 0.3 or not commands:
        commands.insert(at, _any_command(case, at, dice))
    elif kind < 0.4:
        del commands[dice.randrange(len(commands))]
    elif kind < 0.5:
        commands[-1] = _any_command(case, len(commands) - 1, dice)
    elif kind < 0.58:
        return case._replace(profile=_other_choice(case, dice))
    elif kind < 0.6:
        return case._replace(instruments=_other_books(case, dice))
    else:
        at = dice.randrange(len(commands))
        commands[at] = _other_terms(commands[at], case, dice)
    return case._replace(commands=tuple(commands))


def _used(commands: Iterable[Command]) -> list[tuple[Symbol, OrderId]]:
    return [place for command in commands for place in entered(command)]


def _highest_id(case: Case) -> OrderId:
    return max((order_id for command in case.commands for order_id in command_parts.ids(command)), default=0)


def _any_command(case: Case, at: int, dice: random.Random) -> Command:
    """Any command, at a place in a case: its orders have ids that are free, but for a few."""
    features = _SOUND if dice.random() < 0.8 else EVERYTHING
    used = _used(case.commands[:at])
    command = decode_command(dice.getrandbits(BITS), Context(plan_for(features, case.instruments), used, at))
    mine = [order_id for _, order_id in entered(command)]
    later = _highest_id(case)
    fresh = {order_id: later + number for number, order_id in enumerate(dict.fromkeys(mine), start=1)}
    return command_parts.with_ids(command, fresh) if dice.random() < 0.9 else command


def _other_choice(case: Case, dice: random.Random) -> Profile:
    """The venue with some of the choices of another: mostly one."""
    other = mixed_profile(dice)._replace(reduce_only=dice.choice(list(ReduceOnly)))
    fields = [field for field in Profile.__struct_fields__ if field != "name"]
    chosen = dice.sample(fields, dice.choice((1, 1, 1, 2, 4)))
    changed = case.profile._replace(**{field: getattr(other, field) for field in chosen})
    return changed if changed.flaw() is None else case.profile


def _other_books(case: Case, dice: random.Random) -> tuple[Instrument, ...]:
    """The books, one of them with a limit or a band as others have it, or dependent on the one before it."""
    at = dice.randrange(len(case.instruments))
    book = case.instruments[at]
    if at and dice.random() < 0.5:
        book = book._replace(underlying=case.instruments[at - 1].symbol)
    else:
        features = frozenset(feature for feature in Feature if dice.random() < 0.5)
        other = next((other for other in books(features) if other.symbol == book.symbol), book)
        differ = [field for field in Instrument.__struct_fields__ if getattr(other, field) != getattr(book, field)]
        book = book._replace(**{field: getattr(other, field) for field in dice.sample(differ, min(1, len(differ)))})
    return (*case.instruments[:at], book, *case.instruments[at + 1 :])


def _other_terms(command: Command, case: Case, dice: random.Random) -> Command:
    """An order with some of the terms of another one; any other command anew."""
    if type(command) is SubmitList and command.legs:
        at = dice.randrange(len(command.legs))
        legs = [*command.legs]
        legs[at] = _other_submit(legs[at], case, dice)
        return command._replace(legs=tuple(legs))
    if type(command) is Submit:
        return _other_submit(command, case, dice)
    prices = command_parts.prices(case.commands)
    if prices and dice.random() < 0.5:
        moved = {price: dice.choice(prices) for price in command_parts.prices((command,))}
        return command_parts.with_prices(command, moved)
    again = _any_command(case, len(case.commands), dice)
    return again if type(again) is type(command) else command


def _other_submit(order: Submit, case: Case, dice: random.Random) -> Submit:
    plan = plan_for(_SOUND, case.instruments)
    other = order
    for _ in range(20):
        drawn = decode_command(dice.getrandbits(BITS), Context(plan, _used(case.commands), len(case.commands)))
        if type(drawn) is Submit:
            other = drawn
            break
    kept = ("symbol", "order_id", "account", "side") if dice.random() < 0.2 else ("order_id",)
    differ = [
        field
        for field in Submit.__struct_fields__
        if field not in kept and getattr(order, field) != getattr(other, field)
    ]
    if not differ:
        return order
    chosen = set(differ if len(kept) > 1 else dice.sample(differ, 1))
    if "time_in_force" in chosen:
        chosen.add("expires")  # either makes no sense without the other
    return order._replace(**{field: getattr(other, field) for field in chosen})


def _joined(first: Case, second: Case, dice: random.Random) -> Case:
    """The commands of one case before those of another, with ids of their own, under a mix of both venues' choices."""
    if first.instruments != second.instruments or len(first.commands) + len(second.commands) > LONGEST:
        return second
    above = _highest_id(second)
    shifted = {order_id: order_id + above for command in first.commands for order_id in command_parts.ids(command)}
    before = [command_parts.with_ids(command, shifted) for command in first.commands[:-1]]
    fields = [field for field in Profile.__struct_fields__ if field != "name"]
    profile = second.profile._replace(
        **{field: getattr(first.profile, field) for field in fields if dice.random() < 0.5}
    )
    return second._replace(commands=(*before, *second.commands), profile=profile)
