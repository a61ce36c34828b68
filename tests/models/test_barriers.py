"""Barriers in recorded histories of real threads: after the stamp of a kill switch, or of a halt, nothing gets through.

The histories are explained by their stamps as any other is (`check`); here the barrier is read off the stamps without
asking the oracle, and engines without one are caught.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from bookproof.engine.interface import Answer
from bookproof.engine.striped import StripedEngine
from bookproof.models.concurrent.check import check
from bookproof.models.concurrent.history import History, Operation
from bookproof.models.concurrent.recorder import record
from bookproof.spec.commands import Command, Halt, IndexLevel, KillSwitch, Resume, Submit, TakeSnapshot
from bookproof.spec.events import (
    Accepted,
    AccountBlocked,
    AccountReinstated,
    Halted,
    Resumed,
    SnapshotTaken,
    Trade,
)
from bookproof.spec.instruments import Instrument, listing
from bookproof.spec.profile import DEFAULT, CollarAction, Profile
from bookproof.spec.values import Account, OrderId, Side

BOOKS = listing(["AAA", "BBB", "CCC", "DDD"])


def in_order(history: History) -> list[Operation]:
    return sorted(history.operations, key=lambda operation: operation.answer.stamp)


# ── kill switches ──


def leaks(history: History) -> Iterator[str]:
    """A sentence for everything a blocked account does, or still has, between its block and its reinstatement."""
    blocked: set[Account] = set()
    owner: dict[tuple[str, OrderId], Account] = {}
    for operation in in_order(history):
        stamp = operation.answer.stamp
        if isinstance(operation.command, Submit):
            owner[operation.command.symbol, operation.command.order_id] = operation.command.account
        for event in operation.answer.events:
            match event:
                case AccountBlocked():
                    blocked.add(event.account)
                case AccountReinstated():
                    blocked.discard(event.account)
                case Accepted() if owner[event.symbol, event.order_id] in blocked:
                    yield f"{stamp}: order {event.order_id} of a blocked account entered"
                case Trade():
                    for order_id in (event.maker, event.taker):
                        if owner[event.symbol, order_id] in blocked:
                            yield f"{stamp}: order {order_id} of a blocked account traded"
                case SnapshotTaken():
                    for view in event.books:
                        for order in (*view.queue.bids, *view.queue.asks):
                            if order.account in blocked:
                                yield f"{stamp}: order {order.order_id} of a blocked account is live"


def traders(clients: int, orders: int) -> list[list[Command]]:
    """Each client enters orders of account 1 or 2 that cross, over all books; the ids are the client's own."""
    return [
        [
            Submit(
                BOOKS[(client + number) % len(BOOKS)].symbol,
                1000 * client + number,
                1 + client % 2,
                Side.BUY if number % 2 else Side.SELL,
                1 + number % 3,
                100 + number % 2,
            )
            for number in range(orders)
        ]
        for client in range(1, clients + 1)
    ]


def killed_midway(engine: type[StripedEngine], seed: int) -> History:
    killer: Sequence[Command] = [TakeSnapshot()] * 8 + [KillSwitch(1), *[TakeSnapshot()] * 8]
    scripts = [*traders(clients=4, orders=40), killer]
    return record(lambda sync: engine(BOOKS, stripes=3, sync=sync), BOOKS, DEFAULT, scripts, cuts=0.05, seed=seed)


def was_midway(history: History) -> bool:
    """Whether the switch was thrown while the account was entering orders."""
    [barrier] = [one.answer.stamp for one in history.operations if isinstance(one.command, KillSwitch)]
    entered = [one for one in history.operations if isinstance(one.command, Submit) and one.command.account == 1]
    return barrier < max(one.answer.stamp for one in entered)


def test_after_the_stamp_of_a_kill_switch_no_order_of_the_account_enters_trades_or_stands() -> None:
    histories = [killed_midway(StripedEngine, seed) for seed in range(6)]
    assert [check(history) for history in histories] == [None] * 6
    assert [list(leaks(history)) for history in histories] == [[]] * 6
    assert any(map(was_midway, histories)), "threads are not obedient, but not all of them can be too late"


class KillsBookByBook(StripedEngine):
    """The defect: a kill switch blocks the account when it has been through the books, not before."""

    def submit(self, command: Command) -> Answer:
        if not isinstance(command, KillSwitch):
            return super().submit(command)
        for symbol, book in self._floor.books.items():
            with self._lock_of[symbol]:
                book.cancel_account(command.account)
        with self._holding_all():
            self._floor.market.set_blocked(command.account, True)
            return self._stamped([AccountBlocked(command.account, 0)])


def test_a_kill_switch_that_goes_book_by_book_is_caught() -> None:
    histories = [killed_midway(KillsBookByBook, seed) for seed in range(12)]
    assert any(check(history) is not None for history in histories)
    assert any(list(leaks(history)) for history in histories), "an order slipped into a book that was swept already"


# ── halts ──

DERIVATIVES = (
    Instrument("AAA"),
    Instrument("BBB", reference=100, collar=1),
    Instrument("CCC", underlying="BBB"),
    Instrument("DDD", underlying="CCC"),
)
ABOVE = {"AAA": ["AAA"], "BBB": ["BBB"], "CCC": ["CCC", "BBB"], "DDD": ["DDD", "CCC", "BBB"]}
"""Each book, and those that it depends on."""
VOLATILE = Profile("volatile", breaker_levels=(7, 13, 20), collar_action=CollarAction.HALT)


def trades_while_halted(history: History) -> Iterator[str]:
    """A sentence for everything that trades or enters in a book that is halted, by the order of the stamps."""
    halted: set[str | None] = set()
    for operation in in_order(history):
        for event in operation.answer.events:
            match event:
                case Halted():
                    halted.add(event.symbol)
                case Resumed():
                    halted.discard(event.symbol)
                case Accepted() | Trade() if halted & {None, *ABOVE[event.symbol]}:
                    yield f"{operation.answer.stamp}: {event} while {sorted(map(str, halted))} are halted"


def halted_midway(engine: type[StripedEngine], seed: int) -> History:
    halter: list[Command] = []
    for number in range(12):
        halter += [Halt("BBB"), Resume("BBB"), Halt("CCC"), Resume("CCC"), IndexLevel(100 - 2 * number), Resume()]
    scripts = [*traders(clients=4, orders=40), halter]
    return record(
        lambda sync: engine(DERIVATIVES, VOLATILE, stripes=3, sync=sync),
        DERIVATIVES,
        VOLATILE,
        scripts,
        cuts=0.05,
        seed=seed,
    )


@pytest.mark.parametrize("seed", range(6))
def test_after_the_stamp_of_a_halt_nothing_trades_in_the_market_the_book_or_what_depends_on_it(seed: int) -> None:
    history = halted_midway(StripedEngine, seed)
    assert check(history) is None
    assert list(trades_while_halted(history)) == []
    said = [event for operation in history.operations for event in operation.answer.events]
    assert {Halted(None), Halted("BBB"), Halted("CCC")} <= set(said)


class HaltsItselfOnly(StripedEngine):
    """The defect: a halt holds the stripe of its own book only, while it reaches those that depend on it."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._dependents = {symbol: {} for symbol in self._stripe_of}


def test_a_halt_that_does_not_hold_the_stripes_of_its_dependents_is_caught() -> None:
    histories = [halted_midway(HaltsItselfOnly, seed) for seed in range(12)]
    assert any(check(history) is not None for history in histories)
    assert any(list(trades_while_halted(history)) for history in histories)
