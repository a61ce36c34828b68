"""Rules M, C9, N and L6: what accounts may do, what a trade moves, and what a bust gives back.

Every command goes to the oracle and to both engines, and after each all of them say the same of every account.
"""

from __future__ import annotations

import pytest

from bookproof.engine.global_lock import GlobalLockEngine
from bookproof.engine.striped import StripedEngine
from bookproof.spec.allocation_terms import Allocation, Sharing
from bookproof.spec.commands import (
    AdvanceClock,
    Basket,
    BlockTrade,
    Bust,
    Cancel,
    Command,
    Deposit,
    EndOfDay,
    Halt,
    Leg,
    MassCancel,
    Reduce,
    Replace,
    SetLimits,
    SetPhase,
    Submit,
    Withdraw,
)
from bookproof.spec.events import BlockTraded, Busted, Deposited, Event, LimitsSet, Rejected, Trade, Withdrawn
from bookproof.spec.exchange import account, opening, step
from bookproof.spec.instruments import Instrument, listing
from bookproof.spec.invariants import broken
from bookproof.spec.profile import Profile, ReplaceQuantity, Risk
from bookproof.spec.reasons import RejectReason
from bookproof.spec.reporting import Reporter
from bookproof.spec.reports import ExecutionReport, Report
from bookproof.spec.rulebook import listening
from bookproof.spec.values import Account, Limits, Phase, SelfTradePrevention, Side, TimeInForce
from bookproof.spec.views import AccountView, Holding

CASH = Profile("cash", risk=Risk.CASH)
BUY, SELL = Side.BUY, Side.SELL
ANN, BOB, EVE = 1, 2, 3


class Venue:
    """The oracle, held to its invariants, and beside it both engines."""

    def __init__(self, *instruments: Instrument, profile: Profile = CASH) -> None:
        listed = instruments or listing(["ABC", "XYZ"])
        self.state = opening(listed, profile)
        self.engines = (StripedEngine(listed, profile, stripes=2), GlobalLockEngine(listed, profile))
        self.events: tuple[Event, ...] = ()

    def do(self, *commands: Command) -> tuple[Event, ...]:
        """Some commands; the events of the last."""
        for command in commands:
            after, self.events = step(self.state, command)
            assert broken(self.state, command, self.events, after) == []
            self.state = after
            for engine in self.engines:
                assert engine.submit(command).events == self.events
                for owner in (ANN, BOB, EVE):
                    assert engine.account(owner) == account(self.state, owner)
        return self.events

    def reason(self) -> RejectReason | None:
        """Why the last command was refused; None when it was not."""
        return self.events[0].reason if isinstance(self.events[0], Rejected) else None

    def cash(self, owner: Account) -> tuple[int, int]:
        """Cash, and how much of it is reserved."""
        seen = account(self.state, owner)
        return seen.cash, seen.reserved

    def lots(self, owner: Account, symbol: str = "ABC") -> tuple[int, int, int]:
        """Position, open to buy, open to sell."""
        for holding in account(self.state, owner).holdings:
            if holding.symbol == symbol:
                return holding.position, holding.buying, holding.selling
        return 0, 0, 0


@pytest.fixture
def venue() -> Venue:
    """Two books. Ann has 1,000 in cash, Bob ten lots of each book, Eve nothing."""
    venue = Venue()
    venue.do(Deposit(ANN, 1_000), Deposit(BOB, 10, "ABC"), Deposit(BOB, 10, "XYZ"))
    return venue


def bid(order_id: int, quantity: int, price: int | None, owner: Account = ANN, symbol: str = "ABC") -> Submit:
    return Submit(symbol, order_id, owner, BUY, quantity, price)


def ask(order_id: int, quantity: int, price: int | None, owner: Account = BOB, symbol: str = "ABC") -> Submit:
    return Submit(symbol, order_id, owner, SELL, quantity, price)


# ── M1: reservation ──


def test_m1_cash_and_lots_come_in_by_deposit_and_go_out_by_withdrawal(venue: Venue) -> None:
    assert venue.do(Deposit(ANN, 500)) == (Deposited(ANN, 500, None),)
    assert venue.do(Withdraw(ANN, 1_500)) == (Withdrawn(ANN, 1_500, None),)
    assert venue.do(Withdraw(ANN, 1)) == (Rejected(None, None, RejectReason.INSUFFICIENT_CASH),)
    assert venue.do(Withdraw(BOB, 11, "ABC")) == (Rejected("ABC", None, RejectReason.INSUFFICIENT_ASSETS),)
    assert venue.do(Withdraw(BOB, 10, "ABC")) == (Withdrawn(BOB, 10, "ABC"),)


