"""Histories: what the check accepts and what it rejects, in pairs; recording."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from itertools import permutations

import pytest

from bookproof.engine.interface import Answer
from bookproof.engine.striped import StripedEngine
from bookproof.models.concurrent.check import check
from bookproof.models.concurrent.history import Doing, History, LockStep, Operation, books_of, overlap
from bookproof.models.concurrent.recorder import SWITCH_INTERVAL, RunError, record
from bookproof.models.concurrent.run import MIXES, numbered_scenario, run_concurrent
from bookproof.models.concurrent.seam import OverlappingThreads, StuckError
from bookproof.models.concurrent.story import side_by_side
from bookproof.models.verdict import Verdict
from bookproof.spec.commands import Basket, Cancel, Command, Leg, MassCancel, Route, Submit, TakeSnapshot
from bookproof.spec.events import ImpliedTrade, SnapshotTaken, Trade
from bookproof.spec.exchange import opening, snapshot, step
from bookproof.spec.instruments import listing
from bookproof.spec.profile import DEFAULT
from bookproof.spec.values import Side
from bookproof.spec.views import BookView

BOOKS = listing(["ABC", "XYZ"])

SELL = Submit("ABC", 1, 1, Side.SELL, 5, 100)
BUY = Submit("ABC", 2, 2, Side.BUY, 5, 100)
CANCEL = Cancel("ABC", 1)


def told(*steps: tuple[int, Command, int, int]) -> History:
    """The history in which commands (client, command, called, returned) took effect in the order given."""
    state = opening(BOOKS)
    operations = []
    for stamp, (client, command, called, returned) in enumerate(steps, start=1):
        state, events = step(state, command)
        operations.append(Operation(client, command, called, returned, Answer(stamp, events)))
    return History(BOOKS, DEFAULT, tuple(operations), snapshot(state))


def restamped(history: History, *stamps: int) -> History:
    pairs = zip(history.operations, stamps, strict=True)
    changed = [one._replace(answer=one.answer._replace(stamp=stamp)) for one, stamp in pairs]
    return history._replace(operations=tuple(changed))


# ── the check: accepts and rejects ──


def test_accepts_overlapping_operations_in_the_order_of_their_stamps() -> None:
    assert check(told((0, SELL, 0, 10), (1, BUY, 5, 15), (2, CANCEL, 6, 20))) is None


def test_accepts_an_empty_history() -> None:
    assert check(told()) is None


def test_rejects_two_operations_with_one_stamp() -> None:
    violation = check(restamped(told((0, SELL, 0, 10), (1, BUY, 5, 15)), 1, 1))
    assert violation is not None
    assert violation.kind == "stamps"


def test_rejects_a_stamp_order_that_goes_against_real_time() -> None:
    """SELL had returned before CANCEL of something else was called, yet has the larger stamp."""
    other = Cancel("XYZ", 9)
    history = restamped(told((0, SELL, 0, 10), (1, other, 11, 20)), 2, 1)
    violation = check(history)
    assert violation is not None
    assert (violation.kind, violation.position) == ("real time", 0)
    assert check(restamped(told((0, SELL, 0, 11), (1, other, 11, 20)), 2, 1)) is None, "if they overlap they may swap"


def test_rejects_an_answer_that_the_oracle_does_not_give() -> None:
    history = told((0, SELL, 0, 10), (1, BUY, 5, 15), (2, CANCEL, 6, 20))
    swapped = restamped(history, 1, 3, 2)  # the cancel now comes before the trade it was too late for
    violation = check(swapped)
    assert violation is not None
    assert (violation.kind, violation.operation, violation.position) == ("answer", swapped.operations[2], 1)
    assert violation.expected != swapped.operations[2].answer.events


def test_rejects_final_books_that_do_not_follow() -> None:
    history = told((0, SELL, 0, 10))
    violation = check(history._replace(final=snapshot(opening(BOOKS))))
    assert violation is not None
    assert violation.kind == "final books"


def test_rejects_a_lost_operation() -> None:
    history = told((0, SELL, 0, 10), (1, BUY, 5, 15))
    assert check(history._replace(operations=history.operations[1:])) is not None


def test_books_that_are_each_right_can_have_no_common_order() -> None:
    """Per-book equality is not enough: the theorem that makes checking across books necessary.

    Two orders rest in two books while two clients look at both books at once. One sees only the first order, the
    other only the second. In each book alone some order of the operations explains all that was seen of it; over both
    books none does: the first look comes after ABC's order and before XYZ's, the second the other way round.
    """
    empty = snapshot(opening(BOOKS))
    sell_abc, sell_xyz = SELL, Submit("XYZ", 2, 1, Side.SELL, 5, 100)
    abc_only = snapshot(step(opening(BOOKS), sell_abc)[0])
    xyz_only = snapshot(step(opening(BOOKS), sell_xyz)[0])
    seen: list[tuple[Command, tuple[BookView, ...] | None]] = [
        (sell_abc, None),
        (sell_xyz, None),
        (TakeSnapshot(), abc_only),
        (TakeSnapshot(), xyz_only),
    ]

    def explained(order: tuple[int, ...], books: tuple[int, ...]) -> bool:
        state = opening(BOOKS)
        for at in order:
            command, look = seen[at]
            state, events = step(state, command)
            [event] = events
            if look is not None:
                assert isinstance(event, SnapshotTaken)
                if any(event.books[book] != look[book] for book in books):
                    return False
        return True

    orders = list(permutations(range(4)))
    assert any(explained(order, (0,)) for order in orders), "ABC alone is explained"
    assert any(explained(order, (1,)) for order in orders), "XYZ alone is explained"
    assert not any(explained(order, (0, 1)) for order in orders), "both together are not"
    assert empty not in (abc_only, xyz_only)


# ── overlap ──


def test_overlap_counts_operations_of_different_clients_whose_intervals_meet() -> None:
    history = told((0, SELL, 0, 10), (1, BUY, 5, 15), (1, Cancel("XYZ", 7), 16, 20), (0, Cancel("XYZ", 8), 30, 40))
    assert overlap(history.operations) == (4, 2, 2)


def test_overlap_in_the_same_book_asks_for_a_common_book() -> None:
    apart = told((0, SELL, 0, 10), (1, Cancel("XYZ", 7), 5, 15))
    assert overlap(apart.operations)[1:] == (2, 0)
    across = told((0, SELL, 0, 10), (1, MassCancel(3), 5, 15))
    assert overlap(across.operations)[1:] == (2, 2)


def test_books_of_a_basket_are_those_of_its_legs() -> None:
    assert books_of(Basket(1, (Leg("ABC", 1, Side.BUY, 1), Leg("XYZ", 2, Side.BUY, 1)))) == ("ABC", "XYZ")
    assert books_of(TakeSnapshot()) is None


def test_most_operations_of_a_recorded_run_really_overlap() -> None:
    """At CPython's default switch interval hardly any do; the recorder is worth something only if most do."""
    scenario = numbered_scenario(1, 1)
    history = record(lambda sync: StripedEngine(PLAIN, sync=sync), PLAIN, scenario.profile, scenario.scripts)
    counted = overlap(history.operations)
    assert counted.overlapped > 0.9 * counted.operations
    assert counted.in_same_book > 0.5 * counted.operations


