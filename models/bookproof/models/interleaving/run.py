"""`bookproof explore` and `replay`: every schedule of the real engine, and one of them again."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bookproof.engine.zoo import ZOO
from bookproof.models.engines_by_name import factory, known
from bookproof.models.interleaving.explore import Certificate, Explorer, How, Method, Tell, Verdict, replayed
from bookproof.models.interleaving.generated import generated, named
from bookproof.models.interleaving.judge import Fault
from bookproof.models.interleaving.page import Counterexample, page
from bookproof.models.interleaving.scenarios import NAMED, Scenario
from bookproof.models.interleaving.story import as_test, columns, full_trace, scenario_table
from bookproof.models.interleaving.token import read_token, token_of
from bookproof.models.interleaving.trace import Recorder
from bookproof.models.interleaving.wheels import BACK_ENDS, GREENLETS, THREADS, has_greenlets
from bookproof.models.interleaving.words import switches
from bookproof.models.report.terminal import Bars
from bookproof.models.verdict import Disagreement, Result
from bookproof.models.verdict import Verdict as Agreement
from bookproof.spec.input_error import InputError

PART = "schedules"
SECONDS = 60.0
"""How long a scenario is searched when no budget is given."""

_STYLES = {Verdict.VERIFIED: "green", Verdict.FAILED: "bold red"}
_CODES = {Verdict.VERIFIED: 0, Verdict.FAILED: 1}
_UNFINISHED = 3
_MANY = 100
"""So many scenarios have a row each; of more, only those that fail."""


# ── explore ──


def add_explore(parser: argparse.ArgumentParser) -> None:
    """The options of `bookproof explore`."""
    parser.description = (
        "Run the real engine under a scheduler of our own, in every order of its locks that can differ, and hold each "
        "run against the rule book. Without a scenario: all that have a name."
    )
    parser.add_argument("--engine", choices=known(), default="striped", metavar="NAME", help=", ".join(known()))
    parser.add_argument("--scenario", action="append", metavar="NAME", help=f"{', '.join(NAMED)}, or as g3x2n17")
    parser.add_argument(
        "--threads", type=int, choices=range(1, 9), metavar="T", help="a random scenario with so many (3)"
    )
    parser.add_argument("--ops", type=int, choices=range(1, 10), metavar="O", help="and so many of each of them (2)")
    parser.add_argument("--random", type=_count, default=0, metavar="N", help="this many random scenarios")
    parser.add_argument("--first", type=int, default=0, metavar="K", help="number of the first random scenario (0)")
    parser.add_argument(
        "--search",
        choices=list(Method),
        default=Method.REDUCED,
        metavar="METHOD",
        help=", ".join(Method) + " (reduced)",
    )
    parser.add_argument(
        "--preemptions", type=_count, default=How().preemptions, metavar="K", help="of bounded and pct (2)"
    )
    parser.add_argument(
        "--samples", type=_count, default=How().samples, metavar="N", help="of pct, random and uniform (1,000)"
    )
    parser.add_argument("--seed", type=_count, default=How().seed, metavar="S", help="of what is drawn (0)")
    parser.add_argument("--budget", type=float, default=SECONDS, metavar="SECONDS", help="a scenario, at most (60)")
    parser.add_argument(
        "--back-end", choices=BACK_ENDS, default=THREADS, metavar="KIND", help=f"{', '.join(BACK_ENDS)} (threads)"
    )
    parser.add_argument("--html", metavar="FILE", help="the first counterexample also as a page of its own")
    parser.add_argument("--json", action="store_true", help="certificates as JSON on standard output")
    parser.set_defaults(run=explore)


def _count(text: str) -> int:
    digits = text.replace(",", "").replace("_", "")
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 10):
        raise argparse.ArgumentTypeError(f"expected a whole number, got {text!r}")
    return int(digits)


def explore(asked: argparse.Namespace) -> int:
    """Search what was asked for. Exit code 0 verified, 1 failed, 3 something was not searched to its end."""
    scenarios = _asked_for(asked)
    how = How(Method(asked.search), asked.preemptions, asked.samples, asked.seed)
    if asked.back_end == GREENLETS and not has_greenlets():
        raise InputError("options", 0, "--back-end", "threads, or pip install 'bookproof[greenlets]'", asked.back_end)
    explorer = Explorer(factory(asked.engine), asked.back_end)
    certificates: list[Certificate] = []
    with Bars() as bars:
        for at, scenario in enumerate(scenarios):
            share = at / len(scenarios)
            bars.show(PART, share or 0.001, scenario.name)
            certificates.append(explorer.explore(scenario, asked.budget, _telling(bars, scenario.name, share), how))
            if certificates[-1].verdict is Verdict.FAILED and asked.random:
                break
        bars.show(PART, 1.0, "done")
    if asked.json:
        print(json.dumps([as_dict(certificate, asked.engine) for certificate in certificates], indent=2))
    else:
        _print(certificates, asked.engine, asked.html)
    codes = {_CODES.get(certificate.verdict, _UNFINISHED) for certificate in certificates}
    return 1 if 1 in codes else max(codes)


def _telling(bars: Bars, name: str, share: float) -> Tell:
    return lambda runs, of: bars.show(PART, max(share, 0.001), f"{name}: {runs:,} runs of about {of:,.0f}")


def _asked_for(asked: argparse.Namespace) -> list[Scenario]:
    if asked.random or ((asked.threads or asked.ops) and not asked.scenario):
        numbers = range(asked.first, asked.first + max(1, asked.random))
        return [generated(asked.threads or 3, asked.ops or 2, number) for number in numbers]
    found: list[Scenario] = []
    for name in asked.scenario or NAMED:
        scenario = named(name)
        if scenario is None:
            raise InputError("options", 0, "--scenario", f"one of {', '.join(NAMED)}, or as g3x2n17", name)
        found.append(scenario)
    return found


_BY_PREEMPTIONS = (Method.BOUNDED, Method.PCT)


def as_dict(certificate: Certificate, engine: str) -> dict[str, Any]:
    """A certificate for a machine."""
    fault = certificate.fault
    return {
        "engine": engine,
        "scenario": certificate.scenario.name,
        "size": certificate.scenario.size,
        "verdict": certificate.verdict,
        "limit": certificate.limit,
        "search": certificate.how.method,
        **({"preemptions": certificate.how.preemptions} if certificate.how.method in _BY_PREEMPTIONS else {}),
        **({"samples": certificate.how.samples, "seed": certificate.how.seed} if certificate.how.draws else {}),
        "runs": certificate.runs,
        "cut": certificate.cut,
        "traces": certificate.traces,
        "schedules": certificate.schedules,
        "schedules_counted": certificate.counted,
        "expected": round(certificate.expected, 1),
        "outcomes": certificate.outcomes,
        "overtaken": certificate.overtaken,
        "points": list(certificate.points),
        "strayed": certificate.strayed,
        "scenario_digest": certificate.scenario_digest,
        "engine_digest": certificate.engine_digest,
        "seconds": round(certificate.seconds, 3),
        "fault": None if fault is None else {"kind": fault.kind, "story": fault.story, "token": token(certificate)},
    }


def token(certificate: Certificate) -> str:
    """What runs the fault of a certificate again."""
    assert certificate.fault is not None
    return token_of(certificate.scenario.name, certificate.left_out, certificate.fault.schedule, certificate.points)


def _print(certificates: Sequence[Certificate], engine: str, html: str | None) -> None:
    console = Console()
    table = Table(title=f"Every schedule of {engine}", title_justify="left")
    for heading in ("scenario", "size", "verdict", "runs", "cut", "traces", "schedules", "seconds"):
        table.add_column(heading)
    for column in table.columns[3:]:
        column.justify = "right"
    shown = certificates if len(certificates) <= _MANY else [each for each in certificates if each.fault is not None]
    for certificate in shown:
        table.add_row(
            certificate.scenario.name,
            certificate.scenario.size,
            Text(certificate.says, _STYLES.get(certificate.verdict, "yellow")),
            f"{certificate.runs:,}",
            f"{certificate.cut:,}",
            f"{certificate.traces:,}{_rest(certificate)}",
            f"{'' if certificate.counted else '≥ '}{certificate.schedules:,}",
            f"{certificate.seconds:.2f}",
        )
    console.print(table)
    for certificate in certificates:
        if certificate.fault is not None:
            tell(console, token(certificate), engine, html=html)
            html = None
        if certificate.strayed:
            console.print(
                f"{certificate.scenario.name}: the same schedule went another way the second time, so that nothing is "
                f"concluded. {certificate.strayed}.",
                highlight=False,
            )
    count = {verdict: sum(each.verdict is verdict for each in certificates) for verdict in Verdict}
    runs = sum(each.runs for each in certificates)
    digests = ", ".join(sorted({each.engine_digest for each in certificates}))
    console.print(
        f"{count[Verdict.VERIFIED]} of {len(certificates)} scenarios verified: every order of their locks was run, "
        f"without races, and each is explained by the rule book in the order of the stamps. {runs:,} runs, "
        f"{len(certificates) - count[Verdict.VERIFIED] - count[Verdict.FAILED]} not searched to the end, "
        f"{count[Verdict.FAILED]} failed. Source of the engine: {digests}.",
        highlight=False,
    )


def _rest(certificate: Certificate) -> str:
    """Of how many, where that can be guessed and there are more."""
    reduces = certificate.how.method in (Method.REDUCED, Method.RANDOM, Method.UNIFORM)
    more = reduces and not certificate.counted and certificate.expected > certificate.traces
    return f" of about {certificate.expected:,.0f}" if more else ""


# ── replay ──


def add_replay(parser: argparse.ArgumentParser) -> None:
    """The options of `bookproof replay`."""
    parser.description = "Run one schedule again and tell it step by step."
    parser.add_argument("token", metavar="TOKEN", help="as a failure printed it, such as cancel-fill-B1/AB")
    parser.add_argument("--engine", choices=known(), default="striped", metavar="NAME", help=", ".join(known()))
    parser.add_argument("--full", action="store_true", help="every step, with the whole way into the engine")
    parser.add_argument("--html", metavar="FILE", help="also as a page of its own, to look at and to pass on")
    parser.set_defaults(run=replay)


def replay(asked: argparse.Namespace) -> int:
    """Exit code 0 when the run is explained, 1 when it is not."""
    return 0 if tell(Console(), asked.token, asked.engine, asked.full, asked.html) is None else 1


_TOLD = 200
"""Steps of a run that are told: a run that never ends is told as far as it takes to see that."""


def tell(console: Console, token: str, engine: str, full: bool = False, html: str | None = None) -> Fault | None:
    """Run a schedule again and print its story; with `full` every step, with `html` also as a page in this file."""
    replay = read_token(token)
    scenario, schedule = replay.scenario, replay.schedule
    try:
        recorder = Recorder()
        outcome, fault, _ = replayed(factory(engine), replay, recorder)
    except ValueError as error:
        raise InputError("token", 0, "schedule", f"steps that {engine} can make", str(error)) from None
    console.print()
    console.print(Text(f"{token} on {engine}: {fault.story if fault else 'explained by its stamps'}", "bold"))
    console.print(scenario.about, f"{len(schedule)} steps, {switches(schedule)} switches.", highlight=False)
    console.print(scenario_table(scenario, outcome))
    console.print(columns(scenario, recorder.steps[:_TOLD], fault, outcome.run.races))
    if full:
        console.print(Text("The full trace", "italic"))
        for line in full_trace(recorder.steps):
            console.print(line, soft_wrap=True)
    if fault is not None:
        for place in fault.lines:
            console.print(place, highlight=False, soft_wrap=True)
        console.print(as_test(token, engine), highlight=False)
    console.print(f"again: {again_by(token, engine)}", highlight=False)
    if html is not None:
        story = ZOO[engine].story if engine in ZOO else ""
        test, again = as_test(token, engine), again_by(token, engine)
        written = page(Counterexample(token, engine, scenario, outcome, recorder.steps, fault, test, again, story))
        try:
            Path(html).write_text(written, encoding="utf-8")
        except OSError as error:
            raise InputError("options", 0, "--html", "a file that can be written", str(error)) from None
        console.print(f"as a page: {html}", highlight=False)
    return fault


def again_by(token: str, engine: str) -> str:
    """The command line that runs a schedule again."""
    return f"bookproof replay {token}{'' if engine == 'striped' else f' --engine {engine}'}"


def fault_of(token: str, engine: str = "striped") -> Fault | None:
    """What is wrong with one schedule on an engine, or None. Raises InputError for a token that is none.

    >>> fault_of("cancel-fill-B1/AB")
    >>> fault_of("cancel-fill-B1/AB", engine="look-up-before-lock").kind
    'answer'
    """
    return replayed(factory(engine), read_token(token))[1]


# ── as a part of verify ──


def run_schedules(
    engine: str, budget: float | None = None, tell_share: Callable[[float, str], None] = lambda share, what: None
) -> list[Result]:
    """Every named scenario, as results of `bookproof verify`: one for all that are verified, one for each other.

    >>> {result.verdict.value for result in run_schedules("striped", 30.0)}
    {'agree'}
    """
    explorer = Explorer(factory(engine))
    verified: list[Certificate] = []
    results: list[Result] = []
    deadline = None if budget is None else perf_counter() + budget
    for at, scenario in enumerate(NAMED.values()):
        tell_share(at / len(NAMED), scenario.name)
        left = SECONDS if deadline is None else deadline - perf_counter()
        if left <= 0:
            results.append(Result(PART, scenario.name, Agreement.NOT_RUN, {}, 0.0, "the budget was spent"))
            continue
        certificate = explorer.explore(scenario, left)
        if certificate.verdict is Verdict.VERIFIED:
            verified.append(certificate)
        else:
            results.append(_result(certificate, engine))
    tell_share(1.0, "done")
    return [_all_verified(verified), *results] if verified else results


def _all_verified(certificates: Sequence[Certificate]) -> Result:
    worth: dict[str, int | str] = {
        "schedules": sum(each.runs for each in certificates),
        "outcomes": sum(each.outcomes for each in certificates),
        "schedules without reduction": sum(each.schedules for each in certificates),
    }
    largest = max(certificates, key=lambda each: each.runs)
    note = (
        f"every order of their locks, no races; the largest is {largest.scenario.name} with {largest.runs:,}; "
        "bookproof explore lists them"
    )
    scenarios = f"{len(certificates)} scenario{'s'[len(certificates) == 1 :]}"
    return Result(PART, scenarios, Agreement.AGREE, worth, sum(each.seconds for each in certificates), note)


def _result(certificate: Certificate, engine: str) -> Result:
    worth: dict[str, int | str] = {"schedules": certificate.runs, "outcomes": certificate.outcomes}
    name, seconds = certificate.scenario.name, certificate.seconds
    if certificate.fault is None:
        return Result(PART, name, Agreement.NOT_RUN, worth, seconds, certificate.strayed or "not searched to its end")
    run_again = again_by(token(certificate), engine)
    fault = certificate.fault
    found = Disagreement(
        f"{certificate.scenario.about} {fault.story}",
        (),
        fault.expected or "every order of the locks is explained by the rule book",
        f"{fault.kind}: {fault.story}",
        as_test(token(certificate), engine),
        run_again,
    )
    return Result(PART, name, Agreement.DISAGREE, worth, seconds, fault.kind, found)
