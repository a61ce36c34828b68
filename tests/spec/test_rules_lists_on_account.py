"""Lists of orders where accounts are kept: rules H1 to H4 and M1, M2, M4 together.

Every command goes to the oracle and to both engines; every view is compared and every invariant asked after each.
"""

from __future__ import annotations

import pytest

from bookproof.engine.global_lock import GlobalLockEngine
from bookproof.engine.striped import StripedEngine
from bookproof.spec.commands import (
    Basket,
    Cancel,
    Command,
    Deposit,
    EndOfDay,
    Leg,
    MassCancel,
    Reduce,
    Replace,
    SetLimits,
    SetPhase,
    Submit,
    SubmitList,
    Withdraw,
)
from bookproof.spec.events import Accepted, Cancelled, Event, Rejected, Replaced, Trade
from bookproof.spec.exchange import account, opening, step, view
from bookproof.spec.instruments import listing
from bookproof.spec.invariants import broken
from bookproof.spec.profile import ListReplace, Profile, Risk
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import Account, Limits, ListKind, Phase, SelfTradePrevention, Side, TimeInForce

OCO, OTO, OTOCO = ListKind
BUY, SELL = Side.BUY, Side.SELL
ANN, BOB, EVE = 1, 2, 3
SYMBOLS = ("ABC", "XYZ")


class Venue:
    """The oracle, held to its invariants, and beside it both engines."""

    def __init__(self, profile: Profile) -> None:
        listed = listing(SYMBOLS)
        self.state = opening(listed, profile)
        self.engines = (StripedEngine(listed, profile, stripes=2), GlobalLockEngine(listed, profile))

    def do(self, *commands: Command) -> tuple[Event, ...]:
        """Some commands; the events of the last."""
        events: tuple[Event, ...] = ()
        for command in commands:
            after, events = step(self.state, command)
            assert broken(self.state, command, events, after) == []
            self.state = after
            for engine in self.engines:
                assert engine.submit(command).events == events
                assert [engine.view(symbol) for symbol in SYMBOLS] == [view(after, symbol) for symbol in SYMBOLS]
                for owner in (ANN, BOB, EVE):
                    assert engine.account(owner) == account(after, owner)
        return events

    def cash(self, owner: Account) -> tuple[int, int, int]:
        """Cash, how much of it is reserved, and the count of orders that count."""
        seen = account(self.state, owner)
        return seen.cash, seen.reserved, seen.open_orders


@pytest.fixture
def venue() -> Venue:
    """Ann has 1,000 in cash, Bob ten lots of each book, Eve nothing."""
    venue = Venue(Profile("cash", risk=Risk.CASH))
    venue.do(Deposit(ANN, 1_000), Deposit(BOB, 10, "ABC"), Deposit(BOB, 10, "XYZ"))
    return venue


def bid(order_id: int, quantity: int, price: int = 100, symbol: str = "ABC", owner: Account = ANN) -> Submit:
    return Submit(symbol, order_id, owner, BUY, quantity, price)


def ask(order_id: int, quantity: int, price: int = 100, symbol: str = "ABC", owner: Account = BOB) -> Submit:
    return Submit(symbol, order_id, owner, SELL, quantity, price)


def refusal(events: tuple[Event, ...]) -> RejectReason | None:
    return events[0].reason if isinstance(events[0], Rejected) else None


def reasons(events: tuple[Event, ...]) -> list[CancelReason]:
    return [event.reason for event in events if isinstance(event, Cancelled)]


# ── what is reserved ──


def test_h1_m1_each_rival_of_an_oco_is_reserved_for_by_itself(venue: Venue) -> None:
    venue.do(SubmitList(OCO, (bid(1, 5), bid(2, 4, symbol="XYZ"))))
    assert venue.cash(ANN) == (1_000, 900, 2)


def test_h1_m1_a_fill_cancels_the_rival_and_releases_what_was_reserved_for_it(venue: Venue) -> None:
    venue.do(SubmitList(OCO, (bid(1, 5), bid(2, 5, symbol="XYZ"))))
    assert reasons(venue.do(ask(3, 2))) == [CancelReason.CONTINGENT]
    assert venue.cash(ANN) == (800, 300, 1)


