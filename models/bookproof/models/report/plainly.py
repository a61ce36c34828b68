"""Commands and events in a few words, for tables and stories. `literal` writes them so that Python can read them."""

from __future__ import annotations

from bookproof.models.report.literal import literal
from bookproof.spec.commands import (
    AdvanceClock,
    Basket,
    Cancel,
    Halt,
    MassCancel,
    Replace,
    Resume,
    Submit,
    TakeSnapshot,
)
from bookproof.spec.events import Accepted, Cancelled, Halted, Rejected, Replaced, Resumed, SnapshotTaken, Trade
from bookproof.spec.values import Phase, Ticks
from bookproof.spec.views import BookView, Stops


def plainly(*values: object) -> str:
    """Commands or events, separated by semicolons; what has no words of its own is written as Python.

    >>> from bookproof.spec.values import Side
    >>> plainly(Submit("A", 1, 7, Side.BUY, 2, 100), Cancel("A", 1), Trade("A", 100, 2, 5, 1))
    'A: buy 2 at 100 as order 1; A: cancel order 1; A: order 1 takes 2 at 100 from order 5'
    """
    return "; ".join(map(_words, values)) or "nothing"


def _words(value: object) -> str:
    match value:
        case Submit():
            plain = Submit(value.symbol, value.order_id, value.account, value.side, value.quantity, value.price)
            more = "" if value == plain else f", {_terms(value)}"
            return f"{value.symbol}: {value.side} {value.quantity}{_at(value.price)} as order {value.order_id}{more}"
        case Cancel():
            return f"{value.symbol}: cancel order {value.order_id}"
        case Replace(stop=None):
            return f"{value.symbol}: replace order {value.order_id} by {value.quantity}{_at(value.price)}"
        case Basket():
            legs = (f"{leg.symbol} {leg.side} {leg.quantity}{_at(leg.price)} as {leg.order_id}" for leg in value.legs)
            return f"basket of {', '.join(legs)}"
        case MassCancel():
            return f"cancel all orders of account {value.account}"
        case AdvanceClock():
            return f"the clock moves to {value.now}"
        case Halt() | Resume() | Halted() | Resumed():
            return f"{type(value).__name__.lower()} {value.symbol or 'the market'}"
        case TakeSnapshot():
            return "a picture of all books"
        case SnapshotTaken():
            return f"a picture: {'; '.join(map(_pictured, value.books))}"
        case Accepted():
            return f"order {value.order_id} accepted"
        case Rejected():
            return f"refused: {value.reason}"
        case Trade():
            return (
                f"{value.symbol}: order {value.taker} takes {value.quantity} at {value.price} from order {value.maker}"
            )
        case Cancelled():
            return f"{value.symbol}: order {value.order_id} cancelled with {value.quantity} open ({value.reason})"
        case Replaced():
            return f"{value.symbol}: order {value.order_id} replaced"
        case _:
            return literal(value)


def _pictured(book: BookView) -> str:
    """A book of a picture; as Python where there is more in it than plain orders.

    >>> from bookproof.spec.views import Queue, QueuedOrder, Stops
    >>> bids = (QueuedOrder(1, 7, 99, 2, 2),)
    >>> _pictured(BookView("A", Phase.CONTINUOUS, 100, Queue(bids, ()), Stops((), ())))
    'A last 100, order 1 bids 2 at 99'
    """
    queue, last = book.queue, book.last_price
    plain = BookView(book.symbol, book.phase, last, queue, Stops((), ()))
    if book != plain or any(one.visible != one.leaves for one in (*queue.bids, *queue.asks)):
        return literal(book)
    told = [f"order {one.order_id} bids {one.leaves}{_at(one.price)}" for one in queue.bids]
    told += [f"order {one.order_id} asks {one.leaves}{_at(one.price)}" for one in queue.asks]
    phase = "" if book.phase is Phase.CONTINUOUS else f" ({book.phase})"
    traded = "" if last is None else f" last {last},"
    return f"{book.symbol}{phase}{traded} {', '.join(told) or 'empty'}"


def _at(price: Ticks | None) -> str:
    return "" if price is None else f" at {price}"


def _terms(order: Submit) -> str:
    """The terms that a plain order does not have."""
    plain = Submit(order.symbol, order.order_id, order.account, order.side, order.quantity, order.price)
    named = literal(order).partition("(")[2].removesuffix(")").split(", ")
    known = set(literal(plain).partition("(")[2].removesuffix(")").split(", "))
    return ", ".join(term for term in named if term not in known)
