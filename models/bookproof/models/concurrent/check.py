"""Is a history explained by its commit stamps? Replays the oracle in their order: O(n) for n operations.

Four things must hold, and are checked in this order:

1. no two operations have the same stamp;
2. real time: an operation that returned before another was called has the smaller stamp (linearizability);
3. the oracle, given the commands in order of their stamps, gives the recorded answers;
4. the books and the accounts at the end are the oracle's.

A history that passes is linearizable: its stamps are the witness. One that fails shows that the stamps do not explain
it; whether some other order does is a question for a search.
"""

from __future__ import annotations

from typing import NamedTuple

from bookproof.models.concurrent.history import History, Operation
from bookproof.spec.events import Event
from bookproof.spec.exchange import Exchange, account, opening, snapshot, step
from bookproof.spec.rulebook import listening


class Violation(NamedTuple):
    """Where the stamps do not explain the history."""

    kind: str
    """`stamps`, `real time`, `answer`, `final books` or `final accounts`."""
    story: str
    operation: Operation | None
    expected: tuple[Event, ...]
    """What the oracle says, for an answer that differs."""
    position: int
    """How many operations in stamp order are explained: the longest prefix that works."""
    rules: tuple[str, ...] = ()
    """What the oracle decided by, at an answer that differs."""


def check(history: History) -> Violation | None:
    """The first thing that the stamps do not explain, or None."""
    ordered = sorted(history.operations, key=lambda operation: operation.answer.stamp)
    return _stamps(ordered) or _real_time(ordered) or _answers(history, ordered)


def _stamps(ordered: list[Operation]) -> Violation | None:
    for at in range(1, len(ordered)):
        stamp = ordered[at].answer.stamp
        if stamp == ordered[at - 1].answer.stamp:
            return Violation("stamps", f"two operations have the stamp {stamp}", ordered[at], (), at)
    return None


def _real_time(ordered: list[Operation]) -> Violation | None:
    """Going back in stamp order: nobody may return before somebody with a smaller stamp was called."""
    if not ordered:
        return None
    first_return = ordered[-1]
    for at in range(len(ordered) - 1, -1, -1):
        operation = ordered[at]
        if first_return.returned < operation.called:
            story = (
                f"the operation with stamp {first_return.answer.stamp} had returned before the one with stamp "
                f"{operation.answer.stamp} was called"
            )
            return Violation("real time", story, operation, (), at)
        if operation.returned < first_return.returned:
            first_return = operation
    return None


def _answers(history: History, ordered: list[Operation]) -> Violation | None:
    state: Exchange = opening(history.instruments, history.profile)
    for at, operation in enumerate(ordered):
        before = state
        state, expected = step(state, operation.command)
        if expected != operation.answer.events:
            story = f"the answer with stamp {operation.answer.stamp} is not what the oracle says at that point"
            with listening() as rules:
                step(before, operation.command)
            return Violation("answer", story, operation, expected, at, tuple(sorted(rules)))
    for right, recorded in zip(snapshot(state), history.final, strict=True):
        if right != recorded:
            story = f"after the run, {right.symbol} is {recorded}, and should be {right}"
            return Violation("final books", story, None, (), len(ordered))
    for held in history.accounts:
        owed = account(state, held.account)
        if owed != held:
            story = f"after the run, account {held.account} is {held}, and should be {owed}"
            return Violation("final accounts", story, None, (), len(ordered))
    return None
