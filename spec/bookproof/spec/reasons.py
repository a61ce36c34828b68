"""Why a command is refused, and why an order is cancelled."""

from __future__ import annotations

from enum import StrEnum


class RejectReason(StrEnum):
    """Why a command was refused, in order of precedence: of several reasons that apply, the first is reported.

    The reasons up to `INVALID_INDEX` follow from the command and the listing alone; those after it need the book.

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
    INVALID_INDEX = "invalid-index"
    """Not an integer from 1 to 2**63 - 1 (J6)."""
    ACCOUNT_BLOCKED = "account-blocked"
    """A kill switch blocks the account, in this book and in every other (J7)."""
    ACCOUNT_NOT_BLOCKED = "account-not-blocked"
    """A reinstatement of an account that nothing blocks (J7)."""
    MARKET_HALTED = "market-halted"
    """The whole market is halted (J6)."""
    UNDERLYING_HALTED = "underlying-halted"
    """A book that this one depends on is halted (J6)."""
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
    """A stop for what is no stop, a limit for a stop without one, too little for its minimum, or too many slices; or no
    reduction, where the profile takes nothing else (F7)."""
    INVALID_NOTIONAL = "invalid-notional"
    """Price times quantity is below the instrument's least (A1)."""
    OUTSIDE_BAND = "outside-band"
    """The price is too far from the reference (J4)."""
    STOP_ALREADY_TRUE = "stop-already-true"
    """The last trade has reached the stop (E7)."""
    NO_LIQUIDITY = "no-liquidity"
    """A market order found the opposite side empty (C3)."""
    WOULD_TAKE = "would-take"
    """A post-only order would trade on entry (C6)."""

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
    KILL_SWITCH = "kill-switch"
    """Its account was blocked (J7)."""
    DISCONNECTED = "disconnected"
    """Its account lost its connection (J7)."""
    COLLAR = "collar"
    """Its next trade would be outside its collar (J5)."""
