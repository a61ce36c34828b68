"""What exactly was searched: short digests of a scenario and of the source of an engine, for a certificate."""

from __future__ import annotations

import hashlib
import sys
from functools import cache
from pathlib import Path

from bookproof.models.interleaving.scenarios import Scenario

_LENGTH = 12


def scenario_digest(scenario: Scenario) -> str:
    """Of everything that is done in a scenario, and where: its name and its story are not part of it.

    >>> from bookproof.models.interleaving.scenarios import NAMED
    >>> one = NAMED["cancel-fill"]
    >>> scenario_digest(one) == scenario_digest(one._replace(name="another"))
    True
    >>> scenario_digest(one) == scenario_digest(one._replace(before=()))
    False
    """
    what = (scenario.scripts, scenario.before, scenario.instruments, scenario.profile)
    return hashlib.sha256(repr(what).encode()).hexdigest()[:_LENGTH]


@cache
def engine_digest(engine: type[object]) -> str:
    """Of the name of an engine, and of the source of every package that its classes stand in.

    Empty where there is no source to read.

    >>> from bookproof.engine.striped import StripedEngine
    >>> len(engine_digest(StripedEngine))
    12
    """
    modules = {one.__module__ for one in engine.__mro__ if one.__module__.split(".")[0] not in sys.stdlib_module_names}
    files = [getattr(sys.modules.get(module), "__file__", None) for module in modules]
    folders = {Path(file).parent for file in files if file is not None}
    digest = hashlib.sha256(f"{engine.__module__}.{engine.__qualname__}".encode())
    sources = sorted(source for folder in folders for source in folder.glob("*.py"))
    for source in sources:
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()[:_LENGTH] if sources else ""
