"""Rule G3, the mode that transfers: what two accounts of one owner would trade moves between them, and is no trade.

Every command goes to the oracle and to both engines; every view is compared and every invariant asked after each.
"""

from __future__ import annotations

import threading

import pytest

from bookproof.engine.global_lock import GlobalLockEngine
from bookproof.engine.striped import StripedEngine
from bookproof.spec.allocation_terms import Allocation, Sharing
from bookproof.spec.commands import Bust, Cancel, Command, Deposit, Submit
from bookproof.spec.events import Accepted, Cancelled, Event, Prevented, Rejected, Trade, Transferred
from bookproof.spec.exchange import account, opening, status, step, view
from bookproof.spec.instruments import listing
from bookproof.spec.invariants import broken
from bookproof.spec.profile import Profile, Risk
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import Account, SelfTradePrevention, Side, TimeInForce

BUY, SELL = Side.BUY, Side.SELL
ANN, BOB, EVE = 1, 2, 3
MODE = SelfTradePrevention
TRANSFER = MODE.TRANSFER
GROUP = Profile("group", self_trade_groups=((ANN, BOB),))
CASH = GROUP._replace(name="group with accounts", risk=Risk.CASH)
SELF_TRADE = CancelReason.SELF_TRADE


class Venue:
    """The oracle, held to its invariants, and beside it both engines. Ann and Bob are one owner."""

    def __init__(self, profile: Profile) -> None:
        listed = listing(["ABC"])
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
                assert engine.view("ABC") == view(after, "ABC")
                for owner in (ANN, BOB, EVE):
                    assert engine.account(owner) == account(after, owner)
        return events

    def has(self, owner: Account) -> tuple[int, int, int]:
        """Cash, how much of it is reserved, and the position in ABC."""
        seen = account(self.state, owner)
        return seen.cash, seen.reserved, sum(holding.position for holding in seen.holdings)


@pytest.fixture
def venue() -> Venue:
    """Ann and Eve have 1,000 in cash, and Bob ten lots."""
    venue = Venue(CASH)
    venue.do(Deposit(ANN, 1_000), Deposit(EVE, 1_000), Deposit(BOB, 10, "ABC"))
    return venue


def bid(order_id: int, quantity: int, price: int = 100, owner: Account = ANN, mode: MODE = TRANSFER) -> Submit:
    return Submit("ABC", order_id, owner, BUY, quantity, price, self_trade=mode)


def ask(order_id: int, quantity: int, price: int = 100, owner: Account = BOB, mode: MODE = TRANSFER) -> Submit:
    return Submit("ABC", order_id, owner, SELL, quantity, price, self_trade=mode)


def test_g3_what_would_have_traded_moves_at_the_makers_price_and_is_told_after_what_was_prevented(venue: Venue) -> None:
    venue.do(ask(1, 5, 98))
    events = venue.do(bid(2, 3, 100))
    assert events == (
        Accepted("ABC", 2, BUY, 100, 3),
        Prevented("ABC", 98, 3, 1, 2),
        Transferred("ABC", 98, 3, ANN, BOB),
        Cancelled("ABC", 2, BUY, 100, 0, SELF_TRADE),
    )
    assert (venue.has(ANN), venue.has(BOB)) == ((706, 0, 3), (294, 0, 7))


def test_g3_a_bid_that_rests_buys_what_a_sale_of_its_group_brings(venue: Venue) -> None:
    venue.do(bid(1, 5))
    assert Transferred("ABC", 100, 2, ANN, BOB) in venue.do(ask(2, 2, 99))
    assert (venue.has(ANN), venue.has(BOB)) == ((800, 300, 2), (200, 0, 8))


def test_g3_it_is_no_trade_so_nothing_has_a_last_price_and_there_is_nothing_to_bust(venue: Venue) -> None:
    venue.do(ask(1, 5), bid(2, 3))
    assert venue.state.books["ABC"].last_price is None
    assert venue.do(Bust("ABC", 1)) == (Rejected("ABC", None, RejectReason.UNKNOWN_TRADE),)


def test_g3_a6_what_moved_is_prevented_in_both_orders_and_executed_in_neither(venue: Venue) -> None:
    venue.do(ask(1, 5), bid(2, 3))
    seen = status(venue.state, "ABC", 1)
    assert seen is not None
    assert (seen.quantity, seen.executed, seen.prevented, seen.leaves) == (5, 0, 3, 2)


@pytest.mark.parametrize("makers", [mode for mode in MODE if mode is not TRANSFER])
def test_g2_g3_it_takes_both_orders_so_without_the_makers_word_the_two_are_only_reduced(
    venue: Venue, makers: MODE
) -> None:
    venue.do(ask(1, 5, mode=makers))
    events = venue.do(bid(2, 3))
    assert [type(event) for event in events] == [Accepted, Prevented, Cancelled]
    assert (venue.has(ANN), venue.has(BOB)) == ((1_000, 0, 0), (0, 0, 10))


@pytest.mark.parametrize("takers", [mode for mode in MODE if mode is not TRANSFER])
def test_g2_g3_nor_does_a_maker_that_asks_for_it_decide_what_an_aggressor_with_another_mode_does(
    venue: Venue, takers: MODE
) -> None:
    venue.do(ask(1, 5))
    events = venue.do(bid(2, 3, mode=takers))
    assert not any(isinstance(event, Transferred) for event in events)
    assert any(isinstance(event, Trade) for event in events) is (takers is MODE.NONE)


