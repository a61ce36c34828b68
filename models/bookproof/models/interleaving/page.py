"""A counterexample as a page of its own: one file of HTML, nothing to load, light or dark as the reader likes.

Three zooms: what everybody was told, the interleaving as a picture, and the full trace; then who waits for whom, the
test to paste and the command that runs it again.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from html import escape
from itertools import groupby
from typing import NamedTuple

from bookproof.models.interleaving.judge import Fault
from bookproof.models.interleaving.program import Outcome
from bookproof.models.interleaving.scenarios import Scenario
from bookproof.models.interleaving.story import telling
from bookproof.models.interleaving.trace import Step
from bookproof.models.interleaving.why import Held, Switch, Wait, held_in, racing_in, switches_of, waits_of
from bookproof.models.interleaving.words import letter
from bookproof.models.report.plainly import plainly
from bookproof.models.report.style import CSS


class Counterexample(NamedTuple):
    """All that a page tells."""

    token: str
    engine: str
    scenario: Scenario
    outcome: Outcome
    steps: Sequence[Step]
    fault: Fault | None
    test: str
    again: str
    """The command line that runs it again."""
    story: str = ""
    """What is wrong with the engine, where that is known."""


def page(found: Counterexample) -> str:
    """The whole page."""
    turns = switches_of(found.steps)
    fault = found.fault
    verdict = "explained by its stamps" if fault is None else fault.kind
    expected = (
        f"<p class=expected><b>The rule book says</b> {escape(fault.expected)}</p>" if fault and fault.expected else ""
    )
    story = f"<p class=about>{escape(found.story)}</p>" if found.story else ""
    return _PAGE.format(
        title=escape(f"{found.token} on {found.engine}"),
        css=CSS,
        engine=escape(found.engine),
        kind="right" if fault is None else "wrong",
        verdict=escape(verdict),
        said=escape(fault.story if fault else "Every answer is what the rule book says, in the order of the stamps."),
        expected=expected,
        story=story,
        about=escape(found.scenario.about),
        counts=escape(_counts(found, turns)),
        picture=picture(found),
        trace=_trace(found.steps, turns),
        test=escape(found.test.strip()),
        again=escape(found.again),
        token=escape(found.token),
    )


def picture(found: Counterexample) -> str:
    """The part of a page that shows what happened: the answers, the interleaving, and who waits for whom."""
    turns, waits = switches_of(found.steps), waits_of(found.steps)
    graph = f"<h2>Who waits for whom</h2>{_graph(waits)}" if waits else ""
    return (
        f"<h2>What everybody was told</h2>{_answers(found)}"
        f"<h2>The interleaving <small>threads side by side, time goes down</small></h2>{_timeline(found, turns)}{graph}"
    )


def _counts(found: Counterexample, turns: Sequence[Switch]) -> str:
    steps, commands = len(found.outcome.run.schedule), sum(map(len, found.scenario.scripts))
    parts = ((commands, "command"), (steps, "transition"), (len(turns), "switch"))
    return ", ".join(
        f"{count} {name}{'' if count == 1 else 'es' if name == 'switch' else 's'}" for count, name in parts
    )


# ── the answers ──


def _answers(found: Counterexample) -> str:
    told = {(each.client, each.number): each.answer for each in found.outcome.told}
    rows = [_row("before", plainly(command), "", "") for command in found.scenario.before]
    for thread, script in enumerate(found.scenario.scripts):
        for number, command in enumerate(script):
            answer = told.get((thread, number))
            stamp, said = ("", "never returned") if answer is None else (str(answer.stamp), plainly(*answer.events))
            wrong = found.fault is not None and (answer is None or said in found.fault.story)
            rows.append(_row(letter(thread), plainly(command), stamp, said, "wrong" if wrong else ""))
    head = "<tr><th>thread<th>command<th>stamp<th>answer"
    return f"<div class=wide><table>{head}{''.join(rows)}</table></div>"


def _row(thread: str, command: str, stamp: str, said: str, kind: str = "") -> str:
    return f"<tr class='{kind}'><td>{thread}<td>{escape(command)}<td>{stamp}<td>{escape(said)}"


# ── the interleaving ──

_ROW, _SHORT, _TURN, _TOP, _LANE = 38, 24, 58, 40, 12
"""Heights in pixels: a step with its line of the engine, one without, a switch, the head; and how wide a lock is."""

_LOCKS = ("#4c78a8", "#f58518", "#54a24b", "#b279a2", "#e45756", "#72b7b2", "#9d755d", "#bab0ac")


def _timeline(found: Counterexample, turns: Sequence[Switch]) -> str:
    """Columns are threads, time goes down; a lock is a bar for as long as it is held, a switch an arrow."""
    steps = found.steps
    busy = [thread for thread, script in enumerate(found.scenario.scripts) if script]
    shown = {at for at in telling(steps, turns) if steps[at].thread in busy}
    heights, bottom = _heights(steps, shown, {turn.at for turn in turns})
    held = [each for each in held_in(steps) if each.thread in busy]
    lanes = _lanes(held)
    column = 1080 // max(len(busy), 2)
    left = {thread: 44 + number * column for number, thread in enumerate(busy)}
    colours = {place: _LOCKS[at % len(_LOCKS)] for at, place in enumerate(dict.fromkeys(each.place for each in held))}
    inset = 20 + _LANE * (max(lanes, default=0) + 1)
    wide = column - inset - 18
    parts: list[str] = []
    for thread in busy:
        x = left[thread]
        parts.append(f"<rect class=lane x={x} y=6 width={column - 14} height={bottom - 6} rx=8 />")
        parts.append(f"<text class=thread x={x + 12} y=27>thread {letter(thread)}</text>")
    for each, lane in zip(held, lanes, strict=True):
        begin = heights[each.begin] + 4
        end = bottom - 6 if each.end >= len(steps) else heights[each.end] + 14
        box = f"x={left[each.thread] + 10 + lane * _LANE} y={begin} width={_LANE - 4} height={max(end - begin, 8)} rx=3"
        tip = escape(f"{letter(each.thread)} holds {each.place}")
        parts.append(f"<rect {box} fill='{colours[each.place]}'><title>{tip}</title></rect>")
    marked = {at for turn in turns for at in turn.conflict}
    if found.fault is not None and found.fault.kind == "race":
        marked |= racing_in(steps, found.outcome.run.races)
    for at in sorted(shown):
        step, x, y = steps[at], left[steps[at].thread] + inset, heights[at]
        if at in marked:
            height = _ROW - 4 if _line(step) else _SHORT - 4
            parts.append(f"<rect class=mark x={x - 4} y={y + 1} width={wide} height={height} rx=5 />")
        parts.append(f"<text class=no x=36 y={y + 15}>{at + 1}</text>")
        parts.append(_written(step.what, f"step {step.verb.split()[0]}", x, y + 15, int(wide / 7.3)))
        if _line(step):
            parts.append(_written(_line(step), "code", x, y + 30, int(wide / 6.7)))
    parts += [_arrow(turn, left, heights[turn.at] - _TURN) for turn in turns]
    width, height = 44 + column * len(busy), bottom + 4
    locks = [f"<span><i style='background:{colour}'></i>{escape(place)}</span>" for place, colour in colours.items()]
    return (
        f"<p class=legend>{''.join(locks)}<span><b class=mark></b>what conflicts</span></p><div class=wide>"
        f"<svg role=img aria-label='timeline' width={width} height={height} viewBox='0 0 {width} {height}'>"
        "<defs><marker id=tip viewBox='0 0 8 8' refX=7 refY=4 markerWidth=6 markerHeight=6 orient=auto>"
        f"<path d='M0 0L8 4L0 8z' class=tip /></marker></defs>{''.join(parts)}</svg></div>"
    )


def _heights(steps: Sequence[Step], shown: Collection[int], turns: Collection[int]) -> tuple[list[int], int]:
    """Where each step begins, in pixels from the top; and where the last one ends."""
    heights: list[int] = []
    y = _TOP
    for at, step in enumerate(steps):
        y += _TURN if at in turns else 0
        heights.append(y)
        y += (_ROW if _line(step) else _SHORT) if at in shown else 0
    return heights, y + 8


def _line(step: Step) -> str:
    """The line of the engine at which a step is made, where that says anything."""
    return f"{step.site} {step.site.code}" if step.site is not None and step.verb != "leaves" else ""


def _written(text: str, kind: str, x: int, y: int, letters: int) -> str:
    return f"<text class='{kind}' x={x} y={y}>{escape(_cut(text, letters))}<title>{escape(text)}</title></text>"


def _arrow(turn: Switch, left: Mapping[int, int], top: int) -> str:
    """From one column to the other, through the reason."""
    begin, end = left[turn.leaves] + 60, left[turn.enters] + 60
    words = f"{letter(turn.leaves)} → {letter(turn.enters)}: {turn.why}"
    x, half = max((begin + end) // 2 + 60, 70 + int(3.45 * len(words))), int(3.45 * len(words)) + 12
    way = f"M{begin} {top + 4}V{top + 28}H{end}V{top + _TURN - 4}"
    return (
        f"<circle class=tip cx={begin} cy={top + 4} r=3.5 /><path class=turn d='{way}' marker-end='url(#tip)'/>"
        f"<rect class=paper x={x - half} y={top + 17} width={2 * half} height=22 rx=11 />"
        f"<text class=why x={x} y={top + 32}>{escape(words)}</text>"
    )


def _lanes(held: Sequence[Held]) -> list[int]:
    """Beside which others each bar is drawn, so that none covers another of its thread."""
    lanes: list[int] = []
    for at, each in enumerate(held):
        beside = [other for other in range(at) if held[other].thread == each.thread and held[other].end > each.begin]
        lanes.append(min(set(range(at + 1)) - {lanes[other] for other in beside}))
    return lanes


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: letters - 1]}…"


# ── who waits for whom ──


def _graph(waits: Sequence[Wait]) -> str:
    """Threads are circles and locks are boxes, on a ring: from who waits to what for, and on to who holds it."""
    nodes: dict[tuple[str, str], None] = {}
    edges: list[tuple[tuple[str, str], tuple[str, str], str]] = []
    for wait in _ring(waits):
        thread, lock = ("thread", letter(wait.thread)), ("lock", wait.place)
        nodes |= {thread: None, lock: None}
        edges.append((thread, lock, "waits for"))
        if wait.holder is not None:
            holder = ("thread", letter(wait.holder))
            nodes.setdefault(holder, None)
            if (lock, holder, "held by") not in edges:
                edges.append((lock, holder, "held by"))
    reach = 60 + 22 * len(nodes)
    size = 2 * reach + 130
    places = {
        node: (
            size / 2 + reach * math.sin(2 * math.pi * at / len(nodes)),
            size / 2 - reach * math.cos(2 * math.pi * at / len(nodes)),
        )
        for at, node in enumerate(nodes)
    }
    parts: list[str] = []
    for one, other, word in edges:
        (x1, y1), (x2, y2) = places[one], places[other]
        length = math.hypot(x2 - x1, y2 - y1) or 1.0
        dx, dy = (x2 - x1) / length, (y2 - y1) / length
        kind = "waits" if word == "waits for" else "holds"
        ends = f"x1={x1 + 34 * dx:.0f} y1={y1 + 28 * dy:.0f} x2={x2 - 44 * dx:.0f} y2={y2 - 30 * dy:.0f}"
        at_x, at_y = (x1 + x2) / 2 - 36 * dy, (y1 + y2) / 2 + 24 * dx
        parts.append(f"<line class={kind} {ends} marker-end='url(#end)'/>")
        parts.append(f"<text class=edge x={at_x:.0f} y={at_y:.0f}>{word}</text>")
    for (kind, name), (x, y) in places.items():
        if kind == "thread":
            parts.append(f"<circle class=node cx={x:.0f} cy={y:.0f} r=24 />")
        else:
            parts.append(f"<rect class=node x={x - 44:.0f} y={y - 18:.0f} width=88 height=36 rx=6 />")
        parts.append(f"<text class=name x={x:.0f} y={y + 5:.0f}>{escape(name)}</text>")
    return (
        f"<svg role=img aria-label='who waits for whom' width={size} height={size} viewBox='0 0 {size} {size}'>"
        "<defs><marker id=end viewBox='0 0 8 8' refX=7 refY=4 markerWidth=8 markerHeight=8 orient=auto>"
        f"<path d='M0 0L8 4L0 8z' class=tip /></marker></defs>{''.join(parts)}</svg>"
    )


def _ring(waits: Sequence[Wait]) -> Iterable[Wait]:
    """The waits, each followed by that of whoever holds what is waited for."""
    left = {wait.thread: wait for wait in waits}
    thread: int | None = None
    while left:
        wait = left.pop(thread if thread is not None and thread in left else min(left))
        yield wait
        thread = wait.holder


# ── the full trace ──


def _trace(steps: Sequence[Step], turns: Sequence[Switch]) -> str:
    at_turn = {turn.at: turn for turn in turns}
    rows: list[str] = []
    for at, step in enumerate(steps):
        if at in at_turn:
            turn = at_turn[at]
            words = f"{letter(turn.leaves)} → {letter(turn.enters)}: {turn.why}"
            rows.append(f"<tr class=turn><td><td><td>{escape(words)}")
        way = ""
        for file, sites in groupby(step.sites, lambda site: site.file):
            lines = [f"<span title='{escape(site.code)}'>{site.line} {escape(site.function)}</span>" for site in sites]
            way += f"<div class=site><b>{escape(file)}</b> {' ← '.join(lines)}</div>"
        code = f"<code>{escape(step.site.code)}</code>" if step.site is not None else ""
        rows.append(f"<tr><td>{at + 1}<td>{letter(step.thread)}<td>{escape(step.what)}{code}{way}")
    return f"<div class=wide><table class=trace><tr><th><th>thread<th>what happens{''.join(rows)}</table></div>"


_PAGE = """<!doctype html>
<html lang=en><head><meta charset=utf-8><meta name=viewport content="width=device-width,initial-scale=1">
<title>{title}</title><style>{css}</style></head><body>
<h1>{engine} <span class="badge {kind}">{verdict}</span></h1>
{story}<p class=about>{about}</p><p class=counts>{counts}</p>
<div class="said {kind}"><p>{said}</p>{expected}</div>
{picture}
<details><summary>The full trace</summary>{trace}</details>
<h2>Run it again</h2><pre>{again}</pre><p class=counts>Its token: <code>{token}</code></p>
<h2>As a test</h2><pre>{test}</pre>
</body></html>
"""
