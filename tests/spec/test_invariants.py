"""Every invariant holds after every step of the oracle, and every invariant can fail.

First, thousands of random commands over three books. Then, for an invariant that nothing breaks says nothing: steps
that are doctored by hand, at least one for each invariant, and defects that are planted in the oracle itself.
"""

from __future__ import annotations

import ast
import inspect
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import FunctionType
from typing import Any, NamedTuple

import pytest

from bookproof.spec import book as rules
from bookproof.spec import exchange, invariants, kernel, tape
from bookproof.spec.commands import (
    AdvanceClock,
    Basket,
    Cancel,
    Command,
    EndOfDay,
    Halt,
    Leg,
    MassCancel,
    Replace,
    Resume,
    Submit,
    TakeSnapshot,
)
from bookproof.spec.events import (
    EVENTS,
    Cancelled,
    Event,
    ImpliedTrade,
    MassCancelled,
    SnapshotTaken,
    Trade,
    Triggered,
)
from bookproof.spec.exchange import Exchange, opening, run, step
from bookproof.spec.instruments import Instrument, listing
from bookproof.spec.invariants import INVARIANTS, broken
from bookproof.spec.kernel import Resting
from bookproof.spec.profile import DEFAULT, WORKLOADS, NoLiquidity, Profile, TrueStop
from bookproof.spec.reasons import CancelReason
from bookproof.spec.rulebook import RULES, listening
from bookproof.spec.sorted_tuple import SortedTuple
from bookproof.spec.values import Phase, SelfTradePrevention, Side, TimeInForce

CONTRARY = Profile("contrary", true_stop=TrueStop.TRIGGER, no_liquidity=NoLiquidity.CANCEL, self_trade_groups=((1, 2),))
"""The switches that neither shipped profile turns."""
PROFILES = (DEFAULT, WORKLOADS, CONTRARY)

BOOKS = (
    Instrument("AAA"),
    Instrument("BBB", tick=2, lot=3, max_quantity=60),
    Instrument("CCC", min_price=90, max_price=110, min_notional=300),
)


ACROSS_BOOKS = {"L1", "L2", "L3", "L5"}
"""Rules of orders over several books: reached, doctored and broken in `test_rules_routing` and `test_rules_spreads`."""


# ── every invariant holds ──


