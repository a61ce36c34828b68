r"""Histories from FIX 4.4 logs: one message a line, behind the time at which the log's writer sent or had it.

    20240105-12:30:00.000001 8=FIX.4.4|9=…|35=D|49=ALICE|56=VENUE|11=a1|55=ABC|54=1|38=5|40=2|44=100.5|59=1|10=…|
    20240105-12:30:00.000420 8=FIX.4.4|9=…|35=8|49=VENUE|56=ALICE|11=a1|150=0|39=0|55=ABC|54=1|38=5|…|10=…|

The separator is SOH or a bar. The time is `YYYYMMDD-HH:MM:SS` or `YYYY-MM-DDTHH:MM:SS` with up to nine digits behind a
point, or a whole number of nanoseconds; one clock for the whole log, so SendingTime (52) is no substitute. A message
may as well begin at 35; if it begins at 8 it has to end with a CheckSum (10) that is right, so a line that is cut off
is noticed. That the log was not cut off between two lines is for you to know.

===  ==================================  ===============================================================================
35   message                             read as
===  ==================================  ===============================================================================
D    NewOrderSingle                      submit: 11, 55, 54, 38, 40 (1 market, 2 limit, 3 stop, 4 stop limit), 44, 99,
                                         59 (0 day, 1 GTC, 3 IOC, 4 FOK; without it day), 1, 18=6 (post-only), 110, 111
F    OrderCancelRequest                  cancel of the order of 41
G    OrderCancelReplaceRequest           replace of the order of 41: 38, 44, 99; from then on 11 names the order too
8    ExecutionReport, by ExecType (150)  0 accepted; 4 cancelled (38 less 14 were open); 5 replaced; 8 rejected; F
                                         trade; A, E, 6, I (pending, status) are passed over
9    OrderCancelReject                   rejected
===  ==================================  ===============================================================================

Reports belong to the request of the same client (49 of a request, 56 of a report) with the same ClOrdID (11). The
answer is over with the last of them; a request without any is open. Heartbeats, logons and the like (0, 1, 2, 4, 5, A)
are passed over. Everything else is an error, as is an order that is cancelled though nobody asked for it and it may
rest: what such a message answers nobody can say.

A trade of the rule book names both orders, and a report one. So both sides have to be in the log, with the same
TrdMatchID (880) and each with its AggressorIndicator (1057): that of the aggressor is a piece of its answer, that of
the other says who the maker was. Why something was refused is the Text (58), if that is a reason of the rule book, else
what OrdRejReason (103) or CxlRejReason (102) say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from bookproof.models.audit.fields import Row, Scale
from bookproof.models.linearize.conversation import Conversation, Names
from bookproof.models.linearize.history import History
from bookproof.spec.commands import Cancel, Submit
from bookproof.spec.input_error import InputError, quote
from bookproof.spec.profile import DEFAULT, Profile
from bookproof.spec.reasons import RejectReason
from bookproof.spec.values import Nanoseconds, TimeInForce

_LINE = re.compile(r"\s*(?P<time>[0-9][0-9T:.\- ]*?)Z?[\s:,;]+(?P<message>(?:8=FIX|35=).*)", re.DOTALL)
_CLOCK = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)[T \-](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?", re.ASCII)
_SIDES: Final = {"1": "buy", "2": "sell"}
_LIVES: Final = {"0": "day", "1": "gtc", "3": "ioc", "4": "fok", "": "day"}
_PASSED_OVER: Final = frozenset({"0", "1", "2", "4", "5", "A"})
_PENDING: Final = frozenset({"A", "E", "6", "I"})
_REJECTED: Final = {
    "1": RejectReason.UNKNOWN_SYMBOL,
    "6": RejectReason.DUPLICATE_ORDER_ID,
    "11": RejectReason.INVALID_COMBINATION,
    "13": RejectReason.INVALID_QUANTITY,
    "15": RejectReason.INVALID_ACCOUNT,
    "18": RejectReason.INVALID_PRICE,
}
_TOO_LATE: Final = {"0": RejectReason.UNKNOWN_ORDER, "1": RejectReason.UNKNOWN_ORDER}
_READ: Final = (
    *(1, 10, 11, 14, 18, 31, 32, 35, 38, 40, 41, 44, 49, 54, 55, 56, 58, 59, 99),
    *(102, 103, 110, 111, 150, 880, 1057),
)


class _Message(NamedTuple):
    """One line: its time, and the tags that are read, as fields of a row."""

    line: int
    time: Nanoseconds
    row: Row

    @property
    def kind(self) -> str:
        return self.row.text("35")

    @property
    def client(self) -> str:
        return self.row.text("49" if self.kind in ("D", "F", "G") else "56")


def read_fix(path: str | Path, *, tick: str = "1", lot: str = "1", profile: Profile = DEFAULT) -> History:
    """A history from a FIX log, with prices and quantities in these steps. InputError, with the line."""
    messages = list(_messages(str(path)))
    importing = _Importing(str(path), Scale(tick), Scale(lot), profile)
    for message in messages:  # who the maker of a trade was may stand behind it
        importing.look(message)
    for message in messages:
        importing.add(message)
    return importing.history()


def _messages(path: str) -> Iterator[_Message]:
    line = 0
    try:
        with open(path, encoding="utf-8", newline="\n") as file:
            for line, text in enumerate(file, 1):
                if text.strip():
                    yield _message(path, line, text)
    except OSError as error:
        told = error.strerror or str(error)
        raise InputError(path, 0, "", "a file that can be opened", told, "check the path") from error
    except UnicodeDecodeError as error:
        raise InputError(path, line + 1, "line", "UTF-8", quote(str(error))) from None


def _message(path: str, line: int, text: str) -> _Message:
    found = _LINE.fullmatch(text.rstrip("\r\n "))
    if found is None:
        raise InputError(path, line, "line", "a time and a FIX message", quote(text.strip()), "see 8=FIX or 35=")
    time, message = _time(path, line, found["time"]), found["message"]
    separator = "\x01" if "\x01" in message else "|"
    cells: dict[str, str] = {}
    for field in message.strip(separator).split(separator):
        tag, equals, value = field.partition("=")
        if not (equals and tag.isascii() and tag.isdecimal() and value):
            raise InputError(path, line, "line", "tag=value between separators", quote(field), "was the file cut off?")
        if int(tag) in _READ:
            if tag in cells:
                raise InputError(path, line, tag, "this tag once", "it twice")
            cells[tag] = value
    if message.startswith("8="):
        _check_sum(path, line, message, separator, cells.get("10"))
    return _Message(line, time, Row(path, line, cells))


def _check_sum(path: str, line: int, message: str, separator: str, told: str | None) -> None:
    if told is None:
        raise InputError(path, line, "10", "a check sum at the end", "none", "was the file cut off?")
    body = message[: message.rindex(f"{separator}10=") + 1].replace(separator, "\x01")
    right = f"{sum(body.encode()) % 256:03}"
    if told != right:
        raise InputError(path, line, "10", f"the check sum of the message, {right}", quote(told))


def _time(path: str, line: int, text: str) -> Nanoseconds:
    text = text.strip()
    if text.isdecimal():
        return Row(path, line, {"time": text}).whole("time")
    found = _CLOCK.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        year, month, day, hour, minute, second = map(int, found.groups()[:6])
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        expected = "YYYYMMDD-HH:MM:SS.fraction, or nanoseconds"
        raise InputError(path, line, "time", expected, quote(text)) from None
    return int(moment.timestamp()) * 10**9 + int((found[7] or "0").ljust(9, "0"))


class _Importing:
    """A log on its way."""

    def __init__(self, path: str, tick: Scale, lot: Scale, profile: Profile) -> None:
        self._path, self._tick, self._lot = path, tick, lot
        self._talk = Conversation(path, profile=profile)
        self._accounts, self._orders = Names(), Names()
        self._named: dict[tuple[str, str], int] = {}
        """Which order a client means by a ClOrdID: a replace gives it one more."""
        self._makers: dict[str, int] = {}
        """By TrdMatchID: the order that was resting."""

    def look(self, message: _Message) -> None:
        """Who names which order, and who was the maker of which trade."""
        row, client = message.row, message.client
        if message.kind == "D":
            name = client, row.name("11")
            self._named.setdefault(name, self._orders.number(" ".join(name)))
        elif message.kind == "G":
            self._named.setdefault((client, row.name("11")), self._order(message, "41"))
        elif message.kind == "8" and row.text("150") == "F" and not self._is_aggressor(row):
            match = row.name("880")
            if match in self._makers:
                raise InputError(self._path, message.line, "880", "one resting order in a trade", quote(match))
            self._makers[match] = self._order(message, "11")

    def add(self, message: _Message) -> None:
        """One more message."""
        row, kind = message.row, message.kind
        if kind in _PASSED_OVER:
            return
        if kind not in ("D", "F", "G", "8", "9"):
            raise InputError(self._path, message.line, "35", "one of D, F, G, 8, 9 or session messages", quote(kind))
        operation = f"{message.client}/{row.name('11')}"
        if kind == "8":
            self._report(message, operation)
        elif kind == "9":
            self._say(message, operation, {"say": "rejected", "reason": self._reason(row, "102", _TOO_LATE)})
        else:
            command = {"D": self._submit, "F": self._cancel, "G": self._replace}[kind](message)
            self._talk.call(message.line, operation, message.client, message.time, command)

    def history(self) -> History:
        """All of it."""
        return self._talk.history()

    def _submit(self, message: _Message) -> dict[str, Any]:
        row = message.row
        kind = row.one_of("40", {"1": (), "2": ("44",), "3": ("99",), "4": ("44", "99")})
        command: dict[str, Any] = {
            "do": "submit",
            "symbol": row.name("55"),
            "order_id": self._order(message, "11"),
            "account": self._accounts.number(row.text("1") or message.client),
            "side": row.one_of("54", _SIDES),
            "quantity": row.steps("38", self._lot),
            "time_in_force": row.one_of("59", _LIVES),
        }
        if "44" in kind:
            command["price"] = row.steps("44", self._tick)
        if "99" in kind:
            command["stop"] = row.steps("99", self._tick)
        if row.text("18"):
            command["post_only"] = row.one_of("18", {"6": True})
        for tag, field in (("110", "min_quantity"), ("111", "display")):
            if row.text(tag):
                command[field] = row.steps(tag, self._lot)
        return command

    def _cancel(self, message: _Message) -> dict[str, Any]:
        return {"do": "cancel", "symbol": message.row.name("55"), "order_id": self._order(message, "41")}

    def _replace(self, message: _Message) -> dict[str, Any]:
        row = message.row
        command: dict[str, Any] = {"do": "replace", "symbol": row.name("55"), "order_id": self._order(message, "41")}
        command["quantity"] = row.steps("38", self._lot)
        for tag, field in (("44", "price"), ("99", "stop")):
            if row.text(tag):
                command[field] = row.steps(tag, self._tick)
        return command

    def _report(self, message: _Message, operation: str) -> None:
        row, kind = message.row, message.row.text("150")
        if kind in _PENDING or (kind == "F" and not self._is_aggressor(row)):
            return
        event: dict[str, Any]
        if kind == "0":
            event = {"say": "accepted"}
        elif kind == "5":
            event = {"say": "replaced"}
        elif kind == "8":
            event = {"say": "rejected", "reason": self._reason(row, "103", _REJECTED)}
        elif kind == "F":
            maker = self._makers.get(row.name("880"))
            if maker is None:
                hint = "both sides of a trade have to be in the log, with the same TrdMatchID"
                expected = "a trade that the report of its resting order (1057=N) has too"
                raise InputError(self._path, message.line, "880", expected, quote(row.text("880")), hint)
            event = {"say": "trade", "price": row.steps("31", self._tick), "quantity": row.steps("32", self._lot)}
            event["maker"] = maker
        elif kind == "4":
            left = row.steps("38", self._lot) - row.steps("14", self._lot)
            event = {"say": "cancelled", "quantity": left} | self._why(message, operation)
        else:
            expected = "0, 4, 5, 8, F, or A, E, 6, I, which are passed over"
            raise InputError(self._path, message.line, "150", expected, quote(kind))
        self._say(message, operation, event)

    def _why(self, message: _Message, operation: str) -> dict[str, Any]:
        """Why an order was cancelled, where that does not follow from a cancel."""
        command = self._talk.command_of(message.line, operation)
        if isinstance(command, Cancel):
            return {}
        if isinstance(command, Submit) and command.price is None:
            return {"reason": "market"}
        if isinstance(command, Submit) and command.time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
            return {"reason": "immediate" if command.time_in_force is TimeInForce.IOC else "killed"}
        hint = "what is cancelled unasked is part of no answer that a log can tell"
        raise InputError(self._path, message.line, "150", "a cancel of what was to be cancelled", quote("4"), hint)

    def _say(self, message: _Message, operation: str, event: dict[str, Any]) -> None:
        self._talk.say(message.line, operation, message.time, event)

    def _order(self, message: _Message, tag: str) -> int:
        """The order that a client means."""
        name = message.client, message.row.name(tag)
        if name not in self._named:  # a cancel of what was never there is refused, and has to name something
            self._named[name] = self._orders.number(" ".join(name))
        return self._named[name]

    def _is_aggressor(self, row: Row) -> bool:
        return row.one_of("1057", {"Y": True, "N": False})

    def _reason(self, row: Row, tag: str, codes: Mapping[str, RejectReason]) -> str:
        """Why something was refused, in the words of the rule book."""
        told = row.text("58")
        if told in set(RejectReason):
            return told
        if row.text(tag) in codes:
            return codes[row.text(tag)].value
        expected = f"a reason of the rule book, or one of the codes {', '.join(codes)} in {tag}"
        raise InputError(self._path, row.line, "58", expected, quote(told or row.text(tag)))
