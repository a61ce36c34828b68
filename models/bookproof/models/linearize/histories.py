"""Invented histories, right by construction: small ones in which everything meets, and large ones for the clock.

Clients call, the operation takes effect once, and they return. Effects happen one after the other, on the oracle in a
small history and on our engine in a large one, so their order explains the history; calls and returns lie around them,
so that it does not say so.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush
from typing import NamedTuple

from bookproof.engine.global_lock import GlobalLockEngine
from bookproof.models.concurrent.history import books_of
from bookproof.models.generate.case import accounts_named
from bookproof.models.generate.venues import DISTINCT
from bookproof.models.linearize.generic import fills
from bookproof.models.linearize.history import Filled, History, Operation
from bookproof.spec.commands import (
    AdvanceClock,
    Basket,
    Cancel,
    Command,
    Deposit,
    EndOfDay,
    Halt,
    KillSwitch,
    Leg,
    MassCancel,
    Reinstate,
    Replace,
    Resume,
    SetPhase,
    Spend,
    Submit,
    SubmitList,
    TakeSnapshot,
)
from bookproof.spec.events import Accepted, Event
from bookproof.spec.exchange import Exchange, account, opening, snapshot, step
from bookproof.spec.instruments import Instrument, listing
from bookproof.spec.profile import DEFAULT, Profile, Risk
from bookproof.spec.values import (
    ListKind,
    OrderId,
    Phase,
    SelfTradePrevention,
    Side,
    Symbol,
    TimeInForce,
)

# ── small histories ──

SYMBOLS = ("ABC", "XYZ")
MOST_OPERATIONS = 7
"""More of them, and exhaustive search takes seconds."""

_PRICES = (100, 101, 102)
_SIZES = (1, 1, 2, 3)
_ACCOUNTS = (1, 2)
_LENGTHS = (2, 3, 4, 5, 5, 6, 6, 7, 7)
_SIDES = tuple(Side)
_PREVENTIONS = tuple(SelfTradePrevention)[1:]

_WITH_CRASHES, _CRASHES = 0.25, 0.15
"""Of histories, in how many clients crash, and how often then: half of these operations happen all the same."""

_AT_ONCE = 0.15
"""Of moments, how many are at the same nanosecond as the one before."""

_USED_ID = 0.03
"""Of new orders, how many come under an id that was used before."""

_COMMON_ONLY = 0.4
"""Of histories, how many have nothing in them that is seldom used."""

_TOGETHER, _MOST_TOGETHER = 0.15, 6
"""Of histories, in how many everything is called before anything returns; and how many operations these have at most:
exhaustive search tries nearly all orders of them."""

_OTHER_VENUE = 0.1
"""Of histories, how many are of a venue that does not do as the rule book does by default."""


class _Sketch:
    """What a small history is drawn with."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.symbols = SYMBOLS[: dice.choice((1, 1, 2))]
        self.prices = _PRICES[: dice.choice((1, 2, 2, 3))]
        self.used: list[tuple[Symbol, OrderId]] = []
        common = dice.random() < _COMMON_ONLY
        kinds = [kind for kind in (_COMMON_KINDS if common else _KINDS) if dice.random() < 0.15]
        terms = [change for change in (_COMMON_TERMS if common else _TERMS) if dice.random() < 0.2]
        if len(self.symbols) > 1:
            kinds += [_basket, _basket]
        self._commands: tuple[Callable[[_Sketch], Command], ...] = (_submit,) * 5 + (_cancel, _cancel) + tuple(kinds)
        self._terms = (_as_it_is, *terms)

    def command(self) -> Command:
        """The next command."""
        return self.dice.choice(self._commands)(self)

    def order(self, symbol: Symbol | None = None, side: Side | None = None) -> Submit:
        """A new order, with some of the terms of this history."""
        dice = self.dice
        symbol = symbol or dice.choice(self.symbols)
        plain = Submit(
            symbol,
            self.new_id(symbol),
            dice.choice(_ACCOUNTS),
            side or dice.choice(_SIDES),
            dice.choice(_SIZES),
            dice.choice(self.prices),
        )
        return dice.choice(self._terms)(plain, dice)

    def new_id(self, symbol: Symbol) -> OrderId:
        """An id for an order, nearly always a new one."""
        if self.used and self.dice.random() < _USED_ID:
            return self.dice.choice(self.used)[1]
        order_id = len(self.used) + 1
        self.used.append((symbol, order_id))
        return order_id

    def some_order(self) -> tuple[Symbol, OrderId]:
        """An order that was entered before, or nearly so."""
        return self.dice.choice(self.used) if self.used else (self.symbols[0], 1)


