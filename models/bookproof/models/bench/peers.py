"""Feed the messages of `workloads.generate` to the pure-Python order books on PyPI, an adapter each.

A peer is timed on what its user would have to write: building its order objects, keeping the map between the
caller's order numbers and its own, and taking what it hands back, are part of the work. Where a peer lacks
something, the adapter does what its documentation leaves to the caller:

- a MODIFY is a cancel and, if that took an order out of the book, a new order under the same number;
- an immediate-or-cancel order, without support for it, is an order, then a cancel of what is left;
- trades are only collected while the clock runs, and read afterwards, by `Session.result`.

No adapter keeps a book of its own, so a peer's mistakes stay visible: `PeerResult.differs_from` says whether
it traded what it should have. Without equal work a speed is no comparison.

The peers are untyped and optional. Each is imported when opened, never before, and what comes out of it is
`Any` until a `PeerResult` is made of it. Their loggers are silenced: a line printed for every refused cancel
would be most of the time.

Which peers can run here, and why not the others::

    for peer in PEERS:
        print(f"{peer.name:20} {peer.available() or 'ready'}")
"""

from __future__ import annotations

import hashlib
import logging
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple, TypeAlias

from bookproof.models.workloads import CANCEL, NEW, Message

__all__ = ["PEERS", "Fill", "Peer", "PeerResult", "Session"]

Fill: TypeAlias = tuple[int, int, int, int]
"""One trade: `(price in ticks, quantity in lots, maker, taker)`, both orders under the caller's numbers."""

SYMBOL = "X"


class PeerResult(NamedTuple):
    """What a run traded: enough to tell whether two engines did the same work.

    `quantity` is in lots; `notional`, the sum of price times quantity, in ticks times lots. `checksum` covers
    every trade in order: price, quantity, maker and taker. `trades` and `checksum` are None where a peer does
    not tell them.
    """

    trades: int | None
    quantity: int
    notional: int
    checksum: str | None

    @classmethod
    def of(cls, fills: Iterable[Fill]) -> PeerResult:
        """Sum up trades given in the order they happened.

        >>> PeerResult.of([(100, 5, 1, 2), (101, 3, 3, 2)])
        PeerResult(trades=2, quantity=8, notional=803, checksum='0223728ca961')
        """
        digest = hashlib.sha256()
        trades = quantity = notional = 0
        for fill in fills:
            trades += 1
            quantity += fill[1]
            notional += fill[0] * fill[1]
            digest.update(b"%d,%d,%d,%d\n" % fill)
        return cls(trades, quantity, notional, digest.hexdigest()[:12])

    def differs_from(self, expected: PeerResult) -> str | None:
        """Name the first figure that differs, or return None; what either side does not tell is not compared.

        >>> PeerResult(None, 8, 803, None).differs_from(PeerResult(2, 8, 803, "0223728ca961"))
        >>> PeerResult(3, 9, 903, "c0ffee").differs_from(PeerResult(2, 8, 803, "0223728ca961"))
        'trades: 3 instead of 2'
        """
        for name, own, other in zip(self._fields, self, expected, strict=True):
            if own is not None and other is not None and own != other:
                return f"{name}: {own} instead of {other}"
        return None


class Session(NamedTuple):
    """One empty book of a peer. Time `feed`, then ask for the `result`, then `close`.

    `feed` may be called again, and the book goes on from where it was. What the peer raises, it lets through.
    """

    feed: Callable[[Sequence[Message]], None]
    result: Callable[[], PeerResult]
    close: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class Peer:
    """One order book on PyPI, at the one version that its adapter is written for.

    `requirement` is what pip installs, `python` the oldest Python it runs on, `module` what is imported.
    `note` tells what a reader of its figures should know: structures, locks, threads, what it does not tell.
    """

    name: str
    requirement: str
    python: tuple[int, int]
    module: str
    note: str
    opener: Callable[[], Session]

    def available(self) -> str | None:
        """Say why the peer cannot be opened here, or return None if it can."""
        if sys.version_info[:2] < self.python:
            return "needs Python {}.{}".format(*self.python)
        distribution, _, pinned = self.requirement.partition("==")
        try:
            installed = version(distribution)
        except PackageNotFoundError:
            return f"not installed; the adapter is for {self.requirement}"
        if installed != pinned:
            return f"{installed} is installed; the adapter is for {self.requirement}"
        try:
            import_module(self.module)
        except Exception as error:  # whatever a stranger's import raises
            return f"cannot be imported: {error!r}"
        return None

    def open(self) -> Session:
        """Start an empty book. Raises ImportError or what the peer raises, unless `available()` is None."""
        return self.opener()


