"""What must hold of orders that reach over several books: predicates for `invariants`, written apart from the oracle.

Each walks along the events of one command and keeps count, in every book it reaches, of what could be traded at that
moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

from bookproof.spec.book import Book
from bookproof.spec.commands import Basket, Command, Replace, Resume, Route, SetPhase, Submit
from bookproof.spec.events import Accepted, Cancelled, Event, ImpliedTrade, Prevented, Rejected, Trade, Triggered
from bookproof.spec.exchange import Exchange
from bookproof.spec.profile import Generations
from bookproof.spec.reasons import CancelReason
from bookproof.spec.tape import least, same_owner, within
from bookproof.spec.values import Lots, OrderId, Phase, SelfTradePrevention, Side, Symbol, Ticks


class _Offer(NamedTuple):
    """What one resting order has left for the aggressor."""

    price: Ticks
    leaves: Lots
    own: bool
    """Whether it is of the aggressor's owner."""


_Offers = dict[Symbol, dict[OrderId, _Offer]]


def route_breaches(before: Exchange, command: Route, events: tuple[Event, ...]) -> Iterator[str]:
    """A sentence for each thing that a routed order did wrong among the books of its group (rule L5)."""
    order = command.order
    if any(isinstance(event, Rejected) for event in events) or before.books[order.symbol].phase.collects:
        return
    offers = _offers(before, command)
    killed = Cancelled(order.symbol, order.order_id, order.side, order.price, order.quantity, CancelReason.KILLED)
    if killed in events or killed._replace(reason=CancelReason.MIN_QUANTITY) in events:
        there = sum(offer.leaves for book in offers.values() for offer in book.values() if within(order, offer.price))
        if order.self_trade is SelfTradePrevention.NONE and there >= least(order):
            yield f"order {order.order_id} was killed, and the group had {there} of its {least(order)}"
        return
    left: Lots = order.quantity
    for event in events:
        best = _best(offers, command)
        match event:
            case Triggered():
                break
            case Accepted() if (event.symbol, event.order_id) != (order.symbol, order.order_id):
                break  # an order of a list, whose turn has come
            case Trade() | Prevented():
                if event.symbol not in offers or event.maker not in offers[event.symbol]:
                    yield f"{event} is not with an order of an open book of the group"
                elif best != (event.symbol, offers[event.symbol][event.maker].price):
                    yield f"{event} passed over the best level {best}"
                _reduce(offers, event.symbol, event.maker, event.quantity)
                left -= event.quantity
            case ImpliedTrade():
                left -= event.quantity
            case Cancelled() if (event.symbol, event.order_id) == (order.symbol, order.order_id):
                if event.reason is CancelReason.SELF_TRADE and left > 0 and _lacks_a_cause(offers, command, best):
                    yield f"{event}, and no order of the same owner stands at the best level {best}"
                left = 0 if event.reason is CancelReason.SELF_TRADE else left
            case Cancelled():
                _reduce(offers, event.symbol, event.order_id, event.quantity)
    best = _best(offers, command)
    if left > 0 and best is not None:
        yield f"{left} lots of order {order.order_id} did not trade, and {best} was within its limit"


def _offers(before: Exchange, command: Route) -> _Offers:
    """Every opposite order in the open books of the group: the order's own book first, then in listing order."""
    order = command.order
    own = before.books[order.symbol]
    group = own.instrument.group
    others = [book for book in before.books.values() if book is not own and group and book.instrument.group == group]
    opposite = Side.SELL if order.side is Side.BUY else Side.BUY
    return {
        book.instrument.symbol: {
            maker.order_id: _Offer(
                maker.price, maker.slice + maker.reserve, same_owner(before.profile, order, maker.terms)
            )
            for maker in book.side(opposite)
        }
        for book in (own, *others)
        if book.phase is Phase.CONTINUOUS
    }


def _best(offers: _Offers, command: Route) -> tuple[Symbol, Ticks] | None:
    """The book and the price that are next: the best price within the limit, in the first book that has it."""
    order = command.order
    prices = [
        (offer.price, symbol)
        for symbol, book in offers.items()
        for offer in book.values()
        if within(order, offer.price)
    ]
    if not prices:
        return None
    price = (min if order.side is Side.BUY else max)(price for price, _ in prices)
    return next(symbol for at, symbol in prices if at == price), price


