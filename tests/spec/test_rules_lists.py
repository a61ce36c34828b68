"""Rules H: lists of orders that cancel or release one another, held to in the oracle and in the engine alike."""

from __future__ import annotations

from typing import Any

import pytest

from bookproof.engine.striped import StripedEngine
from bookproof.models.sequential.differential import SideBySide
from bookproof.spec.allocation_terms import Allocation, Sharing
from bookproof.spec.commands import (
    AdvanceClock,
    Basket,
    Cancel,
    Command,
    EndOfDay,
    Halt,
    Leg,
    MassCancel,
    Replace,
    SetPhase,
    Submit,
    SubmitList,
    TakeSnapshot,
)
from bookproof.spec.events import (
    Accepted,
    Cancelled,
    Event,
    ListAccepted,
    PhaseChanged,
    Rejected,
    Replaced,
    SnapshotTaken,
    Trade,
    Triggered,
    Uncrossed,
)
from bookproof.spec.exchange import queue, status, step, view
from bookproof.spec.instruments import listing
from bookproof.spec.profile import DEFAULT, ListReplace, Profile, TrueStop
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import (
    ListKind,
    OrderId,
    OrderState,
    Phase,
    Place,
    SelfTradePrevention,
    Side,
    Symbol,
    TimeInForce,
)
from bookproof.spec.views import OrderList

BUY, SELL = Side.BUY, Side.SELL
OCO, OTO, OTOCO = ListKind
CONTINGENT, REFUSED = CancelReason.CONTINGENT, CancelReason.REFUSED
IOC = TimeInForce.IOC
OWNER = 7


class Hall:
    """Oracle and engine side by side, two books: every view compared and every invariant asked after each command."""

    def __init__(self, profile: Profile = DEFAULT) -> None:
        self.pair = SideBySide(StripedEngine, listing(["ABC", "XYZ"]), profile, invariants=True)
        self.events: tuple[Event, ...] = ()

    def do(self, command: Command) -> tuple[Event, ...]:
        """One command; its events."""
        _, self.events = step(self.pair.state, command)
        difference = self.pair.step(command)
        assert difference is None, f"\n{difference}"
        return self.events

    def buy(self, order_id: OrderId, quantity: int, price: int | None = None, symbol: Symbol = "ABC") -> None:
        """A stranger's order to buy."""
        self.do(Submit(symbol, order_id, 100 + order_id, BUY, quantity, price))

    def sell(self, order_id: OrderId, quantity: int, price: int | None = None, symbol: Symbol = "ABC") -> None:
        """A stranger's order to sell."""
        self.do(Submit(symbol, order_id, 100 + order_id, SELL, quantity, price))

    @property
    def reason(self) -> RejectReason | None:
        """Why the last command was refused."""
        return self.events[0].reason if isinstance(self.events[0], Rejected) else None

    @property
    def cancels(self) -> list[tuple[Symbol, OrderId, CancelReason]]:
        """Book, id and reason of each cancel of the last command."""
        return [(event.symbol, event.order_id, event.reason) for event in self.events if isinstance(event, Cancelled)]

    @property
    def entered(self) -> list[OrderId]:
        """Who entered a book in the last command."""
        return [event.order_id for event in self.events if isinstance(event, Accepted)]

    def resting(self, symbol: Symbol = "ABC") -> list[OrderId]:
        """Who rests in a book, bids first."""
        orders = queue(self.pair.state, symbol)
        return [order.order_id for order in (*orders.bids, *orders.asks)]

    def state(self, order_id: OrderId, symbol: Symbol = "ABC") -> OrderState | None:
        """Where an order stands."""
        found = status(self.pair.state, symbol, order_id)
        return None if found is None else found.state

    def lists(self, symbol: Symbol = "ABC") -> tuple[OrderList, ...]:
        """The live lists of a book."""
        return view(self.pair.state, symbol).lists


@pytest.fixture
def hall() -> Hall:
    return Hall()


def leg(side: Side, order_id: OrderId, quantity: int, price: int | None = None, **terms: Any) -> Submit:
    """An order of a list of OWNER's, for ABC or the symbol that is named."""
    symbol, account = terms.pop("symbol", "ABC"), terms.pop("account", OWNER)
    return Submit(symbol, order_id, account, side, quantity, price, **terms)


BRACKET = (leg(BUY, 1, 5, 100), leg(SELL, 2, 5, 110), leg(SELL, 3, 5, stop=90))
"""Buy at 100; then take the profit at 110 or stop the loss at 90."""
EXIT = SubmitList(OCO, BRACKET[1:])
ACROSS = SubmitList(OCO, (leg(SELL, 1, 5, 100), leg(SELL, 1, 5, 50, symbol="XYZ")))
"""Sell in one of two books, under one id in both."""


# ── H1: one cancels the other ──


def test_h1_a_list_is_acknowledged_and_each_leg_as_it_enters(hall: Hall) -> None:
    hall.do(EXIT)
    assert hall.events == (
        ListAccepted(OCO, (Place("ABC", 2), Place("ABC", 3))),
        Accepted("ABC", 2, SELL, 110, 5),
        Accepted("ABC", 3, SELL, None, 5),
    )
    assert (hall.resting(), hall.state(3)) == ([2], OrderState.PENDING)
    assert hall.lists() == (OrderList(OCO, None, (Place("ABC", 2), Place("ABC", 3))),)


def test_h1_the_first_fill_of_a_leg_cancels_the_other_and_the_leg_goes_on_alone(hall: Hall) -> None:
    hall.do(EXIT)
    hall.buy(9, 2, 110)
    assert hall.events[1:] == (
        Trade("ABC", 110, 2, 2, 9),
        Cancelled("ABC", 3, SELL, None, 5, CONTINGENT),
    )
    assert (hall.resting(), hall.lists()) == ([2], ())
    hall.do(Replace("ABC", 2, 4))
    assert hall.reason is None, "it is in no list any more"


