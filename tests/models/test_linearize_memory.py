"""What keeps the history checker small on long histories must not change what it says."""

from __future__ import annotations

import random
from array import array

import pytest

from bookproof.models.linearize import in_turn as turns
from bookproof.models.linearize import quick
from bookproof.models.linearize.conflicts import _Search
from bookproof.models.linearize.consumers import Consumers
from bookproof.models.linearize.evidence import gather
from bookproof.models.linearize.facts import NEVER
from bookproof.models.linearize.file import lines
from bookproof.models.linearize.histories import ACROSS_BOOKS, large
from bookproof.models.linearize.history import Filled
from bookproof.models.linearize.in_turn import in_turn
from bookproof.spec.commands import Cancel, Submit
from bookproof.spec.events import Accepted, Cancelled


@pytest.mark.parametrize("run", [1, 2, 3, 7, 64])
def test_times_are_sorted_as_they_would_be_all_at_once(run: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_RUN", run)
    dice = random.Random(run)
    for _ in range(300):
        size, spread = dice.randrange(40), dice.choice((0, 1, 3, 10, 100))
        times = array("q", (at + dice.randint(-spread, spread) for at in range(size)))
        for _ in range(dice.choice((0, 0, 1, 3)) if size else 0):  # some never come, and some came long ago
            times[dice.randrange(size)] = dice.choice((NEVER, NEVER - 1, -(2**62)))
        assert list(in_turn(times)) == sorted(range(size), key=times.__getitem__)


@pytest.mark.parametrize("crashed", [False, True])
def test_whatever_may_have_been_there_is_found_though_only_what_overlaps_is_looked_at(crashed: bool) -> None:
    history = large(300, 12, symbols=2, mix=ACROSS_BOOKS, seed=3)
    operations = list(history.operations)
    for at, one in enumerate(operations):
        if crashed and isinstance(one.command, Cancel) and isinstance((one.events or (None,))[0], Cancelled):
            operations[at] = one._replace(returned=None, events=None) if at % 5 == 0 else one
    search = _Search(gather(history._replace(operations=tuple(operations))), None, None)
    facts, known = search.facts, search.known
    by_call = sorted(range(len(operations)), key=facts.called.__getitem__)
    assert any(facts.returned[at] >= NEVER - 1 for at in by_call) is crashed
    for operation in range(len(operations)):
        for side, reach in ((0, 10_000), (1, 10_000), (2, -2_000), (3, 2_000)):
            expected: dict[int, None] = {}
            for at in reversed(by_call):
                if facts.called[at] <= known.latest[operation] and known.latest[at] >= known.earliest[operation]:
                    mine = search._orders_of(at)
                    expected |= {it: None for it in mine if facts.side_of[it] == side and facts.level[it] <= reach}
            assert list(search._within(operation, side, reach)) == list(expected)


def test_a_number_that_is_named_again_is_the_same_object() -> None:
    text = [line.encode() for line in lines(large(500, 4, seed=2))]
    calls = [call for line in text if (call := quick.call(line)) is not None]
    answers = {back.number: back.events[0] for line in text if (back := quick.returned(line)) is not None}
    prices: dict[int, int] = {}
    for call in calls:
        order, head = call.command, answers[call.number]
        if isinstance(order, Submit) and isinstance(head, Accepted):
            assert head.order_id is order.order_id
            assert head.price is order.price
            if order.price is not None:
                assert prices.setdefault(order.price, order.price) is order.price
    assert len(prices) > 5


def test_only_so_many_numbers_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick, "_MOST_NUMBERS", 100)
    for number in range(1_000):
        assert quick.trade(f'{{"trade":{{"symbol":"ABC","maker":{number},"taker":7}}}}'.encode()) == Filled(
            "ABC", number, 7
        )
        assert len(quick._NUMBERS) <= 103


@pytest.mark.parametrize(
    "wrong",
    [
        '{"trade":{"symbol":"ABC","maker":1,"taker":2,"price":3}}',
        '{"trade":{"symbol":"ABC","maker":1,"maker":1,"taker":2}}',
        '{"trade":{"symbol":"ABC","maker":1,"taker":2},"time":3}',
        '{"trade":{"symbol":"ABC","maker":1}}',
        '{"trade":{"symbol":"ABC","maker":1.0,"taker":2}}',
        '{"trade":{"symbol":"ABC","maker":true,"taker":2}}',
        '{"trade":{"symbol":"ABC","maker":9223372036854775808,"taker":2}}',
        '{"trade":[]}',
        '{"trade":',
    ],
)
def test_a_trade_line_that_the_codec_refuses_the_quick_reader_does_not_read(wrong: str) -> None:
    assert quick.trade(wrong.encode()) is None
    other_layout = b'{"trade": {"taker": 2, "maker": 1, "symbol": "ABC"}}'
    assert quick.trade(other_layout) == Filled("ABC", 1, 2)


def test_consumers_are_looked_up_as_in_a_list_for_each_order() -> None:
    dice = random.Random(5)
    for _ in range(200):
        orders = dice.randint(1, 6)
        consumers, plain = Consumers(orders), [list[int]() for _ in range(orders)]
        for operation in range(dice.randrange(12)):
            for _ in range(dice.randrange(3)):
                order = dice.randrange(orders)
                consumers.add(operation, order)
                if operation not in plain[order]:
                    plain[order].append(operation)
        consumers.sort()
        assert [list(consumers[order]) for order in range(orders)] == plain
        for operation in range(20, 20 + dice.randrange(3)):
            order = dice.randrange(orders)
            consumers.add_late(operation, order)
            plain[order].append(operation)
        assert [list(consumers[order]) for order in range(orders)] == plain
