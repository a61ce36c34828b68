"""Five published workloads, each with the hash of its report stream: outside truth for a price-time engine.

Source: "The World's Fastest Matching Engine Algorithm" (Flash One Technologies, 2026, arXiv 2606.01183) and
its public benchmark. `generate` draws the input messages by the published method. Feed them to an engine,
tell `ReportStream` what the engine did, and compare `ReportStream.digest` with `Workload.sha256`. Equal
hashes mean that every acceptance, fill, cancel, modify and refusal was equal, in order, over 1,996,097
messages.

The profile the hashes assume: price-time priority; trades at the maker's price; a modify is a cancel and a
new entry, so it loses priority and may trade; an immediate-or-cancel order never rests.

Two shortcuts change no message; the tests keep the method by the letter and compare.

- The published clock never steps back, so sorting the messages by time leaves them where they are. Numbers
  drawn for the clock are drawn and dropped.
- The published mid price is rounded to ticks twice. The second time it is a whole number of ticks already.

Floating point is IEEE double with the C library's exp, log, pow and cos. The hashes were reproduced with
glibc; a library that differs in a last bit could, rarely, move a price by a tick.
"""

from __future__ import annotations

import hashlib
import random
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from math import cos, exp, log, sqrt, tau
from typing import NamedTuple, TypeAlias, TypeVar

__all__ = [
    "BUY",
    "CANCEL",
    "DEFAULT_SEED",
    "MODIFY",
    "NEW",
    "PUBLISHED_ORDERS",
    "SELL",
    "WORKLOADS",
    "Message",
    "ReportStream",
    "Workload",
    "generate",
    "mersenne_twister",
]

NEW, MODIFY, CANCEL = 0, 1, 2
BUY, SELL = 0, 1

DEFAULT_SEED = 23
PUBLISHED_ORDERS = 1_000_000

TICK = 0.005
FIRST_MID = 167.52
LEVELS = 800
BATCH = 4096  # report lines hashed at a time: few enough to stay in the processor's cache

Message: TypeAlias = tuple[int, int, int, int, int, bool]
"""One input message: `(kind, order, side, price in ticks, quantity in lots, immediate-or-cancel)`.

`kind` is NEW, MODIFY or CANCEL; `side` is BUY or SELL; a CANCEL has price and quantity 0. The sequence number
is the position in the stream, from 0. A plain tuple on purpose: a named one takes twice as long to make and
to unpack, and the garbage collector would walk two million of them again and again.
"""

T = TypeVar("T")
Draw: TypeAlias = Callable[[], float]  # uniform in [0, 1)
Progress: TypeAlias = Callable[[int], None]  # told a percentage


class Workload(NamedTuple):
    """Name a price path and what an engine must report on it at `DEFAULT_SEED` and `PUBLISHED_ORDERS`.

    `volatility` and `swing` are fractions (0.25 is 25 %) that shape the path; `trades` counts the fills;
    `sha256` is the digest, in hex, of the whole report stream.

    >>> WORKLOADS["swing-40"].trades
    68803
    """

    name: str
    volatility: float
    swing: float
    trades: int
    sha256: str


WORKLOADS: dict[str, Workload] = {
    row[0]: Workload(*row)
    for row in (
        ("static", 0.0, 0.0, 827, "9803843ee404fc29c9a0aa5614f8f0d5a58b5c44fcac9ef89067886fcaaa30d1"),
        ("normal", 0.15, 0.02, 62_474, "e9b2e3926854410b01a035aeb25dd05f1e597c233be8263de9eb49b6713d367e"),
        ("swing-25", 0.5, 0.25, 66_908, "61a84be9469661bd039e00dbc9a7c011e70b6ace37aadfe60045ea083b05f4df"),
        ("swing-40", 0.5, 0.4, 68_803, "3cb0175e7982ff09ea220d1feaee3844cf9116a5ce455757879dea1d880b9b9f"),
        ("flash-crash", 0.5, 0.6, 70_178, "cff8d3f94b709fc64a8b2058a6ca4fb6920364904796e46906895e362d2bb16b"),
    )
}


