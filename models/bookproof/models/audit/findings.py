"""Draw an audit's conclusions: who is a ghost, who is lost, which alarms stand, and what that is worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bookproof.models.audit.alarms import Alarm, alarm
from bookproof.models.audit.arrivals import WITHDRAWN, WITHDRAWN_AFTER_FILLS
from bookproof.models.audit.book import Order
from bookproof.models.audit.ghosts import (
    QUOTED_ACROSS,
    TRADED_THROUGH,
    Evidence,
    behaves_as_absent,
    is_ghost,
)
from bookproof.models.audit.records import Origin
from bookproof.models.audit.report import (
    RULES,
    AuditReport,
    Checked,
    Defect,
    Ghost,
    Unchecked,
    Verdict,
    Violation,
)
from bookproof.models.audit.walk import Walk
from bookproof.spec.values import Nanoseconds

UNITS = (("minutes", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000), ("µs", 1_000), ("ns", 1))


def report_of(walk: Walk, source: str) -> AuditReport:
    """Turn a finished walk through a log into the report.

    >>> report_of(Walk(), "nothing").verdict.name
    'UNDECIDED'
    """
    hole = _hole(walk)
    suspects = [(walk.orders[order_id], evidence) for order_id, evidence in walk.evidence.items()]
    ghosts = {order.order_id: order for order, evidence in suspects if is_ghost(order, evidence, hole)}
    for order, evidence in suspects:
        if behaves_as_absent(order, evidence) and order.order_id not in ghosts:
            _accuse_of_losing(walk, order, evidence)
    before, after = walk.ledger.total(), walk.ledger.total(without=ghosts)
    checked = tuple(Checked(rule, walk.checked[rule], walk.decisive[rule], after.get(rule, 0)) for rule in RULES)
    return AuditReport(
        source=source,
        verdict=_verdict(walk, checked),
        violations=tuple(_violation(walk, blamed, found) for blamed, found in walk.ledger.standing(without=ghosts)),
        ghosts=tuple(_ghost(walk, order, hole) for order in ghosts.values()),
        defects=(*_defects(walk, hole), *walk.flaws.defects()),
        checked=checked,
        cannot_tell=(*_limits(walk, after, ghosts), *walk.limits.unchecked()),
        counts=dict(sorted(walk.counts.items())),
        cleared={rule: gone for rule in RULES if (gone := before.get(rule, 0) - after.get(rule, 0))},
    )


def _verdict(walk: Walk, checked: tuple[Checked, ...]) -> Verdict:
    if any(rule.broken for rule in checked):
        return Verdict.DISAGREE
    # A trade whose maker is known is checked for its price at least. Without one, matching was never seen.
    return Verdict.AGREE if walk.checked["B4"] else Verdict.UNDECIDED


def _hole(walk: Walk) -> Nanoseconds:
    """How long nobody recorded, between the snapshot and the first live event."""
    if walk.snapshot_ns is None or walk.first_live_ns is None:
        return 0
    return max(0, walk.first_live_ns - walk.snapshot_ns)


# ── orders that the venue behaves as if it had not ──────────────────────────────────────────────────────


def _accuse_of_losing(walk: Walk, order: Order, evidence: Evidence) -> None:
    """Report an order that behaves like a ghost without an occasion to be one (B8)."""
    unborn = len(walk.unborn)
    doubt = f"; or its end was not recorded: {unborn} orders here lack their beginning" if unborn else ""
    sentence = (
        f"order {order.order_id} at {order.limit} is lost: {_bypasses(evidence)}, as if it were not there, "
        f"and it is never named again{doubt}"
    )
    walk.ledger.add(alarm("B8", sentence, [order], lines=tuple(evidence.lines)))


def _ghost(walk: Walk, order: Order, hole: Nanoseconds) -> Ghost:
    """Tell a ghost's story: where it rests, what went past it, and how it can have come about."""
    evidence = walk.evidence[order.order_id]
    born = walk.conventions.born_ns(order.order_id)
    age = f", {_duration(order.time_ns - born)} after it was made" if born is not None else ""
    involved, alone = walk.ledger.blaming(order.order_id, RULES)
    unborn = len(walk.unborn)
    proof = f", and {unborn} orders without a beginning show that messages are missing" if unborn else ""
    return Ghost(
        order.order_id,
        order.limit or 0,
        order.line,
        evidence.takers,
        evidence.fills,
        evidence.quotes,
        tuple(evidence.lines),
        f"resting at {order.limit} since the snapshot{age}; then {_bypasses(evidence)}, over "
        f"{_duration(evidence.until_ns - evidence.since_ns)}; never traded, changed or cancelled. "
        f"Its end must have fallen into the {_duration(hole)} after the snapshot that nobody recorded"
        f"{proof}. {involved:,} alarms blame it, {alone:,} of them alone",
    )


