"""D3: icebergs whose slices are drawn from a range. Every command goes to the oracle and to the engine.

The order that most of these tests enter is for 20 lots, in slices of 2 to 5, drawn with 1234567: 2, 5, 5, 3, 3, 2.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookproof.engine import slices as engine_slices
from bookproof.engine.book import FastBook
from bookproof.engine.ladder import Level, RestingOrder
from bookproof.engine.striped import StripedEngine
from bookproof.models.engines_by_name import factory
from bookproof.models.generate.case import Case
from bookproof.models.generate.features import Feature, alone
from bookproof.models.generate.shrinking import shrink_case
from bookproof.models.generate.soak import soak_case
from bookproof.models.generate.venues import VENUES
from bookproof.models.sequential.differential import Difference, Kind, compare
from bookproof.spec import kernel, reporting, slices
from bookproof.spec.codec import COMMAND, decode, encode
from bookproof.spec.commands import Deposit, Reduce, Route, Submit, SubmitList
from bookproof.spec.drop_copy import DropCopy
from bookproof.spec.events import Accepted
from bookproof.spec.exchange import opening, queue, snapshot, step
from bookproof.spec.fix import tags_of
from bookproof.spec.input_error import InputError
from bookproof.spec.instruments import Instrument, listing
from bookproof.spec.invariants import broken
from bookproof.spec.profile import PROFILES, DisplayRanges, Icebergs, Profile, ReduceOnly, ReplaceQuantity, Risk
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.reporting import report
from bookproof.spec.reports import ExecutionReport
from bookproof.spec.values import DisplayRange, ListKind, Lots, Phase, SelfTradePrevention, Side, TimeInForce

if TYPE_CHECKING:
    from tests.spec.conftest import FloorAndEngine

    OpenPair = Callable[..., FloorAndEngine]

RANGES = Profile("ranges", display_ranges=DisplayRanges.TAKEN)
SOME = DisplayRange(2, 5, draw=1234567)
DRAWN = [2, 5, 5, 3, 3, 2]
"""The slices of 20 lots."""

DECREMENT, CANCEL_TAKER = SelfTradePrevention.DECREMENT, SelfTradePrevention.CANCEL_TAKER
FOK = TimeInForce.FOK

PUBLISHED = [
    6457827717110365317,
    3203168211198807973,
    9817491932198370423,
    4593380528125082431,
    16408922859458223821,
]
"""The first five numbers of SplitMix64 with the seed 1234567, as Rosetta Code has them."""


@pytest.fixture
def pair(open_pair: OpenPair) -> FloorAndEngine:
    """Two empty books at a venue that takes ranges."""
    return open_pair(profile=RANGES)


# ── the draw ──


def test_d3_the_numbers_are_those_of_split_mix_64() -> None:
    assert [slices.split_mix(1234567, number) for number in range(1, 6)] == PUBLISHED
    assert [engine_slices._mixed(1234567, number) for number in range(1, 6)] == PUBLISHED


RANGE = st.builds(
    lambda least, more, step, draw: DisplayRange(least, least + more * step, draw, step),
    st.integers(1, 10**6),
    st.integers(0, 10**6),
    st.integers(1, 10**3),
    st.integers(0, 2**63 - 1),
)


@given(RANGE, st.integers(1, 10**15))
def test_d3_oracle_and_engine_draw_alike_a_size_of_the_range_or_all_that_is_left(
    some: DisplayRange, left: Lots
) -> None:
    drawn = slices.slice_of(some, left)
    assert drawn == engine_slices.next_slice(some, left)
    assert drawn == left < some.most or drawn in some.sizes


def test_d3_every_size_of_a_range_is_drawn_about_as_often() -> None:
    some = DisplayRange(2, 8, draw=7, step=2)
    drawn = [slices.slice_of(some, left) for left in range(100, 8_100)]
    assert set(drawn) == set(some.sizes)
    assert all(abs(drawn.count(size) - 2_000) < 200 for size in some.sizes)


def test_a5_the_same_order_shows_the_same_slices_in_every_run_and_another_draw_shows_others() -> None:
    def shown(draw: int) -> list[Lots]:
        commands = [Submit("ABC", 1, 7, Side.SELL, 40, 100, display=SOME._replace(draw=draw))]
        state, seen = opening(listing(["ABC"]), RANGES), []
        for command in [*commands, *(Submit("ABC", at, 8, Side.BUY, 1, 100) for at in range(2, 42))]:
            state, _ = step(state, command)
            seen += [order.visible for order in queue(state, "ABC").asks]
        return seen

    assert shown(1) == shown(1)
    assert len({tuple(shown(draw)) for draw in range(20)}) > 15


# ── D1, D2, D3: what the book shows ──


def test_d3_the_first_slice_is_drawn_and_so_is_each_that_follows_behind_the_level(pair: FloorAndEngine) -> None:
    pair.sell(1, 20, 100, display=SOME)
    pair.sell(2, 50, 100)
    assert pair.asks() == [(1, 2, 20), (2, 50, 50)]
    pair.buy(3, 2, 100)
    assert pair.asks() == [(2, 50, 50), (1, 5, 18)]
    pair.cancel(2)
    shown = []
    for taker in range(4, 22):
        shown.append(pair.asks()[0][1])
        pair.buy(taker, 1, 100)
    assert shown == [5, 4, 3, 2, 1, 5, 4, 3, 2, 1, 3, 2, 1, 3, 2, 1, 2, 1]


def test_d3_an_aggressor_meets_all_slices_of_the_level_then_the_drawn_ones_in_turn(pair: FloorAndEngine) -> None:
    pair.sell(1, 20, 100, display=SOME)
    pair.sell(2, 4, 100, display=2)
    pair.buy(3, 24, 100)
    assert pair.trades == [(1, 100, 2), (2, 100, 2), (1, 100, 5), (2, 100, 2)] + [(1, 100, lots) for lots in DRAWN[2:]]
    assert pair.asks() == []


def test_d3_what_is_left_is_the_last_slice_if_a_larger_one_is_drawn(pair: FloorAndEngine) -> None:
    assert [slices._drawn(SOME, left) for left in (2, 1)] == [3, 3]
    pair.sell(1, 20, 100, display=SOME)
    pair.buy(2, 18, 100)
    assert pair.asks() == [(1, 2, 2)]
    pair.buy(3, 1, 100)
    assert pair.asks() == [(1, 1, 1)]  # no new slice: it keeps its place and what it shows (B7)
    pair.buy(4, 1, 100)
    assert pair.asks() == []


def test_d3_an_order_that_has_traded_on_entry_draws_its_first_slice_from_what_is_left(pair: FloorAndEngine) -> None:
    pair.buy(1, 2, 100)
    pair.sell(2, 20, 100, display=SOME)
    assert pair.asks() == [(2, DRAWN[1], 18)]


@pytest.mark.parametrize("lots", [1, 2, 3, 7, 8, 19, 20])
def test_d3_a_range_of_one_size_is_a_plain_iceberg(open_pair: OpenPair, lots: Lots) -> None:
    plain, ranged = open_pair(profile=RANGES), open_pair(profile=RANGES)
    for pair, display in ((plain, 3), (ranged, DisplayRange(3, 3, draw=lots))):
        pair.sell(1, 20, 100, display=display)
        pair.sell(2, 2, 100)
        pair.buy(3, lots, 100)
        pair.replace(1, 21)
    assert snapshot(plain.state) == snapshot(ranged.state)
    assert plain.events == ranged.events


def test_d1_depth_shows_the_slice_and_nothing_of_what_is_behind_it(pair: FloorAndEngine) -> None:
    pair.sell(1, 20, 100, display=SOME)
    pair.sell(2, 3, 100, display=0)
    (level,) = pair.engine.depth("ABC").asks
    assert (level.quantity, level.orders) == (2, 1)


@pytest.mark.parametrize(("quantity", "taken"), [(6, True), (7, False)])
def test_d1_an_instrument_that_asks_for_a_part_of_it_asks_the_smallest_slice(
    open_pair: OpenPair, quantity: Lots, taken: bool
) -> None:
    pair = open_pair(Instrument("ABC", most_slices=3), profile=RANGES)
    pair.sell(1, quantity, 100, display=SOME)
    assert pair.reason is (None if taken else RejectReason.INVALID_DISPLAY)
    pair.sell(2, 6, 100, display=SOME)
    pair.sell(3, 6, 100, display=SOME, stop=90)
    for order_id in (2, 3):
        pair.replace(order_id, quantity)
        assert pair.reason is (None if taken else RejectReason.INVALID_REPLACE)


# ── dry runs: C5, C7 ──


@pytest.mark.parametrize(("lots", "taken"), [(5, True), (6, False)])
def test_c5_a_fill_or_kill_order_gets_the_slice_before_its_own_order_and_no_more(
    pair: FloorAndEngine, lots: Lots, taken: bool
) -> None:
    pair.sell(1, 20, 100, display=SOME)
    pair.buy(2, 2, 100)
    pair.sell(3, 9, 100, account=7)  # behind the second slice, of five
    pair.buy(4, lots, 100, account=7, time_in_force=FOK, self_trade=CANCEL_TAKER)
    assert pair.trades == ([(1, 100, 5)] if taken else [])
    assert pair.cancels == ([] if taken else [(4, lots, CancelReason.KILLED)])


def test_c5_a_fill_or_kill_order_that_is_killed_draws_nothing(pair: FloorAndEngine) -> None:
    pair.sell(1, 20, 100, display=SOME)
    pair.buy(2, 21, 100, time_in_force=FOK)
    assert pair.cancels == [(2, 21, CancelReason.KILLED)]
    assert pair.asks() == [(1, 2, 20)]
    pair.buy(3, 20, 100, time_in_force=FOK)
    assert pair.trades == [(1, 100, lots) for lots in DRAWN]


@pytest.mark.parametrize(("minimum", "taken"), [(10, True), (11, False)])
def test_c7_the_dry_run_of_a_minimum_draws_the_slices_that_the_order_will_meet(
    pair: FloorAndEngine, minimum: Lots, taken: bool
) -> None:
    """Slices of 2, 5 and 5, each of which an own lot follows: of 12 lots, 10 can trade. Had each two lots, 8 could."""
    pair.sell(1, 20, 100, display=SOME)
    pair.sell(2, 9, 100, display=1, account=7)
    pair.buy(3, 12, 100, account=7, self_trade=DECREMENT, min_quantity=minimum)
    assert [lots for _, _, lots in pair.trades] == ([2, 5, 3] if taken else [])
    assert pair.cancels == ([] if taken else [(3, 12, CancelReason.MIN_QUANTITY)])


# ── D5, F: replaced ──


@pytest.mark.parametrize(("total", "shown"), [(19, 2), (2, 2), (1, 1)])
def test_d5_a_smaller_total_leaves_the_slice_as_it_is_unless_it_is_below_it(
    pair: FloorAndEngine, total: Lots, shown: Lots
) -> None:
    pair.sell(1, 20, 100, display=SOME)
    pair.sell(2, 1, 100)
    pair.replace(1, total)
    assert pair.asks() == [(1, shown, total), (2, 1, 1)]
    pair.buy(3, shown, 100)
    following = slices.slice_of(SOME, total - shown)
    assert pair.asks() == [(2, 1, 1)] + [(1, following, total - shown)] * (total > shown)


@pytest.mark.parametrize("quantity_is", list(ReplaceQuantity))
def test_f2_a_replaced_order_that_loses_its_place_draws_a_slice_of_what_is_open(
    open_pair: OpenPair, quantity_is: ReplaceQuantity
) -> None:
    pair = open_pair(profile=RANGES._replace(replace_quantity=quantity_is))
    pair.sell(1, 20, 100, display=SOME)
    pair.buy(2, 3, 100)
    pair.replace(1, 25, 101)
    open_now = 25 if quantity_is is ReplaceQuantity.OPEN else 22
    assert pair.asks() == [(1, slices.slice_of(SOME, open_now), open_now)]


def test_f2_another_price_alone_draws_the_same_slice_again(pair: FloorAndEngine) -> None:
    """What is drawn follows from what is open: nobody gets another draw by asking twice."""
    pair.sell(1, 20, 100, display=SOME)
    for price in (101, 102, 103):
        pair.replace(1, 20, price)
        assert pair.asks() == [(1, 2, 20)]


# ── D6, E, H, I, K, L5: elsewhere ──


def test_d6_a_slice_that_prevention_empties_is_followed_by_the_next_draw(pair: FloorAndEngine) -> None:
    pair.sell(1, 20, 100, display=SOME, account=7)
    pair.sell(2, 4, 100)
    pair.buy(3, 2, 100, account=7, self_trade=DECREMENT)
    assert (pair.prevented, pair.trades) == ([(1, 2)], [])
    assert pair.asks() == [(2, 4, 4), (1, 5, 18)]
    pair.buy(4, 10, 100, account=7, self_trade=DECREMENT)
    assert (pair.prevented, pair.trades) == ([(1, 5), (1, 1)], [(2, 100, 4)])
    assert pair.asks() == [(1, 4, 12)]


def test_e4_a_stop_draws_its_first_slice_when_it_has_come_to_rest(pair: FloorAndEngine) -> None:
    pair.sell(1, 20, 100, stop=99, display=SOME)
    pair.buy(2, 1, 99)
    pair.sell(3, 1, 99)
    assert pair.triggered == [1]
    assert pair.asks() == [(1, 2, 20)]


def test_h2_a_leg_of_a_list_draws_its_slices_too(pair: FloorAndEngine) -> None:
    first = Submit("ABC", 1, 7, Side.SELL, 3, 100)
    then = Submit("XYZ", 1, 7, Side.SELL, 20, 100, display=SOME)
    pair.do(SubmitList(ListKind.OTO, (first, then)))
    pair.buy(2, 3, 100)
    assert pair.asks("XYZ") == [(1, 2, 20)]


def test_i8_an_iceberg_in_an_uncross_shows_a_slice_of_what_is_left_after_it(pair: FloorAndEngine) -> None:
    pair.go(Phase.CALL)
    pair.sell(1, 20, 100, display=SOME)
    pair.sell(2, 20, 100, display=SOME._replace(draw=8))
    assert [visible for _, visible, _ in pair.asks()] == [2, slices.slice_of(SOME._replace(draw=8), 20)]
    pair.buy(3, 8, 100)
    pair.go(Phase.CONTINUOUS)
    assert pair.trades == [(1, 100, 8)]
    assert pair.asks()[1] == (1, slices.slice_of(SOME, 12), 12)


def test_d3_where_icebergs_are_taken_whole_what_is_left_is_drawn_anew(open_pair: OpenPair) -> None:
    pair = open_pair(profile=RANGES._replace(icebergs=Icebergs.WHOLE))
    pair.sell(1, 20, 100, display=SOME)
    pair.sell(2, 5, 100)
    pair.buy(3, 8, 100)
    assert pair.trades == [(1, 100, 8)]
    assert pair.asks() == [(2, 5, 5), (1, slices.slice_of(SOME, 12), 12)]


def test_k2_only_the_drawn_slice_has_a_share(open_pair: OpenPair) -> None:
    pair = open_pair(profile=VENUES["pro-rata"]._replace(display_ranges=DisplayRanges.TAKEN))
    pair.sell(1, 20, 100, display=SOME)
    pair.sell(2, 8, 100)
    pair.buy(3, 5, 100)
    assert pair.trades == [(1, 100, 1), (2, 100, 4)]
    pair.buy(4, 5, 100)
    assert pair.trades == [(1, 100, 1), (2, 100, 4)]
    assert pair.asks() == [(1, 5, 18)]
    pair.buy(5, 18, 100)
    assert [lots for _, _, lots in pair.trades] == DRAWN[1:]


@pytest.mark.parametrize(("minimum", "taken"), [(7, True), (8, False)])
def test_c9_a_resting_reduce_only_order_draws_its_slices_too(open_pair: OpenPair, minimum: Lots, taken: bool) -> None:
    """Slices of 2 and 5 beside those of an own order: of nine lots seven can trade."""
    pair = open_pair(profile=RANGES._replace(risk=Risk.CASH, reduce_only=ReduceOnly.RESTS))
    for command in (Deposit(7, 20, "ABC"), Deposit(8, 10**6), Deposit(8, 9, "ABC")):
        pair.do(command)
    pair.do(Reduce("ABC", 1, 7, Side.SELL, 20, 100, TimeInForce.GTC, SOME))
    assert pair.asks() == [(1, 2, 20)]
    pair.sell(2, 9, 100, display=1, account=8)
    pair.buy(3, 9, 100, account=8, self_trade=DECREMENT, min_quantity=minimum)
    assert [lots for _, _, lots in pair.trades] == ([2, 5] if taken else [])
    assert pair.asks()[0] == ((1, 5, 13) if taken else (1, 2, 20))


def test_l5_a_routed_order_draws_in_the_book_in_which_it_rests(open_pair: OpenPair) -> None:
    pool = open_pair(Instrument("ABC", group="pool"), Instrument("XYZ", group="pool"), profile=RANGES)
    pool.buy(1, 2, 101, symbol="XYZ")
    pool.do(Route(Submit("ABC", 2, 7, Side.SELL, 20, 100, display=SOME)))
    assert pool.trades == [(1, 101, 2)]
    assert pool.asks() == [(2, 5, 18)]
    pool.do(Route(Submit("XYZ", 3, 8, Side.BUY, 19, 100, time_in_force=FOK)))
    assert pool.trades == []
    pool.do(Route(Submit("XYZ", 3, 8, Side.BUY, 18, 100, time_in_force=FOK)))
    assert [lots for _, _, lots in pool.trades] == DRAWN[1:]


# ── what is refused ──


@pytest.mark.parametrize(
    ("display", "taken"),
    [
        (DisplayRange(10, 40, draw=0, step=10), True),
        (DisplayRange(10, 10, draw=2**63 - 1, step=10), True),
        (DisplayRange(10, 90, draw=0, step=20), True),
        (DisplayRange(10, 110, draw=0, step=10), False),  # more than it has
        (DisplayRange(40, 10, draw=0, step=10), False),
        (DisplayRange(0, 10, draw=0, step=10), False),
        (DisplayRange(10, 40, draw=0), False),  # no whole lots
        (DisplayRange(15, 35, draw=0, step=10), False),
        (DisplayRange(10, 35, draw=0, step=10), False),
        (DisplayRange(10, 40, draw=0, step=20), False),
        (DisplayRange(10, 40, draw=0, step=0), False),
        (DisplayRange(10, 40, draw=0, step=-10), False),
        (DisplayRange(10, 40, draw=-1, step=10), False),
        (DisplayRange(10, 40, draw=2**63, step=10), False),
        (DisplayRange(True, 40, draw=0, step=10), False),
    ],
)
def test_d3_a_range_from_which_no_whole_slice_could_be_drawn_is_refused(
    open_pair: OpenPair, display: DisplayRange, taken: bool
) -> None:
    pair = open_pair(Instrument("ABC", lot=10), Instrument("XYZ"), profile=RANGES)
    pair.sell(1, 100, 100, display=display)
    assert pair.reason is (None if taken else RejectReason.INVALID_DISPLAY)
    pair.do(Route(Submit("ABC", 2, 7, Side.SELL, 100, 100, display=display)))
    assert pair.reason is (None if taken else RejectReason.INVALID_DISPLAY)
    legs = Submit("ABC", 3, 7, Side.SELL, 100, 100, display=display), Submit("XYZ", 3, 7, Side.SELL, 100, 100)
    pair.do(SubmitList(ListKind.OCO, legs))
    assert pair.reason is (None if taken else RejectReason.INVALID_DISPLAY)


@pytest.mark.parametrize("name", PROFILES)
def test_d3_only_a_venue_that_says_so_takes_ranges(open_pair: OpenPair, name: str) -> None:
    taken = name == "tsx"
    legs = Submit("ABC", 3, 7, Side.SELL, 20, 100, display=SOME), Submit("XYZ", 3, 7, Side.SELL, 20, 100)
    for command in (legs[0]._replace(order_id=1), Route(legs[0]._replace(order_id=2)), SubmitList(ListKind.OCO, legs)):
        pair = open_pair(profile=PROFILES[name])
        pair.do(command)
        assert pair.reason is (None if taken else RejectReason.INVALID_DISPLAY)


@pytest.mark.parametrize("terms", [{"price": None}, {"time_in_force": FOK}, {"time_in_force": TimeInForce.IOC}])
def test_d3_an_order_that_never_rests_has_no_slices(pair: FloorAndEngine, terms: dict[str, Any]) -> None:
    pair.buy(9, 1, 90)
    pair.do(Submit("ABC", 1, 7, Side.SELL, 20, 100, display=SOME)._replace(**terms))
    assert pair.reason is RejectReason.INVALID_COMBINATION


# ── the wire, and reports ──

LINE = (
    '{"do":"submit","symbol":"ABC","order_id":1,"account":7,"side":"sell","quantity":20,"price":100,'
    '"display":{"least":2,"most":5,"draw":1234567}}'
)


def test_a_range_stands_in_the_line_of_its_order_and_is_read_back() -> None:
    order = Submit("ABC", 1, 7, Side.SELL, 20, 100, display=SOME)
    assert encode(order) == LINE
    assert decode(LINE, COMMAND) == order
    wider = order._replace(display=SOME._replace(step=3))
    assert decode(encode(wider), COMMAND) == wider


@pytest.mark.parametrize(
    ("display", "told"),
    [
        ('{"least":2,"most":5}', "display.draw: expected an integer, got nothing"),
        ('{"least":2,"most":5.0,"draw":1}', "display.most: expected an integer number of lots, got 5.0"),
        ('{"least":2,"most":5,"draw":1,"size":1}', "display.size: expected one of the fields"),
        ('"3"', "display: expected an integer number of lots or an object"),
        ("true", "display: expected an integer number of lots or an object"),
    ],
)
def test_what_is_no_range_is_refused_by_its_name(display: str, told: str) -> None:
    head, _, _ = LINE.partition('{"least"')
    with pytest.raises(InputError, match=told.replace(".", r"\.")):
        decode(f"{head}{display}}}", COMMAND)


def test_o1_reports_tell_the_range_and_fix_has_no_tag_for_the_draw() -> None:
    order = Submit("ABC", 1, 7, Side.SELL, 20, 100, display=SOME)
    _, (told,) = report(reporting.opening(["ABC"], RANGES), order, [Accepted("ABC", 1, Side.SELL, 100, 20)])
    assert isinstance(told, ExecutionReport)
    assert told.display == SOME
    tags = dict(tags_of(told))
    assert [tags.get(tag) for tag in (1138, 1084, 1085, 1086, 1087)] == [None, "3", "2", "5", "1"]
    assert str(SOME.draw) not in tags.values()


def test_o1_a_drop_copy_shows_the_slices_that_were_drawn_and_not_those_of_another_draw() -> None:
    orders = [Submit("ABC", 1, 7, Side.SELL, 20, 100, display=SOME), Submit("ABC", 2, 8, Side.BUY, 2, 100)]
    state, desk = opening(listing(["ABC"]), RANGES), reporting.opening(["ABC"], RANGES)
    right, wrong = DropCopy("ABC", RANGES), DropCopy("ABC", RANGES)
    for order in orders:
        state, events = step(state, order)
        desk, reports = report(desk, order, events)
        for each in reports:
            right.read(each)
            other = each._replace(display=SOME._replace(draw=8)) if isinstance(each, ExecutionReport) else each
            wrong.read(other)
    assert right.queue() == queue(state, "ABC")
    assert wrong.queue() != queue(state, "ABC")


# ── who would notice ──

ONLY_RANGES = alone(Feature.DISPLAY_RANGES)


@pytest.mark.parametrize(
    ("place", "right", "wrong", "noticed"),
    [
        (kernel._reduced, "shown = slice_of(", "shown = 1 + slice_of(", "iceberg_bound"),
        (kernel._reduced, "slice_of(maker.display, maker.reserve)", "1", "newcomers_stand_last"),
        (kernel._reduced, "slice_of(maker.display, maker.reserve)", "maker.slice", "no_empty_slices"),
        (kernel.resting, "shown = slice_of(display, leaves)", "shown = leaves", "iceberg_bound"),
        (kernel.resting, "shown = slice_of(display, leaves)", "shown = 1", "newcomers_stand_last"),
    ],
    ids=["one more", "always one", "what the last had", "all of it", "the first is one"],
)
def test_d3_an_invariant_notices_slices_that_were_not_drawn(
    place: FunctionType, right: str, wrong: str, noticed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = inspect.getsource(place)
    assert right in source
    made: dict[str, Any] = {}
    code = f"from __future__ import annotations\n{textwrap.dedent(source).replace(right, wrong)}"
    exec(compile(code, "defect", "exec"), vars(kernel), made)
    monkeypatch.setattr(kernel, place.__name__, made[place.__name__])
    assert any(noticed in _noticed_in(soak_case(1, number, ONLY_RANGES)) for number in range(40))


def _noticed_in(case: Case) -> set[str]:
    """The invariants that the first wrong step of a case breaks."""
    state = opening(case.instruments, case.profile)
    for command in case.commands:
        after, events = step(state, command)
        if breaches := broken(state, command, events, after):
            return {breach.invariant for breach in breaches}
        state = after
    return set()


class _GenerousBook(FastBook):
    __slots__ = ()

    def _refresh(self, maker: RestingOrder, level: Level) -> None:
        display = maker.terms.display
        if isinstance(display, DisplayRange):
            maker.terms = maker.terms._replace(display=display.most)
        super()._refresh(maker, level)


class ShowsTheMost(StripedEngine):
    """An engine that draws the first slice only, and always shows the most of the range after it."""

    book_type: ClassVar[type[FastBook]] = _GenerousBook


class _ForgettingBook(FastBook):
    __slots__ = ()

    def _rest(self, terms: Submit, *rest: Any) -> None:
        if isinstance(terms.display, DisplayRange):
            terms = terms._replace(display=terms.display._replace(draw=0))
        super()._rest(terms, *rest)


class ForgetsTheDraw(StripedEngine):
    """An engine that keeps the range of an order, and draws from a seed of its own."""

    book_type: ClassVar[type[FastBook]] = _ForgettingBook


@pytest.mark.parametrize(("engine", "fewest"), [(ShowsTheMost, 2), (ForgetsTheDraw, 1)])
def test_a5_an_engine_that_draws_by_itself_is_found_and_told_with_few_commands(
    engine: type[StripedEngine], fewest: int
) -> None:
    def differs(case: Case) -> Difference | None:
        return compare(engine, case.instruments, case.profile, case.commands)

    found = next(case for number in range(50) if differs(case := soak_case(1, number, ONLY_RANGES)) is not None)
    shortest = shrink_case(found, lambda case: differs(case) is not None)
    assert len(shortest.commands) == fewest
    ranges = [command.display for command in shortest.commands if isinstance(command, Submit) and command.display]
    assert len(ranges) == 1
    difference = differs(shortest)
    assert difference is not None
    assert difference.kind is Kind.QUEUE


def test_the_shortest_case_of_what_needs_no_range_has_none() -> None:
    """A range goes when it is not the point, to one size, then to no iceberg at all."""
    found = next(case for n in range(50) if _has_range(case := soak_case(1, n, ONLY_RANGES)))
    shortest = shrink_case(found, lambda case: any(isinstance(command, Submit) for command in case.commands))
    assert shortest.commands == (Submit("ABC", 1, 1, Side.SELL, 1, 100),)


def _has_range(case: Case) -> bool:
    return any(isinstance(getattr(command, "display", None), DisplayRange) for command in case.commands)


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("engine", ["striped", "global-lock"])
def test_engines_agree_on_drawn_slices_in_every_venue(venue: str, engine: str) -> None:
    company = (Feature.SELF_TRADE, Feature.REPLACE, Feature.FOK, Feature.MIN_QUANTITY, Feature.AUCTIONS)
    features = ONLY_RANGES | frozenset(company)
    for number in range(4):
        case = soak_case(5, number, features, VENUES[venue])
        assert case.profile.takes_ranges
        assert _has_range(case)
        assert compare(factory(engine), case.instruments, case.profile, case.commands, invariants=number == 0) is None
