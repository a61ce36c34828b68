"""A scheduler of our own: the engine's threads are real, but only one of them runs, and we say which.

It is injected as the engine's `Sync`. A thread stops before it takes a lock, and before it touches a cell known to
race; then whoever is chosen goes on. What a thread does from one such point to the next is one *transition*, named by
what it begins with: it takes a lock, or it touches a cell. Leaving a lock is no point of its own: that another thread
runs before it or after it makes a difference only if it wants the lock, and then it stops there. Leaving a lock that
others may only *try* to take is one: they can see the difference.

So a run is a word over the threads, its *schedule*: the same word makes the same run again. All switching is done by
passing a turn, a thread to the next one, without a thread in between (`wheels`).

What there is, and where a thread stops:

=============  =======================================================  ==============================================
primitive      stops before it                                          so that others come between
=============  =======================================================  ==============================================
lock, rlock    takes it (the holder of an rlock takes it again freely)  takes
try lock       takes it, tries it, leaves it                            tries that fail, and those that do not
condition      nothing: it has its lock. Who waits lets the lock go,    as for its lock
               and takes it again when it has been woken
the same, for  stops to wait, at any moment. While anybody waits so,    wake-ups that come too late, and those that
some seconds   there is a stop before somebody is woken there           come to one who does not wait any more
semaphore      takes a permit, tries to, gives one                      permits taken before they are given
event          raises, lowers, looks at its flag, or waits for it       looks before and after
               (no longer than so long: that is a look)
counter        draws, if two threads drew with nothing to order them    stamps that contradict what is seen
               (`numbers_matter`), or if one of these held nothing
cell, book     reads or writes it, if it races                          whatever a data race can do
=============  =======================================================  ==============================================

There is no clock: whoever waits for some seconds may have waited long enough at any moment, as soon as it waits and as
long as what it waits for has not come. It is one more thing that the thread can do next, so it is in the schedule, and
the word says it. These are more runs than there will ever be, as a second may pass while others stand still, and none
that will be is left out. Whoever waits so over and over again is followed `MOST_TRIES` times, and that is said
(`Run.spun`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeVar

from bookproof.models.interleaving.actions import BLOCKING, CLASHES, TRY, VAIN, Asked
from bookproof.models.interleaving.actions import Action as Action
from bookproof.models.interleaving.primitives import (
    Abandoned,
    ControlledCell,
    ControlledCondition,
    ControlledEvent,
    ControlledLock,
    ControlledRLock,
    ControlledSemaphore,
    ControlledTryLock,
)
from bookproof.models.interleaving.wheels import THREADS, wheel
from bookproof.spec.values import Value

T = TypeVar("T")

_WORDS = {
    "win": "tries {} and takes it",
    "fail": "tries {} in vain",
    "release": "leaves {}",
    "look": "looks at {}",
    "wait": "waits for {} no more",
    "sleep": "waits at {}",
    "expire": "has waited at {} long enough",
    "hear": "finds {} raised in time",
    "miss": "has waited for {} long enough",
    "wake": "wakes at {}",
    "draw": "draws {}",
}


def told(action: Action) -> str:
    """What a thread does, in words.

    >>> told(Action("take", "stripe 0")), told(Action("fail", "stripe 0"))
    ('takes stripe 0', 'tries stripe 0 in vain')
    """
    return _WORDS.get(action.kind, f"{action.kind}s {{}}").format(action.place)


MOST_STEPS = 400
"""Transitions after which a run is given up: an engine that does not spin comes nowhere near."""

MOST_TRIES = 2
"""How often a thread tries in vain for a lock that nobody has left meanwhile. Then it has to wait for it: as long as
nothing changes it would only try again. So often it also waits too long for a flag that nobody has raised meanwhile;
and at a condition where nobody has woken anybody, until it gets something done."""


class Event(Value, frozen=True):
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


class Draw(Value, frozen=True):
    """A number that a thread drew from a counter."""

    counter: str
    number: int
    thread: int
    event: int
    """The transition that it belongs to; -1 for what a thread does before its first."""


class Run(NamedTuple):
    """What a schedule led to."""

    events: tuple[Event, ...]
    waiting: Mapping[int, Action]
    """Threads that never ended and what they wait for: they are stuck, or nothing if all ended."""
    holders: Mapping[str, int]
    """Who held which lock at the end."""
    races: tuple[Race, ...]
    cut: bool
    """Whoever chose did not want to go on: the run has been explored in another order; or it is `endless`."""
    errors: Mapping[int, BaseException]
    """What a thread raised."""
    clocks: Mapping[int, tuple[int, ...]] = {}
    """What happens before that for which each of the waiting waits, by other ways than its place."""
    draws: tuple[Draw, ...] = ()
    """What was drawn from counters, in order."""
    drawn: frozenset[str] = frozenset()
    """Counters whose draws have to be points: two threads drew, and nothing orders them."""
    endless: bool = False
    """Given up after as many transitions as a run may have."""
    spun: frozenset[int] = frozenset()
    """Threads that tried for a lock until they had to wait for it, though they might have tried more often."""
    where: Mapping[int, str] = {}
    """The source line at which each of the waiting stands, if the run was told."""
    returns: tuple[tuple[int, int], ...] = ()
    """Which thread said that it got something done, and after how many transitions."""

    points: frozenset[str] = frozenset()
    """Racing cells, and counters, at which threads stopped."""

    values: Mapping[str, int] = {}
    """Permits of semaphores, and flags (1 is up), at the beginning."""
    given: Mapping[tuple[int, int], int] = {}
    """By thread, and which of its transitions it was: those that gave more than one permit, and how many."""
    most_tries: int = MOST_TRIES
    """How often a thread could try in vain, until somebody left the lock."""

    @property
    def schedule(self) -> tuple[int, ...]:
        """The threads in the order of their transitions."""
        return tuple(event.thread for event in self.events)

    @property
    def bounded(self) -> bool:
        """Whether there may be runs beyond this one that were given up: nothing is said of those."""
        return self.endless or bool(self.spun)


Choose = Callable[[Mapping[int, Action], frozenset[int]], "int | None"]
"""From what each thread wants to do next, and who can, to who goes on; None cuts the run."""

Script = Callable[[], object]
Clock = tuple[int, ...]


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

    `back_end` is what carries the threads: `threads` or `greenlets`. Locks may be kept from run to run; whatever has
    a value (semaphores, events, cells, counters) is made anew for each.
    """

    def __init__(self, threads: int, back_end: str = THREADS) -> None:
        self._wheel = wheel(back_end, threads, self._act)
        self._scripts: Sequence[Script] = ()
        self.racy: frozenset[str] = frozenset()
        """Cells, and counters, that a thread stops at before it touches them."""
        self.tell: Callable[[int, str], None] | None = None
        """Hears of every lock taken and left, when somebody wants the story."""
        self.most_steps = MOST_STEPS
        """Transitions of a run, at most."""
        self.most_tries = MOST_TRIES
        """Tries in vain, at most, until somebody leaves the lock."""
        self.numbers_matter = True
        """Whether it is to be explored who draws which number of a counter, even if they hold locks that nothing orders
        and do not care. Whoever knows what the numbers are for may see to that himself, with the draws of the run."""
        self._running = -1
        # Who holds what; -1 for whatever cannot be taken though nobody holds it.
        self._holders: dict[str, int] = {}
        self._values: dict[str, int] = {}
        self._permits: dict[str, ControlledSemaphore] = {}
        self._tried: set[str] = set()
        self._clear(0)

    def _clear(self, threads: int) -> None:
        self._wanted: dict[int, Action] = {}
        self._holders = {place: holder for place, holder in self._holders.items() if holder < 0}
        self._events: list[Event] = []
        self._races: dict[Race, None] = {}
        self._errors: dict[int, BaseException] = {}
        self._begun = 0
        self._left = threads
        self._over = False
        self._cut = False
        self._failure: BaseException | None = None
        self._endless = False
        # What a thread does before its first transition counts as one of its own, or nobody would see it race.
        self._clocks: list[Clock] = list(_first_clocks(threads))
        self._lock_clocks: dict[str, Clock] = {}
        # The same by locks and signals alone: what a race is told by, even where racing cells are points and order the
        # run; and here what a thread does after it has left something counts as later than that.
        self._locked: list[list[int]] = [list(clock) for clock in self._clocks]
        self._lock_locked: dict[str, Clock] = {}
        self._past: dict[str, dict[str, Clock]] = {}
        self._signals: dict[str, Clock] = {}  # what happens before a permit that was given, or a flag that was raised
        self._leaving: list[int] = []
        self._reads: dict[str, dict[int, int]] = {}
        self._writes: dict[str, dict[int, int]] = {}
        self._last: dict[str, tuple[int, int, bool]] = {}
        self._draws: dict[str, tuple[dict[int, int], dict[int, int]]] = {}
        self._drawn: set[str] = set()
        self._draw_log: list[Draw] = []
        self._trying: dict[int, tuple[str, Asked]] = {}
        self._vain: dict[tuple[int, str], int] = {}
        self._spun: set[int] = set()
        self._sleepers: dict[str, list[int]] = {}
        self._napping: set[int] = set()  # those of them that wait for some seconds only, also when these are over
        self._where: dict[int, str] = {}
        self._returns: list[tuple[int, int]] = []
        self._values = dict.fromkeys(self._holders, 0) | {place: made.value for place, made in self._permits.items()}
        self._given: dict[tuple[int, int], int] = {}

    # ── the seam ──

    def lock(self, name: str) -> ControlledLock:
        """A lock that is taken only by those who are chosen."""
        return ControlledLock(self, name)

    def try_lock(self, name: str) -> ControlledTryLock:
        """The same, and one may ask for it without waiting. A wait that may end unanswered is a try, whenever."""
        self._tried.add(name)
        return ControlledTryLock(self, name)

    def rlock(self, name: str) -> ControlledRLock:
        """A lock that its holder may take again."""
        return ControlledRLock(self, name)

    def condition(self, name: str, lock: Any) -> ControlledCondition:
        """A condition of one of these locks. Who has waited longest is woken first, as `threading` does it."""
        self._holders[name] = -1
        return ControlledCondition(self, name, lock)

    def semaphore(self, name: str, value: int = 1) -> ControlledSemaphore:
        """A semaphore with so many permits."""
        if value < 0:
            raise ValueError(f"expected no less than 0 permits, got {value}")
        made = self._permits[name] = ControlledSemaphore(self, name, value)
        self._values[name] = value
        self.shut(name, not value)
        return made

    def event(self, name: str) -> ControlledEvent:
        """An event whose flag is down."""
        self._values[name] = 0
        self.shut(name, True)
        return ControlledEvent(self, name)

    def cell(self, name: str, value: T) -> ControlledCell[T]:
        """A shared cell: who reads or writes it is told to the race detector."""
        return ControlledCell(self, name, value)

    def counter(self, name: str) -> Callable[[], int]:
        """1, 2, 3, …: only one thread runs, so there is nothing to guard, but there may be something to order.

        A draw under a lock belongs to the transition that took it, as long as all draws are ordered by locks. Where
        they are not, who draws first is a choice of its own: then every draw is a point.
        """
        count = 0

        def following() -> int:
            nonlocal count
            me = self._running
            if me >= 0 and not self._over:
                self._draw(name, me)  # others may come between, and draw
            count += 1
            if me >= 0:
                self._draw_log.append(Draw(name, count, me, len(self._events) - 1))
            return count

        return following

    def _draw(self, name: str, me: int) -> None:
        if name in self.racy:
            self.point(Action("draw", name))
        clock = self._locked[me]
        free = self.numbers_matter or me not in self._holders.values()
        noted = self._draws.get(name)
        if noted is None:
            noted = self._draws[name] = {}, {}
        drawn, freely = noted
        for other, at in (drawn if free else freely).items():
            if other != me and at > clock[other]:
                self._drawn.add(name)
        drawn[me] = clock[me]
        if free:
            freely[me] = clock[me]

    def touch(self, cell: str, writes: bool) -> None:
        """A thread is about to read or write a cell: is that ordered with what the others did?"""
        me = self._running
        if me < 0 or self._over:
            return
        if cell in self.racy:
            self.point(Action("write" if writes else "read", cell))
        clock = self._locked[me]
        now = clock[me]
        last = self._last.get(cell)
        if last is not None and last[1] == now and last[0] == me and (last[2] or not writes):
            return  # this thread did that just now
        self._last[cell] = (me, now, writes)
        theirs = self._writes.setdefault(cell, {})
        self._compare(cell, theirs, me, clock)
        if writes:
            self._compare(cell, self._reads.setdefault(cell, {}), me, clock)
            theirs[me] = clock[me]
        else:
            self._reads.setdefault(cell, {})[me] = clock[me]

    def _compare(self, cell: str, touched: Mapping[int, int], me: int, clock: Sequence[int]) -> None:
        for other, at in touched.items():
            if other != me and at > clock[other]:
                self._races[Race(cell, (min(me, other), max(me, other)))] = None

    def returned(self) -> None:
        """The thread that runs has got something done: whoever spins for ever does not say so."""
        me = self._running
        if me >= 0 and not self._over:
            self._returns.append((me, len(self._events)))
            for place in self._sleepers:
                self._vain.pop((me, place), None)

    # ── a run ──

    def run(self, scripts: Sequence[Script], choose: Choose) -> Run:
        """Run the scripts, one thread each, as `choose` says; ends when all have ended, or nobody can go on."""
        self._clear(len(scripts))
        self._choose = choose
        self._scripts = scripts
        if scripts:
            self._wheel.enter(self._next_to_begin())
        self._running = -1
        self._over = False
        if self._failure is not None:
            raise self._failure
        return Run(
            tuple(self._events),
            dict(self._wanted),
            {place: holder for place, holder in self._holders.items() if holder >= 0},
            tuple(self._races),
            self._cut,
            dict(self._errors),
            {thread: self._clocks[thread] for thread in self._wanted},
            tuple(self._draw_log),
            frozenset(self._drawn),
            self._endless,
            frozenset(self._spun),
            dict(self._where),
            tuple(self._returns),
            self.racy,
            self._values,
            self._given,
            self.most_tries,
        )

    def close(self) -> None:
        """End the threads."""
        self._wheel.close()

    def _next_to_begin(self) -> int:
        """Who runs up to its first point next. Nobody else has begun to change anything by then."""
        at = self._running = self._begun
        self._begun += 1
        return at

    def _act(self, me: int) -> int | None:
        """What a thread does in a run, and who is next."""
        try:
            self._scripts[me]()
        except Abandoned:
            pass
        except BaseException as error:
            self._errors[me] = error
        self._left -= 1
        if not self._over:
            if self._begun < len(self._scripts):
                return self._next_to_begin()
            if self._left:
                chosen = self._next(me)
                if not self._over:
                    return chosen
        return self._leaving.pop() if self._leaving else None

    def point(self, action: Action) -> None:
        """Stop, until this thread is chosen to go on with its action."""
        me = self._running
        self._wanted[me] = action
        if self.tell is not None:
            self._where[me] = _line()
        if self._begun < len(self._scripts):
            self._wheel.pass_on(me, self._next_to_begin())
        else:
            chosen = self._next(me)
            if chosen != me:
                self._wheel.pass_on(me, chosen)
        if self._over:
            raise Abandoned
        if self._where:
            self._where.pop(me, None)

    def _next(self, me: int) -> int:
        """Choose who goes on. Ends the run when nobody can: then it is this thread, to leave."""
        wanted, holders = self._wanted, self._holders
        if self._trying:
            self._answer_tries()
        able = frozenset(
            [thread for thread, (kind, place) in wanted.items() if place not in holders or kind not in BLOCKING]
            if holders
            else wanted
        )
        if len(self._events) >= self.most_steps and able:
            self._endless = True
            chosen = None
        else:
            try:
                chosen = self._choose(wanted, able) if able else None
            except BaseException as error:  # it is no thread's error: all leave, and whoever asked for the run has it
                self._failure, chosen = error, None
        if chosen is None:
            self._cut = bool(able)
            self._over = True  # everybody who waits is woken, one after the other, to leave: nothing of it counts
            self._leaving = [thread for thread in wanted if thread != me]
            return me
        self._step(chosen)
        self._running = chosen
        return chosen

    def _answer_tries(self) -> None:
        """What would come of each try if it were made now."""
        for thread, (place, asked) in self._trying.items():
            if place not in self._holders:
                kind = asked.found
            elif self._vain.get((thread, place), 0) < self.most_tries:
                kind = asked.vain
            else:
                kind = asked.made_to_wait
                self._spun.add(thread)
            self._wanted[thread] = Action(kind, place)

    def _step(self, thread: int) -> None:
        """The chosen thread begins a transition: note it, and what happens before it."""
        action = self._wanted.pop(thread)
        before = self._clocks[thread]
        kind, place = action
        if kind == "take" and place not in self._tried and place not in self._permits and place not in self.racy:
            self._holders[place] = thread
            theirs = self._lock_clocks.get(place)
            known = list(before if theirs is None else map(max, before, theirs))
            known[thread] += 1
            clock = self._clocks[thread] = tuple(known)
            self._learn(thread, self._lock_locked.get(place))
        else:
            clock = self._step_aside(thread, kind, place)
        self._events.append(Event(thread, action, clock, before))
        if self.tell is not None and kind not in ("release", "wake"):
            self.tell(thread, told(action))

    def _step_aside(self, thread: int, kind: str, place: str) -> Clock:
        """The same for whatever is not simply a lock that is taken."""
        clock = self._clocks[thread]
        past = self._past.setdefault(place, {})
        for other in CLASHES[kind]:
            clock = _joined(clock, past.get(other))
        clock = (*clock[:thread], clock[thread] + 1, *clock[thread + 1 :])
        self._clocks[thread] = clock
        past[kind] = _joined(clock, past.get(kind))
        learnt: Clock | None = None
        if kind in ("take", "win"):
            permits = self._permits.get(place)
            if permits is None:
                self._holders[place] = thread
                learnt = self._lock_locked.get(place)
            else:
                permits.value -= 1
                self.shut(place, not permits.value)
                learnt = self._signals.get(place)
        elif kind in ("wait", "hear") or (kind == "look" and place not in self._holders):
            learnt = self._signals.get(place)
        elif kind in VAIN:
            self._vain[thread, place] = self._vain.get((thread, place), 0) + 1
        self._learn(thread, learnt)
        self._trying.pop(thread, None)
        return clock

    def _learn(self, thread: int, of: Clock | None) -> None:
        """What happened before somebody left a lock, or gave a signal, happened before this."""
        mine = self._locked[thread]
        if of is not None:
            mine[:] = map(max, mine, of)
        mine[thread] += 1

    def _leave(self) -> Clock:
        """What happened so far; what the thread that runs does from here on comes later, though it is no point."""
        me = self._running
        mine = self._locked[me]
        so_far = tuple(mine)
        mine[me] += 1
        return so_far

    # ── what the primitives do, when their turn has come ──

    @property
    def over(self) -> bool:
        """Whether the run is over, so that nothing counts any more."""
        return self._over

    @property
    def running(self) -> int:
        """The thread that runs; -1 if there is no run, but one thread that makes an engine or looks at it."""
        return self._running

    def counts(self) -> bool:
        """Whether there is a run. Whoever would go on in one that is over leaves instead."""
        if self._over:
            raise Abandoned
        return self._running >= 0

    def stop(self, kind: str, place: str) -> None:
        """Stop, until this thread is chosen to go on."""
        self.point(Action(kind, place))

    def attempt(self, place: str) -> bool:
        """Try to take something; whether it was there."""
        return self.ask(place, TRY) != TRY.vain

    def ask(self, place: str, asked: Asked) -> str:
        """Stop, until this thread is chosen to go on, with whatever it finds; what kind of transition that was."""
        me = self._running
        self._trying[me] = place, asked
        self.point(Action(asked.found, place))
        return self._events[-1].action.kind

    def holder(self, place: str) -> int:
        """Who holds a lock; -1 if nobody does."""
        return self._holders.get(place, -1)

    def release(self, place: str) -> None:
        """The thread that runs leaves a lock. RuntimeError, as from a lock of `threading`, if nobody holds it.

        A thread that does not hold it may throw somebody out. That is a race for the lock itself, which is then a
        point like any other cell that races, for everybody who leaves it.
        """
        me = self._running
        if self._over or me < 0:
            return
        holder = self._holders.get(place, -1)
        if holder != me:
            other = me if holder < 0 else holder
            self._races[Race(place, (min(me, other), max(me, other)))] = None
        if holder != me or place in self.racy or place in self._tried:
            self.point(Action("release", place))
            if place not in self._holders:
                raise RuntimeError("release unlocked lock")
        self.left(place)

    def left(self, place: str) -> None:
        """A lock is held no more."""
        me = self._running
        del self._holders[place]
        self._lock_clocks[place] = self._clocks[me]
        self._lock_locked[place] = self._leave()
        if self._vain:
            self._forget_tries(place)
        if self.tell is not None:
            self.tell(me, f"leaves {place}")

    def check_held(self, place: str, what: str) -> None:
        """Raise RuntimeError unless the thread that runs holds a lock."""
        holder = self._holders.get(place, -1)
        if holder != self._running:
            held = "nobody holds" if holder < 0 else f"{'ABCDEFGH'[holder]} holds"
            raise RuntimeError(f"cannot {what} {place}, which {held}")

    def _forget_tries(self, place: str) -> None:
        self._vain = {key: times for key, times in self._vain.items() if key[1] != place}

    def gave(self, place: str, n: int) -> None:
        """Permits of a semaphore were given."""
        if n > 1:
            me = self._running
            self._given[me, self._clocks[me][me]] = n
        self._signals[place] = _joined(self._leave(), self._signals.get(place))
        self._forget_tries(place)
        self.shut(place, False)

    def flag(self, place: str, up: bool) -> None:
        """The flag of an event goes up or down."""
        if up and self._running >= 0 and place in self._holders:
            self._signals[place] = self._leave()
        if up and self._vain:
            self._forget_tries(place)
        self.shut(place, not up)

    def is_shut(self, place: str) -> bool:
        """Whether something cannot be taken, or waited for, just now."""
        return place in self._holders

    def shut(self, place: str, shut: bool) -> None:
        """Whether it can from now on."""
        if shut:
            self._holders[place] = -1
        else:
            self._holders.pop(place, None)

    def sleepers(self, place: str) -> Sequence[int]:
        """Who waits at a condition, the longest waiting first."""
        return self._sleepers.get(place, ())

    def lie_down(self, place: str, timed: bool) -> None:
        """The thread that runs is among those who can be woken at a condition; it still has its lock."""
        self._sleepers.setdefault(place, []).append(self._running)
        if timed:
            self._napping.add(self._running)

    def get_up(self, place: str) -> None:
        """The thread that runs has waited long enough, has its lock again, and cannot be woken any more."""
        asleep = self._sleepers[place]
        if self._running in asleep:
            asleep.remove(self._running)
        self._napping.discard(self._running)

    def wake(self, place: str, lock: str, n: int) -> None:
        """Wake so many threads that wait at a condition. It is only now that they want the lock.

        This is a point if one of all that can be woken does not wait to the end. Who can be woken changes only with the
        lock held, so whether it is a point depends on nothing but what happened before the lock was taken.
        """
        me, asleep = self._running, self._sleepers.get(place, [])
        if self._napping and not self._napping.isdisjoint(asleep):
            self.point(Action("wake", place))
        woken = [thread for thread in asleep[:n] if self._wanted[thread].place == place]
        for thread in woken:  # the others have waited long enough, and want their lock already
            self._wanted[thread] = Action("take", lock)
            self._trying.pop(thread, None)
            self._napping.discard(thread)
            self._clocks[thread] = _joined(self._clocks[thread], self._clocks[me])
        del asleep[:n]
        if self._vain:
            self._forget_tries(place)
        if self.tell is not None:
            self.tell(me, f"wakes {', '.join('ABCDEFGH'[thread] for thread in woken) or 'nobody'} at {place}")


_ASIDE = ("bookproof.models.interleaving.", "bookproof.models.held", "contextlib", "greenlet", "threading")


def _line() -> str:
    """The line of the engine at which the running thread stops: the innermost that is not ours."""
    frame = sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).startswith(_ASIDE):
        frame = frame.f_back
    return f"{frame.f_globals.get('__name__', '?')}:{frame.f_lineno} in {frame.f_code.co_name}"


@cache
def _first_clocks(threads: int) -> tuple[Clock, ...]:
    """Of each thread, before its first transition."""
    return tuple(tuple(int(at == other) for other in range(threads)) for at in range(threads))


def _joined(one: Clock, other: Clock | None) -> Clock:
    return one if other is None else tuple(map(max, one, other))
