"""What follows from a listing and a profile alone. It never changes, so all exchanges that open with them share it.

Checkers open the same small exchange thousands of times a second; what is worked out here would be half of that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from bookproof.spec.instruments import (
    Instrument,
    Way,
    families_of,
    furthest_prices,
    listing_flaw,
    underlying_flaw,
    ways_of,
)
from bookproof.spec.profile import Profile
from bookproof.spec.values import Lots, Symbol, Ticks


class Plan(NamedTuple):
    """Which books there are, and which of them have to do with which others. For reading only."""

    lots: Mapping[Symbol, Lots]
    """The lot of each book."""
    group_of: Mapping[Symbol, tuple[Symbol, ...]]
    """The books that an order routed from each book may touch, in listing order (L5)."""
    named_groups: Mapping[Symbol, str]
    """The group of each book that is in one."""
    families: Sequence[tuple[Symbol, ...]]
    """Books that spreads tie together (L2)."""
    ways: Mapping[Symbol, tuple[Way, ...]]
    """How a trade in one book may come about in others (L2)."""
    spreads: Sequence[Symbol]
    dependents: Mapping[Symbol, tuple[Symbol, ...]]
    """The books that depend on each book that others depend on, at once or by way of others (J6)."""
    sharing: Mapping[Symbol, tuple[Symbol, ...]]
    """The books in which an account's lots change with those of each book: of its group, or of its family (M4)."""
    furthest: Mapping[Symbol, tuple[Ticks, Ticks]]
    """The worst prices for a market order of each book (M1)."""


def plan_of(listed: tuple[Instrument, ...], profile: Profile) -> Plan:
    """The plan of an exchange. ValueError if it cannot open like that.

    >>> plan_of((Instrument("ABC"), Instrument("XYZ", underlying="ABC")), Profile()).dependents
    {'ABC': ('XYZ',)}
    """
    flaw = profile.flaw()
    if flaw is not None:
        raise ValueError(flaw)
    symbols: set[Symbol] = set()
    for instrument in listed:  # asked every time: a price of 1.0 is none, though it equals one that is
        if instrument.symbol in symbols:
            raise ValueError(f"symbol {instrument.symbol!r} is listed twice; list each book once")
        symbols.add(instrument.symbol)
        flaw = instrument.flaw()
        if flaw is not None:
            raise ValueError(f"symbol {instrument.symbol!r}: {flaw}")
    return _drawn_up(listed, profile)


@lru_cache(maxsize=64)
def _drawn_up(listed: tuple[Instrument, ...], profile: Profile) -> Plan:
    """The plan for instruments that are right one by one."""
    flaw = profile.allocation.flaw()
    if flaw is not None:
        raise ValueError(f"allocation: {flaw}")
    flaw = listing_flaw(listed, profile.apart) or underlying_flaw(listed)
    if flaw is not None:
        raise ValueError(flaw)
    groups: dict[str, tuple[Symbol, ...]] = {}
    for one in listed:
        if one.group:
            groups[one.group] = (*groups.get(one.group, ()), one.symbol)
    above = {one.symbol: one.underlying for one in listed}
    dependents: dict[Symbol, tuple[Symbol, ...]] = {}
    for symbol, at in above.items():
        while at is not None:
            dependents[at] = (*dependents.get(at, ()), symbol)
            at = above[at]
    group_of = {one.symbol: groups[one.group] if one.group else (one.symbol,) for one in listed}
    families = families_of(listed)
    return Plan(
        {one.symbol: one.lot for one in listed},
        group_of,
        {one.symbol: one.group for one in listed if one.group},
        tuple(dict.fromkeys(families.values())),
        ways_of(listed),
        tuple(one.symbol for one in listed if one.legs),
        dependents,
        group_of | families,
        furthest_prices(listed),
    )
