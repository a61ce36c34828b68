"""What must hold after any step: named predicates, one for each property of the rule book.

They are written apart from the oracle and never ask it to match. Some look at a book as it stands. Some look at a whole
step: the state before, the command, the events, the state after. The rest look at the `tape`, which replays the events
over the book before and so knows who led the queue at each fill, and what should be left of every order.

A predicate yields a sentence for everything it finds wrong, and nothing when all is well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate, pairwise, takewhile
from typing import NamedTuple, TypeAlias

from bookproof.spec import account_invariants, budget_invariants, list_invariants
from bookproof.spec import invariants_of_sharing as shared
from bookproof.spec.across import implied_breaches, route_breaches, still_implied
from bookproof.spec.book import Book, Held, Pending
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
    Liquidate,
    MassCancel,
    Reduce,
    Reinstate,
    Replace,
    Resume,
    Route,
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
    Accepted,
    AccountBlocked,
    AccountDisconnected,
    AccountReinstated,
    BlockTraded,
    Busted,
    Cancelled,
    ClockAdvanced,
    DayEnded,
    Deposited,
    Event,
    Halted,
    ImpliedTrade,
    IndexMoved,
    LimitsSet,
    Liquidated,
    ListAccepted,
    MarkSet,
    MassCancelled,
    PhaseChanged,
    Prevented,
    ReferenceSet,
    Rejected,
    Replaced,
    Repriced,
    Restated,
    Resumed,
    SnapshotTaken,
    Trade,
    Transferred,
    Triggered,
    Uncrossed,
    Withdrawn,
    canonical_trades,
)
from bookproof.spec.exchange import Exchange
from bookproof.spec.invariants_of_sharing import foremost
from bookproof.spec.kernel import Resting
from bookproof.spec.profile import (
    CollarAction,
    MarketOrders,
    OnDisconnect,
    PostOnly,
    Reopen,
    ReplaceQuantity,
    StopReference,
)
from bookproof.spec.reasons import CancelReason
from bookproof.spec.reporting import Desk, Journal, Known, report
from bookproof.spec.reports import ExecType, ExecutionReport, OrdStatus
from bookproof.spec.slices import largest_slice
from bookproof.spec.sorted_tuple import SortedTuple
from bookproof.spec.tape import (
    Limits,
    Scene,
    Tape,
    collar,
    least,
    nearness,
    order_of,
    orders_in,
    orders_of,
    rank,
    reached,
    same_owner,
    standing,
    within,
)
from bookproof.spec.values import (
    Account,
    Lots,
    OrderId,
    Phase,
    Place,
    SelfTradePrevention,
    Side,
    Symbol,
    Ticks,
    TimeInForce,
)

Sentences: TypeAlias = Iterator[str]


class Breach(NamedTuple):
    """One invariant that a step broke, and how."""

    invariant: str
    rules: tuple[str, ...]
    why: str

    def __str__(self) -> str:
        return f"{self.invariant} ({', '.join(self.rules)}): {self.why}"


class Invariant(NamedTuple):
    """A named predicate over steps, and the rules that it holds a step to."""

    name: str
    rules: tuple[str, ...]
    predicate: Callable[[Step], Sentences]


class Step(NamedTuple):
    """One command and all that came of it."""

    before: Exchange
    command: Command
    events: tuple[Event, ...]
    after: Exchange
    tapes: Mapping[Symbol, Tape]
    """One for each book that an event names."""

    @property
    def scenes(self) -> Iterator[Scene]:
        """Every scene of every tape."""
        return (scene for tape in self.tapes.values() for scene in tape.scenes)


def broken(before: Exchange, command: Command, events: Iterable[Event], after: Exchange) -> list[Breach]:
    """Every breach of every invariant in one step; an empty list when the step is right.

    A book that the step left alone, the very same object, is not looked at again: what held of it before, holds still.
    Costs O(live orders) for each event and for each order that changed.

    >>> from bookproof.spec.exchange import opening, step
    >>> from bookproof.spec.instruments import listing
    >>> before = opening(listing(["ABC"]))
    >>> command = Submit("ABC", 1, 7, Side.BUY, 10, 100)
    >>> after, events = step(before, command)
    >>> broken(before, command, events, after)
    []
    >>> print(broken(before, command, (), after)[0])
    one_acknowledgement (A4): Submit was answered by 0 acknowledgements and 0 refusals
    """
    events = tuple(events)
    named = {symbol_of(event) for event in events}
    named |= {place.symbol for event in events if isinstance(event, ListAccepted) for place in event.orders}
    named |= {leg.symbol for event in events if isinstance(event, ImpliedTrade) for leg in event.legs}
    tapes = {
        symbol: Tape(book, command, events, before.profile) for symbol, book in before.books.items() if symbol in named
    }
    step = Step(before, command, events, after, tapes)
    return [Breach(name, rules, why) for name, rules, predicate in INVARIANTS for why in predicate(step)]


_TABLE: list[Invariant] = []
_StepPredicate: TypeAlias = Callable[[Step], Sentences]
_BookPredicate: TypeAlias = Callable[[Book], Sentences]


def _of_step(*rules: str) -> Callable[[_StepPredicate], _StepPredicate]:
    """Enter a predicate over steps in the table, under its own name."""

    def enter(predicate: _StepPredicate) -> _StepPredicate:
        _TABLE.append(Invariant(predicate.__name__, rules, predicate))
        return predicate

    return enter


def _of_book(*rules: str) -> Callable[[_BookPredicate], _BookPredicate]:
    """Enter a predicate over books in the table: it is asked about every book that the step changed."""

    def enter(predicate: _BookPredicate) -> _BookPredicate:
        def over_changed(step: Step) -> Sentences:
            for symbol, _, after in _changed(step):
                for why in predicate(after):
                    yield f"in {symbol}, {why}"

        _TABLE.append(Invariant(predicate.__name__, rules, over_changed))
        return predicate

    return enter


# ── commands and answers ──


@_of_step("A4")
def one_acknowledgement(step: Step) -> Sentences:
    """A command is refused once or acknowledged once, a basket once for each leg; never both."""
    refusals = sum(isinstance(event, Rejected) for event in step.events)
    given = [event for event in step.events if _acknowledges(event, step.command)]
    due = len(step.command.legs) if isinstance(step.command, Basket) else 1
    if (refusals, len(given)) not in ((1, 0), (0, due)):
        name = type(step.command).__name__
        yield f"{name} was answered by {len(given)} acknowledgements and {refusals} refusals"
    asked = [
        Accepted(order.symbol, order.order_id, order.side, order.price, order.quantity)
        for order in (*orders_in(step.command, step.events), *list_invariants.legs_of(step), *_held(step.before))
    ]
    asked += account_invariants.closing_orders(step)
    lost = Counter[Place]()  # for a rival's fill, while it was held back (H1)
    for event in step.events:
        if isinstance(event, Restated):
            lost[Place(event.symbol, event.order_id)] += event.quantity
        if not isinstance(event, Accepted):
            continue
        if event._replace(quantity=event.quantity + lost[Place(event.symbol, event.order_id)]) not in asked:
            yield f"{event} is not what was asked for"


@_of_step("A4")
def reject_changes_nothing(step: Step) -> Sentences:
    """A refusal stands alone and leaves the whole state as it was."""
    if any(isinstance(event, Rejected) for event in step.events):
        if len(step.events) != 1:
            yield f"a refusal came with {len(step.events) - 1} other events"
        if step.after != step.before:
            yield "a refused command changed the state"


@_of_step("B8")
def untouched_books_stay(step: Step) -> Sentences:
    """A command changes no book, and speaks of none, that it does not reach."""
    reached_books = _reach(step.command, step.before)
    for symbol, before, after in _changed(step):
        if symbol not in reached_books and before != after:
            yield f"{type(step.command).__name__} changed {symbol}, which it does not reach"
    for event in step.events:
        if not isinstance(event, Rejected) and symbol_of(event) not in (None, *reached_books):
            yield f"{event} is about a book that {type(step.command).__name__} does not reach"


@_of_step("A3")
def ids_live_once(step: Step) -> Sentences:
    """An id is accepted only while it is free, and cancelled or replaced only while it is live."""
    refused = any(isinstance(event, Rejected) for event in step.events)
    for event in step.events:
        held = [(order.symbol, order.order_id) for order in _held(step.before)]  # their turn has come (H2)
        if isinstance(event, Accepted) and (event.symbol, event.order_id) in held:
            continue
        if isinstance(event, Accepted) and _live(step.before, event.symbol, event.order_id):
            yield f"order {event.order_id} was accepted while it is live in {event.symbol}"
    if (
        isinstance(step.command, Cancel | Replace)
        and not refused
        and not _live(step.before, step.command.symbol, step.command.order_id)
    ):
        yield f"{step.command} should be refused: the order is not live"


@_of_step("A5")
def clock_moves_by_command(step: Step) -> Sentences:
    """Only `AdvanceClock` moves the clock, to the time it names, and never back."""
    refused = any(isinstance(event, Rejected) for event in step.events)
    now = step.command.now if isinstance(step.command, AdvanceClock) and not refused else step.before.clock
    if step.after.clock != now or now < step.before.clock:
        yield f"the clock showed {step.before.clock} and shows {step.after.clock}; it should show {now}, or refuse"


@_of_step("J1", "J6")
def phases_change_by_command(step: Step) -> Sentences:
    """Only phase commands, a collar that halts and the breaker change a phase: of a book, or the market's switch."""
    phases: dict[Symbol | None, Phase] = {symbol: book.phase for symbol, book in step.before.books.items()}
    phases[None] = Phase.HALT if step.before.halted else Phase.CONTINUOUS
    told: set[Event] = set()
    if not any(isinstance(event, Rejected) for event in step.events):
        match step.command:
            case Halt(symbol) | Resume(symbol):
                phases[symbol] = Phase.HALT if isinstance(step.command, Halt) else Phase.CONTINUOUS
                told.add(Halted(symbol) if isinstance(step.command, Halt) else Resumed(symbol))
            case SetPhase(symbol, phase):
                phases[symbol] = phase
                told.add(PhaseChanged(symbol, phase))
    for symbol in _halted_by_collar(step):
        calls = step.before.profile.reopen is Reopen.CALL  # J3
        phases[symbol] = Phase.CALL if calls else Phase.HALT
        told.add(PhaseChanged(symbol, Phase.CALL) if calls else Halted(symbol))
    if step.after.breaker_level > step.before.breaker_level and not step.before.halted:
        phases[None] = Phase.HALT  # `breaker_halts_the_market` says when
        told.add(Halted(None))
    said = {event for event in step.events if isinstance(event, Halted | Resumed | PhaseChanged)}
    if said != told:
        yield f"{sorted(map(str, said))} was said of phases, and it should be {sorted(map(str, told))}"
    found: dict[Symbol | None, Phase] = {symbol: book.phase for symbol, book in step.after.books.items()}
    found[None] = Phase.HALT if step.after.halted else Phase.CONTINUOUS
    for symbol, phase in phases.items():
        if found.get(symbol) is not phase:
            yield f"{symbol or 'the market'} should be in phase {phase}"


