"""What can be said of a history."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class Verdict(StrEnum):
    """Whether one order explains a history."""

    LINEARIZABLE = "linearizable"
    """There is such an order, and the oracle gives the recorded answers in it."""
    NOT_LINEARIZABLE = "not-linearizable"
    """There is none, and there is a proof."""
    UNKNOWN = "unknown"
    """Neither was found within the budget, or with the rules that the checker knows."""


class Reason(NamedTuple):
    """One step of a proof: why one operation must come before another, or why nothing can be right."""

    sentence: str
    """About "it", which is the first of the operations, and "{1}", which is the second."""
    operations: tuple[int, ...]
    """Which operations it speaks of, as their places in the history."""

    def told(self, names: Mapping[int, str]) -> str:
        """The sentence with names for its operations.

        >>> Reason("it had returned when {1} was called", (4, 2)).told({2: "A", 4: "B"})
        'B had returned when A was called'
        """
        names_of_its = [names.get(at, f"operation {at}") for at in self.operations]
        said = self.sentence
        if names_of_its:
            said = re.sub(r"^it\b", names_of_its[0], said)
            said = re.sub(r"\bits (?=order|trades)", f"{names_of_its[0]}'s ", said, count=1)
        return said.replace("{1}", names_of_its[1]) if len(names_of_its) > 1 else said


class Conclusion(NamedTuple):
    """A verdict, with what it takes to believe it."""

    verdict: Verdict
    order: tuple[int, ...] = ()
    """Linearizable: the operations, as their places in the history, in an order that explains it. Open operations that
    never happened are not in it."""
    core: tuple[int, ...] = ()
    """Not linearizable: operations that cannot all be right, as their places in the history."""
    proof: tuple[Reason, ...] = ()
    """Not linearizable: why, step by step."""
    kind: str = ""
    """Not linearizable: `accounting`, `real time`, `order`, `stamps`. Unknown: what was in the way."""
    prefix: tuple[int, ...] = ()
    """Unknown, or refused by stamps: the longest beginning of an order that was found to work."""
    steps: int = 0
    """How many times a search tried one operation."""
