"""bourse: limit and market orders with modify, in Rust.

The caller sets the clock. It numbers orders itself and tells trades in one list for the whole book.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bookproof.models.conform.adapter import Book, Capabilities, Fill, Order, Reply, Status
from bookproof.models.conform.targets.installed import Installed

_STATES = {1: "live", 2: "filled", 3: "cancelled", 4: "refused"}


class Bourse(Installed):
    """One book."""

    module = "bourse.core"
    capabilities = Capabilities(
        "bourse",
        "0.4.0",
        orders=frozenset({"limit", "market"}),
        commands=frozenset({"cancel", "replace"}),
        views=frozenset({"trades", "top", "status"}),
        level_orders=True,
        results="log",
        ids="own",
    )

    def open(self, books: Sequence[Book], settings: Mapping[str, str]) -> None:
        """Begin with an empty book."""
        self.book = self.engine.OrderBook(0, 1, True)
        self.read = 0

    def clock(self, now: int) -> None:
        """The time is `now`."""
        self.book.set_time(now)

    def submit(self, order: Order) -> Reply:
        """Enter an order."""
        self.bind(order.order_id, self.book.place_order(order.is_buy, order.quantity, order.account, price=order.price))
        return Reply()

    def cancel(self, symbol: str, order_id: int) -> Reply:
        """Cancel an order; it does not say whether it did."""
        self.book.cancel_order(self.native(order_id))
        return Reply()

    def replace(self, symbol: str, order_id: int, quantity: int, price: int | None) -> Reply:
        """Modify an order; it does not say whether it did."""
        self.book.modify_order(self.native(order_id), price, quantity)
        return Reply()

    def fills(self) -> list[Fill]:
        """What the list of trades has more than before."""
        new = self.book.get_trades()[self.read :]
        self.read += len(new)
        return [Fill(price, quantity, maker, taker) for _, _, price, quantity, taker, maker in new]

    def top(self, symbol: str) -> tuple[tuple[Any, ...] | None, tuple[Any, ...] | None]:
        """The best prices, each with what is there."""
        bid, ask = self.book.bid_ask()
        there = self.book.best_bid_vol_and_orders(), self.book.best_ask_vol_and_orders()
        return (bid, *there[0]) if there[0][1] else None, (ask, *there[1]) if there[1][1] else None

    def status(self, symbol: str, order_id: int) -> Status | None:
        """What it says of one order."""
        return Status(_STATES.get(self.book.order_status(self.native(order_id))))