@pytest.mark.parametrize(
    ("command", "symbol", "reason"),
    [
        (Deposit(-1, 5), None, RejectReason.INVALID_ACCOUNT),
        (Deposit(ANN, 0), None, RejectReason.INVALID_AMOUNT),
        (Deposit(ANN, 10**15 + 1), None, RejectReason.INVALID_AMOUNT),
        (Deposit(ANN, True), None, RejectReason.INVALID_AMOUNT),
        (Deposit(ANN, 3, "LOT"), "LOT", RejectReason.INVALID_AMOUNT),
        (Withdraw(ANN, 5, "NONE"), "NONE", RejectReason.UNKNOWN_SYMBOL),
        (SetLimits(ANN, Limits(position=-1)), None, RejectReason.INVALID_LIMITS),
        (Bust("NONE", 1), "NONE", RejectReason.UNKNOWN_SYMBOL),
    ],
)
def test_m1_what_makes_no_sense_is_refused_by_itself_whether_accounts_are_kept_or_not(
    command: Command, symbol: str | None, reason: RejectReason
) -> None:
    for profile in (CASH, Profile()):
        venue = Venue(Instrument("ABC"), Instrument("LOT", lot=2), profile=profile)
        assert venue.do(command) == (Rejected(symbol, None, reason),)


@pytest.mark.parametrize("command", [Deposit(ANN, 5), Withdraw(ANN, 5, "ABC"), SetLimits(ANN), Bust("ABC", 1)])
def test_m1_where_no_accounts_are_kept_nothing_can_be_done_with_them(command: Command) -> None:
    venue = Venue(profile=Profile())
    venue.do(command)
    assert venue.reason() is RejectReason.NO_ACCOUNTS
    venue.do(bid(1, 10**6, 10**6))
    assert venue.reason() is None
    assert account(venue.state, ANN) == AccountView(ANN, 0, 0, 0, (), Limits())
    venue.do(Reduce("ABC", 2, ANN, BUY, 1, 100))
    assert venue.reason() is RejectReason.NO_ACCOUNTS


def test_m1_a_buyer_reserves_the_limit_price_of_every_lot(venue: Venue) -> None:
    venue.do(bid(1, 6, 100))
    assert venue.cash(ANN) == (1_000, 600)
    assert venue.lots(ANN) == (0, 6, 0)
    venue.do(bid(2, 4, 101, symbol="XYZ"))
    assert venue.events == (Rejected("XYZ", 2, RejectReason.INSUFFICIENT_CASH),)
    venue.do(bid(2, 4, 100, symbol="XYZ"))
    assert venue.cash(ANN) == (1_000, 1_000)
    assert account(venue.state, ANN).open_orders == 2


def test_m1_a_seller_reserves_the_lots(venue: Venue) -> None:
    venue.do(ask(1, 7, 100))
    assert venue.lots(BOB) == (10, 0, 7)
    venue.do(ask(2, 4, 100))
    assert venue.events == (Rejected("ABC", 2, RejectReason.INSUFFICIENT_ASSETS),)
    venue.do(Withdraw(BOB, 4, "ABC"))
    assert venue.reason() is RejectReason.INSUFFICIENT_ASSETS
    venue.do(ask(2, 3, 100), ask(3, 10, 100, symbol="XYZ"))
    assert venue.lots(BOB) == (10, 0, 10)


def test_m1_nothing_matches_when_the_account_cannot_pay_and_the_book_is_as_it_was(venue: Venue) -> None:
    venue.do(ask(1, 5, 50))
    before = venue.state
    venue.do(bid(2, 11, 100))  # would have cost 250
    assert venue.reason() is RejectReason.INSUFFICIENT_CASH
    assert venue.state == before


def test_m1_a_better_price_releases_the_difference_at_once(venue: Venue) -> None:
    venue.do(ask(1, 5, 90), bid(2, 8, 100))
    assert venue.cash(ANN) == (1_000 - 5 * 90, 3 * 100)


