"""Random small histories, half of them with a defect, put to every checker: do they say what exhaustive search says?

A checker may say that it does not know. What it may never do is to contradict the referee, or to name an order that
does not explain the history. A disagreement is reduced to the fewest operations that show it.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, TypeAlias

from bookproof.models.linearize.conclusion import Conclusion, Verdict
from bookproof.models.linearize.generic import exhaustive
from bookproof.models.linearize.hard import history_of, random_formula, satisfiable
from bookproof.models.linearize.histories import dense, small
from bookproof.models.linearize.history import History
from bookproof.models.linearize.injectors import injected

Checker: TypeAlias = Callable[[History], Conclusion]

RIGHT = "right"
"""The kind of a history without a defect."""


class Case(NamedTuple):
    """A history, and what was done to it."""

    number: int
    kind: str
    """`right`, or the name of the injector."""
    history: History


class Difference(NamedTuple):
    """Where a checker and the referee disagree."""

    case: Case
    checker: str
    what: str
    """What is wrong with what it said."""
    smallest: History
    """The fewest operations with which it is still wrong in the same way."""


class Tally(NamedTuple):
    """What a run came to."""

    histories: int
    violating: int
    """How many of them no order explains."""
    kinds: Counter[str]
    """Of which kinds they were."""
    unknown: dict[str, Counter[str]]
    """For each checker, what was in its way where it did not know."""
    differences: list[Difference]


def numbered_case(seed: int, number: int) -> Case:
    """Case `number` of a seed: every second one has a defect, if the history gives occasion to one.

    >>> numbered_case(1, 4).kind, numbered_case(1, 4) == numbered_case(1, 4)
    ('right', True)
    """
    dice = random.Random(f"linearize {seed} {number}")
    history = small(dice)
    wrong = injected(history, dice) if number % 2 else None
    return Case(number, RIGHT, history) if wrong is None else Case(number, wrong[0], wrong[1].history)


def dense_case(seed: int, number: int) -> Case:
    """The same of lists and accounts, with few prices: orders stand behind each other, and money is short.

    >>> dense_case(1, 4) == dense_case(1, 4), dense_case(1, 4) != dense_case(1, 6)
    (True, True)
    """
    dice = random.Random(f"dense {seed} {number}")
    history = dense(dice)
    wrong = injected(history, dice) if number % 2 else None
    return Case(number, RIGHT, history) if wrong is None else Case(number, wrong[0], wrong[1].history)


def fuzz(
    checkers: Mapping[str, Checker],
    numbers: Iterable[int],
    seed: int = 0,
    most: int = 10,
    cases: Callable[[int, int], Case] = numbered_case,
) -> Tally:
    """Put these cases to these checkers, until so many differences are found.

    >>> from bookproof.models.linearize.generic import search
    >>> tally = fuzz({"generic": search}, range(20))
    >>> tally.histories, tally.differences
    (20, [])
    """
    tally = Tally(0, 0, Counter(), {name: Counter() for name in checkers}, [])
    for number in numbers:
        case = cases(seed, number)
        expected = exhaustive(case.history)
        violating = expected.verdict is Verdict.NOT_LINEARIZABLE
        tally = tally._replace(histories=tally.histories + 1, violating=tally.violating + violating)
        tally.kinds[case.kind] += 1
        for name, checker in checkers.items():
            what, said = _put(checker, case.history, expected)
            if said is not None and said.verdict is Verdict.UNKNOWN:
                tally.unknown[name][said.kind] += 1
            if what is not None:
                tally.differences.append(Difference(case, name, what, reduced(checker, case.history, what)))
        if len(tally.differences) >= most:
            break
    return tally


def _put(checker: Checker, history: History, expected: Conclusion) -> tuple[str | None, Conclusion | None]:
    """What is wrong with what a checker says, None if nothing is; and what it says, if it says anything."""
    try:
        said = checker(history)
    except Exception as error:  # whatever it raises is a finding
        return f"raises {type(error).__name__}", None
    if said.verdict is Verdict.UNKNOWN:
        return None, said
    if said.verdict is not expected.verdict:
        return f"says {said.verdict.value}, and the referee {expected.verdict.value}", said
    if said.verdict is Verdict.LINEARIZABLE and not explains(history, said.order):
        return "names an order that does not explain the history", said
    if said.verdict is Verdict.NOT_LINEARIZABLE and not all(0 <= at < len(history.operations) for at in said.core):
        return "names operations that there are not", said
    return None, said


def explains(history: History, order: Iterable[int]) -> bool:
    """Whether an order explains a history, as the referee sees it: it has no other choice than this order.

    >>> explains(History((), ()), ())
    True
    """
    chosen = tuple(order)
    operations = history.operations
    left_out = set(range(len(operations))) - set(chosen)
    if len(set(chosen)) < len(chosen) or any(not operations[at].is_open for at in left_out):
        return False
    for place, at in enumerate(chosen):
        for later in chosen[place + 1 :]:
            returned = operations[later].returned
            if returned is not None and not operations[later].is_open and returned < operations[at].called:
                return False
    in_turn = tuple(
        operations[at]._replace(called=place, returned=None if operations[at].is_open else place)
        for place, at in enumerate(chosen)
    )
    return exhaustive(history._replace(operations=in_turn)).verdict is Verdict.LINEARIZABLE


def wrong_about_formula(checker: Checker, seed: int) -> bool:
    """Whether a checker says something wrong of the history that is made of a small random formula.

    Such a history is too long for the referee, and there is no need of one: the formula can be satisfied or not. It
    takes many suppositions, of which a random history of a few operations takes hardly any.

    >>> from bookproof.models.linearize.conflicts import decide
    >>> wrong_about_formula(decide, 0)
    False
    """
    dice = random.Random(seed)
    formula = random_formula(3, dice.randint(4, 16), dice)
    said = checker(history_of(formula)).verdict
    return said is (Verdict.NOT_LINEARIZABLE if satisfiable(formula) else Verdict.LINEARIZABLE)


def reduced(checker: Checker, history: History, what: str) -> History:
    """The history with as much left out as can be, while the checker is wrong about it in the same way."""

    def still(smaller: History) -> bool:
        return _put(checker, smaller, exhaustive(smaller))[0] == what

    changed = True
    while changed:
        changed = False
        for smaller in _smaller(history):
            if still(smaller):
                history, changed = smaller, True
                break
    return history


def _smaller(history: History) -> Iterable[History]:
    """The history with one thing less."""
    operations = history.operations
    for at in range(len(operations)):
        yield history._replace(operations=(*operations[:at], *operations[at + 1 :]))
    if history.feed is not None:
        yield history._replace(feed=None)
        for line in range(len(history.feed)):
            yield history._replace(feed=(*history.feed[:line], *history.feed[line + 1 :]))
    for book in range(len(history.final)):
        yield history._replace(final=(*history.final[:book], *history.final[book + 1 :]))
    named = {instrument.symbol for instrument in history.instruments}
    if len(named) > 1:
        for instrument in history.instruments:
            rest = tuple(other for other in history.instruments if other != instrument)
            if not any(instrument.symbol in repr(operation) for operation in operations):
                final = tuple(book for book in history.final if book.symbol != instrument.symbol)
                yield history._replace(instruments=rest, final=final)
