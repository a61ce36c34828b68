"""Spreads and implied trading (rules L1 to L3): an order trades with two others that together stand for its opposite.

A spread is bought by buying its first leg and selling its second, so of the three books any two imply quotes in the
third. Sellers of A and buyers of B imply an offer of A-B (implied in); sellers of A-B and sellers of B imply an offer
of A (implied out). Only resting orders imply, and only the first of each queue: that is the first generation. Where the
profile knows a second, a quote may stand in for one of the two: sellers of A-B, B-C and C imply an offer of A.

The books that spreads tie together are a *family*, and what happens in one may go on in the others: the functions here
take and give all of them. They are those of `book`, but for what is implied, and are called only while every book of
the family trades continuously: otherwise nothing is implied (L3), and each book is by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from bookproof.spec import book as rules
from bookproof.spec import kernel
from bookproof.spec.book import Book, Pending
from bookproof.spec.commands import Replace, Submit
from bookproof.spec.events import Event, ImpliedLeg, ImpliedTrade, Rejected, Trade, Triggered
from bookproof.spec.instruments import Instrument, Part, Way, ways_of
from bookproof.spec.kernel import Match, Meeting, Resting
from bookproof.spec.profile import Generations, Profile, TrueStop
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.routing import conclude
from bookproof.spec.rulebook import fired, performed, rehearsing
from bookproof.spec.sorted_tuple import SortedTuple
from bookproof.spec.values import Lots, Phase, SelfTradePrevention, Side, Symbol, Ticks, TimeInForce
from bookproof.spec.views import ImpliedQuote, ImpliedQuotes, Top

Books = Mapping[Symbol, Book]
"""All books of a family, in listing order."""

HappenedInFamily = tuple[dict[Symbol, Book], list[Event]]
"""The books after, and the events in order."""


class Quote(NamedTuple):
    """What orders of other books imply in one. Better ones are smaller: first the price, then the turn of its way."""

    key: int
    """Signed price, as that of a resting order on the side that the quote is on."""
    turn: int
    price: Ticks
    quantity: Lots
    makers: tuple[tuple[Side, Resting], ...]
    way: Way


# ── what is implied ──


def is_on(books: Books) -> bool:
    """Whether anything is implied: every book of the family trades continuously (L3)."""
    return all(book.phase is Phase.CONTINUOUS for book in books.values())


def quote(books: Books, symbol: Symbol, taker: Side) -> Quote | None:
    """The best quote of the first generation for an order on the side `taker` of a book (L2); None without any.

    Of equal ones it is that of the spread that is listed first.
    """
    return _best(books, _ways(books, symbol), taker)


def chained_quote(books: Books, symbol: Symbol, taker: Side, profile: Profile) -> Quote | None:
    """The best quote of the second generation (L3); None where the profile knows none.

    Of equal ones it is that of the first spread that the book is part of, then that of the first one chained to it.
    """
    if profile.implied_generations is Generations.FIRST:
        return None
    return _best(books, _chains(books, symbol), taker)


def _best(books: Books, ways: Iterable[Way], taker: Side) -> Quote | None:
    quotes = []
    for turn, way in enumerate(ways):
        makers = []
        for part in way.parts:
            side = taker.opposite if part.weight > 0 else taker
            if orders := books[part.symbol].side(side):
                makers.append((side, orders.first))
        if len(makers) == len(way.parts):
            fired("L1")
            price = sum(part.weight * maker.price for part, (_, maker) in zip(way.parts, makers, strict=True))
            quantity = min(maker.slice for _, maker in makers)
            key = kernel.signed_key(taker.opposite, price)
            quotes.append(Quote(key, turn, price, quantity, tuple(makers), way))
    return min(quotes, default=None)


def implied(books: Books, tops: Mapping[Symbol, Top], symbol: Symbol) -> ImpliedQuotes:
    """The quotes implied in one book by what the others display at their best."""
    sides: dict[Side, tuple[ImpliedQuote, ...]] = {}
    for side in Side:
        quotes = []
        for way in _ways(books, symbol):
            levels = [
                tops[part.symbol].bid if (side is Side.BUY) == (part.weight > 0) else tops[part.symbol].ask
                for part in way.parts
            ]
            shown = [level for level in levels if level is not None]
            if len(shown) == len(levels):
                price = sum(part.weight * level.price for part, level in zip(way.parts, shown, strict=True))
                quotes.append(ImpliedQuote(way.spread, price, min(level.quantity for level in shown)))
        quotes.sort(key=lambda quote: -quote.price if side is Side.BUY else quote.price)
        sides[side] = tuple(quotes)
    return ImpliedQuotes(sides[Side.BUY], sides[Side.SELL])


def _ways(books: Books, symbol: Symbol) -> tuple[Way, ...]:
    return _cached_ways(tuple(book.instrument for book in books.values()))[symbol]


def _chains(books: Books, symbol: Symbol) -> tuple[Way, ...]:
    return _cached_chains(tuple(book.instrument for book in books.values()))[symbol]


def chains_of(instruments: Sequence[Instrument]) -> dict[Symbol, tuple[Way, ...]]:
    """For each book, the ways in which two spreads with one leg in common imply quotes in it (second generation).

    What one spread says of the common leg is put into what the other says, so that leg itself takes no part: of the
    two spreads and their outer legs any follows from the three others. Each way names the spread that the book is, or
    is a leg of. They stand in its order of listing, then in that of the other spread.

    >>> from bookproof.spec.instruments import listing
    >>> listed = [*listing(["A", "B", "C"]), Instrument("A-B", legs=("A", "B")), Instrument("B-C", legs=("B", "C"))]
    >>> for symbol, ways in chains_of(listed).items():
    ...     print(symbol, "=", *(f"{part.weight:+} {part.symbol}" for way in ways for part in way.parts))
    A = +1 C +1 A-B +1 B-C
    B =
    C = +1 A -1 A-B -1 B-C
    A-B = +1 A -1 C -1 B-C
    B-C = +1 A -1 C -1 A-B
    """
    order = [instrument.symbol for instrument in instruments]
    spreads = [instrument for instrument in instruments if instrument.legs]
    chains: dict[Symbol, list[Way]] = {symbol: [] for symbol in order}
    for near in spreads:
        for far in spreads:
            common = set(near.legs) & set(far.legs)
            if len(common) != 1:  # the same spread, one over the same two legs, or one that is not tied to it
                continue
            nothing = Counter(_equation(near))  # near - first + second = 0, and so of the far one
            sign = -nothing[min(common)] * _equation(far)[min(common)]
            for symbol, weight in _equation(far).items():
                nothing[symbol] += sign * weight
            for symbol in {near.symbol, *near.legs} - common:
                parts = tuple(
                    Part(other, -nothing[symbol] * nothing[other])
                    for other in order
                    if other != symbol and nothing[other]
                )
                chains[symbol].append(Way(near.symbol, parts))
    return {symbol: tuple(ways) for symbol, ways in chains.items()}


def _equation(spread: Instrument) -> dict[Symbol, int]:
    """How the prices of a spread and its legs, weighted so, add up to nothing."""
    first, second = spread.legs
    return {spread.symbol: 1, first: -1, second: 1}


_cached_ways = cache(ways_of)
_cached_chains = cache(chains_of)


# ── entry ──


def submit(books: Books, order: Submit, clock: int, profile: Profile) -> HappenedInFamily:
    """A new order in a book of a family: as `book.submit`, with what is implied."""
    reason = _refusal(books, order, clock, profile)
    if reason is not None:
        fired("A4")
        return dict(books), [Rejected(order.symbol, order.order_id, reason)]
    accepted = rules.accepted_event(order)
    events: list[Event] = []
    if order.stop is not None:
        fired("E1")
        after = {**books, order.symbol: rules._pend(books[order.symbol], order)}
    else:
        after, events = enter(books, order, profile)
        fired("E2")
    after, cascaded = cascade(after, profile)
    return after, [accepted, *events, *cascaded]


def _refusal(books: Books, order: Submit, clock: int, profile: Profile) -> RejectReason | None:
    with rehearsing() as asked:
        reason = rules.refusal(books[order.symbol], order, clock, profile)
    if reason is RejectReason.NO_LIQUIDITY and any(_quotes(books, order, profile)):
        return None  # C3 asks for any opposite order, and others imply one
    performed(asked)
    if reason is None and order.stop is None and order.post_only and _meets_implied(books, order, profile):
        fired("C6")
        return RejectReason.WOULD_TAKE
    return reason


def _quotes(books: Books, order: Submit, profile: Profile) -> Iterator[Quote | None]:
    """The best quote of each generation, in the order in which they are looked at (L3)."""
    yield quote(books, order.symbol, order.side)
    yield chained_quote(books, order.symbol, order.side, profile)


def _meets_implied(books: Books, order: Submit, profile: Profile) -> bool:
    reach = kernel.reach_of(order.side, order.price)
    return any(best is not None and best.key <= reach for best in _quotes(books, order, profile))


def enter(books: Books, order: Submit, profile: Profile, executed: Lots = 0, prevented: Lots = 0) -> HappenedInFamily:
    """An order meets its book and what is implied there: as `book.enter`."""
    if order.post_only and (rules.would_take(books[order.symbol], order) or _meets_implied(books, order, profile)):
        fired("C6")
        return dict(books), [rules.cancelled_event(order, order.quantity, CancelReason.POST_ONLY)]
    after, match, events = _take(books, order, profile, executed, prevented)
    if order.time_in_force is TimeInForce.FOK and match.executed < order.quantity:
        fired("C5")
        return dict(books), [rules.cancelled_event(order, order.quantity, CancelReason.KILLED)]
    if match.executed < order.min_quantity:
        fired("C7")
        return dict(books), [rules.cancelled_event(order, order.quantity, CancelReason.MIN_QUANTITY)]
    after[order.symbol], ended = conclude(after[order.symbol], order, match, executed, prevented, profile)
    return after, events + ended


def _take(
    books: Books, order: Submit, profile: Profile, executed: Lots, prevented: Lots
) -> tuple[dict[Symbol, Book], Match, list[Event]]:
    """The books after the order took what it could, all that it met in one match, and the events.

    Orders of its own book go before what is implied at the same price (L3), so its book is taken from level by level.
    The second generation comes after all of these within its limit, whatever its price.
    Prevention looks at its own book only: an implied trade has three parties (CME applies none to it).
    """
    after = dict(books)
    symbol, opposite = order.symbol, order.side.opposite
    reach = kernel.reach_of(order.side, order.price)
    leaves = order.quantity - executed - prevented
    meetings: list[Meeting] = []
    events: list[Event] = []
    ended = False
    while leaves > 0 and not ended:
        makers, best = after[symbol].side(opposite), quote(after, symbol, order.side)
        if kernel.crosses(makers, reach) and (best is None or makers.first.key <= best.key):
            if best is not None:
                fired("L3")
            level = order._replace(price=makers.first.price, quantity=leaves)
            match = rules.meet(after[symbol], level, profile)
            settled, happened = rules.settle(after[symbol], order, match)
            fills = [meeting.before.price for meeting in match.meetings if meeting.traded]
            after[symbol] = rules.counted(settled, fills, profile)
            events += happened
            meetings += match.meetings
            leaves, ended = match.leaves, match.self_trade
        elif best is not None and best.key <= reach:
            quantity = min(leaves, best.quantity)
            after, event = _trade(after, best, symbol, order, quantity, profile)
            events.append(event)
            meetings.append(Meeting(quantity, 0, best.makers[0][1], None))
            leaves -= quantity
        else:
            chained = chained_quote(after, symbol, order.side, profile)
            if chained is None or chained.key > reach:
                break
            fired("L3")
            quantity = min(leaves, chained.quantity)
            after, event = _trade(after, chained, symbol, order, quantity, profile)
            events.append(event)
            meetings.append(Meeting(quantity, 0, chained.makers[0][1], None))
            leaves -= quantity
    own = after[symbol]
    return after, Match(own.side(opposite), leaves, own.sequence, tuple(meetings), ended), events


def _trade(
    books: Books, best: Quote, symbol: Symbol, taker: Submit, quantity: Lots, profile: Profile
) -> tuple[dict[Symbol, Book], Event]:
    """All makers give so much, at their own prices and in one step (L2, L4); what the taker gets is the caller's."""
    fired("L2")
    after = dict(books)
    legs = []
    for part, (side, maker) in zip(best.way.parts, best.makers, strict=True):
        after[part.symbol] = rules.counted(_given(after[part.symbol], side, quantity), [maker.price], profile)
        legs.append(ImpliedLeg(part.symbol, maker.price, maker.order_id))
    after[symbol] = rules.counted(after[symbol]._replace(last_price=best.price), [best.price], profile)
    return after, ImpliedTrade(symbol, best.price, quantity, taker.order_id, tuple(legs))


