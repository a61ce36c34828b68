"""Rule H1 where a fill in part makes rivals smaller instead of cancelling them: oracle and engine side by side."""

from __future__ import annotations

from typing import Any

import pytest

from bookproof.engine.striped import StripedEngine
from bookproof.models.sequential.differential import SideBySide
from bookproof.spec.allocation_terms import Allocation, Sharing
from bookproof.spec.commands import (
    Basket,
    Cancel,
    Command,
    Deposit,
    Halt,
    Leg,
    Replace,
    SetPhase,
    Submit,
    SubmitList,
)
from bookproof.spec.drop_copy import DropCopy
from bookproof.spec.events import Accepted, Cancelled, Event, Rejected, Restated, Trade
from bookproof.spec.exchange import account, queue, status, step, view
from bookproof.spec.instruments import Instrument, listing
from bookproof.spec.invariants import broken
from bookproof.spec.profile import ListReplace, OcoFill, Profile, ReplaceKeeps, Risk
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.report_checks import broken_stream
from bookproof.spec.reporting import Reporter
from bookproof.spec.reports import ExecType, ExecutionReport
from bookproof.spec.values import ListKind, OrderState, Phase, SelfTradePrevention, Side, TimeInForce

BUY, SELL = Side.BUY, Side.SELL
REDUCE = Profile("reduce", oco_fill=OcoFill.REDUCE)
OWNER = 7
CONTINGENT = CancelReason.CONTINGENT


class Hall:
    """Oracle and engine side by side, three books: every view compared and every invariant asked after each command."""

    def __init__(self, profile: Profile = REDUCE, instruments: tuple[Instrument, ...] = ()) -> None:
        self.pair = SideBySide(StripedEngine, instruments or listing(["ABC", "XYZ", "UVW"]), profile, invariants=True)

    def do(self, *commands: Command) -> tuple[Event, ...]:
        """Some commands; the events of the last."""
        events: tuple[Event, ...] = ()
        for command in commands:
            _, events = step(self.pair.state, command)
            difference = self.pair.step(command)
            assert difference is None, f"\n{difference}"
        return events

    def open(self, order_id: int, symbol: str = "ABC") -> int:
        """What is open of a live order; 0 of one that is gone."""
        found = status(self.pair.state, symbol, order_id)
        return 0 if found is None else found.leaves

    def rivals(self) -> list[tuple[int, ...]]:
        """The orders of each live list."""
        return [tuple(place.order_id for place in one.others) for one in self.pair.state.lists]


def leg(side: Side, order_id: int, quantity: int, price: int | None = None, **terms: Any) -> Submit:
    symbol, account = terms.pop("symbol", "ABC"), terms.pop("account", OWNER)
    return Submit(symbol, order_id, account, side, quantity, price, **terms)


def hit(quantity: int, price: int | None = 100, symbol: str = "ABC", order_id: int = 90) -> Submit:
    """A stranger buys, and nothing of it rests."""
    return leg(BUY, order_id, quantity, price, symbol=symbol, account=8, time_in_force=TimeInForce.IOC)


def oco(*legs: Submit) -> SubmitList:
    return SubmitList(ListKind.OCO, legs)


ACROSS = oco(leg(SELL, 1, 5, 100), leg(SELL, 2, 5, 50, symbol="XYZ"))


def test_h1_a_fill_in_part_makes_the_rival_in_another_book_smaller_in_the_same_command() -> None:
    hall = Hall()
    hall.do(ACROSS)
    assert hall.do(hit(2))[1:] == (Trade("ABC", 100, 2, 1, 90), Restated("XYZ", 2, 2))
    assert (hall.open(1), hall.open(2, "XYZ"), hall.rivals()) == (3, 3, [(1, 2)])


