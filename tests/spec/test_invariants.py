"""Every invariant holds after every step of the oracle, and every invariant can fail.

First, thousands of random commands over three books. Then, for an invariant that nothing breaks says nothing: steps
that are doctored by hand, at least one for each invariant, and defects that are planted in the oracle itself.
"""

from __future__ import annotations

import ast
import inspect
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import FunctionType
from typing import Any, NamedTuple

import pytest

from bookproof.spec import (
    account_invariants,
    accounts,
    allocation,
    auction,
    budget,
    budget_invariants,
    contingent,
    exchange,
    invariants,
    invariants_of_sharing,
    kernel,
    level_match,
    list_invariants,
    phases,
    reducing,
    tape,
)
from bookproof.spec import book as rules
from bookproof.spec.allocation_terms import Allocation, LeadMarketMaker, Sharing
from bookproof.spec.commands import (
    AdvanceClock,
    Basket,
    BlockTrade,
    Bust,
    Cancel,
    Command,
    Deposit,
    Disconnect,
    EndOfDay,
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
    SetLimits,
    SetMark,
    SetPhase,
    SetReference,
    Spend,
    Submit,
    SubmitList,
    TakeSnapshot,
    Withdraw,
)
from bookproof.spec.events import (
    EVENTS,
    Accepted,
    AccountBlocked,
    AccountDisconnected,
    Cancelled,
    Event,
    Halted,
    ImpliedTrade,
    ListAccepted,
    MarkSet,
    MassCancelled,
    Repriced,
    Restated,
    SnapshotTaken,
    Trade,
    Transferred,
    Triggered,
    Uncrossed,
)
from bookproof.spec.exchange import Exchange, opening, run, step
from bookproof.spec.instruments import Instrument, listing
from bookproof.spec.invariants import INVARIANTS, broken
from bookproof.spec.kernel import Resting
from bookproof.spec.profile import (
    DEFAULT,
    WORKLOADS,
    CollarAction,
    ListReplace,
    MarketByBudget,
    MarketOrders,
    NoLiquidity,
    OcoFill,
    PostOnly,
    Profile,
    ReduceOnly,
    Reopen,
    Risk,
    TrueStop,
)
from bookproof.spec.reasons import CancelReason
from bookproof.spec.reducing import Reducers
from bookproof.spec.rulebook import RULES, listening
from bookproof.spec.sorted_tuple import SortedTuple
from bookproof.spec.values import Limits, ListKind, Phase, Place, SelfTradePrevention, Side, TimeInForce
from bookproof.spec.views import OrderList

CONTRARY = Profile(
    "contrary",
    true_stop=TrueStop.TRIGGER,
    no_liquidity=NoLiquidity.CANCEL,
    self_trade_groups=((1, 2),),
    reopen=Reopen.CALL,
    list_replace=ListReplace.AMEND,
    collar_action=CollarAction.HALT,
    market_orders=MarketOrders.LIMIT,
    post_only=PostOnly.REPRICE,
    breaker_levels=(7, 13, 20),
)
"""The switches that neither shipped profile turns."""
RESTS = CONTRARY._replace(name="rests", collar_action=CollarAction.REST, market_orders=MarketOrders.WALK)
HALTS = Profile("halts", true_stop=TrueStop.TRIGGER, collar_action=CollarAction.HALT)
THRESHOLD = Profile(
    "threshold",
    allocation=Allocation(
        Sharing.PRO_RATA,
        minimum=2,
        threshold=2,
        top_maximum=8,
        top_minimum=2,
        lead_market_makers=(LeadMarketMaker(2, 40), LeadMarketMaker(3, 10)),
    ),
)
SPLIT = Profile("split", allocation=Allocation(Sharing.TIME_PRO_RATA, fifo_percent=40))
"""Levels are shared in every way that there is."""
FUNDED = Profile("funded", risk=Risk.CASH, margin_accounts=(3, 4, 9))
"""Where accounts are kept; the scripts bring them money."""
CUTTING = FUNDED._replace(name="cutting", reduce_only=ReduceOnly.RESTS)
"""The same where reduce-only orders rest."""
REDUCING = Profile("reducing", oco_fill=OcoFill.REDUCE, self_trade_groups=((7, 8), (1, 2, 3)))
"""Where a fill in part makes rivals smaller, and several accounts are one owner's."""
PROFILES = (DEFAULT, WORKLOADS, CONTRARY, RESTS, HALTS, THRESHOLD, SPLIT, FUNDED, REDUCING)

Script = Callable[[int, int], Iterator[Command]]
"""Random commands by seed and number."""

BOOKS = (
    Instrument("AAA"),
    Instrument("BBB", tick=2, lot=3, max_quantity=60, underlying="CCC"),
    Instrument("CCC", min_price=90, max_price=110, min_notional=300, reference=100, band=3, collar=2, protection=1),
)


