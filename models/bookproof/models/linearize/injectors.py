"""Defects put into a right history, one each: what a broken exchange, or a broken recorder, would have left behind.

Two kinds. Most *doctor* what was written down: an answer, a time, a line of the feed, a book at the end. The others let
the history happen once more on an oracle that does one thing wrong, so that all that comes after agrees with the
mistake: nothing is wrong then with any answer by itself, and only the order of all of them shows it.

A doctored history may still be right, for instance when two equal answers are swapped. Whoever needs to know asks the
exhaustive search.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

from bookproof.models.linearize.generic import fills, search
from bookproof.models.linearize.history import Filled, History, Operation
from bookproof.spec.commands import Basket, Cancel, Command, Submit, TakeSnapshot
from bookproof.spec.events import Accepted, Cancelled, Event, Rejected, SnapshotTaken, Trade
from bookproof.spec.exchange import Exchange, account, opening, step, view
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import TimeInForce
from bookproof.spec.views import BookView, Queue, QueuedOrder


class Injected(NamedTuple):
    """A history with a defect in it."""

    history: History
    story: str
    """What went wrong."""
    places: tuple[int, ...]
    """Where it can be seen: operations by their places in the history; none where it is in a book or in the feed."""


Injector: TypeAlias = Callable[[History, random.Random], Injected | None]
"""Puts one defect in; None when there is nothing in the history that it could spoil."""

_REPLAY_STEPS = 20_000
"""So many operations are tried at most for an order in which to let a history happen once more."""


# ── answers ──


def lost_fill(history: History, dice: random.Random) -> Injected | None:
    """A fill is missing in the answer to its taker."""
    return _respoken(history, dice, _trades(history), lambda trade: (), "nobody told its taker of {}")


def double_fill(history: History, dice: random.Random) -> Injected | None:
    """A fill is told twice to its taker."""
    return _respoken(history, dice, _trades(history), lambda trade: (trade, trade), "its taker was told twice of {}")


def worse_price(history: History, dice: random.Random) -> Injected | None:
    """A trade was made at one tick from the price of its maker."""

    def changed(trade: Trade) -> tuple[Event, ...]:
        return (trade._replace(price=trade.price + dice.choice((-1, 1))),)

    return _respoken(history, dice, _trades(history), changed, "not at the price of its maker: {}")


def wrong_quantity(history: History, dice: random.Random) -> Injected | None:
    """A trade was made over one lot more."""

    def changed(trade: Trade) -> tuple[Event, ...]:
        return (trade._replace(quantity=trade.quantity + 1),)

    return _respoken(history, dice, _trades(history), changed, "told with a lot too many: {}")


def priority_inverted(history: History, dice: random.Random) -> Injected | None:
    """Two makers of one price and quantity have changed places, in the answers and in the feed."""
    return _makers_changed(history, dice, lambda one, other: one.price == other.price)


def better_price_passed_over(history: History, dice: random.Random) -> Injected | None:
    """Two makers of different prices have changed places."""
    return _makers_changed(history, dice, lambda one, other: one.price != other.price)


def late_cancel(history: History, dice: random.Random) -> Injected | None:
    """A cancel that came too late, or too early, is answered as if it had worked."""
    terms = {(one.symbol, one.order_id): one for one in _submits(history)}
    late = [
        (at, terms[one.command.symbol, one.command.order_id])
        for at, one in enumerate(history.operations)
        if type(one.command) is Cancel and _refused_for(one, RejectReason.UNKNOWN_ORDER)
        if (one.command.symbol, one.command.order_id) in terms
    ]
    if not late:
        return None
    at, order = dice.choice(late)
    left = dice.randint(1, order.quantity)
    gone = Cancelled(order.symbol, order.order_id, order.side, order.price, left, CancelReason.REQUESTED)
    return _answered(
        history, at, (gone,), f"the cancel of order {order.order_id} came too late and says that it worked"
    )


def denied_cancel(history: History, dice: random.Random) -> Injected | None:
    """A cancel that worked is answered as if it had not."""
    done = [at for at, one in enumerate(history.operations) if type(one.command) is Cancel and _says(one, Cancelled)]
    if not done:
        return None
    at = dice.choice(done)
    command = history.operations[at].command
    assert isinstance(command, Cancel)
    refused = Rejected(command.symbol, command.order_id, RejectReason.UNKNOWN_ORDER)
    return _answered(history, at, (refused,), f"the cancel of order {command.order_id} worked and says that it did not")


def killed_though_fillable(history: History, dice: random.Random) -> Injected | None:
    """A fill-or-kill order that was filled is told to have been killed."""
    filled = [
        at
        for at, order in _orders(history)
        if order.time_in_force is TimeInForce.FOK and _says(history.operations[at], Trade)
    ]
    if not filled:
        return None
    at = dice.choice(filled)
    order = history.operations[at].command
    assert isinstance(order, Submit)
    entered = Accepted(order.symbol, order.order_id, order.side, order.price, order.quantity)
    killed = Cancelled(order.symbol, order.order_id, order.side, order.price, order.quantity, CancelReason.KILLED)
    return _answered(history, at, (entered, killed), f"order {order.order_id} was killed, and could have been filled")


def post_only_refused(history: History, dice: random.Random) -> Injected | None:
    """A post-only order is refused with nothing there that it could take."""
    taken = [at for at, order in _orders(history) if order.post_only and _says(history.operations[at], Accepted)]
    if not taken:
        return None
    at = dice.choice(taken)
    order = history.operations[at].command
    assert isinstance(order, Submit)
    refused = Rejected(order.symbol, order.order_id, RejectReason.WOULD_TAKE)
    return _answered(
        history, at, (refused,), f"post-only order {order.order_id} would have taken nothing, and is refused"
    )


def post_only_accepted(history: History, dice: random.Random) -> Injected | None:
    """A post-only order is taken though it would take."""
    refused = [
        at
        for at, order in _orders(history)
        if order.post_only and _refused_for(history.operations[at], RejectReason.WOULD_TAKE)
    ]
    if not refused:
        return None
    at = dice.choice(refused)
    order = history.operations[at].command
    assert isinstance(order, Submit)
    entered = Accepted(order.symbol, order.order_id, order.side, order.price, order.quantity)
    return _answered(history, at, (entered,), f"post-only order {order.order_id} would have taken, and is in the book")


def torn_basket(history: History, dice: random.Random) -> Injected | None:
    """Of a basket, one leg traded and another did not."""
    traded = [at for at, one in enumerate(history.operations) if type(one.command) is Basket and _says(one, Trade)]
    if not traded:
        return None
    at = dice.choice(traded)
    basket = history.operations[at].command
    assert isinstance(basket, Basket)
    leg = dice.choice(basket.legs)
    kept = tuple(
        event
        for event in history.operations[at].events or ()
        if not (type(event) is Trade and (event.symbol, event.taker) == (leg.symbol, leg.order_id))
    )
    return _answered(history, at, kept, f"the leg in {leg.symbol} of a basket did not trade, and the others did")


def swapped_answers(history: History, dice: random.Random) -> Injected | None:
    """Two operations of one kind have got each other's answers."""
    answered = [at for at, one in enumerate(history.operations) if one.events]
    pairs = [
        (one, other)
        for one in dice.sample(answered, min(len(answered), 30))
        for other in dice.sample(answered, min(len(answered), 30))
        if one < other
        and type(history.operations[one].command) is type(history.operations[other].command)
        and history.operations[one].events != history.operations[other].events
    ]
    if not pairs:
        return None
    one, other = dice.choice(pairs)
    mine, theirs = history.operations[one], history.operations[other]
    swapped = {one: mine._replace(events=theirs.events), other: theirs._replace(events=mine.events)}
    return Injected(_with(history, swapped), "two operations have got each other's answers", (one, other))


