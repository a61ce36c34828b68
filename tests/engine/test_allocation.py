"""The book that shares its levels agrees with the oracle; broken ones do not, and are found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from bookproof.engine.allocation import Sharer, SharingBook, Slice, sharing
from bookproof.engine.book import FastBook
from bookproof.engine.striped import StripedEngine
from bookproof.models.engines_by_name import MakeEngine, factory
from bookproof.models.generate.case import Case
from bookproof.models.generate.features import EVERYTHING, INTERPLAY, PLAIN, Feature, Features, alone
from bookproof.models.generate.soak import soak_case
from bookproof.models.generate.venues import ALLOCATIONS, VENUES
from bookproof.models.sequential.differential import Difference, compare, shrink
from bookproof.spec.allocation_terms import Allocation
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import DEFAULT, Profile
from bookproof.spec.rulebook import RULES, listening
from bookproof.spec.values import Lots

TOGETHER = INTERPLAY | PLAIN
"""What meets inside one match."""


def judged(make: MakeEngine, venue: str, features: Features, number: int) -> tuple[Case, Difference | None]:
    case = soak_case(9, number, features, VENUES[venue])
    return case, compare(make, case.instruments, case.profile, case.commands)


@pytest.mark.parametrize("venue", ALLOCATIONS)
def test_thousands_of_commands_agree_under_every_allocation(venue: str) -> None:
    commands = 0
    for number in range(120):
        features = (TOGETHER, EVERYTHING, alone(Feature.ICEBERG), PLAIN)[number % 4]
        case, difference = judged(factory("striped"), venue, features, number)
        assert difference is None, str(difference)
        commands += len(case.commands)
    assert commands > 4_000


def test_the_venues_reach_every_rule_of_sharing_that_is_a_decision() -> None:
    with listening() as reached:
        for venue in ALLOCATIONS:
            for number in range(20):
                judged(factory("striped"), venue, TOGETHER, number)
    decisions = {number for number, rule in RULES.items() if number[0] == "K" and rule.shown_by == "decision"}
    assert decisions <= reached.keys()


# ── defects ──


class _RoundsToNearest(Sharer):
    __slots__ = ()

    def _proportions(self, volume: Lots, open: list[Lots]) -> list[tuple[int, Lots]]:
        total = sum(open)
        return [(at, (2 * volume * quantity + total) // (2 * total)) for at, quantity in enumerate(open)]


class _RestToTheLast(Sharer):
    __slots__ = ()

    def share(self, volume: Lots, slices: list[Slice]) -> list[Lots]:
        return super().share(volume, slices[::-1])[::-1]


class _ForgetsTop(Sharer):
    __slots__ = ()

    def share(self, volume: Lots, slices: list[Slice]) -> list[Lots]:
        for slice in slices:
            slice.top = False
        return super().share(volume, slices)


class _PaysMarketMakersOfEverything(Sharer):
    """A market maker's percentage is of the whole aggressor, not of what TOP has left."""

    __slots__ = ()

    def share(self, volume: Lots, slices: list[Slice]) -> list[Lots]:
        top = sum(min(slice.quantity, 4) for slice in slices if slice.top)
        self.percent = {account: percent * volume // max(1, volume - top) for account, percent in self.percent.items()}
        return super().share(volume, slices)


class _LevelsTheSmall(Sharer):
    """Whoever gets nothing gets a lot, large enough for a share in proportion or not."""

    __slots__ = ()

    def _proportions(self, volume: Lots, open: list[Lots]) -> list[tuple[int, Lots]]:
        self._threshold = 1
        return super()._proportions(volume, open)


class _SharesReserves(Sharer):
    """Icebergs take part with all they have."""

    __slots__ = ()

    def share(self, volume: Lots, slices: list[Slice]) -> list[Lots]:
        shown = [slice.quantity for slice in slices]
        for slice in slices:
            slice.quantity += slice.reserve
        shares = [min(share, most) for share, most in zip(super().share(volume, slices), shown, strict=True)]
        for slice, quantity in zip(slices, shown, strict=True):
            slice.quantity = quantity
        return shares if sum(shares) == min(volume, sum(shown)) else super().share(volume, slices)


def with_sharer(sharer: type[Sharer]) -> MakeEngine:
    """The striped engine with another algorithm."""

    class Book(SharingBook):
        __slots__ = ()

        def __init__(self, instrument: Instrument, profile: Profile, market: Any) -> None:
            super().__init__(instrument, profile, market)
            self._sharer = sharer(profile.allocation, instrument.lot)

    return with_book(Book)


def with_book(book: type[SharingBook]) -> MakeEngine:
    """The striped engine with other books, where its levels are shared."""

    def make(instruments: Iterable[Instrument], profile: Profile) -> StripedEngine:
        engine = StripedEngine(instruments, profile)
        if not profile.allocation.is_fifo:
            for symbol, old in engine._floor.books.items():
                new = book(next(i for i in instruments if i.symbol == symbol), profile, engine._floor.market)
                engine._floor.books[symbol] = new
                acquire, release, _ = engine._desks[symbol]
                engine._desks[symbol] = (acquire, release, new)
                assert type(old) is SharingBook
        return engine

    return make


class _NeverLosesTop(SharingBook):
    """An order that bettered the market once stays TOP when another does."""

    __slots__ = ()

    def _rest(self, terms: Any, price: Any, leaves: Any, executed: Any, prevented: Any, resting: Any) -> None:
        old = self._tops[terms.side]
        super()._rest(terms, price, leaves, executed, prevented, resting)
        if old is not None and self._live.get(old.order_id) is old and old.order_id != terms.order_id:
            self._tops[terms.side] = old


DEFECTS: list[tuple[MakeEngine, str, Features, str]] = [
    (with_sharer(_RoundsToNearest), "pro-rata", PLAIN, "K2"),
    (with_sharer(_RestToTheLast), "time-pro-rata", PLAIN, "K7"),
    (with_sharer(_RestToTheLast), "pro-rata", PLAIN, "K2"),
    (with_sharer(_ForgetsTop), "top-pro-rata", PLAIN, "K3"),
    (with_sharer(_PaysMarketMakersOfEverything), "threshold-pro-rata", PLAIN, "K5"),
    (with_sharer(_LevelsTheSmall), "split-and-leveled", PLAIN, "K4"),
    (with_sharer(_SharesReserves), "pro-rata", alone(Feature.ICEBERG), "K2"),
    (with_book(_NeverLosesTop), "top-pro-rata", PLAIN, "K3"),
]


@pytest.mark.parametrize(("make", "venue", "features", "rule"), DEFECTS)
def test_a_defect_in_the_engines_sharing_is_found_and_shrinks(
    make: MakeEngine, venue: str, features: Features, rule: str
) -> None:
    for number in range(200):
        case, difference = judged(make, venue, features, number)
        if difference is not None:
            break
    assert difference is not None
    shortest, found = shrink(make, case, difference)
    assert len(shortest.commands) <= 5
    assert rule in found.rules
    assert not shortest.profile.allocation.is_fifo  # under first come, first served it would not show
    assert compare(factory("striped"), shortest.instruments, shortest.profile, shortest.commands) is None


def test_a_defect_that_has_nothing_to_do_with_sharing_shrinks_to_first_come_first_served() -> None:
    make = factory("remainder-lost")
    for number in range(200):
        case, difference = judged(make, "split", PLAIN, number)
        if difference is not None:
            break
    assert difference is not None
    shortest, _ = shrink(make, case, difference)
    assert shortest.profile == DEFAULT


def test_a_parameter_that_does_not_matter_shrinks_to_its_default() -> None:
    case, difference = next(
        found for number in range(200) if (found := judged(with_sharer(_RoundsToNearest), "split", PLAIN, number))[1]
    )
    assert difference is not None
    shortest, _ = shrink(with_sharer(_RoundsToNearest), case, difference)
    allocation = shortest.profile.allocation
    assert allocation == Allocation(allocation.sharing)


def test_a_book_with_a_seeded_defect_keeps_it_where_levels_are_shared() -> None:
    kind: type[FastBook] = factory("remainder-lost")([Instrument("ABC")], DEFAULT).book_type  # type: ignore[attr-defined]
    assert issubclass(sharing(kind), kind)
    assert issubclass(sharing(kind), SharingBook)
