"""Each seeded defect is caught, by a test that names it, with the shortest history that shows it."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable

import pytest

from bookproof.engine.striped import StripedEngine
from bookproof.engine.sync import THREADS, Sync, Threads
from bookproof.engine.zoo import ZOO
from bookproof.engine.zoo.lock_defects import (
    FarBookForgotten,
    ListsReadBeforeLock,
    LookUpBeforeLock,
    RivalCancelledLate,
    SpreadAlone,
    StaleRoute,
    StripesAsDiscovered,
)
from bookproof.models.concurrent.check import check
from bookproof.models.concurrent.recorder import RunError, record
from bookproof.models.concurrent.run import run_concurrent
from bookproof.models.engines_by_name import factory
from bookproof.models.generate.features import Feature, alone
from bookproof.models.generate.soak import soak_case
from bookproof.models.interleaving.scenarios import NAMED
from bookproof.models.sequential.differential import compare, shrink
from bookproof.models.sequential.run import numbered_case
from bookproof.models.verdict import Verdict
from bookproof.spec.commands import Basket, Cancel, Command, Leg, Replace, Route, Submit, SubmitList
from bookproof.spec.events import Cancelled, ImpliedTrade, Trade
from bookproof.spec.exchange import opening, run
from bookproof.spec.instruments import Instrument, listing
from bookproof.spec.profile import DEFAULT, Generations, Profile
from bookproof.spec.values import ListKind, Side

BOOKS = listing(["ABC", "XYZ"])


def sell(order: int, quantity: int, symbol: str = "ABC") -> Submit:
    return Submit(symbol, order, 1, Side.SELL, quantity, 100)


def buy(order: int, quantity: int, symbol: str = "ABC") -> Submit:
    return Submit(symbol, order, 2, Side.BUY, quantity, 100)


SHORTEST: dict[str, list[Command]] = {
    "priority-kept": [sell(1, 1), sell(2, 1), Replace("ABC", 1, 2)],
    "remainder-lost": [sell(1, 1), buy(2, 2)],
}


@pytest.mark.parametrize("name", SHORTEST)
def test_the_shortest_history_shows_the_defect(name: str) -> None:
    assert compare(factory(name), BOOKS, DEFAULT, SHORTEST[name]) is not None
    assert compare(factory(name), BOOKS, DEFAULT, SHORTEST[name][:-1]) is None, "one command less does not"
    assert compare(factory("striped"), BOOKS, DEFAULT, SHORTEST[name]) is None


FEATURE = {"priority-kept": Feature.REPLACE, "remainder-lost": Feature.LIMIT}


@pytest.mark.parametrize("name", FEATURE)
def test_the_sequential_judge_finds_the_defect_within_200_cases_and_shrinks_it_to_the_shortest(name: str) -> None:
    make = factory(name)
    for number in range(200):
        case = soak_case(1, number, alone(FEATURE[name]))
        difference = compare(make, case.instruments, case.profile, case.commands)
        if difference is not None:
            shortest, _ = shrink(make, case, difference)
            assert len(shortest.commands) == len(SHORTEST[name])
            return
    pytest.fail("no case showed the defect")


SEEDED = 120
"""So many cases of the sequential judge go through every venue and nearly every run."""


@pytest.mark.parametrize("name", [name for name, defect in ZOO.items() if defect.needs_threads])
def test_one_thread_alone_never_sees_a_defect_of_locking(name: str) -> None:
    make = factory(name)
    for number in range(SEEDED):
        run_name, case = numbered_case(1, number * 7)
        difference = compare(make, case.instruments, case.profile, case.commands)
        assert difference is None, (run_name, number, difference)


ALONE = [name for name, defect in ZOO.items() if not defect.needs_threads and name not in SHORTEST]


@pytest.mark.parametrize("name", ALONE)
def test_random_commands_on_one_thread_see_what_one_thread_can_see(name: str) -> None:
    make = factory(name)
    cases = (numbered_case(1, number)[1] for number in range(6_000))
    assert any(compare(make, case.instruments, case.profile, case.commands) is not None for case in cases)


def test_the_zoo_is_large_and_every_defect_says_where_it_was_seen() -> None:
    assert len(ZOO) >= 42
    assert len({defect.engine for defect in ZOO.values()}) == len(ZOO)
    for name, defect in ZOO.items():
        assert defect.name == name
        assert defect.scenario in NAMED, name
        assert defect.story.endswith("."), name
        assert re.match(r"made up: \w|\S+ [#\d]\S*: \w|[\w.-]+/[\w.-]+ #\d+: \w", defect.seen), (name, defect.seen)


def test_most_defects_were_seen_in_the_wild() -> None:
    wild = [name for name, defect in ZOO.items() if not defect.seen.startswith("made up")]
    assert len(wild) > len(ZOO) / 2


STRESSED = ("lost-stripe-lock", "look-up-before-lock", "unordered-stripes", "check-then-fill")
"""Enough of them for a judge that needs luck; `bookproof zoo` finds every one without any."""


@pytest.mark.parametrize("name", [*FEATURE, *STRESSED])
def test_the_concurrent_judge_finds_the_defect(name: str) -> None:
    results = run_concurrent(name, budget_seconds=120, seed=1)
    assert Verdict.DISAGREE in {result.verdict for result in results}


@pytest.mark.parametrize("name", ["striped", "global-lock"])
def test_the_concurrent_judge_passes_a_correct_engine(name: str) -> None:
    results = run_concurrent(name, budget_seconds=3, seed=1)
    assert {result.verdict for result in results} == {Verdict.AGREE}
    assert all(int(result.worth["operations"]) > 0 for result in results)


class InterruptedOnce(Threads):
    """A `Sync` whose locks let somebody else go first, once: deterministically, without a second thread."""

    def __init__(self) -> None:
        self.before_next: Callable[[], object] | None = None

    def lock(self, name: str) -> InterruptedLock:
        return InterruptedLock(self)

    def counter(self, name: str) -> Callable[[], int]:
        return THREADS.counter(name)


class InterruptedLock:
    def __init__(self, sync: InterruptedOnce) -> None:
        self._sync = sync
        self._lock = threading.Lock()

    def acquire(self) -> bool:
        interruption, self._sync.before_next = self._sync.before_next, None
        if interruption is not None:
            interruption()
        return self._lock.acquire()

    def release(self) -> None:
        self._lock.release()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *error: object) -> None:
        self.release()


@pytest.mark.parametrize(("engine_type", "is_right"), [(StripedEngine, True), (LookUpBeforeLock, False)])
def test_look_up_before_lock_reports_a_filled_order_as_cancelled(
    engine_type: type[StripedEngine], is_right: bool
) -> None:
    sync = InterruptedOnce()
    engine = engine_type(BOOKS, sync=sync)
    engine.submit(sell(1, 5))
    sync.before_next = lambda: engine.submit(buy(2, 5))
    answer = engine.submit(Cancel("ABC", 1))
    state, _ = run(opening(BOOKS), [sell(1, 5), buy(2, 5)])
    _, right = run(state, [Cancel("ABC", 1)])
    assert (answer.events == right) is is_right
    assert isinstance(answer.events[0], Cancelled) is not is_right


@pytest.mark.parametrize(("engine_type", "is_right"), [(StripedEngine, True), (StaleRoute, False)])
def test_stale_route_passes_a_better_quote_over_that_came_while_it_made_up_its_mind(
    engine_type: type[StripedEngine], is_right: bool
) -> None:
    pool = (Instrument("ABC", group="pool"), Instrument("XYZ", group="pool"))
    better = Submit("XYZ", 2, 1, Side.SELL, 5, 99)
    sync = InterruptedOnce()
    engine = engine_type(pool, sync=sync)
    engine.submit(sell(1, 5))
    sync.before_next = lambda: engine.submit(better)
    answer = engine.submit(Route(buy(3, 5)))
    state, _ = run(opening(pool), [sell(1, 5), better])
    _, right = run(state, [Route(buy(3, 5))])
    assert right[1] == Trade("XYZ", 99, 5, 2, 3)
    assert (answer.events == right) is is_right


class TakenDown(Threads):
    """A `Sync` that writes down which locks are taken."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    def lock(self, name: str) -> InterruptedLock:
        return TakenDownLock(self, name)

    def counter(self, name: str) -> Callable[[], int]:
        return THREADS.counter(name)


