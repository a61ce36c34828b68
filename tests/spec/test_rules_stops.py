"""Rule E: stops wait, are triggered in turn, and may trigger others."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from bookproof.spec.commands import Halt, Resume
from bookproof.spec.events import Accepted, Trade, Triggered
from bookproof.spec.exchange import status
from bookproof.spec.profile import Profile, TrueStop
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import OrderState, SelfTradePrevention, Side

if TYPE_CHECKING:
    from tests.spec.conftest import Floor

    OpenFloor = Callable[..., Floor]


def trade_at(floor: Floor, price: int, lots: int = 1) -> None:
    """Let two orders trade, ids 90 and 91, so that the last trade is at `price`."""
    floor.sell(90, lots, price)
    floor.buy(91, lots, price)
    assert floor.trades == [(90, price, lots)]


def test_e1_a_stop_is_in_no_queue_until_the_last_trade_reaches_it(floor: Floor) -> None:
    trade_at(floor, 100)
    floor.buy(1, 5, stop=103)
    floor.sell(2, 5, 97, stop=97)
    assert (floor.bids(), floor.asks(), floor.stops()) == ([], [], [1, 2])
    stands = status(floor.state, "ABC", 1)
    assert stands is not None
    assert stands.state is OrderState.PENDING
    trade_at(floor, 102)
    assert floor.triggered == []
    trade_at(floor, 103)
    assert floor.triggered == [1]
    trade_at(floor, 97)
    assert floor.triggered == [2]


def test_e1_quotes_and_prevented_trades_trigger_nothing(floor: Floor) -> None:
    floor.buy(1, 5, stop=100)
    floor.sell(2, 5, 105, account=7)
    floor.buy(3, 5, 105, account=7, self_trade=SelfTradePrevention.DECREMENT)
    floor.buy(4, 5, 104)
    assert floor.stops() == [1]


def test_e1_a_trade_triggers_stops_of_its_own_book_only(floor: Floor) -> None:
    floor.buy(1, 5, stop=100, symbol="XYZ")
    trade_at(floor, 105)
    assert floor.stops("XYZ") == [1]


def test_e2_an_aggressor_finishes_before_the_stop_that_it_set_off_enters(floor: Floor) -> None:
    floor.sell(1, 5, 100)
    floor.sell(2, 5, 101)
    floor.buy(3, 4, stop=100)
    floor.buy(4, 8, 101)
    assert floor.events == (
        Accepted("ABC", 4, Side.BUY, 101, 8),
        Trade("ABC", 100, 5, 1, 4),
        Trade("ABC", 101, 3, 2, 4),
        Triggered("ABC", 3),
        Trade("ABC", 101, 2, 2, 3),
        *floor.events[5:],
    )
    assert floor.cancels == [(3, 2, CancelReason.MARKET)]


@pytest.mark.parametrize(
    ("side", "stops", "turn"),
    [
        (Side.BUY, [103, 101, 102, 101], [2, 4, 3, 1]),
        (Side.SELL, [97, 99, 98, 99], [2, 4, 3, 1]),
    ],
)
def test_e3_stops_due_together_are_triggered_nearest_first_then_in_order_of_entry(
    floor: Floor, side: Side, stops: list[int], turn: list[int]
) -> None:
    trade_at(floor, 100)
    for order_id, stop in enumerate(stops, 1):
        (floor.buy if side is Side.BUY else floor.sell)(order_id, 5, stop=stop)
    trade_at(floor, 105 if side is Side.BUY else 95)
    assert floor.triggered == turn


def test_e3_buys_are_triggered_before_sells_when_the_first_trade_reaches_both(floor: Floor) -> None:
    floor.sell(1, 5, stop=101)
    floor.buy(2, 5, stop=99)
    trade_at(floor, 100)
    assert floor.triggered == [2, 1]


def test_e4_a_triggered_stop_stands_behind_orders_that_came_after_it_but_before_the_trigger(floor: Floor) -> None:
    floor.sell(1, 5, 105, stop=100)
    floor.sell(2, 5, 105)
    trade_at(floor, 100)
    assert floor.triggered == [1]
    assert floor.asks() == [(2, 5, 5), (1, 5, 5)]


def test_e4_stops_triggered_together_rest_in_the_order_of_their_turn(floor: Floor) -> None:
    trade_at(floor, 100)
    floor.buy(1, 5, 90, stop=102)
    floor.buy(2, 5, 90, stop=101)
    trade_at(floor, 103)
    assert floor.bids() == [(2, 5, 5), (1, 5, 5)]


def test_e5_a_cascade_runs_until_no_stop_is_due(floor: Floor) -> None:
    for order_id in range(1, 6):
        floor.sell(order_id, 1, 99 + order_id)
        floor.buy(10 + order_id, 1, stop=99 + order_id)
    floor.buy(20, 1)  # takes the ask at 100, and each stop the next one
    assert floor.triggered == [11, 12, 13, 14, 15]
    assert floor.trades == [(order_id, 99 + order_id, 1) for order_id in range(1, 6)]
    assert floor.cancels == [(15, 1, CancelReason.MARKET)]
    assert (floor.stops(), floor.asks()) == ([], [])


def test_e5_a_stop_that_was_due_stays_due_when_an_earlier_one_moves_the_price_back(floor: Floor) -> None:
    floor.buy(1, 1, stop=100)
    floor.sell(2, 1, stop=100)
    floor.sell(3, 1, 100)
    floor.sell(4, 1, 103)
    floor.buy(5, 1, 100)  # the first trade reaches both; the buy then trades at 103, above the sell's stop
    assert floor.triggered == [1, 2]
    assert floor.trades == [(3, 100, 1), (4, 103, 1)]
    assert floor.cancels == [(2, 1, CancelReason.MARKET)]


def test_e5_stops_set_off_later_wait_for_those_set_off_before(floor: Floor) -> None:
    trade_at(floor, 100)
    floor.buy(1, 1, stop=101)
    floor.buy(2, 1, stop=102)
    floor.buy(3, 1, stop=105)
    floor.sell(4, 1, 102)
    floor.sell(5, 1, 106)
    floor.sell(6, 1, 107)
    floor.sell(7, 1, 108)
    floor.buy(8, 1, 102)
    assert floor.triggered == [1, 2, 3]
    assert floor.trades == [(4, 102, 1), (5, 106, 1), (6, 107, 1), (7, 108, 1)]


def test_e5_a_cascade_of_a_hundred_stops_is_one_command(floor: Floor) -> None:
    for price in range(1, 101):
        floor.sell(price, 1, price)
        floor.buy(1000 + price, 1, stop=price)
    floor.buy(5000, 1)
    assert floor.triggered == list(range(1001, 1101))
    assert (floor.stops(), floor.asks()) == ([], [])


def test_e6_a_triggered_stop_limit_rests_at_its_limit_and_a_stop_is_a_market_order(floor: Floor) -> None:
    trade_at(floor, 100)
    floor.buy(1, 5, 101, stop=102)
    floor.buy(2, 5, stop=102)
    trade_at(floor, 102)
    assert floor.bids() == [(1, 5, 5)]
    assert floor.cancels == [(2, 5, CancelReason.MARKET)]


@pytest.mark.parametrize(("side", "stop"), [(Side.BUY, 100), (Side.BUY, 99), (Side.SELL, 100), (Side.SELL, 101)])
def test_e7_a_stop_that_is_due_on_entry_is_refused_or_triggered_by_profile(
    floor: Floor, open_floor: OpenFloor, side: Side, stop: int
) -> None:
    trade_at(floor, 100)
    (floor.buy if side is Side.BUY else floor.sell)(1, 5, 100, stop=stop)
    assert floor.reason is RejectReason.STOP_ALREADY_TRUE
    floor = open_floor(profile=Profile(true_stop=TrueStop.TRIGGER))
    trade_at(floor, 100)
    (floor.buy if side is Side.BUY else floor.sell)(1, 5, 100, stop=stop)
    assert floor.events == (Accepted("ABC", 1, side, 100, 5), Triggered("ABC", 1))
    assert (floor.bids() or floor.asks()) == [(1, 5, 5)]


def test_e7_before_the_first_trade_no_stop_is_due(floor: Floor) -> None:
    floor.buy(1, 5, stop=1)
    assert floor.stops() == [1]


def test_e7_a_stop_replaced_to_a_price_that_is_due_is_refused_or_triggered_by_profile(
    floor: Floor, open_floor: OpenFloor
) -> None:
    trade_at(floor, 100)
    floor.buy(1, 5, 99, stop=105)
    floor.replace(1, 5, stop=100)
    assert floor.reason is RejectReason.STOP_ALREADY_TRUE
    assert floor.stops() == [1]
    floor = open_floor(profile=Profile(true_stop=TrueStop.TRIGGER))
    trade_at(floor, 100)
    floor.buy(1, 5, 99, stop=105)
    floor.replace(1, 5, stop=100)
    assert floor.triggered == [1]
    assert floor.bids() == [(1, 5, 5)]


def test_e1_a_pending_stop_sits_a_halt_out(floor: Floor) -> None:
    floor.buy(1, 5, 101, stop=101)
    floor.do(Halt("ABC"))
    floor.do(Resume("ABC"))
    assert floor.stops() == [1]
    trade_at(floor, 101)
    assert floor.triggered == [1]
