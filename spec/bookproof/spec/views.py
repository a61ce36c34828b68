"""What can be seen of a book, from its best price to every order in it."""

from __future__ import annotations

from typing import NamedTuple

from bookproof.spec.values import Account, Lots, OrderId, OrderState, Phase, Side, Symbol, Ticks, value


@value
class QueuedOrder(NamedTuple):
    """One resting order in the queue view."""

    order_id: OrderId
    account: Account
    price: Ticks
    visible: Lots
    """The displayed slice; 0 for a hidden order."""
    leaves: Lots
    """All that is open, displayed or not."""


@value
class Queue(NamedTuple):
    """L3: every resting order, each side in the order in which it would trade."""

    bids: tuple[QueuedOrder, ...]
    asks: tuple[QueuedOrder, ...]


@value
class Level(NamedTuple):
    """What is displayed at one price."""

    price: Ticks
    quantity: Lots
    orders: int


@value
class Depth(NamedTuple):
    """L2: displayed quantity by price, best first. Hidden orders do not show."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


@value
class Top(NamedTuple):
    """L1: the best displayed level of each side, None where there is none."""

    bid: Level | None
    ask: Level | None


@value
class PendingStop(NamedTuple):
    """One stop that has not been triggered."""

    order_id: OrderId
    account: Account
    stop: Ticks
    price: Ticks | None
    leaves: Lots


@value
class Stops(NamedTuple):
    """Pending stops, each side in the order in which they would be triggered (rule E3)."""

    buys: tuple[PendingStop, ...]
    sells: tuple[PendingStop, ...]


@value
class OrderStatus(NamedTuple):
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


@value
class BookView(NamedTuple):
    """Everything that can be seen of one book."""

    symbol: Symbol
    phase: Phase
    last_price: Ticks | None
    queue: Queue
    stops: Stops


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
    levels: dict[Ticks, Level] = {}
    for order in orders:
        if order.visible:
            _, quantity, count = levels.get(order.price, (0, 0, 0))
            levels[order.price] = Level(order.price, quantity + order.visible, count + 1)
    return tuple(levels.values())
