"""The striped engine: many books, few locks, any number of threads.

Lock table
==========

====================  ==========================================  =====================================================
lock                  guards                                      taken by
====================  ==========================================  =====================================================
``_stripes[i]``       every book whose stripe is ``i``            submit, cancel, replace, halt and resume of one book,
                                                                  views: the one stripe of the book
several stripes       the books of a basket's legs                basket: the stripes of its legs and their families
several stripes       the books of a group (rule L5)              routed order: the stripes of its book's group
several stripes       the books of a family, which spreads tie    each command about one book of a family, and its
                      together (rule L2)                          implied view: the stripes of the family
all stripes           the market-wide halt and the clock, to      mass cancel, halt and resume of the market, clock, end
                      write them (any one stripe, to read them)   of day, snapshot
====================  ==========================================  =====================================================

Order: from the lowest stripe number up, through `_holding` and nowhere else, so no two operations can each wait for
a stripe that the other holds. No lock is taken while a stripe is held except by `_holding` itself. Stripe locks are
not reentrant.

Every operation takes effect at one instant (its linearization point): the moment it draws its commit stamp, which it
does while it holds every lock it needs. So the stamps of two operations that share a book are in the order in which
these held its stripe, and replaying the commands in order of their stamps gives the same answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, ClassVar

from bookproof.engine.book import FastBook
from bookproof.engine.floor import Floor, is_number, refused
from bookproof.engine.interface import Answer
from bookproof.engine.sync import THREADS, Sync
from bookproof.engine.views import LockedViews
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
from bookproof.spec.events import Event
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import DEFAULT, Profile
from bookproof.spec.reasons import RejectReason
from bookproof.spec.values import OrderId, Symbol
from bookproof.spec.views import ImpliedQuotes

_ABOUT_ONE_ORDER = (Submit, Cancel, Replace)
_ABOUT_ONE_BOOK = (*_ABOUT_ONE_ORDER, Halt, Resume)


class StripedEngine(LockedViews):
    """An exchange whose books are spread over stripes, each with a lock of its own.

    >>> from bookproof.spec.instruments import listing
    >>> from bookproof.spec.values import Side
    >>> engine = StripedEngine(listing(["ABC", "XYZ"]), stripes=2)
    >>> engine.submit(Submit("ABC", 1, 7, Side.SELL, 5, 100)).stamp
    1
    >>> engine.submit(Submit("ABC", 2, 8, Side.BUY, 3, 101)).events[1]
    Trade(symbol='ABC', price=100, quantity=3, maker=1, taker=2)

    Raises ValueError for less than one stripe or a symbol listed twice.
    """

    book_type: ClassVar[type[FastBook]] = FastBook

    def __init__(
        self,
        instruments: Iterable[Instrument],
        profile: Profile = DEFAULT,
        *,
        stripes: int = 16,
        sync: Sync = THREADS,
    ) -> None:
        if stripes < 1:
            raise ValueError(f"an engine needs at least 1 stripe, got {stripes}")
        self._floor = Floor(instruments, profile, self.book_type)
        self._stripes = [sync.lock(f"stripe {number}") for number in range(stripes)]
        self._stripe_of = {symbol: number % stripes for number, symbol in enumerate(self._floor.books)}
        self._next_stamp = sync.counter("stamp")
        self._lock_of = {symbol: self._stripes[number] for symbol, number in self._stripe_of.items()}
        # All that a command about one book needs, found in one look. A book that is part of a spread has no desk.
        self._desks = {
            symbol: (lock.acquire, lock.release, self._floor.books[symbol])
            for symbol, lock in self._lock_of.items()
            if symbol not in self._floor.family_of
        }
        self._operations: dict[type[Command], Callable[[Any], Answer]] = {
            Basket: self._basket,
            MassCancel: self._mass_cancel,
            Halt: self._halt,
            Resume: self._resume,
            AdvanceClock: self._advance_clock,
            EndOfDay: self._end_of_day,
            TakeSnapshot: self._take_snapshot,
            Route: self._route,
        }

    def submit(self, command: Command) -> Answer:
        """Carry out one command. TypeError for anything that is not a command."""
        one: Any = command
        try:
            acquire, release, book = self._desks[one.symbol]
        except (AttributeError, KeyError):  # not about one book, or about one that is not listed
            return self._submit_special(command)
        kind = type(command)
        # Guards book. Not `with`, here only: for a lock of `threading` that costs 130 to 180 ns, this way 60, and
        # everything else that a cancel takes is about 700.
        acquire()
        try:
            if kind is Submit:
                events = book.submit(one)
            elif kind is Cancel:
                events = book.cancel(one)
            elif kind is Replace:
                events = book.replace(one)
            else:  # a halt or a resume of this book
                events = tuple(self._floor.carry_out(command))
            return Answer(self._next_stamp(), events)
        finally:
            release()

    def _submit_special(self, command: Any) -> Answer:
        """A command that is not about one book, or about one that is not listed."""
        kind = type(command)
        if kind in _ABOUT_ONE_BOOK and command.symbol in self._floor.family_of:
            return self._in_family(command)
        if kind in _ABOUT_ONE_ORDER:
            return self._refuse(command.symbol, command.order_id, RejectReason.UNKNOWN_SYMBOL)
        operation = self._operations.get(kind)
        if operation is None:
            raise TypeError(f"expected a command, got {kind.__name__}; see bookproof.spec.commands")
        return operation(command)

    # ── the stripes of the legs ──

    def _basket(self, basket: Basket) -> Answer:
        rejected = self._floor.basket_fault(basket)
        if rejected is not None:
            return self._stamped([rejected])
        symbols = [leg.symbol for leg in basket.legs]
        with self._holding(self._stripes_of_families(symbols)):  # guards the legs' books, and those of their spreads
            return self._stamped(self._floor.basket(basket))

    # ── the stripes of a group ──

    def _route(self, command: Route) -> Answer:
        rejected = self._floor.route_fault(command)
        if rejected is not None:
            return self._stamped([rejected])
        with self._holding(self._stripes_of_group(command.order.symbol)):  # guards the group's books
            return self._stamped(self._floor.route(command))

    def _stripes_of_group(self, symbol: Symbol) -> Iterable[int]:
        """The stripes of every book that an order routed from this one may touch: known before matching."""
        return self._stripes_of_families(self._floor.group_of[symbol])

    # ── the stripes of a family ──

    def _in_family(self, command: Submit | Cancel | Replace | Halt | Resume) -> Answer:
        """A command about one book that is part of a spread. It may trade in every book of the family (L2)."""
        assert command.symbol is not None
        with self._holding(self._stripes_of_families([command.symbol])):  # guards the family's books
            return self._stamped(list(self._floor.carry_out(command)))

    def _stripes_of_families(self, symbols: Iterable[Symbol]) -> Iterable[int]:
        """The stripes of these books and of all that spreads tie to them: known before matching."""
        for symbol in symbols:
            family = self._floor.family_of.get(symbol)
            yield from (self._stripe_of[member] for member in (family.books if family is not None else (symbol,)))

    def implied(self, symbol: Symbol) -> ImpliedQuotes:
        """What others imply in one book, beside its own depth (L2)."""
        own = [self._stripe_of[symbol]]  # KeyError for an unknown symbol, as in every view
        with self._holding([*own, *self._stripes_of_families([symbol])]):  # guards the books of the family
            return self._floor.implied(symbol)

    # ── all stripes ──

    def _halt(self, command: Halt) -> Answer:
        if command.symbol is not None:
            return self._refuse(command.symbol, None, RejectReason.UNKNOWN_SYMBOL)
        with self._holding_all():  # guards the market-wide halt
            return self._stamped([self._floor.halt_market()])

    def _resume(self, command: Resume) -> Answer:
        if command.symbol is not None:
            return self._refuse(command.symbol, None, RejectReason.UNKNOWN_SYMBOL)
        with self._holding_all():  # guards the market-wide halt
            return self._stamped(self._floor.resume_market())

    def _mass_cancel(self, command: MassCancel) -> Answer:
        if not is_number(command.account):
            return self._refuse(None, None, RejectReason.INVALID_ACCOUNT)
        with self._holding_all():  # guards every book
            return self._stamped(self._floor.mass_cancel(command))

    def _advance_clock(self, command: AdvanceClock) -> Answer:
        if not is_number(command.now):
            return self._refuse(None, None, RejectReason.INVALID_TIME)
        with self._holding_all():  # guards the clock and every book
            return self._stamped(self._floor.advance_clock(command))

    def _end_of_day(self, command: EndOfDay) -> Answer:
        with self._holding_all():  # guards every book
            return self._stamped(self._floor.end_of_day())

    def _take_snapshot(self, command: TakeSnapshot) -> Answer:
        with self._holding_all():  # guards every book
            return self._stamped([self._floor.snapshot()])

    # ── the one way to hold several stripes ──

    @contextmanager
    def _holding(self, stripes: Iterable[int]) -> Iterator[None]:
        """Hold several stripes, taken from the lowest number up and each one once."""
        with ExitStack() as held:
            for number in sorted(set(stripes)):
                held.enter_context(self._stripes[number])
            yield

    def _holding_all(self) -> AbstractContextManager[None]:
        return self._holding(range(len(self._stripes)))

    # ── answers ──

    def _stamped(self, events: list[Event]) -> Answer:
        """The answer, stamped now: call it while every lock is held. The linearization point is here."""
        return Answer(self._next_stamp(), tuple(events))

    def _refuse(self, symbol: Symbol | None, order_id: OrderId | None, reason: RejectReason) -> Answer:
        """The answer to a command that is wrong by itself: it reads nothing that can change, so it holds no lock."""
        return self._stamped(refused(symbol, order_id, reason))
