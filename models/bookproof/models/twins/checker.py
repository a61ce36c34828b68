"""The twins as the third checker of `bookproof tla`: it needs neither Java nor Node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bookproof.models.states.graph import StateGraph
from bookproof.models.states.model import Model
from bookproof.models.states.report import Report, Verdict
from bookproof.models.states.search import check, state_graph
from bookproof.models.tla import manifest
from bookproof.models.tla.checker import Finding, Says, Step, Tell
from bookproof.models.twins.barrier import barrier
from bookproof.models.twins.exchange import exchange
from bookproof.models.twins.lists import lists
from bookproof.models.twins.parts import Constants
from bookproof.models.twins.refinement import lists_refines, settlement_refines, striped_refines
from bookproof.models.twins.settlement import settlement
from bookproof.models.twins.snapshot import snapshot
from bookproof.models.twins.stripe_locks import stripe_locks
from bookproof.models.twins.striped import striped
from bookproof.spec.input_error import InputError

TWINS: Mapping[str, Callable[[Constants, str], Model[Any]]] = {
    "Barrier": barrier,
    "Exchange": exchange,
    "Lists": lists,
    "ListsRefines": lists_refines,
    "Settlement": settlement,
    "SettlementRefines": settlement_refines,
    "Snapshot": snapshot,
    "StripeLocks": stripe_locks,
    "Striped": striped,
    "StripedRefines": striped_refines,
}
"""Every module that has a twin: its constants and the name of a specification make a model."""

_SAYS = {Verdict.HOLDS: Says.HOLDS, Verdict.VIOLATES: Says.VIOLATES, Verdict.UNDECIDED: Says.UNDECIDED}


class TwinChecker:
    """Checks the twins of modules, with everything that a configuration asks for."""

    name = "twin"
    checks_properties = True

    def check(self, model: manifest.Model, budget_seconds: float, tell: Tell) -> Finding:
        """Decide. Raises InputError for a configuration that asks for what the twin has not."""
        return as_finding(check(twin_of(model), seconds=budget_seconds, progress=lambda found, _: tell(found)))


def find() -> TwinChecker:
    """The checker: it is always there."""
    return TwinChecker()


def twin_of(model: manifest.Model) -> Model[Any]:
    """The twin of a module with its constants, asked for what the configuration asks for.

    Raises InputError, with the line of the configuration, for what the twin has not.

    >>> from bookproof.models.tla.manifest import read_manifest, tla_folder
    >>> (locks,) = [model for model in read_manifest(tla_folder()) if model.name == "locks"]
    >>> list(twin_of(locks).always)
    ['TypeOK', 'LocksAgree', 'OnlyUpwards']
    """
    _, cfg = model.checked()

    def known(field: str, of: Mapping[str, Any], name: str) -> Any:
        if name not in of:
            there = ", ".join(of) or "none"
            raise InputError(str(model.path), cfg.lines.get(name, 0), field, f"one that the twin has ({there})", name)
        return of[name]

    try:
        made = known("module", TWINS, model.module)(cfg.constants, cfg.specification)
    except InputError as error:
        raise error if error.path == str(model.path) else error.at(str(model.path), 0) from None
    for name in (*cfg.constraints, *filter(None, [cfg.symmetry])):
        known("CONSTRAINT or SYMMETRY", {}, name)
    temporal = {name: known("PROPERTY", {**made.leads_to, **made.every_step}, name) for name in cfg.properties}
    asked: Model[Any] = made._replace(
        name=model.name,
        always={name: known("INVARIANT", made.always, name) for name in cfg.invariants},
        leads_to={name: made.leads_to[name] for name in temporal if name in made.leads_to},
        every_step={name: made.every_step[name] for name in temporal if name in made.every_step},
    )
    return asked


def graph_of(model: manifest.Model) -> StateGraph:
    """All states of a model and all steps between them. Raises InputError where `twin_of` does."""
    return state_graph(twin_of(model), seconds=model.budget_seconds)


def as_finding(report: Report) -> Finding:
    """What came of it in the words of `bookproof tla`."""
    holds, last, back_to = report.verdict is Verdict.HOLDS, len(report.trace), report.back_to
    if back_to is not None and back_to < last - 1:
        last -= 1  # the state that it comes back to is not told twice here
    return Finding(
        _SAYS[report.verdict],
        report.violated,
        report.distinct,
        report.generated,
        report.diameter if holds else None,
        tuple(Step(step.action, step.state) for step in report.trace[:last]),
        back_to,
        report.seconds,
        report.why if report.verdict is Verdict.UNDECIDED else "",
    )