@pytest.mark.parametrize(
    ("order", "end"),
    [
        (bid(1, 5, 100), Cancel("ABC", 1)),
        (bid(1, 5, 100), MassCancel(ANN)),
        (bid(1, 5, 100)._replace(time_in_force=TimeInForce.DAY), EndOfDay()),
        (bid(1, 5, 100)._replace(time_in_force=TimeInForce.GTD, expires=9), AdvanceClock(9)),
        (bid(1, 5, 100)._replace(stop=120), Cancel("ABC", 1)),
        (bid(1, 5, 100)._replace(display=2), Cancel("ABC", 1)),
    ],
)
def test_m1_whatever_ends_an_order_releases_what_it_reserved(venue: Venue, order: Submit, end: Command) -> None:
    venue.do(order)
    assert venue.cash(ANN) == (1_000, 500)
    venue.do(end)
    assert venue.cash(ANN) == (1_000, 0)
    assert venue.lots(ANN) == (0, 0, 0)
    assert account(venue.state, ANN).open_orders == 0


def test_m1_an_order_that_is_killed_or_cancelled_at_once_leaves_nothing_reserved(venue: Venue) -> None:
    venue.do(ask(1, 2, 100))
    for lives in (TimeInForce.FOK, TimeInForce.IOC):
        venue.do(bid(2, 5, 100)._replace(time_in_force=lives))
    assert venue.cash(ANN) == (800, 0)
    venue.do(bid(3, 9, 100)._replace(time_in_force=TimeInForce.FOK))  # it would be killed, but is refused before that
    assert venue.reason() is RejectReason.INSUFFICIENT_CASH


def test_m1_a_replace_needs_the_difference_only(venue: Venue) -> None:
    venue.do(bid(1, 9, 100), Replace("ABC", 1, 10, 100))
    assert venue.cash(ANN) == (1_000, 1_000)
    venue.do(Replace("ABC", 1, 10, 101))
    assert venue.events == (Rejected("ABC", 1, RejectReason.INSUFFICIENT_CASH),)
    venue.do(Replace("ABC", 1, 11, 90))
    assert venue.cash(ANN) == (1_000, 990)
    venue.do(ask(2, 4, 90), Replace("ABC", 1, 6))
    assert venue.cash(ANN) == (640, 180)
    venue.do(Replace("ABC", 1, 3))  # four are executed
    assert venue.cash(ANN) == (640, 0)


def test_m1_a_replace_to_an_open_quantity_counts_what_is_open() -> None:
    venue = Venue(profile=CASH._replace(replace_quantity=ReplaceQuantity.OPEN))
    venue.do(Deposit(ANN, 1_000), Deposit(BOB, 10, "ABC"), bid(1, 5, 100), ask(2, 2, 100), Replace("ABC", 1, 8))
    assert venue.cash(ANN) == (800, 800)
    venue.do(Replace("ABC", 1, 9))
    assert venue.reason() is RejectReason.INSUFFICIENT_CASH


def test_m1_a_replace_that_the_book_refuses_is_refused_for_the_books_reason(venue: Venue) -> None:
    venue.do(bid(1, 5, 100), ask(2, 5, 105), bid(3, 1, 90)._replace(post_only=True))
    venue.do(Replace("ABC", 3, 10**6, 105))
    assert venue.reason() is RejectReason.WOULD_TAKE
    venue.do(Replace("ABC", 9, 10**6, 105))
    assert venue.reason() is RejectReason.UNKNOWN_ORDER
    venue.do(Replace("ABC", 1, 10**6, stop=3))
    assert venue.reason() is RejectReason.INVALID_REPLACE


def test_m1_a_market_order_reserves_the_worst_price_of_its_instrument() -> None:
    venue = Venue(Instrument("ABC", max_price=150))
    venue.do(Deposit(ANN, 1_499), Deposit(BOB, 10, "ABC"), ask(1, 10, 100))
    venue.do(bid(2, 10, None))
    assert venue.reason() is RejectReason.INSUFFICIENT_CASH
    venue.do(Deposit(ANN, 1), bid(2, 10, None))
    assert venue.cash(ANN) == (500, 0)


def test_m1_a_stop_without_a_limit_is_reserved_at_the_worst_price_while_it_waits() -> None:
    venue = Venue(Instrument("ABC", max_price=150))
    venue.do(Deposit(ANN, 1_000), Deposit(BOB, 10, "ABC"), bid(1, 2, None)._replace(stop=110))
    assert venue.cash(ANN) == (1_000, 300)
    venue.do(ask(2, 9, 110), bid(3, 1, 110))  # triggers it
    assert venue.cash(ANN) == (1_000 - 330, 0)
    assert venue.lots(ANN) == (3, 0, 0)


