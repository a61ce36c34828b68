"""Whether an order really explains a history: it is replayed, command by command, and nothing is searched.

This is what makes a verdict worth something. The search that found the order may be as clever as it likes; whoever
doubts it reads these few lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bookproof.models.linearize.generic import by_book, fills
from bookproof.models.linearize.history import Filled, History
from bookproof.models.linearize.replay import replay_of

BY_ORACLE = 20_000
"""Up to so many operations the oracle itself is asked; for more, the engine that holds one lock, which is many times
as fast and is held against the oracle by `verify`."""


class Flaw(NamedTuple):
    """Where an order does not explain a history."""

    sentence: str
    operation: int | None = None
    """The operation, as its place in the history."""


def flaw_in(history: History, order: Sequence[int], *, by_oracle: bool | None = None) -> Flaw | None:
    """What is wrong with an order as an explanation; None if it is one.

    >>> from bookproof.models.linearize.history import Operation
    >>> from bookproof.spec.commands import Cancel
    >>> from bookproof.spec.instruments import listing
    >>> lost = History(listing(["ABC"]), (Operation(0, Cancel("ABC", 1), 1, 2, ()),))
    >>> flaw_in(lost, [0]).sentence
    'it was answered otherwise'
    """
    return _left_out(history, order) or _out_of_time(history, order) or _replayed(history, order, by_oracle)


def _left_out(history: History, order: Sequence[int]) -> Flaw | None:
    there = set(order)
    if len(there) != len(order):
        return Flaw("an operation is in the order twice")
    for at, operation in enumerate(history.operations):
        if at not in there and not operation.is_open:
            return Flaw("it returned, and is not in the order", at)
    return None


def _out_of_time(history: History, order: Sequence[int]) -> Flaw | None:
    first_return: int | None = None
    for at in reversed(order):
        operation = history.operations[at]
        if first_return is not None and first_return < operation.called:
            return Flaw("something that comes after it had returned before it was called", at)
        if operation.returned is not None and (first_return is None or operation.returned < first_return):
            first_return = operation.returned
    return None


def _replayed(history: History, order: Sequence[int], by_oracle: bool | None) -> Flaw | None:
    operations, trades = history.operations, list[Filled]()
    replay = replay_of(history, len(order) <= BY_ORACLE if by_oracle is None else by_oracle)
    for at in order:
        events = replay.answer(operations[at].command)
        if events != operations[at].events and not operations[at].is_open:
            return Flaw("it was answered otherwise", at)
        if history.feed is not None:
            trades += fills(events)
    listed = {instrument.symbol for instrument in history.instruments}
    if not all(view.symbol in listed and history.ended_so(view, replay.book(view.symbol)) for view in history.final):
        return Flaw("the books are other than they were when all was over")
    for seen in history.accounts:
        if seen != replay.account(seen.account):
            return Flaw(f"account {seen.account} is other than it was when all was over")
    if history.feed is not None and by_book(trades) != by_book(history.feed):
        return Flaw("the feed has the trades in another order")
    return None
