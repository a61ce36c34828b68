"""Accounts: what each has and owes, what its live orders may cost it at worst, and what a trade moves (M, C9, N).

Pure functions beside the books: `exchange` lets the books say what a command does, asks here whether the account can
stand for it, and then has the events settled. Nothing here matches orders.

Money is ticks times lots, so all of it is whole numbers. The worst price of an order is its limit; a market order has
none, so it is the worst that its instrument allows (A1): the highest for a buy, the lowest for a sell. A buyer reserves
the worst price of every open lot in cash and a seller the lots themselves; where prices are below zero it is the seller
who pays, so each side reserves the cash that it may have to pay, and nothing where it is paid in any case. A market
order over an amount of money needs that amount.

A routed order (L5) may trade in any book of its group, and all of them quote one asset. So it needs what the same order
in one book would, once: the cash of its limit, wherever it buys, and lots of the asset, wherever they were bought. A
market order has the worst price of the whole group.

Who buys a lot of a spread at some price comes to have one lot of the first leg and to owe one of the second, and pays
that price in all (L1): whatever the legs trade at, for they trade at once or not at all (L4). So the cash for its worst
price is enough, and lots of one leg are reserved: by a buyer of the second, by a seller of the first. What is implied
has a price of its own for each of the three orders, which is within its limit (L2), and the three pay each other; an
order without a limit has the worst price that others can imply.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import NamedTuple, TypeAlias

from bookproof.spec import budget
from bookproof.spec.book import Book, Held, Pending
from bookproof.spec.commands import (
    Basket,
    BlockTrade,
    Bust,
    Command,
    Deposit,
    Liquidate,
    Reduce,
    Replace,
    Route,
    SetLimits,
    SetMark,
    Spend,
    Submit,
    SubmitList,
    Withdraw,
)
from bookproof.spec.events import (
    Accepted,
    BlockTraded,
    Busted,
    Cancelled,
    Deposited,
    Event,
    ImpliedTrade,
    LimitsSet,
    MarkSet,
    Prevented,
    Rejected,
    Replaced,
    Repriced,
    Restated,
    Trade,
    Transferred,
    Withdrawn,
)
from bookproof.spec.instruments import LARGEST, Instrument, furthest_prices
from bookproof.spec.kernel import Resting
from bookproof.spec.margin import Portfolio, Stake, loss_of
from bookproof.spec.profile import Profile, ReplaceQuantity
from bookproof.spec.reasons import RejectReason
from bookproof.spec.rulebook import fired
from bookproof.spec.validation import closing_order, is_id, leg_order, reduce_order, spending_order
from bookproof.spec.values import Account, Limits, ListKind, Lots, Money, OrderId, Side, Symbol, Ticks, parts_of
from bookproof.spec.views import AccountView, Holding, MarginView, Mark

Books: TypeAlias = Mapping[Symbol, Book]

AccountCommand: TypeAlias = Deposit | Withdraw | SetLimits | Bust | BlockTrade | SetMark
"""What touches accounts and no book."""


class Purse(NamedTuple):
    """Everything the rules know of one account."""

    cash: Money = 0
    reserved: Money = 0
    """The worst cost of every live order (M1)."""
    open_orders: int = 0
    limits: Limits = Limits()
    holdings: Mapping[Symbol, Holding] = {}

    @property
    def available(self) -> Money:
        """Cash that no order has a claim on. Below zero only after a bust (N1)."""
        return self.cash - self.reserved

    def holding(self, asset: Symbol) -> Holding:
        """What it has of one asset (`Instrument.moves`)."""
        return self.holdings.get(asset, Holding(asset))


class Dealt(NamedTuple):
    """What a bust needs to know of a trade (N1)."""

    price: Ticks
    quantity: Lots
    buyer: Account
    seller: Account
    together: tuple[tuple[Symbol, int], ...]
    """The trades that are busted with it, itself among them, by book and number: all of one basket's (N2)."""


