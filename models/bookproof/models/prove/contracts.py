"""What one step of the rule book must do, whatever the numbers: contracts that CrossHair explores path by path.

Each contract builds a book from plain integers, lets an order meet it the way the oracle does, and gives back what
happened. Its docstring says what is asked of the integers (`pre:`) and which properties must hold (`post:`). Books are
sorted by construction: an order says how far behind its predecessor it stands and which number it was given, and
every well-formed book can be told that way. A step leaves a well-formed book again (`well_formed`, `uncrossed`), so
what holds of one step holds of any number of them, as long as the book stays within the bounds.

Predicates use `&` and `|` on numbers, never `and`, `or`, `all` or `if`: a branch doubles the paths to explore, an
expression does not. Order ids, sides and kinds of events are never symbolic; branching on those is free.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import reduce
from itertools import combinations
from operator import and_
from typing import Any, NamedTuple, TypeAlias

from bookproof.engine.book import FastBook
from bookproof.engine.floor import Floor
from bookproof.spec import book as rules
from bookproof.spec import exchange, kernel
from bookproof.spec.book import Book, Location
from bookproof.spec.commands import Submit
from bookproof.spec.events import Cancelled, Event, Prevented, Trade
from bookproof.spec.instruments import LARGEST, Instrument
from bookproof.spec.kernel import Resting
from bookproof.spec.profile import DEFAULT
from bookproof.spec.sorted_tuple import SortedTuple
from bookproof.spec.values import Account, Lots, OrderId, SelfTradePrevention, Side, Ticks
from bookproof.spec.views import BookView

SYMBOL = "ABC"
INSTRUMENT = Instrument(SYMBOL)
TAKER, FIRST_MAKER, FIRST_PEER = 0, 1, 11
"""Order ids: the incoming order's, and those of the best order on the opposite side and on its own."""


# ── a book in plain integers ──


class Order(NamedTuple):
    """A resting order that shows all it has."""

    gap: Ticks
    """How much worse its price is than that of the order before it."""
    sequence: int
    slice: Lots
    account: Account


class Iceberg(NamedTuple):
    """A resting order that shows a slice of what it has (D1)."""

    gap: Ticks
    sequence: int
    slice: Lots
    reserve: Lots
    display: Lots


Orders: TypeAlias = tuple[Order] | tuple[Order, Order] | None
Icebergs: TypeAlias = tuple[Iceberg] | tuple[Iceberg, Iceberg] | None
"""One side of a book, best first. `sized` makes other sizes of these."""


class Step(NamedTuple):
    """One order met one book."""

    before: Book
    taker: Submit
    after: Book
    events: Sequence[Event]

    @property
    def makers(self) -> tuple[Resting, ...]:
        """The orders it may trade with, in the order of their priority."""
        return tuple(self.before.side(self.taker.side.opposite))

    @property
    def trades(self) -> list[Trade]:
        """What traded, in the order in which it was told."""
        return [event for event in self.events if isinstance(event, Trade)]

    def left(self) -> dict[OrderId, Lots]:
        """What is still open of every order that is in the book now."""
        return {order.order_id: order.leaves for order in _resting(self.after)}

    def lost(self) -> dict[OrderId, Lots]:
        """How much less is open of every order that was in the book."""
        left = self.left()
        return {order.order_id: order.leaves - left.get(order.order_id, 0) for order in _resting(self.before)}


class Answers(NamedTuple):
    """What the oracle and the engine made of the same orders."""

    oracle: tuple[Event, ...]
    oracle_view: BookView
    engine: tuple[Event, ...]
    engine_view: BookView


def ready(orders: Sequence[Order] | Sequence[Iceberg] | None, last: int) -> bool:
    """Whether these are one side of a well-formed book in which `last` was the last number given out."""
    orders = orders or ()
    return every((order.gap >= 0) & (order.slice > 0) & (order.sequence <= last) for order in orders) & every(
        (later.gap > 0) | (earlier.sequence < later.sequence) for earlier, later in zip(orders, orders[1:], strict=False)
    )


def iced(orders: Sequence[Iceberg] | None) -> bool:
    """Whether these slices and reserves may occur. Without a bound on the refreshes there is no end of paths."""
    return every(
        (order.slice <= order.display) & (order.reserve >= 0) & (order.reserve <= 2 * order.display)
        for order in orders or ()
        if isinstance(order, Iceberg)
    )


