"""How far from a reference an order may be (J4), and how far it may trade (J5): bands and collars.

A *band* is asked once, on entry, of the price that a command names. A *collar* is put around an order when it begins
to take: no trade of it may be outside, whatever its own limit. Widths are in ticks, and both ends belong to the inside.
"""

from __future__ import annotations

from typing import NamedTuple

from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import CollarAction, Reopen
from bookproof.spec.values import Phase, Side, Ticks


class Collar(NamedTuple):
    """The prices between which an order may trade."""

    low: Ticks
    high: Ticks

    def far_end(self, side: Side) -> Ticks:
        """The worst price, for an order on this side, that is still inside.

        >>> Collar(95, 105).far_end(Side.BUY), Collar(95, 105).far_end(Side.SELL)
        (105, 95)
        """
        return self.high if side is Side.BUY else self.low

    def holds_back(self, side: Side, best: Ticks) -> bool:
        """Whether the best maker is beyond the near end already: so good a price that it must be a mistake.

        >>> Collar(95, 105).holds_back(Side.BUY, 94), Collar(95, 105).holds_back(Side.SELL, 94)
        (True, False)
        """
        return best < self.low if side is Side.BUY else best > self.high


def outside_band(instrument: Instrument, reference: Ticks | None, price: Ticks | None) -> bool:
    """Whether a named price is too far from the reference (J4). Without either, nothing is.

    >>> outside_band(Instrument("ABC", band=5), 100, 106), outside_band(Instrument("ABC", band=5), None, 106)
    (True, False)
    """
    if not instrument.band or reference is None or price is None:
        return False
    return abs(price - reference) > instrument.band


def collar_of(instrument: Instrument, last_price: Ticks | None, reference: Ticks | None) -> Collar | None:
    """The collar of an order that begins to take now (J5): around the last trade, before the first the reference.

    >>> collar_of(Instrument("ABC", collar=5), None, 100)
    Collar(low=95, high=105)
    """
    centre = reference if last_price is None else last_price
    if not instrument.collar or centre is None:
        return None
    return Collar(
        instrument.nearest_inside(centre - instrument.collar), instrument.nearest_inside(centre + instrument.collar)
    )


def protected_price(instrument: Instrument, side: Side, stop: Ticks) -> Ticks:
    """The limit of a triggered stop that named none: its stop price and the protection range beyond it (E6).

    >>> protected_price(Instrument("ABC", protection=3), Side.SELL, 100)
    97
    """
    return instrument.nearest_inside(stop + (instrument.protection if side is Side.BUY else -instrument.protection))


def phase_after_collar(action: CollarAction, reopen: Reopen, phase: Phase) -> Phase:
    """What a book does when a collar has stopped an order: the one place that decides what a volatility halt is (J5).

    Where a book reopens through a call only (J3), it goes there at once: the volatility auction of LSE and Eurex.

    >>> phase_after_collar(CollarAction.HALT, Reopen.DIRECTLY, Phase.CONTINUOUS)
    <Phase.HALT: 'halt'>
    >>> phase_after_collar(CollarAction.HALT, Reopen.CALL, Phase.CONTINUOUS)
    <Phase.CALL: 'call'>
    """
    if action is not CollarAction.HALT:
        return phase
    return Phase.CALL if reopen is Reopen.CALL else Phase.HALT
