"""The oracle: many books, one clock, one market, and the rules that need more than one of them (lock notes LX, LG).

`step` is the only way in: a state and a command in, a state and the events out. States are immutable, so a checker
may branch from any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from bookproof.spec import accounts as money
from bookproof.spec import book as rules
from bookproof.spec import budget as money_orders
from bookproof.spec import contingent, phases
from bookproof.spec import implied as family_rules
from bookproof.spec.accounts import Accounts
from bookproof.spec.book import Book, Held, Pending
from bookproof.spec.breaker import levels_crossed
from bookproof.spec.commands import (
    AdvanceClock,
    Basket,
    BlockTrade,
    Bust,
    Cancel,
    Command,
    Deposit,
    Disconnect,
    EndOfDay,
    Halt,
    IndexLevel,
    KillSwitch,
    Leg,
    Liquidate,
    MassCancel,
    Reduce,
    Reinstate,
    Replace,
    Resume,
    Route,
    SetLimits,
    SetMark,
    SetPhase,
    SetReference,
    Spend,
    Submit,
    SubmitList,
    TakeSnapshot,
    Withdraw,
)
from bookproof.spec.contingent import Aftermath, Lists
from bookproof.spec.events import (
    AccountBlocked,
    AccountDisconnected,
    AccountReinstated,
    ClockAdvanced,
    DayEnded,
    Event,
    Halted,
    IndexMoved,
    Liquidated,
    MarkSet,
    MassCancelled,
    PhaseChanged,
    ReferenceSet,
    Rejected,
    Resumed,
    SnapshotTaken,
    Triggered,
    Uncrossed,
)
from bookproof.spec.instruments import Instrument, families_of, listing_flaw, underlying_flaw
from bookproof.spec.kernel import HIDDEN, Resting
from bookproof.spec.profile import DEFAULT, OnDisconnect, Profile, ReduceOnly, Risk, StopReference
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.reducing import Reducers
from bookproof.spec.routing import route, route_fault
from bookproof.spec.rulebook import fired, performed, rehearsing
from bookproof.spec.validation import (
    basket_fault,
    cancel_fault,
    is_id,
    leg_order,
    liquidate_fault,
    list_fault,
    reduce_fault,
    reduce_order,
    replace_fault,
    spend_fault,
    spending_order,
    submit_fault,
)
from bookproof.spec.values import Account, Nanoseconds, OrderId, OrderState, Phase, Place, Side, Symbol, TimeInForce
from bookproof.spec.views import (
    AccountView,
    BookView,
    Depth,
    ImpliedQuotes,
    Indicative,
    MarketView,
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
    lists: Lists = ()
    """The live lists of orders, the oldest first (H)."""
    accounts: Accounts | None = None
    """None where the venue keeps none (M1)."""
    families: Mapping[Symbol, tuple[Symbol, ...]] = MappingProxyType({})
    """For each book that is part of a spread, all books that spreads tie to it, in listing order (L2)."""
    blocked: frozenset[Account] = frozenset()
    """Accounts that a kill switch keeps out (J7)."""
    index_level: int | None = None
    """Where the breaker's index stands (J6)."""
    index_base: int | None = None
    """What its fall is measured from: the first level of all, then that at the last end of day."""
    breaker_level: int = 0
    """How many levels of the breaker have been crossed today."""

    def instrument(self, symbol: Symbol) -> Instrument | None:
        """The listing of one symbol."""
        book = self.books.get(symbol)
        return None if book is None else book.instrument

    def _with(self, *books: Book) -> Exchange:
        changed = {book.instrument.symbol: book for book in books}
        return self._replace(books={**self.books, **changed})

    def family(self, symbol: Symbol) -> dict[Symbol, Book]:
        """The books that an order in this book may touch by what spreads imply (L2).

        Empty where nothing does: no spread ties the book to others, or not all of them trade continuously (L3).
        """
        books = {member: self.books[member] for member in self.families.get(symbol, ())}
        return books if family_rules.is_on(books) else {}


Stepped = tuple[Exchange, tuple[Event, ...]]
"""The state after a command, and what the exchange said."""


