"""The books of a history while it is being put in order: operations are done, and undone in the opposite order.

Nothing is looked up by the rules of an exchange here: what an operation did stands in the facts, and doing it only
asks whether the right order is first in its queue. What is not comes back as an `Obstacle`.
"""

from __future__ import annotations

from array import array
from itertools import pairwise
from typing import NamedTuple

from sortedcontainers import SortedList

from bookproof.models.linearize.facts import NOBODY, Facts, Flag
from bookproof.spec.values import Side


class Obstacle(NamedTuple):
    """Why an operation cannot be next."""

    kind: str
    """`in the way`, `could trade`, `nothing there`, `there`, `not there`, `flag`, `too little`, `another slice`,
    `queued otherwise`, `last price`."""
    orders: tuple[int, ...] = ()
    """The orders that are in the way, or there."""
    instead: int = NOBODY
    """In the way at the price of the maker that should have been first: that maker."""
    brought: tuple[int, int] = (NOBODY, NOBODY)
    """The operations that brought that maker, and the order in the way, to where they stand."""
    flag: Flag | None = None
    value: bool = False
    """What the flag should be."""
    legs: tuple[tuple[int, int], ...] = ()
    """Nothing there: the sides and reaches where something should have been."""


class Books:
    """All queues, as far as the operations done so far have filled and emptied them."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.leaves = [0] * len(facts.key)
        self._slot = array("i", [0]) * len(facts.key)
        self._slices = {order: [(0, 0, NOBODY, 0)] for order in facts.display}
        """Of each iceberg the slice that it shows, where that stands, who brought it there, and how many had queued
        when it did: now and before (D2)."""
        self._queued = 0
        self._since = [0] * len(facts.key) if facts.display else []
        self._levels: list[dict[int, list[int]]] = [{} for _ in range(4 * len(facts.symbols))]
        self._heads: list[dict[int, int]] = [{} for _ in self._levels]
        self._counts: list[dict[int, int]] = [{} for _ in self._levels]
        self._best: list[SortedList[int]] = [SortedList() for _ in self._levels]
        self.last: list[list[tuple[int, int]]] = [[] for _ in facts.symbols]
        """Of each book who traded last, and at what price, and before; only where stops wait."""
        self.flags: dict[Flag, tuple[bool, int]] = {}
        """What is on, and the operation that has switched it last."""
        self._switched: list[tuple[Flag, tuple[bool, int]]] = []
        self._live_of: dict[int, dict[int, None]] | None = {} if facts.watches_accounts else None

    # ── looking ──

    def first(self, side: int) -> int:
        """The order that would trade first on a side; -1 if there is none."""
        best = self._best[side]
        if not best:
            return NOBODY
        key = best[0]
        level, head, leaves, slot = self._levels[side][key], self._heads[side][key], self.leaves, self._slot
        while not leaves[level[head]] or slot[level[head]] != head:
            head += 1
        self._heads[side][key] = head
        return level[head]

    def within(self, side: int, reach: int, need: int) -> tuple[int, ...]:
        """The first orders within reach, as many as it takes to have so many lots; all of them if that is less."""
        found = []
        for key in self._best[side]:
            if key > reach:
                break
            level = self._levels[side][key]
            for at in range(self._heads[side][key], len(level)):
                if self.leaves[level[at]] and self._slot[level[at]] == at:
                    found.append(level[at])
                    need -= self.leaves[level[at]]
                    if need <= 0:
                        return tuple(found)
        return tuple(found)

    def queue(self, side: int) -> list[int]:
        """Every order of a side, in the order in which they would trade."""
        return list(self.within(side, 4 * 10**30, 4 * 10**30))

    def live_of(self, account: int) -> dict[int, None]:
        """The orders of an account that are there."""
        assert self._live_of is not None
        return self._live_of.get(account, {})

    # ── doing ──

    def do(self, operation: int) -> Obstacle | None:
        """Let an operation happen now; if it cannot, nothing has changed, and why is what comes back."""
        facts, leaves = self.facts, self.leaves
        if (
            operation in facts.reads
            or operation in facts.absent
            or operation in facts.present
            or operation in facts.unreached
        ):
            obstacle = self._conditions(operation)
            if obstacle is not None:
                return obstacle
        if operation in facts.killed or operation in facts.found_some:
            obstacle = self._refusals(operation)
            if obstacle is not None:
                return obstacle
        withdraws = facts.withdraws[operation]
        if operation in facts.cleared and self._since:
            obstacle = self._queued_otherwise(withdraws)
            if obstacle is not None:
                return obstacle
        for at, (order, lots) in enumerate(withdraws):
            if leaves[order] <= lots and facts.ender[order] != operation:
                self._give_back(withdraws[:at])
                return Obstacle("too little", (order,))
            self._lose(order, lots)
        entries = facts.entries[operation]
        for at, entry in enumerate(entries):
            side, reach, touches, left, rests = entry
            for number, (order, lots) in enumerate(touches):
                first = self.first(side)
                if first != order:
                    brought = self.brought(order), self.brought(first) if first != NOBODY else NOBODY
                    self._give_back(touches[:number], taken=True)
                    self._undo_entries(entries[:at])
                    self._give_back(withdraws)
                    if first == NOBODY:  # it is there, and has lost too much already: cannot be, with all added up
                        return Obstacle("too little", (order,))
                    same = facts.level[first] == facts.level[order]
                    return Obstacle("in the way", (first,), order if same else NOBODY, brought)
                if leaves[order] <= lots and (operation, order) in facts.spared:
                    self._give_back(touches[:number], taken=True)
                    self._undo_entries(entries[:at])
                    self._give_back(withdraws)
                    return Obstacle("too little", (order,))
                if order in self._slices:
                    if not self._takes_slice(operation, order, lots, touches[number:], left):
                        self._give_back(touches[:number], taken=True)
                        self._undo_entries(entries[:at])
                        self._give_back(withdraws)
                        return Obstacle("another slice", (order,))
                else:
                    self._lose(order, lots)
            if left:
                first = self.first(side)
                if first != NOBODY and facts.level[first] <= reach:
                    self._give_back(touches, taken=True)
                    self._undo_entries(entries[:at])
                    self._give_back(withdraws)
                    return Obstacle("in the way", (first,))
            if rests != NOBODY:
                self._join(rests)
        if operation in facts.cleared:
            others = self.live_of(facts.cleared[operation])
            if others:
                found = next(iter(others))
                self._undo_entries(entries)
                self._give_back(withdraws)
                return Obstacle("in the way", (found,))
        if operation in facts.prices:
            for book, price in facts.prices[operation]:
                due = self._due(book, price)
                if due != NOBODY:
                    self._undo_entries(entries)
                    self._give_back(withdraws)
                    return Obstacle("in the way", (due,))
            for book, price in dict(facts.prices[operation]).items():
                self.last[book].append((operation, price))
        if operation in facts.sets:
            flag, value = facts.sets[operation]
            self._switched.append((flag, self.flags.get(flag, (False, NOBODY))))
            self.flags[flag] = value, operation
        return None

    def undo(self, operation: int) -> None:
        """Take back the operation that was done last."""
        facts = self.facts
        for book in dict(facts.prices.get(operation, ())):
            self.last[book].pop()
        if operation in facts.sets:
            flag, before = self._switched.pop()
            self.flags[flag] = before
        entries = facts.entries[operation]
        if entries:
            self._undo_entries(entries)
        withdraws = facts.withdraws[operation]
        if withdraws:
            self._give_back(withdraws)

    # ── conditions ──

    def _conditions(self, operation: int) -> Obstacle | None:
        facts = self.facts
        for flag, value in facts.reads.get(operation, ()):
            if self.flags.get(flag, (False, NOBODY))[0] is not value:
                return Obstacle("flag", flag=flag, value=value)
        for order in facts.absent.get(operation, ()):
            if self.leaves[order]:
                return Obstacle("there", (order,))
        if operation in facts.present and not any(self.leaves[order] for order in facts.present[operation]):
            return Obstacle("not there", facts.present[operation])
        if operation in facts.unreached:
            book, side, stop, reached = facts.unreached[operation]
            if self.last[book]:
                price = self.last[book][-1][1]
                if (price >= stop if side is Side.BUY else price <= stop) is not reached:
                    return Obstacle("last price")
            elif reached:
                return Obstacle("last price")
        return None

    def _refusals(self, operation: int) -> Obstacle | None:
        facts = self.facts
        if operation in facts.killed:
            legs = facts.killed[operation]
            found = [self.within(leg.opposite, leg.reach, leg.need) for leg in legs]
            if all(
                sum(self.leaves[order] for order in orders) >= leg.need for orders, leg in zip(found, legs, strict=True)
            ):
                return Obstacle("could trade", tuple(order for orders in found for order in orders))
        for side, reach in facts.found_some.get(operation, ()):
            first = self.first(side)
            if first == NOBODY or facts.level[first] > reach:
                return Obstacle("nothing there", legs=((side, reach),))
        return None

    # ── small things ──

    def _join(self, order: int) -> None:
        facts = self.facts
        side, key = facts.side_of[order], facts.level[order]
        self.leaves[order] = facts.rested[order]
        levels = self._levels[side]
        level = levels.get(key)
        if level is None:
            level = levels[key] = []
            self._heads[side][key] = 0
            self._counts[side][key] = 0
        self._slot[order] = len(level)
        if self._since:
            self._queued += 1
            self._since[order] = self._queued
        if order in self._slices:
            shown = min(facts.display[order], facts.rested[order])
            self._slices[order].append((shown, len(level), facts.entered[order], self._queued))
        level.append(order)
        counts = self._counts[side]
        if not counts[key]:
            self._best[side].add(key)
            self._heads[side][key] = len(level) - 1
        counts[key] += 1
        if self._live_of is not None:
            self._live_of.setdefault(facts.owner[order], {})[order] = None

    def _lose(self, order: int, lots: int) -> None:
        left = self.leaves[order] - lots
        self.leaves[order] = left
        if left <= 0:
            facts = self.facts
            side, key = facts.side_of[order], facts.level[order]
            counts = self._counts[side]
            counts[key] -= 1
            if not counts[key]:
                self._best[side].remove(key)
            if self._live_of is not None:
                del self._live_of[facts.owner[order]][order]

    def _give_back(self, lost: tuple[tuple[int, int], ...], taken: bool = False) -> None:
        facts = self.facts
        for order, lots in reversed(lost):
            if taken and order in self._slices:
                self._put_slice_back(order)
            if not self.leaves[order] and lots:
                side, key = facts.side_of[order], facts.level[order]
                counts, heads = self._counts[side], self._heads[side]
                if not counts[key]:
                    self._best[side].add(key)
                    heads[key] = self._slot[order]
                elif self._slot[order] < heads[key]:
                    heads[key] = self._slot[order]
                counts[key] += 1
                if self._live_of is not None:
                    self._live_of[facts.owner[order]][order] = None
            self.leaves[order] += lots

    def _takes_slice(
        self, operation: int, order: int, lots: int, touches: tuple[tuple[int, int], ...], left: bool
    ) -> bool:
        """Take from the slice that an iceberg shows, and let it queue anew with the next one (D2, D3)."""
        shown, slot, by, since = self._slices[order][-1]
        if (operation, order) in self.facts.wiped and lots == self.leaves[order]:
            self._lose(order, lots)
            self._slices[order].append((0, slot, by, since))
            return True
        goes_on = left or len(touches) > 1
        if lots > shown or (lots < shown and goes_on):
            return False
        self._lose(order, lots)
        rest = self.leaves[order]
        if lots == shown and rest:
            side, key = self.facts.side_of[order], self.facts.level[order]
            level = self._levels[side][key]
            slot = self._slot[order] = len(level)
            level.append(order)
            self._queued += 1
            self._slices[order].append((min(self.facts.display[order], rest), slot, operation, self._queued))
        else:
            self._slices[order].append((shown - lots, slot, by, since))
        return True

    def _put_slice_back(self, order: int) -> None:
        slices = self._slices[order]
        _, slot, _, _ = slices.pop()
        before = slices[-1][1]
        if slot != before:
            side, key = self.facts.side_of[order], self.facts.level[order]
            level = self._levels[side][key]
            assert level[-1] == order
            level.pop()
            self._slot[order] = before
            self._heads[side][key] = min(self._heads[side][key], before)

    def _due(self, book: int, price: int) -> int:
        """A stop that waits still, and that a price has reached (E1); -1 if there is none."""
        for side in Side:
            first = self.first(self.facts.waiting(book, side))
            if first != NOBODY and self.facts.level[first] <= (price if side is Side.BUY else -price):
                return first
        return NOBODY

    def _queued_otherwise(self, withdraws: tuple[tuple[int, int], ...]) -> Obstacle | None:
        """A mass cancel tells of the orders of a book in the order in which they queued, at last (D2, J7)."""
        for (one, _), (other, _) in pairwise(withdraws):
            same_book = self.facts.book_of(one) == self.facts.book_of(other)
            if same_book and self._queued_at(one) > self._queued_at(other):
                return Obstacle("queued otherwise", (one, other), brought=(self.brought(one), self.brought(other)))
        return None

    def _queued_at(self, order: int) -> int:
        return self._slices[order][-1][3] if order in self._slices else self._since[order]

    def brought(self, order: int) -> int:
        """The operation that brought an order to where it stands in its queue."""
        return self._slices[order][-1][2] if order in self._slices else self.facts.entered[order]

    def _undo_entries(self, entries: tuple[tuple[int, int, tuple[tuple[int, int], ...], bool, int], ...]) -> None:
        facts = self.facts
        for entry in reversed(entries):
            rests = entry[4]
            if rests != NOBODY:
                side, key = facts.side_of[rests], facts.level[rests]
                level = self._levels[side][key]
                assert level[-1] == rests
                level.pop()
                if rests in self._slices:
                    self._slices[rests].pop()
                self.leaves[rests] = 0
                counts = self._counts[side]
                counts[key] -= 1
                if not counts[key]:
                    self._best[side].remove(key)
                if self._live_of is not None:
                    del self._live_of[facts.owner[rests]][rests]
            self._give_back(entry[2], taken=True)
