"""`tla/RuleBook.tla` in Python, but for accounts: what one command does to the books.

Operators have the names that they have there, and rule numbers are there too: this says what the module says, and
nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from bookproof.models.twins.parts import Map
from bookproof.models.twins.records import (
    Book,
    Command,
    Event,
    Exchange,
    Leg,
    Order,
    Outcome,
    Place,
    Said,
    accepted,
    cancelled,
    rejected,
)

KNOWN = 200_000
"""Answers that are kept: the same command meets the same exchange again and again."""

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
    return Exchange(Map(symbols, (EMPTY_BOOK,) * len(symbols)), False, frozenset(), frozenset(), (), Map((), ()))


def barred(x: Exchange, account: int) -> bool:
    """`Barred`."""
    return x.halted or account in x.blocked


def with_book(x: Exchange, symbol: str, book: Book) -> Exchange:
    """`[x EXCEPT !.book[symbol] = book]`."""
    return x._replace(book=x.book.put(symbol, book))


def in_list(x: Exchange, id: int) -> bool:
    """`InList`."""
    return any(place.id == id for mates in x.mates for place in mates)


def cancel_mates(x: Exchange, places: Iterable[Place], held: tuple[Order, ...], said: Said) -> Outcome:
    """`CancelMates`: in the order of their ids."""
    for symbol, id in sorted(places, key=lambda place: place.id):
        found = find(x.book.of(symbol), id) + tuple(o for o in held if o.id == id)
        if found:
            x = with_book(x, symbol, without(x.book.of(symbol), id))
            said = (*said, cancelled(found[0]))
    return Outcome(x, said)


def concerned(said: Said) -> Iterator[int]:
    """`Concerned`: the maker before the taker."""
    for event in said:
        if event.is_ == "trade":
            yield event.maker
        if event.is_ in ("trade", "cancelled"):
            yield event.id


def follow(x: Exchange, held: tuple[Order, ...], said: Said) -> Outcome:
    """`Follow`, with the loop of `Part`: whoever has traded or gone ends its list, and the others of it go."""
    for id in concerned(said):
        ended = frozenset(mates for mates in x.mates if any(place.id == id for place in mates))
        others = {place for mates in ended for place in mates if place.id != id}
        x, said = cancel_mates(x._replace(mates=x.mates - ended), others, held, said)
    return Outcome(x, said)


def do_submit(x: Exchange, symbol: str, o: Order) -> Outcome:
    """`DoSubmit`."""
    if barred(x, o.account):
        return Outcome(x, (rejected(o.id),))
    book, said = come(x.book.of(symbol), o, (accepted(o),))
    return follow(with_book(x, symbol, book), (), said)


def do_cancel(x: Exchange, symbol: str, id: int) -> Outcome:
    """`DoCancel`."""
    found = find(x.book.of(symbol), id)
    if not found:
        return Outcome(x, (rejected(id),))
    return follow(with_book(x, symbol, without(x.book.of(symbol), id)), (), (cancelled(found[0]),))


def do_replace(x: Exchange, symbol: str, id: int, lots: int, px: int) -> Outcome:
    """`DoReplace`."""
    found = find(x.book.of(symbol), id)
    if not found or barred(x, found[0].account) or in_list(x, id):
        return Outcome(x, (rejected(id),))
    book, said = replace_in(x.book.of(symbol), found[0], lots, px)
    return follow(with_book(x, symbol, book), (), said)


def trade_legs(x: Exchange, legs: tuple[Leg, ...], said: Said) -> tuple[Exchange, Said, bool]:
    """`TradeLegs`: the last is whether all of them traded whole."""
    for symbol, o in legs:
        if reach(o, x.book.of(symbol).side(opposite(o.side))) < o.lots:
            return x, said, False
        book, traded = come(x.book.of(symbol), o, ())
        x, more = follow(with_book(x, symbol, book), (), traded)
        said += more
    return x, said, True


def do_basket(x: Exchange, legs: tuple[Leg, ...]) -> Outcome:
    """`DoBasket`."""
    if barred(x, legs[0].order.account):
        return Outcome(x, (rejected(legs[0].order.id),))
    taken = tuple(accepted(leg.order) for leg in legs)
    after, said, whole = trade_legs(x, legs, taken)
    return Outcome(after, said) if whole else Outcome(x, taken + tuple(cancelled(leg.order) for leg in legs))


def do_list(x: Exchange, legs: tuple[Leg, ...]) -> Outcome:
    """`DoList`, with the loop of `EnterLegs`: one leg after the other, unless one before it has traded."""
    if barred(x, legs[0].order.account):
        return Outcome(x, (rejected(legs[0].order.id),))
    x = x._replace(mates=x.mates | {frozenset(Place(symbol, o.id) for symbol, o in legs)})
    said: Said = ()
    for at, (symbol, o) in enumerate(legs):
        book, entered = come(x.book.of(symbol), o, (accepted(o),))
        held = tuple(leg.order for leg in legs[at + 1 :])
        x, more = follow(with_book(x, symbol, book), held, entered)
        said += more
        if not in_list(x, o.id):
            break
    return Outcome(x, said)


def take_out(x: Exchange, account: int, symbols: tuple[str, ...], said: Said) -> Outcome:
    """`TakeOut`."""
    for symbol in symbols:
        book = x.book.of(symbol)
        said += tuple(cancelled(o) for o in resting(book) if o.account == account)
        x = with_book(x, symbol, Book(*(tuple(o for o in queue if o.account != account) for queue in book)))
    return Outcome(x, said)


def do_kill(x: Exchange, account: int, listed: tuple[str, ...]) -> Outcome:
    """`DoKill`."""
    if account in x.blocked:
        return Outcome(x, (rejected(0),))
    after, said = take_out(x._replace(blocked=x.blocked | {account}), account, listed, ())
    return follow(after, (), (Event("blocked", account, 0, len(said), 0), *said))


def do_halt(x: Exchange, halted: bool) -> Outcome:
    """`DoHalt` and `DoResume`."""
    if x.halted == halted:
        return Outcome(x, (rejected(0),))
    return Outcome(x._replace(halted=halted), (Event("halted" if halted else "resumed", 0, 0, 0, 0),))


def shown(x: Exchange, symbols: tuple[str, ...]) -> Said:
    """`Shown`."""
    return tuple(Event("shown", o.id, 0, o.lots, o.px) for symbol in symbols for o in resting(x.book.of(symbol)))


@lru_cache(maxsize=KNOWN)
def at_the_books(x: Exchange, command: Command, listed: tuple[str, ...]) -> Outcome:
    """`AtTheBooks`: what a command does to the books, whatever accounts say to it.

    >>> from bookproof.models.twins.records import buy, sell, submit
    >>> x = at_the_books(opening(("A",)), submit("A", sell(1, 2, 3, 100)), ("A",)).x
    >>> [event.is_ for event in at_the_books(x, submit("A", buy(2, 1, 1, 100)), ("A",)).said]
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
        case "halt" | "resume":
            return do_halt(x, command.do == "halt")
        case "kill":
            return do_kill(x, command.account, listed)
        case "snapshot":
            return Outcome(x, (Event("snapshot", 0, 0, 0, 0), *shown(x, listed)))
        case _:
            raise ValueError(f"expected a command of the rule book, got {command}")


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
