"""One case: the books, the venue's choices and the commands. What is generated, judged, shrunk and printed."""

from __future__ import annotations

from typing import NamedTuple

from bookproof.spec.commands import Basket, Cancel, Command, Replace, Route, Submit
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import DEFAULT, Profile
from bookproof.spec.values import OrderId, Symbol


class Case(NamedTuple):
    """Everything needed to run a sequence again."""

    instruments: tuple[Instrument, ...]
    commands: tuple[Command, ...]
    profile: Profile = DEFAULT


def entered(command: Command) -> tuple[tuple[Symbol, OrderId], ...]:
    """The new orders in a command, each by its book and its id.

    >>> from bookproof.spec.values import Side
    >>> entered(Submit("ABC", 1, 7, Side.BUY, 10, 100)), entered(Cancel("ABC", 1))
    ((('ABC', 1),), ())
    """
    if type(command) is Submit:
        return ((command.symbol, command.order_id),)
    if type(command) is Basket:
        return tuple((leg.symbol, leg.order_id) for leg in command.legs)
    if type(command) is Route:
        return ((command.order.symbol, command.order.order_id),)
    return ()


def named(command: Command) -> tuple[tuple[Symbol, OrderId], ...]:
    """Every order that a command names: the new ones, and the one it cancels or replaces.

    >>> named(Cancel("ABC", 1))
    (('ABC', 1),)
    """
    if type(command) is Cancel or type(command) is Replace:
        return ((command.symbol, command.order_id),)
    return entered(command)
