"""Specification to code: every step of the model on the real engine, and every step of the engine in the model.

`replay` walks through the graph of all states until every edge of it has been walked. Each walk begins at the beginning
and ends where all is over, and the engine is made to do the same: at every state its threads are able to do exactly
what the model allows there, no more and no less, and after every step its memory is the model's state.

`engine_graph` goes the other way round: it knows nothing of the model, lets the threads do whatever they are able to,
in all orders, and tells states apart by what was observed. What it finds is to be the model's graph.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from bookproof.models.binding.observe import Course, Stage, lock_name
from bookproof.models.binding.records import shown
from bookproof.models.interleaving.scheduler import Action
from bookproof.models.states.graph import Edge, StateGraph
from bookproof.models.tla.values import Function, TlaValue

FINISHED = "Finished"
"""The step that the model takes when all is over, so that this is no deadlock. It changes nothing."""

BY_CLIENT = ("at", "pc", "wants", "has", "seen", "work", "owed", "told")
"""Variables that are functions from clients, and that no other client's step changes."""


class Mismatch(NamedTuple):
    """Where the engine and the model part."""

    schedule: tuple[int, ...]
    """The clients whose steps led there, counted from 1."""
    client: int
    """Whose step was the last one; 0 before the first."""
    action: str
    what: str
    """The variable that differs, or `steps` for what the threads are able to do."""
    model: str
    engine: str

    def __str__(self) -> str:
        after = (
            f"after step {len(self.schedule)}, {self.action} by client {self.client}" if self.schedule else "at first"
        )
        return f"{after}: {self.what}: in the model {self.model}, in the engine {self.engine}"


class Replayed(NamedTuple):
    """What came of a replay."""

    edges: int
    """Of the model, those that change nothing included."""
    covered: int
    walks: int
    steps: int
    """Of the engine, in all walks."""
    mismatch: Mismatch | None

    @property
    def whole(self) -> bool:
        """Whether every edge was walked, and nothing differed."""
        return self.mismatch is None and self.covered == self.edges


class Move(NamedTuple):
    """An edge, and whose step it is: 0 for nobody's."""

    edge: Edge
    client: int


def moves(graph: StateGraph) -> list[list[Move]]:
    """For each state the steps that leave it, each with its client."""
    return [[Move(edge, client_of(graph, edge)) for edge in dict.fromkeys(edges)] for edges in graph.steps_from()]


def client_of(graph: StateGraph, edge: Edge) -> int:
    """Whose step an edge is, by what it changes. ValueError when it is not the step of one client."""
    if edge.source == edge.target:
        return 0
    source: Any = graph.states[edge.source]
    target: Any = graph.states[edge.target]
    changed = {
        at
        for name in BY_CLIENT
        if name in source
        for at, (one, other) in enumerate(zip(source[name], target[name], strict=True), 1)
        if one != other
    }
    if len(changed) != 1:
        raise ValueError(f"expected {edge.action} to be the step of one client, got {sorted(changed)}")
    return changed.pop()


def action_of(state: Any, move: Move) -> Action:
    """What the engine's thread does when its client makes this step.

    ValueError for an action of a module that is not bound yet.
    """
    at = move.client - 1
    match move.edge.action:
        case "Call":
            return Action("raise", f"call {move.client}")
        case "Take" | "TakeNext" | "Enter" | "EnterTied" | "GoBack" | "Spend" | "Check" | "Settle" | "Book":
            return Action("take", lock_name(state["wants"][at][0]))
        case "Commit":
            return Action("draw", "stamp")
        case "Trade" | "LetGo" | "Release":
            return Action("release", lock_name(state["has"][at][-1]))
        case other:
            raise ValueError(f"expected a step of the engine, got {other}")


# ── walks ──


def walks(leaving: Sequence[Sequence[Move]], initial: Iterable[int]) -> Iterator[list[Move]]:
    """Ways from an initial state to where all is over, until every edge has been walked; the shortest way to each."""
    ways: dict[int, Move | None] = dict.fromkeys(initial)
    queue = deque(ways)
    order: list[Move] = []
    while queue:
        for move in leaving[queue.popleft()]:
            if not move.client:
                continue
            order.append(move)
            if move.edge.target not in ways:
                ways[move.edge.target] = move
                queue.append(move.edge.target)
    missing = dict.fromkeys(order)
    for wanted in order:
        if wanted not in missing:
            continue
        walk, back = [wanted], ways[wanted.edge.source]
        while back is not None:
            walk.append(back)
            back = ways[back.edge.source]
        walk.reverse()
        for move in walk:
            missing.pop(move, None)
        while onward := [move for move in leaving[walk[-1].edge.target] if move.client]:
            following = next((move for move in onward if move in missing), onward[0])
            missing.pop(following, None)
            walk.append(following)
        yield walk


