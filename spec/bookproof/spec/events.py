"""What an exchange says. Every event is a small immutable value.

Each command is answered by exactly one acknowledgement or one `Rejected` (rule A4); the other events tell what
followed from it, in the order in which it happened.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import (
    Account,
    Limits,
    ListKind,
    Lots,
    Money,
    Nanoseconds,
    OrderId,
    Phase,
    Place,
    Side,
    Symbol,
    Ticks,
    Value,
)
from bookproof.spec.views import BookView


class Accepted(Value, frozen=True):
    """A new order is in, with its terms as entered; for a basket, one for each leg.

    Of a list, each leg when it enters its book: at once, or when the order that it waits for is filled (rule H2).
    """

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
    """A fill, at the resting order's price (rule B4).

    A fill of an uncross is at its one price (rule I6), and nobody is the aggressor: there `maker` is the order that
    sells and `taker` the order that buys.
    """

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


class PhaseChanged(Value, frozen=True):
    """A book is in another phase (rule J1). What the uncross of a call traded comes after this."""

    symbol: Symbol
    phase: Phase


class Uncrossed(Value, frozen=True):
    """A call has ended (rules I2 to I5). The fills come after this, all of them at the one price (rule I6)."""

    symbol: Symbol
    price: Ticks | None
    """None when nothing can trade."""
    volume: Lots
    surplus: Lots
    """What could have traded at the price and found nobody: above 0 of buyers, below 0 of sellers."""


class ListAccepted(Value, frozen=True):
    """A list is in as a whole (rule H4). Its orders are held back until an `Accepted` says that one enters its book."""

    kind: ListKind
    orders: tuple[Place, ...]


class Deposited(Value, frozen=True):
    """Cash, or lots of one book, came into an account."""

    account: Account
    amount: int
    symbol: Symbol | None


class Withdrawn(Value, frozen=True):
    """Cash, or lots of one book, left an account."""

    account: Account
    amount: int
    symbol: Symbol | None


class LimitsSet(Value, frozen=True):
    """An account has new limits (rule M2)."""

    account: Account
    limits: Limits


class Busted(Value, frozen=True):
    """A trade was undone: what the buyer paid is back, and what the seller gave (rules N1, N2)."""

    symbol: Symbol
    trade: int
    """Its place among the trades of its book, the first is 1."""
    price: Ticks
    quantity: Lots
    buyer: Account
    seller: Account


class BlockTraded(Value, frozen=True):
    """A trade was made off-book and has settled (rule L6)."""

    symbol: Symbol
    trade: int
    """Its place among the trades of its book, the first is 1."""
    price: Ticks
    quantity: Lots
    buyer: Account
    seller: Account


class AccountBlocked(Value, frozen=True):
    """A kill switch blocked an account and found this many live orders of it (rule J7)."""

    account: Account
    orders: int


class AccountReinstated(Value, frozen=True):
    """An account may enter orders again (rule J7)."""

    account: Account


class AccountDisconnected(Value, frozen=True):
    """An account lost its connection, and this many of its live orders had to go (rule J7)."""

    account: Account
    orders: int


class ReferenceSet(Value, frozen=True):
    """A book has a new reference price (rule J4)."""

    symbol: Symbol
    price: Ticks


class MarkSet(Value, frozen=True):
    """A book has another mark (rule M3). The stops that follow it come after this (rule E1)."""

    symbol: Symbol
    price: Ticks


class Repriced(Value, frozen=True):
    """The venue's rules gave an order another limit than the one it named, or one where it named none (C3, C6, E6, J5).

    What it trades, and where it rests, after this follows from the new one.
    """

    symbol: Symbol
    order_id: OrderId
    side: Side
    price: Ticks


class IndexMoved(Value, frozen=True):
    """The index stands here, and so many levels of the breaker have been crossed today (rule J6)."""

    value: int
    level: int


class ImpliedLeg(Value, frozen=True):
    """A resting order that took part in an implied trade, at its own price."""

    symbol: Symbol
    price: Ticks
    maker: OrderId


class ImpliedTrade(Value, frozen=True):
    """An order traded with others that together stand for its opposite: all of them in one step (rules L2, L4).

    The order gets the price that follows from theirs. It is the last trade of all their books (rule E1).
    """

    symbol: Symbol
    price: Ticks
    quantity: Lots
    taker: OrderId
    legs: tuple[ImpliedLeg, ...]
    """The others, in listing order of their books: two, or three in the second generation (L3)."""


class Transferred(Value, frozen=True):
    """What prevention kept from trading moved between two accounts of one owner all the same (rule G3).

    It comes after its `Prevented`. No trade is made, so no last price and no stop hears of it, and none can be busted.
    """

    symbol: Symbol
    price: Ticks
    quantity: Lots
    buyer: Account
    seller: Account


class Restated(Value, frozen=True):
    """This order is smaller by so much, and keeps its place: a rival was filled in part (rule H1), or it is reduce-only
    and the position of its account is smaller than what was open of it (rule C9)."""

    symbol: Symbol
    order_id: OrderId
    quantity: Lots
    """What it has lost: of what was asked for as well as of what is open (rule A6)."""


class Liquidated(Value, frozen=True):
    """A margin account is being closed out (rule M3). Its cancels and the orders that reduce it come after this."""

    account: Account
    equity: Money
    """Cash, and positions at their marks, before anything was done."""
    maintenance: Money
    """What that is below."""


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
    | PhaseChanged
    | Uncrossed
    | ListAccepted
    | Deposited
    | Withdrawn
    | LimitsSet
    | Busted
    | BlockTraded
    | AccountBlocked
    | AccountReinstated
    | AccountDisconnected
    | ReferenceSet
    | Repriced
    | IndexMoved
    | Restated
    | Transferred
    | MarkSet
    | Liquidated
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
    PhaseChanged,
    Uncrossed,
    ListAccepted,
    Deposited,
    Withdrawn,
    LimitsSet,
    Busted,
    BlockTraded,
    AccountBlocked,
    AccountReinstated,
    AccountDisconnected,
    ReferenceSet,
    Repriced,
    IndexMoved,
    Restated,
    Transferred,
    MarkSet,
    Liquidated,
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
