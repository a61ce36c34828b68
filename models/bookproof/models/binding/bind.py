"""One model and one engine, bound: everything that either can do is held against the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from time import perf_counter
from typing import Any, NamedTuple, Protocol

from bookproof.models.binding.accept import GraphReader, Refusal, Undecided, refusals
from bookproof.models.binding.hook import Trace, by_threads, under_scheduler
from bookproof.models.binding.observe import Stage, points
from bookproof.models.binding.orders import orders
from bookproof.models.binding.replay import Replayed, engine_graph, replay
from bookproof.models.binding.subject import Subject
from bookproof.models.engines_by_name import Factory
from bookproof.models.interleaving.scheduler import Choose, Run, Scheduler
from bookproof.models.interleaving.search import Reduced
from bookproof.models.interleaving.wheels import GREENLETS, THREADS, has_greenlets
from bookproof.models.states.graph import difference

MOST_RUNS = 2_000
"""Runs that are written down of one search, at most."""

THREAD_RUNS = 40
"""Runs on real threads."""


class Read(Protocol):
    """Reads traces of a model, and says how many lines of each it could read; one more if the end as well."""

    def __call__(self, subject: Subject, traces: list[Trace], /) -> list[int]:
        """As many numbers as traces. Undecided when a budget is spent first."""
        ...


class Bound(NamedTuple):
    """What came of it."""

    model: str
    engine: str
    replayed: Replayed
    states: int
    """Distinct ones of the model."""
    engine_states: int
    """Distinct ones that the engine was seen in; 0 if it could not be followed."""
    graphs: str
    """How the engine's own graph differs from the model's; nothing if it does not."""
    orders: int
    """In how many ways the model's clients can follow each other at the locks, over all that they do."""
    explored: int
    """How many runs the interleaving checker needs to see everything that can differ."""
    traces: int
    """Different ones that were written down and read."""
    lines: int
    refused: tuple[Refusal, ...]
    readers: tuple[str, ...]
    readers_differ: str
    """Which trace two readers did not read equally far."""
    undecided: str
    """Why not all was read, if it was not."""
    seconds: float

    @property
    def complaints(self) -> tuple[str, ...]:
        """Everything that is wrong, in sentences."""
        found: list[str] = []
        replayed = self.replayed
        if replayed.mismatch is not None:
            found.append(f"{replayed.mismatch}; clients {' '.join(map(str, replayed.mismatch.schedule)) or 'none'}")
        elif not replayed.whole:
            found.append(f"expected every edge to be replayed, got {replayed.covered} of {replayed.edges}")
        if self.graphs:
            found.append(self.graphs)
        if self.explored != self.orders:
            found.append(f"the model has {self.orders} orders at its locks, and the engine {self.explored}")
        if self.refused:
            first = min(self.refused, key=lambda refusal: refusal.at)
            found.append(f"{len(self.refused)} of {self.traces} traces are refused; {first}")
        if self.readers_differ:
            found.append(self.readers_differ)
        return tuple(found)


def bind(
    subject: Subject,
    engine: str,
    make: Factory,
    read: dict[str, Read],
    thread_runs: int = THREAD_RUNS,
    tell: Callable[[str], None] = lambda what: None,
) -> Bound:
    """Replay the model on an engine, and have the engine's runs read by the model.

    `read` are other readers, by name, beside that of the graph. All of them have to read equally far.
    """
    began = perf_counter()
    with Stage(make, subject.scenario, subject.accounts) as stage:
        tell("replaying every edge")
        replayed = replay(stage, subject.graph)
        tell("following the engine")
        seen, differs = 0, ""
        try:
            own = engine_graph(stage, map(str, subject.graph.states[0]), subject.model.module)
            seen = len(own.states)
            told = difference(own, subject.graph, ("the engine", "the model")).sentences
            differs = "; ".join(sentence.partition(":")[0] for sentence in told)  # each state is a page long
        except RuntimeError as error:
            differs = f"following the engine: {error}"
    tell("writing down its runs")
    explored = sum(not run.cut for run, _ in _written(subject, make, frozenset()))
    written = [trace for run, trace in _written(subject, make, points(make, subject.scenario)) if not run.cut]
    written += [by_threads(make, subject.scenario) for _ in range(thread_runs)]
    traces = list(dict.fromkeys(written))
    tell("reading its runs")
    reached = GraphReader(subject).read(traces)
    differ = undecided = ""
    for name, reader in read.items():
        try:
            by_other = reader(subject, traces)
        except Undecided as error:
            undecided = str(error)
            continue
        at = next((at for at, (one, other) in enumerate(zip(reached, by_other, strict=True)) if one != other), None)
        if at is not None:
            differ = f"the graph reads {reached[at]} lines of a trace, {name} {by_other[at]}: {traces[at]}"
        reached = list(map(min, reached, by_other))
    return Bound(
        subject.name,
        engine,
        replayed,
        len(subject.graph.states),
        seen,
        differs,
        orders(subject.graph),
        explored,
        len(traces),
        sum(map(len, traces)),
        tuple(refusals(traces, reached)),
        ("graph", *read),
        differ,
        undecided,
        perf_counter() - began,
    )


def _written(subject: Subject, make: Factory, racy: frozenset[str]) -> Iterator[tuple[Run, Trace]]:
    """Every run that can differ, as the interleaving checker makes them, with these points beside the locks."""
    with _scheduler(len(subject.scenario.scripts)) as scheduler:
        scheduler.racy = racy
        traces: list[Trace] = []

        def execute(choose: Choose) -> Run:
            run, trace = under_scheduler(make, subject.scenario, scheduler, choose)
            traces.append(trace)
            return run

        for run in islice(Reduced(execute), MOST_RUNS):
            yield run, traces.pop()


@contextmanager
def _scheduler(threads: int) -> Iterator[Any]:
    scheduler = Scheduler(threads, GREENLETS if has_greenlets() else THREADS)
    scheduler.numbers_matter = False  # the stamps are read, and held against the model
    try:
        yield scheduler
    finally:
        scheduler.close()
