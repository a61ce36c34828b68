"""A scheduler of our own: the engine's threads are real, but only one of them runs, and we say which.

It is injected as the engine's `Sync`. A thread stops before it takes a lock, and before it touches a cell known to
race; then whoever is chosen goes on. What a thread does from one such point to the next is one *transition*, named by
what it begins with: it takes a lock, or it touches a cell. Leaving a lock is no point of its own: that another thread
runs before it or after it makes a difference only if it wants the lock, and then it stops there.

So a run is a word over the threads, its *schedule*: the same word makes the same run again. All switching is done by
passing a baton, a thread to the next one, without a thread in between; threads are kept from run to run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import NamedTuple


class Action(NamedTuple):
    """What a transition begins with."""

    kind: str
    """`take` a lock, or `read` or `write` a cell; or `release` a lock that somebody else holds, or nobody."""
    place: str
    """The name of the lock or the cell."""

    def depends_on(self, other: Action) -> bool:
        """Whether the order of two transitions of different threads can matter.

        >>> Action("take", "stripe 0").depends_on(Action("take", "stripe 0"))
        True
        >>> Action("read", "ABC").depends_on(Action("read", "ABC"))
        False
        """
        return self.place == other.place and (self.kind != "read" or other.kind != "read")


class Event(NamedTuple):
    """One transition of a run."""

    thread: int
    action: Action
    clock: tuple[int, ...]
    """For each thread, how many of its transitions happen before the end of this one, itself and its start included."""
    before: tuple[int, ...]
    """The same for the thread's transition before this one: what happens before it by other ways than its place."""


class Race(NamedTuple):
    """Two threads touch a cell, at least one of them to change it, and nothing orders them.

    A thread that leaves a lock which it does not hold races for the lock: with its holder, or with nobody but itself.
    """

    cell: str
    threads: tuple[int, int]


class Run(NamedTuple):
    """What a schedule led to."""

    events: tuple[Event, ...]
    waiting: Mapping[int, Action]
    """Threads that never ended and what they wait for: a deadlock, or nothing if all ended."""
    holders: Mapping[str, int]
    """Who held which lock at the end."""
    races: tuple[Race, ...]
    cut: bool
    """Whoever chose did not want to go on: the run has been explored in another order."""
    errors: Mapping[int, BaseException]
    """What a thread raised."""

    @property
    def schedule(self) -> tuple[int, ...]:
        """The threads in the order of their transitions."""
        return tuple(event.thread for event in self.events)


Choose = Callable[[Mapping[int, Action], frozenset[int]], "int | None"]
"""From what each thread wants to do next, and who can, to who goes on; None cuts the run."""

Script = Callable[[], None]


class _Abandoned(BaseException):
    """Ends a thread of a run that is over."""


