"""The tape: the events of one command, replayed order by order over the book as it was before.

The oracle decides who trades with whom; the tape takes it from the events and works out what follows. So it knows, at
each fill, who led the queue, and in the end, what should be left of every order: what `invariants` need to judge a
step without asking the oracle again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

from bookproof.spec.book import Book, Pending
from bookproof.spec.commands import Basket, Command, Liquidate, Reduce, Replace, Route, Spend, Submit, SubmitList
from bookproof.spec.events import (
    Accepted,
    Cancelled,
    Event,
    Halted,
    ImpliedTrade,
    ListAccepted,
    MarkSet,
    PhaseChanged,
    Prevented,
    Replaced,
    Repriced,
    Restated,
    Resumed,
    Trade,
    Triggered,
    Uncrossed,
)
from bookproof.spec.kernel import Resting
from bookproof.spec.profile import Icebergs, Profile, ReplaceKeeps, ReplaceQuantity, StopReference, StopsLookedAt
from bookproof.spec.reasons import CancelReason
from bookproof.spec.slices import slice_of
from bookproof.spec.values import Lots, OrderId, Phase, Side, Symbol, Ticks, TimeInForce

_BEFORE_EVERY_LIMIT = -(10**18)
"""The rank of a market order: no price is so far from zero."""


class Standing(NamedTuple):
    """An order as the events up to some instant have left it."""

    terms: Submit
    leaves: Lots
    slice: Lots = 0
    """What can trade before it queues anew; nothing while it does not rest."""
    executed: Lots = 0
    prevented: Lots = 0

    @property
    def order_id(self) -> OrderId:
        """The order's id."""
        return self.terms.order_id

    def less(self, event: Trade | Prevented) -> Standing:
        """The order after a fill, or after one that was prevented."""
        gone, traded = event.quantity, isinstance(event, Trade)
        left = self._replace(leaves=self.leaves - gone, slice=self.slice - gone)
        if traded:
            return left._replace(executed=self.executed + gone)
        return left._replace(prevented=self.prevented + gone)


_NOBODY_MET = (CancelReason.CONTINGENT, CancelReason.REFUSED, CancelReason.REDUCE_ONLY)
"""Why orders are cancelled whom an aggressor that is at work has not come to."""


class Scene(NamedTuple):
    """One event, and how things stood just before it."""

    event: Trade | Prevented | Cancelled
    about: Standing
    """The maker, or the order that was cancelled."""
    taker: Standing | None
    """The aggressor at work; the very same object as `about` when it is the one cancelled."""
    facing: tuple[Standing, ...]
    """The queue the aggressor takes from, next to trade first."""

    @property
    def met(self) -> Standing | None:
        """The aggressor, if the event is about somebody it met."""
        return None if self.taker is self.about else self.taker


class Cross(NamedTuple):
    """One fill of an uncross, and both queues just before it, next to trade first (I6)."""

    event: Trade
    bids: tuple[Standing, ...]
    asks: tuple[Standing, ...]


class Limits(NamedTuple):
    """The prices between which an aggressor may trade (J5)."""

    low: Ticks
    high: Ticks

    def inside(self, price: Ticks | None) -> bool:
        """Whether a trade may be at this price."""
        return price is not None and self.low <= price <= self.high


class Repricing(NamedTuple):
    """An aggressor got another limit, and how things stood just before it."""

    event: Repriced
    about: Standing
    facing: tuple[Standing, ...]
    triggered_by: Ticks | None
    """Its stop price, when it was a stop until just now."""


Queue: TypeAlias = list[Standing]


