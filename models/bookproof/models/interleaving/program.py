"""A scenario on a real engine, under the scheduler: set up, run as somebody chooses, and what everybody was told."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from bookproof.engine.accounts import Demand, OrderCommand
from bookproof.engine.book import FastBook
from bookproof.engine.floor import Floor
from bookproof.models.concurrent.history import History, Operation
from bookproof.models.concurrent.recorder import accounts_in
from bookproof.models.engines_by_name import Factory
from bookproof.models.interleaving.scenarios import Scenario
from bookproof.models.interleaving.scheduler import Choose, Run, Scheduler
from bookproof.models.interleaving.trace import Recorder
from bookproof.models.report.plainly import plainly
from bookproof.spec.commands import Basket, Command, Deposit, Route, SetLimits, Withdraw
from bookproof.spec.events import Event
from bookproof.spec.instruments import Instrument
from bookproof.spec.values import Account, Symbol

_READS = (
    "queue",
    "depth",
    "top",
    "stops",
    "status",
    "refusal",
    "can_fill",
    "is_live",
    "why_not_replace",
    "replace_refusal",
    *("against", "find", "play"),
)
_WRITES = (
    *("submit", "cancel", "replace", "fill", "trigger_stops", "cancel_account", "expire_due", "expire_day", "forget"),
    *("hold", "unhold", "take_out", "go", "follow"),
    *("take_down_to", "rest", "give", "pend", "pop_due", "lift"),
    *("expect", "resize"),
)
_READS_MARKET = ("submit", "replace", "refusal", "why_not_replace", "replace_refusal", "go")
"""What touches a book, and the market that all books share. Whoever looks at a book's `lists` touches it as well."""

_WRITES_MARKET = (
    *("halt_market", "resume_market", "advance_clock", "end_of_day"),
    *("kill_switch", "reinstate", "index_level"),
)
_WRITES_BOOK = ("halt_book", "resume_book")

MARKET = "market"

Touches: TypeAlias = Callable[..., Iterable[tuple[str, bool]]]
"""From what a method is given to the cells that it touches, and whether it changes them."""


# What an account has beyond any one book is a cell of its own; its lots of a book, and who has which order there, stand
# with the book and belong to its cell. Lots that several books share are a cell beside each of theirs.


def _purse(account: Account) -> str:
    return f"account {account}"


def _asks(command: OrderCommand) -> Iterable[tuple[str, bool]]:
    if isinstance(command, Route):
        return [(command.order.symbol, False)]
    asked = command.legs if isinstance(command, Basket) else (command,)
    return [(order.symbol, False) for order in asked]


def _checks(demand: Demand) -> Iterable[tuple[str, bool]]:
    return [(_purse(demand.account), False), *((want.symbol, False) for want in demand.wants)]


def _admits(demand: Demand) -> Iterable[tuple[str, bool]]:
    return [(want.symbol, True) for want in demand.wants]


def _writes_up(events: Iterable[Event]) -> Iterable[tuple[str, bool]]:
    about = (getattr(event, "symbol", None) for event in events)
    return [(symbol, True) for symbol in dict.fromkeys(about) if symbol is not None]


def _moves(command: Deposit | Withdraw) -> Iterable[tuple[str, bool]]:
    return [(_purse(command.account) if command.symbol is None else command.symbol, True)]


def _limits(command: SetLimits) -> Iterable[tuple[str, bool]]:
    return [(_purse(command.account), True)]


def _books(entries: Iterable[Account]) -> Iterable[tuple[str, bool]]:
    return [(_purse(account), True) for account in entries]


_ON_ACCOUNT: dict[str, Touches] = {
    "demand": _asks,
    "refusal": _checks,
    "admit": _admits,
    "entries": _writes_up,
    "book": _books,
    "deposit": _moves,
    "withdraw": _moves,
    "set_limits": _limits,
    "bust": lambda command, *given: [(command.symbol, True)],
    "block": lambda command, *given: [(command.symbol, True)],
    "view": lambda account: [(_purse(account), False)],
}
"""What each method of the engine's ledger touches, but for what it asks other methods of this table."""


