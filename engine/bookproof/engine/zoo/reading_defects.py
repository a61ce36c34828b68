"""Seeded defects of reading: what is believed under the lock was read before it was had."""

from __future__ import annotations

from typing import Any, ClassVar

from bookproof.engine.book import FastBook
from bookproof.engine.interface import Answer
from bookproof.engine.striped import StripedEngine
from bookproof.engine.zoo.defect import Defect
from bookproof.spec.commands import Command, MassCancel, Replace, Resume, Submit, TakeSnapshot
from bookproof.spec.events import Accepted, Cancelled, Event, MassCancelled, Rejected, Resumed, SnapshotTaken
from bookproof.spec.profile import DEFAULT, Profile, ReplaceQuantity
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import OrderId, Phase, Side, Symbol, TimeInForce
from bookproof.spec.views import Queue


def _well_formed(engine: StripedEngine, command: Command) -> bool:
    """Whether this is a new order, no stop, for a listed book, where no accounts are kept."""
    if not isinstance(command, Submit) or command.symbol not in engine._desks or command.stop is not None:
        return False
    return engine._floor.books[command.symbol].checks.submit(command) is None


def _entered(book: FastBook, order: Submit) -> list[Event]:
    """An order that the book is not asked about any more."""
    events: list[Event] = [Accepted(order.symbol, order.order_id, order.side, order.price, order.quantity)]
    book.fill(order, events)
    book.trigger_stops(events)
    return events


class _Believing(StripedEngine):
    """One reason to refuse a new order is looked for before its stripe is taken, and not again."""

    believed: ClassVar[RejectReason]

    def submit(self, command: Command) -> Answer:
        """As in the striped engine, but for new orders."""
        if not _well_formed(self, command):
            return super().submit(command)
        assert isinstance(command, Submit)
        book = self._floor.books[command.symbol]
        seen = book.refusal(command)  # the defect: the stripe is not held yet
        with self._lock_of[command.symbol]:  # guards book
            if not book.lists:
                if seen is self.believed:
                    return self._refuse(command.symbol, command.order_id, self.believed)
                if book.refusal(command) is self.believed:
                    return self._stamped(_entered(book, command))
                return self._stamped(book.submit(command))
        return super().submit(command)


class HaltReadOutside(_Believing):
    """An order asks at the door whether the market is halted."""

    believed = RejectReason.MARKET_HALTED


class IdCheckedOutside(_Believing):
    """An order asks at the door whether its id is taken."""

    believed = RejectReason.DUPLICATE_ORDER_ID


class PostOnlyCheckedOutside(_Believing):
    """A post-only order asks at the door whether it would take."""

    believed = RejectReason.WOULD_TAKE


class PhaseCheckedOnce(StripedEngine):
    """A resume looks whether its book is halted, takes the stripe, and does not look again."""

    def submit(self, command: Command) -> Answer:
        """As in the striped engine, but for the resume of a book."""
        if not isinstance(command, Resume) or command.symbol not in self._desks:
            return super().submit(command)
        symbol = command.symbol
        book = self._floor.books[symbol]
        if self._floor.market.halted or self._floor.view(symbol).phase is not Phase.HALT:
            return super().submit(command)
        with self._lock_of[symbol]:  # the defect: the second check is missing
            gone = book.go(Phase.CONTINUOUS)
            said = Rejected(symbol, None, gone) if isinstance(gone, RejectReason) else Resumed(symbol)
            return self._stamped([said])


class ReplaceCountsOldFills(StripedEngine):
    """A replace takes what the order had executed from its new total before it has the stripe (rule F4)."""

    def __init__(self, instruments: Any, profile: Profile = DEFAULT, **options: Any) -> None:
        super().__init__(instruments, profile, **options)
        self._total = profile.replace_quantity is ReplaceQuantity.TOTAL

    def submit(self, command: Command) -> Answer:
        """As in the striped engine, but for replaces."""
        if not isinstance(command, Replace) or command.symbol not in self._desks or not self._total:
            return super().submit(command)
        book = self._floor.books[command.symbol]
        seen = book.status(command.order_id) if book.checks.replace(command) is None else None
        with self._lock_of[command.symbol]:  # guards book
            if not book.lists:
                now = None if seen is None else book.status(command.order_id)
                if seen is not None and now is not None:  # the defect: what is open is reckoned from old fills
                    more = now.executed + now.prevented - seen.executed - seen.prevented
                    command = command._replace(quantity=command.quantity + more)
                return self._stamped(book.replace(command))
        return super().submit(command)


