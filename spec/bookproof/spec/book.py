"""One book: the rules that need nothing but the book itself (lock note L1), as pure functions.

Every function takes a book and gives back the book after it, with what happened. A refusal gives back the very same
book. `exchange` decides which book a command goes to and holds the rules that need more than one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeAlias

from bookproof.spec import kernel, level_match, reducing
from bookproof.spec.bands import Collar, collar_of, outside_band, phase_after_collar, protected_price
from bookproof.spec.commands import Replace, Submit
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
from bookproof.spec.kernel import Match, Resting
from bookproof.spec.profile import (
    CollarAction,
    Icebergs,
    MarketOrders,
    NoLiquidity,
    PostOnly,
    Profile,
    ReplaceAllows,
    ReplaceKeeps,
    ReplaceQuantity,
    StopReference,
    StopsLookedAt,
    TrueStop,
)
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.reducing import Reducers
from bookproof.spec.rulebook import fired
from bookproof.spec.slices import slice_of
from bookproof.spec.sorted_tuple import SortedTuple
from bookproof.spec.validation import has_too_many_slices
from bookproof.spec.values import Account, Lots, OrderId, Phase, SelfTradePrevention, Side, Ticks, TimeInForce


class Pending(NamedTuple):
    """A stop that waits off-book. Its first two fields are the order in which stops are triggered (E3)."""

    key: int
    """Signed stop price: buys are triggered from the lowest up, sells from the highest down."""
    sequence: int
    order_id: OrderId
    terms: Submit


class Held(Pending):
    """An order that its list holds back (H2). It has no place in any queue; its key is 0."""

    __slots__ = ()


class Location(NamedTuple):
    """Where a live order is to be found: its side, whether it is a pending stop, and its priority there."""

    order_id: OrderId
    side: Side
    pending: bool
    priority: tuple[int, ...]
    held: bool = False


class Book(NamedTuple):
    """Everything the rules know of one book."""

    instrument: Instrument
    phase: Phase = Phase.CONTINUOUS
    bids: SortedTuple[Resting] = SortedTuple()
    asks: SortedTuple[Resting] = SortedTuple()
    buy_stops: SortedTuple[Pending] = SortedTuple()
    sell_stops: SortedTuple[Pending] = SortedTuple()
    live: SortedTuple[Location] = SortedTuple()
    last_price: Ticks | None = None
    sequence: int = 0
    """The last number given out: this book's time (A2)."""
    top_bid: int = 0
    """The sequence of the bid that bettered the market last; while no order has it, no bid is TOP (K3)."""
    top_ask: int = 0
    """The same of the asks."""
    held: SortedTuple[Pending] = SortedTuple()
    """Orders that their lists hold back, in order of acceptance (H2)."""
    reference: Ticks | None = None
    """What bands are around (J4)."""
    halted_above: bool = False
    """A book that this one depends on is halted (J6)."""
    touched: tuple[Ticks, ...] = ()
    """Where each fill counts, the prices of the fills since stops were looked at (E2). Empty between two commands."""
    stops_follow: StopReference = StopReference.LAST
    """As the profile says, from the opening on (E1)."""
    mark: Ticks | None = None
    """What stops follow where it is not the last trade; None until it is set (E1)."""
    reducing: Reducers = Reducers()
    """Which orders are reduce-only, and while a command is carried out beside which positions (C9)."""

    @property
    def trigger_price(self) -> Ticks | None:
        """The price that stops follow, if there is one yet (E1)."""
        return self.mark if self.stops_follow is StopReference.MARK else self.last_price

    def top(self, side: Side) -> int:
        """The sequence that makes an order of this side TOP (K3)."""
        return self.top_bid if side is Side.BUY else self.top_ask

    def side(self, side: Side) -> SortedTuple[Resting]:
        """The resting orders of one side, best first."""
        return self.bids if side is Side.BUY else self.asks

    def with_side(self, side: Side, orders: SortedTuple[Resting]) -> Book:
        """The book with other resting orders on one side."""
        return self._replace(bids=orders) if side is Side.BUY else self._replace(asks=orders)

    def stops(self, side: Side) -> SortedTuple[Pending]:
        """The pending stops of one side, first to be triggered first."""
        return self.buy_stops if side is Side.BUY else self.sell_stops

    def with_stops(self, side: Side, stops: SortedTuple[Pending]) -> Book:
        """The book with other pending stops on one side."""
        return self._replace(buy_stops=stops) if side is Side.BUY else self._replace(sell_stops=stops)

    def find(self, order_id: OrderId) -> Resting | Pending | None:
        """The live order with this id, resting or pending."""
        location = self.locate(order_id)
        if location is None:
            return None
        if location.held:
            return self.held.at_or_after(location.priority)
        orders = self.stops(location.side) if location.pending else self.side(location.side)
        return orders.at_or_after(location.priority)

    def locate(self, order_id: OrderId) -> Location | None:
        """Where the live order with this id is."""
        location = self.live.at_or_after((order_id,))
        return location if location is not None and location.order_id == order_id else None

    def orders(self) -> Iterator[Resting | Pending]:
        """Every live order."""
        yield from self.bids
        yield from self.asks
        yield from self.buy_stops
        yield from self.sell_stops
        yield from self.held


