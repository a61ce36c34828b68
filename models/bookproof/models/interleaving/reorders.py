"""The other orders of the stamps that one run stands for.

Two operations that hold different locks do not see each other, so a search runs them in one order only. Their stamps
tell, though: had the other one been first, its stamp would have been the smaller one, all else being the same. The rule
book may mind: an engine that halts the market by a flag that nobody reads gives the same answers either way, and they
are right in one order and wrong in the other. So a run is judged in every order of its stamps that its locks allow,
which takes the oracle and no further runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bookproof.engine.interface import Answer
from bookproof.models.concurrent.history import History, Operation
from bookproof.models.interleaving.program import Outcome, Told
from bookproof.models.interleaving.scheduler import Run
from bookproof.models.interleaving.witness import Witness

MOST_ORDERS = 2_000
"""Of one run, at most."""


class Reordered(NamedTuple):
    """What the same run would have come to with its stamps in another order."""

    history: History
    schedule: tuple[int, ...]
    """That makes it happen."""


def in_order(outcome: Outcome) -> list[int] | None:
    """The operations by stamp: for each, which of them come before it in every order (a bit for each).

    None if the stamps were not drawn from a counter of the scheduler: then there is nothing to tell.
    """
    told = by_stamp(outcome)
    drawn = _drawn(outcome.run, told)
    if drawn is None:
        return None
    events = outcome.run.events
    own: list[tuple[Told, int, int]] = []  # a bit; and when it was drawn, by the clock of its thread
    before: list[int] = []
    for each, at in zip(told, drawn, strict=True):
        thread = each.client
        clock = events[at].clock if at >= 0 else None  # there is none yet for what precedes all transitions
        first = 0
        for other, bit, then in own:
            if other.client == thread or (clock is not None and clock[other.client] >= then):
                first |= bit
        before.append(first)
        own.append((each, 1 << len(own), 1 if clock is None else clock[thread]))
    return before


def _one_order(before: Sequence[int]) -> bool:
    """Whether each comes after all that are before it."""
    return all(first == (1 << at) - 1 for at, first in enumerate(before))


def by_stamp(outcome: Outcome) -> list[Told]:
    """The operations in the order of their stamps."""
    return sorted(outcome.told, key=lambda each: each.answer.stamp)


def right_in_all(outcome: Outcome, witness: Witness) -> bool:
    """Whether every order of the stamps is seen to be explained at once. If not, `reordered` has them one by one."""
    history = outcome.history
    if history is None or _uncertain(outcome.run):
        return True
    before = in_order(outcome)
    if before is None or _one_order(before):
        return True
    return witness.in_every_order(history, by_stamp(outcome), before, MOST_ORDERS)


def _uncertain(run: Run) -> bool:
    """What races and is no point may come out otherwise in another order."""
    return any(race.cell not in run.points for race in run.races)


def reordered(outcome: Outcome) -> Iterator[Reordered]:
    """Every other order of the stamps that the locks of a run allow, `MOST_ORDERS` of them at most."""
    if _uncertain(outcome.run):
        return
    before = in_order(outcome)
    if before is None or outcome.history is None or _one_order(before):
        return
    told = by_stamp(outcome)
    drawn = _drawn(outcome.run, told)
    assert drawn is not None
    stamps = [each.answer.stamp for each in told]
    earlier = outcome.history.operations[: len(outcome.history.operations) - len(told)]
    for count, order in enumerate(_extensions(before)):
        if count == MOST_ORDERS:
            return
        if order == list(range(len(told))):
            continue
        operations = tuple(  # one after the other: their real times were those of the run that was made
            Operation(each.client, each.command, 2 * at, 2 * at + 1, Answer(stamps[at], each.answer.events))
            for at, each in enumerate(told[place] for place in order)
        )
        history = outcome.history._replace(operations=(*earlier, *operations))
        yield Reordered(history, _schedule(outcome.run, [drawn[place] for place in order]))


def _extensions(before: Sequence[int]) -> Iterator[list[int]]:
    """Every way to put so many things in a row, each after those that come before it."""
    chosen: list[int] = []

    def further(done: int) -> Iterator[list[int]]:
        if len(chosen) == len(before):
            yield list(chosen)
            return
        for at, needed in enumerate(before):
            if not done >> at & 1 and not needed & ~done:
                chosen.append(at)
                yield from further(done | 1 << at)
                chosen.pop()

    return further(0)


def _drawn(run: Run, told: list[Told]) -> list[int] | None:
    """The transition in which each stamp was drawn; None if one was drawn elsewhere, or twice."""
    by_number = {(draw.number, draw.thread): draw.event for draw in run.draws}
    found = [by_number.get((each.answer.stamp, each.client)) for each in told]
    counters = {draw.counter for draw in run.draws}
    events = [event for event in found if event is not None]
    return events if len(events) == len(told) and len(counters) == 1 else None


def _schedule(run: Run, drawn: list[int]) -> tuple[int, ...]:
    """The same transitions, in an order in which these come one after the other."""
    done: list[int] = []
    for last in (*drawn, *range(len(run.events))):
        if last < 0 or last in done:
            continue
        clock = run.events[last].clock
        needed = [
            at
            for at, event in enumerate(run.events[: last + 1])
            if at not in done and event.clock[event.thread] <= clock[event.thread]
        ]
        done += needed
    return tuple(run.events[at].thread for at in done)
