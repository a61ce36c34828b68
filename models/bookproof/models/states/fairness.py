"""Whether something happens sooner or later, given that whoever can go on does so.

`first ~> then` fails when there is a behaviour that comes to a state where `first` is so and `then` is not, stays
among states where `then` is not, and is fair. It has no end, but may stop changing anything: every state may follow
itself. There are finitely many states, so in the end it goes round within one strongly connected component of the
states where `then` is not so; which need not be more than one state, where nothing happens any more.

Weak fairness of an action A allows a behaviour to go round for ever if A is disabled in one of its states, or if A is
done on one of its steps. Both are the easier the more of the component it visits: if visiting all of it again and again
is not fair, nothing within it is.

Strong fairness of A allows it if A is disabled in all of its states, or done on one of its steps. So if A is never done
within a component, a fair behaviour can only be in what remains without the states where A is enabled: in one of the
components which that falls apart into (Emerson and Lei 1987).

A step that changes nothing neither enables nor does anything: `WF_vars(A)` speaks of `<<A>>_vars`.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple, Protocol

from bookproof.models.states.model import LeadsTo, Model

Way = list[tuple[int, int]]
"""States one after the other, each with the instance of an action that led there."""


class Explored(Protocol):
    """All states of a model, and the steps between them: a `search.Space` that keeps its edges."""

    model: Model[Any]
    states: list[Any]
    initial: list[int]

    def leaving(self, at: int) -> Iterable[tuple[int, int]]:
        """The steps out of a state: the instance, and where it leads."""
        ...

    def way_to(self, at: int) -> Way:
        """The shortest way to a state, from an initial one."""
        ...

    def depths(self) -> list[int]:
        """How many steps each state is away from the initial states."""
        ...


class Lasso(NamedTuple):
    """A behaviour without end."""

    way: Way
    """It ends in a state that is in it already, and from there goes on as it did: round and round."""
    back_to: int
    """The place of that state in the way. If it is the last place, nothing happens any more."""


def failing(space: Explored, property_: LeadsTo[Any]) -> Lasso | None:
    """A fair behaviour in which it never comes about; None if there is none.

    The way to where it goes round is the shortest there is. The round itself visits what fairness asks for, one after
    the other by the shortest way, which need not be the shortest round.

    >>> from bookproof.models.states.model import Action, Fairness, eventually
    >>> from bookproof.models.states.search import Space
    >>> tick = Action("Tick", lambda n: n + 1 if n < 3 else None)
    >>> for fair in ((), (Fairness(("Tick",), each=False),)):
    ...     space = Space(Model("count", (0,), (tick,), fair=fair), keeps_edges=True)
    ...     space.explore()
    ...     print(failing(space, eventually(lambda n: n == 3)[0]))
    Lasso(way=[(0, 0)], back_to=0)
    None
    """
    return _Hunt(space, property_).lasso()


class _Hunt:
    """The search for one behaviour in which one property never comes about.

    Groups of actions that have to be fair are bits of a number.
    """

    def __init__(self, space: Explored, property_: LeadsTo[Any]) -> None:
        self.space = space
        groups = space.model.groups()
        self.weak = sum(1 << bit for bit, group in enumerate(groups) if not group.strong)
        self.strong = sum(1 << bit for bit, group in enumerate(groups) if group.strong)
        self.groups_of = [
            sum(1 << bit for bit, group in enumerate(groups) if number in group.instances)
            for number in range(len(space.model.instances()))
        ]
        self.lacking = [not property_.then(state) for state in space.states]
        """Whether `then` is not so."""
        first = property_.first
        places = space.initial if first is None else range(len(space.states))
        self.begins = [at for at in places if self.lacking[at] and (first is None or first(space.states[at]))]
        self.from_: dict[int, tuple[int, int]] = {}
        """Of every state that can be come to without `then`: the one before it and the instance; -1 where it begins."""

    def lasso(self) -> Lasso | None:
        """The behaviour, if there is one."""
        nearest = self._spread()
        where: dict[int, set[int]] = {}
        for component in self._fair_components(nearest):
            where |= dict.fromkeys(component, component)
        enters = next((at for at in nearest if at in where), None)
        if enters is None:
            return None
        way = self._way_to(enters)
        return Lasso(way + self._round(enters, where[enters]), len(way) - 1)

    def _fair_components(self, places: Iterable[int]) -> Iterator[set[int]]:
        """All that it is fair to go round in, and visit again and again."""
        among = [set(places)]
        while among:
            inside = among.pop()
            for component in components(sorted(inside), partial(self._others, inside)):
                there = set(component)
                enabled, disabled, done = self._of(there)
                if self.weak & ~disabled & ~done:
                    continue
                starved = self.strong & enabled & ~done
                if not starved:
                    yield there
                else:
                    among.append({at for at in there if not starved & self._enabled(at)})

    def _others(self, inside: set[int], at: int) -> list[int]:
        return [to for _, to in self._steps(at) if to in inside]

    def _of(self, component: set[int]) -> tuple[int, int, int]:
        """Groups that are enabled somewhere in it, disabled somewhere in it, and done on a step within it."""
        somewhere = nowhere = done = 0
        for at in component:
            enabled = self._enabled(at)
            somewhere |= enabled
            nowhere |= ~enabled
            for number, to in self._steps(at):
                if to in component:
                    done |= self.groups_of[number]
        return somewhere, nowhere, done

    def _spread(self) -> list[int]:
        """All states that can be come to while it lacks, the nearest to the initial states first."""
        depths = self.space.depths()
        waves: defaultdict[int, list[tuple[int, int, int]]] = defaultdict(list)
        for at in self.begins:
            waves[depths[at]].append((at, -1, -1))
        depth = 0
        while waves:
            for at, before, by in waves.pop(depth, ()):
                if at in self.from_:
                    continue
                self.from_[at] = before, by
                waves[depth + 1] += [(to, at, number) for number, to in self._steps(at) if to not in self.from_]
            if not waves[depth + 1]:
                del waves[depth + 1]
            depth += 1
        return list(self.from_)

    def _steps(self, at: int) -> Iterator[tuple[int, int]]:
        """Steps to other states where it lacks."""
        return ((number, to) for number, to in self.space.leaving(at) if to != at and self.lacking[to])

    def _enabled(self, at: int) -> int:
        """The groups one of whose actions would change something in a state."""
        enabled = 0
        for number, to in self.space.leaving(at):
            if to != at:
                enabled |= self.groups_of[number]
        return enabled

    def _way_to(self, at: int) -> Way:
        """From an initial state to where it begins to wait, and on to where it goes round."""
        waiting: Way = []
        while (step := self.from_[at])[0] >= 0:
            waiting.append((at, step[1]))
            at = step[0]
        return self.space.way_to(at) + waiting[::-1]

    def _round(self, enters: int, inside: set[int]) -> Way:
        """Steps from a state to itself that are fair to everybody; none if it is fair to stay there."""
        round_: Way = []
        now = enters
        left = self.strong & self._of(inside)[0] | self.weak & self._enabled(enters)
        while left:
            path = self._path(now, inside, partial(self._serves, left))
            for to, number in path:
                left &= ~(self.groups_of[number] | self.weak & ~self._enabled(to))
                now = to
            round_ += path
        return round_ if now == enters else round_ + self._path(now, inside, lambda _, to: to == enters)

    def _serves(self, groups: int, number: int, to: int) -> bool:
        """Whether a step is what one of these groups waits for: it is done, or, if weakly fair, disabled after it."""
        return bool(groups & (self.groups_of[number] | self.weak & ~self._enabled(to)))

    def _path(self, start: int, inside: set[int], ends: Callable[[int, int], bool]) -> Way:
        """The shortest way within a component whose last step is such a one."""
        before: dict[int, tuple[int, int]] = {}
        queue = deque([start])
        while True:  # a component is strongly connected, so there is a way
            at = queue.popleft()
            for number, to in self._steps(at):
                if to not in inside:
                    continue
                if ends(number, to):
                    path = [(to, number)]
                    while at != start:
                        earlier, by = before[at]
                        path.append((at, by))
                        at = earlier
                    return path[::-1]
                if to not in before and to != start:
                    before[to] = at, number
                    queue.append(to)


def components(places: Iterable[int], after: Callable[[int], Iterable[int]]) -> Iterator[list[int]]:
    """The strongly connected components of a graph, each place in exactly one (Tarjan 1972).

    >>> ring = {0: [1], 1: [2], 2: [0, 3], 3: []}
    >>> sorted(map(sorted, components([0, 1, 2, 3], ring.__getitem__)))
    [[0, 1, 2], [3]]
    """
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    """The earliest place, by its index, that is known to be in the same component."""
    stack: list[int] = []
    open_: set[int] = set()
    for root in places:
        calls = [] if root in index else [(root, iter(after(root)))]
        if calls:
            index[root] = low[root] = len(index)
            stack.append(root)
            open_.add(root)
        while calls:
            at, others = calls[-1]
            for to in others:
                if to not in index:
                    index[to] = low[to] = len(index)
                    stack.append(to)
                    open_.add(to)
                    calls.append((to, iter(after(to))))
                    break
                if to in open_:
                    low[at] = min(low[at], index[to])
            else:
                calls.pop()
                if calls:
                    low[calls[-1][0]] = min(low[calls[-1][0]], low[at])
                if low[at] == index[at]:
                    component: list[int] = []
                    while not component or component[-1] != at:
                        component.append(stack.pop())
                    open_.difference_update(component)
                    yield component
