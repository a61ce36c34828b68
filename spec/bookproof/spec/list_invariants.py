"""What must hold of lists of orders after any step (rules H1 to H4), whatever the books are like.

`invariants` asks these along with its own. They go by the lists before the step and by the events alone: which orders
traded, were triggered, were cancelled, or entered their books.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from bookproof.spec.commands import Reduce, Submit, SubmitList
from bookproof.spec.events import Accepted, Cancelled, Event, ListAccepted, Prevented, Restated, Trade, Triggered
from bookproof.spec.profile import OcoFill
from bookproof.spec.reasons import CancelReason
from bookproof.spec.values import ListKind, Lots, Place
from bookproof.spec.views import OrderList

if TYPE_CHECKING:
    from bookproof.spec.exchange import Exchange
    from bookproof.spec.invariants import Step

    Predicate: TypeAlias = Callable[[Step], Iterator[str]]


class _Fate(NamedTuple):
    """What happened in a step, by order."""

    traded: dict[Place, Lots]
    """Lots that traded or were prevented from it, of everybody who traded."""
    triggered: set[Place]
    cancelled: dict[Place, CancelReason]
    entered: list[Place]
    last_trade: dict[Place, int]
    """Where among the events."""
    entry: dict[Place, int]


def _fate(events: tuple[Event, ...]) -> _Fate:
    fate = _Fate({}, set(), {}, [], {}, {})
    prevented: dict[Place, Lots] = {}
    for at, event in enumerate(events):
        if isinstance(event, Trade | Prevented):
            for order_id in (event.maker, event.taker):
                place = Place(event.symbol, order_id)
                counted = fate.traded if isinstance(event, Trade) else prevented
                counted[place] = counted.get(place, 0) + event.quantity
                if isinstance(event, Trade):
                    fate.last_trade[place] = at
        elif isinstance(event, Triggered):
            fate.triggered.add(Place(event.symbol, event.order_id))
        elif isinstance(event, Cancelled):
            fate.cancelled[Place(event.symbol, event.order_id)] = event.reason
        elif isinstance(event, Accepted):
            fate.entered.append(Place(event.symbol, event.order_id))
            fate.entry[fate.entered[-1]] = at
    for place in fate.traded:
        fate.traded[place] += prevented.get(place, 0)
    return fate


def at_most_one_rival_executes(step: Step) -> Iterator[str]:
    """One rival of an OCO trades or is triggered, and then no other is there; no list goes on after that."""
    if step.before.profile.oco_fill is OcoFill.REDUCE:
        return
    groups = _rivals(step)
    fate = _fate(step.events if groups else ())
    for rivals in groups:
        executed = [place for place in rivals if place in fate.traded]
        chosen = [place for place in rivals if place in fate.traded or place in fate.triggered]
        if len(executed) > 1 or len(chosen) > 1:
            yield f"{_told(chosen)} cancel one another, and each of them was filled or triggered"
        left = [place for place in rivals if place not in chosen and _is_live(step.after, place)]
        if chosen and left:
            yield f"{_told(chosen)} was filled or triggered, and {_told(left)} is live still"
    for one in step.after.lists:
        for place in one.others:
            order = step.after.books[place.symbol].find(place.order_id)
            if getattr(order, "executed", 0):
                yield f"{_told([place])} has executed, and its list goes on"


def rivals_shrink_together(step: Step) -> Iterator[str]:
    """Where a fill in part makes rivals smaller, each has lost what the others traded, or is gone.

    One that was triggered, or filled whole, leaves nobody. What else becomes of a rival may make it smaller still.
    """
    if step.before.profile.oco_fill is not OcoFill.REDUCE:
        return
    fate = _fate(step.events)
    for rivals in _rivals(step):
        live = [place for place in rivals if _is_live(step.after, place)]
        still = {*live, *fate.cancelled}
        ended = [place for place in rivals if place in fate.triggered or (place in fate.traded and place not in still)]
        if ended and [place for place in live if place not in ended]:
            yield f"{_told(ended)} was filled whole or triggered, and {_told(live)} is live still"
        for place in live:
            lost = sum(_lots_traded(step, rival) for rival in rivals if rival != place)
            order = step.after.books[place.symbol].find(place.order_id)
            left = 0 if order is None else int(getattr(order, "leaves", order.terms.quantity))
            if lost and left > _open(step, place) - lost:
                yield f"{_told([place])} had {_open(step, place)} open, its rivals traded {lost}, and {left} are left"
    for event in step.events:
        if isinstance(event, Restated):
            place = Place(event.symbol, event.order_id)
            rivals = next((rivals for rivals in _rivals(step) if place in rivals), ())
            if not rivals and _is_reduce_only(step, place):
                continue
            if not any(rival in fate.traded for rival in rivals if rival != place):
                yield f"{_told([place])} lost {event.quantity} lots, and no rival of it traded"


def _is_reduce_only(step: Step, place: Place) -> bool:
    """Whether it is a reduce-only order, and `cuts_are_due` looks at it (C9)."""
    if isinstance(step.command, Reduce) and place == Place(step.command.symbol, step.command.order_id):
        return True
    return place.order_id in step.before.books[place.symbol].reducing.orders


def held_until_filled(step: Step) -> Iterator[str]:
    """An order that waits for another enters only when that one was filled whole, and enters then or is refused."""
    waiting = [one for one in _lists(step) if one.working is not None]
    fate = _fate(step.events if waiting else ())
    for one in waiting:
        assert one.working is not None
        entered = [place for place in one.others if place in fate.entry]
        filled = (
            fate.traded.get(one.working, 0) == _open(step, one.working)
            and one.working not in fate.cancelled
            and not _is_live(step.after, one.working)
        )
        if entered and not filled:
            yield f"{_told(entered)} entered, and {_told([one.working])} was not filled"
        if any(fate.entry[place] < fate.last_trade.get(one.working, -1) for place in entered):
            yield f"{_told(entered)} entered before {_told([one.working])} was filled"
        held = [place for place in one.others if _is_held(step.after, place)]
        if filled and held:
            yield f"{_told([one.working])} was filled, and {_told(held)} is held back"


def lists_end_together(step: Step) -> Iterator[str]:
    """When one order of a list is cancelled, none of the others goes on."""
    fate = _fate(step.events if _lists(step) else ())
    shrinks = step.before.profile.oco_fill is OcoFill.REDUCE
    for group in _bound(step, fate):
        # One that went for a rival's fill in part ends nothing (H1).
        reasons = [fate.cancelled[place] for place in group if place in fate.cancelled]
        if not any(reason is not CancelReason.CONTINGENT or not shrinks for reason in reasons):
            continue
        left = [place for place in group if _is_live(step.after, place) and place not in fate.triggered]
        left = [place for place in left if place not in fate.traded]
        if left:
            yield f"{_told([place for place in group if place in fate.cancelled])} is gone, and {_told(left)} goes on"


def lists_fit_the_books(step: Step) -> Iterator[str]:
    """Every order of a list is live, and held back if its list says so; nobody is in two, or held back for nobody."""
    members = [place for one in step.after.lists for place in one.members]
    if len(members) != len(set(members)):
        yield f"an order is in two lists: {_told(members)}"
    waiting = [place for one in step.after.lists if one.working is not None for place in one.others]
    for place in members:
        if not _is_live(step.after, place):
            yield f"{_told([place])} is in a list, and it is not live"
        elif _is_held(step.after, place) is not (place in waiting):
            yield f"{_told([place])} should {'' if place in waiting else 'not '}be held back"
    for symbol, book in step.after.books.items():
        for order in book.held:
            if Place(symbol, order.order_id) not in waiting:
                yield f"{order.order_id} is held back in {symbol}, and waits for nobody"


def lists_come_and_go(step: Step) -> Iterator[str]:
    """A list begins with its command, as asked for, and goes on or becomes a part of itself."""
    for one in step.after.lists:
        shrunk = step.before.profile.oco_fill is OcoFill.REDUCE and any(
            set(one.others) <= set(was.others) for was in _lists(step)
        )
        if one not in _lists(step) and one.others not in [was.others for was in _lists(step)] and not shrunk:
            yield f"nobody asked for {one}"
    for event in step.events:
        if isinstance(event, ListAccepted):
            legs = step.command.legs if isinstance(step.command, SubmitList) else ()
            if event.orders != tuple(Place(leg.symbol, leg.order_id) for leg in legs):
                yield f"{event} is not what was asked for"
    known = {place for one in _lists(step) for place in one.members}
    fate = _fate(step.events)
    for place, reason in fate.cancelled.items():
        if reason is CancelReason.CONTINGENT:
            others = {other for one in _lists(step) if place in one.members for other in one.members} - {place}
            if not others & (fate.traded.keys() | fate.triggered | fate.cancelled.keys()):
                yield f"{_told([place])} was cancelled for the sake of its list, to which nothing happened"
        if reason is CancelReason.REFUSED and place not in known:
            yield f"{_told([place])} was refused its turn, and it had none"


PREDICATES: tuple[tuple[tuple[str, ...], Predicate], ...] = (
    (("H1",), at_most_one_rival_executes),
    (("H1",), rivals_shrink_together),
    (("H2",), held_until_filled),
    (("H4",), lists_end_together),
    (("H1", "H2", "H3", "H4"), lists_fit_the_books),
    (("H3", "H4"), lists_come_and_go),
)
"""Each with the rules that it holds a step to."""


# ── small things ──


def legs_of(step: Step) -> tuple[Submit, ...]:
    """The orders that a list brings in, if the command is one that was accepted."""
    accepted = any(isinstance(event, ListAccepted) for event in step.events)
    return step.command.legs if isinstance(step.command, SubmitList) and accepted else ()


def _lists(step: Step) -> list[OrderList]:
    """The lists that were live before, and the one that the command brought in."""
    lists = list(step.before.lists)
    places = tuple(Place(leg.symbol, leg.order_id) for leg in legs_of(step))
    if places and isinstance(step.command, SubmitList):
        kind = step.command.kind
        lists.append(OrderList(kind, None, places) if kind is ListKind.OCO else OrderList(kind, places[0], places[1:]))
    return lists


def _lots_traded(step: Step, place: Place) -> Lots:
    """What traded of one order in this step."""
    return sum(
        event.quantity
        for event in step.events
        if isinstance(event, Trade) and event.symbol == place.symbol and place.order_id in (event.maker, event.taker)
    )


def _rivals(step: Step) -> list[tuple[Place, ...]]:
    """Orders of which at most one may execute."""
    return [one.others for one in _lists(step) if one.kind is not ListKind.OTO]


def _bound(step: Step, fate: _Fate) -> list[tuple[Place, ...]]:
    """Orders that end together: a list, or its rivals if the order that they waited for was filled in this step."""
    groups = []
    for one in _lists(step):
        turn = [
            place for place in one.others if place in fate.entry or fate.cancelled.get(place) is CancelReason.REFUSED
        ]
        if one.working is None or not turn:
            groups.append(one.members)
        elif one.kind is ListKind.OTOCO:
            groups.append(one.others)
    return groups


def _open(step: Step, place: Place) -> Lots:
    """What an order had to trade in this step."""
    for leg in legs_of(step):
        if Place(leg.symbol, leg.order_id) == place:
            return leg.quantity
    order = step.before.books[place.symbol].find(place.order_id)
    return 0 if order is None else int(getattr(order, "leaves", order.terms.quantity))


def _is_live(state: Exchange, place: Place) -> bool:
    return any(order.order_id == place.order_id for order in state.books[place.symbol].orders())


def _is_held(state: Exchange, place: Place) -> bool:
    return any(order.order_id == place.order_id for order in state.books[place.symbol].held)


def _told(places: list[Place]) -> str:
    return ", ".join(f"{place.order_id} in {place.symbol}" for place in places)
