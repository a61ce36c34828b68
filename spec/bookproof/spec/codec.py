r"""The wire format, version 1: a header line, then one record a line, each a JSON object in UTF-8.

>>> from bookproof.spec.commands import Submit
>>> from bookproof.spec.instruments import listing
>>> from bookproof.spec.values import Side
>>> for line in Header(COMMAND, listing(["ABC", "XYZ"])), Submit("ABC", 1, 7, Side.BUY, 10, price=100):
...     print(encode(line))
{"bookproof":1,"kind":"commands","instruments":[{"symbol":"ABC"},{"symbol":"XYZ"}]}
{"do":"submit","symbol":"ABC","order_id":1,"account":7,"side":"buy","quantity":10,"price":100}

What a line holds:

- A command says what to `do`, an event what an exchange does `say`, a view what it does `show`, a report what it does
  `tell` the owner of an order, with FIX codes for its types. An outcome is a command with `stamp` and `events` behind
  it. The other fields have their Python names, and may be left out at their default.
- Types are exact: 1.0, 1e3, true and "1" are no integers. Integers fit in 64 bits with their sign.
- Nothing is skipped: unknown fields, repeated fields, empty lines and a byte order mark are errors.
- A line has at most `LONGEST_LINE` bytes, line feed included. Only the last line may lack its line feed. A carriage
  return before it is white space, as JSON has it.

What is wrong is an `InputError`, which names file, line and field on one line. What is written can be read: `encode`
refuses in the same way what would not come back, such as the float that an engine gave for a price.

What is well formed and makes no sense, such as a quantity of 0, passes: the rule book has a `RejectReason` for it.
Only the header is held to more: an exchange can open with it, or it is refused.
"""

from __future__ import annotations

import io
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import chain, count
from typing import IO, Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

from bookproof.spec.commands import COMMANDS, Command
from bookproof.spec.events import EVENTS, Event
from bookproof.spec.input_error import InputError, quote
from bookproof.spec.instruments import Instrument, listing_flaw, underlying_flaw
from bookproof.spec.profile import DEFAULT, PROFILES, Profile
from bookproof.spec.reports import REPORTS, Report
from bookproof.spec.values import Symbol, Value
from bookproof.spec.views import (
    AccountView,
    BookView,
    Depth,
    Holding,
    ImpliedQuote,
    ImpliedQuotes,
    Indicative,
    Level,
    MarginView,
    Mark,
    MarketView,
    OrderList,
    OrderStatus,
    PendingStop,
    Queue,
    QueuedOrder,
    Stops,
    Top,
)
from bookproof.spec.wire import Number, OneOf, Record, Shape, braced, choice, refusal, sequence, spell

VERSION: Final = 1

LONGEST_LINE: Final = 1 << 24
"""Bytes. A longer line is refused before the rest of it is read."""

R = TypeVar("R")


# ── what a line may be ──


class Kind(Value, Generic[R], frozen=True):
    """What the lines of a file are. The constants below are all the kinds there are."""

    name: str


class Header(Value, Generic[R], frozen=True):
    """The first line: what follows it, and what an exchange has to know to begin."""

    kind: Kind[R]
    instruments: tuple[Instrument, ...]
    profile: Profile = DEFAULT
    """Written as a name if it ships with bookproof, otherwise field by field."""


class Outcome(Value, frozen=True):
    """One command of a recorded run and everything the exchange said to it.

    >>> from bookproof.spec.commands import EndOfDay
    >>> from bookproof.spec.events import DayEnded
    >>> encode(Outcome(EndOfDay(), 17, (DayEnded(),)))
    '{"do":"end-of-day","stamp":17,"events":[{"say":"day-ended"}]}'
    """

    command: Command
    stamp: int | None
    """Its place in the witnessed order; None for an exchange that does not say."""
    events: tuple[Event, ...]


View: TypeAlias = (
    BookView
    | Queue
    | QueuedOrder
    | Depth
    | Level
    | Top
    | Stops
    | PendingStop
    | OrderStatus
    | Indicative
    | AccountView
    | Holding
    | MarginView
    | Mark
    | OrderList
    | ImpliedQuotes
    | ImpliedQuote
    | MarketView
)
VIEWS: tuple[type[View], ...] = (
    BookView,
    Queue,
    QueuedOrder,
    Depth,
    Level,
    Top,
    Stops,
    PendingStop,
    OrderStatus,
    Indicative,
    OrderList,
    AccountView,
    Holding,
    ImpliedQuotes,
    ImpliedQuote,
    MarketView,
    MarginView,
    Mark,
)

