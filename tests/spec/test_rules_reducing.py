"""Rule C9 where reduce-only orders rest: those of one account never come to more than its position, at any fill.

Every command goes to the oracle and to both engines, and after each all of them say the same of every account and of
every queue.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from bookproof.engine.global_lock import GlobalLockEngine
from bookproof.engine.striped import StripedEngine
from bookproof.spec import book as rules
from bookproof.spec import reducing
from bookproof.spec.allocation_terms import Allocation, Sharing
from bookproof.spec.commands import (
    Basket,
    BlockTrade,
    Bust,
    Cancel,
    Command,
    Deposit,
    EndOfDay,
    KillSwitch,
    Leg,
    Liquidate,
    Reduce,
    Replace,
    SetLimits,
    SetMark,
    SetPhase,
    SetReference,
    Spend,
    Submit,
    SubmitList,
    Withdraw,
)
from bookproof.spec.drop_copy import DropCopy
from bookproof.spec.events import (
    Accepted,
    Busted,
    Cancelled,
    Event,
    Halted,
    PhaseChanged,
    Rejected,
    Replaced,
    Restated,
    Trade,
    Transferred,
)
from bookproof.spec.exchange import account, opening, queue, step
from bookproof.spec.fix import tags_of
from bookproof.spec.instruments import Instrument, listing
from bookproof.spec.invariants import broken
from bookproof.spec.profile import (
    CollarAction,
    Icebergs,
    Profile,
    ReduceOnly,
    Reopen,
    ReplaceQuantity,
    Risk,
    StopReference,
)
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.reporting import Reporter
from bookproof.spec.reports import ExecType, ExecutionReport
from bookproof.spec.values import Account, Limits, ListKind, Lots, Phase, SelfTradePrevention, Side, TimeInForce

RESTING = Profile("reducers", risk=Risk.CASH, reduce_only=ReduceOnly.RESTS)
BUY, SELL, GTC, IOC, FOK = Side.BUY, Side.SELL, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK
ANN, BOB, EVE = 1, 2, 3
GONE = CancelReason.REDUCE_ONLY


class Venue:
    """The oracle, held to its invariants, and beside it both engines."""

    def __init__(self, *instruments: Instrument, profile: Profile = RESTING) -> None:
        self.listed = instruments or listing(["ABC", "XYZ"])
        self.state = opening(self.listed, profile)
        self.engines = (StripedEngine(self.listed, profile, stripes=2), GlobalLockEngine(self.listed, profile))
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
                for one in self.listed:
                    assert engine.queue(one.symbol) == queue(self.state, one.symbol)
        return self.events

    def reason(self) -> RejectReason | None:
        """Why the last command was refused; None when it was not."""
        return self.events[0].reason if isinstance(self.events[0], Rejected) else None

    def open(self, side: Side = SELL) -> list[tuple[int, Lots]]:
        """The orders of one side of the first book that are reduce-only, next to trade first, and what is open."""
        seen = queue(self.state, "ABC")
        orders = seen.bids if side is BUY else seen.asks
        return [(order.order_id, order.leaves) for order in orders if order.reduce_only]

    def lots(self, owner: Account) -> tuple[int, int, int]:
        """Position, open to buy, open to sell, in the first book."""
        for it in account(self.state, owner).holdings:
            if it.symbol == "ABC":
                return it.position, it.buying, it.selling
        return 0, 0, 0

    def cash(self, owner: Account) -> tuple[int, int]:
        """Cash, and how much of it is reserved."""
        seen = account(self.state, owner)
        return seen.cash, seen.reserved


def opened(*instruments: Instrument, profile: Profile = RESTING) -> Venue:
    """Ann has cash, Bob ten lots and cash and may sell fifty he has not, Eve may sell fifty."""
    venue = Venue(*instruments, profile=profile)
    short = Limits(short=50)
    venue.do(Deposit(ANN, 10_000), Deposit(BOB, 10_000), Deposit(EVE, 10_000), Deposit(BOB, 10, "ABC"))
    venue.do(SetLimits(BOB, short), SetLimits(EVE, short))
    return venue


@pytest.fixture
def venue() -> Venue:
    return opened()


def bid(order_id: int, quantity: int, price: int | None, owner: Account = ANN) -> Submit:
    return Submit("ABC", order_id, owner, BUY, quantity, price)


def ask(order_id: int, quantity: int, price: int | None, owner: Account = BOB) -> Submit:
    return Submit("ABC", order_id, owner, SELL, quantity, price)


def close(order_id: int, quantity: int, price: int | None, owner: Account = BOB, lives: TimeInForce = GTC) -> Reduce:
    return Reduce("ABC", order_id, owner, SELL if owner == BOB else BUY, quantity, price, lives)


# ── entry ──


def test_c9_a_reduce_only_order_rests_and_is_marked_in_the_queue(venue: Venue) -> None:
    assert venue.do(close(1, 6, 100)) == (Accepted("ABC", 1, SELL, 100, 6),)
    venue.do(ask(2, 1, 100))
    assert [(it.order_id, it.reduce_only) for it in queue(venue.state, "ABC").asks] == [(1, True), (2, False)]
    assert venue.lots(BOB) == (10, 0, 7)


def test_c9_where_none_rests_an_order_that_would_is_refused_and_one_that_would_not_is_taken() -> None:
    venue = opened(profile=RESTING._replace(reduce_only=ReduceOnly.IMMEDIATE))
    for lives in (GTC, TimeInForce.DAY):
        venue.do(close(1, 6, 100, lives=lives))
        assert venue.reason() is RejectReason.INVALID_COMBINATION
    venue.do(close(1, 0, 100))
    assert venue.reason() is RejectReason.INVALID_QUANTITY
    venue.do(close(1, 6, 100)._replace(display=9))
    assert venue.reason() is RejectReason.INVALID_COMBINATION
    assert venue.do(close(1, 6, 100, lives=IOC))[-1] == Cancelled("ABC", 1, SELL, 100, 6, CancelReason.IMMEDIATE)
    assert venue.do(close(1, 6, 100, lives=FOK))[-1] == Cancelled("ABC", 1, SELL, 100, 6, CancelReason.KILLED)


def test_c9_where_no_accounts_are_kept_an_order_that_would_rest_is_refused_for_that() -> None:
    venue = Venue(profile=RESTING._replace(risk=Risk.NONE))
    venue.do(close(1, 6, 100))
    assert venue.reason() is RejectReason.NO_ACCOUNTS
    venue.do(SetPhase("ABC", Phase.CALL), close(1, 6, 100))
    assert venue.reason() is RejectReason.NOT_IN_AUCTION


def test_c9_together_they_are_no_larger_than_the_position(venue: Venue) -> None:
    venue.do(close(1, 6, 110), close(2, 5, 100))
    assert venue.reason() is RejectReason.WOULD_INCREASE
    venue.do(close(2, 4, 100))
    assert venue.open() == [(2, 4), (1, 6)]
    venue.do(close(3, 1, 100, lives=IOC))
    assert venue.reason() is RejectReason.WOULD_INCREASE


def test_c9_who_has_no_position_reduces_none(venue: Venue) -> None:
    venue.do(close(1, 1, 100, ANN))
    assert venue.reason() is RejectReason.WOULD_INCREASE
    venue.do(Reduce("ABC", 1, BOB, BUY, 1, 100, GTC))
    assert venue.reason() is RejectReason.WOULD_INCREASE


def test_c9_orders_of_others_and_ordinary_ones_of_its_own_leave_it_its_room(venue: Venue) -> None:
    venue.do(ask(1, 10, 100), close(2, 10, 110))
    assert venue.reason() is None
    assert venue.open() == [(2, 10)]


def test_c3_where_reduce_only_orders_rest_no_market_order_names_a_budget(venue: Venue) -> None:
    venue.do(ask(1, 5, 100), Spend("ABC", 2, ANN, 500))
    assert venue.reason() is RejectReason.NOT_BY_BUDGET


def test_k1_where_reduce_only_orders_rest_no_level_is_shared() -> None:
    shared = RESTING._replace(allocation=Allocation(Sharing.PRO_RATA))
    for engine in (opening, StripedEngine):
        with pytest.raises(ValueError, match="a level is not shared"):
            engine(listing(["ABC"]), shared)


# ── a fill of one order, and what it does to the others ──


def test_c9_a_fill_of_one_cuts_no_other_for_the_position_goes_with_it(venue: Venue) -> None:
    venue.do(close(1, 6, 100), close(2, 4, 110))
    assert venue.do(bid(3, 8, 110))[1:] == (Trade("ABC", 100, 6, 1, 3), Trade("ABC", 110, 2, 2, 3))
    assert (venue.open(), venue.lots(BOB)) == ([(2, 2)], (2, 0, 2))


def test_c9_a_fill_of_an_ordinary_order_cuts_the_newest_first_and_in_the_same_command(venue: Venue) -> None:
    venue.do(ask(1, 5, 100), close(2, 4, 110), close(3, 3, 105), close(4, 3, 120))
    assert venue.do(bid(5, 4, 100))[1:] == (
        Trade("ABC", 100, 4, 1, 5),
        Cancelled("ABC", 4, SELL, 120, 3, GONE),
        Restated("ABC", 3, 1),
    )
    assert (venue.open(), venue.lots(BOB)) == ([(3, 2), (2, 4)], (6, 0, 7))


def test_f1_who_keeps_something_keeps_its_place(venue: Venue) -> None:
    venue.do(ask(1, 5, 100), close(2, 10, 110), ask(3, 1, 110, EVE), bid(4, 5, 100))
    assert venue.do(bid(5, 6, 110))[1:] == (Trade("ABC", 110, 5, 2, 5), Trade("ABC", 110, 1, 3, 5))


def test_c9_the_aggressor_finds_what_is_left_when_it_comes_there(venue: Venue) -> None:
    venue.do(ask(1, 7, 100), close(2, 10, 110), ask(3, 9, 120, EVE))
    assert venue.do(bid(4, 12, 120))[1:] == (
        Trade("ABC", 100, 7, 1, 4),
        Restated("ABC", 2, 7),
        Trade("ABC", 110, 3, 2, 4),
        Trade("ABC", 120, 2, 3, 4),
    )
    assert venue.lots(BOB) == (0, 0, 0)


def test_c9_a_fill_at_the_same_price_cuts_as_well(venue: Venue) -> None:
    venue.do(ask(1, 10, 100), close(2, 10, 100))
    assert venue.do(bid(3, 15, 100))[1:] == (Trade("ABC", 100, 10, 1, 3), Cancelled("ABC", 2, SELL, 100, 10, GONE))
    assert [(it.order_id, it.leaves) for it in queue(venue.state, "ABC").bids] == [(3, 5)]


def test_c9_a_position_that_flips_leaves_none_of_them(venue: Venue) -> None:
    venue.do(ask(1, 15, 100), close(2, 4, 110), close(3, 3, 120))
    venue.do(bid(4, 15, 100))
    assert (venue.open(), venue.lots(BOB)) == ([], (-5, 0, 0))
    venue.do(Reduce("ABC", 5, BOB, BUY, 5, 90, GTC))
    assert venue.open(BUY) == [(5, 5)]


def test_c9_one_that_is_short_buys_back_and_is_cut_as_well(venue: Venue) -> None:
    venue.do(bid(1, 8, 100), ask(2, 8, 100, EVE), close(3, 8, 90, EVE), bid(4, 5, 95, EVE))
    reserved = 8 * 90 + 5 * 95
    assert venue.cash(EVE) == (10_800, reserved)
    assert venue.do(ask(5, 5, 95, BOB))[-1] == Restated("ABC", 3, 5)
    assert (venue.open(BUY), venue.cash(EVE)) == ([(3, 3)], (10_800 - 475, 270))


def test_m1_what_a_cut_releases_may_be_spent_at_once(venue: Venue) -> None:
    venue.do(bid(1, 8, 100), ask(2, 8, 100, EVE), Withdraw(EVE, 9_275), close(3, 8, 90, EVE), bid(4, 8, 100, EVE))
    venue.do(Withdraw(EVE, 6))
    assert venue.reason() is RejectReason.INSUFFICIENT_CASH
    venue.do(ask(5, 8, 100, BOB))
    assert (venue.cash(EVE), venue.lots(EVE)) == ((725, 0), (0, 0, 0))


def test_c9_an_aggressor_cuts_its_own_orders_when_it_has_taken_what_it_could(venue: Venue) -> None:
    venue.do(close(1, 8, 110), bid(2, 2, 101), bid(3, 3, 100))
    assert venue.do(ask(4, 9, 100)) == (
        Accepted("ABC", 4, SELL, 100, 9),
        Trade("ABC", 101, 2, 2, 4),
        Trade("ABC", 100, 3, 3, 4),
        Restated("ABC", 1, 3),
    )
    assert (venue.open(), venue.lots(BOB)) == ([(1, 5)], (5, 0, 9))


def test_c9_a_reduce_only_aggressor_rests_with_what_is_left_and_cuts_nobody(venue: Venue) -> None:
    venue.do(close(1, 4, 110), bid(2, 2, 100))
    assert venue.do(close(3, 6, 100)) == (Accepted("ABC", 3, SELL, 100, 6), Trade("ABC", 100, 2, 2, 3))
    assert (venue.open(), venue.lots(BOB)) == ([(3, 4), (1, 4)], (8, 0, 8))


def test_c9_who_trades_with_itself_has_the_position_that_it_had(venue: Venue) -> None:
    venue.do(ask(1, 4, 100), close(2, 10, 110))
    venue.do(bid(3, 4, 100, BOB))
    assert venue.open() == [(2, 10)]
    venue.do(bid(4, 10, 110, BOB))
    assert (venue.open(), venue.lots(BOB)) == ([], (10, 0, 0))


def test_c9_lots_that_are_bought_make_room_but_give_nothing_back(venue: Venue) -> None:
    venue.do(ask(1, 5, 100), close(2, 10, 110), bid(3, 5, 100), ask(4, 5, 100, EVE), bid(5, 5, 100, BOB))
    assert venue.open() == [(2, 5)]
    venue.do(Replace("ABC", 2, 11))
    assert venue.reason() is RejectReason.WOULD_INCREASE
    venue.do(Replace("ABC", 2, 10))
    assert venue.open() == [(2, 10)]


# ── the dry run of fill-or-kill sees it all ──


def test_c5_a_fill_or_kill_order_counts_only_what_earlier_fills_leave(venue: Venue) -> None:
    venue.do(ask(1, 7, 100), close(2, 10, 110))
    killed = bid(3, 11, 110)._replace(time_in_force=FOK)
    assert venue.do(killed)[1:] == (Cancelled("ABC", 3, BUY, 110, 11, CancelReason.KILLED),)
    assert venue.open() == [(2, 10)]
    venue.do(killed._replace(quantity=10))
    assert [event.quantity for event in venue.events if isinstance(event, Trade)] == [7, 3]


def test_c7_so_does_a_least_quantity(venue: Venue) -> None:
    venue.do(ask(1, 7, 100), close(2, 10, 110))
    killed = Cancelled("ABC", 3, BUY, 110, 15, CancelReason.MIN_QUANTITY)
    assert venue.do(bid(3, 15, 110)._replace(min_quantity=11))[-1] == killed
    assert venue.do(bid(3, 15, 110)._replace(min_quantity=10))[-1] == Trade("ABC", 110, 3, 2, 3)


def test_l4_so_does_a_leg_of_a_basket(venue: Venue) -> None:
    venue.do(Deposit(EVE, 5, "XYZ"), Submit("XYZ", 1, EVE, SELL, 5, 50), ask(1, 7, 100), close(2, 10, 110))
    legs = Leg("ABC", 3, BUY, 11, 110), Leg("XYZ", 3, BUY, 5, 50)
    venue.do(Basket(ANN, legs))
    assert {event.reason for event in venue.events if isinstance(event, Cancelled)} == {CancelReason.KILLED}
    venue.do(Basket(ANN, (legs[0]._replace(quantity=10), legs[1])))
    assert [event.quantity for event in venue.events if isinstance(event, Trade)] == [7, 3, 5]


@pytest.mark.parametrize(("icebergs", "most"), [(Icebergs.SLICE, 10), (Icebergs.WHOLE, 11)])
@pytest.mark.parametrize("more", [0, 1])
def test_d2_slices_behind_the_level_are_counted_at_their_turn(icebergs: Icebergs, most: Lots, more: Lots) -> None:
    venue = opened(profile=RESTING._replace(icebergs=icebergs))
    venue.do(close(1, 6, 100)._replace(display=2), ask(2, 5, 100), close(3, 4, 100))
    venue.do(bid(4, most + more, 100)._replace(time_in_force=FOK))
    assert sum(event.quantity for event in venue.events if isinstance(event, Trade)) == (0 if more else most)


def test_d2_a_slice_that_queues_anew_is_the_newest_and_is_cut_first(venue: Venue) -> None:
    venue.do(close(1, 4, 100)._replace(display=2), close(2, 4, 110), ask(3, 2, 105))
    venue.do(bid(4, 2, 100))
    assert venue.do(bid(5, 4, 105))[1:3] == (Trade("ABC", 100, 2, 1, 5), Trade("ABC", 105, 2, 3, 5))
    venue.do(ask(6, 6, 90), bid(7, 3, 90))
    assert venue.open() == [(2, 1)]


def test_d1_a_cut_takes_what_is_hidden_first_and_then_of_what_is_shown(venue: Venue) -> None:
    venue.do(close(1, 10, 110)._replace(display=4), ask(2, 9, 100), bid(3, 5, 100))
    assert [(it.visible, it.leaves) for it in queue(venue.state, "ABC").asks if it.reduce_only] == [(4, 5)]
    venue.do(bid(4, 3, 100))
    assert [(it.visible, it.leaves) for it in queue(venue.state, "ABC").asks if it.reduce_only] == [(2, 2)]


# ── prevention ──


def grouped(mode: SelfTradePrevention) -> tuple[Venue, Submit]:
    """Ann and Bob are one owner; Bob rests an ordinary ask and a reduce-only one, and this is Ann's bid."""
    venue = opened(profile=RESTING._replace(self_trade_groups=((ANN, BOB),)))
    plain = ask(1, 7, 100)._replace(self_trade=mode)
    venue.do(plain, close(2, 10, 110), ask(3, 9, 120, EVE))
    return venue, bid(4, 7, 100)._replace(self_trade=mode)


