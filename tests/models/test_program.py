"""The printed counterexample is a test: it fails on the broken engine, passes on a good one, and reads well."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bookproof.engine.striped import StripedEngine
from bookproof.models.generate.case import Case
from bookproof.models.generate.features import EVERYTHING
from bookproof.models.generate.soak import soak_case
from bookproof.models.report.literal import WIDTH, laid_out, literal
from bookproof.models.report.program import as_comparison, as_test
from bookproof.models.sequential.differential import compare, shrink
from bookproof.models.sequential.run import ROUND, program, run_sequential
from bookproof.spec.commands import Basket, Cancel, Halt, Leg, Submit, TakeSnapshot
from bookproof.spec.events import Event
from bookproof.spec.exchange import opening, step
from bookproof.spec.instruments import Instrument, listing
from bookproof.spec.profile import DEFAULT, WORKLOADS, Profile
from bookproof.spec.values import SelfTradePrevention, Side, TimeInForce
from bookproof.spec.views import Top

NO_INTEGER: Any = 1.5
SELL, BUY = Submit("ABC", 1, 7, Side.SELL, 1, 100), Submit("ABC", 2, 8, Side.BUY, 3, 101)
BOOKS = listing(["ABC", "XYZ"])


def right_answer(case: Case) -> tuple[Event, ...]:
    state = opening(case.instruments, case.profile)
    events: tuple[Event, ...] = ()
    for command in case.commands:
        state, events = step(state, command)
    return events


def run_tests_in(source: str) -> None:
    """Run every test function of a pasted program."""
    namespace: dict[str, Any] = {"__name__": "pasted"}
    exec(compile(source, "pasted.py", "exec"), namespace)
    tests = [thing for name, thing in namespace.items() if name.startswith("test_")]
    assert tests
    for test in tests:
        test()


SWARM_PLACE = {"priority-kept": ROUND.index("replace"), "remainder-lost": ROUND.index("limit")}


@pytest.mark.parametrize("name", SWARM_PLACE)
def test_printed_counterexample_fails_on_the_broken_engine_and_passes_on_the_good_one(name: str) -> None:
    numbers = range(SWARM_PLACE[name], 100 * len(ROUND), len(ROUND))
    results = (run_sequential(name, budget_seconds=0, seed=2, case=number)[0] for number in numbers)
    source = next(result.disagreement.program for result in results if result.disagreement)
    with pytest.raises(AssertionError):
        run_tests_in(source)
    run_tests_in(source.replace(f'factory("{name}")', 'factory("striped")'))


class Deaf(StripedEngine):
    """Answers nothing at all."""

    def submit(self, command: Any) -> Any:
        return super().submit(command)._replace(events=())


def test_an_engine_of_ones_own_is_imported_from_where_it_lives() -> None:
    case = Case(BOOKS, (SELL, BUY))
    difference = compare(Deaf, case.instruments, case.profile, case.commands)
    assert difference is not None
    shortest, difference = shrink(Deaf, case, difference)
    source = program(Deaf, shortest, difference)
    assert f"from {__name__} import Deaf\n" in source
    with pytest.raises(AssertionError):
        run_tests_in(source)
    run_tests_in(
        source.replace(f"from {__name__} import Deaf", "from bookproof.engine.striped import StripedEngine as Deaf")
    )


def test_an_engine_without_an_address_leaves_a_gap_to_fill_in() -> None:
    source = as_test(BOOKS, DEFAULT, [SELL], lambda instruments, profile: None, ())
    assert "from your_package import YourEngine\n" in source
    assert "engine = YourEngine([" in source


def test_a_program_can_be_pasted_into_a_file_and_run(tmp_path: Path) -> None:
    case = Case(BOOKS, (SELL, BUY), WORKLOADS)
    file = tmp_path / "test_pasted.py"
    file.write_text(as_test(BOOKS, WORKLOADS, case.commands, "striped", right_answer(case)), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file)]
    paths = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=paths, check=False)
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_a_program_shows_commands_views_and_only_what_is_not_the_default() -> None:
    case = Case(BOOKS, (SELL, BUY), Profile("mine", self_trade_groups=((7, 8),)))
    source = as_test(
        case.instruments,
        case.profile,
        case.commands,
        "global-lock",
        right_answer(case),
        views=[(("status", "ABC", 1), None), (("top", "XYZ"), Top(None, None))],
        story='A """story""".',
    )
    assert (
        source
        == '''\
from bookproof.models.engines_by_name import factory
from bookproof.spec.commands import Submit
from bookproof.spec.events import Accepted, Trade
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import Profile
from bookproof.spec.values import Side
from bookproof.spec.views import Top


def test_engine_agrees_with_the_rule_book() -> None:
    """A \'\'\'story\'\'\'."""
    profile = Profile(name="mine", self_trade_groups=((7, 8),))
    engine = factory("global-lock")([Instrument("ABC"), Instrument("XYZ")], profile)
    engine.submit(Submit("ABC", order_id=1, account=7, side=Side.SELL, quantity=1, price=100))
    answer = engine.submit(Submit("ABC", order_id=2, account=8, side=Side.BUY, quantity=3, price=101))
    assert answer.events == (
        Accepted("ABC", order_id=2, side=Side.BUY, price=101, quantity=3),
        Trade("ABC", price=100, quantity=1, maker=1, taker=2),
    )
    assert engine.status("ABC", 1) is None
    assert engine.top("XYZ") == Top(bid=None, ask=None)