class Accounts(NamedTuple):
    """All accounts, and the trades that may be busted."""

    purses: Mapping[Account, Purse] = {}
    trades: Mapping[Symbol, tuple[Dealt | None, ...]] = {}
    """Of each book, in order; None for one that was busted."""
    marks: Mapping[Symbol, Ticks] = {}
    """What positions are valued at, in the books of which that has been said (M3)."""
    on_margin: tuple[Account, ...] = ()
    """The accounts that need margin instead of cash and lots (M3)."""

    def purse(self, account: Account) -> Purse:
        """One account; who never was heard of has nothing."""
        return self.purses.get(account, Purse())


# ── what an order may cost ──


def worst_price(order: Submit, books: Books) -> Ticks:
    """The worst price that an order may trade at: its limit, or the worst that its book and others allow (M1)."""
    if order.price is not None:
        return order.price
    lowest, highest = _furthest_prices(tuple(book.instrument for book in books.values()))[order.symbol]
    return highest if order.side is Side.BUY else lowest


_furthest_prices = cache(furthest_prices)


def unit_cost(order: Submit, books: Books) -> Money:
    """The most cash that one lot of an order may cost (M1). A seller pays only at prices below zero.

    >>> unit_cost(Submit("ABC", 1, 7, Side.BUY, 5, 100), {"ABC": Book(Instrument("ABC"))})
    100
    >>> unit_cost(Submit("ABC", 1, 7, Side.SELL, 5), {"ABC": Book(Instrument("ABC", min_price=-5))})
    5
    """
    price = worst_price(order, books)
    return max(0, price if order.side is Side.BUY else -price)


class Demand(NamedTuple):
    """What an order asks of its account, beyond what the account has reserved for it already."""

    order: Submit
    """Its terms, as they will be."""
    lots: Lots
    """More open than before; negative when a replace makes it smaller."""
    money: Money
    """More reserved than before."""
    notional: Money
    """Worst price times open quantity, if that grows; else 0."""
    is_new: bool
    instrument: Instrument
    before: tuple[Ticks, Lots] = (0, 0)
    """Of a replaced order, the worst price and the open quantity so far."""


def demands(books: Books, command: Command, replaces: Iterable[Replace], profile: Profile) -> list[Demand]:
    """What the orders of a command ask for, the first leg first. Nothing for a command that brings in no order.

    `replaces` are the replace itself and those of the rivals that are amended with its order (H1).
    """
    match command:
        case Submit():
            return [_entry(command, books)]
        case Route():
            return [_routed(command.order, books)]
        case Reduce():
            return [_entry(reduce_order(command), books)]
        case Spend():  # never more than its budget, whatever its price; margin is asked for as for any market order
            book = books[command.symbol]
            entry = _entry(spending_order(command, budget.affordable(book, command, profile)), books)
            return [entry._replace(money=command.budget, notional=command.budget)]
        case Basket():
            return [_entry(leg_order(command, leg), books) for leg in command.legs]
        case SubmitList():  # a held order asks when it enters
            return [
                _entry(order, books) for order in (command.legs if command.kind is ListKind.OCO else command.legs[:1])
            ]
        case Replace():
            changes = (_change(one, books, profile) for one in replaces)
            return [change for change in changes if change is not None]
        case _:
            return []


def _entry(order: Submit, books: Books) -> Demand:
    instrument = books[order.symbol].instrument
    notional = abs(worst_price(order, books)) * order.quantity
    return Demand(order, order.quantity, unit_cost(order, books) * order.quantity, notional, True, instrument)


def _routed(order: Submit, books: Books) -> Demand:
    """As of a plain order: whatever its limit is worth in one book of the group, it is worth in all (L5)."""
    own = books[order.symbol].instrument
    if not own.group:
        return _entry(order, books)
    group = [book.instrument for book in books.values() if book.instrument.group == own.group]
    lowest, highest = min(one.min_price for one in group), max(one.max_price for one in group)
    return _entry(order, {order.symbol: Book(own._replace(min_price=lowest, max_price=highest))})