CALL, CONTINUOUS, CANCEL_ONLY = Phase.CALL, Phase.CONTINUOUS, Phase.CANCEL_ONLY
ROUTES: list[list[Phase]] = [
    [CALL, CONTINUOUS],
    [CALL, CANCEL_ONLY, CONTINUOUS, CALL, CONTINUOUS],
    [CANCEL_ONLY, CONTINUOUS, CALL, CONTINUOUS],
    [Phase.CLOSED, Phase.PRE_OPEN, CALL, CONTINUOUS],
]
"""Ways away from continuous trading and back."""

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
            self_trade=draw.choice([*SelfTradePrevention, SelfTradePrevention.TRANSFER]),
            cancel_on_disconnect=rarely(True, False),
        )

    for number in range(length):
        book = draw.choice(BOOKS)
        known = draw.choice(recent[book.symbol][-8:])
        if halted and draw.random() < 0.25:
            yield Resume(halted.pop(0))
            continue
        match draw.choices(range(9), (60, 6, 24, 4, 1, 1, 2, 5, 3))[0]:
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
            case 7:
                kind = draw.choice(list(ListKind))
                many = draw.randint(3 if kind is ListKind.OTOCO else 2, 4)
                several = [order(draw.choice(BOOKS), 1000 + 4 * number + at) for at in range(many)]
                for leg in several:
                    recent[leg.symbol].append(leg.order_id)
                account = several[0].account
                yield SubmitList(kind, tuple(leg._replace(account=account) for leg in several))
            case _:
                odd: list[Command] = [EndOfDay(), TakeSnapshot(), Resume(book.symbol), AdvanceClock(clock - 1)]
                odd += [KillSwitch(4), Reinstate(4), Reinstate(4), Disconnect(draw.randrange(5))]
                odd += [IndexLevel(1000 - number), Resume(), SetPhase("CCC", CALL), SetPhase("CCC", CONTINUOUS)]
                odd += [SetPhase("CCC", CONTINUOUS), SetPhase("BBB", CONTINUOUS)]
                odd += [SetReference(book.symbol, (98 + draw.randint(0, 4)) // book.tick * book.tick)]
                yield draw.choice(odd)


def calls(seed: int, length: int) -> Iterator[Command]:
    """Random days of one book, from call to call, with market orders, icebergs and stops in each of them."""
    draw = random.Random(f"calls {seed}")
    number = 0
    while number < length:
        for phase in draw.choice(ROUTES):
            yield SetPhase("AAA", phase)
            for _ in range(draw.randint(1, 7)):
                number += 1
                lots, known = draw.randint(1, 9), draw.randint(max(1, number - 9), number)
                terms: list[dict[str, Any]] = [{}, {}, {"price": None}, {"display": draw.randint(0, lots)}]
                terms += [{"stop": 100 + draw.randint(-5, 5)}, {"time_in_force": draw.choice(list(TimeInForce)[:-1])}]
                new = Submit("AAA", number, draw.randrange(5), draw.choice(list(Side)), lots, 100 + draw.randint(-4, 4))
                new = new._replace(**draw.choice(terms))
                if new.time_in_force is TimeInForce.GTD:
                    new = new._replace(expires=10**6)
                others: list[Command] = [Replace("AAA", known, lots), Cancel("AAA", known)]
                if draw.random() < 0.15:  # with one that waits for it, or is its rival, next door
                    another = new._replace(symbol="CCC", side=draw.choice(list(Side)))
                    yield SubmitList(draw.choice([ListKind.OCO, ListKind.OTO]), (new, another))
                    continue
                yield new if draw.random() < 0.85 else draw.choice(others)


def funded(commands: Iterable[Command], seed: int) -> Iterator[Command]:
    """The same commands, of accounts that have a little of everything and are now and then given or refused more."""
    draw = random.Random(seed)
    yield from (SetMark(book.symbol, 100) for book in BOOKS)
    for account in range(5):
        rich = account < 2  # enough for a market order, which may cost whatever its instrument allows
        yield Deposit(account, 10**14 if rich else draw.randint(500, 9_000))
        if account in FUNDED.margin_accounts and seed % 2:
            continue  # next to nothing, so that a mark that moves leaves too little
        yield from (Deposit(account, book.lot * draw.randint(1, 30), book.symbol) for book in BOOKS)
    for number, command in enumerate(commands):
        yield command
        if draw.random() < 0.7:
            continue
        account, book = draw.randrange(5), draw.choice(BOOKS)
        lots, cash = book.lot * draw.randint(1, 9), draw.randint(1, 2_000)
        side, price = draw.choice(list(Side)), draw.choice([None, 96, 98, 100, 102, 104])
        position, short = draw.choice([None, 30]), draw.choice([0, 20])
        limits = Limits(position, short, draw.choice([None, 3]), draw.choice([None, 1_500]))
        about_accounts: list[Command] = [
            Deposit(account, cash),
            Withdraw(account, cash),
            Deposit(account, lots, book.symbol),
            Withdraw(account, lots, book.symbol),
            SetLimits(account, limits),
            Reduce(book.symbol, 10_000 + number, account, side, lots, price),
            Bust(book.symbol, draw.randint(1, 20)),
            BlockTrade(book.symbol, account, draw.randrange(5), 100, lots),
            SetMark(book.symbol, draw.choice([50, 96, 100, 104, 200])),
            Liquidate(draw.choice([3, 4]), 20_000 + number),
        ]
        yield draw.choice(about_accounts)


def spending(commands: Iterable[Command], seed: int) -> Iterator[Command]:
    """The same commands, and between them market orders over an amount of money."""
    draw = random.Random(f"spending {seed}")
    for number, command in enumerate(commands):
        yield command
        if draw.random() < 0.08:
            book, mode = draw.choice(BOOKS), draw.choice(list(SelfTradePrevention))
            yield Spend(book.symbol, 10_000 + number, draw.randrange(5), draw.randint(50, 3_000) * book.lot, mode)


def played(commands: Script, profile: Profile, seed: int, length: int = 250) -> Iterator[Command]:
    """Random commands, with those about accounts where accounts are kept."""
    made = spending(commands(seed, length), seed)
    return made if profile.risk is Risk.NONE else funded(made, seed)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("commands", [script, calls], ids=lambda commands: commands.__name__)
def test_every_invariant_holds_after_every_random_step(commands: Script, seed: int, profile: Profile) -> None:
    state = opening(BOOKS, profile)
    for number, command in enumerate(played(commands, profile, seed)):
        after, events = step(state, command)
        assert broken(state, command, events, after) == [], f"command {number}: {command}"
        state = after


def test_the_random_steps_reach_every_rule_that_is_a_decision_and_every_kind_of_event() -> None:
    said: Counter[type[Event]] = Counter()
    with listening() as reached:
        for profile in PROFILES:
            for seed in range(30):
                for commands in (script, calls):
                    said.update(map(type, run(opening(BOOKS, profile), played(commands, profile, seed))[1]))
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

    def listed(self, **limits: Any) -> Case:
        """The same step, had the book other limits, before it and after it."""
        before, after = (
            {**state.books, "ABC": state.books["ABC"]._replace(reference=limits["reference"])}
            for state in (self.before, self.after)
        )
        for books in (before, after):
            books["ABC"] = books["ABC"]._replace(instrument=Instrument("ABC", **limits))
        return self._replace(before=self.before._replace(books=before), after=self.after._replace(books=after))

    def leave_order(self, order_id: int, **fields: Any) -> Case:
        """The same step, had it left an order otherwise, in the same place of its queue."""
        book = self.after.books["ABC"]
        order = book.find(order_id)
        assert order is not None
        terms = {name: fields.pop(name) for name in list(fields) if name in Submit.__struct_fields__}
        new: Any = order._replace(**fields, terms=order.terms._replace(**terms))
        bids, asks = (queue(*(new if other is order else other for other in side)) for side in (book.bids, book.asks))
        return self.leave(bids=bids, asks=asks)

    def keep(self, **fields: Any) -> Case:
        """The same step, had it left the accounts as a whole otherwise."""
        held = self.after.accounts
        assert held is not None
        return self._replace(after=self.after._replace(accounts=held._replace(**fields)))

    def marked(self, price: int) -> Case:
        """The same step, had the mark of ABC been another before and after it."""
        states = []
        for state in (self.before, self.after):
            assert state.accounts is not None
            states.append(state._replace(accounts=state.accounts._replace(marks={"ABC": price})))
        return self._replace(before=states[0], after=states[1])

    def hold(self, account: int, symbol: str | None = None, **fields: Any) -> Case:
        """The same step, had it left an account otherwise, or its lots of one book."""
        held = self.after.accounts
        assert held is not None
        purse = held.purse(account)
        if symbol is not None:
            holding = purse.holding(symbol)._replace(**fields)
            fields = {"holdings": {**purse.holdings, symbol: holding}}
        return self.keep(purses={**held.purses, account: purse._replace(**fields)})


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
BLOCKED_7 = run(opening(listing(["ABC", "XYZ"])), [KillSwitch(7)])[0]

UNCROSS = SetPhase("ABC", CONTINUOUS)
CALLED: list[Command] = [SetPhase("ABC", CALL), buy(1, 5, 102), buy(2, 5, 101), sell(3, 5, 100), sell(4, 7, 101)]
TIED: list[Command] = [SetPhase("ABC", CALL), buy(1, 10, 103), buy(2, 3, 101), sell(3, 10, 100), sell(4, 9, 102)]


OCO, OTO, OTOCO = ListKind
RIVALS = SubmitList(OCO, (sell(1, 5, 100, account=7), sell(2, 5, stop=90, account=7)))
EXITS = tuple(leg._replace(order_id=leg.order_id + 1) for leg in RIVALS.legs)
BRACKET = SubmitList(OTOCO, (buy(1, 5, 100, account=7), *EXITS))


def rest(case: Case, *orders: int) -> Case:
    """The same step, had it left these orders of before where they were, and forgotten the lists."""
    before, after = case.before.books["ABC"], case.after
    book = before._replace(last_price=after.books["ABC"].last_price)
    for order in list(book.orders()):
        if order.order_id not in orders:
            book, _ = rules.cancel(book, order.order_id)
    return case._replace(after=after._replace(books={**after.books, "ABC": book}, lists=()))


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
        "blocked_accounts_stay_out",
        "one is live",
        TWO_ASKS,
        KillSwitch(101),
        lambda it: it.leave(asks=it.before.books["ABC"].asks),
    ),
    ("blocked_accounts_stay_out", "let in", [], KillSwitch(7), lambda it: it._replace(after=it.before)),
    (
        "blocked_accounts_stay_out",
        "out for good",
        [KillSwitch(7)],
        Reinstate(7),
        lambda it: it._replace(after=it.before),
    ),
    ("blocked_accounts_stay_out", "it enters", [], buy(1, 5, 100, account=7), lambda it: it._replace(before=BLOCKED_7)),
    (
        "blocked_accounts_stay_out",
        "it trades",
        TWO_ASKS,
        buy(3, 5, 100),
        lambda it: it._replace(before=it.before._replace(blocked=frozenset({101}))),
    ),
    (
        "account_cancels_are_complete",
        "one is forgotten",
        TWO_ASKS,
        KillSwitch(101),
        lambda it: it.say(AccountBlocked(101, 0)),
    ),
    (
        "account_cancels_are_complete",
        "it did not ask for it",
        [sell(1, 5, 100, cancel_on_disconnect=True), sell(2, 5, 100, account=101)],
        Disconnect(101),
        lambda it: it.say(*it.events, Cancelled("ABC", 2, Side.SELL, 100, 5, CancelReason.DISCONNECTED)),
    ),
    (
        "account_cancels_are_complete",
        "miscounted",
        TWO_ASKS,
        Disconnect(101),
        lambda it: it.say(AccountDisconnected(101, 1)),
    ),
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
    ("marks_are_set_by_command", "nobody set it", [], buy(1, 5, stop=105), lambda it: it.leave(mark=100)),
    ("no_due_stop", "fills are left to look at", [], buy(1, 5, stop=105), lambda it: it.leave(touched=(100,))),
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
    ("spends_within_its_budget", "too much", TWO_LEVELS, Spend("ABC", 3, 7, 600), lambda it: it.ask(budget=499)),
    ("spends_within_its_budget", "too little", TWO_LEVELS, Spend("ABC", 3, 7, 600), lambda it: it.ask(budget=601)),
    ("spends_within_its_budget", "it is left", TWO_LEVELS, Spend("ABC", 3, 7, 600), lambda it: it.say(it.events[0])),
    (
        "spends_within_its_budget",
        "not here",
        TWO_LEVELS,
        Spend("ABC", 3, 7, 600),
        lambda it: it._replace(before=it.before._replace(profile=Profile(market_by_budget=MarketByBudget.REFUSED))),
    ),
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
        "new_limits_have_a_cause",
        "none",
        TWO_LEVELS,
        buy(3, 6, 101),
        lambda it: it.say(it.events[0], Repriced("ABC", 3, Side.BUY, 102), *it.events[1:]),
    ),
    ("within_band", "too far", [], buy(1, 5, 106), lambda it: it.listed(reference=100, band=5)),
    ("within_band", "replaced", [buy(1, 5, 99)], Replace("ABC", 1, 5, 94), lambda it: it.listed(reference=100, band=5)),
    ("within_band", "no one said so", [], buy(1, 5, 100), lambda it: it.leave(reference=100)),
    ("within_collar", "too far", [sell(1, 5, 104)], buy(2, 5, 104), lambda it: it.listed(reference=100, collar=3)),
    ("halts_reach_what_depends", "nothing is halted", [], Halt("ABC"), lambda it: it.leave("XYZ", halted_above=True)),
    (
        "breaker_halts_the_market",
        "it goes on",
        [IndexLevel(100)],
        IndexLevel(93),
        lambda it: it._replace(
            before=it.before._replace(profile=Profile(breaker_levels=(7,))), after=it.after._replace(breaker_level=1)
        ),
    ),
    (
        "breaker_halts_the_market",
        "another base",
        [IndexLevel(100)],
        EndOfDay(),
        lambda it: it._replace(after=it.after._replace(index_base=99)),
    ),
    (
        "no_trade_while_halted",
        "with its underlying",
        [],
        buy(1, 5, 100),
        lambda it: it._replace(
            before=it.before._replace(
                books={
                    "ABC": it.before.books["ABC"]._replace(instrument=Instrument("ABC", underlying="XYZ")),
                    "XYZ": it.before.books["XYZ"]._replace(phase=Phase.HALT),
                }
            )
        ),
    ),
    ("phases_change_by_command", "said only", [], buy(1, 5, 100), lambda it: it.say(*it.events, Halted("ABC"))),
    (
        "cancels_have_a_cause",
        "there is no collar",
        TWO_ASKS,
        buy(3, 12, 100, time_in_force=IOC),
        lambda it: it.say(*it.events[:-1], it.events[-1]._replace(reason=CancelReason.COLLAR)),
    ),
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
        "at_most_one_rival_executes",
        "both legs",
        [RIVALS],
        buy(3, 1, 100),
        lambda it: it.say(*it.events[:2], Trade("ABC", 100, 1, 2, 3)),
    ),
    ("at_most_one_rival_executes", "the other stays", [RIVALS], buy(3, 1, 100), lambda it: rest(it, 1, 2)),
    (
        "at_most_one_rival_executes",
        "the list goes on",
        [RIVALS],
        buy(3, 1, 100),
        lambda it: it._replace(after=it.after._replace(lists=it.before.lists)),
    ),
    (
        "held_until_filled",
        "too soon",
        [BRACKET],
        sell(9, 4, 100),
        lambda it: it.say(*it.events, Accepted("ABC", 2, Side.SELL, 100, 5)),
    ),
    (
        "held_until_filled",
        "out of nothing",
        [BRACKET],
        buy(9, 4, 99),
        lambda it: it.say(*it.events, Accepted("ABC", 2, Side.SELL, 100, 5)),
    ),
    (
        "held_until_filled",
        "before the fill",
        [BRACKET],
        sell(9, 5, 100),
        lambda it: it.say(it.events[0], *it.events[2:], it.events[1]),
    ),
    (
        "held_until_filled",
        "never",
        [BRACKET],
        sell(9, 5, 100),
        lambda it: it.say(*it.events[:2])._replace(after=rest(it, 2, 3).after),
    ),
    ("lists_end_together", "one goes on", [RIVALS], Cancel("ABC", 1), lambda it: rest(it, 2)),
    ("lists_end_together", "who waits goes on", [BRACKET], Cancel("ABC", 1), lambda it: rest(it, 2, 3)),
    ("lists_end_together", "who works goes on", [BRACKET], Cancel("ABC", 2), lambda it: rest(it, 1)),
    (
        "lists_fit_the_books",
        "a member is gone",
        [RIVALS],
        Cancel("ABC", 1),
        lambda it: it._replace(after=it.after._replace(lists=it.before.lists)),
    ),
    (
        "lists_fit_the_books",
        "in two",
        [],
        RIVALS,
        lambda it: it._replace(after=it.after._replace(lists=it.after.lists * 2)),
    ),
    ("lists_fit_the_books", "who waits for nobody", [BRACKET], Cancel("ABC", 1), lambda it: rest(it, 2)),
    (
        "lists_fit_the_books",
        "who should wait and rests",
        [],
        RIVALS,
        lambda it: it._replace(
            after=it.after._replace(lists=(OrderList(OTO, Place("ABC", 1), (Place("ABC", 2),)),)),
        ),
    ),
    (
        "lists_come_and_go",
        "from nowhere",
        [sell(1, 5, 100), sell(2, 5, 101)],
        buy(3, 1, 99),
        lambda it: it._replace(
            after=it.after._replace(lists=(OrderList(OCO, None, (Place("ABC", 1), Place("ABC", 2))),)),
        ),
    ),
    (
        "lists_come_and_go",
        "other orders",
        [],
        RIVALS,
        lambda it: it.say(ListAccepted(OCO, (Place("ABC", 2), Place("ABC", 1))), *it.events[1:]),
    ),
    (
        "lists_come_and_go",
        "for no reason",
        [RIVALS],
        buy(3, 1, 99),
        lambda it: it.say(*it.events, Cancelled("ABC", 1, Side.SELL, 100, 5, CancelReason.CONTINGENT)),
    ),
    (
        "lists_come_and_go",
        "a turn of nobody's",
        TWO_ASKS,
        buy(3, 1, 99),
        lambda it: it.say(*it.events, Cancelled("ABC", 1, Side.SELL, 100, 5, CancelReason.REFUSED)),
    ),
    (
        "remainder_never_rests",
        "cancelled and there",
        TWO_ASKS,
        Cancel("ABC", 1),
        lambda it: it._replace(after=it.before),
    ),
    ("reports_tell_where_orders_stand", "a fill untold", TWO_ASKS, buy(3, 5, 100), lambda it: it.say(*it.events[:1])),
    ("reports_tell_where_orders_stand", "a lot less", TWO_ASKS, buy(3, 4, 100), lambda it: it.leave_order(1, slice=2)),
    ("reports_tell_where_orders_stand", "unasked", TWO_ASKS, buy(3, 4, 100), lambda it: it.leave_order(2, price=101)),
    ("reports_tell_where_orders_stand", "a stranger", [], buy(1, 5, 100), lambda it: it.ask(order_id=2)),
    ("reports_tell_where_orders_stand", "never came", [], buy(1, 5, 100), lambda it: it.leave(bids=SortedTuple())),
    ("phases_change_by_command", "another phase", [], SetPhase("ABC", CALL), lambda it: it.leave(phase=Phase.HALT)),
    (
        "no_trade_while_halted",
        "into a closed book",
        [],
        buy(1, 5, 100),
        lambda it: it._replace(before=it.leave(phase=Phase.CLOSED).after),
    ),
    (
        "uncrossed",
        "still crossed",
        CALLED,
        UNCROSS,
        lambda it: it.leave(bids=it.before.books["ABC"].bids, asks=it.before.books["ABC"].asks),
    ),
    (
        "nothing_dead_rests",
        "a market order after the uncross",
        [SetPhase("ABC", CALL), buy(1, 5)],
        UNCROSS,
        lambda it: it.leave(bids=it.before.books["ABC"].bids),
    ),
    (
        "nothing_matches_in_a_call",
        "a trade",
        CALLED[:2],
        sell(3, 5, 100),
        lambda it: it.say(it.events[0], Trade("ABC", 102, 5, 1, 3)),
    ),
    ("nothing_matches_in_a_call", "no uncross", CALLED, UNCROSS, lambda it: it.say(it.events[0], *it.events[2:])),
    (
        "nothing_matches_in_a_call",
        "an uncross on the way into the call",
        [],
        CALLED[0],
        lambda it: it.say(*it.events, Uncrossed("ABC", None, 0, 0)),
    ),
    (
        "one_price_per_uncross",
        "another price",
        CALLED,
        UNCROSS,
        lambda it: it.say(*it.events[:2], it.events[2]._replace(price=102), it.events[3]),
    ),
    (
        "one_price_per_uncross",
        "more than was said",
        CALLED,
        UNCROSS,
        lambda it: it.say(it.events[0], it.events[1]._replace(volume=9), *it.events[2:]),
    ),
    (
        "one_price_per_uncross",
        "beyond a limit",
        CALLED,
        UNCROSS,
        lambda it: it.say(*it.events[:2], *(event._replace(price=102) for event in it.events[2:])),
    ),
    (
        "auction_volume_is_maximal",
        "less",
        CALLED,
        UNCROSS,
        lambda it: it.say(it.events[0], Uncrossed("ABC", 102, 5, -7), it.events[2]._replace(price=102)),
    ),
    (
        "auction_volume_is_maximal",
        "a larger surplus",
        TIED,
        UNCROSS,
        lambda it: it.say(it.events[0], Uncrossed("ABC", 102, 10, -9), it.events[2]._replace(price=102)),
    ),
    (
        "auction_volume_is_maximal",
        "a surplus that is not there",
        CALLED,
        UNCROSS,
        lambda it: it.say(it.events[0], it.events[1]._replace(surplus=-1), *it.events[2:]),
    ),
    (
        "better_orders_fill_first",
        "the worse first",
        CALLED,
        UNCROSS,
        lambda it: it.say(*it.events[:2], *it.events[:1:-1]),
    ),
    (
        "better_orders_fill_first",
        "the better goes without",
        CALLED,
        UNCROSS,
        lambda it: it.say(*it.events[:2], it.events[3]),
    ),
]
"""The invariant, what is made wrong, the book, the command, and the hand that makes it wrong."""


