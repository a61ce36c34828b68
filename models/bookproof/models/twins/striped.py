"""`tla/Striped.tla` in Python: the striped engine, several clients at once and a lock for each stripe of books."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from bookproof.models.states.model import Action, Fairness, LeadsTo, Model
from bookproof.models.twins.accounts import do
from bookproof.models.twins.parts import Constants, one_of, put, specified
from bookproof.models.twins.records import (
    Command,
    Exchange,
    Outcome,
    Said,
    cancelled,
    concerns_all,
    names,
)
from bookproof.models.twins.rulebook import find, well_formed
from bookproof.models.twins.scenarios import Heard, Scenario, Told, scenario_named, stripe_of

Queue = tuple[int, ...]

DESIGNS = ("striped", "as named", "first leg", "look-up first", "late stamp")


class State(NamedTuple):
    """The variables of the module."""

    floor: Exchange
    holder: Queue
    at: Queue
    pc: tuple[str, ...]
    wants: tuple[Queue, ...]
    has: tuple[Queue, ...]
    seen: tuple[tuple[Any, ...], ...]
    work: tuple[Said, ...]
    told: Told
    oracle: Exchange
    right: Told


Step = Callable[[State, int], State | None]


class Striped:
    """The actions and invariants of the module, for a scenario and a design."""

    def __init__(self, scenario: Scenario, design: str) -> None:
        self.scripts = scenario.scripts
        self.clients = scenario.clients
        self.beginning = scenario.beginning
        self.design = design
        self.listed = scenario.listed
        self.stripes = scenario.stripes
        self.heard = Heard(scenario)

    def init(self) -> State:
        """`Init`."""
        none, zero = ((),) * len(self.clients), (0,) * len(self.clients)
        idle = ("idle",) * len(self.clients)
        start = self.beginning
        return State(start, (0,) * len(self.stripes), zero, idle, none, none, none, none, none, start, none)

    def needs(self, command: Command) -> Queue:
        """`Needs`, in ascending order."""
        return self.stripes if concerns_all(command) else tuple(sorted({stripe_of(s) for s in names(command)}))

    def plan(self, command: Command) -> Queue:
        """`Plan`."""
        if command.do == "basket" and self.design in ("as named", "first leg"):
            stripes = tuple(stripe_of(leg.symbol) for leg in command.legs)
            return stripes if self.design == "as named" else stripes[:1]
        return self.needs(command)

    def command(self, s: State, c: int) -> Command:
        """`Command`: the one that a client is at."""
        return self.scripts[c - 1][s.at[c - 1] - 1]

    def result(self, s: State, c: int) -> Outcome:
        """`Result`: by the rule book, but for what the client has seen too early."""
        outcome = do(s.floor, self.command(s, c), self.listed)
        seen = s.seen[c - 1]
        return Outcome(outcome.x, (cancelled(seen[0]),)) if seen else outcome

    # ── steps ──

    def call(self, s: State, c: int) -> State | None:
        """`Call`."""
        at, script = s.at[c - 1], self.scripts[c - 1]
        if s.pc[c - 1] != "idle" or at == len(script):
            return None
        looks = self.design == "look-up first" and script[at].do == "cancel"
        return s._replace(
            at=put(s.at, c, at + 1),
            wants=put(s.wants, c, self.plan(script[at])),
            pc=put(s.pc, c, "look" if looks else "take"),
        )

    def look(self, s: State, c: int) -> State | None:
        """`Look`."""
        if s.pc[c - 1] != "look":
            return None
        command = self.command(s, c)
        return s._replace(
            seen=put(s.seen, c, find(s.floor.book.of(command.symbol), command.id)), pc=put(s.pc, c, "take")
        )

    def take(self, s: State, c: int) -> State | None:
        """`Take`."""
        wants = s.wants[c - 1]
        if s.pc[c - 1] != "take" or len(wants) < 2 or s.holder[wants[0] - 1]:
            return None
        return s._replace(
            holder=put(s.holder, wants[0], c),
            has=put(s.has, c, (*s.has[c - 1], wants[0])),
            wants=put(s.wants, c, wants[1:]),
        )

    def enter(self, s: State, c: int) -> State | None:
        """`Enter`."""
        wants = s.wants[c - 1]
        if s.pc[c - 1] != "take" or len(wants) != 1 or s.holder[wants[0] - 1]:
            return None
        floor, said = self.result(s, c)
        return s._replace(
            holder=put(s.holder, wants[0], c),
            has=put(s.has, c, (*s.has[c - 1], wants[0])),
            wants=put(s.wants, c, ()),
            floor=floor,
            work=put(s.work, c, said),
            seen=put(s.seen, c, ()),
            pc=put(s.pc, c, "leave" if self.design == "late stamp" else "stamp"),
        )

    def commit(self, s: State, c: int) -> State | None:
        """`Commit`."""
        if s.pc[c - 1] != "stamp":
            return None
        oracle, said = do(s.oracle, self.command(s, c), self.listed)
        return s._replace(
            told=put(s.told, c, (*s.told[c - 1], s.work[c - 1])),
            work=put(s.work, c, ()),
            oracle=oracle,
            right=put(s.right, c, (*s.right[c - 1], said)),
            pc=put(s.pc, c, "leave" if s.has[c - 1] else "idle"),
        )

    def release(self, s: State, c: int) -> State | None:
        """`Release`."""
        if s.pc[c - 1] != "leave":
            return None
        *others, last = s.has[c - 1]
        return s._replace(
            holder=put(s.holder, last, 0),
            has=put(s.has, c, tuple(others)),
            pc=put(s.pc, c, "leave" if others else "stamp" if s.work[c - 1] else "idle"),
        )

    def steps(self) -> dict[str, Step]:
        """The parts of `Next`, but for `Finished`."""
        return {name: getattr(self, name.lower()) for name in STEPS}

    def is_finished(self, s: State) -> bool:
        """Whether everybody has done all there was to do."""
        return all(s.pc[c - 1] == "idle" and s.at[c - 1] == len(self.scripts[c - 1]) for c in self.clients)

    # ── properties ──

    def type_ok(self, s: State) -> bool:
        """`TypeOK`."""
        return (
            all(holder in (0, *self.clients) for holder in s.holder)
            and all(0 <= at <= 4 for at in s.at)
            and set(s.pc) <= {"idle", "look", "take", "stamp", "leave"}
            and all(set(wants) <= set(self.stripes) for wants in s.wants)
            and all(len(s.told[c - 1]) <= s.at[c - 1] for c in self.clients)
        )

    def locks_agree(self, s: State) -> bool:
        """`LocksAgree`."""
        return all((s.holder[i - 1] == c) == (i in s.has[c - 1]) for i in self.stripes for c in self.clients)

    def lock_discipline(self, s: State) -> bool:
        """`LockDiscipline`."""
        return all(
            s.holder[i - 1] == c for c in self.clients if s.pc[c - 1] == "stamp" for i in self.needs(self.command(s, c))
        )

    def books_are_well_formed(self, s: State) -> bool:
        """`BooksAreWellFormed`."""
        return all(map(well_formed, s.floor.book.images))

    def conserved(self, s: State) -> bool:
        """`Conserved`."""
        return any(s.work) or self.heard.conserved_in(s.floor, s.told)

    def linearizable(self, s: State) -> bool:
        """`Linearizable`."""
        return s.told == s.right and (any(pc != "idle" for pc in s.pc) or s.floor == s.oracle)

    def books_agree(self, s: State) -> bool:
        """`BooksAgree`."""
        return all(
            s.holder[stripe_of(symbol) - 1] != 0 or s.floor.book.of(symbol) == s.oracle.book.of(symbol)
            for symbol in self.listed
        )

    def returns(self, c: int) -> LeadsTo[State]:
        """`Returns`, of one client."""
        return LeadsTo(lambda s: s.pc[c - 1] != "idle", lambda s: s.pc[c - 1] == "idle")


STEPS = ("Call", "Look", "Take", "Enter", "Commit", "Release")


def model_of(engine: Striped, module: str, steps: Mapping[str, Step], *, fair: bool = False) -> Model[State]:
    """A module that has these steps of each client, and the properties of this one."""
    each = tuple((c,) for c in engine.clients)
    return Model(
        module,
        (engine.init(),),
        (
            *(Action(name, step, each) for name, step in steps.items()),
            Action("Finished", lambda s: s if engine.is_finished(s) else None),
        ),
        always={
            "TypeOK": engine.type_ok,
            "LocksAgree": engine.locks_agree,
            "LockDiscipline": engine.lock_discipline,
            "BooksAreWellFormed": engine.books_are_well_formed,
            "Conserved": engine.conserved,
            "Linearizable": engine.linearizable,
            "BooksAgree": engine.books_agree,
        },
        sometimes={
            "AllDone": engine.is_finished,
            "Waits": lambda s: any(wants and s.holder[wants[0] - 1] for wants in s.wants),
        },
        leads_to={"Returns": tuple(map(engine.returns, engine.clients))},
        fair=(Fairness(tuple(steps)),) if fair else (),
    )


def striped(constants: Constants, specification: str) -> Model[State]:
    """The module with its constants."""
    engine = Striped(scenario_named(constants["Scenario"]), one_of(constants, "Design", *DESIGNS))
    specified(specification, "Spec", "FairSpec")
    return model_of(engine, "Striped", engine.steps(), fair=specification == "FairSpec")