def opening(instruments: Iterable[Instrument], profile: Profile = DEFAULT) -> Exchange:
    """An exchange with these books, all of them empty and open.

    Raises ValueError when a symbol is listed twice, or when limits, underlyings, groups of books, spreads, self-trade
    groups, the allocation or the levels of the breaker make no sense.
    """
    if (flaw := profile.allocation.flaw()) is not None:
        raise ValueError(f"allocation: {flaw}")
    if (flaw := profile.flaw()) is not None:
        raise ValueError(flaw)
    books: dict[Symbol, Book] = {}
    for instrument in instruments:
        if instrument.symbol in books:
            raise ValueError(f"symbol {instrument.symbol!r} is listed twice; list each book once")
        if (flaw := instrument.flaw()) is not None:
            raise ValueError(f"symbol {instrument.symbol!r}: {flaw}")
        books[instrument.symbol] = Book(instrument, reference=instrument.reference, stops_follow=profile.stop_reference)
    listed = [book.instrument for book in books.values()]
    keeps_accounts = profile.risk is not Risk.NONE
    flaw = underlying_flaw(listed) or listing_flaw(listed, profile.apart)
    if flaw is not None:
        raise ValueError(flaw)
    accounts = Accounts(on_margin=profile.margin_accounts) if keeps_accounts else None
    return Exchange(profile, books, accounts=accounts, families=families_of(listed))


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
    if state.accounts is not None:
        return _on_account(state, state.accounts, command)
    return _among_books(state, command)


def _among_books(state: Exchange, command: Command) -> Stepped:
    """What the books make of a command. Where accounts are kept, they have not been asked yet.

    A halt that it brought about, or ended, reaches the books that depend on that one when the command is over (J6):
    what the command has begun in them it finishes.
    """
    after, events = _carried_out(state, command)
    if after.books is state.books or not any(isinstance(event, Halted | Resumed | PhaseChanged) for event in events):
        return after, events
    told = [book._replace(halted_above=_is_halted_above(after, symbol)) for symbol, book in after.books.items()]
    changed = [book for book in told if book.halted_above is not after.books[book.instrument.symbol].halted_above]
    return after._with(*changed) if changed else after, events


def _carried_out(state: Exchange, command: Command) -> Stepped:
    """What the books make of a command, each for itself."""
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
        case SetPhase():
            return _move(state, command)
        case SubmitList():
            return _submit_list(state, command)
        case SetMark() if state.profile.stop_reference is StopReference.MARK:
            return _set_mark(state, command)
        case Route():
            return _route(state, command)
        case Deposit() | Withdraw() | SetLimits() | Bust() | BlockTrade() | Reduce() | SetMark():
            return _without_accounts(state, command)
        case KillSwitch():
            return _kill_switch(state, command)
        case Reinstate():
            return _reinstate(state, command)
        case Disconnect():
            return _disconnect(state, command)
        case SetReference():
            return _set_reference(state, command)
        case IndexLevel():
            return _index_level(state, command)
        case Liquidate():
            return _liquidate(state, command)
        case Spend():
            return _spend(state, command)


def run(state: Exchange, commands: Iterable[Command]) -> Stepped:
    """Step through several commands; all their events in one tuple."""
    events: list[Event] = []
    for command in commands:
        state, said = step(state, command)
        events += said
    return state, tuple(events)


# ── one book ──


def _kept_out(state: Exchange, account: Account) -> RejectReason | None:
    """Why no order of an account is taken in any book: it is blocked (J7), or the market is halted (J6)."""
    if account in state.blocked:
        fired("J7")
        return RejectReason.ACCOUNT_BLOCKED
    if state.halted:
        fired("J6")
        return RejectReason.MARKET_HALTED
    return None


def _submit(state: Exchange, order: Submit) -> Stepped:
    ranges = state.profile.takes_ranges
    fault = submit_fault(order, state.instrument(order.symbol), ranges=ranges) or _kept_out(state, order.account)
    if fault is not None:
        return _refused(state, order.symbol, order.order_id, fault)
    if family := state.family(order.symbol):  # no order of a list is in it
        return _happened_in_family(state, family_rules.submit(family, order, state.clock, state.profile))
    lists = _aftermath(state, order)
    book = state.books[order.symbol]
    return _happened(state, rules.submit(book, order, state.clock, state.profile, lists), lists)


