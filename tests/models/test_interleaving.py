"""Every schedule: the search against a naive one, the engine on all scenarios, the defects, and tokens to replay."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Collection, Iterable
from contextlib import closing
from math import factorial
from typing import Any

import pytest

from bookproof.engine.interface import Answer
from bookproof.engine.striped import StripedEngine
from bookproof.engine.zoo import ZOO
from bookproof.models.cli import main
from bookproof.models.engines_by_name import factory
from bookproof.models.interleaving import zoo
from bookproof.models.interleaving.explore import Explorer, How, Method, Verdict
from bookproof.models.interleaving.generated import generated
from bookproof.models.interleaving.run import fault_of, run_schedules, token
from bookproof.models.interleaving.sampling import UniformWalk, Walk
from bookproof.models.interleaving.scenarios import NAMED, ROWS
from bookproof.models.interleaving.scheduler import Choose, Run, Scheduler
from bookproof.models.interleaving.search import Naive, Reduced
from bookproof.models.interleaving.small import (
    CLASSICS,
    MUTANTS,
    By,
    Classic,
    Locksmith,
    compared,
    found,
    grid,
    runs_of,
    traces_of,
)
from bookproof.models.interleaving.token import read_token, token_of
from bookproof.models.interleaving.traces import linearizations, trace_of
from bookproof.models.interleaving.zoo import faults
from bookproof.models.verdict import Verdict as Agreement
from bookproof.spec.commands import Cancel, Command, Submit
from bookproof.spec.input_error import InputError
from bookproof.spec.values import Symbol

# ── small programs of locks and variables, with every defect there is ──


def lost(number: int, by: By = Reduced) -> bool:
    """Whether the reduced search loses an outcome of a random program."""
    both = compared(number, by, 2_000)
    return both is not None and both.lost


def test_the_reduced_search_loses_no_outcome_of_random_programs_and_cuts_no_run() -> None:
    judged = [both for number in range(80) if (both := compared(number, most=2_000)) is not None]
    assert len(judged) > 60
    assert [both.number for both in judged if both.lost] == []
    assert sum(both.reduced.cut for both in judged) == 0


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_search_with_a_defect_loses_outcomes(mutant: str) -> None:
    assert any(lost(number, MUTANTS[mutant]) for number in range(80))


@pytest.mark.parametrize("classic", CLASSICS, ids=lambda classic: classic.name)
def test_the_traces_of_classic_programs_are_as_many_as_was_published_and_no_run_is_cut(classic: Classic) -> None:
    assert traces_of(classic) == (classic.traces, 0)


@pytest.mark.parametrize(("size", "traces", "schedules"), [((2, 2), 4, 6), ((3, 2), 36, 114), ((3, 3), 400, 2064)])
def test_stripes_have_the_traces_and_schedules_that_were_counted_before(
    size: tuple[int, int], traces: int, schedules: int
) -> None:
    assert runs_of(grid(*size)) == traces
    assert runs_of(grid(*size), Naive) == schedules


def test_the_orders_of_all_traces_are_all_the_schedules() -> None:
    with closing(Scheduler(3)) as scheduler:
        for number in range(1, 12):
            program = Locksmith(number, scheduler)
            found(program, Reduced)  # racing variables are points from here on
            runs = list(Reduced(program.execute))
            ways = [linearizations(run) for run in runs]
            assert all(way.exact for way in ways)
            assert sum(way.orders for way in ways) == sum(1 for _ in Naive(program.execute))
            assert len({trace_of(run) for run in runs}) == len(runs)
            scheduler.racy = frozenset()


def test_too_many_orders_to_count_are_a_lower_bound() -> None:
    with closing(Scheduler(3)) as scheduler:
        run = next(iter(Reduced(Locksmith(5, scheduler).execute)))
        exact, bound = linearizations(run), linearizations(run, 1)
        assert not bound.exact
        assert 0 < bound.orders < exact.orders


@pytest.mark.parametrize(("threads", "times"), [(2, 1), (2, 2), (2, 3), (3, 1), (3, 2)])
def test_one_lock_for_all_gives_every_order_and_locks_of_ones_own_give_one(threads: int, times: int) -> None:
    with closing(Scheduler(threads)) as scheduler:

        def runs(own: bool, by: By) -> int:
            def execute(choose: Choose) -> Run:
                locks = [scheduler.lock(f"lock {thread if own else 0}") for thread in range(threads)]

                def script(thread: int) -> Callable[[], None]:
                    def act() -> None:
                        for _ in range(times):
                            with locks[thread]:
                                pass

                    return act

                return scheduler.run([script(thread) for thread in range(threads)], choose)

            return sum(1 for _ in by(execute))

        every_order = factorial(threads * times) // factorial(times) ** threads
        assert runs(False, Reduced) == every_order
        assert runs(False, Naive) == every_order
        assert runs(True, Reduced) == 1
        assert runs(True, Naive) == every_order


def test_a_look_up_before_the_lock_is_found_where_a_published_checker_certifies_it() -> None:
    """One lock, one dict, three threads: a cancel that looks up before it locks, a fill of 3, a fill of 2.

    frontrun 0.7.0 says that the property holds, after 6 schedules.
    """
    with closing(Scheduler(3)) as scheduler:
        ends: set[tuple[int, ...]] = set()

        def execute(choose: Choose) -> Run:
            lock, open_lots, sums = scheduler.lock("lock"), {1: 5}, [0]

            def cancel() -> None:
                scheduler.touch("book", writes=False)
                seen = open_lots.get(1, 0)  # the defect
                with lock:
                    scheduler.touch("book", writes=True)
                    if seen:
                        open_lots.pop(1, None)
                        sums[0] += seen

            def fill(lots: int) -> Callable[[], None]:
                def act() -> None:
                    with lock:
                        scheduler.touch("book", writes=True)
                        taken = min(lots, open_lots.get(1, 0))
                        if taken:
                            open_lots[1] -= taken
                            sums[0] += taken

                return act

            run = scheduler.run([cancel, fill(3), fill(2)], choose)
            ends.add((sums[0], *open_lots.values()))
            return run

        races = {race.cell for run in Reduced(execute) for race in run.races}
        assert races == {"book"}
        assert any(total > 5 for total, *_ in ends)


def test_threads_that_wait_for_each_other_are_told_with_their_locks() -> None:
    certificate = Explorer(factory("unordered-stripes")).explore(NAMED["baskets-cross"], 60.0)
    assert certificate.verdict is Verdict.FAILED
    assert certificate.fault is not None
    assert certificate.fault.kind == "deadlock"
    assert certificate.fault.story == "A waits for stripe 1, which B holds; B waits for stripe 0, which A holds"


# ── the engine ──


@pytest.mark.parametrize("engine", ["striped", "global-lock"])
@pytest.mark.parametrize("name", NAMED)
def test_every_schedule_of_every_scenario_is_explained(engine: str, name: str) -> None:
    certificate = Explorer(factory(engine)).explore(NAMED[name], 60.0)
    assert certificate.verdict is Verdict.VERIFIED, certificate.fault
    assert certificate.runs > certificate.cut
    assert certificate.traces > 1


def test_what_needs_more_than_one_lock_has_scenarios() -> None:
    assert ROWS.keys() == set(range(1, 17)), "section P has 16 rows"
    for names in ROWS.values():
        assert set(names) <= NAMED.keys()
        assert names


def test_random_scenarios_raise_no_false_alarm() -> None:
    explorer = Explorer(factory("striped"))
    certificates = [explorer.explore(generated(3, 2, number), 60.0) for number in range(60)]
    assert [each for each in certificates if each.verdict is not Verdict.VERIFIED] == []
    assert sum(each.cut for each in certificates) <= sum(each.runs for each in certificates) // 20


@pytest.mark.parametrize("engine", ZOO)
def test_every_defect_is_caught_where_it_shows_best_and_its_token_shows_it_again(engine: str) -> None:
    found = next(faults(engine))
    assert found.scenario.name == ZOO[engine].scenario
    assert found.fault is not None
    assert len(token(found)) <= 40
    assert sum(map(len, found.scenario.scripts)) <= 4, "the counterexample is small"
    for _ in range(3):
        again = fault_of(token(found), engine)
        assert again is not None
        assert (again.kind, again.story) == (found.fault.kind, found.fault.story)


class PeeksAfterwards(StripedEngine):
    """A command looks at its book once more when it has let go of it."""

    def submit(self, command: Command) -> Answer:
        answer = super().submit(command)
        if isinstance(command, Submit):
            self._floor.books[command.symbol].queue()
        return answer


def test_a_look_after_the_lock_is_a_race_though_no_point_lies_between() -> None:
    certificate = Explorer(PeeksAfterwards).explore(NAMED["buy-sell"], 60.0)
    assert certificate.fault is not None
    assert certificate.fault.kind == "race"


def test_whoever_leaves_a_lock_that_another_holds_lets_a_third_one_in() -> None:
    found = Explorer(factory("left-twice")).explore(NAMED["thrown-out"], 60.0)
    assert found.fault is not None
    assert "+stripe_0" in token(found), "the lock itself is a point"


@pytest.mark.parametrize("thrown_out", [False, True])
def test_leaving_a_lock_that_nobody_holds_raises_as_in_threading_and_is_a_race(thrown_out: bool) -> None:
    with closing(Scheduler(2)) as scheduler:
        lock = scheduler.lock("lock")
        held: list[str] = []

        def careful() -> None:
            with lock:
                held.append("in")

        def careless() -> None:
            lock.release()

        run = scheduler.run([careful if thrown_out else lambda: None, careless], lambda wanted, able: min(able))
        assert {race.cell for race in run.races} == {"lock"}
        assert isinstance(run.errors[1], RuntimeError)


class Untied(StripedEngine):
    """Holds the stripes of the books that a command names, and not of those that lists tie them to."""

    def _tied(self, symbols: Iterable[Symbol], held: Collection[int]) -> dict[int, None]:
        return dict.fromkeys(self._stripe_of[symbol] for symbol in symbols)


@pytest.mark.parametrize("name", ["rivals-hit", "rivals-enter", "chain-cancel", "rivals-uncross"])
def test_a_book_that_a_list_reaches_without_its_stripe_answers_wrongly_and_is_a_point_of_the_schedule(
    name: str,
) -> None:
    certificate = Explorer(Untied).explore(NAMED[name], 60.0)
    assert certificate.verdict is Verdict.FAILED
    assert certificate.fault is not None
    assert certificate.fault.kind == "answer"
    assert "+" in token(certificate), "the racing cells are known: what lists do to a book is watched"


class StripesAlone(StripedEngine):
    """Where accounts are kept a command among lists holds every stripe, and nobody's balance."""

    def _with_everything(self, command: Command) -> Answer:
        with self._holding_all():
            return Answer(self._next_stamp(), tuple(self._floor.carry_out(command)))