def stale_read(history: History, dice: random.Random) -> Injected | None:
    """A snapshot is one of those before it, or lacks an order."""
    reads = [at for at, one in enumerate(history.operations) if type(one.command) is TakeSnapshot and one.events]
    if not reads:
        return None
    at = dice.choice(reads)
    earlier = [other for other in reads if history.operations[other].called < history.operations[at].called]
    if earlier and dice.random() < 0.7:
        other = dice.choice(earlier)
        return _answered(history, at, history.operations[other].events or (), "a snapshot is older than its call")
    [taken] = history.operations[at].events or [None]
    assert isinstance(taken, SnapshotTaken)
    spoiled = _book_spoiled(taken.books, dice)
    if spoiled is None:
        return None
    return _answered(history, at, (SnapshotTaken(spoiled[0]),), f"in a snapshot, {spoiled[1]}")


# ── times ──


def shifted_times(history: History, dice: random.Random) -> Injected | None:
    """One operation is written down with the times of another moment."""
    answered = [at for at, one in enumerate(history.operations) if one.returned is not None]
    if len(answered) < 2:
        return None
    at, other = dice.sample(answered, 2)
    mine, theirs = history.operations[at], history.operations[other]
    moved = mine._replace(called=theirs.called, returned=theirs.returned)
    return Injected(_with(history, {at: moved}), "an operation is told to have run while another did", (at,))