def _on_margin(symbols: Iterable[Symbol], accounts: Collection[Account]) -> dict[str, Touches]:
    """The same where there are margin accounts (M3): lots of theirs and marks change what their purses hold."""
    shelves = [(symbol, False) for symbol in symbols]

    def moves(command: Deposit | Withdraw) -> Iterable[tuple[str, bool]]:
        both = command.symbol is not None and command.account in accounts
        return [*_moves(command), *([(_purse(command.account), True)] if both else [])]

    return {
        "deposit": moves,
        "withdraw": moves,
        "set_mark": lambda command: [(command.symbol, True), *((_purse(owner), True) for owner in accounts)],
        "margin": lambda account: [(_purse(account), False), *shelves],
        "worth_on_shelves": lambda account: shelves,
        "to_close": lambda account: shelves,
    }


def _with_vaults(cells: Touches, listed: Sequence[Instrument]) -> Touches:
    """The same and, of each book among them, the lots that it shares with others (L5)."""
    symbols = [instrument.symbol for instrument in listed]
    shared = {
        instrument.symbol: [
            asset if asset in symbols else f"lots of {asset}"
            for asset, _ in instrument.moves
            if asset != instrument.symbol
        ]
        for instrument in listed
    }

    def touches(*given: Any, **named: Any) -> Iterable[tuple[str, bool]]:
        found = list(cells(*given, **named))
        return [*found, *((name, writes) for cell, writes in found for name in shared.get(cell, ()))]

    return touches


class Told(Operation, frozen=True):
    """One operation of a run: times are counted in calls and returns."""

    number: int
    """Which of its client's operations it is."""


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

    def __init__(self, make: Factory, scenario: Scenario, scheduler: Scheduler, watch: bool = True) -> None:
        self._make = make
        self.scenario = scenario
        self._scheduler = scheduler
        self._watch = watch
        self.watched = False
        self._watching: _Watch | None = None
        self._engine: type[Any] | None = None
        self._named = accounts_in(scenario.profile, (scenario.before, *scenario.scripts))
        self.tell: Callable[[int, str], None] | None = None
        """Hears of every call and return, when somebody wants the story."""
        self.recorder: Recorder | None = None
        """Hears of everything, when somebody wants all of it."""

    def execute(self, choose: Choose) -> Outcome:
        """Run it once."""
        scenario, scheduler = self.scenario, self._scheduler
        recorder = self.recorder
        sync = scheduler if recorder is None else recorder.sync(scheduler)
        engine = self._make(scenario.instruments, scenario.profile, sync=sync)
        floor = getattr(engine, "_floor", None)
        self.watched = self._watch and isinstance(floor, Floor)
        if self._watch and isinstance(floor, Floor):
            if self._watching is None:
                self._watching = _Watch(floor, scheduler)
            self._watching.begin(floor)
        if self._watch and (shared := getattr(type(engine), "shared", ())):
            if self._engine is None:
                self._engine = _watched_engine(type(engine), shared, scheduler)
            engine.__class__ = self._engine
        if recorder is not None and self._watch and isinstance(floor, Floor):
            others: list[tuple[object, Iterable[str]]] = [(floor, (*_WRITES_MARKET, *_WRITES_BOOK))]
            others += [] if floor.ledger is None else [(floor.ledger, _ON_ACCOUNT)]
            recorder.listen(engine, floor.books, (*_READS, *_WRITES), others)
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
                    if recorder is not None:
                        recorder.called(at, plainly(command))
                    answer = engine.submit(command)
                    ticks += 1
                    told.append(Told(at, command, called, ticks, answer, number))
                    scheduler.returned()
                    if self.tell is not None:
                        self.tell(at, f"is told {plainly(*answer.events)}, stamp {answer.stamp}")
                    if recorder is not None:
                        recorder.returned(at, f"{plainly(*answer.events)}, stamp {answer.stamp}")

            return act

        run = scheduler.run([client(at, script) for at, script in enumerate(scenario.scripts)], choose)
        if recorder is not None:
            recorder.ended(run.waiting, run.errors)
        if run.cut or run.waiting or run.errors:
            return Outcome(run, tuple(told), None)
        final = tuple(engine.view(instrument.symbol) for instrument in scenario.instruments)
        accounts = tuple(engine.account(account) for account in self._named)
        history = History(scenario.instruments, scenario.profile, (*operations, *told), final, accounts)
        return Outcome(run, tuple(told), history)


