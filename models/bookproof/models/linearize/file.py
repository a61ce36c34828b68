r"""A history as a file, version 2 or 3: NDJSON, one event a line, in order of time.

>>> for line in lines(EXAMPLE):
...     print(line)  # doctest: +ELLIPSIS
{"history":2,"header":{"bookproof":1,"kind":"outcomes","instruments":[{"symbol":"ABC"}]},"feed":true}
{"call":0,"client":1,"time":100,"command":{"do":"submit","symbol":"ABC","order_id":1,...,"price":100}}
{"call":1,"client":2,"time":130,"command":{"do":"submit","symbol":"ABC","order_id":2,...}}
{"return":0,"time":150,"stamps":{"stripe 0":1},"events":[{"say":"accepted","symbol":"ABC","order_id":1,...}]}
{"unknown":1}
{"trade":{"symbol":"ABC","maker":1,"taker":2}}
{"end":2}

What a line holds
=================

Every line is a JSON object in UTF-8, in at most 16 MiB (`codec.LONGEST_LINE`), with a line feed behind it. Its fields
may stand in any order; a field that is unknown, or twice there, is an error. Numbers are integers of 64 bits with
their sign. Commands, events and views are those of the wire format (`bookproof.spec.codec`), prices in ticks and
quantities in lots.

``history`` is the first line, and only that. Its value is the version, 2; or 3 where there are lock lines. Beside it
    stand
    ``header``: the header of the wire format, of kind `outcomes`: the instruments, and the profile of the venue;
    ``feed`` (false): whether every trade is told in a line of its own. Without it a trade line is an error.
``call``: a client calls. Its value is the number of the operation, any integer that no other call of the file has.
    ``client``: who. A number that tells clients apart, and nothing else: a client may have several operations
    under way, its calls and returns are in order of time as everybody's are, and there may be millions of clients.
    ``time``: when the client let go of it, in nanoseconds.
    ``command``: what.
``return``: a call returns. Its value is the number of the operation, which has been called and has not returned.
    ``time``: when the client had all of the answer.
    ``events``: the answer, all of it, in order.
    ``client``: may be repeated here, and is then the same as in the call.
    ``stamps``: where the exchange says that the operation stands: for each stripe that it touched its place in the
    order of that stripe, an integer that no other operation has there. Stripes have any names. Or
    ``stamp``: its place in one order of all operations; the same as `stamps` with one stripe named "".
``unknown``: a client gives up. Its value is the number of an operation that has been called and has not returned, and
    never will. The operation may have happened at any time after its call, may still happen, or never.
    ``time``: when, or nothing. It says nothing of when the operation happened.
``trade``: a line of the trade feed: ``symbol``, and the ids of ``maker`` and ``taker``. Trade lines stand in the order
    in which the trades of each book happened, anywhere in the file: where they stand says nothing of time.
``final``: a book or an account, as it was when everything had returned: a `book-view` or an `account-view`. No call
    and no return comes after it. Books and accounts that have no such line were not looked at.
``lock``: in version 3 alone. An operation did something with a lock, or with a counter, of an engine of ours that was
    watched (`bookproof record --locks`). Its value is the name of the lock. No verdict follows from such lines.
    ``of``: the number of the operation, which has been called.
    ``does``: "waits-for", "takes", "leaves", or "draws" for the next number of a counter.
    ``time``: when. Lock lines stand in order of their times, each behind the call line of its operation and otherwise
    anywhere; none is earlier than the call or later than the return of its operation.
    ``number`` (0): taken: which time in all that anybody took this lock; drawn: the number.
``end`` is the last line. Its value is the number of calls in the file. A file without it has been cut off.

Time
====

Times are readings of one monotonic clock, and no line has an earlier time than a line before it: a clock that runs
backwards is an error, and where several clocks were used no order follows from the times. An operation comes before
another in real time if it returned *before* the other was called: at equal times, in whatever order the two lines
stand, they overlap.

What is read into it
====================

An operation that has neither returned nor been given up when the file ends is taken as given up: the end line says
that its return was not forgotten. An answer that comes after the client gave up is an error: leave out the `unknown`
line. In a conclusion, operations are named by their places: operation k is the one of the k-th call line, from 0.

A history without lock lines is written as version 2, so whoever read that before reads it now; a reader of version 2
says of a file with lock lines that it is of another version. Version 1 is read as well: every return has a ``stamp``
and a ``client``, there is no ``unknown``, no ``trade`` and no ``end``, so every operation has to return and a file that
is cut off at a line between two operations cannot be told from a shorter run.
"""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Final

