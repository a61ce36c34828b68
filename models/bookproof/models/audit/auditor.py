"""Check a log of order events and trades against the rules B1 to B8."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from bookproof.models.audit.findings import report_of
from bookproof.models.audit.records import Record
from bookproof.models.audit.report import AuditReport
from bookproof.models.audit.state import Conventions
from bookproof.models.audit.walk import Walk

Progress: TypeAlias = Callable[[int], None]
"""Told, now and then and at the end, how many records have been read."""

PROGRESS_EVERY = 1 << 13


def audit(
    records: Iterable[Record],
    *,
    conventions: Conventions | None = None,
    source: str = "records",
    progress: Progress | None = None,
) -> AuditReport:
    """Check a log, given in the venue's order, against the rules B1 to B8, and explain its data's defects.

    Returns a report and never raises for what the log says; a reader's `InputError` passes through. `source`
    names the log in the report. Goes through the records once, in nearly linear time.

    Two buyers wait at 100, and a seller trades with the second:

    >>> from bookproof.models.audit.records import Kind, OrderEvent, Trade
    >>> from bookproof.spec.values import Side
    >>> log = [OrderEvent(Kind.CREATED, "first", Side.BUY, 100, 5, 1, 1),
    ...        OrderEvent(Kind.CREATED, "second", Side.BUY, 100, 5, 2, 2),
    ...        OrderEvent(Kind.CREATED, "seller", Side.SELL, 100, 5, 3, 3),
    ...        Trade(100, 5, maker_id="second", taker_id="seller", time_ns=3, line=4)]
    >>> report = audit(log)
    >>> report.verdict.name, report.violations[0].rule
    ('DISAGREE', 'B3')
    >>> report.violations[0].explanation.split(", ")[1]
    'which passes over order first at 100'
    """
    walk = Walk(conventions)
    count = 0
    for count, record in enumerate(records, 1):
        walk.feed(record)
        if progress is not None and count % PROGRESS_EVERY == 0:
            progress(count)
    walk.finish()
    if progress is not None:
        progress(count)
    return report_of(walk, source)