def _halted_by_collar(step: Step) -> set[Symbol]:
    """The books that an order left because of its collar, where that halts them (J5)."""
    if step.before.profile.collar_action is not CollarAction.HALT:
        return set()
    cancelled = [event for event in step.events if isinstance(event, Cancelled)]
    return {event.symbol for event in cancelled if event.reason is CancelReason.COLLAR}


@_of_step("J6")
def halts_reach_what_depends(step: Step) -> Sentences:
    """After a command, a book is halted from above exactly while a book is halted that it depends on."""
    for symbol, book in step.after.books.items():
        above = [other for other in _chain(step.after, symbol)[1:] if step.after.books[other].phase is Phase.HALT]
        if book.halted_above is not bool(above):
            yield f"{above} above {symbol} are halted; that it is halted with them is {book.halted_above}"


@_of_step("J6")
def breaker_halts_the_market(step: Step) -> Sentences:
    """The market is halted as soon as the index has fallen by a level of the breaker for the first time in a day."""
    before, after, command = step.before, step.after, step.command
    refused = any(isinstance(event, Rejected) for event in step.events)
    should = (before.index_level, before.index_base, before.breaker_level)
    if isinstance(command, EndOfDay):
        should = (before.index_level, before.index_level, 0)
    elif isinstance(command, IndexLevel) and not refused:
        base = before.index_base or command.value
        # A fall by a level leaves no more than the rest of a hundred percent of the base.
        reached_now = [fall for fall in before.profile.breaker_levels if command.value * 100 <= base * (100 - fall)]
        level = max(before.breaker_level, len(reached_now))
        should = (command.value, base, level)
        if level > before.breaker_level and not after.halted:
            yield f"the index fell from {base} to {command.value}, and the market is not halted"
        if IndexMoved(command.value, level) not in step.events:
            yield f"nothing says that the index stands at {command.value}, {level} levels down"
    found = (after.index_level, after.index_base, after.breaker_level)
    if found != should:
        yield f"index, base and level are {found}, and should be {should}"


@_of_step("J1", "J2", "J6")
def no_trade_while_halted(step: Step) -> Sentences:
    """In a book that is halted, closed or open for cancels only nothing enters, changes, is triggered or trades.

    A halt amid a command stops its own book at once, and the books that depend on it when the command is over.
    """
    halted = _shut(step.before)
    if isinstance(step.command, Resume | SetPhase):
        halted = (halted & _shut(step.after)) - {step.command.symbol}
    for event in step.events:
        if isinstance(event, Halted) and event.symbol is not None:
            halted.add(event.symbol)
        if isinstance(event, Accepted | Replaced | Repriced | Triggered | Trade | Prevented) and event.symbol in halted:
            yield f"{event} happened while {event.symbol} is halted"


def _shut(state: Exchange) -> set[Symbol]:
    phases = (Phase.HALT, Phase.CANCEL_ONLY, Phase.CLOSED)
    return {symbol for symbol, book in state.books.items() if book.phase in phases or _halted(state, symbol)}


@_of_step("J7")
def mass_cancel_is_complete(step: Step) -> Sentences:
    """A mass cancel takes out every live order of the account and no other, and counts them right."""
    if not isinstance(step.command, MassCancel) or any(isinstance(event, Rejected) for event in step.events):
        return
    account = step.command.account
    doomed = [_place(*live) for live in _everyone(step.before) if live[1].terms.account == account]
    gone = [(event.symbol, event.order_id) for event in step.events if isinstance(event, Cancelled)]
    if sorted(gone) != sorted(doomed):
        yield f"account {account} had {doomed} live, and {gone} were cancelled"
    if MassCancelled(account, len(doomed)) not in step.events:
        yield f"nothing says that account {account} had {len(doomed)} orders"
    left = [_place(*live) for live in _everyone(step.after) if live[1].terms.account == account]
    if left:
        yield f"{left} of account {account} are live still"


@_of_step("J7")
def blocked_accounts_stay_out(step: Step) -> Sentences:
    """A blocked account has no live order, enters none and trades with nobody; only its own switch changes that."""
    command, blocked = step.command, step.before.blocked
    if not any(isinstance(event, Rejected) for event in step.events):
        if isinstance(command, KillSwitch):
            blocked |= {command.account}
        elif isinstance(command, Reinstate):
            blocked -= {command.account}
    if step.after.blocked != blocked:
        yield f"{sorted(step.after.blocked)} are blocked, and {sorted(blocked)} should be"
    for symbol, order in _everyone(step.after):
        if order.terms.account in blocked:
            yield f"order {order.order_id} of blocked account {order.terms.account} is live in {symbol}"
    entering = {order.account for order in orders_in(command, step.events)} & blocked
    if entering and any(isinstance(event, Accepted) for event in step.events):
        yield f"account {entering} is blocked, and its order was accepted"
    for scene in step.scenes:
        for party in (scene.about, scene.taker):
            if isinstance(scene.event, Trade) and party is not None and party.terms.account in step.before.blocked:
                yield f"order {party.order_id} of blocked account {party.terms.account} traded"


