"""Reports alone rebuild every book, engine and oracle report the same, and every doctored stream is caught."""

from __future__ import annotations

import random
import threading
import types
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bookproof.engine.interface import Engine
from bookproof.engine.striped import StripedEngine
from bookproof.models.engines_by_name import factory
from bookproof.models.generate.case import Case
from bookproof.models.generate.features import SWARM, Feature
from bookproof.models.generate.soak import soak_case
from bookproof.models.generate.strategies import cases
from bookproof.models.generate.venues import VENUES
from bookproof.spec import exchange as oracle
from bookproof.spec import reporting
from bookproof.spec.commands import (
    Basket,
    BlockTrade,
    Bust,
    Cancel,
    Command,
    Deposit,
    EndOfDay,
    Leg,
    Replace,
    Submit,
    SubmitList,
)
from bookproof.spec.drop_copy import DropCopy
from bookproof.spec.instruments import listing
from bookproof.spec.profile import DEFAULT, Profile, Risk
from bookproof.spec.report_checks import STREAM_INVARIANTS, broken_stream, lives
from bookproof.spec.reporting import Reporter, merged
from bookproof.spec.reports import CancelReject, ExecType, ExecutionReport, OrdStatus, Report, TradeCaptureReport
from bookproof.spec.values import ListKind, SelfTradePrevention, Side, Symbol, TimeInForce
from bookproof.spec.views import Queue

BUY, SELL = Side.BUY, Side.SELL

FEATURES = tuple(features - {Feature.AUCTIONS} for features in SWARM.values())
"""A drop copy does not know phases: reports are about orders, and what a book collects stands crossed."""
"""What the sequences below have in them: all that the generator knows, alone and together."""

BUSTS = frozenset({Feature.LIMIT, Feature.ACCOUNTS, Feature.REUSED_IDS, Feature.CLOCK})
"""What it takes for a bust of an order that has long been gone (N1)."""


def bought(order_id: int, quantity: int, price: int | None = 100, **terms: object) -> Submit:
    return Submit("ABC", order_id, 100 + order_id, BUY, quantity, price)._replace(**terms)


def sold(order_id: int, quantity: int, price: int | None = 100, **terms: object) -> Submit:
    return bought(order_id, quantity, price)._replace(side=SELL, **terms)


# ── a drop copy ──


def watched(case: Case, tamper: Callable[[Report], Iterable[Report]] = lambda report: (report,)) -> str | None:
    """The first step at which a drop copy of some book is not that book; None when all of them are, at every step."""
    state = oracle.opening(case.instruments, case.profile)
    reporter = Reporter(state.books, case.profile)
    copies = {symbol: DropCopy(symbol, case.profile) for symbol in state.books}
    ids: dict[Symbol, set[int]] = {symbol: set() for symbol in state.books}
    for command in case.commands:
        state, events = oracle.step(state, command)
        reports = [each for sent in reporter.feed(command, events) for each in tamper(sent)]
        for symbol, copy in copies.items():
            for each in reports:
                copy.read(each)
                if each.symbol == symbol and type(about(each)) is int:
                    ids[symbol].add(about(each))
            if copy.queue() != without_top(oracle.queue(state, symbol)):
                return f"queue of {symbol} after {command}: {copy.queue()}"
            if copy.stops() != oracle.stops(state, symbol):
                return f"stops of {symbol} after {command}: {copy.stops()}"
            if copy.last_price != state.books[symbol].last_price:
                return f"last price of {symbol} after {command}: {copy.last_price}"
            for order_id in ids[symbol]:
                if copy.status(order_id) != oracle.status(state, symbol, order_id):
                    return f"status of {order_id} in {symbol} after {command}: {copy.status(order_id)}"
    return None


def about(report: Report) -> int:
    """The order of a report; a trade past the book is of no order (L6)."""
    return -1 if isinstance(report, TradeCaptureReport) else report.order_id


def without_top(queue: Queue) -> Queue:
    """Reports do not say which order is TOP (K3): that is a matter of the allocation, and of nobody's order."""
    bids, asks = (tuple(order._replace(top=False) for order in side) for side in (queue.bids, queue.asks))
    return Queue(bids, asks)


