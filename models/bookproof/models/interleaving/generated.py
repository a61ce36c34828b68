"""Scenarios by number: small, random, and biased to conflict. Number N of a size is always the same scenario."""

from __future__ import annotations

import random

from bookproof.models.interleaving.scenarios import NAMED, A, B, C, Scenario, basket, buy, sell
from bookproof.spec.commands import AdvanceClock, Cancel, Command, Halt, MassCancel, Replace, Resume, TakeSnapshot
from bookproof.spec.values import Side, TimeInForce

_BEFORE: tuple[Command, ...] = (
    sell(1, A),
    buy(2, A, price=99),
    sell(3, B),
    sell(4, C)._replace(time_in_force=TimeInForce.GTD, expires=10),
)
"""Four orders to fight over."""


def generated(threads: int, operations: int, number: int) -> Scenario:
    """One scenario, called `g3x2n17` for three threads, two operations each, number 17.

    >>> generated(3, 2, 17).name, generated(3, 2, 17).size
    ('g3x2n17', '3x2')
    """
    name = f"g{threads}x{operations}n{number}"
    dice = random.Random(name)
    scripts: list[tuple[Command, ...]] = []
    for thread in range(threads):
        first = 10 * (thread + 1)
        scripts.append(tuple(_command(dice, first + 3 * at) for at in range(operations)))
    return Scenario(name, "A random scenario.", tuple(scripts), _BEFORE)


def _command(dice: random.Random, new_id: int) -> Command:
    """One command; a new order takes `new_id`, a basket that and the next one."""
    symbol = dice.choice((A, A, B, B, C))
    live = dice.choice(((A, 1), (A, 2), (B, 3), (C, 4), (A, 10), (B, 20)))
    price, quantity = dice.choice((99, 100, 100, 101)), dice.choice((1, 1, 2))
    kind = dice.randrange(12)
    if kind < 2:
        return buy(new_id, symbol, quantity, price)
    if kind < 4:
        return sell(new_id, symbol, quantity, price)
    if kind < 6:
        return basket(new_id, *dice.sample((A, B, C), 2), side=dice.choice(tuple(Side)))
    if kind < 8:
        return Cancel(*live)
    if kind == 8:
        return Replace(*live, quantity=dice.choice((1, 3)), price=price)
    if kind == 9:
        return dice.choice((Halt(), Halt(symbol), Resume(), Resume(symbol)))
    if kind == 10:
        return MassCancel(dice.choice((1, 2, 3)))
    return dice.choice((TakeSnapshot(), AdvanceClock(10)))


def named(name: str) -> Scenario | None:
    """The scenario of that name, from the list or by its number; None if there is none.

    >>> named("cancel-fill") is NAMED["cancel-fill"], named("nothing")
    (True, None)
    """
    if name in NAMED:
        return NAMED[name]
    size, _, number = name.removeprefix("g").partition("n")
    threads, _, operations = size.partition("x")
    parts = (threads, operations, number)
    if not name.startswith("g") or not all(part.isascii() and part.isdecimal() and len(part) < 10 for part in parts):
        return None
    return (
        generated(int(threads), int(operations), int(number)) if 0 < int(threads) < 9 and int(operations) < 10 else None
    )
