"""Rules K, and what B, C, D, E and G become where a level is shared among its orders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bookproof.engine.allocation import Sharer, Slice
from bookproof.engine.ladder import RestingOrder
from bookproof.engine.striped import StripedEngine
from bookproof.spec import kernel, level_match
from bookproof.spec.allocation import Offer, allocate, time_pro_rata
from bookproof.spec.allocation_terms import WHOLE, Allocation, LeadMarketMaker, Sharing
from bookproof.spec.codec import COMMAND, HEADER, Header, decode, encode
from bookproof.spec.commands import Cancel, Command, Replace, Submit
from bookproof.spec.events import Trade
from bookproof.spec.exchange import opening, queue
from bookproof.spec.input_error import InputError
from bookproof.spec.instruments import Instrument, listing
from bookproof.spec.profile import Profile
from bookproof.spec.reasons import CancelReason
from bookproof.spec.sorted_tuple import SortedTuple
from bookproof.spec.values import SelfTradePrevention, Side, TimeInForce

if TYPE_CHECKING:
    from tests.spec.conftest import Floor

    OpenFloor = Callable[..., Floor]

CANCEL_TAKER, CANCEL_MAKER = SelfTradePrevention.CANCEL_TAKER, SelfTradePrevention.CANCEL_MAKER
CANCEL_BOTH, DECREMENT = SelfTradePrevention.CANCEL_BOTH, SelfTradePrevention.DECREMENT
IOC, FOK = TimeInForce.IOC, TimeInForce.FOK

PRO_RATA = Allocation(Sharing.PRO_RATA)
CME_A = Allocation(Sharing.PRO_RATA, minimum=2, top_maximum=WHOLE)
CME_C = Allocation(Sharing.PRO_RATA, minimum=2)
CME_O = Allocation(Sharing.PRO_RATA, top_minimum=10, top_maximum=100)
CME_Q = Allocation(Sharing.PRO_RATA, top_minimum=25, top_maximum=250, lead_market_makers=(LeadMarketMaker(3, 40),))
TIME_PRO_RATA = Allocation(Sharing.TIME_PRO_RATA)
EVERY_SHARING = [
    PRO_RATA,
    CME_A,
    Allocation(Sharing.PRO_RATA, threshold=3, top_maximum=2, lead_market_makers=(LeadMarketMaker(2, 40),)),
    Allocation(Sharing.PRO_RATA, fifo_percent=40, lead_market_makers=(LeadMarketMaker(1, 20), LeadMarketMaker(3, 30))),
    Allocation(lead_market_makers=(LeadMarketMaker(2, 50),)),
    Allocation(top_maximum=2),
    TIME_PRO_RATA,
    Allocation(Sharing.TIME_PRO_RATA, time_exponent=4, minimum=2, fifo_percent=10),
]

Quantities = list[int]
WORKED: list[tuple[str, Allocation, int, bool, Quantities, Quantities]] = [
    # CME Client Systems Wiki, "CME Globex Matching Algorithm Steps", pro-rata example: 0, 0, 7, 0, 3, 37; then FIFO
    ("C: the wiki's example", CME_C, 50, False, [5, 9, 57, 4, 28, 300], [3, 0, 7, 0, 3, 37]),
    # CME Globex notice 11985 of 2005, "Eurodollar futures": after TOP, 150 lots for 50
    ("A: the notice's example", CME_A, 60, True, [10, 5, 20, 50, 75], [10, 3, 6, 16, 25]),
    # CME Client Systems Wiki, "Complex Match Example": three of its books
    ("A: the outright", CME_A, 291, True, [100, 200, 300, 400], [100, 44, 63, 84]),
    ("A: the spread, no TOP", CME_A, 42, False, [50, 25, 75, 50], [12, 5, 15, 10]),
    ("A: the last book", CME_A, 21, True, [10, 40, 20, 30], [10, 6, 2, 3]),
    # Orders and parameters of atas.net, "CME order matching algorithms", parts 3 and 4; incoming quantities are ours
    ("O: corn options", CME_O, 200, True, [150, 8, 160], [124, 3, 73]),
    ("Q: ten-year note options", CME_Q, 400, True, [300, 15, 160], [278, 8, 114]),
]


def floor_of(open_floor: OpenFloor, allocation: Allocation, lot: int = 1) -> Floor:
    return open_floor(Instrument("ABC", lot=lot), profile=Profile("shared", allocation=allocation))


def gives(floor: Floor, quantities: Sequence[int], price: int = 100) -> list[int]:
    """What orders 1, 2, 3 and so on gave at a price in the last command."""
    given = dict.fromkeys(range(1, len(quantities) + 1), 0)
    for maker, at, lots in floor.trades:
        if at == price:
            given[maker] += lots
    return list(given.values())


# ── the algorithms against published examples, through algorithm, oracle and engine ──


@pytest.mark.parametrize(
    ("allocation", "volume", "with_top", "quantities", "shares"),
    [pytest.param(*rest, id=name) for name, *rest in WORKED],
)
def test_k2_a_published_example_comes_out_as_published(
    open_floor: OpenFloor,
    allocation: Allocation,
    volume: int,
    with_top: bool,
    quantities: Quantities,
    shares: Quantities,
) -> None:
    offers = [Offer(quantity, at, with_top and at == 1) for at, quantity in enumerate(quantities, 1)]
    assert list(allocate(allocation, volume, offers)) == shares

    makers = [Submit("ABC", at, at, Side.SELL, quantity, 100) for at, quantity in enumerate(quantities, 1)]
    if not with_top:  # somebody betters the market and goes, so that nobody is TOP
        makers = [Submit("ABC", 98, 98, Side.SELL, 1, 100), *makers]
    taker = Submit("ABC", 99, 99, Side.BUY, volume, 100)
    floor = floor_of(open_floor, allocation)
    engine = StripedEngine(listing(["ABC"]), Profile(allocation=allocation))
    commands: list[Command] = [*makers, *([] if with_top else [Cancel("ABC", 98)]), taker]
    for command in commands:
        assert engine.submit(command).events == floor.do(command)
    assert gives(floor, quantities) == shares


def test_k1_without_an_allocation_a_level_is_served_first_come_first_served(open_floor: OpenFloor) -> None:
    assert Profile().allocation.is_fifo
    floor = floor_of(open_floor, Allocation(minimum=3, threshold=4, fifo_percent=5, top_minimum=2))  # nothing to share
    floor.sell(1, 5, 100)
    floor.sell(2, 50, 100)
    floor.buy(3, 8, 100)
    assert floor.trades == [(1, 100, 5), (2, 100, 3)]


def test_k2_shares_are_rounded_down_and_what_is_over_goes_by_the_queue(open_floor: OpenFloor) -> None:
    floor = floor_of(open_floor, PRO_RATA)
    for order_id in (1, 2, 3):
        floor.sell(order_id, 10, 100)
    floor.buy(4, 20, 100)
    assert floor.trades == [(1, 100, 8), (2, 100, 6), (3, 100, 6)]


def test_k2_a_share_below_the_minimum_is_nothing(open_floor: OpenFloor) -> None:
    floor = floor_of(open_floor, Allocation(Sharing.PRO_RATA, minimum=3))
    floor.sell(1, 90, 100)
    floor.sell(2, 30, 100)
    floor.sell(3, 20, 100)
    floor.buy(4, 14, 100)  # 9, 3 and 2
    assert floor.trades == [(1, 100, 11), (2, 100, 3)]


def test_k2_shares_are_whole_lots_of_the_instrument(open_floor: OpenFloor) -> None:
    floor = floor_of(open_floor, PRO_RATA, lot=10)
    floor.sell(1, 30, 100)
    floor.sell(2, 40, 100)
    floor.buy(3, 50, 100)  # 21 and 28 would be shares of single units
    assert floor.trades == [(1, 100, 30), (2, 100, 20)]


# ── K3: TOP ──

TOPS = Allocation(Sharing.PRO_RATA, top_maximum=4, top_minimum=2)


def tops(floor: Floor) -> list[int]:
    """The TOP orders of both sides, bids first."""
    seen = queue(floor.state, "ABC")
    return [order.order_id for order in (*seen.bids, *seen.asks) if order.top]


def test_k3_who_betters_the_market_is_top_until_somebody_else_does(open_floor: OpenFloor) -> None:
    floor = floor_of(open_floor, TOPS)
    floor.buy(1, 5, 100)
    assert tops(floor) == [1]
    floor.buy(2, 5, 100)
    floor.buy(3, 5, 99)
    assert tops(floor) == [1]
    floor.buy(4, 5, 101)
    floor.sell(5, 5, 105)
    assert tops(floor) == [4, 5]
    floor.cancel(4)
    assert tops(floor) == [5]  # 1 was TOP once, and does not become it again


def test_k3_top_is_served_first_up_to_its_maximum_and_then_takes_part_like_the_others(open_floor: OpenFloor) -> None:
    floor = floor_of(open_floor, TOPS)
    floor.sell(1, 14, 100)
    floor.sell(2, 10, 100)
    floor.buy(3, 8, 100)  # 4 first; then 4 for 10 and 10
    assert floor.trades == [(1, 100, 6), (2, 100, 2)]
    assert tops(floor) == [1]


def test_k3_an_order_below_the_minimum_ends_the_status_and_does_not_get_it(open_floor: OpenFloor) -> None:
    floor = floor_of(open_floor, TOPS)
    floor.buy(1, 5, 100)
    floor.buy(2, 1, 101)
    assert tops(floor) == []


def test_k3_a_hidden_order_is_never_top(open_floor: OpenFloor) -> None:
    floor = floor_of(open_floor, TOPS)
    floor.buy(1, 5, 100, display=0)
    assert tops(floor) == []


def test_k3_the_remainder_of_an_aggressor_betters_the_market_like_any_order(open_floor: OpenFloor) -> None:
    floor = floor_of(open_floor, TOPS)
    floor.sell(1, 5, 100)
    floor.buy(2, 9, 100)
    assert (floor.trades, tops(floor)) == ([(1, 100, 5)], [2])


@pytest.mark.parametrize(("quantity", "keeps"), [(4, True), (6, False)])
def test_k3_top_is_kept_with_the_place_in_the_queue_and_lost_with_it(
    open_floor: OpenFloor, quantity: int, keeps: bool
) -> None:
    floor = floor_of(open_floor, TOPS)
    floor.buy(1, 5, 100)
    floor.buy(2, 5, 100)
    floor.replace(1, quantity)
    assert tops(floor) == [1] * keeps


def test_k3_a_new_slice_is_not_top_even_alone_at_the_best_price(open_floor: OpenFloor) -> None:
    floor = floor_of(open_floor, TOPS)
    floor.buy(1, 6, 100, display=3)
    floor.sell(2, 2, 100)
    assert tops(floor) == [1]
    floor.sell(3, 1, 100)
    assert (floor.bids(), tops(floor)) == ([(1, 3, 3)], [])


def test_k3_an_id_that_was_top_is_nothing_special_when_it_comes_again(open_floor: OpenFloor) -> None:
    floor = floor_of(open_floor, TOPS)
    floor.buy(1, 5, 100)
    floor.buy(2, 5, 100)
    floor.cancel(1)
    floor.buy(1, 5, 100)
    assert tops(floor) == []


def test_k3_a_triggered_stop_can_better_the_market(open_floor: OpenFloor) -> None:
    floor = floor_of(open_floor, TOPS)
    floor.buy(1, 5, 90)
    floor.sell(2, 1, 100)
    floor.buy(3, 5, 95, stop=100)
    floor.buy(4, 1, 100)
    assert (floor.triggered, tops(floor)) == ([3], [3])


# ── K4 to K7: the other steps ──


def test_k4_a_percentage_goes_first_come_first_served_before_the_rest_is_shared(open_floor: OpenFloor) -> None:
    floor = floor_of(open_floor, Allocation(Sharing.PRO_RATA, fifo_percent=40))
    floor.sell(1, 40, 100)
    floor.sell(2, 60, 100)
    floor.buy(3, 50, 100)  # 20 to the first; then 30 for 20 and 60: 7 and 22, and one over
    assert floor.trades == [(1, 100, 28), (2, 100, 22)]


def test_k4_leveling_gives_a_lot_to_each_order_whose_share_came_to_nothing(open_floor: OpenFloor) -> None:
    for leveling, trades in ((True, [3, 1, 36, 0]), (False, [4, 0, 36, 0])):
        floor = floor_of(open_floor, Allocation(Sharing.PRO_RATA, leveling=leveling))
        floor.sell(1, 40, 100)
        floor.sell(2, 4, 100)
        floor.sell(3, 450, 100)
        floor.sell(4, 6, 100)
        floor.buy(5, 40, 100)  # 3.2, 0.32, 36 and 0.48: one lot is over
        assert gives(floor, range(4)) == trades


def test_k4_leveling_goes_by_time_and_what_it_leaves_does_too(open_floor: OpenFloor) -> None:
    floor = floor_of(open_floor, Allocation(Sharing.PRO_RATA, minimum=3, leveling=True))
    for order_id, quantity in ((1, 10), (2, 10), (3, 20)):
        floor.sell(order_id, quantity, 100)
    floor.buy(4, 10, 100)  # 2.5 and 2.5 are below the minimum, 5 is not; a lot each, and three are left over
    assert floor.trades == [(1, 100, 4), (2, 100, 1), (3, 100, 5)]


def test_k4_leveling_is_for_orders_that_may_share_and_have_something_left(open_floor: OpenFloor) -> None:
    floor = floor_of(open_floor, Allocation(Sharing.PRO_RATA, fifo_percent=50, threshold=3, leveling=True))
    floor.sell(1, 3, 100)
    floor.sell(2, 2, 100)
    floor.sell(3, 3, 100)
    floor.sell(4, 60, 100)
    floor.buy(5, 6, 100)  # 3 to the first; of 3 for 2, 3 and 60: 0.09, 0.14 and 2.77, so one is left for order 3
    assert floor.trades == [(1, 100, 3), (3, 100, 1), (4, 100, 2)]


def test_k5_a_lead_market_maker_gets_its_percentage_before_the_others(open_floor: OpenFloor) -> None:
    floor = floor_of(open_floor, Allocation(lead_market_makers=(LeadMarketMaker(7, 50), LeadMarketMaker(8, 10))))
    floor.sell(1, 30, 100)
    floor.sell(2, 30, 100, account=8)
    floor.sell(3, 3, 100, account=7)
    floor.sell(4, 30, 100, account=7)
    floor.buy(5, 20, 100)  # 10 for account 7, over both its orders in queue order; 2 for 8; the other 8 by the queue
    assert floor.trades == [(1, 100, 8), (2, 100, 2), (3, 100, 3), (4, 100, 7)]


def test_k5_the_percentage_is_of_what_top_has_left_and_not_of_an_order_that_is_top(open_floor: OpenFloor) -> None:
    floor = floor_of(open_floor, Allocation(top_maximum=4, lead_market_makers=(LeadMarketMaker(7, 50),)))
    floor.sell(1, 10, 100, account=7)
    floor.sell(2, 10, 100)
    floor.sell(3, 10, 100, account=7)
    floor.buy(4, 12, 100)  # 4 to TOP, half of 8 to order 3, and 4 by the queue
    assert floor.trades == [(1, 100, 8), (3, 100, 4)]


def test_k6_an_order_below_the_threshold_has_no_share_in_proportion(open_floor: OpenFloor) -> None:
    floor = floor_of(open_floor, Allocation(Sharing.PRO_RATA, threshold=10))
    floor.sell(1, 9, 100)
    floor.sell(2, 11, 100)
    floor.sell(3, 20, 100, display=10)
    floor.buy(4, 20, 100)  # of 30: 7.3 and 6.7; what the small order does not get in proportion goes by the queue
    assert floor.trades == [(1, 100, 7), (2, 100, 7), (3, 100, 6)]


def test_k7_of_equal_orders_the_earlier_gets_more(open_floor: OpenFloor) -> None:
    floor = floor_of(open_floor, TIME_PRO_RATA)
    for order_id in (1, 2, 3, 4):
        floor.sell(order_id, 50, 100)
    floor.buy(5, 100, 100)  # 43, 31, 18 and 6, and two over
    assert floor.trades == [(1, 100, 45), (2, 100, 31), (3, 100, 18), (4, 100, 6)]


@given(st.lists(st.integers(1, 99), min_size=1, max_size=9), st.integers(1, 200), st.integers(1, 8))
def test_k7_nobody_is_given_more_than_it_has_and_of_equals_nobody_less_than_who_comes_later(
    quantities: list[int], volume: int, exponent: int
) -> None:
    volume = min(volume, sum(quantities))
    shares = time_pro_rata(volume, tuple(quantities), exponent)
    assert all(0 <= share <= quantity for share, quantity in zip(shares, quantities, strict=True))
    assert sum(shares) <= volume
    equal = time_pro_rata(volume, (max(quantities),) * len(quantities), exponent)
    assert list(equal) == sorted(equal, reverse=True)


@given(st.lists(st.integers(1, 99), min_size=1, max_size=9), st.integers(1, 200))
def test_k7_with_exponent_1_time_does_not_count(quantities: list[int], volume: int) -> None:
    offers = [Offer(quantity) for quantity in quantities]
    plain = allocate(Allocation(Sharing.PRO_RATA), volume, offers)
    assert allocate(Allocation(Sharing.TIME_PRO_RATA, time_exponent=1), volume, offers) == plain


# ── K8 and K9: of every algorithm ──


def percentages(most: int) -> st.SearchStrategy[tuple[LeadMarketMaker, ...]]:
    makers = st.lists(st.builds(LeadMarketMaker, st.integers(1, 4), st.integers(1, most)), max_size=3)
    return makers.map(lambda found: tuple({maker.account: maker for maker in found}.values()))


allocations = st.builds(
    Allocation,
    st.sampled_from(Sharing),
    minimum=st.integers(1, 4),
    threshold=st.integers(1, 9),
    fifo_percent=st.integers(0, 100),
    top_maximum=st.integers(0, 9) | st.just(WHOLE),
    lead_market_makers=percentages(33),
    time_exponent=st.integers(1, 8),
    leveling=st.booleans(),
)


@st.composite
def levels(draw: st.DrawFn) -> list[Offer]:
    """A level whose first order is TOP or not."""
    offer = st.builds(Offer, st.integers(1, 60), st.integers(1, 5), st.just(False))
    offers = draw(st.lists(offer, min_size=1, max_size=8))
    return [offers[0]._replace(top=draw(st.booleans())), *offers[1:]]


@settings(max_examples=400)
@given(allocations, levels(), st.integers(1, 300))
def test_k9_all_that_can_trade_is_given_and_nobody_gives_more_than_it_offers_or_less_than_nothing(
    allocation: Allocation, offers: list[Offer], volume: int
) -> None:
    shares = allocate(allocation, volume, offers)
    assert sum(shares) == min(volume, sum(offer.quantity for offer in offers))
    assert all(0 <= share <= offer.quantity for share, offer in zip(shares, offers, strict=True))
    assert engine_shares(allocation, volume, offers) == list(shares)


@settings(max_examples=100)
@given(allocations, levels(), st.integers(0, 99))
def test_k8_an_aggressor_that_can_fill_the_level_fills_it(
    allocation: Allocation, offers: list[Offer], more: int
) -> None:
    everything = [offer.quantity for offer in offers]
    assert list(allocate(allocation, sum(everything) + more, offers)) == everything
    assert engine_shares(allocation, sum(everything) + more, offers) == everything


def engine_shares(allocation: Allocation, volume: int, offers: list[Offer]) -> list[int]:
    """The engine's own algorithm, written apart, on the same level."""

    def slice_of(offer: Offer) -> Slice:
        order = RestingOrder()
        order.terms = Submit("ABC", 1, offer.account, Side.SELL, offer.quantity, 100)
        order.slice, order.reserve = offer.quantity, 0
        return Slice(order, False, offer.top)

    return Sharer(allocation, 1).share(volume, [slice_of(offer) for offer in offers])