class DepthKeptOutside(StripedEngine):
    """What rests in a book is noted when its stripe has been left, and a fill-or-kill order is judged by the note."""

    shared = ("depths",)

    def __init__(self, *listing: Any, **options: Any) -> None:
        super().__init__(*listing, **options)
        self.depths: dict[Symbol, Queue] = {}

    def submit(self, command: Command) -> Answer:
        """As in the striped engine, but for fill-or-kill orders."""
        answer = self._killed(command) or super().submit(command)
        touched = {str(getattr(event, "symbol", None)) for event in answer.events}
        for symbol in sorted(touched & self._floor.books.keys()):  # the defect: nobody holds the stripe any more
            self.depths = {**self.depths, symbol: self._floor.books[symbol].queue()}
        return answer

    def _killed(self, command: Command) -> Answer | None:
        """The end of a fill-or-kill order for which there is too little, by what was noted."""
        if not _well_formed(self, command):
            return None
        assert isinstance(command, Submit)
        book, price, side = self._floor.books[command.symbol], command.price, command.side
        if command.time_in_force is not TimeInForce.FOK or price is None:
            return None
        with self._lock_of[command.symbol]:  # guards book, and not what is noted of it
            queue = self.depths.get(command.symbol)
            if queue is None or book.lists or book.refusal(command) is not None:
                return None
            there = queue.asks if side is Side.BUY else queue.bids
            reach = price if side is Side.BUY else -price
            signed = ((one.price if side is Side.BUY else -(one.price or 0)) for one in there)
            lots = sum(one.leaves for one, at in zip(there, signed, strict=True) if at is not None and at <= reach)
            if lots >= command.quantity:
                return None
            terms = (command.symbol, command.order_id, side, price, command.quantity)
            return self._stamped([Accepted(*terms), Cancelled(*terms, CancelReason.KILLED)])


class VersionMissesCancels(StripedEngine):
    """A fill-or-kill order looks without the stripe, and looks again only if the book's version has changed."""

    def __init__(self, *listing: Any, **options: Any) -> None:
        super().__init__(*listing, **options)
        self._versions = dict.fromkeys(self._floor.books, 0)

    def submit(self, command: Command) -> Answer:
        """As in the striped engine, but for new orders."""
        if not _well_formed(self, command):
            return super().submit(command)
        assert isinstance(command, Submit)
        symbol = command.symbol
        book, version = self._floor.books[symbol], self._versions[symbol]
        fits = command.time_in_force is TimeInForce.FOK and book.refusal(command) is None and book.can_fill(command)
        with self._lock_of[symbol]:  # guards book and its version
            if not book.lists:
                unchanged = self._versions[symbol] == version
                self._versions[symbol] += 1  # the defect: a cancel does not count
                if fits and unchanged and book.refusal(command) is None:
                    return self._stamped(_entered(book, command._replace(time_in_force=TimeInForce.IOC)))
                return self._stamped(book.submit(command))
        return super().submit(command)


class MassCancelByList(StripedEngine):
    """A mass cancel lists the orders of an account book by book, and then cancels what it has listed."""

    def _mass_cancel(self, command: MassCancel) -> Answer:
        listed: set[tuple[Symbol, OrderId]] = set()
        for symbol, book in self._floor.books.items():
            with self._lock_of[symbol]:  # guards book
                queue, stops = book.queue(), book.stops()
                listed |= {(symbol, order.order_id) for order in (*queue.bids, *queue.asks)}
                listed |= {(symbol, stop.order_id) for stop in (*stops.buys, *stops.sells)}
        with self._holding_all():  # the defect: there may be orders by now that are not listed
            newer = {
                symbol: [one for one in self._of(symbol, command.account) if (symbol, one) not in listed]
                for symbol in self._floor.books
            }
            if not any(newer.values()) or any(book.lists for book in self._floor.books.values()):
                return self._stamped(self._floor.match(command))
            events = [
                book._cancel(order_id, CancelReason.MASS_CANCEL)
                for symbol, book in self._floor.books.items()
                for order_id in self._of(symbol, command.account)
                if order_id not in newer[symbol]
            ]
            return self._stamped([MassCancelled(command.account, len(events)), *events])

    def _of(self, symbol: Symbol, account: int) -> list[OrderId]:
        live = self._floor.books[symbol]._live
        return [order_id for order_id, order in live.items() if order.terms.account == account]