def test_g3_lots_that_a_transfer_moves_cut_like_a_fill() -> None:
    venue, aggressor = grouped(SelfTradePrevention.TRANSFER)
    venue.do(aggressor)
    assert isinstance(venue.events[2], Transferred)
    assert Restated("ABC", 2, 7) in venue.events
    assert venue.open() == [(2, 3)]


def test_g3_a_transfer_counts_in_the_dry_run_as_well() -> None:
    # Seven lots are moved; of Bob's ten others three are left, which are prevented and stay his; then come Eve's nine.
    venue, aggressor = grouped(SelfTradePrevention.TRANSFER)
    killed = aggressor._replace(quantity=18, price=120, min_quantity=9)
    assert venue.do(killed)[-1] == Cancelled("ABC", 4, BUY, 120, 18, CancelReason.MIN_QUANTITY)
    taken = venue.do(killed._replace(min_quantity=8))
    assert [(event.maker, event.quantity) for event in taken if isinstance(event, Trade)] == [(3, 8)]


@pytest.mark.parametrize("mode", [SelfTradePrevention.DECREMENT, SelfTradePrevention.CANCEL_MAKER])
def test_g3_what_is_only_prevented_moves_no_lots_and_cuts_nobody(mode: SelfTradePrevention) -> None:
    venue, aggressor = grouped(mode)
    venue.do(aggressor)
    assert venue.open() == [(2, 10)]


