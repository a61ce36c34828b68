"""What must hold of the accounts after any step (M, C9, N): predicates like those of `invariants`, which asks them.

Each works from the live orders and the events, and none of them calls the functions that settle. Where no accounts are
kept, all of them are silent.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from bookproof.spec.accounts import Accounts
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
    ImpliedTrade,
    Liquidated,
    PhaseChanged,
    Prevented,
    Rejected,
    Restated,
    Trade,
    Transferred,
)
from bookproof.spec.kernel import Resting
from bookproof.spec.profile import ReduceOnly, StopReference
from bookproof.spec.reasons import CancelReason
from bookproof.spec.reducing import Reducers
from bookproof.spec.sorted_tuple import SortedTuple
from bookproof.spec.tape import orders_in, orders_of
from bookproof.spec.values import Account, Lots, Money, OrderId, Side, Symbol, Ticks

if TYPE_CHECKING:
    from bookproof.spec.exchange import Exchange
    from bookproof.spec.invariants import Step

Sentences: TypeAlias = Iterator[str]
Asset: TypeAlias = Symbol | None
"""Lots of a book, or of a group of books (L5), or cash."""


def accounts_are_not_books(step: Step) -> Sentences:
    """A command about accounts leaves every book as it was: a bust re-opens nothing (N1, L6).

    A mark is about a book where its stops follow it (E1), and reduce-only orders are cut to size (C9).
    """
    if isinstance(step.command, SetMark) and step.before.profile.stop_reference is StopReference.MARK:
        return
    if not isinstance(step.command, Deposit | Withdraw | SetLimits | Bust | BlockTrade | SetMark):
        return
    for symbol, before in step.before.books.items():
        after, name = step.after.books[symbol], type(step.command).__name__
        reducers = before.reducing.orders
        if _but_for(before, reducers) != _but_for(after, reducers):
            yield f"{name} changed a book"
        for old, new in ((before.find(order_id), after.find(order_id)) for order_id in reducers):
            if new is not None and (old is None or new[:3] != old[:3] or _open(new) > _open(old)):
                yield f"{name} made more of reduce-only order {new.order_id}, or moved it"


def wealth_is_conserved(step: Step) -> Sentences:
    """Cash and lots come and go by deposit and withdrawal only; all else moves them from one account to another."""
    if step.after.accounts is None or step.before.accounts is None:
        return
    expected = _totals(step.before.accounts)
    command = step.command
    if isinstance(command, Deposit | Withdraw) and not _is_refused(step):
        asset = _deposited(step, command)
        expected[asset] += command.amount if isinstance(command, Deposit) else -command.amount
    found = _totals(step.after.accounts)
    for asset in _keys(expected, found):
        if expected[asset] != found[asset]:
            yield f"there should be {expected[asset]} of {asset or 'cash'} in all, and there is {found[asset]}"


def both_sides_settle(step: Step) -> Sentences:
    """Each account has what it had, and what its trades, deposits and withdrawals come to, less what was busted."""
    if step.after.accounts is None or step.before.accounts is None:
        return
    expected = _wealth(step.before.accounts)
    command = step.command
    if isinstance(command, Deposit | Withdraw) and not _is_refused(step):
        asset = _deposited(step, command)
        expected[command.account, asset] += command.amount * (1 if isinstance(command, Deposit) else -1)
    for event in step.events:
        if isinstance(event, Trade):
            for order_id in (event.maker, event.taker):
                account, side = _owner(step, event.symbol, order_id)
                lots = event.quantity if side is Side.BUY else -event.quantity
                for asset, weight in _assets(step.before, event.symbol):
                    expected[account, asset] += weight * lots
                expected[account, None] -= lots * event.price
        if isinstance(event, ImpliedTrade):
            told = [
                (event.symbol, event.price, event.taker),
                *((leg.symbol, leg.price, leg.maker) for leg in event.legs),
            ]
            for symbol, price, order_id in told:
                account, side = _owner(step, symbol, order_id)
                lots = event.quantity if side is Side.BUY else -event.quantity
                for asset, weight in _assets(step.before, symbol):
                    expected[account, asset] += weight * lots
                expected[account, None] -= lots * price
        if isinstance(event, Busted | BlockTraded | Transferred):
            bought = -event.quantity if isinstance(event, Busted) else event.quantity
            for account, lots in ((event.buyer, bought), (event.seller, -bought)):
                for asset, weight in _assets(step.before, event.symbol):
                    expected[account, asset] += weight * lots
                expected[account, None] -= lots * event.price
    found = _wealth(step.after.accounts)
    for account, asset in _keys(expected, found):
        should, has = expected[account, asset], found[account, asset]
        if should != has:
            yield f"account {account} should have {should} of {asset or 'cash'}, and it has {has}"


def reserved_is_what_live_orders_need(step: Step) -> Sentences:
    """What an account has reserved is what its live orders may cost at worst, counted anew from the books."""
    if step.after.accounts is None:
        return
    cash, orders = Counter[Account](), Counter[Account]()
    lots = Counter[tuple[Account, Symbol, Side]]()
    for book in step.after.books.values():
        low, high = _bounds(step.after, book.instrument.symbol)
        for order in book.orders():
            if isinstance(order, Held):
                continue  # it may never enter, so it reserves nothing yet
            terms, open_lots = order.terms, _open(order)
            buys = terms.side is Side.BUY
            worst = terms.price if terms.price is not None else high if buys else low
            cash[terms.account] += open_lots * max(0, worst if buys else -worst)
            orders[terms.account] += 1
            for asset, weight in _assets(step.after, terms.symbol):
                adds = buys is (weight > 0)
                lots[terms.account, asset, Side.BUY if adds else Side.SELL] += open_lots
    for account, purse in step.after.accounts.purses.items():
        if (purse.reserved, purse.open_orders) != (cash[account], orders[account]):
            yield (
                f"account {account} reserves {purse.reserved} for {purse.open_orders} orders; "
                f"its {orders[account]} live orders need {cash[account]}"
            )
        for symbol, holding in purse.holdings.items():
            needed = (lots[account, symbol, Side.BUY], lots[account, symbol, Side.SELL])
            if (holding.buying, holding.selling) != needed:
                yield f"account {account} buys and sells {needed} of {symbol}, and it says {holding}"
    for account in orders:
        if account not in step.after.accounts.purses:
            yield f"account {account} has live orders, and nothing is reserved for them"


def available_stays_above_zero(step: Step) -> Sentences:
    """No step but a bust takes more than is available, of cash or of lots within the short limit."""
    if step.after.accounts is None or step.before.accounts is None or isinstance(step.command, Bust | SetLimits):
        return
    for account, purse in step.after.accounts.purses.items():
        if account in step.before.profile.margin_accounts:  # margin_is_covered looks at these
            continue
        old = step.before.accounts.purse(account)
        if purse.available < min(0, old.available):
            yield f"account {account} has {purse.available} available, after {old.available}"
        for symbol, holding in purse.holdings.items():
            had = old.holding(symbol)
            before, after = (held.position - held.selling + purse.limits.short for held in (had, holding))
            if after < min(0, before):
                yield f"account {account} can deliver {after} of {symbol}, after {before}"


def limits_bind(step: Step) -> Sentences:
    """After a new order or a replace its account is within its limits, or no further beyond them than it was (M2)."""
    before, after = step.before.accounts, step.after.accounts
    if (
        before is None
        or after is None
        or not isinstance(step.command, Submit | Reduce | Basket | Replace | BlockTrade | SubmitList | Spend | Route)
    ):
        return
    for account, purse in after.purses.items():
        old, limits = before.purse(account), purse.limits
        if limits.open_orders is not None and purse.open_orders > max(limits.open_orders, old.open_orders):
            yield f"account {account} has {purse.open_orders} live orders, and may have {limits.open_orders}"
        for symbol, holding in purse.holdings.items():
            had = old.holding(symbol)
            for way, then, now in (
                ("long", had.position + had.buying, holding.position + holding.buying),
                ("short", had.selling - had.position, holding.selling - holding.position),
            ):
                if limits.position is not None and now > max(limits.position, then):
                    yield f"account {account} can be {way} {now} of {symbol}, and may be {limits.position}"
    entered = {(event.symbol, event.order_id) for event in step.events if isinstance(event, Accepted)}
    budget = step.command.budget if isinstance(step.command, Spend) else 0
    limit = after.purse(step.command.account).limits.notional if isinstance(step.command, Spend) and entered else None
    if limit is not None and budget > limit:
        yield f"a budget of {budget} is more than the {limit} its account may ask for"
    for order in _brought(step.command):
        if (order.symbol, order.order_id) not in entered:
            continue
        limit = after.purse(order.account).limits.notional
        if limit is not None and order.price is not None and abs(order.price) * order.quantity > limit:
            yield f"order {order.order_id} is worth more than the {limit} its account may ask for"


def reduce_only_reduces(step: Step) -> Sentences:
    """What a reduce-only order trades takes its account's position towards zero and not beyond (C9)."""
    command = step.command
    if not isinstance(command, Reduce) or step.before.accounts is None or _is_refused(step):
        return
    traded = sum(
        event.quantity
        for event in step.events
        if isinstance(event, Trade | ImpliedTrade) and (event.symbol, event.taker) == (command.symbol, command.order_id)
    )
    for asset, weight in _assets(step.before, command.symbol):
        position = step.before.accounts.purse(command.account).holding(asset).position
        reduced = position + traded * weight * (1 if command.side is Side.BUY else -1)
        if traded and (abs(reduced) >= abs(position) or reduced * position < 0):
            yield f"order {command.order_id} took a position of {position} of {asset} to {reduced}"


