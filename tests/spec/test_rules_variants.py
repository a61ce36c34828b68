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


# ── D3: whole icebergs ──

WHOLE = Profile("whole", icebergs=Icebergs.WHOLE)


def test_d3_an_aggressor_that_exceeds_the_slice_takes_the_whole_iceberg_in_one_trade(open_both: OpenBoth) -> None:
    both = open_both(profile=WHOLE)
    both.sell(1, 9, 100, display=3)
    both.sell(2, 5, 100)
    both.buy(3, 10, 100)
    assert both.trades == [(1, 100, 9), (2, 100, 1)]
    assert both.asks() == [(2, 4, 4)]


def test_d3_what_is_left_of_a_whole_iceberg_shows_a_new_slice_behind_the_level(open_both: OpenBoth) -> None:
    both = open_both(profile=WHOLE)
    both.sell(1, 9, 100, display=3)
    both.sell(2, 5, 100)
    both.buy(3, 5, 100)
    assert both.trades == [(1, 100, 5)]
    assert both.asks() == [(2, 5, 5), (1, 3, 4)]


@pytest.mark.parametrize(("lots", "left"), [(2, [(1, 1, 7), (2, 5, 5)]), (3, [(2, 5, 5), (1, 3, 6)])])
def test_d3_an_aggressor_that_does_not_exceed_the_slice_gets_no_more_than_it(
    open_both: OpenBoth, lots: int, left: list[tuple[int, int, int]]
) -> None:
    both = open_both(profile=WHOLE)
    both.sell(1, 9, 100, display=3)
    both.sell(2, 5, 100)
    both.buy(3, lots, 100)
    assert both.trades == [(1, 100, lots)]
    assert both.asks() == left


def test_d3_the_dry_run_takes_icebergs_whole_too(open_both: OpenBoth) -> None:
    """Slice by slice it would meet its own order before the rest of the iceberg."""
    both = open_both(profile=WHOLE)
    both.sell(1, 9, 100, display=3)
    both.sell(2, 5, 100, account=7)
    mode = SelfTradePrevention.CANCEL_TAKER
    both.buy(3, 9, 100, account=7, self_trade=mode, time_in_force=TimeInForce.FOK)
    assert both.trades == [(1, 100, 9)]


def test_d3_prevention_goes_slice_by_slice_even_so(open_both: OpenBoth) -> None:
    both = open_both(profile=WHOLE)
    both.sell(1, 9, 100, display=3, account=7)
    both.sell(2, 5, 100)
    both.buy(3, 5, 100, account=7, self_trade=SelfTradePrevention.DECREMENT)
    assert (both.prevented, both.trades) == ([(1, 3)], [(2, 100, 2)])


# ── F7: reductions only ──


@pytest.mark.parametrize(
    ("quantity", "price", "taken"), [(4, None, True), (4, 100, True), (5, 100, False), (6, 100, False), (4, 99, False)]
)
def test_f7_where_only_reductions_are_taken_everything_else_is_refused(
    open_both: OpenBoth, quantity: int, price: int | None, taken: bool
) -> None:
    both = open_both(profile=Profile(replace_allows=ReplaceAllows.REDUCTION))
    both.buy(1, 5, 100)
    both.buy(2, 5, 100)
    both.replace(1, quantity, price)
    assert both.reason is (None if taken else RejectReason.INVALID_REPLACE)
    assert both.bids() == [(1, 4 if taken else 5, 4 if taken else 5), (2, 5, 5)]


def test_f7_a_stop_may_be_reduced_and_not_moved(open_both: OpenBoth) -> None:
    both = open_both(profile=Profile(replace_allows=ReplaceAllows.REDUCTION))
    both.buy(1, 5, 100, stop=105)
    both.replace(1, 4, stop=106)
    assert both.reason is RejectReason.INVALID_REPLACE
    both.replace(1, 4, stop=105)
    assert both.events == (Replaced("ABC", 1, BUY, 100, 4),)


def test_f7_a_reduction_is_of_what_is_open_where_quantities_mean_that(open_both: OpenBoth) -> None:
    both = open_both(profile=Profile(replace_allows=ReplaceAllows.REDUCTION, replace_quantity=ReplaceQuantity.OPEN))
    both.buy(1, 5, 100)
    both.sell(2, 2, 100)
    both.replace(1, 3)
    assert both.reason is RejectReason.INVALID_REPLACE
    both.replace(1, 2)
    assert both.bids() == [(1, 2, 2)]
