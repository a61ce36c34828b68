"""Seeded defects of locking. It takes two threads to see them, and the right moment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from bookproof.engine import routing
from bookproof.engine.interface import Answer
from bookproof.engine.ladder import floor_of
from bookproof.engine.striped import StripedEngine
from bookproof.spec.commands import Basket, Cancel, Command, Halt, Replace, Resume, Route, Submit
from bookproof.spec.events import Cancelled
from bookproof.spec.reasons import CancelReason


class LostStripeLock(StripedEngine):
    """A basket holds only the stripe of its first leg."""

    def _basket(self, basket: Basket) -> Answer:
        rejected = self._floor.basket_fault(basket)
        if rejected is not None:
            return self._stamped([rejected])
        with self._holding([self._stripe_of[basket.legs[0].symbol]]):  # the defect: the other legs' stripes
            return self._stamped(self._floor.basket(basket))


class LookUpBeforeLock(StripedEngine):
    """A cancel looks its order up before it takes the stripe."""

    def submit(self, command: Command) -> Answer:
        """As in the striped engine, but for cancels."""
        if not isinstance(command, Cancel) or command.symbol not in self._floor.books:
            return super().submit(command)
        book = self._floor.books[command.symbol]
        seen = book.status(command.order_id)  # the defect: the stripe is not held yet
        if seen is None:
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
            return self._stamped(routing.route(books[order.symbol], [books[symbol] for symbol in chosen], order))


class SpreadAlone(StripedEngine):
    """An order in a book that is part of a spread holds the stripe of that book only."""

    def _in_family(self, command: Submit | Cancel | Replace | Halt | Resume) -> Answer:
        assert command.symbol is not None
        with self._lock_of[command.symbol]:  # the defect: it trades in the other books of the family, too
            return self._stamped(list(self._floor.carry_out(command)))
