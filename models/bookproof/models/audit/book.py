"""The book as the log tells it: orders with what is left of them, in price-time priority.

Unlike a matching engine's, this book never decides anything. Trades and order events move it, and the auditor
compares each trade with what the book says *ought* to trade next.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from bookproof.models.audit.records import Origin, Trade
from bookproof.spec.values import Lots, Nanoseconds, Side, Ticks

Key: TypeAlias = int
"""A price as urgency: the smaller the key, the better the price, on either side."""

MARKET: Key = -(1 << 64)
"""The key of an order without a limit: better than every price."""


def key_of(side: Side, price: Ticks | None) -> Key:
    """Turn a limit into a key.

    >>> key_of(Side.BUY, 101) < key_of(Side.BUY, 100), key_of(Side.SELL, 100) < key_of(Side.SELL, 101)
    (True, True)
    """
    if price is None:
        return MARKET
    return -price if side is Side.BUY else price


@dataclass(slots=True)
class Ahead:
    """The orders that had to trade before some maker: at a better price, and earlier at the same price.

    A list that was cut short is not `whole`: there were more.
    """

    better: list[Order] = field(default_factory=list)
    earlier: list[Order] = field(default_factory=list)
    whole: bool = True


@dataclass(slots=True)
class Gone:
    """Quantity that an order event took off an order, and no trade accounts for yet."""

    quantity: Lots
    step: int
    """When, in the log's own count of records."""
    time_ns: Nanoseconds
    line: int
    final: bool
    """Whether the event ended the order, and did not call this part of it cancelled."""
    ahead: Ahead | None
    """Who was ahead of the order then, should a trade account for it later."""


@dataclass(slots=True, eq=False)
class Order:
    """One order of the log and what has become of it. Quantities are lots, steps count the log's records."""

    order_id: str
    side: Side
    limit: Ticks | None
    leaves: Lots | None
    """What trades and order events have left of it, or `None` if its size was never said."""
    arrived: int
    """The step at which it came, or last lost its place in the queue."""
    line: int
    time_ns: Nanoseconds
    origin: Origin
    key: Key
    resting: bool = False
    alive: bool = True
    touched: bool = False
    """Whether the venue has named it again, in any way, after it came."""
    executed: Lots = 0
    last_fill: int = 0
    """The step at which it last traded."""
    last_trade: Trade | None = None
    owed: Lots = 0
    """Traded, but not yet shown by an order event."""
    gone: tuple[Gone, ...] = ()
    """Shown by an order event, but not yet traded: oldest first."""

    @property
    def open(self) -> bool:
        """Whether it can still trade, as far as is known."""
        return self.alive and self.leaves != 0

    def gone_since(self, step: int) -> list[Gone]:
        """What order events have taken off after a step."""
        return [gone for gone in self.gone if gone.step > step]

    def account_for(self, quantity: Lots, since: int) -> Lots:
        """Let a trade account for what order events took off after a step; return how much that was."""
        found = 0
        for gone in self.gone_since(since):
            taken = min(quantity - found, gone.quantity)
            gone.quantity -= taken
            found += taken
        self.gone = tuple(gone for gone in self.gone if gone.quantity)
        return found


class Ladder:
    """The resting orders of one side: best price first, and first come, first served at each price.

    Finding the first order costs O(1), adding at a new price the shift of a list of prices. A level is an
    ordered dict and not a plain one, whose front gets slower to find with each order taken from it.

    >>> asks = Ladder()
    >>> for step, (name, price) in enumerate([("a", 101), ("b", 100), ("c", 100)]):
    ...     asks.add(Order(name, Side.SELL, price, 5, step, step + 1, 0, Origin.LIVE, price))
    >>> [order.order_id for order in asks]
    ['b', 'c', 'a']
    """

    def __init__(self) -> None:
        self._keys: list[Key] = []
        self._levels: dict[Key, OrderedDict[str, Order]] = {}

    def __iter__(self) -> Iterator[Order]:
        """Every order, first to trade first."""
        for key in self._keys:
            yield from self._levels[key].values()

    def __len__(self) -> int:
        """How many prices have orders."""
        return len(self._keys)

    @property
    def best(self) -> Key | None:
        """The key of the best price."""
        return self._keys[0] if self._keys else None

    def level_size(self, key: Key) -> int:
        """How many orders rest at one price."""
        return len(self._levels.get(key, ()))

    def add(self, order: Order) -> None:
        """Put an order at the end of its level."""
        level = self._levels.get(order.key)
        if level is None:
            level = self._levels[order.key] = OrderedDict()
            insort(self._keys, order.key)
        level[order.order_id] = order
        order.resting = True

    def remove(self, order: Order) -> None:
        """Take a resting order out, and its level with it if it was the last (rule B11)."""
        level = self._levels[order.key]
        del level[order.order_id]
        if not level:
            del self._levels[order.key]
            del self._keys[bisect_left(self._keys, order.key)]
        order.resting = False

    def ahead_of(self, order: Order, most: int) -> Ahead:
        """The orders that rules B2 and B3 put before a resting one, at most `most` of them."""
        ahead = Ahead()
        for other in self:
            if other is order:
                break
            if len(ahead.better) + len(ahead.earlier) == most:
                ahead.whole = False
                break
            (ahead.better if other.key < order.key else ahead.earlier).append(other)
        return ahead

    def within(self, reach: Key, most: int) -> Ahead:
        """The orders an incoming order with this reach would trade with (rule B1), at most `most` of them."""
        ahead = Ahead()
        for other in self:
            if other.key > reach:
                break
            if len(ahead.better) == most:
                ahead.whole = False
                break
            ahead.better.append(other)
        return ahead
