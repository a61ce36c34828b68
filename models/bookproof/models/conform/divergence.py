"""Where an engine and the rule book part, and how that is told."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from itertools import zip_longest
from typing import Any, NamedTuple

from bookproof.models.report.literal import literal
from bookproof.spec.commands import Command


class Kind(StrEnum):
    """Where an engine and the rule book part. Within a step they are looked for in this order."""

    CRASH = "crash"
    """Its process died, or it closed the connection."""
    HANG = "hang"
    """It did not answer."""
    MEMORY = "memory"
    """It used more memory than it may."""
    PROTOCOL = "protocol"
    """What it said was no answer."""
    RAISES = "raises"
    """It raised an exception that is no refusal."""
    TRADE = "trade"
    """Who traded with whom, at what price and how much."""
    ANSWER = "answer"
    """Whether the command was accepted or refused."""
    QUEUE = "queue"
    """Who rests where, in which order, with how much."""
    STOPS = "stops"
    """Which stops wait, in which order."""
    DEPTH = "depth"
    """The displayed levels."""
    TOP = "top"
    """The best levels."""
    STATUS = "status"
    """What is said of one order."""
    ORDER = "order"
    """Clients at once were told what no order of their commands explains."""


FATAL = frozenset({Kind.CRASH, Kind.HANG, Kind.MEMORY, Kind.PROTOCOL})
"""After these there is nobody left to ask."""

ABOUT = {
    Kind.TRADE: ("B10",),
    Kind.ANSWER: ("A4",),
    Kind.RAISES: ("A4",),
    Kind.QUEUE: ("B8",),
    Kind.STOPS: ("B8",),
    Kind.DEPTH: ("B11",),
    Kind.TOP: ("B11",),
    Kind.STATUS: ("A6",),
}
"""The rule that an answer or a view is about, for steps in which the oracle has nothing to decide."""


class Divergence(NamedTuple):
    """The first point at which an engine and the rule book part."""

    kind: Kind
    step: int
    """Position of the command after which they part, from 0."""
    command: Command | None
    """None when it was the opening of the books."""
    question: str
    """What was asked when it showed: the command, or a view."""
    expected: tuple[str, ...]
    """What the rule book says, a line for each event, order or level."""
    got: tuple[str, ...]
    """What the engine said, in the same form."""
    rules: tuple[str, ...]
    """What the oracle decided in this step, by the numbers of the rules."""
    errors: str = ""
    """The end of what the engine wrote to standard error, where it fell silent."""

    @property
    def title(self) -> str:
        """One sentence: what differs."""
        about = "the opening of its books" if self.command is None else literal(self.command)
        told = {
            Kind.CRASH: f"the engine crashes on {self.question}",
            Kind.HANG: f"the engine never answers {self.question}",
            Kind.MEMORY: f"the engine eats up its memory on {self.question}",
            Kind.PROTOCOL: f"the engine gives no proper answer to {self.question}",
            Kind.RAISES: f"the engine raises an exception on {self.question}",
            Kind.TRADE: f"other trades than the rule book's after {about}",
            Kind.ANSWER: f"the answer to {self.question} is not the rule book's",
            Kind.ORDER: f"{self.question} were told what no order of their commands explains",
        }
        return told.get(self.kind, f"{self.question} is wrong after {about}")

    def __str__(self) -> str:
        """Everything a person needs to follow it."""
        width = max(map(len, [*self.expected, "the rule book says"]))
        rows = zip_longest(self.expected, self.got, fillvalue="")
        table = "\n".join(
            f"  {'  ' if left == right else '≠ '}{left:{width}}  {right}".rstrip() for left, right in rows
        )
        head = f"    {'the rule book says':{width}}  the engine says"
        rules = f"  rules: {', '.join(self.rules) or 'none'}"
        errors = f"\n  standard error: {self.errors}" if self.errors else ""
        return f"step {self.step + 1}: {self.title}\n{head}\n{table}\n{rules}{errors}"


# ── answers as lines ──


def trade_line(row: dict[str, Any]) -> str:
    """One trade, as far as it is known.

    >>> trade_line({"price": 100, "quantity": 3, "maker": 1})
    'trade 3 at 100 maker 1'
    """
    book = f"{row['symbol']}: " if row.get("symbol") else ""
    parts = [f"{row['quantity']}" if "quantity" in row else "some", f"at {row['price']}" if "price" in row else ""]
    parts += [f"{role} {row[role]}" for role in ("maker", "taker") if role in row]
    return f"{book}trade {' '.join(part for part in parts if part)}"


def view_lines(answer: Any, name: str = "") -> Iterator[str]:
    """A view as lines."""
    if isinstance(answer, dict) and any(isinstance(part, dict | list) or part is None for part in answer.values()):
        for side, part in answer.items():
            yield from view_lines(part, f"{side}: ")
    elif isinstance(answer, dict):
        yield name + ", ".join(f"{field} {value}" for field, value in answer.items())
    elif isinstance(answer, list):
        yield from (line for part in answer for line in view_lines(part, name))
        if not answer:
            yield f"{name}nothing"
    else:
        yield f"{name}{'nothing' if answer is None else answer}"
