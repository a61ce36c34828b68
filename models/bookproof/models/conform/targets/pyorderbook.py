"""pyorderbook: limit orders of several symbols, in pure Python.

It wants back the order itself to cancel it, so the adapter keeps the orders that it made, as every caller has to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bookproof.models.conform.adapter import Book, Capabilities, Fill, Order, Refused, Reply, Resting, Status
from bookproof.models.conform.targets.installed import Installed


class PyOrderBook(Installed):
    """One book, asked for one symbol: it knows any symbol that is named."""

    module = "pyorderbook"
    capabilities = Capabilities(
        "pyorderbook",
        "0.4.9",
        views=frozenset({"trades", "queue", "status"}),
        ids="own",
        prices="decimal",
        dead_cancel="raises",
    )

    def open(self, books: Sequence[Book], settings: Mapping[str, str]) -> None:
        """Begin with an empty book."""
        self.book = self.engine.Book()
        self.entered: dict[int, Any] = {}

    def submit(self, order: Order) -> Reply:
        """Enter an order."""
        make = self.engine.bid if order.is_buy else self.engine.ask
        entered = self.entered[order.order_id] = make(order.symbol, order.price, order.quantity)
        self.bind(order.order_id, entered.id)
        trades = self.book.match(entered).trades
        told = [(one.fill_price, one.fill_quantity, one.standing_order_id, one.incoming_order_id) for one in trades]
        return Reply(True, [Fill(*terms) for terms in told])

    def cancel(self, symbol: str, order_id: int) -> bool:
        """Cancel an order: it raises KeyError where there is none."""
        if order_id not in self.entered:
            raise Refused("there is no such order to give back")
        self.book.cancel(self.entered[order_id])
        return True

    def queue(self, symbol: str) -> tuple[list[Resting], list[Resting]]:
        """Both sides of its book, without the levels that cancels left empty."""
        sides = self.book.level_map[symbol]
        side = self.engine.Side
        return _resting(sides[side.BID].values(), True), _resting(sides[side.ASK].values(), False)

    def status(self, symbol: str, order_id: int) -> Status | None:
        """What it remembers of an order that rests."""
        known = self.book.get_order(self.native(order_id))
        return known and Status("live", known.quantity, known.original_quantity - known.quantity)


def _resting(levels: Iterable[Any], highest_first: bool) -> list[Resting]:
    sorted_levels = sorted(levels, key=lambda level: level.price, reverse=highest_first)
    orders = [one for level in sorted_levels for one in level.orders.values()]
    return [Resting(one.id, one.price, one.quantity) for one in orders]
