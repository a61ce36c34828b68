"""The lock table at the top of `striped.py`, held to: which stripes, in which order, and when the stamp is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from bookproof.engine.global_lock import GlobalLockEngine
from bookproof.engine.interface import Engine
from bookproof.engine.striped import StripedEngine
from bookproof.engine.sync import Threads
from bookproof.engine.zoo.lock_defects import (
    LostStripeLock,
    RivalCancelledLate,
    StripesAsDiscovered,
    UnorderedStripes,
)
from bookproof.spec.commands import (
    AdvanceClock,
    Basket,
    Cancel,
    Command,
    Disconnect,
    EndOfDay,
    Halt,
    IndexLevel,
    KillSwitch,
    Leg,
    MassCancel,
    Reinstate,
    Replace,
    Resume,
    SetPhase,
    SetReference,
    Submit,
    SubmitList,
    TakeSnapshot,
)
from bookproof.spec.instruments import Instrument, listing
from bookproof.spec.profile import CollarAction, Profile
from bookproof.spec.reasons import RejectReason
from bookproof.spec.values import ListKind, Phase, Side

BOOKS = listing(["AAA", "BBB", "CCC", "DDD"])
"""Over three stripes: AAA and DDD share stripe 0, BBB has 1, CCC has 2."""


class WatchedLocks(Threads):
    """A `Sync` that writes down every acquisition and what is held when a stamp is drawn."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.held: list[str] = []
        self.held_at_stamp: list[tuple[str, ...]] = []

    def lock(self, name: str) -> WatchedLock:
        return WatchedLock(name, self)

    def counter(self, name: str) -> Callable[[], int]:
        numbers = iter(range(1, 1_000_000))

        def draw() -> int:
            self.held_at_stamp.append(tuple(self.held))
            return next(numbers)

        return draw


class WatchedLock:
    def __init__(self, name: str, log: WatchedLocks) -> None:
        self.name = name
        self.log = log

    def acquire(self) -> bool:
        assert self.name not in self.log.held, f"{self.name} is taken twice: it is not reentrant"
        self.log.taken.append(self.name)
        self.log.held.append(self.name)
        return True

    def release(self) -> None:
        self.log.held.remove(self.name)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *error: object) -> None:
        self.release()


def basket(*symbols: str) -> Basket:
    legs = tuple(Leg(symbol, 100 + at, Side.BUY, 1, 100) for at, symbol in enumerate(symbols))
    return Basket(9, legs)


def rivals(*symbols: str, first_id: int = 200) -> SubmitList:
    """One order of an OCO in each book."""
    legs = (Submit(symbol, first_id + at, 9, Side.BUY, 1, 100) for at, symbol in enumerate(symbols))
    return SubmitList(ListKind.OCO, tuple(legs))


ALL = ("stripe 0", "stripe 1", "stripe 2")

LOCK_TABLE: list[tuple[Command, tuple[str, ...]]] = [
    (Submit("DDD", 1, 7, Side.BUY, 1, 100), ("stripe 0",)),
    (Cancel("BBB", 1), ("stripe 1",)),
    (Replace("CCC", 1, 5), ("stripe 2",)),
    (Halt("BBB"), ("stripe 1",)),
    (Resume("CCC"), ("stripe 2",)),
    (basket("BBB", "AAA"), ("stripe 0", "stripe 1")),
    (basket("CCC", "BBB", "AAA"), ALL),
    (basket("AAA", "DDD"), ("stripe 0",)),
    (MassCancel(7), ALL),
    (Halt(), ALL),
    (Resume(), ALL),
    (AdvanceClock(5), ALL),
    (EndOfDay(), ALL),
    (TakeSnapshot(), ALL),
    (SetPhase("BBB", Phase.CALL), ("stripe 1",)),
    (rivals("BBB", "AAA"), ("stripe 0", "stripe 1")),
    (rivals("AAA", "DDD"), ("stripe 0",)),
    (KillSwitch(7), ALL),
    (Reinstate(7), ALL),
    (Disconnect(7), ALL),
    (IndexLevel(100), ALL),
    (SetReference("BBB", 100), ("stripe 1",)),
]

