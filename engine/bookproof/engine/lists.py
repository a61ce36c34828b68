"""The engine's lists of orders that depend on each other (rules H1 to H4), written apart from the rule book.

There is no registry: each book knows the list of each of its orders, and the list knows where its orders are. So a
list is guarded by the stripes of all its books together, and whoever holds the stripe of one of them may read it.

Where accounts are kept, one is asked whenever an order of its lists is to enter, and everything that has happened by
then is booked before (M1): so a command among lists then needs the balance of everybody.

There is no lock in this module. Whoever calls it holds every book that the command's books are tied to.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from bookproof.engine.accounts import Ledger
from bookproof.engine.book import ALL, FastBook
from bookproof.spec.commands import Replace, Submit, SubmitList
from bookproof.spec.events import Cancelled, Event, ListAccepted, Rejected, Trade, Triggered
from bookproof.spec.profile import ListReplace, OcoFill, Profile
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import ListKind, Lots, OrderId, Place, Side, Symbol
from bookproof.spec.views import OrderList

_AT_ENTRY = frozenset({RejectReason.STOP_ALREADY_TRUE, RejectReason.NO_LIQUIDITY, RejectReason.WOULD_TAKE})
"""Asked when an order enters its book, not while its list holds it back."""


class LiveList:
    """One list as it stands."""

    __slots__ = ("kind", "others", "symbols", "working")

    def __init__(self, command: SubmitList) -> None:
        places = tuple(Place(leg.symbol, leg.order_id) for leg in command.legs)
        self.kind = command.kind
        self.working = None if command.kind is ListKind.OCO else places[0]
        """Whom the others wait for. In an OCO there is nobody."""
        self.others = places if self.working is None else places[1:]
        self.symbols = frozenset(place.symbol for place in places)
        """The books that it ties together for as long as it lives."""

    @property
    def members(self) -> tuple[Place, ...]:
        """Every order of the list."""
        return self.others if self.working is None else (self.working, *self.others)

    @property
    def shown(self) -> OrderList:
        """The list as anybody may see it."""
        return OrderList(self.kind, self.working, self.others)


class Run:
    """One command on its way through books with lists: it looks at what happens and adds what follows from it."""

    def __init__(
        self, books: Mapping[Symbol, FastBook], ledger: Ledger | None = None, *, reduces: bool = False
    ) -> None:
        self._books = books
        self._reduces = reduces
        """A fill in part makes rivals smaller, and does not cancel them (H1)."""
        self._ledger = ledger
        self._seen = 0
        """How many of the events of the present part have been looked at."""
        self._ready: deque[Place] = deque()
        """Whose turn it is to enter, next first."""

    @contextmanager
    def watching(self, books: Iterable[FastBook]) -> Iterator[None]:
        """While these books do one part of the command, they tell each of their matching steps."""
        watched = list(books)
        self._seen = 0
        for book in watched:
            book.aside = self.follow
        try:
            yield
        finally:
            for book in watched:
                book.aside = None

    def follow(self, events: list[Event]) -> None:
        """Look at the events since last time: whoever has to go with somebody goes now (H1, H4)."""
        new = events[self._seen :]
        gone = {Place(event.symbol, event.order_id) for event in new if type(event) is Cancelled}
        filled: dict[Place, Lots] = {}
        for event in new if self._reduces else ():
            if type(event) is Trade:
                for order_id in (event.maker, event.taker):
                    place = Place(event.symbol, order_id)
                    filled[place] = filled.get(place, 0) + event.quantity
        for event in new:
            if type(event) is Trade:
                for order_id in (event.maker, event.taker):
                    place = Place(event.symbol, order_id)
                    self._traded(place, gone, filled.pop(place, 0), events)
            elif type(event) is Cancelled:
                self._part(Place(event.symbol, event.order_id), events)
            elif type(event) is Triggered:
                found = self._books[event.symbol].lists.get(event.order_id)
                if found is not None and found.working is None:
                    self._part(Place(event.symbol, event.order_id), events)
        self._seen = len(events)

    def let_in(self, places: Iterable[Place]) -> None:
        """Their turn has come."""
        self._ready.extend(places)

    def finish(self, events: list[Event]) -> None:
        """The command's own part is done: everybody enters whose turn has come, or comes by that (H2, H3)."""
        while self._ready:
            place = self._ready.popleft()
            book = self._books[place.symbol]
            order = book.unhold(place.order_id)
            if order is None:
                continue
            with self.watching([book]):
                if book.refusal(order) is None and (self._ledger is None or self._ledger.lets_in(order, events)):
                    said: list[Event] = list(book.submit(order))
                else:
                    leaves, reason = order.quantity, CancelReason.REFUSED
                    said = [Cancelled(order.symbol, order.order_id, order.side, order.price, leaves, reason)]
                self.follow(said)
            events += said

    def _traded(self, place: Place, gone: Collection[Place], lots: Lots, events: list[Event]) -> None:
        """`lots` is what traded of it in this step, with its first fill, where a fill in part makes rivals smaller."""
        book = self._books[place.symbol]
        found = book.lists.get(place.order_id)
        if found is None:
            return
        if found.working is None:
            if not self._reduces or (place not in gone and not book.is_live(place.order_id)):
                self._part(place, events)
            elif place not in gone and lots:
                self._reduce(found, place, lots, events)
        elif found.working == place and place not in gone and not book.is_live(place.order_id):
            self._release(found)

    def _part(self, place: Place, events: list[Event]) -> None:
        """The list of an order is over by what happened to it: the others go."""
        found = self._books[place.symbol].lists.get(place.order_id)
        if found is None:
            return
        self._forget(found.members)
        for other in found.members:
            if other != place:
                self.cancel(other, events)

    def _reduce(self, found: LiveList, by: Place, lots: Lots, events: list[Event]) -> None:
        """Rivals are smaller by what was filled, in whole lots of their own books; who is not larger than that goes."""
        stay = [by]
        for place in found.others:
            if place != by:
                book = self._books[place.symbol]
                lot = book.checks.lot
                restated = book.restate(place.order_id, (lots + lot - 1) // lot * lot)
                if restated is None:
                    self._forget([place])
                    self.cancel(place, events)
                else:
                    stay.append(place)
                    events.append(restated)
        found.others = tuple(place for place in found.others if place in stay)
        if len(stay) == 1:  # it has no rival left
            self._forget(stay)

    def cancel(self, place: Place, events: list[Event]) -> None:
        """Take one order out for its list's sake, if it is there still."""
        cancelled = self._books[place.symbol].take_out(place.order_id)
        if cancelled is not None:
            events.append(cancelled)

    def _release(self, found: LiveList) -> None:
        """The working order is filled: the others may enter (H2), and in an OTOCO are rivals from now on (H3)."""
        assert found.working is not None
        self._ready.extend(found.others)
        if found.kind is ListKind.OTO:
            self._forget(found.members)
        else:
            self._forget([found.working])
            found.kind, found.working = ListKind.OCO, None

    def _forget(self, places: Iterable[Place]) -> None:
        for place in places:
            del self._books[place.symbol].lists[place.order_id]


class Lists:
    """The way in for new lists, and what they have to do with everybody else's commands.

    >>> from bookproof.engine.global_lock import GlobalLockEngine
    >>> from bookproof.spec.instruments import listing
    >>> engine = GlobalLockEngine(listing(["ABC", "XYZ"]))
    >>> first = Submit("ABC", 1, 7, Side.BUY, 5, 100)
    >>> _ = engine.submit(SubmitList(ListKind.OTO, (first, Submit("XYZ", 2, 7, Side.SELL, 5, 50))))
    >>> engine.status("XYZ", 2).state.value
    'pending-new'
    >>> engine.submit(Submit("ABC", 3, 8, Side.SELL, 5, 100)).events[-1]  # the first is filled
    Accepted(symbol='XYZ', order_id=2, side=<Side.SELL: 'sell'>, price=50, quantity=5)
    """

    def __init__(
        self,
        books: Mapping[Symbol, FastBook],
        profile: Profile,
        ledger: Ledger | None = None,
        spreads: Collection[Symbol] = (),
        groups: Mapping[Symbol, str] | None = None,
    ) -> None:
        self._books = books
        self._ledger = ledger
        self._spreads = spreads
        """The books of spreads and of their legs: no order of a list is in one (L2)."""
        self._groups = groups or {}
        self._reduces = profile.oco_fill is OcoFill.REDUCE
        self._amends = profile.list_replace is ListReplace.AMEND and not self._reduces

    # ── a new list ──

    def fault(self, command: SubmitList) -> Rejected | None:
        """The refusal of a list that is wrong by itself. Needs no lock."""
        legs = command.legs
        if len(legs) < 2 or (len(legs) < 3 and command.kind is ListKind.OTOCO):
            return Rejected(None, None, RejectReason.INVALID_LEGS)
        faults: list[tuple[int, int, RejectReason]] = []
        seen: set[tuple[Symbol, OrderId]] = set()
        for at, leg in enumerate(legs):
            book = self._books.get(leg.symbol)
            reason = RejectReason.UNKNOWN_SYMBOL if book is None else book.checks.submit(leg)
            if reason is not None:
                faults.append((reason.precedence, at, reason))
            misfit = (leg.symbol, leg.order_id) in seen or leg.account != legs[0].account
            if (
                misfit
                or leg.symbol in self._spreads
                or _meets_a_rival(command, at)
                or self._shares_a_route(command, at)
            ):
                faults.append((RejectReason.INVALID_LEGS.precedence, at, RejectReason.INVALID_LEGS))
            seen.add((leg.symbol, leg.order_id))
        return _worst(legs, faults)

    def _shares_a_route(self, command: SubmitList, at: int) -> bool:
        """Whether one routed order could fill a leg and a rival before it, in two books of one group (L5)."""
        leg = command.legs[at]
        group = self._groups.get(leg.symbol)
        return bool(group) and any(
            rival.symbol != leg.symbol
            and self._groups.get(rival.symbol) == group
            and rival.side is leg.side
            and rival.stop is None
            and leg.stop is None
            for rival in _rivals_before(command, at)
        )

    def refusal(self, command: SubmitList) -> Rejected | None:
        """Why the books, as they stand, do not take a list that is well formed."""
        refusals: list[tuple[int, int, RejectReason]] = []
        for at, leg in enumerate(command.legs):
            reason = self._books[leg.symbol].refusal(leg)
            if reason is not None and (command.kind is ListKind.OCO or at == 0 or reason not in _AT_ENTRY):
                refusals.append((reason.precedence, at, reason))
        return _worst(command.legs, refusals)

    def submit(self, command: SubmitList) -> list[Event]:
        """A list that is well formed: every leg is in, or none is (H4)."""
        rejected = self.refusal(command)
        if rejected is not None:
            return [rejected]
        # From here on the list is in.
        new = LiveList(command)
        for leg in command.legs:
            self._books[leg.symbol].hold(leg, new)
        events: list[Event] = [ListAccepted(command.kind, new.members)]
        run = self.begin()
        run.let_in(new.others if new.working is None else (new.working,))
        run.finish(events)
        return events

    # ── everybody else's commands ──

    def begin(self) -> Run:
        """For a command that is going to happen in books with lists."""
        return Run(self._books, self._ledger, reduces=self._reduces)

    def replace(self, command: Replace) -> list[Event]:
        """A replace of an order of a list: refused, or an amendment of all rivals, as the profile has it (H1)."""
        reason = self.replace_refusal(command)
        if reason is not None:
            return [Rejected(command.symbol, command.order_id, reason)]
        # From here on the order that is named is replaced, and its rivals are amended or gone.
        found = self._books[command.symbol].lists[command.order_id]
        run = self.begin()
        events: list[Event] = []
        for one in self.amendments(command):
            its_book = self._books[one.symbol]
            if its_book.lists.get(one.order_id) is found:
                with run.watching([its_book]):
                    said = list(its_book.replace(one))
                    run.follow(said)
                events += said
        run.finish(events)
        return events

    def replace_refusal(self, command: Replace) -> RejectReason | None:
        """Why the books refuse to replace an order of a list, or to amend one of its rivals with it (H1)."""
        book = self._books[command.symbol]
        found = book.lists[command.order_id]
        first = book.checks.replace(command) or book.halt
        if first is not None:
            return first
        if found.working is not None or not self._amends:
            return RejectReason.IN_LIST
        named, asked = Place(command.symbol, command.order_id), self.amendments(command)
        reasons = [reason for one in asked if (reason := self._books[one.symbol].why_not_replace(one)) is not None]
        if any(place != named and self._collides(command, place) for place in found.others):
            reasons.append(RejectReason.INVALID_REPLACE)
        return min(reasons, key=_place_of, default=None)

    def amendments(self, command: Replace) -> list[Replace]:
        """The replace itself, and the same for each rival if it changes the quantity and leaves something open."""
        book = self._books[command.symbol]
        found = book.lists.get(command.order_id)
        now = book.quantity_of(command.order_id)
        if found is None or command.quantity == now or now - command.quantity >= book.open_of(command.order_id):
            return [command]
        named = Place(command.symbol, command.order_id)
        rivals = [place for place in found.others if place != named]
        return [command, *(Replace(place.symbol, place.order_id, command.quantity) for place in rivals)]

    def _collides(self, command: Replace, place: Place) -> bool:
        """Whether the order that is named would come within reach of a rival, or into its queue."""
        moved = self._books[command.symbol].terms_of(command.order_id)
        if command.price is not None:
            moved = moved._replace(price=command.price)
        return _meets_a_rival(SubmitList(ListKind.OCO, (self._books[place.symbol].terms_of(place.order_id), moved)), 1)

    def can_fill(self, orders: Iterable[Submit]) -> bool:
        """Whether every leg of a basket would trade whole, each after those before it: rivals go between them (H1)."""
        less: dict[Symbol, dict[OrderId, Lots]] = {}
        for order in orders:
            book = self._books[order.symbol]
            touched: dict[OrderId, Lots] = {}
            smaller = less.get(order.symbol, {})
            if not book.can_fill(order, smaller, touched):
                return False
            for order_id, lots in touched.items():
                found = book.lists.get(order_id)
                if found is None or found.working is not None:
                    continue
                whole = not self._reduces or lots >= book.open_of(order_id) - smaller.get(order_id, 0)
                for place in found.others:
                    if place != Place(order.symbol, order_id):
                        lot = self._books[place.symbol].checks.lot
                        its = less.setdefault(place.symbol, {})
                        by = ALL if whole else (lots + lot - 1) // lot * lot
                        its[place.order_id] = its.get(place.order_id, 0) + by
        return True


# ── small things ──


def _meets_a_rival(command: SubmitList, at: int) -> bool:
    """Whether a leg stands in one queue with a rival before it, or would trade with it (H1). Stops do neither."""
    leg = command.legs[at]
    if leg.stop is not None:
        return False
    for rival in _rivals_before(command, at):
        if rival.symbol != leg.symbol or rival.stop is not None:
            continue
        if rival.side is leg.side or None in (leg.price, rival.price):
            return True
        bid, ask = (leg.price, rival.price) if leg.side is Side.BUY else (rival.price, leg.price)
        if type(bid) is int and type(ask) is int and bid >= ask:
            return True
    return False


def _rivals_before(command: SubmitList, at: int) -> Sequence[Submit]:
    """The legs before this one that it competes with (H1)."""
    return () if command.kind is ListKind.OTO else command.legs[0 if command.kind is ListKind.OCO else 1 : at]


def _place_of(reason: RejectReason) -> int:
    return reason.precedence


def _worst(legs: Sequence[Submit], faults: list[tuple[int, int, RejectReason]]) -> Rejected | None:
    """The refusal that takes precedence; of equal reasons, that of the first leg."""
    if not faults:
        return None
    _, at, reason = min(faults, key=lambda fault: fault[:2])
    return Rejected(legs[at].symbol, legs[at].order_id, reason)
