"""A floor to trade on: every test of a rule acts on one, and every step it takes is held to every invariant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bookproof.engine.striped import StripedEngine
from bookproof.spec.commands import Cancel, Command, Replace, SetPhase, Submit
from bookproof.spec.events import Cancelled, Event, Prevented, Rejected, Trade, Triggered
from bookproof.spec.exchange import Exchange, market, opening, queue, snapshot, step, stops
from bookproof.spec.instruments import Instrument
from bookproof.spec.invariants import broken
from bookproof.spec.profile import DEFAULT, Profile
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import Lots, OrderId, Phase, Side, Symbol, Ticks
from bookproof.spec.views import QueuedOrder


class Floor:
    """Two empty books, ABC and XYZ, or others. Each method that acts is one command; the rest look at what came of it.

    An order's account is 100 more than its id unless it is named, so that no two orders have one owner.
    """

    def __init__(self, *instruments: Instrument, profile: Profile = DEFAULT) -> None:
        self.state: Exchange = opening(instruments or (Instrument("ABC"), Instrument("XYZ")), profile)
        self.events: tuple[Event, ...] = ()

    def do(self, command: Command) -> tuple[Event, ...]:
        """One command; its events."""
        after, self.events = step(self.state, command)
        assert broken(self.state, command, self.events, after) == []
        self.state = after
        return self.events

    def buy(self, order_id: OrderId, quantity: Lots, price: Ticks | None = None, **terms: Any) -> tuple[Event, ...]:
        """A new order to buy."""
        return self.do(order(Side.BUY, order_id, quantity, price, **terms))

    def sell(self, order_id: OrderId, quantity: Lots, price: Ticks | None = None, **terms: Any) -> tuple[Event, ...]:
        """A new order to sell."""
        return self.do(order(Side.SELL, order_id, quantity, price, **terms))

    def cancel(self, order_id: OrderId, symbol: Symbol = "ABC") -> tuple[Event, ...]:
        """Cancel an order."""
        return self.do(Cancel(symbol, order_id))

    def replace(self, order_id: OrderId, quantity: Lots, price: Ticks | None = None, stop: Ticks | None = None) -> None:
        """Replace an order of ABC."""
        self.do(Replace("ABC", order_id, quantity, price, stop))

    @property
    def trades(self) -> list[tuple[OrderId, Ticks, Lots]]:
        """Maker, price and quantity of each fill of the last command."""
        return [(event.maker, event.price, event.quantity) for event in self.events if isinstance(event, Trade)]

    @property
    def prevented(self) -> list[tuple[OrderId, Lots]]:
        """Maker and quantity of each fill that was prevented in the last command."""
        return [(event.maker, event.quantity) for event in self.events if isinstance(event, Prevented)]

    @property
    def cancels(self) -> list[tuple[OrderId, Lots, CancelReason]]:
        """Id, open quantity and reason of each cancel of the last command."""
        return [(event.order_id, event.quantity, event.reason) for event in self.events if isinstance(event, Cancelled)]

    @property
    def triggered(self) -> list[OrderId]:
        """The stops that the last command triggered."""
        return [event.order_id for event in self.events if isinstance(event, Triggered)]

    @property
    def reason(self) -> RejectReason | None:
        """Why the last command was refused; None when it was not."""
        return self.events[0].reason if isinstance(self.events[0], Rejected) else None

    def bids(self, symbol: Symbol = "ABC") -> list[tuple[OrderId, Lots, Lots]]:
        """Id, visible and open quantity of each bid, in order of priority."""
        return [_row(order) for order in queue(self.state, symbol).bids]

    def asks(self, symbol: Symbol = "ABC") -> list[tuple[OrderId, Lots, Lots]]:
        """Id, visible and open quantity of each ask, in order of priority."""
        return [_row(order) for order in queue(self.state, symbol).asks]

    def stops(self, symbol: Symbol = "ABC") -> list[OrderId]:
        """The pending stops of a book, buys first."""
        pending = stops(self.state, symbol)
        return [stop.order_id for stop in (*pending.buys, *pending.sells)]


class FloorAndEngine(Floor):
    """A floor with the engine beside it: every command goes to both, and every answer and view must be the same."""

    def __init__(self, *instruments: Instrument, profile: Profile = DEFAULT) -> None:
        super().__init__(*instruments, profile=profile)
        self.engine = StripedEngine([book.instrument for book in self.state.books.values()], profile, stripes=2)

    def do(self, command: Command) -> tuple[Event, ...]:
        """One command to both; its events."""
        events = super().do(command)
        assert self.engine.submit(command).events == events
        assert tuple(map(self.engine.view, self.state.books)) == snapshot(self.state)
        assert self.engine.market() == market(self.state)
        return events

    def go(self, *phases: Phase, symbol: Symbol = "ABC") -> tuple[Event, ...]:
        """From phase to phase; the events of the last step."""
        for phase in phases:
            self.do(SetPhase(symbol, phase))
        return self.events


def order(side: Side, order_id: OrderId, quantity: Lots, price: Ticks | None = None, **terms: Any) -> Submit:
    """A new order for ABC, or the symbol that is named."""
    symbol, account = terms.pop("symbol", "ABC"), terms.pop("account", 100 + order_id)
    return Submit(symbol, order_id, account, side, quantity, price, **terms)


def _row(order: QueuedOrder) -> tuple[OrderId, Lots, Lots]:
    return order.order_id, order.visible, order.leaves


@pytest.fixture
def floor() -> Floor:
    """Two empty books under the default profile."""
    return Floor()


@pytest.fixture
def pair() -> FloorAndEngine:
    """Two empty books under the default profile, with the engine beside the oracle."""
    return FloorAndEngine()


@pytest.fixture
def open_pair() -> Callable[..., FloorAndEngine]:
    """Opens such a floor with other books, or under another profile."""
    return FloorAndEngine


@pytest.fixture
def open_floor() -> Callable[..., Floor]:
    """Opens a floor with other books, or under another profile."""
    return Floor