def replay(stage: Stage, graph: StateGraph) -> Replayed:
    """Walk through the whole graph with the engine. It ends at the first mismatch."""
    leaving = moves(graph)
    covered: set[Move] = set()
    edges = sum(map(len, leaving))
    done = steps = 0
    unknown = _unknown(stage, graph)
    if unknown is not None:
        return Replayed(edges, 0, 0, 0, unknown)
    for walk in walks(leaving, graph.initial) if edges else ():
        done += 1
        mismatch, way = _walk(stage, graph, leaving, walk)
        steps += way
        covered.update(walk[:way])
        if mismatch is not None:
            return Replayed(edges, len(covered), done, steps, mismatch)
        covered.update(move for move in leaving[walk[-1].edge.target] if not move.client)
    return Replayed(edges, len(covered), done, steps, None)


def _unknown(stage: Stage, graph: StateGraph) -> Mismatch | None:
    """A variable of the model that nothing is known of: whoever does not look at it compares nothing."""
    course = stage.run(lambda wanted, able: min(able))
    observed = stage.states(course)[0]
    for name in graph.states[graph.initial[0]]:
        if name not in observed:
            return Mismatch((), 0, "", str(name), "a variable", "nothing that could be observed")
    return None


def _walk(
    stage: Stage, graph: StateGraph, leaving: Sequence[Sequence[Move]], walk: Sequence[Move]
) -> tuple[Mismatch | None, int]:
    """Let the engine go one way; how many steps of it were as they should be."""
    places = [walk[0].edge.source, *(move.edge.target for move in walk)]

    def expected(at: int) -> dict[int, Action]:
        state = graph.states[places[at]]
        return {move.client: action_of(state, move) for move in leaving[places[at]] if move.client}

    done = 0

    def choose(wanted: Mapping[int, Action], able: frozenset[int]) -> int | None:
        nonlocal done
        if done == len(walk) or {thread + 1: wanted[thread] for thread in able} != expected(done):
            return None
        done += 1
        return walk[done - 1].client - 1

    course = stage.run(choose)
    observed = stage.states(course)
    for at, (place, state) in enumerate(zip(places, observed, strict=False)):
        schedule = tuple(move.client for move in walk[:at])
        last, action = (walk[at - 1].client, walk[at - 1].edge.action) if at else (0, "")
        differs = difference_at(graph.states[place], state)
        if differs is not None:
            return Mismatch(schedule, last, action, *differs), max(at - 1, 0)
        moment = course.moments[at]
        able = {thread + 1: moment.wanted[thread] for thread in moment.able}
        if able != expected(at):
            return Mismatch(schedule, last, action, "steps", _told(expected(at)), _told(able)), at
    if course.run.errors:
        thread, error = min(course.run.errors.items())
        schedule = tuple(move.client for move in walk)
        return Mismatch(schedule, thread + 1, walk[-1].edge.action, "error", "none", repr(error)), len(walk) - 1
    drawn = tuple(
        tuple(draw.number for draw in course.run.draws if draw.thread == thread) for thread in range(len(course.stamps))
    )
    if course.stamps != drawn:
        schedule = tuple(move.client for move in walk)
        return Mismatch(schedule, 0, "", "stamps", f"drawn as {drawn}", f"given as {course.stamps}"), len(walk) - 1
    return None, len(walk)


def difference_at(model: Mapping[Any, TlaValue], engine: Mapping[str, TlaValue]) -> tuple[str, str, str] | None:
    """The first variable in which two states differ, and both values. What the engine's run left open is left out."""
    for name, value in model.items():
        if name in engine and not same(engine[name], value):
            where, one, other = narrowed(str(name), value, engine[name])
            return where, shown(one), shown(other)
    return None


