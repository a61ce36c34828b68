"""The matching kernel: what happens when an order meets the other side of the book.

Everything here is integers, and one function serves both sides because prices are *signed keys*: a bid's key is its
price negated, an ask's key its price, so on either side a smaller key is a better price. An incoming order's *reach*
is the largest key it will trade with. `bookproof prove` shows the properties of this module for all integers on
bounded books; the oracle runs the very same code.
"""

from __future__ import annotations

from typing import NamedTuple

from bookproof.spec.commands import Submit
from bookproof.spec.rulebook import fired
from bookproof.spec.slices import slice_of
from bookproof.spec.sorted_tuple import SortedTuple
from bookproof.spec.values import Account, DisplayRange, Lots, OrderId, SelfTradePrevention, Side, Ticks

UNBOUNDED = 10**18
"""The reach of a market order: beyond every key (B1)."""

NOWHERE = -UNBOUNDED
"""The reach of an order that may not trade at all: before every key."""

DISPLAYED = 0
HIDDEN = 1
"""Ranks: at equal price displayed quantity trades before hidden (D4)."""


class Resting(NamedTuple):
    """One order in the book. Its first three fields are its priority, so a sorted side is a queue."""

    key: int
    """Signed price: better is smaller (B2)."""
    rank: int
    """Displayed before hidden (D4)."""
    sequence: int
    """Earlier before later (B3, A2)."""
    order_id: OrderId
    owner: Account
    """Who it trades for (G1)."""
    slice: Lots
    """What can trade before the order has to queue anew; at least 1."""
    reserve: Lots
    """What stands behind the slice (D1)."""
    display: Lots | DisplayRange
    """Largest slice, or what each of them is drawn from (D3)."""
    executed: Lots
    prevented: Lots
    terms: Submit
    """As accepted, or as replaced at last."""

    @property
    def leaves(self) -> Lots:
        """All that is open."""
        return self.slice + self.reserve

    @property
    def price(self) -> Ticks:
        """The limit it rests at, which is its trade price but in an uncross (B4). Collected market orders have none."""
        assert self.terms.price is not None
        return self.terms.price


class Meeting(NamedTuple):
    """What one maker and the taker did to each other."""

    traded: Lots
    prevented: Lots
    before: Resting
    after: Resting | None
    """None when it left the book."""
    cut: Lots = 0
    """They did not meet: the maker is reduce-only, and a fill of its account left it so much too large (C9)."""


class Match(NamedTuple):
    """What is left when an aggressor has done what it can."""

    makers: SortedTuple[Resting]
    leaves: Lots
    sequence: int
    meetings: tuple[Meeting, ...]
    self_trade: bool
    """Prevention ended the aggressor: its remainder must not rest (G5)."""

    @property
    def executed(self) -> Lots:
        """Lots that traded."""
        return sum(meeting.traded for meeting in self.meetings)


def signed_key(side: Side, price: Ticks) -> int:
    """The key of an order resting on `side` at `price` (B2).

    >>> signed_key(Side.BUY, 101) < signed_key(Side.BUY, 100)
    True
    """
    return -price if side is Side.BUY else price


def resting_key(terms: Submit) -> int:
    """The key of an order that comes to rest. A market order rests only for an uncross, before every limit (I6)."""
    return -UNBOUNDED if terms.price is None else signed_key(terms.side, terms.price)


def reach_of(side: Side, price: Ticks | None) -> int:
    """The largest opposite key an incoming order trades with; a market order has no bound (B1).

    >>> signed_key(Side.SELL, 100) <= reach_of(Side.BUY, 100)
    True
    """
    return UNBOUNDED if price is None else -signed_key(side, price)


def crosses(makers: SortedTuple[Resting], reach: int) -> bool:
    """Whether an order with this reach would trade now (B1)."""
    return bool(makers) and makers.first.key <= reach


def match(
    makers: SortedTuple[Resting],
    reach: int,
    leaves: Lots,
    owner: Account,
    prevention: SelfTradePrevention,
    sequence: int,
    whole_icebergs: bool = False,
) -> Match:
    """Let an aggressor take from the opposite side, best maker first, until nothing is left or nothing crosses.

    `makers` is the opposite side, `sequence` the last number given out in this book. With `whole_icebergs` an
    aggressor that exceeds a slice trades with all that is behind it at once (D3). Nothing is changed: whoever
    does not like the result (fill-or-kill, rule C5) drops it.
    """
    meetings: list[Meeting] = []
    while leaves > 0 and crosses(makers, reach):
        fired("B1")
        fired("B5")
        maker = makers.first
        quantity = min(leaves, maker.slice)
        gives = maker
        if prevention is not SelfTradePrevention.NONE and maker.owner == owner:
            fired("G2")
            fired("G3")
            fired("G4")
            if prevention is SelfTradePrevention.CANCEL_TAKER:
                return Match(makers, leaves, sequence, tuple(meetings), True)
            if not prevention.decrements:
                meetings.append(Meeting(0, 0, maker, None))
                makers = makers.remove(maker)
                if prevention is SelfTradePrevention.CANCEL_BOTH:
                    return Match(makers, leaves, sequence, tuple(meetings), True)
                continue
            traded, prevented = 0, quantity
        else:
            fired("B4")
            if whole_icebergs and leaves > maker.slice:  # D3: as if it had shown just what trades now
                quantity = min(leaves, maker.leaves)
                gives = maker._replace(slice=quantity, reserve=maker.leaves - quantity)
            traded, prevented = quantity, 0
        after, sequence = _reduced(gives, traded, prevented, sequence)
        meetings.append(Meeting(traded, prevented, maker, after))
        leaves -= quantity
        if after is None:
            fired("B11")
            makers = makers.remove(maker)
        elif after.sequence == maker.sequence:
            fired("B7")
            makers = makers.replace(maker, after)
        else:
            fired("D6" if prevented else "D2")
            makers = makers.remove(maker).add(after)
    return Match(makers, leaves, sequence, tuple(meetings), False)


def _reduced(maker: Resting, traded: Lots, prevented: Lots, sequence: int) -> tuple[Resting | None, int]:
    """The maker after a meeting, and the last sequence number given out."""
    left = maker.slice - traded - prevented
    executed = maker.executed + traded
    all_prevented = maker.prevented + prevented
    if left > 0:  # B7: what is left keeps its place
        return maker._replace(slice=left, executed=executed, prevented=all_prevented), sequence
    if maker.reserve > 0:  # D2, D6: a new slice, at the end of the level's queue
        shown = slice_of(maker.display, maker.reserve)
        refreshed = maker._replace(
            sequence=sequence + 1,
            slice=shown,
            reserve=maker.reserve - shown,
            executed=executed,
            prevented=all_prevented,
        )
        return refreshed, sequence + 1
    return None, sequence  # B11


def resting(terms: Submit, owner: Account, leaves: Lots, executed: Lots, prevented: Lots, sequence: int) -> Resting:
    """The record of an order that comes to rest: its key, its rank, its first slice (D1, D4)."""
    hidden = terms.display == 0
    display = leaves if hidden or terms.display is None else terms.display
    shown = slice_of(display, leaves)
    return Resting(
        key=resting_key(terms),
        rank=HIDDEN if hidden else DISPLAYED,
        sequence=sequence,
        order_id=terms.order_id,
        owner=owner,
        slice=shown,
        reserve=leaves - shown,
        display=display,
        executed=executed,
        prevented=prevented,
        terms=terms,
    )