def test_h1_rivals_fill_one_order_between_them_and_the_whole_fill_cancels_what_is_left() -> None:
    hall = Hall()
    hall.do(ACROSS, hit(2))
    assert hall.do(hit(1, 50, "XYZ"))[1:] == (Trade("XYZ", 50, 1, 2, 90), Restated("ABC", 1, 1))
    events = hall.do(hit(2))
    assert events[-1] == Cancelled("XYZ", 2, SELL, 50, 2, CONTINGENT)
    assert (hall.rivals(), hall.open(1), hall.open(2, "XYZ")) == ([], 0, 0)


def test_h1_a_rival_of_no_more_than_was_filled_goes_and_the_others_go_on() -> None:
    hall = Hall()
    hall.do(oco(leg(SELL, 1, 5, 100), leg(SELL, 2, 2, 50, symbol="XYZ"), leg(SELL, 3, 4, 60, symbol="UVW")))
    assert hall.do(hit(2))[2:] == (Cancelled("XYZ", 2, SELL, 50, 2, CONTINGENT), Restated("UVW", 3, 2))
    assert hall.rivals() == [(1, 3)]
    hall.do(hit(2))
    assert (hall.rivals(), hall.open(1)) == ([], 1), "an order without rivals goes on by itself"


def test_h1_a_trigger_cancels_the_rivals_whole_as_ever() -> None:
    hall = Hall()
    hall.do(oco(leg(SELL, 1, 5, 110), leg(SELL, 2, 5, stop=90)), leg(BUY, 3, 1, 90, account=8))
    events = hall.do(leg(SELL, 4, 1, 90, account=8))
    assert [event.order_id for event in events if isinstance(event, Cancelled)] == [1, 2]


def test_h1_a_stop_is_smaller_by_what_its_rival_filled_and_is_so_when_it_is_triggered() -> None:
    hall = Hall()
    hall.do(oco(leg(SELL, 1, 5, 110), leg(SELL, 2, 5, 80, stop=90)), hit(3, 110))
    hall.do(leg(BUY, 3, 9, 90, account=8), leg(SELL, 4, 1, 90, account=8))
    assert hall.open(3) == 6
    assert hall.open(2) == 0


def test_h1_a_stop_that_is_due_already_is_smaller_by_what_a_stop_before_it_filled() -> None:
    """One cascade: the first stop's sale fills a rival in part, and that rival's own stop is next in turn."""
    hall = Hall()
    hall.do(
        oco(leg(BUY, 1, 5, 80), leg(SELL, 2, 5, stop=94)),
        leg(SELL, 3, 2, stop=95, account=8),
        leg(BUY, 4, 1, 90, account=8),
    )
    events = hall.do(leg(SELL, 5, 1, 90, account=8))
    assert Restated("ABC", 2, 2) in events
    assert Cancelled("ABC", 1, BUY, 80, 3, CONTINGENT) in events


def test_h1_a_rival_that_has_not_entered_yet_enters_with_what_is_left() -> None:
    hall = Hall()
    hall.do(leg(BUY, 8, 3, 100, account=8))
    events = hall.do(ACROSS)
    assert [event.quantity for event in events if isinstance(event, Accepted)] == [5, 2]
    assert status(hall.pair.state, "XYZ", 2) is not None


def test_h1_several_fills_of_one_step_make_rivals_smaller_once() -> None:
    hall = Hall()
    hall.do(leg(BUY, 8, 1, 101, account=8), leg(BUY, 9, 2, 100, account=8))
    events = hall.do(ACROSS)
    assert [event for event in events if isinstance(event, Restated)] == [Restated("XYZ", 2, 3)]


def test_h1_a_rival_in_a_book_of_larger_lots_is_smaller_by_whole_lots() -> None:
    books = (Instrument("ABC"), Instrument("XYZ", lot=10))
    hall = Hall(instruments=books)
    hall.do(oco(leg(SELL, 1, 50, 100), leg(SELL, 2, 50, 50, symbol="XYZ")))
    assert hall.do(hit(3))[-1] == Restated("XYZ", 2, 10)


