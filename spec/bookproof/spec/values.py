"""The nouns every other module is written with: sides, prices, quantities, order terms.

Prices are integer *ticks*, quantities integer *lots*, clock times integer *nanoseconds*. There are no floats anywhere.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypeAlias, TypeVar

Symbol: TypeAlias = str
"""Names one book."""

OrderId: TypeAlias = int
"""Chosen by whoever submits; unique among the live orders of one book (rule A3)."""

Account: TypeAlias = int
"""Who owns an order."""

Ticks: TypeAlias = int
"""A price, counted in the smallest price step of its book."""

Lots: TypeAlias = int
"""A quantity, counted in the smallest quantity step of its book."""

Nanoseconds: TypeAlias = int
"""A reading of the exchange's clock, which moves only by command (rule A5)."""

_T = TypeVar("_T", bound=type[tuple[Any, ...]])


def value(cls: _T) -> _T:
    """Make a `NamedTuple` equal only to values of its own type.

    Plain named tuples of different types compare equal when their fields do, which would let a wrong kind of event
    pass for the right one. Named tuples are kept because they are the cheapest immutable values Python has.

    >>> from bookproof.spec.commands import Halt, Resume
    >>> Halt("ABC") == Resume("ABC")
    False
    """

    def equal(self: Any, other: object) -> bool:
        return type(other) is cls and tuple.__eq__(self, other)

    def not_equal(self: Any, other: object) -> bool:
        return type(other) is not cls or tuple.__ne__(self, other)

    cls.__eq__ = equal  # type: ignore[method-assign]
    cls.__ne__ = not_equal  # type: ignore[method-assign]
    cls.__hash__ = tuple.__hash__  # type: ignore[method-assign]
    return cls


class Side(StrEnum):
    """Which side of the book an order is on."""

    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> Side:
        """The side this one trades with."""
        return Side.SELL if self is Side.BUY else Side.BUY


class TimeInForce(StrEnum):
    """How long an order lives (rules C1, C2, C4, C5)."""

    GTC = "gtc"
    """Good till cancelled."""
    DAY = "day"
    """Dies at the end of the day."""
    GTD = "gtd"
    """Dies when the clock reaches its expiry."""
    IOC = "ioc"
    """Immediate or cancel: what does not trade at once is cancelled."""
    FOK = "fok"
    """Fill or kill: trades whole at once, or has no effect at all."""


class SelfTradePrevention(StrEnum):
    """What an aggressor wants done when it would trade with its own account (rule G3)."""

    NONE = "none"
    """Trade all the same."""
    CANCEL_TAKER = "cancel-taker"
    """The aggressor's remainder is cancelled; earlier fills stand."""
    CANCEL_MAKER = "cancel-maker"
    """The resting order is cancelled; the aggressor goes on."""
    CANCEL_BOTH = "cancel-both"
    """Both are cancelled."""
    DECREMENT = "decrement"
    """Both are reduced by what would have traded."""


class Phase(StrEnum):
    """What a book, or the whole market, is doing (rules J1, J2, J6). Auction phases are not part of this version."""

    CONTINUOUS = "continuous"
    HALT = "halt"


class OrderState(StrEnum):
    """Where a live order stands. An order that is not live has no state: its last event says how it ended."""

    PENDING = "pending"
    """A stop that has not been triggered."""
    NEW = "new"
    """Resting, nothing executed."""
    PARTIALLY_FILLED = "partially-filled"
    """Resting, something executed."""