@_of_step("J7")
def account_cancels_are_complete(step: Step) -> Sentences:
    """A kill switch takes out every live order of the account, a disconnect those that are to go; both count right."""
    command = step.command
    if any(isinstance(event, Rejected) for event in step.events):
        return
    if not isinstance(command, KillSwitch | Disconnect):
        return
    every = isinstance(command, KillSwitch) or step.before.profile.on_disconnect is OnDisconnect.ALL
    doomed = [
        _place(symbol, order)
        for symbol, order in _everyone(step.before)
        if order.terms.account == command.account and (every or order.terms.cancel_on_disconnect)
    ]
    for one in step.before.lists:  # H4: the rest of its list goes with each of them
        members = [(place.symbol, place.order_id) for place in one.members]
        if not set(members).isdisjoint(doomed):
            doomed += [member for member in members if member not in doomed]
    gone = [(event.symbol, event.order_id) for event in step.events if isinstance(event, Cancelled)]
    if sorted(gone) != sorted(doomed):
        yield f"{doomed} of account {command.account} should go, and {gone} were cancelled"
    told = AccountBlocked if isinstance(command, KillSwitch) else AccountDisconnected
    if told(command.account, len(doomed)) not in step.events:
        yield f"nothing says that {len(doomed)} orders of account {command.account} had to go"


@_of_step("C2")
def clock_leaves_nothing_due(step: Step) -> Sentences:
    """No order outlives its time, and orders expire book by book, in order of sequence."""
    ended = DayEnded() in step.events
    for symbol, order in _everyone(step.after):
        terms = order.terms
        if terms.expires is not None and terms.expires <= step.after.clock:
            yield f"order {order.order_id} in {symbol} expired at {terms.expires}, and it is {step.after.clock}"
        if ended and terms.time_in_force is TimeInForce.DAY:
            yield f"day order {order.order_id} in {symbol} outlived its day"
    gone = [
        (event.symbol, event.order_id)
        for event in step.events
        if isinstance(event, Cancelled) and event.reason is CancelReason.EXPIRED
    ]
    if gone:
        by_sequence = [
            (symbol, order.order_id)
            for symbol, book in step.before.books.items()
            for order in sorted(book.orders(), key=lambda order: order.sequence)
        ]
        if gone != [place for place in by_sequence if place in gone]:
            yield f"orders expired as {gone}, which is not their order of sequence"


@_of_step("A5")
def snapshots_are_true(step: Step) -> Sentences:
    """A snapshot shows every book as it is, in listing order."""
    for event in step.events:
        if isinstance(event, SnapshotTaken):
            shown = [
                (
                    view.symbol,
                    view.last_price,
                    [
                        order.order_id
                        for part in (view.queue.bids, view.queue.asks, view.stops.buys, view.stops.sells)
                        for order in part
                    ],
                    set(view.lists),
                )
                for view in event.books
            ]
            books = [
                (
                    symbol,
                    book.last_price,
                    [order.order_id for order in (*book.bids, *book.asks, *book.buy_stops, *book.sell_stops)],
                    {one for one in step.after.lists if any(place.symbol == symbol for place in one.members)},
                )
                for symbol, book in step.after.books.items()
            ]
            if shown != books:
                yield f"the snapshot shows {shown}, and the books are {books}"


# ── the book as it stands ──


@_of_book("A1")
def on_the_grid(book: Book) -> Sentences:
    """Every price is a whole number of ticks and every quantity of lots, in each part of an order."""
    tick, lot = book.instrument.tick, book.instrument.lot
    for order in book.orders():
        prices = [price for price in (order.terms.price, order.terms.stop) if price is not None]
        quantities = [order.terms.quantity, *([order.slice, order.reserve] if isinstance(order, Resting) else [])]
        if any(price % tick for price in prices) or any(quantity % lot for quantity in quantities):
            yield f"order {order.order_id} has {prices} and {quantities}, with tick {tick} and lot {lot}"


@_of_book("A2")
def sequences_unique_and_past(book: Book) -> Sentences:
    """Every live order has a sequence number of its own that the book has given out."""
    for sequence, count in Counter(order.sequence for order in book.orders()).items():
        if count > 1:
            yield f"{count} orders have sequence {sequence}"
        if not 0 < sequence <= book.sequence:
            yield f"sequence {sequence} was never given out; the last is {book.sequence}"


@_of_book("A3")
def index_agrees(book: Book) -> Sentences:
    """Ids are unique, and the index leads to every live order and to nothing else."""
    live = sorted(order.order_id for order in book.orders())
    known = [location.order_id for location in book.live]
    if live != known:
        yield f"{live} are live, and the index knows {known}"
    for order in book.orders():
        if book.find(order.order_id) is not order:
            yield f"the index does not lead from {order.order_id} to its order"


@_of_book("A6", "G6")
def quantity_identity(book: Book) -> Sentences:
    """Asked for = executed + prevented + open, of every resting order, and none of them negative."""
    for order in (*book.bids, *book.asks):
        parts = (order.executed, order.prevented, order.slice + order.reserve)
        if min(parts) < 0 or sum(parts) != order.terms.quantity:
            yield f"order {order.order_id} asked for {order.terms.quantity}; executed, prevented and open are {parts}"


@_of_book("B2", "B3", "D4", "E3")
def queues_sorted(book: Book) -> Sentences:
    """Queues stand by price, displayed before hidden, then sequence; stops by nearness, then sequence."""
    for side in Side:
        for first, second in pairwise(book.side(side)):
            if (*rank(first.terms), first.sequence) >= (*rank(second.terms), second.sequence):
                yield f"{side} {first.order_id} stands before {second.order_id}, which is better"
        for near, far in pairwise(book.stops(side)):
            if (nearness(near.terms), near.sequence) >= (nearness(far.terms), far.sequence):
                yield f"{side} stop {near.order_id} waits before {far.order_id}, which is nearer"
        for order in (*book.side(side), *book.stops(side)):
            if order.terms.side is not side:
                yield f"{order.terms.side} {order.order_id} stands among the {side} orders"


@_of_step("B2", "B3")
def priority_is_strict_order(step: Step) -> Sentences:
    """Who goes first is irreflexive, asymmetric and transitive.

    Enough to show: pair by pair, the relation is that of the places in the queue. Places are numbers, and the order
    of numbers is a strict total order. Pairs of orders that both stood there before have been looked at before.
    """

    def goes_first(a: Resting, b: Resting) -> bool:
        return a[:3] < b[:3]

    for symbol, before, after in _changed(step):
        for side in Side:
            known = {order[:4] for order in before.side(side)}
            queue = list(after.side(side))
            for at, order in enumerate(queue):
                if order[:4] in known:
                    continue
                for place, other in enumerate(queue):
                    if goes_first(order, other) is not (at < place) or goes_first(other, order) is not (place < at):
                        yield f"in {symbol}, {order.order_id} is number {at} and {other.order_id} is number {place}"


@_of_book("B6", "I7")
def uncrossed(book: Book) -> Sentences:
    """In continuous trading the best bid is below the best ask: nobody could trade who has not.

    Not in the phases that collect orders (I1), nor in a halt or a close that came upon such a book.
    """
    if book.phase is not Phase.CONTINUOUS:
        return
    bids = [order.price for order in book.bids if order.terms.price is not None]
    asks = [order.price for order in book.asks if order.terms.price is not None]
    if bids and asks and max(bids) >= min(asks):
        yield f"the best bid {max(bids)} meets the best ask {min(asks)}"


@_of_book("B11", "D1", "D6")
def no_empty_slices(book: Book) -> Sentences:
    """Every order in a queue has something to trade, so there are no empty levels; every stop is for something."""
    for order in (*book.bids, *book.asks):
        if order.slice < 1 or order.reserve < 0:
            yield f"order {order.order_id} offers {order.slice} and holds {order.reserve} back"
    for stop in (*book.buy_stops, *book.sell_stops):
        if stop.terms.quantity < 1:
            yield f"stop {stop.order_id} is for {stop.terms.quantity}"


