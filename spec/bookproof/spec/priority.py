"""Is a ranking of orders a strict total order (rules B2, B3)? Asked of any relation, pair by pair and triple by triple.

A venue once published a ranking that was not transitive (Imandra on UBS ATS): A went before B, B before C, and C before
A. A queue that is sorted by such a relation has no order to keep. `goes_first` is the relation of this rule book; the
check below does not know it, so it can be shown to find fault with others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import permutations, product
from typing import TypeVar

from bookproof.spec.book import Pending
from bookproof.spec.kernel import Resting

T = TypeVar("T")


def goes_first(one: Resting, other: Resting) -> bool:
    """Whether one order of a side trades before another: better price, then displayed, then earlier (B2, D4, B3)."""
    return one[:3] < other[:3]


def triggered_first(one: Pending, other: Pending) -> bool:
    """Whether one stop of a side is triggered before another when both are due: nearer, then earlier (E3)."""
    return one[:2] < other[:2]


def faults_of_order(items: Sequence[T], before: Callable[[T, T], bool]) -> Iterator[str]:
    """A sentence for every way in which a relation is no strict total order of these items; they must all differ.

    Costs O(n³). The items are named by their positions.

    >>> list(faults_of_order([3, 1, 2], lambda one, other: one < other))
    []
    >>> list(faults_of_order([0, 1, 2], lambda one, other: (other - one) % 3 == 1))[0]
    '0 goes before 1 and 1 before 2, but 0 not before 2: not transitive'
    """
    places = range(len(items))
    holds = {(one, other): before(items[one], items[other]) for one, other in product(places, repeat=2)}
    for one in places:
        if holds[one, one]:
            yield f"{one} goes before itself: not irreflexive"
    for one, other in permutations(places, 2):
        if one < other and holds[one, other] and holds[other, one]:
            yield f"{one} and {other} go before each other: not asymmetric"
        if one < other and not holds[one, other] and not holds[other, one]:
            yield f"neither of {one} and {other} goes before the other: not total"
    for one, other, third in permutations(places, 3):
        if holds[one, other] and holds[other, third] and not holds[one, third]:
            yield f"{one} goes before {other} and {other} before {third}, but {one} not before {third}: not transitive"
