r"""Histories from CSV: one row a call, a piece of an answer, a client that gives up or a line of the feed.

What the columns and the words in them mean is said by a mapping, a small TOML file:

    tick = "0.01"                  # what one tick is in the price columns; "1" by default
    lot = "1"                      # what one lot is in the quantity columns; "1" by default
    time_unit = "us"               # s, ms, us or ns (the default); times are whole numbers
    ids = "names"                  # order ids and accounts are any text; "numbers" (the default) takes them as they are
    delimiter = ";"                # "," by default
    profile = "default"            # the venue, or the path of a .toml file
    instruments = ["ABC", "XYZ"]   # by default the books that commands name
    feed = true                    # whether every trade has a row of its own; false by default

    [columns]                      # the column that each of these stands in
    row = "type"                   # what the row is
    operation = "request"          # the same in a call and in its answer, and in no other call
    client = "session"             # of a call; may be missing: then there is one client
    time = "ts"
    symbol = "market"              # and so on: every field of the commands and events below, under its name
    order_id = "order"

    [rows]                         # what the words in the column `row` mean
    NEW = "call submit"            # "call" and a command
    CXL = "call cancel"
    ACK = "say accepted"           # "say" and an event: a piece of the answer
    FILL = "say trade"
    REJ = "say rejected"
    LOST = "unknown"               # the client gives up
    PRINT = "trade"                # a line of the feed: symbol, maker, taker

    [values.side]                  # words that a column has instead of ours
    B = "buy"
    S = "sell"

Commands and events have their names and fields in the wire format (`bookproof.spec.codec`); an empty cell is a field
that is left out. What follows from the command or from the order need not be there: side, price and quantity of an
`accepted`, the `taker` of a `trade`, side and price of what is `cancelled`. The answer of an operation is all its `say`
rows, in their order, and it returned with the last of them; without any it is open. A log has no end line: that it was
not cut off between two rows is for you to know. Rows are in order of time. Columns that the mapping does not name are
passed over.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bookproof.models.audit.fields import Row, Scale
from bookproof.models.generate.venues import venue_named
from bookproof.models.linearize.conversation import Conversation, Names
from bookproof.models.linearize.history import Filled, History
from bookproof.spec.commands import COMMANDS
from bookproof.spec.events import EVENTS
from bookproof.spec.input_error import InputError, quote
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import DEFAULT, Profile
from bookproof.spec.wire import kebab

_KEYS = (
    *("tick", "lot", "time_unit", "ids", "delimiter", "profile", "instruments", "feed"),
    *("columns", "rows", "values"),
)
_UNITS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9}
_PRICES = frozenset({"price", "stop"})
_QUANTITIES = frozenset({"quantity", "min_quantity", "display"})
_IDS = frozenset({"order_id", "maker", "taker"})
_FLAGS = frozenset({"post_only", "cancel_on_disconnect"})
_WHOLE = frozenset({"expires", "amount", "orders", "now", "budget", "value", "level", "trade"})
_COMMANDS = {kebab(kind.__name__): kind for kind in COMMANDS}
_EVENTS = {kebab(kind.__name__): kind for kind in EVENTS}
_OWN = ("row", "operation", "client", "time")
_NEEDED = ("row", "operation", "time")


class Mapped(NamedTuple):
    """What a mapping says."""

    columns: Mapping[str, str]
    rows: Mapping[str, tuple[str, str]]
    """For each word of the column `row`: `call`, `say`, `unknown` or `trade`, and which command or event."""
    values: Mapping[str, Mapping[str, str]]
    tick: Scale
    lot: Scale
    unit: int
    by_name: bool
    delimiter: str
    profile: Profile
    instruments: tuple[Instrument, ...]
    has_feed: bool


def read_csv(path: str | Path, mapping: Mapped) -> History:
    """A history from a CSV file. InputError, with the line, for what the mapping does not cover."""
    importing = _Importing(str(path), mapping)
    try:
        with open(path, encoding="utf-8", newline="") as file:
            reader = csv.reader(file, delimiter=mapping.delimiter, strict=True)
            importing.header(next(reader, []))
            for cells in reader:
                importing.row(reader.line_num, cells)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(str(path), importing.line + 1, "line", "CSV in UTF-8", quote(str(error))) from None
    return importing.history()


def read_mapping(path: str | Path) -> Mapped:
    """A mapping from its file. InputError for what makes no sense in it."""
    try:
        with open(path, "rb") as file:
            found = tomllib.load(file)
    except OSError as error:
        told = error.strerror or str(error)
        raise InputError(str(path), 0, "", "a file that can be opened", told, "check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(str(path), 0, "", "TOML", quote(str(error))) from None
    try:
        return mapped(found)
    except InputError as error:
        raise error.at(str(path), 0) from None


def mapped(found: Mapping[str, Any]) -> Mapped:
    """A mapping from what its file holds.

    >>> mapped({"columns": {"row": "a", "operation": "b", "time": "c"}, "rows": {"X": "call cancel"}}).rows
    {'X': ('call', 'cancel')}
    """
    for key in found:
        if key not in _KEYS:
            raise InputError("", 0, quote(key)[1:-1], f"one of {', '.join(_KEYS)}", "an unknown key")
    columns = _texts("columns", found.get("columns", {}))
    for field in _NEEDED:
        if field not in columns:
            raise InputError("", 0, f"columns.{field}", "the name of a column", "nothing")
    fields = {name for kind in (*COMMANDS, *EVENTS) for name in kind.__struct_fields__}
    for field in columns:
        if field not in fields and field not in _OWN:
            hint = "columns that mean nothing here need not be named"
            raise InputError("", 0, f"columns.{field}", "a field of a command or an event", "another", hint)
    values = found.get("values", {})
    if type(values) is not dict:
        raise InputError("", 0, "values", "a table for each column", quote(str(values)))
    return Mapped(
        columns,
        {word: _meaning(word, meaning) for word, meaning in _texts("rows", found.get("rows", {})).items()},
        {field: _texts(f"values.{field}", words) for field, words in values.items()},
        Scale(_text(found, "tick", "1")),
        Scale(_text(found, "lot", "1")),
        _UNITS[_one_of(found, "time_unit", "ns", tuple(_UNITS))],
        _one_of(found, "ids", "numbers", ("numbers", "names")) == "names",
        _character(_text(found, "delimiter", ",")),
        venue_named(_text(found, "profile", "default")).profile if "profile" in found else DEFAULT,
        _instruments(found.get("instruments", [])),
        _flag(found.get("feed", False)),
    )


def _text(found: Mapping[str, Any], key: str, default: str) -> str:
    value = found.get(key, default)
    if type(value) is not str:
        raise InputError("", 0, key, "text in double quotes", quote(str(value)))
    return value


def _one_of(found: Mapping[str, Any], key: str, default: str, words: tuple[str, ...]) -> str:
    value = _text(found, key, default)
    if value not in words:
        raise InputError("", 0, key, f"one of {', '.join(words)}", quote(value))
    return value


def _character(text: str) -> str:
    if len(text) != 1:
        raise InputError("", 0, "delimiter", "one character", quote(text))
    return text


def _flag(value: object) -> bool:
    if type(value) is not bool:
        raise InputError("", 0, "feed", "true or false", quote(str(value)))
    return value


def _texts(key: str, found: object) -> dict[str, str]:
    if type(found) is not dict or not all(type(value) is str for value in found.values()):
        raise InputError("", 0, key, "a table of texts", quote(str(found)))
    return found


def _instruments(found: object) -> tuple[Instrument, ...]:
    if type(found) is not list or not all(type(one) is str for one in found):
        raise InputError("", 0, "instruments", "a list of symbols", quote(str(found)))
    return tuple(map(Instrument, dict.fromkeys(found)))


def _meaning(word: str, meaning: str) -> tuple[str, str]:
    kind, _, name = meaning.partition(" ")
    if (
        (kind == "call" and name in _COMMANDS)
        or (kind == "say" and name in _EVENTS)
        or (kind in ("unknown", "trade") and not name)
    ):
        return kind, name
    expected = '"call" and a command, "say" and an event, "unknown" or "trade"'
    raise InputError("", 0, f"rows.{quote(word)[1:-1]}", expected, quote(meaning))


class _Importing:
    """A file on its way."""

    def __init__(self, path: str, mapping: Mapped) -> None:
        self.line = 0
        self._path, self._mapping = path, mapping
        self._columns: dict[str, int] = {}
        self._width = 0
        self._orders, self._accounts = Names(), Names()
        self._talk = Conversation(
            path, instruments=mapping.instruments, profile=mapping.profile, has_feed=mapping.has_feed
        )

    def header(self, names: list[str]) -> None:
        """The first line: where each field stands."""
        self.line = 1
        for field, column in self._mapping.columns.items():
            if names.count(column) != 1:
                got = "it several times" if column in names else "none of that name"
                raise InputError(self._path, 1, quote(column)[1:-1], "one column of this name", got)
            self._columns[field] = names.index(column)
        self._width = len(names)

    def row(self, line: int, cells: list[str]) -> None:
        """One more line."""
        self.line = line
        if len(cells) != self._width:
            expected = f"{self._width} cells, as many as columns"
            raise InputError(self._path, line, "line", expected, str(len(cells)), "was the file cut off?")
        row = Row(self._path, line, {field: cells[at].strip() for field, at in self._columns.items()})
        kind, name = row.one_of("row", self._mapping.rows)
        if kind == "trade":
            fields = self._fields(row, ("symbol", "maker", "taker"))
            missing = next((field for field in ("symbol", "maker", "taker") if field not in fields), None)
            if missing is not None:
                raise InputError(self._path, line, missing, "something in every line of the feed", "nothing")
            self._talk.trade(line, Filled(fields["symbol"], fields["maker"], fields["taker"]))
            return
        operation, time = row.name("operation"), row.whole("time") * self._mapping.unit
        if kind == "call":
            command = {"do": name} | self._fields(row, _COMMANDS[name].__struct_fields__)
            self._talk.call(line, operation, row.text("client"), time, command)
        elif kind == "say":
            event = {"say": name} | self._fields(row, _EVENTS[name].__struct_fields__)
            self._talk.say(line, operation, time, event)
        else:
            self._talk.give_up(line, operation, time)

    def history(self) -> History:
        """All of it."""
        return self._talk.history()

    def _fields(self, row: Row, names: tuple[str, ...]) -> dict[str, Any]:
        return {name: self._value(row, name) for name in names if row.text(name)}

    def _value(self, row: Row, name: str) -> Any:
        """What a cell says, in the words of the wire format."""
        words = self._mapping.values.get(name)
        if words is not None:
            row = Row(row.path, row.line, {**row.cells, name: row.one_of(name, words)})
        if name in _PRICES:
            return row.steps(name, self._mapping.tick)
        if name in _QUANTITIES:
            return row.steps(name, self._mapping.lot)
        if name in _IDS or name == "account":
            if self._mapping.by_name:
                return (self._accounts if name == "account" else self._orders).number(row.name(name))
            return row.whole(name)
        if name in _FLAGS:
            return row.one_of(name, {"true": True, "false": False})
        return row.whole(name) if name in _WHOLE else row.text(name)
