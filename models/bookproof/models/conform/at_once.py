"""Many clients at once: threads in one process, or sessions over as many connections.

What the clients saw is written down as a history, which is judged by whether one order of it explains every answer
(`linearize.judge`). An engine tells who traded with whom and whether a command was accepted; the events of the rule
book follow from that. In the end whatever should still be live is cancelled, one order after the other: an order that
was lost on the way shows there at the latest.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from threading import Barrier, Thread
from time import monotonic_ns
from typing import Any, NamedTuple, Protocol, cast

from bookproof.models.conform.capabilities import TRADE_PARTS, Capabilities
from bookproof.models.conform.divergence import Divergence, Kind
from bookproof.models.conform.protocol import asked, joining, looking, opening, together
from bookproof.models.conform.scenarios import fitted
from bookproof.models.conform.subject import PATIENCE, Played, Subject
from bookproof.models.generate.case import Case
from bookproof.models.generate.features import PLAIN, Feature
from bookproof.models.generate.packed import BITS, decode, plan_for
from bookproof.models.generate.venues import PLAIN_BOOKS
from bookproof.models.linearize.conclusion import Verdict
from bookproof.models.linearize.history import History, Operation
from bookproof.models.linearize.judge import judge
from bookproof.models.linearize.story import story
from bookproof.models.linearize.telling import telling
from bookproof.models.report.literal import literal
from bookproof.spec.commands import Cancel, Command, Submit
from bookproof.spec.events import Accepted, Cancelled, Event, Rejected, Trade
from bookproof.spec.profile import DEFAULT, Profile
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import OrderId, TimeInForce

THREADS, SESSIONS = "threads", "sessions"
"""The two runs by name."""

CLIENTS = 4
COMMANDS = 160
"""In each history, over all clients."""

HISTORIES = 20
"""In each run, unless told otherwise."""

BUDGET_SECONDS = 20.0
"""To judge one history."""


class ManySessions(Protocol):
    """A subject to which there may be more connections than one."""

    def another(self) -> Subject:
        """One more connection to the same engine."""
        ...


def lacks_clients(run: str, subject: Subject) -> str:
    """Why many clients at once are not covered for this engine; empty when they are.

    >>> from bookproof.models.conform.ways import engine
    >>> with engine("--engine", "striped") as subject:
    ...     lacks_clients(THREADS, subject), lacks_clients(SESSIONS, subject)
    ('', 'there is one connection to it')
    """
    has = subject.capabilities
    if run == THREADS and not has.threads:
        return "it does not say that it is safe to call from several threads"
    if run == SESSIONS and has.sessions < 2:
        return "it takes one session at a time"
    if run == SESSIONS and not hasattr(subject, "another"):
        return "there is one connection to it"
    if "trades" not in has.views or not has.trade_parts >= TRADE_PARTS:
        return "it does not tell who traded with whom"
    return "" if "cancel" in has.commands else "it has no cancel"


class Script(NamedTuple):
    """What one history is recorded from."""

    case: Case
    clients: tuple[int, ...]
    """Who sends each command."""

    @property
    def parts(self) -> list[list[Command]]:
        """The commands of each client, in the order in which it sends them."""
        pairs = list(zip(self.clients, self.case.commands, strict=True))
        return [[command for who, command in pairs if who == client] for client in range(CLIENTS)]


def script(seed: int, number: int, has: Capabilities, profile: Profile = DEFAULT) -> Script:
    """Script `number` of a seed: limit orders and cancels, and immediate-or-cancel orders where there are any.

    >>> sum(map(len, script(1, 0, Capabilities("mine")).parts)) == COMMANDS
    True
    """
    dice = random.Random(f"at once {seed} {number}")
    features = PLAIN | ({Feature.IOC} if "ioc" in has.orders else frozenset())
    codes = [dice.getrandbits(BITS) for _ in range(COMMANDS)]
    instruments = PLAIN_BOOKS[:1]
    case = fitted(Case(instruments, decode(codes, plan_for(features, instruments)), profile), has, features)
    return Script(case, tuple(dice.randrange(CLIENTS) for _ in case.commands))


# ── a run ──


class Judged(NamedTuple):
    """What there is to say of one history."""

    divergence: Divergence | None = None
    test: str = ""
    """The divergence as a test to paste."""
    unknown: str = ""
    """Why it is not known whether it diverges."""
    overlapped: int = 0
    """Operations that were under way at the same time as another."""


def at_once(subject: Subject, run: str, one: Script, *, patience: float = PATIENCE) -> Judged:
    """Have the clients of a script send their commands, and judge what they were told.

    >>> from bookproof.models.conform.ways import engine
    >>> with engine("--engine", "striped") as subject:
    ...     at_once(subject, THREADS, script(1, 0, subject.capabilities)).divergence
    """
    recorded = (_by_threads if run == THREADS else _by_sessions)(subject, one, patience)
    if isinstance(recorded, Divergence):
        return Judged(recorded)
    history = _history(subject, one, recorded, patience)
    if isinstance(history, Divergence):
        return Judged(history)
    overlapped = _overlapped(history)
    judgement = judge(history, budget_seconds=BUDGET_SECONDS)
    if judgement.verdict is Verdict.LINEARIZABLE:
        return Judged(overlapped=overlapped)
    if judgement.verdict is Verdict.UNKNOWN:
        why = judgement.conclusion.kind or "no order was found within the budget, and no proof of none"
        return Judged(unknown=why, overlapped=overlapped)
    found = telling(judgement)
    told = tuple(story(found).splitlines()) if found is not None else (judgement.evidence,)
    expected = ("one order of all operations that respects real time and gives these answers",)
    divergence = Divergence(Kind.ORDER, -1, None, f"{CLIENTS} {run} at once", expected, told, ("A2", "B8"))
    return Judged(divergence, found.test if found is not None else "", "", overlapped)


def _overlapped(history: History) -> int:
    """Operations that began before another had ended, of those that came before them or after."""
    listed = history.operations  # in the order of their calls
    seen: set[int] = set()
    latest, holder = -1, -1
    for place, operation in enumerate(listed):
        if operation.called < latest:
            seen |= {place, holder}
        if operation.returned is not None and operation.returned > latest:
            latest, holder = operation.returned, place
    return len(seen)


class _Said(NamedTuple):
    """One call and what came back."""

    client: int
    command: Command
    called: int
    returned: int
    answer: dict[str, Any]


def _by_threads(subject: Subject, one: Script, patience: float) -> list[_Said] | Divergence:
    """Every client is a thread within the engine's process."""
    played = subject.play([opening(one.case.instruments, one.case.profile), together(one.parts)], patience)
    if (fault := _fault(played, f"{CLIENTS} threads at once")) is not None:
        return fault
    rows: Any = played.answers[1].get("operations")
    commands = [(client, command) for client, part in enumerate(one.parts) for command in part]
    if not (isinstance(rows, list) and len(rows) == len(commands) and all(map(_is_operation, rows))):
        expected = (f"{len(commands)} operations, each with called and returned, client by client",)
        return Divergence(Kind.PROTOCOL, -1, None, "together", expected, (repr(rows)[:200],), ())
    return [
        _Said(client, command, row["called"], row["returned"], row)
        for (client, command), row in zip(commands, rows, strict=True)
    ]