PLAIN = listing(["ABC", "DEF", "GHI", "XYZ"])


def history_of(mix: str, turn: int) -> History:
    """The case of a mix in a round."""
    scenario = numbered_scenario(2, turn * len(MIXES) + list(MIXES).index(mix))
    assert scenario.mix == mix
    books, profile = scenario.instruments, scenario.profile
    return record(
        lambda sync: StripedEngine(books, profile, stripes=len(books), sync=sync), books, profile, scenario.scripts
    )


def test_histories_of_routed_orders_check_out_and_some_of_them_trade_in_other_books() -> None:
    elsewhere = 0
    for turn in range(3):
        history = history_of("across books", turn)
        assert check(history) is None
        for operation in history.operations:
            if isinstance(operation.command, Route):
                own = operation.command.order.symbol
                elsewhere += any(isinstance(e, Trade) and e.symbol != own for e in operation.answer.events)
    assert elsewhere > 0


def test_histories_of_spreads_check_out_and_some_of_their_trades_are_implied() -> None:
    implied = 0
    for turn in range(3):
        history = history_of("spreads", turn)
        assert check(history) is None
        said = [event for operation in history.operations for event in operation.answer.events]
        implied += sum(isinstance(event, ImpliedTrade) for event in said)
    assert implied > 0


# ── recording ──


def test_the_switch_interval_is_put_back() -> None:
    before = sys.getswitchinterval()
    record(lambda sync: StripedEngine(BOOKS, sync=sync), BOOKS, DEFAULT, [[SELL], [BUY]])
    assert sys.getswitchinterval() == before != SWITCH_INTERVAL


class Broken(StripedEngine):
    """Raises, or never returns, on cancels."""

    release = threading.Event()

    def submit(self, command: Command) -> Answer:
        if isinstance(command, Cancel):
            if command.order_id == 666:
                raise ZeroDivisionError("no such price")
            self.release.wait(30)
        return super().submit(command)


