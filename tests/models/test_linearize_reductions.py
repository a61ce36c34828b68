"""What the generic search need not try: what is known of which histories, and where nothing is.

That no verdict is changed by it is for the fuzz to say (`test_linearize_trust`).
"""

from __future__ import annotations

import pytest

from bookproof.models.generate.venues import DISTINCT
from bookproof.models.linearize.generic import search
from bookproof.models.linearize.history import History, Operation
from bookproof.models.linearize.reductions import reductions
from bookproof.spec.commands import Basket, Cancel, Command, Leg, Replace, SetPhase, Submit, SubmitList, TakeSnapshot
from bookproof.spec.exchange import opening, snapshot, step
from bookproof.spec.instruments import listing
from bookproof.spec.profile import DEFAULT, Profile, Risk
from bookproof.spec.values import ListKind, Phase, SelfTradePrevention, Side, TimeInForce

BOOKS = listing(["ABC", "XYZ"])


def sell(order_id: int, price: int | None = 100, **terms: object) -> Submit:
    return Submit("ABC", order_id, 1, Side.SELL, 5, price, **terms)  # type: ignore[arg-type]


def buy(order_id: int, quantity: int = 5, **terms: object) -> Submit:
    return Submit("ABC", order_id, 2, Side.BUY, quantity, 100, **terms)  # type: ignore[arg-type]


def at_once(*commands: Command, profile: Profile = DEFAULT, final: bool = False) -> History:
    """The first two beside each other, the others after them one by one, in the order given."""
    state = opening(BOOKS, profile)
    operations = []
    for at, command in enumerate(commands):
        state, events = step(state, command)
        times = (0, 9) if at < 2 else (10 * at, 10 * at + 5)
        operations.append(Operation(at, command, *times, events))
    return History(BOOKS, tuple(operations), profile, final=snapshot(state) if final else ())


def test_of_two_orders_of_one_price_the_one_that_traded_first_came_first() -> None:
    known = reductions(at_once(sell(1), sell(2), buy(3), buy(4)))
    assert known.before == ((), (0,), (), ())
    assert reductions(at_once(sell(1), sell(2), buy(3, 7))).before == ((), (0,), ())


def test_an_order_that_was_cancelled_later_or_is_still_there_was_there() -> None:
    assert reductions(at_once(sell(1), sell(2), buy(3), Cancel("ABC", 2))).before[1] == (0,)
    assert reductions(at_once(sell(1), sell(2), buy(3), final=True)).before[1] == (0,)
    assert reductions(at_once(sell(1), sell(2), final=True)).before[1] == (0,)
    assert reductions(at_once(sell(1), sell(2), buy(3))).before == ((), (), ())


def test_an_order_of_a_list_is_one_of_its_book_and_stands_where_it_stands_there() -> None:
    there = Submit("XYZ", 1, 1, Side.SELL, 5, 100)
    pair = SubmitList(ListKind.OCO, (sell(1), there))
    assert reductions(at_once(pair, sell(2), buy(3, 2), Cancel("ABC", 2))).before[1] == (0,)
    waits = SubmitList(ListKind.OTO, (there, sell(1)))
    assert reductions(at_once(waits, sell(2), final=True)).before == ((), ())


@pytest.mark.parametrize(
    "commands",
    [
        (sell(1), sell(2, 101), buy(3), Cancel("ABC", 2)),
        (sell(1), sell(2, display=2), buy(3), Cancel("ABC", 2)),
        (sell(1), sell(2), buy(3, self_trade=SelfTradePrevention.CANCEL_MAKER), Cancel("ABC", 2)),
        (sell(1), sell(2), Replace("ABC", 2, 4), buy(3), Cancel("ABC", 2)),
        (sell(1), sell(2), buy(3), SetPhase("ABC", Phase.CALL), Cancel("ABC", 2)),
    ],
)
def test_nothing_is_known_of_other_prices_other_terms_and_other_phases(commands: tuple[Command, ...]) -> None:
    assert not any(reductions(at_once(*commands)).before)