Happened = tuple[Book, list[Event]]
"""The book after, and the events in order."""

Aside: TypeAlias = Callable[[Book, list[Pending], list[Event]], tuple[Book, list[Pending], list[Event]]]
"""What else happens at once when a matching step has ended, or a stop was triggered (H1). From the book, the stops
that are due and the events of the step to the book and the stops after, and further events."""


def nothing_aside(book: Book, due: list[Pending], events: list[Event]) -> tuple[Book, list[Pending], list[Event]]:
    """No order depends on any other."""
    return book, due, []


# ── entry ──


def refusal(book: Book, order: Submit, clock: int, profile: Profile) -> RejectReason | None:
    """Why the book refuses a new order, in order of precedence; None means that it must take it.

    What follows from the command and the listing alone has been checked before (`validation`).
    """
    reason = phase_refusal(book)
    if reason is not None:
        return reason
    if book.phase.collects and order.stop is None and (_wants_now(order) or order.order_id in book.reducing.orders):
        fired("I1")
        return RejectReason.NOT_IN_AUCTION
    if book.locate(order.order_id) is not None:
        fired("A3")
        return RejectReason.DUPLICATE_ORDER_ID
    if order.expires is not None and order.expires <= clock:
        fired("C2")
        return RejectReason.ALREADY_EXPIRED
    if order.price is not None and not book.instrument.accepts_notional(order.price, order.quantity):
        fired("A1")
        return RejectReason.INVALID_NOTIONAL
    if outside_band(book.instrument, book.reference, order.price):
        fired("J4")
        return RejectReason.OUTSIDE_BAND
    if order.stop is not None:
        if profile.true_stop is TrueStop.REJECT and _is_due(book, order.side, order.stop):
            fired("E7")
            return RejectReason.STOP_ALREADY_TRUE
        return None
    if book.phase.collects:
        return None
    if order.price is None and profile.no_liquidity is NoLiquidity.REJECT and not book.side(order.side.opposite):
        fired("C3")
        return RejectReason.NO_LIQUIDITY
    if _must_not_enter(book, order, profile):
        fired("C6")
        return RejectReason.WOULD_TAKE
    return None
    # From here on the order must be taken.


def phase_refusal(book: Book) -> RejectReason | None:
    """Why neither a new order nor a replace is taken in this phase, or under one that is halted (J1, J2, J6)."""
    if book.halted_above:
        fired("J6")
        return RejectReason.UNDERLYING_HALTED
    if book.phase is Phase.HALT:
        fired("J2")
        return RejectReason.BOOK_HALTED
    if book.phase is Phase.CANCEL_ONLY:
        fired("J1")
        return RejectReason.CANCELS_ONLY
    if book.phase is Phase.CLOSED:
        fired("J1")
        return RejectReason.BOOK_CLOSED
    return None


def _wants_now(order: Submit) -> bool:
    """Whether the terms of an order are about what it trades, or does not, the moment it comes in."""
    at_once = order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK)
    return at_once or order.post_only or bool(order.min_quantity)


def submit(book: Book, order: Submit, clock: int, profile: Profile, aside: Aside = nothing_aside) -> Happened:
    """A new order (C, D, E): refuse it, keep it as a stop, or let it trade and rest."""
    reason = refusal(book, order, clock, profile)
    if reason is not None:
        fired("A4")
        return book, [Rejected(order.symbol, order.order_id, reason)]
    accepted = accepted_event(order)
    if order.stop is not None:
        fired("E1")
        book, events = cascade(_pend(book, order), profile, aside)
    else:
        book, events = enter(book, order, profile)
        book, _, also = aside(book, [], events)
        fired("E2")
        book, cascaded = cascade(book, profile, aside)
        events += also + cascaded
    return book, [accepted, *events]


