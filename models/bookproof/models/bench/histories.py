"""The history checker in figures: goal, what one run measures, and the peers on the same histories.

Every row is measured in a process of its own, so that its memory is its own. Seconds are CPU seconds of one process
and say as much about the machine; they decide nothing. A verdict is right or wrong: a history that is right by
construction must be found so, a violation with a proof, and no figure may be *unknown*. Any that is wrong makes the
exit code 1.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bookproof.engine.striped import StripedEngine
from bookproof.models.bench import porcupine_peer
from bookproof.models.bench.history_rows import Row
from bookproof.models.concurrent.history import overlap
from bookproof.models.concurrent.recorder import record
from bookproof.models.concurrent.run import numbered_scenario
from bookproof.models.linearize.conflicts import decide
from bookproof.models.linearize.fuzz import fuzz
from bookproof.models.linearize.generic import search
from bookproof.models.linearize.judge import judge

_SMALL = 50
"""How many times as small the histories of a million are where nobody asks for more."""

PEER_SECONDS = 10
"""What each peer gets for one history."""

Tell = Callable[[float, str], None]


class Figure(NamedTuple):
    """A line of the table."""

    what: str
    goal: str
    measured: str
    peer: str = ""
    right: bool | None = None
    """None where there is nothing that could be wrong."""

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return self._asdict()


def ran(row: Row) -> dict[str, Any]:
    """What a row comes to, in a process of its own."""
    command = [sys.executable, "-m", "bookproof.models.bench.history_rows", json.dumps(row._asdict())]
    paths = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(command, capture_output=True, text=True, env=paths, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return {"verdict": f"did not run: {last}", "seconds": 0.0, "mebibytes": 0, "mebibytes_made": 0}
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


# ── our own rows ──


def million(asked: argparse.Namespace, tell: Tell) -> Iterator[Figure]:
    """The largest histories: with stamps, and without."""
    count = 1_000_000 if asked.full else 1_000_000 // _SMALL
    tell(0.0, "stamped")
    stamped = Row("stamped", count, symbols=16)
    yield _timed(f"stamped, {count:,} operations, 16 stripes, 5 % baskets", "≤ 12 s, ≤ 1.5 GB", stamped)
    tell(0.2, "one stamp")
    yield _timed(f"stamped, {count:,} operations, one global stamp", "≤ 4 s", Row("stamped", count))
    tell(0.3, "one symbol")
    yield _timed(
        f"unstamped, {count:,}, 16 in flight, one symbol, feed",
        "≤ 25 s + 5 s, ≤ 1 GB",
        Row("clauses", count, feed=True),
    )
    tell(0.6, "16 symbols")
    across = Row("clauses", count, symbols=16)
    yield _timed(f"unstamped, {count:,} over 16 symbols, 5 % baskets, 1 % mass cancels", "", across)


def smaller(asked: argparse.Namespace, tell: Tell) -> Iterator[Figure]:
    """A hundred thousand operations, and ten thousand of which many overlap."""
    count = 100_000 if asked.full else 100_000 // 10
    for at, (feed, goal) in enumerate(((True, "≤ 2.5 s"), (False, "≤ 3.5 s"))):
        tell(at / 4, f"{count:,} operations")
        yield _timed(
            f"{count:,}, 16 in flight, {'with' if feed else 'without'} feed", goal, Row("clauses", count, feed=feed)
        )
    count = 10_000 if asked.full else 10_000 // 5
    for at, (in_flight, goal) in enumerate(((64, "≤ 1 s"), (256, "≤ 6 s"))):
        tell(0.5 + at / 4, f"{in_flight} in flight")
        yield _timed(f"{count:,} at {in_flight} in flight", goal, Row("clauses", count, in_flight))


def violations(asked: argparse.Namespace, tell: Tell) -> Iterator[Figure]:
    """Every kind of defect that can be put into a long history."""
    count = 10_000 if asked.full else 10_000 // 5
    tell(0.0, "violations")
    told = ran(Row("violating", count, feed=True))
    right = told["verdict"] == "not-linearizable" and not told["without_proof"]
    what = told["verdict"]
    if right:
        what = f"{told['ratio']:.2f} times ({told['worst']}), median {told['median']:.2f}; {told['found']} kinds"
    yield Figure(
        f"a violation of {count:,} against the same without", "≤ 1.2 times, always with proof", what, right=right
    )
    tell(0.5, "cores")
    told = ran(Row("cores", count, feed=True))
    right = told["verdict"] == "not-linearizable"
    what = told["verdict"]
    if right:
        sizes = told["cores"]
        slowest = f"the slowest of {len(sizes) + len(told['alone'])} in {told['seconds']:.1f} s"
        what = f"median {told['median']:g}, {sizes[0]} to {sizes[-1]}; {slowest}"
        if told["alone"]:
            what += f"; proof without a core: {', '.join(told['alone'])}"
    yield Figure(f"operations in the core of a violation of {count:,}", "median ≤ 4, ≤ 5 s", what, right=right)


def _timed(what: str, goal: str, row: Row) -> Figure:
    told = ran(row)
    right = told["verdict"] == "linearizable"
    certificate = f" + {told['certificate']:.1f} s" if "certificate" in told else ""
    memory = f"{told['mebibytes']:,} MB, {told['mebibytes_made']:,} of them the history"
    said = f"{told['seconds']:.1f} s{certificate}, {memory}"
    return Figure(what, goal, said if right else f"{told['verdict']}: {said}", right=right)


# ── trust ──


def trust(asked: argparse.Namespace, tell: Tell) -> Iterator[Figure]:
    """Random small histories, by every checker and by exhaustive search."""
    count = 100_000 if asked.full else 1_000
    checkers = {"generic": search, "clauses": lambda history: decide(history, budget_seconds=10.0)}
    checkers["judge"] = lambda history: judge(history, budget_seconds=10.0).conclusion
    wrong: list[str] = []
    histories = violating = unknown = 0
    for start in range(0, count, 500):
        tell(start / count, f"{start:,} random histories, {len(wrong)} disagreements")
        tally = fuzz(checkers, range(start, min(start + 500, count)))
        histories, violating = histories + tally.histories, violating + tally.violating
        unknown += sum(tally.unknown["clauses"].values())
        wrong += [f"{found.checker}, case {found.case.number}: {found.what}" for found in tally.differences]
    said = f"{len(wrong)} of {histories:,} ({violating:,} wrong ones; clauses do not know in {unknown:,})"
    yield Figure(
        "disagreements with exhaustive search, random histories",
        "0 of 100,000",
        "; ".join((said, *wrong[:3])),
        right=not wrong,
    )


def overlapping(asked: argparse.Namespace, tell: Tell) -> Iterator[Figure]:
    """How much really overlaps when threads are recorded."""
    tell(0.0, "threads")
    scenario = numbered_scenario(0, 0)._replace(cuts=0.05)
    history = record(
        lambda sync: StripedEngine(scenario.instruments, scenario.profile, sync=sync),
        *(scenario.instruments, scenario.profile, scenario.scripts),
        cuts=scenario.cuts,
    )
    counted = overlap(history.operations)
    share, in_book = (100 * part / counted.operations for part in (counted.overlapped, counted.in_same_book))
    said = f"{share:.0f} % of {counted.operations}, {in_book:.0f} % one in their book"
    yield Figure("operations that overlap another, real threads", "≥ 90 %", said)


# ── the peers ──

SIZES = ((4, 2_000), (8, 1_000), (16, 1_000))
FULL_SIZES = ((4, 100_000), (8, 10_000), (16, 1_000), (64, 1_000))
"""Operations in flight, and operations, of the histories that peers get: without a feed, without books at the end."""

WRONG = "better_price_passed_over"
"""What is wrong in the violating ones: no answer is by itself, so it takes a search to see it."""


def peers(asked: argparse.Namespace, tell: Tell) -> Iterator[Figure]:
    """The same histories for the generic search, which is Porcupine's algorithm in Python, and for Porcupine."""
    reason = porcupine_peer.missing()
    with tempfile.TemporaryDirectory() as folder:
        program: Path | None = None
        if reason is None:
            try:
                program = porcupine_peer.built(Path(folder))
            except RuntimeError as error:
                reason = str(error)
        sizes = FULL_SIZES if asked.full else SIZES
        for at, (in_flight, count) in enumerate(sizes):
            for defect in ("", WRONG):
                tell(at / len(sizes), f"{count:,} operations, {in_flight} in flight{', violating' if defect else ''}")
                row = Row("clauses", count, in_flight, final=False, defect=defect)
                yield _beside_peers(row, program, Path(folder), asked.peer_seconds)
    if reason is not None:
        yield Figure("Porcupine", "", "was not run", reason)


