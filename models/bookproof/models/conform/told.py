"""What a check found, for a person, for a machine, and as a test to paste."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bookproof.models.conform.check import AT_ONCE, Finding, Outcome, Report
from bookproof.models.conform.judge import diverges
from bookproof.models.conform.scenarios import USUAL, Scenario
from bookproof.models.conform.ways import engine
from bookproof.models.generate.case import Case
from bookproof.models.report.literal import classes_in, laid_out, literal
from bookproof.models.report.program import imports, snake_case
from bookproof.models.report.terminal import table, told
from bookproof.models.verdict import Disagreement, Result, Verdict
from bookproof.spec.profile import DEFAULT

PART = "check"


def run_again(report: Report, outcome: Outcome, finding: Finding) -> str:
    """The command line that finds it again."""
    request = report.request
    words = ["bookproof", "check", *report.named, "--feature", outcome.run, "--seed", str(request.seed)]
    words += ["--case", str(finding.number)]
    words += ["--profile", request.profile_named] if request.profile_named else []
    for kind in request.ignore:
        words += ["--ignore", kind.value]
    return shlex.join(words)


def program(report: Report, finding: Finding) -> str:
    """The finding as a test that can be pasted into a file and run by itself."""
    found, (case, late, frozen, conventions) = finding.divergence, finding.scenario
    asked = "opening" if found.command is None else type(found.command).__name__
    name = f"test_{found.kind.value}_after_{snake_case(asked)}"
    given: dict[str, Any] = {"instruments": case.instruments, "commands": case.commands}
    if case.profile != DEFAULT:
        given["profile"] = case.profile
    if conventions != USUAL:
        given["conventions"] = conventions
    terms = ", ".join(name for name in given if name != "conventions")
    habits = ", conventions=conventions" if conventions != USUAL else ""
    how = f"{', late=True' if late else ''}{', frozen=True' if frozen else ''}"
    lines = [
        f"def {name}() -> None:",
        f'    """What the rule book says, by {", ".join(found.rules) or "no rule at all"}."""',
        *(laid_out(value, "    ", f"{name} = ") for name, value in given.items()),
        f"    with engine({', '.join(map(literal, report.named))}) as subject:",
        f"        found = diverges(subject, Scenario(Case({terms}){how}{habits}))",
        "    assert found is None, str(found)",
    ]
    kinds = {*(kind for value in given.values() for kind in classes_in(value)), Case, Scenario}
    names = {(kind.__module__, kind.__name__) for kind in kinds} | {("bookproof.models.conform.ways", engine.__name__)}
    return "\n".join([*imports(names | {(diverges.__module__, diverges.__name__)}), "", "", *lines, ""])


def results(report: Report) -> Iterator[Result]:
    """One result for each run, as every part of `bookproof verify` gives them; then the features not covered."""
    for outcome in report.outcomes:
        counted = "histories" if outcome.run in AT_ONCE else "scenarios"
        worth: dict[str, int | str] = {counted: outcome.scenarios, "commands": outcome.commands}
        if outcome.run in AT_ONCE:
            worth["overlapped"] = outcome.overlapped
        verdict, disagreement = Verdict.AGREE if not outcome.not_run else Verdict.NOT_RUN, None
        note = outcome.not_run
        if outcome.finding is not None:
            found = outcome.finding.divergence
            verdict = Verdict.DISAGREE
            note = "; ".join(filter(None, [f"{found.kind.value}: {found.title}", outcome.finding.note]))
            got = "\n".join([*found.got, *([found.errors] if found.errors else [])])
            disagreement = Disagreement(
                found.title,
                found.rules,
                "\n".join(found.expected),
                got,
                outcome.finding.test or program(report, outcome.finding),
                run_again(report, outcome, outcome.finding),
            )
        yield Result(PART, outcome.run, verdict, worth, outcome.seconds, note, disagreement)
    for feature, why in report.not_covered:
        yield Result(PART, feature, Verdict.NOT_RUN, {}, 0.0, f"not covered: {why}")


def to_json(report: Report) -> dict[str, Any]:
    """The report as a JSON object."""
    rows = list(results(report))[: len(report.outcomes)]
    kinds = [outcome.finding.divergence.kind.value if outcome.finding else None for outcome in report.outcomes]
    return {
        "engine": list(report.named),
        "capabilities": report.capabilities.to_json(),
        "profile": report.request.profile.name,
        "variants": [variant._asdict() for variant in report.variants],
        "seed": report.request.seed,
        "exit_code": report.exit_code,
        "results": [{**row.to_json(), "kind": kind} for row, kind in zip(rows, kinds, strict=True)],
        "not_covered": dict(report.not_covered),
        "lost": report.lost,
    }


def print_report(report: Report, console: Console | None = None) -> None:
    """The findings at length, then the table, what was not covered, and one sentence."""
    console = console or Console()
    rows = list(results(report))[: len(report.outcomes)]
    shown: dict[tuple[str, str, str], str] = {}
    for at, row in enumerate(rows):
        found = row.disagreement
        if found is not None:
            first = shown.setdefault((found.title, found.expected, found.got), row.check)
            if first == row.check:
                console.print(told(row, found))
            else:
                rows[at] = row._replace(note=f"the same as in {first}; {found.run_again}")
    if report.variants:
        console.print(_conduct(report))
    console.print(table(rows))
    if report.not_covered:
        reasons: dict[str, list[str]] = {}
        for feature, why in report.not_covered:
            reasons.setdefault(why, []).append(feature)
        listed = "; ".join(f"{', '.join(features)} ({why})" for why, features in reasons.items())
        console.print(Text(f"Not covered: {listed}."))
    style = {0: "green", 1: "bold red"}.get(report.exit_code, "yellow")
    console.print(Text(closing_sentence(report), style=style))


def _conduct(report: Report) -> Table:
    """Which conventions the engine was found to follow."""
    rows = Table(title="What it follows", title_justify="left", title_style="bold", pad_edge=False)
    for name in ("rule", "topic", "choice", "how it was found"):
        rows.add_column(name)
    for variant in report.variants:
        style = "" if variant.found and variant.modelled else "yellow"
        rows.add_row(variant.rules, variant.topic, Text(variant.choice, style=style), variant.evidence)
    return rows


def closing_sentence(report: Report) -> str:
    """What may be concluded, and no more."""
    name = " ".join(filter(None, (report.capabilities.name, report.capabilities.version)))
    count = len(report.outcomes)
    if report.findings:
        kinds = ", ".join(dict.fromkeys(finding.divergence.kind.value for _, finding in report.findings))
        return f"DIVERGES: {name}, in {len(report.findings)} of {count} runs ({kinds})."
    if report.lost:
        return f"UNUSABLE: {report.lost}"
    missing = [outcome.run for outcome in report.outcomes if outcome.not_run]
    if missing:
        return f"INCOMPLETE: nothing diverged, but {len(missing)} of {count} runs did not end ({', '.join(missing)})."
    commands = sum(outcome.commands for outcome in report.outcomes)
    return f"CONFORMS: {name}, in {count} runs of {commands:,} commands, on what it shows and on nothing else."
