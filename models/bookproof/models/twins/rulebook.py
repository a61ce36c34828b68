"""`tla/RuleBook.tla` in Python: what one command does to an exchange. Operators have the names that they have there.

A sequence is a tuple and a record a named tuple, so states can be hashed, compared, and shown as TLA+ values. Rule
numbers are in the module; this says what it says, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from bookproof.models.states.model import as_value
from bookproof.models.tla.values import Function, TlaValue

KNOWN = 200_000
"""Answers that are kept: the same command meets the same exchange again and again."""


class Order(NamedTuple):
    """An order: `lots` are open, `done` have been traded."""

    id: int
    account: int
    side: str
    px: int
    lots: int
    done: int


class Event(NamedTuple):
    """What is said; 0 for what does not apply."""

    is_: str
    id: int
    maker: int
    lots: int
    px: int


Said = tuple[Event, ...]


class Book(NamedTuple):
    """Two queues, the order that trades first in front."""

    buy: tuple[Order, ...]
    sell: tuple[Order, ...]

    def side(self, side: str) -> tuple[Order, ...]:
        """One of its queues."""
        return self.buy if side == "buy" else self.sell

    def with_side(self, side: str, queue: tuple[Order, ...]) -> Book:
        """The same book with another queue."""
        return Book(queue, self.sell) if side == "buy" else Book(self.buy, queue)


class Books(NamedTuple):
    """A book for each symbol."""

    symbols: tuple[str, ...]
    books: tuple[Book, ...]

    def of(self, symbol: str) -> Book:
        """The book of a symbol."""
        return self.books[self.symbols.index(symbol)]

    def put(self, symbol: str, book: Book) -> Books:
        """The same with another book for a symbol."""
        at = self.symbols.index(symbol)
        return Books(self.symbols, (*self.books[:at], book, *self.books[at + 1 :]))

    def as_tla(self) -> TlaValue:
        """A function from symbols to books."""
        return Function({symbol: as_value(book) for symbol, book in zip(self.symbols, self.books, strict=True)})


class Place(NamedTuple):
    """Where an order of a list is."""

    symbol: str
    id: int


class Exchange(NamedTuple):
    """All of it."""

    book: Books
    halted: bool
    blocked: frozenset[int]
    mates: frozenset[frozenset[Place]]


class Leg(NamedTuple):
    """One order of a basket or list, and its book."""

    symbol: str
    order: Order


class Command(NamedTuple):
    """What a client asks for. Only what its kind needs is given."""

    do: str
    symbol: str = ""
    order: Order | None = None
    id: int = 0
    lots: int = 0
    px: int = 0
    legs: tuple[Leg, ...] = ()
    account: int = 0


class Outcome(NamedTuple):
    """The exchange after a command, and what was said."""

    x: Exchange
    said: Said


# ── what is said ──


def accepted(o: Order) -> Event:
    """`Accepted`."""
    return Event("accepted", o.id, 0, o.lots, o.px)


def rejected(id: int) -> Event:
    """`Rejected`."""
    return Event("rejected", id, 0, 0, 0)


def cancelled(o: Order) -> Event:
    """`Cancelled`."""
    return Event("cancelled", o.id, 0, o.lots, o.px)


# ── commands ──


def buy(id: int, account: int, lots: int, px: int) -> Order:
    """`Buy`."""
    return Order(id, account, "buy", px, lots, 0)


def sell(id: int, account: int, lots: int, px: int) -> Order:
    """`Sell`."""
    return Order(id, account, "sell", px, lots, 0)


def submit(symbol: str, order: Order) -> Command:
    """`Submit`."""
    return Command("submit", symbol, order)


def cancel(symbol: str, id: int) -> Command:
    """`Cancel`."""
    return Command("cancel", symbol, id=id)


def replace(symbol: str, id: int, lots: int, px: int) -> Command:
    """`Replace`."""
    return Command("replace", symbol, id=id, lots=lots, px=px)


def basket(*legs: Leg) -> Command:
    """`Basket`."""
    return Command("basket", legs=legs)


def names(command: Command) -> tuple[str, ...]:
    """`Names`: the books that a command names."""
    if command.do in ("submit", "cancel", "replace"):
        return (command.symbol,)
    return tuple(leg.symbol for leg in command.legs) if command.do in ("basket", "list") else ()


def concerns_all(command: Command) -> bool:
    """`ConcernsAll`."""
    return command.do in ("halt", "resume", "kill", "snapshot")


# ── one book ──

EMPTY_BOOK = Book((), ())


def opposite(side: str) -> str:
    """`Opposite`."""
    return "sell" if side == "buy" else "buy"


def crosses(o: Order, maker: Order) -> bool:
    """`Crosses`."""
    return maker.px <= o.px if o.side == "buy" else maker.px >= o.px


def rest(o: Order, queue: tuple[Order, ...]) -> tuple[Order, ...]:
    """`Rest`."""
    ahead = 0
    while ahead < len(queue) and (queue[ahead].px >= o.px if o.side == "buy" else queue[ahead].px <= o.px):
        ahead += 1
    return (*queue[:ahead], o, *queue[ahead:])


def filled(o: Order, n: int) -> Order:
    """`Filled`."""
    return o._replace(lots=o.lots - n, done=o.done + n)


def come(book: Book, o: Order, said: Said) -> tuple[Book, Said]:
    """`Come`, with the loop of `Match`: an order trades while prices cross, and what is left comes to rest."""
    makers = book.side(opposite(o.side))
    while o.lots and makers and crosses(o, makers[0]):
        n = min(o.lots, makers[0].lots)
        said = (*said, Event("trade", o.id, makers[0].id, n, makers[0].px))
        left = filled(makers[0], n)
        o, makers = filled(o, n), (left, *makers[1:]) if left.lots else makers[1:]
    book = book.with_side(opposite(o.side), makers)
    return book.with_side(o.side, rest(o, book.side(o.side))) if o.lots else book, said


def resting(book: Book) -> tuple[Order, ...]:
    """`Resting`."""
    return book.buy + book.sell


def find(book: Book, id: int) -> tuple[Order, ...]:
    """`Find`: the order alone, or nothing."""
    return tuple(o for o in resting(book) if o.id == id)


def without(book: Book, id: int) -> Book:
    """`Without`."""
    return Book(*(tuple(o for o in queue if o.id != id) for queue in book))


def reach(o: Order, queue: tuple[Order, ...]) -> int:
    """`Reach`."""
    total = 0
    for maker in queue:
        if not crosses(o, maker):
            break
        total += maker.lots
    return total


def replace_in(book: Book, o: Order, all_: int, px: int) -> tuple[Book, Said]:
    """`ReplaceIn`."""
    if all_ <= o.done:
        return without(book, o.id), (cancelled(o),)
    new = o._replace(lots=all_ - o.done, px=px)
    said = (Event("replaced", o.id, 0, all_, px),)
    if px == o.px and new.lots <= o.lots:
        return book.with_side(o.side, tuple(new if each.id == o.id else each for each in book.side(o.side))), said
    return come(without(book, o.id), new, said)


# ── the exchange ──


def opening(symbols: tuple[str, ...]) -> Exchange:
    """`Opening`."""
    return Exchange(Books(symbols, (EMPTY_BOOK,) * len(symbols)), False, frozenset(), frozenset())


def barred(x: Exchange, account: int) -> bool:
    """`Barred`."""
    return x.halted or account in x.blocked


def with_book(x: Exchange, symbol: str, book: Book) -> Exchange:
    """`[x EXCEPT !.book[symbol] = book]`."""
    return x._replace(book=x.book.put(symbol, book))


def touched(said: Said) -> frozenset[int]:
    """`Touched`."""
    makers = {each.maker for each in said if each.is_ == "trade"}
    return frozenset(makers | {each.id for each in said if each.is_ in ("trade", "cancelled")})


def follow(x: Exchange, said: Said) -> Outcome:
    """`Follow`, with the loop of `CancelMates`."""
    hit = touched(said)
    broken = frozenset(pair for pair in x.mates if any(place.id in hit for place in pair))
    x = x._replace(mates=x.mates - broken)
    for place in sorted({place for pair in broken for place in pair if place.id not in hit}, key=lambda p: p.id):
        for found in find(x.book.of(place.symbol), place.id):
            x = with_book(x, place.symbol, without(x.book.of(place.symbol), place.id))
            said = (*said, cancelled(found))
    return Outcome(x, said)


def do_submit(x: Exchange, symbol: str, o: Order) -> Outcome:
    """`DoSubmit`."""
    if barred(x, o.account):
        return Outcome(x, (rejected(o.id),))
    book, said = come(x.book.of(symbol), o, (accepted(o),))
    return follow(with_book(x, symbol, book), said)


def do_cancel(x: Exchange, symbol: str, id: int) -> Outcome:
    """`DoCancel`."""
    found = find(x.book.of(symbol), id)
    if not found:
        return Outcome(x, (rejected(id),))
    return follow(with_book(x, symbol, without(x.book.of(symbol), id)), (cancelled(found[0]),))


def do_replace(x: Exchange, symbol: str, id: int, lots: int, px: int) -> Outcome:
    """`DoReplace`."""
    found = find(x.book.of(symbol), id)
    if not found or barred(x, found[0].account):
        return Outcome(x, (rejected(id),))
    book, said = replace_in(x.book.of(symbol), found[0], lots, px)
    return follow(with_book(x, symbol, book), said)


def do_basket(x: Exchange, legs: tuple[Leg, ...]) -> Outcome:
    """`DoBasket`."""
    if barred(x, legs[0].order.account):
        return Outcome(x, (rejected(legs[0].order.id),))
    said: Said = tuple(accepted(leg.order) for leg in legs)
    if any(reach(o, x.book.of(symbol).side(opposite(o.side))) < o.lots for symbol, o in legs):
        return Outcome(x, said + tuple(cancelled(leg.order) for leg in legs))
    for symbol, o in legs:
        book, said = come(x.book.of(symbol), o, said)
        x = with_book(x, symbol, book)
    return follow(x, said)


def do_list(x: Exchange, legs: tuple[Leg, ...]) -> Outcome:
    """`DoList`."""
    if barred(x, legs[0].order.account):
        return Outcome(x, (rejected(legs[0].order.id),))
    for symbol, o in legs:
        x = with_book(x, symbol, come(x.book.of(symbol), o, ())[0])
    mates = frozenset(Place(symbol, o.id) for symbol, o in legs)
    return Outcome(x._replace(mates=x.mates | {mates}), tuple(accepted(leg.order) for leg in legs))


def take_out(x: Exchange, account: int, symbols: tuple[str, ...], said: Said) -> Outcome:
    """`TakeOut`."""
    for symbol in symbols:
        book = x.book.of(symbol)
        said += tuple(cancelled(o) for o in resting(book) if o.account == account)
        x = with_book(x, symbol, Book(*(tuple(o for o in queue if o.account != account) for queue in book)))
    return Outcome(x, said)


def shown(x: Exchange, symbols: tuple[str, ...]) -> Said:
    """`Shown`."""
    return tuple(Event("shown", o.id, 0, o.lots, o.px) for symbol in symbols for o in resting(x.book.of(symbol)))


@lru_cache(maxsize=KNOWN)
def do(x: Exchange, command: Command, listed: tuple[str, ...]) -> Outcome:
    """`Do`: the one way in.

    >>> x = do(opening(("A",)), submit("A", sell(1, 2, 3, 100)), ("A",)).x
    >>> [event.is_ for event in do(x, submit("A", buy(2, 1, 1, 100)), ("A",)).said]
    ['accepted', 'trade']
    """
    match command.do:
        case "submit" if command.order:
            return do_submit(x, command.symbol, command.order)
        case "cancel":
            return do_cancel(x, command.symbol, command.id)
        case "replace":
            return do_replace(x, command.symbol, command.id, command.lots, command.px)
        case "basket":
            return do_basket(x, command.legs)
        case "list":
            return do_list(x, command.legs)
        case "halt":
            return Outcome(x._replace(halted=True), (Event("halted", 0, 0, 0, 0),))
        case "resume":
            return Outcome(x._replace(halted=False), (Event("resumed", 0, 0, 0, 0),))
        case "kill":
            x = x._replace(blocked=x.blocked | {command.account})
            return take_out(x, command.account, listed, (Event("blocked", command.account, 0, 0, 0),))
        case "snapshot":
            return Outcome(x, (Event("snapshot", 0, 0, 0, 0), *shown(x, listed)))
        case _:
            raise ValueError(f"expected a command of the rule book, got {command}")


def do_all(x: Exchange, commands: Iterable[Command], listed: tuple[str, ...]) -> Outcome:
    """`DoAll`, from nothing said."""
    said: Said = ()
    for command in commands:
        x, more = do(x, command, listed)
        said += more
    return Outcome(x, said)


# ── what must hold of any exchange ──


@lru_cache(maxsize=KNOWN)
def well_formed(book: Book) -> bool:
    """`WellFormed`: not crossed, in order of price, and nothing in it without lots."""
    not_crossed = all(bid.px < offer.px for bid in book.buy for offer in book.sell)
    bids, offers = [o.px for o in book.buy], [o.px for o in book.sell]
    in_order = bids == sorted(bids, reverse=True) and offers == sorted(offers)
    return not_crossed and in_order and all(o.lots > 0 for o in resting(book))


def dealt(said: Said, id: int) -> int:
    """`Dealt`."""
    return sum(each.lots for each in said if each.is_ == "trade" and id in (each.id, each.maker))


def dropped(said: Said, id: int) -> int:
    """`Dropped`."""
    return sum(each.lots for each in said if each.is_ == "cancelled" and each.id == id)


def promised(said: Said, id: int) -> frozenset[int]:
    """`Promised`."""
    return frozenset(each.lots for each in said if each.id == id and each.is_ in ("accepted", "replaced"))


def open_lots(book: Book, id: int) -> int:
    """`OpenLots`."""
    return sum(o.lots for o in find(book, id)[:1])