def _matching_engine() -> Session:
    domain: Any = import_module("matching_engine.domain")
    events: Any = import_module("matching_engine.events")
    engine: Any = import_module("matching_engine.engine").MatchingEngine()
    sequenced, new, cancel = domain.SequencedCommand, domain.NewOrder, domain.CancelOrder
    sides = (domain.Side.BUY, domain.Side.SELL)
    limit, gtc, at_once = domain.OrderType.LIMIT, domain.TimeInForce.GTC, domain.TimeInForce.IOC
    self_trades = domain.SelfTradePrevention.NONE
    cancelled = events.OrderCancelled
    replies: list[Any] = []

    def feed(messages: Sequence[Message]) -> None:
        process, keep = engine.process, replies.extend
        seq = engine.last_seq
        for kind, order, side, price, quantity, ioc in messages:
            if kind != NEW:
                seq += 1
                reply = process(sequenced(seq, 0, cancel(order, 1)))
                if kind == CANCEL or type(reply[0]) is not cancelled:
                    continue
            seq += 1
            tif = at_once if ioc else gtc
            entry = new(order, 1, sides[side], price, quantity, limit, tif, False, self_trades)
            reply = process(sequenced(seq, 0, entry))
            if len(reply) > 1:
                keep(reply)

    def result() -> PeerResult:
        trades = (reply for reply in replies if type(reply) is events.Trade)
        return PeerResult.of((t.price, t.qty, t.maker_order_id, t.taker_order_id) for t in trades)

    return Session(feed, result)


def _edumatcher() -> Session:
    models: Any = import_module("edumatcher.models.order")
    trade_ids: Any = import_module("edumatcher.models.trade")
    book: Any = import_module("edumatcher.engine.order_book").OrderBook(SYMBOL)
    with suppress(RuntimeError):  # set once a process
        trade_ids.set_run_seq(1)
    sides = (models.Side.BUY, models.Side.SELL)
    limit, at_once, day = models.OrderType.LIMIT, models.OrderType.IOC, models.TIF.DAY
    entered, new = models.OrderStatus.NEW, models.Order
    trades: list[Any] = []

    def feed(messages: Sequence[Message]) -> None:
        process, cancel, keep = book.process, book.cancel_order, trades.extend
        for kind, order, side, price, quantity, ioc in messages:
            name = str(order)
            if kind != NEW and (cancel(name) is None or kind == CANCEL):
                continue
            type_ = at_once if ioc else limit
            # Amending would not do: an amended price that crosses the book does not trade.
            entry = new(name, SYMBOL, sides[side], type_, day, quantity, quantity, "G", 0, entered, 0, price)
            done, _ = process(entry, now=0)
            if done:
                keep(done)

    def result() -> PeerResult:
        fills: list[Fill] = []
        for t in trades:
            buyer, seller = int(t.buy_order_id), int(t.sell_order_id)
            maker, taker = (seller, buyer) if t.aggressor_side == "BUY" else (buyer, seller)
            fills.append((t.price, t.quantity, maker, taker))
        return PeerResult.of(fills)

    return Session(feed, result)