@pytest.mark.parametrize(
    ("mode", "left"),
    [
        (SelfTradePrevention.CANCEL_TAKER, [(2, 10)]),
        (SelfTradePrevention.CANCEL_MAKER, []),
        (SelfTradePrevention.CANCEL_BOTH, []),
        (SelfTradePrevention.DECREMENT, [(2, 6)]),
    ],
)
def test_g3_a_reduce_only_maker_is_a_maker_like_any_other(
    venue: Venue, mode: SelfTradePrevention, left: list[tuple[int, int]]
) -> None:
    venue.do(close(2, 10, 100), ask(3, 1, 100, EVE), bid(4, 4, 100, BOB)._replace(self_trade=mode))
    assert venue.open() == left


def test_g6_a_prevented_aggressor_is_told_even_if_a_cut_comes_after() -> None:
    venue, aggressor = grouped(SelfTradePrevention.TRANSFER)
    venue.do(aggressor._replace(quantity=3))
    assert venue.events[-1] == Cancelled("ABC", 4, BUY, 100, 0, CancelReason.SELF_TRADE)


# ── replace, cancel, expiry ──


def test_f1_a_smaller_one_keeps_its_place_and_f2_a_larger_one_needs_room(venue: Venue) -> None:
    venue.do(close(1, 6, 100), close(2, 2, 100))
    assert venue.do(Replace("ABC", 1, 4)) == (Replaced("ABC", 1, SELL, 100, 4),)
    venue.do(Replace("ABC", 1, 9))
    assert venue.reason() is RejectReason.WOULD_INCREASE
    venue.do(Replace("ABC", 1, 8))
    assert venue.open() == [(2, 2), (1, 8)]


