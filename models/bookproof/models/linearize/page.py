"""A violation as a page of its own: one file of HTML, nothing to load.

The operations of the core as bars over time, with the locks that they held if the engine was watched, an arrow for each
reason that one comes before another, the proof in sentences, the rule book's answer and books beside the recorded
answer, and the test to paste.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from bookproof.models.linearize.conflicts import IN_NO_WAY
from bookproof.models.linearize.lock_marks import HEIGHT, LOCK_CSS, lock_marks, lock_table
from bookproof.models.linearize.telling import Expected, Line, Telling
from bookproof.models.report.style import CSS

_ROW, _TOP, _LEFT, _WIDTH = 60, 12, 150, 700
"""Pixels: a client's operation, the head, what stands before the bars, and the bars."""

_APART, _WIDEST = 12, 2_000
"""Pixels between two moments where there are many, and the widest that bars may get for it."""


def page(telling: Telling, *, name: str, again: str) -> str:
    """The whole page. `name` is the history's, `again` the command line that finds this once more."""
    return _PAGE.format(
        css=CSS + _MORE + LOCK_CSS,
        name=escape(name),
        diagnosis=escape(telling.diagnosis.kind),
        said=escape(telling.diagnosis.sentence),
        evidence=escape(telling.evidence),
        these=telling.these,
        timeline=_timeline(telling),
        locks=lock_table(telling),
        answers=_answers(telling.lines),
        proof="".join(f"<li>{escape(sentence)}" for sentence in telling.sentences) or "<li>Every order was tried.",
        expected="".join(map(_expected, telling.expected)) or "<p>Nothing: the accounts say it without any order.</p>",
        test=escape(telling.test.strip()),
        again=escape(again),
    )


def _timeline(telling: Telling) -> str:
    """A bar from call to return for each operation. Moments are spread evenly: what counts is which came first."""
    lines = telling.lines
    known = {line.called for line in lines} | {line.returned for line in lines if line.returned is not None}
    moments = sorted(known | {touch.moment for touch in telling.locks})
    width = min(max(_WIDTH, _APART * len(moments)), _WIDEST)
    place = {moment: _LEFT + (at + 1) * width // (len(moments) + 2) for at, moment in enumerate(moments)}
    end = _LEFT + width
    parts: list[str] = []
    for number, line in enumerate(lines):
        y = _TOP + number * _ROW
        left, right = place[line.called], end if line.returned is None else place[line.returned]
        kind = "open" if line.returned is None else ""
        parts.append(f"<text class=who x=8 y={y + 19}>{line.name} · client {line.client}</text>")
        parts.append(f"<rect class='bar {kind}' x={left} y={y} width={max(right - left, 6)} height={HEIGHT} rx=6>")
        parts.append(f"<title>{escape(line.asked)} → {escape(line.answered)}</title></rect>")
        parts.append(f"<text class=asked x={right + 10} y={y + 19}>{escape(_cut(line.asked, 60))}</text>")
        parts += lock_marks(telling.locks, number, place, y)
    seen: set[tuple[int, int]] = set()
    for reason in telling.proof:
        if len(reason.operations) < 2 or reason.sentence.endswith(IN_NO_WAY):
            continue
        one, other = reason.operations[:2]
        if (one, other) not in seen:
            seen.add((one, other))
            parts.append(
                _arrow(lines, one, other, place, end, reason.told({at: each.name for at, each in enumerate(lines)}))
            )
    height = _TOP + len(lines) * _ROW + 8
    return (
        f"<div class=wide><svg role=img aria-label='timeline' width={end + 280} height={height} "
        f"viewBox='0 0 {end + 280} {height}'><defs><marker id=tip viewBox='0 0 8 8' refX=7 refY=4 markerWidth=7 "
        f"markerHeight=7 orient=auto><path d='M0 0L8 4L0 8z' class=tip /></marker></defs>{''.join(parts)}</svg></div>"
    )


def _arrow(lines: Sequence[Line], one: int, other: int, place: dict[int, int], end: int, told: str) -> str:
    def middle(line: Line) -> int:
        return (place[line.called] + (end if line.returned is None else place[line.returned])) // 2

    down = other > one
    x1, x2 = middle(lines[one]), middle(lines[other])
    y1 = _TOP + one * _ROW + (HEIGHT if down else 0)
    y2 = _TOP + other * _ROW + (0 if down else HEIGHT)
    bend = (y1 + y2) // 2
    way = f"M{x1} {y1}C{x1} {bend} {x2} {bend} {x2} {y2}"
    return f"<path class=turn d='{way}' marker-end='url(#tip)'><title>{escape(told)}</title></path>"


def _answers(lines: Sequence[Line]) -> str:
    rows = "".join(
        f"<tr><td>{line.name}<td>{line.client}<td>{line.called:,}<td>{_moment(line.returned)}"
        f"<td>{escape(line.asked)}<td>{escape(line.answered)}<td>{line.place + 1}"
        for line in lines
    )
    head = "<tr><th><th>client<th>called (ns)<th>returned (ns)<th>command<th>answer<th>operation"
    return f"<div class=wide><table>{head}{rows}</table></div>"


def _moment(returned: int | None) -> str:
    return "never" if returned is None else f"{returned:,}"


def _expected(one: Expected) -> str:
    before = f"after {', '.join(one.after)}" if one.after else "at the beginning"
    books = "".join(f"<div class=code>{escape(book)}</div>" for book in one.books)
    return (
        f"<div class=said><p><b>{one.name}</b>, {before}: the exchange said <b>{escape(one.answered)}</b></p>"
        f"<p class=expected>The rule book says <b>{escape(one.right)}</b></p>{books}</div>"
    )


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: letters - 1]}…"


_MORE = """
svg .bar{fill:var(--lock);opacity:.85}svg .bar.open{fill:none;stroke:var(--lock);stroke-dasharray:6 4}
svg .who{font-weight:700;font-size:13px}svg .asked{font-size:12px;fill:var(--soft)}
ol li{margin:.25rem 0}
"""

_PAGE = """<!doctype html>
<html lang=en><head><meta charset=utf-8><meta name=viewport content="width=device-width,initial-scale=1">
<title>{name}: not linearizable</title><style>{css}</style></head><body>
<h1>{name} <span class="badge wrong">{diagnosis}</span></h1>
<div class="said wrong"><p>No order {these} explains what clients saw.</p><p>{said}</p></div>
<p class=counts>Why to believe it: {evidence}.</p>
<h2>Who asked when <small>from call to return; an arrow is a reason, from its subject to what it speaks of</small></h2>
{timeline}{answers}{locks}
<h2>The proof</h2><ol>{proof}</ol>
<h2>What the rule book says instead</h2>{expected}
<h2>Run it again</h2><pre>{again}</pre>
<h2>As a test</h2><pre>{test}</pre>
</body></html>
"""