from bookproof.models.concurrent.history import LockStep
from bookproof.models.linearize import quick
from bookproof.models.linearize.entries import Beginning, Call, End, Entry, GivenUp, Return
from bookproof.models.linearize.history import Filled, History, Operation
from bookproof.models.linearize.lock_lines import LockLines, line_of, read_lock_line
from bookproof.spec import codec
from bookproof.spec.commands import COMMANDS, Command, Submit
from bookproof.spec.events import EVENTS, Accepted, Event
from bookproof.spec.input_error import InputError, quote
from bookproof.spec.instruments import listing
from bookproof.spec.profile import Risk
from bookproof.spec.values import Account, Nanoseconds, Side, Symbol, Value
from bookproof.spec.views import AccountView, BookView
from bookproof.spec.wire import OneOf, Record, Shape, boolean, integer, refusal, sequence, text

VERSION: Final = 2

WITH_LOCKS: Final = 3
"""The version of a file that has lock lines."""

PROGRESS_EVERY = 50_000
"""Lines between two calls of whoever wants to know how far reading has come."""

Progress = Callable[[int], None]


# ── writing ──


def write(history: History, path: str | os.PathLike[str]) -> None:
    """Write a history. The file appears whole or not at all.

    Raises InputError for what could not be read back.
    """
    target = Path(path)
    half = target.with_name(target.name + ".part")
    try:
        with half.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(line + "\n" for line in lines(history))
        half.replace(target)
    except InputError as error:
        raise error.at(str(path), 0) from None
    finally:
        half.unlink(missing_ok=True)


def lines(history: History) -> Iterator[str]:
    """The lines of a history, without line feeds. Operations are numbered in order of their calls."""
    feed = ',"feed":true' if history.feed is not None else ""
    header = codec.encode(codec.Header(codec.OUTCOME, history.instruments, history.profile))
    yield f'{{"history":{WITH_LOCKS if history.lock_steps else VERSION},"header":{header}{feed}}}'
    operations = history.operations
    calls = sorted(range(len(operations)), key=lambda place: operations[place].called)
    number_of = [0] * len(operations)
    for number, place in enumerate(calls):
        number_of[place] = number
    answered = [place for place in calls if operations[place].returned is not None]
    answered.sort(key=lambda place: operations[place].returned or 0)
    back = 0
    for place in calls:
        operation = operations[place]
        while back < len(answered) and (operations[answered[back]].returned or 0) < operation.called:
            yield _return_line(number_of[answered[back]], operations[answered[back]])
            back += 1
        command = codec.encode(operation.command)
        where = f'"client":{_ANY.write(operation.client)},"time":{_TIME.write(operation.called)}'
        yield f'{{"call":{number_of[place]},{where},"command":{command}}}'
    for place in answered[back:]:
        yield _return_line(number_of[place], operations[place])
    yield from (f'{{"unknown":{number_of[place]}}}' for place in calls if operations[place].is_open)
    for trade in history.feed or ():
        yield f'{{"trade":{_TRADE.write(trade)}}}'
    for step in history.lock_steps:
        yield line_of(step._replace(operation=number_of[step.operation]))
    views: tuple[BookView | AccountView, ...] = (*history.final, *history.accounts)
    for view in views:
        yield f'{{"final":{codec.encode(view)}}}'
    yield f'{{"end":{len(operations)}}}'


def _return_line(number: int, operation: Operation) -> str:
    if operation.returned is None or operation.events is None or operation.returned < operation.called:
        raise InputError("", 0, "returned", "a return, with its answer, after the call", str(operation.returned))
    stamps = ""
    if operation.stamps:
        stamps = f'"stamps":{_STAMPS.write(operation.stamps)},'
        if operation.stamps[0][0] == "" and len(operation.stamps) == 1:
            stamps = f'"stamp":{_ANY.write(operation.stamps[0][1])},'
    events = ",".join(map(codec.encode, operation.events))
    return f'{{"return":{number},"time":{_TIME.write(operation.returned)},{stamps}"events":[{events}]}}'


