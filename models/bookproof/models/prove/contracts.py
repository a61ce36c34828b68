"""What one step of the rule book must do, whatever the numbers: contracts that CrossHair explores path by path.

A contract builds a book from plain integers, lets an order meet it just as the oracle does, and gives back what
happened. Its docstring says what is asked of the integers (`pre:`) and which properties must hold (`post:`).

Books are sorted by construction: an order says how far behind its predecessor it stands and which number it was
given. Every book of so many orders can be told that way, and a step leaves such a book again (`well_formed`,
`uncrossed`), so what holds of one step holds of any number of them as long as the book stays within the bounds.
Left out on purpose: stops, cancels, replaces and times in force, and icebergs at one price with hidden orders.

Properties combine comparisons with `&` and `|`, never `and`, `or`, `all` or `if`: a branch on an unknown number
doubles the paths to explore, an expression does not. Order ids, sides and kinds of events are known on every path;
branching on those is free.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from itertools import combinations, pairwise
from operator import or_
from types import FunctionType, GenericAlias, NoneType
from typing import Any, NamedTuple, TypeAlias

from bookproof.engine.book import FastBook
from bookproof.engine.floor import Floor
from bookproof.spec import book as rules
from bookproof.spec import exchange, kernel
from bookproof.spec.book import Book, Location
from bookproof.spec.commands import Submit
from bookproof.spec.events import Cancelled, Event, Prevented, Trade
from bookproof.spec.instruments import Instrument
from bookproof.spec.kernel import Resting
from bookproof.spec.profile import DEFAULT
from bookproof.spec.slices import largest_slice
from bookproof.spec.sorted_tuple import SortedTuple
from bookproof.spec.values import Account, DisplayRange, Lots, OrderId, SelfTradePrevention, Side, Ticks
from bookproof.spec.views import BookView

SYMBOL = "ABC"
INSTRUMENT = Instrument(SYMBOL)
SMALL = Instrument(SYMBOL, max_price=10**9, max_quantity=10**9)
"""All orders take the engine's short way in, which is for numbers below 2**30 and no other limits than these."""
LIMITED = Instrument(SYMBOL, min_notional=1)
"""No order takes the short way."""
TAKER, FIRST_MAKER, FIRST_PEER = 0, 1, 11
"""Order ids: the incoming order's, and those of the best orders on the opposite side and on its own."""


# ── a book in plain integers ──


class Order(NamedTuple):
    """A resting order that shows all it has."""

    gap: Ticks
    """How much worse its price is than that of the order before it."""
    sequence: int
    slice: Lots
    account: Account = 1


class Ranked(NamedTuple):
    """A resting order that shows all it has, or nothing (D4)."""

    gap: Ticks
    sequence: int
    slice: Lots
    rank: int


class Iceberg(NamedTuple):
    """A resting order that shows a slice of what it has (D1)."""

    gap: Ticks
    sequence: int
    slice: Lots
    reserve: Lots
    display: Lots


Orders: TypeAlias = Sequence[Order | Ranked | Iceberg] | None
"""One side of a book, best first. CrossHair needs a type of bounded size instead, which `sized` puts in."""


class Entry(NamedTuple):
    """A limit order still to come in."""

    side: Side
    price: Ticks
    quantity: Lots


class Special(NamedTuple):
    """An iceberg still to come in, of some account."""

    side: Side
    price: Ticks
    quantity: Lots
    display: Lots
    account: Account


class Step(NamedTuple):
    """One order met one book."""

    before: Book
    taker: Submit
    after: Book
    events: Sequence[Event]
    left: dict[OrderId, Lots]
    """What is open of every order that is in the book now."""
    lost: dict[OrderId, Lots]
    """How much less is open of every order that was in the book, by trading or otherwise."""

    @property
    def makers(self) -> tuple[Resting, ...]:
        """The orders it could trade with, first in line first."""
        return tuple(self.before.side(self.taker.side.opposite))

    @property
    def trades(self) -> list[Trade]:
        """What traded, in the order in which it was told."""
        return [event for event in self.events if isinstance(event, Trade)]


