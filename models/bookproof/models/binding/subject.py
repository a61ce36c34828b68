"""A bounded model, and the scenario that it is about: read from the modules themselves, so that there is one source.

TLC is asked for both in one run: it evaluates `Listed`, `Before` and `Scripts` of the module Scenarios, and dumps the
graph of all states.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from bookproof.models.binding.records import command_of
from bookproof.models.interleaving.scenarios import Scenario
from bookproof.models.states.graph import StateGraph
from bookproof.spec.instruments import listing


class Subject(NamedTuple):
    """What is bound."""

    model: str
    module: str
    scenario: Scenario
    graph: StateGraph
    records: tuple[tuple[Any, ...], ...] = ()
    """The commands of each client, as the model has them."""


def scenario_of(name: str, listed: Any, before: Any, scripts: Any) -> Scenario:
    """The scenario of the engine for a scenario of the model, given as values of TLA+.

    >>> from bookproof.models.tla.values import parse
    >>> cancel = parse('[do |-> "cancel", symbol |-> "A", id |-> 1]')
    >>> scenario_of("late", ("A",), (), ((cancel,), ())).scripts
    ((Cancel(symbol='A', order_id=1),), ())
    """
    return Scenario(
        name,
        "",
        tuple(tuple(map(command_of, script)) for script in scripts),
        tuple(map(command_of, before)),
        listing(listed),
    )