NO_LOCK: list[tuple[Command, RejectReason]] = [
    (Submit("ZZZ", 1, 7, Side.BUY, 1, 100), RejectReason.UNKNOWN_SYMBOL),
    (Cancel("ZZZ", 1), RejectReason.UNKNOWN_SYMBOL),
    (Halt("ZZZ"), RejectReason.UNKNOWN_SYMBOL),
    (basket("AAA", "AAA"), RejectReason.INVALID_LEGS),
    (rivals("AAA"), RejectReason.INVALID_LEGS),
    (rivals("AAA", "ZZZ"), RejectReason.UNKNOWN_SYMBOL),
    (MassCancel(-1), RejectReason.INVALID_ACCOUNT),
    (AdvanceClock(-1), RejectReason.INVALID_TIME),
    (SetPhase("ZZZ", Phase.CALL), RejectReason.UNKNOWN_SYMBOL),
    (KillSwitch(-1), RejectReason.INVALID_ACCOUNT),
    (IndexLevel(0), RejectReason.INVALID_INDEX),
    (SetReference("ZZZ", 100), RejectReason.UNKNOWN_SYMBOL),
    (Disconnect(True), RejectReason.INVALID_ACCOUNT),
]


@pytest.mark.parametrize(("command", "stripes"), LOCK_TABLE, ids=repr)
def test_a_command_takes_the_stripes_of_the_lock_table_from_the_lowest_up(
    command: Command, stripes: tuple[str, ...]
) -> None:
    locks = WatchedLocks()
    StripedEngine(BOOKS, stripes=3, sync=locks).submit(command)
    assert tuple(locks.taken) == stripes
    assert locks.held == [], "every stripe is given back"


@pytest.mark.parametrize(("command", "stripes"), LOCK_TABLE, ids=repr)
def test_the_stamp_is_drawn_once_while_every_stripe_is_held(command: Command, stripes: tuple[str, ...]) -> None:
    locks = WatchedLocks()
    StripedEngine(BOOKS, stripes=3, sync=locks).submit(command)
    assert locks.held_at_stamp == [stripes]


DERIVATIVES = (*BOOKS[:3], Instrument("DDD", underlying="BBB"), Instrument("EEE", underlying="DDD"))
"""As above, but DDD depends on BBB, and EEE, which shares stripe 1 with BBB, on DDD."""
CALM, HALTING = Profile(), Profile(collar_action=CollarAction.HALT)
ORDER = Submit("BBB", 1, 7, Side.BUY, 1, 100)

FAMILIES: list[tuple[Profile, Command, tuple[str, ...]]] = [
    (CALM, Halt("BBB"), ("stripe 0", "stripe 1")),
    (CALM, Resume("DDD"), ("stripe 0", "stripe 1")),
    (CALM, Halt("EEE"), ("stripe 1",)),
    (CALM, Halt("AAA"), ("stripe 0",)),
    (CALM, ORDER, ("stripe 1",)),
    (CALM, basket("BBB"), ("stripe 1",)),
    (HALTING, ORDER, ("stripe 0", "stripe 1")),
    (HALTING, Replace("BBB", 1, 5), ("stripe 0", "stripe 1")),
    (HALTING, basket("BBB", "CCC"), ALL),
    (HALTING, Cancel("BBB", 1), ("stripe 1",)),
    (HALTING, SetReference("BBB", 5), ("stripe 1",)),
    (HALTING, ORDER._replace(symbol="EEE"), ("stripe 1",)),
]


@pytest.mark.parametrize(("profile", "command", "stripes"), FAMILIES, ids=repr)
def test_what_may_halt_a_book_takes_the_stripes_of_those_that_depend_on_it(
    profile: Profile, command: Command, stripes: tuple[str, ...]
) -> None:
    locks = WatchedLocks()
    StripedEngine(DERIVATIVES, profile, stripes=3, sync=locks).submit(command)
    assert tuple(locks.taken) == stripes
    assert locks.held_at_stamp == [stripes]