FUNDS: list[Command] = [Deposit(7, 1_000), Deposit(7, 10, "ABC"), Deposit(8, 1_000), Deposit(8, 10, "ABC")]
ASK: list[Command] = [*FUNDS, sell(1, 5, 100, account=7)]
HIT = buy(2, 3, 105, account=8)
DEALT: list[Command] = [*ASK, HIT]
BOTH = (Leg("ABC", 2, Side.BUY, 3, 100), Leg("XYZ", 3, Side.BUY, 3, 50))
BASKET_DEALT: list[Command] = [
    *FUNDS,
    Deposit(7, 5, "XYZ"),
    sell(1, 5, 100, account=7),
    sell(1, 5, 50, account=7)._replace(symbol="XYZ"),
]
BASKET_DEALT += [Basket(8, BOTH)]

LEVERED: list[Command] = [*FUNDS, Deposit(9, 100), SetMark("ABC", 100), buy(3, 6, 100, account=9)]
LEVERED += [sell(4, 6, 100, account=7)]
"""Account 9 is on margin, has bought six lots, and may buy four more."""
FALLEN: list[Command] = [*LEVERED, sell(5, 1, 150, account=9), SetMark("ABC", 87), buy(6, 3, 87, account=8)]
CLOSED = Liquidate(9, 10)