def _submit(sketch: _Sketch) -> Command:
    return sketch.order()


def _cancel(sketch: _Sketch) -> Command:
    return Cancel(*sketch.some_order())


def _replace(sketch: _Sketch) -> Command:
    dice = sketch.dice
    price = dice.choice((None, *sketch.prices))
    return Replace(*sketch.some_order(), dice.choice(_SIZES), price)


def _basket(sketch: _Sketch) -> Command:
    dice = sketch.dice
    legs = []
    for symbol in sketch.symbols:
        order_id = sketch.new_id(symbol)
        legs.append(
            Leg(symbol, order_id, dice.choice(_SIDES), dice.choice(_SIZES[:3]), dice.choice((None, *sketch.prices)))
        )
    return Basket(dice.choice(_ACCOUNTS), tuple(legs))


def _mass_cancel(sketch: _Sketch) -> Command:
    return MassCancel(sketch.dice.choice(_ACCOUNTS))


def _halt(sketch: _Sketch) -> Command:
    kind = sketch.dice.choice((Halt, Resume, Resume))
    return kind(sketch.dice.choice((None, *sketch.symbols)))


def _snapshot(sketch: _Sketch) -> Command:
    return TakeSnapshot()


def _kill(sketch: _Sketch) -> Command:
    kind = sketch.dice.choice((KillSwitch, Reinstate))
    return kind(sketch.dice.choice(_ACCOUNTS))


def _time_passes(sketch: _Sketch) -> Command:
    return sketch.dice.choice((EndOfDay(), AdvanceClock(5)))


def _phase(sketch: _Sketch) -> Command:
    return SetPhase(sketch.dice.choice(sketch.symbols), sketch.dice.choice((Phase.CALL, Phase.CONTINUOUS)))


def _list(sketch: _Sketch) -> Command:
    symbol, side, owner = sketch.dice.choice(sketch.symbols), sketch.dice.choice(_SIDES), sketch.dice.choice(_ACCOUNTS)
    legs = (sketch.order(symbol, side)._replace(account=owner) for _ in range(2))
    return SubmitList(sketch.dice.choice((ListKind.OCO, ListKind.OTO)), tuple(legs))


def _spend(sketch: _Sketch) -> Command:
    symbol, dice = sketch.dice.choice(sketch.symbols), sketch.dice
    return Spend(symbol, sketch.new_id(symbol), dice.choice(_ACCOUNTS), dice.choice(_PRICES) * dice.choice(_SIZES))


_COMMON_KINDS = (_replace, _basket, _mass_cancel, _halt, _snapshot)
_KINDS = (*_COMMON_KINDS, _replace, _basket, _mass_cancel, _kill, _time_passes, _phase, _list, _spend)
"""What a history may have beside new orders and cancels."""


def _as_it_is(order: Submit, dice: random.Random) -> Submit:
    return order


def _immediate(order: Submit, dice: random.Random) -> Submit:
    return order._replace(time_in_force=dice.choice((TimeInForce.IOC, TimeInForce.FOK)))


def _market(order: Submit, dice: random.Random) -> Submit:
    return order._replace(price=None)


def _post_only(order: Submit, dice: random.Random) -> Submit:
    return order._replace(post_only=True)


def _iceberg(order: Submit, dice: random.Random) -> Submit:
    return order._replace(display=dice.choice((0, 1, 1, 2)), quantity=order.quantity + 1)


