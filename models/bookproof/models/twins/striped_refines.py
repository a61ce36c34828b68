"""`tla/StripedRefines.tla` in Python: the striped engine refines the sequential exchange.

The module says so by `INSTANCE`, for TLC alone. Here the refinement is a property of steps: what the sequential
exchange is before and after a step of the engine has to be a step of it, or the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from bookproof.models.states.model import Action, Fairness, LeadsTo, Model, as_value
from bookproof.models.tla.values import Function, TlaValue
from bookproof.models.twins import exchange
from bookproof.models.twins.parts import Constants, Map, one_of, put, specified
from bookproof.models.twins.records import Exchange, concerns_all
from bookproof.models.twins.scenarios import LISTED, scenario_named, stripe_of
from bookproof.models.twins.striped import DESIGNS, STEPS, State, Striped, needs


class StateR(NamedTuple):
    """The variables of `Striped`, and one more."""

    engine: State
    before: tuple[Exchange, ...]
    """Client -> the floor as it found it when it entered, until it is stamped."""

    def as_tla(self) -> TlaValue:
        """One record of all variables."""
        shown = as_value(self.engine)
        assert isinstance(shown, Function)
        return Function({**shown, "before": as_value(self.before)})


def striped_refines(constants: Constants, specification: str) -> Model[StateR]:
    """The module with its constants."""
    specified(specification, "SpecR")
    engine = Striped(scenario_named(constants["Scenario"]), one_of(constants, "Design", *DESIGNS))

    def settled(s: StateR) -> exchange.State:
        """`Settled`, with what clients were told: what the sequential exchange is."""
        unstamped = [(c, engine.command(s.engine, c)) for c in engine.clients if s.engine.pc[c - 1] == "stamp"]
        floor = s.engine.floor
        books = tuple(
            next((s.before[c - 1] for c, command in unstamped if stripe_of(symbol) in needs(command)), floor).book.of(
                symbol
            )
            for symbol in LISTED
        )
        whole = next((s.before[c - 1] for c, command in unstamped if concerns_all(command)), floor)
        return exchange.State(
            floor._replace(book=Map(LISTED, books), halted=whole.halted, blocked=whole.blocked), s.engine.told
        )

    rules = exchange.exchange(constants)
    serve = rules.actions[0]

    def refines(s: StateR, after: StateR) -> bool:
        """`Refines`, but for how it begins, which is an invariant."""
        now, then = settled(s), settled(after)
        return now == then or any(serve.next_state(now, *arguments) == then for arguments in serve.arguments)

    def step(name: str, of_engine: Callable[[State, int], State | None]) -> Action[StateR]:
        def next_state(s: StateR, c: int) -> StateR | None:
            then = of_engine(s.engine, c)
            if then is None:
                return None
            if name == "Enter":
                return StateR(then, put(s.before, c, s.engine.floor))
            return StateR(then, put(s.before, c, engine.beginning) if name == "Commit" else s.before)

        return Action(name, next_state, tuple((c,) for c in engine.clients))

    steps = (engine.call, engine.look, engine.take, engine.enter, engine.commit, engine.release)
    start = StateR(engine.init(), (engine.beginning,) * len(engine.clients))
    assert settled(start) in rules.initial

    def returns(c: int) -> LeadsTo[StateR]:
        return LeadsTo(lambda s: s.engine.pc[c - 1] != "idle", lambda s: s.engine.pc[c - 1] == "idle")

    return Model(
        "StripedRefines",
        (start,),
        (
            *(step(name, of_engine) for name, of_engine in zip(STEPS, steps, strict=True)),
            Action("Finished", lambda s: s if engine.is_finished(s.engine) else None),
        ),
        always={
            "TypeOK": lambda s: engine.type_ok(s.engine),
            "LocksAgree": lambda s: engine.locks_agree(s.engine),
            "Linearizable": lambda s: engine.linearizable(s.engine),
        },
        every_step={"Refines": refines},
        sometimes={"AllDone": lambda s: engine.is_finished(s.engine)},
        leads_to={"AllReturn": tuple(map(returns, engine.clients))},
        fair=(Fairness(STEPS),),
    )
