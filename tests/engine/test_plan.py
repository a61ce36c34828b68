"""What engines with the same listing share, and what they must not; and how several locks are held together."""

from __future__ import annotations

import pytest

from bookproof.engine.plan import plan_of
from bookproof.engine.striped import StripedEngine
from bookproof.engine.sync import Lock, Threads
from bookproof.models.interleaving.scenarios import A, B, basket, sell
from bookproof.spec.commands import Cancel, Halt
from bookproof.spec.instruments import Instrument, listing
from bookproof.spec.profile import DEFAULT
from bookproof.spec.values import Phase


def test_two_engines_with_one_listing_share_its_plan_and_no_state() -> None:
    listed = (*listing([A, B]), Instrument("C", underlying=A))
    assert plan_of(listed, DEFAULT) is plan_of(listed, DEFAULT)
    one, other = StripedEngine(listed), StripedEngine(listed)
    one.submit(sell(1))
    one.submit(Halt(A))
    assert other.status(A, 1) is None
    assert (one.view("C").phase, other.view("C").phase) == (Phase.HALT, Phase.CONTINUOUS)


def test_a_listing_is_refused_that_equals_one_which_has_opened_but_for_a_type() -> None:
    StripedEngine((Instrument(A, reference=1),))
    with pytest.raises(ValueError, match="reference must be a price"):
        StripedEngine((Instrument(A, reference=1.0),))  # type: ignore[arg-type]


class _Noted:
    """A lock that notes what is done with it."""

    def __init__(self, name: str, notes: list[str], stuck: str) -> None:
        self._name, self._notes, self._stuck = name, notes, stuck

    def acquire(self) -> object:
        if self._name == self._stuck:
            raise TimeoutError(self._name)
        self._notes.append(f"take {self._name}")
        return True

    def release(self) -> None:
        self._notes.append(f"leave {self._name}")

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *error: object) -> None:
        self.release()


class _Noting(Threads):
    def __init__(self, stuck: str = "") -> None:
        self.notes: list[str] = []
        self._stuck = stuck

    def lock(self, name: str) -> Lock:
        return _Noted(name, self.notes, self._stuck)


def test_several_stripes_are_taken_in_order_and_left_the_other_way_round() -> None:
    sync = _Noting()
    StripedEngine(listing([A, B]), stripes=2, sync=sync).submit(basket(1, B, A))
    assert sync.notes == ["take stripe 0", "take stripe 1", "leave stripe 1", "leave stripe 0"]


def test_stripes_that_are_held_already_are_left_when_one_cannot_be_taken() -> None:
    sync = _Noting(stuck="stripe 1")
    engine = StripedEngine(listing([A, B]), stripes=2, sync=sync)
    with pytest.raises(TimeoutError, match="stripe 1"):
        engine.submit(basket(1, A, B))
    assert sync.notes == ["take stripe 0", "leave stripe 0"]


def test_stripes_are_left_when_what_is_done_under_them_fails() -> None:
    sync = _Noting()
    engine = StripedEngine(listing([A, B]), stripes=2, sync=sync)
    engine._floor.basket = lambda basket: 1 // 0  # type: ignore[method-assign, assignment, return-value]
    with pytest.raises(ZeroDivisionError):
        engine.submit(basket(1, A, B))
    assert sync.notes[-2:] == ["leave stripe 1", "leave stripe 0"]
    assert engine.submit(Cancel(A, 1)).stamp == 1
