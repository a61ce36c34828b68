"""What can be seen of a book, from its best price to every order in it."""

from __future__ import annotations

from bookproof.spec.values import (
    Account,
    Limits,
    ListKind,
    Lots,
    Money,
    Nanoseconds,
    OrderId,
    OrderState,
    Phase,
    Place,
    Side,
    Symbol,
    Ticks,
    Value,
)


class QueuedOrder(Value, frozen=True):
    """One resting order in the queue view."""

    order_id: OrderId
    account: Account
    price: Ticks | None
    """None for a market order that waits for an uncross (rule I6)."""
    visible: Lots
    """The displayed slice; 0 for a hidden order."""
    leaves: Lots
    """All that is open, displayed or not."""
    top: bool = False
    """It bettered the market and is served first, where the venue's allocation knows such orders (K3)."""
    reduce_only: bool = False
    """It is made smaller with the position of its account (C9)."""


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
    """L2: displayed quantity by price, best first. Hidden orders do not show, nor market orders: they have no price."""

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


class Indicative(Value, frozen=True):
    """What would trade if the call ended now (rules I2 to I5)."""

    price: Ticks | None
    """None when nothing would."""
    volume: Lots
    surplus: Lots
    """What could trade at the price and finds nobody: above 0 of buyers, below 0 of sellers."""


class OrderList(Value, frozen=True):
    """One live list of orders: who cancels whom, or who waits for whom (rules H1 to H3)."""

    kind: ListKind
    """An OTOCO whose working order is filled has become an OCO."""
    working: Place | None
    """The order that the others wait for; None in an OCO."""
    others: tuple[Place, ...]
    """The rivals of an OCO; otherwise the orders that are held back."""

    @property
    def members(self) -> tuple[Place, ...]:
        """Every order of the list.

        >>> OrderList(ListKind.OTO, Place("ABC", 1), (Place("XYZ", 2),)).members
        (Place(symbol='ABC', order_id=1), Place(symbol='XYZ', order_id=2))
        """
        return self.others if self.working is None else (self.working, *self.others)


class BookView(Value, frozen=True):
    """Everything that can be seen of one book."""

    symbol: Symbol
    phase: Phase
    last_price: Ticks | None
    queue: Queue
    stops: Stops
    indicative: Indicative | None = None
    """Only while the book is in a call."""
    lists: tuple[OrderList, ...] = ()
    """The live lists that have an order in this book, the oldest first."""
    reference: Ticks | None = None
    """What bands are around (J4)."""
    mark: Ticks | None = None
    """What its stops follow, where that is not the last trade (rule E1)."""


class Holding(Value, frozen=True):
    """What an account has of one asset (rules M1, M4)."""

    symbol: Symbol
    """The book that it is traded in, or the group of books: what is bought in one of these is sold in any (L5)."""
    position: Lots = 0
    """What it has; below zero what it owes."""
    buying: Lots = 0
    """Open in live orders to buy."""
    selling: Lots = 0
    """Open in live orders to sell: reserved, and so not to be sold or withdrawn twice."""


class Mark(Value, frozen=True):
    """The price at which positions of one book are valued (rule M3)."""

    symbol: Symbol
    price: Ticks


class MarginView(Value, frozen=True):
    """What a margin account is worth at the marks, and what it needs (rule M3)."""

    equity: Money
    """Cash, and positions at their marks."""
    used: Money
    """Initial margin of the worst position that open orders lead to, and what they may lose; the rest is free."""
    maintenance: Money
    """With less equity than this it may be liquidated."""
    marks: tuple[Mark, ...]
    """In listing order; of books that have one."""


class AccountView(Value, frozen=True):
    """One account at one instant, over all books (rules M1, M2, M4)."""

    account: Account
    cash: Money
    reserved: Money
    """What the live orders can cost at worst; the rest of the cash is available."""
    open_orders: int
    holdings: tuple[Holding, ...]
    """In listing order, a group at its first book; where there is nothing is left out."""
    limits: Limits
    margin: MarginView | None = None
    """Only of a margin account."""


class ImpliedQuote(Value, frozen=True):
    """What the best displayed levels of two other books imply in this one (rule L2)."""

    spread: Symbol
    """The spread by which they do."""
    price: Ticks
    quantity: Lots


class ImpliedQuotes(Value, frozen=True):
    """Quotes implied in one book, best first, of equal prices as the spreads are listed.

    They stand beside the book's own depth, not in it. Two of them may rest on the same order. They are of the first
    generation: the second is made for an aggressor that comes, and shown to nobody before (L3, as at CME).
    """

    bids: tuple[ImpliedQuote, ...]
    asks: tuple[ImpliedQuote, ...]


class MarketView(Value, frozen=True):
    """What can be seen of the exchange as a whole: the state that belongs to no single book."""

    halted: bool
    """By the market-wide switch (J6)."""
    clock: Nanoseconds
    blocked: tuple[Account, ...] = ()
    """Accounts that a kill switch blocks, the lowest first (J7)."""
    index: int | None = None
    """Where the breaker's index stands (J6)."""
    index_base: int | None = None
    """What its fall is measured from."""
    breaker_level: int = 0
    """How many levels of the breaker have been crossed today."""


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
        if order.visible and order.price is not None:
            quantities[order.price] = quantities.get(order.price, 0) + order.visible
            counts[order.price] = counts.get(order.price, 0) + 1
    return tuple(Level(price, quantity, counts[price]) for price, quantity in quantities.items())
