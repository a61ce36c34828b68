"""Why a switch from one thread to another matters: the accesses of the two that conflict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from bookproof.models.interleaving.scheduler import Race
from bookproof.models.interleaving.trace import Step
from bookproof.models.interleaving.words import letter


class Switch(NamedTuple):
    """One thread stops, and another goes on."""

    at: int
    """The first step of the one that goes on."""
    leaves: int
    """The thread that stops."""
    enters: int
    """The thread that goes on."""
    why: str
    """What would be otherwise if it had not."""
    conflict: tuple[int, ...] = ()
    """The steps that conflict, in their order."""


class Wait(NamedTuple):
    """A thread waits for a lock that another holds."""

    thread: int
    place: str
    holder: int | None
    """None if nobody holds it who could leave it."""


def switches_of(steps: Sequence[Step]) -> list[Switch]:
    """Every switch of a run, with its reason. How threads start, one after the other, is none.

    >>> first = Step(0, "reads", "book A", "order 1: 1 open", turn=1, touched=(("book A", False),))
    >>> second = Step(1, "writes", "book A", "cancel", turn=2, touched=(("book A", True),))
    >>> again = Step(0, "writes", "book A", "fill", turn=3, touched=(("book A", True),))
    >>> for switch in switches_of([first, second, again]):
    ...     print(switch.why)
    A has read book A; now B writes it, and A goes on with what it has seen
    A goes on with book A as it saw it, and B has changed it since
    """
    begun = [at for at, step in enumerate(steps) if step.turn and step.verb != "waits for"]
    found: list[Switch] = []
    for before, at in pairwise(begun):
        one, other = steps[before].thread, steps[at].thread
        if one != other:
            end = next((each for each in begun if each > at and steps[each].thread != other), begun[-1] + 1)
            found.append(_explained(steps, at, end, one, other))
    return found


def _explained(steps: Sequence[Step], at: int, end: int, one: int, other: int) -> Switch:
    left, right = letter(one), letter(other)
    now = [each for each in range(at, end) if steps[each].thread == other]
    past = [each for each in range(at) if steps[each].thread == one]
    future = [each for each in range(end, len(steps)) if steps[each].thread == one]
    ahead = [each for each in future if steps[each].verb in ("takes", "waits for")]
    if ahead:
        held = _holder(steps, at, steps[ahead[0]].place)
        if held is not None and held != one:
            place = steps[ahead[0]].place
            return Switch(at, one, other, f"{left} has to wait for {place}, which {letter(held)} holds", (ahead[0],))
    for each in now:
        thrown = _holder(steps, each, steps[each].place) if steps[each].verb == "leaves" else other
        if thrown is not None and thrown != other:
            why = f"{right} leaves {steps[each].place}, which {letter(thrown)} holds"
            return Switch(at, one, other, why, (each,))
    just = [each for each in past if all(step.thread == one for step in steps[each:at])]
    if steps[at].verb != "calls":
        before = [each for each in range(at) if steps[each].thread == other]
        met = _conflict(steps, _since_call(steps, before), just)
        if met is not None:
            cell, mine, theirs = met
            saw = "left" if _writes(steps[mine], cell) else "saw"
            did = "changed" if _writes(steps[theirs], cell) else "read"
            why = f"{right} goes on with {cell} as it {saw} it, and {left} has {did} it since"
            return Switch(at, one, other, why, (mine, theirs))
    going_on = future and steps[future[0]].verb != "calls"
    if going_on:
        met = _conflict(steps, _since_call(steps, past), now)
        if met is not None:
            cell, mine, theirs = met
            did = "read" if not _writes(steps[mine], cell) else "changed"
            does = _does(steps[theirs], cell)
            why = f"{left} has {did} {cell}; now {right} {does} it, and {left} goes on with what it has seen"
            if did == "changed":
                why = f"{left} has changed {cell} and is not through; now {right} {does} it"
            return Switch(at, one, other, why, (mine, theirs))
    met = _conflict(steps, now, future)
    if met is not None:
        cell, theirs, mine = met
        does, then = _does(steps[theirs], cell), _does(steps[mine], cell)
        return Switch(at, one, other, f"{right} {does} {cell} before {left} {then} it", (theirs, mine))
    taken = {steps[each].place for each in now if steps[each].verb in ("takes", "draws")}
    wanted = next((each for each in future if steps[each].place in taken), None)
    if wanted is not None:
        verb = "draws a" if steps[wanted].verb == "draws" else "takes"
        waits = ", which waits for it ever after" if steps[wanted].verb == "waits for" else ""
        return Switch(at, one, other, f"{right} {verb} {steps[wanted].place} before {left}{waits}", (now[0], wanted))
    met = _conflict(steps, past, now)
    if met is not None:
        cell, mine, theirs = met
        did = "wrote" if _writes(steps[mine], cell) else "read"
        does = _does(steps[theirs], cell)
        return Switch(at, one, other, f"{left} {did} {cell} before {right} {does} it", (mine, theirs))
    why = f"{left} is done" if not future else f"nothing that {right} does here conflicts with {left}"
    return Switch(at, one, other, why)


def _does(step: Step, cell: str) -> str:
    return "writes" if _writes(step, cell) else "reads"


def _since_call(steps: Sequence[Step], past: Sequence[int]) -> list[int]:
    """What a thread has done in the command that it is in."""
    begun = max((each for each in past if steps[each].verb == "calls"), default=-1)
    return [each for each in past if each > begun]


def _conflict(steps: Sequence[Step], first: Sequence[int], then: Sequence[int]) -> tuple[str, int, int] | None:
    """A cell that both touch, one of them to change it: the last that the first of them does, the first of the other.

    What is of interest only in the full trace comes last.
    """
    best: tuple[tuple[bool, bool], str, int, int] | None = None
    for mine in reversed(first):
        for cell, changes in steps[mine].touched:
            for theirs in then:
                both = changes, any(writes for name, writes in steps[theirs].touched if name == cell)
                if any(name == cell for name, _ in steps[theirs].touched) and any(both):
                    rank = steps[mine].minor, steps[theirs].minor
                    if best is None or rank < best[0]:
                        best = rank, cell, mine, theirs
    return None if best is None else best[1:]


def _writes(step: Step, cell: str) -> bool:
    return any(name == cell and changes for name, changes in step.touched)


def _holder(steps: Sequence[Step], before: int, place: str) -> int | None:
    """Who holds a lock before a step."""
    for step in reversed(steps[:before]):
        if step.place == place and step.verb in ("takes", "leaves"):
            return step.thread if step.verb == "takes" else None
    return None


def waits_of(steps: Sequence[Step]) -> list[Wait]:
    """Who waits for whom when nobody can go on.

    >>> waits_of([Step(0, "takes", "stripe 0"), Step(1, "waits for", "stripe 0")])
    [Wait(thread=1, place='stripe 0', holder=0)]
    """
    waiting = [step for step in steps if step.verb == "waits for"]
    return [Wait(step.thread, step.place, _holder(steps, len(steps), step.place)) for step in waiting]


def racing_in(steps: Sequence[Step], races: Iterable[Race]) -> set[int]:
    """The steps that race: for each race, of either thread the first that touches the cell without the other's leave.

    >>> one = Step(0, "writes", "book A", turn=1, touched=(("book A", True),))
    >>> other = Step(1, "reads", "book A", turn=2, touched=(("book A", False),))
    >>> sorted(racing_in([one, other], [Race("A", (0, 1))]))
    [0, 1]
    """
    found: set[int] = set()
    for race in races:
        names = {race.cell, f"book {race.cell}"}
        first, then = (
            [at for at, step in enumerate(steps) if step.thread == thread and names & dict(step.touched).keys()]
            for thread in race.threads
        )
        pairs = [
            (steps[one].minor + steps[other].minor, one, other)
            for one in first
            for other in then
            if one != other and any(_writes(steps[at], name) for at in (one, other) for name in names)
        ]
        if pairs:
            found |= set(min(pairs)[1:])
    return found


class Held(NamedTuple):
    """A lock in the hands of a thread."""

    place: str
    thread: int
    begin: int
    """The step at which it takes it."""
    end: int
    """The step at which it leaves it; one more than there are, if it never does."""


def held_in(steps: Sequence[Step]) -> list[Held]:
    """Which thread holds which lock from where to where.

    >>> held_in([Step(0, "takes", "stripe 0"), Step(0, "draws", "stamp", "1"), Step(0, "leaves", "stripe 0")])
    [Held(place='stripe 0', thread=0, begin=0, end=2)]
    """
    open_: dict[str, tuple[int, int]] = {}
    found: list[Held] = []
    for at, step in enumerate(steps):
        if step.verb == "takes":
            open_[step.place] = step.thread, at
        elif step.verb == "leaves" and step.place in open_:
            thread, begin = open_.pop(step.place)
            found.append(Held(step.place, thread, begin, at))
    found += [Held(place, thread, begin, len(steps)) for place, (thread, begin) in open_.items()]
    return sorted(found, key=lambda each: each.begin)
