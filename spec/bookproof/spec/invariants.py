"""What must hold after any step: named predicates, one for each property of the rule book.

They are written apart from the oracle and never ask it to match. Some look at the books as they stand. Some look at a
whole step: the state before, the command, the events, the state after. The rest look at a `Tape`: the events replayed
order by order over the book before, which says who led the queue at each fill and what should be left in the end.

Each predicate yields a sentence for everything it finds wrong, and nothing when all is well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import combinations, pairwise
from typing import NamedTuple, TypeAlias

from bookproof.spec.book import Book, Pending
from bookproof.spec.commands import (
    AdvanceClock,
    Basket,
    Cancel,
    Command,
    EndOfDay,
    Halt,
    MassCancel,
    Replace,
    Resume,
    Submit,
    TakeSnapshot,
)
from bookproof.spec.events import (
    Accepted,
    Cancelled,
    ClockAdvanced,
    DayEnded,
    Event,
    Halted,
    MassCancelled,
    Prevented,
    Rejected,
    Replaced,
    Resumed,
    SnapshotTaken,
    Trade,
    Triggered,
    canonical_trades,
)
from bookproof.spec.exchange import Exchange
from bookproof.spec.kernel import Resting
from bookproof.spec.profile import Profile, ReplaceKeeps, ReplaceQuantity
from bookproof.spec.reasons import CancelReason
from bookproof.spec.values import (
    Lots,
    OrderId,
    Phase,
    SelfTradePrevention,
    Side,
    Symbol,
    Ticks,
    TimeInForce,
)
from bookproof.spec.views import PendingStop, QueuedOrder

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


def broken(before: Exchange, command: Command, events: Iterable[Event], after: Exchange) -> list[Breach]:
    """Every breach of every invariant in one step; an empty list when the step is right.

    A book that the step left alone, the very same object, is not looked at again: what it held before, it holds still.
    Costs O(orders) for each event, and O(orders²) for each book that changed.

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
    named = {symbol for event in events if (symbol := getattr(event, "symbol", None)) in before.books}
    tapes = {symbol: Tape(before, command, events, symbol) for symbol in before.books if symbol in named}
    step = Step(before, command, events, after, tapes)
    return [Breach(name, rules, why) for name, rules, predicate in INVARIANTS for why in predicate(step)]


# ── the table of invariants ──

_TABLE: list[Invariant] = []


def _of_step(*rules: str) -> Callable[[Callable[[Step], Sentences]], Callable[[Step], Sentences]]:
    """Enter a predicate over steps in the table, under its own name."""

    def enter(predicate: Callable[[Step], Sentences]) -> Callable[[Step], Sentences]:
        _TABLE.append(Invariant(predicate.__name__, rules, predicate))
        return predicate

    return enter


def _of_book(*rules: str) -> Callable[[Callable[[Book], Sentences]], Callable[[Book], Sentences]]:
    """Enter a predicate over books in the table: it is asked about every book that the step changed."""

    def enter(predicate: Callable[[Book], Sentences]) -> Callable[[Book], Sentences]:
        def over(step: Step) -> Sentences:
            for symbol, book in step.after.books.items():
                if book is not step.before.books.get(symbol):
                    for why in predicate(book):
                        yield f"in {symbol}, {why}"

        _TABLE.append(Invariant(predicate.__name__, rules, over))
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
    orders = {(order.symbol, order.order_id): order for order in orders_of(step.command)}
    for event in given:
        if isinstance(event, Accepted):
            order = orders.get((event.symbol, event.order_id))
            if order is None or event[2:] != (order.side, order.price, order.quantity):
                yield f"{event} does not say what was asked for"


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
    """A command changes no book that it does not reach."""
    if step.before.books.keys() != step.after.books.keys():
        yield "the listing changed"
    reached = _reach(step.command, step.before)
    for symbol in step.before.books.keys() - reached:
        if step.before.books[symbol] != step.after.books.get(symbol):
            yield f"{type(step.command).__name__} changed {symbol}, which it does not name"
    for event in step.events:
        symbol = getattr(event, "symbol", None)
        if not isinstance(event, Rejected | Halted | Resumed) and symbol is not None and symbol not in reached:
            yield f"{event} is about a book that {type(step.command).__name__} does not name"


