"""The sequential judges: no false alarm on engines that are right, the shortest sequence for engines that are not."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.stateful import run_state_machine_as_test

from bookproof.engine.accounts import Entries
from bookproof.engine.book import FastBook
from bookproof.engine.interface import Answer
from bookproof.engine.ladder import Level, RestingOrder
from bookproof.engine.lists import Run
from bookproof.engine.striped import StripedEngine
from bookproof.models.engines_by_name import MakeEngine, factory, known
from bookproof.models.generate.case import Case
from bookproof.models.generate.features import EVERYTHING, PLAIN, SWARM, Feature, Features, alone
from bookproof.models.generate.funds import profile_for, with_accounts, with_margin, with_ranges
from bookproof.models.generate.soak import soak_case
from bookproof.models.generate.strategies import cases
from bookproof.models.generate.venues import VENUES
from bookproof.models.sequential import differential
from bookproof.models.sequential.differential import Difference, Kind, compare, shrink
from bookproof.models.sequential.machine import agreement_machine
from bookproof.models.sequential.patience import Hung, patiently
from bookproof.models.sequential.run import DECISION_RULES, LEAST_ROUNDS, ROUND, RUNS, numbered_case, run_sequential
from bookproof.models.verdict import Verdict
from bookproof.spec import exchange
from bookproof.spec.commands import Cancel, Command, Halt, Submit, SubmitList
from bookproof.spec.events import Cancelled, Event
from bookproof.spec.instruments import Instrument, listing
from bookproof.spec.invariants import Breach
from bookproof.spec.profile import DEFAULT, Profile
from bookproof.spec.reasons import CancelReason
from bookproof.spec.values import Account, Lots, OrderId, Place, Side, Symbol, TimeInForce
from bookproof.spec.views import AccountView, BookView, Depth, OrderStatus, Top, top_of

QUICK = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)

run_machine: Callable[..., None] = run_state_machine_as_test
"""Not every release of Hypothesis says what this takes."""

GOOD = ("striped", "global-lock")


# ── seeded defects ──


class _EagerIcebergBook(FastBook):
    __slots__ = ()

    def _refresh(self, maker: RestingOrder, level: Level) -> None:
        super()._refresh(maker, level)
        level.unlink(maker)  # the defect: from the end of the queue back to its head
        maker.preceding, maker.following = None, level.first
        if level.first is None:
            level.last = maker
        else:
            level.first.preceding = maker
        level.first = maker


class IcebergKeepsItsPlace(StripedEngine):
    """A new slice stands where the old one stood (rule D2)."""

    book_type: ClassVar[type[FastBook]] = _EagerIcebergBook


class KilledButTraded(StripedEngine):
    """A fill-or-kill order that is killed has taken what it could get (rule C5)."""

    def submit(self, command: Command) -> Answer:
        answer = super().submit(command)
        last = answer.events[-1]
        if isinstance(command, Submit) and isinstance(last, Cancelled) and last.reason is CancelReason.KILLED:
            super().submit(command._replace(time_in_force=TimeInForce.IOC))
        return answer


class CrashesOnDeadCancels(StripedEngine):
    """A cancel of an order that is gone raises (rule A3)."""

    def submit(self, command: Command) -> Answer:
        if isinstance(command, Cancel) and self.status(command.symbol, command.order_id) is None:
            raise KeyError(command.order_id)
        return super().submit(command)


class DeadlocksInHalts(StripedEngine):
    """A halt of a book takes the book's lock twice."""

    def submit(self, command: Command) -> Answer:
        if isinstance(command, Halt) and command.symbol is not None:
            with self._lock_of[command.symbol]:
                return super().submit(command)
        return super().submit(command)


class PhantomLevels(StripedEngine):
    """Depth goes on showing the best ask it has ever had (rule B11)."""

    def depth(self, symbol: Symbol) -> Depth:
        depth = super().depth(symbol)
        phantoms = self.__dict__.setdefault("phantoms", {})
        if depth.asks:
            phantoms[symbol] = depth.asks[0]
        return depth if depth.asks or symbol not in phantoms else Depth(depth.bids, (phantoms[symbol],))

    def top(self, symbol: Symbol) -> Top:
        return top_of(super().depth(symbol))


