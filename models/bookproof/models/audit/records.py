"""What an audit reads: order events and trades of any venue in one neutral form; the error for bad input.

Prices are whole ticks, quantities whole lots, times whole nanoseconds. A reader turns a venue's file into
these records, in the order in which the venue did things: an audit takes that order for the truth, and the
time stamps for remarks about it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, TypeAlias

from bookproof.spec.input_error import InputError, quote
from bookproof.spec.values import Lots, Nanoseconds, Side, Ticks


class Kind(StrEnum):
    """What an order event says."""

    CREATED = "created"
    """The order is new in the log."""
    CHANGED = "changed"
    """Its quantity, or its terms, are no longer what they were."""
    DELETED = "deleted"
    """It is gone: filled, cancelled or expired."""


class Origin(StrEnum):
    """Who says so: the venue, as it happened, or the recorder, to make its file complete."""

    LIVE = "live"
    """The venue published the event."""
    SNAPSHOT = "snapshot"
    """The recorder copied the order from a picture of the book taken before the first live event."""
    CLOSING = "closing"
    """The recorder closed its file: the order was still open. The venue said nothing."""


class OrderEvent(NamedTuple):
    """One thing that happened to one order.

    `price` is the order's limit in ticks; `None` means no limit at creation, and "not said" later. `quantity`
    is what is *left* after the event, in lots; on a deletion it is what was still open, so 0 says "filled"
    and more says "cancelled". `None` means not said: at creation the order's size is unknown (an order by
    budget), later it is as it was. `line` is where the file says it.

    >>> OrderEvent(Kind.CREATED, "7", Side.BUY, 100, 5, 1_000, line=2).origin
    <Origin.LIVE: 'live'>
    """

    kind: Kind
    order_id: str
    side: Side
    price: Ticks | None
    quantity: Lots | None
    time_ns: Nanoseconds
    line: int
    origin: Origin = Origin.LIVE
    received_ns: Nanoseconds | None = None
    """When the recorder got it, by the recorder's own clock."""


class Trade(NamedTuple):
    """One fill between a resting order, the maker, and an incoming one, the taker.

    >>> Trade(100, 5, maker_id="7", taker_id="9", time_ns=2_000, line=3).quantity
    5
    """

    price: Ticks
    quantity: Lots
    maker_id: str
    taker_id: str
    time_ns: Nanoseconds
    line: int
    received_ns: Nanoseconds | None = None


class Remark(NamedTuple):
    """Something a reader noticed that is neither order event nor trade, such as a column it does not read.

    Remarks of one `name` are counted together and shown with the explanation of the first.

    >>> Remark("column not read", 1, "the column 'venue' means nothing to an audit").name
    'column not read'
    """

    name: str
    line: int
    explanation: str


Record: TypeAlias = OrderEvent | Trade | Remark
"""One step of a log."""


def refused(path: str, line: int, field: str, expected: str, got: str, hint: str) -> InputError:
    """An error about what somebody else wrote, which is quoted.

    >>> print(refused("log.csv", 7, "price", "a decimal number", "abc", "write 100.25"))
    log.csv:7: price: expected a decimal number, got "abc"; write 100.25
    """
    return InputError(path, line, field, expected, quote(got), hint)
