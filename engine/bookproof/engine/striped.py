"""The striped engine: many books, few locks, any number of threads.

Lock table
==========

====================  ==========================================  =====================================================
lock                  guards                                      taken by
====================  ==========================================  =====================================================
``_stripes[i]``       every book whose stripe is ``i``            submit, cancel, replace, halt, resume and phase of one
                                                                  book, views: the one stripe of the book
several stripes       the books of a command's legs, and those    basket and list: the stripes of the legs' books;
                      that live lists tie to its books            a command about one book that has lists: its stripe;
                                                                  each with the stripes of all books that live lists
                                                                  tie to these, and so on
all stripes           the market-wide halt and the clock, to      mass cancel, halt and resume of the market, clock, end
                      write them (any one stripe, to read them)   of day, snapshot
====================  ==========================================  =====================================================

Order: from the lowest stripe number up, through `_holding` and nowhere else, so no two operations can each wait for
a stripe that the other holds. No lock is taken while a stripe is held except by `_holding` itself. Stripe locks are
not reentrant.

Which books are tied is known only under their stripes, and a list comes and goes under the stripes of all its books. So
a command about one book takes the one stripe, looks whether the book has lists, and if so lets go and begins anew with
`_together`; and that takes more stripes until the ties that it sees under those it holds lead nowhere else. What a
command can set off through lists stays among books that are tied when it begins: it ties no new ones but its own legs.

Every operation takes effect at one instant (its linearization point): the moment it draws its commit stamp, which it
does while it holds every lock it needs. So the stamps of two operations that share a book are in the order in which
these held its stripe, and replaying the commands in order of their stamps gives the same answers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
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
    SetPhase,
    Submit,
    SubmitList,
    TakeSnapshot,
)
from bookproof.spec.events import Event
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import DEFAULT, Profile
from bookproof.spec.reasons import RejectReason
from bookproof.spec.values import OrderId, Symbol

_ABOUT_ONE_ORDER = (Submit, Cancel, Replace)


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
        # All that a command about one book needs, found in one look.
        self._desks = {
            symbol: (lock.acquire, lock.release, self._floor.books[symbol]) for symbol, lock in self._lock_of.items()
        }
        self._operations: dict[type[Command], Callable[[Any], Answer]] = {
            Basket: self._basket,
            MassCancel: self._mass_cancel,
            Halt: self._halt,
            Resume: self._resume,
            AdvanceClock: self._advance_clock,
            EndOfDay: self._end_of_day,
            TakeSnapshot: self._take_snapshot,
            SetPhase: self._set_phase,
            SubmitList: self._submit_list,
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
            if not book.lists:  # asked under the lock, or a list could tie the book to others meanwhile
                if kind is Submit:
                    events = book.submit(one)
                elif kind is Cancel:
                    events = book.cancel(one)
                elif kind is Replace:
                    events = book.replace(one)
                else:  # a halt or a resume of this book, or another phase of it
                    events = tuple(self._floor.carry_out(command))
                return Answer(self._next_stamp(), events)
        finally:
            release()
        return self._together(command, [one.symbol])

    def _submit_special(self, command: Any) -> Answer:
        """A command that is not about one book, or about one that is not listed."""
        kind = type(command)
        if kind in _ABOUT_ONE_ORDER:
            return self._refuse(command.symbol, command.order_id, RejectReason.UNKNOWN_SYMBOL)
        operation = self._operations.get(kind)
        if operation is None:
            raise TypeError(f"expected a command, got {kind.__name__}; see bookproof.spec.commands")
        return operation(command)

    # ── the stripes of some books, and of all that lists tie them to ──

    def _together(self, command: Command, symbols: Iterable[Symbol]) -> Answer:
        """A command about these books: it holds their stripes, and those of every book that it may reach from there.

        Which books these are is written in the books themselves, so it is read under their stripes. If more stripes
        are needed than are held, all are let go and taken anew, in order, with the new ones among them: no stripe is
        taken while another is waited for out of turn. Ends after as many rounds as there are stripes, as none is ever
        dropped from the set.
        """
        first = tuple(symbols)
        wanted = dict.fromkeys(self._stripe_of[symbol] for symbol in first)
        while True:
            with self._holding(wanted):  # guards the books named, and all that they are tied to
                needed = self._tied(first, wanted)
                if needed.keys() <= wanted.keys():
                    return self._stamped(self._floor.carry_out(command))
            wanted |= needed

    def _tied(self, symbols: Iterable[Symbol], held: Collection[int]) -> dict[int, None]:
        """The stripes of some books and of those that live lists tie to them, as far as the stripes held let one see.

        Two orders of a list in two books tie these: a fill in one reaches the other (H1, H2). From there it may reach
        a third, so ties are followed on; but no book is read whose stripe is not held.
        """
        found = dict.fromkeys(symbols)
        ahead = list(found)
        while ahead:
            symbol = ahead.pop()
            if self._stripe_of[symbol] in held:  # guards the book's lists
                for one in self._floor.books[symbol].lists.values():
                    ahead += one.symbols - found.keys()
                    found |= dict.fromkeys(one.symbols)
        return dict.fromkeys(self._stripe_of[symbol] for symbol in found)

    def _basket(self, basket: Basket) -> Answer:
        rejected = self._floor.basket_fault(basket)
        if rejected is not None:
            return self._stamped([rejected])
        return self._together(basket, [leg.symbol for leg in basket.legs])

    def _submit_list(self, command: SubmitList) -> Answer:
        rejected = self._floor.lists.fault(command)
        if rejected is not None:
            return self._stamped([rejected])
        return self._together(command, [leg.symbol for leg in command.legs])

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
            return self._stamped([self._floor.resume_market()])

    def _set_phase(self, command: SetPhase) -> Answer:
        """Of a book that is not listed: any other has its own stripe and needs no other."""
        return self._refuse(command.symbol, None, RejectReason.UNKNOWN_SYMBOL)

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

    def _stamped(self, events: Sequence[Event]) -> Answer:
        """The answer, stamped now: call it while every lock is held. The linearization point is here."""
        return Answer(self._next_stamp(), tuple(events))

    def _refuse(self, symbol: Symbol | None, order_id: OrderId | None, reason: RejectReason) -> Answer:
        """The answer to a command that is wrong by itself: it reads nothing that can change, so it holds no lock."""
        return self._stamped(refused(symbol, order_id, reason))
