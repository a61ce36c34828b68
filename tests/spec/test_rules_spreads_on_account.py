"""Spreads and what they imply where accounts are kept: rules L1 to L4 and M1, M2, M4, C9, N1 together.

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
    Resume,
    Route,
    SetLimits,
    Submit,
    Withdraw,
)
from bookproof.spec.events import Busted, Cancelled, Event, ImpliedTrade, Rejected, Trade, Transferred, Triggered
from bookproof.spec.exchange import account, implied, opening, run, step, view
from bookproof.spec.instruments import Instrument, furthest_prices
from bookproof.spec.invariants import Step, broken
from bookproof.spec.profile import DEFAULT, Profile, Risk
from bookproof.spec.reasons import RejectReason
from bookproof.spec.values import Account, Limits, SelfTradePrevention, Side, TimeInForce

BUY, SELL = Side.BUY, Side.SELL
ANN, BOB, EVE = 1, 2, 3
CASH = Profile("cash", risk=Risk.CASH)
NEAR, FAR, SPREAD = "MAR", "JUN", "MAR-JUN"
TRIO = (
    Instrument(NEAR, max_price=1_000),
    Instrument(FAR, max_price=1_000),
    Instrument(SPREAD, min_price=-50, max_price=50, legs=(NEAR, FAR)),
)


class Venue:
    """The oracle, held to its invariants, and beside it both engines."""

    def __init__(self, profile: Profile = CASH) -> None:
        self.state = opening(TRIO, profile)
        self.engines = (StripedEngine(TRIO, profile, stripes=2), GlobalLockEngine(TRIO, profile))
        self.events: tuple[Event, ...] = ()

    def do(self, *commands: Command) -> tuple[Event, ...]:
        """Some commands; the events of the last."""
        for command in commands:
            after, self.events = step(self.state, command)
            assert broken(self.state, command, self.events, after) == []
            self.state = after
            for engine in self.engines:
                assert engine.submit(command).events == self.events
                for book in TRIO:
                    assert engine.view(book.symbol) == view(after, book.symbol)
                    assert engine.implied(book.symbol) == implied(after, book.symbol)
                for owner in (ANN, BOB, EVE):
                    assert engine.account(owner) == account(after, owner)
        return self.events

    def reason(self) -> RejectReason | None:
        """Why the last command was refused; None when it was not."""
        return self.events[0].reason if isinstance(self.events[0], Rejected) else None

    def implied_trades(self) -> list[tuple[str, int, int]]:
        """Book, price and quantity of each implied trade of the last command."""
        return [(it.symbol, it.price, it.quantity) for it in self.events if isinstance(it, ImpliedTrade)]

    def cash(self, owner: Account) -> tuple[int, int, int]:
        """Cash, how much of it is reserved, and the count of live orders."""
        seen = account(self.state, owner)
        return seen.cash, seen.reserved, seen.open_orders

    def lots(self, owner: Account, asset: str) -> tuple[int, int, int]:
        """Position, open to buy, open to sell."""
        for holding in account(self.state, owner).holdings:
            if holding.symbol == asset:
                return holding.position, holding.buying, holding.selling
        return 0, 0, 0

    def both(self, owner: Account) -> tuple[int, int]:
        """The positions in the two legs."""
        return self.lots(owner, NEAR)[0], self.lots(owner, FAR)[0]


@pytest.fixture
def venue() -> Venue:
    """Ann has 1,000 in cash and ten lots of the far leg, Bob the same of the near one, Eve 1,000 and ten of each."""
    venue = Venue()
    venue.do(*(Deposit(owner, 1_000) for owner in (ANN, BOB, EVE)))
    venue.do(Deposit(ANN, 10, FAR), Deposit(BOB, 10, NEAR), Deposit(EVE, 10, NEAR), Deposit(EVE, 10, FAR))
    return venue


def order(side: Side, order_id: int, quantity: int, price: int | None, owner: Account, symbol: str = SPREAD) -> Submit:
    return Submit(symbol, order_id, owner, side, quantity, price)


# ── what an order in a spread needs ──


def test_l1_m1_who_buys_a_spread_needs_its_price_and_lots_of_the_far_leg(venue: Venue) -> None:
    venue.do(order(BUY, 1, 10, 3, ANN))
    assert venue.cash(ANN) == (1_000, 30, 1)
    assert (venue.lots(ANN, NEAR), venue.lots(ANN, FAR)) == ((0, 10, 0), (10, 0, 10))
    venue.do(order(BUY, 2, 1, 3, ANN))
    assert venue.reason() is RejectReason.INSUFFICIENT_ASSETS
    venue.do(order(SELL, 3, 1, 100, ANN, FAR))
    assert venue.reason() is RejectReason.INSUFFICIENT_ASSETS
    venue.do(Withdraw(ANN, 971))
    assert venue.reason() is RejectReason.INSUFFICIENT_CASH
    venue.do(Cancel(SPREAD, 1))
    assert (venue.cash(ANN), venue.lots(ANN, FAR)) == ((1_000, 0, 0), (10, 0, 0))


def test_l1_m1_who_sells_a_spread_below_zero_pays_and_needs_lots_of_the_near_leg(venue: Venue) -> None:
    venue.do(order(SELL, 1, 10, -20, BOB))
    assert venue.cash(BOB) == (1_000, 200, 1)
    assert (venue.lots(BOB, NEAR), venue.lots(BOB, FAR)) == ((10, 0, 10), (0, 10, 0))
    venue.do(order(SELL, 2, 5, 40, ANN))
    assert venue.reason() is RejectReason.INSUFFICIENT_ASSETS
    venue.do(Cancel(SPREAD, 1), order(BUY, 3, 9, -7, ANN))  # who buys it there is paid
    assert venue.cash(ANN) == (1_000, 0, 1)


def test_l1_m1_what_is_short_of_the_far_leg_may_be_borrowed_within_the_limit(venue: Venue) -> None:
    venue.do(SetLimits(BOB, Limits(short=2)), order(BUY, 1, 3, 5, BOB))
    assert venue.reason() is RejectReason.INSUFFICIENT_ASSETS
    venue.do(order(BUY, 2, 2, 5, BOB))
    assert venue.lots(BOB, FAR) == (0, 0, 2)


def test_l1_m1_cash_for_the_price_of_a_spread_is_all_that_it_needs(venue: Venue) -> None:
    venue.do(Withdraw(ANN, 971), order(BUY, 1, 10, 3, ANN))
    assert venue.reason() is RejectReason.INSUFFICIENT_CASH
    venue.do(Deposit(ANN, 1), order(BUY, 1, 10, 3, ANN))
    assert venue.cash(ANN) == (30, 30, 1)


def test_l1_m2_a_position_limit_binds_each_leg(venue: Venue) -> None:
    venue.do(SetLimits(ANN, Limits(position=4)), order(BUY, 1, 5, 3, ANN))
    assert venue.reason() is RejectReason.POSITION_LIMIT
    venue.do(order(BUY, 2, 2, 900, ANN, NEAR), Cancel(NEAR, 2), order(BUY, 3, 2, 300, ANN, NEAR))
    venue.do(order(BUY, 4, 3, 3, ANN))
    assert venue.reason() is RejectReason.POSITION_LIMIT
    venue.do(order(BUY, 5, 2, 3, ANN))
    assert venue.reason() is None


def test_l1_a_spread_has_no_lots_to_deposit_or_to_take_out(venue: Venue) -> None:
    for command in (Deposit(ANN, 1, SPREAD), Withdraw(ANN, 1, SPREAD)):
        assert venue.do(command) == (Rejected(SPREAD, None, RejectReason.INVALID_COMBINATION),)
    without = opening(TRIO)
    engine = StripedEngine(TRIO)
    for command, reason in (
        (Deposit(ANN, 1, SPREAD), RejectReason.INVALID_COMBINATION),
        (Deposit(ANN, 0, SPREAD), RejectReason.INVALID_AMOUNT),
        (Deposit(ANN, 1, NEAR), RejectReason.NO_ACCOUNTS),
    ):
        assert step(without, command)[1] == engine.submit(command).events == (Rejected(command.symbol, None, reason),)


# ── trades in the book of the spread ──


def test_l1_m4_a_trade_of_a_spread_moves_lots_of_both_legs_and_its_price(venue: Venue) -> None:
    venue.do(order(SELL, 1, 4, 7, BOB), order(BUY, 2, 4, 9, ANN))
    assert [type(event) for event in venue.events[1:]] == [Trade]
    assert (venue.both(ANN), venue.cash(ANN)) == ((4, 6), (972, 0, 0))
    assert (venue.both(BOB), venue.cash(BOB)) == ((6, 4), (1_028, 0, 0))


def test_l1_c9_a_reduce_only_order_in_a_spread_reduces_both_legs(venue: Venue) -> None:
    venue.do(SetLimits(ANN, Limits(short=9)), Withdraw(ANN, 10, FAR))
    venue.do(order(SELL, 1, 4, 7, BOB), order(BUY, 2, 4, 7, ANN), order(BUY, 3, 9, 5, EVE))
    assert venue.both(ANN) == (4, -4)
    venue.do(Reduce(SPREAD, 4, ANN, SELL, 5, 5))
    assert venue.reason() is RejectReason.WOULD_INCREASE
    venue.do(Deposit(ANN, 1, FAR), Reduce(SPREAD, 5, ANN, SELL, 4, 5))
    assert venue.reason() is RejectReason.WOULD_INCREASE
    venue.do(Reduce(SPREAD, 6, ANN, SELL, 3, 5))
    assert (venue.both(ANN), venue.both(EVE)) == ((1, 0), (13, 7))


def test_l1_l6_a_block_trade_of_a_spread_needs_what_orders_would(venue: Venue) -> None:
    venue.do(order(SELL, 1, 8, 400, ANN, FAR), BlockTrade(SPREAD, ANN, BOB, 3, 3))
    assert venue.reason() is RejectReason.INSUFFICIENT_ASSETS
    venue.do(BlockTrade(SPREAD, ANN, BOB, 3, 2))
    assert (venue.both(ANN), venue.both(BOB)) == ((2, 8), (8, 2))
    venue.do(Bust(SPREAD, 1))
    assert (venue.both(ANN), venue.both(BOB), venue.cash(ANN)) == ((0, 10), (10, 0), (1_000, 0, 1))


def test_l1_n1_a_trade_of_a_spread_is_busted_in_both_legs(venue: Venue) -> None:
    venue.do(order(SELL, 1, 4, 7, BOB), order(BUY, 2, 4, 9, ANN))
    assert venue.do(Bust(SPREAD, 1)) == (Busted(SPREAD, 1, 7, 4, ANN, BOB),)
    assert (venue.both(ANN), venue.both(BOB), venue.cash(BOB)) == ((0, 10), (10, 0), (1_000, 0, 0))


def test_l1_g3_what_is_prevented_in_a_spread_is_transferred_in_both_legs() -> None:
    venue = Venue(CASH._replace(self_trade_groups=((ANN, BOB),)))
    venue.do(Deposit(ANN, 100), Deposit(ANN, 5, FAR), Deposit(BOB, 5, NEAR))
    sells, buys = (
        order(side, number, 5, 7, owner)._replace(self_trade=SelfTradePrevention.TRANSFER)
        for side, number, owner in ((SELL, 1, BOB), (BUY, 2, ANN))
    )
    venue.do(sells, buys)
    assert Transferred(SPREAD, 7, 5, ANN, BOB) in venue.events
    assert (venue.both(ANN), venue.both(BOB), venue.cash(ANN)) == ((5, 0), (0, 5), (65, 0, 0))


# ── what is implied ──


def test_l2_m4_implied_in_each_of_the_three_settles_in_its_own_book_at_its_own_price(venue: Venue) -> None:
    venue.do(order(SELL, 1, 4, 103, BOB, NEAR), order(BUY, 2, 4, 100, EVE, FAR))
    venue.do(order(BUY, 3, 3, 5, ANN))
    assert venue.implied_trades() == [(SPREAD, 3, 3)]
    assert (venue.both(ANN), venue.cash(ANN)) == ((3, 7), (991, 0, 0))
    assert (venue.both(BOB), venue.cash(BOB)) == ((7, 0), (1_309, 0, 1))
    assert (venue.both(EVE), venue.cash(EVE)) == ((10, 13), (700, 100, 1))


def test_l2_m4_implied_out_a_spread_and_one_leg_pay_for_the_other(venue: Venue) -> None:
    venue.do(order(SELL, 1, 2, 3, BOB), order(SELL, 2, 2, 100, EVE, FAR))
    venue.do(order(BUY, 3, 5, 104, ANN, NEAR))
    assert venue.implied_trades() == [(NEAR, 103, 2)]
    assert (venue.both(ANN), venue.cash(ANN)) == ((2, 10), (794, 312, 1))
    assert (venue.both(BOB), venue.cash(BOB)) == ((8, 2), (1_006, 0, 0))
    assert (venue.both(EVE), venue.cash(EVE)) == ((10, 8), (1_200, 0, 0))


def test_l2_m1_a_market_order_reserves_the_worst_price_that_others_can_imply(venue: Venue) -> None:
    assert furthest_prices(TRIO) == {NEAR: (-49, 1_050), FAR: (-49, 1_050), SPREAD: (-999, 999)}
    venue.do(order(SELL, 1, 1, 3, BOB), order(SELL, 2, 1, 100, EVE, FAR))
    venue.do(Deposit(ANN, 49), order(BUY, 3, 1, None, ANN, NEAR))
    assert venue.reason() is RejectReason.INSUFFICIENT_CASH
    venue.do(Deposit(ANN, 1), order(BUY, 4, 1, None, ANN, NEAR))
    assert (venue.implied_trades(), venue.cash(ANN)) == ([(NEAR, 103, 1)], (947, 0, 0))


def test_l2_m1_a_spread_at_market_reserves_the_widest_difference_of_its_legs(venue: Venue) -> None:
    venue.do(order(SELL, 1, 1, 103, BOB, NEAR), order(BUY, 2, 1, 100, EVE, FAR), Withdraw(ANN, 2))
    venue.do(order(BUY, 3, 1, None, ANN))
    assert venue.reason() is RejectReason.INSUFFICIENT_CASH
    venue.do(Deposit(ANN, 1), order(BUY, 4, 1, None, ANN))
    assert venue.implied_trades() == [(SPREAD, 3, 1)]


@pytest.mark.parametrize("time_in_force", [TimeInForce.IOC, TimeInForce.FOK])
def test_l2_m1_nothing_stays_reserved_for_what_is_cancelled_at_once(venue: Venue, time_in_force: TimeInForce) -> None:
    venue.do(order(SELL, 1, 4, 103, BOB, NEAR), order(BUY, 2, 4, 100, EVE, FAR))
    venue.do(order(BUY, 3, 6, 5, ANN)._replace(time_in_force=time_in_force))
    filled = 4 if time_in_force is TimeInForce.IOC else 0
    assert isinstance(venue.events[-1], Cancelled)
    assert (venue.lots(ANN, NEAR), venue.lots(ANN, FAR)) == ((filled, 0, 0), (10 - filled, 0, 0))
    assert venue.cash(ANN) == (1_000 - 3 * filled, 0, 0)


def test_l3_m4_what_is_implied_again_after_a_halt_settles_too(venue: Venue) -> None:
    venue.do(Halt(FAR), order(SELL, 1, 4, 103, BOB, NEAR), order(BUY, 3, 4, 5, ANN), Resume(FAR))
    venue.do(Halt(NEAR), order(BUY, 2, 4, 100, EVE, FAR), Resume(NEAR))
    assert venue.implied_trades() == [(SPREAD, 3, 4)]
    assert (venue.cash(ANN), venue.cash(BOB), venue.cash(EVE)) == ((988, 0, 0), (1_412, 0, 0), (600, 0, 0))


def test_l3_e2_a_stop_that_an_implied_trade_sets_off_settles_too(venue: Venue) -> None:
    venue.do(order(SELL, 1, 1, 103, BOB, NEAR), order(BUY, 2, 1, 100, EVE, FAR), order(SELL, 5, 1, 105, BOB, NEAR))
    venue.do(order(BUY, 4, 1, 105, EVE, NEAR)._replace(stop=103), order(BUY, 3, 1, 5, ANN))
    assert [type(event) for event in venue.events[1:]] == [ImpliedTrade, Triggered, Trade]
    assert (venue.cash(EVE), venue.both(EVE)) == ((795, 0, 0), (11, 11))


def test_l2_m1_a_replace_asks_for_the_difference_and_its_books_before_its_account(venue: Venue) -> None:
    venue.do(order(SELL, 1, 4, 103, BOB, NEAR), order(BUY, 2, 4, 100, EVE, FAR))
    venue.do(order(BUY, 3, 4, 1, ANN)._replace(post_only=True), Replace(SPREAD, 3, 99, 3))
    assert venue.reason() is RejectReason.WOULD_TAKE
    venue.do(Replace(SPREAD, 3, 11, 2))
    assert venue.reason() is RejectReason.INSUFFICIENT_ASSETS
    venue.do(Replace(SPREAD, 3, 10, 2))
    assert (venue.cash(ANN), venue.lots(ANN, FAR)) == ((1_000, 20, 1), (10, 0, 10))
    venue.do(order(BUY, 4, 1, -1, EVE), Replace(SPREAD, 4, 2, 4))
    assert venue.implied_trades() == [(SPREAD, 3, 2)]


def test_l2_l5_an_order_routed_in_a_family_is_paid_for_as_any_other(venue: Venue) -> None:
    venue.do(order(SELL, 1, 4, 103, BOB, NEAR), order(BUY, 2, 4, 100, EVE, FAR))
    venue.do(Route(order(BUY, 3, 11, 5, ANN)))
    assert venue.reason() is RejectReason.INSUFFICIENT_ASSETS
    venue.do(Route(order(BUY, 3, 3, 5, ANN)))
    assert (venue.implied_trades(), venue.both(ANN)) == ([(SPREAD, 3, 3)], (3, 7))


def test_l2_l5_a_routed_market_order_in_a_family_reserves_what_others_can_imply(venue: Venue) -> None:
    venue.do(order(SELL, 1, 1, 3, BOB), order(SELL, 2, 1, 100, EVE, FAR))
    venue.do(Deposit(ANN, 49), Route(order(BUY, 3, 1, None, ANN, NEAR)))
    assert venue.reason() is RejectReason.INSUFFICIENT_CASH
    venue.do(Deposit(ANN, 1), Route(order(BUY, 4, 1, None, ANN, NEAR)))
    assert venue.implied_trades() == [(NEAR, 103, 1)]


def test_l4_m1_legs_of_a_basket_in_a_spread_and_in_its_leg_need_lots_for_both(venue: Venue) -> None:
    venue.do(order(BUY, 1, 9, 100, EVE, NEAR), order(BUY, 2, 9, 3, ANN))
    legs = (Leg(NEAR, 11, SELL, 6, 100), Leg(SPREAD, 12, SELL, 5, 3))
    assert venue.do(Basket(BOB, legs)) == (Rejected(SPREAD, 12, RejectReason.INSUFFICIENT_ASSETS),)
    venue.do(Deposit(BOB, 1, NEAR), Basket(BOB, legs))
    assert (venue.both(BOB), venue.cash(BOB)) == ((0, 5), (1_615, 0, 0))
    venue.do(Bust(NEAR, 1))
    assert venue.both(BOB) == (11, 0)


def test_n1_an_implied_trade_has_no_number_to_bust_it_by(venue: Venue) -> None:
    venue.do(order(SELL, 1, 4, 103, BOB, NEAR), order(BUY, 2, 4, 100, EVE, FAR), order(BUY, 3, 3, 5, ANN))
    for symbol in (NEAR, FAR, SPREAD):
        assert venue.do(Bust(symbol, 1)) == (Rejected(symbol, None, RejectReason.UNKNOWN_TRADE),)


# ── which venues ──


def test_l1_m3_spreads_and_margin_accounts_are_not_listed_together() -> None:
    for opens in (opening, StripedEngine):
        with pytest.raises(ValueError, match="margin_accounts"):
            opens(TRIO, CASH._replace(margin_accounts=(ANN,)))


def test_l1_m1_thousands_of_orders_among_spreads_on_account_are_the_same_in_the_engine_and_break_no_invariant() -> None:
    traded = refused = 0
    for number in range(60):
        case = soak_case(9, number, alone(Feature.SPREADS) | alone(Feature.ACCOUNTS) | alone(Feature.REPLACE))
        assert compare(factory("striped"), case.instruments, case.profile, case.commands, invariants=True) is None
        state = opening(case.instruments, case.profile)
        assert state.accounts is not None
        for command in case.commands:
            state, events = step(state, command)
            traded += any(isinstance(event, ImpliedTrade) for event in events)
            refused += any(isinstance(e, Rejected) and e.reason.value.startswith("insufficient") for e in events)
    assert traded > 10
    assert refused > 30


def test_l1_where_no_accounts_are_kept_nothing_is_asked() -> None:
    state, events = step(opening(TRIO, DEFAULT), order(BUY, 1, 10, 3, ANN))
    assert not isinstance(events[0], Rejected)
    assert account(state, ANN).holdings == ()


# ── the invariants can fail ──


@pytest.mark.parametrize(
    ("predicate", "asset", "changed"),
    [
        ("wealth_is_conserved", FAR, {"position": 6}),
        ("both_sides_settle", FAR, {"position": 6}),
        ("both_sides_settle", NEAR, {"position": 2}),
        ("reserved_is_what_live_orders_need", FAR, {"selling": 0}),
        ("available_stays_above_zero", FAR, {"position": 1}),
    ],
)
def test_l2_m4_the_invariants_notice_lots_that_went_astray_in_an_implied_trade(
    predicate: str, asset: str, changed: dict[str, int]
) -> None:
    buys = order(BUY, 3, 5, 5, ANN)
    before, _ = run(
        opening(TRIO, CASH),
        [
            *(Deposit(owner, 1_000) for owner in (ANN, EVE)),
            Deposit(ANN, 10, FAR),
            Deposit(BOB, 10, NEAR),
            order(SELL, 1, 3, 103, BOB, NEAR),
            order(BUY, 2, 3, 100, EVE, FAR),
        ],
    )
    after, events = step(before, buys)
    ask_of = getattr(account_invariants, predicate)
    assert list(ask_of(Step(before, buys, events, after, {}))) == []
    assert after.accounts is not None
    purse = after.accounts.purse(ANN)
    holdings = {**purse.holdings, asset: purse.holding(asset)._replace(**changed)}
    purses = {**after.accounts.purses, ANN: purse._replace(holdings=holdings)}
    doctored = after._replace(accounts=after.accounts._replace(purses=purses))
    assert list(ask_of(Step(before, buys, events, doctored, {}))) != []


def test_l2_m1_the_invariant_notices_a_reserve_that_forgets_what_others_imply() -> None:
    stop = order(BUY, 1, 1, None, ANN, NEAR)._replace(stop=500)
    before, _ = run(opening(TRIO, CASH), [Deposit(ANN, 2_000)])
    after, events = step(before, stop)
    assert after.accounts is not None
    purse = after.accounts.purse(ANN)
    assert purse.reserved == 1_050
    purses = {**after.accounts.purses, ANN: purse._replace(reserved=1_000)}  # the highest price of its own book
    doctored = after._replace(accounts=after.accounts._replace(purses=purses))
    ask_of = account_invariants.reserved_is_what_live_orders_need
    assert list(ask_of(Step(before, stop, events, after, {}))) == []
    assert list(ask_of(Step(before, stop, events, doctored, {}))) != []