class Answers(NamedTuple):
    """What the oracle and the engine said to the same orders, and what they show after the last."""

    oracle: tuple[Event, ...]
    engine: tuple[Event, ...]
    oracle_view: BookView
    engine_view: BookView


def ready(orders: Orders, last: int) -> bool:
    """Whether these can be one side of a book in which `last` was the last number given out."""
    return every((order.gap >= 0) & (order.slice > 0) & (order.sequence <= last) for order in orders or ()) & every(
        (later.gap > 0) | _earlier(earlier, later) for earlier, later in pairwise(orders or ())
    )


def ranked(orders: Orders) -> bool:
    """Whether each order is either displayed or hidden."""
    return every((_rank(order) >= kernel.DISPLAYED) & (_rank(order) <= kernel.HIDDEN) for order in orders or ())


def iced(orders: Orders) -> bool:
    """Whether the reserves can be: at most two slices behind the first, as paths without bound cannot be explored."""
    return every(
        (order.slice <= order.display) & (order.reserve >= 0) & (order.reserve <= 2 * order.display)
        for order in orders or ()
        if isinstance(order, Iceberg)
    )


def sliced(entry: Special) -> bool:
    """Whether an exchange takes this account and this display (A1), and it is no more than three slices."""
    return (
        (entry.account >= 0)
        & (entry.account < 2**63)
        & (entry.display > 0)
        & (entry.display <= entry.quantity)
        & (entry.quantity <= 3 * entry.display)
    )


def listed(entry: Entry | Special, instrument: Instrument) -> bool:
    """Whether an exchange takes this order (A1)."""
    return (
        (instrument.min_price <= entry.price)
        & (entry.price <= instrument.max_price)
        & (instrument.min_quantity <= entry.quantity)
        & (entry.quantity <= instrument.max_quantity)
    )


# ── contracts ──


def limit_order(
    side: Side, price: Ticks, quantity: Lots, makers: Orders, peers: Orders, best: int, spread: Ticks, last: int
) -> Step:
    """A limit order meets a book.

    pre: (quantity > 0) & (spread > 0) & ready(makers, last) & ready(peers, last)
    post: hold(_, ANY_ORDER)
    """
    return _step(Submit(SYMBOL, TAKER, 0, side, quantity, price), makers, peers, best, spread, last)


def among_hidden(
    side: Side, price: Ticks, quantity: Lots, makers: Orders, peers: Orders, best: int, spread: Ticks, last: int
) -> Step:
    """A limit order meets a book with hidden orders.

    pre: (quantity > 0) & (spread > 0) & ready(makers, last) & ready(peers, last) & ranked(makers) & ranked(peers)
    post: hold(_, HIDDEN)
    """
    return _step(Submit(SYMBOL, TAKER, 0, side, quantity, price), makers, peers, best, spread, last)


def iceberg_order(
    side: Side,
    price: Ticks,
    quantity: Lots,
    display: Lots,
    makers: Orders,
    peers: Orders,
    best: int,
    spread: Ticks,
    last: int,
) -> Step:
    """An iceberg meets icebergs.

    pre: (quantity > 0) & (display > 0) & (spread > 0)
    pre: ready(makers, last) & iced(makers) & ready(peers, last)
    post: hold(_, ICEBERGS)
    """
    return _step(Submit(SYMBOL, TAKER, 0, side, quantity, price, display=display), makers, peers, best, spread, last)


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
    """A limit order that may not trade with its own account meets a book.

    pre: (quantity > 0) & (spread > 0) & ready(makers, last) & ready(peers, last)
    pre: prevention is not SelfTradePrevention.NONE
    post: hold(_, SELF_TRADES)
    """
    taker = Submit(SYMBOL, TAKER, account, side, quantity, price, self_trade=prevention)
    return _step(taker, makers, peers, best, spread, last)


