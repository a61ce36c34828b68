"""Rule L3, the second generation: what an order and an implied quote imply. The engines too have to agree."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from bookproof.models.engines_by_name import factory
from bookproof.models.generate.features import Feature, Features, alone
from bookproof.models.generate.packed import BITS, decode, plan_for
from bookproof.models.generate.soak import soak_case
from bookproof.models.generate.venues import VENUES
from bookproof.models.sequential.differential import compare
from bookproof.spec import implied
from bookproof.spec.commands import Command, Halt, Replace, Resume, Submit
from bookproof.spec.events import Accepted, ImpliedLeg, ImpliedTrade, Trade, Triggered
from bookproof.spec.exchange import Exchange, opening, run, status, step
from bookproof.spec.exchange import implied as implied_quotes
from bookproof.spec.instruments import Instrument, listing
from bookproof.spec.invariants import broken
from bookproof.spec.profile import DEFAULT, PROFILES, Generations, Profile
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.reporting import opening as desk_for
from bookproof.spec.reporting import report
from bookproof.spec.values import Phase, SelfTradePrevention, Side, TimeInForce
from bookproof.spec.views import ImpliedQuotes

if TYPE_CHECKING:
    from tests.spec.conftest import Floor, FloorAndEngine

BUY, SELL = Side.BUY, Side.SELL
IOC, FOK = TimeInForce.IOC, TimeInForce.FOK
SECOND = Profile("second-generation", implied_generations=Generations.SECOND)


def spread(first: str, second: str, symbol: str | None = None) -> Instrument:
    return Instrument(symbol or f"{first}-{second}", min_price=-1000, legs=(first, second))


CHAIN = (*listing(["A", "B", "C"]), spread("A", "B"), spread("B", "C"))


@pytest.fixture
def chain(open_pair: Callable[..., FloorAndEngine]) -> Iterator[FloorAndEngine]:
    """A, B, C and the spreads A-B and B-C. In the end the other engine has to agree with all that was done."""
    floor, done = recorded(open_pair(*CHAIN, profile=SECOND))
    yield floor
    assert compare(factory("global-lock"), CHAIN, SECOND, done) is None


def recorded(floor: FloorAndEngine) -> tuple[FloorAndEngine, list[Command]]:
    done: list[Command] = []
    do = floor.do

    def noted(command: Command) -> Any:
        done.append(command)
        return do(command)

    vars(floor)["do"] = noted
    return floor, done


def offer_a_at_103(floor: Floor, quantity: int = 5) -> None:
    """Who sells A-B, B-C and C sells A: at 2 + 1 + 100."""
    floor.sell(1, quantity, 2, symbol="A-B")
    floor.sell(2, quantity, 1, symbol="B-C")
    floor.sell(3, quantity, 100, symbol="C")


LEGS_AT_103 = (ImpliedLeg("C", 100, 3), ImpliedLeg("A-B", 2, 1), ImpliedLeg("B-C", 1, 2))


def traded(floor: Floor) -> list[tuple[int, int, tuple[str, ...]]]:
    """Price, quantity and the other books of each trade of the last command."""
    return [
        (event.price, event.quantity, tuple(leg.symbol for leg in event.legs) if type(event) is ImpliedTrade else ())
        for event in floor.events
        if isinstance(event, Trade | ImpliedTrade)
    ]


# ── what it is ──


def test_l3_an_order_trades_with_an_order_and_a_quote_that_two_others_imply_all_in_one_step(
    chain: FloorAndEngine,
) -> None:
    offer_a_at_103(chain)
    chain.buy(9, 7, 104, symbol="A")
    assert chain.events == (Accepted("A", 9, BUY, 104, 7), ImpliedTrade("A", 103, 5, 9, LEGS_AT_103))
    assert [chain.asks(symbol) for symbol in ("A-B", "B-C", "C")] == [[], [], []]
    assert chain.bids("A") == [(9, 2, 2)]
    seen = status(chain.state, "A", 9)
    assert seen is not None
    assert (seen.executed, seen.leaves) == (5, 2)


@pytest.mark.parametrize(
    ("resting", "taker", "price"),
    [
        ((("A-B", SELL, 2), ("B-C", SELL, 1), ("C", SELL, 100)), ("A", BUY, 105), 103),
        ((("A-B", BUY, 2), ("B-C", BUY, 1), ("C", BUY, 100)), ("A", SELL, 100), 103),
        ((("A-B", BUY, 2), ("B-C", BUY, 1), ("A", SELL, 103)), ("C", BUY, 101), 100),
        ((("A-B", SELL, 2), ("B-C", SELL, 1), ("A", BUY, 103)), ("C", SELL, 99), 100),
        ((("A", SELL, 103), ("B-C", BUY, 1), ("C", BUY, 100)), ("A-B", BUY, 3), 2),
        ((("A", BUY, 103), ("B-C", SELL, 1), ("C", SELL, 100)), ("A-B", SELL, 1), 2),
        ((("A", SELL, 103), ("A-B", BUY, 2), ("C", BUY, 100)), ("B-C", BUY, 2), 1),
        ((("A", BUY, 103), ("A-B", SELL, 2), ("C", SELL, 100)), ("B-C", SELL, 0), 1),
    ],
)
def test_l3_of_two_spreads_and_their_outer_legs_any_is_implied_by_the_three_others(
    chain: FloorAndEngine, resting: tuple[tuple[str, Side, int], ...], taker: tuple[str, Side, int], price: int
) -> None:
    for number, (symbol, side, at) in enumerate(resting):
        chain.do(Submit(symbol, number, number, side, 5, at))
    symbol, side, limit = taker
    chain.do(Submit(symbol, 9, 9, side, 2, limit))
    assert traded(chain) == [(price, 2, tuple(one for one in ("A", "C", "A-B", "B-C") if one != symbol))]


def test_l3_the_leg_in_common_takes_no_part_and_none_of_it_is_implied(chain: FloorAndEngine) -> None:
    offer_a_at_103(chain)
    chain.buy(9, 1, 103, symbol="A")
    assert chain.state.books["B"].last_price is None
    assert {symbol: chain.state.books[symbol].last_price for symbol in ("A", "C", "A-B", "B-C")} == {
        "A": 103,
        "C": 100,
        "A-B": 2,
        "B-C": 1,
    }
    chain.buy(10, 1, 999, symbol="B")
    assert traded(chain) == [(101, 1, ("C", "B-C"))]


def test_l3_without_the_second_generation_the_same_order_rests(open_pair: Callable[..., FloorAndEngine]) -> None:
    floor = open_pair(*CHAIN)
    offer_a_at_103(floor)
    floor.buy(9, 5, 104, symbol="A")
    assert traded(floor) == []
    floor.buy(10, 5, symbol="A")
    assert floor.reason is RejectReason.NO_LIQUIDITY


def test_l3_cme_has_the_second_generation_and_nobody_else_is_said_to() -> None:
    second = {name for name, profile in PROFILES.items() if profile.implied_generations is Generations.SECOND}
    assert second == {"cme-fifo", "cme-pro-rata"}


# ── when it is looked at ──


def test_l3_the_first_generation_goes_first_even_at_a_worse_price(chain: FloorAndEngine) -> None:
    offer_a_at_103(chain)
    chain.sell(4, 3, 102, symbol="B")
    chain.buy(9, 6, 104, symbol="A")
    assert traded(chain) == [(104, 3, ("B", "A-B")), (103, 2, ("C", "A-B", "B-C"))]


def test_l3_the_own_book_goes_first_even_at_a_worse_price(chain: FloorAndEngine) -> None:
    offer_a_at_103(chain)
    chain.sell(4, 3, 104, symbol="A")
    chain.sell(5, 3, 105, symbol="A")
    chain.buy(9, 6, 104, symbol="A")
    assert traded(chain) == [(104, 3, ()), (103, 3, ("C", "A-B", "B-C"))]


def test_l3_who_is_filled_by_the_first_generation_leaves_the_second_alone(chain: FloorAndEngine) -> None:
    offer_a_at_103(chain)
    chain.sell(4, 3, 101, symbol="B")
    chain.buy(9, 3, 104, symbol="A")
    assert traded(chain) == [(103, 3, ("B", "A-B"))]


def test_l3_the_second_generation_keeps_within_the_limit(chain: FloorAndEngine) -> None:
    offer_a_at_103(chain)
    chain.buy(9, 3, 102, symbol="A")
    assert traded(chain) == []
    assert chain.bids("A") == [(9, 3, 3)]


FOUR = listing(["A", "B", "C", "D"])
THROUGH_C, THROUGH_D = ("C", "A-B", "B-C"), ("D", "A-B", "D-B")


@pytest.mark.parametrize(
    ("price_of_d", "first", "price", "others"),
    [
        (99, "B-C", 102, THROUGH_D),
        (100, "B-C", 103, THROUGH_C),
        (100, "D-B", 103, THROUGH_D),
        (101, "D-B", 103, THROUGH_C),
    ],
)
def test_l3_of_two_chains_the_better_goes_first_and_of_equal_ones_that_of_the_spread_listed_first(
    open_pair: Callable[..., FloorAndEngine], price_of_d: int, first: str, price: int, others: tuple[str, ...]
) -> None:
    """Both begin with A-B. B is sold by who sells B-C and C, or by who buys D-B and sells D."""
    far = [spread("B", "C"), spread("D", "B")]
    far.sort(key=lambda one: one.symbol != first)
    books = (*FOUR, spread("A", "B"), *far)
    floor, done = recorded(open_pair(*books, profile=SECOND))
    offer_a_at_103(floor)
    floor.buy(4, 5, -1, symbol="D-B")
    floor.sell(5, 5, price_of_d, symbol="D")
    floor.buy(9, 2, 104, symbol="A")
    assert traded(floor) == [(price, 2, others)]
    assert compare(factory("global-lock"), books, SECOND, done) is None


def test_l3_of_equal_chains_the_spread_next_to_the_book_decides_before_the_far_one(
    open_pair: Callable[..., FloorAndEngine],
) -> None:
    books = (*FOUR, spread("B", "C"), spread("A", "D"), spread("A", "B"), spread("D", "C"))
    floor, done = recorded(open_pair(*books, profile=SECOND))
    offer_a_at_103(floor)
    floor.sell(4, 5, 2, symbol="A-D")
    floor.sell(5, 5, 1, symbol="D-C")
    floor.buy(9, 7, 103, symbol="A")
    assert traded(floor) == [(103, 5, ("C", "A-D", "D-C"))]
    floor.sell(6, 9, 100, symbol="C")  # the order that rests in A is met by who comes to a book of the other chain
    assert traded(floor) == [(100, 2, ("A", "B-C", "A-B"))]
    assert compare(factory("global-lock"), books, SECOND, done) is None


def test_l3_spreads_over_the_same_two_legs_make_no_chain(open_pair: Callable[..., FloorAndEngine]) -> None:
    books = (*listing(["A", "B"]), spread("A", "B"), spread("B", "A"), spread("A", "B", "S"))
    floor = open_pair(*books, profile=SECOND)
    floor.sell(1, 5, 2, symbol="A-B")
    floor.buy(2, 5, 5, symbol="S")
    floor.sell(3, 5, 90, symbol="B")
    floor.buy(4, 5, 80, symbol="B")
    assert traded(floor) == []
    assert set(implied.chains_of(books).values()) == {()}


def test_l3_two_spreads_imply_no_third_between_their_outer_legs(open_pair: Callable[..., FloorAndEngine]) -> None:
    floor = open_pair(*CHAIN, spread("A", "C"), profile=SECOND)
    floor.sell(1, 5, 2, symbol="A-B")
    floor.sell(2, 5, 1, symbol="B-C")
    floor.buy(9, 5, 9, symbol="A-C")
    assert traded(floor) == []


def test_l3_a_chain_of_three_spreads_implies_nothing(open_pair: Callable[..., FloorAndEngine]) -> None:
    floor = open_pair(*FOUR, spread("A", "B"), spread("B", "C"), spread("C", "D"), profile=SECOND)
    floor.sell(1, 5, 2, symbol="A-B")
    floor.sell(2, 5, 1, symbol="B-C")
    floor.sell(3, 5, 1, symbol="C-D")
    floor.sell(4, 5, 99, symbol="D")
    floor.buy(9, 5, 103, symbol="A")
    assert traded(floor) == []
    floor.buy(10, 5, 101, symbol="B")
    assert traded(floor) == [(101, 5, ("D", "B-C", "C-D"))]


# ── with everything else that an order may be ──


def test_l3_a_chain_gives_what_the_least_of_its_orders_shows_slice_by_slice(chain: FloorAndEngine) -> None:
    chain.sell(1, 9, 2, symbol="A-B", display=4)
    chain.sell(2, 9, 1, symbol="B-C", display=0)
    chain.sell(3, 3, 100, symbol="C")
    chain.sell(4, 9, 101, symbol="C")
    chain.buy(9, 9, 104, symbol="A")
    assert [(price, quantity) for price, quantity, _ in traded(chain)] == [(103, 3), (104, 1), (104, 4), (104, 1)]


def test_l3_fill_or_kill_and_minimum_count_the_second_generation(chain: FloorAndEngine) -> None:
    offer_a_at_103(chain)
    chain.sell(4, 2, 101, symbol="B")
    chain.sell(5, 2, 104, symbol="A")
    chain.buy(7, 8, 104, symbol="A", time_in_force=FOK)
    assert (traded(chain), chain.cancels) == ([], [(7, 8, CancelReason.KILLED)])
    chain.buy(8, 9, 104, symbol="A", min_quantity=8)
    assert (traded(chain), chain.cancels) == ([], [(8, 9, CancelReason.MIN_QUANTITY)])
    chain.buy(9, 7, 104, symbol="A", time_in_force=FOK)
    assert [(price, quantity) for price, quantity, _ in traded(chain)] == [(103, 2), (104, 2), (103, 3)]


def test_l3_a_market_order_may_live_on_a_chain_alone(chain: FloorAndEngine) -> None:
    chain.buy(8, 9, symbol="A")
    assert chain.reason is RejectReason.NO_LIQUIDITY
    offer_a_at_103(chain)
    chain.buy(9, 9, symbol="A")
    assert (len(traded(chain)), chain.cancels) == (1, [(9, 4, CancelReason.MARKET)])


def test_l3_a_post_only_order_may_not_take_from_a_chain_not_even_when_a_stop_becomes_one(
    chain: FloorAndEngine,
) -> None:
    offer_a_at_103(chain)
    chain.buy(7, 5, 103, symbol="A", post_only=True)
    assert chain.reason is RejectReason.WOULD_TAKE
    chain.buy(8, 5, 102, symbol="A", post_only=True)
    assert chain.reason is None
    chain.buy(9, 1, 104, stop=103, symbol="A", post_only=True)
    chain.buy(10, 1, 103, symbol="A")
    assert (len(traded(chain)), chain.cancels) == (1, [(9, 1, CancelReason.POST_ONLY)])


def test_l3_a_replaced_order_meets_chains_as_a_new_one_would(chain: FloorAndEngine) -> None:
    offer_a_at_103(chain)
    chain.buy(9, 6, 102, symbol="A")
    chain.do(Replace("A", 9, 7, 104))
    assert traded(chain) == [(103, 5, ("C", "A-B", "B-C"))]
    assert chain.bids("A") == [(9, 2, 2)]


def test_l3_prevention_is_not_applied_to_chains_and_who_it_ended_comes_to_none(chain: FloorAndEngine) -> None:
    offer_a_at_103(chain)
    for symbol, number in (("A-B", 4), ("B-C", 5), ("C", 6)):
        chain.sell(number, 5, 1 if symbol != "C" else 99, symbol=symbol, account=7)
    chain.buy(8, 1, 103, symbol="A", account=7, self_trade=SelfTradePrevention.CANCEL_BOTH)
    assert traded(chain) == [(101, 1, ("C", "A-B", "B-C"))]
    chain.sell(7, 1, 103, symbol="A", account=7)
    chain.buy(9, 5, 103, symbol="A", account=7, self_trade=SelfTradePrevention.CANCEL_TAKER)
    assert (traded(chain), chain.cancels) == ([], [(9, 5, CancelReason.SELF_TRADE)])


def test_l3_a_trade_by_a_chain_is_the_last_of_four_books_and_triggers_their_stops(chain: FloorAndEngine) -> None:
    chain.buy(11, 1, stop=103, symbol="A")
    chain.buy(12, 1, 100, stop=100, symbol="C")
    chain.buy(13, 1, 2, stop=2, symbol="A-B")
    chain.buy(14, 1, 1, stop=1, symbol="B-C")
    offer_a_at_103(chain, 9)
    chain.buy(9, 1, 103, symbol="A")
    assert chain.triggered == [11, 12, 13, 14]
    assert [type(event) for event in chain.events][1:4] == [ImpliedTrade, Triggered, ImpliedTrade]


# ── what is shown, and when there is nothing ──


def test_l3_what_is_shown_is_of_the_first_generation(chain: FloorAndEngine) -> None:
    offer_a_at_103(chain)
    assert implied_quotes(chain.state, "A") == ImpliedQuotes((), ()) == chain.engine.implied("A")
    assert [quote.price for quote in chain.engine.implied("B").asks] == [101]


@pytest.mark.parametrize("halted", ["A", "B", "C", "B-C", None])
def test_l3_no_chain_trades_while_a_book_of_the_family_is_halted(chain: FloorAndEngine, halted: str | None) -> None:
    offer_a_at_103(chain)
    chain.do(Halt(halted))
    chain.buy(9, 5, 103, symbol="A")
    assert traded(chain) == []


def test_l3_the_end_of_a_halt_lets_spread_orders_take_from_chains_and_nearer_quotes_first(
    chain: FloorAndEngine,
) -> None:
    chain.sell(5, 1, 101, symbol="B")
    chain.do(Halt("B"))
    chain.sell(1, 5, 2, symbol="A-B")
    chain.sell(2, 7, 1, symbol="B-C")
    chain.sell(3, 7, 100, symbol="C")
    chain.buy(4, 8, 104, symbol="A")
    chain.do(Resume("B"))
    assert [event for event in chain.events if isinstance(event, ImpliedTrade)] == [
        ImpliedTrade("A-B", 3, 1, 1, (ImpliedLeg("A", 104, 4), ImpliedLeg("B", 101, 5))),
        ImpliedTrade("A-B", 3, 4, 1, (ImpliedLeg("A", 104, 4), ImpliedLeg("C", 100, 3), ImpliedLeg("B-C", 1, 2))),
    ]
    assert (chain.asks("A-B"), chain.bids("A")) == ([], [(4, 3, 3)])


def test_l3_the_end_of_a_call_does_so_too(chain: FloorAndEngine) -> None:
    offer_a_at_103(chain)
    chain.go(Phase.CALL, symbol="A")
    chain.buy(9, 5, 103, symbol="A")
    chain.go(Phase.CONTINUOUS, symbol="A")
    assert traded(chain) == [(2, 5, ("A", "C", "B-C"))]


def test_o1_all_four_orders_of_such_a_trade_are_told_of_it() -> None:
    state = opening(CHAIN, SECOND)
    desk = desk_for(state.books, SECOND)
    reports: Sequence[Any] = ()
    for command in (
        Submit("A-B", 1, 1, SELL, 5, 2),
        Submit("B-C", 2, 2, SELL, 5, 1),
        Submit("C", 3, 3, SELL, 5, 100),
        Submit("A", 9, 9, BUY, 5, 103),
    ):
        state, events = step(state, command)
        desk, reports = report(desk, command, events)
    fills = [told for told in reports if told.last_qty]
    assert [(told.symbol, told.last_price, told.aggressor) for told in fills] == [
        ("C", 100, False),
        ("A-B", 2, False),
        ("B-C", 1, False),
        ("A", 103, True),
    ]
    assert fills[-1].elsewhere == ("C", "A-B", "B-C")


# ── thousands ──

LISTINGS: dict[str, tuple[Instrument, ...]] = {
    "a chain": (*listing("ABC"), spread("A", "B"), spread("B", "C")),
    "a fan, listed before its legs": (spread("C", "B"), *listing("CAB"), spread("A", "B")),
    "a triangle": (*listing("ABC"), spread("A", "B"), spread("B", "C"), spread("A", "C")),
    "a chain of three": (*listing("ABCD"), spread("C", "D"), spread("A", "B"), spread("B", "C")),
    "two over the same legs": (*listing("ABC"), spread("B", "A"), spread("B", "C"), spread("A", "B", "S")),
}
BESIDES = (
    Feature.STOPS,
    Feature.ICEBERG,
    Feature.FOK,
    Feature.REPLACE,
    Feature.SELF_TRADE,
    Feature.POST_ONLY,
    Feature.HALTS,
    Feature.AUCTIONS,
    Feature.BASKETS,
)


def case(number: int, books: tuple[Instrument, ...]) -> list[Command]:
    dice = random.Random(f"second generation {number}")
    features: Features = alone(Feature.SPREADS)
    for feature in dice.sample(BESIDES, 2):
        features |= alone(feature)
    narrow = tuple(book._replace(min_price=-5, max_price=5) if book.legs else book for book in books)
    return list(decode([dice.getrandbits(BITS) for _ in range(dice.randint(20, 60))], plan_for(features, narrow)))


def chained(events: Sequence[object]) -> int:
    return sum(isinstance(event, ImpliedTrade) and len(event.legs) == 3 for event in events)


@pytest.mark.parametrize("books", LISTINGS.values(), ids=LISTINGS)
def test_l3_thousands_of_commands_are_the_same_in_the_engine_and_break_no_invariant(
    books: tuple[Instrument, ...],
) -> None:
    happened = 0
    for number in range(80):
        commands = case(number, books)
        assert compare(factory("striped"), books, SECOND, commands, invariants=True) is None
        happened += chained(run(opening(books, SECOND), commands)[1])
    assert happened > 0


def test_l3_the_usual_cases_come_to_the_second_generation_under_the_venues_that_have_it() -> None:
    venues = [venue for venue in VENUES.values() if venue.implied_generations is Generations.SECOND]
    happened = 0
    for number in range(150):
        made = soak_case(6, number, alone(Feature.SPREADS), venues[number % len(venues)].together())
        happened += chained(run(opening(made.instruments, made.profile), made.commands)[1])
    assert happened > 3


# ── the invariants can fail ──

RESTING = [
    Submit("A-B", 1, 1, SELL, 5, 2),
    Submit("B-C", 2, 2, SELL, 5, 1),
    Submit("C", 3, 3, SELL, 5, 100),
    Submit("C", 4, 4, SELL, 5, 101),
    Submit("A", 5, 5, SELL, 2, 104),
]
TAKER = Submit("A", 9, 9, BUY, 4, 104)
RIGHT = (Accepted("A", 9, BUY, 104, 4), Trade("A", 104, 2, 5, 9), ImpliedTrade("A", 103, 2, 9, LEGS_AT_103))


@pytest.mark.parametrize(
    ("what", "events"),
    [
        ("before the own book", (RIGHT[0], RIGHT[2]._replace(quantity=4))),
        ("at another price", (RIGHT[0], RIGHT[1], RIGHT[2]._replace(price=104))),
        (
            "with a worse order of a leg",
            (RIGHT[0], RIGHT[1], ImpliedTrade("A", 104, 2, 9, (ImpliedLeg("C", 101, 4), *LEGS_AT_103[1:]))),
        ),
        ("in another order", (RIGHT[0], RIGHT[1], RIGHT[2]._replace(legs=LEGS_AT_103[::-1]))),
        ("with two of three", (RIGHT[0], RIGHT[1], RIGHT[2]._replace(price=3, legs=LEGS_AT_103[1:]))),
    ],
    ids=lambda it: it.replace(" ", "-") if isinstance(it, str) else "",
)
def test_l3_the_invariants_refute_a_trade_by_a_chain_made_wrong(what: str, events: tuple[Any, ...]) -> None:
    before, _ = run(opening(CHAIN, SECOND), RESTING)
    after, told = step(before, TAKER)
    assert told == RIGHT
    assert broken(before, TAKER, told, after) == []
    assert "implied_trades_are_right" in noticed(before, TAKER, events, after), what


def test_l3_the_invariants_refute_a_chain_where_the_profile_has_none_or_a_nearer_quote_is_there() -> None:
    before, _ = run(opening(CHAIN, SECOND), RESTING)
    after, told = step(before, TAKER)
    plain = {"before": before._replace(profile=DEFAULT), "after": after._replace(profile=DEFAULT)}
    assert "implied_trades_are_right" in noticed(plain["before"], TAKER, told, plain["after"])
    nearer, _ = step(before, Submit("B", 6, 6, SELL, 9, 102))
    assert "implied_trades_are_right" in noticed(nearer, TAKER, told, after)


def test_l3_the_invariants_notice_that_a_chain_was_left_untraded() -> None:
    before, _ = run(opening(CHAIN), RESTING)
    after, told = step(before, TAKER)
    assert broken(before, TAKER, told, after) == []
    before, after = before._replace(profile=SECOND), after._replace(profile=SECOND)
    assert noticed(before, TAKER, told, after) == {"nothing_implied_remains"}


def noticed(before: Exchange, command: Command, events: tuple[Any, ...], after: Exchange) -> set[str]:
    return {breach.invariant for breach in broken(before, command, events, after)}


DEFECTS: list[tuple[Any, str, str, str]] = [
    (implied._take, "if chained is None or chained.key > reach:", "if True:", "nothing_implied_remains"),
    (implied._take, "best is not None and best.key <= reach:", "False:", "implied_trades_are_right"),
    (implied.chains_of, "-nothing[symbol] * nothing[other]", "nothing[other]", "implied_trades_are_right"),
    (
        implied.uncross,
        "_quotes(after, first.terms, profile)",
        "[quote(after, symbol, side)]",
        "nothing_implied_remains",
    ),
    (implied._meets_implied, "_quotes(books, order, profile)", "[None]", "post_only_never_takes"),
]


@pytest.mark.parametrize(("place", "right", "wrong", "name"), DEFECTS, ids=lambda it: getattr(it, "__name__", None))
def test_l3_the_invariants_notice_a_defect_planted_in_the_oracle(
    place: Any, right: str, wrong: str, name: str, plant: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = plant(place, right, wrong)
    if place.__name__ == "chains_of":
        monkeypatch.setattr(implied, "_cached_chains", made)
    books = LISTINGS["a chain"]
    assert any(name in first_breach(case(number, books), books) for number in range(400))


def first_breach(commands: Sequence[Command], books: tuple[Instrument, ...]) -> set[str]:
    """The invariants that the first wrong step breaks; empty when no step is wrong."""
    state = opening(books, SECOND)
    for command in commands:
        after, events = step(state, command)
        breaches = broken(state, command, events, after)
        if breaches:
            return {breach.invariant for breach in breaches}
        state = after
    return set()
