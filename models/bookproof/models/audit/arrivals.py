"""Orders come to the book, and come to rest in it (rule B6).

**When is the book at rest?** An order that crosses the book on arrival is *in flight* until the log turns to
something that is not its doing: its own events and trades, and events of orders it crosses, belong to the
flight. Then it lands, and only then must the book be uncrossed. Not promised: if the very next events cancel
the orders it crosses, it was never at rest across them, for self-trade prevention looks the same.
"""

from __future__ import annotations

from bookproof.models.audit.alarms import alarm, named
from bookproof.models.audit.book import Ahead, Order, key_of
from bookproof.models.audit.records import Kind, OrderEvent
from bookproof.models.audit.state import State

MOST_BLAMED = 64
"""Orders that one alarm may blame. One with more blames nobody, and stands: no hole hides so many cancels."""

WITHDRAWN = "withdrawn"
WITHDRAWN_AFTER_FILLS = "withdrawn after fills"
"""Names under which the ledger counts, beside alarms, orders that left while they still crossed the book."""


class Arrivals(State):
    """The chapter of a walk in which orders arrive, fly and land."""

    def _new(self, event: OrderEvent) -> Order:
        self.counts["orders"] += 1
        order = self.orders[event.order_id] = Order(
            event.order_id,
            event.side,
            event.price,
            event.quantity,
            self._step,
            event.line,
            event.time_ns,
            event.origin,
            key_of(event.side, event.price),
        )
        return order

    def _arrive(self, order: Order) -> None:
        """Let an order take off, if it crosses the book, or rest."""
        best = self._against[order.side].best
        if best is not None and best <= -order.key:
            self._flight = order
        else:
            self._rest(order)

    def _belongs_to(self, flight: Order, event: OrderEvent) -> bool:
        """Whether an event is part of a flight: of the order itself, or of one that it crosses."""
        if event.order_id == flight.order_id:
            return True
        other = self.orders.get(event.order_id) if event.kind is not Kind.CREATED else None
        return other is not None and other.side is not flight.side and other.key <= -flight.key

    def _land(self) -> None:
        """Let what is in flight, if it is still open, come to rest."""
        order, self._flight = self._flight, None
        if order is not None and order.open:
            self._rest(order)

    def _rest(self, order: Order) -> None:
        """Let an order come to rest, where nothing of the other side may be within its limit (B6)."""
        if order.limit is None:
            self.limits.add("remainder of an order without a limit", order.line)
            return
        against = self._against[order.side]
        self.counts["orders that came to rest"] += 1
        self._put_to_the_test("B6", decisive=against.best is not None)
        if against.best is not None and against.best <= -order.key:
            self._rests_across(order, against.within(-order.key, MOST_BLAMED))
        self._ladders[order.side].add(order)

    def _rests_across(self, order: Order, crossed: Ahead) -> None:
        for other in crossed.better:
            self.evidence[other.order_id].quoted_across(self.last_ns, order.line)
        what = f"order {order.order_id} comes to rest at {order.limit}, across {named(crossed.better)}"
        self.ledger.add(alarm("B6", what, [order, *crossed.better]), blamed(crossed.better, crossed))

    def _requeue(self, order: Order, event: OrderEvent) -> None:
        """Amend an order that loses its place by it (F2), and may cross the book now (F3)."""
        if self._flight is not order:
            self._land()
        self._flight = None
        if order.resting:
            self._ladders[order.side].remove(order)
        if event.price is not None:
            order.limit, order.key = event.price, key_of(order.side, event.price)
        order.arrived = self._step
        self.counts["amendments that lost their place"] += 1
        if order.open:
            self._arrive(order)

    def _withdrawn(self, order: Order) -> None:
        """An order leaves in mid-flight: why it stopped trading, the log does not say."""
        crossed = self._against[order.side].within(-order.key, MOST_BLAMED)
        if crossed.better:
            name = WITHDRAWN_AFTER_FILLS if order.executed else WITHDRAWN
            self.ledger.count(name, blamed(crossed.better, crossed))


def blamed(orders: list[Order], found: Ahead) -> tuple[str, ...]:
    """The orders an alarm blames: nobody, if not all of them are known."""
    return tuple(order.order_id for order in orders) if found.whole else ()
