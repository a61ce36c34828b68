"""Why the verdicts on histories can be believed: searches against each other, defects put in, checkers with defects.

A run takes as many random histories as fit into seconds. Set BOOKPROOF_HISTORIES to have more of them: every night
100,000, which takes about three minutes for each checker.
"""

from __future__ import annotations

import os
import random
import sys

import pytest

from bookproof.models.linearize import hard, injectors
from bookproof.models.linearize.conclusion import Verdict
from bookproof.models.linearize.conflicts import decide
from bookproof.models.linearize.facts import NEVER
from bookproof.models.linearize.fuzz import Checker, dense_case, explains, fuzz, numbered_case, wrong_about_formula
from bookproof.models.linearize.generic import exhaustive, search
from bookproof.models.linearize.histories import ACROSS_BOOKS, Mix, large, small
from bookproof.models.linearize.history import Filled, History, Operation
from bookproof.models.linearize.injectors import INJECTORS
from bookproof.models.linearize.judge import judge
from bookproof.models.linearize.reductions import reductions
from bookproof.spec.commands import Basket, Cancel, Command, Submit
from bookproof.spec.events import Rejected
from bookproof.spec.exchange import opening, snapshot, step
from bookproof.spec.instruments import listing
from bookproof.spec.reasons import RejectReason
from bookproof.spec.values import Side

HISTORIES = int(os.environ.get("BOOKPROOF_HISTORIES", "600"))

BOOKS = listing(["ABC"])
SELL = Submit("ABC", 1, 1, Side.SELL, 5, 100)
OTHER_SELL = Submit("ABC", 2, 2, Side.SELL, 5, 100)
BUY = Submit("ABC", 3, 3, Side.BUY, 5, 100)


def told(*steps: tuple[int, Command, int, int | None]) -> History:
    """The history in which commands (client, command, called, returned) took effect in the order given."""
    state = opening(BOOKS)
    operations = []
    for client, command, called, returned in steps:
        state, events = step(state, command)
        operations.append(Operation(client, command, called, returned, None if returned is None else events))
    return History(BOOKS, tuple(operations), final=snapshot(state))


# ── the generic search: accepts and rejects ──


def test_accepts_an_effect_before_that_of_an_operation_called_earlier() -> None:
    history = told((0, OTHER_SELL, 5, 8), (1, SELL, 0, 9), (2, BUY, 10, 11))
    assert search(history).order == (0, 1, 2)


def test_rejects_the_same_when_the_earlier_one_had_returned() -> None:
    history = told((0, OTHER_SELL, 5, 8), (1, SELL, 0, 4), (2, BUY, 10, 11))
    refuted = search(history)
    assert refuted.verdict is Verdict.NOT_LINEARIZABLE
    assert refuted.proof


def test_a_return_at_the_very_moment_of_a_call_leaves_the_order_open() -> None:
    assert search(told((0, OTHER_SELL, 4, 8), (1, SELL, 0, 4), (2, BUY, 10, 11))).verdict is Verdict.LINEARIZABLE


def test_an_open_operation_happened_when_somebody_saw_it() -> None:
    history = told((0, SELL, 0, None), (1, BUY, 10, 11))
    assert search(history).order == (0, 1)


def test_an_open_operation_never_happened_when_nobody_did() -> None:
    history = told((1, Cancel("ABC", 1), 10, 11))
    also_open = history._replace(operations=(*history.operations, Operation(0, SELL, 0, None, None)))
    assert search(also_open).order == (0,)


def test_an_open_operation_does_not_happen_before_its_call() -> None:
    seen = told((0, SELL, 0, None), (1, BUY, 10, 11)).operations
    late = History(BOOKS, (seen[0]._replace(called=12), seen[1]))
    assert search(late).verdict is Verdict.NOT_LINEARIZABLE


def test_the_books_at_the_end_decide_between_two_orders() -> None:
    history = told((0, OTHER_SELL, 0, 9), (1, SELL, 0, 9))
    assert search(history).order == (0, 1)
    assert search(told((1, SELL, 0, 9), (0, OTHER_SELL, 0, 9))).order == (0, 1)
    nothing = snapshot(opening(BOOKS))
    assert search(history._replace(final=nothing)).verdict is Verdict.NOT_LINEARIZABLE