def _spend(state: Exchange, command: Spend) -> Stepped:
    """A market buy over an amount of money: as one of as many lots as that pays for, if any are to be had (C3)."""
    instrument = state.instrument(command.symbol)
    fault = spend_fault(command, instrument, state.profile, implied=command.symbol in state.families)
    if fault is not None or instrument is None:
        return _refused(state, command.symbol, command.order_id, fault or RejectReason.UNKNOWN_SYMBOL)
    with rehearsing() as rehearsed:
        _, events = _submit(state, spending_order(command, money_orders.fewest(instrument)))
    if isinstance(events[0], Rejected):
        performed(rehearsed)
        return state, events
    fired("C3")
    quantity = money_orders.affordable(state.books[command.symbol], command, state.profile)
    if not instrument.accepts_quantity(quantity):
        return _refused(state, command.symbol, command.order_id, RejectReason.NO_LIQUIDITY)
    return _submit(state, spending_order(command, quantity))


def _cancel(state: Exchange, command: Cancel) -> Stepped:
    fault = cancel_fault(command, state.instrument(command.symbol))
    if fault is not None:
        return _refused(state, command.symbol, command.order_id, fault)
    book = state.books[command.symbol]
    if is_halted(state, command.symbol):
        fired("J2")  # cancelling is allowed
    lists = _aftermath(state, command)
    book, events = rules.cancel(book, command.order_id)
    book, _, also = lists(book, [], events)
    return _happened(state, (book, events + also), lists)


def _replace(state: Exchange, command: Replace) -> Stepped:
    fault = replace_fault(command, state.instrument(command.symbol))
    if fault is None and state.halted:
        fired("J6")
        fault = RejectReason.MARKET_HALTED
    if fault is not None:
        return _refused(state, command.symbol, command.order_id, fault)
    if family := state.family(command.symbol):
        return _happened_in_family(state, family_rules.replace(family, command, state.profile))
    lists = _aftermath(state, command)
    found = contingent.list_of(state.lists, Place(command.symbol, command.order_id))
    if found is not None and rules.phase_refusal(state.books[command.symbol]) is None:
        fired("H1")
        if not contingent.may_be_replaced(found, state.profile):
            return _refused(state, command.symbol, command.order_id, RejectReason.IN_LIST)
        return _followed(state, lists.amend(command, found), lists)
    return _happened(state, rules.replace(state.books[command.symbol], command, state.profile, lists), lists)


def _set_reference(state: Exchange, command: SetReference) -> Stepped:
    """Bands are around another price from now on; orders that are in stay in (J4)."""
    book = state.books.get(command.symbol)
    if book is None:
        return _refused(state, command.symbol, None, RejectReason.UNKNOWN_SYMBOL)
    if not book.instrument.accepts_price(command.price):
        return _refused(state, command.symbol, None, RejectReason.INVALID_PRICE)
    fired("J4")
    changed = state._with(book._replace(reference=command.price))
    return changed, (ReferenceSet(command.symbol, command.price),)


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
    lists = _aftermath(state, basket)
    for order in orders:
        before = lists.books[order.symbol]
        book, entered = rules.enter(before, order, state.profile)
        if book is before:  # one leg was killed, so all are: forget what the others did
            return state, tuple(
                [rules.accepted_event(order) for order in orders]
                + [rules.cancelled_event(order, order.quantity, CancelReason.KILLED) for order in orders]
            )
        lists.books[order.symbol], _, also = lists(book, [], entered)
        events += entered + also
    for order in orders:
        fired("E2")
        events += _cascaded(state, lists, order.symbol)
    return _followed(state, events, lists)


def _cascaded(state: Exchange, lists: Aftermath, symbol: Symbol) -> list[Event]:
    """The stops of a book are triggered, and with them those of all books that spreads tie to it."""
    if family := state.family(symbol):
        books, events = family_rules.cascade({member: lists.books[member] for member in family}, state.profile)
        lists.books |= books
        return events
    lists.books[symbol], events = rules.cascade(lists.books[symbol], state.profile, lists)
    return events


def _submit_list(state: Exchange, command: SubmitList) -> Stepped:
    """Every leg is in, or none is (H4)."""
    listing = {symbol: book.instrument for symbol, book in state.books.items()}
    fault = list_fault(command, listing, ranges=state.profile.takes_ranges)
    if fault is None and (reason := _kept_out(state, command.legs[0].account)) is not None:
        fault = command.legs[0], reason
    if fault is None:
        fault = contingent.refusal(state.books, command, state.clock, state.profile)
    if fault is not None:
        leg, reason = fault
        return _refused(state, leg.symbol if leg else None, leg.order_id if leg else None, reason)
    lists = _aftermath(state, command)
    return _followed(state, lists.accept(command), lists)


