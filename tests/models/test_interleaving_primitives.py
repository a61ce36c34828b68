"""Conditions, semaphores, events, tries, draws and waits for some seconds: the reduced search against the naive one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from itertools import islice, product
from typing import Any

import pytest

from bookproof.engine.interface import Answer
from bookproof.engine.striped import StripedEngine
from bookproof.engine.sync import THREADS, Sync
from bookproof.models.interleaving import actions, judge, primitives, search, wheels
from bookproof.models.interleaving.explore import Explorer, Verdict, replayed
from bookproof.models.interleaving.run import token
from bookproof.models.interleaving.scenarios import NAMED
from bookproof.models.interleaving.scheduler import Action, Choose, Run, Scheduler
from bookproof.models.interleaving.search import Reduced, instead
from bookproof.models.interleaving.token import read_token
from bookproof.models.interleaving.wheels import has_greenlets
from bookproof.models.interleaving.workshop import Shop, Workshop, weighed
from bookproof.spec.commands import Halt, Resume
from bookproof.spec.events import Halted, Resumed


def lost(program: int | str) -> bool:
    """Whether the reduced search loses an outcome of a program."""
    both = weighed(program)
    return both is not None and both.lost


def inexact(program: int | str) -> bool:
    """Whether it does anything but run each trace once, and these stand for all schedules."""
    both = weighed(program)
    return both is not None and both.inexact


def test_the_reduced_search_runs_every_trace_once_and_loses_nothing_whatever_the_primitives() -> None:
    judged = [both for number in range(200) if (both := weighed(number, most=200)) is not None]
    assert len(judged) > 120
    assert not any(both.lost or both.inexact for both in judged)


@pytest.mark.parametrize("back_end", ["threads", "greenlets"] if has_greenlets() else ["threads"])
@pytest.mark.parametrize(
    "program",
    [
        "nap-once | notify",
        "nap-once | nap-once | notify",
        "nap-while | notify | wait-while",
        "nap-if | nap-once | notify-all",
        "nap-once nap-once | notify notify",
        "hear hear | raise lower | lower",
        "hear | wait lower | raise",
        "hear hear hear hear | raise lower",
        "permit-awhile permit-awhile | permit-awhile give",
        "permit-awhile | take-permit give | take-permit give",
    ],
)
def test_waits_that_may_end_unanswered_end_so_in_every_run_that_differs(program: str, back_end: str) -> None:
    both = weighed(program, back_end=back_end)
    assert both is not None
    assert not both.lost
    assert not both.inexact


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
        ("trylock trylock | keep keep keep", "a lock has been left, and may be tried in vain as often as before"),
        (
            "hear hear hear | raise lower raise",
            "a flag has been raised, and may be waited for in vain as often as before",
        ),
        ("wait-while | nap-while | notify | lock-0", "who waited too long before was made to wait until one is woken"),
    ],
)
def test_what_is_to_be_seen_to_before_a_race_is_turned_round(program: str, why: str) -> None:
    both = weighed(program, most=800)
    assert both is not None
    assert not both.lost, why
    assert not both.inexact, why


def runs_of(program: str) -> list[tuple[Run, tuple[object, ...]]]:
    """Every run of a program, and what its first thread saw."""
    with closing(Scheduler(3)) as controlled:
        shop = Workshop(program, controlled)
        return [(run, shop.outcome[1][0]) for run in Reduced(shop.execute)]  # type: ignore[index]


def test_who_was_woken_in_vain_may_wait_too_long_as_often_as_before() -> None:
    seen = [told[:5] for run, told in runs_of("nap-while | notify wait-while") if not run.cut]
    assert ("no", "no", "yes", "no", "no") in seen
    assert max(told.count("no") for _, told in runs_of("nap-while | lock-0")) == 2
    assert max(told.count("no") for _, told in runs_of("hear hear hear | raise lower")) == 3
    assert max(told.count("no") for _, told in runs_of("hear hear hear | raise")) == 2


@pytest.mark.parametrize(("gets_something_done", "spun"), [(True, set[int]()), (False, {0})])
def test_who_gets_something_done_between_may_wait_too_long_as_often_as_it_likes(
    gets_something_done: bool, spun: set[int]
) -> None:
    with closing(Scheduler(1)) as controlled:
        condition = controlled.condition("condition", controlled.lock("door"))

        def act() -> None:
            for _ in range(3):
                with condition:
                    assert not condition.wait(1.0)
                if gets_something_done:
                    controlled.returned()

        assert controlled.run([act], lambda wanted, able: min(able)).spun == spun


def test_a_wake_up_is_a_point_only_while_somebody_waits_for_some_seconds() -> None:
    kinds = [[event.action.kind for event in run.events] for run, _ in runs_of("nap-once wait-while | notify notify")]
    assert any("expire" in each and "wake" in each for each in kinds)
    late = [each for each in kinds if each.count("take") == 6 and each[:3] == ["take", "expire", "take"]]
    assert late
    assert not any("wake" in each for each in late), "by then nobody is left who does not wait to the end"
    assert not any("wake" in [event.action.kind for event in run.events] for run, _ in runs_of("wait-while | notify"))


NEEDED = {
    ("take", "take"): "trylock-lock-0 | trylock",
    ("take", "win"): "try-permit | take-permit",
    ("fail", "take"): "take-permit | try-permit",
    ("release", "take"): "trylock-lock-0 | trylock-lock-0 trylock | lock-0-trylock",
    ("give", "take"): "try-permit | take-permit | give-two",
    ("win", "win"): "keep | keep",
    ("fail", "win"): "keep | keep",
    ("release", "win"): "keep | trylock-lock-0",
    ("give", "win"): "with-permit | try-permit",
    ("fail", "release"): "keep | trylock-lock-0",
    ("fail", "give"): "with-permit | try-permit",
    ("release", "release"): "keep throw-out | keep keep | throw-out keep",
    ("read", "write"): "poke | peek",
    ("write", "write"): "poke | poke",
    ("draw", "draw"): "draw-lock-0 | draw",
    ("lower", "raise"): "lower | raise look",
    ("raise", "wait"): "raise | wait | hear",
    ("lower", "wait"): "raise lower | wait",
    ("look", "raise"): "look | raise",
    ("look", "lower"): "lower | raise look",
    ("hear", "raise"): "raise | hear",
    ("hear", "lower"): "raise hear | lower",
    ("miss", "raise"): "raise | hear",
    ("lower", "miss"): "hear | raise lower",
    ("expire", "wake"): "notify-all | nap-if",
}
"""Pairs of kinds that clash, and a program that loses an outcome when they are taken not to."""


def test_every_pair_of_kinds_that_clash_has_a_program_that_needs_it() -> None:
    pairs = {(min(pair), max(pair)) for kind, others in actions.CLASHES.items() for pair in product([kind], others)}
    assert NEEDED.keys() == pairs
    assert all(kind in actions.CLASHES[other] for kind, others in actions.CLASHES.items() for other in others)


@pytest.mark.parametrize(
    ("pair", "program"), NEEDED.items(), ids=lambda each: "" if isinstance(each, str) else "-".join(each)
)
def test_two_kinds_that_clash_and_are_not_known_to_cost_outcomes(
    pair: tuple[str, str], program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not lost(program)
    kind, other = pair
    for each, clashes in actions.CLASHES.items():
        fewer = clashes - {other if each == kind else ""} - {kind if each == other else ""}
        monkeypatch.setitem(actions.CLASHES, each, fewer)
    assert lost(program)


WRONG: dict[str, Callable[..., Action | None]] = {
    "whoever comes first does as it did": lambda run, before, first, late: late.action,
    "whoever comes first can": lambda run, before, first, late: instead(run, before, first, late) or late.action,
}


@pytest.mark.parametrize("why", WRONG)
def test_a_race_that_cannot_be_turned_round_and_is_costs_runs(why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "instead", WRONG[why])
    assert inexact("trylock-lock-0 | lock-0-trylock peek")
    assert inexact("raise | notify-all | give wait raise")


def test_a_wake_up_that_nobody_might_have_waited_too_long_for_costs_outcomes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reduced, "_let_expire", lambda self, wake, at: None)
    assert lost("nap-once | notify")


def test_a_lock_that_is_left_unseen_by_those_who_try_it_costs_outcomes(monkeypatch: pytest.MonkeyPatch) -> None:
    make = Scheduler.try_lock

    def careless(self: Scheduler, name: str) -> primitives.ControlledTryLock:
        made = make(self, name)
        self._tried.discard(name)
        return made

    monkeypatch.setattr(Scheduler, "try_lock", careless)
    assert lost("keep | trylock-lock-0")


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


def drawn(controlled: Scheduler, *locks: str) -> set[tuple[object, ...]]:
    """The numbers that two threads draw, each holding a lock or nothing."""
    controlled.racy = frozenset()
    found: set[tuple[object, ...]] = set()

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


def by_event_that_is_waited_for_no_longer_than_so_long(sync: Sync) -> list[Act]:
    event = sync.event("flag")
    return [in_turn(write, lambda cell: event.set()), lambda cell: write(cell) if event.wait(1.0) else None]


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


ORDERED: list[Any] = [by_event, by_event_that_is_looked_at, by_event_that_is_waited_for_no_longer_than_so_long]
ORDERED += [by_semaphore, by_condition, by_trying]


@pytest.mark.parametrize("program", ORDERED)
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
        wrong: dict[str, Callable[[], object]]
        wrong = {"leave": lock.release, "wait": condition.wait, "notify": condition.notify}
        wrong[which]()

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
        assert not event.wait(1.0)
        condition = controlled.condition("condition", controlled.lock("door"))
        assert not condition.wait(1.0)
        with pytest.raises(RuntimeError, match="nobody is there"):
            condition.wait()
        event.set()
        assert event.wait(1.0)
        run = controlled.run([permits.acquire, event.wait], lambda wanted, able: min(able))
        assert (run.schedule, run.waiting) == ((0, 1), {})


def test_in_production_they_are_those_of_threading() -> None:
    shop = Shop(THREADS, 1, True)
    seen: list[object] = []
    for step in ("rlock rlock", "try", "with permit", "raise", "wait", "look", "notify", "wait while", "draw lock 0"):
        shop.do(step, 0, 1, seen)
    assert seen == [1, 4, 13, "yes", 0, 1]
    assert isinstance(shop.event, threading.Event)
    with shop.condition:
        assert not shop.condition.wait(0.0)
    assert shop.event.wait(0.0)


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
    monkeypatch.setattr(judge, "reordered", lambda outcome: ())
    assert Explorer(FlagNobodyReads).explore(scenario, 60.0).verdict is Verdict.VERIFIED, "wrongly, without that"
