"""The published workloads through our engines: commands in, report stream out, hash compared with the published one.

160 unrelated engines reproduce these hashes, so a match says that ours trades as the rest of the world does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bookproof.engine.interface import Engine
from bookproof.models.workloads import CANCEL, NEW, Message, ReportStream
from bookproof.spec.commands import Cancel, Command, Replace, Submit
from bookproof.spec.events import Accepted, Cancelled, Event, Replaced, Trade
from bookproof.spec.exchange import Exchange, step
from bookproof.spec.instruments import Instrument
from bookproof.spec.values import Side, TimeInForce

SYMBOL = "WORKLOAD"
INSTRUMENT = Instrument(SYMBOL)
"""The one book of a workload."""

_SIDES = (Side.BUY, Side.SELL)
_LIVES = (TimeInForce.GTC, TimeInForce.IOC)
_NUMBERS = {Side.BUY: 0, Side.SELL: 1}
_ACCOUNT = 0

Answers = Callable[[Command], Sequence[Event]]
"""Carries out one command and gives its events."""


def command_of(message: Message) -> Command:
    """A workload's message as a command.

    >>> command_of((CANCEL, 7, 0, 0, 0, False))
    Cancel(symbol='WORKLOAD', order_id=7)
    """
    kind, order, side, price, quantity, ioc = message
    if kind == NEW:
        return Submit(SYMBOL, order, _ACCOUNT, _SIDES[side], quantity, price, _LIVES[ioc])
    if kind == CANCEL:
        return Cancel(SYMBOL, order)
    return Replace(SYMBOL, order, quantity, price)


def by_engine(engine: Engine) -> Answers:
    """The answers of an engine."""
    submit = engine.submit
    return lambda command: submit(command).events


def by_oracle(state: Exchange) -> Answers:
    """The answers of the oracle, from this state on."""

    def answer(command: Command) -> Sequence[Event]:
        nonlocal state
        state, events = step(state, command)
        return events

    return answer


_BLOCK = 10_000
"""Progress is told this often."""


def report(
    messages: Sequence[Message], answers: Answers, progress: Callable[[int], None] | None = None
) -> ReportStream:
    """Feed a workload and collect the report stream. `progress` is told the number of messages done.

    Every price is there: no workload has market orders.
    """
    stream = ReportStream()
    accepted, traded, cancelled, modified = stream.accepted, stream.traded, stream.cancelled, stream.modified
    for seq, message in enumerate(messages):
        if progress is not None and seq % _BLOCK == 0:
            progress(seq)
        for event in answers(command_of(message)):
            if type(event) is Accepted:
                accepted(seq, _NUMBERS[event.side], event.order_id, event.price or 0, event.quantity)
            elif type(event) is Trade:
                traded(seq, event.price, event.quantity, event.maker, event.taker)
            elif type(event) is Cancelled:
                cancelled(seq, _NUMBERS[event.side], event.order_id, event.price or 0)
            elif type(event) is Replaced:
                modified(seq, _NUMBERS[event.side], event.order_id, event.price or 0, event.quantity)
            elif message[0] == CANCEL:
                stream.cancel_refused(seq, message[1])
            else:
                stream.modify_refused(seq, message[1])
    return stream
