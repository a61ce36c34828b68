"""The trading floor: every book of an exchange, its listing, and what the whole market shares.

Here stands what each command does, one command at a time. There is no lock in this module: an engine takes the locks
that `striped` lists and then calls the method of the command, so that locking designs can be compared on the same
floor.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bookproof.engine.book import FastBook, Market
from bookproof.spec.commands import (
    AdvanceClock,
    Basket,
    Cancel,
    Command,
    Disconnect,
    EndOfDay,
    Halt,
    IndexLevel,
    KillSwitch,
    MassCancel,
    Reinstate,
    Replace,
    Resume,
    SetReference,
    Submit,
    TakeSnapshot,
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
    MassCancelled,
    ReferenceSet,
    Rejected,
    Resumed,
    SnapshotTaken,
)
from bookproof.spec.instruments import Instrument, underlying_flaw
from bookproof.spec.profile import OnDisconnect, Profile
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import Account, OrderId, Phase, Symbol, TimeInForce
from bookproof.spec.views import BookView, MarketView


class Floor:
    """All books, the market-wide halt and its index (J6), the blocked accounts (J7) and the clock (A5)."""

    def __init__(self, instruments: Iterable[Instrument], profile: Profile, book_type: type[FastBook]) -> None:
        grouped = [account for group in profile.self_trade_groups for account in group]
        if len(grouped) != len(set(grouped)):
            raise ValueError("an account stands in two self-trade groups; give it one owner (G1)")
        self.market = Market()
        self._all_go_on_disconnect = profile.on_disconnect is OnDisconnect.ALL
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
        self._breaker_levels = profile.breaker_levels
        flaw = underlying_flaw(listed) or profile.breaker_flaw()
        if flaw is not None:
            raise ValueError(flaw)
        above = {instrument.symbol: instrument.underlying for instrument in listed}
        for symbol, book in self.books.items():
            chain: list[FastBook] = []
            at = above[symbol]
            while at is not None:
                chain.append(self.books[at])
                at = above[at]
            book.underlyings = tuple(chain)
        for book in self.books.values():
            book.dependents = tuple(other for other in self.books.values() if book in other.underlyings)

    def carry_out(self, command: Command) -> Sequence[Event]:
        """Any command, from its own faults to its effects: hold everything it touches.

        TypeError for anything that is not a command.
        """
        match command:
            case Submit() | Replace() | Cancel():
                book = self.books.get(command.symbol)
                if book is None:
                    return refused(command.symbol, command.order_id, RejectReason.UNKNOWN_SYMBOL)
                if isinstance(command, Submit):
                    return book.submit(command)
                return book.replace(command) if isinstance(command, Replace) else book.cancel(command)
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

    # ── one book: hold its stripe ──

    def halt_book(self, symbol: Symbol) -> Event:
        """Stop matching in one book (J2) and in those that depend on it (J6)."""
        book = self.books[symbol]
        if book.halted_itself:
            return Rejected(symbol, None, RejectReason.BOOK_HALTED)
        book.set_halted(True)
        return Halted(symbol)

    def resume_book(self, symbol: Symbol) -> list[Event]:
        """End the halt of one book (J1), and trigger the stops that were due when it began (J5)."""
        book = self.books[symbol]
        if not book.halted_itself:
            return refused(symbol, None, RejectReason.NOT_HALTED)
        book.set_halted(False)
        events: list[Event] = [Resumed(symbol)]
        if not self.market.halted:
            freed = (book, *book.dependents)
            for other in self.books.values() if len(freed) > 1 else freed:  # in listing order
                if other in freed:
                    other.trigger_stops(events)
        return events

    def set_reference(self, command: SetReference) -> list[Event]:
        """Bands of one book are around another price from now on (J4)."""
        book = self.books[command.symbol]
        reason = book.checks.reference(command.price)
        if reason is not None:
            return refused(command.symbol, None, reason)
        book.reference = command.price
        return [ReferenceSet(command.symbol, command.price)]

    def view(self, symbol: Symbol) -> BookView:
        """Everything that can be seen of one book."""
        book = self.books[symbol]
        phase = Phase.HALT if self.market.halted else book.phase
        return BookView(symbol, phase, book.last_price, book.queue(), book.stops(), book.reference)

    def market_view(self) -> MarketView:
        """What can be seen of the exchange as a whole: hold any stripe."""
        market = self.market
        blocked = tuple(sorted(market.blocked))
        return MarketView(market.halted, market.clock, blocked, market.index, market.index_base, market.breaker_level)

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
            self.books[order.symbol].trigger_stops(events)
        return events

    # ── the whole market: hold every stripe ──

    def mass_cancel(self, command: MassCancel) -> list[Event]:
        """Every live order of an account, in all books (J7)."""
        cancelled = [event for book in self.books.values() for event in book.cancel_account(command.account)]
        return [MassCancelled(command.account, len(cancelled)), *cancelled]

    def kill_switch(self, account: Account) -> list[Event]:
        """Keep an account out and take all that it has out of every book (J7)."""
        if account in self.market.blocked:
            return refused(None, None, RejectReason.ACCOUNT_BLOCKED)
        self.market.set_blocked(account, True)
        reason = CancelReason.KILL_SWITCH
        cancelled = [event for book in self.books.values() for event in book.cancel_account(account, reason)]
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
        return [AccountDisconnected(account, len(cancelled)), *cancelled]

    def halt_market(self) -> Event:
        """Stop matching everywhere (J6). A book's own halt is a separate switch."""
        if self.market.halted:
            return Rejected(None, None, RejectReason.MARKET_HALTED)
        self.market.set_halted(True)
        return Halted(None)

    def resume_market(self) -> list[Event]:
        """End the market-wide halt (J6), and trigger the stops that books halted before have waiting (J5)."""
        if not self.market.halted:
            return refused(None, None, RejectReason.NOT_HALTED)
        self.market.set_halted(False)
        events: list[Event] = [Resumed(None)]
        for book in self.books.values():
            book.trigger_stops(events)
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
        self.market.clock = command.now
        return [*expired, ClockAdvanced(command.now)]

    def end_of_day(self) -> list[Event]:
        """Day orders die (C2), and the breaker begins anew (J6)."""
        self.market.index_base, self.market.breaker_level = self.market.index, 0
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
