"""Determinism (rule A5): the same commands are answered in the same way, in this process and in another.

A second run in this process finds clocks, random numbers and state that outlives an engine. It cannot find the order in
which a set is gone through, for that is fixed for the life of a process: so the cases are run once more by a process in
which text hashes otherwise, and the digests of all answers and books are compared.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable

from bookproof.models.engines_by_name import MakeEngine, factory
from bookproof.models.generate.case import Case
from bookproof.models.sequential.run import numbered_case
from bookproof.spec import exchange

ORACLE = "oracle"
"""The name under which the oracle is asked; every other name is an engine's."""


def digest(case: Case, engine: str | MakeEngine) -> str:
    """A hash of every answer to a case and of all its books at the end.

    >>> case = numbered_case(1, 0)[1]
    >>> digest(case, ORACLE) == digest(case, "striped")
    True
    """
    hashed = hashlib.sha256()
    if engine == ORACLE:
        state = exchange.opening(case.instruments, case.profile)
        for command in case.commands:
            state, events = exchange.step(state, command)
            hashed.update(repr(events).encode())
        hashed.update(repr(exchange.snapshot(state)).encode())
        return hashed.hexdigest()
    make = factory(engine) if isinstance(engine, str) else engine
    running = make(case.instruments, case.profile)
    for command in case.commands:
        hashed.update(repr(tuple(running.submit(command).events)).encode())
    views = tuple(running.view(instrument.symbol) for instrument in case.instruments)
    hashed.update(repr(views).encode())
    return hashed.hexdigest()


def same_again(case: Case, engine: str | MakeEngine) -> bool:
    """Whether a second run of a case says what the first one said."""
    return digest(case, engine) == digest(case, engine)


def same_elsewhere(numbers: Iterable[int], engine: str, *, seed: int = 1, hash_seeds: Iterable[int] = (1, 2)) -> bool:
    """Whether processes in which text hashes differently say the same of numbered cases (`numbered_case`)."""
    listed = list(numbers)
    asked = json.dumps({"seed": seed, "numbers": listed, "engine": engine})
    said = set()
    for hash_seed in hash_seeds:
        done = subprocess.run(
            [sys.executable, "-c", _ELSEWHERE, asked],
            env=os.environ | {"PYTHONHASHSEED": str(hash_seed)},
            capture_output=True,
            text=True,
            check=True,
        )
        said.add(done.stdout)
    return len(said) == 1


def digests(seed: int, numbers: Iterable[int], engine: str) -> list[str]:
    """The digest of each numbered case."""
    return [digest(numbered_case(seed, number)[1], engine) for number in numbers]


_ELSEWHERE = f"""
import json, sys
from {__name__} import digests
asked = json.loads(sys.argv[1])
print(digests(asked["seed"], asked["numbers"], asked["engine"]))
"""
