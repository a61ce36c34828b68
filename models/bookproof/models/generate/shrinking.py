"""Delta debugging: from a case that shows something to the simplest one that still does.

First fewer commands (Zeller and Hildebrandt, TSE 2002), then plainer commands, smaller numbers, fewer books and a
plainer venue, round and round until nothing helps. Every candidate is a whole case, so the judge needs to know nothing
of all this; the result does not depend on the speed of the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations, pairwise
from typing import Any, TypeAlias

from bookproof.models.generate.case import Case
from bookproof.models.generate.venues import USUAL_PRICE
from bookproof.spec.commands import AdvanceClock, Basket, Command, Leg, Replace, Submit
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import DEFAULT
from bookproof.spec.values import Lots, Side, TimeInForce

Shows: TypeAlias = Callable[[Case], bool]
"""Whether a case still shows what the first one did."""

FEW = 8
"""With so few commands, any two of them are left out together: a halt and its resume, an order and its cancel."""

PLAIN_SYMBOLS = ("ABC", "DEF", "GHI", "XYZ")


def shrink_case(case: Case, shows: Shows, attempts: int = 10_000) -> Case:
    """The simplest case found within so many tries. `case` itself must show it; nothing is asked about it.

    >>> from bookproof.models.generate.features import PLAIN
    >>> from bookproof.models.generate.soak import soak_case
    >>> def has_a_large_order(case: Case) -> bool:
    ...     return any(type(command) is Submit and command.quantity > 3 for command in case.commands)
    >>> [command] = shrink_case(soak_case(1, 1, PLAIN), has_a_large_order).commands
    >>> command.quantity, command.price, command.account, command.order_id
    (4, 100, 1, 1)
    """
    return _Shrinker(case, shows, attempts).shrink()


class _Shrinker:
    """The best case so far, and how many tries are left."""

    def __init__(self, case: Case, shows: Shows, attempts: int) -> None:
        self.case = case
        self.shows = shows
        self.attempts = attempts
        self.seen: set[Case] = {case}

    def shrink(self) -> Case:
        before = None
        while before != self.case:
            before = self.case
            self._fewer_commands()
            self._plainer_books()
            self._plainer_commands()
            if len(self.case.commands) <= FEW:
                self._fewer_and_smaller()
        return self.case

    def _try(self, candidate: Case) -> bool:
        """Keep a candidate if it still shows it. Nothing is tried twice."""
        if self.attempts <= 0 or candidate in self.seen:
            return False
        self.seen.add(candidate)
        self.attempts -= 1
        if not self.shows(candidate):
            return False
        self.case = candidate
        return True

    def _fewer_commands(self) -> None:
        """Leave out runs of commands, long ones first, from the end, where little depends on them."""
        length = max(1, len(self.case.commands) // 2)
        while True:
            removed = False
            end = len(self.case.commands)
            while end > 0:
                commands = self.case.commands
                start = max(0, end - length)
                if self._try(self.case._replace(commands=commands[:start] + commands[end:])):
                    removed = True
                end = start
            if length == 1 and not removed:
                break
            if not removed or length > len(self.case.commands):
                length = max(1, length // 2)
        if len(self.case.commands) <= FEW:
            for left_out in combinations(range(len(self.case.commands)), 2):
                rest = tuple(command for at, command in enumerate(self.case.commands) if at not in left_out)
                if len(rest) < len(self.case.commands) - 1 and self._try(self.case._replace(commands=rest)):
                    break  # the round that follows goes on from here

    def _plainer_commands(self) -> None:
        """Command by command: another that is simpler in one respect, as often as one helps."""
        for at in range(len(self.case.commands)):
            helped = True
            while helped:
                prices = sorted(_prices(self.case.commands))
                helped = any(self._try(self._with(at, simpler)) for simpler in _simpler(self.case.commands[at], prices))

    def _fewer_and_smaller(self) -> None:
        """Two changes at once, where neither helps alone: a maker goes and its taker takes less; both get smaller."""
        helped = True
        while helped:
            commands = self.case.commands
            helped = any(self._try(self.case._replace(commands=fewer)) for fewer in _without_one_and_smaller(commands))
            helped = helped or any(self._try(self.case._replace(commands=both)) for both in _both_smaller(commands))

    def _with(self, at: int, command: Command) -> Case:
        commands = self.case.commands
        return self.case._replace(commands=(*commands[:at], command, *commands[at + 1 :]))

    def _plainer_books(self) -> None:
        """The case as a whole: fewer books, without limits, a plain venue; small ids, prices and times."""
        for simplify in (_one_book_less, _plain_instruments, _plain_profile, _renumbered):
            helped = True
            while helped:
                helped = any(self._try(candidate) for candidate in simplify(self.case))


# ── simpler commands ──


def _simpler(command: Command, prices: list[int]) -> Iterator[Command]:
    """Commands that are simpler than this one in one respect, the plainest first."""
    if type(command) is Submit:
        yield from _simpler_submit(command, prices)
    elif type(command) is Replace:
        yield from _without(command, ("stop", "price"))
        yield from _smaller(command, "quantity")
        yield from _cheaper(command, ("price", "stop"), prices)
    elif type(command) is Basket:
        yield from _simpler_basket(command, prices)
    elif type(command) is AdvanceClock:
        yield from _smaller(command, "now", least=0)
    elif "account" in command._fields:
        yield from _smaller(command, "account")


def _simpler_submit(order: Submit, prices: list[int]) -> Iterator[Submit]:
    if order.expires is not None or order.time_in_force is not TimeInForce.GTC:
        yield order._replace(time_in_force=TimeInForce.GTC, expires=None)
    yield from _without(
        order, ("stop", "post_only", "min_quantity", "display", "expires", "self_trade", "time_in_force")
    )
    if order.price is None:
        yield from (order._replace(price=price) for price in prices)
    yield from _smaller(order, "quantity")
    for field, least in (("account", 1), ("min_quantity", 1), ("display", 0), ("expires", 0)):
        yield from _smaller(order, field, least)
    yield from _cheaper(order, ("price", "stop"), prices)


def _simpler_basket(basket: Basket, prices: list[int]) -> Iterator[Command]:
    legs = basket.legs
    if len(legs) == 1:
        symbol, order_id, side, quantity, price = legs[0]
        yield Submit(symbol, order_id, basket.account, side, quantity, price, TimeInForce.FOK)
    yield from (basket._replace(legs=(*legs[:at], *legs[at + 1 :])) for at in range(len(legs)))
    yield from _without(basket, ("self_trade",))
    yield from _smaller(basket, "account")
    for at, leg in enumerate(legs):
        for simpler in (*_smaller(leg, "quantity"), *_cheaper(leg, ("price",), prices)):
            yield basket._replace(legs=(*legs[:at], simpler, *legs[at + 1 :]))


def _without(command: Any, fields: tuple[str, ...]) -> Iterator[Any]:
    """Without a term: the field has its default."""
    for field in fields:
        default = command._field_defaults[field]
        if getattr(command, field) is not default:
            yield command._replace(**{field: default})


def _smaller(command: Any, field: str, least: int = 1) -> Iterator[Any]:
    """The least number, half of it, one less. What is no number stays as it is: it may be the point."""
    number = getattr(command, field)
    if type(number) is int and number > least:
        for smaller in dict.fromkeys((least, (least + number) // 2, number - 1)):
            yield command._replace(**{field: smaller})


def _cheaper(command: Any, fields: tuple[str, ...], prices: list[int]) -> Iterator[Any]:
    """A lower price, of those that the case has already: fewer different ones are easier to follow."""
    for field in fields:
        price = getattr(command, field)
        if type(price) is int:
            yield from (command._replace(**{field: lower}) for lower in prices if lower < price)


def _without_one_and_smaller(commands: tuple[Command, ...]) -> Iterator[tuple[Command, ...]]:
    """One command left out, and the quantity of another reduced."""
    for gone in range(len(commands)):
        rest = (*commands[:gone], *commands[gone + 1 :])
        for at, command in enumerate(rest):
            for quantity in range(1, _quantity(command)):
                yield _with_quantities(rest, {at: quantity})


def _both_smaller(commands: tuple[Command, ...]) -> Iterator[tuple[Command, ...]]:
    """Two quantities reduced by the same number of lots."""
    for pair in combinations(range(len(commands)), 2):
        most = min(_quantity(commands[at]) for at in pair) - 1
        for less in sorted({1, most}, reverse=True) if most > 0 else ():
            yield _with_quantities(commands, {at: _quantity(commands[at]) - less for at in pair})


def _with_quantities(commands: tuple[Command, ...], quantities: dict[int, Lots]) -> tuple[Command, ...]:
    changed: list[Any] = list(commands)
    for at, quantity in quantities.items():
        changed[at] = changed[at]._replace(quantity=quantity)
    return tuple(changed)


def _quantity(command: Any) -> Lots:
    """0 for what has no quantity, or none that is a number worth counting down from."""
    quantity = getattr(command, "quantity", 0)
    return quantity if type(quantity) is int and 0 < quantity < 1000 else 0


# ── simpler cases ──


def _one_book_less(case: Case) -> Iterator[Case]:
    """Without a book that no command names; or with one book's commands sent to another."""
    named = {symbol for command in case.commands for symbol in _symbols(command)}
    silent = tuple(instrument for instrument in case.instruments if instrument.symbol not in named)
    if silent and len(silent) < len(case.instruments):
        yield case._replace(instruments=tuple(i for i in case.instruments if i not in silent))
    for instrument in case.instruments:
        if len(case.instruments) > 1:
            rest = tuple(other for other in case.instruments if other is not instrument)
            yield case._replace(instruments=rest)
            for other in rest:
                moved = {instrument.symbol: other.symbol}
                yield Case(rest, tuple(_renamed(command, moved) for command in case.commands), case.profile)