@pytest.mark.parametrize("allocation", EVERY_SHARING)
def test_k8_the_fills_of_a_level_are_told_in_queue_order_whoever_is_served_first(
    open_floor: OpenFloor, allocation: Allocation
) -> None:
    floor = floor_of(open_floor, allocation)
    for order_id, account in ((1, 5), (2, 2), (3, 3), (4, 1)):
        floor.sell(order_id, 10, 100, account=account)
    floor.buy(5, 22, 100)
    makers = [maker for maker, _, _ in floor.trades]
    assert makers == sorted(set(makers))
    floor.buy(6, 99, 100)
    assert [lots for _, _, lots in floor.trades] == [lots for lots in gives(floor, range(4)) if lots]
    assert floor.asks() == []


@pytest.mark.parametrize("allocation", EVERY_SHARING)
def test_k8_better_prices_are_exhausted_first_under_every_algorithm(
    open_floor: OpenFloor, allocation: Allocation
) -> None:
    floor = floor_of(open_floor, allocation)
    floor.sell(1, 90, 101)
    floor.sell(2, 4, 100)
    floor.sell(3, 6, 100)
    floor.buy(4, 15, 101)
    assert floor.trades == [(2, 100, 4), (3, 100, 6), (1, 101, 5)]


# ── icebergs and hidden orders ──


