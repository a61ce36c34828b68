"""Rules O1 to O3 and F6: what owners are told. The cases are the order state change matrices of FIX, row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import permutations

import pytest

from bookproof.engine.striped import StripedEngine
from bookproof.spec import exchange
from bookproof.spec.commands import (
    AdvanceClock,
    Basket,
    BlockTrade,
    Bust,
    Cancel,
    Command,
    Deposit,
    EndOfDay,
    Halt,
    Leg,
    MassCancel,
    Replace,
    Resume,
    Submit,
    SubmitList,
    TakeSnapshot,
)
from bookproof.spec.events import BlockTraded, Busted, Event, ListAccepted, Rejected, Trade
from bookproof.spec.fix import tags_of, to_fix
from bookproof.spec.instruments import listing
from bookproof.spec.profile import DEFAULT, ListReplace, Profile, ReplaceQuantity, Risk, TrueStop
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.report_checks import broken_stream
from bookproof.spec.reporting import Reporter, merged, opening, report
from bookproof.spec.reports import (
    PRECEDENCE,
    CancelReject,
    ExecType,
    ExecutionReport,
    OrdStatus,
    Report,
    TradeCaptureReport,
    precedence,
)
from bookproof.spec.values import ListKind, Place, SelfTradePrevention, Side, Symbol, TimeInForce

BOOKS = ("ABC", "XYZ")
Exchange = Callable[[Command], tuple[int, tuple[Event, ...]]]
"""An exchange to test: a command in, its stamp and its events out."""


def the_oracle(profile: Profile) -> Exchange:
    state, stamp = exchange.opening(listing(BOOKS), profile), 0

    def submit(command: Command) -> tuple[int, tuple[Event, ...]]:
        nonlocal state, stamp
        state, events = exchange.step(state, command)
        stamp += 1
        return stamp, events

    return submit


def the_engine(profile: Profile) -> Exchange:
    engine = StripedEngine(listing(BOOKS), profile)

    def submit(command: Command) -> tuple[int, tuple[Event, ...]]:
        answer = engine.submit(command)
        return answer.stamp, answer.events

    return submit


@pytest.fixture(params=[the_oracle, the_engine], ids=["oracle", "engine"])
def reported(request: pytest.FixtureRequest) -> Callable[..., list[Report]]:
    """Everything that an exchange reports on a sequence of commands. What it reports is held to every stream rule."""

    def run(commands: Iterable[Command], profile: Profile = DEFAULT) -> list[Report]:
        submit, reporter = request.param(profile), Reporter(BOOKS, profile)
        reports: list[Report] = []
        for command in commands:
            stamp, events = submit(command)
            reports += reporter.feed(command, events, stamp)
        assert broken_stream(reports) == []
        return reports

    return run


Run = Callable[..., list[Report]]


def buy(quantity: int, price: int | None = 100, order_id: int = 1, **terms: object) -> Submit:
    return Submit("ABC", order_id, 7, Side.BUY, quantity, price)._replace(**terms)


def fill(quantity: int, order_id: int = 90) -> Submit:
    """Somebody sells so much to the best bid, and nothing of it rests."""
    return Submit("ABC", order_id, 8, Side.SELL, quantity, None)


def offer(quantity: int, price: int = 100, order_id: int = 80, **terms: object) -> Submit:
    return Submit("ABC", order_id, 8, Side.SELL, quantity, price)._replace(**terms)


def own(quantity: int) -> Submit:
    """The owner of order 1 sells so much to it, which prevention takes from both instead."""
    return fill(quantity, 91)._replace(account=7, price=100, self_trade=SelfTradePrevention.DECREMENT)


def told(reports: Sequence[Report], order_id: int = 1) -> list[str]:
    """The reports on one order: why, status, and how much was ordered, is executed, and is open."""
    return [
        f"cancel-reject {each.ord_status.name} {each.cxl_rej_reason.name}"
        if isinstance(each, CancelReject)
        else f"{each.exec_type.name} {each.ord_status.name} {each.order_qty} {each.cum_qty} {each.leaves_qty}"
        for each in reports
        if not isinstance(each, TradeCaptureReport) and each.order_id == order_id
    ]


DAY, GTD, IOC, FOK = TimeInForce.DAY, TimeInForce.GTD, TimeInForce.IOC, TimeInForce.FOK

MATRICES: list[tuple[str, list[Command], list[str]]] = [
    (
        "A.1.a filled order",
        [buy(10000), fill(2000), fill(1000), fill(7000)],
        [
            "NEW NEW 10000 0 10000",
            "TRADE PARTIALLY_FILLED 10000 2000 8000",
            "TRADE PARTIALLY_FILLED 10000 3000 7000",
            "TRADE FILLED 10000 10000 0",
        ],
    ),
    (
        "A.1.b part-filled day order; here it expires, rather than being done for the day",
        [buy(10000, time_in_force=DAY), fill(2000), fill(1000), EndOfDay()],
        [
            "NEW NEW 10000 0 10000",
            "TRADE PARTIALLY_FILLED 10000 2000 8000",
            "TRADE PARTIALLY_FILLED 10000 3000 7000",
            "EXPIRED EXPIRED 10000 3000 0",
        ],
    ),
    (
        "B.1.a cancel request issued for a zero-filled order",
        [buy(10000), Cancel("ABC", 1)],
        ["NEW NEW 10000 0 10000", "CANCELED CANCELED 10000 0 0"],
    ),
    (
        "B.1.b cancel request issued for a part-filled order; an execution comes first",
        [buy(10000), fill(2000), fill(5000), Cancel("ABC", 1)],
        [
            "NEW NEW 10000 0 10000",
            "TRADE PARTIALLY_FILLED 10000 2000 8000",
            "TRADE PARTIALLY_FILLED 10000 7000 3000",
            "CANCELED CANCELED 10000 7000 0",
        ],
    ),
    (
        "B.1.c cancel request issued for an order that becomes filled before it can be accepted",
        [buy(10000), fill(2000), fill(8000), Cancel("ABC", 1)],
        [
            "NEW NEW 10000 0 10000",
            "TRADE PARTIALLY_FILLED 10000 2000 8000",
            "TRADE FILLED 10000 10000 0",
            "cancel-reject FILLED TOO_LATE",
        ],
    ),
    ("B.1.f cancel request issued for an unknown order", [Cancel("ABC", 1)], ["cancel-reject REJECTED UNKNOWN_ORDER"]),
    (
        "B.1 a second cancel request, when the first is done",
        [buy(10000), Cancel("ABC", 1), Cancel("ABC", 1)],
        ["NEW NEW 10000 0 10000", "CANCELED CANCELED 10000 0 0", "cancel-reject CANCELED TOO_LATE"],
    ),
    (
        "C.1.a zero-filled order, replace request to increase the quantity",
        [buy(10000), Replace("ABC", 1, 11000), fill(1000), fill(2000)],
        [
            "NEW NEW 10000 0 10000",
            "REPLACED NEW 11000 0 11000",
            "TRADE PARTIALLY_FILLED 11000 1000 10000",
            "TRADE PARTIALLY_FILLED 11000 3000 8000",
        ],
    ),
    (
        "C.1.b part-filled order, replace request to increase the quantity; an execution comes first",
        [buy(10000), fill(1000), fill(100), Replace("ABC", 1, 12000), fill(10900)],
        [
            "NEW NEW 10000 0 10000",
            "TRADE PARTIALLY_FILLED 10000 1000 9000",
            "TRADE PARTIALLY_FILLED 10000 1100 8900",
            "REPLACED PARTIALLY_FILLED 12000 1100 10900",
            "TRADE FILLED 12000 12000 0",
        ],
    ),
    (
        "C.1.c filled order, followed by a replace request to increase the quantity: refused (A3)",
        [buy(10000), fill(10000), Replace("ABC", 1, 12000)],
        ["NEW NEW 10000 0 10000", "TRADE FILLED 10000 10000 0", "cancel-reject FILLED TOO_LATE"],
    ),
    (
        "C.2.a replace request, not for the quantity, refused as a fill has occurred",
        [buy(10000), fill(1000), fill(9000), Replace("ABC", 1, 10000, price=101)],
        [
            "NEW NEW 10000 0 10000",
            "TRADE PARTIALLY_FILLED 10000 1000 9000",
            "TRADE FILLED 10000 10000 0",
            "cancel-reject FILLED TOO_LATE",
        ],
    ),
    (
        "C.3.a replace request to decrease; the quantity exceeds what is executed: replaced, then filled",
        [buy(10000), fill(1000), fill(500), fill(100), Replace("ABC", 1, 8000), fill(6400)],
        [
            "NEW NEW 10000 0 10000",
            "TRADE PARTIALLY_FILLED 10000 1000 9000",
            "TRADE PARTIALLY_FILLED 10000 1500 8500",
            "TRADE PARTIALLY_FILLED 10000 1600 8400",
            "REPLACED PARTIALLY_FILLED 8000 1600 6400",
            "TRADE FILLED 8000 8000 0",
        ],
    ),
    (
        "C.3.b replace request to decrease; the quantity is what is executed: filled takes precedence over canceled",
        [buy(10000), fill(7000), Replace("ABC", 1, 7000)],
        ["NEW NEW 10000 0 10000", "TRADE PARTIALLY_FILLED 10000 7000 3000", "REPLACED FILLED 7000 7000 0"],
    ),
    (
        "C.3.c replace request to decrease; the quantity is below what is executed, and amended to that",
        [buy(10000), fill(8000), Replace("ABC", 1, 7000), Cancel("ABC", 1)],
        [
            "NEW NEW 10000 0 10000",
            "TRADE PARTIALLY_FILLED 10000 8000 2000",
            "REPLACED FILLED 8000 8000 0",
            "cancel-reject FILLED TOO_LATE",
        ],
    ),
    (
        "D.1.a one replace request is accepted, and another one too",
        [buy(10000), fill(1000), Replace("ABC", 1, 8000), fill(2000), Replace("ABC", 1, 6000), fill(3000)],
        [
            "NEW NEW 10000 0 10000",
            "TRADE PARTIALLY_FILLED 10000 1000 9000",
            "REPLACED PARTIALLY_FILLED 8000 1000 7000",
            "TRADE PARTIALLY_FILLED 8000 3000 5000",
            "REPLACED PARTIALLY_FILLED 6000 3000 3000",
            "TRADE FILLED 6000 6000 0",
        ],
    ),
    (
        "D.1.b one replace request is refused, then another one is accepted",
        [buy(10000), fill(1000), Replace("ABC", 1, 0), fill(1500), Replace("ABC", 1, 6000), fill(3500)],
        [
            "NEW NEW 10000 0 10000",
            "TRADE PARTIALLY_FILLED 10000 1000 9000",
            "cancel-reject PARTIALLY_FILLED OTHER",
            "TRADE PARTIALLY_FILLED 10000 2500 7500",
            "REPLACED PARTIALLY_FILLED 6000 2500 3500",
            "TRADE FILLED 6000 6000 0",
        ],
    ),
    (
        "D.2.a one replace request is followed at once by another; both are processed in turn",
        [buy(10000), fill(1000), Replace("ABC", 1, 8000), Replace("ABC", 1, 7000), fill(2000)],
        [
            "NEW NEW 10000 0 10000",
            "TRADE PARTIALLY_FILLED 10000 1000 9000",
            "REPLACED PARTIALLY_FILLED 8000 1000 7000",
            "REPLACED PARTIALLY_FILLED 7000 1000 6000",
            "TRADE PARTIALLY_FILLED 7000 3000 4000",
        ],
    ),
    (
        "E.1.b unsolicited cancel of a part-filled order, by the kill switch of its account",
        [buy(10000), fill(1000), MassCancel(7)],
        [
            "NEW NEW 10000 0 10000",
            "TRADE PARTIALLY_FILLED 10000 1000 9000",
            "CANCELED CANCELED 10000 1000 0",
        ],
    ),
    (
        "E.1 unsolicited reduction: self-trade prevention declines a part of the quantity",
        [buy(10000), own(1000), fill(2000), Replace("ABC", 1, 8000)],
        [
            "NEW NEW 10000 0 10000",
            "RESTATED NEW 9000 0 9000",
            "TRADE PARTIALLY_FILLED 9000 2000 7000",
            "REPLACED PARTIALLY_FILLED 7000 2000 5000",
        ],
    ),
    (
        "F.1.a order refused for its duplicate id; the live one goes on",
        [buy(10000), buy(15000), fill(1000)],
        ["NEW NEW 10000 0 10000", "REJECTED REJECTED 15000 0 0", "TRADE PARTIALLY_FILLED 10000 1000 9000"],
    ),
    (
        "H.1.c good-till-cancelled order part-filled, and canceled the following day",
        [buy(10000), fill(3000), EndOfDay(), Cancel("ABC", 1)],
        [
            "NEW NEW 10000 0 10000",
            "TRADE PARTIALLY_FILLED 10000 3000 7000",
            "CANCELED CANCELED 10000 3000 0",
        ],
    ),
    (
        "H.1 an id of yesterday is unknown today",
        [buy(10000), fill(10000), EndOfDay(), Cancel("ABC", 1)],
        ["NEW NEW 10000 0 10000", "TRADE FILLED 10000 10000 0", "cancel-reject REJECTED UNKNOWN_ORDER"],
    ),
    (
        "I.1.a fill-or-kill order that cannot be filled",
        [offer(9000), buy(10000, time_in_force=FOK)],
        ["NEW NEW 10000 0 10000", "CANCELED CANCELED 10000 0 0"],
    ),
    (
        "I.1.b immediate-or-cancel order that cannot be hit at once",
        [offer(1000), buy(10000, time_in_force=IOC)],
        [
            "NEW NEW 10000 0 10000",
            "TRADE PARTIALLY_FILLED 10000 1000 9000",
            "CANCELED CANCELED 10000 1000 0",
        ],
    ),
    (
        "K.1.a trading halt, then the order goes on",
        [buy(10000), fill(1000), Halt(), Replace("ABC", 1, 5000), Resume(), fill(9000)],
        [
            "NEW NEW 10000 0 10000",
            "TRADE PARTIALLY_FILLED 10000 1000 9000",
            "cancel-reject PARTIALLY_FILLED EXCHANGE_OPTION",
            "TRADE FILLED 10000 10000 0",
        ],
    ),
    (
        "K.1.b trading halt, and the order is canceled",
        [buy(10000), fill(1000), Halt("ABC"), Cancel("ABC", 1)],
        [
            "NEW NEW 10000 0 10000",
            "TRADE PARTIALLY_FILLED 10000 1000 9000",
            "CANCELED CANCELED 10000 1000 0",
        ],
    ),
    (
        "stop order, triggered and filled",
        [buy(10, stop=101), offer(5, 101, 81), buy(5, 101, 70), offer(10, 99, 82)],
        ["NEW NEW 10 0 10", "TRIGGERED NEW 10 0 10", "TRADE FILLED 10 10 0"],
    ),
    (
        "market order, of which the rest finds nobody",
        [offer(4), buy(10, None)],
        ["NEW NEW 10 0 10", "TRADE PARTIALLY_FILLED 10 4 6", "CANCELED CANCELED 10 4 0"],
    ),
    (
        "good-till-date order, replaced and expired",
        [buy(10, time_in_force=GTD, expires=5), Replace("ABC", 1, 8, 99), AdvanceClock(5), Cancel("ABC", 1)],
        ["NEW NEW 10 0 10", "REPLACED NEW 8 0 8", "EXPIRED EXPIRED 8 0 0", "cancel-reject EXPIRED TOO_LATE"],
    ),
    (
        "replaced into the market",
        [buy(10, 99), offer(4), Replace("ABC", 1, 10, 100)],
        ["NEW NEW 10 0 10", "REPLACED NEW 10 0 10", "TRADE PARTIALLY_FILLED 10 4 6"],
    ),
    (
        "self-trade prevention leaves nothing of an order",
        [buy(10), fill(4), own(9)],
        ["NEW NEW 10 0 10", "TRADE PARTIALLY_FILLED 10 4 6", "CANCELED CANCELED 10 4 0"],
    ),
    (
        "replaced to no more than prevention took, with nothing executed",
        [buy(10), own(4), Replace("ABC", 1, 3)],
        ["NEW NEW 10 0 10", "RESTATED NEW 6 0 6", "CANCELED CANCELED 6 0 0"],
    ),
]
"""Reference and title in FIX 5.0 SP2, appendix D, the commands, and what the owner of order 1 is told.

