"""What every engine offers, and all that a checker may know of it."""

from __future__ import annotations

from typing import Protocol

from bookproof.spec.commands import Command
from bookproof.spec.events import Event
from bookproof.spec.values import Account, OrderId, Symbol, Value
from bookproof.spec.views import AccountView, BookView, Depth, ImpliedQuotes, MarketView, OrderStatus, Queue, Stops, Top


class Answer(Value, frozen=True):
    """What an engine says to one command, and when the command took effect.

    Replaying the commands in order of their stamps, one at a time, gives the same answers.
    """

    stamp: int
    """Commit stamp: taken while the operation held every lock it needed. No two are equal."""
    events: tuple[Event, ...]


class Engine(Protocol):
    """An exchange that any number of threads may call."""

    def submit(self, command: Command) -> Answer:
        """Carry out one command."""
        ...

    def queue(self, symbol: Symbol) -> Queue:
        """L3 of one book. KeyError for an unknown symbol, as in every view."""
        ...

    def depth(self, symbol: Symbol) -> Depth:
        """L2 of one book."""
        ...

    def top(self, symbol: Symbol) -> Top:
        """L1 of one book."""
        ...

    def stops(self, symbol: Symbol) -> Stops:
        """The pending stops of one book."""
        ...

    def status(self, symbol: Symbol, order_id: OrderId) -> OrderStatus | None:
        """Where an order stands; None when it is not live."""
        ...

    def implied(self, symbol: Symbol) -> ImpliedQuotes:
        """What others imply in one book, beside its own depth; nothing in a book that is part of no spread."""
        ...

    def view(self, symbol: Symbol) -> BookView:
        """Everything that can be seen of one book."""
        ...

    def account(self, account: Account) -> AccountView:
        """One account over all books, at one instant. Where none are kept it has nothing."""
        ...

    def market(self) -> MarketView:
        """What can be seen of the exchange as a whole."""
        ...
