"""How fast is it, as ratios from one run: what the command `bookproof bench` does.

Absolute figures say more about the machine than about the program, so every figure is a ratio of two medians of
process CPU time, taken in turns in one process. An engine is ranked by the worst of the workloads, as the benchmark
they come from does. A peer that did not trade the same orders at the same prices in the same order did different work,
and its ratio says so.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from statistics import median
from time import process_time
from typing import Any, NamedTuple

from bookproof.models.bench import ours
from bookproof.models.bench.ladders import openings, time_lists, time_sorted_dict
from bookproof.models.bench.peers import PEERS, Peer, PeerResult, Session
from bookproof.models.workloads import PUBLISHED_ORDERS, WORKLOADS, Message, generate

STRIPED = "striped"
SAME = "same work"

OURS: dict[str, Callable[[], Session]] = {
    STRIPED: ours.striped,
    "global lock": ours.global_lock,
    "bare book": ours.bare_book,
    "striped, no lock": ours.unlocked,
    "striped, no stamp": ours.unstamped,
    "striped, recorded": ours.recorded,
}

COSTS: dict[str, tuple[str, str]] = {
    "striping: the striped engine / its book, called directly": (STRIPED, "bare book"),
    "the lock: the striped engine / the same without it": (STRIPED, "striped, no lock"),
    "the stamp: the striped engine / the same without it": (STRIPED, "striped, no stamp"),
    "recording a history: with clock and log / without": ("striped, recorded", STRIPED),
    "one lock for all instead of stripes, on one thread": ("global lock", STRIPED),
}
"""What each thing costs: the time of the first over the time of the second."""

LADDER = "price ladder: SortedDict / two sorted lists"

Tell = Callable[[float, str], None]
"""Is told the share that is done, and of what."""


class Report(NamedTuple):
    """What one run measured."""

    orders: int
    rounds: int
    messages: dict[str, int]
    """Messages of each workload."""
    seconds: dict[str, dict[str, list[float]]]
    """Engine, then workload: CPU seconds, a figure a round."""
    work: dict[str, str]
    """Of each peer: `same work`, what differs, or what it raised."""
    ladder: dict[str, float]
    """How many times as long a SortedDict takes as two sorted lists, on the levels of each workload."""
    missing: dict[str, tuple[str, str]]
    """Peers that cannot run here: why, and how to install them."""

    def rate(self, engine: str, workload: str) -> float:
        """Messages in a CPU second, in the median round."""
        return self.messages[workload] / median(self.seconds[engine][workload])

    def worst(self, engine: str) -> float:
        """The rate of the workload that is worst for this engine."""
        return min(self.rate(engine, workload) for workload in self.messages)

    def measured(self, engine: str) -> bool:
        """Whether the engine got through every workload."""
        return set(self.seconds.get(engine, ())) == set(self.messages)

    def ratios(self, peer: str) -> dict[str, float]:
        """How many times as fast the striped engine is, on each workload and at the worst of them."""
        each = {workload: self.rate(STRIPED, workload) / self.rate(peer, workload) for workload in self.messages}
        return each | {"worst": self.worst(STRIPED) / self.worst(peer)}

    def costs(self) -> dict[str, dict[str, float]]:
        """What striping, locks, stamps and recording cost on each workload."""
        return {
            what: {
                workload: median(self.seconds[slow][workload]) / median(self.seconds[quick][workload])
                for workload in self.messages
            }
            for what, (slow, quick) in COSTS.items()
        }

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        peers = {
            peer: {"work": work, "ratios": _rounded(self.ratios(peer)) if self.measured(peer) else {}}
            for peer, work in self.work.items()
        }
        return {
            "python": platform.python_version(),
            "implementation": platform.python_implementation(),
            "orders": self.orders,
            "rounds": self.rounds,
            "messages": self.messages,
            "messages_per_cpu_second": {
                engine: {workload: round(self.rate(engine, workload)) for workload in self.messages}
                for engine in self.seconds
                if self.measured(engine)
            },
            "peers": peers,
            "costs": {what: _rounded(each) for what, each in self.costs().items()},
            "ladder": _rounded(self.ladder),
            "missing": {peer: {"reason": why, "install": how} for peer, (why, how) in self.missing.items()},
        }


def measure(
    workloads: Sequence[str],
    peers: Iterable[Peer],
    orders: int,
    rounds: int,
    tell: Tell = lambda share, what: None,
) -> Report:
    """Run every engine on every workload, `rounds` times in turns.

    The first round decides whether a peer did the same work. One that did not goes on being timed; one that raised
    does not.
    """
    missing: dict[str, tuple[str, str]] = {}
    openers = dict(OURS)
    for peer in peers:
        reason = peer.available()
        if reason is None:
            openers[peer.name] = peer.open
        else:
            missing[peer.name] = (reason, install_line(peer))
    work = dict.fromkeys((name for name in openers if name not in OURS), SAME)
    report = Report(orders, rounds, {}, {name: {} for name in openers}, work, {}, missing)
    for at, workload in enumerate(workloads):
        tell(at / len(workloads), f"{workload}: its messages")
        messages = generate(WORKLOADS[workload], orders=orders)
        report.messages[workload] = len(messages)
        _measure(report, workload, messages, openers, _part(tell, at, len(workloads)))
        changes = openings(messages)
        lists = median(time_lists(changes) for _ in range(rounds))
        report.ladder[workload] = median(time_sorted_dict(changes) for _ in range(rounds)) / (lists or 1e-9)
    tell(1.0, "")
    return report


def _measure(
    report: Report, workload: str, messages: Sequence[Message], openers: Mapping[str, Callable[[], Session]], tell: Tell
) -> None:
    expected: PeerResult | None = None
    steps = report.rounds * len(openers)
    for turn in range(report.rounds):
        for at, (name, open_session) in enumerate(openers.items()):
            tell((turn * len(openers) + at) / steps, f"{workload}, round {turn + 1}: {name}")
            if name in report.work and report.work[name].startswith("raised"):
                continue
            try:
                seconds, result = _timed(open_session, messages)
            except Exception as error:  # whatever a stranger's book raises
                if name in OURS:
                    raise
                report.work[name] = f"raised {type(error).__name__}: {error}"
                report.seconds[name].pop(workload, None)
                continue
            report.seconds[name].setdefault(workload, []).append(seconds)
            expected = result if expected is None else expected
            differs = result.differs_from(expected)
            if differs is None:
                continue
            if name in OURS:
                raise AssertionError(f"{name} differs from {STRIPED} on {workload}: {differs}")
            if report.work[name] == SAME:
                report.work[name] = f"different work: {workload}, {differs}"


def _part(tell: Tell, at: int, of: int) -> Tell:
    return lambda share, what: tell((at + share) / of, what)


def _timed(open_session: Callable[[], Session], messages: Sequence[Message]) -> tuple[float, PeerResult]:
    session = open_session()
    try:
        gc.collect()  # nobody pays for what the one before left behind
        begun = process_time()
        session.feed(messages)
        seconds = process_time() - begun
        return seconds, session.result()
    finally:
        session.close()


def install_line(peer: Peer) -> str:
    """The command that installs a peer.

    >>> install_line(PEERS[0])
    'pip install matching-engine==0.1.1'
    """
    alone = "--no-deps " if "--no-deps" in peer.note else ""
    return f"pip install {alone}{peer.requirement}"


# ── the command ──


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `bookproof bench`."""
    parser.description = (
        "Ratios of CPU time in one run: our engine beside the pure-Python order books of PyPI on the published "
        "workloads, and what locks, stamps and recording cost."
    )
    parser.add_argument(
        "--orders", type=_positive, default=100_000, metavar="N", help=f"orders a workload, up to {PUBLISHED_ORDERS:,}"
    )
    parser.add_argument("--rounds", type=_positive, default=5, metavar="N", help="rounds to take the median of")
    parser.add_argument("--workload", action="append", choices=list(WORKLOADS), help="only this one; may be repeated")
    parser.add_argument(
        "--peer", action="append", choices=[peer.name for peer in PEERS], help="only this one; may be repeated"
    )
    parser.add_argument("--json", action="store_true", help="the figures as JSON on standard output")


