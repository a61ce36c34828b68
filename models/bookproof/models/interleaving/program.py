"""A scenario on a real engine, under the scheduler: set up, run as somebody chooses, and what everybody was told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, NamedTuple

from bookproof.engine.book import FastBook
from bookproof.engine.floor import Floor
from bookproof.engine.interface import Answer
from bookproof.models.concurrent.history import History, Operation
from bookproof.models.engines_by_name import Factory
from bookproof.models.interleaving.scenarios import Scenario
from bookproof.models.interleaving.scheduler import Choose, Run, Scheduler
from bookproof.models.report.plainly import plainly
from bookproof.spec.commands import Command

_READS = ("queue", "depth", "top", "stops", "status", "refusal", "can_fill", "is_live", "why_not_replace")
_WRITES = (
    *("submit", "cancel", "replace", "fill", "trigger_stops", "cancel_account", "expire_due", "expire_day"),
    *("hold", "unhold", "take_out", "go"),
)
_READS_MARKET = ("submit", "replace", "refusal", "why_not_replace", "go")
"""What touches a book, and the market that all books share. Whoever looks at a book's `lists` touches it as well."""

_WRITES_MARKET = ("halt_market", "resume_market", "advance_clock")
_WRITES_BOOK = ("halt_book", "resume_book")

MARKET = "market"


class Told(NamedTuple):
    """One operation of a run."""

    client: int
    number: int
    command: Command
    called: int
    returned: int
    answer: Answer


class Outcome(NamedTuple):
    """What a run came to."""

    run: Run
    told: tuple[Told, ...]
    """The operations that returned, in the order in which they did."""
    history: History | None
    """None when not everybody returned."""


class Program:
    """A scenario that can be run again and again, from its beginning.

    An engine whose books cannot be watched is run all the same, but nothing shows then that it has no data races.
    """

    def __init__(self, make: Factory, scenario: Scenario, scheduler: Scheduler) -> None:
        self._make = make
        self.scenario = scenario
        self._scheduler = scheduler
        self.watched = False
        self.tell: Callable[[int, str], None] | None = None
        """Hears of every call and return, when somebody wants the story."""

    def execute(self, choose: Choose) -> Outcome:
        """Run it once."""
        scenario, scheduler = self.scenario, self._scheduler
        engine = self._make(scenario.instruments, scenario.profile, sync=scheduler)
        floor = getattr(engine, "_floor", None)
        self.watched = isinstance(floor, Floor)
        if isinstance(floor, Floor):
            _watch(floor, scheduler)
        first = -2 * len(scenario.before)
        operations = [  # by a client of its own, who was there before the others
            Operation(len(scenario.scripts), command, at, at + 1, engine.submit(command))
            for at, command in zip(range(first, 0, 2), scenario.before, strict=True)
        ]
        told: list[Told] = []
        ticks = 0

        def client(at: int, script: Sequence[Command]) -> Callable[[], None]:
            def act() -> None:
                nonlocal ticks
                for number, command in enumerate(script):
                    ticks += 1
                    called = ticks
                    if self.tell is not None:
                        self.tell(at, f"calls {plainly(command)}")
                    answer = engine.submit(command)
                    ticks += 1
                    told.append(Told(at, number, command, called, ticks, answer))
                    if self.tell is not None:
                        self.tell(at, f"is told {plainly(*answer.events)}, stamp {answer.stamp}")

            return act

        run = scheduler.run([client(at, script) for at, script in enumerate(scenario.scripts)], choose)
        if run.cut or run.waiting or run.errors:
            return Outcome(run, tuple(told), None)
        final = tuple(engine.view(instrument.symbol) for instrument in scenario.instruments)
        operations += [Operation(each.client, each.command, each.called, each.returned, each.answer) for each in told]
        return Outcome(run, tuple(told), History(scenario.instruments, scenario.profile, tuple(operations), final))


def _watch(floor: Floor, scheduler: Scheduler) -> None:
    """Tell the scheduler whenever a book or the market is touched."""
    for symbol, book in floor.books.items():
        book.__class__ = _watched_book(type(book), symbol, scheduler)
    touches: dict[str, Callable[..., str]] = dict.fromkeys(_WRITES_MARKET, lambda *given: MARKET)
    touches |= dict.fromkeys(_WRITES_BOOK, lambda symbol, *given: str(symbol))
    for name, cell in touches.items():
        setattr(floor, name, _touching(getattr(floor, name), cell, scheduler))


def _touching(act: Callable[..., Any], cell: Callable[..., str], scheduler: Scheduler) -> Callable[..., Any]:
    @wraps(act)
    def touching(*given: Any) -> Any:
        scheduler.touch(cell(*given), writes=True)
        return act(*given)

    return touching


def _watched_book(book: type[FastBook], symbol: str, scheduler: Scheduler) -> type[FastBook]:
    def method(name: str, act: Callable[..., Any]) -> Callable[..., Any]:
        writes, reads_market = name in _WRITES, name in _READS_MARKET

        @wraps(act)
        def watched(self: FastBook, *given: Any) -> Any:
            if reads_market:
                scheduler.touch(MARKET, writes=False)
            scheduler.touch(symbol, writes)
            return act(self, *given)

        return watched

    methods: Mapping[str, Any] = {name: method(name, getattr(book, name)) for name in (*_READS, *_WRITES)}
    slot: Any = FastBook.lists  # type: ignore[misc]  # of the class: what finds the place in any book

    def lists(self: FastBook) -> Any:
        scheduler.touch(symbol, writes=False)
        return slot.__get__(self)

    return type(f"Watched{book.__name__}", (book,), {"__slots__": (), "lists": property(lists), **methods})
