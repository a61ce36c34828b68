"""The books and the venue profiles that generated sequences run in."""

from __future__ import annotations

from typing import NamedTuple

from bookproof.models.generate.features import Feature, Features
from bookproof.spec.instruments import Instrument, listing
from bookproof.spec.profile import PROFILES, NoLiquidity, Profile, ReplaceQuantity, TrueStop
from bookproof.spec.values import Lots, Symbol, Ticks

LEVELS = 11
"""Prices drawn in one book: few, so that orders meet and levels hold several orders."""

SIZES = 10
"""Quantities drawn in one book, from one lot up."""

ACCOUNTS = 3
"""Few, so that orders meet orders of their own account."""

USUAL_PRICE = 100
"""The lowest price drawn where the instrument allows it: unlike any quantity or id in a sequence, so easy to spot."""

PLAIN_BOOKS = listing(["ABC", "DEF", "GHI", "XYZ"])
"""Four books without limits of their own."""

LIMITED_BOOKS = (
    Instrument("ABC", lot=2),
    Instrument("DEF", tick=5, lot=10, min_notional=1_500),
    Instrument("GHI", min_price=102, max_price=111, min_quantity=2, max_quantity=9),
    Instrument("XYZ", min_price=-5, max_price=5, min_notional=-20),
)
"""The same four with limits, each of which some of the drawn orders exceed."""

VENUES: dict[str, Profile] = PROFILES | {
    profile.name: profile
    for profile in (
        Profile("open-quantity", replace_quantity=ReplaceQuantity.OPEN),
        Profile("true-stops-trigger", true_stop=TrueStop.TRIGGER),
        Profile("no-liquidity-cancels", no_liquidity=NoLiquidity.CANCEL),
        Profile("groups", self_trade_groups=((1, 2),)),
    )
}
"""Every shipped profile, and one variant for each switch that no shipped profile throws alone."""


def books(features: Features) -> tuple[Instrument, ...]:
    """The four books that a run with these features draws from.

    >>> [book.symbol for book in books(frozenset({Feature.ROUTING})) if book.group]
    ['ABC', 'DEF', 'GHI']
    """
    listed = LIMITED_BOOKS if Feature.LIMITS in features else PLAIN_BOOKS
    if Feature.ROUTING in features:
        group = ("GHI", "XYZ") if Feature.LIMITS in features else ("ABC", "DEF", "GHI")  # of one tick and lot
        listed = tuple(book._replace(group="pool") if book.symbol in group else book for book in listed)
    return listed


class Scale(NamedTuple):
    """The prices and quantities drawn in one book."""

    symbol: Symbol
    prices: tuple[Ticks, ...]
    quantities: tuple[Lots, ...]


def scale_of(instrument: Instrument) -> Scale:
    """Whole ticks from the usual price up, or from the lowest that the instrument allows; whole lots from one up.

    >>> scale_of(Instrument("DEF", tick=5, lot=10)).prices[:3]
    (100, 105, 110)
    """
    allowed = instrument.min_price <= USUAL_PRICE <= instrument.max_price
    lowest = USUAL_PRICE if allowed else instrument.min_price
    tick, lot = instrument.tick, instrument.lot
    first = -(-lowest // tick) * tick
    return Scale(
        instrument.symbol,
        tuple(first + tick * step for step in range(LEVELS)),
        tuple(lot * size for size in range(1, SIZES + 1)),
    )
