"""Alarms, and the orders they blame: those without which they would not have been raised."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NamedTuple

from bookproof.models.audit.book import Order
from bookproof.models.audit.records import Trade

EXAMPLES = 100
"""Alarms kept in full for each rule and cause. The rest are counted."""
NAMED = 3
"""Orders that one sentence names."""


class Alarm(NamedTuple):
    """One finding: the rule, the story, and where to read it in the log."""

    rule: str
    explanation: str
    orders: tuple[str, ...]
    order_lines: tuple[int, ...]
    trade_lines: tuple[int, ...]


@dataclass(slots=True)
class _Cause:
    """The alarms of one rule that blame the same orders."""

    count: int = 0
    examples: list[tuple[int, Alarm]] = field(default_factory=list)
    """Each with its number among all alarms."""


class Ledger:
    """Alarms by rule and by the orders they blame. An alarm is cleared when *all* it blames are excused.

    One that blames nobody cannot be cleared. The alarms of a bad recording have few causes: of each, the
    count and the first `EXAMPLES` are kept.

    >>> ledger = Ledger()
    >>> for blamed in [("ghost",), ("ghost", "real"), ()]:
    ...     ledger.count("B2", blamed)
    >>> ledger.total(), ledger.total(without={"ghost"}), ledger.total(without={"ghost", "real"})
    ({'B2': 3}, {'B2': 2}, {'B2': 1})
    """

    def __init__(self) -> None:
        self._causes: defaultdict[tuple[str, tuple[str, ...]], _Cause] = defaultdict(_Cause)
        self._raised = 0

    def count(self, rule: str, blamed: tuple[str, ...] = ()) -> None:
        """Count an alarm of which nobody wants to hear the story."""
        self._causes[rule, blamed].count += 1

    def add(self, alarm: Alarm, blamed: tuple[str, ...] = ()) -> None:
        """Count an alarm, and keep it if it is one of the first."""
        self._raised += 1
        cause = self._causes[alarm.rule, blamed]
        cause.count += 1
        if cause.count <= EXAMPLES:
            cause.examples.append((self._raised, alarm))

    def total(self, without: Collection[str] = ()) -> dict[str, int]:
        """Alarms by rule that stand when some orders are excused."""
        totals: defaultdict[str, int] = defaultdict(int)
        for (rule, blamed), cause in self._causes.items():
            if not _cleared(blamed, without):
                totals[rule] += cause.count
        return dict(totals)

    def standing(self, without: Collection[str]) -> list[tuple[tuple[str, ...], Alarm]]:
        """The alarms kept that stand when some orders are excused, each behind the orders it blames.

        They come in the order in which they were raised.
        """
        found = [
            (number, blamed, alarm)
            for (_, blamed), cause in self._causes.items()
            if not _cleared(blamed, without)
            for number, alarm in cause.examples
        ]
        return [(blamed, alarm) for _, blamed, alarm in sorted(found)]

    def blaming(self, order_id: str, rules: Collection[str]) -> tuple[int, int]:
        """Alarms of some rules that blame an order: in all, and nobody else."""
        involved = alone = 0
        for (rule, blamed), cause in self._causes.items():
            if rule in rules and order_id in blamed:
                involved += cause.count
                alone += cause.count * (len(blamed) == 1)
        return involved, alone


def alarm(
    rule: str,
    explanation: str,
    orders: list[Order],
    trade: Trade | None = None,
    lines: tuple[int, ...] = (),
) -> Alarm:
    """Write an alarm that points at the lines of some orders, at more order lines, and at a trade's."""
    first = orders[: NAMED + 1]
    return Alarm(
        rule,
        explanation,
        tuple(order.order_id for order in first),
        (*(order.line for order in first), *lines),
        (trade.line,) if trade is not None else (),
    )


def named(orders: list[Order]) -> str:
    """Orders for a sentence, with their limits: the first few, and how many more."""
    names = ", ".join(f"order {order.order_id} at {order.limit}" for order in orders[:NAMED])
    return f"{names} and {len(orders) - NAMED} more" if len(orders) > NAMED else names


def story(trade: Trade) -> str:
    """A trade for a sentence.

    >>> story(Trade(100, 5, maker_id="7", taker_id="9", time_ns=0, line=3))
    'order 9 trades 5 lots with order 7 at 100'
    """
    return f"order {trade.taker_id} trades {trade.quantity} lots with order {trade.maker_id} at {trade.price}"


def _cleared(blamed: tuple[str, ...], without: Collection[str]) -> bool:
    return bool(blamed) and all(order_id in without for order_id in blamed)
