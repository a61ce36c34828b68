"""The engine's own book: fast, mutable, and written apart from the rule book.

It takes no lock; whoever calls it holds the lock of the stripe the book belongs to. Every method gives the events of
one command. Rule numbers say what a line is for; the oracle in `spec/` says what is right.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from bookproof.engine import auction
from bookproof.engine.entry_checks import NOTHING as _NOTHING
from bookproof.engine.entry_checks import TOP_ID as _TOP_ID
from bookproof.engine.entry_checks import EntryChecks
from bookproof.engine.ladder import MARKET_RUNG, OUT_OF_REACH, Ladder, Level, RestingOrder, floor_of
from bookproof.engine.slices import next_slice
from bookproof.spec.commands import Cancel, Replace, Spend, Submit
from bookproof.spec.events import (
    Accepted,
    Cancelled,
    Event,
    Halted,
    PhaseChanged,
    Prevented,
    Rejected,
    Replaced,
    Repriced,
    Restated,
    Trade,
    Transferred,
    Triggered,
)
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import (
    CollarAction,
    DisplayRanges,
    Icebergs,
    MarketByBudget,
    MarketOrders,
    NoLiquidity,
    PostOnly,
    Profile,
    Reopen,
    ReplaceAllows,
    ReplaceKeeps,
    ReplaceQuantity,
    StopReference,
    StopsLookedAt,
    TrueStop,
)
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import (
    Account,
    DisplayRange,
    Lots,
    Nanoseconds,
    OrderId,
    OrderState,
    Phase,
    SelfTradePrevention,
    Side,
    Symbol,
    Ticks,
    TimeInForce,
)
from bookproof.spec.views import (
    Depth,
    Indicative,
    OrderStatus,
    PendingStop,
    Queue,
    QueuedOrder,
    Stops,
    Top,
    depth_of,
    top_of,
)

if TYPE_CHECKING:
    from bookproof.engine.lists import LiveList

_SMALL = 2**30
"""CPython compares integers below this in half the time."""

_BUY = Side.BUY
_ALLOW = SelfTradePrevention.NONE
_CANCEL_TAKER = SelfTradePrevention.CANCEL_TAKER
_CANCEL_BOTH = SelfTradePrevention.CANCEL_BOTH
_DECREMENT = SelfTradePrevention.DECREMENT
_TRANSFER = SelfTradePrevention.TRANSFER
_IMMEDIATE, _REQUESTED = CancelReason.IMMEDIATE, CancelReason.REQUESTED
_UNKNOWN_ORDER = RejectReason.UNKNOWN_ORDER
_GTC, _IOC, _FOK = TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK


ALL: Lots = 10**18
"""As many lots of an order as it has."""

NOBODY: Mapping[OrderId, Lots] = MappingProxyType({})

_Slice: TypeAlias = tuple[Account, Lots, Lots, Lots | DisplayRange, OrderId]
"""In a dry run: owner, what is shown, what is in reserve, how much to show next, and whose it is."""


@lru_cache(maxsize=1024)
def _has_no_other_limits(instrument: Instrument) -> bool:
    """Whether an instrument limits prices and quantities from above, and otherwise has the usual limits."""
    return instrument._replace(
        max_price=0,
        max_quantity=0,
        reference=None,
        protection=0,
        underlying=None,
        initial_margin=1,
        maintenance_margin=1,
    ) == Instrument(instrument.symbol, max_price=0, max_quantity=0, initial_margin=1, maintenance_margin=1)


class StopOrder:
    """A stop that waits to be triggered."""

    __slots__ = ("order_id", "sequence", "terms")

    def __init__(self, terms: Submit, sequence: int) -> None:
        self.terms = terms
        self.order_id = terms.order_id
        self.sequence = sequence


class HeldOrder(StopOrder):
    """An order that its list holds back (H2): its id is taken, and no queue knows it."""

    __slots__ = ()


class Market:
    """What all books of an exchange share."""

    __slots__ = ("blocked", "breaker_level", "clock", "halted", "index", "index_base", "restricted")

    def __init__(self) -> None:
        self.halted = False
        """The whole market is halted (J6)."""
        self.clock: Nanoseconds = 0
        """Moves only by command (A5)."""
        self.blocked: set[Account] = set()
        """Accounts that a kill switch keeps out (J7)."""
        self.index: int | None = None
        """Where the breaker's index stands (J6)."""
        self.index_base: int | None = None
        self.breaker_level = 0
        self.restricted = False
        """Halted, or somebody is blocked: all that the short way in asks, so that it pays for one look only."""

    def set_halted(self, halted: bool) -> None:
        """Stop matching everywhere, or go on (J6)."""
        self.halted = halted
        self.restricted = halted or bool(self.blocked)

    def set_blocked(self, account: Account, blocked: bool) -> None:
        """Keep an account out, or let it in (J7)."""
        (self.blocked.add if blocked else self.blocked.discard)(account)
        self.restricted = self.halted or bool(self.blocked)


