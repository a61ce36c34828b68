"""All states of a model, breadth first, and whether what has to be true of it is.

Breadth first, so the first state found wrong is one of those nearest to the beginning, and the way back from it is the
shortest counterexample. Invariants are looked at when a state is found, deadlock when it is gone on from, as TLC does.
States are compared whole, not by fingerprints: nothing is left to chance.

What it costs, measured on one core with CPython 3.11: two-phase commit of seven (296,448 states of 5 variables) 45,000
states a second and 190 bytes each, 70 more with the edges that fairness needs; the striped engine of three clients with
two commands each (128,934 states of 11 variables) 27,000 a second and 260 bytes each.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any, Generic, NamedTuple

from bookproof.models.states.fairness import Lasso, Way, failing
from bookproof.models.states.graph import Edge, StateGraph
from bookproof.models.states.model import Model, S, as_value
from bookproof.models.states.report import DEADLOCK, Report, Step, Verdict
from bookproof.spec.input_error import InputError

STATES = 5_000_000
"""So many states are enough, unless somebody asks for more: one or two gigabytes of them."""
SECONDS = 600.0

_BETWEEN = 256
"""States that are gone on from between two looks at the clock."""

Progress = Callable[[int, int], None]
"""Told now and then how many states were found, and how many of them wait to be gone on from."""


class Fault(NamedTuple):
    """What was found wrong, and the state that shows it."""

    violated: str
    why: str
    last: int
    """The last state of the counterexample but for `beyond`."""
    beyond: tuple[int, Any] | None = None
    """One more step: the instance, and the state that it leads to."""


class Space(Generic[S]):
    """Every state that was found, and how.

    >>> from bookproof.models.states.model import Action
    >>> hours = Model("clock", tuple(range(1, 13)), (Action("Tick", lambda hour: hour % 12 + 1),))
    >>> space = Space(hours)
    >>> space.explore()
    >>> len(space.states), space.generated, space.diameter
    (12, 24, 1)
    """

    def __init__(self, model: Model[S], *, keeps_edges: bool = False, judges: bool = True) -> None:
        self.model = model.checked()
        self.instances = model.instances()
        self.states: list[S] = []
        self.generated = 0
        self.edges = 0
        self.diameter = 0
        self.fault: Fault | None = None
        self.spent = ""
        """Which budget, if one is."""
        self.reached: dict[str, int] = {}
        self.initial: list[int] = []
        self.parents = array("i")
        """For each state the one that it was first found from; -1 for an initial state."""
        self.by = array("H")
        """The instance by which it was."""
        self.starts = array("q", [0])
        """If edges are kept: those of state n are from `starts[n]` to `starts[n + 1]`."""
        self.ends = array("i")
        self.done_by = array("H")
        self._keeps = keeps_edges
        self._judges = judges
        self._places: dict[S, int] = {}
        self._always = tuple(model.always.items()) if judges else ()
        self._sometimes = dict(model.sometimes)
        self._every_step = tuple(model.every_step.items()) if judges else ()
        self._shared: list[dict[Any, Any]] = []

    def explore(self, *, states: int = STATES, seconds: float = SECONDS, progress: Progress | None = None) -> None:
        """Find everything, or something wrong, or the end of the budget."""
        until = perf_counter() + seconds
        for state in self.model.initial:
            self.generated += 1
            if state not in self._places:
                self._find(state, -1, 0)
                if self.fault:
                    self.diameter = 1
                    return
        self.initial = list(range(len(self.states)))
        first, beyond = 0, len(self.states)
        while first < beyond:
            self.diameter += 1
            for at in range(first, beyond):
                if at % _BETWEEN == 0:
                    if perf_counter() > until:
                        self.spent = f"{seconds:g} seconds"
                    if progress:
                        progress(len(self.states), len(self.states) - at)
                self._go_on_from(at)
                if len(self.states) > states:
                    self.spent = f"{states:,} states"
                if self.fault or self.spent:
                    self.diameter += len(self.states) > beyond
                    return
            first, beyond = beyond, len(self.states)

    def _go_on_from(self, at: int) -> None:
        """Take every step out of a state."""
        state = self.states[at]
        places, within = self._places, self.model.within
        is_stuck = True
        for number, (_, arguments, next_state) in enumerate(self.instances):
            after = next_state(state, *arguments)
            if after is None:
                continue
            is_stuck = False
            self.generated += 1
            to = places.get(after)
            if to is None:
                if within is not None and not within(after):
                    self._judge_outside(after, at, number)
                    continue
                to = self._find(after, at, number)
            self.edges += 1
            if self._keeps:
                self.ends.append(to)
                self.done_by.append(number)
            if self._every_step and to != at and not self.fault:
                self._judge_step(state, after, at, number)
            if self.fault:
                return
        if self._keeps:
            self.starts.append(len(self.ends))
        if is_stuck and self._judges and not self.model.finished(state):
            self.fault = Fault(DEADLOCK, "Nobody can go on, and it is not finished.", at)

    def _find(self, state: S, parent: int, number: int) -> int:
        """Keep a new state, and judge it."""
        at = len(self.states)
        kept = self._sharing(state, parent)
        self._places[kept] = at
        self.states.append(kept)
        self.parents.append(parent)
        self.by.append(number)
        if self._sometimes:
            for name in [name for name, predicate in self._sometimes.items() if predicate(kept)]:
                del self._sometimes[name]
                self.reached[name] = self.diameter
        for name, predicate in self._always:
            if not predicate(kept):
                self.fault = Fault(name, f"{name} is not true of the last state.", at)
                break
        return at

    def _judge_outside(self, after: S, at: int, number: int) -> None:
        """A state beyond the constraint has to be right like any other."""
        for name, predicate in self._always:
            if not predicate(after):
                self.fault = Fault(name, f"{name} is not true of the last state.", at, (number, after))
                return
        self._judge_step(self.states[at], after, at, number)

    def _judge_step(self, before: S, after: S, at: int, number: int) -> None:
        for name, predicate in self._every_step:
            if not predicate(before, after):
                self.fault = Fault(name, f"{name} is not true of the last step.", at, (number, after))
                return

    def _sharing(self, state: S, parent: int) -> S:
        """The same state, made of values that others are made of: most variables have few values.

        Each variable has a table of its own, as Python takes FALSE for 0.
        """
        if not isinstance(state, tuple):
            return state
        if not self._shared:
            self._shared = [{} for _ in state]
        before: Any = self.states[parent] if parent >= 0 else (None,) * len(state)
        shared = [
            value if value is old else table.setdefault(value, value)
            for value, old, table in zip(state, before, self._shared, strict=True)
        ]
        make: Callable[[list[Any]], S] = getattr(type(state), "_make", type(state))
        return make(shared)

    # ── telling ──

    def way_to(self, at: int) -> Way:
        """The shortest way to a state, from an initial one."""
        way = [(at, self.by[at])]
        while (at := self.parents[at]) >= 0:
            way.append((at, self.by[at]))
        return way[::-1]

    def depths(self) -> list[int]:
        """How many steps each state is away from the initial states."""
        depths: list[int] = []
        for parent in self.parents:
            depths.append(depths[parent] + 1 if parent >= 0 else 0)
        return depths

    def leaving(self, at: int) -> Iterator[tuple[int, int]]:
        """The steps out of a state, if edges are kept: the instance, and where it leads."""
        first, beyond = self.starts[at], self.starts[at + 1]
        return zip(self.done_by[first:beyond], self.ends[first:beyond], strict=True)

    def step(self, number: int, state: S, *, is_first: bool = False) -> Step:
        """A state as a step of a trace."""
        shown = self.model.shown(state)
        if is_first:
            return Step("", (), shown)
        instance = self.instances[number]
        return Step(instance.action, tuple(map(as_value, instance.arguments)), shown)

    def trace(self, way: Way) -> tuple[Step, ...]:
        """A way as steps."""
        return tuple(self.step(by, self.states[at], is_first=not place) for place, (at, by) in enumerate(way))


def check(
    model: Model[S], *, states: int = STATES, seconds: float = SECONDS, progress: Progress | None = None
) -> Report:
    """Whether all that has to be true of a model is, in every state that it can be in.

    A budget that is spent decides nothing, however much was seen. What has to happen sooner or later is looked at when
    all states are known. Raises InputError for a model that cannot be judged.

    >>> from bookproof.models.states.model import Action
    >>> jug = Model("jug", (0,), (Action("Pour", lambda n, by: n + by, ((3,), (5,))),), {"Less": lambda n: n < 8})
    >>> print(*check(jug).lines(), sep="\\n")
    Less is not true of the last state.
      0. Init
           state = 0
      1. Pour(3)
           state = 3
      2. Pour(5)
           state = 8
    """
    began = perf_counter()
    space = Space(model, keeps_edges=bool(model.leads_to))
    space.explore(states=states, seconds=seconds, progress=progress)
    report = Report(
        model.name,
        Verdict.HOLDS,
        len(space.states),
        space.generated,
        space.diameter,
        space.edges,
        0.0,
        dict(sorted(space.reached.items())),
    )
    if space.fault:
        report = _told(report, space, space.fault)
    elif space.spent:
        why = f"{space.spent} were not enough to see all states; ask for more, or for a smaller model"
        report = report._replace(verdict=Verdict.UNDECIDED, why=why)
    elif missing := [name for name in model.sometimes if name not in space.reached]:
        why = f"{missing[0]} is true of no state that can be reached."
        report = report._replace(verdict=Verdict.VIOLATES, violated=missing[0], why=why)
    else:
        for name, properties in model.leads_to.items():
            lasso = next(filter(None, (failing(space, each) for each in properties)), None)
            if lasso:
                report = _told_for_ever(report, space, name, lasso)
                break
    return report._replace(seconds=perf_counter() - began)


def _told(report: Report, space: Space[S], fault: Fault) -> Report:
    trace = space.trace(space.way_to(fault.last))
    if fault.beyond:
        number, after = fault.beyond
        trace = (*trace, space.step(number, after))
    return report._replace(verdict=Verdict.VIOLATES, violated=fault.violated, why=fault.why, trace=trace)


def _told_for_ever(report: Report, space: Space[S], name: str, lasso: Lasso) -> Report:
    return report._replace(
        verdict=Verdict.VIOLATES,
        violated=name,
        why=f"{name} does not come about, though everybody who has to go on does.",
        trace=space.trace(lasso.way),
        back_to=lasso.back_to,
    )


def state_graph(
    model: Model[S], *, states: int = STATES, seconds: float = SECONDS, progress: Progress | None = None
) -> StateGraph:
    """All states of a model and all steps between them, whatever may be wrong with them.

    Raises InputError if the budget is spent before all are known.

    >>> from bookproof.models.states.model import Action
    >>> graph = state_graph(Model("lamp", (0,), (Action("Press", lambda n: 1 - n),)))
    >>> graph.states, graph.edges[1]
    ((Function({'state': 0}), Function({'state': 1})), Edge(source=1, action='Press', target=0, arguments=()))
    """
    space = Space(model, keeps_edges=True, judges=False)
    space.explore(states=states, seconds=seconds, progress=progress)
    if space.spent:
        raise InputError(
            f"model {model.name}", 0, "", f"all states within {space.spent}", "more", "ask for more, or for less model"
        )
    made = [(instance.action, tuple(map(as_value, instance.arguments))) for instance in space.instances]
    edges = tuple(
        Edge(source, made[number][0], target, made[number][1])
        for source in range(len(space.states))
        for number, target in space.leaving(source)
    )
    return StateGraph(tuple(map(model.shown, space.states)), tuple(space.initial), edges)