def listed(orders: Sequence[Order] | None, side: Side, best: int) -> bool:
    """Whether an exchange takes these prices and quantities (A1)."""
    prices = [-key if side is Side.BUY else key for key in _keys(best, orders or ())]
    return every((price >= INSTRUMENT.min_price) & (price <= INSTRUMENT.max_price) for price in prices) & every(
        order.slice <= INSTRUMENT.max_quantity for order in orders or ()
    )


# ── contracts ──


def limit_order(
    side: Side, price: Ticks, quantity: Lots, makers: Orders, peers: Orders, best: int, spread: Ticks, last: int
) -> Step:
    """A limit order meets any book.

    pre: (quantity > 0) & (spread > 0) & ready(makers, last) & ready(peers, last)
    post: hold(_, ANY_ORDER)
    """
    taker = Submit(SYMBOL, TAKER, 0, side, quantity, price)
    return _enter(taker, makers, peers, best, spread, last)


def iceberg_order(
    side: Side,
    price: Ticks,
    quantity: Lots,
    display: Lots,
    makers: Icebergs,
    peers: Orders,
    best: int,
    spread: Ticks,
    last: int,
) -> Step:
    """An iceberg meets icebergs, each with at most two slices behind the first.

    pre: (quantity > 0) & (display > 0) & (spread > 0) & ready(makers, last) & iced(makers) & ready(peers, last)
    post: hold(_, ICEBERGS)
    """
    taker = Submit(SYMBOL, TAKER, 0, side, quantity, price, display=display)
    return _enter(taker, makers, peers, best, spread, last)


def own_order(
    side: Side,
    price: Ticks,
    quantity: Lots,
    account: Account,
    prevention: SelfTradePrevention,
    makers: Orders,
    peers: Orders,
    best: int,
    spread: Ticks,
    last: int,
) -> Step:
    """An order that must not trade with its own account meets any book, its own orders among them.

    pre: (quantity > 0) & (spread > 0) & ready(makers, last) & ready(peers, last)
    pre: prevention is not SelfTradePrevention.NONE
    post: hold(_, SELF_TRADE)
    """
    taker = Submit(SYMBOL, TAKER, account, side, quantity, price, self_trade=prevention)
    return _enter(taker, makers, peers, best, spread, last)


def three_orders(first: tuple[Side, Ticks, Lots], second: tuple[Side, Ticks, Lots], third: tuple[Side, Ticks, Lots]) -> list[Step]:
    """Three limit orders one after the other, from the empty book: what the other contracts assume can be reached.

    pre: (first[1] > 0) & (first[2] > 0) & (second[1] > 0) & (second[2] > 0) & (third[1] > 0) & (third[2] > 0)
    post: hold_each(_, ANY_ORDER)
    """
    book = Book(INSTRUMENT)
    steps = []
    for order_id, (side, price, quantity) in enumerate((first, second, third), 1):
        taker = Submit(SYMBOL, order_id, order_id, side, quantity, price)
        after, events = rules.submit(book, taker, 0, DEFAULT)
        steps.append(Step(book, taker, after, events[1:]))
        book = after
    return steps


def both(
    side: Side, price: Ticks, quantity: Lots, makers: Orders, peers: Orders, best: int, spread: Ticks, last: int
) -> Answers:
    """The oracle and the engine are given the same book, then the same limit order.

    pre: (spread > 0) & ready(makers, last) & ready(peers, last)
    pre: listed(makers, side.opposite, best) & listed(peers, side, spread - best)
    post: hold(_, BOTH)
    """
    state = exchange.opening([INSTRUMENT])
    floor = Floor([INSTRUMENT], DEFAULT, FastBook)
    for resting in (
        *_terms(side.opposite, best, makers or (), FIRST_MAKER),
        *_terms(side, spread - best, peers or (), FIRST_PEER),
    ):
        state, _ = exchange.step(state, resting)
        floor.carry_out(resting)
    taker = Submit(SYMBOL, TAKER, 0, side, quantity, price)
    state, said = exchange.step(state, taker)
    answered = tuple(floor.carry_out(taker))
    return Answers(said, exchange.view(state, SYMBOL), answered, floor.view(SYMBOL))


# ── properties: the docstring's first words are the rules ──


def uncrossed(step: Step) -> bool:
    """B6: the best bid is below the best ask."""
    bids, asks = step.after.bids, step.after.asks
    return not bids or not asks or bids.first.price < asks.first.price


