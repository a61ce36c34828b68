"""Accounts under many threads: the locks of the table in `striped`, and the designs that were refuted.

The stamp is the witness: a run is right if the oracle, given the commands in order of their stamps, says the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from bookproof.engine.interface import Engine
from bookproof.engine.striped import ACCOUNT_STRIPES, StripedEngine
from bookproof.engine.sync import Lock, Sync, Threads
from bookproof.engine.zoo.account_defects import BalancesAsMet, BookedLate, CheckedThenSpent, PortfolioAsSeen
from bookproof.models.concurrent.check import Violation, check
from bookproof.models.concurrent.history import History, Operation
from bookproof.models.concurrent.recorder import record
from bookproof.models.concurrent.run import ON_ACCOUNT, run_concurrent
from bookproof.models.concurrent.seam import StuckError
from bookproof.models.verdict import Verdict
from bookproof.spec.commands import (
    Basket,
    BlockTrade,
    Bust,
    Cancel,
    Command,
    Deposit,
    EndOfDay,
    Leg,
    Liquidate,
    MassCancel,
    Reduce,
    Replace,
    SetLimits,
    SetMark,
    Submit,
    Withdraw,
)
from bookproof.spec.events import Rejected
from bookproof.spec.instruments import Instrument, listing
from bookproof.spec.profile import DEFAULT, Profile, Risk
from bookproof.spec.reasons import RejectReason
from bookproof.spec.values import Side
from bookproof.spec.views import AccountView

BOOKS = listing(["AAA", "BBB", "CCC", "DDD"])
"""Over three stripes: AAA and DDD share stripe 0, BBB has 1, CCC has 2."""
ANN, BOB, CAT = 5, 2, 3
CASH = Profile("cash", risk=Risk.CASH, margin_accounts=(CAT,))
"""The taker has the higher number: what is taken in the order of meeting is not sorted by chance."""


def buy(symbol: str, order_id: int, account: int, quantity: int = 5, price: int = 100) -> Submit:
    return Submit(symbol, order_id, account, Side.BUY, quantity, price)


def sell(symbol: str, order_id: int, account: int, quantity: int = 5, price: int = 100) -> Submit:
    return buy(symbol, order_id, account, quantity, price)._replace(side=Side.SELL)


# ── the lock table ──


class WatchedLocks(Threads):
    """A `Sync` that writes down every acquisition, and what is held when a stamp is drawn."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.held: list[str] = []
        self.held_at_stamp: list[str] = []

    def lock(self, name: str) -> Lock:
        return WatchedLock(name, self)

    def counter(self, name: str) -> Callable[[], int]:
        numbers = iter(range(1, 1_000_000))

        def draw() -> int:
            self.held_at_stamp = list(self.held)
            return next(numbers)

        return draw


class WatchedLock:
    def __init__(self, name: str, log: WatchedLocks) -> None:
        self.name, self.log = name, log

    def acquire(self) -> None:
        assert self.name not in self.log.held, f"{self.name} is taken twice: it is not reentrant"
        self.log.taken.append(self.name)
        self.log.held.append(self.name)

    def release(self) -> None:
        self.log.held.remove(self.name)

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *error: object) -> None:
        self.release()


FUNDS: list[Command] = [Deposit(ANN, 2_000), Deposit(BOB, 20, "AAA"), Deposit(BOB, 20, "BBB")]
RESTING: list[Command] = [*FUNDS, sell("AAA", 1, BOB, 9), sell("BBB", 1, BOB, 9), buy("CCC", 2, ANN, 1)]
ALL = "stripe 0, stripe 1, stripe 2"
EVERYTHING = ", ".join([ALL, *(f"balance {number}" for number in range(ACCOUNT_STRIPES))])
LEGS = (Leg("BBB", 9, Side.BUY, 1, 100), Leg("AAA", 9, Side.BUY, 1, 100))

