"""The engine's auctions: what a book does while it collects orders, and how a call ends (rules I).

Written apart from the rule book, and another way. The rule book looks at every price. Here both sides are walked from
their best orders inward, pairing quantity until they no longer cross: as much as that can trade at one price, and no
more. The prices at which it can are an interval, and the next orders of either side tell where in it the surplus is
smallest. Only the orders that trade, and those of the one level after them, are looked at.

All of it is about one book: whoever calls holds its stripe, as for any other command about one book.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bookproof.engine.ladder import LOWEST_RUNG, MARKET_RUNG, Ladder, RestingOrder
from bookproof.engine.slices import next_slice
from bookproof.spec.commands import Submit
from bookproof.spec.events import Cancelled, Event, Trade, Uncrossed
from bookproof.spec.profile import Profile, Reopen
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import Lots, Phase, Side, Ticks, TimeInForce
from bookproof.spec.views import Indicative

if TYPE_CHECKING:
    from bookproof.engine.book import FastBook

_SHUT = {
    Phase.HALT: RejectReason.BOOK_HALTED,
    Phase.CANCEL_ONLY: RejectReason.CANCELS_ONLY,
    Phase.CLOSED: RejectReason.BOOK_CLOSED,
}

_WAYS = {
    Phase.PRE_OPEN: "call halt cancel-only closed",
    Phase.CALL: "continuous halt cancel-only closed",
    Phase.CONTINUOUS: "call halt cancel-only closed",
    Phase.HALT: "call continuous cancel-only closed",
    Phase.CANCEL_ONLY: "call continuous halt closed",
    Phase.CLOSED: "pre-open",
}
"""J1: the phases that follow upon each."""

NOBODY = Indicative(None, 0, 0)
"""What is indicated when nothing can trade."""


# ── phases ──


def shut(phase: Phase) -> RejectReason | None:
    """Why a book in this phase takes neither a new order nor a replace (J1, J2)."""
    return _SHUT.get(phase)


def refusal(phase: Phase, order: Submit) -> RejectReason | None:
    """Why a book that is not continuous does not take a new order (J1, J2, I1)."""
    if phase in _SHUT:
        return _SHUT[phase]
    if order.stop is not None:
        return None
    now = order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK)
    return RejectReason.NOT_IN_AUCTION if now or order.post_only or order.min_quantity else None


def cannot_go(book: FastBook, phase: Phase, profile: Profile) -> RejectReason | None:
    """Why a book does not go to another phase (J1, J3)."""
    if phase.value not in _WAYS[book.phase].split():
        return RejectReason.INVALID_PHASE
    if phase is Phase.CONTINUOUS and book.phase is Phase.CALL:
        return RejectReason.UNDERLYING_HALTED if book.halted_above else None  # J6
    if phase is not Phase.CONTINUOUS:
        return None
    if profile.reopen is Reopen.CALL or book.would_stir():
        return RejectReason.NEEDS_CALL
    return None


# ── the price ──


class _Front:
    """Where the walk over one side stands: the rest of a level, and what lies behind it.

    Prices are made such that a smaller one is keener: asks have their price, bids their price negated. A market order
    is keener than any.
    """

    __slots__ = ("_at", "_ladder", "left", "price")

    def __init__(self, ladder: Ladder) -> None:
        self._ladder = ladder
        self._at = len(ladder.rungs)
        self.left: Lots = 0
        """What is open at the present price; 0 when the side is used up."""
        self.price = LOWEST_RUNG
        self.onward()

    def onward(self) -> None:
        """To the next level."""
        self._at -= 1
        if self._at < 0:
            self.left = 0
            return
        there = self._ladder.resting[self._at]
        self.price = -self._ladder.rungs[self._at]
        self.left = there.leaves if isinstance(there, RestingOrder) else sum(order.leaves for order in there)

    def up_to(self, price: int) -> Lots:
        """Walk on: what is open from here on at this price or keener."""
        total = 0
        while self.left and self.price <= price:
            total += self.left
            self.onward()
        return total


def indicated(bids: Ladder, asks: Ladder, reference: Ticks | None, tick: Ticks) -> Indicative:
    """The price, volume and surplus of an uncross (I2 to I5)."""
    if not (bids.rungs and asks.rungs and bids.rungs[-1] >= -asks.rungs[-1]):
        return NOBODY
    buyers, sellers = _Front(bids), _Front(asks)
    volume = 0
    low = high = 0
    while buyers.left and sellers.left and sellers.price <= -buyers.price:
        quantity = min(buyers.left, sellers.left)
        volume += quantity
        low, high = sellers.price, -buyers.price  # the last to trade: the price lies between their limits
        for front in (buyers, sellers):
            front.left -= quantity
            if not front.left:
                front.onward()
    limits = [*_limits(bids.rungs), *(-rung for rung in _limits(asks.rungs))]
    if limits:
        low, high = max(low, min(limits)), min(high, max(limits))
    elif reference is None:
        return NOBODY
    else:
        low = high = reference
    # What is left does not cross. Up to the best bid that is left there are too many buyers, the fewer the higher;
    # from the best ask that is left on there are too many sellers, the fewer the lower; in between there are neither.
    bid = min(-buyers.price, high) if buyers.left else None
    ask = max(sellers.price, low) if sellers.left else None
    even_low = low if bid is None else max(low, bid + tick)
    even_high = high if ask is None else min(high, ask - tick)
    if even_low <= even_high:
        return Indicative(even_high if reference is None else max(even_low, min(reference, even_high)), volume, 0)
    long = buyers.up_to(-bid) if bid is not None and bid >= low else 0
    short = sellers.up_to(ask) if ask is not None and ask <= high else 0
    if bid is not None and long and (not short or long < short or (long == short and _nearer(bid, ask, reference))):
        return Indicative(bid, volume, long)
    assert ask is not None
    return Indicative(ask, volume, -short)


def _limits(rungs: list[int]) -> list[int]:
    """The outermost rungs of a side that are limits: none, or the lowest and the highest."""
    top = len(rungs) - (rungs[-1] == MARKET_RUNG)
    return [rungs[0], rungs[top - 1]] if top else []


def _nearer(bid: Ticks, ask: Ticks | None, reference: Ticks | None) -> bool:
    """Whether the lower of two prices, with as many left over, is nearer to the last trade (I5)."""
    return reference is not None and ask is not None and abs(bid - reference) < abs(ask - reference)


# ── the uncross ──


def uncross(book: FastBook, bids: Ladder, asks: Ladder, tick: Ticks) -> list[Event]:
    """End a call: everybody trades who can at one price, and what is left of market orders goes (I6, C3)."""
    found = indicated(bids, asks, book.last_price, tick)
    price, volume = found.price, found.volume
    events: list[Event] = [Uncrossed(book.symbol, price, volume, found.surplus)]
    if price is not None:
        book.last_price = price
        buys, sells = list(_shares(bids, volume)), list(_shares(asks, volume))
        _pair(book.symbol, price, buys, sells, events)
        for ladder, shares in ((bids, buys), (asks, sells)):
            for order, quantity in shares:
                _give(book, ladder, order, quantity)
    for side, ladder in ((Side.BUY, bids), (Side.SELL, asks)):
        if ladder.rungs and ladder.rungs[-1] == MARKET_RUNG:
            for order in list(next(iter(ladder.best_first()))):
                ladder.remove(order)
                book.forget(order.order_id)
                events.append(Cancelled(book.symbol, order.order_id, side, None, order.leaves, CancelReason.MARKET))
    return events


def _shares(ladder: Ladder, volume: Lots) -> Iterator[tuple[RestingOrder, Lots]]:
    """The first orders of a side, and what each trades of a volume; icebergs all they have (I8)."""
    for order in ladder:
        if not volume:
            return
        quantity = min(order.leaves, volume)
        yield order, quantity
        volume -= quantity


def _pair(
    symbol: str,
    price: Ticks,
    buys: list[tuple[RestingOrder, Lots]],
    sells: list[tuple[RestingOrder, Lots]],
    events: list[Event],
) -> None:
    """The trades between two lists of shares with the same sum. The seller stands where a maker would."""
    waiting = iter(sells)
    sell, sold = next(waiting)
    for buy, bought in buys:
        while bought:
            if not sold:
                sell, sold = next(waiting)
            quantity = min(bought, sold)
            events.append(Trade(symbol, price, quantity, sell.order_id, buy.order_id))
            bought -= quantity
            sold -= quantity


def _give(book: FastBook, ladder: Ladder, order: RestingOrder, quantity: Lots) -> None:
    """Take a share from an order, and the order from the book if that was all of it."""
    left = order.leaves - quantity
    order.executed += quantity
    if quantity < order.slice:  # B7
        order.slice -= quantity
        return
    ladder.remove(order)
    book.forget(order.order_id)
    if left:  # D2: the next slice, behind everybody else of its price
        order.slice = next_slice(order.terms.display or left, left)
        order.reserve = left - order.slice
        book.remember(order)
        ladder.add(order, order.rung, order.price)
