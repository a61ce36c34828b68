"""Part (b): real exchange data. The log is audited, then its order flow is replayed by engine and oracle."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

from bookproof.models.audit import (
    SAMPLE_INSTALL,
    AuditReport,
    Flow,
    Record,
    order_flow,
    read_bitstamp,
    run_audit,
    sample_path,
)
from bookproof.models.audit import Trade as LoggedTrade
from bookproof.models.audit import Verdict as Audited
from bookproof.models.audit.run import BITSTAMP
from bookproof.models.engines_by_name import factory
from bookproof.models.verdict import Disagreement, Result, Verdict
from bookproof.models.verify.restated import shortest_from
from bookproof.models.verify.workloads import Progress
from bookproof.spec import exchange
from bookproof.spec.commands import Cancel, Command, Replace, Submit
from bookproof.spec.events import Trade
from bookproof.spec.input_error import InputError
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import Profile, ReplaceQuantity
from bookproof.spec.values import Lots, OrderId, TimeInForce

PART = "data"

BOOK = Instrument("BTCUSD", max_price=10**14, max_quantity=10**14)
"""The one book of the sample: ticks of 1 USD, lots of a hundred-millionth of a bitcoin."""

PROFILE = Profile("bitstamp", replace_quantity=ReplaceQuantity.OPEN)

_ACCOUNT = 0


def run_data(*, engine: str = "striped", progress: Progress | None = None) -> list[Result]:
    """Audit the Bitstamp sample and replay its order flow: two results, or `NOT_RUN` where it is not installed."""
    tell = progress or (lambda share, what: None)
    checks = ("Bitstamp audit", f"Bitstamp order flow by {engine}")
    try:
        sample_path()
    except InputError:
        note = f"the sample is not installed; {SAMPLE_INSTALL}"
        return [Result(PART, check, Verdict.NOT_RUN, {}, 0.0, note) for check in checks]
    began = perf_counter()
    report = run_audit(sample="bitstamp", progress=lambda count: tell(min(0.5, count / 700_000), checks[0]))
    audited = _audited(report, checks[0], perf_counter() - began)
    began = perf_counter()
    replayed = _replayed(report, engine, checks[1], began, tell)
    return [audited, replayed]


def _audited(report: AuditReport, check: str, seconds: float) -> Result:
    worth: dict[str, int | str] = {
        "events": sum(count for what, count in report.counts.items() if what.endswith("order events")),
        "trades": report.counts.get("trades", 0),
        "data defects explained": len(report.defects),
        "ghost orders explained": len(report.ghosts),
    }
    verdict = {Audited.AGREE: Verdict.AGREE, Audited.DISAGREE: Verdict.DISAGREE}.get(report.verdict, Verdict.NOT_RUN)
    found = None
    if verdict is Verdict.DISAGREE:
        first = report.violations[0]
        again = "bookproof audit --sample bitstamp"
        found = Disagreement(first.explanation, (first.rule,), "the rule", first.explanation, f"# {again}\n", again)
    return Result(PART, check, verdict, worth, seconds, report.sentence, found)


def _replayed(report: AuditReport, engine: str, check: str, began: float, tell: Progress) -> Result:
    """Engine and oracle get the intentions of the log without their outcome, and must make the same trades."""
    ghosts = {ghost.order_id for ghost in report.ghosts}
    logged = [record for record in _records() if isinstance(record, LoggedTrade)]
    commands = tuple(_commands(order_flow(_records(), without=ghosts, conventions=BITSTAMP)))
    make = factory(engine)
    under_test, state = make([BOOK], PROFILE), exchange.opening([BOOK], PROFILE)
    trades: list[Trade] = []
    for number, command in enumerate(commands):
        if number % 5000 == 0:
            tell(0.5 + 0.5 * number / len(commands), check)
        before = state
        state, right = exchange.step(state, command)
        if under_test.submit(command).events != right:
            worth: dict[str, int | str] = {"commands": number}
            again = "bookproof verify --only data" + ("" if engine == "striped" else f" --engine {engine}")
            found = shortest_from(engine, before, command, again)
            return Result(PART, check, Verdict.DISAGREE, worth, perf_counter() - began, "other events", found)
        trades += [event for event in right if isinstance(event, Trade)]
    same = _summed_log(logged) == _summed(trades)
    worth = {"commands": len(commands), "trades": len(trades), "trades of the exchange": len(logged)}
    note = "the very trades of the exchange" if same else "engine and oracle agree; the exchange traded otherwise"
    return Result(PART, check, Verdict.AGREE, worth, perf_counter() - began, note)


def _records() -> Iterator[Record]:
    return iter(read_bitstamp(sample_path()))


def _commands(flow: Iterator[Flow]) -> Iterator[Command]:
    """The flow as commands. A market order of the log, which has no limit, is one here too."""
    open_quantity: dict[OrderId, Lots] = {}
    for action, name, side, price, quantity in flow:
        order = int(name)
        if action == "new":
            open_quantity[order] = quantity
            lives = TimeInForce.GTC if price is not None else TimeInForce.IOC
            yield Submit(BOOK.symbol, order, _ACCOUNT, side, quantity, price, lives)
        elif action == "cancel":
            yield Cancel(BOOK.symbol, order)
        else:
            open_quantity[order] -= quantity
            yield Replace(BOOK.symbol, order, open_quantity[order])


def _summed(trades: list[Trade]) -> dict[tuple[str, str], Lots]:
    sums: dict[tuple[str, str], Lots] = {}
    for trade in trades:
        pair = (str(trade.maker), str(trade.taker))
        sums[pair] = sums.get(pair, 0) + trade.quantity
    return sums


def _summed_log(trades: list[LoggedTrade]) -> dict[tuple[str, str], Lots]:
    sums: dict[tuple[str, str], Lots] = {}
    for trade in trades:
        pair = (trade.maker_id, trade.taker_id)
        sums[pair] = sums.get(pair, 0) + trade.quantity
    return sums