def _basket_fault(state: Exchange, basket: Basket) -> tuple[Leg | None, RejectReason] | None:
    listing = {symbol: book.instrument for symbol, book in state.books.items()}
    fault = basket_fault(basket, listing)
    if fault is not None:
        return fault
    if (reason := _kept_out(state, basket.account)) is not None:
        return basket.legs[0], reason
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
    ranges = state.profile.takes_ranges
    fault = route_fault(order, state.instrument(order.symbol), ranges=ranges) or _kept_out(state, order.account)
    if fault is not None:
        return _refused(state, order.symbol, order.order_id, fault)
    if family := state.family(order.symbol):  # which is in no group, so its own book is all there is
        return _happened_in_family(state, family_rules.submit(family, order, state.clock, state.profile))
    lists = _aftermath(state, command)
    return _followed(state, route(order, state.clock, state.profile, lists), lists)


def _mass_cancel(state: Exchange, command: MassCancel) -> Stepped:
    """Every live order of the account, in listing order of the books, within a book in order of sequence (J7)."""
    if not is_id(command.account):
        return _refused(state, None, None, RejectReason.INVALID_ACCOUNT)
    fired("J7")
    state, cancelled = _cancel_where(
        state, lambda order: order.terms.account == command.account, CancelReason.MASS_CANCEL
    )
    return state, (MassCancelled(command.account, len(cancelled)), *cancelled)


def _kill_switch(state: Exchange, command: KillSwitch) -> Stepped:
    """Keep an account out and take out what it has in, in one step: nothing of it can come between (J7).

    Nothing more is needed to stop its replaces: they need a live order, and it has none.
    """
    if not is_id(command.account):
        return _refused(state, None, None, RejectReason.INVALID_ACCOUNT)
    fired("J7")
    if command.account in state.blocked:
        return _refused(state, None, None, RejectReason.ACCOUNT_BLOCKED)
    state, cancelled = _cancel_where(
        state, lambda order: order.terms.account == command.account, CancelReason.KILL_SWITCH
    )
    state = state._replace(blocked=state.blocked | {command.account})
    return state, (AccountBlocked(command.account, len(cancelled)), *cancelled)


def _reinstate(state: Exchange, command: Reinstate) -> Stepped:
    """Let a blocked account in again (J7)."""
    if not is_id(command.account):
        return _refused(state, None, None, RejectReason.INVALID_ACCOUNT)
    fired("J7")
    if command.account not in state.blocked:
        return _refused(state, None, None, RejectReason.ACCOUNT_NOT_BLOCKED)
    state = state._replace(blocked=state.blocked - {command.account})
    return state, (AccountReinstated(command.account),)


def _disconnect(state: Exchange, command: Disconnect) -> Stepped:
    """Cancel what an account wants cancelled when it is gone, and keep nobody out (J7)."""
    if not is_id(command.account):
        return _refused(state, None, None, RejectReason.INVALID_ACCOUNT)
    fired("J7")
    every = state.profile.on_disconnect is OnDisconnect.ALL
    state, cancelled = _cancel_where(
        state,
        lambda order: order.terms.account == command.account and (every or order.terms.cancel_on_disconnect),
        CancelReason.DISCONNECTED,
    )
    return state, (AccountDisconnected(command.account, len(cancelled)), *cancelled)


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
        return _implied_anew(state._replace(halted=False), state.families, [Resumed(None)])
    return _set_phase(state, command.symbol, Phase.CONTINUOUS)


def _set_phase(state: Exchange, symbol: Symbol, phase: Phase) -> Stepped:
    """Halt or resume one book; a market-wide halt is a separate switch above all books (J1, J6)."""
    book = state.books.get(symbol)
    if book is None:
        return _refused(state, symbol, None, RejectReason.UNKNOWN_SYMBOL)
    halting = phase is Phase.HALT
    if (book.phase is Phase.HALT) is halting:
        return _refused(state, symbol, None, RejectReason.BOOK_HALTED if halting else RejectReason.NOT_HALTED)
    happened = phases.set_phase(book, phase, state.profile)
    if isinstance(happened, RejectReason):
        return _refused(state, symbol, None, happened)
    return _implied_anew(state._with(happened[0]), [symbol], [Halted(symbol) if halting else Resumed(symbol)])


