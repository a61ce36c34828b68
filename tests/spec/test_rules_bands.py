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
    PhaseChanged,
    ReferenceSet,
    Rejected,
    Replaced,
    Repriced,
    Resumed,
    Trade,
    Triggered,
    Uncrossed,
)
from bookproof.spec.exchange import opening, view
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import CollarAction, Profile, Reopen
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import Phase, SelfTradePrevention, Side, TimeInForce

if TYPE_CHECKING:
    from tests.spec.conftest import FloorAndEngine

    OpenPair = Callable[..., FloorAndEngine]

BUY, SELL = Side.BUY, Side.SELL
BANDED = Instrument("ABC", reference=100, band=5)
COLLARED = Instrument("ABC", reference=100, collar=3)
XYZ = Instrument("XYZ")
RESTS = Profile("rests", collar_action=CollarAction.REST)
HALTS = Profile("halts", collar_action=CollarAction.HALT)
AUCTIONS = HALTS._replace(reopen=Reopen.CALL)


# ── J4: bands ──


@pytest.mark.parametrize(("price", "taken"), [(94, False), (95, True), (100, True), (105, True), (106, False)])
@pytest.mark.parametrize("side", Side)
def test_j4_an_order_is_taken_up_to_the_ends_of_the_band_on_either_side(
    open_pair: OpenPair, side: Side, price: int, taken: bool
) -> None:
    pair = open_pair(BANDED)
    (pair.buy if side is BUY else pair.sell)(1, 5, price)
    assert pair.reason is (None if taken else RejectReason.OUTSIDE_BAND)


def test_j4_a_market_order_names_no_price_and_a_stop_is_asked_for_its_limit_only(open_pair: OpenPair) -> None:
    pair = open_pair(BANDED)
    pair.sell(1, 5, 105)
    pair.buy(2, 5)
    assert pair.trades == [(1, 105, 5)]
    pair.buy(3, 5, stop=150)
    assert pair.reason is None
    pair.buy(4, 5, 106, stop=110)
    assert pair.reason is RejectReason.OUTSIDE_BAND


def test_j4_without_a_reference_there_is_no_band_until_a_command_sets_one(open_pair: OpenPair) -> None:
    pair = open_pair(Instrument("ABC", band=5), XYZ)
    pair.buy(1, 5, 500)
    assert pair.do(SetReference("ABC", 400)) == (ReferenceSet("ABC", 400),)
    pair.buy(2, 5, 500)
    assert pair.reason is RejectReason.OUTSIDE_BAND
    assert pair.bids() == [(1, 5, 5)], "who is in stays in"
    assert view(pair.state, "ABC").reference == 400
    assert pair.do(SetReference("ABC", 0)) == (Rejected("ABC", None, RejectReason.INVALID_PRICE),)
    assert pair.do(SetReference("NONE", 5)) == (Rejected("NONE", None, RejectReason.UNKNOWN_SYMBOL),)


def test_j4_a_replace_is_asked_for_the_price_it_names_and_for_no_other(open_pair: OpenPair) -> None:
    pair = open_pair(BANDED)
    pair.buy(1, 5, 96)
    pair.buy(2, 5, 96, stop=110)
    pair.replace(1, 5, 94)
    assert pair.reason is RejectReason.OUTSIDE_BAND
    pair.replace(2, 5, 106)
    assert pair.reason is RejectReason.OUTSIDE_BAND
    pair.do(SetReference("ABC", 110))
    pair.replace(1, 4)
    pair.replace(2, 4)
    assert pair.events == (Replaced("ABC", 2, BUY, 96, 4),)
    assert pair.bids() == [(1, 4, 4)]


def test_j4_a_leg_outside_its_band_refuses_the_basket(open_pair: OpenPair) -> None:
    pair = open_pair(BANDED, XYZ)
    pair.sell(1, 5, 100)
    pair.sell(2, 5, 100, symbol="XYZ")
    pair.do(Basket(7, (Leg("XYZ", 8, BUY, 5, 900), Leg("ABC", 9, BUY, 5, 900))))
    assert pair.events == (Rejected("ABC", 9, RejectReason.OUTSIDE_BAND),)


def test_j4_the_band_is_told_after_the_notional_and_before_a_stop_that_is_due(open_pair: OpenPair) -> None:
    pair = open_pair(Instrument("ABC", reference=100, band=5, min_notional=300))
    pair.sell(1, 5, 100)
    pair.buy(2, 5, 100)
    told = []
    for quantity, price in ((1, 106), (3, 106), (3, 105)):
        pair.buy(3, quantity, price, stop=99)
        told.append(pair.reason)
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


