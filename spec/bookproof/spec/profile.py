"""The rules that venues differ on, as one value. The defaults are the rule book's.

What ships is in `profiles/`, one data file a venue (`profile_files`).
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from bookproof.spec.allocation_terms import FIRST_COME_FIRST_SERVED, Allocation
from bookproof.spec.profile_files import ProfileFile, read_profile_folder
from bookproof.spec.values import Account, Lots, Value


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


class Reopen(StrEnum):
    """How a book comes back to continuous trading from a halt or from cancels only (rule J3)."""

    DIRECTLY = "directly"
    """Without more ado (default)."""
    CALL = "call"
    """Only through a call."""


class ListReplace(StrEnum):
    """What a replace of an order does whose rivals it would cancel (rule H1)."""

    REFUSE = "refuse"
    """It is refused: cancel the list and enter another (default)."""
    AMEND = "amend"
    """A new quantity is that of every rival too; price and stop are those of the order that is named alone."""


class OcoFill(StrEnum):
    """What a fill in part of one order of an OCO does to its rivals (rule H1). A whole one, or a trigger, cancels."""

    CANCEL = "cancel"
    """It cancels them as well (default)."""
    REDUCE = "reduce"
    """It makes them smaller by what was filled, in whole lots of their books: together they fill one order."""


class Risk(StrEnum):
    """What is checked of an account before its orders may match (rule M1)."""

    NONE = "none"
    """Nothing: no accounts are kept (default)."""
    CASH = "cash"
    """Whatever an order can cost at worst is reserved: cash to pay with, lots to deliver."""


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


class MarketByBudget(StrEnum):
    """Whether a market buy may name an amount of money instead of a quantity (rule C3)."""

    TAKEN = "taken"
    """It may (default)."""
    REFUSED = "refused"
    """There is no such order."""


class PostOnly(StrEnum):
    """What happens to a post-only order that would take (rule C6)."""

    REJECT = "reject"
    """It is refused (default)."""
    REPRICE = "reprice"
    """It goes back to one tick from the best opposite price."""


class StopsLookedAt(StrEnum):
    """When it is asked which stops are due (rule E2)."""

    AFTER_COMMAND = "after-command"
    """When an order has done all its matching: only the last of its fills counts (default)."""
    AFTER_EACH_FILL = "after-each-fill"
    """At each of its fills. Stops that are due then are triggered one after the other when it has done its matching."""


class DisplayRanges(StrEnum):
    """Whether an iceberg may name a range, from which the size of each slice is drawn (rule D3)."""

    REFUSED = "refused"
    """It names one size (default)."""
    TAKEN = "taken"
    """It may name a range and a draw."""


class StopReference(StrEnum):
    """Which price triggers the stops of a book (rule E1)."""

    LAST = "last"
    """That of the last trade in it (default)."""
    MARK = "mark"
    """Its mark, which is set by command: no trade triggers anything, and setting the mark does at once."""


class Generations(StrEnum):
    """What may imply a quote (rule L3)."""

    FIRST = "first"
    """Two orders (default)."""
    SECOND = "second"
    """Also an order and a quote that two others imply: for what an aggressor has left when nothing else fills it."""


class ReduceOnly(StrEnum):
    """What becomes of a reduce-only order that finds nobody to trade with (rule C9)."""

    IMMEDIATE = "immediate"
    """It is cancelled; one whose terms would let it rest is refused (default)."""
    RESTS = "rests"
    """It rests if its terms let it, and is made smaller, or cancelled, when its account's position gets too small."""


