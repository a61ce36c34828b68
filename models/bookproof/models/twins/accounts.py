"""The part of `tla/RuleBook.tla` that is about accounts, in Python; and `Do`, the one way in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from bookproof.models.twins.parts import Map, put
from bookproof.models.twins.records import (
    Command,
    Event,
    Exchange,
    Order,
    Outcome,
    Purse,
    Said,
    about_account,
    about_lots,
    must_be_paid,
    rejected,
)
from bookproof.models.twins.rulebook import (
    KNOWN,
    at_the_books,
    barred,
    find,
    resting,
)

NO_LIMIT = 99

Listed = tuple[str, ...]


class Entry(NamedTuple):
    """What a command moves in one purse, more or less than before."""

    cash: int
    reserved: int
    orders: int


Entries = Map[int, Entry]

NO_ENTRIES: Entries = Map((), ())


class Want(NamedTuple):
    """What an order asks for beyond what is reserved for it already."""

    symbol: str
    id: int
    lots: int
    cash: int


def with_accounts(x: Exchange, accounts: range) -> Exchange:
    """`WithAccounts`."""
    if not accounts:
        return x
    symbols = x.book.keys
    return x._replace(
        purse=(Purse(0, 0, 0, NO_LIMIT),) * len(accounts),
        lots=Map(symbols, ((0,) * len(accounts),) * len(symbols)),
    )


def resting_in(x: Exchange, symbols: Iterable[str]) -> tuple[Order, ...]:
    """`RestingIn`."""
    return tuple(o for symbol in symbols for o in resting(x.book.of(symbol)))


def of_account(orders: Iterable[Order], account: int) -> list[Order]:
    """`OfAccount`."""
    return [o for o in orders if o.account == account]


def cost(orders: Iterable[Order]) -> int:
    """`Cost`."""
    return sum(o.px * o.lots for o in orders if o.side == "buy")


def free_lots(x: Exchange, symbol: str, account: int) -> int:
    """`FreeLots`."""
    offered = sum(o.lots for o in of_account(x.book.of(symbol).sell, account))
    return x.lots.of(symbol)[account - 1] - offered


def free_cash(x: Exchange, account: int) -> int:
    """`FreeCash`."""
    purse = x.purse[account - 1]
    return purse.cash - purse.reserved


# ── whether an account can stand for its orders ──


def orders_of(x: Exchange, command: Command) -> list[tuple[str, Order]]:
    """The orders that a command brings in, or the one that it replaces, each with its book."""
    if command.do == "submit" and command.order:
        return [(command.symbol, command.order)]
    if command.do == "replace":
        return [(command.symbol, o) for o in find(x.book.of(command.symbol), command.id)]
    return [(leg.symbol, leg.order) for leg in command.legs] if command.do == "basket" else []


def turned_away(x: Exchange, command: Command) -> bool:
    """`TurnedAway`."""
    orders = orders_of(x, command)
    return not orders or barred(x, orders[0][1].account)


def payer(x: Exchange, command: Command) -> int:
    """`Payer`."""
    return orders_of(x, command)[0][1].account


def wanted(x: Exchange, command: Command) -> list[Want]:
    """`Wanted`."""
    wants = []
    for symbol, o in orders_of(x, command):
        lots, cash = o.lots, o.px * o.lots
        if command.do == "replace":
            if command.lots <= o.done:
                return []
            lots = command.lots - o.done - o.lots
            cash = command.px * (command.lots - o.done) - o.px * o.lots
        wants.append(Want(symbol, o.id, lots if o.side == "sell" else 0, cash if o.side == "buy" else 0))
    return wants


@lru_cache(maxsize=KNOWN)
def not_stood_for(x: Exchange, command: Command) -> int:
    """`NotStoodFor`."""
    wants = wanted(x, command)
    if not wants:
        return 0
    account = payer(x, command)
    purse = x.purse[account - 1]
    if command.do != "replace" and purse.orders + len(wants) > purse.most:
        return wants[0].id
    for want in wants:
        if want.lots > 0 and want.lots > free_lots(x, want.symbol, account):
            return want.id
    cash = sum(want.cash for want in wants)
    return wants[0].id if cash > 0 and cash > free_cash(x, account) else 0


# ── settlement ──


def known(x: Exchange, command: Command, listed: Listed) -> dict[int, Order]:
    """`Known`, by their ids."""
    orders = {o.id: o for o in resting_in(x, listed)}
    brought = [] if command.do == "replace" else orders_of(x, command)
    return {**{o.id: o for _, o in brought}, **orders}


def parties(orders: dict[int, Order], trade: Event) -> tuple[int, int]:
    """`PartyOf`: who buys, and who sells."""
    maker, taker = orders[trade.maker], orders[trade.id]
    return (maker.account, taker.account) if maker.side == "buy" else (taker.account, maker.account)


def met_in(orders: dict[int, Order], said: Said) -> Iterator[int]:
    """`MetIn`: whom events concern, in the order in which they are met."""
    for event in said:
        if event.is_ == "trade":
            yield from parties(orders, event)
        elif event.is_ in ("accepted", "cancelled", "replaced"):
            yield orders[event.id].account


@lru_cache(maxsize=KNOWN)
def matched(x: Exchange, command: Command, listed: Listed) -> Outcome:
    """`Matched`, with the loop of `Delivered`: what the books do, and the lots that change hands there."""
    after, said = at_the_books(x, command, listed)
    if not x.purse:
        return Outcome(after, said)
    orders, lots = known(x, command, listed), after.lots
    for trade in said:
        if trade.is_ == "trade":
            symbol = next(symbol for symbol in listed if find(x.book.of(symbol), trade.maker))
            buyer, seller = parties(orders, trade)
            holdings = lots.of(symbol)
            holdings = put(holdings, seller, holdings[seller - 1] - trade.lots)
            lots = lots.put(symbol, put(holdings, buyer, holdings[buyer - 1] + trade.lots))
    return Outcome(after._replace(lots=lots), said)


@lru_cache(maxsize=KNOWN)
def entries(x: Exchange, command: Command, listed: Listed) -> Entries:
    """`Entries`."""
    after, said = at_the_books(x, command, listed)
    orders = known(x, command, listed)
    accounts = sorted(set(met_in(orders, said)))
    trades = [(*parties(orders, event), event.px * event.lots) for event in said if event.is_ == "trade"]
    before, then = resting_in(x, listed), resting_in(after, listed)

    def entry(a: int) -> Entry:
        earned = sum(paid for _, seller, paid in trades if seller == a)
        spent = sum(paid for buyer, _, paid in trades if buyer == a)
        ours, left = of_account(before, a), of_account(then, a)
        return Entry(earned - spent, cost(left) - cost(ours), len(left) - len(ours))

    return Map(tuple(accounts), tuple(map(entry, accounts)))


def booked(purses: tuple[Purse, ...], moved: Entries) -> tuple[Purse, ...]:
    """`Booked`."""
    for account, entry in zip(moved.keys, moved.images, strict=True):
        p = purses[account - 1]
        after = Purse(p.cash + entry.cash, p.reserved + entry.reserved, p.orders + entry.orders, p.most)
        purses = put(purses, account, after)
    return purses


def settled(x: Exchange, command: Command, listed: Listed) -> Outcome:
    """`Settled`."""
    after, said = matched(x, command, listed)
    return Outcome(after._replace(purse=booked(after.purse, entries(x, command, listed))), said)


def do_about_account(x: Exchange, command: Command) -> Outcome:
    """`DoAboutAccount`."""
    account, amount, lots = command.account, command.amount, about_lots(command)
    if command.do == "limit":
        purse = x.purse[account - 1]._replace(most=command.most)
        return Outcome(x._replace(purse=put(x.purse, account, purse)), (Event("limited", account, 0, command.most, 0),))
    if command.do == "withdraw":
        if amount > (free_lots(x, command.asset, account) if lots else free_cash(x, account)):
            return Outcome(x, (rejected(0),))
        amount = -amount
    if lots:
        holdings = x.lots.of(command.asset)
        holdings = put(holdings, account, holdings[account - 1] + amount)
        x = x._replace(lots=x.lots.put(command.asset, holdings))
    else:
        purse = x.purse[account - 1]
        x = x._replace(purse=put(x.purse, account, purse._replace(cash=purse.cash + amount)))
    is_ = "deposited" if command.do == "deposit" else "withdrawn"
    return Outcome(x, (Event(is_, account, 0, command.amount * lots, command.amount * (not lots)),))


def do(x: Exchange, command: Command, listed: Listed) -> Outcome:
    """`Do`: the one way in."""
    if not x.purse:
        return at_the_books(x, command, listed)
    if about_account(command):
        return do_about_account(x, command)
    if must_be_paid(command):
        if turned_away(x, command):
            return at_the_books(x, command, listed)
        if short := not_stood_for(x, command):
            return Outcome(x, (rejected(short),))
    return settled(x, command, listed)


def do_all(x: Exchange, commands: Iterable[Command], listed: Listed) -> Outcome:
    """`DoAll`, from nothing said."""
    said: Said = ()
    for command in commands:
        x, more = do(x, command, listed)
        said += more
    return Outcome(x, said)


# ── what must hold ──


def solvent_in(x: Exchange) -> bool:
    """`SolventIn`."""
    return all(purse.reserved <= purse.cash and purse.orders <= purse.most for purse in x.purse) and all(
        free_lots(x, symbol, account) >= 0 for symbol in x.lots.keys for account in range(1, len(x.purse) + 1)
    )


def reserved_in(x: Exchange, listed: Listed) -> bool:
    """`ReservedIn`."""
    orders = resting_in(x, listed)
    return all(
        purse.reserved == cost(of_account(orders, account)) and purse.orders == len(of_account(orders, account))
        for account, purse in enumerate(x.purse, 1)
    )


def money_in(x: Exchange, said: Said) -> bool:
    """`MoneyIn`: trades create and lose nothing."""
    if not x.purse:
        return True

    def moved(is_: str) -> tuple[int, int]:
        events = [event for event in said if event.is_ == is_]
        return sum(event.px for event in events), sum(event.lots for event in events)

    (cash_in, lots_in), (cash_out, lots_out) = moved("deposited"), moved("withdrawn")
    lots = sum(map(sum, x.lots.images))
    return sum(purse.cash for purse in x.purse) + cash_out == cash_in and lots + lots_out == lots_in
