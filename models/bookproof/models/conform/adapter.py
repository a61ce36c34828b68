"""The one small class to write for an engine in Python, and the words in which an engine says what it has.

An adapter translates and does nothing else: it keeps no book of its own, for that would hide the engine's mistakes.
`open`, `submit` and `cancel` are needed; of the views whatever the engine can show, and `capabilities` says so. What
is not declared is reported as not covered, never as a failure.

>>> class Silent(Adapter):
...     capabilities = Capabilities("silent")
...     def open(self, books: Sequence[Book], settings: Mapping[str, str]) -> None:
...         self.book: dict[int, Order] = {}
...     def submit(self, order: Order) -> Reply:
...         self.book[order.order_id] = order
...         return Reply(True)
...     def cancel(self, symbol: str, order_id: int) -> bool:
...         return self.book.pop(order_id, None) is not None
>>> engine = Silent()
>>> engine.open([Book("ABC")], {})
>>> engine.cancel("ABC", 1)
False
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

from bookproof.models.conform.capabilities import Capabilities

__all__ = ["Adapter", "Answer", "Book", "Capabilities", "Fill", "Order", "Refused", "Reply", "Resting", "Status"]

# ── what an engine is asked, and what it says ──


class Book(NamedTuple):
    """One book to open. Limits that are not asked for under a capability have their defaults."""

    symbol: str
    tick: int = 1
    lot: int = 1
    min_price: int = 1
    max_price: int = 10**12
    min_quantity: int = 1
    max_quantity: int = 10**12
    more: Mapping[str, Any] = {}
    """Other terms of the instrument, as the wire format has them; only under the capability that they belong to."""


class Order(NamedTuple):
    """A new order. Prices are ticks, quantities lots; `Adapter.price` makes of ticks what the engine takes."""

    symbol: str
    order_id: int
    account: int
    side: str
    """`buy` or `sell`."""
    quantity: int
    price: int | None = None
    """None for a market order."""
    time_in_force: str = "gtc"
    """`gtc`, `day`, `gtd`, `ioc` or `fok`."""
    stop: int | None = None
    post_only: bool = False
    min_quantity: int = 0
    display: int | None = None
    """The slice of an iceberg; 0 hides all of it, None shows all."""
    expires: int | None = None
    self_trade: str = "none"
    """`none`, `cancel-taker`, `cancel-maker`, `cancel-both`, `decrement` or `transfer`."""
    cancel_on_disconnect: bool = False

    @property
    def is_buy(self) -> bool:
        """Whether it buys."""
        return self.side == "buy"


class Fill(NamedTuple):
    """One trade, as far as the engine says: None is what it does not say."""

    price: Any
    quantity: Any
    maker: Any = None
    taker: Any = None
    symbol: str | None = None
    """None: in the book that the command names."""


class Reply(NamedTuple):
    """What an engine answers to one command."""

    accepted: bool | None = None
    """False: it was refused. None: the engine does not say."""
    fills: Iterable[Fill] | None = None
    """What it traded; None where that is read elsewhere (`Adapter.fills`), or never said."""
    why: str = ""
    """In the engine's own words."""


Answer: TypeAlias = Reply | bool | None
"""True and False stand for a reply that says no more than this."""


class Resting(NamedTuple):
    """One order of a queue."""

    order_id: Any
    price: Any
    quantity: Any
    """What is displayed of it."""
    leaves: Any = None
    """All that is open, where the engine tells them apart."""


class Status(NamedTuple):
    """What an engine says of one order."""

    state: str | None = None
    """`live`, `filled`, `cancelled`, `refused`, `gone` (not live, no word why); None where it does not say."""
    leaves: Any = None
    """What is open."""
    executed: Any = None


class Refused(Exception):
    """Raise it, or declare the engine's own exceptions as `refusals`, when the engine refuses a command."""


# ── the class to write ──

Levels: TypeAlias = Iterable[tuple[Any, ...]]
"""(price, quantity), or (price, quantity, orders), best first."""


