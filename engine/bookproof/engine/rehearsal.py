"""One side of a book, played through without touching it: for orders that must know beforehand what they would get.

A fill-or-kill order over several books (rules C5, L5) cannot ask each book by itself, as `obtainable` does: what one
book gives decides how much is asked of the next. So each side is played level by level, or slice by slice where a level
is left half-way, and nothing real moves.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from bookproof.engine.book import FastBook
from bookproof.engine.ladder import LOWEST_RUNG, RestingOrder
from bookproof.engine.slices import next_slice
from bookproof.spec.values import Account, DisplayRange, Lots, SelfTradePrevention, Side


class Slice(NamedTuple):
    """What a maker offers before it queues anew."""

    quantity: Lots
    reserve: Lots
    display: Lots | DisplayRange
    """How much it shows next, or what that is drawn from; 0 for an order that shows no slices."""


class Rehearsal:
    """The queue that faces an aggressor.

    >>> from bookproof.engine.book import Market
    >>> from bookproof.spec.commands import Submit
    >>> from bookproof.spec.instruments import Instrument
    >>> from bookproof.spec.profile import DEFAULT
    >>> book = FastBook(Instrument("ABC"), DEFAULT, Market())
    >>> _ = book.submit(Submit("ABC", 1, 7, Side.SELL, 5, 100, display=3))
    >>> asks = Rehearsal(book, Side.BUY)
    >>> asks.rung, asks.first.quantity
    (-100, 3)
    >>> asks.take(3)
    >>> asks.first.quantity, book.depth().asks[0].quantity
    (2, 3)
    """

    def __init__(self, book: FastBook, taker: Side) -> None:
        self._book = book
        self._levels = book.against(taker).best_first(LOWEST_RUNG)
        self._orders: Iterable[RestingOrder] = ()
        self._displayed: deque[Slice] = deque()
        self._hidden: deque[Slice] = deque()
        self.rung: int | None = None
        """The rung of the best price; None when nobody is left."""
        self._next_level()

    @property
    def first(self) -> Slice:
        """Who is next."""
        return (self._displayed or self._hidden)[0]

    def take(self, quantity: Lots) -> None:
        """Take so much from the first, at most its slice (B7, D2)."""
        queue = self._displayed or self._hidden
        there, reserve, display = queue.popleft()
        if quantity < there:
            queue.appendleft(Slice(there - quantity, reserve, display))
        elif reserve:
            shown = next_slice(display, reserve)
            self._displayed.append(Slice(shown, reserve - shown, display))
        if not self._displayed and not self._hidden:
            self._next_level()

    def play(self, leaves: Lots, owner: Account, prevention: SelfTradePrevention) -> tuple[Lots, Lots, bool]:
        """Let an order of the book take all it can of the best level, from which nothing has been taken otherwise.

        Gives what is left of it, what traded, and whether prevention has ended it.
        """
        played = self._book.play(self._orders, leaves, owner, prevention)
        self._next_level()
        return played

    def _next_level(self) -> None:
        self._displayed.clear()
        self._hidden.clear()
        self._orders = next(self._levels, ())
        self.rung = None
        for order in self._orders:
            display = order.terms.display
            queue = self._hidden if display == 0 else self._displayed
            queue.append(Slice(order.slice, order.reserve, display or 0))
            self.rung = order.rung
