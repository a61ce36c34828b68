"""The table of rules: complete, marked where it says so, shown by invariants that exist, and tested rule by rule."""

from __future__ import annotations

import ast
import timeit
from collections.abc import Iterator
from pathlib import Path

import pytest

import bookproof.spec
from bookproof.spec.commands import Cancel, Command, Halt, Replace, Submit
from bookproof.spec.exchange import opening, run, step
from bookproof.spec.instruments import listing
from bookproof.spec.invariants import INVARIANTS
from bookproof.spec.profile import DEFAULT, WORKLOADS, Profile
from bookproof.spec.report_checks import STREAM_INVARIANTS
from bookproof.spec.rulebook import NOT_YET, RULES, fired, listening
from bookproof.spec.values import SelfTradePrevention, Side, TimeInForce

SOURCES = [path for folder in bookproof.spec.__path__ for path in sorted(Path(folder).glob("*.py"))]
LETTERS = {
    "A": 6,
    "B": 11,
    "C": 9,
    "D": 6,
    "E": 7,
    "F": 7,
    "G": 6,
    "H": 4,
    "I": 10,
    "J": 7,
    "K": 9,
    "L": 7,
    "M": 4,
    "N": 2,
    "O": 3,
}
"""How many rules the rule book has under each letter that this version touches."""


def marks() -> Iterator[str]:
    """Every number that some module passes to `fired`; of a conditional number, both."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "fired":
                numbers = [part.value for part in ast.walk(node.args[0]) if isinstance(part, ast.Constant)]
                yield from (number for number in numbers if isinstance(number, str))


def test_every_rule_of_the_letters_in_scope_is_in_the_table_or_not_yet() -> None:
    numbers = {f"{letter}{number}" for letter, last in LETTERS.items() for number in range(1, last + 1)}
    assert numbers == RULES.keys() | {number for number in NOT_YET if " " not in number}
    assert not RULES.keys() & NOT_YET.keys()


def test_what_is_not_yet_there_of_a_rule_belongs_to_a_rule() -> None:
    assert {part.split()[0] for part in NOT_YET if " " in part} <= RULES.keys()
    assert all(NOT_YET.values())


def test_the_oracle_marks_exactly_the_rules_that_are_decisions() -> None:
    assert set(marks()) == {number for number, rule in RULES.items() if rule.shown_by == "decision"}


def test_every_other_rule_is_shown_by_an_invariant_that_says_so() -> None:
    rules_of = {f"invariant {invariant.name}": invariant.rules for invariant in INVARIANTS}
    rules_of |= {f"stream invariant {stream.name}": stream.rules for stream in STREAM_INVARIANTS}
    for rule in RULES.values():
        assert rule.shown_by == "decision" or rule.number in rules_of[rule.shown_by]


def test_invariants_name_rules_of_the_table_and_explain_themselves() -> None:
    for rules in [invariant.rules for invariant in INVARIANTS] + [stream.rules for stream in STREAM_INVARIANTS]:
        assert rules
        assert set(rules) <= RULES.keys()


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.number)
def test_a_rule_is_one_sentence_with_a_number_and_a_scope(rule: tuple[str, str, str, str, str]) -> None:
    number, scope, text, _, _ = rule
    assert RULES[number] is rule
    assert scope in ("L1", "LA", "LX", "LG")
    assert text[0].isupper()
    assert text.endswith(".")
    assert ". " not in text


def test_every_rule_has_a_test_that_bears_its_number() -> None:
    tests = {
        node.name.split("_")[1].upper()
        for path in Path(__file__).parent.glob("test_rules_*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
    assert RULES.keys() <= tests


BID = Submit("ABC", 1, 7, Side.BUY, 5, 100)
HIT = Submit("ABC", 2, 7, Side.SELL, 1, 100, self_trade=SelfTradePrevention.CANCEL_TAKER)
GROUPED = Profile(self_trade_groups=((6, 7),))


@pytest.mark.parametrize(
    ("setup", "command", "profile", "marked"),
    [
        ([], BID, DEFAULT, "A2 C1 E2"),
        ([], BID._replace(time_in_force=TimeInForce.DAY), DEFAULT, "A2 C2 E2"),
        ([], BID._replace(display=2), DEFAULT, "A2 C1 D1 E2"),
        ([], BID._replace(display=0), DEFAULT, "A2 C1 D4 E2"),
        ([], BID._replace(quantity=0), DEFAULT, "A1 A4"),
        ([], BID, GROUPED, "A2 C1 E2 G1"),
        ([BID], HIT, DEFAULT, "B1 B5 E2 G2 G3 G4 G5"),
        ([BID], HIT._replace(account=8), DEFAULT, "B1 B4 B5 B7 E2"),
        ([BID], Replace("ABC", 1, 4), DEFAULT, "F1"),
        ([BID], Replace("ABC", 1, 6), DEFAULT, "A2 C1 E2 F2"),
        ([BID], Replace("ABC", 1, 4), WORKLOADS, "A2 C1 E2 F7"),
        ([BID], Replace("ABC", 1, 0), DEFAULT, "A1 A4"),
        ([BID._replace(stop=105)], Replace("ABC", 1, 6), DEFAULT, "A2 F2"),
        ([BID._replace(stop=105)], Replace("ABC", 1, 4), WORKLOADS, "A2 F7"),
        ([BID], Cancel("ABC", 1), DEFAULT, ""),
        ([BID, Halt("ABC")], Cancel("ABC", 1), DEFAULT, "J2"),
        ([BID, Halt()], Cancel("ABC", 1), DEFAULT, "J2"),
    ],
)
def test_a_command_is_marked_with_the_rules_that_decided_it_and_no_others(
    setup: list[Command], command: Command, profile: Profile, marked: str
) -> None:
    state, _ = run(opening(listing(["ABC"]), profile), setup)
    with listening() as reached:
        step(state, command)
    assert sorted(reached) == marked.split()


def test_listening_counts_what_is_fired_and_a_listener_within_tells_the_one_around_it() -> None:
    with listening() as outer:
        fired("A1")
        with listening() as inner:
            fired("B1")
        fired("A1")
    fired("C1")
    assert (outer, inner) == ({"A1": 2, "B1": 1}, {"B1": 1})


def test_a_mark_costs_next_to_nothing_while_nobody_listens() -> None:
    each = min(timeit.repeat(lambda: fired("B1"), number=20_000, repeat=5)) / 20_000
    assert each < 1e-6  # about 0.04 µs on a quiet machine, and this one may be busy