def from_empty(entries: Sequence[Entry]) -> list[Step]:
    """Limit orders come in one after the other, from the empty book on.

    pre: every(listed(entry, INSTRUMENT) for entry in entries)
    post: hold_each(_, ANY_ORDER)
    """
    book = Book(INSTRUMENT)
    steps = []
    for taker in _plain(entries):
        after, events = rules.submit(book, taker, 0, DEFAULT)
        steps.append(_seen(book, taker, after, events))
        book = after
    return steps


def both(entries: Sequence[Entry]) -> Answers:
    """Limit orders come in to the oracle and to the engine.

    pre: every(listed(entry, SMALL) for entry in entries)
    post: hold(_, EQUAL)
    """
    return _answers(SMALL, _plain(entries))


def both_limited(entries: Sequence[Entry]) -> Answers:
    """Limit orders come in to the oracle and to the engine, where the instrument has limits of its own.

    pre: every(listed(entry, LIMITED) for entry in entries)
    post: hold(_, EQUAL)
    """
    return _answers(LIMITED, _plain(entries))


def both_special(entries: Sequence[Special], prevention: SelfTradePrevention) -> Answers:
    """Icebergs of any accounts come in to the oracle and to the engine, with any self-trade prevention.

    pre: every(listed(entry, INSTRUMENT) & sliced(entry) for entry in entries)
    post: hold(_, EQUAL)
    """
    return _answers(
        INSTRUMENT,
        [
            Submit(SYMBOL, order_id, account, side, quantity, price, display=display, self_trade=prevention)
            for order_id, (side, price, quantity, display, account) in enumerate(entries)
        ],
    )


# ── properties: the rules they show, then what they say ──


def uncrossed(step: Step) -> bool:
    """B6: the best bid is below the best ask."""
    bids, asks = step.after.bids, step.after.asks
    return not bids or not asks or bids.first.price < asks.first.price


def conserved(step: Step) -> bool:
    """B8, A6: what an order had is what it traded, what was prevented or cancelled, and what it has left."""
    gone: dict[OrderId, Lots] = {}
    for event in step.events:
        if isinstance(event, Trade | Prevented):
            gone[event.maker] = gone.get(event.maker, 0) + event.quantity
            gone[event.taker] = gone.get(event.taker, 0) + event.quantity
        elif isinstance(event, Cancelled):
            gone[event.order_id] = gone.get(event.order_id, 0) + event.quantity
    had = {order.order_id: order.leaves for order in _resting(step.before)} | {step.taker.order_id: step.taker.quantity}
    left = step.left
    once = left.keys() <= had.keys() and len(left) == len(_resting(step.after))
    return (
        once
        & every(lots == gone.get(order_id, 0) + left.get(order_id, 0) for order_id, lots in had.items())
        & every(o.terms.quantity == o.executed + o.prevented + o.leaves for o in _resting(step.after))
    )


def maker_price(step: Step) -> bool:
    """B1, B4: every trade is at the maker's price, which is no worse for the taker than its limit."""
    prices = {maker.order_id: maker.price for maker in step.makers}
    reach = kernel.reach_of(step.taker.side, step.taker.price)
    return every(
        (trade.price == prices[trade.maker])
        & (kernel.signed_key(step.taker.side.opposite, trade.price) <= reach)
        & (trade.quantity > 0)
        for trade in step.trades
    )


def price_first(step: Step) -> bool:
    """B2, B5: the better price is used up before a worse one is touched, all that crosses is, and no more."""
    makers, left, lost = step.makers, step.left, step.lost
    reach = kernel.reach_of(step.taker.side, step.taker.price)
    return every(
        (better.key == worse.key) | (left.get(better.order_id, 0) == 0) | (lost[worse.order_id] == 0)
        for better, worse in combinations(makers, 2)
    ) & every(
        ((maker.key <= reach) | (lost[maker.order_id] == 0))
        & ((maker.key > reach) | (left.get(maker.order_id, 0) == 0) | (step.taker.order_id not in left))
        for maker in makers
    )


