"""The search that knows no rule of the rule book: which operation may come next, and does the oracle agree?

Wing and Gong, "Testing and Verifying Concurrent Objects" (JPDC 1993), with the memory of Lowe, "Testing for
Linearizability" (2017). Depth first: of the operations that real time lets come next, one is tried on the oracle; if
it answers as recorded the search goes on from there, else with another. Nowhere does it go on twice from the same state
after the same operations. Its states are immutable, so to take a step back costs nothing. What need not be tried, as no
order is lost by that, is known beforehand (`reductions`).

It takes exponential time where many operations overlap, and is for two things: short histories, of which it decides
every one whatever rules they use, and as a referee for what is quicker. `exhaustive` is the referee's own referee: the
definition written down, without list, memory or budget.

What is between two operations follows from the order that is asked for:

===========  ==========================================================  =============================
order        an operation comes before another if                        an explained history is then
===========  ==========================================================  =============================
real time    it returned before the other was called                     linearizable
client       one client called both, it first                            sequentially consistent
none         never                                                       serializable
===========  ==========================================================  =============================
"""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from time import monotonic
from typing import Literal, TypeAlias

from bookproof.models.linearize.conclusion import Conclusion, Reason, Verdict
from bookproof.models.linearize.history import Filled, History, Operation
from bookproof.models.linearize.reductions import nothing_known, reductions
from bookproof.spec.book import Book
from bookproof.spec.commands import (
    Basket,
    Cancel,
    Disconnect,
    Halt,
    KillSwitch,
    MassCancel,
    Reinstate,
    Replace,
    Resume,
    Submit,
    TakeSnapshot,
)
from bookproof.spec.events import Cancelled, Event, ImpliedTrade, Trade
from bookproof.spec.exchange import Exchange, account, opening, step, view
from bookproof.spec.kernel import Resting
from bookproof.spec.values import Account, OrderId, Symbol

Order: TypeAlias = Literal["real time", "client", "none"]
"""What an order of the operations has to respect."""

_CLOCK_EVERY = 64
"""Operations tried between two looks at the clock: a look costs a hundredth of a step."""

_WORD = 128
"""Bits of the number that stands for a set of operations: two sets of a search share one with odds of 1 in 2^100."""


def search(
    history: History,
    *,
    steps: int | None = None,
    budget_seconds: float | None = None,
    order: Order = "real time",
    shortcuts: bool = True,
) -> Conclusion:
    """Whether some order of the operations explains a history.

    `steps` is how many operations may be tried at most, `budget_seconds` for how long; with either spent the verdict is
    unknown, with the longest beginning of an order that was found. Open operations may happen at any time after their
    call, with any answer, or never. Books and accounts at the end have to be those recorded, and the trades of each
    book those of the feed, in its order. Without `shortcuts` nothing is left out because of what is known beforehand
    (`reductions`): slower, and for those who want no more to be true than the rule book.

    >>> from bookproof.spec.instruments import listing
    >>> from bookproof.spec.events import Accepted, Cancelled
    >>> from bookproof.spec.reasons import CancelReason
    >>> from bookproof.spec.values import Side
    >>> gone = Cancelled("ABC", 1, Side.SELL, 100, 5, CancelReason.REQUESTED)
    >>> cancel = Operation(0, Cancel("ABC", 1), 10, 20, (gone,))
    >>> sell = Operation(1, Submit("ABC", 1, 7, Side.SELL, 5, 100), 15, 30, (Accepted("ABC", 1, Side.SELL, 100, 5),))
    >>> search(History(listing(["ABC"]), (cancel, sell))).order
    (1, 0)
    >>> late = History(listing(["ABC"]), (cancel, sell._replace(called=25)))
    >>> search(late).verdict.value, search(late, order="none").order
    ('not-linearizable', (1, 0))
    """
    return _Search(history, order, shortcuts).run(steps, budget_seconds)


