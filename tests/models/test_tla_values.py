"""TLA+ values: what TLC prints is read as it is meant, and written so that TLC would read it the same way."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookproof.models.tla.values import (
    Function,
    ModelValue,
    States,
    TlaValue,
    function,
    parse,
    parse_state,
    state_text,
    text,
)
from bookproof.spec.input_error import InputError

_ATOMS: st.SearchStrategy[Any] = st.one_of(
    st.booleans(),
    st.integers(-3, 12),
    st.text(st.characters(codec="ascii", exclude_categories=["Cc"]) | st.sampled_from('\n\t\\"'), max_size=4),
    st.sampled_from("abc").map(ModelValue),
)


def _unmixed(value: TlaValue) -> bool:
    """No set or domain has both TRUE and 1."""
    match value:
        case frozenset() | Function():
            kinds = {type(each) for each in value}
            return not {bool, int} <= kinds and all(map(_unmixed, value)) and _unmixed_images(value)
        case tuple():
            return all(map(_unmixed, value))
        case _:
            return True


def _unmixed_images(value: frozenset[TlaValue] | Function) -> bool:
    return not isinstance(value, Function) or all(map(_unmixed, value.values()))


def _built(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(inner, max_size=3).map(tuple),
        st.frozensets(inner, max_size=3),
        st.dictionaries(_ATOMS, inner, max_size=3).map(function),
        st.dictionaries(st.sampled_from(["id", "px", "qty"]), inner, max_size=3).map(function),
    )


_VALUES: st.SearchStrategy[TlaValue] = st.recursive(_ATOMS, _built, max_leaves=12).filter(_unmixed)


@given(_VALUES)
def test_whatever_is_written_is_read_as_the_same_value(value: TlaValue) -> None:
    again = parse(text(value))
    assert text(again) == text(value)
    assert again == value
    assert type(again) is type(value)
    assert hash(again) == hash(value)


@given(st.dictionaries(st.sampled_from(["books", "pc", "locks"]), _VALUES, min_size=1))
def test_a_state_that_is_written_is_read_as_the_same_state(images: dict[TlaValue, TlaValue]) -> None:
    state = Function(images)
    assert parse_state(state_text(state)) == state


@given(st.dictionaries(_ATOMS, _ATOMS, max_size=4).filter(lambda images: not {bool, int} <= set(map(type, images))))
def test_a_function_is_the_same_in_whatever_order_it_was_written(images: dict[TlaValue, TlaValue]) -> None:
    backwards = function(dict(reversed(images.items())))
    assert function(images) == backwards
    assert text(function(images)) == text(backwards)
    assert hash(function(images)) == hash(backwards)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("<< >>", ()),
        ("{}", frozenset()),
        ("-1", -1),
        ("0..2", frozenset({0, 1, 2})),
        ("2..1", frozenset()),
        ("{0..1}", frozenset({frozenset({0, 1})})),
        ('"a \\"b\\" \\\\ c"', 'a "b" \\ c'),
        ("(1 :> TRUE @@ 2 :> FALSE)", (True, False)),
        ('("px" :> 1)', Function({"px": 1})),
        ("[px |-> 1,\n   qty |-> 2]", Function({"px": 1, "qty": 2})),
        ("(<<1, 2>> :> c1)", Function({(1, 2): ModelValue("c1")})),
        ("(0 :> 1)", Function({0: 1})),
    ],
)
def test_reads_what_tlc_prints(written: str, value: TlaValue) -> None:
    found = parse(written)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "written",
    ["", "<<1", "{1, 2", "[a |-> 1", "[a :> 1]", "(1 |-> 2)", "1 2", "<<1,,2>>", '"open', "1..", "?", "{1}}", "()"],
)
def test_refuses_what_is_no_value(written: str) -> None:
    with pytest.raises(InputError, match=r"^TLA\+ value: expected "):
        parse(written)


@pytest.mark.parametrize("written", ["", "no equals sign", "stray\n/\\ x = 1", "/\\ x = 1\n/\\ x = 2"])
def test_refuses_what_is_no_state(written: str) -> None:
    with pytest.raises(InputError, match=r"^state: "):
        parse_state(written)


def test_true_is_not_one_and_a_model_value_is_no_string_within_a_state() -> None:
    states = [parse_state(f"/\\ x = {x}") for x in ("TRUE", "1", "c1", '"c1"', "<<TRUE>>", "<<1>>", "{c1}", '{"c1"}')]
    assert len(set(states)) == len(states)


def test_a_model_value_and_the_string_with_its_name_are_two_keys() -> None:
    both = Function({ModelValue("c1"): 1, "c1": 2})
    assert len(both) == 2
    assert both[ModelValue("c1")] == 1
    assert parse(text(both)) == both


def test_a_sequence_is_no_function_in_python() -> None:
    with pytest.raises(ValueError, match=r"domain 1\.\.2: use a tuple"):
        Function({1: "a", 2: "b"})
    assert function({1: "a", 2: "b"}) == ("a", "b")


def test_states_that_share_values_share_them_in_memory() -> None:
    read = States()
    one, other = read("/\\ x = <<1, 2>>\n/\\ y = 1"), read("/\\ x = <<1, 2>>\n/\\ y = 2")
    assert one["x"] is other["x"]
    assert one != other