def test_k2_an_iceberg_takes_part_with_what_it_shows_and_its_next_slice_queues_anew(open_floor: OpenFloor) -> None:
    floor = floor_of(open_floor, PRO_RATA)
    floor.sell(1, 90, 100, display=10)
    floor.sell(2, 10, 100)
    floor.buy(3, 10, 100)
    assert floor.trades == [(1, 100, 5), (2, 100, 5)]
    floor.buy(4, 12, 100)  # a round of 5 and 5 in which all that shows trades, and one of 2 with the new slice
    assert floor.trades == [(1, 100, 5), (2, 100, 5), (1, 100, 2)]
    assert floor.asks() == [(1, 8, 78)]


def test_k2_hidden_orders_share_what_displayed_ones_have_left(open_floor: OpenFloor) -> None:
    floor = floor_of(open_floor, PRO_RATA)
    floor.sell(1, 30, 100, display=0)
    floor.sell(2, 10, 100, display=0)
    floor.sell(3, 6, 100, display=3)
    floor.buy(4, 14, 100)
    assert floor.trades == [(3, 100, 3), (3, 100, 3), (1, 100, 6), (2, 100, 2)]


# ── what goes with a match ──


def test_c5_a_fill_or_kill_order_is_tried_by_the_same_algorithm(open_floor: OpenFloor) -> None:
    floor = floor_of(open_floor, PRO_RATA)
    floor.sell(1, 6, 100, account=7)
    floor.sell(2, 6, 100)
    # Of 10 lots the own order would have prevented 5 and traded none, so 10 cannot be had.
    floor.buy(3, 10, 100, account=7, time_in_force=FOK, self_trade=DECREMENT)
    assert floor.cancels == [(3, 10, CancelReason.KILLED)]
    floor.buy(4, 12, 100, time_in_force=FOK)
    assert floor.trades == [(1, 100, 6), (2, 100, 6)]