def conserved(step: Step) -> bool:
    """B8, A6: what an order had is what it traded, was prevented from, had cancelled, and has left; no more, no less."""
    gone: dict[OrderId, Lots] = {}
    for event in step.events:
        if isinstance(event, Trade | Prevented):
            gone[event.maker] = gone.get(event.maker, 0) + event.quantity
            gone[event.taker] = gone.get(event.taker, 0) + event.quantity
        elif isinstance(event, Cancelled):
            gone[event.order_id] = gone.get(event.order_id, 0) + event.quantity
    had = {order.order_id: order.leaves for order in _resting(step.before)}
    had[step.taker.order_id] = step.taker.quantity
    left = step.left()
    return (
        left.keys() <= had.keys()
        and len(left) == len(_resting(step.after))
        and every(quantity == gone.get(id, 0) + left.get(id, 0) for id, quantity in had.items())
        & every(o.terms.quantity == o.executed + o.prevented + o.leaves for o in _resting(step.after))
    )


def maker_price(step: Step) -> bool:
    """B1, B4: every trade is at the maker's price, which is no worse than the taker's limit."""
    price = {maker.order_id: maker.price for maker in step.makers}
    sign = 1 if step.taker.side is Side.BUY else -1
    limit = step.taker.price
    assert limit is not None
    return every(
        (trade.price == price[trade.maker]) & (sign * trade.price <= sign * limit) & (trade.quantity > 0)
        for trade in step.trades
    )


def price_first(step: Step) -> bool:
    """B2, B5: nobody is touched while a better price has something left, nor beyond the limit, nor too little."""
    makers, left, lost = step.makers, step.left(), step.lost()
    reach = kernel.reach_of(step.taker.side, step.taker.price)
    rests = left.get(step.taker.order_id, 0)
    return every(
        (better.key == worse.key) | (left.get(better.order_id, 0) == 0) | (lost[worse.order_id] == 0)
        for better, worse in combinations(makers, 2)
    ) & every(
        ((maker.key <= reach) | (lost[maker.order_id] == 0))
        & ((maker.key > reach) | (left.get(maker.order_id, 0) == 0) | (rests == 0))
        for maker in makers
    )


def time_first(step: Step) -> bool:
    """B3: at one price nobody is touched before the slice of whoever came earlier is gone; the taker queues last."""
    makers, lost = step.makers, step.lost()
    told = [trade.maker for trade in step.trades]
    first = [told.index(id) for id in dict.fromkeys(maker.order_id for maker in makers) if id in told]
    side = tuple(step.after.side(step.taker.side))
    at = [place for place, order in enumerate(side) if order.order_id == step.taker.order_id]
    return (
        first == sorted(first)
        and every(
            (earlier.key < later.key) | (lost[earlier.order_id] >= earlier.slice) | (lost[later.order_id] == 0)
            for earlier, later in combinations(makers, 2)
        )
        & every(side[place].key < order.key for place in at for order in side[place + 1 :])
    )


def keeps_place(step: Step) -> bool:
    """B7, D2: who has some of its slice left keeps its place; whoever shows a new slice queues last at its price."""
    lost = step.lost()
    good = True
    for side in Side:
        place = {order.order_id: at for at, order in enumerate(step.after.side(side))}
        then = [order for order in step.before.side(side) if order.order_id in place]
        now = {order.order_id: order for order in step.after.side(side)}
        good &= every(now[o.order_id].key == o.key for o in then)
        for ahead, behind in combinations(then, 2):
            kept = lost[ahead.order_id] < ahead.slice
            same = (ahead.key == behind.key) & (lost[behind.order_id] < behind.slice)
            ordered = place[ahead.order_id] < place[behind.order_id]
            good &= (not ordered) | kept | ~same if False else True
            good &= ordered | ((kept == False) & (ahead.key == behind.key))
            good &= (not ordered) | kept | (ahead.key < behind.key) | (lost[behind.order_id] >= behind.slice)
    return good


