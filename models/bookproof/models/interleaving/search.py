"""Which schedules to run, so that every order that can matter is among them, and as few as that takes.

Two transitions of different threads *depend* on each other if they take the same lock, or touch the same racing cell
and one of them changes it. Runs that differ only in the order of transitions that do not depend on each other are the
same (a Mazurkiewicz trace), so one of each is enough.

`reduced` is source-DPOR with sleep sets (Abdulla, Aronis, Jonsson, Sagonas, POPL 2014): run one schedule, find the
pairs that race in it, and where a race could have gone the other way, note a thread that leads there. `naive` runs
every schedule there is, as the referee.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from bookproof.models.interleaving.scheduler import Action, Choose, Event, Run

Execute = Callable[[Choose], Run]
"""Runs a program from its beginning, as `Choose` says."""


class _Node:
    """A point of the run that is being varied: what could be done there, what has been, and what need not be."""

    __slots__ = ("able", "asleep", "chosen", "todo", "wanted")

    def __init__(self, wanted: Mapping[int, Action], able: frozenset[int], asleep: dict[int, Action]) -> None:
        self.wanted = dict(wanted)
        self.able = able
        self.asleep = asleep
        self.todo: set[int] = set()
        self.chosen = -1


def reduced(execute: Execute) -> Iterator[Run]:
    """One run of every trace. A run that is `cut` is redundant: it was noticed too late that it has been there before.

    Stop asking whenever you like; the search is exhausted when the iterator ends.
    """
    path: list[_Node] = []
    while True:
        depth = 0

        def choose(wanted: Mapping[int, Action], able: frozenset[int]) -> int | None:
            nonlocal depth
            if depth == len(path):
                path.append(_Node(wanted, able, _still_asleep(path)))
                node = path[depth]
                awake = able - node.asleep.keys()
                if not awake:
                    path.pop()
                    return None
                last = path[depth - 1].chosen if depth else -1
                # Who tries in vain would only try again: another one first.
                willing = {thread for thread in awake if wanted[thread].kind != "fail"} or awake
                node.chosen = last if last in willing else min(willing)
                node.todo.add(node.chosen)
            node = path[depth]
            depth += 1
            return node.chosen

        run = execute(choose)
        yield run
        _note_races(path, run)
        while path:
            node = path[-1]
            node.asleep[node.chosen] = node.wanted[node.chosen]
            awake = node.todo - node.asleep.keys()
            if awake:
                node.chosen = min(awake)
                break
            path.pop()
        else:
            return


def _still_asleep(path: list[_Node]) -> dict[int, Action]:
    """Who need not be tried after the last transition: it was tried before it, and the two do not depend."""
    if not path:
        return {}
    node = path[-1]
    done = node.wanted[node.chosen]
    return {
        thread: action
        for thread, action in node.asleep.items()
        if thread != node.chosen and not action.depends_on(done)
    }


def _note_races(path: list[_Node], run: Run) -> None:
    """Where a race of this run could have gone the other way, note who has to go first for that."""
    events = list(run.events)
    happened = len(events)
    # A thread that could not go on takes part in races by what it waited for.
    for thread, action in run.waiting.items():
        events.append(Event(thread, action, (), run.clocks[thread]))
    lasts: dict[str, list[int]] = {}
    for at, event in enumerate(events):
        earlier = lasts.setdefault(event.action.place, [])
        for first in reversed(earlier):
            other = events[first]
            if other.thread == event.thread or not other.action.depends_on(event.action):
                continue
            if other.clock[other.thread] > event.before[other.thread] and not _opens(other.action, event.action):
                _note(path, events, happened, first, at)
            if other.action.kind in _SERIAL:  # all that it depends on happened before it
                break
        if at < happened:
            earlier.append(at)


def _note(path: list[_Node], events: list[Event], happened: int, first: int, second: int) -> None:
    node = path[first]
    mover = events[first]
    between = range(first + 1, min(second, happened))
    free = [at for at in between if not _happens_before(mover, events[at])] + [second]
    initials: set[int] = set()
    seen: set[int] = set()
    for place, at in enumerate(free):
        thread = events[at].thread
        if thread not in seen:
            seen.add(thread)
            if not any(_precedes(events[other], events[at], at == second) for other in free[:place]):
                initials.add(thread)
    able = initials & node.able
    # Nobody is able where the second could begin only because of the first: there is no other way round.
    if able and not initials & (node.todo | node.asleep.keys()):
        node.todo.add(min(able))


_SERIAL = frozenset({"take", "win", "write", "draw"})


def _opens(one: Action, other: Action) -> bool:
    """Whether a lock had to be left before it could be taken: then it is the takes that race."""
    return one.kind == "leave" and other.kind == "take"


def _happens_before(one: Event, other: Event) -> bool:
    return other.clock[one.thread] >= one.clock[one.thread]


def _precedes(one: Event, other: Event, is_last: bool) -> bool:
    """Whether one transition has to come first; of the racing one, by other ways than the race."""
    if is_last:
        return other.before[one.thread] >= one.clock[one.thread] or one.action.depends_on(other.action)
    return _happens_before(one, other)


def naive(execute: Execute, switches: int | None = None) -> Iterator[Run]:
    """Every schedule; or every one that goes from one thread to another at most so many times, the rest being `cut`."""
    path: list[tuple[list[int], int]] = []
    while True:
        depth = spent = 0
        last = -1

        def choose(wanted: Mapping[int, Action], able: frozenset[int]) -> int | None:
            nonlocal depth, spent, last
            if depth == len(path):
                tired = switches is not None and spent >= switches and last >= 0
                may = sorted(able & {last} if tired else able)
                if not may:
                    return None
                path.append((may, 0))
            able_then, at = path[depth]
            depth += 1
            chosen = able_then[at]
            spent += chosen != last and last >= 0
            last = chosen
            return chosen

        yield execute(choose)
        while path:
            able_then, at = path.pop()
            if at + 1 < len(able_then):
                path.append((able_then, at + 1))
                break
        else:
            return
