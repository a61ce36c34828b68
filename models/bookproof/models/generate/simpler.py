"""Candidates for a simpler case: one command, a few of them together, or the case as a whole.

Each generator gives the plainest candidates first. None of them knows what the case is to show.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise, permutations
from typing import Any

from bookproof.models.generate import command_parts as parts
from bookproof.models.generate.case import Case
from bookproof.models.generate.venues import USUAL_PRICE
from bookproof.spec.allocation_terms import Allocation
from bookproof.spec.commands import (
    AdvanceClock,
    Basket,
    BlockTrade,
    Bust,
    Command,
    Deposit,
    Disconnect,
    IndexLevel,
    KillSwitch,
    Liquidate,
    MassCancel,
    Reduce,
    Reinstate,
    Replace,
    Route,
    SetLimits,
    SetMark,
    SetPhase,
    SetReference,
    Spend,
    Submit,
    SubmitList,
    Withdraw,
)
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import DEFAULT, Profile
from bookproof.spec.values import DisplayRange, Limits, ListKind, Lots, Phase, Side, TimeInForce, defaults_of

Commands = tuple[Command, ...]

TURNED = 5
"""Up to so many commands are tried in every order."""

PLAIN_SYMBOLS = ("ABC", "DEF", "GHI", "XYZ")

# ── one command ──


def simpler_commands(command: Command, prices: list[int]) -> Iterator[Command]:
    """Commands simpler in one respect: without a term, with a smaller number, at a lower one of these prices.

    >>> [simpler.quantity for simpler in simpler_commands(Replace("ABC", 1, 8), [])]
    [1, 4, 7]
    """
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
    elif type(command) is IndexLevel:
        yield from _smaller(command, "value")
    elif type(command) is SetReference:
        yield from _cheaper(command, ("price",), prices)
    elif isinstance(command, MassCancel | KillSwitch | Reinstate | Disconnect):
        yield from _smaller(command, "account")
    elif type(command) is SetPhase and command.phase not in (Phase.CALL, Phase.CONTINUOUS):
        yield command._replace(phase=Phase.CALL)  # easier to follow than a day's round of phases
    elif type(command) is SubmitList:
        yield from _simpler_list(command, prices)
    elif type(command) is Deposit or type(command) is Withdraw:
        yield from _without(command, ("symbol",))
        for field in ("amount", "account"):
            yield from _smaller(command, field)
    elif type(command) is SetLimits:
        yield from (command._replace(limits=limits) for limits in _without(command.limits, tuple(defaults_of(Limits))))
        for field in ("position", "short", "open_orders", "notional"):
            yield from (command._replace(limits=limits) for limits in _smaller(command.limits, field, least=0))
        yield from _smaller(command, "account")
    elif type(command) is Reduce:
        plain = (command.symbol, command.order_id, command.account, command.side, command.quantity, command.price)
        yield Submit(*plain, command.time_in_force, display=command.display)
        yield from _without(command, ("time_in_force", "display"))
        for field in ("quantity", "account"):
            yield from _smaller(command, field)
        yield from _cheaper(command, ("price",), prices)
    elif type(command) is BlockTrade:
        for field in ("quantity", "buyer", "seller"):
            yield from _smaller(command, field)
        yield from _cheaper(command, ("price",), prices)
    elif type(command) is SetMark:
        yield from _cheaper(command, ("price",), prices)
    elif type(command) is Liquidate:
        yield MassCancel(command.account)
        for field in ("account", "order_id"):
            yield from _smaller(command, field)
    elif type(command) is Spend:
        yield from _without(command, ("self_trade",))
        for field in ("budget", "account"):
            yield from _smaller(command, field)
    elif type(command) is Bust:
        yield from _smaller(command, "trade")
    elif type(command) is Route:
        yield command.order
        yield from map(Route, _simpler_submit(command.order, prices))


def _simpler_submit(order: Submit, prices: list[int]) -> Iterator[Submit]:
    if order.expires is not None or order.time_in_force is not TimeInForce.GTC:
        yield order._replace(time_in_force=TimeInForce.GTC, expires=None)
    yield from _without(
        order,
        (
            "stop",
            "post_only",
            "min_quantity",
            "display",
            "expires",
            "self_trade",
            "time_in_force",
            "cancel_on_disconnect",
        ),
    )
    if order.price is None:
        yield from (order._replace(price=price) for price in prices)
    yield from _smaller(order, "quantity")
    if isinstance(order.display, DisplayRange):
        yield from (order._replace(display=simpler) for simpler in _simpler_range(order.display))
    for field, least in (("account", 1), ("min_quantity", 1), ("display", 0), ("expires", 0)):
        yield from _smaller(order, field, least)
    yield from _cheaper(order, ("price", "stop"), prices)


def _simpler_range(display: DisplayRange) -> Iterator[Lots | DisplayRange]:
    """One size, which is a plain iceberg's; fewer sizes, smaller ones, an earlier draw."""
    yield from dict.fromkeys((display.least, display.most))
    yield from _without(display, ("step",))
    for field, least in (("least", 1), ("most", display.least), ("step", 1), ("draw", 0)):
        yield from _smaller(display, field, least)


