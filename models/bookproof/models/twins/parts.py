"""What the twins have in common: TLA+ functions as Python values. One from 1..n is a tuple, any other a `Map`."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from bookproof.models.states.model import as_value
from bookproof.models.tla.values import TlaValue, function, text
from bookproof.spec.input_error import InputError

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

Constants = Mapping[str, TlaValue]
"""What a model gives its module."""


def put(function: tuple[T, ...], key: int, value: T) -> tuple[T, ...]:
    """`[function EXCEPT ![key] = value]`.

    >>> put(("a", "b"), 2, "c")
    ('a', 'c')
    """
    return (*function[: key - 1], value, *function[key:])


class Map(NamedTuple, Generic[K, T]):
    """A function with any domain; its keys have an order, in which they always stand.

    >>> lots = Map(("A", "B"), (1, 2))
    >>> lots.of("B"), lots.put("A", 5).images
    (2, (5, 2))
    """

    keys: tuple[K, ...]
    images: tuple[T, ...]

    def of(self, key: K) -> T:
        """`f[key]`."""
        return self.images[self.keys.index(key)]

    def put(self, key: K, image: T) -> Map[K, T]:
        """`[f EXCEPT ![key] = image]`."""
        return Map(self.keys, put(self.images, self.keys.index(key) + 1, image))

    def as_tla(self) -> TlaValue:
        """The function; a tuple if its domain is 1..n, or nothing."""
        return function({as_value(key): as_value(image) for key, image in zip(self.keys, self.images, strict=True)})


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


def specified(specification: str, *known: str) -> str:
    """The specification of a model. Raises InputError for one that the twin has not.

    >>> specified("Spec", "Spec", "FairSpec")
    'Spec'
    """
    if specification not in known:
        raise InputError("twin", 0, "SPECIFICATION", f"one of {', '.join(known)}", specification)
    return specification