def narrowed_times(history: History, dice: random.Random) -> Injected | None:
    """Every operation is told to have taken a moment of the time that it took."""
    narrow = {}
    for at, one in enumerate(history.operations):
        if one.returned is not None:
            moment = dice.randint(one.called, one.returned)
            narrow[at] = one._replace(called=moment, returned=moment)
    story = "calls are told too late and returns too early"
    return Injected(_with(history, narrow), story, tuple(narrow)) if narrow else None


# ── the end, and the feed ──


def final_differs(history: History, dice: random.Random) -> Injected | None:
    """A book at the end lacks an order, has one with more open than there is, or has two in each other's places."""
    spoiled = _book_spoiled(history.final, dice)
    return None if spoiled is None else Injected(history._replace(final=spoiled[0]), f"at the end, {spoiled[1]}", ())


def feed_disordered(history: History, dice: random.Random) -> Injected | None:
    """Two lines of the trade feed have changed places."""
    feed = history.feed
    pairs = [(at, at + 1) for at in range(len(feed) - 1) if feed[at] != feed[at + 1]] if feed else []
    if feed is None or not pairs:
        return None
    at, after = dice.choice(pairs)
    lines = list(feed)
    lines[at], lines[after] = lines[after], lines[at]
    return Injected(history._replace(feed=tuple(lines)), f"lines {at + 1} and {after + 1} of the feed are swapped", ())


# ── an exchange that does one thing wrong ──

_Stepped: TypeAlias = tuple[Exchange, tuple[Event, ...]]

_Wrong: TypeAlias = Callable[[Exchange, Command, Exchange], _Stepped | None]
"""What it makes of a state and a command; the last is the state before the operation before. None: nothing wrong."""


def cancel_without_effect(history: History, dice: random.Random) -> Injected | None:
    """A cancel is answered as done, and the order stays in its book."""

    def wrong(state: Exchange, command: Command, before: Exchange) -> _Stepped | None:
        after, events = step(state, command)
        return (state, events) if type(command) is Cancel and after is not state else None

    return _happening_again(history, dice, wrong, "the cancelled order stayed in its book")


def order_lost(history: History, dice: random.Random) -> Injected | None:
    """An order is accepted and never gets into its book."""

    def wrong(state: Exchange, command: Command, before: Exchange) -> _Stepped | None:
        after, events = step(state, command)
        rests = type(command) is Submit and len(events) == 1 and after is not state
        return (state, events) if rests else None

    return _happening_again(history, dice, wrong, "the accepted order never got into its book")


def fill_without_effect(history: History, dice: random.Random) -> Injected | None:
    """A taker is told of its fills, and its makers stay as they were."""

    def wrong(state: Exchange, command: Command, before: Exchange) -> _Stepped | None:
        _, events = step(state, command)
        return (state, events) if any(type(event) is Trade for event in events) else None

    return _happening_again(history, dice, wrong, "the filled makers stayed in the book")


def queue_jumped(history: History, dice: random.Random) -> Injected | None:
    """When an order joins a level, the first in its queue is sent behind it."""

    def wrong(state: Exchange, command: Command, before: Exchange) -> _Stepped | None:
        after, events = step(state, command)
        if type(command) is not Submit or len(events) > 1 or after is state or command.stop is not None:
            return None
        side = after.books[command.symbol].side(command.side)
        level = [order for order in side if order.terms.price == command.price]
        first = level[0]
        if len(level) < 2 or first.executed or first.reserve or first.terms.post_only:
            return None
        gone, _ = step(after, Cancel(command.symbol, first.order_id))
        again, said = step(gone, first.terms)
        return (again, events) if len(said) == 1 else None

    return _happening_again(history, dice, wrong, "the first of the level was sent behind the new order")