def asks(pair: FloorAndEngine, *prices: int, lots: int = 5) -> None:
    """Orders to sell, numbered from 1."""
    for order_id, price in enumerate(prices, 1):
        pair.sell(order_id, lots, price)


def test_j5_what_would_trade_outside_the_collar_expires_and_earlier_fills_stand(open_pair: OpenPair) -> None:
    pair = open_pair(COLLARED)
    asks(pair, 101, 103, 104)
    pair.buy(9, 15, 110)
    assert pair.events == (
        Accepted("ABC", 9, BUY, 110, 15),
        Trade("ABC", 101, 5, 1, 9),
        Trade("ABC", 103, 5, 2, 9),
        Cancelled("ABC", 9, BUY, 110, 5, CancelReason.COLLAR),
    )
    assert pair.asks() == [(3, 5, 5)]


def test_j5_a_market_order_stops_at_the_collar_too_on_either_side(open_pair: OpenPair) -> None:
    pair = open_pair(COLLARED)
    pair.buy(1, 5, 98)
    pair.buy(2, 5, 96)
    pair.sell(9, 10)
    assert pair.trades == [(1, 98, 5)]
    assert pair.cancels == [(9, 5, CancelReason.COLLAR)]


def test_j5_the_collar_is_around_the_last_trade_once_there_is_one_and_fixed_while_an_order_takes(
    open_pair: OpenPair,
) -> None:
    pair = open_pair(COLLARED)
    asks(pair, 103, 105, 107)
    pair.buy(9, 15)
    assert pair.trades == [(1, 103, 5)], "the trade at 103 does not move its own collar"
    pair.buy(9, 15)
    assert pair.trades == [(2, 105, 5)], "the next order has one of its own, from 100 to 106"


def test_j5_an_order_that_reaches_no_maker_outside_rests_however_far_its_limit_is(open_pair: OpenPair) -> None:
    pair = open_pair(COLLARED)
    asks(pair, 120)
    pair.buy(9, 5, 119)
    assert pair.bids() == [(9, 5, 5)]


def test_j5_without_a_trade_and_a_reference_there_is_no_collar(open_pair: OpenPair) -> None:
    pair = open_pair(Instrument("ABC", collar=3))
    asks(pair, 500)
    pair.buy(9, 5)
    assert pair.trades == [(1, 500, 5)]


@pytest.mark.parametrize("profile", [Profile(), RESTS])
def test_j5_a_price_beyond_the_near_end_is_outside_as_well_and_there_nobody_can_rest(
    open_pair: OpenPair, profile: Profile
) -> None:
    pair = open_pair(COLLARED, profile=profile)
    asks(pair, 90, 100)
    pair.buy(9, 5, 100)
    assert pair.events == (
        Accepted("ABC", 9, BUY, 100, 5),
        Cancelled("ABC", 9, BUY, 100, 5, CancelReason.COLLAR),
    )


def test_j5_the_dry_run_of_fill_or_kill_sees_the_collar(open_pair: OpenPair) -> None:
    pair = open_pair(COLLARED)
    asks(pair, 101, 104)
    pair.buy(9, 6, 110, time_in_force=TimeInForce.FOK)
    assert pair.cancels == [(9, 6, CancelReason.KILLED)]
    pair.buy(9, 5, 110, time_in_force=TimeInForce.FOK)
    assert pair.trades == [(1, 101, 5)]


def test_j5_the_dry_run_of_a_minimum_sees_the_collar(open_pair: OpenPair) -> None:
    pair = open_pair(COLLARED)
    asks(pair, 101, 104)
    pair.buy(9, 9, 110, min_quantity=6)
    assert pair.cancels == [(9, 9, CancelReason.MIN_QUANTITY)]
    pair.buy(9, 9, 110, min_quantity=5)
    assert (pair.trades, pair.cancels) == ([(1, 101, 5)], [(9, 4, CancelReason.COLLAR)])


def test_j5_a_leg_that_its_collar_stops_kills_the_basket(open_pair: OpenPair) -> None:
    pair = open_pair(COLLARED, XYZ)
    asks(pair, 101, 104)
    pair.sell(1, 5, 100, symbol="XYZ")
    pair.do(Basket(7, (Leg("XYZ", 8, BUY, 5, 100), Leg("ABC", 9, BUY, 6, 110))))
    assert pair.trades == []
    assert pair.cancels == [(8, 5, CancelReason.KILLED), (9, 6, CancelReason.KILLED)]