def test_the_feed_decides_who_traded_first() -> None:
    history = told((0, SELL, 0, 1), (0, OTHER_SELL, 2, 3), (1, BUY, 4, 9), (2, BUY._replace(order_id=4), 4, 9))
    lines = Filled("ABC", 1, 3), Filled("ABC", 2, 4)
    assert search(history._replace(feed=lines)).order == (0, 1, 2, 3)
    for wrong in (lines[::-1], lines[:1], (*lines, lines[1]), (*lines, Filled("XYZ", 1, 3))):
        assert search(history._replace(feed=wrong)).verdict is Verdict.NOT_LINEARIZABLE
        assert exhaustive(history._replace(feed=wrong)).verdict is Verdict.NOT_LINEARIZABLE


def test_without_real_time_a_client_still_has_its_own_order() -> None:
    swapped = told((0, BUY, 5, 8), (0, SELL, 0, 4))
    assert search(swapped).verdict is Verdict.NOT_LINEARIZABLE
    assert search(swapped, order="client").verdict is Verdict.NOT_LINEARIZABLE
    assert search(swapped, order="none").order == (0, 1)
    of_two = told((0, BUY, 5, 8), (1, SELL, 0, 4))
    assert search(of_two).verdict is Verdict.NOT_LINEARIZABLE
    assert search(of_two, order="client").order == (0, 1)


def test_a_spent_budget_is_no_verdict_and_leaves_the_longest_beginning() -> None:
    history = large(40, 4)
    stopped = search(history, steps=25)
    assert stopped.verdict is Verdict.UNKNOWN
    assert stopped.steps == 25
    beginning = History(history.instruments, tuple(history.operations[at] for at in stopped.prefix))
    assert search(beginning).order == tuple(range(len(stopped.prefix))) != ()
    assert search(history, budget_seconds=0.0).verdict is Verdict.UNKNOWN


def test_a_long_history_needs_no_deep_recursion() -> None:
    history = large(3 * sys.getrecursionlimit(), 2, final=False)
    found = search(history)
    assert found.verdict is Verdict.LINEARIZABLE
    assert len(found.order) == len(history.operations)


def test_the_memory_makes_a_refutation_quick() -> None:
    """Twelve cancels of nothing in any order: 12! orders, and 2^12 sets of them."""
    nothing = Rejected("ABC", 7, RejectReason.UNKNOWN_ORDER)
    cancels = tuple(Operation(client, Cancel("ABC", 7), 0, 9, (nothing,)) for client in range(12))
    wrong = Operation(12, Cancel("ABC", 1), 0, 9, ())
    refuted = search(History(BOOKS, (*cancels, wrong)))
    assert refuted.verdict is Verdict.NOT_LINEARIZABLE
    assert refuted.steps < 13 * 2**12


# ── invented histories ──


@pytest.mark.parametrize("symbols", [1, 3])
def test_a_large_history_is_what_the_oracle_says_in_the_order_of_its_stamps(symbols: int) -> None:
    mix = Mix(replaces=50) if symbols == 1 else ACROSS_BOOKS
    history = large(2_000, 8, symbols=symbols, mix=mix, stamped=True, feed=True)
    names = [instrument.symbol for instrument in history.instruments]
    ahead: dict[tuple[str, int], int] = {
        stamp: at for at, operation in enumerate(history.operations) for stamp in operation.stamps
    }
    places = dict.fromkeys(names, 0)
    state = opening(history.instruments)
    order: list[int] = []
    while len(order) < len(history.operations):  # whoever is next in all of its books
        at = next(
            at
            for name in names
            if (at := ahead.get((name, places[name] + 1), -1)) >= 0
            if all(places[book] + 1 == place for book, place in history.operations[at].stamps)
        )
        for book, place in history.operations[at].stamps:
            places[book] = place
        state, events = step(state, history.operations[at].command)
        assert events == history.operations[at].events
        order.append(at)
    assert snapshot(state) == history.final


def test_a_large_history_always_has_as_many_operations_in_flight() -> None:
    history = large(500, 8)
    latest = max(operation.called for operation in history.operations)
    for operation in history.operations:
        running = [one for one in history.operations if one.called <= operation.called <= (one.returned or 0)]
        assert len(running) >= 7 or operation.called < 8 or operation.called == latest
    assert history == large(500, 8)
    assert history != large(500, 8, seed=1)


def test_small_histories_reach_every_kind_of_operation_and_defect() -> None:
    kinds = {numbered_case(0, number).kind for number in range(1, 1_000, 2)}
    assert len(kinds & set(INJECTORS)) >= len(INJECTORS) - 3
    commands = {type(one.command) for number in range(0, 600, 2) for one in numbered_case(0, number).history.operations}
    assert len(commands) >= 14


# ── the fuzz ──