def test_h2_m1_an_order_that_is_held_reserves_nothing_and_does_not_count(venue: Venue) -> None:
    venue.do(SubmitList(OTO, (bid(1, 5), bid(2, 9, symbol="XYZ"))))
    assert venue.cash(ANN) == (1_000, 500, 1)


def test_h2_m1_a_released_order_reserves_when_it_enters(venue: Venue) -> None:
    venue.do(SubmitList(OTO, (bid(1, 5), bid(2, 3, symbol="XYZ"))), ask(3, 5))
    assert venue.cash(ANN) == (500, 300, 1)


def test_h2_m1_what_the_working_order_bought_can_be_sold_by_the_order_that_waits_for_it(venue: Venue) -> None:
    venue.do(SubmitList(OTO, (bid(1, 5), ask(2, 5, 110, owner=ANN))))
    events = venue.do(ask(3, 5))
    assert events[-1] == Accepted("ABC", 2, SELL, 110, 5)


@pytest.mark.parametrize("gone", [Cancel("ABC", 1), MassCancel(ANN), EndOfDay()], ids=lambda it: type(it).__name__)
def test_h4_m1_a_held_order_that_goes_releases_nothing(venue: Venue, gone: Command) -> None:
    first = bid(1, 5)._replace(time_in_force=TimeInForce.DAY)
    venue.do(SubmitList(OTO, (first, bid(2, 9, symbol="XYZ"))), gone)
    assert venue.cash(ANN) == (1_000, 0, 0)


# ── what an account cannot stand for ──


def test_h4_m1_rivals_that_the_account_cannot_stand_for_together_are_refused_as_a_whole(venue: Venue) -> None:
    events = venue.do(SubmitList(OCO, (bid(1, 5), bid(2, 6, symbol="XYZ"))))
    assert events == (Rejected("XYZ", 2, RejectReason.INSUFFICIENT_CASH),)
    assert venue.cash(ANN) == (1_000, 0, 0)


def test_h4_m1_rivals_in_one_book_need_the_lots_of_both(venue: Venue) -> None:
    pair = (ask(1, 6, 110), Submit("ABC", 2, BOB, SELL, 5, stop=90))
    assert venue.do(SubmitList(OCO, pair)) == (Rejected("ABC", 2, RejectReason.INSUFFICIENT_ASSETS),)
    venue.do(Deposit(BOB, 1, "ABC"))
    assert refusal(venue.do(SubmitList(OCO, pair))) is None


def test_h4_m2_rivals_count_towards_the_limit_of_orders_and_held_ones_do_not(venue: Venue) -> None:
    venue.do(SetLimits(ANN, Limits(open_orders=1)))
    legs = (bid(1, 1), bid(2, 1, symbol="XYZ"))
    assert venue.do(SubmitList(OCO, legs)) == (Rejected("XYZ", 2, RejectReason.ORDER_LIMIT),)
    assert refusal(venue.do(SubmitList(OTO, legs))) is None


def test_h4_m1_of_two_reasons_that_is_given_which_takes_precedence(venue: Venue) -> None:
    venue.do(SetLimits(ANN, Limits(notional=300)))
    events = venue.do(SubmitList(OCO, (bid(1, 11, symbol="XYZ")._replace(price=1_000), bid(2, 4))))
    assert events == (Rejected("XYZ", 1, RejectReason.NOTIONAL_LIMIT),)


def test_h2_m1_a_released_order_that_cannot_be_paid_for_is_refused(venue: Venue) -> None:
    venue.do(SubmitList(OTO, (bid(1, 5), bid(2, 6, symbol="XYZ"))))
    events = venue.do(ask(3, 5))
    assert events[-1] == Cancelled("XYZ", 2, BUY, 100, 6, CancelReason.REFUSED)
    assert venue.cash(ANN) == (500, 0, 0)


def test_h2_m1_money_that_left_meanwhile_is_not_there_when_the_order_enters(venue: Venue) -> None:
    venue.do(SubmitList(OTO, (bid(1, 5), bid(2, 5, symbol="XYZ"))), Withdraw(ANN, 1))
    assert reasons(venue.do(ask(3, 5))) == [CancelReason.REFUSED]


