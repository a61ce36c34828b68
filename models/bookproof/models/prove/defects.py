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
    Ranked,
    Special,
    agree,
    among_hidden,
    as_asked,
    both,
    both_limited,
    both_special,
    conserved,
    displayed_first,
    from_empty,
    iceberg_order,
    keeps_place,
    limit_order,
    maker_price,
    no_self_trade,
    own_order,
    price_first,
    shows_its_display,
    takes_turns,
    time_first,
    uncrossed,
    well_formed,
    when_met,
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

    broken: Callable[..., Any]
    replaces: str
    """A function of the kernel."""
    contract: Callable[..., Any]
    breaks: Property
    """The property of the contract that must be refuted."""
    example: tuple[Any, ...]
    """Arguments of the contract that show it."""


@contextmanager
def seeded(defect: Defect | None) -> Iterator[None]:
    """Run the block with a broken kernel; with the true one for None."""
    if defect is None:
        yield
        return
    true = getattr(kernel, defect.replaces)
    setattr(kernel, defect.replaces, defect.broken)
    try:
        yield
    finally:
        setattr(kernel, defect.replaces, true)


# ── broken functions ──


def _never_at_the_limit(makers: SortedTuple[Resting], reach: int) -> bool:
    """An order does not trade at its limit."""
    return bool(makers) and makers.first.key < reach


def _loses_a_lot(maker: Resting, traded: Lots, prevented: Lots, sequence: int) -> tuple[Resting | None, int]:
    """A trade of more than a million lots takes one more from the maker."""
    after, sequence = _reduced(maker, traded, prevented, sequence)
    if traded > 1_000_000 and after is not None and after.slice > 1:
        after = after._replace(slice=after.slice - 1)
    return after, sequence


def _remainder_queues_anew(maker: Resting, traded: Lots, prevented: Lots, sequence: int) -> tuple[Resting | None, int]:
    """A partly filled order goes to the end of the queue."""
    after, sequence = _reduced(maker, traded, prevented, sequence)
    if after is not None and after.sequence == maker.sequence:
        return after._replace(sequence=sequence + 1), sequence + 1
    return after, sequence


def _new_slice_keeps_place(maker: Resting, traded: Lots, prevented: Lots, sequence: int) -> tuple[Resting | None, int]:
    """An iceberg's new slice takes the place of the old one."""
    after, _ = _reduced(maker, traded, prevented, sequence)
    return (None if after is None else after._replace(sequence=maker.sequence)), sequence


def _number_given_twice(
    terms: Submit, owner: Account, leaves: Lots, executed: Lots, prevented: Lots, sequence: int
) -> Resting:
    """An order that comes to rest gets a number already given."""
    return _resting(terms, owner, leaves, executed, prevented, sequence - 1)


def _rests_as_if_hidden(
    terms: Submit, owner: Account, leaves: Lots, executed: Lots, prevented: Lots, sequence: int
) -> Resting:
    """An order that comes to rest queues behind the hidden ones."""
    return _resting(terms, owner, leaves, executed, prevented, sequence)._replace(rank=kernel.HIDDEN)


def _shows_all(terms: Submit, owner: Account, leaves: Lots, executed: Lots, prevented: Lots, sequence: int) -> Resting:
    """An iceberg that comes to rest shows all it has."""
    at_rest = _resting(terms, owner, leaves, executed, prevented, sequence)
    return at_rest._replace(slice=at_rest.leaves, reserve=0)


def _takers_price(*arguments: Any) -> Match:
    """Trades are at the taker's limit."""
    call, match = _Call(*arguments), _match(*arguments)

    def priced(meeting: Meeting) -> Meeting:
        terms = meeting.before.terms
        limit = -call.reach if terms.side is Side.BUY else call.reach
        return meeting._replace(before=meeting.before._replace(terms=terms._replace(price=limit)))

    return match._replace(meetings=tuple(map(priced, match.meetings)))


def _one_tick_too_far(*arguments: Any) -> Match:
    """An order trades one tick beyond its limit."""
    call = _Call(*arguments)
    return _match(*call._replace(reach=call.reach + 1))


def _worse_price_first(*arguments: Any) -> Match:
    """The second best price trades first."""
    return _first_in_line_last(_Call(*arguments), same_price=False)


def _later_first(*arguments: Any) -> Match:
    """At one price the second in line trades first."""
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
    """An iceberg trades all it has in one go."""
    call = _Call(*arguments)
    whole = [maker._replace(slice=maker.leaves, reserve=0) for maker in call.makers]
    return _match(*call._replace(makers=SortedTuple(whole)))


def _looks_at_the_first_maker_only(*arguments: Any) -> Match:
    """Self-trade prevention looks at the first maker only."""
    call = _Call(*arguments)
    if call.makers and call.makers.first.owner == call.owner:
        return _match(*call)
    return _match(*call._replace(prevention=SelfTradePrevention.NONE))


def _reduces_the_maker_only(*arguments: Any) -> Match:
    """Self-trade prevention reduces the maker but not the taker."""
    match = _match(*arguments)
    return match._replace(leaves=match.leaves + sum(meeting.prevented for meeting in match.meetings))