@_of_book("D1", "D4")
def iceberg_bound(book: Book) -> Sentences:
    """An iceberg offers at most its display quantity at a time, or the most of its range; any other all it has."""
    for order in (*book.bids, *book.asks):
        if order.slice > (most := largest_slice(order.terms.display or order.slice)):
            yield f"order {order.order_id} offers {order.slice}, more than its {most}"
        if order.reserve and not order.terms.display:
            yield f"order {order.order_id} holds {order.reserve} back and is no iceberg"


@_of_book("C3", "C4", "C5", "E6")
def nothing_dead_rests(book: Book) -> Sentences:
    """No market, immediate-or-cancel or fill-or-kill order rests, and no stop stands in a queue.

    Market orders do outside continuous trading, where they wait for an uncross (I6).
    """
    for order in (*book.bids, *book.asks):
        terms = order.terms
        dead = terms.price is None and book.phase is Phase.CONTINUOUS
        if dead or terms.time_in_force in (TimeInForce.IOC, TimeInForce.FOK) or terms.stop is not None:
            yield f"order {order.order_id} rests, and its terms are {terms}"


@_of_book("E1", "E5")
def no_due_stop(book: Book) -> Sentences:
    """No stop waits that the last trade has reached, or the mark, but for the end of a call (I9)."""
    if book.phase is not Phase.CONTINUOUS:
        return
    for stop in (*book.buy_stops, *book.sell_stops):
        if reached(stop.terms, book.trigger_price):
            yield f"stop {stop.order_id} at {stop.terms.stop} waits, and {book.trigger_price} has reached it"
    if book.touched:
        yield f"nobody looked at the stops after the fills at {book.touched}"


# ── every fill ──


@_of_step("B1", "B5")
def within_limits(step: Step) -> Sentences:
    """Nobody trades beyond the own limit, and no aggressor is cut short while it could trade."""
    for event, about, taker, facing in step.scenes:
        if isinstance(event, Cancelled):
            cut = taker is about and event.reason in (CancelReason.IMMEDIATE, CancelReason.MARKET)
            if cut and facing and within(about.terms, facing[0].terms.price):
                yield f"order {about.order_id} was cut short; it could trade with {facing[0].order_id}"
            continue
        for order in (about, taker):
            if order is not None and not within(order.terms, event.price):
                yield f"order {order.order_id} met another at {event.price}, beyond its limit {order.terms.price}"


@_of_step("B2", "B3", "B5", "D3", "D4", "G4", "K1")
def price_time_priority(step: Step) -> Sentences:
    """Whom an aggressor meets, to trade or not to, is the first of the queue at that instant.

    Held where levels are not shared; where they are, there is `shared_levels_in_order`.
    """
    if not step.before.profile.allocation.is_fifo:
        return
    for scene in step.scenes:
        if scene.met is not None and scene.facing[:1] != (scene.about,):
            first = [order.order_id for order in scene.facing[:1]]
            yield f"{first} was passed over: {scene.met.order_id} met {scene.about.order_id} before"


@_of_step("B4", "F3")
def maker_price(step: Step) -> Sentences:
    """Every fill, and every one that was prevented, is at the price at which the maker rested."""
    for event, maker, _, _ in step.scenes:
        if isinstance(event, Trade | Prevented) and event.price != maker.terms.price:
            yield f"{event} should be at {maker.terms.price}, where the maker rested"


@_of_step("B7", "F1")
def partial_maker_keeps_place(step: Step) -> Sentences:
    """Orders that were there before and did not move stand among themselves as they stood."""
    for symbol, tape in step.tapes.items():
        for side in Side:
            old = [order.order_id for order in step.before.books[symbol].side(side)]
            new = [order.order_id for order in step.after.books[symbol].side(side)]
            stayed = (set(old) & set(new)) - tape.moved
            was = [order_id for order_id in old if order_id in stayed]
            now = [order_id for order_id in new if order_id in stayed]
            if was != now:
                yield f"in {symbol}, {was} stand as {now}, and none of them moved"


@_of_step("D2", "D6", "E4", "F2", "F5")
def newcomers_stand_last(step: Step) -> Sentences:
    """Whoever comes to rest, moves or shows a new slice stands last of its price and rank, with a new sequence."""
    for symbol, tape in step.tapes.items():
        before, after = step.before.books[symbol], step.after.books[symbol]
        for side in Side:
            should = [(order.order_id, order.slice) for order in tape.queues[side]]
            stands = [(order.order_id, order.slice) for order in after.side(side)]
            if should != stands:
                yield f"in {symbol}, {side} orders and their slices should stand as {should}, not as {stands}"
            for order in after.side(side):
                if order.order_id in tape.moved and order.sequence <= before.sequence:
                    yield f"in {symbol}, {order.order_id} has a new place and the old sequence {order.sequence}"


@_of_step("B8", "A6")
def conservation(step: Step) -> Sentences:
    """Of every order, what was there = traded + prevented + cancelled + what is there; every event fits its order."""
    for symbol, tape in step.tapes.items():
        for why in tape.strange:
            yield f"in {symbol}, {why}"
        left = {order.order_id: order for queue in (*tape.queues.values(), tape.stops, tape.held) for order in queue}
        found = {order.order_id: standing(order) for order in step.after.books[symbol].orders()}
        for order_id in sorted(left.keys() | found.keys()):
            should, stands = left.get(order_id), found.get(order_id)
            if should is None or stands is None or should._replace(slice=0) != stands._replace(slice=0):
                yield f"in {symbol}, order {order_id} should be {should}, and it is {stands}"
    for symbol, before, after in _changed(step):
        if symbol not in step.tapes and list(before.orders()) != list(after.orders()):
            yield f"the orders of {symbol} changed, and no event says so"


@_of_step("B9")
def canonical_order(step: Step) -> Sentences:
    """With its fills merged, an aggressor's makers stand in the order in which they queued when it came."""
    for tape in step.tapes.values():
        for taker in tape.entered:
            scenes = [scene for scene in tape.scenes if scene.met is not None and scene.met.terms == taker]
            trades = canonical_trades(scene.event for scene in scenes)
            makers = [trade.maker for trade in trades]
            queued = [order.order_id for order in scenes[0].facing] if scenes else []
            if makers != [order_id for order_id in queued if order_id in makers]:
                yield f"the makers of {taker.order_id} are {makers}, and they queued as {queued}"


@_of_step("B10")
def fills_are_determined(step: Step) -> Sentences:
    """A plain order's fills are a matter of arithmetic: each maker gives what those before it left to be asked for.

    Held in continuous trading, where no maker within reach has a reserve, no prevention interferes, levels are not
    shared, no spread implies anything, and no account has both reduce-only and other orders within reach (C9).
    """
    order = step.command
    if not step.before.profile.allocation.is_fifo:
        return
    if isinstance(order, Submit) and order.symbol in step.before.families:
        return
    if not isinstance(order, Submit) or order.stop is not None or not any(isinstance(e, Accepted) for e in step.events):
        return
    book = step.before.books[order.symbol]
    if book.phase is not Phase.CONTINUOUS:
        return
    first = next((event for event in step.events if isinstance(event, Trade | Repriced)), None)
    if isinstance(first, Repriced) and first.order_id == order.order_id:  # its limit from the first (C3, C6)
        order = order._replace(price=first.price)
    makers = [maker for maker in book.side(order.side.opposite) if within(order, maker.price)]
    makers.sort(key=lambda maker: (rank(maker.terms), maker.sequence))
    makers = _inside(makers, collar(book, book.last_price))
    guarded = order.self_trade is not SelfTradePrevention.NONE
    if any(maker.reserve or (guarded and same_owner(step.before.profile, order, maker.terms)) for maker in makers):
        return
    reducers, others = set[Account](), set[Account]()
    for maker in makers:
        (reducers if maker.order_id in book.reducing.orders else others).add(maker.terms.account)
    if reducers & others:
        return
    ahead = list(accumulate((maker.slice for maker in makers), initial=0))
    wanted = order.quantity if ahead[-1] >= least(order) else 0
    fills = [(maker.order_id, min(maker.slice, wanted - so_far)) for maker, so_far in zip(makers, ahead, strict=False)]
    should = [(maker, quantity) for maker, quantity in fills if quantity > 0]
    trades = [event for event in step.events if isinstance(event, Trade) and event.taker == order.order_id]
    does = [(trade.maker, trade.quantity) for trade in canonical_trades(trades)]
    if should != does:
        yield f"order {order.order_id} should take {should}, and it took {does}"


