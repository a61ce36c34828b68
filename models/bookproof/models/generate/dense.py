"""Cases in which rare things meet: books a few prices wide, stops of every kind, then orders that set them off.

The soak generator spreads its orders over eleven prices, so a command that triggers two stops of special kinds is rare.
Here the books are three prices wide and a case goes through rounds: orders that rest, stops near them, now and then a
call with orders that cross and the uncross that sets stops off, then commands that trade. The commands come from the
same decoder (`packed`), so a new command or a new term of an order is in these cases as soon as it is in the others.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from bookproof.models.generate.case import Case, entered
from bookproof.models.generate.features import EVERYTHING, Feature, Features
from bookproof.models.generate.funds import generous_deposits
from bookproof.models.generate.packed import BITS, Context, Plan, decode_command, plan_for
from bookproof.models.generate.patterns import Pattern
from bookproof.models.generate.venues import LEVELS, SIZES, VENUES, books, fitting
from bookproof.spec.allocation_terms import FIRST_COME_FIRST_SERVED
from bookproof.spec.commands import Command, Halt, Resume, SetPhase
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import Profile, ReduceOnly, Risk
from bookproof.spec.values import OrderId, Phase, Symbol, TimeInForce, Value

WIDTH, WIDTH_OF_CALLS = 3, 7
"""Prices in a book: fewer than are drawn elsewhere, so that what trades at one of them reaches most stops. A call needs
more of them, or two would seldom do as well as each other (I4, I5)."""

ROUNDS = 2
RESTING, STOPS, COLLECTED, ACTING = (4, 8), (4, 6), (3, 7), (5, 7)
"""Commands of each part of a round, at least and at most: thin books are swept, and deep ones are not."""

_CALLS = 0.6
"""How many rounds have a call, where there are auctions."""

_HALTS = 0.5
"""How many of the other rounds have a halt, where it is the end of one that trades: in books that are part of spreads.
And in how many of these the end of the whole market's halt is what does it."""

_AFTER = (Phase.CONTINUOUS,) * 9 + (Phase.CALL, Phase.HALT, Phase.CANCEL_ONLY)
"""What follows a call: the uncross, mostly. To stay in it is refused, and the call goes on."""

_WITHOUT_ACCOUNTS = 0.4
"""In how many of the cases that could have accounts there are none: what accounts refuse reaches no other rule. Half of
all mixed profiles keep them."""

_REDUCERS_REST = 0.2
"""In how many of the cases with accounts reduce-only orders rest: there no order names a budget, and levels go by time
alone (K1)."""

_FEW_SPREADS, _FEW_GROUPS, _MOST = 0.15, 0.25, 0.7
"""In how many cases there is a spread, or a group, where both it and much else may be, and where it alone may: in a
spread and its legs there are no lists, and the fewer the books the more meets in each of them."""

_CHAINS = 0.25
"""In how many of the cases with a spread there is a second one, with a leg in common."""

_FEW = 3
"""Sizes of what meets in a call: so that both sides often come out even, and its prices tie (I5)."""

_SUBMITS, _OTHERS = 20, 10
"""Shares of what acts: new orders, and at most so much of each other kind of command; cancels are many elsewhere."""


def dense_case(seed: int, number: int, features: Features = EVERYTHING, profile: Profile | None = None) -> Case:
    """Case `number` of a seed, in two books, under a mix of all venues' choices unless a profile is named.

    >>> dense_case(1, 7) == dense_case(1, 7)
    True
    >>> dense_case(1, 7).profile.name
    'mixed'
    """
    dice = random.Random(f"dense {seed} {number}")
    instruments = _books(dice, features if profile is None else fitting(features, profile))
    rest, stops, _, act = _plans(features | {Feature.STOPS}, instruments)
    wide_rest, wide_stops, collected, _ = _plans(features | {Feature.STOPS}, instruments, WIDTH_OF_CALLS)
    used: list[tuple[Symbol, OrderId]] = []
    commands: list[Command] = []

    def draw(plan: Plan, length: tuple[int, int]) -> None:
        for _ in range(dice.randint(*length)):
            command = decode_command(dice.getrandbits(BITS), Context(plan, used, len(commands)))
            commands.append(command)
            used.extend(entered(command))

    for _ in range(ROUNDS):
        if Feature.AUCTIONS in features and dice.random() < _CALLS:
            symbol = dice.choice(instruments).symbol
            draw(_at_few_sizes(wide_rest), RESTING)
            draw(_in_book(wide_stops, symbol), STOPS)
            commands.append(SetPhase(symbol, Phase.CALL))
            draw(_at_few_sizes(_in_book(collected, symbol)), COLLECTED)
            commands.append(SetPhase(symbol, dice.choice(_AFTER)))
        elif Feature.HALTS in features and instruments[-1].legs and dice.random() < _HALTS:
            symbol = dice.choice(instruments).symbol
            commands.append(Halt(symbol))  # meanwhile nothing is implied
            draw(rest, RESTING)
            draw(stops, STOPS)
            whole_market = dice.random() < _HALTS
            commands += [Halt()] * whole_market
            commands.append(Resume(symbol))
            commands += [Resume()] * whole_market
        else:
            draw(rest, RESTING)
            draw(stops, STOPS)
        draw(act, ACTING)
    if profile is None:
        profile = mixed_profile(dice)
        if Feature.ACCOUNTS not in features or dice.random() < _WITHOUT_ACCOUNTS:
            profile = profile._replace(risk=Risk.NONE)
        if any(instrument.legs or instrument.group for instrument in instruments):
            profile = profile.together()
        elif profile.risk is Risk.CASH and dice.random() < _REDUCERS_REST:
            profile = profile._replace(reduce_only=ReduceOnly.RESTS, allocation=FIRST_COME_FIRST_SERVED)
    return Case(instruments, (*generous_deposits(instruments, profile), *commands), profile)


