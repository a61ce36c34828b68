"""What must hold of every stream of reports: named predicates, one for each property of rules O and F6.

A stream is what an exchange has reported since it opened, of one book or of several, each book's reports in the order
in which they were sent. The predicates know nothing else: no book, no command, no events. So they hold any exchange's
reports to the rules, a stranger's as well.

A predicate yields a sentence for everything it finds wrong, and nothing when all is well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from bookproof.spec.invariants import Breach
from bookproof.spec.reports import (
    CancelReject,
    ExecType,
    ExecutionReport,
    OrdStatus,
    Report,
    TradeCaptureReport,
    precedence,
)
from bookproof.spec.values import Lots, OrderId, Symbol

Sentences: TypeAlias = Iterator[str]
Stream: TypeAlias = Sequence[Report]


class StreamInvariant(NamedTuple):
    """A named predicate over streams, and the rules that it holds a stream to."""

    name: str
    rules: tuple[str, ...]
    predicate: Callable[[Stream], Sentences]


_TABLE: list[StreamInvariant] = []


def broken_stream(reports: Iterable[Report]) -> list[Breach]:
    """Every breach of every invariant in a stream of reports; an empty list when it is right.

    >>> from bookproof.spec.values import Side
    >>> new = ExecutionReport("ABC", 1, 1, 7, ExecType.NEW, OrdStatus.NEW, Side.BUY, 10, 0, 10, price=100)
    >>> broken_stream([new])
    []
    >>> out = new._replace(report_seq=3, exec_type=ExecType.CANCELED, ord_status=OrdStatus.CANCELED, leaves_qty=0)
    >>> print(*broken_stream([new, out]))
    numbers_have_no_gap (O2): in ABC, report 3 follows report 1
    """
    stream = tuple(reports)
    return [Breach(name, rules, why) for name, rules, predicate in STREAM_INVARIANTS for why in predicate(stream)]


def _of_stream(*rules: str) -> Callable[[Callable[[Stream], Sentences]], Callable[[Stream], Sentences]]:
    """Enter a predicate over streams in the table, under its own name."""

    def enter(predicate: Callable[[Stream], Sentences]) -> Callable[[Stream], Sentences]:
        _TABLE.append(StreamInvariant(predicate.__name__, rules, predicate))
        return predicate

    return enter


@_of_stream("O2")
def numbers_have_no_gap(stream: Stream) -> Sentences:
    """The reports of a book are numbered 1, 2, 3 and so on; without a number are only refusals that name no book."""
    last: dict[Symbol, int] = {}
    for report in stream:
        symbol, number = report.symbol, report.report_seq
        if number == 0 and symbol not in last and _refuses(report):
            continue
        if number != last.get(symbol, 0) + 1:
            before = f"report {last[symbol]}" if symbol in last else "nothing"
            yield f"in {symbol}, report {number} follows {before}"
        last[symbol] = number


@_of_stream("O3")
def stamps_rise_with_numbers(stream: Stream) -> Sentences:
    """Within a book a later report never has an earlier commit stamp; and either every report has one, or none has."""
    unstamped = sum(report.stamp is None for report in stream)
    if unstamped not in (0, len(stream)):
        yield f"{unstamped} of {len(stream)} reports have no stamp"
    for reports in _by_book(stream):
        for earlier, later in pairwise(reports):
            if earlier.stamp is not None and later.stamp is not None and later.stamp < earlier.stamp:
                yield (
                    f"in {later.symbol}, report {later.report_seq} has stamp {later.stamp}, "
                    f"and report {earlier.report_seq} before it {earlier.stamp}"
                )


@_of_stream("O1", "A6")
def quantities_add_up(stream: Stream) -> Sentences:
    """Ordered = executed + open while an order lives; executed is the sum of its fills, and so is their average.

    A fill that was busted is no fill any more (N1).
    """
    fills = _fills(stream)
    for before, report in _chains(stream):
        cum, total = (0, 0) if before is None else (before.cum_qty, before.notional)
        if report.exec_type is ExecType.TRADE_CANCEL:
            lots, price = fills.get((report.symbol, report.exec_ref), (0, 0))
            lots = -lots
        else:
            lots, price = report.last_qty, report.last_price or 0
        if report.cum_qty != cum + lots:
            yield f"{_told(report)}: {report.cum_qty} executed after {cum} and a fill of {lots}"
        if report.notional != total + lots * price or not 0 <= report.avg_rest < max(1, report.cum_qty):
            yield f"{_told(report)}: its fills come to {total + lots * price}, and its average says {report.notional}"
        open_qty = 0 if report.ord_status.ended else report.order_qty - report.cum_qty
        if report.leaves_qty != open_qty or report.cum_qty > report.order_qty:
            parts = f"{report.order_qty} ordered, {report.cum_qty} executed, {report.leaves_qty} open"
            yield f"{_told(report)}: {parts}, and it is {report.ord_status.name}"
        if not report.ord_status.ended and report.leaves_qty < 1:
            yield f"{_told(report)}: nothing is open, and it is {report.ord_status.name}"
        if before is None or report.exec_type in (ExecType.REPLACED, ExecType.TRADE_CANCEL):
            continue
        restated = report.exec_type is ExecType.RESTATED and report.price == before.price  # else it got another limit
        if report.order_qty >= before.order_qty if restated else report.order_qty != before.order_qty:
            yield f"{_told(report)}: {before.order_qty} were ordered, and now {report.order_qty}"


@_of_stream("O1")
def reports_follow_one_another(stream: Stream) -> Sentences:
    """An order is new once, stays its owner's and on its side, and nothing happens to it when it has ended.

    One that its list holds back is pending before it is new, and until then it can only go (H2), or be made smaller
    for a rival's fill (H1).
    """
    for before, report in _chains(stream):
        if report.exec_type is ExecType.TRADE_CANCEL:
            continue
        held = before is not None and before.ord_status is OrdStatus.PENDING_NEW
        comes = report.exec_type in (ExecType.NEW, ExecType.PENDING_NEW)
        released = held and report.exec_type is ExecType.NEW
        if comes is not (before is None) and not released:
            came = "it was live" if before is not None else "it was never new"
            yield f"{_told(report)}, and {came}"
        shrunk = report.exec_type is ExecType.RESTATED and report.cancel_reason is not None  # H1, C9
        if held and not released and not shrunk and not report.ord_status.ended:
            yield f"{_told(report)}, and its list held it back"
        if (report.exec_type is ExecType.TRADE) is not (report.last_qty > 0):
            yield f"{_told(report)}, with a fill of {report.last_qty}"
        if before is None:
            continue
        if (before.account, before.side) != (report.account, report.side):
            yield f"{_told(report)} of account {report.account}, and it was of {before.account}, or on the other side"
        if report.exec_type in (ExecType.TRADE, ExecType.RESTATED) and not before.working and not shrunk:
            yield f"{_told(report)}, and it was not triggered"
        if report.price != before.price and report.exec_type not in (ExecType.REPLACED, ExecType.RESTATED):
            yield f"{_told(report)}: its limit was {before.price} and is {report.price}"
        if (report.exec_type is ExecType.TRIGGERED) is not (report.working and not before.working and not released):
            yield f"{_told(report)}: working was {before.working} and is {report.working}"


@_of_stream("O1", "N1")
def busts_take_back_one_fill(stream: Stream) -> Sentences:
    """A bust names a fill of its order that stands. What is open stays as it is, and an order that ended has ended.

    While an order lives it is smaller by the fill, for what is open does not grow; one that was filled is cancelled.
    """
    fills = _fills(stream)
    for before, report in _chains(stream):
        if report.exec_type is not ExecType.TRADE_CANCEL:
            if report.exec_ref is not None:
                yield f"{_told(report)} takes back report {report.exec_ref}, and it is no bust"
            continue
        lots, _ = fills.pop((report.symbol, report.exec_ref), (None, 0))
        if before is None or lots is None:
            yield f"{_told(report)} takes back report {report.exec_ref}, which is no fill of it that stands"
            continue
        if report.last_qty or (before.account, before.side) != (report.account, report.side):
            yield f"{_told(report)} of account {report.account}, with a fill of {report.last_qty}"
        ended, status = before.ord_status.ended, report.ord_status
        smaller = 0 if ended else lots
        if (report.order_qty, report.leaves_qty) != (before.order_qty - smaller, before.leaves_qty):
            were = f"{before.order_qty} were ordered and {before.leaves_qty} open"
            yield f"{_told(report)}: {were}, and now {report.order_qty} and {report.leaves_qty}"
        if status.ended is not ended or (before.ord_status is OrdStatus.EXPIRED) is not (status is OrdStatus.EXPIRED):
            yield f"{_told(report)}: it was {before.ord_status.name}, and now it is {status.name}"
        if report.working is not before.working or report.price != before.price:
            yield f"{_told(report)}, and its terms are others"


@_of_stream("O1", "L6")
def trades_past_the_book_are_captured(stream: Stream) -> Sentences:
    """A block trade is told once when it is made, and once at most when it is busted, in the same words (L6, N1)."""
    stand: dict[tuple[Symbol, int], TradeCaptureReport] = {}
    last: dict[Symbol, int] = {}
    for report in stream:
        if not isinstance(report, TradeCaptureReport):
            continue
        place = (report.symbol, report.trade)
        if not report.busted:
            if report.trade <= last.get(report.symbol, 0):
                yield f"{_told(report)}, and trade {last[report.symbol]} was made before"
            last[report.symbol] = report.trade
            stand[place] = report
            continue
        made = stand.pop(place, None)
        if made is None or made._replace(report_seq=report.report_seq, busted=True, stamp=report.stamp) != report:
            yield f"{_told(report)}, and {made or 'no such trade'} stood"


@_of_stream("O1")
def trades_have_two_sides(stream: Stream) -> Sentences:
    """Each fill is reported to the maker and, next in its book, to the taker: the same lots at the same price.

    So is each bust, to the one and then to the other (N1). But of fills with orders of other books, both books tell
    the same lots, in the same order (L2, L5).
    """
    yield from _sides_in_other_books(stream)
    for reports in _by_book(stream):
        waiting: ExecutionReport | None = None
        for report in reports:
            trade = report if isinstance(report, ExecutionReport) and report.exec_type in _TWO_SIDED else None
            if trade is not None and trade.elsewhere:
                continue
            if waiting is None and trade is not None and not trade.aggressor:
                waiting = trade
                continue
            fits = (
                trade is not None
                and waiting is not None
                and trade.aggressor
                and trade.exec_type is waiting.exec_type
                and (trade.last_qty, trade.last_price) == (waiting.last_qty, waiting.last_price)
                and trade.side is waiting.side.opposite
                and (waiting.exec_ref is None or trade.exec_ref == waiting.exec_ref + 1)
            )
            if not fits and (trade is not None or waiting is not None):
                yield f"{_told(waiting or report)}, and the other side of it is not what follows"
            waiting = None
        if waiting is not None:
            yield f"{_told(waiting)}, and nothing follows"


def _sides_in_other_books(stream: Stream) -> Sentences:
    told: dict[tuple[Symbol, Symbol], list[Lots]] = {}
    for report in stream:
        if isinstance(report, ExecutionReport):
            for other in report.elsewhere:
                told.setdefault((report.symbol, other), []).append(report.last_qty)
    heard = {report.symbol for report in stream}
    for (here, there), lots in told.items():
        if there in heard and told.get((there, here), []) != lots:
            yield f"in {here}, fills of {lots} lots are with orders of {there}, which tells {told.get((there, here))}"


@_of_stream("O1", "A4")
def refusals_change_nothing(stream: Stream) -> Sentences:
    """A refused order has nothing executed or open; a refused cancel or replace says where its order stands."""
    stands: dict[tuple[Symbol, OrderId], OrdStatus] = {}
    current = {lived.at for lived in lives(stream) if lived.is_current}
    for at, report in enumerate(stream):
        if isinstance(report, TradeCaptureReport):
            continue
        place = (report.symbol, report.order_id)
        if isinstance(report, CancelReject):
            known = type(report.order_id) is int  # what is no id names no order: True is not order 1
            told = stands.get(place, OrdStatus.REJECTED) if known else OrdStatus.REJECTED
            forgotten = told.ended and report.ord_status is OrdStatus.REJECTED  # another day
            if report.ord_status is not told and not forgotten:
                yield f"{_told(report)}: it is said to be {report.ord_status.name}, and it is {told.name}"
        elif report.exec_type is ExecType.REJECTED:
            if report.cum_qty or report.leaves_qty or report.reject_reason is None:
                yield f"{_told(report)}: {report.cum_qty} executed, {report.leaves_qty} open, {report.reject_reason}"
        elif at in current:
            stands[place] = report.ord_status


@_of_stream("F6")
def status_has_precedence(stream: Stream) -> Sentences:
    """Of all statuses that an order is in after a report, the one that FIX ranks highest is reported."""
    was = {lived.at: lived.before for lived in lives(stream)}
    for at, report in enumerate(stream):
        if not isinstance(report, ExecutionReport):
            continue
        before = was.get(at)
        held = before is not None and before.ord_status is OrdStatus.PENDING_NEW
        waits = report.exec_type is ExecType.PENDING_NEW or (held and report.exec_type is ExecType.RESTATED)
        within = [OrdStatus.PENDING_NEW if waits else OrdStatus.NEW]
        if report.cum_qty:
            within.append(OrdStatus.PARTIALLY_FILLED)
            within += [OrdStatus.FILLED] * (report.cum_qty == report.order_qty)
        ends = _ENDS.get(report.exec_type, [])
        if report.exec_type is ExecType.TRADE_CANCEL and before is not None and before.ord_status.ended:
            ends = [OrdStatus.EXPIRED if before.ord_status is OrdStatus.EXPIRED else OrdStatus.CANCELED]
        due = precedence(within + ends)
        if report.exec_type is ExecType.REJECTED:
            due = OrdStatus.REJECTED
        if report.ord_status is not due:
            yield f"{_told(report)}: its status is {report.ord_status.name}, and it should be {due.name}"


_ENDS = {ExecType.CANCELED: [OrdStatus.CANCELED], ExecType.EXPIRED: [OrdStatus.EXPIRED]}

_TWO_SIDED = (ExecType.TRADE, ExecType.TRADE_CANCEL)

STREAM_INVARIANTS: tuple[StreamInvariant, ...] = tuple(_TABLE)
"""Every invariant of streams, in the order in which `broken_stream` asks them."""


# ── small things ──


def _by_book(stream: Stream) -> Iterable[list[Report]]:
    books: dict[Symbol, list[Report]] = {}
    for report in stream:
        books.setdefault(report.symbol, []).append(report)
    return books.values()


def _chains(stream: Stream) -> Iterator[tuple[ExecutionReport | None, ExecutionReport]]:
    """Each report of an order that got in, with the one before it in the same life of its id."""
    return ((lived.before, lived.report) for lived in lives(stream))


class Lived(NamedTuple):
    """One report of an order that got in, and where in the life of its id it stands."""

    at: int
    """Its place in the stream."""
    before: ExecutionReport | None
    """The report before it in the same life."""
    report: ExecutionReport
    is_current: bool
    """Whether the id has no later life yet."""


def lives(stream: Stream) -> Iterator[Lived]:
    """Each report of an order that got in, with the one before it in the same life of its id.

    A bust may come when an order has ended and its id has another life: it belongs to that of the fill it names (N1).
    """
    last: dict[tuple[Symbol, int], ExecutionReport] = {}
    life_of: dict[tuple[Symbol, int | None], int] = {}
    current: dict[tuple[Symbol, OrderId], int] = {}
    for at, report in enumerate(stream):
        if not isinstance(report, ExecutionReport) or report.exec_type is ExecType.REJECTED:
            continue
        symbol, place = report.symbol, (report.symbol, report.order_id)
        if report.exec_type is ExecType.TRADE_CANCEL:
            life = life_of.get((symbol, report.exec_ref), -1)
            before = last.get((symbol, life))
            if before is not None and before.order_id != report.order_id:
                before = None
        else:
            life = current.get(place, -1)
            before = last.get((symbol, life))
            if before is None or before.ord_status.ended:
                life, before = at, None
                current[place] = life
            if report.exec_type is ExecType.TRADE:
                life_of[symbol, report.report_seq] = life
        yield Lived(at, before, report, current.get(place) == life)
        last[symbol, life] = report


def _fills(stream: Stream) -> dict[tuple[Symbol, int | None], tuple[int, int]]:
    """Lots and price of each fill, by its book and the number of its report."""
    return {
        (report.symbol, report.report_seq): (report.last_qty, report.last_price or 0)
        for report in stream
        if isinstance(report, ExecutionReport) and report.exec_type is ExecType.TRADE
    }


def _refuses(report: Report) -> bool:
    rejected = isinstance(report, ExecutionReport) and report.exec_type is ExecType.REJECTED
    return rejected or isinstance(report, CancelReject)


def _told(report: Report) -> str:
    """Which report it is, in the words that every sentence begins with."""
    if isinstance(report, TradeCaptureReport):
        return f"in {report.symbol}, report {report.report_seq} ({'bust' if report.busted else 'block'} {report.trade})"
    what = "cancel-reject" if isinstance(report, CancelReject) else report.exec_type.name.lower()
    return f"in {report.symbol}, report {report.report_seq} ({what}) of order {report.order_id}"
