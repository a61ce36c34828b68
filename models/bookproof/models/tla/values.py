"""TLA+ values as Python values, and back in the notation that TLC prints.

| TLA+ | Python |
|---|---|
| number, TRUE or FALSE, string | int, bool, str |
| model value | `ModelValue` |
| set | frozenset |
| tuple, sequence: a function from 1..n | tuple |
| record, and any other function | `Function` |

A state is a `Function` too: from the names of the variables, as strings, to their values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias, Union

from bookproof.spec.input_error import InputError, quote

TlaValue: TypeAlias = Union[bool, int, str, "frozenset[TlaValue]", "tuple[TlaValue, ...]", "Function"]
"""Any TLA+ value. TRUE and 1 are two values, which Python calls equal; in a `Function` they differ."""


class ModelValue(str):
    """A value that is equal to itself and to nothing else, not even to the string with its name.

    >>> ModelValue("c1") == ModelValue("c1"), ModelValue("c1") == "c1", "c1" == ModelValue("c1")
    (True, False, False)
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ModelValue) and str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((ModelValue, str.__str__(self)))

    def __repr__(self) -> str:
        return f"ModelValue({str.__repr__(self)})"


class Function(Mapping[TlaValue, TlaValue]):
    """A function whose domain is no 1..n, such as a record: immutable, and the same in whatever order it was written.

    Two are equal when TLC would print them alike, so TRUE is not 1 within them. ValueError for the domain 1..n, or for
    none: that is a tuple in Python. `function` makes whichever it has to be.

    >>> order = Function({"px": 7, "id": 1})
    >>> order["px"], order == Function({"id": 1, "px": 7}), order == Function({"id": True, "px": 7})
    (7, True, False)
    >>> print(order)
    [id |-> 1, px |-> 7]
    """

    __slots__ = ("_images", "_text")

    def __init__(self, images: Mapping[Any, TlaValue]) -> None:
        if _is_sequence(images):
            raise ValueError(f"expected a function that is no sequence, got the domain 1..{len(images)}: use a tuple")
        self._images = {key: images[key] for key in sorted(images, key=_place)}
        self._text = ""

    def __getitem__(self, key: TlaValue) -> TlaValue:
        return self._images[key]

    def __iter__(self) -> Iterator[TlaValue]:
        return iter(self._images)

    def __len__(self) -> int:
        return len(self._images)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Function) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __str__(self) -> str:
        if not self._text:
            self._text = _written(self._images)
        return self._text

    def __repr__(self) -> str:
        return f"Function({self._images!r})"


def function(images: Mapping[Any, TlaValue] | Iterable[tuple[TlaValue, TlaValue]]) -> TlaValue:
    """A function as what it has to be in Python: a tuple if its domain is 1..n, else a `Function`.

    >>> function({2: "b", 1: "a"}), function({}), function({0: "a"})
    (('a', 'b'), (), Function({0: 'a'}))
    """
    known: dict[TlaValue, TlaValue] = dict(images)
    return tuple(known[at] for at in range(1, len(known) + 1)) if _is_sequence(known) else Function(known)


def _is_sequence(images: Mapping[Any, TlaValue]) -> bool:
    return all(type(key) is int and 1 <= key <= len(images) for key in images)


# ── writing ──


def text(value: TlaValue) -> str:
    """A value as TLC prints it, with sets and functions in an order that does not depend on how they were made.

    >>> print(text((frozenset({2, 1}), True, "a", ModelValue("c1"), Function({ModelValue("c1"): ()}))))
    <<{1, 2}, TRUE, "a", c1, (c1 :> <<>>)>>
    """
    match value:
        case bool():
            return "TRUE" if value else "FALSE"
        case int():
            return str(value)
        case ModelValue():
            return str.__str__(value)
        case str():
            return f'"{value.translate(_ESCAPES)}"'
        case tuple():
            return f"<<{', '.join(map(text, value))}>>"
        case frozenset():
            return f"{{{', '.join(map(text, sorted(value, key=_place)))}}}"
        case _:
            return str(value)


def state_text(state: Function) -> str:
    r"""A state as TLC prints it: a line for each variable.

    >>> print(state_text(Function({"y": (), "x": 1})))
    /\ x = 1
    /\ y = <<>>
    """
    return "\n".join(f"/\\ {name} = {text(value)}" for name, value in state.items())


def _written(images: Mapping[TlaValue, TlaValue]) -> str:
    if all(type(key) is str and _IDENTIFIER.fullmatch(key) for key in images):
        return f"[{', '.join(f'{key} |-> {text(image)}' for key, image in images.items())}]"
    return f"({' @@ '.join(f'{text(key)} :> {text(image)}' for key, image in images.items())})"


_KINDS: tuple[type, ...] = (bool, int, ModelValue, str, tuple, frozenset, Function)


def _place(value: TlaValue) -> tuple[object, ...]:
    """Where a value stands among others of any kind: by kind first, so that only like is compared with like."""
    kind = next(at for at, each in enumerate(_KINDS) if isinstance(value, each))
    match value:
        case tuple():
            return (kind, len(value), *map(_place, value))
        case frozenset():
            return (kind, len(value), *sorted(map(_place, value)))
        case Function():
            return (kind, len(value), *((_place(key), _place(image)) for key, image in value.items()))
        case str():
            return (kind, str.__str__(value))
        case _:
            return (kind, value)


