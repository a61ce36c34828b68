"""How a venue shares an aggressor among the orders of one price (rules K1 to K7), as one value.

CME builds each of its algorithms from the same steps, and so does this: first the TOP order, then the lead market
makers, then a part first come first served, then the rest in proportion, then a lot each for those whose part was
rounded to nothing, then what is left over first come first served. An algorithm is a choice of steps; a step that is
not chosen gives nothing.

===================  ============================================  ================================================
CME's letter         its steps                                     as a value
===================  ============================================  ================================================
F                    FIFO                                          ``Allocation()``
C                    pro-rata, FIFO                                ``Allocation(PRO_RATA, minimum=2)``
A                    TOP, pro-rata, FIFO                           the same with ``top_maximum=WHOLE``
O, Q                 TOP, (Q: market makers,) pro-rata, FIFO       with ``top_minimum``, ``top_maximum``, ``threshold``
S, T                 (S: TOP,) market makers, FIFO                 ``Allocation(lead_market_makers=...)``
K                    TOP, market makers, split, pro-rata,          with ``fifo_percent``, and ``leveling`` if it is on
                     (leveling,) FIFO
===================  ============================================  ================================================

Sources: CME Client Systems Wiki, "CME Globex Matching Algorithm Steps"; of leveling, CME Globex notice of 5 May 2008,
"Matching Algorithm Changes for Legacy CBOT Interest Rate and Commodity Futures".
"""

from __future__ import annotations

from enum import StrEnum

from bookproof.spec.values import Account, Lots, Value

WHOLE = 10**15
"""A `top_maximum` that limits nothing: larger than any order."""

LARGEST_EXPONENT = 8
"""Of time pro-rata. Beyond this nobody but the first would get anything, and the numbers would be absurd."""


class Sharing(StrEnum):
    """How the orders of one price share what TOP and lead market makers have left."""

    FIFO = "fifo"
    """First come, first served (K1)."""
    PRO_RATA = "pro-rata"
    """In proportion to displayed quantity (K2)."""
    TIME_PRO_RATA = "time-pro-rata"
    """In proportion to quantity, weighted by place in the queue (K7)."""


class LeadMarketMaker(Value, frozen=True):
    """An account that gets a percentage of every aggressor at a price where it rests (K5)."""

    account: Account
    percent: int
    """Of what TOP has left, from 1 to 100."""


class Allocation(Value, frozen=True):
    """One allocation algorithm. The default is first come, first served.

    Quantities are counted in whole lots of the instrument: with a lot of 10, a minimum of 2 is 20.

    >>> Allocation().is_fifo, Allocation(Sharing.PRO_RATA, minimum=2).is_fifo
    (True, False)
    """

    sharing: Sharing = Sharing.FIFO
    """K1, K2, K7."""
    minimum: Lots = 1
    """K2: a share in proportion of less than this becomes nothing. CME takes 2."""
    threshold: Lots = 1
    """K6: an order that displays less than this has no share in proportion."""
    fifo_percent: int = 0
    """K4: this part of what is to be shared in proportion goes first come, first served before it."""
    top_maximum: Lots = 0
    """K3: the most that the TOP order gets before the others; 0 means that there is no TOP, `WHOLE` no limit."""
    top_minimum: Lots = 1
    """K3, K6: an order with less than this open when it comes to rest does not become TOP."""
    lead_market_makers: tuple[LeadMarketMaker, ...] = ()
    """K5."""
    time_exponent: int = 2
    """K7: 1 is pro-rata; the larger, the more the first in the queue get."""
    leveling: bool = False
    """K4: an order that may have a share in proportion, and whose share came to nothing, gets one lot, while there are
    any; earlier orders first."""

    @property
    def is_fifo(self) -> bool:
        """Whether this comes to first come, first served, whatever the parameters of steps that are not taken."""
        return self.sharing is Sharing.FIFO and not self.lead_market_makers and not self.top_maximum

    def flaw(self) -> str | None:
        """What is wrong with the parameters; None when a venue may open with them.

        >>> Allocation(fifo_percent=101).flaw()
        'fifo_percent must be from 0 to 100, not 101'
        """
        for name, least, most in (
            ("minimum", 1, WHOLE),
            ("threshold", 1, WHOLE),
            ("fifo_percent", 0, 100),
            ("top_maximum", 0, WHOLE),
            ("top_minimum", 1, WHOLE),
            ("time_exponent", 1, LARGEST_EXPONENT),
        ):
            number = getattr(self, name)
            if not least <= number <= most:
                return f"{name} must be from {least} to {most}, not {number}"
        accounts = [maker.account for maker in self.lead_market_makers]
        percents = [maker.percent for maker in self.lead_market_makers]
        if len(accounts) != len(set(accounts)):
            return "an account is lead market maker twice; add its percentages up"
        if any(percent < 1 for percent in percents) or sum(percents) > 100:
            return f"lead market makers must get at least 1 percent each and 100 together, not {percents}"
        return None


FIRST_COME_FIRST_SERVED = Allocation()
"""K1, the default."""
