"""Reduce-only orders that rest, where the profile lets them (C9): those of one account never exceed its position.

What such an order may come to depends on its account's position in its own book, and that may change at any fill: the
account's other orders trade as well. So whenever a position comes closer to zero, or goes beyond it, the account's
reduce-only orders are *cut to size*: the newest first, in order of time, until the rest of them together is no larger
than the position. Who keeps something keeps its place (F1).

It happens between two fills of one sweep, so an aggressor finds what is left when it comes there, and so does the dry
run of a fill-or-kill order (C5). A fill of a reduce-only order itself cuts nobody: the position and what is open of
such orders go down together.

>>> from bookproof.spec.exchange import opening, run
>>> from bookproof.spec.commands import Deposit, Reduce, SetLimits
>>> from bookproof.spec.instruments import listing
>>> from bookproof.spec.profile import Profile, ReduceOnly, Risk
>>> from bookproof.spec.values import Limits, TimeInForce
>>> state = opening(listing(["ABC"]), Profile(risk=Risk.CASH, reduce_only=ReduceOnly.RESTS))
>>> state, _ = run(state, [Deposit(7, 5, "ABC"), SetLimits(7, Limits(short=9)), Deposit(8, 1_000)])
>>> plain, reducing = Submit("ABC", 1, 7, Side.SELL, 3, 100), Reduce("ABC", 2, 7, Side.SELL, 5, 110, TimeInForce.GTC)
>>> state, _ = run(state, [plain, reducing])
>>> for event in run(state, [Submit("ABC", 3, 8, Side.BUY, 9, 110)])[1][1:]:
...     print(event)
Trade(symbol='ABC', price=100, quantity=3, maker=1, taker=3)
Restated(symbol='ABC', order_id=2, quantity=3)
Trade(symbol='ABC', price=110, quantity=2, maker=2, taker=3)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from bookproof.spec import kernel
from bookproof.spec.commands import Submit
from bookproof.spec.kernel import Match, Meeting, Resting
from bookproof.spec.rulebook import fired
from bookproof.spec.sorted_tuple import SortedTuple
from bookproof.spec.values import Account, Lots, OrderId, SelfTradePrevention, Side

Pair = tuple[Resting, Resting | None]
"""An order before and after it was cut; None when nothing is left of it."""


class Reducers(NamedTuple):
    """The live reduce-only orders of one book, and the positions that they may not exceed."""

    orders: frozenset[OrderId] = frozenset()
    positions: tuple[tuple[Account, Lots], ...] = ()
    """Of the accounts that have such orders, while a command is carried out; empty between two commands."""

    def of(self, queue: Iterable[Resting], account: Account) -> list[Resting]:
        """An account's reduce-only orders among these."""
        return [order for order in queue if order.order_id in self.orders and order.terms.account == account]

    def after_fill(self, taker: Submit, maker: Submit, lots: Lots) -> Reducers:
        """With so many lots moved from the one that sells to the one that buys (M4)."""
        if not self.positions:
            return self
        bought = lots if taker.side is Side.BUY else -lots
        moved = Counter({taker.account: bought})
        moved[maker.account] -= bought
        return self._replace(positions=tuple((account, lots + moved[account]) for account, lots in self.positions))

    def cuts(self, queue: Iterable[Resting], side: Side, account: Account) -> Iterator[Pair]:
        """The cuts that bring an account's orders on one side to size, the newest order first."""
        position = dict(self.positions).get(account)
        if position is None:
            return
        own = self.of(queue, account)
        excess = sum(order.leaves for order in own) - room(position, side)
        for order in sorted(own, key=lambda order: order.sequence, reverse=True):
            if excess <= 0:
                return
            fired("C9")
            lots = min(excess, order.leaves)
            excess -= lots
            yield order, _without(order, lots)


def room(position: Lots, side: Side) -> Lots:
    """What reduce-only orders of one side may come to together beside a position.

    >>> room(5, Side.SELL), room(5, Side.BUY), room(-5, Side.BUY)
    (5, 0, 5)
    """
    return max(0, position if side is Side.SELL else -position)


def _without(order: Resting, lots: Lots) -> Resting | None:
    """What is left of an order: it shows what it showed, as far as it can (D5)."""
    leaves = order.leaves - lots
    shown = min(order.slice, leaves)
    terms = order.terms._replace(quantity=order.terms.quantity - lots)
    return order._replace(slice=shown, reserve=leaves - shown, terms=terms) if leaves else None


def match(
    makers: SortedTuple[Resting],
    reach: int,
    leaves: Lots,
    owner: Account,
    prevention: SelfTradePrevention,
    sequence: int,
    whole_icebergs: bool,
    taker: Submit,
    reducers: Reducers,
    moves: Callable[[Submit, Submit], bool],
) -> Match:
    """As `kernel.match`, one maker after the other: after each fill the maker's reduce-only orders are cut to size.

    `moves` says whether what prevention keeps two orders from trading moves between their accounts all the same (G3).
    """
    meetings: list[Meeting] = []
    while leaves > 0 and kernel.crosses(makers, reach):
        maker = makers.first
        wanted = min(leaves, maker.leaves if whole_icebergs else maker.slice)
        one = kernel.match(SortedTuple((maker,)), reach, wanted, owner, prevention, sequence, whole_icebergs)
        meetings += one.meetings
        makers, sequence, leaves = makers.remove(maker), one.sequence, leaves - (wanted - one.leaves)
        for left in one.makers:
            makers = makers.add(left)
        if one.self_trade:
            return Match(makers, leaves, sequence, tuple(meetings), True)
        for met in one.meetings:
            if met.traded or (met.prevented and moves(taker, maker.terms)):
                reducers = reducers.after_fill(taker, maker.terms, met.traded + met.prevented)
        for before, after in reducers.cuts(makers, taker.side.opposite, maker.terms.account):
            makers = makers.remove(before) if after is None else makers.replace(before, after)
            meetings.append(Meeting(0, 0, before, after, before.leaves - (0 if after is None else after.leaves)))
    return Match(makers, leaves, sequence, tuple(meetings), False)
