"""A bounded model, and the scenario that it is about: read from the modules themselves, so that there is one source.

`by_tlc` asks TLC for both in one run: it evaluates `Listed`, `Before` and `Scripts` of the module Scenarios, and dumps
the graph of all states. `by_twin` takes both from the twin in Python, which needs no Java and is held against TLC edge
by edge elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from bookproof.models.binding.records import command_of, record_of
from bookproof.models.interleaving.scenarios import Scenario
from bookproof.models.states.graph import StateGraph
from bookproof.models.states.model import as_value
from bookproof.models.tla.checker import Says
from bookproof.models.tla.dot import read_dot
from bookproof.models.tla.manifest import Model
from bookproof.models.tla.tlc import Output, TlcChecker, concluded, copied, run
from bookproof.models.tla.values import Function, TlaValue, parse
from bookproof.models.twins.checker import graph_of
from bookproof.models.twins.records import Command as TwinCommand
from bookproof.models.twins.scenarios import scenario_named
from bookproof.spec.input_error import InputError, quote
from bookproof.spec.instruments import listing
from bookproof.spec.profile import DEFAULT, Risk


class Subject(NamedTuple):
    """What is bound."""

    model: Model
    scenario: Scenario
    graph: StateGraph
    accounts: tuple[int, ...] = ()
    """None where no accounts are kept."""

    @property
    def name(self) -> str:
        """The name of the model."""
        return self.model.name

    @property
    def records(self) -> tuple[tuple[Function, ...], ...]:
        """The commands of each client, as the model has them."""
        return tuple(tuple(map(record_of, script)) for script in self.scenario.scripts)


def scenario_of(name: str, listed: Any, before: Any, scripts: Any, accounts: Collection[int] = ()) -> Scenario:
    """The scenario of the engine for a scenario of the model, given as values of TLA+.

    >>> cancel = parse('[do |-> "cancel", symbol |-> "A", id |-> 1]')
    >>> scenario_of("late", ("A",), (), ((cancel,), ())).scripts
    ((Cancel(symbol='A', order_id=1),), ())
    """
    return Scenario(
        name,
        "",
        tuple(tuple(map(command_of, script)) for script in scripts),
        tuple(map(command_of, before)),
        listing(listed),
        DEFAULT._replace(risk=Risk.CASH) if accounts else DEFAULT,
    )


# ── by the twin ──

_GIVEN: Mapping[str, tuple[str, ...]] = {
    "submit": ("symbol", "order"),
    "cancel": ("symbol", "id"),
    "replace": ("symbol", "id", "lots", "px"),
    "basket": ("legs",),
    "list": ("legs",),
    "kill": ("account",),
    "deposit": ("account", "asset", "amount"),
    "withdraw": ("account", "asset", "amount"),
    "limit": ("account", "most"),
}
"""What a command of each kind says beside what it does."""


def by_twin(model: Model) -> Subject:
    """A subject without Java. Raises InputError for a model that the twin has not."""
    named = model.cfg().constants.get("Scenario")
    twin = scenario_named(named)
    before, scripts = map(_record, twin.before), (map(_record, script) for script in twin.scripts)
    accounts = tuple(twin.accounts)
    return Subject(model, scenario_of(str(named), twin.listed, before, scripts, accounts), graph_of(model), accounts)


def _record(command: TwinCommand) -> Function:
    given = {name: as_value(getattr(command, name)) for name in _GIVEN.get(command.do, ())}
    return Function({"do": command.do, **given})


# ── by TLC ──

_ASKED = """---- MODULE Asked ----
EXTENDS {module}, TLC
ASSUME PrintT(<<"asked", Listed, Before, Scripts, Accounts>>)
====
"""
_BRACKET = re.compile(r"<<|>>")


def by_tlc(checker: TlcChecker, model: Model) -> Subject:
    """A subject by one run of TLC. Raises InputError for a model that cannot be read, or that is violated."""
    cfg = model.checked()[1].asking()
    asked = {"Asked.tla": _ASKED.format(module=model.module)}
    with copied(model.folder, "Asked", cfg, asked) as place:
        dump = place.scratch / "graph.dot"
        options = ("-dump", "dot,actionlabels", str(dump))
        said = run(checker.tools, place, options, model.budget_seconds, lambda distinct: None)
        found = concluded(said, model.path, model.budget_seconds)
        if found.says is not Says.HOLDS:
            got = found.note or f"{found.violates} violated"
            raise InputError(str(model.path), 0, "", "a model that holds, for all of its states", got)
        graph = read_dot(dump)
    _, listed, before, scripts, kept = _printed(said)
    accounts = tuple(sorted(kept))
    name = str(cfg.constants.get("Scenario"))
    return Subject(model, scenario_of(name, listed, before, scripts, accounts), graph, accounts)


def _printed(said: Output) -> Any:
    """The value that the module was made to print; TLC breaks it into lines as it likes."""
    output = "\n".join(message.text for message in said.messages)
    begin = re.search(r'<<\s*"asked"', output)
    depth = 0
    for bracket in _BRACKET.finditer(output, begin.start()) if begin is not None else ():
        depth += 1 if bracket[0] == "<<" else -1
        if not depth and begin is not None:
            value: TlaValue = parse(output[begin.start() : bracket.end()])
            return value
    raise InputError("TLC", 0, "", "the scripts of the scenario", quote(output[-200:]))
