"""What a checker talks to: an engine in a process of its own, behind a socket, or behind any other way in.

A subject is given a whole batch of questions at once and gives back as many answers as came. What it does instead of
answering is a fault: it crashed, it hangs, it took too much memory, or it said what is no answer. After a fault a
subject begins anew with the next batch, so that nothing that was found before is lost.
"""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from time import monotonic, sleep
from typing import Any, NamedTuple, Protocol

import msgspec

from bookproof.models.conform.answers import VERSION
from bookproof.models.conform.capabilities import Capabilities
from bookproof.models.conform.wire_lines import Ended, Flooded, Lines, Silence, TooBig
from bookproof.spec.commands import Command
from bookproof.spec.input_error import InputError, quote

PATIENCE = 5.0
"""Seconds without an answer after which an engine counts as hung."""

TO_BEGIN = 30.0
"""Seconds that an engine may take until it first answers."""

MEMORY = 2_048
"""Megabytes that an engine may use."""


class FaultKind(StrEnum):
    """What an engine does instead of answering."""

    CRASH = "crash"
    """Its process ended, or it closed the connection."""
    HANG = "hang"
    """It does not answer, and its process was killed."""
    MEMORY = "memory"
    """It used more memory than it may, and was killed."""
    PROTOCOL = "protocol"
    """It said what is no answer: no JSON, half a line, an answer twice or to something else, more than was asked."""


class Fault(NamedTuple):
    """No answer, and why."""

    kind: FaultKind
    told: str
    """One sentence."""
    errors: str = ""
    """The end of what it wrote to standard error."""


class Ask(NamedTuple):
    """One question: a line of the protocol without its number, and the command in it if it is one."""

    line: str
    command: Command | None = None


class Played(NamedTuple):
    """What became of a batch: the answers in order, then nothing, or a fault in place of the next one."""

    answers: tuple[dict[str, Any], ...]
    fault: Fault | None = None


class Subject(Protocol):
    """An engine under test."""

    capabilities: Capabilities
    named: tuple[str, ...]
    """The words of the command line that say which engine it is, such as `--engine` and its name."""

    def play(self, asks: Sequence[Ask], patience: float = PATIENCE) -> Played:
        """Ask all of this. Raises InputError when there is nobody any more who could be asked."""
        ...

    def renew(self) -> None:
        """Begin anew: the next batch meets a process, or a connection, that no other has met."""
        ...

    def close(self) -> None:
        """Let go of it. It may be called twice."""
        ...


