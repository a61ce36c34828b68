"""Smart order routing: one order over every book of a group, whose quotes are interchangeable (rule L5).

At each moment the order takes from the book whose best price is best: of equal ones from its own book first, then in
listing order. So it goes level by level, each at its makers' price (B4), and a book's own rules of priority hold
within the level. Books that do not trade continuously are passed by. Which books may be touched is known before
matching: the group. Trades are told in the book that they happened in, under the order's one id.

What is left rests in the book that the order names, or goes as it would from a plain order. Of one book alone, a group
of its own, nothing can be told from a plain order.
"""

from __future__ import annotations

from collections.abc import Mapping

from bookproof.spec import book as rules
from bookproof.spec import kernel
from bookproof.spec.book import Book
from bookproof.spec.commands import Submit
from bookproof.spec.contingent import Aftermath
from bookproof.spec.events import Event, Rejected
from bookproof.spec.instruments import Instrument
from bookproof.spec.kernel import Match, Meeting
from bookproof.spec.profile import Profile
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.rulebook import fired, performed, rehearsing
from bookproof.spec.validation import submit_fault
from bookproof.spec.values import Lots, Nanoseconds, Phase, Symbol, TimeInForce


def route_fault(order: Submit, instrument: Instrument | None, *, ranges: bool = False) -> RejectReason | None:
    """Why a routed order is refused whatever the books hold; None when it is well formed.

    A stop waits for the trades of one book, and a post-only order takes from none: neither can be routed.

    >>> from bookproof.spec.values import Side
    >>> route_fault(Submit("ABC", 1, 7, Side.BUY, 5, 100, post_only=True), Instrument("ABC")).value
    'invalid-combination'
    """
    faults = [submit_fault(order, instrument, ranges=ranges)]
    if order.stop is not None or order.post_only:
        faults.append(RejectReason.INVALID_COMBINATION)
    return min((fault for fault in faults if fault is not None), key=lambda fault: fault.precedence, default=None)


def venues(books: Mapping[Symbol, Book], symbol: Symbol) -> list[Book]:
    """The books that an order submitted to `symbol` may take from: its own, then the open ones of its group.

    >>> one, two = (Book(Instrument(symbol, group="set")) for symbol in ("ABC", "XYZ"))
    >>> [book.instrument.symbol for book in venues({"ABC": one, "XYZ": two}, "XYZ")]
    ['XYZ', 'ABC']
    """
    own = books[symbol]
    group = own.instrument.group
    others = [book for book in books.values() if group and book.instrument.group == group and book is not own]
    return [own, *(book for book in others if book.phase is Phase.CONTINUOUS)]


def route(order: Submit, clock: Nanoseconds, profile: Profile, lists: Aftermath) -> list[Event]:
    """Refuse a well-formed order, or let it take what it can in every book of its group and rest in its own.

    The books are those of `lists`, which says what follows for orders of lists: when matching has ended, for no two
    rivals stand on one side of a group. While its own book collects orders, the order is collected as any other (I1);
    a book in no group takes it as any other, with whatever collar it has (J5).
    """
    books = lists.books
    reason = _refusal(books, order, clock, profile)
    if reason is not None:
        fired("A4")
        return [Rejected(order.symbol, order.order_id, reason)]
    own = books[order.symbol]
    if own.phase.collects or not own.instrument.group:
        books[order.symbol], events = rules.submit(own, order, clock, profile, lists)
        return events
    accepted: Event = rules.accepted_event(order)
    taken, match, fills = _take(venues(books, order.symbol), order, profile)
    if order.time_in_force is TimeInForce.FOK and match.executed < order.quantity:
        fired("C5")
        return [accepted, rules.cancelled_event(order, order.quantity, CancelReason.KILLED)]
    if match.executed < order.min_quantity:
        fired("C7")
        return [accepted, rules.cancelled_event(order, order.quantity, CancelReason.MIN_QUANTITY)]
    taken[order.symbol], ended = conclude(taken[order.symbol], order, match, 0, 0, profile)
    lists.books |= taken
    events = [accepted, *fills, *ended]
    events += lists.follow(events)
    for symbol in [symbol for symbol in books if symbol in taken]:  # in listing order
        fired("E2")
        books[symbol], cascaded = rules.cascade(books[symbol], profile, lists)
        events += cascaded
    return events


def _refusal(books: Mapping[Symbol, Book], order: Submit, clock: Nanoseconds, profile: Profile) -> RejectReason | None:
    """As `book.refusal`; what may trade in every book of a group must have an id of its own in each (A3)."""
    own, group = books[order.symbol], books[order.symbol].instrument.group
    with rehearsing() as asked:
        reason = rules.refusal(own, order, clock, profile)
    others = [book for book in venues(books, order.symbol) if book is not own]
    if reason is RejectReason.NO_LIQUIDITY and any(book.side(order.side.opposite) for book in others):
        reason = None  # C3 asks for any opposite order, and these are opposite orders
    duplicate = RejectReason.DUPLICATE_ORDER_ID
    others_of_id = [book for book in books.values() if book.instrument.group == group and book.locate(order.order_id)]
    if group and others_of_id and (reason is None or duplicate.precedence < reason.precedence):
        fired("A3")
        return duplicate
    if reason is not None:
        performed(asked)
    return reason


def _take(open_books: list[Book], order: Submit, profile: Profile) -> tuple[dict[Symbol, Book], Match, list[Event]]:
    """The books after the order took what it could, the matches of all levels in one, and the events."""
    books = {book.instrument.symbol: book for book in open_books}
    opposite, reach = order.side.opposite, kernel.reach_of(order.side, order.price)
    meetings: list[Meeting] = []
    events: list[Event] = []
    leaves: Lots = order.quantity
    executed = prevented = 0
    ended = False
    while leaves > 0 and not ended:
        facing = [book for book in books.values() if kernel.crosses(book.side(opposite), reach)]
        if not facing:
            break
        fired("L5")
        book = min(facing, key=lambda book: book.side(opposite).first.key)  # of equal ones the first
        here = order._replace(symbol=book.instrument.symbol)
        level = here._replace(price=book.side(opposite).first.price)
        match = rules.meet(book, level, profile, executed, prevented)
        settled, happened = rules.settle(book, here, match)
        fills = [meeting.before.price for meeting in match.meetings if meeting.traded]
        books[here.symbol] = rules.counted(settled, fills, profile)
        events += happened
        meetings += match.meetings
        executed += match.executed
        prevented += sum(meeting.prevented for meeting in match.meetings)
        leaves, ended = match.leaves, match.self_trade
    own = books[order.symbol]
    return books, Match(own.side(opposite), leaves, own.sequence, tuple(meetings), ended), events


def conclude(
    book: Book, order: Submit, match: Match, executed: Lots, prevented: Lots, profile: Profile
) -> rules.Happened:
    """What becomes of an order that has taken what it could, in several books: it is done, rests, or is cancelled.

    `executed` and `prevented` are what it brought along. Its makers have been settled with.
    """
    if match.leaves == 0:
        if match.meetings and match.meetings[-1].prevented:
            fired("G6")
            return book, [rules.cancelled_event(order, 0, CancelReason.SELF_TRADE)]
        return book, []
    reason = rules._remainder(order, match)
    if reason is not None:
        return book, [rules.cancelled_event(order, match.leaves, reason)]
    fired("C2" if order.time_in_force is not TimeInForce.GTC else "C1")
    executed += match.executed
    prevented += sum(meeting.prevented for meeting in match.meetings)
    return rules._rest(book, order, match.leaves, executed, prevented, profile), []
