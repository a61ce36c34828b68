"""Logs of any venue, as CSV or NDJSON with these columns, or keys, one record a line, in the venue's order.

| column        | holds                                                                                |
|---------------|--------------------------------------------------------------------------------------|
| `kind`        | `snapshot`, `created`, `changed`, `deleted`, `closing` or `trade`                    |
| `time_ns`     | nanoseconds on the venue's clock, a whole number                                     |
| `order_id`    | the order (not on trades)                                                            |
| `side`        | `buy` or `sell` (not on trades)                                                      |
| `price`       | limit, or trade price; empty on `created`: no limit; empty later: as it was          |
| `quantity`    | left after the event; empty on `created`: unknown; on `deleted`: what was still open |
| `maker_id`    | the order that was resting (trades only)                                             |
| `taker_id`    | the order that came in (trades only)                                                 |
| `received_ns` | optional: nanoseconds on the recorder's clock                                        |

`snapshot` lines list the book at one moment before the first live line, which is their `time_ns`; orders at
one price stand in queue order. `closing` lines list what was still open when recording ended. A trade stands
before the `changed` and `deleted` lines that show what it did, or right after them. A fill reduces what is
left; a deletion that leaves 0 says "filled", one that leaves more says "cancelled".

Decimals become whole ticks and lots exactly; JSON numbers may be numbers or strings. Columns an audit has no
use for are named in a remark and passed over.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from bookproof.models.audit.fields import Row, Scale
from bookproof.models.audit.lines import Line, read_lines
from bookproof.models.audit.records import Kind, OrderEvent, Origin, Record, Remark, Trade, refused
from bookproof.spec.values import Side

REQUIRED = ("kind", "time_ns", "order_id", "side", "price", "quantity", "maker_id", "taker_id")
COLUMNS = (*REQUIRED, "received_ns")

TRADE = "trade"
_KINDS: dict[str, tuple[Kind, Origin] | str] = {
    "snapshot": (Kind.CREATED, Origin.SNAPSHOT),
    "created": (Kind.CREATED, Origin.LIVE),
    "changed": (Kind.CHANGED, Origin.LIVE),
    "deleted": (Kind.DELETED, Origin.LIVE),
    "closing": (Kind.DELETED, Origin.CLOSING),
    TRADE: TRADE,
}
_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_NOT_OURS = "leave it empty on this kind of line"
_CUT = "the file ends inside this line: is it cut off, or still being written?"


def read_csv(path: Path, tick: str = "1", lot: str = "1") -> Iterator[Record]:
    """Yield the records of a CSV log, whose first line names the columns of this module in any order.

    `tick` and `lot` are the price and quantity steps, as decimal text. Raises `InputError`.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "log.csv"
    >>> _ = path.write_text("kind,time_ns,order_id,side,price,quantity,maker_id,taker_id\\n"
    ...                     "created,1,7,buy,10.50,3,,\\n")
    >>> next(read_csv(path, tick="0.01"))[:5]
    (<Kind.CREATED: 'created'>, '7', <Side.BUY: 'buy'>, 1050, 3)
    """
    return _records(rows_of_csv(path, REQUIRED, COLUMNS), Scale(tick), Scale(lot))


def read_ndjson(path: Path, tick: str = "1", lot: str = "1") -> Iterator[Record]:
    """Yield the records of a log with one JSON object a line; a missing or null key is an empty field.

    `tick` and `lot` are the price and quantity steps, as decimal text. Raises `InputError`.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "log.ndjson"
    >>> _ = path.write_text('{"kind": "trade", "time_ns": 5, "price": 10.5, "quantity": 2,'
    ...                     ' "maker_id": 7, "taker_id": 9}\\n')
    >>> next(read_ndjson(path, tick="0.5"))[:4]
    (21, 2, '7', '9')
    """
    return _records(_rows_of_ndjson(path), Scale(tick), Scale(lot))


def rows_of_csv(path: Path, required: tuple[str, ...], known: tuple[str, ...]) -> Iterator[Row | Remark]:
    """Yield each line of a CSV file by column name. A field may be quoted, but not run over several lines."""
    lines = read_lines(path)
    name = str(path)
    header = next(lines, None)
    columns = _cells(name, header) if header else []
    for column in required:
        if column not in columns:
            raise refused(
                name, header.number if header else 1, column, "a column of this name", ",".join(columns),
                "name the columns in the first line, in any order",
            )  # fmt: skip
    for index, column in enumerate(columns):
        if column in columns[:index]:
            raise refused(name, 1, column, "each column once", ",".join(columns), "rename or remove one")
        if column not in known:
            yield Remark("column not read", 1, f"the column {column!r} means nothing to an audit")
    line = None
    for line in lines:
        cells = line.text.split(",") if '"' not in line.text else _cells(name, line)
        if len(cells) != len(columns):
            raise refused(
                name, line.number, "line", f"{len(columns)} fields", f"{len(cells)} fields",
                "quote values that hold commas" if line.ended else _CUT,
            )  # fmt: skip
        yield Row(name, line.number, dict(zip(columns, cells, strict=True)))
    if line and not line.ended:
        yield _unended(line)


def _cells(name: str, line: Line) -> list[str]:
    try:
        return next(csv.reader([line.text], strict=True))
    except csv.Error as error:
        hint = "double the quotes inside a quoted value" if line.ended else _CUT
        raise refused(name, line.number, "line", "comma-separated values", str(error), hint) from None


def _rows_of_ndjson(path: Path) -> Iterator[Row | Remark]:
    name = str(path)
    unread: set[str] = set()
    line = None
    for line in read_lines(path):
        cells = _object(name, line)
        for key in sorted(cells.keys() - COLUMNS - unread):
            unread.add(key)
            yield Remark("key not read", line.number, f"the key {key!r} means nothing to an audit")
        yield Row(name, line.number, cells)
    if line and not line.ended:
        yield _unended(line)


def _object(name: str, line: Line) -> dict[str, str]:
    """One JSON object as texts: numbers stay the very digits the file has."""

    def refuse(field: str, expected: str, got: str, hint: str) -> NoReturn:
        raise refused(name, line.number, field, expected, got, hint)

    def once(pairs: list[tuple[str, Any]]) -> dict[str, str]:
        cells: dict[str, str] = {}
        for key, value in pairs:
            if key in cells:
                refuse(key, "each key once", key, "rename or remove one")
            if not isinstance(value, str | None):
                refuse(key, "a number or a string", type(value).__name__, "write one flat object a line")
            cells[key] = value or ""
        return cells

    try:
        value = json.loads(line.text, parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        hint = "write one whole JSON object a line" if line.ended else _CUT
        refuse("line", "a JSON object", f"{error.msg} at column {error.colno}", hint)
    except RecursionError:
        refuse("line", "a flat JSON object", "brackets within brackets", "write one flat object a line")
    if not isinstance(value, dict):
        refuse("line", "a JSON object", line.text, "write one whole JSON object a line")
    return value


def _unended(line: Line) -> Remark:
    return Remark(
        "last line without an end", line.number, "the last line reads well but has no line end: it may be cut"
    )


def _records(rows: Iterator[Row | Remark], tick: Scale, lot: Scale) -> Iterator[Record]:
    for row in rows:
        yield row if isinstance(row, Remark) else _record(row, tick, lot)


def _record(row: Row, tick: Scale, lot: Scale) -> Record:
    meaning = row.one_of("kind", _KINDS)
    time_ns = row.whole("time_ns")
    received_ns = row.whole("received_ns") if row.text("received_ns") else None
    if isinstance(meaning, str):
        _empty(row, "order_id", "side")
        price = row.positive("price", tick, "a trade has a price")
        quantity = row.positive("quantity", lot, "a trade of nothing is none")
        maker, taker = row.name("maker_id"), row.name("taker_id")
        if maker == taker:
            row.refuse("taker_id", "another order than the maker", "an order cannot trade with itself")
        return Trade(price, quantity, maker, taker, time_ns, row.line, received_ns)
    _empty(row, "maker_id", "taker_id")
    kind, origin = meaning
    return OrderEvent(
        kind,
        row.name("order_id"),
        row.one_of("side", _SIDES),
        _limit(row, kind, origin, tick),
        _leaves(row, kind, origin, lot),
        time_ns,
        row.line,
        origin,
        received_ns,
    )


def _limit(row: Row, kind: Kind, origin: Origin, tick: Scale) -> int | None:
    if not row.text("price") and origin is not Origin.SNAPSHOT:
        return None
    return row.positive("price", tick, "leave it empty for an order without a limit")


def _leaves(row: Row, kind: Kind, origin: Origin, lot: Scale) -> int | None:
    if not row.text("quantity") and origin is not Origin.SNAPSHOT:
        return None
    if kind is Kind.CREATED:
        return row.positive("quantity", lot, "an order of nothing is none; leave it empty if it is unknown")
    return row.steps("quantity", lot)


def _empty(row: Row, *fields: str) -> None:
    for field in fields:
        if row.text(field):
            row.refuse(field, "nothing", _NOT_OURS)