def test_h1_the_trigger_of_a_leg_cancels_the_other_before_the_triggered_order_trades(hall: Hall) -> None:
    hall.do(EXIT)
    hall.buy(8, 1, 90)
    hall.buy(9, 3, 89)
    hall.sell(10, 1, 90)
    assert hall.events[1:] == (
        Trade("ABC", 90, 1, 8, 10),
        Triggered("ABC", 3),
        Cancelled("ABC", 2, SELL, 110, 5, CONTINGENT),
        Trade("ABC", 89, 3, 9, 3),
        Cancelled("ABC", 3, SELL, None, 2, CancelReason.MARKET),
    )


def test_h1_both_legs_hit_at_once_two_stops_due_together_and_one_is_triggered(hall: Hall) -> None:
    hall.do(SubmitList(OCO, (leg(SELL, 1, 5, stop=95), leg(SELL, 2, 5, stop=92))))
    hall.buy(8, 2, 90)
    hall.sell(9, 1, 90)
    assert [event for event in hall.events if isinstance(event, Triggered)] == [Triggered("ABC", 1)]
    assert hall.cancels[0] == ("ABC", 2, CONTINGENT)
    assert hall.state(2) is None


def test_h1_both_legs_hit_at_once_a_fill_takes_a_stop_that_is_due_out_of_its_turn(hall: Hall) -> None:
    """The stranger's stop is due first, and its fill in the list's resting leg comes before the list's stop's turn."""
    hall.do(SubmitList(OCO, (leg(SELL, 1, 5, 120), leg(BUY, 2, 5, stop=105))))
    hall.do(Submit("ABC", 3, 103, BUY, 1, stop=104))
    hall.sell(4, 1, 105)
    hall.buy(5, 1, 105)
    assert hall.events[1:] == (
        Trade("ABC", 105, 1, 4, 5),
        Triggered("ABC", 3),
        Trade("ABC", 120, 1, 1, 3),
        Cancelled("ABC", 2, BUY, None, 5, CONTINGENT),
    )


def test_h1_legs_in_two_books_the_fill_in_one_cancels_in_the_other_in_the_same_command(hall: Hall) -> None:
    hall.do(ACROSS)
    hall.buy(9, 1, 50, "XYZ")
    assert hall.cancels == [("ABC", 1, CONTINGENT)]
    assert (hall.resting(), hall.resting("XYZ")) == ([], [1])
    hall.buy(9, 1, 100)
    assert not [event for event in hall.events if isinstance(event, Trade)]


def test_h1_both_legs_hit_at_once_a_basket_that_needs_both_legs_is_killed(hall: Hall) -> None:
    hall.do(ACROSS)
    before = hall.pair.state
    hall.do(Basket(8, (Leg("ABC", 8, BUY, 1, 100), Leg("XYZ", 8, BUY, 1, 50))))
    assert hall.cancels == [("ABC", 8, CancelReason.KILLED), ("XYZ", 8, CancelReason.KILLED)]
    assert hall.pair.state is before, "nothing happened to the list"


def test_h1_a_basket_that_needs_one_leg_trades_and_the_rival_is_gone_for_its_next_leg(hall: Hall) -> None:
    hall.do(ACROSS)
    hall.sell(2, 5, 51, "XYZ")
    hall.do(Basket(8, (Leg("ABC", 8, BUY, 1, 100), Leg("XYZ", 8, BUY, 1, 51))))
    assert [event for event in hall.events if not isinstance(event, Accepted)] == [
        Trade("ABC", 100, 1, 1, 8),
        Cancelled("XYZ", 1, SELL, 50, 5, CONTINGENT),
        Trade("XYZ", 51, 1, 2, 8),
    ]


def test_h1_a_leg_that_is_prevented_from_trading_in_a_basket_takes_its_rival_along(hall: Hall) -> None:
    hall.do(ACROSS)
    hall.sell(2, 5, 101)
    hall.sell(2, 5, 51, "XYZ")
    legs = (Leg("ABC", 8, BUY, 1, 101), Leg("XYZ", 8, BUY, 5, 51))
    hall.do(Basket(OWNER, legs, SelfTradePrevention.CANCEL_MAKER))
    assert hall.cancels == [("ABC", 1, CancelReason.SELF_TRADE), ("XYZ", 1, CONTINGENT)]


def test_h1_a_leg_that_trades_on_entry_keeps_the_legs_behind_it_out(hall: Hall) -> None:
    hall.buy(9, 1, 110)
    hall.do(EXIT)
    assert hall.events[1:] == (
        Accepted("ABC", 2, SELL, 110, 5),
        Trade("ABC", 110, 1, 9, 2),
        Cancelled("ABC", 3, SELL, None, 5, CONTINGENT),
    )
    assert hall.resting() == [2]


def test_h1_a_leg_that_trades_on_entry_cancels_the_leg_before_it(hall: Hall) -> None:
    hall.buy(9, 1, 50, "XYZ")
    hall.do(ACROSS)
    assert hall.cancels == [("ABC", 1, CONTINGENT)]
    assert (hall.resting(), hall.resting("XYZ")) == ([], [1])


def test_h1_a_stop_that_is_due_on_entry_triggers_where_the_profile_says_so_and_is_chosen_by_that() -> None:
    hall = Hall(Profile(true_stop=TrueStop.TRIGGER))
    hall.sell(8, 1, 90)
    hall.buy(9, 1, 90)
    hall.do(EXIT)
    assert [type(event) for event in hall.events[3:5]] == [Triggered, Cancelled]
    assert hall.cancels[0] == ("ABC", 2, CONTINGENT)


