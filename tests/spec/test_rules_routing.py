"""Rule L5: one order over several books with interchangeable quotes. Every scenario is held to the engines too."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from bookproof.engine.striped import StripedEngine
from bookproof.models.engines_by_name import factory
from bookproof.models.generate.features import Feature, alone
from bookproof.models.generate.soak import soak_case
from bookproof.models.sequential.differential import compare
from bookproof.spec import codec, routing
from bookproof.spec.commands import Command, Halt, Route, Submit
from bookproof.spec.events import Accepted, Cancelled, Event, Prevented, Rejected, Trade, Triggered
from bookproof.spec.exchange import opening, run, status, step
from bookproof.spec.input_error import InputError
from bookproof.spec.instruments import Instrument, listing
from bookproof.spec.invariants import broken
from bookproof.spec.profile import DEFAULT
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import SelfTradePrevention, Side, TimeInForce

if TYPE_CHECKING:
    from tests.spec.conftest import Floor

BUY, SELL = Side.BUY, Side.SELL
POOL = (
    Instrument("ABC", group="pool"),
    Instrument("DEF"),
    Instrument("GHI", group="pool"),
    Instrument("XYZ", group="pool"),
)
IOC, FOK = TimeInForce.IOC, TimeInForce.FOK


def route(pool: Floor, side: Side, order_id: int, quantity: int, price: int | None = None, **terms: Any) -> None:
    """A routed order, in ABC unless another book is named, of an account of its own unless one is."""
    symbol, account = terms.pop("symbol", "ABC"), terms.pop("account", 100 + order_id)
    pool.do(Route(Submit(symbol, order_id, account, side, quantity, price, **terms)))


def fills(pool: Floor) -> list[tuple[str, int, int, int]]:
    """Book, maker, price and quantity of each fill of the last command."""
    return [(e.symbol, e.maker, e.price, e.quantity) for e in pool.events if isinstance(e, Trade)]


@pytest.fixture
def pool(open_floor: Callable[..., Floor], monkeypatch: pytest.MonkeyPatch) -> Iterator[Floor]:
    """ABC, GHI and XYZ have interchangeable quotes, DEF stands alone. In the end the engines have to agree with all."""
    floor = open_floor(*POOL)
    done: list[Command] = []
    do = floor.do

    def recorded(command: Command) -> tuple[Event, ...]:
        done.append(command)
        return do(command)

    monkeypatch.setattr(floor, "do", recorded)
    yield floor
    for engine in ("striped", "global-lock"):
        assert compare(factory(engine), POOL, DEFAULT, done) is None


def test_l5_price_goes_before_book_and_each_fill_is_in_the_makers_book_at_its_price(pool: Floor) -> None:
    pool.sell(1, 5, 102)
    pool.sell(2, 5, 100, symbol="XYZ")
    pool.sell(3, 5, 101, symbol="GHI")
    route(pool, BUY, 9, 12, 102)
    assert pool.events == (
        Accepted("ABC", 9, BUY, 102, 12),
        Trade("XYZ", 100, 5, 2, 9),
        Trade("GHI", 101, 5, 3, 9),
        Trade("ABC", 102, 2, 1, 9),
    )


@pytest.mark.parametrize(("home", "turn"), [("ABC", "ABC GHI XYZ"), ("GHI", "GHI ABC XYZ"), ("XYZ", "XYZ ABC GHI")])
def test_l5_of_equal_prices_the_orders_own_book_comes_first_then_listing_order(
    pool: Floor, home: str, turn: str
) -> None:
    for number, symbol in enumerate(("XYZ", "GHI", "ABC")):
        pool.buy(number, 1, 100, symbol=symbol)
    route(pool, SELL, 9, 3, 100, symbol=home)
    assert [symbol for symbol, *_ in fills(pool)] == turn.split()


def test_l5_a_level_is_taken_whole_with_its_refreshed_slices_before_the_same_price_elsewhere(pool: Floor) -> None:
    pool.sell(1, 3, 100, display=1)
    pool.sell(2, 2, 100)
    pool.sell(3, 4, 100, display=0)
    pool.sell(4, 5, 100, symbol="GHI")
    route(pool, BUY, 9, 10, 100)
    own = [("ABC", 1, 100, 1), ("ABC", 2, 100, 2), ("ABC", 1, 100, 1), ("ABC", 1, 100, 1), ("ABC", 3, 100, 4)]
    assert fills(pool) == [*own, ("GHI", 4, 100, 1)]


def test_l5_a_book_outside_the_group_is_left_alone(pool: Floor) -> None:
    pool.sell(1, 5, 90, symbol="DEF")
    route(pool, BUY, 9, 5, 100)
    assert (fills(pool), pool.bids()) == ([], [(9, 5, 5)])


def test_l5_what_is_left_rests_in_the_orders_own_book_with_all_it_executed(pool: Floor) -> None:
    pool.sell(1, 4, 100, symbol="XYZ")
    route(pool, BUY, 9, 10, 100, symbol="GHI", display=2)
    assert (pool.bids("GHI"), pool.bids("XYZ")) == ([(9, 2, 6)], [])
    seen = status(pool.state, "GHI", 9)
    assert seen is not None
    assert (seen.executed, seen.leaves) == (4, 6)


@pytest.mark.parametrize(
    ("price", "lives", "reason"),
    [(100, IOC, CancelReason.IMMEDIATE), (None, TimeInForce.GTC, CancelReason.MARKET)],
)
def test_l5_what_may_not_rest_is_cancelled_when_every_book_has_given_what_it_can(
    pool: Floor, price: int | None, lives: TimeInForce, reason: CancelReason
) -> None:
    pool.sell(1, 4, 100, symbol="XYZ")
    pool.sell(2, 1, 99, symbol="GHI")
    route(pool, BUY, 9, 10, price, time_in_force=lives)
    assert (len(fills(pool)), pool.cancels) == (2, [(9, 5, reason)])


def test_l5_fill_or_kill_and_minimum_count_the_whole_group(pool: Floor) -> None:
    pool.sell(1, 4, 100, symbol="XYZ", display=1)
    pool.sell(2, 3, 101)
    route(pool, BUY, 7, 8, 101, time_in_force=FOK)
    assert (fills(pool), pool.cancels) == ([], [(7, 8, CancelReason.KILLED)])
    route(pool, BUY, 8, 9, 101, min_quantity=8)
    assert (fills(pool), pool.cancels) == ([], [(8, 9, CancelReason.MIN_QUANTITY)])
    route(pool, BUY, 9, 7, 101, time_in_force=FOK)
    assert sum(quantity for *_, quantity in fills(pool)) == 7


def test_l5_a_market_order_finds_its_liquidity_anywhere_in_the_group(pool: Floor) -> None:
    route(pool, BUY, 8, 5)
    assert pool.reason is RejectReason.NO_LIQUIDITY
    pool.sell(1, 5, 100, symbol="XYZ")
    route(pool, BUY, 9, 5)
    assert fills(pool) == [("XYZ", 1, 100, 5)]


def test_l5_a_halted_book_is_passed_by_and_an_own_halt_refuses_the_order(pool: Floor) -> None:
    pool.sell(1, 5, 99, symbol="GHI")
    pool.sell(2, 5, 100, symbol="XYZ")
    pool.do(Halt("GHI"))
    route(pool, BUY, 9, 3, 100)
    assert fills(pool) == [("XYZ", 2, 100, 3)]
    route(pool, BUY, 10, 3, 100, symbol="GHI")
    assert pool.reason is RejectReason.BOOK_HALTED


def test_l5_prevention_acts_in_whatever_book_the_own_order_stands(pool: Floor) -> None:
    numbers = iter(range(100, 110))

    def own_asks() -> None:
        pool.sell(next(numbers), 5, 99, symbol="XYZ", account=7)

    pool.sell(1, 9, 100, symbol="GHI")
    own_asks()
    route(pool, BUY, 20, 5, 100, account=7, self_trade=SelfTradePrevention.CANCEL_TAKER)
    assert (fills(pool), pool.cancels) == ([], [(20, 5, CancelReason.SELF_TRADE)])
    route(pool, BUY, 21, 8, 100, account=7, self_trade=SelfTradePrevention.DECREMENT)
    assert [(e.symbol, e.quantity) for e in pool.events if isinstance(e, Prevented)] == [("XYZ", 5)]
    assert fills(pool) == [("GHI", 1, 100, 3)]
    own_asks()
    route(pool, BUY, 22, 2, 100, account=7, self_trade=SelfTradePrevention.CANCEL_MAKER)
    assert (fills(pool), len(pool.cancels)) == ([("GHI", 1, 100, 2)], 1)
    own_asks()
    route(pool, BUY, 23, 2, 100, account=7, self_trade=SelfTradePrevention.CANCEL_BOTH)
    assert (fills(pool), len(pool.cancels)) == ([], 2)
    own_asks()
    route(pool, BUY, 24, 5, 100, account=7, self_trade=SelfTradePrevention.DECREMENT)
    assert pool.cancels[-1] == (24, 0, CancelReason.SELF_TRADE)


def test_l5_stops_of_every_touched_book_are_triggered_afterwards_in_listing_order(pool: Floor) -> None:
    pool.buy(2, 1, 90, stop=100, symbol="XYZ")
    pool.buy(3, 1, 90, stop=101)
    pool.sell(4, 5, 100, symbol="XYZ")
    pool.sell(5, 5, 101)
    route(pool, BUY, 9, 10, 101, symbol="GHI")
    assert [type(event) for event in pool.events] == [Accepted, Trade, Trade, Triggered, Triggered]
    assert pool.triggered == [3, 2]


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({"stop": 100}, RejectReason.INVALID_COMBINATION),
        ({"post_only": True}, RejectReason.INVALID_COMBINATION),
        ({"post_only": True, "min_quantity": 99}, RejectReason.INVALID_COMBINATION),
        ({"stop": -1}, RejectReason.INVALID_STOP),
        ({"min_quantity": 99}, RejectReason.INVALID_MIN_QUANTITY),
        ({"symbol": "?"}, RejectReason.UNKNOWN_SYMBOL),
    ],
    ids=str,
)
def test_l5_an_order_that_cannot_be_routed_is_refused(pool: Floor, terms: dict[str, Any], reason: RejectReason) -> None:
    route(pool, BUY, 9, 5, 100, **terms)
    assert pool.events == (Rejected(terms.get("symbol", "ABC"), 9, reason),)


def test_l5_in_a_book_without_a_group_a_routed_order_is_a_plain_one() -> None:
    for number in range(60):
        case = soak_case(3, number, alone(Feature.FOK) | alone(Feature.ICEBERG) | alone(Feature.SELF_TRADE))
        routed = [Route(command) if isinstance(command, Submit) else command for command in case.commands]
        start = opening(case.instruments)
        assert run(start, routed) == run(start, case.commands)
        assert compare(factory("striped"), case.instruments, DEFAULT, routed) is None


def test_l5_books_of_one_group_must_have_one_grid() -> None:
    odd = (Instrument("ABC", group="pool"), Instrument("XYZ", tick=5, group="pool"))
    with pytest.raises(ValueError, match="another tick or lot"):
        opening(odd)
    with pytest.raises(ValueError, match="another tick or lot"):
        StripedEngine(odd)
    with pytest.raises(InputError, match="books that fit together"):
        codec.encode(codec.Header(codec.COMMAND, odd))


def test_l5_thousands_of_routed_orders_are_the_same_in_the_engine_and_break_no_invariant() -> None:
    elsewhere = 0
    for number in range(120):
        case = soak_case(5, number, alone(Feature.ROUTING))
        assert compare(factory("striped"), case.instruments, DEFAULT, case.commands, invariants=True) is None
        state = opening(case.instruments)
        for command in case.commands:
            state, events = step(state, command)
            if isinstance(command, Route):
                elsewhere += any(isinstance(e, Trade) and e.symbol != command.order.symbol for e in events)
    assert elsewhere > 60


# ── the invariant can fail ──

ASKS = [
    Submit("XYZ", 1, 1, SELL, 5, 100),
    Submit("ABC", 2, 2, SELL, 5, 101),
    Submit("GHI", 3, 3, SELL, 5, 101),
]
ROUTED = Route(Submit("GHI", 9, 9, BUY, 12, 101))
FILLS = (Trade("XYZ", 100, 5, 1, 9), Trade("GHI", 101, 5, 3, 9), Trade("ABC", 101, 2, 2, 9))
ACCEPTED = Accepted("GHI", 9, BUY, 101, 12)


@pytest.mark.parametrize(
    ("what", "order", "events"),
    [
        ("a worse price first", ROUTED, (ACCEPTED, FILLS[1], FILLS[0], FILLS[2])),
        ("another book before its own", ROUTED, (ACCEPTED, FILLS[0], FILLS[2]._replace(quantity=5), FILLS[1])),
        ("stops early", ROUTED, (ACCEPTED, *FILLS[:2])),
        ("not in the group", ROUTED, (ACCEPTED, FILLS[0]._replace(symbol="DEF"), *FILLS[1:])),
        (
            "killed without need",
            Route(ROUTED.order._replace(time_in_force=FOK)),
            (ACCEPTED, Cancelled("GHI", 9, BUY, 101, 12, CancelReason.KILLED)),
        ),
        (
            "cancelled for an own order that is not there",
            Route(ROUTED.order._replace(self_trade=SelfTradePrevention.CANCEL_TAKER)),
            (ACCEPTED, FILLS[0], Cancelled("GHI", 9, BUY, 101, 7, CancelReason.SELF_TRADE)),
        ),
    ],
    ids=lambda it: it.replace(" ", "-") if isinstance(it, str) else "",
)
def test_l5_the_invariant_refutes_a_route_made_wrong(what: str, order: Route, events: tuple[Event, ...]) -> None:
    before, _ = run(opening(POOL), ASKS)
    after, right = step(before, ROUTED)
    assert right == (ACCEPTED, *FILLS)
    assert broken(before, ROUTED, right, after) == []
    assert "routes_take_the_best_level" in {breach.invariant for breach in broken(before, order, events, after)}


DEFECTS = [
    ("key=lambda book: book.side(opposite).first.key", "key=lambda book: -book.side(opposite).first.key"),
    ("while leaves > 0 and not ended:", "while leaves > 0 and not ended and not meetings:"),
    ("for book in books.values() if kernel", "for book in reversed(books.values()) if kernel"),
    ("for book in books.values() if kernel", "for book in [books[order.symbol]] if kernel"),
]


@pytest.mark.parametrize(("right", "wrong"), DEFECTS)
def test_l5_the_invariant_notices_a_defect_planted_in_the_oracle(
    right: str, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = inspect.getsource(routing._take)
    assert right in source
    defect = source.replace(right, wrong)
    made: dict[str, Callable[..., Any]] = {}
    exec(compile(f"from __future__ import annotations\n{defect}", "defect", "exec"), vars(routing), made)
    monkeypatch.setattr(routing, "_take", made["_take"])
    noticed = set()
    for number in range(40):
        case = soak_case(5, number, alone(Feature.ROUTING))
        state = opening(case.instruments)
        for command in case.commands:
            before = state
            state, events = step(state, command)
            noticed |= {breach.invariant for breach in broken(before, command, events, state)}
    assert "routes_take_the_best_level" in noticed


def test_l5_a_listing_without_groups_has_no_flaw() -> None:
    assert opening(listing(["ABC", "XYZ"])).books.keys() == {"ABC", "XYZ"}


def test_l5_a_book_in_no_group_takes_a_routed_order_as_any_other_within_its_collar() -> None:
    books = (Instrument("ABC", collar=2), Instrument("DEF"))
    before: list[Command] = [
        Submit("ABC", 1, 1, SELL, 5, 100),
        Submit("ABC", 2, 2, BUY, 1, 100),
        Submit("ABC", 3, 3, SELL, 5, 104),
    ]
    taker = Submit("ABC", 4, 4, BUY, 9, 105)
    assert run(opening(books), [*before, Route(taker)])[1] == run(opening(books), [*before, taker])[1]
    for engine in ("striped", "global-lock"):
        assert compare(factory(engine), books, DEFAULT, [*before, Route(taker)]) is None
