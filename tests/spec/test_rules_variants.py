"""What venues do differently: C3 market-to-limit, C6 stepping back, D3 whole icebergs, E6 protection, F7 reductions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from bookproof.spec.commands import Basket, Leg
from bookproof.spec.events import Accepted, Cancelled, Rejected, Replaced, Repriced, Trade, Triggered
from bookproof.spec.exchange import status
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import Icebergs, MarketOrders, PostOnly, Profile, ReplaceAllows, ReplaceQuantity
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import SelfTradePrevention, Side, TimeInForce

if TYPE_CHECKING:
    from tests.spec.conftest import FloorAndEngine

    OpenPair = Callable[..., FloorAndEngine]

BUY, SELL = Side.BUY, Side.SELL
TO_LIMIT = Profile("market-to-limit", market_orders=MarketOrders.LIMIT)
STEPS_BACK = Profile("steps-back", post_only=PostOnly.REPRICE)


# ── C3: market-to-limit ──


def test_c3_a_market_to_limit_order_takes_the_best_price_only_and_rests_there(open_pair: OpenPair) -> None:
    pair = open_pair(profile=TO_LIMIT)
    pair.sell(1, 5, 100)
    pair.sell(2, 5, 101)
    pair.buy(3, 9)
    assert pair.events == (
        Accepted("ABC", 3, BUY, None, 9),
        Repriced("ABC", 3, BUY, 100),
        Trade("ABC", 100, 5, 1, 3),
    )
    assert (pair.bids(), pair.asks()) == ([(3, 4, 4)], [(2, 5, 5)])
    stands = status(pair.state, "ABC", 3)
    assert stands is not None
    assert (stands.price, stands.executed, stands.leaves) == (100, 5, 4)


def test_c3_without_an_opposite_order_there_is_no_price_to_rest_at(open_pair: OpenPair) -> None:
    pair = open_pair(profile=TO_LIMIT)
    assert pair.buy(3, 9) == (Rejected("ABC", 3, RejectReason.NO_LIQUIDITY),)


def test_c3_a_market_to_limit_order_that_may_not_rest_is_cut_at_the_best_price(open_pair: OpenPair) -> None:
    pair = open_pair(profile=TO_LIMIT)
    pair.sell(1, 5, 100)
    pair.sell(2, 5, 101)
    pair.buy(3, 9, time_in_force=TimeInForce.IOC)
    assert pair.cancels == [(3, 4, CancelReason.IMMEDIATE)]


def test_c3_a_fill_or_kill_market_to_limit_order_has_the_best_price_for_a_limit(open_pair: OpenPair) -> None:
    pair = open_pair(profile=TO_LIMIT)
    pair.sell(1, 5, 100)
    pair.sell(2, 5, 101)
    pair.buy(3, 9, time_in_force=TimeInForce.FOK)
    assert pair.events[1:] == (Repriced("ABC", 3, BUY, 100), Cancelled("ABC", 3, BUY, 100, 9, CancelReason.KILLED))
    pair.sell(1, 5, 100, symbol="XYZ")
    pair.do(Basket(7, (Leg("ABC", 8, BUY, 6), Leg("XYZ", 9, BUY, 5))))
    assert pair.trades == []
    pair.do(Basket(7, (Leg("ABC", 8, BUY, 5), Leg("XYZ", 9, BUY, 5))))
    assert pair.trades == [(1, 100, 5), (1, 100, 5)]


def test_c3_a_triggered_market_stop_becomes_market_to_limit_as_well(open_pair: OpenPair) -> None:
    pair = open_pair(profile=TO_LIMIT)
    pair.sell(1, 5, 100)
    pair.sell(2, 3, 101)
    pair.buy(3, 9, stop=100)
    pair.buy(4, 5, 100)
    assert pair.events[2:] == (
        Triggered("ABC", 3),
        Repriced("ABC", 3, BUY, 101),
        Trade("ABC", 101, 3, 2, 3),
    )
    assert pair.bids() == [(3, 6, 6)]


# ── C6: stepping back ──


@pytest.mark.parametrize(("price", "rests_at"), [(105, 99), (100, 99), (99, 99), (98, 98)])
def test_c6_a_post_only_order_steps_back_to_one_tick_from_the_best_opposite_price(
    open_pair: OpenPair, price: int, rests_at: int
) -> None:
    pair = open_pair(profile=STEPS_BACK)
    pair.sell(1, 5, 100)
    pair.buy(2, 5, price, post_only=True)
    told = () if price == rests_at else (Repriced("ABC", 2, BUY, rests_at),)
    assert pair.events == (Accepted("ABC", 2, BUY, price, 5), *told)
    stands = status(pair.state, "ABC", 2)
    assert stands is not None
    assert stands.price == rests_at


def test_c6_the_tick_is_the_instruments_and_hidden_orders_count(open_pair: OpenPair) -> None:
    pair = open_pair(Instrument("ABC", tick=5), profile=STEPS_BACK)
    pair.buy(1, 5, 100, display=0)
    pair.sell(2, 5, 95, post_only=True)
    assert pair.events[1] == Repriced("ABC", 2, SELL, 105)


def test_c6_where_there_is_no_price_to_step_back_to_it_is_refused(open_pair: OpenPair) -> None:
    pair = open_pair(Instrument("ABC", min_price=100), profile=STEPS_BACK)
    pair.sell(1, 5, 100)
    pair.buy(2, 5, 100, post_only=True)
    assert pair.reason is RejectReason.WOULD_TAKE


def test_c6_a_replaced_and_a_triggered_post_only_order_step_back_too(open_pair: OpenPair) -> None:
    pair = open_pair(profile=STEPS_BACK)
    pair.sell(1, 9, 100)
    pair.buy(2, 5, 90, post_only=True)
    pair.replace(2, 5, 103)
    replaced = pair.events
    assert replaced == (Replaced("ABC", 2, BUY, 103, 5), Repriced("ABC", 2, BUY, 99))
    pair.buy(3, 5, 101, stop=100, post_only=True)
    pair.buy(4, 5, 100)
    assert pair.events[2:] == (Triggered("ABC", 3), Repriced("ABC", 3, BUY, 99))
    assert pair.bids() == [(2, 5, 5), (3, 5, 5)]


# ── E6: protection ──


@pytest.mark.parametrize(("side", "end"), [(BUY, 103), (SELL, 97)])
def test_e6_a_protected_stop_trades_and_rests_up_to_its_range_beyond_the_stop_price(
    open_pair: OpenPair, side: Side, end: int
) -> None:
    pair = open_pair(Instrument("ABC", protection=3))
    enter, against, away = (pair.buy, pair.sell, 1) if side is BUY else (pair.sell, pair.buy, -1)
    for order_id, distance in enumerate((0, 2, 4), 1):
        against(order_id, 5, 100 + away * distance)
    enter(8, 9, stop=100)
    enter(9, 5, 100)
    assert pair.events[2:] == (
        Triggered("ABC", 8),
        Repriced("ABC", 8, side, end),
        Trade("ABC", 100 + 2 * away, 5, 2, 8),
    )
    assert (pair.bids() if side is BUY else pair.asks()) == [(8, 4, 4)]


def test_e6_a_stop_with_a_limit_of_its_own_needs_no_protection(open_pair: OpenPair) -> None:
    pair = open_pair(Instrument("ABC", protection=3))
    pair.buy(8, 5, 110, stop=100)
    pair.sell(1, 1, 100)
    pair.buy(2, 1, 100)
    assert pair.events[2:] == (Triggered("ABC", 8),)


def test_e6_a_range_ends_at_the_highest_price_that_the_instrument_has(open_pair: OpenPair) -> None:
    pair = open_pair(Instrument("ABC", tick=5, max_price=104, protection=10))
    pair.buy(8, 5, stop=95)
    pair.sell(1, 1, 95)
    pair.buy(2, 1, 95)
    assert pair.events[2:] == (Triggered("ABC", 8), Repriced("ABC", 8, BUY, 100))


# ── D3: whole icebergs ──

WHOLE = Profile("whole", icebergs=Icebergs.WHOLE)


def test_d3_an_aggressor_that_exceeds_the_slice_takes_the_whole_iceberg_in_one_trade(open_pair: OpenPair) -> None:
    pair = open_pair(profile=WHOLE)
    pair.sell(1, 9, 100, display=3)
    pair.sell(2, 5, 100)
    pair.buy(3, 10, 100)
    assert pair.trades == [(1, 100, 9), (2, 100, 1)]
    assert pair.asks() == [(2, 4, 4)]


def test_d3_what_is_left_of_a_whole_iceberg_shows_a_new_slice_behind_the_level(open_pair: OpenPair) -> None:
    pair = open_pair(profile=WHOLE)
    pair.sell(1, 9, 100, display=3)
    pair.sell(2, 5, 100)
    pair.buy(3, 5, 100)
    assert pair.trades == [(1, 100, 5)]
    assert pair.asks() == [(2, 5, 5), (1, 3, 4)]


@pytest.mark.parametrize(("lots", "left"), [(2, [(1, 1, 7), (2, 5, 5)]), (3, [(2, 5, 5), (1, 3, 6)])])
def test_d3_an_aggressor_that_does_not_exceed_the_slice_gets_no_more_than_it(
    open_pair: OpenPair, lots: int, left: list[tuple[int, int, int]]
) -> None:
    pair = open_pair(profile=WHOLE)
    pair.sell(1, 9, 100, display=3)
    pair.sell(2, 5, 100)
    pair.buy(3, lots, 100)
    assert pair.trades == [(1, 100, lots)]
    assert pair.asks() == left


def test_d3_the_dry_run_takes_icebergs_whole_too(open_pair: OpenPair) -> None:
    """Slice by slice it would meet its own order before the rest of the iceberg."""
    pair = open_pair(profile=WHOLE)
    pair.sell(1, 9, 100, display=3)
    pair.sell(2, 5, 100, account=7)
    mode = SelfTradePrevention.CANCEL_TAKER
    pair.buy(3, 9, 100, account=7, self_trade=mode, time_in_force=TimeInForce.FOK)
    assert pair.trades == [(1, 100, 9)]


def test_d3_prevention_goes_slice_by_slice_even_so(open_pair: OpenPair) -> None:
    pair = open_pair(profile=WHOLE)
    pair.sell(1, 9, 100, display=3, account=7)
    pair.sell(2, 5, 100)
    pair.buy(3, 5, 100, account=7, self_trade=SelfTradePrevention.DECREMENT)
    assert (pair.prevented, pair.trades) == ([(1, 3)], [(2, 100, 2)])


# ── F7: reductions only ──


@pytest.mark.parametrize(
    ("quantity", "price", "taken"), [(4, None, True), (4, 100, True), (5, 100, False), (6, 100, False), (4, 99, False)]
)
def test_f7_where_only_reductions_are_taken_everything_else_is_refused(
    open_pair: OpenPair, quantity: int, price: int | None, taken: bool
) -> None:
    pair = open_pair(profile=Profile(replace_allows=ReplaceAllows.REDUCTION))
    pair.buy(1, 5, 100)
    pair.buy(2, 5, 100)
    pair.replace(1, quantity, price)
    assert pair.reason is (None if taken else RejectReason.INVALID_REPLACE)
    assert pair.bids() == [(1, 4 if taken else 5, 4 if taken else 5), (2, 5, 5)]


def test_f7_a_stop_may_be_reduced_and_not_moved(open_pair: OpenPair) -> None:
    pair = open_pair(profile=Profile(replace_allows=ReplaceAllows.REDUCTION))
    pair.buy(1, 5, 100, stop=105)
    pair.replace(1, 4, stop=106)
    assert pair.reason is RejectReason.INVALID_REPLACE
    pair.replace(1, 4, stop=105)
    assert pair.events == (Replaced("ABC", 1, BUY, 100, 4),)


def test_f7_a_reduction_is_of_what_is_open_where_quantities_mean_that(open_pair: OpenPair) -> None:
    pair = open_pair(profile=Profile(replace_allows=ReplaceAllows.REDUCTION, replace_quantity=ReplaceQuantity.OPEN))
    pair.buy(1, 5, 100)
    pair.sell(2, 2, 100)
    pair.replace(1, 3)
    assert pair.reason is RejectReason.INVALID_REPLACE
    pair.replace(1, 2)
    assert pair.bids() == [(1, 2, 2)]