def reduce_only_fits(step: Step) -> Sentences:
    """An account's reduce-only orders that rest come to no more than the position that they are to reduce (C9)."""
    accounts, rests = step.after.accounts, step.after.profile.reduce_only is ReduceOnly.RESTS
    for symbol, book in step.after.books.items():
        for order_id in sorted(book.reducing.orders):
            order = book.find(order_id)
            if not rests or order is None or isinstance(order, Pending):
                yield f"order {order_id} of {symbol} is reduce-only, and does not rest here"
        if book.reducing.positions:
            yield f"{symbol} still knows of the positions {book.reducing.positions}"
        for (account, side), lots in _reducing(book).items():
            position = 0 if accounts is None else accounts.purse(account).holding(symbol).position
            if lots > max(0, position if side is Side.SELL else -position):
                yield f"account {account} has {position} of {symbol}, and its reduce-only orders {side.value} {lots}"


def cuts_are_due(step: Step) -> Sentences:
    """A reduce-only order loses no more than what, at that moment, its account's orders are too large by (C9).

    But for a book that begins to collect orders, which keeps none of them. The events are played back.
    """
    accounts = step.before.accounts
    if accounts is None or not any(isinstance(event, Cancelled | Restated) for event in step.events):
        return
    if isinstance(step.command, Replace):  # whose order is another one from then on
        return
    positions = _wealth(accounts)
    reducers: dict[tuple[Symbol, OrderId], Submit] = {}
    open_lots = Counter[tuple[Symbol, OrderId]]()
    for symbol, book in step.before.books.items():
        for order in book.orders():
            if order.order_id in book.reducing.orders:
                reducers[symbol, order.order_id] = order.terms
                open_lots[symbol, order.order_id] = _open(order)
    if isinstance(step.command, Reduce):
        reducers |= {(one.symbol, one.order_id): one for one in orders_of(step.command)}
    collects = {event.symbol for event in step.events if isinstance(event, PhaseChanged) and event.phase.collects}
    for event in step.events:
        if isinstance(event, Trade):
            for order_id in (event.maker, event.taker):
                owner, side = _owner(step, event.symbol, order_id)
                positions[owner, event.symbol] += event.quantity if side is Side.BUY else -event.quantity
                open_lots[event.symbol, order_id] -= event.quantity
        elif isinstance(event, Prevented):
            for order_id in (event.maker, event.taker):
                open_lots[event.symbol, order_id] -= event.quantity
        elif isinstance(event, Busted | BlockTraded | Transferred):
            bought = -event.quantity if isinstance(event, Busted) else event.quantity
            positions[event.buyer, event.symbol] += bought
            positions[event.seller, event.symbol] -= bought
        elif isinstance(event, Deposited):
            positions[event.account, event.symbol] += event.amount
        elif isinstance(event, Accepted):
            open_lots[event.symbol, event.order_id] = event.quantity
        elif isinstance(event, Cancelled | Restated) and (event.symbol, event.order_id) in reducers:
            terms = reducers[event.symbol, event.order_id]
            position = positions[terms.account, event.symbol]
            together = sum(
                open_lots[place]
                for place, it in reducers.items()
                if place[0] == event.symbol and (it.account, it.side) == (terms.account, terms.side)
            )
            excess = together - max(0, position if terms.side is Side.SELL else -position)
            is_cut = isinstance(event, Restated) or event.reason is CancelReason.REDUCE_ONLY
            if is_cut and event.quantity > excess and event.symbol not in collects:
                yield f"order {event.order_id} of {event.symbol} lost {event.quantity} lots; due are {max(0, excess)}"
            open_lots[event.symbol, event.order_id] -= event.quantity


