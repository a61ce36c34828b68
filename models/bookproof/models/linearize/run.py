"""`bookproof linearize` and `bookproof record`."""

from __future__ import annotations

import _thread
import argparse
import json
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import perf_counter, sleep
from types import FrameType
from typing import IO, Any

from rich.console import Console

from bookproof.models.concurrent.recorder import RunError
from bookproof.models.concurrent.run import MIXES
from bookproof.models.engines_by_name import factory, known
from bookproof.models.generate.venues import venue_named
from bookproof.models.linearize.conclusion import Conclusion, Verdict
from bookproof.models.linearize.entries import End
from bookproof.models.linearize.file import entries, read, write
from bookproof.models.linearize.from_csv import read_csv, read_mapping
from bookproof.models.linearize.from_fix import read_fix
from bookproof.models.linearize.history import History
from bookproof.models.linearize.judge import Judgement, judge
from bookproof.models.linearize.online import Online
from bookproof.models.linearize.page import page
from bookproof.models.linearize.record import Stamps, record, scripts_of
from bookproof.models.linearize.story import story
from bookproof.models.linearize.telling import Telling, telling
from bookproof.models.report.plainly import plainly
from bookproof.models.report.terminal import counting
from bookproof.spec import codec
from bookproof.spec.input_error import InputError, quote

EXIT_CODES = {Verdict.LINEARIZABLE: 0, Verdict.NOT_LINEARIZABLE: 1, Verdict.UNKNOWN: 3}
BUDGET_SECONDS = 60.0
FORMATS = ("history", "fix", "csv")

_FOLLOWED_LINES = 1_000

_LONG = 100_000
"""Operations from which on somebody who does not sit at a terminal is told as well what is being done."""

_LOOK_EVERY = 0.05
"""Seconds between two looks at how much memory there is."""

_MOST_SHOWN = 12
"""Operations of a core that are shown."""

Type = Callable[[str], Any]


# ── linearize ──


def add_linearize(parser: argparse.ArgumentParser, seconds: Type) -> None:
    """The options of `bookproof linearize`."""
    parser.description = (
        "Is there one order of the operations of a recorded run that explains every answer, and respects real time? "
        "Exit code 0: yes; 1: no; 3: it is not known."
    )
    parser.add_argument("file", type=Path, help="a history (the format: bookproof.models.linearize.file), or a log")
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="history",
        metavar="KIND",
        help="history, fix (bookproof.models.linearize.from_fix) or csv (.from_csv, with --mapping)",
    )
    parser.add_argument("--mapping", type=Path, metavar="FILE", help="csv: what its columns and words mean, as TOML")
    parser.add_argument("--tick", default="1", metavar="STEP", help="fix: price step, such as 0.01; 1 by default")
    parser.add_argument("--lot", default="1", metavar="STEP", help="fix: quantity step; 1 by default")
    parser.add_argument("--profile", default="default", metavar="NAME", help="fix: the venue, or a .toml file")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write what was read as a history")
    parser.add_argument("--follow", action="store_true", help="judge a history while it is being written, to its end")
    parser.add_argument("--budget", type=seconds, default=BUDGET_SECONDS, metavar="TIME", help="for the search (60s)")
    parser.add_argument("--memory", type=_bytes, metavar="SIZE", help="give up beyond it: 500M, 2G")
    parser.add_argument("--ignore-stamps", action="store_true", help="search, whatever the exchange says of its order")
    parser.add_argument("--html", type=Path, metavar="FILE", help="a violation as a page: timeline, proof, a test")
    parser.add_argument("--json", action="store_true", help="the verdict as JSON on standard output, with its evidence")
    parser.set_defaults(run=main)


