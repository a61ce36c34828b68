"""In how many ways the clients of a model can follow each other at the locks.

Two runs that differ in nothing else than the order of steps that have no lock in common are one and the same to the
interleaving checker (a Mazurkiewicz trace): what counts is who takes each lock after whom. The model's graph says how
many of these there are, without a run of the engine.
"""

from __future__ import annotations

from typing import Any

from bookproof.models.binding.replay import action_of, moves
from bookproof.models.states.graph import StateGraph

Taken = frozenset[tuple[str, tuple[int, ...]]]
"""Who has taken each lock so far, in order."""


def orders(graph: StateGraph) -> int:
    """How many there are over all complete behaviours. The graph has no circles but the steps that change nothing.

    Cost: every way to reach every state that differs in these orders is kept, so it is for small models.
    """
    leaving = moves(graph)
    missing = [0] * len(graph.states)
    for each in leaving:
        for move in each:
            missing[move.edge.target] += bool(move.client)
    ways: list[set[Taken]] = [set() for _ in graph.states]
    ready = list(graph.initial)
    for place in ready:
        ways[place].add(frozenset())
    ended: set[Taken] = set()
    while ready:
        place = ready.pop()
        state: Any = graph.states[place]
        onward = [move for move in leaving[place] if move.client]
        if not onward:
            ended |= ways[place]
        for move in onward:
            target = move.edge.target
            kind, lock = action_of(state, move)
            if kind == "take":
                ways[target] |= {_taken(way, lock, move.client) for way in ways[place]}
            else:
                ways[target] |= ways[place]
            missing[target] -= 1
            if not missing[target]:
                ready.append(target)
        ways[place] = set()
    return len(ended)


def _taken(way: Taken, lock: str, client: int) -> Taken:
    taken = dict(way)
    return frozenset({**taken, lock: (*taken.get(lock, ()), client)}.items())