def _beside_peers(row: Row, program: Path | None, folder: Path, seconds: int) -> Figure:
    """One history for all three."""
    expected = "not-linearizable" if row.defect else "linearizable"
    ours = ran(row)
    generic = ran(row._replace(kind="generic", budget_seconds=float(seconds)))
    found = generic["verdict"] == expected
    told = [_ratio("generic search", generic["seconds"], generic["mebibytes"], ours, found, generic["verdict"])]
    if program is not None:
        peer = porcupine_peer.checked(program, row.history(), folder, seconds)
        found = peer.verdict == ("Illegal" if row.defect else "Ok")
        told.append(_ratio("Porcupine", peer.seconds, peer.mebibytes, ours, found, peer.verdict))
    return Figure(
        f"{row.operations:,} operations, {row.in_flight} in flight{', violating' if row.defect else ''}: peer / ours",
        "≥ 100 at 16, never < 1/3",
        f"{ours['seconds']:.3f} s, {ours['mebibytes']:,} MB",
        "; ".join(told),
        ours["verdict"] == expected,
    )


def _ratio(name: str, seconds: float, mebibytes: int, ours: dict[str, Any], found: bool, verdict: str) -> str:
    times = seconds / (ours["seconds"] or 1e-9)
    if found:
        return f"{name} {times:,.2f} ({seconds:.2f} s, {mebibytes:,} MB)"
    return f"{name} > {times:,.0f}: {verdict} after {seconds:.1f} s, {mebibytes:,} MB"