class ForgetsExecutions(StripedEngine):
    """The status of a partly filled order says that nothing was executed."""

    def status(self, symbol: Symbol, order_id: OrderId) -> OrderStatus | None:
        status = super().status(symbol, order_id)
        return status and status._replace(executed=0)


class _LenientRun(Run):
    def cancel(self, place: Place, events: list[Event]) -> None:
        """The defect: nothing."""


class RivalsStay(StripedEngine):
    """The others of a list stay where they are, whatever happens to one of them (rules H1, H4)."""

    def submit(self, command: Command) -> Answer:
        self._floor.lists.begin = lambda: _LenientRun(self._floor.books)  # type: ignore[method-assign]
        return super().submit(command)


class _HastyRun(Run):
    def _traded(self, place: Place, gone: Collection[Place], lots: Lots, events: list[Event]) -> None:
        found = self._books[place.symbol].lists.get(place.order_id)
        if found is not None and found.working == place:
            self._release(found)  # the defect: what is left of the working order is not asked
        else:
            super()._traded(place, gone, lots, events)


class ReleasesOnTheFirstFill(StripedEngine):
    """Who waits for an order enters as soon as that one has traded at all (rule H2)."""

    def submit(self, command: Command) -> Answer:
        self._floor.lists.begin = lambda: _HastyRun(self._floor.books)  # type: ignore[method-assign]
        return super().submit(command)


class HidesLists(StripedEngine):
    """Nobody sees who is in a list (rule H4)."""

    def view(self, symbol: Symbol) -> BookView:
        return super().view(symbol)._replace(lists=())


class ShowsNoReserve(StripedEngine):
    """An account seems to have all its cash at its disposal (rule M1)."""

    def account(self, account: Account) -> AccountView:
        return super().account(account)._replace(reserved=0)


class ForgetsTheSecondParty(StripedEngine):
    """Of the accounts that a command concerns, only the first is booked (rule M4)."""

    def _booked(self, events: Sequence[Event], entries: Entries) -> Answer:
        return super()._booked(events, dict(list(entries.items())[:1]))


class RepairsItselfWhenLookedAt(StripedEngine):
    """Every third command in a row that nobody looks behind is carried out twice."""

    unseen = 0

    def submit(self, command: Command) -> Answer:
        self.unseen += 1
        answer = super().submit(command)
        if self.unseen == 3 and isinstance(command, Submit):
            super().submit(command._replace(order_id=command.order_id + 1000))
        return answer

    def status(self, symbol: Symbol, order_id: OrderId) -> OrderStatus | None:
        self.unseen = 0
        return super().status(symbol, order_id)


DEFECTS: list[tuple[MakeEngine, Features, Kind, int, str]] = [
    (factory("priority-kept"), alone(Feature.REPLACE), Kind.QUEUE, 3, "F2"),
    (factory("remainder-lost"), PLAIN, Kind.QUEUE, 2, "C1"),
    (IcebergKeepsItsPlace, alone(Feature.ICEBERG), Kind.QUEUE, 3, "D2"),
    (KilledButTraded, alone(Feature.FOK), Kind.QUEUE, 2, "C5"),
    (CrashesOnDeadCancels, PLAIN, Kind.CRASH, 1, "A3"),
    (PhantomLevels, PLAIN, Kind.DEPTH, 2, "B11"),
    (ForgetsExecutions, PLAIN, Kind.STATUS, 2, "C1"),
    (ShowsNoReserve, alone(Feature.ACCOUNTS), Kind.ACCOUNT, 2, "M1"),
    (ForgetsTheSecondParty, alone(Feature.ACCOUNTS), Kind.ACCOUNT, 4, "M4"),
]
"""Engine, the features of the run, where it shows, the fewest commands that show it, a rule that is concerned."""