class Adapter(ABC):
    """One engine under test. A new instance is opened for every scenario."""

    capabilities: Capabilities
    refusals: tuple[type[BaseException], ...] = ()
    """Exceptions by which the engine refuses a command. Any other is a finding."""

    now: int = 0
    """The clock, in nanoseconds, for an engine that wants the time with each order. It stands still in every second
    scenario."""

    def __init__(self) -> None:
        self._natives: dict[int, Hashable] = {}
        self._ours: dict[Hashable, int] = {}
        self._tick = Decimal(self.capabilities.tick)

    @abstractmethod
    def open(self, books: Sequence[Book], settings: Mapping[str, str]) -> None:
        """Begin anew with these books, empty. `settings` are those of the venue profile, for engines with switches."""

    @abstractmethod
    def submit(self, order: Order) -> Answer | Iterable[Fill]:
        """Enter a new order. Fills alone mean that it was accepted."""

    def cancel(self, symbol: str, order_id: int) -> Answer:
        """Take an order out of its book, if it is there."""
        raise NotImplementedError("cancel")

    def replace(self, symbol: str, order_id: int, quantity: int, price: int | None) -> Answer | Iterable[Fill]:
        """Give an order new terms; None leaves its price."""
        raise NotImplementedError("replace")

    def command(self, name: str, terms: Mapping[str, Any]) -> Answer | Iterable[Fill]:
        """Do anything else that is declared: `name` and `terms` are those of the wire format."""
        raise NotImplementedError(name)

    def clock(self, now: int) -> None:
        """The time is `now`. Called before every command, but not where the clock stands still."""
        self.now = now

    def fills(self) -> Iterable[Fill]:
        """What traded since this was last asked, for an engine that does not say it in its answer."""
        raise NotImplementedError("fills")

    def queue(self, symbol: str) -> tuple[Iterable[Resting], Iterable[Resting]]:
        """L3: bids and asks, each in the order in which they would trade."""
        raise NotImplementedError("queue")

    def depth(self, symbol: str) -> tuple[Levels, Levels]:
        """L2: bids and asks, best first."""
        raise NotImplementedError("depth")

    def top(self, symbol: str) -> tuple[tuple[Any, ...] | None, tuple[Any, ...] | None]:
        """L1: the best bid and the best ask, each (price, quantity) or (price,); None where there is none."""
        raise NotImplementedError("top")

    def status(self, symbol: str, order_id: int) -> Status | None:
        """Where an order stands; None where the engine does not know it any more."""
        raise NotImplementedError("status")

    def stops(self, symbol: str) -> tuple[Iterable[int], Iterable[int]]:
        """The ids of the pending stops to buy and to sell, each in the order in which they would be triggered."""
        raise NotImplementedError("stops")

    def close(self) -> None:  # noqa: B027  most engines have nothing to let go of
        """The scenario is over."""

    # ── ids and prices, both ways ──

    def native(self, order_id: int) -> Any:
        """What the engine calls an order: its own id, or the caller's as integer or string.

        Raises Refused where the engine makes ids and never made one for this order: it cannot be asked about it.
        """
        if self.capabilities.ids == "own":
            if order_id not in self._natives:
                raise Refused("the engine never gave this order an id")
            return self._natives[order_id]
        return str(order_id) if self.capabilities.ids == "str" else order_id

    def bind(self, order_id: int, native: Hashable) -> None:
        """The engine calls this order so."""
        self._natives[order_id] = native
        self._ours[native] = order_id

    def ours(self, native: Any) -> Any:
        """The caller's id of an order; what nobody entered comes back as it is, to be reported."""
        if self.capabilities.ids == "own":
            return self._ours.get(native, native)
        text = str(native)
        return int(text) if self.capabilities.ids == "str" and text.isdecimal() else native

    def price(self, ticks: int) -> Any:
        """A price as the engine takes it."""
        kind = self.capabilities.prices
        if kind == "int":
            return ticks
        return ticks * self._tick if kind == "decimal" else float(ticks * self._tick)

    def ticks(self, price: Any) -> Any:
        """A price of the engine in ticks; one that is on no tick comes back as it is, to be reported.

        >>> class Dear(Adapter):
        ...     capabilities = Capabilities("dear", prices="float", tick="0.01")
        ...     open = submit = cancel = None
        >>> Dear().ticks(1.15), Dear().ticks(1.155)
        (115, 1.155)
        """
        if price is None or self.capabilities.prices == "int":
            return price
        exact = Decimal(str(price)) / self._tick
        nearest = int(exact.to_integral_value()) if exact.is_finite() else 0
        return nearest if exact.is_finite() and abs(exact - nearest) < Decimal("1e-6") else price
