"""What came of a check."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

from bookproof.models.tla.values import Function, TlaValue, text

DEADLOCK = "deadlock"
"""What is violated where a state that is not finished has no step out of it."""


class Verdict(StrEnum):
    """Three values: a budget that is spent decides nothing."""

    HOLDS = "holds"
    """All states were seen, and all that has to be true is."""
    VIOLATES = "violates"
    UNDECIDED = "not decided"


class Step(NamedTuple):
    """A state of a counterexample, and the action that led to it."""

    action: str
    """Empty for the first state."""
    arguments: tuple[TlaValue, ...]
    state: Function

    def __str__(self) -> str:
        if not self.action:
            return "Init"
        return f"{self.action}({', '.join(map(text, self.arguments))})" if self.arguments else self.action


class Report(NamedTuple):
    """A verdict, what it was worth, and what shows it."""

    model: str
    verdict: Verdict
    distinct: int
    """States, each counted once."""
    generated: int
    """Initial states and ends of steps, each as often as it was come upon."""
    diameter: int
    """States on the longest of the shortest ways to a state: the depth that TLC names, so 1 for the initial states."""
    edges: int
    """Steps out of the states that were looked at, told apart by their arguments too."""
    seconds: float
    reached: Mapping[str, int]
    """What has to be reached, and after how many steps it first was."""
    violated: str = ""
    """A property by its name, or `deadlock`."""
    why: str = ""
    """One sentence on what was violated, or on the budget that was spent."""
    trace: tuple[Step, ...] = ()
    """How it comes about: the shortest way for anything but what has to happen sooner or later."""
    back_to: int | None = None
    """Of a behaviour without end: the place in the trace of the state that it comes back to, as its last. If that is
    the last place, nothing happens any more."""

    @property
    def length(self) -> int:
        """How many steps the counterexample takes."""
        return max(0, len(self.trace) - 1)

    def lines(self) -> Iterator[str]:
        """The counterexample for a terminal: each step, and the variables that it changed."""
        if self.why:
            yield self.why
        before: Function | None = None
        for number, step in enumerate(self.trace):
            yield f"{number:>3}. {step}"
            for name, value in step.state.items():
                if before is None or text(before[name]) != text(value):
                    yield f"       {name} = {text(value)}"
            before = step.state
        if self.back_to is not None and self.trace:
            stays = self.back_to == len(self.trace) - 1
            yield "     and nothing more, for ever" if stays else f"     and so on, as from {self.back_to}"
