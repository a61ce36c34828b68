"""`bookproof bench schedules`: a small share of what it measures, and that what is wrong makes it fail."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bookproof.models.bench import schedules
from bookproof.models.bench.schedules import Figure, beside
from bookproof.models.cli import main
from bookproof.models.engines_by_name import factory
from bookproof.models.interleaving.small import CLASSICS, MUTANTS, Compared, compared
from bookproof.models.interleaving.workshop import weighed
from bookproof.models.interleaving.zoo import Caught


def figures(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and the table by its goals."""
    code = main(["bench", "schedules", "--peer-seconds", "0", "--json", *words])
    told = json.loads(capsys.readouterr().out)
    assert told["exit_code"] == code
    return code, {each["goal"]: each for each in told["figures"]}


def test_random_programs_and_scenarios_are_counted_and_nothing_is_lost(capsys: pytest.CaptureFixture[str]) -> None:
    parts = [word for part in ("programs", "primitives", "scenarios") for word in ("--only", part)]
    code, table = figures(capsys, *parts, "--programs", "60", "--scenarios", "40", "--first", "900")
    assert code == 0
    assert table["outcomes lost against naive search, random programs"]["measured"].startswith("0 of 60 (")
    every = next(each for goal, each in table.items() if "conditions, semaphores" in goal)
    assert every["measured"].startswith("0 of 60 (")
    assert ", 0 cut; " in every["measured"]
    assert table["redundant (cut) runs of these"]["measured"].startswith("0 of ")
    assert table["false alarms on correct engines, generated scenarios"]["measured"].startswith("0 of 40 (")
    assert table["baskets, cancels and halts 3x3"]["measured"].startswith("verified: ")


def test_published_counts_are_met_and_a_search_with_a_defect_is_caught(capsys: pytest.CaptureFixture[str]) -> None:
    code, table = figures(capsys, "--only", "published", "--only", "mutants")
    assert code == 0
    assert table["published trace counts, none cut"]["measured"] == f"{len(CLASSICS)} of {len(CLASSICS)}"
    assert table["stripes 2x2, 3x2, 3x3: traces of schedules"]["measured"] == "4 of 6, 36 of 114, 400 of 2,064"
    caught = table["defects of the search itself that are caught"]["measured"]
    assert caught == f"{len(MUTANTS)} of {len(MUTANTS)}: {', '.join(MUTANTS)}"


def test_speeds_stand_beside_the_peer_or_how_to_get_it(capsys: pytest.CaptureFixture[str]) -> None:
    code, table = figures(capsys, "--only", "speeds")
    assert code == 0
    assert "verified, 36 of 114 schedules" in table["exhaustive verdict of 3x2"]["measured"]
    assert "verified, 400 of 2,064 schedules" in table["exhaustive verdict of 3x3"]["measured"]
    rows = [Figure(each["goal"], "", "", "") for each in table.values()]
    told = {
        "schedules": 200,
        "says": "holds",
        "cpu_seconds": 20.0,
        "finished": False,
    }
    assert [each.peer for each in beside([*rows, Figure("side by side", "", "", "", "lost in 3")], told)] == [
        "",
        "",
        "",
        "10",
        "20.0 s: holds, 200 schedules, budget spent",
        "",
        "lost in 3",
    ]
    assert "not at hand: get it" in [each.peer for each in beside(rows, "not at hand: get it")]


def test_a_lost_outcome_makes_the_command_fail(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(number: int, most: int) -> Compared | None:
        return compared(number, MUTANTS["lock races ignored"], most)

    monkeypatch.setattr(schedules, "compared", half)
    code, table = figures(capsys, "--only", "programs", "--programs", "10")
    assert code == 1
    assert table["outcomes lost against naive search, random programs"]["right"] is False


def test_a_trace_that_is_not_run_makes_the_command_fail(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedules, "weighed", lambda number, most: weighed(number, MUTANTS["asleep for ever"], most))
    code, table = figures(capsys, "--only", "primitives", "--programs", "10")
    assert code == 1
    [figure] = table.values()
    assert figure["right"] is False


def test_a_false_alarm_makes_the_command_fail(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedules, "factory", lambda name: factory("lost-stripe-lock"))
    code, table = figures(capsys, "--only", "scenarios", "--scenarios", "8")
    assert code == 1
    assert table["false alarms on correct engines, generated scenarios"]["right"] is False


def test_another_count_of_traces_makes_the_command_fail(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedules, "CLASSICS", (CLASSICS[0]._replace(traces=5),))
    code, table = figures(capsys, "--only", "published")
    assert code == 1
    assert table["published trace counts, none cut"]["measured"] == "0 of 1; readers(2): 4 and 0 cut"


def test_a_defect_that_nobody_sees_makes_the_command_fail(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedules, "outlives", lambda mutant, programs: programs)
    monkeypatch.setattr(schedules, "caught", lambda engine: Caught(engine, ""))
    code, table = figures(capsys, "--only", "mutants", "--only", "defects")
    assert code == 1
    assert [each["right"] for each in table.values()] == [False] * 3


def test_it_is_a_table_for_a_person(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["bench", "schedules", "--only", "published", "--peer-seconds", "0"]) == 0
    assert "8 of 8" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="2"):
        main(["bench", "schedules", "--programs", "0"])
