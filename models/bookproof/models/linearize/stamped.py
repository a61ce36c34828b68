"""Do the stamps of a history explain it? A near-linear check, for exchanges that say in which order they worked.

An exchange may stamp every operation with its place in one order, or with its place in the order of each stripe that
it touched: each book's own sequence numbers are enough. Three things must hold:

1. no two operations have the same stamp in a stripe;
2. the orders of the stripes and real time agree: their union has no cycle. An operation that came before another in
   one stripe and after it in another was not one step, whatever each stripe for itself says;
3. replayed in an order that follows from the union, every operation is answered as recorded, and books, accounts and
   the feed end as they did. Operations that share no stripe do not meet, so any such order will do.

With one global order that is a sort and a replay. With stripes the union is walked once, with a heap for real time:
O(n log n) for n operations, and as many steps more as there are stamps.

A stamp is evidence and not truth. Stamps that explain a history prove it linearizable, as the order they give is
replayed. Stamps that do not prove nothing about the exchange but that its stamps are wrong, or it is: which of the two
is for a search that does not look at them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from itertools import chain, pairwise, permutations
from typing import NamedTuple

from bookproof.models.linearize.certificate import BY_ORACLE, flaw_in
from bookproof.models.linearize.conclusion import Conclusion, Reason, Verdict
from bookproof.models.linearize.generic import by_book, fills
from bookproof.models.linearize.history import History, Operation
from bookproof.models.linearize.replay import OracleReplay, Replay, replay_of
from bookproof.models.report.plainly import plainly
from bookproof.spec.events import Event, Rejected
from bookproof.spec.exchange import opening, step

_MOST_PAIRED = 12
"""Open operations of which two at a time are tried, where one alone is not what is missed."""


def check_stamps(history: History, *, by_oracle: bool | None = None) -> Conclusion | None:
    """Whether the stamps of a history explain it; None where they cannot say.

    They cannot if there are none. Nor can they, unless all is explained or they contradict themselves, where something
    may have happened that has none: an open operation, or one that was answered without a stamp. `by_oracle` says who
    replays; by default `certificate.BY_ORACLE` does.

    >>> from bookproof.spec.commands import EndOfDay
    >>> from bookproof.spec.events import DayEnded
    >>> first = Operation(0, EndOfDay(), 10, 20, (DayEnded(),), (("", 1),))
    >>> second = Operation(1, EndOfDay(), 15, 30, (DayEnded(),), (("", 2),))
    >>> check_stamps(History((), (second, first))).order
    (1, 0)
    >>> late = second._replace(called=25, stamps=(("", 0),))
    >>> print(check_stamps(History((), (late, first))).proof[0].sentence)
    Operation 0 (client 1, EndOfDay()) comes before operation 1 (client 0, EndOfDay()): the stamps are 0 and 1.
    """
    operations = history.operations
    if not any(operation.stamps for operation in operations):
        return None
    try:
        ordered = _globally_ordered(operations)
        ordered, contradiction = _union(operations) if ordered is None else _against_real_time(operations, ordered)
    except _SameStamp as found:
        return refused_by_stamps((found.reason,))
    if by_oracle is None:
        by_oracle = len(operations) <= BY_ORACLE
    end = _replayed(history, ordered, replay_of(history, by_oracle), whole=not contradiction)
    if contradiction:
        return refused_by_stamps(contradiction, ordered[: end.explained])
    if end.proof is None:
        return Conclusion(Verdict.LINEARIZABLE, tuple(ordered), steps=len(ordered))
    if any(map(may_have_happened_anywhere, operations)):
        return _with_open(history, ordered) if by_oracle else None
    return refused_by_stamps((end.proof,), ordered[: end.explained])


def refused_by_stamps(proof: tuple[Reason, ...], prefix: Sequence[int] = ()) -> Conclusion:
    """That the stamps do not explain a history, and why."""
    core = tuple(dict.fromkeys(place for reason in proof for place in reason.operations))
    return Conclusion(
        Verdict.NOT_LINEARIZABLE, core=core, proof=proof, kind="stamps", prefix=tuple(prefix), steps=len(prefix)
    )


def may_have_happened_anywhere(operation: Operation) -> bool:
    """Whether stamps do not say where it stands, and it may have changed something."""
    if operation.stamps:
        return False
    return not operation.events or not all(isinstance(event, Rejected) for event in operation.events)


# ── 1: stamps ──


class _SameStamp(Exception):
    """Two operations have one place."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.sentence)
        self.reason = reason


def _in_order(operations: Sequence[Operation], stripe: str, entries: list[tuple[int, int]]) -> list[int]:
    """The operations of a stripe, as pairs of stamp and place, in its order."""
    entries.sort()
    before: tuple[int, int] | None = None
    for entry in entries:
        if before is not None and before[0] == entry[0]:
            raise _SameStamp(same_stamp_reason(operations, before[1], entry[1], stripe, entry[0]))
        before = entry
    return [place for _, place in entries]