def _pyorderbook() -> Session:
    peer: Any = import_module("pyorderbook")
    _silence("pyorderbook")
    book: Any = peer.Book()
    new, sides = peer.Order, (peer.Side.BID, peer.Side.ASK)
    theirs: dict[int, Any] = {}  # our number -> their order object
    ours: dict[Any, int] = {}  # their UUID -> our number
    trades: list[Any] = []

    def feed(messages: Sequence[Message]) -> None:
        match, cancel, keep = book.match, book.cancel, trades.extend
        for kind, order, side, price, quantity, ioc in messages:
            if kind != NEW:
                try:
                    cancel(theirs.pop(order))
                except KeyError:
                    continue
                if kind == CANCEL:
                    continue
            entry = new(sides[side], SYMBOL, price, quantity)
            ours[entry.id] = order
            done = match(entry).trades
            if done:
                keep(done)
            if entry.quantity:
                if ioc:
                    cancel(entry)
                else:
                    theirs[order] = entry

    def result() -> PeerResult:
        fills: list[Fill] = []
        for t in trades:
            maker, taker = ours[t.standing_order_id], ours[t.incoming_order_id]
            fills.append((int(t.fill_price), t.fill_quantity, maker, taker))
        return PeerResult.of(fills)

    return Session(feed, result)


def _fastlob() -> Session:
    peer: Any = import_module("fastlob")
    enums: Any = import_module("fastlob.enums")
    lob: Any = peer.Orderbook(SYMBOL)
    _silence(f"[{SYMBOL}]")
    lob.start()
    new, sides = peer.OrderParams, (enums.OrderSide.BID, enums.OrderSide.ASK)
    rests, filled = enums.ResultType.LIMIT, enums.ResultType.MARKET
    theirs: dict[int, str] = {}  # our number -> their order's id
    matched: list[Any] = []  # price -> quantity of each order that traded

    def feed(messages: Sequence[Message]) -> None:
        process, cancel, keep = lob.process, lob.cancel, matched.append
        for kind, order, side, price, quantity, ioc in messages:
            if kind != NEW:
                try:
                    done = cancel(theirs[order]).success()
                except KeyError:  # of a filled order that still says it is pending
                    continue
                if kind == CANCEL or not done:
                    continue
            reply = process(new(sides[side], price, quantity))
            outcome = reply.kind()
            theirs[order] = reply.orderid()
            if outcome is not rests:
                keep(reply.execprices())
            if ioc and outcome is not filled:
                cancel(theirs[order])

    def result() -> PeerResult:
        fills = [(int(price), int(quantity)) for prices in matched for price, quantity in prices.items()]
        return PeerResult(None, sum(q for _, q in fills), sum(p * q for p, q in fills), None)

    return Session(feed, result, lob.stop)


def _lightmatchingengine() -> Session:
    peer: Any = import_module("lightmatchingengine.lightmatchingengine")
    engine: Any = peer.LightMatchingEngine()
    sides = (peer.Side.BUY, peer.Side.SELL)
    theirs: dict[int, Any] = {}  # our number -> their order object
    ours = [0]  # their number, counted from 1 -> our number
    matched: list[Any] = []

    def feed(messages: Sequence[Message]) -> None:
        add, cancel, keep = engine.add_order, engine.cancel_order, matched.append
        for kind, order, side, price, quantity, ioc in messages:
            if kind != NEW:
                old = theirs.pop(order, None)
                if old is None or not old.leaves_qty:  # cancelling a filled order may raise
                    continue
                cancel(old.order_id, SYMBOL)
                if kind == CANCEL:
                    continue
            entry, trades = add(SYMBOL, price, quantity, sides[side])
            ours.append(order)
            if trades:
                keep((entry, trades))
            if entry.leaves_qty:
                if ioc:
                    cancel(entry.order_id, SYMBOL)
                else:
                    theirs[order] = entry

    def result() -> PeerResult:
        # Each level's trades are led by one of the taker's side, their sum.
        return PeerResult.of(
            (t.trade_price, t.trade_qty, ours[t.order_id], ours[entry.order_id])
            for entry, trades in matched
            for t in trades
            if t.trade_side != entry.side
        )

    return Session(feed, result)


