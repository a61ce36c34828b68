"""Audit a file, or a sample: what the command `bookproof audit` does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bookproof.models.audit import bitstamp, generic
from bookproof.models.audit.auditor import Progress, audit
from bookproof.models.audit.lines import read_lines
from bookproof.models.audit.records import Record, refused
from bookproof.models.audit.report import AuditReport
from bookproof.models.audit.state import Conventions

FORMATS = ("bitstamp", "csv", "ndjson")
SAMPLES = ("bitstamp",)

BITSTAMP = Conventions(amends=False, prices_of_fills=True, born_ns=bitstamp.born_ns)
"""Bitstamp has no amendments: a replacement is a new order."""


def run_audit(
    path: str | Path | None = None,
    sample: str | None = None,
    format: str | None = None,
    *,
    trades: str | Path | None = None,
    tick: str | None = None,
    lot: str | None = None,
    amends: bool = True,
    progress: Progress | None = None,
) -> AuditReport:
    """Audit the file at `path`, or the `sample` of this name: exactly one of the two.

    `format` is one of `FORMATS`; without it the first line decides. `trades` is the second file of a Bitstamp
    recording, by default `trades.csv` beside the first. `tick` and `lot` are steps as decimal text. `amends`
    says whether the venue lets owners change resting orders; a format that knows better ignores it.
    `progress` is told how many records were read. Raises `InputError`.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "log.csv"
    >>> _ = path.write_text('''kind,time_ns,order_id,side,price,quantity,maker_id,taker_id
    ... created,1,7,buy,10.50,3,,
    ... created,2,9,sell,10.40,3,,
    ... trade,2,,,10.40,3,7,9
    ... ''')
    >>> report = run_audit(path, tick="0.01")
    >>> print(report.verdict, report.violations[0].rule, report.violations[0].explanation)
    disagree B4 order 9 trades 3 lots with order 7 at 1040, the taker's price: the maker's is 1050
    """
    if (path is None) == (sample is None):
        raise refused("options", 0, "input", "a file or a sample", f"{path}, {sample}", "give exactly one")
    if sample is not None:
        format = _one_of("sample", sample, SAMPLES)
    file = bitstamp.sample_path() if path is None else Path(path)
    source = f"sample {sample}" if path is None else str(path)
    if file.is_dir():
        file = next((found for name in ("orders.csv", "orders.csv.gz") if (found := file / name).exists()), file)
    records, conventions = _open(file, format or _guess(file), trades, tick, lot, amends)
    return audit(records, conventions=conventions, source=source, progress=progress)


def _open(
    file: Path, format: str, trades: str | Path | None, tick: str | None, lot: str | None, amends: bool
) -> tuple[Iterator[Record], Conventions]:
    format = _one_of("format", format, FORMATS)
    if format == "bitstamp":
        book = Path(trades) if trades is not None else None
        return bitstamp.read_bitstamp(file, book, tick or bitstamp.TICK, lot or bitstamp.LOT), BITSTAMP
    if trades is not None:
        raise refused("options", 0, "trades", "no second file", str(trades), f"{format} logs hold their trades")
    read = generic.read_csv if format == "csv" else generic.read_ndjson
    return read(file, tick or "1", lot or "1"), Conventions(amends=amends)


def _guess(file: Path) -> str:
    """The format of a file, by its first line."""
    first = next(read_lines(file), None)
    text = first.text if first is not None else ""
    if text.lstrip().startswith("{"):
        return "ndjson"
    return "bitstamp" if set(bitstamp.ORDER_COLUMNS) <= set(text.split(",")) else "csv"


def _one_of(what: str, name: str, names: tuple[str, ...]) -> str:
    if name not in names:
        raise refused("options", 0, what, f"one of {', '.join(names)}", name, "check spelling and case")
    return name
