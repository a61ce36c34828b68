"""`tla/Lists.tla` in Python: what happens to one order reaches its rivals in other books, in the same command."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from bookproof.models.states.model import Fairness, Model
from bookproof.models.twins.accounts import do
from bookproof.models.twins.parts import Constants, one_of, put, specified
from bookproof.models.twins.records import Command, Exchange, Outcome, Place, concerns_all, names
from bookproof.models.twins.rulebook import dealt, open_lots, without
from bookproof.models.twins.scenarios import Scenario, scenario_named, stripe_of
from bookproof.models.twins.striped import Queue, State, Step, Striped, model_of

DESIGNS = ("tied", "stripes as discovered", "rival late", "lists read before lock")

Mates = frozenset[Place]


def books_of(mates: Mates) -> frozenset[str]:
    """`BooksOf`."""
    return frozenset(place.symbol for place in mates)


def tied(lists: Iterable[Mates], books: frozenset[str], held: frozenset[int]) -> frozenset[str]:
    """`Tied`: books, and all that live lists tie to them, as far as the stripes held let one see.

    >>> both = frozenset({Place("A", 1), Place("B", 2)})
    >>> sorted(tied([both], frozenset({"A"}), frozenset({1})))
    ['A', 'B']
    >>> sorted(tied([both], frozenset({"A"}), frozenset({2})))
    ['A']
    """
    more = set(books)
    for mates in lists:
        there = books_of(mates)
        if any(symbol in books and stripe_of(symbol) in held for symbol in there):
            more |= there
    return books if more == books else tied(lists, frozenset(more), held)


class Lists(Striped):
    """The actions and invariants of the module."""

    def __init__(self, scenario: Scenario, design: str) -> None:
        super().__init__(scenario, design)
        commands = [*scenario.before, *(command for script in scenario.scripts for command in script)]
        self.all_lists = [command.legs for command in commands if command.do == "list"]

    # ── ties ──

    def about(self, command: Command) -> frozenset[str]:
        """`About`."""
        return frozenset(self.listed if concerns_all(command) else names(command))

    def holding(self, s: State, c: int) -> frozenset[int]:
        """`Holding`, once it has taken the next stripe."""
        return frozenset((*s.has[c - 1], s.wants[c - 1][0]))

    def needed(self, s: State, c: int) -> frozenset[int]:
        """`Needed`."""
        books = tied(s.floor.mates, self.about(self.command(s, c)), self.holding(s, c))
        return frozenset(map(stripe_of, books))

    def tries_one(self, s: State, c: int) -> bool:
        """`TriesOne`."""
        return s.pc[c - 1] == "take" and self.command(s, c).do in ("submit", "cancel", "replace")

    def has_lists(self, s: State, c: int) -> bool:
        """`HasLists`, of the book that its command is about."""
        return any(self.command(s, c).symbol in books_of(mates) for mates in s.floor.mates)

    def holds_enough(self, s: State, c: int) -> bool:
        """`HoldsEnough`."""
        return not self.has_lists(s, c) if self.tries_one(s, c) else self.needed(s, c) <= self.holding(s, c)

    def anew(self, s: State, c: int) -> Queue:
        """`Anew`."""
        holding = self.holding(s, c)
        return tuple(sorted(holding if self.tries_one(s, c) else holding | self.needed(s, c)))

    # ── steps ──

    def _taking(self, s: State, c: int) -> State | None:
        """The state with one stripe more in a client's hands, if nobody holds it."""
        stripe, *others = s.wants[c - 1]
        if s.holder[stripe - 1]:
            return None
        return s._replace(
            holder=put(s.holder, stripe, c),
            has=put(s.has, c, (*s.has[c - 1], stripe)),
            wants=put(s.wants, c, tuple(others)),
        )

    def _takes_last(self, s: State, c: int) -> bool:
        """Whether it is about to take the last stripe that it knows it needs."""
        return s.pc[c - 1] in ("take", "again") and len(s.wants[c - 1]) == 1

    def take_next(self, s: State, c: int) -> State | None:
        """`TakeNext`."""
        return self._taking(s, c) if s.pc[c - 1] in ("take", "again") and len(s.wants[c - 1]) > 1 else None

    def enter_tied(self, s: State, c: int) -> State | None:
        """`EnterTied`."""
        after = self._taking(s, c) if self._takes_last(s, c) and self.holds_enough(s, c) else None
        return after and self._entered(s, after, c, do(s.floor, self.command(s, c), self.listed))

    def _entered(self, s: State, after: State, c: int, outcome: Outcome) -> State:
        return after._replace(
            floor=outcome.x,
            work=put(s.work, c, outcome.said),
            seen=put(s.seen, c, ()),
            pc=put(s.pc, c, "stamp"),
        )

    def go_back(self, s: State, c: int) -> State | None:
        """`GoBack`."""
        after = self._taking(s, c) if self._takes_last(s, c) and not self.holds_enough(s, c) else None
        return after and after._replace(wants=put(s.wants, c, self.anew(s, c)), pc=put(s.pc, c, "back"))

    def let_go(self, s: State, c: int) -> State | None:
        """`LetGo`."""
        if s.pc[c - 1] != "back":
            return None
        *others, last = s.has[c - 1]
        return s._replace(
            holder=put(s.holder, last, 0),
            has=put(s.has, c, tuple(others)),
            pc=put(s.pc, c, "back" if others else "again"),
        )

    def steps_tied(self) -> dict[str, Step]:
        """The parts of `NextTied`."""
        return {
            "Call": self.call,
            "TakeNext": self.take_next,
            "EnterTied": self.enter_tied,
            "GoBack": self.go_back,
            "LetGo": self.let_go,
            "Commit": self.commit,
            "Release": self.release,
        }

    # ── properties ──

    def type_ok_tied(self, s: State) -> bool:
        """`TypeOKTied`."""
        return (
            all(holder in (0, *self.clients) for holder in s.holder)
            and set(s.pc) <= {"idle", "take", "back", "again", "stamp", "leave"}
            and all(set(wants) <= set(self.stripes) for wants in s.wants)
            and all(len(s.told[c - 1]) <= s.at[c - 1] for c in self.clients)
        )

    def lock_discipline_tied(self, s: State) -> bool:
        """`LockDisciplineTied`."""
        every = frozenset(self.stripes)
        return all(
            s.holder[stripe_of(symbol) - 1] == c
            for c in self.clients
            if s.pc[c - 1] == "stamp"
            for symbol in tied(s.oracle.mates, self.about(self.command(s, c)), every)
        )

    def only_upwards(self, s: State) -> bool:
        """`OnlyUpwards`."""
        return all(
            held < s.wants[c - 1][0] for c in self.clients if s.pc[c - 1] in ("take", "again") for held in s.has[c - 1]
        )

    def lists_are_whole(self, s: State) -> bool:
        """`ListsAreWhole`."""
        return all(
            open_lots(s.floor.book.of(place.symbol), place.id) > 0
            for mates in s.floor.mates
            if all(s.holder[stripe_of(symbol) - 1] == 0 for symbol in books_of(mates))
            for place in mates
        )

    def one_executes(self, s: State) -> bool:
        """`OneExecutes`."""
        said = self.heard.all_heard(s.told)
        return all(sum(dealt(said, leg.order.id) > 0 for leg in legs) <= 1 for legs in self.all_lists)

    # ── refuted: "stripes as discovered" ──

    def discover(self, s: State, c: int) -> State | None:
        """`Discover`."""
        if not self._takes_last(s, c) or self.tries_one(s, c) or self.holds_enough(s, c):
            return None
        after = self._taking(s, c)
        missing = tuple(sorted(self.needed(s, c) - self.holding(s, c)))
        return after and after._replace(wants=put(s.wants, c, missing))

    def steps_discovering(self) -> dict[str, Step]:
        """The parts of `NextDiscovering`."""
        once = only_if(self.tries_one, self.go_back)
        return {**self.steps_tied(), "GoBack": once, "Discover": self.discover}

    # ── refuted: "rival late" ──

    def is_late(self, s: State, c: int) -> bool:
        """`IsLate`."""
        return s.pc[c - 1] == "again" and self.command(s, c).do in ("submit", "cancel")

    def doomed(self, s: State, c: int, then: Exchange) -> tuple[Place, ...]:
        """`Doomed`, in the order of their ids: rivals in other books that should go by this command."""
        places = {place for mates in s.floor.mates for place in mates}
        return tuple(
            place
            for place in sorted(places, key=lambda place: place.id)
            if place.symbol != self.command(s, c).symbol
            and open_lots(s.floor.book.of(place.symbol), place.id) > 0
            and open_lots(then.book.of(place.symbol), place.id) == 0
        )

    def enter_late(self, s: State, c: int) -> State | None:
        """`EnterLate`: whatever it wants, it takes one stripe."""
        if not self.is_late(s, c):
            return None
        after = self._taking(s, c)
        command = self.command(s, c)
        then, said = do(s.floor, command, self.listed)
        books = s.floor.book.put(command.symbol, then.book.of(command.symbol))
        return after and after._replace(
            wants=put(s.wants, c, ()),
            floor=s.floor._replace(book=books, mates=then.mates),
            work=put(s.work, c, said),
            seen=put(s.seen, c, self.doomed(s, c, then)),
            pc=put(s.pc, c, "stamp"),
        )

    def leave_late(self, s: State, c: int) -> State | None:
        """`LeaveLate`."""
        if s.pc[c - 1] != "leave" or not s.seen[c - 1]:
            return None
        return s._replace(holder=put(s.holder, s.has[c - 1][0], 0), has=put(s.has, c, ()), pc=put(s.pc, c, "follow"))

    def cancel_late(self, s: State, c: int) -> State | None:
        """`CancelLate`."""
        if s.pc[c - 1] != "follow":
            return None
        (symbol, id), *others = s.seen[c - 1]
        stripe = stripe_of(symbol)
        if s.holder[stripe - 1]:
            return None
        book = without(s.floor.book.of(symbol), id)
        return s._replace(
            holder=put(s.holder, stripe, c),
            has=put(s.has, c, (stripe,)),
            floor=s.floor._replace(book=s.floor.book.put(symbol, book)),
            seen=put(s.seen, c, tuple(others)),
            pc=put(s.pc, c, "leave"),
        )

    def steps_late(self) -> dict[str, Step]:
        """The parts of `NextLate`."""

        def in_time(s: State, c: int) -> bool:
            return not self.is_late(s, c)

        return {
            **self.steps_tied(),
            "EnterTied": only_if(in_time, self.enter_tied),
            "EnterLate": self.enter_late,
            "GoBack": only_if(in_time, self.go_back),
            "Release": only_if(lambda s, c: not s.seen[c - 1], self.release),
            "LeaveLate": self.leave_late,
            "CancelLate": self.cancel_late,
        }

    # ── refuted: "lists read before lock" ──

    def may_believe(self, s: State, c: int) -> bool:
        """`MayBelieve`."""
        return s.pc[c - 1] == "take" and self.command(s, c).do in ("submit", "cancel")

    def read_lists(self, s: State, c: int) -> State | None:
        """`ReadLists`."""
        if not self.may_believe(s, c) or s.seen[c - 1]:
            return None
        return s._replace(seen=put(s.seen, c, (self.has_lists(s, c),)))

    def enter_alone(self, s: State, c: int) -> State | None:
        """`EnterAlone`, without a look at any list."""
        if not self.may_believe(s, c) or s.seen[c - 1] != (False,):
            return None
        after = self._taking(s, c)
        x, said = do(s.floor._replace(mates=frozenset()), self.command(s, c), self.listed)
        return after and self._entered(s, after, c, Outcome(x._replace(mates=s.floor.mates), said))

    def steps_reading_first(self) -> dict[str, Step]:
        """The parts of `NextReadFirst`."""

        def is_warned(s: State, c: int) -> bool:
            return not self.may_believe(s, c) or s.seen[c - 1] == (True,)

        return {
            **self.steps_tied(),
            "ReadLists": self.read_lists,
            "EnterAlone": self.enter_alone,
            "EnterTied": only_if(is_warned, self.enter_tied),
            "GoBack": only_if(is_warned, self.go_back),
        }


