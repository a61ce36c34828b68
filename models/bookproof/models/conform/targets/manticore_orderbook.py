"""manticore-orderbook: limit, market, IOC, FOK, post-only, iceberg and stop orders with modify, in pure Python.

Stops wait until the caller asks for them, so the adapter asks after every command. Only errors are refusals: what is
turned away later is told by events. GTD orders follow the clock of the machine and are not declared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bookproof.models.conform.adapter import Book, Capabilities, Fill, Levels, Order, Reply, Status
from bookproof.models.conform.targets.installed import Installed


class ManticoreOrderBook(Installed):
    """One book."""

    module = "manticore_orderbook"
    refusals = (ValueError,)
    capabilities = Capabilities(
        "manticore-orderbook",
        "1.0.1",
        orders=frozenset({"limit", "market", "ioc", "fok", "post-only", "iceberg", "stop", "stop-limit"}),
        commands=frozenset({"cancel", "replace", "reused-ids"}),
        views=frozenset({"trades", "depth", "status"}),
        level_orders=True,
        results="log",
        ids="str",
        prices="float",
    )

    def open(self, books: Sequence[Book], settings: Mapping[str, str]) -> None:
        """Begin with an empty book."""
        self.book = self.engine.OrderBook(books[0].symbol, max_trade_history=10**6, enable_logging=False)
        self.read = 0

    def submit(self, order: Order) -> Reply:
        """Enter an order. A stop at the market wants a price that it does not use."""
        kind = "LIMIT" if order.price is not None else "MARKET"
        kind = "POST_ONLY" if order.post_only else "ICEBERG" if order.display is not None else kind
        kind = f"STOP_{kind if kind == 'MARKET' else 'LIMIT'}" if order.stop is not None else kind
        price, stop = order.price if order.price is not None else order.stop, order.stop
        terms = {"order_type": kind, "stop_price": stop, "displayed_quantity": order.display}
        lives, native = order.time_in_force.upper(), self.native(order.order_id)
        self.book.add_order(order.side, price, order.quantity, native, time_in_force=lives, **terms)
        while self.book.check_stop_orders():
            pass
        return Reply()

    def cancel(self, symbol: str, order_id: int) -> Reply:
        """Cancel an order."""
        return Reply(self.book.cancel_order(self.native(order_id)))

    def replace(self, symbol: str, order_id: int, quantity: int, price: int | None) -> Reply:
        """Modify an order."""
        accepted = self.book.modify_order(self.native(order_id), price, quantity)
        while self.book.check_stop_orders():
            pass
        return Reply(accepted)

    def fills(self) -> list[Fill]:
        """What the history has more than before."""
        new = self.book.get_trade_history(10**6)[self.read :]
        self.read += len(new)
        return [Fill(one["price"], one["quantity"], one["maker_order_id"], one["taker_order_id"]) for one in new]

    def depth(self, symbol: str) -> tuple[Levels, Levels]:
        """The snapshot."""
        seen = self.book.get_snapshot()
        bids, asks = ([(one["price"], one["quantity"], one["orderCount"]) for one in seen[s]] for s in ("bids", "asks"))
        return bids, asks

    def status(self, symbol: str, order_id: int) -> Status | None:
        """What it says of one order; what is gone it has forgotten."""
        known = self.book.get_order(self.native(order_id))
        return None if known is None else Status("live", known["quantity"])

    def close(self) -> None:
        """End the thread that looks for expired orders."""
        self.book.expiry_manager.stop()
