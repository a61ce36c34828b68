"""What must hold of orders that reach over several books: predicates for `invariants`, written apart from the oracle.

Each walks along the events of one command and keeps count, in every book it reaches, of what could be traded at that
moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from bookproof.spec.commands import Route
from bookproof.spec.events import Cancelled, Event, Prevented, Rejected, Trade, Triggered
from bookproof.spec.exchange import Exchange
from bookproof.spec.reasons import CancelReason
from bookproof.spec.tape import least, same_owner, within
from bookproof.spec.values import Lots, OrderId, Phase, SelfTradePrevention, Side, Symbol, Ticks


class _Offer(NamedTuple):
    """What one resting order has left for the aggressor."""

    price: Ticks
    leaves: Lots
    own: bool
    """Whether it is of the aggressor's owner."""


_Offers = dict[Symbol, dict[OrderId, _Offer]]


def route_breaches(before: Exchange, command: Route, events: tuple[Event, ...]) -> Iterator[str]:
    """A sentence for each thing that a routed order did wrong among the books of its group (rule L5)."""
    order = command.order
    if any(isinstance(event, Rejected) for event in events):
        return
    offers = _offers(before, command)
    killed = Cancelled(order.symbol, order.order_id, order.side, order.price, order.quantity, CancelReason.KILLED)
    if killed in events or killed._replace(reason=CancelReason.MIN_QUANTITY) in events:
        there = sum(offer.leaves for book in offers.values() for offer in book.values() if within(order, offer.price))
        if order.self_trade is SelfTradePrevention.NONE and there >= least(order):
            yield f"order {order.order_id} was killed, and the group had {there} of its {least(order)}"
        return
    left: Lots = order.quantity
    for event in events:
        best = _best(offers, command)
        match event:
            case Triggered():
                break
            case Trade() | Prevented():
                if event.symbol not in offers or event.maker not in offers[event.symbol]:
                    yield f"{event} is not with an order of an open book of the group"
                elif best != (event.symbol, offers[event.symbol][event.maker].price):
                    yield f"{event} passed over the best level {best}"
                _reduce(offers, event.symbol, event.maker, event.quantity)
                left -= event.quantity
            case Cancelled() if (event.symbol, event.order_id) == (order.symbol, order.order_id):
                if event.reason is CancelReason.SELF_TRADE and left > 0 and _lacks_a_cause(offers, command, best):
                    yield f"{event}, and no order of the same owner stands at the best level {best}"
                left = 0 if event.reason is CancelReason.SELF_TRADE else left
            case Cancelled():
                _reduce(offers, event.symbol, event.order_id, event.quantity)
    best = _best(offers, command)
    if left > 0 and best is not None:
        yield f"{left} lots of order {order.order_id} did not trade, and {best} was within its limit"


def _offers(before: Exchange, command: Route) -> _Offers:
    """Every opposite order in the open books of the group: the order's own book first, then in listing order."""
    order = command.order
    own = before.books[order.symbol]
    group = own.instrument.group
    others = [book for book in before.books.values() if book is not own and group and book.instrument.group == group]
    opposite = Side.SELL if order.side is Side.BUY else Side.BUY
    return {
        book.instrument.symbol: {
            maker.order_id: _Offer(
                maker.price, maker.slice + maker.reserve, same_owner(before.profile, order, maker.terms)
            )
            for maker in book.side(opposite)
        }
        for book in (own, *others)
        if book.phase is Phase.CONTINUOUS
    }


def _best(offers: _Offers, command: Route) -> tuple[Symbol, Ticks] | None:
    """The book and the price that are next: the best price within the limit, in the first book that has it."""
    order = command.order
    prices = [
        (offer.price, symbol)
        for symbol, book in offers.items()
        for offer in book.values()
        if within(order, offer.price)
    ]
    if not prices:
        return None
    price = (min if order.side is Side.BUY else max)(price for price, _ in prices)
    return next(symbol for at, symbol in prices if at == price), price


def _lacks_a_cause(offers: _Offers, command: Route, best: tuple[Symbol, Ticks] | None) -> bool:
    """Whether a cancel that prevention gave for its reason lacks one."""
    if command.order.self_trade is SelfTradePrevention.CANCEL_BOTH:  # the own order has been cancelled just before
        return False
    own = best is not None and any(offer.own and offer.price == best[1] for offer in offers[best[0]].values())
    return not (own and command.order.self_trade is SelfTradePrevention.CANCEL_TAKER)


def _reduce(offers: _Offers, symbol: Symbol, order_id: OrderId, quantity: Lots) -> None:
    book = offers.get(symbol, {})
    offer = book.get(order_id)
    if offer is None:
        return
    left = offer._replace(leaves=offer.leaves - quantity)
    if left.leaves > 0:
        book[order_id] = left
    else:
        del book[order_id]
