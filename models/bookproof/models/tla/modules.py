"""The text of TLA+ modules: what they declare and define, and a module with all that it extends as one source.

This is no parser of TLA+: it finds headers, EXTENDS, CONSTANT and VARIABLE, and the names of definitions, which is
enough for modules in the style of tla/README.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bookproof.spec.input_error import InputError

STANDARD = frozenset({"Naturals", "Integers", "Sequences", "FiniteSets", "TLC", "Bags", "Reals"})
"""Modules that come with every checker."""

_COMMENT = re.compile(r'"(?:[^"\\\n]|\\.)*"|\\\*[^\n]*|\(\*.*?\*\)', re.DOTALL)
_HEADER = re.compile(r"-{4,}[ \t]*MODULE[ \t]+(\w+)[ \t]*-{4,}")
_EXTENDS = re.compile(r"\bEXTENDS\s+(\w+(?:\s*,\s*\w+)*)")
_DECLARED = re.compile(r"^[ \t]*(VARIABLE|CONSTANT)S?\s+(\w+(?:\s*,\s*\w+)*)", re.MULTILINE)
_DEFINED = re.compile(r"^[ \t]*(\w+)[ \t]*(?:\([^()]*(?:\([^()]*\)[^()]*)*\))?[ \t]*==", re.MULTILINE)
_INSTANCE = re.compile(r"\bINSTANCE\s+(\w+)")


class Module(NamedTuple):
    """One module, as its text."""

    path: Path
    name: str
    extends: tuple[str, ...]
    constants: tuple[str, ...]
    variables: tuple[str, ...]
    defines: tuple[str, ...]
    instances: tuple[str, ...]
    body: str
    """Without comments, declarations and EXTENDS, and yet each line where it stood in the file."""
    about: str
    """The comment that opens it."""


class Whole(NamedTuple):
    """A module with all that it extends."""

    modules: tuple[Module, ...]
    """Those that are extended before those that extend them; the module itself is the last."""

    @property
    def constants(self) -> tuple[str, ...]:
        """Declared in any of them."""
        return tuple(dict.fromkeys(name for module in self.modules for name in module.constants))

    @property
    def variables(self) -> tuple[str, ...]:
        """Declared in any of them."""
        return tuple(dict.fromkeys(name for module in self.modules for name in module.variables))

    @property
    def defines(self) -> frozenset[str]:
        """Defined in any of them."""
        return frozenset(name for module in self.modules for name in module.defines)


def read_module(path: Path) -> Module:
    """Read the text of a module. Raises InputError when there is no file, or no module of that name in it."""
    try:
        written = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(str(path), 0, "", f"module {path.stem}", "no such file") from None
    except UnicodeDecodeError:
        raise InputError(str(path), 0, "", "text in UTF-8", "something else") from None
    plain = uncommented(written)
    header = _HEADER.search(plain)
    if header is None or header[1] != path.stem:
        got = "no header" if header is None else f"module {header[1]}"
        raise InputError(str(path), 0, "", f"a header of module {path.stem}", got)
    end = re.compile(r"^={4,}", re.MULTILINE).search(plain, header.end())
    if end is None:
        raise InputError(
            str(path), plain.count("\n") + 1, "", "a line of ==== that ends the module", "the end of the file"
        )
    body = _blanked(plain[: header.end()]) + plain[header.end() : end.start()]
    extended = _EXTENDS.search(body)
    declared = list(_DECLARED.finditer(body))
    defines = tuple(found[1] for found in _DEFINED.finditer(body))
    instances = tuple(found[1] for found in _INSTANCE.finditer(body))
    for found in (*([extended] if extended else []), *declared):
        body = body[: found.start()] + _blanked(found[0]) + body[found.end() :]
    return Module(
        path,
        path.stem,
        _listed(extended[1]) if extended else (),
        tuple(name for found in declared if found[1] == "CONSTANT" for name in _listed(found[2])),
        tuple(name for found in declared if found[1] == "VARIABLE" for name in _listed(found[2])),
        defines,
        instances,
        body,
        _about(written),
    )


def read_whole(folder: Path, name: str) -> Whole:
    """Read a module and all that it extends, in this folder. Raises InputError where `read_module` does."""
    found: dict[str, Module] = {}

    def gather(name: str, by: Module | None) -> None:
        if name in found or (by is not None and name in STANDARD):
            return
        path = folder / f"{name}.tla"
        if by is not None and not path.exists():
            line = _line_of(by.path, name)
            raise InputError(str(by.path), line, "EXTENDS", "a standard module, or one of this folder", name)
        module = read_module(path)
        for other in module.extends:
            gather(other, module)
        found[name] = module

    gather(name, None)
    return Whole(tuple(found.values()))


class Inlined(NamedTuple):
    """A module and what it extends as one source, for a checker that reads one file."""

    source: str
    origins: tuple[tuple[Path, int], ...]
    """For each of its lines where it comes from."""

    def origin(self, offset: int) -> tuple[Path, int]:
        """File and line of what stands at an offset of the source, counted in bytes of UTF-8."""
        before = self.source.encode()[:offset].count(b"\n")
        return self.origins[min(before, len(self.origins) - 1)]


def inlined(whole: Whole) -> Inlined:
    """One source: constants and variables of all modules are declared once, in one statement each."""
    last = whole.modules[-1]
    standard = dict.fromkeys(name for module in whole.modules for name in module.extends if name in STANDARD)
    lines = [(f"---- MODULE {last.name} ----", last.path, 1)]
    for keyword, names in (("EXTENDS", standard), ("CONSTANTS", whole.constants), ("VARIABLES", whole.variables)):
        if names:
            lines.append((f"{keyword} {', '.join(names)}", last.path, 1))
    for module in whole.modules:
        lines += [(line, module.path, at) for at, line in enumerate(module.body.split("\n"), 1) if line.strip()]
    lines.append(("====", last.path, 1))
    return Inlined(
        "".join(f"{line}\n" for line, _, _ in lines),
        tuple((path, at) for _, path, at in lines),
    )


def uncommented(written: str) -> str:
    r"""The text with blanks for its comments, so that lines and columns stay what they were.

    >>> uncommented('x == "a \\* b" \\* the comment').rstrip()
    'x == "a \\* b"'
    """
    return _COMMENT.sub(lambda found: found[0] if found[0].startswith('"') else _blanked(found[0]), written)


def definition(whole: Whole, name: str) -> str:
    """The text of a definition, with the comment right above it; nothing when no module has it."""
    for module in reversed(whole.modules):
        if name not in module.defines:
            continue
        lines = module.path.read_text(encoding="utf-8").split("\n")
        begins = re.compile(rf"{name}\b[^=]*==")
        at = next((at for at, line in enumerate(lines) if begins.match(line)), None)
        if at is None:
            continue
        first, last = at, at + 1
        while first and lines[first - 1].startswith("\\*"):
            first -= 1
        while last < len(lines) and lines[last].startswith((" ", "\t")):
            last += 1
        return "\n".join(lines[first:last])
    return ""


def remarks(whole: Whole, word: str) -> str:
    """What comments say of a word that they begin with, in quotes: that line, and those that go on with it."""
    quoted, found = f'"{word}"', list[str]()
    for module in whole.modules:
        going_on = False
        for line in module.path.read_text(encoding="utf-8").split("\n"):
            comment = line.strip().removeprefix("\\*") if line.strip().startswith("\\*") else ""
            begins = comment.lstrip().startswith(quoted)
            going_on = begins or (going_on and bool(comment.strip()) and not comment.lstrip().startswith('"'))
            if going_on:
                found.append(comment.strip().removeprefix(quoted).lstrip(": "))
    return " ".join(found)


def _blanked(written: str) -> str:
    return re.sub(r"[^\n]", " ", written)


def _listed(names: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.split(","))


def _line_of(path: Path, word: str) -> int:
    """The line on which a word stands first, or 0."""
    lines = path.read_text(encoding="utf-8").split("\n")
    return next((at for at, line in enumerate(lines, 1) if re.search(rf"\b{word}\b", line)), 0)


def _about(written: str) -> str:
    """The comment between header and EXTENDS, as one paragraph a block of lines."""
    header = _HEADER.search(written)
    if header is None:
        return ""
    return "\n".join(_comment_lines(written[header.end() :])).strip()


def _comment_lines(written: str) -> Iterator[str]:
    inside = False
    for line in written.split("\n")[1:]:
        bare = line.strip()
        if bare.startswith("(*"):
            inside, bare = True, bare[2:].lstrip("*").strip()
        elif bare.startswith("\\*"):
            yield bare[2:].strip()
            continue
        elif not inside:
            if bare:
                return
            continue
        if bare.endswith("*)"):
            inside, bare = False, bare[:-2].rstrip("*").strip()
        yield bare
