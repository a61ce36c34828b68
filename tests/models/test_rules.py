"""`bookproof rules`: the book as a table, which rules meet, what judges the properties, and what runs cannot hide."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterable
from pathlib import Path

import pytest
from rich.console import Console

from bookproof.engine.interface import Answer
from bookproof.engine.striped import StripedEngine
from bookproof.models import cli
from bookproof.models.generate.dense import dense_case, mixed_profile
from bookproof.models.generate.features import EVERYTHING, Feature, alone
from bookproof.models.generate.venues import DISTINCT, VENUES, venue_named
from bookproof.models.rules import coverage, hunt, report
from bookproof.models.rules.book import LETTERS, entries, left_out
from bookproof.models.rules.coverage import Coverage, coverage_case, possible_pairs, run_coverage, told_by
from bookproof.models.rules.hunt import still_of_use
from bookproof.models.rules.kept import kept_cases, read_cases, write_cases
from bookproof.models.rules.occasions import OCCASIONS, PLACED, in_order, pairs, why_not
from bookproof.models.rules.properties import PROPERTIES, Property, judges
from bookproof.models.rules.run import exit_code
from bookproof.models.rules.sources import decisions, names_of_tests, settled_by
from bookproof.models.sequential import determinism
from bookproof.models.sequential.determinism import CHECK, first_difference, run_determinism, same_again
from bookproof.models.sequential.run import DECISION_RULES, numbered_case, run_sequential
from bookproof.models.verdict import Verdict
from bookproof.models.verify.run import Request, run_verify
from bookproof.spec import exchange
from bookproof.spec.allocation_terms import Sharing
from bookproof.spec.commands import Cancel, Command, Submit
from bookproof.spec.exchange import Exchange, Stepped
from bookproof.spec.input_error import InputError
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import PROFILES, Profile, ReduceOnly
from bookproof.spec.rulebook import NOT_YET, RULES, fired

SPEC_TESTS = Path(__file__).parents[1] / "spec"
MINE = """
venue = "A market of my own"
settings.true_stop = {value = "trigger", source = "my own rules"}
"""


def shown(print_it: object, *arguments: object) -> str:
    """What one of the reports prints, on a wide terminal."""
    text = io.StringIO()
    print_it(*arguments, Console(file=text, width=200))  # type: ignore[operator]
    return text.getvalue()


# ── the book ──


def test_the_book_has_every_rule_in_order_and_where_each_is_decided_or_who_holds_it() -> None:
    book = entries(venue_named("default"))
    assert list(book) == sorted(RULES, key=in_order)
    for number, entry in book.items():
        shown_by = RULES[number].shown_by
        assert bool(entry.decided_in) is (shown_by == "decision")
        assert not shown_by.startswith("invariant ") or shown_by.removeprefix("invariant ") in entry.held_by


def test_a_place_is_the_line_that_says_fired() -> None:
    for number, places in decisions().items():
        for place in places:
            source = Path(exchange.__file__).parent / Path(place.file).name
            assert f'"{number}"' in source.read_text(encoding="utf-8").splitlines()[place.line - 1]
            assert f"def {place.function}(" in source.read_text(encoding="utf-8")


def test_every_field_of_a_profile_names_rules_that_there_are_and_so_is_shown_at_them() -> None:
    assert list(settled_by()) == [field for field in Profile.__struct_fields__ if field != "name"]
    for field, rules in settled_by().items():
        assert rules, field
        assert set(rules) <= RULES.keys()
        for number in rules:
            assert field in [choice.field for choice in entries(venue_named("lse"))[number].choices]


def test_a_venue_s_choice_its_source_and_what_it_does_beyond_are_told_at_the_rule() -> None:
    told = shown(report.print_rule, entries(venue_named("nasdaq"))["F1"], ["test_a"])
    for part in ("replace_keeps = never", "OUCH 5.0", "not modelled: A partial cancel", "decided in", "test_a"):
        assert part in told


def test_every_letter_with_a_rule_has_a_name() -> None:
    assert {number[0] for number in (*RULES, *NOT_YET)} <= LETTERS.keys()


def test_the_tests_of_a_rule_are_found_by_name_and_only_beside_a_checkout(tmp_path: Path) -> None:
    listed = names_of_tests("B7", SPEC_TESTS)
    assert listed == ["test_rules_matching.py: test_b7_a_partly_filled_maker_keeps_its_place"]
    assert all(names_of_tests(number, SPEC_TESTS) for number in RULES)
    assert names_of_tests("B7", tmp_path) is None
    assert "not beside an installed package" in shown(report.print_rule, entries(venue_named("default"))["B7"], None)


def test_a_venue_is_named_or_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(MINE, encoding="utf-8")
    mine = venue_named(str(tmp_path / "mine.toml"))
    assert (mine.profile.name, mine.profile.true_stop.value) == ("mine", "trigger")
    assert venue_named("groups").profile is VENUES["groups"]
    with pytest.raises(InputError, match=r"--profile: expected one of default, workloads, .* got .MINE"):
        venue_named("MINE")


def test_the_venues_that_choose_alike_are_drawn_once() -> None:
    choices = [profile._replace(name="") for profile in DISTINCT.values()]
    assert all(choices.count(profile._replace(name="")) == 1 for profile in VENUES.values())


# ── which rules can meet ──


def test_every_decision_has_its_place_in_the_table_of_occasions_and_nothing_else_has() -> None:
    """When this fails for a rule that is new: put it into every row in which it may decide something."""
    assert set(DECISION_RULES) == PLACED


def test_an_occasion_says_why_no_other_rule_has_a_say() -> None:
    assert len({occasion.outcome for occasion in OCCASIONS}) == len(OCCASIONS)
    assert all(occasion.because and occasion.rules for occasion in OCCASIONS)


def test_two_rules_can_meet_if_one_row_has_both_and_else_the_reason_is_told() -> None:
    possible = set(possible_pairs())
    for pair in pairs(DECISION_RULES):
        assert (pair in possible) is any(set(pair) <= occasion.rules for occasion in OCCASIONS)
        assert (why_not(pair) is None) is (pair in possible)
    assert why_not({"A5", "B1"}) == (
        "A5 decides only when a command is refused by A5 (the first reason that applies is the answer, and a refused "
        "command does nothing else), and B1 never then"
    )
    assert why_not({"B1", "Z9"}) == "Z9 is in no row of the table of occasions"


# ── coverage ──


def _at_most(cases: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of so many generated cases, and none of those that are kept."""
    monkeypatch.setattr(coverage, "MOST", cases)
    monkeypatch.setattr(coverage, "kept_cases", tuple)


