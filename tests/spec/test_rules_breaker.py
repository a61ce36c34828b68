"""Rule J6: the market halts when an index falls through a level, and a book with the book that it depends on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from bookproof.spec.commands import (
    Basket,
    Cancel,
    EndOfDay,
    Halt,
    IndexLevel,
    KillSwitch,
    Leg,
    Resume,
    Submit,
    SubmitList,
)
from bookproof.spec.events import (
    AccountBlocked,
    Cancelled,
    Halted,
    IndexMoved,
    PhaseChanged,
    Rejected,
    Trade,
    Triggered,
)
from bookproof.spec.exchange import market, opening, view
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import CollarAction, Profile
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import ListKind, Phase, Side

if TYPE_CHECKING:
    from tests.spec.conftest import FloorAndEngine

    OpenPair = Callable[..., FloorAndEngine]

BUY = Side.BUY
US = Profile("us", breaker_levels=(7, 13, 20))
STOCK, OPTION, OPTION_ON_OPTION = (
    Instrument("ABC", collar=3, reference=100),
    Instrument("DEF", underlying="ABC"),
    Instrument("GHI", underlying="DEF"),
)


def phases(pair: FloorAndEngine) -> str:
    """The phase of every book in listing order, by its first letter."""
    return "".join(view(pair.state, symbol).phase.value[0] for symbol in pair.state.books)


# ── the breaker ──


def test_j6_the_market_halts_in_the_step_in_which_the_index_crosses_a_level(open_pair: OpenPair) -> None:
    pair = open_pair(profile=US)
    assert pair.do(IndexLevel(1000)) == (IndexMoved(1000, 0),)
    assert pair.do(IndexLevel(931)) == (IndexMoved(931, 0),)
    assert pair.do(IndexLevel(930)) == (IndexMoved(930, 1), Halted(None))
    pair.buy(1, 5, 100)
    assert pair.reason is RejectReason.MARKET_HALTED


def test_j6_each_level_halts_once_a_day_and_a_deeper_one_again(open_pair: OpenPair) -> None:
    pair = open_pair(profile=US)
    pair.do(IndexLevel(1000))
    pair.do(IndexLevel(930))
    pair.do(Resume())
    assert pair.do(IndexLevel(950)) == (IndexMoved(950, 1),)
    assert pair.do(IndexLevel(925)) == (IndexMoved(925, 1),)
    assert pair.do(IndexLevel(800)) == (IndexMoved(800, 3), Halted(None)), "two levels at once halt once"


def test_j6_a_level_crossed_while_the_market_is_halted_is_counted_and_halts_nothing_more(open_pair: OpenPair) -> None:
    pair = open_pair(profile=US)
    pair.do(IndexLevel(1000))
    pair.do(Halt())
    assert pair.do(IndexLevel(930)) == (IndexMoved(930, 1),)
    pair.do(Resume())
    assert pair.do(IndexLevel(930)) == (IndexMoved(930, 1),)
    assert phases(pair) == "cc"


def test_j6_a_new_day_begins_at_the_close_with_all_levels_before_it(open_pair: OpenPair) -> None:
    pair = open_pair(profile=US)
    pair.do(IndexLevel(1000))
    pair.do(IndexLevel(930))
    pair.do(EndOfDay())
    shown = market(pair.state)
    assert (shown.index, shown.index_base, shown.breaker_level, shown.halted) == (930, 930, 0, True)
    pair.do(Resume())
    assert pair.do(IndexLevel(865)) == (IndexMoved(865, 0),)
    assert pair.do(IndexLevel(864)) == (IndexMoved(864, 1), Halted(None))


def test_j6_without_levels_the_index_moves_and_nothing_else_does(pair: FloorAndEngine) -> None:
    pair.do(IndexLevel(1000))
    assert pair.do(IndexLevel(1)) == (IndexMoved(1, 0),)
    assert phases(pair) == "cc"


@pytest.mark.parametrize("value", [0, -1, 2**63, True, 1.5, "1", None])
def test_j6_an_index_that_is_none_is_refused(pair: FloorAndEngine, value: int) -> None:
    assert pair.do(IndexLevel(value)) == (Rejected(None, None, RejectReason.INVALID_INDEX),)


@pytest.mark.parametrize("levels", [(0, 7), (7, 7), (13, 7), (7, 101), (-7,)])
def test_j6_levels_that_do_not_rise_open_no_market(levels: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="breaker_levels must rise"):
        opening([STOCK], Profile(breaker_levels=levels))


# ── underlyings ──


def test_j6_a_book_is_halted_and_resumed_with_the_book_that_it_depends_on(open_pair: OpenPair) -> None:
    pair = open_pair(STOCK, OPTION, OPTION_ON_OPTION, Instrument("XYZ"))
    pair.buy(1, 5, 10, symbol="GHI")
    assert pair.do(Halt("ABC")) == (Halted("ABC"),)
    assert phases(pair) == "hhhc"
    pair.buy(2, 5, 10, symbol="DEF")
    assert pair.reason is RejectReason.UNDERLYING_HALTED
    pair.do(Basket(7, (Leg("XYZ", 8, BUY, 1, 5), Leg("GHI", 9, BUY, 1, 5))))
    assert pair.events == (Rejected("GHI", 9, RejectReason.UNDERLYING_HALTED),)
    pair.do(Cancel("GHI", 1))
    assert pair.bids("GHI") == []
    pair.do(Resume("ABC"))
    assert phases(pair) == "cccc"


def test_j6_a_derivative_keeps_the_halt_of_its_own(open_pair: OpenPair) -> None:
    pair = open_pair(STOCK, OPTION, OPTION_ON_OPTION)
    pair.do(Halt("DEF"))
    assert phases(pair) == "chh"
    pair.do(Halt("ABC"))
    pair.do(Resume("ABC"))
    assert phases(pair) == "chh"
    assert pair.do(Resume("GHI")) == (Rejected("GHI", None, RejectReason.NOT_HALTED),)
    pair.do(Halt("ABC"))
    pair.do(Resume("DEF"))
    assert phases(pair) == "hhh"


def test_j6_the_market_is_told_first_then_the_underlying_then_the_book(open_pair: OpenPair) -> None:
    pair = open_pair(STOCK, OPTION)
    for symbol in ("ABC", "DEF", None):
        pair.do(Halt(symbol))
    told = []
    for resumed in (None, "ABC", "DEF"):
        pair.buy(1, 5, 10, symbol="DEF")
        told.append(pair.reason)
        pair.do(Resume(resumed))
    assert told == [RejectReason.MARKET_HALTED, RejectReason.UNDERLYING_HALTED, RejectReason.BOOK_HALTED]


def test_j6_a_replace_is_refused_while_the_underlying_is_halted(open_pair: OpenPair) -> None:
    pair = open_pair(OPTION._replace(symbol="ABC", underlying="XYZ"), Instrument("XYZ"))
    pair.buy(1, 5, 10)
    pair.do(Halt("XYZ"))
    pair.replace(1, 4)
    assert pair.reason is RejectReason.UNDERLYING_HALTED


HALTS = Profile("halts", collar_action=CollarAction.HALT)


def test_j6_a_collar_that_halts_a_book_halts_its_derivatives_with_it(open_pair: OpenPair) -> None:
    pair = open_pair(STOCK, OPTION, profile=HALTS)
    pair.sell(1, 5, 104)
    pair.buy(2, 5, 104)
    assert pair.events[-1] == Halted("ABC")
    assert phases(pair) == "hh"


def test_j6_what_a_command_has_begun_in_a_derivative_it_finishes_before_that_is_halted(open_pair: OpenPair) -> None:
    """Both legs of a basket trade; the stop that the first one sets off halts the book that the second depends on."""
    pair = open_pair(STOCK, OPTION, profile=HALTS)
    pair.sell(1, 1, 100)
    pair.sell(2, 5, 110)
    pair.buy(3, 1, 120, stop=100)
    pair.sell(1, 1, 50, symbol="DEF")
    pair.buy(3, 1, 40, stop=50, symbol="DEF")
    pair.do(Basket(7, (Leg("ABC", 8, BUY, 1, 100), Leg("DEF", 9, BUY, 1, 50))))
    assert [type(event) for event in pair.events[2:4]] == [Trade, Trade]
    assert pair.events[-2:] == (Halted("ABC"), Triggered("DEF", 3))
    assert phases(pair) == "hh"
    pair.buy(4, 1, 40, symbol="DEF")
    assert pair.reason is RejectReason.UNDERLYING_HALTED


def test_j6_a_derivative_ends_no_call_while_its_underlying_is_halted(open_pair: OpenPair) -> None:
    pair = open_pair(STOCK, OPTION)
    pair.do(Halt("ABC"))
    refused = pair.go(Phase.CALL, Phase.CONTINUOUS, symbol="DEF")
    assert refused == (Rejected("DEF", None, RejectReason.UNDERLYING_HALTED),)
    pair.do(Resume("ABC"))
    assert pair.go(Phase.CONTINUOUS, symbol="DEF")[0] == PhaseChanged("DEF", Phase.CONTINUOUS)


def test_j6_h2_an_order_whose_turn_comes_while_its_book_is_halted_from_above_is_refused(open_pair: OpenPair) -> None:
    pair = open_pair(STOCK, OPTION, Instrument("GHI"))
    first = Submit("GHI", 1, 7, BUY, 5, 100)
    pair.do(SubmitList(ListKind.OTO, (first, Submit("DEF", 2, 7, Side.SELL, 5, 50))))
    pair.do(Halt("ABC"))
    pair.sell(3, 5, 100, symbol="GHI")
    assert pair.events[-1] == Cancelled("DEF", 2, Side.SELL, 50, 5, CancelReason.REFUSED)


def test_j6_a_book_that_goes_from_its_halt_to_a_call_frees_those_that_depend_on_it(open_pair: OpenPair) -> None:
    pair = open_pair(STOCK, OPTION)
    pair.do(Halt("ABC"))
    pair.go(Phase.CALL)
    pair.buy(1, 5, 10, symbol="DEF")
    assert pair.reason is None


def test_j6_a_kill_switch_reaches_books_that_are_halted_with_their_underlying(open_pair: OpenPair) -> None:
    pair = open_pair(STOCK, OPTION)
    pair.buy(1, 5, 10, symbol="DEF", account=7)
    pair.do(Halt("ABC"))
    assert pair.do(KillSwitch(7))[0] == AccountBlocked(7, 1)


@pytest.mark.parametrize(
    ("books", "flaw"),
    [
        ((OPTION,), "'DEF' depends on 'ABC', which is not listed"),
        ((Instrument("ABC", underlying="ABC"),), "'ABC' depends on itself"),
        ((Instrument("ABC", underlying="GHI"), OPTION, OPTION_ON_OPTION), "'ABC' depends on itself"),
    ],
)
def test_j6_books_that_depend_on_nobody_listed_or_on_themselves_are_not_opened(
    books: tuple[Instrument, ...], flaw: str
) -> None:
    with pytest.raises(ValueError, match=flaw):
        opening(books)


def test_j6_a_book_of_the_market_view_shows_the_halt_of_its_underlying(open_pair: OpenPair) -> None:
    pair = open_pair(STOCK, OPTION)
    pair.do(Halt("ABC"))
    assert view(pair.state, "DEF").phase is Phase.HALT
