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

TRIES = 1_000
"""How many smaller scenarios are tried."""

ENDS = 60
"""How many of them may end the engine's process: it is begun anew each time, and a hang has to be waited for."""


def shrink(
    subject: Subject,
    scenario: Scenario,
    found: Divergence,
    *,
    ignore: Collection[Kind] = (),
    attempts: int = TRIES,
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

    ends = 0

    def shows(case: Case) -> bool:
        nonlocal best, ends
        seen = judged(case, how) if ends < ENDS else None
        if seen is None:
            return False
        ends += seen.kind in FATAL
        best = seen
        return True

    shortest = shrink_case(first, shows, attempts)
    return how._replace(case=shortest), best