def test_c7_a_minimum_counts_what_the_algorithm_would_trade(open_floor: OpenFloor) -> None:
    floor = floor_of(open_floor, PRO_RATA)
    floor.sell(1, 6, 100, account=7)
    floor.sell(2, 6, 100)
    floor.buy(3, 8, 100, account=7, min_quantity=5, self_trade=DECREMENT)
    assert floor.cancels == [(3, 8, CancelReason.MIN_QUANTITY)]
    floor.buy(4, 8, 100, account=7, min_quantity=4, self_trade=DECREMENT)
    assert (floor.prevented, floor.trades) == ([(1, 4)], [(2, 100, 4)])


def test_e2_the_last_price_of_a_shared_level_triggers_stops_when_matching_has_ended(open_floor: OpenFloor) -> None:
    floor = floor_of(open_floor, PRO_RATA)
    floor.sell(1, 10, 100)
    floor.sell(2, 10, 100)
    floor.buy(3, 4, stop=100)
    floor.buy(4, 8, 100)
    assert floor.triggered == [3]
    assert floor.trades == [(1, 100, 4), (2, 100, 4), (1, 100, 2), (2, 100, 2)]


# ── G4: prevention acts on own orders that could trade ──


def own_second(open_floor: OpenFloor) -> Floor:
    floor = floor_of(open_floor, PRO_RATA)
    floor.sell(1, 6, 100)
    floor.sell(2, 6, 100, account=7)
    floor.sell(3, 6, 100, account=7)
    return floor