def test_h1_of_three_legs_one_fill_cancels_two(hall: Hall) -> None:
    hall.do(SubmitList(OCO, (*EXIT.legs, leg(SELL, 4, 5, 50, symbol="XYZ"))))
    hall.buy(9, 1, 50, "XYZ")
    assert hall.cancels == [("ABC", 2, CONTINGENT), ("ABC", 3, CONTINGENT)]


def test_h1_a_leg_that_is_prevented_from_trading_in_part_has_not_executed(hall: Hall) -> None:
    hall.do(ACROSS)
    hall.do(leg(BUY, 9, 2, 100, self_trade=SelfTradePrevention.DECREMENT))
    assert len(hall.lists()) == 1
    hall.do(leg(BUY, 9, 3, 100, self_trade=SelfTradePrevention.DECREMENT))
    assert ("XYZ", 1, CONTINGENT) in hall.cancels, "now nothing is left of it, so the list is over"


def test_h1_an_order_of_a_live_list_cannot_be_replaced(hall: Hall) -> None:
    hall.do(SubmitList(OTOCO, BRACKET))
    for order_id in (1, 2, 3):
        hall.do(Replace("ABC", order_id, 4))
        assert hall.reason is RejectReason.IN_LIST
    reasons = []
    for command in (Replace("ABC", 1, 0), Halt("ABC"), Replace("ABC", 1, 4), Halt(), Replace("ABC", 1, 4)):
        hall.do(command)
        reasons.append(hall.reason)
    invalid, halted, closed = RejectReason.INVALID_QUANTITY, RejectReason.BOOK_HALTED, RejectReason.MARKET_HALTED
    assert reasons == [invalid, None, halted, None, closed], "what else is wrong is said first"


AMENDS = Profile("rivals-amended", list_replace=ListReplace.AMEND)


def test_h1_a_new_quantity_of_one_leg_is_that_of_its_rivals_where_the_profile_says_so() -> None:
    hall = Hall(AMENDS)
    hall.do(SubmitList(OCO, (*EXIT.legs, leg(SELL, 4, 5, 50, symbol="XYZ"))))
    hall.do(Replace("ABC", 2, 3, 111))
    assert hall.events == (
        Replaced("ABC", 2, SELL, 111, 3),
        Replaced("ABC", 3, SELL, None, 3),
        Replaced("XYZ", 4, SELL, 50, 3),
    )
    assert len(hall.lists()) == 1


def test_h1_a_new_price_alone_leaves_the_rivals_as_they_are() -> None:
    hall = Hall(AMENDS)
    hall.do(EXIT)
    hall.do(Replace("ABC", 2, 5, 111))
    assert hall.events == (Replaced("ABC", 2, SELL, 111, 5),)
    hall.do(Replace("ABC", 3, 5, stop=91))
    assert hall.events == (Replaced("ABC", 3, SELL, None, 5),)


def test_h1_an_amended_leg_that_trades_cancels_its_rivals_instead_of_amending_them() -> None:
    hall = Hall(AMENDS)
    hall.buy(9, 1, 105)
    hall.do(EXIT)
    hall.do(Replace("ABC", 2, 4, 105))
    assert hall.events == (
        Replaced("ABC", 2, SELL, 105, 4),
        Trade("ABC", 105, 1, 9, 2),
        Cancelled("ABC", 3, SELL, None, 5, CONTINGENT),
    )


def test_h1_an_amendment_that_leaves_nothing_of_a_leg_ends_the_list() -> None:
    for symbol, order_id in (("XYZ", 2), ("ABC", 1)):
        hall = Hall(AMENDS)
        hall.do(SubmitList(OCO, (leg(SELL, 1, 5, 100), leg(SELL, 2, 5, 50, symbol="XYZ"))))
        hall.do(leg(BUY, 9, 2, 100, self_trade=SelfTradePrevention.DECREMENT))
        hall.do(Replace(symbol, order_id, 2))
        assert hall.cancels == [("ABC", 1, CancelReason.REPLACED), ("XYZ", 2, CONTINGENT)]


@pytest.mark.parametrize(
    ("setup", "command", "reason"),
    [
        ([Halt("XYZ")], Replace("ABC", 1, 4), RejectReason.BOOK_HALTED),
        ([], Replace("ABC", 1, 10**12 + 1), RejectReason.INVALID_QUANTITY),
        ([], Replace("ABC", 1, 4, stop=90), RejectReason.INVALID_REPLACE),
        ([Replace("ABC", 1, 5, 108)], Replace("ABC", 2, 5, 109), RejectReason.INVALID_REPLACE),
        ([], Replace("ABC", 4, 5, stop=60), RejectReason.STOP_ALREADY_TRUE),
    ],
    ids=["a rival's book is halted", "too large", "a stop for what is none", "in reach of a rival", "stop is true"],
)
def test_h1_an_amendment_is_refused_as_a_whole(setup: list[Command], command: Replace, reason: RejectReason) -> None:
    hall = Hall(AMENDS)
    hall.sell(60, 1, 105)
    hall.buy(61, 1, 105)
    legs = (leg(SELL, 1, 5, 110), leg(BUY, 2, 5, 90), leg(SELL, 3, 5, 50, symbol="XYZ"), leg(BUY, 4, 5, stop=120))
    hall.do(SubmitList(OCO, legs))
    for earlier in setup:
        hall.do(earlier)
    before = hall.pair.state
    hall.do(command)
    assert hall.reason is reason
    assert hall.pair.state is before


def test_h1_orders_that_wait_or_are_waited_for_are_not_amended_even_there() -> None:
    hall = Hall(AMENDS)
    hall.do(SubmitList(OTOCO, BRACKET))
    for order_id in (1, 2):
        hall.do(Replace("ABC", order_id, 4))
        assert hall.reason is RejectReason.IN_LIST
    hall.sell(9, 5, 100)
    hall.do(Replace("ABC", 2, 4))
    assert [event.quantity for event in hall.events if isinstance(event, Replaced)] == [4, 4]


