"""The checkers find what is wrong with the samples and pass what is right, and they are held against the manifest."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bookproof.models.cli import main
from bookproof.models.tla import checkers
from bookproof.models.tla.checker import DEADLOCK, Finding, Says, Tell
from bookproof.models.tla.compare import Outcome, against_each_other, differences, expected
from bookproof.models.tla.dot import read_dot, state_graph
from bookproof.models.tla.manifest import Model, chosen, read_manifest, tla_folder
from bookproof.models.tla.run import check_all, exit_code
from bookproof.models.tla.simulate import behaviours
from bookproof.models.tla.story import lines_of, why_it_ends
from bookproof.models.tla.tla_checker import TlaChecker
from bookproof.models.tla.tlc import TlcChecker
from bookproof.models.tla.values import Function, parse_state
from bookproof.spec.input_error import InputError

SAMPLES = Path(__file__).with_name("tla_samples")


def silent(distinct: int) -> None:
    """Tell nobody."""


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    """A copy of the samples that a test may spoil."""
    return shutil.copytree(SAMPLES, tmp_path / "tla")


def named(folder: Path, name: str) -> Model:
    return chosen(read_manifest(folder), [name])[0]


def spoil(file: Path, right: str, wrong: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert right in text
    file.write_text(text.replace(right, wrong), encoding="utf-8")


# ── TLC ──


def test_tlc_counts_the_states_of_a_model_that_holds(tlc: TlcChecker) -> None:
    found = tlc.check(named(SAMPLES, "lock-live"), 60, silent)
    assert (found.says, found.distinct, found.generated, found.diameter) == (Says.HOLDS, 9, 11, 5)
    assert found.trace == ()


def test_tlc_gives_the_shortest_counterexample_with_values(tlc: TlcChecker) -> None:
    found = tlc.check(named(SAMPLES, "refuted-unlocked"), 60, silent)
    assert (found.says, found.violates, found.length) == (Says.VIOLATES, "Exclusion", 3)
    assert [step.action for step in found.trace] == ["", "Take", "Take"]
    first = parse_state('/\\ pc = (c1 :> "idle" @@ c2 :> "idle")\n/\\ owner = "nobody"\n/\\ log = <<>>')
    assert found.trace[0].state == first
    assert len(found.trace[2].state["log"]) == 2  # type: ignore[arg-type]
    assert [line.client for line in lines_of(found.trace)] == ["", "c1", "c2"]
    assert why_it_ends(found) == "Exclusion does not hold in the last state."


def test_tlc_finds_a_deadlock(tlc: TlcChecker) -> None:
    found = tlc.check(named(SAMPLES, "refuted-kept"), 60, silent)
    assert (found.says, found.violates, found.length) == (Says.VIOLATES, DEADLOCK, 3)


def test_tlc_names_the_property_that_is_violated_and_where_the_behaviour_goes_on(tlc: TlcChecker) -> None:
    found = tlc.check(named(SAMPLES, "refuted-lazy"), 60, silent)
    assert (found.says, found.violates) == (Says.VIOLATES, "AllDone")
    assert found.back_to == len(found.trace) - 1, "it stutters"
    assert why_it_ends(found) == "Nothing happens any more, and AllDone does not hold."


def test_tlc_names_a_property_of_steps(tlc: TlcChecker) -> None:
    found = tlc.check(named(SAMPLES, "refuted-never-done"), 60, silent)
    assert (found.says, found.violates, found.length) == (Says.VIOLATES, "NeverDone", 3)


def test_tlc_tells_of_a_state_that_is_wrong_from_the_beginning(tlc: TlcChecker, samples: Path) -> None:
    spoil(samples / "Lock.tla", '"idle", "in", "done"}', '"in", "done"}')
    found = tlc.check(named(samples, "lock"), 60, silent)
    assert (found.violates, found.length, len(found.trace[0].state)) == ("TypeOK", 1, 3)


def test_a_budget_that_is_spent_is_not_a_pass(tlc: TlcChecker, tla_checker: TlaChecker) -> None:
    for checker in (tlc, tla_checker):
        found = checker.check(named(SAMPLES, "lock"), 0.001, silent)
        assert (found.says, found.trace) == (Says.UNDECIDED, ())
        assert found.note == "its budget of 0.001 s was spent"


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ("Leave(c) ==", "Leave(c) =", r"Lock\.tla:\d+: expected a module that parses"),
        (
            "UNCHANGED log",
            "UNCHANGED lag",
            r"Lock\.tla:39: expected a module that parses, got .Unknown operator: `lag",
        ),
        ("    /\\ UNCHANGED log\n", "", r"Lock\.tla:\d+: expected a model that TLC can evaluate, got .*Leave"),
        ("owner' = c\n", "owner' = log[7]\n", r"Lock\.tla:32: expected a model that TLC can evaluate, got .*Atte"),
        (
            "TypeOK ==",
            "ASSUME Design = 7\nTypeOK ==",
            r"Lock\.tla:\d+: expected a model that TLC can eval.*, got .*Eva",
        ),
    ],
)
def test_tlc_says_where_a_module_is_wrong(
    tlc: TlcChecker, samples: Path, right: str, wrong: str, complaint: str
) -> None:
    spoil(samples / "Lock.tla", right, wrong)
    with pytest.raises(InputError, match=complaint):
        tlc.check(named(samples, "lock"), 60, silent)


# ── tla-checker ──


@pytest.mark.parametrize("name", ["lock", "lock-live", "refuted-lazy"])
def test_tla_checker_counts_the_same_states_without_properties(tla_checker: TlaChecker, name: str) -> None:
    found = tla_checker.check(named(SAMPLES, name), 60, silent)
    assert (found.says, found.distinct) == (Says.HOLDS, 9)
    assert found.note == ("" if name == "lock" else "without its properties")


@pytest.mark.parametrize("name", ["refuted-unlocked", "refuted-kept"])
def test_both_checkers_give_the_same_counterexample(tlc: TlcChecker, tla_checker: TlaChecker, name: str) -> None:
    one, other = (checker.check(named(SAMPLES, name), 60, silent) for checker in (tlc, tla_checker))
    assert (one.violates, one.length) == (other.violates, other.length)
    assert [step.action for step in one.trace] == [step.action for step in other.trace]
    assert set(one.trace[0].state) == set(other.trace[0].state)
    assert one.trace[0] == other.trace[0]


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ("Leave(c) ==", "Leave(c) =", r"Lock\.tla:35: expected a module that tla-checker can parse, got .unexpec"),
        (
            "UNCHANGED log",
            "UNCHANGED lag",
            r"lock\.cfg: expected a model that tla-checker can evalu.*, got .*undefined",
        ),
        (
            "Nobody ==",
            "Other == INSTANCE Other\nNobody ==",
            r"Names\.tla: expected no INSTANCE, .* got Other; take",
        ),
    ],
)
def test_tla_checker_says_where_a_module_is_wrong(
    tla_checker: TlaChecker, samples: Path, right: str, wrong: str, complaint: str
) -> None:
    spoil(samples / ("Names.tla" if "Nobody" in right else "Lock.tla"), right, wrong)
    with pytest.raises(InputError, match=complaint):
        tla_checker.check(named(samples, "lock"), 60, silent)


# ── state graphs and behaviours ──


def test_the_state_graph_has_every_state_and_every_step_with_its_action(tlc: TlcChecker) -> None:
    graph = state_graph(tlc, named(SAMPLES, "lock-live"))
    assert (len(graph.states), len(graph.edges), len(graph.initial)) == (9, 10, 1)
    assert {edge.action for edge in graph.edges} == {"Take", "Leave", "Finished"}
    assert all(
        graph.states[edge.source] == graph.states[edge.target] for edge in graph.edges if edge.action == "Finished"
    )


def test_a_model_that_is_violated_has_no_whole_graph(tlc: TlcChecker) -> None:
    with pytest.raises(InputError, match="expected a model that holds, for all of its states, got Exclusion violated"):
        state_graph(tlc, named(SAMPLES, "refuted-unlocked"))


def test_a_dump_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    (tmp_path / "g.dot").write_text('1 [label="x = 0",style = filled]\n1 -> 2 [lab', encoding="utf-8")
    with pytest.raises(InputError, match=r"g\.dot:2: expected a state, or a step with its action"):
        read_dot(tmp_path / "g.dot")


def test_random_behaviours_are_behaviours_and_the_same_for_the_same_seed(tlc: TlcChecker) -> None:
    model = named(SAMPLES, "lock")
    drawn = behaviours(tlc, model, 4, 6, seed=11)
    assert drawn == behaviours(tlc, model, 4, 6, seed=11)
    graph = state_graph(tlc, model)
    steps = {(graph.states[edge.source], graph.states[edge.target]) for edge in graph.edges}
    for behaviour in drawn:
        assert behaviour[0] in {graph.states[at] for at in graph.initial}
        assert all(step in steps for step in pairwise(behaviour))


# ── against the manifest, and each other ──


def test_every_sample_is_as_its_manifest_says(tlc: TlcChecker, tla_checker: TlaChecker) -> None:
    ready = {checker.name: checker for checker in (tlc, tla_checker)}
    told: list[str] = []
    outcomes = check_all(read_manifest(SAMPLES), ready, lambda share, what: told.append(what))
    assert [outcome for outcome in outcomes if outcome.differences or outcome.complaint] == []
    assert len(outcomes) == 12
    assert exit_code(outcomes) == 0
    assert "lock by tlc" in told


class Liar:
    """A checker that says what it is told to say."""

    checks_properties = True

    def __init__(self, name: str, finding: Finding | InputError) -> None:
        self.name = name
        self._finding = finding

    def check(self, model: Model, budget_seconds: float, tell: Tell) -> Finding:
        if isinstance(self._finding, InputError):
            raise self._finding
        return self._finding


RIGHT = Finding(Says.HOLDS, distinct=9, diameter=5)
REFUTED = "the manifest expects that it holds, it found that Exclusion is violated"


@pytest.mark.parametrize(
    ("finding", "code", "sentence"),
    [
        (RIGHT, 0, None),
        (RIGHT._replace(distinct=8), 1, "distinct states: the manifest expects 9, it found 8"),
        (RIGHT._replace(diameter=6), 1, "diameter: the manifest expects 5, it found 6"),
        (
            Finding(Says.VIOLATES, "Exclusion"),
            1,
            "the manifest expects that it holds, it found that Exclusion is violated",
        ),
        (Finding(Says.UNDECIDED, note="its budget was spent"), 3, None),
        (InputError("lock.cfg", 3, "", "a model", "none"), 2, None),
    ],
)
def test_whatever_a_checker_gets_wrong_is_told(finding: Finding | InputError, code: int, sentence: str | None) -> None:
    (outcome,) = check_all([named(SAMPLES, "lock")], {"tlc": Liar("tlc", finding)})
    assert exit_code([outcome]) == code
    assert outcome.differences == ((sentence,) if sentence else ())
    assert outcome.again == "bookproof tla lock --checker tlc"


def test_a_counterexample_of_another_length_or_of_something_else_is_told() -> None:
    model = named(SAMPLES, "refuted-unlocked")
    right = expected(model, True, ())
    state = Function({"x": 1})
    three = Finding(Says.VIOLATES, "Exclusion", trace=((("", state)),) * 3)  # type: ignore[arg-type]
    assert differences(three, right) == ()
    four = three._replace(trace=(*three.trace, three.trace[0]))
    assert differences(four, right) == ("states of the counterexample: the manifest expects 3, it found 4",)
    told = "the manifest expects that Exclusion is violated, it found that TypeOK is violated"
    assert differences(three._replace(violates="TypeOK"), right) == (told,)


def test_two_checkers_that_differ_are_told_where_the_manifest_says_nothing() -> None:
    model = named(SAMPLES, "lock")._replace(diameter=None)
    one, other = Finding(Says.HOLDS, distinct=9, diameter=5), Finding(Says.HOLDS, distinct=9, diameter=6)
    outcomes = against_each_other([Outcome(model, "tlc", one), Outcome(model, "twin", other)])
    assert outcomes[1].differences == ("diameter: 5 by tlc, 6 by twin",)
    assert exit_code(outcomes) == 1


def test_a_checker_without_properties_has_to_find_that_the_rest_holds() -> None:
    model = named(SAMPLES, "refuted-lazy")
    assert expected(model, False, model.cfg().properties).says is Says.HOLDS
    assert expected(model, True, model.cfg().properties).violates == "AllDone"
    assert differences(RIGHT, expected(model, False, model.cfg().properties)) == ()


# ── the command ──


@pytest.fixture
def lying(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts other checkers in the place of the real ones."""

    def put(**findings: Finding | InputError) -> None:
        liars = {name.replace("_", "-"): finding for name, finding in findings.items()}
        monkeypatch.setattr(checkers, "known", lambda: tuple(liars))
        monkeypatch.setattr(checkers, "find", lambda name: Liar(name, liars[name]))

    return put


