"""The records of `tla/RuleBook.tla` in Python: orders, books, events and commands, with the names that they have there.

A sequence is a tuple and a record a named tuple, so states can be hashed, compared, and shown as TLA+ values.
"""

from __future__ import annotations

from typing import NamedTuple

from bookproof.models.twins.parts import Map


class Order(NamedTuple):
    """An order: `lots` are open, `done` have been traded."""

    id: int
    account: int
    side: str
    px: int
    lots: int
    done: int


class Event(NamedTuple):
    """What is said; 0 for what does not apply."""

    is_: str
    id: int
    maker: int
    lots: int
    px: int


Said = tuple[Event, ...]


class Book(NamedTuple):
    """Two queues, the order that trades first in front."""

    buy: tuple[Order, ...]
    sell: tuple[Order, ...]

    def side(self, side: str) -> tuple[Order, ...]:
        """One of its queues."""
        return self.buy if side == "buy" else self.sell

    def with_side(self, side: str, queue: tuple[Order, ...]) -> Book:
        """The same book with another queue."""
        return Book(queue, self.sell) if side == "buy" else Book(self.buy, queue)


class Place(NamedTuple):
    """Where an order of a list is."""

    symbol: str
    id: int


class Purse(NamedTuple):
    """What an account has, and what its orders may cost; how many are open, and how many may be."""

    cash: int
    reserved: int
    orders: int
    most: int


class Exchange(NamedTuple):
    """All of it."""

    book: Map[str, Book]
    halted: bool
    blocked: frozenset[int]
    mates: frozenset[frozenset[Place]]
    purse: tuple[Purse, ...]
    """Account -> purse; nothing where no accounts are kept."""
    lots: Map[str, tuple[int, ...]]
    """Symbol -> account -> lots that it has; likewise."""


class Leg(NamedTuple):
    """One order of a basket or list, and its book."""

    symbol: str
    order: Order


class Command(NamedTuple):
    """What a client asks for. Only what its kind needs is given."""

    do: str
    symbol: str = ""
    order: Order | None = None
    id: int = 0
    lots: int = 0
    px: int = 0
    legs: tuple[Leg, ...] = ()
    account: int = 0
    asset: str = ""
    amount: int = 0
    most: int = 0


class Outcome(NamedTuple):
    """The exchange after a command, and what was said."""

    x: Exchange
    said: Said


# ── what is said ──


def accepted(o: Order) -> Event:
    """`Accepted`."""
    return Event("accepted", o.id, 0, o.lots, o.px)


def rejected(id: int) -> Event:
    """`Rejected`."""
    return Event("rejected", id, 0, 0, 0)


def cancelled(o: Order) -> Event:
    """`Cancelled`."""
    return Event("cancelled", o.id, 0, o.lots, o.px)


# ── commands ──


def buy(id: int, account: int, lots: int, px: int) -> Order:
    """`Buy`."""
    return Order(id, account, "buy", px, lots, 0)


def sell(id: int, account: int, lots: int, px: int) -> Order:
    """`Sell`."""
    return Order(id, account, "sell", px, lots, 0)


def submit(symbol: str, order: Order) -> Command:
    """`Submit`."""
    return Command("submit", symbol, order)


def cancel(symbol: str, id: int) -> Command:
    """`Cancel`."""
    return Command("cancel", symbol, id=id)


def replace(symbol: str, id: int, lots: int, px: int) -> Command:
    """`Replace`."""
    return Command("replace", symbol, id=id, lots=lots, px=px)


def basket(*legs: Leg) -> Command:
    """`Basket`."""
    return Command("basket", legs=legs)


def one_of(*legs: Leg) -> Command:
    """`OneOf`."""
    return Command("list", legs=legs)


HALT_MARKET, RESUME_MARKET, SNAPSHOT = Command("halt"), Command("resume"), Command("snapshot")


def kill(account: int) -> Command:
    """`Kill`."""
    return Command("kill", account=account)


def deposit(account: int, asset: str, amount: int) -> Command:
    """`Deposit`."""
    return Command("deposit", account=account, asset=asset, amount=amount)


def withdraw(account: int, asset: str, amount: int) -> Command:
    """`Withdraw`."""
    return Command("withdraw", account=account, asset=asset, amount=amount)


def set_limit(account: int, most: int) -> Command:
    """`SetLimit`."""
    return Command("limit", account=account, most=most)


def about_account(command: Command) -> bool:
    """`AboutAccount`."""
    return command.do in ("deposit", "withdraw", "limit")


def about_lots(command: Command) -> bool:
    """`AboutLots`."""
    return command.do in ("deposit", "withdraw") and command.asset != "cash"


def must_be_paid(command: Command) -> bool:
    """`MustBePaid`."""
    return command.do in ("submit", "replace", "basket")


def names(command: Command) -> tuple[str, ...]:
    """`Names`: the books that a command names."""
    if command.do in ("submit", "cancel", "replace"):
        return (command.symbol,)
    if command.do in ("basket", "list"):
        return tuple(leg.symbol for leg in command.legs)
    return (command.asset,) if about_lots(command) else ()


def concerns_all(command: Command) -> bool:
    """`ConcernsAll`."""
    return command.do in ("halt", "resume", "kill", "snapshot")
