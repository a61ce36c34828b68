"""Follow a log, event by event, and ask at each trade who ought to have been the maker.

Positive spread (B6), price-time priority (B2, B3) and conservation (B8) together determine what a continuous
double auction does (Garg and Sarswat, FSTTCS 2022, Theorems 1 and 2; rule B10). So a log on which they hold
throughout is, for its first-come-first-served core, as good as a comparison with a reference engine.

The walk never repairs the log. An order that ought to have traded first raises an alarm that *blames* it;
whether the venue or the recording is at fault is settled at the end, when all that is ever said of the order
is known (`ghosts`, `findings`).

**When is the book at rest?** An order that crosses the book on arrival is *in flight* until the log turns to
something that is not its doing: its own events and trades, and events of orders it crosses, belong to the
flight. Then it lands, and only then must the book be uncrossed (B6). Not promised: if the very next events
cancel the orders it crosses, it was never at rest across them, for self-trade prevention looks the same.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import NamedTuple

from bookproof.models.audit.alarms import Ledger, alarm, named, story
from bookproof.models.audit.book import MARKET, Ahead, Gone, Ladder, Order, key_of
from bookproof.models.audit.flaws import FLAWS, LIMITS, Tally
from bookproof.models.audit.ghosts import Evidence
from bookproof.models.audit.records import Kind, OrderEvent, Origin, Record, Trade
from bookproof.spec.values import Lots, Nanoseconds, Side

MOST_BLAMED = 64
"""Orders that one alarm may blame. One with more blames nobody, and stands: no hole hides so many cancels."""

WITHDRAWN = "withdrawn"
WITHDRAWN_AFTER_FILLS = "withdrawn after fills"
"""Names under which the ledger counts, beside alarms, orders that left while they still crossed the book."""


class Conventions(NamedTuple):
    """How a venue writes its log, where venues differ.

    >>> Conventions().amends
    True
    """

    amends: bool = True
    """Whether an owner can change a resting order. If not, quantity gone without a trade is lost (B8)."""
    prices_of_fills: bool = False
    """Whether the event of a fill carries the trade's price, rather than the order's limit."""
    born_ns: Callable[[str], Nanoseconds | None] = lambda _: None
    """Read from an order's id when it was made, if ids say so."""