def _stop(order: Submit, dice: random.Random) -> Submit:
    return order._replace(stop=dice.choice(_PRICES), price=dice.choice((None, order.price)))


def _prevention(order: Submit, dice: random.Random) -> Submit:
    return order._replace(self_trade=dice.choice(_PREVENTIONS))


def _minimum(order: Submit, dice: random.Random) -> Submit:
    return order._replace(min_quantity=dice.choice(_SIZES))


def _mortal(order: Submit, dice: random.Random) -> Submit:
    if dice.random() < 0.5:
        return order._replace(time_in_force=TimeInForce.DAY)
    return order._replace(time_in_force=TimeInForce.GTD, expires=dice.choice((4, 6)))


_COMMON_TERMS = (_immediate, _immediate, _market, _post_only, _post_only, _minimum)
_TERMS = (*_COMMON_TERMS, _iceberg, _iceberg, _stop, _prevention, _mortal)
"""What orders of a history may be beside plain."""


def small(dice: random.Random) -> History:
    """A right history of two to seven operations, of two to four clients or one for each, in which everything may meet.

    >>> history = small(random.Random(5))
    >>> from bookproof.models.linearize.generic import exhaustive
    >>> exhaustive(history).verdict.value
    'linearizable'
    """
    sketch = _Sketch(dice)
    venues = [venue for venue in DISTINCT.values() if venue.risk is Risk.NONE]
    profile = dice.choice(venues) if dice.random() < _OTHER_VENUE else DEFAULT
    instruments = listing(sketch.symbols)
    state: Exchange = opening(instruments, profile)
    operations: list[Operation] = []
    feed: list[Filled] = []
    running: dict[int, tuple[int, tuple[Event, ...] | None]] = {}  # by client: what it called, what that came to
    together = dice.random() < _TOGETHER
    crashes = _CRASHES if dice.random() < _WITH_CRASHES else 0.0
    length, now = min(dice.choice(_LENGTHS), _MOST_TOGETHER if together else MOST_OPERATIONS), 0
    clients = length if together else dice.randint(2, 4)
    newest = clients
    names = list(range(clients))
    while len(operations) < length or running:
        idle = [name for name in names if name not in running] if len(operations) < length else []
        name = dice.choice(idle if idle and together else [*idle, *running])
        now += dice.random() >= _AT_ONCE
        if name not in running:
            running[name] = len(operations), None
            operations.append(Operation(name, sketch.command(), now, None, None))
            continue
        at, events = running[name]
        crashed = dice.random() < crashes
        if events is None and not crashed:
            state, events = step(state, operations[at].command)
            feed += fills(events)
            running[name] = at, events
            continue
        del running[name]
        if crashed:  # before it took effect, or after; whoever comes in its place is another client
            names[names.index(name)] = newest = newest + 1
        else:
            operations[at] = operations[at]._replace(returned=now, events=events)
    final = snapshot(state) if dice.random() < 0.5 else ()
    if final and dice.random() < 0.2:
        final = final[:1]
    if dice.random() < 0.1:
        dice.shuffle(operations)
    return History(instruments, tuple(operations), profile, tuple(feed) if dice.random() < 0.4 else None, final)


_WITH_ACCOUNTS, _MOSTLY_PLAIN = 0.5, 0.7
_FUNDS = (100, 250, 600, 5_000)


