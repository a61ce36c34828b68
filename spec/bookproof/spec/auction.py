"""The uncross of a call: which price, how much, and who trades with whom (rules I2 to I8). Pure, and about integers.

`clearing` finds the price and `fills` the trades; `phases` lets them happen to a book. Both count an iceberg with all
that is open (I8), and neither asks who owns an order: self-trade prevention is not applied in auctions (CME: not in
pre-open).

Which prices are looked at: every tick from the lowest to the highest limit in the book. Beyond these nobody has named
a price. If there are market orders only, it is the reference price, and without one there is no price at all.

Rules I2 to I5 are those of the London Stock Exchange: largest volume, smallest surplus, market pressure, reference
price. That there is no better outcome at one price is a theorem (Natarajan, Sarswat and Singh, ITP 2021).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple, TypeAlias

from bookproof.spec.kernel import Resting
from bookproof.spec.rulebook import fired
from bookproof.spec.values import Lots, Ticks

Interest: TypeAlias = tuple[Ticks | None, Lots]
"""What an order brings to the auction: its limit, None for a market order, and all that is open of it."""


class Clearing(NamedTuple):
    """The outcome of an auction."""

    price: Ticks | None
    """None when nothing trades."""
    volume: Lots
    surplus: Lots
    """Bought less sold, of all that could trade at the price: above 0 when buyers are left over."""


NOTHING = Clearing(None, 0, 0)
"""The outcome when nobody can trade."""


class Curve:
    """How much one side of a book wants to trade, by price.

    >>> bids = Curve([(101, 5), (99, 3), (None, 2)])
    >>> bids.at_or_above(100), bids.at_or_below(99)
    (7, 5)
    """

    def __init__(self, orders: Iterable[Interest]) -> None:
        orders = list(orders)
        limits = sorted((price, quantity) for price, quantity in orders if price is not None)
        self.prices = [price for price, _ in limits]
        """The limits, the lowest first."""
        self._market = sum(quantity for price, quantity in orders if price is None)
        self._so_far = list(accumulate((quantity for _, quantity in limits), initial=0))

    def at_or_above(self, price: Ticks) -> Lots:
        """Market orders, and those with this limit or a higher one: demand at this price, of a curve of bids."""
        return self._market + self._so_far[-1] - self._so_far[bisect_left(self.prices, price)]

    def at_or_below(self, price: Ticks) -> Lots:
        """Market orders, and those with this limit or a lower one: supply at this price, of a curve of asks."""
        return self._market + self._so_far[bisect_right(self.prices, price)]


def clearing(
    bids: Iterable[Interest], asks: Iterable[Interest], reference: Ticks | None = None, tick: Ticks = 1
) -> Clearing:
    """The one price of an auction, what trades at it and what is left over (I2 to I5). O(n log n) for n orders.

    >>> clearing([(102, 10)], [(100, 10)], reference=101)  # 100, 101 and 102 would all do
    Clearing(price=101, volume=10, surplus=0)
    >>> clearing([(102, 10)], [(100, 4)])  # buyers are left over, and drive the price up
    Clearing(price=102, volume=4, surplus=6)
    """
    demand, supply = Curve(bids), Curve(asks)
    prices = _candidates((*demand.prices, *supply.prices), reference, tick)
    wanted = {price: (demand.at_or_above(price), supply.at_or_below(price)) for price in prices}
    volumes = {price: min(both) for price, both in wanted.items()}
    surpluses = {price: bought - sold for price, (bought, sold) in wanted.items()}
    volume = max(volumes.values(), default=0)
    if volume == 0:
        return NOTHING
    fired("I2")
    largest = [price for price in prices if volumes[price] == volume]
    least = min(abs(surpluses[price]) for price in largest)
    smallest = [price for price in largest if abs(surpluses[price]) == least]
    if len(smallest) < len(largest):
        fired("I3")
    pressed = _under_pressure(smallest, surpluses)
    if len(pressed) < len(smallest):
        fired("I4")
    if len(pressed) > 1:
        fired("I5")
    price = pressed[-1] if reference is None else min(pressed, key=lambda price: (abs(price - reference), -price))
    return Clearing(price, volume, surpluses[price])


def _candidates(limits: Sequence[Ticks], reference: Ticks | None, tick: Ticks) -> list[Ticks]:
    """Enough of the prices from the lowest limit to the highest, in order.

    Between two limits nothing changes. So of the ticks there only the outermost can come out of I2 to I4, and the
    reference out of I5.
    """
    if not limits:
        return [] if reference is None else [reference]
    near = {limit + step for limit in limits for step in (-tick, 0, tick)} | (
        {reference} if reference is not None else set()
    )
    lowest, highest = min(limits), max(limits)
    return sorted(price for price in near if lowest <= price <= highest)


def _under_pressure(prices: list[Ticks], surpluses: dict[Ticks, Lots]) -> list[Ticks]:
    """The highest of the prices at which buyers are left over, the lowest of those at which sellers are (I4).

    If both occur, both stay and I5 decides. At any other of these prices somebody with a strictly better limit would
    go without, which I6 rules out. Surplus falls as the price rises, so these two are neighbours in the list.
    """
    long = [price for price in prices if surpluses[price] > 0]
    even = [price for price in prices if surpluses[price] == 0]
    short = [price for price in prices if surpluses[price] < 0]
    return long[-1:] + even + short[:1]


def interests(orders: Iterable[Resting]) -> Iterator[Interest]:
    """What orders bring to an auction: icebergs all they have (I8)."""
    return ((order.terms.price, order.leaves) for order in orders)


class Fill(NamedTuple):
    """One trade of an uncross."""

    buy: Resting
    sell: Resting
    quantity: Lots


def fills(bids: Iterable[Resting], asks: Iterable[Resting], volume: Lots) -> list[Fill]:
    """Who trades with whom: each side in its own order, market orders first, then by price, then by time (I6)."""
    made: list[Fill] = []
    buys, sells = _taken(bids, volume), _taken(asks, volume)
    buy, bought = next(buys, (None, 0))
    sell, sold = next(sells, (None, 0))
    while buy is not None and sell is not None:
        fired("I6")
        quantity = min(bought, sold)
        made.append(Fill(buy, sell, quantity))
        bought, sold = bought - quantity, sold - quantity
        if not bought:
            buy, bought = next(buys, (None, 0))
        if not sold:
            sell, sold = next(sells, (None, 0))
    return made


def _taken(orders: Iterable[Resting], volume: Lots) -> Iterator[tuple[Resting, Lots]]:
    """The first orders of a queue, and how much each of them trades of a volume."""
    for order in orders:
        if volume == 0:
            return
        if order.reserve:
            fired("I8")
        quantity = min(volume, order.leaves)
        yield order, quantity
        volume -= quantity
