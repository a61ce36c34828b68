"""A convention is found by probing and is not called a bug; what no profile can say is named and not asked any more."""

from __future__ import annotations

from pathlib import Path

import pytest

from bookproof.models.cli import main
from bookproof.models.conform.check import Report, Request, check
from bookproof.models.conform.divergence import Kind
from bookproof.models.conform.draft import draft
from bookproof.models.conform.scenarios import TOGETHER, ReplaceSends, TradePrice
from bookproof.models.conform.variants import Conduct, conduct
from bookproof.models.conform.ways import engine
from bookproof.spec.profile import (
    DEFAULT,
    PROFILES,
    Icebergs,
    MarketOrders,
    PostOnly,
    Profile,
    ReplaceAllows,
    ReplaceKeeps,
    ReplaceQuantity,
    StopsLookedAt,
    TrueStop,
)
from bookproof.spec.profile_files import parse_profile

STUBBORN = '''
from bookproof.models.conform.adapter import Fill
from bookproof.models.conform.ours import Ours
from dataclasses import replace

SETTINGS = {settings}

class Stubborn(Ours):
    """Our own engine, with settings of its own whatever it is told, and habits of its own."""

    def __init__(self):
        super().__init__("striped")
        self.capabilities = replace(self.capabilities, name="Stubborn Inc.", version="2", profile="", {capabilities})

    def open(self, books, settings):
        super().open(books, SETTINGS)
        self.orders = {{}}

    def submit(self, order):
        self.orders[order.order_id] = order
        {submit}
        return super().submit(order)

    def replace(self, symbol, order_id, quantity, price):
        {replace}
        return super().replace(symbol, order_id, quantity, price)
'''

ORDERS = 'orders={"limit", "market", "iceberg", "post-only", "stop-limit"}'
COMMANDS = 'commands={"cancel", "replace"}, books=1'


def stubborn(
    folder: Path,
    settings: dict[str, str],
    *,
    submit: str = "pass",
    replace: str = "pass",
    more: str = "",
) -> str:
    path = folder / "stubborn.py"
    capabilities = f"{ORDERS}, {COMMANDS}, self_trade={{'none'}}, replaces={{'smaller', 'larger', 'price', 'both'}}"
    values = {"settings": settings, "submit": submit, "replace": replace}
    path.write_text(STUBBORN.format(capabilities=capabilities, **values) + more)
    return f"{path}:Stubborn"


def found(name: str, run: str = TOGETHER) -> tuple[Conduct, Report, Report]:
    """What it follows, and the reports when it is held to that and to the rule book's defaults."""
    with engine("--engine", name) as subject:
        plain = check(subject, Request((run,), scenarios=80))
        seen = conduct(subject)
        request = Request((run, TOGETHER), scenarios=20, profile=seen.profile, conventions=seen.conventions)
        return seen, check(subject, request), plain


@pytest.mark.parametrize(
    ("field", "value", "run"),
    [
        ("replace_keeps", ReplaceKeeps.NEVER, "replace"),
        ("replace_quantity", ReplaceQuantity.OPEN, "replace"),
        ("replace_allows", ReplaceAllows.REDUCTION, "replace"),
        ("market_orders", MarketOrders.LIMIT, "market"),
        ("post_only", PostOnly.REPRICE, "post-only"),
        ("icebergs", Icebergs.WHOLE, "iceberg"),
        ("true_stop", TrueStop.TRIGGER, "stops"),
        ("stops_looked_at", StopsLookedAt.AFTER_EACH_FILL, "stops"),
    ],
)
def test_each_setting_of_a_profile_is_found_alone_and_the_engine_conforms_under_it(
    tmp_path: Path, field: str, value: str, run: str
) -> None:
    seen, held, plain = found(stubborn(tmp_path, {field: str(value)}), run)
    assert seen.profile == DEFAULT._replace(name="stubborn-inc", **{field: value})
    assert [variant.settings for variant in seen.variants if variant.settings == (field,)] == [(field,)]
    assert held.exit_code == 0
    assert plain.exit_code == 1  # without looking for variants a convention is called a bug


def test_several_settings_at_once_are_found_and_an_engine_with_the_defaults_has_them() -> None:
    with engine("--engine", "striped") as subject:
        assert conduct(subject).profile == DEFAULT
        assert conduct(subject, PROFILES["tsx"]).profile._replace(name="tsx") == PROFILES["tsx"]


def test_several_settings_of_one_engine_are_found(tmp_path: Path) -> None:
    settings = {"replace_keeps": "never", "replace_quantity": "open", "icebergs": "whole", "true_stop": "trigger"}
    seen, held, _ = found(stubborn(tmp_path, settings))
    assert {field: getattr(seen.profile, field).value for field in settings} == settings
    assert held.exit_code == 0


DELTA = "quantity += self._engine.status(symbol, order_id).quantity if self._engine.status(symbol, order_id) else 0"
LESS = DELTA.replace("+=", "= -quantity +")


