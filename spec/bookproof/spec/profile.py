"""The rules that venues differ on, as one value. The defaults are the rule book's."""

from __future__ import annotations

from enum import StrEnum

from bookproof.spec.values import Account, Value


class ReplaceKeeps(StrEnum):
    """When a replaced order keeps its place in the queue (rules F1, F2, F7)."""

    ON_REDUCE = "on-reduce"
    """Same price and no larger quantity keeps it (default)."""
    NEVER = "never"
    """Every replace is a removal and a new entry."""


class ReplaceAllows(StrEnum):
    """Which replaces a venue takes (rules F2, F7)."""

    ANYTHING = "anything"
    """Any price and any quantity (default)."""
    REDUCTION = "reduction"
    """Only a smaller quantity at the same price; everything else is a cancel and a new order."""


class Icebergs(StrEnum):
    """What an aggressor that exceeds an iceberg's slice takes of it at its turn (rule D3)."""

    SLICE = "slice"
    """The slice; the next one queues behind the level (default)."""
    WHOLE = "whole"
    """As much as it wants of all that is open, displayed or not, in one trade."""


class ReplaceQuantity(StrEnum):
    """What the quantity of a replace means (rule F4)."""

    TOTAL = "total"
    """The new total, of which some may be executed already (default)."""
    OPEN = "open"
    """The new open quantity."""


class TrueStop(StrEnum):
    """What happens to a stop whose condition is true on entry (rule E7)."""

    REJECT = "reject"
    TRIGGER = "trigger"


class NoLiquidity(StrEnum):
    """What happens to a market order that finds the opposite side empty (rule C3)."""

    REJECT = "reject"
    CANCEL = "cancel"


class OnDisconnect(StrEnum):
    """Which orders are cancelled when their account loses its connection (rule J7)."""

    FLAGGED = "flagged"
    """Those that ask for it (default)."""
    ALL = "all"
    """Every one."""


class CollarAction(StrEnum):
    """What happens to an order whose next trade would be outside its collar (rule J5)."""

    EXPIRE = "expire"
    """What is left of it is cancelled (default)."""
    REST = "rest"
    """It rests at the end of the collar, unless its terms or the book forbid that."""
    HALT = "halt"
    """What is left of it is cancelled, and the book is halted."""


class MarketOrders(StrEnum):
    """How far a market order goes (rule C3)."""

    WALK = "walk"
    """Through the book until it is filled, and its remainder is cancelled (default)."""
    LIMIT = "limit"
    """To the best opposite price, where its remainder rests: a market-to-limit order."""


class PostOnly(StrEnum):
    """What happens to a post-only order that would take (rule C6)."""

    REJECT = "reject"
    """It is refused (default)."""
    REPRICE = "reprice"
    """It goes back to one tick from the best opposite price."""


class Profile(Value, frozen=True):
    """A venue's choices. Every field names the rule it settles.

    >>> WORKLOADS.replace_keeps
    <ReplaceKeeps.NEVER: 'never'>
    """

    name: str = "default"
    replace_keeps: ReplaceKeeps = ReplaceKeeps.ON_REDUCE
    """F1, F2, F7."""
    replace_quantity: ReplaceQuantity = ReplaceQuantity.TOTAL
    """F4."""
    true_stop: TrueStop = TrueStop.REJECT
    """E7."""
    no_liquidity: NoLiquidity = NoLiquidity.REJECT
    """C3."""
    self_trade_groups: tuple[tuple[Account, ...], ...] = ()
    """G1: accounts that count as one owner. An account in no group is its own owner."""
    on_disconnect: OnDisconnect = OnDisconnect.FLAGGED
    """J7."""
    collar_action: CollarAction = CollarAction.EXPIRE
    """J5. Where there is a collar is a matter of the instrument."""
    market_orders: MarketOrders = MarketOrders.WALK
    """C3."""
    post_only: PostOnly = PostOnly.REJECT
    """C6."""
    replace_allows: ReplaceAllows = ReplaceAllows.ANYTHING
    """F2, F7."""
    icebergs: Icebergs = Icebergs.SLICE
    """D3."""
    breaker_levels: tuple[int, ...] = ()
    """J6: falls of the index, in percent of its base, at each of which the market halts once a day."""

    def breaker_flaw(self) -> str | None:
        """What is wrong with the levels of the breaker; None when they can be.

        >>> Profile(breaker_levels=(7, 7)).breaker_flaw()
        'breaker_levels must rise from at least 1 to at most 100, not (7, 7)'
        """
        levels = self.breaker_levels
        if levels and not (levels[0] >= 1 and levels[-1] <= 100 and all(map(int.__lt__, levels, levels[1:]))):
            return f"breaker_levels must rise from at least 1 to at most 100, not {levels}"
        return None

    def owner(self, account: Account) -> Account:
        """Who an account trades for: the first account of its group, or itself (rule G1).

        >>> Profile(self_trade_groups=((7, 8),)).owner(8)
        7
        """
        for group in self.self_trade_groups:
            if account in group:
                return group[0]
        return account


DEFAULT = Profile()
"""The rule book's defaults."""

WORKLOADS = Profile(name="workloads", replace_keeps=ReplaceKeeps.NEVER, replace_quantity=ReplaceQuantity.OPEN)
"""The published workloads (Flash One, arXiv 2606.01183): a modify is a removal and a new entry."""

PROFILES = {profile.name: profile for profile in (DEFAULT, WORKLOADS)}
"""Every shipped profile by name."""