def busts_are_whole_and_once(step: Step) -> Sentences:
    """A bust is of trades that stood, after it they do not, and no other trade of their basket does (N1, N2)."""
    before, after = step.before.accounts, step.after.accounts
    if before is None or after is None or not isinstance(step.command, Bust):
        return
    stood = {(symbol, at) for symbol, at in _standing(before)}
    busted = {(event.symbol, event.trade) for event in step.events if isinstance(event, Busted)}
    if not busted <= stood:
        yield f"{busted - stood} were busted, and they did not stand"
    if _standing(after) != stood - busted:
        yield f"after {busted} were busted, {_standing(after) - (stood - busted)} should not stand"
    for symbol, number in busted & stood:
        dealt = before.trades[symbol][number - 1]
        if dealt is not None and not set(dealt.together) <= busted:
            yield f"trade {number} of {symbol} was busted without {set(dealt.together) - busted}"


def marks_change_by_command(step: Step) -> Sentences:
    """Only `SetMark` sets a mark, that of the book which it names, and no mark is ever lost."""
    before, after = step.before.accounts, step.after.accounts
    if before is None or after is None:
        return
    expected = dict(before.marks)
    if isinstance(step.command, SetMark) and not _is_refused(step):
        expected[step.command.symbol] = step.command.price
    if dict(after.marks) != expected:
        yield f"the marks should be {expected}, and they are {dict(after.marks)}"


