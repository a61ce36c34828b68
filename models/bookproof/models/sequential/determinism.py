"""Determinism (rule A5): the same commands are answered in the same way, again and elsewhere.

A second run in the same process finds clocks, random numbers and state that outlives an engine. It cannot find that a
set is gone through in the order of its hashes, for that order is fixed for the life of a process. So cases are run by
two processes in which text hashes differently, twice in each, and the digests of all answers and books are compared.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from time import perf_counter

from bookproof.models.engines_by_name import MakeEngine, factory
from bookproof.models.generate.case import Case
from bookproof.models.generate.venues import VENUES, venue_named
from bookproof.models.sequential.run import PART, numbered_case
from bookproof.models.verdict import Disagreement, Result, Verdict
from bookproof.spec import exchange

ORACLE = "oracle"
"""The name under which the oracle is asked; every other name is an engine's."""

CHECK = "the same again"
CASES = 75
"""Cases that are run again: three rounds, so each feature three times."""

PATIENCE = 60.0
"""Seconds that one process may take."""

HASH_SEEDS = (1, 2)


def digest(case: Case, engine: str | MakeEngine) -> str:
    """A hash of every answer to a case and of all its books at the end.

    >>> case = numbered_case(1, 0)[1]
    >>> digest(case, ORACLE) == digest(case, "striped")
    True
    """
    said = _by_the_oracle(case) if engine == ORACLE else _by_an_engine(case, engine)
    hashed = hashlib.sha256()
    for part in said:
        hashed.update(repr(part).encode())
    return hashed.hexdigest()


def same_again(case: Case, engine: str | MakeEngine) -> bool:
    """Whether a second run of a case, in this process, says what the first one said."""
    return digest(case, engine) == digest(case, engine)


def first_difference(numbers: Iterable[int], engine: str, *, seed: int = 1, profile: str | None = None) -> int | None:
    """The first of these cases (`numbered_case`) that is not answered alike by every run in every process.

    Raises TimeoutError when a process does not come to its end, RuntimeError with what it said when it fails.
    """
    listed = list(numbers)
    asked = json.dumps({"seed": seed, "numbers": listed, "engine": engine, "profile": profile})
    runs: list[list[str]] = []
    for hash_seed in HASH_SEEDS:
        try:
            done = subprocess.run(
                [sys.executable, "-c", _ELSEWHERE, asked],
                env=os.environ | {"PYTHONHASHSEED": str(hash_seed)},
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{engine} did not answer for {PATIENCE:.0f} s") from None
        if done.returncode:
            raise RuntimeError(done.stderr.strip() or f"exit code {done.returncode}")
        runs += json.loads(done.stdout)
    return next((number for number, *said in zip(listed, *runs, strict=True) if len(set(said)) > 1), None)


def runs(seed: int, numbers: list[int], engine: str, profile: str | None) -> list[list[str]]:
    """The digests of numbered cases, from two runs one after the other."""
    venues = tuple(VENUES.values()) if profile is None else (venue_named(profile).profile,)
    cases = [numbered_case(seed, number, venues)[1] for number in numbers]
    return [[digest(case, engine) for case in cases] for _ in range(2)]


def run_determinism(
    engine: str, *, seed: int, case: int | None = None, profile: str | None = None, worth_it: bool = True
) -> Result:
    """Whether the oracle and an engine say the same again, also where text hashes differently.

    Not run unless it is `worth_it`: an engine that gives wrong answers, or none, is not asked twice.

    >>> run_determinism("striped", seed=1, case=7).verdict.value
    'agree'
    """
    started = perf_counter()
    numbers = list(range(CASES)) if case is None else [case]
    if not worth_it:
        return Result(PART, CHECK, Verdict.NOT_RUN, {}, 0.0, "the engine disagrees in what it says once")
    worth: dict[str, int | str] = {"cases": len(numbers), "runs of each": 2 * len(HASH_SEEDS)}
    for asked in (ORACLE, engine):
        try:
            number = first_difference(numbers, asked, seed=seed, profile=profile)
        except (TimeoutError, RuntimeError) as error:
            note = str(error).splitlines()[-1]
            return Result(PART, CHECK, Verdict.NOT_RUN, {}, perf_counter() - started, note)
        if number is not None:
            again = f"bookproof verify --only {PART} --seed {seed} --case {number} --engine {engine}"
            title = f"{asked} says something else when it is given case {number} again"
            found = Disagreement(title, ("A5",), "the same answers", "other answers", f"# {again}\n", again)
            return Result(PART, CHECK, Verdict.DISAGREE, worth, perf_counter() - started, "", found)
    return Result(PART, CHECK, Verdict.AGREE, worth, perf_counter() - started)


def _by_the_oracle(case: Case) -> Iterable[object]:
    state = exchange.opening(case.instruments, case.profile)
    for command in case.commands:
        state, events = exchange.step(state, command)
        yield events
    yield exchange.snapshot(state)


def _by_an_engine(case: Case, engine: str | MakeEngine) -> Iterable[object]:
    make = factory(engine) if isinstance(engine, str) else engine
    running = make(case.instruments, case.profile)
    for command in case.commands:
        yield tuple(running.submit(command).events)
    yield tuple(running.view(instrument.symbol) for instrument in case.instruments)


_ELSEWHERE = f"""
import json, sys
from {__name__} import runs
print(json.dumps(runs(**json.loads(sys.argv[1]))))
"""
