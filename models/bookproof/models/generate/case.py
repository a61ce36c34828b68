"""One case: the books, the venue's choices and the commands. What is generated, judged, shrunk and printed."""

from __future__ import annotations

from typing import NamedTuple

from bookproof.spec.commands import Basket, Cancel, Command, Reduce, Replace, Route, Spend, Submit, SubmitList
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import DEFAULT, Profile
from bookproof.spec.values import Account, OrderId, Symbol


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
    if isinstance(command, Submit | Reduce | Spend):
        return ((command.symbol, command.order_id),)
    if type(command) is Basket or type(command) is SubmitList:
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


def accounts_named(command: Command) -> tuple[Account, ...]:
    """The accounts that a command names, bad ones left out.

    >>> accounts_named(Cancel("ABC", 1))
    ()
    """
    named = (getattr(command, field, None) for field in ("account", "buyer", "seller"))
    return tuple(account for account in named if type(account) is int)