# ── reading ──


def read(file: codec.File, progress: Progress | None = None) -> History:
    """Read a whole history. InputError, with the line, for anything that is not one.

    `progress` is told now and then how many lines have been read.
    """
    gathering = Gathering(codec.name_of(file))
    with _without_collector():
        add = gathering.add
        for line, entry in entries(file):
            add(line, entry)
            if progress is not None and line % PROGRESS_EVERY == 0:
                progress(line)
        return gathering.history()


def entries(file: codec.File) -> Iterator[tuple[int, Entry]]:
    """What each line says, with its number. InputError for a line that is wrong by itself.

    Whether it is right where it stands is for `Gathering` to say.
    """
    path = codec.name_of(file)
    line = 0
    with codec.opened(file, path, "rb") as stream:
        for line, found in zip(count(1), iter(partial(stream.readline, codec.LONGEST_LINE + 1), b"")):
            yield line, _entry(path, line, found)
    if line == 0:
        raise InputError(path, 1, "line", "a header", "an empty file", "was it written to the end?")


def _entry(path: str, line: int, found: bytes) -> Entry:
    """What one line says."""
    entry: Entry | None = None
    if b'"command":' in found:
        entry = quick.call(found.rstrip())
    elif b'"events":' in found:
        entry = quick.returned(found.rstrip())
    elif found.startswith(b'{"trade":'):
        entry = quick.trade(found.rstrip())
    if entry is not None:
        return entry
    try:
        return _beginning(found) if line == 1 else _read(found)
    except InputError as error:
        if error.field == "line" and not found.endswith(b"\n") and len(found) <= codec.LONGEST_LINE:
            hint = "the line has no line feed: was the file cut off?"
            error = InputError("", 0, "line", error.expected, error.got, hint)
        raise error.at(path, line) from None


