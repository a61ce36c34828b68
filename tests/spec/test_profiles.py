"""Venue profiles as data files: complete, sourced, read by the fields that there are, and refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from bookproof.spec.exchange import opening
from bookproof.spec.input_error import InputError
from bookproof.spec.instruments import listing
from bookproof.spec.profile import DEFAULT, PROFILE_FILES, PROFILES, WORKLOADS, Profile, ReplaceKeeps, ReplaceQuantity
from bookproof.spec.profile_files import ProfileFile, parse_profile, read_profile_file
from bookproof.spec.rulebook import NOT_YET, RULES
from bookproof.spec.values import Account, Value

VENUES = ("nasdaq", "lse", "cme-fifo", "cme-pro-rata", "eurex", "deribit", "binance-spot", "coinbase", "kraken", "tsx")
FIELDS = [name for name in Profile.__struct_fields__ if name != "name"]
files = pytest.mark.parametrize("file", PROFILE_FILES.values(), ids=PROFILE_FILES)


def test_a_profile_ships_for_every_venue_and_the_two_of_the_rule_book_come_first() -> None:
    assert list(PROFILES)[:2] == ["default", "workloads"]
    assert set(PROFILES) == {"default", "workloads", *VENUES}
    assert all(name == profile.name for name, profile in PROFILES.items())


def test_the_default_profile_is_what_the_code_has_as_its_defaults() -> None:
    assert Profile() == PROFILES["default"]
    assert Profile("workloads", ReplaceKeeps.NEVER, ReplaceQuantity.OPEN) == WORKLOADS


@files
def test_every_profile_sets_or_leaves_each_field_knowingly(file: ProfileFile[Profile]) -> None:
    """When this fails for a field that is new: set it in the venue's file, or add a line with the reason to [left]."""
    assert file.silent == ()


@files
def test_what_is_left_is_as_the_rule_book_has_it_and_what_is_set_has_a_source(file: ProfileFile[Profile]) -> None:
    assert all(getattr(file.profile, field) == getattr(DEFAULT, field) for field in file.left)
    assert sorted([*file.sources, *file.left]) == sorted(FIELDS)
    assert all(len(said) >= 12 for said in (file.venue, *file.sources.values(), *file.left.values()))


@files
def test_rules_that_are_not_modelled_are_rules_of_the_book_and_are_told_with_their_source(
    file: ProfileFile[Profile],
) -> None:
    letters = {number[0] for number in (*RULES, *NOT_YET)} | set("HIKMN")
    for rule in file.not_modelled:
        assert rule.rule[0] in letters
        assert rule.rule[1:].isdecimal()
        assert rule.text[0].isupper()
        assert rule.text.endswith(".")
    assert len(set(file.not_modelled)) == len(file.not_modelled)


@files
def test_an_exchange_opens_with_every_profile(file: ProfileFile[Profile]) -> None:
    assert opening(listing(["ABC"]), file.profile).profile is file.profile


# ── the reader knows no field by name ──


class Inner(Value, frozen=True):
    """A value within a profile, of the kind that a new rule may bring."""

    share: int
    keeps: ReplaceKeeps = ReplaceKeeps.NEVER


class Wider(Value, frozen=True):
    """A profile with fields of every form."""

    name: str = ""
    flag: bool = False
    ticks: int | None = None
    accounts: tuple[Account, ...] = ()
    inner: Inner = Inner(1)
    many: tuple[Inner, ...] = ()

    def flaw(self) -> str | None:
        return "share is odd" if self.inner.share == 13 else None


def test_a_new_field_needs_no_more_than_a_line_in_a_file() -> None:
    text = """
        venue = "A market"
        settings.flag = {value = true, source = "its rules"}
        settings.ticks = {value = 3, source = "its rules"}
        settings.accounts = {value = [1, 2], source = "its rules"}
        settings.inner = {value = {share = 40, keeps = "on-reduce"}, source = "its rules"}
        settings.many = {value = [{share = 2}], source = "its rules"}
    """
    inner = Inner(40, ReplaceKeeps.ON_REDUCE)
    assert parse_profile(text, Wider, "a").profile == Wider("a", True, 3, (1, 2), inner, (Inner(2),))
    assert parse_profile('venue = "A market"', Wider, "a").silent == ("flag", "ticks", "accounts", "inner", "many")