def _change(command: Replace, books: Books, profile: Profile) -> Demand | None:
    """What a replace asks for: its order stays open while nothing is said of it, so only the difference counts.

    None for one that only cancels (F4).
    """
    book = books[command.symbol]
    old = book.find(command.order_id)
    assert old is not None
    leaves = command.quantity
    if isinstance(old, Resting) and profile.replace_quantity is ReplaceQuantity.TOTAL:
        leaves -= old.executed + old.prevented
    if leaves <= 0:
        return None
    terms = old.terms if command.price is None else old.terms._replace(price=command.price)
    before, after = _leaves(old), leaves
    money = unit_cost(terms, books) * after - unit_cost(old.terms, books) * before
    was, becomes = (abs(worst_price(order, books)) * open for order, open in ((old.terms, before), (terms, after)))
    worst_before = worst_price(old.terms, books)
    notional = becomes if becomes > was else 0
    return Demand(terms, after - before, money, notional, False, book.instrument, (worst_before, before))


def refusal(
    accounts: Accounts, books: Books, wanted: list[Demand], command: Command
) -> tuple[Symbol, OrderId, RejectReason] | None:
    """Why an account cannot stand for its orders, in order of precedence: the first leg at fault, or simply the first.

    Asked before anything matches (M1). A basket is asked as a whole: what one leg would bring in does not pay for
    another, for nobody knows yet what it will bring.
    """
    if not wanted:
        return None
    fired("M1")
    purse = accounts.purse(wanted[0].order.account)
    margin = portfolio(accounts, books, wanted[0].order.account)
    if isinstance(command, SubmitList):
        return _list_refusal(purse, margin, wanted)
    if isinstance(command, Replace):  # refused or not, it is of the order that is named
        if _increases(purse, books, command, wanted[0]) and _limit_fault(purse, wanted) is None:
            fired("C9")
            return command.symbol, command.order_id, RejectReason.WOULD_INCREASE
        refused = _list_refusal(purse, margin, wanted)
        return None if refused is None else (command.symbol, command.order_id, refused[2])
    fault = _limit_fault(purse, wanted)
    if fault is not None:
        fired("M2")
    elif _increases(purse, books, command, wanted[0]):
        fired("C9")
        fault = wanted[0].order, RejectReason.WOULD_INCREASE
    else:
        fault = _funds_fault(purse, margin, wanted)
    if fault is None:
        return None
    order, reason = fault
    return order.symbol, order.order_id, reason


def _list_refusal(
    purse: Purse, margin: Portfolio | None, wanted: list[Demand]
) -> tuple[Symbol, OrderId, RejectReason] | None:
    """Rivals are asked one after the other, each with those before it reserved: they may stand in one book (M1, H4).

    So they are when they are amended: all of them, whether they will come to it or not (H1).
    Of several reasons that is given which takes precedence, of equal ones that of the first order.
    """
    faults: list[Fault] = []
    for demand in wanted:
        fault = _limit_fault(purse, [demand]) or _funds_fault(purse, margin, [demand])
        if fault is not None:
            faults.append(fault)
        purse = _asked(purse, demand)
        if margin is not None:
            margin = _ordering(margin, demand)
    if not faults:
        return None
    order, reason = min(faults, key=lambda fault: fault[1].precedence)
    if reason in _LIMIT_REASONS:
        fired("M2")
    return order.symbol, order.order_id, reason


def stands_for(accounts: Accounts, books: Books, order: Submit) -> bool:
    """Whether an account can stand for an order that its list releases now (M1)."""
    return refusal(accounts, books, [_entry(order, books)], order) is None


Fault: TypeAlias = tuple[Submit, RejectReason]

_LIMIT_REASONS = (RejectReason.NOTIONAL_LIMIT, RejectReason.ORDER_LIMIT, RejectReason.POSITION_LIMIT)


def _limit_fault(purse: Purse, wanted: list[Demand]) -> Fault | None:
    limits = purse.limits
    for demand in wanted:
        if limits.notional is not None and demand.notional > limits.notional:
            return demand.order, RejectReason.NOTIONAL_LIMIT
    new = sum(demand.is_new for demand in wanted)
    if limits.open_orders is not None and new and purse.open_orders + new > limits.open_orders:
        return wanted[0].order, RejectReason.ORDER_LIMIT
    for demand in wanted:
        for asset, sign in _signed(demand.order.side, demand.instrument):
            holding = purse.holding(asset)
            worst = holding.position + holding.buying if sign > 0 else holding.selling - holding.position
            if limits.position is not None and demand.lots > 0 and worst + demand.lots > limits.position:
                return demand.order, RejectReason.POSITION_LIMIT
        purse = _asked(purse, demand)  # legs of a basket may stand in two books of one group
    return None


