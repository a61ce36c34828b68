"""What an audit found, as values, as plain JSON data, and as a page in the terminal."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from bookproof.spec.values import Ticks

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

RULES = {
    "B1": "a buy and a sell trade only if their limits cross",
    "B2": "the better price trades first",
    "B3": "at equal price the earlier order trades first",
    "B4": "a trade is at the maker's price",
    "B5": "a taker never trades beyond its own limit",
    "B6": "no order comes to rest across the book",
    "B7": "a partially filled maker keeps its place",
    "B8": "no quantity is lost, made up or altered",
}
"""The rules an audit checks, by their numbers in the rule book."""

SHOWN = 10
"""Violations that a page shows in full."""


class Verdict(StrEnum):
    """What the log says of the venue, as far as it can be read."""

    AGREE = "agree"
    """Something was checked, and every check passed."""
    DISAGREE = "disagree"
    """At least one rule was broken, and no defect of the data explains it."""
    UNDECIDED = "undecided"
    """Nothing in the log could be checked."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule, with the lines that prove it.

    `order_lines` are lines of the order events, `trade_lines` of the trades: the same file or two.
    """

    rule: str
    explanation: str
    orders: tuple[str, ...]
    order_lines: tuple[int, ...]
    trade_lines: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Ghost:
    """An order the log shows and the venue had not: excluded, with the evidence for it. `price` is in ticks."""

    order_id: str
    price: Ticks
    line: int
    takers_through: int
    fills_through: int
    quotes_across: int
    explanation: str


@dataclass(frozen=True, slots=True)
class Defect:
    """One kind of flaw in the data, which says nothing against the venue."""

    name: str
    count: int
    explanation: str
    lines: tuple[int, ...]
    """The first few lines that show it."""


@dataclass(frozen=True, slots=True)
class Checked:
    """How often a rule was put to the test, and how often it could have failed.

    `decisive` counts the tests with a choice to get wrong: a queue with somebody else in it, a second price.
    """

    rule: str
    count: int
    decisive: int
    broken: int

    @property
    def title(self) -> str:
        """The rule in words."""
        return RULES[self.rule]


@dataclass(frozen=True, slots=True)
class Unchecked:
    """Something the data cannot tell, and how much of it there was."""

    name: str
    count: int
    reason: str


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The outcome of an audit: the verdict, what it rests on, and what it does not cover.

    `violations` holds the first hundred of each rule and cause; `checked` says how many there were.
    `cleared` counts, by rule, the alarms that vanish without the ghosts.

    >>> from bookproof.models.audit.auditor import audit
    >>> report = audit([])
    >>> report.verdict, report.sentence
    (<Verdict.UNDECIDED: 'undecided'>, 'Nothing could be checked: the log has no trade and no live order.')
    """

    source: str
    verdict: Verdict
    violations: tuple[Violation, ...]
    ghosts: tuple[Ghost, ...]
    defects: tuple[Defect, ...]
    checked: tuple[Checked, ...]
    cannot_tell: tuple[Unchecked, ...]
    counts: dict[str, int]
    cleared: dict[str, int]

    @property
    def broken(self) -> int:
        """How many times a rule was broken."""
        return sum(checked.broken for checked in self.checked)

    @property
    def sentence(self) -> str:
        """The verdict in one sentence, with what it was worth."""
        trades, quotes = self.counts.get("trades", 0), self.counts.get("orders that came to rest", 0)
        if self.verdict is Verdict.UNDECIDED:
            return "Nothing could be checked: the log has no trade and no live order."
        work = f"{trades:,} trades and {quotes:,} orders that came to rest"
        if self.verdict is Verdict.DISAGREE:
            rules = ", ".join(f"{checked.rule} ({checked.broken:,})" for checked in self.checked if checked.broken)
            return f"The log breaks {rules}, out of {work}."
        excused = f" once {len(self.ghosts)} ghost orders are left out" if self.ghosts else ""
        return f"Every rule that could be checked holds on {work}{excused}."

    def to_json(self) -> dict[str, Any]:
        """Plain data, ready for `json.dumps`: dicts, lists, strings and numbers, keys in a fixed order."""
        data = {"verdict": self.verdict.value, "sentence": self.sentence, **asdict(self)}
        data["verdict"] = self.verdict.value
        data["checked"] = [{**asdict(checked), "title": checked.title} for checked in self.checked]
        return {key: list(value) if isinstance(value, tuple) else value for key, value in data.items()}


def render(report: AuditReport) -> RenderableType:
    """Lay a report out for a terminal. `rich` is loaded only here."""
    from rich.console import Group
    from rich.markup import escape
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    colour = {Verdict.AGREE: "green", Verdict.DISAGREE: "red", Verdict.UNDECIDED: "yellow"}[report.verdict]
    parts: list[RenderableType] = [
        Panel(
            Text(report.sentence), title=f"{escape(report.source)}: {report.verdict.upper()}", border_style=colour
        )
    ]

    if report.violations:
        broken = Table(title="Violations", title_justify="left", expand=True)
        for column in ("rule", "what happened", "order lines", "trade lines"):
            broken.add_column(column, ratio=1 if column == "what happened" else None)
        for violation in report.violations[:SHOWN]:
            broken.add_row(
                violation.rule, Text(violation.explanation), _lines(violation.order_lines), _lines(violation.trade_lines)
            )
        parts.append(broken)
        if (more := report.broken - len(report.violations[:SHOWN])) > 0:
            parts.append(Text(f"… and {more:,} more"))

    worth = Table(title="What was checked", title_justify="left")
    for column, justify in (("rule", "left"), ("", "left"), ("checked", "right"), ("decisive", "right"), ("broken", "right")):
        worth.add_column(column, justify="right" if justify == "right" else "left")
    for checked in report.checked:
        worth.add_row(
            checked.rule, checked.title, f"{checked.count:,}", f"{checked.decisive:,}", f"{checked.broken:,}"
        )
    parts.append(worth)

    for title, rows in (
        ("Ghost orders, left out", [(ghost.order_id, "", ghost.explanation) for ghost in report.ghosts]),
        (
            "Defects of the data",
            [(flaw.name, f"{flaw.count:,}", flaw.explanation + _where(flaw.lines)) for flaw in report.defects],
        ),
        (
            "What the data cannot tell",
            [(item.name, f"{item.count:,}", item.reason) for item in report.cannot_tell],
        ),
    ):
        if rows:
            table = Table(title=title, title_justify="left", show_header=False, expand=True, show_lines=True)
            table.add_column(ratio=1)
            table.add_column(justify="right")
            table.add_column(ratio=3)
            for row in rows:
                table.add_row(*map(Text, row))
            parts.append(table)
    return Group(*parts)


def print_report(report: AuditReport, console: Console | None = None) -> None:
    """Print a report to a terminal, or to the console given."""
    from rich.console import Console

    (console or Console()).print(render(report))


def _lines(lines: tuple[int, ...]) -> str:
    return ", ".join(map(str, lines))


def _where(lines: tuple[int, ...]) -> str:
    return f" (line {_lines(lines)})" if lines else ""