def _prevents_before_it_trades(*arguments: Any) -> Match:
    """Self-trade prevention cancels what the order would never have reached."""
    call = _Call(*arguments)
    own = [maker for maker in call.makers if maker.owner == call.owner and maker.key <= call.reach]
    others = SortedTuple([maker for maker in call.makers if maker not in own])
    match = _match(*call._replace(makers=others))
    return match._replace(meetings=(*(Meeting(0, 0, maker, None) for maker in own), *match.meetings))


def _remainder_rests(*arguments: Any) -> Match:
    """What self-trade prevention cancelled comes to rest all the same."""
    return _match(*arguments)._replace(self_trade=False)


_BUY, _SELL = Side.BUY, Side.SELL
_TAKER, _MAKER = SelfTradePrevention.CANCEL_TAKER, SelfTradePrevention.CANCEL_MAKER
_DECREMENT = SelfTradePrevention.DECREMENT

DEFECTS = (
    Defect(_never_at_the_limit, "crosses", limit_order, uncrossed, (_BUY, 100, 1, (Order(0, 1, 1),), None, 100, 1, 1)),
    Defect(
        _loses_a_lot,
        "_reduced",
        limit_order,
        conserved,
        (_BUY, 100, 1_000_001, (Order(0, 1, 1_000_003),), None, 100, 1, 1),
    ),
    Defect(_takers_price, "match", limit_order, maker_price, (_BUY, 101, 1, (Order(0, 1, 1),), None, 100, 1, 1)),
    Defect(
        _worse_price_first,
        "match",
        limit_order,
        price_first,
        (_BUY, 101, 1, (Order(0, 1, 1), Order(1, 2, 1)), None, 100, 1, 2),
    ),
    Defect(_one_tick_too_far, "match", limit_order, price_first, (_BUY, 99, 1, (Order(0, 1, 1),), None, 100, 1, 1)),
    Defect(
        _later_first,
        "match",
        limit_order,
        time_first,
        (_BUY, 100, 1, (Order(0, 1, 1), Order(0, 2, 1)), None, 100, 1, 2),
    ),
    Defect(
        _rests_as_if_hidden,
        "resting",
        among_hidden,
        displayed_first,
        (_BUY, 99, 1, None, (Ranked(0, 1, 1, kernel.HIDDEN),), 100, 1, 1),
    ),
    Defect(
        _remainder_queues_anew,
        "_reduced",
        limit_order,
        keeps_place,
        (_BUY, 100, 1, (Order(0, 1, 2), Order(0, 2, 1)), None, 100, 1, 2),
    ),
    Defect(
        _number_given_twice,
        "resting",
        limit_order,
        well_formed,
        (_BUY, 99, 1, None, (Order(0, 1, 1),), 100, 1, 1),
    ),
    Defect(
        _new_slice_keeps_place,
        "_reduced",
        iceberg_order,
        keeps_place,
        (_BUY, 100, 1, 1, (Iceberg(0, 1, 1, 1, 1), Order(0, 2, 1)), None, 100, 1, 2),
    ),
    Defect(
        _iceberg_in_one_trade,
        "match",
        iceberg_order,
        takes_turns,
        (_BUY, 100, 2, 1, (Iceberg(0, 1, 1, 1, 1),), None, 100, 1, 1),
    ),
    Defect(
        _shows_all,
        "resting",
        iceberg_order,
        shows_its_display,
        (_BUY, 99, 2, 1, None, None, 100, 1, 1),
    ),
    Defect(
        _looks_at_the_first_maker_only,
        "match",
        own_order,
        no_self_trade,
        (_BUY, 100, 2, 7, _DECREMENT, (Order(0, 1, 1, 8), Order(0, 2, 1, 7)), None, 100, 1, 2),
    ),
    Defect(
        _prevents_before_it_trades,
        "match",
        own_order,
        when_met,
        (_BUY, 100, 1, 7, _MAKER, (Order(0, 1, 1, 8), Order(0, 2, 1, 7)), None, 100, 1, 2),
    ),
    Defect(
        _reduces_the_maker_only,
        "match",
        own_order,
        conserved,
        (_BUY, 100, 1, 7, _DECREMENT, (Order(0, 1, 2, 7),), None, 100, 1, 1),
    ),
    Defect(
        _remainder_rests,
        "match",
        own_order,
        as_asked,
        (_BUY, 100, 1, 7, _TAKER, (Order(0, 1, 1, 7),), None, 100, 1, 1),
    ),
    Defect(
        _never_at_the_limit,
        "crosses",
        from_empty,
        uncrossed,
        ((Entry(_SELL, 100, 1), Entry(_BUY, 100, 1), Entry(_BUY, 90, 1)),),
    ),
    Defect(
        _loses_a_lot,
        "_reduced",
        both,
        agree,
        ((Entry(_SELL, 100, 1_000_003), Entry(_BUY, 100, 1_000_001), Entry(_BUY, 90, 1)),),
    ),
    Defect(
        _never_at_the_limit,
        "crosses",
        both_limited,
        agree,
        ((Entry(_SELL, 100, 1), Entry(_BUY, 100, 1)),),
    ),
    Defect(
        _remainder_rests,
        "match",
        both_special,
        agree,
        ((Special(_SELL, 100, 1, 1, 7), Special(_BUY, 100, 1, 1, 7)), _TAKER),
    ),
)
"""Every defect, by what it breaks. When the engine is compared, the oracle stands in for a broken one."""