def half_a_basket(history: History, dice: random.Random) -> Injected | None:
    """A basket is told to have traded, and only its first leg did."""

    def wrong(state: Exchange, command: Command, before: Exchange) -> _Stepped | None:
        _, events = step(state, command)
        if type(command) is not Basket or len(command.legs) < 2 or not any(type(event) is Trade for event in events):
            return None
        half, _ = step(state, command._replace(legs=command.legs[:1]))
        return half, events

    return _happening_again(history, dice, wrong, "only the first leg of the basket had an effect")


def old_state_read(history: History, dice: random.Random) -> Injected | None:
    """A snapshot shows the books as they were before the operation before it."""

    def wrong(state: Exchange, command: Command, before: Exchange) -> _Stepped | None:
        return (state, step(before, command)[1]) if type(command) is TakeSnapshot and before != state else None

    return _happening_again(history, dice, wrong, "the snapshot was one operation old")


INJECTORS: Mapping[str, Injector] = {
    injector.__name__: injector
    for injector in (
        lost_fill,
        double_fill,
        worse_price,
        wrong_quantity,
        priority_inverted,
        better_price_passed_over,
        late_cancel,
        denied_cancel,
        killed_though_fillable,
        post_only_refused,
        post_only_accepted,
        torn_basket,
        swapped_answers,
        stale_read,
        shifted_times,
        narrowed_times,
        final_differs,
        feed_disordered,
        cancel_without_effect,
        order_lost,
        fill_without_effect,
        queue_jumped,
        half_a_basket,
        old_state_read,
    )
}
"""Every kind of defect by name."""


_SELDOM = (
    *("priority_inverted", "better_price_passed_over", "killed_though_fillable", "post_only_accepted", "torn_basket"),
    *("stale_read", "feed_disordered", "queue_jumped", "half_a_basket", "old_state_read"),
)
"""Kinds that few histories give occasion to: every second time they are asked first."""


def injected(history: History, dice: random.Random) -> tuple[str, Injected] | None:
    """The history with a defect of some kind that it gives occasion to, and the name of the kind.

    >>> from bookproof.models.linearize.histories import large
    >>> name, wrong = injected(large(50, 4), random.Random(1))
    >>> name in INJECTORS, wrong.history != large(50, 4)
    (True, True)
    """
    names = dice.sample(list(INJECTORS), len(INJECTORS))
    if dice.random() < 0.5:
        names.sort(key=lambda name: name not in _SELDOM)
    for name in names:
        found = INJECTORS[name](history, dice)
        if found is not None:
            return name, found
    return None


# ── small things ──


def _with(history: History, changed: Mapping[int, Operation]) -> History:
    operations = tuple(changed.get(at, one) for at, one in enumerate(history.operations))
    return history._replace(operations=operations)


def _answered(history: History, at: int, events: tuple[Event, ...], story: str) -> Injected:
    return Injected(_with(history, {at: history.operations[at]._replace(events=events)}), story, (at,))


def _says(operation: Operation, kind: type[Event]) -> bool:
    return any(type(event) is kind for event in operation.events or ())


def _refused_for(operation: Operation, reason: RejectReason) -> bool:
    return any(type(event) is Rejected and event.reason is reason for event in operation.events or ())


def _orders(history: History) -> Iterator[tuple[int, Submit]]:
    """New orders by the place of their operation."""
    for at, one in enumerate(history.operations):
        if isinstance(one.command, Submit):
            yield at, one.command


def _submits(history: History) -> Iterator[Submit]:
    for _, order in _orders(history):
        yield order


def _trades(history: History) -> list[tuple[int, int, Trade]]:
    """Every trade, with the place of its operation and its own among the events."""
    return [
        (at, place, event)
        for at, one in enumerate(history.operations)
        for place, event in enumerate(one.events or ())
        if type(event) is Trade
    ]


def _respoken(
    history: History,
    dice: random.Random,
    trades: list[tuple[int, int, Trade]],
    changed: Callable[[Trade], Iterable[Event]],
    story: str,
) -> Injected | None:
    """One of the trades is told otherwise; the feed, if there is one, tells it as it was."""
    if not trades:
        return None
    at, place, trade = dice.choice(trades)
    events = list(history.operations[at].events or ())
    events[place : place + 1] = changed(trade)
    return _answered(history, at, tuple(events), story.format(trade))