class FastBook:
    """One book, for one thread at a time.

    >>> book = FastBook(Instrument("ABC"), Profile(), Market())
    >>> _ = book.submit(Submit("ABC", 1, 7, Side.SELL, 5, 100))
    >>> book.submit(Submit("ABC", 2, 8, Side.BUY, 3, 101))[1]
    Trade(symbol='ABC', price=100, quantity=3, maker=1, taker=2)
    """

    __slots__ = (
        "_asks",
        "_band",
        "_bids",
        "_buy_stops",
        "_by_mark",
        "_collar",
        "_each_fill_counts",
        "_group",
        "_keeps_on_reduce",
        "_live",
        "_market",
        "_market_to_limit",
        "_min_notional",
        "_offers_budgets",
        "_plain_price",
        "_plain_quantity",
        "_profile",
        "_protection",
        "_quantity_is_open",
        "_reduces_only",
        "_reprices",
        "_sell_stops",
        "_stops_seen",
        "_taker_ended",
        "_transfers_of",
        "_waiting",
        "_whole_icebergs",
        "aside",
        "checks",
        "dependents",
        "halted_above",
        "last_price",
        "lists",
        "mark",
        "paused",
        "phase",
        "reference",
        "symbol",
    )

    def __init__(self, instrument: Instrument, profile: Profile, market: Market) -> None:
        self.symbol = instrument.symbol
        self.checks = EntryChecks(instrument, profile.display_ranges is DisplayRanges.TAKEN)
        self.phase = Phase.CONTINUOUS
        """What this book is doing by itself; the market may be halted as a whole."""
        self.paused = False
        """Whether that is anything but continuous trading, or a book above is halted: all that the short path asks."""
        self.halted_above: frozenset[Symbol] = frozenset()
        """The books that this one depends on and that are halted (J6)."""
        self.dependents: tuple[FastBook, ...] = ()
        """The books that depend on this one, in listing order."""
        self.last_price: Ticks | None = None
        self._market = market
        self._min_notional = instrument.min_notional
        self._band = instrument.band
        self._collar = instrument.collar
        self._protection = instrument.protection
        self.reference = instrument.reference
        """What bands are around (J4)."""
        # Below these nothing else needs to be checked, if the instrument has no other limits; else nothing is plain.
        unlimited = _has_no_other_limits(instrument)
        self._plain_price = min(instrument.max_price + 1, _SMALL) if unlimited else 0
        self._plain_quantity = min(instrument.max_quantity + 1, _SMALL) if unlimited else 0
        self._by_mark = profile.stop_reference is StopReference.MARK
        self.mark: Ticks | None = None
        """What stops follow, where it is not the last trade (E1)."""
        self._each_fill_counts = profile.stops_looked_at is StopsLookedAt.AFTER_EACH_FILL and not self._by_mark
        if self._each_fill_counts:  # every order goes by `_enter`, which looks at its fills
            self._plain_price = self._plain_quantity = 0
        self._profile = profile
        self._keeps_on_reduce = profile.replace_keeps is ReplaceKeeps.ON_REDUCE
        self._quantity_is_open = profile.replace_quantity is ReplaceQuantity.OPEN
        self._reduces_only = profile.replace_allows is ReplaceAllows.REDUCTION
        self._whole_icebergs = profile.icebergs is Icebergs.WHOLE
        self._reprices = profile.post_only is PostOnly.REPRICE
        self._offers_budgets = profile.market_by_budget is MarketByBudget.TAKEN
        self._market_to_limit = profile.market_orders is MarketOrders.LIMIT
        self._group = {account: group[0] for group in reversed(profile.self_trade_groups) for account in group}
        self._bids = Ladder()
        self._asks = Ladder()
        # Every live order, in order of time: an order that has to queue anew moves to the end.
        self._live: dict[OrderId, RestingOrder | StopOrder] = {}
        # Sorted by `_stop_key`, next to be triggered first.
        self._buy_stops: list[StopOrder] = []
        self._sell_stops: list[StopOrder] = []
        self._stops_seen = 0
        self._taker_ended = False
        self._transfers_of: Account | None = None
        """The account of an aggressor that asks for transfers (G3)."""
        # Stops that are due and have not had their turn: none between two commands.
        self._waiting: deque[StopOrder] = deque()
        self.lists: dict[OrderId, LiveList] = {}
        """The list that an order of this book belongs to; empty in nearly all books."""
        self.aside: Callable[[list[Event]], None] | None = None
        """Told the events so far whenever a matching step has ended, or a stop was triggered (H1)."""

    # ── halts ──

    def tell_dependents(self) -> None:
        """Tell the books that depend on this one whether it is halted (J6): hold the stripes of all of them."""
        halted = self.phase is Phase.HALT
        for book in self.dependents:
            above = book.halted_above - {self.symbol}
            book.halted_above = above | {self.symbol} if halted else above
            book.paused = book.phase is not Phase.CONTINUOUS or bool(book.halted_above)

    # ── entry ──

    def refusal(self, order: Submit) -> RejectReason | None:
        """Why this book, as it stands, does not take a new order that is well formed."""
        side, price, stop, expires = order.side, order.price, order.stop, order.expires
        if order.account in self._market.blocked:
            return RejectReason.ACCOUNT_BLOCKED
        if self._market.halted:
            return RejectReason.MARKET_HALTED
        if self.halted_above:
            return RejectReason.UNDERLYING_HALTED
        if self.paused and (reason := auction.refusal(self.phase, order)) is not None:
            return reason
        if order.order_id in self._live:
            return RejectReason.DUPLICATE_ORDER_ID
        if expires is not None and expires <= self._market.clock:
            return RejectReason.ALREADY_EXPIRED
        if self._min_notional and price is not None and price * order.quantity < self._min_notional:
            return RejectReason.INVALID_NOTIONAL
        if self._band and self._outside_band(price):
            return RejectReason.OUTSIDE_BAND
        if stop is not None:
            if self._profile.true_stop is TrueStop.REJECT and self._reached(side, stop):
                return RejectReason.STOP_ALREADY_TRUE
            return None
        if self.paused:
            return None
        if price is None:
            if self._profile.no_liquidity is NoLiquidity.REJECT and not self._against(side).rungs:
                return RejectReason.NO_LIQUIDITY
        elif order.post_only and self._must_not_come(side, price):
            return RejectReason.WOULD_TAKE
        return None

    def submit(self, order: Submit) -> tuple[Event, ...]:
        """A new order: refused, kept as a stop, or traded and rested.

        Nearly all orders are plain limit orders, and a call costs more than anything they need; so this much stands
        here in one piece, and whatever is not plain goes another way at the first sign of it.
        """
        order_id = order.order_id  # one by one: from four on, CPython would make a tuple first
        account = order.account
        quantity = order.quantity
        price = order.price
        lives = order.time_in_force
        if not (
            (lives is _GTC or lives is _IOC)
            and order.stop is None
            and order.display is None
            and order.expires is None
            and order.min_quantity is _NOTHING
            and not order.post_only
            and type(price) is int
            and type(quantity) is int
            and type(order_id) is int
            and type(account) is int
            and 0 < price < self._plain_price
            and 0 < quantity < self._plain_quantity
            and not order_id >> 63  # from 0 to 2**63 - 1, in a third less time than two comparisons
            and not account >> 63
            and order_id not in self._live
            and not (self.paused or self._market.restricted)
        ):
            return self._submit_special(order)
        symbol, side = order.symbol, order.side
        accepted = Accepted(symbol, order_id, side, price, quantity)
        if side is _BUY:
            against, floor = self._asks, -price
        else:
            against, floor = self._bids, price
        rungs = against.rungs
        if rungs and rungs[-1] >= floor:
            events: list[Event] = [accepted]
            if order.self_trade is _ALLOW:
                leaves, _ = self._take(against, floor, quantity, account, _ALLOW, symbol, order_id, events)
                if leaves:
                    if lives is _IOC:
                        events.append(Cancelled(symbol, order_id, side, price, leaves, _IMMEDIATE))
                    else:
                        self._rest(order, price, leaves, quantity - leaves, 0, None)
            else:
                self._enter(order, price, quantity, events)
            if self._buy_stops or self._sell_stops:
                self.trigger_stops(events)
            return tuple(events)
        if lives is _IOC:
            return accepted, Cancelled(symbol, order_id, side, price, quantity, _IMMEDIATE)
        self._live[order_id] = resting = RestingOrder()
        resting.terms = order
        resting.order_id = order_id
        resting.slice = quantity
        resting.reserve = resting.executed = resting.prevented = 0
        if side is _BUY:
            self._bids.add(resting, price, price)
        else:
            self._asks.add(resting, -price, price)
        return (accepted,)

    def _submit_special(self, order: Submit) -> tuple[Event, ...]:
        """A new order that is refused or has conditions: a market order, a stop, an iceberg, and so on."""
        reason = self.checks.submit(order) or self.refusal(order)
        if reason is not None:
            return (Rejected(order.symbol, order.order_id, reason),)
        events: list[Event] = [Accepted(order.symbol, order.order_id, order.side, order.price, order.quantity)]
        if order.stop is not None:
            self._pend(order)
        elif self.paused:
            self._collect(order, order.price, order.quantity, None)
        else:
            self._enter(order, order.price, order.quantity, events)
        self.trigger_stops(events)
        return tuple(events)

    def _enter(
        self, terms: Submit, price: Ticks | None, leaves: Lots, events: list[Event], resting: RestingOrder | None = None
    ) -> None:
        """Let an order trade what it can, and let the rest of it rest or go.

        `resting` is the order's own record when it has been in the book before (a replaced order). It is not in the
        book now.
        """
        side, lives, minimum = terms.side, terms.time_in_force, terms.min_quantity
        opposite = self._asks if side is _BUY else self._bids
        rungs = opposite.rungs
        if rungs and (self._reprices or self._market_to_limit):
            price = self._entry_price(terms, price, rungs[-1], events)
        own_floor = floor = floor_of(side, price)
        executed = prevented = 0
        reason = None
        if self._collar and rungs and not (terms.post_only and rungs[-1] >= floor):
            floor = self._collared(side, floor, rungs[-1])  # J5: from here on it stays as it is
        if rungs and rungs[-1] >= floor:
            owner, prevention = self._group.get(terms.account, terms.account), terms.self_trade
            self._transfers_of = None
            if prevention is _TRANSFER:  # which is more, and not other
                prevention, self._transfers_of = _DECREMENT, terms.account
            needed = leaves if lives is _FOK else minimum if resting is None else 0
            if terms.post_only:
                reason = CancelReason.POST_ONLY
            elif needed and self._obtainable(opposite, floor, leaves, owner, prevention) < needed:
                reason = CancelReason.KILLED if lives is _FOK else CancelReason.MIN_QUANTITY
            else:
                before, said = leaves, len(events)
                leaves, prevented = self._take(
                    opposite, floor, leaves, owner, prevention, terms.symbol, terms.order_id, events
                )
                if self._each_fill_counts:
                    self._count(events[said:])
                executed = before - leaves - prevented
                if self._taker_ended:
                    reason = CancelReason.SELF_TRADE
                elif not leaves:
                    return
        elif lives is _FOK:
            reason = CancelReason.KILLED
        elif minimum and resting is None:
            reason = CancelReason.MIN_QUANTITY
        if reason is None and floor > own_floor and rungs and rungs[-1] >= own_floor:
            self._held_back(terms, price, floor, leaves, executed, prevented, resting, events)
            return
        if reason is None:
            if price is None:
                reason = CancelReason.MARKET
            elif lives is _IOC:
                reason = CancelReason.IMMEDIATE
            else:
                self._rest(terms, price, leaves, executed, prevented, resting)
                return
        events.append(_cancelled(terms, price, leaves, reason))

    # ── bands, collars, and limits that the venue gives ──

    def _outside_band(self, price: Ticks | None) -> bool:
        """Whether a price that somebody names is too far from the reference (J4)."""
        reference = self.reference
        return price is not None and reference is not None and not -self._band <= price - reference <= self._band

    def _collared(self, side: Side, floor: int, best: int) -> int:
        """The floor of an order that begins to take now, from this rung on: its own, or that of its collar (J5)."""
        centre = self.reference if self.last_price is None else self.last_price
        if centre is None or not self._collar:
            return floor
        low, high = centre - self._collar, centre + self._collar
        if (side is _BUY and -best < low) or (side is not _BUY and best > high):
            return OUT_OF_REACH  # too good to be true
        far_end = min(high, self.checks.highest) if side is _BUY else max(low, self.checks.lowest)
        return max(floor, floor_of(side, far_end))

    def _held_back(
        self,
        terms: Submit,
        price: Ticks | None,
        floor: int,
        leaves: Lots,
        executed: Lots,
        prevented: Lots,
        resting: RestingOrder | None,
        events: list[Event],
    ) -> None:
        """An order could trade on, but not within its collar (J5)."""
        action = self._profile.collar_action
        if action is CollarAction.REST and terms.time_in_force is not _IOC and floor != OUT_OF_REACH:
            end = -floor if terms.side is _BUY else floor
            events.append(Repriced(terms.symbol, terms.order_id, terms.side, end))
            self._rest(terms, end, leaves, executed, prevented, resting)
            return
        events.append(_cancelled(terms, price, leaves, CancelReason.COLLAR))
        if action is CollarAction.HALT:
            self._volatility_halt(events)

    def _volatility_halt(self, events: list[Event]) -> None:
        """What a collar does to the book that it stops: the one place that decides what a volatility halt is (J5)."""
        calls = self._profile.reopen is Reopen.CALL
        gone = self.go(Phase.CALL if calls else Phase.HALT)
        assert not isinstance(gone, RejectReason), "both may follow on continuous trading"
        events += gone if calls else [Halted(self.symbol)]

    def _must_not_come(self, side: Side, price: Ticks) -> bool:
        """Whether a post-only order would take, and has nowhere to go back to (C6)."""
        if not self._would_take(side, price):
            return False
        return self.paused or self._passive_price(side, self._against(side).rungs[-1]) is None

    def _passive_price(self, side: Side, best: int) -> Ticks | None:
        """Where a post-only order goes that would take: one tick from the best opposite rung, if it may (C6)."""
        if not self._reprices:
            return None
        price = -best - self.checks.tick if side is _BUY else best + self.checks.tick
        return price if self.checks.min_price <= price <= self.checks.max_price else None

    def _entry_price(self, terms: Submit, price: Ticks | None, best: int, events: list[Event] | None) -> Ticks | None:
        """The limit that the venue gives an order when it meets the book, whose best opposite rung this is (C3, C6)."""
        side = terms.side
        if terms.post_only and price is not None and self._would_take(side, price):
            given = self._passive_price(side, best)
        elif price is None and self._market_to_limit:
            given = -best if side is _BUY else best
        else:
            return price
        if given is None:
            return price
        if events is not None:
            events.append(Repriced(terms.symbol, terms.order_id, side, given))
        return given

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
        """Take from the other side, best level first, first come first served (B2, B3, B5).

        Gives what is left of the taker and how much of it was prevented. `_taker_ended` tells afterwards whether
        self-trade prevention had the last word.
        """
        rungs, resting, live = opposite.rungs, opposite.resting, self._live
        all_prevented = 0
        self._taker_ended = False
        while leaves and rungs and rungs[-1] >= floor:
            there = resting[-1]
            maker: RestingOrder | None
            if type(there) is Level:
                level = there
            else:
                maker = there
                if prevention is _ALLOW and not maker.reserve:  # nearly always, so this much stands here in one piece
                    quantity = maker.slice
                    price = self.last_price = maker.price  # B4
                    if quantity > leaves:  # B7
                        events.append(Trade(symbol, price, leaves, maker.order_id, taker))
                        maker.slice = quantity - leaves
                        maker.executed += leaves
                        return 0, all_prevented
                    events.append(Trade(symbol, price, quantity, maker.order_id, taker))
                    leaves -= quantity
                    del live[maker.order_id], rungs[-1], resting[-1]  # B11
                    continue
                resting[-1] = level = Level(maker)
            maker = level.first
            assert maker is not None
            price = maker.price
            while maker is not None:
                own = prevention is not _ALLOW and self.owner(maker) == owner  # G4: they would trade now
                if own:
                    if prevention is _CANCEL_TAKER:
                        self._taker_ended = True
                        return leaves, all_prevented
                    if prevention is not _DECREMENT:
                        level.unlink(maker)
                        del live[maker.order_id]
                        events.append(_cancelled(maker.terms, price, maker.leaves, CancelReason.SELF_TRADE))
                        if prevention is _CANCEL_BOTH:
                            self._taker_ended = True
                            if level.first is None:
                                del rungs[-1], resting[-1]
                            return leaves, all_prevented
                        maker = level.first
                        continue
                slice = maker.slice
                quantity = slice if slice < leaves else leaves
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
                if quantity < slice:  # B7: what is left keeps its place
                    maker.slice = slice - quantity
                    self._taker_ended = own
                    return 0, all_prevented
                level.unlink(maker)
                if maker.reserve and self._whole_icebergs and leaves and not own:
                    leaves -= self._take_reserve(maker, leaves, events)
                if maker.reserve:  # D2: a new slice, behind everybody else of this level
                    self._refresh(maker, level)
                else:
                    del live[maker.order_id]
                    if own:
                        events.append(_cancelled(maker.terms, price, 0, CancelReason.SELF_TRADE))
                if not leaves:
                    self._taker_ended = own
                    break
                maker = level.first
            if level.first is None:  # B11
                del rungs[-1], resting[-1]
        return leaves, all_prevented

    def _take_reserve(self, maker: RestingOrder, leaves: Lots, events: list[Event]) -> Lots:
        """Let the last trade go on behind the slice that it used up (D3). How much more that is."""
        last = events[-1]
        assert isinstance(last, Trade)
        more = min(leaves, maker.reserve)
        maker.reserve -= more
        maker.executed += more
        events[-1] = Trade(last.symbol, last.price, last.quantity + more, last.maker, last.taker)
        return more

    def _transfer(self, maker: RestingOrder, quantity: Lots, events: list[Event]) -> None:
        """What was prevented moves between the accounts of both orders, if these are two and both ask for it (G3)."""
        taker, terms = self._transfers_of, maker.terms
        if taker is not None and terms.self_trade is _TRANSFER and terms.account != taker:
            buyer, seller = (terms.account, taker) if terms.side is _BUY else (taker, terms.account)
            events.append(Transferred(self.symbol, maker.price, quantity, buyer, seller))

    def _refresh(self, maker: RestingOrder, level: Level) -> None:
        maker.slice = next_slice(maker.terms.display or 0, maker.reserve)
        maker.reserve -= maker.slice
        level.append(maker, hidden=False)
        del self._live[maker.order_id]
        self._live[maker.order_id] = maker

    def _rest(
        self, terms: Submit, price: Ticks, leaves: Lots, executed: Lots, prevented: Lots, resting: RestingOrder | None
    ) -> None:
        display = terms.display
        slice = next_slice(display, leaves) if display else leaves
        if resting is None:
            resting = RestingOrder()
            resting.terms = terms
            resting.order_id = terms.order_id
            resting.executed = resting.prevented = 0
        resting.slice = slice
        resting.reserve = leaves - slice
        resting.executed += executed
        resting.prevented += prevented
        self._live[resting.order_id] = resting
        if terms.side is _BUY:
            self._bids.add(resting, price, price, display == 0)
        else:
            self._asks.add(resting, -price, price, display == 0)

    def _collect(self, terms: Submit, price: Ticks | None, leaves: Lots, resting: RestingOrder | None) -> None:
        """Let an order rest whether or not it crosses (I1); one without a limit before all that have one (I6)."""
        if price is not None:
            self._rest(terms, price, leaves, 0, 0, resting)
            return
        if resting is None:
            resting = RestingOrder()
            resting.terms = terms
            resting.order_id = terms.order_id
            resting.executed = resting.prevented = 0
        resting.slice, resting.reserve = leaves, 0
        self._live[resting.order_id] = resting
        (self._bids if terms.side is _BUY else self._asks).add(resting, MARKET_RUNG, None)

    # ── fill-or-kill and baskets ──

    def can_fill(
        self, order: Submit, less: Mapping[OrderId, Lots] = NOBODY, touched: dict[OrderId, Lots] | None = None
    ) -> bool:
        """Whether a fill-or-kill order would trade whole now (C5, L4). Changes nothing.

        As if the orders in `less` were smaller by so much; whom it would meet, and for how much, is added to `touched`.
        """
        opposite = self._against(order.side)
        owner = self._group.get(order.account, order.account)
        price = order.price
        if self._collar or self._market_to_limit:
            makers = (maker for level in opposite.best_first() for maker in level)
            best = next((maker.rung for maker in makers if maker.leaves > less.get(maker.order_id, 0)), None)
            if best is None:
                return False
            price = self._entry_price(order, price, best, None)
            floor = self._collared(order.side, floor_of(order.side, price), best)
        else:
            floor = floor_of(order.side, price)
        found = self._obtainable(opposite, floor, order.quantity, owner, prevention_of(order), less, touched)
        return found == order.quantity

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
        """How much of `wanted` would trade now: the dry run of C5, C7 and L4, slice by slice as the real run would go.

        As if the orders in `less` were smaller by so much. Who would trade is added to `touched` with how much, and who
        would go by self-trade prevention with `ALL`.
        """
        leaves, executed = wanted, 0
        for orders in opposite.best_first(floor):
            if not leaves:
                break
            leaves, traded, ended = self.play(orders, leaves, owner, prevention, less, touched)
            executed += traded
            if ended:
                break
        return executed

    def play(
        self,
        orders: Iterable[RestingOrder],
        leaves: Lots,
        owner: Account,
        prevention: SelfTradePrevention,
        less: Mapping[OrderId, Lots] = NOBODY,
        touched: dict[OrderId, Lots] | None = None,
    ) -> tuple[Lots, Lots, bool]:
        """One level of a dry run: what would be left, what would trade, and whether prevention would end it."""
        executed = 0
        displayed: deque[_Slice] = deque()
        hidden: deque[_Slice] = deque()
        for order in orders:
            left = order.leaves - less.get(order.order_id, 0)
            if left <= 0:
                continue
            display, slice = order.terms.display, min(order.slice, left)
            queue = hidden if display == 0 else displayed
            queue.append((self.owner(order), slice, left - slice, display or 0, order.order_id))
        while leaves and (displayed or hidden):
            maker, slice, reserve, display, order_id = (displayed or hidden).popleft()
            own = prevention is not _ALLOW and maker == owner
            if own and (prevention is _CANCEL_TAKER or prevention is _CANCEL_BOTH):
                return leaves, executed, True
            quantity = min(slice, leaves)
            if not own and self.takes_whole_icebergs and leaves > slice:  # D3
                quantity = min(leaves, slice + reserve)
                reserve -= quantity - slice
            if touched is not None and (not own or prevention is not _DECREMENT or not (reserve or quantity < slice)):
                touched[order_id] = touched.get(order_id, 0) + (ALL if own else quantity)
            if own and prevention is not _DECREMENT:
                continue
            leaves -= quantity
            if not own:
                executed += quantity
            if reserve:
                shown = next_slice(display, reserve)
                displayed.append((maker, shown, reserve - shown, display, order_id))
        return leaves, executed, False

    def fill(self, order: Submit, events: list[Event]) -> None:
        """Let an order trade that `can_fill`. Stops are triggered when the caller says so (E2)."""
        self._enter(order, order.price, order.quantity, events)

    # ── market orders over an amount of money ──

    def spending_refusal(self, command: Spend, *, implied: bool) -> RejectReason | None:
        """Why this book does not take a market order over an amount of money, wrong by itself or not (C3).

        None is taken where spreads imply quotes.
        """
        checks = self.checks
        reason = checks.spend(command, offered=self._offers_budgets and not implied)
        if reason is not None:
            return reason
        one = _spending(command, checks.min_quantity + -checks.min_quantity % checks.lot)
        reason = checks.submit(one) or self.refusal(one)
        if reason is None and self._affordable(command) < checks.min_quantity:
            return RejectReason.NO_LIQUIDITY
        return reason

    def spending_order(self, command: Spend) -> Submit:
        """The market order for as many lots as a budget pays for now: of a command that is not refused."""
        return _spending(command, self._affordable(command))

    def _affordable(self, command: Spend) -> Lots:
        """How many lots a budget pays for now: level by level, at what stands there."""
        asks, lot, left, bought = self._asks, self.checks.lot, command.budget, 0
        if not asks.rungs:
            return 0
        best = asks.rungs[-1]
        price = self._entry_price(_spending(command, lot), None, best, None)
        floor = self._collared(_BUY, floor_of(_BUY, price), best)
        owner = self._group.get(command.account, command.account)
        passes = command.self_trade is SelfTradePrevention.CANCEL_MAKER
        for level in asks.best_first(floor):
            there, price = 0, 0
            for maker in level:
                price = maker.price
                if not (passes and self.owner(maker) == owner):
                    there += maker.leaves
            if not there:
                continue
            payable = left // price
            lots = min(there, payable - payable % lot)
            left -= lots * price
            bought += lots
            if lots < there:
                break
        most = self.checks.max_quantity
        return min(bought, most - most % lot)

    # ── reduce-only orders: none rests here (C9); see `reducing` ──

    def expect(self, order_id: OrderId, account: Account, position: Lots) -> None:
        """The next order that enters is reduce-only, of an account with this position."""

    def reduces(self, order_id: OrderId) -> bool:
        """Whether a live order is reduce-only."""
        return False

    def reducing(self, account: Account, side: Side) -> Lots:
        """What an account's reduce-only orders of one side come to together."""
        return 0

    def resize(self, account: Account, position: Lots, events: list[Event]) -> None:
        """An account has another position, past the book: what that leaves of its reduce-only orders."""

    # ── orders over several books ──

    def against(self, side: Side) -> Ladder:
        """The other side, which an order on `side` takes from."""
        return self._against(side)

    def owner_of(self, order: Submit) -> Account:
        """Who an order that comes in trades for (G1)."""
        return self._group.get(order.account, order.account)

    def take_down_to(self, rung: int, order: Submit, leaves: Lots, events: list[Event]) -> tuple[Lots, Lots, bool]:
        """Let an order of this book or another take from this one, down to a rung and no further.

        Gives what is left of it, how much of it was prevented, and whether prevention had the last word.
        """
        opposite, owner, said = self._against(order.side), self.owner_of(order), len(events)
        self._transfers_of = order.account if order.self_trade is _TRANSFER else None
        left, prevented = self._take(
            opposite, rung, leaves, owner, prevention_of(order), self.symbol, order.order_id, events
        )
        self._count(events[said:])
        return left, prevented, self._taker_ended

    def rest(
        self,
        order: Submit,
        price: Ticks,
        leaves: Lots,
        executed: Lots,
        prevented: Lots,
        resting: RestingOrder | None = None,
    ) -> None:
        """Let an order rest that has taken what it could, here and elsewhere; `resting` as in `_enter`."""
        self._rest(order, price, leaves, executed, prevented, resting)

    def give(self, side: Side, quantity: Lots, *, at_its_price: bool = True) -> tuple[OrderId, Ticks]:
        """Let the first order of one side give so much, at most its slice, in an implied trade: who, at which price.

        Unless it trades at its own price, that is no fill of the book for the stops to look at.
        """
        ladder = self._bids if side is _BUY else self._asks
        rung = ladder.rungs[-1]
        given: list[Any] = []
        FastBook._take(self, ladder, rung, quantity, -1, _ALLOW, self.symbol, -1, given)  # however levels are shared
        [trade] = given
        if at_its_price:
            self._count(given)
        return trade.maker, trade.price

    def traded_at(self, price: Ticks) -> None:
        """An order of this book traded with orders of others, at this price (L2)."""
        self.last_price = price
        if self._each_fill_counts:
            self._call_up(price)

    def pend(self, order: Submit) -> None:
        """Let a stop wait."""
        self._pend(order)

    def pop_due(self) -> list[StopOrder]:
        """Take out the stops that are due, in the order of E3."""
        self._call_up(self.last_price)
        due = list(self._waiting)
        self._waiting.clear()
        for stop in due:
            del self._live[stop.order_id]
        return due

    def accepts_notional(self, price: Ticks, quantity: Lots) -> bool:
        """Whether price times quantity is large enough (A1)."""
        return not self._min_notional or price * quantity >= self._min_notional

    def find(self, order_id: OrderId) -> RestingOrder | StopOrder | None:
        """The live order with this id."""
        return self._live.get(order_id)

    def lift(self, order: RestingOrder) -> None:
        """Take a resting order out: it comes in anew."""
        (self._bids if order.terms.side is _BUY else self._asks).remove(order)
        del self._live[order.order_id]

    # ── stops ──

    def trigger_stops(self, events: list[Event]) -> None:
        """Trigger what the last trade has reached, and what that reaches, until none is due (E2 to E5)."""
        if self.paused:
            self._wait_on()  # what is due in a call waits for its end (I9)
            return
        if not (self._buy_stops or self._sell_stops or self._waiting):
            return
        waiting, aside = self._waiting, self.aside
        if aside is not None:
            aside(events)
        while True:
            self._call_up(self.mark if self._by_mark else self.last_price)
            if not waiting:
                return
            terms = waiting.popleft().terms
            del self._live[terms.order_id]
            price = terms.price
            events.append(Triggered(terms.symbol, terms.order_id))
            if aside is not None:
                aside(events)
            if price is None and self._protection:
                price = self._protected_price(terms)
                events.append(Repriced(terms.symbol, terms.order_id, terms.side, price))
            self._enter(terms, price, terms.quantity, events)
            if aside is not None:
                aside(events)
            if self.paused:  # J5: what is due now waits for the call that ends the halt
                self._wait_on()
                return

    def _wait_on(self) -> None:
        """Stops that are due and have not had their turn wait on, each in its old place."""
        while self._waiting:
            stop = self._waiting.popleft()
            insort(self._stops_of(stop.terms.side), stop, key=_stop_key)

    def _protected_price(self, terms: Submit) -> Ticks:
        """The end of the protection range of a triggered stop that named no limit (E6)."""
        assert terms.stop is not None
        if terms.side is _BUY:
            return min(terms.stop + self._protection, self.checks.highest)
        return max(terms.stop - self._protection, self.checks.lowest)

    def follow(self, mark: Ticks, events: list[Event]) -> None:
        """Let stops follow another mark (E1)."""
        self.mark = mark
        self.trigger_stops(events)

    def _count(self, events: Iterable[Event]) -> None:
        """Where each fill counts: look at the stops for every trade among these events (E2)."""
        if self._each_fill_counts:
            for event in events:
                if type(event) is Trade:
                    self._call_up(event.price)

    def _call_up(self, price: Ticks | None) -> None:
        """Let the stops that a price has reached wait for their turn, nearest first, buys before sells (E1, E3)."""
        if price is None:
            return
        for stops, reach in ((self._buy_stops, price), (self._sell_stops, -price)):
            while stops and _stop_key(stops[0])[0] <= reach:
                self._waiting.append(stops.pop(0))

    def _reached(self, side: Side, stop: Ticks) -> bool:
        price = self.mark if self._by_mark else self.last_price
        if price is None:
            return False
        return price >= stop if side is _BUY else price <= stop

    def _pend(self, order: Submit) -> None:
        self._stops_seen += 1
        pending = StopOrder(order, self._stops_seen)
        self._live[order.order_id] = pending
        insort(self._stops_of(order.side), pending, key=_stop_key)

    def _unpend(self, order: StopOrder) -> None:
        stops = self._stops_of(order.terms.side)
        del stops[bisect_left(stops, _stop_key(order), key=_stop_key)]

    # ── phases and auctions ──

    def go(self, phase: Phase) -> RejectReason | list[Event]:
        """To another phase: what happened, first of all that it did; or why it does not (J1, J3).

        Stops are triggered when the caller says so (I9).
        """
        reason = auction.cannot_go(self, phase, self._profile)
        if reason is not None:
            return reason
        events: list[Event] = [PhaseChanged(self.symbol, phase)]
        uncrosses = self.phase is Phase.CALL and phase is Phase.CONTINUOUS
        self.phase = phase
        self.paused = phase is not Phase.CONTINUOUS or bool(self.halted_above)
        if uncrosses:
            events += auction.uncross(self, self._bids, self._asks, self.checks.tick)
        return events

    def would_stir(self) -> bool:
        """Whether something here would trade, or be triggered, if this book were continuous from now on."""
        bids, asks = self._bids.rungs, self._asks.rungs
        if MARKET_RUNG in (*bids[-1:], *asks[-1:]) or (bids and asks and bids[-1] >= -asks[-1]):
            return True
        first = (*self._buy_stops[:1], *self._sell_stops[:1])
        return any(
            order.terms.stop is not None and self._reached(order.terms.side, order.terms.stop) for order in first
        )

    def indicative(self) -> Indicative:
        """What would trade if a call ended now (I2 to I5)."""
        return auction.indicated(self._bids, self._asks, self.last_price, self.checks.tick)

    def forget(self, order_id: OrderId) -> None:
        """An order is live no longer."""
        del self._live[order_id]

    def remember(self, order: RestingOrder) -> None:
        """An order is live, and the latest."""
        self._live[order.order_id] = order

    # ── orders of lists ──

    def hold(self, order: Submit, found: LiveList) -> None:
        """Keep an order of a list back (H2)."""
        self._live[order.order_id] = HeldOrder(order, 0)
        self.lists[order.order_id] = found

    def unhold(self, order_id: OrderId) -> Submit | None:
        """Let go of an order that was held; None if it is gone already."""
        order = self._live.get(order_id)
        if type(order) is not HeldOrder:
            return None
        del self._live[order_id]
        return order.terms

    def is_live(self, order_id: OrderId) -> bool:
        """Whether there is such an order, in a queue, pending or held back."""
        return order_id in self._live

    def take_out(self, order_id: OrderId) -> Event | None:
        """Cancel an order for its list's sake, wherever it waits; None if it is gone already (H1, H4)."""
        for stop in self._waiting:  # live still, but in no queue of stops
            if stop.order_id == order_id:
                self._waiting.remove(stop)
                del self._live[order_id]
                return _cancelled(stop.terms, stop.terms.price, stop.terms.quantity, CancelReason.CONTINGENT)
        return self._cancel(order_id, CancelReason.CONTINGENT) if order_id in self._live else None

    def restate(self, order_id: OrderId, lots: Lots) -> Event | None:
        """Make an order smaller for a rival's fill, wherever it waits (H1); None if no more than that is open of it."""
        order = self._live.get(order_id)
        if type(order) is RestingOrder:
            leaves = order.leaves - lots
            if leaves <= 0:
                return None
            order.slice = min(order.slice, leaves)  # D5
            order.reserve = leaves - order.slice
        else:
            stop = (
                order if isinstance(order, StopOrder) else next(it for it in self._waiting if it.order_id == order_id)
            )
            quantity = stop.terms.quantity - lots
            if quantity <= 0:
                return None
            stop.terms = stop.terms._replace(quantity=quantity, min_quantity=min(stop.terms.min_quantity, quantity))
        return Restated(self.symbol, order_id, lots)

    # ── cancel ──

    def cancel(self, command: Cancel) -> tuple[Event, ...]:
        """Take one live order out."""
        order_id = command.order_id
        if type(order_id) is int:
            live = self._live
            order = live.get(order_id)
            if type(order) is RestingOrder:
                del live[order_id]
                side = order.terms.side
                (self._bids if side is _BUY else self._asks).remove(order)
                leaves = order.slice + order.reserve
                return (Cancelled(self.symbol, order_id, side, order.price, leaves, _REQUESTED),)
            if 0 <= order_id < _TOP_ID:
                return (self._cancel(order_id, _REQUESTED),)
        return (Rejected(self.symbol, order_id, RejectReason.INVALID_ORDER_ID),)

    def _cancel(self, order_id: OrderId, reason: CancelReason) -> Event:
        order = self._live.pop(order_id, None)
        if order is None:
            return Rejected(self.symbol, order_id, _UNKNOWN_ORDER)
        terms = order.terms
        side = terms.side
        if type(order) is RestingOrder:
            (self._bids if side is _BUY else self._asks).remove(order)
            return _cancelled(terms, order.price, order.leaves, reason)
        assert isinstance(order, StopOrder)
        if type(order) is not HeldOrder:
            self._unpend(order)
        return _cancelled(terms, terms.price, terms.quantity, reason)

    def cancel_account(
        self, account: Account, reason: CancelReason = CancelReason.MASS_CANCEL, only_flagged: bool = False
    ) -> list[Event]:
        """Take out every live order of an account, in order of time; or those that go when it disconnects (J7)."""
        return self._cancel_all(
            [
                order
                for order in self._live.values()
                if order.terms.account == account and (order.terms.cancel_on_disconnect or not only_flagged)
            ],
            reason,
        )

    def expire_due(self, now: Nanoseconds) -> list[Event]:
        """Take out the good-till-date orders that are due at `now`, in order of time (C2)."""
        return self._cancel_all(
            [order for order in self._live.values() if order.terms.expires is not None and order.terms.expires <= now],
            CancelReason.EXPIRED,
        )

    def expire_day(self) -> list[Event]:
        """Take out the day orders, in order of time (C2)."""
        return self._cancel_all(
            [order for order in self._live.values() if order.terms.time_in_force is TimeInForce.DAY],
            CancelReason.EXPIRED,
        )

    def _cancel_all(self, orders: list[RestingOrder | StopOrder], reason: CancelReason) -> list[Event]:
        return [self._cancel(order.order_id, reason) for order in orders]

    # ── replace ──

    def replace(self, command: Replace) -> tuple[Event, ...]:
        """New terms for a live order (F1 to F4)."""
        symbol, order_id, quantity = command.symbol, command.order_id, command.quantity
        price, stop = command.price, command.stop
        if not (
            stop is None
            and type(order_id) is int
            and type(price) is int
            and type(quantity) is int
            and 0 <= order_id < _TOP_ID
            and 0 < price < self._plain_price
            and 0 < quantity < self._plain_quantity
        ):
            reason = self.checks.replace(command)
            if reason is not None:
                return (Rejected(symbol, order_id, reason),)
        if self._market.halted:
            return (Rejected(symbol, order_id, RejectReason.MARKET_HALTED),)
        if self.paused:
            return self._replace_paused(command)
        order = self._live.get(order_id)
        if order is None:
            return (Rejected(symbol, order_id, _UNKNOWN_ORDER),)
        if not isinstance(order, RestingOrder):
            return self._replace_stop(order, command)
        old_price = order.price
        if price is None:
            price = old_price
        leaves = quantity if self._quantity_is_open else quantity - order.executed - order.prevented
        terms = order.terms
        if stop is not None or (terms.display and self.checks.too_many_slices(terms.display, leaves)):
            return (Rejected(symbol, order_id, RejectReason.INVALID_REPLACE),)
        if self._reduces_only and (price != old_price or leaves >= order.leaves):
            return (Rejected(symbol, order_id, RejectReason.INVALID_REPLACE),)  # F7
        if self._min_notional and price * quantity < self._min_notional:
            return (Rejected(symbol, order_id, RejectReason.INVALID_NOTIONAL),)
        if self._band and self._outside_band(command.price):
            return (Rejected(symbol, order_id, RejectReason.OUTSIDE_BAND),)
        if leaves <= 0:  # F4
            return (self._cancel(order_id, CancelReason.REPLACED),)
        side = terms.side
        if terms.post_only and self._must_not_come(side, price):
            return (Rejected(symbol, order_id, RejectReason.WOULD_TAKE),)
        replaced = Replaced(symbol, order_id, side, price, quantity)
        if self._keeps_place(price == old_price, leaves <= order.slice + order.reserve):  # F1
            if leaves < order.slice or not order.reserve:  # D5: what is visible changes only if it must
                order.slice = leaves
            order.reserve = leaves - order.slice
            return (replaced,)
        if side is _BUY:
            own, rungs, floor = self._bids, self._asks.rungs, -price
        else:
            own, rungs, floor = self._asks, self._bids.rungs, price
        own.remove(order)  # F2
        del self._live[order_id]
        if not (rungs and rungs[-1] >= floor):
            self._rest(terms, price, leaves, 0, 0, order)
            return (replaced,)
        events: list[Event] = [replaced]
        last_price = self.last_price
        self._enter(terms, price, leaves, events, order)
        if self.last_price is not last_price or self._waiting:
            self.trigger_stops(events)
        return tuple(events)

    def _replace_paused(self, command: Replace) -> tuple[Event, ...]:
        """New terms for an order outside continuous trading: none, or as otherwise but without trading (I1)."""
        symbol, order_id, quantity = command.symbol, command.order_id, command.quantity
        reason = self.halt
        if reason is not None:
            return (Rejected(symbol, order_id, reason),)
        order = self._live.get(order_id)
        if order is None:
            return (Rejected(symbol, order_id, _UNKNOWN_ORDER),)
        if not isinstance(order, RestingOrder):
            return self._replace_stop(order, command)
        old_price, terms = order.price, order.terms
        price = old_price if command.price is None else command.price
        leaves = quantity if self._quantity_is_open else quantity - order.executed - order.prevented
        too_many = self.checks.too_many_slices(terms.display, leaves)
        if command.stop is not None or too_many or (old_price is None and price is not None):
            return (Rejected(symbol, order_id, RejectReason.INVALID_REPLACE),)
        if self._reduces_only and (price != old_price or leaves >= order.leaves):
            return (Rejected(symbol, order_id, RejectReason.INVALID_REPLACE),)  # F7
        if self._min_notional and price is not None and price * quantity < self._min_notional:
            return (Rejected(symbol, order_id, RejectReason.INVALID_NOTIONAL),)
        if self._band and self._outside_band(command.price):
            return (Rejected(symbol, order_id, RejectReason.OUTSIDE_BAND),)
        if leaves <= 0:  # F4
            return (self._cancel(order_id, CancelReason.REPLACED),)
        if terms.post_only and self._would_take(terms.side, price):
            return (Rejected(symbol, order_id, RejectReason.WOULD_TAKE),)
        if self._keeps_place(price == old_price, leaves <= order.leaves):  # F1
            if leaves < order.slice or not order.reserve:  # D5
                order.slice = leaves
            order.reserve = leaves - order.slice
        else:  # F2
            (self._bids if terms.side is _BUY else self._asks).remove(order)
            del self._live[order_id]
            self._collect(terms, price, leaves, order)
        return (Replaced(symbol, order_id, terms.side, price, quantity),)

    def replace_refusal(self, command: Replace) -> RejectReason | None:
        """Why this book, as it stands, does not take a replace that is well formed: as `replace`, without an effect."""
        if (reason := self.halt) is not None:
            return reason
        order = self._live.get(command.order_id)
        if order is None:
            return _UNKNOWN_ORDER
        terms, quantity = order.terms, command.quantity
        if isinstance(order, RestingOrder):
            price: Ticks | None = order.price if command.price is None else command.price
            leaves = quantity if self._quantity_is_open else quantity - order.executed - order.prevented
            fits = command.stop is None and (order.price is not None or price is None)
        else:
            price = terms.price if command.price is None else command.price
            leaves = quantity
            fits = (terms.price is None) == (price is None) and quantity >= terms.min_quantity
        if not fits or self.checks.too_many_slices(terms.display, leaves):
            return RejectReason.INVALID_REPLACE
        if self._reduces_only and not self._is_reduction(order, command, leaves):
            return RejectReason.INVALID_REPLACE
        if self._min_notional and price is not None and price * quantity < self._min_notional:
            return RejectReason.INVALID_NOTIONAL
        if self._band and self._outside_band(command.price):
            return RejectReason.OUTSIDE_BAND
        if isinstance(order, StopOrder):
            stop = terms.stop if command.stop is None else command.stop
            assert stop is not None
            rejects = self._profile.true_stop is TrueStop.REJECT
            return RejectReason.STOP_ALREADY_TRUE if rejects and self._reached(terms.side, stop) else None
        if leaves > 0 and terms.post_only and price is not None and self._must_not_come(terms.side, price):
            return RejectReason.WOULD_TAKE
        return None

    def _is_reduction(self, order: RestingOrder | StopOrder, command: Replace, leaves: Lots) -> bool:
        """Whether a replace changes nothing but the quantity, and that to less (F7)."""
        terms = order.terms
        if isinstance(order, RestingOrder):
            return command.price in (None, order.price) and leaves < order.leaves
        return command.price in (None, terms.price) and command.stop in (None, terms.stop) and leaves < terms.quantity

    def _replace_stop(self, order: StopOrder, command: Replace) -> tuple[Event, ...]:
        symbol, order_id, quantity = command.symbol, command.order_id, command.quantity
        old = order.terms
        price = old.price if command.price is None else command.price
        stop = old.stop if command.stop is None else command.stop
        assert stop is not None
        slices_fit = not self.checks.too_many_slices(old.display, quantity)
        if (old.price is None) != (price is None) or quantity < old.min_quantity or not slices_fit:
            return (Rejected(symbol, order_id, RejectReason.INVALID_REPLACE),)
        if self._reduces_only and not (price == old.price and stop == old.stop and quantity < old.quantity):
            return (Rejected(symbol, order_id, RejectReason.INVALID_REPLACE),)  # F7
        if self._min_notional and price is not None and price * quantity < self._min_notional:
            return (Rejected(symbol, order_id, RejectReason.INVALID_NOTIONAL),)
        if self._band and self._outside_band(command.price):
            return (Rejected(symbol, order_id, RejectReason.OUTSIDE_BAND),)
        if self._profile.true_stop is TrueStop.REJECT and self._reached(old.side, stop):
            return (Rejected(symbol, order_id, RejectReason.STOP_ALREADY_TRUE),)
        terms = old._replace(price=price, stop=stop, quantity=quantity)
        events: list[Event] = [Replaced(symbol, order_id, old.side, price, quantity)]
        if self._keeps_place(price == old.price and stop == old.stop, quantity <= old.quantity):
            order.terms = terms
            return tuple(events)
        self._unpend(order)
        del self._live[order_id]
        self._pend(terms)
        self.trigger_stops(events)
        return tuple(events)

    def why_not_replace(self, command: Replace) -> RejectReason | None:
        """Why a replace of a live order would be refused: what `replace` would say, without doing anything (H1)."""
        quantity, price = command.quantity, command.price
        reason = self.checks.replace(command) or self.halt
        if reason is not None:
            return reason
        order, terms = self._live[command.order_id], self.terms_of(command.order_id)
        is_stop = not isinstance(order, RestingOrder)
        new = terms.price if price is None else price
        if isinstance(order, RestingOrder) and not self._quantity_is_open:
            open_then = quantity - order.executed - order.prevented
        else:
            open_then = quantity
        if (
            (command.stop is not None and not is_stop)
            or (terms.price is None) != (new is None)
            or (is_stop and quantity < terms.min_quantity)
            or self.checks.too_many_slices(terms.display, open_then)
        ):
            return RejectReason.INVALID_REPLACE
        if self._reduces_only and not self._is_reduction(order, command, open_then):
            return RejectReason.INVALID_REPLACE
        if self._min_notional and new is not None and new * quantity < self._min_notional:
            return RejectReason.INVALID_NOTIONAL
        if self._band and self._outside_band(price):
            return RejectReason.OUTSIDE_BAND
        if is_stop:
            stop = terms.stop if command.stop is None else command.stop
            assert stop is not None
            true_already = self._profile.true_stop is TrueStop.REJECT and self._reached(terms.side, stop)
            return RejectReason.STOP_ALREADY_TRUE if true_already else None
        if open_then > 0 and terms.post_only and new is not None and self._must_not_come(terms.side, new):
            return RejectReason.WOULD_TAKE
        return None

    def terms_of(self, order_id: OrderId) -> Submit:
        """The terms of a live order, at the price at which it rests: a replace may have moved it."""
        order = self._live[order_id]
        return order.terms._replace(price=order.price) if isinstance(order, RestingOrder) else order.terms

    def quantity_of(self, order_id: OrderId) -> Lots:
        """The quantity that a replace of a live order would have to name to leave it as it is (F4)."""
        order = self._live[order_id]
        if not isinstance(order, RestingOrder):
            return order.terms.quantity
        return order.leaves + (0 if self._quantity_is_open else order.executed + order.prevented)

    def open_of(self, order_id: OrderId) -> Lots:
        """How much of a live order is open."""
        order = self._live[order_id]
        return order.leaves if isinstance(order, RestingOrder) else order.terms.quantity

    @property
    def halt(self) -> RejectReason | None:
        """Why nothing may be replaced here, if that is so (J1, J2, J6)."""
        if self._market.halted:
            return RejectReason.MARKET_HALTED
        return RejectReason.UNDERLYING_HALTED if self.halted_above else auction.shut(self.phase)

    def _keeps_place(self, same_price: bool, no_larger: bool) -> bool:
        """Whether a replaced order stays where it is in the queue (F1, F2, F7)."""
        return same_price and no_larger and self._keeps_on_reduce

    # ── views ──

    def queue(self) -> Queue:
        """L3."""
        return Queue(tuple(map(_queued, self._bids)), tuple(map(_queued, self._asks)))

    def depth(self) -> Depth:
        """L2."""
        return depth_of(self.queue())

    def top(self) -> Top:
        """L1."""
        return top_of(self.depth())

    def stops(self) -> Stops:
        """The pending stops, first to be triggered first."""
        return Stops(tuple(map(_waiting, self._buy_stops)), tuple(map(_waiting, self._sell_stops)))

    def status(self, order_id: OrderId) -> OrderStatus | None:
        """Where an order stands; None when it is not live."""
        order = self._live.get(order_id)
        if order is None:
            return None
        terms = order.terms
        if not isinstance(order, RestingOrder):
            quantity = terms.quantity
            waits = OrderState.PENDING_NEW if type(order) is HeldOrder else OrderState.PENDING
            return OrderStatus(order_id, waits, terms.side, terms.price, quantity, 0, 0, quantity)
        leaves, executed, prevented = order.leaves, order.executed, order.prevented
        stage = OrderState.PARTIALLY_FILLED if executed else OrderState.NEW
        total = executed + prevented + leaves  # A6
        return OrderStatus(order_id, stage, terms.side, order.price, total, executed, prevented, leaves)

    # ── small things ──

    def owner(self, order: RestingOrder) -> Account:
        """Who an order trades for: its account, or the first account of the account's group (G1)."""
        account = order.terms.account
        return self._group.get(account, account)

    @property
    def takes_whole_icebergs(self) -> bool:
        """Whether an aggressor that exceeds a slice takes what is behind it as well (D3)."""
        return self._whole_icebergs

    def _against(self, side: Side) -> Ladder:
        return self._asks if side is _BUY else self._bids

    def _would_take(self, side: Side, price: Ticks | None) -> bool:
        rungs = self._against(side).rungs
        return bool(rungs) and rungs[-1] >= floor_of(side, price)

    def _stops_of(self, side: Side) -> list[StopOrder]:
        return self._buy_stops if side is _BUY else self._sell_stops