class Tape:
    """The events of one command in one book.

    Where an order stands follows from the events and the rules of place alone: behind everyone of its price and rank
    when it comes to rest, when a replace moves it (F2), and when it shows a new slice (D2).

    >>> from bookproof.spec.instruments import Instrument
    >>> order = Submit("ABC", 1, 7, Side.BUY, 10, 100)
    >>> tape = Tape(Book(Instrument("ABC")), order, [Accepted("ABC", 1, Side.BUY, 100, 10)], Profile())
    >>> [standing.order_id for standing in tape.queues[Side.BUY]]
    [1]
    """

    def __init__(self, book: Book, command: Command, events: Iterable[Event], profile: Profile) -> None:
        self.symbol: Symbol = book.instrument.symbol
        self.queues: dict[Side, Queue] = {side: [standing(order) for order in book.side(side)] for side in Side}
        """What should rest in the end, next to trade first."""
        stops = sorted((*book.buy_stops, *book.sell_stops), key=lambda stop: stop.sequence)
        self.stops: Queue = [standing(stop) for stop in stops]
        """The stops that should wait in the end, in order of entry."""
        self.held: Queue = [standing(order) for order in book.held]
        """The orders that their lists should hold back in the end."""
        self.entered: list[Submit] = []
        """Aggressors, in order of arrival."""
        self.tops: dict[Side, OrderId | None] = {
            side: next((order.order_id for order in book.side(side) if order.sequence == top), None) if top else None
            for side, top in ((side, book.top(side)) for side in Side)
        }
        """Who bettered the market last and has kept its place (K3); it may be gone."""
        self.moved: set[OrderId] = set()
        """Orders that came to a new place in a queue."""
        self.scenes: list[Scene] = []
        self.uncrossed: Uncrossed | None = None
        """What was said of the uncross of a call, if there was one."""
        self.crosses: list[Cross] = []
        """The fills of that uncross, in which nobody is the aggressor: those before the first triggered stop."""
        self.strange: list[str] = []
        """Events that do not fit the orders they name."""
        self.untimely: list[str] = []
        """Stops triggered out of turn, or not at all."""
        self.limits: dict[OrderId, Limits] = {}
        """The collar of each aggressor that has one (J5)."""
        self.repriced: list[Repricing] = []
        self._command = command
        self._profile = profile
        self._lot = book.instrument.lot
        self._takes_whole = profile.icebergs is Icebergs.WHOLE and profile.allocation.is_fifo
        self._book = book
        self._last_price = book.last_price
        self._triggered_by: Ticks | None = None
        self._mark = book.mark
        self._by_mark = profile.stop_reference is StopReference.MARK
        self._taker: Standing | None = None
        self._touched: list[Ticks] = []
        """Where each fill counts, the prices of the fills since stops were looked at (E2)."""
        self._due: Queue = []
        self._continuous = book.phase is Phase.CONTINUOUS
        self._collects = book.phase.collects
        for event in events:
            if isinstance(event, ListAccepted) and isinstance(command, SubmitList):
                self.held += [Standing(leg, leg.quantity) for leg in command.legs if leg.symbol == self.symbol]
            if isinstance(event, ImpliedTrade):
                self._imply(event)
            elif getattr(event, "symbol", None) == self.symbol:
                self._play(event)
            elif isinstance(event, Triggered):  # in another book: so matching has ended in this one, too (E2)
                self._end_of_matching()
            elif isinstance(command, Route):
                self._play_elsewhere(event, command.order)
        self._end_of_matching()
        self.untimely += [f"stop {stop.order_id} is due and was not triggered" for stop in self._due]

    def _play(self, event: Event) -> None:
        if isinstance(event, Trade) and self.uncrossed is not None and not self.entered:
            self._cross(event)
            return
        if self.crosses:
            self._end_of_crosses()
        match event:
            case Accepted():
                self._accept(event)
            case Replaced():
                self._replace(event)
            case Restated():
                self._restate(event)
            case Triggered():
                self._trigger(event)
            case Resumed():  # and so are the books of its family, maybe (L3)
                self._continuous = True
            case PhaseChanged() if event.phase is Phase.CONTINUOUS:
                self._continuous, self._collects = True, False
            case PhaseChanged() if event.phase.collects:  # nobody betters a market that collects orders
                self.tops = dict.fromkeys(Side)
                self._halt(collects=True)
            case Halted():
                self._halt(collects=False)
            case Uncrossed():
                self.uncrossed = event
                self._continuous, self._collects = True, False
            case MarkSet():
                self._mark = event.price
            case Trade() | Prevented():
                self._meet(event)
            case Cancelled():
                self._cancel(event)
            case Repriced():
                self._reprice(event)

    def _halt(self, *, collects: bool) -> None:
        """Matching ends here, perhaps amid a command (J5): what is due waits, each stop in its old place."""
        self._continuous, self._collects = False, collects
        self.stops += self._due
        self._due, self._touched = [], []

    def _play_elsewhere(self, event: Event, order: Submit) -> None:
        """A routed order is the aggressor in every book of its group: what it trades in one it lacks in all (L5)."""
        match event:
            case Accepted() if (event.symbol, event.order_id) == (order.symbol, order.order_id):
                self._taker = Standing(order, order.quantity)
            case Accepted():  # an order of a list, whose turn comes when all matching has ended (H2)
                self._end_of_matching()
            case Trade() | Prevented() if self._taker is not None and self._taker.terms == order:
                self._taker = self._taker.less(event)
                if isinstance(event, Trade) and self._taker.leaves <= 0:
                    self._taker = None
            case Cancelled() if (event.symbol, event.order_id) == (order.symbol, order.order_id):
                self._taker = None

    def _imply(self, event: ImpliedTrade) -> None:
        """What an implied trade does to this book: its order gives its part, or the aggressor is of this book (L2)."""
        if self.crosses:
            self._end_of_crosses()
        for leg in event.legs:
            if leg.symbol == self.symbol:
                self._give(leg.maker, leg.price, event.quantity)
        if event.symbol != self.symbol:
            return
        if self._taker is None or self._taker.order_id != event.taker:  # it rested while a book was halted
            self._give(event.taker, None, event.quantity)
        else:
            if event.quantity > self._taker.leaves:
                self.strange.append(f"order {event.taker} traded {event.quantity} of {self._taker.leaves}")
            self._taker = self._taker.less(Trade(self.symbol, event.price, event.quantity, 0, event.taker))
            if self._taker.leaves <= 0:
                self._taker = None
        self._note_fill(event.price)

    def _note_fill(self, price: Ticks) -> None:
        self._last_price = price
        if self._profile.stops_looked_at is StopsLookedAt.AFTER_EACH_FILL and not self._by_mark:
            self._touched.append(price)

    def _give(self, order_id: OrderId, price: Ticks | None, quantity: Lots) -> None:
        """A resting order gives part of its slice in an implied trade, at its price unless it is the aggressor."""
        queue = next((queue for queue in self.queues.values() if order_id in [it.order_id for it in queue]), None)
        if queue is None:
            self.strange.append(f"order {order_id} took part in an implied trade, and it does not rest")
            return
        place = [order.order_id for order in queue].index(order_id)
        order = queue[place]
        if place:
            self.strange.append(f"order {order_id} took part in an implied trade before {queue[0].order_id}")
        if not 0 < quantity <= order.slice:
            self.strange.append(f"order {order_id} gave {quantity} lots; from 1 to {order.slice} were there")
        if price is not None:
            self._note_fill(price)
            if price != order.terms.price:
                self.strange.append(f"order {order_id} traded at {price}; it rests at {order.terms.price}")
        left = order.less(Trade(self.symbol, 0, quantity, order_id, 0))
        if left.slice > 0:  # B7
            queue[place] = left
            return
        del queue[place]
        if left.leaves > 0:
            self._lose_top(left)
            self._stand_last(left)

    def _accept(self, event: Accepted) -> None:
        held = next((order for order in self.held if order.order_id == event.order_id), None)
        if held is not None:  # its turn has come (H2)
            self._end_of_matching()
            self.held.remove(held)
            if held.terms.stop is None:
                self._enter(held)
            else:
                self.stops.append(held)
            return
        order = order_of(self._command, event)
        if order is not None:
            new = Standing(order, order.quantity)
            if order.stop is None:
                self._enter(new)
            else:
                self.stops.append(new)
            return
        self.strange.append(f"order {event.order_id} was accepted, and nobody submitted it")

    def _replace(self, event: Replaced) -> None:
        order, command = self._find(event.order_id), self._command
        if order is None or order is self._taker or not isinstance(command, Replace):
            self.strange.append(f"order {event.order_id} was replaced, and it is not live or nobody asked for it")
            return
        if (self.symbol, event.order_id) != (command.symbol, command.order_id):
            command = command._replace(price=None, stop=None)  # a rival has the quantity of the one that is named (H1)
            if self._taker is not None:
                self._end_of_matching()  # whose replace is over
        old, gone = order.terms, order.executed + order.prevented
        total = command.quantity + (gone if self._profile.replace_quantity is ReplaceQuantity.OPEN else 0)
        terms = old._replace(
            quantity=total,
            price=old.price if command.price is None else command.price,
            stop=old.stop if command.stop is None else command.stop,
            min_quantity=0 if old.stop is None else old.min_quantity,  # a resting order has met it (C7)
        )
        new = order._replace(terms=terms, leaves=total - gone, slice=min(order.slice, total - gone))
        same_place = (terms.price, terms.stop) == (old.price, old.stop) and new.leaves <= order.leaves
        queue = self._queue_of(order)
        if same_place and self._profile.replace_keeps is ReplaceKeeps.ON_REDUCE:
            queue[queue.index(order)] = new
            return
        queue.remove(order)
        if terms.stop is None:
            self._enter(new)
        else:
            self.stops.append(new)

    def _restate(self, event: Restated) -> None:
        """Smaller, and where it was (H1); if it is the aggressor, it had come to rest already."""
        if self._taker is not None and self._taker.order_id == event.order_id:
            self._end_of_matching()
        order = self._find(event.order_id)
        if order is None or not 0 < event.quantity < order.leaves:
            self.strange.append(f"order {event.order_id} lost {event.quantity} lots, and has not so many to lose")
            return
        leaves, quantity = order.leaves - event.quantity, order.terms.quantity - event.quantity
        terms = order.terms._replace(quantity=quantity, min_quantity=min(order.terms.min_quantity, quantity))
        queue = self._queue_of(order)
        queue[queue.index(order)] = order._replace(terms=terms, leaves=leaves, slice=min(order.slice, leaves))

    def _trigger(self, event: Triggered) -> None:
        self._end_of_matching()
        turn = [stop.order_id for stop in self._due]
        if event.order_id not in turn:
            self.untimely.append(f"stop {event.order_id} was triggered, and it is not a stop that is due")
            return
        if turn[0] != event.order_id:
            self.untimely.append(f"stop {event.order_id} was triggered before {turn[0]}")
        stop = self._due.pop(turn.index(event.order_id))
        self._enter(stop._replace(terms=stop.terms._replace(stop=None)))
        self._triggered_by = stop.terms.stop

    def _meet(self, event: Trade | Prevented) -> None:
        taker = self._taker
        facing = [] if taker is None else self.queues[taker.terms.side.opposite]
        maker = next((order for order in facing if order.order_id == event.maker), None)
        if taker is None or taker.order_id != event.taker or maker is None:
            self.strange.append(f"{event.maker} and {event.taker} met, and they are not a maker and the aggressor")
            return
        self._scene(event, maker)
        most = min(maker.slice, taker.leaves)
        least_of_it = 1
        whole = self._takes_whole and isinstance(event, Trade)
        if whole and taker.leaves > maker.slice:  # D3: all that it wants, in one trade
            least_of_it = most = min(maker.leaves, taker.leaves)
        if not least_of_it <= event.quantity <= most:
            self.strange.append(
                f"{event.maker} gave {event.taker} {event.quantity} lots; from {least_of_it} to {most} were due"
            )
        traded = isinstance(event, Trade)
        self._taker = taker.less(event)
        if traded:
            self._note_fill(event.price)
            if self._taker.leaves <= 0:  # filled; an aggressor that prevention emptied waits for its cancel
                self._taker = None
        place, left = facing.index(maker), maker.less(event)
        if left.slice > 0 or (left.leaves <= 0 and not traded):  # B7; one that prevention emptied waits as well
            facing[place] = left
            return
        del facing[place]
        if left.leaves > 0:
            self._lose_top(left)
            self._stand_last(left)

    def _cross(self, event: Trade) -> None:
        """A fill of an uncross: each of the two has all it has to give (I8), and keeps its place or shows anew (D2)."""
        self.crosses.append(Cross(event, tuple(self.queues[Side.BUY]), tuple(self.queues[Side.SELL])))
        self._last_price = event.price
        for side, order_id in ((Side.BUY, event.taker), (Side.SELL, event.maker)):
            queue = self.queues[side]
            order = next((order for order in queue if order.order_id == order_id), None)
            if order is None or not 0 < event.quantity <= order.leaves:
                self.strange.append(f"order {order_id} traded {event.quantity} in the uncross, and has not so much")
                continue
            place, left = queue.index(order), order.less(event)
            queue[place : place + 1] = [left] if left.leaves > 0 else []

    def _end_of_crosses(self) -> None:
        """Who traded more than a slice, and has something left, shows the next slice, behind its level (D2)."""
        for queue in self.queues.values():
            for order in [order for order in queue if order.slice <= 0 < order.leaves]:
                queue.remove(order)
                self._stand_last(order)

    def _cancel(self, event: Cancelled) -> None:
        taker = self._taker
        if event.reason is CancelReason.CONTINGENT and taker is not None and taker.order_id == event.order_id:
            self._end_of_matching()  # it had come to rest already (H1)
        order = self._find(event.order_id)
        if order is None:
            self.strange.append(f"order {event.order_id} was cancelled, and it is not live")
            return
        if event.reason in _NOBODY_MET:
            self.scenes.append(Scene(event, order, None, ()))
        else:
            self._scene(event, order)
        true = event._replace(side=order.terms.side, price=order.terms.price, quantity=order.leaves)
        if event != true:
            self.strange.append(f"{event} should be {true}")
        if order is self._taker:
            self._taker = None
        else:
            self._queue_of(order).remove(order)

    def _reprice(self, event: Repriced) -> None:
        taker = self._taker
        if taker is None or (taker.order_id, taker.terms.side) != (event.order_id, event.side):
            self.strange.append(f"order {event.order_id} got another limit, and it is not the aggressor")
            return
        facing = tuple(self.queues[taker.terms.side.opposite])
        self.repriced.append(Repricing(event, taker, facing, self._triggered_by))
        self._taker = taker._replace(terms=taker.terms._replace(price=event.price))
        if not any(scene.met is not None and scene.met.terms == taker.terms for scene in self.scenes):
            self.entered[-1] = self._taker.terms  # it has this limit from the first

    def _enter(self, order: Standing) -> None:
        self.entered.append(order.terms)
        self._taker = order
        self._triggered_by = None
        limits = collar(self._book, self._last_price)
        if limits is not None and not self._collects:
            self.limits[order.order_id] = limits

    def _end_of_matching(self) -> None:
        """The aggressor is done: what is left of it rests, and the stops are looked at (E2)."""
        if self.crosses:
            self._end_of_crosses()
        taker, self._taker = self._taker, None
        if taker is not None and taker.terms.symbol != self.symbol:
            taker = None  # a routed order rests in its own book (L5)
        if taker is not None and (taker.leaves <= 0 or (taker.terms.price is None and not self._collects)):
            self.strange.append(f"order {taker.order_id} neither traded whole nor can rest, and no cancel says so")
        elif taker is not None:
            self._note_top(taker)
            self._stand_last(taker)
        if not self._continuous:  # what is due waits for the uncross (I9)
            return
        prices, self._touched = (*self._touched, self._mark if self._by_mark else self._last_price), []
        for price in prices:
            due = [stop for stop in self.stops if reached(stop.terms, price)]
            self.stops = [stop for stop in self.stops if stop not in due]
            self._due += sorted(due, key=lambda stop: (stop.terms.side is Side.SELL, nearness(stop.terms)))

    def _stand_last(self, order: Standing) -> None:
        """Behind everyone at least as good by price and rank, showing a slice of its display quantity."""
        queue = self.queues[order.terms.side]
        place = sum(rank(other.terms) <= rank(order.terms) for other in queue)
        queue.insert(place, order._replace(slice=slice_of(order.terms.display or order.leaves, order.leaves)))
        self.moved.add(order.order_id)

    def _note_top(self, order: Standing) -> None:
        """Whoever comes to rest ahead of its whole side betters the market (K3)."""
        terms, allocation = order.terms, self._profile.allocation
        if not allocation.top_maximum or self._collects:
            return
        if all(rank(terms)[0] < rank(other.terms)[0] for other in self.queues[terms.side]):
            large = order.leaves >= allocation.top_minimum * self._lot
            self.tops[terms.side] = order.order_id if large and terms.display != 0 else None
        else:
            self._lose_top(order)

    def _lose_top(self, order: Standing) -> None:
        """Whoever goes to the end of a queue is TOP no longer."""
        if self.tops[order.terms.side] == order.order_id:
            self.tops[order.terms.side] = None

    def _scene(self, event: Trade | Prevented | Cancelled, about: Standing) -> None:
        facing = () if self._taker is None else tuple(self.queues[self._taker.terms.side.opposite])
        self.scenes.append(Scene(event, about, self._taker, facing))

    def _find(self, order_id: OrderId) -> Standing | None:
        everyone = [self._taker] if self._taker is not None else []
        everyone += [order for queue in self._queues() for order in queue]
        return next((order for order in everyone if order.order_id == order_id), None)

    def _queue_of(self, order: Standing) -> Queue:
        return next(queue for queue in self._queues() if order in queue)

    def _queues(self) -> tuple[Queue, ...]:
        return *self.queues.values(), self.stops, self._due, self.held


