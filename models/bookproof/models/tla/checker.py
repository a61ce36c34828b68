"""What every checker of TLA+ models is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple, Protocol, TypeAlias

from bookproof.models.tla.manifest import Model
from bookproof.models.tla.values import Function

Tell: TypeAlias = Callable[[int], None]
"""Is told now and then how many distinct states have been found."""

DEADLOCK = "deadlock"
"""What is violated when a state has no successor. No invariant has this name."""


class Says(StrEnum):
    """What a checker says of a model."""

    HOLDS = "holds"
    """All reachable states were seen, and nothing is violated."""
    VIOLATES = "violates"
    UNDECIDED = "not decided"
    """A budget was spent first. It is never a pass."""


class Step(NamedTuple):
    """One line of a counterexample: an action, and the state that it leads to."""

    action: str
    """Nothing for the initial state."""
    state: Function


class Finding(NamedTuple):
    """The answer of one checker."""

    says: Says
    violates: str = ""
    """The invariant or property, or `DEADLOCK`."""
    distinct: int | None = None
    """Distinct states that were found. All of them when the model holds."""
    generated: int | None = None
    diameter: int | None = None
    """States on the longest of the shortest ways from an initial state, both ends counted: what TLC calls depth. None
    where the checker does not say, or has stopped early."""
    trace: tuple[Step, ...] = ()
    """The counterexample, from an initial state on."""
    back_to: int | None = None
    """Of a behaviour that never ends: the place in the trace that follows its last. The last itself, if it stutters."""
    seconds: float = 0.0
    note: str = ""
    """Why nothing is decided, or what was left out."""

    @property
    def length(self) -> int | None:
        """States of the counterexample, the initial one counted; of one that never ends, those that are told."""
        return len(self.trace) or None


class Checker(Protocol):
    """Checks models. It is given those that name it in the manifest."""

    @property
    def name(self) -> str:
        """As the manifest calls it."""
        ...

    @property
    def checks_properties(self) -> bool:
        """Whether it looks at the properties of a model. If not, it decides on invariants and deadlock alone."""
        ...

    def check(self, model: Model, budget_seconds: float, tell: Tell) -> Finding:
        """Decide, or say that the budget was spent. InputError for a model that cannot be read or evaluated.

        Several models may be checked at once, by threads.
        """
        ...