# ── reading ──

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TOKEN = re.compile(
    r'\s*(?:(?P<number>-?\d+)|(?P<string>"(?:[^"\\]|\\.)*")|(?P<name>\w+)|(?P<sign><<|>>|\|->|:>|@@|\.\.|[{}\[\](),]))'
)
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\f": "\\f", "\r": "\\r"})
_UNESCAPES = {"n": "\n", "t": "\t", "f": "\f", "r": "\r"}
_BACKSLASH = re.compile(r"\\(.)")
_CONJUNCT = re.compile(r"^[ \t]*(?:/\\[ \t]*)?([A-Za-z_]\w*)[ \t]*=", re.MULTILINE)


def parse(written: str) -> TlaValue:
    """Read one value as TLC prints it. Raises InputError for anything else.

    >>> parse('[bids |-> <<[id |-> 1, px |-> 100]>>, locks |-> {c1, c2}]')["bids"][0]["px"]
    100
    >>> parse("1..3") == frozenset({1, 2, 3})
    True
    >>> print(text(parse("(c2 :> 1 @@ c1 :> {})")))
    (c1 :> {} @@ c2 :> 1)
    """
    reader = _Reader(written)
    value = reader.value()
    if reader.kind:
        raise reader.error("the end of the value")
    return value


def parse_state(written: str) -> Function:
    r"""Read a state as TLC prints it: a conjunct `name = value` for each variable, each on a line that it begins.

    >>> parse_state("/\\ x = 1\n/\\ y = <<2,\n  3>>")
    Function({'x': 1, 'y': (2, 3)})
    """
    return States()(written)


class States:
    """Reads many states that have much in common: a value that was read once is kept.

    >>> read = States()
    >>> read("x = <<1>>")["x"] is read("x = <<1>>")["x"]
    True
    """

    def __init__(self) -> None:
        self._known: dict[str, TlaValue] = {}

    def __call__(self, written: str) -> Function:
        """The state. Raises InputError for what is none, and for a variable that it names twice."""
        begins = list(_CONJUNCT.finditer(written))
        if not begins or written[: begins[0].start()].strip():
            raise InputError("state", 0, "", "lines such as /\\ name = value", quote(written))
        ends = [begin.start() for begin in begins[1:]] + [len(written)]
        images: dict[TlaValue, TlaValue] = {}
        for begin, end in zip(begins, ends, strict=True):
            name = begin[1]
            if name in images:
                raise InputError("state", 0, name, "each variable once", "it twice")
            images[name] = self._value(written[begin.end() : end].strip())
        return Function(images)

    def _value(self, written: str) -> TlaValue:
        value = self._known.get(written)
        if value is None:
            value = self._known[written] = parse(written)
        return value


class _Reader:
    """Reads values from a text; `word` and its `kind` are what comes next, and no kind is the end."""

    def __init__(self, written: str) -> None:
        self._written = written.strip()
        self._at = 0
        self._step()

    def value(self) -> TlaValue:
        """The value that begins here, and past it."""
        kind, word = self.kind, self.word
        if kind in ("", "unknown") or (kind == "sign" and word not in ("{", "<<", "[", "(")):
            raise self.error("a TLA+ value")
        self._step()
        match kind, word:
            case "number", _:
                return self._number(int(word))
            case "string", _:
                return _BACKSLASH.sub(lambda found: _UNESCAPES.get(found[1], found[1]), word[1:-1])
            case "name", ("TRUE" | "FALSE"):
                return word == "TRUE"
            case "name", _:
                return ModelValue(word)
            case "sign", "{":
                return frozenset(self._listed("}"))
            case "sign", "<<":
                return tuple(self._listed(">>"))
            case "sign", "[":
                return function(self._pairs("|->", ",", "]"))
            case _:
                return function(self._pairs(":>", "@@", ")"))

    def error(self, expected: str) -> InputError:
        """What is wrong with the text from here on."""
        return InputError(
            "TLA+ value", 0, "", expected, quote(self._written[self._begin :]) if self.kind else "the end"
        )

    def _number(self, low: int) -> TlaValue:
        if not self._is(".."):
            return low
        self._step()
        high = self.word
        self._need("number", "the end of an interval")
        return frozenset(range(low, int(high) + 1))

    def _listed(self, closing: str) -> Iterator[TlaValue]:
        while not self._is(closing):
            yield self.value()
            if not self._is(closing):
                self._need(",", f"a comma or {closing}")
        self._step()

    def _pairs(self, arrow: str, between: str, closing: str) -> Iterator[tuple[TlaValue, TlaValue]]:
        while True:
            key = self.value()
            self._need(arrow, arrow)
            yield (str.__str__(key) if arrow == "|->" and isinstance(key, ModelValue) else key), self.value()
            if self._is(closing):
                break
            self._need(between, f"{between} or {closing}")
        self._step()

    def _is(self, sign: str) -> bool:
        return self.kind == "sign" and self.word == sign

    def _need(self, what: str, expected: str) -> None:
        if what != self.kind and not self._is(what):
            raise self.error(expected)
        self._step()

    def _step(self) -> None:
        self._begin = self._at
        found = _TOKEN.match(self._written, self._at)
        if found is None:
            self.kind, self.word = ("unknown" if self._at < len(self._written) else ""), ""
            return
        self.kind, self.word, self._at = found.lastgroup or "", found[found.lastgroup or 0], found.end()