class Speaking:
    """Whoever speaks the protocol. How to get hold of a partner is for those below."""

    capabilities: Capabilities
    named: tuple[str, ...]

    def __init__(self, named: Sequence[str]) -> None:
        self.named = tuple(named)
        self._lines: Lines | None = None
        self._number = 0
        self.capabilities = self._hello()

    def play(self, asks: Sequence[Ask], patience: float = PATIENCE) -> Played:
        """Ask all of this, in one go."""
        if self._lines is None:
            self._hello()
        return self._asked(asks, patience)

    def renew(self) -> None:
        """End it; the next batch begins anew."""
        self._let_go()
        self._lines = None

    def close(self) -> None:
        """End it."""
        self.renew()

    def _hello(self) -> Capabilities:
        """Begin, and ask what it has."""
        self._lines = self._begin()
        answers, fault = self._asked((Ask(f'{{"do":"hello","bookproof":{VERSION}}}'),), TO_BEGIN)
        if fault is not None:
            told = f"{fault.told}{f': {_last_line(fault.errors)}' if fault.errors else ''}"
            raise self._unusable(
                "an answer to hello", told, "it is told by `bookproof serve --help`; does it flush after each answer?"
            )
        answer = answers[0]
        if "capabilities" not in answer:
            raise self._unusable("capabilities in the answer to hello", _spelled(answer))
        if answer.get("protocol") != VERSION:
            raise self._unusable(f"version {VERSION} of the protocol", _spelled(answer.get("protocol")))
        try:
            if not isinstance(answer["capabilities"], dict):
                raise ValueError(f"expected an object, got {_spelled(answer['capabilities'])}")
            return Capabilities.from_json(answer["capabilities"])
        except ValueError as error:
            raise self._unusable("capabilities that are known", f"a fault in them: {error}") from None

    def _asked(self, asks: Sequence[Ask], patience: float) -> Played:
        assert self._lines is not None
        first = self._number + 1
        self._number += len(asks)
        sent = b"".join(f'{{"n":{number},{ask.line[1:]}\n'.encode() for number, ask in enumerate(asks, first))
        answers: list[dict[str, Any]] = []

        def take(line: bytes) -> None:
            answers.append(_answer(line, first + len(answers)))

        try:
            self._lines.exchange(sent, len(asks), patience, take)
            if rest := self._lines.rest():
                raise Flooded(f"{quote(rest.decode(errors='replace'))} after the last answer")
            return Played(tuple(answers))
        except Silence:
            rest = self._lines.rest()
            half = f", only {quote(rest.decode(errors='replace'))} without a line feed" if rest else ""
            kind, told = FaultKind.HANG, f"no answer within {patience:g} s{half}"
        except Ended:
            kind, told = FaultKind.CRASH, ""
        except TooBig:
            kind, told = FaultKind.MEMORY, "it used more memory than it may"
        except Flooded as error:
            kind, told = FaultKind.PROTOCOL, f"expected {len(asks)} answers, got {error}"
        except _Missing as error:
            raise self._unusable("an engine that has what it declares", str(error), "declare less") from None
        except _NoAnswer as error:
            kind, told = FaultKind.PROTOCOL, str(error)
        return self._failed(tuple(answers), kind, told)

    def _failed(self, answers: tuple[dict[str, Any], ...], kind: FaultKind, told: str) -> Played:
        assert self._lines is not None
        rest, errors = self._lines.rest(), self._lines.complaints()
        self._lines = None
        ended = self._let_go(kind is FaultKind.CRASH)
        if kind is FaultKind.CRASH:
            half = f" in the middle of the line {quote(rest.decode(errors='replace'))}" if rest else ""
            told = f"{ended}{half}"
        return Played(answers, Fault(kind, told, errors))

    def _unusable(self, expected: str, got: str, hint: str = "") -> InputError:
        self.close()
        return InputError("", 0, shlex.join(self.named), expected, got, hint)

    def _begin(self) -> Lines:
        raise NotImplementedError

    def _let_go(self, by_itself: bool = False) -> str:
        """End the partner, unless it ends by itself, as it should have begun to; how it ended."""
        raise NotImplementedError