# ── H2: one triggers the other ──

HEDGE = SubmitList(OTO, (leg(BUY, 1, 5, 100), leg(SELL, 2, 5, 50, symbol="XYZ")))


def test_h2_who_waits_is_accepted_with_the_list_and_in_no_queue(hall: Hall) -> None:
    hall.do(HEDGE)
    assert hall.entered == [1]
    assert (hall.resting("XYZ"), hall.state(2, "XYZ")) == ([], OrderState.PENDING_NEW)
    waiting = OrderList(OTO, Place("ABC", 1), (Place("XYZ", 2),))
    assert (hall.lists("ABC"), hall.lists("XYZ")) == ((waiting,), (waiting,))
    [event] = hall.do(TakeSnapshot())
    assert isinstance(event, SnapshotTaken)
    assert event.books[1].lists == (waiting,)


def test_h2_a_partial_fill_releases_nobody_and_the_last_fill_does(hall: Hall) -> None:
    hall.do(HEDGE)
    hall.sell(8, 4, 100)
    assert (hall.entered, hall.resting("XYZ")) == ([8], [])
    hall.sell(9, 1, 100)
    assert hall.events[1:] == (Trade("ABC", 100, 1, 1, 9), Accepted("XYZ", 2, SELL, 50, 5))
    assert (hall.resting("XYZ"), hall.lists()) == ([2], ())
    hall.do(Replace("XYZ", 2, 4))
    assert hall.reason is None


def test_h2_a_working_order_filled_on_entry_releases_at_once(hall: Hall) -> None:
    hall.sell(8, 5, 100)
    hall.buy(9, 3, 50, "XYZ")
    hall.do(HEDGE)
    assert hall.events == (
        ListAccepted(OTO, (Place("ABC", 1), Place("XYZ", 2))),
        Accepted("ABC", 1, BUY, 100, 5),
        Trade("ABC", 100, 5, 8, 1),
        Accepted("XYZ", 2, SELL, 50, 5),
        Trade("XYZ", 50, 3, 9, 2),
    )


def test_h2_who_waits_enters_after_the_stops_that_the_fill_triggered_and_at_the_end_of_its_queue(hall: Hall) -> None:
    hall.do(SubmitList(OTO, (leg(BUY, 1, 5, 100), leg(BUY, 2, 1, 100))))
    hall.do(Submit("ABC", 3, 103, BUY, 1, 100, stop=100))
    hall.sell(9, 5, 100)
    assert [type(event).__name__ for event in hall.events] == ["Accepted", "Trade", "Triggered", "Accepted"]
    assert hall.resting() == [3, 2]


def test_h2_a_release_sets_off_another_until_all_is_quiet(hall: Hall) -> None:
    hall.do(SubmitList(OTO, (leg(BUY, 1, 1, 100), leg(SELL, 2, 1, 50, symbol="XYZ"))))
    hall.do(SubmitList(OTO, (leg(BUY, 3, 1, 50, symbol="XYZ", account=8), leg(SELL, 4, 1, 90, account=8))))
    hall.buy(8, 1, 90)
    hall.sell(9, 1, 100)
    assert [(type(event).__name__, getattr(event, "order_id", None)) for event in hall.events] == [
        ("Accepted", 9),
        ("Trade", None),
        ("Accepted", 2),
        ("Trade", None),
        ("Accepted", 4),
        ("Trade", None),
    ]
    assert (hall.lists(), hall.resting(), hall.resting("XYZ")) == ((), [], [])


def test_h2_several_who_wait_enter_in_the_order_of_the_list_and_are_free_then(hall: Hall) -> None:
    hall.do(SubmitList(OTO, (leg(BUY, 1, 5, 100), leg(SELL, 2, 5, 110), leg(SELL, 3, 5, 111))))
    hall.sell(9, 5, 100)
    assert (hall.entered, hall.resting()) == ([9, 2, 3], [2, 3])
    hall.buy(10, 6, 111)
    assert hall.resting() == [3], "neither cancels the other"


@pytest.mark.parametrize(
    ("waiting", "setup"),
    [
        (leg(SELL, 2, 5, 50, symbol="XYZ"), [Halt("XYZ")]),
        (leg(SELL, 2, 5, symbol="XYZ"), []),
        (leg(SELL, 2, 5, 100, post_only=True), [Submit("ABC", 8, 108, BUY, 5, 100)]),
        (leg(SELL, 2, 5, stop=100), []),
    ],
    ids=["halted", "no liquidity", "would take", "stop already true"],
)
def test_h2_a_turn_that_the_book_refuses_is_a_cancel(hall: Hall, waiting: Submit, setup: list[Command]) -> None:
    hall.do(SubmitList(OTO, (leg(BUY, 1, 5, 100), waiting)))
    for command in setup:
        hall.do(command)
    hall.sell(9, 5, 100)
    assert hall.cancels == [(waiting.symbol, 2, REFUSED)]
    assert hall.lists() == ()


def test_h2_what_depends_on_the_book_at_entry_is_not_asked_while_an_order_is_held_back(hall: Hall) -> None:
    hall.do(SubmitList(OTO, (leg(BUY, 1, 5, 100), leg(SELL, 2, 5, symbol="XYZ"))))
    assert hall.reason is None, "XYZ has no bid yet, and may have one by then"


def test_h2_the_id_of_an_order_that_waits_is_taken(hall: Hall) -> None:
    hall.do(HEDGE)
    hall.buy(2, 1, 40, "XYZ")
    assert hall.reason is RejectReason.DUPLICATE_ORDER_ID
    hall.do(Basket(8, (Leg("XYZ", 2, BUY, 1, 50),)))
    assert hall.reason is RejectReason.DUPLICATE_ORDER_ID
    hall.do(HEDGE)
    assert hall.reason is RejectReason.DUPLICATE_ORDER_ID


