"""What can be seen of a book, from its best price to every order in it."""

from __future__ import annotations

from bookproof.spec.values import Account, Lots, OrderId, OrderState, Phase, Side, Symbol, Ticks, Value


class QueuedOrder(Value, frozen=True):
    """One resting order in the queue view."""

    order_id: OrderId
    account: Account
    price: Ticks
    visible: Lots
    """The displayed slice; 0 for a hidden order."""
    leaves: Lots
    """All that is open, displayed or not."""


class Queue(Value, frozen=True):
    """L3: every resting order, each side in the order in which it would trade."""

    bids: tuple[QueuedOrder, ...]
    asks: tuple[QueuedOrder, ...]


class Level(Value, frozen=True):
    """What is displayed at one price."""

    price: Ticks
    quantity: Lots
    orders: int


class Depth(Value, frozen=True):
    """L2: displayed quantity by price, best first. Hidden orders do not show."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class Top(Value, frozen=True):
    """L1: the best displayed level of each side, None where there is none."""

    bid: Level | None
    ask: Level | None


class PendingStop(Value, frozen=True):
    """One stop that has not been triggered."""

    order_id: OrderId
    account: Account
    stop: Ticks
    price: Ticks | None
    leaves: Lots


class Stops(Value, frozen=True):
    """Pending stops, each side in the order in which they would be triggered (rule E3)."""

    buys: tuple[PendingStop, ...]
    sells: tuple[PendingStop, ...]


class OrderStatus(Value, frozen=True):
    """Where a live order stands.

    Quantity is what was asked for at last; executed, leaves and prevented make it up (A6).
    """

    order_id: OrderId
    state: OrderState
    side: Side
    price: Ticks | None
    quantity: Lots
    executed: Lots
    prevented: Lots
    leaves: Lots


class BookView(Value, frozen=True):
    """Everything that can be seen of one book."""

    symbol: Symbol
    phase: Phase
    last_price: Ticks | None
    queue: Queue
    stops: Stops


class ImpliedQuote(Value, frozen=True):
    """What the best displayed levels of two other books imply in this one (rule L2)."""

    spread: Symbol
    """The spread by which they do."""
    price: Ticks
    quantity: Lots


class ImpliedQuotes(Value, frozen=True):
    """Quotes implied in one book, best first, of equal prices as the spreads are listed.

    They stand beside the book's own depth, not in it. Two of them may rest on the same order.
    """

    bids: tuple[ImpliedQuote, ...]
    asks: tuple[ImpliedQuote, ...]


def depth_of(queue: Queue) -> Depth:
    """The L2 view that follows from an L3 view. Judges use it to hold an engine's own depth against its own queue.

    >>> depth_of(Queue((QueuedOrder(1, 7, 100, 2, 9), QueuedOrder(2, 8, 100, 1, 1)), ())).bids
    (Level(price=100, quantity=3, orders=2),)
    """
    return Depth(_levels(queue.bids), _levels(queue.asks))


def top_of(depth: Depth) -> Top:
    """The L1 view that follows from an L2 view."""
    return Top(depth.bids[0] if depth.bids else None, depth.asks[0] if depth.asks else None)


def _levels(orders: tuple[QueuedOrder, ...]) -> tuple[Level, ...]:
    quantities: dict[Ticks, Lots] = {}
    counts: dict[Ticks, int] = {}
    for order in orders:
        if order.visible:
            quantities[order.price] = quantities.get(order.price, 0) + order.visible
            counts[order.price] = counts.get(order.price, 0) + 1
    return tuple(Level(price, quantity, counts[price]) for price, quantity in quantities.items())
