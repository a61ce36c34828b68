"""What the rule book says, in the form in which an engine is asked: partial, and never more than the engine shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

from bookproof.models.conform.capabilities import Capabilities
from bookproof.models.conform.scenarios import TradePrice
from bookproof.spec import exchange as oracle
from bookproof.spec.commands import Cancel, Command, Replace, Submit, TakeSnapshot
from bookproof.spec.events import Accepted, Cancelled, Event, Rejected, Replaced, Trade
from bookproof.spec.exchange import Exchange
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import Profile
from bookproof.spec.reasons import RejectReason
from bookproof.spec.rulebook import listening
from bookproof.spec.values import OrderId, Side, Symbol, Ticks
from bookproof.spec.views import BookView, Depth, Level, QueuedOrder, depth_of, top_of

Plain: TypeAlias = Any
"""Values as JSON has them."""

NO_EFFECT = frozenset({RejectReason.NO_LIQUIDITY, RejectReason.WOULD_TAKE})
"""Refusals of what an engine may as well accept and cancel at once: nobody can tell the difference by its effect."""


class RuleBook:
    """The oracle, fed one command after the other, and what may be seen of it."""

    def __init__(
        self,
        instruments: Iterable[Instrument],
        profile: Profile,
        capabilities: Capabilities,
        trade_price: TradePrice = TradePrice.MAKER,
    ) -> None:
        self.state: Exchange = oracle.opening(instruments, profile)
        self.events: tuple[Event, ...] = ()
        self.trades: list[Trade] = []
        """All of them so far."""
        self._has = capabilities
        self._before = self.state
        self._command: Command = TakeSnapshot()
        self._executed: dict[tuple[Symbol, OrderId], int] = {}
        self._ended: dict[tuple[Symbol, OrderId], str] = {}
        self._sellers: dict[tuple[Symbol, OrderId], Ticks] | None = {} if trade_price is TradePrice.SELLER else None
        """The limits of those who sell, where trades are at them."""
        self._views: dict[Symbol, tuple[object, BookView, Depth]] = {}

    def step(self, command: Command) -> None:
        """Carry out the next command."""
        self._before, self._command = self.state, command
        self.state, self.events = oracle.step(self.state, command)
        for event in self.events:
            if type(event) is Trade:
                self.trades.append(self._priced(event))
                for order_id in (event.maker, event.taker):
                    place = event.symbol, order_id
                    self._executed[place] = self._executed.get(place, 0) + event.quantity
                    self._ended[place] = "filled"
            elif type(event) is Accepted or type(event) is Replaced:
                if self._sellers is not None and event.side is Side.SELL and event.price is not None:
                    self._sellers[event.symbol, event.order_id] = event.price
                if type(event) is Replaced:
                    continue
                self._executed[event.symbol, event.order_id] = 0
                self._ended[event.symbol, event.order_id] = "cancelled"
            elif type(event) is Cancelled:
                self._ended[event.symbol, event.order_id] = "cancelled"

    def _priced(self, trade: Trade) -> Trade:
        """The trade at the price at which this engine trades."""
        if self._sellers is None:
            return trade
        return trade._replace(price=self._sellers.get((trade.symbol, trade.taker), trade.price))

    # ── the answer ──

    @property
    def refusal(self) -> RejectReason | None:
        """Why the last command was refused; None when it was not."""
        first = self.events[0]
        return first.reason if isinstance(first, Rejected) else None

    @property
    def changed_nothing(self) -> bool:
        """Whether the last command was accepted, traded nothing and left nothing: as if it had been refused."""
        command = self._command
        if not isinstance(command, Submit) or any(type(event) is Trade for event in self.events):
            return False
        return self.status(command.symbol, command.order_id) is None and not any(
            type(event) is Cancelled and event.order_id != command.order_id for event in self.events
        )

    def answers_so(self, ok: bool | None) -> bool:
        """Whether the last command may be answered so."""
        if ok is None:
            return True
        refusal = self.refusal
        if refusal is None:
            return ok or self.changed_nothing
        return not ok or (refusal in NO_EFFECT and isinstance(self._command, Submit))

    @property
    def names_a_dead_order(self) -> bool:
        """Whether the last command was a cancel or a replace of an order that is not live."""
        return self.refusal is RejectReason.UNKNOWN_ORDER and isinstance(self._command, Cancel | Replace)

    # ── the views ──

    def queue(self, symbol: Symbol) -> dict[str, list[Plain]]:
        """L3: all that the interface has words for."""
        view = self._view(symbol)[0].queue
        return {"bids": list(map(_queued, view.bids)), "asks": list(map(_queued, view.asks))}

    def depth(self, symbol: Symbol) -> dict[str, list[Plain]]:
        """L2; orders of a level only where the engine counts them."""
        depth = self._view(symbol)[1]
        return {"bids": list(map(self._level, depth.bids)), "asks": list(map(self._level, depth.asks))}

    def top(self, symbol: Symbol) -> dict[str, Plain]:
        """L1."""
        top = top_of(self._view(symbol)[1])
        sides = ("bid", top.bid), ("ask", top.ask)
        return {side: None if level is None else self._best(level) for side, level in sides}

    def stops(self, symbol: Symbol) -> dict[str, list[int]]:
        """The pending stops, by id."""
        stops = self._view(symbol)[0].stops
        return {"buys": [one.order_id for one in stops.buys], "sells": [one.order_id for one in stops.sells]}

    def status(self, symbol: Symbol, order_id: OrderId) -> dict[str, Plain] | None:
        """Where a live order stands; None when it is not live."""
        status = oracle.status(self.state, symbol, order_id)
        if status is None:
            return None
        return {"state": "live", "leaves": status.leaves, "executed": status.executed}

    def last_status(self, symbol: Symbol, order_id: OrderId) -> dict[str, Plain]:
        """The same, also of an order that has ended."""
        live = self.status(symbol, order_id)
        if live is not None:
            return live
        place = symbol, order_id
        if place not in self._ended:
            return {"state": "refused", "executed": 0}
        return {"state": self._ended[place], "executed": self._executed.get(place, 0)}

    def rules(self) -> tuple[str, ...]:
        """What the last command was decided by: it is pure, so it can be done again."""
        with listening() as seen, suppress(Exception):
            oracle.step(self._before, self._command)
        return tuple(sorted(seen, key=lambda number: (number[0], int(number[1:]))))

    def _view(self, symbol: Symbol) -> tuple[BookView, Depth]:
        book = self.state.books[symbol]
        known = self._views.get(symbol)
        if known is None or known[0] is not book:
            view = oracle.view(self.state, symbol)
            known = self._views[symbol] = (book, view, depth_of(view.queue))
        return known[1], known[2]

    def _level(self, level: Level) -> dict[str, int]:
        known = {"price": level.price, "quantity": level.quantity}
        return {**known, "orders": level.orders} if self._has.level_orders else known

    def _best(self, level: Level) -> dict[str, int]:
        return self._level(level) if self._has.top_quantities else {"price": level.price}


def _queued(order: QueuedOrder) -> dict[str, Plain]:
    return {"order_id": order.order_id, "price": order.price, "quantity": order.visible, "leaves": order.leaves}


# ── as far as it is said ──


def known_part(expected: Plain, got: Plain) -> Plain:
    """What is expected, without the fields that an engine leaves out.

    >>> known_part([{"order_id": 1, "price": 100, "leaves": 5}], [{"order_id": 1, "price": 100}])
    [{'order_id': 1, 'price': 100}]
    """
    if isinstance(expected, dict) and isinstance(got, dict):
        left_out = {name for name in ("leaves", "orders", "executed", "state") if name not in got}
        return {name: known_part(value, got.get(name)) for name, value in expected.items() if name not in left_out}
    if isinstance(expected, list) and isinstance(got, list):
        first = next((row for row in got if isinstance(row, dict)), None)
        rows = [*got, *[first] * max(0, len(expected) - len(got))]
        return [known_part(value, row) for value, row in zip(expected, rows, strict=False)]
    return expected


Merged: TypeAlias = dict[tuple[Any, ...], Any]


def merged(trades: Iterable[Mapping[str, Any]], parts: frozenset[str]) -> list[dict[str, Any]]:
    """Trades by what is known of them, the fills of one pair of orders as one (rule B9).

    >>> merged([{"price": 100, "quantity": 2}, {"price": 100, "quantity": 3}], frozenset({"price", "quantity"}))
    [{'price': 100, 'quantity': 5}]
    """
    names = [name for name in ("symbol", "price", "maker", "taker") if name in parts]
    sums: Merged = {}
    for trade in trades:
        key = tuple(_scalar(trade.get(name)) for name in names)
        quantity = trade.get("quantity")
        if type(quantity) in (int, float):
            sums[key] = sums.get(key, 0) + quantity
        elif "quantity" in parts or key not in sums:  # no number: it is shown as it is
            sums[(*key, len(sums)) if "quantity" in parts else key] = quantity
    told = []
    for key, quantity in sums.items():
        trade = dict(zip(names, key, strict=False))
        told.append({**trade, "quantity": quantity} if "quantity" in parts else trade)
    return told


def _scalar(value: Any) -> Any:
    return repr(value) if isinstance(value, list | dict) else value


def as_rows(trades: Sequence[Trade]) -> list[dict[str, Any]]:
    """The rule book's trades in the same form."""
    names = ("symbol", "price", "quantity", "maker", "taker")
    return [{name: getattr(trade, name) for name in names} for trade in trades]


def same_end(expected: dict[str, Any], got: dict[str, Any] | None) -> bool:
    """Whether what an engine says of an order is what became of it, as far as it says anything.

    An order that is not live may be forgotten. One that never traded may be called cancelled or refused alike.

    >>> same_end({"state": "filled", "executed": 5}, None), same_end({"state": "filled"}, {"state": "live"})
    (True, False)
    """
    state = expected["state"]
    if got is None:
        return bool(state != "live")
    said = got.get("state", state)
    if said != state and not (state != "live" and said == "gone"):
        ended = {"cancelled", "refused"}
        if not (state in ended and said in ended):
            return False
    if "executed" in got and state != "refused" and got["executed"] != expected["executed"]:
        return False
    leaves = expected.get("leaves", 0 if state == "filled" else None)
    return "leaves" not in got or leaves is None or bool(got["leaves"] == leaves)
