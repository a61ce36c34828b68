"""What importers have in common: calls and pieces of answers, in the order of a log, become a history.

Logs tell an answer piece by piece, and mostly leave out what its owner knows: the side of an order that is cancelled,
the terms of one that is accepted. A `Conversation` fills that in from the command and from the order. An answer is
over with the last line that belongs to it: then its client had all of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from bookproof.models.linearize.entries import Beginning, Call, End, Entry, GivenUp, Return
from bookproof.models.linearize.file import VERSION, Gathering
from bookproof.models.linearize.history import Filled, History
from bookproof.spec.commands import COMMANDS, Cancel, Command, Replace
from bookproof.spec.events import EVENTS, Event, Replaced
from bookproof.spec.input_error import InputError, quote
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import DEFAULT, Profile
from bookproof.spec.values import Nanoseconds, OrderId, Symbol
from bookproof.spec.wire import OneOf

_COMMANDS = OneOf("do", COMMANDS)
_EVENTS = OneOf("say", EVENTS)


class Names:
    """Numbers for names: ids in a history are integers, those of a log may be anything."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, name: str) -> int:
        """Its number: in order of their first appearance, from 1.

        >>> names = Names()
        >>> [names.number(name) for name in ("x", "y", "x")]
        [1, 2, 1]
        """
        return self._numbers.setdefault(name, len(self._numbers) + 1)


class _Asked(NamedTuple):
    """An operation as far as it has been told."""

    number: int
    line: int
    client: int
    time: Nanoseconds
    command: Command
    answer: list[Event]
    heard: list[tuple[int, Nanoseconds]]
    """Line and time of each piece of the answer."""


class Conversation:
    """Calls and answers of a log, in its order.

    >>> talk = Conversation("log")
    >>> talk.call(1, "x", "me", 10, {"do": "cancel", "symbol": "ABC", "order_id": 7})
    >>> talk.say(2, "x", 25, {"say": "rejected", "reason": "unknown-order"})
    >>> [operation] = talk.history().operations
    >>> operation.returned, operation.events[0].order_id
    (25, 7)
    """

    def __init__(
        self,
        path: str,
        *,
        instruments: Iterable[Instrument] = (),
        profile: Profile = DEFAULT,
        has_feed: bool = False,
    ) -> None:
        self._path = path
        self._profile = profile
        self._has_feed = has_feed
        self._listed = {instrument.symbol: instrument for instrument in instruments}
        self._lists_all = not self._listed
        """Whether every book that a command names is listed, as nobody said which are."""
        self._time: Nanoseconds | None = None
        self._given_up: set[str] = set()
        self._clients = Names()
        self._operations: dict[str, _Asked] = {}
        self._entries: list[tuple[int, Entry]] = []
        self._terms: dict[tuple[Symbol, OrderId], dict[str, Any]] = {}
        """Side and price of each order, as its owner knows them."""

    def call(self, line: int, operation: str, client: str, time: Nanoseconds, command: dict[str, Any]) -> None:
        """A client calls. The command is that of the wire format. InputError if it is none, or the name is taken."""
        if operation in self._operations:
            got = f"{quote(operation)} again"
            raise InputError(self._path, line, "operation", "a name that no call before it has", got)
        self._tick(line, time)
        read: Command = self._read(line, _COMMANDS, command)
        number = len(self._operations)
        asked = _Asked(number, line, self._clients.number(client), time, read, [], [])
        self._operations[operation] = asked
        self._entries.append((line, Call(number, asked.client, time, read)))
        fields: Any = read
        if self._lists_all and (symbol := getattr(read, "symbol", None)) is not None:
            self._listed.setdefault(symbol, Instrument(symbol))
        if hasattr(read, "side") and hasattr(read, "order_id"):
            self._terms[fields.symbol, fields.order_id] = {"side": fields.side.value, "price": fields.price}

    def command_of(self, line: int, operation: str) -> Command:
        """What was called under this name. InputError if nothing was."""
        return self._asked(line, operation).command

    def say(self, line: int, operation: str, time: Nanoseconds, event: dict[str, Any]) -> None:
        """A piece of an answer. The event is that of the wire format, without what the command and its order tell."""
        asked = self._asked(line, operation)
        if operation in self._given_up:
            got = f"one for {quote(operation)}, which was given up"
            raise InputError(self._path, line, "operation", "no answer where the client gave up", got)
        self._tick(line, time)
        read: Event = self._read(line, _EVENTS, self._known(asked.command, event) | event)
        if isinstance(read, Replaced) and (terms := self._terms.get((read.symbol, read.order_id))) is not None:
            terms["price"] = read.price
        asked.answer.append(read)
        asked.heard.append((line, time))

    def give_up(self, line: int, operation: str, time: Nanoseconds) -> None:
        """A client gives up."""
        self._tick(line, time)
        self._given_up.add(operation)
        self._entries.append((line, GivenUp(self._asked(line, operation).number, time)))

    def trade(self, line: int, trade: Filled) -> None:
        """A line of the feed."""
        self._entries.append((line, trade))

    def history(self) -> History:
        """All of it. InputError, with the line, for what cannot be: a clock that runs backwards, say."""
        entries = list(self._entries)
        for asked in self._operations.values():
            if asked.heard:
                line, time = asked.heard[-1]
                entries.append((line, Return(asked.number, None, time, tuple(asked.answer), ())))
        entries.sort(key=lambda entry: entry[0])
        gathering = Gathering(self._path)
        gathering.add(1, Beginning(VERSION, tuple(self._listed.values()), self._profile, self._has_feed))
        for line, entry in entries:
            gathering.add(line, entry)
        gathering.add(entries[-1][0] if entries else 1, End(len(self._operations)))
        return gathering.history()

    def _asked(self, line: int, operation: str) -> _Asked:
        asked = self._operations.get(operation)
        if asked is None:
            hint = "is the line of its call missing, or behind this one?"
            expected = "the name of an operation that was called before"
            raise InputError(self._path, line, "operation", expected, quote(operation), hint)
        return asked

    def _tick(self, line: int, time: Nanoseconds) -> None:
        if self._time is not None and time < self._time:
            expected = f"a time that is not before that of an earlier line, {self._time} ns"
            raise InputError(self._path, line, "time", expected, f"{time} ns", "lines have to be in order of time")
        self._time = time

    def _known(self, command: Command, event: dict[str, Any]) -> dict[str, Any]:
        """What goes without saying."""
        asked: Any = command
        symbol: Any = event.get("symbol", getattr(asked, "symbol", None))
        order_id: Any = event.get("order_id", getattr(asked, "order_id", None))
        terms = self._terms.get((symbol, order_id), {})
        known: dict[str, Any] = {}
        match event.get("say"):
            case "accepted":
                known = {"symbol": symbol, "order_id": order_id, **terms, "quantity": getattr(asked, "quantity", None)}
            case "rejected":
                known = {"symbol": symbol, "order_id": order_id}
            case "trade":
                known = {"symbol": symbol, "taker": order_id}
            case "cancelled":
                known = {"symbol": symbol, "order_id": order_id, **terms}
                if isinstance(command, Cancel):
                    known["reason"] = "requested"
            case "replaced" if isinstance(command, Replace):
                known = {"symbol": symbol, "order_id": order_id, **terms, "quantity": command.quantity}
                if command.price is not None:
                    known["price"] = command.price
            case _:
                pass
        return known

    def _read(self, line: int, kinds: OneOf, found: dict[str, Any]) -> Any:
        try:
            return kinds.read(dict(found))
        except InputError as error:
            raise error.at(self._path, line) from None