every_defect = pytest.mark.parametrize(
    ("engine", "features", "kind", "fewest", "rule"), DEFECTS, ids=[f"{kind}-{rule}" for _, _, kind, _, rule in DEFECTS]
)


def first_difference(engine: MakeEngine, features: Features, kind: Kind) -> tuple[Case, Difference]:
    """What a soak finds first of that kind, as it is found."""
    for number in range(200):
        case = soak_case(1, number, features)
        difference = compare(engine, case.instruments, case.profile, case.commands)
        if difference is not None and difference.kind is kind:
            return case, difference
    raise AssertionError("nothing found in 200 cases")


# ── engines that are right ──


@pytest.mark.parametrize("engine", GOOD)
@pytest.mark.parametrize("features", [PLAIN, EVERYTHING], ids=["plain", "everything"])
def test_state_machine_agrees(engine: str, features: Features) -> None:
    run_machine(agreement_machine(factory(engine), features), settings=QUICK)


@pytest.mark.parametrize("profile", VENUES.values(), ids=list(VENUES))
def test_state_machine_agrees_in_every_venue(profile: Profile) -> None:
    machine = agreement_machine(factory("striped"), EVERYTHING, profile)
    run_machine(machine, settings=settings(QUICK, max_examples=10))


@pytest.mark.parametrize("engine", GOOD)
def test_packed_cases_agree(engine: str) -> None:
    @settings(QUICK, max_examples=100)
    @given(cases())
    def check(case: Case) -> None:
        assert compare(factory(engine), *_without_profile(case)) is None

    check()


@pytest.mark.parametrize("name", SWARM)
def test_soak_agrees(name: str) -> None:
    for number, profile in enumerate(VENUES.values()):
        case = soak_case(7, number, SWARM[name], profile)
        late = number % 2 == 0
        assert compare(factory("striped"), *_without_profile(case), invariants=number == 0, late=late) is None


def _without_profile(case: Case) -> tuple[tuple[Instrument, ...], Profile, tuple[Command, ...]]:
    return case.instruments, case.profile, case.commands


# ── engines that are not ──


@every_defect
def test_defect_is_found_and_shrinks_to_the_fewest_commands(
    engine: MakeEngine, features: Features, kind: Kind, fewest: int, rule: str
) -> None:
    shortest, difference = shrink(engine, *first_difference(engine, features, kind))
    assert (difference.kind, len(shortest.commands)) == (kind, fewest)
    assert rule in difference.rules
    assert shortest.instruments == listing(["ABC"])
    assert shortest.profile == profile_for(features, DEFAULT)
    assert compare(engine, *_without_profile(shortest)) == difference


@every_defect
def test_shrunk_numbers_are_small(engine: MakeEngine, features: Features, kind: Kind, fewest: int, rule: str) -> None:
    shortest, _ = shrink(engine, *first_difference(engine, features, kind))
    orders = [command for command in shortest.commands if isinstance(command, Submit)]
    most = 2 if Feature.ACCOUNTS in features else 1  # settlement takes two
    assert all(order.quantity <= 2 and order.account <= most and order.price == 100 for order in orders)
    assert [order.order_id for order in orders] == list(range(1, len(orders) + 1))


@pytest.mark.parametrize(
    ("engine", "kind", "fewest", "rule"),
    [
        (RivalsStay, Kind.EVENTS, 2, "H4"),
        (ReleasesOnTheFirstFill, Kind.EVENTS, 2, "B4"),
        (HidesLists, Kind.BOOK, 1, "H4"),
    ],
    ids=lambda it: getattr(it, "__name__", None),
)
def test_a_defect_of_lists_is_found_and_shrinks_to_one_small_list_and_what_shows_it(
    engine: MakeEngine, kind: Kind, fewest: int, rule: str
) -> None:
    shortest, difference = shrink(engine, *first_difference(engine, alone(Feature.LISTS), kind))
    [asked] = [command for command in shortest.commands if isinstance(command, SubmitList)]
    assert (len(shortest.commands), len(asked.legs)) == (fewest, 2)
    assert all(leg.quantity <= 2 and leg.account == 1 for leg in asked.legs)
    assert rule in difference.rules
    assert compare(engine, *_without_profile(shortest)) == difference