def _signed(side: Side, instrument: Instrument) -> list[tuple[Symbol, int]]:
    """What a lot of an order brings its account, and with a minus what it takes (M4)."""
    sign = 1 if side is Side.BUY else -1
    return [(asset, sign * weight) for asset, weight in instrument.moves]


def _increases(purse: Purse, books: Books, command: Command, demand: Demand) -> bool:
    """Whether a reduce-only order is larger than the position it trades against, less what others of its account that
    rest are to reduce of it (C9); or gets larger than that when it is replaced.
    """
    order, book = demand.order, books[demand.order.symbol]
    reducers = book.reducing
    if not (isinstance(command, Reduce) or (isinstance(command, Replace) and order.order_id in reducers.orders)):
        return False
    resting = sum(one.leaves for one in reducers.of(book.side(order.side), order.account))
    assets = _signed(order.side, demand.instrument)
    return any(demand.lots > max(0, -sign * purse.holding(asset).position - resting) for asset, sign in assets)


def _funds_fault(purse: Purse, margin: Portfolio | None, wanted: list[Demand]) -> Fault | None:
    if margin is not None:
        return _margin_fault(margin, wanted)
    available = purse.available
    for demand in wanted:
        for asset, sign in _signed(demand.order.side, demand.instrument):
            holding = purse.holding(asset)
            if sign < 0 < demand.lots and demand.lots > holding.position - holding.selling + purse.limits.short:
                return demand.order, RejectReason.INSUFFICIENT_ASSETS
        purse = _asked(purse, demand)
    money = sum(demand.money for demand in wanted)
    if money > 0 and money > available:
        return wanted[0].order, RejectReason.INSUFFICIENT_CASH
    return None


# ── margin ──


def portfolio(accounts: Accounts, books: Books, account: Account) -> Portfolio | None:
    """A margin account with all that its live orders may come to (M3); None for an account that needs no margin."""
    if account not in accounts.on_margin:
        return None
    purse, stakes = accounts.purse(account), {}
    for symbol, book in books.items():
        mark = accounts.marks.get(symbol)
        if mark is not None:
            held = purse.holding(symbol)  # where there are margin accounts, each book is an asset of its own
            loss = sum(
                loss_of(order.terms.side, worst_price(order.terms, books), mark) * _leaves(order)
                for order in book.orders()
                if order.terms.account == account and not isinstance(order, Held)
            )
            stakes[symbol] = Stake(book.instrument, mark, held.position, held.buying, held.selling, loss)
    return Portfolio(purse.cash, stakes)


def _ordering(margin: Portfolio, demand: Demand) -> Portfolio:
    """With what an order asks for, where its book has a mark."""
    order, (worst_before, lots_before) = demand.order, demand.before
    stake = margin.stakes.get(order.symbol)
    if stake is None:
        return margin
    worst = worst_price(order, {order.symbol: Book(stake.instrument)})  # where there is margin nothing is implied
    loss = loss_of(order.side, worst, stake.mark) * (lots_before + demand.lots)
    loss -= loss_of(order.side, worst_before, stake.mark) * lots_before
    return margin.ordering(order.symbol, order.side, demand.lots, loss)


def _margin_fault(margin: Portfolio, wanted: list[Demand]) -> Fault | None:
    """Of a margin account neither cash nor lots are asked, but that its equity covers the worst (M3).

    What uses no more margin than before is not refused, even if there is too little.
    """
    fired("M3")
    for demand in wanted:
        if demand.order.symbol not in margin.stakes:
            return demand.order, RejectReason.NO_MARK
    after = margin
    for demand in wanted:
        after = _ordering(after, demand)
    if after.free < min(0, margin.free):
        return wanted[0].order, RejectReason.INSUFFICIENT_MARGIN
    return None


# ── settlement ──


