"""The protocol's lines on the side of the engine: each message is carried out on an adapter and answered.

Nothing here needs more than the standard library. `protocol` says what the lines mean.
"""

from __future__ import annotations

import json
import math
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import index
from typing import Any, TypeAlias

from bookproof.models.conform.adapter import Adapter, Book, Fill, Order, Refused, Reply, Resting, Status

VERSION = 1
"""Of the protocol."""

Message: TypeAlias = dict[str, Any]
"""One line as JSON has it."""

_SWITCHING = 1e-5
"""Seconds after which Python turns to another thread while scripts run together: so that they do overlap."""


class Serving:
    """One session: an adapter, made anew whenever a message says `open`.

    >>> from bookproof.models.conform.adapter import Capabilities
    >>> class Refuser(Adapter):
    ...     capabilities = Capabilities("refuser")
    ...     def open(self, books, settings): pass
    ...     def submit(self, order): raise Refused("closed")
    >>> session = Serving(Refuser)
    >>> session.answer({"n": 1, "do": "open", "instruments": [{"symbol": "ABC"}]})
    {'n': 1, 'ok': True}
    >>> order = {"symbol": "ABC", "order_id": 1, "account": 7, "side": "buy", "quantity": 5, "price": 100}
    >>> session.answer({"n": 2, "do": "submit", **order})
    {'n': 2, 'ok': False, 'why': 'closed'}
    """

    def __init__(self, make: Callable[[], Adapter], exchanges: dict[str, Adapter] | None = None) -> None:
        self._make = make
        self._exchanges = {} if exchanges is None else exchanges
        """Those that sessions share, by name."""
        self._adapter: Adapter | None = None

    def line(self, line: bytes | str) -> str:
        """The answer to one line, without its line feed; to no JSON object, a complaint."""
        try:
            message = json.loads(line)
        except (ValueError, RecursionError) as error:
            return json.dumps({"n": None, "fault": f"expected one JSON object a line: {error}"})
        if not isinstance(message, dict):
            return json.dumps({"n": None, "fault": "expected one JSON object a line, got another value"})
        return json.dumps(self.answer(message), separators=(",", ":"))

    def answer(self, message: Message) -> Message:
        """Carry out one message. Whatever goes wrong is part of the answer."""
        number = message.get("n")
        do = message.get("do")
        try:
            if do == "look":
                return {"n": number, **self._look(message)}
            if do == "hello":
                capabilities = self._make().capabilities.to_json()
                return {"n": number, "protocol": VERSION, "capabilities": capabilities}
            if do == "open":
                return {"n": number, "ok": self._open(message)}
            if do == "join":
                return {"n": number, "ok": self._join(message)}
            if do == "together":
                return {"n": number, "operations": self._together(message["scripts"])}
            return {"n": number, **self._carried_out(self._opened(), message)}
        except _Missing as error:
            return {"n": number, "missing": str(error)}
        except _Senseless as error:
            return {"n": number, "fault": str(error)}
        except BaseException as error:  # whatever the engine throws, panics of native code among it
            return {"n": number, "raised": told(error)}

    def _open(self, message: Message) -> bool:
        if self._adapter is not None:
            self._adapter.close()
        adapter = self._make()
        adapter.open([_book(terms) for terms in message["instruments"]], message.get("settings", {}))
        self._adapter = adapter
        if "exchange" in message:
            self._exchanges[str(message["exchange"])] = adapter
        return True

    def _join(self, message: Message) -> bool:
        name = str(message.get("exchange"))
        if name not in self._exchanges:
            raise _Senseless(f"no session has opened an exchange named {name!r}")
        self._adapter = self._exchanges[name]
        return True

    def _opened(self) -> Adapter:
        if self._adapter is None:
            raise _Senseless("open comes first: no books are there yet")
        return self._adapter

    def _carried_out(self, adapter: Adapter, message: Message) -> Message:
        now = message.get("at")
        if now is not None:
            adapter.clock(now)
        do = message.get("do")
        try:
            said: Any
            if do == "submit":
                terms: Any = [message.get(*pair) for pair in _ORDER_FIELDS]
                said = adapter.submit(Order(*terms))
            elif do == "cancel":
                said = adapter.cancel(message["symbol"], message["order_id"])
            elif do == "replace" and message.get("stop") is None:
                order = (message["symbol"], message["order_id"], message["quantity"], message.get("price"))
                said = adapter.replace(*order)
            else:
                others = {name: value for name, value in message.items() if name not in ("n", "do", "at")}
                said = adapter.command(str(do), others)
        except Refused as error:
            return {"ok": False, "why": str(error)}
        except NotImplementedError as error:
            raise _Missing(f"{type(adapter).__name__} has no {error}, though its capabilities say so") from None
        except adapter.refusals as error:
            return {"ok": False, "why": told(error)}
        return _replied(adapter, said)

    def _look(self, message: Message) -> Message:
        adapter = self._opened()
        symbols: Sequence[str] = message.get("symbols", ())
        seen: Message = {}
        for view in message["what"]:
            try:
                if view == "trades":
                    seen["trades"] = [_fill(adapter, fill) for fill in adapter.fills()]
                elif view == "status":
                    asked = message.get("orders", ())
                    seen["status"] = [_status_of(adapter, symbol, order_id) for symbol, order_id in asked]
                else:
                    seen[view] = {symbol: _VIEWS[view](adapter, symbol) for symbol in symbols}
            except NotImplementedError:
                raise _Missing(f"{type(adapter).__name__} has no {view}, though its capabilities say so") from None
            except BaseException as error:  # as above
                return {**seen, "raised": told(error), "view": view}
        return seen

    def _together(self, scripts: Sequence[Sequence[Message]]) -> list[Message]:
        """Each script in a thread of its own, all at once; what came back, with the times of call and return."""
        adapter = self._opened()
        done: list[list[Message]] = [[] for _ in scripts]
        start = threading.Barrier(len(scripts))

        def run(client: int) -> None:
            start.wait()
            for message in scripts[client]:
                called = time.monotonic_ns()
                try:
                    said = self._carried_out(adapter, message)
                except BaseException as error:  # as above
                    said = {"raised": told(error)}
                returned = time.monotonic_ns()
                done[client].append({"client": client, "called": called, "returned": returned, **said})

        threads = [threading.Thread(target=run, args=(client,), daemon=True) for client in range(len(scripts))]
        usual = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCHING)
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            sys.setswitchinterval(usual)
        return [operation for client in done for operation in client]