def test_a_short_run_finds_nothing_that_cannot_be_and_counts_what_it_saw(monkeypatch: pytest.MonkeyPatch) -> None:
    _at_most(60, monkeypatch)
    found = run_coverage()
    assert found.impossible == []
    assert found.cases == 60
    assert found.commands == sum(len(coverage_case(number).commands) for number in range(60))
    assert len(found.unreached_rules) < 15
    assert 0 < len(found.unreached_pairs) < len(possible_pairs())
    assert exit_code(found) == (3 if found.unplaced else 1)
    told = shown(report.print_coverage, found)
    assert "Never in one command: " in told
    assert "Run it again: bookproof rules --coverage" in told
    assert ("INCOMPLETE" if found.unplaced else "DISAGREE") in told


def test_a_case_has_the_same_number_in_every_run_and_three_of_four_are_dense() -> None:
    assert coverage_case(11) == coverage_case(11) == numbered_case(1, 2)[1]
    assert len({coverage_case(number) for number in range(40)}) == 40


def test_rules_that_meet_though_they_cannot_are_found_and_the_case_is_made_small(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    true_step = exchange.step

    def step(state: Exchange, command: Command) -> Stepped:
        if type(command) is Cancel and state.books.keys() & {command.symbol}:
            fired("F1")
            fired("B4")
        return true_step(state, command)

    monkeypatch.setattr(exchange, "step", step)
    _at_most(5, monkeypatch)
    found = run_coverage()
    [first, *_] = found.impossible
    assert {"B4", "F1"} <= set(first.rules)
    assert "F1 decides only when a replaced order keeps its place" in first.why_not
    assert [type(command) for command in first.shortest.commands][-1] is Cancel
    assert len(first.shortest.commands) <= 3
    assert exit_code(found) == 1
    told = shown(report.print_coverage, found)
    assert f"bookproof rules --coverage --case {first.case}" in told
    assert f"Cancel({first.shortest.commands[-1].symbol!r}".replace("'", '"') in told  # type: ignore[union-attr]


def test_a_rule_without_a_row_is_not_judged_and_the_run_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "PLACED", PLACED - {"G6"})
    _at_most(40, monkeypatch)
    found = run_coverage()
    assert "G6" in found.unplaced
    assert found.impossible == []
    assert all("G6" not in pair for pair in found.unreached_pairs)
    assert exit_code(found) == 3
    assert "so its pairs are not judged: G6, seen with " in shown(report.print_coverage, found)