SAMPLE = ("--folder", str(SAMPLES))


def test_the_command_ends_with_0_and_a_table(lying: Any, capsys: pytest.CaptureFixture[str]) -> None:
    lying(tlc=RIGHT, tla_checker=RIGHT._replace(diameter=None))
    assert main(["tla", "lock", *SAMPLE]) == 0
    told = capsys.readouterr().out
    assert "holds (2)" in told
    assert "2 checks of 1 model by tlc and tla-checker: 2 hold and 0 are refuted" in told
    assert "again:" not in told


def test_a_difference_ends_with_1_and_how_to_run_it_again(lying: Any, capsys: pytest.CaptureFixture[str]) -> None:
    lying(tlc=RIGHT, tla_checker=RIGHT._replace(distinct=10))
    assert main(["tla", "lock", *SAMPLE]) == 1
    told = capsys.readouterr().out
    assert "lock by tla-checker: distinct states: the manifest expects 9, it found 10" in told
    assert "lock by tla-checker: distinct states: 9 by tlc, 10 by tla-checker" in told
    assert "again: bookproof tla lock --checker tla-checker" in told


def test_what_is_not_decided_ends_with_3(lying: Any, capsys: pytest.CaptureFixture[str]) -> None:
    lying(tlc=Finding(Says.UNDECIDED, note="its budget of 60 s was spent"))
    assert main(["tla", "lock", *SAMPLE]) == 3
    assert "lock by tlc: not decided: its budget of 60 s was spent" in capsys.readouterr().out