def exhaustive(history: History) -> Conclusion:
    """The same for a handful of operations, by trying every order that real time allows.

    >>> exhaustive(History((), ())).verdict.value
    'linearizable'
    """
    operations = history.operations

    def completed(state: Exchange, order: tuple[int, ...], trades: list[Filled]) -> tuple[int, ...] | None:
        missing = [at for at in range(len(operations)) if at not in order]
        if all(operations[at].is_open for at in missing) and _ends_right(history, state, trades):
            return order
        first_return = min((operations[at].returned or 0 for at in missing if not operations[at].is_open), default=None)
        for at in missing:
            if first_return is None or operations[at].called <= first_return:
                after, events = step(state, operations[at].command)
                if operations[at].is_open or events == operations[at].events:
                    found = completed(after, (*order, at), [*trades, *fills(events)])
                    if found is not None:
                        return found
        return None

    order = completed(opening(history.instruments, history.profile), (), [])
    return _refuted(history, ()) if order is None else Conclusion(Verdict.LINEARIZABLE, order)


def _ends_right(history: History, state: Exchange, trades: Sequence[Filled]) -> bool:
    """Whether nothing contradicts the end of a history: no book, no account, and no book's part of the feed."""
    books = all(history.ended_so(book, view(state, book.symbol)) for book in history.final)
    accounts = all(account(state, held.account) == held for held in history.accounts)
    return books and accounts and (history.feed is None or by_book(trades) == by_book(history.feed))


def fills(events: Iterable[Event]) -> Iterator[Filled]:
    """What a trade feed says of the events of one operation: a line for each trade, for an implied one two.

    >>> list(fills([Trade("ABC", 100, 5, 1, 2)]))
    [Filled(symbol='ABC', maker=1, taker=2)]
    """
    for event in events:
        if type(event) is Trade:
            yield Filled(event.symbol, event.maker, event.taker)
        elif type(event) is ImpliedTrade:
            for leg in event.legs:
                yield Filled(leg.symbol, leg.maker, event.taker)


def by_book(feed: Iterable[Filled]) -> dict[Symbol, list[tuple[OrderId, OrderId]]]:
    """Who traded with whom in each book, in order."""
    books: dict[Symbol, list[tuple[OrderId, OrderId]]] = {}
    for line in feed:
        books.setdefault(line.symbol, []).append((line.maker, line.taker))
    return books


def _refuted(history: History, prefix: tuple[int, ...], steps: int = 0) -> Conclusion:
    everything = tuple(range(len(history.operations)))
    reason = Reason("every order was tried, and the oracle gives the recorded answers in none of them", everything)
    return Conclusion(Verdict.NOT_LINEARIZABLE, (), everything, (reason,), "order", prefix, steps)


# ── which operations may come next ──