class SeqlockBumpedOnce(StripedEngine):
    """A snapshot reads without locks, between two looks at a number that every command raises when it is done."""

    shared = ("version",)

    def __init__(self, *listing: Any, **options: Any) -> None:
        super().__init__(*listing, **options)
        self.version = 0

    def submit(self, command: Command) -> Answer:
        """As in the striped engine, and then the number."""
        answer = super().submit(command)
        self.version += 1  # the defect: only here, and not before as well
        return answer

    def _take_snapshot(self, command: TakeSnapshot) -> Answer:
        before = self.version
        views = tuple(self._floor.view(symbol) for symbol in self._floor.books)
        if self.version == before:
            return self._stamped([SnapshotTaken(views)])
        return super()._take_snapshot(command)


READINGS = (
    Defect(
        "halt-read-outside",
        HaltReadOutside,
        "An order reads the halt flag before it takes its stripe and not under it (rule J6): it trades after the halt.",
        True,
        "joaquinbejar/OrderBook-rs #74: the kill switch is one relaxed load at the top of every entry point.",
        "market-halt",
    ),
    Defect(
        "id-checked-outside",
        IdCheckedOutside,
        "Whether an order id is taken is checked before the stripe is (rule A3): two orders with one id are accepted.",
        True,
        "janavipandole/Cara #4929: an order's key is looked for and then inserted, and two requests come between.",
        "same-id",
    ),
    Defect(
        "post-only-checked-outside",
        PostOnlyCheckedOutside,
        "A post-only order looks at the other side before it has the stripe (rule C6): it is let in and would take, or "
        "is refused for an offer that is gone.",
        True,
        "joaquinbejar/OrderBook-rs #209: PostOnly is checked against an empty book, and a crossing maker is admitted.",
        "post-only",
    ),
    Defect(
        "phase-checked-once",
        PhaseCheckedOnce,
        "A resume sees a halted book, takes the stripe and does not look a second time (rules J1, J3): the book is in "
        "its opening call by now, and the resume ends it.",
        True,
        "hector-client/hector #75: double-checked locking that gets its second check wrong.",
        "resume-call",
    ),
    Defect(
        "replace-counts-old-fills",
        ReplaceCountsOldFills,
        "A replace that names a new total subtracts what was executed before it had the stripe (rule F4): a fill that "
        "comes between is given twice.",
        True,
        "nautechsystems/nautilus_trader #4154: a fill during a modify is forgotten, and the order overfills.",
        "amend-fill",
    ),
    Defect(
        "depth-kept-outside",
        DepthKeptOutside,
        "What rests in a book is kept beside it and updated when the stripe has been left: a fill-or-kill order is "
        "killed for want of an offer that is there (rule C5).",
        True,
        "joaquinbejar/PriceLevel #81: counters of what rests are updated apart from the queue.",
        "fok-offer",
    ),
    Defect(
        "version-misses-cancels",
        VersionMissesCancels,
        "A fill-or-kill order looks without a lock and trusts it if the book's version is the same, but cancels do not "
        "raise the version: it is filled in part (rule C5).",
        True,
        "joaquinbejar/OrderBook-rs #209: a maker is cancelled after the look, and a fill-or-kill order trades in part.",
        "fok-cancel",
    ),
    Defect(
        "mass-cancel-by-list",
        MassCancelByList,
        "A mass cancel works through a list made before it held anything (rule J7): what came meanwhile survives.",
        True,
        "richkuo/go-trader #1462: the kill switch cancels the orders that it has gathered, and others stay live.",
        "mass-cancel",
    ),
    Defect(
        "seqlock-bumped-once",
        SeqlockBumpedOnce,
        "A snapshot reads without locks and trusts a version that writers raise only when they are done: it is taken "
        "in the middle of a basket and shows one leg of it.",
        True,
        "Project-HAMi/HAMi-core #282: a sequence lock is even in the middle of a write, and torn reads are accepted.",
        "snapshot-pair",
    ),
)
"""Every defect of reading."""
