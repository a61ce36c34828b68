"""Orders trade: who ought to have been the maker, at what price, and what was left (B1 to B5, B7, B8)."""

from __future__ import annotations

from bookproof.models.audit.alarms import alarm, named, story
from bookproof.models.audit.arrivals import MOST_BLAMED, Arrivals, blamed
from bookproof.models.audit.book import MARKET, Order, key_of
from bookproof.models.audit.records import Origin, Trade
from bookproof.spec.values import Lots


class Trades(Arrivals):
    """The chapter of a walk in which orders trade."""

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

        A log may have trades before the order events that show them, or after. What went off an order before
        the taker came is no fill of this taker. If nobody knows when that was, time and quantity must tell.
        """
        if taker is not None:
            return taker.arrived
        last = maker.gone[-1] if maker is not None and maker.gone else None
        shown = last is not None and (last.quantity, last.time_ns) == (trade.quantity, trade.time_ns)
        return last.step - 1 if last is not None and shown else self._step

    def _check_limits_cross(self, trade: Trade, maker: Order, taker: Order) -> None:
        """B1: a buy and a sell, and the buyer's limit is at least the seller's."""
        self._put_to_the_test("B1", decisive=MARKET not in (maker.key, taker.key))
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
        self._put_to_the_test("B5", decisive=True)
        if key_of(taker.side, trade.price) < taker.key:
            what = f"{story(trade)}, beyond the taker's limit of {taker.limit}"
            self.ledger.add(alarm("B5", what, [taker], trade))

    def _check_price(self, trade: Trade, maker: Order, taker: Order | None) -> None:
        """B4: the trade is at the maker's price."""
        self._put_to_the_test("B4", decisive=taker is None or taker.limit != maker.limit)
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
        self._put_to_the_test("B2", decisive=len(ladder) > 1)
        self._put_to_the_test("B3", decisive=company)
        if maker.executed:
            self._put_to_the_test("B7", decisive=company)
        if maker.origin is Origin.SNAPSHOT and company:
            self.limits.add("time priority inside the snapshot", trade.line)
        if ahead.better:
            for order in ahead.better:
                line = taker.line if taker is not None else maker.line
                self.evidence[order.order_id].traded_through(trade.taker_id, trade.time_ns, line)
            what = f"{story(trade)}, which passes over {named(ahead.better)}, a better price"
            self.ledger.add(alarm("B2", what, [maker, *ahead.better], trade), blamed(ahead.better, ahead))
        if ahead.earlier:
            # Filled after the maker came, yet treated as behind it: a partial fill has cost them their place.
            sent_back = all(order.executed and order.last_fill >= maker.arrived for order in ahead.earlier)
            why = "partially filled, and still first at this price" if sent_back else "earlier at this price"
            what = f"{story(trade)}, which passes over {named(ahead.earlier)}, {why}"
            self.ledger.add(
                alarm("B7" if sent_back else "B3", what, [maker, *ahead.earlier], trade),
                blamed(ahead.earlier, ahead),
            )

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


def _repeats(trade: Trade, maker: Order, since: int) -> bool:
    """Whether a trade is its maker's last one again, and the maker has no room for it."""
    if maker.last_trade is None:
        return False
    again = maker.last_trade._replace(line=trade.line, received_ns=trade.received_ns) == trade
    room = (maker.leaves or 0) * maker.alive + sum(gone.quantity for gone in maker.gone_since(since))
    return again and trade.quantity > room
