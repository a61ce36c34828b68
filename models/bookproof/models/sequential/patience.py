"""A guard against engines that never answer: a deadlock, or a loop without an end."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Hung(Exception):
    """Nothing moved for as long as the patience lasted."""


class _Outcome(Generic[T]):
    value: T
    error: BaseException | None = None


def patiently(work: Callable[[], T], moved: Callable[[], int], patience: float) -> T:
    """What `work` gives, from a thread of its own. Raises Hung once `moved` stands still for `patience` seconds.

    The thread of a hung engine is told to stop, which a loop in Python does and a deadlock does not; that one stays
    behind, asleep. A loop inside native code that never lets go of the interpreter is beyond this guard: put such an
    engine into a process of its own.

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
            _stop(thread)
            raise Hung
    if outcome.error is not None:
        raise outcome.error
    return outcome.value


def _stop(thread: threading.Thread) -> None:
    assert thread.ident is not None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