def test_g3_of_one_account_nothing_moves(venue: Venue) -> None:
    venue.do(ask(1, 5))
    events = venue.do(Deposit(BOB, 1_000), bid(2, 3, owner=BOB))
    assert [type(event) for event in events] == [Accepted, Prevented, Cancelled]
    assert venue.has(BOB) == (1_000, 0, 10)


def test_g1_g3_between_accounts_of_two_owners_there_is_nothing_to_prevent(venue: Venue) -> None:
    venue.do(ask(1, 5))
    assert venue.do(bid(2, 3, owner=EVE))[1] == Trade("ABC", 100, 3, 1, 2)


def test_g3_b4_earlier_fills_stand_and_the_aggressor_goes_on_after_the_transfer(venue: Venue) -> None:
    venue.do(Deposit(EVE, 9, "ABC"), ask(1, 2, 98, owner=EVE), ask(2, 2, 99), ask(3, 2, 100, owner=EVE))
    events = venue.do(bid(4, 6, 100))
    assert [type(event) for event in events] == [Accepted, Trade, Prevented, Transferred, Cancelled, Trade]
    assert venue.has(ANN) == (1_000 - 2 * 98 - 2 * 99 - 2 * 100, 0, 6)


def test_g3_c5_a_fill_or_kill_order_counts_on_nothing_that_would_be_prevented(venue: Venue) -> None:
    venue.do(ask(1, 5))
    events = venue.do(bid(2, 3)._replace(time_in_force=TimeInForce.FOK))
    assert events[-1] == Cancelled("ABC", 2, BUY, 100, 3, CancelReason.KILLED)
    assert venue.has(ANN) == (1_000, 0, 0)


def test_g3_m1_what_was_reserved_pays_for_what_moves_and_the_rest_is_released(venue: Venue) -> None:
    venue.do(bid(1, 10), ask(2, 4))
    assert venue.has(ANN) == (600, 600, 4)
    venue.do(Cancel("ABC", 1))
    assert venue.has(ANN) == (600, 0, 4)


def test_g3_m1_an_aggressor_is_refused_for_want_of_cash_as_if_it_were_to_trade(venue: Venue) -> None:
    venue.do(ask(1, 10))
    assert venue.do(bid(2, 11)) == (Rejected("ABC", 2, RejectReason.INSUFFICIENT_CASH),)


def test_g3_where_no_accounts_are_kept_it_is_told_all_the_same() -> None:
    venue = Venue(GROUP)
    venue.do(ask(1, 5))
    assert venue.do(bid(2, 3))[2] == Transferred("ABC", 100, 3, ANN, BOB)


def test_g3_d6_slices_of_an_iceberg_move_one_after_the_other(venue: Venue) -> None:
    venue.do(ask(1, 9)._replace(display=2))
    moved = [event.quantity for event in venue.do(bid(2, 5)) if isinstance(event, Transferred)]
    assert moved == [2, 2, 1]
    assert venue.has(BOB) == (500, 0, 5)


def test_g3_k2_what_the_algorithm_gives_to_an_own_order_moves() -> None:
    venue = Venue(CASH._replace(allocation=Allocation(Sharing.PRO_RATA)))
    venue.do(Deposit(ANN, 1_000), Deposit(BOB, 6, "ABC"), Deposit(EVE, 6, "ABC"), ask(1, 6), ask(2, 6, owner=EVE))
    events = venue.do(bid(3, 6))
    assert events[1:4] == (
        Prevented("ABC", 100, 3, 1, 3),
        Transferred("ABC", 100, 3, ANN, BOB),
        Trade("ABC", 100, 3, 2, 3),
    )


def test_g3_m4_threads_that_transfer_to_and_fro_are_explained_by_their_stamps() -> None:
    """The second account is found while matching; its balance is taken after it, in the order of all balances."""
    listed = listing(["ABC", "XYZ"])
    engine = StripedEngine(listed, CASH, stripes=2)
    before: list[Command] = [Deposit(owner, 10**6) for owner in (ANN, BOB)]
    before += [Deposit(owner, 10**4, symbol) for owner in (ANN, BOB) for symbol in ("ABC", "XYZ")]
    done = [(answer.stamp, command, answer.events) for command in before for answer in [engine.submit(command)]]

    def trade(symbol: str, first: int) -> None:
        for number in range(200):
            owner, other = (ANN, BOB) if number % 2 else (BOB, ANN)
            for order in (ask(first + 2 * number, 2, owner=owner), bid(first + 2 * number + 1, 2, owner=other)):
                command = order._replace(symbol=symbol)
                answer = engine.submit(command)
                done.append((answer.stamp, command, answer.events))

    threads = [
        threading.Thread(target=trade, args=(symbol, 1 + 1_000 * at))
        for at, symbol in enumerate(("ABC", "XYZ", "ABC", "XYZ"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    state, moved = opening(listed, CASH), 0
    for _, command, events in sorted(done, key=lambda it: it[0]):
        state, expected = step(state, command)
        assert events == expected
        moved += sum(isinstance(event, Transferred) for event in events)
    assert moved > 100
    for owner in (ANN, BOB):
        assert engine.account(owner) == account(state, owner)
