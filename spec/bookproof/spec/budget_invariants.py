"""What must hold of a market order over an amount of money (C3): predicates like those that `invariants` asks.

They count from the makers as they stood before, and lead no order through the book.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias

from bookproof.spec.commands import Spend
from bookproof.spec.events import Accepted, Cancelled, Prevented, Trade
from bookproof.spec.profile import MarketByBudget, MarketOrders
from bookproof.spec.reasons import CancelReason
from bookproof.spec.tape import collar, order_of
from bookproof.spec.values import Lots, SelfTradePrevention, Ticks

if TYPE_CHECKING:
    from bookproof.spec.invariants import Step

Sentences: TypeAlias = Iterator[str]


def spends_within_its_budget(step: Step) -> Sentences:
    """It costs no more than its budget, one lot more would have, and nothing of it is left but for prevention."""
    command = step.command
    if not isinstance(command, Spend):
        return
    accepted = [event for event in step.events if isinstance(event, Accepted) and order_of(command, event) is not None]
    if not accepted:
        return
    if command.symbol in step.before.families:
        yield f"{command.symbol} is part of a spread, and it took an order over an amount of money"
    if step.before.profile.market_by_budget is MarketByBudget.REFUSED:
        yield "the venue has no orders over an amount of money, and it took one"
    met = [
        event
        for event in step.events
        if isinstance(event, Trade | Prevented) and (event.symbol, event.taker) == (command.symbol, command.order_id)
    ]
    spent = sum(event.price * event.quantity for event in met)
    if spent > command.budget:
        yield f"order {command.order_id} spent {spent} of {command.budget}"
    quantity, lot = accepted[0].quantity, step.before.books[command.symbol].instrument.lot
    offers = list(_offers(step, command))
    least, more = _cost(offers, quantity), _cost(offers, quantity + lot)
    if least is None or least > command.budget:
        yield f"{quantity} lots would cost {least}, and order {command.order_id} has {command.budget}"
    limit = step.before.books[command.symbol].instrument.max_quantity
    if more is not None and more <= command.budget and quantity + lot <= limit:
        yield f"order {command.order_id} stops at {quantity} lots; {quantity + lot} would cost {more}"
    left = quantity - sum(event.quantity for event in met)
    prevented = any(
        isinstance(event, Cancelled)
        and (event.symbol, event.order_id, event.quantity) == (command.symbol, command.order_id, left)
        and event.reason is CancelReason.SELF_TRADE
        for event in step.events
    )
    if left and not prevented:
        yield f"{left} lots of order {command.order_id} are left, and prevention did not keep it from them"


PREDICATES: tuple[tuple[tuple[str, ...], Callable[[Step], Sentences]], ...] = (
    (("C3", "A6"), spends_within_its_budget),
)
"""Each predicate, and the rules that it holds a step to."""


def _offers(step: Step, command: Spend) -> Iterator[tuple[Ticks, Lots]]:
    """What there was for a market order of this account to buy, the cheapest first."""
    book, profile = step.before.books[command.symbol], step.before.profile
    limits = collar(book, book.last_price)
    passes = command.self_trade is SelfTradePrevention.CANCEL_MAKER
    best = min((order.price for order in book.asks), default=0)
    for price, leaves, owner in sorted((order.price, order.leaves, order.owner) for order in book.asks):
        if profile.market_orders is MarketOrders.LIMIT and price > best:
            return
        if limits is not None and not (limits.inside(best) and limits.inside(price)):
            return
        if not (passes and owner == profile.owner(command.account)):
            yield price, leaves


def _cost(offers: list[tuple[Ticks, Lots]], wanted: Lots) -> int | None:
    """What so many lots cost at best; None if there are not so many."""
    cost = 0
    for price, lots in offers:
        cost += price * min(lots, wanted)
        wanted -= min(lots, wanted)
    return None if wanted else cost