def same_stamp_reason(operations: Sequence[Operation], one: int, other: int, stripe: str, stamp: int) -> Reason:
    """That two operations have one stamp."""
    both = f"{named(operations, one)} and {named(operations, other)}"
    return Reason(f"Two operations have the stamp {stamp}{_in_stripe(stripe)}: {both}.", (one, other))


# ── 2: order ──


def _globally_ordered(operations: Sequence[Operation]) -> list[int] | None:
    """The answered operations in the order of their stamps, if each has one, of one and the same stripe."""
    stamps: list[int] = []
    places: list[int] = []
    only: str | None = None
    for place, operation in enumerate(operations):
        if operation.events is None:
            continue
        if len(operation.stamps) != 1:
            return None
        [(stripe, stamp)] = operation.stamps
        if only is None:
            only = stripe
        if stripe != only:
            return None
        stamps.append(stamp)
        places.append(place)
    turn = sorted(range(len(stamps)), key=stamps.__getitem__)
    for one, other in pairwise(turn):
        if stamps[one] == stamps[other]:
            raise _SameStamp(same_stamp_reason(operations, places[one], places[other], only or "", stamps[one]))
    return [places[at] for at in turn]


def _against_real_time(operations: Sequence[Operation], ordered: list[int]) -> tuple[list[int], tuple[Reason, ...]]:
    """The order up to where it goes against real time, and why it does: backwards, with the first return so far."""
    first, returned = -1, float("inf")
    for at in range(len(ordered) - 1, -1, -1):
        operation = operations[ordered[at]]
        if returned < operation.called:
            early, late = ordered[at], first
            proof = (stripe_reason(operations, early, late), time_reason(operations, late, early))
            return ordered[:at], (*proof, closing([early, late], []))
        back = operation.returned
        assert back is not None
        if back <= returned:
            first, returned = ordered[at], back
    return ordered, ()


def _union(operations: Sequence[Operation]) -> tuple[list[int], tuple[Reason, ...]]:
    """An order that all stripes and real time allow; as far as there is one, and then the cycle that ends it.

    What is next in all its stripes waits in a heap, by its call. The first of them may come next unless something that
    has no place yet had returned before it was called; then nothing else may either.
    """
    queues, waits = _queues(operations)
    answered = [place for place, operation in enumerate(operations) if operation.events is not None]
    by_return = sorted(answered, key=lambda place: operations[place].returned or 0)
    has_place = [False] * len(operations)
    ready = [(operations[place].called, place) for place in answered if waits[place] == 0]
    heapify(ready)
    heads = dict.fromkeys(queues, 0)
    order: list[int] = []
    unreturned = 0  # all before it in `by_return` have a place
    while ready:
        called, place = ready[0]
        while has_place[by_return[unreturned]]:
            unreturned += 1
        first = operations[by_return[unreturned]].returned
        assert first is not None
        if first < called:
            break
        heappop(ready)
        has_place[place] = True
        order.append(place)
        for stripe, _ in operations[place].stamps:
            heads[stripe] = head = heads[stripe] + 1
            queue = queues[stripe]
            if head < len(queue):
                following = queue[head]
                waits[following] -= 1
                if not waits[following]:
                    heappush(ready, (operations[following].called, following))
    if len(order) == len(answered):
        return order, ()
    while has_place[by_return[unreturned]]:
        unreturned += 1
    waiting = {stripe: queue[heads[stripe]] for stripe, queue in queues.items() if heads[stripe] < len(queue)}
    return order, cycle_among(operations, waiting, by_return[unreturned])


def _queues(operations: Sequence[Operation]) -> tuple[dict[str, list[int]], list[int]]:
    """Each stripe's operations in its order, and in how many stripes each operation is not the first."""
    stamped: dict[str, list[tuple[int, int]]] = {}
    waits = [0] * len(operations)
    for place, operation in enumerate(operations):
        stamps = operation.stamps
        waits[place] = len(stamps)
        for stripe, stamp in stamps:
            if stripe in stamped:
                stamped[stripe].append((stamp, place))
            else:
                stamped[stripe] = [(stamp, place)]
    queues: dict[str, list[int]] = {}
    for stripe, entries in stamped.items():
        queues[stripe] = _in_order(operations, stripe, entries)
        waits[entries[0][1]] -= 1
    return queues, waits


# ── a cycle, in sentences ──


