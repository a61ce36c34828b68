"""The fields of one line: text in, whole ticks, lots and nanoseconds out, exactly, or an `InputError`.

No float is made anywhere on the way: a price of 78319.0 at a tick of 0.1 is 783190 ticks and nothing near it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Context, Decimal, InvalidOperation
from functools import lru_cache
from typing import NamedTuple, NoReturn, TypeVar

from bookproof.models.audit.records import refused

LARGEST = (1 << 63) - 1
"""The largest number of ticks, lots or nanoseconds that is believed: what a signed 64-bit field can hold."""

LONGEST_ID = 128

_NUMBER = re.compile(r"[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?", re.ASCII)
_EXACT = Context(prec=200)  # more digits than `_NUMBER` lets in, so no division here ever rounds
_T = TypeVar("_T")


class NotRepresentable(ValueError):
    """A text that is no whole number of steps: what was expected instead, and what to do."""

    def __init__(self, expected: str, hint: str) -> None:
        super().__init__(expected, hint)
        self.expected = expected
        self.hint = hint


class Scale:
    """Convert decimal text to whole steps of a declared size, exactly.

    Raises `NotRepresentable` for what is negative, not finite, not a number, too large, or between two steps.
    Texts repeat in a log, so conversions are remembered.

    >>> Scale("0.01").steps("12.30"), Scale("0.00000001").steps("1e-05")
    (1230, 1000)
    >>> Scale("0.5").steps("0.7")
    Traceback (most recent call last):
    ...
    bookproof.models.audit.fields.NotRepresentable: ('a multiple of 0.5', 'declare a finer step than 0.5')
    """

    def __init__(self, step: str) -> None:
        self.step = step
        try:
            self._size = Decimal(step)
        except InvalidOperation:
            self._size = Decimal(0)
        if not (self._size.is_finite() and self._size > 0):
            raise refused("options", 0, "tick or lot size", "a decimal above 0", step, "write 0.01, say")
        self.steps: Callable[[str], int] = lru_cache(maxsize=1 << 16)(self._steps)

    def _steps(self, text: str) -> int:
        if not _NUMBER.fullmatch(text):
            if text.startswith("-"):
                raise NotRepresentable("a number of at least 0", "negative values have no meaning here")
            raise NotRepresentable("a decimal number", "write digits with a point, such as 100.25")
        value = Decimal(text)
        if value and value.adjusted() - self._size.adjusted() > 20:
            raise NotRepresentable(f"at most {LARGEST} steps of {self.step}", "check the units and the step")
        whole, left = _EXACT.divmod(value, self._size)
        if left:
            raise NotRepresentable(f"a multiple of {self.step}", f"declare a finer step than {self.step}")
        if whole > LARGEST:
            raise NotRepresentable(f"at most {LARGEST} steps of {self.step}", "check the units and the step")
        return int(whole)


class Row(NamedTuple):
    """The named fields of one line, with the place they came from for messages. A missing field is empty.

    >>> row = Row("log.csv", 2, {"kind": "trade", "price": "10.5", "time_ns": "17"})
    >>> row.steps("price", Scale("0.1")), row.whole("time_ns"), row.text("side")
    (105, 17, '')
    >>> try:
    ...     row.steps("price", Scale("1"))
    ... except ValueError as error:
    ...     print(error)
    log.csv:2: price: expected a multiple of 1, got "10.5"; declare a finer step than 1
    """

    path: str
    line: int
    cells: Mapping[str, str]

    def text(self, field: str) -> str:
        """What the field holds, or nothing."""
        return self.cells.get(field, "")

    def name(self, field: str) -> str:
        """An id: something, of sane length, that can be shown to a person."""
        text = self.cells.get(field, "")
        if not (text and text.isprintable() and len(text) <= LONGEST_ID):
            self.refuse(field, f"an id of 1 to {LONGEST_ID} printable characters", "give each order an id")
        return text

    def whole(self, field: str) -> int:
        """A whole number from 0 to `LARGEST`, such as a time in nanoseconds."""
        text = self.cells.get(field, "")
        # isdigit alone lets digits of other scripts through, and int() any number of them.
        if not (text.isascii() and text.isdigit() and len(text) <= 19) or (number := int(text)) > LARGEST:
            self.refuse(field, f"a whole number from 0 to {LARGEST}", "write digits only")
        return number

    def steps(self, field: str, scale: Scale) -> int:
        """A decimal as a whole number of steps, 0 or more."""
        try:
            return scale.steps(self.cells.get(field, ""))
        except NotRepresentable as error:
            self.refuse(field, error.expected, error.hint)

    def positive(self, field: str, scale: Scale, hint: str) -> int:
        """A decimal as a whole number of steps, at least one."""
        return self.steps(field, scale) or self.refuse(field, "a number above 0", hint)

    def one_of(self, field: str, meanings: Mapping[str, _T]) -> _T:
        """One of the words a format knows, as what it means."""
        meaning = meanings.get(self.cells.get(field, ""))
        return (
            self.refuse(field, f"one of {', '.join(meanings)}", "check spelling and case")
            if meaning is None
            else meaning
        )

    def refuse(self, field: str, expected: str, hint: str) -> NoReturn:
        """Raise the `InputError` of this field."""
        raise refused(self.path, self.line, field, expected, self.text(field), hint)
