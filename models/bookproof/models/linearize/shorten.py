"""A core for whatever rules: from a history that the generic search refutes to the few operations that show why.

1. *The moment.* What was called until a moment is a history of its own, in which who had not returned by then has no
   answer yet: if the whole is explained by an order, so is this, whatever the rules. So there is a first return with
   which the operations until then are explained no more: everything before it is, and the answer that came then is
   the one that is wrong.
2. *The bystanders.* Of the operations before, those go without which the others are still explained as before, the rule
   book's answer to the last one stays what it is, and yet no order explains what that one was told. Whoever owns an
   order that is spoken of stays. Where every answer is explained, and a book or an account at the end is not, that
   stands for the last answer.

The first is a proof. The second is not, as an operation may matter in an order that nobody looked at: so what is left
is refuted by the generic search, and believed because of that, beside the proof for the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from time import perf_counter
from typing import NamedTuple

from bookproof.models.linearize.conclusion import Conclusion, Verdict
from bookproof.models.linearize.generic import search
from bookproof.models.linearize.history import History, Operation
from bookproof.models.linearize.minimise import Name, Part
from bookproof.spec.commands import Cancel, Reduce, Replace
from bookproof.spec.exchange import account, opening, step, view
from bookproof.spec.values import Nanoseconds, Symbol, Value, parts_of
from bookproof.spec.views import AccountView, BookView

_STEPS = 100_000
"""Operations that one search may try."""

_NAMES = ("order_id", "maker", "taker")
"""Fields that hold the id of an order."""

_END = -1
"""What stands for an operation where a book or an account at the end is wrong."""


def until(history: History, moment: Nanoseconds) -> Part:
    """What was called until a moment; whoever had not returned by then has no answer yet.

    >>> from bookproof.spec.instruments import listing
    >>> asked = [Operation(0, Cancel("ABC", 1), at, at + 5, ()) for at in (1, 3, 9)]
    >>> part = until(History(listing(["ABC"]), tuple(asked)), 6)
    >>> part.places, [operation.returned for operation in part.history.operations]
    ((0, 1), [6, None])
    """
    places = [at for at, operation in enumerate(history.operations) if operation.called <= moment]
    operations = [_opened_after(history.operations[at], moment) for at in places]
    return Part(_part(history, operations), tuple(places))


def _opened_after(operation: Operation, moment: Nanoseconds) -> Operation:
    if operation.returned is not None and operation.returned <= moment:
        return operation
    return operation._replace(returned=None, events=None, stamps=())


def _part(history: History, operations: Iterable[Operation]) -> History:
    return history._replace(operations=tuple(operations), feed=None, final=(), accounts=(), lock_steps=())


def shortened(history: History, *, seconds: float = float("inf")) -> Part | None:
    """A few operations that no order explains, of a history that none does; None if none were found in the time.

    None as well where everything is explained but the feed.

    >>> from bookproof.spec.commands import Deposit
    >>> from bookproof.spec.events import DayEnded
    >>> from bookproof.spec.instruments import listing
    >>> odd = Operation(0, Cancel("ABC", 1), 3, 4, (DayEnded(),))
    >>> right = [Operation(0, Cancel("ABC", 7), at, at + 1, step(opening(listing(["ABC"])), Cancel("ABC", 7))[1])
    ...     for at in (1, 5)]
    >>> shortened(History(listing(["ABC"]), (right[0], odd, right[1]))).places
    (1,)
    """
    deadline = perf_counter() + seconds
    moments = sorted({operation.returned for operation in history.operations if operation.returned is not None})

    def judged(part: History) -> Conclusion:
        return search(part, steps=_STEPS, budget_seconds=max(0.0, deadline - perf_counter()))

    explained: Conclusion | None = judged(until(history, -1).history)
    low, high = -1, len(moments)  # explained until `low`, and at `high` no more
    while high - low > 1 and explained is not None:
        middle = (low + high) // 2
        found = judged(until(history, moments[middle]).history)
        if found.verdict is Verdict.UNKNOWN:
            return None
        if found.verdict is Verdict.LINEARIZABLE:
            low, explained = middle, found
        else:
            high = middle
    if explained is None:
        return None
    before = until(history, moments[low] if low >= 0 else -1)
    order = [before.places[at] for at in explained.order]
    if high == len(moments):
        return _without_bystanders(_Witness(history, order, _END), moments[low], judged, deadline) if moments else None
    last = [at for at, operation in enumerate(history.operations) if operation.returned == moments[high]]
    if len(last) != 1:
        return None
    return _without_bystanders(_Witness(history, order, last[0]), moments[high], judged, deadline)


class _Witness(NamedTuple):
    """An order that explains everything until the answer that is wrong."""

    history: History
    order: list[int]
    last: int
    """The operation that got the wrong answer, or the end."""

    def replayed(self, kept: set[int]) -> dict[int, tuple[Value, ...]]:
        """What the rule book answers in this order to the operations that are kept, and how it ends if that counts."""
        state = opening(self.history.instruments, self.history.profile)
        told: dict[int, tuple[Value, ...]] = {}
        for at in self.order if self.last in (_END, *self.order) else [*self.order, self.last]:
            if at in kept:
                state, told[at] = step(state, self.history.operations[at].command)
        if self.last == _END:
            books = tuple(view(state, book.symbol) for book in self.history.final)
            told[_END] = (*books, *(account(state, held.account) for held in self.history.accounts))
        return told

    def ending(self) -> History:
        """The history without operations, with those books and accounts at its end that are wrong."""
        ends = (*self.history.final, *self.history.accounts)
        if self.last != _END:
            return _part(self.history, ())
        right = self.replayed(set(self.order))[_END]
        wrong = [seen for seen, owed in zip(ends, right, strict=True) if seen != owed]
        return _part(self.history, ())._replace(
            final=tuple(one for one in wrong if isinstance(one, BookView)),
            accounts=tuple(one for one in wrong if isinstance(one, AccountView)),
        )


def _without_bystanders(
    witness: _Witness, moment: Nanoseconds, judged: Callable[[History], Conclusion], deadline: float
) -> Part | None:
    ending = witness.ending()
    history = witness.history._replace(final=ending.final, accounts=ending.accounts)
    witness = witness._replace(history=history)
    if witness.last == _END and not (ending.final or ending.accounts):
        return None
    operations, last = history.operations, witness.last
    whole = until(history, moment)
    right = witness.replayed(set(whole.places))
    in_view = {at: _opened_after(operations[at], moment) for at in whole.places}
    for at, events in right.items():  # who returned later, and was told what this order says, is explained as well
        if at != last and in_view[at].is_open and operations[at].events == events:
            in_view[at] = operations[at]
    names = {at: set(_spoken_of(in_view[at])) for at in whole.places}
    names[_END] = set(_names_in((*ending.final, *ending.accounts)))
    owners: dict[Name, set[int]] = {}
    for at in whole.places:
        if not isinstance(operations[at].command, Cancel | Replace | Reduce):
            for name in _names_in(operations[at].command):
                owners.setdefault(name, set()).add(at)

    def part_of(kept: set[int]) -> Part:
        places = tuple(at for at in whole.places if at in kept)
        return Part(ending._replace(operations=tuple(in_view[at] for at in places)), places)

    def without(gone: set[int], kept: set[int]) -> set[int]:
        """What is left when these go, and whoever speaks of an order that goes with them."""
        left = kept - gone
        while True:
            orphans = {at for at in left if any(name in owners and not owners[name] & left for name in names[at])}
            if not orphans:
                return left
            left -= orphans

    def is_wrong(kept: set[int]) -> bool:
        """Whether the rest is explained as before, and the last answer is wrong in the same way."""
        told = witness.replayed(kept)
        same = all(told[at] == events for at, events in right.items() if at in kept and at in told)
        return same and judged(part_of(kept).history).verdict is Verdict.NOT_LINEARIZABLE

    kept = {*whole.places, last}
    if last == _END and judged(part_of(kept).history).verdict is not Verdict.NOT_LINEARIZABLE:
        return None  # it ends otherwise in another order
    unseen = {at for at in kept if at not in right}
    for gone in (unseen, *({at} for at in unseen)):
        less = without(gone, kept)
        if gone <= kept and last in less and is_wrong(less):
            kept = less
    size = max(1, len(kept) // 2)
    while perf_counter() < deadline:
        moved = False
        for chunk in _chunks(sorted(kept - {last}, reverse=True), size):
            less = without(chunk & kept, kept)
            if chunk & kept and last in less and is_wrong(less):
                kept, moved = less, True
            if perf_counter() > deadline:
                break
        if size == 1 and not moved:
            break
        size = max(1, size // 2)
    return part_of(kept)  # which was refuted when the last of the others went


def _chunks(places: list[int], size: int) -> Iterator[set[int]]:
    for start in range(0, len(places), size):
        yield set(places[start : start + size])


def _spoken_of(operation: Operation) -> Iterator[Name]:
    """The orders that an operation names, and those that its answer does."""
    yield from _names_in(operation.command)
    for event in operation.events or ():
        yield from _names_in(event)


def _names_in(value: object, symbol: Symbol = "") -> Iterator[Name]:
    if isinstance(value, Value):
        fields = parts_of(value)
        symbol = fields.get("symbol") or symbol
        for field, part in fields.items():
            if field in _NAMES and isinstance(part, int):
                yield symbol, part
            else:
                yield from _names_in(part, symbol)
    elif isinstance(value, tuple):
        for part in value:
            yield from _names_in(part, symbol)