class Gathering:
    """What the lines read so far come to. Holds every line to those before it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._line = 0
        self._time: Nanoseconds | None = None
        self._beginning: Beginning | None = None
        self._listed: frozenset[Symbol] = frozenset()
        self._operations: list[Operation | None] = []
        """In order of their calls; None while an operation is under way."""
        self._under_way: dict[int, tuple[int, Call]] = {}
        """By number: the place and the call of each operation that has neither returned nor been given up."""
        self._given_up: dict[int, tuple[int, Call]] = {}
        self._numbers = _Numbers()
        self._feed: list[Filled] = []
        self._final: dict[Symbol, BookView] = {}
        self._accounts: dict[Account, AccountView] = {}
        self._locks: LockLines | None = None
        self._ended = False

    @property
    def calls(self) -> int:
        """How many operations have been called."""
        return len(self._operations)

    @property
    def places(self) -> Sequence[Any]:
        """Those that have returned, each at its place, where there is None before; it grows as lines are added."""
        return self._operations

    def add(self, line: int, entry: Entry) -> int | None:
        """One more line, and the place of the operation it is about, if it is. InputError if it cannot stand there."""
        self._line = line
        if isinstance(entry, Beginning) is not (self._beginning is None) or self._ended:
            raise self._misplaced()
        match entry:
            case Call():
                return self._call(entry)
            case Return():
                return self._return(entry)
            case GivenUp():
                return self._give_up(entry)
            case Filled():
                self._trade(entry)
            case BookView():
                self._book(entry)
            case AccountView():
                self._account(entry)
            case LockStep():
                self._lock(entry)
            case Beginning():
                self._beginning = entry
                self._listed = frozenset(instrument.symbol for instrument in entry.instruments)
                self._locks = LockLines() if entry.version == WITH_LOCKS else None
            case End():
                self._end(entry)
        return None

    def _call(self, call: Call) -> int:
        self._tick(call.time, "a call")
        if not self._numbers.add(call.number):
            raise self._error("call", "a number that no operation before it has", f"{call.number} again")
        if self._locks is not None:
            self._locks.called(call.number, len(self._operations), call.time)
        self._under_way[call.number] = (len(self._operations), call)
        self._operations.append(None)
        return len(self._operations) - 1

    def _return(self, back: Return) -> int:
        self._tick(back.time, "a return")
        place, call = self._taken("return", back.number)
        if back.client is not None and back.client != call.client:
            expected = f"client {call.client}, who called operation {call.number}"
            raise self._error("client", expected, f"client {back.client}")
        if self._version == 1 and (len(back.stamps) != 1 or back.client is None):
            raise self._error("return", "one stamp and the client, as in version 1", "something else")
        if self._locks is not None:
            self._in_its_place(lambda locks: locks.returned(place, back.time))
        self._operations[place] = Operation(call.client, call.command, call.time, back.time, back.events, back.stamps)
        return place

    def _give_up(self, line: GivenUp) -> int:
        if self._version == 1:
            raise self._misplaced()
        if line.time is not None:
            self._tick(line.time, "a client that gives up")
        self._given_up[line.number] = found = self._taken("unknown", line.number)
        return found[0]

    def _taken(self, field: str, number: int) -> tuple[int, Call]:
        """The operation of that number, which is under way no more."""
        found = self._under_way.pop(number, None)
        if found is not None:
            return found
        expected = "the number of an operation that was called and has not returned"
        if number in self._given_up:
            hint = "if an answer came after all, leave out the line that gives up"
            raise self._error(field, expected, f"{number}, which was given up", hint)
        if number in self._numbers:
            raise self._error(field, expected, f"{number}, which has returned already")
        raise self._error(field, expected, f"{number}, which was not called", "is the line of its call missing?")

    def _tick(self, time: Nanoseconds, what: str) -> None:
        """The clock of the file shows this; nothing of the kind may come when final views have been told."""
        if self._time is not None and time < self._time:
            expected = f"a time that is not before that of an earlier line, {self._time}"
            raise self._error("time", expected, str(time), "times are of one monotonic clock, and lines in their order")
        if self._final or self._accounts:
            raise self._error("line", "nothing but final views and the end behind a final view", what)
        self._time = time

    def _trade(self, trade: Filled) -> None:
        if self._beginning is None or not self._beginning.has_feed:
            hint = 'say "feed":true in the first line if every trade has a line'
            raise self._error("trade", "no trade line where no feed was announced", "one", hint)
        self._expect_listed("trade.symbol", trade.symbol)
        self._feed.append(trade)

    def _book(self, book: BookView) -> None:
        self._expect_listed("final.symbol", book.symbol)
        if book.symbol in self._final:
            raise self._error("final", "each book once", f"{quote(book.symbol)} again")
        self._final[book.symbol] = book

    def _lock(self, step: LockStep) -> None:
        self._in_its_place(lambda locks: locks.add(step, self._operations))

    def _in_its_place(self, says: Callable[[LockLines], None]) -> None:
        if self._locks is None:
            raise self._error("lock", f"lock lines in version {WITH_LOCKS} alone", f"one in version {self._version}")
        try:
            says(self._locks)
        except InputError as error:
            raise error.at(self._path, self._line) from None

    def _account(self, view: AccountView) -> None:
        if self._beginning is not None and self._beginning.profile.risk is Risk.NONE:
            raise self._error("final", "no account, as this venue keeps none", f"account {view.account}")
        if view.account in self._accounts:
            raise self._error("final", "each account once", f"account {view.account} again")
        self._accounts[view.account] = view

    def _end(self, end: End) -> None:
        if self._version == 1:
            raise self._misplaced()
        if end.operations != len(self._operations):
            got = f"{end.operations:,}"
            expected = f"the number of calls in the file, {len(self._operations):,}"
            raise self._error("end", expected, got, "is a line missing?")
        self._ended = True

    def history(self) -> History:
        """All of it, when the last line has been added. InputError if lines are missing."""
        if self._beginning is None:
            raise InputError(self._path, 1, "line", "a header", "an empty file", "was it written to the end?")
        if self._version == 1 and self._under_way:
            missing = min(self._under_way)
            expected = f"the return of operation {missing}"
            raise self._error("return", expected, "the end of the file", "was it written to the end?")
        if self._version != 1 and not self._ended:
            expected = f'the last line, {{"end":{len(self._operations)}}} if nothing is missing'
            raise self._error("end", expected, "the end of the file", "was it cut off?")
        return self.so_far()

    def so_far(self) -> History:
        """What has been told until now. What is under way is open in it: nobody can say more of it yet."""
        if self._beginning is None:
            return History((), ())
        operations = list(self._operations)
        for place, call in (*self._under_way.values(), *self._given_up.values()):
            operations[place] = Operation(call.client, call.command, call.time, None, None)
        return History(
            self._beginning.instruments,
            tuple([operation for operation in operations if operation is not None]),
            self._beginning.profile,
            tuple(self._feed) if self._beginning.has_feed else None,
            tuple(self._final.values()),
            tuple(self._accounts.values()),
            lock_steps=() if self._locks is None else self._locks.steps(),
        )

    @property
    def _version(self) -> int:
        return VERSION if self._beginning is None else self._beginning.version

    def _expect_listed(self, field: str, symbol: Symbol) -> None:
        if symbol not in self._listed:
            raise self._error(field, "a book that the header lists", quote(symbol))

    def _misplaced(self) -> InputError:
        if self._beginning is None:
            return self._error("history", "the version of the format in a header line", "another line", _BEGIN)
        if self._ended:
            return self._error("line", "nothing behind the end", "another line", "are these several histories?")
        return self._error("line", "a line of version 1, or one header only", "another", "are these several histories?")

    def _error(self, field: str, expected: str, got: str, hint: str = "") -> InputError:
        return InputError(self._path, self._line, field, expected, got, hint)


class _Numbers:
    """Which operation numbers are taken. Those from 0 on without a gap, which most files have, take no room."""

    def __init__(self) -> None:
        self._from_zero = 0
        self._others: set[int] = set()

    def __contains__(self, number: int) -> bool:
        return 0 <= number < self._from_zero or number in self._others

    def add(self, number: int) -> bool:
        """Take a number; False if it was taken."""
        if number == self._from_zero and not self._others:
            self._from_zero += 1
            return True
        if number in self:
            return False
        self._others.add(number)
        return True


@contextmanager
def _without_collector() -> Iterator[None]:
    """Nothing that is read can be part of a cycle, and looking for some again and again takes a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


