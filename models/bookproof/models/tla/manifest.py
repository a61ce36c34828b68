"""`tla/manifest.json`: every model, what it says, and what each checker has to find.

A model is a configuration `tla/models/NAME.cfg` of one module. The manifest is an object of `version` 1 and a list of
`models`, each an object of these fields, all but the last of them required:

| field | value |
|---|---|
| `model`, `module` | names of its two files |
| `about` | what it says, in one sentence |
| `verdict` | `holds` or `violates` |
| `violates` | null, or the invariant or property that is violated first, or `deadlock` |
| `distinct`, `diameter` | states, and states on the longest shortest way (TLC's depth); null when it is violated |
| `length` | null, or the states of the shortest counterexample, the initial one counted |
| `checkers` | who checks it, of `tlc`, `tla-checker`, `twin` |
| `size` | `ci`, or `nightly` for what takes longer |
| `budget_seconds` | after so long a checker gives up, and nothing is decided (see `processes`) |
| `zoo` | null, or the engine of the zoo with the same defect |
| `binds` | true for a model that `bookproof bind` holds against the real engine; may be left out |

A checker that knows no properties (tla-checker) checks a model with PROPERTY for its invariants and for deadlock. So
where the manifest expects a property to be violated, that checker has to find that the rest of the model holds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bookproof.models.tla.cfg import Cfg, read_cfg
from bookproof.models.tla.modules import Whole, read_whole
from bookproof.spec.input_error import InputError, quote

VERSION = 1
CHECKERS = ("tlc", "tla-checker", "twin")
SIZES = ("ci", "nightly")
_VERDICTS = ("holds", "violates")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


class Model(NamedTuple):
    """One model, and what is expected of it."""

    folder: Path
    """Where the modules are."""
    name: str
    module: str
    about: str
    verdict: str
    violates: str | None
    distinct: int | None
    diameter: int | None
    length: int | None
    checkers: tuple[str, ...]
    size: str
    budget_seconds: float
    zoo: str | None
    binds: bool = False
    """Whether it is held against the real engine."""

    @property
    def path(self) -> Path:
        """Its configuration."""
        return self.folder / "models" / f"{self.name}.cfg"

    def cfg(self) -> Cfg:
        """Read its configuration. Raises InputError, with file and line."""
        try:
            written = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise InputError(str(self.path), 0, "", f"the configuration of model {self.name}", "no such file") from None
        return read_cfg(written, str(self.path))

    def whole(self) -> Whole:
        """Read its module, and all that this extends. Raises InputError."""
        return read_whole(self.folder, self.module)

    def checked(self) -> tuple[Whole, Cfg]:
        """Both, once it is sure that the configuration names nothing that the modules do not know.

        Raises InputError, with the line of the configuration.
        """
        whole, cfg = self.whole(), self.cfg()
        asked = (cfg.specification, *cfg.invariants, *cfg.properties, *cfg.constraints, cfg.symmetry)
        for name in filter(None, asked):
            if name not in whole.defines:
                what = f"a definition of module {self.module}, or of one that it extends"
                raise InputError(str(self.path), cfg.lines[name], "", what, name, "is it spelled as in the module?")
        for name in cfg.constants:
            if name not in whole.constants:
                declared = ", ".join(whole.constants) or "none"
                raise InputError(
                    str(self.path), cfg.lines[name], "CONSTANT", f"one of the constants ({declared})", name
                )
        missing = ", ".join(name for name in whole.constants if name not in cfg.constants)
        if missing:
            raise InputError(str(self.path), 0, "CONSTANT", "a value for every constant", f"none for {missing}")
        return whole, cfg


def tla_folder() -> Path:
    """The folder of modules: that of the checkout, or the one that was installed with the package."""
    models = Path(__file__).resolve().parents[1]
    for folder in (models.parent / "tla", models.parents[2] / "tla"):
        if (folder / "manifest.json").is_file():
            return folder
    raise InputError(
        "tla", 0, "", "a folder tla with manifest.json", "none", "install bookproof again, or use a checkout"
    )


def read_manifest(folder: Path) -> tuple[Model, ...]:
    """Read `manifest.json` of a folder. Raises InputError that says which model and which field is wrong."""
    path = folder / "manifest.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(str(path), 0, "", "a manifest of TLA+ models", "no such file") from None
    except UnicodeDecodeError:
        raise InputError(str(path), 0, "", "text in UTF-8", "something else") from None
    except json.JSONDecodeError as error:
        raise InputError(str(path), error.lineno, "", "JSON", f"{error.msg} in column {error.colno}") from None
    except RecursionError:
        raise InputError(str(path), 0, "", "a manifest of TLA+ models", "JSON that is nested too deeply") from None
    if not isinstance(found, dict) or set(found) != {"version", "models"}:
        raise InputError(str(path), 0, "", "an object of version and models", _shown(found))
    if found["version"] != VERSION:
        raise InputError(
            str(path), 0, "version", str(VERSION), _shown(found["version"]), "is bookproof too old for it?"
        )
    if not isinstance(found["models"], list) or not found["models"]:
        raise InputError(str(path), 0, "models", "a list of models", _shown(found["models"]))
    models = tuple(_model(folder, each, str(path), at) for at, each in enumerate(found["models"]))
    names = [model.name for model in models]
    for name in names:
        if names.count(name) > 1:
            raise InputError(str(path), 0, f"model {name}", "each model once", "it twice")
    return models


def chosen(models: Sequence[Model], names: Iterable[str], nightly: bool = False) -> tuple[Model, ...]:
    """Models by name; without names all of size ci, or all there are. Raises InputError for an unknown name."""
    asked = tuple(names)
    known = {model.name: model for model in models}
    for name in asked:
        if name not in known:
            raise InputError("options", 0, "MODEL", f"one of {', '.join(known)}", quote(name), "--list shows them")
    if asked:
        return tuple(known[name] for name in dict.fromkeys(asked))
    return tuple(model for model in models if nightly or model.size == "ci")


_FIELDS = (
    *("model", "module", "about", "verdict", "violates", "distinct", "diameter", "length", "checkers", "size"),
    *("budget_seconds", "zoo"),
)


def _model(folder: Path, found: object, path: str, at: int) -> Model:
    if not isinstance(found, dict):
        raise InputError(path, 0, f"models[{at}]", "an object", _shown(found))
    name = found.get("model")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InputError(path, 0, f"models[{at}].model", "the name of a file in models/, without .cfg", _shown(name))
    field = _Fields(path, name, found)
    field.all()
    verdict = field.one_of("verdict", _VERDICTS)
    violates = field.text("violates", optional=True)
    if (violates is None) != (verdict == "holds"):
        expected = "null, as it holds" if verdict == "holds" else "what is violated"
        raise field.error("violates", expected)
    checkers = found["checkers"]
    if not isinstance(checkers, list) or not checkers or not all(each in CHECKERS for each in checkers):
        raise field.error("checkers", f"a list of some of {', '.join(CHECKERS)}")
    seconds = found["budget_seconds"]
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= 1_000_000:
        raise field.error("budget_seconds", "a number of seconds")
    distinct, diameter, length = (field.number(each) for each in ("distinct", "diameter", "length"))
    if verdict == "holds" and (distinct is None or length is not None):
        wrong = "distinct" if distinct is None else "length"
        raise field.error(wrong, "a number of states, as it holds" if distinct is None else "null, as it holds")
    return Model(
        folder,
        name,
        str(field.text("module")),
        str(field.text("about")),
        verdict,
        violates,
        distinct,
        diameter,
        length,
        tuple(dict.fromkeys(checkers)),
        field.one_of("size", SIZES),
        float(seconds),
        field.text("zoo", optional=True),
        field.flag("binds"),
    )


class _Fields(NamedTuple):
    """The fields of one model, and what to say of those that are wrong."""

    path: str
    name: str
    found: Mapping[str, Any]

    def all(self) -> None:
        """Each of them is there, and no other."""
        for field in _FIELDS:
            if field not in self.found:
                raise InputError(self.path, 0, f"model {self.name}", f"a field {field}", "none")
        for field in self.found:
            if field not in (*_FIELDS, "binds"):
                raise InputError(self.path, 0, f"model {self.name}", f"only {', '.join(_FIELDS)}, binds", quote(field))

    def text(self, field: str, optional: bool = False) -> str | None:
        """Some text; None for null where that may be."""
        value = self.found[field]
        if optional and value is None:
            return None
        if not isinstance(value, str) or not value.strip():
            raise self.error(field, "some text, or null" if optional else "some text")
        return value

    def one_of(self, field: str, values: Sequence[str]) -> str:
        """One of these words."""
        value = self.found[field]
        if value not in values:
            raise self.error(field, " or ".join(values))
        return str(value)

    def number(self, field: str) -> int | None:
        """A whole number, or None for null."""
        value = self.found[field]
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self.error(field, "a whole number, or null")
        return value

    def flag(self, field: str) -> bool:
        """TRUE or FALSE; FALSE where it is left out."""
        value = self.found.get(field, False)
        if not isinstance(value, bool):
            raise self.error(field, "true or false")
        return value

    def error(self, field: str, expected: str) -> InputError:
        """What is wrong with a field."""
        return InputError(self.path, 0, f"model {self.name}: {field}", expected, _shown(self.found[field]))


def _shown(found: object) -> str:
    return quote(found) if isinstance(found, str) else quote(json.dumps(found))[1:-1].replace('\\"', '"')
