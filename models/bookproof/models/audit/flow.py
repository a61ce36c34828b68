"""The intentions behind a log, without their outcome: what to send to an engine to see it trade the same."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from bookproof.models.audit.records import Kind, OrderEvent, Origin, Record, Remark, Trade
from bookproof.models.audit.state import Conventions
from bookproof.spec.values import Lots, Side, Ticks

Action: TypeAlias = Literal["new", "reduce", "cancel"]


class Flow(NamedTuple):
    """One thing an owner did: a new order, a reduction by `quantity`, or the cancel of `quantity` still open.

    Prices are ticks, `None` for an order without a limit. Quantities are lots.

    >>> Flow("new", "7", Side.BUY, 100, 5).action
    'new'
    """

    action: Action
    order_id: str
    side: Side
    price: Ticks | None
    quantity: Lots


@dataclass(slots=True)
class _Open:
    """An open order: what is left of it, as the new order that would be, and what no event has shown yet."""

    terms: Flow
    owed: Lots = 0

    def fill(self, quantity: Lots) -> None:
        taken = min(quantity, self.terms.quantity)
        self.terms = self.terms._replace(quantity=self.terms.quantity - taken)
        self.owed += taken

    def change(self, event: OrderEvent, amends: bool) -> Iterator[Flow]:
        """What the owner did, if anything, for the order to change like this."""
        old = self.terms
        left = old.quantity if event.quantity is None else event.quantity
        price = event.price if amends and event.price is not None else old.price
        grows = left > old.quantity + self.owed
        self.owed = 0 if grows else max(0, left - old.quantity)
        if amends and (price != old.price or grows):
            self.terms = old._replace(price=price, quantity=left)
            yield old._replace(action="cancel")
            yield self.terms
        elif left < old.quantity:
            self.terms = old._replace(quantity=left)
            yield old._replace(action="reduce", quantity=old.quantity - left)


def order_flow(
    records: Iterable[Record], without: Collection[str] = (), conventions: Conventions | None = None
) -> Iterator[Flow]:
    """Yield what the owners did, in the venue's order, and leave out what the venue did about it.

    Fed to an engine with price-time priority, the flow must make the very trades of the log (rule B10). Give
    the ghosts an audit found as `without`, or they will trade. Trades must come before the order events that
    show them, as readers yield them.

    Left out: fills, and the events that show them; the recorder's closing sweep; events of orders without a
    beginning; and orders deleted by the very next record, untraded, for in an engine that does not know why
    (post-only, fill-or-kill) they would trade. The snapshot comes first, as new orders. An order by budget
    becomes, at each of its trades, an order for just that. An amendment that costs the place becomes a cancel
    and a new order. An immediate-or-cancel order is a new order and, if something is left, a cancel after it.

    >>> log = [OrderEvent(Kind.CREATED, "7", Side.BUY, 100, 5, 1, 1),
    ...        OrderEvent(Kind.CREATED, "9", Side.SELL, 100, 2, 2, 2),
    ...        Trade(100, 2, maker_id="7", taker_id="9", time_ns=2, line=3),
    ...        OrderEvent(Kind.DELETED, "9", Side.SELL, 100, 0, 2, 4),
    ...        OrderEvent(Kind.CHANGED, "7", Side.BUY, 100, 3, 2, 5),
    ...        OrderEvent(Kind.DELETED, "7", Side.BUY, 100, 3, 3, 6)]
    >>> for step in order_flow(log):
    ...     print(*step)
    new 7 buy 100 5
    new 9 sell 100 2
    cancel 7 buy 100 3
    """
    amends = (conventions or Conventions()).amends
    open_orders: dict[str, _Open] = {}
    budgets: dict[str, Side] = {}
    for record in _without_the_stillborn(records):
        if isinstance(record, Trade):
            if record.taker_id in budgets:
                yield Flow("new", record.taker_id, budgets[record.taker_id], record.price, record.quantity)
            for order_id in (record.maker_id, record.taker_id):
                if order_id in open_orders:
                    open_orders[order_id].fill(record.quantity)
        elif record.origin is Origin.CLOSING or record.order_id in without:
            continue
        elif record.kind is Kind.CREATED:
            if record.quantity is None:
                budgets[record.order_id] = record.side
            else:
                new = Flow("new", record.order_id, record.side, record.price, record.quantity)
                open_orders[record.order_id] = _Open(new)
                yield new
        elif record.order_id in open_orders:
            if record.kind is Kind.CHANGED:
                yield from open_orders[record.order_id].change(record, amends)
            elif (gone := open_orders.pop(record.order_id)).terms.quantity:
                yield gone.terms._replace(action="cancel")


def _without_the_stillborn(records: Iterable[Record]) -> Iterator[OrderEvent | Trade]:
    """Leave out the orders that the very next record deletes, and remarks."""
    held: OrderEvent | None = None
    for record in records:
        if isinstance(record, Remark):
            continue
        if held is not None:
            if isinstance(record, OrderEvent) and record[:2] == (Kind.DELETED, held.order_id):
                held = None
                continue
            yield held
            held = None
        if isinstance(record, OrderEvent) and record.kind is Kind.CREATED and record.origin is Origin.LIVE:
            held = record
        else:
            yield record
    if held is not None:
        yield held
