"""What runs have in common: the trace of a run, and in how many orders it could have been made."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

from bookproof.models.interleaving.scheduler import Run


def trace_of(run: Run) -> Hashable:
    """The same for two runs that differ only in the order of transitions that do not depend on each other."""
    return tuple(sorted((event.thread, event.clock) for event in run.events))


class Ways(NamedTuple):
    """How many orders there are."""

    orders: int
    exact: bool
    """Whether there are no more than that."""


def linearizations(run: Run, most: int = 2_000) -> Ways:
    """How many schedules have the trace of this run: as many as its transitions have orders that keep to what happens
    before what. The sum over all traces is how many runs a naive search makes.

    Cost: a step for each set of transitions that can be the first ones of a run. Where there are more than `most` of
    one size, the commonest are followed, and the count is a lower bound.

    >>> from bookproof.models.interleaving.scheduler import Scheduler
    >>> scheduler = Scheduler(3)
    >>> def take(name):
    ...     with scheduler.lock(name):
    ...         pass
    >>> scripts = [lambda: take("one"), lambda: take("one"), lambda: take("another")]
    >>> linearizations(scheduler.run(scripts, lambda wanted, able: min(able)))
    Ways(orders=3, exact=True)
    >>> scheduler.close()
    """
    own: dict[int, list[tuple[int, ...]]] = {}
    for event in run.events:
        own.setdefault(event.thread, []).append(event.clock)
    places: dict[int, tuple[int, int]] = {}
    offset = 0
    for thread, clocks in own.items():
        places[thread] = offset, clocks[0][thread] - 1
        offset += len(clocks)
    # A bit for each transition, thread by thread; those done of a thread are the lowest of its bits.
    chains: list[tuple[int, int, list[tuple[int, int]]]] = []
    for thread, clocks in own.items():
        start = places[thread][0]
        chain: list[tuple[int, int]] = []
        for at, clock in enumerate(clocks):
            needs = 0
            for other, (first, unborn) in places.items():
                if other != thread and clock[other] > unborn:
                    needs |= ((1 << (clock[other] - unborn)) - 1) << first
            chain.append((1 << (start + at), needs))
        chains.append((start, (1 << len(chain)) - 1, chain))
    layer = {0: 1}
    exact = True
    for _ in range(offset):
        following: dict[int, int] = {}
        for done, ways in layer.items():
            for start, full, chain in chains:
                at = ((done >> start) & full).bit_length()
                if at < len(chain):
                    bit, needs = chain[at]
                    if not needs & ~done:
                        following[done | bit] = following.get(done | bit, 0) + ways
        if len(following) > most:
            following = dict(sorted(following.items(), key=lambda item: -item[1])[:most])
            exact = False
        layer = following
    return Ways(next(iter(layer.values())), exact)