def _plain_instruments(case: Case) -> Iterator[Case]:
    """Without limits, all at once, one by one, and limit by limit."""
    plain = tuple(Instrument(instrument.symbol) for instrument in case.instruments)
    if plain != case.instruments:
        yield case._replace(instruments=plain)
    for at, instrument in enumerate(case.instruments):
        for simpler in (plain[at], *_without(instrument, tuple(Instrument._field_defaults))):
            if simpler != instrument:
                yield case._replace(instruments=(*case.instruments[:at], simpler, *case.instruments[at + 1 :]))


def _plain_profile(case: Case) -> Iterator[Case]:
    """The rule book's defaults, all at once, then choice by choice."""
    if case.profile != DEFAULT:
        yield case._replace(profile=DEFAULT)
        for field, default in DEFAULT._asdict().items():
            if field != "name" and getattr(case.profile, field) != default:
                yield case._replace(profile=case.profile._replace(**{field: default}))


def _renumbered(case: Case) -> Iterator[Case]:
    """Ids 1, 2, 3 in order of appearance; prices 100, 101, 102 in order of size; a seller first; the usual symbols."""
    ids: dict[int, int] = {}
    for command in case.commands:
        for order_id in _ids(command):
            if type(order_id) is int and 0 < order_id < 10**6:
                ids.setdefault(order_id, len(ids) + 1)
    yield case._replace(commands=tuple(_with_ids(command, ids) for command in case.commands))
    prices = sorted(_prices(case.commands))
    yield _priced(case, {price: USUAL_PRICE + place for place, price in enumerate(prices)})
    for lower, price in pairwise(prices):
        yield _priced(case, {price: lower})
    if next((side for command in case.commands for side in _sides(command)), Side.SELL) is Side.BUY:
        mirrored = case._replace(commands=tuple(_mirrored(command) for command in case.commands))
        yield _priced(mirrored, dict(zip(prices, reversed(prices), strict=True)))
    names = {instrument.symbol: plain for instrument, plain in zip(case.instruments, PLAIN_SYMBOLS, strict=False)}
    yield case._replace(
        instruments=tuple(i._replace(symbol=names.get(i.symbol, i.symbol)) for i in case.instruments),
        commands=tuple(_renamed(command, names) for command in case.commands),
    )


