"""Why a command is refused, and why an order is cancelled."""

from __future__ import annotations

from enum import StrEnum


class RejectReason(StrEnum):
    """Why a command was refused, in order of precedence: of several reasons that apply, the first is reported.

    The reasons up to `INVALID_TIME` follow from the command and the listing alone; those after it need the book.

    >>> RejectReason.UNKNOWN_SYMBOL.precedence < RejectReason.UNKNOWN_ORDER.precedence
    True
    """

    UNKNOWN_SYMBOL = "unknown-symbol"
    """No such book."""
    INVALID_LEGS = "invalid-legs"
    """A basket names a book twice, or has no legs (L4). A list has too few orders, one order twice, two accounts, or
    two rivals in one queue or in each other's reach (H1, H4)."""
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
    CANCELS_ONLY = "cancels-only"
    """The book takes cancels only (J1)."""
    BOOK_CLOSED = "book-closed"
    """The book is closed (J1)."""
    INVALID_PHASE = "invalid-phase"
    """A book does not go from the phase it is in to this one (J1)."""
    NEEDS_CALL = "needs-call"
    """The venue reopens through a call only (J3), or the book holds what a call collected and no uncross settled."""
    NOT_IN_AUCTION = "not-in-auction"
    """Immediate-or-cancel, fill-or-kill, post-only or a minimum quantity while orders are collected (I1)."""
    DUPLICATE_ORDER_ID = "duplicate-order-id"
    """A live order of this book has the id (A3)."""
    UNKNOWN_ORDER = "unknown-order"
    """No live order of this book has the id (A3)."""
    IN_LIST = "in-list"
    """An order of a live list is not replaced, unless the profile lets rivals be amended together (H1)."""
    ALREADY_EXPIRED = "already-expired"
    """The clock has reached the expiry (C2)."""
    CLOCK_BACKWARDS = "clock-backwards"
    """The clock cannot go back (A5)."""
    INVALID_REPLACE = "invalid-replace"
    """A stop for what is no stop, a limit for an order without one, too little for its minimum, or too many slices."""
    INVALID_NOTIONAL = "invalid-notional"
    """Price times quantity is below the instrument's least (A1)."""
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
    """Remainder of a market order (C3), also of one that waited for an uncross (I6)."""
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
    CONTINGENT = "contingent"
    """Another order of its list was filled, triggered or cancelled (H1, H4)."""
    REFUSED = "refused"
    """Its book would not take it when it was its turn to enter: halted, its stop true already, and so on (H2)."""