def settled(accounts: Accounts, before: Books, command: Command, events: Iterable[Event], after: Books) -> Accounts:
    """The accounts after a command: both sides of every trade have settled (M4), and what is reserved is what the live
    orders need (M1): so a fill, a better price, a cancel and an expiry all release what is needed no more.

    >>> from bookproof.spec.exchange import account, opening, run
    >>> from bookproof.spec.instruments import listing
    >>> from bookproof.spec.profile import Profile, Risk
    >>> state = opening(listing(["ABC"]), Profile(risk=Risk.CASH))
    >>> state, _ = run(state, [Deposit(7, 1_000), Deposit(8, 5, "ABC")])
    >>> state, _ = run(state, [Submit("ABC", 1, 8, Side.SELL, 3, 95), Submit("ABC", 2, 7, Side.BUY, 5, 100)])
    >>> view = account(state, 7)
    >>> view.cash, view.reserved, view.holdings[0].position  # 3 lots at 95 bought, 2 more bid for at 100
    (715, 200, 3)
    """
    events = tuple(events)
    entered = _entering(command, events, before)
    purses, trades = dict(accounts.purses), dict(accounts.trades)
    of_basket: list[tuple[Symbol, int]] = []
    for event in events:
        if isinstance(event, Trade):
            fired("M4")
            buyer, seller = _sides(event, before, entered)
            earlier = trades.get(event.symbol, ())
            number = len(earlier) + 1
            if isinstance(command, Basket) and (event.symbol, event.taker) in entered:
                of_basket.append((event.symbol, number))
            dealt = Dealt(event.price, event.quantity, buyer, seller, ((event.symbol, number),))
            trades[event.symbol] = (*earlier, dealt)
            _deliver(purses, before[event.symbol].instrument, event.price, event.quantity, buyer, seller)
        elif isinstance(event, ImpliedTrade):
            fired("M4")
            orders = [
                (event.symbol, event.price, event.taker),
                *((leg.symbol, leg.price, leg.maker) for leg in event.legs),
            ]
            for symbol, price, order_id in orders:
                terms = _terms(symbol, order_id, before, entered)
                _settle(purses, before[symbol].instrument, price, event.quantity, terms.account, terms.side)
        elif isinstance(event, Transferred):
            fired("M4")
            instrument = before[event.symbol].instrument
            _deliver(purses, instrument, event.price, event.quantity, event.buyer, event.seller)
    for symbol, number in of_basket:  # N2: each of them now knows of all
        joined = list(trades[symbol])
        last = joined[number - 1]
        assert last is not None
        joined[number - 1] = last._replace(together=tuple(of_basket))
        trades[symbol] = tuple(joined)
    for symbol, order_id in _touched(events):
        for sign, books in ((-1, before), (1, after)):
            order = books[symbol].find(order_id)
            if order is not None:
                _commit(purses, order, books, sign)
    return accounts._replace(purses=purses, trades=trades)


def _entering(command: Command, events: Iterable[Event], books: Books) -> dict[tuple[Symbol, OrderId], Submit]:
    """The orders that a command brings in, by book and id; a routed one in every book of its group (L5)."""
    entered = {(order.symbol, order.order_id): order for order in _brought_in(command, events)}
    if isinstance(command, Route) and (group := books[command.order.symbol].instrument.group):
        members = [symbol for symbol, book in books.items() if book.instrument.group == group]
        entered |= {(symbol, command.order.order_id): command.order for symbol in members}
    return entered


def _brought_in(command: Command, events: Iterable[Event]) -> list[Submit]:
    match command:
        case Submit():
            return [command]
        case Route():
            return [command.order]
        case Reduce():
            return [reduce_order(command)]
        case Basket():
            return [leg_order(command, leg) for leg in command.legs]
        case SubmitList():
            return list(command.legs)
        case Spend():
            accepted = (event for event in events if isinstance(event, Accepted))
            return [
                spending_order(command, event.quantity)
                for event in accepted
                if (event.symbol, event.order_id) == (command.symbol, command.order_id)
            ]
        case Liquidate():
            accepted = (event for event in events if isinstance(event, Accepted))
            return [closing_order(command, event) for event in accepted if event.order_id == command.order_id]
        case _:
            return []


def _sides(trade: Trade, before: Books, entered: Mapping[tuple[Symbol, OrderId], Submit]) -> tuple[Account, Account]:
    """Buyer and seller of a trade: each order was in the book before, or came in with the command."""
    both = [_terms(trade.symbol, order_id, before, entered) for order_id in (trade.maker, trade.taker)]
    accounts = {terms.side: terms.account for terms in both}
    return accounts[Side.BUY], accounts[Side.SELL]