def dense(dice: random.Random) -> History:
    """A right history of lists and plain orders at one price or two, half of the time with accounts that hold little.

    >>> history = dense(random.Random(3))
    >>> from bookproof.models.linearize.generic import exhaustive
    >>> exhaustive(history).verdict.value
    'linearizable'
    """
    sketch = _Sketch(dice)
    sketch.prices = sketch.prices[: dice.choice((1, 1, 2))]
    plain, has_accounts = dice.random() < _MOSTLY_PLAIN, dice.random() < _WITH_ACCOUNTS
    kinds = (_bare, _bare, _bare, _bare, _cancel, _across) if plain else (_Sketch.command, _Sketch.command, _across)
    commands = [dice.choice(kinds)(sketch) for _ in range(dice.choice((3, 4, 5, 6, 6)))]
    first: list[Command] = []
    if has_accounts:
        first += [Deposit(owner, dice.choice(_FUNDS)) for owner in _ACCOUNTS]
        first += [Deposit(owner, dice.choice((1, 3, 20)), symbol) for owner in _ACCOUNTS for symbol in sketch.symbols]
    profile = DEFAULT._replace(risk=Risk.CASH) if has_accounts else DEFAULT
    history = happened(
        commands, listing(sketch.symbols), profile, in_flight=dice.choice((2, 3, 4)), dice=dice, first=first
    )
    operations = list(history.operations)
    if dice.random() < _WITH_CRASHES:
        lost = dice.randrange(len(first), len(operations))
        operations[lost] = operations[lost]._replace(returned=None, events=None)
    final = history.final if dice.random() < 0.5 else ()
    return history._replace(operations=tuple(operations), final=final)


def _bare(sketch: _Sketch) -> Command:
    """A new order without any terms, or one that does not wait."""
    symbol, dice = sketch.dice.choice(sketch.symbols), sketch.dice
    life = dice.choice((TimeInForce.GTC, TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC))
    order_id, owner, side = sketch.new_id(symbol), dice.choice(_ACCOUNTS), dice.choice(_SIDES)
    return Submit(symbol, order_id, owner, side, dice.choice(_SIZES[:3]), dice.choice(sketch.prices), life)


def _across(sketch: _Sketch) -> Command:
    """A list of plain orders, in whatever books."""
    dice = sketch.dice
    side, owner = dice.choice(_SIDES), dice.choice(_ACCOUNTS)
    legs = []
    for symbol in (dice.choice(sketch.symbols), dice.choice(sketch.symbols)):
        size, price = dice.choice(_SIZES[:3]), dice.choice(sketch.prices)
        legs.append(Submit(symbol, sketch.new_id(symbol), owner, side, size, price))
    return SubmitList(dice.choice((ListKind.OCO, ListKind.OCO, ListKind.OTO)), tuple(legs))


# ── large histories ──


class Mix(NamedTuple):
    """Of a thousand operations, how many are of a kind; the others are limit orders, half of them near the other side.

    Where there is one book only, there are no baskets.
    """

    cancels: int = 250
    immediate: int = 100
    kills: int = 30
    """Fill or kill."""
    markets: int = 30
    post_only: int = 40
    replaces: int = 0
    baskets: int = 0
    mass_cancels: int = 0


ONE_BOOK = Mix()
ACROSS_BOOKS = Mix(baskets=50, mass_cancels=10)

MEAN_LATENCY = 1_000_000.0
"""Nanoseconds between call and return, on average."""

_MIDDLE = 1_000
_AROUND = {away: _MIDDLE + away for away in range(-10, 11)}
"""The prices so far from it: one object for each, however many orders have it."""

_DEEPEST = 200
"""Orders of a book beyond which nothing but cancels is drawn for it, so that it does not grow with the history."""

_OWNERS = 100