def test_h3_m1_the_second_exit_of_a_bracket_takes_the_first_with_it_when_there_are_lots_for_one_only(
    venue: Venue,
) -> None:
    exits = (ask(2, 5, 110, owner=ANN), Submit("ABC", 3, ANN, SELL, 5, stop=90))
    venue.do(SubmitList(OTOCO, (bid(1, 5), *exits)))
    assert reasons(venue.do(ask(4, 5))) == [CancelReason.REFUSED, CancelReason.CONTINGENT]
    assert venue.cash(ANN) == (500, 0, 0)


def test_h3_m2_with_leave_to_go_short_a_bracket_has_both_its_exits(venue: Venue) -> None:
    venue.do(SetLimits(ANN, Limits(short=5)))
    exits = (ask(2, 5, 110, owner=ANN), Submit("ABC", 3, ANN, SELL, 5, stop=90))
    venue.do(SubmitList(OTOCO, (bid(1, 5), *exits)))
    assert reasons(venue.do(ask(4, 5))) == []
    assert venue.cash(ANN) == (500, 0, 2)


# ── whoever sets it off ──


def test_h2_m4_two_orders_that_one_fill_releases_are_paid_for_one_after_the_other(venue: Venue) -> None:
    venue.do(SubmitList(OTO, (bid(1, 4), bid(2, 4, symbol="XYZ"), bid(3, 4, 99, symbol="XYZ"))))
    events = venue.do(ask(4, 4))
    assert events[-2:] == (
        Accepted("XYZ", 2, BUY, 100, 4),
        Cancelled("XYZ", 3, BUY, 99, 4, CancelReason.REFUSED),
    )


def test_h2_m4_a_release_spends_what_an_earlier_one_of_the_same_command_earned(venue: Venue) -> None:
    """Bob's working bid is paid for, and the sale that it releases brings in what the next order costs."""
    venue.do(Deposit(BOB, 100), bid(9, 5, symbol="XYZ"), Deposit(EVE, 1, "ABC"))
    first, sale, next_bid = bid(1, 1, owner=BOB), ask(2, 5, symbol="XYZ"), bid(3, 5, 90, owner=BOB)
    venue.do(SubmitList(OTO, (first, sale, next_bid)))
    events = venue.do(ask(4, 1, owner=EVE))
    assert Trade("XYZ", 100, 5, 9, 2) in events
    assert events[-1] == Accepted("ABC", 3, BUY, 90, 5)
    assert venue.cash(BOB) == (500, 450, 1)


def test_h2_l4_a_basket_that_fills_a_working_order_releases_into_a_book_that_it_does_not_name(venue: Venue) -> None:
    venue.do(ask(9, 2, symbol="XYZ"), SubmitList(OTO, (bid(1, 2), bid(2, 2, symbol="XYZ"))))
    events = venue.do(Basket(BOB, (Leg("ABC", 3, SELL, 2, 100),)))
    assert [event.symbol for event in events if isinstance(event, Trade)] == ["ABC", "XYZ"]
    assert venue.cash(ANN) == (600, 0, 0)


def test_h2_c9_a_reduce_only_order_fills_a_working_order(venue: Venue) -> None:
    venue.do(SubmitList(OTO, (bid(1, 2), bid(2, 2, symbol="XYZ"))))
    assert venue.do(Reduce("ABC", 3, BOB, SELL, 2))[-1] == Accepted("XYZ", 2, BUY, 100, 2)


def test_h2_i6_an_uncross_that_fills_a_working_order_releases_and_pays(venue: Venue) -> None:
    venue.do(SetPhase("ABC", Phase.CALL), SubmitList(OTO, (bid(1, 2), bid(2, 8, symbol="XYZ"))), ask(3, 2, 90))
    venue.do(SetPhase("ABC", Phase.CONTINUOUS))
    cash, reserved, orders = venue.cash(ANN)
    assert (reserved, orders) == (800, 1)
    assert cash >= reserved


def test_h1_m1_no_order_of_a_list_is_replaced_unless_the_profile_says_so(venue: Venue) -> None:
    venue.do(SubmitList(OCO, (bid(1, 2), bid(2, 2, symbol="XYZ"))), bid(3, 1))
    assert venue.do(Replace("ABC", 1, 1)) == (Rejected("ABC", 1, RejectReason.IN_LIST),)
    assert isinstance(venue.do(Replace("ABC", 3, 2))[0], Replaced)


