"""The words in which an engine says what it has: declared, never guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

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
