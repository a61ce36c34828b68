"""Lines to an engine and its answers back, over pipes or a socket, with a watch over how long it takes.

Both ways go on at once, so that neither side waits for the other with a full pipe. Nothing that comes back is
trusted: neither that a line ends, nor that there are only as many as were asked for.
"""

from __future__ import annotations

import errno
import os
import selectors
from collections.abc import Callable
from time import monotonic

LONGEST_ANSWER = 4 * 2**20
"""Bytes in one line."""

_CHUNK = 2**16
_GLANCE = 0.05
"""Seconds between two looks at how much memory the engine uses."""

TAIL = 4_000
"""Bytes of standard error that are kept: the last."""


class Silence(Exception):
    """No whole line came for as long as the patience lasted."""


class Ended(Exception):
    """The other side is gone."""


class Flooded(Exception):
    """More came than anybody asked for."""


class TooBig(Exception):
    """The engine uses more memory than it may."""


class Lines:
    """The two ends of a conversation, by file descriptor; each is set not to block."""

    def __init__(self, write: int, read: int, errors: int | None = None, too_big: Callable[[], bool] | None = None):
        self._write, self._read, self._errors = write, read, errors
        self._too_big = too_big
        self._came = bytearray()
        self._tail = bytearray()
        for end in {write, read, *([] if errors is None else [errors])}:
            os.set_blocking(end, False)

    def exchange(self, lines: bytes, count: int, patience: float, take: Callable[[bytes], None]) -> None:
        """Send these lines and give `take` each line that comes back, until there were `count` of them.

        Raises Silence, Ended, Flooded or TooBig; what came before has been taken.
        """
        unsent = memoryview(lines)
        taken = 0
        last = glance = monotonic()
        with selectors.DefaultSelector() as ready:
            ready.register(self._read, selectors.EVENT_READ)
            if self._errors is not None:
                ready.register(self._errors, selectors.EVENT_READ)
            if unsent:
                self._watch_writing(ready)
            while taken < count:
                for key, events in ready.select(_GLANCE):
                    if events & selectors.EVENT_WRITE and unsent:
                        unsent = unsent[self._send(unsent) :]
                        if not unsent:
                            self._stop_writing(ready)
                    if events & selectors.EVENT_READ and key.fd == self._errors:
                        if not self._hear_errors():
                            ready.unregister(key.fd)
                    elif events & selectors.EVENT_READ and key.fd == self._read:
                        self._hear()
                while taken < count and (end := self._came.find(b"\n")) >= 0:
                    line = bytes(self._came[:end])
                    del self._came[: end + 1]
                    taken += 1
                    last = monotonic()
                    take(line)
                now = monotonic()
                if len(self._came) > LONGEST_ANSWER:
                    raise Flooded(f"a line of more than {LONGEST_ANSWER:,} bytes")
                if now - last > patience and taken < count:
                    raise Silence
                if self._too_big is not None and now - glance > _GLANCE:
                    glance = now
                    if self._too_big():
                        raise TooBig

    def rest(self) -> bytes:
        """What came and was not asked for, or is no whole line."""
        return bytes(self._came)

    def complaints(self, patience: float = 0.2) -> str:
        """The end of what the engine wrote to standard error, for as long as it goes on, but no longer than this."""
        if self._errors is not None:
            until = monotonic() + patience
            with selectors.DefaultSelector() as ready:
                ready.register(self._errors, selectors.EVENT_READ)
                while ready.select(max(0.0, until - monotonic())) and self._hear_errors():
                    pass
        return self._tail.decode(errors="replace").strip()

    def _watch_writing(self, ready: selectors.BaseSelector) -> None:
        if self._write == self._read:
            ready.modify(self._read, selectors.EVENT_READ | selectors.EVENT_WRITE)
        else:
            ready.register(self._write, selectors.EVENT_WRITE)

    def _stop_writing(self, ready: selectors.BaseSelector) -> None:
        if self._write == self._read:
            ready.modify(self._read, selectors.EVENT_READ)
        else:
            ready.unregister(self._write)

    def _send(self, unsent: memoryview) -> int:
        try:
            return os.write(self._write, unsent[:_CHUNK])
        except BlockingIOError:
            return 0
        except OSError as error:
            if error.errno in (errno.EPIPE, errno.ECONNRESET):  # what it said before it went may still come
                return len(unsent)
            raise

    def _hear(self) -> None:
        try:
            chunk = os.read(self._read, _CHUNK)
        except BlockingIOError:
            return
        except ConnectionResetError:
            chunk = b""
        if not chunk and b"\n" not in self._came:
            raise Ended
        self._came += chunk

    def _hear_errors(self) -> bool:
        assert self._errors is not None
        try:
            chunk = os.read(self._errors, _CHUNK)
        except BlockingIOError:
            return True
        self._tail += chunk
        del self._tail[:-TAIL]
        return bool(chunk)
