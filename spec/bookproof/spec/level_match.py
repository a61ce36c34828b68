"""Matching where a level is shared among its orders (K2 to K9): the kernel of every algorithm but FIFO.

An aggressor goes from level to level as in `kernel.match`, and what comes out is the same `Match`. Within a level it
goes in *rounds*. A round is about everybody of one price and rank, as they stand when it begins: the algorithm says who
gets how much, and the fills happen, and are reported, in queue order, one for each order. Only what is displayed takes
part (CME: display quantity orders). An iceberg whose slice is used up queues anew (D2), so its next slice is for the
next round, which there is only if everything displayed has traded; fully hidden orders come when no displayed one is
left (D4). So an aggressor that can fill a whole level, with all that is hidden in it, fills it in the very order of
FIFO (K8, where CME counts hidden quantity as well).

Self-trade prevention acts before a round, on own orders that could trade in it, whether or not the algorithm would
have given them anything (G4; CME: other algorithms cancel orders that could have executed). The aggressor that is to
be cancelled goes before anybody of that round trades; the maker that is to be cancelled goes before shares are worked
out, and so does each other own order of the round, unless the aggressor goes with the first of them. Decrementing
takes from both what the algorithm gives.
"""

from __future__ import annotations

from itertools import takewhile

from bookproof.spec import allocation as algorithms
from bookproof.spec import kernel
from bookproof.spec.allocation import Offer, Shares
from bookproof.spec.allocation_terms import Allocation
from bookproof.spec.kernel import DISPLAYED, Match, Meeting, Resting, crosses
from bookproof.spec.rulebook import fired
from bookproof.spec.sorted_tuple import SortedTuple
from bookproof.spec.values import Account, Lots, SelfTradePrevention


def match(
    makers: SortedTuple[Resting],
    reach: int,
    leaves: Lots,
    owner: Account,
    prevention: SelfTradePrevention,
    sequence: int,
    allocation: Allocation,
    top: int,
    lot: Lots,
) -> Match:
    """Let an aggressor take from the opposite side, level by level, until nothing is left or nothing crosses.

    As `kernel.match`, with an algorithm, the sequence of the TOP order of that side (0 for none) and the instrument's
    lot, in multiples of which everything is given.
    """
    meetings: list[Meeting] = []
    while leaves > 0 and crosses(makers, reach):
        fired("B1")
        fired("B5")
        everybody = _round(makers)
        own = [] if prevention is SelfTradePrevention.NONE else [maker for maker in everybody if maker.owner == owner]
        if own:
            fired("G2")
            fired("G3")
            fired("G4")
            if prevention is SelfTradePrevention.CANCEL_TAKER:
                return Match(makers, leaves, sequence, tuple(meetings), True)
            if prevention is SelfTradePrevention.CANCEL_BOTH:
                meetings.append(Meeting(0, 0, own[0], None))
                return Match(makers.remove(own[0]), leaves, sequence, tuple(meetings), True)
            if prevention is SelfTradePrevention.CANCEL_MAKER:
                for maker in own:
                    meetings.append(Meeting(0, 0, maker, None))
                    makers = makers.remove(maker)
                continue
        owned = {maker.order_id for maker in own}
        for maker, share in zip(everybody, _shares(everybody, leaves, allocation, top, lot), strict=True):
            if share == 0:
                continue
            prevented = share if maker.order_id in owned else 0
            if not prevented:
                fired("B4")
            after, sequence = kernel._reduced(maker, share - prevented, prevented, sequence)
            meetings.append(Meeting(share - prevented, prevented, maker, after))
            leaves -= share
            makers = _with(makers, maker, after, bool(prevented))
    return Match(makers, leaves, sequence, tuple(meetings), False)


def _round(makers: SortedTuple[Resting]) -> tuple[Resting, ...]:
    """Everybody of the best price and, at that price, of the best rank; in queue order (B2, D4)."""
    best = makers.first
    return tuple(takewhile(lambda maker: (maker.key, maker.rank) == (best.key, best.rank), makers))


def _shares(everybody: tuple[Resting, ...], volume: Lots, allocation: Allocation, top: int, lot: Lots) -> Shares:
    """What the algorithm gives to each order of a round: worked out in whole lots of the instrument (A1)."""
    offers = [Offer(maker.slice // lot, maker.terms.account, maker.sequence == top) for maker in everybody]
    return tuple(lot * share for share in algorithms.allocate(allocation, volume // lot, offers))


def _with(makers: SortedTuple[Resting], maker: Resting, after: Resting | None, prevented: bool) -> SortedTuple[Resting]:
    """The queue after one meeting."""
    if after is None:
        fired("B11")
        return makers.remove(maker)
    if after.sequence == maker.sequence:
        fired("B7")
        return makers.replace(maker, after)
    fired("D6" if prevented else "D2")
    return makers.remove(maker).add(after)


# ── TOP ──


def top_after(side: SortedTuple[Resting], newcomer: Resting, allocation: Allocation, top: int, lot: Lots) -> int:
    """The sequence of a side's TOP order once `newcomer` has come to rest beside the others; 0 for none (K3).

    Who betters the market, which is to say stands alone at a price better than all others of its side or is the only
    one there, ends the status of whoever had it before; and has it from then on, if it shows at least something and
    has at least the minimum open. It keeps it with its place in the queue: it is lost by filling up, by a new slice and
    by whatever else sends an order to the end of a queue.
    """
    if side and side.first.key <= newcomer.key:
        return top
    fired("K3")
    large = newcomer.leaves >= allocation.top_minimum * lot
    return newcomer.sequence if large and newcomer.rank == DISPLAYED else 0
