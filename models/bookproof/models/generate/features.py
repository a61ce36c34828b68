"""What a generated sequence may contain, as switches that are thrown one at a time or all together.

Swarm testing (Groce, Zhang, Eide, Chen, Regehr, ISSTA 2012): a sequence with one feature goes deeper into it than a
sequence with all of them, and a counterexample with one feature is easier to read. What needs two features at once
is found by the runs that have them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from random import Random
from types import MappingProxyType
from typing import TypeAlias


class Feature(StrEnum):
    """One switch. Limit orders and cancels, half of them of orders that are gone, are in every sequence."""

    LIMIT = "limit"
    """Limit orders and cancels, and nothing else (rules B, C1, A3)."""
    MARKET = "market"
    """Orders without a price, and those over an amount of money (C3)."""
    IOC = "ioc"
    """Immediate or cancel (C4)."""
    FOK = "fok"
    """Fill or kill (C5)."""
    POST_ONLY = "post-only"
    """Orders that must not take (C6)."""
    MIN_QUANTITY = "min-quantity"
    """Orders that trade at least so much on entry, or not at all (C7)."""
    ICEBERG = "iceberg"
    """Orders that show a slice at a time (D1 to D6)."""
    HIDDEN = "hidden"
    """Orders that show nothing (D4)."""
    STOPS = "stops"
    """Stop and stop-limit orders, and what they set off (E)."""
    REPLACE = "replace"
    """New terms for orders, live or gone (F)."""
    SELF_TRADE = "self-trade"
    """The four modes of self-trade prevention (G)."""
    BASKETS = "baskets"
    """Orders in several books that trade all or none (L4)."""
    MASS_CANCEL = "mass-cancel"
    """Every order of an account at once (J7)."""
    HALTS = "halts"
    """Halt and resume, of one book or of the market, and books that depend on others (J1, J2, J6)."""
    CLOCK = "clock"
    """Day and good-till-date orders, the clock and the end of the day (A5, C2)."""
    SNAPSHOT = "snapshot"
    """All books in one answer."""
    LIMITS = "limits"
    """Instruments with ticks, lots, bounds, a least notional, and prices below zero (A1)."""
    REUSED_IDS = "reused-ids"
    """New orders under an id that was used before, in this book or another, live or gone (A3)."""
    KILL_SWITCH = "kill-switch"
    """Accounts blocked and reinstated, connections lost, and orders that go with their connection (J7)."""
    BANDS = "bands"
    """Instruments with bands, collars and protection ranges, and new references for them (J4, J5, E6)."""
    BREAKER = "breaker"
    """An index that rises and falls, and resumptions after the halts that come of it (J6)."""
    BAD_INPUT = "bad-input"
    """Unknown symbols; zero, negative, huge and non-integer numbers; terms that contradict each other (A1, A4)."""
    AUCTIONS = "auctions"
    """Every phase of a book, calls and their uncrosses (J1, J3, I)."""
    LISTS = "lists"
    """Orders that cancel or release one another, in one book and across books (H)."""
    ACCOUNTS = "accounts"
    """Deposits, withdrawals, limits, reduce-only orders, busts and block trades (M, C9, N, L6)."""
    MARGIN = "margin"
    """Margin accounts beside others, marks that move, and liquidations (M3)."""
    ROUTING = "routing"
    """Groups of books with interchangeable quotes, and orders that take the best of them (L5)."""
    SPREADS = "spreads"
    """Books of spreads, and what they and their legs imply in each other (L1, L2, L3)."""
    DISPLAY_RANGES = "display-ranges"
    """Icebergs whose slices are drawn from a range (D3)."""


Features: TypeAlias = frozenset[Feature]
"""The switches that are on."""

PLAIN: Features = frozenset({Feature.LIMIT})
EVERYTHING: Features = frozenset(Feature)

ALL_TOGETHER = "all together"
"""What the run of everything at once is called."""


def alone(feature: Feature) -> Features:
    """One feature on top of plain limit orders and cancels.

    >>> sorted(alone(Feature.ICEBERG))
    [<Feature.ICEBERG: 'iceberg'>, <Feature.LIMIT: 'limit'>]
    """
    return PLAIN | {feature}


INTERPLAY: Features = frozenset(
    {
        Feature.FOK,
        Feature.MIN_QUANTITY,
        Feature.ICEBERG,
        Feature.HIDDEN,
        Feature.STOPS,
        Feature.REPLACE,
        Feature.SELF_TRADE,
        Feature.BASKETS,
        Feature.AUCTIONS,
        Feature.LISTS,
        Feature.DISPLAY_RANGES,
    }
)
"""Features that meet inside one match, where most engines that get each of them right get two together wrong."""


def a_few(dice: Random) -> Features:
    """Two to four features at once: half of the time any of them, else only such as meet inside one match.

    >>> Feature.LIMIT in a_few(Random(1)), len(a_few(Random(1))) - 1 in (2, 3, 4)
    (True, True)
    """
    among = INTERPLAY if dice.random() < 0.5 else EVERYTHING - PLAIN
    return PLAIN | frozenset(dice.sample([feature for feature in Feature if feature in among], dice.randint(2, 4)))


SWARM: Mapping[str, Features] = MappingProxyType(
    {feature.value: alone(feature) for feature in Feature} | {ALL_TOGETHER: EVERYTHING}
)
"""Every run of a swarm by name: one feature at a time, then all together."""
