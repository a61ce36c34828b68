"""Who goes first is a strict total order (B2, B3, D4), and so is which stop is triggered first (E3)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bookproof.spec import kernel
from bookproof.spec.book import Pending
from bookproof.spec.commands import Submit
from bookproof.spec.exchange import opening, queue, run
from bookproof.spec.instruments import LARGEST, listing
from bookproof.spec.kernel import Resting
from bookproof.spec.priority import faults_of_order, goes_first, triggered_first
from bookproof.spec.sorted_tuple import SortedTuple
from bookproof.spec.values import Side

PRICES = st.integers(-LARGEST, LARGEST) | st.integers(99, 101)
DISPLAYS = st.sampled_from([None, 0, 1])
"""All of it shown, none of it, one lot at a time."""


def resting(side: Side, price: int, display: int | None, sequence: int) -> Resting:
    terms = Submit("ABC", sequence, 1, side, 5, price, display=display)
    return kernel.resting(terms, 1, 5, 0, 0, sequence)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(Side), st.lists(st.tuples(PRICES, DISPLAYS), min_size=3, max_size=7))
def test_b3_who_goes_first_is_irreflexive_asymmetric_transitive_and_total(
    side: Side, drawn: list[tuple[int, int | None]]
) -> None:
    orders = [resting(side, price, display, at) for at, (price, display) in enumerate(drawn, 1)]
    assert list(faults_of_order(orders, goes_first)) == []


def test_b3_it_is_so_of_every_three_orders_of_two_prices_two_ranks_and_three_sequences() -> None:
    for side in Side:
        kinds = list(product((100, 101), (None, 0), (1, 2, 3)))
        for first, second, third in product(kinds, repeat=3):
            if len({first[2], second[2], third[2]}) == 3:
                orders = [resting(side, *kind) for kind in (first, second, third)]
                assert list(faults_of_order(orders, goes_first)) == []


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(Side), st.lists(st.tuples(PRICES, DISPLAYS), min_size=1, max_size=7))
def test_b3_the_queue_of_a_book_is_sorted_by_it(side: Side, drawn: list[tuple[int, int | None]]) -> None:
    orders = [resting(side, price, display, at) for at, (price, display) in enumerate(drawn, 1)]
    side_of_book: SortedTuple[Resting] = SortedTuple()
    for order in orders:
        side_of_book = side_of_book.add(order)
    ranks = [sum(goes_first(other, order) for other in orders) for order in side_of_book]
    assert ranks == list(range(len(orders)))


def test_b2_and_d4_come_before_b3() -> None:
    orders = [resting(Side.BUY, 100, None, 1), resting(Side.BUY, 100, 0, 2), resting(Side.BUY, 101, 0, 4)]
    late = resting(Side.BUY, 100, None, 3)
    assert goes_first(orders[2], orders[0])
    assert goes_first(late, orders[1])
    assert goes_first(orders[0], late)
    state, _ = run(opening(listing(["ABC"])), [order.terms for order in (*orders, late)])
    assert [order.order_id for order in queue(state, "ABC").bids] == [4, 1, 3, 2]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(Side), st.lists(PRICES, min_size=3, max_size=7))
def test_e3_which_stop_is_triggered_first_is_a_strict_total_order_too(side: Side, prices: list[int]) -> None:
    stops = [
        Pending(-kernel.signed_key(side, price), at, at, Submit("ABC", at, 1, side, 1, stop=price))
        for at, price in enumerate(prices, 1)
    ]
    assert list(faults_of_order(stops, triggered_first)) == []


# ── rankings that are no order ──


class Quote(NamedTuple):
    """An order as a broken ranking sees it."""

    price: int
    quantity: int
    sequence: int


def larger_if_near(one: Quote, other: Quote) -> bool:
    """Within a tick the larger goes first, else the better price: what was published, in short."""
    if abs(one.price - other.price) <= 1:
        return one.quantity > other.quantity
    return one.price < other.price


DOCTORED: list[tuple[str, Callable[[Quote, Quote], bool]]] = [
    ("not transitive", larger_if_near),
    ("not irreflexive", lambda one, other: one.price <= other.price),
    ("not asymmetric", lambda one, other: one.price <= other.price or one.sequence < other.sequence),
    ("not total", lambda one, other: one.price < other.price - 1),
]


@pytest.mark.parametrize(("fault", "before"), DOCTORED, ids=[fault for fault, _ in DOCTORED])
def test_a_ranking_that_is_no_order_is_found_out(fault: str, before: Callable[[Quote, Quote], bool]) -> None:
    quotes = [Quote(100, 1, 3), Quote(101, 2, 2), Quote(102, 3, 1)]
    assert any(fault in sentence for sentence in faults_of_order(quotes, before))