def _move(state: Exchange, command: SetPhase) -> Stepped:
    """One book to another phase (J1). While the market is halted no call ends with an uncross (J6)."""
    book = state.books.get(command.symbol)
    if book is None:
        return _refused(state, command.symbol, None, RejectReason.UNKNOWN_SYMBOL)
    if state.halted and book.phase is Phase.CALL and command.phase is Phase.CONTINUOUS:
        fired("J6")
        return _refused(state, command.symbol, None, RejectReason.MARKET_HALTED)
    changed = phases.change(book, command.phase, state.profile)
    if isinstance(changed, RejectReason):
        return _refused(state, command.symbol, None, changed)
    moved = state._with(changed[0])
    if moved.family(command.symbol):
        return _implied_anew(moved, [command.symbol], changed[1])
    lists = _aftermath(state, command)
    return _happened(state, phases.finish(*changed, state.profile, lists), lists)


def _implied_anew(state: Exchange, symbols: Iterable[Symbol], events: list[Event]) -> Stepped:
    """What stopped matching in some books is over, and so quotes may be implied again (L3): what can trade does.

    That is not so while the market is halted, or while another book of a family does not trade continuously.
    """
    seen: set[Symbol] = set()
    for symbol in symbols:
        family = {} if state.halted or symbol in seen else state.family(symbol)
        seen |= family.keys()
        if family:
            state, traded = _happened_in_family(state, family_rules.uncross(family, state.profile))
            if any(isinstance(event, Uncrossed) for event in events) and any(
                isinstance(event, Triggered) for event in traded
            ):
                fired("I9")
            events += traded
    return state, tuple(events)


def is_halted(state: Exchange, symbol: Symbol) -> bool:
    """Whether a book is halted: by itself, with one that it depends on, or with the market (J2, J6)."""
    book = state.books[symbol]
    return state.halted or book.halted_above or book.phase is Phase.HALT


def _is_halted_above(state: Exchange, symbol: Symbol) -> bool:
    """Whether a book that this one depends on is halted, its own underlying or that one's (J6)."""
    underlying = state.books[symbol].instrument.underlying
    if underlying is None:
        return False
    return state.books[underlying].phase is Phase.HALT or _is_halted_above(state, underlying)


def _index_level(state: Exchange, command: IndexLevel) -> Stepped:
    """The index moves, and if it falls through a level the market halts in the same step: each level once a day (J6).

    The first level ever told is the base, afterwards that at the last end of day.
    """
    if not is_id(command.value) or command.value == 0:
        return _refused(state, None, None, RejectReason.INVALID_INDEX)
    fired("J6")
    base = command.value if state.index_base is None else state.index_base
    crossed = levels_crossed(state.profile.breaker_levels, base, command.value)
    level = max(state.breaker_level, crossed)
    halts = level > state.breaker_level and not state.halted
    state = state._replace(
        index_level=command.value, index_base=base, breaker_level=level, halted=state.halted or halts
    )
    return state, (IndexMoved(command.value, level), *([Halted(None)] if halts else []))


def _set_mark(state: Exchange, command: SetMark) -> Stepped:
    """Another mark for the stops of one book (E1). None is set while the market, or a book that this one depends on, is
    halted: no stop could follow it.

    Whoever computes the mark tells it by this command: it takes effect at a sequence of its own, never within the match
    of the book that it was computed from.
    """
    fault = money.fault(command, {symbol: book.instrument for symbol, book in state.books.items()})
    if fault is None and state.halted:
        fired("J6")
        fault = RejectReason.MARKET_HALTED
    if fault is None and state.books[command.symbol].halted_above:
        fired("J6")
        fault = RejectReason.BOOK_HALTED
    if fault is not None:
        return _refused(state, command.symbol, None, fault)
    lists = _aftermath(state, command)
    book, cascaded = rules.set_mark(state.books[command.symbol], command.price, state.profile, lists)
    return _happened(state, (book, [MarkSet(command.symbol, command.price), *cascaded]), lists)


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
    return state._replace(index_base=state.index_level, breaker_level=0), (*expired, DayEnded())


