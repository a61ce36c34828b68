"""The graph of all states that a model can be in, as a value: what one checker found, to be compared and replayed.

TLC's dump is read into the same type, so two checkers of one model can be held against each other edge by edge.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from bookproof.models.tla.values import Function, TlaValue, state_text


class Edge(NamedTuple):
    """One step: from a state, by an action, to a state. States are named by their places in the graph."""

    source: int
    action: str
    target: int
    arguments: tuple[TlaValue, ...] | None = None
    """What the action was done with, such as the client; None where the checker does not say."""


class StateGraph(NamedTuple):
    """All reachable states, and all steps between them.

    >>> off, on = Function({"lamp": "off"}), Function({"lamp": "on"})
    >>> lamp = StateGraph((off, on), (0,), (Edge(0, "Press", 1), Edge(1, "Press", 0)))
    >>> lamp.steps_from()[1]
    [Edge(source=1, action='Press', target=0, arguments=None)]
    """

    states: tuple[Function, ...]
    """Each once: from the names of the variables to their values."""
    initial: tuple[int, ...]
    edges: tuple[Edge, ...]
    """In no order that counts. The same step may stand there twice, when its checker came upon it twice."""

    def steps_from(self) -> list[list[Edge]]:
        """For each state the steps that leave it."""
        leaving: list[list[Edge]] = [[] for _ in self.states]
        for edge in self.edges:
            leaving[edge.source].append(edge)
        return leaving


class Difference(NamedTuple):
    """What one graph has and the other has not, each as a sentence. False when there is nothing."""

    sentences: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.sentences)

    def __str__(self) -> str:
        return "\n".join(self.sentences)


def difference(one: StateGraph, other: StateGraph, names: tuple[str, str] = ("one", "the other")) -> Difference:
    r"""What only one of two graphs of the same model has, whatever the order in which their states were found.

    States are compared by their values, steps by the name of the action: not every checker knows its arguments. Three
    of each kind are told at length.

    >>> off, on = Function({"lamp": "off"}), Function({"lamp": "on"})
    >>> lamp = StateGraph((off, on), (0,), (Edge(0, "Press", 1), Edge(1, "Press", 0)))
    >>> bool(difference(lamp, StateGraph((on, off), (1,), (Edge(1, "Press", 0), Edge(0, "Press", 1)))))
    False
    >>> print(difference(lamp, StateGraph((off, on), (0,), (Edge(0, "Press", 1),)), ("twin", "TLC")))
    only twin has 1 of 2 steps: Press from /\ lamp = "on" to /\ lamp = "off"
    """
    told: list[str] = []
    for kind, ours, theirs in (
        ("initial states", _initial(one), _initial(other)),
        ("states", set(one.states), set(other.states)),
    ):
        for name, mine, yours in ((names[0], ours, theirs), (names[1], theirs, ours)):
            told += _only(name, kind, len(mine), map(_line, mine - yours))
    steps, others = _steps(one), _steps(other)
    for name, done, not_done in ((names[0], steps, others), (names[1], others, steps)):
        sentences = (f"{action} from {_line(source)} to {_line(target)}" for source, action, target in done - not_done)
        told += _only(name, "steps", len(done), sentences)
    return Difference(tuple(told))


def _initial(graph: StateGraph) -> set[Function]:
    return {graph.states[at] for at in graph.initial}


def _steps(graph: StateGraph) -> set[tuple[Function, str, Function]]:
    return {(graph.states[edge.source], edge.action, graph.states[edge.target]) for edge in graph.edges}


def _only(name: str, kind: str, of: int, items: Iterable[str]) -> list[str]:
    listed = sorted(items)
    if not listed:
        return []
    more = "; and so on" if len(listed) > 3 else ""
    return [f"only {name} has {len(listed)} of {of} {kind}: {'; '.join(listed[:3])}{more}"]


def _line(state: Function) -> str:
    return state_text(state).replace("\n", " ")
