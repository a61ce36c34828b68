"""`bookproof vectors`: write the rule book as scenario files, and say what they cover."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bookproof.models.report.terminal import Bars
from bookproof.models.rules.coverage import possible_pairs
from bookproof.models.sequential.run import DECISION_RULES
from bookproof.models.vectors.collect import Rules, collect, scenarios, wanted
from bookproof.models.vectors.expected import Vector, vectors
from bookproof.models.vectors.forms import VERSION, as_json, as_lines, counted
from bookproof.spec.input_error import InputError, quote

AGREE, INCOMPLETE = 0, 3

FORMS = {"json": ("vectors.ndjson", as_json), "lines": ("vectors.txt", as_lines)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.description = (
        "Write the rule book as scenarios for an exchange in any language: commands, and every event and view that is "
        "expected of each, with the rules by which it is decided."
    )
    parser.add_argument(
        "--out", type=Path, default=Path("bookproof-vectors"), metavar="DIR", help="(bookproof-vectors)"
    )
    parser.add_argument("--form", choices=FORMS, action="append", help="one of the two forms; both by default")
    parser.add_argument("--rule", action="append", metavar="RULE", help="only scenarios whose last command it decides")
    parser.add_argument("--knows", metavar="WORDS", help="only scenarios that need no more than these, with commas")
    parser.add_argument("--list", action="store_true", help="print what scenarios need, and write nothing")
    parser.add_argument("--collect", action="store_true", help="look for the scenarios anew (minutes)")
    parser.add_argument("--json", action="store_true", help="what was written, as JSON on standard output")
    parser.set_defaults(run=main)


def main(asked: argparse.Namespace) -> int:
    """Exit code 0 when every rule and pair is covered by what there is, 3 when some are not."""
    with Bars() as bars:
        if asked.collect:
            collect(bars.show)
        chosen = list(_watched(bars))
    missing = uncovered(chosen)
    for number in asked.rule or ():
        if number not in DECISION_RULES:
            raise InputError("options", 0, "--rule", f"a rule such as B7; they are {', '.join(DECISION_RULES)}", number)
    if asked.rule:
        chosen = [vector for vector in chosen if set(asked.rule) & set(vector.steps[-1].rules)]
    if asked.knows is not None:
        chosen = _known(chosen, asked.knows)
    if asked.list:
        _print_needs(chosen, asked.json)
        return INCOMPLETE if missing else AGREE
    written = _write(asked.out, asked.form or list(FORMS), chosen)
    document = {
        "version": VERSION,
        "scenarios": len(chosen),
        **counted(chosen),
        "rules": len(DECISION_RULES) - sum(len(rules) == 1 for rules in missing),
        "pairs": len(possible_pairs()) - sum(len(rules) == 2 for rules in missing),
        "missing": ["+".join(rules) for rules in missing],
        "files": [str(file) for file in written],
    }
    if asked.json:
        print(json.dumps(document, indent=2))
    else:
        _print(document)
    return INCOMPLETE if missing else AGREE


def _watched(bars: Bars) -> Iterable[Vector]:
    cases = scenarios()
    for at, vector in enumerate(vectors(cases)):
        bars.show("vectors", at / len(cases), f"{at:,} of {len(cases):,} scenarios")
        yield vector
    bars.show("vectors", 1.0, f"{len(cases):,} scenarios")


def uncovered(chosen: Iterable[Vector]) -> list[Rules]:
    """The rules and pairs that no scenario shows in its last command.

    >>> len(uncovered([])) == len(wanted())
    True
    """
    met = {vector.steps[-1].rules for vector in chosen if vector.steps}
    return [rules for rules in wanted() if not any(set(rules) <= set(shown) for shown in met)]


def _known(chosen: list[Vector], words: str) -> list[Vector]:
    known = set(words.split(","))
    every = {need for vector in chosen for need in vector.needs}
    for word in sorted(known - every):
        raise InputError("options", 0, "--knows", "words that `bookproof vectors --list` prints", quote(word))
    return [vector for vector in chosen if known.issuperset(vector.needs)]


def _write(folder: Path, forms: Iterable[str], chosen: list[Vector]) -> list[Path]:
    """Each file is whole or as it was before."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for form in forms:
        name, lines = FORMS[form]
        fresh = folder / f"{name}.new"
        with fresh.open("w", encoding="ascii", newline="\n") as stream:
            stream.writelines(f"{line}\n" for line in lines(chosen))
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(folder / name)
        written.append(folder / name)
    return written


def _print(document: dict[str, Any]) -> None:
    console = Console()
    console.print(
        f"{document['scenarios']:,} scenarios, {document['commands']:,} commands, {document['events']:,} events and "
        f"{document['views']:,} changed views expected of them: {document['rules']} of {len(DECISION_RULES)} rules, "
        f"{document['pairs']:,} of the {len(possible_pairs()):,} pairs that can meet in one command.",
        highlight=False,
    )
    if document["missing"]:
        console.print(f"Missing: {', '.join(document['missing'])}; bookproof vectors --collect looks for them.")
    for file in document["files"]:
        console.print(file, highlight=False, soft_wrap=True)


def _print_needs(chosen: list[Vector], machine: bool) -> None:
    needs: dict[str, int] = {}
    for vector in chosen:
        for need in vector.needs:
            needs[need] = needs.get(need, 0) + 1
    if machine:
        print(json.dumps({"scenarios": len(chosen), "needs": needs}, indent=2))
        return
    table = Table(title=f"What {len(chosen):,} scenarios need", title_justify="left")
    table.add_column("need")
    table.add_column("scenarios", justify="right")
    for need in sorted(needs, key=lambda one: (-needs[one], one)):
        table.add_row(need, f"{needs[need]:,}")
    Console().print(table)
