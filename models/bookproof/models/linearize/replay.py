"""Carrying out commands once more, one after the other: by the oracle, or by an engine that is many times as fast."""

from __future__ import annotations

from typing import Protocol

from bookproof.engine.striped import StripedEngine
from bookproof.models.linearize.history import History
from bookproof.spec.commands import Command
from bookproof.spec.events import Event
from bookproof.spec.exchange import Exchange, account, opening, step, view
from bookproof.spec.values import Account, Symbol
from bookproof.spec.views import AccountView, BookView


class Replay(Protocol):
    """Whoever carries out commands one after the other."""

    def answer(self, command: Command) -> tuple[Event, ...]:
        """Carry out the next command."""
        ...

    def book(self, symbol: Symbol) -> BookView:
        """A book as it is now."""
        ...

    def account(self, number: Account) -> AccountView:
        """An account as it is now."""
        ...


class OracleReplay:
    """The rule book itself."""

    def __init__(self, history: History) -> None:
        self.state: Exchange = opening(history.instruments, history.profile)

    def answer(self, command: Command) -> tuple[Event, ...]:
        """Carry out the next command."""
        self.state, events = step(self.state, command)
        return events

    def book(self, symbol: Symbol) -> BookView:
        """A book as it is now."""
        return view(self.state, symbol)

    def account(self, number: Account) -> AccountView:
        """An account as it is now."""
        return account(self.state, number)


class EngineReplay:
    """Our engine behind one lock: with one stripe, and called by one thread."""

    def __init__(self, history: History) -> None:
        engine = StripedEngine(history.instruments, history.profile, stripes=1)
        self._engine = engine
        self._submit = engine.submit

    def answer(self, command: Command) -> tuple[Event, ...]:
        """Carry out the next command."""
        return self._submit(command).events

    def book(self, symbol: Symbol) -> BookView:
        """A book as it is now."""
        return self._engine.view(symbol)

    def account(self, number: Account) -> AccountView:
        """An account as it is now."""
        return self._engine.account(number)


def replay_of(history: History, by_oracle: bool) -> Replay:
    """Who begins where a history began."""
    return OracleReplay(history) if by_oracle else EngineReplay(history)