@pytest.mark.parametrize("meaning", ReplaceQuantity)
def test_f4_a_new_quantity_is_measured_by_what_it_leaves_open(meaning: ReplaceQuantity) -> None:
    venue = opened(profile=RESTING._replace(replace_quantity=meaning))
    venue.do(close(1, 10, 100), bid(2, 4, 100))
    most = 10 if meaning is ReplaceQuantity.TOTAL else 6
    venue.do(Replace("ABC", 1, most + 1))
    assert venue.reason() is RejectReason.WOULD_INCREASE
    venue.do(Replace("ABC", 1, most, 101))
    assert venue.open() == [(1, 6)]


def test_f3_one_that_is_replaced_into_the_other_side_trades_and_stays_reduce_only(venue: Venue) -> None:
    venue.do(close(1, 10, 110), bid(2, 4, 100))
    assert venue.do(Replace("ABC", 1, 10, 100))[-1] == Trade("ABC", 100, 4, 2, 1)
    assert venue.open() == [(1, 6)]
    venue.do(ask(3, 6, 90), bid(4, 6, 90))
    assert venue.open() == []


def test_a3_an_id_that_is_free_again_is_no_longer_reduce_only(venue: Venue) -> None:
    venue.do(close(1, 5, 100), Cancel("ABC", 1), ask(1, 20, 100))
    assert venue.open() == []
    venue.do(close(2, 3, 100, lives=IOC), ask(2, 20, 100), close(3, 2, 120), bid(4, 9, 100))
    assert [(it.order_id, it.leaves) for it in queue(venue.state, "ABC").asks] == [(1, 11), (2, 20), (3, 1)]


