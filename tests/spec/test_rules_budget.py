"""Rule C3 by money: a market buy that names what it may cost. Every command goes to the oracle and to the engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from bookproof.engine.global_lock import GlobalLockEngine
from bookproof.engine.striped import StripedEngine
from bookproof.spec.allocation_terms import Allocation, Sharing
from bookproof.spec.codec import COMMAND, decode, encode
from bookproof.spec.commands import (
    Command,
    Deposit,
    Halt,
    KillSwitch,
    SetLimits,
    SetMark,
    Spend,
    Submit,
    SubmitList,
)
from bookproof.spec.events import Accepted, Cancelled, Event, Rejected, Repriced, Trade
from bookproof.spec.exchange import account, opening, step
from bookproof.spec.instruments import Instrument, listing
from bookproof.spec.invariants import broken
from bookproof.spec.profile import (
    PROFILES,
    CollarAction,
    Icebergs,
    MarketByBudget,
    MarketOrders,
    NoLiquidity,
    Profile,
    Risk,
    StopsLookedAt,
)
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.reporting import Reporter
from bookproof.spec.reports import ExecType, ExecutionReport, OrdStatus
from bookproof.spec.rulebook import listening
from bookproof.spec.values import Limits, ListKind, Lots, OrderId, Phase, SelfTradePrevention, Side, Ticks, TimeInForce

if TYPE_CHECKING:
    from tests.spec.conftest import FloorAndEngine

    OpenPair = Callable[..., FloorAndEngine]

OWNER = 7


def spend(order_id: OrderId, budget: int, **terms: Any) -> Spend:
    """An amount of account 7 to be spent in ABC."""
    return Spend("ABC", order_id, OWNER, budget, **terms)


def two_levels(pair: FloorAndEngine) -> FloorAndEngine:
    """Five lots at 100 and five at 110."""
    pair.sell(1, 5, 100)
    pair.sell(2, 5, 110)
    return pair


# ── how many lots ──


@pytest.mark.parametrize(
    ("budget", "trades"),
    [
        (100, [(1, 100, 1)]),
        (499, [(1, 100, 4)]),
        (500, [(1, 100, 5)]),
        (609, [(1, 100, 5)]),
        (610, [(1, 100, 5), (2, 110, 1)]),
        (725, [(1, 100, 5), (2, 110, 2)]),
        (10**15, [(1, 100, 5), (2, 110, 5)]),
    ],
)
def test_c3_a_budget_buys_as_many_lots_as_it_pays_for_level_by_level_at_the_makers_prices(
    pair: FloorAndEngine, budget: int, trades: list[tuple[OrderId, Ticks, Lots]]
) -> None:
    two_levels(pair).do(spend(3, budget))
    assert pair.trades == trades
    bought = sum(quantity for _, _, quantity in trades)
    assert pair.events[0] == Accepted("ABC", 3, Side.BUY, None, bought)
    assert not pair.cancels  # what it took is its quantity, so nothing is left of it (A6)
    assert not pair.bids()


def test_c3_a_budget_buys_whole_lots_only(open_pair: OpenPair) -> None:
    pair = open_pair(Instrument("ABC", lot=10))
    pair.sell(1, 20, 100)
    pair.sell(2, 20, 101)
    pair.do(spend(3, 3_999))
    assert pair.trades == [(1, 100, 20), (2, 101, 10)]  # 19 lots at 101 would be paid for, and one lot is 10


def test_c3_a_budget_buys_no_more_than_one_order_may(open_pair: OpenPair) -> None:
    pair = open_pair(Instrument("ABC", max_quantity=7))
    two_levels(pair).do(spend(3, 10**6))
    assert pair.trades == [(1, 100, 5), (2, 110, 2)]


def test_c3_a_budget_finds_what_is_hidden_and_goes_through_icebergs(pair: FloorAndEngine) -> None:
    pair.sell(1, 6, 100, display=2)
    pair.sell(2, 2, 100)
    pair.sell(3, 4, 100, display=0)
    pair.do(spend(4, 1_050))
    assert pair.trades == [(1, 100, 2), (2, 100, 2), (1, 100, 2), (1, 100, 2), (3, 100, 2)]


@pytest.mark.parametrize(
    "profile",
    [
        Profile("whole", icebergs=Icebergs.WHOLE),
        Profile("shared", allocation=Allocation(Sharing.PRO_RATA)),
        Profile("weighed", allocation=Allocation(Sharing.TIME_PRO_RATA)),
        Profile("each-fill", stops_looked_at=StopsLookedAt.AFTER_EACH_FILL),
    ],
    ids=lambda profile: profile.name,
)
def test_c3_how_a_level_is_shared_makes_no_difference_to_what_a_budget_buys(
    open_pair: OpenPair, profile: Profile
) -> None:
    pair = open_pair(profile=profile)
    pair.sell(1, 9, 100, display=3)
    pair.sell(2, 3, 100)
    pair.sell(3, 9, 102)
    pair.do(spend(4, 1_200 + 4 * 102 + 101))
    assert sum(quantity for _, price, quantity in pair.trades if price == 100) == 12
    assert sum(quantity for _, price, quantity in pair.trades if price == 102) == 4


def test_c3_a_budget_sets_off_stops_as_any_order_does(pair: FloorAndEngine) -> None:
    two_levels(pair).buy(3, 2, 110, stop=110)
    pair.do(spend(4, 610))
    assert pair.triggered == [3]
    assert pair.trades == [(1, 100, 5), (2, 110, 1), (2, 110, 2)]


def test_c3_market_to_limit_a_budget_goes_to_the_best_price_and_does_not_rest_there(open_pair: OpenPair) -> None:
    pair = open_pair(profile=Profile(market_orders=MarketOrders.LIMIT))
    two_levels(pair).do(spend(3, 1_000))
    assert pair.events == (
        Accepted("ABC", 3, Side.BUY, None, 5),
        Repriced("ABC", 3, Side.BUY, 100),
        Trade("ABC", 100, 5, 1, 3),
    )
    assert not pair.bids()


@pytest.mark.parametrize("action", CollarAction)
def test_j5_a_budget_asks_for_nothing_beyond_the_collar_so_it_is_never_held_back(
    open_pair: OpenPair, action: CollarAction
) -> None:
    pair = open_pair(Instrument("ABC", collar=5, reference=100), profile=Profile(collar_action=action))
    two_levels(pair).do(spend(3, 1_000))
    assert pair.trades == [(1, 100, 5)]
    assert not pair.cancels
    assert not pair.bids()


# ── self-trade prevention ──


@pytest.mark.parametrize(
    ("mode", "trades", "prevented", "cancels"),
    [
        (SelfTradePrevention.NONE, [(1, 100, 2), (2, 101, 3), (3, 102, 1)], [], []),
        (
            SelfTradePrevention.CANCEL_MAKER,
            [(1, 100, 2), (3, 102, 4)],
            [],
            [(2, 3, CancelReason.SELF_TRADE)],
        ),
        (SelfTradePrevention.CANCEL_TAKER, [(1, 100, 2)], [], [(4, 4, CancelReason.SELF_TRADE)]),
        (
            SelfTradePrevention.CANCEL_BOTH,
            [(1, 100, 2)],
            [],
            [(2, 3, CancelReason.SELF_TRADE), (4, 4, CancelReason.SELF_TRADE)],
        ),
        (
            SelfTradePrevention.DECREMENT,
            [(1, 100, 2), (3, 102, 1)],
            [(2, 3)],
            [(2, 0, CancelReason.SELF_TRADE)],
        ),
        (
            SelfTradePrevention.TRANSFER,
            [(1, 100, 2), (3, 102, 1)],
            [(2, 3)],
            [(2, 0, CancelReason.SELF_TRADE)],
        ),
    ],
)
def test_g3_lots_that_are_prevented_cost_the_budget_their_price_and_cancelled_makers_cost_it_nothing(
    pair: FloorAndEngine,
    mode: SelfTradePrevention,
    trades: list[tuple[OrderId, Ticks, Lots]],
    prevented: list[tuple[OrderId, Lots]],
    cancels: list[tuple[OrderId, Lots, CancelReason]],
) -> None:
    pair.sell(1, 2, 100)
    pair.sell(2, 3, 101, account=OWNER)
    pair.sell(3, 5, 102)
    pair.do(spend(4, 608, self_trade=mode))
    assert (pair.trades, pair.prevented, pair.cancels) == (trades, prevented, cancels)


# ── refusals ──


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (Spend("NONE", 1, 7, 500), RejectReason.UNKNOWN_SYMBOL),
        (Spend("ABC", -1, 7, 500), RejectReason.INVALID_ORDER_ID),
        (Spend("ABC", 1, 2**63, 0), RejectReason.INVALID_ACCOUNT),
        (Spend("ABC", 1, 7, 0), RejectReason.INVALID_BUDGET),
        (Spend("ABC", 1, 7, True), RejectReason.INVALID_BUDGET),
        (Spend("ABC", 1, 7, 10**15 + 1), RejectReason.INVALID_BUDGET),
        (Spend("XYZ", 1, 7, 500), RejectReason.NOT_BY_BUDGET),
        (Spend("XYZ", 1, 7, -1), RejectReason.INVALID_BUDGET),
        (Spend("ABC", 9, 7, 500), RejectReason.DUPLICATE_ORDER_ID),
        (Spend("ABC", 1, 7, 99), RejectReason.NO_LIQUIDITY),
    ],
)
def test_c3_a_budget_is_refused_for_what_is_wrong_with_it_or_if_it_buys_nothing(
    open_pair: OpenPair, command: Spend, reason: RejectReason
) -> None:
    pair = open_pair(Instrument("ABC"), Instrument("XYZ", min_price=0))
    pair.sell(9, 5, 100)
    pair.do(command)
    assert pair.events == (Rejected(command.symbol, command.order_id, reason),)
    assert pair.asks() == [(9, 5, 5)]


@pytest.mark.parametrize("empty", NoLiquidity)
def test_c3_a_budget_has_no_quantity_to_be_accepted_with_so_without_anybody_to_sell_it_is_always_refused(
    open_pair: OpenPair, empty: NoLiquidity
) -> None:
    pair = open_pair(profile=Profile(no_liquidity=empty))
    pair.do(spend(1, 500))
    assert pair.reason is RejectReason.NO_LIQUIDITY


def test_c3_a_budget_that_pays_for_less_than_the_smallest_order_is_refused(open_pair: OpenPair) -> None:
    pair = open_pair(Instrument("ABC", min_quantity=4))
    pair.sell(1, 5, 100)
    pair.do(spend(2, 399))
    assert pair.reason is RejectReason.NO_LIQUIDITY
    pair.do(spend(2, 400))
    assert pair.trades == [(1, 100, 4)]


@pytest.mark.parametrize(
    ("phase", "reason"),
    [
        (Phase.CALL, RejectReason.NOT_IN_AUCTION),
        (Phase.HALT, RejectReason.BOOK_HALTED),
        (Phase.CANCEL_ONLY, RejectReason.CANCELS_ONLY),
        (Phase.CLOSED, RejectReason.BOOK_CLOSED),
    ],
)
def test_j1_a_budget_is_spent_in_continuous_trading_only(
    pair: FloorAndEngine, phase: Phase, reason: RejectReason
) -> None:
    two_levels(pair).go(phase)
    pair.do(spend(3, 500))
    assert pair.reason is reason


def test_c3_a_budget_meets_market_orders_of_a_call_only_to_be_refused(pair: FloorAndEngine) -> None:
    pair.go(Phase.CALL)
    pair.sell(1, 5)  # rests for the uncross, at no price
    pair.do(spend(2, 500))
    assert pair.reason is RejectReason.NOT_IN_AUCTION


def test_j6_j7_a_halted_market_and_a_blocked_account_come_before_any_book(pair: FloorAndEngine) -> None:
    two_levels(pair).do(Halt())
    pair.do(spend(3, 500))
    assert pair.reason is RejectReason.MARKET_HALTED
    pair.do(KillSwitch(OWNER))
    assert pair.do(spend(3, 500)) == (Rejected("ABC", 3, RejectReason.ACCOUNT_BLOCKED),)


def test_c3_a_venue_without_such_orders_refuses_them(open_pair: OpenPair) -> None:
    pair = open_pair(profile=Profile(market_by_budget=MarketByBudget.REFUSED))
    two_levels(pair).do(spend(3, 500))
    assert pair.reason is RejectReason.NOT_BY_BUDGET
    takers = {name for name, one in PROFILES.items() if one.market_by_budget is MarketByBudget.TAKEN}
    assert takers >= {"coinbase", "binance-spot", "kraken"}
    assert not takers & {"nasdaq", "cme-fifo", "eurex"}


def test_c3_l2_a_book_that_is_part_of_a_spread_takes_no_order_by_money(open_pair: OpenPair) -> None:
    pair = open_pair(Instrument("ABC"), Instrument("XYZ"), Instrument("A-X", min_price=-100, legs=("ABC", "XYZ")))
    two_levels(pair).do(spend(3, 500))
    assert pair.reason is RejectReason.NOT_BY_BUDGET


def test_c3_the_rule_decides_an_accepted_budget_and_one_that_buys_nothing() -> None:
    state = opening(listing(["ABC"]))
    state, _ = step(state, Submit("ABC", 1, 8, Side.SELL, 5, 100))
    for budget in (99, 100):
        with listening() as heard:
            step(state, spend(2, budget))
        assert "C3" in heard


# ── lists, accounts, reports ──


def test_h1_a_budget_fills_an_order_of_a_list_and_that_cancels_its_rival(pair: FloorAndEngine) -> None:
    rivals = (Submit("ABC", 1, 8, Side.SELL, 5, 100), Submit("ABC", 2, 8, Side.SELL, 5, stop=90))
    pair.do(SubmitList(ListKind.OCO, rivals))
    pair.do(spend(3, 500))
    assert pair.trades == [(1, 100, 5)]
    assert pair.cancels == [(2, 5, CancelReason.CONTINGENT)]


class OnAccount:
    """The oracle, held to its invariants, and beside it both engines; account 8 sells what account 7 may buy."""

    def __init__(self, **choices: Any) -> None:
        profile = Profile("on-account", risk=Risk.CASH, **choices)
        self.state = opening(listing(["ABC"]), profile)
        self.engines = (StripedEngine(listing(["ABC"]), profile), GlobalLockEngine(listing(["ABC"]), profile))
        self.do(Deposit(8, 10, "ABC"))
        self.do(Submit("ABC", 1, 8, Side.SELL, 5, 100))
        self.do(Submit("ABC", 2, 8, Side.SELL, 5, 110))

    def do(self, command: Command) -> tuple[Event, ...]:
        """One command; its events."""
        after, events = step(self.state, command)
        assert broken(self.state, command, events, after) == []
        self.state = after
        for engine in self.engines:
            assert engine.submit(command).events == events
            for owner in (OWNER, 8):
                assert engine.account(owner) == account(self.state, owner)
        return events


def test_m1_a_budget_needs_just_itself_in_cash_and_what_it_does_not_spend_is_free_again() -> None:
    venue = OnAccount()
    venue.do(Deposit(OWNER, 699))
    assert venue.do(spend(3, 700)) == (Rejected("ABC", 3, RejectReason.INSUFFICIENT_CASH),)
    venue.do(Deposit(OWNER, 1))
    assert venue.do(spend(3, 700))[0] == Accepted("ABC", 3, Side.BUY, None, 6)  # the worst price would need far more
    mine = account(venue.state, OWNER)
    assert (mine.cash, mine.reserved, mine.holdings[0].position) == (90, 0, 6)


def test_m2_a_budget_is_what_an_order_by_money_is_worth_and_its_lots_count_for_the_position() -> None:
    venue = OnAccount()
    venue.do(Deposit(OWNER, 5_000))
    venue.do(SetLimits(OWNER, Limits(notional=600)))
    assert venue.do(spend(3, 601)) == (Rejected("ABC", 3, RejectReason.NOTIONAL_LIMIT),)
    venue.do(SetLimits(OWNER, Limits(position=5)))
    assert venue.do(spend(3, 610)) == (Rejected("ABC", 3, RejectReason.POSITION_LIMIT),)
    assert isinstance(venue.do(spend(3, 609))[1], Trade)


def test_m3_a_margin_account_is_asked_for_the_margin_of_any_market_order() -> None:
    venue = OnAccount(margin_accounts=(OWNER,))
    venue.do(SetMark("ABC", 100))
    venue.do(Deposit(OWNER, 10**6))
    assert venue.do(spend(3, 500)) == (Rejected("ABC", 3, RejectReason.INSUFFICIENT_MARGIN),)
    venue.do(Deposit(OWNER, 10**13))
    assert venue.do(spend(3, 500))[0] == Accepted("ABC", 3, Side.BUY, None, 5)


def test_m1_where_lists_are_in_the_book_a_budget_is_asked_for_just_the_same() -> None:
    venue = OnAccount()
    venue.do(Deposit(OWNER, 2_000))
    exits = (Submit("ABC", 4, 7, Side.BUY, 1, 90), Submit("ABC", 5, 7, Side.BUY, 1, 95))
    venue.do(SubmitList(ListKind.OTO, exits))
    assert venue.do(spend(6, 1_911)) == (Rejected("ABC", 6, RejectReason.INSUFFICIENT_CASH),)
    assert sum(event.quantity for event in venue.do(spend(6, 1_900)) if isinstance(event, Trade)) == 10


def test_o1_a_budget_is_reported_with_the_quantity_that_it_buys_and_refused_with_none() -> None:
    reporter = Reporter(["ABC"])
    state = opening(listing(["ABC"]))
    told: list[ExecutionReport] = []
    commands: list[Command] = [Submit("ABC", 1, 8, Side.SELL, 5, 100), spend(2, 320), spend(3, 50)]
    for stamp, command in enumerate(commands, 1):
        state, events = step(state, command)
        reports = reporter.feed(command, events, stamp)
        told += [one for one in reports if isinstance(one, ExecutionReport) and one.order_id != 1]
    assert [(one.exec_type, one.ord_status, one.order_qty, one.cum_qty, one.leaves_qty) for one in told] == [
        (ExecType.NEW, OrdStatus.NEW, 3, 0, 3),
        (ExecType.TRADE, OrdStatus.FILLED, 3, 3, 0),
        (ExecType.REJECTED, OrdStatus.REJECTED, 0, 0, 0),
    ]
    assert told[0].time_in_force is TimeInForce.IOC


def test_c3_a_budget_goes_through_the_codec_and_back() -> None:
    command = spend(3, 725, self_trade=SelfTradePrevention.CANCEL_BOTH)
    assert decode(encode(command), COMMAND) == command


def test_a6_what_prevention_keeps_a_budget_from_is_told_as_cancelled(pair: FloorAndEngine) -> None:
    pair.sell(1, 5, 100, account=OWNER)
    pair.do(spend(2, 300, self_trade=SelfTradePrevention.CANCEL_TAKER))
    assert pair.events == (
        Accepted("ABC", 2, Side.BUY, None, 3),
        Cancelled("ABC", 2, Side.BUY, None, 3, CancelReason.SELF_TRADE),
    )
