"""Our engines as sessions, fed the same messages as the peers, and the same engine with one thing less.

Making the `Command` values is part of what is timed, as making its order objects is of a peer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from time import perf_counter_ns
from types import FunctionType
from typing import Any

from bookproof.engine.book import FastBook, Market
from bookproof.engine.global_lock import GlobalLockEngine
from bookproof.engine.interface import Answer
from bookproof.engine.striped import StripedEngine
from bookproof.models.bench.peers import PeerResult, Session
from bookproof.models.published import INSTRUMENT, SYMBOL
from bookproof.models.workloads import CANCEL, NEW, Message
from bookproof.spec.commands import Cancel, Command, Replace, Submit
from bookproof.spec.events import Event, Trade
from bookproof.spec.profile import WORKLOADS
from bookproof.spec.values import Side, TimeInForce

_SIDES = (Side.BUY, Side.SELL)
_LIVES = (TimeInForce.GTC, TimeInForce.IOC)


def _feed_engine(
    messages: Sequence[Message], submit: Callable[[Command], Answer], keep: Callable[[Sequence[Event]], None]
) -> None:
    command: Command
    for kind, order, side, price, quantity, ioc in messages:
        if kind == NEW:
            command = Submit(SYMBOL, order, 0, _SIDES[side], quantity, price, _LIVES[ioc])
        elif kind == CANCEL:
            command = Cancel(SYMBOL, order)
        else:
            command = Replace(SYMBOL, order, quantity, price, None)
        events = submit(command).events
        if len(events) > 1:
            keep(events)


def _feed_book(messages: Sequence[Message], book: FastBook, keep: Callable[[Sequence[Event]], None]) -> None:
    for kind, order, side, price, quantity, ioc in messages:
        if kind == NEW:
            events = book.submit(Submit(SYMBOL, order, 0, _SIDES[side], quantity, price, _LIVES[ioc]))
        elif kind == CANCEL:
            events = book.cancel(Cancel(SYMBOL, order))
        else:
            events = book.replace(Replace(SYMBOL, order, quantity, price, None))
        if len(events) > 1:
            keep(events)


def striped() -> Session:
    """The striped engine as it is: a lock, a stamp, and a check of every field of every command."""
    return _session("striped", StripedEngine([INSTRUMENT], WORKLOADS).submit)


def global_lock() -> Session:
    """The same exchange behind one lock."""
    return _session("global lock", GlobalLockEngine([INSTRUMENT], WORKLOADS).submit)


def bare_book() -> Session:
    """The book of the striped engine, called directly: no lock, no stamp, no symbol to look up."""
    book = FastBook(INSTRUMENT, WORKLOADS, Market())
    kept: list[Sequence[Event]] = []
    return Session(lambda messages: _feed_book(messages, book, kept.append), lambda: _result(kept))


def recorded() -> Session:
    """The striped engine with a clock read before and after every command, and a log: what a history costs."""
    submit, now = StripedEngine([INSTRUMENT], WORKLOADS).submit, perf_counter_ns
    log: list[tuple[Command, int, int, Answer]] = []

    def call(command: Command) -> Answer:
        called = now()
        answer = submit(command)
        log.append((command, called, now(), answer))
        return answer

    return _session("recorded", call)


class _Unlocked(StripedEngine):
    """The hot path of the striped engine, less the lock."""

    def submit(self, command: Command) -> Answer:
        one: Any = command
        _, _, book = self._desks[one.symbol]
        kind = type(command)
        try:
            if kind is Submit:
                events = book.submit(one)
            elif kind is Cancel:
                events = book.cancel(one)
            else:
                events = book.replace(one)
            return Answer(self._next_stamp(), events)
        finally:
            pass


class _Unstamped(StripedEngine):
    """The hot path of the striped engine, less the stamp."""

    def submit(self, command: Command) -> Answer:
        one: Any = command
        acquire, release, book = self._desks[one.symbol]
        kind = type(command)
        acquire()
        try:
            if kind is Submit:
                events = book.submit(one)
            elif kind is Cancel:
                events = book.cancel(one)
            else:
                events = book.replace(one)
            return Answer(0, events)
        finally:
            release()


def unlocked() -> Session:
    """The striped engine without the lock of the stripe: right only on one thread."""
    return _session("unlocked", _Unlocked([INSTRUMENT], WORKLOADS).submit)


def unstamped() -> Session:
    """The striped engine without the commit stamp: nobody can tell afterwards what came first."""
    return _session("unstamped", _Unstamped([INSTRUMENT], WORKLOADS).submit)


def _session(name: str, submit: Callable[[Command], Answer]) -> Session:
    kept: list[Sequence[Event]] = []
    feed = _loop_of(name)
    return Session(lambda messages: feed(messages, submit, kept.append), lambda: _result(kept))


@cache
def _loop_of(engine: str) -> FunctionType:
    """The feeding loop, once for each engine, as every peer has its own: CPython fits a loop to what it has seen."""
    return FunctionType(_feed_engine.__code__.replace(), globals(), f"feed {engine}")


def _result(kept: Sequence[Sequence[Event]]) -> PeerResult:
    trades = (event for events in kept for event in events if isinstance(event, Trade))
    return PeerResult.of((trade.price, trade.quantity, trade.maker, trade.taker) for trade in trades)