def test_m1_below_zero_it_is_the_seller_who_pays() -> None:
    venue = Venue(Instrument("ABC", min_price=-50, max_price=50))
    venue.do(Deposit(BOB, 10, "ABC"), ask(1, 4, -10))
    assert venue.reason() is RejectReason.INSUFFICIENT_CASH
    venue.do(Deposit(BOB, 40), ask(1, 4, -10))
    assert venue.cash(BOB) == (40, 40)
    venue.do(bid(2, 3, -10))  # costs her nothing, and brings her 30
    assert (venue.cash(ANN), venue.cash(BOB)) == ((30, 0), (10, 10))


def test_m1_a_basket_is_asked_for_all_its_legs_together(venue: Venue) -> None:
    venue.do(ask(1, 5, 100), ask(2, 5, 110, symbol="XYZ"))
    both = (Leg("ABC", 3, BUY, 5, 100), Leg("XYZ", 4, BUY, 5, 110))
    venue.do(Basket(ANN, both))
    assert venue.events == (Rejected("ABC", 3, RejectReason.INSUFFICIENT_CASH),)
    venue.do(Deposit(ANN, 50), Basket(ANN, both))
    assert venue.cash(ANN) == (0, 0)
    assert (venue.lots(ANN), venue.lots(ANN, "XYZ")) == ((5, 0, 0), (5, 0, 0))


def test_m1_what_a_basket_sells_does_not_pay_for_what_it_buys(venue: Venue) -> None:
    venue.do(bid(1, 5, 100), ask(2, 5, 10, symbol="XYZ"))
    venue.do(Basket(BOB, (Leg("ABC", 3, SELL, 5, 100), Leg("XYZ", 4, BUY, 5, 10))))
    assert venue.reason() is RejectReason.INSUFFICIENT_CASH


@pytest.mark.parametrize("mode", list(SelfTradePrevention))
def test_m1_prevention_releases_on_both_sides_what_can_trade_no_more(venue: Venue, mode: SelfTradePrevention) -> None:
    venue.do(Deposit(BOB, 1_000), ask(1, 5, 100))
    venue.do(bid(2, 3, 100, BOB)._replace(self_trade=mode))  # the invariants count what is reserved
    assert venue.lots(BOB)[0] == 10


# ── M2: limits ──


def test_m2_limits_are_set_as_a_whole_and_shown(venue: Venue) -> None:
    assert venue.do(SetLimits(ANN, Limits(open_orders=2))) == (LimitsSet(ANN, Limits(open_orders=2)),)
    venue.do(SetLimits(ANN, Limits(notional=500)))
    assert account(venue.state, ANN).limits == Limits(notional=500)


def test_m2_no_more_live_orders_than_allowed_over_all_books(venue: Venue) -> None:
    venue.do(SetLimits(ANN, Limits(open_orders=2)), bid(1, 1, 100), bid(2, 1, 100, symbol="XYZ"), bid(3, 1, 100))
    assert venue.events == (Rejected("ABC", 3, RejectReason.ORDER_LIMIT),)
    venue.do(Cancel("XYZ", 2), bid(3, 1, 100))
    assert venue.reason() is None
    venue.do(Replace("ABC", 3, 2))
    assert venue.reason() is None, "a replace is no new order"


def test_m2_no_larger_position_than_allowed_even_if_all_open_orders_trade(venue: Venue) -> None:
    venue.do(SetLimits(ANN, Limits(position=8)), Deposit(ANN, 3, "ABC"), bid(1, 4, 100), bid(2, 2, 100))
    assert venue.reason() is RejectReason.POSITION_LIMIT
    venue.do(bid(2, 1, 100))
    assert venue.reason() is None
    venue.do(Replace("ABC", 2, 2, 100))
    assert venue.reason() is RejectReason.POSITION_LIMIT
    venue.do(bid(3, 4, 50, symbol="XYZ"))
    assert venue.reason() is None, "each book has a position of its own"


def test_m2_a_short_limit_lets_an_account_owe_lots_and_no_more(venue: Venue) -> None:
    venue.do(SetLimits(EVE, Limits(short=5)), ask(1, 6, 100, EVE))
    assert venue.reason() is RejectReason.INSUFFICIENT_ASSETS
    venue.do(ask(1, 5, 100, EVE), bid(2, 5, 100))
    assert (venue.lots(EVE), venue.cash(EVE)) == ((-5, 0, 0), (500, 0))
    venue.do(ask(3, 1, 100, EVE))
    assert venue.reason() is RejectReason.INSUFFICIENT_ASSETS
    venue.do(Withdraw(EVE, 1, "ABC"))
    assert venue.reason() is RejectReason.INSUFFICIENT_ASSETS, "a short limit is no loan to walk away with"
    venue.do(SetLimits(EVE, Limits(short=9, position=6)), ask(3, 2, 100, EVE))
    assert venue.reason() is RejectReason.POSITION_LIMIT


