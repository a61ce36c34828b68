"""Rules J and L: halts, mass cancels, and baskets that trade in several books or in none."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from bookproof.spec.commands import AdvanceClock, Basket, EndOfDay, Halt, Leg, MassCancel, Resume, TakeSnapshot
from bookproof.spec.events import (
    Accepted,
    Cancelled,
    Halted,
    MassCancelled,
    Rejected,
    Resumed,
    SnapshotTaken,
    Trade,
    Triggered,
)
from bookproof.spec.exchange import queue, snapshot, view
from bookproof.spec.profile import NoLiquidity, Profile
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import Phase, SelfTradePrevention, Side, TimeInForce

if TYPE_CHECKING:
    from tests.spec.conftest import Floor

    OpenFloor = Callable[..., Floor]

BUY, SELL = Side.BUY, Side.SELL


def phases(floor: Floor) -> list[Phase]:
    """The phases of ABC and XYZ as a customer sees them."""
    return [view(floor.state, symbol).phase for symbol in ("ABC", "XYZ")]


# ── J: phases and halts ──


def test_j1_a_book_is_halted_and_resumed_by_command_and_only_once(floor: Floor) -> None:
    assert floor.do(Resume("ABC")) == (Rejected("ABC", None, RejectReason.NOT_HALTED),)
    assert floor.do(Halt("ABC")) == (Halted("ABC"),)
    assert phases(floor) == [Phase.HALT, Phase.CONTINUOUS]
    assert floor.do(Halt("ABC")) == (Rejected("ABC", None, RejectReason.BOOK_HALTED),)
    assert floor.do(Resume("ABC")) == (Resumed("ABC"),)
    assert floor.do(Halt("NONE")) == (Rejected("NONE", None, RejectReason.UNKNOWN_SYMBOL),)


def test_j2_in_a_halted_book_nothing_enters_or_changes_and_everything_may_leave(floor: Floor) -> None:
    floor.buy(1, 5, 100, time_in_force=TimeInForce.DAY)
    floor.buy(2, 5, 100, time_in_force=TimeInForce.GTD, expires=9)
    floor.buy(3, 5, 100)
    floor.buy(4, 5, stop=105)
    floor.do(Halt("ABC"))
    floor.sell(5, 5, 100)
    assert floor.reason is RejectReason.BOOK_HALTED
    floor.replace(3, 4)
    assert floor.reason is RejectReason.BOOK_HALTED
    floor.cancel(3)
    floor.do(AdvanceClock(9))
    floor.do(EndOfDay())
    floor.do(MassCancel(104))
    assert (floor.bids(), floor.stops()) == ([], [])
    floor.sell(5, 5, 100, symbol="XYZ")
    assert floor.asks("XYZ") == [(5, 5, 5)]


def test_j2_after_a_halt_the_queue_is_as_it_was(floor: Floor) -> None:
    floor.sell(1, 9, 100, display=3)
    floor.sell(2, 5, 100)
    before = queue(floor.state, "ABC")
    floor.do(Halt("ABC"))
    floor.do(Resume("ABC"))
    assert queue(floor.state, "ABC") == before
    floor.buy(3, 4, 100)
    assert floor.trades == [(1, 100, 3), (2, 100, 1)]


def test_j6_a_market_halt_lies_above_the_halts_of_books_and_leaves_them_as_they_are(floor: Floor) -> None:
    floor.do(Halt("ABC"))
    floor.do(Halt())
    assert phases(floor) == [Phase.HALT, Phase.HALT]
    assert floor.do(Halt()) == (Rejected(None, None, RejectReason.MARKET_HALTED),)
    floor.buy(1, 5, 100, symbol="XYZ")
    assert floor.reason is RejectReason.MARKET_HALTED
    assert floor.do(Resume()) == (Resumed(None),)
    assert phases(floor) == [Phase.HALT, Phase.CONTINUOUS]
    assert floor.do(Resume()) == (Rejected(None, None, RejectReason.NOT_HALTED),)


def test_j6_a_book_may_be_halted_or_resumed_beneath_a_market_halt(floor: Floor) -> None:
    floor.do(Halt("ABC"))
    floor.do(Halt())
    floor.do(Resume("ABC"))
    floor.do(Halt("XYZ"))
    assert phases(floor) == [Phase.HALT, Phase.HALT]
    floor.do(Resume())
    assert phases(floor) == [Phase.CONTINUOUS, Phase.HALT]


def test_j6_a_market_halt_lets_orders_leave_every_book(floor: Floor) -> None:
    floor.buy(1, 5, 100)
    floor.buy(2, 5, 100, symbol="XYZ")
    floor.do(Halt())
    floor.replace(1, 4)
    assert floor.reason is RejectReason.MARKET_HALTED
    floor.cancel(1)
    floor.cancel(2, "XYZ")
    assert (floor.bids(), floor.bids("XYZ")) == ([], [])


def test_j7_a_mass_cancel_takes_the_accounts_orders_and_stops_out_of_all_books_in_order(floor: Floor) -> None:
    floor.sell(1, 5, 100, account=7)
    floor.sell(2, 5, 100, account=8)
    floor.sell(3, 9, 101, account=7, display=2)
    floor.buy(4, 5, stop=110, account=7)
    floor.buy(1, 5, 100, account=7, symbol="XYZ")
    floor.buy(5, 1, 100)  # so that the first order is partly filled
    floor.do(MassCancel(7))
    cancelled = CancelReason.MASS_CANCEL
    assert floor.events == (
        MassCancelled(7, 4),
        Cancelled("ABC", 1, SELL, 100, 4, cancelled),
        Cancelled("ABC", 3, SELL, 101, 9, cancelled),
        Cancelled("ABC", 4, BUY, None, 5, cancelled),
        Cancelled("XYZ", 1, BUY, 100, 5, cancelled),
    )
    assert (floor.asks(), floor.stops(), floor.bids("XYZ")) == ([(2, 5, 5)], [], [])


def test_j7_a_mass_cancel_of_nothing_is_acknowledged_and_does_not_reach_the_accounts_group(
    open_floor: OpenFloor,
) -> None:
    floor = open_floor(profile=Profile(self_trade_groups=((7, 8),)))
    floor.sell(1, 5, 100, account=8)
    assert floor.do(MassCancel(7)) == (MassCancelled(7, 0),)
    assert floor.asks() == [(1, 5, 5)]


# ── L: several legs ──


def stock(floor: Floor) -> None:
    """Five lots to buy in ABC at 100, five in XYZ at 50."""
    floor.sell(1, 5, 100)
    floor.sell(2, 5, 50, symbol="XYZ")


def test_l4_a_basket_trades_in_all_its_books_at_once(floor: Floor) -> None:
    stock(floor)
    floor.do(Basket(7, (Leg("XYZ", 8, BUY, 3, 50), Leg("ABC", 9, BUY, 5, 101))))
    assert floor.events == (
        Accepted("XYZ", 8, BUY, 50, 3),
        Accepted("ABC", 9, BUY, 101, 5),
        Trade("XYZ", 50, 3, 2, 8),
        Trade("ABC", 100, 5, 1, 9),
    )


@pytest.mark.parametrize("short", ["ABC", "XYZ"])
def test_l4_one_leg_that_cannot_trade_whole_leaves_every_book_unchanged(floor: Floor, short: str) -> None:
    stock(floor)
    before = floor.state
    legs = tuple(
        Leg(symbol, order_id, BUY, 6 if symbol == short else 5, price)
        for symbol, order_id, price in (("ABC", 8, 100), ("XYZ", 9, 50))
    )
    floor.do(Basket(7, legs))
    assert floor.events == (
        *(Accepted(leg.symbol, leg.order_id, BUY, leg.price, leg.quantity) for leg in legs),
        *(Cancelled(leg.symbol, leg.order_id, BUY, leg.price, leg.quantity, CancelReason.KILLED) for leg in legs),
    )
    assert floor.state is before


def test_l4_a_killed_basket_cancels_no_maker_refreshes_no_iceberg_and_triggers_no_stop(floor: Floor) -> None:
    floor.sell(1, 5, 100, account=7)
    floor.sell(2, 9, 101, display=3)
    floor.buy(3, 1, stop=101)
    before = floor.state
    legs = (Leg("ABC", 8, BUY, 4, 101), Leg("XYZ", 9, BUY, 1, 50))
    floor.do(Basket(7, legs, SelfTradePrevention.CANCEL_MAKER))
    assert floor.cancels == [(8, 4, CancelReason.KILLED), (9, 1, CancelReason.KILLED)]
    assert floor.state is before


def test_l4_a_leg_may_cancel_own_makers_on_its_way_when_the_whole_basket_trades(floor: Floor) -> None:
    stock(floor)
    floor.sell(3, 5, 99, account=7)
    floor.do(Basket(7, (Leg("ABC", 8, BUY, 5, 100), Leg("XYZ", 9, BUY, 5, 50)), SelfTradePrevention.CANCEL_MAKER))
    assert floor.cancels == [(3, 5, CancelReason.SELF_TRADE)]
    assert floor.trades == [(1, 100, 5), (2, 50, 5)]


@pytest.mark.parametrize(
    "mode", [SelfTradePrevention.CANCEL_TAKER, SelfTradePrevention.CANCEL_BOTH, SelfTradePrevention.DECREMENT]
)
def test_l4_a_leg_that_meets_an_own_order_too_early_kills_the_basket(floor: Floor, mode: SelfTradePrevention) -> None:
    stock(floor)
    floor.sell(3, 1, 99, account=7)
    floor.do(Basket(7, (Leg("XYZ", 9, BUY, 5, 50), Leg("ABC", 8, BUY, 5, 100)), mode))
    assert floor.trades == []
    assert floor.asks() == [(3, 1, 1), (1, 5, 5)]


def test_l4_stops_are_triggered_when_every_leg_has_traded(floor: Floor) -> None:
    stock(floor)
    floor.buy(3, 1, 90, stop=100)
    floor.buy(4, 1, 40, stop=50, symbol="XYZ")
    floor.do(Basket(7, (Leg("ABC", 8, BUY, 5, 100), Leg("XYZ", 9, BUY, 5, 50))))
    assert [type(event) for event in floor.events] == [Accepted, Accepted, Trade, Trade, Triggered, Triggered]


@pytest.mark.parametrize("halt", [Halt(), Halt("XYZ"), Halt("ABC")])
def test_l4_a_halted_leg_refuses_the_basket(floor: Floor, halt: Halt) -> None:
    stock(floor)
    floor.do(halt)
    floor.do(Basket(7, (Leg("ABC", 8, BUY, 5, 100), Leg("XYZ", 9, BUY, 5, 50))))
    assert floor.reason is (RejectReason.BOOK_HALTED if halt.symbol else RejectReason.MARKET_HALTED)
    assert (floor.asks(), floor.asks("XYZ")) == ([(1, 5, 5)], [(2, 5, 5)])


@pytest.mark.parametrize(
    ("account", "legs", "refusal"),
    [
        (7, (), Rejected(None, None, RejectReason.INVALID_LEGS)),
        (-1, (), Rejected(None, None, RejectReason.INVALID_LEGS)),
        (7, (Leg("ABC", 8, BUY, 1), Leg("ABC", 9, BUY, 1)), Rejected("ABC", 9, RejectReason.INVALID_LEGS)),
        (7, (Leg("ABC", 8, BUY, 0), Leg("?", 9, BUY, 1)), Rejected("?", 9, RejectReason.UNKNOWN_SYMBOL)),
        (7, (Leg("ABC", 8, BUY, 0), Leg("XYZ", -1, BUY, 1)), Rejected("XYZ", -1, RejectReason.INVALID_ORDER_ID)),
        (-1, (Leg("ABC", 8, BUY, 0), Leg("XYZ", 9, BUY, 1)), Rejected("ABC", 8, RejectReason.INVALID_ACCOUNT)),
        (7, (Leg("ABC", 8, SELL, 1), Leg("XYZ", 2, BUY, 1)), Rejected("XYZ", 2, RejectReason.DUPLICATE_ORDER_ID)),
        (7, (Leg("ABC", 8, SELL, 1), Leg("XYZ", 9, BUY, 1)), Rejected("ABC", 8, RejectReason.NO_LIQUIDITY)),
    ],
    ids=str,
)
def test_l4_a_basket_is_refused_with_the_first_reason_in_precedence_and_the_leg_at_fault(
    floor: Floor, account: int, legs: tuple[Leg, ...], refusal: Rejected
) -> None:
    stock(floor)
    assert floor.do(Basket(account, legs)) == (refusal,)


def test_l4_a_market_leg_without_liquidity_kills_the_basket_where_the_profile_cancels(open_floor: OpenFloor) -> None:
    floor = open_floor(profile=Profile(no_liquidity=NoLiquidity.CANCEL))
    stock(floor)
    floor.do(Basket(7, (Leg("ABC", 8, BUY, 5), Leg("XYZ", 9, SELL, 1))))
    assert floor.cancels == [(8, 5, CancelReason.KILLED), (9, 1, CancelReason.KILLED)]


def test_j6_a_snapshot_shows_all_books_at_one_instant_in_listing_order(floor: Floor) -> None:
    stock(floor)
    floor.do(Halt("XYZ"))
    floor.do(TakeSnapshot())
    assert floor.events == (SnapshotTaken((view(floor.state, "ABC"), view(floor.state, "XYZ"))),)
    assert [shown.phase for shown in snapshot(floor.state)] == [Phase.CONTINUOUS, Phase.HALT]
