"""Small programs to judge a search by: random ones with locks and variables, and those with a published trace count.

None of them knows of an exchange, but the last, which peers are measured on as well. What a search finds in them is
compared with every schedule there is, or with what others have found.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple, TypeAlias

from bookproof.models.interleaving.scenarios import A, B, Scenario, basket, buy, sell
from bookproof.models.interleaving.scheduler import Action, Choose, Event, Run, Scheduler, Script
from bookproof.models.interleaving.search import Execute, Naive, Node, Reduced, Search, Tree, Word, leads
from bookproof.models.interleaving.traces import linearizations
from bookproof.spec.commands import Cancel, Command
from bookproof.spec.instruments import listing

Outcome: TypeAlias = tuple[object, ...]
By: TypeAlias = Callable[[Execute], Search]
"""A search, to be given a program."""


class Locksmith:
    """A random program: threads that take one or two locks, in any order, and change and read variables in them.

    Some read a variable before they take its lock, and some cannot but deadlock. The outcome is what the variables are
    at the end, what each thread read, and who is stuck for ever.
    """

    def __init__(self, number: int, scheduler: Scheduler) -> None:
        self.scripts = self.scripts_of(number)
        self.threads = len(self.scripts)
        self.locks = 1 + max(lock for script in self.scripts for wanted, *_ in script for lock in wanted)
        self.scheduler = scheduler
        self.outcome: Outcome = ()

    @classmethod
    def scripts_of(cls, number: int) -> list[list[tuple[list[int], int, bool]]]:
        """What each thread does: the locks it takes, a number for their variables, and whether it reads one before.

        >>> Locksmith.scripts_of(1)
        [[([0, 1], 8, False)], [([0, 2], 7, False), ([2, 0], 5, False), ([2], 6, False)]]
        """
        dice = random.Random(number)
        threads, locks = dice.randint(2, 3), dice.randint(1, 3)
        careless = dice.random() < 0.4
        return [
            [
                (
                    cls._order(dice, dice.sample(range(locks), dice.randint(1, min(2, locks)))),
                    dice.randint(1, 9),
                    careless and dice.random() < 0.3,
                )
                for _ in range(dice.randint(1, 3))
            ]
            for _ in range(threads)
        ]

    @staticmethod
    def _order(dice: random.Random, locks: list[int]) -> list[int]:
        return sorted(locks) if dice.random() < 0.6 else locks

    def execute(self, choose: Choose) -> Run:
        """Run it once, and keep its outcome."""
        locks = [self.scheduler.lock(f"lock {at}") for at in range(self.locks)]
        values = [0] * self.locks
        seen: list[list[int]] = [[] for _ in range(self.threads)]

        def script(thread: int) -> Script:
            def act() -> None:
                for wanted, number, peeks in self.scripts[thread]:
                    if peeks:
                        self.scheduler.touch(f"value {wanted[0]}", writes=False)
                        seen[thread].append(values[wanted[0]])
                    with ExitStack() as held:
                        for lock in wanted:
                            held.enter_context(locks[lock])
                        for lock in wanted:
                            self.scheduler.touch(f"value {lock}", writes=True)
                            values[lock] = values[lock] * 3 + number
                            seen[thread].append(values[lock])

            return act

        run = self.scheduler.run([script(thread) for thread in range(self.threads)], choose)
        self.outcome = (tuple(values), tuple(map(tuple, seen)), tuple(sorted(run.waiting)))
        return run


class Found(NamedTuple):
    """What a search found in a random program."""

    outcomes: frozenset[Outcome]
    runs: int
    cut: int
    schedules: int
    """How many schedules have the traces that were found."""


def found(program: Locksmith, by: By, most: int = 20_000) -> Found | None:
    """Every outcome, with racing variables as points as well; None if there are more schedules than that."""
    while True:
        outcomes: set[Outcome] = set()
        races: set[str] = set()
        runs = cut = schedules = 0
        for run in by(program.execute):
            runs += 1
            cut += run.cut
            schedules += 1 if by is Naive or run.cut else linearizations(run).orders
            races |= {race.cell for race in run.races}
            if not run.cut:
                outcomes.add(program.outcome)
            if max(runs, schedules) > most:
                return None
        if races <= program.scheduler.racy:
            return Found(frozenset(outcomes), runs, cut, schedules)
        program.scheduler.racy |= races


class Compared(NamedTuple):
    """One random program, searched by a search and by the referee."""

    number: int
    reduced: Found
    naive: Found

    @property
    def lost(self) -> bool:
        """Whether there is an outcome that the search did not find."""
        return self.reduced.outcomes != self.naive.outcomes


def compared(number: int, by: By = Reduced, most: int = 20_000) -> Compared | None:
    """A random program by a search and by the naive one; None if it is too big for the referee.

    >>> compared(3).lost
    False
    """
    scheduler = Scheduler(3)
    try:
        program = Locksmith(number, scheduler)
        mine = found(program, by, most)
        right = None if mine is None else found(program, Naive, most)
        return None if mine is None or right is None else Compared(number, mine, right)
    finally:
        scheduler.close()


# ── searches with a defect, which comparing must show ──


class AsleepForEver(Reduced):
    """Nobody who sleeps is woken, whatever the others do."""

    def _still_asleep(self, node: Node) -> dict[int, Action]:
        return {thread: action for thread, action in node.asleep.items() if thread != node.chosen}


class LockRacesIgnored(Reduced):
    """That two threads want the same lock is no reason to try the other order."""

    def _reverse(self, run: Run, events: list[Event], first: int, second: int, end: int) -> None:
        if events[second].action.kind != "take":
            super()._reverse(run, events, first, second, end)


class PendingIgnored(Reduced):
    """Who waits for ever for a lock takes no part in races."""

    def _waiting(self, run: Run) -> Mapping[int, Action]:
        return {}


class HalfAWord(Reduced):
    """What begins as a branch of the tree is taken to be that branch."""

    def _insert(self, tree: Tree, word: Word) -> None:
        if not any(leads(thread, action, word) for thread, (action, _) in tree.items()):
            super()._insert(tree, word)


MUTANTS: Mapping[str, By] = {
    "asleep for ever": AsleepForEver,
    "lock races ignored": LockRacesIgnored,
    "waiting threads ignored": PendingIgnored,
    "half a word is enough": HalfAWord,
}
"""Searches with one defect each."""


def outlives(mutant: By, programs: int) -> int:
    """How many random programs a search with a defect gets through, of so many; all of them if nothing shows it."""
    return next((at for at in range(programs) if (it := compared(at, mutant, 2_000)) and it.lost), programs)


# ── programs with a published count of traces ──


class Classic(NamedTuple):
    """A program of the literature."""

    name: str
    threads: int
    traces: int
    make: Callable[[Scheduler], Sequence[Script]]
    """Its threads, from its beginning."""
    cells: frozenset[str]
    """The cells that all of them race for."""


def _readers(readers: int) -> Classic:
    """One thread writes, the others read: each before it or after it."""

    def make(scheduler: Scheduler) -> Sequence[Script]:
        return [lambda at=at: scheduler.touch("x", writes=not at) for at in range(readers + 1)]  # type: ignore[misc]

    return Classic(f"readers({readers})", readers + 1, 2**readers, make, frozenset({"x"}))


def _last_zero(writers: int, traces: int) -> Classic:
    """Each writer makes its cell one more than the one below; a reader looks for the last cell that is zero."""

    def make(scheduler: Scheduler) -> Sequence[Script]:
        cells = [0] * (writers + 1)

        def look() -> None:
            at = writers
            scheduler.touch(f"x{at}", writes=False)
            while cells[at]:
                at -= 1
                scheduler.touch(f"x{at}", writes=False)

        def write(at: int) -> Script:
            def act() -> None:
                scheduler.touch(f"x{at - 1}", writes=False)
                below = cells[at - 1]
                scheduler.touch(f"x{at}", writes=True)
                cells[at] = below + 1

            return act

        return [look, *(write(at) for at in range(1, writers + 1))]

    return Classic(f"lastzero({writers})", writers + 1, traces, make, frozenset(f"x{at}" for at in range(writers + 1)))


def _indexer(threads: int, traces: int) -> Classic:
    """Threads put four messages each into a hash table of 128 cells (Flanagan and Godefroid, POPL 2005)."""

    def make(scheduler: Scheduler) -> Sequence[Script]:
        table = [0] * 128

        def enter(thread: int) -> Script:
            def act() -> None:
                for message in range(1, 5):
                    word = message * 11 + thread
                    at = word * 7 % 128
                    scheduler.touch(f"x{at}", writes=True)  # compare and swap
                    while table[at]:
                        at = (at + 1) % 128
                        scheduler.touch(f"x{at}", writes=True)
                    table[at] = word

            return act

        return [enter(thread) for thread in range(threads)]

    return Classic(f"indexer({threads})", threads, traces, make, frozenset(f"x{at}" for at in range(128)))


def _file_system(threads: int, traces: int) -> Classic:
    """Threads look for a free block for one of 32 files, each file and each block with a lock (the same paper)."""

    def make(scheduler: Scheduler) -> Sequence[Script]:
        files, busy = [0] * 32, [False] * 26

        def create(thread: int) -> Script:
            def act() -> None:
                with scheduler.lock(f"file {thread % 32}"):
                    if not files[thread % 32]:
                        block = thread * 2 % 26
                        while not files[thread % 32]:
                            with scheduler.lock(f"block {block}"):
                                if not busy[block]:
                                    busy[block], files[thread % 32] = True, block + 1
                            block = (block + 1) % 26

            return act

        return [create(thread) for thread in range(threads)]

    return Classic(f"filesystem({threads})", threads, traces, make, frozenset())


CLASSICS: tuple[Classic, ...] = (
    _readers(2),
    _readers(8),
    _last_zero(5, 64),
    _indexer(12, 8),
    _file_system(14, 2),
    _file_system(16, 8),
    _file_system(18, 32),
    _file_system(19, 64),
)
"""With the counts of Abdulla, Aronis, Jonsson and Sagonas, POPL 2014, table 1 (optimal)."""


def traces_of(classic: Classic, by: By = Reduced) -> tuple[int, int]:
    """How many traces a search finds in a classic, and how many runs it cuts.

    >>> traces_of(CLASSICS[0])
    (4, 0)
    """
    with _scheduler(classic.threads, classic.cells) as scheduler:
        runs = list(by(lambda choose: scheduler.run(classic.make(scheduler), choose)))
    cut = sum(run.cut for run in runs)
    return len(runs) - cut, cut


# ── locks alone ──


def grid(threads: int, operations: int) -> Sequence[Sequence[Sequence[int]]]:
    """The locks of each operation of each thread: one stripe, then the other, in turns; the third begins with both.

    >>> grid(3, 2)
    [[[0], [1]], [[0], [1]], [[0, 1], [0]]]
    """
    turns = [[at % 2] for at in range(operations)]
    return [[[0, 1], *turns[: operations - 1]] if thread == 2 else turns for thread in range(threads)]


def runs_of(program: Sequence[Sequence[Sequence[int]]], by: By = Reduced) -> int:
    """How many runs a search makes of threads that take locks and nothing else.

    >>> runs_of([[[0]], [[0]], [[1]]]), runs_of([[[0]], [[0]], [[1]]], Naive)
    (2, 6)
    """
    stripes = 1 + max(lock for operations in program for wanted in operations for lock in wanted)
    with _scheduler(len(program), frozenset()) as scheduler:

        def execute(choose: Choose) -> Run:
            locks = [scheduler.lock(f"stripe {at}") for at in range(stripes)]

            def script(operations: Sequence[Sequence[int]]) -> Script:
                def act() -> None:
                    for wanted in operations:
                        with ExitStack() as held:
                            for lock in wanted:
                                held.enter_context(locks[lock])

                return act

            return scheduler.run([script(operations) for operations in program], choose)

        return sum(1 for _ in by(execute))


@contextmanager
def _scheduler(threads: int, racy: frozenset[str]) -> Iterator[Scheduler]:
    scheduler = Scheduler(threads)
    scheduler.racy = racy
    try:
        yield scheduler
    finally:
        scheduler.close()


def book_of(threads: int, operations: int) -> Scenario:
    """The same on a small book: orders and cancels in two books by turns, and the third begins with a basket.

    >>> book_of(3, 2).size, [len(script) for script in book_of(3, 2).scripts]
    ('3x2', [2, 2, 2])
    """
    scripts: list[tuple[Command, ...]] = []
    for thread, wanted in enumerate(grid(threads, operations)):
        first = 10 * (thread + 1)
        kinds: Mapping[tuple[int, ...], Callable[[int], Command]] = {
            (0,): lambda order: buy(order, A),
            (1,): lambda order: Cancel(B, 2),
            (0, 1): lambda order: basket(order, A, B),
        }
        scripts.append(tuple(kinds[tuple(locks)](first + 2 * at) for at, locks in enumerate(wanted)))
    name = f"book-{threads}x{operations}"
    about = "Orders, cancels and a basket over two books."
    return Scenario(name, about, tuple(scripts), (sell(1, A), sell(2, B)), listing([A, B]))
