"""The defect zoo: engines with one seeded defect each, and the sentence that says what is wrong.

They are here to be caught. A checker that lets one of them pass is broken.
"""

from __future__ import annotations

from typing import NamedTuple

from bookproof.engine.striped import StripedEngine
from bookproof.engine.zoo.book_defects import PriorityKept, RemainderLost
from bookproof.engine.zoo.lock_defects import (
    LookUpBeforeLock,
    LostStripeLock,
    SpreadAlone,
    StaleRoute,
    UnorderedStripes,
)


class Defect(NamedTuple):
    """One engine of the zoo."""

    name: str
    engine: type[StripedEngine]
    story: str
    """What is wrong, and what a client sees of it."""
    needs_threads: bool
    """Whether one thread alone can never see it."""


ZOO = {
    defect.name: defect
    for defect in (
        Defect(
            "lost-stripe-lock",
            LostStripeLock,
            "A basket holds the stripe of its first leg only, so another thread can take what its second leg was "
            "promised: half a basket trades, and books change under the hands of two threads.",
            True,
        ),
        Defect(
            "look-up-before-lock",
            LookUpBeforeLock,
            "A cancel looks its order up before it takes the stripe and believes what it saw: an order that was "
            "filled meanwhile is reported as cancelled.",
            True,
        ),
        Defect(
            "unordered-stripes",
            UnorderedStripes,
            "A basket takes its stripes in the order of its legs, so two baskets with the same books in opposite "
            "order each hold what the other waits for.",
            True,
        ),
        Defect(
            "priority-kept",
            PriorityKept,
            "A replace at the same price keeps its place in the queue even when the quantity grows (rule F2): "
            "orders that were there before the increase are overtaken.",
            False,
        ),
        Defect(
            "remainder-lost",
            RemainderLost,
            "What is left of an order that traded on entry is dropped and does not rest (rules C1, B8): "
            "its owner was told that it was accepted, and no event says that it is gone.",
            False,
        ),
        Defect(
            "stale-route",
            StaleRoute,
            "A routed order looks at the best prices of its group before it takes a stripe, and then takes the stripes "
            "of the books it chose (rule L5): a better quote that came meanwhile in another book is passed over, and "
            "there is no instant at which what it did was right.",
            True,
        ),
        Defect(
            "spread-alone",
            SpreadAlone,
            "An order in a spread, or in one of its legs, holds the stripe of its own book only, though it may trade "
            "in all of them (rule L2): what two legs imply is taken twice, or taken while it is being cancelled, and "
            "books change under the hands of two threads.",
            True,
        ),
    )
}
"""Every engine of the zoo by name."""