def test_a_released_order_that_reads_an_account_without_its_balance_is_caught() -> None:
    assert Explorer(StripedEngine).explore(NAMED["released-and-spent"], 60.0).verdict is Verdict.VERIFIED
    assert Explorer(StripesAlone).explore(NAMED["released-and-spent"], 60.0).verdict is Verdict.FAILED


class LotsApart(StripedEngine):
    """Each book guards an account's lots with its own stripe, though those of a group are one holding (L5), and those
    of a family change with orders in spreads (L1)."""

    def __init__(self, *listing: Any, **options: Any) -> None:
        super().__init__(*listing, **options)
        self._sharing.clear()


@pytest.mark.parametrize("name", ["one-holding", "implied-pays"])
def test_lots_that_books_share_are_guarded_by_the_stripes_of_all(name: str) -> None:
    assert Explorer(StripedEngine).explore(NAMED[name], 60.0).verdict is Verdict.VERIFIED
    certificate = Explorer(LotsApart).explore(NAMED[name], 60.0)
    assert certificate.verdict is Verdict.FAILED
    assert certificate.fault is not None
    assert "+" in token(certificate), "the racing cells are known"


def test_a_counterexample_needs_every_one_of_its_commands() -> None:
    found = Explorer(factory("look-up-before-lock")).explore(NAMED["basket-torn"], 60.0)
    assert found.fault is not None
    commands = [len(script) for script in found.scenario.scripts]
    assert sum(commands) == 2
    assert len(found.left_out) == 2