def accepted_event(order: Submit) -> Accepted:
    """The acknowledgement of a new order."""
    return Accepted(order.symbol, order.order_id, order.side, order.price, order.quantity)


def would_take(book: Book, order: Submit) -> bool:
    """Whether an order would trade if it came in now (C6). Hidden orders count: the book may not stay crossed (B6)."""
    return kernel.crosses(book.side(order.side.opposite), kernel.reach_of(order.side, order.price))


def enter(book: Book, order: Submit, profile: Profile, executed: Lots = 0, prevented: Lots = 0) -> Happened:
    """An order meets the book: it trades what it can (B), and what is left rests or is cancelled (C).

    Used for new orders, triggered stops (E6) and replaced orders (F3), which bring along what they executed before.
    In a call it only rests, crossing or not, with or without a limit (I1).
    """
    if book.phase.collects:
        fired("I1")
        return _rest(book, order, order.quantity - executed - prevented, executed, prevented, profile), []
    if _must_not_enter(book, order, profile):  # a triggered stop: any other has been refused
        fired("C6")
        return book, [cancelled_event(order, order.quantity, CancelReason.POST_ONLY)]
    order, repriced = _with_entry_price(book, order, profile)
    collar = _collar(book)
    match = meet(book, order, profile, executed, prevented)
    if order.time_in_force is TimeInForce.FOK and match.executed < order.quantity:
        fired("C5")
        return book, [*repriced, cancelled_event(order, order.quantity, CancelReason.KILLED)]
    if match.executed < order.min_quantity:
        fired("C7")
        return book, [*repriced, cancelled_event(order, order.quantity, CancelReason.MIN_QUANTITY)]
    book, events = settle(book, order, match)
    events = [*repriced, *events]
    book = counted(book, [meeting.before.price for meeting in match.meetings if meeting.traded], profile)
    executed += match.executed
    prevented += sum(meeting.prevented for meeting in match.meetings)
    if match.leaves == 0:
        if any(meeting.prevented for meeting in [one for one in match.meetings if not one.cut][-1:]):
            fired("G6")
            events.append(cancelled_event(order, 0, CancelReason.SELF_TRADE))
        return book, events
    if collar is not None and not match.self_trade and would_take(book, order):
        return _held_back(book, order, match.leaves, executed, prevented, profile, collar, events)
    reason = _remainder(order, match)
    if reason is not None:
        events.append(cancelled_event(order, match.leaves, reason))
        return book, events
    fired("C2" if order.time_in_force is not TimeInForce.GTC else "C1")
    return _rest(book, order, match.leaves, executed, prevented, profile), events


def meet(book: Book, order: Submit, profile: Profile, executed: Lots = 0, prevented: Lots = 0) -> Match:
    """What would happen if the order came in now. Nothing does: this is the dry run of C5, C7 and L4 as well."""
    if not profile.allocation.is_fifo:
        return level_match.match(
            book.side(order.side.opposite),
            _reach(book, order),
            order.quantity - executed - prevented,
            _owner(order, profile),
            order.self_trade,
            book.sequence,
            profile.allocation,
            book.top(order.side.opposite),
            book.instrument.lot,
        )
    if book.reducing.positions:
        return reducing.match(
            book.side(order.side.opposite),
            _reach(book, order),
            order.quantity - executed - prevented,
            _owner(order, profile),
            order.self_trade,
            book.sequence,
            profile.icebergs is Icebergs.WHOLE,
            order,
            book.reducing,
            _transfers,
        )
    return kernel.match(
        book.side(order.side.opposite),
        _reach(book, order),
        order.quantity - executed - prevented,
        _owner(order, profile),
        order.self_trade,
        book.sequence,
        **({"whole_icebergs": True} if profile.icebergs is Icebergs.WHOLE else {}),
    )


def dry_run(book: Book, order: Submit, profile: Profile) -> Match:
    """As `meet`, with the limit that the venue would give the order (C3, C6)."""
    return meet(book, _with_entry_price(book, order, profile)[0], profile)


def _reach(book: Book, order: Submit) -> int:
    """How far an order goes: to its own limit, and no further than its collar (B1, J5)."""
    reach, collar, makers = kernel.reach_of(order.side, order.price), _collar(book), book.side(order.side.opposite)
    if collar is None or not makers:
        return reach
    if collar.holds_back(order.side, makers.first.price):
        return kernel.NOWHERE
    return min(reach, kernel.reach_of(order.side, collar.far_end(order.side)))


