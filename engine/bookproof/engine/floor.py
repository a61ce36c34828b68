"""The trading floor: every book of an exchange, its listing, and what the whole market shares.

Here stands what each command does, one command at a time. There is no lock in this module: an engine takes the locks
that `striped` lists and then calls the method of the command, so that locking designs can be compared on the same
floor.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bookproof.engine import routing
from bookproof.engine.accounts import AccountCommand, Entries, Ledger, OrderCommand, closing_order, fault_of
from bookproof.engine.allocation import sharing
from bookproof.engine.book import FastBook, Market
from bookproof.engine.implied import Family
from bookproof.engine.lists import Lists
from bookproof.engine.plan import plan_of
from bookproof.engine.reducing import letting_reducers_rest
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
from bookproof.spec.events import (
    Accepted,
    AccountBlocked,
    AccountDisconnected,
    AccountReinstated,
    Cancelled,
    ClockAdvanced,
    DayEnded,
    Event,
    Halted,
    IndexMoved,
    MarkSet,
    MassCancelled,
    PhaseChanged,
    ReferenceSet,
    Rejected,
    Resumed,
    SnapshotTaken,
)
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import OnDisconnect, Profile, ReduceOnly, Risk, StopReference
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import Account, Limits, OrderId, Phase, Side, Symbol, TimeInForce
from bookproof.spec.views import AccountView, BookView, ImpliedQuotes, MarketView


class Floor:
    """All books, the market-wide halt and its index (J6), the blocked accounts (J7) and the clock (A5)."""

    def __init__(self, instruments: Iterable[Instrument], profile: Profile, book_type: type[FastBook]) -> None:
        listed = tuple(instruments)
        plan = plan_of(listed, profile)
        if not profile.allocation.is_fifo:
            book_type = sharing(book_type)
        self._reducers_rest = profile.reduce_only is ReduceOnly.RESTS
        if self._reducers_rest:
            book_type = letting_reducers_rest(book_type)
        self.market = Market()
        self._all_go_on_disconnect = profile.on_disconnect is OnDisconnect.ALL
        self.books: dict[Symbol, FastBook] = {
            instrument.symbol: book_type(instrument, profile, self.market) for instrument in listed
        }
        self._least_block = profile.least_block
        self._stops_follow_marks = profile.stop_reference is StopReference.MARK
        self._lots, self._spreads = plan.lots, plan.spreads
        self.ledger = None if profile.risk is Risk.NONE else Ledger(listed, self.books, profile)
        """The accounts; None where the venue keeps none (M1)."""
        self.group_of, self.sharing = plan.group_of, plan.sharing
        self.family_of: dict[Symbol, Family] = {}
        """The books that spreads tie together, by each of them (L2)."""
        for members in plan.families:
            books = {member: self.books[member] for member in members}
            family = Family(books, plan.ways, [symbol for symbol in plan.spreads if symbol in members], profile)
            self.family_of |= dict.fromkeys(members, family)
        self.lists = Lists(self.books, profile, self.ledger, self.family_of.keys(), plan.named_groups)
        self._breaker_levels = profile.breaker_levels
        self._depend = bool(plan.dependents)
        for symbol, others in plan.dependents.items():
            self.books[symbol].dependents = tuple(self.books[other] for other in others)

    def carry_out(self, command: Command) -> Sequence[Event]:
        """Any command, from its own faults to its effects: hold everything it touches.

        TypeError for anything that is not a command.
        """
        if self.ledger is None:
            return self.match(command)
        if isinstance(command, Deposit | Withdraw | SetLimits | Bust | BlockTrade | SetMark):
            rejected, entries = self.account_fault(command) or self.block_refusal(command), Entries()
            if isinstance(command, SetMark):
                rejected = rejected or self.mark_refusal(command.symbol)
            events: Sequence[Event] = [rejected] if rejected is not None else self.on_account(command, entries)
            if isinstance(command, SetMark) and self._stops_follow_marks and rejected is None:
                events = self.set_mark(command)
                entries = self.ledger.rest_of(events)
        else:
            if isinstance(command, Submit | Reduce | Basket | Replace | Spend | Route):
                rejected = self.order_fault(command)
                if rejected is None:
                    rejected = self._stand_for(self.ledger, command)
                if rejected is not None:
                    return [rejected]
            elif isinstance(command, SubmitList):
                rejected = self.lists.fault(command) or self.lists.refusal(command)
                rejected = rejected or self.ledger.list_refusal(command)
                if rejected is not None:
                    return [rejected]
            events = self.match(command)
            entries = self.ledger.rest_of(events)
            if isinstance(command, Basket):
                self.ledger.tie(command, events)
        self.ledger.book(entries)
        return events

    def _stand_for(self, ledger: Ledger, command: OrderCommand) -> Rejected | None:
        """Why the account cannot stand for what the books would take; if it can, it does from now on (M1)."""
        if isinstance(command, Replace) and command.order_id in self.books[command.symbol].lists:
            return ledger.amend_refusal(self.lists.amendments(command))
        demand = ledger.demand(command)
        rejected = ledger.refusal(demand)
        if rejected is None:
            ledger.admit(demand)
        return rejected

    def match(self, command: Command) -> Sequence[Event]:
        """A command as the books see it, whatever the accounts say to it.

        Books that depend on others are told of halts when it is over: what it has begun in them it finishes (J6).
        """
        events = self._matched(command)
        if self._depend:
            for event in events:
                if isinstance(event, Halted | Resumed | PhaseChanged) and event.symbol is not None:
                    self.books[event.symbol].tell_dependents()
        return events

    def _matched(self, command: Command) -> Sequence[Event]:
        match command:
            case Submit() | Replace() | Cancel():
                book = self.books.get(command.symbol)
                if book is None:
                    return refused(command.symbol, command.order_id, RejectReason.UNKNOWN_SYMBOL)
                if book.lists:
                    return self.among_lists(command)
                if isinstance(command, Cancel):
                    return book.cancel(command)
                dealer = self._dealer(command.symbol)
                return dealer.submit(command) if isinstance(command, Submit) else dealer.replace(command)
            case Basket():
                rejected = self.basket_fault(command)
                return self.basket(command) if rejected is None else [rejected]
            case Halt(symbol=None):
                return [self.halt_market()]
            case Resume(symbol=None):
                return self.resume_market()
            case Halt(symbol=str(symbol)) | Resume(symbol=str(symbol)):
                if symbol not in self.books:
                    return refused(symbol, None, RejectReason.UNKNOWN_SYMBOL)
                return [self.halt_book(symbol)] if isinstance(command, Halt) else self.resume_book(symbol)
            case SetReference():
                if command.symbol not in self.books:
                    return refused(command.symbol, None, RejectReason.UNKNOWN_SYMBOL)
                return self.set_reference(command)
            case MassCancel():
                if not is_number(command.account):
                    return refused(None, None, RejectReason.INVALID_ACCOUNT)
                return self.mass_cancel(command)
            case AdvanceClock():
                if not is_number(command.now):
                    return refused(None, None, RejectReason.INVALID_TIME)
                return self.advance_clock(command)
            case EndOfDay():
                return self.end_of_day()
            case TakeSnapshot():
                return [self.snapshot()]
            case SetPhase():
                if command.symbol not in self.books:
                    return refused(command.symbol, None, RejectReason.UNKNOWN_SYMBOL)
                return self.set_phase(command)
            case SubmitList():
                rejected = self.lists.fault(command)
                return self.lists.submit(command) if rejected is None else [rejected]
            case Route():
                rejected = self.route_fault(command)
                return self.route(command) if rejected is None else [rejected]
            case Reduce():
                if self.ledger is not None:
                    if self._reducers_rest:
                        position = self.ledger.desks[command.symbol].shelf(command.account).position
                        self.books[command.symbol].expect(command.order_id, command.account, position)
                    return self.match(closing_order(command))
                rejected = self.order_fault(command)
                reason = RejectReason.NO_ACCOUNTS
                return refused(command.symbol, command.order_id, reason) if rejected is None else [rejected]
            case Liquidate():
                return self.liquidate(command)
            case Spend():
                rejected = self.order_fault(command)
                if rejected is not None:
                    return [rejected]
                return self._matched(self.books[command.symbol].spending_order(command))
            case SetMark() if self._stops_follow_marks:
                rejected = self.account_fault(command) or self.mark_refusal(command.symbol)
                return self.set_mark(command) if rejected is None else [rejected]
            case Deposit() | Withdraw() | SetLimits() | Bust() | BlockTrade() | SetMark():
                rejected = self.account_fault(command) or self.block_refusal(command)
                about = None if isinstance(command, SetLimits) else command.symbol
                return refused(about, None, RejectReason.NO_ACCOUNTS) if rejected is None else [rejected]
            case IndexLevel():
                if not is_number(command.value) or command.value == 0:
                    return refused(None, None, RejectReason.INVALID_INDEX)
                return self.index_level(command.value)
            case KillSwitch() | Reinstate() | Disconnect():
                if not is_number(command.account):
                    return refused(None, None, RejectReason.INVALID_ACCOUNT)
                if isinstance(command, Reinstate):
                    return [self.reinstate(command.account)]
                kills = isinstance(command, KillSwitch)
                return self.kill_switch(command.account) if kills else self.disconnect(command.account)
        raise TypeError(f"expected a command, got {type(command).__name__}; see bookproof.spec.commands")

    # ── accounts ──

    def account_fault(self, command: AccountCommand) -> Rejected | None:
        """The refusal of a command about accounts that is wrong by itself: needs no lock."""
        symbol = None if isinstance(command, SetLimits) else command.symbol
        if symbol is not None and symbol not in self.books:
            return Rejected(symbol, None, RejectReason.UNKNOWN_SYMBOL)
        if isinstance(command, BlockTrade):
            reason = self._block_fault(command)
        elif isinstance(command, SetMark):
            reason = self.books[command.symbol].checks.mark(command.price)
        else:
            lot = 1 if symbol is None else self._lots[symbol]
            reason = fault_of(command, lot, symbol in self._spreads)
        return None if reason is None else Rejected(symbol, None, reason)

    def _block_fault(self, command: BlockTrade) -> RejectReason | None:
        if not is_number(command.seller):
            return RejectReason.INVALID_ACCOUNT
        price = command.price
        bid = Submit(command.symbol, 0, command.buyer, Side.BUY, command.quantity, price if price is not None else -1)
        reason = self.books[command.symbol].checks.submit(bid)
        if reason is None and price is None:
            return RejectReason.INVALID_PRICE
        return reason or (RejectReason.INVALID_COMBINATION if command.buyer == command.seller else None)

    def block_refusal(self, command: AccountCommand) -> Rejected | None:
        """Why a block trade may not be made now (L6): hold the stripe of its book. None for any other command."""
        if not isinstance(command, BlockTrade):
            return None
        if not self.market.blocked.isdisjoint((command.buyer, command.seller)):
            reason: RejectReason | None = RejectReason.ACCOUNT_BLOCKED
        else:
            reason = self.books[command.symbol].halt
            if reason is None and command.quantity < self._least_block:
                reason = RejectReason.BLOCK_TOO_SMALL
        return None if reason is None else Rejected(command.symbol, None, reason)

    def order_fault(self, command: OrderCommand) -> Rejected | None:
        """The books' own refusal of what an account is to stand for: hold the stripes of its orders."""
        if isinstance(command, Basket):
            return self.basket_fault(command) or self.basket_refusal(command)
        if isinstance(command, Route):
            return self.route_fault(command) or self.route_refusal(command.order)
        book = self.books.get(command.symbol)
        if book is None:
            reason: RejectReason | None = RejectReason.UNKNOWN_SYMBOL
        elif isinstance(command, Spend):
            reason = book.spending_refusal(command, implied=command.symbol in self.family_of)
        elif isinstance(command, Replace):
            if type(command.order_id) is int and command.order_id in book.lists:
                reason = self.lists.replace_refusal(command)
            else:
                dealer = self._dealer(command.symbol)
                reason = book.checks.replace(command) or dealer.replace_refusal(command)
        elif isinstance(command, Reduce):
            reason = self._reducing_fault(book, command)
        else:
            reason = book.checks.submit(command) or self._dealer(command.symbol).refusal(command)
        return None if reason is None else Rejected(command.symbol, command.order_id, reason)

    def _reducing_fault(self, book: FastBook, command: Reduce) -> RejectReason | None:
        """Why the book does not take a reduce-only order (C9). In a call none is taken, whatever its terms (I1)."""
        order = closing_order(command)
        reason, immediate = book.checks.submit(order), order._replace(time_in_force=TimeInForce.IOC)
        if not (self._reducers_rest or command.time_in_force in (TimeInForce.IOC, TimeInForce.FOK)):
            stays_out = RejectReason.INVALID_COMBINATION
            return reason if reason is not None and reason.precedence < stays_out.precedence else stays_out
        return reason or self._dealer(command.symbol).refusal(immediate)

    def on_account(self, command: AccountCommand, entries: Entries) -> list[Event]:
        """A well-formed command about accounts: see the ledger for what to hold."""
        events = self._on_account(command, entries)
        if self._reducers_rest and self.ledger is not None:
            events += self.ledger.resize(events, entries)
        return events

    def _on_account(self, command: AccountCommand, entries: Entries) -> list[Event]:
        assert self.ledger is not None
        match command:
            case Deposit():
                return [self.ledger.deposit(command)]
            case Withdraw():
                return [self.ledger.withdraw(command)]
            case SetLimits():
                return [self.ledger.set_limits(command)]
            case Bust():
                return self.ledger.bust(command, entries)
            case BlockTrade():
                return self.ledger.block(command, entries)
            case SetMark():
                return [self.ledger.set_mark(command)]

    def liquidate(self, command: Liquidate) -> list[Event]:
        """Close out a margin account that has too little (M3): hold everything, for whoever it trades with is booked
        before the next book's turn."""
        reason = self._liquidation_fault(command)
        if reason is not None or self.ledger is None:
            return refused(None, command.order_id, reason or RejectReason.NO_ACCOUNTS)
        found = self.ledger.liquidation(command)
        if isinstance(found, RejectReason):
            return refused(None, command.order_id, found)
        account, ledger, run = command.account, self.ledger, self.lists.begin()
        closing = ledger.to_close(account)
        events: list[Event] = [found, *(gone for book in self.books.values() for gone in book.cancel_account(account))]
        run.follow(events)
        for symbol in closing:
            ledger.catch_up(events)
            order, book = ledger.closing(symbol, command), self.books[symbol]
            if order is None or book.refusal(order) is not None:
                continue
            ledger.admit(ledger.demand(order))
            with run.watching([book]):
                said: list[Event] = list(book.submit(order))
                run.follow(said)
            events += said
        run.finish(events)
        return events

    def _liquidation_fault(self, command: Liquidate) -> RejectReason | None:
        if not is_number(command.order_id):
            return RejectReason.INVALID_ORDER_ID
        if not is_number(command.account):
            return RejectReason.INVALID_ACCOUNT
        if self.market.halted:
            return RejectReason.MARKET_HALTED
        live = any(book.is_live(command.order_id) for book in self.books.values())
        return RejectReason.DUPLICATE_ORDER_ID if live else None

    def write_up(self, command: Command | None, events: Sequence[Event]) -> Entries:
        """What the events of a command move in cash; in the books they have moved (M4). Hold its stripes still."""
        assert self.ledger is not None
        entries = self.ledger.entries(events)
        if isinstance(command, Basket):
            self.ledger.tie(command, events)
        return entries

    def account(self, account: Account) -> AccountView:
        """One account over all books: hold every stripe and its balance."""
        return AccountView(account, 0, 0, 0, (), Limits()) if self.ledger is None else self.ledger.view(account)

    # ── what is wrong with a command by itself: no lock is needed, a listing never changes ──

    def basket_fault(self, basket: Basket) -> Rejected | None:
        """The refusal of a basket that is wrong by itself."""
        if not basket.legs:
            return Rejected(None, None, RejectReason.INVALID_LEGS)
        seen: set[Symbol] = set()
        faults: list[tuple[int, int, RejectReason]] = []
        for at, leg in enumerate(orders_of(basket)):
            book = self.books.get(leg.symbol)
            reason = RejectReason.UNKNOWN_SYMBOL if book is None else book.checks.submit(leg)
            if reason is not None:
                faults.append((reason.precedence, at, reason))
            mixed = (leg.symbol in self.family_of) is not (basket.legs[0].symbol in self.family_of)
            if mixed or leg.symbol in seen:
                faults.append((RejectReason.INVALID_LEGS.precedence, at, RejectReason.INVALID_LEGS))
            seen.add(leg.symbol)
        return _worst(basket, faults)

    def route_fault(self, command: Route) -> Rejected | None:
        """The refusal of a routed order that is wrong by itself."""
        order = command.order
        reason = routing.route_fault(order, self.books.get(order.symbol))
        return None if reason is None else Rejected(order.symbol, order.order_id, reason)

    # ── one book: hold its stripe ──

    def halt_book(self, symbol: Symbol) -> Event:
        """Stop matching in one book (J2); those that depend on it are told afterwards (J6)."""
        book = self.books[symbol]
        if book.phase is Phase.HALT:
            return Rejected(symbol, None, RejectReason.BOOK_HALTED)
        gone = book.go(Phase.HALT)
        return Rejected(symbol, None, gone) if isinstance(gone, RejectReason) else Halted(symbol)

    def resume_book(self, symbol: Symbol) -> list[Event]:
        """End the halt of one book (J1). In a book that is part of a spread, hold the stripes of its family."""
        book = self.books[symbol]
        if book.phase is not Phase.HALT:
            return refused(symbol, None, RejectReason.NOT_HALTED)
        gone = book.go(Phase.CONTINUOUS)
        if isinstance(gone, RejectReason):
            return refused(symbol, None, gone)
        events: list[Event] = [Resumed(symbol)]
        if not self.market.halted:
            self._imply_anew([symbol], events)
        return events

    def set_phase(self, command: SetPhase) -> list[Event]:
        """Move one book to another phase (J1); while the market is halted no call ends with an uncross (J6).

        In a book that is part of a spread, hold the stripes of its family.
        """
        symbol, phase = command.symbol, command.phase
        book = self.books[symbol]
        if self.market.halted and book.phase is Phase.CALL and phase is Phase.CONTINUOUS:
            return refused(symbol, None, RejectReason.MARKET_HALTED)
        run = self.lists.begin()
        with run.watching([book]):
            gone = book.go(phase)
            if isinstance(gone, RejectReason):
                return refused(symbol, None, gone)
            if self.market.halted or not self._imply_anew([symbol], gone):
                book.trigger_stops(gone)  # I9
            run.follow(gone)
        run.finish(gone)
        return gone

    def set_reference(self, command: SetReference) -> list[Event]:
        """Bands of one book are around another price from now on (J4)."""
        book = self.books[command.symbol]
        reason = book.checks.reference(command.price)
        if reason is not None:
            return refused(command.symbol, None, reason)
        book.reference = command.price
        return [ReferenceSet(command.symbol, command.price)]

    def mark_refusal(self, symbol: Symbol) -> Rejected | None:
        """Why a mark may not be set now: its stops could not follow it (E1, J6)."""
        if self._stops_follow_marks and self.market.halted:
            return Rejected(symbol, None, RejectReason.MARKET_HALTED)
        if self._stops_follow_marks and self.books[symbol].halted_above:
            return Rejected(symbol, None, RejectReason.BOOK_HALTED)
        return None

    def set_mark(self, command: SetMark) -> list[Event]:
        """Let the stops of one book follow another mark (E1)."""
        book = self.books[command.symbol]
        events: list[Event] = [MarkSet(command.symbol, command.price)]
        run = self.lists.begin()
        with run.watching([book]):
            book.follow(command.price, events)
            run.follow(events)
        run.finish(events)
        return events

    def view(self, symbol: Symbol) -> BookView:
        """Everything that can be seen of one book."""
        book = self.books[symbol]
        phase = Phase.HALT if self.market.halted or book.halted_above else book.phase
        indicative = book.indicative() if phase is Phase.CALL else None
        lists = tuple(found.shown for found in dict.fromkeys(book.lists.values()))
        return BookView(
            symbol, phase, book.last_price, book.queue(), book.stops(), indicative, lists, book.reference, book.mark
        )

    def market_view(self) -> MarketView:
        """What can be seen of the exchange as a whole: hold any stripe."""
        market = self.market
        blocked = tuple(sorted(market.blocked))
        return MarketView(market.halted, market.clock, blocked, market.index, market.index_base, market.breaker_level)

    # ── one book with lists: hold the stripes of all books that they tie it to ──

    def among_lists(self, command: Submit | Replace | Cancel) -> list[Event]:
        """A command about one book, and what the lists in it make of that (H1 to H4)."""
        book = self.books[command.symbol]
        if isinstance(command, Replace) and type(command.order_id) is int and command.order_id in book.lists:
            return self.lists.replace(command)
        run = self.lists.begin()
        with run.watching([book]):
            if isinstance(command, Submit):
                events = list(book.submit(command))
            else:
                events = list(book.replace(command) if isinstance(command, Replace) else book.cancel(command))
            run.follow(events)
        run.finish(events)
        return events

    # ── the books of a basket: hold the stripes of all its legs, and of what lists tie them to ──

    def basket(self, basket: Basket) -> list[Event]:
        """All legs of a well-formed basket trade whole, or none trades at all (L4)."""
        rejected = self.basket_refusal(basket)
        if rejected is not None:
            return [rejected]
        orders = orders_of(basket)
        events: list[Event] = [
            Accepted(order.symbol, order.order_id, order.side, order.price, order.quantity) for order in orders
        ]
        if not self.lists.can_fill(orders):
            events += [
                Cancelled(order.symbol, order.order_id, order.side, order.price, order.quantity, CancelReason.KILLED)
                for order in orders
            ]
            return events
        # From here on every leg trades.
        run = self.lists.begin()
        books = [self.books[order.symbol] for order in orders]
        with run.watching(books):
            for book, order in zip(books, orders, strict=True):
                book.fill(order, events)
                run.follow(events)
            for book in books:
                self._dealer(book.symbol).trigger_stops(events)
                run.follow(events)
        run.finish(events)
        return events

    def basket_refusal(self, basket: Basket) -> Rejected | None:
        """Why the books, as they stand, do not take a well-formed basket."""
        refusals = []
        for at, order in enumerate(orders_of(basket)):
            reason = self.books[order.symbol].refusal(order)
            if reason is not None:
                refusals.append((reason.precedence, at, reason))
        return _worst(basket, refusals)

    # ── the books of a group: hold the stripes of them all, and of what lists tie them to ──

    def route(self, command: Route, venues: Sequence[Symbol] = ()) -> list[Event]:
        """A well-formed order takes the best levels of its group (L5), or of these books of it."""
        order = command.order
        dealer = self._dealer(order.symbol)
        if isinstance(dealer, Family):  # which is in no group: there is no other book to take from
            return list(dealer.submit(order))
        rejected = self.route_refusal(order, venues)
        if rejected is not None:
            return [rejected]
        group = [self.books[symbol] for symbol in venues or self.group_of[order.symbol]]
        run = self.lists.begin()
        with run.watching(group):
            events = routing.route(dealer, group, order, run.follow)
            run.follow(events)
        run.finish(events)
        return events

    def route_refusal(self, order: Submit, venues: Sequence[Symbol] = ()) -> Rejected | None:
        """Why the books, as they stand, do not take a well-formed routed order."""
        group = [self.books[symbol] for symbol in venues or self.group_of[order.symbol]]
        dealer = self._dealer(order.symbol)
        reason = dealer.refusal(order) if isinstance(dealer, Family) else routing.refusal(dealer, group, order)
        return None if reason is None else Rejected(order.symbol, order.order_id, reason)

    # ── the books of a family: hold the stripes of them all ──

    def _dealer(self, symbol: Symbol) -> FastBook | Family:
        """Who takes orders for a book: its family while that implies anything, else the book itself (L3)."""
        family = self.family_of.get(symbol)
        return family if family is not None and family.is_on else self.books[symbol]

    def _imply_anew(self, symbols: Iterable[Symbol], events: list[Event]) -> bool:
        """What stopped matching in these books is over: what can trade by what is implied does (L3).

        Whether anything is implied in them now.
        """
        families = dict.fromkeys(self.family_of[symbol] for symbol in symbols if symbol in self.family_of)
        open_ones = [family for family in families if family.is_on]
        for family in open_ones:
            family.uncross(events)
        return bool(open_ones)

    def implied(self, symbol: Symbol) -> ImpliedQuotes:
        """What others imply in one book, beside its own depth (L2)."""
        family = self.family_of.get(self.books[symbol].symbol)
        if family is None or self.market.halted or not family.is_on:
            return ImpliedQuotes((), ())
        return family.quotes(symbol)

    # ── the whole market: hold every stripe ──

    def mass_cancel(self, command: MassCancel) -> list[Event]:
        """Every live order of an account, in all books (J7)."""
        cancelled = [event for book in self.books.values() for event in book.cancel_account(command.account)]
        events = [MassCancelled(command.account, len(cancelled)), *cancelled]
        self.lists.begin().follow(events)
        return events

    def kill_switch(self, account: Account) -> list[Event]:
        """Keep an account out and take all that it has out of every book (J7)."""
        if account in self.market.blocked:
            return refused(None, None, RejectReason.ACCOUNT_BLOCKED)
        self.market.set_blocked(account, True)
        reason = CancelReason.KILL_SWITCH
        cancelled = [event for book in self.books.values() for event in book.cancel_account(account, reason)]
        self.lists.begin().follow(cancelled)
        return [AccountBlocked(account, len(cancelled)), *cancelled]

    def reinstate(self, account: Account) -> Event:
        """Let a blocked account in again (J7)."""
        if account not in self.market.blocked:
            return Rejected(None, None, RejectReason.ACCOUNT_NOT_BLOCKED)
        self.market.set_blocked(account, False)
        return AccountReinstated(account)

    def disconnect(self, account: Account) -> list[Event]:
        """Take out what is to go when an account loses its connection (J7)."""
        reason, only_flagged = CancelReason.DISCONNECTED, not self._all_go_on_disconnect
        cancelled = [
            event for book in self.books.values() for event in book.cancel_account(account, reason, only_flagged)
        ]
        self.lists.begin().follow(cancelled)
        return [AccountDisconnected(account, len(cancelled)), *cancelled]

    def halt_market(self) -> Event:
        """Stop matching everywhere (J6). A book's own halt is a separate switch."""
        if self.market.halted:
            return Rejected(None, None, RejectReason.MARKET_HALTED)
        self.market.set_halted(True)
        return Halted(None)

    def resume_market(self) -> list[Event]:
        """End the market-wide halt (J6)."""
        if not self.market.halted:
            return [Rejected(None, None, RejectReason.NOT_HALTED)]
        self.market.set_halted(False)
        events: list[Event] = [Resumed(None)]
        self._imply_anew(self.family_of, events)
        return events

    def index_level(self, value: int) -> list[Event]:
        """Move the index, and halt the market where it has fallen by one more level of the breaker (J6)."""
        market = self.market
        if market.index_base is None:
            market.index_base = value
        market.index = value
        fallen = 100 * (market.index_base - value)
        level = market.breaker_level
        while level < len(self._breaker_levels) and fallen >= self._breaker_levels[level] * market.index_base:
            level += 1
        events: list[Event] = [IndexMoved(value, level)]
        if level > market.breaker_level:
            market.breaker_level = level
            if not market.halted:
                events.append(self.halt_market())
        return events

    def advance_clock(self, command: AdvanceClock) -> list[Event]:
        """What is due expires, then the clock has moved (C2)."""
        if command.now < self.market.clock:
            return [Rejected(None, None, RejectReason.CLOCK_BACKWARDS)]
        expired = [event for book in self.books.values() for event in book.expire_due(command.now)]
        self.lists.begin().follow(expired)
        self.market.clock = command.now
        return [*expired, ClockAdvanced(command.now)]

    def end_of_day(self) -> list[Event]:
        """Day orders die (C2), and the breaker begins anew (J6)."""
        self.market.index_base, self.market.breaker_level = self.market.index, 0
        expired = [event for book in self.books.values() for event in book.expire_day()]
        self.lists.begin().follow(expired)
        return [*expired, DayEnded()]

    def snapshot(self) -> Event:
        """All books at one instant."""
        return SnapshotTaken(tuple(self.view(symbol) for symbol in self.books))


def orders_of(basket: Basket) -> list[Submit]:
    """The legs of a basket as the fill-or-kill orders that they are."""
    return [
        Submit(
            leg.symbol,
            leg.order_id,
            basket.account,
            leg.side,
            leg.quantity,
            leg.price,
            TimeInForce.FOK,
            self_trade=basket.self_trade,
        )
        for leg in basket.legs
    ]


def is_number(value: object) -> bool:
    """Whether this can be an account or a time: an integer from 0 to 2**63 - 1."""
    return type(value) is int and 0 <= value < 2**63


def refused(symbol: Symbol | None, order_id: OrderId | None, reason: RejectReason) -> list[Event]:
    """The whole answer to a command that is refused."""
    return [Rejected(symbol, order_id, reason)]


def _worst(basket: Basket, faults: list[tuple[int, int, RejectReason]]) -> Rejected | None:
    """The refusal that takes precedence; of equal reasons, that of the first leg."""
    if not faults:
        return None
    _, at, reason = min(faults, key=lambda fault: fault[:2])
    return Rejected(basket.legs[at].symbol, basket.legs[at].order_id, reason)