def test_a_replace_by_how_much_more_and_one_by_how_much_less_are_found_and_spoken(tmp_path: Path) -> None:
    for words, sends in ((DELTA, ReplaceSends.DELTA), (LESS, ReplaceSends.LESS)):
        seen, held, plain = found(stubborn(tmp_path, {}, replace=words), "replace")
        assert seen.conventions.replace_sends is sends
        assert held.exit_code == 0
        assert plain.exit_code == 1
    assert seen.capabilities.replaces == {"smaller"}


SELLER = """
    def _priced(self, reply):
        def at(fill):
            order = self.orders.get(fill.taker)
            cheap = order is not None and not order.is_buy and order.price is not None
            return fill._replace(price=order.price) if cheap else fill
        return reply._replace(fills=[at(fill) for fill in reply.fills or ()])
"""


def test_trades_that_are_always_at_the_sellers_price_are_a_convention(tmp_path: Path) -> None:
    name = stubborn(tmp_path, {}, submit="return self._priced(super().submit(order))", more=SELLER)
    path = Path(name.removesuffix(":Stubborn"))
    path.write_text(path.read_text().replace('"stop-limit"', '"ioc"').replace('"cancel", "replace"', '"cancel"'))
    seen, held, plain = found(name)
    assert seen.conventions.trade_price is TradePrice.SELLER
    assert (held.exit_code, plain.exit_code) == (0, 1)
    assert "always the seller's" in draft(seen)


def test_an_engine_that_always_prevents_self_trades_is_asked_for_nothing_else(tmp_path: Path) -> None:
    name = stubborn(tmp_path, {}, submit='order = order._replace(self_trade="cancel-maker")')
    with engine("--engine", name) as subject:
        seen = conduct(subject)
        held = check(subject, Request(scenarios=10))
    assert seen.capabilities.self_trade == {"cancel-maker"}
    assert held.exit_code == 0
    assert "self-trade" in [outcome.run for outcome in held.outcomes]


def test_priority_kept_by_any_quantity_is_named_and_larger_replaces_are_not_asked_any_more() -> None:
    """The engine of the zoo does what some venues do: a claim to follow the rule book makes it a defect."""
    with engine("--engine", "priority-kept") as subject:
        assert check(subject, Request(("replace",), scenarios=60)).exit_code == 1
        seen = conduct(subject)
        (odd,) = [variant for variant in seen.variants if not variant.modelled]
        assert (odd.rules, odd.choice) == ("F2", "kept")
        assert "larger" not in subject.capabilities.replaces
        assert check(subject, Request(("replace",), scenarios=60)).exit_code == 0
    assert parse_profile(draft(seen), Profile, "kept").not_modelled[0].rule == "F2"


def test_what_an_engine_does_not_show_cannot_be_found_and_the_draft_says_so(tmp_path: Path) -> None:
    name = stubborn(tmp_path, {"replace_keeps": "never"})
    path = Path(name.removesuffix(":Stubborn"))
    path.write_text(path.read_text().replace("books=1", 'books=1, views={"depth"}'))
    with engine("--engine", name) as subject:
        seen = conduct(subject)
    assert seen.profile == DEFAULT
    (keeps,) = [variant for variant in seen.variants if variant.settings == ("replace_keeps",)]
    assert not keeps.found
    assert "what it shows is the same under 'kept by a reduction' and 'always lost'" in draft(seen)


def test_an_engine_that_follows_none_of_the_choices_is_held_to_the_rule_book(tmp_path: Path) -> None:
    seen, held, _ = found(stubborn(tmp_path, {}, replace="quantity = 9"), "replace")
    assert [variant.choice for variant in seen.variants if variant.topic == "replace quantity"] == ["the new total"]
    assert held.exit_code == 1


def test_the_draft_is_a_profile_that_the_command_reads_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = stubborn(tmp_path, {"true_stop": "trigger", "icebergs": "whole"})
    file = tmp_path / "stubborn-inc.toml"
    few = ["check", "--engine", name, "--scenarios", "10"]
    assert main([*few, "--profile-out", str(file)]) == 0
    assert "What it follows" in capsys.readouterr().out
    assert main([*few, "--profile", str(file)]) == 0
    assert main([*few, "--profile", "default", "--feature", "iceberg"]) == 1
    described = parse_profile(file.read_text(), Profile, "stubborn-inc")
    assert described.venue == "Stubborn Inc. 2"
    assert described.profile.icebergs is Icebergs.WHOLE
    assert "2 small scenarios" in described.sources["replace_quantity"]
    assert described.silent == ()


def test_dead_cancels_are_told_and_judged_by_what_was_declared(tmp_path: Path) -> None:
    more = "\n    def cancel(self, symbol, order_id):\n        assert super().cancel(symbol, order_id).accepted\n"
    name = stubborn(tmp_path, {}, more=more)
    with engine("--engine", name) as subject:
        assert "raises AssertionError" in [variant.choice for variant in conduct(subject).variants]
        (outcome,) = check(subject, Request(("limit",), scenarios=5)).outcomes
    assert outcome.finding is not None
    assert outcome.finding.divergence.kind is Kind.RAISES
    path = Path(name.removesuffix(":Stubborn"))
    path.write_text(path.read_text().replace("books=1", 'books=1, dead_cancel="raises"'))
    with engine("--engine", name) as subject:
        assert check(subject, Request(("limit",), scenarios=5)).exit_code == 0