class _Waiting:
    """The operations that have no place yet, and of them those that may come next.

    A ring of calls and returns by time, out of which a call and its return are lifted when an operation gets its place,
    and into which they are put back, last out first, when it loses it (Lowe's, and Porcupine's). What is called before
    the first return in it may come next. Open operations are in a ring of their own and have no return. They are tried
    last: most of them did not happen, or somebody saw that they did.
    """

    def __init__(self, operations: Sequence[Operation], order: Order) -> None:
        count = self._count = len(operations)
        self._open = [operation.is_open for operation in operations]
        self._called = [operation.called if order == "real time" else 0 for operation in operations]
        self._returned = [(operation.returned or 0) if order == "real time" else 0 for operation in operations]
        self._predecessor = _predecessors(operations) if order == "client" else [-1] * count
        self._has_place = [False] * count + [True]  # the last stands for the predecessor of who has none
        self.unanswered = count - sum(self._open)
        """Operations with an answer that have no place."""
        moments = [(self._called[at], 0, at) for at in range(count)]
        moments += [(self._returned[at], 1, count + at) for at in range(count) if not self._open[at]]
        moments.sort()
        self._next, self._previous = list(range(2 * count + 2)), list(range(2 * count + 2))
        self._ring, self._open_ring = 2 * count, 2 * count + 1
        for ring, is_open in ((self._ring, False), (self._open_ring, True)):
            for _, _, entry in moments:
                if self._open[entry % count] is is_open:
                    self._append(ring, entry)

    def first(self) -> int | None:
        """An operation that may come next, if any may."""
        at = self._answered_from(self._next[self._ring])
        return self._open_from(self._next[self._open_ring]) if at is None else at

    def after(self, at: int) -> int | None:
        """Another that may, when this one has been tried."""
        if self._open[at]:
            return self._open_from(self._next[at])
        other = self._answered_from(self._next[at])
        return self._open_from(self._next[self._open_ring]) if other is None else other

    def has_place(self, at: int) -> bool:
        """Whether an operation has got its place."""
        return self._has_place[at]

    def take(self, at: int) -> None:
        """Give an operation its place."""
        self._has_place[at] = True
        self._lift(at)
        if not self._open[at]:
            self._lift(self._count + at)
            self.unanswered -= 1

    def put_back(self, at: int) -> None:
        """Take its place away again: it was the last that got one."""
        if not self._open[at]:
            self.unanswered += 1
            self._restore(self._count + at)
        self._restore(at)
        self._has_place[at] = False

    def _answered_from(self, entry: int) -> int | None:
        while entry < self._count:
            if self._has_place[self._predecessor[entry]]:
                return entry
            entry = self._next[entry]
        return None

    def _open_from(self, entry: int) -> int | None:
        while entry != self._open_ring:
            if self._called[entry] > self._first_return():
                return None
            if self._has_place[self._predecessor[entry]]:
                return entry
            entry = self._next[entry]
        return None

    def _first_return(self) -> float:
        """When the first of the operations that have no place returned."""
        entry = self._next[self._ring]
        while entry < self._count:
            entry = self._next[entry]
        return float("inf") if entry == self._ring else self._returned[entry - self._count]

    def _append(self, ring: int, entry: int) -> None:
        last = self._previous[ring]
        self._next[last] = self._previous[ring] = entry
        self._next[entry], self._previous[entry] = ring, last

    def _lift(self, entry: int) -> None:
        before, after = self._previous[entry], self._next[entry]
        self._next[before], self._previous[after] = after, before

    def _restore(self, entry: int) -> None:
        self._next[self._previous[entry]] = self._previous[self._next[entry]] = entry


def _predecessors(operations: Sequence[Operation]) -> list[int]:
    """For each operation the last one before it that its client had an answer to; -1 where there is none."""
    latest: dict[int, int] = {}
    found = [-1] * len(operations)
    for at in sorted(range(len(operations)), key=lambda at: operations[at].called):
        operation = operations[at]
        found[at] = latest.get(operation.client, -1)
        if not operation.is_open:
            latest[operation.client] = at
    return found


# ── which states are one ──

_SEE_NO_AGE = {Submit, Cancel, Replace, Basket, Halt, Resume, Reinstate, TakeSnapshot}
"""Commands that serve the orders of a level in turn, but never ask which of two orders at different prices is older."""

_SEE_AGES_OF_AN_ACCOUNT = {MassCancel, KillSwitch, Disconnect}
"""Commands that cancel all orders of an account, the oldest first."""


