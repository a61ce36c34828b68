"""Routed orders where accounts are kept: rules L5 and M1, M2, M4, N1 together.

Every command goes to the oracle and to both engines; every view is compared and every invariant asked after each.
"""

from __future__ import annotations

import pytest

from bookproof.engine.global_lock import GlobalLockEngine
from bookproof.engine.striped import StripedEngine
from bookproof.models.engines_by_name import factory
from bookproof.models.generate.features import Feature, alone
from bookproof.models.generate.soak import soak_case
from bookproof.models.sequential.differential import compare
from bookproof.spec import account_invariants
from bookproof.spec.commands import (
    Basket,
    BlockTrade,
    Bust,
    Cancel,
    Command,
    Deposit,
    Halt,
    Leg,
    Reduce,
    Replace,
    Route,
    SetLimits,
    Submit,
    SubmitList,
    Withdraw,
)
from bookproof.spec.events import Accepted, Busted, Cancelled, Event, Rejected, Trade, Transferred, Triggered
from bookproof.spec.exchange import account, opening, run, step, view
from bookproof.spec.instruments import Instrument, listing_flaw
from bookproof.spec.invariants import Step, broken
from bookproof.spec.profile import Profile, Risk
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.report_checks import broken_stream
from bookproof.spec.reporting import Reporter
from bookproof.spec.reports import ExecType, ExecutionReport, Report
from bookproof.spec.values import Account, Limits, ListKind, SelfTradePrevention, Side, TimeInForce

BUY, SELL = Side.BUY, Side.SELL
ANN, BOB, EVE = 1, 2, 3
CASH = Profile("cash", risk=Risk.CASH)
POOL = (
    Instrument("ABC", group="pool"),
    Instrument("DEF"),
    Instrument("GHI", min_price=-5, max_price=500, group="pool"),
    Instrument("XYZ", max_price=1_000, group="pool"),
)


class Venue:
    """The oracle, held to its invariants, and beside it both engines."""

    def __init__(self, profile: Profile = CASH) -> None:
        self.state = opening(POOL, profile)
        self.engines = (StripedEngine(POOL, profile, stripes=3), GlobalLockEngine(POOL, profile))
        self.events: tuple[Event, ...] = ()

    def do(self, *commands: Command) -> tuple[Event, ...]:
        """Some commands; the events of the last."""
        for command in commands:
            after, self.events = step(self.state, command)
            assert broken(self.state, command, self.events, after) == []
            self.state = after
            for engine in self.engines:
                assert engine.submit(command).events == self.events
                assert [engine.view(book.symbol) for book in POOL] == [view(after, book.symbol) for book in POOL]
                for owner in (ANN, BOB, EVE):
                    assert engine.account(owner) == account(after, owner)
        return self.events

    def reason(self) -> RejectReason | None:
        """Why the last command was refused; None when it was not."""
        return self.events[0].reason if isinstance(self.events[0], Rejected) else None

    def fills(self) -> list[tuple[str, int, int]]:
        """Book, price and quantity of each fill of the last command."""
        return [(event.symbol, event.price, event.quantity) for event in self.events if isinstance(event, Trade)]

    def cash(self, owner: Account) -> tuple[int, int, int]:
        """Cash, how much of it is reserved, and the count of live orders."""
        seen = account(self.state, owner)
        return seen.cash, seen.reserved, seen.open_orders

    def lots(self, owner: Account, asset: str = "pool") -> tuple[int, int, int]:
        """Position, open to buy, open to sell."""
        for holding in account(self.state, owner).holdings:
            if holding.symbol == asset:
                return holding.position, holding.buying, holding.selling
        return 0, 0, 0


@pytest.fixture
def venue() -> Venue:
    """Ann has 1,000 in cash, Bob ten lots of what the group quotes and of the other book, Eve nothing."""
    venue = Venue()
    venue.do(Deposit(ANN, 1_000), Deposit(BOB, 10, "XYZ"), Deposit(BOB, 10, "DEF"))
    return venue


def bid(order_id: int, quantity: int, price: int | None, owner: Account = ANN, symbol: str = "ABC") -> Submit:
    return Submit(symbol, order_id, owner, BUY, quantity, price)


def ask(order_id: int, quantity: int, price: int | None, owner: Account = BOB, symbol: str = "ABC") -> Submit:
    return Submit(symbol, order_id, owner, SELL, quantity, price)