AnyRecord: TypeAlias = Command | Event | Outcome | View | Report

COMMAND: Final[Kind[Command]] = Kind("commands")
EVENT: Final[Kind[Event]] = Kind("events")
OUTCOME: Final[Kind[Outcome]] = Kind("outcomes")
VIEW: Final[Kind[View]] = Kind("views")
REPORT: Final[Kind[Report]] = Kind("reports")
ANY: Final[Kind[AnyRecord]] = Kind("any")
"""For reading only: whatever the header says, or, line by line, whatever the line is."""
HEADER: Final[Kind[Header[Any]]] = Kind("header")
"""For `decode` only: a first line."""


# ── one line ──


def encode(record: AnyRecord | Header[Any]) -> str:
    """One record as one line of ASCII, without its line feed. Equal records make equal lines.

    Raises InputError, without path and line, for a record that could not be read back; TypeError for anything else.

    >>> from bookproof.spec.events import Trade
    >>> encode(Trade("ABC", price=100, quantity=3, maker=1, taker=2))
    '{"say":"trade","symbol":"ABC","price":100,"quantity":3,"maker":1,"taker":2}'
    """
    write = _WRITERS.get(type(record))
    if write is None:
        raise TypeError(f"a {type(record).__name__} is no command, event, outcome, view, report or header")
    line = write(record)
    if len(line) >= LONGEST_LINE:
        raise _too_long(f"{len(line) + 1:,} bytes")
    return line


def decode(line: str | bytes, kind: Kind[R]) -> R:
    """The record of this kind that stands in one line. Raises InputError without path and line.

    >>> decode('{"do":"cancel","symbol":"ABC","order_id":7}', COMMAND)
    Cancel(symbol='ABC', order_id=7)
    >>> decode('{"do":"cancel","symbol":"ABC"}', COMMAND)
    Traceback (most recent call last):
    ...
    bookproof.spec.input_error.InputError: order_id: expected an integer order id, got nothing; write it without quotes
    """
    record: R = _READERS[kind](parsed(line))
    return record


