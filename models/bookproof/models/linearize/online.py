"""Checks a run while it goes on: what is wrong is told as soon as it can be known, not when all is over.

Where the exchange stamps its operations, an operation gets its place in the order when nothing that is still under way
was called before it returned: from then on nobody can come before it. So what is told lags behind by as long as the
longest operation that is open, and each operation is looked at once.

Without stamps the run is cut where nothing is under way. All states to which an order of the operations since the last
such moment can lead are kept, up to `MOST_STATES`, and the next ones begin in them. States whose books look the same
are taken for one, so what no state explains is a suspicion: it is told if `judge` finds no order either, of all that
has been seen. Where a run is never quiet, or too much overlaps, `judge` looks at all of it whenever it has doubled.
What has been seen of a run that some order explains is itself explained by one, with what is under way left open.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from heapq import heappop, heappush
from typing import NamedTuple

from bookproof.models.linearize.conclusion import Conclusion, Verdict
from bookproof.models.linearize.entries import Call, Entry, Return
from bookproof.models.linearize.file import Gathering
from bookproof.models.linearize.history import History, Operation
from bookproof.models.linearize.judge import Judgement, judge
from bookproof.models.linearize.replay import EngineReplay
from bookproof.models.linearize.stamped import (
    closing,
    cycle_among,
    may_have_happened_anywhere,
    other_answer,
    refused_by_stamps,
    same_stamp_reason,
    stripe_reason,
    time_reason,
)
from bookproof.spec.events import Rejected
from bookproof.spec.exchange import Exchange, opening, snapshot, step
from bookproof.spec.values import Nanoseconds

MOST_STATES = 32
"""States that are kept at a quiet moment; of more, those found last are forgotten."""

MOST_STEPS = 5_000
"""Operations that are tried between two quiet moments, before all is left to `judge`."""

FIRST_LOOK = 512
"""Operations after which `judge` looks for the first time, where there are no quiet moments."""


class Online:
    """A run that is being watched.

    >>> from bookproof.models.linearize.entries import Beginning
    >>> from bookproof.spec.commands import EndOfDay
    >>> from bookproof.spec.profile import DEFAULT
    >>> run = Online()
    >>> run.add(1, Beginning(2, (), DEFAULT, False))
    >>> run.add(2, Call(0, 1, 10, EndOfDay()))
    >>> run.add(3, Return(0, None, 20, (), ())).verdict.value  # the day is never told to have ended
    'not-linearizable'
    """

    def __init__(self, path: str = "<stream>", *, budget_seconds: float = 60.0) -> None:
        self.violation: Conclusion | None = None
        """Why no order explains what has been seen, or its stamps do not."""
        self.doubt = ""
        """Why nothing more can be said before all is over; empty as long as something can."""
        self._gathering = Gathering(path)
        self._budget_seconds = budget_seconds
        self._watch: _Stamped | _Unstamped | None = None
        self._held: list[tuple[Entry, int]] = []
        """What came before the first answer that shows whether there are stamps."""

    @property
    def operations(self) -> int:
        """How many have been called."""
        return self._gathering.calls

    @property
    def explained(self) -> int:
        """How many have a place in an order that explains them all."""
        return 0 if self._watch is None else self._watch.explained

    def add(self, line: int, entry: Entry) -> Conclusion | None:
        """One more line; the violation, from then on when it can be known. InputError as `file.read` has it."""
        place = self._gathering.add(line, entry)
        if place is None or self.violation is not None or self.doubt:
            return self.violation
        if self._watch is None:
            self._held.append((entry, place))
            if isinstance(entry, Return) and (entry.stamps or not _is_refused(entry)):
                kind = _Stamped if entry.stamps else _Unstamped
                self._watch = kind(self._gathering, self._budget_seconds)
                for held, where in self._held:
                    self._seen(held, where)
                self._held.clear()
        else:
            self._seen(entry, place)
        return self.violation

    def _seen(self, entry: Entry, place: int) -> None:
        watch = self._watch
        if watch is None or self.violation is not None or self.doubt:
            return
        if isinstance(entry, Call):
            watch.called(place, entry)
        elif isinstance(entry, Return):
            self.violation = watch.returned(place)
        else:
            self.violation = watch.given_up(place)
        self.doubt = watch.doubt

    def so_far(self) -> History:
        """What has been seen; what is under way is open in it."""
        return self._gathering.so_far()

    def end(self) -> Judgement:
        """The verdict when the last line has been added. InputError if lines are missing."""
        return judge(self._gathering.history(), budget_seconds=self._budget_seconds)


def _is_refused(back: Return) -> bool:
    return bool(back.events) and all(isinstance(event, Rejected) for event in back.events)


# ── with stamps ──


class _Stamped:
    """An order that grows at its end."""

    def __init__(self, gathering: Gathering, budget_seconds: float) -> None:
        self.explained = 0
        self.doubt = ""
        self._operations = gathering.places
        self._replay = EngineReplay(gathering.so_far()._replace(operations=()))
        self._open: dict[int, Nanoseconds] = {}
        """When each operation under way was called, the earliest first."""
        self._waiting: set[int] = set()
        """What has returned and has no place yet."""
        self._queues: dict[str, list[tuple[int, int]]] = {}
        """Of these, by stripe: a heap of stamps and places."""
        self._last: dict[str, tuple[int, int]] = {}
        """The last of each stripe that has a place: its stamp, and which it is."""
        self._ready: list[tuple[Nanoseconds, int]] = []
        """A heap, by call, of what was next in all its stripes when it was put there."""
        self._returns: list[tuple[Nanoseconds, int]] = []
        self._may_be_missed = False
        """Whether something may have happened that has no stamp."""

    def called(self, place: int, call: Call) -> None:
        self._open[place] = call.time

    def given_up(self, place: int) -> Conclusion | None:
        del self._open[place]
        self._may_be_missed = True
        return None

    def returned(self, place: int) -> Conclusion | None:
        del self._open[place]
        operation = self._operations[place]
        self._may_be_missed |= may_have_happened_anywhere(operation)
        for stripe, stamp in operation.stamps:
            if stripe in self._last and stamp <= self._last[stripe][0]:
                return self._too_early(place, stripe)
            heappush(self._queues.setdefault(stripe, []), (stamp, place))
        self._waiting.add(place)
        heappush(self._returns, (operation.returned, place))
        self._offer(place)
        return self._advance(operation.returned)

    def _too_early(self, place: int, stripe: str) -> Conclusion:
        """Its stamp is not behind that of an operation that returned before it was called, or is the same."""
        stamp, last = self._last[stripe]
        if dict(self._operations[place].stamps)[stripe] == stamp:
            return refused_by_stamps((same_stamp_reason(self._operations, last, place, stripe, stamp),))
        proof = (stripe_reason(self._operations, place, last), time_reason(self._operations, last, place))
        return refused_by_stamps((*proof, closing([place, last], [])))

    def _offer(self, place: int) -> None:
        if self._is_next(place):
            heappush(self._ready, (self._operations[place].called, place))

    def _is_next(self, place: int) -> bool:
        """Whether it waits for a place, and is the first to do so in each of its stripes."""
        stamps = self._operations[place].stamps
        return place in self._waiting and all(self._queues[stripe][0][1] == place for stripe, _ in stamps)

    def _advance(self, now: Nanoseconds) -> Conclusion | None:
        """Give a place to whatever nobody can come before any more."""
        while self._waiting:
            while self._ready and not self._is_next(self._ready[0][1]):
                heappop(self._ready)
            while self._returns[0][1] not in self._waiting:
                heappop(self._returns)
            first_return, first = self._returns[0]
            if not self._ready or first_return < self._ready[0][0]:
                heads = {stripe: queue[0][1] for stripe, queue in self._queues.items() if queue}
                return refused_by_stamps(cycle_among(self._operations, heads, first))
            place = self._ready[0][1]
            operation = self._operations[place]
            if operation.returned >= next(iter(self._open.values()), now):
                return None
            right = self._replay.answer(operation.command)
            if right != operation.events:
                if not self._may_be_missed:
                    return refused_by_stamps((other_answer(self._operations, place, right),))
                self.doubt = "an operation without a stamp may have made an answer what it is"
                return None
            heappop(self._ready)
            found = self._place(place, operation)
            if found is not None:
                return found
        return None

    def _place(self, place: int, operation: Operation) -> Conclusion | None:
        self._waiting.remove(place)
        self.explained += 1
        for stripe, stamp in operation.stamps:
            if stripe in self._last and self._last[stripe][0] == stamp:
                return self._too_early(place, stripe)
            self._last[stripe] = (stamp, place)
            queue = self._queues[stripe]
            heappop(queue)
            if queue:
                self._offer(queue[0][1])
        return None


# ── without ──


class _State(NamedTuple):
    """Where the exchange may be."""

    state: Exchange
    happened: frozenset[int]
    """Of the operations that were given up, those that have happened in it."""


class _Unstamped:
    """All that the exchange may be, from one quiet moment to the next."""

    def __init__(self, gathering: Gathering, budget_seconds: float) -> None:
        self.explained = 0
        self.doubt = ""
        self._gathering = gathering
        self._operations = gathering.places
        self._budget_seconds = budget_seconds
        begin = gathering.so_far()
        self._states: list[_State] | None = [_State(opening(begin.instruments, begin.profile), frozenset())]
        """At the last quiet moment; None where they are not known."""
        self._next_states: list[_State] | None = None
        """Now that nothing is under way: those in which what is called next may begin, if that is later."""
        self._window: list[int] = []
        """What has returned since."""
        self._given_up: dict[int, Call] = {}
        self._open: dict[int, Call] = {}
        self._next_look = FIRST_LOOK

    def called(self, place: int, call: Call) -> None:
        """A call at the very moment of the last return overlaps with it: that was no quiet moment after all."""
        if not self._open and self._window and self._next_states is not None:
            if call.time > max(self._operations[one].returned for one in self._window):
                self._states, self._window = self._next_states, []
            self._next_states = None
        self._open[place] = call

    def given_up(self, place: int) -> Conclusion | None:
        self._given_up[place] = self._open.pop(place)
        return None if self._open or not self._window else self._quiet()

    def returned(self, place: int) -> Conclusion | None:
        del self._open[place]
        self._window.append(place)
        if not self._open:
            return self._quiet()
        if len(self._window) > MOST_STEPS // 10:
            self._states = None  # too much to try
        return self._look() if self._is_due() else None

    def _is_due(self) -> bool:
        return self._states is None and self._gathering.calls >= self._next_look

    def _quiet(self) -> Conclusion | None:
        """Nothing is under way: where may the exchange be?"""
        if self._states is not None:
            found = list(self._explored(self._states))
            if found and found[-1] is None:
                self._states = None
            elif not found:
                return self._look()
            else:
                self._next_states = [one for one in found if one is not None]
                self.explained = self._gathering.calls - len(self._given_up)
        return self._look() if self._is_due() else None

    def _look(self) -> Conclusion | None:
        """Judge all of it; and begin anew from the order that explains it, if one does and nothing is under way."""
        history = self._gathering.so_far()
        self._next_look = 2 * self._gathering.calls
        judgement = judge(history, budget_seconds=self._budget_seconds)
        if judgement.verdict is Verdict.NOT_LINEARIZABLE:
            return judgement.conclusion
        if judgement.verdict is Verdict.UNKNOWN:
            self.doubt = f"the search came to no end ({judgement.conclusion.kind})"
            return None
        self.explained = self._gathering.calls - len(self._open) - len(self._given_up)
        if not self._open:
            order = judgement.conclusion.order
            state = opening(history.instruments, history.profile)
            for place in order:
                state, _ = step(state, history.operations[place].command)
            self._states = None
            self._next_states = [_State(state, frozenset(self._given_up).intersection(order))]
        return None

    def _explored(self, begin: list[_State]) -> Iterator[_State | None]:
        """Every state that an order of the window leads to from one of these; None at the end if it took too long."""
        window = self._window
        returned = [self._operations[place].returned for place in window]
        whole = (1 << len(window)) - 1
        seen: set[Hashable] = set()
        ends: set[Hashable] = set()
        ahead = [(0, one) for one in reversed(begin)]
        steps = 0
        while ahead:
            done, at = ahead.pop()
            alike = (done, at.happened, _looks(at.state))
            if alike in seen:
                continue
            seen.add(alike)
            if done == whole:
                if len(ends) < MOST_STATES and alike not in ends:
                    ends.add(alike)
                    yield at
                continue
            first = min(moment for bit, moment in enumerate(returned) if not done >> bit & 1)
            for place, call in self._given_up.items():
                if place not in at.happened and call.time <= first:
                    steps += 1
                    state, _ = step(at.state, call.command)
                    if state is not at.state:
                        ahead.append((done, _State(state, at.happened | {place})))
            for bit, place in enumerate(window):
                operation = self._operations[place]
                if not done >> bit & 1 and operation.called <= first:
                    steps += 1
                    state, events = step(at.state, operation.command)
                    if events == operation.events:
                        ahead.append((done | 1 << bit, at._replace(state=state)))
            if steps > MOST_STEPS:
                yield None
                return


def _looks(state: Exchange) -> Hashable:
    """What can be seen of an exchange: more than that is hardly ever between two of its states."""
    market = state.halted, state.clock, state.blocked, state.index_level, state.index_base, state.breaker_level
    return snapshot(state), market