# ── accounts ──


def _on_account(state: Exchange, accounts: Accounts, command: Command) -> Stepped:
    """A command where accounts are kept: the books say what it does, the account whether it may (M1), and then both
    sides settle (M4).

    The books are asked first because their reasons take precedence. That is no match before the check: nothing
    changes here, and what the account cannot stand for is forgotten.
    """
    listing = {symbol: book.instrument for symbol, book in state.books.items()}
    if isinstance(command, SetMark) and state.profile.stop_reference is StopReference.MARK:
        return _mark_for_both(state, accounts, command)
    if isinstance(command, money.AccountCommand):
        fault = money.fault(command, listing) or _block_refusal(state, command)
        if fault is not None:
            return _refused(state, getattr(command, "symbol", None), None, fault)
        accounts, said = money.carry_out(accounts, state.books, command)
        return _cut_to_size(state, accounts, command, said)
    fault = (
        reduce_fault(command, state.instrument(command.symbol), state.profile) if isinstance(command, Reduce) else None
    )
    if isinstance(command, Reduce) and fault is not None:
        return _refused(state, command.symbol, command.order_id, fault)
    ready = _with_positions(state, command)
    with rehearsing() as rehearsed:
        after, events = _among_books(ready, reduce_order(command) if isinstance(command, Reduce) else command)
    after = _without_positions(state, ready, after)
    if isinstance(events[0], Rejected):
        performed(rehearsed)
        return state, events
    replaces = (
        contingent.amendments(state.books, state.lists, command, state.profile) if isinstance(command, Replace) else ()
    )
    wanted = money.demands(state.books, command, replaces, state.profile)
    refusal = money.refusal(accounts, state.books, wanted, command)
    if refusal is not None:
        return _refused(state, *refusal)
    performed(rehearsed)
    return after._replace(accounts=money.settled(accounts, state.books, command, events, after.books)), events


def _with_positions(state: Exchange, command: Command) -> Exchange:
    """The state in which books with reduce-only orders know the positions that these may not exceed (C9)."""
    changed = []
    for symbol, book in state.books.items():
        orders = book.reducing.orders
        found = (book.find(order_id) for order_id in sorted(orders))
        owners = {order.terms.account for order in found if order is not None}
        if isinstance(command, Reduce) and command.symbol == symbol and state.profile.reduce_only is ReduceOnly.RESTS:
            orders, owners = orders | {command.order_id}, owners | {command.account}
        if orders:
            purses = state.accounts or Accounts()
            positions = tuple((owner, purses.purse(owner).holding(symbol).position) for owner in sorted(owners))
            changed.append(book._replace(reducing=Reducers(orders, positions)))
    return state._with(*changed) if changed else state


def _without_positions(state: Exchange, ready: Exchange, after: Exchange) -> Exchange:
    """The state after a command, in which books know of nobody's position, and no order that is gone is reduce-only."""
    if ready is state:
        return after
    books: dict[Symbol, Book] = {}
    for symbol, book in after.books.items():
        live = frozenset(order_id for order_id in book.reducing.orders if book.locate(order_id) is not None)
        is_same = book is ready.books[symbol]
        books[symbol] = state.books[symbol] if is_same else book._replace(reducing=Reducers(live))
    return after._replace(books=books)


def _cut_to_size(
    state: Exchange, accounts: Accounts, command: money.AccountCommand, said: tuple[Event, ...]
) -> Stepped:
    """The state in which accounts have changed past the books, and so have the reduce-only orders of these (C9)."""
    state = state._replace(accounts=accounts)
    ready, cuts = _with_positions(state, command), list[Event]()
    after = ready
    for symbol, account in dict.fromkeys(place for event in said for place in money.moved(event)):
        for side in Side:
            book, cut = rules.cut_to_size(after.books[symbol], account, side)
            if cut:
                after, cuts = after._with(book), [*cuts, *cut]
    if not cuts:
        return state, said
    after = _without_positions(state, ready, after)
    return after._replace(accounts=money.settled(accounts, state.books, command, cuts, after.books)), (*said, *cuts)


