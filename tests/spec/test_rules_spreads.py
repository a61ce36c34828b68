"""Rules L1 to L3: spreads, and what they and their legs imply. Every scenario is held to the engines too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from bookproof.engine.striped import StripedEngine
from bookproof.models.engines_by_name import factory
from bookproof.models.generate.features import Feature, alone
from bookproof.models.generate.soak import soak_case
from bookproof.models.generate.venues import VENUES
from bookproof.models.sequential.differential import compare
from bookproof.spec import codec, implied
from bookproof.spec.commands import Basket, Command, Halt, Leg, Replace, Resume, Submit
from bookproof.spec.events import Accepted, Event, ImpliedLeg, ImpliedTrade, Rejected, Resumed, Trade, Triggered
from bookproof.spec.exchange import Exchange, opening, queue, run, status, step
from bookproof.spec.exchange import implied as implied_quotes
from bookproof.spec.input_error import InputError
from bookproof.spec.instruments import Instrument, listing
from bookproof.spec.invariants import broken
from bookproof.spec.profile import DEFAULT, Risk
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import Phase, SelfTradePrevention, Side, TimeInForce
from bookproof.spec.views import ImpliedQuote, ImpliedQuotes, depth_of

if TYPE_CHECKING:
    from tests.spec.conftest import Floor

BUY, SELL = Side.BUY, Side.SELL
IOC, FOK = TimeInForce.IOC, TimeInForce.FOK


def spread(first: str, second: str) -> Instrument:
    return Instrument(f"{first}-{second}", min_price=-1000, legs=(first, second))


BOOKS = (*listing(["A", "B"]), spread("A", "B"))
CHAIN = (*listing(["A", "B", "C"]), spread("A", "B"), spread("B", "C"))


def floors(open_floor: Callable[..., Floor], books: Sequence[Instrument], done: list[Command]) -> Floor:
    floor = open_floor(*books)
    do = floor.do

    def recorded(command: Command) -> tuple[Event, ...]:
        done.append(command)
        return do(command)

    vars(floor)["do"] = recorded
    return floor


@pytest.fixture
def trio(open_floor: Callable[..., Floor]) -> Iterator[Floor]:
    """A, B and the spread A-B. In the end both engines have to agree with all that was done."""
    done: list[Command] = []
    yield floors(open_floor, BOOKS, done)
    for engine in ("striped", "global-lock"):
        assert compare(factory(engine), BOOKS, DEFAULT, done) is None


@pytest.fixture
def chain(open_floor: Callable[..., Floor]) -> Iterator[Floor]:
    """A, B, C and the spreads A-B and B-C, which share a leg and so are one family."""
    done: list[Command] = []
    yield floors(open_floor, CHAIN, done)
    for engine in ("striped", "global-lock"):
        assert compare(factory(engine), CHAIN, DEFAULT, done) is None


def traded(floor: Floor) -> list[Trade | ImpliedTrade]:
    return [event for event in floor.events if isinstance(event, Trade | ImpliedTrade)]


def quotes(floor: Floor, symbol: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    found = implied_quotes(floor.state, symbol)
    both = [[(quote.price, quote.quantity) for quote in side] for side in (found.bids, found.asks)]
    return both[0], both[1]


# ── L1: a book of its own ──


def test_l1_a_spread_trades_in_a_book_of_its_own_at_any_sign_of_price(trio: Floor) -> None:
    trio.sell(1, 5, -3, symbol="A-B")
    trio.buy(2, 3, 0, symbol="A-B")
    assert traded(trio) == [Trade("A-B", -3, 3, 1, 2)]
    assert (trio.asks("A"), trio.asks("B")) == ([], [])


@pytest.mark.parametrize(
    ("books", "why"),
    [
        ([*listing(["A"]), spread("A", "A")], "two different legs"),
        ([*listing(["A", "B"]), Instrument("S", legs=("A",))], "two different legs"),
        ([*listing(["A"]), spread("A", "B")], "not listed"),
        ([*BOOKS, spread("A", "A-B")], "a spread itself"),
        ([Instrument("A", tick=5), *BOOKS[1:]], "another tick or lot than its leg 'A'"),
        ([BOOKS[0], Instrument("B", group="pool"), BOOKS[2]], "no group"),
    ],
)
def test_l1_a_spread_is_listed_with_two_outrights_of_one_grid_or_not_at_all(books: list[Instrument], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        opening(books)
    with pytest.raises(ValueError, match=why):
        StripedEngine(books)
    with pytest.raises(InputError, match=why):
        codec.encode(codec.Header(codec.COMMAND, tuple(books)))


def test_l1_spreads_that_share_legs_are_of_one_family_however_they_are_listed() -> None:
    apart = [*listing(["A", "B", "C", "D", "E"]), spread("A", "B"), spread("C", "D")]
    together = [*apart, spread("B", "C")]
    assert opening(apart).families["A"] == ("A", "B", "A-B")
    assert set(opening(together).families.values()) == {("A", "B", "C", "D", "A-B", "C-D", "B-C")}
    assert "E" not in opening(together).families


# ── L2: what is implied, and how it trades ──


def test_l2_implied_in_the_legs_make_quotes_in_the_spread_beside_its_own_depth(trio: Floor) -> None:
    trio.sell(1, 5, 103, symbol="A")
    trio.buy(2, 7, 101, symbol="A")
    trio.sell(3, 4, 99, symbol="B")
    trio.buy(4, 9, 98, symbol="B")
    assert quotes(trio, "A-B") == ([(2, 4)], [(5, 5)])
    assert depth_of(queue(trio.state, "A-B")).bids == ()


def test_l2_implied_in_a_spread_order_trades_with_both_legs_in_one_step(trio: Floor) -> None:
    trio.sell(1, 5, 103, symbol="A")
    trio.buy(2, 9, 98, symbol="B")
    trio.buy(3, 8, 6, symbol="A-B")
    legs = (ImpliedLeg("A", 103, 1), ImpliedLeg("B", 98, 2))
    assert trio.events == (Accepted("A-B", 3, BUY, 6, 8), ImpliedTrade("A-B", 5, 5, 3, legs))
    assert (trio.asks("A"), trio.bids("B"), trio.bids("A-B")) == ([], [(2, 4, 4)], [(3, 3, 3)])
    seen = status(trio.state, "A-B", 3)
    assert seen is not None
    assert (seen.executed, seen.leaves) == (5, 3)


@pytest.mark.parametrize(
    ("resting", "taker", "price", "legs"),
    [
        # buy A: from the sellers of A-B and of B
        ([("A-B", SELL, 4), ("B", SELL, 99)], ("A", BUY, 105), 103, (("B", 99), ("A-B", 4))),
        ([("A-B", BUY, 4), ("B", BUY, 99)], ("A", SELL, 100), 103, (("B", 99), ("A-B", 4))),
        # buy B: from the sellers of A and the buyers of A-B
        ([("A-B", BUY, 4), ("A", SELL, 103)], ("B", BUY, 99), 99, (("A", 103), ("A-B", 4))),
        ([("A-B", SELL, 4), ("A", BUY, 103)], ("B", SELL, 99), 99, (("A", 103), ("A-B", 4))),
        ([("A", BUY, 103), ("B", SELL, 99)], ("A-B", SELL, 4), 4, (("A", 103), ("B", 99))),
    ],
)
def test_l2_implied_out_an_outright_trades_with_the_spread_and_the_other_leg(
    trio: Floor,
    resting: list[tuple[str, Side, int]],
    taker: tuple[str, Side, int],
    price: int,
    legs: tuple[tuple[str, int], ...],
) -> None:
    for number, (symbol, side, at) in enumerate(resting):
        trio.do(Submit(symbol, number, number, side, 5, at))
    symbol, side, limit = taker
    trio.do(Submit(symbol, 9, 9, side, 2, limit))
    [trade] = traded(trio)
    assert isinstance(trade, ImpliedTrade)
    assert (trade.symbol, trade.price, trade.quantity) == (symbol, price, 2)
    assert tuple((leg.symbol, leg.price) for leg in trade.legs) == legs


def test_l2_an_implied_trade_is_the_last_trade_of_all_three_books_and_triggers_their_stops(trio: Floor) -> None:
    trio.buy(1, 1, stop=103, symbol="A")
    trio.sell(2, 1, stop=98, symbol="B")
    trio.buy(3, 1, 9, stop=5, symbol="A-B")
    trio.sell(4, 5, 103, symbol="A")
    trio.buy(5, 5, 98, symbol="B")
    trio.buy(6, 1, 6, symbol="A-B")
    assert [book.last_price for book in trio.state.books.values()][:2] == [103, 98]
    assert trio.triggered == [1, 2, 3]
    assert [type(event) for event in trio.events] == [
        Accepted,
        ImpliedTrade,
        Triggered,
        Trade,
        Triggered,
        Trade,
        Triggered,
        ImpliedTrade,
    ]


def test_l2_icebergs_give_slice_by_slice_and_hidden_orders_take_part_unseen(trio: Floor) -> None:
    trio.sell(1, 5, 103, symbol="A", display=2)
    trio.buy(2, 9, 98, symbol="B", display=0)
    assert quotes(trio, "A-B") == ([], [])
    trio.buy(3, 5, 5, symbol="A-B")
    assert [trade.quantity for trade in traded(trio)] == [2, 2, 1]


def test_l2_fill_or_kill_and_minimum_count_what_is_implied(trio: Floor) -> None:
    trio.sell(1, 5, 103, symbol="A", display=2)
    trio.buy(2, 9, 98, symbol="B")
    trio.sell(3, 2, 4, symbol="A-B")
    trio.buy(7, 8, 5, symbol="A-B", time_in_force=FOK)
    assert (traded(trio), trio.cancels) == ([], [(7, 8, CancelReason.KILLED)])
    trio.buy(8, 9, 5, symbol="A-B", min_quantity=8)
    assert (traded(trio), trio.cancels) == ([], [(8, 9, CancelReason.MIN_QUANTITY)])
    trio.buy(9, 7, 5, symbol="A-B", time_in_force=FOK)
    assert sum(trade.quantity for trade in traded(trio)) == 7


def test_l2_a_market_order_may_live_on_what_is_implied_alone(trio: Floor) -> None:
    trio.sell(1, 5, 103, symbol="A")
    trio.buy(2, 9, symbol="A-B")
    assert trio.reason is RejectReason.NO_LIQUIDITY
    trio.buy(3, 5, 98, symbol="B")
    trio.buy(4, 9, symbol="A-B")
    assert (len(traded(trio)), trio.cancels) == (1, [(4, 4, CancelReason.MARKET)])


def test_l2_a_post_only_order_may_not_take_what_is_implied(trio: Floor) -> None:
    trio.sell(1, 5, 103, symbol="A")
    trio.buy(2, 5, 98, symbol="B")
    trio.buy(3, 5, 5, symbol="A-B", post_only=True)
    assert trio.reason is RejectReason.WOULD_TAKE
    trio.buy(4, 5, 4, symbol="A-B", post_only=True)
    assert trio.reason is None


def test_l2_a_replaced_order_meets_what_is_implied_as_a_new_one_would(trio: Floor) -> None:
    trio.sell(1, 5, 103, symbol="A")
    trio.buy(2, 5, 98, symbol="B")
    trio.buy(3, 5, 4, symbol="A-B")
    trio.do(Replace("A-B", 3, 6, 5))
    assert [trade.price for trade in traded(trio)] == [5]
    assert trio.bids("A-B") == [(3, 1, 1)]


def test_l2_prevention_is_not_applied_to_implied_trades(trio: Floor) -> None:
    trio.sell(1, 5, 103, symbol="A", account=7)
    trio.buy(2, 5, 98, symbol="B", account=7)
    trio.buy(3, 5, 5, symbol="A-B", account=7, self_trade=SelfTradePrevention.CANCEL_BOTH)
    assert [type(trade) for trade in traded(trio)] == [ImpliedTrade]


def test_l2_the_legs_of_a_basket_take_orders_of_their_own_books_only(trio: Floor) -> None:
    trio.sell(1, 5, 103, symbol="A")
    trio.buy(2, 5, 98, symbol="B")
    trio.sell(3, 5, 9, symbol="A-B")
    trio.do(Basket(7, (Leg("A-B", 4, BUY, 2, 9),)))
    assert traded(trio) == [Trade("A-B", 9, 2, 3, 4)]


# ── L3: who goes first, and when there is nothing ──


def test_l3_orders_of_the_own_book_go_before_what_is_implied_at_the_same_price_and_after_a_better_one(
    trio: Floor,
) -> None:
    trio.sell(1, 2, 103, symbol="A")
    trio.sell(2, 5, 104, symbol="A")
    trio.buy(3, 9, 98, symbol="B")
    trio.sell(4, 3, 6, symbol="A-B")  # at the price implied by order 2, and later than it
    trio.buy(9, 7, 6, symbol="A-B")
    assert [(type(trade), trade.price, trade.quantity) for trade in traded(trio)] == [
        (ImpliedTrade, 5, 2),
        (Trade, 6, 3),
        (ImpliedTrade, 6, 2),
    ]


def test_l3_of_two_spreads_the_better_quote_goes_first_and_of_equal_ones_the_first_listed(chain: Floor) -> None:
    chain.sell(1, 2, 103, symbol="A")
    chain.buy(2, 2, 3, symbol="A-B")  # B offered at 100
    chain.sell(3, 2, 98, symbol="C")
    chain.sell(4, 2, 2, symbol="B-C")  # and here, too
    assert quotes(chain, "B")[1] == [(100, 2), (100, 2)]
    chain.buy(9, 3, 100, symbol="B")
    assert [leg.symbol for trade in traded(chain) if isinstance(trade, ImpliedTrade) for leg in trade.legs] == [
        "A",
        "A-B",
        "C",
        "B-C",
    ]


def test_l3_what_is_implied_implies_nothing_itself(chain: Floor) -> None:
    chain.sell(1, 2, 103, symbol="A")
    chain.buy(2, 2, 3, symbol="A-B")  # implies an offer of B at 100,
    chain.buy(3, 2, 98, symbol="C")  # which with this bid would imply one of B-C at 2
    assert quotes(chain, "B")[1] == [(100, 2)]
    assert quotes(chain, "B-C") == ([], [])


@pytest.mark.parametrize("halt", ["A", "B", "A-B", None])
def test_l3_nothing_is_implied_while_a_book_of_the_family_is_halted(trio: Floor, halt: str | None) -> None:
    trio.sell(1, 5, 103, symbol="A")
    trio.buy(2, 5, 98, symbol="B")
    trio.do(Halt(halt))
    assert quotes(trio, "A-B") == ([], [])
    trio.buy(3, 5, 5, symbol="A-B")
    assert traded(trio) == []


def test_l3_the_end_of_a_halt_lets_spread_orders_take_what_the_legs_imply(trio: Floor) -> None:
    trio.do(Halt("B"))
    trio.buy(1, 3, 6, symbol="A-B", post_only=True)
    trio.buy(2, 3, 5, symbol="A-B")
    trio.sell(3, 5, 103, symbol="A")
    trio.do(Halt())
    trio.do(Resume("B"))
    trio.do(Halt("B"))
    trio.do(Resume())
    assert traded(trio) == []
    trio.do(Resume("B"))
    assert trio.events == (Resumed("B"),)
    trio.do(Halt("A-B"))
    trio.buy(4, 9, 98, symbol="B")
    trio.do(Resume("A-B"))
    assert [event for event in trio.events if isinstance(event, ImpliedTrade)] == [
        ImpliedTrade("A-B", 5, 3, 1, (ImpliedLeg("A", 103, 3), ImpliedLeg("B", 98, 4))),
        ImpliedTrade("A-B", 5, 2, 2, (ImpliedLeg("A", 103, 3), ImpliedLeg("B", 98, 4))),
    ]
    assert trio.bids("A-B") == [(2, 1, 1)]


def test_l3_the_end_of_a_market_halt_does_so_in_every_family(trio: Floor) -> None:
    trio.do(Halt("A"))
    trio.sell(1, 5, 4, symbol="A-B")
    trio.sell(2, 5, 99, symbol="B")
    trio.do(Halt())
    trio.do(Resume("A"))
    trio.do(Resume())
    trio.buy(3, 5, 103, symbol="A")
    assert [type(trade) for trade in traded(trio)] == [ImpliedTrade]


def test_l3_a_book_that_is_part_of_no_spread_has_no_implied_quotes() -> None:
    books = (*BOOKS, Instrument("Z"))
    assert implied_quotes(opening(books), "Z") == ImpliedQuotes((), ())
    assert StripedEngine(books).implied("Z") == ImpliedQuotes((), ())
    with pytest.raises(KeyError):
        StripedEngine(books).implied("?")
    assert codec.decode(codec.encode(ImpliedQuote("A-B", -3, 5)), codec.VIEW) == ImpliedQuote("A-B", -3, 5)


# ── thousands ──


@pytest.mark.parametrize(
    "extra", [None, Feature.STOPS, Feature.ICEBERG, Feature.FOK, Feature.REPLACE, Feature.SELF_TRADE]
)
def test_l2_thousands_of_commands_are_the_same_in_the_engine_and_break_no_invariant(extra: Feature | None) -> None:
    features = alone(Feature.SPREADS) | (alone(extra) if extra else frozenset())
    happened = 0
    for number in range(40):
        case = soak_case(6, number, features)
        # As they are with spreads, which know the usual choice only of some settings.
        venues = [venue.together() for venue in VENUES.values() if venue.risk is Risk.NONE]
        profile = venues[number % len(venues)]
        assert compare(factory("striped"), case.instruments, profile, case.commands, invariants=True) is None
        _, events = run(opening(case.instruments, profile), case.commands)
        happened += sum(isinstance(event, ImpliedTrade) for event in events)
    assert happened > 20


def test_l3_thousands_of_commands_around_halts_are_the_same_in_the_engine_and_break_no_invariant() -> None:
    uncrossed = 0
    for number in range(150):
        case = soak_case(9, number, alone(Feature.SPREADS) | alone(Feature.STOPS))
        commands = list(case.commands)
        which = (None, "DEF", "ABC-DEF")[number % 3]
        commands.insert(len(commands) // 4, Halt(which))
        commands.insert(len(commands) - 2, Resume(which))
        assert compare(factory("striped"), case.instruments, DEFAULT, commands, invariants=True) is None
        state = opening(case.instruments)
        for command in commands:
            state, events = step(state, command)
            uncrossed += isinstance(command, Resume) and any(isinstance(event, ImpliedTrade) for event in events)
    assert uncrossed > 3


# ── the invariants can fail ──

RESTING = [
    Submit("A", 1, 1, SELL, 5, 103),
    Submit("B", 2, 2, BUY, 5, 98),
    Submit("A-B", 3, 3, SELL, 5, 6),
    Submit("A", 4, 4, SELL, 5, 104),
]
TAKER = Submit("A-B", 9, 9, BUY, 6, 6)
LEGS = (ImpliedLeg("A", 103, 1), ImpliedLeg("B", 98, 2))
RIGHT = (Accepted("A-B", 9, BUY, 6, 6), ImpliedTrade("A-B", 5, 5, 9, LEGS), Trade("A-B", 6, 1, 3, 9))


def with_phase(state: Exchange, symbol: str) -> Exchange:
    book = state.books[symbol]._replace(phase=Phase.HALT)
    return state._replace(books={**state.books, symbol: book})


def say(*events: Event) -> Callable[[Exchange, Exchange], tuple[Exchange, tuple[Event, ...], Exchange]]:
    return lambda before, after: (before, events, after)


@pytest.mark.parametrize(
    ("invariant", "what", "doctor"),
    [
        ("implied_trades_are_right", "another price", say(RIGHT[0], RIGHT[1]._replace(price=4), RIGHT[2])),
        ("implied_trades_are_right", "passed over", say(RIGHT[0], Trade("A-B", 6, 5, 3, 9))),
        (
            "implied_trades_are_right",
            "before its own book",
            say(RIGHT[0], ImpliedTrade("A-B", 6, 5, 9, (ImpliedLeg("A", 104, 4), LEGS[1]))),
        ),
        ("implied_trades_are_right", "no spread", say(RIGHT[0], RIGHT[1]._replace(legs=LEGS[::-1]))),
        (
            "implied_trades_are_right",
            "one side",
            say(RIGHT[0], ImpliedTrade("B", 97, 5, 9, (LEGS[0], ImpliedLeg("A-B", 6, 3)))),
        ),
        (
            "implied_trades_are_right",
            "in a halt",
            lambda before, after: (with_phase(before, "A"), RIGHT, after),
        ),
        ("nothing_implied_remains", "it does", lambda before, after: (after, (), restored(after, before))),
        (
            "conservation",
            "a leg is passed by",
            say(RIGHT[0], RIGHT[1]._replace(legs=(LEGS[0]._replace(maker=4), LEGS[1]))),
        ),
        ("conservation", "more than there is", say(RIGHT[0], RIGHT[1]._replace(quantity=6))),
        (
            "conservation",
            "who is not there",
            say(RIGHT[0], RIGHT[1]._replace(legs=(LEGS[0]._replace(maker=8), LEGS[1]))),
        ),
        ("conservation", "more than it wants", say(RIGHT[0], RIGHT[1], RIGHT[1])),
        (
            "last_price_is_the_last_trade",
            "of a leg",
            say(RIGHT[0], RIGHT[1]._replace(legs=(LEGS[0]._replace(price=1), LEGS[1]))),
        ),
    ],
    ids=lambda it: it.replace(" ", "-") if isinstance(it, str) else "",
)
def test_l2_the_invariants_refute_an_implied_trade_made_wrong(
    invariant: str, what: str, doctor: Callable[[Exchange, Exchange], tuple[Exchange, tuple[Event, ...], Exchange]]
) -> None:
    before, _ = run(opening(BOOKS), RESTING)
    after, events = step(before, TAKER)
    assert events == RIGHT
    assert broken(before, TAKER, events, after) == []
    wrong_before, wrong_events, wrong_after = doctor(before, after)
    assert invariant in {breach.invariant for breach in broken(wrong_before, TAKER, wrong_events, wrong_after)}


def restored(after: Exchange, before: Exchange) -> Exchange:
    """The taker rests, and the legs are as they were: all three could trade."""
    book = after.books["A-B"]
    resting, _ = step(opening(BOOKS), TAKER)
    mine = book._replace(bids=resting.books["A-B"].bids, asks=type(book.asks)())
    return before._replace(books={**before.books, "A-B": mine})


DEFECTS: list[tuple[Any, str, str, str]] = [
    (implied._take, "makers.first.key <= best.key)", "makers.first.key < best.key)", "implied_trades_are_right"),
    (implied._take, "elif best is not None and best.key <= reach:", "elif False:", "nothing_implied_remains"),
    (implied._take, "leaves -= quantity", "leaves -= 0", "conservation"),
    (implied._trade, "_replace(last_price=best.price)", "_replace()", "last_price_is_the_last_trade"),
    (implied._best, "taker.opposite if part.weight > 0 else taker", "taker.opposite", "implied_trades_are_right"),
    (implied.is_on, "book.phase is Phase.CONTINUOUS", "True", "implied_trades_are_right"),
    (implied._best, "min(quotes, default=None)", "max(quotes, default=None)", "nothing_implied_remains"),
    (implied.uncross, "if book.instrument.legs", "if False", "nothing_implied_remains"),
    (implied.cascade, "for symbol, book in after.items():", "for symbol, book in [*after.items()][:1]:", "no_due_stop"),
]


@pytest.mark.parametrize(("place", "right", "wrong", "name"), DEFECTS, ids=lambda it: getattr(it, "__name__", None))
def test_l2_the_invariants_notice_a_defect_planted_in_the_oracle(
    place: Any, right: str, wrong: str, name: str, plant: Callable[..., Any]
) -> None:
    plant(place, right, wrong)
    assert any(name in noticed_in(number) for number in range(400))


def noticed_in(number: int) -> set[str]:
    """The invariants that the first wrong step of a case breaks; empty when no step is wrong."""
    case = soak_case(8, number, alone(Feature.SPREADS) | alone(Feature.STOPS))
    state, commands = opening(case.instruments), list(case.commands)
    if number % 2:
        commands.insert(len(commands) // 4, Halt("DEF"))
        commands.insert(len(commands) - 2, Resume("DEF"))
    for command in commands:
        after, events = step(state, command)
        breaches = broken(state, command, events, after)
        if breaches:
            return {breach.invariant for breach in breaches}
        state = after
    return set()


def test_l2_a_refusal_in_a_family_changes_nothing(trio: Floor) -> None:
    trio.sell(1, 5, 103, symbol="A")
    before = trio.state
    trio.sell(1, 5, 103, symbol="A")
    assert trio.events == (Rejected("A", 1, RejectReason.DUPLICATE_ORDER_ID),)
    assert trio.state is before