def test_choices_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(InputError, match="settings: expected choices that go together, got others; share is odd"):
        parse_profile('venue = "A"\nsettings.inner = {value = {share = 13}, source = "its rules"}', Wider, "a")


# ── what is wrong with a file ──

SET = "[settings.true_stop]\n"

FAULTS = [
    ("no table of contents", "venue", ': expected TOML, got a fault: Expected "="'),
    ("no venue", "", "venue: expected a text, got nothing"),
    ("a venue that says nothing", 'venue = " "', 'venue: expected a text that says something, got " "'),
    ("an unknown section", 'venue = "A"\n[seting]', "seting: expected one of venue, settings, left, not-modelled, got"),
    ("settings as a list", 'venue = "A"\nsettings = [1]', "settings: expected a table, got a list; write [settings]"),
    ("an unknown field", 'venue = "A"\nsettings.x = {value = 1, source = "s"}', "settings.x: expected one of the fie"),
    ("no source", f'venue = "A"\n{SET}value = "reject"', "settings.true_stop.source: expected a text, got nothing"),
    ("no value", f'venue = "A"\n{SET}source = "s"', "settings.true_stop.value: expected the venue's choice, got noth"),
    (
        "an unknown key",
        f'venue = "A"\n{SET}sauce = "s"',
        "settings.true_stop.sauce: expected one of value, so",
    ),
    (
        "an unknown choice",
        f'venue = "A"\n{SET}value = "fire"\nsource = "s"',
        'settings.true_stop: expected one of reject, trigger, got "fire"',
    ),
    (
        "a number for a choice",
        f'venue = "A"\n{SET}value = 1.5\nsource = "s"',
        "settings.true_stop: expected one of reject, trigger, got 1.5",
    ),
    (
        "a list of the wrong things",
        'venue = "A"\nsettings.self_trade_groups = {value = [[1, "2"]], source = "s"}',
        'settings.self_trade_groups[0][1]: expected an integer account, got "2"; write it without quotes',
    ),
    (
        "groups that overlap",
        'venue = "A"\nsettings.self_trade_groups = {value = [[1, 2], [2]], source = "s"}',
        "settings: expected choices that go together, got others; account 2 stands in two self-trade groups",
    ),
    ("a name", 'venue = "A"\nsettings.name = {value = "b", source = "s"}', "settings.name: expected no such key"),
    ("left and set", f'venue = "A"\nleft.true_stop = "x"\n{SET}value = "reject"\nsource = "s"', "left.true_stop: exp"),
    ("left, unknown", 'venue = "A"\nleft.x = "y"', "left.x: expected one of the fields replace_keeps, "),
    ("left without a reason", 'venue = "A"\nleft.true_stop = 1', "left.true_stop: expected a text that says something"),
    (
        "not a list of rules",
        'venue = "A"\nnot-modelled = "J5"',
        'not-modelled: expected a list of rules, got "J5"; write [[not-modelled]]',
    ),
    (
        "a rule without a source",
        'venue = "A"\n[[not-modelled]]\nrule = "J5"\ntext = "T."',
        "not-modelled[0].source",
    ),
]


@pytest.mark.parametrize(("text", "told"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS])
def test_a_file_that_is_wrong_is_told_in_one_line_with_file_key_expected_and_got(
    text: str, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_profile_file(path, Profile)
    said = str(caught.value)
    assert said.startswith(str(path))
    assert told.replace('"="', "'='") in said
    assert "\n" not in said


def test_a_file_that_cannot_be_read_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.toml: expected a file that can be read, got No such file"):
        read_profile_file(tmp_path / "none.toml", Profile)
    (tmp_path / "latin.toml").write_bytes(b'venue = "Z\xfcrich"')
    with pytest.raises(InputError, match=r"latin\.toml: expected UTF-8, got byte 0xfc"):
        read_profile_file(tmp_path / "latin.toml", Profile)


def test_the_line_of_a_fault_in_the_form_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('venue = "A"\n\nsettings = \n', encoding="utf-8")
    with pytest.raises(InputError, match=r"a\.toml:3: expected TOML, got a fault"):
        read_profile_file(tmp_path / "a.toml", Profile)
