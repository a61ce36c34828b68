"""Rules A, C and F: what may enter, how long it stays, and what a replace does to it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from bookproof.spec.commands import (
    AdvanceClock,
    Basket,
    Cancel,
    EndOfDay,
    Halt,
    Leg,
    MassCancel,
    Replace,
    Resume,
    Submit,
)
from bookproof.spec.events import Accepted, Cancelled, ClockAdvanced, DayEnded, Rejected, Replaced
from bookproof.spec.exchange import opening, status
from bookproof.spec.instruments import LARGEST, Instrument
from bookproof.spec.profile import WORKLOADS, NoLiquidity, Profile, ReplaceQuantity
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import OrderState, SelfTradePrevention, Side, TimeInForce

if TYPE_CHECKING:
    from tests.spec.conftest import Floor

    OpenFloor = Callable[..., Floor]

DAY, GTD, IOC, FOK = TimeInForce.DAY, TimeInForce.GTD, TimeInForce.IOC, TimeInForce.FOK
DECREMENT, CANCEL_MAKER = SelfTradePrevention.DECREMENT, SelfTradePrevention.CANCEL_MAKER
CANCEL_TAKER = SelfTradePrevention.CANCEL_TAKER


# ── A: inputs, identity, determinism ──

TIGHT = Instrument("ABC", 5, 10, min_price=50, max_price=200, min_quantity=20, max_quantity=100, min_notional=2000)


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({"symbol": "NONE"}, RejectReason.UNKNOWN_SYMBOL),
        ({"order_id": -1}, RejectReason.INVALID_ORDER_ID),
        ({"order_id": 2**63}, RejectReason.INVALID_ORDER_ID),
        ({"order_id": 2**63 - 1}, None),
        ({"order_id": True}, RejectReason.INVALID_ORDER_ID),
        ({"order_id": "1"}, RejectReason.INVALID_ORDER_ID),
        ({"account": -1}, RejectReason.INVALID_ACCOUNT),
        ({"account": 1.0}, RejectReason.INVALID_ACCOUNT),
        ({"quantity": 0}, RejectReason.INVALID_QUANTITY),
        ({"quantity": 10}, RejectReason.INVALID_QUANTITY),
        ({"quantity": 25}, RejectReason.INVALID_QUANTITY),
        ({"quantity": 110}, RejectReason.INVALID_QUANTITY),
        ({"quantity": 20.0}, RejectReason.INVALID_QUANTITY),
        ({"price": 45}, RejectReason.INVALID_PRICE),
        ({"price": 102}, RejectReason.INVALID_PRICE),
        ({"price": 205}, RejectReason.INVALID_PRICE),
        ({"price": 10**30}, RejectReason.INVALID_PRICE),
        ({"stop": 101}, RejectReason.INVALID_STOP),
        ({"price": None, "post_only": True}, RejectReason.INVALID_COMBINATION),
        ({"price": None, "display": 10}, RejectReason.INVALID_COMBINATION),
        ({"time_in_force": IOC, "post_only": True}, RejectReason.INVALID_COMBINATION),
        ({"time_in_force": FOK, "display": 0}, RejectReason.INVALID_COMBINATION),
        ({"post_only": True, "min_quantity": 10}, RejectReason.INVALID_COMBINATION),
        ({"min_quantity": 30}, RejectReason.INVALID_MIN_QUANTITY),
        ({"min_quantity": False}, RejectReason.INVALID_MIN_QUANTITY),
        ({"display": 30}, RejectReason.INVALID_DISPLAY),
        ({"display": 5}, RejectReason.INVALID_DISPLAY),
        ({"display": False}, RejectReason.INVALID_DISPLAY),
        ({"time_in_force": GTD}, RejectReason.INVALID_TIME),
        ({"expires": 9}, RejectReason.INVALID_TIME),
        ({"time_in_force": GTD, "expires": -1}, RejectReason.INVALID_TIME),
        ({"time_in_force": GTD, "expires": 0}, RejectReason.ALREADY_EXPIRED),
        ({"price": 95}, RejectReason.INVALID_NOTIONAL),
        ({"price": 100}, None),
        ({"price": 200, "quantity": 100, "display": 10, "min_quantity": 100, "stop": 50}, None),
    ],
    ids=str,
)
def test_a1_an_order_that_is_off_the_grid_or_out_of_limits_never_reaches_the_book(
    open_floor: OpenFloor, terms: dict[str, Any], reason: RejectReason | None
) -> None:
    floor = open_floor(TIGHT)
    floor.do(Submit("ABC", 1, 7, Side.BUY, 20, 100)._replace(**terms))
    assert floor.reason is reason


def test_a1_a_market_order_has_no_notional(open_floor: OpenFloor) -> None:
    floor = open_floor(TIGHT._replace(min_notional=LARGEST), profile=Profile(no_liquidity=NoLiquidity.CANCEL))
    floor.buy(1, 20)
    assert floor.cancels == [(1, 20, CancelReason.MARKET)]


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({"symbol": "NONE"}, RejectReason.UNKNOWN_SYMBOL),
        ({"order_id": True}, RejectReason.INVALID_ORDER_ID),
        ({"order_id": 1.0}, RejectReason.INVALID_ORDER_ID),
        ({"quantity": 25}, RejectReason.INVALID_QUANTITY),
        ({"price": 101}, RejectReason.INVALID_PRICE),
        ({"stop": 101}, RejectReason.INVALID_STOP),
        ({"stop": 100}, RejectReason.INVALID_REPLACE),
        ({"price": 95}, RejectReason.INVALID_NOTIONAL),
        ({"quantity": 20, "price": 100}, None),
        ({"quantity": 30, "price": 95}, None),
    ],
    ids=str,
)
def test_a1_a_replace_is_held_to_the_same_limits(
    open_floor: OpenFloor, terms: dict[str, Any], reason: RejectReason | None
) -> None:
    floor = open_floor(TIGHT)
    floor.buy(1, 20, 100)
    floor.do(Replace("ABC", 1, 20)._replace(**terms))
    assert floor.reason is reason


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"tick": 0}, "tick must be"),
        ({"lot": 0}, "lot must be"),
        ({"min_quantity": 0}, "min_quantity must be"),
        ({"max_quantity": LARGEST + 1}, "max_quantity must be"),
        ({"max_price": LARGEST + 1}, "prices must be"),
        ({"min_price": 10, "max_price": 9}, "prices must be"),
    ],
    ids=str,
)
def test_a1_no_book_opens_with_limits_that_make_no_sense(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        opening([Instrument("ABC")._replace(**wrong)])


def test_a2_time_is_the_order_of_arrival_and_not_the_clock(floor: Floor) -> None:
    floor.do(AdvanceClock(1_000))
    floor.sell(1, 5, 100, time_in_force=GTD, expires=9_999)
    floor.do(AdvanceClock(2_000))
    floor.sell(2, 5, 100)
    assert [order.sequence for order in floor.state.books["ABC"].asks] == [1, 2]
    floor.buy(3, 1, 100)
    assert floor.trades == [(1, 100, 1)]


def test_a3_a_live_id_is_taken_in_its_book_and_free_in_another(floor: Floor) -> None:
    floor.buy(1, 5, 100)
    floor.buy(1, 5, 100)
    assert floor.reason is RejectReason.DUPLICATE_ORDER_ID
    floor.buy(1, 5, 100, symbol="XYZ")
    assert floor.bids("XYZ") == [(1, 5, 5)]


def test_a3_a_pending_stop_has_its_id_too(floor: Floor) -> None:
    floor.buy(1, 5, stop=100)
    floor.sell(1, 5, 100)
    assert floor.reason is RejectReason.DUPLICATE_ORDER_ID


def test_a3_an_id_is_free_again_after_a_cancel_and_after_the_last_fill(floor: Floor) -> None:
    floor.sell(1, 5, 100)
    floor.cancel(1)
    floor.sell(1, 5, 100)
    floor.buy(2, 5, 100)
    floor.sell(1, 5, 100)
    floor.sell(2, 5, 100)  # the taker's id too
    assert floor.asks() == [(1, 5, 5), (2, 5, 5)]


@pytest.mark.parametrize("command", [Cancel("ABC", 1), Replace("ABC", 1, 5)], ids=lambda it: type(it).__name__)
@pytest.mark.parametrize("ended", ["never was", "cancelled", "filled"])
def test_a3_an_order_that_is_gone_can_be_neither_cancelled_nor_replaced(
    floor: Floor, command: Cancel | Replace, ended: str
) -> None:
    if ended != "never was":
        floor.sell(1, 5, 100)
        floor.do(Cancel("ABC", 1) if ended == "cancelled" else Submit("ABC", 2, 7, Side.BUY, 5, 100))
    floor.do(command)
    assert floor.reason is RejectReason.UNKNOWN_ORDER


@pytest.mark.parametrize("order_id", [True, 1.0, "1", None, -1], ids=repr)
def test_a3_nothing_but_an_integer_names_an_order(floor: Floor, order_id: Any) -> None:
    floor.buy(1, 5, 100)
    floor.do(Cancel("ABC", order_id))
    assert floor.reason is RejectReason.INVALID_ORDER_ID
    assert floor.bids() == [(1, 5, 5)]


def test_a4_of_several_reasons_the_first_in_order_of_precedence_is_given(floor: Floor) -> None:
    floor.sell(1, 5, 100)
    floor.buy(2, 1, 100)  # the last trade is at 100
    floor.do(AdvanceClock(10))
    floor.do(Halt("ABC"))
    floor.do(Halt())
    worst = Submit("?", -1, -1, Side.BUY, 0, 0, IOC, 0, True, -1, -1, 0)
    repairs: list[dict[str, Any]] = [
        {"symbol": "ABC"},
        {"order_id": 1},
        {"account": 7},
        {"quantity": 5},
        {"price": 100},
        {"stop": 99},
        {"time_in_force": DAY, "post_only": False},
        {"min_quantity": 0},
        {"display": None},
        {"time_in_force": GTD},
    ]
    given = []
    for repair in [{}, *repairs]:
        worst = worst._replace(**repair)
        floor.do(worst)
        given.append(floor.reason)
    for resume in (Resume(), Resume("ABC")):
        floor.do(resume)
        floor.do(worst)
        given.append(floor.reason)
    for repair in ({"order_id": 9}, {"expires": 11}, {"stop": None, "post_only": True}):
        floor.do(worst := worst._replace(**repair))
        given.append(floor.reason)
    assert given == [
        RejectReason.UNKNOWN_SYMBOL,
        RejectReason.INVALID_ORDER_ID,
        RejectReason.INVALID_ACCOUNT,
        RejectReason.INVALID_QUANTITY,
        RejectReason.INVALID_PRICE,
        RejectReason.INVALID_STOP,
        RejectReason.INVALID_COMBINATION,
        RejectReason.INVALID_MIN_QUANTITY,
        RejectReason.INVALID_DISPLAY,
        RejectReason.INVALID_TIME,
        RejectReason.MARKET_HALTED,
        RejectReason.BOOK_HALTED,
        RejectReason.DUPLICATE_ORDER_ID,
        RejectReason.ALREADY_EXPIRED,
        RejectReason.STOP_ALREADY_TRUE,
        RejectReason.WOULD_TAKE,
    ]
    assert given == sorted(given, key=lambda reason: reason.precedence if reason else -1)


def test_a4_every_kind_of_command_is_acknowledged_once(floor: Floor) -> None:
    assert floor.buy(1, 5, 100) == (Accepted("ABC", 1, Side.BUY, 100, 5),)
    assert floor.do(Replace("ABC", 1, 4)) == (Replaced("ABC", 1, Side.BUY, 100, 4),)
    assert floor.cancel(1) == (Cancelled("ABC", 1, Side.BUY, 100, 4, CancelReason.REQUESTED),)
    assert floor.do(AdvanceClock(5)) == (ClockAdvanced(5),)
    assert floor.do(EndOfDay()) == (DayEnded(),)


def test_a4_a_replace_that_is_wrong_by_itself_says_so_even_while_the_market_is_halted(floor: Floor) -> None:
    floor.buy(1, 5, 100)
    floor.do(Halt())
    floor.replace(1, 0)
    assert floor.reason is RejectReason.INVALID_QUANTITY
    assert floor.do(Replace("ABC", 2, 5)) == (Rejected("ABC", 2, RejectReason.MARKET_HALTED),)


@pytest.mark.parametrize(
    "command",
    [
        Submit("ABC", 1, 7, Side.BUY, 5, 99),
        Submit("ABC", 9, 7, Side.BUY, 5, 100, post_only=True),
        Replace("ABC", 1, 5, 100, stop=90),
        Cancel("XYZ", 1),
        Basket(7, ()),
        MassCancel(-1),
        Resume(),
        AdvanceClock(-1),
    ],
    ids=lambda it: type(it).__name__,
)
def test_a4_a_refusal_gives_back_the_very_state_it_was_given(floor: Floor, command: Any) -> None:
    floor.sell(1, 5, 100)
    before = floor.state
    floor.do(command)
    assert isinstance(floor.events[0], Rejected)
    assert floor.state is before


def test_a5_the_clock_does_not_go_back_and_may_stand_still(floor: Floor) -> None:
    floor.do(AdvanceClock(5))
    floor.do(AdvanceClock(4))
    assert floor.reason is RejectReason.CLOCK_BACKWARDS
    assert floor.do(AdvanceClock(5)) == (ClockAdvanced(5),)


def test_a5_the_same_commands_give_the_same_events_whatever_the_hash_seed() -> None:
    program = """
