"""Lists of orders that depend on each other (rules H1 to H4), in one book or across several.

All legs are *held* when the list is accepted: their ids are taken and no queue knows them. Then each enters its book
when its turn comes, just as a new order would: those of an OCO at once, one after the other; of an OTO or an OTOCO the
working order first, and the others when that is filled whole.

What becomes of a list is decided by events, in the order in which they happen:

- A rival of an OCO that trades or is triggered cancels the others at the end of that matching step: before the next
  stop is triggered, before the next leg of a basket trades, and in whatever book they are (H1).
- Where the profile says so, a rival that trades in part makes the others smaller by what traded in that step instead,
  and only a whole fill or a trigger cancels them (H1).
- A working order that left its book by trading is filled. The others enter when the command's own matching is over,
  stops and all: lists in the order in which they were filled, legs in the order of their list (H2, H3).
- Where accounts are kept, an order that is held reserves nothing, as it may never enter. Its account is asked when its
  turn comes, after all that has happened by then has settled, and what it cannot stand for is refused (M1). A list is
  accepted if the account can stand for all those of its orders that enter at once, and each rival for itself.
- An order that ends in any other way (a cancel, an expiry, self-trade prevention, the remainder of an
  immediate-or-cancel order, a turn to enter that its book or account refuses) takes the rest of its list with it (H4).

That ends, because every order enters once.

>>> from bookproof.spec.exchange import opening, run
>>> from bookproof.spec.instruments import listing
>>> from bookproof.spec.values import Side
>>> here, there = (Submit(symbol, 1, 7, Side.SELL, 5, 100) for symbol in ("ABC", "XYZ"))
>>> taker = Submit("ABC", 2, 8, Side.BUY, 1, 100)
>>> _, events = run(opening(listing(["ABC", "XYZ"])), [SubmitList(ListKind.OCO, (here, there)), taker])
>>> events[-1].symbol, events[-1].order_id, events[-1].reason.value
('XYZ', 1, 'contingent')
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from bookproof.spec import book as rules
from bookproof.spec.book import Book, Held, Pending
from bookproof.spec.commands import Replace, Submit, SubmitList
from bookproof.spec.events import Cancelled, Event, ListAccepted, Rejected, Restated, Trade, Triggered
from bookproof.spec.kernel import Resting
from bookproof.spec.profile import ListReplace, OcoFill, Profile, ReplaceQuantity
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.rulebook import fired, performed, rehearsing
from bookproof.spec.validation import collide, replace_fault
from bookproof.spec.values import ListKind, Lots, Nanoseconds, Place, Symbol
from bookproof.spec.views import OrderList

Lists = tuple[OrderList, ...]
"""The live lists, the oldest first. No order is in two of them."""

Stands: TypeAlias = Callable[[Submit, Sequence[Event], Mapping[Symbol, Book]], bool]
"""Whether its account can stand for an order, after these events of the command and with the books as they are (M1)."""

_WHEN_IT_ENTERS = (RejectReason.STOP_ALREADY_TRUE, RejectReason.NO_LIQUIDITY, RejectReason.WOULD_TAKE)
"""What depends on the book at the moment of entry, so it is not asked of an order that is held back."""


def list_of(lists: Lists, place: Place) -> OrderList | None:
    """The live list that an order belongs to, if it belongs to one.

    >>> pair = OrderList(ListKind.OCO, None, (Place("ABC", 1), Place("ABC", 2)))
    >>> list_of((pair,), Place("ABC", 2)) is pair, list_of((pair,), Place("XYZ", 2))
    (True, None)
    """
    return next((one for one in lists if place in one.members), None)


def refusal(
    books: Mapping[Symbol, Book], command: SubmitList, clock: Nanoseconds, profile: Profile
) -> tuple[Submit, RejectReason] | None:
    """The leg that its book refuses and why: the first reason in order of precedence, of equals the first leg (H4)."""
    refusals = []
    for at, leg in enumerate(command.legs):
        reason = rules.refusal(books[leg.symbol], leg, clock, profile)
        enters_now = command.kind is ListKind.OCO or at == 0
        if reason is not None and (enters_now or reason not in _WHEN_IT_ENTERS):
            refusals.append((reason, leg))
    if not refusals:
        return None
    fired("H4")
    reason, leg = min(refusals, key=lambda refused: refused[0].precedence)
    return leg, reason


def may_be_replaced(found: OrderList, profile: Profile) -> bool:
    """Whether an order of a list may be replaced: where rivals are amended together, and a fill cancels them (H1)."""
    amends = profile.list_replace is ListReplace.AMEND and profile.oco_fill is OcoFill.CANCEL
    return found.working is None and amends


def amendments(books: Mapping[Symbol, Book], lists: Lists, command: Replace, profile: Profile) -> list[Replace]:
    """A replace, and those of its order's rivals if it changes the quantity and leaves something open (H1).

    One of an order that has no rivals stands alone.
    """
    named = Place(command.symbol, command.order_id)
    found, order = list_of(lists, named), books[command.symbol].find(command.order_id)
    if found is None or order is None:
        return [command]
    done = 0 if isinstance(order, Pending) else order.executed + order.prevented
    total = command.quantity + (done if profile.replace_quantity is ReplaceQuantity.OPEN else 0)
    if total == order.terms.quantity or total <= done:
        return [command]
    rivals = [place for place in found.others if place != named]
    return [command, *(Replace(place.symbol, place.order_id, command.quantity) for place in rivals)]


class Aftermath:
    """What follows for the lists while one command is carried out. An `Aside`: the rules of the book call it.

    It lives as long as the command. Books and lists in it are the immutable ones of the state.
    """

    def __init__(
        self,
        books: Mapping[Symbol, Book],
        lists: Lists,
        clock: Nanoseconds,
        profile: Profile,
        stands: Stands | None = None,
    ) -> None:
        self.books = dict(books)
        """As they are now; the one that is being matched, as it was when it last called."""
        self.lists = lists
        self._clock = clock
        self._profile = profile
        self._stands = stands
        """None where no accounts are kept."""
        self._due: list[Pending] = []
        self._ready: list[Place] = []
        """Whose turn it is to enter, next first."""

    def __call__(self, book: Book, due: list[Pending], events: list[Event]) -> tuple[Book, list[Pending], list[Event]]:
        """The lists take notice of the events of one matching step."""
        if not self.lists:
            return book, due, []
        symbol = book.instrument.symbol
        self.books[symbol], self._due = book, due
        also = self.follow(events)
        due, self._due = self._due, []
        return self.books[symbol], due, also

    def follow(self, events: Iterable[Event]) -> list[Event]:
        """What these events mean for the lists: the cancels of those that must go with somebody (H1, H4)."""
        said = tuple(events)
        gone = {Place(event.symbol, event.order_id) for event in said if isinstance(event, Cancelled)}
        filled = Counter[Place]()
        for event in said:
            if isinstance(event, Trade):
                filled.update(dict.fromkeys(_concerned(event), event.quantity))
        return [
            also for event in said for place in _concerned(event) for also in self._notice(event, place, gone, filled)
        ]

    def _notice(self, event: Event, place: Place, gone: set[Place], filled: Counter[Place]) -> list[Event]:
        found = list_of(self.lists, place)
        if found is None:
            return []
        if isinstance(event, Trade) and found.working is None and self._profile.oco_fill is OcoFill.REDUCE:
            if place in gone:  # what is left of it was cancelled, which is told next
                return []
            if self.books[place.symbol].locate(place.order_id) is not None:
                fired("H1")
                return self._reduce(found, place, filled.pop(place, 0))
        if isinstance(event, Cancelled):
            fired("H4")
            return self._end(found, place)
        if found.working is None:
            fired("H1")
            return self._end(found, place)
        if isinstance(event, Trade) and place not in gone and self.books[place.symbol].locate(place.order_id) is None:
            self._release(found)
        return []

    def accept(self, command: SubmitList) -> list[Event]:
        """Hold every leg of a list that nobody refuses, and let those enter whose turn it is (H1 to H4)."""
        fired("H4")
        places = tuple(Place(leg.symbol, leg.order_id) for leg in command.legs)
        for leg in command.legs:
            self.books[leg.symbol] = rules.hold(self.books[leg.symbol], leg)
        if command.kind is ListKind.OCO:
            accepted = OrderList(ListKind.OCO, None, places)
            self._ready += places
        else:
            accepted = OrderList(command.kind, places[0], places[1:])
            self._ready.append(places[0])
        self.lists += (accepted,)
        accepted_event = ListAccepted(command.kind, places)
        return [accepted_event, *self.finish([accepted_event])]

    def amend(self, command: Replace, found: OrderList) -> list[Event]:
        """A replace of one rival, and the new quantity for the others (H1). Refused if any of them could not have it.

        The order that is named goes first: if it trades, or nothing is left of it, the others are cancelled instead.
        """
        amended = amendments(self.books, self.lists, command, self._profile)
        reason = self._why_not(amended, found)
        if reason is not None:
            fired("A4")
            return [Rejected(command.symbol, command.order_id, reason)]
        events: list[Event] = []
        for one in amended:
            if found in self.lists:
                self.books[one.symbol], said = rules.replace(self.books[one.symbol], one, self._profile, self)
                gone = [event for event in said[:1] if isinstance(event, Cancelled)]  # F4
                events += [*said, *self.follow(gone)]
        return events

    def _why_not(self, amended: list[Replace], found: OrderList) -> RejectReason | None:
        """The first reason in order of precedence for which one of several replaces would be refused."""
        reasons = []
        for one in amended:
            book = self.books[one.symbol]
            reason = replace_fault(one, book.instrument)
            if reason is None:
                with rehearsing() as rehearsed:
                    _, (first, *_) = rules.replace(book, one, self._profile)
                if isinstance(first, Rejected):
                    performed(rehearsed)
                    reason = first.reason
            if reason is not None:
                reasons.append(reason)
        command = amended[0]
        named = Place(command.symbol, command.order_id)
        terms = {place: order.terms for place in found.members if (order := self._find(place)) is not None}
        moved = terms.pop(named)
        if command.price is not None:
            moved = moved._replace(price=command.price)
        if any(collide(moved, rival) for rival in terms.values()):
            reasons.append(RejectReason.INVALID_REPLACE)
        return min(reasons, key=lambda reason: reason.precedence, default=None)

    def _find(self, place: Place) -> Resting | Pending | None:
        return self.books[place.symbol].find(place.order_id)

    def finish(self, said: Sequence[Event]) -> list[Event]:
        """Let everybody enter whose turn has come, and whose turn comes by that (H2, H3); what was said goes before."""
        events: list[Event] = []
        while self._ready:
            events += self._enter(self._ready.pop(0), [*said, *events])
        return events

    def _enter(self, place: Place, said: Sequence[Event]) -> list[Event]:
        """An order that was held enters its book as a new one; nothing happens if it is gone already."""
        book = self.books[place.symbol]
        order = book.find(place.order_id)
        if not isinstance(order, Held):
            return []
        affordable = self._stands is None or self._stands(order.terms, said, self.books)
        book = rules.unhold(book, order)
        if not affordable or rules.refusal(book, order.terms, self._clock, self._profile) is not None:
            self.books[place.symbol] = book
            refused = rules.cancelled_event(order.terms, order.terms.quantity, CancelReason.REFUSED)
            return [refused, *self.follow([refused])]
        self.books[place.symbol], events = rules.submit(book, order.terms, self._clock, self._profile, self)
        return events

    def _reduce(self, found: OrderList, by: Place, lots: Lots) -> list[Event]:
        """The rivals of an order are smaller by what it traded, in whole lots of their books; those of no more go."""
        events: list[Event] = []
        stay = []
        for place in found.others if lots else ():
            lot = self.books[place.symbol].instrument.lot
            less = -(-lots // lot) * lot
            if place == by:
                stay.append(place)
            elif less < self._open(place):
                stay.append(place)
                events.append(self._restate(place, less))
            else:
                events += self._cancel(place)
        if lots:
            rest = (found._replace(others=tuple(stay)),) if len(stay) > 1 else ()
            self.lists = tuple(kept for one in self.lists for kept in (rest if one is found else (one,)))
        return events

    def _open(self, place: Place) -> Lots:
        """What is open of a rival, in its book or among the stops that are due."""
        order = self._find(place)
        if order is None:
            order = next(stop for stop in self._due if Place(stop.terms.symbol, stop.order_id) == place)
        return order.terms.quantity if isinstance(order, Pending) else order.leaves

    def _restate(self, place: Place, lots: Lots) -> Event:
        book = self.books[place.symbol]
        if book.locate(place.order_id) is not None:
            self.books[place.symbol] = rules.restate(book, place.order_id, lots)
        self._due = [
            stop._replace(terms=rules.smaller(stop, lots).terms)
            if Place(stop.terms.symbol, stop.order_id) == place
            else stop
            for stop in self._due
        ]
        return Restated(place.symbol, place.order_id, lots)

    def _end(self, found: OrderList, by: Place) -> list[Event]:
        """A list is over by what happened to one of its orders: the others go."""
        self.lists = tuple(one for one in self.lists if one is not found)
        return [also for place in found.members if place != by for also in self._cancel(place)]

    def _cancel(self, place: Place) -> list[Event]:
        """Take one order out for its list's sake, from its book or from the stops that are due."""
        book = self.books[place.symbol]
        if book.locate(place.order_id) is not None:
            self.books[place.symbol], events = rules.cancel(book, place.order_id, CancelReason.CONTINGENT)
            return events
        for stop in self._due:
            if Place(stop.terms.symbol, stop.order_id) == place:
                self._due = [other for other in self._due if other is not stop]
                return [rules.cancelled_event(stop.terms, stop.terms.quantity, CancelReason.CONTINGENT)]
        return []

    def _release(self, found: OrderList) -> None:
        """The working order is filled: the others may enter when their turn comes (H2)."""
        fired("H2")
        self._ready += found.others
        if found.kind is ListKind.OTOCO:
            fired("H3")
            rivals = OrderList(ListKind.OCO, None, found.others)
            self.lists = tuple(rivals if one is found else one for one in self.lists)
        else:
            self.lists = tuple(one for one in self.lists if one is not found)


def _concerned(event: Event) -> Iterator[Place]:
    """Whom an event may part from its list, the maker before the taker."""
    if isinstance(event, Trade):
        yield Place(event.symbol, event.maker)
        yield Place(event.symbol, event.taker)
    elif isinstance(event, Cancelled | Triggered):
        yield Place(event.symbol, event.order_id)