class _Sameness:
    """What two states have in common that no command of a history can tell apart.

    A book numbers what comes in, and the rules only ask which of two numbers is smaller: of a level; and where many
    orders are cancelled at once, of an account or of the whole book. So states are the same if they are equal when the
    numbers are left out and the queues are kept. States share most of what is in them, so every order and every book
    is looked at once, and remembered by a number of its own.
    """

    def __init__(self, history: History) -> None:
        kinds = {type(operation.command) for operation in history.operations} - _SEE_NO_AGE
        across = any(instrument.group or instrument.legs for instrument in history.instruments)
        by_account = not across and kinds <= _SEE_AGES_OF_AN_ACCOUNT
        self._ages = _no_ages if by_account and not kinds else _ages_by_account if by_account else _ages
        self._numbers: dict[Hashable, int] = {}
        self._orders: dict[int, tuple[int, Resting]] = {}
        self._books: dict[int, tuple[int, Book]] = {}

    def __call__(self, state: Exchange) -> Hashable:
        """Equal for two states that are the same."""
        market = state.halted, state.clock, state.blocked, state.index_level, state.index_base, state.breaker_level
        return tuple(map(self._book, state.books.values())), state.lists, market, _hashable(state.accounts)

    def _book(self, book: Book) -> int:
        known = self._books.get(id(book))
        if known is None:  # kept with its number, so that nothing else can come to stand at the same address
            known = self._books[id(book)] = self._number((self._unnumbered(book), self._ages(book))), book
        return known[0]

    def _unnumbered(self, book: Book) -> Hashable:
        """All that is in a book, but for the numbers it gave out: who is behind whom can be seen."""
        sides = tuple(map(self._order, book.bids)), tuple(map(self._order, book.asks))
        waiting = (book.buy_stops, book.sell_stops, book.held)
        stops = tuple(tuple(order._replace(sequence=0) for order in some) for some in waiting)
        tops = tuple(
            top and next((order.order_id for order in side if order.sequence == top), 0)
            for side, top in ((book.bids, book.top_bid), (book.asks, book.top_ask))
        )
        return sides, stops, tops, (book.phase, book.last_price, book.reference, book.halted_above, book.mark)

    def _order(self, order: Resting) -> int:
        known = self._orders.get(id(order))
        if known is None:
            known = self._orders[id(order)] = self._number(order._replace(sequence=0)), order
        return known[0]

    def _number(self, value: Hashable) -> int:
        return self._numbers.setdefault(value, len(self._numbers))


def _no_ages(book: Book) -> Hashable:
    return None


def _ages(book: Book) -> Hashable:
    return tuple(order.order_id for order in sorted(book.orders(), key=lambda order: order.sequence))


def _ages_by_account(book: Book) -> Hashable:
    queued: dict[Account, list[OrderId]] = {}
    for order in sorted(book.orders(), key=lambda order: order.sequence):
        queued.setdefault(order.terms.account, []).append(order.order_id)
    return frozenset((owner, *orders) for owner, orders in queued.items())


def _hashable(value: object) -> Hashable:
    """The same with frozen sets of pairs for mappings, however deep inside named tuples."""
    if isinstance(value, Mapping):
        return frozenset((key, _hashable(part)) for key, part in value.items())
    if isinstance(value, tuple):
        return tuple(map(_hashable, value))
    assert isinstance(value, Hashable)
    return value


# ── the search ──

_Places = tuple[int, ...]
"""For each book how many lines of the feed have been explained."""


