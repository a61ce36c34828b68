"""`tla/Settlement.tla` in Python: the striped engine where accounts are kept."""

from __future__ import annotations

from typing import NamedTuple

from bookproof.models.states.model import Action, Fairness, LeadsTo, Model
from bookproof.models.twins.accounts import (
    NO_ENTRIES,
    Entries,
    booked,
    do,
    entries,
    known,
    matched,
    met_in,
    not_stood_for,
    payer,
    settled,
    solvent_in,
    turned_away,
)
from bookproof.models.twins.parts import Constants, Map, one_of, put, specified
from bookproof.models.twins.records import Command, Exchange, Said, about_account, concerns_all, must_be_paid, names
from bookproof.models.twins.rulebook import at_the_books, well_formed
from bookproof.models.twins.scenarios import Heard, Scenario, Told, scenario_named, stripe_of
from bookproof.models.twins.striped import Queue

DESIGNS = ("settled", "checked, then spent", "balances as met", "booked late", "refused late")


class State(NamedTuple):
    """The variables of the module."""

    floor: Exchange
    holder: Map[int, int]
    at: Queue
    pc: tuple[str, ...]
    wants: tuple[Queue, ...]
    has: tuple[Queue, ...]
    work: tuple[Said, ...]
    owed: tuple[Entries, ...]
    told: Told
    oracle: Exchange
    right: Told


def spending(account: int) -> int:
    """`Spending`."""
    return 10 + account


def balance(account: int) -> int:
    """`Balance`."""
    return 20 + account


def first_step(locks: Queue) -> str:
    """`FirstStep`."""
    return "check" if locks[0] > balance(0) else "spend" if locks[0] > spending(0) else "take"


def balances_of(moved: Entries) -> Queue:
    """`BalancesOf`, in ascending order."""
    return tuple(sorted(map(balance, moved.keys)))