# ── what the books of a group quote is one holding ──


def test_l5_m1_lots_that_came_in_by_one_book_of_a_group_are_sold_in_another(venue: Venue) -> None:
    venue.do(ask(1, 6, 100), ask(2, 4, 101, symbol="GHI"))
    assert venue.lots(BOB) == (10, 0, 10)
    venue.do(ask(3, 1, 102, symbol="XYZ"))
    assert venue.reason() is RejectReason.INSUFFICIENT_ASSETS
    venue.do(Withdraw(BOB, 1, "ABC"))
    assert venue.reason() is RejectReason.INSUFFICIENT_ASSETS
    venue.do(Cancel("GHI", 2), Withdraw(BOB, 4, "XYZ"))
    assert venue.lots(BOB) == (6, 0, 6)


def test_l5_m1_another_book_holds_its_own_lots(venue: Venue) -> None:
    venue.do(ask(1, 10, 100, symbol="DEF"), ask(2, 10, 100))
    assert (venue.lots(BOB), venue.lots(BOB, "DEF")) == ((10, 0, 10), (10, 0, 10))


def test_l5_m2_a_position_limit_is_of_all_books_of_a_group_together(venue: Venue) -> None:
    venue.do(SetLimits(ANN, Limits(position=5)), bid(1, 3, 10), bid(2, 2, 10, symbol="GHI"))
    venue.do(bid(3, 1, 10, symbol="XYZ"))
    assert venue.reason() is RejectReason.POSITION_LIMIT
    venue.do(Route(bid(4, 1, 10)))
    assert venue.reason() is RejectReason.POSITION_LIMIT


def test_l5_m1_legs_of_a_basket_in_two_books_of_a_group_need_lots_for_both(venue: Venue) -> None:
    venue.do(bid(1, 9, 10), bid(2, 9, 10, symbol="GHI"))
    legs = (Leg("ABC", 11, SELL, 6, 10), Leg("GHI", 12, SELL, 5, 10))
    assert venue.do(Basket(BOB, legs)) == (Rejected("GHI", 12, RejectReason.INSUFFICIENT_ASSETS),)
    venue.do(SetLimits(BOB, Limits(position=0, short=9)), Basket(BOB, legs))
    assert venue.events == (Rejected("GHI", 12, RejectReason.POSITION_LIMIT),)
    venue.do(SetLimits(BOB, Limits(short=1)), Basket(BOB, legs))
    assert (venue.fills(), venue.lots(BOB)) == ([("ABC", 10, 6), ("GHI", 10, 5)], (-1, 0, 0))


def test_l5_c9_a_reduce_only_order_may_close_in_one_book_what_was_bought_in_another(venue: Venue) -> None:
    venue.do(ask(1, 3, 100, symbol="GHI"), bid(2, 3, 100, symbol="GHI"), bid(3, 9, 90, owner=ANN, symbol="XYZ"))
    venue.do(Reduce("XYZ", 4, ANN, SELL, 4, 90))
    assert venue.reason() is RejectReason.WOULD_INCREASE
    venue.do(Deposit(EVE, 500), bid(5, 5, 95, owner=EVE, symbol="XYZ"), Reduce("XYZ", 6, ANN, SELL, 3, 90))
    assert (venue.fills(), venue.lots(ANN)[0], venue.lots(EVE)[0]) == ([("XYZ", 95, 3)], 0, 3)


def test_l5_l6_a_block_trade_in_one_book_moves_lots_of_the_group(venue: Venue) -> None:
    venue.do(ask(1, 8, 100, symbol="GHI"), BlockTrade("ABC", ANN, BOB, 100, 3))
    assert venue.reason() is RejectReason.INSUFFICIENT_ASSETS
    venue.do(BlockTrade("ABC", ANN, BOB, 100, 2))
    assert (venue.lots(ANN), venue.lots(BOB)) == ((2, 0, 0), (8, 0, 8))


# ── the worst that a routed order may cost is reserved once ──


