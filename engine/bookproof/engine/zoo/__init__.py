"""The defect zoo: engines with one seeded defect each, and the sentence that says what is wrong.

They are here to be caught. A checker that lets one of them pass is broken.
"""

from __future__ import annotations

from bookproof.engine.zoo.account_defects import BalancesAsMet, BookedLate, CheckedThenSpent, PortfolioAsSeen
from bookproof.engine.zoo.book_defects import BOOKS, PriorityKept, RemainderLost
from bookproof.engine.zoo.defect import Defect
from bookproof.engine.zoo.holding_defects import HOLDINGS
from bookproof.engine.zoo.letting_go_defects import LETTING_GO
from bookproof.engine.zoo.lock_defects import (
    FarBookForgotten,
    ListsReadBeforeLock,
    LookUpBeforeLock,
    LostStripeLock,
    RivalCancelledLate,
    SpreadAlone,
    StaleRoute,
    StripesAsDiscovered,
    UnorderedStripes,
)
from bookproof.engine.zoo.money_defects import MONEY
from bookproof.engine.zoo.reading_defects import READINGS
from bookproof.engine.zoo.reducing_defects import REDUCERS
from bookproof.engine.zoo.stamp_defects import STAMPS
from bookproof.engine.zoo.waiting_defects import WAITING

__all__ = ["ZOO", "Defect"]

ZOO = {
    defect.name: defect
    for defect in (
        Defect(
            "lost-stripe-lock",
            LostStripeLock,
            "A basket holds the stripe of its first leg only, so another thread can take what its second leg was "
            "promised: half a basket trades, and books change under the hands of two threads.",
            True,
            "GLEECBTC/komodo-defi-framework #1178: own orders and the book behind two mutexes, one of them not held.",
            "baskets-cross",
        ),
        Defect(
            "look-up-before-lock",
            LookUpBeforeLock,
            "A cancel looks its order up before it takes the stripe and believes what it saw: an order that was "
            "filled meanwhile is reported as cancelled.",
            True,
            "joaquinbejar/PriceLevel #81: a cancel finds an order that is being matched, and one of the two is lost.",
            "cancel-fill",
        ),
        Defect(
            "unordered-stripes",
            UnorderedStripes,
            "A basket takes its stripes in the order of its legs, so two baskets with the same books in opposite "
            "order each hold what the other waits for.",
            True,
            "GaloyMoney/cala #532: the accounts of a transaction are locked in the order of a hash set.",
            "baskets-cross",
        ),
        Defect(
            "priority-kept",
            PriorityKept,
            "A replace at the same price keeps its place in the queue even when the quantity grows (rule F2): "
            "orders that were there before the increase are overtaken.",
            False,
            "made up: whoever stores the new quantity in place keeps the order's place with it.",
            "grow-in-queue",
        ),
        Defect(
            "remainder-lost",
            RemainderLost,
            "What is left of an order that traded on entry is dropped and does not rest (rules C1, B8): "
            "its owner was told that it was accepted, and no event says that it is gone.",
            False,
            "made up: the branch for what has traded returns before what is left has come to rest.",
            "partial-fill",
        ),
        *STAMPS,
        *HOLDINGS,
        *READINGS,
        *LETTING_GO,
        *BOOKS,
        *MONEY,
        Defect(
            "rival-cancelled-late",
            RivalCancelledLate,
            "A fill cancels the rivals of an OCO in other books when it has let go of its own stripe (rule H1): "
            "between the two another thread trades with a rival, and both legs have executed.",
            True,
            "QuantConnect/Lean.Brokerages.Alpaca #74: a warning for when a leg fills while its sibling is filled.",
            "rivals-hit",
        ),
        Defect(
            "lists-read-before-lock",
            ListsReadBeforeLock,
            "Whether a book has lists is read before its stripe is taken: an order that then meets a leg of a list "
            "that came meanwhile trades with it and leaves its rivals where they are (rule H1).",
            False,
            "made up: a flag that spares nearly everybody the slow path is read where the fast path begins.",
            "rivals-enter",
        ),
        Defect(
            "stripes-as-discovered",
            StripesAsDiscovered,
            "The stripes of tied books are taken while the first one is held, in the order in which the ties are "
            "found: two commands in two books of one list each hold what the other waits for.",
            True,
            "apache/incubator-seata #1603: rows are locked as a branch comes to them.",
            "rivals-hit",
        ),
        Defect(
            "checked-then-spent",
            CheckedThenSpent,
            "An account's orders in two books are checked against the same cash before either is booked (rule M1): "
            "both are taken, and the account has spent more than it had.",
            True,
            "bitsacco/os #305: withdrawals at the same time each see the whole balance.",
            "one-purse",
        ),
        Defect(
            "balances-as-met",
            BalancesAsMet,
            "A command holds its account's balance and takes those of the makers as it meets them (rule M4): two "
            "accounts that trade with each other in two books at once each hold what the other waits for.",
            True,
            "layer-3/nitrolite #830: the sender's balance is locked, and later in the same transaction the receiver's.",
            "each-pays-the-other",
        ),
        Defect(
            "booked-late",
            BookedLate,
            "A trade takes effect before its cash has moved (rule M4): for a moment the seller's money is nowhere, "
            "and an order that it would have paid for is refused.",
            True,
            "ctubio/Krypto-trading-bot #656: a venue tells of an execution before it has settled: insufficient funds.",
            "one-purse",
        ),
        Defect(
            "stale-route",
            StaleRoute,
            "A routed order looks at the best prices of its group before it takes a stripe, and then takes the stripes "
            "of the books it chose (rule L5): a better quote that came meanwhile in another book is passed over, and "
            "there is no instant at which what it did was right.",
            True,
            "made up: the prices of other books are a feed that is read first, and orders go where it pointed.",
            "route-better",
        ),
        Defect(
            "spread-alone",
            SpreadAlone,
            "An order in a spread, or in one of its legs, holds the stripe of its own book only, though it may trade "
            "in all of them (rule L2): what two legs imply is taken twice, or taken while it is being cancelled, and "
            "books change under the hands of two threads.",
            True,
            "made up: the lock is that of the order's own book, as for any other order.",
            "implied-in",
        ),
        Defect(
            "far-book-forgotten",
            FarBookForgotten,
            "An order in a book that is part of a spread holds the stripes of the books that imply quotes in its own, "
            "which is enough while two orders imply one and no stop waits. With a second generation (rule L3) a chain "
            "of spreads ends in a book beyond these: its order is taken while it is being cancelled.",
            True,
            "made up: the locks are those of the first generation, and the second came later.",
            "implied-chain",
        ),
        Defect(
            "portfolio-as-seen",
            PortfolioAsSeen,
            "A margin account's positions are looked up in books whose stripes are not held (rule M3): lots that were "
            "bought there and are not paid for yet count as wealth, and an order is taken that nothing covers.",
            True,
            "made up: the positions are kept with the books, so that is where a check over all of them looks.",
            "maker-on-margin",
        ),
        *WAITING,
        *REDUCERS,
    )
}
"""Every engine of the zoo by name."""
