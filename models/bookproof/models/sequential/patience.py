"""A guard against engines that never answer: a deadlock, or a loop without an end."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


_GLANCE = 0.05
"""Seconds for which a hung thread is watched, to see whether it does anything."""


class Hung(Exception):
    """Nothing moved for as long as the patience lasted."""


class _Outcome(Generic[T]):
    value: T
    error: BaseException | None = None


def patiently(work: Callable[[], T], moved: Callable[[], int], patience: float) -> T:
    """What `work` gives, from a thread of its own. Raises Hung once `moved` stands still for `patience` seconds.

    A thread that loops without an end is stopped; one that waits for a lock stays behind, asleep. A loop inside native
    code that never lets go of the interpreter is beyond this guard: put such an engine into a process of its own.

    >>> patiently(lambda: 6 * 7, moved=lambda: 0, patience=10.0)
    42
    """
    outcome: _Outcome[T] = _Outcome()

    def target() -> None:
        try:
            outcome.value = work()
        except BaseException as error:  # whatever it is, the caller's thread is the one to see it
            outcome.error = error

    thread = threading.Thread(target=target, name="engine under test", daemon=True)
    thread.start()
    while True:
        before = moved()
        thread.join(patience)
        if not thread.is_alive():
            break
        if moved() == before:
            _stop_if_busy(thread)
            raise Hung
    if outcome.error is not None:
        raise outcome.error
    return outcome.value


def _stop_if_busy(thread: threading.Thread) -> None:
    """Raise SystemExit in a thread that uses the processor, or it would slow down all that follows.

    A thread that waits is left alone: it would never get to see the exception, and as long as one is pending anywhere
    in the process, Python 3.11 looks for it after every instruction and may get no further.
    """
    clock_of = getattr(time, "pthread_getcpuclockid", None)  # not on every system
    if clock_of is None or thread.ident is None:
        return
    clock = clock_of(thread.ident)
    before = time.clock_gettime(clock)
    thread.join(_GLANCE)
    if thread.is_alive() and time.clock_gettime(clock) - before > _GLANCE / 20:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
        thread.join(1.0)
