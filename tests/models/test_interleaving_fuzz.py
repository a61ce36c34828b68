"""Random programs by us, by a naive search and by a peer: all have the same programs, and what is lost is told."""

from __future__ import annotations

import itertools
import json
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bookproof.models.bench import schedule_fuzz
from bookproof.models.bench.schedule_fuzz import (
    LOOKS_EARLY,
    LooksEarly,
    Searched,
    by_peer,
    outcomes_of,
    programs,
    side_by_side,
    text_of,
)
from bookproof.models.bench.schedule_fuzz_peer import WAYS, searched
from bookproof.models.cli import main
from bookproof.models.interleaving.scheduler import Scheduler
from bookproof.models.interleaving.search import Naive, Reduced
from bookproof.models.interleaving.small import MUTANTS, Compared, compared, found


def module(text: str) -> dict[str, Any]:
    """What a program's text defines."""
    names: dict[str, Any] = {}
    exec(text, names)
    return names


def plain(outcome: object) -> Any:
    """As it comes out of JSON."""
    return json.loads(json.dumps(outcome))


def one_after_the_other(program: dict[str, Any], order: tuple[Callable[[Any], None], ...]) -> Any:
    """The outcome when nobody meets anybody."""
    state = program["State"]()
    for thread in order:
        thread(state)
    return plain(state.outcome())


def early(by: type[Reduced] | type[Naive] | Any) -> Any:
    """What a search finds in the program that looks early."""
    with closing(Scheduler(3)) as scheduler:
        return found(LooksEarly(scheduler), by)


# ── the programs ──


def test_the_text_of_a_random_program_means_what_ours_does() -> None:
    for each in programs(30, 1):
        program, right = module(each.text), plain(outcomes_of(each.both)["outcomes"])
        for order in itertools.permutations(program["threads"]):
            assert one_after_the_other(program, order) in right, each.name


@pytest.mark.parametrize("number", [1, 3, 5])
def test_on_real_threads_nothing_comes_of_it_that_the_naive_search_has_not_found(number: int) -> None:
    both = compared(number)
    assert both is not None
    told, program = outcomes_of(both), module(text_of(number))
    for _ in range(50):
        state = program["State"]()
        threads = [threading.Thread(target=act, args=(state,), daemon=True) for act in program["threads"]]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(0.5)
        if any(thread.is_alive() for thread in threads):
            assert told["stuck"]
            break
        assert plain(state.outcome()) in plain(told["outcomes"])


def test_the_program_that_looks_early_gives_more_than_there_is_and_we_find_it() -> None:
    right, mine = early(Naive), early(Reduced)
    assert mine.outcomes == right.outcomes
    assert max(given for (given,), _ in right.outcomes) > 5
    assert early(MUTANTS["lock races ignored"]).outcomes != right.outcomes
    program = module(LOOKS_EARLY)
    for order in itertools.permutations(program["threads"]):
        assert one_after_the_other(program, order) == [5]


def test_there_are_as_many_as_are_asked_for_and_the_one_that_looks_early() -> None:
    found = list(programs(3, 0))
    assert [one.name for one in found] == ["looks early", "program 1", "program 2", "program 3"]
    assert outcomes_of(found[3].both)["stuck"]
    assert not any(one.both.lost for one in found)


# ── the peer ──


class Result:
    """What a peer says."""

    def __init__(self, holds: bool | None, explored: int) -> None:
        self.property_holds, self.num_explored = holds, explored


def peer(orders: int, *, stuck: bool = False) -> Callable[..., Result]:
    """One that runs the threads of a program one after the other in so many orders, or in all of them by lot."""

    def explore(state: Any, threads: Any, right: Callable[[Any], bool], **options: Any) -> Result:
        most = None if "strategy" in options else orders
        holds = True
        tried = 0
        for order in itertools.islice(itertools.permutations(threads), most):
            at_end = state()
            for thread in order:
                thread(at_end)
            holds &= right(at_end)
            tried += 1
        return Result(holds and not stuck, tried)

    return explore


