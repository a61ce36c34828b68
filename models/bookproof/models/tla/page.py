"""A refuted model as a page of its own: one file of HTML, nothing to load, light or dark as the reader likes.

The trace with what each step changes, why it is wrong, the same defect on the Python engine, and how to run both again.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from bookproof.models.interleaving.page import Counterexample, picture
from bookproof.models.report.style import CSS
from bookproof.models.tla.checker import DEADLOCK, Finding
from bookproof.models.tla.compare import Outcome
from bookproof.models.tla.manifest import Model
from bookproof.models.tla.modules import definition, remarks
from bookproof.models.tla.on_the_engine import on_the_engine
from bookproof.models.tla.story import Change, lines_of, why_it_ends
from bookproof.models.tla.values import text
from bookproof.spec.input_error import InputError


def write_page(outcomes: Sequence[Outcome], path: Path) -> None:
    """Write the page of one model. Raises InputError when no checker found a counterexample, or for a bad file."""
    found = next((each for each in outcomes if each.finding is not None and each.finding.trace), None)
    if found is None:
        raise InputError("options", 0, "--page", "a model with a counterexample", "none was found")
    model = found.model
    try:
        path.write_text(page(model, outcomes, on_the_engine(model)), encoding="utf-8")
    except OSError as error:
        raise InputError("options", 0, "--page", "a file that can be written", str(error)) from None


def page(model: Model, outcomes: Sequence[Outcome], engine: Counterexample | None) -> str:
    """The whole page. At least one of the outcomes has a trace: the first of them is told."""
    first = next(each for each in outcomes if each.finding is not None and each.finding.trace)
    found = first.finding
    assert found is not None
    by = [each.checker for each in outcomes if each.finding is not None and each.finding.violates == found.violates]
    return _PAGE.format(
        title=escape(f"{model.name}: {found.violates}"),
        css=CSS + _CSS,
        name=escape(model.name),
        violates=escape(found.violates if found.violates == DEADLOCK else f"violates {found.violates}"),
        about=escape(model.about),
        counts=escape(f"module {model.module}, {len(found.trace)} states, found by {' and '.join(by)}"),
        ends=escape(why_it_ends(found)),
        trace=_trace(found),
        states=_states(found),
        why=_why(model, found),
        engine=_engine(engine) if engine is not None else "",
        again=escape(f"bookproof tla {model.name} --trace"),
    )


def _trace(found: Finding) -> str:
    rows = []
    for line in lines_of(found.trace):
        if line.number == 1:
            cell = f"<details><summary>{len(line.changes)} variables</summary>{_list(line.changes)}</details>"
        else:
            cell = _list(line.changes)
        rows.append(f"<tr><td>{line.number}<td><b>{escape(line.action)}</b><td>{escape(line.client)}<td>{cell}")
    if found.back_to is not None:
        rows.append(f"<tr class=turn><td><td><td><td>{escape(why_it_ends(found))}")
    head = "<tr><th>state<th>action<th>client<th>what changed"
    return f"<div class=wide><table class=steps>{head}{''.join(rows)}</table></div>"


def _list(changes: Sequence[Change]) -> str:
    if not changes:
        return "nothing"
    return "".join(
        f"<div><code>{escape(change.place)}</code> "
        + (f"<code class=was>{escape(change.before)}</code> → " if change.before else "= ")
        + f"<code{' class=mark' if change.before else ''}>{escape(change.after)}</code></div>"
        for change in changes
    )


def _states(found: Finding) -> str:
    """Each state as a row, each variable as a column; what a step has changed is marked."""
    names = [str(name) for name in found.trace[0].state]
    rows = []
    for at, step in enumerate(found.trace):
        cells = [text(step.state[name]) for name in names]
        before = [text(found.trace[at - 1].state[name]) for name in names] if at else cells
        marked = "".join(
            f"<td{' class=mark' if cell != old else ''}><code>{escape(cell)}</code>"
            for cell, old in zip(cells, before, strict=True)
        )
        rows.append(f"<tr><td>{at + 1}<td>{escape(step.action or 'begins')}{marked}")
    head = "".join(f"<th>{escape(name)}" for name in names)
    return f"<div class=wide><table class=states><tr><th><th>action{head}{''.join(rows)}</table></div>"


def _why(model: Model, found: Finding) -> str:
    """What the modules say of the design, of the property, and of themselves."""
    whole, cfg = model.checked()
    parts = []
    for name, value in cfg.constants.items():
        said = remarks(whole, value) if type(value) is str else ""
        if said:
            parts.append(f"<p><code>{escape(name)} = {escape(text(value))}</code>: {escape(said)}</p>")
    if found.violates != DEADLOCK:
        parts.append(f"<pre>{escape(definition(whole, found.violates))}</pre>")
    about = whole.modules[-1].about
    if about:
        parts.append(f"<details><summary>Module {escape(model.module)}</summary><pre>{escape(about)}</pre></details>")
    return "".join(parts)


def _engine(found: Counterexample) -> str:
    return (
        f"<h1 class=engine>The same defect on the Python engine</h1><p class=about>{escape(found.story)}</p>"
        f"<p class=counts>Engine {escape(found.engine)}. {escape(found.scenario.about)}</p>"
        f"<div class='said wrong'><p>{escape(found.fault.story if found.fault else '')}</p></div>"
        f"{picture(found)}<h2>Run it again</h2><pre>{escape(found.again)}</pre>"
        f"<h2>As a test</h2><pre>{escape(found.test.strip())}</pre>"
    )


_CSS = """
.mark{background:var(--mark)}.was{color:var(--soft)}.steps div{margin:.1rem 0}.steps summary{font-size:inherit;
font-weight:400;margin:0;color:var(--soft)}.states code{white-space:nowrap}h1.engine{margin-top:3rem}
"""

_PAGE = """<!doctype html>
<html lang=en><head><meta charset=utf-8><meta name=viewport content="width=device-width,initial-scale=1">
<title>{title}</title><style>{css}</style></head><body>
<h1>{name} <span class="badge wrong">{violates}</span></h1>
<p class=about>{about}</p><p class=counts>{counts}</p>
<div class="said wrong"><p>{ends}</p></div>
<h2>The counterexample <small>the shortest one</small></h2>{trace}
<details><summary>Every variable in every state</summary>{states}</details>
<h2>Why</h2>{why}
<h2>Run it again</h2><pre>{again}</pre>
{engine}
</body></html>
"""
