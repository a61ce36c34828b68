"""What one step of the rule book must do, whatever the numbers: contracts that CrossHair explores path by path.

Each function below `Contracts` builds a book from plain integers, lets one order meet it the way the oracle does
(`rules.enter`, which runs `kernel.match`), and gives back the `Step`. Its docstring says what must be true of the
integers (`pre:`) and of the step (`post:`). A book is sorted by construction: an order says how far behind its
predecessor it stands, and which number it was given; every well-formed book can be told that way. As each step leaves
a well-formed book again, what holds of one step holds of every run.

Predicates are free of branches (`&`, `|`, no `and`, `or`, `if` on a symbolic value): a branch doubles the paths, an
expression does not. Branches on order ids, on sides and on what an event is cost nothing, as these are never symbolic.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from operator import and_
from typing import NamedTuple, TypeAlias

from bookproof.engine.book import FastBook
from bookproof.spec import book as rules
from bookproof.spec import exchange, kernel
from bookproof.spec.book import Book
from bookproof.spec.commands import Submit
from bookproof.spec.events import Cancelled, Event, Prevented, Trade
from bookproof.spec.instruments import Instrument
from bookproof.spec.kernel import Resting
from bookproof.spec.profile import DEFAULT
from bookproof.spec.sorted_tuple import SortedTuple
from bookproof.spec.values import Account, Lots, OrderId, SelfTradePrevention, Side, Ticks

SYMBOL = "ABC"
INSTRUMENT = Instrument(SYMBOL)
TAKER, FIRST_MAKER, FIRST_PEER = 0, 1, 11
"""Order ids: the incoming order, and the first order on the opposite and on its own side."""


class Order(NamedTuple):
    """One resting order of a queue."""

    gap: Ticks
    """How much worse its price is than that of the order before it."""
    sequence: int
    quantity: Lots
    account: Account


class Iceberg(NamedTuple):
    """One resting order that shows but a slice."""

    gap: Ticks
    sequence: int
    slice: Lots
    reserve: Lots
    display: Lots

Orders: TypeAlias = None | tuple[Order] | tuple[Order, Order]
Icebergs: TypeAlias = None | tuple[Iceberg] | tuple[Iceberg, Iceberg]


class Step(NamedTuple):
    """One order met one book."""

    before: Book
    taker: Submit
    after: Book
    events: list[Event]


def every(conditions: Iterable[bool]) -> bool:
    return reduce(and_, conditions, True)


def ready(queue: Orders, last: int) -> bool:
    orders = queue or ()
    return every((order.gap >= 0) & (order.quantity > 0) & (order.sequence <= last) for order in orders) & every(
        (later.gap > 0) | (earlier.sequence < later.sequence) for earlier, later in zip(orders, orders[1:])
    )


def _queue(side: Side, best: int, orders: Sequence[Order], order_id: int) -> SortedTuple[Resting]:
    key = best
    queue = []
    for at, order in enumerate(orders):
        key = key + order.gap
        price = -key if side is Side.BUY else key
        terms = Submit(SYMBOL, order_id + at, order.account, side, order.quantity, price)
        queue.append(kernel.resting(terms, order.account, order.quantity, 0, 0, order.sequence))
    return SortedTuple(queue)


def _step(makers: SortedTuple[Resting], peers: SortedTuple[Resting], last: int, taker: Submit) -> Step:
    live = SortedTuple(rules._location(order) for order in (*makers, *peers))
    before = Book(INSTRUMENT, live=live, sequence=last)
    before = before.with_side(taker.side.opposite, makers).with_side(taker.side, peers)
    after, events = rules.enter(before, taker, DEFAULT)
    return Step(before, taker, after, events)


def limit_order(side: Side, price: Ticks, quantity: Lots, makers: Orders, peers: Orders, best: int, spread: Ticks, last: int) -> Step:
    """Let a limit order meet a book.

    pre: (quantity > 0) & (spread > 0) & ready(makers, last) & ready(peers, last)
    post: uncrossed(_)
    post: conserved(_)
    post: maker_price(_)
    post: best_first(_)
    post: keeps_place(_)
    post: well_formed(_)
    post: engine_agrees(_)
    """
    taker = Submit(SYMBOL, TAKER, 0, side, quantity, price)
    return _step(_queue(side.opposite, best, makers or (), 1), _queue(side, spread - best, peers or (), 11), last, taker)


def trades(step: Step) -> list[Trade]:
    return [event for event in step.events if isinstance(event, Trade)]

def uncrossed(step: Step) -> bool:
    bids, asks = step.after.bids, step.after.asks
    return not bids or not asks or bids.first.price < asks.first.price

def conserved(step: Step) -> bool:
    gone: dict[int, int] = {}
    for event in step.events:
        if isinstance(event, Trade | Prevented):
            gone[event.maker] = gone.get(event.maker, 0) + event.quantity
            gone[event.taker] = gone.get(event.taker, 0) + event.quantity
        elif isinstance(event, Cancelled):
            gone[event.order_id] = gone.get(event.order_id, 0) + event.quantity
    had = {order.order_id: order.leaves for order in step.before.orders()}
    had[TAKER] = step.taker.quantity
    has = {order.order_id: order.leaves for order in step.after.orders()}
    return has.keys() <= had.keys() and every(
        quantity == gone.get(order_id, 0) + has.get(order_id, 0) for order_id, quantity in had.items()
    ) & every(o.terms.quantity == o.executed + o.prevented + o.leaves for o in step.after.orders())

def maker_price(step: Step) -> bool:
    prices = {order.order_id: order.price for order in step.before.orders()}
    sign = 1 if step.taker.side is Side.BUY else -1
    return every((t.price == prices[t.maker]) & (t.quantity > 0) & (sign * t.price <= sign * step.taker.price) for t in trades(step))

def best_first(step: Step) -> bool:
    makers = tuple(step.before.side(step.taker.side.opposite))
    has = {order.order_id: order.leaves for order in step.after.orders()}
    reach = kernel.reach_of(step.taker.side, step.taker.price)
    left = [has.get(o.order_id, 0) for o in makers]
    t = has.get(TAKER, 0)
    ids = [t.maker for t in trades(step)]
    return ids == sorted(ids) and every(
        (left[j] == makers[j].leaves) | (left[i] == 0) for i in range(len(makers)) for j in range(i + 1, len(makers))
    ) & every(
        ((o.key <= reach) | (l == o.leaves)) & ((o.key > reach) | (l == 0) | (t == 0)) for o, l in zip(makers, left)
    )

def keeps_place(step: Step) -> bool:
    good = True
    for side in Side:
        then = [o for o in step.before.side(side)]
        now = [o for o in step.after.side(side)]
        ids = [o.order_id for o in now]
        rest = [o for o in now if o.order_id != TAKER]
        if [o.order_id for o in then if o.order_id in ids] != [o.order_id for o in rest]:
            return False
        prio = {o.order_id: o[:3] for o in then}
        for o in rest:
            k, r, s = prio[o.order_id]
            good = good & (k == o.key) & (r == o.rank) & (s == o.sequence)
        if TAKER in ids:
            at = ids.index(TAKER)
            key = kernel.signed_key(side, step.taker.price)
            good = good & every(o.key <= key for o in now[:at]) & every(key < o.key for o in now[at + 1:])
    return good

def well_formed(step: Step) -> bool:
    good = True
    for side in Side:
        now = list(step.after.side(side))
        good = good & every((a.key < b.key) | ((a.key == b.key) & ((a.rank < b.rank) | ((a.rank == b.rank) & (a.sequence < b.sequence)))) for a, b in zip(now, now[1:]))
        good = good & every((o.slice > 0) & (o.reserve >= 0) & (o.sequence <= step.after.sequence) & (o.key == kernel.signed_key(side, o.price)) for o in now)
    return good and len(step.after.live) == len(step.after.bids) + len(step.after.asks)

def engine_agrees(step: Step) -> bool:
    engine = FastBook(INSTRUMENT, DEFAULT)
    for o in step.before.orders():
        engine.submit(o.terms, 0)
    events = engine.submit(step.taker, 0)[1:]
    return events == step.events and engine.queue() == exchange.view(step.after).queue