@settings(max_examples=150, deadline=None)
@given(cases(st.sampled_from(FEATURES)))
def test_the_reports_of_a_book_alone_rebuild_its_queue_its_stops_and_every_status_at_every_step(case: Case) -> None:
    assert watched(case) is None


@pytest.mark.parametrize("venue", VENUES)
def test_they_do_so_in_every_venue_with_every_feature(venue: str) -> None:
    for number, features in enumerate(FEATURES):
        assert watched(soak_case(7, number, features, VENUES[venue])) is None


ICEBERG_MET = (
    sold(1, 9, display=3),
    sold(2, 5),
    bought(3, 4),
    Replace("ABC", 2, 4),
    Replace("ABC", 1, 9, 101),
    bought(4, 5, 99, stop=101),
    bought(5, 9, 101),
    bought(6, 5, 90),
    Cancel("ABC", 6),
)
"""A book in which every part of a drop copy has something to do."""

TAMPERED: list[tuple[str, Callable[[ExecutionReport], Iterable[Report]]]] = [
    ("a fill says another quantity", lambda it: [it._replace(last_qty=it.last_qty + 1)]),
    ("a maker is said to be the aggressor", lambda it: [it._replace(aggressor=it.exec_type is ExecType.TRADE)]),
    ("the display quantity is lost", lambda it: [it._replace(display=None)]),
    ("another account", lambda it: [it._replace(account=0)]),
    ("what is open is told one too many", lambda it: [it._replace(leaves_qty=it.leaves_qty + 1)]),
    ("a replace says the old price", lambda it: [it._replace(price=100)]),
    ("a stop is said to work", lambda it: [it._replace(working=True)]),
    ("a trigger is not told", lambda it: [it] * (it.exec_type is not ExecType.TRIGGERED)),
    ("a cancel is not told", lambda it: [it] * (it.exec_type is not ExecType.CANCELED)),
    ("fills say another price", lambda it: [it._replace(last_price=99)]),
    ("what is executed is not told", lambda it: [it._replace(cum_qty=0)]),
]


@pytest.mark.parametrize("tamper", [pytest.param(tamper, id=what) for what, tamper in TAMPERED])
def test_a_drop_copy_of_tampered_reports_is_another_book(
    tamper: Callable[[ExecutionReport], Iterable[Report]],
) -> None:
    case = Case(listing(["ABC"]), ICEBERG_MET)
    assert watched(case) is None
    assert watched(case, lambda sent: tamper(sent) if isinstance(sent, ExecutionReport) else [sent]) is not None


def test_a_drop_copy_that_missed_an_order_says_so() -> None:
    trade = next(each for each in stream() if is_a(each, ExecType.TRADE))
    with pytest.raises(ValueError, match=f"report {trade.report_seq} of ABC is about 1, which is not live"):
        DropCopy("ABC").read(trade)


def test_a_drop_copy_reads_its_own_book_only() -> None:
    case = Case(listing(["ABC", "XYZ"]), (bought(1, 5), bought(1, 6, symbol="XYZ")))
    assert watched(case) is None


@pytest.mark.parametrize("name", ["striped", "global-lock"])
def test_generated_sequences_have_busts_of_orders_that_live_and_that_ended_and_of_block_trades(name: str) -> None:
    seen: set[str] = set()
    for number in range(60):
        case = soak_case(17, number, BUSTS)
        assert watched(case) is None
        expected, got = streams(factory(name)(case.instruments, case.profile), case)
        assert got == expected
        assert broken_stream(got) == []
        seen |= {"block" for each in got if isinstance(each, TradeCaptureReport) and each.busted}
        for lived in lives(got):
            if lived.report.exec_type is ExecType.TRADE_CANCEL:
                seen.add(lived.report.ord_status.name.lower())
    assert seen >= {"block", "new", "canceled"}


# ── engines ──


