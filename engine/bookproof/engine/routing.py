"""Routed orders: one order over every book of a group (rule L5). Hold the stripes of them all.

Written apart from the rule book's own routing, so that each can show a mistake of the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bookproof.engine.book import FastBook, prevention_of
from bookproof.engine.ladder import floor_of
from bookproof.engine.rehearsal import Rehearsal
from bookproof.spec.commands import Submit
from bookproof.spec.events import Accepted, Cancelled, Event
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import Lots, TimeInForce


def route_fault(order: Submit, book: FastBook | None) -> RejectReason | None:
    """Why a routed order cannot be taken, whatever the books hold."""
    if book is None:
        return RejectReason.UNKNOWN_SYMBOL
    fault = book.checks.submit(order)
    if order.stop is None and not order.post_only:
        return fault
    clash = RejectReason.INVALID_COMBINATION
    return clash if fault is None or clash.precedence < fault.precedence else fault


def refusal(own: FastBook, group: Sequence[FastBook], order: Submit) -> RejectReason | None:
    """Why the books, as they stand, do not take a well-formed order: its id must be free in all of them (A3)."""
    reason = own.refusal(order)
    if reason is RejectReason.NO_LIQUIDITY and any(book.against(order.side).rungs for book in _venues(own, group)):
        reason = None
    if any(book.is_live(order.order_id) for book in group):
        duplicate = RejectReason.DUPLICATE_ORDER_ID
        return duplicate if reason is None or duplicate.precedence < reason.precedence else reason
    return reason


def _venues(own: FastBook, group: Sequence[FastBook]) -> list[FastBook]:
    """Where an order may trade: in its own book, and in those of the group that trade continuously."""
    return [own, *(book for book in group if book is not own and not book.paused)]


def route(
    own: FastBook, group: Sequence[FastBook], order: Submit, matched: Callable[[list[Event]], None]
) -> list[Event]:
    """What comes of an order that nobody refuses; `group` has every book of its group, its own too, in listing order.

    `matched` is told the events when matching has ended, before any stop is triggered (H1).
    """
    if own.paused or len(group) == 1:  # it collects orders, this one as any other (I1), or has nobody to share with
        return list(own.submit(order))
    side, price, lives = order.side, order.price, order.time_in_force
    venues = _venues(own, group)
    events: list[Event] = [Accepted(order.symbol, order.order_id, side, price, order.quantity)]
    needed = order.quantity if lives is TimeInForce.FOK else order.min_quantity
    if needed and obtainable_over(venues, order) < needed:
        killed = CancelReason.KILLED if lives is TimeInForce.FOK else CancelReason.MIN_QUANTITY
        events.append(Cancelled(order.symbol, order.order_id, side, price, order.quantity, killed))
        return events
    # From here on it trades what it can.
    leaves, prevented, ended = _take(venues, order, events)
    gone: CancelReason | None = None
    if ended:
        gone = CancelReason.SELF_TRADE
    elif leaves and price is None:
        gone = CancelReason.MARKET
    elif leaves and lives is TimeInForce.IOC:
        gone = CancelReason.IMMEDIATE
    if gone is not None:
        events.append(Cancelled(order.symbol, order.order_id, side, price, leaves, gone))
    elif leaves and price is not None:
        own.rest(order, price, leaves, order.quantity - leaves - prevented, prevented)
    matched(events)
    for book in group:
        if book in venues:
            book.trigger_stops(events)
    return events


def _take(venues: Sequence[FastBook], order: Submit, events: list[Event]) -> tuple[Lots, Lots, bool]:
    """Level by level, from the book whose best level is best; of equal ones the first.

    Gives what is left, how much of it was prevented, and whether prevention had the last word.
    """
    floor = floor_of(order.side, order.price)
    leaves, all_prevented = order.quantity, 0
    while leaves:
        facing = [(book.against(order.side).rungs[-1], book) for book in venues if book.against(order.side).rungs]
        best = max((rung for rung, _ in facing), default=floor - 1)
        if best < floor:
            break
        book = next(book for rung, book in facing if rung == best)
        leaves, prevented, ended = book.take_down_to(best, order, leaves, events)
        all_prevented += prevented
        if ended:
            return leaves, all_prevented, True
    return leaves, all_prevented, False


def obtainable_over(venues: Sequence[FastBook], order: Submit) -> Lots:
    """How much of an order would trade now in all these books: the dry run of C5 and C7."""
    floor = floor_of(order.side, order.price)
    owner, prevention = venues[0].owner_of(order), prevention_of(order)
    sides = [Rehearsal(book, order.side) for book in venues]
    leaves, executed = order.quantity, 0
    while leaves:
        best = max((side.rung for side in sides if side.rung is not None), default=floor - 1)
        if best < floor:
            break
        side = next(side for side in sides if side.rung == best)
        leaves, traded, ended = side.play(leaves, owner, prevention)
        executed += traded
        if ended:
            break
    return executed
