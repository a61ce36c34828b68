"""The seam: every lock and every shared counter of an engine is made here and nowhere else.

An engine asks a `Sync` for what it needs. In production that is `THREADS`; a checker injects one of its own, to make
threads overlap, or to decide itself who runs next. No other module of this package names `threading`.
"""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Protocol


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


class Sync(Protocol):
    """Where an engine gets its synchronisation from."""

    def lock(self, name: str) -> Lock:
        """A lock of its own, not reentrant. The name is what a report calls it."""
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
