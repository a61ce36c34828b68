"""nanobook: a book in Rust with market, IOC and FOK orders and modify.

Its stops are not declared: one that is triggered trades under another id, and nothing says under which.
A modify cancels the order and enters another with a new id, so what was executed before is not told of the new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bookproof.models.conform.adapter import Book, Capabilities, Fill, Levels, Order, Reply, Status
from bookproof.models.conform.targets.installed import Installed

_STATES = {"new": "live", "filled": "filled", "cancelled": "cancelled"}
"""A partly filled order is called so whether the rest of it rests or not: that says nothing."""


class Nanobook(Installed):
    """One exchange, which has one book."""

    module = "nanobook"
    capabilities = Capabilities(
        "nanobook",
        "0.19.2",
        orders=frozenset({"limit", "market", "ioc", "fok"}),
        commands=frozenset({"cancel", "replace"}),
        views=frozenset({"trades", "depth", "top", "status"}),
        level_orders=True,
        top_quantities=False,
        ids="own",
    )

    def open(self, books: Sequence[Book], settings: Mapping[str, str]) -> None:
        """Begin with an empty exchange."""
        self.book = self.engine.Exchange()

    def submit(self, order: Order) -> Reply:
        """Enter an order."""
        if order.price is None and order.time_in_force != "fok":
            told = self.book.submit_market(order.side, order.quantity)
        else:  # FOK at the market is FOK at the worst price there is
            price = order.price or (2**62 if order.is_buy else 1)
            told = self.book.submit_limit(order.side, price, order.quantity, order.time_in_force)
        self.bind(order.order_id, told.order_id)
        return Reply(None, _fills(told.trades))

    def cancel(self, symbol: str, order_id: int) -> Reply:
        """Cancel an order."""
        told = self.book.cancel(self.native(order_id))
        return Reply(told.success, why=told.error or "")

    def replace(self, symbol: str, order_id: int, quantity: int, price: int | None) -> Reply:
        """Modify an order: it has another id from now on."""
        native = self.native(order_id)
        known = self.book.get_order(native)
        told = self.book.modify(native, known.price if price is None and known else price or 0, quantity)
        if told.success:
            self.bind(order_id, told.new_order_id)
        return Reply(told.success, _fills(told.trades), told.error or "")

    def depth(self, symbol: str) -> tuple[Levels, Levels]:
        """The whole book."""
        seen = self.book.full_book()
        bids, asks = ([(one.price, one.quantity, one.order_count) for one in side] for side in (seen.bids, seen.asks))
        return bids, asks

    def top(self, symbol: str) -> tuple[tuple[Any, ...] | None, tuple[Any, ...] | None]:
        """The best prices."""
        bid, ask = self.book.best_bid_ask()
        return None if bid is None else (bid,), None if ask is None else (ask,)

    def status(self, symbol: str, order_id: int) -> Status | None:
        """What it says of one order."""
        known = self.book.get_order(self.native(order_id))
        return None if known is None else Status(_STATES.get(known.status), known.remaining_quantity)


def _fills(trades: Iterable[Any]) -> list[Fill]:
    return [Fill(one.price, one.quantity, one.passive_order_id, one.aggressor_order_id) for one in trades]