def _given(book: Book, side: Side, quantity: Lots) -> Book:
    """The book after the first order of one side gave so much, at most its slice, as if to an order of the book."""
    makers = book.side(side)
    visitor = makers.first.terms._replace(side=side.opposite)
    given = kernel.match(makers, makers.first.key, quantity, -1, SelfTradePrevention.NONE, book.sequence)
    return rules.settle(book, visitor, given)[0]


# ── stops ──


def cascade(books: Books, profile: Profile) -> HappenedInFamily:
    """Trigger stops in every book of the family until none is due (E2, E5): one queue, filled in listing order."""
    after = dict(books)
    events: list[Event] = []
    waiting: list[Pending] = []
    while True:
        for symbol, book in after.items():
            after[symbol], due = rules._take_due(book)
            waiting += due
        if not waiting:
            return after, events
        fired("E5")
        stop = waiting.pop(0)
        fired("E6")
        events.append(Triggered(stop.terms.symbol, stop.order_id))
        fired("E4")
        after, entered = enter(after, stop.terms._replace(stop=None), profile)
        events += entered


# ── replace ──


def replace(books: Books, command: Replace, profile: Profile) -> HappenedInFamily:
    """New terms for a live order: which, `book.replace` says of a book where there is nobody to trade with."""
    book = books[command.symbol]
    order = book.find(command.order_id)
    if order is None:
        return dict(books), rules.replace(book, command, profile)[1]
    facing = order.terms.side.opposite
    triggers = profile.true_stop is TrueStop.TRIGGER  # a stop may be due: that is for the cascade of the family
    lonely = book.with_side(facing, SortedTuple())._replace(last_price=None if triggers else book.last_price)
    with rehearsing() as rehearsed:
        changed, events = rules.replace(lonely, command, profile)
    changed = changed.with_side(facing, book.side(facing))._replace(last_price=book.last_price)
    new = changed.find(command.order_id)
    if not isinstance(new, Resting) or new.sequence == order.sequence:  # refused, gone, in its place (F1), or a stop
        performed(rehearsed)
        if isinstance(events[0], Rejected):
            return dict(books), events
        after, cascaded = cascade({**books, command.symbol: changed}, profile)
        return after, events + cascaded
    apart = {**books, command.symbol: rules._without(book, order)}
    if new.terms.post_only and (rules.would_take(book, new.terms) or _meets_implied(apart, new.terms, profile)):
        fired("C6")
        fired("A4")
        return dict(books), [Rejected(command.symbol, command.order_id, RejectReason.WOULD_TAKE)]
    performed(Counter({rule: rehearsed[rule] for rule in ("F2", "F7") if rehearsed[rule]}))  # it has yet to enter
    after, entered = enter(apart, new.terms, profile, new.executed, new.prevented)
    if any(isinstance(event, Trade | ImpliedTrade) for event in entered):
        fired("F3")
    fired("E2")
    after, cascaded = cascade(after, profile)
    return after, events + entered + cascaded


# ── when quotes are implied again ──


def uncross(books: Books, profile: Profile) -> HappenedInFamily:
    """Let spread orders take what the legs imply, once every book of the family trades continuously again.

    While one did not nothing was implied, so orders may have come to rest that could have traded. Spread by spread as
    listed, buyers before sellers, in order of priority, at the makers' prices: then nothing is left that could (B6).
    It is the change of phase that trades, so it is no matter whether an order is post-only.
    """
    after = dict(books)
    events: list[Event] = []
    for symbol in [symbol for symbol, book in books.items() if book.instrument.legs]:
        for side in Side:
            while orders := after[symbol].side(side):
                first = orders.first
                reach = kernel.reach_of(side, first.price)
                found = _quotes(after, first.terms, profile)
                best = next((each for each in found if each is not None and each.key <= reach), None)
                if best is None:
                    break
                if len(best.makers) > 2:
                    fired("L3")
                quantity = min(first.slice, best.quantity)
                after, event = _trade(after, best, symbol, first.terms, quantity, profile)
                after[symbol] = _given(after[symbol], side, quantity)._replace(last_price=best.price)
                events.append(event)
    after, cascaded = cascade(after, profile)
    return after, events + cascaded
