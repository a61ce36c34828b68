"""The real engine under the scheduler, as states of the model.

Every lock that is taken or left, every stamp that is drawn and every call is a point at which threads stop. So what a
thread does from one point to the next is what the model calls a step, and at every point the engine's memory can be
read as a state of the model, variable by variable:

| variable | read from |
|---|---|
| `floor` | the books as they stand in the engine's memory, the market and the live lists |
| `holder`, `has` | who holds which lock, and in which order these were taken |
| `pc` | what each thread stops at: a call, a lock to take, a stamp to draw, a lock to leave |
| `at` | how often each client has called |
| `wants` | the locks that the thread goes on to take, in this very run, before it does anything else |
| `work`, `told` | the answers that the client is given in this very run; `told` once the stamp is drawn |
| `owed` | what booking changes in the purses, in this very run; until the stamp is drawn |
| `oracle`, `right` | ghosts: the oracle of the rule book, fed at each draw of a stamp |

What a thread will take and will be told is settled where the model says so, or the next run of the same schedule with
another end would differ, and with it the states.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from bookproof.engine.sync import Lock, Threads
from bookproof.models.binding.records import Books, said
from bookproof.models.engines_by_name import Factory
from bookproof.models.interleaving.scenarios import Scenario
from bookproof.models.interleaving.scheduler import Action, Choose, Run, Scheduler
from bookproof.models.interleaving.wheels import GREENLETS, THREADS, has_greenlets
from bookproof.models.tla.values import Function, TlaValue, function
from bookproof.spec import exchange
from bookproof.spec.commands import Command
from bookproof.spec.exchange import Exchange
from bookproof.spec.values import Account


class _Doing(NamedTuple):
    """How far a client has come with its command."""

    spends: bool = False
    """It has taken its account's right to spend."""
    checked: bool = False
    """And its balance, to look whether it can pay."""
    settled: tuple[int, ...] = ()
    """The balances that it has taken since it has matched."""
    last: int = 0
    """The step by which it took the last one."""
    stamped: bool = False
    back: bool = False
    """It has let stripes go before it was stamped: it holds too little, and begins anew."""

    def looks(self, has: tuple[int, ...]) -> bool:
        """Whether the next balance is taken to look whether it can pay: the first one under its right to spend.

        So it is for cash that goes; cash that comes in needs nothing else, no stripe either.
        """
        return (self.spends and not self.checked) or not has

    def takes(self, lock: int, has: tuple[int, ...], step: int) -> _Doing:
        """It has taken a lock, beside those that it has."""
        if lock < KINDS["spending"]:
            return self
        if lock < KINDS["balance"]:
            return self._replace(spends=True)
        if self.looks(has):
            return self._replace(checked=True)
        return self._replace(settled=(*self.settled, lock), last=step)

    def leaves(self, lock: int) -> _Doing:
        """It has let a lock go."""
        return self if self.stamped or lock >= KINDS["spending"] else self._replace(back=True)


def _pc(wanted: Action | None, has: tuple[int, ...], doing: _Doing) -> str:
    """What the model says of a client whose thread stops before this."""
    if wanted is None or wanted.kind == "raise":
        return "idle"
    if wanted.kind == "draw":
        return "stamp"
    lock = lock_number(wanted.place)
    if wanted.kind == "release":
        return "leave" if doing.stamped else "match" if lock >= KINDS["balance"] else "back"
    if wanted.kind != "take":
        return wanted.kind
    if lock < KINDS["spending"]:
        return "again" if doing.back else "take"
    if lock < KINDS["balance"]:
        return "spend"
    return "check" if doing.looks(has) else "settle"


class Moment(NamedTuple):
    """What can be seen of the engine while all threads stand still."""

    floor: Function
    wanted: Mapping[int, Action]
    """What each thread does next; one that has ended is not among them."""
    able: frozenset[int]
    """Those that can."""


class Course(NamedTuple):
    """One run, point by point: a moment before each step, and one when all is over."""

    moments: tuple[Moment, ...]
    steps: tuple[tuple[int, Action], ...]
    answers: tuple[tuple[tuple[Function, ...], ...], ...]
    """What each client was told, command by command."""
    stamps: tuple[tuple[int, ...], ...]
    """The stamps on these."""
    run: Run

    @property
    def ended(self) -> bool:
        """Whether everybody returned."""
        return not (self.run.cut or self.run.waiting or self.run.errors)


