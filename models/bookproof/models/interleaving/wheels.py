"""What carries the threads of a scheduler: one of them runs at a time, and passes the turn on to another.

Pooled threads need nothing but Python. Greenlets (`pip install bookproof[greenlets]`) switch without the help of the
operating system, which is faster. What is run, and in which order, is the same on both.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

THREADS, GREENLETS = "threads", "greenlets"
BACK_ENDS = (THREADS, GREENLETS)

Act = Callable[[int], "int | None"]
"""What thread number so-and-so does in a run; returns who goes on when it has ended, None if the run is over."""


class Wheel(Protocol):
    """Passes the turn from one thread to another."""

    def enter(self, to: int) -> None:
        """Give the turn to a thread, from outside; returns when the run is over."""
        ...

    def pass_on(self, me: int, to: int) -> None:
        """Give the turn to another thread; returns when it comes back."""
        ...

    def close(self) -> None:
        """No more runs."""
        ...


def has_greenlets() -> bool:
    """Whether greenlets are installed."""
    return find_spec("greenlet") is not None


def wheel(back_end: str, threads: int, act: Act) -> Wheel:
    """A wheel of that kind for so many threads. ValueError for a kind that there is none of, or not here.

    >>> wheel("hamsters", 2, lambda at: None)
    Traceback (most recent call last):
    ValueError: expected threads or greenlets, got 'hamsters'
    """
    if back_end == THREADS:
        return ThreadWheel(threads, act)
    if back_end != GREENLETS:
        raise ValueError(f"expected {' or '.join(BACK_ENDS)}, got {back_end!r}")
    if not has_greenlets():
        raise ValueError("greenlets are not installed: pip install 'bookproof[greenlets]'")
    return GreenletWheel(threads, act)


class ThreadWheel:
    """Real threads, kept from run to run, each behind a gate of its own."""

    def __init__(self, threads: int, act: Act) -> None:
        self._act = act
        self._closed = False
        self._gates = [threading.Lock() for _ in range(threads)]
        self._done = threading.Lock()
        for gate in (*self._gates, self._done):
            gate.acquire()
        for at in range(threads):
            threading.Thread(target=self._work, args=(at,), daemon=True).start()

    def _work(self, me: int) -> None:
        gate, gates, done, act = self._gates[me], self._gates, self._done, self._act
        while True:
            gate.acquire()
            if self._closed:
                return
            to = act(me)
            (done if to is None else gates[to]).release()

    def enter(self, to: int) -> None:
        """Give the turn to a thread, from outside; returns when the run is over."""
        self._gates[to].release()
        self._done.acquire()

    def pass_on(self, me: int, to: int) -> None:
        """Give the turn to another thread; returns when it comes back."""
        gates = self._gates
        gates[to].release()
        gates[me].acquire()

    def close(self) -> None:
        """End the threads."""
        self._closed = True
        for gate in self._gates:
            gate.release()


class GreenletWheel:
    """Greenlets of the thread that asks for the run, kept from run to run: to begin one costs more than to switch."""

    def __init__(self, threads: int, act: Act) -> None:
        greenlets: Any = import_module("greenlet")  # an extra: without it, and without its types, all else works
        self._greenlet = greenlets.greenlet
        self._current: Callable[[], Any] = greenlets.getcurrent
        self._threads = threads
        self._act = act
        self._hub: Any = None
        """Whoever asked for the run."""
        self._turns: list[Callable[[], object]] = []
        """Gives the turn to each of them."""

    def _work(self, me: int) -> None:
        turns, act = self._turns, self._act
        while True:
            to = act(me)
            (self._hub.switch if to is None else turns[to])()

    def enter(self, to: int) -> None:
        """Give the turn to a thread, from outside; returns when the run is over."""
        hub = self._current()
        if hub is not self._hub:  # greenlets belong to a thread, and this is another one
            self.close()
            self._hub = hub
            self._turns += [self._greenlet(partial(self._work, at), hub).switch for at in range(self._threads)]
        try:
            self._turns[to]()
        except BaseException:
            self.close()  # one of them has ended, and would not begin the next run
            raise

    def pass_on(self, me: int, to: int) -> None:
        """Give the turn to another thread; returns when it comes back."""
        self._turns[to]()

    def close(self) -> None:
        """Let go of them: that ends them."""
        self._hub = None
        self._turns.clear()
