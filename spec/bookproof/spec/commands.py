"""What can be asked of an exchange. Every command is a small immutable value.

`Submit`, `Cancel` and `Replace` touch one book. `Basket` touches the books of its legs, `Route` those of a group.
`MassCancel`, a market-wide `Halt` or `Resume`, `AdvanceClock`, `EndOfDay` and `TakeSnapshot` touch all of them.
"""

from __future__ import annotations

from typing import TypeAlias

from bookproof.spec.values import (
    Account,
    Lots,
    Nanoseconds,
    OrderId,
    SelfTradePrevention,
    Side,
    Symbol,
    Ticks,
    TimeInForce,
    Value,
)


class Submit(Value, frozen=True):
    """A new order. Without a price it is a market order, with a stop it waits off-book until triggered.

    >>> Submit("ABC", 1, 7, Side.BUY, 10, 100).price  # buy 10 lots at 100 ticks or better
    100
    """

    symbol: Symbol
    order_id: OrderId
    account: Account
    side: Side
    quantity: Lots
    price: Ticks | None = None
    """The limit; None is a market order (rule C3)."""
    time_in_force: TimeInForce = TimeInForce.GTC
    """C1, C2, C4, C5. A market order never rests, whatever stands here."""
    stop: Ticks | None = None
    """Trigger price of a stop (price None) or stop-limit order (rules E1, E6)."""
    post_only: bool = False
    """Never take (rule C6)."""
    min_quantity: Lots = 0
    """Trade at least this much on entry or be cancelled (rule C7)."""
    display: Lots | None = None
    """Largest visible slice; None shows all, 0 shows nothing (rules D1, D4)."""
    expires: Nanoseconds | None = None
    """When a good-till-date order dies (rule C2)."""
    self_trade: SelfTradePrevention = SelfTradePrevention.NONE
    """What to do on meeting an order of the same owner (rules G2, G3)."""


class Cancel(Value, frozen=True):
    """Take one live order out of its book."""

    symbol: Symbol
    order_id: OrderId


class Replace(Value, frozen=True):
    """Change price, quantity or stop of a live order (rules F1 to F4). None leaves price or stop as it is."""

    symbol: Symbol
    order_id: OrderId
    quantity: Lots
    """The new total, or the new open quantity where the profile says so (rule F4)."""
    price: Ticks | None = None
    stop: Ticks | None = None


class Leg(Value, frozen=True):
    """One order of a basket."""

    symbol: Symbol
    order_id: OrderId
    side: Side
    quantity: Lots
    price: Ticks | None = None


class Basket(Value, frozen=True):
    """Several orders in different books: all of them trade whole, at once, or none trades at all (rule L4)."""

    account: Account
    legs: tuple[Leg, ...]
    self_trade: SelfTradePrevention = SelfTradePrevention.NONE


class MassCancel(Value, frozen=True):
    """Cancel every live order of an account, in all books (rule J7)."""

    account: Account


class Halt(Value, frozen=True):
    """Stop matching and entry in one book, or in the whole market without a symbol (rules J2, J6)."""

    symbol: Symbol | None = None


class Resume(Value, frozen=True):
    """End a halt of one book, or of the whole market without a symbol (rule J1)."""

    symbol: Symbol | None = None


class AdvanceClock(Value, frozen=True):
    """Move the exchange's clock forward; good-till-date orders that are due expire first (rules A5, C2)."""

    now: Nanoseconds


class EndOfDay(Value, frozen=True):
    """Day orders die (rule C2)."""


class TakeSnapshot(Value, frozen=True):
    """One consistent picture of all books: no command is half in it."""


class Route(Value, frozen=True):
    """A new order that takes the best quotes of every book in its book's group (rule L5).

    What is left of it rests in the book it names. It can be neither a stop nor post-only.
    """

    order: Submit


Command: TypeAlias = (
    Submit | Cancel | Replace | Basket | MassCancel | Halt | Resume | AdvanceClock | EndOfDay | TakeSnapshot | Route
)

COMMANDS: tuple[type[Command], ...] = (
    Submit,
    Cancel,
    Replace,
    Basket,
    MassCancel,
    Halt,
    Resume,
    AdvanceClock,
    EndOfDay,
    TakeSnapshot,
    Route,
)
"""Every kind of command."""
