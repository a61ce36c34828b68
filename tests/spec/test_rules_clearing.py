"""Rules I2 to I10 against brute force, on thousands of small books: the rule book's price and the engine's.

What is claimed is published: Natarajan, Sarswat and Singh, "Verified double sided auctions for financial markets"
(ITP 2021), and Imandra's model of the IEX auction. What turned out false there is shown here by a counterexample.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, example, find, given, settings
from hypothesis import strategies as st

from bookproof.engine.auction import indicated
from bookproof.engine.ladder import MARKET_RUNG, Ladder, RestingOrder
from bookproof.spec import auction
from bookproof.spec.auction import NOTHING, Clearing, Interest, clearing
from bookproof.spec.commands import Command, SetPhase, Submit
from bookproof.spec.events import Trade, Uncrossed
from bookproof.spec.exchange import opening, run
from bookproof.spec.instruments import listing
from bookproof.spec.rulebook import listening
from bookproof.spec.values import Phase, Side, TimeInForce

Interests: TypeAlias = list[Interest]

MANY = settings(
    max_examples=1_500, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
FEWER = settings(MANY, max_examples=300)

LIMITS = st.integers(95, 105)

Book: TypeAlias = tuple[Interests, Interests, int | None]
"""Bids, asks and the reference price."""


def book_of(drawn: bytes) -> Book:
    """One byte for the reference, two for each order: one choice of Hypothesis makes a whole book, which is fast.

    >>> book_of(bytes([0, 0, 0, 1, 14]))
    ([(95, 1)], [(102, 1)], None)
    """
    sides: tuple[Interests, Interests] = [], []
    for at in range(1, len(drawn) - 1, 2):
        quantity, side = divmod(drawn[at], 2)
        limit = drawn[at + 1] // 2
        sides[side].append((None if limit % 13 > 10 else 95 + limit % 13, quantity % 6 + 1))
    reference = drawn[0] % 16 if drawn else 0
    return *sides, reference + 92 if reference else None


BOOKS = st.binary(max_size=21).map(book_of)
"""Up to ten orders; of thirteen two are market orders."""


# ── brute force ──


def demand(bids: Interests, price: int) -> int:
    """What would be bought at a price."""
    return sum(quantity for limit, quantity in bids if limit is None or limit >= price)


def supply(asks: Interests, price: int) -> int:
    """What would be sold at a price."""
    return sum(quantity for limit, quantity in asks if limit is None or limit <= price)


def ticks(bids: Interests, asks: Interests, reference: int | None) -> Iterable[int]:
    """Every price from the lowest limit to the highest; without limits the reference."""
    limits = [limit for limit, _ in bids + asks if limit is not None]
    if limits:
        return range(min(limits), max(limits) + 1)
    return [] if reference is None else [reference]


def exhausted(bids: Interests, asks: Interests, reference: int | None) -> Clearing:
    """The clearing, by looking at every price there is and comparing all of them with each other."""
    table = [(price, demand(bids, price), supply(asks, price)) for price in ticks(bids, asks, reference)]
    volume = max((min(bought, sold) for _, bought, sold in table), default=0)
    if not volume:
        return NOTHING
    table = [row for row in table if min(row[1:]) == volume]
    least = min(abs(bought - sold) for _, bought, sold in table)
    table = [row for row in table if abs(row[1] - row[2]) == least]
    long = [price for price, bought, sold in table if bought > sold]
    short = [price for price, bought, sold in table if bought < sold]
    prices = long[-1:] + short[:1] or [price for price, _, _ in table]
    price = max(prices)
    if reference is not None:
        price = max(prices, key=lambda price: (-abs(price - reference), price))
    return Clearing(price, volume, demand(bids, price) - supply(asks, price))


def ladder(side: Side, orders: Interests) -> Ladder:
    """The engine's own record of one side."""
    made = Ladder()
    for number, (limit, quantity) in enumerate(orders):
        order = RestingOrder()
        order.terms = Submit("ABC", number, 7, side, quantity, limit)
        order.order_id, order.slice, order.reserve = number, quantity, 0
        rung = MARKET_RUNG if limit is None else limit if side is Side.BUY else -limit
        made.add(order, rung, limit)
    return made


@MANY
@given(BOOKS)
@example(([(105, 5), (102, 2)], [(100, 5), (103, 2)], 100))
@example(([(None, 5)], [(None, 5)], None))
@example(([(None, 5)], [(None, 5)], 100))
def test_i2_to_i5_price_volume_and_surplus_are_those_of_an_exhaustive_search(book: Book) -> None:
    agrees(*book)