def test_g4_the_aggressor_is_cancelled_before_anybody_of_the_level_trades(open_floor: OpenFloor) -> None:
    floor = own_second(open_floor)
    floor.sell(4, 1, 99)
    floor.buy(9, 5, 100, account=7, self_trade=CANCEL_TAKER)
    assert (floor.trades, floor.cancels) == ([(4, 99, 1)], [(9, 4, CancelReason.SELF_TRADE)])


def test_g4_every_own_order_that_could_trade_is_cancelled_before_shares_are_worked_out(open_floor: OpenFloor) -> None:
    floor = own_second(open_floor)
    floor.buy(9, 5, 100, account=7, self_trade=CANCEL_MAKER)
    assert floor.cancels == [(2, 6, CancelReason.SELF_TRADE), (3, 6, CancelReason.SELF_TRADE)]
    assert floor.trades == [(1, 100, 5)]


def test_g4_the_aggressor_goes_with_the_first_own_order_of_the_level(open_floor: OpenFloor) -> None:
    floor = own_second(open_floor)
    floor.buy(9, 5, 100, account=7, self_trade=CANCEL_BOTH)
    assert floor.cancels == [(2, 6, CancelReason.SELF_TRADE), (9, 5, CancelReason.SELF_TRADE)]
    assert floor.trades == []


