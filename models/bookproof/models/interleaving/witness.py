"""Is a run explained by its commit stamps? As `concurrent.check` asks it, for the many runs of one scenario.

Most runs come through states of the oracle that others have come through, so it is asked once what a command does in
each: it is a graph of states, with commands that lead from one to the next in the order of their stamps. What it finds
wrong, `check` finds again, and tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bookproof.models.concurrent.check import Violation, check
from bookproof.models.concurrent.history import History, Operation
from bookproof.spec.commands import Command
from bookproof.spec.events import Event
from bookproof.spec.exchange import Exchange, account, opening, snapshot, step
from bookproof.spec.values import Account
from bookproof.spec.views import AccountView, BookView


class _Place(NamedTuple):
    """A state of the oracle, however it was reached."""

    state: Exchange
    done: frozenset[int]
    """What it was told, in any order."""
    following: dict[int, tuple[tuple[Event, ...], _Place]]
    """By the command that comes next, which is one object in all runs: what the oracle says, and where it leads."""
    books: list[tuple[BookView, ...]]
    """All of them, once somebody has asked."""
    accounts: dict[Account, AccountView]


class Witness:
    """Judges the runs of one scenario; the commands of all its histories are the same objects."""

    def __init__(self) -> None:
        self._root: _Place | None = None
        self._kept: list[Command] = []
        """Every command in the graph: as long as it is kept, nothing else has its identity."""
        self._places: dict[frozenset[int], list[_Place]] = {}

    def judge(self, history: History) -> Violation | None:
        """What the stamps do not explain, or None: as `check` does."""
        ordered = sorted(history.operations, key=lambda operation: operation.answer.stamp)
        return None if self._explained(history, ordered) else check(history)

    def in_every_order(self, history: History, told: Sequence[Operation], before: Sequence[int], most: int) -> bool:
        """Whether the operations of the threads are explained in every order, one after the other, that puts each of
        them after those that come `before` it (a bit for each).

        False if that was not to be seen in this way, or has more than `most` different ends: then the orders have to be
        judged one by one.
        """
        first = min((operation.answer.stamp for operation in told), default=0)
        earlier = [operation for operation in history.operations if operation.answer.stamp < first]
        if len(earlier) + len(told) != len(history.operations):
            return False
        start = self._follow(self._first(history), sorted(earlier, key=lambda operation: operation.answer.stamp))
        orders = _Orders(self, history, told, before, most)
        return start is not None and orders.right(start, 0)

    def _first(self, history: History) -> _Place:
        if self._root is None:
            self._root = _Place(opening(history.instruments, history.profile), frozenset(), {}, [], {})
        return self._root

    def after(self, place: _Place, command: Command) -> tuple[tuple[Event, ...], _Place]:
        """What the oracle says next, and where that leads."""
        following = place.following.get(id(command))
        if following is None:
            self._kept.append(command)
            state, answer = step(place.state, command)
            done = place.done | {id(command)}
            alike = self._places.setdefault(done, [])
            there = next((other for other in alike if other.state == state), None)
            if there is None:
                there = _Place(state, done, {}, [], {})
                alike.append(there)
            following = place.following[id(command)] = answer, there
        return following

    def _follow(self, place: _Place, ordered: Sequence[Operation]) -> _Place | None:
        """Where these operations lead, if they are what the oracle says."""
        for operation in ordered:
            command = operation.command
            answer, place = place.following.get(id(command)) or self.after(place, command)
            if answer != operation.answer.events:
                return None
        return place

    def ends(self, place: _Place, history: History) -> bool:
        """Whether the books and the accounts at the end are those of a state."""
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

    def _explained(self, history: History, ordered: list[Operation]) -> bool:
        stamps = [operation.answer.stamp for operation in ordered]
        if len(set(stamps)) < len(stamps):
            return False
        first_return: int | None = None
        for operation in reversed(ordered):
            if first_return is not None and first_return < operation.called:
                return False
            if first_return is None or operation.returned < first_return:
                first_return = operation.returned
        place = self._follow(self._first(history), ordered)
        return place is not None and self.ends(place, history)


class _Orders:
    """The orders of some operations, each walked from a state of the oracle on."""

    __slots__ = ("_ends", "_full", "_history", "_most", "_seen", "_steps", "_witness")

    def __init__(
        self, witness: Witness, history: History, told: Sequence[Operation], before: Sequence[int], most: int
    ) -> None:
        self._witness, self._history, self._most = witness, history, most
        self._steps = [
            (1 << at, first, each.command, each.answer.events)
            for at, (each, first) in enumerate(zip(told, before, strict=True))
        ]
        self._full = (1 << len(told)) - 1
        self._ends = 0
        self._seen: set[tuple[int, int]] = set()

    def right(self, place: _Place, done: int) -> bool:
        """Whether all that can follow is explained, when these (a bit for each) have led to a state."""
        if done == self._full:
            self._ends += 1
            return self._ends <= self._most and self._witness.ends(place, self._history)
        for bit, first, command, told in self._steps:
            if done & bit or first & ~done:
                continue
            following = done | bit
            answer, there = place.following.get(id(command)) or self._witness.after(place, command)
            if answer != told:
                return False
            known = id(there), following
            if known not in self._seen:
                self._seen.add(known)
                if not self.right(there, following):
                    return False
        return True
