"""What may be traded in a book, and within which limits (rule A1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from bookproof.spec.values import Lots, Symbol, Ticks, Value

LARGEST = 10**15
"""No price or quantity may exceed this: it fits every common integer type with room for sums."""

MOST_SLICES = 1_000
"""No instrument allows an iceberg of more than so many times its displayed slice (D1): each slice is a trade, so a
command that met a trillion slices of one lot would never end."""


BASIS_POINTS = 10_000
"""Margin rates are counted in basis points: so many make a whole."""


class Instrument(Value, frozen=True):
    """One book's symbol and the limits every order is held to before it touches the book (rule A1).

    >>> Instrument("ABC", lot=10).accepts_quantity(15)
    False
    """

    symbol: Symbol
    tick: Ticks = 1
    """Prices are multiples of this."""
    lot: Lots = 1
    """Quantities are multiples of this."""
    min_price: Ticks = 1
    max_price: Ticks = 10**12
    min_quantity: Lots = 1
    max_quantity: Lots = 10**12
    min_notional: int = 0
    """Least price times quantity of an order that names a price; 0 sets no limit."""
    group: str = ""
    """Books of one group have interchangeable quotes: a routed order takes the best (rule L5). "" is no group."""
    legs: tuple[Symbol, ...] = ()
    """Of a spread: to buy a lot of it is to buy one of the first leg and to sell one of the second (rule L1)."""
    most_slices: int = MOST_SLICES
    """D1: an iceberg may have at most so many times its displayed slice open, so it shows that part of it at least.
    Kraken takes 15."""
    reference: Ticks | None = None
    """The price that bands are around until a command sets another, and collars until the first trade (J4, J5)."""
    band: Ticks = 0
    """How far from the reference an order may name its price; 0 sets no limit (J4)."""
    collar: Ticks = 0
    """How far from the last trade an order may trade; 0 sets no limit (J5)."""
    protection: Ticks = 0
    """How far beyond its stop price a triggered stop without a limit may trade; 0 sets no limit (E6)."""
    underlying: Symbol | None = None
    """The book that this one depends on: while that one is halted, so is this (J6)."""
    initial_margin: int = 1_000
    """What a margin account needs to open a position, in basis points of what that is worth at the mark (M3)."""
    maintenance_margin: int = 500
    """What it needs to keep it."""

    @property
    def moves(self) -> tuple[tuple[Symbol, int], ...]:
        """What a buyer of one lot comes to hold, as asset and lots; a seller gives the same (M4).

        The asset of a book has the book's name. Those of a group quote one asset, which has the group's name (L5): it
        is no matter where a lot was bought. Lots of a spread are nothing to hold but lots of its legs (L1).

        >>> Instrument("ABC").moves, Instrument("ABC", group="pool").moves
        ((('ABC', 1),), (('pool', 1),))
        >>> Instrument("A-B", legs=("A", "B")).moves
        (('A', 1), ('B', -1))
        """
        if self.legs:
            return tuple(zip(self.legs, (1, -1), strict=False))
        return ((self.group or self.symbol, 1),)

    def nearest_inside(self, price: Ticks) -> Ticks:
        """The price itself, or the nearest whole tick within the limits.

        >>> Instrument("ABC", tick=5, min_price=1, max_price=99).nearest_inside(104)
        95
        """
        lowest, highest = -(-self.min_price // self.tick) * self.tick, self.max_price // self.tick * self.tick
        return max(lowest, min(price, highest))

    def accepts_notional(self, price: Ticks, quantity: Lots) -> bool:
        """Whether price times quantity is large enough."""
        return self.min_notional == 0 or price * quantity >= self.min_notional

    def flaw(self) -> str | None:
        """What is wrong with the limits themselves; None when a book may be opened with them.

        >>> Instrument("ABC", min_quantity=0).flaw()
        'min_quantity must be from 1 to max_quantity, not 0'
        """
        if self.tick < 1:
            return f"tick must be at least 1, not {self.tick}"
        if self.lot < 1:
            return f"lot must be at least 1, not {self.lot}"
        if not -LARGEST <= self.min_price <= self.max_price <= LARGEST:
            return f"prices must be within {LARGEST} of 0, not from {self.min_price} to {self.max_price}"
        if not 1 <= self.min_quantity <= self.max_quantity:
            return f"min_quantity must be from 1 to max_quantity, not {self.min_quantity}"
        if self.max_quantity > LARGEST:
            return f"max_quantity must be at most {LARGEST}, not {self.max_quantity}"
        if self.reference is not None and not self.accepts_price(self.reference):
            return f"reference must be a price that an order may have, not {self.reference}"
        for name, width in (("band", self.band), ("collar", self.collar), ("protection", self.protection)):
            if not 0 <= width <= LARGEST or width % self.tick:
                return f"{name} must be a whole number of ticks of {self.tick}, not {width}"
        if not 1 <= self.maintenance_margin <= self.initial_margin <= LARGEST:
            return f"1 <= maintenance_margin <= initial_margin, not {self.maintenance_margin} and {self.initial_margin}"
        if not 1 <= self.most_slices <= MOST_SLICES:
            return f"most_slices must be from 1 to {MOST_SLICES}, not {self.most_slices}"
        return None

    def accepts_price(self, price: object) -> bool:
        """Whether `price` is a whole number of ticks within the limits."""
        return type(price) is int and self.min_price <= price <= self.max_price and price % self.tick == 0

    def accepts_quantity(self, quantity: object) -> bool:
        """Whether `quantity` is a whole number of lots within the limits."""
        return type(quantity) is int and self.min_quantity <= quantity <= self.max_quantity and quantity % self.lot == 0


def listing_flaw(instruments: Sequence[Instrument], apart: str = "") -> str | None:
    """What is wrong with the instruments together; None when an exchange may be opened with them.

    Books in groups and spreads have no bands, and nothing depends on them or they on anything; `apart` names a choice
    of the venue that these do not know.

    >>> listing_flaw([Instrument("ABC", group="one"), Instrument("XYZ", lot=2, group="one")])
    "'XYZ' has another tick or lot than the first book of its group 'one'; make them equal (L5)"
    """
    grids: dict[str, tuple[Ticks, Lots]] = {}
    for instrument in instruments:
        grid = instrument.tick, instrument.lot
        if instrument.group and grids.setdefault(instrument.group, grid) != grid:
            return (
                f"{instrument.symbol!r} has another tick or lot than the first book of its group "
                f"{instrument.group!r}; make them equal (L5)"
            )
    listed = {instrument.symbol: instrument for instrument in instruments}
    for group in grids:
        if group in listed and listed[group].group != group:
            return f"the group {group!r} has the name of a book that is not in it; give it another (L5)"
    above = {instrument.underlying for instrument in instruments}
    for symbol in (*(one.symbol for one in instruments if one.group), *families_of(instruments)):
        book = listed.get(symbol)
        if book is None:  # a leg that is not listed, of which more is said below
            continue
        if book.band or book.collar or book.protection or book.underlying or symbol in above:
            return f"{symbol!r} has bands or an underlying, or is one; leave it out of groups and spreads (L2, L5)"
        if apart:
            return f"{symbol!r} is in a group or a spread, which {apart!r} of the profile is not made for (L2, L5)"
    for spread in instruments:
        if spread.legs and (flaw := _flaw_of_spread(spread, listed)) is not None:
            return f"{spread.symbol!r} {flaw} (L1)"
    return None


def _flaw_of_spread(spread: Instrument, listed: Mapping[Symbol, Instrument]) -> str | None:
    if len(spread.legs) != 2 or len(set(spread.legs)) != 2:
        return f"is a spread of {', '.join(spread.legs)}; name two different legs"
    for leg in spread.legs:
        if leg not in listed:
            return f"is a spread of {leg!r}, which is not listed; list it too"
        if listed[leg].legs:
            return f"is a spread of {leg!r}, which is a spread itself; name outrights"
        if (listed[leg].tick, listed[leg].lot) != (spread.tick, spread.lot):
            return f"has another tick or lot than its leg {leg!r}; make them equal"
        if listed[leg].group or spread.group:
            return f"and its leg {leg!r} must be in no group of interchangeable quotes"
    return None


class Part(Value, frozen=True):
    """One of the two books that together stand for a third: its price counts with this weight, 1 or -1."""

    symbol: Symbol
    weight: int


class Way(Value, frozen=True):
    """How a trade in one book may come about in two others (rule L2)."""

    spread: Symbol
    parts: tuple[Part, ...]
    """In listing order."""


def ways_of(instruments: Sequence[Instrument]) -> dict[Symbol, tuple[Way, ...]]:
    """For each book that is part of a spread, the ways in which others imply quotes in it: by spread, as listed.

    The price of a spread is that of its first leg less that of its second, so any of the three follows from the others.

    >>> ways = ways_of([*listing(["A", "B"]), Instrument("A-B", legs=("A", "B"))])
    >>> for symbol, (way,) in ways.items():
    ...     print(symbol, "=", *(f"{part.weight:+} {part.symbol}" for part in way.parts))
    A = +1 B +1 A-B
    B = +1 A -1 A-B
    A-B = +1 A -1 B
    """
    ways: dict[Symbol, tuple[Way, ...]] = {}
    place = {instrument.symbol: at for at, instrument in enumerate(instruments)}
    for spread in instruments:
        if spread.legs:
            first, second = spread.legs
            for symbol, others in (
                (spread.symbol, {first: 1, second: -1}),
                (first, {spread.symbol: 1, second: 1}),
                (second, {first: 1, spread.symbol: -1}),
            ):
                parts = sorted(others.items(), key=lambda other: place[other[0]])
                way = Way(spread.symbol, tuple(Part(*part) for part in parts))
                ways[symbol] = (*ways.get(symbol, ()), way)
    return {symbol: ways[symbol] for symbol in place if symbol in ways}


def furthest_prices(instruments: Sequence[Instrument]) -> dict[Symbol, tuple[Ticks, Ticks]]:
    """The lowest and the highest price at which an order without a limit may trade in each book.

    They are those of the book, or what the limits of others imply: a maker there is within its own (L2, A1). Three
    others count as well as two, whether or not the venue knows the second generation (L3).

    >>> spread = Instrument("A-B", min_price=-3, max_price=3, legs=("A", "B"))
    >>> furthest_prices([Instrument("A", max_price=9), Instrument("B", min_price=5, max_price=8), spread])
    {'A': (1, 11), 'B': (-2, 12), 'A-B': (-7, 4)}
    """
    listed = {instrument.symbol: instrument for instrument in instruments}
    ways = ways_of(instruments)
    furthest: dict[Symbol, tuple[Ticks, Ticks]] = {}
    for symbol, instrument in listed.items():
        ranges = [(instrument.min_price, instrument.max_price)]
        for way in ways.get(symbol, ()):
            for parts in (way.parts, *_chained(symbol, way, ways)):
                of_parts = [(part.weight, listed[part.symbol]) for part in parts]
                ends = [sorted((weight * one.min_price, weight * one.max_price)) for weight, one in of_parts]
                ranges.append((sum(low for low, _ in ends), sum(high for _, high in ends)))
        furthest[symbol] = min(low for low, _ in ranges), max(high for _, high in ranges)
    return furthest


def _chained(symbol: Symbol, way: Way, ways: Mapping[Symbol, tuple[Way, ...]]) -> Iterator[tuple[Part, ...]]:
    """The same way with one of its books implied by two that it does not touch yet (second generation)."""
    used = {symbol, *(part.symbol for part in way.parts)}
    for replaced in way.parts:
        rest = [part for part in way.parts if part is not replaced]
        for instead in ways[replaced.symbol]:
            if used.isdisjoint(part.symbol for part in instead.parts):
                yield (*rest, *(Part(part.symbol, part.weight * replaced.weight) for part in instead.parts))


def families_of(instruments: Sequence[Instrument]) -> dict[Symbol, tuple[Symbol, ...]]:
    """For each book that is part of a spread, every book that an order in it may touch, in listing order (rule L2).

    Spreads that share a leg are of one family: a stop that is triggered in one book may trade on in the next.

    >>> spreads = [Instrument("A-B", legs=("A", "B")), Instrument("C-B", legs=("C", "B"))]
    >>> families_of([*listing(["A", "B", "C", "D"]), *spreads])["A"]
    ('A', 'B', 'C', 'A-B', 'C-B')
    """
    of: dict[Symbol, set[Symbol]] = {}
    for spread in instruments:
        if spread.legs:
            joined = {spread.symbol, *spread.legs}
            joined |= {member for leg in spread.legs for member in of.get(leg, ())}
            of |= dict.fromkeys(joined, joined)
    order = [instrument.symbol for instrument in instruments]
    return {symbol: tuple(other for other in order if other in of[symbol]) for symbol in order if symbol in of}


def underlying_flaw(instruments: Iterable[Instrument]) -> str | None:
    """What is wrong with who depends on whom; None when it can be.

    >>> underlying_flaw([Instrument("ABC"), Instrument("XYZ", underlying="ABC")])
    >>> underlying_flaw([Instrument("ABC", underlying="XYZ"), Instrument("XYZ", underlying="ABC")])
    "'ABC' depends on itself, by way of its underlying"
    """
    depends_on = {instrument.symbol: instrument.underlying for instrument in instruments}
    for symbol in depends_on:
        seen, at = set[Symbol](), depends_on[symbol]
        while at is not None and at not in seen:
            if at not in depends_on:
                return f"{symbol!r} depends on {at!r}, which is not listed"
            if at == symbol:
                return f"{symbol!r} depends on itself, by way of its underlying"
            seen.add(at)
            at = depends_on[at]
    return None


def listing(symbols: Iterable[Symbol]) -> tuple[Instrument, ...]:
    """Instruments with default limits, one for each symbol.

    >>> [instrument.symbol for instrument in listing(["ABC", "XYZ"])]
    ['ABC', 'XYZ']
    """
    return tuple(Instrument(symbol) for symbol in symbols)
