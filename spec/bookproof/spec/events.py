"""What an exchange says. Every event is a small immutable value.

Each command is answered by exactly one acknowledgement or one `Rejected` (rule A4); the other events tell what
followed from it, in the order in which it happened.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import Account, Lots, Nanoseconds, OrderId, Side, Symbol, Ticks, Value
from bookproof.spec.views import BookView


class Accepted(Value, frozen=True):
    """A new order is in, with its terms as entered; for a basket, one for each leg."""

    symbol: Symbol
    order_id: OrderId
    side: Side
    price: Ticks | None
    quantity: Lots


class Rejected(Value, frozen=True):
    """The command was refused and nothing changed (rule A4)."""

    symbol: Symbol | None
    order_id: OrderId | None
    reason: RejectReason


class Trade(Value, frozen=True):
    """A fill, at the resting order's price (rule B4)."""

    symbol: Symbol
    price: Ticks
    quantity: Lots
    maker: OrderId
    taker: OrderId


class Prevented(Value, frozen=True):
    """A trade that self-trade prevention did not let happen: both orders are less by this quantity (rules G3, A6)."""

    symbol: Symbol
    price: Ticks
    quantity: Lots
    maker: OrderId
    taker: OrderId


class Cancelled(Value, frozen=True):
    """An order left its book other than by trading. Price is where it rested, or its limit if it never did."""

    symbol: Symbol
    order_id: OrderId
    side: Side
    price: Ticks | None
    quantity: Lots
    """What was still open (leaves); 0 when prevention left nothing of it."""
    reason: CancelReason


class Replaced(Value, frozen=True):
    """An order has new terms. Its fills, if it crosses, come after this (rule F3)."""

    symbol: Symbol
    order_id: OrderId
    side: Side
    price: Ticks | None
    quantity: Lots
    """The quantity as asked for."""


class Triggered(Value, frozen=True):
    """A stop became an order of its book (rule E4)."""

    symbol: Symbol
    order_id: OrderId


class MassCancelled(Value, frozen=True):
    """A mass cancel found this many live orders."""

    account: Account
    orders: int


class Halted(Value, frozen=True):
    """A book, or without a symbol the market, is halted."""

    symbol: Symbol | None


class Resumed(Value, frozen=True):
    """A book, or without a symbol the market, goes on."""

    symbol: Symbol | None


class ClockAdvanced(Value, frozen=True):
    """The clock moved; what expired by it stands before this."""

    now: Nanoseconds


class DayEnded(Value, frozen=True):
    """The day is over; what expired by it stands before this."""


class SnapshotTaken(Value, frozen=True):
    """All books at one instant, in listing order."""

    books: tuple[BookView, ...]


class ImpliedLeg(Value, frozen=True):
    """A resting order that took part in an implied trade, at its own price."""

    symbol: Symbol
    price: Ticks
    maker: OrderId


class ImpliedTrade(Value, frozen=True):
    """An order traded with two others that together stand for its opposite: all three in one step (rules L2, L4).

    The order gets the price that follows from theirs. It is the last trade of all three books (rule E1).
    """

    symbol: Symbol
    price: Ticks
    quantity: Lots
    taker: OrderId
    legs: tuple[ImpliedLeg, ...]
    """The two others, in listing order of their books."""


Event: TypeAlias = (
    Accepted
    | Rejected
    | Trade
    | Prevented
    | Cancelled
    | Replaced
    | Triggered
    | MassCancelled
    | Halted
    | Resumed
    | ClockAdvanced
    | DayEnded
    | SnapshotTaken
    | ImpliedTrade
)

EVENTS: tuple[type[Event], ...] = (
    Accepted,
    Rejected,
    Trade,
    Prevented,
    Cancelled,
    Replaced,
    Triggered,
    MassCancelled,
    Halted,
    Resumed,
    ClockAdvanced,
    DayEnded,
    SnapshotTaken,
    ImpliedTrade,
)
"""Every kind of event."""


def canonical_trades(events: Iterable[Event]) -> tuple[Trade, ...]:
    """Trades of one command with the fills of each (taker, maker) pair merged, in order of first fill (rule B9).

    An engine that reports an iceberg's fills slice by slice and one that reports them at once are equal in this form.

    >>> fills = [Trade("ABC", 100, 2, 1, 9), Trade("ABC", 100, 3, 2, 9), Trade("ABC", 100, 1, 1, 9)]
    >>> [(trade.maker, trade.quantity) for trade in canonical_trades(fills)]
    [(1, 3), (2, 3)]
    """
    merged: dict[tuple[Symbol, OrderId, OrderId, Ticks], Lots] = {}
    for event in events:
        if isinstance(event, Trade):
            pair = (event.symbol, event.taker, event.maker, event.price)
            merged[pair] = merged.get(pair, 0) + event.quantity
    return tuple(
        Trade(symbol, price, quantity, maker, taker) for (symbol, taker, maker, price), quantity in merged.items()
    )
