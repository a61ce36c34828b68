"""Code to specification: whether the model allows what runs of the engine wrote down, line by line.

Two readers, which have to agree. `by_tlc` writes the traces as a module of TLA+ and has TLC read them, all in one run:
each line is a step of the model that does what the line says. `by_graph` needs no Java: it follows the edges of the
model's graph.

A trace is accepted when all of it was read, and its end: everybody has returned, and every command was given. Of one
that is not, the line after the longest part that was read is the guilty one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from bookproof.models.binding.hook import Line, Trace
from bookproof.models.binding.replay import Move, moves
from bookproof.models.binding.subject import Subject
from bookproof.models.tla.values import Function, text

END = Line("end", 0, 0)
"""Stands behind the last line of every trace."""


class Refusal(NamedTuple):
    """A trace that the model does not allow."""

    trace: Trace
    at: int
    """How many lines were read."""

    @property
    def guilty(self) -> Line:
        """The line that is no step of the model."""
        return (*self.trace, END)[self.at]

    def __str__(self) -> str:
        if self.guilty is END:
            return f"line {self.at + 1}: the trace ends, and not everybody has returned"
        return f"line {self.at + 1}: {self.guilty}"


def refusals(traces: Sequence[Trace], read: Iterable[int]) -> list[Refusal]:
    """Those of some traces that were not read to the end, given how many lines of each were read."""
    return [
        Refusal(trace, lines) for trace, lines in zip(traces, read, strict=True) if lines <= len(trace)
    ]


# ── by the graph ──


class GraphReader:
    """Reads traces by following the edges of the model's graph."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._leaving = moves(subject.graph)

    def read(self, traces: Iterable[Trace]) -> list[int]:
        """How many lines of each are read."""
        return [self.lines(trace) for trace in traces]

    def lines(self, trace: Trace) -> int:
        """How many lines are read; one more than there are if the end is as well."""
        places = set(self._subject.graph.initial)
        for number, line in enumerate((*trace, END)):
            places = {after for place in places for after in self._after(place, line)}
            if not places:
                return number
        return len(trace) + 1

    def _after(self, place: int, line: Line) -> list[int]:
        state: Any = self._subject.graph.states[place]
        if line.did == "end":
            return [place] if any(not move.client for move in self._leaving[place]) else []
        client = line.client - 1
        if line.did == "return":
            told, at = state["told"][client], state["at"][client]
            heard = state["pc"][client] == "idle" and told and told[at - 1] == line.what
            return [place] if heard else []
        return [
            move.edge.target
            for move in self._leaving[place]
            if move.client == line.client and self._does(state, move, line)
        ]

    def _does(self, state: Any, move: Move, line: Line) -> bool:
        client = line.client - 1
        match move.edge.action, line.did:
            case "Call", "call":
                return bool(self._subject.records[client][state["at"][client]] == line.what)
            case ("Take" | "Enter"), "take":
                return bool(state["wants"][client][0] == line.what)
            case "Commit", "draw":
                before = len(self._subject.scenario.before)
                return bool(line.what == before + sum(map(len, state["told"])) + 1)
            case "Release", "leave":
                return bool(state["has"][client][-1] == line.what)
            case _:
                return False


# ── by TLC ──


def recorded(traces: Iterable[Trace]) -> str:
    """Traces as the module Recorded of TLA+."""
    written = ",\n".join(
        "    <<" + ",\n      ".join(_line(line) for line in (*trace, END)) + ">>" for trace in traces
    )
    return (
        "------------------------------ MODULE Recorded ------------------------------\n"
        "\\* What runs of the real engine wrote down. Written by bookproof.models.binding.accept.\n"
        f"Recorded ==\n  <<\n{written}\n  >>\n"
        "=============================================================================\n"
    )


def _line(line: Line) -> str:
    return text(Function({"did": line.did, "client": line.client, "what": line.what}))