# ── the parts of a command ──


def _leaves(command: Command) -> tuple[Any, ...]:
    """A command, or the legs of a basket: what has a symbol, an id and prices."""
    return command.legs if type(command) is Basket else (command,)


def _changed(command: Command, change: Callable[[Any], Any]) -> Command:
    if type(command) is Basket:
        legs: tuple[Leg, ...] = tuple(map(change, command.legs))
        return command._replace(legs=legs)
    changed: Command = change(command)
    return changed


def _get(part: Any, field: str) -> Any:
    return getattr(part, field, None)


def _symbols(command: Command) -> list[str]:
    return [symbol for part in _leaves(command) if (symbol := _get(part, "symbol")) is not None]


def _ids(command: Command) -> list[Any]:
    return [order_id for part in _leaves(command) if (order_id := _get(part, "order_id")) is not None]


def _sides(command: Command) -> list[Side]:
    return [side for part in _leaves(command) if (side := _get(part, "side")) is not None]


def _prices(commands: tuple[Command, ...]) -> set[int]:
    return {
        price
        for command in commands
        for part in _leaves(command)
        for price in (_get(part, "price"), _get(part, "stop"))
        if type(price) is int and abs(price) < 10**6
    }


def _renamed(command: Command, names: dict[str, str]) -> Command:
    def change(part: Any) -> Any:
        symbol = _get(part, "symbol")
        return part._replace(symbol=names[symbol]) if symbol in names else part

    return _changed(command, change)


def _mirrored(command: Command) -> Command:
    return _changed(command, lambda part: part._replace(side=part.side.opposite) if _get(part, "side") else part)


def _with_ids(command: Command, ids: dict[int, int]) -> Command:
    def change(part: Any) -> Any:
        order_id = _get(part, "order_id")
        return part._replace(order_id=ids[order_id]) if type(order_id) is int and order_id in ids else part

    return _changed(command, change)


def _priced(case: Case, prices: dict[int, int]) -> Case:
    return case._replace(commands=tuple(_with_prices(command, prices) for command in case.commands))


def _with_prices(command: Command, prices: dict[int, int]) -> Command:
    def change(part: Any) -> Any:
        for field in ("price", "stop"):
            price = _get(part, field)
            if type(price) is int and price in prices:
                part = part._replace(**{field: prices[price]})
        return part

    return _changed(command, change)