def main(args: argparse.Namespace) -> int:
    """Measure, print, and give 0: a speed is no verdict."""
    peers = [peer for peer in PEERS if not args.peer or peer.name in args.peer]
    with _progress(args.json) as tell:
        report = measure(args.workload or list(WORKLOADS), peers, args.orders, args.rounds, tell)
    if args.json:
        print(json.dumps(report.to_json(), indent=2))
    else:
        print_report(report)
    return 0


@contextmanager
def _progress(quiet: bool) -> Iterator[Tell]:
    """A bar on standard error, where somebody watches."""
    if quiet or not sys.stderr.isatty():
        yield lambda share, what: None
        return
    from bookproof.models.report.terminal import Bars

    with Bars() as bars:
        yield lambda share, what: bars.show("bench", share, what)


def print_report(report: Report) -> None:
    """The figures as tables, for a person."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    several = len(report.messages) > 1
    worst = [f"worst of {len(report.messages)}"] if several else []

    def table(title: str, first: str, last: Sequence[str]) -> Table:
        made = Table(title=title, title_justify="left", title_style="bold", pad_edge=False)
        made.add_column(first)
        for column in (*report.messages, *last):
            made.add_column(column, justify="right")
        return made

    rates = table("Messages in a CPU second, thousands", "engine", worst)
    for name in report.seconds:
        if report.measured(name):
            figures = [report.rate(name, workload) for workload in report.messages]
            rates.add_row(name, *(f"{rate / 1000:,.0f}" for rate in (*figures, *([min(figures)] if several else []))))
    console.print(rates)

    if any(map(report.measured, report.work)):
        ratios = table("The striped engine / a peer: more than 1 is faster", "peer", worst)
        ratios.add_column("the peer did", overflow="fold")
        for peer, work in report.work.items():
            if report.measured(peer):
                each = report.ratios(peer)
                last = [each["worst"]] if several else []
                figures = [*(each[workload] for workload in report.messages), *last]
                ratios.add_row(peer, *(f"{ratio:.2f}" for ratio in figures), work)
        console.print(ratios)

    costs = table("What it costs: time / time", "what", [])
    for what, times in (report.costs() | {LADDER: report.ladder}).items():
        costs.add_row(what, *(f"{times[workload]:.2f}" for workload in report.messages))
    console.print(costs)

    for peer, work in report.work.items():
        if not report.measured(peer):
            console.print(f"{peer} is not ranked: {work}")
    for peer, (why, how) in report.missing.items():
        console.print(f"{peer} did not run: {why}. {how}", highlight=False)
    console.print(
        f"Python {platform.python_version()}, {report.orders:,} orders a workload, median of {report.rounds} rounds in "
        "turns, one thread. An engine is ranked by its own worst workload.",
        highlight=False,
    )


def _rounded(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: round(figure, 3) for name, figure in figures.items()}


def _positive(text: str) -> int:
    digits = text.replace(",", "").replace("_", "")
    if not (digits.isascii() and digits.isdecimal() and int(digits) > 0):
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, got {text!r}")
    return int(digits)
