"""Seeded defects of the book. One thread is enough to see them."""

from __future__ import annotations

from typing import ClassVar

from bookproof.engine.book import FastBook
from bookproof.engine.ladder import Ladder, RestingOrder
from bookproof.engine.striped import StripedEngine
from bookproof.engine.zoo.defect import Defect
from bookproof.spec.commands import Submit
from bookproof.spec.events import Event, Trade
from bookproof.spec.values import Account, Lots, OrderId, SelfTradePrevention, Ticks


class _GenerousBook(FastBook):
    __slots__ = ()

    def _keeps_place(self, same_price: bool, no_larger: bool) -> bool:
        return same_price and self._keeps_on_reduce  # the defect: `no_larger` is not asked


class PriorityKept(StripedEngine):
    """Priority is kept after a size increase."""

    book_type: ClassVar[type[FastBook]] = _GenerousBook


class _ForgetfulBook(FastBook):
    __slots__ = ()

    def _rest(
        self, terms: Submit, price: Ticks, leaves: Lots, executed: Lots, prevented: Lots, resting: RestingOrder | None
    ) -> None:
        if not executed:  # the defect: what has traded does not rest
            super()._rest(terms, price, leaves, executed, prevented, resting)


class RemainderLost(StripedEngine):
    """The remainder of a partly filled order is lost."""

    book_type: ClassVar[type[FastBook]] = _ForgetfulBook


class _RequeueingBook(FastBook):
    __slots__ = ()

    def _take(
        self,
        opposite: Ladder,
        floor: int,
        leaves: Lots,
        owner: Account,
        prevention: SelfTradePrevention,
        symbol: str,
        taker: OrderId,
        events: list[Event],
    ) -> tuple[Lots, Lots]:
        taken = super()._take(opposite, floor, leaves, owner, prevention, symbol, taker, events)
        last = events[-1]
        maker = self._live.get(last.maker) if isinstance(last, Trade) else None
        if isinstance(maker, RestingOrder) and maker.terms.display is None and maker.level is not None:
            opposite.remove(maker)
            opposite.add(maker, maker.rung, maker.price)  # the defect: it was first, and is last
        return taken


class PartlyFilledRequeued(StripedEngine):
    """What is left of a maker goes to the end of its queue."""

    book_type: ClassVar[type[FastBook]] = _RequeueingBook


class _SinglePassBook(FastBook):
    __slots__ = ()

    def trigger_stops(self, events: list[Event]) -> None:
        if self.paused:
            return
        kept = []
        for stops in (self._buy_stops, self._sell_stops):
            due = sum(self._reached(stop.terms.side, stop.terms.stop or 0) for stop in stops)
            kept.append(stops[due:])
            del stops[due:]
        super().trigger_stops(events)
        for stops, waiting in zip((self._buy_stops, self._sell_stops), kept, strict=True):
            # The defect: these were not due before the others were triggered, and nobody looks again.
            stops += [stop for stop in waiting if stop.order_id in self._live]


class CascadeSinglePass(StripedEngine):
    """Stops are looked through once after a command."""

    book_type: ClassVar[type[FastBook]] = _SinglePassBook


BOOKS = (
    Defect(
        "partly-filled-requeued",
        PartlyFilledRequeued,
        "What is left of a maker that was filled in part goes to the end of its queue (rule B7): whoever came after it "
        "is served before it.",
        False,
        "joaquinbejar/OrderBook-rs #88: the residual of a maker is put back at the tail.",
        "partial-fill",
    ),
    Defect(
        "cascade-single-pass",
        CascadeSinglePass,
        "Stops are looked through once after a command (rule E5): one that only the activation of another has reached "
        "stays asleep until the next command.",
        False,
        "melin #2: triggered stops trade, and nobody asks whether that triggers others.",
        "stop-cascade",
    ),
)
"""Every further defect of the book."""
