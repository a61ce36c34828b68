"""An engine beside the oracle: the same commands to both, and every answer and every view of both compared.

Events are compared exactly. After every command so are the queue, the stops, phase and last price, the depth, the top
of every book, and the status of every order named so far: several defects show in one of these views only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from enum import StrEnum
from itertools import zip_longest
from typing import Any, NamedTuple

from bookproof.engine.interface import Engine
from bookproof.models.engines_by_name import MakeEngine
from bookproof.models.generate.case import Case, accounts_named, named
from bookproof.models.generate.shrinking import shrink_case
from bookproof.models.report.literal import literal
from bookproof.models.sequential.patience import Hung, patiently
from bookproof.spec import exchange as oracle
from bookproof.spec.book import Book
from bookproof.spec.commands import Command, TakeSnapshot
from bookproof.spec.exchange import Exchange
from bookproof.spec.instruments import Instrument
from bookproof.spec.invariants import broken
from bookproof.spec.kernel import Resting
from bookproof.spec.profile import DEFAULT, Profile
from bookproof.spec.rulebook import listening
from bookproof.spec.values import Account, OrderId, Symbol, Value, parts_of
from bookproof.spec.views import BookView, Depth, OrderStatus, Queue, Stops, Top, depth_of, top_of

PATIENCE = 10.0
"""Seconds without one more step after which an engine counts as hung."""

_THE_ORACLE = ("oracle",)
"""Who is being asked while the oracle works out its answer."""

SHORT_PATIENCE = 0.3
"""The same while a hang is made smaller."""


class Kind(StrEnum):
    """Where a difference shows first. Within a step they are looked for in this order."""

    CRASH = "crash"
    """The engine raised an exception."""
    HANG = "hang"
    """The engine did not answer."""
    EVENTS = "events"
    """The answer to the command."""
    QUEUE = "queue"
    """Who rests where, in which order, with how much."""
    STOPS = "stops"
    """Which stops wait, in which order."""
    BOOK = "book"
    """Phase, last price or what a call indicates: queue and stops agree."""
    DEPTH = "depth"
    """The displayed levels, though the queue agrees."""
    TOP = "top"
    """The best levels, though depth agrees."""
    STATUS = "status"
    """What is said of one order."""
    ACCOUNT = "account"
    """What is said of one account."""
    IMPLIED = "implied"
    """What other books imply in one, though their own views agree."""
    MARKET = "market"
    """What is said of the exchange as a whole, though every book agrees."""
    ORACLE = "oracle"
    """The oracle broke an invariant of its own, crashed or hung: the mistake is in the rule book."""


_ABOUT: Mapping[Kind, tuple[str, ...]] = {
    Kind.EVENTS: ("A4",),
    Kind.QUEUE: ("B8",),
    Kind.STOPS: ("B8",),
    Kind.BOOK: ("J1",),
    Kind.DEPTH: ("B11",),
    Kind.TOP: ("B11",),
    Kind.STATUS: ("A6",),
    Kind.ACCOUNT: ("M4",),
    Kind.IMPLIED: ("L2",),
    Kind.MARKET: ("J6", "J7"),
}
"""The rule that a view is about, for steps such as a plain cancel, in which the oracle has nothing to decide."""


class Difference(NamedTuple):
    """The first point at which an engine and the oracle part."""

    kind: Kind
    step: int
    """Position of the command after which they part, from 0."""
    command: Command
    asked: tuple[Any, ...]
    """What both were asked: `("submit",)`, or the name of a view and its arguments."""
    expected: Any
    """The oracle's answer."""
    got: Any
    """The engine's; for a crash the exception as text, None for a hang of either."""
    rules: tuple[str, ...]
    """What the oracle decided in this step, by the numbers of the rules; if nothing, what the view is about."""

    @property
    def hangs(self) -> bool:
        """Whether there is no answer, rather than a wrong one."""
        return self.got is None and self.kind in (Kind.HANG, Kind.ORACLE)

    @property
    def question(self) -> str:
        """What was asked, as a call.

        >>> Difference(Kind.QUEUE, 0, TakeSnapshot(), ("queue", "ABC"), None, None, ()).question
        'queue("ABC")'
        """
        asked, *arguments = self.asked
        return f"{asked}({', '.join(map(literal, arguments if asked != 'submit' else (self.command,)))})"

    @property
    def title(self) -> str:
        """One sentence: what differs."""
        told = {
            Kind.CRASH: f"the engine crashes on {self.question}: {self.got}",
            Kind.HANG: f"the engine never answers {self.question}",
            Kind.EVENTS: f"the answer to {self.question} is not the rule book's",
            Kind.ORACLE: f"the oracle breaks a rule of its own on {literal(self.command)}",
        }
        if self.kind is Kind.ORACLE and self.hangs:
            return f"the oracle never answers {self.question}"
        return told.get(self.kind, f"{self.question} is wrong after {literal(self.command)}")

    def side_by_side(self) -> tuple[str, str]:
        """Both answers as text, the oracle's first, one event or line of a view per line."""
        return _lines(self.expected), self.got if isinstance(self.got, str) else _lines(self.got)

    def __str__(self) -> str:
        """Everything a person needs to follow it."""
        expected, got = (text.splitlines() for text in self.side_by_side())
        width = max(map(len, [*expected, "the rule book says"]))
        rows = list(zip_longest(expected, got, fillvalue=""))
        table = "\n".join(
            f"  {'  ' if left == right else '≠ '}{left:{width}}  {right}".rstrip() for left, right in rows
        )
        head = f"    {'the rule book says':{width}}  the engine says"
        return f"step {self.step + 1}: {self.title}\n{head}\n{table}\n  rules: {', '.join(self.rules) or 'none'}"