def test_m2_no_order_worth_more_than_allowed(venue: Venue) -> None:
    venue.do(SetLimits(ANN, Limits(notional=500)), bid(1, 6, 100))
    assert venue.reason() is RejectReason.NOTIONAL_LIMIT
    venue.do(bid(1, 5, 100), Replace("ABC", 1, 5, 101))
    assert venue.reason() is RejectReason.NOTIONAL_LIMIT
    venue.do(SetLimits(ANN, Limits(notional=300)), Replace("ABC", 1, 4))
    assert venue.reason() is None, "a limit that came later does not hinder an order from becoming smaller"


def test_m2_a_basket_is_as_many_orders_as_it_has_legs(venue: Venue) -> None:
    venue.do(SetLimits(BOB, Limits(open_orders=1)), bid(1, 1, 100), bid(2, 1, 100, symbol="XYZ"))
    legs = (Leg("ABC", 3, SELL, 1, 100), Leg("XYZ", 4, SELL, 1, 100))
    venue.do(Basket(BOB, legs))
    assert venue.events == (Rejected("ABC", 3, RejectReason.ORDER_LIMIT),)
    venue.do(Basket(BOB, legs[:1]))
    assert venue.reason() is None


# ── M4: settlement ──


def test_m4_both_sides_have_settled_when_the_command_is_over(venue: Venue) -> None:
    venue.do(ask(1, 4, 100), ask(2, 4, 101), bid(3, 6, 105))
    assert (venue.cash(ANN), venue.lots(ANN)) == ((1_000 - 602, 0), (6, 0, 0))
    assert (venue.cash(BOB), venue.lots(BOB)) == ((602, 0), (4, 0, 2))


def test_m4_money_from_a_trade_in_one_book_buys_in_another_at_once(venue: Venue) -> None:
    venue.do(bid(1, 5, 100), ask(2, 5, 100), bid(3, 5, 100, BOB, "XYZ"))
    assert venue.reason() is None
    assert venue.cash(BOB) == (500, 500)


def test_m4_the_owner_of_a_triggered_stop_settles_in_the_command_that_triggered_it(venue: Venue) -> None:
    venue.do(Deposit(EVE, 5, "ABC"), ask(1, 5, 90, EVE)._replace(stop=95))
    venue.do(bid(2, 3, 95), bid(3, 5, 90), ask(4, 3, 95))
    assert any(isinstance(event, Trade) and event.taker == 1 for event in venue.events)
    assert venue.cash(EVE) == (450, 0)
    assert venue.cash(ANN) == (1_000 - 285 - 450, 0)


def test_m4_an_account_that_trades_with_itself_has_what_it_had(venue: Venue) -> None:
    venue.do(Deposit(BOB, 500), ask(1, 5, 100), bid(2, 5, 100, BOB))
    assert (venue.cash(BOB), venue.lots(BOB)) == ((500, 0), (10, 0, 0))


def test_m4_an_account_is_shown_with_its_holdings_in_listing_order(venue: Venue) -> None:
    venue.do(Deposit(ANN, 2, "XYZ"), bid(1, 5, 100))
    holdings = (Holding("ABC", 0, 5, 0), Holding("XYZ", 2, 0, 0))
    assert account(venue.state, ANN) == AccountView(ANN, 1_000, 500, 1, holdings, Limits())


# ── C9: reduce-only ──


def test_c9_a_reduce_only_order_makes_a_long_position_smaller_and_never_rests(venue: Venue) -> None:
    venue.do(bid(1, 4, 100), Reduce("ABC", 2, BOB, SELL, 6, 100))
    assert venue.lots(BOB) == (6, 0, 0)
    assert venue.lots(ANN) == (4, 0, 0)
    venue.do(Reduce("ABC", 3, BOB, SELL, 7, 100))
    assert venue.events == (Rejected("ABC", 3, RejectReason.WOULD_INCREASE),)
    venue.do(Reduce("ABC", 3, BOB, BUY, 1, 100))
    assert venue.reason() is RejectReason.WOULD_INCREASE


def test_c9_a_reduce_only_order_makes_a_short_position_smaller(venue: Venue) -> None:
    venue.do(SetLimits(EVE, Limits(short=5)), bid(1, 5, 100), ask(2, 5, 100, EVE), ask(3, 9, 90))
    venue.do(Reduce("ABC", 4, EVE, BUY, 6, 90))
    assert venue.reason() is RejectReason.WOULD_INCREASE
    venue.do(Reduce("ABC", 4, EVE, BUY, 5, 90))
    assert venue.lots(EVE) == (0, 0, 0)