def generate(
    workload: Workload,
    *,
    seed: int = DEFAULT_SEED,
    orders: int = PUBLISHED_ORDERS,
    progress: Progress | None = None,
) -> list[Message]:
    """Draw the messages of `workload` in arrival order, about two for each of its `orders`.

    The same arguments always give the same messages; the defaults give the published 1,996,097, in about two
    seconds and 300 MB. Every size walks the whole price path, a small one in larger steps. `progress` is told
    the percentage done, at most a hundred times and at last 100. Raises ValueError unless `orders` is at
    least 1 and 0 <= `seed` < 2**32.

    >>> for sequence, message in enumerate(generate(WORKLOADS["normal"], orders=3)):
    ...     print(sequence, message)
    0 (0, 2, 1, 33665, 40, False)
    1 (2, 2, 1, 0, 0, False)
    2 (0, 1, 0, 33914, 29, False)
    3 (2, 1, 0, 0, 0, False)
    4 (2, 1, 0, 0, 0, False)
    5 (0, 3, 1, 33333, 89, True)
    """
    if orders < 1:
        raise ValueError(f"orders must be at least 1, not {orders}")
    draw = mersenne_twister(seed).random
    entries = _entries(workload, orders, draw, progress)
    _shuffle(entries, draw)
    return _lives(entries, draw, progress)


def mersenne_twister(seed: int) -> random.Random:
    """Seed a Mersenne Twister with one 32-bit integer as C++ `std::mt19937` does (`random.seed` does not).

    From there on `random()` is the published uniform draw in [0, 1), bit for bit. Raises ValueError unless
    0 <= `seed` < 2**32.

    >>> mersenne_twister(5489).getrandbits(32)  # the first word of a default std::mt19937
    3499211612
    """
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed must be in 0..2**32-1, not {seed}")
    state = [seed]
    for i in range(1, 624):
        state.append((1812433253 * (state[-1] ^ state[-1] >> 30) + i) % 2**32)
    twister = random.Random()
    twister.setstate((3, (*state, 624), None))
    return twister


def _entries(workload: Workload, orders: int, draw: Draw, progress: Progress | None) -> list[Message]:
    """Stage 1: enter one order after another along a mid-price path, first the buys, then the sells."""
    volatility, swing = workload.volatility, workload.swing
    dt = (swing / volatility) ** 2 / orders if volatility > 0 else 0.0
    step = volatility * sqrt(dt)
    drift = -0.5 * step * step
    weights = (1 / (k + 1) ** 2.23 + 5 * exp(-0.5 * (k - 8) ** 2) for k in range(LEVELS))
    running = list(accumulate(weights))
    total = running[-1]
    buys = orders // 2
    mid = FIRST_MID
    entries: list[Message] = []
    for order in _paced(range(1, orders + 1), progress, 0):
        # Box and Muller's normal; 0 has no logarithm.
        normal = sqrt(-2 * log(draw() or 1e-300)) * cos(tau * draw())
        mid *= exp(drift + step * normal)
        middle = int(mid / TICK + 0.5)  # halves away from zero: the price is positive
        depth = bisect_left(running, draw() * total) + 1
        quantity = 1 + int(draw() * 100)
        if order <= buys:
            entries.append((NEW, order, BUY, max(middle - depth, 1), quantity, False))
        else:
            entries.append((NEW, order, SELL, middle + depth, quantity, False))
    return entries


def _shuffle(entries: list[Message], draw: Draw) -> None:
    """Stage 2, arrival: Fisher and Yates from the end (`random.shuffle` draws other numbers)."""
    for i in range(len(entries) - 1, 0, -1):
        j = int(draw() * (i + 1))
        entries[i], entries[j] = entries[j], entries[i]


def _lives(entries: list[Message], draw: Draw, progress: Progress | None) -> list[Message]:
    """Stage 2, life cycle: everything that happens to an order, before the next one arrives.

    A bare `draw()` is a delay in microseconds on the published clock, which decides nothing (see the module).
    """
    messages: list[Message] = []
    emit = messages.append
    for entry in _paced(entries, progress, 50):
        _, order, side, price, quantity, _ = entry
        if draw() < 0.15:
            emit((NEW, order, side, price, quantity, True))
            continue
        emit(entry)
        modify: Message | None = None
        if draw() < 0.20:
            draw()
            if draw() < 0.80:  # towards the other side
                price += 1 if side == BUY else -1
            modify = (MODIFY, order, side, price, quantity + 1, False)
            emit(modify)
        if draw() < 0.95:
            draw()
            cancel = (CANCEL, order, side, 0, 0, False)
            emit(cancel)
            if draw() < 0.02:
                draw()
                emit(cancel)  # a duplicate
            if modify and draw() < 0.02:
                draw()
                emit(modify)  # too late
    return messages


