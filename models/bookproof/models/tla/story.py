"""A counterexample as a person follows it: which action, by whom, and what it changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from bookproof.models.tla.checker import DEADLOCK, Finding, Step
from bookproof.models.tla.manifest import Model
from bookproof.models.tla.values import Function, TlaValue, text


class Change(NamedTuple):
    """One place in a state that a step has changed."""

    place: str
    """As TLA+ names it, such as `floor.book["A"].sell` or `pc[c1]`."""
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.place}: {self.before} → {self.after}"


class Line(NamedTuple):
    """A step of a counterexample, told."""

    number: int
    """Of the state that it leads to, the initial one being 1."""
    action: str
    client: str
    """Nothing where the state does not show who made it."""
    changes: tuple[Change, ...]
    """Of the initial state: all of it."""


def lines_of(trace: Sequence[Step]) -> list[Line]:
    """Each state of a trace, with what led to it.

    >>> before = Function({"pc": ("idle", "idle"), "owner": 0})
    >>> after = Function({"pc": ("idle", "in"), "owner": 2})
    >>> line = lines_of([Step("", before), Step("Take", after)])[1]
    >>> line.action, line.client, [str(change) for change in line.changes]
    ('Take', '2', ['owner: 0 → 2', 'pc[2]: "idle" → "in"'])
    """
    lines: list[Line] = []
    for at, step in enumerate(trace):
        if at == 0:
            whole = tuple(Change(str(name), "", text(value)) for name, value in step.state.items())
            lines.append(Line(1, "begins", "", whole))
            continue
        before = trace[at - 1].state
        lines.append(Line(at + 1, step.action, client_of(before, step.state), tuple(changes(before, step.state))))
    return lines


def changes(before: Function, after: Function) -> Iterator[Change]:
    """What differs between two states, each as deep in its variable as both have the same shape."""
    for name, value in after.items():
        yield from _changes(str(name), before[name], value)


def _changes(place: str, before: TlaValue, after: TlaValue) -> Iterator[Change]:
    if text(before) == text(after):
        return
    if isinstance(before, Function) and isinstance(after, Function) and list(before) == list(after):
        for key in after:
            part = f".{key}" if type(key) is str and key.isidentifier() else f"[{text(key)}]"
            yield from _changes(place + part, before[key], after[key])
    elif isinstance(before, tuple) and isinstance(after, tuple) and len(before) == len(after):
        for at, (one, other) in enumerate(zip(before, after, strict=True), 1):
            yield from _changes(f"{place}[{at}]", one, other)
    else:
        yield Change(place, text(before), text(after))


def client_of(before: Function, after: Function) -> str:
    """Who made a step, as far as the states show it: no checker says.

    A client is what `pc` is a function of. It is the one whose `pc` has changed; else the one for which most variables
    that are functions of clients have changed, unless two have as many: a lock is a function too, of its stripes.
    """
    pc = after.get("pc")
    if pc is None:
        return ""
    votes: Counter[str] = Counter()
    for name, value in after.items():
        if _domain(value) == _domain(pc) and _domain(before[name]) == _domain(pc):
            for key in _domain(pc):
                changed = text(_image(before[name], key)) != text(_image(value, key))
                votes[text(key)] += changed * (len(after) if name == "pc" else 1)
    most = [key for key, count in votes.items() if count and count == max(votes.values())]
    return most[0] if len(most) == 1 else ""


def _domain(value: TlaValue) -> tuple[TlaValue, ...]:
    if isinstance(value, tuple):
        return tuple(range(1, len(value) + 1))
    return tuple(value) if isinstance(value, Function) else ()


def _image(value: TlaValue, key: TlaValue) -> TlaValue:
    if isinstance(value, tuple) and isinstance(key, int):
        return value[key - 1]
    assert isinstance(value, Function)
    return value[key]


def why_it_ends(found: Finding) -> str:
    """What is wrong at the end of a counterexample, in a sentence.

    >>> from bookproof.models.tla.checker import Says
    >>> why_it_ends(Finding(Says.VIOLATES, "Linearizable"))
    'Linearizable does not hold in the last state.'
    """
    if found.violates == DEADLOCK:
        return "Nobody can make a step in the last state, and not everybody has finished: a deadlock."
    if found.back_to is None:
        return f"{found.violates} does not hold in the last state."
    if found.back_to == len(found.trace) - 1:
        return f"Nothing happens any more, and {found.violates} does not hold."
    return (
        f"From the last state on it goes back to state {found.back_to + 1}, for ever: {found.violates} does not hold."
    )


def told(model: Model, checker: str, found: Finding) -> list[RenderableType]:
    """The counterexample for a terminal."""
    table = Table(title=f"{model.name}, by {checker}", title_justify="left", show_lines=False)
    for heading in ("state", "action", "client"):
        table.add_column(heading, justify="right" if heading == "state" else "left")
    table.add_column("what changed", ratio=1, overflow="fold")
    for line in lines_of(found.trace):
        cell = Text()
        for at, change in enumerate(line.changes):
            cell.append("\n" if at else "")
            cell.append(change.place, "bold" if line.number > 1 else "")
            cell.append(f" = {change.after}" if line.number == 1 else f": {change.before} → ")
            cell.append("" if line.number == 1 else change.after, "green")
        table.add_row(str(line.number), line.action, line.client, cell)
    return [Text(model.about, "bold"), table, Text(why_it_ends(found), "bold red")]