# ── one line by the codec: slower, and with the reason for whatever it refuses ──


class _Call(Value, frozen=True):
    client: int
    time: Nanoseconds
    command: Command


class _Return(Value, frozen=True):
    time: Nanoseconds
    events: tuple[Event, ...]
    client: int | None = None
    stamp: int | None = None
    stamps: tuple[tuple[str, int], ...] = ()


class _Unknown(Value, frozen=True):
    time: Nanoseconds | None = None


def _read_stamps(found: Any) -> tuple[tuple[str, int], ...]:
    if type(found) is not dict:
        raise refusal("an object with a stamp for each stripe", found)
    placed: list[tuple[str, int]] = []
    for stripe, stamp in found.items():
        try:
            placed.append((_STRIPE.read(stripe), _ANY.read(stamp)))
        except InputError as error:
            raise error.within(quote(stripe)[1:-1]) from None
    return tuple(placed)


def _write_stamps(stamps: Any) -> str:
    if len(dict(stamps)) != len(stamps):
        raise InputError("", 0, "stamps", "each stripe once", "one twice")
    return f"{{{','.join(f'{_STRIPE.write(stripe)}:{_ANY.write(stamp)}' for stripe, stamp in stamps)}}}"


_ANY = integer("an integer")
_TIME = integer("an integer number of nanoseconds", "write times in nanoseconds")
_NUMBER = integer("the integer number of an operation")
_STRIPE = text("the name of a stripe")
_STAMPS = Shape("an object with a stamp for each stripe", "", _read_stamps, _write_stamps)
_CALL = Record(_Call, command=OneOf("do", COMMANDS).shape)
_RETURN = Record(_Return, events=sequence(OneOf("say", EVENTS).shape), stamps=_STAMPS)
_UNKNOWN = Record(_Unknown)
_TRADE = Record(Filled)
_FLAG = boolean()
_BEGIN = """begin with {"history":2,"header":{"bookproof":1,"kind":"outcomes","instruments":[{"symbol":"ABC"}]}}"""