def test_j5_a_replaced_order_gets_a_collar_when_it_crosses(open_pair: OpenPair) -> None:
    pair = open_pair(COLLARED)
    asks(pair, 101, 104)
    pair.buy(9, 9, 100)
    pair.replace(9, 9, 110)
    assert pair.events == (
        Replaced("ABC", 9, BUY, 110, 9),
        Trade("ABC", 101, 5, 1, 9),
        Cancelled("ABC", 9, BUY, 110, 4, CancelReason.COLLAR),
    )


def test_j5_prevention_comes_before_the_collar_and_does_not_reach_beyond_it(open_pair: OpenPair) -> None:
    pair = open_pair(COLLARED)
    pair.sell(1, 5, 101, account=7)
    pair.sell(2, 5, 104, account=7)
    pair.buy(9, 9, 110, account=7, self_trade=SelfTradePrevention.CANCEL_MAKER)
    assert pair.cancels == [(1, 5, CancelReason.SELF_TRADE), (9, 9, CancelReason.COLLAR)]
    pair.sell(1, 5, 101, account=7)
    pair.buy(9, 9, 110, account=7, self_trade=SelfTradePrevention.CANCEL_TAKER)
    assert pair.cancels == [(9, 9, CancelReason.SELF_TRADE)]


def test_j5_a_post_only_order_is_refused_for_taking_whatever_the_collar(open_pair: OpenPair) -> None:
    pair = open_pair(COLLARED)
    asks(pair, 110)
    pair.buy(9, 5, 110, post_only=True)
    assert pair.reason is RejectReason.WOULD_TAKE


# ── J5: what the profile does with the remainder ──


@pytest.mark.parametrize("price", [110, None])
def test_j5_the_remainder_rests_at_the_end_of_the_collar_where_the_profile_says_so(
    open_pair: OpenPair, price: int | None
) -> None:
    pair = open_pair(COLLARED, profile=RESTS)
    asks(pair, 101, 104)
    pair.buy(9, 9, price)
    assert pair.events == (
        Accepted("ABC", 9, BUY, price, 9),
        Trade("ABC", 101, 5, 1, 9),
        Repriced("ABC", 9, BUY, 103),
    )
    assert pair.bids() == [(9, 4, 4)]
    pair.sell(10, 4, 103)
    assert pair.trades == [(9, 103, 4)]


def test_j5_what_may_not_rest_expires_even_so(open_pair: OpenPair) -> None:
    pair = open_pair(COLLARED, profile=RESTS)
    asks(pair, 104)
    pair.buy(9, 9, 110, time_in_force=TimeInForce.IOC)
    assert pair.cancels == [(9, 9, CancelReason.COLLAR)]


def test_j5_the_end_of_a_collar_is_a_price_that_the_instrument_has(open_pair: OpenPair) -> None:
    book = Instrument("ABC", tick=5, max_price=104, min_price=1, reference=95, collar=10)
    pair = open_pair(book, Instrument("XYZ", reference=2, collar=5, max_price=6), profile=RESTS)
    pair.sell(1, 5, 100)
    pair.buy(9, 9, 100)
    assert pair.bids() == [(9, 4, 4)]
    pair.buy(1, 5, 1, symbol="XYZ")
    pair.sell(9, 9, symbol="XYZ")
    assert pair.trades == [(1, 1, 5)]


def test_j5_an_iceberg_held_back_rests_as_the_iceberg_it_is(open_pair: OpenPair) -> None:
    pair = open_pair(COLLARED, profile=RESTS)
    asks(pair, 101, 104)
    pair.buy(9, 9, 110, display=2)
    assert pair.bids() == [(9, 2, 4)]


def test_j5_a_collar_halts_the_book_where_the_profile_says_so(open_pair: OpenPair) -> None:
    pair = open_pair(COLLARED, XYZ, profile=HALTS)
    asks(pair, 101, 104)
    pair.buy(9, 9, 110)
    assert pair.events[2:] == (Cancelled("ABC", 9, BUY, 110, 4, CancelReason.COLLAR), Halted("ABC"))
    assert (view(pair.state, "ABC").phase, view(pair.state, "XYZ").phase) == (Phase.HALT, Phase.CONTINUOUS)
    pair.buy(10, 5, 100)
    assert pair.reason is RejectReason.BOOK_HALTED
    assert pair.do(Resume("ABC")) == (Resumed("ABC"),)


