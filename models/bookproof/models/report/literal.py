"""Values of the vocabulary as the Python that makes them, without the fields that have their defaults."""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import Enum
from typing import Any

from bookproof.spec.values import Value, defaults_of, parts_of

WIDTH = 120
"""Columns of a line of code."""

_INDENT = "    "


def literal(value: object) -> str:
    """One value on one line. The symbol stands by itself, every other field has its name.

    >>> from bookproof.spec.commands import Submit
    >>> from bookproof.spec.values import Side
    >>> print(literal(Submit("ABC", 1, 7, Side.BUY, 10, 100, post_only=True)))
    Submit("ABC", order_id=1, account=7, side=Side.BUY, quantity=10, price=100, post_only=True)
    """
    opening, parts, closing = _parts(value)
    if not parts:
        return opening + closing
    inner = ", ".join(name + literal(part) for name, part in parts)
    return f"{opening}{inner}{',' if opening == '(' and len(parts) == 1 else ''}{closing}"


def laid_out(value: object, margin: str = "", before: str = "", after: str = "") -> str:
    """One value over as many lines as it needs: each part on a line of its own where one line is too short.

    `before` and `after` stand on the first and the last line, `margin` before all of them.

    >>> print(laid_out((1, 2), before="numbers = "))
    numbers = (1, 2)
    """
    flat = f"{margin}{before}{literal(value)}{after}"
    opening, parts, closing = _parts(value)
    if len(flat) <= WIDTH or not parts:
        return flat
    inner = "\n".join(laid_out(part, margin + _INDENT, name, ",") for name, part in parts)
    return f"{margin}{before}{opening}\n{inner}\n{margin}{closing}{after}"


def classes_in(value: object) -> Iterator[type]:
    """The classes that a literal names, for its imports.

    >>> from bookproof.spec.commands import Halt
    >>> list(classes_in((Halt("ABC"), 1)))
    [<class 'bookproof.spec.commands.Halt'>]
    """
    if isinstance(value, Enum | Value) or hasattr(value, "_fields"):
        yield type(value)
    for _, part in _parts(value)[1]:
        yield from classes_in(part)


def _parts(value: Any) -> tuple[str, list[tuple[str, object]], str]:
    """What opens a literal, its parts, each with what stands before it, and what closes it."""
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}", [], ""
    if type(value) is str:
        return (json.dumps(value) if value.isascii() and value.isprintable() else repr(value)), [], ""
    if isinstance(value, list):
        return "[", [("", part) for part in value], "]"
    names: tuple[str, ...] = getattr(value, "_fields", ())
    if isinstance(value, tuple) and names:
        usual: dict[str, Any] = getattr(value, "_field_defaults", {})
        named = [
            (f"{name}=", part)
            for name, part in zip(names, value, strict=True)
            if name not in usual or _differs(part, usual[name])
        ]
        return f"{type(value).__name__}(", named, ")"
    if isinstance(value, tuple):
        return "(", [("", part) for part in value], ")"
    if not isinstance(value, Value):
        return repr(value), [], ""
    defaults = defaults_of(type(value))
    shown = [
        ("" if field == "symbol" and at == 0 else f"{field}=", part)
        for at, (field, part) in enumerate(parts_of(value).items())
        if field not in defaults or _differs(part, defaults[field])
    ]
    return f"{type(value).__name__}(", shown, ")"


def _differs(part: object, default: object) -> bool:
    """False is no 0 here: bad input must be seen."""
    return type(part) is not type(default) or part != default
