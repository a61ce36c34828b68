"""The views of an engine that keeps a lock for each book, its own or a shared one."""

from __future__ import annotations

from collections.abc import Mapping

from bookproof.engine.floor import Floor
from bookproof.engine.sync import Lock
from bookproof.spec.values import OrderId, Symbol
from bookproof.spec.views import BookView, Depth, MarketView, OrderStatus, Queue, Stops, Top


class LockedViews:
    """Reads one book under the lock that guards it."""

    _floor: Floor
    _lock_of: Mapping[Symbol, Lock]
    _any_lock: Lock

    def queue(self, symbol: Symbol) -> Queue:
        """L3 of one book. KeyError for an unknown symbol, as in every view."""
        with self._lock_of[symbol]:  # guards the book
            return self._floor.books[symbol].queue()

    def depth(self, symbol: Symbol) -> Depth:
        """L2 of one book."""
        with self._lock_of[symbol]:  # guards the book
            return self._floor.books[symbol].depth()

    def top(self, symbol: Symbol) -> Top:
        """L1 of one book."""
        with self._lock_of[symbol]:  # guards the book
            return self._floor.books[symbol].top()

    def stops(self, symbol: Symbol) -> Stops:
        """The pending stops of one book."""
        with self._lock_of[symbol]:  # guards the book
            return self._floor.books[symbol].stops()

    def status(self, symbol: Symbol, order_id: OrderId) -> OrderStatus | None:
        """Where an order stands; None when it is not live."""
        with self._lock_of[symbol]:  # guards the book
            return self._floor.books[symbol].status(order_id)

    def view(self, symbol: Symbol) -> BookView:
        """Everything that can be seen of one book."""
        with self._lock_of[symbol]:  # guards the book, and the market-wide halt for reading
            return self._floor.view(symbol)

    def market(self) -> MarketView:
        """What can be seen of the exchange as a whole."""
        with self._any_lock:  # guards what the whole market shares, for reading
            return self._floor.market_view()