def test_machine_fails_readably() -> None:
    machine = agreement_machine(CrashesOnDeadCancels, PLAIN)
    with pytest.raises(AssertionError) as failure:
        run_machine(machine, settings=QUICK)
    assert 'the engine crashes on submit(Cancel("ABC", order_id=1)): KeyError: 1' in str(failure.value)
    assert "the rule book says" in str(failure.value)
    program = "\n".join(failure.value.__notes__)
    assert "order_0 = state.order(account=1," in program
    assert program.count("state.cancel(order=order_0)") == 2


def test_a_hang_is_a_difference_and_shrinks() -> None:
    sell = Submit("ABC", 1, 1, Side.SELL, 1, 100)
    case = Case(listing(["ABC", "XYZ"]), (sell, Halt("ABC"), sell))
    difference = compare(DeadlocksInHalts, *_without_profile(case), patience=0.3)
    assert difference is not None
    assert (difference.kind, difference.step, difference.got) == (Kind.HANG, 1, None)
    shortest, difference = shrink(DeadlocksInHalts, case, difference)
    assert (shortest.commands, difference.kind) == ((Halt("ABC"),), Kind.HANG)


def test_a_hang_of_the_oracle_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(state: object, command: object) -> object:
        while True:
            pass

    monkeypatch.setattr(exchange, "step", never)
    difference = compare(factory("striped"), listing(["ABC"]), DEFAULT, [Halt("ABC")], patience=0.2)
    assert difference is not None
    assert (difference.kind, difference.step, difference.hangs) == (Kind.ORACLE, 0, True)
    assert 'the oracle never answers submit(Halt("ABC"))' in str(difference)


def test_an_engine_that_repairs_itself_is_seen_by_looking_late() -> None:
    sells = tuple(Submit("ABC", number, 1, Side.SELL, 1, 100) for number in range(1, 6))
    case = Case(listing(["ABC"]), sells)
    assert compare(RepairsItselfWhenLookedAt, *_without_profile(case)) is None
    difference = compare(RepairsItselfWhenLookedAt, *_without_profile(case), late=True)
    assert difference is not None
    shortest, difference = shrink(RepairsItselfWhenLookedAt, case, difference, late=True)
    assert (len(shortest.commands), difference.kind) == (3, Kind.QUEUE)


def test_a_mistake_of_the_oracle_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    breach = Breach("never_on_a_halt", ("J2",), "it halted")

    def broken(before: object, command: Command, events: object, after: object) -> list[Breach]:
        return [breach] if isinstance(command, Halt) else []

    monkeypatch.setattr(differential, "broken", broken)
    difference = compare(factory("striped"), listing(["ABC"]), DEFAULT, [Halt("ABC")], invariants=True)
    assert difference is not None
    assert (difference.kind, difference.rules) == (Kind.ORACLE, ("J2",))
    assert str(breach) in str(difference)
    assert compare(factory("striped"), listing(["ABC"]), DEFAULT, [Halt("ABC")]) is None


# ── the parts ──


def test_a_difference_shows_both_answers_side_by_side() -> None:
    sell, buy = Submit("ABC", 1, 1, Side.SELL, 1, 100), Submit("ABC", 2, 1, Side.BUY, 2, 100)
    difference = compare(factory("remainder-lost"), listing(["ABC"]), DEFAULT, [sell, buy])
    assert str(difference) == (
        'step 2: queue("ABC") is wrong after '
        'Submit("ABC", order_id=2, account=1, side=Side.BUY, quantity=2, price=100)\n'
        "    the rule book says                                                       the engine says\n"
        "  ≠ bids QueuedOrder(order_id=2, account=1, price=100, visible=1, leaves=1)  bids nothing\n"
        "    asks nothing                                                             asks nothing\n"
        "  rules: A2, B1, B4, B5, B11, C1, E2"
    )


