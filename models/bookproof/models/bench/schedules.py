"""The interleaving checker in figures: goal, floor, target, and what one run measures, beside a peer if it is at hand.

Figures of two kinds. Speeds are CPU seconds, of all threads together, and say as much about the machine; they decide
nothing. Counts are right or wrong: outcomes lost against a naive search, false alarms, published numbers of traces,
defects of the search that go unnoticed. Any that is wrong makes the exit code 1.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bookproof.engine.interface import Engine
from bookproof.engine.striped import StripedEngine
from bookproof.engine.sync import THREADS as REAL
from bookproof.engine.sync import Sync
from bookproof.engine.zoo import ZOO
from bookproof.models.bench.schedule_fuzz import MOST_NAIVE_RUNS, side_by_side
from bookproof.models.engines_by_name import factory
from bookproof.models.interleaving.explore import Explorer, Verdict, replayed
from bookproof.models.interleaving.generated import generated
from bookproof.models.interleaving.judge import Judge
from bookproof.models.interleaving.program import Program
from bookproof.models.interleaving.run import token
from bookproof.models.interleaving.scenarios import NAMED
from bookproof.models.interleaving.scheduler import Choose, Run, Scheduler
from bookproof.models.interleaving.search import Naive, Reduced
from bookproof.models.interleaving.small import (
    CLASSICS,
    MUTANTS,
    book_of,
    compared,
    grid,
    outlives,
    runs_of,
    traces_of,
)
from bookproof.models.interleaving.token import read_token
from bookproof.models.interleaving.wheels import GREENLETS, THREADS, has_greenlets
from bookproof.models.interleaving.workshop import weighed
from bookproof.models.interleaving.zoo import caught
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import DEFAULT, Profile

FULL = 10_000
"""Programs and scenarios of the figures that are aimed at."""

ENOUGH = 300
"""Programs and scenarios where nobody asks for more."""

PEER = "frontrun"
PEER_VERSION = "0.7.0"
PEER_SECONDS = 60.0

_AGAIN = 10
"""Replays of each token."""

PEER_PROGRAMS, ALL_PEER_PROGRAMS = 12, 60
"""Random programs that the peer searches as well, where nobody asks for more; and in full."""

_PROGRAM_SECONDS = 10.0
"""For each of these, and each way to search it."""

Tell = Callable[[float, str], None]


class Figure(NamedTuple):
    """A line of the table."""

    goal: str
    floor: str
    target: str
    measured: str
    peer: str = ""
    right: bool | None = None
    """None for a speed, which decides nothing."""

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return self._asdict()


# ── speeds ──


def speeds(tell: Tell) -> Iterator[Figure]:
    """What a schedule costs, and a verdict."""
    tell(0.0, "schedules a second")
    plain = median(_rate(watch=False) for _ in range(5))
    yield Figure("schedules/s of the 3x2 book, threads", "1,000", "2,500", f"{plain:,.0f}")
    lighter = judged = "not at hand: pip install bookproof[greenlets]"
    if has_greenlets():
        lighter = f"{median(_rate(watch=False, back_end=GREENLETS) for _ in range(5)):,.0f}"
        alone = median(_rate(watch=False, back_end=GREENLETS, judges=True) for _ in range(5))
        whole = median(_rate(watch=True, back_end=GREENLETS, judges=True) for _ in range(5))
        judged = f"{alone:,.0f}; with the race detector too {whole:,.0f}"
    yield Figure("schedules/s of the 3x2 book, greenlets", "2,500", "6,000", lighter)
    yield Figure("schedules/s, greenlets, and each run judged in every order of its stamps", "2,500", "6,000", judged)
    watched = median(_rate(watch=True) for _ in range(5))
    yield Figure("schedules/s with the race detector, threads", "500", "1,500", f"{watched:,.0f}")
    for (threads, operations), floor, target in (((3, 2), "0.3 s", "0.05 s"), ((3, 3), "2 s", "0.3 s")):
        tell(0.5, f"verdict of {threads}x{operations}")
        explorer, scenario = Explorer(_two_stripes), book_of(threads, operations)
        certificate = explorer.explore(scenario, 600.0)
        times: list[float] = []
        for _ in range(5):
            begun = process_time()
            explorer.explore(scenario, 600.0)
            times.append(process_time() - begun)
        what = f"{certificate.verdict.value}, {certificate.traces:,} of {certificate.schedules:,} schedules"
        right = certificate.verdict is Verdict.VERIFIED and certificate.traces == runs_of(grid(threads, operations))
        yield Figure(
            f"exhaustive verdict of {scenario.size}", floor, target, f"{median(times):.3f} s: {what}", right=right
        )


def _two_stripes(instruments: Iterable[Instrument], profile: Profile = DEFAULT, *, sync: Sync = REAL) -> Engine:
    """The striped engine with a stripe for each of two books, as the peer has it."""
    return StripedEngine(instruments, profile, stripes=2, sync=sync)


def _rate(watch: bool, back_end: str = THREADS, judges: bool = False) -> float:
    """Schedules in a CPU second: each on an engine of its own, with all answers and the books at the end.

    They are judged if `judges`, in one search after the other, as in one that goes on: what the oracle does in a state
    is asked once.
    """
    scenario = book_of(3, 2)
    judge = Judge()
    with closing(Scheduler(len(scenario.scripts), back_end)) as scheduler:
        scheduler.numbers_matter = False  # as in a search that judges every order of the stamps
        program = Program(_two_stripes, scenario, scheduler, watch)

        def execute(choose: Choose) -> Run:
            outcome = program.execute(choose)
            fault = judge.fault(outcome) if judges else None
            assert fault is None, fault
            return outcome.run

        begun, runs = process_time(), 0
        while runs < 200:
            runs += sum(1 for _ in Reduced(execute))
        return runs / (process_time() - begun)


# ── counts ──


def published(tell: Tell) -> Iterator[Figure]:
    """Traces of programs that others have counted, and of stripes."""
    wrong: list[str] = []
    for at, classic in enumerate(CLASSICS):
        tell(at / len(CLASSICS), classic.name)
        traces = traces_of(classic)
        if traces != (classic.traces, 0):
            wrong.append(f"{classic.name}: {traces[0]} and {traces[1]} cut")
    names = ", ".join(f"{classic.name} {classic.traces}" for classic in CLASSICS)
    right = f"{len(CLASSICS) - len(wrong)} of {len(CLASSICS)}"
    yield Figure("published trace counts, none cut", "all", names, "; ".join((right, *wrong)), right=not wrong)
    sizes = ((2, 2), (3, 2), (3, 3))
    counts = [f"{runs_of(grid(*size)):,} of {runs_of(grid(*size), Naive):,}" for size in sizes]
    aim = ["4 of 6", "36 of 114", "400 of 2,064"]
    yield Figure(
        "stripes 2x2, 3x2, 3x3: traces of schedules", "", ", ".join(aim), ", ".join(counts), right=counts == aim
    )


def programs(count: int, first: int, tell: Tell) -> Iterator[Figure]:
    """Random programs of locks and variables, by the search and by the naive one."""
    lost: list[int] = []
    judged = skipped = stuck = runs = cut = schedules = 0
    number = first
    while judged < count:
        if judged % 10 == 0:
            tell(judged / count, f"{judged:,} of {count:,} random programs, {len(lost)} with a lost outcome")
        both = compared(number, most=MOST_NAIVE_RUNS)
        number += 1
        if both is None:
            skipped += 1
            continue
        judged += 1
        runs, cut, schedules = runs + both.reduced.runs, cut + both.reduced.cut, schedules + both.naive.runs
        stuck += any(waiting for *_, waiting in both.naive.outcomes)
        lost += [both.number] if both.lost else []
    what = (
        f"{len(lost)} of {judged:,} ({stuck:,} with a deadlock; {runs:,} runs for {schedules:,}; {skipped:,} too big)"
    )
    yield Figure(
        "outcomes lost against naive search, random programs",
        "0 of 1,000",
        "0 of 10,000",
        what + (f": {lost[:9]}" if lost else ""),
        right=not lost,
    )
    yield Figure("redundant (cut) runs of these", "≤ 5 %", "0", f"{cut:,} of {runs:,}", right=cut * 20 <= runs)


def primitives(count: int, first: int, tell: Tell) -> Iterator[Figure]:
    """Random programs of every primitive: every trace is to be run once, and these to stand for all schedules."""
    wrong: list[int] = []
    judged = skipped = stuck = runs = cut = schedules = 0
    number = first
    while judged < count:
        if judged % 10 == 0:
            tell(judged / count, f"{judged:,} of {count:,} random programs of every primitive, {len(wrong)} wrong")
        both = weighed(number, most=MOST_NAIVE_RUNS // 2)
        number += 1
        if both is None:
            skipped += 1
            continue
        judged += 1
        schedules += both.right.traces.total()
        stuck += any(waiting for *_, waiting in both.right.outcomes)
        wrong += [number - 1] if both.lost or both.inexact else []
        if both.mine is not None:
            runs, cut = runs + both.mine.traces.total(), cut + both.mine.cut
    what = f"{len(wrong)} of {judged:,} ({stuck:,} get stuck; {runs:,} runs for {schedules:,}, {cut:,} cut; "
    yield Figure(
        "the same with conditions, semaphores, events, tries, waits for some seconds: not each trace once",
        "",
        "0 of 10,000",
        f"{what}{skipped:,} too big)" + (f": {wrong[:9]}" if wrong else ""),
        right=not wrong,
    )


def mutants(tell: Tell) -> Iterator[Figure]:
    """Searches with a defect, each of which random programs have to show."""
    caught: list[str] = []
    for at, (name, mutant) in enumerate(MUTANTS.items()):
        tell(at / len(MUTANTS), name)
        if outlives(mutant, 200) < 200:
            caught.append(name)
    right = f"{len(caught)} of {len(MUTANTS)}: {', '.join(caught)}"
    yield Figure("defects of the search itself that are caught", "all", "all", right, right=len(caught) == len(MUTANTS))


def alarms(count: int, first: int, tell: Tell) -> Iterator[Figure]:
    """Random scenarios on right engines."""
    wrong: list[str] = []
    runs = cut = unfinished = 0
    explorers = {name: Explorer(factory(name)) for name in ("striped", "global-lock")}
    for at in range(count):
        engine = "global-lock" if at % 10 == 9 else "striped"
        scenario = generated(*((3, 2), (2, 2), (2, 3), (3, 1))[at % 4], first + at)
        if at % 10 == 0:
            tell(at / count, f"{at:,} of {count:,} random scenarios, {len(wrong)} alarms")
        certificate = explorers[engine].explore(scenario, 60.0)
        runs, cut = runs + certificate.runs, cut + certificate.cut
        if certificate.verdict is Verdict.FAILED:
            wrong.append(f"{engine} {token(certificate)}")
        elif certificate.verdict is not Verdict.VERIFIED:
            unfinished += 1
    what = f"{len(wrong)} of {count:,} ({runs:,} runs, {cut:,} cut, {unfinished:,} not verified)"
    yield Figure(
        "false alarms on correct engines, generated scenarios",
        "0 of 1,000",
        "0 of 10,000",
        "; ".join((what, *wrong[:5])),
        right=not wrong and not unfinished,
    )
    tell(1.0, "three-by-three")
    whole = explorers["striped"].explore(NAMED["three-by-three"], 600.0)
    yield Figure(
        "baskets, cancels and halts 3x3",
        "",
        "verified",
        f"{whole.says}: {whole.traces:,} traces of {whole.schedules:,} schedules, {whole.cut} cut",
        right=whole.verdict is Verdict.VERIFIED,
    )


def defects(tell: Tell) -> Iterator[Figure]:
    """The zoo: every defect is caught, and where a schedule shows it, its token shows it again."""
    missed: list[str] = []
    tokens: list[str] = []
    times: dict[str, float] = {}
    again = 0
    back_ends = [THREADS, GREENLETS] if has_greenlets() else [THREADS]
    for at, name in enumerate(ZOO):
        tell(at / len(ZOO), name)
        begun = process_time()
        found = caught(name)
        times[name] = process_time() - begun
        if not found.by:
            missed.append(name)
        if found.token:
            tokens.append(found.token)
            for back_end in back_ends * (_AGAIN // len(back_ends)):
                fault = replayed(factory(name), read_token(found.token), back_end=back_end)[1]
                again += fault is not None and found.by == f"schedules: {fault.kind}"
    slowest = max(times, key=times.__getitem__)
    late = sum(seconds > 1.0 for seconds in times.values())
    what = f"{len(ZOO) - len(missed)} of {len(ZOO)}, {late} of them later than 1 s; {slowest} in {times[slowest]:.2f} s"
    yield Figure("seeded defects found", "all", "all, each within 1 s", "; ".join((what, *missed)), right=not missed)
    longest = max(map(len, tokens), default=0)
    replays = len(tokens) * _AGAIN
    yield Figure(
        "replay token, the longest; replays that fail in the same way",
        "≤ 40, 100 of 100",
        "the same on every Python and back end",
        f"{longest} characters, {again} of {replays} on {' and '.join(back_ends)}",
        right=longest <= 40 and again == replays >= 100,
    )


# ── the peer ──


def peer_line() -> str | None:
    """Why the peer cannot run here, and how to get it; None if it can."""
    install = f"pip install {PEER}=={PEER_VERSION}"
    try:
        installed = version(PEER)
    except PackageNotFoundError:
        return f"not at hand: {install}"
    if installed != PEER_VERSION:
        return f"{installed} is installed: {install}"
    return None if _program() else f"its command is not beside {sys.executable}: {install}"


def _program() -> str | None:
    return shutil.which(PEER, path=str(Path(sys.executable).parent))


def peer(seconds: float) -> dict[str, Any] | str:
    """What the peer makes of the same book, or why there is nothing to say."""
    reason = peer_line()
    if reason is not None:
        return reason
    command = [str(_program()), sys.executable, "-m", "bookproof.models.bench.schedule_peer", str(seconds)]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=seconds * 2 + 60, check=True)
        told: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
        return told
    except (subprocess.SubprocessError, ValueError, IndexError) as error:
        return f"did not run: {type(error).__name__}"


def beside(figures: Sequence[Figure], told: dict[str, Any] | str) -> list[Figure]:
    """The figures with those of the peer."""
    if isinstance(told, str):
        return [each._replace(peer=told) if "3x2" in each.goal and "book" in each.goal else each for each in figures]
    rate = f"{told['schedules'] / told['cpu_seconds']:,.0f}"
    verdict = f"{told['cpu_seconds']:.1f} s: {told['says']}, {told['schedules']:,} schedules" + (
        "" if told["finished"] else ", budget spent"
    )
    columns = {"with the race detector": rate, "verdict of 3x2": verdict}
    return [
        each._replace(peer=next((said for key, said in columns.items() if key in each.goal), each.peer))
        for each in figures
    ]


def fuzz(count: int, first: int, asked: bool, tell: Tell) -> Iterator[Figure]:
    """The same random programs by us and by the peer."""
    reason = peer_line() if asked else "not asked for"
    command = [str(_program()), sys.executable] if reason is None else f"{PEER} is skipped, {reason}"
    came = side_by_side(count, first, command, _PROGRAM_SECONDS, tell)
    yield Figure("programs with outcomes lost, side by side", "0", "0", came.ours, came.peer, not came.lost)


# ── the command ──

PARTS: dict[str, Callable[[argparse.Namespace, Tell], Iterator[Figure]]] = {
    "speeds": lambda asked, tell: speeds(tell),
    "defects": lambda asked, tell: defects(tell),
    "scenarios": lambda asked, tell: alarms(asked.scenarios, asked.first, tell),
    "programs": lambda asked, tell: programs(asked.programs, asked.first, tell),
    "fuzz": lambda asked, tell: fuzz(asked.peer_programs, asked.first, asked.peer_seconds > 0, tell),
    "primitives": lambda asked, tell: primitives(asked.programs, asked.first, tell),
    "published": lambda asked, tell: published(tell),
    "mutants": lambda asked, tell: mutants(tell),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `bookproof bench schedules`."""
    parser.description = "The interleaving checker in figures, beside a peer, and random programs and scenarios."
    parser.add_argument("--only", action="append", choices=list(PARTS), metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--programs", type=_positive, default=ENOUGH, metavar="N", help=f"random programs ({ENOUGH})")
    parser.add_argument("--scenarios", type=_positive, default=ENOUGH, metavar="N", help=f"and scenarios ({ENOUGH})")
    parser.add_argument(
        "--peer-programs",
        type=_positive,
        default=PEER_PROGRAMS,
        metavar="N",
        help=f"programs for the peer ({PEER_PROGRAMS})",
    )
    parser.add_argument("--full", action="store_true", help=f"{FULL:,} of both, {ALL_PEER_PROGRAMS} for the peer")
    parser.add_argument("--first", type=_count, default=0, metavar="K", help="number of the first of each (0)")
    parser.add_argument(
        "--peer-seconds", type=float, default=PEER_SECONDS, metavar="S", help="for the peer; 0: without it (60)"
    )
    parser.add_argument("--json", action="store_true", help="the figures as JSON on standard output")


def main(asked: argparse.Namespace) -> int:
    """Measure and print. Exit code 0, or 1 if a count is wrong."""
    from bookproof.models.report.terminal import Bars

    if asked.full:
        asked.programs = asked.scenarios = FULL
        asked.peer_programs = ALL_PEER_PROGRAMS
    figures: list[Figure] = []
    with Bars() as bars:
        for name in asked.only or PARTS:
            figures += PARTS[name](asked, lambda share, what, name=name: bars.show(name, max(share, 0.001), what))  # type: ignore[misc]
            bars.show(name, 1.0, "done")
        told = peer(asked.peer_seconds) if asked.peer_seconds and "speeds" in (asked.only or PARTS) else ""
    figures = beside(figures, told)
    wrong = any(each.right is False for each in figures)
    if asked.json:
        rows = [each.to_json() for each in figures]
        print(json.dumps({"exit_code": int(wrong), "figures": rows, PEER: told}, indent=2))
    else:
        _print(figures)
    return int(wrong)


def _print(figures: Sequence[Figure]) -> None:
    table = Table(title="The interleaving checker", title_justify="left")
    for heading in ("goal", "floor", "target", "measured", f"{PEER} {PEER_VERSION}"):
        table.add_column(heading, overflow="fold")
    for each in figures:
        style = {True: "green", False: "bold red", None: ""}[each.right]
        table.add_row(each.goal, each.floor, each.target, Text(each.measured, style), each.peer)
    Console().print(table)


def _count(text: str) -> int:
    digits = text.replace(",", "").replace("_", "")
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 10):
        raise argparse.ArgumentTypeError(f"expected a whole number, got {text!r}")
    return int(digits)


def _positive(text: str) -> int:
    number = _count(text)
    if not number:
        raise argparse.ArgumentTypeError("expected a whole number from 1 on, got 0")
    return number
