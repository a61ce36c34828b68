"""What the twins have in common: functions from 1..n, which are tuples in Python, as their keys are in the modules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from bookproof.models.tla.values import TlaValue, text
from bookproof.spec.input_error import InputError

T = TypeVar("T")

Constants = Mapping[str, TlaValue]
"""What a model gives its module."""


def put(function: tuple[T, ...], key: int, value: T) -> tuple[T, ...]:
    """`[function EXCEPT ![key] = value]`.

    >>> put(("a", "b"), 2, "c")
    ('a', 'c')
    """
    return (*function[: key - 1], value, *function[key:])


def up_to(constants: Constants, name: str) -> range:
    """A constant that is a set 1..n. Raises InputError for any other: its functions would be no tuples.

    >>> up_to({"Clients": frozenset({1, 2})}, "Clients")
    range(1, 3)
    """
    given: Any = constants[name]
    if not isinstance(given, frozenset) or given != frozenset(range(1, len(given) + 1)) or not given:
        raise InputError("twin", 0, name, "a set 1..n of numbers", text(given))
    return range(1, len(given) + 1)


def one_of(constants: Constants, name: str, *known: str) -> str:
    """A constant that names one of several. Raises InputError for any other.

    >>> one_of({"Design": "striped"}, "Design", "striped", "late stamp")
    'striped'
    """
    given = constants[name]
    if not isinstance(given, str) or given not in known:
        raise InputError("twin", 0, name, f"one of {', '.join(known)}", text(given))
    return given