DOCTORED_ACCOUNTS: list[tuple[str, str, Sequence[Command], Command, Doctor]] = [
    ("accounts_are_not_books", "a bust halts", DEALT, Bust("ABC", 1), lambda it: it.leave(phase=Phase.HALT)),
    ("wealth_is_conserved", "money from nowhere", ASK, HIT, lambda it: it.hold(8, cash=999)),
    ("wealth_is_conserved", "a lot is lost", ASK, HIT, lambda it: it.hold(8, "ABC", position=12)),
    ("wealth_is_conserved", "deposited twice", [], Deposit(7, 5), lambda it: it.hold(7, cash=10)),
    ("both_sides_settle", "another pays", ASK, HIT, lambda it: it.hold(8, cash=1_000).hold(9, cash=-300)),
    ("both_sides_settle", "the maker waits", ASK, HIT, lambda it: it.hold(7, cash=1_000)),
    ("both_sides_settle", "a block unpaid", FUNDS, BlockTrade("ABC", 7, 8, 100, 5), lambda it: it.hold(7, cash=1_000)),
    ("accounts_are_not_books", "a block", FUNDS, BlockTrade("ABC", 7, 8, 99, 5), lambda it: it.leave(last_price=99)),
    ("one_acknowledgement", "another block", FUNDS, BlockTrade("ABC", 7, 8, 99, 5), lambda it: it.ask(price=98)),
    ("both_sides_settle", "half a bust", DEALT, Bust("ABC", 1), lambda it: it.hold(8, cash=700)),
    ("reserved_is_what_live_orders_need", "none", FUNDS, buy(1, 5, 100, account=7), lambda it: it.hold(7, reserved=0)),
    ("reserved_is_what_live_orders_need", "a lot more", ASK, HIT, lambda it: it.hold(7, "ABC", selling=3)),
    ("reserved_is_what_live_orders_need", "gone", ASK, Cancel("ABC", 1), lambda it: it.hold(7, open_orders=1)),
    (
        "reserved_is_what_live_orders_need",
        "nobody's",
        FUNDS,
        buy(1, 5, 100, account=7),
        lambda it: it.keep(purses={}),
    ),
    ("available_stays_above_zero", "cash", FUNDS, Withdraw(7, 1_000), lambda it: it.hold(7, cash=-1)),
    ("available_stays_above_zero", "lots", ASK, Cancel("ABC", 1), lambda it: it.hold(7, "ABC", selling=11)),
    (
        "limits_bind",
        "one order too many",
        [*FUNDS, SetLimits(7, Limits(open_orders=1))],
        buy(1, 5, 100, account=7),
        lambda it: it.hold(7, open_orders=2),
    ),
    (
        "limits_bind",
        "too long",
        [*FUNDS, SetLimits(7, Limits(position=15))],
        buy(1, 5, 100, account=7),
        lambda it: it.hold(7, "ABC", buying=6),
    ),
    (
        "limits_bind",
        "too dear",
        FUNDS,
        buy(1, 5, 100, account=7),
        lambda it: it.hold(7, limits=Limits(notional=499)),
    ),
    (
        "reduce_only_reduces",
        "it flips",
        [*FUNDS, buy(1, 5, 100, account=7)],
        Reduce("ABC", 2, 8, Side.SELL, 5, 100),
        lambda it: it._replace(before=_with_position(it.before, 8, 4)),
    ),
    (
        "busts_are_whole_and_once",
        "again",
        DEALT,
        Bust("ABC", 1),
        lambda it: it._replace(before=it.after),
    ),
    (
        "busts_are_whole_and_once",
        "it stands",
        DEALT,
        Bust("ABC", 1),
        lambda it: it.keep(trades=it.before.accounts.trades if it.before.accounts else {}),
    ),
    ("busts_are_whole_and_once", "one leg", BASKET_DEALT, Bust("ABC", 1), lambda it: it.say(it.events[0])),
    ("marks_change_by_command", "of itself", LEVERED, Deposit(9, 5), lambda it: it.keep(marks={"ABC": 101})),
    ("marks_change_by_command", "another", LEVERED, SetMark("ABC", 99), lambda it: it.keep(marks={"ABC": 98})),
    ("one_acknowledgement", "another mark", LEVERED, SetMark("ABC", 99), lambda it: it.say(MarkSet("ABC", 98))),
    ("margin_is_covered", "spent twice", LEVERED, buy(5, 4, 100, account=9), lambda it: it.hold(9, cash=-599)),
    ("margin_is_covered", "a lot more", LEVERED, buy(5, 4, 100, account=9), lambda it: it.leave_order(5, reserve=1)),
    ("margin_is_covered", "a dear one", LEVERED, buy(5, 4, 100, account=9), lambda it: it.leave_order(5, price=101)),
    ("margin_is_covered", "no mark", LEVERED, buy(5, 4, 100, account=9), lambda it: it.hold(9, "XYZ", buying=1)),
    ("liquidations_are_due_and_help", "not due", FALLEN, CLOSED, lambda it: it.marked(100)),
    ("liquidations_are_due_and_help", "not said", FALLEN, CLOSED, lambda it: it.say(*it.events[1:])),
    ("liquidations_are_due_and_help", "an order left", FALLEN, CLOSED, lambda it: it._replace(after=it.before)),
    ("liquidations_are_due_and_help", "worse", FALLEN, CLOSED, lambda it: it.hold(9, cash=-600)),
    ("liquidations_are_due_and_help", "turned", FALLEN, CLOSED, lambda it: it.hold(9, "ABC", position=-1)),
]
"""The same where accounts are kept."""