def _books(dice: random.Random, features: Features) -> tuple[Instrument, ...]:
    """Two books; in some of the cases those of a group, or with a book of their spread, or in a chain of two (L3)."""
    spreads = _FEW_SPREADS if Feature.LISTS in features else _MOST
    if Feature.SPREADS in features and dice.random() < spreads:
        listed = books(features)
        return listed[:5] if listed[4].legs and dice.random() < _CHAINS else listed[:3]
    listed = books(features - {Feature.SPREADS})
    grouped = tuple(book for book in listed if book.group)
    groups = _FEW_GROUPS if Feature.SPREADS in features else _MOST
    return grouped[:2] if grouped and dice.random() < groups else listed[:2]


def mixed_profile(dice: random.Random, venues: Mapping[str, Profile] = VENUES) -> Profile:
    """A profile each of whose choices is that of some venue: so choices meet that no venue has together.

    No reduce-only order rests in it, for that does not go together with every other choice.

    >>> mixed_profile(random.Random(1)).name
    'mixed'
    """
    listed = tuple(venues.values())
    fields = (field for field in Profile.__struct_fields__ if field not in ("name", "reduce_only"))
    chosen: dict[str, Any] = {field: _any_of([getattr(venue, field) for venue in listed], dice) for field in fields}
    return Profile("mixed", **chosen)


def _any_of(values: Sequence[Any], dice: random.Random) -> Any:
    """One of the choices, each as likely as any other, however many venues have it; half of those with parts mixed."""
    first = values[0]
    if isinstance(first, Value) and dice.random() < 0.5:
        parts = {field: _any_of([getattr(value, field) for value in values], dice) for field in first.__struct_fields__}
        return type(first)(**parts)
    return dice.choice(list(dict.fromkeys(values)))


@cache
def _plans(
    features: Features, instruments: tuple[Instrument, ...], width: int = WIDTH
) -> tuple[Plan, Plan, Plan, Plan]:
    """What rests, what waits, what is collected, what acts: the usual plan with other shares."""
    narrow = _narrowed(plan_for(features, instruments), width)
    calm = tuple(pattern for pattern in narrow.patterns if not pattern.stop and not pattern.market)
    special = narrow.patterns[len(narrow.patterns) // 2 :]  # the other half is plain
    waiting = tuple(pattern._replace(stop=True) for pattern in special)
    collected = tuple(pattern for pattern in narrow.patterns if not pattern.stop and not _wants_now(pattern))
    submit = narrow.decoders[0]  # a plan begins with new orders
    acting = (submit,) * _SUBMITS + tuple(
        decoder
        for decoder in dict.fromkeys(narrow.decoders)
        if decoder is not submit
        for _ in range(min(narrow.decoders.count(decoder), _OTHERS))
    )
    return (
        narrow._replace(decoders=(submit,), patterns=calm),
        narrow._replace(decoders=(submit,), patterns=waiting),
        narrow._replace(decoders=(submit,), patterns=collected),
        narrow._replace(decoders=acting),
    )


def _narrowed(plan: Plan, width: int) -> Plan:
    """The same with the first few prices of each book."""
    scales = {
        scale: scale._replace(prices=tuple(scale.prices[step * width // LEVELS] for step in range(LEVELS)))
        for scale in plan.scales
    }
    return plan._replace(
        scales=tuple(scales[scale] for scale in plan.scales),
        drawn_scales=tuple(scales[scale] for scale in plan.drawn_scales),
    )


@cache
def _at_few_sizes(plan: Plan) -> Plan:
    """The same with the first few quantities of each book."""
    scales = tuple(
        scale._replace(quantities=tuple(scale.quantities[step * _FEW // SIZES] for step in range(SIZES)))
        for scale in plan.scales
    )
    return plan._replace(scales=scales, drawn_scales=scales)  # two books at most, so as many draws of each


def _wants_now(pattern: Pattern) -> bool:
    """Whether a call refuses such an order (I1)."""
    at_once = pattern.time_in_force in (TimeInForce.IOC, TimeInForce.FOK)
    return at_once or pattern.post_only or pattern.minimum


@cache
def _in_book(plan: Plan, symbol: Symbol) -> Plan:
    """The same in one book."""
    scales = tuple(scale for scale in plan.scales if scale.symbol == symbol)
    return plan._replace(scales=scales, drawn_scales=scales)
