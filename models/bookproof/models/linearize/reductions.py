"""What the generic search need not try, and why no order is lost by that.

*Whoever changes nothing now, and fits now, may come now.* A refused command leaves everything as it was (A1), and so
does an order that was cancelled at once, whole: an order in which it comes later has a twin in which it comes now. That
holds for every rule.

*Who cancels may come now* if it fits now: whoever stands between now and then saw what is cancelled and did not touch
it, and answers the same without it. Not so where a command tells of orders that it does not touch: a snapshot, a
post-only order that was refused, a market order that found nobody to trade with, an id that was taken, money that was
reserved, a stop that was triggered; there it is left alone.

*Two plain orders of one price came in as they traded.* Where levels are served first come, first served (B3), an order
that traded while another one of its level was there, as is seen later, had come in before it. This is asked only of
histories without call auctions, self-trade prevention, groups and spreads, and of orders that nobody ever replaced.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from bookproof.models.linearize.history import History, Operation
from bookproof.spec.commands import (
    AdvanceClock,
    Basket,
    BlockTrade,
    Bust,
    Cancel,
    Command,
    Deposit,
    Disconnect,
    EndOfDay,
    Halt,
    KillSwitch,
    MassCancel,
    Reduce,
    Reinstate,
    Replace,
    Resume,
    SetLimits,
    Submit,
    SubmitList,
    TakeSnapshot,
    Withdraw,
)
from bookproof.spec.events import Accepted, Cancelled, PhaseChanged, Rejected, Trade, Uncrossed
from bookproof.spec.profile import Risk
from bookproof.spec.values import ListKind, OrderId, SelfTradePrevention, Side, Symbol, Ticks

_FROM_ACCOUNTS = (Deposit, Withdraw, SetLimits, Reduce, Bust, BlockTrade)
_SERVED_IN_TURN = (Submit, Cancel, Replace, Basket, MassCancel, Halt, Resume, KillSwitch, Reinstate, SubmitList)
_ALSO_SERVED_IN_TURN = (*_SERVED_IN_TURN, *_FROM_ACCOUNTS, TakeSnapshot, EndOfDay, AdvanceClock, Disconnect)

_NEVER = 2**62

_Name = tuple[Symbol, OrderId]
_Level = tuple[Symbol, Side, Ticks]


class Reductions(NamedTuple):
    """For each operation of a history, what is known of it beforehand."""

    before: tuple[tuple[int, ...], ...]
    """Operations that come before it in every order that explains the history."""
    early: tuple[bool, ...]
    """Whether it may come as soon as it fits, and nothing else has to be tried there."""


def nothing_known(history: History) -> Reductions:
    """The same where everything has to be tried."""
    return Reductions(((),) * len(history.operations), (False,) * len(history.operations))


def reductions(history: History) -> Reductions:
    """What need not be tried in a search for an order that real time allows.

    >>> from bookproof.spec.commands import Cancel
    >>> from bookproof.spec.instruments import listing
    >>> from bookproof.spec.reasons import RejectReason
    >>> refused = Operation(0, Cancel("ABC", 1), 1, 2, (Rejected("ABC", 1, RejectReason.UNKNOWN_ORDER),))
    >>> reductions(History(listing(["ABC"]), (refused,))).early
    (True,)
    """
    operations = history.operations
    before: list[list[int]] = [[] for _ in operations]
    if _is_served_in_turn(history):
        for one, other in _came_in_order(history):
            before[other].append(one)
    cancels = _cancels_that_nobody_minds(history)
    early = [_changed_nothing(operation) or at in cancels for at, operation in enumerate(operations)]
    return Reductions(tuple(map(tuple, before)), tuple(early))


def _changed_nothing(operation: Operation) -> bool:
    """Whether a command was refused, or all that it brought in was cancelled at once."""
    events, command = operation.events or (), operation.command
    if _is_refused(operation):
        return True
    if not isinstance(command, Submit | Basket) or not events:
        return False
    taken = {(event.symbol, event.order_id): event.quantity for event in events if isinstance(event, Accepted)}
    gone = {(event.symbol, event.order_id): event.quantity for event in events if isinstance(event, Cancelled)}
    return taken == gone and 2 * len(taken) == len(events)


def _is_refused(operation: Operation) -> bool:
    return operation.events is not None and len(operation.events) == 1 and isinstance(operation.events[0], Rejected)


# ── who came in before whom ──


def _is_served_in_turn(history: History) -> bool:
    """Whether each level is a queue, from the beginning to the end."""
    plain = all(
        one._replace(reference=None) == type(one)(one.symbol, tick=one.tick, lot=one.lot) for one in history.instruments
    )
    if not plain or not history.profile.allocation.is_fifo or history.profile.margin_accounts:
        return False
    return not any(
        not isinstance(operation.command, _ALSO_SERVED_IN_TURN)
        or getattr(operation.command, "self_trade", SelfTradePrevention.NONE) is not SelfTradePrevention.NONE
        or any(order.self_trade is not SelfTradePrevention.NONE for order in _orders(operation.command))
        or any(isinstance(event, PhaseChanged | Uncrossed) for event in operation.events or ())
        for operation in history.operations
    )


def _orders(command: Command) -> tuple[Submit, ...]:
    """The new orders of a command, but for those of a basket, which never rest."""
    match command:
        case Submit():
            return (command,)
        case SubmitList():
            return command.legs
        case _:
            return ()


def _names(command: Command) -> list[_Name]:
    """The ids that a command brings in."""
    if isinstance(command, Basket):
        return [(leg.symbol, leg.order_id) for leg in command.legs]
    return [(order.symbol, order.order_id) for order in _orders(command)]


class _Stay:
    """A plain order, and what is seen of it."""

    __slots__ = ("at", "last_seen", "place", "seen", "touched", "touches")

    def __init__(self, at: int) -> None:
        self.at = at
        self.touched = _NEVER
        """When the first who traded with it had returned."""
        self.last_seen = -_NEVER
        """When the last who found it there was called."""
        self.touches: dict[int, int] = {}
        """By operation, the first of the events that tell of a trade with it."""
        self.seen: dict[int, int] = {}
        """By operation, the last of the events that tell that it was there."""
        self.place: int | None = None
        """Where it stood in its side at the end; None where it did not, or nobody looked."""

    def traded_before(self, other: _Stay) -> bool:
        """Whether it surely traded at a time when the other one was still there."""
        if self.touched < other.last_seen:
            return True
        return any(place < other.seen.get(at, -1) for at, place in self.touches.items())


def _came_in_order(history: History) -> Iterator[tuple[int, int]]:
    """Pairs of operations at the same time, of which the first one comes first."""
    operations = history.operations
    lives = _lives(history)
    _look_at(history, lives)
    for together in _levels(history, lives).values():
        together.sort(key=lambda stay: operations[stay.at].called)
        running: list[_Stay] = []
        for stay in together:
            called = operations[stay.at].called
            running = [one for one in running if (operations[one.at].returned or _NEVER) >= called]
            for one in running:
                if one.at == stay.at:
                    continue
                both_stayed = one.place is not None and stay.place is not None
                if one.traded_before(stay) or (both_stayed and (one.place or 0) < (stay.place or 0)):
                    yield one.at, stay.at
                if stay.traded_before(one) or (both_stayed and (one.place or 0) > (stay.place or 0)):
                    yield stay.at, one.at
            running.append(stay)


class _Life(NamedTuple):
    """One of the times that an id is brought in and taken."""

    at: int
    called: int
    returned: int
    stay: _Stay | None
    """None where it is no plain order."""


_Lives = dict[_Name, list[_Life]]
"""In order of time; without ids that anybody replaced, and those of which nobody can tell which time was when."""


def _lives(history: History) -> _Lives:
    """The orders that come in with the command that brings them, and stay as they are until they trade or go."""
    changed = {
        (command.symbol, command.order_id)
        for command in (operation.command for operation in history.operations)
        if isinstance(command, Replace | Reduce)
    }
    found: _Lives = {}
    for at, operation in enumerate(history.operations):
        if _is_refused(operation):
            continue
        plain = {(order.symbol, order.order_id) for order in _plain(operation.command, amends=bool(changed))}
        returned = _NEVER if operation.returned is None else operation.returned
        for name in _names(operation.command):
            stay = _Stay(at) if name in plain else None
            found.setdefault(name, []).append(_Life(at, operation.called, returned, stay))
    for name in list(found):
        lives = found[name]
        lives.sort(key=lambda life: life.called)
        unclear = any(one.returned >= other.called for one, other in pairwise(lives))
        unclear = unclear or (len(lives) > 1 and lives[-1].returned == _NEVER)  # it may not have happened
        if name in changed or unclear:
            del found[name]
    return found


def _plain(command: Command, *, amends: bool) -> Iterator[Submit]:
    """The orders that a command sends to the queue of their price, with no terms of their own."""
    orders = _orders(command)
    if isinstance(command, SubmitList):  # with others of its list an order may be amended, or has to wait
        orders = () if amends else orders if command.kind is ListKind.OCO else orders[:1]
    for order in orders:
        bare = Submit(order.symbol, order.order_id, order.account, order.side, order.quantity, order.price)
        if order == bare and order.price is not None:
            yield order


def _levels(history: History, lives: _Lives) -> dict[_Level, list[_Stay]]:
    """The plain orders of each price."""
    levels: dict[_Level, list[_Stay]] = {}
    for name, known in lives.items():
        for life in known:
            if life.stay is not None:
                orders = _orders(history.operations[life.at].command)
                order = next(it for it in orders if (it.symbol, it.order_id) == name)
                levels.setdefault((order.symbol, order.side, order.price or 0), []).append(life.stay)
    return levels


def _living(lives: _Lives, name: _Name, called: int, returned: int) -> _Stay | None:
    """The plain order of that name which an operation can have met; None where that may be another one."""
    known = lives.get(name, ())
    for number, life in enumerate(known):
        over = number + 1 < len(known) and returned >= known[number + 1].called
        if not over and (number == 0 or life.returned < called):
            return life.stay
    return None


def _look_at(history: History, lives: _Lives) -> None:
    """Who traded with an order, and who saw it."""
    for at, operation in enumerate(history.operations):
        for place, event in enumerate(operation.events or ()):
            if isinstance(event, Trade):
                name = event.symbol, event.maker
            elif isinstance(event, Cancelled):
                name = event.symbol, event.order_id
            else:
                continue
            assert operation.returned is not None
            stay = _living(lives, name, operation.called, operation.returned)
            if stay is None or stay.at == at:
                continue
            stay.seen[at] = place
            stay.last_seen = max(stay.last_seen, operation.called)
            if isinstance(event, Trade):
                stay.touches.setdefault(at, place)
                stay.touched = min(stay.touched, operation.returned)
    for view in history.final:
        for side in (view.queue.bids, view.queue.asks):
            for place, order in enumerate(side):
                stay = _living(lives, (view.symbol, order.order_id), _NEVER + 1, _NEVER + 1)
                if stay is not None:
                    stay.last_seen, stay.place = _NEVER - 1, place


# ── cancels ──


def _cancels_that_nobody_minds(history: History) -> set[int]:
    """Cancels that worked, where no command tells of orders that it does not touch."""
    if not _is_served_in_turn(history) or history.profile.risk is not Risk.NONE:
        return set()
    operations = history.operations
    for operation in operations:
        if not isinstance(operation.command, _SERVED_IN_TURN):
            return set()
        orders = _orders(operation.command)
        if any(order.post_only or (order.price is None and order.stop is None) for order in orders):
            return set()
        if isinstance(operation.command, Basket) and any(leg.price is None for leg in operation.command.legs):
            return set()
    brought = Counter(order_id for operation in operations for _, order_id in _names(operation.command))
    replaced = {it.command.order_id for it in operations if isinstance(it.command, Replace)}
    moved_on = set(_moved_on_by_others(operations))
    found = set()
    for at, operation in enumerate(operations):
        if isinstance(operation.command, Cancel) and operation.events and isinstance(operation.events[0], Cancelled):
            told = [event.order_id for event in operation.events if isinstance(event, Cancelled)]
            only = len(told) == len(operation.events)
            if only and all(brought[order_id] == 1 and order_id not in replaced | moved_on for order_id in told):
                found.add(at)
    return found


def _moved_on_by_others(operations: Sequence[Operation]) -> Iterator[OrderId]:
    """Orders that somebody tells of who neither brought them in, nor took from them, nor took them out.

    A stop is triggered, and the next order of a list enters its book (E4, H2): whoever tells of that found it there.
    """
    for operation in operations:
        names = _names(operation.command)
        for event in operation.events or ():
            order_id = getattr(event, "order_id", None)
            if order_id is None or isinstance(event, Cancelled | Rejected):
                continue
            if (getattr(event, "symbol", None), order_id) not in names:
                yield order_id
