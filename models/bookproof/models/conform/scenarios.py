"""Random sequences cut to what an engine declares: from the generator of `bookproof verify`, with its features.

What an engine lacks is never asked of it. A feature that it does not have at all is not covered; of one that it has in
part, what is left is asked.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple, TypeVar

from bookproof.models.conform.capabilities import Capabilities
from bookproof.models.generate.case import Case
from bookproof.models.generate.features import PLAIN, Feature, Features, alone
from bookproof.models.generate.funds import opening_deposits, profile_for
from bookproof.models.generate.packed import BITS, decode, plan_for
from bookproof.models.generate.soak import LONGEST, SHORTEST, soak_case
from bookproof.models.generate.venues import books, closed, fitting
from bookproof.spec.codec import encode
from bookproof.spec.commands import (
    AdvanceClock,
    Basket,
    BlockTrade,
    Bust,
    Cancel,
    Command,
    Deposit,
    Disconnect,
    EndOfDay,
    Halt,
    IndexLevel,
    KillSwitch,
    Liquidate,
    MassCancel,
    Reduce,
    Reinstate,
    Replace,
    Resume,
    Route,
    SetLimits,
    SetMark,
    SetPhase,
    SetReference,
    Spend,
    Submit,
    SubmitList,
    TakeSnapshot,
    Withdraw,
)
from bookproof.spec.input_error import InputError
from bookproof.spec.profile import DEFAULT, Profile
from bookproof.spec.values import DisplayRange, Lots, OrderId, SelfTradePrevention, Symbol, Ticks, TimeInForce

TOGETHER = "all together"
"""What the run of everything that an engine has is called."""

MANY_BOOKS = 4
"""From so many books on, every second scenario is in several of them."""

_ACROSS: Features = frozenset(
    {Feature.BASKETS, Feature.LISTS, Feature.ROUTING, Feature.SPREADS, Feature.MARGIN, Feature.BREAKER, Feature.BANDS}
)
"""What is pointless in a single book."""


class ReplaceSends(StrEnum):
    """What an engine takes as the quantity of a replace."""

    QUANTITY = "quantity"
    """The new quantity (what it is of is for the profile to say, F4)."""
    DELTA = "delta"
    """How much more than before, below zero for less."""
    LESS = "less"
    """How much less."""


class TradePrice(StrEnum):
    """At whose price it trades."""

    MAKER = "maker"
    """The rule book's (B4)."""
    SELLER = "seller"
    """Always at the seller's, where that names one."""


class Conventions(NamedTuple):
    """Habits of an engine that no profile knows, and that change nothing but how things are said."""

    replace_sends: ReplaceSends = ReplaceSends.QUANTITY
    trade_price: TradePrice = TradePrice.MAKER


USUAL = Conventions()


class Scenario(NamedTuple):
    """One sequence, and how the engine is looked at meanwhile."""

    case: Case
    late: bool = False
    """The views are read once, after the last command; otherwise after every one."""
    frozen: bool = False
    """The clock stands still; otherwise every command has a later time."""
    conventions: Conventions = USUAL


# ── which features an engine has ──

_BY_ORDERS: Mapping[Feature, tuple[str, ...]] = {
    Feature.LIMIT: ("limit",),
    Feature.MARKET: ("market",),
    Feature.IOC: ("ioc",),
    Feature.FOK: ("fok",),
    Feature.POST_ONLY: ("post-only",),
    Feature.MIN_QUANTITY: ("min-quantity",),
    Feature.ICEBERG: ("iceberg",),
    Feature.HIDDEN: ("hidden",),
    Feature.STOPS: ("stop", "stop-limit"),
    Feature.CLOCK: ("day", "gtd"),
    Feature.DISPLAY_RANGES: ("display-range",),
}
_SAID_OTHERWISE: Mapping[Feature, str] = {
    Feature.SPREADS: "no words for what spreads imply in this interface",
    Feature.SNAPSHOT: "every view is compared in every run",
}