def time_first(step: Step) -> bool:
    """B3: of equals, whoever came first loses its slice before the next is touched; a new order queues last."""
    makers, lost = step.makers, step.lost
    told = list(dict.fromkeys(trade.maker for trade in step.trades))
    return (
        (told == [maker.order_id for maker in makers if maker.order_id in told])
        & every(
            (first.key < second.key) | (lost[first.order_id] >= first.slice) | (lost[second.order_id] == 0)
            for first, second in combinations(makers, 2)
        )
        & every(
            (first.key < second.key) | (first.rank < second.rank)
            for first, second in combinations(step.after.side(step.taker.side), 2)
            if first.order_id == step.taker.order_id
        )
    )


def displayed_first(step: Step) -> bool:
    """D4: at one price the displayed are used up before a hidden order is touched; a new order queues before it."""
    left, lost = step.left, step.lost
    return every(
        (first.key < second.key)
        | (first.rank == second.rank)
        | (left.get(first.order_id, 0) == 0)
        | (lost[second.order_id] == 0)
        for first, second in combinations(step.makers, 2)
    ) & every(
        (first.key < second.key) | (first.rank == kernel.DISPLAYED)
        for first, second in combinations(step.after.side(step.taker.side), 2)
        if second.order_id == step.taker.order_id
    )


def keeps_place(step: Step) -> bool:
    """B7, D2: an order keeps its place while its slice lasts; with a new slice it queues last among its equals."""
    lost = step.lost
    good = True
    for side in Side:
        place = {order.order_id: place for place, order in enumerate(step.after.side(side))}
        staying = [order for order in step.before.side(side) if order.order_id in place]
        for first, second in combinations(staying, 2):
            equals = (first.key == second.key) & (first.rank == second.rank)
            if place[first.order_id] > place[second.order_id]:
                good = good & equals & (lost[first.order_id] >= first.slice)
            else:
                apart = (first.key < second.key) | (first.rank < second.rank)
                good = good & (apart | (lost[first.order_id] < first.slice) | (lost[second.order_id] >= second.slice))
    return good


def takes_turns(step: Step) -> bool:
    """D3: no trade is larger than a slice, and nobody trades again while another at its price awaits its turn."""
    makers, trades = {maker.order_id: maker for maker in step.makers}, step.trades
    good = True
    for at, trade in enumerate(trades):
        maker, earlier = makers[trade.maker], trades[:at]
        mine = [turn for turn, other in enumerate(earlier) if other.maker == trade.maker]
        good = good & (trade.quantity <= (largest_slice(maker.display) if mine else maker.slice))
        if mine:
            had_a_turn = {other.maker for other in earlier[mine[-1] :]}
            good = good & every(
                (other.key != maker.key) | (other.leaves == sum(t.quantity for t in earlier if t.maker == other_id))
                for other_id, other in makers.items()
                if other_id not in had_a_turn
            )
    return good


def shows_its_display(step: Step) -> bool:
    """D1: an order that comes to rest shows its display, or all it has if that is less."""
    display = step.taker.display
    if display is None or isinstance(display, DisplayRange):
        return True
    return every(
        (order.slice <= display) & ((order.slice == display) | (order.reserve == 0))
        for order in step.after.side(step.taker.side)
        if order.order_id == step.taker.order_id
    )


def well_formed(step: Step) -> bool:
    """B3, B11: each side is in strict order, no order is empty, and each can be found by its id."""
    book = step.after
    good = [location.order_id for location in book.live] == sorted(order.order_id for order in _resting(book))
    for side in Side:
        orders = tuple(book.side(side))
        good = (
            good
            & every(_precedes(first, second) for first, second in pairwise(orders))
            & every(
                (order.slice > 0)
                & (order.reserve >= 0)
                & (order.sequence <= book.sequence)
                & (order.key == kernel.signed_key(side, order.price))
                for order in orders
            )
        )
    return good