def test_an_engine_that_raises_is_told_with_the_command() -> None:
    with pytest.raises(RunError, match="the engine raised ZeroDivisionError: no such price") as caught:
        record(lambda sync: Broken(BOOKS, sync=sync), BOOKS, DEFAULT, [[SELL], [Cancel("ABC", 666)]])
    assert caught.value.command == Cancel("ABC", 666)


def test_an_engine_that_hangs_is_given_up_and_told_with_the_command() -> None:
    Broken.release.clear()
    try:
        with pytest.raises(RunError, match=r"client 0 has not returned .* Cancel") as caught:
            record(lambda sync: Broken(BOOKS, sync=sync), BOOKS, DEFAULT, [[CANCEL]], patience=0.1)
        assert caught.value.command == CANCEL
    finally:
        Broken.release.set()


def test_two_threads_that_wait_for_each_other_are_told_as_a_circle() -> None:
    sync = OverlappingThreads()
    one, other = sync.lock("one"), sync.lock("other")
    both_hold = threading.Barrier(2)
    stories: list[str] = []

    def take(first: object, second: object) -> None:
        try:
            with first:  # type: ignore[attr-defined]
                both_hold.wait()
                with second:  # type: ignore[attr-defined]
                    pass
        except StuckError as error:
            stories.append(str(error))

    threads = [threading.Thread(target=take, args=pair) for pair in ((one, other), (other, one))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stories
    assert "waits for one, held by" in stories[0]
    assert "waits for other, held by" in stories[0]


def test_waiting_for_a_slow_thread_is_no_deadlock() -> None:
    lock = OverlappingThreads().lock("slow")
    got: list[float] = []

    def wait() -> None:
        with lock:
            got.append(time.monotonic())

    with lock:
        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.5)  # beyond the patience after which a waiting thread looks for a circle
    thread.join()
    assert len(got) == 1


def test_a_wait_for_some_seconds_ends_and_whoever_waited_can_be_woken_no_more() -> None:
    sync = OverlappingThreads()
    condition, flag = sync.condition("condition", sync.lock("door")), sync.event("flag")
    assert not flag.wait(0.0)
    flag.set()
    assert flag.wait(0.0)
    with condition:
        assert not condition.wait(0.0)
    woken: list[bool] = []

    def wait() -> None:
        with condition:
            woken.append(condition.wait(60.0))

    thread = threading.Thread(target=wait)
    thread.start()
    while not woken:
        with condition:
            condition.notify()
    thread.join()
    assert woken == [True]


# ── scenarios and runs ──


def test_case_k_of_a_seed_is_always_the_same_scenario() -> None:
    assert numbered_scenario(3, 14) == numbered_scenario(3, 14) != numbered_scenario(3, 15)
    assert {numbered_scenario(3, number).mix for number in range(len(MIXES))} == set(MIXES)


def test_a_disagreement_tells_a_test_that_fails_on_the_broken_engine_and_the_line_that_runs_it_again() -> None:
    results = run_concurrent("remainder-lost", budget_seconds=60, seed=1)
    [found] = [result.disagreement for result in results if result.disagreement is not None]
    assert found.run_again.startswith("bookproof verify --only concurrent --seed 1 --case ")
    assert found.run_again.endswith(" --engine remainder-lost")
    namespace: dict[str, Callable[[], None]] = {}
    exec(found.program, namespace)
    with pytest.raises(AssertionError):
        namespace["test_every_run_of_these_clients_is_explained_by_its_stamps"]()
    exec(found.program.replace('factory("remainder-lost")', 'factory("striped")'), namespace)
    namespace["test_every_run_of_these_clients_is_explained_by_its_stamps"]()


def test_one_case_can_be_run_by_itself() -> None:
    [result] = run_concurrent("striped", budget_seconds=0, seed=1, case=0)
    assert (result.verdict, result.worth["histories"]) == (Verdict.AGREE, 50)


def test_a_disagreement_tells_what_its_operations_did_with_locks() -> None:
    swapped = restamped(told((0, SELL, 0, 9_000), (1, BUY, 5, 9_900)), 2, 1)
    violation = check(swapped)
    assert violation is not None
    assert "inside the engine" not in side_by_side(swapped, violation)
    steps = (LockStep(0, Doing.TAKES, "stripe 0", 100), LockStep(0, Doing.TAKES, "stripe 1", 200))
    text = side_by_side(swapped._replace(lock_steps=steps), violation)
    assert text.endswith("inside the engine\n      2        0.1  takes stripe 0, stripe 1")