class Settlement:
    """The actions and invariants of the module, for a scenario and a design."""

    def __init__(self, scenario: Scenario, design: str) -> None:
        self.scripts = scenario.scripts
        self.clients = scenario.clients
        self.accounts = scenario.accounts
        self.beginning = scenario.beginning
        self.design = design
        self.listed = scenario.listed
        self.stripes = scenario.stripes
        self.heard = Heard(scenario)
        self.locks = (*self.stripes, *map(spending, self.accounts), *map(balance, self.accounts))

    def init(self) -> State:
        """`Init`."""
        count, start = len(self.clients), self.beginning
        none = ((),) * count
        holder = Map(self.locks, (0,) * len(self.locks))
        owed = (NO_ENTRIES,) * count
        return State(start, holder, (0,) * count, ("idle",) * count, none, none, none, owed, none, start, none)

    # ── designs ──

    def to_check(self, account: int) -> Queue:
        """`ToCheck`."""
        return (balance(account),) if self.design == "checked, then spent" else (spending(account), balance(account))

    def to_pay(self, account: int) -> Queue:
        """`ToPay`."""
        return (balance(account),) if self.design == "balances as met" else self.to_check(account)

    def needs(self, command: Command) -> Queue:
        """`Needs`, in ascending order; nothing for what is about cash."""
        return self.stripes if concerns_all(command) else tuple(sorted({stripe_of(s) for s in names(command)}))

    def first(self, command: Command) -> Queue:
        """`First`."""
        if self.needs(command):
            return self.needs(command)
        return (balance(command.account),) if command.do == "deposit" else self.to_check(command.account)

    # ── what a client finds when it holds what it needs ──

    def command(self, s: State, c: int) -> Command:
        """`Command`: the one that a client is at."""
        return self.scripts[c - 1][s.at[c - 1] - 1]

    def has_to_pay(self, s: State, c: int) -> bool:
        """`HasToPay`."""
        command = self.command(s, c)
        return must_be_paid(command) and not turned_away(s.floor, command)

    def refused(self, s: State, c: int) -> bool:
        """`Refused`."""
        command = self.command(s, c)
        return must_be_paid(command) and not_stood_for(s.floor, command) != 0

    def owes(self, s: State, c: int) -> Entries:
        """`Owed`."""
        command = self.command(s, c)
        if about_account(command) or (must_be_paid(command) and turned_away(s.floor, command)):
            return NO_ENTRIES
        return entries(s.floor, command, self.listed)

    def balances_as_met(self, s: State, c: int) -> Queue:
        """`BalancesAsMet`: those of `Others`, each once."""
        command = self.command(s, c)
        met = met_in(known(s.floor, command, self.listed), at_the_books(s.floor, command, self.listed).said)
        return tuple(balance(a) for a in dict.fromkeys(met) if a != payer(s.floor, command))

    def matches_at_once(self, s: State, c: int) -> bool:
        """`MatchesAtOnce`."""
        return self.design == "balances as met" and must_be_paid(self.command(s, c)) and not self.refused(s, c)

    # ── steps ──

    def _taking(self, s: State, c: int) -> State | None:
        """The state with one lock more in a client's hands, if nobody holds it."""
        lock, *others = s.wants[c - 1]
        if s.holder.of(lock):
            return None
        return s._replace(
            holder=s.holder.put(lock, c),
            has=put(s.has, c, (*s.has[c - 1], lock)),
            wants=put(s.wants, c, tuple(others)),
        )

    def call(self, s: State, c: int) -> State | None:
        """`Call`."""
        at, script = s.at[c - 1], self.scripts[c - 1]
        if s.pc[c - 1] != "idle" or at == len(script):
            return None
        locks = self.first(script[at])
        return s._replace(at=put(s.at, c, at + 1), wants=put(s.wants, c, locks), pc=put(s.pc, c, first_step(locks)))

    def take(self, s: State, c: int) -> State | None:
        """`Take`."""
        return self._taking(s, c) if s.pc[c - 1] == "take" and len(s.wants[c - 1]) > 1 else None

    def enter(self, s: State, c: int) -> State | None:
        """`Enter`."""
        if s.pc[c - 1] != "take" or len(s.wants[c - 1]) != 1:
            return None
        after = self._taking(s, c)
        if after is None:
            return None
        command = self.command(s, c)
        if self.has_to_pay(s, c):
            locks = self.to_pay(payer(s.floor, command))
            return after._replace(wants=put(s.wants, c, locks), pc=put(s.pc, c, first_step(locks)))
        owed, late = self.owes(s, c), self.design == "booked late"
        floor = (do if about_account(command) else matched)(s.floor, command, self.listed).x
        return after._replace(
            wants=put(s.wants, c, () if late else balances_of(owed)),
            pc=put(s.pc, c, "settle" if owed.keys and not late else "stamp"),
            floor=floor,
            work=put(s.work, c, do(s.floor, command, self.listed).said),
            owed=put(s.owed, c, owed),
        )

    def spend(self, s: State, c: int) -> State | None:
        """`Spend`."""
        after = self._taking(s, c) if s.pc[c - 1] == "spend" else None
        return after and after._replace(pc=put(s.pc, c, "check"))

    def check(self, s: State, c: int) -> State | None:
        """`Check`."""
        after = self._taking(s, c) if s.pc[c - 1] == "check" else None
        if after is None:
            return None
        command, floor = self.command(s, c), s.floor
        if self.matches_at_once(s, c):
            others = self.balances_as_met(s, c)
            return after._replace(
                wants=put(s.wants, c, others),
                pc=put(s.pc, c, "settle" if others else "stamp"),
                floor=(matched if others else settled)(floor, command, self.listed).x,
                work=put(s.work, c, do(floor, command, self.listed).said),
                owed=put(s.owed, c, self.owes(s, c)),
            )
        refused = self.refused(s, c)
        done = about_account(command) or refused
        late = refused and self.design == "refused late"
        x, said = do(floor, command, self.listed) if done else (floor, ())
        return after._replace(
            wants=put(s.wants, c, ()),
            pc=put(s.pc, c, "excuse" if late else "stamp" if done else "match"),
            floor=x if about_account(command) else floor,
            work=put(s.work, c, said),
            owed=put(s.owed, c, NO_ENTRIES),
        )

    def excuse(self, s: State, c: int) -> State | None:
        """`Excuse`."""
        if s.pc[c - 1] != "excuse":
            return None
        *others, last = s.has[c - 1]
        return s._replace(holder=s.holder.put(last, 0), has=put(s.has, c, tuple(others)), pc=put(s.pc, c, "stamp"))

    def trade(self, s: State, c: int) -> State | None:
        """`Trade`."""
        if s.pc[c - 1] != "match":
            return None
        late, owed = self.design == "booked late", self.owes(s, c)
        *others, last = s.has[c - 1]
        floor, said = matched(s.floor, self.command(s, c), self.listed)
        return s._replace(
            holder=s.holder.put(last, 0),
            has=put(s.has, c, tuple(others)),
            wants=put(s.wants, c, () if late else balances_of(owed)),
            pc=put(s.pc, c, "stamp" if late else "settle"),
            floor=floor,
            work=put(s.work, c, said),
            owed=put(s.owed, c, owed),
        )

    def settle(self, s: State, c: int) -> State | None:
        """`Settle`."""
        return self._taking(s, c) if s.pc[c - 1] == "settle" and len(s.wants[c - 1]) > 1 else None

    def book(self, s: State, c: int) -> State | None:
        """`Book`."""
        after = self._taking(s, c) if s.pc[c - 1] == "settle" and len(s.wants[c - 1]) == 1 else None
        if after is None:
            return None
        late, owed = self.design == "booked late", s.owed[c - 1]
        return after._replace(
            pc=put(s.pc, c, "leave" if late else "stamp"),
            floor=s.floor._replace(purse=booked(s.floor.purse, owed)),
            owed=put(s.owed, c, NO_ENTRIES) if late else s.owed,
        )

    def commit(self, s: State, c: int) -> State | None:
        """`Commit`."""
        if s.pc[c - 1] != "stamp":
            return None
        oracle, said = do(s.oracle, self.command(s, c), self.listed)
        return s._replace(
            told=put(s.told, c, (*s.told[c - 1], s.work[c - 1])),
            work=put(s.work, c, ()),
            owed=s.owed if self.design == "booked late" else put(s.owed, c, NO_ENTRIES),
            oracle=oracle,
            right=put(s.right, c, (*s.right[c - 1], said)),
            pc=put(s.pc, c, "leave"),
        )

    def release(self, s: State, c: int) -> State | None:
        """`Release`."""
        if s.pc[c - 1] != "leave":
            return None
        *others, last = s.has[c - 1]
        books_now = not others and bool(s.owed[c - 1].keys)
        return s._replace(
            holder=s.holder.put(last, 0),
            has=put(s.has, c, tuple(others)),
            wants=put(s.wants, c, balances_of(s.owed[c - 1]) if books_now else ()),
            pc=put(s.pc, c, "settle" if books_now else "leave" if others else "idle"),
        )

    def is_finished(self, s: State) -> bool:
        """Whether everybody has done all there was to do."""
        return all(s.pc[c - 1] == "idle" and s.at[c - 1] == len(self.scripts[c - 1]) for c in self.clients)

    # ── properties ──

    def type_ok(self, s: State) -> bool:
        """`TypeOK`."""
        return (
            all(holder in (0, *self.clients) for holder in s.holder.images)
            and all(0 <= at <= 4 for at in s.at)
            and set(s.pc) <= {"idle", "take", "spend", "check", "excuse", "match", "settle", "stamp", "leave"}
            and all(set(wants) <= set(self.locks) for wants in s.wants)
            and all(set(owed.keys) <= set(self.accounts) for owed in s.owed)
            and all(len(s.told[c - 1]) <= s.at[c - 1] for c in self.clients)
        )

    def locks_agree(self, s: State) -> bool:
        """`LocksAgree`."""
        return all((s.holder.of(lock) == c) == (lock in s.has[c - 1]) for lock in self.locks for c in self.clients)

    def only_upwards(self, s: State) -> bool:
        """`OnlyUpwards`."""
        return all(held < wants[0] for wants, has in zip(s.wants, s.has, strict=True) if wants for held in has)

    def lock_discipline(self, s: State) -> bool:
        """`LockDiscipline`."""
        for c in self.clients:
            pc, owed = s.pc[c - 1], s.owed[c - 1].keys
            if pc not in ("match", "settle", "stamp"):
                continue
            command = self.command(s, c)
            stripes = all(s.holder.of(stripe) == c for stripe in self.needs(command))
            may_spend = any(s.holder.of(spending(a)) == c for a in self.accounts)
            if pc != "stamp":
                if not stripes or (must_be_paid(command) and not may_spend):
                    return False
                continue
            own = any(s.holder.of(spending(a)) == c for a in owed)
            balances = all(s.holder.of(balance(a)) == c for a in owed)
            if not stripes or not balances or (must_be_paid(command) and owed and not own):
                return False
        return True

    def conserved(self, s: State) -> bool:
        """`Conserved`."""
        about_to_hear = tuple(event for said in s.work for event in said)
        counted = any(s.work) or self.heard.conserved_in(s.floor, s.told)
        return counted and self.heard.money_in(s.floor, s.told, about_to_hear)

    def linearizable(self, s: State) -> bool:
        """`Linearizable`."""
        return s.told == s.right and (any(pc != "idle" for pc in s.pc) or s.floor == s.oracle)

    def floor_agrees(self, s: State) -> bool:
        """`FloorAgrees`."""
        books = all(
            s.floor.book.of(symbol) == s.oracle.book.of(symbol) and s.floor.lots.of(symbol) == s.oracle.lots.of(symbol)
            for symbol in self.listed
            if s.holder.of(stripe_of(symbol)) == 0
        )
        purses = zip(s.floor.purse, s.oracle.purse, strict=True)
        return books and all(s.holder.of(balance(a)) or one == other for a, (one, other) in enumerate(purses, 1))

    def returns(self, c: int) -> LeadsTo[State]:
        """`Returns`, of one client."""
        return LeadsTo(lambda s: s.pc[c - 1] != "idle", lambda s: s.pc[c - 1] == "idle")