def test_nothing_is_known_where_a_level_is_shared() -> None:
    shared = next(venue for venue in DISTINCT.values() if not venue.allocation.is_fifo)
    assert not any(reductions(at_once(sell(1), sell(2), buy(3), Cancel("ABC", 2), profile=shared)).before)


def test_an_id_that_is_used_again_stands_for_the_order_of_its_time() -> None:
    later = (Cancel("ABC", 1), Cancel("ABC", 2), sell(2), sell(1), Cancel("ABC", 1))
    assert reductions(at_once(sell(1), sell(2), buy(3, 2), *later)).before[1] == (0,)
    history = at_once(sell(1), sell(2), buy(3), sell(1), Cancel("ABC", 1))
    unclear = history.operations[3]._replace(called=2, returned=9)  # beside the first of that id
    operations = (*history.operations[:3], unclear, *history.operations[4:])
    assert not any(reductions(history._replace(operations=operations)).before)


def test_who_is_refused_or_cancelled_at_once_may_come_early_and_who_did_something_may_not() -> None:
    ioc = buy(3, time_in_force=TimeInForce.IOC)
    kill = Basket(2, (Leg("ABC", 4, Side.BUY, 5, 100),))
    assert reductions(at_once(Cancel("ABC", 1), ioc, kill)).early == (True, True, True)
    assert reductions(at_once(sell(1), ioc)).early == (False, False)
    part = at_once(sell(1), buy(3, 7, time_in_force=TimeInForce.IOC))
    assert reductions(part).early == (False, False)


@pytest.mark.parametrize(
    ("others", "profile", "is_early"),
    [
        ((), DEFAULT, True),
        ((TakeSnapshot(),), DEFAULT, False),
        ((sell(5, post_only=True),), DEFAULT, False),
        ((sell(5, None),), DEFAULT, False),
        ((sell(1),), DEFAULT, False),
        ((Replace("ABC", 1, 4),), DEFAULT, False),
        ((), DEFAULT._replace(risk=Risk.CASH), False),
    ],
)
def test_a_cancel_may_come_early_where_nobody_tells_of_orders_that_he_does_not_touch(
    others: tuple[Command, ...], profile: Profile, is_early: bool
) -> None:
    history = at_once(sell(1), sell(2), Cancel("ABC", 1), *others)
    assert reductions(history._replace(profile=profile)).early[2] is is_early


def test_a_cancel_may_not_come_before_whoever_tells_that_the_stop_was_triggered() -> None:
    bid, stop = buy(1), Submit("ABC", 2, 1, Side.BUY, 1, 101, stop=100)
    history = at_once(bid, stop, sell(3), Cancel("ABC", 2))
    assert reductions(history).early == (False,) * 4
    *first, trade, cancel = history.operations
    beside = history._replace(operations=(*first, cancel._replace(called=trade.called), trade))
    assert search(beside).order in ((0, 1, 3, 2), (1, 0, 3, 2))
    assert reductions(at_once(bid, stop, Cancel("ABC", 2))).early == (False, False, True)


def test_a_cancel_may_not_come_before_whoever_tells_that_the_order_entered_its_book() -> None:
    held_back = SubmitList(ListKind.OTO, (sell(1), sell(2, 105)))
    assert reductions(at_once(held_back, buy(3), Cancel("ABC", 2))).early == (False,) * 3


def test_what_need_not_be_tried_makes_a_refutation_shorter() -> None:
    """Twelve cancels of nothing beside each other, in any order: 2^12 sets of them, and one of them is enough."""
    nothing = step(opening(BOOKS), Cancel("ABC", 7))[1]
    cancels = [Operation(client, Cancel("ABC", 7), 0, 9, nothing) for client in range(12)]
    refuted = search(History(BOOKS, (*cancels, Operation(12, Cancel("ABC", 1), 0, 9, ()))))
    assert refuted.proof
    assert refuted.steps <= 2 * 13