def script(seed: int, length: int) -> Iterator[Command]:
    """Random commands on few ids, few prices and few accounts, so that they get in each other's way."""
    draw = random.Random(seed)
    clock = 0
    halted: list[str | None] = []
    recent = {book.symbol: [0] for book in BOOKS}

    def rarely(value: Any, otherwise: Any, chance: float = 0.12) -> Any:
        return value if draw.random() < chance else otherwise

    def order(book: Instrument, order_id: int) -> Submit:
        side = draw.choice(list(Side))
        lots = draw.randint(1, 8) if draw.random() < 0.8 else draw.randint(9, 25)
        price = (100 + draw.randint(-4, 3)) // book.tick * book.tick
        lives = rarely(draw.choice(list(TimeInForce)), TimeInForce.GTC, 0.4)
        rests = lives not in (TimeInForce.IOC, TimeInForce.FOK)
        return Submit(
            book.symbol,
            order_id,
            draw.randrange(5),
            side,
            rarely(lots, lots * book.lot, 0.03),
            price if rests and draw.random() < 0.9 else rarely(None, price),
            lives,
            stop=rarely((100 + draw.randint(-6, 6)) // book.tick * book.tick, None, 0.2),
            post_only=rarely(True, False, 0.06),
            min_quantity=rarely(draw.randint(1, lots), 0),
            display=rarely(draw.randint(0, 3) * book.lot, None, 0.3 if rests else 0.01),
            expires=clock + draw.randint(0, 9) if lives is TimeInForce.GTD else None,
            self_trade=draw.choice(list(SelfTradePrevention)),
        )

    for number in range(length):
        book = draw.choice(BOOKS)
        known = draw.choice(recent[book.symbol][-8:])
        if halted and draw.random() < 0.25:
            yield Resume(halted.pop(0))
            continue
        match draw.choices(range(8), (60, 6, 24, 4, 1, 1, 2, 1))[0]:
            case 0:
                recent[book.symbol].append(rarely(known, number, 0.2))
                yield order(book, recent[book.symbol][-1])
            case 1:
                yield Cancel(book.symbol, known)
            case 2:
                new = order(book, known)
                yield Replace(book.symbol, known, new.quantity, rarely(new.price, None, 0.6), rarely(new.stop, None))
            case 3:
                legs = [order(other, number) for other in draw.sample(BOOKS, draw.randint(1, 3))]
                terms = [Leg(leg.symbol, leg.order_id, leg.side, leg.quantity, leg.price) for leg in legs]
                yield Basket(legs[0].account, tuple(terms), legs[0].self_trade)
            case 4:
                yield MassCancel(draw.randrange(5))
            case 5:
                halted.append(draw.choice([None, book.symbol]))
                yield Halt(halted[-1])
            case 6:
                clock += draw.randint(0, 4)
                yield AdvanceClock(clock)
            case _:
                odd: list[Command] = [EndOfDay(), TakeSnapshot(), Resume(book.symbol), AdvanceClock(clock - 1)]
                yield draw.choice(odd)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
@pytest.mark.parametrize("seed", range(8))
def test_every_invariant_holds_after_every_random_step(seed: int, profile: Profile) -> None:
    state = opening(BOOKS, profile)
    for number, command in enumerate(script(seed, 250)):
        after, events = step(state, command)
        assert broken(state, command, events, after) == [], f"command {number}: {command}"
        state = after


def test_the_random_steps_reach_every_rule_that_is_a_decision_and_every_kind_of_event() -> None:
    said: Counter[type[Event]] = Counter()
    with listening() as reached:
        for profile in PROFILES:
            for seed in range(12):
                said.update(map(type, run(opening(BOOKS, profile), script(seed, 250))[1]))
    decisions = {number for number, rule in RULES.items() if rule.shown_by == "decision"}
    assert set(reached) == decisions - ACROSS_BOOKS
    assert set(said) == set(EVENTS) - {ImpliedTrade}


# ── every invariant refutes a doctored step ──


class Case(NamedTuple):
    """What `broken` is asked about."""

    before: Exchange
    command: Command
    events: tuple[Any, ...]
    after: Exchange

    @property
    def asks(self) -> tuple[Resting, ...]:
        """The asks that the step left."""
        return tuple(self.after.books["ABC"].asks)

    def say(self, *events: Event) -> Case:
        """The same step with other events."""
        return self._replace(events=events)

    def ask(self, **terms: Any) -> Case:
        """The same step, had the command been another."""
        return self._replace(command=self.command._replace(**terms))

    def leave(self, symbol: str = "ABC", **fields: Any) -> Case:
        """The same step, had it left a book otherwise."""
        book = self.after.books[symbol]._replace(**fields)
        return self._replace(after=self.after._replace(books={**self.after.books, symbol: book}))

    def leave_order(self, order_id: int, **fields: Any) -> Case:
        """The same step, had it left an order otherwise, in the same place of its queue."""
        book = self.after.books["ABC"]
        order = book.find(order_id)
        assert order is not None
        terms = {name: fields.pop(name) for name in list(fields) if name in Submit.__struct_fields__}
        new: Any = order._replace(**fields, terms=order.terms._replace(**terms))
        bids, asks = (queue(*(new if other is order else other for other in side)) for side in (book.bids, book.asks))
        return self.leave(bids=bids, asks=asks)


def queue(*orders: Resting) -> SortedTuple[Resting]:
    """Orders in a queue as given, in order or not."""
    return SortedTuple._of((orders,)) if orders else SortedTuple()


def buy(order_id: int, quantity: int, price: int | None = None, **terms: Any) -> Submit:
    return Submit("ABC", order_id, terms.pop("account", 100 + order_id), Side.BUY, quantity, price, **terms)


def sell(order_id: int, quantity: int, price: int | None = None, **terms: Any) -> Submit:
    return buy(order_id, quantity, price, **terms)._replace(side=Side.SELL)


IOC, FOK, GTD = TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTD
TWO_ASKS = [sell(1, 5, 100), sell(2, 5, 100)]
TWO_LEVELS = [sell(1, 5, 100), sell(2, 5, 101)]
ICEBERG = [sell(1, 9, 100, display=3), sell(2, 5, 100)]
TWO_STOPS = [sell(1, 5, 100), buy(3, 1, stop=100), buy(4, 1, stop=99)]
TWO_EXPIRIES = [sell(1, 5, 100, time_in_force=GTD, expires=9), sell(2, 5, 100, time_in_force=GTD, expires=8)]
OWN_ASK = [sell(1, 5, 100, account=7)]
CANCEL_BOTH = SelfTradePrevention.CANCEL_BOTH

Doctor = Callable[[Case], Case]
DOCTORED: list[tuple[str, str, Sequence[Command], Command, Doctor]] = [
    ("one_acknowledgement", "no answer", [], buy(1, 5, 100), lambda it: it.say()),
    ("one_acknowledgement", "two answers", [], buy(1, 5, 100), lambda it: it.say(*it.events, *it.events)),
    ("one_acknowledgement", "another quantity", [], buy(1, 5, 100), lambda it: it.ask(quantity=6)),
    ("reject_changes_nothing", "a number is lost", [buy(1, 5, 100)], buy(1, 5, 100), lambda it: it.leave(sequence=9)),
    ("untouched_books_stay", "another book halts", [], buy(1, 5, 100), lambda it: it.leave("XYZ", phase=Phase.HALT)),
    ("ids_live_once", "a live id is accepted", [], buy(1, 5, 100), lambda it: it._replace(before=it.after)),
    ("ids_live_once", "an unknown one is cancelled", [buy(1, 5, 100)], Cancel("ABC", 1), lambda it: it.ask(order_id=2)),
    (
        "clock_moves_by_command",
        "a submit",
        [],
        buy(1, 5, 100),
        lambda it: it._replace(after=it.after._replace(clock=5)),
    ),
    ("clock_moves_by_command", "back", [], AdvanceClock(5), lambda it: it._replace(before=it.after._replace(clock=6))),
    ("phases_change_by_command", "no one said so", [], buy(1, 5, 100), lambda it: it.leave(phase=Phase.HALT)),
    ("phases_change_by_command", "the market", [], Halt(), lambda it: it._replace(after=it.before)),
    (
        "no_trade_while_halted",
        "an entry",
        [],
        buy(1, 5, 100),
        lambda it: it._replace(before=it.before._replace(halted=True)),
    ),
    ("mass_cancel_is_complete", "one is left", TWO_ASKS, MassCancel(101), lambda it: it.say(MassCancelled(101, 0))),
    ("mass_cancel_is_complete", "miscounted", TWO_ASKS, MassCancel(101), lambda it: it.say(MassCancelled(101, 2))),
    (
        "clock_leaves_nothing_due",
        "one lives on",
        TWO_EXPIRIES,
        AdvanceClock(8),
        lambda it: it.leave(asks=it.before.books["ABC"].asks),
    ),
    ("clock_leaves_nothing_due", "out of order", TWO_EXPIRIES, AdvanceClock(9), lambda it: it.say(*it.events[1::-1])),
    (
        "clock_leaves_nothing_due",
        "after the day",
        [buy(1, 5, 100, time_in_force=TimeInForce.DAY)],
        EndOfDay(),
        lambda it: it.leave(bids=it.before.books["ABC"].bids),
    ),
    ("snapshots_are_true", "a book is missing", [], TakeSnapshot(), lambda it: it.say(SnapshotTaken(()))),
    ("on_the_grid", "half a lot", [], buy(1, 4, 100), lambda it: it.leave(instrument=Instrument("ABC", lot=3))),
    ("sequences_unique_and_past", "from the future", [], buy(1, 5, 100), lambda it: it.leave_order(1, sequence=9)),
    ("sequences_unique_and_past", "twice", TWO_ASKS, buy(3, 1, 99), lambda it: it.leave_order(2, sequence=1)),
    ("index_agrees", "an order is lost", [], buy(1, 5, 100), lambda it: it.leave(live=SortedTuple())),
    ("quantity_identity", "two lots from nowhere", [], buy(1, 5, 100), lambda it: it.leave_order(1, slice=7)),
    ("queues_sorted", "last first", TWO_ASKS, buy(3, 1, 99), lambda it: it.leave(asks=queue(*reversed(it.asks)))),
    ("priority_is_strict_order", "neither first", TWO_ASKS, sell(3, 1, 100), lambda it: it.leave_order(3, sequence=2)),
    ("uncrossed", "a bid above", TWO_ASKS, buy(3, 1, 99), lambda it: it.leave_order(3, price=100)),
    ("no_empty_slices", "nothing left", [], buy(1, 5, 100), lambda it: it.leave_order(1, slice=0)),
    ("iceberg_bound", "shows too much", [], ICEBERG[0], lambda it: it.leave_order(1, slice=4, reserve=5)),
    ("iceberg_bound", "hides too much", [], buy(1, 5, 100), lambda it: it.leave_order(1, slice=4, reserve=1)),
    ("nothing_dead_rests", "at once", [], buy(1, 5, 100), lambda it: it.leave_order(1, time_in_force=IOC)),
    ("no_due_stop", "the price is past", [], buy(1, 5, stop=105), lambda it: it.leave(last_price=105)),
    ("within_limits", "beyond", TWO_ASKS, buy(3, 5, 100), lambda it: it.ask(price=99)),
    (
        "within_limits",
        "cut short",
        TWO_ASKS,
        buy(3, 6, 100, time_in_force=IOC),
        lambda it: it.say(*it.events[:2], Cancelled("ABC", 3, Side.BUY, 100, 1, CancelReason.IMMEDIATE)),
    ),
    (
        "price_time_priority",
        "a worse level",
        TWO_LEVELS,
        buy(3, 1, 101),
        lambda it: it.say(it.events[0], Trade("ABC", 101, 1, 2, 3)),
    ),
    (
        "price_time_priority",
        "later",
        TWO_ASKS,
        buy(3, 1, 101),
        lambda it: it.say(it.events[0], Trade("ABC", 100, 1, 2, 3)),
    ),
    (
        "price_time_priority",
        "its turn is over",
        ICEBERG,
        buy(3, 6, 100),
        lambda it: it.say(*it.events[:2], Trade("ABC", 100, 3, 1, 3)),
    ),
    (
        "maker_price",
        "the taker's",
        TWO_ASKS,
        buy(3, 1, 101),
        lambda it: it.say(it.events[0], Trade("ABC", 101, 1, 1, 3)),
    ),
    (
        "partial_maker_keeps_place",
        "to the end",
        TWO_ASKS,
        buy(3, 1, 100),
        lambda it: it.leave(asks=queue(*reversed(it.asks))),
    ),
    (
        "newcomers_stand_last",
        "a slice comes back first",
        ICEBERG,
        buy(3, 3, 100),
        lambda it: it.leave(asks=queue(*reversed(it.asks))),
    ),
    (
        "newcomers_stand_last",
        "an old number",
        [buy(1, 2, 100), Cancel("ABC", 1)],
        buy(2, 5, 100),
        lambda it: it.leave_order(2, sequence=1),
    ),
    ("conservation", "a lot is lost", TWO_ASKS, buy(3, 5, 100), lambda it: it.leave_order(2, slice=4)),
    (
        "conservation",
        "a fill is short",
        TWO_ASKS,
        buy(3, 5, 100),
        lambda it: it.say(it.events[0], Trade("ABC", 100, 4, 1, 3)),
    ),
    ("conservation", "an order is gone", TWO_ASKS, buy(3, 5, 99), lambda it: it.leave(asks=queue(it.asks[0]))),
    ("conservation", "an account changes", [], buy(1, 5, 99), lambda it: it.leave_order(1, account=5)),
    ("conservation", "a cancel lies", TWO_ASKS, Cancel("ABC", 1), lambda it: it.say(it.events[0]._replace(quantity=4))),
    (
        "canonical_order",
        "makers swapped",
        TWO_ASKS,
        buy(3, 10, 100),
        lambda it: it.say(it.events[0], *it.events[:0:-1]),
    ),
    ("fills_are_determined", "stops early", TWO_ASKS, buy(3, 10, 100), lambda it: it.say(*it.events[:-1])),
    ("all_or_nothing", "in part", TWO_ASKS, buy(3, 12, 100, time_in_force=IOC), lambda it: it.ask(time_in_force=FOK)),
    ("all_or_nothing", "too little", TWO_ASKS, buy(3, 12, 100, time_in_force=IOC), lambda it: it.ask(min_quantity=11)),
    (
        "killed_only_if_impossible",
        "there was enough",
        TWO_ASKS,
        buy(3, 12, 100, time_in_force=FOK),
        lambda it: it.ask(quantity=10),
    ),
    ("post_only_never_takes", "takes", TWO_ASKS, buy(3, 10, 100), lambda it: it.ask(post_only=True)),
    (
        "cancels_have_a_cause",
        "nobody asked",
        TWO_ASKS,
        Cancel("ABC", 1),
        lambda it: it.say(it.events[0]._replace(reason=CancelReason.EXPIRED)),
    ),
    (
        "stops_take_their_turn",
        "the farther first",
        TWO_STOPS,
        buy(2, 1, 100),
        lambda it: it.say(*it.events[:2], Triggered("ABC", 3)),
    ),
    ("stops_take_their_turn", "once is not enough", TWO_STOPS, buy(2, 1, 100), lambda it: it.say(*it.events[:4])),
    ("stops_take_their_turn", "not due", TWO_STOPS, buy(2, 1, 98), lambda it: it.say(*it.events, Triggered("ABC", 3))),
    ("last_price_is_the_last_trade", "another", TWO_ASKS, buy(3, 1, 100), lambda it: it.leave(last_price=101)),
    ("no_self_trade", "its own", OWN_ASK, buy(3, 1, 100, account=7), lambda it: it.ask(self_trade=CANCEL_BOTH)),
    (
        "prevention_has_a_cause",
        "not asked for",
        OWN_ASK,
        buy(3, 1, 100, account=7, self_trade=CANCEL_BOTH),
        lambda it: it.ask(self_trade=SelfTradePrevention.NONE),
    ),
    (
        "prevention_has_a_cause",
        "another's",
        OWN_ASK,
        buy(3, 1, 100, account=7, self_trade=CANCEL_BOTH),
        lambda it: it.ask(account=8),
    ),
    (
        "remainder_never_rests",
        "the aggressor goes on",
        OWN_ASK,
        buy(3, 1, 100, account=7, self_trade=CANCEL_BOTH),
        lambda it: it.say(*it.events[:-1]),
    ),
    (
        "remainder_never_rests",
        "cancelled and there",
        TWO_ASKS,
        Cancel("ABC", 1),
        lambda it: it._replace(after=it.before),
    ),
]
"""The invariant, what is made wrong, the book, the command, and the hand that makes it wrong."""


@pytest.mark.parametrize(
    ("name", "setup", "command", "doctor"),
    [pytest.param(name, *rest, id=f"{name}: {what}") for name, what, *rest in DOCTORED],
)
def test_every_invariant_refutes_a_step_made_wrong(
    name: str, setup: Sequence[Command], command: Command, doctor: Doctor
) -> None:
    before, _ = run(opening(listing(["ABC", "XYZ"])), setup)
    after, events = step(before, command)
    assert broken(before, command, events, after) == []
    breaches = [breach for breach in broken(*doctor(Case(before, command, events, after))) if breach.invariant == name]
    assert breaches
    assert all(breach.why and breach.rules for breach in breaches)


def test_no_invariant_is_left_undoctored() -> None:
    doctored = {name for name, *_ in DOCTORED}
    assert doctored == {invariant.name for invariant in INVARIANTS if not set(invariant.rules) & ACROSS_BOOKS}


def test_the_invariants_know_the_records_of_the_oracle_and_none_of_its_decisions() -> None:
    taken = {
        name.name
        for module in (invariants, tape)
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.ImportFrom) and node.module in (rules.__name__, exchange.__name__, kernel.__name__)
        for name in node.names
    }
    assert taken == {"Book", "Exchange", "Pending", "Resting"}


