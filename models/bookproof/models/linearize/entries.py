"""What the lines of a history file say, one after the other."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from bookproof.models.concurrent.history import LockStep
from bookproof.models.linearize.history import Filled
from bookproof.spec.commands import Command
from bookproof.spec.events import Event
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import Profile
from bookproof.spec.values import Nanoseconds
from bookproof.spec.views import AccountView, BookView


class Beginning(NamedTuple):
    """The first line: what an exchange has to know to begin."""

    version: int
    instruments: tuple[Instrument, ...]
    profile: Profile
    has_feed: bool
    """Whether every trade is told in a line of its own."""


class Call(NamedTuple):
    """A client called."""

    number: int
    client: int
    time: Nanoseconds
    command: Command


class Return(NamedTuple):
    """A call returned."""

    number: int
    client: int | None
    """Whose call it was, where the line says so."""
    time: Nanoseconds
    events: tuple[Event, ...]
    stamps: tuple[tuple[str, int], ...]


class GivenUp(NamedTuple):
    """A client will not hear of its call any more: it may have happened, or may still happen, or not."""

    number: int
    time: Nanoseconds | None


class End(NamedTuple):
    """The last line: nothing is missing."""

    operations: int


Entry: TypeAlias = Beginning | Call | Return | GivenUp | Filled | LockStep | BookView | AccountView | End
