"""The same small programs by our search, by the naive one, and by a peer: who loses an outcome?

Programs are those of `small.Locksmith`, by number, and `LOOKS_EARLY`. The peer is given them as Python source, as a
person would write them for `threading`. Each is searched in a process of its own and within so many seconds: where
these are spent, nothing is said of what was missed.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from bookproof.models.bench.schedule_fuzz_peer import WAYS
from bookproof.models.interleaving.scheduler import Choose, Run, Scheduler
from bookproof.models.interleaving.search import Naive, Reduced
from bookproof.models.interleaving.small import Compared, Locksmith, Outcome, compared, found

MOST_NAIVE_RUNS = 600
"""A random program with more schedules than that is left out: the referee would take too long."""

_NO_TIME = "time spent"
_PATIENCE = 20.0
"""Seconds beyond those for its searches that a process may take to begin and to end."""

LOOKS_EARLY = """\
import threading


class State:
    def __init__(self):
        self.lock = threading.Lock()
        self.open = {1: 5}
        self.given = 0

    def outcome(self):
        return (self.given,)


def cancel(state):
    seen = state.open.get(1, 0)  # looked up before the lock is taken
    with state.lock:
        if seen:
            state.open.pop(1, None)
            state.given += seen


def fill(wanted):
    def act(state):
        with state.lock:
            taken = min(wanted, state.open.get(1, 0))
            if taken:
                state.open[1] -= taken
                state.given += taken

    return act


threads = [cancel, fill(3), fill(2)]
"""
"""Five lots, of which nobody may get more: one lock and one dict, and a cancel that looks up before it locks."""


class LooksEarly(Locksmith):
    """`LOOKS_EARLY` for our scheduler."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.outcome: Outcome = ()

    def execute(self, choose: Choose) -> Run:
        """Run it once, and keep its outcome."""
        lock, touch = self.scheduler.lock("lock"), self.scheduler.touch
        lots = {1: 5}
        given = 0

        def cancel() -> None:
            nonlocal given
            touch("open", writes=False)
            seen = lots.get(1, 0)
            with lock:
                if seen:
                    touch("open", writes=True)
                    lots.pop(1, None)
                    given += seen

        def fill(wanted: int) -> None:
            nonlocal given
            with lock:
                touch("open", writes=False)
                taken = min(wanted, lots.get(1, 0))
                if taken:
                    touch("open", writes=True)
                    lots[1] -= taken
                    given += taken

        run = self.scheduler.run([cancel, lambda: fill(3), lambda: fill(2)], choose)
        self.outcome = ((given,), tuple(sorted(run.waiting)))
        return run


def text_of(number: int) -> str:
    """A random program as a person would write it.

    >>> print(text_of(2).partition("def thread_0")[2])
    (state):
        seen = []
        with state.lock_0:
            state.value_0 = state.value_0 * 3 + 1
            seen.append(state.value_0)
        state.seen_0 = tuple(seen)
    <BLANKLINE>
    <BLANKLINE>
    def thread_1(state):
        seen = []
        with state.lock_0:
            state.value_0 = state.value_0 * 3 + 9
            seen.append(state.value_0)
        state.seen_1 = tuple(seen)
    <BLANKLINE>
    <BLANKLINE>
    threads = [thread_0, thread_1]
    <BLANKLINE>
    """
    scripts = Locksmith.scripts_of(number)
    locks = range(1 + max(lock for script in scripts for wanted, *_ in script for lock in wanted))
    values = ", ".join(f"self.value_{lock}" for lock in locks)
    seen = ", ".join(f"self.seen_{thread}" for thread in range(len(scripts)))
    lines = ["import threading", "", "", "class State:", "    def __init__(self):"]
    for lock in locks:
        lines += [f"        self.lock_{lock} = threading.Lock()", f"        self.value_{lock} = 0"]
    lines += [f"        self.seen_{thread} = ()" for thread in range(len(scripts))]
    lines += ["", "    def outcome(self):", f"        return ({values},), ({seen},)", "", ""]
    for thread, script in enumerate(scripts):
        lines += [f"def thread_{thread}(state):", "    seen = []"]
        for wanted, number, peeks in script:
            if peeks:
                lines.append(f"    seen.append(state.value_{wanted[0]})")
            deeper = "    "
            for lock in wanted:
                lines.append(f"{deeper}with state.lock_{lock}:")
                deeper += "    "
            for lock in wanted:
                lines.append(f"{deeper}state.value_{lock} = state.value_{lock} * 3 + {number}")
                lines.append(f"{deeper}seen.append(state.value_{lock})")
        lines += [f"    state.seen_{thread} = tuple(seen)", "", ""]
    names = ", ".join(f"thread_{thread}" for thread in range(len(scripts)))
    return "\n".join([*lines, f"threads = [{names}]", ""])


