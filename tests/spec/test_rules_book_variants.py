"""What venues do otherwise within one book, switch by switch: every command goes to the oracle and to the engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from bookproof.spec.commands import Basket, Leg, Submit, SubmitList
from bookproof.spec.events import Trade, Triggered
from bookproof.spec.exchange import opening
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import Profile, StopsLookedAt
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import ListKind, Lots, OrderId, Side, Ticks, TimeInForce

if TYPE_CHECKING:
    from tests.spec.conftest import FloorAndEngine

    OpenPair = Callable[..., FloorAndEngine]

EACH_FILL = Profile("each-fill", stops_looked_at=StopsLookedAt.AFTER_EACH_FILL)


@pytest.fixture
def each_fill(open_pair: OpenPair) -> FloorAndEngine:
    """A venue where each fill counts; the last trade was at 100."""
    pair = open_pair(profile=EACH_FILL)
    pair.sell(90, 1, 100)
    pair.buy(91, 1, 100)
    return pair


def limit(order_id: OrderId, price: Ticks | None) -> Submit:
    """To sell one lot."""
    return Submit("ABC", order_id, 7, Side.SELL, 1, price)


# ── E2: stops looked at after each fill ──


@pytest.mark.parametrize("counts", [True, False])
def test_e2_a_price_that_a_sweep_leaves_behind_triggers_only_where_each_fill_counts(
    open_pair: OpenPair, counts: bool
) -> None:
    pair = open_pair(profile=EACH_FILL if counts else Profile())
    pair.sell(90, 1, 104)
    pair.buy(91, 1, 104)
    pair.sell(1, 2, 101)
    pair.sell(2, 2, 103)
    pair.sell(3, 2, stop=102)
    pair.buy(4, 5, 103)  # at 101, which is below the stop, then at 103, which is not
    assert pair.triggered == [3] * counts
    assert pair.trades[:2] == [(1, 101, 2), (2, 103, 2)]


def test_e2_stops_enter_when_the_aggressor_is_done_in_the_order_in_which_its_fills_reached_them(
    each_fill: FloorAndEngine,
) -> None:
    each_fill.buy(1, 4, 99)
    each_fill.buy(2, 4, 97)
    each_fill.buy(3, 4, 95)
    each_fill.sell(4, 1, 97, stop=97)
    each_fill.sell(5, 1, 97, stop=99)
    each_fill.sell(6, 1, 97, stop=98)
    each_fill.sell(7, 9, 95)
    assert each_fill.triggered == [5, 6, 4]  # 5 at the first fill; at the second 6, which is nearer, and 4
    kinds = [type(event) for event in each_fill.events]
    assert kinds.index(Triggered) > max(at for at, kind in enumerate(kinds) if kind is Trade)


def test_e2_what_an_earlier_fill_reached_goes_before_what_a_later_one_did_sells_before_buys(
    each_fill: FloorAndEngine,
) -> None:
    each_fill.sell(1, 1, 98)
    each_fill.sell(2, 1, 103)
    each_fill.buy(3, 1, 95, stop=102)
    each_fill.sell(4, 1, 110, stop=99)
    each_fill.buy(5, 2, 103)
    assert each_fill.triggered == [4, 3]


def test_e2_a_new_stop_hears_nothing_of_the_fills_before_it(each_fill: FloorAndEngine) -> None:
    each_fill.sell(1, 1, 98)
    each_fill.sell(2, 1, 103)
    each_fill.buy(3, 2, 103)
    each_fill.sell(4, 1, stop=99)
    assert (each_fill.triggered, each_fill.stops()) == ([], [4])


def test_e2_a_replaced_order_that_ends_where_the_last_trade_was_has_touched_prices_between(
    each_fill: FloorAndEngine,
) -> None:
    each_fill.sell(1, 1, 99)
    each_fill.sell(2, 1, 100)
    each_fill.buy(3, 2, 95)
    each_fill.sell(4, 1, stop=99)
    each_fill.replace(3, 2, 100)
    assert each_fill.trades[:2] == [(1, 99, 1), (2, 100, 1)]
    assert each_fill.triggered == [4]


def test_e2_a_stop_that_a_fill_has_reached_takes_nothing_from_under_a_fill_or_kill_order(
    each_fill: FloorAndEngine,
) -> None:
    each_fill.buy(1, 2, 99)
    each_fill.buy(2, 2, 98)
    each_fill.sell(3, 4, stop=99)
    each_fill.sell(4, 4, 98, time_in_force=TimeInForce.FOK)
    assert each_fill.trades == [(1, 99, 2), (2, 98, 2)]
    assert each_fill.cancels == [(3, 4, CancelReason.MARKET)]


def test_e2_a_rival_that_is_filled_cancels_a_stop_that_the_same_sweep_has_reached(each_fill: FloorAndEngine) -> None:
    take = limit(1, 103)
    each_fill.do(SubmitList(ListKind.OCO, (take, limit(2, None)._replace(stop=99))))
    each_fill.sell(3, 1, 99)
    each_fill.buy(4, 2, 103)
    assert each_fill.trades == [(3, 99, 1), (1, 103, 1)]
    assert (each_fill.triggered, each_fill.cancels) == ([], [(2, 1, CancelReason.CONTINGENT)])


def test_e2_the_fills_of_a_basket_count_when_all_its_legs_have_traded(each_fill: FloorAndEngine) -> None:
    each_fill.sell(1, 1, 99)
    each_fill.sell(2, 1, 101)
    each_fill.sell(3, 1, 100, symbol="XYZ")
    each_fill.sell(4, 1, stop=99)
    each_fill.do(Basket(7, (Leg("ABC", 5, Side.BUY, 2), Leg("XYZ", 6, Side.BUY, 1))))
    assert each_fill.triggered == [4]
    assert [trade[0] for trade in each_fill.trades] == [1, 2, 3]


# ── D1: the least display quantity ──


@pytest.mark.parametrize(
    ("quantity", "display", "taken"), [(30, 2, True), (31, 2, False), (31, None, True), (31, 0, True)]
)
def test_d1_an_iceberg_shows_the_part_of_it_that_the_instrument_asks_for(
    open_pair: OpenPair, quantity: Lots, display: Lots | None, taken: bool
) -> None:
    pair = open_pair(Instrument("ABC", most_slices=15))
    pair.sell(1, quantity, 100, display=display)
    assert pair.reason is (None if taken else RejectReason.INVALID_DISPLAY)


def test_d1_no_replace_makes_an_iceberg_show_too_little_of_what_is_open(open_pair: OpenPair) -> None:
    pair = open_pair(Instrument("ABC", most_slices=3))
    pair.sell(1, 6, 100, display=2)
    pair.sell(2, 6, 100, stop=90, display=2)
    pair.buy(3, 2, 100)
    pair.replace(1, 8)
    assert pair.reason is None  # two have traded, so six are open
    for order_id, quantity in ((1, 9), (2, 7)):
        pair.replace(order_id, quantity)
        assert pair.reason is RejectReason.INVALID_REPLACE


@pytest.mark.parametrize("most", [0, 1_001])
def test_d1_an_instrument_that_would_allow_no_iceberg_or_an_endless_one_is_not_listed(most: int) -> None:
    with pytest.raises(ValueError, match="most_slices must be from 1 to 1000"):
        opening([Instrument("ABC", most_slices=most)])
