"""Runs that get nowhere: what kind of standstill it is, and who waits for whom.

=============  ========================================================================================================
deadlock       threads wait for locks, in a circle or behind one that waits for a signal or has ended
lost wake-up   the others have ended, and somebody waits to be woken, for a permit or for a flag: nobody will do it
livelock       everybody has its turn and makes its steps, the same ones over and over, and nothing gets done
starvation     everybody has its turn, and somebody asks for a lock while another one takes it again and again
=============  ========================================================================================================

The first two are facts: nobody can go on. A livelock is told from its lasso: under a scheduler that gives everybody
its turn the last steps of a run that was given up are the same ones three times over, and no operation has returned
meanwhile. That is no proof that it goes on for ever, as an engine may count its tries; a thread that spins while
another one, which could end it, is not given its turn is no livelock. Starvation is a measure, of that one run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from bookproof.models.interleaving.actions import BLOCKING, Action
from bookproof.models.interleaving.scheduler import Run, told
from bookproof.models.interleaving.words import letter

PATIENCE = 6
"""How often another thread may take what one asks for, in a fair run, before that is called starvation."""

_LONGEST_LASSO = 60
_ROUNDS = 3


class Stuck(NamedTuple):
    """A standstill."""

    kind: str
    story: str


class RoundRobin:
    """A fair scheduler: whoever can go on has its turn, one after the other, so many transitions each.

    >>> turns, wanted = RoundRobin(), {at: Action("take", "stripe") for at in range(3)}
    >>> [turns(wanted, frozenset({0, 2})) for _ in range(4)]
    [0, 2, 0, 2]
    """

    def __init__(self, steps: int = 1) -> None:
        self._steps = steps
        self._last, self._made = -1, 0

    def __call__(self, wanted: Mapping[int, Action], able: frozenset[int]) -> int:
        """Who goes on."""
        if self._last in able and self._made < self._steps:
            self._made += 1
        else:
            later = [thread for thread in able if thread > self._last]
            self._last, self._made = min(later or able), 1
        return self._last

    def after(self, thread: int) -> RoundRobin:
        """The same, when this thread has had its turn."""
        self._last, self._made = thread, self._steps
        return self


def standstill(run: Run) -> Stuck | None:
    """What kind of standstill a run came to, or None if it came to its end."""
    if run.endless:
        return _livelock(run)
    if run.cut or not run.waiting or run.spun & run.waiting.keys():
        return None  # who was made to wait for what it only tried may have done something else: see `Run.spun`
    story = "; ".join(_waits(run, thread, action) for thread, action in sorted(run.waiting.items()))
    behind = {run.holders[action.place] for action in run.waiting.values() if action.place in run.holders}
    signals = {thread for thread, action in run.waiting.items() if action.place not in run.holders}
    if signals and not behind & run.waiting.keys():
        return Stuck("lost wake-up", f"{story}, and nobody is left to do it")
    return Stuck("deadlock", story)


def circle(run: Run) -> tuple[int, ...]:
    """The threads of which each waits for a lock that the next one holds; none if there is no such circle."""
    for first in sorted(run.waiting):
        seen: list[int] = []
        at = first
        while at in run.waiting and at not in seen:
            seen.append(at)
            at = run.holders.get(run.waiting[at].place, -1)
        if at in seen:
            return tuple(seen[seen.index(at) :])
    return ()


def _waits(run: Run, thread: int, action: Action) -> str:
    place, name = action.place, letter(thread)
    holder = run.holders.get(place)
    if action.kind == "sleep":
        return f"{name} waits at {place} to be woken"
    if action.kind == "wait":
        return f"{name} waits for {place} to be raised"
    if holder is None:
        return f"{name} waits for {place} to be given"
    return f"{name} waits for {place}, which {letter(holder)} holds"


def lines(run: Run) -> tuple[str, ...]:
    """Where in the source each of the waiting stands, if the run was told: those of a circle first."""
    first = circle(run)
    in_turn = (*first, *(thread for thread in sorted(run.waiting) if thread not in first))
    return tuple(
        f"{letter(thread)} waits for {run.waiting[thread].place} at {run.where[thread]}"
        for thread in in_turn
        if thread in run.where
    )


def _livelock(run: Run) -> Stuck | None:
    """The lasso of a run that was given up, if there is one."""
    begun = run.returns[-1][1] if run.returns else 0
    steps = [(event.thread, event.action) for event in run.events[begun:]]
    for length in range(1, min(_LONGEST_LASSO, len(steps) // _ROUNDS) + 1):
        lasso = steps[-length:]
        if steps[-length * _ROUNDS :] != lasso * _ROUNDS:
            continue
        turning = {thread for thread, _ in lasso}
        if all(thread in turning or _blocked(run, action) for thread, action in run.waiting.items()):
            named = " and ".join(letter(thread) for thread in sorted(turning))
            told_in_turn = "; ".join(f"{letter(thread)} {told(action)}" for thread, action in lasso)
            going = "go round and get" if len(turning) > 1 else "goes round and gets"
            return Stuck("livelock", f"{named} {going} nothing done: {told_in_turn}; and so on")
        return None
    return None


def _blocked(run: Run, action: Action) -> bool:
    return action.kind in BLOCKING and (action.kind != "take" or action.place in run.holders)


class Overtaken(NamedTuple):
    """How often one thread took what another one was asking for."""

    thread: int
    by: int
    place: str
    times: int


def overtaken(run: Run) -> Overtaken | None:
    """The longest wait of a run, by how often one other thread took what was asked for meanwhile."""
    worst: Overtaken | None = None
    for thread, place, begun, ended in _requests(run):
        takers = [event.thread for event in run.events[begun:ended] if event.action in _taking(place)]
        for other in set(takers) - {thread}:
            times = takers.count(other)
            if worst is None or times > worst.times:
                worst = Overtaken(thread, other, place, times)
    return worst


def starved(run: Run) -> Stuck | None:
    """Starvation in a fair run, if it is worse than one may bear."""
    worst = None if run.endless else overtaken(run)  # where nobody gets anywhere, everybody starves
    if worst is None or worst.times < PATIENCE:
        return None
    one, other = letter(worst.thread), letter(worst.by)
    return Stuck("starvation", f"{other} takes {worst.place} {worst.times} times while {one} asks for it")


def _taking(place: str) -> Sequence[Action]:
    return (Action("take", place), Action("win", place))


def _requests(run: Run) -> Iterator[tuple[int, str, int, int]]:
    """Who asked for what, from which transition to which. Who tries in vain asks until it gets it, or returns."""
    tried: dict[int, tuple[str, int]] = {}
    free: dict[int, int] = {}
    returns = list(run.returns)
    for at, event in enumerate(run.events):
        while returns and returns[0][1] <= at:
            tried.pop(returns.pop(0)[0], None)
        thread, (kind, place) = event.thread, event.action
        asked, begun = tried.get(thread, ("", 0))
        if asked != place:
            begun = free.get(thread, 0)
        if kind == "fail":
            tried.setdefault(thread, (place, begun))
        elif kind in ("take", "win"):
            yield thread, place, begun, at
            if asked == place:
                del tried[thread]
        free[thread] = at + 1
    for thread, action in run.waiting.items():
        if thread in tried or action.kind in ("take", "win", "fail"):
            place, begun = tried.get(thread, (action.place, free.get(thread, 0)))
            yield thread, place, begun, len(run.events)
