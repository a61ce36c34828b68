"""What threads stop at, and which of it does not commute."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

_TAKES = frozenset({"take", "win", "fail", "release", "give"})
CLASHES: dict[str, frozenset[str]] = {
    "take": _TAKES,
    "win": _TAKES,
    "fail": frozenset({"take", "win", "release", "give"}),
    "release": frozenset({"take", "win", "fail", "release"}),
    "give": frozenset({"take", "win", "fail"}),
    "read": frozenset({"write"}),
    "write": frozenset({"read", "write"}),
    "raise": frozenset({"lower", "look", "wait", "hear", "miss"}),
    "lower": frozenset({"raise", "look", "wait", "hear", "miss"}),
    "look": frozenset({"raise", "lower"}),
    "wait": frozenset({"raise", "lower"}),
    "hear": frozenset({"raise", "lower"}),
    "miss": frozenset({"raise", "lower"}),
    "draw": frozenset({"draw"}),
    "sleep": frozenset(),
    "wake": frozenset({"expire"}),
    "expire": frozenset({"wake"}),
}
"""Of two transitions about the same thing, which kinds do not commute: the order of the two can matter."""

BLOCKING = frozenset({"take", "wait", "sleep"})
"""What a thread may have to wait for."""

VAIN = frozenset({"fail", "miss", "expire"})
"""How a wait that may end unanswered does so: no lock or permit is there, the flag is not up, nobody woke it."""


class Asked(NamedTuple):
    """What may come of something that is not waited for to the end, in terms of kinds."""

    found: str
    vain: str
    made_to_wait: str
    """When it has been in vain often enough, with nothing changed."""


TRY = Asked("win", "fail", "take")
FLAG = Asked("hear", "miss", "wait")
NAP = Asked("expire", "expire", "sleep")
"""At a condition nothing is ever found: somebody wakes the thread, or nobody does."""


class Action(NamedTuple):
    """What a transition begins with."""

    kind: str
    """`take` a lock, `read` or `write` a cell, or another key of `CLASHES`."""
    place: str
    """The name of the lock or the cell."""

    def depends_on(self, other: Action) -> bool:
        """Whether the order of two transitions of different threads can matter.

        >>> Action("take", "stripe 0").depends_on(Action("take", "stripe 0"))
        True
        >>> Action("read", "ABC").depends_on(Action("read", "ABC"))
        False
        >>> Action("fail", "stripe 0").depends_on(Action("release", "stripe 0"))
        True
        """
        return self.place == other.place and other.kind in CLASHES[self.kind]


@cache
def taking(place: str) -> Action:
    """The same object whenever it is asked for: a search compares the wishes of run after run."""
    return Action("take", place)