# ── order types ──


@_of_step("C5", "C7", "L4")
def all_or_nothing(step: Step) -> Sentences:
    """A fill-or-kill order, or a basket, trades whole or leaves no trace; so does one that misses its minimum."""
    legs = {(order.symbol, order.order_id): 0 for order in orders_of(step.command) if order.stop is None}
    for tape in step.tapes.values():
        for taker in tape.entered:
            met = [scene.event for scene in step.scenes if scene.met is not None and scene.met.terms == taker]
            traded = sum(event.quantity for event in met if isinstance(event, Trade)) + _implied(step, taker)
            entering = (taker.symbol, taker.order_id)
            if entering in legs:
                legs[entering] = traded
            if 0 < traded < least(taker):
                yield f"order {taker.order_id} traded {traded} of at least {least(taker)}"
            if least(taker) and not traded and met:
                yield f"order {taker.order_id} was killed, and yet {met} happened"
            if least(taker) and not traded and entering in legs and step.after != step.before:
                yield f"order {taker.order_id} was killed, and the state is not what it was"
    if len(set(map(bool, legs.values()))) > 1:
        yield f"some legs of a basket traded and some did not: {list(legs.values())}"


@_of_step("C5", "C7", "L4")
def killed_only_if_impossible(step: Step) -> Sentences:
    """An order is killed only if its least could not trade, a basket only if that is so of a leg."""
    killed = [
        scene
        for scene in step.scenes
        if isinstance(scene.event, Cancelled) and scene.event.reason in (CancelReason.KILLED, CancelReason.MIN_QUANTITY)
    ]
    if isinstance(step.command, Route):  # an order of its owner may end it in another book: routes_take_the_best_level
        killed = [scene for scene in killed if scene.about.terms != step.command.order]
    possible = [
        f"order {scene.about.order_id} was killed, and its {least(scene.about.terms)} were there"
        for scene in killed
        if _surely_trades(step, scene) >= least(scene.about.terms)
    ]
    if isinstance(step.command, Basket):
        reached_lists = [
            sum(place.symbol in {leg.symbol for leg in step.command.legs} for place in one.others)
            for one in step.before.lists
        ]
        if len(possible) < len(killed) or max(reached_lists, default=0) > 1:
            return  # some leg was impossible, or rivals of one list stood before two legs, which cannot both trade (H1)
    yield from possible


@_of_step("C6")
def post_only_never_takes(step: Step) -> Sentences:
    """A post-only order is never an aggressor in a trade, nor in one that was prevented."""
    for scene in step.scenes:
        if scene.met is not None and scene.met.terms.post_only:
            yield f"post-only order {scene.met.order_id} met {scene.about.order_id}"
    for event in step.events:
        if isinstance(event, ImpliedTrade):  # what rested while nothing was implied has not entered now
            entered = [taker for taker in step.tapes[event.symbol].entered if taker.order_id == event.taker]
            if any(taker.post_only for taker in entered):
                yield f"post-only order {event.taker} took what is implied"


@_of_step("C3", "C6", "E6", "J5")
def new_limits_have_a_cause(step: Step) -> Sentences:
    """The venue gives an order another limit for one of four causes, and then it is the one that the cause asks for."""
    profile = step.before.profile
    for symbol, tape in step.tapes.items():
        instrument = step.before.books[symbol].instrument
        for event, about, facing, stop in tape.repriced:
            terms, best = about.terms, facing[0].terms.price if facing else None
            towards, limits = (1 if terms.side is Side.BUY else -1), tape.limits.get(about.order_id)
            causes: list[int] = []
            if terms.price is None and stop is not None and instrument.protection:
                causes.append(instrument.nearest_inside(stop + towards * instrument.protection))
            if terms.price is None and best is not None and profile.market_orders is MarketOrders.LIMIT:
                causes.append(best)
            if best is not None and within(terms, best) and terms.post_only and profile.post_only is PostOnly.REPRICE:
                causes.append(best - towards * instrument.tick)
            if best is not None and within(terms, best) and limits is not None and not limits.inside(best):
                end = limits.high if terms.side is Side.BUY else limits.low
                causes += [instrument.nearest_inside(end)] if profile.collar_action is CollarAction.REST else []
            if event.price not in causes:
                yield f"order {about.order_id} got the limit {event.price}; there is cause for {causes or 'none'}"


@_of_step("J4")
def within_band(step: Step) -> Sentences:
    """No order is taken, or replaced, at a price that it names and that is too far from the reference."""
    command = step.command
    named: list[Submit | Replace] = [*orders_of(command), *([command] if isinstance(command, Replace) else [])]
    if any(isinstance(event, Accepted | Replaced) for event in step.events):
        for order in named:
            book = step.before.books[order.symbol]
            width, reference = book.instrument.band, book.reference
            if width and None not in (reference, order.price) and abs((order.price or 0) - (reference or 0)) > width:
                yield f"{order.price} was taken in {order.symbol}; the reference is {reference}, the band {width} wide"
    for symbol, before, after in _changed(step):
        told = isinstance(command, SetReference) and ReferenceSet(symbol, command.price) in step.events
        if after.reference != (command.price if told and isinstance(command, SetReference) else before.reference):
            yield f"the reference of {symbol} was {before.reference} and is {after.reference}"


@_of_step("J5")
def within_collar(step: Step) -> Sentences:
    """No aggressor trades outside the collar that it got when it came, or has a trade prevented there."""
    for tape in step.tapes.values():
        for scene in tape.scenes:
            limits = None if scene.met is None else tape.limits.get(scene.met.order_id)
            if limits is not None and not limits.inside(scene.about.terms.price):
                yield f"{scene.event} is outside the collar from {limits.low} to {limits.high}"


@_of_step("B8")
def cancels_have_a_cause(step: Step) -> Sentences:
    """Every cancel gives a reason that the command, or the order's own terms, bear out."""
    for scene in step.scenes:
        if isinstance(scene.event, Cancelled) and not _bears_out(step, scene, scene.event.reason):
            yield f"order {scene.about.order_id} was cancelled for {scene.event.reason}, and nothing bears that out"


# ── stops ──


@_of_step("E1", "E2", "E3", "E5")
def stops_take_their_turn(step: Step) -> Sentences:
    """Stops are triggered when matching has ended and they are due: nearest first, then by sequence, until none is."""
    for symbol, tape in step.tapes.items():
        for why in tape.untimely:
            yield f"in {symbol}, {why}"


@_of_step("E1")
def last_price_is_the_last_trade(step: Step) -> Sentences:
    """The price that triggers stops is that of the last trade in the book."""
    prices = {symbol: book.last_price for symbol, book in step.before.books.items()}
    for event in step.events:
        if isinstance(event, Trade | ImpliedTrade):
            prices[event.symbol] = event.price
        if isinstance(event, ImpliedTrade):
            prices |= {leg.symbol: leg.price for leg in event.legs}
    for symbol, price in prices.items():
        if symbol in step.after.books and step.after.books[symbol].last_price != price:
            yield f"{symbol} last traded at {price}, and it says {step.after.books[symbol].last_price}"


@_of_step("E1")
def marks_are_set_by_command(step: Step) -> Sentences:
    """Where stops follow the mark, it is what the last command that set it says; elsewhere there is none."""
    for symbol, book in step.before.books.items():
        command, mark = step.command, book.mark
        follows = step.before.profile.stop_reference is StopReference.MARK
        if isinstance(command, SetMark) and command.symbol == symbol and isinstance(step.events[0], MarkSet):
            mark = command.price if follows else None
        if symbol in step.after.books and step.after.books[symbol].mark != mark:
            yield f"the mark of {symbol} should be {mark}, and it is {step.after.books[symbol].mark}"


