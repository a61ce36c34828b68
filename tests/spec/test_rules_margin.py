"""Rule M3: margin over all that an account has and has ordered, marks by command, and liquidation.

Every command goes to the oracle and to both engines. After each all of them say the same of every account, and what an
engine has booked of a margin account is what stands on its shelves.
"""

from __future__ import annotations

import pytest

from bookproof.engine.global_lock import GlobalLockEngine
from bookproof.engine.striped import StripedEngine
from bookproof.spec.commands import (
    Basket,
    BlockTrade,
    Bust,
    Cancel,
    Command,
    Deposit,
    Halt,
    Leg,
    Liquidate,
    MassCancel,
    Reduce,
    Replace,
    SetLimits,
    SetMark,
    SetPhase,
    Submit,
    SubmitList,
    Withdraw,
)
from bookproof.spec.events import Accepted, Cancelled, Event, Liquidated, MarkSet, Rejected, Trade
from bookproof.spec.exchange import account, opening, step
from bookproof.spec.instruments import Instrument, listing
from bookproof.spec.invariants import broken
from bookproof.spec.profile import Profile, Risk
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.reporting import Reporter
from bookproof.spec.reports import ExecType, ExecutionReport, Report
from bookproof.spec.rulebook import listening
from bookproof.spec.values import Account, Limits, ListKind, Lots, OrderId, Phase, Side, Symbol, Ticks, TimeInForce
from bookproof.spec.views import MarginView, Mark

ANN, BOB, EVE = 1, 2, 3
MARGIN = Profile("margin", risk=Risk.CASH, margin_accounts=(ANN, EVE))
BUY, SELL = Side.BUY, Side.SELL


class Venue:
    """The oracle, held to its invariants, and beside it both engines."""

    def __init__(self, *instruments: Instrument, profile: Profile = MARGIN) -> None:
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
                    ledger = engine._floor.ledger
                    if ledger is not None and owner in ledger.on_margin:
                        assert ledger.till(owner).worth == ledger.worth_on_shelves(owner)
        return self.events

    def reason(self) -> RejectReason | None:
        """Why the last command was refused; None when it was not."""
        return self.events[0].reason if isinstance(self.events[0], Rejected) else None

    def margin(self, owner: Account = ANN) -> tuple[int, int, int]:
        """Equity, used, and the least that it has to be."""
        seen = account(self.state, owner).margin
        assert seen is not None
        return seen.equity, seen.used, seen.maintenance

    def position(self, owner: Account = ANN, symbol: Symbol = "ABC") -> Lots:
        """What it has of a book."""
        return sum(held.position for held in account(self.state, owner).holdings if held.symbol == symbol)


@pytest.fixture
def venue() -> Venue:
    """Two books, both marked at 100. Ann is on margin and has 100 in cash; Bob has plenty, and is not on margin."""
    venue = Venue()
    venue.do(Deposit(ANN, 100), Deposit(BOB, 10_000), Deposit(BOB, 100, "ABC"), Deposit(BOB, 100, "XYZ"))
    venue.do(SetMark("ABC", 100), SetMark("XYZ", 100))
    return venue


def bid(order_id: OrderId, quantity: Lots, price: Ticks | None, owner: Account = ANN, symbol: Symbol = "ABC") -> Submit:
    return Submit(symbol, order_id, owner, BUY, quantity, price)


def ask(order_id: OrderId, quantity: Lots, price: Ticks | None, owner: Account = BOB, symbol: Symbol = "ABC") -> Submit:
    return Submit(symbol, order_id, owner, SELL, quantity, price)


# ── marks ──


def test_m3_a_mark_is_set_by_command_and_no_trade_moves_it(venue: Venue) -> None:
    assert venue.do(SetMark("ABC", 110)) == (MarkSet("ABC", 110),)
    venue.do(ask(1, 2, 90), bid(2, 2, 90))
    assert account(venue.state, ANN).margin == MarginView(140, 22, 11, (Mark("ABC", 110), Mark("XYZ", 100)))