def _terms(
    symbol: Symbol, order_id: OrderId, before: Books, entered: Mapping[tuple[Symbol, OrderId], Submit]
) -> Submit:
    order = before[symbol].find(order_id)
    return entered[symbol, order_id] if order is None else order.terms


def _touched(events: Iterable[Event]) -> Iterator[tuple[Symbol, OrderId]]:
    """Every order that may be open with another quantity or price than before, each once."""
    touched: dict[tuple[Symbol, OrderId], None] = {}
    for event in events:
        if isinstance(event, Trade | Prevented):
            touched[event.symbol, event.maker] = touched[event.symbol, event.taker] = None
        elif isinstance(event, ImpliedTrade):
            touched[event.symbol, event.taker] = None
            touched |= {(leg.symbol, leg.maker): None for leg in event.legs}
        elif isinstance(event, Accepted | Cancelled | Replaced | Repriced | Restated):
            touched[event.symbol, event.order_id] = None
    return iter(touched)


def _leaves(order: Resting | Pending) -> Lots:
    return order.terms.quantity if isinstance(order, Pending) else order.leaves


def _commit(purses: dict[Account, Purse], order: Resting | Pending, books: Books, sign: int) -> None:
    """Reserve what a live order may cost, or with sign -1 release it (M1); nothing for one that its list holds back."""
    if isinstance(order, Held):
        return
    terms, leaves = order.terms, sign * _leaves(order)
    purse = purses.get(terms.account, Purse())
    instrument = books[terms.symbol].instrument
    purses[terms.account] = _reserving(purse, terms.side, instrument, leaves, unit_cost(terms, books) * leaves, sign)


def _asked(purse: Purse, demand: Demand) -> Purse:
    """As if the order were in."""
    side, instrument = demand.order.side, demand.instrument
    return _reserving(purse, side, instrument, demand.lots, demand.money, int(demand.is_new))


def _reserving(purse: Purse, side: Side, instrument: Instrument, lots: Lots, cash: Money, orders: int) -> Purse:
    """With so much more reserved for an order."""
    holdings = dict(purse.holdings)
    for asset, sign in _signed(side, instrument):
        holding = purse.holding(asset)
        if sign > 0:
            holdings[asset] = holding._replace(buying=holding.buying + lots)
        else:
            holdings[asset] = holding._replace(selling=holding.selling + lots)
    return purse._replace(reserved=purse.reserved + cash, open_orders=purse.open_orders + orders, holdings=holdings)


def _deliver(
    purses: dict[Account, Purse], instrument: Instrument, price: Ticks, quantity: Lots, buyer: Account, seller: Account
) -> None:
    """Lots to the buyer, cash to the seller; with a negative quantity, back again."""
    for account, side in ((buyer, Side.BUY), (seller, Side.SELL)):
        _settle(purses, instrument, price, quantity, account, side)


def _settle(
    purses: dict[Account, Purse], instrument: Instrument, price: Ticks, quantity: Lots, account: Account, side: Side
) -> None:
    """One side of a trade."""
    lots = quantity if side is Side.BUY else -quantity
    purse = purses.get(account, Purse())
    purses[account] = _with_lots(purse._replace(cash=purse.cash - lots * price), instrument, lots)


def _with_lots(purse: Purse, instrument: Instrument, lots: Lots) -> Purse:
    holdings = dict(purse.holdings)
    for asset, weight in instrument.moves:
        holding = purse.holding(asset)
        holdings[asset] = holding._replace(position=holding.position + weight * lots)
    return purse._replace(holdings=holdings)


# ── commands about accounts ──


