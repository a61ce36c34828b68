"""Cores for whatever rules: what is cut off stays right, what is left stays wrong, and nothing is made wrong by it."""

from __future__ import annotations

import random

import pytest

from bookproof.models.generate.features import Feature, alone
from bookproof.models.generate.funds import opening_deposits, with_accounts
from bookproof.models.generate.packed import BITS, decode, plan_for
from bookproof.models.generate.venues import books
from bookproof.models.linearize.conclusion import Verdict
from bookproof.models.linearize.generic import search
from bookproof.models.linearize.histories import happened, small
from bookproof.models.linearize.history import History
from bookproof.models.linearize.injectors import INJECTORS, injected
from bookproof.models.linearize.judge import LONGEST_CORE, judge
from bookproof.models.linearize.shorten import shortened, until
from bookproof.spec.commands import Cancel, Command, Deposit, Submit, TakeSnapshot
from bookproof.spec.instruments import listing
from bookproof.spec.profile import DEFAULT, Profile
from bookproof.spec.values import Side

BOOKS = listing(["ABC"])


def sell(order_id: int, **terms: object) -> Submit:
    return Submit("ABC", order_id, 1, Side.SELL, 5, 100, **terms)  # type: ignore[arg-type]


def buy(order_id: int, quantity: int = 5, **terms: object) -> Submit:
    return Submit("ABC", order_id, 2, Side.BUY, quantity, 100, **terms)  # type: ignore[arg-type]


def in_turn(*commands: Command, profile: Profile = DEFAULT) -> History:
    return happened(commands, BOOKS, profile, in_flight=1, dice=random.Random(0))


def of_feature(feature: Feature, seed: int, length: int = 24) -> History:
    """A right history about one feature, three of whose operations are always on their way."""
    dice = random.Random(f"{feature} {seed}")
    listed, profile = books(alone(feature)), with_accounts(DEFAULT) if feature is Feature.ACCOUNTS else DEFAULT
    commands = decode([dice.getrandbits(BITS) for _ in range(length)], plan_for(alone(feature), listed))
    return happened([*opening_deposits(listed, profile), *commands], listed, profile, in_flight=3, dice=dice)


def test_a_right_history_is_right_until_any_moment() -> None:
    for seed in range(60):
        history = small(random.Random(seed))
        for moment in range(14):
            assert search(until(history, moment).history).verdict is Verdict.LINEARIZABLE


def test_a_right_history_has_no_core() -> None:
    for seed in range(40):
        assert shortened(small(random.Random(seed))) is None


@pytest.mark.parametrize(
    "feature",
    [Feature.STOPS, Feature.MARKET, Feature.CLOCK, Feature.SNAPSHOT, Feature.AUCTIONS, Feature.LISTS, Feature.ACCOUNTS],
)
def test_violations_get_a_core_that_the_generic_search_refutes(feature: Feature) -> None:
    cores = wrong = 0
    for seed in range(4):
        dice = random.Random(seed)
        found = injected(of_feature(feature, seed), dice)
        if found is None:
            continue
        judgement = judge(found[1].history, budget_seconds=5)
        if judgement.verdict is not Verdict.NOT_LINEARIZABLE:
            continue
        wrong += 1
        if judgement.core is not None and "stands alone" not in judgement.evidence:
            cores += len(judgement.core.places) <= LONGEST_CORE
            assert search(judgement.core.history, steps=100_000).verdict is Verdict.NOT_LINEARIZABLE
            assert len(judgement.core.places) == len(judgement.core.history.operations)
    assert wrong
    assert cores >= wrong - 2


def test_whose_answer_is_wrong_is_in_the_core_with_those_whom_it_speaks_of() -> None:
    plain: list[Command] = [
        Cancel("ABC", 9),
        sell(1),
        Cancel("ABC", 8),
        sell(2),
        TakeSnapshot(),
        buy(3, 5),
        Cancel("ABC", 7),
    ]
    history = in_turn(*plain)
    operations = list(history.operations)
    took = operations[5]
    assert took.events is not None
    operations[5] = took._replace(events=(took.events[0], took.events[1]._replace(maker=2)))
    found = shortened(history._replace(operations=tuple(operations)))
    assert found is not None
    assert found.places == (1, 3, 5)


def test_what_an_answer_needs_to_be_wrong_for_its_own_reason_stays() -> None:
    """Without the deposits the orders would have been refused, which is another mistake than the one that was made."""
    profile = with_accounts(DEFAULT)
    deposits = [Deposit(2, 10_000), Deposit(1, 50, "ABC"), Deposit(7, 5)]
    history = in_turn(*deposits, sell(1), sell(2), buy(3), profile=profile)
    operations = list(history.operations)
    took = operations[5]
    assert took.events is not None
    operations[5] = took._replace(events=(took.events[0], took.events[1]._replace(maker=2)))
    found = shortened(history._replace(operations=tuple(operations)))
    assert found is not None
    assert found.places == (0, 1, 3, 4, 5)


def test_a_book_at_the_end_that_nobody_explains_stands_for_an_answer() -> None:
    history = in_turn(Cancel("ABC", 9), sell(1), TakeSnapshot(), sell(2), Cancel("ABC", 8))
    wrong = INJECTORS["final_differs"](history, random.Random(1))
    assert wrong is not None
    found = shortened(wrong.history)
    assert found is not None
    assert set(found.places) <= {1, 3}
    assert found.history.final
    assert search(found.history).verdict is Verdict.NOT_LINEARIZABLE


def test_an_answer_that_came_later_counts_where_the_order_explains_it() -> None:
    history = in_turn(sell(1), buy(2, 2), buy(3, 3))
    operations = list(history.operations)
    operations[1] = operations[1]._replace(returned=99)
    assert operations[2].events is not None
    operations[2] = operations[2]._replace(events=operations[2].events * 2)
    found = shortened(history._replace(operations=tuple(operations)))
    assert found is not None
    assert not any(operation.is_open for operation in found.history.operations)