Rows about pending states, verbal orders, stock splits, guarantees, status requests and corrections are not here: the
rule book has nothing of that kind. FIX names each version of an order anew (ClOrdID); here a replaced order
keeps its id.
"""


@pytest.mark.parametrize(
    ("commands", "expected"), [pytest.param(*rest, id=title.split(";")[0]) for title, *rest in MATRICES]
)
def test_o1_the_order_state_change_matrices_of_fix(commands: list[Command], expected: list[str], reported: Run) -> None:
    assert told(reported(commands)) == expected


ACCOUNTS = Profile("cash", risk=Risk.CASH)
RICH: tuple[Command, ...] = (Deposit(7, 10**9), Deposit(8, 10**5, "ABC"), Deposit(8, 10**5, "XYZ"))

BUSTS: list[tuple[str, list[Command], list[str]]] = [
    (
        "J.1.a filled order, followed by cancellation of an execution; by N1 it does not come back, so it is canceled",
        [buy(10000), fill(1000), fill(9000), Bust("ABC", 1), Cancel("ABC", 1), Bust("ABC", 2)],
        [
            "NEW NEW 10000 0 10000",
            "TRADE PARTIALLY_FILLED 10000 1000 9000",
            "TRADE FILLED 10000 10000 0",
            "TRADE_CANCEL CANCELED 10000 9000 0",
            "cancel-reject CANCELED TOO_LATE",
            "TRADE_CANCEL CANCELED 10000 0 0",
        ],
    ),
    (
        "J.1.b a canceled order, followed by a busted execution",
        [buy(10000), fill(5000), Cancel("ABC", 1), Bust("ABC", 1)],
        [
            "NEW NEW 10000 0 10000",
            "TRADE PARTIALLY_FILLED 10000 5000 5000",
            "CANCELED CANCELED 10000 5000 0",
            "TRADE_CANCEL CANCELED 10000 0 0",
        ],
    ),
    (
        "J.1.c good-till-canceled order part-filled on two days, and both executions busted; by N1 nothing opens again",
        [buy(10000), fill(3000), EndOfDay(), fill(1000), Bust("ABC", 1), Bust("ABC", 2), fill(6000)],
        [
            "NEW NEW 10000 0 10000",
            "TRADE PARTIALLY_FILLED 10000 3000 7000",
            "TRADE PARTIALLY_FILLED 10000 4000 6000",
            "TRADE_CANCEL PARTIALLY_FILLED 7000 1000 6000",
            "TRADE_CANCEL NEW 6000 0 6000",
            "TRADE FILLED 6000 6000 0",
        ],
    ),
    (
        "J.1.d part-filled day order, followed by a bust; here it has expired, rather than being done for the day",
        [buy(10000, time_in_force=DAY), fill(1000), EndOfDay(), Bust("ABC", 1)],
        [
            "NEW NEW 10000 0 10000",
            "TRADE PARTIALLY_FILLED 10000 1000 9000",
            "EXPIRED EXPIRED 10000 1000 0",
            "TRADE_CANCEL EXPIRED 10000 0 0",
        ],
    ),
    (
        "a bust, then a replace: the total names what was executed once, busted or not",
        [buy(100), fill(40), Bust("ABC", 1), Replace("ABC", 1, 90), Replace("ABC", 1, 30)],
        [
            "NEW NEW 100 0 100",
            "TRADE PARTIALLY_FILLED 100 40 60",
            "TRADE_CANCEL NEW 60 0 60",
            "REPLACED NEW 50 0 50",
            "CANCELED CANCELED 50 0 0",
        ],
    ),
    (
        "a bust of one of two fills, then a replace to no more than was executed",
        [buy(100), fill(40), fill(20), Bust("ABC", 1), Replace("ABC", 1, 60)],
        [
            "NEW NEW 100 0 100",
            "TRADE PARTIALLY_FILLED 100 40 60",
            "TRADE PARTIALLY_FILLED 100 60 40",
            "TRADE_CANCEL PARTIALLY_FILLED 60 20 40",
            "REPLACED FILLED 20 20 0",
        ],
    ),
    (
        "a bust of an order whose id names another by then, which is not concerned",
        [buy(100), fill(40), Cancel("ABC", 1), buy(50), fill(10), Bust("ABC", 1), fill(10)],
        [
            "NEW NEW 100 0 100",
            "TRADE PARTIALLY_FILLED 100 40 60",
            "CANCELED CANCELED 100 40 0",
            "NEW NEW 50 0 50",
            "TRADE PARTIALLY_FILLED 50 10 40",
            "TRADE_CANCEL CANCELED 100 0 0",
            "TRADE PARTIALLY_FILLED 50 20 30",
        ],
    ),
]
"""Group J of the same appendix: trades that were busted. None is corrected, so those rows of a matrix are left out."""


@pytest.mark.parametrize(
    ("commands", "expected"), [pytest.param(*rest, id=title.split(";")[0]) for title, *rest in BUSTS]
)
def test_o1_n1_the_matrices_of_fix_for_trades_that_were_busted(
    commands: list[Command], expected: list[str], reported: Run
) -> None:
    assert told(reported([*RICH, *commands], ACCOUNTS)) == expected


def test_o1_n1_a_bust_is_told_to_both_sides_each_with_the_report_that_it_takes_back(reported: Run) -> None:
    reports = reported([*RICH, buy(5), fill(2), fill(3), Bust("ABC", 2)], ACCOUNTS)
    maker, taker = (each for each in reports[-2:] if isinstance(each, ExecutionReport))
    assert (maker.order_id, maker.exec_ref, maker.aggressor) == (1, 6, False)
    assert (taker.order_id, taker.exec_ref, taker.aggressor) == (90, 7, True)
    assert [reports[ref - 1].report_seq for ref in (6, 7)] == [6, 7]
    assert (str(maker.average), maker.notional, taker.average) == ("100", 200, None)
    assert (tags(maker)[150], tags(maker)[19], tags(maker)[14]) == ("H", "ABC-6", "2")


def test_o1_n2_a_bust_of_a_basket_is_told_in_the_stream_of_every_book(reported: Run) -> None:
    legs = (Leg("ABC", 1, Side.BUY, 5, 100), Leg("XYZ", 1, Side.BUY, 5, 100))
    reports = reported([*RICH, offer(5), offer(5, symbol="XYZ"), Basket(7, legs), Bust("XYZ", 1)], ACCOUNTS)
    assert [(each.symbol, each.report_seq) for each in reports[-4:]] == [("ABC", 5), ("ABC", 6), ("XYZ", 5), ("XYZ", 6)]
    assert told(reports)[-2:] == ["TRADE_CANCEL CANCELED 5 0 0"] * 2


def test_o1_n1_where_a_replace_names_the_open_quantity_a_bust_before_it_is_in_the_total(reported: Run) -> None:
    profile = ACCOUNTS._replace(replace_quantity=ReplaceQuantity.OPEN)
    reports = reported([*RICH, buy(10), fill(4), Bust("ABC", 1), Replace("ABC", 1, 5)], profile)
    assert told(reports)[-1] == "REPLACED NEW 5 0 5"


def test_o1_l6_a_block_trade_and_its_bust_are_captured_and_take_their_numbers_in_the_stream(reported: Run) -> None:
    block = BlockTrade("ABC", 7, 8, 100, 9)
    refused = [block._replace(quantity=10**6), Bust("ABC", 1)]
    reports = reported([*RICH, *refused, buy(5), block, fill(2), Bust("ABC", 1), Bust("ABC", 1)], ACCOUNTS)
    made, busted = (each for each in reports if isinstance(each, TradeCaptureReport))
    assert [each.report_seq for each in reports] == [1, 2, 3, 4, 5, 6]
    assert (made.report_seq, made.trade, made.busted) == (2, 1, False)
    assert busted == made._replace(report_seq=6, busted=True, stamp=busted.stamp)
    assert (
        to_fix(busted)
        == "35=AE|1180=ABC|1181=6|571=ABC-6|1003=1|487=1|828=1|55=ABC|32=9|31=100|552=2|54=1|1=7|54=2|1=8"
    )


@pytest.mark.parametrize(
    "said",
    [Busted("ABC", 1, 100, 1, 7, 8), Busted("ABC", 2, 100, 5, 7, 8), Busted("NONE", 1, 100, 5, 7, 8)],
    ids=["other lots", "another trade", "no such book"],
)
def test_o1_n1_a_bust_of_no_trade_cannot_be_reported(said: Busted) -> None:
    desk, _ = report(opening(BOOKS, ACCOUNTS), BlockTrade("ABC", 7, 8, 100, 5), [BlockTraded("ABC", 1, 100, 5, 7, 8)])
    with pytest.raises(ValueError, match="no such trade"):
        report(desk, Bust("ABC", 1), [said])
    _, (bust,) = report(desk, Bust("ABC", 1), [Busted("ABC", 1, 100, 5, 7, 8)])
    assert isinstance(bust, TradeCaptureReport)


def test_o1_a_trade_is_reported_to_both_sides_the_maker_first_with_its_price_and_who_came_in(reported: Run) -> None:
    reports = reported([offer(5, 100), offer(5, 101, 81), buy(7, 102)])
    trades = [each for each in reports if isinstance(each, ExecutionReport) and each.exec_type is ExecType.TRADE]
    assert [
        (each.order_id, each.account, each.side, each.last_qty, each.last_price, each.aggressor) for each in trades
    ] == [
        (80, 8, Side.SELL, 5, 100, False),
        (1, 7, Side.BUY, 5, 100, True),
        (81, 8, Side.SELL, 2, 101, False),
        (1, 7, Side.BUY, 2, 101, True),
    ]
    assert (trades[-1].avg_price, trades[-1].avg_rest, trades[-1].notional) == (100, 2, 702)
    assert [str(each.average) for each in trades] == ["100", "100", "101", "702/7"]


def test_o1_an_order_that_has_not_traded_has_no_average_price(reported: Run) -> None:
    (new,) = reported([buy(7)])
    assert isinstance(new, ExecutionReport)
    assert (new.average, new.notional, new.avg_price, new.avg_rest) == (None, 0, 0, 0)


def test_o1_a_report_bears_the_terms_of_its_order(reported: Run) -> None:
    placing = buy(9, stop=99, display=2, time_in_force=GTD, expires=9)
    placed, replaced = reported([placing, Replace("ABC", 1, 8, 101, 98)])
    assert isinstance(placed, ExecutionReport)
    assert isinstance(replaced, ExecutionReport)
    assert (placed.price, placed.stop, placed.display, placed.time_in_force, placed.expires) == (100, 99, 2, GTD, 9)
    assert not placed.working
    assert (replaced.price, replaced.stop, replaced.order_qty, replaced.working) == (101, 98, 8, False)


def test_o1_where_a_replace_names_the_open_quantity_the_report_has_the_total(reported: Run) -> None:
    reports = reported([buy(10), fill(4), Replace("ABC", 1, 10)], Profile(replace_quantity=ReplaceQuantity.OPEN))
    assert told(reports)[-1] == "REPLACED PARTIALLY_FILLED 14 4 10"


def test_o1_a_stop_that_is_due_on_entry_is_new_then_triggered_then_trades(reported: Run) -> None:
    commands = [offer(5), buy(2, order_id=2), buy(3, 101, stop=100)]
    assert told(reported(commands, Profile(true_stop=TrueStop.TRIGGER))) == [
        "NEW NEW 3 0 3",
        "TRIGGERED NEW 3 0 3",
        "TRADE FILLED 3 3 0",
    ]


def test_o1_every_leg_of_a_basket_is_reported_in_its_own_book(reported: Run) -> None:
    legs = (Leg("ABC", 1, Side.BUY, 5, 100), Leg("XYZ", 1, Side.BUY, 5, 100))
    killed = reported([offer(5), Basket(7, legs)])
    assert told(killed) == ["NEW NEW 5 0 5"] * 2 + ["CANCELED CANCELED 5 0 0"] * 2
    traded = reported([offer(5), offer(5, symbol="XYZ"), Basket(7, legs)])
    assert told(traded) == ["NEW NEW 5 0 5"] * 2 + ["TRADE FILLED 5 5 0"] * 2
    refused = reported([Halt("ABC"), Basket(7, legs)])
    assert told(refused) == ["REJECTED REJECTED 5 0 0"] * 2
    assert {each.reject_reason for each in refused if isinstance(each, ExecutionReport)} == {RejectReason.BOOK_HALTED}


def test_o1_an_order_that_its_list_holds_back_is_pending_then_new_and_a_stop_does_not_work_yet(reported: Run) -> None:
    chain = SubmitList(ListKind.OTO, (buy(5), buy(3, 101, order_id=2, stop=102), buy(2, 90, order_id=3, symbol="XYZ")))
    reports = reported([chain, fill(2), fill(3)])
    assert told(reports) == [
        "PENDING_NEW PENDING_NEW 5 0 5",
        "NEW NEW 5 0 5",
        "TRADE PARTIALLY_FILLED 5 2 3",
        "TRADE FILLED 5 5 0",
    ]
    for order_id, quantity in ((2, 3), (3, 2)):
        assert told(reports, order_id) == [f"{why} {why} {quantity} 0 {quantity}" for why in ("PENDING_NEW", "NEW")]
    working = [each.working for each in reports if isinstance(each, ExecutionReport) and each.order_id in (2, 3)]
    assert working == [False, False, False, True]
    assert tags(reports[0])[150] == tags(reports[0])[39] == "A"


def test_o1_who_goes_with_its_list_is_told_so_whether_it_worked_or_was_held_back(reported: Run) -> None:
    rivals = SubmitList(ListKind.OCO, (buy(5), buy(5, 90, order_id=2, symbol="XYZ")))
    assert told(reported([rivals, fill(1)]), 2)[-1] == "CANCELED CANCELED 5 0 0"
    chain = SubmitList(ListKind.OTO, rivals.legs)
    *_, gone = reported([chain, Cancel("ABC", 1)])
    assert isinstance(gone, ExecutionReport)
    assert (gone.order_id, gone.ord_status, gone.cancel_reason) == (2, OrdStatus.CANCELED, CancelReason.CONTINGENT)


def test_o1_every_order_of_a_list_is_refused_with_it(reported: Run) -> None:
    refused = reported([Halt("XYZ"), SubmitList(ListKind.OCO, (buy(5), buy(5, 90, order_id=2, symbol="XYZ")))])
    assert told(refused) + told(refused, 2) == ["REJECTED REJECTED 5 0 0"] * 2


def test_o1_a_rival_that_is_amended_keeps_its_own_price_and_stop_in_its_report(reported: Run) -> None:
    rivals = SubmitList(ListKind.OCO, (buy(5, 90, stop=110), buy(5, 90, order_id=2, symbol="XYZ", stop=120)))
    *_, named, rival = reported([rivals, Replace("ABC", 1, 4, stop=111)], Profile(list_replace=ListReplace.AMEND))
    assert isinstance(named, ExecutionReport)
    assert isinstance(rival, ExecutionReport)
    assert [(each.order_qty, each.price, each.stop) for each in (named, rival)] == [(4, 90, 111), (4, 90, 120)]


def test_o1_what_is_about_no_order_is_not_reported(reported: Run) -> None:
    nothing = [Halt(), Halt(), Resume(), Halt("NONE"), MassCancel(7), MassCancel(-1), AdvanceClock(1), TakeSnapshot()]
    assert reported([*nothing, EndOfDay(), Basket(7, ())]) == []


def test_o1_a_filled_order_is_forgotten_at_the_end_of_the_day_and_a_live_one_is_not(reported: Run) -> None:
    late = [Cancel("ABC", 1), Cancel("ABC", 2)]
    reports = reported([buy(5), fill(5), buy(5, order_id=2), EndOfDay(), *late])
    assert told(reports)[-1] == "cancel-reject REJECTED UNKNOWN_ORDER"
    assert told(reports, 2)[-1] == "CANCELED CANCELED 5 0 0"


def test_o1_an_id_may_be_used_again_and_begins_anew(reported: Run) -> None:
    reports = reported([buy(5), fill(2), Cancel("ABC", 1), buy(6), Cancel("ABC", 1)])
    assert told(reports)[-2:] == ["NEW NEW 6 0 6", "CANCELED CANCELED 6 0 0"]


def test_o1_true_is_not_order_1(reported: Run) -> None:
    reports = reported([buy(5), Cancel("ABC", True)])
    assert told(reports)[-1] == "cancel-reject REJECTED UNKNOWN_ORDER"


@pytest.mark.parametrize(
    ("command", "events"),
    [
        (TakeSnapshot(), [Trade("ABC", 100, 1, 1, 2)]),
        (TakeSnapshot(), [Trade("NONE", 100, 1, 1, 2)]),
        (buy(5), exchange.step(exchange.opening(listing(BOOKS)), buy(5, order_id=2))[1]),
        (buy(5), [ListAccepted(ListKind.OCO, (Place("ABC", 1), Place("ABC", 2)))]),
    ],
)
def test_o1_an_event_about_an_order_that_is_not_live_cannot_be_reported(command: Command, events: list[Event]) -> None:
    with pytest.raises(ValueError, match=r"not live|did not bring|not the one"):
        report(opening(BOOKS), command, events)


def test_o1_reporting_changes_no_desk(reported: Run) -> None:
    desk = opening(BOOKS)
    _, events = exchange.step(exchange.opening(listing(BOOKS)), buy(5))
    first, second = report(desk, buy(5), events), report(desk, buy(5), events)
    assert first == second
    assert (desk.number("ABC"), first[0].number("ABC"), first[0].number("XYZ")) == (0, 1, 0)


# ── O2 and O3: the two sequences ──


def test_o2_the_reports_of_a_book_are_numbered_without_a_gap_refusals_among_them(reported: Run) -> None:
    reports = reported([buy(5), buy(5), Cancel("ABC", 9), buy(5, symbol="XYZ"), offer(5), Cancel("XYZ", 1)])
    assert numbers(reports, "ABC") == [1, 2, 3, 4, 5, 6]
    assert numbers(reports, "XYZ") == [1, 2]


def test_o2_a_refusal_that_names_no_book_is_in_no_stream(reported: Run) -> None:
    legs = (Leg("ABC", 2, Side.BUY, 5, 100), Leg("NONE", 1, Side.BUY, 5, 100))
    reports = reported([buy(5, symbol="NONE"), Cancel("NONE", 1), Replace("NONE", 1, 5), Basket(7, legs), buy(5)])
    assert numbers(reports, "NONE") == [0, 0, 0, 0]
    assert numbers(reports, "ABC") == [1, 2]


def test_o3_all_reports_of_a_command_bear_its_stamp_which_is_the_exchanges_own(reported: Run) -> None:
    reports = reported([buy(5), Halt("XYZ"), buy(5, symbol="XYZ"), offer(5)])
    assert [(each.symbol, each.report_seq, each.stamp) for each in reports] == [
        ("ABC", 1, 1),
        ("XYZ", 1, 3),
        ("ABC", 2, 4),
        ("ABC", 3, 4),
        ("ABC", 4, 4),
    ]


def test_o3_the_streams_of_all_books_merge_into_one_story(reported: Run) -> None:
    legs = (Leg("ABC", 1, Side.BUY, 5, 100), Leg("XYZ", 1, Side.BUY, 5, 100))
    reports = reported([offer(5), offer(6, symbol="XYZ"), Basket(7, legs), Cancel("XYZ", 80)])
    streams = [[each for each in reports if each.symbol == symbol] for symbol in BOOKS]
    story = merged(streams)
    assert [each.stamp for each in story] == [1, 2, 3, 3, 3, 3, 3, 3, 4]
    assert sorted(story, key=lambda each: each.symbol) == [*streams[0], *streams[1]]


def test_o3_what_has_no_stamp_cannot_be_merged() -> None:
    reporter = Reporter(BOOKS)
    refused = reporter.feed(Cancel("ABC", 1), [Rejected("ABC", 1, RejectReason.UNKNOWN_ORDER)])
    with pytest.raises(ValueError, match="has no stamp"):
        merged([refused, refused])


def numbers(reports: Iterable[Report], symbol: Symbol) -> list[int]:
    return [each.report_seq for each in reports if each.symbol == symbol]


# ── F6: which status is reported ──

RANKED = (
    (OrdStatus.PENDING_CANCEL, 12),
    (OrdStatus.PENDING_REPLACE, 11),
    (OrdStatus.DONE_FOR_DAY, 10),
    (OrdStatus.FILLED, 8),
    (OrdStatus.STOPPED, 7),
    (OrdStatus.CANCELED, 5),
    (OrdStatus.PARTIALLY_FILLED, 4),
    (OrdStatus.NEW, 2),
    (OrdStatus.REJECTED, 2),
    (OrdStatus.PENDING_NEW, 2),
)
"""The table on top of appendix D of FIX 5.0 SP2."""


def test_f6_the_table_of_fix_is_ours_and_ranks_every_status() -> None:
    assert [(status, PRECEDENCE[status]) for status, _ in RANKED] == list(RANKED)
    assert set(PRECEDENCE) == set(OrdStatus)


@pytest.mark.parametrize(("one", "other"), list(permutations(RANKED, 2)))
def test_f6_of_two_statuses_the_higher_is_reported_and_of_equals_the_later(
    one: tuple[OrdStatus, int], other: tuple[OrdStatus, int]
) -> None:
    assert precedence([one[0], other[0]]) is (one[0] if one[1] > other[1] else other[0])


@pytest.mark.parametrize(
    ("row", "statuses", "reported_as"),
    [
        ("B.1.b an execution while a cancel is on its way", "NEW PARTIALLY_FILLED PENDING_CANCEL", "PENDING_CANCEL"),
        ("B.1.c filled while a cancel is on its way", "NEW FILLED PENDING_CANCEL", "PENDING_CANCEL"),
        ("C.3.a an execution while a replace is on its way", "PARTIALLY_FILLED PENDING_REPLACE", "PENDING_REPLACE"),
        ("C.3.b the replace leaves nothing open", "CANCELED REPLACED FILLED", "FILLED"),
        (
            "D.2 a replace and a cancel on their way",
            "PENDING_REPLACE PENDING_CANCEL PARTIALLY_FILLED",
            "PENDING_CANCEL",
        ),
        ("A.1.b part-filled, and the day is over", "PARTIALLY_FILLED DONE_FOR_DAY", "DONE_FOR_DAY"),
        ("L.1.a part-filled with a guarantee for the rest", "STOPPED PARTIALLY_FILLED", "STOPPED"),
        ("C.1.b part-filled, then replaced (4.2)", "PARTIALLY_FILLED REPLACED", "PARTIALLY_FILLED"),
        ("acknowledged at last", "PENDING_NEW NEW", "NEW"),
    ],
)
def test_f6_races_on_their_way_are_reported_by_precedence(row: str, statuses: str, reported_as: str) -> None:
    assert precedence(OrdStatus[name] for name in statuses.split()).name == reported_as


def test_f6_an_order_is_in_one_status_at_least() -> None:
    with pytest.raises(ValueError, match="none was named"):
        precedence([])


def test_f6_races_are_decided_by_the_order_in_which_commands_take_effect(reported: Run) -> None:
    fill_first = told(reported([buy(10), fill(10), Cancel("ABC", 1)]))
    cancel_first = told(reported([buy(10), Cancel("ABC", 1), fill(10)]))
    assert fill_first[1:] == ["TRADE FILLED 10 10 0", "cancel-reject FILLED TOO_LATE"]
    assert cancel_first[1:] == ["CANCELED CANCELED 10 0 0"]


# ── as tags ──


def tags(each: Report) -> dict[int, str]:
    return dict(tags_of(each))


def test_o1_a_fill_as_fix_text(reported: Run) -> None:
    *_, taker = reported([offer(2, 100), offer(3, 101, 81), buy(5, 101, time_in_force=DAY)])
    assert to_fix(taker) == (
        "35=8|1180=ABC|1181=7|17=ABC-7|37=1|11=1|1=7|150=F|39=2|55=ABC|54=1|38=5|40=2|44=101|59=0"
        "|32=3|31=101|1057=Y|14=5|151=0|6=100.6"
    )


def test_o1_a_refused_cancel_as_fix_text(reported: Run) -> None:
    *_, late = reported([buy(5), fill(5), Cancel("ABC", 1)])
    (unknown,) = reported([Replace("XYZ", 9, 5)])
    assert to_fix(late) == "35=9|1180=ABC|1181=5|37=1|11=1|41=1|1=7|39=2|434=1|102=0|58=unknown-order"
    assert to_fix(unknown) == "35=9|1180=XYZ|1181=1|37=NONE|11=9|41=9|39=8|434=2|102=1|58=unknown-order"


def test_o1_stops_restatements_and_refusals_have_tags_of_their_own(reported: Run) -> None:
    (stop,) = reported([buy(5, None, stop=105, display=None)])
    assert [tags(stop).get(tag) for tag in (40, 44, 99, 636)] == ["3", None, "105", "N"]
    restated = reported([buy(5, display=2), own(2)])[2]
    assert [tags(restated).get(tag) for tag in (150, 378, 38, 1138, 58)] == ["D", "5", "3", "2", "self-trade"]
    (nowhere,) = reported([buy(5, symbol="NONE")])
    assert [tags(nowhere).get(tag) for tag in (150, 103, 1180, 1181, 58)] == ["8", "1", None, None, "unknown-symbol"]
    (zero,) = reported([buy(0, time_in_force=IOC)])
    assert [tags(zero).get(tag) for tag in (103, 59, 40)] == ["13", "3", "2"]


@pytest.mark.parametrize(
    ("limit", "stop", "ord_type"), [(None, None, "1"), (100, None, "2"), (None, 105, "3"), (100, 105, "4")]
)
def test_o1_the_order_type_of_fix_follows_from_limit_and_stop(
    limit: int | None, stop: int | None, ord_type: str, reported: Run
) -> None:
    assert tags(reported([offer(1), buy(5, limit, stop=stop)])[1])[40] == ord_type


def test_o1_a_cancel_says_why(reported: Run) -> None:
    *_, gone = reported([buy(5, time_in_force=IOC)])
    assert isinstance(gone, ExecutionReport)
    assert gone.cancel_reason is CancelReason.IMMEDIATE
    assert tags(gone)[58] == "immediate"
