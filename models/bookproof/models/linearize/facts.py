"""What a history says before anybody searches: who traded with whom, what became of each order, what must come first.

With distinct order ids and full fill reports, which orders live and with how many lots depends only on the *set* of
operations done, never on their order. So the books of a history can be added up as an accountant would: what came to
rest was filled, withdrawn or is alive. Lost fills, double fills and lost cancels show here, without any search, and
are an `Impossible`. What is left for a search is the order: queues within a price level, and what an order met.

The modules that read a history into facts build on each other: `arrivals` (what came to rest), `refusals` and
`answers` (who took from it, and what each answer says of that moment), `adding_up` (what became of each order) and
`evidence` (what a trade feed and the final books say of the order).

Each rule of the rule book that this module can read is a *clause* that `conflicts` knows how to ask of an order of
operations. A history that holds anything else is `Beyond`, and is for the generic search.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import NamedTuple

from bookproof.models.linearize.conclusion import Reason
from bookproof.models.linearize.consumers import Consumers
from bookproof.spec.instruments import LARGEST
from bookproof.spec.values import Account, Lots, OrderId, Side, Symbol, Ticks

NEVER = 2**62
"""The return of an operation that has none."""

UNBOUNDED = 4 * LARGEST
"""The reach of a market order: beyond every level."""

NOTHING = -UNBOUNDED
"""The reach of what never takes."""

NOBODY = -1

FED = "the feed has its trades after those of {1}"

Flag = tuple[str, Symbol | Account | None]
"""Something that is on or off: a market halted, a book halted, an account blocked."""

MARKET_HALTED: Flag = ("halted", None)


class Beyond(Exception):
    """The history holds something that no clause is known for."""


class Impossible(Exception):
    """The history is wrong whatever its order is."""

    def __init__(self, sentence: str, *operations: int, kind: str = "accounting") -> None:
        super().__init__(sentence)
        self.reason = Reason(sentence, operations)
        self.kind = kind


class Entry(NamedTuple):
    """What an order did in one book when it came in."""

    opposite: int
    """The side that it took from: twice the number of its book, and one more for the asks."""
    reach: int
    """The last level that it takes from (B1): twice the price of an ask or the price negated of a bid, and one more."""
    touches: tuple[tuple[int, Lots], ...]
    """The makers that it met, in order, and what each of them lost."""
    left: bool
    """Something was left of it: so nothing more was within its reach (B5)."""
    rests: int
    """The order that is what was left of it and came to rest; -1 if none did."""


class Killed(NamedTuple):
    """Less than this could be had within reach: why a fill-or-kill order had no effect (C5, C7)."""

    opposite: int
    reach: int
    need: Lots


class Facts:
    """A history as columns: operations and orders are numbers, and what they did to each other is added up.

    An *order* here is one stay in a queue: what a replace sends to the back of the queue is another one (F2).
    """

    def __init__(self, size: int) -> None:
        self.called: array[int] = array("q", bytes(8 * size))
        self.returned: array[int] = array("q", bytes(8 * size))
        self.entries: list[tuple[Entry, ...]] = [()] * size
        self.withdraws: list[tuple[tuple[int, Lots], ...]] = [()] * size
        """Orders that lost lots to a cancel or a smaller replace, wherever they stood in their queue."""
        self.killed: dict[int, tuple[Killed, ...]] = {}
        """Operations that were killed: in one of these books less than needed was to be had (C5, L4)."""
        self.found_some: dict[int, tuple[tuple[int, int], ...]] = {}
        """Something of each of these sides was within this reach: of post-only orders that were refused (C6), and of
        market orders that were not refused but killed (C3)."""
        self.passive: dict[int, tuple[int, int]] = {}
        """Post-only orders that were taken: nothing of this side was within this reach (C6)."""
        self.absent: dict[int, tuple[int, ...]] = {}
        """Orders that were not there: why a cancel or a replace found none (A3)."""
        self.present: dict[int, tuple[int, ...]] = {}
        """Of these orders one was there: why a new one of its id was refused (A3)."""
        self.cleared: dict[int, Account] = {}
        """Mass cancels: nothing else of this account was there (J7)."""
        self.reads: dict[int, tuple[tuple[Flag, bool], ...]] = {}
        self.sets: dict[int, tuple[Flag, bool]] = {}
        self.setters: dict[tuple[Flag, bool], list[int]] = {}
        self.optional: set[int] = set()
        """Operations without a return that may have happened or not."""
        # ── orders ──
        self.order_id: list[OrderId] = []
        self.side_of: array[int] = array("i")
        """Where an order rests: twice the number of its book, and one more for the asks."""
        self.key: array[int] = array("q")
        """Its price, or the price negated of a bid."""
        self.level: array[int] = array("q")
        """Its place among the queues of its side: displayed orders of a price trade before hidden ones (D4)."""
        self.display: dict[int, Lots] = {}
        """The largest slice of each iceberg (D1)."""
        self.rested: array[int] = array("q")
        self.entered: array[int] = array("i")
        """The operation that brought it into its queue."""
        self.owner: list[Account] = []
        self.consumers = Consumers(0)
        """The operations that took from it, or took it out."""
        self.ender: array[int] = array("i")
        """The one of them that must be the last; -1 if that is not known."""
        self.gone: bytearray = bytearray()
        """Whether nothing is left of it when all of them have happened."""
        self.fed_before: array[int] = array("i", [NOBODY]) * size
        self.fed_after: array[int] = array("i", [NOBODY]) * size
        """Who traded before and after an operation, by the feed of a book."""
        self.forced: dict[int, list[tuple[int, str]]] = {}
        """Operations that must come before one, and by what."""
        self.symbols: list[Symbol] = []
        self.last_price: dict[int, Ticks] = {}
        """The last price of each book that was looked at when all was over."""
        self.prices: dict[int, tuple[tuple[int, Ticks], ...]] = {}
        """Where stops wait: the last price in a book after each matching step of an operation (E2, E5)."""
        self.unreached: dict[int, tuple[int, Side, Ticks, bool]] = {}
        """Whether the last price of a book had reached a stop when it was looked at, on entry (E7)."""
        self.spared: set[tuple[int, int]] = set()
        """Operations that made an order smaller by self-trade prevention and left some of it (G3), and the order."""
        self.queues: dict[int, tuple[int, ...]] = {}
        """Both sides of books with icebergs, order by order, when all was over."""
        self.wiped: set[tuple[int, int]] = set()
        """Operations that took an order out whole by self-trade prevention, and the order (G3)."""
        self.last_fill: list[dict[int, Ticks]] = []
        """The price of the last trade that an operation made, book by book; only where last prices are known."""
        self.watches_accounts = False

    def book_of(self, order: int) -> int:
        """The number of an order's book."""
        return (self.side_of[order] >> 1) % len(self.symbols)

    def waiting(self, book: int, side: Side) -> int:
        """Where stops of one side of a book wait, in the order in which they are triggered (E3)."""
        return 2 * len(self.symbols) + 2 * book + (side is Side.SELL)

    def preds(self, operation: int) -> Iterator[int]:
        """The operations that must come before one, by the fills alone."""
        entered, ender, consumers = self.entered, self.ender, self.consumers
        for order, _ in self.consumed(operation):
            if entered[order] != operation:
                yield entered[order]
            if ender[order] == operation:
                for other in consumers[order]:
                    if other != operation:
                        yield other
        if self.fed_before[operation] != NOBODY:
            yield self.fed_before[operation]
        for other, _ in self.forced.get(operation, ()):
            yield other

    def consumed(self, operation: int) -> Iterator[tuple[int, Lots]]:
        """The orders that lost lots to an operation, and how many."""
        yield from self.withdraws[operation]
        for entry in self.entries[operation]:
            yield from entry.touches

    def why(self, one: int, other: int) -> str:
        """Why, by the fills alone, one operation ({1}) comes before another (it); empty if nothing says so."""
        for order, _ in self.consumed(other):
            if self.entered[order] == one:
                return f"it took from order {self.order_id[order]}, which {{1}} had brought in"
            if self.ender[order] == other and one in self.consumers[order]:
                return f"it left nothing of order {self.order_id[order]}, so {{1}}, which took from it too, came before"
        if self.fed_before[other] == one:
            return FED
        return next((by for before, by in self.forced.get(other, ()) if before == one), "")

    def is_pure(self, operation: int) -> bool:
        """Whether an operation only takes things away: then it may as well happen as soon as it can."""
        if operation in self.sets:
            return False
        return all(entry.rests == NOBODY for entry in self.entries[operation])
