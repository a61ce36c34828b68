"""One row of `bookproof bench histories`, measured in a process of its own, as JSON on standard output::

    python -m bookproof.models.bench.history_rows '{"kind": "clauses", "operations": 10000, "in_flight": 16}'

The history is made first, then judged. CPU seconds are those of the judgement alone; memory is the most that the
process had at any time, and what it had when the history was there.
"""

from __future__ import annotations

import gc
import json
import random
import resource
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any, NamedTuple

from bookproof.models.linearize.certificate import flaw_in
from bookproof.models.linearize.conclusion import Verdict
from bookproof.models.linearize.conflicts import decide
from bookproof.models.linearize.generic import search
from bookproof.models.linearize.histories import large
from bookproof.models.linearize.history import History
from bookproof.models.linearize.injectors import INJECTORS
from bookproof.models.linearize.judge import judge
from bookproof.models.linearize.stamped import check_stamps

DEFECTS = (
    *("priority_inverted", "better_price_passed_over", "late_cancel", "denied_cancel", "killed_though_fillable"),
    *("post_only_refused", "post_only_accepted", "lost_fill", "double_fill", "worse_price", "final_differs"),
    *("shifted_times", "feed_disordered"),
)
"""Kinds of defect that can be put into a history of any length."""


class Row(NamedTuple):
    """What is to be measured."""

    kind: str
    operations: int
    in_flight: int = 16
    symbols: int = 1
    feed: bool = False
    final: bool = True
    budget_seconds: float = 300.0
    seed: int = 0
    defect: str = ""
    """The kind of defect that is put into it, if any."""

    def history(self, *, stamped: bool = False) -> History:
        """The history of this row. ValueError when it gives no occasion to the defect."""
        right = large(
            *(self.operations, self.in_flight),
            symbols=self.symbols,
            feed=self.feed,
            final=self.final,
            stamped=stamped,
            seed=self.seed,
        )
        if not self.defect:
            return right
        wrong = INJECTORS[self.defect](right, random.Random(self.seed))
        if wrong is None:
            raise ValueError(f"nothing in the history gives occasion to {self.defect}")
        return wrong.history


def measured(row: Row) -> dict[str, Any]:
    """What a row comes to.

    >>> figures = measured(Row("clauses", 200, 4))
    >>> figures["verdict"], figures["seconds"] < 5
    ('linearizable', True)
    """
    gc.disable()  # no cycles are made here, and a million operations are much to look through for them
    try:
        return _KINDS[row.kind](row)
    finally:
        gc.enable()


def _stamped(row: Row) -> dict[str, Any]:
    """The whole check: order of the stamps, real time, and the replay of all answers and of the final books.

    With one symbol its stamps are one order of all operations.
    """
    history = row.history(stamped=True)
    made = _mebibytes()
    begun = process_time()
    said = check_stamps(history)
    seconds = process_time() - begun
    return _told("unknown" if said is None else said.verdict.value, seconds, made)


def _clauses(row: Row) -> dict[str, Any]:
    history = row.history()
    made = _mebibytes()
    begun = process_time()
    said = decide(history, budget_seconds=row.budget_seconds)
    seconds = process_time() - begun
    begun = process_time()
    flaw = flaw_in(history, said.order) if said.verdict is Verdict.LINEARIZABLE else None
    certificate = process_time() - begun
    verdict = said.verdict.value if flaw is None else f"a wrong order: {flaw.sentence}"
    return _told(verdict, seconds, made, certificate=certificate, steps=said.steps, why=said.kind)


def _generic(row: Row) -> dict[str, Any]:
    history = row.history()
    made = _mebibytes()
    begun = process_time()
    said = search(history, budget_seconds=row.budget_seconds)
    return _told(said.verdict.value, process_time() - begun, made, steps=said.steps)


def _violating(row: Row) -> dict[str, Any]:
    """Every kind of defect that makes the history wrong: how long that takes to be seen, beside the history without."""
    right = row.history()
    begun = process_time()
    decide(right, budget_seconds=row.budget_seconds)
    without = process_time() - begun
    seconds: dict[str, float] = {}
    proofs: list[int] = []
    unknown: list[str] = []
    for name in DEFECTS:
        wrong = INJECTORS[name](right, random.Random(name))
        if wrong is None:
            continue
        begun = process_time()
        said = decide(wrong.history, budget_seconds=row.budget_seconds)
        spent = process_time() - begun
        if said.verdict is Verdict.NOT_LINEARIZABLE:
            seconds[name] = spent
            proofs.append(len(said.proof))
        elif said.verdict is Verdict.UNKNOWN:
            unknown.append(name)
    worst = max(seconds, key=seconds.__getitem__)
    return {
        "verdict": "not-linearizable" if not unknown else f"unknown: {', '.join(unknown)}",
        "ratio": seconds[worst] / without,
        "worst": worst,
        "median": median(seconds.values()) / without,
        "found": len(seconds),
        "without_proof": proofs.count(0),
        "mebibytes": _mebibytes(),
    }


def _cores(row: Row) -> dict[str, Any]:
    """How few operations are left of violations, and how long the whole judgement takes."""
    right = row.history()
    sizes: list[int] = []
    seconds: list[float] = []
    alone: list[str] = []
    unknown: list[str] = []
    for name in DEFECTS:
        wrong = INJECTORS[name](right, random.Random(name))
        if wrong is None:
            continue
        begun = process_time()
        judgement = judge(wrong.history, budget_seconds=row.budget_seconds)
        seconds.append(process_time() - begun)
        if judgement.verdict is Verdict.UNKNOWN:
            unknown.append(name)
        elif judgement.verdict is Verdict.NOT_LINEARIZABLE and judgement.core is None:
            alone.append(name)
        elif judgement.core is not None:
            sizes.append(len(judgement.core.places))
    return {
        "verdict": "not-linearizable" if not unknown else f"unknown: {', '.join(unknown)}",
        "cores": sorted(sizes),
        "median": median(sizes),
        "alone": alone,
        "seconds": max(seconds),
        "mebibytes": _mebibytes(),
    }


_KINDS: Mapping[str, Callable[[Row], dict[str, Any]]] = {
    "stamped": _stamped,
    "clauses": _clauses,
    "generic": _generic,
    "violating": _violating,
    "cores": _cores,
}


def _told(verdict: str, seconds: float, made: int, **more: Any) -> dict[str, Any]:
    return {"verdict": verdict, "seconds": seconds, "mebibytes": _mebibytes(), "mebibytes_made": made, **more}


def _mebibytes() -> int:
    """The most memory that this process had so far."""
    try:  # where Linux tells it: the other figure also counts who started this process
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) // 1024
    except (OSError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    print(json.dumps(measured(Row(**json.loads(sys.argv[1])))))
