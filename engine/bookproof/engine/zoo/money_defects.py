"""Seeded defects of what accounts have: positions, reservations, and trades that are given back."""

from __future__ import annotations

from typing import Any

from bookproof.engine.accounts import Entries, closing_order
from bookproof.engine.interface import Answer
from bookproof.engine.striped import StripedEngine
from bookproof.engine.zoo.defect import Defect
from bookproof.spec.commands import Bust, Cancel, Reduce
from bookproof.spec.events import Cancelled, Rejected
from bookproof.spec.reasons import RejectReason


class ReduceReadOutside(StripedEngine):
    """A reduce-only order compares itself with a position that it read before it had the stripe."""

    def _at_the_book(self, command: Any) -> Answer:
        if not isinstance(command, Reduce) or self._ledger is None:
            return super()._at_the_book(command)
        book, ledger = self._floor.books[command.symbol], self._ledger
        order = closing_order(command)
        if book.checks.submit(order) is not None:
            return super()._at_the_book(command)
        demand = ledger.demand(command)
        seen = ledger.refusal(demand)  # the defect: neither the stripe nor the balance is held
        with self._lock_of[command.symbol]:  # guards the book, and everybody's lots of it
            if not book.lists and self._floor.order_fault(command) is None:
                if seen is not None and seen.reason is RejectReason.WOULD_INCREASE:
                    return self._stamped([Rejected(command.symbol, command.order_id, seen.reason)])
                now = ledger.refusal(demand)
                if now is not None and now.reason is RejectReason.WOULD_INCREASE:
                    return self._paid(order)
        return super()._at_the_book(command)


class ReleasedAsSeen(StripedEngine):
    """A cancel releases what the order had reserved when it was looked up, before the stripe was held."""

    def _at_the_book(self, command: Any) -> Answer:
        book = self._floor.books[command.symbol]
        if not isinstance(command, Cancel) or type(command.order_id) is not int:
            return super()._at_the_book(command)
        seen = book.status(command.order_id)  # the defect: the stripe is not held yet
        with self._lock_of[command.symbol]:  # guards the book, and everybody's lots of it
            claim = None if self._ledger is None else self._ledger.desks[command.symbol].claims.get(command.order_id)
            if not book.lists and seen is not None and claim is not None:
                events = self._floor.match(command)
                entries = self._floor.write_up(None, events)
                gone = events[0]
                if isinstance(gone, Cancelled):
                    entries[claim.account][1] -= claim.unit * (seen.leaves - gone.quantity)
                return self._booked(events, entries)
        return super()._at_the_book(command)


class BustAtItsBook(StripedEngine):
    """A bust holds the stripe of its own book, as a trade does."""

    def _bust(self, command: Bust) -> Answer:
        with self._lock_of[command.symbol]:  # the defect: commands in other books are between check and stamp
            entries: Entries = {}
            return self._booked(self._floor.on_account(command, entries), entries)


MONEY = (
    Defect(
        "reduce-read-outside",
        ReduceReadOutside,
        "A reduce-only order reads the position before it has the stripe (rule C9): two of them close the same "
        "position, and the second opens one on the other side.",
        True,
        "BYTEX-TRADE/bytex #26: reduce-only is checked when an order arrives and never again.",
        "two-closers",
    ),
    Defect(
        "released-as-seen",
        ReleasedAsSeen,
        "A cancel releases what the order had reserved before it was filled in part (rule M1): the account is given "
        "back what it has spent.",
        True,
        "DexyProject/protocol #21: an order can be cancelled after it was traded, or cancelled before.",
        "cancel-releases",
    ),
    Defect(
        "bust-at-its-book",
        BustAtItsBook,
        "A bust holds the stripe of its book only, though it takes away money that an order in another book has been "
        "checked against (rules M1, N1): the account spends what it gives back.",
        True,
        "made up: the lock table allows for debits by one's own commands, and a bust is somebody else's.",
        "bust-spends",
    ),
)
"""Every defect of what accounts have."""
