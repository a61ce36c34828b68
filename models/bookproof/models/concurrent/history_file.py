"""A history as a file: NDJSON, one event a line, in order of time.

After the first line, which names the format and holds the header of the wire codec, come::

    {"call": 17, "client": 2, "time": 123, "command": {"do": "cancel", …}}
    {"return": 17, "client": 2, "time": 456, "stamp": 9, "events": [{"say": …}]}
    {"final": {"show": "book-view", …}}

A call and its return have the same operation number; times are nanoseconds of one monotonic clock.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

from bookproof.engine.interface import Answer
from bookproof.models.concurrent.history import History, Operation
from bookproof.spec import codec
from bookproof.spec.input_error import InputError
from bookproof.spec.views import AccountView, BookView

VERSION = 1

R = TypeVar("R")


def save(history: History, path: str | PathLike[str]) -> None:
    """Write a history. The file appears whole or not at all."""
    target = Path(path)
    half = target.with_name(target.name + ".part")
    with half.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(line + "\n" for line in _lines(history))
    half.replace(target)


def _lines(history: History) -> Iterator[str]:
    header = codec.encode(codec.Header(codec.OUTCOME, history.instruments, history.profile))
    yield f'{{"history":{VERSION},"header":{header}}}'
    moments: list[tuple[int, int, str]] = []
    for number, operation in enumerate(history.operations):
        who = f'"client":{operation.client}'
        command = codec.encode(operation.command)
        events = ",".join(map(codec.encode, operation.answer.events))
        call = f'{{"call":{number},{who},"time":{operation.called},"command":{command}}}'
        back = (
            f'{{"return":{number},{who},"time":{operation.returned},"stamp":{operation.answer.stamp},'
            f'"events":[{events}]}}'
        )
        moments += [(operation.called, 0, call), (operation.returned, 1, back)]
    moments.sort(key=lambda moment: moment[:2])
    yield from (line for _, _, line in moments)
    for book in history.final:
        yield f'{{"final":{codec.encode(book)}}}'
    for account in history.accounts:
        yield f'{{"final":{codec.encode(account)}}}'


def load(path: str | PathLike[str]) -> History:
    """Read a history. InputError, with the line, for anything that is not one."""
    calls: dict[int, dict[str, Any]] = {}
    operations: list[tuple[int, int, Operation]] = []
    final: list[BookView] = []
    accounts: list[AccountView] = []
    header: codec.Header[Any] | None = None
    number = 0
    with Path(path).open("rb") as file:
        for number, line in enumerate(file, 1):
            where = _Line(str(path), number)
            found = where.parsed(line)
            if header is None:
                where.expect(found, "history", VERSION)
                header = where.decoded(found.get("header"), codec.HEADER)
            elif "call" in found:
                calls[where.integer(found, "call")] = found
            elif "return" in found:
                call = calls.pop(where.integer(found, "return"), None)
                if call is None:
                    raise where.error("return", "the number of an operation that was called", found["return"])
                operation = where.operation(call, found)
                operations.append((operation.client, operation.called, operation))
            elif "final" in found:
                view = where.decoded(found["final"], codec.VIEW)
                if isinstance(view, BookView):
                    final.append(view)
                elif isinstance(view, AccountView):
                    accounts.append(view)
                else:
                    raise where.error("final", "a book view or an account view", found["final"])
            else:
                raise where.error("line", 'one of "call", "return", "final"', sorted(found))
    if header is None:
        raise InputError(str(path), 1, "line", "a header", "an empty file", "was it written to the end?")
    if calls:
        missing = min(calls)
        raise InputError(str(path), number, "return", f"the return of operation {missing}", "the end of the file", "")
    operations.sort(key=lambda entry: entry[:2])
    return History(
        header.instruments, header.profile, tuple(entry[2] for entry in operations), tuple(final), tuple(accounts)
    )


class _Line:
    """One line being read, and where it stands."""

    def __init__(self, path: str, number: int) -> None:
        self.path = path
        self.number = number

    def error(self, field: str, expected: str, got: object) -> InputError:
        return InputError(self.path, self.number, field, expected, repr(got)[:80], "")

    def parsed(self, line: bytes) -> dict[str, Any]:
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise self.error("line", "a JSON object", error) from None
        if not isinstance(found, dict):
            raise self.error("line", "a JSON object", found)
        return found

    def expect(self, found: dict[str, Any], field: str, value: object) -> None:
        if found.get(field) != value:
            raise self.error(field, repr(value), found.get(field))

    def integer(self, found: dict[str, Any], field: str) -> int:
        value = found.get(field)
        if type(value) is not int:
            raise self.error(field, "an integer", value)
        return value

    def decoded(self, found: object, kind: codec.Kind[R]) -> R:
        try:
            return codec.decode(json.dumps(found), kind)
        except InputError as error:
            raise error.at(self.path, self.number) from None

    def operation(self, call: dict[str, Any], back: dict[str, Any]) -> Operation:
        events = back.get("events")
        if not isinstance(events, list):
            raise self.error("events", "a list of events", events)
        answer = Answer(self.integer(back, "stamp"), tuple(self.decoded(event, codec.EVENT) for event in events))
        command = self.decoded(call.get("command"), codec.COMMAND)
        client, called = self.integer(call, "client"), self.integer(call, "time")
        return Operation(client, command, called, self.integer(back, "time"), answer)
