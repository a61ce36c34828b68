"""Who is to blame for an alarm: the venue, or an order that the log shows and the venue had not?

**The problem.** A recording starts from a snapshot and goes on with live events. What happens between the two is
not recorded. An order cancelled in that hole stays in the book of whoever reads the file, for ever: a *ghost*.
It is soon the best price, every trade goes past it, and a plain audit cries foul at each of them.

**The principle.** One missing message is a better explanation than hundreds of broken rules, but only if there
was an occasion to miss it, and if *nothing* the venue did speaks against it. So a ghost is an order with

1. *an occasion*: it comes from the snapshot, and there is a hole between the snapshot and the first live event;
2. *silence*: no live event and no trade ever names it again. One word about it, and it is real;
3. *trades through it*: at least `TRADED_THROUGH` takers traded at prices strictly worse than its own;
4. *quotes across it*: at least `QUOTED_ACROSS` orders of the other side came to rest at prices it crosses.

**Why a broken exchange is not excused.** One that jumps the queue, takes newest first, or takes the worst
price first still *matches* what crosses: no order can come to rest across a live one, so 4 fails. One that does
not match rests orders across a live one, but then trades do not go through at worse prices, so 3 fails. One that
skips an order now and then must, to be excused, do so each time, in matching and in quoting, and never touch
or cancel the order later; were each a coin toss, that has a chance under one in a thousand. What is left is an
exchange that has truly *lost* the order: from a log that looks the same as a ghost, and only the occasion tells
them apart. So an order created live, which behaves like a ghost, is reported as lost (rule B8). And an exchange that
lost an order within the hole is the one thing this rule cannot find; the report says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from bookproof.models.audit.book import Order
from bookproof.models.audit.records import Origin
from bookproof.spec.values import Nanoseconds

TRADED_THROUGH = 5
"""Takers that must have traded at prices strictly worse than a ghost's."""
QUOTED_ACROSS = 5
"""Orders of the other side that must have come to rest across a ghost."""

EXAMPLES = 100
"""Alarms kept in full for each rule and cause. The rest are counted."""


@dataclass(slots=True)
class Evidence:
    """What went past one order as if it were not there."""

    takers: int = 0
    """Takers that traded at a strictly worse price. Fills of one taker in a row count once."""
    fills: int = 0
    quotes: int = 0
    """Orders of the other side that came to rest across it."""
    since_ns: Nanoseconds = 0
    until_ns: Nanoseconds = 0
    lines: list[int] = field(default_factory=list)
    """Where it began: the first few order events."""
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

    def quoted_across(self, time_ns: Nanoseconds, line: int) -> None:
        """An order came to rest at a price at which the two cross."""
        self.quotes += 1
        self._seen(time_ns, line)

    def _seen(self, time_ns: Nanoseconds, line: int) -> None:
        self.since_ns = self.since_ns or time_ns
        self.until_ns = time_ns
        if len(self.lines) < 3:
            self.lines.append(line)


class Alarm(NamedTuple):
    """One finding, with the orders without which it would vanish; none if nothing can clear it."""

    rule: str
    explanation: str
    orders: tuple[str, ...]
    order_lines: tuple[int, ...]
    trade_lines: tuple[int, ...]


@dataclass(slots=True)
class Cause:
    """The alarms of one rule that the same orders are to blame for."""

    count: int = 0
    examples: list[Alarm] = field(default_factory=list)


class Ledger:
    """Alarms by rule and by the orders to blame, and the evidence against each of these orders.

    Most alarms of a bad recording share a cause, so only counts and the first `EXAMPLES` of each are kept.

    >>> ledger = Ledger()
    >>> ledger.count("B2", ("ghost",)), ledger.count("B2", ("ghost", "real")), ledger.count("B8", ())
    (True, True, True)
    >>> ledger.total(), ledger.total(without={"ghost"})
    ({'B2': 2, 'B8': 1}, {'B2': 1, 'B8': 1})
    """

    def __init__(self) -> None:
        self.evidence: defaultdict[str, Evidence] = defaultdict(Evidence)
        self._causes: defaultdict[tuple[str, tuple[str, ...]], Cause] = defaultdict(Cause)

    def count(self, rule: str, blamed: tuple[str, ...]) -> bool:
        """Count an alarm, and say whether its story is wanted too."""
        cause = self._causes[rule, blamed]
        cause.count += 1
        return cause.count <= EXAMPLES

    def tell(self, blamed: tuple[str, ...], alarm: Alarm) -> None:
        """Keep the story of an alarm just counted."""
        self._causes[alarm.rule, blamed].examples.append(alarm)

    def total(self, without: Collection[str] = ()) -> dict[str, int]:
        """Alarms by rule that stand when some orders are taken out of the book."""
        totals: dict[str, int] = {}
        for (rule, blamed), cause in self._causes.items():
            if not _cleared(blamed, without):
                totals[rule] = totals.get(rule, 0) + cause.count
        return totals

    def standing(self, without: Collection[str]) -> Iterator[tuple[tuple[str, ...], Alarm]]:
        """The alarms kept in full that stand when some orders are taken out of the book."""
        for (_, blamed), cause in self._causes.items():
            if not _cleared(blamed, without):
                for alarm in cause.examples:
                    yield blamed, alarm


def _cleared(blamed: tuple[str, ...], without: Collection[str]) -> bool:
    return bool(blamed) and all(order_id in without for order_id in blamed)


def behaves_as_absent(order: Order, evidence: Evidence) -> bool:
    """Whether the venue behaved as if it had no such order (points 2 to 4): a ghost, or lost."""
    return not order.touched and evidence.enough


def is_ghost(order: Order, evidence: Evidence, hole_ns: Nanoseconds) -> bool:
    """Whether an order is a ghost: the venue has not got it, and a hole can have swallowed its end."""
    return order.origin is Origin.SNAPSHOT and hole_ns > 0 and behaves_as_absent(order, evidence)
