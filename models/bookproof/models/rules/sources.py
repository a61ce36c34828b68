"""What the sources say of the rules: where each is decided, which field of a profile settles it, which tests it has."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import bookproof.spec
from bookproof.spec.profile import Profile
from bookproof.spec.rulebook import RULES

_NUMBER, _LETTER = re.compile(r"\b[A-Z]\d+\b"), re.compile(r"([A-Z])\b")


class Place(NamedTuple):
    """Where the oracle decides by a rule."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.function} ({self.file}:{self.line})"


@cache
def decisions() -> dict[str, tuple[Place, ...]]:
    """Of each rule that is a decision, the places of its `fired`, in the order of the files.

    >>> [place.function for place in decisions()["F4"]]
    ['_replace_resting']
    """
    found: dict[str, list[Place]] = {}
    for folder in bookproof.spec.__path__:
        for path in sorted(Path(folder).glob("*.py")):
            for number, place in _marks(path):
                found.setdefault(number, []).append(place)
    return {number: tuple(places) for number, places in found.items()}


def _marks(path: Path) -> Iterator[tuple[str, Place]]:
    """Every `fired` of a module with the function around it; of a conditional number, both."""

    def within(node: ast.AST, function: str) -> Iterator[tuple[str, Place]]:
        for child in ast.iter_child_nodes(node):
            name = child.name if isinstance(child, ast.FunctionDef) else function
            if isinstance(child, ast.Call) and isinstance(child.func, ast.Name) and child.func.id == "fired":
                numbers = [part.value for part in ast.walk(child.args[0]) if isinstance(part, ast.Constant)]
                place = Place(f"spec/{path.name}", child.lineno, name)
                yield from ((number, place) for number in numbers if isinstance(number, str))
            yield from within(child, name)

    return within(ast.parse(path.read_text(encoding="utf-8")), "")


@cache
def settled_by() -> dict[str, tuple[str, ...]]:
    """Of each field of a profile, the rules that its docstring names.

    >>> settled_by()["replace_keeps"]
    ('F1', 'F2', 'F7')
    """
    (profile,) = ast.parse(textwrap.dedent(inspect.getsource(Profile))).body
    assert isinstance(profile, ast.ClassDef)
    found: dict[str, tuple[str, ...]] = {}
    field = ""
    for node in profile.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            field = node.target.id
        elif field and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            found[field] = _rules_in(str(node.value.value))
            field = ""
    return found


def _rules_in(text: str) -> tuple[str, ...]:
    """The rules that a docstring names: their numbers, or a letter that it begins with, which stands for all of them.

    >>> _rules_in("F1, F2, and F1 again"), _rules_in("E: stops.")[:2]
    (('F1', 'F2'), ('E1', 'E2'))
    """
    letter = _LETTER.match(text)
    numbers = [number for number in RULES if letter and number[0] == letter[1]] or _NUMBER.findall(text)
    return tuple(dict.fromkeys(numbers))


def names_of_tests(number: str, folder: Path | None = None) -> list[str] | None:
    """The tests that bear a rule's number in their names; None where there are no tests, as beside an installed wheel.

    >>> names_of_tests("B7", Path("/nowhere")) is None
    True
    """
    folder = _tests() if folder is None else folder
    files = [] if folder is None else sorted(folder.glob("test_rules_*.py"))
    if not files:
        return None
    return [
        f"{path.name}: {node.name}"
        for path in files
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.split("_")[:2] == ["test", number.lower()]
    ]


def _tests() -> Path | None:
    """The folder with the tests of the rules in the checkout that this code runs from."""
    for folder in bookproof.spec.__path__:
        checkout = Path(folder).parents[2]
        if (checkout / "dev.py").is_file():
            return checkout / "tests" / "spec"
    return None
