"""What venues do differently on entry: C3 market-to-limit, C6 stepping back, E6 protection range of a stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from bookproof.spec.commands import Basket, Leg
from bookproof.spec.events import Accepted, Cancelled, Rejected, Replaced, Repriced, Trade, Triggered
from bookproof.spec.exchange import status
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import MarketOrders, PostOnly, Profile
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import Side, TimeInForce

if TYPE_CHECKING:
    from tests.spec.conftest import BesideFloor

    OpenBoth = Callable[..., BesideFloor]

BUY, SELL = Side.BUY, Side.SELL
TO_LIMIT = Profile("market-to-limit", market_orders=MarketOrders.LIMIT)
STEPS_BACK = Profile("steps-back", post_only=PostOnly.REPRICE)


# ── C3: market-to-limit ──


def test_c3_a_market_to_limit_order_takes_the_best_price_only_and_rests_there(open_both: OpenBoth) -> None:
    both = open_both(profile=TO_LIMIT)
    both.sell(1, 5, 100)
    both.sell(2, 5, 101)
    both.buy(3, 9)
    assert both.events == (
        Accepted("ABC", 3, BUY, None, 9),
        Repriced("ABC", 3, BUY, 100),
        Trade("ABC", 100, 5, 1, 3),
    )
    assert (both.bids(), both.asks()) == ([(3, 4, 4)], [(2, 5, 5)])
    stands = status(both.state, "ABC", 3)
    assert stands is not None
    assert (stands.price, stands.executed, stands.leaves) == (100, 5, 4)


def test_c3_without_an_opposite_order_there_is_no_price_to_rest_at(open_both: OpenBoth) -> None:
    both = open_both(profile=TO_LIMIT)
    assert both.buy(3, 9) == (Rejected("ABC", 3, RejectReason.NO_LIQUIDITY),)


def test_c3_a_market_to_limit_order_that_may_not_rest_is_cut_at_the_best_price(open_both: OpenBoth) -> None:
    both = open_both(profile=TO_LIMIT)
    both.sell(1, 5, 100)
    both.sell(2, 5, 101)
    both.buy(3, 9, time_in_force=TimeInForce.IOC)
    assert both.cancels == [(3, 4, CancelReason.IMMEDIATE)]


def test_c3_a_fill_or_kill_market_to_limit_order_has_the_best_price_for_a_limit(open_both: OpenBoth) -> None:
    both = open_both(profile=TO_LIMIT)
    both.sell(1, 5, 100)
    both.sell(2, 5, 101)
    both.buy(3, 9, time_in_force=TimeInForce.FOK)
    assert both.events[1:] == (Repriced("ABC", 3, BUY, 100), Cancelled("ABC", 3, BUY, 100, 9, CancelReason.KILLED))
    both.sell(1, 5, 100, symbol="XYZ")
    both.do(Basket(7, (Leg("ABC", 8, BUY, 6), Leg("XYZ", 9, BUY, 5))))
    assert both.trades == []
    both.do(Basket(7, (Leg("ABC", 8, BUY, 5), Leg("XYZ", 9, BUY, 5))))
    assert both.trades == [(1, 100, 5), (1, 100, 5)]


def test_c3_a_triggered_market_stop_becomes_market_to_limit_as_well(open_both: OpenBoth) -> None:
    both = open_both(profile=TO_LIMIT)
    both.sell(1, 5, 100)
    both.sell(2, 3, 101)
    both.buy(3, 9, stop=100)
    both.buy(4, 5, 100)
    assert both.events[2:] == (
        Triggered("ABC", 3),
        Repriced("ABC", 3, BUY, 101),
        Trade("ABC", 101, 3, 2, 3),
    )
    assert both.bids() == [(3, 6, 6)]


# ── C6: stepping back ──


@pytest.mark.parametrize(("price", "rests_at"), [(105, 99), (100, 99), (99, 99), (98, 98)])
def test_c6_a_post_only_order_steps_back_to_one_tick_from_the_best_opposite_price(
    open_both: OpenBoth, price: int, rests_at: int
) -> None:
    both = open_both(profile=STEPS_BACK)
    both.sell(1, 5, 100)
    both.buy(2, 5, price, post_only=True)
    told = () if price == rests_at else (Repriced("ABC", 2, BUY, rests_at),)
    assert both.events == (Accepted("ABC", 2, BUY, price, 5), *told)
    stands = status(both.state, "ABC", 2)
    assert stands is not None
    assert stands.price == rests_at


def test_c6_the_tick_is_the_instruments_and_hidden_orders_count(open_both: OpenBoth) -> None:
    both = open_both(Instrument("ABC", tick=5), profile=STEPS_BACK)
    both.buy(1, 5, 100, display=0)
    both.sell(2, 5, 95, post_only=True)
    assert both.events[1] == Repriced("ABC", 2, SELL, 105)


def test_c6_where_there_is_no_price_to_step_back_to_it_is_refused(open_both: OpenBoth) -> None:
    both = open_both(Instrument("ABC", min_price=100), profile=STEPS_BACK)
    both.sell(1, 5, 100)
    both.buy(2, 5, 100, post_only=True)
    assert both.reason is RejectReason.WOULD_TAKE


def test_c6_a_replaced_and_a_triggered_post_only_order_step_back_too(open_both: OpenBoth) -> None:
    both = open_both(profile=STEPS_BACK)
    both.sell(1, 9, 100)
    both.buy(2, 5, 90, post_only=True)
    both.replace(2, 5, 103)
    replaced = both.events
    assert replaced == (Replaced("ABC", 2, BUY, 103, 5), Repriced("ABC", 2, BUY, 99))
    both.buy(3, 5, 101, stop=100, post_only=True)
    both.buy(4, 5, 100)
    assert both.events[2:] == (Triggered("ABC", 3), Repriced("ABC", 3, BUY, 99))
    assert both.bids() == [(2, 5, 5), (3, 5, 5)]


# ── E6: protection ──


@pytest.mark.parametrize(("side", "end"), [(BUY, 103), (SELL, 97)])
def test_e6_a_protected_stop_trades_and_rests_up_to_its_range_beyond_the_stop_price(
    open_both: OpenBoth, side: Side, end: int
) -> None:
    both = open_both(Instrument("ABC", protection=3))
    enter, against, away = (both.buy, both.sell, 1) if side is BUY else (both.sell, both.buy, -1)
    for order_id, distance in enumerate((0, 2, 4), 1):
        against(order_id, 5, 100 + away * distance)
    enter(8, 9, stop=100)
    enter(9, 5, 100)
    assert both.events[2:] == (
        Triggered("ABC", 8),
        Repriced("ABC", 8, side, end),
        Trade("ABC", 100 + 2 * away, 5, 2, 8),
    )
    assert (both.bids() if side is BUY else both.asks()) == [(8, 4, 4)]


def test_e6_a_stop_with_a_limit_of_its_own_needs_no_protection(open_both: OpenBoth) -> None:
    both = open_both(Instrument("ABC", protection=3))
    both.buy(8, 5, 110, stop=100)
    both.sell(1, 1, 100)
    both.buy(2, 1, 100)
    assert both.events[2:] == (Triggered("ABC", 8),)


def test_e6_a_range_ends_at_the_highest_price_that_the_instrument_has(open_both: OpenBoth) -> None:
    both = open_both(Instrument("ABC", tick=5, max_price=104, protection=10))
    both.buy(8, 5, stop=95)
    both.sell(1, 1, 95)
    both.buy(2, 1, 95)
    assert both.events[2:] == (Triggered("ABC", 8), Repriced("ABC", 8, BUY, 100))
