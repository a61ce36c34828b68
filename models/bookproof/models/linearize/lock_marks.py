"""Locks on the page of a violation: in the bars of the operations that held them, and as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from bookproof.models.concurrent.history import Doing
from bookproof.models.linearize.telling import Telling, Touch, together

HEIGHT = 28
"""Pixels: a bar."""

_LOWEST, _HIGHEST = 2, 7
"""Pixels: the stripe of a lock in a bar, where there are many and where there are few."""


def lock_marks(touches: Sequence[Touch], line: int, place: Mapping[int, int], top: int) -> Iterator[str]:
    """What one operation did, as SVG: a stripe from each time that it took a lock to the time that it left it, dashed
    while it waited for it, and a line where it drew a number. `place` is where a moment stands."""
    mine = [touch for touch in touches if touch.line == line]
    locks = list(dict.fromkeys(touch.lock for touch in mine if touch.doing is not Doing.DRAWS))
    high = max(_LOWEST, min(_HIGHEST, (HEIGHT - 4) // max(1, len(locks))))
    hue = _hues(touches)
    since: dict[tuple[Doing, str], Touch] = {}
    for touch in mine:
        x = place[touch.moment]
        if touch.doing is Doing.DRAWS:
            said = escape(f"draws {touch.named}")
            yield f"<line class=drawn x1={x} y1={top - 4} x2={x} y2={top + HEIGHT + 4}><title>{said}</title></line>"
            continue
        y = top + 2 + locks.index(touch.lock) * high
        began = Doing.WAITS if touch.doing is Doing.TAKES else Doing.TAKES
        first = since.pop((began, touch.lock), None)
        if touch.doing is not Doing.LEAVES:
            since[touch.doing, touch.lock] = touch
        if first is not None:
            left = place[first.moment]
            kind = "waited" if began is Doing.WAITS else "held"
            yield (
                f"<rect class={kind} style='--hue:{hue[touch.lock]}' x={left} y={y} width={max(x - left, 2)} "
                f"height={high - 1}><title>{escape(f'{kind}: {first.named}')}</title></rect>"
            )


def lock_table(telling: Telling) -> str:
    """The same as a table, with the colours of the locks; nothing where nobody watched."""
    if not telling.locks:
        return ""
    hues = _hues(telling.locks)
    colored = "<span><i style='background:{}'></i>{}</span>"
    legend = "".join(colored.format(_color(hue), escape(lock)) for lock, hue in hues.items())
    rows = "".join(
        f"<tr><td>{touch.moment:,}<td>{telling.lines[touch.line].name}<td>{telling.lines[touch.line].client}"
        f"<td>{touch.doing.value}<td>{escape(locks)}"
        for touch, locks in together(telling.locks)
    )
    head = "<tr><th>when (ns)<th><th>client<th>step<th>lock <small>(which time in all, or the number)</small>"
    return (
        "<h2>Inside the engine <small>stripes in the bars: held; dashed: waited for; a line across: a stamp drawn"
        f"</small></h2><p class=legend>{legend}</p><div class=wide><table>{head}{rows}</table></div>"
    )


def _hues(touches: Sequence[Touch]) -> dict[str, int]:
    """A colour for each lock, in degrees: neighbours in the list are far apart."""
    locks = sorted({touch.lock for touch in touches if touch.doing is not Doing.DRAWS})
    return {lock: (40 + 137 * at) % 360 for at, lock in enumerate(locks)}


def _color(hue: int | str) -> str:
    return f"hsl({hue} 85% 60%)"


LOCK_CSS = f"""
svg .held{{fill:{_color("var(--hue)")};stroke:var(--paper);stroke-width:.6}}
svg .waited{{fill:none;stroke:{_color("var(--hue)")};stroke-width:1.4;stroke-dasharray:3 2}}
svg line.drawn{{stroke:var(--bad);stroke-width:1.6}}
"""