LOCK_TABLE: list[tuple[Command, str, str]] = [
    # the command, every lock in the order it is taken, and what is held when the stamp is drawn
    (buy("AAA", 9, ANN), "stripe 0, spending 5, balance 5, balance 2, balance 5",
     "stripe 0, spending 5, balance 2, balance 5"),
    (buy("CCC", 9, ANN), "stripe 2, spending 5, balance 5, balance 5", "stripe 2, spending 5, balance 5"),
    (buy("CCC", 9, BOB), "stripe 2, spending 2, balance 2", "stripe 2, spending 2, balance 2"),  # refused: no cash
    (Replace("CCC", 2, 2), "stripe 2, spending 5, balance 5, balance 5", "stripe 2, spending 5, balance 5"),
    (Reduce("AAA", 9, BOB, Side.SELL, 1, 99), "stripe 0, spending 2, balance 2, balance 2",
     "stripe 0, spending 2, balance 2"),
    (Basket(ANN, LEGS), "stripe 0, stripe 1, spending 5, balance 5, balance 2, balance 5",
     "stripe 0, stripe 1, spending 5, balance 2, balance 5"),
    (Cancel("AAA", 1), "stripe 0, balance 2", "stripe 0, balance 2"),
    (Cancel("AAA", 77), "stripe 0", "stripe 0"),
    (MassCancel(BOB), f"{ALL}, balance 2", f"{ALL}, balance 2"),
    (EndOfDay(), ALL, ALL),
    (Deposit(ANN, 5), "balance 5", "balance 5"),
    (Deposit(ANN, 5, "BBB"), "stripe 1", "stripe 1"),
    (Withdraw(ANN, 5), "spending 5, balance 5", "spending 5, balance 5"),
    (Withdraw(BOB, 5, "BBB"), "stripe 1", "stripe 1"),
    (SetLimits(ANN), "spending 5, balance 5", "spending 5, balance 5"),
    (BlockTrade("BBB", ANN, BOB, 100, 1), "stripe 1, spending 2, spending 5, balance 2, balance 5",
     "stripe 1, spending 2, spending 5, balance 2, balance 5"),
    (Bust("AAA", 1), ALL, ALL),  # there is no such trade
    (SetMark("AAA", 100), EVERYTHING, EVERYTHING),
    (Liquidate(ANN, 9), EVERYTHING, EVERYTHING),
    (Deposit(CAT, 5, "BBB"), "stripe 1, spending 3, balance 3", "stripe 1, spending 3, balance 3"),
    (Withdraw(CAT, 5, "BBB"), "stripe 1, spending 3, balance 3", "stripe 1, spending 3, balance 3"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "taken", "at_stamp"), LOCK_TABLE, ids=lambda it: type(it).__name__)
def test_a_command_takes_the_locks_of_the_table_and_stamps_under_all_that_its_answer_hangs_on(
    command: Command, taken: str, at_stamp: str
) -> None:
    locks = WatchedLocks()
    engine = StripedEngine(BOOKS, CASH, stripes=3, sync=locks)
    for earlier in RESTING:
        engine.submit(earlier)
    locks.taken.clear()
    engine.submit(command)
    assert ", ".join(locks.taken) == taken
    assert ", ".join(locks.held_at_stamp) == at_stamp
    assert locks.held == [], "every lock is given back"


def test_a_bust_and_the_view_of_an_account_hold_everything_they_speak_of() -> None:
    locks = WatchedLocks()
    engine = StripedEngine(BOOKS, CASH, stripes=3, sync=locks)
    for command in (*RESTING, buy("AAA", 9, ANN)):
        engine.submit(command)
    locks.taken.clear()
    engine.account(ANN)
    assert ", ".join(locks.taken) == f"{ALL}, balance 5"
    engine.submit(Bust("AAA", 1))
    assert ", ".join(locks.held_at_stamp) == f"{ALL}, balance 2, balance 5"


def test_where_no_accounts_are_kept_there_are_no_locks_for_them() -> None:
    locks = WatchedLocks()
    engine = StripedEngine(BOOKS, DEFAULT, stripes=3, sync=locks)
    for command, _, _ in LOCK_TABLE:
        engine.submit(command)
    assert {name.split()[0] for name in locks.taken} == {"stripe"}
    assert engine.account(ANN).cash == 0


# ── refuted designs ──


