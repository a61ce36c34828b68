"""The twins say what the TLA+ modules say: the manifest's numbers, and the graphs that TLC draws, step by step."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bookproof.models.states.graph import StateGraph, difference
from bookproof.models.tla import checkers, dot
from bookproof.models.tla.checker import Finding, Says
from bookproof.models.tla.compare import differences, expected
from bookproof.models.tla.manifest import Model, chosen, read_manifest, tla_folder
from bookproof.models.tla.tlc import TlcChecker
from bookproof.models.twins import accounts, barrier, lists, rulebook, settlement, snapshot, stripe_locks, striped
from bookproof.models.twins.checker import TWINS, TwinChecker, graph_of, twin_of
from bookproof.spec.input_error import InputError

MODELS = read_manifest(tla_folder())
TWINNED = [
    model for model in MODELS if "twin" in model.checkers and (model.size == "ci" or (model.distinct or 0) < 60_000)
]
SMALL = [model for model in MODELS if model.module in TWINS and (model.distinct or 60_000) < 60_000]
EVERY_GRAPH = "true" in (os.environ.get("CI", "").lower(), os.environ.get("BOOKPROOF_GRAPHS", "").lower())
"""Java begins anew for each model: a second or two. So it is the largest of each module, unless all are asked for."""
LARGEST = {model.module: model for model in sorted(SMALL, key=lambda model: model.distinct or 0)}


def named(name: str) -> Model:
    return chosen(MODELS, [name])[0]


def found(model: Model) -> Finding:
    return TwinChecker().check(model, model.budget_seconds, lambda _: None)


def complaints(model: Model) -> tuple[str, ...]:
    """Where the twin is not what the manifest says."""
    return differences(found(model), expected(model, True, model.cfg().properties))


def names_of(models: list[Model]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("model", models, ids=[model.name for model in models])


# ── the manifest ──


@names_of(TWINNED)
def test_the_twin_finds_what_the_manifest_says(model: Model) -> None:
    assert complaints(model) == ()


def test_every_module_that_names_the_twin_has_one() -> None:
    assert {model.module for model in TWINNED} <= set(TWINS)
    assert len(TWINNED) > 20
    assert {model.verdict for model in TWINNED} == {"holds", "violates"}


def test_the_command_takes_the_twin_for_a_checker() -> None:
    assert "twin" in checkers.known()
    assert checkers.find("twin").checks_properties


def test_whoever_misses_another_checker_is_told_of_the_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JAVA_HOME", "TLA2TOOLS_JAR", "TLA_CHECKER"):
        monkeypatch.setenv(name, "/nowhere")
    with pytest.raises(InputError, match=r"--checker twin needs neither Java nor Node$"):
        checkers.find_all(("twin", "tlc"))
    assert list(checkers.find_all(("twin",))) == ["twin"]


# ── refinement, and liveness ──


def test_refinement_and_liveness_have_a_second_checker() -> None:
    asked = [(model.module, model.cfg().properties) for model in TWINNED]
    assert ("StripeLocks", ("Served",)) in asked
    assert ("StripedRefines", ("Refines", "AllReturn")) in asked


def test_a_client_may_wait_for_ever_for_locks_that_are_not_fair() -> None:
    starves = found(named("refuted-unfair-locks"))
    assert (starves.says, starves.violates) == (Says.VIOLATES, "Served")
    assert starves.back_to is not None
    assert starves.back_to < len(starves.trace) - 1, "others come and go"
    waits = [step.state["pc"] for step in starves.trace[starves.back_to :]]
    assert any({pc[at] for pc in waits} == {"take"} for at in range(2)), "one of the two waits all the time"  # type: ignore[index]


@pytest.mark.parametrize("design", ["first leg", "late stamp"])
def test_a_design_that_is_refuted_does_not_refine_the_exchange(design: str, tmp_path: Path) -> None:
    model = respelled(named("refines-basket-races"), tmp_path, '"striped"', f'"{design}"')
    model = respelled(model, tmp_path, "    Linearizable", "    TypeOK")
    assert (found(model).says, found(model).violates) == (Says.VIOLATES, "Refines")


# ── TLC ──


@cache
def drawn_by_tlc(tlc: TlcChecker, model: Model) -> StateGraph:
    return dot.state_graph(tlc, model)


@names_of(SMALL if EVERY_GRAPH else list(LARGEST.values()))
def test_twin_and_tlc_draw_the_same_graph(model: Model, tlc: TlcChecker) -> None:
    mine, its = graph_of(model), drawn_by_tlc(tlc, model)
    if {edge.action for edge in its.edges} == {"NextR"}:  # there TLC has no names for the parts
        mine = mine._replace(edges=tuple(edge._replace(action="NextR") for edge in mine.edges))
    assert not difference(mine, its, ("the twin", "TLC"))
    assert len(mine.edges) == len(its.edges)


# ── bad input ──


def respelled(model: Model, folder: Path, right: str, wrong: str) -> Model:
    """The model in a folder of its own, where its configuration says something else."""
    place = folder / "tla"
    if not place.exists():
        shutil.copytree(model.folder, place)
    path = place / "models" / f"{model.name}.cfg"
    text = path.read_text(encoding="utf-8")
    assert right in text
    path.write_text(text.replace(right, wrong), encoding="utf-8")
    return model._replace(folder=place)


@pytest.mark.parametrize(
    ("name", "right", "wrong", "complaint"),
    [
        ("striped-baskets", '"baskets"', '"buckets"', "Scenario: expected one of cancel-fill"),
        ("striped-baskets", '"striped"', '"stripy"', "Design: expected one of striped, as named"),
        ("locks", "{1, 2}", "{0, 2}", "Clients: expected a set 1..n of numbers"),
        ("striped-baskets", "    TypeOK", "    AllReturned", "AllReturned"),
        ("striped-baskets", "    TypeOK", "    Returns", "INVARIANT: expected one that the twin has"),
        (
            "striped-baskets",
            "SPECIFICATION Spec",
            "SPECIFICATION Init",
            "SPECIFICATION: expected one of Spec, FairSpec",
        ),
        ("striped-baskets", "INVARIANT", "CONSTRAINT TypeOK\nINVARIANT", "CONSTRAINT or SYMMETRY: expected one that"),
        ("striped-baskets", "INVARIANT", "PROPERTY TypeOK\nINVARIANT", "PROPERTY: expected one that the twin has"),
    ],
)
def test_what_the_twin_has_not_is_refused(name: str, right: str, wrong: str, complaint: str, tmp_path: Path) -> None:
    model = respelled(named(name), tmp_path, right, wrong)
    with pytest.raises(InputError, match=complaint):
        twin_of(model)


def test_a_module_without_a_twin_is_refused(tmp_path: Path) -> None:
    model = respelled(named("locks"), tmp_path, "Spec", "Spec")
    text = (model.folder / "StripeLocks.tla").read_text(encoding="utf-8")
    (model.folder / "Locks.tla").write_text(text.replace("MODULE StripeLocks", "MODULE Locks"), encoding="utf-8")
    with pytest.raises(InputError, match=r"module: expected one that the twin has .*, got Locks"):
        twin_of(model._replace(module="Locks"))


def test_a_budget_that_is_spent_decides_nothing() -> None:
    undecided = TwinChecker().check(named("locks"), 0.0, lambda _: None)
    assert undecided.says is Says.UNDECIDED
    assert "0 seconds" in undecided.note


# ── a word that differs from the module ──

Mutant = tuple[Callable[..., Any], str, str]

SLIPS: list[Mutant] = [
    (rulebook.rest, "queue[ahead].px <= o.px", "queue[ahead].px >= o.px"),
    (rulebook.come, "min(o.lots, makers[0].lots)", "o.lots"),
    (rulebook.replace_in, "all_ - o.done", "all_"),
    (rulebook.trade_legs, "return x, said, False", "return x, said, True"),
    (striped.Striped.take, "len(wants) < 2 or s.holder[wants[0] - 1]", "len(wants) < 2"),
    (striped.Striped.enter, "or s.holder[wants[0] - 1]", ""),
    (striped.Striped.commit, '"leave" if s.has[c - 1] else "idle"', '"idle"'),
    (striped.Striped.release, "put(s.holder, last, 0)", "s.holder"),
    (striped.Striped.plan, "else stripes[:1]", "else self.needs(command)"),
    (striped.Striped.linearizable, "s.told == s.right and", ""),
    (striped.Striped.linearizable, "s.told == s.right", "True or s.told == s.right"),
    (lists.Lists.needed, "tied(s.floor.mates,", "tied(list(s.floor.mates)[:1],"),
    (lists.Lists.holds_enough, "not self.has_lists(s, c)", "True"),
    (lists.Lists.let_go, '"back" if others else "again"', '"again"'),
    (lists.Lists.anew, "holding | self.needed(s, c)", "self.needed(s, c) | {1}"),
    (barrier.Barrier.believing, "if s.seen[c - 1][0]:", "if barred(floor, 0):"),
    (snapshot.Snapshot.look_at_one, 'pc=put(s.pc, c, "leave")', 'pc=put(s.pc, c, "leave" if others else "stamp")'),
    (stripe_locks.take, "or s.holder[s.wants[c - 1][0] - 1]", ""),
    (stripe_locks.plans, "range(1, len(stripes) + 1)", "range(1, len(stripes))"),
    (stripe_locks.release, '"leave" if others else "idle"', '"idle"'),
    (accounts.not_stood_for, "purse.orders + len(wants) > purse.most", "purse.orders > purse.most"),
    (accounts.not_stood_for, "cash > free_cash(x, account)", "cash >= free_cash(x, account)"),
    (accounts.entries, "cost(left) - cost(ours)", "0"),
    (accounts.matched, "holdings[seller - 1] - trade.lots", "holdings[seller - 1]"),
    (settlement.Settlement.check, '"stamp" if done else "match"', '"stamp"'),
    (settlement.Settlement.trade, "balances_of(owed)", "balances_of(owed)[:1],"),
    (settlement.Settlement.to_check, "(spending(account), balance(account))", "(balance(account),)"),
    (settlement.Settlement._taking, "if s.holder.of(lock):", "if False:"),
]


SLIPS_IN_VALUES: list[tuple[Callable[..., Any], str, str, str]] = [
    # these change what a state holds, but not how many there are: only a graph shows them
    (rulebook.come, "makers[0].px)", "o.px)", "striped-price-time"),
    (rulebook.come, "crosses(o, makers[0])", "True", "striped-price-time"),
    (rulebook.reach, "total += maker.lots", "pass", "striped-baskets"),
    (striped.Striped.release, '"leave" if others', '"stay" if others', "striped-baskets"),
    (
        accounts.do_about_account,
        "account, 0, command.amount * lots",
        "0, 0, command.amount * lots",
        "settlement-withdraw-order",
    ),
]


def forget() -> None:
    """What the right rules have answered is not kept for the wrong ones, nor the other way round."""
    for each in (
        rulebook.at_the_books,
        rulebook.well_formed,
        accounts.matched,
        accounts.entries,
        accounts.not_stood_for,
    ):
        getattr(each, "cache_clear", lambda: None)()


@pytest.fixture
def slipped(plant: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """Plants a slip, for rules that remember nothing from before."""
    forget()
    yield plant
    forget()


@pytest.mark.parametrize("slip", SLIPS, ids=lambda slip: f"{slip[0].__name__}: {slip[2]}")
def test_a_word_that_differs_from_the_module_is_seen(slip: Mutant, slipped: Callable[..., Any]) -> None:
    slipped(*slip)

    def is_seen(model: Model) -> bool:
        try:
            return bool(complaints(model))
        except (AttributeError, LookupError, TypeError, ValueError):
            return True  # a twin that breaks is seen as well

    assert any(is_seen(model) for model in TWINNED if (model.distinct or 0) < 1_000)


@pytest.mark.parametrize("slip", SLIPS_IN_VALUES, ids=lambda slip: f"{slip[0].__name__}: {slip[2]}")
def test_a_value_that_differs_from_the_module_is_seen_in_the_graph(
    slip: tuple[Callable[..., Any], str, str, str], slipped: Callable[..., Any], tlc: TlcChecker
) -> None:
    *text, name = slip
    slipped(*text)
    assert difference(graph_of(named(name)), drawn_by_tlc(tlc, named(name)))
