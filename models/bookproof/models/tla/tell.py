"""What became of the models, for a person: one table, and the counterexamples as tables of steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bookproof.models.tla import checkers
from bookproof.models.tla.checker import DEADLOCK, Finding, Says
from bookproof.models.tla.compare import Outcome
from bookproof.models.tla.manifest import Model
from bookproof.models.tla.story import told
from bookproof.spec.input_error import InputError


def print_models(console: Console, models: Sequence[Model], names: Sequence[str]) -> None:
    """What there is to check, and whether this machine can."""
    table = Table(title="The TLA+ models", title_justify="left")
    table.add_column("model, and what it says", ratio=1)
    table.add_column("expected", overflow="fold")
    for heading in ("checkers", "size"):
        table.add_column(heading, no_wrap=True)
    for model in models:
        states = f"{model.distinct:,} states" if model.distinct is not None else ""
        verdict = f"holds,\n{states}" if model.violates is None else f"violates\n{model.violates}"
        says = Text.assemble((model.name, "bold"), f", module {model.module}\n{model.about}")
        table.add_row(says, verdict, "\n".join(model.checkers), model.size)
    console.print(table)
    for name in names:
        try:
            checkers.find(name)
        except InputError as error:
            console.print(Text(f"{name}: {error}", "yellow"), soft_wrap=True)
        else:
            console.print(Text(f"{name}: ready", "green"))


def print_outcomes(console: Console, outcomes: Sequence[Outcome], traces: bool = False) -> None:
    """The table, the counterexamples that nobody expected (with `traces` all of them), and what may be concluded."""
    console.print(_table(outcomes))
    for each in outcomes:
        wrong = each.differences or each.finding is None or each.undecided
        if each.finding is not None and each.finding.trace and (traces or each.differences):
            console.print()
            for part in told(each.model, each.checker, each.finding):
                console.print(part, highlight=False)
        if wrong:
            for sentence in _complaints(each):
                console.print(Text(f"{each.model.name} by {each.checker}: {sentence}", _style(each)), soft_wrap=True)
        if wrong or (traces and each.finding is not None and each.finding.trace):
            console.print(f"again: {each.again}", highlight=False, soft_wrap=True)
    console.print(Text(closing_sentence(outcomes), max((_style(each) for each in outcomes), key=_WORST.index)))


def closing_sentence(outcomes: Sequence[Outcome]) -> str:
    """What may be concluded, and no more."""
    models, names = {each.model.name for each in outcomes}, dict.fromkeys(each.checker for each in outcomes)
    by = f"{_counted(len(outcomes), 'check')} of {_counted(len(models), 'model')} by {' and '.join(names)}"
    differ = sum(bool(each.differences) for each in outcomes)
    unusable = sum(each.finding is None for each in outcomes)
    undecided = sum(each.undecided for each in outcomes)
    parts = [
        f"{count} {what}"
        for count, what in (
            (differ, "not as the manifest says"),
            (unusable, "could not be made"),
            (undecided, "not decided"),
        )
        if count
    ]
    if parts:
        return f"Of {by}: {', '.join(parts)}."
    refuted = sum(each.finding is not None and each.finding.says is Says.VIOLATES for each in outcomes)
    held = len(outcomes) - refuted
    return f"{by}: {held} hold and {refuted} are refuted, each as the manifest says and with the same number of states."


_WORST = ("green", "yellow", "bold magenta", "bold red")
"""What is as it should be, not decided, unusable, and different."""


def _style(each: Outcome) -> str:
    return _WORST[3 if each.differences else 2 if each.finding is None else 1 if each.undecided else 0]


def _complaints(each: Outcome) -> Iterator[str]:
    if each.finding is None:
        yield each.complaint
    elif each.undecided:
        yield f"not decided: {each.finding.note}"
    yield from each.differences


def _together(mine: Mapping[str, Outcome]) -> Text:
    """What the checkers say of one model: in a word where they agree, otherwise one by one."""
    [first, *_] = mine.values()
    if len({_said(each) for each in mine.values()}) == 1:
        return Text(f"{_said(first)} ({len(mine)})", _style(first))
    return Text("\n").join(Text(f"{name}: {_said(each)}", _style(each)) for name, each in mine.items())


def _table(outcomes: Sequence[Outcome]) -> Table:
    table = Table(title="The TLA+ models", title_justify="left")
    table.add_column("model", overflow="fold")
    table.add_column("checkers", no_wrap=True)
    for heading in ("distinct", "diameter", "seconds"):
        table.add_column(heading, justify="right", no_wrap=True)
    for model in dict.fromkeys(each.model for each in outcomes):
        mine = {each.checker: each for each in outcomes if each.model == model}
        found = [each.finding for each in mine.values() if each.finding is not None]
        refuted = [one for one in found if one.says is Says.VIOLATES]
        table.add_row(
            Text.assemble((model.name, "bold"), *(f"\n{line}" for line in dict.fromkeys(map(_violated, refuted)))),
            _together(mine),
            _numbers(one.distinct for one in found if one.says is not Says.VIOLATES),
            _numbers(one.diameter for one in found),
            f"{sum(one.seconds for one in found):.1f}",
        )
    return table


def _said(each: Outcome) -> str:
    found = each.finding
    if found is None:
        return "unusable"
    words = {Says.HOLDS: "holds", Says.VIOLATES: "refuted", Says.UNDECIDED: "not decided"}[found.says]
    return words + ("\nin part" if found.note and found.says is Says.HOLDS else "")


def _violated(found: Finding) -> str:
    """What is violated, in a few words.

    >>> _violated(Finding(Says.VIOLATES, "Linearizable"))
    'violates Linearizable'
    """
    what = found.violates if found.violates == DEADLOCK else f"violates {found.violates}"
    return f"{what}, {found.length} states" if found.length else what


def _numbers(counts: Iterable[int | None]) -> str:
    """One number, or all of those that differ."""
    return " / ".join(f"{count:,}" for count in dict.fromkeys(counts) if count is not None)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