@pytest.mark.parametrize(("command", "reason"), NO_LOCK, ids=repr)
def test_a_command_that_is_wrong_by_itself_takes_no_lock_and_still_gets_a_stamp(
    command: Command, reason: RejectReason
) -> None:
    locks = WatchedLocks()
    answer = StripedEngine(BOOKS, stripes=3, sync=locks).submit(command)
    assert [getattr(event, "reason", None) for event in answer.events] == [reason]
    assert (locks.taken, locks.held_at_stamp, answer.stamp) == ([], [()], 1)


def test_the_lock_table_refutes_an_engine_that_lost_a_stripe_lock() -> None:
    locks = WatchedLocks()
    LostStripeLock(BOOKS, stripes=3, sync=locks).submit(basket("AAA", "BBB"))
    assert locks.taken == ["stripe 0"], "the second leg's stripe is the defect"


def test_the_lock_table_refutes_an_engine_that_takes_stripes_in_the_order_of_the_legs() -> None:
    locks = WatchedLocks()
    UnorderedStripes(BOOKS, stripes=3, sync=locks).submit(basket("CCC", "AAA"))
    assert locks.taken == ["stripe 2", "stripe 0"]


TIED: list[tuple[list[Command], Command, list[str]]] = [
    # Nothing is tied to BBB: its own stripe, and that is all.
    ([rivals("AAA", "CCC")], Cancel("BBB", 1), ["stripe 1"]),
    # A list in one book: the stripe is given back once, and taken again to begin anew.
    ([rivals("BBB", "BBB")], Cancel("BBB", 1), ["stripe 1"]),
    ([SubmitList(ListKind.OTO, rivals("BBB", "BBB").legs)], Cancel("BBB", 1), ["stripe 1"] * 2),
    # Two books tied: first the own stripe, then both in order.
    ([rivals("AAA", "CCC")], Cancel("CCC", 1), ["stripe 2"] * 2 + ["stripe 0", "stripe 2"]),
    ([rivals("AAA", "CCC")], Cancel("AAA", 1), ["stripe 0"] * 2 + ["stripe 0", "stripe 2"]),
    # On one stripe: it is there already.
    ([rivals("AAA", "DDD")], Cancel("DDD", 1), ["stripe 0"] * 2),
    # Ties of ties are found one after the other, and the set only grows.
    (
        [rivals("AAA", "BBB"), rivals("BBB", "CCC", first_id=300)],
        Cancel("AAA", 1),
        ["stripe 0"] * 2 + ["stripe 0", "stripe 1", *ALL],
    ),
    ([rivals("AAA", "CCC")], basket("BBB", "AAA"), ["stripe 0", "stripe 1", *ALL]),
    ([rivals("AAA", "CCC")], rivals("BBB", "AAA", first_id=300), ["stripe 0", "stripe 1", *ALL]),
    # A phase may end in an uncross, and that in a fill: it goes the same way.
    (
        [rivals("AAA", "CCC"), SetPhase("CCC", Phase.CALL)],
        SetPhase("CCC", Phase.CONTINUOUS),
        ["stripe 2"] * 2 + ["stripe 0", "stripe 2"],
    ),
    # A list that is over ties nothing.
    ([rivals("AAA", "CCC"), Cancel("AAA", 200)], Cancel("CCC", 1), ["stripe 2"]),
]


@pytest.mark.parametrize(("setup", "command", "stripes"), TIED, ids=repr)
def test_a_command_in_a_book_with_lists_takes_the_stripes_of_all_books_they_tie_it_to(
    setup: list[Command], command: Command, stripes: list[str]
) -> None:
    locks = WatchedLocks()
    engine = StripedEngine(BOOKS, stripes=3, sync=locks)
    for earlier in setup:
        engine.submit(earlier)
    locks.taken.clear()
    locks.held_at_stamp.clear()
    engine.submit(command)
    assert locks.taken == stripes
    last = len(set(stripes[-3:])) if stripes[-3:] == list(ALL) else len(set(stripes))
    assert locks.held_at_stamp == [tuple(stripes[-last:])], "the stamp is drawn under all of them"
    assert locks.held == []


