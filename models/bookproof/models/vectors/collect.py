"""Which scenarios there are: for every rule, and every pair of rules that can meet, a case that is as short as may be.

They are looked for in the cases of `bookproof rules --coverage`, and shrunk while their last command is still decided
by both rules. That takes minutes, so what was found is kept in a file of the package (`scenarios.ndjson`, in the wire
format) and `bookproof vectors` reads it; `bookproof vectors --collect` makes it anew, when the rule book has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import TypeAlias

from bookproof.models.generate.case import Case
from bookproof.models.generate.shrinking import shrink_case
from bookproof.models.rules.coverage import LEAST, coverage_case, possible_pairs, told_by
from bookproof.models.rules.kept import kept_cases, read_cases, write_cases
from bookproof.models.rules.occasions import in_order
from bookproof.models.sequential.run import DECISION_RULES

FILE = Path(__file__).with_name("scenarios.ndjson")

ATTEMPTS = 10_000
"""Candidates that are tried to make a scenario simpler, at most."""

Rules: TypeAlias = tuple[str, ...]
"""A rule, or two."""

Progress = Callable[[str, float, str], None]


@cache
def scenarios() -> tuple[Case, ...]:
    """The cases of the package, in the order of the rules that they are for.

    >>> len(scenarios()) >= 1_000
    True
    """
    return read_cases(FILE)


def wanted() -> list[Rules]:
    """Every rule that decides something, and every pair of them that can meet in one command.

    >>> ("B1",) in wanted(), ("B1", "B7") in wanted(), ("A5", "B1") in wanted()
    (True, True, False)
    """
    return [*((number,) for number in DECISION_RULES), *possible_pairs()]


def met_in(case: Case) -> frozenset[str]:
    """The rules that decide the last command of a case; none if such books cannot be had."""
    try:
        told = list(told_by(case))
    except ValueError:
        return frozenset()
    return told[-1][1] if told else frozenset()


def collect(progress: Progress, file: Path = FILE) -> tuple[Case, ...]:
    """Find a scenario for all that is wanted, shrink it, and put them in the file."""
    shortest = _shortest(progress)
    targets = sorted(wanted(), key=lambda rules: (len(rules), [in_order(rule) for rule in rules]))
    found: dict[Case, Rules] = {}
    for at, rules in enumerate(targets):
        progress("shrunk", at / len(targets), f"{at:,} of {len(targets):,} rules and pairs, {len(found):,} scenarios")
        near = [case for met, case in shortest.items() if met.issuperset(rules)]
        if not near:
            continue  # the file is then short of it, and whoever reads the file says so
        found.setdefault(_shrunk(min(near, key=lambda case: len(case.commands)), rules), rules)
    progress("shrunk", 1.0, f"{len(found):,} scenarios")
    write_cases(file, found)
    scenarios.cache_clear()
    return tuple(found)


def _shrunk(case: Case, rules: Rules) -> Case:
    """A simpler case, and in any case one in which no command can be left out, whatever shrinking had no time for."""
    case = shrink_case(case, lambda candidate: met_in(candidate).issuperset(rules), attempts=ATTEMPTS)
    at = 0
    while at < len(case.commands) - 1:
        shorter = case._replace(commands=case.commands[:at] + case.commands[at + 1 :])
        if met_in(shorter).issuperset(rules):
            case, at = shorter, 0
        else:
            at += 1
    return case


def _shortest(progress: Progress) -> dict[frozenset[str], Case]:
    """For each set of rules that met in a command, the shortest case that ends with such a one."""
    shortest: dict[frozenset[str], Case] = {}
    cases: Iterable[Case] = (*map(coverage_case, range(LEAST)), *kept_cases())
    for number, case in enumerate(cases):
        if number % 100 == 0:
            progress("generated", min(1.0, number / LEAST), f"{number:,} cases")
        for at, (_, rules) in enumerate(told_by(case), start=1):
            known = shortest.get(rules)
            if known is None or at < len(known.commands):
                shortest[rules] = case._replace(commands=case.commands[:at])
    progress("generated", 1.0, f"{LEAST:,} cases")
    return shortest