def main(asked: argparse.Namespace) -> int:
    """Read a history, judge it and tell. The exit code says the verdict."""
    started = perf_counter()
    document: dict[str, Any] = {"file": str(asked.file)}
    try:
        with _at_most(asked.memory):
            history = _followed(asked) if asked.follow else _history(asked)
            document |= _counted(history) | {"seconds_reading": round(perf_counter() - started, 3)}
            begun = perf_counter()
            with _telling(f"judging {len(history.operations):,} operations", len(history.operations)) as progress:
                judgement = judge(history, budget_seconds=asked.budget, progress=progress)
            document["seconds_judging"] = round(perf_counter() - begun, 3)
            document["peak_bytes"] = peak_memory()
    except MemoryError:
        size = "all there is" if asked.memory is None else f"{asked.memory / 2**20:,.0f} MiB"
        doing = "judge" if "operations" in document else "read"
        found = Conclusion(Verdict.UNKNOWN, kind=f"{size} of memory is not enough to {doing} it")
        history, judgement = History((), ()), Judgement(found, "nobody", "no verdict")
    code = EXIT_CODES[judgement.verdict]
    story_of = telling(judgement, history.lock_steps)
    if asked.html is not None and story_of is not None:
        again = f"bookproof linearize {shlex.quote(str(asked.file))}{' --ignore-stamps' if asked.ignore_stamps else ''}"
        asked.html.write_text(page(story_of, name=asked.file.name, again=again), encoding="utf-8")
        document["page"] = str(asked.html)
    if asked.json:
        print(json.dumps(document | {"exit_code": code} | _as_json(judgement), indent=2))
        return code
    print("\n".join(_told(history, judgement, story_of)))
    if asked.html is not None:
        print(f"Page: {asked.html}" if story_of is not None else "No page: there is no violation of a few operations.")
    return code


def _history(asked: argparse.Namespace) -> History:
    if (asked.format == "csv") is (asked.mapping is None):
        expected = "a mapping with --format csv, and only with it"
        raise InputError("options", 0, "--mapping", expected, quote(str(asked.mapping or "none")))
    if asked.format == "csv":
        history = read_csv(asked.file, read_mapping(asked.mapping))
    elif asked.format == "fix":
        profile = venue_named(asked.profile).profile
        history = read_fix(asked.file, tick=asked.tick, lot=asked.lot, profile=profile)
    else:
        with counting("lines read") as progress:
            history = read(asked.file, progress)
    if asked.save is not None:
        write(history, asked.save)
    if asked.ignore_stamps:
        history = history._replace(operations=tuple(one._replace(stamps=()) for one in history.operations))
    return history


def _followed(asked: argparse.Namespace) -> History:
    """A history that is still being written, up to where it is wrong or has ended.

    Whoever interrupts it has what was there by then.
    """
    if asked.format != "history" or asked.ignore_stamps or asked.save is not None:
        raise InputError("options", 0, "--follow", "a history as it is, and nothing else to do with it", "more options")
    run = Online(str(asked.file), budget_seconds=asked.budget)
    with codec.opened(asked.file, str(asked.file), "rb") as file, counting("lines read") as progress:
        growing: Any = Growing(file)
        try:
            for line, entry in entries(growing):
                if run.add(line, entry) is not None or isinstance(entry, End):
                    break
                if line % _FOLLOWED_LINES == 0:
                    progress(line)
        except KeyboardInterrupt:
            print(f"bookproof: stopped; {run.operations:,} operations, {run.explained:,} explained", file=sys.stderr)
    if run.violation is not None:
        print(f"bookproof: wrong after {run.operations:,} operations: {run.violation.kind}", file=sys.stderr)
    return run.so_far()


class Growing:
    """A file that somebody else still writes to: a line is there when its line feed is."""

    def __init__(self, file: IO[bytes], *, every_seconds: float = 0.05) -> None:
        self.name = getattr(file, "name", "<stream>")
        self._file = file
        self._every_seconds = every_seconds
        self._begun = b""

    def readline(self, limit: int = -1) -> bytes:
        """The next line, whenever it comes."""
        while True:
            self._begun += self._file.readline(limit)
            if self._begun.endswith(b"\n") or 0 <= limit <= len(self._begun):
                line, self._begun = self._begun, b""
                return line
            sleep(self._every_seconds)


def _counted(history: History) -> dict[str, int]:
    operations = history.operations
    return {
        "operations": len(operations),
        "open": sum(operation.is_open for operation in operations),
        "clients": len({operation.client for operation in operations}),
        "books": len(history.instruments),
    }