REDUCERS: list[Command] = [*FUNDS, SetLimits(7, Limits(short=20)), sell(1, 5, 100, account=7)]
REDUCERS += [Reduce("ABC", 2, 7, Side.SELL, 6, 110, TimeInForce.GTC)]
"""Account 7 has ten lots, and sells five of them, and six if it has so many."""
HIT_ALL = buy(3, 5, 105, account=8)
MARKED = Reducers(frozenset({2}))
KNOWING = MARKED._replace(positions=((7, 7),))

DOCTORED_REDUCERS: list[tuple[str, str, Sequence[Command], Command, Doctor]] = [
    ("reduce_only_fits", "not cut", REDUCERS, HIT_ALL, lambda it: it.leave_order(2, slice=6)),
    (
        "reduce_only_fits",
        "forgotten",
        REDUCERS,
        Cancel("ABC", 2),
        lambda it: it.leave(reducing=MARKED),
    ),
    ("reduce_only_fits", "remembered", REDUCERS, HIT, lambda it: it.leave(reducing=KNOWING)),
    ("cuts_are_due", "too much", REDUCERS, HIT_ALL, lambda it: it.say(*it.events[:2], Restated("ABC", 2, 2))),
    (
        "cuts_are_due",
        "for nothing",
        REDUCERS,
        HIT,
        lambda it: it.say(*it.events, Cancelled("ABC", 2, Side.SELL, 110, 6, CancelReason.REDUCE_ONLY)),
    ),
    (
        "accounts_are_not_books",
        "it moves",
        REDUCERS,
        BlockTrade("ABC", 8, 7, 100, 5),
        lambda it: it.leave_order(2, sequence=9),
    ),
]
"""The same where reduce-only orders rest."""


