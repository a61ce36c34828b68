"""A counterexample as a pytest test that can be pasted into a file and run by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any

from bookproof.models.report.literal import WIDTH, classes_in, laid_out, literal
from bookproof.spec.commands import Command
from bookproof.spec.events import Event
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import DEFAULT, Profile

_MARGIN = "    "


def as_test(
    instruments: Iterable[Instrument],
    profile: Profile,
    commands: Sequence[Command],
    engine: str | Callable[..., Any],
    expected_events: tuple[Event, ...] | None = None,
    views: Sequence[tuple[tuple[Any, ...], Any]] = (),
    *,
    name: str = "test_engine_agrees_with_the_rule_book",
    story: str = "",
) -> str:
    """The source of a test that fails as long as the engine is wrong.

    `engine` is a name that `bookproof.models.engines_by_name` knows, or a class or function that makes an engine from
    instruments and a profile. `expected_events` is the oracle's answer to the last command; each of `views` is a
    question, such as `("depth", "ABC")`, and the oracle's answer to it. `story` becomes the docstring.

    >>> from bookproof.spec.commands import Cancel
    >>> from bookproof.spec.events import Rejected
    >>> from bookproof.spec.reasons import RejectReason
    >>> answer = (Rejected("ABC", 1, RejectReason.UNKNOWN_ORDER),)
    >>> print(as_test([Instrument("ABC")], DEFAULT, [Cancel("ABC", 1)], "striped", answer))
    from bookproof.models.engines_by_name import factory
    from bookproof.spec.commands import Cancel
    from bookproof.spec.events import Rejected
    from bookproof.spec.instruments import Instrument
    from bookproof.spec.reasons import RejectReason
    <BLANKLINE>
    <BLANKLINE>
    def test_engine_agrees_with_the_rule_book() -> None:
        engine = factory("striped")([Instrument("ABC")])
        answer = engine.submit(Cancel("ABC", order_id=1))
        assert answer.events == (Rejected("ABC", order_id=1, reason=RejectReason.UNKNOWN_ORDER),)
    <BLANKLINE>
    """
    listed = tuple(instruments)
    origin, imported, make = _maker(engine)
    lines = [f"def {name}() -> None:"]
    if story:
        lines.append(f'{_MARGIN}"""{_quoted(story)}"""')
    lines += _construction(make, listed, profile)
    for number, command in enumerate(commands, start=1):
        last = number == len(commands) and expected_events is not None
        lines.append(laid_out(command, _MARGIN, f"{'answer = ' if last else ''}engine.submit(", ")"))
    if expected_events is not None:
        lines.append(laid_out(expected_events, _MARGIN, "assert answer.events == "))
    for (asked, *arguments), right in views:
        question = f"engine.{asked}({', '.join(map(literal, arguments))})"
        comparison = "is" if right is None else "=="
        lines.append(laid_out(right, _MARGIN, f"assert {question} {comparison} "))
    values = (listed, tuple(commands), expected_events, tuple(right for _, right in views))
    classes = {found for value in values for found in classes_in(value)}
    if profile != DEFAULT:
        classes |= set(classes_in(profile))
    names = {(kind.__module__, kind.__name__) for kind in classes} | {(origin, imported)}
    return "\n".join([*imports(names), "", "", *lines, ""])


def as_comparison(
    instruments: Iterable[Instrument],
    profile: Profile,
    commands: Sequence[Command],
    engine: str | Callable[..., Any],
    *,
    name: str = "test_oracle_keeps_its_own_invariants",
    story: str = "",
) -> str:
    """The source of a test that fails as long as the oracle breaks its invariants, or the engine differs from it."""
    listed, told = tuple(instruments), tuple(commands)
    origin, imported, make = _maker(engine)
    lines = [
        f"def {name}() -> None:",
        *([f'{_MARGIN}"""{_quoted(story)}"""'] if story else []),
        laid_out(list(listed), _MARGIN, "instruments = "),
        laid_out(profile, _MARGIN, "profile = "),
        laid_out(list(told), _MARGIN, "commands = "),
        f"{_MARGIN}difference = compare({make}, instruments, profile, commands, invariants=True)",
        f"{_MARGIN}assert difference is None, str(difference)",
    ]
    names = {(kind.__module__, kind.__name__) for value in (listed, profile, told) for kind in classes_in(value)}
    names |= {(origin, imported), ("bookproof.models.sequential.differential", "compare")}
    return "\n".join([*imports(names), "", "", *lines, ""])


def _maker(engine: str | Callable[..., Any]) -> tuple[str, str, str]:
    """The module and the name to import, and the expression that makes engines."""
    if isinstance(engine, str):
        return "bookproof.models.engines_by_name", "factory", f'factory("{engine}")'
    name = getattr(engine, "__qualname__", "")
    if not name.isidentifier():  # inside a function, or without a name: whoever pastes the test must say where it is
        return "your_package", "YourEngine", "YourEngine"
    return engine.__module__, name, name


def _construction(make: str, instruments: tuple[Instrument, ...], profile: Profile) -> list[str]:
    if profile == DEFAULT:
        return [laid_out(list(instruments), _MARGIN, f"engine = {make}(", ")")]
    return [
        laid_out(profile, _MARGIN, "profile = "),
        laid_out(list(instruments), _MARGIN, f"engine = {make}(", ", profile)"),
    ]


def imports(names: set[tuple[str, str]]) -> list[str]:
    """The lines that import these names, each with its module: one for each module, as an import sorter leaves them."""
    lines: list[str] = []
    for module, group in groupby(sorted(names), key=lambda pair: pair[0]):
        imported = [name for _, name in group]
        line = f"from {module} import {', '.join(imported)}"
        lines += [line] if len(line) <= WIDTH else [f"from {module} import ("]
        lines += [] if len(line) <= WIDTH else [*(f"{_MARGIN}{name}," for name in imported), ")"]
    return lines


def _quoted(story: str) -> str:
    return story.replace("\\", "\\\\").replace('"""', "'''")


def snake_case(name: str) -> str:
    """The name of a class as part of that of a function.

    >>> snake_case("MassCancel")
    'mass_cancel'
    """
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