class TakenDownLock(InterruptedLock):
    def __init__(self, sync: TakenDown, name: str) -> None:
        super().__init__(InterruptedOnce())
        self._all = sync
        self._name = name

    def acquire(self) -> bool:
        self._all.taken.append(self._name)
        return super().acquire()


@pytest.mark.parametrize(("engine_type", "stripes"), [(StripedEngine, {0, 1, 2}), (SpreadAlone, {2})])
def test_spread_alone_trades_in_books_whose_stripes_it_does_not_hold(
    engine_type: type[StripedEngine], stripes: set[int]
) -> None:
    trio = (*BOOKS, Instrument("ABC-XYZ", min_price=-9, legs=("ABC", "XYZ")))
    sync = TakenDown()
    engine = engine_type(trio, stripes=3, sync=sync)
    engine.submit(sell(1, 5))
    engine.submit(buy(2, 5, "XYZ"))
    sync.taken.clear()
    [_, trade] = engine.submit(Submit("ABC-XYZ", 3, 3, Side.BUY, 5, 0)).events
    assert isinstance(trade, ImpliedTrade)
    assert {leg.symbol for leg in trade.legs} == {"ABC", "XYZ"}
    assert sync.taken == [f"stripe {number}" for number in sorted(stripes)]


@pytest.mark.parametrize(("engine_type", "stripes"), [(StripedEngine, {0, 1, 2, 3, 4}), (FarBookForgotten, {0, 1, 3})])
def test_far_book_forgotten_follows_a_chain_into_books_whose_stripes_it_does_not_hold(
    engine_type: type[StripedEngine], stripes: set[int]
) -> None:
    spreads = [Instrument(f"{one}-{two}", min_price=-9, legs=(one, two)) for one, two in ("AB", "BC")]
    sync = TakenDown()
    second = Profile(implied_generations=Generations.SECOND)
    engine = engine_type((*listing("ABC"), *spreads), second, stripes=5, sync=sync)
    for number, symbol in enumerate(("C", "A-B", "B-C")):
        engine.submit(Submit(symbol, number, 1, Side.SELL, 5, 1))
    sync.taken.clear()
    [_, trade] = engine.submit(Submit("A", 3, 3, Side.BUY, 5, 3)).events
    assert isinstance(trade, ImpliedTrade)
    assert {leg.symbol for leg in trade.legs} == {"C", "A-B", "B-C"}
    assert sync.taken == [f"stripe {number}" for number in sorted(stripes)]


