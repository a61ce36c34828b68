"""Conditions, semaphores, events, tries and draws under the scheduler: the reduced search against the naive one."""

from __future__ import annotations

import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import pytest

from bookproof.engine.interface import Answer
from bookproof.engine.striped import StripedEngine
from bookproof.engine.sync import THREADS, Sync
from bookproof.models.interleaving import actions, explore, primitives, wheels
from bookproof.models.interleaving.explore import Explorer, Verdict, replayed
from bookproof.models.interleaving.run import token
from bookproof.models.interleaving.scenarios import NAMED
from bookproof.models.interleaving.scheduler import Choose, Run, Scheduler
from bookproof.models.interleaving.search import Naive, Reduced
from bookproof.models.interleaving.token import read_token
from bookproof.models.interleaving.traces import linearizations, trace_of
from bookproof.models.interleaving.wheels import has_greenlets
from bookproof.spec.commands import Halt, Resume
from bookproof.spec.events import Halted, Resumed

Search = Callable[[Callable[[Choose], Run]], Iterable[Run]]
Outcome = tuple[object, ...]
Step = tuple[str, int, int]
"""What is done, with a number that says to what, and another one to be written."""

STEPS: Mapping[str, tuple[str, ...]] = {
    "lock": ("lock 0", "lock 1", "lock 0 lock 1", "lock 1 lock 0"),
    "rlock": ("rlock", "rlock rlock", "rlock lock 0"),
    "try": ("trylock", "trylock lock 0", "lock 0 trylock", "try", "try"),
    "condition": ("wait while", "wait if", "notify", "notify", "notify all"),
    "semaphore": ("take permit", "give", "give two", "try permit", "with permit"),
    "event": ("raise", "raise", "lower", "look", "wait"),
    "counter": ("draw", "draw", "draw lock 0", "draw lock 1"),
}


class Workshop:
    """A random program with up to three kinds of primitives, right or wrong.

    The outcome is what the cells hold at the end, what each thread saw, and who is stuck for ever.
    """

    def __init__(self, program: int | str, scheduler: Scheduler) -> None:
        """By its number; or by its steps, one word each, threads apart by `|`, with one permit."""
        dice = random.Random(program)
        self.scheduler = scheduler
        self.threads = dice.randint(2, 3)
        kinds = dice.sample(sorted(STEPS), dice.randint(1, 3))
        self.permits = dice.randint(0, 2)
        self.reentrant = dice.random() < 0.3
        self.scripts = [self._script(dice, kinds) for _ in range(self.threads)]
        if isinstance(program, str):
            scripts = [script.split() for script in program.split("|")]
            self.scripts = [[(step.replace("-", " "), 0, at) for at, step in enumerate(script)] for script in scripts]
            self.threads, self.permits = len(scripts), 1
        self.outcome: Outcome = ()

    @staticmethod
    def _script(dice: random.Random, kinds: list[str]) -> list[Step]:
        script: list[Step] = []
        for _ in range(dice.randint(1, 3)):
            script.append((dice.choice(STEPS[dice.choice(kinds)]), dice.randrange(2), dice.randint(1, 9)))
            if dice.random() < 0.15:
                script.append((dice.choice(("peek", "poke")), dice.randrange(2), dice.randint(1, 9)))
        return script

    def execute(self, choose: Choose) -> Run:
        sync: Sync = self.scheduler
        shop = Shop(sync, self.permits, self.reentrant)
        seen: list[list[object]] = [[] for _ in range(self.threads)]

        def script(thread: int) -> Callable[[], None]:
            def act() -> None:
                for step, cell, number in self.scripts[thread]:
                    shop.do(step, cell, number, seen[thread])

            return act

        run = self.scheduler.run([script(thread) for thread in range(self.threads)], choose)
        ends = tuple(cell.value for cell in shop.cells)
        self.outcome = (ends, tuple(map(tuple, seen)), tuple(sorted(run.waiting)))
        return run