def margin_is_covered(step: Step) -> Sentences:
    """What is free of a margin account's equity is made less than nothing by marks, busts and lots that are worth
    less than the margin they need, and by no order, fill or withdrawal of anybody.
    """
    after, command = step.after.accounts, step.command
    if after is None or isinstance(command, Bust | SetMark) or (isinstance(command, Deposit) and command.symbol):
        return
    for account in step.after.profile.margin_accounts:
        old, new = (_valued(state, account) for state in (step.before, step.after))
        if new.free < min(0, old.free):
            yield f"account {account} is {-new.free} short of its initial margin, and had {old.free} free"
        for symbol, holding in after.purse(account).holdings.items():
            if symbol not in after.marks and (holding.buying or holding.selling):
                yield f"account {account} has an order in {symbol}, which has no mark"


def liquidations_are_due_and_help(step: Step) -> Sentences:
    """Only an account below its maintenance margin is closed out; none of its orders is left, each position that was
    traded is smaller, and the deficit is not larger.
    """
    command = step.command
    if not isinstance(command, Liquidate) or step.before.accounts is None or step.after.accounts is None:
        return
    account = command.account
    old, new = (_valued(state, account) for state in (step.before, step.after))
    due = account in step.before.profile.margin_accounts and old.equity < old.maintenance
    if _is_refused(step):
        return
    if not due:
        yield f"account {account} was liquidated, with {old.equity} where {old.maintenance} is enough"
    if Liquidated(account, old.equity, old.maintenance) not in step.events:
        yield f"account {account} was worth {old.equity} and needed {old.maintenance}, and nothing says so"
    left = [order.order_id for book in step.after.books.values() for order in book.orders() if _is_of(order, account)]
    if left:
        yield f"orders {left} of account {account} are live still"
    if new.maintenance - new.equity > old.maintenance - old.equity:
        yield f"account {account} lacked {old.maintenance - old.equity}, and now {new.maintenance - new.equity}"
    for symbol, holding in step.after.accounts.purse(account).holdings.items():
        was, now = step.before.accounts.purse(account).holding(symbol).position, holding.position
        if was != now and not (0 <= now < was or was < now <= 0):
            yield f"account {account} had {was} of {symbol}, and closing that out left {now}"


