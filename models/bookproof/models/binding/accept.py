"""Code to specification: whether the model allows what runs of the engine wrote down, line by line.

Two readers, which have to agree. `TlcReader` writes the traces as a module of TLA+ and has TLC read them, all in one
run: each line is a step of the model that does what the line says. `GraphReader` needs no Java: it follows the edges of
the model's graph.

A trace is accepted when all of it was read, and its end: everybody has returned, and every command was given. Of one
that is not, the line after the longest part that was read is the guilty one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from bookproof.models.binding.hook import Line, Trace
from bookproof.models.binding.replay import Move, action_of, moves
from bookproof.models.binding.subject import Subject
from bookproof.models.tla.checker import Says
from bookproof.models.tla.tlc import TlcChecker, concluded, copied, run
from bookproof.models.tla.values import Function, text
from bookproof.spec.input_error import InputError

END = Line("end", 0, 0)
"""Stands behind the last line of every trace."""


class Undecided(Exception):
    """A budget was spent before all traces were read. It is never a pass."""


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
    return [Refusal(trace, lines) for trace, lines in zip(traces, read, strict=True) if lines <= len(trace)]


# ── by the graph ──


class _Place(NamedTuple):
    """How far a trace has led: a state of the graph, and how many answers each client has heard."""

    state: int
    heard: tuple[int, ...]


class GraphReader:
    """Reads traces by following the edges of the model's graph."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._records = subject.records
        self._leaving = moves(subject.graph)

    def read(self, traces: Iterable[Trace]) -> list[int]:
        """How many lines of each are read."""
        return [self.lines(trace) for trace in traces]

    def lines(self, trace: Trace) -> int:
        """How many lines are read; one more than there are if the end is as well."""
        graph, clients = self._subject.graph, len(self._records)
        places = {_Place(place, (0,) * clients) for place in graph.initial}
        for number, line in enumerate((*trace, END)):
            places = {after for place in places for after in self._after(place, line)}
            if not places:
                return number
        return len(trace) + 1

    def _after(self, at: _Place, line: Line) -> list[_Place]:
        if line.did == "end":
            return [at] if at.heard == tuple(map(len, self._records)) else []
        state: Any = self._subject.graph.states[at.state]
        client = line.client - 1
        if client not in range(len(self._records)):
            return []
        heard = at.heard[client]
        if line.did == "return":
            hears = state["pc"][client] == "idle" and heard < state["at"][client]
            if not hears or state["told"][client][heard] != line.what:
                return []
            return [at._replace(heard=(*at.heard[:client], heard + 1, *at.heard[client + 1 :]))]
        if line.did == "call" and heard != state["at"][client]:
            return []
        return [
            at._replace(state=move.edge.target)
            for move in self._leaving[at.state]
            if move.client == line.client and self._does(state, move, line)
        ]

    def _does(self, state: Any, move: Move, line: Line) -> bool:
        client = line.client - 1
        match action_of(state, move).kind, line.did:
            case "raise", "call":
                return bool(self._records[client][state["at"][client]] == line.what)
            case "take", "take":
                return bool(state["wants"][client][0] == line.what)
            case "draw", "draw":
                before = len(self._subject.scenario.before)
                return bool(line.what == before + sum(map(len, state["told"])) + 1)
            case "release", "leave":
                return bool(state["has"][client][-1] == line.what)
            case _:
                return False


# ── by TLC ──


def recorded(traces: Iterable[Trace]) -> str:
    """Traces as the module Recorded of TLA+."""
    written = ",\n".join("    <<" + ",\n      ".join(_line(line) for line in (*trace, END)) + ">>" for trace in traces)
    return (
        "------------------------------ MODULE Recorded ------------------------------\n"
        "\\* What runs of the real engine wrote down. Written by bookproof.models.binding.accept.\n"
        f"Recorded ==\n  <<\n{written}\n  >>\n"
        "=============================================================================\n"
    )


def _line(line: Line) -> str:
    return text(Function({"did": line.did, "client": line.client, "what": line.what}))


TRACES = {
    "Striped": "TraceOfStriped",
    "Lists": "TraceOfLists",
    "Barrier": "TraceOfStriped",
    "Snapshot": "TraceOfStriped",
    "Settlement": "TraceOfSettlement",
}
"""The module that reads the traces of each module that is bound: some have the steps of another one."""

_READ = re.compile(r'<<"read", (\d+), (\d+)>>')


class TlcReader:
    """Reads traces with TLC, all traces of a model in one run."""

    def __init__(self, checker: TlcChecker) -> None:
        self._tools = checker.tools

    def __call__(self, subject: Subject, traces: Sequence[Trace]) -> list[int]:
        """How many lines of each are read; one more than there are if the end is as well.

        Undecided when the model's budget is spent; InputError for modules that TLC cannot read.
        """
        model = subject.model
        cfg = model.cfg()._replace(
            specification="SpecT", invariants=("Noted",), properties=(), constraints=(), symmetry=""
        )
        with copied(model.folder, TRACES[model.module], cfg, {"Recorded.tla": recorded(traces)}) as place:
            said = run(self._tools, place, ("-deadlock",), model.budget_seconds, lambda distinct: None)
            found = concluded(said, model.path, model.budget_seconds)
        if found.says is Says.UNDECIDED:
            raise Undecided(f"{model.name}: {found.note}")
        if found.says is not Says.HOLDS:
            raise InputError("TLC", 0, model.name, "a module that only reads", f"{found.violates} violated")
        reached = [0] * len(traces)
        for message in said.messages:
            for which, cursor in _READ.findall(message.text):
                reached[int(which) - 1] = max(reached[int(which) - 1], int(cursor) - 1)
        return reached
