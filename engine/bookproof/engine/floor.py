"""The trading floor: every book of an exchange, its listing, and what the whole market shares.

Here stands what each command does, one command at a time. There is no lock in this module: an engine takes the locks
that `striped` lists and then calls the method of the command, so that locking designs can be compared on the same
floor.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bookproof.engine import routing
from bookproof.engine.book import FastBook, Market
from bookproof.engine.implied import Family
from bookproof.spec.commands import (
    AdvanceClock,
    Basket,
    Cancel,
    Command,
    EndOfDay,
    Halt,
    MassCancel,
    Replace,
    Resume,
    Route,
    Submit,
    TakeSnapshot,
)
from bookproof.spec.events import (
    Accepted,
    Cancelled,
    ClockAdvanced,
    DayEnded,
    Event,
    Halted,
    MassCancelled,
    Rejected,
    Resumed,
    SnapshotTaken,
)
from bookproof.spec.instruments import Instrument, families_of, listing_flaw, ways_of
from bookproof.spec.profile import Profile
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import OrderId, Phase, Symbol, TimeInForce
from bookproof.spec.views import BookView, ImpliedQuotes


class Floor:
    """All books, the market-wide halt (J6) and the clock (A5)."""

    def __init__(self, instruments: Iterable[Instrument], profile: Profile, book_type: type[FastBook]) -> None:
        grouped = [account for group in profile.self_trade_groups for account in group]
        if len(grouped) != len(set(grouped)):
            raise ValueError("an account stands in two self-trade groups; give it one owner (G1)")
        self.market = Market()
        self.books: dict[Symbol, FastBook] = {}
        listed: list[Instrument] = []
        for instrument in instruments:
            if instrument.symbol in self.books:
                raise ValueError(f"symbol {instrument.symbol!r} is listed twice; list each book once")
            flaw = instrument.flaw()
            if flaw is not None:
                raise ValueError(f"symbol {instrument.symbol!r}: {flaw}")
            self.books[instrument.symbol] = book_type(instrument, profile, self.market)
            listed.append(instrument)
        flaw = listing_flaw(listed)
        if flaw is not None:
            raise ValueError(flaw)
        groups: dict[str, tuple[Symbol, ...]] = {}
        for one in listed:
            if one.group:
                groups[one.group] = (*groups.get(one.group, ()), one.symbol)
        # The books that an order routed from each book may touch, in listing order (L5).
        self.group_of = {one.symbol: groups[one.group] if one.group else (one.symbol,) for one in listed}
        # The books that spreads tie together, by each of them (L2).
        ways, spreads = ways_of(listed), [one.symbol for one in listed if one.legs]
        self.family_of: dict[Symbol, Family] = {}
        for members in dict.fromkeys(families_of(listed).values()):
            books = {member: self.books[member] for member in members}
            family = Family(books, ways, [symbol for symbol in spreads if symbol in members], profile)
            self.family_of |= dict.fromkeys(members, family)

    def carry_out(self, command: Command) -> Sequence[Event]:
        """Any command, from its own faults to its effects: hold everything it touches.

        TypeError for anything that is not a command.
        """
        match command:
            case Submit() | Replace() | Cancel():
                book = self.books.get(command.symbol)
                if book is None:
                    return refused(command.symbol, command.order_id, RejectReason.UNKNOWN_SYMBOL)
                if isinstance(command, Cancel):
                    return book.cancel(command)
                dealer = self.family_of.get(command.symbol, book)
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
            case Route():
                rejected = self.route_fault(command)
                return self.route(command) if rejected is None else [rejected]
        raise TypeError(f"expected a command, got {type(command).__name__}; see bookproof.spec.commands")

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
            if leg.symbol in seen:
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
        """Stop matching in one book (J2)."""
        book = self.books[symbol]
        if book.halted:
            return Rejected(symbol, None, RejectReason.BOOK_HALTED)
        book.halted = True
        return Halted(symbol)

    def resume_book(self, symbol: Symbol) -> list[Event]:
        """End the halt of one book (J1). In a book that is part of a spread, hold the stripes of its family."""
        book = self.books[symbol]
        if not book.halted:
            return [Rejected(symbol, None, RejectReason.NOT_HALTED)]
        book.halted = False
        events: list[Event] = [Resumed(symbol)]
        if symbol in self.family_of and not self.market.halted:
            self.family_of[symbol].uncross(events)
        return events

    def view(self, symbol: Symbol) -> BookView:
        """Everything that can be seen of one book."""
        book = self.books[symbol]
        phase = Phase.HALT if self.market.halted else book.phase
        return BookView(symbol, phase, book.last_price, book.queue(), book.stops())

    # ── the books of a basket: hold the stripes of all its legs ──

    def basket(self, basket: Basket) -> list[Event]:
        """All legs of a well-formed basket trade whole, or none trades at all (L4)."""
        orders = orders_of(basket)
        refusals = []
        for at, order in enumerate(orders):
            reason = self.books[order.symbol].refusal(order)
            if reason is not None:
                refusals.append((reason.precedence, at, reason))
        rejected = _worst(basket, refusals)
        if rejected is not None:
            return [rejected]
        events: list[Event] = [
            Accepted(order.symbol, order.order_id, order.side, order.price, order.quantity) for order in orders
        ]
        if not all(self.books[order.symbol].can_fill(order) for order in orders):
            events += [
                Cancelled(order.symbol, order.order_id, order.side, order.price, order.quantity, CancelReason.KILLED)
                for order in orders
            ]
            return events
        # From here on every leg trades.
        for order in orders:
            self.books[order.symbol].fill(order, events)
        for order in orders:
            self.family_of.get(order.symbol, self.books[order.symbol]).trigger_stops(events)
        return events

    # ── the books of a group: hold the stripes of them all ──

    def route(self, command: Route) -> list[Event]:
        """A well-formed order takes the best levels of its group (L5)."""
        family = self.family_of.get(command.order.symbol)
        if family is not None:  # which is in no group: there is no other book to take from
            return list(family.submit(command.order))
        own = self.books[command.order.symbol]
        return routing.route(own, [self.books[symbol] for symbol in self.group_of[own.symbol]], command.order)

    # ── the books of a family: hold the stripes of them all ──

    def implied(self, symbol: Symbol) -> ImpliedQuotes:
        """What others imply in one book, beside its own depth (L2)."""
        family = self.family_of.get(self.books[symbol].symbol)
        return ImpliedQuotes((), ()) if family is None or self.market.halted else family.quotes(symbol)

    # ── the whole market: hold every stripe ──

    def mass_cancel(self, command: MassCancel) -> list[Event]:
        """Every live order of an account, in all books (J7)."""
        cancelled = [event for book in self.books.values() for event in book.cancel_account(command.account)]
        return [MassCancelled(command.account, len(cancelled)), *cancelled]

    def halt_market(self) -> Event:
        """Stop matching everywhere (J6). A book's own halt is a separate switch."""
        if self.market.halted:
            return Rejected(None, None, RejectReason.MARKET_HALTED)
        self.market.halted = True
        return Halted(None)

    def resume_market(self) -> list[Event]:
        """End the market-wide halt (J6)."""
        if not self.market.halted:
            return [Rejected(None, None, RejectReason.NOT_HALTED)]
        self.market.halted = False
        events: list[Event] = [Resumed(None)]
        for family in dict.fromkeys(self.family_of.values()):
            family.uncross(events)
        return events

    def advance_clock(self, command: AdvanceClock) -> list[Event]:
        """What is due expires, then the clock has moved (C2)."""
        if command.now < self.market.clock:
            return [Rejected(None, None, RejectReason.CLOCK_BACKWARDS)]
        expired = [event for book in self.books.values() for event in book.expire_due(command.now)]
        self.market.clock = command.now
        return [*expired, ClockAdvanced(command.now)]

    def end_of_day(self) -> list[Event]:
        """Day orders die (C2)."""
        return [*(event for book in self.books.values() for event in book.expire_day()), DayEnded()]

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