def no_self_trade(step: Step) -> bool:
    """G3: no account trades with itself."""
    accounts = {maker.order_id: maker.terms.account for maker in step.makers}
    return every(accounts[trade.maker] != step.taker.account for trade in step.trades)


def when_met(step: Step) -> bool:
    """G4: an order is cancelled or reduced only if the aggressor would trade with it now."""
    lost = step.lost
    met = [event for event in step.events if isinstance(event, Trade | Prevented)]
    return every(
        (lost[maker.order_id] == 0)
        | (sum(event.quantity for event in met if event.maker in ahead) < step.taker.quantity)
        for at, maker in enumerate(step.makers)
        for ahead in [{better.order_id for better in step.makers[:at]}]
    )


def as_asked(step: Step) -> bool:
    """G3, G5: who is cancelled or reduced on meeting an own order is who the aggressor said."""
    lost, left, mode = step.lost, step.left, step.taker.self_trade
    reach = kernel.reach_of(step.taker.side, step.taker.price)
    good = True
    for maker in step.makers:
        of_another = maker.terms.account != step.taker.account
        untouched = lost[maker.order_id] == 0
        if mode is SelfTradePrevention.CANCEL_TAKER:
            good = good & (of_another | untouched)
        elif not mode.decrements:
            good = good & (of_another | untouched | (lost[maker.order_id] == maker.leaves))
        if mode in (SelfTradePrevention.CANCEL_TAKER, SelfTradePrevention.CANCEL_BOTH) and step.taker.order_id in left:
            good = good & (of_another | (maker.key > reach))  # who rests has met none of its own
    if mode.decrements:
        good = good & every(event.quantity == 0 for event in step.events if isinstance(event, Cancelled))
    return good


def agree(answers: Answers) -> bool:
    """B10: the engine says what the oracle says, and both then show the same book."""
    return same(answers.oracle, answers.engine) & same(answers.oracle_view, answers.engine_view)


# ── situations: each must be reachable, else the contract shows nothing ──


def sweeps_and_rests(step: Step) -> bool:
    """An order trades with two makers, and the rest of it comes to rest."""
    return len(step.trades) == 2 and TAKER in step.left


def queues_between(step: Step) -> bool:
    """An order comes to rest between two others, at the price of the first."""
    own_side = tuple(step.after.side(step.taker.side))
    return len(own_side) == 3 and own_side[1].order_id == TAKER and own_side[0].key == own_side[1].key


def joins_hidden(step: Step) -> bool:
    """An order comes to rest at the price of a hidden one, and trades before it."""
    own_side = tuple(step.after.side(step.taker.side))
    return len(own_side) == 2 and own_side[0].order_id == TAKER and own_side[0].key == own_side[1].key


def trades_in_turns(step: Step) -> bool:
    """An iceberg trades, then the order behind it, then the iceberg again."""
    return [trade.maker for trade in step.trades] == [FIRST_MAKER, FIRST_MAKER + 1, FIRST_MAKER]


def prevents_after_a_trade(step: Step) -> bool:
    """An order trades, and then meets one of its own account."""
    return len(step.trades) == 1 and isinstance(step.events[-1], Cancelled | Prevented)


def sweeps(step: Step) -> bool:
    """An order trades with two makers."""
    return len(step.trades) == 2


def engine_sweeps(answers: Answers) -> bool:
    """The engine answers an order with two trades."""
    return sum(isinstance(event, Trade) for event in answers.engine) == 2


def engine_prevents(answers: Answers) -> bool:
    """The engine reduces an order instead of letting it trade."""
    return any(isinstance(event, Prevented) for event in answers.engine)


def engine_trades(answers: Answers) -> bool:
    """The engine answers an order with a trade."""
    return any(isinstance(event, Trade) for event in answers.engine)


# ── what is shown of which contract ──

Property: TypeAlias = Callable[[Any], bool]

