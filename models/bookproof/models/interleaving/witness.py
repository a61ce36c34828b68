"""Is a run explained by its commit stamps? As `concurrent.check` asks it, for the many runs of one scenario.

Most runs begin as another one did, and the oracle is asked about each beginning once: it is a tree of commands in the
order of their stamps. What it finds wrong, `check` finds again, and tells.
"""

from __future__ import annotations

from typing import NamedTuple

from bookproof.models.concurrent.check import Violation, check
from bookproof.models.concurrent.history import History, Operation
from bookproof.spec.commands import Command
from bookproof.spec.events import Event
from bookproof.spec.exchange import Exchange, account, opening, snapshot, step
from bookproof.spec.values import Account
from bookproof.spec.views import AccountView, BookView


class _Place(NamedTuple):
    """What the oracle has been told, and what it said last."""

    state: Exchange
    answer: tuple[Event, ...]
    following: dict[int, _Place]
    """By the command that comes next, which is one object in all runs."""
    books: list[tuple[BookView, ...]]
    """All of them, once somebody has asked."""
    accounts: dict[Account, AccountView]


class Witness:
    """Judges the runs of one scenario; the commands of all its histories are the same objects."""

    def __init__(self) -> None:
        self._root: _Place | None = None
        self._kept: list[Command] = []
        """Every command in the tree: as long as it is kept, nothing else has its identity."""

    def judge(self, history: History) -> Violation | None:
        """What the stamps do not explain, or None: as `check` does."""
        ordered = sorted(history.operations, key=lambda operation: operation.answer.stamp)
        return None if self._explained(history, ordered) else check(history)

    def _explained(self, history: History, ordered: list[Operation]) -> bool:
        if self._root is None:
            self._root = _Place(opening(history.instruments, history.profile), (), {}, [], {})
        place = self._root
        last: int | None = None
        first_return: int | None = None
        for operation in ordered:
            stamp = operation.answer.stamp
            if stamp == last:
                return False
            last = stamp
            following = place.following.get(id(operation.command))
            if following is None:
                state, answer = step(place.state, operation.command)
                following = place.following[id(operation.command)] = _Place(state, answer, {}, [], {})
                self._kept.append(operation.command)
            if following.answer != operation.answer.events:
                return False
            place = following
        for operation in reversed(ordered):
            if first_return is not None and first_return < operation.called:
                return False
            if first_return is None or operation.returned < first_return:
                first_return = operation.returned
        if not place.books:
            place.books.append(snapshot(place.state))
        if place.books[0] != history.final:
            return False
        for held in history.accounts:
            if held.account not in place.accounts:
                place.accounts[held.account] = account(place.state, held.account)
            if place.accounts[held.account] != held:
                return False
        return True