def cycle_among(operations: Sequence[Operation], heads: dict[str, int], first_back: int) -> tuple[Reason, ...]:
    """Why nothing can come next: operations of which each comes before the next, and the last before the first.

    Going back from anything that waits, to what is ahead of it in a stripe or had returned before it was called, one
    comes by the same operation twice. What is met is first in some stripe or the first to have returned, so the way is
    no longer than there are stripes; and is then cut short wherever one operation comes before another one directly.
    """
    walk: list[int] = [first_back]
    while walk.count(walk[-1]) == 1:
        at = walk[-1]
        ahead = next((heads[stripe] for stripe, _ in operations[at].stamps if heads[stripe] != at), first_back)
        walk.append(ahead)
    circle = walk[walk.index(walk[-1]) + 1 :][::-1]
    circle = _shortest(operations, circle)
    if torn := _torn(operations, circle):  # the story begins with it
        begin = circle.index(torn[0].place)
        circle = circle[begin:] + circle[:begin]
    pairs = list(zip(circle, [*circle[1:], circle[0]], strict=True))
    proof = tuple(
        stripe_reason(operations, one, other)
        if _stripe_between(operations, one, other) is not None
        else time_reason(operations, one, other)
        for one, other in pairs
    )
    return (*proof, closing(circle, torn))


def _shortest(operations: Sequence[Operation], circle: list[int]) -> list[int]:
    """The shortest circle among the operations of one: breadth first, from each of them."""
    after = {
        one: [other for other in circle if other != one and _comes_before(operations, one, other)] for one in circle
    }
    best = circle
    for start in circle:
        came_from = {start: start}
        ahead = [start]
        for at in ahead:
            if start in after[at]:
                way = [at]
                while way[-1] != start:
                    way.append(came_from[way[-1]])
                best = min(best, way[::-1], key=len)
                break
            for other in after[at]:
                if other not in came_from:
                    came_from[other] = at
                    ahead.append(other)
    return best


def _comes_before(operations: Sequence[Operation], one: int, other: int) -> bool:
    return _stripe_between(operations, one, other) is not None or _returned_before(operations, one, other)


def _stripe_between(operations: Sequence[Operation], one: int, other: int) -> tuple[str, int, int] | None:
    """A stripe in which one operation stands before another, and their stamps there."""
    theirs = dict(operations[other].stamps)
    for stripe, stamp in operations[one].stamps:
        if stripe in theirs and stamp < theirs[stripe]:
            return stripe, stamp, theirs[stripe]
    return None


def _returned_before(operations: Sequence[Operation], one: int, other: int) -> bool:
    returned = operations[one].returned
    return returned is not None and returned < operations[other].called


def stripe_reason(operations: Sequence[Operation], one: int, other: int) -> Reason:
    """That one operation stands before another in a stripe."""
    found = _stripe_between(operations, one, other)
    assert found is not None
    stripe, stamp, later = found
    sentence = (
        f"{_capital(named(operations, one))} comes before {named(operations, other)}{_in_stripe(stripe)}: "
        f"the stamps are {stamp} and {later}."
    )
    return Reason(sentence, (one, other))


def time_reason(operations: Sequence[Operation], one: int, other: int) -> Reason:
    """That one operation returned before another was called."""
    returned, called = operations[one].returned, operations[other].called
    assert returned is not None
    sentence = (
        f"{_capital(named(operations, one))} comes before {named(operations, other)} in real time: "
        f"it returned {called - returned:,} ns before the other was called."
    )
    return Reason(sentence, (one, other))


class _Torn(NamedTuple):
    """An operation that came before another in one stripe and after one in another, and these came in this order."""

    place: int
    came: int
    came_in: str
    went: int
    went_in: str


def _torn(operations: Sequence[Operation], circle: list[int]) -> list[_Torn]:
    torn: list[_Torn] = []
    for at, place in enumerate(circle):
        came, went = circle[at - 1], circle[(at + 1) % len(circle)]
        before, after = _stripe_between(operations, came, place), _stripe_between(operations, place, went)
        if before is not None and after is not None and before[0] != after[0]:
            torn.append(_Torn(place, came, before[0], went, after[0]))
    return torn


def closing(circle: list[int], torn: list[_Torn]) -> Reason:
    """What the circle comes to: one of its operations was torn, or a stamp goes against real time."""
    if not torn:
        each = "the other: no order has both" if len(circle) == 2 else "itself: no order has all of this"
        return Reason(f"So each of them comes before {each}.", tuple(circle))
    place, came, came_in, went, went_in = torn[0]
    who = " or ".join(f"operation {one.place}" for one in torn)
    parts = f"operation {went} came after {place}{_in_stripe(went_in)}"
    if came == went:
        parts += f" and before it{_in_stripe(came_in)}"
    else:
        parts += f", and operation {came}, which is later still, came before {place}{_in_stripe(came_in)}"
    return Reason(f"So {who} is torn, in effect more than one step: {parts}.", tuple(circle))