def ends_of(number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """A program of which nothing can come but what comes of its threads in some order."""
    both = compared(number)
    assert both is not None
    program = module(text_of(number))
    return program, plain(outcomes_of(both))


def test_a_peer_that_finds_everything_has_lost_nothing() -> None:
    program, right = ends_of(2)
    for came in searched(peer(2), program, right, 10.0).values():
        assert came == {
            "schedules": 2,
            "missed": 0,
            "foreign": 0,
            "spent": False,
            "certified": False,
            "shown_by_lot": False,
        }


def test_a_peer_that_loses_an_outcome_is_asked_whether_there_is_none_such_and_certifies_it() -> None:
    program, right = ends_of(2)
    for came in searched(peer(1), program, right, 10.0).values():
        assert (came["missed"], came["certified"], came["shown_by_lot"]) == (1, True, True)


def test_a_peer_that_does_not_see_somebody_stuck_certifies_as_well() -> None:
    program, right = ends_of(2)
    right["stuck"] = True
    assert searched(peer(2), program, right, 10.0)["by its defaults"]["certified"]
    came = searched(peer(2, stuck=True), program, right, 10.0)["by its defaults"]
    assert (came["missed"], came["certified"]) == (0, False)


def test_what_a_peer_finds_that_there_is_not_is_counted() -> None:
    program, right = ends_of(2)
    right["outcomes"] = right["outcomes"][:1]
    assert searched(peer(2), program, right, 10.0)["by its defaults"]["foreign"] == 1


def test_spent_time_is_no_loss() -> None:
    program, right = ends_of(2)
    assert all(came["spent"] and not came["certified"] for came in searched(peer(1), program, right, 0.0).values())


def says(folder: Path, body: str) -> list[str]:
    """The command of a peer that does this."""
    file = folder / "peer.py"
    file.write_text(f"import json, sys, time\n{body}\n", encoding="utf-8")
    return [sys.executable, str(file)]


def answer(**changes: Any) -> str:
    """What a peer has lost, as the text of a command that prints it."""
    came = {"schedules": 1, "missed": 1, "foreign": 0, "spent": False, "certified": True, "shown_by_lot": True}
    return f"print({json.dumps(json.dumps(dict.fromkeys(WAYS, came | changes)))})"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (answer(), "lost in 3 of 3, certifies 3 of these, its random mode fails 3, certifies the program"),
        (answer(missed=0, certified=False), "lost in 0 of 3, certifies 0 of these, its random mode fails 0, fails the"),
        (answer(spent=True), "lost in 0 of 0, certifies 0 of these, its random mode fails 0, time spent in 3"),
        (answer(foreign=2), "other outcomes than there are in 3"),
        ("time.sleep(60)", "lost in 0 of 0, certifies 0 of these, its random mode fails 0, time spent in 3"),
        ("sys.exit(3)", "did not run: CalledProcessError"),
        ("print('nothing')", "did not run: JSONDecodeError"),
    ],
)
def test_what_a_peer_says_is_told(body: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule_fuzz, "_PATIENCE", 0.5 if "sleep" in body else 20.0)
    came = side_by_side(2, 1, says(tmp_path, body), 0.0, lambda share, what: None)
    assert came.ours == "lost in 0 of 3, the program that looks early among them"
    assert told in came.peer


def test_the_peer_is_given_the_program_and_its_outcomes(tmp_path: Path) -> None:
    body = (
        "assert 'def thread_0' in open(sys.argv[3]).read() and sys.argv[4] == '7.5'\n"
        f"assert json.load(sys.stdin)['outcomes'] == [[[12], [[1], [12]]], [[28], [[28], [9]]]]\n{answer()}"
    )
    both = compared(2)
    assert both is not None
    program = by_peer(says(tmp_path, body), Searched("program 2", text_of(2), both), 7.5)
    assert program.peer is not None, program.silent


# ── the command ──


def row(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    code = main(["bench", "schedules", "--only", "fuzz", "--peer-programs", "3", "--json", *words])
    [figure] = json.loads(capsys.readouterr().out)["figures"]
    return code, figure


def test_a_peer_that_is_not_there_is_skipped_by_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "bookproof.models.bench.schedules.peer_line", lambda: "not at hand: pip install frontrun==0.7.0"
    )
    code, figure = row(capsys)
    assert code == 0
    assert figure["measured"] == "lost in 0 of 4, the program that looks early among them"
    assert figure["peer"] == "frontrun is skipped, not at hand: pip install frontrun==0.7.0"
    assert row(capsys, "--peer-seconds", "0")[1]["peer"] == "frontrun is skipped, not asked for"


def test_an_outcome_that_we_lose_makes_the_command_fail(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(number: int, most: int) -> Compared | None:
        return compared(number, MUTANTS["lock races ignored"], most)

    monkeypatch.setattr(schedule_fuzz, "compared", half)
    code, figure = row(capsys, "--peer-seconds", "0")
    assert code == 1
    assert figure["measured"].startswith("lost in 3 of 4, the program that looks early among them; program 1")
