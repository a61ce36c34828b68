"""matching-engine: limit, market, IOC, FOK and post-only orders, four ways of self-trade prevention, in pure Python.

A command has a sequence number and comes back as a list of events. Only its account may cancel an order, so the
adapter asks the engine's book whose it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bookproof.models.conform.adapter import Book, Capabilities, Fill, Levels, Order, Reply, Resting, Status
from bookproof.models.conform.targets.installed import Installed


class MatchingEngine(Installed):
    """One engine for one market."""

    module = "matching_engine.engine"
    capabilities = Capabilities(
        "matching-engine",
        "0.1.1",
        orders=frozenset({"limit", "market", "ioc", "fok", "post-only"}),
        commands=frozenset({"cancel", "reused-ids"}),
        views=frozenset({"trades", "queue", "depth", "top", "status"}),
        level_orders=True,
        top_quantities=False,
        self_trade=frozenset({"none", "cancel-taker", "cancel-maker", "cancel-both"}),
    )

    def open(self, books: Sequence[Book], settings: Mapping[str, str]) -> None:
        """Begin with an empty book."""
        self.market = self.engine.MatchingEngine()

    def submit(self, order: Order) -> Reply:
        """Enter an order; one at the market never rests, and has to say so."""
        words = self.engine
        kind, lives = (words.OrderType.LIMIT, order.time_in_force)
        if order.price is None:
            kind, lives = words.OrderType.MARKET, "fok" if lives == "fok" else "ioc"
        who = (order.order_id, order.account, words.Side(order.side), order.price or 0, order.quantity, kind)
        mode = words.SelfTradePrevention(order.self_trade.replace("-", "_"))
        return self._told(words.NewOrder(*who, words.TimeInForce(lives), order.post_only, mode))

    def cancel(self, symbol: str, order_id: int) -> Reply:
        """Cancel an order."""
        known = self.market.book.orders.get(order_id)
        return self._told(self.engine.CancelOrder(order_id, 0 if known is None else known.account))

    def _told(self, command: Any) -> Reply:
        events = self.market.process(self.engine.SequencedCommand(self.market.last_seq + 1, self.now, command))
        trades = [one for one in events if isinstance(one, self.engine.Trade)]
        fills = [Fill(one.price, one.qty, one.maker_order_id, one.taker_order_id) for one in trades]
        refused = [one.reason for one in events if isinstance(one, self.engine.OrderRejected)]
        return Reply(not refused, fills, "; ".join(refused))

    def queue(self, symbol: str) -> tuple[list[Resting], list[Resting]]:
        """Both sides, as the book lists them."""
        entries, side = self.market.book.entries, self.engine.Side
        bids, asks = (
            [Resting(one.order_id, one.price, one.qty) for one in entries(way)] for way in (side.BUY, side.SELL)
        )
        return bids, asks

    def depth(self, symbol: str) -> tuple[Levels, Levels]:
        """All levels."""
        seen = self.market.book.depth()
        bids, asks = ([(one.price, one.qty, one.orders) for one in side] for side in (seen.bids, seen.asks))
        return bids, asks

    def top(self, symbol: str) -> tuple[tuple[Any, ...] | None, tuple[Any, ...] | None]:
        """The best prices."""
        bid, ask = self.market.book.best_bid(), self.market.book.best_ask()
        return None if bid is None else (bid,), None if ask is None else (ask,)

    def status(self, symbol: str, order_id: int) -> Status | None:
        """What rests of an order; what is gone it has forgotten."""
        known = self.market.book.orders.get(order_id)
        return known and Status("live", known.remaining)