def compare(
    engine_factory: MakeEngine,
    instruments: Iterable[Instrument],
    profile: Profile,
    commands: Iterable[Command],
    *,
    late: bool = False,
    invariants: bool = False,
    patience: float | None = None,
) -> Difference | None:
    """The first difference between an engine and the oracle over a sequence; None when there is none.

    With `late` the views are read once, after the last command: an engine may repair itself when it is looked at.
    With `invariants` the oracle is itself held to the invariants of the rule book at every step. An engine hangs when
    for `patience` seconds, PATIENCE if not given, it does not answer.

    >>> from bookproof.models.engines_by_name import factory
    >>> from bookproof.spec.commands import Submit
    >>> from bookproof.spec.values import Side
    >>> compare(factory("striped"), [Instrument("ABC")], DEFAULT, [Submit("ABC", 1, 7, Side.BUY, 10, 100)])
    """
    sequence = tuple(commands)
    pair = SideBySide(engine_factory, instruments, profile, invariants=invariants)

    def run() -> Difference | None:
        for command in sequence:
            difference = pair.step(command, look=not late)
            if difference is not None:
                return difference
        return pair.look() if late else None

    return pair.patiently(run, patience)


class SideBySide:
    """One engine and the oracle, fed the same commands one by one."""

    def __init__(
        self,
        engine_factory: MakeEngine,
        instruments: Iterable[Instrument],
        profile: Profile = DEFAULT,
        *,
        invariants: bool = False,
    ) -> None:
        listed = tuple(instruments)
        self.state = oracle.opening(listed, profile)
        self.engine: Engine = engine_factory(listed, profile)
        self.steps = 0
        self._before = self.state
        self._command: Command = TakeSnapshot()
        self._asked: tuple[Any, ...] = ("submit",)
        self._invariants = invariants
        self._right = {symbol: _Right.of(self.state, symbol, None) for symbol in self.state.books}
        self._named: dict[Symbol, dict[OrderId, None]] = {symbol: {} for symbol in self.state.books}
        self._accounts: dict[Account, None] = {}
        engine = self.engine
        self._questions: tuple[tuple[Kind, str, Callable[[Symbol], Any]], ...] = (
            (Kind.QUEUE, "queue", engine.queue),
            (Kind.STOPS, "stops", engine.stops),
            (Kind.BOOK, "view", engine.view),
            (Kind.DEPTH, "depth", engine.depth),
            (Kind.TOP, "top", engine.top),
        )

    def step(self, command: Command, *, look: bool = True) -> Difference | None:
        """Give both the next command and compare their answers; then, unless told otherwise, every view."""
        self._before, self._command, self._asked = self.state, command, _THE_ORACLE
        self.steps += 1
        try:
            self.state, events = oracle.step(self.state, command)
        except Exception as error:
            self._asked = ("submit",)
            return self._difference(Kind.ORACLE, "an answer", _told(error))
        self._asked = ("submit",)
        for symbol, order_id in named(command):
            if symbol in self._named and type(order_id) is int:
                self._named[symbol][order_id] = None
        self._accounts.update(dict.fromkeys(accounts_named(command)))
        try:
            got = tuple(self.engine.submit(command).events)
        except Exception as error:
            return self._difference(Kind.CRASH, events, _told(error))
        if got != events:
            return self._difference(Kind.EVENTS, events, got)
        if self._invariants and (breaches := broken(self._before, command, events, self.state)):
            rules = tuple(dict.fromkeys(rule for breach in breaches for rule in breach.rules))
            told = "\n".join(map(str, breaches))
            return self._difference(Kind.ORACLE, told, events)._replace(rules=rules)
        return self.look() if look else None

    def look(self) -> Difference | None:
        """Compare every view of every book, and the status of every order named so far."""
        for symbol, book in self.state.books.items():
            right = self._right[symbol]
            halted = oracle.is_halted(self.state, symbol)
            if right.book is not book or right.halted is not halted:
                right = self._right[symbol] = _Right.of(self.state, symbol, right)
            expected: object = None
            try:
                for (kind, name, ask), expected in zip(self._questions, right.views, strict=True):
                    self._asked = (name, symbol)
                    got = ask(symbol)
                    if got != expected:
                        return self._difference(kind, expected, got)
                status, statuses = self.engine.status, right.statuses
                for order_id in self._named[symbol]:
                    self._asked = ("status", symbol, order_id)
                    expected = statuses.get(order_id)
                    got = status(symbol, order_id)
                    if got != expected:
                        return self._difference(Kind.STATUS, expected, got)
                if symbol in self.state.families:
                    self._asked = ("implied", symbol)
                    expected = oracle.implied(self.state, symbol)
                    got = self.engine.implied(symbol)
                    if got != expected:
                        return self._difference(Kind.IMPLIED, expected, got)
            except Exception as error:
                return self._difference(Kind.CRASH, expected, _told(error))
        return self._look_at_market() or (self._look_at_accounts() if self.state.accounts is not None else None)

    def _look_at_market(self) -> Difference | None:
        """What belongs to no single book."""
        self._asked = ("market",)
        expected = oracle.market(self.state)
        try:
            got = self.engine.market()
        except Exception as error:
            return self._difference(Kind.CRASH, expected, _told(error))
        return None if got == expected else self._difference(Kind.MARKET, expected, got)

    def _look_at_accounts(self) -> Difference | None:
        """Every account named so far: the others have nothing, and no order of theirs was ever taken."""
        for account in self._accounts:
            self._asked = ("account", account)
            expected = oracle.account(self.state, account)
            try:
                got = self.engine.account(account)
            except Exception as error:
                return self._difference(Kind.CRASH, expected, _told(error))
            if got != expected:
                return self._difference(Kind.ACCOUNT, expected, got)
        return None

    def patiently(self, run: Callable[[], Difference | None], patience: float | None = None) -> Difference | None:
        """What `run` finds, or that the engine hangs, or the oracle."""
        try:
            return patiently(run, lambda: self.steps, PATIENCE if patience is None else patience)
        except Hung:
            if self._asked == _THE_ORACLE:  # which must not be asked again, not even for its rules
                return Difference(Kind.ORACLE, self.steps - 1, self._command, ("submit",), "an answer", None, ())
            asked, *arguments = self._asked
            if asked == "submit":
                _, expected = oracle.step(self._before, self._command)
            else:
                expected = getattr(oracle, asked)(self.state, *arguments)
            return self._difference(Kind.HANG, expected, None)

    def _difference(self, kind: Kind, expected: Any, got: Any) -> Difference:
        rules = self._rules() or _ABOUT.get(kind, ())
        return Difference(kind, self.steps - 1, self._command, self._asked, expected, got, rules)

    def _rules(self) -> tuple[str, ...]:
        """The rules that the oracle decided by in the last step, which is pure and so can be done again."""
        with listening() as seen, suppress(Exception):  # that it crashes is a difference of its own kind
            oracle.step(self._before, self._command)
        return tuple(sorted(seen, key=lambda number: (number[0], int(number[1:]))))