TRANSFER = SelfTradePrevention.TRANSFER
TRANSFERRING = [sell(1, 5, 100, account=7, self_trade=TRANSFER)]

DOCTORED_RIVALS: list[tuple[str, str, Sequence[Command], Command, Doctor]] = [
    ("rivals_shrink_together", "one keeps all", [RIVALS], buy(3, 1, 100), lambda it: rest(it, 2)),
    (
        "rivals_shrink_together",
        "one is there still",
        [RIVALS],
        buy(3, 5, 100),
        lambda it: rest(it.say(*it.events[:2]), 2),
    ),
    (
        "rivals_shrink_together",
        "for no fill",
        [RIVALS],
        buy(3, 1, 99),
        lambda it: it.say(*it.events, Restated("ABC", 1, 1)),
    ),
    (
        "transfers_are_asked_for_by_both",
        "untold",
        TRANSFERRING,
        buy(2, 3, 100, account=8, self_trade=TRANSFER),
        lambda it: it.say(*(event for event in it.events if not isinstance(event, Transferred))),
    ),
    (
        "transfers_are_asked_for_by_both",
        "the other way round",
        TRANSFERRING,
        buy(2, 3, 100, account=8, self_trade=TRANSFER),
        lambda it: it.say(*(_turned(event) for event in it.events)),
    ),
    (
        "transfers_are_asked_for_by_both",
        "by the aggressor alone",
        TRANSFERRING,
        buy(2, 3, 100, account=8, self_trade=SelfTradePrevention.DECREMENT),
        lambda it: it.say(*it.events[:2], Transferred("ABC", 100, 3, 8, 7), *it.events[2:]),
    ),
    (
        "transfers_are_asked_for_by_both",
        "of one account",
        TRANSFERRING,
        buy(2, 3, 100, account=7, self_trade=TRANSFER),
        lambda it: it.say(*it.events[:2], Transferred("ABC", 100, 3, 7, 7), *it.events[2:]),
    ),
]
"""The same where rivals are reduced, and several accounts are one owner's."""


def _turned(event: Event) -> Event:
    if isinstance(event, Transferred):
        return event._replace(buyer=event.seller, seller=event.buyer)
    return event


def _with_position(state: Exchange, account: int, position: int) -> Exchange:
    """A state in which an account has another position in ABC."""
    held = state.accounts
    assert held is not None
    purse = held.purse(account)
    holding = purse.holding("ABC")._replace(position=position)
    purses = {**held.purses, account: purse._replace(holdings={**purse.holdings, "ABC": holding})}
    return state._replace(accounts=held._replace(purses=purses))


@pytest.mark.parametrize(
    ("profile", "name", "setup", "command", "doctor"),
    [pytest.param(DEFAULT, name, *rest, id=f"{name}: {what}") for name, what, *rest in DOCTORED]
    + [pytest.param(FUNDED, name, *rest, id=f"{name}: {what}") for name, what, *rest in DOCTORED_ACCOUNTS]
    + [pytest.param(CUTTING, name, *rest, id=f"{name}: {what}") for name, what, *rest in DOCTORED_REDUCERS]
    + [pytest.param(REDUCING, name, *rest, id=f"{name}: {what}") for name, what, *rest in DOCTORED_RIVALS],
)
def test_every_invariant_refutes_a_step_made_wrong(
    profile: Profile, name: str, setup: Sequence[Command], command: Command, doctor: Doctor
) -> None:
    before, _ = run(opening(listing(["ABC", "XYZ"]), profile), setup)
    after, events = step(before, command)
    assert broken(before, command, events, after) == []
    breaches = [breach for breach in broken(*doctor(Case(before, command, events, after))) if breach.invariant == name]
    assert breaches
    assert all(breach.why and breach.rules for breach in breaches)


THREE_ASKS = [sell(1, 10, 100), sell(2, 10, 100), sell(3, 10, 100)]
MAKERS_OF_TWO = [sell(1, 10, 100), sell(2, 10, 100, account=7), sell(3, 10, 100)]
PRO_RATA = Allocation(Sharing.PRO_RATA)
BY_THE_QUEUE = Allocation(lead_market_makers=(LeadMarketMaker(7, 50),))
WITH_TOP = Allocation(Sharing.PRO_RATA, top_maximum=5)