'''
    )


@pytest.mark.parametrize("number", range(8))
def test_whole_generated_cases_make_programs_that_pass(number: int) -> None:
    case = soak_case(4, number, EVERYTHING)
    commands = (*case.commands, TakeSnapshot())
    answer = right_answer(case._replace(commands=commands))
    source = as_test(case.instruments, case.profile, commands, "striped", answer)
    assert max(map(len, source.splitlines())) <= WIDTH
    run_tests_in(source)


def test_a_comparison_passes_where_oracle_and_engine_agree() -> None:
    source = as_comparison(BOOKS, WORKLOADS, [SELL, BUY], "striped", story="Nothing is wrong.")
    run_tests_in(source)
    with pytest.raises(AssertionError, match="the rule book says"):
        run_tests_in(source.replace('"striped"', '"remainder-lost"'))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Cancel("ABC", 1), 'Cancel("ABC", order_id=1)'),
        (Halt(), "Halt()"),
        (Halt("ABC"), 'Halt("ABC")'),
        (SELL._replace(min_quantity=False), f"{literal(SELL)[:-1]}, min_quantity=False)"),
        (SELL._replace(quantity=NO_INTEGER), literal(SELL).replace("quantity=1", "quantity=1.5")),
        (SELL._replace(time_in_force=TimeInForce.IOC), f"{literal(SELL)[:-1]}, time_in_force=TimeInForce.IOC)"),
        (
            Basket(1, (Leg("ABC", 1, Side.BUY, 1),), SelfTradePrevention.DECREMENT),
            'Basket(account=1, legs=(Leg("ABC", order_id=1, side=Side.BUY, quantity=1),), '
            "self_trade=SelfTradePrevention.DECREMENT)",
        ),
        (Instrument('A"B', lot=10), 'Instrument("A\\"B", lot=10)'),
        (Instrument("A\nB"), "Instrument('A\\nB')"),
        ((), "()"),
    ],
    ids=str,
)
def test_literals(value: object, text: str) -> None:
    assert literal(value) == text


def test_literals_make_the_very_value() -> None:
    for number in range(20):
        commands = soak_case(6, number, EVERYTHING).commands
        names: dict[str, Any] = {}
        exec("from bookproof.spec.commands import *\nfrom bookproof.spec.values import *", names)
        made = eval(laid_out(commands), names)
        assert repr(made) == repr(commands)