from bookproof.spec.commands import *
from bookproof.spec.exchange import opening, run
from bookproof.spec.instruments import listing
from bookproof.spec.values import Side
names = ["ABC", "XYZ", "KLM", "DEF"]
orders = [Submit(name, i, i % 3, side, 5, 100 + i % 4) for i in range(9) for name in names for side in Side]
print(run(opening(listing(names)), [*orders, MassCancel(1), TakeSnapshot()]))
"""
    said = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert said[0] == said[1] != b""


def test_a6_what_was_asked_for_is_executed_prevented_or_open(floor: Floor) -> None:
    floor.sell(1, 10, 100, account=7)
    floor.buy(2, 3, 100)
    floor.buy(3, 2, 100, account=7, self_trade=DECREMENT)
    stands = status(floor.state, "ABC", 1)
    assert stands is not None
    assert stands.state is OrderState.PARTIALLY_FILLED
    assert (stands.quantity, stands.executed, stands.prevented, stands.leaves) == (10, 3, 2, 5)


def test_a6_prevented_lots_count_towards_the_total_of_a_replace(floor: Floor) -> None:
    floor.sell(1, 10, 100, account=7)
    floor.buy(2, 4, 100, account=7, self_trade=DECREMENT)
    floor.replace(1, 9)
    assert floor.asks() == [(1, 5, 5)]
    floor.replace(1, 12, 101)
    stands = status(floor.state, "ABC", 1)
    assert stands is not None
    assert (stands.quantity, stands.executed, stands.prevented, stands.leaves) == (12, 0, 4, 8)


# ── C: order types and time in force ──


def test_c1_a_limit_order_trades_what_it_can_and_rests_with_the_remainder(floor: Floor) -> None:
    floor.sell(1, 5, 100)
    floor.buy(2, 8, 101)
    assert floor.trades == [(1, 100, 5)]
    assert floor.bids() == [(2, 3, 3)]


def test_c2_orders_expire_in_order_of_sequence_book_by_book_before_the_clock_moves(floor: Floor) -> None:
    floor.buy(1, 5, 100, symbol="XYZ", time_in_force=GTD, expires=7)
    floor.sell(2, 5, 101, time_in_force=GTD, expires=9)
    floor.buy(3, 5, stop=105, time_in_force=GTD, expires=8)
    floor.buy(4, 5, 99, time_in_force=GTD, expires=9)
    floor.buy(5, 5, 98, time_in_force=GTD, expires=10)
    floor.do(AdvanceClock(9))
    assert [order_id for order_id, _, _ in floor.cancels] == [2, 3, 4, 1]
    assert floor.events[-1] == ClockAdvanced(9)
    assert floor.bids() == [(5, 5, 5)]


def test_c2_an_iceberg_expires_in_the_order_of_its_latest_slice(floor: Floor) -> None:
    floor.sell(1, 9, 100, display=3, time_in_force=GTD, expires=9)
    floor.sell(2, 5, 101, time_in_force=GTD, expires=9)
    floor.buy(3, 3, 100)
    floor.do(AdvanceClock(9))
    assert [order_id for order_id, _, _ in floor.cancels] == [2, 1]


@pytest.mark.parametrize(("expires", "reason"), [(9, RejectReason.ALREADY_EXPIRED), (10, None)])
def test_c2_an_order_that_is_over_already_does_not_enter(
    floor: Floor, expires: int, reason: RejectReason | None
) -> None:
    floor.do(AdvanceClock(9))
    floor.buy(1, 5, 100, time_in_force=GTD, expires=expires)
    assert floor.reason is reason


def test_c2_the_end_of_the_day_takes_day_orders_and_day_stops_and_no_others(floor: Floor) -> None:
    floor.buy(1, 5, 100, time_in_force=DAY)
    floor.buy(2, 5, 99)
    floor.buy(3, 5, stop=105, time_in_force=DAY)
    floor.buy(4, 5, 98, time_in_force=GTD, expires=9)
    floor.do(EndOfDay())
    assert floor.cancels == [(1, 5, CancelReason.EXPIRED), (3, 5, CancelReason.EXPIRED)]
    assert floor.bids() == [(2, 5, 5), (4, 5, 5)]


def test_c3_what_a_market_order_cannot_trade_is_cancelled_whatever_its_time_in_force(floor: Floor) -> None:
    for time_in_force in (TimeInForce.GTC, DAY, IOC):
        floor.sell(1, 5, 100)
        floor.buy(2, 8, time_in_force=time_in_force)
        assert floor.trades == [(1, 100, 5)]
        assert floor.cancels == [(2, 3, CancelReason.MARKET)]


def test_c3_a_market_order_without_any_opposite_order_is_refused_or_cancelled_by_profile(
    floor: Floor, open_floor: OpenFloor
) -> None:
    floor.buy(1, 5)
    assert floor.reason is RejectReason.NO_LIQUIDITY
    floor = open_floor(profile=Profile(no_liquidity=NoLiquidity.CANCEL))
    floor.buy(1, 5)
    assert floor.cancels == [(1, 5, CancelReason.MARKET)]


def test_c4_an_immediate_or_cancel_order_never_rests(floor: Floor) -> None:
    floor.sell(1, 5, 100)
    floor.buy(2, 8, 100, time_in_force=IOC)
    assert floor.cancels == [(2, 3, CancelReason.IMMEDIATE)]
    floor.buy(3, 8, 100, time_in_force=IOC)
    assert floor.cancels == [(3, 8, CancelReason.IMMEDIATE)]
    assert floor.bids() == []


@pytest.mark.parametrize(
    ("mode", "quantity", "fills"),
    [
        # the book: 3 of another's, 4 of its own, an iceberg of 2 + 6 of another's, 5 more at a worse price
        (SelfTradePrevention.NONE, 15, [(1, 3), (2, 4), (3, 2), (3, 2), (3, 2), (3, 2)]),
        (SelfTradePrevention.NONE, 16, []),
        (CANCEL_MAKER, 11, [(1, 3), (3, 2), (3, 2), (3, 2), (3, 2)]),
        (CANCEL_MAKER, 12, []),
        (CANCEL_TAKER, 3, [(1, 3)]),
        (CANCEL_TAKER, 4, []),
        (SelfTradePrevention.CANCEL_BOTH, 3, [(1, 3)]),
        (SelfTradePrevention.CANCEL_BOTH, 4, []),
        (DECREMENT, 3, [(1, 3)]),
        (DECREMENT, 4, []),
        (DECREMENT, 11, []),
    ],
)
def test_c5_fill_or_kill_looks_ahead_through_prevention_and_icebergs_and_leaves_no_trace(
    floor: Floor, mode: SelfTradePrevention, quantity: int, fills: list[tuple[int, int]]
) -> None:
    floor.sell(1, 3, 100)
    floor.sell(2, 4, 100, account=7)
    floor.sell(3, 8, 100, display=2)
    floor.sell(4, 5, 101)
    before = floor.state
    floor.buy(9, quantity, 100, account=7, time_in_force=FOK, self_trade=mode)
    assert [(maker, lots) for maker, _, lots in floor.trades] == fills
    if not fills:
        assert floor.events[1:] == (Cancelled("ABC", 9, Side.BUY, 100, quantity, CancelReason.KILLED),)
        assert floor.state is before


def test_c5_fill_or_kill_counts_hidden_quantity(floor: Floor) -> None:
    floor.sell(1, 5, 100, display=0)
    floor.buy(2, 5, 100, time_in_force=FOK)
    assert floor.trades == [(1, 100, 5)]


def test_c6_a_post_only_order_that_would_take_is_refused_even_from_a_hidden_or_an_own_order(floor: Floor) -> None:
    floor.sell(1, 5, 100)
    floor.sell(2, 5, 99, display=0)
    for price, own in ((100, 105), (99, 105), (99, 102)):
        floor.buy(5, 5, price, account=own, post_only=True, self_trade=CANCEL_MAKER)
        assert floor.reason is RejectReason.WOULD_TAKE
    floor.buy(5, 5, 98, post_only=True)
    assert floor.bids() == [(5, 5, 5)]


def test_c6_a_post_only_order_is_not_replaced_into_a_trade(floor: Floor) -> None:
    floor.sell(1, 5, 100)
    floor.buy(2, 5, 99, post_only=True)
    floor.replace(2, 5, 100)
    assert floor.reason is RejectReason.WOULD_TAKE
    assert floor.bids() == [(2, 5, 5)]


def test_c6_a_post_only_order_is_replaced_to_where_it_takes_nothing(floor: Floor) -> None:
    floor.sell(1, 5, 100)
    floor.buy(2, 5, 98, post_only=True)
    floor.replace(2, 6, 99)
    assert floor.bids() == [(2, 6, 6)]


def test_c6_a_triggered_post_only_stop_that_would_take_is_cancelled(floor: Floor) -> None:
    floor.sell(1, 5, 100)
    floor.sell(2, 5, 101)
    floor.buy(3, 5, 101, stop=100, post_only=True)
    floor.buy(4, 5, 100)
    assert floor.triggered == [3]
    assert floor.cancels == [(3, 5, CancelReason.POST_ONLY)]
    assert floor.asks() == [(2, 5, 5)]


@pytest.mark.parametrize(
    ("minimum", "mode", "fills", "rests"),
    [
        (6, SelfTradePrevention.NONE, 7, 3),
        (8, SelfTradePrevention.NONE, 0, 0),
        (3, CANCEL_TAKER, 3, 0),  # prevention ends it after three, and never lets it rest (G5)
        (4, CANCEL_TAKER, 0, 0),
        (4, CANCEL_MAKER, 0, 0),
        (3, CANCEL_MAKER, 3, 7),
        (3, DECREMENT, 3, 3),
        (4, DECREMENT, 0, 0),  # prevented lots do not count towards the minimum
    ],
)
def test_c7_less_than_the_minimum_on_entry_is_nothing_at_all(
    floor: Floor, minimum: int, mode: SelfTradePrevention, fills: int, rests: int
) -> None:
    floor.sell(1, 3, 100)
    floor.sell(2, 4, 100, account=7)
    before = floor.state
    floor.buy(9, 10, 100, account=7, min_quantity=minimum, self_trade=mode)
    assert sum(lots for _, _, lots in floor.trades) == fills
    assert floor.bids() == ([(9, rests, rests)] if rests else [])
    if not fills:
        assert floor.cancels == [(9, 10, CancelReason.MIN_QUANTITY)]
        assert floor.state is before


def test_c7_a_minimum_is_for_entry_and_forgotten_once_the_order_rests(floor: Floor) -> None:
    floor.sell(1, 5, 100)
    floor.buy(2, 10, 100, min_quantity=5)
    floor.replace(2, 12, 99)
    assert floor.bids() == [(2, 7, 7)]


def test_c7_the_minimum_of_a_stop_is_for_the_moment_it_is_triggered(floor: Floor) -> None:
    floor.sell(1, 5, 100)
    floor.sell(2, 3, 101)
    floor.buy(3, 5, 101, stop=100, min_quantity=4)
    floor.replace(3, 3)
    assert floor.reason is RejectReason.INVALID_REPLACE
    floor.replace(3, 4)
    floor.buy(4, 5, 100)
    assert floor.cancels == [(3, 4, CancelReason.MIN_QUANTITY)]


# ── F: cancel, amend, replace ──


@pytest.mark.parametrize(
    ("quantity", "price", "queue"),
    [
        (4, None, [1, 2]),
        (5, None, [1, 2]),
        (4, 100, [1, 2]),
        (6, None, [2, 1]),
        (4, 101, [2, 1]),
        (4, 99, [1, 2]),
    ],
)
def test_f1_a_decrease_at_the_same_price_keeps_its_place_and_nothing_else_does(
    floor: Floor, quantity: int, price: int | None, queue: list[int]
) -> None:
    floor.sell(1, 5, 100)
    floor.sell(2, 5, 100)
    floor.replace(1, quantity, price)
    assert [order_id for order_id, _, _ in floor.asks()] == queue


def test_f1_a_pending_stop_keeps_its_place_as_well(floor: Floor) -> None:
    floor.buy(1, 5, stop=105)
    floor.buy(2, 5, stop=105)
    for quantity in (4, 4, 3):
        floor.replace(1, quantity, stop=105)
        assert floor.stops() == [1, 2]
    floor.replace(1, 5)
    assert floor.stops() == [2, 1]
    floor.replace(1, 5, stop=104)
    assert floor.stops() == [1, 2]


def test_f2_a_stop_with_another_limit_waits_behind_the_others_at_its_stop(floor: Floor) -> None:
    floor.buy(1, 5, 106, stop=105)
    floor.buy(2, 5, 106, stop=105)
    floor.replace(1, 5, 107)
    assert floor.stops() == [2, 1]


def test_f2_a_stop_without_a_limit_gets_none_by_a_replace(floor: Floor) -> None:
    floor.buy(1, 5, stop=105)
    floor.replace(1, 5, 106)
    assert floor.reason is RejectReason.INVALID_REPLACE


def test_a1_a_stop_limit_order_is_held_to_the_least_notional_when_it_is_replaced(open_floor: OpenFloor) -> None:
    floor = open_floor(TIGHT)
    floor.buy(1, 40, 100, stop=150)
    floor.replace(1, 20, 95)
    assert floor.reason is RejectReason.INVALID_NOTIONAL
    floor.replace(1, 20, 100)
    assert floor.reason is None


def test_f2_an_increase_loses_priority_even_after_a_partial_fill(floor: Floor) -> None:
    floor.sell(1, 5, 100)
    floor.sell(2, 5, 100)
    floor.buy(3, 3, 100)
    floor.replace(1, 5)  # the total it had: no increase
    assert floor.asks() == [(1, 2, 2), (2, 5, 5)]
    floor.replace(1, 6)
    assert floor.asks() == [(2, 5, 5), (1, 3, 3)]


def test_f2_a_replace_to_the_same_terms_keeps_its_place_in_a_long_queue(floor: Floor) -> None:
    for order_id in range(1, 10):
        floor.sell(order_id, 5, 100)
    floor.replace(4, 5, 100)
    assert [order_id for order_id, _, _ in floor.asks()] == list(range(1, 10))


@pytest.mark.parametrize("side", list(Side))
def test_f3_an_order_replaced_into_a_cross_trades_as_an_aggressor_at_the_makers_prices(
    floor: Floor, side: Side
) -> None:
    sign = 1 if side is Side.SELL else -1
    enter, oppose = (floor.sell, floor.buy) if side is Side.SELL else (floor.buy, floor.sell)
    oppose(1, 5, 100)
    oppose(2, 5, 100 - sign)
    enter(3, 8, 100 + sign)
    floor.replace(3, 12, 100 - 2 * sign)
    assert floor.events[0] == Replaced("ABC", 3, side, 100 - 2 * sign, 12)
    assert floor.trades == [(1, 100, 5), (2, 100 - sign, 5)]
    assert (floor.asks() if side is Side.SELL else floor.bids()) == [(3, 2, 2)]


def test_f3_a_replaced_order_keeps_its_own_instruction_against_self_trades(floor: Floor) -> None:
    floor.buy(1, 5, 99, account=7)
    floor.sell(2, 5, 100, account=7, self_trade=CANCEL_TAKER)
    floor.replace(2, 5, 99)
    assert floor.trades == []
    assert floor.cancels == [(2, 5, CancelReason.SELF_TRADE)]


@pytest.mark.parametrize("quantity", [3, 2])
def test_f4_a_total_that_is_executed_already_cancels_the_remainder(floor: Floor, quantity: int) -> None:
    floor.sell(1, 5, 100)
    floor.buy(2, 3, 100)
    floor.replace(1, quantity)
    assert floor.events == (Cancelled("ABC", 1, Side.SELL, 100, 2, CancelReason.REPLACED),)
    assert floor.asks() == []


def test_f4_under_the_open_quantity_profile_a_replace_never_ends_an_order(open_floor: OpenFloor) -> None:
    floor = open_floor(profile=Profile(replace_quantity=ReplaceQuantity.OPEN))
    floor.sell(1, 5, 100)
    floor.buy(2, 3, 100)
    floor.replace(1, 1)
    assert floor.asks() == [(1, 1, 1)]
    stands = status(floor.state, "ABC", 1)
    assert stands is not None
    assert (stands.quantity, stands.executed) == (4, 3)


def test_f5_cancel_and_new_order_lose_the_place_and_the_cancel_fails_if_the_order_is_gone(floor: Floor) -> None:
    floor.sell(1, 5, 100)
    floor.sell(2, 5, 100)
    floor.cancel(1)
    floor.sell(3, 4, 100)
    assert floor.asks() == [(2, 5, 5), (3, 4, 4)]
    floor.cancel(1)
    assert floor.reason is RejectReason.UNKNOWN_ORDER


def test_f7_under_the_workloads_profile_even_a_decrease_is_a_removal_and_a_new_entry(open_floor: OpenFloor) -> None:
    floor = open_floor(profile=WORKLOADS)
    floor.sell(1, 5, 100)
    floor.sell(2, 5, 100)
    floor.replace(1, 4)
    assert floor.asks() == [(2, 5, 5), (1, 4, 4)]
    floor.buy(3, 5, stop=105)
    floor.buy(4, 5, stop=105)
    floor.replace(3, 4)
    assert floor.stops() == [4, 3]


def test_a3_the_id_of_a_killed_basket_leg_is_free_at_once(floor: Floor) -> None:
    floor.do(Basket(7, (Leg("ABC", 1, Side.BUY, 5, 100),)))
    assert floor.cancels == [(1, 5, CancelReason.KILLED)]
    floor.buy(1, 5, 100)
    assert floor.bids() == [(1, 5, 5)]
