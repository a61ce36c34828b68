"""The checkers by name. A checker is a module with `find()`, which gives a `Checker` or says what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec

from bookproof.models.tla.checker import Checker
from bookproof.models.tla.manifest import CHECKERS
from bookproof.spec.input_error import InputError

_MODULES: Mapping[str, str] = {
    "tlc": "bookproof.models.tla.tlc",
    "tla-checker": "bookproof.models.tla.tla_checker",
    "twin": "bookproof.models.twins.checker",
}


def known() -> tuple[str, ...]:
    """The checkers that are written, whether or not this machine can run them.

    >>> known()[:2]
    ('tlc', 'tla-checker')
    """
    return tuple(name for name in CHECKERS if _written(_MODULES[name]))


def find(name: str) -> Checker:
    """A checker, ready to run. Raises InputError that says what is missing on this machine, and what to do."""
    checker: Checker = import_module(_MODULES[name]).find()
    return checker


def find_all(names: Iterable[str]) -> dict[str, Checker]:
    """Several of them. Raises InputError for the first that cannot be run: what was asked for is not left out."""
    found: dict[str, Checker] = {}
    for name in names:
        try:
            found[name] = find(name)
        except InputError as error:
            without = "; --checker twin needs neither Java nor Node"
            told = (error.path, error.line, error.field, error.expected, error.got, error.hint + without)
            raise InputError(*told) from None
    return found


def _written(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
