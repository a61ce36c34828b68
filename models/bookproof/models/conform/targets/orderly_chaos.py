"""orderly-chaos: limit and market orders, in C++ behind a binding that says it is safe to share.

Trades are told to a handler during the call that causes them, in the thread that made it, so each thread keeps its own.
Reduce is not declared: it refuses to go as far as what is executed, where the rule book cancels. Nor are ids that come
twice: one of a live order is refused for a limit order and taken for a market order.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from bookproof.models.conform.adapter import Book, Capabilities, Fill, Levels, Order, Reply, Status
from bookproof.models.conform.targets.installed import Installed


class OrderlyChaos(Installed):
    """One book."""

    module = "orderly_chaos"
    capabilities = Capabilities(
        "orderly-chaos",
        "0.2.0",
        orders=frozenset({"limit", "market"}),
        views=frozenset({"trades", "depth", "top", "status"}),
        level_orders=True,
        top_quantities=False,
        threads=True,
    )

    def open(self, books: Sequence[Book], settings: Mapping[str, str]) -> None:
        """Begin with an empty book."""
        self.refusals = (self.engine.OrderBookError,)
        self.here = threading.local()
        self.book = self.engine.LimitOrderBook(on_trade=lambda trade: self.here.trades.append(trade))

    def submit(self, order: Order) -> Reply:
        """Enter an order."""
        self.here.trades = []
        if order.price is None:
            self.book.market(order.side, order.order_id, order.quantity)
        else:
            self.book.limit(order.side, order.order_id, order.quantity, order.price)
        return Reply(True, [Fill(one.price, one.quantity, one.maker_id, one.taker_id) for one in self.here.trades])

    def cancel(self, symbol: str, order_id: int) -> bool:
        """Cancel an order: it raises where there is none."""
        self.book.cancel(order_id)
        return True

    def depth(self, symbol: str) -> tuple[Levels, Levels]:
        """All levels: there are never more of them than orders."""
        sides = (self.book.depth(side, max(1, self.book.count())) for side in ("buy", "sell"))
        bids, asks = ([(one.price, one.volume, one.count) for one in side] for side in sides)
        return bids, asks

    def top(self, symbol: str) -> tuple[tuple[Any, ...] | None, tuple[Any, ...] | None]:
        """The best prices."""
        bid, ask = self.book.best_buy(), self.book.best_sell()
        return None if bid is None else (bid,), None if ask is None else (ask,)

    def status(self, symbol: str, order_id: int) -> Status | None:
        """What rests of an order; what is gone it has forgotten."""
        return Status("live", self.book.get(order_id).quantity) if self.book.has(order_id) else None

    def close(self) -> None:
        """Give the book back."""
        self.book.close()