@pytest.mark.parametrize(
    ("command", "symbol", "reason"),
    [
        (SetMark("NONE", 100), "NONE", RejectReason.UNKNOWN_SYMBOL),
        (SetMark("ABC", 0), "ABC", RejectReason.INVALID_PRICE),
        (SetMark("ABC", True), "ABC", RejectReason.INVALID_PRICE),
        (SetMark("TICK", 102), "TICK", RejectReason.INVALID_PRICE),
        (SetMark("TICK", 105), "TICK", RejectReason.NO_ACCOUNTS),
    ],
)
def test_m3_a_mark_is_a_price_of_its_book(command: Command, symbol: Symbol, reason: RejectReason) -> None:
    for profile in (MARGIN, Profile()):
        venue = Venue(Instrument("ABC"), Instrument("TICK", tick=5), profile=profile)
        venue.do(command)
        if reason is RejectReason.NO_ACCOUNTS and profile is MARGIN:
            assert venue.events == (MarkSet("TICK", 105),)
        else:
            assert venue.events == (Rejected(symbol, None, reason),)


def test_m3_a_margin_account_has_no_order_in_a_book_without_a_mark() -> None:
    venue = Venue()
    venue.do(Deposit(ANN, 1_000), SetMark("ABC", 100), bid(1, 1, 50, symbol="XYZ"))
    assert venue.events == (Rejected("XYZ", 1, RejectReason.NO_MARK),)
    venue.do(Deposit(BOB, 1_000), bid(1, 1, 50, BOB, "XYZ"))
    assert venue.reason() is None, "who pays in full needs no mark"
    venue.do(Basket(ANN, (Leg("ABC", 2, BUY, 1, 100), Leg("XYZ", 2, BUY, 1, 100))))
    assert venue.events == (Rejected("XYZ", 2, RejectReason.NO_MARK),)


def test_m3_a_cash_account_is_asked_for_cash_and_lots_as_ever(venue: Venue) -> None:
    venue.do(ask(1, 101, 100))
    assert venue.reason() is RejectReason.INSUFFICIENT_ASSETS
    assert account(venue.state, BOB).margin is None


# ── initial margin ──


def test_m3_the_equity_covers_the_initial_margin_of_a_position_not_its_price(venue: Venue) -> None:
    venue.do(bid(1, 11, 100))
    assert venue.events == (Rejected("ABC", 1, RejectReason.INSUFFICIENT_MARGIN),)
    venue.do(bid(1, 10, 100))
    assert venue.margin() == (100, 100, 0)
    venue.do(ask(2, 10, 100))
    assert venue.margin() == (100, 100, 50)
    assert account(venue.state, ANN).cash == -900


def test_m3_a_margin_account_may_be_short_without_a_limit_and_without_lots(venue: Venue) -> None:
    venue.do(ask(1, 10, 100, ANN), bid(2, 10, 100, BOB))
    assert (venue.position(), venue.margin()) == (-10, (100, 100, 50))
    venue.do(ask(3, 1, 100, ANN))
    assert venue.reason() is RejectReason.INSUFFICIENT_MARGIN
    venue.do(bid(3, 10, 100))
    assert venue.reason() is None, "it leads back, and no worse position can come of it"


def test_m3_two_orders_in_two_books_each_covered_alone_are_not_covered_together(venue: Venue) -> None:
    venue.do(bid(1, 6, 100), bid(2, 6, 100, symbol="XYZ"))
    assert venue.events == (Rejected("XYZ", 2, RejectReason.INSUFFICIENT_MARGIN),)
    venue.do(Cancel("ABC", 1), bid(2, 6, 100, symbol="XYZ"))
    assert venue.reason() is None


def test_m3_in_one_book_the_worse_of_both_directions_counts_and_not_their_sum(venue: Venue) -> None:
    venue.do(bid(1, 6, 90), ask(2, 6, 110, ANN))
    assert venue.margin() == (100, 60, 0)