def test_h2_an_order_filled_for_all_that_prevention_left_of_it_is_filled(hall: Hall) -> None:
    hall.do(HEDGE)
    hall.do(leg(SELL, 8, 2, 100, self_trade=SelfTradePrevention.DECREMENT))
    hall.sell(9, 3, 100)
    assert hall.entered == [9, 2]


# ── H3: one triggers the others, which cancel one another ──


def test_h3_a_filled_bracket_leaves_its_exits_which_are_rivals(hall: Hall) -> None:
    hall.do(SubmitList(OTOCO, BRACKET))
    assert hall.lists() == (OrderList(OTOCO, Place("ABC", 1), (Place("ABC", 2), Place("ABC", 3))),)
    hall.sell(8, 5, 100)
    assert hall.entered == [8, 2, 3]
    assert hall.lists() == (OrderList(OCO, None, (Place("ABC", 2), Place("ABC", 3))),)
    hall.buy(9, 1, 110)
    assert hall.cancels == [("ABC", 3, CONTINGENT)]


def test_h3_of_the_exits_the_first_that_trades_on_release_keeps_the_others_out(hall: Hall) -> None:
    hall.do(SubmitList(OTOCO, (leg(BUY, 1, 5, 100), leg(SELL, 2, 5, 50, symbol="XYZ"), leg(SELL, 3, 5, 110))))
    hall.buy(8, 1, 50, "XYZ")
    hall.sell(9, 5, 100)
    assert (hall.entered, hall.cancels) == ([9, 2], [("ABC", 3, CONTINGENT)])


def test_h3_an_exit_whose_turn_is_refused_takes_the_other_along(hall: Hall) -> None:
    hall.do(SubmitList(OTOCO, (leg(BUY, 1, 5, 100), leg(SELL, 2, 5, 110), leg(SELL, 3, 5, stop=100))))
    hall.sell(9, 5, 100)
    assert hall.cancels == [("ABC", 3, REFUSED), ("ABC", 2, CONTINGENT)]
    assert hall.lists() == ()


# ── H4: as a whole ──


@pytest.mark.parametrize("symbol_and_id", [("ABC", 1), ("ABC", 2), ("ABC", 3)], ids=str)
def test_h4_cancelling_one_order_cancels_the_list(hall: Hall, symbol_and_id: tuple[Symbol, OrderId]) -> None:
    hall.do(SubmitList(OTOCO, BRACKET))
    hall.do(Cancel(*symbol_and_id))
    assert hall.cancels[0] == (*symbol_and_id, CancelReason.REQUESTED)
    rest = [("ABC", order_id, CONTINGENT) for order_id in (1, 2, 3) if order_id != symbol_and_id[1]]
    assert hall.cancels[1:] == rest
    assert (hall.resting(), hall.lists()) == ([], ())


def test_h4_a_remainder_that_is_cancelled_ends_the_list(hall: Hall) -> None:
    hall.sell(9, 3, 100)
    hall.do(SubmitList(OTOCO, (BRACKET[0]._replace(time_in_force=IOC), *BRACKET[1:])))
    assert hall.cancels == [("ABC", 1, CancelReason.IMMEDIATE), ("ABC", 2, CONTINGENT), ("ABC", 3, CONTINGENT)]


def test_h4_self_trade_prevention_ends_the_list(hall: Hall) -> None:
    hall.do(ACROSS)
    hall.do(leg(BUY, 9, 5, 100, self_trade=SelfTradePrevention.CANCEL_MAKER))
    assert hall.cancels == [("ABC", 1, CancelReason.SELF_TRADE), ("XYZ", 1, CONTINGENT)]


def test_h4_an_expiry_ends_the_list_even_of_who_waits(hall: Hall) -> None:
    legs = (BRACKET[0], BRACKET[1]._replace(time_in_force=TimeInForce.GTD, expires=9), BRACKET[2])
    hall.do(SubmitList(OTOCO, legs))
    hall.do(AdvanceClock(9))
    assert hall.cancels == [("ABC", 2, CancelReason.EXPIRED), ("ABC", 1, CONTINGENT), ("ABC", 3, CONTINGENT)]
    hall.do(SubmitList(OCO, (ACROSS.legs[0], ACROSS.legs[1]._replace(time_in_force=TimeInForce.DAY))))
    hall.do(EndOfDay())
    assert hall.cancels == [("XYZ", 1, CancelReason.EXPIRED), ("ABC", 1, CONTINGENT)]


def test_h4_a_mass_cancel_takes_every_order_of_the_list_for_its_own_reason(hall: Hall) -> None:
    hall.do(HEDGE)
    hall.do(MassCancel(OWNER))
    assert hall.cancels == [("ABC", 1, CancelReason.MASS_CANCEL), ("XYZ", 2, CancelReason.MASS_CANCEL)]


def test_h4_halted_books_let_lists_go(hall: Hall) -> None:
    hall.do(ACROSS)
    hall.do(Halt("XYZ"))
    hall.buy(9, 1, 100)
    assert hall.cancels == [("XYZ", 1, CONTINGENT)]


