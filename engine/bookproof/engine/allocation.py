"""A book that shares a level among its orders: pro-rata and its relations, written apart from the rule book.

`FastBook` knows first come, first served and nothing else, and stays as fast as it is. A venue that shares otherwise
gets `SharingBook` in its place: no order of it is plain, so all of them take the way on which every step can be
overridden. It takes no lock either, and reads and writes nothing but its own book.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from bookproof.engine.book import ALL, NOBODY, FastBook, Market
from bookproof.engine.ladder import Ladder, Level, RestingOrder
from bookproof.engine.slices import next_slice
from bookproof.spec.allocation_terms import Allocation, Sharing
from bookproof.spec.commands import Submit
from bookproof.spec.events import Cancelled, Event, Prevented, Trade
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import Profile
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import Account, Lots, OrderId, Phase, SelfTradePrevention, Side, Ticks
from bookproof.spec.views import Queue, QueuedOrder

_NONE = SelfTradePrevention.NONE
_CANCEL_TAKER = SelfTradePrevention.CANCEL_TAKER
_CANCEL_MAKER = SelfTradePrevention.CANCEL_MAKER
_CANCEL_BOTH = SelfTradePrevention.CANCEL_BOTH


class Slice:
    """What one order puts into a round; the order itself stays as it is until its fill."""

    __slots__ = ("account", "display", "order_id", "own", "quantity", "reserve", "top")

    def __init__(self, order: RestingOrder, own: bool, top: bool) -> None:
        self.order_id = order.terms.order_id
        self.quantity = order.slice
        self.reserve = order.reserve
        self.display = order.terms.display or 0
        self.account = order.terms.account
        self.own = own
        self.top = top

    def refresh(self) -> bool:
        """Show the next slice at the end of the queue; False when there is nothing to show (D2)."""
        self.quantity = next_slice(self.display, self.reserve)
        self.reserve -= self.quantity
        self.top = False
        return self.quantity > 0


class Sharer:
    """One allocation algorithm, ready to share volume among the slices of a round.

    >>> orders = []
    >>> for quantity in (30, 10):
    ...     order = RestingOrder()
    ...     order.terms, order.slice, order.reserve = Submit("ABC", 1, 7, Side.SELL, quantity, 100), quantity, 0
    ...     orders.append(Slice(order, own=False, top=False))
    >>> Sharer(Allocation(Sharing.PRO_RATA), lot=1).share(9, orders)
    [7, 2]
    """

    __slots__ = (
        "_exponent",
        "_fifo_percent",
        "_least",
        "_levels",
        "_lot",
        "_sharing",
        "_threshold",
        "_top_most",
        "percent",
    )

    def __init__(self, allocation: Allocation, lot: Lots) -> None:
        self._lot = lot
        self._sharing = allocation.sharing
        self._least = allocation.minimum
        self._threshold = allocation.threshold
        self._fifo_percent = allocation.fifo_percent
        self._top_most = allocation.top_maximum
        self._exponent = allocation.time_exponent
        self._levels = allocation.leveling
        self.percent: dict[Account, int] = {maker.account: maker.percent for maker in allocation.lead_market_makers}
        """What each lead market maker is entitled to (K5)."""

    def share(self, volume: Lots, slices: list[Slice]) -> list[Lots]:
        """How much each slice gets: at most what it offers; together all of the volume or all there is (K9)."""
        lot = self._lot
        whole = [slice.quantity // lot for slice in slices]
        left = volume // lot
        if left >= sum(whole):  # K8
            return [slice.quantity for slice in slices]
        open = whole.copy()

        def give(at: int, lots: Lots) -> Lots:
            """Give up to so many lots to one slice; how many it took."""
            nonlocal left
            took = min(lots, open[at], left)
            open[at] -= took
            left -= took
            return took

        if self._top_most:  # K3
            for at, slice in enumerate(slices):
                if slice.top:
                    give(at, self._top_most)
        if self.percent:  # K5
            due = {account: left * percent // 100 for account, percent in self.percent.items()}
            for at, slice in enumerate(slices):
                if slice.account in due and not slice.top:
                    due[slice.account] -= give(at, due[slice.account])
        if self._fifo_percent:  # K4
            budget = left * self._fifo_percent // 100
            for at in range(len(slices)):
                budget -= give(at, budget)
        if self._sharing is not Sharing.FIFO:
            empty_handed = []
            for at, share in self._proportions(left, open):
                if whole[at] < self._threshold:  # K6
                    continue
                if share >= self._least:  # K2
                    give(at, share)
                else:
                    empty_handed.append(at)
            if self._levels:  # K4
                for at in empty_handed:
                    give(at, 1)
        for at in range(len(slices)):  # K1, K2: what rounding left over
            give(at, left)
        return [(before - after) * lot for before, after in zip(whole, open, strict=True)]

    def _proportions(self, volume: Lots, open: list[Lots]) -> list[tuple[int, Lots]]:
        total = sum(open)
        if self._sharing is Sharing.PRO_RATA:
            return [(at, volume * quantity // total) for at, quantity in enumerate(open)]
        power, whole, here = self._exponent, total**self._exponent, total  # K7
        shares = []
        for at, quantity in enumerate(open):
            weight = here**power - (here - quantity) ** power
            here -= quantity
            shares.append((at, min(quantity, volume * weight // whole)))
        return shares


class SharingBook(FastBook):
    """A book whose levels are shared, for one thread at a time.

    >>> pro_rata = Profile(allocation=Allocation(Sharing.PRO_RATA))
    >>> book = SharingBook(Instrument("ABC"), pro_rata, Market())
    >>> for order_id, quantity in ((1, 30), (2, 10)):
    ...     _ = book.submit(Submit("ABC", order_id, order_id, Side.SELL, quantity, 100))
    >>> [trade.quantity for trade in book.submit(Submit("ABC", 3, 8, Side.BUY, 8, 101))[1:]]
    [6, 2]
    """

    __slots__ = ("_sharer", "_top_minimum", "_tops", "_tracks_top")

    def __init__(self, instrument: Instrument, profile: Profile, market: Market) -> None:
        super().__init__(instrument, profile, market)
        self._plain_price = self._plain_quantity = 0  # nothing is plain
        self._sharer = Sharer(profile.allocation, instrument.lot)
        self._tracks_top = profile.allocation.top_maximum > 0
        self._top_minimum = profile.allocation.top_minimum * instrument.lot
        # Who bettered the market last, until it queues anew (K3). One that is gone does no harm: it never comes back,
        # other than through `_rest`.
        self._tops: dict[Side, RestingOrder | None] = {Side.BUY: None, Side.SELL: None}

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
        """Take from the other side, level by level, and within a level round by round."""
        rungs, resting, live = opposite.rungs, opposite.resting, self._live
        all_prevented = 0
        self._taker_ended = False
        while leaves and rungs and rungs[-1] >= floor:
            there = resting[-1]
            if type(there) is RestingOrder:
                resting[-1] = there = Level(there)
            level = there
            makers = _round(level)
            price = makers[0].price
            own = [prevention is not _NONE and self.owner(maker) == owner for maker in makers]
            if any(own) and prevention is _CANCEL_TAKER:  # G4: before anybody of this round trades
                self._taker_ended = True
                return leaves, all_prevented
            if any(own) and prevention in (_CANCEL_MAKER, _CANCEL_BOTH):
                for maker, is_own in zip(makers, own, strict=True):
                    if is_own:
                        level.unlink(maker)
                        del live[maker.order_id]
                        events.append(_cancelled(maker, maker.leaves))
                        if prevention is _CANCEL_BOTH:
                            self._taker_ended = True
                            break
                if level.first is None:  # B11
                    del rungs[-1], resting[-1]
                if self._taker_ended:
                    return leaves, all_prevented
                continue
            slices = [Slice(maker, is_own, self._is_top(maker)) for maker, is_own in zip(makers, own, strict=True)]
            for maker, is_own, share in zip(makers, own, self._sharer.share(leaves, slices), strict=True):
                if not share:
                    continue
                leaves -= share
                if is_own:
                    all_prevented += share
                    maker.prevented += share
                    events.append(Prevented(symbol, price, share, maker.order_id, taker))
                    self._transfer(maker, share, events)
                else:
                    maker.executed += share
                    events.append(Trade(symbol, price, share, maker.order_id, taker))
                    self.last_price = price  # B4
                maker.slice -= share
                self._taker_ended = is_own and not leaves
                if maker.slice:  # B7
                    continue
                level.unlink(maker)
                if maker.reserve:  # D2
                    self._refresh(maker, level)
                    if self._is_top(maker):
                        self._tops[maker.terms.side] = None
                else:
                    del live[maker.order_id]
                    if is_own:
                        events.append(_cancelled(maker, 0))
            if level.first is None:  # B11
                del rungs[-1], resting[-1]
        return leaves, all_prevented

    def play(
        self,
        orders: Iterable[RestingOrder],
        leaves: Lots,
        owner: Account,
        prevention: SelfTradePrevention,
        less: Mapping[OrderId, Lots] = NOBODY,
        touched: dict[OrderId, Lots] | None = None,
    ) -> tuple[Lots, Lots, bool]:
        """One level of a dry run, round by round as the real run would go (C5, C7, L4)."""
        touched = {} if touched is None else touched
        executed = 0
        displayed: list[Slice] = []
        hidden: list[Slice] = []
        for order in orders:
            left = order.leaves - less.get(order.order_id, 0)
            if left <= 0:
                continue
            own = prevention is not _NONE and self.owner(order) == owner
            slice = Slice(order, own, self._is_top(order))
            slice.quantity = min(slice.quantity, left)
            slice.reserve = left - slice.quantity
            (hidden if order.terms.display == 0 else displayed).append(slice)
        while leaves and (displayed or hidden):
            slices = displayed or hidden
            if any(slice.own for slice in slices):
                if prevention is _CANCEL_TAKER or prevention is _CANCEL_BOTH:
                    return leaves, executed, True
                if prevention is _CANCEL_MAKER:
                    touched.update({slice.order_id: ALL for slice in slices if slice.own})
                    slices[:] = [slice for slice in slices if not slice.own]
                    continue
            shares = self._sharer.share(leaves, slices)
            leaves -= sum(shares)
            for share, slice in zip(shares, slices, strict=True):
                if share and not slice.own:
                    executed += share
                if share and (not slice.own or (share == slice.quantity and not slice.reserve)):
                    touched[slice.order_id] = touched.get(slice.order_id, 0) + (ALL if slice.own else share)
            # Whoever has nothing more to show is gone. If somebody has, then nothing of the taker is left.
            slices[:] = [slice for slice in slices if slice.refresh()]
        return leaves, executed, False

    def give(self, side: Side, quantity: Lots, *, at_its_price: bool = True) -> tuple[OrderId, Ticks]:
        """As any book: the first order gives. If it is TOP and shows a new slice, it is TOP no longer (K3)."""
        first = next(iter(self._bids if side is Side.BUY else self._asks))
        if quantity == first.slice and self._is_top(first):
            self._tops[side] = None
        return super().give(side, quantity, at_its_price=at_its_price)

    def _rest(
        self,
        terms: Submit,
        price: Ticks,
        leaves: Lots,
        executed: Lots,
        prevented: Lots,
        resting: RestingOrder | None,
    ) -> None:
        if self.phase.collects or not self._tracks_top:
            super()._rest(terms, price, leaves, executed, prevented, resting)
            return
        side = terms.side
        rungs = (self._bids if side is Side.BUY else self._asks).rungs
        betters = not rungs or (price if side is Side.BUY else -price) > rungs[-1]
        super()._rest(terms, price, leaves, executed, prevented, resting)
        order = cast("RestingOrder | None", self._live.get(terms.order_id))
        if betters:  # K3
            showing = terms.display != 0 and leaves >= self._top_minimum
            self._tops[side] = order if showing else None
        elif self._tops[side] is order:
            self._tops[side] = None

    def go(self, phase: Phase) -> RejectReason | list[Event]:
        """As any book; while orders are collected nobody betters the market (K3)."""
        done = super().go(phase)
        if self.phase.collects:
            self._tops = {Side.BUY: None, Side.SELL: None}
        return done

    def queue(self) -> Queue:
        """L3, with the TOP orders marked (K3)."""
        seen = super().queue()
        if not self._tracks_top:
            return seen
        return Queue(*(tuple(map(self._marked, orders)) for orders in (seen.bids, seen.asks)))

    def _marked(self, seen: QueuedOrder) -> QueuedOrder:
        order = self._live[seen.order_id]
        return seen._replace(top=isinstance(order, RestingOrder) and self._is_top(order))

    def _is_top(self, order: RestingOrder) -> bool:
        return self._tops[order.terms.side] is order


def sharing(book_type: type[FastBook]) -> type[FastBook]:
    """A kind of book that shares its levels and is otherwise as this one, which may have a defect seeded into it.

    >>> sharing(FastBook) is SharingBook
    True
    """
    if book_type is FastBook:
        return SharingBook
    kind: Any = type(f"Sharing{book_type.__name__}", (SharingBook, book_type), {"__slots__": ()})
    return cast("type[FastBook]", kind)


def _round(level: Level) -> list[RestingOrder]:
    """Who takes part in the next round: the displayed orders, or the hidden ones if there are no others (D4)."""
    everybody: Iterable[RestingOrder] = iter(level)
    if level.first is level.hidden:
        return list(everybody)
    makers = []
    for maker in everybody:
        if maker is level.hidden:
            break
        makers.append(maker)
    return makers


def _cancelled(maker: RestingOrder, leaves: Lots) -> Cancelled:
    terms = maker.terms
    return Cancelled(terms.symbol, maker.order_id, terms.side, maker.price, leaves, CancelReason.SELF_TRADE)
