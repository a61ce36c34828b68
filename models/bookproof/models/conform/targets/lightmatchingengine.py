"""lightmatchingengine: limit and market orders of several instruments, in pure Python.

It tells the aggressor's trade at each price as one, then those of the orders that were hit; the latter say all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bookproof.models.conform.adapter import Book, Capabilities, Fill, Order, Reply, Resting, Status
from bookproof.models.conform.targets.installed import Installed


class LightMatchingEngine(Installed):
    """One engine, asked for one of its books: it opens a book for any symbol that is named."""

    module = "lightmatchingengine.lightmatchingengine"
    capabilities = Capabilities(
        "lightmatchingengine",
        "2019.1.4",
        orders=frozenset({"limit", "market"}),
        views=frozenset({"trades", "queue", "status"}),
        ids="own",
    )

    def open(self, books: Sequence[Book], settings: Mapping[str, str]) -> None:
        """Begin with no books: each is made by its first order."""
        self.books = self.engine.LightMatchingEngine()

    def submit(self, order: Order) -> Reply:
        """Enter an order; price 0 stands for a market order."""
        side = self.engine.Side.BUY if order.is_buy else self.engine.Side.SELL
        entered, trades = self.books.add_order(order.symbol, order.price or 0, order.quantity, side)
        taker = entered.order_id
        self.bind(order.order_id, taker)
        hit = [one for one in trades if one.order_id != taker]
        return Reply(True, [Fill(one.trade_price, one.trade_qty, one.order_id, taker) for one in hit])

    def cancel(self, symbol: str, order_id: int) -> bool:
        """Cancel an order: it comes back if it was there."""
        return self.books.cancel_order(self.native(order_id), symbol) is not None

    def queue(self, symbol: str) -> tuple[list[Resting], list[Resting]]:
        """Both sides of its book."""
        book = self.books.order_books.get(symbol)
        return ([], []) if book is None else (_resting(book.bids, True), _resting(book.asks, False))

    def status(self, symbol: str, order_id: int) -> Status | None:
        """What it remembers of an order that rested."""
        native, book = self.native(order_id), self.books.order_books.get(symbol)
        known = None if book is None else book.order_id_map.get(native)
        return known and Status("live" if known.leaves_qty else "filled", known.leaves_qty, known.cum_qty)


def _resting(levels: Mapping[Any, list[Any]], highest_first: bool) -> list[Resting]:
    orders = [one for price in sorted(levels, reverse=highest_first) for one in levels[price]]
    return [Resting(one.order_id, one.price, one.leaves_qty) for one in orders]