def test_l5_m1_a_routed_buy_needs_the_cash_of_its_limit_once_and_what_is_better_is_released(venue: Venue) -> None:
    venue.do(ask(1, 3, 95, symbol="XYZ"), ask(2, 3, 97, symbol="GHI"))
    venue.do(Route(bid(9, 11, 100)))
    assert venue.events == (Rejected("ABC", 9, RejectReason.INSUFFICIENT_CASH),)
    venue.do(Route(bid(9, 10, 100)))
    assert venue.fills() == [("XYZ", 95, 3), ("GHI", 97, 3)]
    paid = 3 * 95 + 3 * 97
    assert venue.cash(ANN) == (1_000 - paid, 400, 1)
    assert venue.lots(ANN) == (6, 4, 0)
    assert venue.cash(BOB) == (paid, 0, 0)
    venue.do(Cancel("ABC", 9))
    assert venue.cash(ANN) == (1_000 - paid, 0, 0)


def test_l5_m1_a_routed_sell_needs_lots_once_wherever_they_came_from(venue: Venue) -> None:
    venue.do(bid(1, 3, 90, symbol="XYZ"), bid(2, 3, 91, symbol="GHI"))
    venue.do(Route(ask(9, 11, 90)))
    assert venue.events == (Rejected("ABC", 9, RejectReason.INSUFFICIENT_ASSETS),)
    venue.do(Route(ask(9, 10, 90)))
    assert venue.fills() == [("GHI", 91, 3), ("XYZ", 90, 3)]
    assert (venue.lots(BOB), venue.cash(BOB)) == ((4, 0, 4), (543, 0, 1))


def test_l5_m1_a_market_order_reserves_the_worst_price_of_the_whole_group() -> None:
    venue = Venue()
    venue.do(Deposit(BOB, 10, "ABC"), Deposit(ANN, 999), Deposit(EVE, 4), ask(1, 1, 100, symbol="XYZ"))
    buys = Submit("GHI", 8, ANN, BUY, 1)  # GHI ends at 500, XYZ at 1,000, and ABC at a million millions
    venue.do(Route(buys))
    assert venue.reason() is RejectReason.INSUFFICIENT_CASH
    venue.do(Deposit(ANN, 10**12 - 999), Route(buys))
    assert (venue.fills(), venue.cash(ANN)) == ([("XYZ", 100, 1)], (10**12 - 100, 0, 0))
    venue.do(SetLimits(EVE, Limits(short=5)), bid(2, 1, 7))
    sells = Submit("ABC", 9, EVE, SELL, 1)  # in GHI a lot may cost who sells it 5
    venue.do(Route(sells))
    assert venue.reason() is RejectReason.INSUFFICIENT_CASH
    venue.do(Deposit(EVE, 1), Route(sells))
    assert venue.cash(EVE) == (12, 0, 0)


def test_l5_m2_limits_are_asked_of_a_routed_order_as_of_any_other(venue: Venue) -> None:
    venue.do(SetLimits(ANN, Limits(notional=500, open_orders=1)), Route(bid(1, 6, 100)))
    assert venue.reason() is RejectReason.NOTIONAL_LIMIT
    venue.do(Route(bid(2, 5, 100)), Route(bid(3, 1, 1, symbol="GHI")))
    assert venue.reason() is RejectReason.ORDER_LIMIT


@pytest.mark.parametrize("time_in_force", [TimeInForce.IOC, TimeInForce.FOK])
def test_l5_m1_nothing_stays_reserved_for_what_is_cancelled_at_once(venue: Venue, time_in_force: TimeInForce) -> None:
    venue.do(ask(1, 3, 100, symbol="XYZ"), Route(bid(9, 5, 100)._replace(time_in_force=time_in_force)))
    filled = time_in_force is TimeInForce.IOC
    assert isinstance(venue.events[-1], Cancelled)
    assert venue.cash(ANN) == ((700 if filled else 1_000), 0, 0)
    assert venue.lots(ANN) == ((3, 0, 0) if filled else (0, 0, 0))


def test_l5_the_books_refuse_a_routed_order_before_its_account_does(venue: Venue) -> None:
    venue.do(Halt("ABC"), Route(bid(9, 99, 100)))
    assert venue.reason() is RejectReason.BOOK_HALTED
    venue.do(ask(1, 1, 100, symbol="GHI"), Route(bid(1, 99, 100, symbol="XYZ")))
    assert venue.reason() is RejectReason.DUPLICATE_ORDER_ID