ANY_ORDER: tuple[Property, ...] = (
    uncrossed,
    conserved,
    maker_price,
    price_first,
    time_first,
    keeps_place,
    well_formed,
)
HIDDEN = (*ANY_ORDER, displayed_first)
ICEBERGS = (*ANY_ORDER, takes_turns, shows_its_display)
SELF_TRADES = (*ANY_ORDER, no_self_trade, when_met, as_asked)
EQUAL: tuple[Property, ...] = (agree,)


def up_to(size: int, kind: type) -> Any:
    """The type of one side of a book with none to `size` orders."""
    return reduce(or_, (GenericAlias(tuple, (kind,) * count) for count in range(1, size + 1)), NoneType)


class Size(NamedTuple):
    """How large the books are, in words and as the types of a contract's arguments."""

    says: str
    types: dict[str, Any]


class Contract(NamedTuple):
    """A contract and all that is shown of it."""

    run: Callable[..., Any]
    properties: tuple[Property, ...]
    reaches: tuple[Property, ...]
    """Situations that occur in it."""
    quick: Size | None
    """None when even the smallest takes too long."""
    full: Size

    @property
    def name(self) -> str:
        """As in counterexamples."""
        return self.run.__name__

    def size(self, full: bool) -> Size:
        """How large the books are."""
        return self.quick if self.quick is not None and not full else self.full

    def sized(self, full: bool) -> Callable[..., Any]:
        """The same function with arguments of bounded size, for CrossHair to make up."""
        run = self.run
        assert isinstance(run, FunctionType)
        copy = FunctionType(run.__code__, run.__globals__, run.__name__)
        copy.__doc__, copy.__module__ = run.__doc__, run.__module__
        copy.__annotations__ = run.__annotations__ | self.size(full).types
        return copy


def _books(makers: int, peers: int, kind: type = Order) -> Size:
    return Size(f"books up to {makers}x{peers}", {"makers": up_to(makers, kind), "peers": up_to(peers, kind)})


def _orders(count: int) -> Size:
    return Size(f"{count} orders", {"entries": GenericAlias(tuple, (Entry,) * count)})


_ICEBERG_FIRST = tuple[Iceberg] | tuple[Iceberg, Order] | None

CONTRACTS = {
    contract.name: contract
    for contract in (
        Contract(limit_order, ANY_ORDER, (sweeps_and_rests, queues_between), _books(2, 2), _books(3, 3)),
        Contract(among_hidden, HIDDEN, (joins_hidden,), _books(2, 1, Ranked), _books(2, 2, Ranked)),
        Contract(
            iceberg_order,
            ICEBERGS,
            (trades_in_turns,),
            Size(
                "books up to 2x0, the first an iceberg",
                {"display": int, "makers": _ICEBERG_FIRST, "peers": NoneType},
            ),
            Size(
                "books up to 2x2, all makers icebergs",
                {"display": int, "makers": up_to(2, Iceberg), "peers": up_to(2, Order)},
            ),
        ),
        Contract(own_order, SELF_TRADES, (prevents_after_a_trade,), _books(2, 0), _books(2, 2)),
        Contract(from_empty, ANY_ORDER, (sweeps,), _orders(3), _orders(4)),
        Contract(both, EQUAL, (engine_sweeps,), _orders(3), _orders(4)),
        Contract(both_limited, EQUAL, (engine_trades,), _orders(2), _orders(3)),
        Contract(
            both_special,
            EQUAL,
            (engine_prevents,),
            None,
            Size("2 orders", {"entries": tuple[Special, Special]}),
        ),
    )
}
"""Every contract by name."""

_asked: tuple[Property, ...] | None = None


@contextmanager
def asking(properties: tuple[Property, ...]) -> Iterator[None]:
    """Ask for these instead of what the contract's docstring asks for. At least one: of nothing, all is true."""
    global _asked
    if not properties:
        raise ValueError("no property is asked for; name at least one")
    outer, _asked = _asked, properties
    try:
        yield
    finally:
        _asked = outer


def hold(outcome: Any, properties: Iterable[Property]) -> bool:
    """Whether these properties hold, or those that are asked for instead."""
    return every(shows(outcome) for shows in _asked or properties)


