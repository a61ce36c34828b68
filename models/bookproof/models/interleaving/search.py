"""Which schedules to run, so that every order that can matter is among them, and as few as that takes.

Two transitions of different threads *depend* on each other if they take the same lock, or touch the same racing cell
and one of them changes it. Runs that differ only in the order of transitions that do not depend on each other are the
same (a Mazurkiewicz trace), so one of each is enough.

`Reduced` makes exactly one run of each: optimal DPOR with sleep sets and wakeup trees (Abdulla, Aronis, Jonsson,
Sagonas, POPL 2014; JACM 2017). `Naive` runs every schedule there is, as the referee, or every one with so few
preemptions.

Optimal DPOR cuts no run if each word that is laid down in a tree can be run as it stands. With locks alone it can, but
for what else there is, four things are to be seen to before a race is turned round:

- *Whether it can be.* Who leaves a lock, gives a permit or raises a flag may be the one who lets the other go on. Then
  there is no other order of the two (`instead`).
- *What the other one does then.* A try that failed wins when it comes first, one that won may fail; and two that fail
  commute, so that nothing is left to turn round.
- *Whether it is there to be turned round.* Who waits at a condition for some seconds, and is woken, did not do what it
  could have done before: have waited long enough. No transition of the run shows that (`Reduced._let_expire`).
- *What has to go with it.* Two that lower a flag commute. Who waits for the flag, and comes before one of them, has to
  come before the other as well.

That leaves runs that are cut for one reason only: threads race for a cell that is no point yet, so that the order of
transitions does not tell what happens. The search is begun again then, with that cell as a point.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import NamedTuple, Protocol, TypeAlias

from bookproof.models.interleaving.actions import FLAG, TRY, VAIN
from bookproof.models.interleaving.scheduler import Action, Choose, Event, Run
from bookproof.models.interleaving.words import letter

Execute = Callable[[Choose], Run]
"""Runs a program from its beginning, as `Choose` says."""

Wanted: TypeAlias = Mapping[int, Action]


class Strayed(NamedTuple):
    """The same schedule led elsewhere than the last time: the program is not determined by who goes on."""

    step: int
    """How many transitions were as before."""
    before: str
    now: str


class Search(Protocol):
    """Makes one run after the other. The search is over when the iterator ends: stop asking whenever you like."""

    strayed: Strayed | None
    """Why nothing that this search showed can be relied on; it ends there."""

    def __iter__(self) -> Iterator[Run]: ...

    def estimate(self) -> float:
        """How many runs it will be in all, as far as can be said while it goes on: exact when it is over."""
        ...


# ── one run of every trace ──


Tree: TypeAlias = "dict[int, tuple[Action, Tree]]"
"""A wakeup tree: what is still to be tried from a point, first things first; each branch as far as it is laid down."""

_SERIAL = frozenset({"take", "win", "write", "draw"})
"""Kinds of which one depends on the one before it: a race with the last of them stands for those with the others."""

Word: TypeAlias = "list[Event]"
"""Transitions of the run that is being looked at, in its order, but not all of them."""


class Node:
    """A point of the run that is being varied: what could be done there, what has been, and what is still to be."""

    __slots__ = ("able", "asleep", "chosen", "ended", "runs", "tree", "wanted")

    def __init__(self, wanted: Wanted, able: frozenset[int], asleep: dict[int, Action], tree: Tree) -> None:
        self.wanted = dict(wanted)
        self.able = able
        self.asleep = asleep
        self.tree = tree
        self.chosen = -1
        self.ended = 0
        """Threads that have been tried here to the end, and how many runs that took."""
        self.runs = 0


class Reduced:
    """One run of every trace. A run that is `cut` is redundant: it was noticed too late that it has been made before.

    Wakeup trees see to it that there are none of these. A run shows which pairs of transitions race in it; for each,
    what would make them go the other way is written into the tree at the point before the first of them, unless a
    thread that sleeps there or a branch of the tree leads to the same.
    """

    def __init__(self, execute: Execute) -> None:
        self._execute = execute
        self._path: list[Node] = []
        self._depth = self._runs = 0
        self.strayed: Strayed | None = None

    def __iter__(self) -> Iterator[Run]:
        path = self._path
        fresh = 0
        while True:
            self._depth = 0
            run = self._execute(self._choose)
            if self.strayed is not None:
                return
            yield run
            self._note_races(run, fresh)
            runs = int(not run.cut)
            self._runs += runs
            while path:
                node = path[-1]
                node.runs += runs
                runs = node.runs
                node.ended += 1
                node.asleep[node.chosen] = node.wanted[node.chosen]
                node.tree.pop(node.chosen, None)
                following = next(filter(node.able.__contains__, node.tree), None)
                if following is not None:
                    node.chosen = following
                    fresh = len(path) - 1
                    break
                path.pop()
            else:
                return

    def estimate(self) -> float:
        """As Nidhugg does it: what is to be tried is taken to be as much as what has been tried beside it."""
        count = 1.0 if self._path else self._runs
        for node in reversed(self._path):
            count += node.runs
            count += len(node.tree.keys() - {node.chosen}) * count / (node.ended + 1)
        return count

    # ── going on ──

    def _choose(self, wanted: Wanted, able: frozenset[int]) -> int | None:
        path, depth = self._path, self._depth
        if depth == len(path):
            node = self._follow(wanted, able)
            if node is None:
                return None
            path.append(node)
        else:
            node = path[depth]
            if node.wanted != wanted or node.able != able:
                self.strayed = Strayed(depth, _told(node.wanted), _told(wanted))
                return None
        self._depth += 1
        return node.chosen

    def _follow(self, wanted: Wanted, able: frozenset[int]) -> Node | None:
        """A new point: as the tree of the one before says, or if that says nothing, by whoever has been running."""
        last = self._path[-1] if self._path else None
        asleep = {} if last is None else self._still_asleep(last)
        tree = {} if last is None else last.tree[last.chosen][1]
        node = Node(wanted, able, asleep, tree)
        awake = able - asleep.keys()
        if not tree.keys() <= awake:
            # A cell races and is no point, so that this run is not what it was planned to be: all that can be tried is.
            tree = node.tree = {thread: (wanted[thread], {}) for thread in sorted(awake)}
        if not tree:
            if not awake:
                return None
            # Who tries in vain would only try again: another one first.
            willing = [thread for thread in awake if wanted[thread].kind not in VAIN] or awake
            chosen = last.chosen if last is not None and last.chosen in willing else min(willing)
            tree[chosen] = wanted[chosen], {}
        node.chosen = next(iter(tree))
        return node

    def _still_asleep(self, node: Node) -> dict[int, Action]:
        """Who need not be tried after a transition: it was tried before it, and the two do not depend."""
        if not node.asleep:
            return {}
        done = node.wanted[node.chosen]
        return {
            thread: action
            for thread, action in node.asleep.items()
            if thread != node.chosen and not action.depends_on(done)
        }

    # ── looking back ──

    def _note_races(self, run: Run, fresh: int) -> None:
        """Where a race of this run could have gone the other way, see to it that it does in another run.

        The transitions before `fresh` are those of an earlier run, and so are their races.
        """
        events = list(run.events)
        happened = len(events)
        # A thread that could not go on takes part in races by what it waited for.
        for thread, action in self._waiting(run).items():
            events.append(Event(thread, action, (), run.clocks[thread]))
        lasts: dict[str, list[int]] = {}
        for at, event in enumerate(events):
            earlier = lasts.setdefault(event.action.place, [])
            if at >= fresh:
                if event.action.kind == "wake" and at < happened:
                    self._let_expire(event, at)
                for first in reversed(earlier):
                    other = events[first]
                    if other.thread == event.thread or not other.action.depends_on(event.action):
                        continue
                    if other.clock[other.thread] > event.before[other.thread]:
                        self._reverse(run, events, first, at, min(at, happened))
                    if other.action.kind in _SERIAL:  # all that it depends on happened before it
                        break
            if at < happened:
                earlier.append(at)

    def _let_expire(self, wake: Event, at: int) -> None:
        """Whoever might have stopped to wait before it was woken does so in another run."""
        node = self._path[at]
        for thread, action in node.wanted.items():
            if action == Action("expire", wake.action.place):
                word = [Event(thread, action, (), (0,) * len(wake.clock))]
                if not any(leads(other, asleep, word) for other, asleep in node.asleep.items()):
                    self._insert(node.tree, word)

    def _waiting(self, run: Run) -> Mapping[int, Action]:
        return {} if run.cut else run.waiting

    def _reverse(self, run: Run, events: list[Event], first: int, second: int, end: int) -> None:
        """Let the second of two racing transitions come before the first, after all that does not need the first."""
        node, one, late = self._path[first], events[first], events[second]
        word = _without(events[first + 1 : end], one)
        if (one.action.kind, late.action.kind) == ("lower", "wait"):
            # Lowering a flag commutes with lowering it: who waits for it has to come before all of that.
            for other in [each for each in word if each.action == one.action]:
                if late.before[other.thread] >= other.clock[other.thread]:
                    return
                word = _without(word, other)
        if late.action.kind == "expire" and late.thread not in node.able:
            return  # it was made to wait until somebody was woken
        action = instead(run, chain(events[:first], word), one, late)
        if action is None or not action.depends_on(one.action):
            return
        word.append(Event(late.thread, action, (), late.before))
        if not any(leads(thread, action, word) for thread, action in node.asleep.items()):
            self._insert(node.tree, word)

    def _insert(self, tree: Tree, word: Word) -> None:
        """Lay down a word in a wakeup tree, unless a branch that ends leads to the same."""
        while True:
            same = next((thread for thread, (action, _) in tree.items() if leads(thread, action, word)), None)
            if same is None:
                break
            tree = tree[same][1]
            if not tree:
                return  # a branch ends here: what is tried after it is not laid down, and will be all there is
            word = _without_first(word, same)
        for event in word:
            following: Tree = {}
            tree[event.thread] = event.action, following
            tree = following


def instead(run: Run, before: Iterable[Event], first: Event, late: Event) -> Action | None:
    """What a thread does if all that happened before is this, and not the first of two racing transitions.

    None if it would have to wait: it was the first that let it go on, so there is no other order of the two. Whoever
    only tries fails where it won, or wins where it failed.
    """
    kind, place = late.action
    if first.action.kind in ("take", "win"):  # what was there to be taken is there for the other one
        return Action("win", place) if kind == "fail" else late.action
    if kind not in ("take", "win", "fail", "wait", "hear", "miss"):
        return late.action
    there, vain = run.values.get(place, 1), 0
    for event in before:
        if event.action.place != place:
            continue
        match event.action.kind:
            case "take" | "win":
                there -= 1
            case "fail" | "miss":
                vain += event.thread == late.thread
            case "give":
                there, vain = there + run.given.get((event.thread, event.clock[event.thread]), 1), 0
            case "release":
                there, vain = 1, 0
            case "raise":
                there, vain = 1, 0
            case "lower":
                there = 0
    if kind in ("take", "wait"):
        return late.action if there > 0 else None
    found, in_vain, _ = FLAG if kind in ("hear", "miss") else TRY
    if there > 0:
        return Action(found, place)
    return Action(in_vain, place) if vain < run.most_tries else None


def _without(word: Word, one: Event) -> Word:
    """What of a word does not need one transition of the same run."""
    thread, at = one.thread, one.clock[one.thread]
    return [each for each in word if each.clock[thread] < at]


def leads(thread: int, action: Action, word: Word) -> bool:
    """Whether a run that begins with this thread can be one that begins with the word: a weak initial of it."""
    for at, event in enumerate(word):
        if event.thread == thread:
            return not any(_precedes(other, event) for other in word[:at])
    return not any(action.depends_on(event.action) for event in word)


def _without_first(word: Word, thread: int) -> Word:
    for at, event in enumerate(word):
        if event.thread == thread:
            return word[:at] + word[at + 1 :]
    return word


def _precedes(one: Event, other: Event) -> bool:
    """Whether one transition of a word has to come first. The last one has been freed of what it races with: it has no
    clock, and comes after the others by its own thread, or because it depends on them."""
    if not other.clock:
        return other.before[one.thread] >= one.clock[one.thread] or one.action.depends_on(other.action)
    return other.clock[one.thread] >= one.clock[one.thread]


# ── every schedule ──


class Naive:
    """Every schedule; or every one with at most so many switches, the rest being `cut`; or with so many preemptions.

    A *switch* goes from one thread to another. It is a *preemption* if the first could have gone on (CHESS, Musuvathi
    and Qadeer, PLDI 2007): with few of them there are few schedules, and most defects show.
    """

    def __init__(self, execute: Execute, switches: int | None = None, preemptions: int | None = None) -> None:
        self._execute = execute
        self._switches, self._preemptions = switches, preemptions
        self.bitten = False
        """Whether the bound on preemptions left a schedule out."""
        self.strayed: Strayed | None = None
        self._path: list[_Turn] = []
        self._depth = self._spent = self._runs = 0

    def __iter__(self) -> Iterator[Run]:
        path = self._path
        while True:
            self._depth = self._spent = 0
            run = self._execute(self._choose)
            if self.strayed is not None:
                return
            yield run
            runs = int(not run.cut)
            self._runs += runs
            while path:
                turn = path[-1]
                turn.runs += runs
                runs = turn.runs
                if turn.at + 1 < len(turn.may):
                    turn.at += 1
                    break
                path.pop()
            else:
                return

    def estimate(self) -> float:
        """Knuth's: the threads that are still to be tried at a point are taken to be as much as those that were."""
        count = 1.0 if self._path else self._runs
        for turn in reversed(self._path):
            count = (count + turn.runs) * len(turn.may) / (turn.at + 1)
        return count

    def _choose(self, wanted: Wanted, able: frozenset[int]) -> int | None:
        path, depth = self._path, self._depth
        last = path[depth - 1].chosen if depth else -1
        if depth == len(path):
            may = sorted(able)
            if last in able and self._preemptions is not None and self._spent >= self._preemptions:
                may = [last]
                self.bitten |= len(able) > 1
            if depth and self._switches is not None and self._spent >= self._switches:
                may = [last] if last in able else []
            if not may:
                return None
            path.append(_Turn(dict(wanted), may))
        turn = path[depth]
        if turn.wanted != wanted or turn.chosen not in able:
            self.strayed = Strayed(depth, _told(turn.wanted), _told(wanted))
            return None
        self._depth += 1
        # A bound on switches counts every one of them, a bound on preemptions only those.
        self._spent += bool(depth and turn.chosen != last and (self._switches is not None or last in able))
        return turn.chosen


class _Turn:
    """A point of the run at hand: what was wanted, who may go on, whose turn it is, and how many runs there were."""

    __slots__ = ("at", "may", "runs", "wanted")

    def __init__(self, wanted: Wanted, may: list[int]) -> None:
        self.wanted = wanted
        self.may = may
        self.at = self.runs = 0

    @property
    def chosen(self) -> int:
        return self.may[self.at]


def _told(wanted: Wanted) -> str:
    return "; ".join(f"{letter(thread)} {action.kind}s {action.place}" for thread, action in sorted(wanted.items()))