@pytest.mark.parametrize(
    ("command", "refusal"),
    [
        (SubmitList(OCO, ()), Rejected(None, None, RejectReason.INVALID_LEGS)),
        (SubmitList(OTO, BRACKET[:1]), Rejected(None, None, RejectReason.INVALID_LEGS)),
        (SubmitList(OTOCO, BRACKET[:2]), Rejected(None, None, RejectReason.INVALID_LEGS)),
        (SubmitList(OTO, (BRACKET[0], BRACKET[0])), Rejected("ABC", 1, RejectReason.INVALID_LEGS)),
        (
            SubmitList(OTO, (BRACKET[0], BRACKET[1]._replace(account=8))),
            Rejected("ABC", 2, RejectReason.INVALID_LEGS),
        ),
        (SubmitList(OCO, (leg(SELL, 1, 5, 100), leg(SELL, 2, 5, 101))), Rejected("ABC", 2, RejectReason.INVALID_LEGS)),
        (SubmitList(OCO, (leg(SELL, 1, 5, 100), leg(BUY, 2, 5, 100))), Rejected("ABC", 2, RejectReason.INVALID_LEGS)),
        (SubmitList(OCO, (leg(SELL, 1, 5, 100), leg(BUY, 2, 5))), Rejected("ABC", 2, RejectReason.INVALID_LEGS)),
        (
            SubmitList(OTOCO, (BRACKET[0], BRACKET[1], leg(SELL, 3, 5, 111))),
            Rejected("ABC", 3, RejectReason.INVALID_LEGS),
        ),
        (
            SubmitList(OTO, (leg(BUY, 1, 0, 100), leg(SELL, 2, 5, 110, symbol="?"))),
            Rejected("?", 2, RejectReason.UNKNOWN_SYMBOL),
        ),
        (SubmitList(OTO, (leg(BUY, 1, 0, 100), leg(SELL, 2, 5, 0))), Rejected("ABC", 1, RejectReason.INVALID_QUANTITY)),
        (SubmitList(OTO, (BRACKET[0], leg(SELL, 60, 5, 110))), Rejected("ABC", 60, RejectReason.DUPLICATE_ORDER_ID)),
        (SubmitList(OCO, (BRACKET[0], leg(SELL, 2, 5, stop=200))), Rejected("ABC", 2, RejectReason.STOP_ALREADY_TRUE)),
        (
            SubmitList(OCO, (BRACKET[0], leg(SELL, 2, 5, symbol="XYZ"))),
            Rejected("XYZ", 2, RejectReason.NO_LIQUIDITY),
        ),
    ],
    ids=str,
)
def test_h4_a_list_is_refused_as_a_whole_with_the_first_reason_in_precedence_and_the_leg_at_fault(
    hall: Hall, command: SubmitList, refusal: Rejected
) -> None:
    hall.sell(60, 5, 150)
    hall.buy(61, 1, 150)
    before = hall.pair.state
    assert hall.do(command) == (refusal,)
    assert hall.pair.state is before


@pytest.mark.parametrize(
    ("halt", "reason"),
    [(Halt(), RejectReason.MARKET_HALTED), (Halt("XYZ"), RejectReason.BOOK_HALTED)],
)
def test_h4_a_halt_refuses_a_list_even_where_only_an_order_that_waits_would_go(
    hall: Hall, halt: Halt, reason: RejectReason
) -> None:
    hall.do(halt)
    hall.do(HEDGE)
    assert hall.reason is reason


def test_h4_rivals_that_are_stops_or_in_two_books_or_out_of_reach_may_stand_together(hall: Hall) -> None:
    for number, legs in enumerate(
        (
            (leg(SELL, 1, 5, 110), leg(BUY, 2, 5, 109)),
            (leg(SELL, 3, 5, 112), leg(SELL, 4, 5, 89, stop=90)),
            (leg(BUY, 5, 5, stop=120), leg(SELL, 6, 5, stop=80)),
            (leg(SELL, 7, 5, 113), leg(SELL, 7, 5, 113, symbol="XYZ")),
        ),
        start=1,
    ):
        hall.do(SubmitList(OCO, legs))
        assert len(hall.lists()) == number


def test_h4_what_happens_to_one_list_is_nothing_to_another(hall: Hall) -> None:
    hall.do(EXIT)
    hall.do(SubmitList(OCO, tuple(leg._replace(order_id=leg.order_id + 10, account=8) for leg in EXIT.legs)))
    hall.buy(9, 1, 110)
    assert hall.cancels == [("ABC", 3, CONTINGENT)]
    assert [one.others[0].order_id for one in hall.lists()] == [12]


# ── lists and phases: orders that a call collects ──


CALL, CONTINUOUS = SetPhase("ABC", Phase.CALL), SetPhase("ABC", Phase.CONTINUOUS)


def test_h1_i6_a_leg_that_trades_in_an_uncross_cancels_its_rival_in_another_book_in_the_same_command(
    hall: Hall,
) -> None:
    hall.do(ACROSS)
    hall.do(CALL)
    hall.buy(9, 2, 100)
    assert hall.cancels == [], "what a call collects has not traded"
    hall.do(CONTINUOUS)
    assert hall.events == (
        PhaseChanged("ABC", Phase.CONTINUOUS),
        Uncrossed("ABC", 100, 2, -3),
        Trade("ABC", 100, 2, 1, 9),
        Cancelled("XYZ", 1, SELL, 50, 5, CONTINGENT),
    )
    assert (hall.resting(), hall.resting("XYZ"), hall.lists()) == ([1], [], ())


def test_h1_i9_a_rival_that_is_a_stop_due_at_the_price_of_an_uncross_is_gone_before_stops_are_triggered(
    hall: Hall,
) -> None:
    hall.do(SubmitList(OCO, (leg(SELL, 1, 5, 100), leg(BUY, 2, 5, stop=99))))
    hall.do(CALL)
    hall.buy(9, 5, 100)
    hall.do(CONTINUOUS)
    assert hall.events[2:] == (Trade("ABC", 100, 5, 1, 9), Cancelled("ABC", 2, BUY, None, 5, CONTINGENT))