def test_l5_m1_what_rests_of_a_routed_order_is_replaced_for_what_it_would_cost(venue: Venue) -> None:
    venue.do(ask(1, 2, 100, symbol="XYZ"), Route(bid(9, 6, 100)), Replace("ABC", 9, 11, 100))
    assert venue.reason() is RejectReason.INSUFFICIENT_CASH
    venue.do(Replace("ABC", 9, 10, 100))
    assert venue.cash(ANN) == (800, 800, 1)


# ── makers, owners of stops and of lists, and prevention ──


def test_l5_e6_a_stop_that_a_route_sets_off_in_another_book_settles_too(venue: Venue) -> None:
    venue.do(Deposit(EVE, 500), Submit("XYZ", 3, EVE, BUY, 1, 105, stop=100), ask(1, 2, 100, symbol="XYZ"))
    venue.do(ask(2, 1, 104, symbol="XYZ"), Route(bid(9, 2, 100)))
    assert [type(event) for event in venue.events] == [Accepted, Trade, Triggered, Trade]
    assert (venue.cash(EVE), venue.lots(EVE), venue.cash(BOB)) == ((396, 0, 0), (1, 0, 0), (304, 0, 0))


def test_l5_g3_quantity_is_transferred_in_whatever_book_the_own_order_stands() -> None:
    profile = CASH._replace(self_trade_groups=((ANN, BOB),))
    venue = Venue(profile)
    venue.do(Deposit(ANN, 1_000), Deposit(BOB, 5, "ABC"))
    transfer = SelfTradePrevention.TRANSFER
    venue.do(ask(1, 3, 100, symbol="XYZ")._replace(self_trade=transfer))
    venue.do(Route(bid(9, 5, 101)._replace(self_trade=transfer)))
    assert [event for event in venue.events if isinstance(event, Transferred)] != []
    assert (venue.cash(ANN), venue.lots(ANN), venue.cash(BOB)) == ((700, 202, 1), (3, 2, 0), (300, 0, 0))


