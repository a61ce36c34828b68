"""Broken kernels, each of which one property must refute: a check that cannot fail is a defect itself.

A defect takes the place of one function of `bookproof.spec.kernel`. Most of them are mistakes that engines in use
have made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from bookproof.models.prove.contracts import (
    Entry,
    Iceberg,
    Order,
    Property,
    agree,
    as_asked,
    both,
    conserved,
    from_empty,
    iceberg_order,
    keeps_place,
    limit_order,
    maker_price,
    no_self_trade,
    own_order,
    price_first,
    takes_turns,
    time_first,
    uncrossed,
    well_formed,
)
from bookproof.spec import kernel
from bookproof.spec.commands import Submit
from bookproof.spec.kernel import Match, Meeting, Resting
from bookproof.spec.sorted_tuple import SortedTuple
from bookproof.spec.values import Account, Lots, SelfTradePrevention, Side

_match, _reduced, _resting = kernel.match, kernel._reduced, kernel.resting


class _Call(NamedTuple):
    """The arguments of `kernel.match`."""

    makers: SortedTuple[Resting]
    reach: int
    leaves: Lots
    owner: Account
    prevention: SelfTradePrevention
    sequence: int


class Defect(NamedTuple):
    """One broken function, and who must notice."""

    says: str
    replaces: str
    """A function of the kernel."""
    broken: Callable[..., Any]
    contract: Callable[..., Any]
    breaks: Property
    """The property of the contract that must not hold any more."""
    example: tuple[Any, ...]
    """Arguments of the contract that show it."""

    @property
    def name(self) -> str:
        """As in reports."""
        return self.broken.__name__.strip("_")


# ── broken functions ──


def _never_at_the_limit(makers: SortedTuple[Resting], reach: int) -> bool:
    return bool(makers) and makers.first.key < reach


def _loses_a_lot(maker: Resting, traded: Lots, prevented: Lots, sequence: int) -> tuple[Resting | None, int]:
    after, sequence = _reduced(maker, traded, prevented, sequence)
    if traded > 1_000_000 and after is not None and after.slice > 1:
        after = after._replace(slice=after.slice - 1)
    return after, sequence


def _remainder_queues_anew(maker: Resting, traded: Lots, prevented: Lots, sequence: int) -> tuple[Resting | None, int]:
    after, sequence = _reduced(maker, traded, prevented, sequence)
    if after is not None and after.sequence == maker.sequence:
        return after._replace(sequence=sequence + 1), sequence + 1
    return after, sequence


def _new_slice_keeps_place(maker: Resting, traded: Lots, prevented: Lots, sequence: int) -> tuple[Resting | None, int]:
    after, _ = _reduced(maker, traded, prevented, sequence)
    return (None if after is None else after._replace(sequence=maker.sequence)), sequence


def _number_given_twice(
    terms: Submit, owner: Account, leaves: Lots, executed: Lots, prevented: Lots, sequence: int
) -> Resting:
    return _resting(terms, owner, leaves, executed, prevented, sequence - 1)


def _takers_price(*arguments: Any) -> Match:
    call, match = _Call(*arguments), _match(*arguments)

    def priced(meeting: Meeting) -> Meeting:
        terms = meeting.before.terms
        limit = -call.reach if terms.side is Side.BUY else call.reach
        return meeting._replace(before=meeting.before._replace(terms=terms._replace(price=limit)))

    return match._replace(meetings=tuple(map(priced, match.meetings)))


def _one_tick_too_far(*arguments: Any) -> Match:
    call = _Call(*arguments)
    return _match(*call._replace(reach=call.reach + 1))


def _worse_price_first(*arguments: Any) -> Match:
    return _first_in_line_last(_Call(*arguments), same_price=False)


def _later_first(*arguments: Any) -> Match:
    return _first_in_line_last(_Call(*arguments), same_price=True)


def _first_in_line_last(call: _Call, *, same_price: bool) -> Match:
    """Pass over the first in line, and come back to it, if the next has the same price, or if it has not."""
    first, *others = call.makers or (None,)
    if first is None or not others or (others[0].key == first.key) is not same_price:
        return _match(*call)
    ahead = _match(*call._replace(makers=SortedTuple(others)))
    behind = _match(*call._replace(makers=SortedTuple([first]), leaves=ahead.leaves))
    return behind._replace(
        makers=SortedTuple([*ahead.makers, *behind.makers]), meetings=ahead.meetings + behind.meetings
    )


def _iceberg_in_one_trade(*arguments: Any) -> Match:
    call = _Call(*arguments)
    whole = [maker._replace(slice=maker.leaves, reserve=0) for maker in call.makers]
    return _match(*call._replace(makers=SortedTuple(whole)))


def _looks_at_the_first_maker_only(*arguments: Any) -> Match:
    call = _Call(*arguments)
    if call.makers and call.makers.first.owner == call.owner:
        return _match(*call)
    return _match(*call._replace(prevention=SelfTradePrevention.NONE))


def _reduces_the_maker_only(*arguments: Any) -> Match:
    match = _match(*arguments)
    return match._replace(leaves=match.leaves + sum(meeting.prevented for meeting in match.meetings))


def _prevents_before_it_trades(*arguments: Any) -> Match:
    call = _Call(*arguments)
    own = [maker for maker in call.makers if maker.owner == call.owner and maker.key <= call.reach]
    others = SortedTuple([maker for maker in call.makers if maker not in own])
    match = _match(*call._replace(makers=others))
    return match._replace(meetings=(*(Meeting(0, 0, maker, None) for maker in own), *match.meetings))


def _remainder_rests(*arguments: Any) -> Match:
    return _match(*arguments)._replace(self_trade=False)


_BUY, _SELL = Side.BUY, Side.SELL
_TAKER, _DECREMENT = SelfTradePrevention.CANCEL_TAKER, SelfTradePrevention.DECREMENT

DEFECTS = {
    defect.name: defect
    for defect in (
        Defect(
            "an order does not trade at its limit",
            "crosses",
            _never_at_the_limit,
            limit_order,
            uncrossed,
            (_BUY, 100, 1, (Order(0, 1, 1),), None, 100, 1, 1),
        ),
        Defect(
            "a trade of more than a million lots takes one more from the maker",
            "_reduced",
            _loses_a_lot,
            limit_order,
            conserved,
            (_BUY, 100, 1_000_001, (Order(0, 1, 1_000_003),), None, 100, 1, 1),
        ),
        Defect(
            "trades are at the taker's limit",
            "match",
            _takers_price,
            limit_order,
            maker_price,
            (_BUY, 101, 1, (Order(0, 1, 1),), None, 100, 1, 1),
        ),
        Defect(
            "the second best price trades first",
            "match",
            _worse_price_first,
            limit_order,
            price_first,
            (_BUY, 101, 1, (Order(0, 1, 1), Order(1, 2, 1)), None, 100, 1, 2),
        ),
        Defect(
            "an order trades one tick beyond its limit",
            "match",
            _one_tick_too_far,
            limit_order,
            price_first,
            (_BUY, 99, 1, (Order(0, 1, 1),), None, 100, 1, 1),
        ),
        Defect(
            "at one price the second in line trades first",
            "match",
            _later_first,
            limit_order,
            time_first,
            (_BUY, 100, 1, (Order(0, 1, 1), Order(0, 2, 1)), None, 100, 1, 2),
        ),
        Defect(
            "a partly filled order goes to the end of the queue",
            "_reduced",
            _remainder_queues_anew,
            limit_order,
            keeps_place,
            (_BUY, 100, 1, (Order(0, 1, 2), Order(0, 2, 1)), None, 100, 1, 2),
        ),
        Defect(
            "an order that comes to rest gets a number already given",
            "resting",
            _number_given_twice,
            limit_order,
            well_formed,
            (_BUY, 99, 1, None, (Order(0, 1, 1),), 100, 1, 1),
        ),
        Defect(
            "an iceberg's new slice keeps the place of the old one",
            "_reduced",
            _new_slice_keeps_place,
            iceberg_order,
            keeps_place,
            (_BUY, 100, 1, 1, (Iceberg(0, 1, 1, 1, 1), Order(0, 2, 1)), None, 100, 1, 2),
        ),
        Defect(
            "an iceberg trades whole when the aggressor is large enough",
            "match",
            _iceberg_in_one_trade,
            iceberg_order,
            takes_turns,
            (_BUY, 100, 2, 1, (Iceberg(0, 1, 1, 1, 1),), None, 100, 1, 1),
        ),
        Defect(
            "self-trade prevention looks at the first maker only",
            "match",
            _looks_at_the_first_maker_only,
            own_order,
            no_self_trade,
            (_BUY, 100, 2, 7, _DECREMENT, (Order(0, 1, 1, 8), Order(0, 2, 1, 7)), None, 100, 1, 2),
        ),
        Defect(
            "self-trade prevention cancels what the order would never have reached",
            "match",
            _prevents_before_it_trades,
            own_order,
            time_first,
            (_BUY, 100, 1, 7, _DECREMENT, (Order(0, 1, 1, 8), Order(0, 2, 1, 7)), None, 100, 1, 2),
        ),
        Defect(
            "self-trade prevention reduces the maker but not the taker",
            "match",
            _reduces_the_maker_only,
            own_order,
            conserved,
            (_BUY, 100, 1, 7, _DECREMENT, (Order(0, 1, 2, 7),), None, 100, 1, 1),
        ),
        Defect(
            "what self-trade prevention cancelled comes to rest all the same",
            "match",
            _remainder_rests,
            own_order,
            as_asked,
            (_BUY, 100, 1, 7, _TAKER, (Order(0, 1, 1, 7),), None, 100, 1, 1),
        ),
        Defect(
            "in a run, an order does not trade at its limit",
            "crosses",
            _never_at_the_limit,
            from_empty,
            uncrossed,
            ((Entry(_SELL, 100, 1), Entry(_BUY, 100, 1), Entry(_BUY, 90, 1)),),
        ),
        Defect(
            "one of the two kernels loses a lot after a million",
            "_reduced",
            _loses_a_lot,
            both,
            agree,
            ((Entry(_SELL, 100, 1_000_003), Entry(_BUY, 100, 1_000_001), Entry(_BUY, 90, 1)),),
        ),
    )
}
