"""Small programs of every primitive, by lot or written down, and whether a search runs each of their traces once.

They are to conditions, semaphores, events, tries, draws and waits that end unanswered what `small.Locksmith` is to
locks. A search is judged by more than the outcomes that it finds: it has to run every trace that any schedule has, each
of them once, cut no run, and the schedules that these traces stand for have to be as many as there are. So whatever is
taken to commute and does not shows, even if it makes no difference to what anybody sees.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from contextlib import closing
from typing import Any, NamedTuple, TypeAlias

from bookproof.engine.sync import Sync
from bookproof.models.interleaving.scheduler import Choose, Run, Scheduler
from bookproof.models.interleaving.search import Naive, Reduced
from bookproof.models.interleaving.small import By, Outcome
from bookproof.models.interleaving.traces import linearizations, trace_of
from bookproof.models.interleaving.wheels import GREENLETS, THREADS, has_greenlets

Step: TypeAlias = tuple[str, int, int]
"""What is done, with a number that says to what, and another one to be written."""

STEPS: Mapping[str, tuple[str, ...]] = {
    "lock": ("lock 0", "lock 1", "lock 0 lock 1", "lock 1 lock 0"),
    "rlock": ("rlock", "rlock rlock", "rlock lock 0"),
    "try": ("trylock", "trylock lock 0", "lock 0 trylock", "try", "try", "keep"),
    "condition": ("wait while", "wait if", "notify", "notify", "notify all"),
    "nap": ("nap while", "nap if", "nap once", "wait while", "notify", "notify", "notify all"),
    "semaphore": ("take permit", "give", "give two", "try permit", "with permit"),
    "event": ("raise", "raise", "lower", "look", "wait"),
    "awhile": ("hear", "hear", "wait", "raise", "raise", "lower", "permit awhile", "give"),
    "counter": ("draw", "draw", "draw lock 0", "draw lock 1"),
}
"""What threads may do, by what it is done to."""

SECONDS = 1.0
"""That somebody waits at most: nobody looks at a clock."""


class Workshop:
    """A program with up to three kinds of primitives, right or wrong.

    Its outcome is what the cells hold at the end, what each thread saw, and who is stuck for ever.
    """

    def __init__(self, program: int | str, scheduler: Scheduler) -> None:
        """By its number; or by its steps, one word each, threads apart by `|`, with one permit to begin with."""
        dice = random.Random(program)
        self.scheduler = scheduler
        self.threads = dice.randint(2, 3)
        kinds = dice.sample(sorted(STEPS), dice.randint(1, 3))
        self.permits = dice.randint(0, 2)
        self.reentrant = dice.random() < 0.3
        self.scripts = [self._script(dice, kinds) for _ in range(self.threads)]
        if isinstance(program, str):
            scripts = [script.split() for script in program.split("|")]
            self.scripts = [
                [(step.replace("-", " "), 0, 3 * at + number) for number, step in enumerate(script, 1)]
                for at, script in enumerate(scripts)
            ]
            self.threads, self.permits, self.reentrant = len(scripts), 1, False
        self.outcome: Outcome = ()

    @staticmethod
    def _script(dice: random.Random, kinds: list[str]) -> list[Step]:
        script: list[Step] = []
        for _ in range(dice.randint(1, 3)):
            script.append((dice.choice(STEPS[dice.choice(kinds)]), dice.randrange(2), dice.randint(1, 9)))
            if dice.random() < 0.15:
                script.append((dice.choice(("peek", "poke")), dice.randrange(2), dice.randint(1, 9)))
        return script

    def execute(self, choose: Choose) -> Run:
        """Run it once, and keep its outcome."""
        shop = Shop(self.scheduler, self.permits, self.reentrant)
        seen: list[list[object]] = [[] for _ in range(self.threads)]

        def script(thread: int) -> Callable[[], None]:
            def act() -> None:
                for step, cell, number in self.scripts[thread]:
                    shop.do(step, cell, number, seen[thread])

            return act

        run = self.scheduler.run([script(thread) for thread in range(self.threads)], choose)
        ends = tuple(cell.value for cell in shop.cells)
        self.outcome = (ends, tuple(map(tuple, seen)), tuple(sorted(run.waiting)))
        return run


class Shop:
    """One of each primitive, and what can be done with it.

    >>> from bookproof.engine.sync import THREADS
    >>> shop, seen = Shop(THREADS, 1, False), []
    >>> shop.do("notify", 0, 0, seen), shop.do("wait while", 0, 0, seen), shop.do("try permit", 0, 0, seen)
    (None, None, None)
    >>> seen
    [0, 'yes']
    """

    def __init__(self, sync: Sync, permits: int, reentrant: bool) -> None:
        self.locks: dict[str, Any] = {f"lock {at}": sync.lock(f"lock {at}") for at in range(2)}
        self.locks |= {"rlock": sync.rlock("rlock"), "trylock": sync.try_lock("trylock")}
        self.condition = sync.condition("condition", sync.rlock("door") if reentrant else sync.lock("door"))
        self.semaphore = sync.semaphore("permits", permits)
        self.event = sync.event("flag")
        self.draw = sync.counter("numbers")
        self.cells = [sync.cell(f"cell {at}", 0) for at in range(2)]
        self.ready = 0

    def do(self, step: str, cell: int, number: int, seen: list[object]) -> None:
        """Do one thing, and note what is seen."""
        match step.split():
            case ["try"]:
                if self.locks["trylock"].acquire(blocking=False):
                    try:
                        self._change(cell, number, seen)
                    finally:
                        self.locks["trylock"].release()
                else:
                    seen.append("in vain")
            case ["keep"]:
                seen.append(_told(self.locks["trylock"].acquire(blocking=False)))
            case ["throw", "out"]:
                try:
                    self.locks["trylock"].release()
                except RuntimeError as error:
                    seen.append(str(error))
            case ["wait" | "nap" as how, how_long]:
                with self.condition:
                    self._wait(how_long, None if how == "wait" else SECONDS, seen)
            case ["notify", *everybody]:
                with self.condition:
                    self.ready += 1
                    self.condition.notify(9 if everybody else 1)
            case ["take", "permit"]:
                self.semaphore.acquire()
            case ["with", "permit"]:
                with self.semaphore:
                    self._change(cell, number, seen)
            case ["try", "permit"]:
                seen.append(_told(self.semaphore.acquire(blocking=False)))
            case ["permit", "awhile"]:
                seen.append(_told(self.semaphore.acquire(timeout=SECONDS)))
            case ["give", *two]:
                self.semaphore.release(2 if two else 1)
            case ["raise"]:
                self.event.set()
            case ["lower"]:
                self.event.clear()
            case ["look"]:
                seen.append(_told(self.event.is_set()))
            case ["wait"]:
                self.event.wait()
            case ["hear"]:
                seen.append(_told(self.event.wait(SECONDS)))
            case ["draw", *lock]:
                self._under(" ".join(lock), lambda: seen.append(self.draw()))
            case ["peek"]:
                seen.append(self.cells[cell].value)
            case ["poke"]:
                self.cells[cell].value = number
            case _:
                self._under(step, lambda: self._change(cell, number, seen))

    def _wait(self, how_long: str, seconds: float | None, seen: list[object]) -> None:
        """Wait until something is ready: `while` it is not, without looking again (`if`), or until it is too late."""
        while not self.ready:
            woken = self.condition.wait(seconds)
            if seconds is not None:
                seen.append(_told(woken))
            if how_long == "if":
                break
            if how_long == "once" and not woken:
                return
        self.ready -= 1
        seen.append(self.ready)

    def _change(self, cell: int, number: int, seen: list[object]) -> None:
        self.cells[cell].value = self.cells[cell].value * 3 + number
        seen.append(self.cells[cell].value)

    def _under(self, names: str, act: Callable[[], None]) -> None:
        held: list[Any] = []
        try:
            for name in re.findall(r"trylock|rlock|lock \d", names):
                self.locks[name].acquire()
                held.append(self.locks[name])
            act()
        finally:
            for lock in reversed(held):
                lock.release()


def _told(answer: bool) -> str:
    """In words, as True is 1 to Python, and what somebody saw may be a number."""
    return "yes" if answer else "no"


class Searched(NamedTuple):
    """What a search shows of a program."""

    outcomes: set[Outcome]
    traces: Counter[Hashable]
    """How often each was run."""
    cut: int
    schedules: int
    """That these traces stand for."""


class Weighed(NamedTuple):
    """A program by a search and by the naive one."""

    mine: Searched | None
    """None if it took more runs than there are schedules."""
    right: Searched

    @property
    def lost(self) -> bool:
        """Whether the search missed an outcome."""
        return self.mine is None or self.mine.outcomes != self.right.outcomes

    @property
    def inexact(self) -> bool:
        """Whether it did anything but run each trace once, and these stand for all schedules."""
        mine, right = self.mine, self.right
        if mine is None or mine.cut or mine.traces.keys() != right.traces.keys():
            return True
        return set(mine.traces.values()) != {1} or mine.schedules != right.traces.total()


def weighed(program: int | str, by: By = Reduced, most: int = 400, back_end: str | None = None) -> Weighed | None:
    """A program by a search and by the naive one; None if it has more schedules than that.

    >>> both = weighed("take-permit give | take-permit give")
    >>> both.lost, both.inexact, len(both.mine.traces)
    (False, False, 2)
    """
    threads = 1 + program.count("|") if isinstance(program, str) else 3
    with closing(Scheduler(threads, back_end or (GREENLETS if has_greenlets() else THREADS))) as controlled:
        shop = Workshop(program, controlled)
        right = _searched(shop, Naive, most)
        controlled.racy = frozenset()
        return None if right is None else Weighed(_searched(shop, by, most), right)


def _searched(program: Workshop, by: By, most: int) -> Searched | None:
    """All that a search finds, with all points that it asks for; None if it takes more runs than that."""
    while True:
        found = Searched(set(), Counter(), 0, 0)
        points: frozenset[str] = frozenset()
        for runs, run in enumerate(by(program.execute), 1):
            for error in run.errors.values():
                raise error
            points |= run.drawn.union(race.cell for race in run.races)
            if run.cut:
                found = found._replace(cut=found.cut + 1)
            else:
                found.outcomes.add(program.outcome)
                found.traces[trace_of(run)] += 1
                if by is not Naive:
                    found = found._replace(schedules=found.schedules + linearizations(run).orders)
            if runs > most:
                return None
        if points <= program.scheduler.racy:
            return found
        program.scheduler.racy |= points