def _as_json(judgement: Judgement) -> dict[str, Any]:
    """Everything that is known of a verdict."""
    found = judgement.conclusion
    document: dict[str, Any] = {"verdict": found.verdict.value, "by": judgement.by, "evidence": judgement.evidence}
    if found.kind:
        document["kind"] = found.kind
    if found.verdict is Verdict.LINEARIZABLE:
        document["order"] = list(found.order)
    if found.verdict is Verdict.NOT_LINEARIZABLE:
        document |= {"core": list(found.core), "proof": _proof(found)}
    if found.verdict is Verdict.UNKNOWN:
        document["explained"] = len(found.prefix)
    if judgement.stamps is not None:
        document["stamps"] = _proof(judgement.stamps)
    return document | {"steps": found.steps}


def _proof(found: Conclusion) -> list[dict[str, Any]]:
    return [{"sentence": reason.told({}), "operations": list(reason.operations)} for reason in found.proof]


def _told(history: History, judgement: Judgement, story_of: Telling | None) -> Iterator[str]:
    """A verdict for a person."""
    found = judgement.conclusion
    if found.verdict is Verdict.LINEARIZABLE:
        yield f"LINEARIZABLE: one order explains all {len(history.operations):,} operations ({judgement.evidence})."
    elif found.verdict is Verdict.UNKNOWN:
        yield f"UNKNOWN: no order was found, and no proof that there is none ({found.kind or 'nothing more is known'})."
        if found.prefix:
            yield f"The longest beginning of an order that works has {len(found.prefix):,} operations."
    else:
        yield f"NOT LINEARIZABLE ({found.kind})."
        if story_of is not None:
            yield story(story_of)
        else:
            yield from (f"  {number}. {reason.told({})}" for number, reason in enumerate(found.proof, 1))
            yield f"Why to believe it: {judgement.evidence}."
            yield from _rows(history, found.core)
    if judgement.stamps is not None:
        wrong = found.verdict is Verdict.LINEARIZABLE
        yield "The stamps are wrong:" if wrong else "The stamps of the exchange do not explain it either:"
        yield from (f"  {number}. {reason.sentence}" for number, reason in enumerate(judgement.stamps.proof, 1))
        if wrong:
            yield from _rows(history, judgement.stamps.core)


def _rows(history: History, core: tuple[int, ...]) -> Iterator[str]:
    """The operations in question, as their clients saw them. Times are from the first of their calls on."""
    if not core or len(core) == len(history.operations) > _MOST_SHOWN:
        return
    shown = sorted(core, key=lambda place: history.operations[place].called)
    begin = history.operations[shown[0]].called
    yield f"{'operation':>11}  {'client':>6}  {'called ns':>12}  {'returned ns':>12}  command → answer"
    for place in shown[:_MOST_SHOWN]:
        one = history.operations[place]
        back = "never" if one.returned is None else f"{one.returned - begin:,}"
        answer = "?" if one.events is None else plainly(*one.events)
        yield f"{place:>11}  {one.client:>6}  {one.called - begin:>12,}  {back:>12}  {plainly(one.command)} → {answer}"
    if len(shown) > _MOST_SHOWN:
        yield f"{'':>11}  and {len(shown) - _MOST_SHOWN:,} more"


@contextmanager
def _telling(what: str, operations: int) -> Iterator[Callable[[str], None]]:
    """Say on standard error what is being done: as long as it takes at a terminal, else once if it will take long."""
    console = Console(stderr=True)
    if console.is_terminal:
        with console.status(what) as status:
            yield lambda how_far: status.update(f"{what}: {how_far}")
        return
    if operations >= _LONG:
        print(f"bookproof: {what}", file=sys.stderr, flush=True)
    yield lambda how_far: None