# ── what the rules say of terms alone ──


def orders_of(command: Command) -> tuple[Submit, ...]:
    """The orders that a command brings in. The legs of a basket are fill-or-kill (L4)."""
    if isinstance(command, Submit):
        return (command,)
    if isinstance(command, Reduce):
        plain = (command.symbol, command.order_id, command.account, command.side, command.quantity, command.price)
        return (Submit(*plain, command.time_in_force, display=command.display),)
    if isinstance(command, Route):
        return (command.order,)
    if not isinstance(command, Basket):
        return ()
    fok, mode = TimeInForce.FOK, command.self_trade
    return tuple(
        Submit(leg.symbol, leg.order_id, command.account, leg.side, leg.quantity, leg.price, fok, self_trade=mode)
        for leg in command.legs
    )


def orders_in(command: Command, events: Iterable[Event]) -> tuple[Submit, ...]:
    """As `orders_of`, and a market order over an amount of money with the quantity that it was accepted with (C3)."""
    if not isinstance(command, Spend):
        return orders_of(command)
    accepted = (order_of(command, event) for event in events if isinstance(event, Accepted))
    return tuple(order for order in accepted if order is not None)


def order_of(command: Command, event: Accepted) -> Submit | None:
    """The order whose acceptance this is, as the command brought it in; None if it did not.

    A liquidation does not name its orders: they are immediate or cancel, of the account that it is about (M3). Nor
    does a market order over an amount of money know its quantity before (C3).
    """
    if isinstance(command, Liquidate):
        if event.order_id != command.order_id:
            return None
        plain = (event.symbol, event.order_id, command.account, event.side, event.quantity, event.price)
        return Submit(*plain, TimeInForce.IOC)
    if isinstance(command, Spend):
        if (event.symbol, event.order_id) != (command.symbol, command.order_id):
            return None
        plain = (event.symbol, event.order_id, command.account, Side.BUY, event.quantity, None)
        return Submit(*plain, TimeInForce.IOC, self_trade=command.self_trade)
    asked = (order for order in orders_of(command) if (order.symbol, order.order_id) == (event.symbol, event.order_id))
    return next(asked, None)