def _collar(book: Book) -> Collar | None:
    return collar_of(book.instrument, book.last_price, book.reference)


def _held_back(
    book: Book,
    order: Submit,
    leaves: Lots,
    executed: Lots,
    prevented: Lots,
    profile: Profile,
    collar: Collar,
    events: list[Event],
) -> Happened:
    """An order could go on, and its collar forbids it (J5): it expires, rests at the end of it, or halts the book.

    It cannot rest where it would take still, which it would if the best maker is beyond the near end.
    """
    fired("J5")
    at_the_end = order._replace(price=collar.far_end(order.side))
    rests = order.time_in_force not in (TimeInForce.IOC, TimeInForce.FOK) and not would_take(book, at_the_end)
    if profile.collar_action is CollarAction.REST and rests:
        events = [*events, repriced_event(at_the_end)]
        return _rest(book, at_the_end, leaves, executed, prevented, profile), events
    events = [*events, cancelled_event(order, leaves, CancelReason.COLLAR)]
    phase = phase_after_collar(profile.collar_action, profile.reopen, book.phase)
    if phase is book.phase:
        return book, events
    events.append(Halted(order.symbol) if phase is Phase.HALT else PhaseChanged(order.symbol, phase))
    book, cancelled = without_reducers(in_phase(book, phase))
    return book, [*events, *cancelled]


def in_phase(book: Book, phase: Phase) -> Book:
    """The book in another phase, and nothing else: who asks for it has to know that it may go there (J1)."""
    book = book._replace(phase=phase)
    if phase.collects:  # K3: while orders are collected there is no market to better
        book = book._replace(top_bid=0, top_ask=0)
    return book


def _must_not_enter(book: Book, order: Submit, profile: Profile) -> bool:
    """Whether a post-only order would take, and cannot step back either (C6)."""
    if not order.post_only or not would_take(book, order):
        return False
    stays = profile.post_only is PostOnly.REJECT or book.phase.collects
    return stays or _passive_price(book, order.side) is None


def _passive_price(book: Book, side: Side) -> Ticks | None:
    """One tick from the best opposite price; None where the instrument has no such price (C6)."""
    best, tick = book.side(side.opposite).first.price, book.instrument.tick
    price = best - tick if side is Side.BUY else best + tick
    return price if book.instrument.accepts_price(price) else None


def _with_entry_price(book: Book, order: Submit, profile: Profile) -> tuple[Submit, list[Event]]:
    """The order with the limit that the venue gives it when it meets the book, and the report of it (C3, C6)."""
    price = order.price
    opposite = book.side(order.side.opposite)
    if order.post_only and would_take(book, order):
        fired("C6")
        price = _passive_price(book, order.side)
    elif price is None and opposite and profile.market_orders is MarketOrders.LIMIT:
        fired("C3")
        price = opposite.first.price
    if price == order.price:
        return order, []
    order = order._replace(price=price)
    return order, [repriced_event(order)]


def settle(book: Book, taker: Submit, match: Match) -> Happened:
    """Let a match happen: the book and the events that follow from it."""
    if not match.meetings:
        return book, []
    events: list[Event] = []
    live, last_price, reducers = book.live, book.last_price, book.reducing
    for traded, prevented, before, after, cut in match.meetings:
        maker, price = before.order_id, before.price
        if traded or (prevented and _transfers(taker, before.terms)):
            reducers = reducers.after_fill(taker, before.terms, traded + prevented)
        if cut:
            events.append(_cut_event(before, after))
        elif traded:
            events.append(Trade(taker.symbol, price, traded, maker, taker.order_id))
            last_price = price
        elif prevented:
            events.append(Prevented(taker.symbol, price, prevented, maker, taker.order_id))
            if _transfers(taker, before.terms):
                fired("G3")
                sides = {taker.side: taker.account, before.terms.side: before.terms.account}
                events.append(Transferred(taker.symbol, price, prevented, sides[Side.BUY], sides[Side.SELL]))
        if after is None:
            live = live.remove(_location(before))
            if not (traded or cut):
                events.append(cancelled_event(before.terms, 0 if prevented else before.leaves, CancelReason.SELF_TRADE))
        elif after.sequence != before.sequence:
            live = live.replace(_location(before), _location(after))
    book = book.with_side(taker.side.opposite, match.makers)
    book = book._replace(live=live, last_price=last_price, sequence=match.sequence, reducing=reducers)
    book, cuts = cut_to_size(book, taker.account, taker.side)
    return book, [*events, *cuts]