class _Names(Threads):
    """Hears what an engine asks for."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def lock(self, name: str) -> Lock:
        self.names.add(name)
        return super().lock(name)

    def counter(self, name: str) -> Callable[[], int]:
        self.names.add(name)
        return super().counter(name)


def points(make: Factory, scenario: Scenario) -> frozenset[str]:
    """Every lock and every counter of an engine: as points, these are all that the model tells apart."""
    names = _Names()
    make(scenario.instruments, scenario.profile, sync=names)
    return frozenset(names.names)


class Stage:
    """A scenario on an engine, to be run as often as one likes, one run after the other.

    >>> from bookproof.models.binding.engines import striped
    >>> from bookproof.models.interleaving.scenarios import NAMED
    >>> with Stage(striped(), NAMED["cancel-fill"]) as stage:
    ...     course = stage.run(lambda wanted, able: min(able))
    >>> [action.kind for thread, action in course.steps if thread == 0]
    ['raise', 'take', 'draw', 'release']
    """

    def __init__(self, make: Factory, scenario: Scenario, accounts: Sequence[Account] = ()) -> None:
        self.scenario = scenario
        self._make = make
        self.scheduler = Scheduler(len(scenario.scripts), GREENLETS if has_greenlets() else THREADS)
        self.scheduler.racy = points(make, scenario)
        self._books = Books()
        self.accounts = accounts
        kept = [KINDS[kind] + account for kind in ("spending", "balance") for account in accounts]
        self._locks = (*range(1, len(scenario.instruments) + 1), *kept)
        self._ghosts: dict[tuple[int, ...], tuple[Exchange, tuple[Function, ...]]] = {}
        self._oracles: dict[tuple[int, ...], Function] = {}

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *error: object) -> None:
        self.scheduler.close()

    # ── a run ──

    def run(self, choose: Choose) -> Course:
        """Run the scenario once, as somebody chooses."""
        scenario, scheduler = self.scenario, self.scheduler
        engine = self._make(scenario.instruments, scenario.profile, sync=scheduler)
        for command in scenario.before:
            engine.submit(command)
        clients = range(len(scenario.scripts))
        answers: list[list[tuple[Function, ...]]] = [[] for _ in clients]
        stamps: list[list[int]] = [[] for _ in clients]
        moments: list[Moment] = []

        def client(at: int, script: Sequence[Command]) -> Callable[[], None]:
            calls = scheduler.event(f"call {at + 1}")

            def act() -> None:
                for command in script:
                    calls.set()
                    answer = engine.submit(command)
                    answers[at].append(said(answer.events))
                    stamps[at].append(answer.stamp)

            return act

        def look(wanted: Mapping[int, Action], able: frozenset[int]) -> int | None:
            moments.append(Moment(self._floor(engine), dict(wanted), able))
            return choose(wanted, able)

        run = scheduler.run([client(at, script) for at, script in enumerate(scenario.scripts)], look)
        if not run.cut:
            moments.append(Moment(self._floor(engine), dict(run.waiting), frozenset()))
        return Course(
            tuple(moments),
            tuple((event.thread, event.action) for event in run.events),
            tuple(map(tuple, answers)),
            tuple(map(tuple, stamps)),
            run,
        )

    def _floor(self, engine: Any) -> Function:
        floor = engine._floor
        books = floor.books
        lists = {id(one): one for book in books.values() for one in book.lists.values()}
        return self._books.exchange(
            {symbol: self._books.record(book.queue(), book.status) for symbol, book in books.items()},
            floor.market_view(),
            [one.shown for one in lists.values()],
            [floor.account(account) for account in self.accounts],
        )

    # ── as states of the model ──

    def states(self, course: Course) -> list[dict[str, TlaValue]]:
        """The state of the model at each moment. A variable that this run left open is not in it."""
        clients = range(len(self.scenario.scripts))
        at = [0 for _ in clients]
        holder = dict.fromkeys(self._locks, 0)
        has: list[tuple[int, ...]] = [() for _ in clients]
        doing = [_Doing() for _ in clients]
        drawn: list[int] = [0 for _ in clients]
        order: tuple[int, ...] = ()
        right: list[tuple[tuple[Function, ...], ...]] = [() for _ in clients]
        found: list[dict[str, TlaValue]] = []
        for number, moment in enumerate(course.moments):
            if number:
                client, (kind, place) = course.steps[number - 1]
                lock = lock_number(place)
                if place == f"call {client + 1}":
                    at[client] += 1
                    doing[client] = _Doing()
                elif kind == "take":
                    holder[lock] = client + 1
                    doing[client] = doing[client].takes(lock, has[client], number)
                    has[client] = (*has[client], lock)
                elif kind == "release":
                    holder[lock] = 0
                    doing[client] = doing[client].leaves(lock)
                    has[client] = tuple(each for each in has[client] if each != lock)
                elif kind == "draw":
                    drawn[client] += 1
                    order = (*order, client)
                    right[client] = (*right[client], self._ghost(order)[1])
                    doing[client] = doing[client]._replace(stamped=True)
            pcs = tuple(_pc(moment.wanted.get(client), has[client], doing[client]) for client in clients)
            state: dict[str, TlaValue] = {
                "floor": moment.floor,
                "holder": function({lock: holder[lock] for lock in self._locks}),
                "at": tuple(at),
                "pc": pcs,
                "has": tuple(has),
                "seen": tuple(() for _ in clients),
                "oracle": self._oracle(order),
                "right": tuple(right),
            }
            wants = [self._wants(course, number, client, pcs[client]) for client in clients]
            if all(want is not None for want in wants):
                state["wants"] = tuple(want for want in wants if want is not None)
            answers = course.answers
            if all(len(answers[client]) >= drawn[client] for client in clients):
                state["told"] = tuple(answers[client][: drawn[client]] for client in clients)
            entered = [pcs[client] in ("settle", "stamp") for client in clients]
            if all(len(answers[client]) > drawn[client] for client in clients if entered[client]):
                state["work"] = tuple(answers[client][drawn[client]] if entered[client] else () for client in clients)
            owed = [self._owed(course, number, client, doing[client], pcs[client]) for client in clients]
            if all(each is not None for each in owed):
                state["owed"] = tuple(each for each in owed if each is not None)
            found.append(state)
        return found

    def _wants(self, course: Course, number: int, client: int, pc: str) -> tuple[int, ...] | None:
        """What a thread goes on to take before it does anything else. None where the run does not show it."""
        wants: list[int] = []
        if pc not in ("take", "again", "back", "spend", "check", "settle"):
            return ()
        for thread, (kind, place) in course.steps[number:]:
            if thread == client:
                lock = lock_number(place)
                if kind == "release" and pc == "back" and not wants:
                    continue  # what it takes when it has let all go
                if kind != "take" or (pc == "take" and lock > len(self.scenario.instruments)):
                    return tuple(wants)
                wants.append(lock)
        return None

    def _owed(self, course: Course, number: int, client: int, doing: _Doing, pc: str) -> TlaValue | None:
        """What a thread is about to book in purses, or has booked and not stamped: what that changes in this run."""
        if pc == "settle":
            wants = self._wants(course, number, client, pc)
            if wants is None:
                return None
            mine = (at for at, (thread, _) in enumerate(course.steps[number:], number) if thread == client)
            last = list(islice(mine, len(wants)))[-1]
            locks: tuple[int, ...] = (*doing.settled, *wants)
        elif pc == "stamp" and doing.settled:
            last, locks = doing.last - 1, doing.settled
        else:
            return ()
        if last + 1 >= len(course.moments):
            return None
        before: Any = course.moments[last].floor["purse"]
        after: Any = course.moments[last + 1].floor["purse"]
        moved: dict[int, Function] = {}
        for account in (lock - KINDS["balance"] for lock in locks):
            one, other = before[account - 1], after[account - 1]
            moved[account] = Function({what: other[what] - one[what] for what in ("cash", "reserved", "orders")})
        return function(moved)

    def _ghost(self, order: tuple[int, ...]) -> tuple[Exchange, tuple[Function, ...]]:
        """The oracle, when these clients have drawn their stamps in this order; and what the last one is told by it."""
        found = self._ghosts.get(order)
        if found is None:
            if order:
                before, client = self._ghost(order[:-1])[0], order[-1]
                commands = self.scenario.scripts[client][order.count(client) - 1 : order.count(client)]
                state, events = exchange.run(before, commands)  # a stamp too many is for nothing
            else:
                state, events = exchange.run(
                    exchange.opening(self.scenario.instruments, self.scenario.profile), self.scenario.before
                )
            found = self._ghosts[order] = state, said(events)
        return found

    def _oracle(self, order: tuple[int, ...]) -> Function:
        found = self._oracles.get(order)
        if found is None:
            state = self._ghost(order)[0]
            found = self._oracles[order] = self._books.exchange(
                {
                    symbol: self._books.record(exchange.queue(state, symbol), partial(exchange.status, state, symbol))
                    for symbol in state.books
                },
                exchange.market(state),
                state.lists,
                [exchange.account(state, account) for account in self.accounts],
            )
        return found


KINDS = {"stripe": 1, "spending": 10, "balance": 20}
"""What the model adds to the number of a lock of each kind: stripes count from 1, the others have their account's."""


def lock_number(name: str) -> int:
    """The number that the model gives to a lock; 0 to one that it does not know.

    >>> lock_number("stripe 0"), lock_number("balance 3"), lock_number("stamps")
    (1, 23, 0)
    """
    kind, _, number = name.partition(" ")
    return KINDS[kind] + int(number) if kind in KINDS else 0


def lock_name(number: int) -> str:
    """The engine's name for a lock of the model: the other way round.

    >>> [lock_name(number) for number in (1, 13, 23)]
    ['stripe 0', 'spending 3', 'balance 3']
    """
    kind = max((kind for kind in KINDS if KINDS[kind] <= number), key=KINDS.__getitem__)
    return f"{kind} {number - KINDS[kind]}"
