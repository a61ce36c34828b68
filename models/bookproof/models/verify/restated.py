"""A difference deep in a long run, made short: the book as it was is restated as new orders."""

from __future__ import annotations

from bookproof.models.engines_by_name import factory
from bookproof.models.generate.case import Case
from bookproof.models.sequential.differential import compare, shrink
from bookproof.models.sequential.run import disagreement
from bookproof.models.verdict import Disagreement
from bookproof.spec import exchange
from bookproof.spec.commands import Command
from bookproof.spec.rulebook import listening


def shortest_from(engine: str, before: exchange.Exchange, command: Command, run_again: str) -> Disagreement:
    """The shortest sequence on which the engine differs as it did on `command`, when the oracle stood at `before`.

    `before` has one book. If the difference needs more of the past than the orders that are live, it is told without
    a program.
    """
    [book] = before.books.values()
    resting = sorted([*book.bids, *book.asks], key=lambda order: order.sequence)
    restated = tuple(order.terms._replace(quantity=order.leaves) for order in resting)
    case = Case((book.instrument,), (*restated, command), before.profile)
    make = factory(engine)
    difference = compare(make, case.instruments, case.profile, case.commands)
    if difference is not None:
        shortest, difference = shrink(make, case, difference)
        return disagreement(engine, shortest, difference, run_again)
    with listening() as rules:
        _, right = exchange.step(before, command)
    title = f"{command} is answered otherwise than the oracle does, but only with the history before it"
    return Disagreement(title, tuple(sorted(rules)), str(right), "other events", f"# {run_again}\n", run_again)
