"""Everything about `bookproof prove` but the exploration itself, which CI runs by that name."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError
from inspect import get_annotations, signature
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bookproof.models.prove import contracts, runner
from bookproof.models.prove.contracts import (
    CONTRACTS,
    Contract,
    Entry,
    Iceberg,
    Order,
    Property,
    Ranked,
    Special,
    asking,
    hold,
)
from bookproof.models.prove.defects import DEFECTS, Defect, seeded
from bookproof.models.prove.runner import Finding, Kind, Question, Verdict, questions, verdict_of
from bookproof.spec import kernel
from bookproof.spec.values import SelfTradePrevention, Side

# ── what CrossHair says, as it was said ──

SAID = [
    ("CONFIRMED", "Confirmed over all paths.", Verdict.CONFIRMED, ""),
    (
        "POST_FAIL",
        "false when calling limit_order(Side.SELL, 0, 1, (Order(0, -1, 1),), None, 0, 1, 0) (which returns Step(...))",
        Verdict.REFUTED,
        "limit_order(Side.SELL, 0, 1, (Order(0, -1, 1),), None, 0, 1, 0)",
    ),
    ("CANNOT_CONFIRM", "Not confirmed.", Verdict.UNCONFIRMED, "not all of them were"),
    ("PRE_UNSAT", "Unable to meet precondition.", Verdict.ERROR, "PRE_UNSAT: Unable to meet precondition."),
    (
        "EXEC_ERR",
        "TypeError: FastBook.__init__() missing 1 required positional argument: 'market' when calling both((), 1)",
        Verdict.ERROR,
        "EXEC_ERR: TypeError: FastBook.__init__() missing",
    ),
    ("POST_ERR", "KeyError: 7 when calling limit_order(Side.SELL, 0)", Verdict.ERROR, "POST_ERR: KeyError: 7"),
    ("SYNTAX_ERR", "NameError: name 'hodl' is not defined", Verdict.ERROR, "SYNTAX_ERR"),
    ("CONFIRMED", "Confirmed over most paths.", Verdict.ERROR, "CONFIRMED: Confirmed over most paths."),
    ("POST_FAIL", "true when calling f(1)", Verdict.ERROR, "POST_FAIL"),
    ("PERHAPS", "Confirmed over all paths.", Verdict.ERROR, "PERHAPS"),
]


@pytest.mark.parametrize(("state", "text", "verdict", "details"), SAID)
def test_only_the_definite_answers_are_believed(state: str, text: str, verdict: Verdict, details: str) -> None:
    assert verdict_of([(state, text)])[0] is verdict
    assert details in verdict_of([(state, text)])[1]


@pytest.mark.parametrize("count", [0, 2])
def test_anything_but_one_message_is_an_error(count: int) -> None:
    assert verdict_of([("CONFIRMED", "Confirmed over all paths.")] * count)[0] is Verdict.ERROR


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("verdict", [Verdict.UNCONFIRMED, Verdict.ERROR])
def test_no_answer_is_never_a_pass(kind: Kind, verdict: Verdict) -> None:
    assert not finding(Question(kind, "limit_order", ("uncrossed",), False), verdict).passed


def test_a_proof_passes_when_confirmed_and_a_defect_when_refuted() -> None:
    proof, defect = (Question(kind, "limit_order", ("uncrossed",), False) for kind in (Kind.PROOF, Kind.DEFECT))
    assert finding(proof, Verdict.CONFIRMED).passed
    assert not finding(proof, Verdict.REFUTED).passed
    assert finding(defect, Verdict.REFUTED).passed
    assert not finding(defect, Verdict.CONFIRMED).passed


# ── contracts on plain integers ──


def outcome_of(run: Any, *arguments: Any) -> list[Any]:
    outcome = run(*arguments)
    return outcome if isinstance(outcome, list) else [outcome]


def broken(outcomes: Iterable[Any], properties: Iterable[Property]) -> set[str]:
    return {shows.__name__ for outcome in outcomes for shows in properties if not shows(outcome)}


def meets_preconditions(contract: Contract, arguments: Sequence[Any]) -> bool:
    """What CrossHair asks of the arguments: the `pre:` lines of the docstring."""
    names = vars(contracts) | dict(zip(signature(contract.run).parameters, arguments, strict=True))
    asked = re.findall(r"^\s*pre: (.*)$", str(contract.run.__doc__), re.MULTILINE)
    assert asked
    return all(eval(line, names) for line in asked)


small = st.integers(1, 4)
sides = st.sampled_from(Side)
prices = st.integers(96, 104)
entries = st.builds(Entry, sides, prices, small)
specials = st.tuples(sides, prices, small, st.integers(0, 8), st.integers(1, 2)).map(
    lambda of: Special(of[0], of[1], of[2] + min(of[3], 2 * of[2]), of[2], of[4])
)


@st.composite
def queues(draw: st.DrawFn, kind: type = Order) -> tuple[Order | Ranked | Iceberg, ...] | None:
    """One side of a book: offsets from its best price, ranks, and whatever else an order has."""
    places = st.tuples(st.integers(0, 3), st.integers(0, 1 if kind is Ranked else 0))
    drawn = sorted(draw(st.lists(places, max_size=4)))
    gaps = [later - earlier for earlier, later in pairwise([0, *(offset for offset, _ in drawn)])]
    numbers = draw(st.permutations(range(1, len(drawn) + 1)))
    orders: list[Order | Ranked | Iceberg] = []
    for (place, gap), number in zip(zip(drawn, gaps, strict=True), _earlier_first(drawn, numbers), strict=True):
        slice = draw(small)
        if kind is Iceberg:
            display = slice + draw(st.integers(0, 2))
            orders.append(Iceberg(gap, number, slice, draw(st.integers(0, 2 * display)), display))
        elif kind is Ranked:
            orders.append(Ranked(gap, number, slice, place[1]))
        else:
            orders.append(Order(gap, number, slice, draw(st.integers(1, 2))))
    return tuple(orders) or None


def _earlier_first(places: Sequence[tuple[int, int]], numbers: Sequence[int]) -> list[int]:
    """The same numbers, ascending among equals and in any order otherwise."""
    dealt = {place: iter(sorted(n for p, n in zip(places, numbers, strict=True) if p == place)) for place in places}
    return [next(dealt[place]) for place in places]


spreads, lasts = st.integers(1, 3), st.integers(4, 6)
bests = st.just(0)
limits = st.integers(-6, 6)
ARGUMENTS = {
    "limit_order": (sides, limits, small, queues(), queues(), bests, spreads, lasts),
    "among_hidden": (sides, limits, small, queues(Ranked), queues(Ranked), bests, spreads, lasts),
    "iceberg_order": (sides, limits, st.integers(1, 20), small, queues(Iceberg), queues(), bests, spreads, lasts),
    "own_order": (
        sides,
        limits,
        small,
        st.integers(1, 2),
        st.sampled_from(SelfTradePrevention).filter(lambda mode: mode is not SelfTradePrevention.NONE),
        queues(),
        queues(),
        bests,
        spreads,
        lasts,
    ),
    "from_empty": (st.lists(entries, max_size=8),),
    "both": (st.lists(entries, max_size=8),),
    "both_limited": (st.lists(entries, max_size=8),),
    "both_special": (st.lists(specials, max_size=8), st.sampled_from(SelfTradePrevention)),
}


@pytest.mark.parametrize("name", CONTRACTS)
def test_the_true_kernel_keeps_every_contract(name: str) -> None:
    contract = CONTRACTS[name]

    @settings(max_examples=200, deadline=None)
    @given(st.tuples(*ARGUMENTS[name]))
    def check(arguments: tuple[Any, ...]) -> None:
        assert meets_preconditions(contract, arguments)
        assert broken(outcome_of(contract.run, *arguments), contract.properties) == set()

    check()


SITUATIONS: dict[str, tuple[Any, ...]] = {
    "sweeps_and_rests": (Side.BUY, 1, 3, (Order(0, 1, 1), Order(1, 2, 1)), None, 0, 1, 2),
    "queues_between": (Side.BUY, -1, 1, None, (Order(0, 1, 1), Order(1, 2, 1)), 0, 1, 2),
    "joins_hidden": (Side.BUY, -1, 1, None, (Ranked(0, 1, 1, kernel.HIDDEN),), 0, 1, 1),
    "trades_in_turns": (Side.BUY, 0, 3, 1, (Iceberg(0, 1, 1, 1, 1), Order(0, 2, 1)), None, 0, 1, 2),
    "prevents_after_a_trade": (
        *(Side.BUY, 0, 2, 7, SelfTradePrevention.CANCEL_TAKER),
        *((Order(0, 1, 1, 8), Order(0, 2, 1, 7)), None, 0, 1, 2),
    ),
    "sweeps": ([Entry(Side.SELL, 100, 1), Entry(Side.SELL, 101, 1), Entry(Side.BUY, 101, 2)],),
    "engine_sweeps": ([Entry(Side.SELL, 100, 1), Entry(Side.SELL, 101, 1), Entry(Side.BUY, 101, 2)],),
    "engine_prevents": (
        [Special(Side.SELL, 100, 1, 1, 7), Special(Side.BUY, 100, 1, 1, 7)],
        SelfTradePrevention.DECREMENT,
    ),
    "engine_trades": ([Entry(Side.SELL, 100, 1), Entry(Side.BUY, 100, 1)],),
}


@pytest.mark.parametrize(
    ("contract", "situation"),
    [(contract, situation) for contract in CONTRACTS.values() for situation in contract.reaches],
    ids=lambda of: getattr(of, "__name__", None),
)
def test_every_situation_is_reached_by_some_integers(contract: Contract, situation: Property) -> None:
    arguments = SITUATIONS[situation.__name__]
    assert meets_preconditions(contract, arguments)
    assert any(situation(outcome) for outcome in outcome_of(contract.run, *arguments))


# ── broken kernels ──


def id_of(defect: Defect) -> str:
    return f"{defect.contract.__name__}{defect.broken.__name__}"


@pytest.mark.parametrize("defect", DEFECTS, ids=id_of)
def test_each_defect_is_caught_by_the_property_it_breaks(defect: Defect) -> None:
    contract = CONTRACTS[defect.contract.__name__]
    assert meets_preconditions(contract, defect.example)
    assert broken(outcome_of(contract.run, *defect.example), contract.properties) == set()
    with seeded(defect):
        outcomes = outcome_of(contract.run, *defect.example)
    assert defect.breaks.__name__ in broken(outcomes, contract.properties)


def test_every_property_is_broken_by_some_defect() -> None:
    shown = {shows for contract in CONTRACTS.values() for shows in contract.properties}
    assert shown == {defect.breaks for defect in DEFECTS}


def test_every_contract_has_a_defect_and_a_situation() -> None:
    assert {defect.contract.__name__ for defect in DEFECTS} == set(CONTRACTS)
    assert all(contract.reaches for contract in CONTRACTS.values())


def test_the_true_kernel_is_back_after_a_defect() -> None:
    before = dict(vars(kernel))
    for defect in DEFECTS:
        with pytest.raises(KeyError), seeded(defect):
            raise KeyError
    assert vars(kernel) == before


# ── questions ──


def test_one_property_can_be_asked_for_instead_of_all() -> None:
    assert not hold(5, [lambda _: False])
    with asking((lambda number: number == 5,)):
        assert hold(5, [lambda _: False])
    assert not hold(5, [lambda _: False])


def test_to_ask_for_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="name at least one"), asking(()):
        pass


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=lambda contract: contract.name)
def test_every_argument_is_of_bounded_size_when_explored(contract: Contract, full: bool) -> None:
    types = get_annotations(contract.sized(full), eval_str=True)
    assert types.keys() - {"return"} == signature(contract.run).parameters.keys()
    assert "Sequence" not in str([types[name] for name in types.keys() - {"return"}])
    assert contract.sized(full).__doc__ == contract.run.__doc__


def test_everything_is_asked_and_nothing_twice() -> None:
    asked = questions(full=True)
    assert len(set(asked)) == len(asked)
    assert sum(question.kind is Kind.PROOF for question in asked) == len(CONTRACTS)
    assert sum(question.kind is Kind.DEFECT for question in asked) == len(DEFECTS)
    assert {question.contract for question in questions(only="own_order")} == {"own_order"}
    assert set(CONTRACTS) - {question.contract for question in questions()} == {"both_special"}


def test_only_the_runner_knows_of_crosshair() -> None:
    folder = Path(runner.__file__).parents[1]
    imports = re.compile(r"^\s*(import|from) crosshair", re.MULTILINE)
    assert [path.name for path in folder.rglob("*.py") if imports.search(path.read_text())] == ["runner.py"]


# ── reports ──


def finding(question: Question, verdict: Verdict) -> Finding:
    return Finding(question, verdict, f"{question.contract}(1)" if verdict is Verdict.REFUTED else "", 9, 1.5)


def run(monkeypatch: pytest.MonkeyPatch, wrong: dict[str, Verdict], *options: str) -> int:
    """`bookproof prove` with a CrossHair that answers as is wanted, but for the named properties."""

    def ask(asked: Sequence[Question], jobs: int, patience: float) -> Iterable[Finding]:
        for question in asked:
            names = [name for name in question.asks if name in wrong and question.kind is not Kind.SITUATION]
            yield finding(question, wrong[names[0]] if names else question.wanted)

    monkeypatch.setattr(runner, "ask", ask)
    monkeypatch.setattr(runner, "version", lambda _: "0.0.113")
    parser = argparse.ArgumentParser()
    runner.add_arguments(parser)
    return runner.main(parser.parse_args(options))


def test_all_as_wanted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, {}, "--quick") == 0
    said = capsys.readouterr().out
    assert "7 of 7 contracts confirmed over all paths: for all integers" in said
    assert "19 of 19 broken kernels refuted, 8 of 8 situations reached." in said


def test_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, {}, "--json", "--only", "limit_order") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["passed"] is True
    assert said["claim"] == "for all integers, in books of the sizes given, in CrossHair's model of Python"
    assert said["findings"][0] == {
        "kind": "proof",
        "contract": "limit_order",
        "asks": [shows.__name__ for shows in CONTRACTS["limit_order"].properties],
        "books": "books up to 2x2",
        "defect": None,
        "wanted": "confirmed",
        "verdict": "confirmed",
        "passed": True,
        "details": "",
        "paths": 9,
        "cpu_seconds": 1.5,
    }


def test_a_refuted_proof_is_asked_apart_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, {"no_self_trade": Verdict.REFUTED}, "--json", "--only", "own_order") == 1
    said = json.loads(capsys.readouterr().out)
    failed = [found["asks"] for found in said["findings"] if not found["passed"]]
    assert failed == [[shows.__name__ for shows in CONTRACTS["own_order"].properties], ["no_self_trade"]]


@pytest.mark.parametrize("verdict", [Verdict.UNCONFIRMED, Verdict.ERROR])
def test_a_proof_without_an_answer_fails(
    verdict: Verdict, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, {"agree": verdict}) == 1
    said = capsys.readouterr().out
    assert f"wanted: confirmed, came: {verdict}. This is neither a proof nor a counterexample." in said
    assert "again: bookproof prove --quick --only both" in said


def test_a_defect_that_nobody_notices_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ask(asked: Sequence[Question], jobs: int, patience: float) -> Iterable[Finding]:
        return [finding(question, Verdict.CONFIRMED) for question in asked if question.kind is Kind.DEFECT]

    asked = [question for question in questions(only="agree") if question.kind is Kind.DEFECT]
    monkeypatch.setattr(runner, "ask", ask)
    monkeypatch.setattr(runner, "version", lambda _: "0.0.113")
    monkeypatch.setattr(runner, "questions", lambda full, only: asked)
    assert runner.run_prove() == 1
    assert "The property does not see what is broken: strengthen it." in capsys.readouterr().out


def test_an_unknown_name_is_said_to_be_unknown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, {}, "--only", "hodl") == 2
    assert "nothing is called 'hodl'; there are: limit_order" in capsys.readouterr().err


def test_without_crosshair_one_sentence_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(runner, "version", missing)
    assert runner.run_prove() == 2
    assert capsys.readouterr().err == "bookproof prove needs CrossHair: pip install 'bookproof[prove]'\n"
