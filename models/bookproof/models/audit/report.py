"""What an audit found: as values, as plain JSON data, and as a page in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from bookproof.spec.values import Ticks

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

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
    """Trades were checked, and every check passed."""
    DISAGREE = "disagree"
    """At least one rule was broken, and no defect of the data explains it."""
    UNDECIDED = "undecided"
    """No trade could be checked, so nothing is known of the matching."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule, with the lines that prove it.

    `order_lines` are lines of the order events, `trade_lines` of the trades: of one file, or of two. The
    explanation gives prices in ticks and quantities in lots.
    """

    rule: str
    explanation: str
    orders: tuple[str, ...]
    order_lines: tuple[int, ...]
    trade_lines: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Ghost:
    """An order that the log shows and the venue had not: left out, with the evidence. `price` is in ticks."""

    order_id: str
    price: Ticks
    line: int
    """Where the snapshot lists it."""
    takers_through: int
    fills_through: int
    quotes_across: int
    evidence_lines: tuple[int, ...]
    """Order events with which it began: the takers and quotes that went past it first."""
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

    `decisive` counts the tests with a choice to get wrong: somebody else in the queue, a second price.
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

    `violations` holds the first hundred of each rule and cause; `checked` says how many there were. `cleared`
    counts, by rule, the alarms that vanish when the ghosts are left out.

    >>> from bookproof.models.audit.auditor import audit
    >>> report = audit([])
    >>> report.verdict, report.sentence
    (<Verdict.UNDECIDED: 'undecided'>, 'No trade could be checked, so nothing is known of the matching.')
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
        if self.verdict is Verdict.UNDECIDED:
            return "No trade could be checked, so nothing is known of the matching."
        trades, quotes = self.counts.get("trades", 0), self.counts.get("orders that came to rest", 0)
        work = f"{trades:,} trades and {quotes:,} orders that came to rest"
        if self.verdict is Verdict.DISAGREE:
            return f"Broken, out of {work}: {_by_rule({rule.rule: rule.broken for rule in self.checked})}."
        holds = f"Every rule that could be checked holds on {work}"
        if not self.ghosts:
            return f"{holds}."
        ghosts = "1 ghost order" if len(self.ghosts) == 1 else f"{len(self.ghosts)} ghost orders"
        return f"{holds}, without {ghosts}; with them, false alarms: {_by_rule(self.cleared)}."

    def to_json(self) -> dict[str, Any]:
        """Plain data, ready for `json.dumps`: dicts, lists, strings and numbers, keys in a fixed order."""
        plain: dict[str, Any] = _plain(asdict(self))
        for rule in plain["checked"]:
            rule["title"] = RULES[rule["rule"]]
        return {"verdict": plain.pop("verdict"), "sentence": self.sentence, **plain}


def render(report: AuditReport) -> RenderableType:
    """Lay a report out for a terminal. `rich` is loaded only here."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.text import Text

    colour = {Verdict.AGREE: "green", Verdict.DISAGREE: "red", Verdict.UNDECIDED: "yellow"}[report.verdict]
    title = Text(f"{report.source}: {report.verdict.upper()}")
    return Group(Panel(Text(report.sentence), title=title, border_style=colour), *_tables(report))


def print_report(report: AuditReport, console: Console | None = None) -> None:
    """Print a report to the terminal, or to the console given."""
    from rich.console import Console

    (console or Console()).print(render(report))


def _tables(report: AuditReport) -> Iterator[Table]:
    if report.violations:
        more = report.broken - len(report.violations[:SHOWN])
        yield _table(
            "Violations" + (f" (the first {SHOWN}, and {more:,} more)" if more else ""),
            {"rule": "left", "what happened": "left", "order lines": "left", "trade lines": "left"},
            [
                (
                    violation.rule,
                    violation.explanation,
                    *map(_lines, (violation.order_lines, violation.trade_lines)),
                )
                for violation in report.violations[:SHOWN]
            ],
        )
    yield _table(
        "What was checked",
        {"rule": "left", "": "left", "checked": "right", "decisive": "right", "broken": "right"},
        [
            (rule.rule, rule.title, f"{rule.count:,}", f"{rule.decisive:,}", f"{rule.broken:,}")
            for rule in report.checked
        ],
    )
    if report.ghosts:
        yield _table(
            "Ghost orders, left out",
            {"order": "left", "line": "right", "why": "left"},
            [(ghost.order_id, f"{ghost.line:,}", ghost.explanation) for ghost in report.ghosts],
        )
    if report.defects:
        yield _table(
            "Defects of the data",
            {"defect": "left", "count": "right", "what it is": "left", "first lines": "left"},
            [(flaw.name, f"{flaw.count:,}", flaw.explanation, _lines(flaw.lines)) for flaw in report.defects],
        )
    if report.cannot_tell:
        yield _table(
            "What the data cannot tell",
            {"what": "left", "count": "right", "why not": "left"},
            [(limit.name, f"{limit.count:,}", limit.reason) for limit in report.cannot_tell],
        )


def _table(title: str, columns: Mapping[str, str], rows: list[tuple[str, ...]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", show_lines=len(columns) != 5)
    for name, justify in columns.items():
        table.add_column(name, justify="right" if justify == "right" else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _by_rule(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{rule} {count:,} times" for rule, count in counts.items() if count)


def _lines(lines: tuple[int, ...]) -> str:
    return ", ".join(map(str, lines))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.value if isinstance(value, Verdict) else value