def test_g4_decrementing_takes_from_both_what_the_algorithm_gives(open_floor: OpenFloor) -> None:
    floor = own_second(open_floor)
    floor.buy(9, 9, 100, account=7, self_trade=DECREMENT)
    assert (floor.trades, floor.prevented) == ([(1, 100, 3)], [(2, 3), (3, 3)])
    assert floor.cancels == [(9, 0, CancelReason.SELF_TRADE)]


def test_g4_an_own_order_that_is_hidden_does_not_matter_while_others_are_displayed(open_floor: OpenFloor) -> None:
    floor = floor_of(open_floor, PRO_RATA)
    floor.sell(1, 6, 100, account=7, display=0)
    floor.sell(2, 6, 100)
    floor.buy(3, 6, 100, account=7, self_trade=CANCEL_TAKER)
    assert floor.trades == [(2, 100, 6)]


# ── first come, first served by rounds is first come, first served ──


@st.composite
def queues(draw: st.DrawFn) -> SortedTuple[kernel.Resting]:
    """Asks on two prices, some of them icebergs or hidden."""
    orders = []
    for number in range(1, draw(st.integers(1, 6)) + 1):
        quantity = draw(st.integers(1, 9))
        display = draw(st.none() | st.integers(0, quantity))
        price, account = draw(st.integers(100, 101)), draw(st.integers(1, 2))
        terms = Submit("ABC", number, account, Side.SELL, quantity, price, display=display)
        orders.append(kernel.resting(terms, account, quantity, 0, 0, number))
    return SortedTuple(orders)


