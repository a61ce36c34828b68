"""A history: what every client of an exchange called, when it returned, and what it was told."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from bookproof.engine.interface import Answer
from bookproof.spec.commands import (
    Basket,
    BlockTrade,
    Cancel,
    Command,
    Deposit,
    Halt,
    Reduce,
    Replace,
    Resume,
    Route,
    SetLimits,
    SetMark,
    SetPhase,
    SetReference,
    Spend,
    Submit,
    SubmitList,
    Withdraw,
)
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import Profile
from bookproof.spec.values import Nanoseconds, Symbol, Value
from bookproof.spec.views import AccountView, BookView


class Operation(Value, frozen=True):
    """One call and its return. Times are readings of one monotonic clock."""

    client: int
    command: Command
    called: Nanoseconds
    returned: Nanoseconds
    answer: Answer


class Doing(StrEnum):
    """What an operation does with a lock, or with the counter of the stamps."""

    WAITS = "waits for"
    """Somebody else holds it."""
    TAKES = "takes"
    LEAVES = "leaves"
    DRAWS = "draws"
    """The next number of a counter."""


class LockStep(NamedTuple):
    """Something that an operation did inside an engine of ours, as the synchronisation seam saw it.

    Whoever takes a lock looks at the clock when he holds it, and whoever leaves one while he still does: in order of
    time, the steps of a lock are in the order in which it was held.
    """

    operation: int
    """Its place in the history."""
    doing: Doing
    lock: str
    """The name that the engine gave to the lock, or to the counter."""
    time: Nanoseconds
    """On the clock of the calls and returns."""
    number: int = 0
    """Taken: which time in all that anybody took this lock. Drawn: the number."""


class History(NamedTuple):
    """Everything a run left behind."""

    instruments: tuple[Instrument, ...]
    profile: Profile
    operations: tuple[Operation, ...]
    """Client by client, each in the order of its calls."""
    final: tuple[BookView, ...]
    """All books when the run was over, in listing order."""
    accounts: tuple[AccountView, ...] = ()
    """All accounts that a command named, when the run was over; none where the venue keeps none."""
    lock_steps: tuple[LockStep, ...] = ()
    """What the operations did with locks, in order of time, if that was asked for."""


class Overlap(NamedTuple):
    """How many operations really ran beside another one: without overlap a concurrent test is a sequential one."""

    operations: int
    overlapped: int
    """Operations whose interval meets that of another client's operation."""
    in_same_book: int
    """The same, counting only operations that have a book in common."""


def books_of(command: Command) -> tuple[Symbol, ...] | None:
    """The books a command touches; None means all of them.

    >>> books_of(Cancel("ABC", 1))
    ('ABC',)
    """
    match command:
        case Submit() | Cancel() | Replace() | Reduce() | BlockTrade() | SetReference() | Spend():
            return (command.symbol,)
        case Deposit() | Withdraw():
            return () if command.symbol is None else (command.symbol,)
        case SetMark():  # of a book whose stops may follow it
            return (command.symbol,)
        case SetLimits():
            return ()
        case Basket() | SubmitList():
            return tuple(leg.symbol for leg in command.legs)
        case Route():
            return (command.order.symbol,)  # and those of its group, which the command does not name
        case Halt(symbol=str(symbol)) | Resume(symbol=str(symbol)) | SetPhase(symbol=symbol):
            return (symbol,)
        case _:
            return None


def overlap(operations: tuple[Operation, ...]) -> Overlap:
    """Count the operations that ran beside others, in one sweep over the time line."""
    everywhere: set[int] = set()
    in_book: set[int] = set()
    running: dict[int, Operation] = {}
    moments = sorted(
        [(operation.called, 1, at) for at, operation in enumerate(operations)]
        + [(operation.returned, 0, at) for at, operation in enumerate(operations)]
    )
    for _, begins, at in moments:
        if not begins:
            running.pop(at, None)
            continue
        mine = operations[at]
        for other, theirs in running.items():
            if theirs.client != mine.client:
                everywhere |= {at, other}
                if _share_a_book(mine.command, theirs.command):
                    in_book |= {at, other}
        running[at] = mine
    return Overlap(len(operations), len(everywhere), len(in_book))


def _share_a_book(one: Command, other: Command) -> bool:
    mine, theirs = books_of(one), books_of(other)
    return mine is None or theirs is None or not set(mine).isdisjoint(theirs)