def standing(order: Resting | Pending) -> Standing:
    """A live order of the oracle's, as the tape writes it."""
    terms = order.terms
    if isinstance(order, Pending):
        return Standing(terms, terms.quantity)
    return Standing(terms, order.slice + order.reserve, order.slice, order.executed, order.prevented)


def rank(terms: Submit) -> tuple[int, int]:
    """Priority but for time, smaller is better: lower asks, higher bids, displayed before hidden (B2, D4).

    Market orders, which rest while a call collects them, come before all of these (I6).
    """
    if terms.price is None:
        return _BEFORE_EVERY_LIMIT, 0
    return (terms.price if terms.side is Side.SELL else -terms.price), int(terms.display == 0)


def nearness(terms: Submit) -> int:
    """How soon a stop is reached, smaller is sooner: lower buys, higher sells (E3)."""
    assert terms.stop is not None
    return terms.stop if terms.side is Side.BUY else -terms.stop


def reached(terms: Submit, price: Ticks | None) -> bool:
    """Whether a price has reached a stop (E1)."""
    if price is None or terms.stop is None:
        return False
    return price >= terms.stop if terms.side is Side.BUY else price <= terms.stop


def within(terms: Submit, price: Ticks | None) -> bool:
    """Whether an order may trade at a price (B1)."""
    if terms.price is None or price is None:
        return price is not None
    return price <= terms.price if terms.side is Side.BUY else price >= terms.price


def collar(book: Book, last_price: Ticks | None) -> Limits | None:
    """The collar of an order that begins to take in this book after a trade at `last_price` (J5)."""
    width = book.instrument.collar
    centre = book.reference if last_price is None else last_price
    return None if not width or centre is None else Limits(centre - width, centre + width)


def least(terms: Submit) -> Lots:
    """What an order must trade on entry or be cancelled whole (C5, C7)."""
    return terms.quantity if terms.time_in_force is TimeInForce.FOK else terms.min_quantity


def same_owner(profile: Profile, one: Submit, other: Submit) -> bool:
    """Whether two orders are of one account, or of accounts in one group (G1)."""
    pair = {one.account, other.account}
    return len(pair) == 1 or any(pair <= set(group) for group in profile.self_trade_groups)
