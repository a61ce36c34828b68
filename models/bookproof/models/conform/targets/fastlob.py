"""fastlob: limit and FOK orders with a new quantity for a live order, a lock for each side, in pure Python.

Its results tell how much was traded at each price, and not with whom. GTD orders follow the clock of the machine and
are not declared; the thread that ends them is not started.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bookproof.models.conform.adapter import Book, Capabilities, Fill, Levels, Order, Reply, Resting, Status
from bookproof.models.conform.targets.installed import Installed

_STATES = {"FILLED": "filled", "CANCELED": "cancelled", "ERROR": "refused"}


class FastLob(Installed):
    """One book."""

    module = "fastlob"
    capabilities = Capabilities(
        "fastlob",
        "0.0.24",
        orders=frozenset({"limit", "fok"}),
        commands=frozenset({"cancel", "replace"}),
        views=frozenset({"trades", "queue", "depth", "top", "status"}),
        trade_parts=frozenset({"price", "quantity"}),
        level_orders=True,
        replaces=frozenset({"smaller", "larger"}),
        ids="own",
        prices="decimal",
        threads=True,
    )

    def open(self, books: Sequence[Book], settings: Mapping[str, str]) -> None:
        """Begin with an empty book."""
        self.book = self.engine.Orderbook(books[0].symbol)
        self.book._alive = True  # what `start` does, without a thread that outlives the scenario by its sleep

    def submit(self, order: Order) -> Reply:
        """Enter an order."""
        side = self.engine.OrderSide.BID if order.is_buy else self.engine.OrderSide.ASK
        lives = self.engine.OrderType.FOK if order.time_in_force == "fok" else self.engine.OrderType.GTC
        told = self.book(self.engine.OrderParams(side, order.price, order.quantity, lives))
        self.bind(order.order_id, told.orderid())
        traded = told._execprices or {}  # `execprices` raises where nothing was traded
        return Reply(told.success(), [Fill(*pair) for pair in traded.items()], "; ".join(told.messages()))

    def cancel(self, symbol: str, order_id: int) -> Reply:
        """Cancel an order."""
        told = self.book.cancel(self.native(order_id))
        return Reply(told.success(), why="; ".join(told.messages()))

    def replace(self, symbol: str, order_id: int, quantity: int, price: int | None) -> Reply:
        """Give an order another quantity."""
        told = self.book.update(self.native(order_id), quantity)
        return Reply(told.success(), why="; ".join(told.messages()))

    def queue(self, symbol: str) -> tuple[list[Resting], list[Resting]]:
        """The orders of each price that are still valid."""
        sides = self.book._bidside, self.book._askside
        orders = ([one for level in side.limits() for one in level._orderqueue if one.valid()] for side in sides)
        bids, asks = ([Resting(one.id(), one.price(), one.quantity()) for one in side] for side in orders)
        return bids, asks

    def depth(self, symbol: str) -> tuple[Levels, Levels]:
        """All levels."""
        return self.book.best_bids(self.book.n_bids()), self.book.best_asks(self.book.n_asks())

    def top(self, symbol: str) -> tuple[tuple[Any, ...] | None, tuple[Any, ...] | None]:
        """The best levels."""
        return self.book.best_bid(), self.book.best_ask()

    def status(self, symbol: str, order_id: int) -> Status | None:
        """What it says of one order, as long as it knows it."""
        told = self.book.get_status(self.native(order_id))
        return told and Status(_STATES.get(told[0].name, "live"), told[1])
