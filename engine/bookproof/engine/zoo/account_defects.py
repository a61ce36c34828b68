"""Designs for accounts that were refuted: each leaves out one of the facts that the striped engine leans on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from bookproof.engine.accounts import Entries, OrderCommand
from bookproof.engine.interface import Answer
from bookproof.engine.striped import ACCOUNT_STRIPES, StripedEngine
from bookproof.spec.commands import Command
from bookproof.spec.events import Event
from bookproof.spec.values import Account


class CheckedThenSpent(StripedEngine):
    """Nothing keeps two commands of one account in two books apart between the check and the booking."""

    @contextmanager
    def _holding_to_spend(self, accounts: Iterable[Account]) -> Iterator[None]:
        yield  # the defect: nothing is held


class PortfolioAsSeen(StripedEngine):
    """A margin account's portfolio is looked up in all books, and only the stripe of the order's own book is held."""

    def _paid(self, command: OrderCommand) -> Answer:
        floor, ledger = self._floor, self._ledger
        assert ledger is not None
        rejected = floor.order_fault(command)
        if rejected is not None:
            return self._stamped([rejected])
        demand = ledger.demand(command)
        with self._holding_to_spend([demand.account]):
            with self._holding_balances([demand.account]):
                till = ledger.till(demand.account)
                booked, till.worth = till.worth, ledger.worth_on_shelves(demand.account)  # the defect
                rejected = ledger.refusal(demand)
                till.worth = booked
                if rejected is not None:
                    return Answer(self._next_stamp(), (rejected,))
            ledger.admit(demand)
            events = list(floor.match(command))
            return self._booked(events, floor.write_up(command, events))


class BalancesAsMet(StripedEngine):
    """The taker's balance is held from the check on, and the makers' are taken after it, in the order of the fills."""

    def _paid(self, command: OrderCommand) -> Answer:
        floor, ledger = self._floor, self._ledger
        assert ledger is not None
        rejected = floor.order_fault(command)
        if rejected is not None:
            return self._stamped([rejected])
        demand = ledger.demand(command)
        taker = demand.account % ACCOUNT_STRIPES
        with ExitStack() as held:
            held.enter_context(self._balances[taker])
            rejected = ledger.refusal(demand)
            if rejected is not None:
                return Answer(self._next_stamp(), (rejected,))
            ledger.admit(demand)
            events = list(floor.match(command))
            entries = floor.write_up(command, events)
            for number in dict.fromkeys(account % ACCOUNT_STRIPES for account in entries):
                if number != taker:
                    held.enter_context(self._balances[number])  # the defect: one is held, and it may be a higher one
            ledger.book(entries)
            return Answer(self._next_stamp(), tuple(events))


class BookedLate(StripedEngine):
    """The stamp is drawn when the books have matched, and the cash moves when they have been let go."""

    def __init__(self, *listing: Any, **options: Any) -> None:
        super().__init__(*listing, **options)
        self._late: dict[int, Entries] = {}

    def _booked(self, events: Sequence[Event], entries: Entries) -> Answer:
        answer = Answer(self._next_stamp(), tuple(events))  # the defect: no balance is held
        self._late[answer.stamp] = entries
        return answer

    def submit(self, command: Command) -> Answer:
        """As in the striped engine, and then the cash."""
        answer = super().submit(command)
        entries = self._late.pop(answer.stamp, None)
        if entries is not None:
            super()._booked([], entries)
        return answer
