"""What a trade feed and the final books say of the order of operations; and all readings of a history in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

from bookproof.models.linearize.adding_up import Sums
from bookproof.models.linearize.facts import FED, NOBODY, Beyond, Facts, Impossible
from bookproof.models.linearize.history import History, Operation
from bookproof.spec.commands import Replace, Submit
from bookproof.spec.events import Cancelled, Event, Prevented, Trade
from bookproof.spec.reasons import CancelReason

Progress = Callable[[str], None]
"""Told now and then how far it is."""

_TOLD_EVERY = 10_000


def gather(history: History, progress: Progress | None = None) -> Facts:
    """Add up a history. Raises Beyond for what no clause is known for, and Impossible for what cannot be.

    >>> from bookproof.models.linearize.history import Operation
    >>> from bookproof.spec.commands import Submit
    >>> from bookproof.spec.events import Accepted
    >>> from bookproof.spec.values import Side
    >>> from bookproof.spec.instruments import listing
    >>> sell = Submit("ABC", 1, 7, Side.SELL, 5, 100)
    >>> told = (Accepted("ABC", 1, Side.SELL, 100, 5),)
    >>> facts = gather(History(listing(["ABC"]), (Operation(0, sell, 10, 20, told),)))
    >>> list(facts.rested), facts.entries[0][0].rests
    ([5], 0)
    """
    reading = Evidence(history)
    for at, operation in enumerate(history.operations):
        if progress is not None and not at % _TOLD_EVERY:
            progress(f"{at:,} added up")
        reading.does(at, operation)
    reading.add_up()
    reading.order_survivors()
    reading.last_prices()
    reading.forget_stays()
    reading.follow_feed()
    return reading.facts


class _Reading:
    """How far the feed of a book has been read."""

    __slots__ = ("fills", "first", "last", "met", "next")

    def __init__(self) -> None:
        self.last = NOBODY
        """The operation that traded last."""
        self.fills: list[int] = [NOBODY]
        """What it told of its trades; `next` is where the feed goes on."""
        self.next = 1
        self.met: set[int] = set()
        self.first: dict[tuple[int, int], int] = {}
        """The order of each level that was the last to trade for the first time."""


class Evidence(Sums):
    """Who traded before whom, and who was queued before whom."""

    def follow_feed(self) -> None:
        """Trades of a book in the order of the exchange: who traded before whom, and who was queued before whom."""
        feed = self.history.feed
        if feed is None:
            return
        told, books = self._fills(), len(self.facts.symbols)
        reading = [_Reading() for _ in range(books)]
        lines = 0
        for line in feed:
            book = self.book.get(line.symbol)
            if book is None:
                continue
            lines += 1
            now = reading[book]
            if now.next == len(now.fills):
                fills = told.get(line.taker * books + book)
                if not fills:
                    raise Impossible(f"the feed has a trade of order {line.taker}, of which nobody else tells")
                if now.last != NOBODY:
                    self._traded_in_turn(now.last, fills[0])
                now.last, now.next, now.fills = fills[0], 1, fills
            order, taker = now.fills[now.next : now.next + 2]
            now.next += 2
            if self.facts.order_id[order] != line.maker or taker != line.taker:
                raise Impossible(f"the feed has order {line.taker} trade otherwise than it was told", now.last)
            self._met(order, now)
        for now in reading:
            if now.next != len(now.fills):
                raise Impossible("the feed breaks off within its trades", now.last)
        if lines != sum(len(fills) // 2 for fills in told.values()):
            raise Impossible("the feed does not have its trades", next(fills[0] for fills in told.values()))

    def _traded_in_turn(self, one: int, other: int) -> None:
        facts = self.facts
        if facts.fed_after[one] == facts.fed_before[other] == NOBODY:
            facts.fed_after[one], facts.fed_before[other] = other, one
        else:  # it traded in several books
            facts.forced.setdefault(other, []).append((one, FED))

    def _fills(self) -> dict[int, list[int]]:
        """For each operation that traded in a book: itself, and then maker, taker, maker, taker …

        By its first taker and its book, in one number: there may be millions.
        """
        facts, books = self.facts, len(self.facts.symbols)
        told: dict[int, list[int]] = {}
        for at, operation in enumerate(self.history.operations):
            mine: dict[int, list[int]] = {}
            met = (order for entry in facts.entries[at] for order, _ in entry.touches)
            for order, event in zip(met, _meetings(operation), strict=True):
                if isinstance(event, Trade):
                    book = facts.side_of[order] >> 1
                    fills = mine.get(book)
                    if fills is None:
                        key = event.taker * books + book
                        if key in told:
                            raise Beyond("takers of one id, beside a feed")
                        fills = mine[book] = told[key] = [at]
                    fills += (order, event.taker)
        return told

    def _met(self, order: int, now: _Reading) -> None:
        """The first trade of an order is behind those of all that were queued before it (B3)."""
        if order in now.met:
            return
        now.met.add(order)
        level = self.facts.side_of[order], self.facts.level[order]
        if level in now.first and not self.prevents:
            said = "the feed has the first trade of its order after that of the order of {1}, at one price"
            self.force(now.first[level], order, said)
        now.first[level] = order

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
        if not (self.history.final and self.history.final_prices) and not self.has_stops:
            return
        facts.last_fill = [{} for _ in facts.symbols]
        for at, operation in enumerate(self.history.operations):
            for event in operation.events or ():
                if isinstance(event, Trade):
                    facts.last_fill[self.book[event.symbol]][at] = event.price
        for view in self.history.final if self.history.final_prices else ():
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
