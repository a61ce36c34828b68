"""Seeded defects of locking. It takes two threads to see them, and the right moment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from bookproof.engine.book import FastBook
from bookproof.engine.interface import Answer
from bookproof.engine.ladder import floor_of
from bookproof.engine.lists import Run
from bookproof.engine.striped import StripedEngine
from bookproof.spec.commands import Basket, Cancel, Command, Route, Submit
from bookproof.spec.events import Cancelled, Event
from bookproof.spec.instruments import Instrument, ways_of
from bookproof.spec.reasons import CancelReason
from bookproof.spec.values import Place, Symbol


class LostStripeLock(StripedEngine):
    """A basket holds only the stripe of its first leg."""

    def _basket(self, basket: Basket) -> Answer:
        rejected = self._floor.basket_fault(basket)
        if rejected is not None:
            return self._stamped([rejected])
        with self._holding([self._stripe_of[basket.legs[0].symbol]]):  # the defect: the other legs' stripes
            return self._basket_at_its_books(basket)


class LookUpBeforeLock(StripedEngine):
    """A cancel looks its order up before it takes the stripe."""

    def submit(self, command: Command) -> Answer:
        """As in the striped engine, but for cancels."""
        if not isinstance(command, Cancel) or command.symbol not in self._floor.books:
            return super().submit(command)
        book = self._floor.books[command.symbol]
        seen = book.status(command.order_id)  # the defect: the stripe is not held yet
        if seen is None or book.lists or type(command.order_id) is not int:  # 1.0 is no id, and finds order 1
            return super().submit(command)
        with self._lock_of[command.symbol]:  # guards book
            book.cancel(command)
            return self._stamped(
                [Cancelled(command.symbol, seen.order_id, seen.side, seen.price, seen.leaves, CancelReason.REQUESTED)]
            )


class UnorderedStripes(StripedEngine):
    """Several stripes are taken in the order in which they were named."""

    @contextmanager
    def _holding(self, stripes: Iterable[int]) -> Iterator[None]:
        with ExitStack() as held:
            for number in dict.fromkeys(stripes):  # the defect: not sorted
                held.enter_context(self._stripes[number])
            yield


class _LateRun(Run):
    """A command that takes rivals in other books for cancelled, and leaves it to somebody else to do it."""

    def __init__(self, books: Mapping[Symbol, FastBook], own: Symbol) -> None:
        super().__init__(books)
        self._own = own
        self.later: list[Place] = []

    def cancel(self, place: Place, events: list[Event]) -> None:
        if place.symbol == self._own:
            super().cancel(place, events)
            return
        seen = self._books[place.symbol].status(place.order_id)
        if seen is not None:
            reason = CancelReason.CONTINGENT
            events.append(Cancelled(place.symbol, place.order_id, seen.side, seen.price, seen.leaves, reason))
            self.later.append(place)

    def _forget(self, places: Iterable[Place]) -> None:
        for place in places:
            self._books[place.symbol].lists.pop(place.order_id, None)


class RivalCancelledLate(StripedEngine):
    """A fill holds the stripe of its book only; rivals in other books are cancelled when it has been let go."""

    def _together(self, command: Command, symbols: Iterable[Symbol]) -> Answer:
        if not isinstance(command, Submit | Cancel):
            return super()._together(command, symbols)
        book = self._floor.books[command.symbol]
        answer = None
        run = None
        with self._lock_of[command.symbol]:  # the defect: guards book, and not those that its lists tie it to
            if all(found.working is None for found in book.lists.values()):
                run = _LateRun(self._floor.books, command.symbol)
                with run.watching([book]):
                    events = list(book.submit(command) if isinstance(command, Submit) else book.cancel(command))
                    run.follow(events)
                answer = self._stamped(events)
        if answer is None or run is None:  # somebody waits for an order of this book: that much is done right
            return super()._together(command, symbols)
        for place in run.later:
            with self._lock_of[place.symbol]:  # guards the rival's book, too late
                self._floor.books[place.symbol].take_out(place.order_id)
        return answer


class ListsReadBeforeLock(StripedEngine):
    """Whether a book has lists is asked before its stripe is taken, and believed."""

    def submit(self, command: Command) -> Answer:
        """As in the striped engine, but for orders and cancels in books that seem to have no lists."""
        if not isinstance(command, Submit | Cancel):
            return super().submit(command)
        book = self._floor.books.get(command.symbol)
        if book is None or book.lists:  # the defect: the stripe is not held yet
            return super().submit(command)
        with self._lock_of[command.symbol]:  # guards book
            return self._stamped(book.submit(command) if isinstance(command, Submit) else book.cancel(command))


class StripesAsDiscovered(StripedEngine):
    """The stripes of tied books are taken as the ties are found, while those found before are held."""

    def _together(self, command: Command, symbols: Iterable[Symbol]) -> Answer:
        first = tuple(symbols)
        taken: set[int] = set()
        wanted = {self._stripe_of[symbol] for symbol in first}
        with ExitStack() as held:
            while not wanted <= taken:
                held.enter_context(self._holding(wanted - taken))  # the defect: the others are held already
                taken |= wanted
                wanted = set(self._tied(first, taken))
            return self._stamped(self._floor.carry_out(command))


class StaleRoute(StripedEngine):
    """A routed order chooses its books by a look at their best prices, and takes the stripes of these only."""

    def _route(self, command: Route) -> Answer:
        rejected = self._floor.route_fault(command)
        if rejected is not None:
            return self._stamped([rejected])
        order, books = command.order, self._floor.books
        floor = floor_of(order.side, order.price)
        chosen = []
        for symbol in self._floor.group_of[order.symbol]:
            rungs = books[symbol].against(order.side).rungs[-1:]  # the defect: no stripe of the group is held yet
            if symbol == order.symbol or (rungs and rungs[0] >= floor):
                chosen.append(symbol)
        with self._holding(self._stripe_of[symbol] for symbol in chosen):  # guards the chosen books
            return self._stamped(self._floor.route(command, chosen))


class SpreadAlone(StripedEngine):
    """An order in a book that is part of a spread holds the stripe of that book only."""

    def _in_family(self, command: Command) -> Answer:
        named: Any = command
        with self._lock_of[named.symbol]:  # the defect: it trades in the other books of the family, too
            return self._stamped(self._floor.carry_out(command))


class FarBookForgotten(StripedEngine):
    """An order holds the books that imply quotes in its own, and a cancel its own book: enough for two at a time."""

    def __init__(self, instruments: Iterable[Instrument], *given: Any, **named: Any) -> None:
        listed = tuple(instruments)
        super().__init__(listed, *given, **named)
        ways = ways_of(listed)
        self._near = {symbol: {symbol, *(part.symbol for way in ways[symbol] for part in way.parts)} for symbol in ways}

    def _in_family(self, command: Command) -> Answer:
        if not isinstance(command, Submit | Cancel):
            return super()._in_family(command)
        near = {command.symbol} if isinstance(command, Cancel) else self._near[command.symbol]
        with self._holding(self._stripe_of[symbol] for symbol in near):  # the defect: a chain ends in a book beyond
            return self._stamped(self._floor.carry_out(command))