@_of_step("A3")
def ids_live_once(step: Step) -> Sentences:
    """An id is accepted only while it is free, and cancelled or replaced only while it is live."""
    for event in step.events:
        if isinstance(event, Accepted) and _live(step.before, event.symbol, event.order_id):
            yield f"order {event.order_id} was accepted while it is live in {event.symbol}"
    if isinstance(step.command, Cancel | Replace):
        refused = any(isinstance(event, Rejected) for event in step.events)
        if not refused and not _live(step.before, step.command.symbol, step.command.order_id):
            yield f"{step.command} should be refused: the order is not live"


@_of_step("A5")
def clock_moves_by_command(step: Step) -> Sentences:
    """Only `AdvanceClock` moves the clock, to the time it names, and never back."""
    moved = any(isinstance(event, ClockAdvanced) for event in step.events)
    now = step.command.now if moved and isinstance(step.command, AdvanceClock) else step.before.clock
    if step.after.clock != now:
        yield f"the clock shows {step.after.clock}, not {now}"
    if step.after.clock < step.before.clock:
        yield f"the clock went back from {step.before.clock} to {step.after.clock}"


@_of_step("J1", "J6")
def phases_change_by_command(step: Step) -> Sentences:
    """Only `Halt` and `Resume` change a phase: of the book they name, or the market's own switch."""
    done = any(isinstance(event, Halted | Resumed) for event in step.events)
    halting = isinstance(step.command, Halt)
    named = step.command.symbol if isinstance(step.command, Halt | Resume) else None
    for symbol, book in step.before.books.items():
        phase = book.phase if not done or symbol != named else Phase.HALT if halting else Phase.CONTINUOUS
        if step.after.books[symbol].phase is not phase:
            yield f"{symbol} is {step.after.books[symbol].phase}, not {phase}"
    halted = halting if done and named is None else step.before.halted
    if step.after.halted is not halted:
        yield f"the market is{'' if step.after.halted else ' not'} halted, and no command says so"


@_of_step("J2", "J6")
def no_trade_while_halted(step: Step) -> Sentences:
    """In a halted book nothing enters, changes, is triggered or trades."""
    for event in step.events:
        if isinstance(event, Accepted | Replaced | Triggered | Trade | Prevented):
            book = step.before.books.get(event.symbol)
            if step.before.halted or (book is not None and book.phase is Phase.HALT):
                yield f"{event} happened while {event.symbol} is halted"


@_of_step("J7")
def mass_cancel_is_complete(step: Step) -> Sentences:
    """After a mass cancel the account has no live order, all others have theirs, and the count is right."""
    if not isinstance(step.command, MassCancel):
        return
    account = step.command.account
    for told in (event for event in step.events if isinstance(event, MassCancelled)):
        doomed = {(s, order.order_id) for s, order in _everyone(step.before) if order.terms.account == account}
        gone = [(event.symbol, event.order_id) for event in step.events if isinstance(event, Cancelled)]
        if sorted(gone) != sorted(doomed):
            yield f"account {account} had {sorted(doomed)} live, and {sorted(gone)} were cancelled"
        if (told.account, told.orders) != (account, len(doomed)):
            yield f"{told} should name account {account} and {len(doomed)} orders"
        for symbol, order in _everyone(step.after):
            if order.terms.account == account:
                yield f"order {order.order_id} of account {account} is still live in {symbol}"


@_of_step("C2")
def clock_leaves_nothing_due(step: Step) -> Sentences:
    """No order outlives its time, and orders expire in order of sequence, book by book."""
    for symbol, order in _everyone(step.after):
        terms = order.terms
        if terms.expires is not None and terms.expires <= step.after.clock:
            yield f"order {order.order_id} in {symbol} expired at {terms.expires}, and it is {step.after.clock}"
        if terms.time_in_force is TimeInForce.DAY and any(isinstance(event, DayEnded) for event in step.events):
            yield f"day order {order.order_id} in {symbol} outlived its day"
    listed = list(step.before.books)
    places = {
        (symbol, order.order_id): (listed.index(symbol), order.sequence) for symbol, order in _everyone(step.before)
    }
    expired = [event for event in step.events if isinstance(event, Cancelled) and event.reason is CancelReason.EXPIRED]
    for first, second in pairwise(expired):
        if places.get((first.symbol, first.order_id), ()) > places.get((second.symbol, second.order_id), ()):
            yield f"order {first.order_id} expired before {second.order_id}, which is earlier"