def _liquidate(state: Exchange, command: Liquidate) -> Stepped:
    """Cancel all orders of a margin account that has too little, then close it out until it has enough (M3).

    Book by book, the one that needs most maintenance margin first, one order each: for as many lots as would end the
    deficit at the mark, at a limit where a lot costs no more than it frees. A book that would refuse the order, such
    as one in a call, is passed over. What traded below its mark may leave a deficit: then the next book is next, and
    after the last one another liquidation. Whoever a fill releases from a list enters after all of this, as with a
    basket (H2).
    """
    reason = liquidate_fault(command)
    if reason is None and state.halted:
        fired("J6")
        reason = RejectReason.MARKET_HALTED
    if reason is None and any(book.locate(command.order_id) is not None for book in state.books.values()):
        fired("A3")
        reason = RejectReason.DUPLICATE_ORDER_ID
    if reason is not None:
        return _refused(state, None, command.order_id, reason)
    if state.accounts is None:
        return _refused(state, None, command.order_id, RejectReason.NO_ACCOUNTS)
    fired("M3")
    owner = money.portfolio(state.accounts, state.books, command.account)
    if owner is None:
        return _refused(state, None, command.order_id, RejectReason.NOT_ON_MARGIN)
    if owner.deficit <= 0:
        return _refused(state, None, command.order_id, RejectReason.MARGIN_HOLDS)
    events: list[Event] = [Liquidated(command.account, owner.equity, owner.maintenance)]
    cleared, cancelled = _cancel_where(
        state, lambda order: order.terms.account == command.account, CancelReason.MASS_CANCEL
    )
    events += cancelled
    lists = _aftermath(state, command)
    lists.books, lists.lists = dict(cleared.books), cleared.lists
    for symbol in owner.heaviest_first:
        settled = money.settled(state.accounts, state.books, command, events, lists.books)
        now = money.portfolio(settled, lists.books, command.account)
        assert now is not None
        if now.deficit <= 0:
            break
        order = now.stakes[symbol].closing(command.account, command.order_id, now.deficit)
        if order is None:
            continue
        with rehearsing():  # a book that is passed over decides nothing
            refused = rules.refusal(lists.books[symbol], order, state.clock, state.profile) is not None
        if refused:
            continue
        lists.books[symbol], said = rules.submit(lists.books[symbol], order, state.clock, state.profile, lists)
        events += said
    return _followed(state, events, lists)


def _mark_for_both(state: Exchange, accounts: Accounts, command: SetMark) -> Stepped:
    """One mark for the stops of a book and for all who have a position in it: what it sets off is paid for at it."""
    with rehearsing() as rehearsed:
        accounts, _ = money.carry_out(accounts, state.books, command)
        marked = state._replace(accounts=accounts)
        ready = _with_positions(marked, command)
        after, events = _set_mark(ready, command)
        after = _without_positions(marked, ready, after)
    if isinstance(events[0], Rejected):
        return _set_mark(state, command)
    performed(rehearsed)
    return after._replace(accounts=money.settled(accounts, state.books, command, events, after.books)), events


def _block_refusal(state: Exchange, command: Command) -> RejectReason | None:
    """Why a block trade may not be made now (L6): its book takes no orders either, or it is too small to go past it."""
    if not isinstance(command, BlockTrade):
        return None
    if not state.blocked.isdisjoint((command.buyer, command.seller)):
        fired("J7")
        return RejectReason.ACCOUNT_BLOCKED
    if state.halted:
        fired("J6")
        return RejectReason.MARKET_HALTED
    reason = rules.phase_refusal(state.books[command.symbol])
    if reason is not None:
        return reason
    if command.quantity < state.profile.least_block:
        fired("L6")
        return RejectReason.BLOCK_TOO_SMALL
    return None


def _without_accounts(state: Exchange, command: money.AccountCommand | Reduce) -> Stepped:
    """A command that needs accounts where there are none: what else is wrong with it takes precedence."""
    if isinstance(command, Reduce):
        fault = reduce_fault(command, state.instrument(command.symbol), state.profile)
        if fault is not None:
            return _refused(state, command.symbol, command.order_id, fault)
        with rehearsing() as rehearsed:
            _, events = step(_with_positions(state, command), reduce_order(command))
        if isinstance(events[0], Rejected):
            performed(rehearsed)
            return state, events
        return _refused(state, command.symbol, command.order_id, RejectReason.NO_ACCOUNTS)
    listing = {symbol: book.instrument for symbol, book in state.books.items()}
    fault = money.fault(command, listing) or _block_refusal(state, command)
    return _refused(state, getattr(command, "symbol", None), None, fault or RejectReason.NO_ACCOUNTS)


