"""A seeded defect of reduce-only orders that rest: what an account has and what it offers change at two instants."""

from __future__ import annotations

from typing import Any

from bookproof.engine.accounts import Entries
from bookproof.engine.interface import Answer
from bookproof.engine.striped import StripedEngine
from bookproof.engine.zoo.defect import Defect
from bookproof.spec.commands import BlockTrade
from bookproof.spec.events import Event


class CutAfterwards(StripedEngine):
    """A block trade takes effect, lets its stripe go, and then cuts the parties' reduce-only orders to size."""

    def _at_the_book(self, command: Any) -> Answer:
        if not isinstance(command, BlockTrade) or self._ledger is None:
            return super()._at_the_book(command)
        stripes = list(self._stripes_at(command, [command.symbol]))
        parties = (command.buyer, command.seller)
        with self._holding(stripes):  # guards the book, and everybody's lots of it
            rejected = self._floor.account_fault(command) or self._floor.block_refusal(command)
            if rejected is not None:
                return self._stamped([rejected])
            with self._holding_to_spend(parties), self._holding_balances(parties):  # guards the cash of both
                entries: Entries = {}
                events: list[Event] = self._ledger.block(command, entries)
                self._ledger.book(entries)
                stamp = self._next_stamp()
        with self._holding(stripes):  # the defect: orders that are too large were there to be had meanwhile
            late: Entries = {}
            cuts = self._ledger.resize(events, late)
            with self._holding_balances(late):  # guards the cash that is released
                self._ledger.book(late)
        return Answer(stamp, (*events, *cuts))


REDUCERS = (
    Defect(
        "cut-afterwards",
        CutAfterwards,
        "A block trade makes a position smaller and cuts the reduce-only orders that rest when it has let the stripe "
        "go (rule C9): one of them trades meanwhile, and takes its account's position beyond zero.",
        True,
        "BYTEX-TRADE/bytex #26: reduce-only is checked when an order arrives and never again.",
        "resting-closer",
    ),
)
"""Every defect of reduce-only orders that rest."""