def takes_turns(step: Step) -> bool:
    """D2, D3: no trade is larger than a slice, and between two trades of one order all others at its price have one."""
    trades, makers = step.trades, {maker.order_id: maker for maker in step.makers}
    good = True
    for at, trade in enumerate(trades):
        mine = makers[trade.maker]
        earlier = [i for i in range(at) if trades[i].maker == trade.maker]
        good = good & (trade.quantity <= (mine.display if earlier else mine.slice))
        if earlier:
            since = {t.maker for t in trades[earlier[-1] + 1:at]}
            done = {}
            for t in trades[:at]:
                done[t.maker] = done.get(t.maker, 0) + t.quantity
            good &= every((o.key != mine.key) | (done.get(o.order_id, 0) == o.leaves) for o in makers.values() if o.order_id not in since and o is not mine)
    return good


def never_with_itself(step: Step) -> bool:
    """G3: no trade is between two orders of one account."""
    account = {m.order_id: m.terms.account for m in step.makers}
    return every(account[t.maker] != step.taker.account for t in step.trades)


def taker_ends(step: Step) -> bool:
    """G5."""
    t, left, lost = step.taker, step.left(), step.lost()
    reach = kernel.reach_of(step.taker.side, step.taker.price)
    if t.self_trade not in (SelfTradePrevention.CANCEL_TAKER, SelfTradePrevention.CANCEL_BOTH) or t.order_id not in left:
        return True
    return every((m.terms.account != t.account) | (m.key > reach) for m in step.makers)


def well_formed(step: Step) -> bool:
    """B3: every side is in strict order, every slice holds something, every order can be found by its id."""
    book = step.after
    found = [location.order_id for location in book.live]
    good = found == sorted(order.order_id for order in _resting(book))
    for side in Side:
        orders = tuple(book.side(side))
        good &= every(
            (order.slice > 0)
            & (order.reserve >= 0)
            & (order.sequence <= book.sequence)
            & (order.key == kernel.signed_key(side, order.price))
            for order in orders
        ) & every(_before(one, two) for one, two in zip(orders, orders[1:], strict=False))
    return good


def agree(answers: Answers) -> bool:
    """B10: the engine says what the oracle says, and both show the same queues afterwards."""
    return same(answers.oracle, answers.engine) & same(answers.oracle_view, answers.engine_view)


ANY_ORDER = (uncrossed, conserved, maker_price, price_first, time_first, keeps_place, well_formed)
ICEBERGS = (*ANY_ORDER, takes_turns)
SELF_TRADE = (uncrossed, conserved, maker_price, price_first, time_first, well_formed, never_with_itself, taker_ends)
BOTH = (agree,)

def hold(outcome, properties):
    return every(p(outcome) for p in properties)

def hold_each(outcomes, properties):
    return every(hold(o, properties) for o in outcomes)

def every(conditions: Iterable[bool]) -> bool:
    return reduce(and_, conditions, True)

def same(one, two) -> bool:
    if isinstance(one, tuple):
        return type(one) is type(two) and len(one) == len(two) and every(map(same, one, two))
    return one == two

def _before(one: Resting, two: Resting) -> bool:
    return (one.key < two.key) | (
        (one.key == two.key) & ((one.rank < two.rank) | ((one.rank == two.rank) & (one.sequence < two.sequence)))
    )

def _resting(book: Book) -> tuple[Resting, ...]:
    return (*book.bids, *book.asks)

def _keys(best, orders):
    out = []
    for o in orders:
        best = best + o.gap
        out.append(best)
    return out

def _terms(side, best, orders, first):
    return [Submit(SYMBOL, id, order.account if isinstance(order, Order) else id, side, order.slice if isinstance(order, Order) else order.slice + order.reserve, -key if side is Side.BUY else key, display=None if isinstance(order, Order) else order.display)
       for id, (order, key) in enumerate(zip(orders, _keys(best, orders)), first)]

def _queue(side, best, orders, first):
    q = []
    for t, o in zip(_terms(side, best, orders, first), orders):
        r = kernel.resting(t, t.account, t.quantity, 0, 0, o.sequence)
        if isinstance(o, Iceberg):
            r = r._replace(slice=o.slice, reserve=o.reserve)
        q.append(r)
    return SortedTuple(q)

def _enter(taker, makers, peers, best, spread, last):
    side = taker.side
    m, p = _queue(side.opposite, best, makers or (), FIRST_MAKER), _queue(side, spread - best, peers or (), FIRST_PEER)
    live = SortedTuple(rules._location(order) for order in (*m, *p))
    before = Book(INSTRUMENT, live=live, sequence=last)
    before = before.with_side(side.opposite, m).with_side(side, p)
    after, events = rules.enter(before, taker, DEFAULT)
    return Step(before, taker, after, events)