class _Search:
    """One history, and what has been found out about it."""

    def __init__(self, history: History, order: Order, shortcuts: bool) -> None:
        self._history = history
        self._waiting = _Waiting(history.operations, order)
        known = reductions(history) if shortcuts else nothing_known(history)
        self._before = known.before if order == "real time" else ((),) * len(history.operations)
        self._early = list(known.early)
        self._same = _Sameness(history)
        dice = random.Random(0)
        self._word = [dice.getrandbits(_WORD) for _ in history.operations]
        self._feed = None if history.feed is None else by_book(history.feed)
        self._books = {instrument.symbol: at for at, instrument in enumerate(history.instruments)}
        self._seen_once: dict[int, tuple[Exchange, _Places]] = {}
        """By the number of a set of operations, the state that it was first found to lead to."""
        self._seen: dict[int, set[Hashable]] = {}
        """The same for sets that were met again: what their states are the same by. Most sets never are."""

    def run(self, steps: int | None, budget_seconds: float | None) -> Conclusion:
        """Search until something is found, everything is tried, or the budget is spent."""
        history, waiting, word = self._history, self._waiting, self._word
        deadline = None if budget_seconds is None else monotonic() + budget_seconds
        state, places = opening(history.instruments, history.profile), (0,) * len(self._books)
        path: list[tuple[int, Exchange, _Places, bool]] = []
        longest: list[int] = []
        shared = 0  # so much of the path is the beginning of the longest one
        done = tried = 0
        if waiting.unanswered == 0 and self._ends_right(state, places):
            return Conclusion(Verdict.LINEARIZABLE)
        early = True  # first those of whom it is enough to try one
        at = self._first(early)
        while True:
            if at is None and early:
                early = False
                at = self._first(early)
                continue
            if at is None:  # back, and on with the next one that may be in its place
                if not path:
                    return _refuted(history, tuple(longest), tried)
                last, state, places, early = path.pop()
                shared = min(shared, len(path))
                done ^= word[last]
                waiting.put_back(last)
                at = None if early else self._after(last, early)
                early = False
                continue
            if tried == steps or (deadline is not None and tried % _CLOCK_EVERY == 0 and monotonic() > deadline):
                return Conclusion(Verdict.UNKNOWN, kind="budget", prefix=tuple(longest), steps=tried)
            tried += 1
            operation = history.operations[at]
            after, events = step(state, operation.command)
            # An open operation that changes nothing may as well never happen.
            fits = after is not state if operation.is_open else events == operation.events
            if fits and early and not self._changes_as_told(state, after, events):
                self._early[at], fits = False, False  # it is one of the others after all
            moved = self._followed(places, events) if fits else None
            if moved is None:
                at = self._after(at, early)
                continue
            if not self._is_new(done ^ word[at], after, moved):
                at, early = (None, False) if early else (self._after(at, early), False)
                continue
            path.append((at, state, places, early))
            state, places = after, moved
            done ^= word[at]
            waiting.take(at)
            if len(path) > len(longest):
                longest[shared:] = [taken for taken, *_ in path[shared:]]
                shared = len(path)
            if waiting.unanswered == 0 and self._ends_right(state, places):
                return Conclusion(Verdict.LINEARIZABLE, tuple(taken for taken, *_ in path), steps=tried)
            early = True
            at = self._first(early)

    def _changes_as_told(self, state: Exchange, after: Exchange, events: tuple[Event, ...]) -> bool:
        """Whether who comes early, other than to cancel, has changed nothing, as it should not."""
        cancels = type(events[0]) is Cancelled
        return cancels or after is state or after == state or self._same(after) == self._same(state)

    def _first(self, early: bool) -> int | None:
        """The first that may come next, of those that may come as soon as they fit, or of the others."""
        return self._from(self._waiting.first(), early)

    def _after(self, at: int, early: bool) -> int | None:
        """The next of them."""
        return self._from(self._waiting.after(at), early)

    def _from(self, at: int | None, early: bool) -> int | None:
        waiting = self._waiting
        while at is not None:
            if self._early[at] is early and all(map(waiting.has_place, self._before[at])):
                return at
            at = waiting.after(at)
        return None

    def _followed(self, places: _Places, events: tuple[Event, ...]) -> _Places | None:
        """Where each book stands in the feed after these events; None when the feed says otherwise."""
        if self._feed is None:
            return places
        moved = list(places)
        for fill in fills(events):
            lines, book = self._feed.get(fill.symbol, ()), self._books[fill.symbol]
            if moved[book] == len(lines) or lines[moved[book]] != (fill.maker, fill.taker):
                return None
            moved[book] += 1
        return tuple(moved)

    def _is_new(self, done: int, state: Exchange, places: _Places) -> bool:
        """Whether the search was never in this state after these operations. If so, it has been now."""
        if done not in self._seen_once:
            self._seen_once[done] = state, places
            return True
        if done not in self._seen:
            first, at = self._seen_once[done]
            self._seen[done] = {(self._same(first), at)}
        before = len(self._seen[done])
        self._seen[done].add((self._same(state), places))
        return len(self._seen[done]) > before

    def _ends_right(self, state: Exchange, places: _Places) -> bool:
        """Whether the books, the accounts and the feed end where they should."""
        history = self._history
        if history.feed is not None and sum(places) < len(history.feed):
            return False
        books = all(history.ended_so(book, view(state, book.symbol)) for book in history.final)
        return books and all(account(state, held.account) == held for held in history.accounts)