def account(state: Exchange, account: Account) -> AccountView:
    """One account over all books. Where none are kept it has nothing (M1)."""
    return money.view(state.accounts or Accounts(), state.books, account)


# ── views ──


def queue(state: Exchange, symbol: Symbol) -> Queue:
    """L3 of one book. KeyError for an unknown symbol, as in every view."""
    book = state.books[symbol]
    reducers = book.reducing.orders
    bids, asks = ([_queued(order, book.top(side), reducers) for order in book.side(side)] for side in Side)
    return Queue(tuple(bids), tuple(asks))


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


def lists(state: Exchange, symbol: Symbol) -> Lists:
    """The live lists that have an order in a book, the oldest first (H)."""
    return tuple(one for one in state.lists if any(place.symbol == symbol for place in one.members))


def status(state: Exchange, symbol: Symbol, order_id: OrderId) -> OrderStatus | None:
    """Where an order stands; None when it is not live (A6)."""
    order = state.books[symbol].find(order_id)
    if order is None:
        return None
    terms = order.terms
    if isinstance(order, Pending):
        waits = OrderState.PENDING_NEW if isinstance(order, Held) else OrderState.PENDING
        return OrderStatus(order_id, waits, terms.side, terms.price, terms.quantity, 0, 0, terms.quantity)
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
    phase = Phase.HALT if is_halted(state, symbol) else book.phase
    indicative = Indicative(*phases.indicative(book)) if phase is Phase.CALL else None
    seen, waiting = queue(state, symbol), stops(state, symbol)
    return BookView(
        symbol, phase, book.last_price, seen, waiting, indicative, lists(state, symbol), book.reference, book.mark
    )


def snapshot(state: Exchange) -> tuple[BookView, ...]:
    """All books, in listing order."""
    return tuple(view(state, symbol) for symbol in state.books)


def market(state: Exchange) -> MarketView:
    """What can be seen of the exchange as a whole."""
    blocked = tuple(sorted(state.blocked))
    return MarketView(state.halted, state.clock, blocked, state.index_level, state.index_base, state.breaker_level)


# ── small things ──


def _aftermath(state: Exchange, command: Command | None) -> Aftermath:
    """What follows for the lists; None for a command that can release nobody."""
    accounts = state.accounts
    if accounts is None or command is None:
        return Aftermath(state.books, state.lists, state.clock, state.profile)

    def stands(order: Submit, events: Sequence[Event], books: Mapping[Symbol, Book]) -> bool:
        return money.stands_for(money.settled(accounts, state.books, command, events, books), books, order)

    return Aftermath(state.books, state.lists, state.clock, state.profile, stands)


def _happened(state: Exchange, happened: rules.Happened, lists: Aftermath) -> Stepped:
    """The state after a command about one book, and after what it set off among the lists."""
    book, events = happened
    lists.books[book.instrument.symbol] = book
    return _followed(state, events, lists)


def _followed(state: Exchange, events: list[Event], lists: Aftermath) -> Stepped:
    events += lists.finish(events)
    if lists.lists == state.lists and all(lists.books[symbol] is book for symbol, book in state.books.items()):
        return state, tuple(events)
    return state._replace(books=lists.books, lists=lists.lists), tuple(events)


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
    state = state._with(*changed)
    if not state.lists:
        return state, tuple(events)
    lists = _aftermath(state, None)
    events += lists.follow(events)
    return state._replace(books=lists.books, lists=lists.lists), tuple(events)


def _queued(order: Resting, top: int, reducers: frozenset[OrderId]) -> QueuedOrder:
    visible = 0 if order.rank == HIDDEN else order.slice
    is_top, reduces = order.sequence == top, order.order_id in reducers
    return QueuedOrder(order.order_id, order.terms.account, order.terms.price, visible, order.leaves, is_top, reduces)


def _waiting(order: Pending) -> PendingStop:
    terms = order.terms
    assert terms.stop is not None
    return PendingStop(order.order_id, terms.account, terms.stop, terms.price, terms.quantity)