@contextmanager
def _at_most(size: int | None) -> Iterator[None]:
    """MemoryError as soon as this process has had more memory than so many bytes.

    It is watched from beside and interrupted. A limit of the system would do it to the byte, but what C code does
    where memory is refused is anybody's guess. A job in the background of a shell ignores interrupts, but not this one.
    """
    if size is None:
        yield
        return
    over, finished = threading.Event(), threading.Event()

    def watch() -> None:
        while not finished.wait(_LOOK_EVERY):
            if peak_memory() > size:
                over.set()
                _thread.interrupt_main()
                return

    if peak_memory() > size:
        raise MemoryError

    def interrupted(number: int, frame: FrameType | None) -> None:
        if over.is_set():
            raise KeyboardInterrupt

    here = threading.current_thread() is threading.main_thread()  # nobody else can be interrupted
    ignored = here and signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if ignored:
        signal.signal(signal.SIGINT, interrupted)
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        try:
            yield
        finally:
            finished.set()
            watcher.join()
            if ignored:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
    except KeyboardInterrupt:
        if over.is_set():
            raise MemoryError from None
        raise


def peak_memory() -> int:
    """Bytes of memory that this process has had at most at any time."""
    import resource  # which not every system has

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


# ── record ──


def add_record(parser: argparse.ArgumentParser, count: Type) -> None:
    """The options of `bookproof record`."""
    parser.description = "Run an engine under real threads and write down what every client saw, as a history."
    parser.add_argument("--engine", choices=known(), default="striped", metavar="NAME", help=", ".join(known()))
    parser.add_argument("--mix", choices=list(MIXES), default="across books", metavar="MIX", help=", ".join(MIXES))
    parser.add_argument("--profile", default="default", metavar="NAME", help="the venue, or a .toml file")
    parser.add_argument("--clients", type=count, default=6, metavar="N", help="threads (6)")
    parser.add_argument("--commands", type=count, default=400, metavar="N", help="over all clients (400)")
    parser.add_argument("--seed", type=count, default=1, metavar="N", help="of the commands (1)")
    parser.add_argument(
        "--stamps",
        choices=[kind.value for kind in Stamps],
        default=Stamps.ORDER.value,
        metavar="KIND",
        help="what the engine says of its order: none, order (of all operations), stripes (of each of its locks)",
    )
    parser.add_argument("--crash", type=_share, default=0.0, metavar="P", help="odds that a client crashes in a call")
    parser.add_argument("--locks", action="store_true", help="write down what every operation did with locks as well")
    parser.add_argument("--cuts", type=_share, default=0.05, metavar="P", help="odds to give way at a function call")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="where the history goes")
    parser.set_defaults(run=record_main)


def record_main(asked: argparse.Namespace) -> int:
    """Record one run. 1 if the engine did not come to its end."""
    if not asked.clients:
        raise InputError("options", 0, "--clients", "at least 1", "0")
    profile = venue_named(asked.profile).profile
    listed, profile, scripts = scripts_of(
        asked.mix, clients=asked.clients, commands=asked.commands, seed=asked.seed, profile=profile
    )
    make = partial(factory(asked.engine), listed, profile)
    try:
        history = record(
            lambda sync: make(sync=sync),
            listed,
            profile,
            scripts,
            stamps=Stamps(asked.stamps),
            crash=asked.crash,
            cuts=asked.cuts,
            seed=asked.seed,
            locks=asked.locks,
        )
    except RunError as error:
        print(f"bookproof: the run did not come to its end: {error}", file=sys.stderr)
        return 1
    write(history, asked.out)
    counts = _counted(history)
    print(f"{counts['operations']:,} operations of {counts['clients']:,} clients, {counts['open']:,} of them open, in")
    print(f"{asked.out}; judge them by: bookproof linearize {asked.out}")
    return 0


# ── words ──


def _bytes(text: str) -> int:
    """A size: 500M, 2G, or bytes."""
    unit = {"K": 2**10, "M": 2**20, "G": 2**30}.get(text[-1:].upper(), 0)
    digits = text[:-1] if unit else text
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 16):
        raise argparse.ArgumentTypeError(f"expected a size such as 500M or 2G, got {quote(text)}")
    return int(digits) * (unit or 1)


def _share(text: str) -> float:
    """A probability."""
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 1, got {quote(text)}")
    return share