@pytest.mark.parametrize(
    ("mode", "buying", "selling"),
    [
        (SelfTradePrevention.CANCEL_TAKER, 0, 5),
        (SelfTradePrevention.CANCEL_MAKER, 5, 0),
        (SelfTradePrevention.CANCEL_BOTH, 0, 0),
        (SelfTradePrevention.DECREMENT, 0, 0),
    ],
)
def test_l5_g3_what_prevention_takes_out_in_another_book_is_reserved_no_more(
    mode: SelfTradePrevention, buying: int, selling: int
) -> None:
    venue = Venue()
    venue.do(Deposit(ANN, 1_000), Deposit(ANN, 5, "GHI"), ask(1, 5, 99, owner=ANN, symbol="GHI"))
    venue.do(Route(bid(9, 5, 100)._replace(self_trade=mode)))
    assert venue.lots(ANN) == (5, buying, selling)
    assert venue.cash(ANN) == (1_000, 100 * buying, (buying or selling) // 5)


def test_l5_h2_a_route_that_fills_the_first_of_a_list_pays_for_the_second(venue: Venue) -> None:
    venue.do(SubmitList(ListKind.OTO, (ask(1, 3, 100, symbol="XYZ"), bid(2, 3, 99, owner=BOB, symbol="DEF"))))
    venue.do(Route(bid(9, 4, 100)))
    assert venue.events[-1] == Accepted("DEF", 2, BUY, 99, 3)
    assert (venue.cash(BOB), venue.cash(ANN)) == ((300, 297, 1), (700, 100, 1))


def test_l5_h1_a_route_that_fills_one_rival_releases_what_the_other_reserves(venue: Venue) -> None:
    venue.do(SubmitList(ListKind.OCO, (ask(1, 3, 100, symbol="XYZ"), ask(2, 3, 99, symbol="DEF"))))
    venue.do(Route(bid(9, 3, 100)))
    assert Cancelled("DEF", 2, SELL, 99, 3, CancelReason.CONTINGENT) in venue.events
    assert (venue.lots(BOB), venue.lots(BOB, "DEF")) == ((7, 0, 0), (10, 0, 0))


# ── busts ──


def test_l5_n1_a_trade_of_a_routed_order_is_busted_in_the_book_that_it_happened_in(venue: Venue) -> None:
    venue.do(ask(1, 2, 100), ask(2, 3, 99, symbol="XYZ"), Route(bid(9, 5, 100)))
    assert venue.do(Bust("XYZ", 1)) == (Busted("XYZ", 1, 99, 3, ANN, BOB),)
    assert (venue.cash(ANN), venue.lots(ANN), venue.lots(BOB)) == ((800, 0, 0), (2, 0, 0), (8, 0, 0))


def test_l5_n1_o1_both_orders_are_told_of_the_bust_each_in_its_own_book() -> None:
    commands: list[Command] = [
        Deposit(ANN, 1_000),
        Deposit(BOB, 10, "ABC"),
        ask(1, 3, 99, symbol="XYZ"),
        Route(bid(9, 3, 100)),
        bid(9, 1, 1),  # its id names another order now
        Bust("XYZ", 1),
    ]
    reporter, state = Reporter([book.symbol for book in POOL], CASH), opening(POOL, CASH)
    stream: list[Report] = []
    for command in commands:
        state, events = step(state, command)
        stream += reporter.feed(command, events)
    told = [
        (report.symbol, report.order_id, report.cum_qty, report.elsewhere)
        for report in stream
        if isinstance(report, ExecutionReport) and report.exec_type is ExecType.TRADE_CANCEL
    ]
    assert told == [("XYZ", 1, 0, ("ABC",)), ("ABC", 9, 0, ("XYZ",))]
    assert broken_stream(stream) == []


# ── which venues ──


def test_l5_m3_groups_and_margin_accounts_are_not_listed_together() -> None:
    flaw = listing_flaw(POOL, CASH._replace(margin_accounts=(ANN,)).apart)
    assert flaw is not None
    assert "'margin_accounts' of the profile" in flaw
    for opens in (opening, StripedEngine):
        with pytest.raises(ValueError, match="margin_accounts"):
            opens(POOL, CASH._replace(margin_accounts=(ANN,)))


def test_l5_a_group_has_a_name_of_its_own() -> None:
    flaw = listing_flaw((Instrument("ABC", group="DEF"), Instrument("DEF")))
    assert flaw is not None
    assert "has the name of a book" in flaw
    assert listing_flaw((Instrument("ABC", group="ABC"), Instrument("DEF", group="ABC"))) is None


def test_l5_m1_thousands_of_routed_orders_on_account_are_the_same_in_the_engine_and_break_no_invariant() -> None:
    elsewhere = refused = 0
    for number in range(60):
        case = soak_case(7, number, alone(Feature.ROUTING) | alone(Feature.ACCOUNTS) | alone(Feature.SELF_TRADE))
        assert compare(factory("striped"), case.instruments, case.profile, case.commands, invariants=True) is None
        state = opening(case.instruments, case.profile)
        for command in case.commands:
            state, events = step(state, command)
            if isinstance(command, Route):
                elsewhere += any(isinstance(e, Trade) and e.symbol != command.order.symbol for e in events)
                refused += any(isinstance(e, Rejected) and e.reason.value.startswith("insufficient") for e in events)
    assert elsewhere > 10
    assert refused > 30


# ── the invariants can fail ──


@pytest.mark.parametrize(
    ("predicate", "changed"),
    [
        ("wealth_is_conserved", {"position": 4}),
        ("both_sides_settle", {"position": 4}),
        ("reserved_is_what_live_orders_need", {"buying": 0}),
    ],
)
def test_l5_m4_the_invariants_notice_lots_of_a_group_that_went_astray(predicate: str, changed: dict[str, int]) -> None:
    route = Route(bid(9, 5, 100))
    before, _ = run(opening(POOL, CASH), [Deposit(ANN, 1_000), Deposit(BOB, 3, "GHI"), ask(1, 3, 99, symbol="XYZ")])
    after, events = step(before, route)
    ask_of = getattr(account_invariants, predicate)
    assert list(ask_of(Step(before, route, events, after, {}))) == []
    assert after.accounts is not None
    purse = after.accounts.purse(ANN)
    holding = purse.holding("pool")._replace(**changed)
    purses = {**after.accounts.purses, ANN: purse._replace(holdings={**purse.holdings, "pool": holding})}
    doctored = after._replace(accounts=after.accounts._replace(purses=purses))
    assert list(ask_of(Step(before, route, events, doctored, {}))) != []