def test_h1_i9_a_stop_that_an_uncross_triggers_cancels_its_rival_in_another_book(hall: Hall) -> None:
    hall.do(SubmitList(OCO, (leg(SELL, 1, 5, stop=100), leg(SELL, 2, 5, 50, symbol="XYZ"))))
    hall.do(CALL)
    hall.buy(8, 3, 100)
    hall.sell(9, 2, 100)
    hall.do(CONTINUOUS)
    assert hall.events[2:6] == (
        Trade("ABC", 100, 2, 9, 8),
        Triggered("ABC", 1),
        Cancelled("XYZ", 2, SELL, 50, 5, CONTINGENT),
        Trade("ABC", 100, 1, 8, 1),
    )


def test_h1_i1_rivals_that_enter_a_call_rest_in_it_and_only_the_uncross_chooses(hall: Hall) -> None:
    hall.do(CALL)
    hall.buy(9, 5, 100)
    hall.do(ACROSS)
    assert (hall.resting(), hall.resting("XYZ"), hall.cancels) == ([9, 1], [1], [])
    hall.do(CONTINUOUS)
    assert hall.cancels == [("XYZ", 1, CONTINGENT)]


def test_h2_i6_an_order_filled_in_an_uncross_releases_who_waits_for_it_after_the_stops(hall: Hall) -> None:
    hall.do(Submit("ABC", 3, 103, BUY, 1, stop=100))
    hall.do(CALL)
    hall.do(SubmitList(OTO, (leg(BUY, 1, 5, 100), leg(SELL, 2, 5, 100), leg(SELL, 4, 5, 60, symbol="XYZ"))))
    assert (hall.resting(), hall.state(2)) == ([1], OrderState.PENDING_NEW)
    hall.sell(9, 5, 100)
    assert hall.state(2) is OrderState.PENDING_NEW, "nothing has traded yet"
    hall.do(CONTINUOUS)
    assert hall.events[2:] == (
        Trade("ABC", 100, 5, 9, 1),
        Triggered("ABC", 3),
        Cancelled("ABC", 3, BUY, None, 1, CancelReason.MARKET),
        Accepted("ABC", 2, SELL, 100, 5),
        Accepted("XYZ", 4, SELL, 60, 5),
    )


def test_h2_i6_an_order_filled_in_part_by_an_uncross_releases_nobody(hall: Hall) -> None:
    hall.do(CALL)
    hall.do(SubmitList(OTO, (leg(BUY, 1, 5, 100), leg(SELL, 2, 5, 110))))
    hall.sell(9, 4, 100)
    hall.do(CONTINUOUS)
    assert (hall.entered, hall.resting(), hall.state(2)) == ([], [1], OrderState.PENDING_NEW)


def test_h4_i6_a_market_order_that_an_uncross_leaves_over_takes_its_list_along_also_where_it_traded(
    hall: Hall,
) -> None:
    hall.do(CALL)
    hall.do(SubmitList(OTO, (leg(BUY, 1, 5), leg(SELL, 2, 5, 110))))
    hall.sell(9, 4, 100)
    hall.do(CONTINUOUS)
    assert hall.cancels == [("ABC", 1, CancelReason.MARKET), ("ABC", 2, CONTINGENT)]


def test_h3_i6_a_bracket_filled_in_an_uncross_leaves_its_exits_which_are_rivals(hall: Hall) -> None:
    hall.do(CALL)
    hall.do(SubmitList(OTOCO, BRACKET))
    hall.sell(9, 5, 100)
    hall.do(CONTINUOUS)
    assert hall.entered == [2, 3]
    assert hall.lists() == (OrderList(OCO, None, (Place("ABC", 2), Place("ABC", 3))),)


def test_h2_i1_an_order_whose_turn_comes_while_its_book_collects_rests_there_unless_it_wants_to_trade_now(
    hall: Hall,
) -> None:
    waiting = leg(SELL, 2, 5, 40, symbol="XYZ"), leg(SELL, 3, 5, 40, symbol="XYZ", time_in_force=IOC)
    hall.do(SubmitList(OTO, (leg(BUY, 1, 5, 100), *waiting)))
    hall.buy(8, 5, 50, "XYZ")
    hall.do(SetPhase("XYZ", Phase.CALL))
    hall.sell(9, 5, 100)
    assert hall.cancels == [("XYZ", 3, REFUSED)]
    assert hall.resting("XYZ") == [8, 2], "crossed, as what a call collects may be"


@pytest.mark.parametrize("phase", [Phase.CANCEL_ONLY, Phase.CLOSED, Phase.HALT])
def test_h2_j1_an_order_whose_turn_comes_while_its_book_takes_nothing_is_cancelled(hall: Hall, phase: Phase) -> None:
    hall.do(SubmitList(OTO, (leg(BUY, 1, 5, 100), leg(SELL, 2, 5, 60, symbol="XYZ"))))
    hall.do(SetPhase("XYZ", phase))
    assert hall.state(2, "XYZ") is OrderState.PENDING_NEW, "a phase does nothing to who is held back"
    hall.sell(9, 5, 100)
    assert hall.cancels == [("XYZ", 2, REFUSED)]


def test_h4_i1_a_list_is_refused_where_any_leg_wants_to_trade_now_in_a_book_that_collects(hall: Hall) -> None:
    """Even one that would be held back: what a phase refuses it refuses of the list as a whole, as a halt does."""
    hall.do(SetPhase("XYZ", Phase.CALL))
    hall.do(SubmitList(OTO, (leg(BUY, 1, 5, 100), leg(SELL, 2, 5, 60, symbol="XYZ", time_in_force=IOC))))
    assert hall.reason is RejectReason.NOT_IN_AUCTION
    assert hall.resting() == []