class Interrupted(Threads):
    """A `Sync` whose locks let another thread go first, once: before the balance lock that is asked for n-th."""

    def __init__(self) -> None:
        self.countdown = 0
        self.other: Callable[[], None] = lambda: None
        self.thread: threading.Thread | None = None

    def lock(self, name: str) -> Lock:
        return InterruptedLock(name, self)

    def counter(self, name: str) -> Callable[[], int]:
        numbers = iter(range(1, 1_000_000))
        return lambda: next(numbers)

    def before(self, name: str) -> None:
        if self.countdown and name.startswith("balance"):
            self.countdown -= 1
            if not self.countdown:
                self.thread = threading.Thread(target=self.other)
                self.thread.start()
                self.thread.join(0.3)  # as far as it gets: it may have to wait for what is held here


class InterruptedLock:
    def __init__(self, name: str, sync: Interrupted) -> None:
        self._name, self._sync, self._lock = name, sync, threading.Lock()

    def acquire(self) -> None:
        self._sync.before(self._name)
        # Nothing here takes as long as that. Of two that wait for each other the one that came between gives up.
        if not self._lock.acquire(timeout=2 if threading.current_thread() is self._sync.thread else 20):
            raise StuckError(f"waited in vain for {self._name}")

    def release(self) -> None:
        self._lock.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *error: object) -> None:
        self.release()


def interrupted(
    make: Callable[[tuple[Instrument, ...], Profile, Sync], Engine],
    setup: list[Command],
    first: Command,
    other: Command,
) -> tuple[History, Violation | None]:
    """One command, and another that comes when the first has been checked, has matched, and is about to be booked."""
    sync = Interrupted()
    engine = make(BOOKS, CASH, sync)
    operations = [Operation(0, command, at, at, engine.submit(command)) for at, command in enumerate(setup)]
    now = len(setup)
    answers = []
    sync.other = lambda: answers.append(engine.submit(other))
    sync.countdown = 2  # the first time is the check
    answer = engine.submit(first)
    assert sync.thread is not None
    sync.thread.join()
    operations += [Operation(0, first, now, now, answer), Operation(1, other, now, now, answers[0])]
    views = tuple(engine.view(book.symbol) for book in BOOKS)
    accounts = tuple(map(engine.account, (BOB, ANN)))
    history = History(BOOKS, CASH, tuple(operations), views, accounts)
    return history, check(history)


def striped(kind: type[StripedEngine]) -> Callable[[tuple[Instrument, ...], Profile, Sync], Engine]:
    return lambda books, profile, sync: kind(books, profile, stripes=3, sync=sync)


def refused(history: History, reason: RejectReason) -> list[Command]:
    return [
        operation.command
        for operation in history.operations
        for event in operation.answer.events
        if isinstance(event, Rejected) and event.reason is reason
    ]


@pytest.mark.parametrize(("kind", "is_right"), [(StripedEngine, True), (CheckedThenSpent, False)])
def test_m1_an_account_cannot_spend_the_same_cash_in_two_books_at_once(
    kind: type[StripedEngine], is_right: bool
) -> None:
    one, other = buy("AAA", 1, ANN, 15), buy("BBB", 2, ANN, 15)  # 1,500 each, of 2,000
    history, violation = interrupted(striped(kind), FUNDS, one, other)
    assert (violation is None) is is_right
    assert refused(history, RejectReason.INSUFFICIENT_CASH) == ([other] if is_right else [])
    _, ann = history.accounts
    assert (ann.reserved <= ann.cash) is is_right


@pytest.mark.parametrize(("kind", "is_right"), [(StripedEngine, True), (CheckedThenSpent, False)])
def test_m3_an_account_cannot_use_the_same_margin_in_two_books_at_once(
    kind: type[StripedEngine], is_right: bool
) -> None:
    one, other = buy("AAA", 1, CAT, 15), buy("BBB", 2, CAT, 15)  # each needs 150, of 200
    setup: list[Command] = [Deposit(CAT, 200), SetMark("AAA", 100), SetMark("BBB", 100)]
    history, violation = interrupted(striped(kind), setup, one, other)
    assert (violation is None) is is_right
    assert refused(history, RejectReason.INSUFFICIENT_MARGIN) == ([other] if is_right else [])