class _Missing(Exception):
    """What is asked for was declared, and is not there."""


class _Senseless(Exception):
    """A question that cannot be answered now."""


def _book(terms: Message) -> Book:
    plain_terms = {name: terms[name] for name in Book._fields if name in terms}
    return Book(**plain_terms, more={name: value for name, value in terms.items() if name not in Book._fields})


_ORDER_FIELDS = [(name, Order._field_defaults.get(name)) for name in Order._fields]


def told(error: BaseException) -> str:
    """An exception on one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:500] if text else type(error).__name__


# ── what an adapter gives, as JSON has it ──


def _replied(adapter: Adapter, said: Any) -> Message:
    if said is None:
        return {"ok": None}
    if said is True or said is False:
        return {"ok": said}
    if not isinstance(said, Reply):
        said = Reply(True, said)
    answer: Message = {"ok": said.accepted}
    if said.fills is not None:
        answer["trades"] = [_fill(adapter, fill) for fill in said.fills]
    if said.why:
        answer["why"] = str(said.why)
    return answer


def _fill(adapter: Adapter, fill: Fill) -> Message:
    fill = Fill(*fill)
    known: Message = {"price": plain(adapter.ticks(fill.price)), "quantity": plain(fill.quantity)}
    if fill.maker is not None:
        known["maker"] = plain(adapter.ours(fill.maker))
    if fill.taker is not None:
        known["taker"] = plain(adapter.ours(fill.taker))
    if fill.symbol is not None:
        known["symbol"] = fill.symbol
    return known


def _queue(adapter: Adapter, symbol: str) -> Message:
    bids, asks = adapter.queue(symbol)
    return {"bids": [_resting(adapter, order) for order in bids], "asks": [_resting(adapter, order) for order in asks]}


def _resting(adapter: Adapter, order: Resting) -> Message:
    order_id, price, quantity, leaves = Resting(*order)
    known = {
        "order_id": plain(adapter.ours(order_id)),
        "price": plain(adapter.ticks(price)),
        "quantity": plain(quantity),
    }
    return known if leaves is None else {**known, "leaves": plain(leaves)}


def _level(adapter: Adapter, level: Sequence[Any]) -> Message:
    known = {"price": plain(adapter.ticks(level[0]))}
    for name, value in zip(("quantity", "orders"), level[1:], strict=False):
        known[name] = plain(value)
    return known


def _levels(adapter: Adapter, levels: Iterable[Sequence[Any]]) -> list[Message]:
    return [_level(adapter, level) for level in levels]


def _depth(adapter: Adapter, symbol: str) -> Message:
    bids, asks = adapter.depth(symbol)
    return {"bids": _levels(adapter, bids), "asks": _levels(adapter, asks)}


def _top(adapter: Adapter, symbol: str) -> Message:
    bid, ask = adapter.top(symbol)
    return {
        "bid": None if bid is None else _level(adapter, bid),
        "ask": None if ask is None else _level(adapter, ask),
    }


def _stops(adapter: Adapter, symbol: str) -> Message:
    buys, sells = adapter.stops(symbol)
    return {"buys": [plain(adapter.ours(one)) for one in buys], "sells": [plain(adapter.ours(one)) for one in sells]}


def _status_of(adapter: Adapter, symbol: str, order_id: int) -> Message | None:
    try:
        status = adapter.status(symbol, order_id)
    except Refused:  # it was never entered
        return None
    if status is None:
        return None
    return {name: plain(value) for name, value in zip(Status._fields, status, strict=True) if value is not None}


_VIEWS: Mapping[str, Callable[[Adapter, str], Message]] = {
    "queue": _queue,
    "depth": _depth,
    "top": _top,
    "stops": _stops,
}


def plain(value: Any) -> Any:
    """A number or a word as JSON has it; a whole number is an integer, whatever kind it came as.

    >>> from decimal import Decimal
    >>> plain(5.0), plain(Decimal("2.50")), plain(True), plain(float("nan"))
    (5, 2.5, True, 'nan')
    """
    if value is None or type(value) in (int, str, bool):
        return value
    try:
        return index(value)  # integers of other libraries
    except TypeError:
        pass
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    if not math.isfinite(number):
        return str(value)
    return int(number) if number.is_integer() else number
