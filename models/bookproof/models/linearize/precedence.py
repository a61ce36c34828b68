"""What must come before what: by real time, by the fills, and by what a search has learned or supposed.

Every operation has a window: it cannot come before `earliest` nor after `latest`, which are the call and the return,
moved inwards by what must come before and after it. Two operations whose windows do not meet need no further word.
Only where windows meet does anybody follow the edges, so a question costs about as much as operations are in flight.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import NamedTuple

from bookproof.models.linearize.facts import NEVER, NOBODY, Facts
from bookproof.models.linearize.in_turn import in_turn


class Why(NamedTuple):
    """Why one operation comes before another: one step of a proof, and the steps that it rests on."""

    sentence: str
    operations: tuple[int, ...]
    because: tuple[Why, ...] = ()


class Learned(NamedTuple):
    """One operation comes before another, if some suppositions hold."""

    before: int
    after: int
    suppositions: int
    """A bit for each supposition that it rests on; 0 if it holds whatever is supposed."""
    why: Why


class Path(NamedTuple):
    """That one operation comes before another, step by step, and the suppositions that it rests on."""

    suppositions: int
    steps: tuple[tuple[int, int], ...]


class Cycle(Exception):
    """An operation would have to come before itself, whatever is supposed."""

    def __init__(self, why: Why) -> None:
        super().__init__(why.sentence)
        self.why = why


class Precedence:
    """The order that is known so far."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.earliest = array("q", facts.called)
        self.latest = array("q", facts.returned)
        self._through_earliest = array("i", [NOBODY]) * len(facts.called)
        self._through_latest = array("i", [NOBODY]) * len(facts.called)
        self.learned: dict[tuple[int, int], Learned] = {}
        self._before: dict[int, list[int]] = {}
        self._after: dict[int, list[int]] = {}
        self._forced_after: dict[int, list[int]] = {}
        for then, firsts in facts.forced.items():
            for first, _ in firsts:
                self._forced_after.setdefault(first, []).append(then)
        self._settle()

    # ── what is known ──

    def preds(self, operation: int) -> Iterator[int]:
        """The operations that are known to come before one, but for real time."""
        yield from self.facts.preds(operation)
        yield from self._before.get(operation, ())

    def succs(self, operation: int) -> Iterator[int]:
        """The operations that are known to come after one, but for real time."""
        facts = self.facts
        for entry in facts.entries[operation]:
            if entry.rests != NOBODY:
                yield from facts.consumers[entry.rests]
        for order, _ in facts.consumed(operation):
            ender = facts.ender[order]
            if ender not in (NOBODY, operation):
                yield ender
        if facts.fed_after[operation] != NOBODY:
            yield facts.fed_after[operation]
        yield from self._forced_after.get(operation, ())
        yield from self._after.get(operation, ())

    def path(self, one: int, other: int) -> Path | None:
        """Whether one operation is known to come before another, and how; None if nothing says so.

        At most one step of a path has to be one of real time: what lies between two of them is in real time as well.
        """
        if one == other:
            return Path(0, ())
        earliest, latest = self.earliest, self.latest
        if latest[one] < earliest[other]:
            return Path(0, ((one, other),))
        target, backwards = other, {other: NOBODY}
        if self._before:  # suppositions do not move windows, so look for the latest call among what comes before
            waiting = [other]
            while waiting:
                now = waiting.pop()
                for before in self.preds(now):
                    if before not in backwards and latest[before] >= earliest[one]:
                        backwards[before] = now
                        waiting.append(before)
                        if earliest[before] > earliest[target]:
                            target = before
        bound, end = earliest[target], latest[other]
        forwards = {one: NOBODY}
        waiting = [one]
        while waiting:
            now = waiting.pop()
            if latest[now] < bound:
                return self._joined(forwards, now, backwards, target)
            for after in self.succs(now):
                if after == other:
                    forwards[after] = now
                    return self._joined(forwards, after, {other: NOBODY}, other)
                if after not in forwards and earliest[after] <= end:
                    forwards[after] = now
                    waiting.append(after)
        return None

    def _joined(self, forwards: dict[int, int], meet: int, backwards: dict[int, int], target: int) -> Path:
        steps = []
        now = meet
        while forwards[now] != NOBODY:
            steps.append((forwards[now], now))
            now = forwards[now]
        steps.reverse()
        if meet != target:
            steps.append((meet, target))
        now = target
        while backwards[now] != NOBODY:
            steps.append((now, backwards[now]))
            now = backwards[now]
        suppositions = 0
        for step in steps:
            learned = self.learned.get(step)
            if learned is not None and not self.facts.why(*step):
                suppositions |= learned.suppositions
        return Path(suppositions, tuple(steps))

    def told(self, path: Path) -> tuple[Why, ...]:
        """A path as steps of a proof."""
        return tuple(self._told_step(one, other) for one, other in path.steps)

    def _told_step(self, one: int, other: int) -> Why:
        by = self.facts.why(one, other)
        if by:
            return Why(by, (other, one))
        learned = self.learned.get((one, other))
        if learned is not None:
            return learned.why
        return self._told_windows(one, other)

    def _told_windows(self, one: int, other: int) -> Why:
        """Why the window of one operation ends before that of another begins."""
        because: list[Why] = []
        after = one
        while self._through_latest[after] != NOBODY:
            because.append(self._told_step(after, self._through_latest[after]))
            after = self._through_latest[after]
        chain: list[Why] = []
        before = other
        while self._through_earliest[before] != NOBODY:
            chain.append(self._told_step(self._through_earliest[before], before))
            before = self._through_earliest[before]
        chain.reverse()
        step = Why("it had returned when {1} was called", (after, before))
        if not because and not chain:
            return step
        return Why("it comes before {1}, then", (one, other), (*because, step, *chain))

    # ── what is learned ──

    def learn(self, learned: Learned) -> None:
        """One more edge. Raises Cycle if it cannot be, whatever is supposed."""
        one, other = learned.before, learned.after
        known = self.learned.get((one, other))
        if known is not None and not known.suppositions:
            return
        self.learned[one, other] = learned
        if known is None:
            self._before.setdefault(other, []).append(one)
            self._after.setdefault(one, []).append(other)
        if not learned.suppositions:
            self._settle_from(one, other)

    def forget(self, suppositions: int) -> None:
        """Drop every edge that rests on one of these suppositions."""
        for (one, other), learned in list(self.learned.items()):
            if learned.suppositions & suppositions:
                del self.learned[one, other]
                self._before[other].remove(one)
                self._after[one].remove(other)
                if not self._before[other]:
                    del self._before[other]

    # ── windows ──

    def _settle(self) -> None:
        """Move every window inwards until it fits what comes before and after."""
        later = [at for at in in_turn(self.earliest) if self._push_earliest(at)]
        self._spread_earliest(later)
        sooner = [at for at in reversed(in_turn(self.latest)) if self._push_latest(at)]
        self._spread_latest(sooner)
        for at in range(len(self.earliest)):
            self._check(at)

    def _settle_from(self, one: int, other: int) -> None:
        if self.earliest[one] > self.earliest[other]:
            self.earliest[other] = self.earliest[one]
            self._through_earliest[other] = one
            self._check(other)
            self._spread_earliest([other])
        if self.latest[other] < self.latest[one]:
            self.latest[one] = self.latest[other]
            self._through_latest[one] = other
            self._check(one)
            self._spread_latest([one])

    def _push_earliest(self, at: int) -> bool:
        earliest = self.earliest
        best = earliest[at]
        for before in self.facts.preds(at):
            if earliest[before] > best:
                best = earliest[before]
                self._through_earliest[at] = before
        moved = best != earliest[at]
        earliest[at] = best
        return moved

    def _push_latest(self, at: int) -> bool:
        latest = self.latest
        best = latest[at]
        for after in self.succs(at):
            if latest[after] < best:
                best = latest[after]
                self._through_latest[at] = after
        moved = best != latest[at]
        latest[at] = best
        return moved

    def _spread_earliest(self, waiting: list[int]) -> None:
        while waiting:
            now = waiting.pop()
            bound = self.earliest[now]
            for after in self.succs(now):
                if self.earliest[after] < bound and self._is_firm(now, after):
                    self.earliest[after] = bound
                    self._through_earliest[after] = now
                    self._check(after)
                    waiting.append(after)

    def _spread_latest(self, waiting: list[int]) -> None:
        while waiting:
            now = waiting.pop()
            bound = self.latest[now]
            for before in self.preds(now):
                if self.latest[before] > bound and self._is_firm(before, now):
                    self.latest[before] = bound
                    self._through_latest[before] = now
                    self._check(before)
                    waiting.append(before)

    def _is_firm(self, one: int, other: int) -> bool:
        learned = self.learned.get((one, other))
        return learned is None or not learned.suppositions or bool(self.facts.why(one, other))

    def _check(self, at: int) -> None:
        if self.earliest[at] > self.latest[at] and self.latest[at] < NEVER - 1:
            raise Cycle(self._told_windows(at, at))