def test_h1_d5_an_iceberg_shows_what_it_showed_as_far_as_it_has_it() -> None:
    hall = Hall()
    hall.do(oco(leg(SELL, 1, 5, 100), leg(SELL, 2, 5, 50, symbol="XYZ", display=3)), hit(1))
    assert [(order.visible, order.leaves) for order in queue(hall.pair.state, "XYZ").asks] == [(3, 4)]
    hall.do(hit(2))
    assert [(order.visible, order.leaves) for order in queue(hall.pair.state, "XYZ").asks] == [(2, 2)]


@pytest.mark.parametrize("keeps", ReplaceKeeps)
def test_h1_b7_a_rival_that_shrinks_keeps_its_place_whatever_a_replace_would_do(keeps: ReplaceKeeps) -> None:
    hall = Hall(REDUCE._replace(replace_keeps=keeps))
    hall.do(ACROSS, leg(SELL, 3, 1, 50, symbol="XYZ", account=8), hit(2))
    assert [order.order_id for order in queue(hall.pair.state, "XYZ").asks] == [2, 3]


def test_h1_j2_a_rival_in_a_halted_book_shrinks_as_it_would_be_cancelled() -> None:
    hall = Hall()
    hall.do(ACROSS, Halt("XYZ"))
    assert hall.do(hit(2))[-1] == Restated("XYZ", 2, 2)


def test_h1_i6_a_fill_in_part_in_an_uncross_makes_the_rival_smaller() -> None:
    hall = Hall()
    hall.do(ACROSS, SetPhase("ABC", Phase.CALL), leg(BUY, 8, 2, 100, account=8))
    assert hall.do(SetPhase("ABC", Phase.CONTINUOUS))[-1] == Restated("XYZ", 2, 2)


def test_h4_a_cancel_ends_the_list_whole_though_one_has_traded() -> None:
    hall = Hall()
    hall.do(ACROSS, hit(2))
    assert hall.do(Cancel("ABC", 1))[-1] == Cancelled("XYZ", 2, SELL, 50, 3, CONTINGENT)


def test_h4_the_remainder_of_a_rival_that_is_cancelled_takes_the_others_along() -> None:
    hall = Hall()
    hall.do(leg(BUY, 8, 3, 100, account=8))
    events = hall.do(oco(leg(SELL, 1, 5, 100, time_in_force=TimeInForce.IOC), ACROSS.legs[1]))
    assert [(event.order_id, event.reason) for event in events if isinstance(event, Cancelled)] == [
        (1, CancelReason.IMMEDIATE),
        (2, CONTINGENT),
    ]


def test_h1_l4_the_second_leg_of_a_basket_finds_a_rival_of_the_first_smaller() -> None:
    hall = Hall()
    hall.do(ACROSS)
    legs = (Leg("ABC", 8, BUY, 2, 100), Leg("XYZ", 8, BUY, 4, 50))
    events = hall.do(Basket(8, legs))
    assert [event.reason for event in events if isinstance(event, Cancelled)] == [CancelReason.KILLED] * 2
    events = hall.do(Basket(8, (legs[0], legs[1]._replace(quantity=3))))
    assert [event.quantity for event in events if isinstance(event, Trade)] == [2, 3]
    assert (hall.open(1), hall.rivals()) == (0, [])


def test_h1_k2_so_it_does_where_levels_are_shared() -> None:
    hall = Hall(REDUCE._replace(allocation=Allocation(Sharing.PRO_RATA)))
    hall.do(ACROSS, leg(SELL, 3, 5, 100, account=8), leg(SELL, 4, 5, 50, account=8, symbol="XYZ"))
    legs = (Leg("ABC", 8, BUY, 4, 100), Leg("XYZ", 8, BUY, 9, 50))
    assert len([event for event in hall.do(Basket(9, legs)) if isinstance(event, Cancelled)]) == 2
    hall.do(Basket(9, (legs[0], legs[1]._replace(quantity=6))))
    assert hall.open(3) == 3


