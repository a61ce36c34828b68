"""Places in the order of their times, for millions of them: without an object for each place and for each time."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence

_RUN = 1 << 15
"""Places that are looked at together."""


def in_turn(times: array[int]) -> Sequence[int]:
    """The same as `sorted(range(len(times)), key=times.__getitem__)`, and hardly any memory beside it.

    Times of a history are nearly in order already. So a few of them are sorted at a time, and whatever comes before
    all that were not looked at yet has its place.

    >>> list(in_turn(array("q", [10, 40, 30, 20])))
    [0, 3, 2, 1]
    """
    count, of = len(times), times.__getitem__
    if all(times[at] <= times[at + 1] for at in range(count - 1)):
        return range(count)
    soonest = [min(times[start : start + _RUN]) for start in range(0, count, _RUN)]
    for run in range(len(soonest) - 2, -1, -1):
        soonest[run] = min(soonest[run], soonest[run + 1])
    turn = array("i")
    waiting: list[int] = []
    unsorted = 0
    for run in range(1, len(soonest)):
        waiting += range((run - 1) * _RUN, run * _RUN)
        unsorted += _RUN
        if 2 * unsorted < len(waiting):  # so that nothing is sorted more often than it takes to double what waits
            continue
        waiting.sort(key=of)
        unsorted = 0
        ready = bisect_left(waiting, soonest[run], key=of)
        turn.extend(waiting[:ready])
        del waiting[:ready]
    waiting += range((len(soonest) - 1) * _RUN, count)
    waiting.sort(key=of)
    turn.extend(waiting)
    return turn
