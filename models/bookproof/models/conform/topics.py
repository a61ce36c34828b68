"""What venues differ on, and small scenarios that come out otherwise under each choice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from bookproof.models.conform.capabilities import Capabilities
from bookproof.models.conform.scenarios import ReplaceSends, TradePrice
from bookproof.spec.commands import Command, Replace, Submit
from bookproof.spec.instruments import listing
from bookproof.spec.profile import (
    Icebergs,
    MarketOrders,
    PostOnly,
    ReplaceAllows,
    ReplaceKeeps,
    ReplaceQuantity,
    StopsLookedAt,
    TrueStop,
)
from bookproof.spec.values import Side

BOOKS = listing(["ABC"])

Probe = tuple[Command, ...]

NONE: Mapping[str, Any] = MappingProxyType({})


class Way(NamedTuple):
    """One choice in a topic."""

    words: str
    profile: Mapping[str, Any] = NONE
    """Settings of a profile."""
    conventions: Mapping[str, Any] = NONE
    """What is beside the profile: how commands are put, and how trades are priced."""


class Topic(NamedTuple):
    """Something on which venues differ, and commands that tell their choices apart."""

    name: str
    rules: str
    needs: Callable[[Capabilities], bool]
    ways: tuple[Way, ...]
    """The rule book's default first."""
    probes: tuple[Probe, ...]


def buy(order_id: int, quantity: int, price: int | None, **terms: Any) -> Submit:
    """An order to buy, of an account of its own unless one is named."""
    return Submit("ABC", order_id, terms.pop("account", order_id), Side.BUY, quantity, price, **terms)


def sell(order_id: int, quantity: int, price: int | None, **terms: Any) -> Submit:
    """The same to sell."""
    return buy(order_id, quantity, price, **terms)._replace(side=Side.SELL)


def has_orders(*words: str) -> Callable[[Capabilities], bool]:
    """Whether an engine has these kinds of orders."""
    return lambda has: set(words) <= has.orders


def has_replaces(*words: str) -> Callable[[Capabilities], bool]:
    """Whether it can replace in these ways."""
    return lambda has: "replace" in has.commands and set(words) <= has.replaces


TOPICS: tuple[Topic, ...] = (
    Topic(
        "trade price",
        "B4",
        lambda has: "trades" in has.views and "price" in has.trade_parts,
        (
            Way("the maker's", {}, {"trade_price": TradePrice.MAKER}),
            Way("always the seller's", {}, {"trade_price": TradePrice.SELLER}),
        ),
        ((buy(1, 5, 102), sell(2, 3, 100)), (sell(1, 5, 100), buy(2, 3, 102))),
    ),
    Topic(
        "replace quantity",
        "F4",
        has_replaces("smaller"),
        (
            Way("the new total", {"replace_quantity": ReplaceQuantity.TOTAL}),
            Way("the new open quantity", {"replace_quantity": ReplaceQuantity.OPEN}),
            Way("how much more, or less", {}, {"replace_sends": ReplaceSends.DELTA}),
            Way("how much less", {}, {"replace_sends": ReplaceSends.LESS}),
        ),
        ((buy(1, 6, 100), Replace("ABC", 1, 4)), (buy(1, 6, 100), sell(2, 2, 100), Replace("ABC", 1, 5))),
    ),
    Topic(
        "what may be replaced",
        "F7",
        has_replaces("smaller", "larger", "price"),
        (
            Way("anything", {"replace_allows": ReplaceAllows.ANYTHING}),
            Way("reductions only", {"replace_allows": ReplaceAllows.REDUCTION}),
        ),
        (
            (buy(1, 5, 100), Replace("ABC", 1, 8)),
            (buy(1, 5, 100), Replace("ABC", 1, 5, 101)),
            (buy(1, 5, 100), Replace("ABC", 1, 3)),
        ),
    ),
    Topic(
        "priority after a replace",
        "F1",
        has_replaces("smaller"),
        (
            Way("kept by a reduction", {"replace_keeps": ReplaceKeeps.ON_REDUCE}),
            Way("always lost", {"replace_keeps": ReplaceKeeps.NEVER}),
        ),
        ((buy(1, 5, 100), buy(2, 5, 100), Replace("ABC", 1, 3), sell(3, 2, 100)),),
    ),
    Topic(
        "market orders",
        "C3",
        has_orders("market"),
        (
            Way("walk the book, the remainder is cancelled", {"market_orders": MarketOrders.WALK}),
            Way("go to the best price, the remainder rests there", {"market_orders": MarketOrders.LIMIT}),
        ),
        (
            (sell(1, 3, 100), buy(2, 5, None), sell(3, 1, 100)),
            (sell(1, 3, 100), sell(2, 3, 101), buy(3, 5, None)),
        ),
    ),
    Topic(
        "a post-only order that would take",
        "C6",
        has_orders("post-only"),
        (
            Way("is refused", {"post_only": PostOnly.REJECT}),
            Way("steps back by a tick", {"post_only": PostOnly.REPRICE}),
        ),
        ((sell(1, 3, 100), buy(2, 2, 100, post_only=True)),),
    ),
    Topic(
        "an aggressor larger than an iceberg's slice",
        "D3",
        has_orders("iceberg"),
        (
            Way("takes the slice, and the next one queues", {"icebergs": Icebergs.SLICE}),
            Way("takes of all that is open", {"icebergs": Icebergs.WHOLE}),
        ),
        ((sell(1, 6, 100, display=2), sell(2, 2, 100), buy(3, 3, 100)),),
    ),
    Topic(
        "a stop that is true on entry",
        "E7",
        lambda has: bool({"stop", "stop-limit"} & has.orders),
        (
            Way("is refused", {"true_stop": TrueStop.REJECT}),
            Way("is triggered", {"true_stop": TrueStop.TRIGGER}),
        ),
        ((sell(1, 1, 100), buy(2, 1, 100), sell(3, 5, 103), buy(4, 2, 103, stop=99)),),
    ),
    Topic(
        "stops are looked at",
        "E2",
        lambda has: bool({"stop", "stop-limit"} & has.orders),
        (
            Way("after the command", {"stops_looked_at": StopsLookedAt.AFTER_COMMAND}),
            Way("after each fill", {"stops_looked_at": StopsLookedAt.AFTER_EACH_FILL}),
        ),
        (
            (
                *(sell(1, 1, 105), buy(2, 1, 105), sell(3, 1, 100), sell(4, 1, 101)),
                *(sell(5, 1, 99, stop=100), buy(6, 2, 101), buy(7, 1, 99)),
            ),
        ),
    ),
)
"""In the order in which they are asked: later ones build on the choices before."""