def test_m3_what_a_price_loses_against_the_mark_is_counted_beside_the_margin(venue: Venue) -> None:
    venue.do(bid(1, 5, 110))
    assert venue.margin() == (100, 50 + 5 * 10, 0)
    venue.do(bid(2, 1, 100))
    assert venue.reason() is RejectReason.INSUFFICIENT_MARGIN
    venue.do(Cancel("ABC", 1), ask(3, 5, 90, ANN))
    assert venue.margin() == (100, 50 + 5 * 10, 0)


def test_m3_no_fill_makes_a_covered_maker_uncovered_while_the_mark_stands(venue: Venue) -> None:
    venue.do(bid(1, 5, 110), ask(2, 3, 110))
    assert venue.margin() == (100 - 30, 50 + 20, 15), "worth less by the fill, and what is free is what it was"
    venue.do(ask(3, 2, 110))
    assert venue.margin() == (50, 50, 25)


def test_m3_a_better_price_leaves_more_free(venue: Venue) -> None:
    venue.do(ask(1, 5, 95), bid(2, 5, 110))
    assert venue.margin() == (100 + 25, 50, 25)


def test_m3_a_market_order_may_lose_as_much_as_its_instrument_allows() -> None:
    venue = Venue(Instrument("ABC", max_price=110))
    venue.do(Deposit(ANN, 100), SetMark("ABC", 100), Deposit(BOB, 9, "ABC"), ask(1, 9, 100))
    venue.do(bid(2, 6, None))
    assert venue.reason() is RejectReason.INSUFFICIENT_MARGIN
    venue.do(bid(2, 5, None))
    assert venue.margin() == (100, 50, 25)


def test_m3_rates_are_of_the_instrument_and_margin_is_rounded_up() -> None:
    venue = Venue(Instrument("ABC", initial_margin=3_333, maintenance_margin=1))
    venue.do(Deposit(ANN, 34), SetMark("ABC", 101), bid(1, 1, 101), Deposit(BOB, 1, "ABC"), ask(2, 1, 101))
    assert venue.margin() == (34, 34, 1)


@pytest.mark.parametrize("rates", [(0, 0), (100, 200), (-1, -1)])
def test_m3_an_instrument_with_rates_that_make_no_sense_cannot_be_listed(rates: tuple[int, int]) -> None:
    odd = Instrument("ABC", initial_margin=rates[0], maintenance_margin=rates[1])
    for open_with in (opening, StripedEngine):
        with pytest.raises(ValueError, match="maintenance_margin <= initial_margin"):
            open_with([odd], MARGIN)


def test_m3_a_replace_needs_the_difference_only(venue: Venue) -> None:
    venue.do(bid(1, 9, 100), Replace("ABC", 1, 10, 100))
    assert venue.margin() == (100, 100, 0)
    venue.do(Replace("ABC", 1, 10, 101))
    assert venue.reason() is RejectReason.INSUFFICIENT_MARGIN
    venue.do(Replace("ABC", 1, 5, 110))
    assert venue.margin() == (100, 100, 0)
    venue.do(ask(2, 1, 110), Replace("ABC", 1, 3, 105))
    assert venue.margin() == (90, 30 + 10, 5)


def test_m3_a_basket_is_asked_for_all_its_legs_together(venue: Venue) -> None:
    venue.do(ask(1, 6, 100), ask(2, 6, 100, symbol="XYZ"))
    legs = (Leg("ABC", 3, BUY, 6, 100), Leg("XYZ", 4, BUY, 6, 100))
    venue.do(Basket(ANN, legs))
    assert venue.events == (Rejected("ABC", 3, RejectReason.INSUFFICIENT_MARGIN),)
    venue.do(Deposit(ANN, 20), Basket(ANN, legs))
    assert venue.margin() == (120, 120, 60)


