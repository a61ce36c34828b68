"""What kind of wrong a history is: the question that a developer asks next.

=====================  ==================================================================================
diagnosis              meaning
=====================  ==================================================================================
accounting             lots are lost, made or traded twice: no order of any kind repairs that
not serializable       each answer may be right, and no order gives all of them
not in client order    some order does, and not one in which each client sees its own operations in turn
stale                  some order in which each client sees its own does, and real time forbids it: somebody was
                       answered from a state that others had already changed
=====================  ==================================================================================
"""

from __future__ import annotations

from typing import NamedTuple

from bookproof.models.linearize.conclusion import Verdict
from bookproof.models.linearize.generic import search
from bookproof.models.linearize.history import History

_STEPS = 100_000


class Diagnosis(NamedTuple):
    """What is wrong, and how far it is from right."""

    kind: str
    """`accounting`, `not serializable`, `not in client order`, `stale`, or `unknown` where nobody can tell."""
    sentence: str
    stale_by: int = 0
    """Stale: how many operations had returned already that an answer does not know of."""


def diagnose(history: History, kind: str = "") -> Diagnosis:
    """What kind of wrong a short history is, of which it is known that no order explains it.

    `kind` is what a proof calls it, if there is one.

    >>> from bookproof.models.linearize.history import Operation
    >>> from bookproof.spec.commands import Cancel, Submit
    >>> from bookproof.spec.events import Accepted, Rejected
    >>> from bookproof.spec.instruments import listing
    >>> from bookproof.spec.reasons import RejectReason
    >>> from bookproof.spec.values import Side
    >>> sell = Operation(0, Submit("ABC", 1, 7, Side.SELL, 5, 100), 1, 2, (Accepted("ABC", 1, Side.SELL, 100, 5),))
    >>> late = Operation(1, Cancel("ABC", 1), 3, 4, (Rejected("ABC", 1, RejectReason.UNKNOWN_ORDER),))
    >>> diagnose(History(listing(["ABC"]), (sell, late)))[::2]
    ('stale', 1)
    """
    if kind == "accounting":
        return Diagnosis(kind, "Lots are lost, made or traded twice: no order of the operations repairs that.")
    anyhow = search(history, steps=_STEPS, order="none")
    if anyhow.verdict is Verdict.UNKNOWN:
        return Diagnosis("unknown", "Whether it is serializable was not to be found out.")
    if anyhow.verdict is Verdict.NOT_LINEARIZABLE:
        return Diagnosis(
            "not serializable", "Each answer may be right by itself, and no order at all gives all of them."
        )
    by_client = search(history, steps=_STEPS, order="client")
    if by_client.verdict is not Verdict.LINEARIZABLE:
        said = "Some order gives all answers, and not one in which each client sees its own operations in turn."
        return Diagnosis("not in client order", said, _stale_by(history, anyhow.order))
    stale = _stale_by(history, by_client.order)
    many = "one operation" if stale == 1 else f"{stale} operations"
    said = (
        f"Serializable but not linearizable: an answer does not know of {many} that had returned before it was called."
    )
    return Diagnosis("stale", said, stale)


def _stale_by(history: History, order: tuple[int, ...]) -> int:
    """The most operations that returned before another one was called, and stand behind it all the same."""
    operations = history.operations
    return max(
        (
            sum(1 for later in order[place + 1 :] if _came_back(history, later, operations[at].called))
            for place, at in enumerate(order)
        ),
        default=0,
    )


def _came_back(history: History, at: int, moment: int) -> bool:
    returned = history.operations[at].returned
    return returned is not None and returned < moment
