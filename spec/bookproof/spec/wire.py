"""How the values of the vocabulary stand in JSON, derived once, at import, from their annotations.

A `Shape` reads what `json` parsed and writes JSON text. Both ways are strict: what one writes the other reads back
as an equal value of the same type, and anything else is an `InputError` that names the field. Which file and line it
was is for the caller to add (`codec`).
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from functools import cache
from types import NoneType
from typing import Annotated, Any, Final, NamedTuple, get_args, get_origin, get_type_hints

from bookproof.spec.input_error import InputError, quote
from bookproof.spec.values import Value, defaults_of

_ABSENT: Final[Any] = object()


class Number(str):
    """A number that is no integer, as it stands in the line: 1.0, 1e3, NaN. No shape reads it."""

    __slots__ = ()


class Shape(NamedTuple):
    """How values of one type stand in JSON."""

    expected: str
    """What a message says was expected."""
    hint: str
    """The usual cure; empty when there is none."""
    read: Callable[[Any], Any]
    """From what `json` parsed. Objects are used up by it."""
    write: Callable[[Any], str]
    """To JSON text."""


def refusal(expected: str, found: object, hint: str = "") -> InputError:
    """The error for a value that is not what was expected."""
    return InputError("", 0, "", expected, spell(found), hint)


def spell(found: object) -> str:
    """A value as a message shows it.

    >>> print(spell(True), spell(7), spell("ABC"), spell([[]]), spell(10**5000))
    true 7 "ABC" a list an integer of 16610 bits
    """
    if found is None or type(found) is bool:
        return json.dumps(found)
    if type(found) is int:  # beyond a certain length Python refuses to print it
        return str(found) if found.bit_length() <= 128 else f"an integer of {found.bit_length()} bits"
    if type(found) is float:
        return repr(found)
    if type(found) is Number:
        return quote(found)[1:-1]
    if type(found) is str:
        return quote(found)
    if type(found) in (list, dict):
        return "a list" if type(found) is list else "an object"
    return f"a Python {type(found).__name__}"


# ── plain values ──


def integer(expected: str, hint: str = "") -> Shape:
    """An integer that fits in 64 bits with its sign. The rule book decides which of them make sense."""

    def read(found: Any) -> int:
        if type(found) is not int:  # isinstance would let true pass for 1
            raise refusal(expected, found, hint)
        if not -(2**63) <= found < 2**63:
            raise refusal(f"{expected} from -2**63 to 2**63 - 1", found)
        return found

    return Shape(expected, hint, read, lambda number: str(read(number)))


def text(expected: str, hint: str = "") -> Shape:
    """A string of Unicode characters."""

    def read(found: Any) -> str:
        if type(found) is not str:
            raise refusal(expected, found, hint)
        if not found.isascii() and any("\ud800" <= char <= "\udfff" for char in found):
            raise refusal("whole characters", found, "half of a surrogate pair cannot be written as UTF-8")
        return found

    return Shape(expected, hint, read, lambda written: json.dumps(read(written)))


def boolean() -> Shape:
    """True or false."""
    expected = "true or false"

    def read(found: Any) -> bool:
        if type(found) is not bool:
            raise refusal(expected, found)
        return found

    return Shape(expected, "", read, lambda flag: "true" if read(flag) else "false")


def choice(members: Mapping[str, Any]) -> Shape:
    """One of some values of one type, each written as its name."""
    expected = f"one of {', '.join(members)}"
    names = {member: json.dumps(name) for name, member in members.items()}
    (kind,) = {type(member) for member in names}

    def read(found: Any) -> Any:
        if type(found) is not str or found not in members:
            raise refusal(expected, found)
        return members[found]

    def write(member: Any) -> str:
        if type(member) is not kind or member not in names:  # "buy" equals Side.BUY, but is not what comes back
            raise refusal(expected, member)
        return names[member]

    return Shape(expected, "", read, write)


# ── values made of values ──


def optional(shape: Shape) -> Shape:
    """Null, or the shape."""
    return Shape(
        f"{shape.expected} or null",
        shape.hint,
        lambda found: None if found is None else shape.read(found),
        lambda written: "null" if written is None else shape.write(written),
    )


def number_or(number: Shape, record: Shape) -> Shape:
    """A number, or an object instead of it."""
    expected = f"{number.expected} or {record.expected}"

    def read(found: Any) -> Any:
        if type(found) is dict:
            return record.read(found)
        if type(found) is not int:
            raise refusal(expected, found, number.hint)
        return number.read(found)

    def write(written: Any) -> str:
        return (record if isinstance(written, Value) else number).write(written)

    return Shape(expected, number.hint, read, write)


def sequence(shape: Shape) -> Shape:
    """A list in JSON, a tuple in Python."""

    def read(found: Any) -> tuple[Any, ...]:
        if type(found) is not list:
            raise refusal("a list", found)
        return tuple(_each(shape.read, found))

    def write(items: Any) -> str:
        if type(items) is not tuple:
            raise refusal("a tuple", items)
        return f"[{','.join(_each(shape.write, items))}]"

    return Shape("a list", "", read, write)


def _each(convert: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    done: list[Any] = []
    try:
        for item in items:
            done.append(convert(item))  # noqa: PERF401  how many are done tells which one failed
    except InputError as error:
        raise error.within(f"[{len(done)}]") from None
    return done


class _Object(ABC):
    """What is a JSON object: all but how its fields are found."""

    @abstractmethod
    def read(self, found: Any) -> Any:
        """From what `json` parsed, which is used up by it."""

    @abstractmethod
    def fields(self, record: Any) -> list[str]:
        """What goes between the braces."""

    def write(self, record: Any) -> str:
        """To JSON text."""
        return braced(self.fields(record))

    @property
    def shape(self) -> Shape:
        """As a value inside another."""
        return Shape("an object", "", self.read, self.write)


class Record(_Object):
    """The fields of one `Value`, each under its own name; one at its default may be left out, and is.

    >>> from bookproof.spec.commands import Cancel
    >>> Record(Cancel).write(Cancel("ABC", 7))
    '{"symbol":"ABC","order_id":7}'
    >>> Record(Cancel).read({"symbol": "ABC", "order_id": 7})
    Cancel(symbol='ABC', order_id=7)
    """

    def __init__(self, cls: type[Any], **shapes: Shape) -> None:
        """Shapes given by name take the place of those that follow from the annotations."""
        hints = get_type_hints(cls, localns=_ALIASES, include_extras=True)
        defaults = defaults_of(cls)
        self._cls = cls
        self._columns = [
            (name, shapes.get(name) or shape_of(hints[name]), defaults.get(name, _ABSENT))
            for name in cls.__struct_fields__
        ]
        self._readers = [(name, shape.read, default) for name, shape, default in self._columns]
        self._writers = [(name, shape.write, default, type(default)) for name, shape, default in self._columns]

    def read(self, found: Any) -> Any:
        """Take the fields out of a JSON object; whatever is left over then is unknown."""
        if type(found) is not dict:
            raise refusal("an object", found)
        values: list[Any] = []
        name = ""
        try:
            for name, read, default in self._readers:
                item = found.pop(name, _ABSENT)
                if item is not _ABSENT:
                    values.append(read(item))
                elif default is not _ABSENT:
                    values.append(default)
                else:
                    shape = self._columns[len(values)][1]
                    raise InputError("", 0, "", shape.expected, "nothing", shape.hint)
        except InputError as error:
            raise error.within(name) from None
        if found:
            known = ", ".join(self._cls.__struct_fields__)
            expected = f"one of the fields {known}" if known else "no more fields"
            raise InputError("", 0, quote(next(iter(found)))[1:-1], expected, "an unknown one")
        return self._cls(*values)

    def fields(self, record: Any) -> list[str]:
        """What goes between the braces."""
        if type(record) is not self._cls:
            raise refusal(f"a {self._cls.__name__}", record)
        parts: list[str] = []
        name = ""
        try:
            for name, write, default, kind in self._writers:
                item = getattr(record, name)
                # False equals 0, and "gtc" TimeInForce.GTC: only a default of its own type may be left out.
                if type(item) is not kind or item != default:
                    parts.append(f'"{name}":{write(item)}')
        except InputError as error:
            raise error.within(name) from None
        return parts


class OneOf(_Object):
    """One of several records, told apart by a field that names the type: {"do":"end-of-day"}.

    >>> from bookproof.spec.commands import EndOfDay, MassCancel
    >>> commands = OneOf("do", (EndOfDay, MassCancel))
    >>> commands.write(MassCancel(7))
    '{"do":"mass-cancel","account":7}'
    >>> commands.read({"do": "end-of-day"})
    EndOfDay()
    """

    def __init__(self, tag: str, types: Iterable[type[Any]]) -> None:
        self._tag = tag
        self._records = {cls: Record(cls) for cls in types}
        self._heads = {cls: f'"{tag}":"{kebab(cls.__name__)}"' for cls in self._records}
        self._named = {kebab(cls.__name__): record for cls, record in self._records.items()}

    def read(self, found: Any) -> Any:
        """Find the type, then the fields."""
        if type(found) is not dict:
            raise refusal("an object", found)
        name = found.pop(self._tag, _ABSENT)
        if type(name) is str and name in self._named:
            return self._named[name].read(found)
        expected = f"one of {', '.join(self._named)}"
        if name is _ABSENT:
            raise InputError("", 0, self._tag, expected, "nothing")
        raise refusal(expected, name).within(self._tag)

    def fields(self, record: Any) -> list[str]:
        """What goes between the braces."""
        cls = type(record)
        if cls not in self._records:
            raise refusal(f"one of {', '.join(known.__name__ for known in self._records)}", record)
        return [self._heads[cls], *self._records[cls].fields(record)]


def braced(fields: Iterable[str]) -> str:
    """A JSON object of fields that are JSON text already.

    >>> braced(['"a":1', '"b":2'])
    '{"a":1,"b":2}'
    """
    return "{" + ",".join(fields) + "}"


def kebab(name: str) -> str:
    """A type's name as the wire has it, spelled like the values of every enumeration.

    >>> kebab("MassCancel")
    'mass-cancel'
    """
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


# ── from annotations to shapes ──

_ALIASES: dict[str, Any] = {
    "Symbol": Annotated[str, text("a symbol", "write it in double quotes")],
    "OrderId": Annotated[int, integer("an integer order id", "write it without quotes")],
    "Account": Annotated[int, integer("an integer account", "write it without quotes")],
    "Ticks": Annotated[int, integer("an integer number of ticks", "write prices in ticks, not in money")],
    "Lots": Annotated[int, integer("an integer number of lots", "write quantities in lots")],
    "Nanoseconds": Annotated[int, integer("an integer number of nanoseconds", "write times in nanoseconds")],
}
"""The aliases of `values`. They are all `int` or `str` to Python; put in their place, these know what to say."""

_PLAIN: dict[Any, Shape] = {int: integer("an integer"), str: text("text in double quotes"), bool: boolean()}


@cache
def shape_of(hint: Any) -> Shape:
    """The shape of whatever an annotation in the vocabulary may be. TypeError for anything else."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        shape = inner[1]
        assert isinstance(shape, Shape)
        return shape
    if hint in _PLAIN:
        return _PLAIN[hint]
    if NoneType in inner and len(inner) == 2:
        return optional(shape_of(inner[0]))
    if NoneType in inner and len(inner) == 3:
        return optional(number_or(shape_of(inner[0]), shape_of(inner[1])))
    if origin is tuple and inner[1:] == (...,):
        return sequence(shape_of(inner[0]))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return choice({member.value: member for member in hint})
    if isinstance(hint, type) and issubclass(hint, Value):
        return Record(hint).shape
    raise TypeError(f"the wire has no shape for {hint}; add one to shape_of")
