"""Cases that were hunted for and are kept, because what meets in them is rarer than a short run can reach.

They stand in one file of the package in the wire format: a header for each case, then its commands. Each was shrunk, so
each shows two rules in few commands. `bookproof rules --hunt` writes the file anew: cases that still show a pair
that no earlier case of the run does stay, and what is missing is looked for (`hunt`).
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain
from pathlib import Path

from bookproof.models.generate.case import Case
from bookproof.spec.codec import COMMAND, Header, encode, load
from bookproof.spec.input_error import InputError

FILE = Path(__file__).with_name("kept.ndjson")

_HEADER = b'{"bookproof":'


@cache
def kept_cases() -> tuple[Case, ...]:
    """The cases of the package, in the order of the file.

    >>> all(case.commands for case in kept_cases())
    True
    """
    return read_cases(FILE)


def read_cases(file: Path) -> tuple[Case, ...]:
    """The cases of a file. Raises InputError, with the line of the file."""
    blocks: list[tuple[int, list[bytes]]] = []
    for number, line in enumerate(file.read_bytes().splitlines(keepends=True)):
        if line.startswith(_HEADER):
            blocks.append((number, []))
        elif not blocks:
            raise InputError(str(file), 1, "", "the header of a case", line.decode("utf-8", "replace").strip())
        blocks[-1][1].append(line)
    return tuple(_case(file, above, lines) for above, lines in blocks)


def _case(file: Path, above: int, lines: Sequence[bytes]) -> Case:
    try:
        found = load(io.BytesIO(b"".join(lines)), COMMAND)
    except InputError as error:
        raise InputError(str(file), above + error.line, error.field, error.expected, error.got) from None
    return Case(found.header.instruments, tuple(found.records), found.header.profile)


def write_cases(file: Path, cases: Iterable[Case]) -> None:
    """Put cases in a file: all of them, or it stays as it was."""
    lines = chain.from_iterable(
        (encode(Header(COMMAND, case.instruments, case.profile)), *map(encode, case.commands)) for case in cases
    )
    fresh = file.with_suffix(".new")
    with fresh.open("w", encoding="utf-8", newline="\n") as stream:
        stream.writelines(f"{line}\n" for line in lines)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(file)
    kept_cases.cache_clear()
