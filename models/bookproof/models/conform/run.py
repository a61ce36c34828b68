"""The command line of `bookproof check`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from bookproof.models.conform.check import SCENARIOS, Request, check, known_to
from bookproof.models.conform.divergence import Kind
from bookproof.models.conform.draft import draft
from bookproof.models.conform.scenarios import USUAL
from bookproof.models.conform.subject import MEMORY, PATIENCE
from bookproof.models.conform.told import print_report, results, to_json
from bookproof.models.conform.variants import conduct
from bookproof.models.conform.ways import WAYS, Settings, chosen, engine
from bookproof.spec.input_error import InputError
from bookproof.spec.profile import DEFAULT

_SAID = {
    "--engine": ("NAME", "my_pkg:MyEngine, path/to/file.py:MyEngine, or one that bookproof knows by name"),
    "--exec": ("COMMAND", "a program that speaks the protocol on standard input and output"),
    "--tcp": ("HOST:PORT", "a program that speaks the protocol on a socket"),
}


def add_check(parser: argparse.ArgumentParser, seconds: Callable[[str], float], number: Callable[[str], int]) -> None:
    """The options of `bookproof check`."""
    parser.description = "Hold any engine to the rule book: feature by feature, then all that it has together."
    parser.epilog = "exit codes: 0 conforms, 1 diverges, 2 unusable, 3 nothing diverges but not every run took place"
    ways = parser.add_argument_group("the engine: one of")
    for way in WAYS:
        metavar, told = _SAID.get(way, ("NAME", ""))
        ways.add_argument(way, dest=way, metavar=metavar, help=told)
    parser.add_argument(
        "--python", default=sys.executable, metavar="PATH", help="the Python that an adapter runs under"
    )
    parser.add_argument("--profile", metavar="NAME", help="the venue it follows: one that ships, or a .toml file")
    parser.add_argument(
        "--profile-out", type=Path, metavar="FILE", help="write the conventions that it was found to follow, as a draft"
    )
    parser.add_argument("--feature", action="append", metavar="NAME", help="this run and no other; more than once")
    parser.add_argument("--scenarios", type=number, default=SCENARIOS, metavar="N", help=f"in each run ({SCENARIOS})")
    parser.add_argument("--budget", type=seconds, metavar="TIME", help="for all runs, such as 60s or 5m")
    parser.add_argument("--seed", type=number, default=1, metavar="N", help="of the random scenarios (1)")
    parser.add_argument("--case", type=number, metavar="K", help="scenario K of each run and no other")
    parser.add_argument(
        "--ignore",
        choices=[kind.value for kind in Kind],
        action="append",
        default=[],
        metavar="KIND",
        help=f"look behind divergences of this kind: {', '.join(Kind)}",
    )
    parser.add_argument("--patience", type=seconds, default=PATIENCE, metavar="TIME", help="for one answer (5s)")
    parser.add_argument("--memory", type=number, default=MEMORY, metavar="MB", help=f"that it may use ({MEMORY})")
    parser.add_argument("--json", action="store_true", help="the report as JSON on standard output")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="the report as JUnit XML")
    parser.set_defaults(run=main)


def main(asked: argparse.Namespace) -> int:
    """Check, tell, and give the exit code."""
    from bookproof.models.generate.venues import venue_named
    from bookproof.models.report.junit import write_junit
    from bookproof.models.report.terminal import Bars

    way, value = chosen({way: getattr(asked, way) for way in WAYS})
    if asked.profile is not None:
        venue_named(asked.profile)  # before anything is started
    for option, file in (("--junit", asked.junit), ("--profile-out", asked.profile_out)):
        if file is not None and not file.absolute().parent.is_dir():
            raise InputError("options", 0, option, "a file in a folder that exists", str(file), "make the folder")
    if asked.case is None and asked.scenarios < 1:
        raise InputError("options", 0, "--scenarios", "at least 1", str(asked.scenarios))
    with engine(way, value, Settings(asked.python, asked.memory)) as subject:
        claimed = asked.profile or subject.capabilities.profile
        profile = venue_named(claimed).profile if claimed else DEFAULT
        found = conduct(subject, profile) if not claimed or asked.profile_out is not None else None
        if found is not None and asked.profile_out is not None:
            asked.profile_out.write_text(draft(found), encoding="utf-8")
        request = Request(
            runs=tuple(dict.fromkeys(asked.feature or ())),
            scenarios=asked.scenarios,
            seed=asked.seed,
            case=asked.case,
            budget_seconds=asked.budget,
            profile=found.profile if found and not claimed else profile,
            conventions=found.conventions if found and not claimed else USUAL,
            profile_named=asked.profile or "",
            ignore=tuple(map(Kind, asked.ignore)),
            patience=asked.patience,
        )
        known_to(subject, request.runs)
        with Bars() as bars:
            report = check(subject, request, lambda share, what: bars.show("check", share, what))
    if found is not None:
        report = report._replace(variants=found.variants)
    if asked.junit is not None:
        write_junit(results(report), asked.junit)
    if asked.json:
        print(json.dumps(to_json(report), indent=2))
    else:
        print_report(report)
    return report.exit_code