def _lacks_a_cause(offers: _Offers, command: Route, best: tuple[Symbol, Ticks] | None) -> bool:
    """Whether a cancel that prevention gave for its reason lacks one."""
    if command.order.self_trade is SelfTradePrevention.CANCEL_BOTH:  # the own order has been cancelled just before
        return False
    own = best is not None and any(offer.own and offer.price == best[1] for offer in offers[best[0]].values())
    return not (own and command.order.self_trade is SelfTradePrevention.CANCEL_TAKER)


def _reduce(offers: _Offers, symbol: Symbol, order_id: OrderId, quantity: Lots) -> None:
    book = offers.get(symbol, {})
    offer = book.get(order_id)
    if offer is None:
        return
    left = offer._replace(leaves=offer.leaves - quantity)
    if left.leaves > 0:
        book[order_id] = left
    else:
        del book[order_id]


# ── spreads ──

_Sides = dict[tuple[Symbol, Side], dict[OrderId, _Offer]]


_Equation = dict[Symbol, int]
"""Books whose prices, with these weights, add up to nothing: those of a spread and its legs, or of two spreads."""


def still_implied(state: Exchange) -> Iterator[str]:
    """A sentence for each spread whose orders and those of its legs could trade and have not (rules L2, B6).

    And, where the profile knows the second generation, for each two spreads with one leg in common whose orders could
    trade with those of their outer legs (L3).
    """
    for equation in _of_one_spread(state) + _of_two_spreads(state):
        if not _implies(state, next(iter(equation))):
            continue
        for turned in (1, -1):  # who buys where the weight is positive and sells elsewhere, or the other way round
            prices = {
                symbol: _price(state.books[symbol], Side.BUY if turned * weight > 0 else Side.SELL)
                for symbol, weight in equation.items()
            }
            known = {symbol: price for symbol, price in prices.items() if price is not None}
            if len(known) == len(prices) and turned * sum(equation[symbol] * known[symbol] for symbol in known) >= 0:
                told = ", ".join(f"{symbol} at {price}" for symbol, price in known.items())
                yield f"orders of {told} could trade with each other"


def _of_one_spread(state: Exchange) -> list[_Equation]:
    """What each spread says of its legs."""
    spreads = [book.instrument for book in state.books.values() if book.instrument.legs]
    return [{spread.symbol: 1, spread.legs[0]: -1, spread.legs[1]: 1} for spread in spreads]


def _of_two_spreads(state: Exchange) -> list[_Equation]:
    """What each two with one leg in common say of all but that leg; none where there is no second generation."""
    if state.profile.implied_generations is Generations.FIRST:
        return []
    found = []
    for one, other in combinations(_of_one_spread(state), 2):
        if len(one.keys() & other.keys()) == 1:
            [common] = one.keys() & other.keys()
            turned = {symbol: -one[common] * other[common] * weight for symbol, weight in other.items()}
            found.append({symbol: weight for symbol, weight in (one | turned).items() if symbol != common})
    return found


def implied_breaches(before: Exchange, command: Command, events: tuple[Event, ...], after: Exchange) -> Iterator[str]:
    """A sentence for each thing that was wrong with an implied trade, or with one that went before it (L1 to L3).

    Looks at the first aggressor of the command, until stops are triggered: until then nobody comes to rest, and so
    what is on offer only gets less.
    """
    first, second = _of_one_spread(before), _of_two_spreads(before)
    open_state = after if isinstance(command, Resume | SetPhase) else before
    offers: _Sides = {
        (symbol, side): {
            order.order_id: _Offer(order.price, order.slice + order.reserve, False)
            for order in before.books[symbol].side(side)
            if order.terms.price is not None  # a market order, which a call collected, goes with its uncross
        }
        for symbol in before.families
        for side in Side
    }
    for event in events:
        match event:
            case Triggered():
                return
            case ImpliedTrade():
                yield from _wrong_with(event, offers, (first, second), open_state, command)
                for leg in event.legs:
                    _less(offers, leg.symbol, leg.maker, event.quantity)
                _less(offers, event.symbol, event.taker, event.quantity)
            case Trade() if isinstance(command, SetPhase) and event.symbol in before.families:  # the uncross of a call
                _less(offers, event.symbol, event.maker, event.quantity)
                _less(offers, event.symbol, event.taker, event.quantity)
            case Trade() | Prevented() if event.symbol in before.families:
                side = _side_of(offers, event.symbol, event.maker)
                best = _best_implied(offers, first, event.symbol, _other(side))
                alone = isinstance(command, Basket) or not _implies(open_state, event.symbol)
                if not alone and best is not None and _is_better(best, event.price, side):
                    yield f"{event} passed over a better quote, implied at {best}"
                _less(offers, event.symbol, event.maker, event.quantity)
            case Cancelled() if event.symbol in before.families:
                _less(offers, event.symbol, event.order_id, event.quantity)


