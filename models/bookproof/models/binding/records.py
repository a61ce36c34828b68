"""One vocabulary for both: commands, events and books as records of the module RuleBook.

| RuleBook | here |
|---|---|
| a command `[do, …]` | a `Command` |
| an event `[is, id, maker, lots, px]` | an `Event`; what a list says when it is accepted has no record |
| an order `[id, account, side, px, lots, done]` | a resting order, `lots` of it open and `done` |
| an exchange `[book, halted, blocked, mates, purse, lots]` | all books, the market, the live lists and the accounts |
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from bookproof.models.tla.values import Function, TlaValue, function, text
from bookproof.spec.commands import (
    Basket,
    Cancel,
    Command,
    Deposit,
    Halt,
    KillSwitch,
    Leg,
    Replace,
    Resume,
    SetLimits,
    Submit,
    SubmitList,
    TakeSnapshot,
    Withdraw,
)
from bookproof.spec.events import (
    Accepted,
    AccountBlocked,
    Cancelled,
    Deposited,
    Event,
    Halted,
    LimitsSet,
    ListAccepted,
    Rejected,
    Replaced,
    Resumed,
    SnapshotTaken,
    Trade,
    Withdrawn,
)
from bookproof.spec.input_error import InputError, quote
from bookproof.spec.values import Account, Limits, ListKind, OrderId, Side, Symbol
from bookproof.spec.views import AccountView, MarketView, OrderList, OrderStatus, Queue

CASH = "cash"
"""What is no lots."""

NO_LIMIT = 99
"""What RuleBook says of an account that may have any number of orders."""

# ── commands ──


def command_of(record: Any) -> Command:
    """The command that a record of RuleBook is about. InputError for one that the engine does not know.

    >>> from bookproof.models.tla.values import parse
    >>> command_of(parse('[do |-> "cancel", symbol |-> "A", id |-> 1]'))
    Cancel(symbol='A', order_id=1)
    """
    match record["do"]:
        case "submit":
            return _submit(record["symbol"], record["order"])
        case "cancel":
            return Cancel(record["symbol"], record["id"])
        case "replace":
            return Replace(record["symbol"], record["id"], record["lots"], record["px"])
        case "basket":
            legs = tuple(_leg(leg["symbol"], leg["order"]) for leg in record["legs"])
            return Basket(record["legs"][0]["order"]["account"], legs)
        case "list":
            return SubmitList(ListKind.OCO, tuple(_submit(leg["symbol"], leg["order"]) for leg in record["legs"]))
        case "halt":
            return Halt()
        case "resume":
            return Resume()
        case "kill":
            return KillSwitch(record["account"])
        case "snapshot":
            return TakeSnapshot()
        case "deposit":
            return Deposit(record["account"], record["amount"], _asset(record["asset"]))
        case "withdraw":
            return Withdraw(record["account"], record["amount"], _asset(record["asset"]))
        case "limit":
            return SetLimits(record["account"], Limits(open_orders=record["most"]))
        case other:
            raise InputError("Scenarios.tla", 0, "do", "a command that the engine knows", quote(str(other)))


def _submit(symbol: Symbol, order: Any) -> Submit:
    return Submit(symbol, order["id"], order["account"], Side(order["side"]), order["lots"], order["px"])


def _asset(asset: str) -> Symbol | None:
    return None if asset == CASH else asset


def _leg(symbol: Symbol, order: Any) -> Leg:
    return Leg(symbol, order["id"], Side(order["side"]), order["lots"], order["px"])


def record_of(command: Command) -> Function:
    """The record of RuleBook for a command: the other way round.

    >>> print(record_of(Cancel("A", 1)))
    [do |-> "cancel", id |-> 1, symbol |-> "A"]
    """
    match command:
        case Submit():
            return Function({"do": "submit", "symbol": command.symbol, "order": _order(command, command.account)})
        case Cancel():
            return Function({"do": "cancel", "symbol": command.symbol, "id": command.order_id})
        case Replace():
            terms: dict[str, TlaValue] = {"id": command.order_id, "lots": command.quantity, "px": command.price or 0}
            return Function({"do": "replace", "symbol": command.symbol, **terms})
        case Basket():
            legs = tuple(_leg_record(leg, command.account) for leg in command.legs)
            return Function({"do": "basket", "legs": legs})
        case SubmitList():
            return Function({"do": "list", "legs": tuple(_leg_record(leg, leg.account) for leg in command.legs)})
        case Halt():
            return Function({"do": "halt"})
        case Resume():
            return Function({"do": "resume"})
        case KillSwitch():
            return Function({"do": "kill", "account": command.account})
        case TakeSnapshot():
            return Function({"do": "snapshot"})
        case Deposit() | Withdraw():
            do = "deposit" if isinstance(command, Deposit) else "withdraw"
            moved: dict[str, TlaValue] = {"asset": command.symbol or CASH, "amount": command.amount}
            return Function({"do": do, "account": command.account, **moved})
        case SetLimits():
            return Function({"do": "limit", "account": command.account, "most": _most(command.limits)})
        case _:
            raise ValueError(f"expected a command that RuleBook knows, got {command}")


def _leg_record(leg: Leg | Submit, account: Account) -> Function:
    return Function({"symbol": leg.symbol, "order": _order(leg, account)})


def _order(order: Leg | Submit, account: Account) -> Function:
    terms: dict[str, TlaValue] = {
        "side": str(order.side.value),
        "px": order.price or 0,
        "lots": order.quantity,
        "done": 0,
    }
    return Function({"id": order.order_id, "account": account, **terms})


# ── events ──


def said(events: Iterable[Event]) -> tuple[Function, ...]:
    """What a client is told, as records of RuleBook.

    >>> print(*said([Trade("A", 100, 2, 1, 7)]))
    [id |-> 7, is |-> "trade", lots |-> 2, maker |-> 1, px |-> 100]
    """
    records: list[Function] = []
    for event in events:
        match event:
            case Accepted():
                records.append(_said("accepted", event.order_id, 0, event.quantity, event.price))
            case Rejected():
                records.append(_said("rejected", event.order_id or 0))
            case Cancelled():
                records.append(_said("cancelled", event.order_id, 0, event.quantity, event.price))
            case Trade():
                records.append(_said("trade", event.taker, event.maker, event.quantity, event.price))
            case Replaced():
                records.append(_said("replaced", event.order_id, 0, event.quantity, event.price))
            case Halted():
                records.append(_said("halted"))
            case Resumed():
                records.append(_said("resumed"))
            case AccountBlocked():
                records.append(_said("blocked", event.account, 0, event.orders))
            case SnapshotTaken():
                records.append(_said("snapshot"))
                records += [
                    _said("shown", order.order_id, 0, order.leaves, order.price)
                    for book in event.books
                    for order in (*book.queue.bids, *book.queue.asks)
                ]
            case Deposited() | Withdrawn():
                what = "deposited" if isinstance(event, Deposited) else "withdrawn"
                lots, cash = (0, event.amount) if event.symbol is None else (event.amount, 0)
                records.append(_said(what, event.account, 0, lots, cash))
            case LimitsSet():
                records.append(_said("limited", event.account, 0, _most(event.limits)))
            case ListAccepted():
                pass
            case _:
                records.append(_said(type(event).__name__))
    return tuple(records)


def _most(limits: Limits) -> int:
    """How many orders may be open."""
    return NO_LIMIT if limits.open_orders is None else limits.open_orders


def _said(what: str, order: int = 0, maker: int = 0, lots: int = 0, price: int | None = 0) -> Function:
    return Function({"is": what, "id": order, "maker": maker, "lots": lots, "px": price or 0})


# ── the exchange ──

Status = Callable[[OrderId], "OrderStatus | None"]


class Books:
    """Makes records of books, and keeps them: most states have most books in common."""

    def __init__(self) -> None:
        self._known: dict[object, Function] = {}

    def record(self, queue: Queue, status: Status) -> Function:
        """A book: its orders, and what each of them has traded so far."""
        sides = tuple(
            tuple(
                (order.order_id, order.account, order.price or 0, order.leaves, _done(status, order.order_id))
                for order in side
            )
            for side in (queue.bids, queue.asks)
        )
        found = self._known.get(sides)
        if found is None:
            found = self._known[sides] = Function(
                {
                    side: tuple(
                        Function({"id": one, "account": account, "side": side, "px": px, "lots": lots, "done": done})
                        for one, account, px, lots, done in orders
                    )
                    for side, orders in zip(("buy", "sell"), sides, strict=True)
                }
            )
        return found

    def exchange(
        self,
        books: Mapping[Symbol, Function],
        market: MarketView,
        lists: Iterable[OrderList],
        accounts: Sequence[AccountView],
    ) -> Function:
        """All of it. A list is named by the places of its orders. Where there are no accounts, none are kept."""
        places = frozenset(frozenset((place.symbol, place.order_id) for place in each.members) for each in lists)
        key = (tuple(books.items()), market.halted, market.blocked, places, tuple(accounts))
        found = self._known.get(key)
        if found is None:
            mates: TlaValue = frozenset(
                frozenset(Function({"symbol": symbol, "id": order}) for symbol, order in pair) for pair in places
            )
            found = self._known[key] = Function(
                {
                    "book": function(books),
                    "halted": market.halted,
                    "blocked": frozenset(market.blocked),
                    "mates": mates,
                    "purse": function({view.account: _purse(view) for view in accounts}),
                    "lots": function({symbol: _lots(symbol, accounts) for symbol in books if accounts}),
                }
            )
        return found


def _purse(view: AccountView) -> Function:
    most = _most(view.limits)
    return Function({"cash": view.cash, "reserved": view.reserved, "orders": view.open_orders, "most": most})


def _lots(symbol: Symbol, accounts: Iterable[AccountView]) -> TlaValue:
    """What each account has in one book."""
    return function(
        {
            view.account: sum(holding.position for holding in view.holdings if holding.symbol == symbol)
            for view in accounts
        }
    )


def _done(status: Status, order: OrderId) -> int:
    found = status(order)
    return -1 if found is None else found.executed


def shown(value: object) -> str:
    """A value in TLA+'s notation, for a message."""
    return "unknown" if value is None else text(value)  # type: ignore[arg-type]
