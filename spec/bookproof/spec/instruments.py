"""What may be traded in a book, and within which limits (rule A1)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from bookproof.spec.values import Lots, Symbol, Ticks, value

LARGEST = 10**15
"""No price, quantity or notional may exceed this: it fits every common integer type with room for sums."""


@value
class Instrument(NamedTuple):
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
    """Least price times quantity of an order that names a price."""

    def accepts_price(self, price: object) -> bool:
        """Whether `price` is a whole number of ticks within the limits."""
        return type(price) is int and self.min_price <= price <= self.max_price and price % self.tick == 0

    def accepts_quantity(self, quantity: object) -> bool:
        """Whether `quantity` is a whole number of lots within the limits."""
        return type(quantity) is int and self.min_quantity <= quantity <= self.max_quantity and quantity % self.lot == 0


def listing(symbols: Iterable[Symbol]) -> tuple[Instrument, ...]:
    """Instruments with default limits, one for each symbol.

    >>> [instrument.symbol for instrument in listing(["ABC", "XYZ"])]
    ['ABC', 'XYZ']
    """
    return tuple(Instrument(symbol) for symbol in symbols)
