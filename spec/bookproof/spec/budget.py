"""Market orders over an amount of money (C3): how many lots a budget pays for.

The order is one of Coinbase (`funds`) and of Binance (`quoteOrderQty`). It has no quantity before it meets the book; so
what it would buy is found out first, and it comes in as an immediate-or-cancel market order for just that much. Nothing
of it is ever left over, but for what self-trade prevention keeps it from taking.
"""

from __future__ import annotations

from bookproof.spec.book import Book, dry_run
from bookproof.spec.commands import Spend
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import Profile
from bookproof.spec.rulebook import rehearsing
from bookproof.spec.validation import spending_order
from bookproof.spec.values import Lots, SelfTradePrevention, Side


def affordable(book: Book, command: Spend, profile: Profile) -> Lots:
    """The most lots that a budget pays for now, whole lots, the best price first. 0 if it pays for none.

    It is led through the book as if it were to take all that there is: through its own orders as well, unless it
    cancels them and goes on behind them (G3). So it never counts on a price that it will not meet.

    >>> from bookproof.spec.book import submit
    >>> from bookproof.spec.commands import Submit
    >>> from bookproof.spec.profile import DEFAULT
    >>> book = Book(Instrument("ABC"))
    >>> for order_id, price in ((1, 100), (2, 110)):
    ...     book, _ = submit(book, Submit("ABC", order_id, 7, Side.SELL, 5, price), 0, DEFAULT)
    >>> affordable(book, Spend("ABC", 3, 8, 725), DEFAULT)  # 5 at 100 and 2 at 110; a third would make it 830
    7
    """
    steps_over = command.self_trade is SelfTradePrevention.CANCEL_MAKER
    leads = command._replace(self_trade=command.self_trade if steps_over else SelfTradePrevention.NONE)
    everything = sum(maker.leaves for maker in book.side(Side.SELL))
    with rehearsing():  # it decides nothing yet
        match = dry_run(book, spending_order(leads, everything), profile)
    lot, left, bought = book.instrument.lot, command.budget, 0
    for meeting in match.meetings:
        price = meeting.before.price
        lots = min(meeting.traded, left // price // lot * lot)
        bought += lots
        left -= lots * price
        if lots < meeting.traded:
            break
    return min(bought, book.instrument.max_quantity // lot * lot)


def fewest(instrument: Instrument) -> Lots:
    """The smallest quantity that an order may have: whatever refuses an order for so much refuses any.

    >>> fewest(Instrument("ABC", lot=10, min_quantity=12))
    20
    """
    return -(-instrument.min_quantity // instrument.lot) * instrument.lot