def lacks(feature: Feature, capabilities: Capabilities) -> str:
    """Why a feature is not covered for this engine; empty when it is.

    >>> lacks(Feature.ICEBERG, Capabilities("mine")), lacks(Feature.LIMIT, Capabilities("mine"))
    ('it has no such orders', '')
    """
    if feature in _SAID_OTHERWISE:
        return _SAID_OTHERWISE[feature]
    if feature is Feature.SELF_TRADE:
        return "" if capabilities.self_trade - {"none"} else "it prevents no self-trades"
    if feature in _ACROSS and capabilities.books < MANY_BOOKS:
        return f"it has fewer than {MANY_BOOKS} books at once"
    if feature in _BY_ORDERS:
        words = _BY_ORDERS[feature]
        if not capabilities.orders & set(words):
            return "it has no such orders"
        if feature is Feature.CLOCK and "clock" not in capabilities.commands:
            return "it takes no time of the day from outside"
        return ""
    return "" if feature.value in capabilities.commands else "it does not declare that it has it"


def covered(capabilities: Capabilities) -> dict[str, Features]:
    """The runs for an engine by name: one feature at a time, then all of them together.

    >>> list(covered(Capabilities("mine", orders=frozenset({"limit", "ioc"}))))
    ['limit', 'ioc', 'all together']
    """
    having = [feature for feature in Feature if not lacks(feature, capabilities)]
    runs = {feature.value: alone(feature) for feature in having}
    return runs | ({TOGETHER: PLAIN | frozenset(having)} if len(having) > 1 else {})


# ── the sequences ──


