"""From an exchange's events to the reports of every order they are about (rules O1, O2, O3, F6).

All that is needed is the commands and the events, so this works for any exchange that speaks the vocabulary: the
oracle, an engine, or a file of outcomes. What a report says beyond its event, such as how much has been executed, is
kept in a `Desk`, which is immutable; `report` is a function of desk, command and events, and of nothing else (A5).

A trade makes two reports: the maker's first, the taker's next; if the taker is a routed order, each in its own book
(L5). An implied trade makes three (L2), or four in the second generation (L3). A bust makes two again, in the same
order, each of which names the report that it takes back. Where busts are possible, which is where accounts are kept,
the desk remembers every trade that was not busted, and the orders that had part in one, however old. A stop that is
triggered is reported before it trades, and so is an order that the venue gives another limit (C3, C6, E6), unless that
happens when it is done trading (J5). What is about no order, such as a halt, makes none; but a trade past the book does
(L6).
An order of a list is reported twice before anything else happens to it: as pending when the list is in, and as new
when it enters its book (H2). Orders that have ended are remembered until the end of the day, so that a cancel that
comes too late is told so with the status its order ended in; FIX ids are unique for a day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from heapq import merge
from typing import Final, NamedTuple

from bookproof.spec.commands import Cancel, Command, Reduce, Replace, Resume, Route, SetPhase, Spend, Submit, SubmitList
from bookproof.spec.events import (
    Accepted,
    BlockTraded,
    Busted,
    Cancelled,
    DayEnded,
    Event,
    ImpliedTrade,
    ListAccepted,
    Prevented,
    Rejected,
    Replaced,
    Repriced,
    Restated,
    Trade,
    Triggered,
)
from bookproof.spec.profile import DEFAULT, Profile, ReplaceQuantity, Risk
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.reports import (
    CancelReject,
    CxlRejReason,
    CxlRejResponseTo,
    ExecType,
    ExecutionReport,
    OrdStatus,
    Report,
    TradeCaptureReport,
    precedence,
)
from bookproof.spec.sorted_tuple import SortedTuple
from bookproof.spec.tape import order_of, orders_of
from bookproof.spec.values import Lots, OrderId, Place, Side, Symbol, Ticks


class Known(NamedTuple):
    """What the desk knows of one order."""

    order_id: OrderId
    terms: Submit
    """As accepted, or as replaced at last."""
    executed: Lots = 0
    """In fills that stand."""
    prevented: Lots = 0
    notional: int = 0
    """Sum of price times quantity of its fills that stand."""
    working: bool = True
    """False for a stop that has not been triggered, and for an order that its list holds back."""
    held: bool = False
    """Its list holds it back (H2)."""
    out: OrdStatus | None = None
    """Cancelled or expired; None while it lives, and when it was filled."""
    busted: Lots = 0
    """In fills that were busted while it lived: what is open did not become more by that (N1)."""
    first: int = 0
    """The number of the first report on it, which tells it from others that had its id."""
    reduces: bool = False
    """It is reduce-only (C9)."""

    @property
    def order_qty(self) -> Lots:
        """What is executed or could be."""
        return self.terms.quantity - self.prevented - self.busted

    @property
    def leaves(self) -> Lots:
        """What is open."""
        return 0 if self.out else self.order_qty - self.executed

    @property
    def status(self) -> OrdStatus:
        """Of all statuses that the order is in, the one to report (F6)."""
        within = [OrdStatus.PENDING_NEW if self.held else OrdStatus.NEW]
        if self.executed:
            within.append(OrdStatus.PARTIALLY_FILLED if self.executed < self.order_qty else OrdStatus.FILLED)
        if self.out:
            within.append(self.out)
        return precedence(within)


class FilledSide(NamedTuple):
    """An order that had part in a trade."""

    symbol: Symbol
    """Its book: that of the trade, unless it was routed (L5)."""
    order_id: OrderId
    first: int
    """The number of the first report on it."""
    exec_ref: int
    """That of the report on this fill."""


class Fill(NamedTuple):
    """What the desk knows of a trade that may be busted (N1)."""

    number: int
    """Its place among the trades of its book, the first is 1."""
    price: Ticks
    quantity: Lots
    sides: tuple[FilledSide, ...]
    """The maker, and then the taker. A block trade has no sides: no order is told of it (L6)."""


class Former(NamedTuple):
    """An order that had part in a trade, and is no longer the one that its id names."""

    first: int
    order: Known


class Journal(NamedTuple):
    """What the desk keeps of one book."""

    report_seq: int = 0
    """The last number given to a report."""
    orders: SortedTuple[Known] = SortedTuple()
    """Live ones, and those that ended today."""
    trades: int = 0
    """How many were made, in the book and past it."""
    fills: SortedTuple[Fill] = SortedTuple()
    """Those that may be busted."""
    former: SortedTuple[Former] = SortedTuple()
    """Whom a bust may concern still."""
    abroad: bool = False
    """Whether a routed order of this book has traded in another, where that may be busted (L5, N1)."""

    def find(self, order_id: object) -> Known | None:
        """The order that had this id last. What is no id names no order: True is not order 1."""
        if type(order_id) is not int:
            return None
        order = self.orders.at_or_after((order_id,))
        return order if order is not None and order.order_id == order_id else None

    def having(self, order: Known) -> Journal:
        """The journal with what is now known of one order, be it the one that its id names now or a former one."""
        old = self.find(order.order_id)
        if old is not None and old.first == order.first:
            return self._replace(orders=self.orders.replace(old, order))
        former = self._former(order.first)
        if former is not None:
            return self._replace(former=self.former.replace(former, Former(order.first, order)))
        if old is None:
            return self._replace(orders=self.orders.add(order))
        return self._replace(orders=self.orders.replace(old, order), former=self._parting([old]))

    def known(self, order_id: OrderId, first: int) -> Known | None:
        """The order of this id on which the first report had this number."""
        order, former = self.find(order_id), self._former(first)
        return order if order is not None and order.first == first else None if former is None else former.order

    def forgetting_ended(self) -> Journal:
        """The journal at the end of the day: those that have ended are not asked for any more."""
        ended = [order for order in self.orders if order.status.ended]
        if not ended:
            return self
        live = SortedTuple(order for order in self.orders if not order.status.ended)
        return self._replace(orders=live, former=self._parting(ended))

    def _former(self, first: int) -> Former | None:
        former = self.former.at_or_after((first,))
        return former if former is not None and former.first == first else None

    def _parting(self, orders: Iterable[Known]) -> SortedTuple[Former]:
        """The former orders when these join them, as far as a bust may concern them."""
        former = self.former
        for order in orders:
            if (self.fills or self.abroad) and order.executed:
                former = former.add(Former(order.first, order))
        return former


class Desk(NamedTuple):
    """All that must be known to report on the next command."""

    profile: Profile
    books: Mapping[Symbol, Journal]

    def number(self, symbol: Symbol) -> int:
        """The last number given to a report of one book. KeyError for an unknown symbol."""
        return self.books[symbol].report_seq


def opening(symbols: Iterable[Symbol], profile: Profile = DEFAULT) -> Desk:
    """A desk for an exchange with these books, before its first command."""
    return Desk(profile, {symbol: Journal() for symbol in symbols})


def report(
    desk: Desk, command: Command, events: Iterable[Event], stamp: int | None = None
) -> tuple[Desk, tuple[Report, ...]]:
    """The reports of one command, in the order of its events, and the desk after it.

    Commands must come in the order in which they took effect: that of their stamps, if they have any. ValueError for
    an event about an order that is not live: an exchange that says so is wrong, and no report of it can be right.

    >>> from bookproof.spec.values import Side
    >>> offer, hit = Submit("ABC", 1, 7, Side.SELL, 5, 100), Submit("ABC", 2, 8, Side.BUY, 3, 101)
    >>> desk, _ = report(opening(["ABC"]), offer, [Accepted("ABC", 1, Side.SELL, 100, 5)])
    >>> said = [Accepted("ABC", 2, Side.BUY, 101, 3), Trade("ABC", 100, 3, maker=1, taker=2)]
    >>> desk, reports = report(desk, hit, said)
    >>> for it in reports:
    ...     print(it.report_seq, it.order_id, it.exec_type.name, it.ord_status.name, it.cum_qty, it.leaves_qty)
    2 2 NEW NEW 0 3
    3 1 TRADE PARTIALLY_FILLED 3 2
    4 2 TRADE FILLED 3 0
    """
    writer = _Writer(desk, command, stamp)
    for event in events:
        writer.write(event)
    return desk._replace(books=writer.books), tuple(writer.reports)


class Reporter:
    """A desk that is fed one command after another.

    >>> from bookproof.spec.values import Side
    >>> reporter = Reporter(["ABC"])
    >>> [refused] = reporter.feed(Cancel("ABC", 1), [Rejected("ABC", 1, RejectReason.UNKNOWN_ORDER)])
    >>> refused.ord_status, refused.cxl_rej_reason
    (<OrdStatus.REJECTED: '8'>, <CxlRejReason.UNKNOWN_ORDER: '1'>)
    """

    def __init__(self, symbols: Iterable[Symbol], profile: Profile = DEFAULT) -> None:
        self.desk = opening(symbols, profile)

    def feed(self, command: Command, events: Iterable[Event], stamp: int | None = None) -> tuple[Report, ...]:
        """The reports of the next command."""
        self.desk, reports = report(self.desk, command, events, stamp)
        return reports


def merged(streams: Iterable[Sequence[Report]]) -> list[Report]:
    """The streams of several books as one story, by stamp; of one command, in the order of the streams given (O3).

    ValueError for a report without a stamp: nothing says when it was sent.

    >>> reporter = Reporter(["ABC", "XYZ"])
    >>> refuse = lambda symbol, stamp: reporter.feed(
    ...     Cancel(symbol, 1), [Rejected(symbol, 1, RejectReason.UNKNOWN_ORDER)], stamp
    ... )
    >>> abc, xyz = [*refuse("ABC", 1), *refuse("ABC", 3)], refuse("XYZ", 2)
    >>> [(report.symbol, report.report_seq, report.stamp) for report in merged([abc, xyz])]
    [('ABC', 1, 1), ('XYZ', 1, 2), ('ABC', 2, 3)]
    """
    return list(merge(*streams, key=_stamp))


def _stamp(report: Report) -> int:
    if report.stamp is None:
        raise ValueError(
            f"report {report.report_seq} of {report.symbol} has no stamp; only stamped streams can be merged"
        )
    return report.stamp


class _Writer:
    """The reports of one command, as they are written."""

    def __init__(self, desk: Desk, command: Command, stamp: int | None) -> None:
        self.books = dict(desk.books)
        self.reports: list[Report] = []
        self._profile = desk.profile
        self._may_bust = desk.profile.risk is not Risk.NONE
        self._command = command
        self._stamp = stamp
        self._route = command.order if isinstance(command, Route) else None
        """The routed order while it is the aggressor: until a stop is triggered, or another order enters (L5)."""
        self._rests = isinstance(command, Resume | SetPhase)
        """Whether an implied trade is of an order that rested while nothing was implied (L3), and no aggressor."""

    def write(self, event: Event) -> None:
        match event:
            case Accepted():
                self._accepted(event)
            case Rejected():
                self._rejected(event)
            case Trade():
                home = self._home_of_taker(event)
                away = home != event.symbol
                sides = (
                    self._filled(event, event.symbol, event.maker, elsewhere=(home,) if away else ()),
                    self._filled(event, home, event.taker, aggressor=True, elsewhere=(event.symbol,) if away else ()),
                )
                self._traded(event, sides)
            case ImpliedTrade():
                self._implied(event)
            case BlockTraded():
                self._traded(event, ())
                self._captured(event, busted=False)
            case Busted():
                self._busted(event)
            case Prevented():
                self._prevented(event, event.symbol, event.maker, aggressor=False)
                self._prevented(event, self._home_of_taker(event), event.taker, aggressor=True)
            case Cancelled():
                self._cancelled(event)
            case Replaced():
                self._replaced(event)
            case Restated():
                order = self._live(event.symbol, event.order_id)
                terms = order.terms._replace(quantity=order.terms.quantity - event.quantity)
                why = CancelReason.REDUCE_ONLY if order.reduces else CancelReason.CONTINGENT
                self._say(ExecType.RESTATED, order._replace(terms=terms), cancel_reason=why)
            case Triggered():
                self._route, self._rests = None, False
                order = self._live(event.symbol, event.order_id)
                self._say(ExecType.TRIGGERED, order._replace(working=True))
            case Repriced():
                order = self._live(event.symbol, event.order_id)
                terms = order.terms._replace(price=event.price)
                self._say(ExecType.RESTATED, order._replace(terms=terms), aggressor=True)
            case DayEnded():
                self._forget_ended()
            case ListAccepted():
                self._held(event)

    def _held(self, event: ListAccepted) -> None:
        """Every order of a list is known from now on, and none of them is in its book yet (H2, H4)."""
        legs = self._command.legs if isinstance(self._command, SubmitList) else ()
        if [(leg.symbol, leg.order_id) for leg in legs] != [(place.symbol, place.order_id) for place in event.orders]:
            raise ValueError("a list was accepted, and it is not the one that the command brought")
        for leg in legs:
            self._say(ExecType.PENDING_NEW, self._newcomer(leg)._replace(working=False, held=True))

    def _accepted(self, event: Accepted) -> None:
        journal = self.books.get(event.symbol)
        held = None if journal is None else journal.find(event.order_id)
        if held is not None and held.held and not held.status.ended:  # its turn has come
            self._route = None
            self._say(ExecType.NEW, held._replace(held=False, working=held.terms.stop is None))
            return
        order = order_of(self._command, event)
        if order is not None:
            terms = order._replace(price=event.price, quantity=event.quantity)
            new = self._newcomer(terms)._replace(working=order.stop is None, reduces=isinstance(self._command, Reduce))
            self._say(ExecType.NEW, new)
            return
        raise ValueError(f"order {event.order_id} of {event.symbol} was accepted, and the command did not bring it")

    def _rejected(self, event: Rejected) -> None:
        """Every order of the command is refused, a basket or list as a whole; or its one cancel or replace is (A4)."""
        command = self._command
        asked = command.legs if isinstance(command, SubmitList) else orders_of(command)
        if isinstance(command, Spend):  # refused before anybody knew how many lots that would be (C3)
            asked = (Submit(command.symbol, command.order_id, command.account, Side.BUY, 0),)
        for order in asked:
            self.reports.append(
                ExecutionReport(
                    order.symbol,
                    self._next(order.symbol),
                    order.order_id,
                    order.account,
                    ExecType.REJECTED,
                    OrdStatus.REJECTED,
                    order.side,
                    order.quantity,
                    cum_qty=0,
                    leaves_qty=0,
                    price=order.price,
                    stop=order.stop,
                    time_in_force=order.time_in_force,
                    expires=order.expires,
                    display=order.display,
                    working=False,
                    reject_reason=event.reason,
                    stamp=self._stamp,
                    reduce_only=isinstance(command, Reduce),
                )
            )
        if isinstance(command, Cancel | Replace):
            journal = self.books.get(command.symbol)
            order_known = None if journal is None else journal.find(command.order_id)
            self.reports.append(
                CancelReject(
                    command.symbol,
                    self._next(command.symbol),
                    command.order_id,
                    None if order_known is None else order_known.terms.account,
                    OrdStatus.REJECTED if order_known is None else order_known.status,
                    CxlRejResponseTo.CANCEL if isinstance(command, Cancel) else CxlRejResponseTo.REPLACE,
                    _cxl_rej_reason(event.reason, order_known),
                    event.reason,
                    self._stamp,
                )
            )

    def _newcomer(self, terms: Submit) -> Known:
        journal = self.books.get(terms.symbol)
        return Known(terms.order_id, terms, first=0 if journal is None else journal.report_seq + 1)

    def _home_of_taker(self, event: Trade | Prevented) -> Symbol:
        """The book that the aggressor belongs to: that of the trade, unless it is routed (L5)."""
        return self._route.symbol if self._route is not None else event.symbol

    def _implied(self, event: ImpliedTrade) -> None:
        """All orders trade, each in its own book at its own price (L2): those that imply, then the aggressor."""
        books = (event.symbol, *(leg.symbol for leg in event.legs))
        for symbol, price, order_id in [(leg.symbol, leg.price, leg.maker) for leg in event.legs] + [
            (event.symbol, event.price, event.taker)
        ]:
            self._filled(
                Trade(symbol, price, event.quantity, order_id, event.taker),
                symbol,
                order_id,
                aggressor=symbol == event.symbol and not self._rests,
                elsewhere=tuple(other for other in books if other != symbol),
            )

    def _filled(
        self,
        event: Trade,
        symbol: Symbol,
        order_id: OrderId,
        *,
        aggressor: bool = False,
        elsewhere: tuple[Symbol, ...] = (),
    ) -> FilledSide:
        """Report a fill to one side: which order, which of those that had its id, and the number of the report."""
        order = self._live(symbol, order_id)
        order = order._replace(
            executed=order.executed + event.quantity, notional=order.notional + event.price * event.quantity
        )
        self._say(
            ExecType.TRADE,
            order,
            last_qty=event.quantity,
            last_price=event.price,
            aggressor=aggressor,
            elsewhere=elsewhere,
        )
        return FilledSide(symbol, order_id, order.first, self.books[symbol].report_seq)

    def _traded(self, event: Trade | BlockTraded, sides: tuple[FilledSide, ...]) -> None:
        """Remember a trade, if it can be busted."""
        if self._may_bust:
            journal = self.books[event.symbol]
            number = journal.trades + 1
            fill = Fill(number, event.price, event.quantity, sides)
            self.books[event.symbol] = journal._replace(trades=number, fills=journal.fills.add(fill))
            for side in sides:
                if side.symbol != event.symbol:
                    self.books[side.symbol] = self.books[side.symbol]._replace(abroad=True)

    def _busted(self, event: Busted) -> None:
        """Each side of a trade is told that it did not happen after all; of a block trade, both at once (N1, L6)."""
        journal = self.books.get(event.symbol)
        fill = None if journal is None else journal.fills.at_or_after((event.trade,))
        if journal is None or fill is None or fill[:3] != (event.trade, event.price, event.quantity):
            raise ValueError(f"trade {event.trade} of {event.symbol} was busted, and there is no such trade")
        self.books[event.symbol] = journal._replace(fills=journal.fills.remove(fill))
        if not fill.sides:
            self._captured(event, busted=True)
            return
        for side, other, aggressor in zip(fill.sides, reversed(fill.sides), (False, True), strict=True):
            order = self.books[side.symbol].known(side.order_id, side.first)
            assert order is not None, "who had part in a trade is known for as long as it may be busted"
            ended = order.status.ended
            order = order._replace(
                executed=order.executed - fill.quantity, notional=order.notional - fill.price * fill.quantity
            )
            if not ended:
                order = order._replace(busted=order.busted + fill.quantity)
            elif order.out is None:  # it was filled, and now it is not; nor does it come back
                order = order._replace(out=OrdStatus.CANCELED)
            away = (other.symbol,) if other.symbol != side.symbol else ()
            self._say(ExecType.TRADE_CANCEL, order, aggressor=aggressor, exec_ref=side.exec_ref, elsewhere=away)

    def _captured(self, event: BlockTraded | Busted, *, busted: bool) -> None:
        parties = (event.buyer, event.seller, event.price, event.quantity)
        number = self._next(event.symbol)
        self.reports.append(TradeCaptureReport(event.symbol, number, event.trade, *parties, busted, self._stamp))

    def _prevented(self, event: Prevented, symbol: Symbol, order_id: OrderId, *, aggressor: bool) -> None:
        order = self._live(symbol, order_id)
        if order.leaves > event.quantity:
            order = order._replace(prevented=order.prevented + event.quantity)
            self._say(ExecType.RESTATED, order, aggressor=aggressor, cancel_reason=CancelReason.SELF_TRADE)
        # Else nothing is left of the order. The cancel that comes with it says all: restated first, it would be filled.

    def _cancelled(self, event: Cancelled) -> None:
        order = self._live(event.symbol, event.order_id)
        if event.reason is CancelReason.REPLACED and order.executed:
            # F4: no more is wanted than was executed, so that is the quantity, and the order is filled.
            terms = order.terms._replace(quantity=order.executed + order.prevented + order.busted)
            order, why = order._replace(terms=terms, out=OrdStatus.CANCELED), ExecType.REPLACED
        elif event.reason is CancelReason.EXPIRED:
            order, why = order._replace(out=OrdStatus.EXPIRED), ExecType.EXPIRED
        else:
            order, why = order._replace(out=OrdStatus.CANCELED), ExecType.CANCELED
        self._say(why, order, cancel_reason=event.reason)

    def _replaced(self, event: Replaced) -> None:
        order = self._live(event.symbol, event.order_id)
        opened = self._profile.replace_quantity is ReplaceQuantity.OPEN
        done = order.executed + order.prevented + order.busted if opened else 0
        named = Place(event.symbol, event.order_id)
        command = self._command  # a rival that is amended with the order that is named keeps its own stop (H1)
        is_named = isinstance(command, Replace) and Place(command.symbol, command.order_id) == named
        stop = command.stop if isinstance(command, Replace) and is_named else None
        terms = order.terms._replace(
            price=event.price,
            quantity=event.quantity + done,
            stop=order.terms.stop if stop is None else stop,
        )
        self._say(ExecType.REPLACED, order._replace(terms=terms))

    def _say(
        self,
        why: ExecType,
        order: Known,
        *,
        last_qty: Lots = 0,
        last_price: int | None = None,
        aggressor: bool = False,
        cancel_reason: CancelReason | None = None,
        elsewhere: tuple[Symbol, ...] = (),
        exec_ref: int | None = None,
    ) -> None:
        """Report on an order as it stands now."""
        terms = order.terms
        self.books[terms.symbol] = self.books[terms.symbol].having(order)
        whole, rest = divmod(order.notional, order.executed) if order.executed else (0, 0)
        self.reports.append(
            ExecutionReport(
                terms.symbol,
                self._next(terms.symbol),
                order.order_id,
                terms.account,
                why,
                order.status,
                terms.side,
                order.order_qty,
                order.executed,
                order.leaves,
                terms.price,
                terms.stop,
                terms.time_in_force,
                terms.expires,
                terms.display,
                order.working,
                last_qty,
                last_price,
                aggressor,
                whole,
                rest,
                None,
                cancel_reason,
                self._stamp,
                exec_ref,
                elsewhere,
                order.reduces,
            )
        )

    def _next(self, symbol: Symbol) -> int:
        """The next number in the stream of a book (O2); 0 where there is no such book."""
        journal = self.books.get(symbol)
        if journal is None:
            return 0
        self.books[symbol] = journal._replace(report_seq=journal.report_seq + 1)
        return journal.report_seq + 1

    def _live(self, symbol: Symbol, order_id: OrderId) -> Known:
        journal = self.books.get(symbol)
        order = None if journal is None else journal.find(order_id)
        if order is None or order.status.ended:
            raise ValueError(f"something happened to order {order_id} of {symbol}, and it is not live")
        return order

    def _forget_ended(self) -> None:
        self.books = {symbol: journal.forgetting_ended() for symbol, journal in self.books.items()}


_CXL_REJ_REASONS: Final[Mapping[RejectReason, CxlRejReason]] = {
    RejectReason.UNKNOWN_SYMBOL: CxlRejReason.UNKNOWN_ORDER,
    RejectReason.INVALID_ORDER_ID: CxlRejReason.UNKNOWN_ORDER,
    RejectReason.UNKNOWN_ORDER: CxlRejReason.UNKNOWN_ORDER,
    RejectReason.INVALID_PRICE: CxlRejReason.INVALID_PRICE_INCREMENT,
    RejectReason.INVALID_STOP: CxlRejReason.INVALID_PRICE_INCREMENT,
    RejectReason.MARKET_HALTED: CxlRejReason.EXCHANGE_OPTION,
    RejectReason.UNDERLYING_HALTED: CxlRejReason.EXCHANGE_OPTION,
    RejectReason.BOOK_HALTED: CxlRejReason.EXCHANGE_OPTION,
    RejectReason.OUTSIDE_BAND: CxlRejReason.EXCHANGE_OPTION,
    RejectReason.WOULD_TAKE: CxlRejReason.EXCHANGE_OPTION,
}


def _cxl_rej_reason(reason: RejectReason, order: Known | None) -> CxlRejReason:
    """The code of FIX for a refused cancel or replace."""
    if reason is RejectReason.UNKNOWN_ORDER and order is not None:
        return CxlRejReason.TOO_LATE
    return _CXL_REJ_REASONS.get(reason, CxlRejReason.OTHER)