def named(operations: Sequence[Operation], place: int) -> str:
    """An operation as a sentence calls it.

    >>> from bookproof.spec.commands import Cancel
    >>> named([Operation(2, Cancel("ABC", 1), 10, None, None)], 0)
    'operation 0 (client 2, ABC: cancel order 1)'
    """
    operation = operations[place]
    return f"operation {place} (client {operation.client}, {plainly(operation.command)})"


def _in_stripe(stripe: str) -> str:
    if not stripe:
        return ""
    return f" in {stripe}" if stripe.startswith("stripe") else f" in stripe {stripe}"


def _capital(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]


# ── 3: answers ──


class _End(NamedTuple):
    """How far an order explains the answers."""

    explained: int
    proof: Reason | None


def _replayed(history: History, ordered: Sequence[int], replay: Replay, *, whole: bool) -> _End:
    """Carry out the operations in this order; all that is known of the end is looked at if it is the whole order."""
    operations = history.operations
    answer = replay.answer
    for at, place in enumerate(ordered):
        operation = operations[place]
        right = answer(operation.command)
        if right != operation.events:
            return _End(at, other_answer(operations, place, right))
    if not whole:
        return _End(len(ordered), None)
    flaw = flaw_of_end(history, replay, (event for place in ordered for event in operations[place].events or ()))
    return _End(len(ordered), None if flaw is None else Reason(flaw, tuple(ordered)))


def other_answer(operations: Sequence[Operation], place: int, right: tuple[Event, ...]) -> Reason:
    """That an operation was answered otherwise than is right."""
    operation = operations[place]
    sentence = (
        f'{_capital(named(operations, place))} was answered "{plainly(*(operation.events or ()))}"; where its stamps '
        f'put it, "{plainly(*right)}" is right.'
    )
    return Reason(sentence, (place,))


def flaw_of_end(history: History, replay: Replay, events: Iterable[Event]) -> str | None:
    """What is not as it was seen when all was over."""
    for book in history.final:
        right = replay.book(book.symbol)
        if not history.ended_so(book, right):
            return f"After the last operation {book.symbol} is {right}, and was seen as {book}."
    for held in history.accounts:
        owed = replay.account(held.account)
        if owed != held:
            return f"After the last operation account {held.account} is {owed}, and was seen as {held}."
    if history.feed is not None:
        traded, told = by_book(fills(events)), by_book(history.feed)
        for symbol in dict.fromkeys((*traded, *told)):
            if traded.get(symbol) != told.get(symbol):
                return f"The feed of {symbol} does not tell the trades of the answers, in the order of the stamps."
    return None


# ── operations that have no stamp, and yet were seen ──


def _with_open(history: History, ordered: Sequence[int]) -> Conclusion | None:
    """Put open operations where they are missed first; None if that does not do.

    Where an answer differs, one open operation or two just before it may make it right. That finds those that came
    just in time to be seen, which is what most of them did: a passive order may as well have rested late. Whatever it
    finds is replayed as any other order. What it does not find is for a search.
    """
    operations = history.operations
    left = [place for place, operation in enumerate(operations) if operation.is_open]
    first_return = [0] * len(ordered)
    """Of the operation at each position and all behind it, when the first returned: what was called later is later."""
    earliest: int | None = None
    for at in range(len(ordered) - 1, -1, -1):
        back = operations[ordered[at]].returned or 0
        earliest = back if earliest is None else min(earliest, back)
        first_return[at] = earliest
    state = opening(history.instruments, history.profile)
    order: list[int] = []
    trades: dict[int, tuple[Event, ...]] = {}
    """What open operations were answered where they happened."""
    for at, place in enumerate(ordered):
        operation = operations[place]
        candidates = [one for one in left if operations[one].called <= first_return[at]]
        for some in _few(candidates):
            missed, happened = state, dict[int, tuple[Event, ...]]()
            for one in some:
                missed, happened[one] = step(missed, operations[one].command)
            after, events = step(missed, operation.command)
            if events == operation.events:
                break
        else:
            return None
        state = after
        trades |= happened
        order += [*some, place]
        left = [one for one in left if one not in some]
    told = [event for place in order for event in trades.get(place, operations[place].events or ())]
    for some in _few(left):
        replay, more = OracleReplay(history), list(told)
        replay.state = state
        for one in some:
            more += replay.answer(operations[one].command)
        whole = [*order, *some]
        if flaw_of_end(history, replay, more) is None and flaw_in(history, whole, by_oracle=True) is None:
            return Conclusion(Verdict.LINEARIZABLE, tuple(whole), steps=len(whole))
    return None


def _few(places: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """None of some operations, one, or two of them in either order if that is not too much."""
    most = 2 if len(places) <= _MOST_PAIRED else 1
    return chain.from_iterable(permutations(places, count) for count in range(most + 1))