class Shop:
    """One of each primitive, and what can be done with it."""

    def __init__(self, sync: Sync, permits: int, reentrant: bool) -> None:
        self.locks: dict[str, Any] = {f"lock {at}": sync.lock(f"lock {at}") for at in range(2)}
        self.locks |= {"rlock": sync.rlock("rlock"), "trylock": sync.try_lock("trylock")}
        self.condition = sync.condition("condition", sync.rlock("door") if reentrant else sync.lock("door"))
        self.semaphore = sync.semaphore("permits", permits)
        self.event = sync.event("flag")
        self.draw = sync.counter("numbers")
        self.cells = [sync.cell(f"cell {at}", 0) for at in range(2)]
        self.ready = 0

    def do(self, step: str, cell: int, number: int, seen: list[object]) -> None:
        match step.split():
            case ["try"]:
                if self.locks["trylock"].acquire(blocking=False):
                    try:
                        self.change(cell, number, seen)
                    finally:
                        self.locks["trylock"].release()
                else:
                    seen.append("in vain")
            case ["wait", how]:
                with self.condition:
                    while not self.ready:
                        self.condition.wait()
                        if how == "if":
                            break
                    self.ready -= 1
                    seen.append(self.ready)
            case ["notify", *everybody]:
                with self.condition:
                    self.ready += 1
                    self.condition.notify(9 if everybody else 1)
            case ["take", "permit"]:
                self.semaphore.acquire()
            case ["with", "permit"]:
                with self.semaphore:
                    self.change(cell, number, seen)
            case ["try", "permit"]:
                seen.append(self.semaphore.acquire(blocking=False))
            case ["give", *two]:
                self.semaphore.release(2 if two else 1)
            case ["raise"]:
                self.event.set()
            case ["lower"]:
                self.event.clear()
            case ["look"]:
                seen.append(self.event.is_set())
            case ["wait"]:
                self.event.wait()
            case ["draw", *lock]:
                self.under(" ".join(lock), lambda: seen.append(self.draw()))
            case ["peek"]:
                seen.append(self.cells[cell].value)
            case ["poke"]:
                self.cells[cell].value = number
            case _:
                self.under(step, lambda: self.change(cell, number, seen))

    def change(self, cell: int, number: int, seen: list[object]) -> None:
        self.cells[cell].value = self.cells[cell].value * 3 + number
        seen.append(self.cells[cell].value)

    def under(self, names: str, act: Callable[[], None]) -> None:
        held: list[Any] = []
        try:
            for name in re.findall(r"trylock|rlock|lock \d", names):
                self.locks[name].acquire()
                held.append(self.locks[name])
            act()
        finally:
            for lock in reversed(held):
                lock.release()


class Searched(NamedTuple):
    """What a search shows of a program."""

    outcomes: set[Outcome]
    traces: Counter[Hashable]
    """How often each was run."""
    cut: int
    schedules: int
    """That these traces stand for."""


def searched(program: Workshop, by: Search, most: int) -> Searched | None:
    """All that a search finds, with all points that it asks for; None if it takes too many runs."""
    while True:
        found = Searched(set(), Counter(), 0, 0)
        points: frozenset[str] = frozenset()
        for runs, run in enumerate(by(program.execute)):
            for error in run.errors.values():
                raise error
            points |= run.drawn.union(race.cell for race in run.races)
            if run.cut:
                found = found._replace(cut=found.cut + 1)
            else:
                found.outcomes.add(program.outcome)
                found.traces[trace_of(run)] += 1
                found = found._replace(schedules=found.schedules + linearizations(run).orders)
            if runs > most:
                return None
        if points <= program.scheduler.racy:
            return found
        program.scheduler.racy |= points


def by_both(which: int | str, most: int) -> tuple[Searched, Searched | None] | None:
    """A program by the naive search and by the reduced one; None if it has more schedules than that."""
    with closing(Scheduler(3, "greenlets" if has_greenlets() else "threads")) as controlled:
        program = Workshop(which, controlled)
        right = searched(program, Naive, most)
        controlled.racy = frozenset()
        return None if right is None else (right, searched(program, Reduced, most))


def lost(which: int | str, most: int = 400) -> bool:
    """Whether the reduced search loses an outcome of a program."""
    both = by_both(which, most)
    return both is not None and (both[1] is None or both[0].outcomes != both[1].outcomes)