# ── self-trade prevention ──


@_of_step("G1", "G2")
def no_self_trade(step: Step) -> Sentences:
    """An aggressor that asks for prevention never trades with its own owner."""
    for scene in step.scenes:
        if scene.met is None or not isinstance(scene.event, Trade):
            continue
        taker, maker = scene.met.terms, scene.about.terms
        if taker.self_trade is not SelfTradePrevention.NONE and same_owner(step.before.profile, taker, maker):
            yield f"order {taker.order_id} traded with {maker.order_id} of the same owner"


@_of_step("G2", "G3", "G4")
def prevention_has_a_cause(step: Step) -> Sentences:
    """Prevention does what the aggressor asked for, and only to two orders of one owner that would trade now."""
    mode = SelfTradePrevention
    for scene in step.scenes:
        event, about, taker, facing = scene
        if about is taker and isinstance(step.command, Route) and about.terms == step.command.order:
            continue  # the cause may stand in another book: routes_take_the_best_level
        if isinstance(event, Trade) or (isinstance(event, Cancelled) and event.reason is not CancelReason.SELF_TRADE):
            continue
        asked = mode.NONE if taker is None else taker.terms.self_trade
        maker = foremost(step.before.profile, taker, facing) if facing and about is taker else about
        justified = (
            taker is not None
            and within(taker.terms, maker.terms.price)
            and same_owner(step.before.profile, taker.terms, maker.terms)
        )
        if isinstance(event, Prevented) or not about.leaves:
            justified = asked.decrements and (justified or about is taker)
        elif about is taker:
            justified = asked is mode.CANCEL_BOTH or (asked is mode.CANCEL_TAKER and justified)
        else:
            justified = asked in (mode.CANCEL_MAKER, mode.CANCEL_BOTH) and justified
        if not justified:
            yield f"nothing justifies {event}: the aggressor is {taker}"


@_of_step("G1", "G3")
def transfers_are_asked_for_by_both(step: Step) -> Sentences:
    """Prevented quantity moves between accounts if and only if these are two and both orders asked for it, at once."""
    terms = {_place(symbol, order): order.terms for symbol, order in _everyone(step.before)}
    brought = (*orders_in(step.command, step.events), *list_invariants.legs_of(step))
    terms |= {(order.symbol, order.order_id): order for order in brought}
    if isinstance(step.command, Route):  # which meets others in their books (L5)
        order = step.command.order
        terms = {(symbol, order.order_id): order for symbol in step.before.books} | terms
    due: list[Event] = []
    for at, event in enumerate(step.events):
        if not isinstance(event, Prevented):
            continue
        places = [(event.symbol, order_id) for order_id in (event.maker, event.taker)]
        two = [terms[place] for place in places if place in terms]
        if len({it.account for it in two if it.self_trade is SelfTradePrevention.TRANSFER}) < 2:
            continue
        buyer, seller = sorted(two, key=lambda it: it.side is Side.SELL)
        moves = Transferred(event.symbol, event.price, event.quantity, buyer.account, seller.account)
        due.append(moves)
        if step.events[at + 1 : at + 2] != (moves,):
            yield f"{event} should be followed by {moves}"
    said = [event for event in step.events if isinstance(event, Transferred)]
    if said != due:
        yield f"{said} were transferred, and it should be {due}"


@_of_step("G5")
def remainder_never_rests(step: Step) -> Sentences:
    """Who was cancelled is gone, and an aggressor that asks for both to be cancelled goes with the maker."""
    for symbol, tape in step.tapes.items():
        for scene in tape.scenes:
            if not isinstance(scene.event, Cancelled):
                continue
            if _live(step.after, symbol, scene.about.order_id):
                yield f"order {scene.about.order_id} was cancelled, and it is live in {symbol}"
            if scene.met is not None and scene.met.terms.self_trade is SelfTradePrevention.CANCEL_BOTH:
                at = step.events.index(scene.event)
                following = [other.order_id for other in step.events[at + 1 : at + 2] if isinstance(other, Cancelled)]
                if following != [scene.met.order_id]:
                    yield f"{scene.about.order_id} was cancelled for meeting {scene.met.order_id}, which goes on"


# ── levels that are shared ──

_of_step("B2", "B5", "D3", "D4", "K8")(shared.shared_levels_in_order)
_of_step("K8", "K9")(shared.level_is_shared_out)
_of_step("K3")(shared.top_bettered_the_market)
_of_step("K3")(shared.top_is_served_first)
_of_step("K5")(shared.market_makers_get_their_percentage)
_of_step("K2", "K4", "K6", "K7")(shared.the_rest_is_in_proportion)


# ── reports ──


@_of_step("O1")
def reports_tell_where_orders_stand(step: Step) -> Sentences:
    """What is reported of an order last is how its book has it, and no order changes without a report."""
    books = {symbol: _journal(step.before.books[symbol]) for symbol in step.tapes}
    # What a bust or a block trade moves is in no book: `report_checks` holds their reports to the rules.
    about_books = [event for event in step.events if not isinstance(event, Busted | BlockTraded)]
    try:
        _, reports = report(Desk(step.before.profile, books), step.command, about_books)
    except ValueError as error:
        yield str(error)
        return
    last = {
        (told.symbol, told.order_id): told
        for told in reports
        if isinstance(told, ExecutionReport) and told.exec_type is not ExecType.REJECTED
    }
    for symbol, before, after in _changed(step):
        were = {order.order_id: order for order in before.orders()}
        for order in after.orders():
            told, was = last.pop((symbol, order.order_id), None), were.pop(order.order_id, None)
            now = _standing_of(order)
            if told is None:
                if was is not order and (was is None or _standing_of(was) != now):
                    yield f"order {order.order_id} of {symbol} came or changed, and no report says so"
                continue
            said = (told.ord_status, told.working, told.price, told.order_qty, told.cum_qty, told.leaves_qty)
            if said != now:
                yield f"order {order.order_id} of {symbol} is reported as {said}, and it is {now}"
        for order_id in were:
            gone = last.get((symbol, order_id))
            if gone is None or not gone.ord_status.ended:
                yield f"order {order_id} of {symbol} is gone, and no report says so"
    for (symbol, order_id), told in last.items():
        if not told.ord_status.ended and not _live(step.after, symbol, order_id):
            yield f"order {order_id} of {symbol} is reported as {told.ord_status.name}, and it is not live"


# ── auctions ──


@_of_step("I1", "I9")
def nothing_matches_in_a_call(step: Step) -> Sentences:
    """A book that collects orders does not trade, nor trigger, but by the uncross; and only a call ends with one."""
    for event in step.events:
        symbol = symbol_of(event)
        if symbol is None or symbol not in step.before.books:
            continue
        phase, command = step.before.books[symbol].phase, step.command
        uncrosses = phase is Phase.CALL and command == SetPhase(symbol, Phase.CONTINUOUS)
        if isinstance(event, Uncrossed) and not uncrosses:
            yield f"{event}, and {symbol} does not go from a call to continuous trading"
        if isinstance(event, Trade | Prevented | Triggered) and phase.collects and not uncrosses:
            yield f"{event} happened while {symbol} collects orders"
    for symbol, book in step.before.books.items():
        if book.phase is Phase.CALL and step.after.books[symbol].phase is Phase.CONTINUOUS:
            said = sum(isinstance(event, Uncrossed) and event.symbol == symbol for event in step.events)
            if said != 1:
                yield f"the call of {symbol} ended with {said} uncrosses"


@_of_step("I6")
def one_price_per_uncross(step: Step) -> Sentences:
    """All fills of an uncross are at the price it names, within both limits, and add up to its volume."""
    for symbol, tape in step.tapes.items():
        if tape.uncrossed is None:
            continue
        price, volume = tape.uncrossed.price, tape.uncrossed.volume
        traded = sum(cross.event.quantity for cross in tape.crosses)
        if traded != volume or (price is None) is not (volume == 0):
            yield f"in {symbol}, {traded} lots traded, and {tape.uncrossed} was said"
        for event, bids, asks in tape.crosses:
            if event.price != price:
                yield f"{event} is not at {price}, the price of the uncross"
            for order in (*bids, *asks):
                if order.order_id in (event.maker, event.taker) and not within(order.terms, event.price):
                    yield f"order {order.order_id} traded at {event.price}, beyond its limit {order.terms.price}"


