"""Rules J1, J3 and I: the phases of a book, calls, and the uncross that ends them; the oracle and the engine alike."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from bookproof.spec.commands import (
    AdvanceClock,
    Basket,
    Command,
    EndOfDay,
    Halt,
    Leg,
    MassCancel,
    Replace,
    Resume,
    SetPhase,
    Submit,
)
from bookproof.spec.events import (
    Accepted,
    Cancelled,
    Event,
    Halted,
    PhaseChanged,
    Rejected,
    Resumed,
    Trade,
    Triggered,
    Uncrossed,
)
from bookproof.spec.exchange import depth, status, view
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import Profile, Reopen, TrueStop
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import OrderState, Phase, SelfTradePrevention, Side, TimeInForce
from bookproof.spec.views import Indicative

if TYPE_CHECKING:
    from tests.spec.conftest import FloorAndEngine

    OpenPair = Callable[..., FloorAndEngine]

PRE_OPEN, CALL, CONTINUOUS = Phase.PRE_OPEN, Phase.CALL, Phase.CONTINUOUS
HALT, CANCEL_ONLY, CLOSED = Phase.HALT, Phase.CANCEL_ONLY, Phase.CLOSED

PATHS = {
    CONTINUOUS: (),
    CALL: (CALL,),
    HALT: (HALT,),
    CANCEL_ONLY: (CANCEL_ONLY,),
    CLOSED: (CLOSED,),
    PRE_OPEN: (CLOSED, PRE_OPEN),
}
"""How an opened book gets into each phase."""

WAYS = {
    PRE_OPEN: {CALL, HALT, CANCEL_ONLY, CLOSED},
    CALL: {CONTINUOUS, HALT, CANCEL_ONLY, CLOSED},
    CONTINUOUS: {CALL, HALT, CANCEL_ONLY, CLOSED},
    HALT: {CALL, CONTINUOUS, CANCEL_ONLY, CLOSED},
    CANCEL_ONLY: {CALL, CONTINUOUS, HALT, CLOSED},
    CLOSED: {PRE_OPEN},
}


def uncrossed(pair: FloorAndEngine) -> tuple[int | None, int, int]:
    """Price, volume and surplus of the uncross in the last command."""
    [said] = [event for event in pair.events if isinstance(event, Uncrossed)]
    return said.price, said.volume, said.surplus


def matched(pair: FloorAndEngine) -> list[tuple[int, int, int]]:
    """Buyer, seller and quantity of each fill of the last command."""
    return [(event.taker, event.maker, event.quantity) for event in pair.events if isinstance(event, Trade)]


def trade_at(pair: FloorAndEngine, price: int) -> None:
    """Let two orders trade, so that the last trade is at this price."""
    pair.sell(90, 1, price)
    pair.buy(91, 1, price)
    assert pair.trades == [(90, price, 1)]


# ── J: phases ──


@pytest.mark.parametrize(("before", "after"), list(product(Phase, Phase)))
def test_j1_a_book_goes_along_its_state_machine_and_no_other_way(
    pair: FloorAndEngine, before: Phase, after: Phase
) -> None:
    pair.go(*PATHS[before])
    pair.go(after)
    if after in WAYS[before]:
        assert pair.events[0] == PhaseChanged("ABC", after)
        assert view(pair.state, "ABC").phase is after
    else:
        assert pair.events == (Rejected("ABC", None, RejectReason.INVALID_PHASE),)
        assert view(pair.state, "ABC").phase is before
    assert view(pair.state, "XYZ").phase is CONTINUOUS


def test_j1_a_book_that_is_not_listed_has_no_phase(pair: FloorAndEngine) -> None:
    pair.go(CALL, symbol="NONE")
    assert pair.events == (Rejected("NONE", None, RejectReason.UNKNOWN_SYMBOL),)


@pytest.mark.parametrize(
    ("phase", "reason"),
    [
        (HALT, RejectReason.BOOK_HALTED),
        (CANCEL_ONLY, RejectReason.CANCELS_ONLY),
        (CLOSED, RejectReason.BOOK_CLOSED),
    ],
)
def test_j1_nothing_enters_or_changes_in_a_shut_book_and_everything_may_leave(
    pair: FloorAndEngine, phase: Phase, reason: RejectReason
) -> None:
    for order_id in (1, 2, 3, 4):
        lives = {3: TimeInForce.DAY, 4: TimeInForce.GTD}.get(order_id, TimeInForce.GTC)
        pair.buy(order_id, 5, 100, time_in_force=lives, expires=9 if order_id == 4 else None)
    pair.buy(5, 5, stop=105)
    pair.go(phase)
    refused: list[Command] = [
        Submit("ABC", 6, 7, Side.BUY, 5, 100),
        Submit("ABC", 6, 7, Side.BUY, 5),
        Submit("ABC", 6, 7, Side.BUY, 5, stop=105),
        Submit("ABC", 1, 7, Side.BUY, 5, 100),
        Replace("ABC", 1, 4),
        Replace("ABC", 5, 4),
        Replace("ABC", 99, 4),
        Basket(7, (Leg("ABC", 6, Side.BUY, 5, 100),)),
    ]
    for command in refused:
        pair.do(command)
        assert pair.reason is reason
    pair.cancel(1)
    pair.do(MassCancel(102))
    pair.do(EndOfDay())
    pair.do(AdvanceClock(9))
    assert pair.bids() == []
    pair.cancel(5)
    assert pair.stops() == []


@pytest.mark.parametrize("before", [PRE_OPEN, CALL, CONTINUOUS, CANCEL_ONLY])
def test_j1_halt_and_resume_go_from_any_open_phase_to_continuous_trading(pair: FloorAndEngine, before: Phase) -> None:
    pair.go(*PATHS[before])
    assert pair.do(Resume("ABC")) == (Rejected("ABC", None, RejectReason.NOT_HALTED),)
    assert pair.do(Halt("ABC")) == (Halted("ABC"),)
    assert pair.do(Halt("ABC")) == (Rejected("ABC", None, RejectReason.BOOK_HALTED),)
    assert pair.do(Resume("ABC")) == (Resumed("ABC"),)
    assert view(pair.state, "ABC").phase is CONTINUOUS


def test_j1_a_closed_book_cannot_be_halted(pair: FloorAndEngine) -> None:
    pair.go(CLOSED)
    assert pair.do(Halt("ABC")) == (Rejected("ABC", None, RejectReason.INVALID_PHASE),)


def crossed(pair: FloorAndEngine) -> None:
    pair.buy(1, 5, 101)
    pair.sell(2, 5, 100)


def waiting(pair: FloorAndEngine) -> None:
    pair.buy(1, 5)


@pytest.mark.parametrize("collect", [crossed, waiting])
@pytest.mark.parametrize("shut", [HALT, CANCEL_ONLY])
def test_j1_what_a_call_collected_goes_on_only_through_a_call(
    pair: FloorAndEngine, collect: Callable[[FloorAndEngine], None], shut: Phase
) -> None:
    pair.go(CALL)
    collect(pair)
    pair.go(shut, CONTINUOUS)
    assert pair.reason is RejectReason.NEEDS_CALL
    if shut is HALT:
        pair.do(Resume("ABC"))
        assert pair.reason is RejectReason.NEEDS_CALL
    pair.go(CALL, CONTINUOUS)
    assert view(pair.state, "ABC").phase is CONTINUOUS
    assert (pair.bids(), pair.asks()) == ([], [])


def test_j1_a_stop_that_fell_due_in_a_call_goes_on_only_through_a_call(open_pair: OpenPair) -> None:
    pair = open_pair(profile=Profile(true_stop=TrueStop.TRIGGER))
    trade_at(pair, 100)
    pair.go(CALL)
    pair.buy(1, 5, 99, stop=100)
    pair.go(HALT, CONTINUOUS)
    assert pair.reason is RejectReason.NEEDS_CALL
    pair.cancel(1)
    pair.go(CONTINUOUS)
    assert pair.reason is None


def test_j6_while_the_market_is_halted_no_call_ends_with_an_uncross(pair: FloorAndEngine) -> None:
    pair.go(CALL)
    crossed(pair)
    pair.do(Halt())
    pair.go(CONTINUOUS)
    assert pair.reason is RejectReason.MARKET_HALTED
    assert view(pair.state, "ABC").indicative is None
    pair.go(CLOSED, PRE_OPEN, CALL)
    pair.do(Resume())
    pair.go(CONTINUOUS)
    assert matched(pair) == [(1, 2, 5)]


@pytest.mark.parametrize("shut", [HALT, CANCEL_ONLY])
def test_j3_a_book_reopens_directly_or_only_through_a_call_by_profile(open_pair: OpenPair, shut: Phase) -> None:
    pair = open_pair()
    pair.go(shut, CONTINUOUS)
    assert pair.reason is None
    pair = open_pair(profile=Profile(reopen=Reopen.CALL))
    pair.go(shut, CONTINUOUS)
    assert pair.reason is RejectReason.NEEDS_CALL
    if shut is HALT:
        pair.do(Resume("ABC"))
        assert pair.reason is RejectReason.NEEDS_CALL
    pair.go(CALL, CONTINUOUS)
    assert pair.reason is None


# ── I1: collecting ──


@pytest.mark.parametrize("phase", [PRE_OPEN, CALL])
def test_i1_orders_are_collected_without_matching_and_the_book_may_be_crossed(
    pair: FloorAndEngine, phase: Phase
) -> None:
    pair.go(*PATHS[phase])
    pair.buy(1, 5, 102)
    pair.sell(2, 5, 100, display=2)
    pair.sell(3, 5)
    pair.buy(4, 3, 101, display=0)
    assert pair.trades == []
    assert pair.bids() == [(1, 5, 5), (4, 0, 3)]
    assert pair.asks() == [(3, 5, 5), (2, 2, 5)]


@pytest.mark.parametrize("phase", [PRE_OPEN, CALL])
@pytest.mark.parametrize(
    "terms",
    [
        {"time_in_force": TimeInForce.IOC},
        {"time_in_force": TimeInForce.FOK},
        {"post_only": True},
        {"min_quantity": 1},
    ],
)
def test_i1_terms_about_what_trades_on_entry_are_refused_while_orders_are_collected(
    pair: FloorAndEngine, phase: Phase, terms: dict[str, Any]
) -> None:
    pair.go(*PATHS[phase])
    pair.buy(1, 5, 100, **terms)
    assert pair.reason is RejectReason.NOT_IN_AUCTION


def test_i1_a_stop_may_have_such_terms_for_it_enters_when_the_call_is_over(pair: FloorAndEngine) -> None:
    pair.go(CALL)
    pair.buy(1, 5, 100, stop=105, time_in_force=TimeInForce.IOC)
    assert pair.stops() == [1]


def test_i1_a_basket_with_a_leg_in_a_call_is_refused(pair: FloorAndEngine) -> None:
    pair.sell(1, 5, 100, symbol="XYZ")
    pair.go(CALL)
    pair.sell(1, 5, 100)
    pair.do(Basket(7, (Leg("XYZ", 2, Side.BUY, 5, 100), Leg("ABC", 2, Side.BUY, 5, 100))))
    assert pair.events == (Rejected("ABC", 2, RejectReason.NOT_IN_AUCTION),)


def test_i1_orders_are_replaced_in_place_or_anew_without_trading(pair: FloorAndEngine) -> None:
    pair.go(CALL)
    pair.sell(1, 5, 100)
    pair.buy(2, 5, 98)
    pair.buy(3, 5, 98)
    pair.buy(4, 5)
    pair.buy(5, 5)
    pair.replace(2, 4)
    assert pair.bids() == [(4, 5, 5), (5, 5, 5), (2, 4, 4), (3, 5, 5)]
    pair.replace(2, 6)
    pair.replace(4, 6)
    assert pair.bids() == [(5, 5, 5), (4, 6, 6), (3, 5, 5), (2, 6, 6)]
    pair.replace(3, 5, 103)
    assert pair.bids() == [(5, 5, 5), (4, 6, 6), (3, 5, 5), (2, 6, 6)]
    assert pair.trades == []


def test_i1_a_market_order_does_not_become_a_limit_order(pair: FloorAndEngine) -> None:
    pair.go(CALL)
    pair.buy(1, 5)
    pair.replace(1, 5, 100)
    assert pair.reason is RejectReason.INVALID_REPLACE


def test_i1_an_iceberg_may_be_replaced_in_a_call_as_otherwise(pair: FloorAndEngine) -> None:
    pair.go(CALL)
    pair.buy(1, 9, 100, display=4)
    pair.replace(1, 3)
    assert pair.bids() == [(1, 3, 3)]
    pair.replace(1, 5000)
    assert pair.reason is RejectReason.INVALID_REPLACE
    pair.replace(1, 9)
    assert pair.bids() == [(1, 4, 9)]


def test_i1_a_post_only_order_from_before_the_call_is_not_replaced_into_a_cross(pair: FloorAndEngine) -> None:
    pair.buy(1, 5, 98, post_only=True)
    pair.go(CALL)
    pair.sell(2, 5, 100)
    pair.replace(1, 5, 100)
    assert pair.reason is RejectReason.WOULD_TAKE
    pair.replace(1, 5, 99)
    assert pair.reason is None


def test_i1_a_market_order_in_a_call_has_a_status_and_a_place_but_no_level(pair: FloorAndEngine) -> None:
    pair.go(CALL)
    pair.buy(1, 5)
    stands = status(pair.state, "ABC", 1)
    assert stands is not None
    assert stands == pair.engine.status("ABC", 1)
    assert (stands.state, stands.price, stands.leaves) == (OrderState.NEW, None, 5)
    assert depth(pair.state, "ABC").bids == ()
    assert pair.cancel(1) == (Cancelled("ABC", 1, Side.BUY, None, 5, CancelReason.REQUESTED),)


def test_i1_a_least_notional_holds_in_a_call_for_orders_that_name_a_price(open_pair: OpenPair) -> None:
    pair = open_pair(Instrument("ABC", min_notional=500))
    pair.go(CALL)
    pair.buy(1, 4, 100)
    assert pair.reason is RejectReason.INVALID_NOTIONAL
    pair.buy(1, 4)
    pair.buy(2, 5, 100)
    pair.replace(1, 3)
    assert pair.reason is None
    pair.replace(2, 4)
    assert pair.reason is RejectReason.INVALID_NOTIONAL


# ── I2 to I5: the price ──

Orders = list[tuple[int, int | None]]
"""Quantity and limit of each."""

PRICES: list[tuple[str, str, Orders, Orders, int | None, tuple[int | None, int, int]]] = [
    ("i2", "nobody meets", [(5, 99)], [(5, 100)], None, (None, 0, 0)),
    ("i2", "one side is empty", [(5, None)], [], 100, (None, 0, 0)),
    ("i2", "the largest volume", [(10, 103), (10, 101)], [(15, 100), (20, 102)], None, (101, 15, 5)),
    ("i2", "market orders against limits", [(10, None)], [(4, 100), (4, 102)], None, (102, 8, 2)),
    ("i2", "market orders only, at the last trade", [(5, None)], [(8, None)], 100, (100, 5, -3)),
    ("i2", "market orders only, and no last trade", [(5, None)], [(8, None)], None, (None, 0, 0)),
    ("i3", "the smallest surplus", [(10, 103), (3, 101)], [(10, 100), (9, 102)], None, (101, 10, 3)),
    ("i3", "none at all between two that have one", [(10, 104), (5, 101)], [(10, 100), (5, 104)], None, (103, 10, 0)),
    ("i4", "buyers left over", [(10, 105)], [(4, 100)], 101, (105, 4, 6)),
    ("i4", "sellers left over", [(4, 105)], [(10, 100)], 104, (100, 4, -6)),
    ("i5", "the last trade lies between", [(5, 105)], [(5, 100)], 103, (103, 5, 0)),
    ("i5", "the last trade lies below", [(5, 105)], [(5, 100)], 98, (100, 5, 0)),
    ("i5", "the last trade lies above", [(5, 105)], [(5, 100)], 109, (105, 5, 0)),
    ("i5", "nothing has traded yet", [(5, 105)], [(5, 100)], None, (105, 5, 0)),
    ("i5", "buyers below, sellers above", [(5, 105), (2, 102)], [(5, 100), (2, 103)], 100, (102, 5, 2)),
    ("i5", "and the last trade above", [(5, 105), (2, 102)], [(5, 100), (2, 103)], 109, (103, 5, -2)),
    ("i5", "as near to both", [(5, 105), (2, 101)], [(5, 101), (2, 102), (1, 103)], None, (102, 5, -2)),
]


@pytest.mark.parametrize(("buys", "sells", "last", "outcome"), [pytest.param(*row[2:], id=row[1]) for row in PRICES])
def test_i2_to_i5_the_price_of_an_uncross(
    pair: FloorAndEngine, buys: Orders, sells: Orders, last: int | None, outcome: tuple[int | None, int, int]
) -> None:
    if last is not None:
        trade_at(pair, last)
    pair.go(CALL)
    for order_id, (quantity, limit) in enumerate(buys, 1):
        pair.buy(order_id, quantity, limit)
    for order_id, (quantity, limit) in enumerate(sells, 11):
        pair.sell(order_id, quantity, limit)
    assert view(pair.state, "ABC").indicative == Indicative(*outcome)
    pair.go(CONTINUOUS)
    assert uncrossed(pair) == outcome
    assert view(pair.state, "ABC").indicative is None
    assert view(pair.state, "ABC").last_price == (last if outcome[0] is None else outcome[0])


def test_i3_a_smaller_surplus_beats_a_nearer_reference(pair: FloorAndEngine) -> None:
    trade_at(pair, 100)
    pair.go(CALL)
    pair.buy(1, 5, 104)
    pair.buy(2, 3, 101)
    pair.sell(3, 5, 100)
    pair.go(CONTINUOUS)
    assert uncrossed(pair) == (102, 5, 0)


def test_i4_with_as_many_left_over_on_either_side_no_price_is_taken_that_leaves_a_better_order_out(
    pair: FloorAndEngine,
) -> None:
    """At 100, nearest to the last trade, the surplus is the same; but the buyer at 102, who is better, would starve."""
    trade_at(pair, 100)
    pair.go(CALL)
    pair.buy(1, 5, 105)
    pair.buy(2, 2, 102)
    pair.sell(3, 5, 100)
    pair.sell(4, 2, 103)
    pair.go(CONTINUOUS)
    assert uncrossed(pair) == (102, 5, 2)
    assert pair.bids() == [(2, 2, 2)]


def test_i5_the_reference_is_a_price_like_any_other_for_books_at_and_below_zero(open_pair: OpenPair) -> None:
    pair = open_pair(Instrument("ABC", min_price=-5, max_price=5))
    trade_at(pair, 0)
    pair.go(CALL)
    pair.buy(1, 5, 3)
    pair.sell(2, 5, -3)
    pair.go(CONTINUOUS)
    assert uncrossed(pair) == (0, 5, 0)


def test_i5_a_price_is_on_the_grid_of_its_book(open_pair: OpenPair) -> None:
    pair = open_pair(Instrument("ABC", tick=5))
    pair.go(CALL)
    pair.buy(1, 5, 120)
    pair.sell(2, 5, 100)
    pair.buy(3, 1, 105)
    pair.sell(4, 1, 115)
    pair.go(CONTINUOUS)
    assert uncrossed(pair) == (110, 5, 0)


def test_i2_a_price_is_indicated_in_a_call_and_in_no_other_phase(pair: FloorAndEngine) -> None:
    assert view(pair.state, "ABC").indicative is None
    pair.go(CLOSED, PRE_OPEN)
    crossed(pair)
    assert view(pair.state, "ABC").indicative is None
    pair.go(CALL)
    assert view(pair.state, "ABC").indicative == Indicative(101, 5, 0)
    pair.buy(3, 2, 101)
    assert view(pair.state, "ABC").indicative == Indicative(101, 5, 2)
    pair.go(HALT)
    assert view(pair.state, "ABC").indicative is None


# ── I6 to I9: what the uncross does ──


def test_i6_market_orders_trade_first_then_price_then_time_all_at_one_price(pair: FloorAndEngine) -> None:
    pair.go(CALL)
    pair.buy(1, 5, 101)
    pair.buy(2, 5, 102)
    pair.buy(3, 5, 101)
    pair.buy(4, 5)
    pair.sell(5, 12, 101)
    pair.sell(6, 4, 100)
    pair.go(CONTINUOUS)
    assert pair.events == (
        PhaseChanged("ABC", CONTINUOUS),
        Uncrossed("ABC", 101, 16, 4),
        Trade("ABC", 101, 4, 6, 4),
        Trade("ABC", 101, 1, 5, 4),
        Trade("ABC", 101, 5, 5, 2),
        Trade("ABC", 101, 5, 5, 1),
        Trade("ABC", 101, 1, 5, 3),
    )
    assert (pair.bids(), pair.asks()) == ([(3, 4, 4)], [])
    partly = status(pair.state, "ABC", 3)
    assert partly is not None
    assert (partly.executed, partly.leaves) == (1, 4)
    assert partly == pair.engine.status("ABC", 3)


def test_i6_the_seller_is_reported_as_maker_whoever_came_first(pair: FloorAndEngine) -> None:
    for sell, buy in ((1, 2), (4, 3)):
        pair.go(CALL)
        for order_id in sorted((sell, buy)):
            (pair.sell if order_id == sell else pair.buy)(order_id, 5, 100)
        pair.go(CONTINUOUS)
        assert pair.events[2] == Trade("ABC", 100, 5, sell, buy)


def test_i6_what_is_left_of_market_orders_is_cancelled_buyers_first(pair: FloorAndEngine) -> None:
    pair.go(CALL)
    pair.sell(1, 5)
    pair.buy(2, 3)
    pair.buy(3, 4)
    assert pair.go(CONTINUOUS) == (
        PhaseChanged("ABC", CONTINUOUS),
        Uncrossed("ABC", None, 0, 0),
        Cancelled("ABC", 2, Side.BUY, None, 3, CancelReason.MARKET),
        Cancelled("ABC", 3, Side.BUY, None, 4, CancelReason.MARKET),
        Cancelled("ABC", 1, Side.SELL, None, 5, CancelReason.MARKET),
    )


def test_i6_a_market_order_that_trades_in_part_is_cancelled_for_the_rest(pair: FloorAndEngine) -> None:
    pair.go(CALL)
    pair.buy(1, 8)
    pair.sell(2, 5, 100)
    pair.go(CONTINUOUS)
    assert (matched(pair), pair.cancels) == ([(1, 2, 5)], [(1, 3, CancelReason.MARKET)])


def test_i6_at_the_price_displayed_orders_trade_before_hidden_ones(pair: FloorAndEngine) -> None:
    pair.go(CALL)
    pair.buy(1, 5, 100, display=0)
    pair.buy(2, 5, 100)
    pair.sell(3, 5, 100)
    pair.go(CONTINUOUS)
    assert matched(pair) == [(2, 3, 5)]


def test_i6_self_trade_prevention_is_not_applied_in_an_auction(pair: FloorAndEngine) -> None:
    pair.go(CALL)
    pair.buy(1, 5, 100, account=7, self_trade=SelfTradePrevention.CANCEL_BOTH)
    pair.sell(2, 5, 100, account=7, self_trade=SelfTradePrevention.CANCEL_BOTH)
    pair.go(CONTINUOUS)
    assert matched(pair) == [(1, 2, 5)]


def test_i7_after_an_uncross_nothing_crosses_and_what_is_left_trades_on_as_it_stands(pair: FloorAndEngine) -> None:
    pair.go(CALL)
    pair.buy(1, 5, 105)
    pair.buy(2, 5, 102)
    pair.sell(3, 7, 101)
    pair.sell(4, 5, 103)
    pair.go(CONTINUOUS)
    assert uncrossed(pair) == (102, 7, 3)
    assert (pair.bids(), pair.asks()) == ([(2, 3, 3)], [(4, 5, 5)])
    pair.sell(5, 2, 102)
    assert pair.trades == [(2, 102, 2)]


def test_i8_an_iceberg_takes_part_with_all_it_has_and_shows_the_next_slice_behind_its_level(
    pair: FloorAndEngine,
) -> None:
    pair.go(CALL)
    pair.buy(1, 9, 100, display=2)
    pair.buy(2, 3, 100)
    pair.sell(3, 6, 100)
    pair.go(CONTINUOUS)
    assert matched(pair) == [(1, 3, 6)]
    assert pair.bids() == [(2, 3, 3), (1, 2, 3)]


def test_i8_an_iceberg_keeps_its_place_while_its_slice_is_not_used_up(pair: FloorAndEngine) -> None:
    pair.go(CALL)
    pair.buy(1, 9, 100, display=4)
    pair.buy(2, 3, 100)
    pair.sell(3, 3, 100)
    pair.go(CONTINUOUS)
    assert pair.bids() == [(1, 1, 6), (2, 3, 3)]


def test_i8_an_iceberg_that_meets_several_sellers_is_one_order(pair: FloorAndEngine) -> None:
    pair.go(CALL)
    pair.buy(1, 9, 100, display=2)
    for order_id in (2, 3, 4):
        pair.sell(order_id, 3, 100)
    pair.go(CONTINUOUS)
    assert matched(pair) == [(1, 2, 3), (1, 3, 3), (1, 4, 3)]
    assert pair.bids() == []


def test_i9_stops_that_the_price_of_an_uncross_reaches_are_triggered_after_it(pair: FloorAndEngine) -> None:
    pair.go(CALL)
    pair.buy(1, 4, stop=101)
    pair.buy(2, 5, 101)
    pair.sell(3, 5, 101)
    pair.sell(4, 5, 103)
    assert pair.go(CONTINUOUS) == (
        PhaseChanged("ABC", CONTINUOUS),
        Uncrossed("ABC", 101, 5, 0),
        Trade("ABC", 101, 5, 3, 2),
        Triggered("ABC", 1),
        Trade("ABC", 103, 4, 4, 1),
    )


def test_i9_a_stop_that_is_due_on_entry_waits_for_the_end_of_the_call(open_pair: OpenPair) -> None:
    pair = open_pair(profile=Profile(true_stop=TrueStop.TRIGGER))
    trade_at(pair, 100)
    pair.go(CALL)
    assert pair.buy(1, 5, 99, stop=100) == (Accepted("ABC", 1, Side.BUY, 99, 5),)
    pair.go(CONTINUOUS)
    assert pair.triggered == [1]
    assert pair.bids() == [(1, 5, 5)]


def test_i9_a_stop_that_was_due_is_not_when_the_uncross_moves_the_price_away(open_pair: OpenPair) -> None:
    pair = open_pair(profile=Profile(true_stop=TrueStop.TRIGGER))
    trade_at(pair, 100)
    pair.go(CALL)
    pair.buy(1, 5, 99, stop=100)
    pair.buy(2, 5, 97)
    pair.sell(3, 5, 97)
    pair.go(CONTINUOUS)
    assert (pair.triggered, pair.stops()) == ([], [1])


def test_i10_every_order_strictly_better_than_the_price_fills(pair: FloorAndEngine) -> None:
    pair.go(CALL)
    for order_id, limit in enumerate((104, 103, 102, 101), 1):
        pair.buy(order_id, 3, limit)
    for order_id, limit in enumerate((100, 101, 103, 104), 11):
        pair.sell(order_id, 4, limit)
    pair.go(CONTINUOUS)
    assert uncrossed(pair) == (102, 8, 1)
    assert pair.bids() == [(3, 1, 1), (4, 3, 3)]
    assert pair.asks() == [(13, 4, 4), (14, 4, 4)]


def test_i1_one_command_touches_its_own_book_only(pair: FloorAndEngine) -> None:
    pair.go(CALL)
    crossed(pair)
    before: tuple[Event, ...] = pair.do(SetPhase("XYZ", CALL))
    assert before == (PhaseChanged("XYZ", CALL),)
    pair.go(CONTINUOUS, symbol="XYZ")
    assert pair.bids() == [(1, 5, 5)]