def test_c9_what_is_wrong_with_the_order_itself_comes_first(venue: Venue) -> None:
    venue.do(Reduce("ABC", 1, BOB, SELL, 0, 100))
    assert venue.reason() is RejectReason.INVALID_QUANTITY
    venue.do(Reduce("NONE", 1, BOB, SELL, 1, 100))
    assert venue.reason() is RejectReason.UNKNOWN_SYMBOL
    venue.do(Reduce("ABC", 1, BOB, SELL, 99))
    assert venue.reason() is RejectReason.NO_LIQUIDITY


# ── L6: block trades ──


def test_l6_two_accounts_trade_past_the_book_and_settle_at_once(venue: Venue) -> None:
    venue.do(ask(1, 4, 100), bid(2, 1, 90)._replace(stop=120))
    books = venue.state.books
    assert venue.do(BlockTrade("ABC", ANN, BOB, 130, 6)) == (BlockTraded("ABC", 1, 130, 6, ANN, BOB),)
    assert (venue.cash(ANN), venue.lots(ANN)) == ((1_000 - 780, 90), (6, 1, 0))
    assert (venue.cash(BOB), venue.lots(BOB)) == ((780, 0), (4, 0, 4))
    assert venue.state.books == books, "no order, no last price and no stop has changed"


def test_l6_both_parties_need_what_is_not_reserved(venue: Venue) -> None:
    venue.do(bid(1, 9, 100), BlockTrade("ABC", ANN, BOB, 101, 1))
    assert venue.events == (Rejected("ABC", None, RejectReason.INSUFFICIENT_CASH),)
    venue.do(ask(2, 9, 110), BlockTrade("ABC", ANN, BOB, 50, 2))
    assert venue.reason() is RejectReason.INSUFFICIENT_ASSETS
    venue.do(BlockTrade("ABC", ANN, BOB, 101, 2))  # neither can: the seller's reason takes precedence
    assert venue.reason() is RejectReason.INSUFFICIENT_ASSETS
    venue.do(SetLimits(ANN, Limits(position=9)), BlockTrade("ABC", ANN, BOB, 1, 1))
    assert venue.reason() is RejectReason.POSITION_LIMIT


def test_l6_only_blocks_are_traded_past_the_book() -> None:
    venue = Venue(profile=CASH._replace(least_block=5))
    venue.do(Deposit(ANN, 1_000), Deposit(BOB, 10, "ABC"), BlockTrade("ABC", ANN, BOB, 100, 4))
    assert venue.reason() is RejectReason.BLOCK_TOO_SMALL
    venue.do(BlockTrade("ABC", ANN, BOB, 100, 5))
    assert venue.reason() is None


def test_l6_a_block_trade_can_be_busted(venue: Venue) -> None:
    venue.do(BlockTrade("ABC", ANN, BOB, 100, 5), Bust("ABC", 1))
    assert venue.events == (Busted("ABC", 1, 100, 5, ANN, BOB),)
    assert (venue.cash(ANN), venue.cash(BOB)) == ((1_000, 0), (0, 0))


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (BlockTrade("NONE", ANN, BOB, 100, 5), RejectReason.UNKNOWN_SYMBOL),
        (BlockTrade("ABC", ANN, -1, 100, 5), RejectReason.INVALID_ACCOUNT),
        (BlockTrade("ABC", True, BOB, 100, 5), RejectReason.INVALID_ACCOUNT),
        (BlockTrade("ABC", ANN, BOB, 100, 0), RejectReason.INVALID_QUANTITY),
        (BlockTrade("ABC", ANN, BOB, 0, 5), RejectReason.INVALID_PRICE),
        (BlockTrade("ABC", ANN, BOB, None, 5), RejectReason.INVALID_PRICE),  # type: ignore[arg-type]
        (BlockTrade("ABC", ANN, ANN, 100, 5), RejectReason.INVALID_COMBINATION),
        (BlockTrade("ABC", ANN, BOB, 100, 5), RejectReason.NO_ACCOUNTS),
    ],
)
def test_l6_what_makes_no_sense_is_refused(command: BlockTrade, reason: RejectReason) -> None:
    for profile in (Profile(), CASH) if reason is not RejectReason.NO_ACCOUNTS else (Profile(),):
        venue = Venue(profile=profile)
        venue.do(command)
        assert venue.reason() is reason


