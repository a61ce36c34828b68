"""Follow a log, event by event, and ask at each trade who ought to have been the maker.

Positive spread (B6), price-time priority (B2, B3) and conservation (B8) together determine what a continuous
double auction does (Garg and Sarswat, FSTTCS 2022, Theorems 1 and 2; rule B10). So a log on which they hold
throughout is, for its first-come-first-served core, as good as a comparison with a reference engine.

The walk never repairs the log. An order that ought to have traded first raises an alarm that *blames* it;
whether the venue or the recording is at fault is settled at the end, when all that is ever said of the order
is known (`ghosts`, `findings`).
"""

from __future__ import annotations

from bookproof.models.audit.alarms import alarm
from bookproof.models.audit.arrivals import MOST_BLAMED
from bookproof.models.audit.book import Gone, Order
from bookproof.models.audit.records import Kind, OrderEvent, Origin, Record, Trade
from bookproof.models.audit.trades import Trades
from bookproof.spec.values import Lots, Side


class Walk(Trades):
    """An audit in progress: feed it records in the venue's order, then `finish`. `findings` concludes.

    Memory grows with the number of orders, time hardly more than with the number of records.

    >>> walk = Walk()
    >>> walk.feed(OrderEvent(Kind.CREATED, "7", Side.BUY, 100, 5, 1_000, line=2))
    >>> walk.counts["orders"]
    1
    """

    def feed(self, record: Record) -> None:
        """Take the next record."""
        self._step += 1
        if isinstance(record, OrderEvent):
            self._order_event(record)
        elif isinstance(record, Trade):
            self._trade(record)
        else:
            self.flaws.add(record.name, record.line, record.explanation)

    def finish(self) -> None:
        """Take the end of the log: what is in flight lands, and what nothing explained is counted."""
        self._land()
        self._settle_odd_deletion(None)
        for order in self.orders.values():
            if order.owed:
                self.limits.add("fills no order event shows", order.line)
            for gone in order.gone:
                self._settle_gone(order, gone)

    def _order_event(self, event: OrderEvent) -> None:
        self._check_clocks(event)
        self._settle_odd_deletion(event)
        self.counts[f"{event.origin} order events"] += 1
        if self._flight is not None and not self._belongs_to(self._flight, event):
            self._land()
        if event.origin is Origin.SNAPSHOT:
            self._in_snapshot(event)
            return
        if event.origin is Origin.CLOSING:
            self._closing(event)
            return
        if self.first_live_ns is None:
            self._go_live(event)
        if event.kind is Kind.CREATED:
            self._created(event)
            return
        order = self.orders.get(event.order_id)
        if order is None:
            self.unborn.setdefault(event.order_id, event.line)
        elif not order.alive:
            self._after_end(order, event)
        else:
            order.touched = True
            (self._changed if event.kind is Kind.CHANGED else self._deleted)(order, event)

    def _check_clocks(self, event: OrderEvent) -> None:
        if event.time_ns < self.last_ns:
            self.flaws.add("time runs backwards", event.line)
        elif event.time_ns == self.last_ns and event.origin is Origin.LIVE:
            self.limits.add("order within one time stamp")
        self.last_ns = event.time_ns
        if event.received_ns is not None:
            if event.received_ns < self._last_received_ns:
                self.flaws.add("arrival runs backwards", event.line)
            self._last_received_ns = event.received_ns

    # ── orders come ──────────────────────────────────────────────────────────────────────────────────────

    def _in_snapshot(self, event: OrderEvent) -> None:
        if event.order_id in self.orders:
            self.flaws.add("order created twice", event.line)
            return
        self.snapshot_ns = event.time_ns
        if event.price == 0:
            self.flaws.add("price of zero", event.line)
        self._ladders[event.side].add(self._new(event))

    def _go_live(self, event: OrderEvent) -> None:
        self.first_live_ns = event.time_ns
        bid, ask = self._ladders[Side.BUY].best, self._ladders[Side.SELL].best
        if bid is not None and ask is not None and ask <= -bid:
            self.flaws.add("snapshot crossed", event.line)

    def _created(self, event: OrderEvent) -> None:
        before = self.orders.get(event.order_id)
        if before is not None and before.open:
            self._created_twice(before, event)
            return
        if before is not None:
            self.flaws.add("id used again", event.line)
        self._arrive(self._new(event))

    def _created_twice(self, order: Order, event: OrderEvent) -> None:
        terms = (order.side, order.limit, order.leaves, order.time_ns)
        if terms == (event.side, event.price, event.quantity, event.time_ns):
            self.flaws.add("order created twice", event.line)
            return
        what = f"order {order.order_id} is created again, with other terms, while it is still open"
        self.ledger.add(alarm("B8", what, [order], lines=(event.line,)))

    # ── orders change and end ────────────────────────────────────────────────────────────────────────────

    def _changed(self, order: Order, event: OrderEvent) -> None:
        if order.leaves is None:
            return
        shown = order.leaves if event.quantity is None else event.quantity
        moved = self._moved(order, event)
        self._put_to_the_test("B8", decisive=order.executed > 0)
        if shown < order.leaves:
            self._reduced(order, order.leaves - shown, event)
        elif shown <= order.leaves + order.owed:
            if shown == order.leaves and not (moved or order.owed or order.executed):
                self.flaws.add("changed to what it was", event.line)
            order.owed = shown - order.leaves
        else:
            if not self.conventions.amends:
                what = f"order {order.order_id} grows from {order.leaves} to {shown} lots"
                self.ledger.add(alarm("B8", what, [order], lines=(event.line,)))
            order.leaves, order.owed = shown, 0
            moved = True  # rule F2: to grow costs the place in the queue
        if moved:
            self._requeue(order, event)

    def _moved(self, order: Order, event: OrderEvent) -> bool:
        """Whether an event gives an order another limit."""
        if event.price is None or event.price == order.limit:
            return False
        if self._is_of_fill(order, event):
            self.flaws.add("fill at the trade's price", event.line)
            return False
        if not self.conventions.amends:
            self.flaws.add("changed at a foreign price", event.line)
        return self.conventions.amends

    def _is_of_fill(self, order: Order, event: OrderEvent) -> bool:
        last = order.last_trade
        return self.conventions.prices_of_fills and last is not None and event.price == last.price

    def _reduced(self, order: Order, quantity: Lots, event: OrderEvent, final: bool = False) -> None:
        """Take off what an event says is gone. If a trade explains it later, who is ahead now matters."""
        ahead = self._ladders[order.side].ahead_of(order, MOST_BLAMED) if order.resting else None
        order.gone += (Gone(quantity, self._step, event.time_ns, event.line, final, ahead),)
        order.owed = 0
        self._take(order, quantity)

    def _deleted(self, order: Order, event: OrderEvent) -> None:
        self._check_deleted_price(order, event)
        if order.leaves is not None:
            self._put_to_the_test("B8", decisive=order.executed > 0)
            left = order.leaves if event.quantity is None else event.quantity
            if left > order.leaves:
                what = f"order {order.order_id} ends with {left} lots open: its trades leave {order.leaves}"
                self.ledger.add(alarm("B8", what, [order], order.last_trade, (event.line,)))
            elif left < order.leaves:
                self._reduced(order, order.leaves - left, event, final=True)
            self.counts["orders cancelled" if left else "orders filled"] += 1
        if order is self._flight:
            self._flight = None
            if order.leaves:
                self._withdrawn(order)
        if order.resting:
            self._ladders[order.side].remove(order)
        order.alive, order.owed = False, 0

    def _check_deleted_price(self, order: Order, event: OrderEvent) -> None:
        if event.price is None or order.limit is None or event.price == order.limit:
            return
        if self._is_of_fill(order, event):
            self.flaws.add("fill at the trade's price", event.line)
        else:
            self._odd_deletion = event

    def _settle_odd_deletion(self, event: OrderEvent | None) -> None:
        """Explain the price of a deletion by the order event that follows it."""
        odd, self._odd_deletion = self._odd_deletion, None
        if odd is None:
            return
        replaced = (
            event is not None and event.kind is Kind.CREATED and (event.side, event.price) == (odd.side, odd.price)
        )
        self.flaws.add("deleted at its successor's price" if replaced else "deleted at a foreign price", odd.line)

    def _after_end(self, order: Order, event: OrderEvent) -> None:
        if event.kind is Kind.CHANGED and event.quantity:
            what = f"order {order.order_id} has {event.quantity} lots open after it had ended"
            self.ledger.add(alarm("B8", what, [order], lines=(event.line,)))
        else:
            self.flaws.add("order named after its end", event.line)

    def _closing(self, event: OrderEvent) -> None:
        """The recorder's own end of an order. The venue said nothing, so the order stays as it is."""
        order = self.orders.get(event.order_id)
        if order is None or not order.alive:
            self.flaws.add("closing of no open order", event.line)
        elif order.leaves is not None and event.quantity not in (None, order.leaves):
            self.flaws.add("closing quantity differs", event.line)

    def _settle_gone(self, order: Order, gone: Gone) -> None:
        """Judge quantity that no trade took: an owner's amendment, where there are any, or lost (B8)."""
        if self.conventions.amends and not gone.final:
            self.limits.add("reductions by their owners", gone.line)
            return
        what = f"{gone.quantity} lots of order {order.order_id} are gone: no trade took them, no cancel says so"
        self.ledger.add(alarm("B8", what, [order], lines=(gone.line,)))
