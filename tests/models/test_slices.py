"""An iceberg may not go through more slices than a command can be expected to trade (D1), here or by a replace."""

from __future__ import annotations

import pytest

from bookproof.models.engines_by_name import factory
from bookproof.models.sequential.differential import compare
from bookproof.spec.commands import Command, Replace, Submit
from bookproof.spec.events import Accepted, Event, Rejected, Replaced
from bookproof.spec.exchange import opening, run, step
from bookproof.spec.instruments import MOST_SLICES, listing
from bookproof.spec.profile import DEFAULT
from bookproof.spec.reasons import RejectReason
from bookproof.spec.values import Side

BOOKS = listing(["ABC"])


def iceberg(quantity: int, stop: int | None = None) -> Submit:
    return Submit("ABC", 1, 1, Side.SELL, quantity, 100, display=1, stop=stop)


HIDDEN = Submit("ABC", 1, 1, Side.SELL, 5, 100, display=0)

CASES: list[tuple[str, list[Command], type[Event] | RejectReason]] = [
    ("as many as allowed", [iceberg(MOST_SLICES)], Accepted),
    ("one more", [iceberg(MOST_SLICES + 1)], RejectReason.INVALID_DISPLAY),
    ("by a replace", [iceberg(5), Replace("ABC", 1, MOST_SLICES + 1)], RejectReason.INVALID_REPLACE),
    ("by a replace, just allowed", [iceberg(5), Replace("ABC", 1, MOST_SLICES)], Replaced),
    ("a stop, by a replace", [iceberg(5, 90), Replace("ABC", 1, MOST_SLICES + 1)], RejectReason.INVALID_REPLACE),
    ("a hidden order has no slices", [HIDDEN, Replace("ABC", 1, 10**12)], Replaced),
]


@pytest.mark.parametrize(("commands", "answer"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_number_of_slices_is_bounded(commands: list[Command], answer: type[Event] | RejectReason) -> None:
    state, _ = run(opening(BOOKS), commands[:-1])
    _, [event] = step(state, commands[-1])
    assert (event.reason if isinstance(event, Rejected) else type(event)) == answer
    for engine in ("striped", "global-lock"):
        assert compare(factory(engine), BOOKS, DEFAULT, commands) is None
