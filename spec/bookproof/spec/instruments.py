"""What may be traded in a book, and within which limits (rule A1)."""

from __future__ import annotations

from collections.abc import Iterable

from bookproof.spec.values import Lots, Symbol, Ticks, Value

LARGEST = 10**15
"""No price or quantity may exceed this: it fits every common integer type with room for sums."""

MOST_SLICES = 1_000
"""An iceberg may be at most so many times its displayed slice (D1): each slice is a trade, so a command that met a
trillion slices of one lot would never end. Venues ask for larger slices still, such as a fifteenth (Kraken)."""


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
        return None

    def accepts_price(self, price: object) -> bool:
        """Whether `price` is a whole number of ticks within the limits."""
        return type(price) is int and self.min_price <= price <= self.max_price and price % self.tick == 0

    def accepts_quantity(self, quantity: object) -> bool:
        """Whether `quantity` is a whole number of lots within the limits."""
        return type(quantity) is int and self.min_quantity <= quantity <= self.max_quantity and quantity % self.lot == 0


def listing_flaw(instruments: Iterable[Instrument]) -> str | None:
    """What is wrong with the instruments together; None when an exchange may be opened with them.

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
    return None


def listing(symbols: Iterable[Symbol]) -> tuple[Instrument, ...]:
    """Instruments with default limits, one for each symbol.

    >>> [instrument.symbol for instrument in listing(["ABC", "XYZ"])]
    ['ABC', 'XYZ']
    """
    return tuple(Instrument(symbol) for symbol in symbols)