class InProcess(Speaking):
    """An engine in a process of its own: the worker with an adapter, or any program that speaks the protocol."""

    def __init__(
        self, words: Sequence[str], named: Sequence[str], *, memory: int = MEMORY, folder: Path | None = None
    ) -> None:
        self._words = tuple(words)
        self._memory = memory * 2**20
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        super().__init__(named)

    def _begin(self) -> Lines:
        try:
            process = subprocess.Popen(
                self._words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd=self._folder,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            told = getattr(error, "strerror", None) or str(error)
            raise InputError("", 0, shlex.join(self.named), "a program that can be started", told) from None
        self._process = process
        _limit_memory(process.pid, self._memory)
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        ends = (process.stdin.fileno(), process.stdout.fileno(), process.stderr.fileno())
        return Lines(*ends, too_big=lambda: _resident(process.pid) > self._memory)

    def _let_go(self, by_itself: bool = False) -> str:
        process, self._process = self._process, None
        if process is None:
            return ""
        ended = by_itself and _ends_by_itself(process.pid)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # its own group; the number is taken until it is waited for
        code = process.wait()
        for end in (process.stdin, process.stdout, process.stderr):
            if end is not None:
                end.close()
        return _ending(code) if ended or not by_itself else "it closed its standard output"


class BehindSocket(Speaking):
    """An engine that takes connections. It is not ours to end: a connection is."""

    def __init__(self, host: str, port: int, named: Sequence[str]) -> None:
        self._place = (host, port)
        self._socket: socket.socket | None = None
        super().__init__(named)

    def another(self) -> BehindSocket:
        """One more connection to the same engine."""
        return BehindSocket(*self._place, self.named)

    def _begin(self) -> Lines:
        try:
            self._socket = socket.create_connection(self._place, timeout=TO_BEGIN)
        except OSError as error:
            told = error.strerror or str(error)
            hint = "is the engine running, and is this its port?"
            raise InputError("", 0, shlex.join(self.named), "an engine that takes connections", told, hint) from None
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Lines(self._socket.fileno(), self._socket.fileno())

    def _let_go(self, by_itself: bool = False) -> str:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        return "it closed the connection"


class _Missing(Exception):
    """Something was declared that is not there: no finding, but a mistake in the declaration."""


class _NoAnswer(Exception):
    """A line that answers nothing that was asked."""


def worker(
    target: str,
    named: Sequence[str],
    *,
    argument: str | None = None,
    python: str = sys.executable,
    memory: int = MEMORY,
) -> InProcess:
    """The adapter `module:Class`, or `path/to/file.py:Class`, in a process of its own, under this Python.

    InputError when there is no such adapter, or it cannot be made.

    >>> engine = worker("bookproof.models.conform.ours:Ours", ("--engine", "striped"), argument="striped")
    >>> engine.play([Ask('{"do":"open","instruments":[{"symbol":"ABC"}]}')]).answers
    ({'n': 2, 'ok': True},)
    >>> engine.close()
    """
    script = Path(__file__).with_name("worker.py")
    return InProcess((python, str(script), target, *([] if argument is None else [argument])), named, memory=memory)


_DECODE = msgspec.json.Decoder()


def _answer(line: bytes, number: int) -> dict[str, Any]:
    """One answer, if the line is one and it is that to question `number`."""
    try:
        found = _DECODE.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _NoAnswer(f"expected an answer as one JSON object, got {_quoted(line)}") from None
    if not isinstance(found, dict):
        raise _NoAnswer(f"expected an answer as one JSON object, got {_quoted(line)}")
    if found.get("n") != number or type(found["n"]) is not int:
        if "fault" in found:
            raise _NoAnswer(f"expected the answer to question {number}, got a complaint: {_spelled(found['fault'])}")
        raise _NoAnswer(
            f"expected the answer to question {number}, got {_quoted(line)}; answers come in order, each once, with "
            "the n of their question"
        )
    if "missing" in found:
        raise _Missing(_spelled(found["missing"]))
    if "fault" in found:
        raise _NoAnswer(f"expected an answer, got a complaint: {_spelled(found['fault'])}")
    return found


def _quoted(line: bytes) -> str:
    return quote(line.decode(errors="replace"))


def _spelled(found: object) -> str:
    return quote(found if isinstance(found, str) else repr(found))


def _last_line(text: str) -> str:
    return text.splitlines()[-1][:300] if text else ""


def _limit_memory(process: int, most: int) -> None:
    """What it may claim is limited by the system where that is possible, and what it uses is watched besides."""
    try:
        import resource

        resource.prlimit(process, resource.RLIMIT_DATA, (2 * most, 2 * most))
    except (ImportError, AttributeError, OSError):
        return


def _resident(process: int) -> int:
    """Bytes of memory that a process uses; 0 where nobody says."""
    try:
        return int(Path(f"/proc/{process}/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def _ends_by_itself(process: int, patience: float = 1.0) -> bool:
    """Whether a process ends within so many seconds. It stays to be waited for."""
    until = monotonic() + patience
    while monotonic() < until:
        if os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None:
            return True
        sleep(0.005)
    return False


def _ending(code: int) -> str:
    if code >= 0:
        return f"its process ended with exit code {code}"
    name = next((one.name for one in signal.Signals if one == -code), f"signal {-code}")
    return f"its process died of {name}"