def stopped_amid_a_cascade(pair: FloorAndEngine) -> None:
    """Two stops are due after a trade at 102; the first is held back by its collar and halts the book."""
    asks(pair, 102, 110)
    pair.buy(7, 5, 115, stop=101)
    pair.buy(8, 5, 106, stop=102)
    pair.buy(9, 5)
    assert pair.triggered == [7]
    assert pair.events[-1] == Halted("ABC")


def test_j5_stops_that_are_due_when_a_collar_halts_the_book_wait_for_a_call(open_pair: OpenPair) -> None:
    """It cannot simply resume: something in it would be triggered at once (J1), and that is for an uncross (I9)."""
    pair = open_pair(COLLARED, profile=HALTS)
    stopped_amid_a_cascade(pair)
    assert pair.stops() == [8]
    assert pair.do(Resume("ABC")) == (Rejected("ABC", None, RejectReason.NEEDS_CALL),)
    events = pair.go(Phase.CALL, Phase.CONTINUOUS)
    assert events == (PhaseChanged("ABC", Phase.CONTINUOUS), Uncrossed("ABC", None, 0, 0), Triggered("ABC", 8))
    assert pair.bids() == [(8, 5, 5)]


def test_j5_under_a_market_halt_they_wait_for_the_end_of_that(open_pair: OpenPair) -> None:
    pair = open_pair(COLLARED, profile=HALTS)
    stopped_amid_a_cascade(pair)
    pair.do(Halt())
    assert pair.go(Phase.CALL, Phase.CONTINUOUS) == (Rejected("ABC", None, RejectReason.MARKET_HALTED),)
    assert pair.do(Resume()) == (Resumed(None),)
    assert pair.go(Phase.CONTINUOUS)[-1] == Triggered("ABC", 8)


def test_j5_j3_where_a_book_reopens_through_a_call_only_the_halt_is_that_call(open_pair: OpenPair) -> None:
    """The volatility auction of LSE and Eurex: what the collar held back is gone, and what comes now is collected."""
    pair = open_pair(COLLARED, profile=AUCTIONS)
    asks(pair, 101, 104)
    pair.buy(9, 9, 110)
    gone = Cancelled("ABC", 9, BUY, 110, 4, CancelReason.COLLAR)
    assert pair.events[2:] == (gone, PhaseChanged("ABC", Phase.CALL))
    pair.buy(10, 5, 110)
    assert pair.bids() == [(10, 5, 5)]
    assert pair.go(Phase.CONTINUOUS)[1:] == (Uncrossed("ABC", 104, 5, 0), Trade("ABC", 104, 5, 2, 10))


def test_j5_j3_stops_that_are_due_when_the_call_begins_wait_for_its_end(open_pair: OpenPair) -> None:
    pair = open_pair(COLLARED, profile=AUCTIONS)
    asks(pair, 102, 110)
    pair.buy(7, 5, 115, stop=101)
    pair.buy(8, 5, 106, stop=102)
    pair.buy(9, 5)
    assert (pair.events[-1], pair.stops()) == (PhaseChanged("ABC", Phase.CALL), [8])
    assert pair.go(Phase.CONTINUOUS)[-1] == Triggered("ABC", 8)


def test_j5_a_stop_that_waits_a_halt_out_keeps_its_place_in_time(open_pair: OpenPair) -> None:
    pair = open_pair(COLLARED, profile=HALTS)
    asks(pair, 102, 110)
    pair.buy(6, 5, 115, stop=101, account=77)
    pair.buy(7, 5, 90, stop=102, account=7)
    pair.buy(8, 5, 91, account=7)
    pair.buy(9, 5)
    assert pair.events[-1] == Halted("ABC")
    pair.do(MassCancel(7))
    assert [order_id for order_id, _, _ in pair.cancels] == [7, 8]


def test_j5_a_stop_set_off_after_the_halt_may_halt_the_book_again_at_once(open_pair: OpenPair) -> None:
    pair = open_pair(COLLARED, profile=HALTS)
    asks(pair, 102, 110)
    pair.buy(7, 5, 115, stop=101)
    pair.buy(8, 5, 116, stop=102)
    pair.buy(9, 5)
    assert pair.go(Phase.CALL, Phase.CONTINUOUS)[2:] == (
        Triggered("ABC", 8),
        Cancelled("ABC", 8, BUY, 116, 5, CancelReason.COLLAR),
        Halted("ABC"),
    )