def large(
    count: int,
    in_flight: int,
    *,
    symbols: int = 1,
    mix: Mix | None = None,
    feed: bool = False,
    final: bool = True,
    stamped: bool = False,
    crashed: float = 0.0,
    seed: int = 0,
    profile: Profile = DEFAULT,
) -> History:
    """A right history of so many operations, of which `in_flight` are always on their way, over so many books.

    Each client calls again the moment it has its answer; latencies are exponential, and an operation takes effect
    anywhere between its call and its return. With `stamped` every operation tells its place in each book it touched.
    A share `crashed` of them never hears of its answer. The same arguments give the same history.

    >>> history = large(100, 4, feed=True)
    >>> len(history.operations), len({operation.client for operation in history.operations})
    (100, 4)
    """
    mix = mix if mix is not None else (ONE_BOOK if symbols == 1 else ACROSS_BOOKS)
    instruments = listing(f"S{number:02}" for number in range(symbols))
    engine = GlobalLockEngine(instruments, profile)
    flow = _Flow(random.Random(seed), tuple(instrument.symbol for instrument in instruments), mix)
    dice, submit = random.Random(seed + 1), engine.submit
    latency, within = dice.expovariate, dice.random
    commands: list[Command] = []
    calls: list[tuple[int, int]] = []  # client and time, of each operation
    returns: list[int] = []
    answers: list[tuple[Event, ...]] = [()] * count
    stamps: list[tuple[tuple[str, int], ...]] = [()] * count
    places = dict.fromkeys((instrument.symbol for instrument in instruments), 0)
    traded: list[Filled] = []
    moments: list[tuple[int, int, int]] = [(client, 0, client) for client in range(in_flight)]
    while moments:  # calls are (time, 0, client), effects (time, 1, operation)
        now, kind, one = heappop(moments)
        if kind == 0:
            at = len(commands)
            if at == count:
                continue
            commands.append(flow.next())
            calls.append((one, now))
            takes = int(latency(1 / MEAN_LATENCY)) + 2
            returns.append(now + takes)
            heappush(moments, (now + int(takes * within()), 1, at))
            heappush(moments, (now + takes + 1, 0, one))
            continue
        command = commands[one]
        events = answers[one] = submit(command).events
        flow.happened(command, events)
        if feed and len(events) > 1:
            traded += fills(events)
        if stamped:
            touched = books_of(command) or places
            for symbol in touched:
                places[symbol] += 1
            stamps[one] = tuple((symbol, places[symbol]) for symbol in touched)
    lost = random.Random(seed + 2).random
    operations: list[Operation] = []
    for at in range(count):
        client, called = calls[at]
        if crashed and lost() < crashed:
            operations.append(Operation(client, commands[at], called, None, None))
        else:
            operations.append(Operation(client, commands[at], called, returns[at], answers[at], stamps[at]))
    views = tuple(engine.view(instrument.symbol) for instrument in instruments) if final else ()
    return History(instruments, tuple(operations), profile, tuple(traded) if feed else None, views)