_OF_ONE_BOOK = (
    *("market_orders", "post_only", "replace_allows", "icebergs", "stop_reference", "margin_accounts", "reduce_only"),
)
"""Settings that groups and spreads know one choice of: the usual one. Margin is by the marks of single books (M3), and
what rests to reduce a position is cut with the book in which that changes (C9)."""


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
    allocation: Allocation = FIRST_COME_FIRST_SERVED
    """How an aggressor is shared among the orders of one price: K1, K2, K3, K4, K5, K6, K7."""
    reopen: Reopen = Reopen.DIRECTLY
    """J3."""
    list_replace: ListReplace = ListReplace.REFUSE
    """H1. An order that others wait for, or that waits itself, is never replaced; nor is one whose fills in part make
    its rivals smaller."""
    risk: Risk = Risk.NONE
    """M1, M2, M4, N1: whether accounts are kept."""
    least_block: Lots = 1
    """L6: the fewest lots that may be traded off-book."""
    oco_fill: OcoFill = OcoFill.CANCEL
    """H1."""
    stops_looked_at: StopsLookedAt = StopsLookedAt.AFTER_COMMAND
    """E2. It makes no difference where stops follow the mark."""
    stop_reference: StopReference = StopReference.LAST
    """E1, E7."""
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
    """D3. Where a level is shared otherwise than by time, only what is displayed takes part (K2)."""
    breaker_levels: tuple[int, ...] = ()
    """J6: falls of the index, in percent of its base, at each of which the market halts once a day."""
    margin_accounts: tuple[Account, ...] = ()
    """M3: of the accounts that are kept, those that need margin for what they may come to instead of having it."""
    market_by_budget: MarketByBudget = MarketByBudget.TAKEN
    """C3."""
    implied_generations: Generations = Generations.FIRST
    """L3. It makes no difference where no two spreads share a leg."""
    reduce_only: ReduceOnly = ReduceOnly.IMMEDIATE
    """C9. Where they rest a level is served first come, first served (K1), and no market order names a budget (C3)."""
    display_ranges: DisplayRanges = DisplayRanges.REFUSED
    """D3."""

    @property
    def apart(self) -> str:
        """The first of its choices that orders over several books do not know (L2, L5); empty when there is none.

        >>> Profile(icebergs=Icebergs.WHOLE).apart, Profile().apart
        ('icebergs', '')
        """
        plain = Profile()
        return next((name for name in _OF_ONE_BOOK if getattr(self, name) != getattr(plain, name)), "")

    @property
    def takes_ranges(self) -> bool:
        """Whether an iceberg may name a range for its slices (D3)."""
        return self.display_ranges is DisplayRanges.TAKEN

    def together(self) -> Profile:
        """The same venue with the usual choices where orders over several books know no others (L2, L5).

        >>> Profile(icebergs=Icebergs.WHOLE).together().icebergs.value
        'slice'
        """
        plain = Profile()
        return self._replace(**{name: getattr(plain, name) for name in _OF_ONE_BOOK})

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

    def flaw(self) -> str | None:
        """What is wrong with the choices taken together; None when an exchange can open with them.

        >>> Profile(self_trade_groups=((7, 8), (8, 9))).flaw()
        'account 8 stands in two self-trade groups; who owns its orders would be open (G1)'
        """
        seen: set[Account] = set()
        for account in (account for group in self.self_trade_groups for account in group):
            if account in seen:
                return f"account {account} stands in two self-trade groups; who owns its orders would be open (G1)"
            seen.add(account)
        if self.reduce_only is ReduceOnly.RESTS and not self.allocation.is_fifo:
            return "where reduce-only orders rest a level is not shared: a fill of one order may cut another (C9, K1)"
        return self.breaker_flaw()


PROFILE_FILES: dict[str, ProfileFile[Profile]] = read_profile_folder(Path(__file__).parent / "profiles", Profile)
"""What each shipped profile's file says: the choices, their sources, and what it cannot express."""

PROFILES: dict[str, Profile] = {name: file.profile for name, file in PROFILE_FILES.items()}
"""Every shipped profile by name."""

DEFAULT = PROFILES["default"]
"""The rule book's defaults."""

WORKLOADS = PROFILES["workloads"]
"""The published workloads (Flash One, arXiv 2606.01183): a modify is a removal and a new entry."""
