"""The engine's accounts: what each has, what its orders reserve, and what a command's events move (M, C9, N).

Written apart from the rule book's, and around one observation: lots belong to a book, cash does not. So an account's
position and its open lots of one book stand in the book's `Desk`, which the stripe of the book guards, and only its
cash, its count of orders and its limits stand in a `Till` that all books share. Books of one group (L5) share their
lots, in one `Vault`, and an order in a spread is for lots of its legs (L1): so whoever touches those of one book holds
the stripes of all. A command

1. asks, with the book held: what would the order cost at worst, and does the account have it (`demand`, `refusal`)?
2. lets the book match; the makers are known only now (rule M4);
3. writes the events up: positions at once, for the book is held still; cash into a list of `Entries`, which names
   every account concerned, so that their locks can be taken in one fixed order and the list booked (`book`).

There is no lock in this module. `striped` says which it takes for each of these, and why that is enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from bookproof.engine.book import FastBook
from bookproof.engine.plan import plan_of
from bookproof.spec.commands import (
    Basket,
    BlockTrade,
    Bust,
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
    Liquidated,
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
from bookproof.spec.instruments import BASIS_POINTS, LARGEST, Instrument
from bookproof.spec.profile import Profile, ReplaceQuantity
from bookproof.spec.reasons import RejectReason
from bookproof.spec.values import Account, Limits, ListKind, Lots, Money, OrderId, Side, Symbol, Ticks, TimeInForce
from bookproof.spec.views import AccountView, Holding, MarginView, Mark

AccountCommand: TypeAlias = Deposit | Withdraw | SetLimits | Bust | BlockTrade | SetMark
OrderCommand: TypeAlias = Submit | Reduce | Basket | Replace | Spend | Route
"""The commands that an account has to stand for."""

_BUY = Side.BUY


class Till:
    """What an account has beyond any one book."""

    __slots__ = ("cash", "limits", "open_orders", "reserved", "worth")

    def __init__(self) -> None:
        self.cash: Money = 0
        self.reserved: Money = 0
        self.open_orders = 0
        self.limits = Limits()
        self.worth: Money = 0
        """Of a margin account, the sum of what its shelves are worth: with the cash it is what is free (M3)."""

    @property
    def free(self) -> Money:
        """What a margin account may still use."""
        return self.cash + self.worth


class Shelf:
    """What an account has of one asset: in one book, or in all books of a group."""

    __slots__ = ("booked", "buying", "loss", "position", "selling")

    def __init__(self) -> None:
        self.position: Lots = 0
        self.buying: Lots = 0
        self.selling: Lots = 0
        self.loss: Money = 0
        """What its open orders here lose against the mark if they trade at their worst (M3)."""
        self.booked: Money = 0
        """How much of the till's `worth` is this shelf's."""


class Claim:
    """A live order as its account sees it."""

    __slots__ = ("account", "desk", "done", "leaves", "side", "unit", "worst")

    def __init__(self, desk: Desk, account: Account, side: Side, unit: Money, worst: Ticks, leaves: Lots) -> None:
        self.desk = desk
        """Of the book that it names: routed, it trades in others as well (L5)."""
        self.account = account
        self.side = side
        self.unit = unit
        """Cash reserved for each open lot."""
        self.worst = worst
        """The worst price that it may trade at."""
        self.leaves = leaves
        self.done: Lots = 0
        """Executed or prevented: a new total counts it."""


class Deal(NamedTuple):
    """A trade that may be busted."""

    price: Ticks
    quantity: Lots
    buyer: Account
    seller: Account


class Vault:
    """Everybody's lots of one asset. Hold the stripes of all books that it is traded in."""

    __slots__ = ("routed", "shelves")

    def __init__(self) -> None:
        self.shelves: dict[Account, Shelf] = {}
        self.routed: dict[OrderId, Claim] = {}
        """The last order that was routed: while it trades it is known in every book of its group."""

    def shelf(self, account: Account) -> Shelf:
        """What an account has of it."""
        shelf = self.shelves.get(account)
        if shelf is None:
            shelf = self.shelves[account] = Shelf()
        return shelf


