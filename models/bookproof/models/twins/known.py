"""Models whose numbers of states others have published: a checker that does not come to the same is wrong.

Each is written here anew from what its module says. The modules and numbers are those of the TLA+ examples
(github.com/tlaplus/Examples, folder `specifications`, commit 32a32c7): the `manifest.json` of each folder has what TLC
found, as distinct states, states generated and depth. Of two-phase commit there is more: `TwoPhase.tla` itself tells of
50816 states for six resource managers, and Stateright asserts 288 for three and 8,832 for five (`examples/2pc.rs`).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations, product
from typing import Any, NamedTuple

from bookproof.models.states.model import Action, Fairness, LeadsTo, Model, again_and_again, eventually

Words = tuple[str, ...]
Flags = tuple[bool, ...]


def put(items: tuple[Any, ...], at: int, item: Any) -> tuple[Any, ...]:
    """The same with one item in another's place: `[items EXCEPT ![at] = item]`, counted from 0.

    >>> put(("a", "b"), 1, "c")
    ('a', 'c')
    """
    return (*items[:at], item, *items[at + 1 :])


def each(count: int, first: int = 0) -> tuple[tuple[int], ...]:
    """One argument for each of so many.

    >>> each(2)
    ((0,), (1,))
    """
    return tuple((at,) for at in range(first, count))


# ── transaction commit (Gray and Lamport, Consensus on Transaction Commit, 2006) ──


class Deciding(NamedTuple):
    """The state of `TCommit`."""

    rm_state: Words


class Committing(NamedTuple):
    """The state of `TwoPhase`."""

    rm_state: Words
    tm_state: str
    tm_prepared: Flags
    sent: Flags
    """Who has sent "Prepared"."""
    told: frozenset[str]
    """Of "Commit" and "Abort", what the transaction manager has sent."""


_OUTCOMES: dict[str, Callable[[Any], bool]] = {
    "AllCommit": lambda s: set(s.rm_state) == {"committed"},
    "AllAbort": lambda s: set(s.rm_state) == {"aborted"},
}
_CONSISTENT: dict[str, Callable[[Any], bool]] = {
    "TCConsistent": lambda s: not {"committed", "aborted"} <= set(s.rm_state)
}


def transaction_commit(managers: int) -> Model[Deciding]:
    """What two-phase commit is to bring about: all commit or all abort (`transaction_commit/TCommit`)."""

    def decide(outcome: str, may: Callable[[Words, str], bool]) -> Callable[[Deciding, int], Deciding | None]:
        return lambda s, rm: Deciding(put(s.rm_state, rm, outcome)) if may(s.rm_state, s.rm_state[rm]) else None

    rules: dict[str, tuple[str, Callable[[Words, str], bool]]] = {
        "Prepare": ("prepared", lambda _, own: own == "working"),
        "Commit": ("committed", lambda rms, own: own == "prepared" and set(rms) <= {"prepared", "committed"}),
        "Abort": ("aborted", lambda rms, own: own in ("working", "prepared") and "committed" not in rms),
    }
    return Model(
        f"TCommit of {managers}",
        (Deciding(("working",) * managers),),
        tuple(Action(name, decide(*rule), each(managers)) for name, rule in rules.items()),
        always=_CONSISTENT,
        sometimes=_OUTCOMES,
        finished=lambda s: set(s.rm_state) <= {"committed", "aborted"},
    )


def two_phase_commit(managers: int) -> Model[Committing]:
    """Two-phase commit by messages that are neither lost nor forgotten (`transaction_commit/TwoPhase`)."""

    def tm_commit(s: Committing) -> Committing | None:
        can = s.tm_state == "init" and all(s.tm_prepared)
        return s._replace(tm_state="committed", told=s.told | {"Commit"}) if can else None

    def tm_abort(s: Committing) -> Committing | None:
        return s._replace(tm_state="aborted", told=s.told | {"Abort"}) if s.tm_state == "init" else None

    def tm_receive(s: Committing, rm: int) -> Committing | None:
        return s._replace(tm_prepared=put(s.tm_prepared, rm, True)) if s.tm_state == "init" and s.sent[rm] else None

    def rm_prepare(s: Committing, rm: int) -> Committing | None:
        can = s.rm_state[rm] == "working"
        return s._replace(rm_state=put(s.rm_state, rm, "prepared"), sent=put(s.sent, rm, True)) if can else None

    def rm_choose_to_abort(s: Committing, rm: int) -> Committing | None:
        return s._replace(rm_state=put(s.rm_state, rm, "aborted")) if s.rm_state[rm] == "working" else None

    def rm_receive(message: str, outcome: str) -> Callable[[Committing, int], Committing | None]:
        return lambda s, rm: s._replace(rm_state=put(s.rm_state, rm, outcome)) if message in s.told else None

    nobody = (False,) * managers
    return Model(
        f"TwoPhase of {managers}",
        (Committing(("working",) * managers, "init", nobody, nobody, frozenset()),),
        (
            Action("TMCommit", tm_commit),
            Action("TMAbort", tm_abort),
            Action("TMRcvPrepared", tm_receive, each(managers)),
            Action("RMPrepare", rm_prepare, each(managers)),
            Action("RMChooseToAbort", rm_choose_to_abort, each(managers)),
            Action("RMRcvCommitMsg", rm_receive("Commit", "committed"), each(managers)),
            Action("RMRcvAbortMsg", rm_receive("Abort", "aborted"), each(managers)),
        ),
        always=_CONSISTENT,
        sometimes=_OUTCOMES,
    )


# ── two jugs (Lamport) ──


class Jugs(NamedTuple):
    """The state of `DieHard`, in gallons."""

    big: int
    small: int


def two_jugs(*, solves: bool = False) -> Model[Jugs]:
    """A jug of five gallons and one of three (`DieHard`). With `solves` it has to be impossible to measure four."""

    def pour(s: Jugs, gallons: int) -> Jugs:
        return Jugs(s.big + gallons, s.small - gallons)

    return Model(
        "DieHard",
        (Jugs(0, 0),),
        (
            Action("FillSmallJug", lambda s: s._replace(small=3)),
            Action("FillBigJug", lambda s: s._replace(big=5)),
            Action("EmptySmallJug", lambda s: s._replace(small=0)),
            Action("EmptyBigJug", lambda s: s._replace(big=0)),
            Action("SmallToBig", lambda s: pour(s, min(s.small, 5 - s.big))),
            Action("BigToSmall", lambda s: pour(s, -min(s.big, 3 - s.small))),
        ),
        always={"TypeOK": lambda s: 0 <= s.big <= 5 and 0 <= s.small <= 3}
        | ({"NotSolved": lambda s: s.big != 4} if solves else {}),
    )


# ── mutual exclusion (Peterson 1981) ──


class Entering(NamedTuple):
    """The state of `Peterson`, for processes 0 and 1."""

    pc: Words
    c: Flags
    """Who wants to enter, or has."""
    turn: int


PETERSON = ("a0", "a1", "a2", "a3", "cs", "a4")


def peterson(*, fair: tuple[Fairness, ...] = (), looks: bool = True) -> Model[Entering]:
    """Two processes have a critical section, `cs` and `a4` (`locks_auxiliary_vars/Peterson`).

    Without `looks` nobody looks who else wants to enter. If it is fair, everybody who wants to enter has to.
    """

    def go_on_from(label: str) -> Callable[[Entering, int], Entering | None]:
        to = PETERSON[(PETERSON.index(label) + 1) % len(PETERSON)]

        def go_on(s: Entering, me: int) -> Entering | None:
            if s.pc[me] != label or (label == "a3" and looks and s.c[1 - me] and s.turn != me):
                return None
            c = put(s.c, me, label == "a1") if label in ("a1", "a4") else s.c
            return Entering(put(s.pc, me, to), c, 1 - me if label == "a2" else s.turn)

        return go_on

    def enters(me: int) -> LeadsTo[Entering]:
        return LeadsTo(lambda s: s.pc[me] in ("a2", "a3"), lambda s: s.pc[me] == "cs")

    return Model(
        "Peterson",
        (Entering(("a0", "a0"), (False, False), 0),),
        tuple(Action(label, go_on_from(label), each(2)) for label in PETERSON),
        always={"MutualExclusion": lambda s: not all(pc in ("cs", "a4") for pc in s.pc)},
        sometimes={"Contended": lambda s: s.pc == ("a3", "a3")},
        leads_to={"Enters": (enters(0), enters(1))} if fair else {},
        fair=fair,
    )


# ── termination on a ring (Dijkstra, Feijen and van Gasteren, EWD 840) ──


class Ring(NamedTuple):
    """The state of `EWD840`."""

    active: Flags
    black: Flags
    token: int
    """Which node has it."""
    token_black: bool


def ring(nodes: int, *, fair: bool = True) -> Model[Ring]:
    """A token goes round until it has found every node at rest (`ewd840/EWD840`)."""

    def initiate(s: Ring) -> Ring | None:
        can = s.token == 0 and (s.token_black or s.black[0])
        return Ring(s.active, put(s.black, 0, False), nodes - 1, False) if can else None

    def pass_on(s: Ring, i: int) -> Ring | None:
        can = s.token == i and (not s.active[i] or s.black[i] or s.token_black)
        return Ring(s.active, put(s.black, i, False), i - 1, s.token_black or s.black[i]) if can else None

    def send(s: Ring, i: int, j: int) -> Ring | None:
        blackens = s._replace(active=put(s.active, j, True), black=put(s.black, i, s.black[i] or j > i))
        return blackens if s.active[i] else None

    def rest(s: Ring, i: int) -> Ring | None:
        return s._replace(active=put(s.active, i, False)) if s.active[i] else None

    def detected(s: Ring) -> bool:
        return s.token == 0 and not (s.token_black or s.black[0] or s.active[0])

    flags = tuple(product((False, True), repeat=nodes))
    return Model(
        f"EWD840 of {nodes}",
        tuple(Ring(active, black, at, True) for active in flags for black in flags for at in range(nodes)),
        (
            Action("InitiateProbe", initiate),
            Action("PassToken", pass_on, each(nodes, 1)),
            Action("SendMsg", send, tuple(permutations(range(nodes), 2))),
            Action("Deactivate", rest, each(nodes)),
        ),
        always={"TerminationDetection": lambda s: not (detected(s) and any(s.active))},
        leads_to={"Liveness": (LeadsTo(lambda s: not any(s.active), detected),)},
        fair=(Fairness(("InitiateProbe", "PassToken"), each=False),) if fair else (),
        finished=detected,
    )


# ── dining philosophers (Chandy and Misra 1984) ──


class Table(NamedTuple):
    """The state of `DiningPhilosophers`."""

    holder: tuple[int, ...]
    """Who holds each fork: fork n lies to the left of philosopher n."""
    clean: Flags
    hungry: Flags
    pc: Words


def philosophers(count: int, *, fair: bool = True) -> Model[Table]:
    """They hand dirty forks to each other, cleaned, and eat with clean ones (`DiningPhilosophers`)."""

    def loop(s: Table, me: int) -> Table | None:
        if s.pc[me] != "Loop":
            return None
        left, right = me, (me + 1) % count
        holder, clean = s.holder, s.clean
        if holder[left] == me and not clean[left]:
            holder, clean = put(holder, left, (me - 1) % count), put(clean, left, True)
        elif holder[right] == me and not clean[right]:
            holder, clean = put(holder, right, (me + 1) % count), put(clean, right, True)
        eats = holder[left] == holder[right] == me and clean[left] and clean[right]
        to = "Think" if not s.hungry[me] else "Eat" if eats else "Loop"
        return Table(holder, clean, s.hungry, put(s.pc, me, to))

    def think(s: Table, me: int) -> Table | None:
        if s.pc[me] != "Think":
            return None
        return s._replace(hungry=put(s.hungry, me, True), pc=put(s.pc, me, "Loop"))

    def eat(s: Table, me: int) -> Table | None:
        if s.pc[me] != "Eat":
            return None
        dirty = put(put(s.clean, me, False), (me + 1) % count, False)
        return Table(s.holder, dirty, put(s.hungry, me, False), put(s.pc, me, "Loop"))

    def never_starves(me: int) -> tuple[LeadsTo[Table], ...]:
        return again_and_again(lambda s: not s.hungry[me])

    return Model(
        f"{count} DiningPhilosophers",
        (Table((0, 0, *range(2, count)), (False,) * count, (True,) * count, ("Loop",) * count),),
        (Action("Loop", loop, each(count)), Action("Think", think, each(count)), Action("Eat", eat, each(count))),
        always={"ExclusiveAccess": lambda s: not any(s.pc[i - 1] == s.pc[i] == "Eat" for i in range(count))},
        leads_to={"NobodyStarves": tuple(each_ for me in range(count) for each_ in never_starves(me))},
        fair=(Fairness(("Loop", "Think", "Eat"), each=True),) if fair else (),
    )


# ── prisoners and two switches (Lamport) ──


class Prison(NamedTuple):
    """The state of `Prisoners`; prisoner 0 counts."""

    a_up: bool
    b_up: bool
    times_switched: tuple[int, ...]
    """How often each of the others has moved switch A up."""
    counted: int


def prisoners(number: int, *, fair: tuple[Fairness, ...]) -> Model[Prison]:
    """One counts how often the others have moved a switch, until he knows that all were there (`Prisoners`)."""

    def counts(s: Prison) -> Prison:
        return s._replace(a_up=False, counted=s.counted + 1) if s.a_up else s._replace(b_up=not s.b_up)

    def another(s: Prison, i: int) -> Prison:
        if s.a_up or s.times_switched[i - 1] == 2:
            return s._replace(b_up=not s.b_up)
        return s._replace(a_up=True, times_switched=put(s.times_switched, i - 1, s.times_switched[i - 1] + 1))

    def is_done(s: Prison) -> bool:
        return s.counted == 2 * (number - 1)

    switches = tuple(product((False, True), repeat=2))
    return Model(
        f"{number} Prisoners",
        tuple(Prison(a, b, (0,) * (number - 1), 0) for a, b in switches),
        (Action("CounterStep", lambda s, _: counts(s), ((0,),)), Action("NonCounterStep", another, each(number, 1))),
        always={"Safety": lambda s: not is_done(s) or all(s.times_switched)},
        leads_to={"Liveness": eventually(is_done)},
        fair=fair,
    )
