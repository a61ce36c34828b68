"""Threads and greenlets are kept from run to run: they run for any thread, survive a failure, end with the wheel."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import closing

import pytest

from bookproof.models.interleaving.scheduler import Run, Scheduler
from bookproof.models.interleaving.wheels import GREENLETS, THREADS, has_greenlets

BOTH = pytest.mark.parametrize("back_end", [THREADS, GREENLETS] if has_greenlets() else [THREADS])


def talk(scheduler: Scheduler, said: list[int]) -> list[Callable[[], None]]:
    """Two threads that say who they are under a lock."""
    lock = scheduler.lock("lock")

    def speak(who: int) -> None:
        with lock:
            said.append(who)

    return [lambda: speak(0), lambda: speak(1)]


def run(scheduler: Scheduler, *, last_first: bool) -> tuple[Run, list[int]]:
    """One run, and who spoke."""
    said: list[int] = []
    return scheduler.run(talk(scheduler, said), lambda wanted, able: (max if last_first else min)(able)), said


@BOTH
def test_run_after_run_goes_as_it_is_told(back_end: str) -> None:
    with closing(Scheduler(2, back_end)) as scheduler:
        for last_first in (False, True, True, False):
            assert run(scheduler, last_first=last_first)[1] == ([1, 0] if last_first else [0, 1])


@BOTH
def test_a_run_may_be_asked_for_from_another_thread(back_end: str) -> None:
    heard: list[list[int]] = []
    with closing(Scheduler(2, back_end)) as scheduler:
        heard.append(run(scheduler, last_first=True)[1])
        for _ in range(2):
            thread = threading.Thread(target=lambda: heard.append(run(scheduler, last_first=True)[1]))
            thread.start()
            thread.join()
        heard.append(run(scheduler, last_first=True)[1])
    assert heard == [[1, 0]] * 4


@BOTH
def test_a_run_that_is_given_up_leaves_nothing_behind(back_end: str) -> None:
    with closing(Scheduler(2, back_end)) as scheduler:
        said: list[int] = []
        cut = scheduler.run(talk(scheduler, said), lambda wanted, able: None)
        assert cut.cut
        assert said == []
        assert run(scheduler, last_first=False)[1] == [0, 1]


def fails_at(call: int) -> Callable[[object, frozenset[int]], int]:
    """Chooses whoever comes first, and fails at a call."""
    calls = 0

    def choose(wanted: object, able: frozenset[int]) -> int:
        nonlocal calls
        calls += 1
        if calls == call:
            raise LookupError("nobody knows")
        return min(able)

    return choose


@BOTH
@pytest.mark.parametrize("call", [1, 2])  # when all have begun, or when the first of them has ended
def test_after_a_choice_that_fails_the_next_run_is_as_good_as_ever(back_end: str, call: int) -> None:
    with closing(Scheduler(2, back_end)) as scheduler:
        with pytest.raises(LookupError, match="nobody knows"):
            scheduler.run(talk(scheduler, []), fails_at(call))
        assert run(scheduler, last_first=True)[1] == [1, 0]


@BOTH
def test_closing_ends_them(back_end: str) -> None:
    scheduler = Scheduler(2, back_end)
    run(scheduler, last_first=False)
    gone = weakref.ref(scheduler)
    scheduler.close()
    del scheduler
    deadline = time.monotonic() + 20.0
    while gone() is not None and time.monotonic() < deadline:  # a thread needs its time to end
        gc.collect()
        time.sleep(0.01)
    assert gone() is None