class Desk:
    """All that concerns accounts in one book. Hold the book's stripe, and where books share a vault those of all."""

    __slots__ = ("claims", "deals", "highest", "instrument", "lot", "lowest", "mark", "moves", "trades")

    def __init__(self, instrument: Instrument, vaults: Mapping[Symbol, Vault], furthest: tuple[Ticks, Ticks]) -> None:
        self.instrument = instrument
        self.moves = [(vaults[asset], weight) for asset, weight in instrument.moves]
        """What a lot that is bought here is put into."""
        self.mark: Ticks | None = None
        """What a position is valued at (M3). Hold all stripes to write it, so that any one is enough to read it."""
        self.lot = instrument.lot
        self.lowest, self.highest = furthest
        self.claims: dict[OrderId, Claim] = {}
        self.deals: dict[int, Deal] = {}
        """Every trade that was not busted, by its number. Nothing says when it is too late, so none is forgotten."""
        self.trades = 0

    @property
    def vault(self) -> Vault:
        """Where its lots are."""
        return self.moves[0][0]

    def shelf(self, account: Account) -> Shelf:
        """What an account has here."""
        return self.vault.shelf(account)

    def touched(self, account: Account, side: Side) -> list[tuple[Shelf, int]]:
        """The shelves to which a lot of an order of this side adds, and with -1 those from which it takes."""
        sign = 1 if side is _BUY else -1
        return [(vault.shelf(account), sign * weight) for vault, weight in self.moves]

    def claim(self, order_id: OrderId) -> Claim:
        """A live order of the book, or one that is routed by way of it."""
        claim = self.claims.get(order_id)
        return self.vault.routed[order_id] if claim is None else claim

    def worst(self, side: Side, price: Ticks | None) -> Ticks:
        """The worst price of an order: a market order has that of the instrument, or of what others imply (M1)."""
        if price is not None:
            return price
        return self.highest if side is _BUY else self.lowest

    def loss(self, side: Side, worst: Ticks) -> Money:
        """What a lot loses against the mark at this price."""
        mark = self.mark
        return 0 if mark is None else max(0, worst - mark if side is _BUY else mark - worst)

    def worth(self, shelf: Shelf) -> Money:
        """What a shelf adds to what its margin account has free: its value less what the worst of it needs (M3).

        A fill within its order's limit changes this and the cash, together, by nothing less than 0.
        """
        mark = self.mark
        if mark is None:
            return 0
        worst = max(shelf.position + shelf.buying, shelf.selling - shelf.position)
        return shelf.position * mark - shelf.loss - _part(worst * abs(mark), self.instrument.initial_margin)

    def keeps(self, shelf: Shelf) -> Money:
        """The maintenance margin of a position (M3)."""
        return 0 if self.mark is None else _part(abs(shelf.position * self.mark), self.instrument.maintenance_margin)

    def remark(self, mark: Ticks) -> None:
        """Another mark: what every order may lose is another too. Hold all stripes."""
        self.mark = mark
        for shelf in self.vault.shelves.values():
            shelf.loss = 0
        for claim in self.claims.values():
            self.shelf(claim.account).loss += self.loss(claim.side, claim.worst) * claim.leaves


def _part(value: Money, rate: int) -> Money:
    """So many basis points of a value, rounded up."""
    whole, rest = divmod(value * rate, BASIS_POINTS)
    return whole + 1 if rest else whole


def unit_of(side: Side, worst: Ticks) -> Money:
    """The cash that one lot may cost: at prices below zero it is the seller who pays."""
    return max(0, worst if side is _BUY else -worst)


class Want(NamedTuple):
    """What one order asks for beyond what it has reserved already."""

    symbol: Symbol
    order_id: OrderId
    side: Side
    lots: Lots
    cash: Money
    notional: Money
    """0 if it does not grow."""
    unit: Money
    worst: Ticks
    loss: Money
    """How much more may be lost against the mark (M3)."""


class Demand(NamedTuple):
    """What a command asks of the one account that it is for."""

    account: Account
    wants: list[Want]
    orders: int
    """New ones."""
    reduces: bool = False
    """It is a reduce-only order, or a replace of one (C9)."""
    routed: bool = False
    """It may trade in every book of its group (L5)."""


class Ask(NamedTuple):
    """What one order asks of one shelf."""

    want: Want
    shelf: Shelf
    sign: int
    """1 if it adds to the shelf, -1 if it takes from it."""
    lots: Lots
    """With what the orders before it ask of the same shelf: legs of a basket may stand in books of one group."""


Entries: TypeAlias = dict[Account, list[int]]
"""What a command moves: to each account its cash, its reserved cash, its count of orders, and its `Till.worth`."""