# ── every classic defect of an engine is refuted ──

DEFECTS = [
    # where, the right line, the wrong one, and the invariant that notices
    (kernel.match, "maker = makers.first", "*_, maker = makers", "price_time_priority"),
    (kernel.match, "and crosses(makers, reach)", "and makers", "within_limits"),
    (kernel.match, "while leaves > 0", "while not meetings and leaves > 0", "uncrossed"),
    (kernel.match, "quantity = min(leaves, maker.slice)", "quantity = min(leaves, maker.leaves)", "conservation"),
    (kernel.match, "maker.owner == owner", "maker.owner == -1", "no_self_trade"),
    (kernel.match, "maker.owner == owner", "makers and maker.owner != owner", "prevention_has_a_cause"),
    (kernel.match, "leaves -= quantity", "leaves -= traded", "conservation"),
    (kernel.match, "traded, prevented = 0, quantity", "traded, prevented = 0, leaves", "conservation"),
    (kernel._reduced, "sequence=sequence + 1,", "sequence=maker.sequence,", "price_time_priority"),
    (kernel._reduced, "slice=left, executed", "slice=left, sequence=sequence, executed", "sequences_unique_and_past"),
    (kernel._reduced, "if maker.reserve > 0:", "if maker.reserve > maker.display:", "conservation"),
    (kernel._reduced, "shown = min(maker.display, maker.reserve)", "shown = maker.reserve", "iceberg_bound"),
    (kernel._reduced, "executed = maker.executed + traded", "executed = maker.executed", "quantity_identity"),
    (kernel.resting, "rank=HIDDEN if hidden", "rank=DISPLAYED if hidden", "queues_sorted"),
    (kernel.resting, "shown = min(display, leaves)", "shown = leaves", "iceberg_bound"),
    (rules.settle, "last_price = price", "last_price = taker.price", "last_price_is_the_last_trade"),
    (rules.settle, "before.order_id, before.price", "before.order_id, taker.price or before.price", "maker_price"),
    (rules.settle, "live = live.remove(_location(before))", "pass", "index_agrees"),
    (rules.settle, "sequence=match.sequence", "sequence=book.sequence", "sequences_unique_and_past"),
    (rules.enter, "match.executed < order.quantity", "match.leaves > 0 and not match.meetings", "all_or_nothing"),
    (rules.enter, "match.executed < order.min_quantity", "not match.executed and order.min_quantity", "all_or_nothing"),
    (
        rules.enter,
        "match.executed < order.min_quantity",
        "match.executed <= order.min_quantity > 0",
        "killed_only_if_impossible",
    ),
    (rules._remainder, "if match.self_trade:", "if False:", "uncrossed"),
    (rules._remainder, "if order.time_in_force is TimeInForce.IOC:", "if False:", "nothing_dead_rests"),
    (rules._rest, "sequence = book.sequence + 1", "sequence = book.sequence", "sequences_unique_and_past"),
    (rules._take_due, "for side in Side:", "for side in reversed(Side):", "stops_take_their_turn"),
    (rules._is_due, "book.last_price >= stop", "book.last_price > stop", "no_due_stop"),
    (rules.cascade, "waiting.pop(0)", "waiting.pop()", "stops_take_their_turn"),
    (rules.cascade, "_take_due(book)", "_take_due(book) if not events else (book, [])", "no_due_stop"),
    (rules._replace_resting, "leaves <= order.leaves", "True", "newcomers_stand_last"),
    (rules._replace_resting, "price == order.price and", "", "queues_sorted"),
    (rules._replace_resting, "total - done", "total", "quantity_identity"),
    (rules._replace_resting, "if leaves <= 0:", "if leaves < 0:", "no_empty_slices"),
    (rules.cancel_all, "order.sequence", "-order.sequence", "clock_leaves_nothing_due"),
    (rules.refusal, "if book.locate(order.order_id) is not None:", "if False:", "ids_live_once"),
    (rules.refusal, "if book.phase is Phase.HALT:", "if False:", "no_trade_while_halted"),
    (exchange._basket, "return state, tuple(", "return state._with(*after), tuple(", "all_or_nothing"),
    (
        exchange._cascaded,
        "return _happened(state, rules.cascade(state.books[symbol], state.profile))",
        "return state, ()",
        "stops_take_their_turn",
    ),
    (
        exchange._mass_cancel,
        "state, cancelled = _cancel_where(",
        "_, cancelled = _cancel_where(",
        "mass_cancel_is_complete",
    ),
    (
        exchange._advance_clock,
        "order.terms.expires <= command.now",
        "order.terms.expires < command.now",
        "clock_leaves_nothing_due",
    ),
    (exchange._set_phase, "book._replace(phase=phase)", "book", "phases_change_by_command"),
    (exchange._replace, "fault is None and state.halted", "False", "no_trade_while_halted"),
]
"""Engines have had most of these; the rest are slips of one line that look right."""


@pytest.mark.parametrize(("place", "right", "wrong", "name"), DEFECTS, ids=lambda it: getattr(it, "__qualname__", None))
def test_every_invariant_notices_a_defect_planted_in_the_oracle(
    place: FunctionType, right: str, wrong: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = inspect.getsource(place)
    assert right in source
    module = sys.modules[place.__module__]
    made: dict[str, Any] = {}
    defect = f"from __future__ import annotations\n{source.replace(right, wrong)}"
    exec(compile(defect, "defect", "exec"), vars(module), made)
    monkeypatch.setattr(module, place.__name__, made[place.__name__])
    assert any(name in noticed_in(script(seed, 250), profile) for seed in range(12) for profile in PROFILES)


def noticed_in(commands: Iterable[Command], profile: Profile) -> set[str]:
    """The invariants that the first wrong step breaks; empty when no step is wrong."""
    state = opening(BOOKS, profile)
    for command in commands:
        after, events = step(state, command)
        breaches = broken(state, command, events, after)
        if breaches:
            return {breach.invariant for breach in breaches}
        state = after
    return set()