def test_c2_a_day_order_dies_at_the_end_of_the_day_and_j7_with_its_account(venue: Venue) -> None:
    venue.do(close(1, 5, 100, lives=TimeInForce.DAY), close(2, 5, 100), EndOfDay())
    assert venue.open() == [(2, 5)]
    venue.do(KillSwitch(BOB))
    assert venue.open() == []
    assert venue.lots(BOB) == (10, 0, 0)


# ── stops, lists, liquidation ──


@pytest.mark.parametrize("follows", StopReference)
def test_e5_a_stop_that_fires_cuts_at_its_fills(follows: StopReference) -> None:
    venue = opened(profile=RESTING._replace(stop_reference=follows))
    venue.do(close(1, 10, 110), bid(2, 6, 95), Submit("ABC", 3, BOB, SELL, 6, stop=98))
    venue.do(*([bid(4, 1, 98), ask(5, 1, 98, EVE)] if follows is StopReference.LAST else [SetMark("ABC", 98)]))
    assert venue.events[-1] == Restated("ABC", 1, 6)


def test_h1_rivals_are_told_of_fills_and_reducers_are_cut_beside_them(venue: Venue) -> None:
    here, there = ask(1, 5, 100), Submit("XYZ", 1, BOB, SELL, 5, 50)
    venue.do(Deposit(BOB, 5, "XYZ"), SubmitList(ListKind.OCO, (here, there)), close(2, 10, 110))
    venue.do(bid(3, 3, 100))
    assert venue.events[1:] == (
        Trade("ABC", 100, 3, 1, 3),
        Restated("ABC", 2, 3),
        Cancelled("XYZ", 1, SELL, 50, 5, CancelReason.CONTINGENT),
    )