@settings(max_examples=200)
@given(queues(), st.integers(1, 40), st.sampled_from([SelfTradePrevention.NONE, DECREMENT]))
def test_k1_fifo_taken_as_an_allocation_is_the_kernel_of_fifo(
    makers: SortedTuple[kernel.Resting], volume: int, prevention: SelfTradePrevention
) -> None:
    shared = level_match.match(makers, 100, volume, 1, prevention, 9, Allocation(), top=0, lot=1)
    assert shared == kernel.match(makers, 100, volume, 1, prevention, 9)


# ── parameters that make no sense ──


@pytest.mark.parametrize(
    "allocation",
    [
        Allocation(minimum=0),
        Allocation(threshold=0),
        Allocation(fifo_percent=-1),
        Allocation(top_maximum=WHOLE + 1),
        Allocation(top_minimum=0),
        Allocation(time_exponent=9),
        Allocation(lead_market_makers=(LeadMarketMaker(1, 50), LeadMarketMaker(1, 10))),
        Allocation(lead_market_makers=(LeadMarketMaker(1, 50), LeadMarketMaker(2, 51))),
        Allocation(lead_market_makers=(LeadMarketMaker(1, 0),)),
    ],
)
def test_k9_no_exchange_opens_with_parameters_that_make_no_sense(allocation: Allocation) -> None:
    books, profile = listing(["ABC"]), Profile("odd", allocation=allocation)
    with pytest.raises(ValueError, match="allocation"):
        opening(books, profile)
    with pytest.raises(ValueError, match="allocation"):
        StripedEngine(books, profile)
    with pytest.raises(InputError, match="allocation"):
        encode(Header(COMMAND, books, profile))