def streams(engine: Engine, case: Case) -> tuple[list[Report], list[Report]]:
    """What the oracle's events make, and what the engine's make."""
    state = oracle.opening(case.instruments, case.profile)
    right, theirs = (Reporter(state.books, case.profile) for _ in range(2))
    expected: list[Report] = []
    got: list[Report] = []
    for command in case.commands:
        state, events = oracle.step(state, command)
        answer = engine.submit(command)
        expected += right.feed(command, events, answer.stamp)
        got += theirs.feed(command, answer.events, answer.stamp)
    return expected, got


@pytest.mark.parametrize("name", ["striped", "global-lock"])
def test_an_engine_reports_what_the_oracle_reports_and_no_stream_rule_is_broken(name: str) -> None:
    for number, features in enumerate(FEATURES):
        for profile in VENUES.values():
            case = soak_case(11, number, features, profile)
            expected, got = streams(factory(name)(case.instruments, case.profile), case)
            assert got == expected
            assert broken_stream(got) == []


@pytest.mark.parametrize("name", ["striped", "global-lock"])
def test_what_is_reported_agrees_with_the_engines_order_status_at_every_step(name: str) -> None:
    for number, features in enumerate(FEATURES):
        case = soak_case(13, number, features)
        assert disagreements(factory(name)(case.instruments, DEFAULT), case) == []


def disagreements(engine: Engine, case: Case) -> list[str]:
    """Where executed or open in the last report on an order is not what the engine's status says of it."""
    reporter = Reporter([instrument.symbol for instrument in case.instruments], case.profile)
    last: dict[tuple[Symbol, int], ExecutionReport] = {}
    found: list[str] = []
    for command in case.commands:
        for each in reporter.feed(command, engine.submit(command).events):
            if isinstance(each, ExecutionReport) and each.exec_type is not ExecType.REJECTED:
                last[each.symbol, each.order_id] = each
        for (symbol, order_id), told in last.items():
            status = engine.status(symbol, order_id)
            if told.ord_status.ended or status is None:
                if not told.ord_status.ended or status is not None:
                    found.append(f"{told} and {status}")
                continue
            said = (told.cum_qty, told.leaves_qty, told.order_qty, told.price, told.side)
            true = (status.executed, status.leaves, status.quantity - status.prevented, status.price, status.side)
            if said != true:
                found.append(f"{told} and {status}")
    return found


def test_an_engine_whose_status_is_wrong_disagrees_with_its_reports() -> None:
    engine = StripedEngine(listing(["ABC"]))
    right = engine.status

    def one_less(symbol: Symbol, order_id: int) -> object:
        status = right(symbol, order_id)
        return status and status._replace(leaves=status.leaves - 1)

    engine.status = one_less  # type: ignore[method-assign,assignment]
    assert len(disagreements(engine, Case(listing(["ABC"]), (bought(1, 5),)))) == 1