class Scheduler:
    """A `Sync` under control, and the threads that are run under it.

    >>> scheduler = Scheduler(2)
    >>> lock, said = scheduler.lock("stripe"), []
    >>> def speak(word):
    ...     with lock:
    ...         said.append(word)
    >>> run = scheduler.run([lambda: speak("one"), lambda: speak("two")], lambda wanted, able: max(able))
    >>> said, run.schedule
    (['two', 'one'], (1, 0))
    >>> scheduler.close()
    """

    def __init__(self, threads: int) -> None:
        self._gates = [threading.Lock() for _ in range(threads)]
        self._done = threading.Lock()
        for gate in (*self._gates, self._done):
            gate.acquire()
        self._scripts: list[Script | None] = [None] * threads
        self.racy: frozenset[str] = frozenset()
        """Cells that a thread stops at before it touches them."""
        self.tell: Callable[[int, str], None] | None = None
        """Hears of every lock taken and left, when somebody wants the story."""
        self._running = -1
        self._threads = [threading.Thread(target=self._work, args=(at,), daemon=True) for at in range(threads)]
        self._clear(0)
        for thread in self._threads:
            thread.start()

    def _clear(self, threads: int) -> None:
        self._wanted: dict[int, Action] = {}
        self._holders: dict[str, int] = {}
        self._events: list[Event] = []
        self._races: dict[Race, None] = {}
        self._errors: dict[int, BaseException] = {}
        self._begun = 0
        self._left = threads
        self._over = False
        self._cut = False
        # What a thread does before its first transition counts as one of its own, or nobody would see it race.
        self._clocks = [tuple(int(at == other) for other in range(threads)) for at in range(threads)]
        self._lock_clocks: dict[str, tuple[int, ...]] = {}
        # The same by locks alone: what a race is told by, even where racing cells are points and order the run.
        self._locked = list(self._clocks)
        self._lock_locked: dict[str, tuple[int, ...]] = {}
        self._place_clocks: dict[str, tuple[int, ...]] = {}
        self._read_clocks: dict[str, tuple[int, ...]] = {}
        self._leaving: list[int] = []
        self._reads: dict[str, dict[int, int]] = {}
        self._writes: dict[str, dict[int, int]] = {}

    # ── the seam ──

    def lock(self, name: str) -> ControlledLock:
        """A lock that is taken only by those who are chosen."""
        return ControlledLock(self, name)

    def counter(self, name: str) -> Callable[[], int]:
        """1, 2, 3, …: only one thread runs, so there is nothing to guard."""
        count = 0

        def following() -> int:
            nonlocal count
            count += 1
            return count

        return following

    def touch(self, cell: str, writes: bool) -> None:
        """A thread is about to read or write a cell: is that ordered with what the others did?"""
        me = self._running
        if me < 0 or self._over:
            return
        if cell in self.racy:
            self._point(Action("write" if writes else "read", cell))
        clock = self._locked[me]
        theirs = [self._writes.setdefault(cell, {})]
        if writes:
            theirs.append(self._reads.setdefault(cell, {}))
        for touched in theirs:
            for other, at in touched.items():
                if other != me and at > clock[other]:
                    self._races[Race(cell, (min(me, other), max(me, other)))] = None
        mine = self._writes if writes else self._reads
        mine.setdefault(cell, {})[me] = clock[me]

    # ── a run ──

    def run(self, scripts: Sequence[Script], choose: Choose) -> Run:
        """Run the scripts, one thread each, as `choose` says; ends when all have ended, or nobody can go on."""
        self._clear(len(scripts))
        self._choose = choose
        self._total = len(scripts)
        for at, script in enumerate(scripts):
            self._scripts[at] = script
        self._begin_next()
        self._done.acquire()
        self._running = -1
        self._over = False
        return Run(
            tuple(self._events),
            dict(self._wanted),
            dict(self._holders),
            tuple(self._races),
            self._cut,
            dict(self._errors),
        )

    def close(self) -> None:
        """End the threads."""
        for at, gate in enumerate(self._gates):
            self._scripts[at] = None
            gate.release()

    def _begin_next(self) -> None:
        """Let a thread run up to its first point. Nobody else has begun to change anything by then."""
        at = self._begun
        self._begun += 1
        self._running = at
        self._gates[at].release()

    def _work(self, me: int) -> None:
        gate = self._gates[me]
        while True:
            gate.acquire()
            script = self._scripts[me]
            if script is None:
                return
            try:
                script()
            except _Abandoned:
                pass
            except BaseException as error:
                self._errors[me] = error
            self._ended(me)

    def _ended(self, me: int) -> None:
        self._scripts[me] = None
        self._left -= 1
        if not self._over and self._begun < self._total:
            self._begin_next()
            return
        if not self._over and self._left:
            self._hand_over(me)
            if not self._over:
                return
        if self._leaving:
            self._gates[self._leaving.pop()].release()
        else:
            self._done.release()

    def _point(self, action: Action) -> None:
        """Stop, until this thread is chosen to go on with its action."""
        me = self._running
        self._wanted[me] = action
        if self._begun < self._total:
            self._begin_next()
            self._gates[me].acquire()
        elif self._hand_over(me) != me:
            self._gates[me].acquire()
        if self._over:
            raise _Abandoned

    def _hand_over(self, me: int) -> int:
        """Choose who goes on, and wake it unless it is this thread. Ends the run when nobody can."""
        able = frozenset(
            thread
            for thread, action in self._wanted.items()
            if action.kind != "take" or action.place not in self._holders
        )
        chosen = self._choose(self._wanted, able) if able else None
        if chosen is None:
            self._cut = bool(able)
            self._over = True  # everybody who waits is woken, one after the other, to leave: nothing of it counts
            self._leaving = [thread for thread in self._wanted if thread != me]
            return me
        self._step(chosen)
        self._running = chosen
        if chosen != me:
            self._gates[chosen].release()
        return chosen

    def _step(self, thread: int) -> None:
        """The chosen thread begins a transition: note it, and what happens before it."""
        action = self._wanted.pop(thread)
        before = self._clocks[thread]
        kind, place = action
        clock = _joined(before, self._place_clocks.get(place))
        if kind == "take":
            self._holders[place] = thread
            clock = _joined(clock, self._lock_clocks.get(place))
        elif kind == "write":
            clock = _joined(clock, self._read_clocks.get(place))
        clock = (*clock[:thread], clock[thread] + 1, *clock[thread + 1 :])
        self._clocks[thread] = clock
        locked = _joined(self._locked[thread], self._lock_locked.get(place) if kind == "take" else None)
        self._locked[thread] = (*locked[:thread], locked[thread] + 1, *locked[thread + 1 :])
        if kind == "read":
            self._read_clocks[place] = _joined(clock, self._read_clocks.get(place))
        else:
            self._place_clocks[place] = clock
        self._events.append(Event(thread, action, clock, before))
        if self.tell is not None:
            self.tell(thread, f"{kind}s {place}")

    def _release(self, place: str) -> None:
        del self._holders[place]
        me = self._running
        self._lock_clocks[place] = self._clocks[me]
        self._lock_locked[place] = locked = self._locked[me]
        # What it does from here on is not ordered before whoever takes the lock next, though it is no point.
        self._locked[me] = (*locked[:me], locked[me] + 1, *locked[me + 1 :])
        if self.tell is not None:
            self.tell(me, f"leaves {place}")


