"""The command line: `bookproof verify`, `audit`, `explore`, `replay`, `zoo`, `prove`, `bench`, `reports`, `rules`,
`linearize`, `record`, `check`, `serve`, `vectors`, `tla`, `bind`.

Exit codes: 0 everything agrees, 1 something disagrees, 2 the input or the request is wrong, 3 nothing disagrees but a
check that was asked for did not run.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bookproof.models.verdict import Result, Verdict
from bookproof.models.workloads import PUBLISHED_ORDERS, WORKLOADS
from bookproof.spec.input_error import InputError

AGREE, DISAGREE, BAD_INPUT, INCOMPLETE = 0, 1, 2, 3
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand and give its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    asked = _parser(words).parse_args(words)
    try:
        code: int = asked.run(asked)
    except InputError as error:
        print(f"bookproof: {error}", file=sys.stderr)
        return BAD_INPUT
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        print(f"bookproof: {what}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("bookproof: interrupted; nothing is concluded", file=sys.stderr)
        return INTERRUPTED
    return code


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """The parser for these words: only the subcommand among them is loaded."""
    parser = argparse.ArgumentParser(
        prog="bookproof",
        description="A formally tested reference matching engine, and a checker for exchanges.",
        epilog="exit codes: 0 agree, 1 disagree, 2 bad input, 3 incomplete: nothing disagrees, but a check did not run",
    )
    parser.add_argument("--version", action="version", version=f"bookproof {_version()}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (help, add) in COMMANDS.items():
        command = commands.add_parser(name, help=help)
        if name in words:
            add(command)
    return parser


# ── verify ──


def _add_verify(parser: argparse.ArgumentParser) -> None:
    from bookproof.models.engines_by_name import known
    from bookproof.models.verify.run import PARTS

    parser.description = "Hold an engine against the rule book, on published workloads, real data and random commands."
    parser.add_argument("--engine", choices=known(), default="striped", metavar="NAME", help=", ".join(known()))
    parser.add_argument("--only", choices=PARTS, action="append", metavar="PART", help=", ".join(PARTS))
    parser.add_argument(
        "--workload", choices=list(WORKLOADS), action="append", metavar="NAME", help=", ".join(WORKLOADS)
    )
    parser.add_argument("--budget", type=_seconds, metavar="TIME", help="for the whole run, such as 60s or 5m")
    parser.add_argument("--full", action="store_true", help="all five workloads by the oracle as well")
    parser.add_argument(
        "--orders", type=_count, default=PUBLISHED_ORDERS, metavar="N", help="size of the workloads (1,000,000)"
    )
    parser.add_argument("--seed", type=_count, metavar="N", help="of workloads (23) and random commands (1)")
    parser.add_argument("--profile", metavar="NAME", help="one venue, or a .toml file; sequential and concurrent parts")
    parser.add_argument("--case", type=_count, metavar="K", help="one sequential or concurrent case and nothing else")
    parser.add_argument("--processes", type=_count, metavar="N", help="how many at a time (one a core)")
    parser.add_argument("--json", action="store_true", help="results as JSON on standard output")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="results as JUnit XML")
    parser.add_argument("--histories", type=Path, metavar="DIR", help="keep every recorded history in this folder")
    parser.set_defaults(run=_verify)


def _verify(asked: argparse.Namespace) -> int:
    from bookproof.models.generate.venues import venue_named
    from bookproof.models.report.junit import write_junit
    from bookproof.models.report.terminal import Bars, print_results
    from bookproof.models.verify.run import ORACLE_WORKLOADS, PARTS, Request, run_verify

    request = Request(
        engine=asked.engine,
        parts=tuple(asked.only or PARTS),
        workloads=tuple(asked.workload or WORKLOADS),
        oracle_workloads=tuple(WORKLOADS) if asked.full else ORACLE_WORKLOADS,
        orders=asked.orders,
        budget=asked.budget,
        seed=asked.seed,
        case=asked.case,
        profile=asked.profile,
        save_histories=asked.histories,
    )
    if asked.processes:
        request = replace(request, processes=asked.processes)
    if asked.case is not None and (len(request.parts) != 1 or request.parts[0] not in ("sequential", "concurrent")):
        raise InputError(
            "options",
            0,
            "--case",
            "--only sequential or --only concurrent beside it",
            f"--only {', '.join(asked.only or ['nothing'])}",
            "a case belongs to one of these parts",
        )
    if asked.profile is not None:
        venue_named(asked.profile)  # before any process is started
    if asked.histories is not None:
        asked.histories.mkdir(parents=True, exist_ok=True)
    if asked.junit is not None and not asked.junit.absolute().parent.is_dir():
        raise InputError("options", 0, "--junit", "a file in a folder that exists", str(asked.junit), "make the folder")
    with Bars() as bars:
        results = run_verify(request, bars.show)
    if asked.junit is not None:
        write_junit(results, asked.junit)
    code = exit_code(results)
    if asked.json:
        document = {"bookproof": _version(), "exit_code": code, "results": [result.to_json() for result in results]}
        print(json.dumps(document, indent=2))
    else:
        print_results(results)
    return code


def exit_code(results: Sequence[Result]) -> int:
    """1 for any disagreement, else 3 for any check that did not run, else 0."""
    verdicts = {result.verdict for result in results}
    if Verdict.DISAGREE in verdicts:
        return DISAGREE
    return INCOMPLETE if Verdict.NOT_RUN in verdicts or not verdicts else AGREE


# ── audit ──


def _add_audit(parser: argparse.ArgumentParser) -> None:
    from bookproof.models.audit import FORMATS, SAMPLES

    parser.description = "Check order events and trades of any exchange against rules B1 to B8, and explain their data."
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("file", nargs="?", type=Path, help="order events and trades")
    what.add_argument("--sample", choices=SAMPLES, help="real data from an optional package")
    parser.add_argument("--format", choices=FORMATS, help="by default the first line decides")
    parser.add_argument("--trades", type=Path, metavar="FILE", help="trades of a Bitstamp recording")
    parser.add_argument("--tick", metavar="STEP", help="price step, such as 0.01; 1 by default")
    parser.add_argument("--lot", metavar="STEP", help="quantity step, such as 0.001; 1 by default")
    parser.add_argument("--no-amends", action="store_true", help="owners of this venue cannot change resting orders")
    parser.add_argument("--json", action="store_true", help="the report as JSON on standard output")
    parser.set_defaults(run=_audit)


def _audit(asked: argparse.Namespace) -> int:
    from bookproof.models.audit import Verdict as Audited
    from bookproof.models.audit import print_report, run_audit
    from bookproof.models.report.terminal import counting

    with counting("records read") as progress:
        report = run_audit(
            asked.file,
            asked.sample,
            asked.format,
            trades=asked.trades,
            tick=asked.tick,
            lot=asked.lot,
            amends=not asked.no_amends,
            progress=progress,
        )
    if asked.json:
        print(json.dumps(report.to_json(), indent=2))
    else:
        print_report(report)
    return {Audited.AGREE: AGREE, Audited.DISAGREE: DISAGREE}.get(report.verdict, INCOMPLETE)


# ── prove, bench, reports ──


def _add_prove(parser: argparse.ArgumentParser) -> None:
    from bookproof.models.prove import runner

    runner.add_arguments(parser)
    parser.set_defaults(run=runner.main)


def _add_bench(parser: argparse.ArgumentParser) -> None:
    from bookproof.models.bench import histories, run, schedules

    run.add_arguments(parser)
    parser.set_defaults(run=run.main)
    others = parser.add_subparsers(metavar="schedules|histories", help="one of the other checkers in figures instead")
    command = others.add_parser("schedules")
    schedules.add_arguments(command)
    command.set_defaults(run=schedules.main)
    command = others.add_parser("histories")
    histories.add_arguments(command)
    command.set_defaults(run=histories.main)


# ── explore, replay, zoo ──


def _add_explore(parser: argparse.ArgumentParser) -> None:
    from bookproof.models.interleaving import run

    run.add_explore(parser)


def _add_replay(parser: argparse.ArgumentParser) -> None:
    from bookproof.models.interleaving import run

    run.add_replay(parser)


def _add_zoo(parser: argparse.ArgumentParser) -> None:
    from bookproof.models.interleaving import zoo

    zoo.add_zoo(parser)


def _add_reports(parser: argparse.ArgumentParser) -> None:
    from bookproof.models import execution_reports

    execution_reports.add_arguments(parser)
    parser.set_defaults(run=execution_reports.main)


def _add_rules(parser: argparse.ArgumentParser) -> None:
    from bookproof.models.rules import run

    run.add_arguments(parser, _seconds)
    parser.set_defaults(run=run.main)


def _add_linearize(parser: argparse.ArgumentParser) -> None:
    from bookproof.models.linearize import run

    run.add_linearize(parser, _seconds)


def _add_record(parser: argparse.ArgumentParser) -> None:
    from bookproof.models.linearize import run

    run.add_record(parser, _count)


def _add_vectors(parser: argparse.ArgumentParser) -> None:
    from bookproof.models.vectors import run

    run.add_arguments(parser)


def _add_tla(parser: argparse.ArgumentParser) -> None:
    from bookproof.models.tla import run

    run.add_tla(parser, _seconds)


def _add_check(parser: argparse.ArgumentParser) -> None:
    from bookproof.models.conform import run

    run.add_check(parser, _seconds, _count)


def _add_bind(parser: argparse.ArgumentParser) -> None:
    from bookproof.models.binding import run

    run.add_bind(parser, _count)


def _add_serve(parser: argparse.ArgumentParser) -> None:
    from bookproof.models.conform import serve

    serve.add_serve(parser, _count)


COMMANDS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    "verify": ("check an engine against the rule book, with evidence", _add_verify),
    "audit": ("check a log of real orders and trades against the rules", _add_audit),
    "explore": ("run the engine in every order of its locks that can differ", _add_explore),
    "replay": ("run one schedule again and tell it step by step", _add_replay),
    "zoo": ("engines with a seeded defect each, and what catches them", _add_zoo),
    "prove": ("prove the matching kernel for all integers, on bounded books", _add_prove),
    "bench": ("compare speed with other order books, as ratios from one run", _add_bench),
    "reports": ("write the execution reports of a run, and check them", _add_reports),
    "rules": ("print the rule book, and which rules and pairs of rules the generators reach", _add_rules),
    "linearize": ("is a recorded run of any exchange explained by one order?", _add_linearize),
    "vectors": ("write the rule book as scenarios for exchanges in any language", _add_vectors),
    "check": ("hold any engine to the rule book: in Python, behind a pipe or a socket", _add_check),
    "serve": ("put an engine behind the protocol of check, for clients on this machine", _add_serve),
    "record": ("run an engine under real threads and keep what its clients saw", _add_record),
    "bind": ("hold the TLA+ models and the real engine against each other, step by step", _add_bind),
    "tla": ("check the TLA+ models by two checkers and a twin, and compare them", _add_tla),
}


# ── small things ──


def _seconds(text: str) -> float:
    """A length of time: 90, 90s, 5m or 1h."""
    unit = {"s": 1, "m": 60, "h": 3600}.get(text[-1:], 0)
    try:
        seconds = float(text[:-1]) * unit if unit else float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a length of time such as 60s or 5m, got {text!r}")
    return seconds


def _count(text: str) -> int:
    """A whole number from 0 on; thousands may be set off by commas or underscores."""
    digits = text.replace(",", "").replace("_", "")
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 16):
        raise argparse.ArgumentTypeError(f"expected a whole number, got {text!r}")
    return int(digits)


def _version() -> str:
    try:
        return version("bookproof")
    except PackageNotFoundError:
        return "(not installed)"
