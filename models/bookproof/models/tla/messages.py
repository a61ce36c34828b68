"""What TLC prints with `-tool`: numbered messages, and lines in between that are nobody's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bookproof.models.tla.checker import DEADLOCK, Finding, Says, Step
from bookproof.models.tla.values import States

STATS, DEPTH, PROGRESS, SUCCESS = 2199, 2194, 2200, 2193
STATE, STUTTERING, BACK = 2217, 2218, 2122
OUT_OF_MEMORY = 1001
_VIOLATED = {2110, 2107, 2112, 2113}
"""An invariant or a property, by a later state or by the first one: their texts name it."""
_DEADLOCKED, _TEMPORAL = 2114, 2116

_START = re.compile(r"@!@!@STARTMSG (\d+):\d+ @!@!@")
_COUNTS = re.compile(r"([\d,]+) states generated(?: \([^)]*\))?, ([\d,]+) distinct states found")
_NAMED = re.compile(r"^(?:Invariant|Action property|Property) (\S+) is violated")
_HEADED = re.compile(r"^(\d+): <(Initial predicate|[\w!]+)")
_NUMBER = re.compile(r"\d+")


class Message(NamedTuple):
    """One message, or a stretch of lines that belong to none (number 0)."""

    number: int
    text: str


class Reader:
    """Takes TLC's output line by line. A message may begin within another one, as those on configurations do."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._open: list[tuple[int, list[str]]] = [(0, [])]

    def line(self, line: str) -> Message | None:
        """Take one line. When that ends a message, here it is."""
        begins = _START.search(line)
        if begins is not None:
            self._open[-1][1].append(line[: begins.start()])
            self._open.append((int(begins[1]), []))
        elif line.startswith("@!@!@ENDMSG") and len(self._open) > 1:
            number, lines = self._open.pop()
            self.messages.append(Message(number, "\n".join(lines).strip()))
            return self.messages[-1]
        else:
            self._open[-1][1].append(line)
        return None

    def end(self) -> list[Message]:
        """All messages, then the lines that belong to none, and what a killed process left open."""
        left = [Message(number, "\n".join(lines).strip()) for number, lines in self._open]
        return [*self.messages, *(message for message in left if message.text)]


def counted(message: Message) -> tuple[int, int] | None:
    """States generated and distinct states, where a message tells them.

    >>> counted(Message(STATS, "1,234 states generated, 489 distinct states found, 0 states left on queue."))
    (1234, 489)
    """
    found = _COUNTS.search(message.text)
    return (_number(found[1]), _number(found[2])) if found is not None else None


def finding(messages: Sequence[Message]) -> Finding | None:
    """What TLC says of a model, or None when it has come to no conclusion.

    >>> said = [Message(SUCCESS, ""), Message(STATS, "5 states generated, 3 distinct states found, 0 left on queue.")]
    >>> finding([*said, Message(DEPTH, "The depth of the complete state graph search is 2.")])._replace(note="")
    Finding(says=<Says.HOLDS: 'holds'>, violates='', distinct=3, generated=5, diameter=2, trace=(), ...)
    """
    texts = {message.number: message.text for message in messages}
    generated, distinct = counted(Message(STATS, texts.get(STATS, ""))) or (None, None)
    violated = _violated(messages)
    if violated is None:
        if SUCCESS not in texts:
            return None
        depth = _NUMBER.search(texts.get(DEPTH, ""))
        return Finding(Says.HOLDS, "", distinct, generated, int(depth[0]) if depth else None)
    trace = tuple(_trace(messages))
    back_to = len(trace) - 1 if STUTTERING in texts else None
    found = _NUMBER.match(texts.get(BACK, ""))
    if found is not None:
        back_to = int(found[0]) - 1
    return Finding(Says.VIOLATES, violated, distinct, generated, None, trace, back_to)


def _violated(messages: Iterable[Message]) -> str | None:
    """What is violated; nothing for a temporal property, which TLC does not name."""
    for message in messages:
        if message.number in _VIOLATED:
            named = _NAMED.match(message.text)
            return named[1] if named is not None else message.text.split("\n")[0]
        if message.number == _DEADLOCKED:
            return DEADLOCK
        if message.number == _TEMPORAL:
            return ""
    return None


def _trace(messages: Iterable[Message]) -> Iterable[Step]:
    read = States()
    for message in messages:
        head, _, state = message.text.partition("\n")
        if message.number == STATE:
            headed = _HEADED.match(head)
            action = headed[2] if headed is not None else head
            yield Step("" if action == "Initial predicate" else action, read(state))
        elif message.number in (2107, 2113) and state.strip():
            yield Step("", read(state))


def _number(text: str) -> int:
    return int(text.replace(",", ""))
