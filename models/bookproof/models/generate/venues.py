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
    """The books that a run with these features draws from: four, and those of spreads, each behind its legs.

    >>> [book.symbol for book in books(frozenset({Feature.ROUTING})) if book.group]
    ['ABC', 'DEF', 'GHI']
    >>> [book.symbol for book in books(frozenset({Feature.SPREADS}))]
    ['ABC', 'DEF', 'ABC-DEF', 'GHI', 'GHI-DEF', 'XYZ']
    """
    listed = LIMITED_BOOKS if Feature.LIMITS in features else PLAIN_BOOKS
    spreads, limits = Feature.SPREADS in features, Feature.LIMITS in features
    if Feature.ROUTING in features:  # of one tick and lot, and no legs of spreads
        group = ("GHI", "XYZ") if limits or spreads else ("ABC", "DEF", "GHI")
        listed = tuple(book._replace(group="pool") if book.symbol in group else book for book in listed)
    if spreads:
        first, second, third, last = listed
        second = second if not limits else Instrument("DEF", lot=first.lot, min_notional=300)
        listed = (first, second, _spread(first, second), third)
        if not limits and not third.group:
            listed = (*listed, _spread(third, second))
        listed = (*listed, last)
    return listed


def _spread(first: Instrument, second: Instrument) -> Instrument:
    """Eleven prices around 0, as the prices of both legs are drawn from the same eleven."""
    symbol, legs = f"{first.symbol}-{second.symbol}", (first.symbol, second.symbol)
    return Instrument(symbol, lot=first.lot, min_price=-5, max_price=5, legs=legs)


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
