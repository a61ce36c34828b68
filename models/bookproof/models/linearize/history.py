"""What the clients of an exchange saw: every call, what came back, and when.

It is all that a checker knows. Times are readings of one monotonic clock, in nanoseconds; one operation comes before
another in real time if it returned before the other was called.
"""

from __future__ import annotations

from typing import NamedTuple

from bookproof.models.concurrent.history import LockStep
from bookproof.spec.commands import Command
from bookproof.spec.events import Event
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import DEFAULT, Profile
from bookproof.spec.values import Nanoseconds, OrderId, Symbol, Value
from bookproof.spec.views import AccountView, BookView


class Operation(Value, frozen=True):
    """One call, and its return if there was one.

    >>> from bookproof.spec.commands import Cancel
    >>> Operation(0, Cancel("ABC", 1), called=10, returned=None, events=None).is_open
    True
    """

    client: int
    command: Command
    called: Nanoseconds
    returned: Nanoseconds | None
    """None: the client never heard of it again. It may have happened at any time after its call, or never."""
    events: tuple[Event, ...] | None
    """What came back; None if nothing did."""
    stamps: tuple[tuple[str, int], ...] = ()
    """Where the exchange says that it stands: its place in the order of each stripe that it touched. One global order
    is a single stripe, named ""."""

    @property
    def is_open(self) -> bool:
        """Whether its client never heard of it again."""
        return self.events is None


class Filled(Value, frozen=True):
    """One line of a trade feed: who traded. Its place in the feed is its order; a feed says nothing of time."""

    symbol: Symbol
    maker: OrderId
    taker: OrderId


class History(NamedTuple):
    """Everything that is known of a run."""

    instruments: tuple[Instrument, ...]
    operations: tuple[Operation, ...]
    profile: Profile = DEFAULT
    feed: tuple[Filled, ...] | None = None
    """Every trade, in the order of the exchange; None where there is no feed. A feed may run over all books, or be
    pieced together book by book: only the order within each book counts."""
    final: tuple[BookView, ...] = ()
    """Books when all was over; those that are not among them were not looked at."""
    accounts: tuple[AccountView, ...] = ()
    """Accounts when all was over; likewise."""
    final_prices: bool = True
    """Whether the last prices of these books count. Not in a part of a history: who traded last may not be in it."""
    lock_steps: tuple[LockStep, ...] = ()
    """What the operations did with locks, in order of time, if an engine of ours was watched. It is for people to see,
    and for nobody to judge by."""

    def ended_so(self, seen: BookView, right: BookView) -> bool:
        """Whether a book was at the end as it should be."""
        return seen == (right if self.final_prices else right._replace(last_price=seen.last_price))
