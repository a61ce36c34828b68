"""The engine's price ladder: prices in order, and at each of them a queue in order of time.

A *rung* is a price that ranks within its side, the larger the better: bids rank by price, asks by price negated. The
best rung stands last in the list, where Python adds and removes cheaply.

Measured against `sortedcontainers.SortedDict`: a sorted list with `bisect` is about four times as fast up to some
ten thousand prices, because an insertion is one memory move near the end of the list. `bookproof bench` measures it.

Most orders of real flow are alone at their price as long as they live; so a queue is made when a second one comes.

`RestingOrder` has no `__init__`: whoever makes one fills it in, which takes half the time of a call, and for most
orders that is most of what resting costs.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Any, final

from bookproof.spec.commands import Submit
from bookproof.spec.values import Lots, OrderId, Side, Ticks

LOWEST_RUNG = -(10**18)
"""Below every rung: the floor of a market order."""

MARKET_RUNG = 10**18
"""Above every rung: that of a market order which waits for an uncross (rule I6)."""

OUT_OF_REACH = MARKET_RUNG + 1
"""The floor of an order that may not trade at all (rule J5)."""


@final
class RestingOrder:
    """One order in the book: alone at its price, or a link in the queue of its level."""

    __slots__ = (
        "executed",
        "following",
        "level",
        "order_id",
        "preceding",
        "prevented",
        "price",
        "reserve",
        "rung",
        "slice",
        "terms",
    )

    terms: Submit
    order_id: OrderId
    slice: Lots
    """What it shows, or all it has if it never shows more or less."""
    reserve: Lots
    executed: Lots
    prevented: Lots
    price: Any
    """In ticks; None for a market order that waits for an uncross. Whatever trades otherwise has one."""
    rung: int
    level: Level | None
    """None while it is alone: then nobody precedes or follows, and these two are not even set."""
    preceding: RestingOrder | None
    following: RestingOrder | None

    @property
    def leaves(self) -> Lots:
        """All that is open."""
        return self.slice + self.reserve


@final
class Level:
    """The orders of one price: a doubly linked list, so that any order leaves in O(1).

    First come first served, but hidden orders behind all displayed ones (rule D4).
    """

    __slots__ = ("first", "hidden", "last")

    def __init__(self, alone: RestingOrder) -> None:
        """The level of an order that is alone no longer."""
        self.first: RestingOrder | None = alone
        self.last: RestingOrder | None = alone
        self.hidden: RestingOrder | None = alone if alone.terms.display == 0 else None
        """The first of the hidden orders."""
        alone.level = self
        alone.preceding = alone.following = None

    def append(self, order: RestingOrder, hidden: bool) -> None:
        """Put an order at the end of the queue, or of its displayed part."""
        following = None if hidden else self.hidden
        preceding = self.last if following is None else following.preceding
        order.level = self
        order.preceding = preceding
        order.following = following
        if preceding is None:
            self.first = order
        else:
            preceding.following = order
        if following is None:
            self.last = order
        else:
            following.preceding = order
        if hidden and self.hidden is None:
            self.hidden = order

    def unlink(self, order: RestingOrder) -> None:
        """Take an order out, wherever it stands."""
        preceding, following = order.preceding, order.following
        if preceding is None:
            self.first = following
        else:
            preceding.following = following
        if following is None:
            self.last = preceding
        else:
            following.preceding = preceding
        if order is self.hidden:
            self.hidden = following

    def __iter__(self) -> Iterator[RestingOrder]:
        order = self.first
        while order is not None:
            yield order
            order = order.following


class Ladder:
    """One side of a book: two parallel lists, the rungs in order, best last, and what rests at each of them.

    That is an order alone, or a level of several. No level in it is empty.

    >>> bids = Ladder()
    >>> for price in (100, 102, 101):
    ...     order = RestingOrder()
    ...     order.order_id = price
    ...     bids.add(order, price, price)
    >>> [order.order_id for order in bids], bids.rungs
    ([102, 101, 100], [100, 101, 102])
    """

    __slots__ = ("_latest", "resting", "rungs")

    def __init__(self) -> None:
        self.rungs: list[int] = []
        self.resting: list[RestingOrder | Level] = []
        # Where the last rung went in. Most orders are cancelled, and most of these while still the newest.
        self._latest = 0

    def add(self, order: RestingOrder, rung: int, price: Ticks | None, hidden: bool = False) -> None:
        """Put an order at the end of the queue of its price."""
        order.rung = rung
        order.price = price
        rungs = self.rungs
        at = bisect_left(rungs, rung)
        if at == len(rungs) or rungs[at] != rung:
            order.level = None
            rungs.insert(at, rung)
            self.resting.insert(at, order)
            self._latest = at
            return
        there = self.resting[at]
        if type(there) is RestingOrder:
            self.resting[at] = there = Level(there)
        level: Any = there
        if hidden or level.hidden is not None:
            level.append(order, hidden)
            return
        order.level = level  # as `append`, which stands here once more because a call costs as much again
        order.preceding = last = level.last
        order.following = None
        level.last = last.following = order

    def remove(self, order: RestingOrder) -> None:
        """Take an order out, and its price with it if it was alone there (rule B11)."""
        level = order.level
        if level is not None:
            preceding, following = order.preceding, order.following
            if preceding is not following:
                if preceding is None or following is None or order is level.hidden:
                    level.unlink(order)
                else:  # as `unlink`, for the same reason
                    preceding.following = following
                    following.preceding = preceding
                return
            order.level = level.first = level.last = None  # or each would keep the other from being freed
        at, rungs, rung = self._latest, self.rungs, order.rung
        if at >= len(rungs) or rungs[at] is not rung:
            at = bisect_left(rungs, rung)
        del rungs[at], self.resting[at]

    def best_first(self, floor: int = LOWEST_RUNG) -> Iterator[Iterable[RestingOrder]]:
        """The orders of each price at `floor` or better, the best price first."""
        for rung, there in zip(reversed(self.rungs), reversed(self.resting), strict=True):
            if rung < floor:
                return
            yield there if isinstance(there, Level) else (there,)

    def __iter__(self) -> Iterator[RestingOrder]:
        """Every order, in the order in which they would trade."""
        for orders in self.best_first():
            yield from orders


def rung_of(side: Side, price: Ticks) -> int:
    """The rung of an order that rests on `side` at `price`.

    >>> rung_of(Side.BUY, 101) > rung_of(Side.BUY, 100), rung_of(Side.SELL, 101) > rung_of(Side.SELL, 100)
    (True, False)
    """
    return price if side is Side.BUY else -price


def floor_of(side: Side, price: Ticks | None) -> int:
    """The lowest rung of the other side that an order coming in on `side` trades with.

    >>> rung_of(Side.SELL, 100) >= floor_of(Side.BUY, 100)
    True
    """
    if price is None:
        return LOWEST_RUNG
    return -price if side is Side.BUY else price