def test_patience_gives_back_results_and_errors() -> None:
    def fails() -> int:
        raise KeyError("x")

    assert patiently(lambda: 3, lambda: 0, 5.0) == 3
    with pytest.raises(KeyError):
        patiently(fails, lambda: 0, 5.0)


def test_patience_stops_a_loop_without_end() -> None:
    before = set(threading.enumerate())
    turns = 0

    def loop() -> None:
        nonlocal turns
        while True:
            turns += 1

    with pytest.raises(Hung):
        patiently(loop, lambda: 0, 0.1)
    for thread in set(threading.enumerate()) - before:
        thread.join(5.0)
        assert not thread.is_alive()


def test_patience_lasts_while_something_moves() -> None:
    steps = iter(range(1000))
    done = threading.Event()
    timer = threading.Timer(0.3, done.set)
    timer.start()
    assert patiently(lambda: done.wait(5.0), lambda: next(steps), 0.05)


def test_engines_by_name() -> None:
    assert set(GOOD) <= set(known())
    for name in known():
        assert factory(name)(listing(["ABC", "XYZ"])).queue("XYZ").bids == ()
    with pytest.raises(
        ValueError, match="expected the name of an engine, got 'no-such'; known are striped, global-lock"
    ):
        factory("no-such")


# ── bookproof verify --only sequential ──


def test_even_without_a_budget_every_run_is_done_in_every_venue() -> None:
    told: list[tuple[float, str]] = []
    results = run_sequential("striped", budget_seconds=0, seed=3, progress=lambda done, what: told.append((done, what)))
    assert [result.check for result in results] == list(RUNS)
    assert {result.verdict for result in results} == {Verdict.AGREE}
    assert all(result.worth["sequences"] in (LEAST_ROUNDS, LEAST_ROUNDS * 4) for result in results)
    assert all(int(result.worth["commands"]) > 20 * LEAST_ROUNDS for result in results)
    together = next(result for result in results if result.check == "all together")
    assert f"of {len(DECISION_RULES)} decision rules" in together.note
    assert told[-1] == (1.0, "done")


@pytest.mark.parametrize("engine", ["remainder-lost", IcebergKeepsItsPlace], ids=["by name", "by class"])
def test_the_line_that_runs_it_again_runs_the_very_case(engine: str | type[StripedEngine]) -> None:
    results = run_sequential(engine, budget_seconds=0, seed=11)
    failures = [result for result in results if result.disagreement is not None]
    assert failures
    for failure in failures[:3]:
        assert failure.disagreement is not None
        line = shlex.split(failure.disagreement.run_again)
        assert line[:4] == ["bookproof", "verify", "--only", "sequential"]
        options = dict(zip(line[4::2], line[5::2], strict=True))
        again = options.get("--engine", engine)
        [result] = run_sequential(again, budget_seconds=0, seed=int(options["--seed"]), case=int(options["--case"]))
        assert (result.check, result.disagreement) == (failure.check, failure.disagreement)


def test_an_engine_that_always_hangs_does_not_use_up_the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(differential, "SHORT_PATIENCE", 0.05)

    class Hangs(StripedEngine):
        def submit(self, command: Command) -> Answer:
            with self._stripes[0]:
                return super().submit(command)

    def make(instruments: Iterable[Instrument], profile: Profile) -> StripedEngine:
        return Hangs(instruments, profile, stripes=1)

    results = run_sequential(make, budget_seconds=0, seed=1, patience=0.2)
    verdicts = [result.verdict for result in results]
    assert verdicts[0] is Verdict.DISAGREE
    assert verdicts.count(Verdict.NOT_RUN) == len(RUNS) - 1


def test_case_numbers_go_through_features_and_venues() -> None:
    cases = [numbered_case(1, number) for number in range(len(ROUND) * LEAST_ROUNDS)]
    assert {name for name, _ in cases} == set(RUNS)
    profiles = {case.profile for _, case in cases}
    variants = {kept for it in VENUES.values() for kept in (it, with_accounts(it), with_margin(it), with_ranges(it))}
    assert set(VENUES.values()) <= profiles <= variants
    assert len({case for _, case in cases}) == len(cases)
