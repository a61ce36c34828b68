"""The oracle: many books, one clock, one market, and the rules that need more than one of them (lock notes LX, LG).

`step` is the only way in: a state and a command in, a state and the events out. States are immutable, so a checker
may branch from any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from bookproof.spec import book as rules
from bookproof.spec import implied as family_rules
from bookproof.spec.book import Book, Pending
from bookproof.spec.commands import (
    AdvanceClock,
    Basket,
    Cancel,
    Command,
    EndOfDay,
    Halt,
    Leg,
    MassCancel,
    Replace,
    Resume,
    Route,
    Submit,
    TakeSnapshot,
)
from bookproof.spec.events import (
    ClockAdvanced,
    DayEnded,
    Event,
    Halted,
    MassCancelled,
    Rejected,
    Resumed,
    SnapshotTaken,
)
from bookproof.spec.instruments import Instrument, families_of, listing_flaw
from bookproof.spec.kernel import HIDDEN, Resting
from bookproof.spec.profile import DEFAULT, Profile
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.routing import route, route_fault
from bookproof.spec.rulebook import fired
from bookproof.spec.validation import basket_fault, cancel_fault, is_id, leg_order, replace_fault, submit_fault
from bookproof.spec.values import Nanoseconds, OrderId, OrderState, Phase, Symbol, TimeInForce
from bookproof.spec.views import (
    BookView,
    Depth,
    ImpliedQuotes,
    OrderStatus,
    PendingStop,
    Queue,
    QueuedOrder,
    Stops,
    Top,
    depth_of,
    top_of,
)


class Exchange(NamedTuple):
    """Everything the rules know. Books stand in listing order."""

    profile: Profile
    books: Mapping[Symbol, Book]
    halted: bool = False
    """The whole market is halted (J6)."""
    clock: Nanoseconds = 0
    families: Mapping[Symbol, tuple[Symbol, ...]] = MappingProxyType({})
    """For each book that is part of a spread, all that an order in it may touch, in listing order (L2)."""

    def instrument(self, symbol: Symbol) -> Instrument | None:
        """The listing of one symbol."""
        book = self.books.get(symbol)
        return None if book is None else book.instrument

    def _with(self, *books: Book) -> Exchange:
        changed = {book.instrument.symbol: book for book in books}
        return self._replace(books={**self.books, **changed})

    def family(self, symbol: Symbol) -> dict[Symbol, Book]:
        """The books that an order in this book may touch by what spreads imply; empty where none do."""
        return {member: self.books[member] for member in self.families.get(symbol, ())}


Stepped = tuple[Exchange, tuple[Event, ...]]
"""The state after a command, and what the exchange said."""


def opening(instruments: Iterable[Instrument], profile: Profile = DEFAULT) -> Exchange:
    """An exchange with these books, all of them empty and open.

    Raises ValueError when a symbol is listed twice, or when limits or self-trade groups make no sense.
    """
    grouped = [account for group in profile.self_trade_groups for account in group]
    if len(grouped) != len(set(grouped)):
        raise ValueError("an account stands in two self-trade groups; who owns its orders would be open (G1)")
    books: dict[Symbol, Book] = {}
    for instrument in instruments:
        if instrument.symbol in books:
            raise ValueError(f"symbol {instrument.symbol!r} is listed twice; list each book once")
        if (flaw := instrument.flaw()) is not None:
            raise ValueError(f"symbol {instrument.symbol!r}: {flaw}")
        books[instrument.symbol] = Book(instrument)
    listed = [book.instrument for book in books.values()]
    if (flaw := listing_flaw(listed)) is not None:
        raise ValueError(flaw)
    return Exchange(profile, books, families=families_of(listed))


def step(state: Exchange, command: Command) -> Stepped:
    """What the rule book says to one command.

    >>> from bookproof.spec.instruments import listing
    >>> from bookproof.spec.values import Side
    >>> state = opening(listing(["ABC"]))
    >>> state, _ = step(state, Submit("ABC", 1, 7, Side.SELL, 5, 100))
    >>> state, events = step(state, Submit("ABC", 2, 8, Side.BUY, 3, 101))
    >>> events[1]
    Trade(symbol='ABC', price=100, quantity=3, maker=1, taker=2)
    """
    match command:
        case Submit():
            return _submit(state, command)
        case Cancel():
            return _cancel(state, command)
        case Replace():
            return _replace(state, command)
        case Basket():
            return _basket(state, command)
        case MassCancel():
            return _mass_cancel(state, command)
        case Halt():
            return _halt(state, command)
        case Resume():
            return _resume(state, command)
        case AdvanceClock():
            return _advance_clock(state, command)
        case EndOfDay():
            return _end_of_day(state)
        case TakeSnapshot():
            return state, (SnapshotTaken(snapshot(state)),)
        case Route():
            return _route(state, command)


def run(state: Exchange, commands: Iterable[Command]) -> Stepped:
    """Step through several commands; all their events in one tuple."""
    events: list[Event] = []
    for command in commands:
        state, said = step(state, command)
        events += said
    return state, tuple(events)


# ── one book ──


def _submit(state: Exchange, order: Submit) -> Stepped:
    fault = submit_fault(order, state.instrument(order.symbol))
    if fault is None and state.halted:
        fired("J6")
        fault = RejectReason.MARKET_HALTED
    if fault is not None:
        return _refused(state, order.symbol, order.order_id, fault)
    if family := state.family(order.symbol):
        return _happened_in_family(state, family_rules.submit(family, order, state.clock, state.profile))
    return _happened(state, rules.submit(state.books[order.symbol], order, state.clock, state.profile))


def _cancel(state: Exchange, command: Cancel) -> Stepped:
    fault = cancel_fault(command, state.instrument(command.symbol))
    if fault is not None:
        return _refused(state, command.symbol, command.order_id, fault)
    book = state.books[command.symbol]
    if state.halted or book.phase is Phase.HALT:
        fired("J2")  # cancelling is allowed
    return _happened(state, rules.cancel(book, command.order_id))


def _replace(state: Exchange, command: Replace) -> Stepped:
    fault = replace_fault(command, state.instrument(command.symbol))
    if fault is None and state.halted:
        fired("J6")
        fault = RejectReason.MARKET_HALTED
    if fault is not None:
        return _refused(state, command.symbol, command.order_id, fault)
    if family := state.family(command.symbol):
        return _happened_in_family(state, family_rules.replace(family, command, state.profile))
    return _happened(state, rules.replace(state.books[command.symbol], command, state.profile))


# ── several books ──


def _basket(state: Exchange, basket: Basket) -> Stepped:
    """All legs trade whole, or none trades at all (L4). Stops are triggered when every leg has traded (E2)."""
    fault = _basket_fault(state, basket)
    if fault is not None:
        leg, reason = fault
        return _refused(state, leg.symbol if leg else None, leg.order_id if leg else None, reason)
    fired("L4")
    orders = [leg_order(basket, leg) for leg in basket.legs]
    events: list[Event] = [rules.accepted_event(order) for order in orders]
    after: list[Book] = []
    for order in orders:
        book, entered = rules.enter(state.books[order.symbol], order, state.profile)
        if book is state.books[order.symbol]:  # one leg was killed, so all are: forget what the others did
            return state, tuple(
                [rules.accepted_event(order) for order in orders]
                + [rules.cancelled_event(order, order.quantity, CancelReason.KILLED) for order in orders]
            )
        after.append(book)
        events += entered
    state = state._with(*after)
    for order in orders:
        fired("E2")
        state, cascaded = _cascaded(state, order.symbol)
        events += cascaded
    return state, tuple(events)


def _cascaded(state: Exchange, symbol: Symbol) -> Stepped:
    """The stops of a book are triggered, and with it those of its family."""
    if family := state.family(symbol):
        return _happened_in_family(state, family_rules.cascade(family, state.profile))
    return _happened(state, rules.cascade(state.books[symbol], state.profile))


def _basket_fault(state: Exchange, basket: Basket) -> tuple[Leg | None, RejectReason] | None:
    listing = {symbol: book.instrument for symbol, book in state.books.items()}
    fault = basket_fault(basket, listing)
    if fault is not None:
        return fault
    if state.halted:
        fired("J6")
        return basket.legs[0], RejectReason.MARKET_HALTED
    refusals = [
        (reason, leg)
        for leg in basket.legs
        if (reason := rules.refusal(state.books[leg.symbol], leg_order(basket, leg), state.clock, state.profile))
        is not None
    ]
    if not refusals:
        return None
    reason, leg = min(refusals, key=lambda refusal: refusal[0].precedence)
    return leg, reason


def _route(state: Exchange, command: Route) -> Stepped:
    """One order over the books of a group (L5)."""
    order = command.order
    fault = route_fault(order, state.instrument(order.symbol))
    if fault is None and state.halted:
        fired("J6")
        fault = RejectReason.MARKET_HALTED
    if fault is not None:
        return _refused(state, order.symbol, order.order_id, fault)
    if family := state.family(order.symbol):  # which is in no group, so its own book is all there is
        return _happened_in_family(state, family_rules.submit(family, order, state.clock, state.profile))
    books, events = route(state.books, order, state.clock, state.profile)
    return (state._with(*books) if books else state), tuple(events)


def _mass_cancel(state: Exchange, command: MassCancel) -> Stepped:
    """Every live order of the account, in listing order of the books, within a book in order of sequence (J7)."""
    if not is_id(command.account):
        return _refused(state, None, None, RejectReason.INVALID_ACCOUNT)
    fired("J7")
    state, cancelled = _cancel_where(
        state, lambda order: order.terms.account == command.account, CancelReason.MASS_CANCEL
    )
    return state, (MassCancelled(command.account, len(cancelled)), *cancelled)


def _halt(state: Exchange, command: Halt) -> Stepped:
    if command.symbol is None:
        if state.halted:
            return _refused(state, None, None, RejectReason.MARKET_HALTED)
        fired("J6")
        return state._replace(halted=True), (Halted(None),)
    return _set_phase(state, command.symbol, Phase.HALT)


def _resume(state: Exchange, command: Resume) -> Stepped:
    if command.symbol is None:
        if not state.halted:
            return _refused(state, None, None, RejectReason.NOT_HALTED)
        fired("J6")
        return _uncrossed(state._replace(halted=False), dict.fromkeys(state.families.values()), Resumed(None))
    return _set_phase(state, command.symbol, Phase.CONTINUOUS)


def _set_phase(state: Exchange, symbol: Symbol, phase: Phase) -> Stepped:
    """Halt or resume one book; a market-wide halt is a separate switch above all books (J1, J6)."""
    book = state.books.get(symbol)
    if book is None:
        return _refused(state, symbol, None, RejectReason.UNKNOWN_SYMBOL)
    halting = phase is Phase.HALT
    if book.phase is phase:
        return _refused(state, symbol, None, RejectReason.BOOK_HALTED if halting else RejectReason.NOT_HALTED)
    fired("J1")
    changed = state._with(book._replace(phase=phase))
    if halting:
        return changed, (Halted(symbol),)
    families = [state.families[symbol]] if symbol in state.families and not state.halted else []
    return _uncrossed(changed, families, Resumed(symbol))


def _uncrossed(state: Exchange, families: Iterable[tuple[Symbol, ...]], resumed: Resumed) -> Stepped:
    """A halt has ended, and with it what may be implied is (L3)."""
    events: list[Event] = [resumed]
    for members in families:
        state, traded = _happened_in_family(state, family_rules.uncross(state.family(members[0]), state.profile))
        events += traded
    return state, tuple(events)


def _advance_clock(state: Exchange, command: AdvanceClock) -> Stepped:
    """What is due expires, then the clock has moved (A5, C2)."""
    if not is_id(command.now):
        return _refused(state, None, None, RejectReason.INVALID_TIME)
    if command.now < state.clock:
        fired("A5")
        return _refused(state, None, None, RejectReason.CLOCK_BACKWARDS)

    def due(order: Resting | Pending) -> bool:
        return order.terms.expires is not None and order.terms.expires <= command.now

    fired("C2")
    state, expired = _cancel_where(state, due, CancelReason.EXPIRED)
    return state._replace(clock=command.now), (*expired, ClockAdvanced(command.now))


def _end_of_day(state: Exchange) -> Stepped:
    fired("C2")
    state, expired = _cancel_where(
        state, lambda order: order.terms.time_in_force is TimeInForce.DAY, CancelReason.EXPIRED
    )
    return state, (*expired, DayEnded())


# ── views ──


def queue(state: Exchange, symbol: Symbol) -> Queue:
    """L3 of one book. KeyError for an unknown symbol, as in every view."""
    book = state.books[symbol]
    return Queue(tuple(map(_queued, book.bids)), tuple(map(_queued, book.asks)))


def depth(state: Exchange, symbol: Symbol) -> Depth:
    """L2 of one book."""
    return depth_of(queue(state, symbol))


def top(state: Exchange, symbol: Symbol) -> Top:
    """L1 of one book."""
    return top_of(depth(state, symbol))


def stops(state: Exchange, symbol: Symbol) -> Stops:
    """The pending stops of one book."""
    book = state.books[symbol]
    return Stops(tuple(map(_waiting, book.buy_stops)), tuple(map(_waiting, book.sell_stops)))


def status(state: Exchange, symbol: Symbol, order_id: OrderId) -> OrderStatus | None:
    """Where an order stands; None when it is not live (A6)."""
    order = state.books[symbol].find(order_id)
    if order is None:
        return None
    terms = order.terms
    if isinstance(order, Pending):
        return OrderStatus(order_id, OrderState.PENDING, terms.side, terms.price, terms.quantity, 0, 0, terms.quantity)
    stage = OrderState.PARTIALLY_FILLED if order.executed else OrderState.NEW
    return OrderStatus(
        order_id,
        stage,
        terms.side,
        terms.price,
        terms.quantity,
        order.executed,
        order.prevented,
        order.leaves,
    )


def implied(state: Exchange, symbol: Symbol) -> ImpliedQuotes:
    """What others imply in one book, beside its own depth (L2). A halted market implies nothing (L3)."""
    book = state.books[symbol]
    family = {} if state.halted else state.family(book.instrument.symbol)
    if not family:
        return ImpliedQuotes((), ())
    return family_rules.implied(family, {member: top(state, member) for member in family}, symbol)


def view(state: Exchange, symbol: Symbol) -> BookView:
    """Everything that can be seen of one book."""
    book = state.books[symbol]
    phase = Phase.HALT if state.halted else book.phase
    return BookView(symbol, phase, book.last_price, queue(state, symbol), stops(state, symbol))


def snapshot(state: Exchange) -> tuple[BookView, ...]:
    """All books, in listing order."""
    return tuple(view(state, symbol) for symbol in state.books)


# ── small things ──


def _happened(state: Exchange, happened: rules.Happened) -> Stepped:
    book, events = happened
    if book is state.books[book.instrument.symbol]:
        return state, tuple(events)
    return state._with(book), tuple(events)


def _happened_in_family(state: Exchange, happened: family_rules.HappenedInFamily) -> Stepped:
    books, events = happened
    changed = [book for symbol, book in books.items() if book is not state.books[symbol]]
    return (state._with(*changed) if changed else state), tuple(events)


def _refused(state: Exchange, symbol: Symbol | None, order_id: OrderId | None, reason: RejectReason) -> Stepped:
    fired("A4")
    return state, (Rejected(symbol, order_id, reason),)


def _cancel_where(state: Exchange, condition: Callable[[Resting | Pending], bool], reason: CancelReason) -> Stepped:
    """Cancel every live order that meets a condition, book by book in listing order."""
    changed: list[Book] = []
    events: list[Event] = []
    for book in state.books.values():
        doomed = [order for order in book.orders() if condition(order)]
        if doomed:
            book, cancelled = rules.cancel_all(book, doomed, reason)
            changed.append(book)
            events += cancelled
    return state._with(*changed), tuple(events)


def _queued(order: Resting) -> QueuedOrder:
    visible = 0 if order.rank == HIDDEN else order.slice
    return QueuedOrder(order.order_id, order.terms.account, order.price, visible, order.leaves)


def _waiting(order: Pending) -> PendingStop:
    terms = order.terms
    assert terms.stop is not None
    return PendingStop(order.order_id, terms.account, terms.stop, terms.price, terms.quantity)