def test_a_routed_order_takes_the_stripes_of_its_group_and_no_other_lowest_first() -> None:
    pool = tuple(Instrument(symbol, group="pool" if symbol != "DEF" else "") for symbol in ("ABC", "DEF", "GHI", "XYZ"))
    sync = TakenDown()
    engine = StripedEngine(pool, stripes=4, sync=sync)
    engine.submit(Route(Submit("XYZ", 1, 1, Side.BUY, 5, 100)))
    engine.submit(Route(Submit("DEF", 1, 1, Side.BUY, 5, 100)))
    assert sync.taken == ["stripe 0", "stripe 2", "stripe 3", "stripe 1"]


def test_unordered_stripes_deadlock_and_two_baskets_are_enough() -> None:
    one = Basket(1, (Leg("ABC", 1, Side.BUY, 1), Leg("XYZ", 2, Side.BUY, 1)))
    other = Basket(2, (Leg("XYZ", 3, Side.BUY, 1), Leg("ABC", 4, Side.BUY, 1)))
    unordered, ordered = ZOO["unordered-stripes"].engine, StripedEngine
    scripts = [[one] * 2000, [other] * 2000]
    with pytest.raises(RunError, match="waits for stripe"):
        record(lambda sync: unordered(BOOKS, sync=sync), BOOKS, DEFAULT, scripts)
    assert check(record(lambda sync: ordered(BOOKS, sync=sync), BOOKS, DEFAULT, scripts)) is None


# ── rivals in two books ──

RIVALS = SubmitList(ListKind.OCO, (sell(1, 5), sell(1, 5, "XYZ")))


