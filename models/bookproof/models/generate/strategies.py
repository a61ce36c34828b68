"""Hypothesis strategies for commands and whole sequences of them.

Three tiers make the same commands, for different needs:

- `commands` draws one command field by field. It is the most readable and the slowest: write state machines and small
  properties with it.
- `sequences` and `cases` draw one packed integer for each command (`packed`), in a single choice. Use them for volume.
- `soak` draws nothing from Hypothesis at all: a seed makes a case, and delta debugging makes it small.

The features that a strategy takes are switches: `SWARM` has a set for each feature alone, and all of them together.
Three accounts, eleven prices and quantities up to ten make orders meet, levels fill up and self trades happen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from bookproof.models.generate.case import Case
from bookproof.models.generate.features import EVERYTHING, SWARM, Feature, Features
from bookproof.models.generate.funds import opening_deposits, profile_for
from bookproof.models.generate.packed import BITS, decode, plan_for
from bookproof.models.generate.soak import FEWEST_BOOKS, LONGEST, SHORTEST
from bookproof.models.generate.spoil import WAYS, spoil
from bookproof.models.generate.venues import ACCOUNTS, DISTINCT, LEVELS, SIZES, USUAL_PRICE, books, closed, fitting
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
    Leg,
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
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import Profile
from bookproof.spec.values import (
    Account,
    DisplayRange,
    Limits,
    ListKind,
    Lots,
    OrderId,
    Phase,
    SelfTradePrevention,
    Side,
    Symbol,
    Ticks,
    TimeInForce,
)

Terms: TypeAlias = dict[str, Any]
"""Fields of a `Submit` beyond the plain ones, by name."""

# ── the fields of a command ──

SIDES: SearchStrategy[Side] = st.sampled_from(Side)
REDUCERS_LIVE: SearchStrategy[TimeInForce] = st.sampled_from(
    (TimeInForce.IOC, TimeInForce.GTC, TimeInForce.DAY, TimeInForce.FOK)
)
ACCOUNT: SearchStrategy[Account] = st.integers(1, ACCOUNTS)
QUANTITY: SearchStrategy[Lots] = st.integers(1, SIZES)
PRICE: SearchStrategy[Ticks] = st.integers(USUAL_PRICE, USUAL_PRICE + LEVELS - 1)
INDEX: SearchStrategy[int] = st.integers(75, 106)
MARK: SearchStrategy[Ticks] = st.integers(USUAL_PRICE // 2, 2 * USUAL_PRICE)
"""Far enough from the prices to leave somebody short of margin."""
TIME: SearchStrategy[int] = st.integers(0, 20)
PHASE: SearchStrategy[Phase] = st.sampled_from((Phase.CALL, Phase.CONTINUOUS, *Phase))
"""The way into a call and out of it twice as often as the others."""

AMOUNT: SearchStrategy[int] = st.integers(1, 3_000)
LIMITS: SearchStrategy[Limits] = st.builds(
    Limits,
    st.none() | st.integers(0, 30),
    st.integers(0, 20),
    st.none() | st.integers(0, 5),
    st.none() | st.integers(0, 1_500),
)
TRADE: SearchStrategy[int] = st.integers(1, 6)
BUDGET: SearchStrategy[int] = st.integers(1, 2_500)
"""Up to about as many lots as two levels hold."""
SPOIL: SearchStrategy[int] = st.integers(0, WAYS - 1)
"""What `spoil` does to a command."""

_RANGE = st.builds(
    lambda least, more, step, draw: DisplayRange(least, least + more * step, draw, step),
    st.integers(1, 3),
    st.integers(0, 3),
    st.integers(1, 2),
    st.integers(0, 63),
)
_PREVENTION = st.sampled_from([mode for mode in SelfTradePrevention if mode is not SelfTradePrevention.NONE])

# Eight bytes, not an integer: of wide integers Hypothesis draws mostly small ones, and all prices would be the same.
_CODE = st.binary(min_size=BITS // 8, max_size=BITS // 8).map(int.from_bytes)


def _lives(how: TimeInForce) -> SearchStrategy[Terms]:
    return st.just({"time_in_force": how})


_TERMS: Mapping[Feature, SearchStrategy[Terms]] = {
    Feature.MARKET: st.just({"price": None}),
    Feature.IOC: _lives(TimeInForce.IOC),
    Feature.FOK: _lives(TimeInForce.FOK),
    Feature.POST_ONLY: st.just({"post_only": True}),
    Feature.MIN_QUANTITY: st.fixed_dictionaries({"min_quantity": QUANTITY}),
    Feature.ICEBERG: st.fixed_dictionaries({"display": st.integers(1, 4)}),
    Feature.HIDDEN: st.just({"display": 0}),
    Feature.STOPS: st.fixed_dictionaries({"stop": PRICE}, optional={"price": st.none()}),
    Feature.SELF_TRADE: st.fixed_dictionaries({"self_trade": _PREVENTION}),
    Feature.CLOCK: _lives(TimeInForce.DAY)
    | st.fixed_dictionaries({"time_in_force": st.just(TimeInForce.GTD), "expires": TIME}),
    Feature.KILL_SWITCH: st.just({"cancel_on_disconnect": True}),
    Feature.DISPLAY_RANGES: st.fixed_dictionaries({"display": _RANGE}),
}


@st.composite
def terms(draw: st.DrawFn, features: Features = EVERYTHING) -> Terms:
    """The special terms of an order: those of none, one or two of the features."""
    on = [feature for feature in _TERMS if feature in features]
    chosen: Terms = {}
    if on:
        for feature in draw(st.lists(st.sampled_from(on), max_size=2, unique=True)):
            chosen |= draw(_TERMS[feature])
    return chosen


def order(
    symbol: Symbol, order_id: OrderId, account: Account, side: Side, quantity: Lots, price: Ticks, terms: Terms
) -> Submit:
    """A new order with special terms; shares of its quantity are cut down to it.

    >>> order("ABC", 1, 7, Side.BUY, 2, 100, {"display": 4}).display
    2
    """
    shares = {field: _cut(terms[field], quantity) for field in ("display", "min_quantity") if field in terms}
    return Submit(symbol, order_id, account, side, quantity, price)._replace(**terms | shares)


def _cut(share: Lots | DisplayRange, quantity: Lots) -> Lots | DisplayRange:
    """No more than an order has. Sizes that are larger are left out of a range."""
    if not isinstance(share, DisplayRange):
        return min(share, quantity)
    sizes = [size for size in share.sizes if size <= quantity] or [quantity]
    return share._replace(least=sizes[0], most=sizes[-1])


def routed(order: Submit) -> Route:
    """The same order, routed: neither a stop nor post-only."""
    return Route(order._replace(stop=None, post_only=False))


def legs(symbols: Iterable[Symbol], ids: SearchStrategy[OrderId]) -> SearchStrategy[tuple[Leg, ...]]:
    """The legs of a basket: small orders in different books."""
    leg = st.builds(Leg, st.sampled_from(tuple(symbols)), ids, SIDES, st.integers(1, 3), st.none() | PRICE)
    return st.lists(leg, min_size=1, max_size=3, unique_by=lambda leg: leg.symbol).map(tuple)


def order_lists(
    symbols: Iterable[Symbol], ids: SearchStrategy[OrderId], features: Features = EVERYTHING
) -> SearchStrategy[SubmitList]:
    """A list of two to four orders of one account, in any of the books; stops among them, as rivals often are."""
    own = terms(features) | st.fixed_dictionaries({"stop": PRICE})
    drawn = st.tuples(st.sampled_from(tuple(symbols)), ids, SIDES, st.integers(1, 3), PRICE, st.just({}) | own)

    def made(kind: ListKind, account: Account, legs: list[tuple[Any, ...]]) -> SubmitList:
        return SubmitList(
            kind,
            tuple(
                order(symbol, order_id, account, side, quantity, price, terms)
                for symbol, order_id, side, quantity, price, terms in legs
            ),
        )

    legs = st.lists(drawn, min_size=2, max_size=4, unique_by=lambda leg: leg[:2])
    return st.builds(made, st.sampled_from(ListKind), ACCOUNT, legs)


# ── whole commands ──


def commands(
    features: Features = EVERYTHING,
    symbols: Iterable[Symbol] = ("ABC", "XYZ"),
    ids: SearchStrategy[OrderId] | None = None,
) -> SearchStrategy[Command]:
    """One command, field by field; about one in five is a cancel. Without `ids` there are twenty, often met again.

    Whether an id is live, or was ever used, is left to chance: what is refused must be refused rightly, too.

    >>> from hypothesis import find
    >>> from bookproof.models.generate.features import alone
    >>> find(commands(alone(Feature.HALTS)), lambda command: type(command) is Halt)
    Halt(symbol=None)
    """
    symbol = st.sampled_from(tuple(symbols))
    order_id = st.integers(1, 20) if ids is None else ids
    submits = st.builds(order, symbol, order_id, ACCOUNT, SIDES, QUANTITY, PRICE, terms(features))
    somewhere = st.none() | symbol
    more: Mapping[Feature, tuple[SearchStrategy[Command], ...]] = {
        Feature.REPLACE: (
            st.builds(Replace, symbol, order_id, QUANTITY, st.none() | PRICE),
            st.builds(Replace, symbol, order_id, QUANTITY, st.none() | PRICE, st.none() | PRICE),
        ),
        Feature.BASKETS: (
            st.builds(Basket, ACCOUNT, legs(tuple(symbols), order_id), st.sampled_from(SelfTradePrevention)),
        ),
        Feature.MARKET: (st.builds(Spend, symbol, order_id, ACCOUNT, BUDGET, st.sampled_from(SelfTradePrevention)),),
        Feature.MASS_CANCEL: (st.builds(MassCancel, ACCOUNT),),
        Feature.HALTS: (st.builds(Halt, somewhere), st.builds(Resume, somewhere)),
        Feature.CLOCK: (st.builds(AdvanceClock, TIME), st.builds(EndOfDay)),
        Feature.SNAPSHOT: (st.builds(TakeSnapshot),),
        Feature.AUCTIONS: (st.builds(SetPhase, symbol, PHASE),),
        Feature.LISTS: (order_lists(tuple(symbols), order_id, features),),
        Feature.ACCOUNTS: (
            st.builds(Deposit, ACCOUNT, AMOUNT, somewhere),
            st.builds(Withdraw, ACCOUNT, AMOUNT, somewhere),
            st.builds(SetLimits, ACCOUNT, LIMITS),
            st.builds(Reduce, symbol, order_id, ACCOUNT, SIDES, QUANTITY, st.none() | PRICE, REDUCERS_LIVE),
            st.builds(Bust, symbol, TRADE),
            st.builds(BlockTrade, symbol, ACCOUNT, ACCOUNT, PRICE, QUANTITY),
        ),
        Feature.ROUTING: (submits.map(routed),),
        Feature.KILL_SWITCH: (
            st.builds(KillSwitch, ACCOUNT),
            st.builds(Reinstate, ACCOUNT),
            st.builds(Disconnect, ACCOUNT),
        ),
        Feature.BANDS: (st.builds(SetReference, symbol, PRICE),),
        Feature.BREAKER: (st.builds(IndexLevel, INDEX), st.builds(Resume)),
        Feature.MARGIN: (st.builds(SetMark, symbol, MARK), st.builds(Liquidate, ACCOUNT, order_id)),
    }
    cancels: SearchStrategy[Command] = st.builds(Cancel, symbol, order_id)
    special = [strategy for feature, strategies in more.items() if feature in features for strategy in strategies]
    plain: list[SearchStrategy[Command]] = [submits] * (3 + 2 * len(special))
    good = st.one_of(*plain, *[cancels] * (1 + len(special) // 2), *special)
    if Feature.BAD_INPUT not in features:
        return good
    return st.one_of(*[good] * 9, st.builds(spoil, good, SPOIL))


def sequences(
    features: Features = EVERYTHING,
    instruments: Iterable[Instrument] | None = None,
    *,
    min_size: int = SHORTEST,
    max_size: int = LONGEST,
) -> SearchStrategy[tuple[Command, ...]]:
    """A whole sequence, one packed integer for each command; in the first two of the usual books unless told otherwise.

    >>> from hypothesis import find
    >>> from bookproof.models.generate.features import PLAIN
    >>> shortest = find(sequences(PLAIN), lambda commands: True)
    >>> len(shortest), shortest[0] == Submit("ABC", 1, 1, Side.BUY, 1, 102)
    (20, True)
    """
    listed = closed(books(features)[:FEWEST_BOOKS]) if instruments is None else tuple(instruments)
    plan = plan_for(features, listed)
    codes = st.lists(_CODE, min_size=min_size, max_size=max_size)
    return codes.map(lambda drawn: decode(drawn, plan))


@st.composite
def cases(
    draw: st.DrawFn,
    features: SearchStrategy[Features] | Features | None = None,
    profiles: Iterable[Profile] = tuple(DISTINCT.values()),
) -> Case:
    """A sequence with its books and its venue: one set of features of the swarm unless told otherwise.

    >>> from hypothesis import HealthCheck, given, settings
    >>> @settings(max_examples=5, database=None, suppress_health_check=list(HealthCheck))
    ... @given(cases())
    ... def check(case: Case) -> None:
    ...     assert 2 <= len(case.instruments) <= 6
    >>> check()
    """
    if features is None:
        features = st.sampled_from(list(SWARM.values()))
    chosen = features if isinstance(features, frozenset) else draw(features)
    profile = profile_for(chosen, draw(st.sampled_from(list(profiles))))
    chosen = fitting(chosen, profile)
    if Feature.LISTS in chosen and draw(st.booleans()):  # no order of a list is in a book that is part of a spread
        chosen -= {Feature.SPREADS}
    listed = books(chosen)
    instruments = closed(listed[: draw(st.integers(FEWEST_BOOKS, len(listed)))])
    return Case(instruments, opening_deposits(instruments, profile) + draw(sequences(chosen, instruments)), profile)
