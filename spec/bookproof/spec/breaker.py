"""The market-wide circuit breaker: how far an index has fallen, and which levels that crosses (J6)."""

from __future__ import annotations

from collections.abc import Iterable


def levels_crossed(levels: Iterable[int], base: int, index: int) -> int:
    """How many levels, each a fall in percent of the base, an index has reached. In integers: nothing is rounded.

    >>> [levels_crossed((7, 13, 20), 100_000, index) for index in (93_001, 93_000, 87_000, 1)]
    [0, 1, 2, 3]
    """
    return sum((base - index) * 100 >= level * base for level in levels)
