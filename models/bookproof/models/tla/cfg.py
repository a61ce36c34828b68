"""The configuration of a model, in the part of TLC's language that every tool reads alike.

Statements are SPECIFICATION, CONSTANT, INVARIANT, PROPERTY, CONSTRAINT and SYMMETRY, each at the beginning of a line,
with its names behind it or on the lines that follow. Whatever else TLC knows is refused: INIT and NEXT, `<-`, VIEW or
CHECK_DEADLOCK are not read by every tool, or switch off a check.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from bookproof.models.tla.modules import uncommented
from bookproof.models.tla.values import TlaValue, parse, text
from bookproof.spec.input_error import InputError, quote

_SINGULAR = {
    **{word: word for word in ("SPECIFICATION", "CONSTANT", "INVARIANT", "PROPERTY", "CONSTRAINT", "SYMMETRY")},
    "CONSTANTS": "CONSTANT",
    "INVARIANTS": "INVARIANT",
    "PROPERTIES": "PROPERTY",
    "CONSTRAINTS": "CONSTRAINT",
}
_STATEMENTS = ", ".join(dict.fromkeys(_SINGULAR.values()))
_KEYWORD = re.compile(r"^[ \t]*([A-Z][A-Z_]+)\b(?!\s*=)", re.MULTILINE)
_ASSIGNMENT = re.compile(r'([A-Za-z_]\w*)\s*=\s*("(?:[^"\\]|\\.)*"|\{(?:[^{}]|\{[^{}]*\})*\}|-?\w+)(?=\s|$)')
_NAME = re.compile(r"[A-Za-z_]\w*(?=\s|$)")


class Cfg(NamedTuple):
    """What a model gives its module, and what it asks of it."""

    specification: str
    constants: Mapping[str, TlaValue]
    invariants: tuple[str, ...]
    properties: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    symmetry: str = ""
    lines: Mapping[str, int] = {}
    """On which line each name stands, for complaints."""

    def written(self) -> str:
        """As a file: a statement a line.

        >>> print(read_cfg("SPECIFICATION Spec\\nCONSTANT N = 2\\nINVARIANT\\n  Safe").written(), end="")
        SPECIFICATION Spec
        CONSTANT N = 2
        INVARIANT Safe
        """
        statements = [
            ("SPECIFICATION", (self.specification,)),
            *(("CONSTANT", (f"{name} = {text(value)}",)) for name, value in self.constants.items()),
            ("INVARIANT", self.invariants),
            ("PROPERTY", self.properties),
            ("CONSTRAINT", self.constraints),
            ("SYMMETRY", (self.symmetry,) if self.symmetry else ()),
        ]
        return "".join(f"{keyword} {' '.join(names)}\n" for keyword, names in statements if names)

    def asking(self, *properties: str) -> Cfg:
        """The same with these properties and no others: the invariants stay."""
        return self._replace(properties=properties)


def read_cfg(written: str, path: str = "cfg") -> Cfg:
    """Read a configuration. Raises InputError, with file and line.

    >>> cfg = read_cfg("SPECIFICATION Spec\\nCONSTANT Clients = {c1, c2}\\nINVARIANT\\n  TypeOK\\n  Safe")
    >>> cfg.invariants, len(cfg.constants["Clients"])
    (('TypeOK', 'Safe'), 2)
    >>> read_cfg("INIT Init", "lock.cfg")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    bookproof.spec.input_error.InputError: lock.cfg:1: expected one of SPECIFICATION, CONSTANT, ..., got INIT; ...
    """
    named: dict[str, dict[str, int]] = {keyword: {} for keyword in _SINGULAR.values()}
    constants: dict[str, TlaValue] = {}
    lines: dict[str, int] = {}
    for line, keyword, body in _statements(uncommented(written), path):
        if keyword == "CONSTANT":
            for at, name, value in _assignments(body, line, path):
                if name in constants:
                    raise InputError(path, at, name, "each constant once", "it twice")
                constants[name] = value
                lines[name] = at
            continue
        for at, name in _names(keyword, body, line, path):
            named[keyword][name] = at
            lines[name] = at
    for keyword in ("SPECIFICATION", "SYMMETRY"):
        if len(named[keyword]) > 1:
            raise InputError(path, max(named[keyword].values()), keyword, "one name", ", ".join(named[keyword]))
    if not named["SPECIFICATION"]:
        raise InputError(path, 0, "SPECIFICATION", "the name of a specification", "none")
    if not named["INVARIANT"]:
        raise InputError(path, 0, "INVARIANT", "at least one name", "none", "not every checker does without")
    return Cfg(
        next(iter(named["SPECIFICATION"])),
        constants,
        tuple(named["INVARIANT"]),
        tuple(named["PROPERTY"]),
        tuple(named["CONSTRAINT"]),
        next(iter(named["SYMMETRY"]), ""),
        lines,
    )


def _statements(written: str, path: str) -> Iterator[tuple[int, str, str]]:
    """Line of its keyword, keyword in the singular, and what stands behind it, of each statement."""
    begins = list(_KEYWORD.finditer(written))
    before = written[: begins[0].start()] if begins else written
    if before.strip():
        line = len(before) - len(before.lstrip())
        raise InputError(path, 1 + before[:line].count("\n"), "", f"one of {_STATEMENTS}", quote(before.strip()))
    for at, begin in enumerate(begins):
        line = 1 + written.count("\n", 0, begin.start(1))
        if begin[1] not in _SINGULAR:
            hint = "other statements are not read by every checker"
            raise InputError(path, line, "", f"one of {_STATEMENTS}", begin[1], hint)
        end = begins[at + 1].start() if at + 1 < len(begins) else len(written)
        yield line, _SINGULAR[begin[1]], written[begin.end() : end]


def _assignments(body: str, line: int, path: str) -> Iterator[tuple[int, str, TlaValue]]:
    for at, found in _each(_ASSIGNMENT, body, line, path, "CONSTANT", "name = value"):
        try:
            yield at, found[1], parse(found[2])
        except InputError as error:
            raise InputError(path, at, found[1], error.expected, error.got) from None


def _names(keyword: str, body: str, line: int, path: str) -> Iterator[tuple[int, str]]:
    for at, found in _each(_NAME, body, line, path, keyword, "names"):
        yield at, found[0]


def _each(
    pattern: re.Pattern[str], body: str, line: int, path: str, keyword: str, expected: str
) -> Iterator[tuple[int, re.Match[str]]]:
    """All that the body of a statement consists of, each with its line."""
    at = 0
    while rest := body[at:].lstrip():
        at = len(body) - len(rest)
        found = pattern.match(body, at)
        if found is None:
            got = quote(rest.split("\n")[0].strip())
            raise InputError(path, line + body.count("\n", 0, at), keyword, expected, got)
        yield line + body.count("\n", 0, at), found
        at = found.end()