def narrowed(where: str, one: Any, other: Any) -> tuple[str, Any, Any]:
    """The only part in which two values differ, named as TLA+ does; the values themselves if there are several.

    >>> narrowed("told", ((), (1, 2)), ((), (1, 3)))
    ('told[2][2]', 2, 3)
    """
    if isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other):
        parts = [(f"{where}[{at}]", *pair) for at, pair in enumerate(zip(one, other, strict=True), 1)]
    elif isinstance(one, Function) and isinstance(other, Function) and one.keys() == other.keys():
        parts = [(f"{where}.{key}", one[key], other[key]) for key in one]
    else:
        return where, one, other
    differing = [part for part in parts if not same(part[1], part[2])]
    return narrowed(*differing[0]) if len(differing) == 1 else (where, one, other)


def same(one: TlaValue, other: TlaValue) -> bool:
    """Whether two values are the same in TLA+, where TRUE is not 1."""
    return one == other and shown(one) == shown(other)


def _told(able: Mapping[int, Action]) -> str:
    return ", ".join(f"{client} {kind}s {place}" for client, (kind, place) in sorted(able.items())) or "none"


# ── the engine's own graph ──


OTHER_WORDS = {"Lists": {"Take": "TakeNext", "Enter": "EnterTied"}}
"""What a module calls a step for which Striped has another word."""


def engine_graph(stage: Stage, names: Iterable[str], module: str = "Striped", most: int = 100_000) -> StateGraph:
    """Everything that the engine can do in the scenario, told apart by what was observed of these variables, in the
    words of a module.

    RuntimeError when two runs of the same schedule differ, when threads are stuck, and beyond so many runs.
    """
    variables, words = tuple(names), OTHER_WORDS.get(module, {})
    numbers: dict[Function, int] = {}
    edges: dict[Edge, None] = {}
    known: set[tuple[int, int]] = set()
    ahead: deque[tuple[int, ...]] = deque([()])
    runs = 0
    while ahead:
        schedule = ahead.popleft()
        runs += 1
        if runs > most:
            raise RuntimeError(f"expected the engine to be through after {most:,} runs")
        course = stage.run(_following(schedule))
        if not course.ended:
            raise RuntimeError(f"expected everybody to return, got {_stuck(course)}")
        states: Any = stage.states(course)
        hidden = next((name for name in variables for state in states if name not in state), "")
        if hidden:
            raise RuntimeError(f"expected every run to show {hidden}, got one that does not")
        places = [
            numbers.setdefault(Function({name: state[name] for name in variables}), len(numbers)) for state in states
        ]
        threads = tuple(thread for thread, _ in course.steps)
        if threads[: len(schedule)] != schedule:
            raise RuntimeError("expected the same schedule to lead to the same run")
        for at, (thread, action) in enumerate(course.steps):
            known.add((places[at], thread))
            pcs = states[at]["pc"][thread], states[at + 1]["pc"][thread]
            word = _action(action, *pcs, states[at]["wants"][thread])
            edges[Edge(places[at], words.get(word, word), places[at + 1])] = None
            for other in sorted(course.moments[at].able - {thread}):
                if (places[at], other) not in known:
                    known.add((places[at], other))
                    ahead.append((*threads[:at], other))
        edges[Edge(places[-1], FINISHED, places[-1])] = None
    return StateGraph(tuple(numbers), (0,), tuple(edges))


def _action(action: Action, pc: str, then: str, wants: Sequence[int]) -> str:
    """The model's name for what a thread does; what it has no name for keeps that of the scheduler."""
    match action.kind, pc:
        case "raise", _:
            return "Call"
        case "take", "take" | "again":
            return "Take" if len(wants) > 1 else "GoBack" if then == "back" else "Enter"
        case "take", "spend":
            return "Spend"
        case "take", "check":
            return "Check"
        case "take", "settle":
            return "Settle" if len(wants) > 1 else "Book"
        case "draw", _:
            return "Commit"
        case "release", "match":
            return "Trade"
        case "release", "back":
            return "LetGo"
        case "release", _:
            return "Release"
        case kind, _:
            return kind


def _following(schedule: Sequence[int]) -> Any:
    at = 0

    def choose(wanted: Mapping[int, Action], able: frozenset[int]) -> int | None:
        nonlocal at
        at += 1
        if at <= len(schedule):
            return schedule[at - 1] if schedule[at - 1] in able else None
        return min(able)

    return choose


def _stuck(course: Course) -> str:
    return str(course.run.errors or course.run.waiting or "a step that could not be repeated")
