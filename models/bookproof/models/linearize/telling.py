"""What there is to tell of a history that no order explains: the same for a terminal and for a page."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from bookproof.models.concurrent.history import Doing, LockStep
from bookproof.models.linearize.conclusion import Reason, Verdict
from bookproof.models.linearize.conflicts import decide
from bookproof.models.linearize.diagnosis import Diagnosis, diagnose
from bookproof.models.linearize.generic import search
from bookproof.models.linearize.history import History
from bookproof.models.linearize.judge import LONGEST_CORE, Judgement
from bookproof.models.linearize.minimise import Part
from bookproof.models.report.literal import classes_in, laid_out
from bookproof.models.report.plainly import plainly
from bookproof.spec.exchange import Exchange, opening, queue, step
from bookproof.spec.values import Symbol

_STEPS = 50_000


class Line(NamedTuple):
    """One operation of the core."""

    name: str
    """A letter, in the order of the calls."""
    place: int
    """Its place in the history."""
    client: int
    called: int
    """Nanoseconds since the first call of the core."""
    returned: int | None
    asked: str
    answered: str


class Touch(NamedTuple):
    """Something that an operation of the core did with a lock, in the engine."""

    line: int
    """Which of the lines."""
    moment: int
    """Nanoseconds since the first call of the core."""
    doing: Doing
    lock: str
    number: int
    """Taken: which time in all; drawn: what."""

    @property
    def named(self) -> str:
        """The lock, or the counter with what it gave.

        >>> Touch(0, 120, Doing.TAKES, "stripe 0", 17).named
        'stripe 0 (no. 17)'
        """
        return f"{self.lock} (no. {self.number})" if self.number else self.lock


class Expected(NamedTuple):
    """What the rule book says where the order that gets furthest gets no further."""

    after: tuple[str, ...]
    """The operations that could be put in order, by their names."""
    name: str
    answered: str
    right: str
    books: tuple[str, ...]
    """The books at that moment, by the rule book."""


class Telling(NamedTuple):
    """A violation."""

    lines: tuple[Line, ...]
    proof: tuple[Reason, ...]
    """Its operations are places in `lines`."""
    sentences: tuple[str, ...]
    """The proof in words."""
    diagnosis: Diagnosis
    expected: tuple[Expected, ...]
    """One for each operation that may come next and is answered otherwise."""
    evidence: str
    test: str
    locks: tuple[Touch, ...] = ()
    """What they did with locks, in order of time, where the history says so."""

    @property
    def these(self) -> str:
        """The operations of the core, for a sentence."""
        return f"of these {len(self.lines)} operations" if len(self.lines) > 1 else "with this operation in it"


def telling(judgement: Judgement, lock_steps: Sequence[LockStep] = ()) -> Telling | None:
    """The story of a violation; None where no core of a few operations could be cut out.

    `lock_steps` are those of the whole history.
    """
    core = judgement.core
    if core is None or len(core.places) > 4 * LONGEST_CORE:
        return None
    history = core.history
    order = sorted(range(len(history.operations)), key=lambda at: history.operations[at].called)
    names = {at: name_of(number) for number, at in enumerate(order)}
    found = decide(history, steps=_STEPS)
    proof = found.proof if found.verdict is Verdict.NOT_LINEARIZABLE else ()
    kind = found.kind if proof else judgement.conclusion.kind
    sentences = tuple(dict.fromkeys(_sentence(reason.told(names)) for reason in proof))
    numbered = {at: number for number, at in enumerate(order)}
    return Telling(
        _lines(core, order, names),
        tuple(reason._replace(operations=tuple(numbered[at] for at in reason.operations)) for reason in proof),
        sentences,
        diagnose(history, kind) if len(order) <= LONGEST_CORE else Diagnosis("unknown", ""),
        tuple(_expected(history, names)) if len(order) <= LONGEST_CORE else (),
        judgement.evidence,
        as_test(history),
        _touches(core, order, lock_steps),
    )


def name_of(number: int) -> str:
    """A, B, … Z, A2, B2, …

    >>> [name_of(number) for number in (0, 25, 26)]
    ['A', 'Z', 'A2']
    """
    turn, letter = divmod(number, 26)
    return f"{chr(ord('A') + letter)}{turn + 1 if turn else ''}"


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _lines(core: Part, order: list[int], names: dict[int, str]) -> tuple[Line, ...]:
    operations = core.history.operations
    begin = min((operations[at].called for at in order), default=0)
    return tuple(
        Line(
            names[at],
            core.places[at],
            operations[at].client,
            operations[at].called - begin,
            None if (returned := operations[at].returned) is None else returned - begin,
            plainly(operations[at].command),
            "never came back" if (events := operations[at].events) is None else plainly(*events),
        )
        for at in order
    )


def _touches(core: Part, order: list[int], lock_steps: Sequence[LockStep]) -> tuple[Touch, ...]:
    line_of = {core.places[at]: line for line, at in enumerate(order)}
    begin = min((core.history.operations[at].called for at in order), default=0)
    return tuple(
        Touch(line_of[step.operation], step.time - begin, step.doing, step.lock, step.number)
        for step in lock_steps
        if step.operation in line_of
    )


def together(touches: Sequence[Touch]) -> list[tuple[Touch, str]]:
    """What one operation did to several locks in a row, as one: the first of them, and what all are called.

    >>> both = [Touch(0, 5, Doing.LEAVES, "stripe 1", 0), Touch(0, 7, Doing.LEAVES, "stripe 0", 0)]
    >>> [(first.moment, locks) for first, locks in together(both)]
    [(5, 'stripe 1, stripe 0')]
    """
    rows = []
    for _, run in groupby(touches, key=lambda touch: (touch.line, touch.doing)):
        same = list(run)
        rows.append((same[0], ", ".join(touch.named for touch in same)))
    return rows


def _expected(history: History, names: dict[int, str]) -> list[Expected]:
    """Where the longest order that works ends: what the rule book says to whoever may come next."""
    furthest = search(history, steps=_STEPS)
    prefix = furthest.prefix
    state: Exchange = opening(history.instruments, history.profile)
    for at in prefix:
        state, _ = step(state, history.operations[at].command)
    left = [at for at in range(len(history.operations)) if at not in prefix and not history.operations[at].is_open]
    first_return = min((history.operations[at].returned or 0 for at in left), default=0)
    told = []
    for at in left:
        operation = history.operations[at]
        right = step(state, operation.command)[1]
        if operation.called <= first_return and right != operation.events:
            books = tuple(_book(state, symbol) for symbol in state.books)
            said = plainly(*(operation.events or ()))
            told.append(Expected(tuple(names[it] for it in prefix), names[at], said, plainly(*right), books))
    return told


def _book(state: Exchange, symbol: Symbol) -> str:
    seen = queue(state, symbol)
    bids = [f"order {one.order_id} bids {one.leaves} at {one.price}" for one in seen.bids]
    asks = [f"order {one.order_id} asks {one.leaves} at {one.price}" for one in seen.asks]
    return f"{symbol}: {', '.join(bids + asks) or 'empty'}"


def as_test(history: History, name: str = "test_some_order_explains_what_clients_saw") -> str:
    """The source of a test that fails as long as no order explains a history."""
    margin = "    "
    lines = [f"def {name}() -> None:", laid_out(history, margin, "history = ")]
    lines.append(f"{margin}assert search(history).verdict is Verdict.LINEARIZABLE")
    kinds = {(kind.__module__, kind.__name__) for kind in classes_in(history)} | {
        ("bookproof.models.linearize.conclusion", "Verdict"),
        ("bookproof.models.linearize.generic", "search"),
    }
    modules: dict[str, list[str]] = {}
    for module, imported in sorted(kinds):
        modules.setdefault(module, []).append(imported)
    imports = [f"from {module} import {', '.join(imported)}" for module, imported in modules.items()]
    return "\n".join([*imports, "", "", *lines, ""])
