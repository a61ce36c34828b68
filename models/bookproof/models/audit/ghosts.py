"""Who is to blame for an alarm: the venue, or an order that the log shows and the venue had not?

**The problem.** A recording starts from a snapshot and goes on with live events. What happens between the two
is not recorded. An order cancelled in that hole stays in the book of whoever reads the file, for ever: a
*ghost*. Soon it is the best price, every trade goes past it, and a plain audit cries foul at each of them.

**The principle.** One missing message explains more than hundreds of broken rules, but only if there was an
occasion to miss it, and if *nothing* the venue did speaks against it. So a ghost is an order with

1. *an occasion*: it comes from the snapshot, and time went by between that and the first live event;
2. *silence*: no live event and no trade ever names it again. One word about it, and it is real;
3. *trades through it*: at least `TRADED_THROUGH` takers traded at prices strictly worse than its own;
4. *quotes across it*: at least `QUOTED_ACROSS` orders of the other side came to rest at prices it crosses.

**Why a broken exchange is not excused.**

- One that jumps the queue, takes the newest order first, or the worst price first, still *matches* what
  crosses: nothing comes to rest across a live order, so 4 fails.
- One that does not match lets orders rest across a live one, but then it does not trade through it: 3 fails.
- One that skips an order now and then would have to skip it *each* time, in matching and in quoting, and
  never trade, change or cancel it later: 2 fails. Were each occasion a coin toss, ten in a row have a chance
  below 1 in 1,000.
- One that has truly *lost* an order leaves the same log as a ghost. Only the occasion tells the two apart: an
  order created live that behaves like a ghost is reported as lost (B8). One lost within the hole is the case
  that no reader of the log can tell, and the report says so.

An alarm is cleared only if every order it blames is a ghost. So to leave ghosts out never hides that anybody
else was skipped.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bookproof.models.audit.book import Order
from bookproof.models.audit.records import Origin
from bookproof.spec.values import Nanoseconds

TRADED_THROUGH = 5
"""Takers that must have traded at prices strictly worse than a ghost's."""
QUOTED_ACROSS = 5
"""Orders of the other side that must have come to rest across a ghost."""

FIRST_LINES = 3


@dataclass(slots=True)
class Evidence:
    """What went past one order as if it were not there.

    >>> evidence = Evidence()
    >>> for taker in ("a", "a", "b"):
    ...     evidence.traded_through(taker, time_ns=1, line=1)
    >>> evidence.fills, evidence.takers, evidence.enough
    (3, 2, False)
    """

    takers: int = 0
    """Takers that traded at a strictly worse price. The fills of one taker in a row count once."""
    fills: int = 0
    quotes: int = 0
    """Orders of the other side that came to rest across it."""
    since_ns: Nanoseconds = 0
    until_ns: Nanoseconds = 0
    lines: list[int] = field(default_factory=list)
    """Where it began: the first few takers and quotes."""
    last_taker: str = ""

    @property
    def enough(self) -> bool:
        """Whether points 3 and 4 of the principle hold."""
        return self.takers >= TRADED_THROUGH and self.quotes >= QUOTED_ACROSS

    def traded_through(self, taker_id: str, time_ns: Nanoseconds, line: int) -> None:
        """A fill went through at a strictly worse price."""
        self.fills += 1
        if taker_id != self.last_taker:
            self.takers += 1
            self.last_taker = taker_id
            self._seen(time_ns, line)
        self.until_ns = time_ns

    def quoted_across(self, time_ns: Nanoseconds, line: int) -> None:
        """An order came to rest at a price at which the two cross."""
        self.quotes += 1
        self._seen(time_ns, line)

    def _seen(self, time_ns: Nanoseconds, line: int) -> None:
        self.since_ns = self.since_ns or time_ns
        self.until_ns = time_ns
        if len(self.lines) < FIRST_LINES:
            self.lines.append(line)


def behaves_as_absent(order: Order, evidence: Evidence) -> bool:
    """Whether the venue behaved as if it had no such order (points 2 to 4): a ghost, or lost."""
    return not order.touched and evidence.enough


def is_ghost(order: Order, evidence: Evidence, hole: Nanoseconds) -> bool:
    """Whether the venue had no such order, and a hole in the recording can have swallowed its end."""
    return order.origin is Origin.SNAPSHOT and hole > 0 and behaves_as_absent(order, evidence)