# ── the book as it stands ──


@_of_book("A1")
def on_the_grid(book: Book) -> Sentences:
    """Every price is a whole number of ticks and every quantity of lots, what is shown included."""
    tick, lot = book.instrument.tick, book.instrument.lot
    for order in book.orders():
        prices = [price for price in (order.terms.price, order.terms.stop) if price is not None]
        quantities = [order.terms.quantity, *([order.slice, order.reserve] if isinstance(order, Resting) else [])]
        if any(price % tick for price in prices) or any(quantity % lot for quantity in quantities):
            yield f"order {order.order_id} has {prices} and {quantities}, with tick {tick} and lot {lot}"


@_of_book("A2")
def sequences_unique_and_past(book: Book) -> Sentences:
    """Every live order has a sequence number of its own that the book has given out."""
    counts = Counter(order.sequence for order in book.orders())
    for sequence, count in counts.items():
        if count > 1:
            yield f"{count} orders have sequence {sequence}"
        if not 0 < sequence <= book.sequence:
            yield f"sequence {sequence} was never given out; the last is {book.sequence}"


@_of_book("A3")
def index_agrees(book: Book) -> Sentences:
    """Ids are unique, and the index finds every live order and nothing else."""
    ids = sorted(order.order_id for order in book.orders())
    if ids != [location.order_id for location in book.live]:
        yield f"{ids} are live, and the index knows {[location.order_id for location in book.live]}"
    for order in book.orders():
        if book.find(order.order_id) != order:
            yield f"the index does not lead from {order.order_id} to its order"


@_of_book("A6", "G6")
def quantity_identity(book: Book) -> Sentences:
    """Asked for = executed + prevented + open, of every resting order, none of them negative."""
    for order in (*book.bids, *book.asks):
        parts = (order.executed, order.prevented, order.slice + order.reserve)
        if min(parts) < 0 or sum(parts) != order.terms.quantity:
            yield f"order {order.order_id} asked for {order.terms.quantity}; executed, prevented and open are {parts}"


@_of_book("B2", "B3", "D4", "E3")
def queues_sorted(book: Book) -> Sentences:
    """Each queue stands by price, displayed before hidden, then sequence; stops by nearness, then sequence."""
    for side in Side:
        for order in book.side(side):
            if order.terms.side is not side or order[:2] != rank(order.terms):
                yield f"{order.order_id} does not stand on its side, at its price and rank"
        for first, second in pairwise(book.side(side)):
            if (*rank(first.terms), first.sequence) >= (*rank(second.terms), second.sequence):
                yield f"{side} {first.order_id} stands before {second.order_id}, which is better"
        for near, far in pairwise(book.stops(side)):
            if (nearness(near.terms), near.sequence) >= (nearness(far.terms), far.sequence):
                yield f"{side} stop {near.order_id} waits before {far.order_id}, which is nearer"


@_of_book("B2", "B3")
def priority_is_strict_order(book: Book) -> Sentences:
    """Who goes first is irreflexive, asymmetric and transitive.

    Enough to show: the relation agrees, pair by pair and both ways, with the places in the queue. Places are numbers,
    and a relation that is the order of numbers is a strict total order.
    """

    def goes_first(a: Resting, b: Resting) -> bool:
        return a[:3] < b[:3]

    for side in Side:
        for order in book.side(side):
            if goes_first(order, order):
                yield f"{order.order_id} goes before itself"
        for first, second in combinations(book.side(side), 2):
            if not goes_first(first, second) or goes_first(second, first):
                yield f"{first.order_id} stands before {second.order_id} without going first"


@_of_book("B6")
def uncrossed(book: Book) -> Sentences:
    """The best bid is below the best ask: nobody could trade who has not."""
    bids, asks = [order.price for order in book.bids], [order.price for order in book.asks]
    if bids and asks and max(bids) >= min(asks):
        yield f"the best bid {max(bids)} meets the best ask {min(asks)}"


