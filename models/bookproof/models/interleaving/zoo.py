"""`bookproof zoo`: every engine with a seeded defect is caught, and how little it takes to show it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from time import perf_counter
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bookproof.engine.zoo import ZOO
from bookproof.models.engines_by_name import factory
from bookproof.models.interleaving.explore import Certificate, Explorer, Verdict
from bookproof.models.interleaving.run import SECONDS, again_by, tell, token
from bookproof.models.interleaving.scenarios import NAMED, Scenario
from bookproof.models.interleaving.words import switches
from bookproof.models.report.terminal import Bars
from bookproof.models.sequential.run import run_sequential
from bookproof.spec.input_error import InputError

CORRECT = ("striped", "global-lock")
"""Engines without a seeded defect: whatever catches the others has to let them pass."""


class Caught(NamedTuple):
    """What became of one engine of the zoo."""

    name: str
    by: str
    """What caught it; nothing if it was missed."""
    scenario: str = ""
    commands: int = 0
    """How many the smallest counterexample needs, those before the threads begin left out."""
    switches: int = 0
    """How often its schedule goes from one thread to another."""
    runs: int = 0
    seconds: float = 0.0
    again: str = ""
    """The command line that shows it again."""
    token: str = ""


def add_zoo(parser: argparse.ArgumentParser) -> None:
    """The options of `bookproof zoo`."""
    parser.description = (
        "Engines with one seeded defect each, and what catches them. Every one has to be caught, and correct ones pass."
    )
    parser.add_argument("name", nargs="?", choices=list(ZOO), metavar="NAME", help=f"tell one: {', '.join(ZOO)}")
    parser.add_argument("--html", metavar="FILE", help="of one: its story also as a page of its own")
    parser.add_argument("--json", action="store_true", help="the table as JSON on standard output")
    parser.set_defaults(run=zoo)


def zoo(asked: argparse.Namespace) -> int:
    """Exit code 0 when every defect is caught and every correct engine passes, 1 otherwise."""
    if asked.html and not asked.name:
        raise InputError("options", 0, "--html", "the NAME of one engine with it", "none")
    names = [asked.name] if asked.name else list(ZOO)
    found: list[Caught] = []
    with Bars() as bars:
        for at, name in enumerate(names):
            bars.show("zoo", max(at / len(names), 0.001), name)
            found.append(caught(name))
        alarms = {} if asked.name else {name: unverified(name) for name in CORRECT}
        bars.show("zoo", 1.0, "done")
    missed = [each.name for each in found if not each.by]
    if asked.json:
        print(json.dumps([as_dict(each) for each in found], indent=2))
    elif asked.name:
        _tell_one(Console(), found[0], asked.html)
    else:
        _tell_all(Console(), found, missed, alarms)
    return 1 if missed or any(alarms.values()) else 0


def as_dict(each: Caught) -> dict[str, Any]:
    """What became of an engine, and what is wrong with it, for a machine."""
    defect = ZOO[each.name]
    return {**each._asdict(), "story": defect.story, "seen": defect.seen, "needs_threads": defect.needs_threads}


def _tell_all(console: Console, found: list[Caught], missed: list[str], alarms: dict[str, list[str]]) -> None:
    table = Table(title="What catches them", title_justify="left")
    for heading in ("engine", "caught by", "in", "commands", "switches", "runs", "seconds"):
        table.add_column(heading, justify="left" if heading in ("engine", "caught by", "in") else "right")
    for each in found:
        by = Text(each.by or "missed", "green" if each.by else "bold red")
        numbers = (each.commands or "", each.switches or "", f"{each.runs:,}", f"{each.seconds:.2f}")
        table.add_row(each.name, by, each.scenario, *map(str, numbers))
    console.print(table)
    for each in found:
        if each.by:
            console.print(each.again, highlight=False, soft_wrap=True)
    story = f" Missed: {', '.join(missed)}." if missed else ""
    seconds = sum(each.seconds for each in found)
    console.print(f"{len(found) - len(missed)} of {len(found)} caught, in {seconds:.1f} s.{story}", highlight=False)
    for engine, names in alarms.items():
        said = (
            f"not verified: {', '.join(names)}."
            if names
            else f"verified in all {len(NAMED)} scenarios, as it should be."
        )
        console.print(f"{engine}: {said}", style="bold red" if names else "", highlight=False)
    console.print("bookproof zoo NAME tells the story of one.", highlight=False)


def _tell_one(console: Console, each: Caught, html: str | None) -> None:
    defect = ZOO[each.name]
    console.print(Text(each.name, "bold"))
    console.print(defect.story, highlight=False)
    console.print(f"Seen: {defect.seen}", highlight=False)
    console.print("It takes two threads to see it." if defect.needs_threads else "One thread alone can see it.")
    console.print(f"Caught by {each.by or 'nothing'}, {each.runs:,} runs, {each.seconds:.2f} s.", highlight=False)
    if each.token:
        tell(console, each.token, each.name, html=html)
    elif each.by:
        console.print(each.again, highlight=False, soft_wrap=True)


def unverified(engine: str) -> list[str]:
    """The scenarios in which a correct engine is not shown to be one.

    >>> unverified("global-lock")
    []
    """
    explorer = Explorer(factory(engine))
    certificates = (explorer.explore(scenario, SECONDS) for scenario in NAMED.values())
    return [each.scenario.name for each in certificates if each.verdict is not Verdict.VERIFIED]


def faults(engine: str) -> Iterator[Certificate]:
    """Every certificate that tells of a fault: the scenario that shows this defect best first, then the others."""
    explorer = Explorer(factory(engine))
    for scenario in _in_turn(engine):
        certificate = explorer.explore(scenario, SECONDS)
        if certificate.fault is not None:
            yield certificate


def _in_turn(engine: str) -> list[Scenario]:
    best = ZOO[engine].scenario
    return sorted(NAMED.values(), key=lambda each: (each.name != best, sum(map(len, each.scripts))))


def caught(engine: str) -> Caught:
    """By what a defect is caught, if at all: schedules first, then random commands on one thread.

    >>> found = caught("look-up-before-lock")
    >>> found.by, found.scenario, found.commands
    ('schedules: answer', 'cancel-fill', 2)
    """
    started = perf_counter()
    certificate = next(faults(engine), None)
    if certificate is not None:
        fault = certificate.fault
        assert fault is not None
        scenario, text = certificate.scenario, token(certificate)
        return Caught(
            engine,
            f"schedules: {fault.kind}",
            scenario.name,
            sum(map(len, scenario.scripts)),
            switches(fault.schedule),
            certificate.runs,
            perf_counter() - started,
            again_by(text, engine),
            text,
        )
    if not ZOO[engine].needs_threads:
        results = run_sequential(engine, budget_seconds=0, seed=1)
        found = next((result.disagreement for result in results if result.disagreement is not None), None)
        runs = sum(int(result.worth.get("sequences", 0)) for result in results)
        if found is not None:
            by, seconds = "one thread: random commands", perf_counter() - started
            return Caught(engine, by, runs=runs, seconds=seconds, again=found.run_again)
    return Caught(engine, "", seconds=perf_counter() - started)
