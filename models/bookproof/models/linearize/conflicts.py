"""Conflict-driven linearization: put the operations in order, and let the book say what was wrong with it.

Operations are done as late as they may be: each when its window ends, or when another needs it. If one does not fit,
the book names the order in the way, and that gives a *clause*, which is true of every order that explains the history:
whoever did not touch an order with priority came before it came in, or after it was gone, or found it further back in
the queue. Alternatives that real time and known edges refute are dropped. None left is a conflict, one is a learned
edge, several are a supposition. Only as much is undone as the new edge asks for. A conflict that rests on suppositions
refutes the last of them; one that rests on none is a proof that no order explains the history.

What only takes away may as well happen early: it is done as soon as what it took is in the way, without any
supposition. In practice this is near-linear in the number of operations; in theory the problem is NP-complete, as
soon as one operation may touch two books.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise
from time import perf_counter
from typing import NamedTuple

from bookproof.models.concurrent.history import books_of
from bookproof.models.linearize.books import Books, Obstacle
from bookproof.models.linearize.conclusion import Conclusion, Reason, Verdict
from bookproof.models.linearize.evidence import Progress, gather
from bookproof.models.linearize.facts import NEVER, NOBODY, Beyond, Facts, Impossible
from bookproof.models.linearize.history import History
from bookproof.models.linearize.in_turn import in_turn
from bookproof.models.linearize.precedence import Cycle, Learned, Path, Precedence, Why
from bookproof.spec.commands import Command
from bookproof.spec.values import Side, Symbol

Edge = tuple[int, int]
"""One operation comes before another."""


class Alternative(NamedTuple):
    """One way in which a clause can be true: all of these edges hold."""

    edges: tuple[Edge, ...]
    sentence: str


class Clause(NamedTuple):
    """Something that is true of every order that explains the history: one of the alternatives holds."""

    sentence: str
    operations: tuple[int, ...]
    alternatives: tuple[Alternative, ...]


class _Refuted(NamedTuple):
    suppositions: int
    why: tuple[Why, ...]


class _Supposed(NamedTuple):
    """An alternative that was taken though others were left."""

    clause: Clause
    taken: int
    refuted: dict[int, _Refuted]
    """The alternatives that conflicts have refuted, under older suppositions alone."""


class _Found(Exception):
    """No order explains the history."""

    def __init__(self, why: Why) -> None:
        super().__init__(why.sentence)
        self.why = why


class _Spent(Exception):
    """The budget is."""


IN_NO_WAY = "which cannot be"
"""How the last step of a proof ends."""

UNSEEN = "operations without a return may have done what nobody saw"
"""Why a conflict is no proof: it supposes that nothing happened of which nobody tells."""


def decide(
    history: History,
    *,
    budget_seconds: float | None = None,
    steps: int | None = None,
    progress: Progress | None = None,
) -> Conclusion:
    """Whether some order explains a history, as far as clauses can tell.

    Linearizable comes with the order, which has to be replayed to be believed; not linearizable with a proof. Unknown,
    with the reason, where a rule has no clause or the budget is spent: `steps` operations done, or so many seconds.

    >>> from bookproof.models.linearize.histories import large
    >>> found = decide(large(500, 8))
    >>> found.verdict.value, len(found.order)
    ('linearizable', 500)
    """
    try:
        found = put_in_order(gather(history, progress), budget_seconds=budget_seconds, steps=steps, progress=progress)
    except Beyond as beyond:
        return Conclusion(Verdict.UNKNOWN, kind=f"no clauses are known for {beyond}")
    except Impossible as impossible:
        reason = impossible.reason
        found = Conclusion(Verdict.NOT_LINEARIZABLE, core=reason.operations, proof=(reason,), kind=impossible.kind)
    if found.verdict is Verdict.NOT_LINEARIZABLE and _may_be_otherwise(history, found.core):
        return found._replace(verdict=Verdict.UNKNOWN, kind=UNSEEN)
    return found


def _may_be_otherwise(history: History, core: tuple[int, ...]) -> bool:
    """Whether an operation without a return may have done something in a book that a proof speaks of."""
    opened = [operation.command for operation in history.operations if operation.is_open]
    if not opened:
        return False
    unseen, told = map(_books, (opened, [history.operations[at].command for at in core]))
    return unseen is None or told is None or not unseen.isdisjoint(told) or not told


def _books(commands: Iterable[Command]) -> set[Symbol] | None:
    """The books that some commands touch; None if they are all."""
    found: set[Symbol] = set()
    for command in commands:
        books = books_of(command)
        if books is None:
            return None
        found |= set(books)
    return found


def put_in_order(
    facts: Facts,
    *,
    budget_seconds: float | None = None,
    steps: int | None = None,
    progress: Progress | None = None,
) -> Conclusion:
    """An order of the operations that the facts allow, or a proof that there is none."""
    try:
        search = _Search(facts, budget_seconds, steps, progress)
    except Cycle as cycle:
        return _refuted(cycle.why, 0)
    try:
        search.run()
    except (Cycle, _Found) as found:
        return _refuted(found.why, search.steps)
    except _Spent:
        return Conclusion(Verdict.UNKNOWN, kind="the budget is spent", prefix=tuple(search.longest), steps=search.steps)
    except Beyond as beyond:
        return Conclusion(
            Verdict.UNKNOWN, kind=f"no clauses are known for {beyond}", prefix=tuple(search.done), steps=search.steps
        )
    done, steps = search.done, search.steps
    del search, facts  # an object for each operation is much memory, and all that these hold is more
    return Conclusion(Verdict.LINEARIZABLE, order=tuple(done), steps=steps)


def _refuted(why: Why, steps: int) -> Conclusion:
    proof: list[Reason] = []
    seen: set[int] = set()
    core: dict[int, None] = {}
    waiting: list[tuple[Why, bool]] = [(why, False)]
    while waiting:
        now, told = waiting.pop()
        if told:
            proof.append(Reason(now.sentence, now.operations))
            core.update(dict.fromkeys(now.operations))
        elif id(now) not in seen:
            seen.add(id(now))
            waiting.append((now, True))
            waiting += [(each, False) for each in reversed(now.because)]
    return Conclusion(Verdict.NOT_LINEARIZABLE, core=tuple(sorted(core)), proof=tuple(proof), kind="order", steps=steps)


class _Search:
    """One attempt after the other, each a little less wrong."""

    def __init__(
        self, facts: Facts, budget_seconds: float | None, steps: int | None, progress: Progress | None = None
    ) -> None:
        self.facts = facts
        self.known = Precedence(facts)
        self.books = Books(facts)
        self.steps = 0
        self.most = steps
        self.progress = progress
        self.until = None if budget_seconds is None else perf_counter() + budget_seconds
        size = len(facts.called)
        latest = self.known.latest
        self.queue = array("i", (at for at in in_turn(latest) if latest[at] < NEVER))
        """Whoever has to happen, by the end of its window."""
        self.rank = array("i", [size]) * size
        for rank, at in enumerate(self.queue):
            self.rank[at] = rank
        self.place = array("i", [NOBODY]) * size
        """Where each operation stands in the order so far; -1 if it has not been done."""
        self.done = array("i")
        self.longest = array("i")
        self.at = 0
        self.supposed: list[_Supposed] = []
        self._by_call: Sequence[int] = ()
        """Operations in the order of their calls; like the next two empty until somebody asks."""
        self._last_return = array("q")
        """When the last of all up to each turn returned, but for those that never did."""
        self._never_back = array("i")
        """The turns of these."""

    def run(self) -> None:
        """Until everything that has to happen has happened. Raises _Found if it cannot."""
        while True:
            while self.at < len(self.queue):
                operation = self.queue[self.at]
                if self.place[operation] != NOBODY or self._bring_about(operation):
                    self.at += 1
            clause = self._wrong_last_price() or self._wrong_queue()
            if clause is None:
                return
            self._settle(clause)

    def _bring_about(self, wanted: int) -> bool:
        """Do an operation, and first whatever has to come before it; False if something had to be undone instead."""
        waiting = [wanted]
        while waiting:
            operation = waiting[-1]
            if self.place[operation] != NOBODY:
                waiting.pop()
                continue
            needed = next((at for at in self.known.preds(operation) if self.place[at] == NOBODY), None)
            if needed is not None:
                if needed in waiting:
                    self._circle([*waiting[waiting.index(needed) :], needed])
                    return False
                waiting.append(needed)
                continue
            obstacle = self._do(operation)
            if obstacle is None:
                waiting.pop()
            elif not self._cleared_away(operation, obstacle):
                self._settle(self._clause(operation, obstacle))
                return False
        return True

    def _do(self, operation: int) -> Obstacle | None:
        self.steps += 1
        if self.most is not None and self.steps > self.most:
            self._give_up()
        if not self.steps & 1023:
            if self.until is not None and perf_counter() > self.until:
                self._give_up()
            if self.progress is not None:
                self.progress(f"{len(self.done):,} of {len(self.queue):,} in order")
        obstacle = self.books.do(operation)
        if obstacle is None:
            self.place[operation] = len(self.done)
            self.done.append(operation)
        return obstacle

    def _give_up(self) -> None:
        if len(self.done) > len(self.longest):
            self.longest = self.done[:]
        raise _Spent

    def _cleared_away(self, operation: int, obstacle: Obstacle) -> bool:
        """Whether what is in the way is gone now, since who takes it may as well have taken it by now."""
        if obstacle.kind not in ("in the way", "there", "could trade"):
            return False
        moved = False
        latest = self.known.latest[self.queue[self.at]]
        for order in obstacle.orders:
            for consumer in self.facts.consumers[order]:
                if (
                    self.place[consumer] == NOBODY
                    and consumer != operation
                    and self.facts.is_pure(consumer)
                    and consumer not in self.facts.optional
                    and self.known.earliest[consumer] <= latest
                    and all(self.place[before] != NOBODY for before in self.known.preds(consumer))
                    and self._do(consumer) is None
                ):
                    moved = True
        return moved

    # ── clauses ──

    def _clause(self, operation: int, obstacle: Obstacle) -> Clause:
        facts, name = self.facts, self.facts.order_id
        match obstacle.kind:
            case "in the way":
                [order] = obstacle.orders
                alternatives = self._not_there(operation, order)
                involved: tuple[int, ...] = (operation, facts.entered[order])
                if obstacle.instead != NOBODY:
                    maker = obstacle.instead
                    alternatives.append(
                        Alternative((obstacle.brought,), f"order {name[maker]} was queued before order {name[order]}")
                    )
                    if facts.display.keys() & {maker, order}:
                        alternatives += self._other_slices(operation, maker)
                        alternatives += self._other_slices(operation, order)
                    involved = (*involved, facts.entered[maker])
                    sentence = f"it took from order {name[maker]} and not from order {name[order]}, at the same price"
                else:
                    sentence = f"it did not take from order {name[order]}, which has priority over all that it left"
                if operation in facts.cleared:
                    sentence = f"it cancelled all orders of an account and not order {name[order]}"
                return Clause(sentence, involved, tuple(alternatives))
            case "there":
                [order] = obstacle.orders
                sentence = f"it did not find order {name[order]}"
                return Clause(sentence, (operation, facts.entered[order]), tuple(self._not_there(operation, order)))
            case "could trade":
                return self._too_much(operation, obstacle)
            case "another slice":
                [order] = obstacle.orders
                sentence = f"it took another part of order {name[order]} than the slice that is shown"
                involved = (operation, *dict.fromkeys(facts.consumers[order]))
                return Clause(sentence, involved, tuple(self._other_slices(operation, order)))
            case "last price":
                return self._other_price(operation)
            case "queued otherwise":
                one, other = obstacle.orders
                sentence = f"it cancelled order {name[one]} before order {name[other]}, as they had queued"
                alternatives = [Alternative((obstacle.brought,), "they queued in this order")]
                alternatives += [*self._other_slices(operation, one), *self._other_slices(operation, other)]
                return Clause(sentence, (operation, *obstacle.brought), tuple(alternatives))
            case "too little":
                [order] = obstacle.orders
                done = [at for at in facts.consumers[order] if self.place[at] != NOBODY and at != operation]
                later = tuple(Alternative(((operation, at),), "it came before who took from that order") for at in done)
                sentence = f"it made order {name[order]} smaller, and left something of it"
                return Clause(sentence, (operation, *done), later)
            case "nothing there":
                [(side, reach)] = obstacle.legs
                orders = [order for order in self._within(operation, side, reach) if facts.entered[order] != operation]
                sentence = "it found somebody to trade with"
                return Clause(sentence, (operation,), tuple(self._was_there(operation, orders)))
            case "not there":
                sentence = "it was refused because an order of its id was there"
                return Clause(sentence, (operation,), tuple(self._was_there(operation, obstacle.orders)))
            case _:
                return self._switched(operation, obstacle)

    def _not_there(self, operation: int, order: int) -> list[Alternative]:
        """An order was not there yet, or it was gone."""
        facts, name = self.facts, self.facts.order_id[order]
        found = [Alternative(((operation, facts.entered[order]),), f"order {name} had not come in")]
        if facts.gone[order] and facts.consumers[order]:
            edges = tuple((consumer, operation) for consumer in dict.fromkeys(facts.consumers[order]))
            found.append(Alternative(edges, f"order {name} was gone"))
        return found

    def _other_slices(self, operation: int, order: int) -> Iterator[Alternative]:
        """An iceberg stood elsewhere, or showed another slice: others had taken from it, or in another order (D2)."""
        facts = self.facts
        if order not in facts.display:
            return
        name, consumers = facts.order_id[order], [at for at in facts.consumers[order] if at != operation]
        done = sorted((at for at in consumers if self.place[at] != NOBODY), key=self.place.__getitem__)
        for at in consumers if operation != NOBODY else ():
            edge = (operation, at) if self.place[at] != NOBODY else (at, operation)
            yield Alternative((edge,), f"another part of order {name} had been taken")
        for one, other in pairwise(done):
            yield Alternative(((other, one),), f"order {name} had been taken from in another order")

    def _was_there(self, operation: int, orders: Iterator[int] | tuple[int, ...] | list[int]) -> Iterator[Alternative]:
        facts = self.facts
        for order in orders:
            came = facts.entered[order], operation
            sentence = f"order {facts.order_id[order]} was there"
            if not facts.gone[order]:
                yield Alternative((came,), sentence)
            for consumer in dict.fromkeys(facts.consumers[order]):
                if consumer != operation and facts.gone[order]:
                    yield Alternative((came, (operation, consumer)), sentence)

    def _too_much(self, operation: int, obstacle: Obstacle) -> Clause:
        """It was killed, and what it needed is there: some of it had not come in, or had been taken."""
        facts = self.facts
        alternatives = []
        for order in obstacle.orders:
            name = facts.order_id[order]
            came = Alternative(((operation, facts.entered[order]),), f"order {name} had not come in")
            alternatives.append(came)
            alternatives += [
                Alternative(((at, operation),), f"less was left of order {name}")
                for at in facts.consumers[order]
                if self.place[at] == NOBODY and at != operation
            ]
        involved = (operation, *(facts.entered[order] for order in obstacle.orders))
        return Clause("it was killed for want of enough to trade with", involved, tuple(alternatives))

    def _within(self, operation: int, side: int, reach: int) -> Iterator[int]:
        """The orders within reach that may have been there at that time: those of operations whose windows meet."""
        facts, known = self.facts, self.known
        if not self._last_return:
            self._list_by_call()
        earliest = known.earliest[operation]
        end = bisect_right(self._by_call, known.latest[operation], key=facts.called.__getitem__)
        begin = bisect_left(self._last_return, earliest, 0, end)
        still_open = self._never_back[: bisect_left(self._never_back, begin)]
        seen: set[int] = set()
        for turn in chain(reversed(range(begin, end)), reversed(still_open)):
            at = self._by_call[turn]
            if known.latest[at] < earliest:
                continue
            for order in self._orders_of(at):
                if order not in seen and facts.side_of[order] == side and facts.level[order] <= reach:
                    seen.add(order)
                    yield order

    def _list_by_call(self) -> None:
        """Whoever looks for what may have been there need not look at what had returned long before."""
        facts = self.facts
        self._by_call = in_turn(facts.called)
        last = NOBODY
        for turn, at in enumerate(self._by_call):
            back = facts.returned[at]
            if back >= NEVER - 1:
                self._never_back.append(turn)
                back = facts.called[at]
            last = back if turn == 0 else max(last, back)
            self._last_return.append(last)

    def _orders_of(self, operation: int) -> Iterator[int]:
        for entry in self.facts.entries[operation]:
            if entry.rests != NOBODY:
                yield entry.rests
        for order, _ in self.facts.consumed(operation):
            yield order

    def _other_price(self, operation: int) -> Clause:
        """A stop was looked at on entry: the last price had reached it or not, whoever made that (E7)."""
        facts = self.facts
        book, side, stop, reached = facts.unreached[operation]
        last = self.books.last[book][-1][0] if self.books.last[book] else NOBODY
        alternatives = [] if last == NOBODY else [Alternative(((operation, last),), "it came before that trade")]
        for at, price in facts.last_fill[book].items():
            right = (price >= stop if side is Side.BUY else price <= stop) is reached
            meets = last == NOBODY or self.known.latest[at] >= self.known.earliest[last]
            if right and meets and at not in (last, operation):
                between = ((at, operation),) if last == NOBODY else ((last, at), (at, operation))
                alternatives.append(Alternative(between, "there was a trade at another price between the two"))
        sentence = f"the last price had {'' if reached else 'not '}reached its stop"
        return Clause(sentence, (operation,) if last == NOBODY else (operation, last), tuple(alternatives))

    def _switched(self, operation: int, obstacle: Obstacle) -> Clause:
        """It found something on that was off, or off that was on: it came before the last switch, or after another."""
        facts, flag, value = self.facts, obstacle.flag, obstacle.value
        assert flag is not None
        last = self.books.flags.get(flag, (False, NOBODY))[1]
        others = [at for at in facts.setters.get((flag, value), ()) if at != operation]
        alternatives = []
        if last != NOBODY:
            alternatives.append(Alternative(((operation, last),), "it came before that was switched"))
            alternatives += [
                Alternative(((last, at), (at, operation)), "it was switched back between the two") for at in others
            ]
        else:
            alternatives += [Alternative(((at, operation),), "it had been switched") for at in others]
        what = "the market was" if flag[1] is None else f"{flag[1]} was"
        sentence = f"{what} {'' if value else 'not '}{flag[0]} when it happened"
        involved = (operation,) if last == NOBODY else (operation, last)
        return Clause(sentence, involved, tuple(alternatives))

    def _wrong_last_price(self) -> Clause | None:
        """When all is done: whoever traded last did so at the last price."""
        facts, known = self.facts, self.known
        for book, price in facts.last_price.items():
            fills = facts.last_fill[book]
            last = next(at for at in reversed(self.done) if at in fills)
            if fills[last] == price:
                continue
            since = known.earliest[last]
            alternatives = tuple(
                Alternative(((last, at),), "that came later")
                for at, other in fills.items()
                if other == price and known.latest[at] >= since
            )
            sentence = f"the last trade of {facts.symbols[book]} was at {price}, and it traded at {fills[last]}"
            return Clause(sentence, (last,), alternatives)
        return None

    def _wrong_queue(self) -> Clause | None:
        """When all is done: icebergs stand where their last slice was shown (D2)."""
        facts = self.facts
        for side, right in facts.queues.items():
            for first, then in zip(self.books.queue(side), right, strict=False):
                if first == then:
                    continue
                edge = self.books.brought(then), self.books.brought(first)
                names = facts.order_id[then], facts.order_id[first]
                sentence = f"order {names[0]} was queued before order {names[1]}"
                alternatives = [
                    Alternative((edge,), sentence),
                    *self._other_slices(NOBODY, then),
                    *self._other_slices(NOBODY, first),
                ]
                return Clause(f"when all was over {sentence}", edge, tuple(alternatives))
        return None

    # ── what follows from a clause ──

    def _settle(self, clause: Clause, refuted: dict[int, _Refuted] | None = None) -> None:
        """Learn what a clause leaves, or suppose one of several things, and undo what does not go with it."""
        left: list[int] = []
        if refuted is None and any(all(map(self._is_so, each.edges)) for each in clause.alternatives):
            raise Beyond("what clauses cannot tell apart")  # it is so, and did not help
        refuted = dict(refuted or {})
        for at, alternative in enumerate(clause.alternatives):
            if at in refuted:
                continue
            path = self._against(alternative)
            if path is None:
                left.append(at)
            else:
                refuted[at] = _Refuted(path.suppositions, self.known.told(path))
        suppositions = 0
        because: list[Why] = []
        for each in refuted.values():
            suppositions |= each.suppositions
            because += each.why
        if not left:
            why = Why(f"{clause.sentence}, {IN_NO_WAY}", clause.operations, tuple(because))
            self._conflict(suppositions, why)
            return
        taken = self._preferred(clause, left)
        alternative = clause.alternatives[taken]
        if len(left) > 1:
            suppositions |= 1 << len(self.supposed)
            firm = {at: each for at, each in refuted.items() if at not in left}
            self.supposed.append(_Supposed(clause, taken, firm))
        why = Why(f"{clause.sentence}: so {alternative.sentence}", clause.operations, tuple(because))
        self._assume(alternative, suppositions, why)

    def _is_so(self, edge: Edge) -> bool:
        """Whether two operations are done, in this order."""
        one, other = edge
        return NOBODY != self.place[one] < self.place[other]

    def _against(self, alternative: Alternative) -> Path | None:
        """What is known that an alternative cannot go with."""
        for one, other in alternative.edges:
            path = self.known.path(other, one)
            if path is not None:
                return path
        return None

    def _preferred(self, clause: Clause, left: list[int]) -> int:
        """Which alternative to suppose: one for which least has to be undone."""
        return min(left, key=lambda at: (self._undoing(clause.alternatives[at]), at))

    def _undoing(self, alternative: Alternative) -> int:
        """How many operations would have to be undone."""
        most = 0
        for one, other in alternative.edges:
            there = self.place[other]
            if there != NOBODY and (self.place[one] == NOBODY or self.place[one] > there):
                most = max(most, len(self.done) - there)
        return most

    def _assume(self, alternative: Alternative, suppositions: int, why: Why) -> None:
        back = len(self.done)
        news = False
        for one, other in alternative.edges:
            path = self.known.path(other, one)
            if path is not None:
                told = Why(why.sentence, why.operations, (why, *self.known.told(path)))
                self._conflict(suppositions | path.suppositions, told)
                return
            known = self.known.learned.get((one, other))
            newer = known is None or known.suppositions & ~suppositions
            if newer and not self.facts.why(one, other):
                self.known.learn(Learned(one, other, suppositions, why))
                news = True
            there = self.place[other]
            if there != NOBODY and (self.place[one] == NOBODY or self.place[one] > there):
                back = min(back, there)
        if not news and back == len(self.done):
            raise Beyond("what the clauses do not tell apart")
        self._undo_to(back)

    def _undo_to(self, back: int) -> None:
        if self.most is not None and len(self.done) > len(self.longest) + 64:  # not at each step back: it is a copy
            self.longest = self.done[:]
        first = self.at
        while len(self.done) > back:
            operation = self.done.pop()
            self.books.undo(operation)
            self.place[operation] = NOBODY
            first = min(first, self.rank[operation])
        self.at = first

    def _conflict(self, suppositions: int, why: Why) -> None:
        """Take back the last supposition that a conflict rests on: it is refuted. If there is none, that is a proof."""
        if not suppositions:
            raise _Found(why)
        last = suppositions.bit_length() - 1
        wrong = self.supposed[last]
        self.known.forget(~((1 << last) - 1))
        del self.supposed[last:]
        refuted = dict(wrong.refuted)
        refuted[wrong.taken] = _Refuted(suppositions & ~(1 << last), (why,))
        self._settle(wrong.clause, refuted)

    def _circle(self, around: list[int]) -> None:
        """Operations that wait for each other."""
        suppositions = 0
        because = []
        for after, before in pairwise(around):
            by = self.facts.why(before, after)
            if by:
                because.append(Why(by, (after, before)))
            else:
                learned = self.known.learned[before, after]
                suppositions |= learned.suppositions
                because.append(learned.why)
        self._conflict(suppositions, Why("it would have to come before itself", tuple(around[1:]), tuple(because)))
