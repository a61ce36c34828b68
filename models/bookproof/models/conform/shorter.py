"""From a scenario in which an engine diverges to the shortest one in which it still does, and in the same kind."""

from __future__ import annotations

from collections.abc import Collection

from bookproof.models.conform.divergence import FATAL, Divergence, Kind
from bookproof.models.conform.judge import diverges
from bookproof.models.conform.scenarios import Scenario, fitted
from bookproof.models.conform.subject import PATIENCE, Subject
from bookproof.models.generate.case import Case
from bookproof.models.generate.shrinking import shrink_case
from bookproof.spec.input_error import InputError

SHORT_PATIENCE = 0.3
"""Seconds for an answer while a hang is made smaller."""

FEW_TRIES, MANY_TRIES = 40, 1_000
"""How often a smaller case is tried: where each try ends a process, and otherwise."""


def shrink(
    subject: Subject,
    scenario: Scenario,
    found: Divergence,
    *,
    ignore: Collection[Kind] = (),
    attempts: int | None = None,
) -> tuple[Scenario, Divergence]:
    """The shortest scenario found in which the engine diverges in the same kind, and how it does.

    The engine is asked nothing that it does not have, and the venue stays what it is.
    """
    patience = SHORT_PATIENCE if found.kind is Kind.HANG else PATIENCE

    def judged(case: Case, how: Scenario) -> Divergence | None:
        if case.profile != scenario.case.profile or fitted(case, subject.capabilities) != case:
            return None
        try:
            seen = diverges(subject, how._replace(case=case), ignore=ignore, patience=patience)
        except InputError:
            raise
        except ValueError:  # such books cannot be had
            return None
        return seen if seen is not None and seen.kind is found.kind else None

    first = scenario.case._replace(commands=scenario.case.commands[: found.step + 1])
    plain = scenario._replace(late=False, frozen=False)
    ways = dict.fromkeys((plain, scenario._replace(late=False), scenario._replace(frozen=False), scenario))
    shown = ((how, seen) for how in ways if (seen := judged(first, how)) is not None)
    plainest, best = next(shown, (None, found))
    if plainest is None:
        return scenario, found
    how = plainest

    def shows(case: Case) -> bool:
        nonlocal best
        seen = judged(case, how)
        if seen is None:
            return False
        best = seen
        return True

    tries = attempts if attempts is not None else FEW_TRIES if found.kind in FATAL else MANY_TRIES
    shortest = shrink_case(first, shows, attempts=tries)
    return how._replace(case=shortest), best
