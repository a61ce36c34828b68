"""The engine's price ladder: levels in order of price, in each level a queue in order of time.

A *rung* is a price that ranks within its side, the larger the better: bids rank by price, asks by price negated. The
best rung stands last in the list, where Python adds and removes cheaply.

Measured against `sortedcontainers.SortedDict`: a sorted list with `bisect` is about four times as fast up to some
ten thousand levels, because an insertion is one memory move near the end of the list. `bookproof bench` measures it.

`RestingOrder` and `Level` have no `__init__`: whoever makes one fills it in, which takes half the time of a call, and
for most orders that is most of what resting costs.
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

    __slots__ = ("executed", "following", "level", "order_id", "preceding", "prevented", "reserve", "slice", "terms")

    terms: Submit
    order_id: OrderId
    slice: Lots
    """What it shows, or all it has if it never shows more or less."""
    reserve: Lots
    executed: Lots
    prevented: Lots
    level: Level
    preceding: RestingOrder | None
    following: RestingOrder | None

    @property
    def leaves(self) -> Lots:
        """All that is open."""
        return self.slice + self.reserve


class Level:
    """The orders of one price: a doubly linked list, so that any order leaves in O(1).

    First come first served, but hidden orders behind all displayed ones (rule D4).
    """

    __slots__ = ("first", "hidden", "last", "price", "rung")

    rung: int
    price: Ticks
    first: RestingOrder | None
    last: RestingOrder | None
    hidden: RestingOrder | None
    """The first of the hidden orders."""

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
    """One side of a book: two parallel lists, the rungs and their levels, best last. No level in it is empty."""

    __slots__ = ("_latest", "_spare", "levels", "rungs")

    def __init__(self) -> None:
        self.rungs: list[int] = []
        self.levels: list[Level] = []
        # The level that was removed last, for the next one: in a busy book levels come and go with every order.
        self._spare: Level | None = None
        # Where the last level went in. Most orders are cancelled, and most of these while still the newest.
        self._latest = 0

    def add(self, order: RestingOrder, rung: int, price: Ticks, hidden: bool = False) -> None:
        """Put an order at the end of its level's queue; the level is made if there is none."""
        rungs = self.rungs
        at = bisect_left(rungs, rung)
        if at < len(rungs) and rungs[at] == rung:
            self.levels[at].append(order, hidden)
            return
        level = self._spare
        if level is None:
            level = Level()
        else:
            self._spare = None
        level.rung = rung
        level.price = price
        level.first = level.last = order
        level.hidden = order if hidden else None
        order.level = level
        order.preceding = order.following = None
        rungs.insert(at, rung)
        self.levels.insert(at, level)
        self._latest = at

    def remove(self, order: RestingOrder) -> None:
        """Take an order out, and its level with it if it was the only one (rule B11)."""
        level = order.level
        if order.preceding is order.following:  # nobody before it and nobody behind it
            at, rungs, rung = self._latest, self.rungs, level.rung
            if at >= len(rungs) or rungs[at] is not rung:
                at = bisect_left(rungs, rung)
            del rungs[at], self.levels[at]
            level.first = level.last = None  # or each would keep the other from being freed
            self._spare = level
        else:
            level.unlink(order)

    def __iter__(self) -> Iterator[RestingOrder]:
        """Every order, in the order in which they would trade."""
        for level in reversed(self.levels):
            yield from level


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
