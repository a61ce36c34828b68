"""The judges reach auctions: engines with one mistake in a call or an uncross are found out, and right ones are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from bookproof.engine import auction
from bookproof.engine.book import FastBook
from bookproof.engine.floor import Floor
from bookproof.engine.ladder import Ladder, RestingOrder
from bookproof.models.engines_by_name import factory
from bookproof.models.generate.features import Feature, Features, alone
from bookproof.models.generate.simpler import simpler_commands
from bookproof.models.generate.soak import soak_case
from bookproof.models.generate.venues import VENUES
from bookproof.models.sequential.differential import Kind, compare, shrink
from bookproof.spec.commands import SetPhase
from bookproof.spec.events import Event
from bookproof.spec.profile import Profile
from bookproof.spec.values import Lots, Phase, Ticks
from bookproof.spec.views import Indicative

AUCTIONS = alone(Feature.AUCTIONS)
COMPANY = (Feature.MARKET, Feature.ICEBERG, Feature.STOPS, Feature.REPLACE, Feature.CLOCK)
"""What meets in a call."""

Patch = Callable[[pytest.MonkeyPatch], None]


def highest(patch: pytest.MonkeyPatch) -> None:
    """The best bid is the price, whatever is left over there (I3)."""
    right = auction.indicated

    def wrong(bids: Ladder, asks: Ladder, reference: Ticks | None, tick: Ticks) -> Indicative:
        found = right(bids, asks, reference, tick)
        return found if found.price is None else found._replace(price=max(auction._limits(bids.rungs), default=0))

    patch.setattr(auction, "indicated", wrong)


def slices_only(patch: pytest.MonkeyPatch) -> None:
    """An iceberg gives its slice before the others of its level give theirs (I8)."""
    right = auction._shares

    def wrong(ladder: Ladder, volume: Lots) -> Iterator[tuple[RestingOrder, Lots]]:
        shares = list(right(ladder, volume))
        yield from sorted(shares, key=lambda share: (-share[0].rung, bool(share[0].reserve)))

    patch.setattr(auction, "_shares", wrong)


def leaves_stops(patch: pytest.MonkeyPatch) -> None:
    """The price of an uncross triggers nothing (I9)."""
    right = Floor.set_phase  # a book that goes to another phase leaves its stops to the floor

    def wrong(self: Floor, command: SetPhase) -> list[Event]:
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(FastBook, "trigger_stops", lambda self, events: None)
            return right(self, command)

    patch.setattr(Floor, "set_phase", wrong)


def opens_crossed(patch: pytest.MonkeyPatch) -> None:
    """A book whose call was broken off goes on without another (J1)."""
    patch.setattr(FastBook, "would_stir", lambda self: False)


def forgets_the_price(patch: pytest.MonkeyPatch) -> None:
    """A call indicates nothing (I2)."""
    patch.setattr(FastBook, "indicative", lambda self: auction.NOBODY)


def latest_first(patch: pytest.MonkeyPatch) -> None:
    """At one price the last to come is the first to trade (I6)."""
    right = auction._shares

    def wrong(ladder: Ladder, volume: Lots) -> Iterator[tuple[RestingOrder, Lots]]:
        shares = list(right(ladder, volume))
        yield from sorted(shares, key=lambda share: (-share[0].rung, -share[0].order_id))

    patch.setattr(auction, "_shares", wrong)


DEFECTS: list[tuple[Patch, Features, Kind, int]] = [
    (highest, AUCTIONS, Kind.BOOK, 4),
    (slices_only, AUCTIONS | {Feature.ICEBERG}, Kind.EVENTS, 5),
    (leaves_stops, AUCTIONS | {Feature.STOPS}, Kind.EVENTS, 5),
    (opens_crossed, AUCTIONS, Kind.EVENTS, 5),
    (forgets_the_price, AUCTIONS, Kind.BOOK, 3),
    (latest_first, AUCTIONS, Kind.EVENTS, 5),
]
"""The mistake, the features of the run, where it shows, and the fewest commands that show it."""


@pytest.mark.parametrize(("defect", "features", "kind", "fewest"), DEFECTS, ids=[row[0].__name__ for row in DEFECTS])
def test_a_mistake_in_an_auction_is_found_and_shrunk(
    defect: Patch, features: Features, kind: Kind, fewest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    defect(monkeypatch)
    engine = factory("striped")
    for number in range(400):
        case = soak_case(1, number, features)
        difference = compare(engine, case.instruments, case.profile, case.commands)
        if difference is not None and difference.kind is kind:
            break
    else:
        raise AssertionError("nothing found in 400 cases")
    shortest, _ = shrink(engine, case, difference)
    assert len(shortest.commands) <= fewest, shortest.commands


@pytest.mark.parametrize("engine", ["striped", "global-lock"])
@pytest.mark.parametrize("profile", VENUES.values(), ids=list(VENUES))
def test_right_engines_agree_with_the_oracle_on_calls_in_every_venue(engine: str, profile: Profile) -> None:
    for number, company in enumerate(COMPANY * 6):
        case = soak_case(3, number, AUCTIONS | {company, Feature.MARKET}, profile)
        difference = compare(factory(engine), case.instruments, case.profile, case.commands, invariants=True)
        assert difference is None, f"\n{difference}"


def test_a_phase_that_is_no_call_is_tried_as_one_and_the_way_into_and_out_of_it_stay() -> None:
    assert list(simpler_commands(SetPhase("ABC", Phase.CLOSED), [])) == [SetPhase("ABC", Phase.CALL)]
    assert list(simpler_commands(SetPhase("ABC", Phase.CALL), [])) == []
    assert list(simpler_commands(SetPhase("ABC", Phase.CONTINUOUS), [])) == []
