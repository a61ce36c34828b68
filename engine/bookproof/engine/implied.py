"""Families: the books that spreads tie together, and trading by what they imply (rules L1 to L3).

A family is for one thread at a time: hold the stripes of all its books. Ask it only while it `is_on`: otherwise nothing
is implied, and each book trades by itself. It works on the very books that trade by themselves elsewhere, and does here
what they cannot do alone: see what the others imply. A chain of two spreads, where the profile knows the second
generation (L3), stays within the family, so the same stripes are enough. Written apart from the rule book's own module,
so that each can show a mistake of the other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from bookproof.engine.book import FastBook, StopOrder, prevention_of
from bookproof.engine.ladder import RestingOrder, floor_of, rung_of
from bookproof.engine.rehearsal import Rehearsal
from bookproof.spec.commands import Replace, Submit
from bookproof.spec.events import (
    Accepted,
    Cancelled,
    Event,
    ImpliedLeg,
    ImpliedTrade,
    Rejected,
    Replaced,
    Triggered,
)
from bookproof.spec.instruments import Way
from bookproof.spec.profile import Generations, Profile, ReplaceKeeps, ReplaceQuantity, TrueStop
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import Lots, Side, Symbol, Ticks, TimeInForce
from bookproof.spec.views import ImpliedQuote, ImpliedQuotes, Level


class Source(NamedTuple):
    """One book that takes part in an implied quote."""

    book: FastBook
    weight: int
    """How its price counts, 1 or -1."""
    side: Side
    """The side whose first order would trade."""


class Quote(NamedTuple):
    """What an order could trade at with others, two or three."""

    rung: int
    price: Ticks
    sources: tuple[Source, ...]


class Family:
    """Every book that some spreads tie together.

    >>> from bookproof.engine.book import Market
    >>> from bookproof.spec.instruments import Instrument, listing, ways_of
    >>> from bookproof.spec.profile import DEFAULT
    >>> listed = [*listing(["A", "B"]), Instrument("A-B", legs=("A", "B"), min_price=-99)]
    >>> books = {one.symbol: FastBook(one, DEFAULT, Market()) for one in listed}
    >>> family = Family(books, ways_of(listed), [one.symbol for one in listed if one.legs], DEFAULT)
    >>> _ = family.submit(Submit("A", 1, 7, Side.SELL, 5, 103)), family.submit(Submit("B", 2, 7, Side.BUY, 5, 100))
    >>> family.quotes("A-B").asks
    (ImpliedQuote(spread='A-B', price=3, quantity=5),)
    >>> family.submit(Submit("A-B", 3, 8, Side.BUY, 2, 4))[1].price
    3
    """

    def __init__(
        self,
        books: Mapping[Symbol, FastBook],
        ways: Mapping[Symbol, Iterable[Way]],
        spreads: Iterable[Symbol],
        profile: Profile,
    ) -> None:
        self.books = dict(books)
        """In listing order."""
        self._spreads = tuple(spreads)
        self._profile = profile
        self._sources: dict[tuple[Symbol, Side], list[tuple[Symbol, tuple[Source, ...]]]] = {
            (symbol, taker): [
                (
                    way.spread,
                    tuple(
                        Source(books[part.symbol], part.weight, taker.opposite if part.weight == 1 else taker)
                        for part in way.parts
                    ),
                )
                for way in ways[symbol]
            ]
            for symbol in self.books
            for taker in Side
        }
        self._chains: dict[tuple[Symbol, Side], list[tuple[Source, ...]]] = {}
        """Ways of the second generation (L3): none where the profile does not know it."""
        if profile.implied_generations is Generations.SECOND:
            self._chains = {(symbol, taker): self._chained(symbol, taker) for symbol, taker in self._sources}

    def _chained(self, symbol: Symbol, taker: Side) -> list[tuple[Source, ...]]:
        """Each way in which one of the two sources is itself implied, by two books that the way does not touch yet.

        In listing order of the spreads: that of the way first, then the one that was put in.
        """
        place = {member: at for at, member in enumerate(self.books)}
        found: list[tuple[int, int, tuple[Source, ...]]] = []
        for near, sources in self._sources[symbol, taker]:
            for replaced in sources:
                rest = [source for source in sources if source is not replaced]
                used = {symbol, *(source.book.symbol for source in sources)}
                for far, instead in self._sources[replaced.book.symbol, replaced.side.opposite]:
                    if used.isdisjoint(source.book.symbol for source in instead):
                        turned = [source._replace(weight=source.weight * replaced.weight) for source in instead]
                        in_order = sorted([*rest, *turned], key=lambda source: place[source.book.symbol])
                        found.append((place[near], place[far], tuple(in_order)))
        return [sources for *_, sources in sorted(found, key=lambda way: way[:2])]

    # ── what is implied ──

    @property
    def is_on(self) -> bool:
        """Whether anything is implied: every book of the family trades continuously (L3)."""
        return not any(book.paused for book in self.books.values())

    def _best(self, symbol: Symbol, taker: Side) -> Quote | None:
        """The best quote implied for an order that comes in on the side `taker`; of equal ones the first spread's."""
        return self._best_of((sources for _, sources in self._sources[symbol, taker]), taker)

    def _second(self, symbol: Symbol, taker: Side) -> Quote | None:
        """The best quote of the second generation; of equal ones the first way's."""
        return self._best_of(self._chains.get((symbol, taker), ()), taker)

    @staticmethod
    def _best_of(ways: Iterable[tuple[Source, ...]], taker: Side) -> Quote | None:
        best: Quote | None = None
        for sources in ways:
            firsts = [source.book.against(source.side.opposite).rungs[-1:] for source in sources]
            if all(firsts):
                prices = [rung_of(source.side, rung) for source, [rung] in zip(sources, firsts, strict=True)]
                price = sum(source.weight * price for source, price in zip(sources, prices, strict=True))
                rung = rung_of(taker.opposite, price)
                if best is None or rung > best.rung:
                    best = Quote(rung, price, sources)
        return best

    def quotes(self, symbol: Symbol) -> ImpliedQuotes:
        """What the best displayed levels of the others imply in one book: the first generation (L3)."""
        both: dict[Side, tuple[ImpliedQuote, ...]] = {}
        tops = {member: book.top() for member, book in self.books.items()}
        for taker in Side:
            found: list[ImpliedQuote] = []
            for spread, sources in self._sources[symbol, taker]:
                levels: list[Level] = []
                for source in sources:
                    top = tops[source.book.symbol]
                    level = top.bid if source.side is Side.BUY else top.ask
                    levels += [level] if level is not None else []
                if len(levels) == 2:
                    price = sum(source.weight * level.price for source, level in zip(sources, levels, strict=True))
                    found.append(ImpliedQuote(spread, price, min(level.quantity for level in levels)))
            found.sort(key=lambda quote: quote.price, reverse=taker is Side.SELL)
            both[taker.opposite] = tuple(found)
        return ImpliedQuotes(both[Side.BUY], both[Side.SELL])

    # ── entry ──

    def submit(self, order: Submit) -> tuple[Event, ...]:
        """A new order in one of the books."""
        book = self.books[order.symbol]
        reason = book.checks.submit(order) or self.refusal(order)
        if reason is not None:
            return (Rejected(order.symbol, order.order_id, reason),)
        events: list[Event] = [Accepted(order.symbol, order.order_id, order.side, order.price, order.quantity)]
        if order.stop is not None:
            book.pend(order)
        else:
            self._enter(order, order.price, order.quantity, events)
        self.trigger_stops(events)
        return tuple(events)

    def refusal(self, order: Submit) -> RejectReason | None:
        """Why the books, as they stand, do not take a new order that is well formed."""
        reason = self.books[order.symbol].refusal(order)
        if reason is RejectReason.NO_LIQUIDITY and (
            self._best(order.symbol, order.side) or self._second(order.symbol, order.side)
        ):
            return None
        if reason is None and order.post_only and order.stop is None and self._would_take(order, order.price):
            return RejectReason.WOULD_TAKE
        return reason

    def _would_take(self, order: Submit, price: Ticks | None) -> bool:
        rungs = self.books[order.symbol].against(order.side).rungs
        floor = floor_of(order.side, price)
        implied = (self._best(order.symbol, order.side), self._second(order.symbol, order.side))
        return (bool(rungs) and rungs[-1] >= floor) or any(each is not None and each.rung >= floor for each in implied)

    def _enter(
        self, terms: Submit, price: Ticks | None, leaves: Lots, events: list[Event], resting: RestingOrder | None = None
    ) -> None:
        """Let an order trade what it can, and let the rest of it rest or go; `resting` if it has been there before."""
        lives = terms.time_in_force
        needed = leaves if lives is TimeInForce.FOK else terms.min_quantity if resting is None else 0
        reason: CancelReason | None = None
        executed = prevented = 0
        if terms.post_only and self._would_take(terms, price):
            reason = CancelReason.POST_ONLY
        elif needed and self._obtainable(terms, price, leaves) < needed:
            reason = CancelReason.KILLED if lives is TimeInForce.FOK else CancelReason.MIN_QUANTITY
        else:
            before = leaves
            leaves, prevented, ended = self._take(terms, price, leaves, events)
            executed = before - leaves - prevented
            if ended:
                reason = CancelReason.SELF_TRADE
            elif not leaves:
                return
            elif price is None:
                reason = CancelReason.MARKET
            elif lives is TimeInForce.IOC:
                reason = CancelReason.IMMEDIATE
        if reason is not None:
            events.append(Cancelled(terms.symbol, terms.order_id, terms.side, price, leaves, reason))
        elif price is not None:
            self.books[terms.symbol].rest(terms, price, leaves, executed, prevented, resting)

    def _take(self, terms: Submit, price: Ticks | None, leaves: Lots, events: list[Event]) -> tuple[Lots, Lots, bool]:
        """Own orders of a level first, then what is implied at its price, and the second generation when neither has
        anything within the limit (L3). As `FastBook.take_down_to` else."""
        book, side = self.books[terms.symbol], terms.side
        floor, rungs = floor_of(side, price), book.against(side).rungs
        all_prevented = 0
        while leaves:
            best = self._best(terms.symbol, side)
            own = rungs[-1] if rungs else floor - 1
            if own >= floor and (best is None or own >= best.rung):
                leaves, prevented, ended = book.take_down_to(own, terms, leaves, events)
                all_prevented += prevented
                if ended:
                    return leaves, all_prevented, True
            elif best is not None and best.rung >= floor:
                leaves -= self._trade(book, best, leaves, terms, events)
            elif (second := self._second(terms.symbol, side)) is not None and second.rung >= floor:
                leaves -= self._trade(book, second, leaves, terms, events)
            else:
                break
        return leaves, all_prevented, False

    def _trade(self, book: FastBook, quote: Quote, most: Lots, taker: Submit, events: list[Event]) -> Lots:
        """One implied trade, as large as it can be: all makers give the same, at their own prices (L2, L4)."""
        quantity = min(most, *(_first(source).slice for source in quote.sources))
        legs = []
        for source in quote.sources:
            maker, price = source.book.give(source.side, quantity)
            legs.append(ImpliedLeg(source.book.symbol, price, maker))
        book.traded_at(quote.price)
        events.append(ImpliedTrade(book.symbol, quote.price, quantity, taker.order_id, tuple(legs)))
        return quantity

    def _obtainable(self, terms: Submit, price: Ticks | None, leaves: Lots) -> Lots:
        """How much would trade now: the dry run of C5 and C7, with what is implied."""
        book, side, floor = self.books[terms.symbol], terms.side, floor_of(terms.side, price)
        owner, prevention = book.owner_of(terms), prevention_of(terms)
        own = Rehearsal(book, side)
        played = {
            (member, facing): Rehearsal(other, facing.opposite)
            for member, other in self.books.items()
            for facing in Side
            if other is not book
        }
        generations = [
            [[(source.weight, source.side, played[source.book.symbol, source.side]) for source in way] for way in ways]
            for ways in (
                [sources for _, sources in self._sources[terms.symbol, side]],
                self._chains.get((terms.symbol, side), []),
            )
        ]
        executed = 0
        for ways in generations:
            while leaves:
                implied: list[tuple[int, list[Rehearsal]]] = []
                for way in ways:
                    price_of_way = 0
                    for weight, facing, rehearsal in way:
                        if rehearsal.rung is None:
                            break
                        price_of_way += weight * rung_of(facing, rehearsal.rung)
                    else:
                        implied.append((rung_of(side.opposite, price_of_way), [rehearsal for *_, rehearsal in way]))
                best = max((rung for rung, _ in implied), default=floor - 1)
                if own.rung is not None and own.rung >= max(floor, best):
                    leaves, traded, ended = own.play(leaves, owner, prevention)
                    executed += traded
                    if ended:
                        return executed
                elif best >= floor:
                    sides = next(sides for rung, sides in implied if rung == best)
                    quantity = min(leaves, *(rehearsal.first.quantity for rehearsal in sides))
                    for rehearsal in sides:
                        rehearsal.take(quantity)
                    executed += quantity
                    leaves -= quantity
                else:
                    break
        return executed

    # ── stops ──

    def trigger_stops(self, events: list[Event]) -> None:
        """Trigger what the last trades have reached, in all books, until none is due (E2 to E5)."""
        waiting: deque[StopOrder] = deque()
        while True:
            for book in self.books.values():
                waiting += book.pop_due()
            if not waiting:
                return
            terms = waiting.popleft().terms
            events.append(Triggered(terms.symbol, terms.order_id))
            self._enter(terms, terms.price, terms.quantity, events)

    # ── replace ──

    def replace(self, command: Replace) -> tuple[Event, ...]:
        """New terms for a live order of one of the books (F1 to F4)."""
        book = self.books[command.symbol]
        order = book.find(command.order_id) if type(command.order_id) is int else None
        if not isinstance(order, RestingOrder):
            return self._replace_stop(book, command)
        reason = book.checks.replace(command) or self.replace_refusal(command)
        if reason is not None:
            return (Rejected(command.symbol, command.order_id, reason),)
        if self._stays(order, command):
            return book.replace(command)
        terms, price, leaves = order.terms, self._price_then(order, command), self._open_then(order, command)
        events: list[Event] = [Replaced(command.symbol, command.order_id, terms.side, price, command.quantity)]
        book.lift(order)
        self._enter(terms, price, leaves, events, order)
        self.trigger_stops(events)
        return tuple(events)

    def replace_refusal(self, command: Replace) -> RejectReason | None:
        """Why the books, as they stand, do not take a replace that is well formed: as `replace`, without an effect."""
        book = self.books[command.symbol]
        reason, order = book.replace_refusal(command), book.find(command.order_id)
        if reason is not None or not isinstance(order, RestingOrder) or self._stays(order, command):
            return reason
        takes = order.terms.post_only and self._would_take(order.terms, self._price_then(order, command))
        return RejectReason.WOULD_TAKE if takes else None

    def _stays(self, order: RestingOrder, command: Replace) -> bool:
        """Whether a replaced order is in its place still, or is gone: nobody is met (F1, F4)."""
        leaves = self._open_then(order, command)
        keeps = self._profile.replace_keeps is ReplaceKeeps.ON_REDUCE
        return leaves <= 0 or (keeps and leaves <= order.leaves and self._price_then(order, command) == order.price)

    def _price_then(self, order: RestingOrder, command: Replace) -> Ticks:
        return order.price if command.price is None else command.price

    def _open_then(self, order: RestingOrder, command: Replace) -> Lots:
        is_open = self._profile.replace_quantity is ReplaceQuantity.OPEN
        return command.quantity if is_open else command.quantity - order.executed - order.prevented

    def _replace_stop(self, book: FastBook, command: Replace) -> tuple[Event, ...]:
        """A stop, or an order that is not there. A stop that is due at once goes on in the family, not in its book."""
        last_price = book.last_price
        if self._profile.true_stop is TrueStop.TRIGGER:
            book.last_price = None
        events = list(book.replace(command))
        book.last_price = last_price
        self.trigger_stops(events)
        return tuple(events)

    # ── when quotes are implied again ──

    def uncross(self, events: list[Event]) -> None:
        """Spread orders take what the legs imply: while a book of them was not continuous they could not (L3, B6)."""
        for symbol in self._spreads:
            book = self.books[symbol]
            for side in Side:
                while True:
                    rungs = book.against(side.opposite).rungs
                    if not rungs:
                        break
                    floor, best = floor_of(side, rung_of(side, rungs[-1])), self._best(symbol, side)
                    if best is None or best.rung < floor:
                        best = self._second(symbol, side)
                    if best is None or best.rung < floor:
                        break
                    first = _first(Source(book, 1, side))
                    quantity = self._trade(book, best, first.slice, first.terms, events)
                    book.give(side, quantity, at_its_price=False)
                    book.last_price = best.price
        self.trigger_stops(events)


def _first(source: Source) -> RestingOrder:
    """The order that would trade."""
    return next(iter(source.book.against(source.side.opposite)))
