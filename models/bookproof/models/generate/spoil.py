"""Bad input: a good command with one thing in it that does not belong there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bookproof.spec.commands import (
    AdvanceClock,
    Basket,
    BlockTrade,
    Bust,
    Cancel,
    Command,
    Deposit,
    Disconnect,
    Halt,
    IndexLevel,
    KillSwitch,
    Leg,
    Liquidate,
    MassCancel,
    Reduce,
    Reinstate,
    Replace,
    Resume,
    Route,
    SetLimits,
    SetMark,
    SetPhase,
    SetReference,
    Spend,
    Submit,
    SubmitList,
    Withdraw,
)
from bookproof.spec.values import DisplayRange, Limits, TimeInForce

WAYS = 1 << 12
"""`spoil` knows fewer ways than this; any number below is a choice."""

UNLISTED = "NONE"
"""A symbol that no book has."""

NO_NUMBERS: tuple[Any, ...] = (0, -1, 10**13, 2**63, True, False, 1.0, 2.5, "1", None)
"""Numbers that most fields must refuse: zero, negative, huge, and what Python takes for a number though it is none."""

OFF_LIMITS: tuple[Any, ...] = (*NO_NUMBERS, 1, 3, 97, 101, 111)
"""The same, and numbers that only an instrument with ticks, lots or bounds refuses."""

PRICES: tuple[Any, ...] = (*OFF_LIMITS, 2**31)
"""The same, and a good price that does not fit into 32 bits."""

_BAD_LIMITS: tuple[Any, ...] = (-1, 10**15 + 1, True, 1.0, "1")
LIMITS: tuple[Limits, ...] = tuple(
    Limits()._replace(**{name: value})
    for name in ("position", "short", "open_orders", "notional")
    for value in _BAD_LIMITS
)
"""Limits that make no sense."""

RANGES: tuple[DisplayRange, ...] = (
    DisplayRange(1, 2, draw=7),
    *(
        DisplayRange(2, 4, 7, 2)._replace(**{name: bad})
        for name in ("least", "most", "step")
        for bad in (0, 3, True, 2.0)
    ),
    *(DisplayRange(1, 2, draw=bad) for bad in NO_NUMBERS[1:]),
)
"""Ranges of slices, nearly all of which make no sense; most venues take not even the first."""

SPOILS: Mapping[type[Command], tuple[tuple[str, tuple[Any, ...]], ...]] = {
    Submit: (
        ("symbol", (UNLISTED,)),
        ("order_id", NO_NUMBERS),
        ("account", NO_NUMBERS),
        ("quantity", OFF_LIMITS),
        ("price", PRICES),
        ("time_in_force", tuple(TimeInForce)),
        ("stop", PRICES),
        ("post_only", (True,)),
        ("min_quantity", OFF_LIMITS),
        ("display", (*OFF_LIMITS, *RANGES)),
        ("expires", NO_NUMBERS),
    ),
    Cancel: (("symbol", (UNLISTED,)), ("order_id", NO_NUMBERS)),
    Replace: (
        ("symbol", (UNLISTED,)),
        ("order_id", NO_NUMBERS),
        ("quantity", OFF_LIMITS),
        ("price", PRICES),
        ("stop", PRICES),
    ),
    Basket: (("account", NO_NUMBERS), ("legs", ((),))),
    SubmitList: (("legs", ((),)),),
    MassCancel: (("account", NO_NUMBERS),),
    Halt: (("symbol", (UNLISTED,)),),
    Resume: (("symbol", (UNLISTED,)),),
    SetPhase: (("symbol", (UNLISTED,)),),
    AdvanceClock: (("now", NO_NUMBERS),),
    Deposit: (("account", NO_NUMBERS), ("amount", OFF_LIMITS), ("symbol", (UNLISTED,))),
    Withdraw: (("account", NO_NUMBERS), ("amount", OFF_LIMITS), ("symbol", (UNLISTED,))),
    SetLimits: (("account", NO_NUMBERS), ("limits", LIMITS)),
    Reduce: (
        ("symbol", (UNLISTED,)),
        ("order_id", NO_NUMBERS),
        ("account", NO_NUMBERS),
        ("quantity", OFF_LIMITS),
        ("price", PRICES),
    ),
    Spend: (("symbol", (UNLISTED,)), ("order_id", NO_NUMBERS), ("account", NO_NUMBERS), ("budget", OFF_LIMITS)),
    Bust: (("symbol", (UNLISTED,)), ("trade", NO_NUMBERS)),
    SetMark: (("symbol", (UNLISTED,)), ("price", PRICES)),
    Liquidate: (("account", NO_NUMBERS), ("order_id", NO_NUMBERS)),
    BlockTrade: (
        ("symbol", (UNLISTED,)),
        ("buyer", NO_NUMBERS),
        ("seller", NO_NUMBERS),
        ("price", PRICES),
        ("quantity", OFF_LIMITS),
    ),
    KillSwitch: (("account", NO_NUMBERS),),
    Reinstate: (("account", NO_NUMBERS),),
    Disconnect: (("account", NO_NUMBERS),),
    IndexLevel: (("value", NO_NUMBERS),),
    SetReference: (("symbol", (UNLISTED,)), ("price", PRICES)),
}
"""The fields of each command, and what to spoil them with."""


def spoil(command: Command, choice: int) -> Command:
    """The command with one thing in it that does not belong there; `choice` says what. Pure.

    >>> spoil(AdvanceClock(5), 1)
    AdvanceClock(now=-1)
    """
    if type(command) is Basket and choice % 4:
        return command._replace(legs=_spoiled_legs(choice // 4, command.legs))
    if type(command) is SubmitList and choice % 4:
        return command._replace(legs=_spoiled_orders(choice // 4, command.legs))
    if type(command) is Route:
        spoiled: Any = spoil(command.order, choice)
        return Route(spoiled)
    spoils = SPOILS.get(type(command))
    if spoils is None:  # there is nothing in it to spoil
        return command
    choice, at = divmod(choice, len(spoils))
    field, values = spoils[at]
    return command._replace(**{field: values[choice % len(values)]})


def _spoiled_orders(choice: int, legs: tuple[Submit, ...]) -> tuple[Submit, ...]:
    """An order of a list spoiled as it would be by itself, or an order too few, or one twice."""
    choice, at = divmod(choice, len(legs))
    choice, fault = divmod(choice, 4)
    if fault == 0:
        return legs[:at] + legs[at + 1 :]
    if fault == 1:
        return (*legs, legs[at])
    spoiled = spoil(legs[at], choice)
    assert type(spoiled) is Submit
    return (*legs[:at], spoiled, *legs[at + 1 :])


def _spoiled_legs(choice: int, legs: tuple[Leg, ...]) -> tuple[Leg, ...]:
    choice, at = divmod(choice, len(legs))
    choice, fault = divmod(choice, 4)
    if fault == 0:  # a book twice
        return (*legs, legs[at]._replace(order_id=legs[-1].order_id + 1))
    if fault == 1:
        spoiled = legs[at]._replace(symbol=UNLISTED)
    elif fault == 2:
        spoiled = legs[at]._replace(quantity=OFF_LIMITS[choice % len(OFF_LIMITS)])
    else:
        spoiled = legs[at]._replace(price=PRICES[choice % len(PRICES)])
    return (*legs[:at], spoiled, *legs[at + 1 :])
