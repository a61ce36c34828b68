"""What frontrun 0.7.0 makes of one program, as JSON on standard output; it is run as `schedule_peer` is::

    frontrun python -m bookproof.models.bench.schedule_fuzz_peer program.py 10 < outcomes.json

`program.py` has a class `State` with a method `outcome`, and a list `threads` of functions of a state. On standard
input: every outcome that a run can end with, and whether a run can end with somebody `stuck`.

For each way to search: how many of these it missed. Where it did, it is asked once more, whether no run ends with the
first of those that it missed. That is false, so whoever says that it holds certifies a program that fails.
"""

from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Callable
from importlib import import_module
from time import perf_counter
from typing import Any

WAYS: dict[str, dict[str, Any]] = {"by its defaults": {}, "without its bound": {"preemption_bound": None}}
"""Ways to search, as its documentation has them: with at most two preemptions, or with any number."""


def searched(explore: Callable[..., Any], program: dict[str, Any], right: dict[str, Any], seconds: float) -> Any:
    """What comes of each way to search, each within so many seconds."""
    told = {}
    for name, way in WAYS.items():
        found: list[Any] = []
        begun = perf_counter()
        result = _explored(explore, program, lambda outcome, found=found: found.append(outcome) or True, seconds, way)  # type: ignore[misc]
        missed = sorted(outcome for outcome in right["outcomes"] if outcome not in found)
        unseen = bool(right["stuck"]) and result.property_holds is not False
        spent = perf_counter() - begun >= seconds
        certified, by_lot = unseen and result.property_holds is True, False
        if missed and not spent:

            def never(outcome: Any, first: Any = missed[0]) -> bool:
                return bool(outcome != first)

            begun = perf_counter()
            certified |= _explored(explore, program, never, seconds, way).property_holds is True
            spent = perf_counter() - begun >= seconds
            by_lot = _explored(explore, program, never, seconds, {"strategy": "random"}).property_holds is False
        told[name] = {
            "schedules": result.num_explored,
            "missed": len(missed) + unseen,
            "foreign": sum(outcome not in right["outcomes"] for outcome in found),
            "spent": spent,
            "certified": certified,
            "shown_by_lot": by_lot,
        }
    return told


def _explored(
    explore: Callable[..., Any],
    program: dict[str, Any],
    holds: Callable[[Any], bool],
    seconds: float,
    way: dict[str, Any],
) -> Any:
    """A search for a run whose outcome is wrong; it goes on to its end."""
    goes_on = {} if "strategy" in way else {"stop_on_first": False}

    def right(state: Any) -> bool:
        return holds(json.loads(json.dumps(state.outcome())))

    options = {"detect_io": False, "reproduce_on_failure": 0, "total_timeout": seconds, **goes_on, **way}
    return explore(program["State"], program["threads"], right, **options)


def main() -> None:
    """Search the program that is named, and print what came of it."""
    program, seconds = runpy.run_path(sys.argv[1]), float(sys.argv[2])
    print(json.dumps(searched(import_module("frontrun").explore, program, json.load(sys.stdin), seconds)))


if __name__ == "__main__":
    main()
