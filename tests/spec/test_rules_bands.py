"""Rules J4 and J5: bands at entry, collars around what takes, and what a collar does to an order and to its book."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from bookproof.spec.commands import Basket, Halt, Leg, MassCancel, Resume, SetReference
from bookproof.spec.events import (
    Accepted,
    Cancelled,
    Halted,
    ReferenceSet,
    Rejected,
    Replaced,
    Repriced,
    Resumed,
    Trade,
    Triggered,
)
from bookproof.spec.exchange import opening, view
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import CollarAction, Profile
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import Phase, SelfTradePrevention, Side, TimeInForce

if TYPE_CHECKING:
    from tests.spec.conftest import BesideFloor

    OpenBoth = Callable[..., BesideFloor]

BUY, SELL = Side.BUY, Side.SELL
BANDED = Instrument("ABC", reference=100, band=5)
COLLARED = Instrument("ABC", reference=100, collar=3)
XYZ = Instrument("XYZ")
RESTS = Profile("rests", collar_action=CollarAction.REST)
HALTS = Profile("halts", collar_action=CollarAction.HALT)


# ── J4: bands ──


@pytest.mark.parametrize(("price", "taken"), [(94, False), (95, True), (100, True), (105, True), (106, False)])
@pytest.mark.parametrize("side", Side)
def test_j4_an_order_is_taken_up_to_the_ends_of_the_band_on_either_side(
    open_both: OpenBoth, side: Side, price: int, taken: bool
) -> None:
    both = open_both(BANDED)
    (both.buy if side is BUY else both.sell)(1, 5, price)
    assert both.reason is (None if taken else RejectReason.OUTSIDE_BAND)


def test_j4_a_market_order_names_no_price_and_a_stop_is_asked_for_its_limit_only(open_both: OpenBoth) -> None:
    both = open_both(BANDED)
    both.sell(1, 5, 105)
    both.buy(2, 5)
    assert both.trades == [(1, 105, 5)]
    both.buy(3, 5, stop=150)
    assert both.reason is None
    both.buy(4, 5, 106, stop=110)
    assert both.reason is RejectReason.OUTSIDE_BAND


def test_j4_without_a_reference_there_is_no_band_until_a_command_sets_one(open_both: OpenBoth) -> None:
    both = open_both(Instrument("ABC", band=5), XYZ)
    both.buy(1, 5, 500)
    assert both.do(SetReference("ABC", 400)) == (ReferenceSet("ABC", 400),)
    both.buy(2, 5, 500)
    assert both.reason is RejectReason.OUTSIDE_BAND
    assert both.bids() == [(1, 5, 5)], "who is in stays in"
    assert view(both.state, "ABC").reference == 400
    assert both.do(SetReference("ABC", 0)) == (Rejected("ABC", None, RejectReason.INVALID_PRICE),)
    assert both.do(SetReference("NONE", 5)) == (Rejected("NONE", None, RejectReason.UNKNOWN_SYMBOL),)


def test_j4_a_replace_is_asked_for_the_price_it_names_and_for_no_other(open_both: OpenBoth) -> None:
    both = open_both(BANDED)
    both.buy(1, 5, 96)
    both.buy(2, 5, 96, stop=110)
    both.replace(1, 5, 94)
    assert both.reason is RejectReason.OUTSIDE_BAND
    both.replace(2, 5, 106)
    assert both.reason is RejectReason.OUTSIDE_BAND
    both.do(SetReference("ABC", 110))
    both.replace(1, 4)
    both.replace(2, 4)
    assert both.events == (Replaced("ABC", 2, BUY, 96, 4),)
    assert both.bids() == [(1, 4, 4)]


def test_j4_a_leg_outside_its_band_refuses_the_basket(open_both: OpenBoth) -> None:
    both = open_both(BANDED, XYZ)
    both.sell(1, 5, 100)
    both.sell(2, 5, 100, symbol="XYZ")
    both.do(Basket(7, (Leg("XYZ", 8, BUY, 5, 900), Leg("ABC", 9, BUY, 5, 900))))
    assert both.events == (Rejected("ABC", 9, RejectReason.OUTSIDE_BAND),)


def test_j4_the_band_is_told_after_the_notional_and_before_a_stop_that_is_due(open_both: OpenBoth) -> None:
    both = open_both(Instrument("ABC", reference=100, band=5, min_notional=300))
    both.sell(1, 5, 100)
    both.buy(2, 5, 100)
    told = []
    for quantity, price in ((1, 106), (3, 106), (3, 105)):
        both.buy(3, quantity, price, stop=99)
        told.append(both.reason)
    assert told == [RejectReason.INVALID_NOTIONAL, RejectReason.OUTSIDE_BAND, RejectReason.STOP_ALREADY_TRUE]


@pytest.mark.parametrize(
    ("limits", "flaw"),
    [
        ({"reference": 0}, "reference must be a price that an order may have, not 0"),
        ({"tick": 5, "reference": 7}, "reference must be a price that an order may have, not 7"),
        ({"band": -1}, "band must be a whole number of ticks of 1, not -1"),
        ({"tick": 5, "collar": 7}, "collar must be a whole number of ticks of 5, not 7"),
        ({"tick": 5, "protection": 7}, "protection must be a whole number of ticks of 5, not 7"),
    ],
)
def test_j4_widths_that_make_no_sense_open_no_book(limits: dict[str, Any], flaw: str) -> None:
    with pytest.raises(ValueError, match=flaw):
        opening([Instrument("ABC", **limits)])


# ── J5: collars ──


def asks(both: BesideFloor, *prices: int, lots: int = 5) -> None:
    """Orders to sell, numbered from 1."""
    for order_id, price in enumerate(prices, 1):
        both.sell(order_id, lots, price)


def test_j5_what_would_trade_outside_the_collar_expires_and_earlier_fills_stand(open_both: OpenBoth) -> None:
    both = open_both(COLLARED)
    asks(both, 101, 103, 104)
    both.buy(9, 15, 110)
    assert both.events == (
        Accepted("ABC", 9, BUY, 110, 15),
        Trade("ABC", 101, 5, 1, 9),
        Trade("ABC", 103, 5, 2, 9),
        Cancelled("ABC", 9, BUY, 110, 5, CancelReason.COLLAR),
    )
    assert both.asks() == [(3, 5, 5)]


def test_j5_a_market_order_stops_at_the_collar_too_on_either_side(open_both: OpenBoth) -> None:
    both = open_both(COLLARED)
    both.buy(1, 5, 98)
    both.buy(2, 5, 96)
    both.sell(9, 10)
    assert both.trades == [(1, 98, 5)]
    assert both.cancels == [(9, 5, CancelReason.COLLAR)]


def test_j5_the_collar_is_around_the_last_trade_once_there_is_one_and_fixed_while_an_order_takes(
    open_both: OpenBoth,
) -> None:
    both = open_both(COLLARED)
    asks(both, 103, 105, 107)
    both.buy(9, 15)
    assert both.trades == [(1, 103, 5)], "the trade at 103 does not move its own collar"
    both.buy(9, 15)
    assert both.trades == [(2, 105, 5)], "the next order has one of its own, from 100 to 106"


def test_j5_an_order_that_reaches_no_maker_outside_rests_however_far_its_limit_is(open_both: OpenBoth) -> None:
    both = open_both(COLLARED)
    asks(both, 120)
    both.buy(9, 5, 119)
    assert both.bids() == [(9, 5, 5)]


def test_j5_without_a_trade_and_a_reference_there_is_no_collar(open_both: OpenBoth) -> None:
    both = open_both(Instrument("ABC", collar=3))
    asks(both, 500)
    both.buy(9, 5)
    assert both.trades == [(1, 500, 5)]


@pytest.mark.parametrize("profile", [Profile(), RESTS])
def test_j5_a_price_beyond_the_near_end_is_outside_as_well_and_there_nobody_can_rest(
    open_both: OpenBoth, profile: Profile
) -> None:
    both = open_both(COLLARED, profile=profile)
    asks(both, 90, 100)
    both.buy(9, 5, 100)
    assert both.events == (
        Accepted("ABC", 9, BUY, 100, 5),
        Cancelled("ABC", 9, BUY, 100, 5, CancelReason.COLLAR),
    )


def test_j5_the_dry_run_of_fill_or_kill_sees_the_collar(open_both: OpenBoth) -> None:
    both = open_both(COLLARED)
    asks(both, 101, 104)
    both.buy(9, 6, 110, time_in_force=TimeInForce.FOK)
    assert both.cancels == [(9, 6, CancelReason.KILLED)]
    both.buy(9, 5, 110, time_in_force=TimeInForce.FOK)
    assert both.trades == [(1, 101, 5)]


def test_j5_the_dry_run_of_a_minimum_sees_the_collar(open_both: OpenBoth) -> None:
    both = open_both(COLLARED)
    asks(both, 101, 104)
    both.buy(9, 9, 110, min_quantity=6)
    assert both.cancels == [(9, 9, CancelReason.MIN_QUANTITY)]
    both.buy(9, 9, 110, min_quantity=5)
    assert (both.trades, both.cancels) == ([(1, 101, 5)], [(9, 4, CancelReason.COLLAR)])


def test_j5_a_leg_that_its_collar_stops_kills_the_basket(open_both: OpenBoth) -> None:
    both = open_both(COLLARED, XYZ)
    asks(both, 101, 104)
    both.sell(1, 5, 100, symbol="XYZ")
    both.do(Basket(7, (Leg("XYZ", 8, BUY, 5, 100), Leg("ABC", 9, BUY, 6, 110))))
    assert both.trades == []
    assert both.cancels == [(8, 5, CancelReason.KILLED), (9, 6, CancelReason.KILLED)]


def test_j5_a_replaced_order_gets_a_collar_when_it_crosses(open_both: OpenBoth) -> None:
    both = open_both(COLLARED)
    asks(both, 101, 104)
    both.buy(9, 9, 100)
    both.replace(9, 9, 110)
    assert both.events == (
        Replaced("ABC", 9, BUY, 110, 9),
        Trade("ABC", 101, 5, 1, 9),
        Cancelled("ABC", 9, BUY, 110, 4, CancelReason.COLLAR),
    )


def test_j5_prevention_comes_before_the_collar_and_does_not_reach_beyond_it(open_both: OpenBoth) -> None:
    both = open_both(COLLARED)
    both.sell(1, 5, 101, account=7)
    both.sell(2, 5, 104, account=7)
    both.buy(9, 9, 110, account=7, self_trade=SelfTradePrevention.CANCEL_MAKER)
    assert both.cancels == [(1, 5, CancelReason.SELF_TRADE), (9, 9, CancelReason.COLLAR)]
    both.sell(1, 5, 101, account=7)
    both.buy(9, 9, 110, account=7, self_trade=SelfTradePrevention.CANCEL_TAKER)
    assert both.cancels == [(9, 9, CancelReason.SELF_TRADE)]


def test_j5_a_post_only_order_is_refused_for_taking_whatever_the_collar(open_both: OpenBoth) -> None:
    both = open_both(COLLARED)
    asks(both, 110)
    both.buy(9, 5, 110, post_only=True)
    assert both.reason is RejectReason.WOULD_TAKE


# ── J5: what the profile does with the remainder ──


@pytest.mark.parametrize("price", [110, None])
def test_j5_the_remainder_rests_at_the_end_of_the_collar_where_the_profile_says_so(
    open_both: OpenBoth, price: int | None
) -> None:
    both = open_both(COLLARED, profile=RESTS)
    asks(both, 101, 104)
    both.buy(9, 9, price)
    assert both.events == (
        Accepted("ABC", 9, BUY, price, 9),
        Trade("ABC", 101, 5, 1, 9),
        Repriced("ABC", 9, BUY, 103),
    )
    assert both.bids() == [(9, 4, 4)]
    both.sell(10, 4, 103)
    assert both.trades == [(9, 103, 4)]


def test_j5_what_may_not_rest_expires_even_so(open_both: OpenBoth) -> None:
    both = open_both(COLLARED, profile=RESTS)
    asks(both, 104)
    both.buy(9, 9, 110, time_in_force=TimeInForce.IOC)
    assert both.cancels == [(9, 9, CancelReason.COLLAR)]


def test_j5_the_end_of_a_collar_is_a_price_that_the_instrument_has(open_both: OpenBoth) -> None:
    book = Instrument("ABC", tick=5, max_price=104, min_price=1, reference=95, collar=10)
    both = open_both(book, Instrument("XYZ", reference=2, collar=5, max_price=6), profile=RESTS)
    both.sell(1, 5, 100)
    both.buy(9, 9, 100)
    assert both.bids() == [(9, 4, 4)]
    both.buy(1, 5, 1, symbol="XYZ")
    both.sell(9, 9, symbol="XYZ")
    assert both.trades == [(1, 1, 5)]


def test_j5_an_iceberg_held_back_rests_as_the_iceberg_it_is(open_both: OpenBoth) -> None:
    both = open_both(COLLARED, profile=RESTS)
    asks(both, 101, 104)
    both.buy(9, 9, 110, display=2)
    assert both.bids() == [(9, 2, 4)]


def test_j5_a_collar_halts_the_book_where_the_profile_says_so(open_both: OpenBoth) -> None:
    both = open_both(COLLARED, XYZ, profile=HALTS)
    asks(both, 101, 104)
    both.buy(9, 9, 110)
    assert both.events[2:] == (Cancelled("ABC", 9, BUY, 110, 4, CancelReason.COLLAR), Halted("ABC"))
    assert (view(both.state, "ABC").phase, view(both.state, "XYZ").phase) == (Phase.HALT, Phase.CONTINUOUS)
    both.buy(10, 5, 100)
    assert both.reason is RejectReason.BOOK_HALTED
    assert both.do(Resume("ABC")) == (Resumed("ABC"),)


def stopped_amid_a_cascade(both: BesideFloor) -> None:
    """Two stops are due after a trade at 102; the first is held back by its collar and halts the book."""
    asks(both, 102, 110)
    both.buy(7, 5, 115, stop=101)
    both.buy(8, 5, 106, stop=102)
    both.buy(9, 5)
    assert both.triggered == [7]
    assert both.events[-1] == Halted("ABC")


def test_j5_stops_that_are_due_when_a_collar_halts_the_book_wait_for_the_end_of_the_halt(open_both: OpenBoth) -> None:
    both = open_both(COLLARED, profile=HALTS)
    stopped_amid_a_cascade(both)
    assert both.stops() == [8]
    assert both.do(Resume("ABC")) == (Resumed("ABC"), Triggered("ABC", 8))
    assert both.bids() == [(8, 5, 5)]


def test_j5_under_a_market_halt_they_wait_for_the_end_of_that(open_both: OpenBoth) -> None:
    both = open_both(COLLARED, profile=HALTS)
    stopped_amid_a_cascade(both)
    both.do(Halt())
    assert both.do(Resume("ABC")) == (Resumed("ABC"),)
    assert both.do(Resume()) == (Resumed(None), Triggered("ABC", 8))


def test_j5_a_stop_that_waits_a_halt_out_keeps_its_place_in_time(open_both: OpenBoth) -> None:
    both = open_both(COLLARED, profile=HALTS)
    asks(both, 102, 110)
    both.buy(6, 5, 115, stop=101, account=77)
    both.buy(7, 5, 90, stop=102, account=7)
    both.buy(8, 5, 91, account=7)
    both.buy(9, 5)
    assert both.events[-1] == Halted("ABC")
    both.do(MassCancel(7))
    assert [order_id for order_id, _, _ in both.cancels] == [7, 8]


def test_j5_a_stop_set_off_after_the_halt_may_halt_the_book_again_at_once(open_both: OpenBoth) -> None:
    both = open_both(COLLARED, profile=HALTS)
    asks(both, 102, 110)
    both.buy(7, 5, 115, stop=101)
    both.buy(8, 5, 116, stop=102)
    both.buy(9, 5)
    assert both.do(Resume("ABC")) == (
        Resumed("ABC"),
        Triggered("ABC", 8),
        Cancelled("ABC", 8, BUY, 116, 5, CancelReason.COLLAR),
        Halted("ABC"),
    )
