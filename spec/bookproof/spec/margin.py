"""What a margin account is worth, what its orders may make of it, and how it is closed out (M3).

Pure arithmetic on whole numbers: money is ticks times lots, rates are basis points. It knows neither books nor events.

A position is valued at its book's *mark*, a price that a command sets (A5). No trade moves it: a mark that followed the
last trade would change the worth of everybody who has a position there, in the middle of a match.

An account's *equity* is its cash and its positions at their marks. Against that stand

- the initial margin of the worst position that its open orders can lead to, in each book by itself: the larger of what
  it has and buys, and of what it sells and does not have;
- what its open orders would lose at once if each of them traded at its worst price: the difference to the mark.

What is left is *free*. No fill at or within an order's limit makes it less: what the fill costs beyond the mark was
counted, and so was the position to which it leads. Nor does a cancel. So a maker that was covered when its order came
in is covered after its fills, whatever the books do, until a mark moves; and orders of one account in several books are
counted together from the moment at which they are accepted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from bookproof.spec.commands import Submit
from bookproof.spec.instruments import BASIS_POINTS, Instrument
from bookproof.spec.values import Account, Lots, Money, OrderId, Side, Symbol, Ticks, TimeInForce


def margin(lots: Lots, mark: Ticks, rate: int) -> Money:
    """A rate of what so many lots are worth, rounded up.

    >>> margin(3, 101, 1_000)  # a tenth of 303
    31
    """
    return -(-lots * abs(mark) * rate // BASIS_POINTS)


def loss_of(side: Side, worst: Ticks, mark: Ticks) -> Money:
    """What a lot loses at once when it trades at this price.

    >>> loss_of(Side.BUY, 103, 100), loss_of(Side.SELL, 103, 100)
    (3, 0)
    """
    return max(0, worst - mark if side is Side.BUY else mark - worst)


class Stake(NamedTuple):
    """What a margin account has at stake in one book."""

    instrument: Instrument
    mark: Ticks
    position: Lots = 0
    buying: Lots = 0
    selling: Lots = 0
    loss: Money = 0
    """What all its open orders lose if they trade at their worst."""

    def ordering(self, side: Side, lots: Lots, loss: Money) -> Stake:
        """With so many more lots of an order open, and so much more to lose by it."""
        if side is Side.BUY:
            return self._replace(buying=self.buying + lots, loss=self.loss + loss)
        return self._replace(selling=self.selling + lots, loss=self.loss + loss)

    @property
    def used(self) -> Money:
        """The initial margin of the worst position, and what may be lost on the way to it."""
        worst = max(self.position + self.buying, self.selling - self.position)
        return margin(worst, self.mark, self.instrument.initial_margin) + self.loss

    @property
    def maintenance(self) -> Money:
        """The least that the equity has to be for the position as it is."""
        return margin(abs(self.position), self.mark, self.instrument.maintenance_margin)

    def closing(self, account: Account, order_id: OrderId, deficit: Money) -> Submit | None:
        """The order that reduces the position by as much as ends a deficit, if it trades at the mark; None for nothing.

        Its limit is where a lot loses what it frees of maintenance margin: no trade makes a deficit larger.

        >>> stake = Stake(Instrument("ABC", maintenance_margin=1_000), 100, position=9)
        >>> order = stake.closing(7, 1, 25)
        >>> order.side.value, order.quantity, order.price
        ('sell', 3, 90)
        """
        it, mark = self.instrument, self.mark
        if not self.position or not mark:
            return None
        freed = abs(mark) * it.maintenance_margin  # by a lot, in parts of a whole
        wanted = max(-(-deficit * BASIS_POINTS // freed), it.min_quantity)
        lots = min(-(-wanted // it.lot) * it.lot, abs(self.position), it.max_quantity // it.lot * it.lot)
        if not it.accepts_quantity(lots):
            return None
        slack = freed // BASIS_POINTS
        if self.position > 0:
            side, price = Side.SELL, -(-max(mark - slack, it.min_price) // it.tick) * it.tick
        else:
            side, price = Side.BUY, min(mark + slack, it.max_price) // it.tick * it.tick
        return Submit(it.symbol, order_id, account, side, lots, price, TimeInForce.IOC)


class Portfolio(NamedTuple):
    """A margin account over all books that have a mark.

    >>> abc = Stake(Instrument("ABC", initial_margin=2_000), 100, position=5)
    >>> owner = Portfolio(-300, {"ABC": abc})
    >>> owner.equity, owner.used, owner.free  # 500 less 300, and a fifth of 500
    (200, 100, 100)
    """

    cash: Money
    stakes: Mapping[Symbol, Stake]
    """In listing order."""

    @property
    def equity(self) -> Money:
        """Cash, and the positions at their marks."""
        return self.cash + sum(stake.position * stake.mark for stake in self.stakes.values())

    @property
    def used(self) -> Money:
        """What the equity has to cover, if every open order trades that makes things worse."""
        return sum(stake.used for stake in self.stakes.values())

    @property
    def free(self) -> Money:
        """What new orders may use. Below zero when marks have moved against the account."""
        return self.equity - self.used

    @property
    def maintenance(self) -> Money:
        """The least that the equity has to be."""
        return sum(stake.maintenance for stake in self.stakes.values())

    @property
    def deficit(self) -> Money:
        """How much the equity is short of the maintenance margin; not above zero while margin holds."""
        return self.maintenance - self.equity

    def ordering(self, symbol: Symbol, side: Side, lots: Lots, loss: Money) -> Portfolio:
        """With an order, or a change of one, in a book that has a mark."""
        return self._replace(stakes={**self.stakes, symbol: self.stakes[symbol].ordering(side, lots, loss)})

    @property
    def heaviest_first(self) -> list[Symbol]:
        """Where there is something to close out: what needs most maintenance margin first, of equals as listed."""
        held = [symbol for symbol, stake in self.stakes.items() if stake.position]
        return sorted(held, key=lambda symbol: -self.stakes[symbol].maintenance)