class _Flow:
    """What clients call, one after the other: orders around one price in each book, and cancels of what rests."""

    def __init__(self, dice: random.Random, symbols: Sequence[Symbol], mix: Mix) -> None:
        self._dice = dice
        self._symbols = symbols
        self._resting: dict[Symbol, list[OrderId]] = {symbol: [] for symbol in symbols}
        """What came to rest, and was not asked to be cancelled; some of it has traded since."""
        self._count = 0
        kinds: list[Callable[[Symbol], Command]] = []
        for kind, share in (
            (self._cancel, mix.cancels),
            (self._immediate, mix.immediate),
            (self._kill, mix.kills),
            (self._market, mix.markets),
            (self._post_only, mix.post_only),
            (self._replace, mix.replaces),
            (self._basket, mix.baskets if len(symbols) > 1 else 0),
            (self._mass_cancel, mix.mass_cancels),
        ):
            kinds += [kind] * share
        self._kinds = kinds + [self._limit] * (1_000 - len(kinds))

    def next(self) -> Command:
        """The next command to be called."""
        draw = self._dice.random
        symbol = self._symbols[int(draw() * len(self._symbols))]
        if len(self._resting[symbol]) > _DEEPEST:
            return self._cancel(symbol)
        return self._kinds[int(draw() * 1_000)](symbol)

    def happened(self, command: Command, events: Sequence[Event]) -> None:
        """Take note of what may rest now."""
        if len(events) == 1 and type(command) is Submit and type(events[0]) is Accepted:
            self._resting[command.symbol].append(command.order_id)

    def _order(self, symbol: Symbol, least: int, most: int, life: TimeInForce = TimeInForce.GTC) -> Submit:
        """A limit order from so far behind the middle to so far beyond it."""
        draw = self._dice.random
        self._count += 1
        side = _SIDES[draw() < 0.5]
        away = least + int(draw() * (most - least + 1))
        price = _AROUND[away if side is Side.BUY else -away]
        owner = int(draw() * _OWNERS) + 1
        return Submit(symbol, self._count, owner, side, int(draw() * 20) + 1, price, life)

    def _limit(self, symbol: Symbol) -> Command:
        return self._order(symbol, -6, 1)

    def _immediate(self, symbol: Symbol) -> Command:
        return self._order(symbol, 0, 4, TimeInForce.IOC)

    def _kill(self, symbol: Symbol) -> Command:
        return self._order(symbol, 0, 4, TimeInForce.FOK)

    def _market(self, symbol: Symbol) -> Command:
        return self._order(symbol, 0, 0)._replace(price=None)

    def _post_only(self, symbol: Symbol) -> Command:
        return self._order(symbol, -4, 0)._replace(post_only=True)

    def _cancel(self, symbol: Symbol) -> Command:
        known = self._resting[symbol]
        if not known:
            return self._limit(symbol)
        at = int(self._dice.random() * len(known))
        order_id, known[at] = known[at], known[-1]
        known.pop()
        return Cancel(symbol, order_id)

    def _replace(self, symbol: Symbol) -> Command:
        known = self._resting[symbol]
        if not known:
            return self._limit(symbol)
        draw = self._dice.random
        price = _MIDDLE + int(draw() * 9) - 4 if draw() < 0.5 else None
        return Replace(symbol, known[int(draw() * len(known))], int(draw() * 20) + 1, price)

    def _basket(self, symbol: Symbol) -> Command:
        others = [other for other in self._symbols if other != symbol]
        both = symbol, others[int(self._dice.random() * len(others))]
        orders = [self._order(one, 1, 4) for one in both]
        legs = tuple(Leg(one.symbol, one.order_id, one.side, 1 + one.quantity // 8, one.price) for one in orders)
        return Basket(orders[0].account, legs)

    def _mass_cancel(self, symbol: Symbol) -> Command:
        return MassCancel(int(self._dice.random() * _OWNERS) + 1)


# ── histories of given commands ──


def happened(
    commands: Iterable[Command],
    instruments: tuple[Instrument, ...],
    profile: Profile = DEFAULT,
    *,
    in_flight: int,
    dice: random.Random,
    first: Iterable[Command] = (),
) -> History:
    """The right history in which clients call these commands in turn, so many of them always on their way.

    Those that come `first` have all returned when the others begin. An operation takes effect on the oracle anywhere
    between its call and its return. The books are known at the end, and the accounts where some are kept.

    >>> from bookproof.spec.commands import Cancel
    >>> history = happened([Cancel("ABC", 1)] * 9, listing(["ABC"]), in_flight=3, dice=random.Random(1))
    >>> len(history.operations), len({operation.client for operation in history.operations})
    (9, 3)
    """
    state: Exchange = opening(instruments, profile)
    left = list(commands)
    left.reverse()
    operations: list[Operation] = []
    running: dict[int, tuple[int, tuple[Event, ...] | None]] = {}
    now = 0
    for command in first:
        state, told = step(state, command)
        operations.append(Operation(0, command, now + 1, now + 2, told))
        now += 2
    while left or running:
        now += 1
        idle = [client for client in range(in_flight) if client not in running] if left else []
        client = dice.choice(idle or list(running))
        if client not in running:
            running[client] = len(operations), None
            operations.append(Operation(client, left.pop(), now, None, None))
            continue
        at, events = running.pop(client)
        if events is None:
            state, events = step(state, operations[at].command)
            running[client] = at, events
        else:
            operations[at] = operations[at]._replace(returned=now, events=events)
    named = () if profile.risk is Risk.NONE else {one for it in operations for one in accounts_named(it.command)}
    accounts = tuple(account(state, number) for number in sorted(named))
    return History(instruments, tuple(operations), profile, final=snapshot(state), accounts=accounts)