def fault(command: AccountCommand, listing: Mapping[Symbol, Instrument]) -> RejectReason | None:
    """What is wrong with a command about accounts by itself; None when it is well formed.

    >>> fault(Deposit(7, 0), {}).value
    'invalid-amount'
    """
    if not isinstance(command, SetLimits) and command.symbol is not None and command.symbol not in listing:
        return RejectReason.UNKNOWN_SYMBOL
    if isinstance(command, Bust):
        return None
    if isinstance(command, SetMark):
        return None if listing[command.symbol].accepts_price(command.price) else RejectReason.INVALID_PRICE
    if isinstance(command, BlockTrade):
        return _block_fault(command, listing[command.symbol])
    if not is_id(command.account):
        return RejectReason.INVALID_ACCOUNT
    if isinstance(command, SetLimits):
        sane = all(
            type(limit) is int and 0 <= limit <= LARGEST
            for name, limit in parts_of(command.limits).items()
            if limit is not None or name == "short"
        )
        return None if sane else RejectReason.INVALID_LIMITS
    amount, lot = command.amount, 1 if command.symbol is None else listing[command.symbol].lot
    if type(amount) is not int or not 1 <= amount <= LARGEST or amount % lot:
        return RejectReason.INVALID_AMOUNT
    if command.symbol is not None and listing[command.symbol].legs:
        return RejectReason.INVALID_COMBINATION
    return None


def _block_fault(command: BlockTrade, instrument: Instrument) -> RejectReason | None:
    """A block trade keeps to the limits of its instrument (A1), and is between two."""
    if not is_id(command.buyer) or not is_id(command.seller):
        return RejectReason.INVALID_ACCOUNT
    if not instrument.accepts_quantity(command.quantity):
        return RejectReason.INVALID_QUANTITY
    if not instrument.accepts_price(command.price):
        return RejectReason.INVALID_PRICE
    return RejectReason.INVALID_COMBINATION if command.buyer == command.seller else None


def carry_out(accounts: Accounts, books: Books, command: AccountCommand) -> tuple[Accounts, tuple[Event, ...]]:
    """A well-formed command about accounts: the accounts after it, and what is said of it."""
    match command:
        case BlockTrade():
            return _block(accounts, books, command)
        case Deposit(account, amount, symbol):
            fired("M1")
            return _with_amount(accounts, books, account, amount, symbol), (Deposited(account, amount, symbol),)
        case Withdraw(account, amount, symbol):
            fired("M1")
            after = _with_amount(accounts, books, account, -amount, symbol)
            margin = portfolio(accounts, books, account)
            if margin is None:
                reason = _withdrawal_fault(accounts.purse(account), amount, None if symbol is None else books[symbol])
            else:
                reason = _margin_withdrawal_fault(accounts, margin, portfolio(after, books, account), command)
            if reason is not None:
                return accounts, (Rejected(symbol, None, reason),)
            return after, (Withdrawn(account, amount, symbol),)
        case SetLimits(account, limits):
            fired("M2")
            purse = accounts.purse(account)._replace(limits=limits)
            return accounts._replace(purses={**accounts.purses, account: purse}), (LimitsSet(account, limits),)
        case Bust():
            return _bust(accounts, books, command)
        case SetMark(symbol, price):
            fired("M3")
            return accounts._replace(marks={**accounts.marks, symbol: price}), (MarkSet(symbol, price),)


def moved(event: Event) -> tuple[tuple[Symbol, Account], ...]:
    """Whose lots of which book this event of a command about accounts moved."""
    if isinstance(event, Deposited | Withdrawn):
        return () if event.symbol is None else ((event.symbol, event.account),)
    return (
        tuple((event.symbol, one) for one in (event.buyer, event.seller))
        if isinstance(event, BlockTraded | Busted)
        else ()
    )


def _withdrawal_fault(purse: Purse, amount: int, book: Book | None) -> RejectReason | None:
    """Only what is there and not reserved can be taken out: a short limit is no loan to walk away with."""
    if book is None:
        return RejectReason.INSUFFICIENT_CASH if amount > purse.available else None
    [(asset, _)] = book.instrument.moves
    holding = purse.holding(asset)
    return RejectReason.INSUFFICIENT_ASSETS if amount > holding.position - holding.selling else None


def _margin_withdrawal_fault(
    accounts: Accounts, before: Portfolio, after: Portfolio | None, command: Withdraw
) -> RejectReason | None:
    """What is taken out has to be there, in cash or in lots that are not for sale, and may leave no gap (M3)."""
    fired("M3")
    assert after is not None
    purse = accounts.purse(command.account)
    if command.symbol is None:
        if command.amount > purse.cash:
            return RejectReason.INSUFFICIENT_CASH
    elif command.amount > purse.holding(command.symbol).position - purse.holding(command.symbol).selling:
        return RejectReason.INSUFFICIENT_ASSETS
    return RejectReason.INSUFFICIENT_MARGIN if after.free < min(0, before.free) else None