def test_kept_cases_each_show_a_pair_and_are_part_of_every_run(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = kept_cases()
    assert [coverage_case(coverage.MOST + number) for number in range(len(kept))] == list(kept)
    assert still_of_use(kept, possible_pairs())
    monkeypatch.setattr(coverage, "LEAST", 10)
    monkeypatch.setattr(coverage, "MOST", 10)
    found = run_coverage()
    assert found.cases == 10 + len(kept)
    assert found.impossible == []


def test_a_hunt_catches_pairs_that_are_missing_and_keeps_them_small(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(hunt, "LEAST", 40)
    monkeypatch.setattr(hunt, "kept_cases", tuple)
    monkeypatch.setattr(hunt, "possible_pairs", lambda: [("B7", "E3"), ("C6", "D4"), ("F4", "A1")])
    bars: list[str] = []
    file = tmp_path / "kept.ndjson"
    found = hunt.hunted(2.0, lambda part, share, what: bars.append(part), file)
    assert dict.fromkeys(bars) == {"generated": None, "hunt": None}
    assert found.kept == read_cases(file)
    assert ("F4", "A1") in found.missing  # never met: pairs are named in order
    assert all(len(case.commands) < 15 for case in found.kept)
    assert "Never in one command: F4 and A1" in shown(report.print_hunt, found)


def test_a_changed_case_that_is_caught_shows_what_was_missing() -> None:
    seeds = [seed for number in range(12) for seed in hunt.seeds_of(coverage_case(number))]
    hunter = hunt.Hunt([("B7", "G3")], seeds, random.Random(1))
    hunter.run(20.0, lambda share, what: None)
    assert not hunter.missing
    assert all(hunt.shows(case, ("B7", "G3")) for case in hunter.found)
    assert len(hunter.found[0].commands) <= 4


def test_a_damaged_file_of_kept_cases_is_refused_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "kept.ndjson"
    write_cases(file, kept_cases()[:2])
    assert read_cases(file) == kept_cases()[:2]
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines[:-1], "{}"]) + "\n")
    with pytest.raises(InputError, match=rf":{len(lines)}:"):
        read_cases(file)
    file.write_text(lines[1] + "\n")
    with pytest.raises(InputError, match="the header of a case"):
        read_cases(file)


def test_a_budget_that_is_spent_is_no_disagreement() -> None:
    found = run_coverage(budget=0.0)
    assert (found.cases, found.partial, exit_code(found)) == (0, "the budget was spent", 3)
    assert "INCOMPLETE" in report.closing_sentence(found).plain


def test_a_run_that_reached_everything_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "PLACED", frozenset(DECISION_RULES))
    found = Coverage()
    found.rules.update(DECISION_RULES)
    found.pairs.update(possible_pairs())
    assert exit_code(found) == 0
    rules, possible = len(DECISION_RULES), len(possible_pairs())
    told = report.closing_sentence(found).plain
    assert told.startswith(f"AGREE: {rules} of {rules} rules and {possible} of the {possible} pairs that can meet")


def test_under_one_profile_no_other_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "LEAST", 30)
    found = run_coverage(profile=PROFILES["default"])
    assert (found.cases, found.partial) == (30, "the choices of default alone rule some of them out")
    assert exit_code(found) == (1 if found.impossible else 3)
    assert not found.rules["F7"]
    assert not found.rules["G1"]


# ── dense cases ──


def test_a_dense_case_is_narrow_has_stops_in_it_and_sets_some_of_them_off() -> None:
    cases = [dense_case(1, number) for number in range(30)]
    prices = {c.price for case in cases for c in case.commands if type(c) is Submit and c.symbol == "ABC"}
    assert len([price for price in prices if type(price) is int and 0 < price < 1_000]) < 15
    assert all(any(type(c) is Submit and c.stop is not None for c in case.commands) for case in cases)
    reached = {rule for case in cases for _, rules in told_by(case) for rule in rules}
    assert {"E3", "E4", "E5", "E6"} <= reached


def test_a_mixed_profile_has_choices_that_no_venue_has_together() -> None:
    dice = random.Random(1)
    mixed = {mixed_profile(dice)._replace(name="") for _ in range(1_000)}
    known = {profile._replace(name="") for profile in VENUES.values()}
    assert mixed - known
    for field in Profile.__struct_fields__:
        if field != "reduce_only":  # which does not go with all the others
            chosen = {getattr(profile, field) for profile in mixed}
            assert chosen >= {getattr(profile, field) for profile in known}, field
    assert all(profile.flaw() is profile.allocation.flaw() is None for profile in mixed)