@_of_book("B11", "D1", "D6")
def no_empty_slices(book: Book) -> Sentences:
    """Every order in a queue has something to trade, so no level is empty."""
    for order in (*book.bids, *book.asks):
        if order.slice < 1 or order.reserve < 0:
            yield f"order {order.order_id} offers {order.slice} and holds {order.reserve} back"
    for stop in _stops(book):
        if stop.terms.quantity < 1:
            yield f"stop {stop.order_id} is for {stop.terms.quantity}"


@_of_book("D1", "D4")
def iceberg_bound(book: Book) -> Sentences:
    """An iceberg offers at most its display quantity at a time; any other order offers all it has."""
    for order in (*book.bids, *book.asks):
        if order.slice > (order.terms.display or order.slice + order.reserve):
            yield f"order {order.order_id} offers {order.slice}, more than its {order.terms.display}"
        if order.reserve and not order.terms.display:
            yield f"order {order.order_id} holds {order.reserve} back and is no iceberg"


@_of_book("C3", "C4", "C5", "E6")
def nothing_dead_rests(book: Book) -> Sentences:
    """No market, immediate-or-cancel or fill-or-kill order rests, and no stop stands in a queue."""
    for order in (*book.bids, *book.asks):
        terms = order.terms
        if terms.price is None or terms.time_in_force in (TimeInForce.IOC, TimeInForce.FOK) or terms.stop is not None:
            yield f"order {order.order_id} rests, and its terms are {terms}"


@_of_book("E1", "E5")
def no_due_stop(book: Book) -> Sentences:
    """No stop waits that the last trade has reached."""
    for stop in _stops(book):
        if reached(stop.terms, book.last_price):
            yield f"stop {stop.order_id} at {stop.terms.stop} waits, and the last trade was at {book.last_price}"


# ── every fill, on the tape ──


@_of_step("B1", "B5")
def within_limits(step: Step) -> Sentences:
    """Nobody trades beyond the own limit, and no aggressor is cut short while it could trade."""
    for scene in _scenes(step):
        if isinstance(scene.event, Trade | Prevented):
            for order in (scene.about, scene.taker):
                if order is not None and not within(order.terms, scene.event.price):
                    yield f"{order.order_id} traded at {scene.event.price}, beyond its limit {order.terms.price}"
        elif scene.taker is scene.about and scene.event.reason in (CancelReason.IMMEDIATE, CancelReason.MARKET):
            if scene.facing and _crosses(scene.taker, scene.facing[0]):
                yield f"{scene.about.order_id} was cut short; it could trade with {scene.facing[0].order_id}"


@_of_step("B2", "B3", "B5", "D3", "D4", "G4")
def price_time_priority(step: Step) -> Sentences:
    """The maker of every fill, and of every prevented one, is the first of its queue at that instant."""
    for scene in _scenes(step):
        if scene.taker is not None and scene.about is not scene.taker and scene.facing[:1] != (scene.about,):
            first = [order.order_id for order in scene.facing[:1]]
            yield f"{first} was passed over: {scene.taker.order_id} met {scene.about.order_id} before"


@_of_step("B4", "F3")
def maker_price(step: Step) -> Sentences:
    """Every trade, and every prevented one, is at the price at which the maker rested."""
    for scene in _scenes(step):
        if isinstance(scene.event, Trade | Prevented) and scene.event.price != scene.about.terms.price:
            yield f"{scene.event} should be at {scene.about.terms.price}, where the maker rested"


@_of_step("B7", "F1")
def partial_maker_keeps_place(step: Step) -> Sentences:
    """Orders that were there before and did not move stand among themselves as before."""
    for symbol, tape in step.tapes.items():
        for side in Side:
            old = [order.order_id for order in step.before.books[symbol].side(side)]
            new = [order.order_id for order in step.after.books[symbol].side(side)]
            was = [order_id for order_id in old if order_id in new and order_id not in tape.moved]
            now = [order_id for order_id in new if order_id in was]
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
    """Of every order, what was there = traded + prevented + cancelled + what is there; no event fits no order."""
    for symbol, tape in step.tapes.items():
        for why in tape.strange:
            yield f"in {symbol}, {why}"
        left = {order.order_id: order._replace(slice=0) for orders in tape.queues.values() for order in orders}
        left |= {stop.order_id: stop for stop in tape.stops}
        found = {order.order_id: standing(order)._replace(slice=0) for order in step.after.books[symbol].orders()}
        for order_id in sorted(left.keys() | found.keys()):
            if left.get(order_id) != found.get(order_id):
                yield f"in {symbol}, order {order_id} should be {left.get(order_id)}, and it is {found.get(order_id)}"
    for symbol, book in step.before.books.items():
        if symbol not in step.tapes and list(book.orders()) != list(step.after.books[symbol].orders()):
            yield f"the orders of {symbol} changed, and no event says so"