CHECKERS: dict[str, Checker] = {
    "generic": search,
    "clauses": lambda history: decide(history, steps=20_000),
    "judge": lambda history: judge(history).conclusion,
}
"""Those that look for an order. Clauses may not know; the judge, who asks the others, always does."""


def test_every_checker_says_what_exhaustive_search_says(capsys: pytest.CaptureFixture[str]) -> None:
    tally = fuzz(CHECKERS, range(HISTORIES))
    with capsys.disabled():
        if HISTORIES > 10_000:
            print(f"\n{tally.histories:,} histories, {tally.violating:,} of them wrong: {dict(tally.kinds)}")
            print(f"unknown: { {name: dict(kinds) for name, kinds in tally.unknown.items()} }")
    assert not tally.differences
    assert not tally.unknown["generic"]
    assert not tally.unknown["judge"]
    assert tally.violating > tally.histories // 5


def test_the_search_says_the_same_of_lists_and_accounts_as_exhaustive_search() -> None:
    """With few prices, so that what need not be tried (`reductions`) is seldom nothing."""
    tally = fuzz({"generic": search}, range(max(400, HISTORIES // 2)), cases=dense_case)
    assert not tally.differences
    assert not tally.unknown["generic"]
    assert tally.violating > tally.histories // 8
    histories = [dense_case(0, number).history for number in range(300)]
    known = [reductions(history) for history in histories]
    assert sum(any(each.before) for each in known) > 30
    assert sum(any(each.early) for each in known) > 100


def test_what_is_linearizable_is_sequentially_consistent_and_what_is_that_is_serializable() -> None:
    levels = set()
    for number in range(max(400, HISTORIES // 10)):
        history = numbered_case(3, number).history
        if not _each_in_turn(history):  # who calls again before the answer is there has no order to be seen in
            continue
        holds = [
            search(history, order=order).verdict is Verdict.LINEARIZABLE for order in ("real time", "client", "none")
        ]
        assert holds == sorted(holds)
        levels.add(sum(holds))
    assert levels == {0, 1, 2, 3}


def _each_in_turn(history: History) -> bool:
    """Whether each client had returned from each of its operations before it called the next."""
    back: dict[int, int] = {}
    for operation in sorted(history.operations, key=lambda operation: operation.called):
        if back.get(operation.client, operation.called - 1) >= operation.called:
            return False
        back[operation.client] = NEVER if operation.returned is None else operation.returned
    return True


@pytest.mark.parametrize("name", INJECTORS)
def test_every_kind_of_defect_makes_some_right_history_wrong(name: str) -> None:
    for seed in range(40_000):
        dice = random.Random(seed)
        wrong = INJECTORS[name](small(dice), dice)
        if wrong is not None and exhaustive(wrong.history).verdict is Verdict.NOT_LINEARIZABLE:
            assert wrong.story
            assert all(0 <= place < len(wrong.history.operations) for place in wrong.places)
            return
    pytest.fail(f"{name} never made a history wrong")


def test_a_defect_that_finds_no_occasion_leaves_the_history_alone() -> None:
    nothing = History(BOOKS, ())
    assert [injector(nothing, random.Random(0)) for injector in INJECTORS.values()] == [None] * len(INJECTORS)
    assert injectors.injected(nothing, random.Random(0)) is None


def test_an_order_that_does_not_explain_is_noticed() -> None:
    history = told((0, SELL, 0, 4), (1, BUY, 5, 8))
    assert explains(history, (0, 1))
    for wrong in ((1, 0), (0,), (), (0, 1, 1)):
        assert not explains(history, wrong)


# ── the family that is NP-hard ──


def test_a_history_made_of_a_formula_has_an_order_if_and_only_if_the_formula_can_be_satisfied() -> None:
    assert not any(wrong_about_formula(lambda history: decide(history, steps=20_000), seed) for seed in range(12))
    assert search(hard.history_of([(1, 2), (-1, 2)]), steps=100_000).verdict is Verdict.LINEARIZABLE
    assert search(hard.history_of([(1,), (-1, 2), (-2,)]), steps=100_000).verdict is Verdict.NOT_LINEARIZABLE


def test_known_limit_baskets_make_histories_as_hard_as_satisfiability() -> None:
    """Where all ids differ and every fill is told, no checker is quick on all histories: unless P is NP."""
    history = hard.history_of(hard.random_formula(20, 86, random.Random(0)))
    assert search(history, steps=2_000).verdict is Verdict.UNKNOWN
    assert decide(history, steps=5_000).verdict is Verdict.UNKNOWN
    assert sum(isinstance(operation.command, Basket) for operation in history.operations) == 2 * 20 + 2 * 3 * 86
