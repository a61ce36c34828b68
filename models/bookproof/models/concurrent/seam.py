"""A synchronisation seam that makes threads overlap, and that notices when they wait for each other for ever.

CPython lets a thread run for milliseconds before another gets its turn: an operation of a few microseconds is nearly
always over before anybody else begins. These locks give way to the others before they are taken and after they are
left, so operations are cut open exactly where another thread could do harm.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from bookproof.engine.sync import THREADS, Condition, Event, Lock, Semaphore, Threads, TryLock
from bookproof.models.concurrent.history import Doing, LockStep
from bookproof.models.held import Held

_PATIENCE = 0.2
"""Seconds a thread waits for a lock before it looks for a cycle of waits."""

_LAST_PATIENCE = 30.0
"""Seconds after which a wait is given up even without a cycle: an engine that never lets go is stuck as well."""


class StuckError(RuntimeError):
    """Threads wait for each other, or one has waited beyond all patience. Says who waits for what."""


class OverlappingThreads(Threads):
    """A `Sync` of real threads that give way around every lock, and whose waits do not hang the run.

    >>> with OverlappingThreads().lock("stripe 0"):
    ...     pass
    """

    def __init__(self) -> None:
        self._waits = _Waits()

    def lock(self, name: str) -> Lock:
        """A lock that gives way to other threads and cannot hang the run."""
        return _YieldingLock(name, self._waits)

    def try_lock(self, name: str) -> TryLock:
        """The same; whoever asks for it without waiting does not give way."""
        return _YieldingLock(name, self._waits)

    def rlock(self, name: str) -> Lock:
        """A lock that its holder may take again."""
        return _YieldingRLock(name, self._waits)

    def condition(self, name: str, lock: Lock) -> Condition:
        """A condition at which nobody waits beyond all patience."""
        return _PatientCondition(name, lock, self._waits)

    def semaphore(self, name: str, value: int = 1) -> Semaphore:
        """A semaphore for whose permits nobody waits beyond all patience."""
        return _PatientSemaphore(name, value, self._waits)

    def event(self, name: str) -> Event:
        """An event that nobody waits for beyond all patience."""
        return _PatientEvent(name, self._waits)

    def counter(self, name: str) -> Callable[[], int]:
        """As in production: a counter that gives way would hold a lock for longer, but cut nothing open."""
        return THREADS.counter(name)


class StampingThreads(OverlappingThreads):
    """The same, and every lock counts who takes it: the order of each stripe, without a word from the engine.

    A stamp is drawn while its lock is held, so the stamps of a lock are in the order in which it was held. Of a lock
    that an operation takes several times the last one counts: what it did before it let go it has to look at again.

    >>> seam = StampingThreads()
    >>> seam.begin()
    >>> with seam.lock("stripe 0"), seam.lock("stripe 1"):
    ...     pass
    >>> seam.stamps()
    (('stripe 0', 1), ('stripe 1', 1))
    """

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.local()

    def begin(self) -> None:
        """From here on, what this thread takes belongs to its next operation."""
        self._thread.stamps = {}

    def stamps(self) -> tuple[tuple[str, int], ...]:
        """For each lock that this thread has taken since, its place in the order of that lock."""
        return tuple(self._thread.stamps.items())

    def taken(self, name: str, times: int) -> None:
        """This thread has taken a lock, the so-manyeth time that anybody has."""
        stamps: dict[str, int] | None = getattr(self._thread, "stamps", None)
        if stamps is not None:
            stamps[name] = times

    def waits(self, name: str) -> None:
        """This thread has found a lock held, and waits for it."""

    def leaves(self, name: str) -> None:
        """This thread is about to let go of a lock."""

    def lock(self, name: str) -> Lock:
        """A lock that counts."""
        return _CountingLock(name, self._waits, self)

    def try_lock(self, name: str) -> TryLock:
        """The same."""
        return _CountingLock(name, self._waits, self)

    def rlock(self, name: str) -> Lock:
        """A lock that counts, and that its holder may take again."""
        return _CountingRLock(name, self._waits, self)


class TracingThreads(StampingThreads):
    """The same, and every step that an operation takes with a lock or a counter is written down.

    An engine that is not asked to be watched does not get these locks: to it, this costs nothing.

    >>> seam = TracingThreads()
    >>> lock, stamp = seam.lock("stripe 0"), seam.counter("stamp")
    >>> seam.begin_as(7)
    >>> with lock:
    ...     stamp()
    1
    >>> [(step.operation, step.doing.value, step.lock, step.number) for step in seam.steps()]
    [(7, 'takes', 'stripe 0', 1), (7, 'draws', 'stamp', 1), (7, 'leaves', 'stripe 0', 0)]
    """

    def __init__(self) -> None:
        super().__init__()
        self._steps: list[LockStep] = []  # appended to by everybody, which a list bears

    def begin_as(self, operation: int) -> None:
        """From here on, what this thread does belongs to the operation of this number."""
        self._thread.operation = operation

    @property
    def operation(self) -> int | None:
        """The operation that this thread is in, if it is in one."""
        return getattr(self._thread, "operation", None)

    def steps(self) -> tuple[LockStep, ...]:
        """All steps of operations, in order of time."""
        return tuple(sorted(self._steps, key=lambda step: step.time))

    def taken(self, name: str, times: int) -> None:
        """Written down as well."""
        super().taken(name, times)
        self._does(Doing.TAKES, name, times)

    def waits(self, name: str) -> None:
        """Written down."""
        self._does(Doing.WAITS, name)

    def leaves(self, name: str) -> None:
        """Written down."""
        self._does(Doing.LEAVES, name)

    def counter(self, name: str) -> Callable[[], int]:
        """A counter that tells what it gave to whom."""
        draw = super().counter(name)

        def drawn() -> int:
            number = draw()
            self._does(Doing.DRAWS, name, number)
            return number

        return drawn

    def _does(self, doing: Doing, name: str, number: int = 0) -> None:
        operation = self.operation
        if operation is not None:
            self._steps.append(LockStep(operation, doing, name, time.perf_counter_ns(), number))


class _Waits:
    """Who holds what and who waits for what; read and written without a lock, looked at only when all stand still."""

    def __init__(self) -> None:
        self.holder: dict[_YieldingLock, int] = {}
        self.wanted: dict[int, _YieldingLock] = {}
        self.stuck: str | None = None

    def for_signal(self, name: str, arrived: Callable[[float], bool]) -> None:
        """Wait for what no lock stands for, as long as there is hope. `arrived` waits for so many seconds."""
        deadline = time.monotonic() + _LAST_PATIENCE
        while not arrived(_PATIENCE):
            if self.stuck is None and time.monotonic() > deadline:
                self.stuck = f"{_name(threading.get_ident())} has waited {_LAST_PATIENCE:.0f} s for {name}"
            if self.stuck is not None:
                raise StuckError(self.stuck)

    def cycle(self, thread: int) -> str | None:
        """The circle of waits that goes through a thread, in words."""
        steps: list[str] = []
        seen: set[int] = set()
        at = thread
        while at not in seen:
            seen.add(at)
            lock = self.wanted.get(at)
            holder = self.holder.get(lock) if lock is not None else None
            if lock is None or holder is None:
                return None
            steps.append(f"{_name(at)} waits for {lock.name}, held by {_name(holder)}")
            at = holder
        return "; ".join(steps) if at == thread else None


class _YieldingLock(Held):
    def __init__(self, name: str, waits: _Waits) -> None:
        self.name = name
        self._lock = threading.Lock()
        self._waits = waits

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if blocking and timeout < 0:
            time.sleep(0)
            if not self._lock.acquire(blocking=False):
                self._wait()
        elif not self._lock.acquire(blocking, timeout):
            return False
        self._waits.holder[self] = threading.get_ident()
        return True

    def _wait(self) -> None:
        me, waits = threading.get_ident(), self._waits
        waits.wanted[me] = self
        deadline = time.monotonic() + _LAST_PATIENCE
        circle: str | None = None
        try:
            while not self._lock.acquire(timeout=_PATIENCE):
                before, circle = circle, waits.cycle(me)
                if circle is not None and circle == before:  # one look alone could mix two moments
                    waits.stuck = waits.stuck or circle
                if waits.stuck is None and time.monotonic() > deadline:
                    waits.stuck = f"{_name(me)} has waited {_LAST_PATIENCE:.0f} s for {self.name}"
                if waits.stuck is not None:
                    raise StuckError(waits.stuck)
        finally:
            del waits.wanted[me]

    def release(self) -> None:
        self._waits.holder.pop(self, None)
        self._lock.release()
        time.sleep(0)


class _YieldingRLock(_YieldingLock):
    def __init__(self, name: str, waits: _Waits) -> None:
        super().__init__(name, waits)
        self.times = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        mine = self._waits.holder.get(self) == threading.get_ident()
        if not mine and not super().acquire(blocking, timeout):
            return False
        self.times += 1
        return True

    def release(self) -> None:
        self.times -= 1
        if not self.times:
            super().release()


class _CountingLock(_YieldingLock):
    def __init__(self, name: str, waits: _Waits, seam: StampingThreads) -> None:
        super().__init__(name, waits)
        self._seam = seam
        self._taken = 0  # guarded by the lock itself

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if not super().acquire(blocking, timeout):
            return False
        self._taken += 1
        self._seam.taken(self.name, self._taken)
        return True

    def _wait(self) -> None:
        self._seam.waits(self.name)
        super()._wait()

    def release(self) -> None:
        self._seam.leaves(self.name)
        super().release()


class _CountingRLock(_CountingLock, _YieldingRLock):
    """The same of a lock that its holder may take again."""


class _PatientCondition(Held):
    def __init__(self, name: str, lock: Lock, waits: _Waits) -> None:
        self._name, self._lock, self._waits = name, lock, waits
        self._sleepers: list[threading.Event] = []  # guarded by the lock

    def acquire(self) -> object:
        return self._lock.acquire()

    def release(self) -> None:
        self._lock.release()

    def wait(self, timeout: float | None = None) -> bool:
        woken, in_time = threading.Event(), True
        self._sleepers.append(woken)
        times = self._lock.times if isinstance(self._lock, _YieldingRLock) else 1
        for _ in range(times):
            self._lock.release()
        try:
            if timeout is None:
                self._waits.for_signal(self._name, woken.wait)
            else:
                in_time = woken.wait(timeout)
        finally:
            for _ in range(times):
                self._lock.acquire()
        if not in_time and woken in self._sleepers:
            self._sleepers.remove(woken)
        return in_time

    def notify(self, n: int = 1) -> None:
        woken, self._sleepers = self._sleepers[:n], self._sleepers[n:]
        for sleeper in woken:
            sleeper.set()

    def notify_all(self) -> None:
        self.notify(len(self._sleepers))


class _PatientSemaphore(Held):
    def __init__(self, name: str, value: int, waits: _Waits) -> None:
        self._name, self._waits = name, waits
        self._semaphore = threading.Semaphore(value)

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        if not blocking or timeout is not None:
            return self._semaphore.acquire(blocking, timeout)
        time.sleep(0)
        self._waits.for_signal(self._name, lambda seconds: self._semaphore.acquire(timeout=seconds))
        return True

    def release(self, n: int = 1) -> None:
        self._semaphore.release(n)
        time.sleep(0)


class _PatientEvent:
    def __init__(self, name: str, waits: _Waits) -> None:
        self._name, self._waits = name, waits
        self._event = threading.Event()

    def is_set(self) -> bool:
        return self._event.is_set()

    def set(self) -> None:
        self._event.set()
        time.sleep(0)

    def clear(self) -> None:
        self._event.clear()

    def wait(self, timeout: float | None = None) -> bool:
        if timeout is not None:
            return self._event.wait(timeout)
        self._waits.for_signal(self._name, self._event.wait)
        return True


def _name(thread: int) -> str:
    return next((other.name for other in threading.enumerate() if other.ident == thread), f"thread {thread}")