class Walk:
    """An audit in progress: feed it records in the venue's order, then `finish`. `findings` concludes.

    Memory grows with the number of orders, time hardly more than with the number of records.

    >>> walk = Walk()
    >>> walk.feed(OrderEvent(Kind.CREATED, "7", Side.BUY, 100, 5, 1_000, line=2))
    >>> walk.counts["orders"]
    1
    """

    def __init__(self, conventions: Conventions | None = None) -> None:
        self.conventions = conventions or Conventions()
        self.orders: dict[str, Order] = {}
        self.ledger = Ledger()
        self.evidence: defaultdict[str, Evidence] = defaultdict(Evidence)
        self.flaws = Tally(FLAWS)
        self.limits = Tally(LIMITS)
        self.counts: Counter[str] = Counter()
        self.checked: Counter[str] = Counter()
        self.decisive: Counter[str] = Counter()
        self.unborn: dict[str, int] = {}
        """Orders that are named without having been created, and the line where."""
        self.snapshot_ns: Nanoseconds | None = None
        self.first_live_ns: Nanoseconds | None = None
        self.last_ns: Nanoseconds = 0
        self._step = 0
        self._last_received_ns: Nanoseconds = 0
        self._ladders = {Side.BUY: Ladder(), Side.SELL: Ladder()}
        self._against = {Side.BUY: self._ladders[Side.SELL], Side.SELL: self._ladders[Side.BUY]}
        self._flight: Order | None = None
        self._odd_deletion: OrderEvent | None = None

    # ── the log, record by record ────────────────────────────────────────────────────────────────────────

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
        self.checked["B6"] += 1
        if against.best is not None:
            self.decisive["B6"] += 1
            if against.best <= -order.key:
                self._rests_across(order, against.within(-order.key, MOST_BLAMED))
        self._ladders[order.side].add(order)

    def _rests_across(self, order: Order, crossed: Ahead) -> None:
        for other in crossed.better:
            self.evidence[other.order_id].quoted_across(self.last_ns, order.line)
        what = f"order {order.order_id} comes to rest at {order.limit}, across {named(crossed.better)}"
        self.ledger.add(alarm("B6", what, [order, *crossed.better]), _blamed(crossed.better, crossed))

    # ── orders trade ─────────────────────────────────────────────────────────────────────────────────────

    def _trade(self, trade: Trade) -> None:
        self.counts["trades"] += 1
        if self._flight is not None and self._flight.order_id != trade.taker_id:
            self._land()
        maker, taker = self.orders.get(trade.maker_id), self.orders.get(trade.taker_id)
        since = self._shown_since(trade, maker, taker)
        if maker is not None and _repeats(trade, maker, since):
            self.flaws.add("trade repeated", trade.line)
            return
        if maker is None or taker is None:
            self.flaws.add("trade of an unknown order", trade.line)
        if taker is None:
            self.limits.add("limit of unknown takers", trade.line)
        else:
            self._check_takers_limit(trade, taker)
        if maker is None:
            self.limits.add("place of unknown makers", trade.line)
        else:
            self._check_price(trade, maker, taker)
            self._check_priority(trade, maker, taker, since)
        if maker is not None and taker is not None:
            self._check_limits_cross(trade, maker, taker)
        for role, order in (("maker", maker), ("taker", taker)):
            if order is not None:
                self._execute(order, trade, role, since)

    def _shown_since(self, trade: Trade, maker: Order | None, taker: Order | None) -> int:
        """The step after which order events may already have shown a trade.

        A log may have trades before the order events that show them, or after. What goes off an order before the
        taker came is no fill of this taker. If nobody knows when it came, only time and quantity can tell.
        """
        if taker is not None:
            return taker.arrived
        last = maker.gone[-1] if maker is not None and maker.gone else None
        shown = last is not None and (last.quantity, last.time_ns) == (trade.quantity, trade.time_ns)
        return last.step - 1 if last is not None and shown else self._step

    def _check_limits_cross(self, trade: Trade, maker: Order, taker: Order) -> None:
        """B1: a buy and a sell, and the buyer's limit is at least the seller's."""
        self.checked["B1"] += 1
        self.decisive["B1"] += MARKET not in (maker.key, taker.key)
        if maker.side is taker.side:
            what = f"{story(trade)}: both are {maker.side} orders"
        elif maker.key > -taker.key:
            what = f"{story(trade)}: their limits, {maker.limit} and {taker.limit}, do not cross"
        else:
            return
        self.ledger.add(alarm("B1", what, [maker, taker], trade))

    def _check_takers_limit(self, trade: Trade, taker: Order) -> None:
        """B5: the trade is within the taker's limit."""
        if taker.limit is None:
            self.limits.add("limit of takers without one", trade.line)
            return
        self.checked["B5"] += 1
        self.decisive["B5"] += 1
        if key_of(taker.side, trade.price) < taker.key:
            what = f"{story(trade)}, beyond the taker's limit of {taker.limit}"
            self.ledger.add(alarm("B5", what, [taker], trade))

    def _check_price(self, trade: Trade, maker: Order, taker: Order | None) -> None:
        """B4: the trade is at the maker's price."""
        self.checked["B4"] += 1
        self.decisive["B4"] += taker is None or taker.limit != maker.limit
        if trade.price != maker.limit:
            whose = "the taker's price" if taker and trade.price == taker.limit else "nobody's price"
            what = f"{story(trade)}, {whose}: the maker's is {maker.limit}"
            self.ledger.add(alarm("B4", what, [maker], trade))

    def _check_priority(self, trade: Trade, maker: Order, taker: Order | None, since: int) -> None:
        """B2, B3, B7: nobody had to trade before the maker."""
        ladder = self._ladders[maker.side]
        company = ladder.level_size(maker.key) > 1
        shown = maker.gone_since(since)
        ahead = shown[0].ahead if shown else None
        if ahead is None:
            if not maker.resting:
                return
            ahead = ladder.ahead_of(maker, MOST_BLAMED)
        self._put_to_the_test("B2", len(ladder) > 1)
        self._put_to_the_test("B3", company)
        if maker.executed:
            self._put_to_the_test("B7", company)
        if maker.origin is Origin.SNAPSHOT and company:
            self.limits.add("time priority inside the snapshot", trade.line)
        if ahead.better:
            for order in ahead.better:
                line = taker.line if taker is not None else maker.line
                self.evidence[order.order_id].traded_through(trade.taker_id, trade.time_ns, line)
            what = f"{story(trade)}, which passes over {named(ahead.better)}, a better price"
            self.ledger.add(alarm("B2", what, [maker, *ahead.better], trade), _blamed(ahead.better, ahead))
        if ahead.earlier:
            # Filled after the maker came, yet treated as behind it: a partial fill has cost them their place.
            sent_back = all(order.executed and order.last_fill >= maker.arrived for order in ahead.earlier)
            why = "partially filled, and still first at this price" if sent_back else "earlier at this price"
            what = f"{story(trade)}, which passes over {named(ahead.earlier)}, {why}"
            self.ledger.add(
                alarm("B7" if sent_back else "B3", what, [maker, *ahead.earlier], trade),
                _blamed(ahead.earlier, ahead),
            )

    def _put_to_the_test(self, rule: str, decisive: bool) -> None:
        self.checked[rule] += 1
        self.decisive[rule] += decisive

    def _execute(self, order: Order, trade: Trade, role: str, since: int) -> None:
        """Take a fill off an order, which must have been alive and have had that much left (B8)."""
        order.touched = True
        order.executed += trade.quantity
        order.last_fill = self._step
        order.last_trade = trade
        # What an order event has shown already is off already.
        quantity = trade.quantity - order.account_for(trade.quantity, since)
        if order.leaves is None:
            self.limits.add("quantity of orders by budget", trade.line)
            return
        if quantity and not order.alive:
            self.ledger.add(alarm("B8", f"{story(trade)}: the {role} had already ended", [order], trade))
            return
        if quantity > order.leaves:
            what = f"{story(trade)}: the {role} had only {order.leaves} lots left"
            self.ledger.add(alarm("B8", what, [order], trade))
            quantity = order.leaves
        order.owed += quantity
        self._take(order, quantity)

    def _take(self, order: Order, quantity: Lots) -> None:
        """Take quantity off an order, and the order off the book if that was all."""
        order.leaves = (order.leaves or 0) - quantity
        if order.leaves == 0 and order.resting:
            self._ladders[order.side].remove(order)

    # ── orders change and end ────────────────────────────────────────────────────────────────────────────

    def _changed(self, order: Order, event: OrderEvent) -> None:
        if order.leaves is None:
            return
        shown = order.leaves if event.quantity is None else event.quantity
        moved = self._moved(order, event)
        self._put_to_the_test("B8", order.executed > 0)
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

    def _reduced(self, order: Order, quantity: Lots, event: OrderEvent, final: bool = False) -> None:
        """Take off what an event says is gone. If a trade explains it later, who is ahead now matters."""
        ahead = self._ladders[order.side].ahead_of(order, MOST_BLAMED) if order.resting else None
        order.gone += (Gone(quantity, self._step, event.time_ns, event.line, final, ahead),)
        order.owed = 0
        self._take(order, quantity)

    def _deleted(self, order: Order, event: OrderEvent) -> None:
        self._check_deleted_price(order, event)
        if order.leaves is not None:
            self._put_to_the_test("B8", order.executed > 0)
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

    def _withdrawn(self, order: Order) -> None:
        """An order leaves in mid-flight: why it stopped trading, the log does not say."""
        crossed = self._against[order.side].within(-order.key, MOST_BLAMED)
        if crossed.better:
            name = WITHDRAWN_AFTER_FILLS if order.executed else WITHDRAWN
            self.ledger.count(name, _blamed(crossed.better, crossed))

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
            event is not None
            and event.kind is Kind.CREATED
            and (event.side, event.price) == (odd.side, odd.price)
        )
        self.flaws.add(
            "deleted at its successor's price" if replaced else "deleted at a foreign price", odd.line
        )

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
        what = (
            f"{gone.quantity} lots of order {order.order_id} are gone: no trade took them, no cancel says so"
        )
        self.ledger.add(alarm("B8", what, [order], lines=(gone.line,)))


def _repeats(trade: Trade, maker: Order, since: int) -> bool:
    """Whether a trade is its maker's last one again, and the maker has no room for it."""
    if maker.last_trade is None:
        return False
    again = maker.last_trade._replace(line=trade.line, received_ns=trade.received_ns) == trade
    room = (maker.leaves or 0) * maker.alive + sum(gone.quantity for gone in maker.gone_since(since))
    return again and trade.quantity > room


def _blamed(orders: list[Order], found: Ahead) -> tuple[str, ...]:
    """The orders an alarm blames: nobody, if not all could be found."""
    return tuple(order.order_id for order in orders) if found.whole else ()
