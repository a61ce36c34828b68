"""`tla/StripeLocks.tla` in Python: the protocol of the stripes alone, for clients that never end."""

from __future__ import annotations

from itertools import combinations, permutations
from typing import NamedTuple

from bookproof.models.states.model import Action, Fairness, LeadsTo, Model
from bookproof.models.twins.parts import Constants, one_of, put, specified, up_to

Queue = tuple[int, ...]


class State(NamedTuple):
    """The variables of the module."""

    holder: Queue
    wants: tuple[Queue, ...]
    has: tuple[Queue, ...]
    pc: tuple[str, ...]


def plans(stripes: range, design: str) -> tuple[Queue, ...]:
    """`Plans`: each set of stripes in ascending order, or in any.

    >>> plans(range(1, 3), "ascending")
    ((1,), (2,), (1, 2))
    """
    sets = [chosen for size in range(1, len(stripes) + 1) for chosen in combinations(stripes, size)]
    return tuple(plan for chosen in sets for plan in (permutations(chosen) if design == "any order" else [chosen]))


def call(s: State, c: int, plan: Queue) -> State | None:
    """`Call`."""
    if s.pc[c - 1] != "idle":
        return None
    return s._replace(wants=put(s.wants, c, plan), pc=put(s.pc, c, "take"))


def take(s: State, c: int) -> State | None:
    """`Take`."""
    if s.pc[c - 1] != "take" or s.holder[s.wants[c - 1][0] - 1]:
        return None
    first, *others = s.wants[c - 1]
    return State(
        put(s.holder, first, c),
        put(s.wants, c, tuple(others)),
        put(s.has, c, (*s.has[c - 1], first)),
        put(s.pc, c, "take" if others else "leave"),
    )


def release(s: State, c: int) -> State | None:
    """`Release`."""
    if s.pc[c - 1] != "leave":
        return None
    *others, last = s.has[c - 1]
    return State(
        put(s.holder, last, 0), s.wants, put(s.has, c, tuple(others)), put(s.pc, c, "leave" if others else "idle")
    )


def stripe_locks(constants: Constants, specification: str) -> Model[State]:
    """The module with its constants."""
    fair = specified(specification, "Spec", "FairSpec") == "FairSpec"
    clients, stripes = up_to(constants, "Clients"), up_to(constants, "Stripes")
    design = one_of(constants, "Design", "ascending", "any order", "unfair locks")

    def type_ok(s: State) -> bool:
        return (
            all(holder in (0, *clients) for holder in s.holder)
            and all(pc in ("idle", "take", "leave") for pc in s.pc)
            and all(stripe in stripes for wants in s.wants for stripe in wants)
        )

    def locks_agree(s: State) -> bool:
        return all((s.holder[i - 1] == c) == (i in s.has[c - 1]) for i in stripes for c in clients)

    def only_upwards(s: State) -> bool:
        return all(held < s.wants[c - 1][0] for c in clients if s.pc[c - 1] == "take" for held in s.has[c - 1])

    def served(c: int) -> LeadsTo[State]:
        return LeadsTo(lambda s: s.pc[c - 1] == "take", lambda s: s.pc[c - 1] == "idle")

    each = tuple((c,) for c in clients)
    nobody = ((),) * len(clients)
    return Model(
        "StripeLocks",
        (State((0,) * len(stripes), nobody, nobody, ("idle",) * len(clients)),),
        (
            Action("Call", call, tuple((c, plan) for c in clients for plan in plans(stripes, design))),
            Action("Take", take, each),
            Action("Release", release, each),
        ),
        always={"TypeOK": type_ok, "LocksAgree": locks_agree, "OnlyUpwards": only_upwards},
        sometimes={
            "HoldsAll": lambda s: any(len(has) == len(stripes) for has in s.has),
            "Waits": lambda s: any(wants and s.holder[wants[0] - 1] for wants in s.wants),
        },
        leads_to={"Served": tuple(map(served, clients))},
        fair=(Fairness(("Release",)), Fairness(("Take",), strong=design != "unfair locks")) if fair else (),
    )
