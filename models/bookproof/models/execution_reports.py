"""`bookproof reports`: what every owner was told in a run, as execution reports, checked as they are written.

The run is a file of outcomes, of whatever exchange, or a file of commands, which the rule book answers. Outcomes are
taken in the order of their stamps, that in which the commands took effect; without stamps as they stand.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from bookproof.spec import exchange
from bookproof.spec.codec import ANY, COMMAND, OUTCOME, REPORT, Contents, Header, Outcome, encode, load
from bookproof.spec.commands import Command
from bookproof.spec.fix import to_fix
from bookproof.spec.input_error import InputError
from bookproof.spec.report_checks import broken_stream
from bookproof.spec.reporting import Reporter
from bookproof.spec.reports import Report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `bookproof reports` takes."""
    parser.description = "Write the execution report of everything that happened to an order, and check the stream."
    parser.add_argument("file", type=Path, help="commands, which the rule book answers, or outcomes, in NDJSON")
    parser.add_argument("--fix", action="store_true", help="FIX tags instead of NDJSON, a bar between them")


def main(asked: argparse.Namespace) -> int:
    """Exit code 0 when every rule of reports holds, else 1, with a line on standard error for each breach."""
    contents = load(asked.file, ANY)
    told = reports_of(contents, str(asked.file))
    reports: list[Report] = []
    wrong: list[str] = []
    if not asked.fix:
        print(encode(Header(REPORT, contents.header.instruments, contents.header.profile)))
    try:  # a line at a time: what a run that goes wrong had reported until then is worth seeing
        for report in told:
            print(to_fix(report) if asked.fix else encode(report))
            reports.append(report)
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        wrong.append(str(error))
    wrong += map(str, broken_stream(reports))
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    return 1 if wrong else 0


def reports_of(contents: Contents[Any], path: str = "") -> Iterator[Report]:
    """The reports of a run. InputError for a file of anything else; ValueError as `reporting.report` has it.

    >>> from bookproof.spec.commands import Cancel
    >>> from bookproof.spec.instruments import listing
    >>> run = Contents(Header(COMMAND, listing(["ABC"])), (Cancel("ABC", 1),))
    >>> [(report.report_seq, report.stamp, report.ord_status.name) for report in reports_of(run)]
    [(1, 1, 'REJECTED')]
    """
    header = contents.header
    if header.kind not in (COMMAND, OUTCOME):
        raise InputError(path, 1, "kind", "commands or outcomes", header.kind.name, "reports are made of what happened")
    outcomes = _answered(contents) if header.kind == COMMAND else _in_order(contents.records)
    reporter = Reporter([instrument.symbol for instrument in header.instruments], header.profile)
    return (told for each in outcomes for told in reporter.feed(each.command, each.events, each.stamp))


def _answered(contents: Contents[Command]) -> Iterator[Outcome]:
    """What the rule book says to each command; its stamp is its place in the file."""
    state = exchange.opening(contents.header.instruments, contents.header.profile)
    for stamp, command in enumerate(contents.records, 1):
        state, events = exchange.step(state, command)
        yield Outcome(command, stamp, events)


def _in_order(outcomes: tuple[Outcome, ...]) -> Iterable[Outcome]:
    """By stamp; as they stand if any has none."""
    if any(outcome.stamp is None for outcome in outcomes):
        return outcomes
    return sorted(outcomes, key=lambda outcome: outcome.stamp or 0)
