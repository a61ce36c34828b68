"""What a trade feed and the final books say of the order of operations; and all readings of a history in turn."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from bookproof.models.linearize.adding_up import Sums
from bookproof.models.linearize.facts import NOBODY, Beyond, Facts, Impossible
from bookproof.models.linearize.history import Filled, History, Operation
from bookproof.spec.commands import Replace, Submit
from bookproof.spec.events import Cancelled, Event, Prevented, Trade
from bookproof.spec.reasons import CancelReason
from bookproof.spec.values import OrderId


def gather(history: History) -> Facts:
    """Add up a history. Raises Beyond for what no clause is known for, and Impossible for what cannot be.

    >>> from bookproof.models.linearize.history import Operation
    >>> from bookproof.spec.commands import Submit
    >>> from bookproof.spec.events import Accepted
    >>> from bookproof.spec.values import Side
    >>> from bookproof.spec.instruments import listing
    >>> sell = Submit("ABC", 1, 7, Side.SELL, 5, 100)
    >>> told = (Accepted("ABC", 1, Side.SELL, 100, 5),)
    >>> facts = gather(History(listing(["ABC"]), (Operation(0, sell, 10, 20, told),)))
    >>> facts.rested, facts.entries[0][0].rests
    ([5], 0)
    """
    reading = Evidence(history)
    for at, operation in enumerate(history.operations):
        reading.does(at, operation)
    reading.add_up()
    reading.follow_feed()
    reading.order_survivors()
    reading.last_prices()
    return reading.facts


class Evidence(Sums):
    """Who traded before whom, and who was queued before whom."""

    def follow_feed(self) -> None:
        """Trades of a book in the order of the exchange: who traded before whom, and who was queued before whom."""
        feed = self.history.feed
        if feed is None:
            return
        facts = self.facts
        told: dict[int, list[tuple[OrderId, OrderId]]] = {}
        for line in feed:
            if line.symbol in self.book:
                told.setdefault(self.book[line.symbol], []).append((line.maker, line.taker))
        takers: dict[tuple[int, OrderId], list[int]] = {}
        fills: dict[int, dict[int, list[tuple[int, OrderId]]]] = {}
        for at, operation in enumerate(self.history.operations):
            met = [order for entry in facts.entries[at] for order, _ in entry.touches]
            for order, event in zip(met, _meetings(operation), strict=True):
                book = facts.side_of[order] >> 1
                if isinstance(event, Trade):
                    of_this = fills.setdefault(at, {})
                    if book not in of_this:
                        takers.setdefault((book, event.taker), []).append(at)
                    of_this.setdefault(book, []).append((order, event.taker))
        by = "the feed has its trades after those of {1}"
        total = 0
        met_before: set[int] = set()
        for book, lines in told.items():
            last, number = NOBODY, 0
            waiting: list[tuple[int, OrderId]] = []
            first: dict[tuple[int, int], int] = {}
            for maker, taker in lines:
                if number == len(waiting):
                    candidates = takers.get((book, taker), [])
                    if not candidates:
                        raise Impossible(f"the feed has a trade of order {taker}, of which nobody else tells")
                    if len(candidates) > 1:
                        raise Beyond("takers of one id, beside a feed")
                    at = candidates.pop()
                    if last != NOBODY:
                        facts.forced.setdefault(at, []).append((last, by))
                    last, number, waiting = at, 0, fills[at][book]
                order, told_taker = waiting[number]
                number += 1
                total += 1
                if facts.order_id[order] != maker or told_taker != taker:
                    raise Impossible(f"the feed has order {taker} trade otherwise than it was told", last)
                if order not in met_before:
                    met_before.add(order)
                    level = facts.side_of[order], facts.level[order]
                    if level in first and not self.prevents:
                        self.force(
                            first[level],
                            order,
                            "the feed has the first trade of its order after that of the order of {1}, at one price",
                        )
                    first[level] = order
            if number != len(waiting):
                raise Impossible("the feed breaks off within its trades", last)
        if total != sum(len(orders) for each in fills.values() for orders in each.values()):
            missing = next(at for ats in takers.values() for at in ats)
            raise Impossible("the feed does not have its trades", missing)

    def order_survivors(self) -> None:
        """Who is still there stands in its queue in the order of entry (B3), or of its last slice (D2)."""
        facts = self.facts
        for view in self.history.final:
            book = self.book[view.symbol]
            for side, queue in ((2 * book, view.queue.bids), (2 * book + 1, view.queue.asks)):
                found = []
                for order in queue:
                    stays = self.stays(book, order.order_id)
                    now = next((it for it in reversed(stays) if abs(facts.key[it]) == order.price), None)
                    if now is None:
                        raise Impossible(f"order {order.order_id} is in the final book where it never rested")
                    found.append(now)
                if not facts.display.keys().isdisjoint(found):
                    facts.queues[side] = tuple(found)
                for one, other in pairwise(found):
                    if facts.level[one] > facts.level[other]:
                        names = facts.order_id[one], facts.order_id[other]
                        story = f"order {names[0]} stands before order {names[1]} in the final book, which has priority"
                        raise Impossible(story, facts.entered[one], facts.entered[other])
                plain = [order for order in found if order not in facts.display]
                for one, other in pairwise(plain):
                    if facts.level[one] == facts.level[other]:
                        self.force(one, other, "its order stands behind that of {1} in the final book, at one price")

            for stops in (view.stops.buys, view.stops.sells):
                for first, then in pairwise(stops):
                    waited = self.pending.get((book, first.order_id)), self.pending.get((book, then.order_id))
                    if first.stop == then.stop and waited[0] is not None and waited[1] is not None:
                        self.force(waited[0], waited[1], "its stop waits behind that of {1} in the end, at one price")

    def last_prices(self) -> None:
        """The price of the last trade of each book: whoever made that came after all others (B4)."""
        facts = self.facts
        if not self.history.final and not self.has_stops:
            return
        facts.last_fill = [{} for _ in facts.symbols]
        for at, operation in enumerate(self.history.operations):
            for event in operation.events or ():
                if isinstance(event, Trade):
                    facts.last_fill[self.book[event.symbol]][at] = event.price
        for view in self.history.final:
            prices = facts.last_fill[self.book[view.symbol]]
            if view.last_price is not None and not prices:
                raise Impossible(f"{view.symbol} has a last price, and no trade")
            if view.last_price is None:
                if prices:
                    raise Impossible(f"{view.symbol} has no last price, and trades", *prices)
                continue
            if view.last_price not in prices.values():
                raise Impossible(f"the last price of {view.symbol} is {view.last_price}, at which nobody traded last")
            facts.last_price[self.book[view.symbol]] = view.last_price


def _meetings(operation: Operation) -> Iterator[Event]:
    """The events that tell of an order and a maker that met, in order."""
    for event in operation.events or ():
        if isinstance(event, Trade | Prevented):
            yield event
        elif isinstance(event, Cancelled) and event.reason is CancelReason.SELF_TRADE and event.quantity:
            command = operation.command
            if isinstance(command, Submit | Replace) and event.order_id != command.order_id:
                yield event


def fed(history: History) -> tuple[Filled, ...]:
    """The feed that would go with a history whose operations stand in the order of the exchange."""
    return tuple(
        Filled(event.symbol, event.maker, event.taker)
        for operation in history.operations
        for event in operation.events or ()
        if isinstance(event, Trade)
    )