def prevention_of(order: Submit) -> SelfTradePrevention:
    """What an order asks for, as far as it is about who trades: a transfer is more than a decrement, and not other."""
    return _DECREMENT if order.self_trade is _TRANSFER else order.self_trade


def _cancelled(terms: Submit, price: Ticks | None, leaves: Lots, reason: CancelReason) -> Cancelled:
    return Cancelled(terms.symbol, terms.order_id, terms.side, price, leaves, reason)


def _spending(command: Spend, quantity: Lots) -> Submit:
    return Submit(
        command.symbol,
        command.order_id,
        command.account,
        _BUY,
        quantity,
        time_in_force=_IOC,
        self_trade=command.self_trade,
    )


def _stop_key(order: StopOrder) -> tuple[int, int]:
    """A stop's place among those of its side: buys from the lowest price up, sells from the highest down (E3)."""
    stop = order.terms.stop
    assert stop is not None
    return (stop if order.terms.side is _BUY else -stop), order.sequence


def _queued(order: RestingOrder) -> QueuedOrder:
    visible = 0 if order.terms.display == 0 else order.slice
    return QueuedOrder(order.order_id, order.terms.account, order.price, visible, order.leaves)


def _waiting(order: StopOrder) -> PendingStop:
    terms = order.terms
    assert terms.stop is not None
    return PendingStop(order.order_id, terms.account, terms.stop, terms.price, terms.quantity)
