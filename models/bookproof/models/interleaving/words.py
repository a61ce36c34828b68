"""A schedule is a word over the threads, and a thread is a letter of it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

LETTERS = "ABCDEFGH"
"""As many threads as a scenario may have."""


def letter(thread: int) -> str:
    """What a thread is called.

    >>> letter(0), letter(7)
    ('A', 'H')
    """
    return chr(ord(LETTERS[0]) + thread)


def switches(schedule: Iterable[int]) -> int:
    """How often a schedule goes from one thread to another.

    >>> switches([0, 1, 1, 0])
    2
    """
    return sum(one != other for one, other in pairwise(schedule))
