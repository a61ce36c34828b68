"""A book rebuilt from its reports alone, as a firm's risk desk does it with a drop copy.

If the queue that comes out is the exchange's own, order by order, then the reports hide nothing: O1 is shown by more
than the numbers in them. What is needed besides the reports is what a venue publishes: its rules for replaced orders.
"""

from __future__ import annotations

from typing import NamedTuple

from bookproof.spec.profile import DEFAULT, Profile, ReplaceKeeps
from bookproof.spec.reasons import CancelReason
from bookproof.spec.reports import ExecType, ExecutionReport, OrdStatus, Report
from bookproof.spec.slices import slice_of
from bookproof.spec.values import Lots, OrderId, OrderState, Side, Symbol, Ticks
from bookproof.spec.views import OrderStatus, PendingStop, Queue, QueuedOrder, Stops


class Copied(NamedTuple):
    """One live order, as far as its reports say."""

    last: ExecutionReport
    """What was reported of it last."""
    arrival: int
    """Its place in time among the orders of the book (A2)."""
    slice: Lots
    """What of it stands in the queue before it must queue anew (D2)."""
    prevented: Lots = 0
    """What self-trade prevention took from it."""
    busted: Lots = 0
    """In fills that were busted: its book has them as executed still (N1)."""


class DropCopy:
    """The reports of one book, and the book that follows from them.

    It knows continuous trading only: phases are not reported, and a book that collects orders stands crossed. Orders
    that lists hold back it knows, and not which orders depend on which: that is in no report.
    ValueError for a report of an order that was never new, or has ended: a report was lost, or sent twice.

    >>> from bookproof.spec.reports import OrdStatus
    >>> copy = DropCopy("ABC")
    >>> copy.read(ExecutionReport("ABC", 1, 1, 7, ExecType.NEW, OrdStatus.NEW, Side.BUY, 9, 0, 9, price=100, display=2))
    >>> copy.queue().bids
    (QueuedOrder(order_id=1, account=7, price=100, visible=2, leaves=9, top=False, reduce_only=False),)
    """

    def __init__(self, symbol: Symbol, profile: Profile = DEFAULT) -> None:
        self.symbol = symbol
        self.last_price: Ticks | None = None
        """Price of the last trade."""
        self._keeps = profile.replace_keeps is ReplaceKeeps.ON_REDUCE
        self._live: dict[OrderId, Copied] = {}
        self._arrivals = 0

    def read(self, report: Report) -> None:
        """Take in the next report; one of another book is none of ours."""
        if report.symbol != self.symbol or not isinstance(report, ExecutionReport):
            return
        if report.exec_type is ExecType.TRADE_CANCEL:
            self._busted(report)
            return
        match report.exec_type:
            case ExecType.REJECTED:
                return
            case ExecType.NEW | ExecType.PENDING_NEW:
                self._enter(report)
            case ExecType.TRADE:
                if report.traded_in == self.symbol:
                    self.last_price = report.last_price
                self._met(report, report.last_qty, 0)
            case ExecType.RESTATED if report.cancel_reason in (CancelReason.CONTINGENT, CancelReason.REDUCE_ONLY):
                # H1, C9; D5
                copied = self._copied(report)
                slice_ = min(copied.slice, report.leaves_qty)
                self._live[report.order_id] = copied._replace(last=report, slice=slice_)
            case ExecType.RESTATED:
                taken = self._copied(report).last.order_qty - report.order_qty
                self._met(report, taken, taken)
            case ExecType.TRIGGERED:
                self._enter(report, self._copied(report))
            case ExecType.REPLACED:
                self._replaced(report)
            case ExecType.CANCELED | ExecType.EXPIRED:
                self._copied(report)
        if report.ord_status.ended:
            del self._live[report.order_id]

    # ── what comes out ──

    def queue(self) -> Queue:
        """L3: every resting order, each side in the order in which it would trade (B2, B3, D4)."""
        return Queue(self._side(Side.BUY), self._side(Side.SELL))

    def stops(self) -> Stops:
        """The pending stops, each side in the order in which they would be triggered (E3)."""
        return Stops(self._waiting(Side.BUY), self._waiting(Side.SELL))

    def status(self, order_id: OrderId) -> OrderStatus | None:
        """Where an order stands; None when it is not live."""
        copied = self._live.get(order_id)
        if copied is None:
            return None
        last = copied.last
        executed = last.cum_qty + copied.busted
        state = OrderState.PARTIALLY_FILLED if executed else OrderState.NEW
        return OrderStatus(
            order_id,
            state if last.working else OrderState.PENDING_NEW if _is_held(last) else OrderState.PENDING,
            last.side,
            last.price,
            last.order_qty + copied.prevented + copied.busted,
            executed,
            copied.prevented,
            last.leaves_qty,
        )

    # ── what goes in ──

    def _enter(self, report: ExecutionReport, was: Copied | None = None) -> None:
        """Behind all that came before, with a fresh slice (A2, E4, F2)."""
        self._arrivals += 1
        prevented, busted = (0, 0) if was is None else (was.prevented, was.busted)
        self._live[report.order_id] = Copied(report, self._arrivals, _fresh_slice(report), prevented, busted)

    def _busted(self, report: ExecutionReport) -> None:
        """A live order has executed less, and stands where it stood (N1). One that has ended is in no book."""
        if not report.ord_status.ended:
            copied = self._copied(report)
            busted = copied.busted + copied.last.cum_qty - report.cum_qty
            self._live[report.order_id] = copied._replace(last=report, busted=busted)

    def _met(self, report: ExecutionReport, gone: Lots, prevented: Lots) -> None:
        """An aggressor is not in the queue yet; what rests gives of its slice, then queues anew for the next (D2)."""
        copied = self._copied(report)
        copied = copied._replace(last=report, prevented=copied.prevented + prevented)
        if report.aggressor:
            self._live[report.order_id] = copied._replace(slice=_fresh_slice(report))
        elif copied.slice > gone or report.ord_status.ended:
            self._live[report.order_id] = copied._replace(slice=copied.slice - gone)
        else:
            self._enter(report, copied)

    def _replaced(self, report: ExecutionReport) -> None:
        copied = self._copied(report)
        last = copied.last
        same_place = (report.price, report.stop) == (last.price, last.stop) and report.leaves_qty <= last.leaves_qty
        if same_place and self._keeps:  # F1; D5: what is visible changes only if it must
            self._live[report.order_id] = copied._replace(last=report, slice=min(copied.slice, report.leaves_qty))
        else:
            self._enter(report, copied)

    def _copied(self, report: ExecutionReport) -> Copied:
        copied = self._live.get(report.order_id)
        if copied is None:
            raise ValueError(
                f"report {report.report_seq} of {self.symbol} is about {report.order_id}, which is not live"
            )
        return copied

    def _side(self, side: Side) -> tuple[QueuedOrder, ...]:
        rows = []
        for order_id, (last, arrival, slice_, *_) in self._live.items():
            if last.side is side and last.working and last.price is not None:
                hidden = last.display == 0
                order = QueuedOrder(order_id, last.account, last.price, 0 if hidden else slice_, last.leaves_qty)
                order = order._replace(reduce_only=last.reduce_only)
                rows.append(((-last.price if side is Side.BUY else last.price, hidden, arrival), order))
        return tuple(order for _, order in sorted(rows, key=lambda row: row[0]))

    def _waiting(self, side: Side) -> tuple[PendingStop, ...]:
        rows = []
        for order_id, (last, arrival, *_) in self._live.items():
            if last.side is side and not last.working and last.stop is not None and not _is_held(last):
                stop = PendingStop(order_id, last.account, last.stop, last.price, last.leaves_qty)
                rows.append(((last.stop if side is Side.BUY else -last.stop, arrival), stop))
        return tuple(stop for _, stop in sorted(rows, key=lambda row: row[0]))


def _is_held(report: ExecutionReport) -> bool:
    """Whether a list holds the order back: it has an id, and no place in any queue (H2)."""
    return report.ord_status is OrdStatus.PENDING_NEW


def _fresh_slice(report: ExecutionReport) -> Lots:
    return slice_of(report.display or report.leaves_qty, report.leaves_qty)
