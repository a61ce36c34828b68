"""Reports as FIX tag=value text, for people and for comparing with a venue's own log.

Tags and codes are those of FIX 5.0 SP2. What belongs to a session is left out: version, length, sender, times, check
sum; so is ExpireTime (126), as the exchange's clock knows no date. Prices stand in ticks and quantities in lots. The
book is ApplID (1180) and the report number ApplSeqNum (1181), which is FIX's own word for a gapless stream (rule O2).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from bookproof.spec.reasons import RejectReason
from bookproof.spec.reports import CancelReject, CxlRejReason, ExecType, ExecutionReport, Report, TradeCaptureReport
from bookproof.spec.values import DisplayRange, Side, TimeInForce

PARTIAL_DECLINE: Final = "5"
"""ExecRestatementReason of an order that the exchange made smaller."""

REPRICING: Final = "3"
"""ExecRestatementReason of an order that the exchange gave another limit."""

_DO_NOT_INCREASE = "E"
"""ExecInst of a reduce-only order."""

_NEW, _BUSTED = "0", "1"
"""TradeReportTransType of a trade that was made, and of one that was cancelled."""

_RANDOM = "3"
"""DisplayMethod of an iceberg whose slices differ in size."""

_BLOCK_TRADE = "1"
"""TrdType of a trade between two that was made past the book."""

_PLACES = 8
"""Digits of an average price after the point. The report itself has it exactly."""

_SIDES: Final[Mapping[Side, str]] = {Side.BUY: "1", Side.SELL: "2"}
_LIVES: Final[Mapping[TimeInForce, str]] = {
    TimeInForce.DAY: "0",
    TimeInForce.GTC: "1",
    TimeInForce.IOC: "3",
    TimeInForce.FOK: "4",
    TimeInForce.GTD: "6",
}
_ORD_REJ_REASONS: Final[Mapping[RejectReason, str]] = {
    RejectReason.UNKNOWN_SYMBOL: "1",
    RejectReason.ACCOUNT_BLOCKED: "0",
    RejectReason.MARKET_HALTED: "2",
    RejectReason.UNDERLYING_HALTED: "2",
    RejectReason.BOOK_HALTED: "2",
    RejectReason.DUPLICATE_ORDER_ID: "6",
    RejectReason.INVALID_COMBINATION: "11",
    RejectReason.INVALID_QUANTITY: "13",
    RejectReason.INVALID_ACCOUNT: "15",
    RejectReason.OUTSIDE_BAND: "16",
    RejectReason.INVALID_PRICE: "18",
    RejectReason.INVALID_STOP: "18",
}
_OTHER = "99"


def to_fix(report: Report) -> str:
    """A report as the body of a FIX message, a bar where FIX has its separator. A symbol with a bar in it is not cured.

    >>> from bookproof.spec.reports import OrdStatus
    >>> new = ExecutionReport("ABC", 1, 7, 42, ExecType.NEW, OrdStatus.NEW, Side.BUY, 10, 0, 10, price=100)
    >>> to_fix(new)
    '35=8|1180=ABC|1181=1|17=ABC-1|37=7|11=7|1=42|150=0|39=0|55=ABC|54=1|38=10|40=2|44=100|59=1|14=0|151=10|6=0'
    """
    return "|".join(f"{tag}={value}" for tag, value in tags_of(report))


def tags_of(report: Report) -> Iterator[tuple[int, str]]:
    """Tags and values of a report, in the order in which they are written."""
    if isinstance(report, TradeCaptureReport):
        return _trade_capture_report(report)
    return _cancel_reject(report) if isinstance(report, CancelReject) else _execution_report(report)


def _execution_report(report: ExecutionReport) -> Iterator[tuple[int, str]]:
    yield 35, "8"
    yield from _in_stream(report)
    yield 17, f"{report.symbol}-{report.report_seq}"
    if report.exec_ref is not None:
        yield 19, f"{report.symbol}-{report.exec_ref}"
    yield 37, str(report.order_id)
    yield 11, str(report.order_id)
    yield 1, str(report.account)
    yield 150, report.exec_type.value
    yield 39, report.ord_status.value
    if report.exec_type is ExecType.RESTATED:
        yield 378, REPRICING if report.cancel_reason is None else PARTIAL_DECLINE
    if report.reject_reason is not None:
        yield 103, _ORD_REJ_REASONS.get(report.reject_reason, _OTHER)
    yield 55, report.symbol
    yield 54, _SIDES[report.side]
    yield 38, str(report.order_qty)
    yield 40, _ord_type(report)
    if report.price is not None:
        yield 44, str(report.price)
    if report.stop is not None:
        yield 99, str(report.stop)
        yield 636, _flag(report.working)
    yield 59, _LIVES[report.time_in_force]
    if report.reduce_only:
        yield 18, _DO_NOT_INCREASE
    if isinstance(report.display, DisplayRange):  # D3; of the draw, FIX knows that there is one
        yield 1084, _RANDOM
        yield 1085, str(report.display.least)
        yield 1086, str(report.display.most)
        yield 1087, str(report.display.step)
    elif report.display is not None:
        yield 1138, str(report.display)
    if report.exec_type is ExecType.TRADE:
        yield 32, str(report.last_qty)
        yield 31, str(report.last_price)
        yield 1057, _flag(report.aggressor)
        if report.traded_in != report.symbol:
            yield 30, report.traded_in
    yield 14, str(report.cum_qty)
    yield 151, str(report.leaves_qty)
    yield 6, decimal(report.avg_price, report.avg_rest, report.cum_qty)
    reason = report.reject_reason or report.cancel_reason
    if reason is not None:
        yield 58, reason.value


def _cancel_reject(report: CancelReject) -> Iterator[tuple[int, str]]:
    unknown = report.cxl_rej_reason is CxlRejReason.UNKNOWN_ORDER
    yield 35, "9"
    yield from _in_stream(report)
    yield 37, "NONE" if unknown else str(report.order_id)
    yield 11, str(report.order_id)
    yield 41, str(report.order_id)
    if report.account is not None:
        yield 1, str(report.account)
    yield 39, report.ord_status.value
    yield 434, report.response_to.value
    yield 102, report.cxl_rej_reason.value
    yield 58, report.reason.value


def _trade_capture_report(report: TradeCaptureReport) -> Iterator[tuple[int, str]]:
    yield 35, "AE"
    yield from _in_stream(report)
    yield 571, f"{report.symbol}-{report.report_seq}"
    yield 1003, str(report.trade)
    yield 487, _BUSTED if report.busted else _NEW
    yield 828, _BLOCK_TRADE
    yield 55, report.symbol
    yield 32, str(report.quantity)
    yield 31, str(report.price)
    yield 552, "2"
    for side, account in ((Side.BUY, report.buyer), (Side.SELL, report.seller)):
        yield 54, _SIDES[side]
        yield 1, str(account)


def decimal(whole: int, rest: int, parts: int) -> str:
    """`whole` + `rest` / `parts` with up to eight digits after the point, the last of them rounded half up.

    >>> decimal(100, 2, 3), decimal(-1, 1, 2), decimal(7, 0, 0)
    ('100.66666667', '-0.5', '7')
    """
    scale = 10**_PLACES
    parts = parts or 1
    scaled = (2 * (whole * parts + rest) * scale + parts) // (2 * parts)
    sign, scaled = ("-", -scaled) if scaled < 0 else ("", scaled)
    digits = f"{scaled % scale:0{_PLACES}}".rstrip("0")
    return f"{sign}{scaled // scale}{'.' if digits else ''}{digits}"


def _in_stream(report: Report) -> Iterator[tuple[int, str]]:
    """Which report of which book it is (O2); nothing for a refusal that names no book."""
    if report.report_seq:
        yield 1180, report.symbol
        yield 1181, str(report.report_seq)


def _ord_type(report: ExecutionReport) -> str:
    if report.stop is None:
        return "1" if report.price is None else "2"
    return "3" if report.price is None else "4"


def _flag(is_so: bool) -> str:
    return "Y" if is_so else "N"
