"""The figures of the history checker: rows in processes of their own, and Porcupine as a peer."""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import pytest

from bookproof.models.bench import histories, porcupine_peer
from bookproof.models.bench.history_rows import DEFECTS, Row, measured
from bookproof.models.cli import main
from bookproof.models.linearize.conclusion import Verdict
from bookproof.models.linearize.conflicts import decide
from bookproof.models.linearize.histories import large
from bookproof.models.linearize.injectors import INJECTORS
from bookproof.spec.commands import MassCancel


def test_a_row_is_measured_in_a_process_of_its_own() -> None:
    told = histories.ran(Row("stamped", 300, 4, symbols=3))
    assert told["verdict"] == "linearizable"
    assert 0 < told["mebibytes_made"] <= told["mebibytes"]


def test_a_row_that_cannot_be_measured_says_so_and_is_wrong() -> None:
    told = histories.ran(Row("nonsense", 1))
    assert told["verdict"] == "did not run: KeyError: 'nonsense'"
    assert histories._timed("nonsense", "", Row("nonsense", 1)).right is False


@pytest.mark.parametrize("kind", ["clauses", "generic", "stamped"])
def test_a_right_history_is_found_to_be(kind: str) -> None:
    assert measured(Row(kind, 200, 3, feed=True))["verdict"] == "linearizable"


def test_violations_come_with_a_proof_and_a_core() -> None:
    row = Row("violating", 300, 4, feed=True)
    told = measured(row)
    assert told["verdict"] == "not-linearizable"
    assert told["found"] >= 8
    assert told["without_proof"] == 0
    cores = measured(row._replace(kind="cores"))
    assert cores["verdict"] == "not-linearizable"
    assert 1 <= cores["median"] <= 4


def test_the_command_prints_its_figures_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "histories", "--only", "overlap", "--json"]) == 0
    [figure] = json.loads(capsys.readouterr().out)["figures"]
    assert figure["what"] == "operations that overlap another, real threads"


def test_an_unknown_verdict_makes_the_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = {"verdict": "unknown", "seconds": 1.0, "mebibytes": 1, "mebibytes_made": 1}
    monkeypatch.setattr(histories, "ran", lambda row: unknown)
    parser = argparse.ArgumentParser()
    histories.add_arguments(parser)
    assert histories.main(parser.parse_args(["--only", "million", "--json"])) == 1


# ── Porcupine ──


def test_what_porcupine_lacks_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert porcupine_peer.missing() == "no Go tool chain: apt-get install golang-go"
    (tmp_path / "go").write_text("#!/bin/sh\n")
    (tmp_path / "go").chmod(0o755)
    monkeypatch.setenv("PORCUPINE", str(tmp_path))
    assert porcupine_peer.missing() == "no checkout of github.com/anishathalye/porcupine: set PORCUPINE to its folder"
    (tmp_path / "porcupine.go").touch()
    assert porcupine_peer.missing() is None


def test_every_call_and_every_return_is_a_line_and_calls_come_first_at_equal_times() -> None:
    history = large(50, 4)
    lines = list(porcupine_peer.lines(history))
    assert len(lines) == 100
    assert sum(":type :invoke" in line for line in lines) == 50
    assert all(":type :invoke" in line for line in lines[:4])


def test_what_the_model_in_go_does_not_know_is_refused() -> None:
    history = large(20, 2)
    first = history.operations[0]
    for wrong in (first._replace(command=MassCancel(1)), first._replace(returned=None, events=None)):
        with pytest.raises(ValueError, match=r"model in Go|without a return"):
            list(porcupine_peer.lines(history._replace(operations=(wrong,))))


@pytest.mark.skipif(porcupine_peer.missing() is not None, reason=str(porcupine_peer.missing()))
def test_porcupine_says_of_right_and_wrong_histories_what_clauses_say(tmp_path: Path) -> None:
    program = porcupine_peer.built(tmp_path)
    answers = set()
    for seed in range(6):
        right = large(120, 3, final=False, seed=seed)
        assert porcupine_peer.checked(program, right, tmp_path, 10).verdict == "Ok"
        for name in sorted({*DEFECTS} - {"final_differs", "feed_disordered"}):
            wrong = INJECTORS[name](right, random.Random(seed))
            if wrong is not None:
                said = porcupine_peer.checked(program, wrong.history, tmp_path, 10).verdict
                expected = {Verdict.LINEARIZABLE: "Ok", Verdict.NOT_LINEARIZABLE: "Illegal"}[
                    decide(wrong.history).verdict
                ]
                assert said == expected, name
                answers.add(said)
    assert answers == {"Ok", "Illegal"}
