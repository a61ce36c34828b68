"""The books and the venue profiles that generated sequences run in."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from bookproof.models.generate.features import Feature, Features
from bookproof.spec.allocation_terms import WHOLE, Allocation, LeadMarketMaker, Sharing
from bookproof.spec.input_error import InputError, quote
from bookproof.spec.instruments import Instrument, listing
from bookproof.spec.profile import (
    PROFILE_FILES,
    PROFILES,
    CollarAction,
    Generations,
    Icebergs,
    ListReplace,
    MarketByBudget,
    MarketOrders,
    NoLiquidity,
    OcoFill,
    OnDisconnect,
    PostOnly,
    Profile,
    ReduceOnly,
    Reopen,
    ReplaceAllows,
    ReplaceQuantity,
    Risk,
    StopReference,
    StopsLookedAt,
    TrueStop,
)
from bookproof.spec.profile_files import ProfileFile, read_profile_file
from bookproof.spec.values import Lots, Symbol, Ticks

LEVELS = 11
"""Prices drawn in one book: few, so that orders meet and levels hold several orders."""

SIZES = 10
"""Quantities drawn in one book, from one lot up."""

ACCOUNTS = 3
"""Few, so that orders meet orders of their own account."""

MARGIN_ACCOUNTS = (2, 3)
"""Those that have little cash (`funds`); the first is a cash account among them."""

USUAL_PRICE = 100
"""The lowest price drawn where the instrument allows it: unlike any quantity or id in a sequence, so easy to spot."""

PLAIN_BOOKS = listing(["ABC", "DEF", "GHI", "XYZ"])
"""Four books without limits of their own."""

LIMITED_BOOKS = (
    Instrument("ABC", lot=2, most_slices=3),
    Instrument("DEF", tick=5, lot=10, min_notional=1_500),
    Instrument("GHI", min_price=102, max_price=111, min_quantity=2, max_quantity=9),
    Instrument("XYZ", min_price=-5, max_price=5, min_notional=-20),
)
"""The same four with limits, each of which some of the drawn orders exceed."""

ALLOCATIONS: dict[str, Allocation] = {
    "pro-rata": Allocation(Sharing.PRO_RATA),
    "top-pro-rata": Allocation(Sharing.PRO_RATA, minimum=2, top_maximum=WHOLE),
    "threshold-pro-rata": Allocation(
        Sharing.PRO_RATA, threshold=3, top_maximum=4, top_minimum=2, lead_market_makers=(LeadMarketMaker(2, 40),)
    ),
    "split": Allocation(
        Sharing.PRO_RATA,
        fifo_percent=40,
        top_maximum=1,
        lead_market_makers=(LeadMarketMaker(1, 20), LeadMarketMaker(3, 30)),
    ),
    "split-and-leveled": Allocation(Sharing.PRO_RATA, minimum=2, threshold=2, fifo_percent=20, leveling=True),
    "lead-market-makers": Allocation(lead_market_makers=(LeadMarketMaker(2, 50),)),
    "time-pro-rata": Allocation(Sharing.TIME_PRO_RATA, time_exponent=2),
}
"""Each way to share a level (K2 to K7), with parameters that bite at the quantities drawn here."""

VENUES: dict[str, Profile] = PROFILES | {
    profile.name: profile
    for profile in (
        Profile("open-quantity", replace_quantity=ReplaceQuantity.OPEN),
        Profile("true-stops-trigger", true_stop=TrueStop.TRIGGER),
        Profile("no-liquidity-cancels", no_liquidity=NoLiquidity.CANCEL),
        Profile("groups", self_trade_groups=((1, 2),)),
        *(Profile(name, allocation=allocation) for name, allocation in ALLOCATIONS.items()),
        Profile("reopens-through-a-call", reopen=Reopen.CALL),
        Profile("rivals-amended", list_replace=ListReplace.AMEND),
        Profile("rivals-reduced", oco_fill=OcoFill.REDUCE),
        Profile("stops-follow-marks", stop_reference=StopReference.MARK),
        Profile("each-fill-counts", stops_looked_at=StopsLookedAt.AFTER_EACH_FILL),
        Profile("cash-accounts", risk=Risk.CASH, least_block=3),
        Profile("all-go-on-disconnect", on_disconnect=OnDisconnect.ALL),
        Profile("collars-let-rest", collar_action=CollarAction.REST),
        Profile("collars-halt", collar_action=CollarAction.HALT),
        Profile("market-to-limit", market_orders=MarketOrders.LIMIT),
        Profile("post-only-steps-back", post_only=PostOnly.REPRICE),
        Profile("breaker", breaker_levels=(7, 13, 20)),
        Profile("whole-icebergs", icebergs=Icebergs.WHOLE),
        Profile("no-budgets", market_by_budget=MarketByBudget.REFUSED),
        Profile("reductions-only", replace_allows=ReplaceAllows.REDUCTION),
        Profile("second-generation", implied_generations=Generations.SECOND),
        Profile("margin-accounts", risk=Risk.CASH, margin_accounts=MARGIN_ACCOUNTS),
        Profile("reducers-rest", risk=Risk.CASH, margin_accounts=MARGIN_ACCOUNTS, reduce_only=ReduceOnly.RESTS),
    )
}
"""Every shipped profile, and one variant for each switch that no shipped profile throws alone."""

DISTINCT: dict[str, Profile] = {}
"""Of the venues that choose alike, the first: for draws at random, in which each set of choices has the same chance."""
for _profile in VENUES.values():
    if all(_profile._replace(name="") != other._replace(name="") for other in DISTINCT.values()):
        DISTINCT[_profile.name] = _profile


def venue_named(name: str) -> ProfileFile[Profile]:
    """A venue by the name of its profile, or by the path of a file that ends in `.toml`. InputError for neither.

    >>> venue_named("lse").profile.true_stop.value
    'trigger'
    """
    if name in PROFILE_FILES:
        return PROFILE_FILES[name]
    if name in VENUES:
        return ProfileFile(VENUES[name], "A variant that only tests use", {}, {}, ())
    if name.endswith(".toml"):
        return read_profile_file(Path(name), Profile)
    expected = f"one of {', '.join(VENUES)}, or a file that ends in .toml"
    raise InputError("options", 0, "--profile", expected, quote(name))


def books(features: Features) -> tuple[Instrument, ...]:
    """The books that a run with these features draws from: four, and those of spreads, each behind its legs.

    >>> [book.symbol for book in books(frozenset({Feature.ROUTING})) if book.group]
    ['ABC', 'DEF', 'GHI']
    >>> [book.symbol for book in books(frozenset({Feature.SPREADS}))]
    ['ABC', 'DEF', 'ABC-DEF', 'GHI', 'GHI-DEF', 'XYZ']
    """
    listed = LIMITED_BOOKS if Feature.LIMITS in features else PLAIN_BOOKS
    spreads, limits = Feature.SPREADS in features, Feature.LIMITS in features
    across = spreads or Feature.ROUTING in features
    if Feature.HALTS in features and not across:  # nothing that is in a spread or a group depends on anything
        listed = tuple(book._replace(underlying=_UNDERLYINGS.get(book.symbol)) for book in listed)
    if Feature.BANDS in features and not across:  # nor has it bands
        listed = tuple(map(_banded, listed, _WIDTHS))
    if Feature.ROUTING in features:  # of one tick and lot, and no legs of spreads
        group = ("GHI", "XYZ") if limits or spreads else ("ABC", "DEF", "GHI")
        listed = tuple(book._replace(group="pool") if book.symbol in group else book for book in listed)
    if spreads:
        first, second, third, last = listed
        first = first._replace(most_slices=Instrument("ABC").most_slices)
        second = second if not limits else Instrument("DEF", lot=first.lot, min_notional=300)
        listed = (first, second, _spread(first, second), third)
        if not limits and not third.group:
            listed = (*listed, _spread(third, second))
        listed = (*listed, last)
    return listed


def closed(instruments: Iterable[Instrument]) -> tuple[Instrument, ...]:
    """Some of the books, none of which depends on one that is not among them.

    >>> [book.underlying for book in closed([Instrument("XYZ", underlying="GHI")])]
    [None]
    """
    chosen = tuple(instruments)
    symbols = {book.symbol for book in chosen}
    return tuple(book if book.underlying in symbols else book._replace(underlying=None) for book in chosen)


_UNDERLYINGS = {"DEF": "ABC", "XYZ": "DEF"}
"""A derivative, and a derivative of the derivative."""


_WIDTHS = (
    {"collar": 2},
    {"band": 4, "protection": 1},
    {"band": 4, "collar": 3},
    {"collar": 1, "protection": 2},
)
"""Of the four books with bands, in ticks. Narrow ones, as the prices drawn are only eleven ticks apart."""


def _banded(instrument: Instrument, widths: dict[str, int]) -> Instrument:
    """The book with bands; the first three are around the middle of the drawn prices, the last around no price yet."""
    reference = scale_of(instrument).prices[LEVELS // 2] if "protection" not in widths or "band" in widths else None
    return instrument._replace(reference=reference, **{name: width * instrument.tick for name, width in widths.items()})


def fitting(features: Features, profile: Profile) -> Features:
    """These features, less spreads and groups where the venue has choices that orders over several books do not know
    (L2, L5): no such venue lists them.

    >>> sorted(fitting(frozenset({Feature.SPREADS, Feature.IOC}), Profile(icebergs=Icebergs.WHOLE)))
    [<Feature.IOC: 'ioc'>]
    """
    return features - {Feature.SPREADS, Feature.ROUTING} if profile.apart else features


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