def cut_to_size(book: Book, account: Account, side: Side) -> Happened:
    """The book in which an account's reduce-only orders of one side are no larger than its position (C9).

    Of what an aggressor meets that is done between two fills (`reducing.match`); for its own side it is done when it
    has taken what it could, before what is left of it rests.
    """
    events: list[Event] = []
    for before, after in book.reducing.cuts(book.side(side), side, account):
        events.append(_cut_event(before, after))
        book = _without(book, before)
        if after is not None:
            book = book.with_side(side, book.side(side).add(after))
            book = book._replace(live=book.live.add(_location(after)))
    return book, events


def _cut_event(before: Resting, after: Resting | None) -> Event:
    if after is None:
        return cancelled_event(before.terms, before.leaves, CancelReason.REDUCE_ONLY)
    return Restated(before.terms.symbol, before.order_id, before.leaves - after.leaves)


def without_reducers(book: Book) -> Happened:
    """A book that collects orders keeps no reduce-only one: what an uncross will leave of positions nobody knows."""
    if not book.phase.collects:
        return book, []
    reducers = [order for order in book.orders() if order.order_id in book.reducing.orders]
    if reducers:
        fired("C9")
    return cancel_all(book, reducers, CancelReason.REDUCE_ONLY)


def _transfers(taker: Submit, maker: Submit) -> bool:
    """Whether what prevention keeps from trading moves between the accounts: both orders ask for it (G3)."""
    both = taker.self_trade is SelfTradePrevention.TRANSFER and maker.self_trade is SelfTradePrevention.TRANSFER
    return both and taker.account != maker.account


def _remainder(order: Submit, match: Match) -> CancelReason | None:
    """Why what is left of an order is cancelled; None means that it rests."""
    if match.self_trade:
        fired("G5")
        return CancelReason.SELF_TRADE
    if order.price is None:
        fired("C3")
        return CancelReason.MARKET
    if order.time_in_force is TimeInForce.IOC:
        fired("C4")
        return CancelReason.IMMEDIATE
    return None


def _rest(book: Book, order: Submit, leaves: Lots, executed: Lots, prevented: Lots, profile: Profile) -> Book:
    fired("A2")
    sequence = book.sequence + 1
    if order.display is not None:
        fired("D1" if order.display else "D4")
    resting = kernel.resting(order, _owner(order, profile), leaves, executed, prevented, sequence)
    if profile.allocation.top_maximum and not book.phase.collects:
        book = _with_top(book, resting, profile)
    book = book.with_side(order.side, book.side(order.side).add(resting))
    return book._replace(live=book.live.add(_location(resting)), sequence=sequence)


def _with_top(book: Book, newcomer: Resting, profile: Profile) -> Book:
    """The book that knows whether an order that comes to rest now betters the market (K3)."""
    side = newcomer.terms.side
    top = level_match.top_after(book.side(side), newcomer, profile.allocation, book.top(side), book.instrument.lot)
    return book._replace(top_bid=top) if side is Side.BUY else book._replace(top_ask=top)


# ── stops ──


def cascade(book: Book, profile: Profile, aside: Aside = nothing_aside) -> Happened:
    """Trigger stops until none is due (E2, E5). Each activation is one matching step of the same command."""
    if not (book.buy_stops or book.sell_stops):
        return _looked_at(book), []
    events: list[Event] = []
    waiting: list[Pending] = []
    while True:
        if book.phase is not Phase.CONTINUOUS:  # a call, or J5: what is due waits for the end of the call (I9)
            return _put_back(_looked_at(book), waiting), events
        book, due = _take_due(book)
        waiting += due
        if not waiting:
            return book, events
        fired("E5")
        stop = waiting.pop(0)
        fired("E6")
        triggered = Triggered(stop.terms.symbol, stop.order_id)
        book, waiting, first = aside(book, waiting, [triggered])
        fired("E4")
        terms, repriced = _with_protection(book, stop.terms)
        book, entered = enter(book, terms, profile)
        entered = [*repriced, *entered]
        book, waiting, then = aside(book, waiting, entered)
        events += [triggered, *first, *entered, *then]


def _with_protection(book: Book, stop: Submit) -> tuple[Submit, list[Event]]:
    """What a triggered stop enters as: without a limit it gets one at the end of its protection range (E6)."""
    assert stop.stop is not None
    terms = stop._replace(stop=None)
    if terms.price is not None or not book.instrument.protection:
        return terms, []
    terms = terms._replace(price=protected_price(book.instrument, terms.side, stop.stop))
    return terms, [repriced_event(terms)]


