"""Rule J6: the market halts when an index falls through a level, and a book with the book that it depends on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from bookproof.spec.commands import Basket, Cancel, EndOfDay, Halt, IndexLevel, KillSwitch, Leg, Resume
from bookproof.spec.events import (
    AccountBlocked,
    Halted,
    IndexMoved,
    Rejected,
    Resumed,
    Trade,
    Triggered,
)
from bookproof.spec.exchange import market, opening, view
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import CollarAction, Profile
from bookproof.spec.reasons import RejectReason
from bookproof.spec.values import Phase, Side

if TYPE_CHECKING:
    from tests.spec.conftest import BesideFloor

    OpenBoth = Callable[..., BesideFloor]

BUY = Side.BUY
US = Profile("us", breaker_levels=(7, 13, 20))
STOCK, OPTION, OPTION_ON_OPTION = (
    Instrument("ABC", collar=3, reference=100),
    Instrument("DEF", underlying="ABC"),
    Instrument("GHI", underlying="DEF"),
)


def phases(both: BesideFloor) -> str:
    """The phase of every book in listing order, by its first letter."""
    return "".join(view(both.state, symbol).phase.value[0] for symbol in both.state.books)


# ── the breaker ──


def test_j6_the_market_halts_in_the_step_in_which_the_index_crosses_a_level(open_both: OpenBoth) -> None:
    both = open_both(profile=US)
    assert both.do(IndexLevel(1000)) == (IndexMoved(1000, 0),)
    assert both.do(IndexLevel(931)) == (IndexMoved(931, 0),)
    assert both.do(IndexLevel(930)) == (IndexMoved(930, 1), Halted(None))
    both.buy(1, 5, 100)
    assert both.reason is RejectReason.MARKET_HALTED


def test_j6_each_level_halts_once_a_day_and_a_deeper_one_again(open_both: OpenBoth) -> None:
    both = open_both(profile=US)
    both.do(IndexLevel(1000))
    both.do(IndexLevel(930))
    both.do(Resume())
    assert both.do(IndexLevel(950)) == (IndexMoved(950, 1),)
    assert both.do(IndexLevel(925)) == (IndexMoved(925, 1),)
    assert both.do(IndexLevel(800)) == (IndexMoved(800, 3), Halted(None)), "two levels at once halt once"


def test_j6_a_level_crossed_while_the_market_is_halted_is_counted_and_halts_nothing_more(open_both: OpenBoth) -> None:
    both = open_both(profile=US)
    both.do(IndexLevel(1000))
    both.do(Halt())
    assert both.do(IndexLevel(930)) == (IndexMoved(930, 1),)
    both.do(Resume())
    assert both.do(IndexLevel(930)) == (IndexMoved(930, 1),)
    assert phases(both) == "cc"


def test_j6_a_new_day_begins_at_the_close_with_all_levels_before_it(open_both: OpenBoth) -> None:
    both = open_both(profile=US)
    both.do(IndexLevel(1000))
    both.do(IndexLevel(930))
    both.do(EndOfDay())
    shown = market(both.state)
    assert (shown.index, shown.index_base, shown.breaker_level, shown.halted) == (930, 930, 0, True)
    both.do(Resume())
    assert both.do(IndexLevel(865)) == (IndexMoved(865, 0),)
    assert both.do(IndexLevel(864)) == (IndexMoved(864, 1), Halted(None))


def test_j6_without_levels_the_index_moves_and_nothing_else_does(both: BesideFloor) -> None:
    both.do(IndexLevel(1000))
    assert both.do(IndexLevel(1)) == (IndexMoved(1, 0),)
    assert phases(both) == "cc"


@pytest.mark.parametrize("value", [0, -1, 2**63, True, 1.5, "1", None])
def test_j6_an_index_that_is_none_is_refused(both: BesideFloor, value: int) -> None:
    assert both.do(IndexLevel(value)) == (Rejected(None, None, RejectReason.INVALID_INDEX),)


@pytest.mark.parametrize("levels", [(0, 7), (7, 7), (13, 7), (7, 101), (-7,)])
def test_j6_levels_that_do_not_rise_open_no_market(levels: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="breaker_levels must rise"):
        opening([STOCK], Profile(breaker_levels=levels))


# ── underlyings ──


def test_j6_a_book_is_halted_and_resumed_with_the_book_that_it_depends_on(open_both: OpenBoth) -> None:
    both = open_both(STOCK, OPTION, OPTION_ON_OPTION, Instrument("XYZ"))
    both.buy(1, 5, 10, symbol="GHI")
    assert both.do(Halt("ABC")) == (Halted("ABC"),)
    assert phases(both) == "hhhc"
    both.buy(2, 5, 10, symbol="DEF")
    assert both.reason is RejectReason.UNDERLYING_HALTED
    both.do(Basket(7, (Leg("XYZ", 8, BUY, 1, 5), Leg("GHI", 9, BUY, 1, 5))))
    assert both.events == (Rejected("GHI", 9, RejectReason.UNDERLYING_HALTED),)
    both.do(Cancel("GHI", 1))
    assert both.bids("GHI") == []
    both.do(Resume("ABC"))
    assert phases(both) == "cccc"


def test_j6_a_derivative_keeps_the_halt_of_its_own(open_both: OpenBoth) -> None:
    both = open_both(STOCK, OPTION, OPTION_ON_OPTION)
    both.do(Halt("DEF"))
    assert phases(both) == "chh"
    both.do(Halt("ABC"))
    both.do(Resume("ABC"))
    assert phases(both) == "chh"
    assert both.do(Resume("GHI")) == (Rejected("GHI", None, RejectReason.NOT_HALTED),)
    both.do(Halt("ABC"))
    both.do(Resume("DEF"))
    assert phases(both) == "hhh"


def test_j6_the_market_is_told_first_then_the_underlying_then_the_book(open_both: OpenBoth) -> None:
    both = open_both(STOCK, OPTION)
    for symbol in ("ABC", "DEF", None):
        both.do(Halt(symbol))
    told = []
    for resumed in (None, "ABC", "DEF"):
        both.buy(1, 5, 10, symbol="DEF")
        told.append(both.reason)
        both.do(Resume(resumed))
    assert told == [RejectReason.MARKET_HALTED, RejectReason.UNDERLYING_HALTED, RejectReason.BOOK_HALTED]


def test_j6_a_replace_is_refused_while_the_underlying_is_halted(open_both: OpenBoth) -> None:
    both = open_both(OPTION._replace(symbol="ABC", underlying="XYZ"), Instrument("XYZ"))
    both.buy(1, 5, 10)
    both.do(Halt("XYZ"))
    both.replace(1, 4)
    assert both.reason is RejectReason.UNDERLYING_HALTED


HALTS = Profile("halts", collar_action=CollarAction.HALT)


def test_j6_a_collar_that_halts_a_book_halts_its_derivatives_with_it(open_both: OpenBoth) -> None:
    both = open_both(STOCK, OPTION, profile=HALTS)
    both.sell(1, 5, 104)
    both.buy(2, 5, 104)
    assert both.events[-1] == Halted("ABC")
    assert phases(both) == "hh"


def test_j6_stops_of_a_derivative_that_come_due_as_its_underlying_halts_wait_for_its_return(
    open_both: OpenBoth,
) -> None:
    """Both legs of a basket trade; the stop that the first one sets off halts the book that the second depends on."""
    both = open_both(STOCK, OPTION, profile=HALTS)
    both.sell(1, 1, 100)
    both.sell(2, 5, 110)
    both.buy(3, 1, 120, stop=100)
    both.sell(1, 1, 50, symbol="DEF")
    both.buy(3, 1, 40, stop=50, symbol="DEF")
    both.do(Basket(7, (Leg("ABC", 8, BUY, 1, 100), Leg("DEF", 9, BUY, 1, 50))))
    assert [type(event) for event in both.events[2:4]] == [Trade, Trade]
    assert (both.events[-1], both.stops("DEF")) == (Halted("ABC"), [3])
    assert both.do(Resume("ABC")) == (Resumed("ABC"), Triggered("DEF", 3))


def test_j6_a_kill_switch_reaches_books_that_are_halted_with_their_underlying(open_both: OpenBoth) -> None:
    both = open_both(STOCK, OPTION)
    both.buy(1, 5, 10, symbol="DEF", account=7)
    both.do(Halt("ABC"))
    assert both.do(KillSwitch(7))[0] == AccountBlocked(7, 1)


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


def test_j6_a_book_of_the_market_view_shows_the_halt_of_its_underlying(open_both: OpenBoth) -> None:
    both = open_both(STOCK, OPTION)
    both.do(Halt("ABC"))
    assert view(both.state, "DEF").phase is Phase.HALT