def test_the_lock_table_refutes_an_engine_that_takes_stripes_as_ties_are_discovered() -> None:
    locks = WatchedLocks()
    engine = StripesAsDiscovered(BOOKS, stripes=3, sync=locks)
    engine.submit(rivals("AAA", "CCC"))
    locks.taken.clear()
    engine.submit(Cancel("CCC", 1))
    assert locks.taken == ["stripe 2", "stripe 2", "stripe 0"], "stripe 0 while stripe 2 is held"


def test_the_lock_table_refutes_an_engine_that_cancels_rivals_late() -> None:
    locks = WatchedLocks()
    engine = RivalCancelledLate(BOOKS, stripes=3, sync=locks)
    engine.submit(rivals("AAA", "CCC"))
    locks.held_at_stamp.clear()
    engine.submit(Submit("CCC", 1, 7, Side.SELL, 1, 100))
    assert locks.held_at_stamp == [("stripe 2",)], "the rival's stripe is the defect"


def test_views_take_the_stripe_of_their_book() -> None:
    locks = WatchedLocks()
    engine = StripedEngine(BOOKS, stripes=3, sync=locks)
    for look in (engine.queue, engine.depth, engine.top, engine.stops, engine.view):
        look("BBB")
    engine.status("BBB", 1)
    assert locks.taken == ["stripe 1"] * 6


def test_the_view_of_the_market_takes_one_stripe_as_whoever_writes_it_holds_all() -> None:
    locks = WatchedLocks()
    StripedEngine(BOOKS, stripes=3, sync=locks).market()
    assert locks.taken == ["stripe 0"]


def test_the_global_lock_engine_takes_its_one_lock_for_everything() -> None:
    locks = WatchedLocks()
    engine = GlobalLockEngine(BOOKS, sync=locks)
    for command, _ in LOCK_TABLE:
        engine.submit(command)
    assert locks.taken == ["global"] * len(LOCK_TABLE)
    assert locks.held_at_stamp == [("global",)] * len(LOCK_TABLE)


@contextmanager
def both() -> Iterator[list[Engine]]:
    yield [StripedEngine(BOOKS), GlobalLockEngine(BOOKS)]


def test_what_is_not_a_command_is_a_type_error_and_changes_nothing() -> None:
    with both() as engines:
        for engine in engines:
            with pytest.raises(TypeError, match="expected a command, got int"):
                engine.submit(17)  # type: ignore[arg-type]
            assert engine.submit(Cancel("AAA", 1)).stamp >= 1, "no lock is left behind"


def test_an_unknown_symbol_in_a_view_is_a_key_error() -> None:
    with both() as engines:
        for engine in engines:
            with pytest.raises(KeyError):
                engine.queue("ZZZ")


@pytest.mark.parametrize("make", [StripedEngine, GlobalLockEngine])
def test_books_that_cannot_be_are_refused_before_anything_is_made(make: Callable[..., Engine]) -> None:
    with pytest.raises(ValueError, match="listed twice"):
        make(listing(["AAA", "AAA"]))
    with pytest.raises(ValueError, match="lot must be at least 1"):
        make([Instrument("AAA", lot=0)])
    with pytest.raises(ValueError, match="'AAA' depends on 'ZZZ', which is not listed"):
        make([Instrument("AAA", underlying="ZZZ")])
    with pytest.raises(ValueError, match="'AAA' depends on itself"):
        make([Instrument("AAA", underlying="AAA")])
    with pytest.raises(ValueError, match="breaker_levels must rise"):
        make(BOOKS, Profile(breaker_levels=(13, 7)))
    with pytest.raises(ValueError, match="two self-trade groups"):
        make(BOOKS, Profile(self_trade_groups=((1, 2), (2, 3))))


def test_an_engine_needs_at_least_one_stripe() -> None:
    with pytest.raises(ValueError, match="at least 1 stripe, got 0"):
        StripedEngine(BOOKS, stripes=0)


def test_stamps_are_never_given_twice() -> None:
    engine = StripedEngine(BOOKS)
    stamps = [engine.submit(Cancel("AAA", number)).stamp for number in range(100)]
    assert stamps == sorted(set(stamps))
