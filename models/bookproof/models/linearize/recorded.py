"""Histories that our own recorder made, as the checker wants them."""

from __future__ import annotations

from bookproof.models.concurrent import history as recorder
from bookproof.models.linearize.history import History, Operation


def of_recorder(history: recorder.History) -> History:
    """The same run: operations in order of their calls, each with its commit stamp in one global order.

    >>> from bookproof.spec.instruments import listing
    >>> from bookproof.spec.profile import DEFAULT
    >>> of_recorder(recorder.History(listing(["ABC"]), DEFAULT, (), ())).operations
    ()
    """
    return History(
        history.instruments,
        tuple([_operation(operation) for operation in by_call(history)]),
        history.profile,
        final=history.final,
        accounts=history.accounts,
        lock_steps=steps_by_call(history),
    )


def by_call(history: recorder.History) -> list[recorder.Operation]:
    """The operations in the order in which `of_recorder` has them."""
    return sorted(history.operations, key=lambda operation: operation.called)


def steps_by_call(history: recorder.History) -> tuple[recorder.LockStep, ...]:
    """What the operations did with locks, each at its place in order of the calls.

    >>> from bookproof.spec.instruments import listing
    >>> from bookproof.spec.profile import DEFAULT
    >>> steps_by_call(recorder.History(listing(["ABC"]), DEFAULT, (), ()))
    ()
    """
    if not history.lock_steps:
        return ()
    called = [operation.called for operation in history.operations]
    place = {at: place for place, at in enumerate(sorted(range(len(called)), key=called.__getitem__))}
    return tuple([step._replace(operation=place[step.operation]) for step in history.lock_steps])


def _operation(one: recorder.Operation) -> Operation:
    stamps = (("", one.answer.stamp),)
    return Operation(one.client, one.command, one.called, one.returned, one.answer.events, stamps)