def test_threads_at_an_engine_make_streams_without_a_gap_that_merge_by_stamp() -> None:
    books = [f"S{number}" for number in range(6)]
    engine = StripedEngine(listing(books), stripes=3)
    done: list[tuple[int, Command, tuple[object, ...]]] = []

    def trade(thread: int) -> None:
        for command in orders(thread, books):
            answer = engine.submit(command)
            done.append((answer.stamp, command, answer.events))

    threads = [threading.Thread(target=trade, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reporter = Reporter(books)
    reports: list[Report] = []
    for stamp, command, events in sorted(done, key=lambda one: one[0]):
        reports += reporter.feed(command, events, stamp)  # type: ignore[arg-type]
    assert broken_stream(reports) == []
    by_book = [[each for each in reports if each.symbol == symbol] for symbol in books]
    assert [len(stream) for stream in by_book] == [reporter.desk.number(symbol) for symbol in books]
    assert [each.stamp for each in merged(by_book)] == [each.stamp for each in reports]
    for symbol, stream in zip(books, by_book, strict=True):
        copy = DropCopy(symbol)
        for each in stream:
            copy.read(each)
        assert copy.queue() == engine.queue(symbol)


def orders(thread: int, books: list[Symbol]) -> Iterator[Command]:
    dice = random.Random(thread)
    ids = count(1 + 1_000 * thread)
    for _ in range(150):
        symbol, side = dice.choice(books), dice.choice(list(Side))
        match dice.randrange(8):
            case 0:
                yield Cancel(symbol, dice.randint(1, 20) + 1_000 * thread)
            case 1:
                legs = tuple(Leg(other, next(ids), side, 1, None) for other in dice.sample(books, 2))
                yield Basket(thread, legs)
            case _:
                yield Submit(symbol, next(ids), thread, side, dice.randint(1, 9), dice.randint(98, 102))


# ── every rule of streams refutes a doctored stream ──

CASH = Profile("cash", risk=Risk.CASH)
WEALTH: dict[Symbol | None, int] = {None: 10**6, "ABC": 100, "XYZ": 100}


def stream() -> list[Report]:
    """Reports of every kind, stamped, of two books."""
    deposits = [Deposit(account, amount, it) for account in range(101, 120) for it, amount in WEALTH.items()]
    own = sold(9, 2, account=101, self_trade=SelfTradePrevention.DECREMENT)
    commands: list[Command] = [
        bought(1, 20),
        sold(2, 3, 101),
        own,
        sold(3, 6),
        Replace("ABC", 1, 15),
        sold(4, 1),
        Cancel("ABC", 77),
        bought(2, 5),
        bought(5, 4, 102, stop=101),
        bought(6, 1, 101),
        Cancel("ABC", 1),
        Cancel("ABC", 1),
        bought(7, 5, time_in_force=TimeInForce.DAY, symbol="XYZ"),
        EndOfDay(),
        SubmitList(ListKind.OTO, (sold(8, 2, 103), bought(9, 2, 90, account=108, symbol="XYZ"))),
        bought(10, 2, 103),
        sold(11, 1, 90, symbol="XYZ"),
        Bust("ABC", 1),
        bought(12, 6, 95),
        sold(13, 4, 95),
        Bust("ABC", 7),
        BlockTrade("ABC", 101, 102, 100, 3),
        Bust("ABC", 8),
    ]
    state = oracle.opening(listing(["ABC", "XYZ"]), CASH)
    state, _ = oracle.run(state, deposits)
    reporter = Reporter(state.books, CASH)
    reports: list[Report] = []
    for stamp, command in enumerate(commands, 1):
        state, events = oracle.step(state, command)
        reports += reporter.feed(command, events, stamp)
    return reports


def test_the_stream_that_is_doctored_is_right_and_has_reports_of_every_kind() -> None:
    reports = stream()
    assert broken_stream(reports) == []
    assert {each.exec_type for each in reports if isinstance(each, ExecutionReport)} == set(ExecType)
    assert any(isinstance(each, CancelReject) for each in reports)


Doctor = Callable[[list[Report]], list[Report]]
BUST = ExecType.TRADE_CANCEL


def the(why: ExecType, **fields: object) -> Doctor:
    """The first report that was sent for this reason says something else."""

    def doctor(reports: list[Report]) -> list[Report]:
        at = next(at for at, each in enumerate(reports) if isinstance(each, ExecutionReport) and each.exec_type is why)
        return [*reports[:at], reports[at]._replace(**fields), *reports[at + 1 :]]

    return doctor


def last_refusal(**fields: object) -> Doctor:
    """The last refused cancel says something else."""

    def doctor(reports: list[Report]) -> list[Report]:
        at = max(at for at, each in enumerate(reports) if isinstance(each, CancelReject))
        return [*reports[:at], reports[at]._replace(**fields), *reports[at + 1 :]]

    return doctor


def live_bust(**fields: object) -> Doctor:
    """The bust of a fill of an order that lives says something else."""

    def doctor(reports: list[Report]) -> list[Report]:
        at = next(at for at, each in enumerate(reports) if is_a(each, ExecType.TRADE_CANCEL) and about(each) == 12)
        return [*reports[:at], reports[at]._replace(**fields), *reports[at + 1 :]]

    return doctor


def captured(**fields: object) -> Doctor:
    """The bust of a block trade says something else."""
    return lambda reports: [
        each._replace(**fields) if isinstance(each, TradeCaptureReport) and each.busted else each for each in reports
    ]


def numbered(reports: Iterable[Report]) -> list[Report]:
    """The same reports, numbered anew, so that nobody sees that one is missing."""
    last: dict[Symbol, int] = {}
    anew: list[Report] = []
    for each in reports:
        last[each.symbol] = last.get(each.symbol, 0) + 1
        anew.append(each._replace(report_seq=last[each.symbol]))
    return anew


def without(condition: Callable[[Report], bool]) -> Doctor:
    """The reports that meet a condition were never sent, and the rest is numbered as if they had not been due."""
    return lambda reports: numbered(each for each in reports if not condition(each))


def is_a(each: Report, *whys: ExecType) -> bool:
    return isinstance(each, ExecutionReport) and each.exec_type in whys


DOCTORED: list[tuple[str, str, Doctor]] = [
    ("numbers_have_no_gap", "one is lost", lambda it: [*it[:4], *it[5:]]),
    ("numbers_have_no_gap", "one comes twice", lambda it: [*it[:4], it[3], *it[4:]]),
    ("numbers_have_no_gap", "two change places", lambda it: [it[1], it[0], *it[2:]]),
    ("numbers_have_no_gap", "the first are lost", lambda it: it[2:]),
    ("numbers_have_no_gap", "one has no number", the(ExecType.REPLACED, report_seq=0)),
    ("numbers_have_no_gap", "a refusal in a book has none", last_refusal(report_seq=0)),
    ("stamps_rise_with_numbers", "an earlier stamp", last_refusal(stamp=1)),
    ("stamps_rise_with_numbers", "no stamp", last_refusal(stamp=None)),
    ("quantities_add_up", "a lot too many", the(ExecType.TRADE, cum_qty=7)),
    ("quantities_add_up", "a lot is open too many", the(ExecType.TRADE, leaves_qty=99)),
    ("quantities_add_up", "something is left when it ended", the(ExecType.CANCELED, leaves_qty=1)),
    ("quantities_add_up", "nothing is left of a live order", the(ExecType.NEW, order_qty=0, leaves_qty=0)),
    ("quantities_add_up", "another average", the(ExecType.TRADE, avg_price=99)),
    ("quantities_add_up", "an average with too large a rest", the(ExecType.TRADE, avg_price=99, avg_rest=6)),
    ("quantities_add_up", "a larger order by a trade", the(ExecType.TRADE, order_qty=30, leaves_qty=24)),
    ("quantities_add_up", "no smaller by restating", the(ExecType.RESTATED, order_qty=20, leaves_qty=20)),
    ("quantities_add_up", "larger by restating", the(ExecType.RESTATED, order_qty=30, leaves_qty=30)),
    ("quantities_add_up", "a fill is missing", without(lambda it: is_a(it, ExecType.TRADE) and it.stamp == 6)),
    ("reports_follow_one_another", "never new", without(lambda it: it.report_seq == 1)),
    ("reports_follow_one_another", "new twice", the(ExecType.REPLACED, exec_type=ExecType.NEW)),
    (
        "reports_follow_one_another",
        "after its end",
        lambda it: numbered([*it, it[0]._replace(exec_type=ExecType.CANCELED)]),
    ),
    ("reports_follow_one_another", "another account", the(ExecType.REPLACED, account=8)),
    ("reports_follow_one_another", "the other side", the(ExecType.REPLACED, side=SELL)),
    ("reports_follow_one_another", "another limit", the(ExecType.TRADE, price=99)),
    ("reports_follow_one_another", "a fill of nothing", the(ExecType.REPLACED, exec_type=ExecType.TRADE)),
    ("reports_follow_one_another", "untriggered", without(lambda it: is_a(it, ExecType.TRIGGERED))),
    ("reports_follow_one_another", "held back", without(lambda it: is_a(it, ExecType.NEW) and about(it) == 9)),
    ("reports_follow_one_another", "triggered and off-book", the(ExecType.TRIGGERED, working=False)),
    (
        "trades_have_two_sides",
        "the taker is not told",
        without(lambda it: is_a(it, ExecType.TRADE) and about(it) == 3),
    ),
    (
        "trades_have_two_sides",
        "the maker is not told",
        without(lambda it: is_a(it, ExecType.TRADE) and about(it) == 1),
    ),
    ("trades_have_two_sides", "at another price", the(ExecType.TRADE, last_price=99)),
    ("trades_have_two_sides", "other lots", the(ExecType.TRADE, last_qty=5)),
    ("trades_have_two_sides", "two takers", the(ExecType.TRADE, aggressor=True)),
    ("trades_have_two_sides", "a bust is told to one", without(lambda it: is_a(it, BUST) and about(it) == 3)),
    ("trades_have_two_sides", "a bust of two fills", the(BUST, exec_ref=1)),
    ("quantities_add_up", "a bust takes nothing back", the(BUST, cum_qty=6, avg_price=100)),
    ("quantities_add_up", "a bust leaves the average", live_bust(avg_rest=190)),
    ("busts_take_back_one_fill", "of no fill", the(BUST, exec_ref=1)),
    ("busts_take_back_one_fill", "of nothing", the(BUST, exec_ref=None)),
    ("busts_take_back_one_fill", "by a fill", the(ExecType.TRADE, exec_ref=1)),
    ("busts_take_back_one_fill", "twice", lambda it: numbered([*it, *(each for each in it if is_a(each, BUST))])),
    ("busts_take_back_one_fill", "of another account", the(BUST, account=1)),
    ("busts_take_back_one_fill", "with a fill", the(BUST, last_qty=1)),
    ("busts_take_back_one_fill", "at other terms", the(BUST, price=1)),
    ("busts_take_back_one_fill", "and what is open grows", live_bust(order_qty=6, leaves_qty=6)),
    ("busts_take_back_one_fill", "and it lives again", the(BUST, ord_status=OrdStatus.NEW)),
    ("busts_take_back_one_fill", "and it ends", live_bust(ord_status=OrdStatus.CANCELED)),
    ("status_has_precedence", "filled, though busted", the(BUST, ord_status=OrdStatus.FILLED)),
    ("trades_past_the_book_are_captured", "another price", captured(price=1)),
    ("trades_past_the_book_are_captured", "another trade", captured(trade=4)),
    ("trades_past_the_book_are_captured", "made twice", captured(busted=False)),
    ("trades_have_two_sides", "the stream ends between them", lambda it: it[: half_a_trade(it)]),
    ("refusals_change_nothing", "a refused order has leaves", the(ExecType.REJECTED, leaves_qty=5)),
    ("refusals_change_nothing", "a refused order for no reason", the(ExecType.REJECTED, reject_reason=None)),
    ("refusals_change_nothing", "another status", last_refusal(ord_status=OrdStatus.NEW)),
    ("status_has_precedence", "canceled for filled", lambda it: [miscalled(each) for each in it]),
    ("status_has_precedence", "new for partly filled", the(ExecType.TRADE, ord_status=OrdStatus.NEW)),
    ("status_has_precedence", "new for pending", the(ExecType.PENDING_NEW, ord_status=OrdStatus.NEW)),
    ("status_has_precedence", "canceled for expired", the(ExecType.EXPIRED, ord_status=OrdStatus.CANCELED)),
    ("status_has_precedence", "replaced, as in 4.2", the(ExecType.REPLACED, ord_status=OrdStatus.REPLACED)),
    ("status_has_precedence", "refused and new", the(ExecType.REJECTED, ord_status=OrdStatus.NEW)),
]
"""The invariant, what is wrong, and the hand that makes it wrong."""


def half_a_trade(reports: list[Report]) -> int:
    return 1 + next(at for at, each in enumerate(reports) if is_a(each, ExecType.TRADE))


def miscalled(each: Report) -> Report:
    filled = isinstance(each, ExecutionReport) and each.ord_status is OrdStatus.FILLED
    return each._replace(ord_status=OrdStatus.CANCELED) if filled else each


@pytest.mark.parametrize(
    ("name", "doctor"), [pytest.param(name, doctor, id=f"{name}: {what}") for name, what, doctor in DOCTORED]
)
def test_every_stream_invariant_refutes_a_stream_made_wrong(name: str, doctor: Doctor) -> None:
    breaches = [breach for breach in broken_stream(doctor(stream())) if breach.invariant == name]
    assert breaches
    assert all(breach.why and breach.rules for breach in breaches)


def test_no_stream_invariant_is_left_undoctored() -> None:
    assert {name for name, *_ in DOCTORED} == {invariant.name for invariant in STREAM_INVARIANTS}


USED_AGAIN = Case(
    listing(["ABC"]),
    (
        *(Deposit(account, amount, it) for account in (101, 102) for it, amount in ((None, 10**6), ("ABC", 100))),
        *(bought(1, 5), sold(2, 3), Cancel("ABC", 1), bought(1, 9), sold(2, 4), Bust("ABC", 1), Bust("ABC", 2)),
    ),
    CASH,
)
"""Both orders of the first trade have gone when it is busted, and other orders have their ids."""

DEFECTS = [
    ("return 0 if self.out else self.order_qty - self.executed", "return self.order_qty - self.executed"),
    ("self.terms.quantity - self.prevented", "self.terms.quantity"),
    ("if self.executed < self.order_qty else", "if self.executed <= self.order_qty else"),
    ("notional=order.notional + event.price * event.quantity", "notional=event.price * event.quantity"),
    ("if order.leaves > event.quantity:", "if True:"),
    ("terms = order.terms._replace(quantity=order.executed + order.prevented + order.busted)", "terms = order.terms"),
    ("journal._replace(report_seq=journal.report_seq + 1)", "journal"),
    (
        "self._filled(event, event.symbol, event.maker, elsewhere=(home,) if away else ())",
        "FilledSide(event.symbol, 0, 0, 0)",
    ),
    ("elsewhere=(event.symbol,) if away else ()", "elsewhere=()"),
    ("elsewhere=tuple(other for other in books if other != symbol)", "elsewhere=()"),
    ("return self._route.symbol if self._route is not None else event.symbol", "return event.symbol"),
    ("order._replace(working=True)", "order"),
    ("order_known.status,", "OrdStatus.NEW,"),
    ("working=held.terms.stop is None", "working=True"),
    ("held._replace(held=False, ", "held._replace("),
    ("order._replace(busted=order.busted + fill.quantity)", "order"),
    (
        "order._replace(out=OrdStatus.CANCELED)\n            away = ",
        "order\n            away = ",
    ),
    ("notional=order.notional - fill.price * fill.quantity", "notional=order.notional"),
    ("if old is not None and old.first == order.first:", "if old is not None:"),
    ("return order if order is not None and order.first == first else", "return order if order is not None else"),
    ("self._newcomer(leg)._replace(working=False, held=True)", "self._newcomer(leg)"),
]
"""A right line of the reporter's, and one that looks right."""


@pytest.mark.parametrize(("right", "wrong"), DEFECTS, ids=[wrong for _, wrong in DEFECTS])
def test_a_defect_planted_in_the_reporter_is_noticed(right: str, wrong: str) -> None:
    make = made_wrong(right, wrong)
    generated = (soak_case(3, number, features) for number in range(40) for features in FEATURES)
    assert any(noticed(make, case) for case in (USED_AGAIN, *generated))


def made_wrong(right: str, wrong: str) -> type[Reporter]:
    """The reporter of a module with one line changed."""
    source = Path(reporting.__file__).read_text(encoding="utf-8")
    assert right in source
    module = types.ModuleType("defect")
    exec(compile(source.replace(right, wrong), "defect", "exec"), vars(module))
    reporter: type[Reporter] = module.Reporter
    return reporter


def noticed(make: type[Reporter], case: Case) -> bool:
    """Whether the streams are broken, or what they rebuild is another book."""
    state = oracle.opening(case.instruments, case.profile)
    reporter = make(state.books, case.profile)
    reports: list[Report] = []
    try:
        for command in case.commands:
            state, events = oracle.step(state, command)
            reports += reporter.feed(command, events)
    except (ValueError, AssertionError):
        return True
    return bool(broken_stream(reports))