PREDICATES: tuple[tuple[tuple[str, ...], Callable[[Step], Sentences]], ...] = (
    (("L6", "N1"), accounts_are_not_books),
    (("M4", "N1"), wealth_is_conserved),
    (("L6", "M4", "N1"), both_sides_settle),
    (("M1",), reserved_is_what_live_orders_need),
    (("M1",), available_stays_above_zero),
    (("M2",), limits_bind),
    (("C9",), reduce_only_reduces),
    (("C9",), reduce_only_fits),
    (("C9",), cuts_are_due),
    (("N1", "N2"), busts_are_whole_and_once),
    (("M3",), marks_change_by_command),
    (("M3",), margin_is_covered),
    (("M3",), liquidations_are_due_and_help),
)
"""Each predicate, and the rules that it holds a step to."""


# ── small things ──


class _Valued(NamedTuple):
    """What a margin account comes to at the marks, counted anew from its position and its live orders."""

    equity: Money
    used: Money
    maintenance: Money

    @property
    def free(self) -> Money:
        return self.equity - self.used


def _valued(state: Exchange, account: Account) -> _Valued:
    assert state.accounts is not None
    purse, marks = state.accounts.purse(account), state.accounts.marks
    equity, used, maintenance = purse.cash, 0, 0
    for symbol, mark in marks.items():
        instrument, position = state.books[symbol].instrument, purse.holding(symbol).position
        highest = lowest = position
        for order in state.books[symbol].orders():
            if not _is_of(order, account) or isinstance(order, Held):
                continue
            lots, limit = _open(order), order.terms.price
            if order.terms.side is Side.BUY:
                highest += lots
                used += lots * max(0, (instrument.max_price if limit is None else limit) - mark)
            else:
                lowest -= lots
                used += lots * max(0, mark - (instrument.min_price if limit is None else limit))
        equity += position * mark
        used += math.ceil(Fraction(max(abs(highest), abs(lowest)) * abs(mark) * instrument.initial_margin, 10_000))
        maintenance += math.ceil(Fraction(abs(position) * abs(mark) * instrument.maintenance_margin, 10_000))
    return _Valued(equity, used, maintenance)


def _is_of(order: Resting | Pending, account: Account) -> bool:
    return order.terms.account == account


def closing_orders(step: Step) -> list[Accepted]:
    """The acceptances that a liquidation may say: of immediate-or-cancel orders under its id, that reduce (M3).

    How much they are for, and at what limit, is the oracle's to say and the engines' to agree on.
    """
    command, accounts = step.command, step.before.accounts
    if not isinstance(command, Liquidate) or accounts is None:
        return []
    found = []
    for event in step.events:
        if isinstance(event, Accepted) and event.order_id == command.order_id:
            position = accounts.purse(command.account).holding(event.symbol).position
            if 0 < event.quantity <= (position if event.side is Side.SELL else -position):
                found.append(event)
    return found


def _is_refused(step: Step) -> bool:
    return any(isinstance(event, Rejected) for event in step.events)


def _totals(accounts: Accounts) -> Counter[Asset]:
    totals = Counter[Asset]()
    for (_, asset), amount in _wealth(accounts).items():
        totals[asset] += amount
    return totals


def _wealth(accounts: Accounts) -> Counter[tuple[Account, Asset]]:
    """What each account has of cash and of every book."""
    wealth = Counter[tuple[Account, Asset]]()
    for account, purse in accounts.purses.items():
        wealth[account, None] += purse.cash
        for symbol, holding in purse.holdings.items():
            wealth[account, symbol] += holding.position
    return wealth


def _keys(*counters: Counter[Any]) -> list[Any]:
    """Every key once, in order of first appearance: a message must not depend on hashes."""
    return list(dict.fromkeys(key for counter in counters for key in counter))