def test_reduce_only_orders_rest_in_some_of_the_dense_cases_with_accounts() -> None:
    features = alone(Feature.ACCOUNTS)
    chosen = {case.profile.reduce_only for case in (dense_case(1, number, features) for number in range(80))}
    assert chosen == set(ReduceOnly)


def test_an_allocation_is_taken_whole_or_mixed_of_parts_that_no_venue_has_together() -> None:
    dice = random.Random(1)
    mixed = {mixed_profile(dice).allocation for _ in range(6_000)}
    assert mixed > {profile.allocation for profile in VENUES.values()}
    assert any(sharing.sharing is Sharing.TIME_PRO_RATA and sharing.threshold > 1 for sharing in mixed)


def test_a_dense_case_with_auctions_has_calls_that_trade_and_set_stops_off() -> None:
    cases = [dense_case(1, number, alone(Feature.AUCTIONS)) for number in range(30)]
    reached = [rules for case in cases for _, rules in told_by(case)]
    assert {"I1", "I2", "I4", "I5", "I6", "I9", "J1", "J3"} <= {rule for rules in reached for rule in rules}
    assert sum("I6" in rules for rules in reached) >= 10


def test_a_dense_case_has_the_features_it_is_asked_for() -> None:
    [feature] = [feature for feature in EVERYTHING if feature.value == "mass-cancel"]
    kinds = {type(c).__name__ for number in range(20) for c in dense_case(1, number, alone(feature)).commands}
    assert kinds == {"Submit", "Cancel", "MassCancel"}


# ── the properties ──


def test_there_are_sixteen_properties_and_who_judges_each_is_there() -> None:
    assert [row.number for row in PROPERTIES] == [f"P{number}" for number in range(1, 17)]
    for row in PROPERTIES:
        assert all(callable(judge) for judge in judges(row))
        assert row.judges or row.missing, f"{row.number} is judged by nobody, and does not say why"
        assert bool(row.judges) is bool(row.where)


@pytest.mark.parametrize("name", ["bookproof.spec.invariants:crossed", "bookproof.spec.nowhere:uncrossed", "uncrossed"])
def test_a_judge_that_there_is_not_is_found_out(name: str) -> None:
    row = Property("P1", "uncrossed", "It is.", (name,), "every step")
    with pytest.raises(LookupError, match=f"P1 names {name}, and there is no such thing"):
        judges(row)


# ── determinism ──


class Remembers(StripedEngine):
    """A broken engine: the fifth answer that any exchange of its kind ever gives lacks an event."""

    asked = 0

    def submit(self, command: Command) -> Answer:
        Remembers.asked += 1
        answer = super().submit(command)
        return answer._replace(events=answer.events[: -(Remembers.asked == 5) or None])


def test_p13_an_engine_that_remembers_what_it_should_not_is_found_out() -> None:
    case = numbered_case(1, 0)[1]

    def make(instruments: Iterable[Instrument], profile: Profile) -> StripedEngine:
        return Remembers(instruments, profile, stripes=1)

    assert same_again(case, "striped")
    assert not same_again(case, make)


def test_p13_the_order_in_which_a_set_is_gone_through_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert first_difference([0, 1], "striped") is None
    by_hash = "import bookproof.models.sequential.determinism as d\nd.repr = lambda part: str(hash(repr(part)))\n"
    hashed = determinism._ELSEWHERE.replace("print(", f"{by_hash}print(")
    monkeypatch.setattr(determinism, "_ELSEWHERE", hashed)
    assert first_difference([5, 6], "striped") == 5
    result = run_determinism("striped", seed=1, case=5)
    assert result.verdict is Verdict.DISAGREE
    assert result.disagreement is not None
    assert result.disagreement.rules == ("A5",)


def test_p13_a_process_that_fails_or_never_ends_is_no_agreement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(determinism, "_ELSEWHERE", "raise SystemExit('no luck')")
    assert (run_determinism("striped", seed=1, case=5).verdict, CHECK) == (Verdict.NOT_RUN, "the same again")
    monkeypatch.setattr(determinism, "_ELSEWHERE", "import time; time.sleep(60)")
    monkeypatch.setattr(determinism, "PATIENCE", 0.2)
    result = run_determinism("striped", seed=1, case=5)
    assert (result.verdict, result.note) == (Verdict.NOT_RUN, "oracle did not answer for 0 s")