def _simpler_basket(basket: Basket, prices: list[int]) -> Iterator[Command]:
    legs = basket.legs
    if len(legs) == 1:
        leg = legs[0]
        yield Submit(leg.symbol, leg.order_id, basket.account, leg.side, leg.quantity, leg.price, TimeInForce.FOK)
    yield from (basket._replace(legs=(*legs[:at], *legs[at + 1 :])) for at in range(len(legs)))
    yield from _without(basket, ("self_trade",))
    yield from _smaller(basket, "account")
    for at, leg in enumerate(legs):
        for simpler in (*_smaller(leg, "quantity"), *_cheaper(leg, ("price",), prices)):
            yield basket._replace(legs=(*legs[:at], simpler, *legs[at + 1 :]))


def _simpler_list(command: SubmitList, prices: list[int]) -> Iterator[Command]:
    """One of its legs, fewer legs, a plainer kind, or a simpler leg; of one account all the same."""
    legs = command.legs
    yield from legs
    yield from (command._replace(legs=(*legs[:at], *legs[at + 1 :])) for at in range(len(legs)))
    if command.kind is ListKind.OTOCO:
        yield SubmitList(ListKind.OCO, legs[1:])
        yield SubmitList(ListKind.OTO, legs[:2])
    for account in _smaller(legs[0], "account") if legs else ():
        yield command._replace(legs=tuple(leg._replace(account=account.account) for leg in legs))
    for at, leg in enumerate(legs):
        for simpler in _simpler_submit(leg, prices):
            yield command._replace(legs=(*legs[:at], simpler, *legs[at + 1 :]))


def _without(command: Any, fields: tuple[str, ...]) -> Iterator[Any]:
    """Without a term: the field has its default."""
    defaults = defaults_of(type(command))
    for field in fields:
        default = defaults[field]
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


# ── a few commands together ──


def shorter_sequences(commands: Commands) -> Iterator[Commands]:
    """Sequences shorter by one or two, with a second change that makes up for it."""
    yield from _folded(commands)
    yield from _joined(commands)
    for left_out in combinations(range(len(commands)), 2):
        yield tuple(command for at, command in enumerate(commands) if at not in left_out)
    for gone in range(len(commands)):
        rest = commands[:gone] + commands[gone + 1 :]
        for at, command in enumerate(rest):
            for fewer in range(1, parts.quantity(command)):
                yield _with_quantities(rest, {at: fewer})
        if len(commands) <= TURNED:
            for turned in permutations(rest):
                yield turned
                yield _at_one_price(turned)


def smaller_sequences(commands: Commands) -> Iterator[Commands]:
    """Sequences in which several numbers are smaller by the same amount, because they have to match."""
    largest = max(map(parts.quantity, commands), default=0)
    yield from (_all_smaller(commands, less) for less in range(largest - 1, 0, -1))
    for pair in combinations(range(len(commands)), 2):
        most = min(parts.quantity(commands[at]) for at in pair) - 1
        for less in sorted({1, most}, reverse=True) if most > 0 else ():
            yield _with_quantities(commands, {at: parts.quantity(commands[at]) - less for at in pair})


def _folded(commands: Commands) -> Iterator[Commands]:
    """A replace is left out and its order entered with the new terms."""
    for at, command in enumerate(commands):
        if type(command) is Replace:
            for entered, order in enumerate(commands[:at]):
                if type(order) is Submit and order.order_id == command.order_id:
                    price = order.price if command.price is None else command.price
                    folded = order._replace(quantity=command.quantity, price=price)
                    yield (*commands[:entered], folded, *commands[entered + 1 : at], *commands[at + 1 :])


def _joined(commands: Commands) -> Iterator[Commands]:
    """Two orders become one: it has the quantity of both, and stands where the second stood."""
    for first, second in combinations(range(len(commands)), 2):
        order, other = commands[first], commands[second]
        if type(order) is Submit and type(other) is Submit and order.side is other.side:
            both = parts.quantity(order) + parts.quantity(other)
            rest = _with_quantities(commands, {second: both})
            yield rest[:first] + rest[first + 1 :]