DOCTORED_SHARES: list[tuple[str, str, Allocation, Sequence[Command], Command, Doctor]] = [
    (
        "shared_levels_in_order",
        "a worse level",
        PRO_RATA,
        TWO_LEVELS,
        buy(3, 1, 101),
        lambda it: it.say(it.events[0], Trade("ABC", 101, 1, 2, 3)),
    ),
    (
        "shared_levels_in_order",
        "hidden first",
        PRO_RATA,
        [sell(1, 5, 100, display=0), sell(2, 5, 100)],
        buy(3, 1, 100),
        lambda it: it.say(it.events[0], Trade("ABC", 100, 1, 1, 3)),
    ),
    (
        "shared_levels_in_order",
        "told the other way round",
        PRO_RATA,
        THREE_ASKS,
        buy(4, 9, 100),
        lambda it: it.say(it.events[0], *it.events[:0:-1]),
    ),
    ("level_is_shared_out", "a lot is kept", PRO_RATA, THREE_ASKS, buy(4, 9, 100), lambda it: it.say(*it.events[:-1])),
    (
        "level_is_shared_out",
        "more than it offers",
        PRO_RATA,
        TWO_ASKS,
        buy(4, 9, 100),
        lambda it: it.say(it.events[0], Trade("ABC", 100, 6, 1, 4), Trade("ABC", 100, 3, 2, 4)),
    ),
    ("top_bettered_the_market", "nobody", WITH_TOP, [], buy(1, 5, 100), lambda it: it.leave(top_bid=0)),
    (
        "top_bettered_the_market",
        "a latecomer",
        WITH_TOP,
        [buy(1, 5, 100)],
        buy(2, 5, 100),
        lambda it: it.leave(top_bid=2),
    ),
    (
        "top_is_served_first",
        "like the others",
        WITH_TOP,
        THREE_ASKS,
        buy(4, 9, 100),
        lambda it: it.say(it.events[0], *(Trade("ABC", 100, 3, maker, 4) for maker in (1, 2, 3))),
    ),
    (
        "market_makers_get_their_percentage",
        "like the others",
        BY_THE_QUEUE,
        MAKERS_OF_TWO,
        buy(4, 10, 100),
        lambda it: it.say(it.events[0], Trade("ABC", 100, 10, 1, 4)),
    ),
    (
        "the_rest_is_in_proportion",
        "by the queue",
        PRO_RATA,
        THREE_ASKS,
        buy(4, 9, 100),
        lambda it: it.say(it.events[0], Trade("ABC", 100, 9, 1, 4)),
    ),
    (
        "the_rest_is_in_proportion",
        "what is over to the last",
        PRO_RATA,
        THREE_ASKS,
        buy(4, 10, 100),
        lambda it: it.say(
            it.events[0], *(Trade("ABC", 100, lots, maker, 4) for maker, lots in ((1, 3), (2, 3), (3, 4)))
        ),
    ),
    (
        "the_rest_is_in_proportion",
        "nobody is levelled up",
        Allocation(Sharing.PRO_RATA, leveling=True),
        [sell(1, 30, 100), sell(2, 2, 100), sell(3, 30, 100)],
        buy(4, 9, 100),
        lambda it: it.say(it.events[0], Trade("ABC", 100, 5, 1, 4), Trade("ABC", 100, 4, 3, 4)),
    ),
]
"""The same where levels are shared, and how."""


@pytest.mark.parametrize(
    ("name", "shares", "setup", "command", "doctor"),
    [pytest.param(name, *rest, id=f"{name}: {what}") for name, what, *rest in DOCTORED_SHARES],
)
def test_every_invariant_of_shared_levels_refutes_a_step_made_wrong(
    name: str, shares: Allocation, setup: Sequence[Command], command: Command, doctor: Doctor
) -> None:
    before, _ = run(opening(listing(["ABC", "XYZ"]), Profile(allocation=shares)), setup)
    after, events = step(before, command)
    assert broken(before, command, events, after) == []
    breaches = [breach for breach in broken(*doctor(Case(before, command, events, after))) if breach.invariant == name]
    assert breaches
    assert all(breach.why and breach.rules for breach in breaches)


def test_no_invariant_is_left_undoctored() -> None:
    doctored = {
        name for name, *_ in (*DOCTORED, *DOCTORED_SHARES, *DOCTORED_ACCOUNTS, *DOCTORED_REDUCERS, *DOCTORED_RIVALS)
    }
    assert doctored == {invariant.name for invariant in INVARIANTS if not set(invariant.rules) & ACROSS_BOOKS}


ORACLE = [module.__name__ for module in (rules, budget, exchange, kernel, accounts, allocation, level_match, reducing)]


