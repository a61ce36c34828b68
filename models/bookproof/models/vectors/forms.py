r"""The two forms in which vectors are written: a JSON object a scenario, and plain lines for languages without JSON.

Plain lines
===========

A line is a word and then `key=value` for each field, with single blanks between; no value has a blank in it. Fields of
fields have a dot between their names, and elements of a list their number: `legs.0.price=100`. What is absent, empty
or null is left out. The words, in the order in which they come:

==============  =======================================================================================
word            what the line says
==============  =======================================================================================
``vectors``     first line: `version` of this form, and how many of everything there are in the file
``scenario``    `name`, and what an exchange `needs` to know to go through it
``profile``     the choices of the venue that are not the default ones
``instrument``  one listed book
``command``     what to do
``rules``       by which numbers of the rule book the command is decided
``event``       what the exchange says to it, in this order and nothing else
``view``        what can be seen afterwards, if that has changed: a book, an account, the market
``end``         last line: the `checksum` of all lines above it
==============  =======================================================================================

The checksum is FNV-1a with 64 bits over the bytes of these lines, line feeds included: a file that was cut or changed
on its way is noticed by ten lines of code in any language.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from bookproof.models.vectors.expected import Step, Vector
from bookproof.spec.codec import COMMAND, Header, encode

VERSION: Final = 1

_BASIS: Final = 0xCBF29CE484222325
_PRIME: Final = 0x100000001B3
_BITS: Final = (1 << 64) - 1


def counted(vectors: Iterable[Vector]) -> dict[str, int]:
    """How many of everything there are."""
    steps = [step for vector in vectors for step in vector.steps]
    return {
        "commands": len(steps),
        "events": sum(len(step.events) for step in steps),
        "views": sum(len(step.views) for step in steps),
    }


def as_json(vectors: list[Vector]) -> Iterator[str]:
    """A header, then one JSON object a scenario."""
    head = {"bookproof": 1, "kind": "vectors", "version": VERSION, "scenarios": len(vectors), **counted(vectors)}
    yield json.dumps(head)
    for vector in vectors:
        yield json.dumps(
            {
                "scenario": vector.name,
                "needs": list(vector.needs),
                **_listing(vector),
                "steps": [
                    {
                        "command": _object(step.command),
                        "rules": list(step.rules),
                        "events": [_object(event) for event in step.events],
                        "views": [_object(view) for view in step.views],
                    }
                    for step in vector.steps
                ],
            }
        )


def as_lines(vectors: list[Vector]) -> Iterator[str]:
    """The same as plain lines.

    >>> from bookproof.models.vectors.collect import scenarios
    >>> from bookproof.models.vectors.expected import vectors
    >>> lines = list(as_lines(list(vectors(scenarios()[:1]))))
    >>> lines[0], lines[-1].split("=")[0]
    ('vectors version=1 scenarios=1 commands=1 events=1 views=0', 'end checksum')
    """
    checksum = _BASIS
    for line in _plain(vectors):
        checksum = fnv1a(f"{line}\n".encode(), checksum)
        yield line
    yield f"end checksum={checksum:016x}"


def fnv1a(text: bytes, checksum: int = _BASIS) -> int:
    """The checksum of some bytes, after those that gave `checksum` (Fowler, Noll, Vo).

    >>> f"{fnv1a(b'a'):016x}"
    'af63dc4c8601ec8c'
    """
    for byte in text:
        checksum = (checksum ^ byte) * _PRIME & _BITS
    return checksum


def _plain(vectors: list[Vector]) -> Iterator[str]:
    head = {"version": VERSION, "scenarios": len(vectors), **counted(vectors)}
    yield line_of("vectors", head)
    for vector in vectors:
        listing = _listing(vector)
        yield line_of("scenario", {"name": vector.name, "needs": ",".join(vector.needs)})
        yield line_of("profile", listing["profile"])
        for instrument in listing["instruments"]:
            yield line_of("instrument", instrument)
        for step in vector.steps:
            yield from _step(step)


def _step(step: Step) -> Iterator[str]:
    yield line_of("command", _object(step.command))
    yield line_of("rules", {"numbers": ",".join(step.rules)})
    for event in step.events:
        yield line_of("event", _object(event))
    for view in step.views:
        yield line_of("view", _object(view))


def line_of(word: str, fields: dict[str, Any]) -> str:
    """One plain line.

    >>> line_of("command", {"do": "basket", "account": 7, "legs": [{"symbol": "ABC", "order_id": 2}]})
    'command do=basket account=7 legs.0.symbol=ABC legs.0.order_id=2'
    """
    return " ".join([word, *(f"{name}={value}" for name, value in _flat("", fields))])


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}" if name else key, inner)
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from _flat(f"{name}.{at}", inner)
    elif isinstance(value, bool):
        yield name, "true" if value else "false"
    elif value is not None and value != "":
        yield name, str(value)


def _object(record: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(encode(record))
    return found


def _listing(vector: Vector) -> dict[str, Any]:
    """The books, and the venue's choices field by field, whatever name the profile has."""
    head = json.loads(encode(Header(COMMAND, vector.case.instruments, vector.case.profile._replace(name="venue"))))
    return {"profile": head.get("profile", {}), "instruments": head["instruments"]}
