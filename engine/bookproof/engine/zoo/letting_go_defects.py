"""Seeded defects of letting go: an operation that is one step for its client leaves its stripe half-way."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from bookproof.engine import auction
from bookproof.engine.floor import orders_of
from bookproof.engine.interface import Answer
from bookproof.engine.ladder import RestingOrder
from bookproof.engine.lists import LiveList
from bookproof.engine.striped import StripedEngine
from bookproof.engine.zoo.defect import Defect
from bookproof.spec.commands import Basket, Cancel, Command, SetPhase, Submit, SubmitList
from bookproof.spec.events import Accepted, Cancelled, Event, ListAccepted, PhaseChanged, Trade
from bookproof.spec.reasons import CancelReason
from bookproof.spec.values import ListKind, Phase, Side, Symbol


class IdFreedEarly(StripedEngine):
    """A cancel frees the order's id, lets go of the stripe, and takes the order out of its queue."""

    def submit(self, command: Command) -> Answer:
        """As in the striped engine, but for cancels."""
        if not isinstance(command, Cancel) or command.symbol not in self._desks:  # none where accounts are kept
            return super().submit(command)
        book, order_id = self._floor.books[command.symbol], command.order_id
        with self._lock_of[command.symbol]:  # guards book
            order = book._live.get(order_id) if type(order_id) is int and not book.lists else None
            if isinstance(order, RestingOrder):
                book.forget(order_id)
        if not isinstance(order, RestingOrder):
            return super().submit(command)
        terms = order.terms
        with self._lock_of[command.symbol]:  # the defect: it could be met without an id in between
            (book._bids if terms.side is Side.BUY else book._asks).remove(order)
            reason = CancelReason.REQUESTED
            return self._stamped([Cancelled(terms.symbol, order_id, terms.side, order.price, order.leaves, reason)])


class CascadeLetGo(StripedEngine):
    """The stops that an order's trades have reached are triggered when its stripe has been let go."""

    def submit(self, command: Command) -> Answer:
        """As in the striped engine, but for new orders that are no stops."""
        if not isinstance(command, Submit) or command.symbol not in self._desks or command.stop is not None:
            return super().submit(command)
        book = self._floor.books[command.symbol]
        with self._lock_of[command.symbol]:  # guards book
            if book.lists:
                events = None
            else:
                stops = book._buy_stops, book._sell_stops
                book._buy_stops, book._sell_stops = [], []
                events = list(book.submit(command))
                book._buy_stops, book._sell_stops = stops
                if not any(isinstance(event, Trade) for event in events):
                    return self._stamped(events)
        if events is None:
            return super().submit(command)
        with self._lock_of[command.symbol]:  # the defect: others may have traded before the stops
            book.trigger_stops(events)
            return self._stamped(events)


class UncrossLetGo(StripedEngine):
    """A call ends in two steps: trading is continuous, and then the uncross takes place."""

    def submit(self, command: Command) -> Answer:
        """As in the striped engine, but for the end of a call."""
        if (
            not isinstance(command, SetPhase)
            or command.symbol not in self._desks  # none where accounts are kept
            or command.phase is not Phase.CONTINUOUS
        ):
            return super().submit(command)
        book = self._floor.books[command.symbol]
        with self._lock_of[command.symbol]:  # guards book
            plain = book.phase is Phase.CALL and not self._floor.market.halted and not book.lists
            if plain:
                book.phase, book.paused = Phase.CONTINUOUS, False
        if not plain:
            return super().submit(command)
        with self._lock_of[command.symbol]:  # the defect: the book was crossed, and open to everybody
            events: list[Event] = [PhaseChanged(command.symbol, Phase.CONTINUOUS)]
            events += auction.uncross(book, book._bids, book._asks, book.checks.tick)
            book.trigger_stops(events)
            return self._stamped(events)


class ChildEnteredLate(StripedEngine):
    """The orders that a fill releases enter when the stripes of the fill have been let go."""

    def _together(self, command: Command, symbols: Iterable[Symbol]) -> Answer:
        if not isinstance(command, Submit):
            return super()._together(command, symbols)
        book = self._floor.books[command.symbol]
        with self._holding_all():  # guards book, and all that it is tied to
            run = self._floor.lists.begin()
            with run.watching([book]):
                events = list(book.submit(command))
                run.follow(events)
            if not run._ready:
                return self._stamped(events)
        with self._holding_all():  # the defect: they were released, and nowhere
            run.finish(events)
            return self._stamped(events)


class LegsOneByOne(StripedEngine):
    """The legs of an OCO enter one after the other, each with the stripe of its own book."""

    def _submit_list(self, command: SubmitList) -> Answer:
        if command.kind is not ListKind.OCO or self._ledger is not None or self._floor.lists.fault(command) is not None:
            return super()._submit_list(command)
        books, events = self._floor.books, list[Event]()
        with self._holding_all():  # guards the legs' books
            would = any(leg.stop is not None or books[leg.symbol].can_fill(_one_lot(leg)) for leg in command.legs)
            paused = any(books[leg.symbol].paused for leg in command.legs)
            if would or paused or self._floor.lists.refusal(command) is not None:
                return self._stamped(self._floor.match(command))
            new = LiveList(command)
            events.append(ListAccepted(command.kind, new.members))
            for leg in command.legs:
                books[leg.symbol].lists[leg.order_id] = new
        for leg in command.legs:
            with self._lock_of[leg.symbol]:  # the defect: a rival may trade before this one is in, and is forgotten
                events += books[leg.symbol].submit(leg)
        return self._stamped(events)