# ── verify under one profile ──


def test_the_differential_keeps_to_the_profile_that_is_named_and_says_so_in_its_line(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(MINE, encoding="utf-8")
    for name in ("eurex", str(tmp_path / "mine.toml")):
        results = run_sequential("remainder-lost", budget_seconds=0, seed=11, profile=name)
        found = next(result.disagreement for result in results if result.disagreement is not None)
        assert found.run_again.endswith(f"--engine remainder-lost --profile {name}")
        case = int(found.run_again.split()[found.run_again.split().index("--case") + 1])
        [again] = run_sequential("remainder-lost", budget_seconds=0, seed=11, case=case, profile=name)
        assert again.disagreement == found


def test_by_default_the_differential_goes_through_every_venue() -> None:
    results = run_verify(Request(parts=("sequential",), budget=0.0, processes=1))
    assert {result.verdict for result in results} == {Verdict.AGREE}
    assert any(f"under {len(VENUES)} profiles" in result.note for result in results)
    assert results[-1].check == CHECK


# ── the command line ──


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = cli.main(words)
    return code, capsys.readouterr().out


def test_the_whole_book_is_printed_letter_by_letter_with_what_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = told(capsys, "rules")
    assert code == 0
    for letter in {number[0] for number in (*RULES, *left_out())}:
        assert f"{letter}: {LETTERS[letter]}" in said
    assert "not in this version" in said


def test_the_book_is_there_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = told(capsys, "rules", "--json", "--profile", "lse")
    document = json.loads(said)
    assert (code, document["profile"]) == (0, "lse")
    assert [rule["number"] for rule in document["rules"]] == sorted(RULES, key=in_order)
    assert document["not_in_this_version"] == NOT_YET
    [e7] = [rule for rule in document["rules"] if rule["number"] == "E7"]
    assert e7["choices"][0]["value"] == "trigger"
    assert e7["decided_in"][0]["function"] == "refusal"


def test_one_rule_is_shown_with_its_tests_and_one_letter_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert "partial_maker_keeps_place" in told(capsys, "rules", "b7")[1]
    said = told(capsys, "rules", "G")[1]
    assert "G: self-trade prevention" in said
    assert "B: continuous" not in said


def test_the_other_tables_are_printed_and_given_to_machines(capsys: pytest.CaptureFixture[str]) -> None:
    assert "P16" in told(capsys, "rules", "--invariants")[1]
    assert json.loads(told(capsys, "rules", "--invariants", "--json")[1])["properties"][0]["name"] == "uncrossed"
    document = json.loads(told(capsys, "rules", "--occasions", "--json")[1])
    assert len(document["occasions"]) == len(OCCASIONS)
    assert len(document["never_together"]) + len(possible_pairs()) == len(list(pairs(PLACED & set(DECISION_RULES))))
    assert all(row["why_not"] for row in document["never_together"])
    assert "a mass cancel" in told(capsys, "rules", "--occasions")[1]


def test_one_case_is_shown_command_by_command(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = told(capsys, "rules", "--coverage", "--case", "4", "--json")
    assert code == 0
    assert [row["rules"] for row in json.loads(said)["commands"]] == [
        sorted(rules, key=in_order) for _, rules in told_by(coverage_case(4))
    ]
    assert "case 4" in told(capsys, "rules", "--coverage", "--case", "4")[1]


def test_coverage_has_its_exit_code_in_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = told(capsys, "rules", "--coverage", "--budget", "0s", "--json")
    document = json.loads(said)
    assert (code, document["exit_code"], document["cases"]) == (3, 3, 0)
    assert document["partial"] == "the budget was spent"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("rules", "Z3"), "options: RULE: expected a letter or a rule from A1 to "),
        (("rules", "--profile", "x"), "options: --profile: expected one of default, workloads,"),
        (("rules", "--profile", "none.toml"), "none.toml: expected a file that can be read, got No such file"),
        (("rules", "--budget", "5s"), "options: --budget: expected --coverage beside it, got no --coverage"),
        (("rules", "B7", "--coverage"), "options: RULE: expected no rules beside --coverage, --invariants or --occas"),
        (("rules", "--coverage", "--case", "999999"), "options: --case: expected a case from 0 to "),
        (
            ("verify", "--only", "sequential", "--profile", "x"),
            "options: --profile: expected one of default, workloads",
        ),
    ],
)
def test_a_bad_request_exits_with_2_and_one_line(
    words: tuple[str, ...], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"bookproof: {complaint}")
    assert said.count("\n") == 1
