"""A history is judged, and the verdict comes with what it takes to believe it: order, core, proof, diagnosis, page."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from bookproof.models.linearize import reductions
from bookproof.models.linearize.certificate import flaw_in
from bookproof.models.linearize.conclusion import Reason, Verdict
from bookproof.models.linearize.conflicts import UNSEEN, decide
from bookproof.models.linearize.diagnosis import diagnose
from bookproof.models.linearize.fuzz import numbered_case
from bookproof.models.linearize.generic import search
from bookproof.models.linearize.histories import Mix, large, small
from bookproof.models.linearize.history import Filled, History, Operation
from bookproof.models.linearize.judge import judge
from bookproof.models.linearize.minimise import names_of, only
from bookproof.models.linearize.page import page
from bookproof.models.linearize.story import story
from bookproof.models.linearize.telling import telling
from bookproof.spec.commands import (
    Basket,
    Cancel,
    Command,
    EndOfDay,
    Halt,
    KillSwitch,
    Leg,
    MassCancel,
    Reinstate,
    Replace,
    Resume,
    Submit,
)
from bookproof.spec.events import Accepted, Cancelled, Event, Rejected, Repriced, Trade
from bookproof.spec.exchange import opening, snapshot, step
from bookproof.spec.instruments import listing
from bookproof.spec.profile import MarketOrders, Profile
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import SelfTradePrevention, Side, TimeInForce

BOOKS = listing(["ABC", "XYZ"])
UNKNOWN = (Rejected("ABC", 1, RejectReason.UNKNOWN_ORDER),)


def buy(order_id: int, price: int | None = 100, quantity: int = 5, **terms: object) -> Submit:
    return Submit("ABC", order_id, 2, Side.BUY, quantity, price, **terms)  # type: ignore[arg-type]


def sell(order_id: int, price: int | None = 100, quantity: int = 5, **terms: object) -> Submit:
    return Submit("ABC", order_id, 1, Side.SELL, quantity, price, **terms)  # type: ignore[arg-type]


def answers(commands: Sequence[Command]) -> list[tuple[Event, ...]]:
    state = opening(BOOKS)
    told = []
    for command in commands:
        state, events = step(state, command)
        told.append(events)
    return told


def one_after_the_other(*commands: Command, right: Sequence[int] | None = None, final: bool = True) -> History:
    """Operations in real time one after the other, answered as if they had happened in the order `right`."""
    order = list(right) if right is not None else list(range(len(commands)))
    told = dict(zip(order, answers([commands[at] for at in order]), strict=True))
    state = opening(BOOKS)
    for at in order:
        state, _ = step(state, commands[at])
    operations = tuple(
        Operation(at % 3, command, 10 * at, 10 * at + 5, told[at]) for at, command in enumerate(commands)
    )
    return History(BOOKS, operations, final=snapshot(state) if final else ())


def at_once(history: History) -> History:
    """The same operations, all of them beside each other; but what is replaced has come in before."""
    beside = [it._replace(called=5, returned=100) for it in history.operations]
    replaced = [it.command.order_id for it in beside if isinstance(it.command, Replace)]
    first = beside[0].command
    if isinstance(first, Submit) and first.order_id in replaced and isinstance(history.operations[0].events, tuple):
        beside[0] = beside[0]._replace(called=0, returned=1)
    return history._replace(operations=tuple(beside))


# ── each clause: an order that is explained beside each other, and not one after the other ──

CLAUSES: dict[str, tuple[tuple[Command, ...], tuple[int, ...]]] = {
    "a better price has priority": ((sell(1, 101), sell(2, 100), buy(3, 101)), (0, 2, 1)),
    "time has priority": ((sell(1), sell(2), buy(3)), (1, 0, 2)),
    "a limit order takes what crosses": ((sell(1), buy(2)), (1, 0)),
    "a fill-or-kill order kills itself only if it must": ((sell(1), buy(2, time_in_force=TimeInForce.FOK)), (1, 0)),
    "a minimum is met or not": ((sell(1), buy(2, min_quantity=2)), (1, 0)),
    "a post-only order is refused if it would take": ((buy(2, post_only=True), sell(1)), (1, 0)),
    "a post-only order is taken if it would not": ((sell(1), buy(2, post_only=True)), (1, 0)),
    "a market order finds somebody": ((buy(2, None), sell(1)), (1, 0)),
    "a market order finds nobody": ((sell(1), buy(2, None)), (1, 0)),
    "a cancel comes too late": ((sell(1), Cancel("ABC", 1)), (1, 0)),
    "a replace comes too late": ((sell(1), Cancel("ABC", 1), Replace("ABC", 1, 2)), (0, 2, 1)),
    "a replace loses its place": ((sell(1), sell(2, 101), Replace("ABC", 1, 5, 101), buy(3, 101)), (0, 2, 1, 3)),
    "a smaller order is still there": ((sell(1), buy(3, quantity=3), Replace("ABC", 1, 4), buy(4)), (0, 2, 1, 3)),
    "an id is taken": ((sell(1, 101), sell(1), Cancel("ABC", 1)), (0, 2, 1)),
    "a basket trades whole": (
        (
            sell(1),
            Submit("XYZ", 2, 1, Side.SELL, 5, 50),
            Basket(2, (Leg("ABC", 3, Side.BUY, 5, 100), Leg("XYZ", 4, Side.BUY, 5, 50))),
        ),
        (0, 2, 1),
    ),
    "a mass cancel leaves nothing": ((sell(1), MassCancel(1)), (1, 0)),
    "a halt is a barrier": ((sell(1), Halt("ABC"), buy(2), Resume("ABC")), (0, 2, 1, 3)),
    "a halt of the market is one": ((sell(1), Halt(), buy(2), Resume()), (0, 2, 1, 3)),
    "a kill switch keeps an account out": ((KillSwitch(1), sell(1), Reinstate(1)), (1, 0, 2)),
    "an iceberg queues anew": (
        (sell(1, quantity=6, display=2), sell(2, quantity=2), buy(3, quantity=2), buy(4, quantity=2)),
        (0, 2, 1, 3),
    ),
    "prevention decrements": (
        (
            sell(1, 101),
            Submit("ABC", 2, 2, Side.SELL, 5, 100),
            buy(3, 101, self_trade=SelfTradePrevention.DECREMENT),
        ),
        (0, 2, 1),
    ),
    "prevention cancels makers": (
        (
            sell(1, 101),
            Submit("ABC", 2, 2, Side.SELL, 5, 100),
            buy(3, 101, self_trade=SelfTradePrevention.CANCEL_MAKER),
        ),
        (0, 2, 1),
    ),
    "a stop is refused if its price was reached": ((sell(1), buy(2, None, stop=100), buy(3, quantity=2)), (0, 2, 1)),
    "a stop waits until somebody reaches its price": (
        (sell(1), buy(3, quantity=2), buy(2, None, 3, stop=100)),
        (0, 2, 1),
    ),
    "the last price tells who traded last": (
        (sell(1, 100, 1), sell(2, 101, 1), buy(3, 100, 1), buy(4, 101, 1)),
        (0, 2, 1, 3),
    ),
}


@pytest.mark.parametrize("name", CLAUSES)
def test_a_clause_tells_an_order_that_was_from_one_that_was_not(name: str) -> None:
    commands, order = CLAUSES[name]
    wrong = one_after_the_other(*commands, right=order)
    explained = decide(at_once(wrong))
    assert explained.verdict is Verdict.LINEARIZABLE
    assert flaw_in(at_once(wrong), explained.order) is None
    found = decide(wrong)
    expected = search(wrong).verdict
    assert found.verdict is expected
    if expected is Verdict.NOT_LINEARIZABLE:
        assert found.proof
        judgement = judge(wrong)
        assert judgement.verdict is Verdict.NOT_LINEARIZABLE
        assert judgement.evidence.startswith(("the generic search refuted its core", "every order that real time"))


def test_nearly_every_row_is_wrong_one_after_the_other() -> None:
    wrong = [
        name for name, (commands, order) in CLAUSES.items() if _is_wrong(one_after_the_other(*commands, right=order))
    ]
    assert len(wrong) >= len(CLAUSES) - 2


def _is_wrong(history: History) -> bool:
    return search(history).verdict is Verdict.NOT_LINEARIZABLE


# ── accounting ──


def test_a_lost_fill_is_an_account_that_does_not_balance() -> None:
    history = one_after_the_other(sell(1), buy(2, quantity=3), buy(3, quantity=2))
    operations = list(history.operations)
    operations[1] = operations[1]._replace(events=operations[1].events[:1])  # type: ignore[index]
    found = decide(history._replace(operations=tuple(operations)))
    assert found.verdict is Verdict.NOT_LINEARIZABLE
    assert found.kind == "accounting"


def test_an_order_in_the_final_book_that_never_rested_is_noticed() -> None:
    history = one_after_the_other(sell(1))
    assert decide(history._replace(operations=())).kind == "accounting"


def test_a_feed_decides_who_traded_first() -> None:
    history = at_once(one_after_the_other(sell(1), buy(2, quantity=2), buy(3, quantity=3)))
    feed = (Filled("ABC", 1, 2), Filled("ABC", 1, 3))
    assert decide(history._replace(feed=feed)).verdict is Verdict.LINEARIZABLE
    assert decide(history._replace(feed=feed[:1])).verdict is Verdict.NOT_LINEARIZABLE


# ── operations without a return ──


def test_an_order_whose_submit_never_returned_has_happened_if_somebody_took_it() -> None:
    history = one_after_the_other(sell(1), buy(2))
    lost = history._replace(
        operations=(history.operations[0]._replace(returned=None, events=None), history.operations[1])
    )
    assert judge(lost).conclusion.order == (0, 1)


def test_what_nobody_saw_of_a_lost_operation_makes_no_proof() -> None:
    history = one_after_the_other(sell(1), Cancel("ABC", 1), right=(1, 0), final=False)
    lost = Operation(5, buy(7), 0, None, None)
    beside = history._replace(operations=(*history.operations, lost))
    assert decide(beside).kind == UNSEEN
    elsewhere = lost._replace(command=lost.command._replace(symbol="XYZ"))
    assert decide(history._replace(operations=(*history.operations, elsewhere))).verdict is Verdict.NOT_LINEARIZABLE


# ── certificates ──


def test_an_order_that_does_not_explain_is_refused_with_the_reason() -> None:
    history = one_after_the_other(sell(1), buy(2), Cancel("ABC", 9))
    said = {
        (0, 1, 2): None,
        (0, 1): "it returned, and is not in the order",
        (0, 1, 2, 2): "an operation is in the order twice",
        (1, 0, 2): "something that comes after it had returned before it was called",
    }
    for order, sentence in said.items():
        flaw = flaw_in(history, order)
        assert (flaw and flaw.sentence) == sentence
    other = at_once(history)
    assert flaw_in(other, (1, 0, 2)) is not None
    assert flaw_in(other, (1, 0, 2)).sentence == "it was answered otherwise"  # type: ignore[union-attr]
    spoiled = history._replace(final=(history.final[0]._replace(last_price=7), history.final[1]))
    said_of = flaw_in(spoiled, (0, 1, 2))
    assert said_of is not None
    assert said_of.sentence == "the books are other than they were when all was over"
    feed = history._replace(feed=())
    assert flaw_in(feed, (0, 1, 2)).sentence == "the feed has the trades in another order"  # type: ignore[union-attr]


def test_oracle_and_engine_replay_to_the_same_verdict() -> None:
    for seed in range(40):
        history = small(random.Random(seed))
        order = search(history).order
        assert flaw_in(history, order, by_oracle=True) is None
        assert flaw_in(history, order, by_oracle=False) is None


# ── cores ──


def test_what_is_left_of_a_right_history_when_orders_are_taken_out_is_right() -> None:
    """The theorem that every core rests on."""
    looked = 0
    for seed in range(400):
        dice = random.Random(f"part {seed}")
        history = small(dice)
        if any(operation.is_open for operation in history.operations):
            continue
        names = names_of(history.operations)
        part = only(history, [name for name in names if dice.random() < 0.6], switches=dice.random() < 0.8)
        if part is not None:
            looked += 1
            assert search(part.history).verdict is Verdict.LINEARIZABLE, (seed, part)
    assert looked > 100


def test_a_violation_in_a_long_history_shrinks_to_a_few_operations() -> None:
    history = large(1_500, seed=3, in_flight=8, mix=Mix())
    cancelled = [
        at
        for at, operation in enumerate(history.operations)
        if isinstance(operation.command, Cancel) and isinstance(operation.events and operation.events[0], Cancelled)
    ]
    at = cancelled[len(cancelled) // 2]
    wrong = history.operations[at]
    command = wrong.command
    assert isinstance(command, Cancel)
    denied = wrong._replace(events=(Rejected(command.symbol, command.order_id, RejectReason.UNKNOWN_ORDER),))
    spoiled = history._replace(operations=(*history.operations[:at], denied, *history.operations[at + 1 :]), final=())
    judgement = judge(spoiled)
    assert judgement.verdict is Verdict.NOT_LINEARIZABLE
    assert judgement.core is not None
    assert at in judgement.core.places
    assert len(judgement.core.places) <= 4


# ── diagnoses ──


def test_the_diagnosis_tells_stale_from_torn_from_lost() -> None:
    stale = one_after_the_other(sell(1), Cancel("ABC", 1), right=(1, 0), final=False)
    assert diagnose(stale)[::2] == ("stale", 1)
    clients = tuple(operation._replace(client=0) for operation in stale.operations)
    assert diagnose(stale._replace(operations=clients)).kind == "not in client order"
    lost = stale._replace(operations=(stale.operations[0], stale.operations[1]._replace(events=UNKNOWN * 2)))
    assert diagnose(lost).kind == "not serializable"
    assert diagnose(lost, "accounting").kind == "accounting"


# ── telling ──


def violation() -> History:
    return one_after_the_other(sell(1), sell(2), buy(3), right=(1, 0, 2))


def test_a_violation_is_told_with_its_proof_and_what_the_rule_book_says() -> None:
    told = telling(judge(violation()))
    assert told is not None
    text = story(told)
    assert "C took from order 2 and not from order 1, at the same price" in text
    assert "A had returned when B was called." in text
    assert "the rule book says order 3 accepted; ABC: order 3 takes 5 at 100 from order 1" in text
    assert "Why to believe it: the generic search refuted its core of 3 operations by itself." in text


def test_its_page_is_one_file_that_loads_nothing() -> None:
    told = telling(judge(violation()))
    assert told is not None
    text = page(told, name="<orders>", again="bookproof linearize orders.ndjson")
    assert "&lt;orders&gt;" in text
    assert "src=" not in text
    assert "http" not in text
    assert text.count("class='bar ") == 3
    assert "C took from order 2 and not from order 1, at the same price" in text


def test_its_test_can_be_pasted_and_fails() -> None:
    told = telling(judge(violation()))
    assert told is not None
    pasted: dict[str, object] = {}
    exec(told.test, pasted)
    test = pasted["test_some_order_explains_what_clients_saw"]
    assert callable(test)
    with pytest.raises(AssertionError):
        test()


def test_a_reason_is_told_with_the_names_of_its_operations() -> None:
    reason = Reason("its order stands behind that of {1} in the final book, at one price", (3, 1))
    assert reason.told({1: "A", 3: "B"}) == "B's order stands behind that of A in the final book, at one price"


# ── judging ──


def test_rules_without_clauses_are_for_the_generic_search() -> None:
    history = one_after_the_other(buy(1, 95, time_in_force=TimeInForce.DAY), sell(3, 95, 2), EndOfDay())
    judgement = judge(history)
    assert (judgement.verdict, judgement.by) == (Verdict.LINEARIZABLE, "generic search")


def test_a_market_leg_that_gets_a_limit_is_for_the_generic_search() -> None:
    profile = Profile("market-to-limit", market_orders=MarketOrders.LIMIT)
    other_sell = Submit("XYZ", 2, 1, Side.SELL, 5, 100)
    legs = (Leg("ABC", 3, Side.BUY, 5, None), Leg("XYZ", 4, Side.BUY, 5, None))
    state = opening(BOOKS, profile)
    operations = []
    commands: list[Command] = [sell(1), other_sell, Basket(2, legs)]
    for at, command in enumerate(commands):
        state, events = step(state, command)
        operations.append(Operation(0, command, 10 * at, 10 * at + 5, events))
    assert any(isinstance(event, Repriced) for event in operations[2].events or ())
    history = History(BOOKS, tuple(operations), profile, final=snapshot(state))
    assert decide(history).kind == "no clauses are known for market orders that get a limit"
    assert judge(history).verdict is Verdict.LINEARIZABLE


def test_stamps_that_lie_are_told_from_an_exchange_that_does() -> None:
    history = one_after_the_other(sell(1), buy(2))
    stamped = tuple(it._replace(stamps=(("", at),)) for at, it in enumerate(history.operations))
    assert judge(history._replace(operations=stamped)).by == "stamps"
    lying = tuple(it._replace(stamps=(("", -at),)) for at, it in enumerate(history.operations))
    judgement = judge(history._replace(operations=lying))
    assert judgement.verdict is Verdict.LINEARIZABLE
    assert judgement.by == "clauses"
    assert judgement.stamps is not None


def test_a_trade_at_the_own_side_is_wrong_by_itself() -> None:
    accepted = Accepted("ABC", 1, Side.SELL, 100, 5)
    odd = Operation(0, sell(1), 0, 1, (accepted, Trade("ABC", 100, 2, 1, 1)))
    assert decide(History(BOOKS, (odd,))).kind == "accounting"


def test_an_answer_to_another_question_is_wrong_by_itself() -> None:
    gone = Cancelled("ABC", 1, Side.SELL, 100, 5, CancelReason.REQUESTED)
    for events in ((gone,), (), UNKNOWN, (Accepted("ABC", 2, Side.SELL, 100, 5),)):
        assert decide(History(BOOKS, (Operation(0, sell(1), 0, 1, events),))).verdict is Verdict.NOT_LINEARIZABLE


def test_it_tells_how_far_it_is() -> None:
    told: list[str] = []
    history = large(3_000, 8, seed=1)
    assert judge(history, progress=told.append).verdict is Verdict.LINEARIZABLE
    assert told[0] == "0 added up"
    assert any(line.endswith(" of 3,000 in order") for line in told)


def test_a_shortcut_that_loses_an_order_is_not_believed(plant: Callable[..., Any]) -> None:
    plant(reductions._moved_on_by_others, "not in names", "in ()")
    history = numbered_case(0, 11198).history
    assert search(history).verdict is Verdict.NOT_LINEARIZABLE
    assert search(history, shortcuts=False).verdict is Verdict.LINEARIZABLE
    assert judge(history).conclusion.verdict is Verdict.LINEARIZABLE
