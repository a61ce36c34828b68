"""An engine beside the rule book: the same scenario to both, and every answer and every view of both compared.

What an engine shows is compared as far as it shows it, in the order of `Kind`; the first difference is the finding.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from bookproof.models.conform.divergence import ABOUT, Divergence, Kind, trade_line, view_lines
from bookproof.models.conform.expected import RuleBook, as_rows, known_part, merged, same_end
from bookproof.models.conform.protocol import asked, looking, opening
from bookproof.models.conform.scenarios import Conventions, ReplaceSends, Scenario
from bookproof.models.conform.subject import PATIENCE, Ask, Fault, FaultKind, Played, Subject
from bookproof.models.generate.case import Case, named
from bookproof.models.report.literal import literal
from bookproof.spec import exchange as oracle
from bookproof.spec.commands import Command, Replace
from bookproof.spec.profile import Profile
from bookproof.spec.values import OrderId, Symbol

NANOSECONDS = 1_000_000
"""By how much the clock moves from command to command."""


_VIEWS = (Kind.QUEUE, Kind.STOPS, Kind.DEPTH, Kind.TOP)


# ── one scenario ──


def diverges(
    subject: Subject,
    scenario: Scenario,
    *,
    ignore: Collection[Kind] = (),
    patience: float = PATIENCE,
    settings: Profile | None = None,
) -> Divergence | None:
    """The first point at which an engine parts from the rule book in a scenario; None when it does not.

    Kinds that are ignored are not looked at; a fault ends the scenario all the same. An engine with switches is told
    the scenario's profile, or other `settings`. InputError when the engine cannot be asked at all.
    """
    run = _Run(subject, scenario, settings)
    played = subject.play(run.asks, patience)
    return next((found for found in run.judged(played) if found.kind not in ignore), None)


def alike(subject: Subject, case: Case, meant: Sequence[Command]) -> bool:
    """Whether an engine ends up with `case` where the rule book does with what is `meant` by it.

    All trades and, after the last command, all views are compared. So a habit that no profile knows can be recognised.

    >>> from bookproof.models.conform.ways import engine
    >>> from bookproof.spec.commands import Cancel, Submit
    >>> from bookproof.spec.instruments import listing
    >>> from bookproof.spec.values import Side
    >>> buy = Submit("ABC", 1, 7, Side.BUY, 5, 100)
    >>> with engine("--engine", "striped") as subject:
    ...     alike(subject, Case(listing(["ABC"]), (buy, Cancel("ABC", 1))), ())
    True
    """
    run = _Run(subject, Scenario(case, late=True))
    return run.ends_as(meant, subject.play(run.asks))


class _Run:
    """What is asked, and how the answers compare."""

    def __init__(self, subject: Subject, scenario: Scenario, settings: Profile | None = None) -> None:
        case, late, frozen, conventions = scenario
        self.commands, sent = _put(case, conventions)
        self._trade_price = conventions.trade_price
        self._has = subject.capabilities
        self._case = case
        self._late = late
        symbols = [one.symbol for one in case.instruments]
        self._symbols = symbols
        views = self._has.views
        self._views = [kind.value for kind in _VIEWS if kind.value in views]
        reads_trades = "trades" in views and self._has.results != "answer"
        what = [*(["trades"] if reads_trades else []), *self._views, *(["status"] if "status" in views else [])]
        self.asks: list[Ask] = [opening(case.instruments, settings or case.profile)]
        self._places: list[list[tuple[Symbol, OrderId]]] = []
        """The orders whose status is asked after each command."""
        places: dict[tuple[Symbol, OrderId], None] = {}
        for step, (command, put) in enumerate(zip(self.commands, sent, strict=True)):
            self.asks.append(asked(put, None if frozen else (step + 1) * NANOSECONDS))
            for symbol, order_id in named(command):
                if symbol in symbols and type(order_id) is int:
                    places[symbol, order_id] = None
            looks = what and (not late or step + 1 == len(self.commands))
            self._places.append(list(places) if looks else [])
            if looks:
                self.asks.append(looking(what, symbols, places if "status" in what else ()))
        self._what = what

    def judged(self, played: Played) -> Iterator[Divergence]:
        """Every divergence, one after the other."""
        answers = iter(played.answers)
        right = RuleBook(self._case.instruments, self._case.profile, self._has, self._trade_price)
        first = next(answers, None)
        if first is None or "raised" in first:
            fault = played.fault if first is None else Fault(FaultKind.CRASH, str(first["raised"]))
            assert fault is not None
            kind = Kind.RAISES if first is not None else Kind(fault.kind.value)
            yield Divergence(kind, -1, None, "open", ("its books are open",), (fault.told,), (), fault.errors)
            return
        unread: list[dict[str, Any]] = []
        read = 0
        for step, command in enumerate(self.commands):
            right.step(command)
            answer = next(answers, None)
            if answer is None:
                yield self._fault(right, step, command, literal(command), played.fault)
                return
            yield from self._answered(right, step, command, answer)
            unread += _in_book(answer.get("trades"), getattr(command, "symbol", None))
            looks = bool(self._what) and (not self._late or step + 1 == len(self.commands))
            if not looks and not (self._has.results == "answer" and not self._late):
                continue
            look = next(answers, None) if looks else {}
            if look is None:
                yield self._fault(right, step, command, "look", played.fault)
                return
            if "trades" in self._has.views:
                unread += _in_book(look.get("trades"), None) if self._has.results != "answer" else []
                if self._has.results == "answer" or "trades" in look:
                    yield from self._traded(right, step, command, unread, read)
                read, unread = len(right.trades), []
            yield from self._looked(right, step, command, look)

    def ends_as(self, meant: Sequence[Command], played: Played) -> bool:
        """Whether trades and last views are those of other commands."""
        answers = played.answers
        if len(answers) < len(self.asks) or any("raised" in answer for answer in answers):
            return False
        right = RuleBook(self._case.instruments, self._case.profile, self._has)
        for command in meant:
            right.step(command)
        said: list[dict[str, Any]] = []
        for ask, answer in zip(self.asks, answers, strict=True):
            said += _in_book(answer.get("trades"), getattr(ask.command, "symbol", None))
        step, last = len(self.commands) - 1, self.commands[-1]
        differ = self._traded(right, step, last, said, 0) if "trades" in self._has.views else iter(())
        return next(differ, None) is None and next(self._looked(right, step, last, answers[-1]), None) is None

    def _answered(self, right: RuleBook, step: int, command: Command, answer: dict[str, Any]) -> Iterator[Divergence]:
        expected = (f"refused: {right.refusal.value}" if right.refusal else "accepted",)
        if "raised" in answer:
            declared = self._has.dead_cancel == "raises" and right.names_a_dead_order
            if not declared:
                memory = str(answer["raised"]).startswith("MemoryError")
                kind = Kind.MEMORY if memory else Kind.RAISES
                yield self._found(right, kind, step, command, literal(command), expected, (str(answer["raised"]),))
            return
        ok = answer.get("ok")
        if ok not in (True, False, None):
            yield self._found(
                right, Kind.PROTOCOL, step, command, literal(command), ("ok: true, false or null",), (repr(ok),)
            )
        elif not right.answers_so(ok):
            why = f": {answer['why']}" if answer.get("why") else ""
            got = ("accepted" if ok else f"refused{why}",)
            yield self._found(right, Kind.ANSWER, step, command, literal(command), expected, got)

    def _traded(
        self, right: RuleBook, step: int, command: Command, got: Sequence[Any], read: int
    ) -> Iterator[Divergence]:
        only = self._symbols[0] if len(self._symbols) == 1 else None
        rows = _in_book(got, only)
        parts = self._has.trade_parts | ({"symbol"} if only is None and all("symbol" in row for row in rows) else set())
        expected, said = merged(as_rows(right.trades[read:]), parts), merged(rows, parts)
        if said != expected:
            lines = tuple(map(trade_line, expected)), tuple(map(trade_line, said))
            yield self._found(right, Kind.TRADE, step, command, literal(command), *lines)

    def _looked(self, right: RuleBook, step: int, command: Command, look: dict[str, Any]) -> Iterator[Divergence]:
        if "raised" in look:
            question = f"{look.get('view', 'look')}()"
            yield self._found(right, Kind.RAISES, step, command, question, ("an answer",), (str(look["raised"]),))
        for view in self._views:
            seen = look.get(view, _ABSENT)
            if seen is _ABSENT and "raised" in look:
                return
            for symbol in self._symbols:
                expected = getattr(right, view)(symbol)
                got = seen.get(symbol) if isinstance(seen, dict) else None
                if got == expected:
                    continue
                known = known_part(expected, got)
                if got != known:
                    question = f'{view}("{symbol}")'
                    lines = tuple(view_lines(known)), tuple(view_lines(got))
                    yield self._found(right, Kind(view), step, command, question, *lines)
        statuses = look.get("status")
        if "status" not in self._what or (statuses is None and "raised" in look):
            return
        places = self._places[step]
        if not isinstance(statuses, list) or len(statuses) != len(places):
            got_lines = (repr(statuses),)
            yield self._found(right, Kind.PROTOCOL, step, command, "status", (f"{len(places)} of them",), got_lines)
            return
        for (symbol, order_id), said in zip(places, statuses, strict=True):
            ended = right.last_status(symbol, order_id)
            if (said is not None and not isinstance(said, dict)) or not same_end(ended, said):
                question = f'status("{symbol}", {order_id})'
                lines = tuple(view_lines(ended)), tuple(view_lines(said))
                yield self._found(right, Kind.STATUS, step, command, question, *lines)

    def _fault(self, right: RuleBook, step: int, command: Command, question: str, fault: Fault | None) -> Divergence:
        assert fault is not None
        expected = (f"refused: {right.refusal.value}" if right.refusal else "accepted",)
        found = self._found(right, Kind(fault.kind.value), step, command, question, expected, (fault.told,))
        return found._replace(errors=fault.errors)

    def _found(
        self,
        right: RuleBook,
        kind: Kind,
        step: int,
        command: Command,
        question: str,
        expected: tuple[str, ...],
        got: tuple[str, ...],
    ) -> Divergence:
        rules = right.rules() or ABOUT.get(kind, ())
        return Divergence(kind, step, command, question, expected or ("nothing",), got or ("nothing",), rules)


_ABSENT: Any = object()


def _put(case: Case, conventions: Conventions) -> tuple[list[Command], list[Command]]:
    """What is meant, and how it is put to an engine with these habits. What cannot be put to it is left out."""
    if conventions.replace_sends is ReplaceSends.QUANTITY:
        return list(case.commands), list(case.commands)
    state = oracle.opening(case.instruments, case.profile)
    meant: list[Command] = []
    put: list[Command] = []
    for command in case.commands:
        sent = command
        if type(command) is Replace and type(command.quantity) is int:
            status = oracle.status(state, command.symbol, command.order_id) if command.symbol in state.books else None
            if status is not None:
                more = command.quantity - status.quantity
                if conventions.replace_sends is ReplaceSends.LESS and more >= 0:
                    continue
                sent = command._replace(quantity=more if conventions.replace_sends is ReplaceSends.DELTA else -more)
        state, _ = oracle.step(state, command)
        meant.append(command)
        put.append(sent)
    return meant, put


def _in_book(trades: Any, symbol: Symbol | None) -> list[dict[str, Any]]:
    """Trades as an engine tells them, each with its book as far as that is known."""
    rows = [row if isinstance(row, dict) else {"price": row} for row in trades] if isinstance(trades, list) else []
    return rows if symbol is None else [{"symbol": symbol, **row} for row in rows]
