"""edumatcher: the order book of a teaching exchange, with limit, market, IOC, FOK and iceberg orders and amend.

It makes ids of its own and tells who bought and who sold. Matching after an amend is left to the exchange around the
book, and an amend to what is executed already is refused there, where ours cancels: only larger quantities are asked
for. Stops are not declared: nobody has compared them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from bookproof.models.conform.adapter import Book, Capabilities, Fill, Order, Reply, Status
from bookproof.models.conform.targets.installed import Installed

_MODES = {"cancel-taker": "CANCEL_AGGRESSOR", "cancel-maker": "CANCEL_RESTING", "cancel-both": "CANCEL_BOTH"}
_STATES = {"FILLED": "filled", "CANCELLED": "cancelled", "REJECTED": "refused"}


class EduMatcher(Installed):
    """One order book."""

    module = "edumatcher.engine.order_book"
    capabilities = Capabilities(
        "edumatcher",
        "0.53.0",
        orders=frozenset({"limit", "market", "ioc", "fok", "iceberg"}),
        commands=frozenset({"cancel", "replace"}),
        views=frozenset({"trades", "top", "status"}),
        top_quantities=False,
        self_trade=frozenset({"none", *_MODES}),
        replaces=frozenset({"larger"}),
        ids="own",
    )

    def open(self, books: Sequence[Book], settings: Mapping[str, str]) -> None:
        """Begin with an empty book, and with the number of a run, without which no trade gets an id."""
        trades = import_module("edumatcher.models.trade")
        trades.reset_trade_ids_for_tests()
        trades.set_run_seq(1)
        self.book = self.engine.OrderBook(books[0].symbol)

    def submit(self, order: Order) -> Reply:
        """Enter an order; what it became is written on the order itself."""
        words = self.engine
        kind = "ICEBERG" if order.display is not None else "LIMIT" if order.price is not None else "MARKET"
        kind = order.time_in_force.upper() if order.time_in_force in ("ioc", "fok") else kind
        who = (order.symbol, words.Side(order.side.upper()), words.OrderType(kind), order.quantity, str(order.account))
        mode = words.SmpAction(_MODES.get(order.self_trade, "NONE"))
        shown = order.display if kind == "ICEBERG" else None
        entered = words.Order.create(*who, price_ticks=order.price, visible_qty=shown, smp_action=mode)
        self.bind(order.order_id, entered.id)
        trades, _ = self.book.process(entered)
        return Reply(entered.status is not words.OrderStatus.REJECTED, [_fill(one) for one in trades])

    def cancel(self, symbol: str, order_id: int) -> bool:
        """Cancel an order: it comes back if it was there."""
        return self.book.cancel_order(self.native(order_id)) is not None

    def replace(self, symbol: str, order_id: int, quantity: int, price: int | None) -> Reply:
        """Amend the quantity of an order."""
        amended, _, why = self.book.amend_order(self.native(order_id), None, quantity)
        return Reply(amended is not None, why=why)

    def top(self, symbol: str) -> tuple[tuple[int] | None, tuple[int] | None]:
        """The best prices."""
        bid, ask = self.book.best_bid_ticks(), self.book.best_ask_ticks()
        return None if bid is None else (bid,), None if ask is None else (ask,)

    def status(self, symbol: str, order_id: int) -> Status | None:
        """What it says of a live order; what is gone it has forgotten."""
        known = self.book.get_order(self.native(order_id))
        return known and Status(_STATES.get(known.status.value, "live"), known.remaining_qty)


def _fill(trade: Any) -> Fill:
    buyer, seller = trade.buy_order_id, trade.sell_order_id
    maker, taker = (seller, buyer) if trade.aggressor_side == "BUY" else (buyer, seller)
    return Fill(trade.price, trade.quantity, maker, taker)
