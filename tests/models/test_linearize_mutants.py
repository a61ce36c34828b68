"""Checkers of histories with a defect planted in them: the fuzz has to notice each, or nothing could be said for it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from types import FunctionType
from typing import Any

import pytest

from bookproof.models.linearize import adding_up, books, conflicts, evidence, generic, precedence, reductions, refusals
from bookproof.models.linearize.conclusion import Conclusion
from bookproof.models.linearize.conflicts import decide
from bookproof.models.linearize.fuzz import Checker, dense_case, fuzz, wrong_about_formula
from bookproof.models.linearize.generic import search
from bookproof.models.linearize.history import History

Mutant = tuple[Callable[..., Any], str, str, int]

SEARCH_DEFECTS: list[Mutant] = [
    # where, the right line, the wrong one, and the number of a case that shows it
    (generic._Waiting.__init__, "moments.sort()", "moments.sort(key=lambda moment: (moment[0], -moment[1]))", 9),
    (generic._Waiting._open_from, "self._called[entry] > self._first_return()", "False", 1091),
    (generic._Waiting._answered_from, "self._has_place[self._predecessor[entry]]", "entry % 5 != 4", 3),
    (generic._Waiting.after, "self._open_from(self._next[self._open_ring]) if other is None else other", "other", 34),
    (generic._Waiting.take, "self._lift(self._count + at)", "pass", 0),
    (generic._Waiting.put_back, "self._restore(self._count + at)", "pass", 50),
    (generic._Sameness._unnumbered, "tuple(map(self._order, book.bids))", "frozenset(map(self._order, book.bids))", 45),
    (generic._ages_by_account, "order.sequence", "order.order_id", 244),
    (generic._Search.run, "after is not state if operation.is_open else events == operation.events", "True", 1),
    (generic._Search.run, "after is not state if operation.is_open else", "", 6),
    (generic._Search.run, "waiting.unanswered == 0 and self._ends_right(state, places)", "waiting.unanswered == 0", 5),
    (generic._Search.run, "done ^= word[at]", "done ^= 0", 50),
    (generic._Search._followed, "lines[moved[book]] != (fill.maker, fill.taker)", "False", 57),
    (generic._Search._ends_right, "sum(places) < len(history.feed)", "False", 90),
    (generic._Search._ends_right, "history.ended_so(book, view(state, book.symbol))", "True", 5),
    (generic._Search._is_new, "len(self._seen[done]) > before", "False", 45),
]

REDUCTION_DEFECTS: list[Mutant] = [
    (reductions._Stay.traded_before, "self.touched < other.last_seen", "self.touched > other.last_seen", 4),
    (reductions._Stay.traded_before, "place < other.seen.get(at, -1)", "True", 4),
    (reductions._came_in_order, "(one.place or 0) < (stay.place or 0)", "(one.place or 0) > (stay.place or 0)", 17),
    (
        reductions._plain,
        "orders = () if amends else orders if command.kind is ListKind.OCO else orders[:1]",
        "pass",
        560,
    ),
]

CLAUSE_DEFECTS: list[Mutant] = [
    (conflicts._Search._not_there, "if facts.gone[order] and facts.consumers[order]:", "if False:", 1128),
    (conflicts._Search._was_there, "if consumer != operation and facts.gone[order]:", "if False:", 46),
    (conflicts._Search._clause, "if obstacle.instead != NOBODY:", "if False:", 682),
    (conflicts._Search._settle, "if not left:", "if len(left) < 2:", 46),
    (conflicts._Search._cleared_away, "and self.known.earliest[consumer] <= latest", "and True", 80),
    (conflicts._Search._switched, "if last != NOBODY:", "if False:", 476),
    (conflicts._Search._bring_about, "if needed is not None:", "if False:", 82),
    (conflicts._Search.run, "self._wrong_last_price() or self._wrong_queue()", "self._wrong_last_price()", 1125),
    (precedence.Precedence.path, "latest[one] < earliest[other]", "latest[one] <= earliest[other]", 597),
    (precedence.Precedence.path, "latest[now] < bound", "latest[now] <= bound", 597),
    (precedence.Precedence._check, "self.earliest[at] > self.latest[at]", "self.earliest[at] >= self.latest[at]", 9),
    (books.Books.do, "first != NOBODY and facts.level[first] <= reach", "False", 183),
    (books.Books.do, "if first != order:", "if False:", 41),
    (books.Books.do, "if operation in facts.cleared:", "if False:", 296),
    (books.Books._conditions, "is not value", "is value", 9),
    (books.Books._conditions, "if self.leaves[order]:", "if False:", 42),
    (books.Books._refusals, ">= leg.need", "> leg.need", 739),
    (books.Books._refusals, "first == NOBODY or facts.level[first] > reach", "False", 46),
    (books.Books._give_back, "heads[key] = self._slot[order]", "pass", 221),
    (adding_up.Sums.add_up, "taken[order] += lots", "pass", 0),
    (adding_up.Sums.add_up, "for book, name in living:", "for book, name in ():", 705),
    (evidence.Evidence.order_survivors, "facts.level[one] == facts.level[other]", "False", 122),
    (evidence.Evidence.order_survivors, "facts.level[one] == facts.level[other]", "True", 200),
    (refusals.Refusals.taken, "if others:", "if False:", 213),
]

SUPPOSITION_DEFECTS = [
    (conflicts._Search._settle, "suppositions |= each.suppositions", "pass"),
    (conflicts._Search._settle, "if len(left) > 1:", "if False:"),
    (precedence.Precedence._joined, "suppositions |= learned.suppositions", "pass"),
]
"""Histories of a few operations hardly ever need a supposition: these are noticed by histories made of formulas."""


def by_clauses(history: History) -> Conclusion:
    return decide(history, steps=20_000)


def names(value: object) -> str | None:
    return getattr(value, "__qualname__", None)


@pytest.mark.parametrize(("place", "right", "wrong", "number"), [*SEARCH_DEFECTS, *CLAUSE_DEFECTS], ids=names)
def test_the_fuzz_notices_a_defect_planted_in_a_checker(
    place: FunctionType, right: str, wrong: str, number: int, plant: Callable[..., Any]
) -> None:
    checker: Checker = search if place.__module__ == generic.__name__ else by_clauses
    plant(place, right, wrong)
    cases = itertools.chain([number], range(20_000))  # with other generators it is another case
    assert fuzz({"with a defect": checker}, cases, most=1).differences


@pytest.mark.parametrize(("place", "right", "wrong", "number"), REDUCTION_DEFECTS, ids=names)
def test_the_fuzz_notices_a_defect_planted_in_what_need_not_be_tried(
    place: FunctionType, right: str, wrong: str, number: int, plant: Callable[..., Any]
) -> None:
    plant(place, right, wrong)
    numbers = itertools.chain([number], range(20_000))
    assert fuzz({"with a defect": search}, numbers, most=1, cases=dense_case).differences


@pytest.mark.parametrize(("place", "right", "wrong"), SUPPOSITION_DEFECTS, ids=names)
def test_formulas_notice_a_defect_planted_in_what_is_supposed(
    place: FunctionType, right: str, wrong: str, plant: Callable[..., Any]
) -> None:
    plant(place, right, wrong)
    assert any(wrong_about_formula(by_clauses, seed) for seed in range(60))
