"""The ways in: from the words of a command line to an engine that can be asked.

--engine my_pkg:MyEngine      an `Adapter`, or path/to/file.py:MyEngine
--engine nanobook             an adapter that ships with bookproof
--engine striped              one of our own engines, or of the defect zoo
--exec './my-engine --fast'   any program that speaks the protocol on standard input and output
--tcp 127.0.0.1:9000          any program that speaks it on a socket
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from bookproof.models.conform.subject import MEMORY, BehindSocket, InProcess, Subject, worker
from bookproof.models.conform.targets.shelf import SHELF, must_be_installed
from bookproof.models.engines_by_name import known
from bookproof.spec.input_error import InputError, quote


class Settings(NamedTuple):
    """How an engine is run, whatever the way in."""

    python: str = sys.executable
    """The Python that an adapter runs under."""
    memory: int = MEMORY
    """Megabytes."""


USUAL = Settings()

SHIPPED: dict[str, str] = {name: target.place for name, target in SHELF.items()}
"""Adapters that ship with bookproof, each by the name of the engine: the module and the class."""

OURS = "bookproof.models.conform.ours:Ours"


def _engine(name: str, named: Sequence[str], settings: Settings) -> Subject:
    if ":" in name:
        return worker(name, named, python=settings.python, memory=settings.memory)
    if name in SHIPPED:
        must_be_installed(name, settings.python)
        return worker(SHIPPED[name], named, python=settings.python, memory=settings.memory)
    if name in known():
        return worker(OURS, named, argument=name, memory=settings.memory)
    names = ", ".join([*SHIPPED, *known()])
    raise InputError(
        "options", 0, "--engine", f"my_pkg:MyEngine, path/to/file.py:MyEngine or one of {names}", quote(name)
    )


def _program(command: str, named: Sequence[str], settings: Settings) -> Subject:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise InputError("options", 0, "--exec", "a command line", f"{quote(command)}: {error}") from None
    if not words:
        raise InputError("options", 0, "--exec", "a command line", "nothing")
    return InProcess(words, named, memory=settings.memory)


def _socket(place: str, named: Sequence[str], settings: Settings) -> Subject:
    host, colon, port = place.rpartition(":")
    if not (colon and host and port.isascii() and port.isdecimal() and 0 < int(port) < 65_536):
        raise InputError("options", 0, "--tcp", "host:port, such as 127.0.0.1:9000", quote(place))
    return BehindSocket(host.strip("[]"), int(port), named)


WAYS: dict[str, Callable[[str, Sequence[str], Settings], Subject]] = {
    "--engine": _engine,
    "--exec": _program,
    "--tcp": _socket,
}
"""Each way in by its option; what comes back says in `named` which option and which value it was."""


@contextmanager
def engine(way: str, value: str, settings: Settings = USUAL) -> Iterator[Subject]:
    """An engine by its way in and its name, for as long as it is needed. InputError when it cannot be had.

    >>> with engine("--engine", "global-lock") as subject:
    ...     subject.capabilities.name
    'global-lock'
    """
    subject = WAYS[way](value, (way, value), settings)
    try:
        yield subject
    finally:
        subject.close()


def chosen(options: Mapping[str, str | None]) -> tuple[str, str]:
    """The one way in among these options. InputError for none and for several.

    >>> chosen({"--engine": None, "--exec": "./mine"})
    ('--exec', './mine')
    """
    given = [(way, value) for way, value in options.items() if value is not None]
    if len(given) != 1:
        got = " and ".join(way for way, _ in given) or "none of them"
        raise InputError("options", 0, "engine", f"one of {', '.join(options)}", got)
    return given[0]