def only_if(guard: Callable[[State, int], bool], step: Step) -> Step:
    """The step, where its guard is true."""
    return partial(_guarded, guard, step)


def _guarded(guard: Callable[[State, int], bool], step: Step, s: State, c: int) -> State | None:
    return step(s, c) if s.at[c - 1] and guard(s, c) else None


SPECIFICATIONS: dict[str, Callable[[Lists], dict[str, Step]]] = {
    "SpecTied": Lists.steps_tied,
    "SpecDiscovering": Lists.steps_discovering,
    "SpecLate": Lists.steps_late,
    "SpecReadFirst": Lists.steps_reading_first,
}


def lists(constants: Constants, specification: str) -> Model[State]:
    """The module with its constants."""
    engine = Lists(scenario_named(constants["Scenario"]), one_of(constants, "Design", *DESIGNS))
    steps = SPECIFICATIONS[specified(specification, *SPECIFICATIONS)](engine)
    model = model_of(engine, "Lists", steps)
    return model._replace(
        always={
            **model.always,
            "TypeOKTied": engine.type_ok_tied,
            "LockDisciplineTied": engine.lock_discipline_tied,
            "OnlyUpwards": engine.only_upwards,
            "ListsAreWhole": engine.lists_are_whole,
            "OneExecutes": engine.one_executes,
        },
        fair=(Fairness(tuple(steps)),),
    )