STEPS = ("Call", "Take", "Enter", "Spend", "Check", "Excuse", "Trade", "Settle", "Book", "Commit", "Release")


def settlement(constants: Constants, specification: str) -> Model[State]:
    """The module with its constants."""
    fair = specified(specification, "Spec", "FairSpec") == "FairSpec"
    engine = Settlement(scenario_named(constants["Scenario"]), one_of(constants, "Design", *DESIGNS))
    each = tuple((c,) for c in engine.clients)
    return Model(
        "Settlement",
        (engine.init(),),
        (
            *(Action(name, getattr(engine, name.lower()), each) for name in STEPS),
            Action("Finished", lambda s: s if engine.is_finished(s) else None),
        ),
        always={
            "TypeOK": engine.type_ok,
            "LocksAgree": engine.locks_agree,
            "OnlyUpwards": engine.only_upwards,
            "LockDiscipline": engine.lock_discipline,
            "BooksAreWellFormed": lambda s: all(map(well_formed, s.floor.book.images)),
            "Solvent": lambda s: solvent_in(s.floor),
            "Conserved": engine.conserved,
            "FloorAgrees": engine.floor_agrees,
            "Linearizable": engine.linearizable,
        },
        sometimes={"AllDone": engine.is_finished},
        leads_to={"Returns": tuple(map(engine.returns, engine.clients))},
        fair=(Fairness(STEPS),) if fair else (),
    )