# ── the command ──

PARTS: dict[str, Callable[[argparse.Namespace, Tell], Iterator[Figure]]] = {
    "million": million,
    "smaller": smaller,
    "violations": violations,
    "trust": trust,
    "overlap": overlapping,
    "peers": peers,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `bookproof bench histories`."""
    parser.description = (
        "The history checker in figures, beside the generic search and Porcupine. Porcupine needs Go and, in the "
        f"variable {porcupine_peer.CHECKOUT}, the folder of its module."
    )
    parser.add_argument("--only", action="append", choices=list(PARTS), metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--full", action="store_true", help="histories of a million, and 100,000 random ones")
    parser.add_argument(
        "--peer-seconds", type=int, default=PEER_SECONDS, metavar="S", help="for each peer and history (10)"
    )
    parser.add_argument("--json", action="store_true", help="the figures as JSON on standard output")


def main(asked: argparse.Namespace) -> int:
    """Measure and print. Exit code 0, or 1 if a verdict is wrong or unknown."""
    from bookproof.models.report.terminal import Bars

    figures: list[Figure] = []
    begun = perf_counter()
    with Bars() as bars:
        for name in asked.only or PARTS:
            figures += PARTS[name](asked, lambda share, what, name=name: bars.show(name, max(share, 0.001), what))  # type: ignore[misc]
            bars.show(name, 1.0, "done")
    wrong = any(each.right is False for each in figures)
    if asked.json:
        rows = [each.to_json() for each in figures]
        print(json.dumps({"exit_code": int(wrong), "seconds": perf_counter() - begun, "figures": rows}, indent=2))
    else:
        print_figures(figures)
    return int(wrong)


def print_figures(figures: Sequence[Figure]) -> None:
    """The figures as a table, for a person."""
    table = Table(title="The history checker", title_justify="left")
    for heading in ("what", "goal", "measured", "peers / ours, CPU seconds"):
        table.add_column(heading, overflow="fold")
    for each in figures:
        style = {True: "green", False: "bold red", None: ""}[each.right]
        table.add_row(each.what, each.goal, Text(each.measured, style), each.peer)
    Console().print(table)
