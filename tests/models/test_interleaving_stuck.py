"""Runs that get nowhere: deadlock, lost wake-up, livelock, starvation, each told apart, with the line of each wait."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import Any

import pytest

from bookproof.engine.other_locking import MonitorEngine, PoliteEngine, WaryEngine, WaryMonitor
from bookproof.engine.zoo.waiting_defects import LateIsGranted, PoliteForEver
from bookproof.models.cli import main
from bookproof.models.engines_by_name import factory
from bookproof.models.interleaving.explore import Explorer, Verdict, replayed
from bookproof.models.interleaving.run import token
from bookproof.models.interleaving.scenarios import NAMED
from bookproof.models.interleaving.scheduler import Choose, Run, Scheduler
from bookproof.models.interleaving.search import Reduced
from bookproof.models.interleaving.stuck import RoundRobin, circle, lines, standstill, starved
from bookproof.models.interleaving.token import read_token
from bookproof.models.interleaving.trace import Recorder
from bookproof.models.interleaving.wheels import has_greenlets

Program = Callable[[Scheduler], list[Callable[[], object]]]


def standstills(program: Program, threads: int = 2) -> set[tuple[str, str]]:
    """Every standstill of a program."""
    with closing(Scheduler(threads)) as controlled:

        def execute(choose: Choose) -> Run:
            return controlled.run(program(controlled), choose)

        return {(stuck.kind, stuck.story) for run in Reduced(execute) if (stuck := standstill(run)) is not None}


def fair(program: Program, threads: int = 2, steps: int = 1) -> Run:
    """The run in which everybody has its turn."""
    with closing(Scheduler(threads)) as controlled:
        controlled.most_tries = controlled.most_steps
        return controlled.run(program(controlled), RoundRobin(steps))


# ── lost wake-up and deadlock ──


def crossed(sync: Scheduler) -> list[Callable[[], object]]:
    one, other = sync.lock("one"), sync.lock("other")

    def nested(first: Any, second: Any) -> None:
        with first, second:
            pass

    return [partial(nested, one, other), partial(nested, other, one)]


def nobody_raises(sync: Scheduler) -> list[Callable[[], object]]:
    flag = sync.event("flag")

    def raise_and_lower() -> None:
        flag.set()
        flag.clear()

    return [flag.wait, raise_and_lower]


def nobody_gives(sync: Scheduler) -> list[Callable[[], object]]:
    permits = sync.semaphore("permits", 1)
    return [permits.acquire, permits.acquire]


def woken_before_it_sleeps(sync: Scheduler) -> list[Callable[[], object]]:
    """Notify before wait: nothing remembers that there was something to wait for."""
    woken = sync.condition("woken", sync.lock("door"))

    def wait() -> None:
        with woken:
            woken.wait()

    def wake() -> None:
        with woken:
            woken.notify()

    return [wait, wake]


def waits_with_the_key(sync: Scheduler) -> list[Callable[[], object]]:
    """Who is to wake it needs the lock that it holds while it sleeps."""
    room, woken = sync.lock("room"), sync.condition("woken", sync.lock("door"))
    ready: list[int] = []

    def wait() -> None:
        with room, woken:
            while not ready:
                woken.wait()

    def wake() -> None:
        with room, woken:
            ready.append(1)
            woken.notify()

    return [wait, wake]


def wakes_the_wrong_one(sync: Scheduler, everybody: bool = False) -> list[Callable[[], object]]:
    """Two wait at one condition for different things; one thing comes, and one of them is woken."""
    changed, things = sync.condition("changed", sync.lock("door")), set[str]()

    def wait(thing: str, then: str) -> None:
        with changed:
            while thing not in things:
                changed.wait()
            things.add(then)
            changed.notify_all()

    def bring() -> None:
        with changed:
            things.add("tea")
            (changed.notify_all if everybody else changed.notify)()

    return [partial(wait, "cake", ""), partial(wait, "tea", "cake"), bring]


def woken_though_it_gave_up(sync: Scheduler, always: bool = False) -> list[Callable[[], object]]:
    """Who only looks hands its wake-up on; but it may get one when it has waited long enough, and not be told so."""
    ready, things = sync.condition("ready", sync.lock("door")), [0]

    def look() -> None:
        with ready:
            if not things[0] and (ready.wait(1.0) or always):
                ready.notify()

    def take() -> None:
        with ready:
            while not things[0]:
                ready.wait()

    def bring() -> None:
        with ready:
            things[0] += 1
            ready.notify()

    return [look, take, bring]


STANDSTILLS: list[tuple[Program, int, str, str]] = [
    (crossed, 2, "deadlock", "A waits for other, which B holds; B waits for one, which A holds"),
    (nobody_raises, 2, "lost wake-up", "A waits for flag to be raised, and nobody is left to do it"),
    (nobody_gives, 2, "lost wake-up", "A waits for permits to be given, and nobody is left to do it"),
    (woken_before_it_sleeps, 2, "lost wake-up", "A waits at woken to be woken, and nobody is left to do it"),
    (waits_with_the_key, 2, "deadlock", "A waits at woken to be woken; B waits for room, which A holds"),
    (
        wakes_the_wrong_one,
        3,
        "lost wake-up",
        "A waits at changed to be woken; B waits at changed to be woken, and nobody is left to do it",
    ),
]


@pytest.mark.parametrize(("program", "threads", "kind", "story"), STANDSTILLS)
def test_a_standstill_is_told_for_what_it_is(program: Program, threads: int, kind: str, story: str) -> None:
    found = standstills(program, threads)
    assert {each for each, _ in found} == {kind}
    assert (kind, story) in found


def test_a_wake_up_that_comes_to_one_who_has_waited_long_enough_is_lost_unless_it_hands_it_on() -> None:
    lost = {("lost wake-up", "B waits at ready to be woken, and nobody is left to do it")}
    assert standstills(woken_though_it_gave_up, 3) == lost
    assert standstills(partial(woken_though_it_gave_up, always=True), 3) == set()


def test_waking_everybody_loses_nobody() -> None:
    assert standstills(partial(wakes_the_wrong_one, everybody=True), 3) == set()


def test_the_circle_of_a_deadlock_is_found_among_others_that_wait() -> None:
    def program(sync: Scheduler) -> list[Callable[[], object]]:
        return [sync.lock("one").acquire, *crossed(sync)]

    with closing(Scheduler(3)) as controlled:
        turns = iter([1, 2])
        run = controlled.run(program(controlled), lambda wanted, able: next(turns, min(able)))
        assert run.waiting.keys() == {0, 1, 2}
        assert set(circle(run)) == {1, 2}
    assert circle(fair(nobody_gives)) == ()


def test_the_source_line_of_each_wait_is_told_when_a_run_is_told_again() -> None:
    found = Explorer(factory("unordered-stripes")).explore(NAMED["baskets-cross"], 60.0)
    assert found.fault is not None
    assert found.fault.lines == (), "a search has better things to do"
    again = replayed(factory("unordered-stripes"), read_token(token(found)))[1]
    assert again is not None
    assert [line.split(":")[0] for line in again.lines] == [
        "A waits for stripe 1 at bookproof.engine.zoo.lock_defects",
        "B waits for stripe 0 at bookproof.engine.zoo.lock_defects",
    ]
    assert all(line.endswith(" in _holding") for line in again.lines)
    assert lines(fair(crossed)) == ()


# ── livelock ──


def polite(sync: Scheduler) -> list[Callable[[], object]]:
    one, other = sync.try_lock("one"), sync.try_lock("other")

    def act(first: Any, second: Any) -> None:
        while True:
            with first:
                if second.acquire(blocking=False):
                    second.release()
                    return

    return [partial(act, one, other), partial(act, other, one)]


def spins_on_what_is_never_left(sync: Scheduler) -> list[Callable[[], object]]:
    lock = sync.try_lock("lock")

    def spin() -> None:
        while not lock.acquire(blocking=False):
            pass

    return [lock.acquire, spin]


def looks_for_ever(sync: Scheduler) -> list[Callable[[], object]]:
    flag = sync.event("flag")

    def look() -> None:
        while not flag.is_set():
            pass

    return [look]


@pytest.mark.parametrize(
    ("program", "story"),
    [
        (polite, "A and B go round and get nothing done: "),
        (spins_on_what_is_never_left, "B goes round and gets nothing done: B tries lock in vain; and so on"),
        (looks_for_ever, "A goes round and gets nothing done: A looks at flag; and so on"),
    ],
)
def test_whoever_makes_the_same_steps_for_ever_is_in_a_livelock(program: Program, story: str) -> None:
    stuck = standstill(fair(program))
    assert stuck is not None
    assert stuck.kind == "livelock"
    assert stuck.story.startswith(story)


def test_a_thread_that_spins_while_the_one_it_waits_for_has_no_turn_is_in_no_livelock() -> None:
    def program(sync: Scheduler) -> list[Callable[[], object]]:
        flag = sync.event("flag")

        def look() -> None:
            while not flag.is_set():
                pass

        return [look, flag.set]

    with closing(Scheduler(2)) as controlled:
        run = controlled.run(program(controlled), lambda wanted, able: min(able))
        assert run.endless
        assert standstill(run) is None
        assert not controlled.run(program(controlled), RoundRobin()).endless


def test_an_engine_that_backs_off_for_ever_is_caught_and_its_twin_passes() -> None:
    scenario = NAMED["baskets-cross"]
    found = Explorer(PoliteForEver).explore(scenario, 60.0)
    assert found.verdict is Verdict.FAILED
    assert found.fault is not None
    assert (found.fault.kind, token(found)) == ("livelock", "baskets-cross/")
    assert Explorer(PoliteEngine).explore(scenario, 60.0).verdict is Verdict.VERIFIED


class Stubborn(PoliteEngine):
    """Tries some more times before it waits: right, and longer than runs are followed."""

    @contextmanager
    def _holding(self, stripes: Iterable[int]) -> Iterator[None]:
        wanted = list(dict.fromkeys(stripes))
        with ExitStack() as held:
            held.enter_context(self._stripes[wanted[0]])
            for number in wanted[1:]:
                if not any(self._tried[number].acquire(blocking=False) for _ in range(5)):
                    held.close()
                    break
                held.callback(self._tried[number].release)
            else:
                yield
                return
            for number in sorted(wanted):
                held.enter_context(self._stripes[number])
            yield


def test_an_engine_that_spins_is_no_false_alarm_and_not_verified_either() -> None:
    certificate = Explorer(Stubborn).explore(NAMED["baskets-cross"], 60.0)
    assert certificate.fault is None
    assert certificate.says == "bounded(2 tries)"


class _TriesForEver(WaryMonitor):
    def enter(self, wanted: frozenset[int]) -> None:
        with self.freed:
            while self.taken.value & wanted:
                self.freed.wait(1.0)
            self.taken.value |= wanted


class TriesForEver(MonitorEngine):
    """Waits for some seconds, looks, and waits for some seconds: right, and longer than runs are followed."""

    monitor_type = _TriesForEver


class _ForgetsToWake(_TriesForEver):
    def leave(self, held: frozenset[int]) -> None:
        with self.freed:
            self.taken.value -= held  # the defect: nobody is woken, and it shows only where nobody looks for itself


class _ForgetsAndTrusts(_ForgetsToWake):
    enter = MonitorEngine.monitor_type.enter


class ForgetsToWake(MonitorEngine):
    """Whoever lets stripes go wakes nobody, and whoever waits looks for itself now and then."""

    monitor_type = _ForgetsToWake


class ForgetsAndTrusts(MonitorEngine):
    """The same, and whoever waits does so for ever."""

    monitor_type = _ForgetsAndTrusts


@pytest.mark.parametrize("engine", [TriesForEver, ForgetsToWake])
def test_an_engine_that_waits_for_some_seconds_over_and_over_is_no_false_alarm_and_not_verified_either(
    engine: Any,
) -> None:
    certificate = Explorer(engine).explore(NAMED["cancel-fill"], 60.0)
    assert certificate.fault is None
    assert certificate.says == "bounded(2 tries)"


def test_what_only_those_who_look_for_themselves_survive_is_a_lost_wake_up_for_the_others() -> None:
    fault = Explorer(ForgetsAndTrusts).explore(NAMED["cancel-fill"], 60.0).fault
    assert fault is not None
    assert fault.kind == "lost wake-up"


def both_wait_for_the_other(sync: Scheduler) -> list[Callable[[], object]]:
    one, other = sync.event("one"), sync.event("other")

    def act(mine: Any, theirs: Any) -> None:
        while not theirs.wait(1.0):
            pass
        mine.set()

    return [partial(act, one, other), partial(act, other, one)]


def nobody_wakes_and_everybody_looks(sync: Scheduler) -> list[Callable[[], object]]:
    ready, things = sync.condition("ready", sync.lock("door")), list[int]()

    def act() -> None:
        with ready:
            while not things:
                ready.wait(1.0)

    return [act, act]


@pytest.mark.parametrize("program", [both_wait_for_the_other, nobody_wakes_and_everybody_looks])
def test_threads_that_wait_for_some_seconds_over_and_over_are_in_a_livelock(program: Program) -> None:
    stuck = standstill(fair(program))
    assert stuck is not None
    assert stuck.kind == "livelock"
    assert "long enough" in stuck.story


def test_a_wait_that_has_been_long_enough_is_an_event_of_the_run_and_its_token_shows_it_again() -> None:
    found = Explorer(LateIsGranted).explore(NAMED["cancel-fill"], 60.0)
    assert found.fault is not None
    assert len(token(found)) <= 40
    recorder = Recorder()
    for back_end in ("threads", "greenlets") if has_greenlets() else ("threads",):
        recorder = Recorder()
        fault, heard = replayed(LateIsGranted, read_token(token(found)), recorder, back_end)[1:]
        assert fault is not None
        assert fault.kind == found.fault.kind
        assert any(what == "has waited at stripes freed long enough" for _, what in heard)
    assert any(step.what == "is not woken in time at stripes freed" for step in recorder.steps)


# ── starvation ──


def starving(sync: Scheduler) -> list[Callable[[], object]]:
    lock, pause = sync.try_lock("lock"), sync.lock("pause")

    def greedy() -> None:
        for _ in range(8):
            with lock:
                pass

    def unlucky() -> None:
        while not lock.acquire(blocking=False):
            with pause:
                pass

    return [greedy, unlucky]


def test_a_thread_that_has_its_turn_and_is_overtaken_again_and_again_starves() -> None:
    stuck = starved(fair(starving))
    assert stuck is not None
    assert stuck == ("starvation", "A takes lock 8 times while B asks for it")
    assert starved(fair(crossed)) is None


def test_correct_engines_overtake_nobody_for_long() -> None:
    for name in ("baskets-ring", "market-halt", "three-by-three"):
        certificate = Explorer(factory("striped")).explore(NAMED[name], 1.0)
        assert certificate.overtaken <= 2
        assert certificate.fault is None


# ── engines that take their locks otherwise ──


@pytest.mark.parametrize("engine", [MonitorEngine, PoliteEngine, WaryEngine])
@pytest.mark.parametrize("name", ["cancel-fill", "baskets-cross", "two-books", "baskets-ring", "one-purse"])
def test_an_engine_that_takes_its_locks_otherwise_and_is_right_is_verified(engine: Any, name: str) -> None:
    certificate = Explorer(engine).explore(NAMED[name], 60.0)
    assert certificate.verdict is Verdict.VERIFIED, certificate.fault


@pytest.mark.skipif(not has_greenlets(), reason="greenlets are not installed: pip install 'bookproof[greenlets]'")
def test_explore_on_greenlets_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    said: list[list[str]] = []
    for back_end in ("threads", "greenlets"):
        assert main(["explore", "--scenario", "market-halt", "--back-end", back_end, "--json"]) == 0
        told = capsys.readouterr().out.splitlines()
        said.append([line for line in told if '"seconds"' not in line])
    assert said[0] == said[1]