@_of_step("I2", "I3")
def auction_volume_is_maximal(step: Step) -> Sentences:
    """At no limit in the book could more have traded, nor as much with a smaller surplus."""
    for symbol, tape in step.tapes.items():
        if tape.uncrossed is None:
            continue
        before = step.before.books[symbol]
        limits = {order.terms.price for order in (*before.bids, *before.asks)} - {None}
        for price in sorted(price for price in limits if price is not None):
            wanted = sum(order.leaves for order in before.bids if within(order.terms, price))
            offered = sum(order.leaves for order in before.asks if within(order.terms, price))
            volume, surplus = min(wanted, offered), abs(wanted - offered)
            if (volume, -surplus) > (tape.uncrossed.volume, -abs(tape.uncrossed.surplus)) and volume:
                yield f"in {symbol}, {volume} could trade at {price}, with {surplus} left over: {tape.uncrossed}"
            if price == tape.uncrossed.price and wanted - offered != tape.uncrossed.surplus:
                yield f"in {symbol}, {wanted} would be bought and {offered} sold at {price}: {tape.uncrossed}"


@_of_step("I6", "I8", "I10")
def better_orders_fill_first(step: Step) -> Sentences:
    """In an uncross nobody trades while somebody better is open, and who is strictly better than its price fills."""
    for symbol, tape in step.tapes.items():
        for event, bids, asks in tape.crosses:
            for order_id, first in ((event.taker, bids[:1]), (event.maker, asks[:1])):
                if [order.order_id for order in first] != [order_id]:
                    yield f"in {symbol}, {order_id} traded in the uncross before {[order.order_id for order in first]}"
        if tape.uncrossed is None or tape.uncrossed.price is None:
            continue
        price = tape.uncrossed.price
        traded: Counter[OrderId] = Counter()
        for cross in tape.crosses:
            traded.update({cross.event.maker: cross.event.quantity, cross.event.taker: cross.event.quantity})
        before = step.before.books[symbol]
        for order in (*before.bids, *before.asks):
            limit = order.terms.price
            strictly = limit is not None and limit != price and within(order.terms, price)
            if strictly and traded[order.order_id] != order.leaves:
                yield f"order {order.order_id} is better than {price}, and {traded[order.order_id]} of it traded"


# ── lists of orders ──

for _rules, _predicate in list_invariants.PREDICATES:
    _of_step(*_rules)(_predicate)

for _rules, _predicate in account_invariants.PREDICATES:
    _of_step(*_rules)(_predicate)

for _rules, _predicate in budget_invariants.PREDICATES:
    _of_step(*_rules)(_predicate)

# ── orders over several books ──


@_of_step("L5")
def routes_take_the_best_level(step: Step) -> Sentences:
    """A routed order meets the best level of its group, and stops, or is killed, only when there is none for it."""
    if isinstance(step.command, Route):
        yield from route_breaches(step.before, step.command, step.events)


@_of_step("L2", "L3", "B6")
def nothing_implied_remains(step: Step) -> Sentences:
    """No order of a spread could trade with orders of its legs."""
    if step.after != step.before:
        yield from still_implied(step.after)


@_of_step("L1", "L2", "L3")
def implied_trades_are_right(step: Step) -> Sentences:
    """An implied trade is at the price that its legs make up, the best there was, and behind orders of its own book."""
    if any(isinstance(event, Trade | Prevented | ImpliedTrade) for event in step.events):
        yield from implied_breaches(step.before, step.command, step.events, step.after)


INVARIANTS: tuple[Invariant, ...] = tuple(_TABLE)
"""Every invariant, in the order in which `broken` asks them."""


# ── small things ──


def symbol_of(event: Event) -> Symbol | None:
    """The book that an event is about, if it is about one."""
    symbol: Symbol | None = getattr(event, "symbol", None)
    return symbol


def _changed(step: Step) -> Iterator[tuple[Symbol, Book, Book]]:
    """Books that are not the very same object as before: the rest cannot have changed."""
    for symbol, before in step.before.books.items():
        after = step.after.books[symbol]
        if after is not before:
            yield symbol, before, after


def _everyone(state: Exchange) -> Iterator[tuple[Symbol, Resting | Pending]]:
    """Every live order of every book."""
    for symbol, book in state.books.items():
        for order in book.orders():
            yield symbol, order


def _place(symbol: Symbol, order: Resting | Pending) -> tuple[Symbol, OrderId]:
    return symbol, order.order_id


def _live(state: Exchange, symbol: Symbol, order_id: OrderId) -> bool:
    return symbol in state.books and any(order.order_id == order_id for order in state.books[symbol].orders())


def _known(order: Resting | Pending) -> Known:
    """A live order as the desk that reports on it knows it; what its fills came to is in no book."""
    if isinstance(order, Pending):
        return Known(order.order_id, order.terms, working=False, held=isinstance(order, Held))
    return Known(order.order_id, order.terms, order.executed, order.prevented)


def _standing_of(order: Resting | Pending) -> tuple[OrdStatus, bool, Ticks | None, Lots, Lots, Lots]:
    """What a report on a live order should say: status, whether it works, price, and ordered, executed and open."""
    now = standing(order)
    status = OrdStatus.PARTIALLY_FILLED if now.executed else OrdStatus.NEW
    if isinstance(order, Held):
        status = OrdStatus.PENDING_NEW
    ordered = now.terms.quantity - now.prevented
    return status, isinstance(order, Resting), now.terms.price, ordered, now.executed, now.leaves


def _journal(book: Book) -> Journal:
    """What a desk keeps of a book."""
    return Journal(orders=SortedTuple({order.order_id: _known(order) for order in book.orders()}.values()))


def _held(state: Exchange) -> Iterator[Submit]:
    """The orders that lists hold back."""
    return (order.terms for book in state.books.values() for order in book.held)


def _reach(command: Command, state: Exchange) -> set[Symbol]:
    """The books that a command may change: its own, those that spreads tie to them if it can trade (L2), and those
    that lists tie to these (H1, H2)."""
    reached_books = _named(command, state)
    if command == Resume():
        reached_books |= state.families.keys()
    elif not isinstance(command, Cancel | Halt):
        reached_books |= {member for symbol in reached_books for member in state.families.get(symbol, ())}
    more = True
    while more:
        tied = [{place.symbol for place in one.members} for one in state.lists]
        wider = reached_books.union(*(symbols for symbols in tied if symbols & reached_books))
        more, reached_books = wider != reached_books, wider
    if isinstance(command, Halt | Resume | SetPhase) or state.profile.collar_action is CollarAction.HALT:
        dependent = {symbol for symbol in state.books if reached_books.intersection(_chain(state, symbol))}
        return reached_books | dependent  # they are told of a halt (J6)
    return reached_books


def _implied(step: Step, taker: Submit) -> Lots:
    """What an order traded with what was implied."""
    mine = taker.symbol, taker.order_id
    trades = [event for event in step.events if isinstance(event, ImpliedTrade)]
    return sum(trade.quantity for trade in trades if (trade.symbol, trade.taker) == mine)


def _named(command: Command, state: Exchange) -> set[Symbol]:
    match command:
        case Submit() | Cancel() | Replace() | SetReference():
            return {command.symbol}
        case Basket():
            return {leg.symbol for leg in command.legs}
        case SubmitList():
            return {leg.symbol for leg in command.legs}
        case Reduce() | BlockTrade() | Spend():
            return {command.symbol}
        case Deposit() | Withdraw():  # `accounts_are_not_books` holds that they change none
            return set() if command.symbol is None else {command.symbol}
        case Bust():  # may be of a basket's trade in any book; the same holds
            return set(state.books)
        case SetLimits():
            return set()
        case Route():
            own = state.books.get(command.order.symbol)
            if own is None or not own.instrument.group:
                return {command.order.symbol}
            return {symbol for symbol, book in state.books.items() if book.instrument.group == own.instrument.group}
        case SetMark():
            return {command.symbol}
        case Liquidate():
            return set(state.books)
        case Halt() | Resume():
            return set() if command.symbol is None else {command.symbol}
        case SetPhase():
            return {command.symbol}
        case IndexLevel():
            return set()
        case MassCancel() | AdvanceClock() | EndOfDay() | KillSwitch() | Disconnect():
            return set(state.books)
        case TakeSnapshot() | Reinstate():
            return set()