def _akhil4n_orderbook() -> Session:
    peer: Any = import_module("orderbook")
    book: Any = peer.OrderBook()
    new, sides = peer.Order, (peer.OrderSide.BID, peer.OrderSide.ASK)
    theirs: dict[int, str] = {}  # our number -> their order's id
    ours: dict[str, int] = {}  # and back

    def feed(messages: Sequence[Message]) -> None:
        add, cancel = book.add_limit_order, book.cancel_order
        for kind, order, side, price, quantity, ioc in messages:
            if kind != NEW and (not cancel(theirs[order]) or kind == CANCEL):
                continue
            entry = new(sides[side], price, quantity)  # meant for Decimal prices; integers are quicker
            add(entry)
            name = entry.order_id
            theirs[order] = name
            ours[name] = order
            if ioc and entry.remaining_quantity:
                cancel(name)

    def result() -> PeerResult:
        return PeerResult.of(
            (t.price, t.quantity_filled, ours[t.filler_id], ours[t.aggressor_id]) for t in book.trade_log
        )

    return Session(feed, result)


def _manticore_orderbook() -> Session:
    peer: Any = import_module("manticore_orderbook")
    _silence("manticore_orderbook")
    events: Any = peer.EventManager(enable_logging=False)
    book: Any = peer.OrderBook(SYMBOL, enable_logging=False, event_manager=events)
    sides = ("buy", "sell")
    trades: list[Any] = []

    def traded(_: object, trade: Any) -> None:
        trades.append(trade)

    events.subscribe(peer.EventType.TRADE_EXECUTED, traded)

    def feed(messages: Sequence[Message]) -> None:
        add, cancel = book.add_order, book.cancel_order
        for kind, order, side, price, quantity, ioc in messages:
            name = str(order)
            # Its own modify keeps priority when only the quantity grows.
            if kind != NEW and (not cancel(name) or kind == CANCEL):
                continue
            add(sides[side], price, quantity, name, "IOC" if ioc else None)

    def result() -> PeerResult:
        fills: list[Fill] = []
        for t in trades:
            maker, taker = int(t["maker_order_id"]), int(t["taker_order_id"])
            fills.append((int(t["price"]), int(t["quantity"]), maker, taker))
        return PeerResult.of(fills)

    return Session(feed, result, book.expiry_manager.stop)


def _silence(name: str) -> None:
    """Switch a peer's logger off, and those below it."""
    logging.getLogger(name).setLevel(logging.CRITICAL + 1)


PEERS: tuple[Peer, ...] = (
    Peer(
        "matching-engine",
        "matching-engine==0.1.1",
        (3, 12),
        "matching_engine.engine",
        "linked lists under a SortedList; commands and events are msgspec structs (C); no locks",
        _matching_engine,
    ),
    Peer(
        "akhil4n-orderbook",
        "akhil4n-orderbook==0.1.1",
        (3, 11),
        "orderbook",
        "OrderedDict queues under a SortedDict; no locks",
        _akhil4n_orderbook,
    ),
    Peer(
        "edumatcher",
        "edumatcher==0.53.0",
        (3, 13),
        "edumatcher.engine.order_book",
        "a heap of orders with lazy cancels; the order book alone, installed with --no-deps; no locks",
        _edumatcher,
    ),
    Peer(
        "pyorderbook",
        "pyorderbook==0.4.9",
        (3, 11),
        "pyorderbook",
        "a heap of levels, Decimal prices, a UUID an order; no locks",
        _pyorderbook,
    ),
    Peer(
        "lightmatchingengine",
        "lightmatchingengine==2019.1.4",
        (3, 11),
        "lightmatchingengine.lightmatchingengine",
        "lists in dicts, the best price by min or max: quick on a small book, quadratic on a large; no locks",
        _lightmatchingengine,
    ),
    Peer(
        "manticore-orderbook",
        "manticore-orderbook==1.0.1",
        (3, 11),
        "manticore_orderbook",
        "orders are dicts, every event is published; one RLock around all calls, a thread for expired orders",
        _manticore_orderbook,
    ),
    Peer(
        "fastlob",
        "fastlob==0.0.24",
        (3, 11),
        "fastlob",
        "Decimal prices; a lock a side, a thread for expired orders; tells prices and quantities, not trades",
        _fastlob,
    ),
)
"""Every peer with an adapter, roughly the quickest on a large book first."""
