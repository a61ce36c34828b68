"""`tla/Scenarios.tla` in Python: who does what in the bounded models."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from bookproof.models.twins.accounts import do_all, money_in, with_accounts
from bookproof.models.twins.records import (
    HALT_MARKET,
    RESUME_MARKET,
    SNAPSHOT,
    Command,
    Exchange,
    Leg,
    Said,
    basket,
    buy,
    cancel,
    deposit,
    kill,
    one_of,
    replace,
    sell,
    set_limit,
    submit,
    withdraw,
)
from bookproof.models.twins.rulebook import KNOWN, dealt, dropped, open_lots, opening, promised
from bookproof.spec.input_error import InputError, quote

TWO_BOOKS, THREE_BOOKS = ("A", "B"), ("A", "B", "C")


def stripe_of(symbol: str) -> int:
    """`StripeOf`: each book has its own."""
    return THREE_BOOKS.index(symbol) + 1


def both(first: int) -> Command:
    """`Both`."""
    return basket(Leg("A", buy(first, 3, 1, 100)), Leg("B", buy(first + 1, 3, 1, 100)))


def swapped(first: int) -> Command:
    """`Swapped`."""
    return basket(Leg("B", buy(first, 3, 1, 100)), Leg("A", buy(first + 1, 3, 1, 100)))


OFFERED_BOTH = (submit("A", sell(1, 2, 1, 100)), submit("B", sell(2, 2, 1, 100)))
OFFERED_TWICE = (submit("A", sell(1, 2, 2, 100)), submit("B", sell(2, 2, 2, 100)))


def funded(cash: int) -> tuple[Command, ...]:
    """`Funded`."""
    return (deposit(1, "cash", cash), deposit(2, "A", 1), deposit(2, "B", 1), *OFFERED_BOTH)


EACH_OWNS = (
    *(deposit(1, "cash", 100), deposit(2, "cash", 100), deposit(2, "A", 1), deposit(1, "B", 1)),
    *(submit("A", sell(1, 2, 1, 100)), submit("B", sell(2, 1, 1, 100))),
)


RIVALS = one_of(Leg("A", sell(1, 2, 2, 100)), Leg("B", sell(2, 2, 2, 100)))
MORE_RIVALS = one_of(Leg("B", sell(3, 2, 1, 101)), Leg("C", sell(4, 2, 1, 100)))


class Scenario(NamedTuple):
    """What has happened before, and the commands of each client, in its order."""

    before: tuple[Command, ...]
    scripts: tuple[tuple[Command, ...], ...]
    accounts: range = range(1, 1)
    """None: no accounts are kept."""
    listed: tuple[str, ...] = TWO_BOOKS
    """`Listed`: the symbols."""

    @property
    def stripes(self) -> tuple[int, ...]:
        """`Stripes`."""
        return tuple(map(stripe_of, self.listed))

    @property
    def clients(self) -> range:
        """`Clients`."""
        return range(1, len(self.scripts) + 1)

    @property
    def opened(self) -> Exchange:
        """`Opened`."""
        return with_accounts(opening(self.listed), self.accounts)

    @property
    def beginning(self) -> Exchange:
        """`Beginning`."""
        return do_all(self.opened, self.before, self.listed).x


PAID = range(1, 4)

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
    "same-price": Scenario(
        (submit("A", sell(1, 2, 1, 100)),),
        ((submit("A", sell(2, 2, 1, 100)), cancel("A", 2)), (submit("A", buy(3, 1, 1, 100)),)),
    ),
    "baskets": Scenario(OFFERED_BOTH, ((both(3),), (swapped(5),))),
    "basket-cancels": Scenario(OFFERED_BOTH, ((both(3),), (cancel("A", 1), cancel("B", 2)))),
    "basket-races": Scenario(OFFERED_BOTH, ((both(3),), (submit("B", buy(5, 1, 1, 100)),), (cancel("A", 1),))),
    "market-halt": Scenario(
        OFFERED_BOTH,
        (
            (HALT_MARKET, RESUME_MARKET),
            (submit("A", buy(3, 1, 1, 100)), cancel("A", 3)),
            (submit("B", buy(4, 1, 1, 100)),),
        ),
    ),
    "kill-switch": Scenario(OFFERED_BOTH, ((kill(2),), (submit("B", sell(3, 2, 1, 101)),), (both(4),))),
    "snapshot-basket": Scenario(OFFERED_TWICE, ((both(3),), (SNAPSHOT,), (cancel("B", 2),))),
    "rivals-hit": Scenario((RIVALS,), ((submit("A", buy(3, 1, 1, 100)),), (submit("B", buy(4, 3, 1, 100)),))),
    "rival-cancelled": Scenario(
        (RIVALS,),
        ((cancel("A", 1),), (submit("B", buy(3, 1, 1, 100)), cancel("B", 2))),
    ),
    "rivals-enter": Scenario(
        (),
        ((RIVALS,), (submit("B", buy(3, 1, 1, 100)),), (submit("A", buy(4, 3, 1, 100)),)),
    ),
    "ties-met": Scenario(
        (RIVALS, MORE_RIVALS),
        ((submit("A", buy(5, 1, 1, 100)),), (submit("C", buy(6, 1, 1, 100)),)),
        listed=THREE_BOOKS,
    ),
    "ties-grow": Scenario((RIVALS,), ((MORE_RIVALS,), (submit("A", buy(5, 1, 1, 100)),)), listed=THREE_BOOKS),
    "busy-books": Scenario(
        OFFERED_TWICE,
        (
            (both(3), cancel("A", 1), SNAPSHOT),
            (submit("A", buy(5, 1, 1, 100)), submit("B", buy(6, 1, 1, 100)), cancel("B", 6)),
            (submit("B", buy(7, 1, 1, 100)), replace("B", 2, 3, 100), submit("C", buy(10, 1, 1, 100))),
            (submit("A", buy(8, 1, 1, 100)), cancel("A", 8), submit("C", sell(11, 2, 1, 100))),
        ),
        listed=THREE_BOOKS,
    ),
    "busy-rivals": Scenario(
        (RIVALS, MORE_RIVALS),
        (
            (submit("A", buy(5, 1, 1, 100)), cancel("B", 3)),
            (one_of(Leg("B", sell(6, 2, 1, 100)), Leg("C", sell(7, 2, 1, 100))), cancel("A", 1)),
            (submit("C", buy(8, 3, 1, 100)), submit("B", buy(9, 3, 1, 101))),
            (submit("B", buy(10, 1, 1, 100)), submit("A", buy(11, 1, 1, 100))),
        ),
        listed=THREE_BOOKS,
    ),
    "one-purse": Scenario(
        funded(100),
        ((submit("A", buy(3, 1, 1, 100)),), (submit("B", buy(4, 1, 1, 100)),)),
        PAID,
    ),
    "paid-by-fill": Scenario(
        (deposit(1, "A", 1), deposit(2, "cash", 100), submit("A", sell(1, 1, 1, 100))),
        ((submit("A", buy(2, 2, 1, 100)),), (submit("B", buy(3, 1, 1, 100)),)),
        PAID,
    ),
    "each-pays-the-other": Scenario(
        EACH_OWNS,
        ((submit("A", buy(3, 1, 1, 100)),), (submit("B", buy(4, 2, 1, 100)),)),
        PAID,
    ),
    "withdraw-order": Scenario(
        funded(100),
        ((submit("A", buy(3, 1, 1, 100)),), (withdraw(1, "cash", 100), withdraw(2, "B", 1))),
        PAID,
    ),
    "cancel-frees": Scenario(
        funded(202),
        ((submit("A", buy(3, 1, 2, 101)), cancel("A", 3)), (submit("B", buy(4, 1, 1, 100)),)),
        PAID,
    ),
    "replace-grows": Scenario(
        (deposit(1, "cash", 200), submit("A", buy(1, 1, 1, 100))),
        (
            (replace("A", 1, 2, 100), cancel("A", 1)),
            (submit("B", buy(2, 1, 1, 100)), deposit(1, "cash", 100)),
        ),
        PAID,
    ),
    "order-limit": Scenario(
        (deposit(1, "cash", 400), set_limit(1, 1)),
        ((submit("A", buy(1, 1, 1, 100)), cancel("A", 1)), (submit("B", buy(2, 1, 1, 100)),)),
        PAID,
    ),
    "basket-purse": Scenario(
        (deposit(3, "cash", 200), deposit(2, "A", 1), deposit(2, "B", 1), *OFFERED_BOTH),
        ((both(3),), (submit("B", buy(5, 3, 1, 100)),)),
        PAID,
    ),
    "busy-purses": Scenario(
        EACH_OWNS,
        (
            (submit("A", buy(3, 1, 1, 100)), cancel("A", 3)),
            (submit("B", buy(4, 2, 1, 100)), withdraw(1, "cash", 100)),
            (submit("B", buy(5, 1, 1, 100)), submit("A", buy(6, 2, 1, 100))),
        ),
        PAID,
    ),
    "purses-all-day": Scenario(
        EACH_OWNS,
        (
            (submit("A", buy(3, 1, 1, 100)), cancel("A", 3)),
            (submit("B", buy(4, 2, 1, 100)), submit("B", buy(5, 1, 1, 100))),
            (withdraw(1, "cash", 100), deposit(2, "cash", 100)),
            (withdraw(2, "cash", 100), deposit(1, "cash", 100)),
        ),
        PAID,
    ),
    "purses-all-week": Scenario(
        EACH_OWNS,
        (
            (submit("A", buy(3, 1, 1, 100)), cancel("A", 3)),
            (submit("B", buy(4, 2, 1, 100)), submit("B", buy(5, 1, 1, 100)), cancel("B", 5)),
            (withdraw(1, "cash", 100), deposit(2, "cash", 100), withdraw(1, "cash", 100)),
            (withdraw(2, "cash", 100), deposit(1, "cash", 100), withdraw(2, "cash", 100)),
        ),
        PAID,
    ),
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


class Heard:
    """All that was said in a scenario, and whether an exchange agrees with it."""

    def __init__(self, scenario: Scenario) -> None:
        self.before = do_all(scenario.opened, scenario.before, scenario.listed).said
        self.conserved_in: Callable[[Exchange, Told], bool] = lru_cache(maxsize=KNOWN)(self._conserved_in)
        self.money_in: Callable[[Exchange, Told, Said], bool] = lru_cache(maxsize=KNOWN)(self._money_in)

    def all_heard(self, told: Told) -> Said:
        """`AllHeard`."""
        return self.before + tuple(event for answers in told for answer in answers for event in answer)

    def _conserved_in(self, x: Exchange, told: Told) -> bool:
        """`ConservedIn`: of every order each lot is open, traded or cancelled, and none of them twice."""
        said = self.all_heard(told)
        return all(
            sum(open_lots(book, id) for book in x.book.images) + dealt(said, id) + dropped(said, id)
            in promised(said, id)
            for id in {event.id for event in said if event.is_ in ("accepted", "replaced")}
        )

    def _money_in(self, x: Exchange, told: Told, more: Said) -> bool:
        """`MoneyIn`, with what is about to be said."""
        return money_in(x, self.all_heard(told) + more)