def test_i2_to_i5_hold_on_ten_thousand_seeded_books_of_which_most_trade_and_all_rules_decide_some() -> None:
    dice = random.Random("clearing")
    with listening() as decided:
        for _ in range(10_000):
            agrees(*book_of(dice.randbytes(dice.randrange(22))))
    assert decided["I2"] > 5_000
    assert min(decided["I3"], decided["I4"], decided["I5"]) > 300


def agrees(bids: Interests, asks: Interests, reference: int | None) -> None:
    """Rule book, engine and brute force say the same."""
    right = exhausted(bids, asks, reference)
    assert clearing(bids, asks, reference) == right
    found = indicated(ladder(Side.BUY, bids), ladder(Side.SELL, asks), reference, 1)
    assert (found.price, found.volume, found.surplus) == right


@FEWER
@given(BOOKS, st.sampled_from((2, 5)))
def test_i2_to_i5_on_a_coarser_grid_the_same_holds(book: Book, tick: int) -> None:
    bids, asks, reference = book

    def wider(orders: Interests) -> Interests:
        return [(None if limit is None else limit * tick, quantity) for limit, quantity in orders]

    right = exhausted(bids, asks, reference)
    wide = None if reference is None else reference * tick
    price = None if right.price is None else right.price * tick
    assert clearing(wider(bids), wider(asks), wide, tick) == right._replace(price=price)
    found = indicated(ladder(Side.BUY, wider(bids)), ladder(Side.SELL, wider(asks)), wide, tick)
    assert (found.price, found.volume, found.surplus) == (price, right.volume, right.surplus)


def test_the_brute_force_knows_a_wrong_price_when_it_sees_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """With market pressure taken the wrong way round, the exhaustive search differs."""
    wrong: Any = lambda prices, surpluses: prices[:1]  # noqa: E731
    book: tuple[Interests, Interests] = [(105, 10)], [(100, 4)]
    assert clearing(*book) == exhausted(*book, None)
    monkeypatch.setattr(auction, "_under_pressure", wrong)
    assert clearing(*book) != exhausted(*book, None)


# ── what is proved of such a price ──


@MANY
@given(BOOKS)
def test_i6_i7_whoever_is_strictly_better_fills_and_nothing_crosses_afterwards(book: Book) -> None:
    bids, asks, reference = book
    price, volume, _ = clearing(bids, asks, reference)
    if price is None:
        low = min((limit for limit, _ in asks if limit is not None), default=1000)
        high = max((limit for limit, _ in bids if limit is not None), default=0)
        assert high < low
        return
    assert demand(bids, price + 1) in (market(bids), *range(volume + 1))
    assert supply(asks, price - 1) in (market(asks), *range(volume + 1))
    left_bids = left([(limit is not None, -(limit or 0), limit, quantity) for limit, quantity in bids], volume)
    left_asks = left([(limit is not None, limit or 0, limit, quantity) for limit, quantity in asks], volume)
    assert max(left_bids, default=0) < min(left_asks, default=1000)


def market(orders: Interests) -> int:
    """What comes without a limit."""
    return sum(quantity for limit, quantity in orders if limit is None)


def left(orders: list[tuple[bool, int, int | None, int]], volume: int) -> list[int]:
    """The limits of a side that has given a volume, best first; what is left of market orders is cancelled."""
    limits = []
    for _, _, limit, quantity in sorted(orders, key=lambda order: order[:2]):
        volume -= quantity
        if volume < 0 and limit is not None:
            limits.append(limit)
    return limits


UNITS = st.lists(LIMITS, max_size=5)
"""The limits of orders of one lot."""


def largest_matching(bids: Sequence[int], asks: Sequence[int]) -> int:
    """How many pairs can trade at most, each pair at a price of its own: by trying every choice of orders."""
    for size in range(min(len(bids), len(asks)), 0, -1):
        for buyers in combinations(sorted(bids, reverse=True), size):
            for sellers in combinations(sorted(asks, reverse=True), size):
                if all(bid >= ask for bid, ask in zip(buyers, sellers, strict=True)):
                    return size
    return 0


@FEWER
@given(UNITS, UNITS)
def test_i10_a_fair_matching_loses_no_volume(bids: list[int], asks: list[int]) -> None:
    """As many pairs trade as in any matching, if only the best of either side take part."""
    size = largest_matching(bids, asks)
    best_bids, best_asks = sorted(bids, reverse=True)[:size], sorted(asks)[:size]
    assert largest_matching(best_bids, best_asks) == size


@FEWER
@given(UNITS, UNITS)
def test_i10_an_uncross_is_the_largest_matching_at_one_price(bids: list[int], asks: list[int]) -> None:
    volume = clearing([(bid, 1) for bid in bids], [(ask, 1) for ask in asks]).volume
    uniform = [
        largest_matching([bid for bid in bids if bid >= price], [ask for ask in asks if ask <= price])
        for price in range(90, 110)
    ]
    assert volume == max(uniform)
    assert volume <= largest_matching(bids, asks)


