"""One error for whatever comes from outside: where it is wrong, what was expected, what came, what to do about it."""

from __future__ import annotations

LONGEST_QUOTE = 60
"""Characters of bad input that a message repeats."""


class InputError(ValueError):
    """Input that is not what its format promises. `str()` is always one line.

    `line` counts from 1; 0 means the input as a whole. `path`, `field` and `hint` are empty where there is nothing to
    say. `got` is shown as it stands: use `quote` for text that somebody else wrote.

    >>> error = InputError("orders.ndjson", 17, "price", "an integer number of ticks", "100.5", "write prices in ticks")
    >>> print(error)
    orders.ndjson:17: price: expected an integer number of ticks, got 100.5; write prices in ticks
    """

    def __init__(self, path: str, line: int, field: str, expected: str, got: str, hint: str = "") -> None:
        # All of them go to the base class, so that the error survives a trip between processes.
        super().__init__(path, line, field, expected, got, hint)
        self.path = path
        self.line = line
        self.field = field
        self.expected = expected
        self.got = got
        self.hint = hint

    def __str__(self) -> str:
        """The whole story on one line, whatever the path or the input holds."""
        place = f"{self.path}:{self.line}" if self.line else self.path
        story = f"expected {self.expected}, got {self.got}"
        told = ": ".join(part for part in (place, self.field, story) if part)
        return _printable(f"{told}; {self.hint}" if self.hint else told)

    def at(self, path: str, line: int) -> InputError:
        """The same fault, now that it is known where."""
        return InputError(path, line, self.field, self.expected, self.got, self.hint)

    def within(self, field: str) -> InputError:
        """The same fault, seen from the record or list around it.

        >>> InputError("", 0, "price", "an integer", "null").within("[1]").within("legs").field
        'legs[1].price'
        """
        inner = self.field if not self.field or self.field.startswith("[") else f".{self.field}"
        return InputError(self.path, self.line, field + inner, self.expected, self.got, self.hint)


def quote(text: str) -> str:
    r"""Somebody else's text as a message shows it: in quotes, short, and without what could break a line.

    >>> print(quote("two\nlines"), quote("A" * 100))
    "two\nlines" "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA…"
    """
    escaped = text[:LONGEST_QUOTE].replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_printable(escaped)}{"…" if len(text) > LONGEST_QUOTE else ""}"'


def _printable(text: str) -> str:
    """Line ends, controls, lone surrogates and the like give way to their escapes."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
