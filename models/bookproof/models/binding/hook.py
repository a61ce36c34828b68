"""What a run of the engine writes down: one line for each step, whatever carries its threads.

The hook is a `Sync`, so an engine that is not asked to write anything down is made without it and pays nothing. It
passes everything on to another one: the scheduler, or real threads. A lock is written down after it is taken and before
it is left, and a stamp in one breath with its number: so the lines stand in an order in which it may have happened.

==========  ============================================  ==================================================
line        written                                       with
==========  ============================================  ==================================================
``call``    before the client's command is submitted      the command
``take``    after a lock is taken                         its number in the model, 0 for one that is not there
``draw``    together with the stamp                       its number
``leave``   before a lock is left                         its number
``return``  after the client's command has returned       what it was told
==========  ============================================  ==================================================
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, NamedTuple, TypeVar

from bookproof.engine.sync import Cell, Condition, Event, Lock, Semaphore, Sync, TryLock
from bookproof.models.binding.observe import lock_number
from bookproof.models.binding.records import record_of, said
from bookproof.models.concurrent.seam import OverlappingThreads, StuckError
from bookproof.models.engines_by_name import Factory
from bookproof.models.held import Held
from bookproof.models.interleaving.scenarios import Scenario
from bookproof.models.interleaving.scheduler import Choose, Run, Scheduler
from bookproof.models.tla.values import TlaValue, text
from bookproof.spec.commands import Command

T = TypeVar("T")


class Line(NamedTuple):
    """One step of one client."""

    did: str
    client: int
    """Counted from 1."""
    what: TlaValue

    def __str__(self) -> str:
        return f"{self.did} by client {self.client}: {text(self.what)}"


Trace = tuple[Line, ...]


class Hook:
    """A `Sync` that writes down what is done with another one.

    >>> from bookproof.engine.sync import THREADS
    >>> hook = Hook(THREADS, lambda: 1)
    >>> with hook.lock("stripe 0"):
    ...     _ = hook.counter("stamp")()
    >>> print(*hook.lines, sep="; ")
    take by client 1: 1; draw by client 1: 1; leave by client 1: 1
    """

    def __init__(
        self, sync: Sync, who: Callable[[], int], breath: AbstractContextManager[object] | None = None
    ) -> None:
        self._sync = sync
        self._who = who
        self._breath = nullcontext() if breath is None else breath
        self.lines: list[Line] = []  # appended to by everybody, which a list bears

    def write(self, did: str, what: TlaValue) -> None:
        """A line of whoever is running; nothing outside of a run."""
        client = self._who()
        if client:
            self.lines.append(Line(did, client, what))

    # ── what is written down ──

    def lock(self, name: str) -> Lock:
        """A lock of the other one."""
        return _Written(self._sync.lock(name), name, self)

    def counter(self, name: str) -> Callable[[], int]:
        """A counter of the other one, in one breath with its line."""
        following = self._sync.counter(name)

        def draw() -> int:
            with self._breath:
                number = following()
                self.write("draw", number)
            return number

        return draw

    # ── what is passed on ──

    def try_lock(self, name: str) -> TryLock:
        """Of the other one."""
        return self._sync.try_lock(name)

    def rlock(self, name: str) -> Lock:
        """Of the other one."""
        return self._sync.rlock(name)

    def condition(self, name: str, lock: Lock) -> Condition:
        """Of the other one."""
        return self._sync.condition(name, lock)

    def semaphore(self, name: str, value: int = 1) -> Semaphore:
        """Of the other one."""
        return self._sync.semaphore(name, value)

    def event(self, name: str) -> Event:
        """Of the other one."""
        return self._sync.event(name)

    def cell(self, name: str, value: T) -> Cell[T]:
        """Of the other one."""
        return self._sync.cell(name, value)


class _Written(Held):
    def __init__(self, lock: Lock, name: str, hook: Hook) -> None:
        self._lock = lock
        self._number = lock_number(name)
        self._hook = hook

    def acquire(self) -> object:
        taken = self._lock.acquire()
        self._hook.write("take", self._number)
        return taken

    def release(self) -> None:
        self._hook.write("leave", self._number)
        self._lock.release()


def _clients(engine: Any, hook: Hook, scripts: Sequence[Sequence[Command]]) -> list[Callable[[], None]]:
    def act(script: Sequence[Command]) -> None:
        for command in script:
            hook.write("call", record_of(command))
            answer = engine.submit(command)
            hook.write("return", said(answer.events))

    return [partial(act, script) for script in scripts]


def under_scheduler(make: Factory, scenario: Scenario, scheduler: Scheduler, choose: Choose) -> tuple[Run, Trace]:
    """Run a scenario once as somebody chooses, and what it wrote down."""
    hook = Hook(scheduler, lambda: 0 if scheduler.over else scheduler.running + 1)
    engine = make(scenario.instruments, scenario.profile, sync=hook)
    for command in scenario.before:
        engine.submit(command)
    run = scheduler.run(_clients(engine, hook, scenario.scripts), choose)
    return run, tuple(hook.lines)


def by_threads(make: Factory, scenario: Scenario) -> Trace:
    """Run a scenario once on real threads that give way around every lock, and what it wrote down.

    An engine that is stuck is let go after a while; its trace ends where it stood.
    """
    here = threading.local()
    hook = Hook(OverlappingThreads(), lambda: getattr(here, "client", 0), threading.Lock())
    engine = make(scenario.instruments, scenario.profile, sync=hook)
    for command in scenario.before:
        engine.submit(command)
    clients = _clients(engine, hook, scenario.scripts)
    start = threading.Barrier(len(clients))

    def run(client: int, act: Callable[[], None]) -> None:
        here.client = client
        start.wait()
        try:
            act()
        except StuckError:
            return  # the trace says so: it ends early

    threads = [threading.Thread(target=run, args=each) for each in enumerate(clients, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tuple(hook.lines)
