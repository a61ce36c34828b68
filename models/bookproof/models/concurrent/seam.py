"""A synchronisation seam that makes threads overlap, and that notices when they wait for each other for ever.

CPython lets a thread run for milliseconds before another gets its turn: an operation of a few microseconds is nearly
always over before anybody else begins. These locks give way to the others before they are taken and after they are
left, so operations are cut open exactly where another thread could do harm.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType

from bookproof.engine.sync import THREADS, Lock

_PATIENCE = 0.2
"""Seconds a thread waits for a lock before it looks for a cycle of waits."""

_LAST_PATIENCE = 30.0
"""Seconds after which a wait is given up even without a cycle: an engine that never lets go is stuck as well."""


class StuckError(RuntimeError):
    """Threads wait for each other, or one has waited beyond all patience. Says who waits for what."""


class OverlappingThreads:
    """A `Sync` of real threads that give way around every lock.

    >>> with OverlappingThreads().lock("stripe 0"):
    ...     pass
    """

    def __init__(self) -> None:
        self._waits = _Waits()

    def lock(self, name: str) -> Lock:
        """A lock that gives way to other threads and cannot hang the run."""
        return _YieldingLock(name, self._waits)

    def counter(self, name: str) -> Callable[[], int]:
        """As in production: a counter that gives way would hold a lock for longer, but cut nothing open."""
        return THREADS.counter(name)


class _Waits:
    """Who holds what and who waits for what; read and written without a lock, looked at only when all stand still."""

    def __init__(self) -> None:
        self.holder: dict[_YieldingLock, int] = {}
        self.wanted: dict[int, _YieldingLock] = {}
        self.stuck: str | None = None

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


class _YieldingLock:
    def __init__(self, name: str, waits: _Waits) -> None:
        self.name = name
        self._lock = threading.Lock()
        self._waits = waits

    def acquire(self) -> None:
        time.sleep(0)
        if not self._lock.acquire(blocking=False):
            self._wait()
        self._waits.holder[self] = threading.get_ident()

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

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _name(thread: int) -> str:
    return next((other.name for other in threading.enumerate() if other.ident == thread), f"thread {thread}")