class ControlledLock:
    """A lock of the scheduler's. Outside a run, when there is one thread only, it does nothing."""

    def __init__(self, scheduler: Scheduler, name: str) -> None:
        self.name = name
        self._scheduler = scheduler

    def acquire(self) -> None:
        """Stop until this thread is chosen and nobody holds the lock."""
        scheduler = self._scheduler
        if scheduler._over:
            raise _Abandoned
        if scheduler._running >= 0:
            scheduler._point(Action("take", self.name))

    def release(self) -> None:
        """Let the next one have it. RuntimeError, as from a lock of `threading`, if nobody holds it.

        A thread that does not hold it may throw somebody out. That is a race for the lock itself, which is then a
        point like any other cell that races, for everybody who leaves it.
        """
        scheduler, name = self._scheduler, self.name
        me = scheduler._running
        if scheduler._over or me < 0:
            return
        holder = scheduler._holders.get(name)
        if holder != me:
            other = me if holder is None else holder
            scheduler._races[Race(name, (min(me, other), max(me, other)))] = None
        if holder != me or name in scheduler.racy:
            scheduler._point(Action("release", name))
            if name not in scheduler._holders:
                raise RuntimeError("release unlocked lock")
        scheduler._release(name)

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _joined(one: tuple[int, ...], other: tuple[int, ...] | None) -> tuple[int, ...]:
    return one if other is None else tuple(map(max, one, other))
