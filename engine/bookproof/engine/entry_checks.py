"""What is wrong with a command by itself. Needs no lock: it looks at the command and the listing, which never change.

Written apart from the rule book's own validation, so that each can show a mistake of the other.
"""

from __future__ import annotations

from bookproof.engine.slices import fewest
from bookproof.spec.commands import Replace, Spend, Submit
from bookproof.spec.instruments import LARGEST, Instrument
from bookproof.spec.reasons import RejectReason
from bookproof.spec.values import DisplayRange, Lots, Side, Ticks, TimeInForce

TOP_ID = 2**63
NOTHING = Submit("", 0, 0, Side.BUY, 0).min_quantity
"""The default; compared by identity, so that False does not pass for it."""
_IOC, _FOK, _GTD = TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTD


class EntryChecks:
    """The limits of one instrument, unpacked for speed."""

    __slots__ = (
        "highest",
        "lot",
        "lowest",
        "max_price",
        "max_quantity",
        "min_price",
        "min_quantity",
        "most_slices",
        "ranges",
        "tick",
    )

    def __init__(self, instrument: Instrument, ranges: bool = False) -> None:
        self.tick = instrument.tick
        self.lot = instrument.lot
        self.min_price = instrument.min_price
        self.max_price = instrument.max_price
        self.min_quantity = instrument.min_quantity
        self.max_quantity = instrument.max_quantity
        self.lowest = -(-self.min_price // self.tick) * self.tick
        self.highest = self.max_price // self.tick * self.tick
        self.most_slices = instrument.most_slices
        self.ranges = ranges
        """Whether an iceberg may draw its slices from a range (D3)."""

    def submit(self, order: Submit) -> RejectReason | None:
        """Why a new order cannot be taken, whatever the book holds."""
        quantity, price, lives, stop = order.quantity, order.price, order.time_in_force, order.stop
        post_only, minimum, display = order.post_only, order.min_quantity, order.display
        if not _is_id(order.order_id):
            return RejectReason.INVALID_ORDER_ID
        if not _is_id(order.account):
            return RejectReason.INVALID_ACCOUNT
        if self._bad_quantity(quantity):
            return RejectReason.INVALID_QUANTITY
        if price is not None and self._bad_price(price):
            return RejectReason.INVALID_PRICE
        if stop is not None and self._bad_price(stop):
            return RejectReason.INVALID_STOP
        if (price is None or lives is _IOC or lives is _FOK) and (post_only or display is not None):
            return RejectReason.INVALID_COMBINATION
        if post_only and minimum:
            return RejectReason.INVALID_COMBINATION
        if type(minimum) is not int or minimum < 0 or minimum > quantity:
            return RejectReason.INVALID_MIN_QUANTITY
        if display is not None and self._bad_display(display, quantity):
            return RejectReason.INVALID_DISPLAY
        if lives is _GTD:
            if not _is_id(order.expires):
                return RejectReason.INVALID_TIME
        elif order.expires is not None:
            return RejectReason.INVALID_TIME
        return None

    def replace(self, command: Replace) -> RejectReason | None:
        """Why a replace cannot be done, whatever the book holds."""
        price, stop = command.price, command.stop
        if not _is_id(command.order_id):
            return RejectReason.INVALID_ORDER_ID
        if self._bad_quantity(command.quantity):
            return RejectReason.INVALID_QUANTITY
        if price is not None and self._bad_price(price):
            return RejectReason.INVALID_PRICE
        if stop is not None and self._bad_price(stop):
            return RejectReason.INVALID_STOP
        return None

    def spend(self, command: Spend, *, offered: bool) -> RejectReason | None:
        """Why a market order over an amount of money cannot be taken, whatever the book holds (C3)."""
        budget = command.budget
        if not _is_id(command.order_id):
            return RejectReason.INVALID_ORDER_ID
        if not _is_id(command.account):
            return RejectReason.INVALID_ACCOUNT
        if type(budget) is not int or budget < 1 or budget > LARGEST:
            return RejectReason.INVALID_BUDGET
        return None if offered and self.min_price > 0 else RejectReason.NOT_BY_BUDGET

    def mark(self, price: object) -> RejectReason | None:
        """Why positions cannot be valued at a price (M3)."""
        return RejectReason.INVALID_PRICE if self._bad_price(price) else None

    def reference(self, price: Ticks) -> RejectReason | None:
        """Why a price cannot be the reference of a book (J4)."""
        return RejectReason.INVALID_PRICE if self._bad_price(price) else None

    def too_many_slices(self, display: Lots | DisplayRange | None, leaves: Lots) -> bool:
        """Whether an order with so much open could go through more slices than it may (D1)."""
        return bool(display) and leaves > fewest(display or leaves) * self.most_slices

    def _bad_display(self, display: object, quantity: Lots) -> bool:
        if type(display) is DisplayRange:
            return (
                not self.ranges
                or self._bad_range(display)
                or display.most > quantity
                or (self.too_many_slices(display, quantity))
            )
        if type(display) is not int:
            return True
        bad = display < 0 or display > quantity or display % self.lot != 0
        return bad or self.too_many_slices(display, quantity)

    def _bad_range(self, display: DisplayRange) -> bool:
        """Whether a size that is no whole number of lots, or no size at all, could be drawn (D3)."""
        least, most, step = display.least, display.most, display.step
        if not (type(least) is type(most) is type(step) is int and _is_id(display.draw)):
            return True
        if not (0 < least <= most and step > 0):
            return True
        return least % self.lot != 0 or step % self.lot != 0 or (most - least) % step != 0

    def _bad_price(self, price: object) -> bool:
        return type(price) is not int or not self.min_price <= price <= self.max_price or price % self.tick != 0

    def _bad_quantity(self, quantity: object) -> bool:
        return (
            type(quantity) is not int
            or not self.min_quantity <= quantity <= self.max_quantity
            or quantity % self.lot != 0
        )


def _is_id(number: object) -> bool:
    return type(number) is int and 0 <= number < TOP_ID
