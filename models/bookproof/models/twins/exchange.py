"""`tla/Exchange.tla` in Python: the sequential exchange, one command at a time, whoever's turn it is."""

from __future__ import annotations

from typing import NamedTuple

from bookproof.models.states.model import Action, Model
from bookproof.models.twins import records
from bookproof.models.twins.accounts import do, reserved_in, solvent_in
from bookproof.models.twins.parts import Constants, put, specified
from bookproof.models.twins.rulebook import well_formed
from bookproof.models.twins.scenarios import Heard, Told, scenario_named


class State(NamedTuple):
    """The variables of the module."""

    x: records.Exchange
    told: Told


def exchange(constants: Constants, specification: str = "Spec") -> Model[State]:
    """The module with its constants."""
    specified(specification, "Spec")
    scenario = scenario_named(constants["Scenario"])
    clients = scenario.clients
    heard = Heard(scenario)

    def serve(s: State, c: int) -> State | None:
        """The next command of a client, all at once."""
        script, answers = scenario.scripts[c - 1], s.told[c - 1]
        if len(answers) == len(script):
            return None
        x, said = do(s.x, script[len(answers)], scenario.listed)
        return State(x, put(s.told, c, (*answers, said)))

    def is_finished(s: State) -> bool:
        return all(len(answers) == len(script) for answers, script in zip(s.told, scenario.scripts, strict=True))

    def type_ok(s: State) -> bool:
        return all(len(answers) <= len(script) for answers, script in zip(s.told, scenario.scripts, strict=True))

    return Model(
        "Exchange",
        (State(scenario.beginning, ((),) * len(clients)),),
        (
            Action("Serve", serve, tuple((c,) for c in clients)),
            Action("Finished", lambda s: s if is_finished(s) else None),
        ),
        always={
            "TypeOK": type_ok,
            "BooksAreWellFormed": lambda s: all(map(well_formed, s.x.book.images)),
            "Conserved": lambda s: heard.conserved_in(s.x, s.told) and heard.money_in(s.x, s.told, ()),
            "Solvent": lambda s: solvent_in(s.x) and reserved_in(s.x, scenario.listed),
        },
        sometimes={"AllServed": is_finished},
    )