def wasted(which: int | str, most: int = 400) -> bool:
    """Whether it does anything but run each trace once, and these stand for all schedules."""
    both = by_both(which, most)
    if both is None:
        return False
    right, mine = both
    if mine is None or mine.cut or set(mine.traces.values()) != {1} or mine.traces.keys() != right.traces.keys():
        return True
    return mine.schedules != right.traces.total()


def test_the_reduced_search_loses_no_outcome_whatever_the_primitives() -> None:
    assert [number for number in range(120) if lost(number)] == []


def test_it_runs_every_trace_once_and_cuts_no_run_whatever_the_primitives() -> None:
    assert [number for number in range(120) if wasted(number)] == []


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("take-permit give | take-permit give", "a permit is taken after it was given"),
        ("trylock-lock-0 | lock-0-trylock peek", "a lock that may be tried is left, and taken on the way elsewhere"),
        ("raise | notify-all | give wait raise", "a flag is waited for on the way elsewhere"),
        ("lower | notify wait", "a flag that was down in any case is lowered"),
        ("lower wait | raise lower", "who is to come before another one's lowering does some of its own"),
        ("raise raise lower | wait | lower lower", "who is to come before one lowering comes after another one"),
        ("try-permit give rlock | try-permit take-permit | try-permit give-two", "two that fail do not race"),
        ("try take-permit try | give try give", "a try that won fails when it comes first"),
    ],
)
def test_what_is_to_be_seen_to_before_a_race_is_turned_round(program: str, why: str) -> None:
    assert not wasted(program), why
    assert not lost(program), why


UNKNOWN = [
    *(("draw", "draw", 3), ("fail", "give", 42), ("fail", "release", 9), ("look", "lower", 78)),
    *(("look", "raise", 0), ("lower", "raise", 63), ("take", "take", 0)),
]
"""Pairs of kinds, and the number of a program that tells when they are taken not to clash."""