@_of_step("B9")
def canonical_order(step: Step) -> Sentences:
    """With its fills merged, an aggressor's makers stand in the order in which they queued when it came."""
    for tape in step.tapes.values():
        for taker in tape.entered:
            scenes = [scene for scene in tape.scenes if scene.taker is not None and scene.taker.terms == taker]
            makers = [
                trade.maker for trade in canonical_trades([s.event for s in scenes if isinstance(s.event, Trade)])
            ]
            queued = [order.order_id for order in scenes[0].facing] if scenes else []
            if makers != [order_id for order_id in queued if order_id in makers]:
                yield f"the makers of {taker.order_id} are {makers}, and they queued as {queued}"


@_of_step("B10")
def fills_are_determined(step: Step) -> Sentences:
    """A plain order's fills are a matter of arithmetic: each maker gives what those before it left to be asked for.

    Held where no maker within reach has a reserve and no prevention interferes; there is no loop to get wrong.
    """
    order = step.command
    if not isinstance(order, Submit) or order.stop is not None or Accepted not in map(type, step.events):
        return
    makers = sorted(
        (maker for maker in step.before.books[order.symbol].side(order.side.opposite) if within(order, maker.price)),
        key=lambda maker: (rank(maker.terms), maker.sequence),
    )
    guarded = order.self_trade is not SelfTradePrevention.NONE
    if any(maker.reserve or (guarded and same_owner(step.before.profile, order, maker.terms)) for maker in makers):
        return
    ahead = [sum(maker.slice for maker in makers[:place]) for place in range(len(makers) + 1)]
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
    legs: dict[Submit, Lots] = {order: 0 for order in orders_of(step.command)}
    for tape in step.tapes.values():
        for taker in tape.entered:
            least = least(taker)
            mine = [s.event for s in tape.scenes if s.taker is not None and s.taker.order_id == taker.order_id]
            traded = sum(event.quantity for event in mine if isinstance(event, Trade))
            if taker in legs:
                legs[taker] = traded
            if 0 < traded < least:
                yield f"order {taker.order_id} traded {traded} of at least {least}"
            if least and not traded and len(mine) > 1:
                yield f"order {taker.order_id} was killed, and yet {mine[:-1]} happened"
            if least and not traded and taker in legs and step.after != step.before:
                yield f"order {taker.order_id} was killed, and the state is not what it was"
    if len(set(map(bool, legs.values()))) > 1:
        yield f"some legs of a basket traded and some did not: {list(legs.values())}"


@_of_step("C5", "C7", "L4")
def killed_only_if_impossible(step: Step) -> Sentences:
    """An order is killed only if its least could not trade.

    What surely could is counted: makers within the limit, without own ones, and where prevention would end or shrink
    the aggressor only the levels better than the first own order.
    """
    possible: list[str] = []
    killed = 0
    for scene in _scenes(step):
        reasons = (CancelReason.KILLED, CancelReason.MIN_QUANTITY)
        if isinstance(scene.event, Cancelled) and scene.event.reason in reasons and scene.about is scene.taker:
            killed += 1
            surely = _surely_trades(step.before.profile, scene.taker.terms, scene.facing)
            if surely >= least(scene.taker.terms):
                possible.append(f"order {scene.about.order_id} was killed, and {surely} lots were there for it")
    if not isinstance(step.command, Basket) or len(possible) == killed:  # a basket is killed by any one leg
        yield from possible