def set_mark(book: Book, mark: Ticks, profile: Profile, aside: Aside = nothing_aside) -> Happened:
    """Another mark, and the stops that it reaches (E1). What is due in a call, or in a halt, waits for its end."""
    fired("E1")
    return cascade(book._replace(mark=mark), profile, aside)


def _take_due(book: Book) -> tuple[Book, list[Pending]]:
    """Take out the stops that are due: those that the last trade has reached, or the mark.

    Where each fill counts, those that the fills have reached one after the other; what an earlier fill reached goes
    before what a later one did (E2).
    """
    due: list[Pending] = []
    for price in (*book.touched, book.trigger_price):
        book, reached = _take_reached(book, price)
        due += reached
    return _looked_at(book), due


def counted(book: Book, fills: Iterable[Ticks], profile: Profile) -> Book:
    """The book that remembers its fills at these prices for its stops, where each fill counts (E2)."""
    if profile.stops_looked_at is not StopsLookedAt.AFTER_EACH_FILL or profile.stop_reference is StopReference.MARK:
        return book
    return book._replace(touched=(*book.touched, *fills))


def _looked_at(book: Book) -> Book:
    return book._replace(touched=()) if book.touched else book


def _take_reached(book: Book, price: Ticks | None) -> tuple[Book, list[Pending]]:
    """Take out the stops that a price has reached, in the order of E3; buys before sells if both are due."""
    due: list[Pending] = []
    for side in Side:
        stops = book.stops(side)
        live = book.live
        while stops and _reached(price, side, stops.first.key if side is Side.BUY else -stops.first.key):
            fired("E3")
            stop = stops.first
            stops = stops.remove(stop)
            live = live.remove(_location(stop))
            due.append(stop)
        if live is not book.live:
            book = book.with_stops(side, stops)._replace(live=live)
    return book, due


def has_due_stops(book: Book) -> bool:
    """Whether a stop waits that is due: so it may be in a call, if the profile takes true stops."""
    nearest = [stops.first.terms for stops in (book.buy_stops, book.sell_stops) if stops]
    return any(stop.stop is not None and _is_due(book, stop.side, stop.stop) for stop in nearest)


def _put_back(book: Book, waiting: list[Pending]) -> Book:
    """Stops that were due wait on, each in its old place."""
    for stop in waiting:
        book = book.with_stops(stop.terms.side, book.stops(stop.terms.side).add(stop))
        book = book._replace(live=book.live.add(_location(stop)))
    return book


def _is_due(book: Book, side: Side, stop: Ticks) -> bool:
    """Whether the last trade in this book, or its mark, has reached a stop (E1)."""
    return _reached(book.trigger_price, side, stop)


def _reached(price: Ticks | None, side: Side, stop: Ticks) -> bool:
    """Whether a price has reached a stop: buys from below, sells from above (E1)."""
    if price is None:
        return False
    return price >= stop if side is Side.BUY else price <= stop


def _pend(book: Book, order: Submit) -> Book:
    assert order.stop is not None
    fired("A2")
    sequence = book.sequence + 1
    pending = Pending(-kernel.signed_key(order.side, order.stop), sequence, order.order_id, order)
    book = book.with_stops(order.side, book.stops(order.side).add(pending))
    return book._replace(live=book.live.add(_location(pending)), sequence=sequence)


# ── the uncross ──


def executed_in_auction(book: Book, order: Resting, quantity: Lots) -> Book:
    """The book after so much of a resting order traded in an uncross (B7, D2, I8)."""
    side, left, executed = order.terms.side, order.leaves - quantity, order.executed + quantity
    orders, live, sequence = book.side(side), book.live, book.sequence
    if not left:
        fired("B11")
        orders, live = orders.remove(order), live.remove(_location(order))
    elif quantity < order.slice:
        fired("B7")
        orders = orders.replace(order, order._replace(slice=order.slice - quantity, executed=executed))
    else:
        fired("D2")
        sequence += 1
        shown = slice_of(order.display, left)
        after = order._replace(sequence=sequence, slice=shown, reserve=left - shown, executed=executed)
        orders, live = orders.remove(order).add(after), live.replace(_location(order), _location(after))
    return book.with_side(side, orders)._replace(live=live, sequence=sequence)


# ── orders of lists ──


