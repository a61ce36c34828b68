"""`bookproof rules`: the rule book, what a run reaches of it, and the properties, for a person or a machine."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

from bookproof.models.generate.venues import venue_named
from bookproof.models.report.literal import literal
from bookproof.models.report.terminal import Bars
from bookproof.models.rules import report
from bookproof.models.rules.book import LETTERS, entries, left_out
from bookproof.models.rules.coverage import MOST, Coverage, apart_pairs, coverage_case, run_coverage, told_by
from bookproof.models.rules.hunt import HUNT_SECONDS, hunted
from bookproof.models.rules.kept import kept_cases
from bookproof.models.rules.occasions import OCCASIONS, in_order
from bookproof.models.rules.properties import PROPERTIES
from bookproof.models.rules.sources import names_of_tests
from bookproof.spec.input_error import InputError, quote
from bookproof.spec.rulebook import NOT_YET, RULES

AGREE, DISAGREE, INCOMPLETE = 0, 1, 3


def add_arguments(parser: argparse.ArgumentParser, seconds: Callable[[str], float]) -> None:
    """The options of the command; `seconds` reads a length of time."""
    parser.description = "Print the rule book under a venue's choices, or find out what the generators reach of it."
    parser.add_argument("rule", nargs="*", metavar="RULE", help="rules or letters, such as B7 or E; all by default")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--coverage", action="store_true", help="which rules and pairs of rules are reached")
    what.add_argument("--hunt", action="store_true", help="find and keep cases for pairs still missing")
    what.add_argument("--invariants", action="store_true", help="the properties P1 to P16, and what judges them")
    what.add_argument("--occasions", action="store_true", help="which rules can meet in one command, and why no others")
    parser.add_argument("--profile", metavar="NAME", help="a shipped venue, or a file of your own that ends in .toml")
    parser.add_argument(
        "--budget", type=seconds, metavar="TIME", help="of --coverage, --hunt: for so long, such as 60s"
    )
    parser.add_argument("--case", type=int, metavar="K", help="of --coverage: one case, command by command")
    parser.add_argument("--json", action="store_true", help="as JSON on standard output")


def main(asked: argparse.Namespace) -> int:
    """Do what was asked for and give the exit code."""
    if asked.budget is not None and not (asked.coverage or asked.hunt):
        raise InputError("options", 0, "--budget", "--coverage beside it", "no --coverage")
    if asked.case is not None and not asked.coverage:
        raise InputError("options", 0, "--case", "--coverage beside it", "no --coverage")
    if asked.rule and (asked.coverage or asked.hunt or asked.invariants or asked.occasions):
        raise InputError("options", 0, "RULE", "no rules beside --coverage, --invariants or --occasions", asked.rule[0])
    if asked.hunt:
        return _hunt(asked)
    if asked.coverage:
        return _coverage(asked)
    if asked.invariants:
        rows = [{**row._asdict(), "judges": list(row.judges)} for row in PROPERTIES]
        return _told(asked.json, {"properties": rows}, report.print_properties)
    if asked.occasions:
        listed = [{**row._asdict(), "rules": sorted(row.rules, key=in_order)} for row in OCCASIONS]
        apart = [{"rules": list(pair), "why_not": why} for pair, why in apart_pairs()]
        return _told(asked.json, {"occasions": listed, "never_together": apart}, report.print_occasions)
    return _book(asked)


def _book(asked: argparse.Namespace) -> int:
    venue = venue_named(asked.profile or "default")
    every, out = entries(venue), left_out()
    wanted = {word.upper(): None for word in asked.rule}
    for word in wanted:
        if word not in every and word not in out and word not in LETTERS:
            expected = f"a letter or a rule from {next(iter(RULES))} to {list(every)[-1]}, such as B7"
            raise InputError("options", 0, "RULE", expected, quote(word))
    chosen = {number: entry for number, entry in every.items() if not wanted or wanted.keys() & {number, number[0]}}
    missing = {number: why for number, why in out.items() if not wanted or wanted.keys() & {number, number[0]}}
    if asked.json:
        tests = {number: names_of_tests(number) for number in chosen}
        document = {
            "profile": venue.profile.name,
            "venue": venue.venue,
            "rules": [entry.to_json(tests[number]) for number, entry in chosen.items()],
            "not_in_this_version": missing if wanted else NOT_YET,
            "not_modelled": [other._asdict() for other in venue.not_modelled],
        }
        print(json.dumps(document, indent=2))
        return AGREE
    single = [word for word in wanted if word in every]
    for word in single:
        report.print_rule(chosen[word], names_of_tests(word))
    rest = {number: entry for number, entry in chosen.items() if number not in single}
    if rest or missing:
        report.print_book(rest, missing, venue)
    return AGREE


def _coverage(asked: argparse.Namespace) -> int:
    if asked.case is not None:
        last = MOST + len(kept_cases()) - 1
        if not 0 <= asked.case <= last:
            raise InputError("options", 0, "--case", f"a case from 0 to {last}", str(asked.case))
        case = coverage_case(asked.case)
        told = [{"command": literal(command), "rules": sorted(rules, key=in_order)} for command, rules in told_by(case)]
        return _told(asked.json, {"case": asked.case, "commands": told}, lambda: report.print_case(asked.case))
    profile = None if asked.profile is None else venue_named(asked.profile).profile
    with Bars() as bars:
        found = run_coverage(
            budget=asked.budget, profile=profile, progress=lambda share, what: bars.show("coverage", share, what)
        )
    code = exit_code(found)
    _told(asked.json, {"exit_code": code, **found.to_json()}, lambda: report.print_coverage(found))
    return code


def _hunt(asked: argparse.Namespace) -> int:
    """Run what there is, hunt for the pairs it does not show, and put what was caught with what is kept."""
    with Bars() as bars:
        found = hunted(
            seconds=HUNT_SECONDS if asked.budget is None else asked.budget,
            progress=lambda part, share, what: bars.show(part, share, what),
        )
    document = {"kept": len(found.kept), "caught": found.caught, "missing": [list(pair) for pair in found.missing]}
    _told(asked.json, document, lambda: report.print_hunt(found))
    return INCOMPLETE if found.missing else AGREE


def exit_code(found: Coverage) -> int:
    """1 when rules met that cannot or some were never reached, 3 when it was not looked at to the end, else 0."""
    if found.impossible:
        return DISAGREE
    unreached = bool(found.unreached_rules or found.unreached_pairs)
    if found.unplaced or (unreached and found.partial):
        return INCOMPLETE
    return DISAGREE if unreached else AGREE


def _told(as_json: bool, document: dict[str, Any], show: Callable[[], None]) -> int:
    if as_json:
        print(json.dumps(document, indent=2))
    else:
        show()
    return AGREE