class _Right(NamedTuple):
    """Every right answer about one book, worked out anew only when the book changes."""

    book: Book
    halted: bool
    views: tuple[Queue, Stops, BookView, Depth, Top]
    statuses: dict[OrderId, OrderStatus | None]
    records: dict[OrderId, Resting | Any]

    @classmethod
    def of(cls, state: Exchange, symbol: Symbol, last: _Right | None) -> _Right:
        """`last` is what was right before: an order whose record is the very same has the same status still."""
        book = state.books[symbol]
        view = oracle.view(state, symbol)
        depth = depth_of(view.queue)
        records = {order.order_id: order for order in book.orders()}
        known, said = (last.records, last.statuses) if last is not None else ({}, {})
        statuses = {
            order_id: said[order_id] if known.get(order_id) is order else oracle.status(state, symbol, order_id)
            for order_id, order in records.items()
        }
        return cls(
            book,
            oracle.is_halted(state, symbol),
            (view.queue, view.stops, view, depth, top_of(depth)),
            statuses,
            records,
        )


# ── the shortest case ──


def shrink(
    engine_factory: MakeEngine, case: Case, difference: Difference, *, late: bool = False
) -> tuple[Case, Difference]:
    """The simplest case found that differs in the same kind, and how it differs.

    Candidates are first judged cheaply, with one look at the views after the last command; those that still differ
    are confirmed the way the difference was found. A hang costs its patience at every try, so it gets few of them.
    """
    hangs = difference.hangs
    found = difference
    first = case._replace(commands=case.commands[: difference.step + 1])

    def judged(candidate: Case, late: bool) -> Difference | None:
        try:
            seen = compare(
                engine_factory,
                candidate.instruments,
                candidate.profile,
                candidate.commands,
                late=late,
                invariants=difference.kind is Kind.ORACLE,
                patience=SHORT_PATIENCE if hangs else None,
            )
        except ValueError:  # such books cannot be had
            return None
        return seen if seen is not None and seen.kind is difference.kind else None

    looks = (True,) if late or hangs else (True, False)
    if looks == (True, False) and judged(first, late=True) is None:  # it shows only under constant watch
        looks = (False,)

    def differs(candidate: Case) -> bool:
        nonlocal found
        seen = [judged(candidate, looks[0])]
        seen += [judged(candidate, look) for look in looks[1:] if seen[0]]
        if seen[-1] is None:
            return False
        found = seen[-1]
        return True

    shortest = shrink_case(first, differs, attempts=40 if hangs else 10_000)
    return shortest, found


# ── text ──


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _lines(answer: Any) -> str:
    """An answer as text: each event, each order and each level on a line of its own."""
    return answer if isinstance(answer, str) else "\n".join(_rows(answer, "")) or "nothing"


def _rows(answer: Any, name: str) -> Iterator[str]:
    parts = parts_of(answer) if isinstance(answer, Value) else {}
    if any(isinstance(part, tuple | Value) for part in parts.values()):
        for field, part in parts.items():
            yield from _rows(part, f"{name}{field} ")
    elif isinstance(answer, tuple):
        yield from (f"{name}{literal(part)}" for part in answer)
        if name and not answer:
            yield f"{name}nothing"
    elif answer is not None:
        yield f"{name}{literal(answer)}"