class Ledger:
    """The accounts of an exchange.

    >>> from bookproof.engine.book import Market
    >>> from bookproof.spec.profile import Risk
    >>> instrument, profile = Instrument("ABC"), Profile(risk=Risk.CASH)
    >>> ledger = Ledger([instrument], {"ABC": FastBook(instrument, profile, Market())}, profile)
    >>> ledger.deposit(Deposit(7, 500))
    Deposited(account=7, amount=500, symbol=None)
    >>> order = Submit("ABC", 1, 7, Side.BUY, 6, 100)
    >>> ledger.refusal(ledger.demand(order)).reason.value
    'insufficient-cash'
    """

    def __init__(self, instruments: Iterable[Instrument], books: Mapping[Symbol, FastBook], profile: Profile) -> None:
        self._books = books
        self._total = profile.replace_quantity is ReplaceQuantity.TOTAL
        self.on_margin = frozenset(profile.margin_accounts)
        listed = tuple(instruments)
        self.vaults = {asset: Vault() for one in listed for asset, _ in one.moves}
        """Everybody's lots of each asset, in listing order."""
        plan = plan_of(listed, profile)
        self._group_of = plan.group_of
        self.desks = {one.symbol: Desk(one, self.vaults, plan.furthest[one.symbol]) for one in listed}
        # It only ever grows, one account at a time, by whoever holds that account's balance.
        self._tills: dict[Account, Till] = {}
        # Of each basket's trades, which stand together: guarded by all stripes, or those of the legs.
        self._together: dict[tuple[Symbol, int], list[tuple[Symbol, int]]] = {}
        self._written = 0
        """How many events of a command among lists are written up and booked: for whoever holds every lock there is."""

    def till(self, account: Account) -> Till:
        """What an account has beyond any one book. Hold its balance."""
        till = self._tills.get(account)
        if till is None:
            till = self._tills[account] = Till()
        return till

    # ── before matching: hold the stripes of the orders ──

    def demand(self, command: OrderCommand) -> Demand:
        """What a command that the books take asks of its account. Hold the stripes of its orders."""
        if isinstance(command, Replace):
            return self._change(command)
        if isinstance(command, Spend):
            asked = self.demand(self._books[command.symbol].spending_order(command))
            return asked._replace(
                wants=[want._replace(cash=command.budget, notional=command.budget) for want in asked.wants]
            )
        if isinstance(command, Route):
            routed = command.order
            if routed.price is None:
                prices = [self.desks[symbol].worst(routed.side, None) for symbol in self._group_of[routed.symbol]]
                routed = routed._replace(price=max(prices) if routed.side is _BUY else min(prices))
            return self.demand(routed)._replace(routed=True)
        orders = command.legs if isinstance(command, Basket) else (command,)
        wants = []
        for order in orders:
            desk, side, quantity = self.desks[order.symbol], order.side, order.quantity
            worst = desk.worst(side, order.price)
            unit, loss = unit_of(side, worst), desk.loss(side, worst) * quantity
            cost = (quantity, unit * quantity, abs(worst) * quantity)
            wants.append(Want(order.symbol, order.order_id, side, *cost, unit, worst, loss))
        return Demand(command.account, wants, len(wants), isinstance(command, Reduce))

    def _change(self, command: Replace) -> Demand:
        symbol, order_id = command.symbol, command.order_id
        desk, claim = self.desks[symbol], self.desks[symbol].claims[order_id]
        status = self._books[symbol].status(order_id)
        assert status is not None, "the book would have refused it"
        leaves = command.quantity - claim.done if self._total else command.quantity
        if leaves <= 0:  # F4: it only cancels
            return Demand(claim.account, [], 0)
        side = claim.side
        old = desk.worst(side, status.price)
        new = old if command.price is None else command.price
        unit = unit_of(side, new)
        before, after = abs(old) * claim.leaves, abs(new) * leaves
        cash = unit * leaves - claim.unit * claim.leaves
        notional = after if after > before else 0
        loss = desk.loss(side, new) * leaves - desk.loss(side, claim.worst) * claim.leaves
        want = Want(symbol, order_id, side, leaves - claim.leaves, cash, notional, unit, new, loss)
        return Demand(claim.account, [want], 0, self._books[symbol].reduces(order_id))

    def refusal(self, demand: Demand) -> Rejected | None:
        """Why the account cannot stand for it (M1, M2, C9). Hold its balance as well, and its right to spend."""
        account, wants, orders = demand.account, demand.wants, demand.orders
        till, asks = self.till(account), self._asks(account, wants)
        limits = till.limits
        if limits.notional is not None:
            for want in wants:
                if want.notional > limits.notional:
                    return _rejected(want, RejectReason.NOTIONAL_LIMIT)
        if limits.open_orders is not None and orders and till.open_orders + orders > limits.open_orders:
            return _rejected(wants[0], RejectReason.ORDER_LIMIT)
        if limits.position is not None:
            for want, shelf, sign, lots in asks:
                long = shelf.position + shelf.buying
                short = shelf.selling - shelf.position
                if want.lots > 0 and (long if sign > 0 else short) + lots > limits.position:
                    return _rejected(want, RejectReason.POSITION_LIMIT)
        if demand.reduces:
            for want, shelf, sign, _ in asks:
                room = -sign * shelf.position
                if want.lots > max(0, room - self._books[want.symbol].reducing(account, want.side)):
                    return _rejected(want, RejectReason.WOULD_INCREASE)
        if account in self.on_margin:
            return self._margin_refusal(till, account, [(ask.want, ask.shelf) for ask in asks])
        for want, shelf, sign, lots in asks:
            if sign < 0 < want.lots and lots > shelf.position - shelf.selling + limits.short:
                return _rejected(want, RejectReason.INSUFFICIENT_ASSETS)
        cash = sum(want.cash for want in wants)
        if 0 < cash > till.cash - till.reserved:
            return _rejected(wants[0], RejectReason.INSUFFICIENT_CASH)
        return None

    def _asks(self, account: Account, wants: Iterable[Want]) -> list[Ask]:
        asks: list[Ask] = []
        for want in wants:
            for shelf, sign in self.desks[want.symbol].touched(account, want.side):
                lots = want.lots + sum(ask.want.lots for ask in asks if ask.shelf is shelf and ask.sign == sign)
                asks.append(Ask(want, shelf, sign, lots))
        return asks

    def _margin_refusal(self, till: Till, account: Account, both: list[tuple[Want, Shelf]]) -> Rejected | None:
        """Why the equity does not cover it (M3). No book is read but those of the orders: of the others the till knows
        what they are worth, and that is as of its last stamp."""
        for want, _ in both:
            if self.desks[want.symbol].mark is None:
                return _rejected(want, RejectReason.NO_MARK)
        more = 0
        for want, shelf in both:  # a basket has no two legs in one book, and where there is margin there are no groups
            desk = self.desks[want.symbol]
            _order(desk, account, want, 1)
            more += desk.worth(shelf) - shelf.booked
            _order(desk, account, want, -1)
        if more < 0 and till.free + more < 0:
            return _rejected(both[0][0], RejectReason.INSUFFICIENT_MARGIN)
        return None

    def list_refusal(self, command: SubmitList) -> Rejected | None:
        """Why the account cannot stand for those orders of a list that enter at once (M1, H4). Hold everything.

        Each is asked beside those before it, so these are reserved for while it is.
        """
        legs = command.legs if command.kind is ListKind.OCO else command.legs[:1]
        return self._refusal_together([self.demand(leg) for leg in legs])

    def amend_refusal(self, amendments: Sequence[Replace]) -> Rejected | None:
        """Why the account cannot stand for a replace and for those of all rivals with it (M1, H1). Hold everything."""
        refusal = self._refusal_together([self._change(one) for one in amendments])
        named = amendments[0]
        return None if refusal is None else Rejected(named.symbol, named.order_id, refusal.reason)

    def _refusal_together(self, demands: Sequence[Demand]) -> Rejected | None:
        refusals = []
        for demand in demands:
            refusal = self.refusal(demand)
            if refusal is not None:
                refusals.append(refusal)
            self._set_aside(demand, 1)
        for demand in demands:
            self._set_aside(demand, -1)
        return min(refusals, key=lambda refusal: refusal.reason.precedence, default=None)

    def _set_aside(self, demand: Demand, sign: int) -> None:
        till = self.till(demand.account)
        for want in demand.wants:
            _order(self.desks[want.symbol], demand.account, want, sign)
            till.reserved += sign * want.cash
            till.open_orders += sign * demand.orders
            till.worth += self._revalued(want.symbol, demand.account)

    def lets_in(self, order: Submit, so_far: Sequence[Event]) -> bool:
        """Whether the account can stand for an order that its list releases, after these events of the command (M1).

        It is admitted if so. Hold everything: what has happened so far is booked, whomever it concerns.
        """
        self.catch_up(so_far)
        demand = self.demand(order)
        if self.refusal(demand) is not None:
            return False
        self.admit(demand)
        return True

    def catch_up(self, so_far: Sequence[Event]) -> None:
        """Book what has happened so far of a command that goes on. Hold everything."""
        self.book(self.rest_of(so_far))
        self._written = len(so_far)

    def rest_of(self, events: Sequence[Event]) -> Entries:
        """As `entries`, for those events of a command that have not been written up yet. Hold everything."""
        rest, self._written = events[self._written :], 0
        return self.entries(rest)

    def admit(self, demand: Demand) -> None:
        """Note whose the new orders are: nothing in their events says so. They match next. Hold their stripes."""
        if demand.orders:
            for want in demand.wants:
                desk = self.desks[want.symbol]
                claim = Claim(desk, demand.account, want.side, want.unit, want.worst, 0)
                desk.claims[want.order_id] = claim
                if demand.routed:
                    desk.vault.routed = {want.order_id: claim}

    # ── after matching: hold the same stripes still ──

    def entries(self, events: Iterable[Event]) -> Entries:
        """Write the events up: positions and open lots at once, and what is to be booked in cash."""
        entries: Entries = {}
        symbols: dict[Symbol, None] = {}
        for event in events:
            if isinstance(
                event, Trade | Prevented | Accepted | Cancelled | Replaced | Transferred | Repriced | Restated
            ):
                symbols[event.symbol] = None
            if isinstance(event, Trade):
                self._trade(event, entries)
            elif isinstance(event, ImpliedTrade):
                symbols |= dict.fromkeys([event.symbol, *(leg.symbol for leg in event.legs)])
                self._implied(event, entries)
            elif isinstance(event, Prevented):
                desk = self.desks[event.symbol]
                for order_id in (event.maker, event.taker):
                    _use(desk.claim(order_id), event.quantity, entries)
            elif isinstance(event, Accepted):
                claim = self.desks[event.symbol].claims[event.order_id]
                _entry(entries, claim.account)[2] += 1
                _open(claim, event.quantity, entries)
            elif isinstance(event, Cancelled):
                known = self.desks[event.symbol].claims.get(event.order_id)
                if known is None:  # its list held it back, so nothing was reserved for it
                    continue
                _open(known, -event.quantity, entries)
                _forget_if_empty(event.order_id, known, entries)
            elif isinstance(event, Transferred):
                desk = self.desks[event.symbol]
                _deliver(desk, event.price, event.quantity, event.buyer, event.seller, entries)
            elif isinstance(event, Replaced):
                self._replaced(event, entries)
            elif isinstance(event, Repriced):
                self._repriced(event, entries)
            elif isinstance(event, Restated):
                waiting = self.desks[event.symbol].claims.get(event.order_id)
                if waiting is not None:  # else its list held it back, so nothing was reserved for it
                    _open(waiting, -event.quantity, entries)
        self._revalue(symbols, entries)
        return entries

    def _revalue(self, symbols: Iterable[Symbol], entries: Entries) -> None:
        """Write up what margin accounts have more or less free by what changed on their shelves of these books."""
        if self.on_margin:
            for account, entry in entries.items():
                if account in self.on_margin:
                    entry[3] += sum(self._revalued(symbol, account) for symbol in symbols)

    def _revalued(self, symbol: Symbol, account: Account) -> Money:
        """How much more a shelf is worth than was booked, once: the caller books it. Nothing but on margin."""
        if account not in self.on_margin:
            return 0
        desk = self.desks[symbol]
        shelf = desk.shelf(account)
        booked, shelf.booked = shelf.booked, desk.worth(shelf)
        return shelf.booked - booked

    def _trade(self, event: Trade, entries: Entries) -> None:
        desk, quantity = self.desks[event.symbol], event.quantity
        maker, taker = desk.claim(event.maker), desk.claim(event.taker)
        buyer, seller = (taker, maker) if taker.side is _BUY else (maker, taker)
        desk.trades += 1
        desk.deals[desk.trades] = Deal(event.price, quantity, buyer.account, seller.account)
        _deliver(desk, event.price, quantity, buyer.account, seller.account, entries)
        for order_id, claim in ((event.maker, maker), (event.taker, taker)):
            _use(claim, quantity, entries)
            _forget_if_empty(order_id, claim, entries)

    def _implied(self, event: ImpliedTrade, entries: Entries) -> None:
        """Each of the three orders trades in its own book at its own price (L2)."""
        sides = [(event.symbol, event.taker, event.price)]
        sides += [(leg.symbol, leg.maker, leg.price) for leg in event.legs]
        for symbol, order_id, price in sides:
            desk = self.desks[symbol]
            claim = desk.claims[order_id]
            _settle(desk, claim.account, claim.side, price, event.quantity, entries)
            _use(claim, event.quantity, entries)
            _forget_if_empty(order_id, claim, entries)

    def _replaced(self, event: Replaced, entries: Entries) -> None:
        desk = self.desks[event.symbol]
        claim = desk.claims[event.order_id]
        leaves = event.quantity - claim.done if self._total else event.quantity
        _open(claim, -claim.leaves, entries)
        claim.worst = desk.worst(claim.side, event.price)
        claim.unit = unit_of(claim.side, claim.worst)
        _open(claim, leaves, entries)

    def _repriced(self, event: Repriced, entries: Entries) -> None:
        """The venue gave an order another limit: from now on its open lots may cost that at worst, never more (M1)."""
        claim = self.desks[event.symbol].claims[event.order_id]
        leaves = claim.leaves
        _open(claim, -leaves, entries)
        claim.worst = event.price
        claim.unit = unit_of(claim.side, event.price)
        _open(claim, leaves, entries)

    def tie(self, basket: Basket, events: Iterable[Event]) -> None:
        """The trades of a basket are busted together (N2). Call it after `entries`, with the legs' stripes held."""
        legs = {(leg.symbol, leg.order_id) for leg in basket.legs}
        made = [event for event in events if isinstance(event, Trade)]
        numbers = {event.symbol: self.desks[event.symbol].trades for event in made}  # lists may trade elsewhere too
        group = []
        for event in reversed(made):  # their numbers are the last that were given out
            if (event.symbol, event.taker) in legs:
                group.append((event.symbol, numbers[event.symbol]))
            numbers[event.symbol] -= 1
        group.reverse()
        self._together.update(dict.fromkeys(group, group))

    def book(self, entries: Entries) -> None:
        """Move the cash. Hold the balances of all these accounts, and draw the stamp before you let go of them."""
        for account, (cash, reserved, orders, worth) in entries.items():
            till = self.till(account)
            till.cash += cash
            till.reserved += reserved
            till.open_orders += orders
            till.worth += worth

    # ── commands about accounts ──

    def deposit(self, command: Deposit) -> Event:
        """Hold the account's balance, or for lots the stripe of their book; for lots of a margin account both, and its
        right to spend, for they may need more margin than they are worth."""
        if command.symbol is None:
            self.till(command.account).cash += command.amount
        else:
            self.desks[command.symbol].shelf(command.account).position += command.amount
            if command.account in self.on_margin:
                self.till(command.account).worth += self._revalued(command.symbol, command.account)
        return Deposited(command.account, command.amount, command.symbol)

    def withdraw(self, command: Withdraw) -> Event:
        """Hold the account's balance and its right to spend, or for lots the stripe of their book; for lots of a margin
        account all of it."""
        account, amount, symbol = command.account, command.amount, command.symbol
        if account in self.on_margin:
            return self._withdraw_on_margin(account, amount, symbol)
        if symbol is None:
            till = self.till(account)
            if amount > till.cash - till.reserved:
                return Rejected(None, None, RejectReason.INSUFFICIENT_CASH)
            till.cash -= amount
        else:
            shelf = self.desks[symbol].shelf(account)
            if amount > shelf.position - shelf.selling:
                return Rejected(symbol, None, RejectReason.INSUFFICIENT_ASSETS)
            shelf.position -= amount
        return Withdrawn(account, amount, symbol)

    def _withdraw_on_margin(self, account: Account, amount: int, symbol: Symbol | None) -> Event:
        till = self.till(account)
        if symbol is None:
            reason = RejectReason.INSUFFICIENT_CASH if amount > till.cash else None
            if reason is None and amount > till.free:
                reason = RejectReason.INSUFFICIENT_MARGIN
            if reason is not None:
                return Rejected(None, None, reason)
            till.cash -= amount
            return Withdrawn(account, amount, None)
        shelf = self.desks[symbol].shelf(account)
        if amount > shelf.position - shelf.selling:
            return Rejected(symbol, None, RejectReason.INSUFFICIENT_ASSETS)
        shelf.position -= amount
        more = self._revalued(symbol, account)
        if more < 0 and till.free + more < 0:
            shelf.position += amount
            self._revalued(symbol, account)
            return Rejected(symbol, None, RejectReason.INSUFFICIENT_MARGIN)
        till.worth += more
        return Withdrawn(account, amount, symbol)

    def set_mark(self, command: SetMark) -> Event:
        """Value everybody's position in a book anew (M3). Hold every stripe and every balance."""
        desk = self.desks[command.symbol]
        desk.remark(command.price)
        for account in desk.vault.shelves.keys() & self.on_margin:
            self.till(account).worth += self._revalued(command.symbol, account)
        return MarkSet(command.symbol, command.price)

    def set_limits(self, command: SetLimits) -> Event:
        """Hold the account's balance and its right to spend: limits are part of what a check has seen."""
        self.till(command.account).limits = command.limits
        return LimitsSet(command.account, command.limits)

    def bust(self, command: Bust, entries: Entries) -> list[Event]:
        """Give a trade back, and its basket's others (N1, N2). Hold every stripe; the cash is in the entries."""
        if type(command.trade) is not int or command.trade not in self.desks[command.symbol].deals:
            return [Rejected(command.symbol, None, RejectReason.UNKNOWN_TRADE)]
        first = (command.symbol, command.trade)
        events: list[Event] = []
        for symbol, number in self._together.get(first, [first]):
            self._together.pop((symbol, number), None)
            desk = self.desks[symbol]
            deal = desk.deals.pop(number)
            _deliver(desk, deal.price, -deal.quantity, deal.buyer, deal.seller, entries)
            self._revalue([symbol], entries)
            events.append(Busted(symbol, number, deal.price, deal.quantity, deal.buyer, deal.seller))
        return events

    def block(self, command: BlockTrade, entries: Entries) -> list[Event]:
        """A trade past the book, if both can (L6). Hold its stripe, and of both the right to spend and the balance."""
        symbol, price, quantity = command.symbol, command.price, command.quantity
        buyer, seller = command.buyer, command.seller
        desk = self.desks[symbol]
        refusals = []
        for account, side in ((buyer, Side.BUY), (seller, Side.SELL)):
            loss = desk.loss(side, price) * quantity
            want = Want(symbol, 0, side, quantity, unit_of(side, price) * quantity, 0, 0, price, loss)
            refusal = self.refusal(Demand(account, [want], 0))
            if refusal is not None:
                refusals.append(refusal.reason)
        if refusals:
            return [Rejected(symbol, None, min(refusals, key=lambda reason: reason.precedence))]
        desk.trades += 1
        desk.deals[desk.trades] = Deal(price, quantity, buyer, seller)
        _deliver(desk, price, quantity, buyer, seller, entries)
        self._revalue([symbol], entries)
        return [BlockTraded(symbol, desk.trades, price, quantity, buyer, seller)]

    def view(self, account: Account) -> AccountView:
        """One account. Hold every stripe and its balance."""
        till = self._tills.get(account) or Till()
        holdings = []
        for asset, vault in self.vaults.items():
            shelf = vault.shelves.get(account)
            if shelf is not None and (shelf.position or shelf.buying or shelf.selling):
                holdings.append(Holding(asset, shelf.position, shelf.buying, shelf.selling))
        margin = self.margin(account) if account in self.on_margin else None
        return AccountView(account, till.cash, till.reserved, till.open_orders, tuple(holdings), till.limits, margin)

    def resize(self, said: Iterable[Event], entries: Entries) -> list[Event]:
        """Lots have moved past the books: those of their owners' reduce-only orders that are too large are cut to size,
        in the books that these events are about (C9). Hold what it took to move them; the rest is in the entries.
        """
        moved: dict[tuple[Symbol, Account], None] = {}
        for event in said:
            if isinstance(event, BlockTraded | Busted):
                moved |= dict.fromkeys(((event.symbol, event.buyer), (event.symbol, event.seller)))
            elif isinstance(event, Deposited) and event.symbol is not None:
                moved[event.symbol, event.account] = None
        cuts: list[Event] = []
        for symbol, account in moved:
            self._books[symbol].resize(account, self.desks[symbol].shelf(account).position, cuts)
        for account, sums in self.entries(cuts).items():
            entry = _entry(entries, account)
            entry[:] = [one + other for one, other in zip(entry, sums, strict=True)]
        return cuts

    # ── margin: hold every stripe and the account's balance ──

    def margin(self, account: Account) -> MarginView:
        """What a margin account is worth, and what it needs (M3). What it uses is told by what was booked as free."""
        till = self._tills.get(account) or Till()
        equity, keeps, marks = till.cash, 0, []
        for symbol, desk in self.desks.items():
            if desk.mark is not None:
                marks.append(Mark(symbol, desk.mark))
                shelf = desk.vault.shelves.get(account)
                if shelf is not None:
                    equity += shelf.position * desk.mark
                    keeps += desk.keeps(shelf)
        return MarginView(equity, equity - till.free, keeps, tuple(marks))

    def worth_on_shelves(self, account: Account) -> Money:
        """What the till's `worth` is the sum of, looked up in every book: true only while every stripe is held."""
        return sum(desk.worth(desk.shelf(account)) for desk in self.desks.values())

    def liquidation(self, command: Liquidate) -> RejectReason | Liquidated:
        """Whether there is anything to liquidate (M3)."""
        if command.account not in self.on_margin:
            return RejectReason.NOT_ON_MARGIN
        seen = self.margin(command.account)
        if seen.equity >= seen.maintenance:
            return RejectReason.MARGIN_HOLDS
        return Liquidated(command.account, seen.equity, seen.maintenance)

    def to_close(self, account: Account) -> list[Symbol]:
        """The books in which a position needs margin, that which needs most first, of equals in listing order."""
        needs = []
        for at, (symbol, desk) in enumerate(self.desks.items()):
            shelf = desk.vault.shelves.get(account)
            if shelf is not None and shelf.position and desk.mark is not None:
                needs.append((-desk.keeps(shelf), at, symbol))
        return [symbol for _, _, symbol in sorted(needs)]

    def closing(self, symbol: Symbol, command: Liquidate) -> Submit | None:
        """The order that reduces a position by what ends the deficit at the mark, but not below what a lot frees (M3).

        None if there is no deficit left, or if no order of the size is to be had.
        """
        seen, desk = self.margin(command.account), self.desks[symbol]
        lacks, it, mark = seen.maintenance - seen.equity, desk.instrument, desk.mark
        position = desk.shelf(command.account).position
        if lacks <= 0 or not mark or not position:
            return None
        frees = abs(mark) * it.maintenance_margin
        lots = max(_up(lacks * BASIS_POINTS, frees) // frees, it.min_quantity)
        lots = min(_up(lots, it.lot), abs(position), it.max_quantity - it.max_quantity % it.lot)
        if lots < it.min_quantity or lots <= 0:
            return None
        give = frees // BASIS_POINTS
        if position > 0:
            side, price = Side.SELL, _up(max(mark - give, it.min_price), it.tick)
        else:
            highest = min(mark + give, it.max_price)
            side, price = _BUY, highest - highest % it.tick
        return Submit(symbol, command.order_id, command.account, side, lots, price, TimeInForce.IOC)


# ── what is wrong with a command by itself, whether accounts are kept or not ──


def fault_of(command: AccountCommand, lot: Lots, of_spread: bool = False) -> RejectReason | None:
    """Why a command about accounts makes no sense, but for its symbol: of that it knows the lot, and whether there are
    lots to bring or to take away.
    """
    if isinstance(command, Bust | BlockTrade | SetMark):  # the book's own checks see to the last two
        return None
    if not _is_account(command.account):
        return RejectReason.INVALID_ACCOUNT
    if isinstance(command, SetLimits):
        limits = command.limits
        given = [limit for limit in (limits.position, limits.open_orders, limits.notional) if limit is not None]
        if all(type(limit) is int and 0 <= limit <= LARGEST for limit in (limits.short, *given)):
            return None
        return RejectReason.INVALID_LIMITS
    amount = command.amount
    if type(amount) is not int or amount < 1 or amount > LARGEST or amount % lot != 0:
        return RejectReason.INVALID_AMOUNT
    return RejectReason.INVALID_COMBINATION if of_spread else None


def closing_order(command: Reduce) -> Submit:
    """A reduce-only order as its book sees it (C9)."""
    return Submit(
        command.symbol,
        command.order_id,
        command.account,
        command.side,
        command.quantity,
        command.price,
        command.time_in_force,
        display=command.display,
    )


# ── small things ──


def _is_account(number: object) -> bool:
    return type(number) is int and 0 <= number < 2**63


def _rejected(want: Want, reason: RejectReason) -> Rejected:
    return Rejected(want.symbol, want.order_id, reason)


def _entry(entries: Entries, account: Account) -> list[int]:
    return entries.setdefault(account, [0, 0, 0, 0])


def _up(number: int, step: int) -> int:
    """The next multiple of a step from a number up."""
    return number + -number % step


def _order(desk: Desk, account: Account, want: Want, sign: int) -> None:
    """As if the order were in, or with -1 as if it were not."""
    _reserve(desk, account, want.side, sign * want.lots, sign * want.loss)


def _reserve(desk: Desk, account: Account, side: Side, lots: Lots, loss: Money) -> None:
    """So many more lots of somebody's orders are open, and so much more may be lost by them (M3)."""
    for shelf, sign in desk.touched(account, side):
        if sign > 0:
            shelf.buying += lots
        else:
            shelf.selling += lots
        shelf.loss += loss


def _open(claim: Claim, lots: Lots, entries: Entries) -> None:
    """So many more lots of an order are open, and their worst cost is reserved; fewer, and it is released."""
    desk = claim.desk
    claim.leaves += lots
    _reserve(desk, claim.account, claim.side, lots, desk.loss(claim.side, claim.worst) * lots)
    _entry(entries, claim.account)[1] += claim.unit * lots


def _use(claim: Claim, lots: Lots, entries: Entries) -> None:
    """So many lots of an order traded, or were prevented."""
    claim.done += lots
    _open(claim, -lots, entries)


def _forget_if_empty(order_id: OrderId, claim: Claim, entries: Entries) -> None:
    """An order with nothing open is gone. One that prevention emptied has its cancel to come."""
    if not claim.leaves:
        del claim.desk.claims[order_id]
        _entry(entries, claim.account)[2] -= 1


def _deliver(desk: Desk, price: Ticks, quantity: Lots, buyer: Account, seller: Account, entries: Entries) -> None:
    """Lots to the buyer, cash to the seller (M4); with a negative quantity, back again (N1)."""
    _settle(desk, buyer, Side.BUY, price, quantity, entries)
    _settle(desk, seller, Side.SELL, price, quantity, entries)


def _settle(desk: Desk, account: Account, side: Side, price: Ticks, quantity: Lots, entries: Entries) -> None:
    """One side of a trade."""
    for shelf, sign in desk.touched(account, side):
        shelf.position += sign * quantity
    _entry(entries, account)[0] -= price * quantity if side is _BUY else -price * quantity