class Searched(NamedTuple):
    """One program."""

    name: str
    text: str
    both: Compared
    """By our search, and by the naive one."""
    peer: dict[str, dict[str, Any]] | None = None
    """By the peer, for each of its ways; None if it said nothing."""
    silent: str = ""
    """Why it said nothing."""

    def spent(self, way: str) -> bool:
        """Whether the peer had no time left: then nothing is said of what it missed."""
        return self.silent == _NO_TIME or (self.peer is not None and bool(self.peer[way]["spent"]))


def programs(count: int, first: int) -> Iterator[Searched]:
    """So many random programs that are not too big for the referee, and the one that looks early."""
    with closing(Scheduler(3)) as scheduler:
        early = LooksEarly(scheduler)
        mine, right = found(early, Reduced), found(early, Naive)
        assert mine is not None
        assert right is not None
        yield Searched("looks early", LOOKS_EARLY, Compared(-1, mine, right))
    number = first
    while count:
        both = compared(number, most=MOST_NAIVE_RUNS)
        if both is not None:
            yield Searched(f"program {number}", text_of(number), both)
            count -= 1
        number += 1


def outcomes_of(both: Compared) -> dict[str, Any]:
    """What the naive search found, for `schedule_fuzz_peer`.

    >>> outcomes_of(compared(2))
    {'outcomes': [((12,), ((1,), (12,))), ((28,), ((28,), (9,)))], 'stuck': False}
    """
    ends = sorted(outcome[:-1] for outcome in both.naive.outcomes if not outcome[-1])
    plain = [end[0] if len(end) == 1 else end for end in ends]
    return {"outcomes": plain, "stuck": any(outcome[-1] for outcome in both.naive.outcomes)}


def by_peer(command: Sequence[str], program: Searched, seconds: float) -> Searched:
    """With what the peer says of it, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "program.py"
        file.write_text(program.text, encoding="utf-8")
        given = json.dumps(outcomes_of(program.both))
        try:
            ran = subprocess.run(
                [*command, "-m", "bookproof.models.bench.schedule_fuzz_peer", str(file), str(seconds)],
                input=given,
                capture_output=True,
                text=True,
                timeout=seconds * 3 * len(WAYS) + _PATIENCE,
                check=True,
            )
            return program._replace(peer=json.loads(ran.stdout.splitlines()[-1]))
        except subprocess.TimeoutExpired:
            return program._replace(silent=_NO_TIME)
        except (subprocess.SubprocessError, ValueError, IndexError) as error:
            return program._replace(silent=f"did not run: {type(error).__name__}")


class Fuzzed(NamedTuple):
    """What came of all of them."""

    ours: str
    lost: int
    """Programs of which our search lost an outcome."""
    peer: str


def side_by_side(
    count: int, first: int, command: Sequence[str] | str, seconds: float, tell: Callable[[float, str], None]
) -> Fuzzed:
    """Search so many programs; `command` begins the peer in a process of its own, or says why there is none."""
    searched: list[Searched] = []
    for at, program in enumerate(programs(count, first)):
        tell(at / (count + 1), program.name)
        searched.append(program if isinstance(command, str) else by_peer(command, program, seconds))
    lost = [program.name for program in searched if program.both.lost]
    ours = f"lost in {len(lost)} of {len(searched):,}, the program that looks early among them"
    peer = command if isinstance(command, str) else "; ".join(_told(way, searched) for way in WAYS)
    return Fuzzed("; ".join((ours, *lost[:5])), len(lost), peer)


def _told(way: str, searched: Sequence[Searched]) -> str:
    """What a way of the peer's to search came to, in words."""
    ended = [one.peer[way] for one in searched if one.peer is not None and not one.spent(way)]
    lost = [one for one in ended if one["missed"]]
    certified, by_lot = sum(one["certified"] for one in lost), sum(one["shown_by_lot"] for one in lost)
    foreign = sum(bool(one["foreign"]) for one in ended)
    words = [
        f"{way}: lost in {len(lost)} of {len(ended)}",
        f"certifies {certified} of these, its random mode fails {by_lot}",
    ]
    early = searched[0]
    if early.peer is not None and not early.spent(way):
        words.append(f"{'certifies' if early.peer[way]['certified'] else 'fails'} the program that looks early")
    if spent := sum(one.spent(way) for one in searched):
        words.append(f"{_NO_TIME} in {spent}")
    words += dict.fromkeys(one.silent for one in searched if one.silent not in ("", _NO_TIME))
    if foreign:
        words.append(f"other outcomes than there are in {foreign}")
    return ", ".join(words)