@_of_step("C6")
def post_only_never_takes(step: Step) -> Sentences:
    """A post-only order is never an aggressor in a trade, nor in one that was prevented."""
    for scene in _scenes(step):
        if scene.taker is not None and scene.taker is not scene.about and scene.taker.terms.post_only:
            yield f"post-only order {scene.taker.order_id} met {scene.about.order_id}"


@_of_step("B8")
def cancels_have_a_cause(step: Step) -> Sentences:
    """Every cancel gives a reason that the command, or the order's own terms, bear out."""
    for scene in _scenes(step):
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
    for symbol, book in step.before.books.items():
        prices = [event.price for event in step.events if isinstance(event, Trade) and event.symbol == symbol]
        should = prices[-1] if prices else book.last_price
        if step.after.books[symbol].last_price != should:
            yield f"the last price of {symbol} is {step.after.books[symbol].last_price}, and the last trade was at {should}"


# ── self-trade prevention ──


@_of_step("G1", "G2")
def no_self_trade(step: Step) -> Sentences:
    """An aggressor that asks for prevention never trades with its own owner."""
    for scene in _scenes(step):
        if not isinstance(scene.event, Trade) or scene.taker is None:
            continue
        taker, maker = scene.taker.terms, scene.about.terms
        if taker.self_trade is not SelfTradePrevention.NONE and same_owner(step.before.profile, taker, maker):
            yield f"{taker.order_id} traded with {maker.order_id} of the same owner"


@_of_step("G2", "G3", "G4")
def prevention_has_a_cause(step: Step) -> Sentences:
    """Prevention does what the aggressor asked for, and only to two orders of one owner that would trade now."""
    mode = SelfTradePrevention
    for scene in _scenes(step):
        event, about, taker = scene.event, scene.about, scene.taker
        if isinstance(event, Trade) or (isinstance(event, Cancelled) and event.reason is not CancelReason.SELF_TRADE):
            continue
        asked = mode.NONE if taker is None else taker.terms.self_trade
        if taker is None or about is not taker:
            own = taker is not None and same_owner(step.before.profile, taker.terms, about.terms)
            if isinstance(event, Prevented) or not about.leaves:
                justified = own and asked is mode.DECREMENT
            else:
                justified = own and asked in (mode.CANCEL_MAKER, mode.CANCEL_BOTH)
        elif asked is mode.CANCEL_TAKER:
            first = scene.facing[0] if scene.facing else taker
            justified = _crosses(taker, first) and same_owner(step.before.profile, taker.terms, first.terms)
        else:
            justified = asked is mode.CANCEL_BOTH or (asked is mode.DECREMENT and not taker.leaves)
        if not justified:
            yield f"{event} is not what {'nobody' if taker is None else taker.order_id} asked for with {asked}"


@_of_step("G5")
def remainder_never_rests(step: Step) -> Sentences:
    """Who was cancelled is gone, and an aggressor that cancels both is cancelled with the maker."""
    for symbol, tape in step.tapes.items():
        for scene in tape.scenes:
            if isinstance(scene.event, Cancelled) and _live(step.after, symbol, scene.about.order_id):
                yield f"order {scene.about.order_id} was cancelled, and it is live in {symbol}"
        for scene, following in zip(tape.scenes, [*tape.scenes[1:], None], strict=True):
            taker = scene.taker
            if (
                taker is not None
                and taker is not scene.about
                and isinstance(scene.event, Cancelled)
                and taker.terms.self_trade is SelfTradePrevention.CANCEL_BOTH
                and (following is None or following.about.order_id != taker.order_id)
            ):
                yield f"{scene.about.order_id} was cancelled for meeting {taker.order_id}, and that one goes on"


# ── snapshots ──


@_of_step("A5")
def snapshots_are_true(step: Step) -> Sentences:
    """A snapshot shows every book as it is, in listing order."""
    for event in step.events:
        if isinstance(event, SnapshotTaken):
            shown = [(view.symbol, view.last_price, *_seen((*view.queue, *view.stops))) for view in event.books]
            books = [
                (symbol, book.last_price, *_seen((book.bids, book.asks, book.buy_stops, book.sell_stops)))
                for symbol, book in step.after.books.items()
            ]
            if shown != books:
                yield f"the snapshot shows {shown}, and the books are {books}"


INVARIANTS: tuple[Invariant, ...] = tuple(_TABLE)
"""Every invariant, in the order in which `broken` asks them."""


