"""Every schedule: the search against a naive one, the engine on all scenarios, the defects, and tokens to replay."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing
from math import factorial
from typing import Any

import pytest

from bookproof.engine.interface import Answer
from bookproof.engine.striped import StripedEngine
from bookproof.engine.zoo import ZOO
from bookproof.models.cli import main
from bookproof.models.engines_by_name import factory
from bookproof.models.interleaving import search, zoo
from bookproof.models.interleaving.explore import Explorer, Verdict
from bookproof.models.interleaving.generated import generated
from bookproof.models.interleaving.run import fault_of, run_schedules, token
from bookproof.models.interleaving.scenarios import NAMED
from bookproof.models.interleaving.scheduler import Action, Choose, Run, Scheduler
from bookproof.models.interleaving.search import naive, reduced
from bookproof.models.interleaving.token import read_token, token_of
from bookproof.models.interleaving.zoo import faults
from bookproof.models.verdict import Verdict as Agreement
from bookproof.spec.commands import Command, Submit
from bookproof.spec.input_error import InputError
from bookproof.spec.values import Symbol

Search = Callable[[Callable[[Choose], Run]], Iterator[Run]]
Outcome = tuple[object, ...]


# ── small programs of locks and variables, with every defect there is ──


class Locksmith:
    """A random program: threads that take one or two locks, in any order, and change and read variables in them.

    Some read a variable before they take its lock. The outcome is what the variables are at the end, what each thread
    read, and who is stuck for ever.
    """

    def __init__(self, number: int, scheduler: Scheduler) -> None:
        dice = random.Random(number)
        self.threads = dice.randint(2, 3)
        self.locks = dice.randint(1, 3)
        careless = dice.random() < 0.4
        self.scripts = [
            [
                (
                    self._order(dice, dice.sample(range(self.locks), dice.randint(1, min(2, self.locks)))),
                    dice.randint(1, 9),
                    careless and dice.random() < 0.3,
                )
                for _ in range(dice.randint(1, 3))
            ]
            for _ in range(self.threads)
        ]
        self.scheduler = scheduler
        self.outcome: Outcome = ()

    @staticmethod
    def _order(dice: random.Random, locks: list[int]) -> list[int]:
        return sorted(locks) if dice.random() < 0.6 else locks

    def execute(self, choose: Choose) -> Run:
        locks = [self.scheduler.lock(f"lock {at}") for at in range(self.locks)]
        values = [0] * self.locks
        seen: list[list[int]] = [[] for _ in range(self.threads)]

        def script(thread: int) -> Callable[[], None]:
            def act() -> None:
                for wanted, number, peeks in self.scripts[thread]:
                    if peeks:
                        self.scheduler.touch(f"value {wanted[0]}", writes=False)
                        seen[thread].append(values[wanted[0]])
                    held: list[int] = []
                    try:
                        for lock in wanted:
                            locks[lock].acquire()
                            held.append(lock)
                        for lock in wanted:
                            self.scheduler.touch(f"value {lock}", writes=True)
                            values[lock] = values[lock] * 3 + number
                            seen[thread].append(values[lock])
                    finally:
                        for lock in reversed(held):
                            locks[lock].release()

            return act

        run = self.scheduler.run([script(thread) for thread in range(self.threads)], choose)
        self.outcome = (tuple(values), tuple(map(tuple, seen)), tuple(sorted(run.waiting)))
        return run


def outcomes(program: Locksmith, by: Search, most: int = 20_000) -> set[Outcome] | None:
    """Everything a search finds, with racing variables as points as well; None if it takes too many runs."""
    while True:
        found: set[Outcome] = set()
        races: set[str] = set()
        for runs, run in enumerate(by(program.execute)):
            assert not run.errors
            races |= {race.cell for race in run.races}
            if not run.cut:
                found.add(program.outcome)
            if runs > most:
                return None
        if races <= program.scheduler.racy:
            return found
        program.scheduler.racy |= races


def lost(number: int) -> bool:
    """Whether the reduced search loses an outcome of a random program."""
    with closing(Scheduler(3)) as scheduler:
        program = Locksmith(number, scheduler)
        found = outcomes(program, reduced)
        right = outcomes(program, naive)
        return right is not None and found != right


def test_the_reduced_search_loses_no_outcome_of_random_programs() -> None:
    assert [number for number in range(80) if lost(number)] == []


@pytest.mark.parametrize("mutant", ["asleep for ever", "lock races ignored", "waiting threads ignored"])
def test_a_search_with_a_defect_loses_outcomes(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if mutant == "asleep for ever":

        def still_asleep(path: list[Any]) -> dict[int, Action]:
            return dict(path[-1].asleep) if path else {}

        monkeypatch.setattr(search, "_still_asleep", still_asleep)
    elif mutant == "lock races ignored":
        monkeypatch.setattr(search, "_note", lambda *given: None)
    else:
        right = search._note_races
        monkeypatch.setattr(search, "_note_races", lambda path, run: right(path, run._replace(waiting={})))
    assert any(lost(number) for number in range(80))


@pytest.mark.parametrize(("threads", "times"), [(2, 1), (2, 2), (2, 3), (3, 1), (3, 2)])
def test_one_lock_for_all_gives_every_order_and_locks_of_ones_own_give_one(threads: int, times: int) -> None:
    with closing(Scheduler(threads)) as scheduler:

        def runs(own: bool, by: Search) -> int:
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
        assert runs(False, reduced) == every_order
        assert runs(False, naive) == every_order
        assert runs(True, reduced) == 1
        assert runs(True, naive) == every_order


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

        races = {race.cell for run in reduced(execute) for race in run.races}
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
    assert certificate.outcomes > 1


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


def test_explore_prints_certificates_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explore", "--scenario", "cancel-fill", "--scenario", "g2x2n1", "--json"]) == 0
    certificates = json.loads(capsys.readouterr().out)
    assert [each["verdict"] for each in certificates] == ["verified", "verified"]
    assert certificates[0]["runs"] == 3
    assert main(["explore", "--scenario", "baskets-cross", "--engine", "unordered-stripes", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)[0]["fault"]["token"] == "baskets-cross/AB"
    assert main(["explore", "--scenario", "three-by-three", "--budget", "0"]) == 3
    assert main(["explore", "--scenario", "nothing"]) == 2


def test_the_zoo_catches_them_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["zoo"]) == 0
    assert f"{len(ZOO)} of {len(ZOO)} caught, in " in capsys.readouterr().out
    assert main(["zoo", "look-up-before-lock", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["by"], told["commands"], told["switches"]) == ("schedules: answer", 2, 1)


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
    assert [result["check"] for result in results] == list(NAMED)
    assert main(["verify", "--only", "schedules", "--engine", "lost-stripe-lock", "--json"]) == 1
