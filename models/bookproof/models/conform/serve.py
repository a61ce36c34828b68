"""`bookproof serve`: an engine behind the protocol, on standard input and output or on a socket of this machine.

The other side of `bookproof check`: something to try a client of the protocol on, and what the tests of both sides use.
"""

from __future__ import annotations

import argparse
import json
import socketserver
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Protocol

from bookproof.models.conform import protocol
from bookproof.models.conform.adapter import Adapter
from bookproof.models.conform.answers import Serving, told
from bookproof.models.conform.ours import Ours
from bookproof.models.conform.ways import SHIPPED
from bookproof.models.conform.worker import adapter_named
from bookproof.models.engines_by_name import known
from bookproof.spec.input_error import InputError, quote

HOST = "127.0.0.1"
"""Nobody but this machine: an engine under test has no lock on its door."""

LONGEST_QUESTION = 2**22
"""Bytes in one line."""


def adapter_for(name: str) -> Callable[[], Adapter]:
    """What makes the engine of that name, or the adapter `module:Class`. InputError when there is none.

    >>> adapter_for("striped")().capabilities.name
    'striped'
    """
    if ":" not in name and name not in SHIPPED and name not in known():
        expected = f"my_pkg:MyEngine or one of {', '.join([*SHIPPED, *known()])}"
        raise InputError("options", 0, "--engine", expected, quote(name))
    if name in known():
        return lambda: Ours(name)
    try:
        return adapter_named(SHIPPED.get(name, name))
    except Exception as error:  # importing foreign code may raise anything
        raise InputError("options", 0, "--engine", "an adapter that can be loaded", told(error)) from None


class Readable(Protocol):
    """Where lines come from."""

    def readline(self, size: int = -1, /) -> bytes:
        """One line, or as much of it."""
        ...


class Writable(Protocol):
    """Where lines go."""

    def write(self, line: bytes, /) -> object:
        """Write it."""
        ...

    def flush(self) -> None:
        """Send what has been written."""
        ...


def converse(serving: Serving, questions: Readable, answers: Writable) -> None:
    """Answer every line until there are no more, or one that is too long to be one.

    >>> from io import BytesIO
    >>> said = BytesIO()
    >>> converse(Serving(Ours), BytesIO(b'nonsense'), said)
    >>> said.getvalue()
    b'{"n": null, "fault": "expected one JSON object a line: Expecting value: line 1 column 1 (char 0)"}\\n'
    """
    while line := questions.readline(LONGEST_QUESTION + 1):
        if len(line) > LONGEST_QUESTION:
            fault = {"n": None, "fault": f"expected lines of at most {LONGEST_QUESTION:,} bytes"}
            answers.write(json.dumps(fault).encode() + b"\n")
            answers.flush()
            return
        answers.write(serving.line(line).encode() + b"\n")
        answers.flush()


@contextmanager
def listening(make: Callable[[], Adapter], port: int = 0) -> Iterator[int]:
    """Take connections on this port of this machine, or on any that is free, each in a thread of its own.

    Sessions share the exchanges that one of them has named. OSError when the port is taken.

    >>> with listening(Ours) as port:
    ...     port > 0
    True
    """
    exchanges: dict[str, Adapter] = {}

    class Session(socketserver.StreamRequestHandler):
        disable_nagle_algorithm = True

        def handle(self) -> None:
            try:
                converse(Serving(make, exchanges), self.rfile, self.wfile)
            except OSError:
                return  # the client is gone

    with _Server((HOST, port), Session) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False


def add_serve(parser: argparse.ArgumentParser, number: Callable[[str], int]) -> None:
    """The options of `bookproof serve`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = "Put an engine behind the protocol, for clients on this machine."
    parser.epilog = protocol.__doc__
    parser.add_argument(
        "--engine",
        default="striped",
        metavar="NAME",
        help="my_pkg:MyEngine, or one that check knows (striped)",
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--stdio", action="store_true", help="on standard input and output, until that ends (the default)")
    how.add_argument("--tcp", type=number, metavar="PORT", help=f"on a port of {HOST}; 0 is any that is free")
    parser.set_defaults(run=main)


def main(asked: argparse.Namespace) -> int:
    """Serve until standard input ends, or until interrupted."""
    make = adapter_for(asked.engine)
    if asked.tcp is None:
        try:
            converse(Serving(make), sys.stdin.buffer, sys.stdout.buffer)
        except BrokenPipeError:
            return 0
        return 0
    if asked.tcp > 65_535:
        raise InputError("options", 0, "--tcp", "a port from 0 to 65535", str(asked.tcp))
    with listening(make, asked.tcp) as port:
        print(f"bookproof: {asked.engine} listens on {HOST}:{port}; end it with Ctrl-C", file=sys.stderr, flush=True)
        with suppress(KeyboardInterrupt):
            Event().wait()
    return 0