@pytest.mark.parametrize(("kind", "other", "number"), UNKNOWN)
def test_two_kinds_that_clash_and_are_not_known_to_cost_outcomes(
    kind: str, other: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each, clashes in actions.CLASHES.items():
        fewer = clashes - {other if each == kind else ""} - {kind if each == other else ""}
        monkeypatch.setitem(actions.CLASHES, each, fewer)
    assert lost(number)


def test_a_lock_that_is_left_unseen_by_those_who_try_it_costs_outcomes(monkeypatch: pytest.MonkeyPatch) -> None:
    make = Scheduler.try_lock

    def careless(self: Scheduler, name: str) -> primitives.ControlledTryLock:
        made = make(self, name)
        self._tried.discard(name)
        return made

    monkeypatch.setattr(Scheduler, "try_lock", careless)
    assert lost(9)


def test_draws_under_different_locks_are_points_where_numbers_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(Scheduler(2)) as controlled:
        assert sorted(drawn(controlled, "lock 0", "lock 1")) == [(1, 2), (2, 1)]
        assert controlled.racy == {"numbers"}
        controlled.racy = frozenset()
        assert sorted(drawn(controlled, "lock 0", "lock 0")) == [(1, 2), (2, 1)]
        assert controlled.racy == frozenset(), "the lock orders the draws"
        controlled.numbers_matter = False
        assert len(drawn(controlled, "lock 0", "lock 1")) == 1
        assert sorted(drawn(controlled, "", "lock 1")) == [(1, 2), (2, 1)]
        assert controlled.racy == {"numbers"}, "a draw that nothing guards is a point in any case"


def drawn(controlled: Scheduler, *locks: str) -> set[Outcome]:
    """The numbers that two threads draw, each holding a lock or nothing."""
    controlled.racy = frozenset()
    found: set[Outcome] = set()

    def execute(choose: Choose) -> Run:
        shop = Shop(controlled, 0, False)
        seen: list[list[object]] = [[], []]
        scripts = [partial(shop.do, f"draw {locks[at]}", 0, 0, seen[at]) for at in range(2)]
        run = controlled.run(scripts, choose)
        if not run.cut:
            found.add((seen[0][0], seen[1][0]))
        return run

    points: frozenset[str] | None = None
    while points != controlled.racy:
        points = controlled.racy
        for run in Reduced(execute):
            controlled.racy |= run.drawn
    return found


# ── what a race is ──


def raced(first: Callable[[Sync], Sequence[Act]]) -> set[str]:
    """The cells that race in any run of a program of some threads."""
    with closing(Scheduler(3)) as controlled:
        found: set[str] = set()

        def execute(choose: Choose) -> Run:
            cell = controlled.cell("cell", 0)
            scripts = [partial(act, cell) for act in first(controlled)]
            run = controlled.run(scripts, choose)
            assert not run.errors
            return run

        for run in Reduced(execute):
            found |= {race.cell for race in run.races}
        return found


Act = Callable[[Any], object]


def write(cell: Any) -> None:
    cell.value += 1


def in_turn(*acts: Act) -> Act:
    def act(cell: Any) -> None:
        for each in acts:
            each(cell)

    return act


def by_event(sync: Sync) -> list[Act]:
    event = sync.event("flag")

    def after(cell: Any) -> None:
        event.wait()
        write(cell)

    return [in_turn(write, lambda cell: event.set()), after]


def by_event_that_is_looked_at(sync: Sync) -> list[Act]:
    event = sync.event("flag")
    return [in_turn(write, lambda cell: event.set()), lambda cell: write(cell) if event.is_set() else None]


def by_semaphore(sync: Sync) -> list[Act]:
    permits = sync.semaphore("permits", 0)
    return [in_turn(write, lambda cell: permits.release()), in_turn(lambda cell: permits.acquire(), write)]


def by_condition(sync: Sync) -> list[Act]:
    condition, ready = sync.condition("condition", sync.lock("door")), []

    def before(cell: Any) -> None:
        write(cell)
        with condition:
            ready.append(1)
            condition.notify()

    def after(cell: Any) -> None:
        with condition:
            while not ready:
                condition.wait()
        write(cell)

    return [before, after]


def by_trying(sync: Sync) -> list[Act]:
    lock = sync.try_lock("lock")

    def act(cell: Any) -> None:
        if lock.acquire(blocking=False):
            write(cell)
            lock.release()

    return [act, act, act]


def with_two_permits(sync: Sync) -> list[Act]:
    permits = sync.semaphore("permits", 2)

    def act(cell: Any) -> None:
        with permits:
            write(cell)

    return [act, act]


def with_a_permit_of_somebody_else(sync: Sync) -> list[Act]:
    permits = sync.semaphore("permits", 0)
    return [
        lambda cell: permits.release(),
        in_turn(write, lambda cell: permits.release()),
        in_turn(lambda cell: permits.acquire(), write),
    ]


def after_a_try_in_vain(sync: Sync) -> list[Act]:
    lock = sync.try_lock("lock")

    def holder(cell: Any) -> None:
        with lock:
            write(cell)

    def trier(cell: Any) -> None:
        if not lock.acquire(timeout=1.0):
            write(cell)  # the defect: it has waited long enough, and goes on without
        else:
            lock.release()

    return [holder, trier]


@pytest.mark.parametrize("program", [by_event, by_event_that_is_looked_at, by_semaphore, by_condition, by_trying])
def test_what_a_signal_orders_does_not_race(program: Any) -> None:
    assert raced(program) == set()


@pytest.mark.parametrize("program", [with_two_permits, with_a_permit_of_somebody_else, after_a_try_in_vain])
def test_what_a_signal_does_not_order_races(program: Any) -> None:
    assert raced(program) == {"cell"}


@pytest.mark.parametrize(("method", "program"), [("gave", by_semaphore), ("flag", by_event), ("left", by_trying)])
def test_a_signal_that_orders_nothing_is_a_false_alarm(
    method: str, program: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clocks of the race detector are there for a reason: without each of them a correct program races."""
    right: Any = getattr(Scheduler, method)

    def wrong(self: Scheduler, place: str, *given: Any) -> None:
        right(self, place, *given)
        self._signals.pop(place, None)
        self._lock_locked.pop(place, None)

    monkeypatch.setattr(Scheduler, method, wrong)
    assert raced(program) == {"cell"}


# ── misuse ──


def test_locks_are_left_by_their_holder_only_and_conditions_used_with_their_lock() -> None:
    def misuse(sync: Sync, which: str) -> None:
        lock, condition = sync.lock("lock"), sync.condition("condition", sync.lock("door"))
        {"leave": lock.release, "wait": condition.wait, "notify": condition.notify}[which]()

    with closing(Scheduler(1)) as controlled:
        for which, said in (
            ("leave", "release unlocked lock"),
            ("wait", "cannot wait without door, which nobody holds"),
            ("notify", "cannot notify without door, which nobody holds"),
        ):
            run = controlled.run([partial(misuse, controlled, which)], lambda wanted, able: min(able))
            assert str(run.errors[0]) == said


def test_outside_a_run_values_are_kept_and_nobody_waits() -> None:
    with closing(Scheduler(2)) as controlled:
        permits, event = controlled.semaphore("permits", 1), controlled.event("flag")
        assert permits.acquire(blocking=False)
        assert not permits.acquire(blocking=False)
        with pytest.raises(RuntimeError, match="nobody is there"):
            permits.acquire()
        permits.release()
        event.set()
        run = controlled.run([permits.acquire, event.wait], lambda wanted, able: min(able))
        assert (run.schedule, run.waiting) == ((0, 1), {})


def test_in_production_they_are_those_of_threading() -> None:
    shop = Shop(THREADS, 1, True)
    seen: list[object] = []
    for step in ("rlock rlock", "try", "with permit", "raise", "wait", "look", "notify", "wait while", "draw lock 0"):
        shop.do(step, 0, 1, seen)
    assert seen == [1, 4, 13, True, 0, 1]
    assert isinstance(shop.event, threading.Event)


# ── back ends ──


@pytest.mark.skipif(not has_greenlets(), reason="greenlets are not installed: pip install 'bookproof[greenlets]'")
def test_threads_and_greenlets_make_the_same_runs() -> None:
    for number in range(40):
        told: list[list[object]] = []
        for back_end in ("threads", "greenlets"):
            with closing(Scheduler(3, back_end)) as controlled:
                program = Workshop(number, controlled)
                runs = [(run.events, run.cut, program.outcome) for run in islice(Reduced(program.execute), 60)]
                told.append(list(runs))
        assert told[0] == told[1]


def test_greenlets_that_are_not_installed_are_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels, "has_greenlets", lambda: False)
    with pytest.raises(ValueError, match=r"pip install 'bookproof\[greenlets\]'"):
        Scheduler(2, "greenlets")


# ── stamps ──


class FlagNobodyReads(StripedEngine):
    """A halt of the market notes that it has been, under a lock of its own, and that is all."""

    def _halt(self, command: Halt) -> Answer:
        with self._spare:  # the defect: no stripe, and no book looks
            return self._stamped([Halted(None)])

    def _resume(self, command: Resume) -> Answer:
        with self._spare:
            return self._stamped([Resumed(None)])

    def __init__(self, *given: Any, sync: Sync = THREADS, **named: Any) -> None:
        super().__init__(*given, sync=sync, **named)
        self._spare = sync.lock("spare")


def test_what_shares_no_lock_is_judged_in_every_order_of_its_stamps(monkeypatch: pytest.MonkeyPatch) -> None:
    """No lock, no cell is shared, so one run stands for all; but a halt that comes first has to be obeyed."""
    scenario = NAMED["market-halt"]
    certificate = Explorer(FlagNobodyReads).explore(scenario, 60.0)
    assert certificate.verdict is Verdict.FAILED
    assert certificate.fault is not None
    again = replayed(FlagNobodyReads, read_token(token(certificate)))[1]
    assert again == certificate.fault, "and its schedule makes it happen"
    monkeypatch.setattr(explore, "reordered", lambda outcome: ())
    assert Explorer(FlagNobodyReads).explore(scenario, 60.0).verdict is Verdict.VERIFIED, "wrongly, without that"