def test_h4_j1_a_member_is_cancelled_in_any_phase_and_takes_its_list_along(hall: Hall) -> None:
    for number, phase in enumerate((Phase.CALL, Phase.CANCEL_ONLY, Phase.HALT, Phase.CLOSED)):
        first, second = leg(SELL, 2 * number, 5, 100), leg(SELL, 2 * number + 1, 5, 50, symbol="XYZ")
        hall.do(SubmitList(OCO, (first, second)))
        hall.do(SetPhase("ABC", phase))
        hall.do(Cancel("ABC", first.order_id))
        assert hall.cancels == [("ABC", first.order_id, CancelReason.REQUESTED), ("XYZ", second.order_id, CONTINGENT)]
        hall.do(SetPhase("ABC", Phase.PRE_OPEN if phase is Phase.CLOSED else Phase.CONTINUOUS))
        if phase is Phase.CALL:
            assert hall.events == (PhaseChanged("ABC", Phase.CONTINUOUS), Uncrossed("ABC", None, 0, 0))


@pytest.mark.parametrize(
    ("phase", "reason"),
    [
        (Phase.CALL, RejectReason.IN_LIST),
        (Phase.CANCEL_ONLY, RejectReason.CANCELS_ONLY),
        (Phase.CLOSED, RejectReason.BOOK_CLOSED),
        (Phase.HALT, RejectReason.BOOK_HALTED),
    ],
)
def test_h1_j1_a_replace_of_a_member_is_refused_for_the_phase_before_it_is_for_the_list(
    hall: Hall, phase: Phase, reason: RejectReason
) -> None:
    hall.do(ACROSS)
    hall.do(SetPhase("ABC", phase))
    hall.do(Replace("ABC", 1, 4))
    assert hall.reason is reason


def test_h1_i1_rivals_are_amended_in_a_call_and_not_where_one_of_their_books_takes_nothing() -> None:
    hall = Hall(Profile(list_replace=ListReplace.AMEND))
    hall.do(ACROSS)
    hall.do(CALL)
    hall.do(Replace("ABC", 1, 4))
    assert hall.events == (Replaced("ABC", 1, SELL, 100, 4), Replaced("XYZ", 1, SELL, 50, 4))
    hall.do(SetPhase("XYZ", Phase.CANCEL_ONLY))
    hall.do(Replace("ABC", 1, 3))
    assert hall.reason is RejectReason.CANCELS_ONLY


def test_h1_i1_a_market_order_that_a_call_collects_gets_no_limit_by_an_amendment_either() -> None:
    hall = Hall(Profile(list_replace=ListReplace.AMEND))
    hall.do(CALL)
    hall.do(SubmitList(OCO, (leg(SELL, 1, 5), leg(SELL, 1, 5, 50, symbol="XYZ"))))
    hall.do(Replace("ABC", 1, 4, 100))
    assert hall.reason is RejectReason.INVALID_REPLACE


# ── lists in levels that are shared ──


def test_h1_k2_a_rival_that_gets_a_share_of_a_round_is_chosen_and_one_that_gets_nothing_is_not() -> None:
    hall = Hall(Profile(allocation=Allocation(Sharing.PRO_RATA, minimum=2)))
    hall.do(SubmitList(OCO, (leg(SELL, 1, 8, 100), leg(SELL, 1, 8, 50, symbol="XYZ"))))
    hall.do(SubmitList(OCO, (leg(SELL, 2, 1, 100), leg(SELL, 2, 1, 50, symbol="XYZ"))))
    hall.buy(9, 4, 100)
    assert hall.events[1:] == (Trade("ABC", 100, 4, 1, 9), Cancelled("XYZ", 1, SELL, 50, 8, CONTINGENT))
    assert hall.resting("XYZ") == [2]


def test_h1_k2_a_basket_counts_on_no_rival_of_whom_a_round_of_its_first_leg_would_choose() -> None:
    hall = Hall(Profile(allocation=Allocation(Sharing.PRO_RATA)))
    hall.do(ACROSS)
    hall.sell(2, 5, 100)
    hall.do(Basket(8, (Leg("ABC", 8, BUY, 4, 100), Leg("XYZ", 8, BUY, 1, 50))))
    assert hall.cancels == [("ABC", 8, CancelReason.KILLED), ("XYZ", 8, CancelReason.KILLED)]
    hall.sell(3, 1, 50, "XYZ")
    hall.do(Basket(8, (Leg("ABC", 8, BUY, 4, 100), Leg("XYZ", 8, BUY, 1, 50))))
    assert hall.cancels == [("XYZ", 1, CONTINGENT)]


@pytest.mark.parametrize("mode", [SelfTradePrevention.CANCEL_MAKER, SelfTradePrevention.DECREMENT])
def test_h4_k2_a_member_that_prevention_takes_out_of_a_round_of_a_basket_takes_its_rival_along(
    mode: SelfTradePrevention,
) -> None:
    hall = Hall(Profile(allocation=Allocation(Sharing.PRO_RATA)))
    hall.do(ACROSS)
    hall.sell(2, 5, 101)
    hall.sell(2, 5, 51, "XYZ")
    hall.do(Basket(OWNER, (Leg("ABC", 8, BUY, 1, 101), Leg("XYZ", 8, BUY, 5, 51)), mode))
    killed = mode is SelfTradePrevention.DECREMENT  # prevented quantity is not traded: the leg is not whole
    assert (hall.cancels[0][2] is CancelReason.KILLED) is killed
    assert (("XYZ", 1, CONTINGENT) in hall.cancels) is not killed


def test_h1_k3_a_leg_that_bettered_the_market_before_its_rival_traded_leaves_no_top_behind() -> None:
    hall = Hall(Profile(allocation=Allocation(top_maximum=1)))
    hall.sell(8, 1, 101)
    hall.buy(9, 1, 50, "XYZ")
    hall.do(ACROSS)
    assert hall.cancels == [("ABC", 1, CONTINGENT)]
    assert [order.top for order in queue(hall.pair.state, "ABC").asks] == [False], "it was bettered, and is TOP no more"
