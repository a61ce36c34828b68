"""The defect zoo: engines with one seeded defect each, and the sentence that says what is wrong.

They are here to be caught. A checker that lets one of them pass is broken.
"""

from __future__ import annotations

from typing import NamedTuple

from bookproof.engine.striped import StripedEngine
from bookproof.engine.zoo.account_defects import BalancesAsMet, BookedLate, CheckedThenSpent
from bookproof.engine.zoo.book_defects import PriorityKept, RemainderLost
from bookproof.engine.zoo.holding_defects import HOLDINGS, SEEN_BY_ONE
from bookproof.engine.zoo.lock_defects import (
    ListsReadBeforeLock,
    LookUpBeforeLock,
    LostStripeLock,
    RivalCancelledLate,
    SpreadAlone,
    StaleRoute,
    StripesAsDiscovered,
    UnorderedStripes,
)
from bookproof.engine.zoo.stamp_defects import STAMPS


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
        *(
            Defect(name, engine, story, name not in SEEN_BY_ONE)
            for name, (engine, story) in {**STAMPS, **HOLDINGS}.items()
        ),
        Defect(
            "rival-cancelled-late",
            RivalCancelledLate,
            "A fill cancels the rivals of an OCO in other books when it has let go of its own stripe (rule H1): "
            "between the two another thread trades with a rival, and both legs have executed.",
            True,
        ),
        Defect(
            "lists-read-before-lock",
            ListsReadBeforeLock,
            "Whether a book has lists is read before its stripe is taken: an order that then meets a leg of a list "
            "that came meanwhile trades with it and leaves its rivals where they are (rule H1).",
            False,
        ),
        Defect(
            "stripes-as-discovered",
            StripesAsDiscovered,
            "The stripes of tied books are taken while the first one is held, in the order in which the ties are "
            "found: two commands in two books of one list each hold what the other waits for.",
            True,
        ),
        Defect(
            "checked-then-spent",
            CheckedThenSpent,
            "An account's orders in two books are checked against the same cash before either is booked (rule M1): "
            "both are taken, and the account has spent more than it had.",
            True,
        ),
        Defect(
            "balances-as-met",
            BalancesAsMet,
            "A command holds its account's balance and takes those of the makers as it meets them (rule M4): two "
            "accounts that trade with each other in two books at once each hold what the other waits for.",
            True,
        ),
        Defect(
            "booked-late",
            BookedLate,
            "A trade takes effect before its cash has moved (rule M4): for a moment the seller's money is nowhere, "
            "and an order that it would have paid for is refused.",
            True,
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