def scenario(seed: int, run: str, number: int, capabilities: Capabilities, profile: Profile = DEFAULT) -> Scenario:
    """Scenario `number` of a run: the same arguments give the same in every run and on every Python.

    >>> first = scenario(1, "limit", 0, Capabilities("mine"))
    >>> first == scenario(1, "limit", 0, Capabilities("mine")), 15 < len(first.case.commands) <= 60
    (True, True)
    """
    features = covered(capabilities).get(run)
    if features is None:
        known = ", ".join(covered(capabilities))
        raise InputError("options", 0, "--feature", f"one that this engine has: {known}", repr(run))
    key = f"{seed} {run}"
    if capabilities.books >= MANY_BOOKS and (number % 2 or features & _ACROSS):
        case = soak_case(random.Random(key).getrandbits(32), number, features, profile)
    else:
        case = _in_one_book(f"bookproof {key} {number}", features, profile)
    return Scenario(fitted(case, capabilities, features), late=number % 4 == 3, frozen=number // 4 % 2 == 1)


def _in_one_book(key: str, features: Features, profile: Profile) -> Case:
    dice = random.Random(key)
    profile = profile_for(features, profile)
    features = fitting(features, profile) - {Feature.SPREADS, Feature.ROUTING}
    instruments = closed(books(features)[:1])
    codes = [dice.getrandbits(BITS) for _ in range(dice.randint(SHORTEST, LONGEST))]
    commands = decode(codes, plan_for(features, instruments))
    return Case(instruments, opening_deposits(instruments, profile) + commands, profile)


# ── cut to what an engine has ──

_KINDS: Mapping[type, str] = {
    Cancel: "cancel",
    Replace: "replace",
    MassCancel: "mass-cancel",
    Halt: "halts",
    Resume: "halts",
    AdvanceClock: "clock",
    EndOfDay: "clock",
    SetPhase: "auctions",
    SubmitList: "lists",
    Basket: "baskets",
    Deposit: "accounts",
    Withdraw: "accounts",
    SetLimits: "accounts",
    Reduce: "accounts",
    Bust: "accounts",
    BlockTrade: "accounts",
    SetMark: "margin",
    Liquidate: "margin",
    Route: "routing",
    SetReference: "bands",
    IndexLevel: "breaker",
    KillSwitch: "kill-switch",
    Reinstate: "kill-switch",
    Disconnect: "kill-switch",
}
"""The capability that each kind of command belongs to."""

_ALSO: Mapping[str, str] = {"halts": "breaker"}


def fitted(case: Case, capabilities: Capabilities, features: Features = frozenset({Feature.SELF_TRADE})) -> Case:
    """The case with what this engine has, and nothing else. What has been fitted stays as it is.

    >>> case = Case(books(PLAIN)[:1], (MassCancel(1), Cancel("ABC", 1)))
    >>> fitted(case, Capabilities("mine")).commands
    (Cancel(symbol='ABC', order_id=1),)
    """
    fitting_terms = _Fitting(capabilities, Feature.SELF_TRADE in features)
    commands = tuple(fitting_terms.commands(case.commands))
    return case._replace(commands=commands)


_Order = TypeVar("_Order", Submit, Spend)


class _Fitting:
    """What is known of the orders so far: their terms as last asked for."""

    def __init__(self, capabilities: Capabilities, accounts_meet: bool) -> None:
        self._has = capabilities
        self._modes = sorted(capabilities.self_trade)
        self._accounts_meet = accounts_meet or "none" in capabilities.self_trade
        self._terms: dict[tuple[Symbol, OrderId], tuple[Lots, Ticks | None]] = {}

    def commands(self, given: tuple[Command, ...]) -> Iterator[Command]:
        for command in given:
            fit = self._fit(command)
            if fit is not None and _can_be_written(fit):
                yield fit

    def _fit(self, command: Command) -> Command | None:
        has = self._has
        if type(command) is Submit:
            return self._submit(command)
        if type(command) is Spend:
            return self._mode(command) if "budget" in has.orders else None
        if type(command) is TakeSnapshot:
            return None
        kind = _KINDS[type(command)]
        if kind not in has.commands and _ALSO.get(kind) not in has.commands:
            return None
        return self._replaced(command) if type(command) is Replace else command

    def _submit(self, order: Submit) -> Submit | None:
        orders = self._has.orders
        if order.stop is not None and ("stop" if order.price is None else "stop-limit") not in orders:
            if order.price is None and "stop-limit" in orders and type(order.stop) is int:
                order = order._replace(price=order.stop)
            else:
                order = order._replace(stop=None)
        if order.price is None and order.stop is None and "market" not in orders:
            return None
        lives = order.time_in_force
        if isinstance(lives, TimeInForce) and lives is not TimeInForce.GTC and lives.value not in orders:
            order = order._replace(time_in_force=TimeInForce.GTC, expires=None)
        for plain, word in _TERMS.items():
            if getattr(order, plain) and word not in orders:
                order = order._replace(**{plain: _PLAIN_TERMS[plain]})
        shown = order.display
        if shown is not None and _shows(shown) not in orders:
            order = order._replace(display=None)
        if order.cancel_on_disconnect and "kill-switch" not in self._has.commands:
            order = order._replace(cancel_on_disconnect=False)
        if type(order.quantity) is int:
            self._terms[order.symbol, order.order_id] = order.quantity, order.price
        return self._mode(order)

    def _mode(self, order: _Order) -> _Order:
        """The mode of prevention, or one that the engine has in its place."""
        mode = order.self_trade
        if isinstance(mode, SelfTradePrevention) and mode.value not in self._modes:
            at = order.order_id if type(order.order_id) is int else 0
            order = order._replace(self_trade=SelfTradePrevention(self._modes[at % len(self._modes)]))
        if not self._accounts_meet and type(order.order_id) is int and order.account != order.order_id:
            order = order._replace(account=order.order_id)  # it always prevents, so nobody must meet himself
        return order

    def _replaced(self, command: Replace) -> Replace | None:
        changes = self._has.replaces
        if command.stop is not None and "stop" not in changes:
            command = command._replace(stop=None)
        if {"smaller", "larger", "price", "both"} <= changes or type(command.quantity) is not int:
            return command
        place = command.symbol, command.order_id
        quantity, price = self._terms.get(place, (command.quantity, None))
        if command.price is not None and command.price != price and command.quantity != quantity:
            if "both" not in changes and "price" in changes:
                command = command._replace(quantity=quantity)
            elif "both" not in changes:
                command = command._replace(price=None)
        if command.price is not None and command.price != price and not {"price", "both"} & changes:
            command = command._replace(price=None)
        if command.price is None or command.price == price:
            wanted = "smaller" if command.quantity < quantity else "larger"
            if command.quantity == quantity or wanted not in changes:
                return None
        self._terms[place] = command.quantity, price if command.price is None else command.price
        return command


_TERMS = {"post_only": "post-only", "min_quantity": "min-quantity"}
_PLAIN_TERMS = {"post_only": False, "min_quantity": 0}


def _shows(display: object) -> str:
    if isinstance(display, DisplayRange):
        return "display-range"
    return "hidden" if type(display) is int and display == 0 else "iceberg"


def _can_be_written(command: Command) -> bool:
    try:
        encode(command)
    except (InputError, TypeError):  # such bad input no line can hold
        return False
    return True