def _assets(state: Exchange, symbol: Symbol) -> list[tuple[Symbol, int]]:
    """What a lot bought in a book adds to, and with -1 what it takes from: a group of books has one asset (L5), and a
    spread is nothing but its legs (L1).
    """
    instrument = state.books[symbol].instrument
    if instrument.legs:
        near, far = instrument.legs
        return [(near, 1), (far, -1)]
    return [(instrument.group if instrument.group else symbol, 1)]


def _bounds(state: Exchange, symbol: Symbol) -> tuple[Ticks, Ticks]:
    """The lowest and highest price of an order without a limit: of its book, or implied by the limits of others.

    The prices of a spread and its legs, weighted, add up to nothing (L1), and so do those of two spreads with one leg
    in common when that leg has been put out (L3). From each such sum follows what the others say of one book.
    """
    instruments = {one: book.instrument for one, book in state.books.items()}
    sums = [{it.symbol: 1, it.legs[0]: -1, it.legs[1]: 1} for it in instruments.values() if it.legs]
    for one, other in combinations(list(sums), 2):
        common = one.keys() & other.keys()
        if len(common) == 1:
            [leg] = common
            sign = -one[leg] * other[leg]
            joined = {it: one.get(it, 0) + sign * other.get(it, 0) for it in (*one, *other)}
            sums.append({it: weight for it, weight in joined.items() if weight})
    lowest, highest = [instruments[symbol].min_price], [instruments[symbol].max_price]
    for weights in sums:
        if symbol in weights:
            others = [(-weights[symbol] * weight, instruments[it]) for it, weight in weights.items() if it != symbol]
            lowest.append(sum(min(w * it.min_price, w * it.max_price) for w, it in others))
            highest.append(sum(max(w * it.min_price, w * it.max_price) for w, it in others))
    return min(lowest), max(highest)


def _deposited(step: Step, command: Deposit | Withdraw) -> Asset:
    """What was brought or taken away, where that is lots."""
    return None if command.symbol is None else _assets(step.before, command.symbol)[0][0]


def _owner(step: Step, symbol: Symbol, order_id: OrderId) -> tuple[Account, Side]:
    """Who an order of a trade is, from the book before or from the command; a routed order trades in several (L5)."""
    for order in step.before.books[symbol].orders():
        if order.order_id == order_id:
            return order.terms.account, order.terms.side
    for event in closing_orders(step):
        if (event.symbol, event.order_id) == (symbol, order_id) and isinstance(step.command, Liquidate):
            return step.command.account, event.side
    if isinstance(step.command, Route) and order_id == step.command.order.order_id:
        return step.command.order.account, step.command.order.side
    brought = (*_brought(step.command), *orders_in(step.command, step.events))
    entered = next(order for order in brought if (order.symbol, order.order_id) == (symbol, order_id))
    return entered.account, entered.side


def _reducing(book: Book) -> Counter[tuple[Account, Side]]:
    """What each account's reduce-only orders of each side come to together."""
    lots = Counter[tuple[Account, Side]]()
    for order in book.orders():
        if order.order_id in book.reducing.orders:
            lots[order.terms.account, order.terms.side] += _open(order)
    return lots


def _but_for(book: Book, order_ids: frozenset[OrderId]) -> Book:
    """A book as if these orders were not in it."""
    bids, asks = (SortedTuple(it for it in queue if it.order_id not in order_ids) for queue in (book.bids, book.asks))
    live = SortedTuple(it for it in book.live if it.order_id not in order_ids)
    return book._replace(bids=bids, asks=asks, live=live, reducing=Reducers())


def _brought(command: Command) -> tuple[Submit, ...]:
    """The orders that a command brings in, whether they enter their books at once or not."""
    return command.legs if isinstance(command, SubmitList) else orders_of(command)


def _open(order: Resting | Pending) -> Lots:
    return order.terms.quantity if isinstance(order, Pending) else order.slice + order.reserve


def _standing(accounts: Accounts) -> set[tuple[Symbol, int]]:
    """The trades that may be busted."""
    return {
        (symbol, number)
        for symbol, trades in accounts.trades.items()
        for number, dealt in enumerate(trades, start=1)
        if dealt is not None
    }