def _paced(items: Sequence[T], progress: Progress | None, done: int) -> Iterable[T]:
    """Hand out `items` while `progress` hears of 50 per cent more than `done`; costs nothing without it."""
    return items if progress is None else _telling(items, progress, done)


def _telling(items: Sequence[T], progress: Progress, done: int) -> Iterator[T]:
    pace = (len(items) + 49) // 50
    for start in range(0, len(items), pace):
        part = items[start : start + pace]
        yield from part
        progress(done + 50 * (start + len(part)) // len(items))


class ReportStream:
    r"""Write down what an engine did, one published report line a call, and hash it as it goes.

    Call in message order, `seq` being the message's position in the stream; within a message, `accepted`
    comes first and fills in match order. Prices are ticks, quantities lots, sides BUY or SELL. Nothing is
    checked: calls out of order give another digest.

    The published stream is sorted by message and kind of line. So is this one as it is written, but for an
    engine that announces a modify, or the residual of an immediate-or-cancel, before its fills. That line is
    then the last one written, and a fill of the same message goes in front of it; nothing else is ever
    compared or moved.

    A new acceptance makes all earlier lines final. They are hashed and let go, some thousands at a time,
    unless `keep` is set so that `lines` can show them. `trades` counts the fills.

    >>> reports = ReportStream(keep=True)
    >>> reports.accepted(0, SELL, 7, 101, 5)
    >>> reports.accepted(1, BUY, 8, 100, 2)
    >>> reports.modified(2, BUY, 8, 101, 3)
    >>> reports.traded(2, 101, 3, 7, 8)
    >>> reports.cancel_refused(3, 8)
    >>> print("\n".join(reports.lines()))
    0,0,1,7,101,5
    0,1,0,8,100,2
    1,2,101,3,7,8
    3,2,0,8,101,3
    4,3,8
    >>> reports.trades, reports.digest()[:8]
    (1, 'b78e5d6d')
    """

    __slots__ = ("_closed", "_hash", "_kept", "_lines", "trades")

    def __init__(self, *, keep: bool = False) -> None:
        self.trades = 0
        self._lines: list[str] = []
        self._kept: list[str] | None = [] if keep else None
        self._hash = hashlib.sha256()
        self._closed = -1  # the last message whose cancelled or modified line is written

    def accepted(self, seq: int, side: int, order: int, price: int, quantity: int) -> None:
        """Report a new order as entered."""
        lines = self._lines
        if len(lines) >= BATCH:
            self._release()
        lines.append(f"0,{seq},{side},{order},{price},{quantity}")

    def traded(self, seq: int, price: int, quantity: int, maker: int, taker: int) -> None:
        """Report one fill at the maker's price; `seq` is the aggressor's message."""
        self.trades += 1
        line = f"1,{seq},{price},{quantity},{maker},{taker}"
        if seq == self._closed:
            self._lines.insert(-1, line)
        else:
            self._lines.append(line)

    def cancelled(self, seq: int, side: int, order: int, price: int) -> None:
        """Report a cancel, at the resting price, or the residual of an immediate-or-cancel, at its limit."""
        self._closed = seq
        self._lines.append(f"2,{seq},{side},{order},{price}")

    def modified(self, seq: int, side: int, order: int, price: int, quantity: int) -> None:
        """Report a modify with its new price and new quantity, before or after its fills."""
        self._closed = seq
        self._lines.append(f"3,{seq},{side},{order},{price},{quantity}")

    def cancel_refused(self, seq: int, order: int) -> None:
        """Report a cancel of an order that is not resting."""
        self._lines.append(f"4,{seq},{order}")

    def modify_refused(self, seq: int, order: int) -> None:
        """Report a modify of an order that is not resting."""
        self._lines.append(f"5,{seq},{order}")

    def lines(self) -> list[str]:
        """Return all lines in published order; raises ValueError unless the stream was made with `keep`."""
        if self._kept is None:
            raise ValueError("lines are let go once hashed; make the stream with ReportStream(keep=True)")
        return self._kept + self._lines

    def digest(self) -> str:
        """Return the SHA-256, in hex, of the lines so far joined by newlines; more lines may follow."""
        digest = self._hash.copy()
        digest.update("\n".join(self._lines).encode())
        return digest.hexdigest()

    def _release(self) -> None:
        """Hash all lines and let them go; another line is about to follow, hence the last newline."""
        if self._kept is not None:
            self._kept += self._lines
        self._hash.update(("\n".join(self._lines) + "\n").encode())
        self._lines.clear()
