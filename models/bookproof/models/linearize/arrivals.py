"""First reading of a history: which orders came to rest, with how many lots, and in what windows of time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from bookproof.models.linearize.facts import NEVER, NOBODY, Beyond, Facts, Impossible
from bookproof.models.linearize.history import History, Operation
from bookproof.models.linearize.in_turn import in_turn
from bookproof.spec.commands import Basket, Cancel, Halt, KillSwitch, MassCancel, Reinstate, Replace, Resume, Submit
from bookproof.spec.events import Accepted, Cancelled, Event, Prevented, Replaced, Trade, Triggered
from bookproof.spec.profile import (
    Icebergs,
    MarketOrders,
    PostOnly,
    ReplaceAllows,
    ReplaceKeeps,
    ReplaceQuantity,
    Risk,
    StopReference,
    StopsLookedAt,
    TrueStop,
)
from bookproof.spec.validation import submit_fault
from bookproof.spec.values import (
    Account,
    DisplayRange,
    Lots,
    OrderId,
    SelfTradePrevention,
    Side,
    Symbol,
    Ticks,
    TimeInForce,
)

AT_ONCE = (TimeInForce.IOC, TimeInForce.FOK)


_KNOWN = (Submit, Cancel, Replace, Basket, MassCancel, Halt, Resume, KillSwitch, Reinstate)


def unreadable(history: History) -> str:
    """What there are no clauses for in the commands and the profile of a history; empty if there are."""
    profile, commands = history.profile, [operation.command for operation in history.operations]
    replaces = any(isinstance(command, Replace) for command in commands)
    submits = [command for command in commands if isinstance(command, Submit)]
    strange = next((command for command in commands if not isinstance(command, _KNOWN)), None)
    if strange is not None:
        return f"{type(strange).__name__} commands"
    if not profile.allocation.is_fifo:
        return "levels that are not shared first come, first served"
    if profile.risk is not Risk.NONE:
        return "accounts"
    if replaces and profile.replace_quantity is not ReplaceQuantity.TOTAL:
        return "replaces that name what is open"
    if replaces and profile.replace_allows is not ReplaceAllows.ANYTHING:
        return "replaces that a venue forbids"
    if profile.post_only is not PostOnly.REJECT and any(order.post_only for order in submits):
        return "post-only orders that step back"
    if profile.market_orders is not MarketOrders.WALK:
        legs = [leg for command in commands if isinstance(command, Basket) for leg in command.legs]
        if any(order.price is None for order in submits) or any(leg.price is None for leg in legs):
            return "market orders that get a limit"
    if profile.self_trade_groups and any(order.self_trade is not SelfTradePrevention.NONE for order in submits):
        return "accounts of one owner"
    return ""


class Cascade(NamedTuple):
    """A stop that was triggered, and what it did then (E4, E6)."""

    head: Triggered
    events: tuple[Event, ...]


class Move(NamedTuple):
    """A replace that lost its place: from one stay to the next."""

    at: int
    old: int
    new: int
    total: Lots
    """What it asked for."""
    at_once: Lots
    """What it traded when it came in again."""


class Arrivals:
    """What came to rest. Operations are read in the order of their calls."""

    def __init__(self, history: History) -> None:
        flaw = unreadable(history)
        if flaw:
            raise Beyond(flaw)
        for instrument in history.instruments:
            plain = type(instrument)(instrument.symbol, tick=instrument.tick, lot=instrument.lot)
            if instrument._replace(reference=None) != plain:
                raise Beyond(f"the listing of {instrument.symbol}")
        self.history = history
        self.keeps = history.profile.replace_keeps is ReplaceKeeps.ON_REDUCE
        self.instruments = {instrument.symbol: instrument for instrument in history.instruments}
        self.book = {instrument.symbol: at for at, instrument in enumerate(history.instruments)}
        self.looked_at = {self.book[view.symbol] for view in history.final}
        self.facts = Facts(len(history.operations))
        self.facts.symbols = [instrument.symbol for instrument in history.instruments]
        self._first_stay: list[dict[OrderId, int]] = [{} for _ in history.instruments]
        self._stays: dict[tuple[int, OrderId], list[int]] = {}
        """All stays of an id that has more than one."""
        self.quantity: dict[int, Lots] = {}
        """The total asked for at last, of orders that were replaced."""
        self.changed: dict[int, int] = {}
        """The last operation that made an order smaller where it stood."""
        self.prevents = False
        """Some trade was prevented: no feed tells of that."""
        self.shared: dict[int, int] = {}
        """One object for each reach: a million entries would otherwise hold a million."""
        self.moves: list[Move] = []
        self.pending: dict[tuple[int, OrderId], int] = {}
        """Stops that wait, or waited once."""
        self.cascades: dict[int, list[Cascade]] = {}
        """What the trades of an operation set off."""
        self.triggered: set[tuple[int, OrderId]] = set()
        self.open_cancels: dict[tuple[int, OrderId], list[int]] = {}
        self.open_sweeps: dict[Account, list[int]] = {}
        self.flags = any(isinstance(it.command, Halt | Resume | KillSwitch | Reinstate) for it in history.operations)
        self.has_stops = any(
            isinstance(it.command, Submit) and it.command.stop is not None for it in history.operations
        )
        if history.feed is not None and any(operation.is_open for operation in history.operations):
            raise Beyond("operations without a return beside a feed")
        for at, operation in enumerate(history.operations):
            self.facts.called[at] = operation.called
            self.facts.returned[at] = NEVER if operation.returned is None else operation.returned
            if operation.returned is not None and operation.returned < operation.called:
                raise Impossible("it returned before it was called", at, kind="real time")
        for at in in_turn(self.facts.called):
            self._rests(at, history.operations[at])
        for at, cascades in self.cascades.items():
            for cascade in cascades:
                self._triggered_rests(at, cascade)

    # ── which orders an id has stood for ──

    def forget_stays(self) -> None:
        """Nobody asks any more: with millions of orders that is much memory."""
        self._first_stay.clear()
        self._stays.clear()

    def stays(self, book: int | None, order_id: OrderId) -> Sequence[int]:
        """The stays of an id in the queues of a book: one, or one more with each replace that lost its place."""
        if book is None:
            return ()
        first = self._first_stay[book].get(order_id)
        return () if first is None else self._stays.get((book, order_id), (first,))

    def stay_there(self, at: int, book: int | None, order_id: OrderId, price: Ticks | None) -> int:
        """The stay of an id at a price that an operation can have met; -1 if there is none."""
        facts = self.facts
        stays = self.stays(book, order_id)
        found = [it for it in stays if abs(facts.key[it]) == price and not self.came_back(at, facts.entered[it])]
        if len(found) > 1:
            found = [it for it in found if not any(self._is_over(it, other, at) for other in stays)]
        if len(found) > 1:
            raise Beyond("order ids that are used again")
        return found[0] if found else NOBODY

    def _is_over(self, stay: int, other: int, at: int) -> bool:
        """Whether a stay was over before an operation, since another one of its id had begun."""
        entered = self.facts.entered
        return self.came_back(entered[stay], entered[other]) and self.came_back(entered[other], at)

    def came_back(self, one: int, other: int) -> bool:
        """Whether one operation returned before another was called."""
        return self.facts.returned[one] < self.facts.called[other]

    # ── first reading: what came to rest ──

    def _rests(self, at: int, operation: Operation) -> None:
        command, events = operation.command, operation.events
        if events is not None and not events:
            raise Impossible("it was answered with nothing", at)
        if events is not None and any(isinstance(event, Triggered) for event in events):
            events = self._part(at, events)
        match command:
            case Submit():
                self._submit_rests(at, command, events)
            case Replace():
                if events is not None and isinstance(events[0], Replaced):
                    self._replace_rests(at, command, events)
                elif events is None:
                    raise Beyond("replaces without a return")
            case Cancel():
                if events is None and command.symbol in self.book:
                    self.facts.optional.add(at)
                    self.open_cancels.setdefault((self.book[command.symbol], command.order_id), []).append(at)
            case MassCancel():
                self.facts.watches_accounts = True
                if events is None:
                    self.facts.optional.add(at)
                    self.open_sweeps.setdefault(command.account, []).append(at)
            case KillSwitch():
                self.facts.watches_accounts = True
                if events is None:
                    raise Beyond("kill switches without a return")
            case Basket():
                if events is None:
                    raise Beyond("baskets without a return")
            case Halt() | Resume() | Reinstate():
                if events is None:
                    raise Beyond("halts without a return")
            case _:
                raise Beyond(f"{type(command).__name__} commands")

    def _submit_rests(self, at: int, order: Submit, events: tuple[Event, ...] | None) -> None:
        if order.symbol not in self.book:
            return
        if isinstance(order.display, DisplayRange):
            raise Beyond("slices of random size")
        if order.stop is not None:
            self._stop_waits(at, order, events)
            return
        if order.display is not None and self.history.profile.icebergs is not Icebergs.SLICE:
            raise Beyond("icebergs that are taken whole")
        if order.expires is not None:
            raise Beyond("orders that expire")
        if events is None:
            rests = order.price is not None and order.time_in_force not in AT_ONCE and not order.min_quantity
            if not rests or submit_fault(order, self.instruments[order.symbol]) is not None:
                if not rests:
                    raise Beyond("takers without a return")
                return
            self.facts.optional.add(at)
            self._rest(
                at, order.symbol, order.order_id, order.side, order.price, order.quantity, order.account, order.display
            )
            return
        if not isinstance(events[0], Accepted):
            return
        left = order.quantity
        for event in events[1:]:
            if isinstance(event, Trade | Prevented):
                left -= event.quantity
            elif isinstance(event, Cancelled):
                if event.order_id == order.order_id:
                    return
            else:
                raise Beyond(f"{type(event).__name__} events")
        if left < 0:
            raise Impossible(f"it filled {order.quantity - left} lots of {order.quantity}", at)
        if left:
            if order.price is None or order.time_in_force in AT_ONCE:
                raise Impossible("what was left of it neither traded nor was cancelled, and may not rest", at)
            self._rest(at, order.symbol, order.order_id, order.side, order.price, left, order.account, order.display)

    def own_events(self, at: int, events: tuple[Event, ...]) -> tuple[Event, ...]:
        """What an operation did itself, without what that set off."""
        if at not in self.cascades:
            return events
        return events[: next(place for place, event in enumerate(events) if isinstance(event, Triggered))]

    def _part(self, at: int, events: tuple[Event, ...]) -> tuple[Event, ...]:
        heads = [place for place, event in enumerate(events) if isinstance(event, Triggered)]
        self.cascades[at] = []
        for start, end in pairwise([*heads, len(events)]):
            head = events[start]
            assert isinstance(head, Triggered)
            self.cascades[at].append(Cascade(head, events[start + 1 : end]))
            if head.symbol in self.book:
                self.triggered.add((self.book[head.symbol], head.order_id))
        return events[: heads[0]]

    def _stop_waits(self, at: int, order: Submit, events: tuple[Event, ...] | None) -> None:
        profile = self.history.profile
        if events is None:
            raise Beyond("stops without a return")
        if profile.stop_reference is not StopReference.LAST or profile.true_stop is not TrueStop.REJECT:
            raise Beyond("stops that follow a mark, or are triggered on entry")
        if profile.stops_looked_at is not StopsLookedAt.AFTER_COMMAND:
            raise Beyond("stops that are looked at after each fill")
        if not isinstance(events[0], Accepted):
            return
        if len(events) > 1:
            raise Impossible("it waits for its price, and did something all the same", at)
        assert order.stop is not None
        book = self.book[order.symbol]
        if (book, order.order_id) in self.pending:
            raise Beyond("order ids that are used again")
        facts = self.facts
        self.pending[book, order.order_id] = len(facts.key)
        level = order.stop if order.side is Side.BUY else -order.stop
        self._queue(at, facts.waiting(book, order.side), order.order_id, order.stop, level, 1, order.account)

    def _triggered_rests(self, at: int, cascade: Cascade) -> None:
        """A stop that came to rest when it had been triggered."""
        order = self.stop_of(at, cascade)
        left = order.quantity
        for event in cascade.events:
            if isinstance(event, Trade):
                left -= event.quantity
            elif isinstance(event, Cancelled) and event.order_id == order.order_id:
                return
            else:
                raise Beyond(f"{type(event).__name__} events of stops")
        if left > 0:
            if order.price is None or order.time_in_force in AT_ONCE:
                raise Impossible("what was left of a stop neither traded nor was cancelled, and may not rest", at)
            assert not isinstance(order.display, DisplayRange)
            self._rest(at, order.symbol, order.order_id, order.side, order.price, left, order.account, order.display)

    def stop_of(self, at: int, cascade: Cascade) -> Submit:
        """The terms with which a stop that was triggered came in."""
        head = cascade.head
        found = self.pending.get((self.book.get(head.symbol, NOBODY), head.order_id))
        if found is None:
            raise Impossible(f"it triggered order {head.order_id}, which did not wait for that", at)
        order = self.history.operations[self.facts.entered[found]].command
        assert isinstance(order, Submit)
        return order._replace(stop=None)

    def lives(self, book: int, order_id: OrderId) -> tuple[int, ...]:
        """Every stay of an id, in a queue or as a stop that waits."""
        waited = self.pending.get((book, order_id))
        return (*self.stays(book, order_id), *(() if waited is None else (waited,)))

    def _replace_rests(self, at: int, command: Replace, events: tuple[Event, ...]) -> None:
        head = events[0]
        assert isinstance(head, Replaced)
        if head.price is None or head.symbol not in self.book:
            raise Beyond("replaces of orders without a limit")
        facts = self.facts
        before = self.stays(self.book[head.symbol], head.order_id)
        if not before or not self.came_back(facts.entered[before[-1]], at):
            raise Beyond("replaces in no order of time")
        if sum(isinstance(self.history.operations[facts.entered[it]].command, Submit) for it in before) > 1:
            raise Beyond("replaces under ids that are used again")
        last = before[-1]
        asked = self.quantity.get(last, self.asked(facts.entered[last]))
        if not self.came_back(self.changed.get(last, facts.entered[last]), at):
            raise Beyond("replaces in no order of time")
        self.changed[last] = at
        signed = -head.price if head.side is Side.BUY else head.price
        if last in facts.display or facts.level[last] & 1:
            raise Beyond("replaces of icebergs")
        in_place = signed == facts.key[last] and head.quantity <= asked and self.keeps
        if in_place:
            self.quantity[last] = head.quantity
            facts.withdraws[at] = ((last, asked - head.quantity),)
            return
        if signed == facts.key[last]:
            raise Beyond("replaces at one price that lose their place")
        if any(isinstance(event, Cancelled) and event.order_id == head.order_id for event in events):
            raise Beyond("replaces that were cancelled at once")
        taken = sum(event.quantity for event in events if isinstance(event, Trade | Prevented))
        new = len(facts.key)
        self.quantity[new] = head.quantity
        self.moves.append(Move(at, last, new, head.quantity, taken))
        self._rest(at, head.symbol, head.order_id, head.side, head.price, head.quantity, facts.owner[last])

    def asked(self, since: int) -> Lots:
        """The total that a submit or a replace named."""
        command = self.history.operations[since].command
        assert isinstance(command, Submit | Replace)
        return command.quantity

    def _rest(
        self,
        at: int,
        symbol: Symbol,
        order_id: OrderId,
        side: Side,
        price: Ticks | None,
        lots: Lots,
        owner: Account,
        display: Lots | None = None,
    ) -> None:
        assert price is not None
        facts, book = self.facts, self.book[symbol]
        number = len(facts.key)
        key = -price if side is Side.BUY else price
        if display:
            facts.display[number] = display
        self._queue(at, 2 * book + (side is Side.SELL), order_id, key, 2 * key + (display == 0), lots, owner)
        if order_id not in self._first_stay[book]:
            self._first_stay[book][order_id] = number
        else:
            self._stays.setdefault((book, order_id), [self._first_stay[book][order_id]]).append(number)

    def _queue(self, at: int, side: int, order_id: OrderId, key: int, level: int, lots: Lots, owner: Account) -> None:
        facts = self.facts
        facts.order_id.append(order_id)
        facts.side_of.append(side)
        facts.key.append(key)
        facts.level.append(level)
        facts.rested.append(lots)
        facts.entered.append(at)
        facts.owner.append(owner)
        facts.ender.append(NOBODY)
