"""From a history that no order explains to the few operations of it that none explains.

A history that some order explains stays one when an order is taken out of it, with its cancels, its replaces and its
fills: what others traded with it they did not ask for. So if what is left cannot be explained, the whole cannot. That
holds for every answer that does not need somebody else to be there; where one does (a post-only order that was refused,
an id that was taken), it is taken out with what it may have needed.

Two to six operations are usually left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import NamedTuple

from bookproof.models.linearize.conclusion import Conclusion, Verdict
from bookproof.models.linearize.history import History, Operation
from bookproof.spec.commands import (
    Basket,
    Cancel,
    Command,
    Halt,
    KillSwitch,
    MassCancel,
    Reinstate,
    Replace,
    Resume,
    Submit,
)
from bookproof.spec.events import (
    Accepted,
    AccountBlocked,
    Cancelled,
    Event,
    MassCancelled,
    Prevented,
    Rejected,
    Replaced,
    Trade,
)
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import Lots, OrderId, Symbol
from bookproof.spec.views import BookView

Name = tuple[Symbol, OrderId]
"""An order, as its owner names it."""

_PRESENCE = {RejectReason.WOULD_TAKE, RejectReason.DUPLICATE_ORDER_ID}
"""Refusals that need an order to be there, and do not say which."""

_SWITCHES = Halt | Resume | KillSwitch | Reinstate

_OF_SWITCHES = {
    RejectReason.BOOK_HALTED,
    RejectReason.MARKET_HALTED,
    RejectReason.ACCOUNT_BLOCKED,
    RejectReason.ACCOUNT_NOT_BLOCKED,
    RejectReason.NOT_HALTED,
}


class Part(NamedTuple):
    """A history with some of its orders taken out."""

    history: History
    places: tuple[int, ...]
    """Where its operations stand in the whole."""


def only(history: History, names: Iterable[Name], *, switches: bool = True) -> Part | None:
    """The part of a history that is about some orders; None if its rules do not let it be taken apart.

    Without `switches` every halt and block is taken out, and whatever was refused for one.

    >>> from bookproof.spec.instruments import listing
    >>> from bookproof.spec.values import Side
    >>> sells = [Submit("ABC", number, 7, Side.SELL, 5, 100) for number in (1, 2)]
    >>> told = [(Accepted("ABC", sell.order_id, Side.SELL, 100, 5),) for sell in sells]
    >>> both = [Operation(0, sell, 1, 2, events) for sell, events in zip(sells, told)]
    >>> only(History(listing(["ABC"]), tuple(both)), {("ABC", 2)}).places
    (1,)
    """
    wanted = set(names)
    for operation in history.operations:  # the legs of a basket go together
        if isinstance(operation.command, Basket) and not wanted.isdisjoint(legs := _own(operation.command)):
            wanted.update(legs)
    kept = frozenset(wanted)
    removed: dict[Name, Lots] = {}
    for operation in history.operations:
        for event in operation.events or ():
            if isinstance(event, Trade | Prevented):
                maker, taker = (event.symbol, event.maker), (event.symbol, event.taker)
                if maker in kept and taker not in kept:
                    removed[maker] = removed.get(maker, 0) + event.quantity
                elif taker in kept and maker not in kept:
                    removed[taker] = removed.get(taker, 0) + event.quantity
            elif not isinstance(
                event,
                Accepted | Rejected | Cancelled | Replaced | MassCancelled | AccountBlocked,
            ) and not isinstance(operation.command, _SWITCHES):
                return None
    lives = Counter(name for operation in history.operations for name in _brought_in(operation.command))
    if any(lives[name] > 1 for name in removed):  # which of them has lost the lots?
        return None
    if any(_resists(operation, removed) for operation in history.operations):
        return None
    places, operations = [], []
    for at, operation in enumerate(history.operations):
        smaller = _without(operation, kept, removed, switches)
        if smaller is not None:
            places.append(at)
            operations.append(smaller)
    if not switches and any(map(_is_switch, history.operations)):  # the phases at the end tell of them
        history = history._replace(final=())
    final = tuple(_view(view, kept) for view in history.final)
    prices = history.final_prices and not any(_traded_with_others(operation, kept) for operation in history.operations)
    feed = None
    if history.feed is not None:
        feed = tuple(it for it in history.feed if {(it.symbol, it.maker), (it.symbol, it.taker)} <= kept)
    part = history._replace(operations=tuple(operations), final=final, feed=feed, accounts=(), final_prices=prices)
    part = part._replace(lock_steps=())  # they would be those of others
    return Part(part, tuple(places))


def names_of(operations: Iterable[Operation]) -> list[Name]:
    """The orders that some operations are about: their own, and those that they met."""
    found: dict[Name, None] = {}
    for operation in operations:
        for name in _own(operation.command):
            found[name] = None
        for event in operation.events or ():
            if isinstance(event, Trade | Prevented):
                found[event.symbol, event.maker] = None
            elif isinstance(event, Cancelled):
                found[event.symbol, event.order_id] = None
    return list(found)


def smallest(
    part: Part, is_wrong: Callable[[History], bool], *, tries: int = 2_000, until: float = float("inf")
) -> Part:
    """Take out order after order, and operation after operation, as long as what is left is wrong.

    The result is minimal: with any one order less it is explained. That is not so if `tries` are spent, which is how
    often anybody looks, or the clock (`perf_counter`) has reached `until`.
    """
    left = tries
    if not any(_is_switch(operation) for operation in part.history.operations):
        switches = False
    else:
        calm = only(part.history, names_of(part.history.operations), switches=False)
        switches = calm is None or not is_wrong(calm.history)
        if not switches and calm is not None:
            part = _within(part, calm)
    size = max(1, len(names_of(part.history.operations)) // 2)
    while left > 0:
        names = names_of(part.history.operations)
        moved = False
        for start in range(0, len(names), size):
            gone = set(names[start : start + size])
            less = only(part.history, [name for name in names if name not in gone], switches=switches)
            left -= 1
            if less is not None and len(less.places) < len(part.places) and is_wrong(less.history):
                part, moved = _within(part, less), True
                break
            if left <= 0 or perf_counter() > until:
                return part
        if not moved:
            if size == 1:
                return _without_bystanders(part, is_wrong)
            size = max(1, size // 2)
    return part


def _without_bystanders(part: Part, is_wrong: Callable[[History], bool]) -> Part:
    """Take out, one at a time, operations that did nothing to anybody: others are explained without them as well."""
    for at in reversed(range(len(part.places))):
        if _did_nothing(part.history.operations[at]):
            operations = part.history.operations
            less = part.history._replace(operations=operations[:at] + operations[at + 1 :])
            if is_wrong(less):
                part = Part(less, part.places[:at] + part.places[at + 1 :])
    return part


def _did_nothing(operation: Operation) -> bool:
    events = operation.events
    if not events:
        return False
    if isinstance(operation.command, MassCancel):
        return len(events) == 1
    return isinstance(events[0], Rejected)


def _within(outer: Part, inner: Part) -> Part:
    return Part(inner.history, tuple(outer.places[at] for at in inner.places))


def wrong_by(decide: Callable[[History], Conclusion]) -> Callable[[History], bool]:
    """Whether a checker finds that no order explains a history."""
    return lambda history: decide(history).verdict is Verdict.NOT_LINEARIZABLE


# ── one operation ──


def _resists(operation: Operation, removed: dict[Name, Lots]) -> bool:
    """Whether more than lots depends on who traded: a stop on the last price, the place of an iceberg on its slices,
    the total of a replace on what had traded, a taker that prevention ended on whom it met.

    Of other kinds of commands nobody has said that it does not.
    """
    command = operation.command
    if isinstance(command, Replace):
        return (command.symbol, command.order_id) in removed
    if not isinstance(command, Submit):
        return not isinstance(command, Cancel | Basket | MassCancel | _SWITCHES)
    last = operation.events[-1] if operation.events else None
    if isinstance(last, Cancelled) and last.reason is CancelReason.SELF_TRADE and last.quantity:
        return True
    return command.stop is not None or (bool(command.display) and (command.symbol, command.order_id) in removed)


def _brought_in(command: Command) -> list[Name]:
    return _own(command) if isinstance(command, Submit | Basket) else []


def _own(command: Command) -> list[Name]:
    match command:
        case Submit() | Cancel() | Replace():
            return [(command.symbol, command.order_id)]
        case Basket():
            return [(leg.symbol, leg.order_id) for leg in command.legs]
        case _:
            return []


def _is_switch(operation: Operation) -> bool:
    if isinstance(operation.command, _SWITCHES):
        return True
    head = operation.events[0] if operation.events else None
    return isinstance(head, Rejected) and head.reason in _OF_SWITCHES


def _without(
    operation: Operation, kept: frozenset[Name], removed: dict[Name, Lots], switches: bool
) -> Operation | None:
    """An operation with what it did to others taken out; None if nothing of it is left."""
    command, events = operation.command, operation.events
    if _is_switch(operation) and not switches:
        return None
    head = events[0] if events else None
    if isinstance(head, Rejected) and head.reason in _PRESENCE:
        return None
    if _needed_somebody(operation):
        return None
    match command:
        case Submit() | Cancel() | Replace() if (command.symbol, command.order_id) not in kept:
            return None
        case Submit() | Replace():
            return _smaller(operation, command, removed.get((command.symbol, command.order_id), 0), kept)
        case Basket():
            return _smaller_basket(operation, command, kept)
        case MassCancel() | KillSwitch() if events is not None:
            told = tuple(it for it in events[1:] if isinstance(it, Cancelled) and (it.symbol, it.order_id) in kept)
            if isinstance(command, MassCancel) and not told and len(events) > 1:
                return None
            if isinstance(head, MassCancelled | AccountBlocked):
                return operation._replace(events=(type(head)(head.account, len(told)), *told))
            return operation
        case _:
            return operation


def _needed_somebody(operation: Operation) -> bool:
    """Whether it is a market order, or a basket with one, that was not refused for want of anybody to meet (C3)."""
    command = operation.command
    killed = any(isinstance(it, Cancelled) and it.reason is CancelReason.KILLED for it in operation.events or ())
    head = operation.events[0] if operation.events else None
    if isinstance(command, Basket) and isinstance(head, Rejected) and head.reason is RejectReason.NO_LIQUIDITY:
        return any(leg.price is None and leg.symbol != head.symbol for leg in command.legs)
    if isinstance(command, Basket):
        return killed and any(leg.price is None for leg in command.legs)
    return killed and isinstance(command, Submit) and command.price is None


def _smaller(operation: Operation, command: Submit | Replace, less: Lots, kept: frozenset[Name]) -> Operation | None:
    if not operation.events:
        return operation._replace(command=command._replace(quantity=command.quantity - less)) if less else operation
    quantity = command.quantity - less
    head, *others = operation.events
    events = [head._replace(quantity=quantity) if isinstance(head, Accepted | Replaced) else head]
    events += [event for event in others if _is_about(event, kept)]
    met = any(isinstance(event, Trade | Prevented) for event in events)
    if quantity <= 0 or (isinstance(command, Submit) and command.price is None and less and not met):
        return None
    changed = command._replace(quantity=quantity)
    if isinstance(changed, Submit) and changed.min_quantity:
        changed = changed._replace(min_quantity=max(0, changed.min_quantity - less))
    return operation._replace(command=changed, events=tuple(events))


def _is_about(event: Event, kept: frozenset[Name]) -> bool:
    """Whether an event tells of a maker that is kept, or of no maker at all."""
    if isinstance(event, Trade | Prevented):
        return (event.symbol, event.maker) in kept
    return not isinstance(event, Cancelled) or (event.symbol, event.order_id) in kept


def _smaller_basket(operation: Operation, basket: Basket, kept: frozenset[Name]) -> Operation | None:
    """A basket without some of its makers, and without the legs that nothing is left of."""
    events = operation.events or ()
    if not {(leg.symbol, leg.order_id) for leg in basket.legs} & kept:
        return None
    if not events or isinstance(events[0], Rejected) or any(isinstance(event, Cancelled) for event in events):
        return operation
    trades = [event for event in events if isinstance(event, Trade) and (event.symbol, event.maker) in kept]
    traded: dict[Symbol, Lots] = {}
    for trade in trades:
        traded[trade.symbol] = traded.get(trade.symbol, 0) + trade.quantity
    legs = tuple(leg._replace(quantity=traded[leg.symbol]) for leg in basket.legs if leg.symbol in traded)
    if not legs:
        return None
    taken = [Accepted(leg.symbol, leg.order_id, leg.side, leg.price, leg.quantity) for leg in legs]
    return operation._replace(command=basket._replace(legs=legs), events=(*taken, *trades))


def _view(view: BookView, kept: frozenset[Name]) -> BookView:
    queue = view.queue._replace(
        bids=tuple(order for order in view.queue.bids if (view.symbol, order.order_id) in kept),
        asks=tuple(order for order in view.queue.asks if (view.symbol, order.order_id) in kept),
    )
    return view._replace(queue=queue)


def _traded_with_others(operation: Operation, kept: frozenset[Name]) -> bool:
    """Whether a trade of it goes, and with it perhaps the last price of a book."""
    return any(
        isinstance(event, Trade) and not {(event.symbol, event.maker), (event.symbol, event.taker)} <= kept
        for event in operation.events or ()
    )
