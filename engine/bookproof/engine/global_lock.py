"""The same exchange behind one lock: nothing runs beside anything else.

The design to compare with, and the one to begin a lesson with: it is obviously right, and it uses one core.

Lock table
==========

=========  ==========  ===========
lock       guards      taken by
=========  ==========  ===========
``_lock``  everything  everything
=========  ==========  ===========
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from bookproof.engine.book import FastBook
from bookproof.engine.floor import Floor
from bookproof.engine.interface import Answer
from bookproof.engine.sync import THREADS, Sync
from bookproof.engine.views import LockedViews
from bookproof.spec.commands import Command
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import DEFAULT, Profile
from bookproof.spec.values import Account, Symbol
from bookproof.spec.views import AccountView, ImpliedQuotes


class GlobalLockEngine(LockedViews):
    """An exchange that carries out one command at a time.

    >>> from bookproof.spec.commands import Cancel
    >>> from bookproof.spec.instruments import listing
    >>> GlobalLockEngine(listing(["ABC"])).submit(Cancel("ABC", 1)).events[0].reason.value
    'unknown-order'
    """

    book_type: ClassVar[type[FastBook]] = FastBook

    def __init__(self, instruments: Iterable[Instrument], profile: Profile = DEFAULT, *, sync: Sync = THREADS) -> None:
        self._floor = Floor(instruments, profile, self.book_type)
        self._lock = sync.lock("global")
        self._lock_of = dict.fromkeys(self._floor.books, self._lock)
        self._any_lock = self._lock
        self._next_stamp = sync.counter("stamp")

    def submit(self, command: Command) -> Answer:
        """Carry out one command. TypeError for anything that is not a command."""
        with self._lock:  # guards everything
            events = self._floor.carry_out(command)
            return Answer(self._next_stamp(), tuple(events))  # the linearization point

    def account(self, account: Account) -> AccountView:
        """One account over all books."""
        with self._lock:  # guards everything
            return self._floor.account(account)

    def implied(self, symbol: Symbol) -> ImpliedQuotes:
        """What others imply in one book, beside its own depth (L2)."""
        with self._lock:  # guards everything
            return self._floor.implied(symbol)