def _is_operation(row: Any) -> bool:
    return isinstance(row, dict) and all(type(row.get(name)) is int for name in ("called", "returned"))


def _by_sessions(subject: Subject, one: Script, patience: float) -> list[_Said] | Divergence:
    """Every client has a connection of its own, and waits for each answer."""
    name = "checked at once"
    begun = subject.play([opening(one.case.instruments, one.case.profile, name)], patience)
    if (fault := _fault(begun, "open")) is not None:
        return fault
    said: list[list[_Said]] = [[] for _ in range(CLIENTS)]
    wrong: list[Divergence] = []
    with ExitStack() as stack:
        sessions = [stack.enter_context(closing(cast(ManySessions, subject).another())) for _ in range(CLIENTS)]
        for session in sessions:
            if (fault := _fault(session.play([joining(name)], patience), "join")) is not None:
                return fault
        start = Barrier(CLIENTS)

        def run(client: int) -> None:
            start.wait()
            for command in one.parts[client]:
                called = monotonic_ns()
                played = sessions[client].play([asked(command)], patience)
                if (fault := _fault(played, literal(command))) is not None:
                    wrong.append(fault)
                    return
                said[client].append(_Said(client, command, called, monotonic_ns(), played.answers[0]))

        threads = [Thread(target=run, args=(client,), daemon=True) for client in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return wrong[0] if wrong else [each for client in said for each in client]


def _fault(played: Played, question: str) -> Divergence | None:
    """What was said instead of answers."""
    if played.fault is not None:
        fault = played.fault
        return Divergence(
            Kind(fault.kind.value), -1, None, question, ("an answer",), (fault.told,), ("A4",), fault.errors
        )
    raised = next((answer["raised"] for answer in played.answers if "raised" in answer and len(answer) == 2), None)
    if raised is not None and not question.startswith(("Submit", "Cancel")):
        return Divergence(Kind.RAISES, -1, None, question, ("an answer",), (str(raised),), ("A4",))
    return None


# ── what the clients saw, in the words of the rule book ──


def _history(subject: Subject, one: Script, recorded: Sequence[_Said], patience: float) -> History | Divergence:
    """The history of a run, with the cancels of all that should be live at its end."""
    has = subject.capabilities
    trades = [row for said in recorded for row in _rows(said.answer)]
    symbol = one.case.instruments[0].symbol
    if has.results != "answer":
        played = subject.play([looking(["trades"], [symbol])], patience)
        if (fault := _fault(played, "look")) is not None:
            return fault
        trades += _rows(played.answers[0])
    if (row := next((row for row in trades if not _is_trade(row)), None)) is not None:
        expected = ("a trade: price, quantity, maker and taker as whole numbers",)
        return Divergence(Kind.PROTOCOL, -1, None, "a trade", expected, (repr(row)[:200],), ("A4",))
    for said in recorded:
        if (wrong := _wrong(has, said)) is not None:
            return wrong
    last = max((said.returned for said in recorded), default=0)
    left = [Cancel(symbol, order_id) for order_id in _left(recorded, trades)]
    played = subject.play([asked(cancel) for cancel in left], patience) if left else Played(())
    if (fault := _fault(played, "the cancel of what is left")) is not None:
        return fault
    for place, (cancel, answer) in enumerate(zip(left, played.answers, strict=True), 1):
        said = _Said(CLIENTS, cancel, last + 2 * place, last + 2 * place + 1, answer)
        if (wrong := _wrong(has, said)) is not None:
            return wrong
        recorded = [*recorded, said]
    told = _Told(recorded, trades)
    operations = [
        Operation(said.client, said.command, said.called, said.returned, tuple(told.events(said))) for said in recorded
    ]
    return History(one.case.instruments, tuple(sorted(operations, key=lambda each: each.called)), one.case.profile)


def _rows(answer: dict[str, Any]) -> list[Any]:
    """The trades in an answer; what is no list of them is one that is none."""
    rows = answer.get("trades")
    return rows if isinstance(rows, list) else [] if rows is None else [rows]


def _is_trade(row: Any) -> bool:
    return isinstance(row, dict) and all(type(row.get(part)) is int for part in TRADE_PARTS)


def _wrong(has: Capabilities, said: _Said) -> Divergence | None:
    """An answer that no order needs to be looked for to call wrong."""
    answer, command = said.answer, said.command
    if "raised" in answer:
        if isinstance(command, Cancel) and has.dead_cancel == "raises":
            return None
        rows = ("accepted or refused",), (str(answer["raised"]),)
        return Divergence(Kind.RAISES, -1, None, literal(command), *rows, ("A4",))
    at_once = isinstance(command, Submit) and command.time_in_force is TimeInForce.IOC
    if isinstance(command, Submit) and answer.get("ok") is False and not at_once:
        rows = ("accepted",), (f"refused: {answer.get('why', '')}",)
        return Divergence(Kind.ANSWER, -1, None, literal(command), *rows, ("C1",))
    if isinstance(command, Cancel) and answer.get("ok") is None:
        rows = ("accepted or refused",), ("nothing: without an answer to cancels no order can be looked for",)
        return Divergence(Kind.PROTOCOL, -1, None, literal(command), *rows, ("A4",))
    return None


def _left(recorded: Iterable[_Said], trades: Iterable[Any]) -> Iterator[OrderId]:
    """The orders that should be live in the end, whatever order explains the rest."""
    executed = _executed(trades)
    gone = {said.command.order_id for said in recorded if isinstance(said.command, Cancel) and said.answer.get("ok")}
    for said in recorded:
        order = said.command
        if not isinstance(order, Submit) or order.time_in_force is TimeInForce.IOC or order.order_id in gone:
            continue
        if executed.get(order.order_id, 0) < order.quantity:
            yield order.order_id


def _executed(trades: Iterable[Any]) -> dict[Any, int]:
    executed: dict[Any, int] = {}
    for row in trades:
        for role in ("maker", "taker"):
            executed[row.get(role)] = executed.get(row.get(role), 0) + row.get("quantity", 0)
    return executed


class _Told:
    """The events that follow from what an engine told."""

    def __init__(self, recorded: Iterable[_Said], trades: Sequence[Any]) -> None:
        self._orders = {said.command.order_id: said.command for said in recorded if isinstance(said.command, Submit)}
        self._executed = _executed(trades)
        self._by_taker: dict[Any, list[Any]] = {}
        for row in trades:
            self._by_taker.setdefault(row.get("taker"), []).append(row)

    def events(self, said: _Said) -> Iterator[Event]:
        """Those of one operation."""
        command = said.command
        if isinstance(command, Cancel):
            yield self._cancelled(command, bool(said.answer.get("ok")))
            return
        assert isinstance(command, Submit)
        place = command.symbol, command.order_id
        yield Accepted(*place, command.side, command.price, command.quantity)
        fills: dict[tuple[Any, Any], int] = {}
        for row in self._by_taker.get(command.order_id, ()):
            key = row.get("maker"), row.get("price")
            fills[key] = fills.get(key, 0) + row.get("quantity", 0)
        for (maker, price), quantity in fills.items():
            yield Trade(command.symbol, price, quantity, maker, command.order_id)
        open_quantity = command.quantity - sum(fills.values())
        if command.time_in_force is TimeInForce.IOC and open_quantity:
            yield Cancelled(*place, command.side, command.price, open_quantity, CancelReason.IMMEDIATE)

    def _cancelled(self, command: Cancel, accepted: bool) -> Event:
        order = self._orders.get(command.order_id)
        if not accepted or order is None:
            return Rejected(command.symbol, command.order_id, RejectReason.UNKNOWN_ORDER)
        leaves = order.quantity - self._executed.get(order.order_id, 0)
        return Cancelled(order.symbol, order.order_id, order.side, order.price, leaves, CancelReason.REQUESTED)