def test_m3_rivals_are_asked_one_after_the_other_and_who_waits_when_its_turn_comes(venue: Venue) -> None:
    rivals = (bid(1, 6, 100), bid(2, 6, 100, symbol="XYZ"))
    venue.do(SubmitList(ListKind.OCO, rivals))
    assert venue.events == (Rejected("XYZ", 2, RejectReason.INSUFFICIENT_MARGIN),)
    venue.do(SubmitList(ListKind.OTO, rivals))
    assert venue.margin() == (100, 60, 0)
    venue.do(ask(3, 6, 100))
    assert isinstance(venue.events[-1], Cancelled)
    assert venue.events[-1].reason is CancelReason.REFUSED, "what the first has bought needs the margin now"
    venue.do(Deposit(ANN, 20), SubmitList(ListKind.OTO, (ask(4, 6, 100, ANN), bid(5, 10, 100, symbol="XYZ"))))
    venue.do(bid(6, 6, 100, BOB))
    assert venue.margin() == (120, 100, 0)


def test_m3_a_block_trade_is_asked_of_a_margin_account_as_an_order_is(venue: Venue) -> None:
    venue.do(BlockTrade("ABC", ANN, BOB, 100, 11))
    assert venue.reason() is RejectReason.INSUFFICIENT_MARGIN
    venue.do(BlockTrade("ABC", ANN, BOB, 105, 5))
    assert venue.margin() == (75, 50, 25)


def test_m3_limits_bind_a_margin_account_as_any_other_but_for_what_it_may_owe(venue: Venue) -> None:
    venue.do(SetLimits(ANN, Limits(position=3)), ask(1, 4, 100, ANN))
    assert venue.reason() is RejectReason.POSITION_LIMIT
    venue.do(ask(1, 3, 100, ANN), bid(2, 3, 100, BOB), Reduce("ABC", 3, ANN, BUY, 4, 100))
    assert venue.reason() is RejectReason.WOULD_INCREASE


# ── deposits, withdrawals, busts ──


def test_m3_what_is_not_free_cannot_be_withdrawn_and_what_is_not_there_neither(venue: Venue) -> None:
    venue.do(bid(1, 6, 100), Withdraw(ANN, 41))
    assert venue.events == (Rejected(None, None, RejectReason.INSUFFICIENT_MARGIN),)
    venue.do(Withdraw(ANN, 40), Deposit(ANN, 40), ask(2, 6, 100), SetMark("ABC", 200))
    assert venue.margin() == (700, 120, 60)
    venue.do(Withdraw(ANN, 1))
    assert venue.reason() is RejectReason.INSUFFICIENT_CASH, "what a position is worth is no cash"


def test_m3_lots_are_withdrawn_only_if_the_rest_covers_what_is_left(venue: Venue) -> None:
    venue.do(Deposit(ANN, 2, "ABC"), bid(1, 10, 100, symbol="XYZ"))
    assert venue.margin() == (300, 120, 0 + 10)
    venue.do(Withdraw(ANN, 3, "ABC"))
    assert venue.reason() is RejectReason.INSUFFICIENT_ASSETS
    venue.do(Withdraw(ANN, 100), bid(2, 10, 100, symbol="XYZ"))
    assert venue.reason() is RejectReason.INSUFFICIENT_MARGIN
    venue.do(bid(2, 7, 100, symbol="XYZ"))
    assert venue.margin() == (200, 190, 10)
    venue.do(Withdraw(ANN, 1, "ABC"))
    assert venue.reason() is RejectReason.INSUFFICIENT_MARGIN
    venue.do(MassCancel(ANN), Withdraw(ANN, 2, "ABC"))
    assert venue.margin() == (0, 0, 0)


def test_m3_a_bust_asks_nobody_and_may_leave_an_account_short(venue: Venue) -> None:
    venue.do(ask(1, 5, 50), bid(2, 5, 50), bid(3, 20, 100, symbol="XYZ"))
    assert venue.margin() == (350, 250, 25)
    venue.do(Bust("ABC", 1))
    assert venue.margin() == (100, 200, 0)
    venue.do(bid(4, 1, 100))
    assert venue.reason() is RejectReason.INSUFFICIENT_MARGIN
    venue.do(Replace("XYZ", 3, 19, 100))
    assert venue.reason() is None, "what needs less than before is not refused"


