"""Results for a person: progress while it runs, one closing table, and each disagreement told at length."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console, Group
from rich.panel import Panel
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.rule import Rule as Line
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from bookproof.models.verdict import Disagreement, Result, Verdict
from bookproof.spec.rulebook import RULES

_MANY = 5
"""So many agreeing sequential checks have a row each; more share one."""

_NOT_SUMMED = ("rules reached",)
"""The same rules are reached again and again; the note says how many there are in all."""

_STYLES = {Verdict.AGREE: "green", Verdict.DISAGREE: "bold red", Verdict.NOT_RUN: "yellow"}


class Bars:
    """A progress bar a task, on standard error; a line a task where nobody watches."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.fields[title]:<12}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
            console=self._console,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}
        self._told: set[str] = set()

    def __enter__(self) -> Bars:
        if self._console.is_terminal:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, name: str, share: float, what: str) -> None:
        """Task `name` has done this share, from 0 to 1."""
        if not self._console.is_terminal:
            if share >= 1.0 and name not in self._told:
                self._told.add(name)
                print(f"{name}: done", file=sys.stderr, flush=True)
            return
        if name not in self._tasks:
            if share == 0.0:
                return  # waits for its turn
            self._tasks[name] = self._progress.add_task("", total=1.0, title=name)
        task = self._tasks[name]
        self._progress.update(task, completed=share, description="" if what == name else what)
        if share >= 1.0:
            self._progress.stop_task(task)


@contextmanager
def counting(what: str) -> Iterator[Callable[[int], None]]:
    """A running count on standard error, for work of unknown length; nothing where nobody watches."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda count: None
        return
    with console.status(what) as status:
        yield lambda count: status.update(f"{count:,} {what}")


def print_results(results: Iterable[Result], console: Console | None = None) -> None:
    """The disagreements, each at length, then the table, then one sentence."""
    listed = list(results)
    console = console or Console()
    for result in listed:
        if result.disagreement is not None:
            console.print(told(result, result.disagreement))
    console.print(table(_collapsed(listed)))
    console.print(Text(closing_sentence(listed), style=_STYLES[_worst(listed)]))


def closing_sentence(results: list[Result]) -> str:
    """What may be concluded, and no more.

    >>> closing_sentence([Result("data", "audit", Verdict.NOT_RUN, {}, 0.0, "no sample")])
    'INCOMPLETE: nothing disagreed, but 1 of 1 checks was not run (data: audit).'
    """
    bad = [result for result in results if result.verdict is Verdict.DISAGREE]
    missing = [result for result in results if result.verdict is Verdict.NOT_RUN]
    if bad:
        return f"DISAGREE: {len(bad)} of {len(results)} checks found a counterexample."
    if missing:
        names = ", ".join(f"{result.part}: {result.check}" for result in missing)
        were = "was" if len(missing) == 1 else "were"
        return f"INCOMPLETE: nothing disagreed, but {len(missing)} of {len(results)} checks {were} not run ({names})."
    return f"AGREE: all {len(results)} checks, on what the table counts and on nothing else."


def _worst(results: list[Result]) -> Verdict:
    for verdict in (Verdict.DISAGREE, Verdict.NOT_RUN):
        if any(result.verdict is verdict for result in results):
            return verdict
    return Verdict.AGREE


def _collapsed(results: list[Result]) -> list[Result]:
    """The many sequential checks that agree become one row; what is worth a look keeps its own."""
    rows: list[Result] = []
    for part in dict.fromkeys(result.part for result in results):
        mine = [result for result in results if result.part == part]
        agreeing = [result for result in mine if result.verdict is Verdict.AGREE and "commands" in result.worth]
        if part != "sequential" or len(agreeing) <= _MANY:
            rows += mine
            continue
        sums: dict[str, int | str] = {}
        for result in agreeing:
            for what, count in result.worth.items():
                if isinstance(count, int) and what not in _NOT_SUMMED:
                    before = sums.get(what, 0)
                    sums[what] = count + (before if isinstance(before, int) else 0)
        note = "; ".join(result.note for result in agreeing if result.note)
        seconds = sum(result.seconds for result in agreeing)
        rows.append(Result(part, f"{len(agreeing)} mixes of features", Verdict.AGREE, sums, seconds, note))
        rows += [result for result in mine if result not in agreeing]
    return rows


def table(results: list[Result]) -> Table:
    """What was checked: a row for each result, the parts set off."""
    rows = Table(title="What was checked", title_justify="left", title_style="bold", pad_edge=False)
    rows.add_column("part")
    rows.add_column("check")
    rows.add_column("verdict")
    rows.add_column("what it was worth", ratio=1)
    rows.add_column("seconds", justify="right")
    part = ""
    for result in results:
        if part and result.part != part:
            rows.add_section()
        worth = ", ".join(f"{_number(value)} {what}" for what, value in result.worth.items() if what != "sha256")
        if "sha256" in result.worth:
            worth += f", SHA-256 {result.worth['sha256']}…"
        if result.note:
            worth = f"{worth}: {result.note}" if worth else result.note
        rows.add_row(
            "" if result.part == part else result.part,
            result.check,
            Text(result.verdict.value, style=_STYLES[result.verdict]),
            worth,
            f"{result.seconds:.1f}",
        )
        part = result.part
    return rows


def told(result: Result, found: Disagreement) -> Panel:
    """One disagreement at length."""
    answers = Table(expand=True, pad_edge=False)
    answers.add_column("the rule book says", ratio=1, overflow="fold")
    answers.add_column("the engine said", ratio=1, overflow="fold")
    answers.add_row(Text(found.expected), Text(found.got))
    rules = [f"{number}  {RULES[number].text}" for number in found.rules if number in RULES]
    parts: list[Text | Table | Syntax | Line] = [Text(found.title), Text()]
    if rules:
        parts += [Text("The oracle decided this step by", style="bold"), Text("\n".join(rules)), Text()]
    parts += [answers, Text()]
    if not found.program.startswith("#"):
        parts += [
            Text("As a test to paste", style="bold"),
            Syntax(found.program.rstrip(), "python", background_color="default", word_wrap=True),
            Text(),
        ]
    parts.append(Text.assemble(("Run it again: ", "bold"), found.run_again))
    title = Text(f"{result.part}: {result.check} disagrees", style="bold red")
    return Panel(Group(*parts), title=title, title_align="left", border_style="red")


def _number(value: int | str) -> str:
    return f"{value:,}" if isinstance(value, int) else value
