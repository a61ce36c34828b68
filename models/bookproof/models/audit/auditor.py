"""Follow a log event by event and hold every trade against the rules B1 to B8.

Positive spread (B6), price-time priority (B2, B3) and conservation (B8) together determine what a continuous
double auction does (Garg and Sarswat, FSTTCS 2022, Theorems 1 and 2; rule B10). So a log on which they hold
throughout is, for its first-come-first-served core, as good as a comparison with a reference engine.

The auditor keeps a book, moves it by what the log says, and at each trade asks who ought to have been the
maker. It goes through the log once. It never repairs the log: an order that ought to have traded first raises
an alarm that *blames* that order, and whether the venue or the recording is at fault is settled at the end,
when everything that was ever said of the order is known (`ghosts`).

**When is the book at rest?** An order that crosses the book on arrival is *in flight* until the log turns to
something that is not its doing: its own events, its trades, and events of orders it crosses belong to the flight. Then
it lands, and only then must the book be uncrossed (B6).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from bookproof.models.audit.book import MARKET, Ahead, Ladder, Order, key_of
from bookproof.models.audit.ghosts import Alarm, Ledger, behaves_as_absent, is_ghost
from bookproof.models.audit.records import Kind, OrderEvent, Origin, Record, Remark, Trade
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
from bookproof.spec.values import Nanoseconds, Side, Ticks

Progress: TypeAlias = Callable[[int], None]
"""Told, now and then, how many records have been read."""

PROGRESS_EVERY = 1 << 13
MOST_BLAMED = 64
"""Orders one alarm may blame. An alarm that would blame more is never cleared: so many ghosts are no hole."""
SHOWN_LINES = 3
