"""Which terms an order may have: the features of orders, one by one and combined."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, NamedTuple

from bookproof.models.generate.features import Feature, Features
from bookproof.spec.values import TimeInForce

_TABLE = 192
"""Patterns drawn where features can be combined."""


class Pattern(NamedTuple):
    """Which terms a new order has, before its numbers are filled in."""

    market: bool = False
    time_in_force: TimeInForce = TimeInForce.GTC
    stop: bool = False
    post_only: bool = False
    minimum: bool = False
    iceberg: bool = False
    hidden: bool = False
    on_disconnect: bool = False
    ranged: bool = False
    """Of an iceberg: its slices are drawn."""

    @property
    def contradictory(self) -> bool:
        """Whether every venue refuses these terms together."""
        at_once = self.market or self.time_in_force in (TimeInForce.IOC, TimeInForce.FOK)
        shown = self.iceberg or self.hidden
        return (at_once and (self.post_only or shown)) or (self.post_only and self.minimum)


PLAIN_PATTERN = Pattern()
"""A limit order, good till cancelled."""

_CHANGES: Mapping[Feature, tuple[dict[str, Any], ...]] = {
    Feature.MARKET: ({"market": True},),
    Feature.IOC: ({"time_in_force": TimeInForce.IOC},),
    Feature.FOK: ({"time_in_force": TimeInForce.FOK},),
    Feature.POST_ONLY: ({"post_only": True},),
    Feature.MIN_QUANTITY: ({"minimum": True},),
    Feature.ICEBERG: ({"iceberg": True},),
    Feature.HIDDEN: ({"hidden": True},),
    Feature.STOPS: ({"stop": True}, {"stop": True, "market": True}),
    Feature.CLOCK: ({"time_in_force": TimeInForce.DAY}, {"time_in_force": TimeInForce.GTD}),
    Feature.KILL_SWITCH: ({"on_disconnect": True},),
    Feature.DISPLAY_RANGES: ({"iceberg": True, "ranged": True},),
}
"""What each feature of an order adds to its pattern."""


def patterns_for(features: Features) -> tuple[Pattern, ...]:
    """Half of the orders plain, so that there is somebody to trade with; the rest in equal shares of each feature.

    With many features an order has one or two of them, seldom three. The table is the same in every run.
    """
    changes = [_CHANGES[feature] for feature in Feature if feature in features and feature in _CHANGES]
    if not changes:
        return (PLAIN_PATTERN,)
    patterns = [PLAIN_PATTERN._replace(**change) for alternatives in changes for change in alternatives]
    dice = random.Random("patterns")
    while len(changes) > 1 and len(patterns) < _TABLE:
        pattern = PLAIN_PATTERN
        for alternatives in dice.sample(changes, min(len(changes), dice.choice((1, 2, 2, 3)))):
            pattern = pattern._replace(**dice.choice(alternatives))
        if not pattern.contradictory or (Feature.BAD_INPUT in features and not dice.randrange(8)):
            patterns.append(pattern)
    return (PLAIN_PATTERN,) * len(patterns) + tuple(patterns)
