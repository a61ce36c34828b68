"""Every engine with a defect is caught, in the kind that it has; engines without one conform, whatever they show."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bookproof.models.cli import main
from bookproof.models.conform.adapter import Capabilities
from bookproof.models.conform.at_once import at_once, script
from bookproof.models.conform.check import ALONE, ONCE, Finding, Report, Request, check
from bookproof.models.conform.divergence import Kind
from bookproof.models.conform.judge import diverges
from bookproof.models.conform.scenarios import TOGETHER, covered, fitted, scenario
from bookproof.models.conform.subject import Ask, Played, Subject
from bookproof.models.conform.told import closing_sentence, program, results, run_again
from bookproof.models.conform.ways import Settings, engine
from bookproof.models.report.junit import as_junit
from bookproof.spec.commands import Replace, Submit
from bookproof.spec.values import SelfTradePrevention, TimeInForce

SIMPLE = '''
from bookproof.models.conform.adapter import Adapter, Capabilities, Fill, Refused, Reply, Resting, Status

class Simple(Adapter):
    """A book of limit orders, as slow as it is short; every defect changes one line of it."""

    capabilities = Capabilities(
        "simple",
        orders={"limit", "ioc"},
        commands={"cancel"},
        views={"trades", "queue", "depth", "top", "status"},
        level_orders=True,
    )
    refusals = (LookupError,)

    def open(self, books, settings):
        self.sides = {"buy": [], "sell": []}
        self.known = {}

    def submit(self, order):
        taker = [order.order_id, order.price, order.quantity, 0]
        self.known[order.order_id] = taker
        sign = 1 if order.is_buy else -1
        others = self.sides["sell" if order.is_buy else "buy"]
        fills = []
        while others and taker[2] and sign * others[0][1] <= sign * order.price:
            maker = others[0]
            size = min(taker[2], maker[2])
            for one in maker, taker:
                one[2] -= size
                one[3] += size
            fills.append(Fill(maker[1], size, maker[0], taker[0]))
            if not maker[2]:
                others.pop(0)
        own = self.sides[order.side]
        if taker[2] and order.time_in_force == "gtc":
            at = sum(sign * one[1] >= sign * order.price for one in own)
            own.insert(at, taker)
        return fills

    def cancel(self, symbol, order_id):
        for side in self.sides.values():
            for one in side:
                if one[0] == order_id:
                    side.remove(one)
                    return True
        return False

    def queue(self, symbol):
        return tuple([Resting(*one[:3]) for one in self.sides[side]] for side in ("buy", "sell"))

    def depth(self, symbol):
        return tuple(self._levels(side) for side in ("buy", "sell"))

    def _levels(self, side):
        levels = {}
        for _, price, quantity, _ in self.sides[side]:
            count, total = levels.get(price, (0, 0))
            levels[price] = count + 1, total + quantity
        return [(price, total, count) for price, (count, total) in levels.items()]

    def top(self, symbol):
        return tuple(next(iter(levels), None) for levels in self.depth(symbol))

    def status(self, symbol, order_id):
        one = self.known.get(order_id)
        if one is None:
            return None
        live = any(one is other for side in self.sides.values() for other in side)
        return Status("live" if live else "gone" if one[2] else "filled", one[2], one[3])
'''


def simple(folder: Path, old: str = "", new: str = "") -> str:
    """The engine of a file of its own, with one line changed."""
    assert old in SIMPLE
    path = folder / "simple.py"
    path.write_text(SIMPLE.replace(old, new, 1))
    return f"{path}:Simple"


def checked(name: str, request: Request) -> Report:
    with engine("--engine", name, Settings(memory=200)) as subject:
        return check(subject, request)


def only(report: Report) -> Finding:
    (_, finding), *_ = report.findings
    return finding


def test_a_right_engine_conforms_and_the_report_says_what_that_was_worth(tmp_path: Path) -> None:
    report = checked(simple(tmp_path), Request(scenarios=40))
    assert report.exit_code == 0
    assert [outcome.run for outcome in report.outcomes] == ["limit", "ioc", TOGETHER]
    assert all(outcome.scenarios == 40 for outcome in report.outcomes)
    assert "CONFORMS: simple, in 3 runs of" in closing_sentence(report)
    assert dict(report.not_covered)["iceberg"] == "it has no such orders"


RAISES = ("        return False\n", "        raise RuntimeError('no such order')\n")
KEEPS_LEVEL = (
    "for _, price, quantity, _ in self.sides[side]:",
    "for _, price, quantity, _ in [*self.sides[side]][:2]:",
)


@pytest.mark.parametrize(
    ("old", "new", "kind", "commands"),
    [
        ("Fill(maker[1], size", "Fill(order.price, size", Kind.TRADE, 2),
        ("sum(sign * one[1] >= sign * order.price for", "sum(sign * one[1] > sign * order.price for", Kind.QUEUE, 2),
        (*KEEPS_LEVEL, Kind.DEPTH, 3),
        ("next(iter(levels), None)", "next(reversed(levels), None)", Kind.TOP, 2),
        ('"gone" if one[2] else "filled"', '"gone" if one[2] else "live"', Kind.STATUS, 2),
        ("                    side.remove(one)\n", "", Kind.QUEUE, 2),
        ("        return False\n", "        return True\n", Kind.ANSWER, 1),
        (*RAISES, Kind.RAISES, 1),
        ("        return False\n", "        import os; os.abort()\n", Kind.CRASH, 1),
        ("        return False\n", "        import re; re.match('(a+)+$', 'a' * 60 + 'b')\n", Kind.HANG, 1),
        ("        return False\n", "        self.x = [bytearray(2**22) for _ in range(10**6)]\n", Kind.MEMORY, 1),
        ("if not maker[2]:", "if maker[2] < 2:", Kind.QUEUE, 2),
    ],
)
def test_a_defect_is_found_in_its_kind_and_its_scenario_is_the_shortest_there_is(
    tmp_path: Path, old: str, new: str, kind: Kind, commands: int
) -> None:
    report = checked(simple(tmp_path, old, new), Request(("limit",), scenarios=60, patience=1.0))
    finding = only(report)
    assert finding.divergence.kind is kind
    assert len(finding.scenario.case.commands) == commands
    assert finding.note == ""
    assert finding.divergence.rules
    assert report.exit_code == 1


def test_what_shows_only_late_or_only_with_a_clock_that_stands_still_is_found(tmp_path: Path) -> None:
    """Two orders without a step of the clock between them: the second forgets the first."""
    old, new = (
        "        own = self.sides[order.side]\n",
        "        own = self.sides[order.side]\n        self.same(own)\n",
    )
    name = simple(tmp_path, old, new)
    with open(name.removesuffix(":Simple"), "a") as file:
        file.write(
            "\n    last = -1\n\n    def same(self, own):\n        if self.now == self.last:\n            own.clear()\n"
        )
        file.write("        self.last = self.now\n")
    finding = only(checked(name, Request(("limit",), scenarios=20)))
    assert finding.scenario.frozen
    assert finding.divergence.kind in (Kind.QUEUE, Kind.TRADE)


def test_a_kind_can_be_ignored_to_look_behind_it(tmp_path: Path) -> None:
    name = simple(tmp_path, *KEEPS_LEVEL)
    text = Path(name.removesuffix(":Simple")).read_text()
    Path(name.removesuffix(":Simple")).write_text(text.replace('one[2] else "filled"', 'one[2] else "live"'))
    assert only(checked(name, Request(("limit",), 40, ignore=(Kind.DEPTH, Kind.TOP)))).divergence.kind is Kind.STATUS
    assert checked(name, Request(("limit",), 40, ignore=(Kind.DEPTH, Kind.TOP, Kind.STATUS))).exit_code == 0


def test_what_an_engine_does_not_show_is_not_judged(tmp_path: Path) -> None:
    """The same defects behind fewer views: partial observation is no failure."""
    views = 'views={"trades", "queue", "depth", "top", "status"}'
    for old, new in (KEEPS_LEVEL, ('"gone" if one[2] else "filled"', '"gone" if one[2] else "live"')):
        path = Path(simple(tmp_path, old, new).removesuffix(":Simple"))
        path.write_text(path.read_text().replace(views, 'views={"trades"}'))
        assert checked(f"{path}:Simple", Request(("limit",), scenarios=30)).exit_code == 0


@pytest.mark.parametrize("shown", ["trades", "queue", "depth", "top", "status"])
def test_one_view_alone_is_enough_to_conform_and_to_diverge(tmp_path: Path, shown: str) -> None:
    views = 'views={"trades", "queue", "depth", "top", "status"}'
    right = simple(tmp_path, views, f'views={{"{shown}"}}, trade_parts={{"price", "quantity"}}')
    assert checked(right, Request(scenarios=20)).exit_code == 0
    path = Path(right.removesuffix(":Simple"))
    path.write_text(path.read_text().replace("size = min(taker[2], maker[2])", "size = min(taker[2], maker[2], 3)"))
    assert checked(right, Request(scenarios=20)).exit_code == 0  # in several fills: the same in canonical form (B9)
    path.write_text(path.read_text().replace("if not maker[2]:", "if maker[2] < 2:"))
    assert only(checked(right, Request(scenarios=60))).divergence.kind is Kind("trade" if shown == "trades" else shown)


def test_an_engine_that_remembers_earlier_scenarios_is_found_and_told_so(tmp_path: Path) -> None:
    name = simple(tmp_path, "        self.known = {}\n", "        self.known = {}\n        Simple.opened += 1\n")
    path = Path(name.removesuffix(":Simple"))
    text = path.read_text().replace("    refusals", "    opened = 0\n    refusals")
    path.write_text(text.replace("if not maker[2]:", "if not maker[2] and self.opened < 3:"))
    finding = only(checked(name, Request(("limit",), scenarios=20)))
    assert finding.note == ALONE


def test_what_an_engine_does_only_once_is_kept_as_it_was_found(tmp_path: Path) -> None:
    once = f"import os\n        if os.path.exists({str(tmp_path / 'done')!r}): return False\n"
    once += f"        open({str(tmp_path / 'done')!r}, 'w').close(); raise RuntimeError('once')\n"
    finding = only(checked(simple(tmp_path, "        return False\n", f"        {once}"), Request(("limit",), 20)))
    assert finding.note == ONCE
    assert finding.divergence.kind is Kind.RAISES


@pytest.mark.parametrize("name", ["remainder-lost", "priority-kept"])
def test_engines_of_the_defect_zoo_are_caught(name: str) -> None:
    report = checked(name, Request(("limit", "replace"), scenarios=60))
    assert report.exit_code == 1
    assert len(only(report).scenario.case.commands) <= 4


@pytest.mark.parametrize("name", ["striped", "global-lock"])
def test_our_own_engines_conform_with_everything_they_have(name: str) -> None:
    report = checked(name, Request(scenarios=4))
    assert report.exit_code == 0
    assert len(report.outcomes) > 25


def test_the_test_to_paste_fails_as_long_as_the_engine_is_wrong(tmp_path: Path) -> None:
    name = simple(tmp_path, "Fill(maker[1], size", "Fill(order.price, size")
    report = checked(name, Request(("limit",), scenarios=20))
    source = program(report, only(report))
    namespace: dict[str, object] = {}
    exec(compile(source, "pasted", "exec"), namespace)
    pasted = namespace["test_trade_after_submit"]
    assert callable(pasted)
    with pytest.raises(AssertionError, match="other trades than the rule book's"):
        pasted()
    simple(tmp_path)
    pasted()


def test_the_line_that_runs_it_again_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = simple(tmp_path, "Fill(maker[1], size", "Fill(order.price, size")
    report = checked(name, Request(("limit",), scenarios=20, seed=3))
    ((outcome, finding),) = report.findings
    words = run_again(report, outcome, finding).split()
    assert words[:2] == ["bookproof", "check"]
    assert main([*words[1:], "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["results"][0]["kind"] == "trade"
    assert told["results"][0]["disagreement"]["run_again"] == " ".join(words)


def test_junit_has_failures_and_skips_what_is_not_covered(tmp_path: Path) -> None:
    report = checked(simple(tmp_path, "Fill(maker[1], size", "Fill(order.price, size"), Request(scenarios=20))
    text = as_junit(results(report))
    assert 'classname="bookproof.check" name="limit"' in text
    assert "not covered: it has no such orders" in text
    assert "run it again: bookproof check --engine" in text


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["check"], "expected one of --engine, --exec, --tcp"),
        (["check", "--engine", "striped", "--exec", "mine"], "got --engine and --exec"),
        (["check", "--engine", "nobody"], "expected my_pkg:MyEngine, path/to/file.py:MyEngine or one of"),
        (["check", "--engine", "striped", "--feature", "nothing"], "expected one that this engine has: limit, market"),
        (["check", "--engine", "no.such.module:Engine"], "No module named 'no'"),
        (["check", "--exec", ""], "expected a command line, got nothing"),
        (["check", "--exec", "'"], "expected a command line"),
        (["check", "--exec", "/no/such/program"], "expected a program that can be started"),
        (["check", "--tcp", "9000"], "expected host:port"),
        (["check", "--tcp", "127.0.0.1:1"], "is the engine running, and is this its port?"),
        (["check", "--engine", "striped", "--profile", "mars"], "expected one of default"),
    ],
)
def test_bad_requests_are_refused_in_one_line(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


def test_what_was_declared_and_is_not_there_makes_the_engine_unusable_and_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = simple(tmp_path, "    def depth(self, symbol):", "    def depths(self, symbol):")
    assert main(["check", "--engine", name, "--profile", "default", "--scenarios", "2"]) == 2
    assert "Simple has no depth, though its capabilities say so" in " ".join(capsys.readouterr().out.split())
    assert main(["check", "--engine", name, "--scenarios", "2"]) == 2
    assert "declare less" in " ".join(capsys.readouterr().err.split())


def test_an_engine_that_cannot_open_its_books_diverges_there(tmp_path: Path) -> None:
    name = simple(tmp_path, "        self.known = {}\n", "        raise RuntimeError('no licence')\n")
    assert main(["check", "--engine", name, "--scenarios", "2"]) == 1
    finding = only(checked(name, Request(("limit",), scenarios=2)))
    assert finding.divergence.kind is Kind.RAISES
    assert finding.divergence.question == "open"
    assert finding.scenario.case.commands == ()


def test_a_spent_budget_is_not_called_conforming() -> None:
    report = checked("striped", Request(scenarios=100_000, budget_seconds=0.5))
    assert report.exit_code == 3
    assert "INCOMPLETE" in closing_sentence(report)


# ── whatever an answer holds ──

JUNK: tuple[Any, ...] = (None, True, -1, 2**70, 1.5, "", "x" * 99, [], {}, [[]], [{}], {"bids": 7}, [None], {"ABC": []})


class Garbled:
    """A right engine whose answers are garbled on the way: one value in each of some of them is another."""

    def __init__(self, right: Subject, seed: int) -> None:
        self._right, self._dice = right, Random(seed)
        self.capabilities, self.named = right.capabilities, right.named

    def play(self, asks: Sequence[Ask], patience: float = 5.0) -> Played:
        played = self._right.play(asks, patience)
        return played._replace(answers=tuple(map(self._garbled, played.answers)))

    def _garbled(self, value: Any) -> Any:
        dice = self._dice
        if dice.random() < 0.02:
            return dice.choice(JUNK) if not isinstance(value, dict) or "n" not in value else {"n": value["n"]}
        if isinstance(value, dict):
            return {name: self._garbled(part) for name, part in value.items() if dice.random() < 0.99}
        return [self._garbled(part) for part in value] if isinstance(value, list) else value

    def renew(self) -> None:
        self._right.renew()

    def close(self) -> None:
        self._right.close()


@pytest.mark.parametrize("seed", range(6))
def test_whatever_the_answers_hold_is_a_finding_and_never_an_accident(seed: int) -> None:
    with engine("--engine", "global-lock") as right:
        garbled = Garbled(right, seed)
        told = []
        for number in range(25):
            run = ("all together", "limit", "stops")[number % 3]
            told.append(diverges(garbled, scenario(seed, run, number, right.capabilities)))
        assert sum(found is not None and len(str(found)) > 50 for found in told) > 20
        judged = [at_once(garbled, "threads", script(seed, number, right.capabilities)) for number in range(3)]
        assert any(one.divergence is not None for one in judged)


# ── what is asked of whom ──


def test_an_engine_is_asked_nothing_that_it_does_not_declare() -> None:
    has = Capabilities(
        "small",
        orders=frozenset({"limit", "ioc", "stop-limit"}),
        commands=frozenset({"cancel", "replace"}),
        replaces=frozenset({"smaller"}),
        self_trade=frozenset({"none", "cancel-taker"}),
    )
    for run in covered(has):
        for number in range(30):
            one = scenario(1, run, number, has)
            assert fitted(one.case, has) == one.case
            for command in one.case.commands:
                if isinstance(command, Submit):
                    assert command.price is not None
                    assert command.time_in_force in (TimeInForce.GTC, TimeInForce.IOC)
                    assert command.self_trade in (SelfTradePrevention.NONE, SelfTradePrevention.CANCEL_TAKER)
                    assert (command.post_only, command.display, command.min_quantity) == (False, None, 0)
                if isinstance(command, Replace):
                    assert command.stop is None


def test_an_engine_that_always_prevents_never_meets_itself_where_that_is_not_the_point() -> None:
    has = Capabilities("strict", self_trade=frozenset({"cancel-taker"}))
    for number in range(10):
        orders = [one for one in scenario(1, "limit", number, has).case.commands if isinstance(one, Submit)]
        assert len({order.account for order in orders}) == len(orders)


def test_half_of_all_cancels_are_of_orders_that_are_gone_and_the_clock_stands_still_at_times() -> None:
    has = Capabilities("mine")
    drawn = [scenario(1, "limit", number, has) for number in range(16)]
    assert {(one.late, one.frozen) for one in drawn} == {(False, False), (True, False), (False, True), (True, True)}
    assert all(20 <= len(one.case.commands) <= 60 for one in drawn)
