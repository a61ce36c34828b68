"""What can be asked of an exchange. Every command is a small immutable value.

`Submit`, `Cancel`, `Replace`, `Reduce`, `Spend` and `SetPhase` touch one book, and every book that a list of orders
ties it to.
`Basket` and `SubmitList` touch the books of their legs, and those that lists tie these to; `Route` those of a group.
Whatever can trade in a book that is part of a spread touches all books of its family. `MassCancel`, a market-wide
`Halt` or `Resume`, `AdvanceClock`, `EndOfDay` and `TakeSnapshot` touch all of them. `Deposit`, `Withdraw`,
`SetLimits`, `Bust` and `BlockTrade` touch accounts and no book, but for reduce-only orders that rest where lots move.
`KillSwitch`, `Reinstate`, `Disconnect` and `IndexLevel` touch all books, and `SetReference` one. A halt of a book
touches those that depend on it as well.
"""

from __future__ import annotations

from typing import TypeAlias

from bookproof.spec.values import (
    Account,
    DisplayRange,
    Limits,
    ListKind,
    Lots,
    Money,
    Nanoseconds,
    OrderId,
    Phase,
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
    display: Lots | DisplayRange | None = None
    """Largest visible slice; None shows all, 0 shows nothing (rules D1, D4). A range draws each slice (rule D3)."""
    expires: Nanoseconds | None = None
    """When a good-till-date order dies (rule C2)."""
    self_trade: SelfTradePrevention = SelfTradePrevention.NONE
    """What to do on meeting an order of the same owner (rules G2, G3)."""
    cancel_on_disconnect: bool = False
    """Cancel it when its account loses its connection (rule J7)."""


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
    """Stop matching and entry in one book and those that depend on it, or without a symbol everywhere (J2, J6)."""

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


class SetPhase(Value, frozen=True):
    """Move one book to another phase (rule J1). From a call to continuous trading, it uncrosses first (rules I).

    >>> SetPhase("ABC", Phase.CALL).phase.value
    'call'
    """

    symbol: Symbol
    phase: Phase


class SubmitList(Value, frozen=True):
    """Several orders of one account that depend on each other, in one book or in several (rules H1 to H4).

    An OCO has two legs or more. In an OTO and an OTOCO the first leg works, and the others wait until it is filled.

    >>> take = Submit("ABC", 1, 7, Side.SELL, 5, 110)
    >>> stop = Submit("ABC", 2, 7, Side.SELL, 5, stop=95)
    >>> [leg.order_id for leg in SubmitList(ListKind.OCO, (take, stop)).legs]
    [1, 2]
    """

    kind: ListKind
    legs: tuple[Submit, ...]


class Deposit(Value, frozen=True):
    """Put cash, or without cash in mind lots of one book, into an account. Needs a venue that keeps accounts (M1)."""

    account: Account
    amount: int
    """Money, or lots where a symbol is named."""
    symbol: Symbol | None = None


class Withdraw(Value, frozen=True):
    """Take cash, or lots of one book, out of an account: no more than is not reserved (M1)."""

    account: Account
    amount: int
    """Money, or lots where a symbol is named."""
    symbol: Symbol | None = None


class SetLimits(Value, frozen=True):
    """Set what an account may do at most, in place of what was set before (rule M2)."""

    account: Account
    limits: Limits = Limits()


class Reduce(Value, frozen=True):
    """An order that can only make a position smaller (rule C9).

    >>> Reduce("ABC", 1, 7, Side.SELL, 5, 110).time_in_force.value  # trades at once or is cancelled
    'ioc'
    """

    symbol: Symbol
    order_id: OrderId
    account: Account
    side: Side
    quantity: Lots
    price: Ticks | None = None
    """The limit; None is a market order (rule C3)."""
    time_in_force: TimeInForce = TimeInForce.IOC
    """C1, C2, C4, C5. One that may rest is taken where the profile lets it."""
    display: Lots | DisplayRange | None = None
    """As with any order (rules D1, D3, D4)."""


class Bust(Value, frozen=True):
    """Undo a trade: cash and positions go back, orders do not (rule N1); of a basket, all its trades (rule N2)."""

    symbol: Symbol
    trade: int
    """Its place among the trades of its book, the first is 1."""


class BlockTrade(Value, frozen=True):
    """Report a trade that two accounts agreed on off-book: no book and no stop hears of it (rule L6)."""

    symbol: Symbol
    buyer: Account
    seller: Account
    price: Ticks
    quantity: Lots


class Route(Value, frozen=True):
    """A new order that takes the best quotes of every book in its book's group (rule L5).

    What is left of it rests in the book it names. It can be neither a stop nor post-only.
    """

    order: Submit


class KillSwitch(Value, frozen=True):
    """Block an account and cancel every live order of it, in all books and in one step (rule J7)."""

    account: Account


class Reinstate(Value, frozen=True):
    """Let a blocked account enter orders again; what was cancelled stays so (rule J7)."""

    account: Account


class Disconnect(Value, frozen=True):
    """An account lost its connection: its orders that ask for it, or all, are cancelled. It may go on (rule J7)."""

    account: Account


class SetReference(Value, frozen=True):
    """Give one book a new reference price: bands are around it from now on (rule J4)."""

    symbol: Symbol
    price: Ticks


class SetMark(Value, frozen=True):
    """Set the mark of one book: the price at which margin accounts are valued in it (rule M3), and which its stops
    follow where the profile says so (rule E1). No trade moves it."""

    symbol: Symbol
    price: Ticks


class IndexLevel(Value, frozen=True):
    """The index that the market-wide breaker looks at stands here now, in its smallest steps (rule J6)."""

    value: int


class Liquidate(Value, frozen=True):
    """Close out a margin account whose equity is below its maintenance margin (rule M3).

    All its orders are cancelled, and its positions reduced until margin holds, book by book: what needs most
    maintenance margin first. In each book one order enters, immediate or cancel, at a limit that makes nothing worse.
    """

    account: Account
    order_id: OrderId
    """Under which each of these orders enters its book; it may be live in none."""


class Spend(Value, frozen=True):
    """A market buy of as many whole lots as an amount of money pays for now (rule C3). What it buys is its quantity.

    >>> Spend("ABC", 1, 7, 1_000).budget  # 10 lots at 100 ticks, or 9 of them at 110
    1000
    """

    symbol: Symbol
    order_id: OrderId
    account: Account
    budget: Money
    """The most that it may cost, in ticks times lots."""
    self_trade: SelfTradePrevention = SelfTradePrevention.NONE
    """As with any order (rules G2, G3). Lots that are prevented and do not trade cost it their maker's price as well;
    those of makers that it cancels cost nothing."""


Command: TypeAlias = (
    Submit
    | Cancel
    | Replace
    | Basket
    | MassCancel
    | Halt
    | Resume
    | AdvanceClock
    | EndOfDay
    | TakeSnapshot
    | SetPhase
    | SubmitList
    | Deposit
    | Withdraw
    | SetLimits
    | Reduce
    | Bust
    | BlockTrade
    | KillSwitch
    | Reinstate
    | Disconnect
    | SetReference
    | IndexLevel
    | SetMark
    | Liquidate
    | Spend
    | Route
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
    SetPhase,
    SubmitList,
    Deposit,
    Withdraw,
    SetLimits,
    Reduce,
    Bust,
    BlockTrade,
    KillSwitch,
    Reinstate,
    Disconnect,
    SetReference,
    IndexLevel,
    SetMark,
    Liquidate,
    Spend,
    Route,
)
"""Every kind of command."""