def test_m3_lots_in_a_book_without_a_mark_are_worth_nothing_until_it_has_one() -> None:
    venue = Venue()
    venue.do(Deposit(ANN, 3, "ABC"))
    assert venue.margin() == (0, 0, 0)
    venue.do(SetMark("ABC", 100))
    assert venue.margin() == (300, 30, 15)


def test_m3_below_zero_a_position_is_a_debt_and_needs_margin_all_the_same() -> None:
    venue = Venue(Instrument("ABC", min_price=-100, max_price=100))
    venue.do(Deposit(ANN, 100), SetMark("ABC", -10), Deposit(ANN, 5, "ABC"))
    assert venue.margin() == (50, 5, 3)
    venue.do(SetMark("ABC", -20), ask(1, 5, -20, ANN), Deposit(BOB, 10), bid(2, 5, -20, BOB))
    assert (venue.position(), venue.margin()) == (0, (0, 0, 0))
    venue.do(SetMark("ABC", 0), bid(3, 9, 0))
    assert venue.reason() is None, "what is worth nothing needs nothing"


# ── liquidation ──


def long_and_short_of_margin(venue: Venue, mark: Ticks = 94) -> None:
    """Ann has bought ten lots at 100 with 100 in cash, and the mark has fallen."""
    venue.do(bid(1, 10, 100), ask(2, 10, 100), SetMark("ABC", mark))


def test_m3_only_an_account_below_its_maintenance_margin_is_liquidated(venue: Venue) -> None:
    long_and_short_of_margin(venue, 95)
    assert venue.margin() == (50, 95, 48)
    venue.do(Liquidate(ANN, 9))
    assert venue.events == (Rejected(None, 9, RejectReason.MARGIN_HOLDS),)
    venue.do(Liquidate(BOB, 9))
    assert venue.reason() is RejectReason.NOT_ON_MARGIN
    first, *_ = venue.do(SetMark("ABC", 94), Liquidate(ANN, 9))
    assert first == Liquidated(ANN, 40, 47)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (Liquidate(-1, 9), RejectReason.INVALID_ACCOUNT),
        (Liquidate(ANN, -1), RejectReason.INVALID_ORDER_ID),
        (Liquidate(ANN, True), RejectReason.INVALID_ORDER_ID),
        (Liquidate(ANN, 7), RejectReason.DUPLICATE_ORDER_ID),
        (Liquidate(ANN, 9), RejectReason.NO_ACCOUNTS),
    ],
)
def test_m3_a_liquidation_that_makes_no_sense_is_refused_by_itself(command: Liquidate, reason: RejectReason) -> None:
    for profile in (MARGIN, Profile()):
        venue = Venue(profile=profile)
        venue.do(Deposit(BOB, 1_000), bid(7, 1, 50, BOB, "XYZ"), command)
        expected = RejectReason.MARGIN_HOLDS if reason is RejectReason.NO_ACCOUNTS and profile is MARGIN else reason
        assert venue.events == (Rejected(None, command.order_id, expected),)


def test_m3_a_liquidation_cancels_every_order_and_sells_what_ends_the_deficit(venue: Venue) -> None:
    venue.do(bid(1, 9, 100), ask(2, 9, 100), ask(3, 2, 120, ANN), bid(4, 1, 100, symbol="XYZ"), SetMark("ABC", 93))
    venue.do(bid(5, 9, 93, BOB), Liquidate(ANN, 9))
    assert venue.events == (
        Liquidated(ANN, 37, 42),
        Cancelled("ABC", 3, SELL, 120, 2, CancelReason.MASS_CANCEL),
        Cancelled("XYZ", 4, BUY, 100, 1, CancelReason.MASS_CANCEL),
        Accepted("ABC", 9, SELL, 89, 2),  # a lot frees 4.65 and so may cost 4; two of them end a deficit of 5
        Trade("ABC", 93, 2, 5, 9),
    )
    assert venue.margin() == (37, 66, 33)
    venue.do(Liquidate(ANN, 9))
    assert venue.reason() is RejectReason.MARGIN_HOLDS


