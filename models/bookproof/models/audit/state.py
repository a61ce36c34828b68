"""What an audit in progress knows: the book, the alarms, the evidence, and what was counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import NamedTuple

from bookproof.models.audit.alarms import Ledger
from bookproof.models.audit.book import Ladder, Order
from bookproof.models.audit.flaws import FLAWS, LIMITS, Tally
from bookproof.models.audit.ghosts import Evidence
from bookproof.models.audit.records import OrderEvent
from bookproof.spec.values import Nanoseconds, Side


class Conventions(NamedTuple):
    """How a venue writes its log, where venues differ.

    >>> Conventions().amends
    True
    """

    amends: bool = True
    """Whether an owner can change a resting order. If not, quantity gone without a trade is lost (B8)."""
    prices_of_fills: bool = False
    """Whether the event of a fill carries the trade's price, rather than the order's limit."""
    born_ns: Callable[[str], Nanoseconds | None] = lambda _: None
    """Read from an order's id when it was made, if ids say so."""


class State:
    """Everything the chapters of a walk share: `arrivals`, `trades`, `walk`.

    >>> State().conventions.amends
    True
    """

    def __init__(self, conventions: Conventions | None = None) -> None:
        self.conventions = conventions or Conventions()
        self.orders: dict[str, Order] = {}
        self.ledger = Ledger()
        self.evidence: defaultdict[str, Evidence] = defaultdict(Evidence)
        self.flaws = Tally(FLAWS)
        self.limits = Tally(LIMITS)
        self.counts: Counter[str] = Counter()
        self.checked: Counter[str] = Counter()
        self.decisive: Counter[str] = Counter()
        self.unborn: dict[str, int] = {}
        """Orders that are named without having been created, and the line where."""
        self.snapshot_ns: Nanoseconds | None = None
        self.first_live_ns: Nanoseconds | None = None
        self.last_ns: Nanoseconds = 0
        self._step = 0
        self._last_received_ns: Nanoseconds = 0
        self._ladders = {Side.BUY: Ladder(), Side.SELL: Ladder()}
        self._against = {Side.BUY: self._ladders[Side.SELL], Side.SELL: self._ladders[Side.BUY]}
        self._flight: Order | None = None
        self._odd_deletion: OrderEvent | None = None

    def _put_to_the_test(self, rule: str, decisive: bool) -> None:
        """Count a check, and whether it could have failed."""
        self.checked[rule] += 1
        self.decisive[rule] += decisive
