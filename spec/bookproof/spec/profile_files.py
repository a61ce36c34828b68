"""Venue profiles as data files: each setting with its source, and the venue's rules that a profile cannot express.

A file is TOML, and its name is the profile's:

    venue = "Eurex (T7), futures"

    [settings.replace_keeps]               # a field of the profile, spelled as in `profile`
    value = "on-reduce"
    source = "Eurex, Order handling: the priority time stamp is updated when …"

    [left]                                 # fields that stay as the rule book has them, each with the reason
    no_liquidity = "nothing public was found"

    [[not-modelled]]                       # what the venue does and this version does not
    rule = "J5"
    text = "A volatility interrupt stops matching when the next price is outside the range."
    source = "general knowledge of the trade, not checked"

The reader knows no field by name. It asks the annotations of the profile's class, in the way in which the wire format
does, so a new field needs no more than a line in a file.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

from bookproof.spec.input_error import InputError, quote
from bookproof.spec.wire import Record, refusal

FIRST = ("default", "workloads")
"""The profiles that stand before all venues; the venues follow by name."""


class _Profile(Protocol):
    """What the reader has to know of a profile."""

    __struct_fields__: ClassVar[tuple[str, ...]]

    def flaw(self) -> str | None:
        """What is wrong with the choices taken together."""
        ...


P = TypeVar("P", bound=_Profile)


class NotModelled(NamedTuple):
    """A rule of a venue that no profile can express in this version."""

    rule: str
    """The number in the rule book that it belongs to."""
    text: str
    source: str


class ProfileFile(NamedTuple, Generic[P]):
    """One profile, and what its file says beyond it."""

    profile: P
    venue: str
    """Which market this is, in words."""
    sources: Mapping[str, str]
    """Of each field that the file sets, where the setting comes from."""
    left: Mapping[str, str]
    """Of each field that the file leaves as the rule book has it, why."""
    not_modelled: tuple[NotModelled, ...]

    @property
    def silent(self) -> tuple[str, ...]:
        """Fields that the file neither sets nor leaves: a shipped file has none."""
        fields = self.profile.__struct_fields__
        return tuple(name for name in fields if name != "name" and name not in self.sources and name not in self.left)


def read_profile_file(path: Path, cls: type[P]) -> ProfileFile[P]:
    """One file. Raises InputError, which names the file and the key, what was expected and what came.

    >>> from bookproof.spec.profile import Profile
    >>> shipped = Path(__file__).parent / "profiles"
    >>> read_profile_file(shipped / "nasdaq.toml", Profile).profile.replace_keeps.value
    'never'
    """
    return parse_profile(_text(path), cls, path.stem, str(path))


def read_profile_folder(folder: Path, cls: type[P]) -> dict[str, ProfileFile[P]]:
    """Every profile of a folder by its name: the rule book's own first, then the venues in alphabetical order."""
    found = sorted(folder.glob("*.toml"), key=lambda path: (path.stem not in FIRST, path.stem))
    return {path.stem: read_profile_file(path, cls) for path in found}


def parse_profile(text: str, cls: type[P], name: str, path: str = "") -> ProfileFile[P]:
    """The profile `name` that a text describes; `path` is where an error says that it stands.

    >>> from bookproof.spec.profile import Profile
    >>> parse_profile('venue = "A"' + chr(10) + 'left.true_stop = "unknown"', Profile, "a").left
    {'true_stop': 'unknown'}
    >>> parse_profile('venue = "A"' + chr(10) + 'settings.true_stop = "fire"', Profile, "a", "a.toml")
    Traceback (most recent call last):
    ...
    bookproof.spec.input_error.InputError: a.toml: settings.true_stop: expected a table of value and source, got "fire"
    """
    try:
        found: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        raise InputError(path, int(line[1]) if line else 0, "", "TOML", f"a fault: {error}") from None
    try:
        return _described(found, cls, name)
    except InputError as error:
        raise error.at(path, 0) from None


def _described(found: dict[str, Any], cls: type[P], name: str) -> ProfileFile[P]:
    _only(found, ("venue", "settings", "left", "not-modelled"))
    venue = _sentence(found, "venue")
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for field, setting in _table(found, "settings"):
        try:
            if type(setting) is not dict:
                raise refusal("a table of value and source", setting)
            _only(setting, ("value", "source"))
            if "value" not in setting:
                raise InputError("", 0, "value", "the venue's choice", "nothing")
            sources[field] = _sentence(setting, "source")
        except InputError as error:
            raise error.within(field).within("settings") from None
        values[field] = setting["value"]
    if "name" in values:
        raise InputError("", 0, "settings.name", "no such key", "one", "the file's name is the profile's")
    try:
        profile: P = Record(cls).read({"name": name, **values})
    except InputError as error:
        raise error.within("settings") from None
    if (flaw := profile.flaw()) is not None:
        raise InputError("", 0, "settings", "choices that go together", "others", flaw)
    return ProfileFile(profile, venue, sources, _left(found, cls, sources), tuple(_not_modelled(found)))


def _left(found: dict[str, Any], cls: type[P], sources: Mapping[str, str]) -> dict[str, str]:
    """The fields that stay as they are."""
    left: dict[str, str] = {}
    known = [field for field in cls.__struct_fields__ if field != "name"]
    for field, why in _table(found, "left"):
        if field not in known:
            expected = f"one of the fields {', '.join(known)}"
            raise InputError("", 0, f"left.{_shown(field)}", expected, "an unknown one")
        if field in sources:
            raise InputError("", 0, f"left.{field}", "a field that is not set", "one of the settings")
        left[field] = _sentence({field: why}, field, "left.")
    return left


def _not_modelled(found: dict[str, Any]) -> Iterator[NotModelled]:
    """The rules that a profile cannot express."""
    listed = found.get("not-modelled", [])
    if type(listed) is not list:
        raise refusal("a list of rules", listed, "write [[not-modelled]]").within("not-modelled")
    for at, rule in enumerate(listed):
        try:
            if type(rule) is not dict:
                raise refusal("a table of rule, text and source", rule)
            _only(rule, NotModelled._fields)
            yield NotModelled(*(_sentence(rule, key) for key in NotModelled._fields))
        except InputError as error:
            raise error.within(f"[{at}]").within("not-modelled") from None


# ── small things ──


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        told = error.strerror or str(error)
        raise InputError(str(path), 0, "", "a file that can be read", told, "check the path") from None
    except UnicodeDecodeError as error:
        raise InputError(str(path), 0, "", "UTF-8", f"byte 0x{error.object[error.start]:02x}") from None


def _table(found: dict[str, Any], key: str) -> list[tuple[str, Any]]:
    """What a table holds; a file may do without it."""
    table = found.get(key, {})
    if type(table) is not dict:
        raise refusal("a table", table, f"write [{key}]").within(key)
    return list(table.items())


def _sentence(found: dict[str, Any], key: str, around: str = "") -> str:
    """A text that says something."""
    if key not in found:
        raise InputError("", 0, around + key, "a text", "nothing")
    text = found[key]
    if type(text) is not str or not text.strip():
        raise refusal("a text that says something", text).within(around + key)
    return text


def _only(found: dict[str, Any], keys: tuple[str, ...]) -> None:
    for key in found:
        if key not in keys:
            raise InputError("", 0, _shown(key), f"one of {', '.join(keys)}", "an unknown key")


def _shown(key: str) -> str:
    return quote(key)[1:-1]