def _read(line: bytes) -> Entry:
    """What a line says that is not the first. InputError, without path and line, if it is no such line."""
    found = codec.parsed(line)
    if "call" in found:
        number = _taken_out(found, "call", _NUMBER)
        call = _CALL.read(found)
        return Call(number, call.client, call.time, call.command)
    if "return" in found:
        number = _taken_out(found, "return", _NUMBER)
        back = _RETURN.read(found)
        if back.stamp is not None and back.stamps:
            raise InputError("", 0, "stamps", "either stamp or stamps", "both")
        stamps = back.stamps if back.stamp is None else (("", back.stamp),)
        return Return(number, back.client, back.time, back.events, stamps)
    if "unknown" in found:
        return GivenUp(_taken_out(found, "unknown", _NUMBER), _UNKNOWN.read(found).time)
    if "trade" in found:
        trade: Filled = _taken_out(found, "trade", _TRADE.shape, alone=True)
        return trade
    if "lock" in found:
        return read_lock_line(found)
    if "final" in found:
        view: BookView | AccountView = _taken_out(found, "final", _FINAL, alone=True)
        return view
    if "end" in found:
        return End(_taken_out(found, "end", integer("the integer number of calls"), alone=True))
    if "history" in found:
        raise InputError("", 0, "history", "one header, in the first line", "another", "are these several histories?")
    known = "call, return, unknown, trade, lock, final, end"
    raise InputError("", 0, "line", f"one of the fields {known}", ", ".join(map(quote, list(found)[:5])) or "none")


def _taken_out(found: dict[str, Any], field: str, shape: Shape, *, alone: bool = False) -> Any:
    """The value of the field that says what a line is."""
    try:
        value = shape.read(found.pop(field))
    except InputError as error:
        raise error.within(field) from None
    if alone and found:
        raise InputError("", 0, quote(next(iter(found)))[1:-1], f"no field but {field}", "another one")
    return value


def _final_view(found: Any) -> BookView | AccountView:
    if type(found) is not dict:
        raise refusal("a book-view or an account-view", found)
    view = codec.decode(json.dumps(found), codec.VIEW)
    if not isinstance(view, BookView | AccountView):
        raise refusal("a book-view or an account-view", found["show"])
    return view


_FINAL = Shape("a book-view or an account-view", "", _final_view, codec.encode)


def _beginning(line: bytes) -> Beginning:
    found = codec.parsed(line)
    if "history" not in found:
        raise InputError("", 0, "history", "the version of the format in a header line", "nothing", _BEGIN)
    version = found.pop("history")
    if type(version) is not int or version not in (1, VERSION, WITH_LOCKS):
        raise refusal("version 1, 2 or 3 of the format", version, "another version needs another bookproof").within(
            "history"
        )
    has_feed = _taken_out(found, "feed", _FLAG) if "feed" in found and version > 1 else False
    if "header" not in found:
        raise InputError("", 0, "header", "the header of the wire format", "nothing", _BEGIN)
    header = _taken_out(found, "header", _HEADER, alone=True)
    return Beginning(version, header.instruments, header.profile, has_feed)


def _header(found: Any) -> codec.Header[Any]:
    if type(found) is not dict:
        raise refusal("an object", found)
    header = codec.decode(json.dumps(found), codec.HEADER)
    if header.kind != codec.OUTCOME:
        raise refusal("outcomes", header.kind.name).within("kind")
    return header


_HEADER = Shape("the header of the wire format", "", _header, codec.encode)


EXAMPLE: Final = History(
    listing(["ABC"]),
    (
        Operation(
            1,
            Submit("ABC", 1, 7, Side.SELL, 5, 100),
            called=100,
            returned=150,
            events=(Accepted("ABC", 1, Side.SELL, 100, 5),),
            stamps=(("stripe 0", 1),),
        ),
        Operation(2, Submit("ABC", 2, 8, Side.BUY, 5), called=130, returned=None, events=None),
    ),
    feed=(Filled("ABC", 1, 2),),
)
"""One order that rests, and one whose owner never heard that it traded."""