def test_the_invariants_know_the_records_of_the_oracle_and_none_of_its_decisions() -> None:
    taken = {
        name.name
        for module in (invariants, account_invariants, budget_invariants, invariants_of_sharing, list_invariants, tape)
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.ImportFrom) and node.module in ORACLE
        for name in node.names
    }
    assert taken == {"Accounts", "Book", "Exchange", "Held", "Pending", "Reducers", "Resting"}


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
    (kernel._reduced, "shown = slice_of(maker.display, maker.reserve)", "shown = maker.reserve", "iceberg_bound"),
    (kernel._reduced, "executed = maker.executed + traded", "executed = maker.executed", "quantity_identity"),
    (kernel.resting, "rank=HIDDEN if hidden", "rank=DISPLAYED if hidden", "queues_sorted"),
    (kernel.resting, "shown = slice_of(display, leaves)", "shown = leaves", "iceberg_bound"),
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
    (rules._take_reached, "for side in Side:", "for side in reversed(Side):", "stops_take_their_turn"),
    (rules._reached, "price >= stop", "price > stop", "no_due_stop"),
    (rules.cascade, "waiting.pop(0)", "waiting.pop()", "stops_take_their_turn"),
    (rules.cascade, "_take_due(book)", "_take_due(book) if not events else (book, [])", "no_due_stop"),
    (rules._replace_resting, "leaves <= order.leaves", "True", "newcomers_stand_last"),
    (rules._replace_resting, "price == order.terms.price and", "", "queues_sorted"),
    (rules._replace_resting, "total - done", "total", "quantity_identity"),
    (rules._replace_resting, "if leaves <= 0:", "if leaves < 0:", "no_empty_slices"),
    (rules.cancel_all, "order.sequence", "-order.sequence", "clock_leaves_nothing_due"),
    (rules.refusal, "if book.locate(order.order_id) is not None:", "if False:", "ids_live_once"),
    (rules.phase_refusal, "if book.phase is Phase.HALT:", "if False:", "no_trade_while_halted"),
    (exchange._basket, "return state, tuple(", "return state._replace(books=lists.books), tuple(", "all_or_nothing"),
    (
        exchange._cascaded,
        "lists.books[symbol], events = rules.cascade(lists.books[symbol], state.profile, lists)",
        "events = []",
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
    (phases.change, "rules.in_phase(book, phase)", "book", "phases_change_by_command"),
    (contingent.Aftermath._notice, "if found.working is None:", "if False:", "at_most_one_rival_executes"),
    (contingent.Aftermath._notice, "isinstance(event, Cancelled)", "False", "lists_fit_the_books"),
    (
        contingent.Aftermath._notice,
        "and self.books[place.symbol].locate(place.order_id) is None",
        "",
        "held_until_filled",
    ),
    (contingent.Aftermath._release, "self._ready += found.others", "pass", "lists_fit_the_books"),
    (contingent.Aftermath._reduce, "events.append(self._restate(place, less))", "pass", "rivals_shrink_together"),
    (rules._transfers, "return both and", "return", "transfers_are_asked_for_by_both"),
    (contingent.Aftermath._release, "if found.kind is ListKind.OTOCO:", "if False:", "at_most_one_rival_executes"),
    (contingent.Aftermath._end, "if place != by for", "if place != by and False for", "lists_end_together"),
    (contingent.Aftermath.__call__, "also = self.follow(events)", "also = []", "at_most_one_rival_executes"),
    (phases.finish, "book, _, also = aside(book, [], events)", "also = []", "at_most_one_rival_executes"),
    (exchange._kept_out, "account in state.blocked", "False", "blocked_accounts_stay_out"),
    (
        exchange._disconnect,
        "every or order.terms.cancel_on_disconnect",
        "True",
        "account_cancels_are_complete",
    ),
    (rules.refusal, "if outside_band(book.instrument, book.reference, order.price):", "if False:", "within_band"),
    (
        rules._replace_resting,
        "if outside_band(book.instrument, book.reference, command.price):",
        "if 0:",
        "within_band",
    ),
    (rules._reach, "return min(reach, ", "return max(reach, ", "within_collar"),
    (rules._held_back, "collar.far_end(order.side)", "collar.far_end(order.side) + 1", "new_limits_have_a_cause"),
    (
        rules._with_entry_price,
        "price = opposite.first.price",
        "price = opposite.first.price + 1",
        "new_limits_have_a_cause",
    ),
    (rules._passive_price, "price = best - tick if", "price = best - 2 * tick if", "new_limits_have_a_cause"),
    (
        rules._with_protection,
        "protected_price(book.instrument, terms.side,",
        "(lambda *a: a[2])(0, 0,",
        "new_limits_have_a_cause",
    ),
    (exchange._index_level, "halted=state.halted or halts", "halted=state.halted", "breaker_halts_the_market"),
    (rules.phase_refusal, "if book.halted_above:", "if False:", "no_trade_while_halted"),
    (exchange._among_books, "if changed else after", "if False else after", "halts_reach_what_depends"),
    (exchange._replace, "fault is None and state.halted", "False", "no_trade_while_halted"),
    (allocation.allocate, "in _STEPS:", "in _STEPS[1:]:", "top_is_served_first"),
    (allocation.allocate, "in _STEPS:", "in _STEPS[:1] + _STEPS[2:]:", "market_makers_get_their_percentage"),
    (allocation.allocate, "in _STEPS:", "in _STEPS[:2] + _STEPS[3:]:", "the_rest_is_in_proportion"),
    (allocation.allocate, "in _STEPS:", "in _STEPS[:3] + _STEPS[4:]:", "the_rest_is_in_proportion"),
    (allocation.pro_rata, "quantity * volume // total", "volume // len(left)", "level_is_shared_out"),
    (allocation.time_pro_rata, "min(quantity, ", "max(quantity, ", "level_is_shared_out"),
    (allocation.time_pro_rata, "reversed(left)", "left", "the_rest_is_in_proportion"),
    (level_match._round, "maker.key, maker.rank) ==", "maker.key, best.rank) ==", "shared_levels_in_order"),
    (level_match._shares, "maker.slice // lot", "maker.leaves // lot", "level_is_shared_out"),
    (level_match.match, "zip(everybody,", "zip(everybody[::-1],", "shared_levels_in_order"),
    (level_match.match, "maker.owner == owner]", "maker.owner != owner]", "prevention_has_a_cause"),
    (level_match.top_after, "newcomer.leaves >=", "0 <=", "top_bettered_the_market"),
    (
        level_match.top_after,
        "side.first.key <= newcomer.key",
        "side.first.key < newcomer.key",
        "top_bettered_the_market",
    ),
    (rules.phase_refusal, "if book.phase is Phase.CLOSED:", "if False:", "no_trade_while_halted"),
    (rules.enter, "if book.phase.collects:", "if False:", "nothing_matches_in_a_call"),
    (rules.cascade, "if book.phase is not Phase.CONTINUOUS:", "if False:", "nothing_matches_in_a_call"),
    (phases.change, "if not _is_settled(book):", "if False:", "uncrossed"),
    (phases.uncross, "order.terms.price is None:", "False:", "nothing_dead_rests"),
    (phases.uncross, "book._replace(last_price=price)", "book", "last_price_is_the_last_trade"),
    (phases.uncross, "Trade(symbol, price,", "Trade(symbol, buy.terms.price or price,", "one_price_per_uncross"),
    (
        auction.clearing,
        "max(volumes.values(), default=0)",
        "min(filter(None, volumes.values()), default=0)",
        "auction_volume_is_maximal",
    ),
    (auction.clearing, "least = min(", "least = max(", "auction_volume_is_maximal"),
    (
        auction._under_pressure,
        "long[-1:] + even + short[:1]",
        "long[:1] + even + short[-1:]",
        "better_orders_fill_first",
    ),
    (auction._taken, "min(volume, order.leaves)", "min(volume, order.slice)", "one_price_per_uncross"),
    (auction.fills, "_taken(bids, volume)", "_taken(sorted(bids, reverse=True), volume)", "better_orders_fill_first"),
    (rules.executed_in_auction, "shown = slice_of(order.display, left)", "shown = left", "iceberg_bound"),
    (rules.executed_in_auction, "sequence += 1", "pass", "newcomers_stand_last"),
    (rules.executed_in_auction, "order.executed + quantity", "order.executed", "quantity_identity"),
    (budget.affordable, "left // price", "-(-left // price)", "spends_within_its_budget"),
    (budget.affordable, "left -= lots * price", "left -= lots", "spends_within_its_budget"),
    (budget.affordable, "if lots < meeting.traded:", "if meeting.traded:", "spends_within_its_budget"),
    (budget.affordable, "else SelfTradePrevention.NONE", "else command.self_trade", "spends_within_its_budget"),
    (accounts._settle, "lots * price", "lots * abs(price - 1)", "both_sides_settle"),
    (accounts._deliver, "(seller, Side.SELL)", "(buyer, Side.SELL)", "both_sides_settle"),
    (accounts.unit_cost, "max(0, price if", "max(0, price - 1 if", "reserved_is_what_live_orders_need"),
    (accounts._touched, "Trade | Prevented", "Trade", "reserved_is_what_live_orders_need"),
    (accounts._touched, "Accepted | Cancelled | Replaced", "Accepted | Replaced", "reserved_is_what_live_orders_need"),
    (accounts._touched, "touched[event.symbol, event.maker] = ", "", "reserved_is_what_live_orders_need"),
    (accounts._funds_fault, "available = purse.available", "available = purse.cash", "available_stays_above_zero"),
    (accounts._funds_fault, "holding.position - holding.selling", "holding.position", "available_stays_above_zero"),
    (accounts._withdrawal_fault, "amount > purse.available", "amount > purse.cash", "available_stays_above_zero"),
    (accounts._limit_fault, "purse.open_orders + new", "purse.open_orders", "limits_bind"),
    (accounts._limit_fault, "holding.position + holding.buying", "holding.position", "limits_bind"),
    (accounts._limit_fault, "demand.notional > limits.notional", "False", "limits_bind"),
    (accounts._increases, "-sign * purse.holding(asset).position", "10**6", "reduce_only_reduces"),
    (accounts._bust, "None, *trades", "one, *trades", "busts_are_whole_and_once"),
]
"""Engines have had most of these; the rest are slips of one line that look right."""


@pytest.mark.parametrize(("place", "right", "wrong", "name"), DEFECTS, ids=lambda it: getattr(it, "__qualname__", None))
def test_every_invariant_notices_a_defect_planted_in_the_oracle(
    place: FunctionType, right: str, wrong: str, name: str, plant: Callable[..., Any]
) -> None:
    plant(place, right, wrong)
    everything = (
        (seed, profile, commands) for seed in range(40) for profile in PROFILES for commands in (script, calls)
    )
    assert any(name in noticed_in(played(commands, profile, seed), profile) for seed, profile, commands in everything)


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
