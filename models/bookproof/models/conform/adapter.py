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
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

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


# ── what an engine has ──

ORDERS = frozenset(
    {
        *("limit", "market", "budget", "ioc", "fok", "day", "gtd", "post-only", "min-quantity", "iceberg"),
        *("display-range", "hidden", "stop", "stop-limit"),
    }
)
"""Kinds of orders. Whoever has `limit` has limit orders that rest until they are cancelled."""

COMMANDS = frozenset(
    {
        *("cancel", "replace", "reused-ids", "bad-input", "limits", "mass-cancel", "halts", "clock", "auctions"),
        *("baskets", "lists", "accounts", "margin", "routing", "bands", "breaker", "kill-switch"),
    }
)
"""What there is beside new orders, by the name that the generator has for it (`generate.features`). `reused-ids`: an id
may come twice, and is refused while its order lives. `bad-input`: whatever makes no sense is refused and changes
nothing. `limits`: so is what is on no tick or lot, or outside the limits of a book."""

VIEWS = frozenset(["trades", "queue", "depth", "top", "status", "stops"])
"""What can be seen. `trades` is what traded, wherever that is said."""

TRADE_PARTS = frozenset(["price", "quantity", "maker", "taker"])
SELF_TRADE = frozenset(["none", "cancel-taker", "cancel-maker", "cancel-both", "decrement", "transfer"])
REPLACES = frozenset(["smaller", "larger", "price", "both", "stop"])
"""What a replace can change: the quantity to a smaller or a larger one, the price, both at once, the stop."""

RESULTS = ("answer", "callback", "log", "queue")
"""Where trades are read: from the answer to the command, or from what a callback, a log or a queue has gathered."""

IDS = ("int", "str", "own")
PRICES = ("int", "float", "decimal")
DEAD_CANCELS = ("returns", "raises", "ignored")


@dataclass(frozen=True)
class Capabilities:
    """What an engine has: declared, never guessed. ValueError for a word that means nothing here.

    >>> Capabilities("mine", orders=frozenset({"limit", "markt"}))
    Traceback (most recent call last):
    ...
    ValueError: orders: 'markt' is none of budget, day, display-range, fok, gtd, hidden, iceberg, ioc, limit, market, \
min-quantity, post-only, stop, stop-limit
    """

    name: str
    version: str = ""
    orders: frozenset[str] = frozenset({"limit"})
    commands: frozenset[str] = frozenset({"cancel"})
    views: frozenset[str] = frozenset()
    trade_parts: frozenset[str] = TRADE_PARTS
    """What a trade says of itself, where `trades` are seen."""
    level_orders: bool = False
    """Depth and top count the orders of a level."""
    top_quantities: bool = True
    """Top says how much there is, and not only at which price."""
    self_trade: frozenset[str] = frozenset({"none"})
    """What an order may want done on meeting its own account. Without `none` the engine always prevents."""
    replaces: frozenset[str] = frozenset({"smaller", "larger", "price", "both"})
    books: int = 1
    """How many an instance can have."""
    results: str = "answer"
    ids: str = "int"
    """The caller's integers or strings, or the engine's own, which `Adapter.bind` ties to the caller's."""
    prices: str = "int"
    tick: str = "1"
    """What one tick is in the engine's prices, such as 0.01."""
    dead_cancel: str = "returns"
    """What becomes of the cancel of an order that is not live."""
    threads: bool = False
    """Any number of threads may call it at once."""
    sessions: int = 1
    """How many connections it takes at once."""
    profile: str = ""
    """The venue profile it claims to follow; empty where that is for the checker to find out."""

    def __post_init__(self) -> None:
        """Refuse words that mean nothing here."""
        for name, known in _SETS.items():
            given: frozenset[str] = getattr(self, name)
            if isinstance(given, str) or not all(isinstance(word, str) for word in given):
                raise ValueError(f"{name}: expected a set of words, got {given!r}")
            object.__setattr__(self, name, frozenset(given))
            for word in sorted(given):
                if word not in known:
                    raise ValueError(f"{name}: {word!r} is none of {', '.join(sorted(known))}")
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name}: {getattr(self, name)!r} is none of {', '.join(choices)}")
        for name in ("books", "sessions"):
            number = getattr(self, name)
            if type(number) is not int or number < 1:
                raise ValueError(f"{name}: expected a whole number from 1 on, got {number!r}")
        if not _is_step(self.tick):
            raise ValueError(f"tick: expected a price step above zero, such as 0.01, got {self.tick!r}")
        if not self.self_trade:
            raise ValueError("self_trade: expected at least one mode, `none` where nothing is prevented")

    def to_json(self) -> dict[str, Any]:
        """As an object of the protocol.

        >>> Capabilities.from_json(Capabilities("mine").to_json()) == Capabilities("mine")
        True
        """
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: sorted(value) if isinstance(value, frozenset) else value for name, value in values.items()}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Capabilities:
        """From an object of the protocol. ValueError names the field, what was expected and what came."""
        known = {field.name: field for field in fields(cls)}
        for name, value in found.items():
            if name not in known:
                raise ValueError(f"{name}: no such capability; known are {', '.join(known)}")
            expected = _KINDS.get(name, str)
            if type(value) is not expected:
                raise ValueError(f"{name}: expected {_WORDS[expected]}, got {value!r}")
        if "name" not in found:
            raise ValueError("name: expected the engine's name, got nothing")
        sets = {name: frozenset(found[name]) for name in _SETS if name in found and _are_words(name, found[name])}
        return cls(**{**found, **sets})


_SETS = {
    "orders": ORDERS,
    "commands": COMMANDS,
    "views": VIEWS,
    "trade_parts": TRADE_PARTS,
    "self_trade": SELF_TRADE,
    "replaces": REPLACES,
}
_CHOICES = {"results": RESULTS, "ids": IDS, "prices": PRICES, "dead_cancel": DEAD_CANCELS}
_KINDS: dict[str, type] = {
    **dict.fromkeys(_SETS, list),
    "level_orders": bool,
    "top_quantities": bool,
    "threads": bool,
    "books": int,
    "sessions": int,
}
_WORDS: dict[type, str] = {list: "a list of words", bool: "true or false", int: "a whole number", str: "a string"}


def _is_step(text: str) -> bool:
    try:
        step = Decimal(text)
    except (ArithmeticError, TypeError, ValueError):
        return False
    return step.is_finite() and step > 0


def _are_words(name: str, found: Sequence[Any]) -> bool:
    if all(type(word) is str for word in found):
        return True
    raise ValueError(f"{name}: expected a list of words, got {found!r}")


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