def test_h2_an_order_whose_turn_comes_cuts_in_its_own_book(venue: Venue) -> None:
    first, then = Submit("XYZ", 1, BOB, BUY, 1, 50), ask(1, 4, 100)
    venue.do(SubmitList(ListKind.OTO, (first, then)), close(2, 10, 110), bid(3, 4, 100))
    venue.do(Deposit(EVE, 1, "XYZ"), Submit("XYZ", 2, EVE, SELL, 1, 50))
    assert venue.events[-2:] == (Trade("ABC", 100, 4, 3, 1), Restated("ABC", 2, 4))


def test_m3_a_liquidation_takes_its_account_s_out_and_cuts_those_of_others() -> None:
    venue = opened(profile=RESTING._replace(margin_accounts=(EVE,)))
    venue.do(SetMark("ABC", 100), Withdraw(EVE, 9_940), ask(1, 5, 100), bid(2, 5, 100, EVE))
    venue.do(Reduce("ABC", 3, EVE, SELL, 5, 120, GTC), bid(4, 9, 85, BOB), SetMark("ABC", 85))
    venue.do(Liquidate(EVE, 9))
    assert Cancelled("ABC", 3, SELL, 120, 5, CancelReason.MASS_CANCEL) in venue.events
    assert any(isinstance(event, Trade) for event in venue.events)
    assert venue.open() == []