class SecondThreadAt(Threads):
    """A `Sync` that starts a second thread at the n-th time that the first is about to take a lock.

    The first goes on when the second is done, or waits for a lock itself: so each place where a lock is taken is cut
    open once, and with two threads of which one does nothing of its own accord the outcome is always the same.
    """

    def __init__(self, number: int, act: Callable[[], object]) -> None:
        self._countdown = number
        self._act = act
        self._first: int | None = None
        self.second: threading.Thread | None = None

    def watch(self) -> None:
        """From here on it counts."""
        self._first = threading.get_ident()

    def lock(self, name: str) -> ApproachedLock:
        return ApproachedLock(self)

    def counter(self, name: str) -> Callable[[], int]:
        return THREADS.counter(name)

    def approached(self) -> None:
        if threading.get_ident() != self._first:
            return
        self._countdown -= 1
        if self._countdown == 0:
            self.second = threading.Thread(target=self._act, daemon=True)
            self.second.start()
            self.second.join(0.2)  # it may have to wait for what the first one holds


class ApproachedLock:
    def __init__(self, sync: SecondThreadAt) -> None:
        self._sync = sync
        self._lock = threading.Lock()

    def acquire(self) -> bool:
        self._sync.approached()
        assert self._lock.acquire(timeout=5), "the two threads wait for each other"
        return True

    def release(self) -> None:
        self._lock.release()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *error: object) -> None:
        self.release()


def legs_executed(engine_type: type[StripedEngine], number: int, list_first: bool) -> list[str]:
    """The books in which a leg of RIVALS traded when a second thread came in at the n-th lock of the first.

    The first buys in ABC. The second enters the list, unless it was there before, and buys in XYZ.
    """
    trades: list[str] = []

    def take(command: Command) -> None:
        events = engine.submit(command).events
        trades.extend(event.symbol for event in events if isinstance(event, Trade) and event.maker == 1)

    def second() -> None:
        if not list_first:
            engine.submit(RIVALS)
        take(buy(3, 1, "XYZ"))

    sync = SecondThreadAt(number, second)
    engine = engine_type(BOOKS, sync=sync)
    if list_first:
        engine.submit(RIVALS)
    sync.watch()
    take(buy(2, 1))
    if sync.second is not None:
        sync.second.join(10)
        assert not sync.second.is_alive()
    return trades


PLACES = range(1, 7)
"""More locks than a command in two tied books takes: the last of these cut nothing."""


@pytest.mark.parametrize("number", PLACES)
def test_both_legs_of_an_oco_hit_at_once_by_two_takers_in_two_books_execute_once(number: int) -> None:
    assert len(legs_executed(StripedEngine, number, list_first=True)) == 1


def test_rival_cancelled_late_lets_both_legs_execute() -> None:
    outcomes = [legs_executed(RivalCancelledLate, number, list_first=True) for number in PLACES]
    assert ["XYZ", "ABC"] in outcomes or ["ABC", "XYZ"] in outcomes


@pytest.mark.parametrize(("engine_type", "at_most"), [(StripedEngine, 1), (ListsReadBeforeLock, 2)])
def test_lists_read_before_lock_leaves_the_rival_of_a_list_that_came_meanwhile(
    engine_type: type[StripedEngine], at_most: int
) -> None:
    """The second thread enters the list and leaves; the first, which saw no list, then trades with one of its legs."""
    sync = InterruptedOnce()
    engine = engine_type(BOOKS, sync=sync)
    sync.before_next = lambda: engine.submit(RIVALS)
    first = engine.submit(buy(2, 1)).events
    second = engine.submit(buy(3, 1, "XYZ")).events
    trades = [event for event in (*first, *second) if isinstance(event, Trade)]
    assert len(trades) == at_most


def test_stripes_as_discovered_deadlock_and_two_books_are_enough() -> None:
    scripts: list[list[Command]] = [[Cancel("ABC", 99)] * 2000, [Cancel("XYZ", 99)] * 2000]

    def make(engine_type: type[StripedEngine]) -> Callable[[Sync], StripedEngine]:
        def with_rivals(sync: Sync) -> StripedEngine:
            engine = engine_type(BOOKS, sync=sync)
            engine.submit(RIVALS)
            return engine

        return with_rivals

    with pytest.raises(RunError, match="waits for stripe"):
        record(make(StripesAsDiscovered), BOOKS, DEFAULT, scripts)
    record(make(StripedEngine), BOOKS, DEFAULT, scripts)
