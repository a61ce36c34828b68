"""`tla/Scenarios.tla` in Python: who does what in the bounded models."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from bookproof.models.twins.rulebook import (
    KNOWN,
    Command,
    Exchange,
    Leg,
    Said,
    basket,
    buy,
    cancel,
    dealt,
    do_all,
    dropped,
    open_lots,
    opening,
    promised,
    replace,
    sell,
    submit,
)
from bookproof.spec.input_error import InputError, quote

LISTED = ("A", "B")
STRIPES = (1, 2)


def stripe_of(symbol: str) -> int:
    """`StripeOf`: each book has its own."""
    return LISTED.index(symbol) + 1


def both(first: int) -> Command:
    """`Both`."""
    return basket(Leg("A", buy(first, 3, 1, 100)), Leg("B", buy(first + 1, 3, 1, 100)))


def swapped(first: int) -> Command:
    """`Swapped`."""
    return basket(Leg("B", buy(first, 3, 1, 100)), Leg("A", buy(first + 1, 3, 1, 100)))


OFFERED_BOTH = (submit("A", sell(1, 2, 1, 100)), submit("B", sell(2, 2, 1, 100)))


class Scenario(NamedTuple):
    """What has happened before, and the commands of each client, in its order."""

    before: tuple[Command, ...]
    scripts: tuple[tuple[Command, ...], ...]

    @property
    def clients(self) -> range:
        """`Clients`."""
        return range(1, len(self.scripts) + 1)

    @property
    def beginning(self) -> Exchange:
        """`Beginning`."""
        return do_all(opening(LISTED), self.before, LISTED).x


SCENARIOS = {
    "cancel-fill": Scenario(
        (submit("A", sell(1, 2, 1, 100)),),
        ((submit("A", buy(2, 1, 1, 100)),), (cancel("A", 1),)),
    ),
    "replace-fill": Scenario(
        (submit("A", sell(1, 2, 2, 100)),),
        (
            (submit("A", buy(2, 1, 1, 100)), submit("A", buy(3, 1, 1, 100))),
            (replace("A", 1, 3, 100), cancel("A", 1)),
        ),
    ),
    "price-time": Scenario(
        (submit("A", sell(1, 2, 2, 101)), submit("A", sell(2, 2, 1, 100))),
        ((submit("A", buy(3, 1, 2, 101)), cancel("A", 3)), (submit("A", buy(4, 3, 2, 100)),)),
    ),
    "baskets": Scenario(OFFERED_BOTH, ((both(3),), (swapped(5),))),
    "basket-cancels": Scenario(OFFERED_BOTH, ((both(3),), (cancel("A", 1), cancel("B", 2)))),
    "basket-races": Scenario(OFFERED_BOTH, ((both(3),), (submit("B", buy(5, 1, 1, 100)),), (cancel("A", 1),))),
}


def scenario_named(name: object) -> Scenario:
    """The scenario of that name. Raises InputError for one that is not known here.

    >>> len(scenario_named("basket-races").clients)
    3
    """
    if not isinstance(name, str) or name not in SCENARIOS:
        raise InputError("twin", 0, "Scenario", f"one of {', '.join(SCENARIOS)}", quote(str(name)))
    return SCENARIOS[name]


Told = tuple[tuple[Said, ...], ...]
"""Client -> the answers it was given, in order."""


def conservation(scenario: Scenario) -> Callable[[Exchange, Told], bool]:
    """`ConservedIn`: of every order each lot is open, traded or cancelled, and none of them twice."""
    before = do_all(opening(LISTED), scenario.before, LISTED).said

    @lru_cache(maxsize=KNOWN)
    def conserved_in(x: Exchange, told: Told) -> bool:
        said = before + tuple(event for answers in told for answer in answers for event in answer)
        return all(
            sum(open_lots(book, id) for book in x.book.books) + dealt(said, id) + dropped(said, id)
            in promised(said, id)
            for id in {event.id for event in said if event.is_ in ("accepted", "replaced")}
        )

    return conserved_in
