"""Why the engine's price ladder is a plain sorted list: the same levels in two containers, timed in one run."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from time import process_time

from sortedcontainers import SortedDict

from bookproof.models.workloads import BUY, CANCEL, NEW, Message


def openings(messages: Sequence[Message]) -> list[tuple[int, bool]]:
    """What a workload does to the levels of the buy side: rungs opened (True) and closed (False), in order.

    >>> openings([(NEW, 1, BUY, 100, 5, False), (NEW, 2, BUY, 100, 5, False), (CANCEL, 1, BUY, 0, 0, False)])
    [(100, True)]
    """
    at: dict[int, int] = {}
    orders: dict[int, int] = {}
    done: list[tuple[int, bool]] = []
    for kind, order, side, price, _, ioc in messages:
        if side != BUY or ioc:
            continue
        old = at.pop(order, None)
        if old is not None:
            orders[old] -= 1
            if not orders[old]:
                done.append((old, False))
        if kind == CANCEL or (old is None and kind != NEW):
            continue
        at[order] = price
        orders[price] = orders.get(price, 0) + 1
        if orders[price] == 1:
            done.append((price, True))
    return done


def time_lists(changes: Sequence[tuple[int, bool]]) -> float:
    """CPU seconds for two parallel lists, rungs and levels, with the best rung read after every change."""
    rungs: list[int] = []
    levels: list[object] = []
    level = object()
    begun = process_time()
    for rung, opens in changes:
        at = bisect_left(rungs, rung)
        if opens:
            rungs.insert(at, rung)
            levels.insert(at, level)
        else:
            del rungs[at], levels[at]
        if rungs:
            rungs[-1]
    return process_time() - begun


def time_sorted_dict(changes: Sequence[tuple[int, bool]]) -> float:
    """The same for a `SortedDict` from rung to level."""
    ladder: SortedDict[int, object] = SortedDict()
    level = object()
    begun = process_time()
    for rung, opens in changes:
        if opens:
            ladder[rung] = level
        else:
            del ladder[rung]
        if ladder:
            ladder.peekitem(-1)
    return process_time() - begun