def test_l6_no_block_trade_while_the_book_or_the_market_halts(venue: Venue) -> None:
    venue.do(Halt("ABC"), BlockTrade("ABC", ANN, BOB, 100, 5))
    assert venue.reason() is RejectReason.BOOK_HALTED
    venue.do(Halt(), BlockTrade("ABC", ANN, BOB, 100, 5))
    assert venue.reason() is RejectReason.MARKET_HALTED


# ── N: busts ──


def test_n1_a_bust_gives_cash_and_lots_back_and_leaves_the_book_alone(venue: Venue) -> None:
    venue.do(ask(1, 4, 100), ask(2, 4, 101), bid(3, 6, 105))
    books = venue.state.books
    assert venue.do(Bust("ABC", 2)) == (Busted("ABC", 2, 101, 2, ANN, BOB),)
    assert (venue.cash(ANN), venue.lots(ANN)) == ((600, 0), (4, 0, 0))
    assert (venue.cash(BOB), venue.lots(BOB)) == ((400, 0), (6, 0, 2))
    assert venue.state.books == books


@pytest.mark.parametrize("trade", [0, -1, 2, True, 1.0, "1", None])
def test_n1_only_a_trade_that_there_was_is_busted_and_only_once(venue: Venue, trade: int) -> None:
    venue.do(ask(1, 4, 100), bid(2, 4, 100), Bust("ABC", trade))
    assert venue.events == (Rejected("ABC", None, RejectReason.UNKNOWN_TRADE),)
    venue.do(Bust("ABC", 1), Bust("ABC", 1))
    assert venue.reason() is RejectReason.UNKNOWN_TRADE


def test_n1_who_has_spent_the_money_owes_it_and_can_sell_but_not_buy(venue: Venue) -> None:
    venue.do(ask(1, 4, 100), bid(2, 4, 100), Withdraw(BOB, 400), Bust("ABC", 1))
    assert venue.cash(BOB) == (-400, 0)
    venue.do(bid(3, 1, 1, BOB))
    assert venue.reason() is RejectReason.INSUFFICIENT_CASH
    venue.do(ask(3, 5, 100), bid(4, 5, 100))
    assert venue.cash(BOB) == (100, 0)


def test_n2_a_bust_of_one_leg_busts_the_basket_and_no_other_trade(venue: Venue) -> None:
    venue.do(ask(1, 2, 50), ask(2, 2, 51), ask(3, 5, 60, symbol="XYZ"), bid(4, 1, 50))
    venue.do(Basket(ANN, (Leg("ABC", 5, BUY, 3, 55), Leg("XYZ", 6, BUY, 2, 60))))
    assert venue.do(Bust("XYZ", 1)) == (
        Busted("ABC", 2, 50, 1, ANN, BOB),
        Busted("ABC", 3, 51, 2, ANN, BOB),
        Busted("XYZ", 1, 60, 2, ANN, BOB),
    )
    assert (venue.cash(ANN), venue.lots(ANN)) == ((950, 0), (1, 0, 0))
    venue.do(Bust("ABC", 3))
    assert venue.reason() is RejectReason.UNKNOWN_TRADE
    venue.do(Bust("ABC", 1))
    assert venue.cash(ANN) == (1_000, 0)


# ── accounts and calls (I), phases (J), shared levels (K), reports (O) ──


CALL, CONTINUOUS = SetPhase("ABC", Phase.CALL), SetPhase("ABC", Phase.CONTINUOUS)
BOUNDED = Instrument("ABC", max_price=150)


def test_m1_a_market_order_that_waits_in_a_call_reserves_the_worst_price_of_its_instrument() -> None:
    venue = Venue(BOUNDED)
    venue.do(Deposit(ANN, 1_000), CALL, bid(1, 6, None))
    assert venue.cash(ANN) == (1_000, 900)
    venue.do(bid(2, 1, None))
    assert venue.reason() is RejectReason.INSUFFICIENT_CASH
    venue.do(Replace("ABC", 1, 2))
    assert venue.cash(ANN) == (1_000, 300)


def test_m4_an_uncross_settles_both_sides_at_its_one_price_and_releases_what_is_over() -> None:
    venue = Venue(BOUNDED)
    venue.do(Deposit(ANN, 1_000), Deposit(BOB, 10, "ABC"), CALL)
    venue.do(bid(1, 4, None), bid(2, 2, 110), bid(3, 1, 80), ask(4, 10, 90))
    assert venue.cash(ANN) == (1_000, 900)
    venue.do(CONTINUOUS)
    assert [event.price for event in venue.events if isinstance(event, Trade)] == [90, 90]
    assert (venue.cash(ANN), venue.lots(ANN)) == ((460, 80), (6, 1, 0))
    assert (venue.cash(BOB), venue.lots(BOB)) == ((540, 0), (4, 0, 4))


