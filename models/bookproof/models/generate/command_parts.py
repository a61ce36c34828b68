"""The parts of any command, and commands with other parts: for code that does not care which kind it has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bookproof.spec.commands import Basket, Command, Route, SubmitList
from bookproof.spec.values import Lots, Side

SANE = 10**6
"""Ids and prices beyond this are bad input: their very size may be the point, so nothing makes them smaller."""


def parts(command: Command) -> tuple[Any, ...]:
    """The legs of a basket or a list, the order of a route, else the command: what has a symbol, an id and prices."""
    if type(command) is Route:
        return (command.order,)
    return command.legs if type(command) is Basket or type(command) is SubmitList else (command,)


def changed(command: Command, change: Callable[[Any], Any]) -> Command:
    """The command with each of its parts changed."""
    if type(command) is Basket or type(command) is SubmitList:
        return command._replace(legs=tuple(map(change, command.legs)))
    if type(command) is Route:
        return Route(change(command.order))
    other: Command = change(command)
    return other


def symbols(command: Command) -> list[str]:
    """The books that a command names."""
    return [symbol for part in parts(command) if (symbol := _get(part, "symbol")) is not None]


def ids(command: Command) -> list[int]:
    """The ids that a command names, bad ones left out."""
    return [number for part in parts(command) if type(number := _get(part, "order_id")) is int and 0 < number < SANE]


def sides(command: Command) -> list[Side]:
    """The sides of the new orders in a command."""
    return [side for part in parts(command) if (side := _get(part, "side")) is not None]


def prices(commands: tuple[Command, ...]) -> list[int]:
    """Every price and stop price in a sequence, bad ones left out, each once and the lowest first.

    >>> from bookproof.spec.commands import Replace
    >>> prices((Replace("ABC", 1, 5, price=103, stop=101), Replace("ABC", 1, 5, price=True)))
    [101, 103]
    """
    found = {_get(part, field) for command in commands for part in parts(command) for field in ("price", "stop")}
    return sorted(price for price in found if type(price) is int and abs(price) < SANE)


def quantity(command: Any) -> Lots:
    """0 for what has no quantity, or a bad one."""
    found = _get(command, "quantity")
    return found if type(found) is int and 0 < found < SANE else 0


def with_symbols(command: Command, names: dict[str, str]) -> Command:
    """Sent to other books."""
    return changed(command, lambda part: _mapped(part, "symbol", names))


def with_ids(command: Command, numbers: dict[int, int]) -> Command:
    """With other ids."""
    return changed(command, lambda part: _mapped(part, "order_id", numbers))


_PARTIES = ("account", "buyer", "seller")


def accounts(command: Command) -> list[int]:
    """The accounts that a command names, bad ones left out."""
    named = (_get(command, field) for field in _PARTIES)
    return [number for number in named if type(number) is int and 0 <= number < SANE]


def with_accounts(command: Command, numbers: dict[int, int]) -> Command:
    """Of other accounts."""
    other: Any = command
    for field in _PARTIES:
        other = _mapped(other, field, numbers)
    renamed: Command = other
    return renamed


def with_prices(command: Command, levels: dict[int, int]) -> Command:
    """With other prices and stop prices."""
    return changed(command, lambda part: _mapped(_mapped(part, "price", levels), "stop", levels))


def mirrored(command: Command) -> Command:
    """Buys for sells and sells for buys."""
    return changed(command, lambda part: _mapped(part, "side", {side: side.opposite for side in Side}))


def _get(part: Any, field: str) -> Any:
    return getattr(part, field, None)


def _mapped(part: Any, field: str, values: dict[Any, Any]) -> Any:
    old = _get(part, field)
    return part._replace(**{field: values[old]}) if type(old) is not bool and old in values else part
