"""What the owner of an order is told: FIX execution reports, one for each thing that happens to the order (rule O1).

An `ExecutionReport` (FIX message 8) says why it was sent, its `ExecType`, and where the order stands after that, its
`OrdStatus`. A `CancelReject` (message 9) says that a cancel or a replace was refused. A `TradeCaptureReport` (message
AE) tells of a trade without orders: a block trade, or its bust (rules L6, N1). Names, tags and codes are those of FIX
5.0 SP2; where 4.4 differs, it only has fewer of them. `reporting` makes reports of an exchange's events,
`report_checks` holds a stream of them to the rules, `drop_copy` rebuilds a book from it, `fix` writes one as tags.

Two sequences number what an exchange says (rules O2, O3):

- `report_seq` is per book. It starts at 1 and has no gap, so a listener to one book knows whether it missed anything.
- `stamp` is global: the commit stamp of the command that the report belongs to. All reports of one command have the
  same, and within a book stamps never fall while report numbers rise. So the streams of all books merge into one
  story by stamp, and no counter has to be shared by books that trade at the same time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from fractions import Fraction
from typing import Final, TypeAlias

from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import (
    Account,
    DisplayRange,
    Lots,
    Nanoseconds,
    OrderId,
    Side,
    Symbol,
    Ticks,
    TimeInForce,
    Value,
)


class ExecType(StrEnum):
    """Why a report is sent: FIX tag 150. Those that an exchange without a gateway has something to say about."""

    NEW = "0"
    """The order is in; a stop that waits off-book as well."""
    CANCELED = "4"
    """The order, or what was left of it, is out. So are immediate-or-cancel and fill-or-kill orders killed (C4, C5)."""
    REPLACED = "5"
    """The order has new terms."""
    REJECTED = "8"
    """The order never got in."""
    EXPIRED = "C"
    """Its time is over (C2)."""
    RESTATED = "D"
    """Unasked, the exchange made it smaller (prevention took from it, G3, or a rival's fill did, H1), or gave it
    another limit (C3, C6, E6, J5)."""
    TRADE = "F"
    """A fill, partial or whole; there is one report for each side of it."""
    TRIGGERED = "L"
    """A stop became an order of its book (E4)."""
    PENDING_NEW = "A"
    """The order is accepted with its list, which holds it back: it is in no queue yet (H2)."""
    TRADE_CANCEL = "H"
    """One of its fills was busted (N1): that is executed no more, and nothing is open again for it."""


class OrdStatus(StrEnum):
    """Where an order stands: FIX tag 39. All of them, as the precedence of F6 ranks the pending ones too."""

    NEW = "0"
    PARTIALLY_FILLED = "1"
    FILLED = "2"
    DONE_FOR_DAY = "3"
    CANCELED = "4"
    REPLACED = "5"
    """Used by FIX 4.2 only; since then a replaced order is new or partially filled."""
    PENDING_CANCEL = "6"
    STOPPED = "7"
    """Its execution is guaranteed, and has not happened."""
    REJECTED = "8"
    SUSPENDED = "9"
    PENDING_NEW = "A"
    CALCULATED = "B"
    EXPIRED = "C"
    ACCEPTED_FOR_BIDDING = "D"
    PENDING_REPLACE = "E"

    @property
    def ended(self) -> bool:
        """Whether nothing more can happen to an order that this exchange says this of."""
        return self in _ENDED


_ENDED = frozenset({OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.EXPIRED, OrdStatus.REJECTED})

PRECEDENCE: Final[Mapping[OrdStatus, int]] = {
    OrdStatus.PENDING_CANCEL: 12,
    OrdStatus.PENDING_REPLACE: 11,
    OrdStatus.DONE_FOR_DAY: 10,
    OrdStatus.CALCULATED: 9,
    OrdStatus.FILLED: 8,
    OrdStatus.STOPPED: 7,
    OrdStatus.SUSPENDED: 6,
    OrdStatus.CANCELED: 5,
    OrdStatus.EXPIRED: 5,
    OrdStatus.PARTIALLY_FILLED: 4,
    OrdStatus.REPLACED: 3,
    OrdStatus.NEW: 2,
    OrdStatus.REJECTED: 2,
    OrdStatus.PENDING_NEW: 2,
    OrdStatus.ACCEPTED_FOR_BIDDING: 1,
}
"""What FIX ranks its statuses by: the execution report in volume 4, and the table on top of appendix D (F6)."""


def precedence(statuses: Iterable[OrdStatus]) -> OrdStatus:
    """The one status to report of an order that is in several at once (rule F6). ValueError when it is in none.

    Of equals the one that came last counts: who names them in order of time need not know that FIX ranks New and
    Pending New alike.

    >>> precedence([OrdStatus.PARTIALLY_FILLED, OrdStatus.PENDING_CANCEL])  # a fill that meets a cancel on its way
    <OrdStatus.PENDING_CANCEL: '6'>
    >>> precedence([OrdStatus.FILLED, OrdStatus.CANCELED])  # nothing was left to cancel
    <OrdStatus.FILLED: '2'>
    """
    named = list(statuses)
    if not named:
        raise ValueError("an order is in one status at least; none was named")
    return max(reversed(named), key=PRECEDENCE.__getitem__)


class ExecutionReport(Value, frozen=True):
    """What happened to one order, and where it stands now.

    While an order lives, `order_qty` = `cum_qty` + `leaves_qty`; when it has ended, nothing is left. Quantity that
    self-trade prevention took is taken from `order_qty`, so that this holds (rules A6, G6), and so is that of a fill
    that was busted while the order lived: a bust opens nothing again (N1).

    >>> report = ExecutionReport("ABC", 3, 1, 7, ExecType.TRADE, OrdStatus.PARTIALLY_FILLED, Side.BUY, 10, 3, 7)
    >>> report._replace(avg_price=100, avg_rest=2).average  # 301 and 302 ticks were paid for 3 lots in all
    Fraction(302, 3)
    """

    symbol: Symbol
    report_seq: int
    """Number in the stream of its book, from 1, without a gap (O2). 0 is in no stream: it names a book that is not."""
    order_id: OrderId
    account: Account
    exec_type: ExecType
    ord_status: OrdStatus
    side: Side
    order_qty: Lots
    """What was asked for at last, less what self-trade prevention took."""
    cum_qty: Lots
    """What has been executed since the order came in."""
    leaves_qty: Lots
    """What is open still."""
    price: Ticks | None = None
    """Its limit; None for a market order."""
    stop: Ticks | None = None
    """Its trigger price."""
    time_in_force: TimeInForce = TimeInForce.GTC
    expires: Nanoseconds | None = None
    display: Lots | DisplayRange | None = None
    """Largest visible slice, or what slices are drawn from (D3); None shows all, 0 shows nothing."""
    working: bool = True
    """False for a stop that has not been triggered."""
    last_qty: Lots = 0
    """Lots of this fill; 0 in a report of anything else."""
    last_price: Ticks | None = None
    """Price of this fill."""
    aggressor: bool = False
    """Whether the order was the one that came in, in a fill or where it was restated."""
    avg_price: Ticks = 0
    """Whole ticks of the average price, rounded down."""
    avg_rest: int = 0
    """What the average price is more than that, in `cum_qty`-ths of a tick: exact, and never too long to write."""
    reject_reason: RejectReason | None = None
    """Why the order never got in."""
    cancel_reason: CancelReason | None = None
    """Why the order, or a part of it, is out."""
    stamp: int | None = None
    """Commit stamp of its command: global, see the module (O3). None for an exchange that does not say."""
    exec_ref: int | None = None
    """The number of the report of the fill that was busted (N1). It says which order is meant where an id is used
    again: that of the fill, which may have ended long ago."""
    elsewhere: tuple[Symbol, ...] = ()
    """Of a fill: the other books in which orders took part in it, one of a routed order (L5), two if implied (L2), or
    three in the second generation (L3). Of a bust, those of its fill."""
    reduce_only: bool = False
    """It can only make the position of its account smaller (C9)."""

    @property
    def traded_in(self) -> Symbol:
        """Of a fill: the book whose last trade it is. A routed order that comes in trades in the book of its maker."""
        return self.elsewhere[0] if self.aggressor and len(self.elsewhere) == 1 else self.symbol

    @property
    def average(self) -> Fraction | None:
        """The average price of all fills, exactly; None before the first."""
        return Fraction(self.avg_price * self.cum_qty + self.avg_rest, self.cum_qty) if self.cum_qty else None

    @property
    def notional(self) -> int:
        """Sum of price times quantity of all fills, in ticks times lots."""
        return self.avg_price * self.cum_qty + self.avg_rest


class CxlRejResponseTo(StrEnum):
    """What was refused: FIX tag 434."""

    CANCEL = "1"
    REPLACE = "2"


class CxlRejReason(StrEnum):
    """Why, as far as FIX has a code for it: tag 102. `CancelReject.reason` says it in the words of the rule book."""

    TOO_LATE = "0"
    """The order has been filled, cancelled or has expired."""
    UNKNOWN_ORDER = "1"
    """There never was such an order, or not today."""
    EXCHANGE_OPTION = "2"
    """Not while the book is halted, or not with these terms."""
    INVALID_PRICE_INCREMENT = "18"
    OTHER = "99"


class CancelReject(Value, frozen=True):
    """A cancel or a replace was refused, and its order is as it was (rule A4)."""

    symbol: Symbol
    report_seq: int
    """Number in the stream of its book, which it shares with execution reports (O2)."""
    order_id: OrderId
    account: Account | None
    """Whose the order is or was; None for an unknown one."""
    ord_status: OrdStatus
    """Where the order stands; Rejected for an unknown one, as FIX has it."""
    response_to: CxlRejResponseTo
    cxl_rej_reason: CxlRejReason
    reason: RejectReason
    stamp: int | None = None
    """Commit stamp of the command that was refused (O3)."""


class TradeCaptureReport(Value, frozen=True):
    """A trade past the book was made between two accounts, or busted (rules L6, N1). No order has to do with it."""

    symbol: Symbol
    report_seq: int
    """Number in the stream of its book, which it shares with execution reports (O2)."""
    trade: int
    """Its place among the trades of its book, the first is 1."""
    buyer: Account
    seller: Account
    price: Ticks
    quantity: Lots
    busted: bool = False
    """Whether it was undone."""
    stamp: int | None = None
    """Commit stamp of its command (O3)."""


Report: TypeAlias = ExecutionReport | CancelReject | TradeCaptureReport

REPORTS: tuple[type[Report], ...] = (ExecutionReport, CancelReject, TradeCaptureReport)
"""Every kind of report."""
