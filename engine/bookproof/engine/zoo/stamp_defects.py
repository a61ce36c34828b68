"""Seeded defects of the commit stamp: the books are right, and the order that the stamps tell is not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

from bookproof.engine.interface import Answer
from bookproof.engine.striped import StripedEngine
from bookproof.engine.sync import THREADS, Sync
from bookproof.engine.zoo.defect import Defect
from bookproof.spec.commands import Basket, Cancel, Command, Submit
from bookproof.spec.events import Event
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import DEFAULT, Profile


class StampBeforeLock(StripedEngine):
    """An order draws its stamp first and waits for its stripe then."""

    def submit(self, command: Command) -> Answer:
        """As in the striped engine, but for orders and cancels."""
        if (
            not isinstance(command, Submit | Cancel) or command.symbol not in self._desks
        ):  # none where accounts are kept
            return super().submit(command)
        stamp = self._next_stamp()  # the defect: nobody holds anything yet
        with self._lock_of[command.symbol]:  # guards the book
            return Answer(stamp, tuple(self._floor.carry_out(command)))


class StampAfterRelease(StripedEngine):
    """An order leaves its stripe and draws its stamp then."""

    def submit(self, command: Command) -> Answer:
        """As in the striped engine, but for orders and cancels."""
        if (
            not isinstance(command, Submit | Cancel) or command.symbol not in self._desks
        ):  # none where accounts are kept
            return super().submit(command)
        with self._lock_of[command.symbol]:  # guards the book
            events = tuple(self._floor.carry_out(command))
        with self._late:  # guards nothing: it stands for whatever the thread does before it gets there
            return Answer(self._next_stamp(), events)  # the defect: others may have had the stripe meanwhile

    def __init__(
        self,
        instruments: Iterable[Instrument],
        profile: Profile = DEFAULT,
        *,
        stripes: int = 16,
        sync: Sync = THREADS,
    ) -> None:
        super().__init__(instruments, profile, stripes=stripes, sync=sync)
        self._late = sync.lock("stamps")


class StampPerStripe(StripedEngine):
    """Every stripe counts for itself, so two stripes give out the same stamp."""

    def submit(self, command: Command) -> Answer:
        """As in the striped engine, but for orders and cancels."""
        if (
            not isinstance(command, Submit | Cancel) or command.symbol not in self._desks
        ):  # none where accounts are kept
            return super().submit(command)
        with self._lock_of[command.symbol]:  # guards the book, and its stripe's count
            events = tuple(self._floor.carry_out(command))
            return Answer(self._counts[self._stripe_of[command.symbol]](), events)  # the defect

    def __init__(
        self,
        instruments: Iterable[Instrument],
        profile: Profile = DEFAULT,
        *,
        stripes: int = 16,
        sync: Sync = THREADS,
    ) -> None:
        super().__init__(instruments, profile, stripes=stripes, sync=sync)
        self._counts: list[Callable[[], int]] = [count(1).__next__ for _ in range(stripes)]


class StampOfCheck(StripedEngine):
    """A basket keeps the stamp of its check, though it lets go of its stripes before it trades."""

    def _basket(self, basket: Basket) -> Answer:
        if self._ledger is not None:  # the defect is one of books: accounts go the right way
            return super()._basket(basket)
        rejected = self._floor.basket_fault(basket)
        if rejected is not None:
            return self._stamped([rejected])
        stripes = [self._stripe_of[leg.symbol] for leg in basket.legs]
        with self._holding(stripes):  # guards the legs' books, to look
            stamp = self._next_stamp()
        with self._holding(stripes):  # guards the legs' books, to trade
            events: tuple[Event, ...] = tuple(self._floor.basket(basket))
        return Answer(stamp, events)  # the defect: a stamp of before


class StampInTwoSteps(StripedEngine):
    """The last stamp is read and written by whoever needs the next one."""

    shared = ("last",)

    def __init__(self, *listing: Any, **options: Any) -> None:
        super().__init__(*listing, **options)
        self.last = 0
        self._next_stamp = self._following

    def _following(self) -> int:
        following = self.last + 1
        self.last = following  # the defect: another stripe may have read the same
        return following


STAMPS = (
    Defect(
        "stamp-in-two-steps",
        StampInTwoSteps,
        "Stamps are counted by reading a number and writing the next: two stripes read the same one, and two answers "
        "have the same stamp.",
        True,
        "jnidzwetzki/bitfinex-v2-wss-api-java #27: a sequence number is advanced by several threads, and gets stuck.",
        "two-books",
    ),
    Defect(
        "stamp-before-lock",
        StampBeforeLock,
        "An order draws its stamp before it has its stripe: whoever gets the stripe first may have the later stamp.",
        True,
        "robaho/cpp_orderbook #1: an id is given out before the book is had, and processed out of order.",
        "cancel-fill",
    ),
    Defect(
        "stamp-after-release",
        StampAfterRelease,
        "An order draws its stamp when it has left its stripe: somebody who came after it may have the earlier stamp.",
        True,
        "decred/dcrdex #2210: a book's sequence number is not updated with its contents.",
        "cancel-fill",
    ),
    Defect(
        "stamp-per-stripe",
        StampPerStripe,
        "Every stripe counts its own stamps: two operations have the same one, and nobody can tell which was first.",
        True,
        "joaquinbejar/OrderBook-rs #52: a counter a stream, and nobody can tell what came first.",
        "replace-fill",
    ),
    Defect(
        "stamp-of-check",
        StampOfCheck,
        "A basket draws its stamp while it looks and trades later, in a second step: the stamp tells of a moment at "
        "which nothing happened.",
        True,
        "made up: whoever commits in two phases has to decide which of them the number is of.",
        "baskets-cross",
    ),
)
"""Every defect of stamps."""