def _all_smaller(commands: Commands, less: int) -> Commands:
    def reduced(command: Any) -> Any:
        fields = [field for field in ("quantity", "display", "min_quantity") if hasattr(command, field)]
        numbers = {field: getattr(command, field) for field in fields}
        return command._replace(
            **{field: number - less for field, number in numbers.items() if type(number) is int and number > less}
        )

    return tuple(map(reduced, commands))


def _with_quantities(commands: Commands, quantities: dict[int, int]) -> Commands:
    made: list[Any] = list(commands)
    for at, number in quantities.items():
        made[at] = made[at]._replace(quantity=number)
    return tuple(made)


def _at_one_price(commands: Commands) -> Commands:
    return tuple(parts.with_prices(command, dict.fromkeys(parts.prices(commands), USUAL_PRICE)) for command in commands)


# ── the case as a whole ──


def fewer_books(case: Case) -> Iterator[Case]:
    """Without the books that no command names; without a book; with one book's commands sent to another."""
    named = {symbol for command in case.commands for symbol in parts.symbols(command)}
    spoken_to = tuple(instrument for instrument in case.instruments if instrument.symbol in named)
    yield case._replace(instruments=spoken_to or case.instruments[:1])
    for instrument in case.instruments if len(case.instruments) > 1 else ():
        rest = tuple(other for other in case.instruments if other is not instrument)
        yield case._replace(instruments=rest)
        for other in rest:
            moved = {instrument.symbol: other.symbol}
            yield Case(rest, tuple(parts.with_symbols(command, moved) for command in case.commands), case.profile)


def plainer_books(case: Case) -> Iterator[Case]:
    """Without limits: all books at once, then one by one, then limit by limit."""
    plain = tuple(Instrument(instrument.symbol) for instrument in case.instruments)
    yield case._replace(instruments=plain)
    for at, instrument in enumerate(case.instruments):
        for simpler in (plain[at], *_without(instrument, tuple(defaults_of(Instrument)))):
            yield case._replace(instruments=(*case.instruments[:at], simpler, *case.instruments[at + 1 :]))


def plainer_profiles(case: Case) -> Iterator[Case]:
    """The rule book's defaults: all at once, then choice by choice, then those of the allocation."""
    yield case._replace(profile=DEFAULT)
    for field, default in defaults_of(Profile).items():
        if field != "name" and getattr(case.profile, field) != default:
            yield case._replace(profile=case.profile._replace(name="variant", **{field: default}))
    for simpler in _without(case.profile.allocation, tuple(defaults_of(Allocation))):
        yield case._replace(profile=case.profile._replace(name="variant", allocation=simpler))


def renumbered(case: Case) -> Iterator[Case]:
    """Ids and accounts 1, 2, 3 as they appear; prices 100, 101, 102 by size; a seller first; the usual symbols."""
    ids = {number: 0 for command in case.commands for number in parts.ids(command)}
    ids = {number: place for place, number in enumerate(ids, start=1)}
    yield case._replace(commands=tuple(parts.with_ids(command, ids) for command in case.commands))
    accounts = dict.fromkeys(number for command in case.commands for number in parts.accounts(command))
    owners = {number: place for place, number in enumerate(accounts, start=1)}
    yield case._replace(commands=tuple(parts.with_accounts(command, owners) for command in case.commands))
    prices = parts.prices(case.commands)
    yield _priced(case, {price: USUAL_PRICE + place for place, price in enumerate(prices)})
    yield from (_priced(case, {price: lower}) for lower, price in pairwise(prices))
    if [side for command in case.commands for side in parts.sides(command)][:1] == [Side.BUY]:
        turned = case._replace(commands=tuple(map(parts.mirrored, case.commands)))
        yield _priced(turned, dict(zip(prices, reversed(prices), strict=True)))
    names = {instrument.symbol: plain for instrument, plain in zip(case.instruments, PLAIN_SYMBOLS, strict=False)}
    yield case._replace(
        instruments=tuple(
            i._replace(
                symbol=names.get(i.symbol, i.symbol),
                underlying=names.get(i.underlying or "", i.underlying),
                legs=tuple(names.get(leg, leg) for leg in i.legs),
            )
            for i in case.instruments
        ),
        commands=tuple(parts.with_symbols(command, names) for command in case.commands),
    )


def _priced(case: Case, levels: dict[int, int]) -> Case:
    return case._replace(commands=tuple(parts.with_prices(command, levels) for command in case.commands))
