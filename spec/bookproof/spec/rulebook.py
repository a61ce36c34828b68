"""The numbered rules, and a record of which of them a run reached.

The oracle says `fired("B7")` where it decides rule B7. While nobody listens that costs next to nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

_listener: Counter[str] | None = None


class Rule(NamedTuple):
    """One rule: its number, how far it reaches, and what it says."""

    number: str
    scope: str
    """L1 own book only, LA also accounts, LX several books, LG the whole exchange."""
    text: str


def fired(number: str) -> None:
    """Note that a rule decided something just now."""
    if _listener is not None:
        _listener[number] += 1


@contextmanager
def listening() -> Iterator[Counter[str]]:
    """Count the rules fired while the block runs. One listener at a time, in one thread: the oracle is sequential.

    >>> with listening() as seen:
    ...     fired("B7")
    >>> seen["B7"]
    1
    """
    global _listener
    outer, mine = _listener, Counter[str]()
    _listener = mine
    try:
        yield mine
    finally:
        _listener = outer
        if outer is not None:
            outer.update(mine)