# ── past the book ──


def test_l6_a_block_trade_cuts_what_rests_of_both_parties(venue: Venue) -> None:
    venue.do(bid(1, 8, 100), ask(2, 8, 100, EVE), close(3, 8, 90, EVE), close(4, 10, 110))
    venue.do(BlockTrade("ABC", EVE, BOB, 100, 5))
    assert venue.events[1:] == (Restated("ABC", 3, 5), Restated("ABC", 4, 5))
    assert (venue.open(BUY), venue.open(SELL)) == ([(3, 3)], [(4, 5)])


def test_n1_a_bust_cuts_too_and_gives_nothing_back(venue: Venue) -> None:
    venue.do(ask(1, 4, 100), bid(2, 4, 100), Reduce("ABC", 3, ANN, SELL, 4, 120, GTC), close(4, 6, 120))
    venue.do(Bust("ABC", 1))
    assert venue.events == (Busted("ABC", 1, 100, 4, ANN, BOB), Cancelled("ABC", 3, SELL, 120, 4, GONE))
    assert venue.open() == [(4, 6)]


def test_m1_lots_that_come_in_cut_what_would_buy_them_back(venue: Venue) -> None:
    venue.do(bid(1, 8, 100), ask(2, 8, 100, EVE), close(3, 8, 90, EVE))
    assert venue.do(Deposit(EVE, 3, "ABC"))[1:] == (Restated("ABC", 3, 3),)
    assert venue.cash(EVE)[1] == 5 * 90
    assert venue.do(Deposit(EVE, 9, "ABC"))[1:] == (Cancelled("ABC", 3, BUY, 90, 5, GONE),)


def test_m3_so_do_those_of_a_margin_account() -> None:
    venue = opened(profile=RESTING._replace(margin_accounts=(EVE,)))
    venue.do(SetMark("ABC", 100), bid(1, 8, 100), ask(2, 8, 100, EVE), close(3, 8, 90, EVE))
    assert venue.do(Deposit(EVE, 3, "ABC"))[1:] == (Restated("ABC", 3, 3),)
    for engine in venue.engines:
        ledger = engine._floor.ledger
        assert ledger is not None
        assert ledger.till(EVE).worth == ledger.worth_on_shelves(EVE)


def test_m1_lots_that_go_out_cut_nobody_for_they_were_not_reserved(venue: Venue) -> None:
    venue.do(close(1, 7, 110), Withdraw(BOB, 4, "ABC"))
    assert venue.reason() is RejectReason.INSUFFICIENT_ASSETS
    venue.do(Withdraw(BOB, 3, "ABC"))
    assert venue.open() == [(1, 7)]


def test_j2_orders_are_cut_in_a_halt_as_well(venue: Venue) -> None:
    venue.do(close(1, 10, 110), ask(2, 4, 100), bid(3, 4, 100), SetPhase("ABC", Phase.HALT))
    venue.do(Bust("ABC", 1), Replace("ABC", 1, 3))
    assert venue.reason() is RejectReason.BOOK_HALTED
    assert venue.open() == [(1, 6)]


# ── calls ──


@pytest.mark.parametrize("phase", [Phase.CALL, Phase.PRE_OPEN])
def test_i1_a_book_that_begins_to_collect_orders_keeps_and_takes_none(venue: Venue, phase: Phase) -> None:
    venue.do(close(1, 4, 110), ask(2, 1, 110), close(3, 4, 105))
    if phase is Phase.PRE_OPEN:
        venue.do(SetPhase("ABC", Phase.CLOSED))
        assert venue.open() == [(3, 4), (1, 4)]
    assert venue.do(SetPhase("ABC", phase)) == (
        PhaseChanged("ABC", phase),
        Cancelled("ABC", 1, SELL, 110, 4, GONE),
        Cancelled("ABC", 3, SELL, 105, 4, GONE),
    )
    assert venue.lots(BOB) == (10, 0, 1)
    venue.do(close(1, 4, 110))
    assert venue.reason() is RejectReason.NOT_IN_AUCTION