def test_k9_an_allocation_is_written_and_read_field_by_field() -> None:
    header = Header(COMMAND, listing(["ABC"]), Profile("ours", allocation=CME_Q))
    line = encode(header)
    assert decode(line, HEADER) == header
    assert '"lead_market_makers":[{"account":3,"percent":40}]' in line


def test_k3_the_engine_marks_the_same_orders_top(open_floor: OpenFloor) -> None:
    floor = floor_of(open_floor, TOPS)
    engine = StripedEngine([Instrument("ABC")], Profile(allocation=TOPS))
    commands: list[Command] = [
        Submit("ABC", 1, 1, Side.BUY, 5, 100),
        Submit("ABC", 2, 2, Side.BUY, 6, 101, display=3),
        Replace("ABC", 1, 5, 102),
        Submit("ABC", 3, 3, Side.SELL, 6, 101),
        Submit("ABC", 4, 4, Side.SELL, 2, 101, time_in_force=IOC),
        Cancel("ABC", 2),
        Replace("ABC", 3, 1),
    ]
    seen = []
    for command in commands:
        floor.do(command)
        engine.submit(command)
        assert engine.queue("ABC") == queue(floor.state, "ABC")
        seen.append(tops(floor))
    assert seen == [[1], [2], [1], [], [], [], []]


def test_k9_trades_are_at_the_makers_price_whoever_shares(open_floor: OpenFloor) -> None:
    floor = floor_of(open_floor, PRO_RATA)
    floor.buy(1, 5, 101)
    floor.buy(2, 5, 101)
    floor.sell(3, 4, 90)
    assert [event for event in floor.events if isinstance(event, Trade)] == [
        Trade("ABC", 101, 2, 1, 3),
        Trade("ABC", 101, 2, 2, 3),
    ]
