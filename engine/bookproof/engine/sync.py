"""The seam: every lock, signal, shared counter and declared shared cell of an engine is made here and nowhere else.

An engine asks a `Sync` for what it needs. In production that is `THREADS`; a checker injects one of its own, to make
threads overlap, or to decide itself who runs next. No other module of this package names `threading`.
"""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")


class Lock(Protocol):
    """Held by one thread at a time; taken with `with`, or by `acquire` and `release` where every nanosecond counts."""

    def acquire(self) -> object:
        """Wait until nobody holds it, then hold it."""
        ...

    def release(self) -> None:
        """Let the next one have it."""
        ...

    def __enter__(self) -> object: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> bool | None: ...


class TryLock(Lock, Protocol):
    """A lock that may be asked for without waiting for it.

    Apart from `Lock`, as it costs a checker more: whoever may find a lock held has to be tried before it is left.
    """

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Hold it and return True; or, if one does not want to wait, or no longer than so many seconds, False."""
        ...


class Condition(Lock, Protocol):
    """Threads that hold its lock wait here, without it, until another one that holds it wakes them."""

    def wait(self, timeout: float | None = None) -> bool:
        """Let the lock go, wait to be woken, and take the lock again. RuntimeError without the lock.

        False if nobody has woken it after so many seconds; the lock is taken again all the same. That says nothing of
        what was waited for. Whoever has waited too long and does not yet have its lock may still be woken, in vain:
        that wake-up is lost to the others.
        """
        ...

    def notify(self, n: int = 1) -> object:
        """Wake so many of those that wait, the longest waiting first. RuntimeError without the lock."""
        ...

    def notify_all(self) -> object:
        """Wake everybody who waits."""
        ...


class Semaphore(Protocol):
    """A number of permits. Any thread may give one, whoever took it."""

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        """Take a permit and return True; or, if one does not want to wait for ever, False."""
        ...

    def release(self, n: int = 1) -> None:
        """Give so many permits."""
        ...

    def __enter__(self) -> object: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> bool | None: ...


class Event(Protocol):
    """A flag that one can wait for."""

    def is_set(self) -> bool:
        """Whether the flag is up."""
        ...

    def set(self) -> None:
        """Raise the flag, and wake everybody who waits for it."""
        ...

    def clear(self) -> None:
        """Lower the flag."""
        ...

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the flag is up; False if it was not after so many seconds."""
        ...


class Cell(Generic[T]):
    """A value that threads share and that a checker is to watch: whether a lock guards it is for the engine to see to.

    >>> cell = Cell(1)
    >>> cell.value += 1
    >>> cell.value
    2
    """

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value
        """What the cell holds."""


class Sync(Protocol):
    """Where an engine gets its synchronisation from. Names are what a report calls things: no two may have the same."""

    def lock(self, name: str) -> Lock:
        """A lock of its own, not reentrant."""
        ...

    def try_lock(self, name: str) -> TryLock:
        """A lock of its own, not reentrant, that one may ask for without waiting."""
        ...

    def rlock(self, name: str) -> Lock:
        """A lock that its holder may take again; it is left as often as it was taken."""
        ...

    def condition(self, name: str, lock: Lock) -> Condition:
        """A condition of a lock that this `Sync` has made."""
        ...

    def semaphore(self, name: str, value: int = 1) -> Semaphore:
        """A semaphore with so many permits. ValueError for less than none."""
        ...

    def event(self, name: str) -> Event:
        """An event whose flag is down."""
        ...

    def cell(self, name: str, value: T) -> Cell[T]:
        """A shared cell with its first value."""
        ...

    def counter(self, name: str) -> Callable[[], int]:
        """A function that gives 1, 2, 3, … and no number twice, whichever threads call it."""
        ...


class Threads:
    """Plain `threading`, for production.

    >>> stamp = Threads().counter("stamp")
    >>> stamp(), stamp()
    (1, 2)
    """

    def lock(self, name: str) -> Lock:
        """A `threading.Lock`."""
        return threading.Lock()

    def try_lock(self, name: str) -> TryLock:
        """A `threading.Lock`."""
        return threading.Lock()

    def rlock(self, name: str) -> Lock:
        """A `threading.RLock`."""
        return threading.RLock()

    def condition(self, name: str, lock: Lock) -> Condition:
        """A `threading.Condition`."""
        held: Any = lock  # the protocol promises less than the lock that this object made
        return threading.Condition(held)

    def semaphore(self, name: str, value: int = 1) -> Semaphore:
        """A `threading.Semaphore`."""
        return threading.Semaphore(value)

    def event(self, name: str) -> Event:
        """A `threading.Event`."""
        return threading.Event()

    def cell(self, name: str, value: T) -> Cell[T]:
        """The bare value."""
        return Cell(value)

    def counter(self, name: str) -> Callable[[], int]:
        """`itertools.count` where the interpreter lock makes it atomic, a locked count where there is none."""
        numbers = itertools.count(1)
        if _has_interpreter_lock():
            return numbers.__next__
        lock = threading.Lock()

        def locked() -> int:
            with lock:  # guards numbers
                return next(numbers)

        return locked


def _has_interpreter_lock() -> bool:
    enabled: Callable[[], bool] = getattr(sys, "_is_gil_enabled", lambda: True)
    return enabled()


THREADS = Threads()
"""The default of every engine."""