def _makers_changed(history: History, dice: random.Random, fit: Callable[[Trade, Trade], bool]) -> Injected | None:
    trades = _trades(history)
    some = dice.sample(trades, min(len(trades), 60))
    pairs = [
        (one, other)
        for one in some
        for other in some
        if one[:2] < other[:2] and _alike(one[2], other[2]) and fit(one[2], other[2])
    ]
    if not pairs:
        return None
    (at, place, trade), (at_other, place_other, other) = dice.choice(pairs)
    told = {one: list(history.operations[one].events or ()) for one in (at, at_other)}
    told[at][place] = trade._replace(maker=other.maker, price=other.price)
    told[at_other][place_other] = other._replace(maker=trade.maker, price=trade.price)
    changed = {one: history.operations[one]._replace(events=tuple(events)) for one, events in told.items()}
    feed = None if history.feed is None else tuple(_swapped(history.feed, trade, other))
    story = f"orders {trade.maker} and {other.maker} traded in each other's places"
    return Injected(_with(history._replace(feed=feed), changed), story, tuple(changed))


def _alike(one: Trade, other: Trade) -> bool:
    return one.symbol == other.symbol and one.quantity == other.quantity and one.maker != other.maker


def _swapped(feed: Iterable[Filled], one: Trade, other: Trade) -> Iterator[Filled]:
    """The feed with the first line of each of two trades told as the other's."""
    makers = {(one.maker, one.taker): other.maker, (other.maker, other.taker): one.maker}
    for line in feed:
        if line.symbol == one.symbol:
            yield line._replace(maker=makers.pop((line.maker, line.taker), line.maker))
        else:
            yield line


def _book_spoiled(books: tuple[BookView, ...], dice: random.Random) -> tuple[tuple[BookView, ...], str] | None:
    """The books, one of them with something wrong in a queue, and what that is."""
    sides = [(at, side) for at, book in enumerate(books) for side in ("bids", "asks") if getattr(book.queue, side)]
    if not sides:
        return None
    at, side = dice.choice(sides)
    orders: tuple[QueuedOrder, ...] = getattr(books[at].queue, side)
    neighbours = [place for place in range(len(orders) - 1) if orders[place].price == orders[place + 1].price]
    if neighbours and dice.random() < 0.6:
        place = dice.choice(neighbours)
        changed = (*orders[:place], orders[place + 1], orders[place], *orders[place + 2 :])
        story = f"orders {orders[place].order_id} and {orders[place + 1].order_id} stand in each other's places"
    else:
        place = dice.randrange(len(orders))
        order = orders[place]
        if dice.random() < 0.5:
            changed = (*orders[:place], *orders[place + 1 :])
            story = f"order {order.order_id} is missing"
        else:
            changed = (*orders[:place], order._replace(leaves=order.leaves + 1), *orders[place + 1 :])
            story = f"order {order.order_id} has a lot too many open"
    queue: Queue = books[at].queue._replace(**{side: changed})
    return (*books[:at], books[at]._replace(queue=queue), *books[at + 1 :]), f"{story} in {books[at].symbol}"


def _happening_again(history: History, dice: random.Random, wrong: _Wrong, story: str) -> Injected | None:
    """The history as it would have been with one operation carried out wrongly, where that made a difference."""
    order = search(history, steps=_REPLAY_STEPS).order
    occasions = [at for at in order if not history.operations[at].is_open]
    dice.shuffle(occasions)
    for chosen in occasions[:_TRIES]:
        again = _again(history, order, chosen, wrong)
        if again is not None and again != history:
            return Injected(again, story, (chosen,))
    return None


_TRIES = 8


def _again(history: History, order: Iterable[int], chosen: int, wrong: _Wrong) -> History | None:
    state = before = opening(history.instruments, history.profile)
    operations = list(history.operations)
    feed: list[Filled] = []
    for at in order:
        operation = operations[at]
        happened = step(state, operation.command)
        if at == chosen:
            mistaken = wrong(state, operation.command, before)
            if mistaken is None:
                return None
            happened = mistaken
        before = state
        state, events = happened
        feed += fills(events)
        if not operation.is_open:
            operations[at] = operation._replace(events=events)
    return history._replace(
        operations=tuple(operations),
        feed=None if history.feed is None else tuple(feed),
        final=tuple(view(state, book.symbol) for book in history.final),
        accounts=tuple(account(state, held.account) for held in history.accounts),
    )