def test_i6_after_the_uncross_they_rest_again_beside_the_position_that_it_left(venue: Venue) -> None:
    venue.do(close(1, 4, 110), SetPhase("ABC", Phase.CALL), ask(2, 7, 100), bid(3, 7, 100))
    venue.do(SetPhase("ABC", Phase.CONTINUOUS), close(4, 4, 110))
    assert venue.reason() is RejectReason.WOULD_INCREASE
    venue.do(close(4, 3, 110))
    assert venue.open() == [(4, 3)]


@pytest.mark.parametrize("reopen", Reopen)
def test_j5_a_collar_that_sends_its_book_into_a_call_cancels_them(reopen: Reopen) -> None:
    profile = RESTING._replace(collar_action=CollarAction.HALT, reopen=reopen)
    venue = opened(Instrument("ABC", collar=5, reference=100), profile=profile)
    venue.do(close(1, 6, 120), ask(2, 1, 100, EVE))
    venue.do(bid(3, 2, 120))
    calls = reopen is Reopen.CALL
    assert (Cancelled("ABC", 1, SELL, 120, 6, GONE) in venue.events) is calls
    assert (Halted("ABC") in venue.events) is not calls
    assert venue.open() == ([] if calls else [(1, 6)])


def test_j4_another_reference_leaves_them_in(venue: Venue) -> None:
    venue.do(close(1, 6, 120), SetReference("ABC", 50))
    assert venue.open() == [(1, 6)]


# ── reports ──


def test_o1_a_cut_is_restated_with_its_reason_and_a_drop_copy_stands_where_the_book_stands(venue: Venue) -> None:
    reporter, copy, cut = Reporter(["ABC", "XYZ"], RESTING), DropCopy("ABC", RESTING), list[ExecutionReport]()
    for command in (
        *(ask(1, 7, 100), close(2, 4, 110)._replace(display=2), close(3, 2, 105)),
        *(bid(4, 7, 100), bid(5, 1, 110), BlockTrade("ABC", ANN, BOB, 100, 1)),
    ):
        for report in reporter.feed(command, venue.do(command)):
            copy.read(report)
            if isinstance(report, ExecutionReport) and report.exec_type is ExecType.RESTATED:
                cut.append(report)
        assert copy.queue() == queue(venue.state, "ABC")
    assert [(it.order_id, it.order_qty, it.leaves_qty, it.cancel_reason) for it in cut] == [
        (2, 3, 3, GONE),
        (2, 2, 1, GONE),
    ]
    assert all(it.reduce_only and (18, "E") in tags_of(it) for it in cut)


# ── the checks notice ──

_SLIPS: list[tuple[Any, str, str, str]] = [
    (reducing.Reducers.after_fill, "moved[maker.account] -= bought", "pass", "reduce_only_fits"),
    (reducing.Reducers.cuts, "excess <= 0", "True", "reduce_only_fits"),
    (reducing.Reducers.cuts, "min(excess, order.leaves)", "order.leaves", "cuts_are_due"),
    (rules.cut_to_size, "in book.reducing.cuts(book.side(side), side, account)", "in ()", "reduce_only_fits"),
]
"""Slips of one line that look right."""


@pytest.mark.parametrize(("place", "right", "wrong", "name"), _SLIPS, ids=lambda it: getattr(it, "__qualname__", None))
def test_the_invariants_notice_a_slip_planted_in_the_oracle(
    place: Callable[..., Any], right: str, wrong: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = inspect.cleandoc("\n" + inspect.getsource(place)).replace(right, wrong, 1)
    assert source != inspect.cleandoc("\n" + inspect.getsource(place))
    space = dict(vars(inspect.getmodule(place)))
    exec(f"from __future__ import annotations\n{source}", space)
    owner = reducing.Reducers if "Reducers" in place.__qualname__ else rules
    monkeypatch.setattr(owner, place.__name__, space[place.__name__])
    state, names = opening(listing(["ABC"]), RESTING), set[str]()
    commands: list[Command] = [
        *(Deposit(owner, 10_000) for owner in (ANN, BOB, EVE)),
        Deposit(BOB, 10, "ABC"),
        SetLimits(BOB, Limits(short=50)),
        close(1, 4, 110),
        close(2, 6, 120),
        ask(3, 5, 100),
        bid(4, 3, 100),
        bid(5, 2, 95),
        ask(6, 2, 95),
    ]
    for command in commands:
        after, events = step(state, command)
        names |= {breach.invariant for breach in broken(state, command, events, after)}
        state = after
    assert name in names