def parsed(line: str | bytes) -> dict[str, Any]:
    """The JSON object that is all there is in a line, before anything is known of its fields.

    Raises InputError without path and line, also for a field that comes twice. A number that is no integer becomes a
    `wire.Number`.

    >>> parsed('{"a":1,"b":[1.5]}')
    {'a': 1, 'b': ['1.5']}
    """
    if len(line) > LONGEST_LINE:
        raise _too_long("more")
    try:
        text = (line.decode() if isinstance(line, bytes) else line).strip(" \t\r\n")
    except UnicodeDecodeError as error:
        byte = f"byte 0x{error.object[error.start]:02x} at column {error.start + 1}"
        raise _broken("UTF-8", byte, "save the file as UTF-8") from None
    try:
        found, end = _JSON.raw_decode(text)
    except InputError:  # a ValueError as well, and complete
        raise
    except json.JSONDecodeError as error:
        raise _no_json(text, error.pos) from None
    except RecursionError:
        raise _broken("a JSON object", "one nested too deep to be a record") from None
    except ValueError:  # Python refuses to convert thousands of digits
        raise _broken("integers from -2**63 to 2**63 - 1", "a number of thousands of digits") from None
    if end != len(text):
        raise _no_json(text, end)
    if type(found) is not dict:
        raise _broken("a JSON object", spell(found))
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The fields of a JSON object, none of which may come twice: which one was meant?"""
    found = dict(pairs)
    if len(found) != len(pairs):
        [(name, times)] = Counter(name for name, _ in pairs).most_common(1)
        raise InputError("", 0, quote(name)[1:-1], "each field once", f"this one {times} times")
    return found


_JSON = json.JSONDecoder(object_pairs_hook=_once, parse_float=Number, parse_constant=Number)


def _no_json(text: str, at: int) -> InputError:
    if not text:
        return _broken("a JSON object", "an empty line", "remove it")
    if text.startswith("\ufeff"):
        return _broken("a JSON object", "a byte order mark", "save the file as UTF-8 without one")
    rest = quote(text[at:]) if at < len(text) else "the end of the line"
    return _broken("a JSON object and nothing else", f"{rest} at column {at + 1}")


def _broken(expected: str, got: str, hint: str = "") -> InputError:
    return InputError("", 0, "line", expected, got, hint)


def _too_long(got: str) -> InputError:
    return _broken(f"at most {LONGEST_LINE:,} bytes with the line feed", got, "is there one record a line?")


# ── what each kind of line holds ──

_DO = OneOf("do", COMMANDS)
_SAY = OneOf("say", EVENTS)
_SHOW = OneOf("show", VIEWS)
_TELL = OneOf("tell", REPORTS)


class _Answer(Value, frozen=True):
    """What an outcome adds to its command."""

    events: tuple[Event, ...]
    stamp: int | None = None


_ANSWER = Record(_Answer, events=sequence(_SAY.shape))


def _read_outcome(found: dict[str, Any]) -> Outcome:
    answer = _ANSWER.read({name: found.pop(name) for name in _Answer.__struct_fields__ if name in found})
    return Outcome(_DO.read(found), answer.stamp, answer.events)


def _write_outcome(outcome: Outcome) -> str:
    answer = _ANSWER.fields(_Answer(outcome.events, outcome.stamp))
    return braced(_DO.fields(outcome.command) + answer[::-1])  # the stamp first, as events may be long


def _read_any(found: dict[str, Any]) -> AnyRecord:
    forms: dict[str, Kind[Any]] = {"events": OUTCOME, "do": COMMAND, "say": EVENT, "show": VIEW, "tell": REPORT}
    for tag, kind in forms.items():
        if tag in found:
            record: AnyRecord = _FORMS[kind].read(found)
            return record
    raise InputError("", 0, "", "one of the fields do, say, show and tell", "none of them")


_PROFILE = Record(Profile)


def _read_profile(found: Any) -> Profile:
    profile: Profile = choice(PROFILES).read(found) if type(found) is str else _PROFILE.read(found)
    return profile


def _write_profile(profile: Profile) -> str:
    fields = _PROFILE.write(profile)  # even if it is not used: it refuses what is no profile
    return json.dumps(profile.name) if profile in PROFILES.values() else fields


_HEADER = Record(
    Header,
    kind=choice({kind.name: kind for kind in (COMMAND, EVENT, OUTCOME, VIEW, REPORT)}),
    profile=Shape("a profile", "", _read_profile, _write_profile),
)


def _read_header(found: dict[str, Any]) -> Header[Any]:
    if "bookproof" not in found:
        hint = f"""begin with {{"bookproof":{VERSION},"kind":"commands","instruments":[{{"symbol":"ABC"}}]}}"""
        raise InputError("", 0, "bookproof", "the version of the format in a header line", "nothing", hint)
    version = found.pop("bookproof")
    if type(version) is not int or version != VERSION:
        hint = "another version needs another bookproof"
        raise refusal(f"version {VERSION} of the format", version, hint).within("bookproof")
    header: Header[Any] = _HEADER.read(found)
    _check(header)
    return header


def _write_header(header: Header[Any]) -> str:
    fields = _HEADER.fields(header)
    _check(header)
    return braced([f'"bookproof":{VERSION}', *fields])


def _check(header: Header[Any]) -> None:
    """Refuse what no exchange can open with."""
    listed: set[Symbol] = set()
    for at, instrument in enumerate(header.instruments):
        name = quote(instrument.symbol)
        if instrument.symbol in listed:
            raise InputError("", 0, f"instruments[{at}]", "each symbol once", f"{name} again")
        if (flaw := instrument.flaw()) is not None:
            raise InputError("", 0, f"instruments[{at}]", "limits that can be kept", f"those of {name}", flaw)
        listed.add(instrument.symbol)
    if (flaw := listing_flaw(header.instruments, header.profile.apart)) is not None:
        raise InputError("", 0, "instruments", "books that fit together", "others", flaw)
    if (flaw := underlying_flaw(header.instruments)) is not None:
        raise InputError("", 0, "instruments", "underlyings that can be", "these", flaw)
    if (flaw := header.profile.breaker_flaw()) is not None:
        raise InputError("", 0, "profile.breaker_levels", "levels that can be crossed in turn", "these", flaw)
    for account, times in Counter(chain.from_iterable(header.profile.self_trade_groups)).items():
        if times > 1:
            got = f"account {account} in {times} places"
            raise InputError("", 0, "profile.self_trade_groups", "each account in one group at most", got)
    if (flaw := header.profile.allocation.flaw()) is not None:
        raise InputError("", 0, "profile.allocation", "parameters that make sense", "others", flaw)


class _Form(NamedTuple):
    """What the lines of one kind hold."""

    types: tuple[type[Any], ...]
    read: Callable[[dict[str, Any]], Any]
    write: Callable[[Any], str]


_FORMS: dict[Kind[Any], _Form] = {
    COMMAND: _Form(COMMANDS, _DO.read, _DO.write),
    EVENT: _Form(EVENTS, _SAY.read, _SAY.write),
    OUTCOME: _Form((Outcome,), _read_outcome, _write_outcome),
    VIEW: _Form(VIEWS, _SHOW.read, _SHOW.write),
    REPORT: _Form(REPORTS, _TELL.read, _TELL.write),
    HEADER: _Form((Header,), _read_header, _write_header),
}
_WRITERS = {cls: form.write for form in _FORMS.values() for cls in form.types}
_READERS = {ANY: _read_any, **{kind: form.read for kind, form in _FORMS.items()}}


# ── many lines ──

File: TypeAlias = str | os.PathLike[str] | IO[bytes]
"""A path, or a stream open in binary, which stays open."""


class Reading(NamedTuple, Generic[R]):
    """A file being read."""

    header: Header[R]
    records: Iterator[tuple[int, R]]
    """Each with the number of its line. Raises InputError at the first line that is wrong."""


class Contents(NamedTuple, Generic[R]):
    """A file that is right from its first line to its last. Record i stood on line i + 2."""

    header: Header[R]
    records: tuple[R, ...]


@contextmanager
def read(file: File, kind: Kind[R]) -> Iterator[Reading[R]]:
    r"""Read a file line by line, holding one line at a time.

    Raises InputError with path and line: for the header here, for the others as they are reached.

    >>> import io
    >>> lines = b'{"bookproof":1,"kind":"commands","instruments":[]}\n{"do":"end-of-day"}\n'
    >>> with read(io.BytesIO(lines), COMMAND) as (header, records):
    ...     for line, command in records:
    ...         print(line, command)
    2 EndOfDay()
    """
    path = name_of(file)
    with opened(file, path, "rb") as stream:
        header = _next(stream, path, 1, HEADER)
        if header is None:
            raise InputError(path, 1, "line", "a header", "an empty file", "was it written to the end?")
        if kind not in (header.kind, ANY):
            raise refusal(kind.name, header.kind.name).within("kind").at(path, 1)
        yield Reading(header, _rest(stream, path, header.kind))


def load(file: File, kind: Kind[R]) -> Contents[R]:
    """Read a whole file before anything is done with it: all of it is right, or this raises InputError."""
    with read(file, kind) as (header, records):
        return Contents(header, tuple(record for _, record in records))


def write(file: File, header: Header[R], records: Iterable[R]) -> None:
    """Write a file, each line as soon as its record comes.

    Raises InputError for a record that could not be read back; the lines before it have been written.
    """
    path = name_of(file)
    first = encode(header)  # before an old file is overwritten
    with opened(file, path, "wb") as stream:
        stream.write(first.encode() + b"\n")
        record: Any
        for line, record in enumerate(records, 2):
            if type(record) not in _FORMS[header.kind].types:
                raise TypeError(f"a {type(record).__name__} is none of the {header.kind.name}")
            try:
                stream.write(encode(record).encode() + b"\n")
            except InputError as error:
                raise error.at(path, line) from None


def _rest(stream: IO[bytes], path: str, kind: Kind[R]) -> Iterator[tuple[int, R]]:
    for line in count(2):
        record = _next(stream, path, line, kind)
        if record is None:
            return
        yield line, record


def _next(stream: IO[bytes], path: str, line: int, kind: Kind[R]) -> R | None:
    """The record in the next line, None at the end of the file."""
    found = stream.readline(LONGEST_LINE + 1)
    if not found:
        return None
    try:
        return decode(found, kind)
    except InputError as error:
        if error.field == "line" and not found.endswith(b"\n") and len(found) <= LONGEST_LINE:
            error = _broken(error.expected, error.got, "the line has no line feed: was the file cut off?")
        raise error.at(path, line) from None


def opened(file: File, path: str, mode: str) -> AbstractContextManager[IO[bytes]]:
    """A file open in binary. InputError if it cannot be opened; `path` is what that calls it."""
    if isinstance(file, io.TextIOBase):
        raise TypeError(f"{path} is open as text; open it in binary, as bytes that are no UTF-8 need a line number too")
    if not isinstance(file, str | os.PathLike):
        return nullcontext(file)
    try:
        return open(file, mode)
    except OSError as error:
        told = error.strerror or str(error)
        raise InputError(path, 0, "", "a file that can be opened", told, "check the path") from error


def name_of(file: File) -> str:
    """What a message calls a file.

    >>> name_of(io.BytesIO())
    '<stream>'
    """
    if isinstance(file, str | os.PathLike):
        return os.fspath(file)
    name = getattr(file, "name", None)
    return name if isinstance(name, str) else "<stream>"