def hold(book: Book, order: Submit) -> Book:
    """Keep an order back: its id is taken, and that is all that the book knows of it (H2, A3)."""
    fired("A2")
    sequence = book.sequence + 1
    held = Held(0, sequence, order.order_id, order)
    return book._replace(held=book.held.add(held), live=book.live.add(_location(held)), sequence=sequence)


def unhold(book: Book, order: Held) -> Book:
    """Let go of an order that was held: its turn to enter has come (H2)."""
    return _without(book, order)


def smaller(order: Resting | Pending, lots: Lots) -> Resting | Pending:
    """An order that has lost so many lots for a rival's fill; more than that are open (H1).

    It keeps its place, and what it shows as far as it can (D5).
    """
    quantity = order.terms.quantity - lots
    terms = order.terms._replace(quantity=quantity, min_quantity=min(order.terms.min_quantity, quantity))
    if isinstance(order, Pending):
        return order._replace(terms=terms)
    leaves = order.leaves - lots
    shown = min(order.slice, leaves)
    return order._replace(slice=shown, reserve=leaves - shown, terms=terms)


def restate(book: Book, order_id: OrderId, lots: Lots) -> Book:
    """The book with one live order made smaller."""
    old = book.find(order_id)
    assert old is not None
    new, side = smaller(old, lots), old.terms.side
    if isinstance(new, Held):
        assert isinstance(old, Held)
        return book._replace(held=book.held.replace(old, new))
    if isinstance(new, Pending):
        assert isinstance(old, Pending)
        return book.with_stops(side, book.stops(side).replace(old, new))
    assert isinstance(old, Resting)
    return book.with_side(side, book.side(side).replace(old, new))


# ── cancel and replace ──


def cancel(book: Book, order_id: OrderId, reason: CancelReason = CancelReason.REQUESTED) -> Happened:
    """Take one live order out (A3, F)."""
    order = book.find(order_id)
    if order is None:
        fired("A3")
        return book, [Rejected(book.instrument.symbol, order_id, RejectReason.UNKNOWN_ORDER)]
    return _without(book, order), [cancelled_event(order.terms, _leaves(order), reason)]


def cancel_all(book: Book, orders: list[Resting | Pending], reason: CancelReason) -> Happened:
    """Take several live orders out, in order of their sequence (C2, J7)."""
    events: list[Event] = []
    for order in sorted(orders, key=lambda order: order.sequence):
        book, cancelled = cancel(book, order.order_id, reason)
        events += cancelled
    return book, events


def replace(book: Book, command: Replace, profile: Profile, aside: Aside = nothing_aside) -> Happened:
    """New terms for a live order (F1 to F4): in place, or as a removal and a new entry."""
    reason = phase_refusal(book)
    if reason is not None:
        return book, [_refused(command, reason)]
    order = book.find(command.order_id)
    if order is None:
        fired("A3")
        return book, [_refused(command, RejectReason.UNKNOWN_ORDER)]
    if isinstance(order, Pending):
        return _replace_stop(book, order, command, profile, aside)
    return _replace_resting(book, order, command, profile, aside)


def _replace_resting(book: Book, order: Resting, command: Replace, profile: Profile, aside: Aside) -> Happened:
    price = order.terms.price if command.price is None else command.price
    done = order.executed + order.prevented
    total = command.quantity + (done if profile.replace_quantity is ReplaceQuantity.OPEN else 0)
    leaves = total - done
    terms = order.terms._replace(price=price, quantity=total, min_quantity=0)
    gets_limit = order.terms.price is None and price is not None
    if command.stop is not None or gets_limit or has_too_many_slices(book.instrument, terms.display, leaves):
        return book, [_refused(command, RejectReason.INVALID_REPLACE)]
    reduces = price == order.terms.price and leaves < order.leaves
    if profile.replace_allows is ReplaceAllows.REDUCTION and not reduces:
        fired("F7")
        return book, [_refused(command, RejectReason.INVALID_REPLACE)]
    if price is not None and not book.instrument.accepts_notional(price, command.quantity):
        fired("A1")
        return book, [_refused(command, RejectReason.INVALID_NOTIONAL)]
    if outside_band(book.instrument, book.reference, command.price):
        fired("J4")
        return book, [_refused(command, RejectReason.OUTSIDE_BAND)]
    if leaves <= 0:
        fired("F4")
        return cancel(book, order.order_id, CancelReason.REPLACED)
    if _must_not_enter(book, terms, profile):
        fired("C6")
        return book, [_refused(command, RejectReason.WOULD_TAKE)]
    replaced = Replaced(command.symbol, command.order_id, terms.side, price, command.quantity)
    same_place = price == order.terms.price and leaves <= order.leaves
    if same_place and profile.replace_keeps is ReplaceKeeps.ON_REDUCE:
        fired("F1")
        shown = min(order.slice, leaves)  # D5: what is visible changes only if it must
        if order.reserve:
            fired("D5")
        smaller = order._replace(slice=shown, reserve=leaves - shown, terms=terms)
        orders = book.side(terms.side).replace(order, smaller)
        return book.with_side(terms.side, orders), [replaced]
    fired("F7" if same_place else "F2")
    book, events = enter(_without(book, order), terms, profile, order.executed, order.prevented)
    if any(isinstance(event, Trade) for event in events):
        fired("F3")
    book, _, also = aside(book, [], events)
    fired("E2")
    book, cascaded = cascade(book, profile, aside)
    return book, [replaced, *events, *also, *cascaded]


