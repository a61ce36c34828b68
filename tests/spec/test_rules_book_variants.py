"""What venues do otherwise within one book, switch by switch: every command goes to the oracle and to the engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from bookproof.spec.commands import Basket, Deposit, Halt, Leg, Resume, SetMark, Submit, SubmitList
from bookproof.spec.events import MarkSet, Rejected, Trade, Triggered
from bookproof.spec.exchange import account, opening, snapshot
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import Profile, Risk, StopReference, StopsLookedAt
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import ListKind, Lots, OrderId, Phase, Side, Ticks, TimeInForce

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


# ── E1: stops that follow the mark ──


@pytest.fixture
def marked(open_pair: OpenPair) -> FloorAndEngine:
    """A venue whose stops follow the mark, which is at 100."""
    pair = open_pair(profile=Profile("by-mark", stop_reference=StopReference.MARK))
    pair.do(SetMark("ABC", 100))
    return pair


def test_e1_a_mark_triggers_stops_and_a_trade_does_not(marked: FloorAndEngine) -> None:
    marked.buy(1, 2, stop=105)
    marked.sell(2, 2, 104, stop=95)
    marked.sell(3, 1, 110)
    marked.buy(4, 1, 110)
    assert (marked.triggered, marked.stops()) == ([], [1, 2])
    marked.do(SetMark("ABC", 95))
    assert marked.events == (MarkSet("ABC", 95), Triggered("ABC", 2))
    assert marked.asks() == [(2, 2, 2)]
    marked.do(SetMark("ABC", 106))
    assert (marked.triggered, marked.trades) == ([1], [(2, 104, 2)])


def test_e1_the_mark_is_seen_and_each_book_has_its_own(marked: FloorAndEngine) -> None:
    marked.buy(1, 2, stop=105, symbol="XYZ")
    marked.do(SetMark("ABC", 110))
    assert marked.stops("XYZ") == [1]
    assert [book.mark for book in snapshot(marked.state)] == [110, None]


def test_e1_no_stop_is_due_before_there_is_a_mark(open_pair: OpenPair) -> None:
    pair = open_pair(profile=Profile("by-mark", stop_reference=StopReference.MARK))
    pair.sell(1, 1, 100)
    pair.buy(2, 1, 100)
    pair.buy(3, 1, stop=90)
    assert pair.stops() == [3]


def test_e7_a_stop_that_the_mark_has_reached_is_refused_whatever_traded_last(marked: FloorAndEngine) -> None:
    marked.sell(1, 1, 120)
    marked.buy(2, 1, 120)
    marked.buy(3, 1, stop=100)
    assert marked.reason is RejectReason.STOP_ALREADY_TRUE
    marked.buy(3, 1, stop=101)
    assert marked.stops() == [3]


def test_e5_what_a_marks_stops_trade_triggers_no_others(marked: FloorAndEngine) -> None:
    marked.sell(1, 1, 120)
    marked.buy(2, 1, stop=101)
    marked.buy(3, 1, stop=115)
    marked.do(SetMark("ABC", 101))
    assert (marked.triggered, marked.trades, marked.stops()) == ([2], [(1, 120, 1)], [3])


def test_i9_stops_that_a_mark_reaches_in_a_call_wait_for_its_end(marked: FloorAndEngine) -> None:
    marked.sell(1, 1, 99, stop=95)
    marked.go(Phase.CALL)
    marked.do(SetMark("ABC", 90))
    assert (marked.triggered, marked.stops()) == ([], [1])
    marked.go(Phase.CONTINUOUS)
    assert marked.triggered == [1]


def test_j2_a_mark_that_stops_wait_for_in_a_halted_book_lets_it_reopen_through_a_call_only(
    marked: FloorAndEngine,
) -> None:
    marked.sell(1, 1, 99, stop=95)
    marked.do(Halt("ABC"))
    marked.do(SetMark("ABC", 90))
    assert marked.triggered == []
    marked.do(Resume("ABC"))
    assert marked.reason is RejectReason.NEEDS_CALL


def test_j6_while_the_market_is_halted_no_mark_is_set(marked: FloorAndEngine) -> None:
    marked.do(Halt())
    marked.do(SetMark("ABC", 90))
    assert marked.reason is RejectReason.MARKET_HALTED
    for wrong in (SetMark("NONE", 90), SetMark("ABC", 0)):
        marked.do(wrong)
        assert marked.reason in (RejectReason.UNKNOWN_SYMBOL, RejectReason.INVALID_PRICE)


def test_j6_while_a_book_that_it_depends_on_is_halted_no_mark_is_set(open_pair: OpenPair) -> None:
    books = (Instrument("XYZ"), Instrument("ABC", underlying="XYZ"))
    pair = open_pair(*books, profile=Profile("by-mark", stop_reference=StopReference.MARK))
    pair.do(Halt("XYZ"))
    pair.do(SetMark("ABC", 90))
    assert pair.reason is RejectReason.BOOK_HALTED
    pair.do(Resume("XYZ"))
    pair.do(SetMark("ABC", 90))
    assert pair.reason is None


def test_h1_a_rival_that_a_mark_triggers_cancels_the_other_in_another_book(marked: FloorAndEngine) -> None:
    stop = limit(1, 90)._replace(stop=95)
    marked.do(SubmitList(ListKind.OCO, (stop, limit(2, 110)._replace(symbol="XYZ"))))
    marked.do(SetMark("ABC", 94))
    assert marked.triggered == [1]
    assert marked.cancels == [(2, 1, CancelReason.CONTINGENT)]


def test_e1_a_mark_settles_what_it_sets_off_where_accounts_are_kept(open_pair: OpenPair) -> None:
    pair = open_pair(profile=Profile("by-mark", stop_reference=StopReference.MARK, risk=Risk.CASH))
    for command in (Deposit(1, 1_000), Deposit(2, 10, "ABC"), SetMark("ABC", 100)):
        pair.do(command)
    pair.sell(1, 5, 100, account=2)
    pair.buy(2, 5, 101, stop=105, account=1)
    pair.do(SetMark("ABC", 105))
    assert pair.trades == [(1, 100, 5)]
    assert account(pair.state, 1).cash == 500 == account(pair.state, 2).cash
    for number in (1, 2):
        assert pair.engine.account(number) == account(pair.state, number)


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


def test_l4_of_a_book_twice_and_a_leg_outside_the_spread_the_first_leg_is_the_one_at_fault(
    open_pair: OpenPair,
) -> None:
    pair = open_pair(Instrument("ABC"), Instrument("DEF"), Instrument("GHI", legs=("ABC", "DEF")), Instrument("XYZ"))
    legs = [Leg(symbol, at, Side.SELL, 1, 100) for at, symbol in enumerate(("ABC", "XYZ", "ABC"), 1)]
    pair.do(Basket(1, tuple(legs)))
    assert pair.events == (Rejected("XYZ", 2, RejectReason.INVALID_LEGS),)