def hold_each(outcomes: Iterable[Any], properties: Iterable[Property]) -> bool:
    """Whether they hold of every outcome."""
    return every(hold(outcome, properties) for outcome in outcomes)


# ── small things ──


def every(conditions: Iterable[bool]) -> bool:
    """All of them, without a branch."""
    good = True
    for condition in conditions:
        good = good & condition
    return good


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal, down to the numbers in them and without a branch on those."""
    if isinstance(one, tuple):
        return type(one) is type(other) and len(one) == len(other) and every(map(same, one, other))
    return bool(one is other) or one == other


def _precedes(first: Resting, second: Resting) -> bool:
    return (first.key < second.key) | ((first.key == second.key) & _earlier(first, second))


def _earlier(first: Order | Ranked | Iceberg | Resting, second: Order | Ranked | Iceberg | Resting) -> bool:
    """Whether the first goes before the second if their prices are equal."""
    one, other = _rank(first), _rank(second)
    return (one < other) | ((one == other) & (first.sequence < second.sequence))


def _rank(order: Order | Ranked | Iceberg | Resting) -> int:
    return order.rank if isinstance(order, Ranked | Resting) else kernel.DISPLAYED


def _resting(book: Book) -> tuple[Resting, ...]:
    return (*book.bids, *book.asks)


def _queue(side: Side, best: int, orders: Orders, first_id: OrderId) -> SortedTuple[Resting]:
    """One side of a book, its prices counted from the key `best`. Nothing of the kernel is used: it may be broken."""
    queue = []
    key = best
    for order_id, order in enumerate(orders or (), first_id):
        key = key + order.gap
        price = -key if side is Side.BUY else key
        reserve, display = (order.reserve, order.display) if isinstance(order, Iceberg) else (0, order.slice)
        account = order.account if isinstance(order, Order) else 1
        terms = Submit(SYMBOL, order_id, account, side, order.slice + reserve, price)
        queue.append(
            Resting(key, _rank(order), order.sequence, order_id, account, order.slice, reserve, display, 0, 0, terms)
        )
    return SortedTuple(queue)


def _step(taker: Submit, makers: Orders, peers: Orders, best: int, spread: Ticks, last: int) -> Step:
    """Let the taker meet the book in which makers count from the key `best` and peers stand `spread` ticks away."""
    opposite = _queue(taker.side.opposite, best, makers, FIRST_MAKER)
    own = _queue(taker.side, spread - best, peers, FIRST_PEER)
    live = SortedTuple(
        Location(order.order_id, order.terms.side, False, (order.key, order.rank, order.sequence))
        for order in (*opposite, *own)
    )
    empty = Book(INSTRUMENT, live=live, sequence=last)
    before = empty.with_side(taker.side.opposite, opposite).with_side(taker.side, own)
    after, events = rules.enter(before, taker, DEFAULT)
    return _seen(before, taker, after, events)


def _seen(before: Book, taker: Submit, after: Book, events: Sequence[Event]) -> Step:
    """The step, with what its properties have in common."""
    left = {order.order_id: order.leaves for order in _resting(after)}
    lost = {order.order_id: order.leaves - left.get(order.order_id, 0) for order in _resting(before)}
    return Step(before, taker, after, events, left, lost)


def _plain(entries: Sequence[Entry]) -> list[Submit]:
    return [
        Submit(SYMBOL, order_id, order_id, side, quantity, price)
        for order_id, (side, price, quantity) in enumerate(entries)
    ]


def _answers(instrument: Instrument, orders: Sequence[Submit]) -> Answers:
    state, floor = exchange.opening([instrument]), Floor([instrument], DEFAULT, FastBook)
    said: list[Event] = []
    answered: list[Event] = []
    for order in orders:
        state, events = exchange.step(state, order)
        said += events
        answered += floor.carry_out(order)
    return Answers(tuple(said), tuple(answered), exchange.view(state, SYMBOL), floor.view(SYMBOL))