@pytest.mark.parametrize("choice", ListReplace)
def test_h1_rivals_that_make_one_another_smaller_are_not_replaced(choice: ListReplace) -> None:
    hall = Hall(REDUCE._replace(list_replace=choice))
    hall.do(ACROSS)
    assert hall.do(Replace("XYZ", 2, 2)) == (Rejected("XYZ", 2, RejectReason.IN_LIST),)


def test_h1_g3_prevented_quantity_is_not_filled_and_makes_nobody_smaller() -> None:
    hall = Hall()
    hall.do(ACROSS)
    hall.do(leg(BUY, 8, 2, 100, self_trade=SelfTradePrevention.DECREMENT))
    assert (hall.open(1), hall.open(2, "XYZ")) == (3, 5)


def test_h1_m1_what_a_rival_loses_is_reserved_no_more() -> None:
    hall = Hall(REDUCE._replace(risk=Risk.CASH))
    bids = (leg(BUY, 1, 5, 100), leg(BUY, 2, 5, 50, symbol="XYZ"))
    hall.do(Deposit(OWNER, 750), Deposit(8, 9, "ABC"), oco(*bids))
    assert account(hall.pair.state, OWNER).reserved == 750
    hall.do(leg(SELL, 9, 2, 100, account=8))
    assert (account(hall.pair.state, OWNER).cash, account(hall.pair.state, OWNER).reserved) == (550, 450)


def test_o1_a_rival_that_shrinks_is_restated_and_its_drop_copy_stands_where_it_stood() -> None:
    hall, reporter, copy = Hall(), Reporter(["ABC", "XYZ", "UVW"], REDUCE), DropCopy("XYZ", REDUCE)
    reports = []
    for command in (ACROSS, leg(SELL, 3, 1, 50, symbol="XYZ", account=8), hit(2), hit(1, 50, "XYZ")):
        for each in reporter.feed(command, hall.do(command)):
            copy.read(each)
            reports.append(each)
        assert copy.queue() == queue(hall.pair.state, "XYZ")
        assert copy.status(2) == status(hall.pair.state, "XYZ", 2)
    assert broken_stream(reports) == []
    (restated,) = (
        each
        for each in reports
        if isinstance(each, ExecutionReport) and each.symbol == "XYZ" and each.exec_type is ExecType.RESTATED
    )
    assert (restated.order_qty, restated.leaves_qty, restated.cancel_reason) == (3, 3, CONTINGENT)


def test_h1_held_back_or_not_a_state_is_shown_of_each_rival() -> None:
    hall = Hall()
    hall.do(ACROSS, hit(2))
    seen = status(hall.pair.state, "XYZ", 2)
    assert seen is not None
    assert (seen.state, seen.quantity, seen.executed) == (OrderState.NEW, 3, 0)
    assert view(hall.pair.state, "XYZ").lists == view(hall.pair.state, "ABC").lists


def test_h1_a_step_in_which_a_rival_keeps_too_much_is_refuted() -> None:
    hall = Hall()
    hall.do(ACROSS)
    before, taker = hall.pair.state, hit(2)
    after, events = step(before, taker)
    kept = after._replace(books={**after.books, "XYZ": before.books["XYZ"]})
    assert "rivals_shrink_together" in {breach.invariant for breach in broken(before, taker, events, kept)}
    strange = (*events, Restated("ABC", 1, 1))
    assert broken(before, taker, strange, after)
    unasked = hit(2, 50, "UVW")
    later, said = step(before, unasked)
    assert "rivals_shrink_together" in {
        breach.invariant for breach in broken(before, unasked, (*said, Restated("ABC", 1, 1)), later)
    }


def test_h1_a_step_in_which_a_rival_outlives_a_whole_fill_is_refuted() -> None:
    hall = Hall()
    hall.do(ACROSS)
    before, taker = hall.pair.state, hit(5)
    after, events = step(before, taker)
    kept = after._replace(books={**after.books, "XYZ": before.books["XYZ"]})
    assert "rivals_shrink_together" in {breach.invariant for breach in broken(before, taker, events[:-1], kept)}
