"""The phases of one book: how it goes from one to another, what enters in which, and the uncross (rules J1, J3, I).

Orders may be cancelled, and may expire, in every phase. A closed book is cleared by its owners or not at all.

>>> from bookproof.spec.instruments import Instrument
>>> book, _ = set_phase(Book(Instrument("ABC")), Phase.CALL, Profile())
>>> set_phase(book, Phase.PRE_OPEN, Profile())
<RejectReason.INVALID_PHASE: 'invalid-phase'>
"""

from __future__ import annotations

from collections.abc import Mapping

from bookproof.spec import auction
from bookproof.spec import book as rules
from bookproof.spec.book import Aside, Book, Happened, nothing_aside
from bookproof.spec.events import Event, PhaseChanged, Trade, Uncrossed
from bookproof.spec.kernel import Resting, crosses, reach_of
from bookproof.spec.profile import Profile, Reopen
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.rulebook import fired
from bookproof.spec.values import Lots, Phase, Side

_NEXT: Mapping[Phase, frozenset[Phase]] = {
    Phase.PRE_OPEN: frozenset({Phase.CALL, Phase.HALT, Phase.CANCEL_ONLY, Phase.CLOSED}),
    Phase.CALL: frozenset({Phase.CONTINUOUS, Phase.HALT, Phase.CANCEL_ONLY, Phase.CLOSED}),
    Phase.CONTINUOUS: frozenset({Phase.CALL, Phase.HALT, Phase.CANCEL_ONLY, Phase.CLOSED}),
    Phase.HALT: frozenset({Phase.CALL, Phase.CONTINUOUS, Phase.CANCEL_ONLY, Phase.CLOSED}),
    Phase.CANCEL_ONLY: frozenset({Phase.CALL, Phase.CONTINUOUS, Phase.HALT, Phase.CLOSED}),
    Phase.CLOSED: frozenset({Phase.PRE_OPEN}),
}
"""Where a book may go from each phase (J1). A day is pre-open, call, continuous, closed; a call ends in an uncross."""


def set_phase(book: Book, phase: Phase, profile: Profile, aside: Aside = nothing_aside) -> Happened | RejectReason:
    """The book in another phase, with what its uncross brought about; or why it does not go there (J1, J3)."""
    changed = change(book, phase, profile)
    return changed if isinstance(changed, RejectReason) else finish(*changed, profile, aside)


def change(book: Book, phase: Phase, profile: Profile) -> Happened | RejectReason:
    """As `set_phase`, before anything that an uncross brings about: lists, and stops."""
    if phase not in _NEXT[book.phase]:
        fired("J1")
        return RejectReason.INVALID_PHASE
    uncrosses = book.phase is Phase.CALL and phase is Phase.CONTINUOUS
    if uncrosses and book.halted_above:
        fired("J6")
        return RejectReason.UNDERLYING_HALTED
    if phase is Phase.CONTINUOUS and not uncrosses:
        if profile.reopen is Reopen.CALL:
            fired("J3")
            return RejectReason.NEEDS_CALL
        if not _is_settled(book):
            fired("J1")
            return RejectReason.NEEDS_CALL
    # From here on the book must go.
    fired("J1")
    book = rules.in_phase(book, phase)
    changed = PhaseChanged(book.instrument.symbol, phase)
    if not uncrosses:
        book, cancelled = rules.without_reducers(book)
        return book, [changed, *cancelled]
    book, events = uncross(book)
    return book, [changed, *events]


def finish(book: Book, events: list[Event], profile: Profile, aside: Aside = nothing_aside) -> Happened:
    """What a change of phase brings about after its uncross, if it had one."""
    if not any(isinstance(event, Uncrossed) for event in events):
        return book, events
    book, _, also = aside(book, [], events)
    book, cascaded = rules.cascade(book, profile, aside)
    if cascaded:
        fired("I9")
    return book, [*events, *also, *cascaded]


def _is_settled(book: Book) -> bool:
    """Whether nothing in the book would trade, be cancelled or be triggered if it were continuous from now on."""
    waits = any(orders and orders.first.terms.price is None for orders in (book.bids, book.asks))
    return not (waits or _is_crossed(book) or rules.has_due_stops(book))


def _is_crossed(book: Book) -> bool:
    return bool(book.bids) and crosses(book.asks, reach_of(Side.BUY, book.bids.first.terms.price))


# ── the uncross ──


def indicative(book: Book) -> auction.Clearing:
    """What would trade if the call ended now (I2 to I5)."""
    if not book.bids or not book.asks:
        return auction.NOTHING
    bids, asks = auction.interests(book.bids), auction.interests(book.asks)
    return auction.clearing(bids, asks, book.last_price, book.instrument.tick)


def uncross(book: Book) -> Happened:
    """End a call: all that can trade at one price does (I6), and what is left of market orders is cancelled (C3).

    An iceberg takes part with all it has, in its place (I8). Afterwards it shows what is left of its slice; if
    nothing is, the next slice queues anew (D2).
    """
    symbol = book.instrument.symbol
    price, volume, surplus = indicative(book)
    events: list[Event] = [Uncrossed(symbol, price, volume, surplus)]
    traded: dict[Resting, Lots] = {}
    if price is not None:
        for buy, sell, quantity in auction.fills(book.bids, book.asks, volume):
            events.append(Trade(symbol, price, quantity, sell.order_id, buy.order_id))
            for order in (buy, sell):
                traded[order] = traded.get(order, 0) + quantity
        book = book._replace(last_price=price)
    for order, quantity in traded.items():
        book = rules.executed_in_auction(book, order, quantity)
    for orders in (book.bids, book.asks):
        for order in orders:
            if order.terms.price is None:
                fired("C3")
                book, cancelled = rules.cancel(book, order.order_id, CancelReason.MARKET)
                events += cancelled
    return book, events