def _one_lot(order: Submit) -> Submit:
    return order._replace(quantity=1)


class BasketNotUndone(StripedEngine):
    """A basket trades leg by leg, and stops at the first that cannot: what has traded by then stays."""

    def _basket(self, basket: Basket) -> Answer:
        if self._ledger is not None:  # the defect is one of books: accounts go the right way
            return super()._basket(basket)
        rejected = self._floor.basket_fault(basket)
        if rejected is not None:
            return self._stamped([rejected])
        orders, books = orders_of(basket), self._floor.books
        with self._holding(self._stripe_of[order.symbol] for order in orders):  # guards the legs' books, to look
            if self._floor.basket_refusal(basket) is not None or any(books[order.symbol].lists for order in orders):
                return self._stamped(self._floor.basket(basket))
        events: list[Event] = [
            Accepted(order.symbol, order.order_id, order.side, order.price, order.quantity) for order in orders
        ]
        for order in orders:
            with self._lock_of[order.symbol]:  # guards the leg's book
                books[order.symbol].fill(order, events)
                books[order.symbol].trigger_stops(events)
        return self._stamped(events)  # the defect: nothing is undone


class LeftTwice(StripedEngine):
    """An order leaves its stripe, writes a journal, and leaves the stripe once more to be on the safe side."""

    def __init__(self, *listing: Any, **options: Any) -> None:
        super().__init__(*listing, **options)
        self._journal = options["sync"].lock("journal")

    def submit(self, command: Command) -> Answer:
        """As in the striped engine, but for new orders."""
        if not isinstance(command, Submit) or command.symbol not in self._desks:  # none where accounts are kept
            return super().submit(command)
        stripe, book = self._lock_of[command.symbol], self._floor.books[command.symbol]
        stripe.acquire()
        try:
            if not book.lists:
                answer = self._stamped(book.submit(command))
                stripe.release()
                with self._journal:  # guards nothing: it stands for what the thread does before it is through
                    return answer
        finally:
            with suppress(RuntimeError):
                stripe.release()  # the defect: by now it may be somebody else's
        return super().submit(command)


LETTING_GO = (
    Defect(
        "id-freed-early",
        IdFreedEarly,
        "A cancel frees the order's id first and takes the order from its queue in a second step (rule A3): a taker "
        "meets an order that has no id, and the engine falls over.",
        True,
        "khrapovs/OrderBookMatchingEngine #25: one of two indices keeps an order that the other has dropped.",
        "cancel-fill",
    ),
    Defect(
        "cascade-let-go",
        CascadeLetGo,
        "The stripe is let go between an order and the stops that it triggers (rule E5): another order takes what the "
        "stops would have taken, and yet has the earlier stamp.",
        True,
        "made up: activation as a message to oneself, as in every engine that feeds stops back through its queue.",
        "stop-cascade",
    ),
    Defect(
        "uncross-let-go",
        UncrossLetGo,
        "A book is opened first and uncrossed then (rules I6, J3): an order that comes between trades with the crossed "
        "book at another price than the auction's.",
        True,
        "made up: the phase is a flag, and the uncross a job that reacts to it.",
        "call-ends",
    ),
    Defect(
        "child-entered-late",
        ChildEnteredLate,
        "The orders that wait for a fill are released with it and enter when its stripes are let go (rule H2): a "
        "cancel finds an order that waits for nobody any more.",
        True,
        "nautechsystems/nautilus_trader #3435: children are sized wrongly if the parent's fills come too quickly.",
        "chain-cancel",
    ),
    Defect(
        "legs-one-by-one",
        LegsOneByOne,
        "The legs of an OCO enter their books one after the other (rules H1, H4): the first is sold before the second "
        "is in, so nobody takes that out, and both can execute.",
        True,
        "QuantConnect/Lean #9635: an OCO was two orders, and is sent as one so that no fill passes the other by.",
        "rivals-enter",
    ),
    Defect(
        "basket-not-undone",
        BasketNotUndone,
        "A basket trades leg by leg and undoes nothing when one of them cannot (rule L4): half of it has traded.",
        False,
        "joaquinbejar/OrderBook-rs #209: five of ten lots are traded, and the answer is that there are not enough.",
        "basket-torn",
    ),
    Defect(
        "left-twice",
        LeftTwice,
        "An order leaves its stripe a second time when it cleans up: it throws out a thread that has come in "
        "meanwhile, and lets a third one in beside it.",
        True,
        "commaai/openpilot #1369: a mutex is unlocked that is not locked, which is undefined.",
        "thrown-out",
    ),
)
"""Every defect of letting go."""