@pytest.fixture
def amending() -> Venue:
    """The same where rivals are amended: Ann bids for two lots of either book, at 100 and at 50."""
    venue = Venue(Profile("cash", risk=Risk.CASH, list_replace=ListReplace.AMEND))
    venue.do(Deposit(ANN, 1_000), Deposit(BOB, 10, "ABC"), Deposit(BOB, 10, "XYZ"))
    venue.do(SubmitList(OCO, (bid(1, 2), bid(2, 2, 50, symbol="XYZ"))))
    return venue


def test_h1_m1_rivals_are_amended_together_and_each_is_reserved_for(amending: Venue) -> None:
    events = amending.do(Replace("ABC", 1, 4))
    assert events == (Replaced("ABC", 1, BUY, 100, 4), Replaced("XYZ", 2, BUY, 50, 4))
    assert amending.cash(ANN) == (1_000, 600, 2)
    amending.do(Replace("XYZ", 2, 1, 60))
    assert amending.cash(ANN) == (1_000, 160, 2)


def test_h1_m1_an_amendment_that_the_account_cannot_stand_for_with_all_rivals_is_refused_of_the_order_that_is_named(
    amending: Venue,
) -> None:
    before = amending.state
    refused = (Rejected("ABC", 1, RejectReason.INSUFFICIENT_CASH),)
    assert amending.do(Replace("ABC", 1, 7)) == refused, "700 for itself would do, 1,050 for both do not"
    assert amending.state is before
    assert isinstance(amending.do(Replace("ABC", 1, 6))[0], Replaced)


def test_h1_m1_what_the_order_that_is_named_gives_back_pays_for_its_rivals(amending: Venue) -> None:
    amending.do(Withdraw(ANN, 700))
    assert amending.cash(ANN) == (300, 300, 2)
    assert refusal(amending.do(Replace("ABC", 1, 3, 50))) is None
    assert amending.cash(ANN) == (300, 300, 2)


def test_h1_m1_all_rivals_are_asked_for_also_where_a_trade_then_cancels_them(amending: Venue) -> None:
    amending.do(ask(3, 9, 101))
    assert refusal(amending.do(Replace("ABC", 1, 7, 101))) is RejectReason.INSUFFICIENT_CASH
    assert reasons(amending.do(Replace("ABC", 1, 6, 101))) == [CancelReason.CONTINGENT]
    assert amending.cash(ANN) == (394, 0, 0)


def test_h1_m2_the_limits_of_the_account_bind_every_rival_that_grows(amending: Venue) -> None:
    amending.do(SetLimits(ANN, Limits(notional=300)))
    assert refusal(amending.do(Replace("XYZ", 2, 4))) is RejectReason.NOTIONAL_LIMIT
    assert refusal(amending.do(Replace("XYZ", 2, 3))) is None


def test_h1_a4_what_the_books_refuse_takes_precedence_over_what_the_account_does(amending: Venue) -> None:
    amending.do(SetPhase("XYZ", Phase.CANCEL_ONLY))
    assert refusal(amending.do(Replace("ABC", 1, 700))) is RejectReason.CANCELS_ONLY


def test_h1_f4_a_replace_that_leaves_nothing_open_asks_nothing_of_rivals() -> None:
    venue = Venue(Profile("cash", risk=Risk.CASH, list_replace=ListReplace.AMEND))
    decrement = SelfTradePrevention.DECREMENT
    venue.do(Deposit(ANN, 1_000), Deposit(ANN, 10, "ABC"), SubmitList(OCO, (bid(1, 9), bid(2, 1, symbol="XYZ"))))
    venue.do(ask(3, 5, owner=ANN)._replace(self_trade=decrement), SetLimits(ANN, Limits(position=1)))
    assert reasons(venue.do(Replace("ABC", 1, 5))) == [CancelReason.REPLACED, CancelReason.CONTINGENT]
    assert venue.cash(ANN) == (1_000, 0, 0)


def test_h1_b8_rivals_in_one_book_that_all_lose_their_place_are_there_still(amending: Venue) -> None:
    amending.do(Deposit(BOB, 1_000), SubmitList(OCO, (ask(3, 2, 110), bid(4, 2, 90, owner=BOB))))
    amending.do(Replace("ABC", 4, 3, 95))
    seen = view(amending.state, "ABC").queue
    assert [order.order_id for order in seen.bids] == [1, 4]
    assert [order.leaves for order in seen.asks] == [3]