def _bypasses(evidence: Evidence) -> str:
    return (
        f"{evidence.takers} takers traded through it ({evidence.fills} fills) and {evidence.quotes:,} orders "
        f"came to rest across it"
    )


def _violation(walk: Walk, blamed: tuple[str, ...], found: Alarm) -> Violation:
    explanation = found.explanation + _doubt(walk, blamed)
    return Violation(found.rule, explanation, found.orders, found.order_lines, found.trade_lines)


def _doubt(walk: Walk, blamed: tuple[str, ...]) -> str:
    """Say when an alarm may come from a ghost for whom the evidence falls short."""
    suspects = [walk.orders[order_id] for order_id in blamed]
    if not suspects or any(order.origin is not Origin.SNAPSHOT or order.touched for order in suspects):
        return ""
    evidence = walk.evidence[suspects[0].order_id]
    if evidence.enough:
        return ""
    return (
        f" (perhaps a ghost: {suspects[0].order_id} came with the snapshot and is never named again; but "
        f"{evidence.takers} takers through it and {evidence.quotes} orders across it fall short of "
        f"{TRADED_THROUGH} and {QUOTED_ACROSS})"
    )


# ── what is wrong with the data, and what it cannot tell ────────────────────────────────────────────────


def _defects(walk: Walk, hole: Nanoseconds) -> Iterator[Defect]:
    if hole and walk.first_live_ns is not None:
        live, span = walk.counts[f"{Origin.LIVE} order events"], walk.last_ns - walk.first_live_ns
        missing = f"; at the log's own pace about {live * hole // span:,} events" if span > 0 else ""
        yield Defect(
            "hole after the snapshot",
            1,
            f"nothing is recorded for {_duration(hole)}, from the snapshot to the first live event{missing}",
            (),
        )
    if walk.unborn:
        yield Defect(
            "order without a beginning",
            len(walk.unborn),
            "the log first names the order when it changes or ends: the event that created it is missing"
            + _births(walk),
            tuple(walk.unborn.values())[:3],
        )


def _births(walk: Walk) -> str:
    """Tell, if ids can, when the orders without a beginning were made."""
    births = [walk.conventions.born_ns(order_id) for order_id in walk.unborn]
    known = [born for born in births if born is not None]
    if not known or walk.snapshot_ns is None or walk.first_live_ns is None:
        return ""
    inside = sum(walk.snapshot_ns <= born <= walk.first_live_ns for born in known)
    later = sum(born > walk.first_live_ns for born in known)
    lost = f", and {later} later: messages were lost in mid-recording too" if later else ""
    return f". By their ids {inside} were made inside the hole after the snapshot{lost}"


def _limits(walk: Walk, after: Mapping[str, int], ghosts: Mapping[str, Order]) -> Iterator[Unchecked]:
    if ghosts:
        yield Unchecked(
            "ghost, or lost inside the hole",
            len(ghosts),
            "a venue that itself lost the order while nobody recorded would leave the same log",
        )
    unreached = sum(
        order.origin is Origin.SNAPSHOT and order.open and not order.touched and order_id not in ghosts
        for order_id, order in walk.orders.items()
    )
    if unreached:
        yield Unchecked(
            "snapshot orders never named again",
            unreached,
            "alive or ghosts: the log holds too little on them to tell",
        )
    if withdrawn := after.get(WITHDRAWN, 0):
        yield Unchecked(
            "crossing orders that left untraded",
            withdrawn,
            "they crossed the book on arrival and were deleted at once: right for post-only and "
            "fill-or-kill, wrong otherwise, and the log does not say what they were",
        )
    if withdrawn := after.get(WITHDRAWN_AFTER_FILLS, 0):
        yield Unchecked(
            "crossing orders that left after some fills",
            withdrawn,
            "they could have traded more: right if self-trade prevention stopped them, and the log has no accounts",
        )


def _duration(duration: Nanoseconds) -> str:
    """A duration in the largest unit of which it has at least ten."""
    for unit, size in UNITS:
        if duration >= 10 * size:
            return f"{duration // size:,} {unit}"
    return f"{duration} ns"