def _with_amount(accounts: Accounts, books: Books, account: Account, amount: int, symbol: Symbol | None) -> Accounts:
    purse = accounts.purse(account)
    if symbol is None:
        purse = purse._replace(cash=purse.cash + amount)
    else:
        purse = _with_lots(purse, books[symbol].instrument, amount)
    return accounts._replace(purses={**accounts.purses, account: purse})


def _block(accounts: Accounts, books: Books, command: BlockTrade) -> tuple[Accounts, tuple[Event, ...]]:
    """Two accounts trade if both can (L6). Neither has an order, so nothing was reserved: both are asked now (M1, M2).

    Of two reasons the one that takes precedence is given, of equal ones the buyer's.
    """
    fired("L6")
    symbol, quantity, price = command.symbol, command.quantity, command.price
    faults = []
    for account, side in ((command.buyer, Side.BUY), (command.seller, Side.SELL)):
        cost = max(0, price if side is Side.BUY else -price) * quantity
        order = Submit(symbol, 0, account, side, quantity, price)
        wanted = [Demand(order, quantity, cost, 0, False, books[symbol].instrument)]
        purse = accounts.purse(account)
        fault = _limit_fault(purse, wanted) or _funds_fault(purse, portfolio(accounts, books, account), wanted)
        if fault is not None:
            faults.append(fault[1])
    if faults:
        return accounts, (Rejected(symbol, None, min(faults, key=lambda reason: reason.precedence)),)
    purses, earlier = dict(accounts.purses), accounts.trades.get(symbol, ())
    number = len(earlier) + 1
    _deliver(purses, books[symbol].instrument, price, quantity, command.buyer, command.seller)
    dealt = Dealt(price, quantity, command.buyer, command.seller, ((symbol, number),))
    after = accounts._replace(purses=purses, trades={**accounts.trades, symbol: (*earlier, dealt)})
    return after, (BlockTraded(symbol, number, price, quantity, command.buyer, command.seller),)


def _bust(accounts: Accounts, books: Books, command: Bust) -> tuple[Accounts, tuple[Event, ...]]:
    """Reverse a trade, and all of its basket's (N1, N2). It asks nobody: who has spent the money owes it."""
    dealt = accounts.trades.get(command.symbol, ())
    known = type(command.trade) is int and 1 <= command.trade <= len(dealt)
    first = dealt[command.trade - 1] if known else None
    if first is None:
        fired("N1")
        return accounts, (Rejected(command.symbol, None, RejectReason.UNKNOWN_TRADE),)
    purses, trades, events = dict(accounts.purses), dict(accounts.trades), []
    for symbol, number in first.together:  # N2
        fired("N1")
        one = trades[symbol][number - 1]
        assert one is not None
        _deliver(purses, books[symbol].instrument, one.price, -one.quantity, one.buyer, one.seller)
        trades[symbol] = (*trades[symbol][: number - 1], None, *trades[symbol][number:])
        events.append(Busted(symbol, number, one.price, one.quantity, one.buyer, one.seller))
    return accounts._replace(purses=purses, trades=trades), tuple(events)


# ── the view ──


def view(accounts: Accounts, books: Books, account: Account) -> AccountView:
    """One account, its holdings in the order of the books."""
    purse = accounts.purse(account)
    assets = dict.fromkeys(asset for book in books.values() for asset, _ in book.instrument.moves)
    holdings = (purse.holding(asset) for asset in assets)
    margin = portfolio(accounts, books, account)
    return AccountView(
        account,
        purse.cash,
        purse.reserved,
        purse.open_orders,
        tuple(holding for holding in holdings if holding != Holding(holding.symbol)),
        purse.limits,
        None if margin is None else _margin_view(margin),
    )


def _margin_view(margin: Portfolio) -> MarginView:
    marks = tuple(Mark(symbol, stake.mark) for symbol, stake in margin.stakes.items())
    return MarginView(margin.equity, margin.used, margin.maintenance, marks)
