"""Drives real threads on an engine and records the history.

Each client is one thread with a script of its own. All begin at once; every call and every return is timed on one
monotonic clock, outside the engine.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from types import FrameType

from bookproof.engine.interface import Answer, Engine
from bookproof.models.concurrent.history import History, Operation
from bookproof.models.concurrent.seam import OverlappingThreads, StuckError, TracingThreads
from bookproof.models.generate.case import accounts_named
from bookproof.spec.commands import Command
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import Profile, Risk
from bookproof.spec.values import Account

SWITCH_INTERVAL = 1e-5
"""Seconds a thread may run while others wait. At CPython's default, 5e-3, operations hardly ever overlap."""

PATIENCE = 60.0
"""Seconds without a single operation returning after which a run is given up."""

Script = Sequence[Command]
"""What one client does, in order."""


class RunError(RuntimeError):
    """The run did not come to its end: an operation raised, or threads wait for each other."""

    def __init__(self, story: str, command: Command | None) -> None:
        super().__init__(story)
        self.command = command


def record(
    make: Callable[[OverlappingThreads], Engine],
    instruments: Sequence[Instrument],
    profile: Profile,
    scripts: Sequence[Script],
    *,
    cuts: float = 0.0,
    seed: int = 0,
    patience: float = PATIENCE,
    seam: OverlappingThreads | None = None,
) -> History:
    """Run every script in a thread of its own against one engine.

    `make` is given the synchronisation seam the engine has to use. `cuts` is the probability with which a thread
    gives way at each function call, so that operations are cut open between their lock operations as well. With a
    `seam` of `TracingThreads` the history has what every operation did with locks. Raises RunError when an operation
    raises, the threads are stuck, or nothing returns for `patience` seconds.

    >>> from bookproof.engine.striped import StripedEngine
    >>> from bookproof.spec.commands import Cancel
    >>> from bookproof.spec.instruments import listing
    >>> from bookproof.spec.profile import DEFAULT
    >>> books = listing(["ABC"])
    >>> history = record(lambda sync: StripedEngine(books, sync=sync), books, DEFAULT, [[Cancel("ABC", 1)]])
    >>> len(history.operations)
    1
    """
    seam = OverlappingThreads() if seam is None else seam
    engine = make(seam)
    begin = seam.begin_as if isinstance(seam, TracingThreads) else None
    firsts = list(accumulate(map(len, scripts), initial=0))
    logs: list[list[tuple[Command, int, int, Answer]]] = [[] for _ in scripts]
    failures: list[tuple[Command, BaseException]] = []
    start = threading.Barrier(len(scripts))

    def client(number: int) -> None:
        submit, log, now = engine.submit, logs[number], time.perf_counter_ns
        start.wait()
        if cuts:
            sys.setprofile(_cutter(cuts, f"{seed} {number}"))
        for nth, command in enumerate(scripts[number], firsts[number]):
            if begin is not None:
                begin(nth)
            called = now()
            try:
                answer = submit(command)
            except Exception as error:  # whatever the engine under test raises is a finding
                failures.append((command, error))
                return
            log.append((command, called, now(), answer))
            if failures:
                return

    threads = [
        threading.Thread(target=client, args=(number,), name=f"client {number}", daemon=True)
        for number in range(len(scripts))
    ]
    with _switching_often():
        for thread in threads:
            thread.start()
        _join(threads, logs, scripts, patience)
    if failures:
        raise _told(failures)
    try:
        final = tuple(engine.view(instrument.symbol) for instrument in instruments)
        accounts = tuple(map(engine.account, accounts_in(profile, scripts)))
    except Exception as error:  # a stripe that somebody left held
        raise RunError(f"the books and accounts cannot be looked at when all have returned: {error}", None) from error
    operations = tuple(Operation(number, *entry) for number, log in enumerate(logs) for entry in log)
    steps = seam.steps() if isinstance(seam, TracingThreads) else ()  # all have returned: nobody's number is missing
    return History(tuple(instruments), profile, operations, final, accounts, steps)


def accounts_in(profile: Profile, scripts: Sequence[Script]) -> list[Account]:
    """Every account that a command names, where accounts are kept."""
    if profile.risk is Risk.NONE:
        return []
    return sorted({account for script in scripts for command in script for account in accounts_named(command)})


def _join(
    threads: list[threading.Thread],
    logs: list[list[tuple[Command, int, int, Answer]]],
    scripts: Sequence[Script],
    patience: float,
) -> None:
    """Wait for all threads for as long as any of them gets on."""
    done = -1
    while any(thread.is_alive() for thread in threads):
        before, done = done, sum(map(len, logs))
        if before == done:
            hung = next(number for number, thread in enumerate(threads) if thread.is_alive())
            command = scripts[hung][len(logs[hung])] if len(logs[hung]) < len(scripts[hung]) else None
            raise RunError(f"client {hung} has not returned for {patience:.0f} s from {command}", command)
        deadline = time.monotonic() + patience
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))


def _cutter(probability: float, seed: str) -> Callable[[FrameType, str, object], None]:
    """A profile hook that gives way now and then: at calls and returns, where no line of the engine expects it."""
    draw = random.Random(seed).random

    def cut(frame: FrameType, event: str, argument: object) -> None:
        if draw() < probability:
            time.sleep(0)

    return cut


def _told(failures: list[tuple[Command, BaseException]]) -> RunError:
    for command, error in failures:
        if isinstance(error, StuckError):
            return RunError(f"the threads are stuck: {error}", command)
    command, error = failures[0]
    return RunError(f"the engine raised {type(error).__name__}: {error}", command)


@contextmanager
def _switching_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
