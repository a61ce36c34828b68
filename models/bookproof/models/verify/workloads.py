"""Part (a): the published workloads. The report stream of engine and oracle must have the published hash."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter

from bookproof.engine.interface import Engine
from bookproof.models.engines_by_name import factory
from bookproof.models.published import INSTRUMENT, Answers, by_engine, by_oracle, command_of, report
from bookproof.models.verdict import Disagreement, Result, Verdict
from bookproof.models.verify.restated import shortest_from
from bookproof.models.workloads import DEFAULT_SEED, PUBLISHED_ORDERS, WORKLOADS, Message, ReportStream, generate
from bookproof.spec import exchange
from bookproof.spec.commands import Cancel, Command, Replace, Submit
from bookproof.spec.events import Event, Trade
from bookproof.spec.profile import WORKLOADS as PROFILE

PART = "workloads"

Progress = Callable[[float, str], None]
"""Is told the share done, from 0 to 1, and what is going on. May raise BudgetSpent."""


class BudgetSpent(Exception):
    """There is no time left for this check."""


def run_workload(
    name: str,
    *,
    engine: str = "striped",
    oracle: bool = True,
    orders: int = PUBLISHED_ORDERS,
    seed: int = DEFAULT_SEED,
    progress: Progress | None = None,
) -> list[Result]:
    """One workload through the engine and, if asked for, through the oracle: a result for each.

    At the published seed and size the hash must be the published one; at any other the engine's must be the
    oracle's, which then runs in any case.

    >>> [by_engine, by_oracle] = run_workload("static", orders=100)
    >>> by_engine.verdict.value, by_engine.worth["messages"]
    ('agree', 207)
    """
    tell = progress or (lambda share, what: None)
    published = orders == PUBLISHED_ORDERS and seed == DEFAULT_SEED
    results: list[Result] = []
    try:
        tell(0.0, f"{name}: generating")
        messages = generate(WORKLOADS[name], seed=seed, orders=orders)
        expected = WORKLOADS[name].sha256 if published else None
        runs: list[tuple[str, Answers]] = []
        if oracle or expected is None:
            runs.append(("oracle", by_oracle(exchange.opening([INSTRUMENT], PROFILE))))
        runs.insert(0 if expected else 1, (engine, by_engine(_engine(engine))))
        for position, (who, answers) in enumerate(runs):
            began = perf_counter()
            check = f"{name} by the {who}" if who == "oracle" else f"{name} by {who}"
            stream = _streamed(messages, answers, check, position, len(runs), tell)
            digest = stream.digest()
            worth: dict[str, int | str] = {"messages": len(messages), "trades": stream.trades, "sha256": digest[:16]}
            seconds = perf_counter() - began
            if expected is None:
                expected = digest
                results.append(Result(PART, check, Verdict.AGREE, worth, seconds, "no published hash at this size"))
            elif digest == expected:
                note = "the published hash" if published else "the oracle's hash"
                results.append(Result(PART, check, Verdict.AGREE, worth, seconds, note))
            else:
                found = _explained(name, who, messages, seed, orders, expected, digest)
                results.append(Result(PART, check, Verdict.DISAGREE, worth, seconds, "another hash", found))
    except BudgetSpent:
        done = {result.check for result in results}
        for who in [engine, "the oracle"] if oracle else [engine]:
            check = f"{name} by {who}"
            if check not in done:
                results.append(Result(PART, check, Verdict.NOT_RUN, {}, 0.0, "the budget was spent"))
    return results


def _engine(name: str) -> Engine:
    return factory(name)([INSTRUMENT], PROFILE)


def _streamed(
    messages: Sequence[Message], answers: Answers, what: str, position: int, of: int, tell: Progress
) -> ReportStream:
    def done(count: int) -> None:
        tell((0.1 + 0.9 * (position + count / len(messages)) / of), what)

    return report(messages, answers, done)


# ── when the hash is another ──


def _explained(
    name: str, who: str, messages: Sequence[Message], seed: int, orders: int, expected: str, digest: str
) -> Disagreement:
    """Where engine and oracle part, as the shortest sequence that shows it."""
    again = f"bookproof verify --only workloads --workload {name}"
    again += "" if who in ("striped", "oracle") else f" --engine {who}"
    again += "" if orders == PUBLISHED_ORDERS else f" --orders {orders}"
    again += "" if seed == DEFAULT_SEED else f" --seed {seed}"
    if who == "oracle":
        title = f"the oracle's report stream of {name} has another hash than the published one"
        return Disagreement(title, (), expected, digest, f"# {again}\n", again)
    engine, state = _engine(who), exchange.opening([INSTRUMENT], PROFILE)
    for message in messages:
        command = command_of(message)
        before = state
        state, right = exchange.step(state, command)
        said = engine.submit(command).events
        if said != right or _differ_in_status(engine, state, command, right):
            return shortest_from(who, before, command, again)
    title = f"{who} gives the oracle's events to every message of {name}, yet its report stream has another hash"
    return Disagreement(title, (), expected, digest, f"# {again}\n", again)


def _differ_in_status(engine: Engine, state: exchange.Exchange, command: Command, events: Sequence[Event]) -> bool:
    """Whether some order that this step named stands elsewhere than it should: seen before it shows in an answer."""
    named = {event.maker for event in events if isinstance(event, Trade)}
    if isinstance(command, Submit | Cancel | Replace):
        named.add(command.order_id)
    symbol = INSTRUMENT.symbol
    return any(engine.status(symbol, order) != exchange.status(state, symbol, order) for order in named)