def test_what_cannot_be_read_ends_with_2(lying: Any, capsys: pytest.CaptureFixture[str]) -> None:
    lying(tlc=InputError("Lock.tla", 14, "", "a module that parses", '"Leave"'))
    assert main(["tla", "lock", *SAMPLE]) == 2
    assert 'Lock.tla:14: expected a module that parses, got "Leave"' in capsys.readouterr().out


def test_a_checker_that_is_missing_ends_with_2_and_not_without_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert main(["tla", "lock", *SAMPLE]) == 2
    assert capsys.readouterr().err.startswith("bookproof: Java: JAVA_HOME: expected a folder with bin/java in it")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("look",), "MODEL: expected one of lock, lock-live"),
        (("lock", "--checker", "spin"), "--checker: expected one of tlc"),
        (("lock", "--page", "x.html"), "--page: expected one MODEL that is violated"),
        (("lock", "--junit", "/no/such/folder/x.xml"), "--junit: expected a file in a folder that exists"),
    ],
)
def test_a_request_that_is_wrong_ends_with_2(
    lying: Any, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], complaint: str
) -> None:
    lying(tlc=RIGHT)
    assert main(["tla", *words, *SAMPLE]) == 2
    assert complaint in capsys.readouterr().err


def test_results_are_there_for_machines(lying: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    lying(tlc=RIGHT, tla_checker=RIGHT._replace(distinct=10))
    assert main(["tla", "lock", *SAMPLE, "--json", "--junit", str(tmp_path / "x.xml")]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["exit_code"] == 1
    assert [(each["checker"], each["distinct"], each["as_expected"]) for each in document["results"]] == [
        ("tlc", 9, True),
        ("tla-checker", 10, False),
    ]
    written = (tmp_path / "x.xml").read_text(encoding="utf-8")
    assert 'name="bookproof.tla" tests="2" failures="1" skipped="0"' in written


def test_the_list_tells_what_there_is_and_what_is_ready(lying: Any, capsys: pytest.CaptureFixture[str]) -> None:
    lying(tlc=RIGHT)
    assert main(["tla", "--list", *SAMPLE]) == 0
    told = capsys.readouterr().out
    assert "refuted-never-done" in told
    assert "tlc: ready" in told


# ── pages ──


def test_a_page_has_the_trace_the_reason_and_the_same_defect_on_the_engine(
    tlc: TlcChecker, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    assert main(["tla", "refuted-unlocked", "--checker", "tlc", "--trace", "--page", str(page), *SAMPLE]) == 0
    told = capsys.readouterr().out
    assert "Exclusion does not hold in the last state." in told
    assert "The same defect on the Python engine" in told
    assert "again: bookproof replay cancel-fill" in told
    written = page.read_text(encoding="utf-8")
    for part in (
        "<code>pc[c2]</code> <code class=was>&quot;idle&quot;</code> → <code class=mark>&quot;in&quot;</code>",
        "a client does not look whether the lock is free, so two are inside at once;",
        "Exclusion == \\A one",
        "The same defect on the Python engine",
        "bookproof replay cancel-fill",
        "--engine look-up-before-lock",
        "bookproof tla refuted-unlocked --trace",
    ):
        assert part in written
    assert "http" not in written


def test_the_folder_of_this_project_is_found() -> None:
    assert (tla_folder() / "manifest.json").is_file()
