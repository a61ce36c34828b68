"""Rules B, D and G: who trades with whom, what icebergs show, and what an owner does not do with itself."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import product
from typing import TYPE_CHECKING

import pytest

from bookproof.spec.commands import Cancel, Submit
from bookproof.spec.events import Accepted, Cancelled, Prevented, Trade, canonical_trades
from bookproof.spec.exchange import opening, run, step, top
from bookproof.spec.instruments import listing
from bookproof.spec.profile import Profile
from bookproof.spec.reasons import CancelReason
from bookproof.spec.rulebook import listening
from bookproof.spec.values import SelfTradePrevention, Side, TimeInForce

if TYPE_CHECKING:
    from tests.spec.conftest import Floor

    OpenFloor = Callable[..., Floor]

CANCEL_TAKER, CANCEL_MAKER = SelfTradePrevention.CANCEL_TAKER, SelfTradePrevention.CANCEL_MAKER
CANCEL_BOTH, DECREMENT = SelfTradePrevention.CANCEL_BOTH, SelfTradePrevention.DECREMENT
BY_PREVENTION = CancelReason.SELF_TRADE
BIG = 10**12


# ── B: continuous matching ──


@pytest.mark.parametrize(("bid", "ask", "trades"), [(100, 100, True), (101, 100, True), (99, 100, False)])
@pytest.mark.parametrize("first", list(Side))
def test_b1_a_buy_and_a_sell_trade_if_the_buy_bids_at_least_the_ask(
    floor: Floor, first: Side, bid: int, ask: int, trades: bool
) -> None:
    if first is Side.BUY:
        floor.buy(1, 5, bid)
        floor.sell(2, 5, ask)
    else:
        floor.sell(1, 5, ask)
        floor.buy(2, 5, bid)
    assert bool(floor.trades) is trades


def test_b1_a_market_order_meets_any_price(floor: Floor) -> None:
    floor.sell(1, 5, BIG)
    floor.buy(2, 5)
    assert floor.trades == [(1, BIG, 5)]


def test_b2_the_better_price_trades_first_whenever_it_came(floor: Floor) -> None:
    floor.sell(1, 5, 102)
    floor.sell(2, 5, 100)
    floor.sell(3, 5, 101)
    floor.buy(4, 15, 102)
    assert [maker for maker, _, _ in floor.trades] == [2, 3, 1]


def test_b3_at_one_price_the_earlier_trades_first(floor: Floor) -> None:
    for order_id in (3, 1, 2):
        floor.buy(order_id, 5, 100)
    floor.sell(4, 12, 100)
    assert floor.trades == [(3, 100, 5), (1, 100, 5), (2, 100, 2)]


@pytest.mark.parametrize("side", list(Side))
def test_b4_improvement_goes_to_the_aggressor_on_either_side(floor: Floor, side: Side) -> None:
    if side is Side.BUY:
        floor.sell(1, 5, 99)
        floor.buy(2, 5, 105)
    else:
        floor.buy(1, 5, 99)
        floor.sell(2, 5, 90)
    assert floor.trades == [(1, 99, 5)]


def test_b5_an_aggressor_takes_level_after_level_up_to_its_limit_and_no_further(floor: Floor) -> None:
    for order_id, price in enumerate((100, 101, 102, 103), 1):
        floor.sell(order_id, 5, price)
    floor.buy(9, 99, 102)
    assert floor.trades == [(1, 100, 5), (2, 101, 5), (3, 102, 5)]
    assert (floor.bids(), floor.asks()) == ([(9, 84, 84)], [(4, 5, 5)])


def test_b6_the_book_is_uncrossed_after_every_entry_amid_thick_crossing(floor: Floor) -> None:
    draw = random.Random(6)
    for order_id in range(300):
        act = floor.buy if draw.random() < 0.5 else floor.sell
        act(order_id, draw.randint(1, 9), draw.randint(98, 102))
        best = top(floor.state, "ABC")
        assert best.bid is None or best.ask is None or best.bid.price < best.ask.price


def test_b7_a_partly_filled_maker_keeps_its_place(floor: Floor) -> None:
    floor.sell(1, 5, 100)
    floor.sell(2, 5, 100)
    floor.buy(3, 2, 100)
    floor.buy(4, 1, 100)
    assert floor.asks() == [(1, 2, 2), (2, 5, 5)]
    floor.buy(5, 3, 100)
    assert floor.trades == [(1, 100, 2), (2, 100, 1)]


def test_b8_what_went_in_came_out_or_is_there(floor: Floor) -> None:
    draw = random.Random(8)
    bought = sold = 0
    for order_id in range(200):
        quantity = draw.randint(1, 9)
        act = floor.buy if draw.random() < 0.5 else floor.sell
        act(order_id, quantity, draw.randint(98, 102))
        traded = sum(lots for _, _, lots in floor.trades)
        bought += (quantity if act == floor.buy else 0) - traded
        sold += (quantity if act == floor.sell else 0) - traded
        assert bought == sum(leaves for _, _, leaves in floor.bids())
        assert sold == sum(leaves for _, _, leaves in floor.asks())


def test_b9_the_fills_of_a_maker_merge_where_its_first_one_was(floor: Floor) -> None:
    floor.sell(1, 9, 100, display=3)
    floor.sell(2, 3, 100)
    floor.buy(3, 12, 100)
    assert floor.trades == [(1, 100, 3), (2, 100, 3), (1, 100, 3), (1, 100, 3)]
    assert canonical_trades(floor.events) == (Trade("ABC", 100, 9, 1, 3), Trade("ABC", 100, 3, 2, 3))


def outcomes(makers: list[tuple[int, int]], limit: int, quantity: int) -> Iterator[tuple[int, ...]]:
    """Every way to fill an order to buy from asks (price, lots) that has priority, conservation and no cross left."""
    for fills in product(*(range(lots + 1) for _, lots in makers)):
        whole = [fill == lots for fill, (_, lots) in zip(fills, makers, strict=True)]
        conserves = sum(fills) <= quantity and all(
            price <= limit for fill, (price, _) in zip(fills, makers, strict=True) if fill
        )
        prior = all(all(whole[:at]) for at, fill in enumerate(fills) if fill)
        crossed = sum(fills) < quantity and any(
            price <= limit for full, (price, _) in zip(whole, makers, strict=True) if not full
        )
        if conserves and prior and not crossed:
            yield fills


def test_b10_priority_conservation_and_no_cross_leave_one_outcome_and_it_is_the_oracles() -> None:
    draw = random.Random(10)
    for _ in range(150):
        makers = sorted((draw.randint(99, 102), draw.randint(1, 4)) for _ in range(draw.randint(0, 4)))
        limit, quantity = draw.randint(98, 103), draw.randint(1, 12)
        asks = [Submit("ABC", at, 100 + at, Side.SELL, lots, price) for at, (price, lots) in enumerate(makers)]
        book, _ = run(opening(listing(["ABC"])), asks)
        _, events = step(book, Submit("ABC", 9, 7, Side.BUY, quantity, limit))
        fills = {event.maker: event.quantity for event in events if isinstance(event, Trade)}
        assert [tuple(fills.get(at, 0) for at in range(len(makers)))] == list(outcomes(makers, limit, quantity))


def test_b11_a_level_goes_with_its_last_order_however_that_goes(floor: Floor) -> None:
    floor.sell(1, 5, 100)
    floor.sell(2, 5, 101)
    floor.sell(3, 5, 102, account=7)
    floor.sell(4, 5, 103)
    floor.buy(5, 5, 100)
    assert best_ask(floor) == 101
    floor.cancel(2)
    assert best_ask(floor) == 102
    floor.buy(6, 1, 102, account=7, self_trade=CANCEL_BOTH)
    assert best_ask(floor) == 103
    floor.replace(4, 5, 104)
    assert best_ask(floor) == 104


def best_ask(floor: Floor) -> int | None:
    ask = top(floor.state, "ABC").ask
    return None if ask is None else ask.price


# ── D: iceberg and hidden ──


def test_d1_an_iceberg_shows_a_slice_and_keeps_the_rest_back(floor: Floor) -> None:
    floor.sell(1, 10, 100, display=3)
    floor.sell(2, 2, 100, display=2)
    assert floor.asks() == [(1, 3, 10), (2, 2, 2)]


def test_d1_an_iceberg_that_trades_on_entry_shows_a_full_slice_of_what_is_left(floor: Floor) -> None:
    floor.buy(1, 6, 100)
    floor.sell(2, 10, 100, display=3)
    assert floor.asks() == [(2, 3, 4)]


def test_d2_a_new_slice_queues_behind_the_level_and_the_last_one_is_what_is_left(floor: Floor) -> None:
    floor.sell(1, 7, 100, display=3)
    floor.sell(2, 5, 100)
    floor.buy(3, 3, 100)
    assert floor.asks() == [(2, 5, 5), (1, 3, 4)]
    floor.buy(4, 8, 100)
    assert floor.asks() == [(1, 1, 1)]


def test_d2_half_a_slice_is_not_refreshed(floor: Floor) -> None:
    floor.sell(1, 7, 100, display=3)
    floor.sell(2, 5, 100)
    floor.buy(3, 2, 100)
    assert floor.asks() == [(1, 1, 5), (2, 5, 5)]


def test_d3_one_aggressor_meets_every_slice_of_the_level_then_the_new_ones_in_turn(floor: Floor) -> None:
    floor.sell(1, 7, 100, display=2)
    floor.sell(2, 4, 100)
    floor.sell(3, 6, 100, display=3)
    floor.sell(4, 9, 101)
    floor.buy(5, 18, 101)
    assert floor.trades == [
        (1, 100, 2), (2, 100, 4), (3, 100, 3),
        (1, 100, 2), (3, 100, 3),
        (1, 100, 2),
        (1, 100, 1),
        (4, 101, 1),
    ]  # fmt: skip


def test_d4_at_one_price_hidden_orders_wait_for_all_displayed_ones_even_later(floor: Floor) -> None:
    floor.sell(1, 5, 100, display=0)
    floor.sell(2, 5, 100)
    floor.sell(3, 6, 100, display=2)
    floor.sell(4, 5, 101)
    assert floor.asks() == [(2, 5, 5), (3, 2, 6), (1, 0, 5), (4, 5, 5)]
    floor.buy(5, 14, 101)
    assert [maker for maker, _, _ in floor.trades] == [2, 3, 3, 3, 1]


def test_d4_a_better_price_beats_display(floor: Floor) -> None:
    floor.sell(1, 5, 100)
    floor.sell(2, 5, 99, display=0)
    floor.buy(3, 1, 100)
    assert floor.trades == [(2, 99, 1)]


@pytest.mark.parametrize(("total", "visible", "leaves"), [(9, 2, 7), (4, 2, 2), (3, 1, 1)])
def test_d5_a_smaller_total_touches_the_slice_only_when_it_must(
    floor: Floor, total: int, visible: int, leaves: int
) -> None:
    floor.sell(1, 12, 100, display=4)
    floor.sell(2, 5, 100)
    floor.buy(3, 2, 100)  # the slice has gone from 4 to 2, and a replace does not fill it up
    floor.replace(1, total)
    assert floor.asks() == [(1, visible, leaves), (2, 5, 5)]


def test_d6_prevention_that_empties_a_slice_refreshes_it_at_the_end_of_the_level(floor: Floor) -> None:
    floor.sell(1, 7, 100, display=3, account=7)
    floor.sell(2, 5, 100)
    with listening() as reached:
        floor.buy(3, 4, 100, account=7, self_trade=DECREMENT)
    assert (reached["D6"], reached["D2"]) == (1, 0)
    assert floor.prevented == [(1, 3)]
    assert floor.trades == [(2, 100, 1)]
    assert floor.asks() == [(2, 4, 4), (1, 3, 4)]


# ── G: self-trade prevention ──


def test_g1_accounts_of_one_group_are_one_owner_and_others_are_not(open_floor: OpenFloor) -> None:
    floor = open_floor(profile=Profile(self_trade_groups=((7, 8), (9, 10))))
    floor.sell(1, 5, 100, account=8)
    floor.sell(2, 5, 100, account=9)
    floor.buy(3, 3, 100, account=7, self_trade=CANCEL_TAKER)
    assert floor.cancels == [(3, 3, BY_PREVENTION)]
    floor.buy(4, 3, 100, account=10, self_trade=CANCEL_MAKER)
    assert floor.trades == [(1, 100, 3)]


def test_g1_no_account_stands_in_two_groups() -> None:
    with pytest.raises(ValueError, match="two self-trade groups"):
        opening(listing(["ABC"]), Profile(self_trade_groups=((7, 8), (8, 9))))


def test_g2_the_aggressors_instruction_decides_and_the_makers_does_not(floor: Floor) -> None:
    floor.sell(1, 5, 100, account=7, self_trade=CANCEL_TAKER)
    floor.buy(2, 2, 100, account=7)
    assert floor.trades == [(1, 100, 2)]
    floor.buy(3, 2, 100, account=7, self_trade=CANCEL_MAKER)
    assert floor.cancels == [(1, 3, BY_PREVENTION)]
    assert floor.bids() == [(3, 2, 2)]


@pytest.mark.parametrize(
    ("mode", "taker", "fills", "prevented", "cancels", "asks", "bids"),
    [
        # the book: 4 of its own at 100, then 5 of another's at 100
        (SelfTradePrevention.NONE, 6, [(1, 100, 4), (2, 100, 2)], [], [], [(2, 3, 3)], []),
        (CANCEL_TAKER, 6, [], [], [(9, 6, BY_PREVENTION)], [(1, 4, 4), (2, 5, 5)], []),
        (CANCEL_MAKER, 6, [(2, 100, 5)], [], [(1, 4, BY_PREVENTION)], [], [(9, 1, 1)]),
        (CANCEL_BOTH, 6, [], [], [(1, 4, BY_PREVENTION), (9, 6, BY_PREVENTION)], [(2, 5, 5)], []),
        (DECREMENT, 6, [(2, 100, 2)], [(1, 4)], [(1, 0, BY_PREVENTION)], [(2, 3, 3)], []),
        (DECREMENT, 3, [], [(1, 3)], [(9, 0, BY_PREVENTION)], [(1, 1, 1), (2, 5, 5)], []),
        (DECREMENT, 4, [], [(1, 4)], [(1, 0, BY_PREVENTION), (9, 0, BY_PREVENTION)], [(2, 5, 5)], []),
    ],
)
def test_g3_each_mode_does_what_it_says(
    floor: Floor,
    mode: SelfTradePrevention,
    taker: int,
    fills: list[tuple[int, int, int]],
    prevented: list[tuple[int, int]],
    cancels: list[tuple[int, int, CancelReason]],
    asks: list[tuple[int, int, int]],
    bids: list[tuple[int, int, int]],
) -> None:
    floor.sell(1, 4, 100, account=7)
    floor.sell(2, 5, 100)
    floor.buy(9, taker, 100, account=7, self_trade=mode)
    assert (floor.trades, floor.prevented, floor.cancels) == (fills, prevented, cancels)
    assert (floor.asks(), floor.bids()) == (asks, bids)


def test_g3_cancelling_the_maker_takes_an_iceberg_with_all_it_holds_back(floor: Floor) -> None:
    floor.sell(1, 9, 100, display=2, account=7)
    floor.buy(2, 1, 100, account=7, self_trade=CANCEL_MAKER)
    assert floor.cancels == [(1, 9, BY_PREVENTION)]
    assert (floor.asks(), floor.bids()) == ([], [(2, 1, 1)])


def test_g3_prevention_between_two_icebergs_goes_slice_by_slice_and_lets_others_in_between(floor: Floor) -> None:
    floor.sell(1, 6, 100, display=2, account=7)
    floor.sell(2, 1, 100)
    floor.buy(3, 9, 100, display=4, account=7, self_trade=DECREMENT)
    assert [type(event) for event in floor.events] == [Accepted, Prevented, Trade, Prevented, Prevented, Cancelled]
    assert floor.bids() == [(3, 2, 2)]


def test_g4_prevention_waits_until_the_two_would_trade_and_earlier_fills_stand(floor: Floor) -> None:
    floor.sell(1, 5, 100)
    floor.sell(2, 5, 101, account=7)
    floor.buy(3, 5, 101, account=7, self_trade=CANCEL_TAKER)  # filled before it comes to its own
    assert (floor.trades, floor.cancels) == ([(1, 100, 5)], [])
    floor.sell(4, 2, 100)
    floor.buy(5, 5, 101, account=7, self_trade=CANCEL_TAKER)
    assert floor.trades == [(4, 100, 2)]
    assert floor.cancels == [(5, 3, BY_PREVENTION)]


def test_g5_what_prevention_leaves_of_an_aggressor_never_rests(floor: Floor) -> None:
    for mode in (CANCEL_TAKER, CANCEL_BOTH):
        for lives in (TimeInForce.GTC, TimeInForce.DAY, TimeInForce.IOC):
            floor.sell(1, 2, 100)
            floor.sell(2, 2, 100, account=7)
            floor.buy(3, 9, 105, account=7, self_trade=mode, time_in_force=lives)
            assert floor.cancels[-1] == (3, 7, BY_PREVENTION)
            assert floor.bids() == []
            floor.do(Cancel("ABC", 2))


def test_g6_an_order_that_prevention_used_up_says_so_and_one_that_a_fill_ended_does_not(floor: Floor) -> None:
    floor.sell(1, 3, 100, account=7)
    floor.sell(2, 3, 100)
    floor.buy(3, 5, 100, account=7, self_trade=DECREMENT)  # three prevented, two traded, nothing open
    assert (floor.prevented, floor.trades) == ([(1, 3)], [(2, 100, 2)])
    assert floor.cancels == [(1, 0, BY_PREVENTION)]
    floor.sell(4, 3, 99, account=7)
    floor.buy(5, 2, 99, account=7, self_trade=DECREMENT)
    assert floor.cancels == [(5, 0, BY_PREVENTION)]
    assert floor.asks() == [(4, 1, 1), (2, 1, 1)]
