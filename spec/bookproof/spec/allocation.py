"""Who gets how many lots when an aggressor cannot fill a whole level: the algorithms of rule K, and nothing else.

Everything here is integers. A level is a sequence of offers in queue order; what comes out is a number of lots for each
of them, in the same order. The steps stand one below the other in the order in which they are taken; each sees what
those before it have left, and says what it gives.

Two things hold for every algorithm (K9): together the orders get min(volume, all that is offered), and none gets less
than nothing or more than it offers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from operator import add, sub
from typing import NamedTuple, TypeAlias

from bookproof.spec.allocation_terms import Allocation, Sharing
from bookproof.spec.rulebook import fired
from bookproof.spec.values import Account, Lots

Shares: TypeAlias = tuple[Lots, ...]
"""Lots for each order of a level, in queue order."""


class Offer(NamedTuple):
    """One order of a level, as the algorithms see it."""

    quantity: Lots
    """What it displays, or offers hidden where nothing is displayed any more; in whole lots of the instrument."""
    account: Account = 0
    top: bool = False
    """Whether it is the order that bettered the market (K3)."""


def allocate(allocation: Allocation, volume: Lots, offers: Sequence[Offer]) -> Shares:
    """Share `volume` among the offers of one price.

    CME's notice of January 2005 on the Eurodollar algorithm: an order to sell 60 meets a TOP order of 10, then orders
    of 5, 20, 50 and 75. After TOP 50 are left for 150: 1.67, 6.67, 16.67 and 25. The single lot and the fractions make
    3, which go to the first in the queue.

    >>> eurodollar = Allocation(Sharing.PRO_RATA, minimum=2, top_maximum=10**15)
    >>> allocate(eurodollar, 60, [Offer(10, top=True), Offer(5), Offer(20), Offer(50), Offer(75)])
    (10, 3, 6, 16, 25)

    When everything fills there is nothing to share out, and no step is taken (K8):

    >>> allocate(eurodollar, 999, [Offer(10, top=True), Offer(5)])
    (10, 5)
    """
    whole = tuple(offer.quantity for offer in offers)
    if volume >= sum(whole):
        fired("K8")
        return whole
    left = whole
    for step in _STEPS:
        shares = step(allocation, volume, offers, left)
        volume -= sum(shares)
        left = tuple(map(sub, left, shares))
    return tuple(map(sub, whole, left))


# ── the steps: what each of them gives of `volume` to orders that have so much `left` ──


def _to_top(allocation: Allocation, volume: Lots, offers: Sequence[Offer], left: Shares) -> Shares:
    """The order that bettered the market comes first, up to a maximum (K3)."""
    entitled = tuple(quantity if offer.top else 0 for offer, quantity in zip(offers, left, strict=True))
    if any(entitled):
        fired("K3")
    return fifo(min(volume, allocation.top_maximum), entitled)


def _to_market_makers(allocation: Allocation, volume: Lots, offers: Sequence[Offer], left: Shares) -> Shares:
    """Each lead market maker gets its percentage, over its orders in queue order; a TOP order has had its turn (K5)."""
    given: Shares = (0,) * len(left)
    for account, percent in ((maker.account, maker.percent) for maker in allocation.lead_market_makers):
        entitled = tuple(
            quantity if offer.account == account and not offer.top else 0
            for offer, quantity in zip(offers, left, strict=True)
        )
        if any(entitled):
            fired("K5")
        given = tuple(map(add, given, fifo(volume * percent // 100, entitled)))
    return given


def _split(allocation: Allocation, volume: Lots, offers: Sequence[Offer], left: Shares) -> Shares:
    """A percentage goes first come, first served, before anything is shared in proportion (K4)."""
    if allocation.fifo_percent and volume:
        fired("K4")
    return fifo(volume * allocation.fifo_percent // 100, left)


def _in_proportion(allocation: Allocation, volume: Lots, offers: Sequence[Offer], left: Shares) -> Shares:
    """Shares in proportion, rounded down, for orders that are large enough (K6) and none below the minimum (K2).

    With leveling, one lot for each order that was large enough and got nothing (K4).
    """
    if allocation.sharing is Sharing.FIFO or not any(left):
        return (0,) * len(left)
    if allocation.sharing is Sharing.TIME_PRO_RATA:
        fired("K7")
        shares = time_pro_rata(volume, left, allocation.time_exponent)
    else:
        fired("K2")
        shares = pro_rata(volume, left)
    if allocation.threshold > 1:
        fired("K6")
    large = [offer.quantity >= allocation.threshold for offer in offers]
    shares = tuple(
        share if enough and share >= allocation.minimum else 0 for share, enough in zip(shares, large, strict=True)
    )
    if not allocation.leveling:
        return shares
    fired("K4")
    empty_handed = tuple(
        1 if quantity and enough and not share else 0
        for quantity, enough, share in zip(left, large, shares, strict=True)
    )
    return tuple(map(add, shares, leveling(volume - sum(shares), empty_handed)))


def _first_come_first_served(allocation: Allocation, volume: Lots, offers: Sequence[Offer], left: Shares) -> Shares:
    """What nobody has got yet goes to the first in the queue (K1, K2)."""
    return fifo(volume, left)


_Step: TypeAlias = Callable[[Allocation, Lots, Sequence[Offer], Shares], Shares]
_STEPS: tuple[_Step, ...] = (_to_top, _to_market_makers, _split, _in_proportion, _first_come_first_served)
"""CME's order of steps, and the last one always takes the rest: so all of the volume is given (K9)."""


