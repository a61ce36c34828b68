"""Seeded defects of the book. One thread is enough to see them."""

from __future__ import annotations

from typing import ClassVar

from bookproof.engine.book import FastBook
from bookproof.engine.ladder import RestingOrder
from bookproof.engine.striped import StripedEngine
from bookproof.spec.commands import Submit
from bookproof.spec.values import Lots, Ticks


class _GenerousBook(FastBook):
    __slots__ = ()

    def _keeps_place(self, same_price: bool, no_larger: bool) -> bool:
        return same_price and self._keeps_on_reduce  # the defect: `no_larger` is not asked


class PriorityKept(StripedEngine):
    """Priority is kept after a size increase."""

    book_type: ClassVar[type[FastBook]] = _GenerousBook


class _ForgetfulBook(FastBook):
    __slots__ = ()

    def _rest(
        self, terms: Submit, price: Ticks, leaves: Lots, executed: Lots, prevented: Lots, resting: RestingOrder | None
    ) -> None:
        if not executed:  # the defect: what has traded does not rest
            super()._rest(terms, price, leaves, executed, prevented, resting)


class RemainderLost(StripedEngine):
    """The remainder of a partly filled order is lost."""

    book_type: ClassVar[type[FastBook]] = _ForgetfulBook