def test_m3_a_liquidation_sells_no_lot_for_less_than_it_frees(venue: Venue) -> None:
    long_and_short_of_margin(venue)
    venue.do(bid(3, 9, 89, BOB), Liquidate(ANN, 9))
    assert venue.events[-1] == Cancelled("ABC", 9, SELL, 90, 2, CancelReason.IMMEDIATE)
    assert (venue.position(), venue.margin()) == (10, (40, 94, 47))


def test_m3_what_traded_below_the_mark_may_leave_a_deficit_for_another_liquidation(venue: Venue) -> None:
    long_and_short_of_margin(venue)
    venue.do(bid(3, 10, 91, BOB), Liquidate(ANN, 9))
    assert (venue.position(), venue.margin()) == (8, (34, 76, 38))
    for _ in range(4):
        venue.do(Liquidate(ANN, 9))
    assert (venue.position(), venue.margin()) == (5, (25, 47, 24))
    assert venue.reason() is RejectReason.MARGIN_HOLDS


def test_m3_a_short_position_is_bought_back(venue: Venue) -> None:
    venue.do(ask(1, 10, 100, ANN), bid(2, 10, 100, BOB), SetMark("ABC", 106), ask(3, 50, 108), Liquidate(ANN, 9))
    assert venue.events[1:] == (Accepted("ABC", 9, BUY, 111, 3), Trade("ABC", 108, 3, 3, 9))
    assert (venue.position(), venue.margin()) == (-7, (34, 75, 38))


def test_m3_what_needs_most_margin_is_closed_first_and_of_equals_what_is_listed_first(venue: Venue) -> None:
    venue.do(bid(1, 3, 100), bid(2, 7, 100, symbol="XYZ"), ask(3, 3, 100), ask(4, 7, 100, symbol="XYZ"))
    venue.do(SetMark("ABC", 90), SetMark("XYZ", 95), bid(5, 9, 90, BOB), bid(6, 9, 95, BOB, "XYZ"), Liquidate(ANN, 9))
    assert venue.events[0] == Liquidated(ANN, 35, 14 + 34)
    assert [event.symbol for event in venue.events if isinstance(event, Accepted)] == ["XYZ"]
    equals = Venue()
    equals.do(Deposit(ANN, 100), Deposit(BOB, 10, "ABC"), Deposit(BOB, 10, "XYZ"), Deposit(BOB, 10_000))
    equals.do(SetMark("ABC", 100), SetMark("XYZ", 100), bid(1, 5, 100), bid(2, 5, 100, symbol="XYZ"))
    equals.do(ask(3, 5, 100), ask(4, 5, 100, symbol="XYZ"), SetMark("ABC", 94), SetMark("XYZ", 94), Liquidate(ANN, 9))
    assert [event.symbol for event in equals.events if isinstance(event, Accepted)] == ["ABC", "XYZ"]


@pytest.mark.parametrize("shut", [Halt("ABC"), SetPhase("ABC", Phase.CALL)])
def test_m3_a_book_that_takes_no_such_order_is_passed_over(venue: Venue, shut: Command) -> None:
    venue.do(bid(1, 5, 100), bid(2, 5, 100, symbol="XYZ"), ask(3, 5, 100), ask(4, 5, 100, symbol="XYZ"))
    venue.do(SetMark("ABC", 90), SetMark("XYZ", 95), bid(6, 9, 95, BOB, "XYZ"))
    venue.do(shut, Liquidate(ANN, 9))
    assert [event.symbol for event in venue.events if isinstance(event, Accepted)] == ["XYZ"]


def test_m3_nothing_is_liquidated_while_the_market_is_halted(venue: Venue) -> None:
    long_and_short_of_margin(venue)
    venue.do(Halt(), Liquidate(ANN, 9))
    assert venue.events == (Rejected(None, 9, RejectReason.MARKET_HALTED),)


