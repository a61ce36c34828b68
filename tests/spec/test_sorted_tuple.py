"""The sorted tuple against a plain sorted list: the same answers, whatever the chunks do, and the old ones stay."""

from __future__ import annotations

import random
from bisect import bisect_left, insort

import pytest

from bookproof.spec import sorted_tuple
from bookproof.spec.sorted_tuple import SortedTuple

Item = tuple[int, str]


def chunk_sizes(items: SortedTuple[Item]) -> list[int]:
    return [len(chunk) for chunk in items._chunks]


def check(items: SortedTuple[Item], model: list[Item]) -> None:
    assert list(items) == model
    assert (len(items), bool(items)) == (len(model), bool(model))
    assert all(0 < size <= sorted_tuple._LARGE for size in chunk_sizes(items))
    if model:
        assert items.first == model[0]


@pytest.mark.parametrize("seed", range(10))
def test_it_answers_as_a_sorted_list_does_while_small_chunks_split_and_join(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sorted_tuple, "_LARGE", 6)
    monkeypatch.setattr(sorted_tuple, "_SMALL", 2)
    draw = random.Random(seed)
    items: SortedTuple[Item] = SortedTuple()
    model: list[Item] = []
    chunks = []
    for step in range(1500):
        grow = 0.7 if step // 250 % 2 == 0 else 0.3
        if not model or draw.random() < grow:
            item = (draw.randrange(500), f"{step}")
            items = items.add(item)
            insort(model, item)
        elif draw.random() < 0.8:
            items = items.remove(gone := draw.choice(model))
            model.remove(gone)
        else:
            old = draw.choice(model)
            new = (old[0], old[1] + "!")  # stays where it is: the number is followed by the step
            if sorted({*model, new} - {old}).index(new) == model.index(old):
                items = items.replace(old, new)
                model[model.index(old)] = new
        probe = (draw.randrange(-1, 501),)
        at = bisect_left(model, probe)
        assert items.at_or_after(probe) == (model[at] if at < len(model) else None)
        check(items, model)
        chunks.append(len(chunk_sizes(items)))
    assert max(chunks) > 20  # they did split
    assert min(chunks[500:]) < max(chunks) / 2  # and they did join


def test_ten_thousand_items_come_and_go_in_any_order() -> None:
    draw = random.Random(1)
    model = [(number, "") for number in range(10_000)]
    items: SortedTuple[Item] = SortedTuple()
    for item in draw.sample(model, len(model)):
        items = items.add(item)
    check(items, model)
    assert max(chunk_sizes(items)) <= 128
    for number in draw.sample(range(10_000), 1000):
        assert items.at_or_after((number,)) == (number, "")
    for item in draw.sample(model, 9_900):
        items = items.remove(item)
        model.remove(item)
    check(items, model)
    assert len(chunk_sizes(items)) <= 8


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 128, 129, 1000])
def test_it_is_made_from_items_in_any_order(count: int) -> None:
    numbers = [(number, "") for number in range(count)]
    made: SortedTuple[Item] = SortedTuple(random.Random(2).sample(numbers, count))
    check(made, numbers)
    one_by_one: SortedTuple[Item] = SortedTuple()
    for item in numbers:
        one_by_one = one_by_one.add(item)
    assert made == one_by_one
    assert hash(made) == hash(one_by_one)


def test_a_change_leaves_the_old_sequence_as_it_was() -> None:
    old: SortedTuple[Item] = SortedTuple([(1, "a"), (2, "b"), (3, "c")])
    old.add((0, "z"))
    old.remove((2, "b"))
    old.replace((2, "b"), (2, "bb"))
    assert list(old) == [(1, "a"), (2, "b"), (3, "c")]


def test_a_change_shares_the_chunks_it_does_not_touch() -> None:
    old: SortedTuple[Item] = SortedTuple((number, "") for number in range(10_000))
    new = old.add((5_000, "x")).remove((5_001, ""))
    shared = {id(chunk) for chunk in old._chunks} & {id(chunk) for chunk in new._chunks}
    assert len(shared) >= len(old._chunks) - 2


@pytest.mark.parametrize("absent", [(0, ""), (2, ""), (9, "")])
def test_what_is_not_there_can_be_neither_removed_nor_replaced(absent: Item) -> None:
    items: SortedTuple[Item] = SortedTuple([(1, ""), (3, "")])
    with pytest.raises(ValueError, match="is not in the sequence"):
        items.remove(absent)
    with pytest.raises(ValueError, match="is not in the sequence"):
        items.replace(absent, absent)


def test_an_empty_one_has_no_first() -> None:
    empty: SortedTuple[Item] = SortedTuple()
    assert not empty
    assert empty.at_or_after((0,)) is None
    with pytest.raises(IndexError):
        _ = empty.first


def test_it_equals_only_its_own_kind() -> None:
    items: SortedTuple[Item] = SortedTuple([(1, "")])
    assert items != ((1, ""),)
    assert repr(items) == "SortedTuple([(1, '')])"
