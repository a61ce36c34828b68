"""The engine's price ladder: levels in order of price, in each level a queue in order of time.

A *rung* is an integer that ranks a level within its side: the larger the better. Bids rank by price, asks by price
negated; each price has two rungs, the upper one for displayed orders and the lower one for hidden orders, so that
"displayed before hidden" (rule D4) is nothing but one more level. The best rung stands last in the list, where Python
adds and removes cheaply.

Measured against `sortedcontainers.SortedDict`: a sorted list with `bisect` is about four times as fast up to some
ten thousand levels, because an insertion is one memory move near the end of the list.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from bookproof.spec.commands import Submit
from bookproof.spec.values import Lots, OrderId, Side, Ticks

LOWEST_RUNG = -(10**18)
"""Below every rung: the floor of a market order."""


class RestingOrder:
    """One order in the book: a link in the queue of its level."""

    # No __slots__: an attribute that most orders never change is a class attribute until it is changed, which makes
    # the common order cheaper to create than a slot for every attribute would.
    reserve: Lots = 0
    executed: Lots = 0
    prevented: Lots = 0

    def __init__(self, terms: Submit, slice: Lots) -> None:
        self.terms = terms
        self.slice = slice
        self.level: Level
        self.preceding: RestingOrder | None
        self.following: RestingOrder | None

    @property
    def order_id(self) -> OrderId:
        """The id it was entered with."""
        return self.terms.order_id

    @property
    def leaves(self) -> Lots:
        """All that is open."""
        return self.slice + self.reserve


class Level:
    """The orders of one rung, first come first served: a doubly linked list, so any order leaves in O(1)."""

    __slots__ = ("first", "last", "price", "rung")

    def __init__(self, rung: int, price: Ticks, order: RestingOrder) -> None:
        self.rung = rung
        self.price = price
        self.first: RestingOrder | None = order
        self.last: RestingOrder | None = order
        order.level = self
        order.preceding = order.following = None

    def append(self, order: RestingOrder) -> None:
        """Put an order at the end of the queue."""
        last = self.last
        order.level = self
        order.preceding = last
        order.following = None
        if last is None:
            self.first = order
        else:
            last.following = order
        self.last = order

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

    def __iter__(self) -> Iterator[RestingOrder]:
        order = self.first
        while order is not None:
            yield order
            order = order.following


class Ladder:
    """One side of a book: two parallel lists, the rungs and their levels, best last. No level in it is empty."""

    __slots__ = ("levels", "rungs")

    def __init__(self) -> None:
        self.rungs: list[int] = []
        self.levels: list[Level] = []

    def add(self, order: RestingOrder, rung: int, price: Ticks) -> None:
        """Put an order at the end of its level's queue; the level is made if there is none."""
        rungs = self.rungs
        at = bisect_left(rungs, rung)
        if at < len(rungs) and rungs[at] == rung:
            self.levels[at].append(order)
            return
        rungs.insert(at, rung)
        self.levels.insert(at, Level(rung, price, order))

    def remove(self, order: RestingOrder) -> None:
        """Take an order out, and its level with it if it was the only one (rule B11)."""
        level = order.level
        preceding, following = order.preceding, order.following
        if preceding is not None:
            preceding.following = following
        elif following is not None:
            level.first = following
        else:
            at = bisect_left(self.rungs, level.rung)
            del self.rungs[at], self.levels[at]
            return
        if following is not None:
            following.preceding = preceding
        else:
            level.last = preceding

    def __iter__(self) -> Iterator[RestingOrder]:
        """Every order, in the order in which they would trade."""
        for level in reversed(self.levels):
            yield from level


def rung_of(side: Side, price: Ticks, *, hidden: bool = False) -> int:
    """The rung of an order that rests on `side` at `price`.

    >>> rung_of(Side.BUY, 101) > rung_of(Side.BUY, 100) > rung_of(Side.BUY, 100, hidden=True)
    True
    """
    worth = price if side is Side.BUY else -price
    return 2 * worth + (not hidden)


def floor_of(side: Side, price: Ticks | None) -> int:
    """The lowest rung of the other side that an order coming in on `side` trades with.

    >>> rung_of(Side.SELL, 100, hidden=True) >= floor_of(Side.BUY, 100)
    True
    """
    if price is None:
        return LOWEST_RUNG
    return -2 * price if side is Side.BUY else 2 * price