# ── the arithmetic ──


def fifo(volume: Lots, left: Shares) -> Shares:
    """First come, first served: each order gets what those before it have left to be asked for (K1).

    >>> fifo(7, (5, 5, 5))
    (5, 2, 0)
    """
    ahead = accumulate(left, initial=0)
    return tuple(max(0, min(quantity, volume - before)) for quantity, before in zip(left, ahead, strict=False))


def leveling(volume: Lots, empty_handed: Shares) -> Shares:
    """One lot each for those who got nothing, the earlier first, while there are lots left (K4).

    CME's notice of May 2008 on algorithm K gives "a quantity of one contract to orders that have an allocation value of
    less than one", between the shares in proportion and what goes by time. It has no example of too few contracts for
    all of them; here they go by time as well.

    >>> leveling(2, (0, 1, 1, 0, 1))
    (0, 1, 1, 0, 0)
    """
    return fifo(volume, empty_handed)


def pro_rata(volume: Lots, left: Shares) -> Shares:
    """Each order's part of all that is there, rounded down (K2). At least one order must have something left.

    CME Client Systems Wiki, "CME Globex Matching Algorithm Steps", pro-rata example: 50 lots meet 403. With a minimum
    of 2 the single lot of the second order does not count either, which leaves 0, 0, 7, 0, 3 and 37.

    >>> pro_rata(50, (5, 9, 57, 4, 28, 300))
    (0, 1, 7, 0, 3, 37)
    """
    total = sum(left)
    return tuple(quantity * volume // total for quantity in left)


def time_pro_rata(volume: Lots, left: Shares, exponent: int) -> Shares:
    """Each order's part by a weight that falls with its place in the queue, rounded down (K7).

    With A the quantity of an order and of all behind it, and B that of those behind it alone, its weight is A**t - B**t
    with exponent t; the weights add up to the t-th power of the whole level. So t = 1 is pro-rata, and the larger t,
    the more the first get; an early order's weight can ask for more than it has, so that it is cut to that.

    This is how the gradual time-based pro-rata of Liffe, now ICE Futures Europe, is commonly understood; of published
    facts it keeps that the exponent is a parameter, 4 for short sterling until December 2018 and 2 since, and that 1
    would be plain pro-rata (stirfutures.co.uk, "LIFFE's STIR matching algorithm"). Eurex's formula we do not know. What
    is said of it is kept as well: all orders of the price take part, and of equal ones the earlier gets no less.

    >>> time_pro_rata(100, (50, 50, 50, 50), exponent=1)
    (25, 25, 25, 25)
    >>> time_pro_rata(100, (50, 50, 50, 50), exponent=2)
    (43, 31, 18, 6)
    """
    behind = [quantity**exponent for quantity in accumulate(reversed(left), initial=0)][::-1]
    whole = behind[0]
    return tuple(
        min(quantity, (here - after) * volume // whole)
        for quantity, here, after in zip(left, behind[:-1], behind[1:], strict=True)
    )
