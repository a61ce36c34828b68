"""Our own engines behind the interface for everybody else's: so that both sides of it are tested, and as an example."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bookproof.engine.interface import Engine
from bookproof.models.conform.adapter import Adapter, Book, Fill, Order, Reply, Resting, Status
from bookproof.models.conform.capabilities import COMMANDS, ORDERS, REPLACES, SELF_TRADE, VIEWS, Capabilities
from bookproof.models.engines_by_name import factory
from bookproof.spec.codec import COMMAND, decode
from bookproof.spec.commands import Cancel, Command, Replace, Submit
from bookproof.spec.events import Rejected, Trade
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import DEFAULT, PROFILES, Profile
from bookproof.spec.values import DisplayRange, SelfTradePrevention, Side, TimeInForce
from bookproof.spec.views import Level, Queue, QueuedOrder
from bookproof.spec.wire import Record

_INSTRUMENT = Record(Instrument)
SIDES = {side.value: side for side in Side}
LIVES = {lives.value: lives for lives in TimeInForce}
MODES = {mode.value: mode for mode in SelfTradePrevention}


class Ours(Adapter):
    """An engine that `engines_by_name` knows.

    >>> engine = Ours("striped")
    >>> engine.open([Book("ABC")], {})
    >>> engine.submit(Order("ABC", 1, 7, "sell", 5, 100)).accepted
    True
    >>> engine.submit(Order("ABC", 2, 8, "buy", 3, 101)).fills
    [Fill(price=100, quantity=3, maker=1, taker=2, symbol=None)]
    """

    def __init__(self, name: str = "striped") -> None:
        self.capabilities = Capabilities(
            name,
            orders=ORDERS,
            commands=COMMANDS,
            views=VIEWS,
            level_orders=True,
            self_trade=SELF_TRADE,
            replaces=REPLACES,
            books=100,
            threads=True,
            sessions=100,
            profile="default",
        )
        super().__init__()
        self._make = factory(name)
        self._engine: Engine
        self._symbols: dict[int, str] = {}

    def open(self, books: Sequence[Book], settings: Mapping[str, Any]) -> None:
        """Open the books under the venue's choices."""
        listed: list[Instrument] = []
        for *terms, more in books:
            listed.append(_INSTRUMENT.read({**dict(zip(Book._fields, terms, strict=False)), **more}))
        self._engine = self._make(listed, profile_of(settings))

    def submit(self, order: Order) -> Reply:
        """Enter an order."""
        side: Any = SIDES.get(order.side, order.side)  # bad input stays what it is
        lives: Any = LIVES.get(order.time_in_force, order.time_in_force)
        mode: Any = MODES.get(order.self_trade, order.self_trade)
        plain: Any = (order.symbol, order.order_id, order.account, side, order.quantity, order.price)
        terms: Any = (lives, order.stop, order.post_only, order.min_quantity, _display(order), order.expires, mode)
        submit = Submit(*plain, *terms)
        if order.cancel_on_disconnect:
            submit = submit._replace(cancel_on_disconnect=True)
        return self._told(submit, order.symbol)

    def cancel(self, symbol: str, order_id: int) -> Reply:
        """Cancel an order."""
        return self._told(Cancel(symbol, order_id), symbol)

    def replace(self, symbol: str, order_id: int, quantity: int, price: int | None) -> Reply:
        """Replace an order."""
        return self._told(Replace(symbol, order_id, quantity, price), symbol)

    def command(self, name: str, terms: Mapping[str, Any]) -> Reply:
        """Do anything else: the words are those of the codec."""
        return self._told(decode(json.dumps({"do": name, **terms}), COMMAND), terms.get("symbol"))

    def _told(self, command: Command, symbol: str | None) -> Reply:
        events = self._engine.submit(command).events
        if isinstance(events[0], Rejected):
            return Reply(False, [], events[0].reason.value)
        return Reply(True, [_fill(one, symbol) for one in events if type(one) is Trade])

    def queue(self, symbol: str) -> tuple[list[Resting], list[Resting]]:
        """L3."""
        queue: Queue = self._engine.queue(symbol)
        return [_resting(order) for order in queue.bids], [_resting(order) for order in queue.asks]

    def depth(self, symbol: str) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
        """L2."""
        depth = self._engine.depth(symbol)
        return [_level(level) for level in depth.bids], [_level(level) for level in depth.asks]

    def top(self, symbol: str) -> tuple[tuple[Any, ...] | None, tuple[Any, ...] | None]:
        """L1."""
        top = self._engine.top(symbol)
        return _best(top.bid), _best(top.ask)

    def status(self, symbol: str, order_id: int) -> Status | None:
        """Where an order stands."""
        status = self._engine.status(symbol, order_id)
        return None if status is None else Status("live", status.leaves, status.executed)

    def stops(self, symbol: str) -> tuple[list[int], list[int]]:
        """The pending stops."""
        stops = self._engine.stops(symbol)
        return [one.order_id for one in stops.buys], [one.order_id for one in stops.sells]


def profile_of(settings: Mapping[str, Any]) -> Profile:
    """The profile with these settings, which are those of a header of the wire format.

    >>> profile_of({"true_stop": "trigger"}).true_stop.value, profile_of({}).name
    ('trigger', 'default')
    """
    if set(settings) <= {"name"}:
        return PROFILES.get(settings.get("name", "default"), DEFAULT)
    profile: Profile = Record(Profile).read({"name": "asked for", **settings})
    return profile


def _fill(trade: Trade, symbol: str | None) -> Fill:
    plain = Fill(trade.price, trade.quantity, trade.maker, trade.taker)
    return plain if trade.symbol == symbol else plain._replace(symbol=trade.symbol)


def _display(order: Order) -> Any:
    shown: Any = order.display
    return DisplayRange(**shown) if isinstance(shown, dict) else shown


def _resting(order: QueuedOrder) -> Resting:
    return Resting(order.order_id, order.price, order.visible, order.leaves)


def _level(level: Level) -> tuple[int, int, int]:
    return level.price, level.quantity, level.orders


def _best(level: Level | None) -> tuple[int, int, int] | None:
    return None if level is None else _level(level)