def test_m3_orders_of_a_liquidation_keep_to_lots_ticks_and_least_quantities() -> None:
    odd = Instrument("ABC", tick=4, lot=5, min_price=-1_000, min_quantity=7, max_quantity=20)
    venue = Venue(odd)
    venue.do(Deposit(ANN, 300), Deposit(BOB, 10_000), Deposit(BOB, 40, "ABC"), SetMark("ABC", 100))
    venue.do(bid(1, 20, 100), ask(2, 20, 100), SetMark("ABC", 88), Liquidate(ANN, 9))
    assert venue.events == (Liquidated(ANN, 60, 88), Accepted("ABC", 9, SELL, 84, 10), *venue.events[2:])


def test_m3_whoever_a_liquidation_fills_may_release_orders_of_a_list(venue: Venue) -> None:
    long_and_short_of_margin(venue)
    venue.do(SubmitList(ListKind.OTO, (bid(5, 2, 94, BOB), ask(6, 2, 120, BOB, "XYZ"))), Liquidate(ANN, 9))
    *_, last = venue.events
    assert last == Accepted("XYZ", 6, SELL, 120, 2)
    venue.do(SetMark("ABC", 90), SubmitList(ListKind.OCO, (bid(7, 9, 90, BOB), bid(8, 9, 80, BOB, "XYZ"))))
    venue.do(Liquidate(ANN, 9))
    *_, last = venue.events
    assert last == Cancelled("XYZ", 8, BUY, 80, 9, CancelReason.CONTINGENT)


def test_m3_a_liquidation_takes_the_orders_that_lists_hold_back_as_well(venue: Venue) -> None:
    venue.do(SubmitList(ListKind.OTO, (bid(3, 1, 99), ask(4, 1, 120, ANN, "XYZ"))))
    venue.do(bid(1, 9, 100), ask(2, 9, 100), SetMark("ABC", 93), Liquidate(ANN, 9))
    gone = [(event.symbol, event.order_id) for event in venue.events if isinstance(event, Cancelled)]
    assert {("ABC", 3), ("XYZ", 4)} <= set(gone)


def test_m3_a_trade_of_a_liquidation_triggers_stops_and_may_be_busted(venue: Venue) -> None:
    long_and_short_of_margin(venue)
    venue.do(bid(3, 2, 92, BOB), Submit("ABC", 4, BOB, BUY, 1, 105, stop=110), ask(5, 1, 92, BOB), bid(5, 1, 92, BOB))
    stop = Submit("ABC", 6, BOB, SELL, 1, 50, stop=91)
    venue.do(bid(7, 9, 91, BOB), stop, Liquidate(ANN, 9))
    assert venue.position() == 8
    venue.do(Bust("ABC", 4))
    assert venue.reason() is None


def test_m3_the_orders_of_a_liquidation_are_reported_as_any_other(venue: Venue) -> None:
    reporter = Reporter(["ABC", "XYZ"], MARGIN)
    reports: list[Report] = []
    state = venue.state
    for command in (bid(1, 10, 100), ask(2, 10, 100), SetMark("ABC", 94), bid(5, 9, 94, BOB), Liquidate(ANN, 9)):
        state, events = step(state, command)
        reports = list(reporter.feed(command, events))
    mine = [it for it in reports if isinstance(it, ExecutionReport) and it.order_id == 9]
    assert [(it.account, it.exec_type, it.time_in_force) for it in mine] == [
        (ANN, ExecType.NEW, TimeInForce.IOC),
        (ANN, ExecType.TRADE, TimeInForce.IOC),
    ]


def test_m3_decides_orders_marks_withdrawals_and_liquidations(venue: Venue) -> None:
    for command in (bid(1, 1, 100), SetMark("ABC", 99), Withdraw(ANN, 1), Liquidate(ANN, 9)):
        with listening() as seen:
            venue.do(command)
        assert seen["M3"]