def test_m1_what_a_market_order_does_not_trade_in_an_uncross_is_released() -> None:
    venue = Venue(BOUNDED)
    venue.do(Deposit(ANN, 1_000), Deposit(BOB, 2, "ABC"), CALL, bid(1, 6, None), ask(2, 2, 90), CONTINUOUS)
    assert (venue.cash(ANN), venue.lots(ANN)) == ((820, 0), (2, 0, 0))
    assert account(venue.state, ANN).open_orders == 0


def test_m4_an_account_on_both_sides_of_an_uncross_gains_and_loses_nothing() -> None:
    venue = Venue(BOUNDED)
    venue.do(Deposit(ANN, 1_000), Deposit(ANN, 5, "ABC"), CALL, bid(1, 5, 100), ask(2, 5, 100, ANN), CONTINUOUS)
    assert (venue.cash(ANN), venue.lots(ANN)) == ((1_000, 0), (5, 0, 0))


def test_n1_a_trade_of_an_uncross_can_be_busted() -> None:
    venue = Venue(BOUNDED)
    venue.do(Deposit(ANN, 1_000), Deposit(BOB, 5, "ABC"), CALL, bid(1, 5, 100), ask(2, 5, 100), CONTINUOUS)
    assert venue.do(Bust("ABC", 1)) == (Busted("ABC", 1, 100, 5, ANN, BOB),)
    assert (venue.cash(ANN), venue.lots(BOB)) == ((1_000, 0), (5, 0, 0))


def test_c9_a_call_takes_no_reduce_only_order_for_it_would_wait(venue: Venue) -> None:
    venue.do(CALL, Reduce("ABC", 1, BOB, SELL, 5, 100))
    assert venue.reason() is RejectReason.NOT_IN_AUCTION


@pytest.mark.parametrize(
    ("phase", "reason"),
    [
        (Phase.CALL, None),
        (Phase.HALT, RejectReason.BOOK_HALTED),
        (Phase.CANCEL_ONLY, RejectReason.CANCELS_ONLY),
        (Phase.CLOSED, RejectReason.BOOK_CLOSED),
    ],
)
def test_l6_a_block_trade_is_made_wherever_orders_are_taken(
    venue: Venue, phase: Phase, reason: RejectReason | None
) -> None:
    venue.do(SetPhase("ABC", phase), BlockTrade("ABC", ANN, BOB, 100, 5))
    assert venue.reason() is reason


def test_m4_every_share_of_a_level_settles_like_any_trade() -> None:
    shared = CASH._replace(allocation=Allocation(Sharing.PRO_RATA))
    venue = Venue(profile=shared)
    venue.do(Deposit(ANN, 1_000), Deposit(BOB, 10, "ABC"), Deposit(EVE, 10, "ABC"))
    venue.do(ask(1, 6, 100, BOB), ask(2, 3, 100, EVE), bid(3, 6, 110))
    assert [(event.maker, event.quantity) for event in venue.events if isinstance(event, Trade)] == [(1, 4), (2, 2)]
    assert (venue.cash(ANN), venue.cash(BOB), venue.cash(EVE)) == ((400, 0), (400, 0), (200, 0))
    assert (venue.lots(BOB), venue.lots(EVE)) == ((6, 0, 2), (8, 0, 1))


def test_o1_a_reduce_only_order_is_reported_as_the_order_that_it_is(venue: Venue) -> None:
    reporter = Reporter(["ABC", "XYZ"], CASH)
    told: list[Report] = []
    for command in (bid(1, 3, 100), Reduce("ABC", 2, BOB, SELL, 5, 100), Reduce("ABC", 3, BOB, SELL, 50, 100)):
        told += reporter.feed(command, venue.do(command))
    about = [(it.order_id, it.exec_type.name, it.leaves_qty) for it in told if isinstance(it, ExecutionReport)]
    assert about == [
        (1, "NEW", 3),
        (2, "NEW", 5),
        (1, "TRADE", 0),
        (2, "TRADE", 2),
        (2, "CANCELED", 0),
        (3, "REJECTED", 0),
    ]


def test_a_command_that_an_account_refuses_is_decided_by_no_rule_of_the_books(venue: Venue) -> None:
    venue.do(ask(1, 5, 100))
    with listening() as seen:
        step(venue.state, bid(2, 5, 1_000))
    assert set(seen) == {"A4", "M1"}
