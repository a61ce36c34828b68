"""What frontrun 0.7.0 makes of the 3x2 book of `schedules`, as JSON on standard output.

It takes the place of `threading` in a process of its own, so it is run as its documentation says::

    frontrun python -m bookproof.models.bench.schedule_peer 60

That is: the 3x2 book within so many seconds, with the preemption bound it has by default.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib import import_module
from time import perf_counter, process_time
from typing import Any

from bookproof.engine.striped import StripedEngine
from bookproof.models.interleaving.scenarios import Scenario
from bookproof.models.interleaving.small import book_of


class _Exchange:
    """The engine as the threads find it."""

    def __init__(self, scenario: Scenario) -> None:
        self.engine = StripedEngine(scenario.instruments, scenario.profile, stripes=2)
        for command in scenario.before:
            self.engine.submit(command)


def measured(seconds: float) -> dict[str, Any]:
    """Runs of the right book."""
    explore: Any = import_module("frontrun").explore
    scenario = book_of(3, 2)

    def client(script: Any) -> Callable[[_Exchange], None]:
        def act(exchange: _Exchange) -> None:
            for command in script:
                exchange.engine.submit(command)

        return act

    begun, spent = perf_counter(), process_time()
    book = explore(
        lambda: _Exchange(scenario),
        [client(script) for script in scenario.scripts],
        lambda exchange: True,
        total_timeout=seconds,
        detect_io=False,
    )
    wall, cpu = perf_counter() - begun, process_time() - spent
    return {
        "schedules": book.num_explored,
        "says": "holds" if book.property_holds else "fails",
        "seconds": wall,
        "cpu_seconds": cpu,
        "finished": wall < seconds,
    }


if __name__ == "__main__":
    print(json.dumps(measured(float(sys.argv[1]))))