def test_a_spent_budget_is_no_pass() -> None:
    certificate = Explorer(factory("striped")).explore(NAMED["three-by-three"], 0.0)
    assert certificate.verdict is Verdict.BOUNDED
    results = run_schedules("striped", 0.0)
    assert {result.verdict for result in results} == {Agreement.NOT_RUN}


@pytest.mark.parametrize(
    ("how", "verdict"),
    [
        (How(Method.NAIVE), "verified"),
        (How(Method.BOUNDED, preemptions=1), "bounded(1 preemption)"),
        (How(Method.BOUNDED, preemptions=20), "verified"),
        (How(Method.PCT, samples=30), "sampled(30)"),
        (How(Method.RANDOM, samples=30), "sampled(30)"),
        (How(Method.UNIFORM, samples=30), "sampled(30)"),
    ],
)
def test_only_a_search_of_every_schedule_verifies(how: How, verdict: str) -> None:
    explorer = Explorer(factory("striped"))
    certificate = explorer.explore(NAMED["market-halt"], 60.0, how=how)
    reduced = explorer.explore(NAMED["market-halt"], 60.0)
    assert certificate.says == verdict
    assert certificate.traces <= reduced.traces == reduced.runs
    assert (certificate.schedules == reduced.schedules) is (verdict == "verified") is certificate.counted
    if how.method is Method.NAIVE:
        assert certificate.runs == reduced.schedules
    assert certificate.scenario_digest == reduced.scenario_digest
    assert certificate.engine_digest == reduced.engine_digest


