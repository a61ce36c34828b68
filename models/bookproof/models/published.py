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
_DEFAULTS = Submit(SYMBOL, 0, _ACCOUNT, Side.BUY, 0)[7:]
_new = tuple.__new__  # half the cost of calling the class, which matters for two million commands

Answers = Callable[[Command], Sequence[Event]]
"""Carries out one command and gives its events."""


def command_of(message: Message) -> Command:
    """A workload's message as a command.

    >>> command_of((0, 1, 0, 33504, 10, False))[:6]
    ('WORKLOAD', 1, 0, <Side.BUY: 'buy'>, 10, 33504)
    """
    kind, order, side, price, quantity, ioc = message
    if kind == NEW:
        return _new(Submit, (SYMBOL, order, _ACCOUNT, _SIDES[side], quantity, price, _LIVES[ioc], *_DEFAULTS))
    if kind == CANCEL:
        return _new(Cancel, (SYMBOL, order))
    return _new(Replace, (SYMBOL, order, quantity, price, None))


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
                _, order, side, price, quantity = event
                accepted(seq, _NUMBERS[side], order, price or 0, quantity)
            elif type(event) is Trade:
                _, price, quantity, maker, taker = event
                traded(seq, price, quantity, maker, taker)
            elif type(event) is Cancelled:
                _, order, side, price, _, _ = event
                cancelled(seq, _NUMBERS[side], order, price or 0)
            elif type(event) is Replaced:
                _, order, side, price, quantity = event
                modified(seq, _NUMBERS[side], order, price or 0, quantity)
            elif message[0] == CANCEL:
                stream.cancel_refused(seq, message[1])
            else:
                stream.modify_refused(seq, message[1])
    return stream
