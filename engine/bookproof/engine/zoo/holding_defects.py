"""Seeded defects of what is held: too little, not long enough, in the wrong order, twice, or for ever."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from bookproof.engine.floor import is_number, orders_of
from bookproof.engine.interface import Answer
from bookproof.engine.striped import StripedEngine
from bookproof.engine.zoo.defect import Defect
from bookproof.spec.commands import (
    AdvanceClock,
    Basket,
    Cancel,
    Command,
    Disconnect,
    EndOfDay,
    Halt,
    KillSwitch,
    MassCancel,
    Reinstate,
    Replace,
    Resume,
    Submit,
    TakeSnapshot,
)
from bookproof.spec.events import (
    Accepted,
    AccountBlocked,
    Cancelled,
    ClockAdvanced,
    DayEnded,
    Event,
    MassCancelled,
    Rejected,
    Replaced,
    SnapshotTaken,
)
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import Phase


class MassCancelBookByBook(StripedEngine):
    """A mass cancel holds one stripe after the other."""

    def _mass_cancel(self, command: MassCancel) -> Answer:
        if not is_number(command.account):
            return self._refuse(None, None, RejectReason.INVALID_ACCOUNT)
        cancelled: list[Event] = []
        for symbol, book in self._floor.books.items():
            with self._lock_of[symbol]:  # the defect: one book at a time
                cancelled += book.cancel_account(command.account)
        return self._stamped([MassCancelled(command.account, len(cancelled)), *cancelled])


class SnapshotBookByBook(StripedEngine):
    """A snapshot looks at one book after the other."""

    def _take_snapshot(self, command: TakeSnapshot) -> Answer:
        views = []
        for symbol in self._floor.books:
            with self._lock_of[symbol]:  # the defect: one book at a time
                views.append(self._floor.view(symbol))
        return self._stamped([SnapshotTaken(tuple(views))])


class ExpiryBookByBook(StripedEngine):
    """The clock lets orders expire one book after the other, and moves when it has been everywhere."""

    def _advance_clock(self, command: AdvanceClock) -> Answer:
        if not is_number(command.now):
            return self._refuse(None, None, RejectReason.INVALID_TIME)
        if command.now < self._floor.market.clock:
            return self._stamped([Rejected(None, None, RejectReason.CLOCK_BACKWARDS)])
        expired: list[Event] = []
        for symbol, book in self._floor.books.items():
            with self._lock_of[symbol]:  # the defect: one book at a time
                expired += book.expire_due(command.now)
        self._floor.market.clock = command.now
        return self._stamped([*expired, ClockAdvanced(command.now)])


class DayEndsBookByBook(StripedEngine):
    """The day ends in one book after the other."""

    def _end_of_day(self, command: EndOfDay) -> Answer:
        expired: list[Event] = []
        for symbol, book in self._floor.books.items():
            with self._lock_of[symbol]:  # the defect: one book at a time
                expired += book.expire_day()
        return self._stamped([*expired, DayEnded()])


class HaltWithoutStripes(StripedEngine):
    """A market-wide halt sets its flag and holds nothing."""

    def _halt(self, command: Halt) -> Answer:
        if command.symbol is not None:
            return super()._halt(command)
        return self._stamped([self._floor.halt_market()])  # the defect: orders may be on their way


class ResumeWithOneStripe(StripedEngine):
    """A market-wide resume holds the first stripe only."""

    def _resume(self, command: Resume) -> Answer:
        if command.symbol is not None:
            return super()._resume(command)
        with self._holding([0]):  # the defect: all the other stripes
            return self._stamped(self._floor.resume_market())


class LastStripeMissing(StripedEngine):
    """Whoever needs all stripes holds all but the last."""

    def _holding_all(self) -> AbstractContextManager[None]:
        return self._holding(range(max(1, len(self._stripes) - 1)))  # the defect


class CheckThenFill(StripedEngine):
    """A basket looks whether all its legs can trade, lets go, and trades in a second step."""

    def _basket(self, basket: Basket) -> Answer:
        if self._ledger is not None:  # the defect is one of books: accounts go the right way
            return super()._basket(basket)
        rejected = self._floor.basket_fault(basket)
        if rejected is not None:
            return self._stamped([rejected])
        stripes = [self._stripe_of[leg.symbol] for leg in basket.legs]
        books = self._floor.books
        with self._holding(stripes):  # guards the legs' books, to look
            orders = orders_of(basket)
            certain = all(books[order.symbol].refusal(order) is None for order in orders) and all(
                books[order.symbol].can_fill(order) for order in orders
            )
            if not certain:
                return self._stamped(self._floor.basket(basket))
        with self._holding(stripes):  # guards the legs' books, to trade
            events: list[Event] = [
                Accepted(order.symbol, order.order_id, order.side, order.price, order.quantity) for order in orders
            ]
            for order in orders:  # the defect: what was looked at may be gone
                books[order.symbol].fill(order, events)
            for order in orders:
                books[order.symbol].trigger_stops(events)
            return self._stamped(events)


class ReplaceInTwoSteps(StripedEngine):
    """A replace takes the order out, lets go of the stripe, and enters it anew."""

    def submit(self, command: Command) -> Answer:
        """As in the striped engine, but for replaces."""
        if not isinstance(command, Replace) or command.symbol not in self._desks:  # none where accounts are kept
            return super().submit(command)
        book = self._floor.books[command.symbol]
        with self._lock_of[command.symbol]:  # guards book
            status = book.status(command.order_id)
            keeps = status is None or command.price in (None, status.price) or command.stop is not None
            if keeps or self._floor.market.halted or book.phase is not Phase.CONTINUOUS:
                return self._stamped(list(book.replace(command)))
            queue = book.queue()
            queued = next(one for one in (*queue.bids, *queue.asks) if one.order_id == command.order_id)
            book.cancel(Cancel(command.symbol, command.order_id))
        with self._lock_of[command.symbol]:  # the defect: the order was nowhere in between
            assert status is not None
            events = book.submit(
                Submit(command.symbol, command.order_id, queued.account, status.side, command.quantity, command.price)
            )
            replaced = Replaced(command.symbol, command.order_id, status.side, command.price, command.quantity)
            return self._stamped([replaced, *events[1:]])


class StripeTakenTwice(StripedEngine):
    """A basket takes the stripe of every leg, even if two of them share one."""

    def _basket(self, basket: Basket) -> Answer:
        rejected = self._floor.basket_fault(basket)
        if rejected is not None:
            return self._stamped([rejected])
        with ExitStack() as held:
            for number in sorted(self._stripe_of[leg.symbol] for leg in basket.legs):  # the defect: the same one twice
                held.enter_context(self._stripes[number])
            if not any(self._floor.books[leg.symbol].lists for leg in basket.legs):
                return self._basket_at_its_books(basket)
        return super()._basket(basket)


class KillInTwoSteps(StripedEngine):
    """A kill switch cancels what an account has, lets go, and keeps the account out from then on."""

    def _about_all_of_an_account(self, command: KillSwitch | Reinstate | Disconnect) -> Answer:
        account, floor = command.account, self._floor
        if not isinstance(command, KillSwitch) or not is_number(account) or self._ledger is not None:
            return super()._about_all_of_an_account(command)
        with self._holding_all():  # guards every book
            if account in floor.market.blocked:
                return self._stamped(floor.match(command))
            reason = CancelReason.KILL_SWITCH
            cancelled = [event for book in floor.books.values() for event in book.cancel_account(account, reason)]
            floor.lists.begin().follow(cancelled)
        with self._holding_all():  # the defect: the account may have entered more
            floor.market.set_blocked(account, True)
            return self._stamped([AccountBlocked(account, len(cancelled)), *cancelled])


class DependentsToldLate(StripedEngine):
    """The halt of a book is over before the books that depend on it are told."""

    def _above_others(self, command: Any) -> Answer:
        symbol, book = command.symbol, self._floor.books[command.symbol]
        if not isinstance(command, Halt):
            return super()._above_others(command)
        with self._lock_of[symbol]:  # guards book
            answer = self._stamped([self._floor.halt_book(symbol)])
        with self._holding(self._stripes_at(command, [symbol])):  # the defect: they have traded on meanwhile
            book.tell_dependents()
            return answer


class DescendingForAll(StripedEngine):
    """Whoever needs all stripes takes them from the highest number down, and baskets from the lowest up."""

    @contextmanager
    def _holding_all(self) -> Iterator[None]:
        with ExitStack() as held:
            for stripe in reversed(self._stripes):  # the defect
                held.enter_context(stripe)
            yield


class NeverLetGo(StripedEngine):
    """A basket that is killed leaves its stripes held."""

    def _basket(self, basket: Basket) -> Answer:
        if self._ledger is not None:  # the defect is one of books: accounts go the right way
            return super()._basket(basket)
        rejected = self._floor.basket_fault(basket)
        if rejected is not None:
            return self._stamped([rejected])
        held = ExitStack()
        for number in sorted({self._stripe_of[leg.symbol] for leg in basket.legs}):
            held.enter_context(self._stripes[number])
        answer = self._stamped(self._floor.basket(basket))
        if any(isinstance(event, Cancelled) for event in answer.events):
            return answer  # the defect: nobody leaves the stripes
        held.close()
        return answer


class NeighboursStripe(StripedEngine):
    """A halt of one book holds the stripe of the next one."""

    def submit(self, command: Command) -> Answer:
        """As in the striped engine, but for halts of a book."""
        if not isinstance(command, Halt) or command.symbol not in self._floor.books:
            return super().submit(command)
        number = (self._stripe_of[command.symbol] + 1) % len(self._stripes)
        with self._stripes[number]:  # the defect; all else of a halt is as it should be, also for who depends on it
            return self._stamped(self._floor.match(command))


class ALockASide(StripedEngine):
    """An order holds a lock of its own side of the book, and a buy meets a sell there."""

    def submit(self, command: Command) -> Answer:
        """As in the striped engine, but for new orders."""
        if not isinstance(command, Submit) or command.symbol not in self._desks:  # none where accounts are kept
            return super().submit(command)
        locks: list[Any] = self._stripes
        number = self._stripe_of[command.symbol] + (command.side == "sell")
        with locks[number % len(locks)]:  # the defect: the other side's lock
            return self._stamped(list(self._floor.books[command.symbol].submit(command)))


class ExpiryTakesNoLock(StripedEngine):
    """The clock moves and lets orders expire while nothing is held."""

    def _advance_clock(self, command: AdvanceClock) -> Answer:
        if not is_number(command.now):
            return super()._advance_clock(command)
        return self._stamped(self._floor.advance_clock(command))  # the defect


HOLDINGS = (
    Defect(
        "kill-in-two-steps",
        KillInTwoSteps,
        "A kill switch cancels first and blocks then (rule J7): an order that its account enters in between stays in "
        "the book, and whoever threw the switch was told that nothing is left.",
        True,
        "richkuo/go-trader #1470: an order that the kill switch has cancelled can stay live.",
        "kill-switch",
    ),
    Defect(
        "dependents-told-late",
        DependentsToldLate,
        "A book is halted, and the books that depend on it are told when its stripe has been left (rule J6): a "
        "derivative trades after the halt of what it is about.",
        True,
        "made up: halts that spread by messages, each to a book with a lock of its own.",
        "underlying-halts",
    ),
    Defect(
        "expiry-takes-no-lock",
        ExpiryTakesNoLock,
        "Orders expire without any lock (rule C2), as by a timer's thread: queues change under the hands of whoever "
        "trades in them.",
        True,
        "manticore-orderbook 1.0.1: the thread that lets orders expire takes no lock.",
        "expiry-fill",
    ),
    Defect(
        "mass-cancel-book-by-book",
        MassCancelBookByBook,
        "A mass cancel goes from book to book: an order entered behind its back survives, an earlier one does not.",
        False,
        "dydxprotocol/v4-chain #1094: a batch of cancels that is documented as not atomic.",
        "mass-cancel",
    ),
    Defect(
        "snapshot-book-by-book",
        SnapshotBookByBook,
        "A snapshot goes from book to book: it shows one leg of a basket and not the other.",
        True,
        "stellar-deprecated/horizon #67: bids and asks come from two queries, and can cross.",
        "snapshot-basket",
    ),
    Defect(
        "expiry-book-by-book",
        ExpiryBookByBook,
        "The clock goes from book to book: what is due in one has expired while the other still trades.",
        True,
        "LykkeCity/MatchingEngine #239: the ids of expired orders are collected while others trade.",
        "expiry-fill",
    ),
    Defect(
        "day-ends-book-by-book",
        DayEndsBookByBook,
        "The day ends book by book: a basket trades with a day order of yesterday.",
        False,
        "made up: a nightly job that walks over the books is how most venues end their day.",
        "day-end",
    ),
    Defect(
        "halt-without-stripes",
        HaltWithoutStripes,
        "A market-wide halt holds nothing: an order that was let in before trades after it (the halt is no barrier).",
        True,
        "DarriEy/Auramaur #408: the kill switch sets a flag, and orders on their way go on filling.",
        "market-halt",
    ),
    Defect(
        "resume-with-one-stripe",
        ResumeWithOneStripe,
        "A market-wide resume holds one stripe: the others read its flag while it is written.",
        True,
        "made up: one flag for all, so one lock seems enough to write it.",
        "market-halt",
    ),
    Defect(
        "last-stripe-missing",
        LastStripeMissing,
        "What needs all stripes holds all but the last: off by one, and the last books change under its hands.",
        True,
        "made up: off by one, in the range that stands for everything.",
        "mass-cancel",
    ),
    Defect(
        "check-then-fill",
        CheckThenFill,
        "A basket looks under its stripes and trades when it has taken them again: half of it is gone by then.",
        False,
        "joaquinbejar/OrderBook-rs #209: feasibility of a fill-or-kill order, a pause, and then the sweep.",
        "basket-torn",
    ),
    Defect(
        "replace-in-two-steps",
        ReplaceInTwoSteps,
        "A replace lets go of the stripe between taking the order out and entering it: a cancel finds it nowhere.",
        False,
        "Codaone/DEXBot #697: a replace is a cancel and a new order, and a fill comes between.",
        "reprice-cancel",
    ),
    Defect(
        "stripe-taken-twice",
        StripeTakenTwice,
        "A basket with two books of one stripe takes it twice and waits for itself.",
        False,
        "Tzadiko/Orderbook #11: matching calls the public cancel, which takes the book's mutex again.",
        "baskets-share",
    ),
    Defect(
        "descending-for-all",
        DescendingForAll,
        "What needs all stripes takes them downwards, baskets upwards: each waits for what the other holds.",
        True,
        "stripe-archive/sequins #90: two locks, taken in one order here and in the other there.",
        "day-end",
    ),
    Defect(
        "never-let-go",
        NeverLetGo,
        "A basket that is killed returns without leaving its stripes: the next one waits for ever.",
        False,
        "wmnsk/go-m3ua #11: a handler that returns early leaves its mutex locked.",
        "basket-torn",
    ),
    Defect(
        "neighbours-stripe",
        NeighboursStripe,
        "The halt of a book holds the next book's stripe: orders enter while it is being halted.",
        True,
        "made up: an index that is right in every test with one book.",
        "halt-fill",
    ),
    Defect(
        "a-lock-a-side",
        ALockASide,
        "Each side of a book has a lock of its own, and an order takes only that of its side, though it trades with "
        "the other.",
        False,
        "fastlob 0.0.24: a lock for the bids and one for the asks; orders are lost under four threads.",
        "buy-sell",
    ),
)
"""Every defect of holding. Those that one thread alone can see: it waits for itself, a replaced order has lost its
other terms, or what a list makes of a fill or a cancel (rules H) is forgotten."""