def _wrong_with(
    event: ImpliedTrade,
    offers: _Sides,
    generations: tuple[list[_Equation], list[_Equation]],
    state: Exchange,
    command: Command,
) -> Iterator[str]:
    first, second = generations
    others = [leg.symbol for leg in event.legs]
    equation = next((each for each in first + second if each.keys() == {event.symbol, *others}), None)
    if equation is None or others != [symbol for symbol in state.books if symbol in others]:
        yield f"{event} is between books that no spread ties together"
        return
    if not _implies(state, event.symbol):
        yield f"{event} happened while a book of the family did not trade continuously"
    weights = [-equation[event.symbol] * equation[symbol] for symbol in others]
    price = sum(weight * leg.price for weight, leg in zip(weights, event.legs, strict=True))
    if event.price != price:
        yield f"{event} should be at {price}, which follows from its legs"
    sides = [_side_of(offers, leg.symbol, leg.maker) for leg in event.legs]
    facings = {side if weight > 0 else _other(side) for weight, side in zip(weights, sides, strict=True)}
    if len(facings) != 1:
        yield f"{event} is with orders that do not stand for one side"
        return
    [facing] = facings
    own = [offer.price for offer in offers[event.symbol, facing].values()]
    best = _best_implied(offers, first, event.symbol, _other(facing))
    if equation in first:
        if any(not _is_better(event.price, price, facing) for price in own):
            yield f"{event} went before an order of its own book at the same price or a better one"
        if best is not None and _is_better(best, event.price, facing):
            yield f"{event} passed over a better quote, implied at {best}"
        return
    limit = _limit(event, command, offers, _other(facing))
    for price in [*own, *([] if best is None else [best])]:
        if limit is None or not _is_better(limit, price, facing):
            yield f"{event} is of the second generation, and the first or its own book would trade at {price}"
    further = _best_implied(offers, second, event.symbol, _other(facing))
    if further is not None and _is_better(further, event.price, facing):
        yield f"{event} passed over a better quote of the second generation, implied at {further}"


def _limit(event: ImpliedTrade, command: Command, offers: _Sides, side: Side) -> Ticks | None:
    """The limit of the aggressor, which is new, or has a new price, or rested while nothing was implied."""
    match command:
        case Submit():
            return command.price
        case Route():
            return command.order.price
        case Replace(price=int(price)):
            return price
    resting = offers[event.symbol, side].get(event.taker)
    return None if resting is None else resting.price


def _implies(state: Exchange, symbol: Symbol) -> bool:
    """Whether anything may be implied in a book: all of its family trade continuously (L3)."""
    family = [state.books[member] for member in state.families[symbol]]
    return not state.halted and all(book.phase is Phase.CONTINUOUS for book in family)


def _best_implied(offers: _Sides, equations: list[_Equation], symbol: Symbol, taker: Side) -> Ticks | None:
    """The best price that others imply for an aggressor on this side."""
    prices = []
    for equation in equations:
        if symbol not in equation:
            continue
        parts = []
        for other, weight in equation.items():
            side = taker if weight == equation[symbol] else _other(taker)
            found = [offer.price for offer in offers[other, side].values()] if other != symbol else []
            if found:
                parts.append(-equation[symbol] * weight * (max if side is Side.BUY else min)(found))
        if len(parts) == len(equation) - 1:
            prices.append(sum(parts))
    return (min if taker is Side.BUY else max)(prices, default=None)


def _price(book: Book, side: Side) -> Ticks | None:
    prices = [order.price for order in book.side(side)]
    return (max if side is Side.BUY else min)(prices, default=None)


def _is_better(one: Ticks, other: Ticks, side: Side) -> bool:
    """Whether a resting price is strictly better than another on its side."""
    return one > other if side is Side.BUY else one < other


def _side_of(offers: _Sides, symbol: Symbol, order_id: OrderId) -> Side:
    return Side.BUY if order_id in offers[symbol, Side.BUY] else Side.SELL


def _other(side: Side) -> Side:
    return Side.SELL if side is Side.BUY else Side.BUY


def _less(offers: _Sides, symbol: Symbol, order_id: OrderId, quantity: Lots) -> None:
    for side in Side:
        _reduce({symbol: offers[symbol, side]}, symbol, order_id, quantity)