@pytest.mark.parametrize("method", Method)
def test_every_search_finds_a_defect_and_the_same_seed_makes_the_same_runs(method: Method) -> None:
    explorer = Explorer(factory("look-up-before-lock"))
    first, again = (explorer.explore(NAMED["basket-torn"], 60.0, how=How(method, seed=3)) for _ in range(2))
    assert first.verdict is Verdict.FAILED
    assert first._replace(seconds=0.0) == again._replace(seconds=0.0)
    assert fault_of(token(first), "look-up-before-lock") is not None


def test_samples_of_another_seed_are_other_samples() -> None:
    with closing(Scheduler(3)) as scheduler:
        program = Locksmith(9, scheduler)
        drawn = [[run.schedule for run in Walk(program.execute, 20, seed)] for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_walk_estimates_the_traces_and_a_search_what_is_left() -> None:
    with closing(Scheduler(3)) as scheduler:
        program = Locksmith(5, scheduler)
        found(program, Reduced)
        reduced, naive = Reduced(program.execute), Naive(program.execute)
        runs = {id(search): [search.estimate() for _ in search] for search in (reduced, naive)}
        traces, schedules = len(runs[id(reduced)]), len(runs[id(naive)])
        assert (reduced.estimate(), naive.estimate()) == (traces, schedules)
        assert schedules / 4 < runs[id(naive)][schedules // 2] < schedules * 4
        for walk in (Walk(program.execute, 500, 1), UniformWalk(program.execute, 500, 1)):
            assert {trace_of(run) for run in walk} <= {trace_of(run) for run in Reduced(program.execute)}
            assert traces * 0.7 < walk.estimate() < traces * 1.3


def test_an_engine_that_is_not_determined_by_the_schedule_is_told_so() -> None:
    """The second run of a schedule takes its locks in another order, or answers otherwise."""
    made = [0]

    class Moody(StripedEngine):
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            made[0] += 1
            self.moody = made[0] % 2 == 0

        def submit(self, command: Command) -> Answer:
            if self.moody and type(command) is Cancel:
                return Answer(self._next_stamp(), ())
            return super().submit(command)

    class Tipsy(Moody):
        def submit(self, command: Command) -> Answer:
            answer = StripedEngine.submit(self, command)
            return answer._replace(events=()) if self.moody and type(command) is Cancel else answer

    for engine, story in ((Moody, "step 2, at first: B takes stripe 0; then:"), (Tipsy, "thread B was told, at first")):
        made[0] = 1  # before anything is run twice there is a run in which everybody has its turn
        certificate = Explorer(engine).explore(NAMED["cancel-fill"], 60.0)
        assert certificate.verdict is Verdict.UNREPEATABLE
        assert certificate.strayed.startswith(story)
        assert certificate.fault is None


def test_a_program_that_strays_later_than_its_first_schedule_ends_the_search() -> None:
    with closing(Scheduler(2)) as scheduler:
        for by in (Reduced, Naive):
            count = [0]

            def execute(choose: Choose, count: list[int] = count) -> Run:
                count[0] += 1
                place = "other" if count[0] == 3 else "lock"

                def act() -> None:
                    for name in ("lock", place, "lock"):
                        with scheduler.lock(name):
                            pass

                return scheduler.run([act, act], choose)

            search = by(execute)
            assert sum(1 for _ in search) == 2
            assert search.strayed is not None
            assert search.strayed.now == "A takes other; B takes lock"


def test_an_engine_that_raises_is_told_and_not_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    make = factory("striped")

    def broken(*given: Any, **named: Any) -> Any:
        engine = make(*given, **named)
        monkeypatch.setattr(engine, "submit", engine.submit)
        engine._floor.basket = lambda basket: 1 // 0  # type: ignore[attr-defined]
        return engine

    certificate = Explorer(broken).explore(NAMED["baskets-cross"], 10.0)
    assert certificate.fault is not None
    assert certificate.fault.kind == "error"
    assert "ZeroDivisionError" in certificate.fault.story


def test_an_engine_that_cannot_be_watched_is_not_verified() -> None:
    make = factory("striped")

    class Covered:
        def __init__(self, *given: Any, **named: Any) -> None:
            engine = make(*given, **named)
            self.submit, self.view = engine.submit, engine.view

    certificate = Explorer(Covered).explore(NAMED["cancel-fill"], 10.0)  # type: ignore[arg-type]
    assert certificate.fault is None
    assert certificate.verdict is Verdict.BOUNDED


# ── tokens and the command line ──


def test_tokens_come_back() -> None:
    dice = random.Random(5)
    for _ in range(200):
        name = dice.choice([*NAMED, "g3x2n17"])
        left_out = sorted({(dice.randrange(2), 0) for _ in range(dice.randrange(3))})
        schedule = [dice.randrange(3) for _ in range(dice.randrange(9))]
        points = sorted(dice.sample(["A", "B", "market"], dice.randrange(3)))
        replay = read_token(token_of(name, left_out, schedule, points))
        assert (list(replay.left_out), list(replay.schedule), sorted(replay.points)) == (left_out, schedule, points)


@pytest.mark.parametrize(
    ("wrong", "part"),
    [
        ("", "SCENARIO/SCHEDULE"),
        ("cancel-fill", "SCENARIO/SCHEDULE"),
        ("cancel-fill/AZ", "SCENARIO/SCHEDULE"),
        ("no-such-thing/AB", "scenario: expected one of"),
        ("g9x9n1/AB", "scenario: expected one of"),
    ],
)
def test_a_token_that_is_none_is_refused_in_one_line(wrong: str, part: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match=part):
        read_token(wrong)
    assert main(["replay", wrong]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_schedule_that_cannot_be_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "cancel-fill/A9"]) == 2
    assert "thread A cannot make step 2" in capsys.readouterr().err


def test_replay_tells_the_story_and_its_exit_code_says_whether_it_is_explained(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    assert main(["replay", "cancel-fill-B1/AB"]) == 0
    assert main(["replay", "cancel-fill-B1/AB", "--engine", "look-up-before-lock"]) == 1
    told = capsys.readouterr().out
    assert "the rule book says: refused: unknown-order" in told
    assert 'fault_of("cancel-fill-B1/AB", engine="look-up-before-lock") is None' in told
    assert "again: bookproof replay cancel-fill-B1/AB --engine look-up-before-lock" in told


@pytest.mark.parametrize("name", ["implied-in", "implied-out", "implied-halt"])
def test_the_stripes_of_the_first_generation_are_enough_where_there_is_no_second(name: str) -> None:
    assert Explorer(factory("far-book-forgotten")).explore(NAMED[name], 60.0).verdict is Verdict.VERIFIED


def test_with_a_second_generation_one_order_and_one_cancel_refute_them() -> None:
    """They share no stripe: the order takes the far offer while its owner cancels it."""
    certificate = Explorer(factory("far-book-forgotten")).explore(NAMED["implied-chain"], 60.0)
    assert certificate.verdict is Verdict.FAILED
    assert sum(len(script) for script in certificate.scenario.scripts) == 2
    assert Explorer(factory("striped")).explore(NAMED["implied-chain"], 60.0).verdict is Verdict.VERIFIED


def test_explore_prints_certificates_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explore", "--scenario", "cancel-fill", "--scenario", "g2x2n1", "--json"]) == 0
    certificates = json.loads(capsys.readouterr().out)
    assert [each["verdict"] for each in certificates] == ["verified", "verified"]
    assert certificates[0]["runs"] == 3
    assert main(["explore", "--scenario", "baskets-cross", "--engine", "unordered-stripes", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)[0]["fault"]["token"] == "baskets-cross/AB"
    assert main(["explore", "--scenario", "three-by-three", "--budget", "0"]) == 3
    assert main(["explore", "--scenario", "three-by-three", "--search", "pct", "--samples", "5", "--seed", "2"]) == 3
    assert main(["explore", "--scenario", "three-by-three", "--search", "bounded", "--preemptions", "0"]) == 3
    assert main(["explore", "--scenario", "nothing"]) == 2
    capsys.readouterr()
    assert main(["explore", "--threads", "2", "--ops", "3", "--first", "5", "--json"]) == 0
    assert [each["scenario"] for each in json.loads(capsys.readouterr().out)] == ["g2x3n5"]


def test_the_zoo_catches_them_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["zoo"]) == 0
    assert f"{len(ZOO)} of {len(ZOO)} caught, in " in capsys.readouterr().out
    assert main(["zoo", "look-up-before-lock", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["by"], told["commands"], told["switches"]) == ("schedules: answer", 2, 1)


def test_a_correct_engine_that_does_not_pass_fails_the_zoo(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zoo, "CORRECT", ("look-up-before-lock",))
    monkeypatch.setattr(zoo, "NAMED", {name: NAMED[name] for name in ("buy-sell", "cancel-fill")})
    monkeypatch.setattr(zoo, "ZOO", {"look-up-before-lock": ZOO["look-up-before-lock"]})
    assert main(["zoo"]) == 1
    assert "look-up-before-lock: not verified: cancel-fill." in capsys.readouterr().out


def test_a_defect_that_is_missed_fails_the_zoo(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zoo, "factory", lambda name: factory("striped"))
    monkeypatch.setattr(zoo, "run_sequential", lambda *given, **named: [])
    monkeypatch.setattr(zoo, "NAMED", {name: NAMED[name] for name in ("buy-sell", "cancel-fill")})
    assert main(["zoo", "never-let-go"]) == 1
    assert "Caught by nothing" in capsys.readouterr().out


def test_the_story_of_a_defect_says_where_it_was_seen(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["zoo", "unordered-stripes"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert f"Seen: {ZOO['unordered-stripes'].seen}" in told
    assert "again: bookproof replay baskets-cross/AB --engine unordered-stripes" in told


def test_verify_searches_schedules_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--only", "schedules", "--json"]) == 0
    results = json.loads(capsys.readouterr().out)["results"]
    assert [result["check"] for result in results] == [f"{len(NAMED)} scenarios"]
    assert main(["verify", "--only", "schedules", "--engine", "lost-stripe-lock", "--json"]) == 1
