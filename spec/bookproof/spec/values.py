"""The nouns every other module is written with: sides, prices, quantities, order terms.

Prices are integer *ticks*, quantities integer *lots*, clock times integer *nanoseconds*. There are no floats anywhere.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Self, TypeAlias

from msgspec import Struct
from msgspec.structs import asdict, fields, replace

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

Money: TypeAlias = int
"""An amount of cash, counted in ticks times lots: what one lot costs at a price of one tick."""


class Value(Struct, frozen=True, gc=False):
    """What commands, events, views and terms are: immutable, and equal only to values of their own type.

    A `msgspec.Struct`, because an exchange makes three values for each message, and Python has none that are made
    as fast: a third of the time of a named tuple. No value can be part of a cycle, so the garbage collector need not
    look at any. Fields are read by name, never by position.

    >>> from bookproof.spec.commands import Halt, Resume
    >>> Halt("ABC") == Halt("ABC"), Halt("ABC") == Resume("ABC")
    (True, False)
    >>> Halt("ABC")._replace(symbol="XYZ")
    Halt(symbol='XYZ')
    """

    def _replace(self, **changes: Any) -> Self:
        """The same, but for these fields. TypeError for a field that there is not."""
        return replace(self, **changes)


def defaults_of(cls: type[Value]) -> dict[str, Any]:
    """The defaults of those fields of a kind of value that have one.

    >>> from bookproof.spec.commands import Replace
    >>> defaults_of(Replace)
    {'price': None, 'stop': None}
    """
    return {field.name: field.default for field in fields(cls) if not field.required}


def parts_of(one: Value) -> dict[str, Any]:
    """The fields of a value, each under its name.

    >>> from bookproof.spec.commands import Cancel
    >>> parts_of(Cancel("ABC", 7))
    {'symbol': 'ABC', 'order_id': 7}
    """
    return asdict(one)


class DisplayRange(Value, frozen=True):
    """What an iceberg shows whose slices differ in size: each is drawn from a range (rule D3).

    Chance comes with the command (rule A5): `draw` seeds a stream of numbers, SplitMix64, which is published to the
    last bit. The slice that is shown while so many lots are open has the size that number `lots` of the stream picks,
    counted from 1: `least` + `step` * (number modulo how many sizes there are), or all that is open if that is less.
    As less is open at each slice than at the one before, no number is used twice unless a replace opens more. Modulo
    favours no size by more than one part in 2**64 for each of them.

    FIX has the terms: DisplayMethod 3 (random), DisplayLowQty, DisplayHighQty, DisplayMinIncr. It leaves the draw to
    the exchange.

    >>> DisplayRange(2, 8, draw=1234567, step=3).sizes
    range(2, 9, 3)
    """

    least: Lots
    most: Lots
    draw: int
    """From 0 to 2**63 - 1. Whoever knows it knows every slice to come: venues would keep it to themselves."""
    step: Lots = 1
    """From one size to the next, in whole lots of the instrument."""

    @property
    def sizes(self) -> range:
        """Every size that a slice may be drawn with."""
        return range(self.least, self.most + 1, self.step)


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
    TRANSFER = "transfer"
    """The same; and if the two are of different accounts and the maker asked for it as well, what would have traded
    moves from the one account to the other, and what it comes to moves back."""

    @property
    def decrements(self) -> bool:
        """Whether both orders are reduced by what would have traded.

        >>> [mode.value for mode in SelfTradePrevention if mode.decrements]
        ['decrement', 'transfer']
        """
        return self is SelfTradePrevention.DECREMENT or self is SelfTradePrevention.TRANSFER


class Phase(StrEnum):
    """What a book, or the whole market, is doing (rules J1, J2, J6, I1)."""

    CONTINUOUS = "continuous"
    """Orders trade as they come."""
    HALT = "halt"
    """Nothing enters, changes or trades; orders may be cancelled, as in every phase."""
    PRE_OPEN = "pre-open"
    """Orders are collected, and no price is indicated yet."""
    CALL = "call"
    """Orders are collected, and the price at which they would trade is indicated; it ends with the uncross."""
    CANCEL_ONLY = "cancel-only"
    """Orders leave, and none enters: on the way out of the market, or back."""
    CLOSED = "closed"
    """Nothing enters, changes or trades until the next pre-open."""

    @property
    def collects(self) -> bool:
        """Whether orders come in without matching (rule I1): then, and only then, may a book be crossed by entry.

        >>> [phase.value for phase in Phase if phase.collects]
        ['pre-open', 'call']
        """
        return self is Phase.PRE_OPEN or self is Phase.CALL


class ListKind(StrEnum):
    """How the orders of a list depend on each other (rules H1 to H3)."""

    OCO = "oco"
    """One cancels the others: at most one of them ever executes."""
    OTO = "oto"
    """One triggers the others: when the first is filled whole, the others enter their books."""
    OTOCO = "otoco"
    """One triggers the others, which from then on cancel one another."""


class Place(Value, frozen=True):
    """Where to find one order of a list: its book, and its id there."""

    symbol: Symbol
    order_id: OrderId


class OrderState(StrEnum):
    """Where a live order stands. An order that is not live has no state: its last event says how it ended."""

    PENDING = "pending"
    """A stop that has not been triggered."""
    NEW = "new"
    """Resting, nothing executed."""
    PARTIALLY_FILLED = "partially-filled"
    """Resting, something executed."""
    PENDING_NEW = "pending-new"
    """Held back by its list: accepted with it, and not in the book yet (rule H2)."""


class Limits(Value, frozen=True):
    """What an account may do at most (rule M2). None sets no limit. Limits bind new orders and replaces, not old ones.

    >>> Limits(open_orders=2).short
    0
    """

    position: Lots | None = None
    """Largest position in one book, long or short, if all open orders of a side trade."""
    short: Lots = 0
    """How far below zero a position may go: without it, only what is there can be sold. Not asked of a margin account
    (M3)."""
    open_orders: int | None = None
    """Most live orders, over all books."""
    notional: Money | None = None
    """Largest worst price times quantity of one order."""