def _of_one_order(event: Cancelled | Replaced, command: Cancel | Replace) -> bool:
    return (event.symbol, event.order_id) == (command.symbol, command.order_id)


def _acknowledges(event: Event, command: Command) -> bool:
    """Whether an event is the answer that a command is due when it is not refused."""
    match command:
        case Submit() | Basket() | Reduce() | Route():
            asked = [(order.symbol, order.order_id) for order in orders_of(command)]
            return isinstance(event, Accepted) and (event.symbol, event.order_id) in asked
        case Spend():
            return isinstance(event, Accepted) and order_of(command, event) is not None
        case Deposit():
            return event == Deposited(command.account, command.amount, command.symbol)
        case Withdraw():
            return event == Withdrawn(command.account, command.amount, command.symbol)
        case SetLimits():
            return event == LimitsSet(command.account, command.limits)
        case SetMark():
            return event == MarkSet(command.symbol, command.price)
        case Liquidate():
            return isinstance(event, Liquidated) and event.account == command.account
        case BlockTrade():
            made = (command.symbol, command.price, command.quantity, command.buyer, command.seller)
            return isinstance(event, BlockTraded) and made == (
                event.symbol,
                event.price,
                event.quantity,
                event.buyer,
                event.seller,
            )
        case Bust():
            return isinstance(event, Busted) and (event.symbol, event.trade) == (command.symbol, command.trade)
        case Cancel():
            return isinstance(event, Cancelled) and _of_one_order(event, command)
        case Replace():
            if isinstance(event, Cancelled) and event.reason is not CancelReason.REPLACED:
                return False
            return isinstance(event, Replaced | Cancelled) and _of_one_order(event, command)
        case MassCancel():
            return isinstance(event, MassCancelled)
        case Halt():
            return event == Halted(command.symbol)
        case Resume():
            return event == Resumed(command.symbol)
        case AdvanceClock():
            return event == ClockAdvanced(command.now)
        case EndOfDay():
            return event == DayEnded()
        case TakeSnapshot():
            return isinstance(event, SnapshotTaken)
        case SetPhase():
            return event == PhaseChanged(command.symbol, command.phase)
        case SubmitList():
            return isinstance(event, ListAccepted)
        case KillSwitch():
            return isinstance(event, AccountBlocked)
        case Reinstate():
            return event == AccountReinstated(command.account)
        case Disconnect():
            return isinstance(event, AccountDisconnected)
        case SetReference():
            return event == ReferenceSet(command.symbol, command.price)
        case IndexLevel():
            return isinstance(event, IndexMoved)


def _bears_out(step: Step, scene: Scene, reason: CancelReason) -> bool:
    """Whether the command or the order's terms are such that it could be cancelled for this reason."""
    command, order, terms = step.command, scene.about, scene.about.terms
    match reason:
        case CancelReason.REQUESTED:
            return isinstance(command, Cancel) and command.order_id == order.order_id
        case CancelReason.MASS_CANCEL:
            return isinstance(command, MassCancel | Liquidate) and command.account == terms.account
        case CancelReason.KILL_SWITCH:
            return isinstance(command, KillSwitch) and command.account == terms.account
        case CancelReason.DISCONNECTED:
            return isinstance(command, Disconnect) and command.account == terms.account
        case CancelReason.EXPIRED:
            over = isinstance(command, AdvanceClock) and terms.expires is not None and terms.expires <= command.now
            return over or (isinstance(command, EndOfDay) and terms.time_in_force is TimeInForce.DAY)
        case CancelReason.REPLACED:
            if not isinstance(command, Replace):
                return False
            places = {Place(command.symbol, command.order_id), Place(terms.symbol, order.order_id)}
            if len(places) > 1 and not any(places <= set(one.others) for one in step.before.lists):  # H1: or of a rival
                return False
            total = step.before.profile.replace_quantity is ReplaceQuantity.TOTAL
            return total and command.quantity <= order.executed + order.prevented
        case CancelReason.CONTINGENT | CancelReason.REFUSED:
            return True  # lists_come_and_go looks at these
        case CancelReason.SELF_TRADE:
            return scene.taker is not None  # the rest is prevention_has_a_cause
        case CancelReason.IMMEDIATE:
            borne_out = terms.time_in_force is TimeInForce.IOC
        case CancelReason.KILLED:
            borne_out = terms.time_in_force is TimeInForce.FOK
        case CancelReason.MARKET:
            if terms.price is None and scene.taker is None:  # it waited for an uncross, and that is over
                return step.tapes[terms.symbol].uncrossed is not None
            borne_out = terms.price is None
        case CancelReason.MIN_QUANTITY:
            borne_out = terms.min_quantity > 0
        case CancelReason.POST_ONLY:
            met = bool(scene.facing) and within(terms, scene.facing[0].terms.price)
            implied = terms.symbol in step.before.families  # a quote that no tape of one book shows
            borne_out = terms.post_only and (met or implied)
        case CancelReason.REDUCE_ONLY:  # cuts_are_due looks at how much
            was_there = order.order_id in step.before.books[terms.symbol].reducing.orders
            return order is not scene.taker and (was_there or isinstance(command, Reduce))
        case CancelReason.COLLAR:
            limits = step.tapes[terms.symbol].limits.get(terms.order_id)
            best = scene.facing[0].terms.price if scene.facing else None
            borne_out = limits is not None and within(terms, best) and not limits.inside(best)
    return borne_out and order is scene.taker


def _halted(state: Exchange, symbol: Symbol) -> bool:
    """Whether a book is halted now: by itself, with one that it depends on, or with the market (J2, J6)."""
    return state.halted or any(state.books[at].phase is Phase.HALT for at in _chain(state, symbol))


def _chain(state: Exchange, symbol: Symbol) -> list[Symbol]:
    """A book, and those that it depends on (J6)."""
    chain = [symbol]
    while (underlying := state.books[chain[-1]].instrument.underlying) is not None:
        chain.append(underlying)
    return chain


def _inside(makers: list[Resting], limits: Limits | None) -> list[Resting]:
    """Those makers that come before the first one outside a collar."""
    return list(takewhile(lambda maker: limits is None or limits.inside(maker.price), makers))


def _surely_trades(step: Step, scene: Scene) -> Lots:
    """A quantity that an aggressor can trade whatever prevention does.

    Counts makers within the limit, without own ones and such as a fill may cut (C9); where prevention would end or
    shrink the aggressor, only the levels better than that of the first own order.
    """
    profile, taker = step.before.profile, scene.about.terms
    limits = step.tapes[taker.symbol].limits.get(taker.order_id)
    if taker.price is None and scene.facing and profile.market_orders is MarketOrders.LIMIT:
        taker = taker._replace(price=scene.facing[0].terms.price)
    makers = [maker for maker in scene.facing if within(taker, maker.terms.price)]
    if limits is not None:
        makers = list(takewhile(lambda maker: limits.inside(maker.terms.price), makers))
    if taker.self_trade is not SelfTradePrevention.NONE:
        own = [maker for maker in makers if same_owner(profile, taker, maker.terms)]
        if own and taker.self_trade is not SelfTradePrevention.CANCEL_MAKER:
            makers = [maker for maker in makers if rank(maker.terms)[0] < rank(own[0].terms)[0]]
        makers = [maker for maker in makers if maker not in own]
    reducers = step.before.books[taker.symbol].reducing.orders
    makers = [maker for maker in makers if maker.order_id not in reducers]
    return min(taker.quantity, sum(maker.leaves for maker in makers))