def test_i10_at_several_prices_more_may_trade_than_at_one() -> None:
    bids, asks = [105, 101], [104, 100]
    assert largest_matching(bids, asks) == 1 + 1
    assert clearing([(bid, 1) for bid in bids], [(ask, 1) for ask in asks]).volume == 1


# ── do more orders make more volume? ──


@MANY
@given(BOOKS)
def test_i10_one_more_order_never_makes_an_uncross_smaller(book: Book) -> None:
    bids, asks, reference = book
    volume = clearing(bids, asks, reference).volume
    assert volume >= clearing(bids[:-1], asks, reference).volume
    assert volume >= clearing(bids, asks[:-1], reference).volume


def collared(bids: Interests, asks: Interests, width: int) -> int:
    """What an uncross would trade if its price had to be so near to the middle of the best limits of both sides."""
    limits = [[limit for limit, _ in orders if limit is not None] for orders in (bids, asks)]
    if not all(limits):
        return 0
    middle = (max(limits[0]) + min(limits[1])) // 2
    return max(min(demand(bids, price), supply(asks, price)) for price in range(middle - width, middle + width + 1))


def test_i10_that_more_orders_make_more_volume_is_false_where_they_move_a_collar() -> None:
    """As Imandra found of IEX: the claim holds only while the additional order leaves the collar where it is."""

    def shrinks(book: tuple[Interests, Interests, Interest]) -> bool:
        bids, asks, more = book
        return collared([*bids, more], asks, 1) < collared(bids, asks, 1)

    order: st.SearchStrategy[Interest] = st.tuples(LIMITS, st.just(1))
    limited = st.lists(order, max_size=3)
    search = settings(FEWER, max_examples=20_000, derandomize=True)
    bids, asks, more = find(st.tuples(limited, limited, order), shrinks, settings=search)
    assert shrinks((bids, asks, more))
    assert clearing([*bids, more], asks).volume >= clearing(bids, asks).volume
    small: tuple[Interests, Interests, Interest] = [(100, 2)], [(100, 2)], (105, 1)
    assert shrinks(small)


CALL, CONTINUOUS = SetPhase("ABC", Phase.CALL), SetPhase("ABC", Phase.CONTINUOUS)


def day(call: Sequence[Submit], after: Sequence[Submit]) -> list[Command]:
    """A call with these orders, and what comes after it."""
    orders = [order._replace(order_id=number) for number, order in enumerate((*call, *after))]
    return [CALL, *orders[: len(call)], CONTINUOUS, *orders[len(call) :]]


def traded(commands: Iterable[Command]) -> tuple[int, int]:
    """What the uncross trades, and what the whole day does."""
    _, events = run(opening(listing(["ABC"])), commands)
    [uncross] = [event.volume for event in events if isinstance(event, Uncrossed)]
    return uncross, sum(event.quantity for event in events if isinstance(event, Trade))


def test_i10_that_more_orders_in_a_call_make_more_volume_in_a_day_is_false() -> None:
    """The uncross never trades less for one more order. What comes after it may find less there."""

    def order(side: Side, price: int, quantity: int, lives: TimeInForce) -> Submit:
        return Submit("ABC", 0, 7, side, quantity, price, lives)

    fields = (st.sampled_from(Side), st.integers(100, 101), st.integers(1, 2))
    gtc = st.builds(order, *fields, st.just(TimeInForce.GTC))
    fok = st.builds(order, *fields, st.just(TimeInForce.FOK))

    def shrinks(found: tuple[list[Submit], Submit, list[Submit]]) -> bool:
        call, more, after = found
        fewer, larger = traded(day(call, after)), traded(day([*call, more], after))
        assert larger[0] >= fewer[0]
        return larger[1] < fewer[1]

    search = st.tuples(st.lists(gtc, max_size=2), gtc, st.lists(fok, max_size=1))
    thorough = settings(FEWER, max_examples=20_000, derandomize=True)
    call, more, after = find(search, shrinks, settings=thorough)
    assert (len(call), len(after)) == (1, 1)
    rests = order(Side.SELL, 100, 2, TimeInForce.GTC)
    takes = order(Side.BUY, 100, 1, TimeInForce.GTC)
    all_or_none = order(Side.BUY, 100, 2, TimeInForce.FOK)
    assert traded(day([rests], [all_or_none])) == (0, 2)
    assert traded(day([rests, takes], [all_or_none])) == (1, 1)
    assert shrinks(([rests], takes, [all_or_none]))
    assert shrinks((call, more, after))