# ── small things ──


def _stops(book: Book) -> list[Pending]:
    return [*book.buy_stops, *book.sell_stops]


def _everyone(state: Exchange) -> Iterator[tuple[Symbol, Resting | Pending]]:
    """Every live order of every book."""
    for symbol, book in state.books.items():
        for order in book.orders():
            yield symbol, order


def _live(state: Exchange, symbol: Symbol, order_id: OrderId) -> bool:
    return symbol in state.books and any(order.order_id == order_id for order in state.books[symbol].orders())


def _scenes(step: Step) -> Iterator[Scene]:
    for tape in step.tapes.values():
        yield from tape.scenes


def _reach(command: Command, state: Exchange) -> set[Symbol]:
    """The books that a command may change."""
    match command:
        case Submit() | Cancel() | Replace():
            return {command.symbol}
        case Basket():
            return {leg.symbol for leg in command.legs}
        case Halt() | Resume():
            return set() if command.symbol is None else {command.symbol}
        case MassCancel() | AdvanceClock() | EndOfDay():
            return set(state.books)
        case TakeSnapshot():
            return set()


def _acknowledges(event: Event, command: Command) -> bool:
    """Whether an event is the one answer that a command is due when it is not refused."""
    match command:
        case Submit() | Basket():
            return isinstance(event, Accepted)
        case Cancel():
            return isinstance(event, Cancelled) and event[:2] == command[:2]
        case Replace():
            kept = isinstance(event, Replaced) and event[:2] == command[:2]
            return kept or (isinstance(event, Cancelled) and event.reason is CancelReason.REPLACED)
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


def _bears_out(step: Step, scene: Scene, reason: CancelReason) -> bool:
    """Whether the command or the order's terms are such that it could be cancelled for this reason."""
    command, order, terms = step.command, scene.about, scene.about.terms
    match reason:
        case CancelReason.REQUESTED:
            return isinstance(command, Cancel) and command.order_id == order.order_id
        case CancelReason.MASS_CANCEL:
            return isinstance(command, MassCancel) and command.account == terms.account
        case CancelReason.EXPIRED if isinstance(command, AdvanceClock):
            return terms.expires is not None and terms.expires <= command.now
        case CancelReason.EXPIRED:
            return isinstance(command, EndOfDay) and terms.time_in_force is TimeInForce.DAY
        case CancelReason.REPLACED:
            total = step.before.profile.replace_quantity is ReplaceQuantity.TOTAL
            asked = isinstance(command, Replace) and command.order_id == order.order_id and total
            return asked and command.quantity <= order.executed + order.prevented
        case CancelReason.SELF_TRADE:
            return scene.taker is not None  # the rest is `prevention_has_a_cause`
        case CancelReason.IMMEDIATE:
            borne_out = terms.time_in_force is TimeInForce.IOC
        case CancelReason.KILLED:
            borne_out = terms.time_in_force is TimeInForce.FOK
        case CancelReason.MARKET:
            borne_out = terms.price is None
        case CancelReason.MIN_QUANTITY:
            borne_out = terms.min_quantity > 0
        case CancelReason.POST_ONLY:
            borne_out = terms.post_only and bool(scene.facing) and _crosses(order, scene.facing[0])
    return borne_out and order is scene.taker


def _crosses(taker: Standing, maker: Standing) -> bool:
    return maker.terms.price is not None and within(taker.terms, maker.terms.price)


def _surely_trades(profile: Profile, taker: Submit, facing: Iterable[Standing]) -> Lots:
    """A quantity that an aggressor can trade whatever prevention does; exact when it meets no own order."""
    makers = [maker for maker in facing if maker.terms.price is not None and within(taker, maker.terms.price)]
    if taker.self_trade is not SelfTradePrevention.NONE:
        own = [maker for maker in makers if same_owner(profile, taker, maker.terms)]
        if own and taker.self_trade is not SelfTradePrevention.CANCEL_MAKER:
            makers = [maker for maker in makers if rank(maker.terms)[0] < rank(own[0].terms)[0]]
        makers = [maker for maker in makers if maker not in own]
    return min(taker.quantity, sum(maker.leaves for maker in makers))
