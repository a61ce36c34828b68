"""Text files a line at a time, plain or gzip, with every way they can be broken turned into one error."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple, cast

from bookproof.models.audit.records import refused

LONGEST_LINE = 1 << 20
"""Bytes. A longer line is refused unread: it is no log, and it would not fit anybody's memory for long."""

GZIP_MAGIC = b"\x1f\x8b"
BYTE_ORDER_MARK = "\ufeff"


class Line(NamedTuple):
    """One line without its line end. `ended` is false for a last line that has none, so may have been cut."""

    number: int
    text: str
    ended: bool


def read_lines(path: Path) -> Iterator[Line]:
    """Yield the lines of a UTF-8 file that are not blank, unpacking gzip, one at a time.

    Raises `InputError` for a file that is missing, unreadable, empty or damaged, for bytes that are no UTF-8,
    and for a line longer than `LONGEST_LINE`.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "log.csv"
    >>> _ = path.write_bytes(b"kind,price\\r\\n\\r\\ntrade,10")
    >>> list(read_lines(path))
    [Line(number=1, text='kind,price', ended=True), Line(number=3, text='trade,10', ended=False)]
    """
    name = str(path)
    number = 0
    try:
        with _opened(path) as file:
            while raw := file.readline(LONGEST_LINE + 1):
                number += 1
                line = _decoded(raw, name, number)
                if line.text:
                    yield line
    except OSError as error:
        # BadGzipFile is an OSError too, and without an errno has nothing to say but its message.
        raise refused(
            name,
            number,
            "file",
            "a readable file",
            error.strerror or str(error),
            "check the path and the file",
        ) from error
    except (EOFError, zlib.error) as error:
        raise refused(
            name, number, "file", "a whole gzip file", str(error), "copy or download the file again"
        ) from error
    if number == 0:
        raise refused(name, 0, "file", "at least one line", "", "the file is empty: check how it was written")


def _opened(path: Path) -> IO[bytes]:
    """The file's bytes, unpacked when they begin as gzip does, whatever the file is called."""
    with path.open("rb") as file:
        packed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    return cast(IO[bytes], gzip.open(path, "rb")) if packed else path.open("rb")


def _decoded(raw: bytes, name: str, number: int) -> Line:
    if len(raw) > LONGEST_LINE:
        raise refused(
            name, number, "line", f"at most {LONGEST_LINE:,} bytes", repr(raw[:20]),
            "is this a text file with one record a line?",
        )  # fmt: skip
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        bad = f"byte 0x{raw[error.start]:02x} at column {error.start + 1}"
        raise refused(name, number, "line", "UTF-8 text", bad, "save the file as UTF-8") from None
    if number == 1:
        text = text.removeprefix(BYTE_ORDER_MARK)
    return Line(number, text.rstrip("\r\n"), text.endswith("\n"))