def _replace_stop(book: Book, order: Pending, command: Replace, profile: Profile, aside: Aside) -> Happened:
    old = order.terms
    assert old.stop is not None
    price = old.price if command.price is None else command.price
    stop = old.stop if command.stop is None else command.stop
    terms = old._replace(price=price, stop=stop, quantity=command.quantity)
    fits = command.quantity >= old.min_quantity and not has_too_many_slices(
        book.instrument, old.display, command.quantity
    )
    if (old.price is None and price is not None) or not fits:
        return book, [_refused(command, RejectReason.INVALID_REPLACE)]
    reduces = (price, stop) == (old.price, old.stop) and command.quantity < old.quantity
    if profile.replace_allows is ReplaceAllows.REDUCTION and not reduces:
        fired("F7")
        return book, [_refused(command, RejectReason.INVALID_REPLACE)]
    if price is not None and not book.instrument.accepts_notional(price, command.quantity):
        fired("A1")
        return book, [_refused(command, RejectReason.INVALID_NOTIONAL)]
    if outside_band(book.instrument, book.reference, command.price):
        fired("J4")
        return book, [_refused(command, RejectReason.OUTSIDE_BAND)]
    if profile.true_stop is TrueStop.REJECT and _is_due(book, terms.side, stop):
        fired("E7")
        return book, [_refused(command, RejectReason.STOP_ALREADY_TRUE)]
    replaced = Replaced(command.symbol, command.order_id, terms.side, price, command.quantity)
    same_place = price == old.price and stop == old.stop and command.quantity <= old.quantity
    if same_place and profile.replace_keeps is ReplaceKeeps.ON_REDUCE:
        fired("F1")
        stops = book.stops(terms.side).replace(order, order._replace(terms=terms))
        return book.with_stops(terms.side, stops), [replaced]
    fired("F7" if same_place else "F2")
    book, events = cascade(_pend(_without(book, order), terms), profile, aside)
    return book, [replaced, *events]


def _without(book: Book, order: Resting | Pending) -> Book:
    side = order.terms.side
    if isinstance(order, Held):
        book = book._replace(held=book.held.remove(order))
    elif isinstance(order, Pending):
        book = book.with_stops(side, book.stops(side).remove(order))
    else:
        book = book.with_side(side, book.side(side).remove(order))
    return book._replace(live=book.live.remove(_location(order)))


# ── small things ──


def _location(order: Resting | Pending) -> Location:
    side = order.terms.side
    if isinstance(order, Pending):
        return Location(order.order_id, side, True, (order.key, order.sequence), isinstance(order, Held))
    return Location(order.order_id, side, False, (order.key, order.rank, order.sequence))


def _owner(order: Submit, profile: Profile) -> Account:
    """Who an order trades for (G1)."""
    owner = profile.owner(order.account)
    if owner != order.account:
        fired("G1")
    return owner


def _leaves(order: Resting | Pending) -> Lots:
    return order.terms.quantity if isinstance(order, Pending) else order.leaves


def cancelled_event(order: Submit, leaves: Lots, reason: CancelReason) -> Cancelled:
    """The report of an order that left other than by trading."""
    return Cancelled(order.symbol, order.order_id, order.side, order.price, leaves, reason)


def repriced_event(order: Submit) -> Repriced:
    """The report of an order that has the limit it has from the venue."""
    assert order.price is not None
    return Repriced(order.symbol, order.order_id, order.side, order.price)


def _refused(command: Replace, reason: RejectReason) -> Rejected:
    fired("A4")
    return Rejected(command.symbol, command.order_id, reason)
