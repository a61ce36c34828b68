"""A book in which reduce-only orders rest (C9), written apart from the rule book.

What a reduce-only order may come to is its account's position, and that moves while an aggressor is at work: the
account's other orders are met as well. The ledger writes positions up when a command has matched, which is too late
here. So this book keeps a copy of its own: the positions of those who have such orders in it, moved on with every fill,
and set anew whenever one of them sends another. It belongs to the book and so to its stripe, as all lots of it do.

`FastBook` knows nothing of that and stays as fast as it is; no order of this book is plain. It takes no lock either.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, cast

from bookproof.engine.book import ALL, NOBODY, FastBook, Market
from bookproof.engine.ladder import Ladder, RestingOrder
from bookproof.engine.slices import next_slice
from bookproof.spec.commands import Submit
from bookproof.spec.events import Cancelled, Event, Prevented, Trade
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import Profile
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import Account, Lots, OrderId, Phase, SelfTradePrevention, Side, Ticks
from bookproof.spec.views import Queue, QueuedOrder

_ALLOW = SelfTradePrevention.NONE
_CANCEL_TAKER = SelfTradePrevention.CANCEL_TAKER
_CANCEL_BOTH = SelfTradePrevention.CANCEL_BOTH
_DECREMENT = SelfTradePrevention.DECREMENT


class ReducingBook(FastBook):
    """A book with reduce-only orders, for one thread at a time.

    >>> book = ReducingBook(Instrument("ABC"), Profile(), Market())
    >>> book.expect(2, 7, 5)  # order 2 is reduce-only, and account 7 has 5 lots
    >>> for order_id, quantity, price in ((2, 5, 110), (1, 3, 100)):
    ...     _ = book.submit(Submit("ABC", order_id, 7, Side.SELL, quantity, price))
    >>> for event in book.submit(Submit("ABC", 3, 8, Side.BUY, 9, 110))[2:4]:
    ...     print(event)
    Restated(symbol='ABC', order_id=2, quantity=3)
    Trade(symbol='ABC', price=110, quantity=2, maker=2, taker=3)
    """

    __slots__ = ("_coming", "_positions", "_reducers", "_taker")

    def __init__(self, instrument: Instrument, profile: Profile, market: Market) -> None:
        super().__init__(instrument, profile, market)
        self._plain_price = self._plain_quantity = 0  # nothing is plain
        self._offers_budgets = False
        # In order of time. One that has left the book stands here until somebody looks: its record is live no longer.
        self._reducers: dict[OrderId, RestingOrder] = {}
        self._positions: dict[Account, Lots] = {}
        """Of those who have reduce-only orders here, or are about to. Empty, and everything goes the common way."""
        self._coming: tuple[OrderId, Account] | None = None
        """The reduce-only order that enters next."""
        self._taker: Account = -1

    # ── what the accounts are told, and tell ──

    def expect(self, order_id: OrderId, account: Account, position: Lots) -> None:
        """The next order that enters is reduce-only, of an account with this position."""
        super().expect(order_id, account, position)
        self._coming = order_id, account
        self._positions[account] = position

    def reduces(self, order_id: OrderId) -> bool:
        """Whether a live order is reduce-only."""
        order = self._reducers.get(order_id)
        return order is not None and self._live.get(order_id) is order

    def reducing(self, account: Account, side: Side) -> Lots:
        """What an account's reduce-only orders of one side come to together."""
        return sum(order.leaves for order in self._of(account, side))

    def resize(self, account: Account, position: Lots, events: list[Event]) -> None:
        """An account has another position, past the book: what that leaves of its reduce-only orders."""
        super().resize(account, position, events)
        if account in self._positions:
            self._positions[account] = position
            for side in Side:
                self._cut(account, side, events)

    def _of(self, account: Account, side: Side) -> list[RestingOrder]:
        return [
            order
            for order_id, order in self._reducers.items()
            if order.terms.account == account and order.terms.side is side and self._live.get(order_id) is order
        ]

    def _cut(self, account: Account, side: Side, events: list[Event]) -> None:
        """Make an account's orders of one side as small as its position, the newest first; they keep their place."""
        position = self._positions.get(account)
        if position is None:
            return
        own = self._of(account, side)
        excess = sum(order.leaves for order in own) - _room(position, side)
        while excess > 0:
            order = own.pop()
            lots = min(excess, order.leaves)
            excess -= lots
            events.append(self.restate(order.order_id, lots) or self._cancel(order.order_id, CancelReason.REDUCE_ONLY))

    def _forget_gone(self) -> None:
        """Forget orders that have left the book, and who has none but these."""
        self._reducers = {order_id: order for order_id, order in self._reducers.items() if self.reduces(order_id)}
        known = {order.terms.account for order in self._reducers.values()}
        if self._coming is not None:
            known.add(self._coming[1])
        self._positions = {account: lots for account, lots in self._positions.items() if account in known}

    # ── matching ──

    def _enter(
        self, terms: Submit, price: Ticks | None, leaves: Lots, events: list[Event], resting: RestingOrder | None = None
    ) -> None:
        self._taker = terms.account
        if resting is not None and self._reducers.get(terms.order_id) is resting:  # it is out of the book just now
            self._coming = terms.order_id, terms.account
        if self._positions:
            self._forget_gone()
        super()._enter(terms, price, leaves, events, resting)
        self._coming = None  # if it was this one: nobody else enters between

    def _rest(
        self, terms: Submit, price: Ticks, leaves: Lots, executed: Lots, prevented: Lots, resting: RestingOrder | None
    ) -> None:
        order_id = terms.order_id
        comes_back = resting is not None and self._reducers.get(order_id) is resting
        super()._rest(terms, price, leaves, executed, prevented, resting)
        if comes_back or (self._coming is not None and self._coming[0] == order_id):
            self._reducers.pop(order_id, None)
            self._reducers[order_id] = cast(RestingOrder, self._live[order_id])

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
        """Take from the other side, one maker after the other: each fill may leave less of those that come later."""
        if not self._positions:
            return super()._take(opposite, floor, leaves, owner, prevention, symbol, taker, events)
        side = Side.BUY if opposite is self._asks else Side.SELL
        left, prevented = self._sweep(opposite, floor, leaves, owner, prevention, (symbol, side, taker), events)
        self._cut(self._taker, side, events)
        return left, prevented

    def _sweep(
        self,
        opposite: Ladder,
        floor: int,
        leaves: Lots,
        owner: Account,
        prevention: SelfTradePrevention,
        aggressor: tuple[str, Side, OrderId],
        events: list[Event],
    ) -> tuple[Lots, Lots]:
        symbol, side, taker = aggressor
        all_prevented = 0
        self._taker_ended = False
        while leaves and opposite.rungs and opposite.rungs[-1] >= floor:
            there = opposite.resting[-1]
            maker = there if isinstance(there, RestingOrder) else there.first
            assert maker is not None, "no level is empty"
            price, said = maker.price, len(events)
            own = prevention is not _ALLOW and self.owner(maker) == owner  # G4
            if own and prevention is _CANCEL_TAKER:
                self._taker_ended = True
                return leaves, all_prevented
            if own and prevention is not _DECREMENT:
                self._leave(opposite, maker)
                events.append(_stopped(maker, maker.leaves))
                if prevention is _CANCEL_BOTH:
                    self._taker_ended = True
                    return leaves, all_prevented
                continue
            offered = maker.leaves if self._whole_icebergs and not own else maker.slice
            quantity = min(leaves, offered)
            leaves -= quantity
            if own:
                all_prevented += quantity
                maker.prevented += quantity
                events.append(Prevented(symbol, price, quantity, maker.order_id, taker))
                self._transfer(maker, quantity, events)
            else:
                maker.executed += quantity
                events.append(Trade(symbol, price, quantity, maker.order_id, taker))
                self.last_price = price  # B4
            moved = not own or len(events) > said + 1  # G3: a transfer was told as well
            self._use(opposite, maker, quantity)
            if own and not maker.leaves:
                events.append(_stopped(maker, 0))
            if moved:
                self._move(maker.terms.account, quantity if side is Side.SELL else -quantity)
                self._move(self._taker, quantity if side is Side.BUY else -quantity)
                self._cut(maker.terms.account, maker.terms.side, events)
            if not leaves:
                self._taker_ended = own
        return leaves, all_prevented

    def _move(self, account: Account, lots: Lots) -> None:
        if account in self._positions:
            self._positions[account] += lots

    def _leave(self, ladder: Ladder, maker: RestingOrder) -> None:
        ladder.remove(maker)
        del self._live[maker.order_id]

    def _use(self, ladder: Ladder, maker: RestingOrder, quantity: Lots) -> None:
        """So much of a maker is gone: it keeps its place (B7), shows a new slice (D2), or is gone as well (B11)."""
        if quantity < maker.slice:
            maker.slice -= quantity
            return
        reserve = maker.reserve - (quantity - maker.slice)
        self._leave(ladder, maker)
        maker.slice = next_slice(maker.terms.display or 0, reserve)
        maker.reserve = reserve - maker.slice
        if reserve:
            ladder.add(maker, maker.rung, maker.price)
            self._live[maker.order_id] = maker
            if self._reducers.get(maker.order_id) is maker:  # the latest, here as well
                del self._reducers[maker.order_id]
                self._reducers[maker.order_id] = maker

    # ── the dry run ──

    def can_fill(
        self, order: Submit, less: Mapping[OrderId, Lots] = NOBODY, touched: dict[OrderId, Lots] | None = None
    ) -> bool:
        """As any book, when it is this order's account that trades."""
        self._taker = order.account
        self._transfers_of = order.account if order.self_trade is SelfTradePrevention.TRANSFER else None
        return super().can_fill(order, less, touched)

    def _obtainable(
        self,
        opposite: Ladder,
        floor: int,
        wanted: Lots,
        owner: Account,
        prevention: SelfTradePrevention,
        less: Mapping[OrderId, Lots] = NOBODY,
        touched: dict[OrderId, Lots] | None = None,
    ) -> Lots:
        """As any book, and as the real run: whoever trades leaves less of its account's reduce-only orders (C5, C9)."""
        if not self._positions:
            return super()._obtainable(opposite, floor, wanted, owner, prevention, less, touched)
        side = Side.SELL if opposite is self._asks else Side.BUY
        positions = dict(self._positions)
        reducers = {account: self._of(account, side) for account in positions}
        sign = -1 if side is Side.SELL else 1
        left = {order.order_id: order.leaves for own in reducers.values() for order in own}
        leaves, executed = wanted, 0
        for orders in opposite.best_first(floor):
            shows: dict[OrderId, Lots] = {}
            displayed: deque[RestingOrder] = deque()
            hidden: deque[RestingOrder] = deque()
            for order in orders:
                open_lots = left.setdefault(order.order_id, order.leaves - less.get(order.order_id, 0))
                shows[order.order_id] = min(order.slice, open_lots)
                (hidden if order.terms.display == 0 else displayed).append(order)
            while leaves and (displayed or hidden):
                maker = (displayed or hidden).popleft()
                order_id, account = maker.order_id, maker.terms.account
                offered = min(shows[order_id], left[order_id])
                if offered <= 0:  # gone before its turn
                    continue
                own = prevention is not _ALLOW and self.owner(maker) == owner
                if own and (prevention is _CANCEL_TAKER or prevention is _CANCEL_BOTH):
                    return executed
                if own and prevention is not _DECREMENT:
                    left[order_id] = 0
                    if touched is not None:
                        touched[order_id] = touched.get(order_id, 0) + ALL
                    continue
                quantity = min(leaves, left[order_id] if self._whole_icebergs and not own else offered)
                leaves -= quantity
                left[order_id] -= quantity
                if not own:
                    executed += quantity
                if touched is not None and not (own and left[order_id]):
                    touched[order_id] = touched.get(order_id, 0) + (ALL if own else quantity)
                if left[order_id] and quantity >= offered:  # D2
                    shows[order_id] = next_slice(maker.terms.display or 0, left[order_id])
                    displayed.append(maker)
                    if maker in reducers.get(account, ()):
                        reducers[account].remove(maker)
                        reducers[account].append(maker)
                if own and not self._would_transfer(maker.terms):
                    continue
                for party, lots in ((account, sign * quantity), (self._taker, -sign * quantity)):
                    if party in positions:
                        positions[party] += lots
                if account in positions:
                    _shrink(reducers[account], left, _room(positions[account], side))
            if not leaves:
                break
        return executed

    def _would_transfer(self, maker: Submit) -> bool:
        """Whether lots that are prevented move all the same (G3)."""
        taker = self._transfers_of
        return taker is not None and maker.self_trade is SelfTradePrevention.TRANSFER and maker.account != taker

    # ── calls, and views ──

    def go(self, phase: Phase) -> RejectReason | list[Event]:
        """As any book; while orders are collected there is no reduce-only one among them."""
        done = super().go(phase)
        if isinstance(done, list) and phase.collects:
            for order_id in list(self._reducers):
                if self.reduces(order_id):
                    done.append(self._cancel(order_id, CancelReason.REDUCE_ONLY))
            self._reducers.clear()
            self._positions.clear()
        return done

    def queue(self) -> Queue:
        """L3, with the reduce-only orders marked."""
        seen = super().queue()
        return Queue(*(tuple(map(self._marked, orders)) for orders in (seen.bids, seen.asks)))

    def _marked(self, seen: QueuedOrder) -> QueuedOrder:
        return seen._replace(reduce_only=True) if self.reduces(seen.order_id) else seen


def letting_reducers_rest(book_type: type[FastBook]) -> type[FastBook]:
    """A kind of book in which reduce-only orders rest, and is otherwise as this one.

    >>> letting_reducers_rest(FastBook) is ReducingBook
    True
    """
    if book_type is FastBook:
        return ReducingBook
    kind: Any = type(f"Reducing{book_type.__name__}", (ReducingBook, book_type), {"__slots__": ()})
    return cast("type[FastBook]", kind)


def _room(position: Lots, side: Side) -> Lots:
    """How much of a position orders of one side may reduce."""
    return max(0, position if side is Side.SELL else -position)


def _shrink(own: list[RestingOrder], left: dict[OrderId, Lots], room: Lots) -> None:
    """What a cut would leave of an account's orders, the newest first."""
    excess = sum(left[order.order_id] for order in own) - room
    for order in reversed(own):
        if excess <= 0:
            return
        lots = min(excess, left[order.order_id])
        left[order.order_id] -= lots
        excess -= lots


def _stopped(maker: RestingOrder, leaves: Lots) -> Cancelled:
    terms = maker.terms
    return Cancelled(terms.symbol, maker.order_id, terms.side, maker.price, leaves, CancelReason.SELF_TRADE)
