"""liquibook: limit, IOC and FOK orders with replace, in C++ behind a binding.

The caller owns the orders, and a listener of his carries over to them what it is told, as the package's own example
does. A replace sends by how much the quantity changes. Depth is told for five levels, so the best is asked for. Market
orders, which rest here, stops, which look at a price that the caller sets, and all-or-none orders are not declared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bookproof.models.conform.adapter import Book, Capabilities, Fill, Order, Reply
from bookproof.models.conform.targets.installed import Installed


class Liquibook(Installed):
    """One book and its listener."""

    module = "liquibook"
    capabilities = Capabilities(
        "liquibook",
        "2.0.1",
        orders=frozenset({"limit", "ioc", "fok"}),
        commands=frozenset({"cancel", "replace"}),
        views=frozenset({"trades", "top"}),
        level_orders=True,
        ids="own",
    )

    def open(self, books: Sequence[Book], settings: Mapping[str, str]) -> None:
        """Begin with an empty book."""
        self.book = self.engine.DepthOrderBook()
        self.entered: dict[int, Any] = {}
        self.said: list[Fill | str] = []
        refusals = ("on_reject", "on_cancel_reject", "on_replace_reject")
        does: dict[str, Any] = dict.fromkeys(refusals, lambda _, order, why: self.said.append(why))
        does["on_accept"] = lambda _, order: order.accept()
        does["on_cancel"] = lambda _, order: order.cancel()
        does["on_replace"] = lambda _, order, change, price: order.replace(change, price)
        does["on_fill"] = lambda _, *terms: self._filled(*terms)
        self.listener = type("Listener", (self.engine.OrderListener,), does)()
        self.book.set_order_listener(self.listener)

    def _filled(self, taker: Any, maker: Any, quantity: int, price: int) -> None:
        for order in (taker, maker):
            order.fill(quantity, price, 0)
        self.said.append(Fill(price, quantity, maker.order_id_, taker.order_id_))

    def _told(self) -> Reply:
        said, self.said = self.said, []
        refused = [one for one in said if isinstance(one, str)]
        return Reply(not refused, [one for one in said if isinstance(one, Fill)], "; ".join(refused))

    def submit(self, order: Order) -> Reply:
        """Enter an order."""
        words = {"ioc": self.engine.oc_immediate_or_cancel, "fok": self.engine.oc_fill_or_kill}
        lives = words.get(order.time_in_force, self.engine.oc_no_conditions)
        entered = self.engine.SimpleOrder(order.is_buy, order.price, order.quantity, 0, lives)
        self.entered[order.order_id] = entered
        self.bind(order.order_id, entered.order_id_)
        self.book.add(entered, lives)
        return self._told()

    def cancel(self, symbol: str, order_id: int) -> Reply:
        """Cancel an order."""
        self.book.cancel(self.entered[self.ours(self.native(order_id))])
        return self._told()

    def replace(self, symbol: str, order_id: int, quantity: int, price: int | None) -> Reply:
        """Replace an order: by how much it changes, and 0 for a price that does not."""
        self.book.replace(self.entered[self.ours(self.native(order_id))], quantity, price or 0)
        return self._told()

    def top(self, symbol: str) -> tuple[tuple[Any, ...] | None, tuple[Any, ...] | None]:
        """The first level of each side."""
        seen = self.book.depth()
        best = seen.get_bid_levels()[0], seen.get_ask_levels()[0]
        bid, ask = ((one.price(), one.aggregate_qty(), one.order_count()) if one.price() else None for one in best)
        return bid, ask