@pytest.mark.parametrize(("kind", "is_right"), [(StripedEngine, True), (PortfolioAsSeen, False)])
def test_m3_lots_that_are_not_paid_for_yet_cover_no_order_in_another_book(
    kind: type[StripedEngine], is_right: bool
) -> None:
    """Cat's bid is filled in one book, and before it is booked she orders in another."""
    setup = [*FUNDS, Deposit(CAT, 200), SetMark("AAA", 100), SetMark("BBB", 100), buy("AAA", 1, CAT, 15)]
    order = buy("BBB", 2, CAT, 15)
    history, violation = interrupted(striped(kind), setup, sell("AAA", 3, BOB, 15), order)
    assert (violation is None) is is_right
    assert refused(history, RejectReason.INSUFFICIENT_MARGIN) == ([order] if is_right else [])


@pytest.mark.parametrize(("kind", "is_right"), [(StripedEngine, True), (BookedLate, False)])
def test_m4_a_sellers_money_is_there_as_soon_as_the_trade_is(kind: type[StripedEngine], is_right: bool) -> None:
    """The withdrawal comes when the trade has matched. It may be too early, but then its stamp must say so."""
    history, violation = interrupted(striped(kind), RESTING, buy("AAA", 9, ANN), Withdraw(BOB, 500))
    trade, withdrawal = history.operations[-2:]
    assert refused(history, RejectReason.INSUFFICIENT_CASH) == [Withdraw(BOB, 500)]
    assert (withdrawal.answer.stamp < trade.answer.stamp) is is_right
    assert (violation is None) is is_right


@pytest.mark.parametrize(("kind", "is_right"), [(StripedEngine, True), (BalancesAsMet, False)])
def test_m4_balances_in_the_order_of_the_fills_deadlock_and_two_accounts_are_enough(
    kind: type[StripedEngine], is_right: bool
) -> None:
    """Ann takes from Bob in one book, and when she is about to be booked Bob takes from Ann in the other."""
    setup = [*FUNDS, Deposit(BOB, 500), Deposit(ANN, 5, "BBB"), sell("AAA", 1, BOB), sell("BBB", 7, ANN)]
    sync = Interrupted()
    engine = striped(kind)(BOOKS, CASH, sync)
    for command in setup:
        engine.submit(command)
    stuck: list[StuckError] = []

    def other() -> None:
        try:
            engine.submit(buy("BBB", 8, BOB))
        except StuckError as error:
            stuck.append(error)

    sync.other, sync.countdown = other, 2
    engine.submit(buy("AAA", 9, ANN))
    assert sync.thread is not None
    sync.thread.join()
    assert [str(error) for error in stuck] == ([] if is_right else ["waited in vain for balance 5"])


def test_m4_two_accounts_that_trade_both_ways_in_two_books_lose_nothing() -> None:
    funds: list[Command] = [
        Deposit(account, amount, symbol)
        for account in (ANN, BOB)
        for amount, symbol in ((10**6, None), (10**4, "AAA"), (10**4, "BBB"))
    ]

    def both_ways(symbol: str, seller: int, buyer: int) -> list[Command]:
        pairs = [(sell(symbol, 2 * at, seller, 1), buy(symbol, 2 * at + 1, buyer, 1)) for at in range(300)]
        return [command for pair in pairs for command in pair]

    scripts = [[*funds, *both_ways("AAA", BOB, ANN)], both_ways("BBB", ANN, BOB)]
    history = record(lambda sync: StripedEngine(BOOKS, CASH, sync=sync), BOOKS, CASH, scripts)
    assert check(history) is None
    assert sum(view.cash for view in history.accounts) == 2 * 10**6


# ── many threads, few accounts ──


def test_recorded_runs_of_few_accounts_in_several_books_are_explained_by_their_stamps() -> None:
    results = {result.check: result for result in run_concurrent("striped", budget_seconds=4, seed=3)}
    assert {result.verdict for result in results.values()} == {Verdict.AGREE}
    worth = results[ON_ACCOUNT].worth
    assert int(worth["overlapped"]) > 0.8 * int(worth["operations"]) > 0


def test_the_check_refutes_accounts_that_do_not_follow() -> None:
    history, violation = interrupted(striped(StripedEngine), RESTING, buy("AAA", 9, ANN), Deposit(BOB, 1))
    assert violation is None
    poorer = tuple(view._replace(cash=view.cash - 1) for view in history.accounts)
    violation = check(history._replace(accounts=poorer))
    assert violation is not None
    assert violation.kind == "final accounts"
    assert all(isinstance(view, AccountView) for view in poorer)
