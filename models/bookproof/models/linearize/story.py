"""A violation in a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from bookproof.models.linearize.telling import Telling, together


def story(telling: Telling) -> str:
    """The operations of the core, what they did with locks, the proof, and what the rule book says instead."""
    parts = [f"No order {telling.these} explains what clients saw.", ""]
    wide = max((len(line.asked) for line in telling.lines), default=0)
    for line in telling.lines:
        returned = "never" if line.returned is None else f"{line.returned / 1000:.1f}"
        when = f"{line.called / 1000:>9.1f} … {returned:>9}"
        parts.append(
            f"  {line.name}  client {line.client:<4} {when} µs  {line.asked:<{min(wide, 60)}}  → {line.answered}"
        )
    if telling.locks:
        parts += ["", "Inside the engine:", *_locks(telling)]
    parts += ["", f"Diagnosis: {telling.diagnosis.kind}. {telling.diagnosis.sentence}"]
    if telling.sentences:
        parts += ["", "Proof:", *(f"  {number}. {each}" for number, each in enumerate(telling.sentences, 1))]
    for one in telling.expected:
        before = f"after {', '.join(one.after)}" if one.after else "at the beginning"
        parts += ["", f"{one.name}, {before}: the exchange said {one.answered}", f"  the rule book says {one.right}"]
        parts += [f"  {book}" for book in one.books]
    parts += ["", f"Why to believe it: {telling.evidence}."]
    return "\n".join(parts)


def _locks(telling: Telling) -> Iterator[str]:
    """Who took, left and drew what, and when."""
    for touch, locks in together(telling.locks):
        line = telling.lines[touch.line]
        yield f"  {touch.moment / 1000:>9.1f} µs  {line.name}  client {line.client:<4} {touch.doing.value:<9} {locks}"
