"""Why a command is refused, and why an order is cancelled."""

from __future__ import annotations

from enum import StrEnum


class RejectReason(StrEnum):
    """Why a command was refused, in order of precedence: of several reasons that apply, the first is reported.

    The reasons up to `INVALID_TIME` follow from the command and the listing alone; those after it need the book,
    and those from `INVALID_AMOUNT` on are about accounts.

    >>> RejectReason.UNKNOWN_SYMBOL.precedence < RejectReason.UNKNOWN_ORDER.precedence
    True
    """

    UNKNOWN_SYMBOL = "unknown-symbol"
    """No such book."""
    INVALID_LEGS = "invalid-legs"
    """A basket names a book twice, or has no legs (L4)."""
    INVALID_ORDER_ID = "invalid-order-id"
    """Not an integer from 0 to 2**63 - 1 (A3)."""
    INVALID_ACCOUNT = "invalid-account"
    """Not an integer from 0 to 2**63 - 1."""
    INVALID_QUANTITY = "invalid-quantity"
    """Not a whole number of lots within the instrument's limits (A1)."""
    INVALID_PRICE = "invalid-price"
    """Not a whole number of ticks within the instrument's limits (A1)."""
    INVALID_STOP = "invalid-stop"
    """The stop is not a whole number of ticks within the instrument's limits (A1)."""
    INVALID_COMBINATION = "invalid-combination"
    """Terms that contradict each other, such as post-only and immediate-or-cancel."""
    INVALID_MIN_QUANTITY = "invalid-min-quantity"
    """Negative, or above the quantity (C7)."""
    INVALID_DISPLAY = "invalid-display"
    """Negative, above the quantity, not a whole number of lots, or too many slices (A1, D1)."""
    INVALID_TIME = "invalid-time"
    """Not an integer time; or a good-till-date order without one, or another order with one (C2)."""
    MARKET_HALTED = "market-halted"
    """The whole market is halted (J6)."""
    BOOK_HALTED = "book-halted"
    """The book is halted (J2)."""
    NOT_HALTED = "not-halted"
    """A resume of what is not halted (J1)."""
    DUPLICATE_ORDER_ID = "duplicate-order-id"
    """A live order of this book has the id (A3)."""
    UNKNOWN_ORDER = "unknown-order"
    """No live order of this book has the id (A3)."""
    ALREADY_EXPIRED = "already-expired"
    """The clock has reached the expiry (C2)."""
    CLOCK_BACKWARDS = "clock-backwards"
    """The clock cannot go back (A5)."""
    INVALID_REPLACE = "invalid-replace"
    """A stop for what is no stop, a limit for a stop without one, too little for its minimum, or too many slices."""
    INVALID_NOTIONAL = "invalid-notional"
    """Price times quantity is below the instrument's least (A1)."""
    STOP_ALREADY_TRUE = "stop-already-true"
    """The last trade has reached the stop (E7)."""
    NO_LIQUIDITY = "no-liquidity"
    """A market order found the opposite side empty (C3)."""
    WOULD_TAKE = "would-take"
    """A post-only order would trade on entry (C6)."""
    INVALID_AMOUNT = "invalid-amount"
    """Not a whole amount from 1 to 10**15, or no whole number of lots."""
    INVALID_LIMITS = "invalid-limits"
    """A limit that is no integer from 0 to 10**15 (M2)."""
    BLOCK_TOO_SMALL = "block-too-small"
    """A trade of so few lots has to be made in the book (L6)."""
    NO_ACCOUNTS = "no-accounts"
    """This venue keeps no accounts (M1)."""
    UNKNOWN_TRADE = "unknown-trade"
    """The book has no trade of this number, or it was busted before (N1)."""
    NOTIONAL_LIMIT = "notional-limit"
    """Worst price times quantity is more than the account may ask for in one order (M2)."""
    ORDER_LIMIT = "order-limit"
    """The account has as many live orders as it may have (M2)."""
    POSITION_LIMIT = "position-limit"
    """The position would be too large if all open orders of this side traded (M2)."""
    WOULD_INCREASE = "would-increase"
    """A reduce-only order is larger than the position that it is to reduce (C9)."""
    INSUFFICIENT_ASSETS = "insufficient-assets"
    """The account has not so many lots that are not reserved (M1)."""
    INSUFFICIENT_CASH = "insufficient-cash"
    """The account has not so much cash that is not reserved (M1)."""

    @property
    def precedence(self) -> int:
        """Position in the order of precedence, 0 first."""
        return list(RejectReason).index(self)


class CancelReason(StrEnum):
    """Why an order left the book other than by trading."""

    REQUESTED = "requested"
    """Its owner asked for it (F)."""
    MASS_CANCEL = "mass-cancel"
    """Its account was cancelled as a whole (J7)."""
    IMMEDIATE = "immediate"
    """Remainder of an immediate-or-cancel order (C4)."""
    KILLED = "killed"
    """A fill-or-kill order or a basket that could not trade whole (C5, L4)."""
    MARKET = "market"
    """Remainder of a market order (C3)."""
    MIN_QUANTITY = "min-quantity"
    """Less than its minimum could trade on entry (C7)."""
    SELF_TRADE = "self-trade"
    """Self-trade prevention took it out (G3)."""
    POST_ONLY = "post-only"
    """A triggered post-only order would take (C6, E6)."""
    EXPIRED = "expired"
    """Its time is over (C2)."""
    REPLACED = "replaced"
    """A replace left nothing open (F4)."""
