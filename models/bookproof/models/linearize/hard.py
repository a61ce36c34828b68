"""Histories that are as hard as satisfiability: the known limit of every checker.

Whether one order explains a history is NP-complete even where all ids differ, every fill is reported and nothing is
left open, as long as one operation can trade in several books at once. Here is the reason as a program: it makes of a
formula a history that some order explains if and only if the formula can be satisfied.

What is used of a book is two things, both of them of operations that all overlap in time.

- *An edge*, A before B: of two orders to sell, A took the cheaper and B the other.
- *A choice*, T before S or E before T: S put an order into the book, E took it, and T took one at a worse price.

For each variable v there are three operations S, E and T with such a choice: v is true if T comes before S, and false
if it comes after E. For each literal of a clause there are three more, s, a and b, with the choice b < s or a < b, and
edges by which b < s can be only if the literal is true: s < E and T < b for v itself, s < T and E < b for its negation.
So a false literal means a < b. The edges b < a from each literal of a clause to the next close a circle if all are
false, and there are no other circles.

Choices like these alone are hard: they are INTERMEZZO in Guttmann and Maucher, "Variations on an Ordering Theme with
Constraints" (2006).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeAlias

from bookproof.models.linearize.history import History, Operation
from bookproof.spec.commands import Basket, Leg, Submit
from bookproof.spec.events import Accepted, Event, Trade
from bookproof.spec.instruments import listing
from bookproof.spec.values import OrderId, Side, Symbol, Ticks

Clause: TypeAlias = tuple[int, ...]
"""Literals as in DIMACS: variable 3 or, below zero, its negation."""

_DURING = 10**6
"""Calls before this are of orders that are there when all others are called."""


def satisfiable(clauses: Sequence[Clause]) -> bool:
    """By trying every assignment.

    >>> satisfiable([(1, 2), (-1, 2), (1, -2)]), satisfiable([(1, 2), (-1, 2), (1, -2), (-1, -2)])
    (True, False)
    """
    variables = max(abs(literal) for clause in clauses for literal in clause)
    return any(
        all(any((literal > 0) == bool(chosen >> abs(literal) & 1) for literal in clause) for clause in clauses)
        for chosen in range(0, 2 << variables, 2)
    )


def random_formula(variables: int, clauses: int, dice: random.Random) -> list[Clause]:
    """Three different variables in each clause; hardest with about 4.3 clauses a variable."""
    return [
        tuple(variable * dice.choice((-1, 1)) for variable in dice.sample(range(1, variables + 1), 3))
        for _ in range(clauses)
    ]


def history_of(clauses: Sequence[Clause]) -> History:
    """A history that an order explains if and only if all the clauses can be true at once.

    >>> from bookproof.models.linearize.generic import search
    >>> [search(history_of(clauses)).verdict.value for clauses in ([(1,)], [(1,), (-1,)])]
    ['linearizable', 'not-linearizable']
    """
    made = _Made()
    variables = sorted({abs(literal) for clause in clauses for literal in clause})
    for variable in variables:
        made.choice(f"V{variable}", ("T", variable), ("E", variable))
    for number, clause in enumerate(clauses):
        for place, literal in enumerate(clause):
            variable = abs(literal)
            before, after = (("E", variable), ("T", variable)) if literal > 0 else (("T", variable), ("E", variable))
            here, following = f"{number}.{place}", f"{number}.{(place + 1) % len(clause)}"
            made.choice(f"C{here}", ("b", here), ("a", here), entered_before=before)
            made.edge(f"X{here}", after, ("b", here))
            made.edge(f"Y{here}", ("b", here), ("a", following))
    return made.history()


_Name: TypeAlias = tuple[str, object]


class _Made:
    """A history in the making: orders that are there from the beginning, and operations that all overlap."""

    def __init__(self) -> None:
        self._symbols: list[Symbol] = []
        self._first: list[tuple[Submit, tuple[Event, ...]]] = []
        self._submits: list[tuple[Submit, tuple[Event, ...]]] = []
        self._legs: dict[_Name, list[tuple[Leg, Trade]]] = {}
        self._ids = 0

    def edge(self, symbol: Symbol, before: _Name, after: _Name) -> None:
        """One operation comes before another."""
        self._symbols.append(symbol)
        for name, price in ((before, 100), (after, 101)):
            self._takes(name, self._rests(symbol, Side.SELL, price), Side.BUY, price)

    def choice(self, symbol: Symbol, outside: _Name, last: _Name, entered_before: _Name | None = None) -> None:
        """One operation comes before an order is entered, or after the one that takes it.

        With `entered_before` that is entered before a third operation.
        """
        self._symbols.append(symbol)
        worse = self._rests(symbol, Side.SELL, 101)
        quantity, trades = 1, []
        entered = self._new_id()
        if entered_before is not None:  # it takes the better of two bids, and the third operation the other
            better = self._rests(symbol, Side.BUY, 100)
            self._takes(entered_before, self._rests(symbol, Side.BUY, 99), Side.SELL, 99)
            trades = [Trade(symbol, 100, 1, better.order_id, entered)]
            quantity = 2
        order = Submit(symbol, entered, 1, Side.SELL, quantity, 100)
        self._submits.append((order, (Accepted(symbol, entered, Side.SELL, 100, quantity), *trades)))
        self._takes(last, order, Side.BUY, 101)
        self._takes(outside, worse, Side.BUY, 101)

    def history(self) -> History:
        """All of it."""
        operations = [Operation(0, order, 2 * at, 2 * at + 1, events) for at, (order, events) in enumerate(self._first)]
        together = list(self._submits)
        for taken in self._legs.values():
            legs = tuple(leg for leg, _ in taken)
            entered = [Accepted(leg.symbol, leg.order_id, leg.side, leg.price, leg.quantity) for leg in legs]
            trades = [trade for _, trade in taken]
            basket = Basket(2, legs)
            operations.append(Operation(len(operations), basket, _DURING, 2 * _DURING, (*entered, *trades)))
        operations += [
            Operation(len(operations) + at, order, _DURING, 2 * _DURING, events)
            for at, (order, events) in enumerate(together)
        ]
        return History(listing(self._symbols), tuple(operations))

    def _rests(self, symbol: Symbol, side: Side, price: Ticks) -> Submit:
        """An order that is there from the beginning."""
        order = Submit(symbol, self._new_id(), 1, side, 1, price)
        self._first.append((order, (Accepted(symbol, order.order_id, side, price, 1),)))
        return order

    def _takes(self, name: _Name, maker: Submit, side: Side, limit: Ticks) -> None:
        """An operation takes one lot of an order."""
        assert maker.price is not None
        leg = Leg(maker.symbol, self._new_id(), side, 1, limit)
        trade = Trade(maker.symbol, maker.price, 1, maker.order_id, leg.order_id)
        self._legs.setdefault(name, []).append((leg, trade))

    def _new_id(self) -> OrderId:
        self._ids += 1
        return self._ids
