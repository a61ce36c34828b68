"""Rule J7: kill switches keep an account out of every book, lost connections take out what is to go."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from bookproof.spec.commands import (
    Basket,
    Command,
    Disconnect,
    EndOfDay,
    Halt,
    KillSwitch,
    Leg,
    MassCancel,
    Reinstate,
    Submit,
)
from bookproof.spec.events import (
    AccountBlocked,
    AccountDisconnected,
    AccountReinstated,
    Cancelled,
    MassCancelled,
    Rejected,
)
from bookproof.spec.exchange import market
from bookproof.spec.profile import OnDisconnect, Profile
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import Side

if TYPE_CHECKING:
    from tests.spec.conftest import FloorAndEngine

    OpenPair = Callable[..., FloorAndEngine]

BUY, SELL = Side.BUY, Side.SELL


def test_j7_a_kill_switch_takes_every_order_and_stop_of_the_account_out_of_all_books(pair: FloorAndEngine) -> None:
    pair.sell(1, 5, 100, account=7)
    pair.sell(2, 5, 100, account=8)
    pair.buy(4, 5, stop=110, account=7)
    pair.buy(1, 5, 100, account=7, symbol="XYZ")
    assert pair.do(KillSwitch(7)) == (
        AccountBlocked(7, 3),
        Cancelled("ABC", 1, SELL, 100, 5, CancelReason.KILL_SWITCH),
        Cancelled("ABC", 4, BUY, None, 5, CancelReason.KILL_SWITCH),
        Cancelled("XYZ", 1, BUY, 100, 5, CancelReason.KILL_SWITCH),
    )
    assert (pair.asks(), pair.stops(), pair.bids("XYZ")) == ([(2, 5, 5)], [], [])
    assert market(pair.state).blocked == (7,)


def test_j7_a_blocked_account_enters_nothing_in_any_book_and_others_go_on(pair: FloorAndEngine) -> None:
    pair.do(KillSwitch(7))
    for symbol in ("ABC", "XYZ"):
        pair.buy(1, 5, 100, account=7, symbol=symbol)
        assert pair.reason is RejectReason.ACCOUNT_BLOCKED
    pair.buy(1, 5, stop=110, account=7)
    assert pair.reason is RejectReason.ACCOUNT_BLOCKED
    pair.do(Basket(7, (Leg("XYZ", 8, BUY, 1), Leg("ABC", 9, BUY, 1))))
    assert pair.events == (Rejected("XYZ", 8, RejectReason.ACCOUNT_BLOCKED),)
    pair.sell(2, 5, 100, account=8)
    pair.buy(3, 5, 100, account=9)
    assert pair.trades == [(2, 100, 5)]


def test_j7_a_blocked_account_has_no_order_left_to_replace_or_to_cancel(pair: FloorAndEngine) -> None:
    pair.buy(1, 5, 100, account=7)
    pair.do(KillSwitch(7))
    pair.replace(1, 4)
    assert pair.reason is RejectReason.UNKNOWN_ORDER
    pair.cancel(1)
    assert pair.reason is RejectReason.UNKNOWN_ORDER


def test_j7_a_reinstated_account_enters_again_and_its_old_orders_stay_away(pair: FloorAndEngine) -> None:
    pair.buy(1, 5, 100, account=7)
    pair.do(KillSwitch(7))
    assert pair.do(Reinstate(7)) == (AccountReinstated(7),)
    assert pair.bids() == []
    pair.buy(1, 5, 100, account=7)
    assert pair.bids() == [(1, 5, 5)]
    assert market(pair.state).blocked == ()


def test_j7_a_switch_is_thrown_once_and_only_what_is_blocked_is_reinstated(pair: FloorAndEngine) -> None:
    assert pair.do(Reinstate(7)) == (Rejected(None, None, RejectReason.ACCOUNT_NOT_BLOCKED),)
    pair.do(KillSwitch(7))
    assert pair.do(KillSwitch(7)) == (Rejected(None, None, RejectReason.ACCOUNT_BLOCKED),)
    assert pair.do(KillSwitch(8)) == (AccountBlocked(8, 0),)
    assert market(pair.state).blocked == (7, 8)


@pytest.mark.parametrize("kind", [KillSwitch, Reinstate, Disconnect])
@pytest.mark.parametrize("account", [-1, 2**63, True, "7", None])
def test_j7_an_account_that_is_none_is_refused(
    pair: FloorAndEngine, kind: Callable[[object], Command], account: object
) -> None:
    assert pair.do(kind(account)) == (Rejected(None, None, RejectReason.INVALID_ACCOUNT),)


def test_j7_a_block_is_told_before_a_halt_and_after_what_is_wrong_with_the_order_itself(pair: FloorAndEngine) -> None:
    pair.do(KillSwitch(7))
    pair.do(Halt("ABC"))
    pair.do(Halt())
    told = []
    for quantity in (5, 0):
        pair.buy(1, quantity, 100, account=7)
        told.append(pair.reason)
    assert told == [RejectReason.ACCOUNT_BLOCKED, RejectReason.INVALID_QUANTITY]


def test_j7_a_kill_switch_works_while_market_and_books_are_halted(pair: FloorAndEngine) -> None:
    pair.buy(1, 5, 100, account=7)
    pair.buy(2, 5, 100, account=7, symbol="XYZ")
    pair.do(Halt("ABC"))
    pair.do(Halt())
    assert pair.do(KillSwitch(7))[0] == AccountBlocked(7, 2)
    assert (pair.bids(), pair.bids("XYZ")) == ([], [])


def test_j7_a_block_outlives_the_day_and_a_mass_cancel(pair: FloorAndEngine) -> None:
    pair.do(KillSwitch(7))
    pair.do(EndOfDay())
    assert pair.do(MassCancel(7)) == (MassCancelled(7, 0),)
    pair.buy(1, 5, 100, account=7)
    assert pair.reason is RejectReason.ACCOUNT_BLOCKED


def test_j7_a_block_does_not_reach_the_accounts_group(open_pair: OpenPair) -> None:
    pair = open_pair(profile=Profile(self_trade_groups=((7, 8),)))
    pair.buy(1, 5, 100, account=8)
    pair.do(KillSwitch(7))
    assert pair.bids() == [(1, 5, 5)]
    pair.buy(2, 5, 100, account=8)
    assert pair.bids() == [(1, 5, 5), (2, 5, 5)]


FLAGGED = Submit("ABC", 1, 7, BUY, 5, 100, cancel_on_disconnect=True)


@pytest.mark.parametrize(("which", "left"), [(OnDisconnect.FLAGGED, [2, 3]), (OnDisconnect.ALL, [3])])
def test_j7_a_lost_connection_takes_out_the_flagged_orders_or_all_of_them_by_profile(
    open_pair: OpenPair, which: OnDisconnect, left: list[int]
) -> None:
    pair = open_pair(profile=Profile(on_disconnect=which))
    pair.do(FLAGGED)
    pair.do(FLAGGED._replace(order_id=2, cancel_on_disconnect=False))
    pair.do(FLAGGED._replace(order_id=3, account=8))
    pair.do(FLAGGED._replace(symbol="XYZ", price=None, stop=120))
    pair.do(Disconnect(7))
    assert pair.events[0] == AccountDisconnected(7, 5 - 1 - len(left))
    assert {reason for _, _, reason in pair.cancels} == {CancelReason.DISCONNECTED}
    assert [row[0] for row in pair.bids()] == left
    assert pair.stops("XYZ") == []


def test_j7_a_lost_connection_blocks_nobody(pair: FloorAndEngine) -> None:
    pair.do(FLAGGED)
    pair.do(Disconnect(7))
    pair.do(FLAGGED)
    assert pair.bids() == [(1, 5, 5)]


def test_j7_an_order_keeps_its_flag_through_a_replace_and_a_trigger(pair: FloorAndEngine) -> None:
    pair.do(FLAGGED)
    pair.replace(1, 9, 101)
    pair.do(FLAGGED._replace(order_id=2, stop=105))
    pair.sell(3, 1, 105)
    pair.buy(4, 1, 105)
    assert pair.triggered == [2]
    assert pair.do(Disconnect(7))[0] == AccountDisconnected(7, 2)
