"""`with` for locks that a checker makes itself."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol


class _Takes(Protocol):
    """What can be taken and left."""

    def acquire(self) -> object: ...

    def release(self) -> object: ...


class Held:
    """Taken when a `with` begins and left when it ends, however it ends.

    >>> class Door(Held):
    ...     def acquire(self):
    ...         print("in")
    ...     def release(self):
    ...         print("out")
    >>> with Door():
    ...     print("here")
    in
    here
    out
    """

    def __enter__(self: _Takes) -> None:
        self.acquire()

    def __exit__(
        self: _Takes, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