class _Watch:
    """Tells a scheduler whenever a book, the market or an account is touched.

    It gives objects of an engine other classes: made once, from the first engine, for those of all runs.
    """

    def __init__(self, floor: Floor, scheduler: Scheduler) -> None:
        self._books = {symbol: _watched_book(type(book), symbol, scheduler) for symbol, book in floor.books.items()}
        families = {symbol: [(member, False) for member in family.books] for symbol, family in floor.family_of.items()}
        touches: dict[str, Touches] = {
            **dict.fromkeys(_WRITES_MARKET, lambda *given: [(MARKET, True)]),
            **dict.fromkeys(_WRITES_BOOK, lambda symbol, *given: [(str(symbol), True)]),
            "_dealer": lambda symbol: families.get(symbol, ()),  # whether anything is implied depends on all of them
            "set_reference": lambda command: [(command.symbol, True)],
        }
        self._floor = _watched(type(floor), touches, scheduler)
        if floor.ledger is not None:
            touches = _ON_ACCOUNT | _on_margin(floor.ledger.desks, floor.ledger.on_margin)
            listed = tuple(desk.instrument for desk in floor.ledger.desks.values())
            touches = {name: _with_vaults(cells, listed) for name, cells in touches.items()}
            self._ledger = _watched(type(floor.ledger), touches, scheduler)

    def begin(self, floor: Floor) -> None:
        """From now on everything that this one does is told."""
        floor.__class__ = self._floor
        for symbol, book in floor.books.items():
            book.__class__ = self._books[symbol]
        if floor.ledger is not None:
            floor.ledger.__class__ = self._ledger


def _watched_engine(engine: type[Any], shared: Iterable[str], scheduler: Scheduler) -> type[Any]:
    """The class of an engine with state of its own that threads share: it names the attributes in `shared`."""

    def cell(name: str) -> property:
        def read(self: Any) -> Any:
            scheduler.touch(name, writes=False)
            return self.__dict__[name]

        def write(self: Any, value: Any) -> None:
            scheduler.touch(name, writes=True)
            self.__dict__[name] = value

        return property(read, write)

    return type(f"Watched{engine.__name__}", (engine,), {name: cell(name) for name in shared})


def _watched(kind: type[Any], touches: Mapping[str, Touches], scheduler: Scheduler) -> type[Any]:
    """The class of an object some of whose methods touch cells."""

    def method(act: Callable[..., Any], cells: Touches) -> Callable[..., Any]:
        def touching(self: Any, *given: Any, **named: Any) -> Any:
            for cell, writes in cells(*given):
                scheduler.touch(cell, writes)
            return act(self, *given, **named)

        return touching

    methods = {name: method(getattr(kind, name), cells) for name, cells in touches.items()}
    return type(f"Watched{kind.__name__}", (kind,), methods)


def _watched_book(book: type[FastBook], symbol: str, scheduler: Scheduler) -> type[FastBook]:
    def method(name: str, act: Callable[..., Any]) -> Callable[..., Any]:
        writes, reads_market = name in _WRITES, name in _READS_MARKET

        def watched(self: FastBook, *given: Any, **named: Any) -> Any:
            if reads_market:
                scheduler.touch(MARKET, writes=False)
            scheduler.touch(symbol, writes)
            return act(self, *given, **named)

        return watched

    def tell_dependents(self: FastBook) -> None:
        for other in (self, *self.dependents):
            scheduler.touch(other.symbol, writes=other is not self)
        book.tell_dependents(self)

    methods: dict[str, Any] = {name: method(name, getattr(book, name)) for name in (*_READS, *_WRITES)}
    methods["tell_dependents"] = tell_dependents
    slot: Any = FastBook.lists  # type: ignore[misc]  # of the class: what finds the place in any book

    def lists(self: FastBook) -> Any:
        scheduler.touch(symbol, writes=False)
        return slot.__get__(self)

    return type(f"Watched{book.__name__}", (book,), {"__slots__": (), "lists": property(lists), **methods})
