"""One integer, one command: the cheapest thing that Hypothesis can draw, keep in its database and shrink.

`decode_command` is a pure function of the integer and of what came before. Zero is the plainest command; the lower
digits say what kind of command it is, the higher ones fill in its fields, so a smaller integer is a simpler command.
The readable state machine, Hypothesis' packed integers and the soak generator all end in the same commands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import NamedTuple, TypeAlias

from bookproof.models.generate.case import entered
from bookproof.models.generate.features import Feature, Features
from bookproof.models.generate.patterns import PLAIN_PATTERN, Pattern, patterns_for
from bookproof.models.generate.spoil import WAYS, spoil
from bookproof.models.generate.venues import ACCOUNTS, LEVELS, MARGIN_ACCOUNTS, SIZES, Scale, scale_of
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
from bookproof.spec.values import (
    DisplayRange,
    Limits,
    ListKind,
    Lots,
    OrderId,
    Phase,
    SelfTradePrevention,
    Side,
    Symbol,
    TimeInForce,
)

BITS = 64
"""Width of a packed command."""

_SIDES = tuple(Side)
_GTC, _NONE = TimeInForce.GTC, SelfTradePrevention.NONE


# ── what may be drawn ──


class Context(NamedTuple):
    """All that a packed command is decoded against."""

    plan: Plan
    used: Sequence[tuple[Symbol, OrderId]] = ()
    """The orders entered so far, by book and id."""
    step: int = 0
    """How many commands came before; also the time of day around which the clock is moved."""


Decoder: TypeAlias = Callable[[int, Context], Command]


class Plan(NamedTuple):
    """What a run draws from: made once for its features and its books by `plan_for`."""

    decoders: tuple[Decoder, ...]
    """One for each kind of command, repeated as often as it is likely."""
    patterns: tuple[Pattern, ...]
    scales: tuple[Scale, ...]
    """One for each book."""
    drawn_scales: tuple[Scale, ...]
    """The same, the first repeated: half of all orders meet in one book, so that it gets deep."""
    prevents: bool
    """Half of the orders say what to do on meeting their own account; it matters only for those that take."""
    reuses_ids: bool
    moves_stops: bool


_SHARES: Mapping[Feature, Mapping[str, int]] = {
    Feature.REPLACE: {"replace": 10},
    Feature.BASKETS: {"basket": 5},
    Feature.MASS_CANCEL: {"mass_cancel": 1},
    Feature.HALTS: {"halt": 1, "resume": 3},
    Feature.CLOCK: {"advance_clock": 3, "end_of_day": 1},
    Feature.SNAPSHOT: {"snapshot": 1},
    Feature.KILL_SWITCH: {"kill_switch": 1, "reinstate": 3, "disconnect": 1},
    Feature.BANDS: {"set_reference": 2},
    Feature.BREAKER: {"index_level": 3, "resume_market": 2},
    Feature.BAD_INPUT: {"spoiled": 4},
    Feature.AUCTIONS: {"set_phase": 8},
    Feature.LISTS: {"list": 6},
    Feature.ACCOUNTS: {"deposit": 3, "withdraw": 1, "set_limits": 1, "reduce": 2, "bust": 1, "block": 1},
    Feature.MARKET: {"spend": 4},
    Feature.ROUTING: {"route": 10},
    Feature.MARGIN: {"mark": 2, "liquidate": 2},
}
"""Of a hundred commands, how many are of a kind when every feature is on; twice as many when it is alone."""

_CANCELS = 20
"""Cancels of a hundred commands."""


_LEAST_SUBMITS = 35
"""So many new orders at least beside a hundred other commands: else, with everything on, little would trade."""


@cache
def plan_for(features: Features, instruments: tuple[Instrument, ...]) -> Plan:
    """The weights of commands and the patterns of orders for a set of features. ValueError without a book."""
    if not instruments:
        raise ValueError("expected at least one instrument to trade, got none")
    on = [_SHARES[feature] for feature in Feature if feature in features and feature in _SHARES]
    several = len(on) > 2
    shares = [(_DECODERS[kind], share if several else 2 * share) for kinds in on for kind, share in kinds.items()]
    shares = [(_cancel, _CANCELS), *shares]
    submits = max(_LEAST_SUBMITS, 100 - sum(share for _, share in shares))
    scales = tuple(map(scale_of, instruments))
    return Plan(
        decoders=tuple(decoder for decoder, share in [(_submit, submits), *shares] for _ in range(share)),
        patterns=patterns_for(features),
        scales=scales,
        drawn_scales=(scales[0],) * (len(scales) - 2) + scales,
        prevents=Feature.SELF_TRADE in features,
        reuses_ids=Feature.REUSED_IDS in features,
        moves_stops=Feature.STOPS in features,
    )


_MODES = (*[_NONE] * 5, *SelfTradePrevention, SelfTradePrevention.DECREMENT, SelfTradePrevention.TRANSFER)
"""What orders say of self trades. Decrement twice: it has the most to get wrong; transfer because it takes two."""

_REDUCERS_LIVE = (TimeInForce.IOC, _GTC, _GTC, TimeInForce.DAY, _GTC, TimeInForce.FOK)
"""How long reduce-only orders live: most of them as long as they can, where the venue lets them rest."""

_AWAY = (2, 3, 4) * 4
"""Where half of the prices are drawn: a little away from the other side, so that they rest, one behind the other."""

_DRAWS = 64
"""Seeds of the slices of icebergs: enough for every run of small slices."""

_OPENING = 10
"""Commands at the beginning that only build books."""

_TURN = 10
"""Books are sent into a call in one turn of so many commands, when they have been built, and out of it in the next."""

_ELSEWHERE = (Phase.PRE_OPEN, Phase.CALL, Phase.CONTINUOUS, *Phase)
"""Where they are sent now and then: seldom where only one command leads out again."""


# ── decoding ──


def decode_command(code: int, context: Context) -> Command:
    """The command that an integer stands for, after what came before. Pure.

    >>> from bookproof.models.generate.features import PLAIN
    >>> from bookproof.spec.instruments import listing
    >>> plan = plan_for(PLAIN, listing(["ABC"]))
    >>> decode_command(0, Context(plan)) == Submit("ABC", 1, 1, Side.BUY, 1, 102)
    True
    """
    decoders = context.plan.decoders
    code, at = divmod(code, len(decoders))
    return decoders[at](code, context)


def decode(codes: Iterable[int], plan: Plan) -> tuple[Command, ...]:
    """A whole sequence of packed commands, each decoded after those before it."""
    used: list[tuple[Symbol, OrderId]] = []
    commands: list[Command] = []
    for step, code in enumerate(codes):
        command = decode_command(code, Context(plan, used, step))
        commands.append(command)
        used += entered(command)
    return tuple(commands)


def _submit(code: int, context: Context) -> Submit:
    plan, used, step = context
    code, at = divmod(code, len(plan.patterns))
    pattern = plan.patterns[at]
    code, at = divmod(code, len(plan.drawn_scales))
    symbol, prices, quantities = plan.drawn_scales[at]
    code, side = divmod(code, 2)
    code, level = divmod(code, LEVELS + len(_AWAY))
    if level >= LEVELS or step < _OPENING:
        away = _AWAY[level % len(_AWAY)]
        level = away if side == 0 else LEVELS - 1 - away
    code, size = divmod(code, SIZES)
    code, account = divmod(code, ACCOUNTS)
    order_id = len(used) + 1
    if plan.reuses_ids and used:
        code, order_id = _perhaps_used(code, used, order_id)
    self_trade = _NONE
    if plan.prevents:
        code, at = divmod(code, len(_MODES))
        self_trade = _MODES[at]
    quantity, price = quantities[size], prices[level]
    if pattern is PLAIN_PATTERN:
        plain = (symbol, order_id, account + 1, _SIDES[side], quantity, price)
        return Submit(*plain, _GTC, None, False, 0, None, None, self_trade)
    market, lives, is_stop, post_only, has_minimum, is_iceberg, hidden, on_disconnect, ranged = pattern
    stop = expires = None
    display: Lots | DisplayRange | None = None
    minimum = 0
    if is_stop:
        code, level = divmod(code, LEVELS)
        stop = prices[level]
    if has_minimum:
        code, part = divmod(code, size + 1)
        minimum = quantities[part]
    if hidden:
        display = 0
    elif ranged:
        code, display = _range_up_to(code, quantities[: size + 1])
    elif is_iceberg:
        code, part = divmod(code, size + 1)
        display = quantities[part // 2]  # mostly well below the quantity
    if lives is TimeInForce.GTD:
        code, later = divmod(code, 12)
        expires = step + later
    fields = (symbol, order_id, account + 1, _SIDES[side], quantity, None if market else price)
    return Submit(*fields, lives, stop, post_only, minimum, display, expires, self_trade, on_disconnect)


def _range_up_to(code: int, quantities: Sequence[Lots]) -> tuple[int, DisplayRange]:
    """Slices of one of these sizes or of several, mostly well below the largest."""
    code, part = divmod(code, len(quantities))
    least = part // 2
    code, skipped = divmod(code, 2)
    code, sizes = divmod(code, (len(quantities) - 1 - least) // (skipped + 1) + 1)
    code, draw = divmod(code, _DRAWS)
    most, step = quantities[least + sizes * (skipped + 1)], quantities[0] * (skipped + 1)
    return code, DisplayRange(quantities[least], most, draw, step)


def _perhaps_used(code: int, used: Sequence[tuple[Symbol, OrderId]], fresh: OrderId) -> tuple[int, OrderId]:
    """One time in four an id that was used before, in this book or another."""
    code, at = divmod(code, 4)
    if at < 3:
        return code, fresh
    code, at = divmod(code, len(used))
    return code, used[at][1]


def _target(code: int, context: Context) -> tuple[int, Symbol, OrderId]:
    """An order entered before, whatever became of it; one time in sixteen looked for in any book."""
    used, scales = context.used, context.plan.scales
    if not used:
        return code, scales[0].symbol, 1
    code, at = divmod(code, len(used))
    symbol, order_id = used[at]
    code, choice = divmod(code, 16)
    if choice == 15:
        code, at = divmod(code, len(scales))
        symbol = scales[at].symbol
    return code, symbol, order_id


def _cancel(code: int, context: Context) -> Cancel:
    """Half of the time one of the oldest: so about half of all cancels come too late."""
    code, older = divmod(code, 2)
    used = context.used
    if older:
        context = context._replace(used=used[: len(used) // 4 + 1])
    _, symbol, order_id = _target(code, context)
    return Cancel(symbol, order_id)


def _replace(code: int, context: Context) -> Replace:
    plan = context.plan
    code, symbol, order_id = _target(code, context)
    scale = next((scale for scale in plan.scales if scale.symbol == symbol), plan.scales[0])
    code, size = divmod(code, SIZES)
    code, moves = divmod(code, 2)
    code, level = divmod(code, LEVELS)
    price = scale.prices[level] if moves else None
    stop = None
    if plan.moves_stops:
        code, moves = divmod(code, 4)
        if moves == 3:
            stop = scale.prices[code % LEVELS]
    return Replace(symbol, order_id, scale.quantities[size], price, stop)


def _basket(code: int, context: Context) -> Basket:
    """Legs in neighbouring books, in listing order or against it. Small ones, or they would seldom trade whole."""
    scales, first_id = context.plan.scales, len(context.used) + 1
    code, account = divmod(code, ACCOUNTS)
    code, mode = divmod(code, len(_MODES))
    code, more = divmod(code, len(scales))
    code, start = divmod(code, len(scales))
    legs = []
    for number in range(more + 1):
        symbol, prices, quantities = scales[(start - number) % len(scales)]
        code, side = divmod(code, 2)
        code, size = divmod(code, 3)
        code, level = divmod(code, LEVELS + 3)
        price = prices[level] if level < LEVELS else None
        order_id = first_id + number
        if context.plan.reuses_ids and context.used:
            code, order_id = _perhaps_used(code, context.used, order_id)
        legs.append(Leg(symbol, order_id, _SIDES[side], quantities[size], price))
    return Basket(account + 1, tuple(legs), _MODES[mode] if context.plan.prevents else _NONE)


_KINDS = (*ListKind, ListKind.OCO)
"""Of four lists, two are plain OCOs: the others become one, or never have rivals."""


def _list(code: int, context: Context) -> SubmitList:
    """Two to four legs in one book or in neighbouring ones. One in three is a stop: most rivals in one book are.

    A working order is small and near the other side, so that it is soon filled and releases the others.
    """
    scales = context.plan.scales
    code, at = divmod(code, len(_KINDS))
    kind = _KINDS[at]
    code, more = divmod(code, 2)
    code, start = divmod(code, len(scales))
    code, across = divmod(code, 3)
    code, account = divmod(code, ACCOUNTS)
    code, first_side = divmod(code, 2)
    legs = []
    for number in range(2 + more + (kind is ListKind.OTOCO)):
        symbol, prices, quantities = scales[(start + number * bool(across)) % len(scales)]
        code, turned = divmod(code, 3)
        side = first_side ^ (turned == 2) ^ (number > 0 and kind is not ListKind.OCO)
        code, level = divmod(code, LEVELS)
        code, size = divmod(code, 4)
        if number == 0 and kind is not ListKind.OCO:
            size %= 2
            level = max(level, LEVELS // 2) if side == 0 else min(level, LEVELS // 2)
        code, waits = divmod(code, 3)
        stop = prices[(2 * level + 3) % LEVELS] if waits == 2 else None
        leg = Submit(symbol, len(context.used) + 1 + number, account + 1, _SIDES[side], quantities[size], prices[level])
        legs.append(leg._replace(stop=stop) if stop is not None else leg)
    if context.plan.prevents:
        code, at = divmod(code, len(_MODES))
        legs = [leg._replace(self_trade=_MODES[at]) for leg in legs]
    code, at = divmod(code, 2 * len(context.plan.patterns))
    if at < len(context.plan.patterns) and context.plan.patterns[at].time_in_force is not TimeInForce.GTD:
        pattern = context.plan.patterns[at]
        code, at = divmod(code, len(legs))
        price = None if pattern.market else legs[at].price
        legs[at] = legs[at]._replace(price=price, time_in_force=pattern.time_in_force, post_only=pattern.post_only)
    return SubmitList(kind, tuple(legs))


def _mass_cancel(code: int, context: Context) -> MassCancel:
    return MassCancel(code % ACCOUNTS + 1)


def _kill_switch(code: int, context: Context) -> KillSwitch:
    return KillSwitch(code % ACCOUNTS + 1)


def _reinstate(code: int, context: Context) -> Reinstate:
    return Reinstate(code % ACCOUNTS + 1)


def _disconnect(code: int, context: Context) -> Disconnect:
    return Disconnect(code % ACCOUNTS + 1)


def _set_reference(code: int, context: Context) -> SetReference:
    scales = context.plan.scales
    code, at = divmod(code, len(scales))
    return SetReference(scales[at].symbol, scales[at].prices[code % LEVELS])


def _index_level(code: int, context: Context) -> IndexLevel:
    """Between 75 and 106: each drawn level stands a chance to be crossed."""
    return IndexLevel(75 + code % 32)


def _resume_market(code: int, context: Context) -> Resume:
    return Resume()


def _book_or_market(code: int, context: Context) -> Symbol | None:
    scales = context.plan.scales
    at = code % (len(scales) + 1)
    return scales[at].symbol if at < len(scales) else None


def _halt(code: int, context: Context) -> Halt:
    return Halt(_book_or_market(code, context))


def _resume(code: int, context: Context) -> Resume:
    return Resume(_book_or_market(code, context))


def _advance_clock(code: int, context: Context) -> AdvanceClock:
    """Near the time of day, so that it now and then goes back."""
    return AdvanceClock(max(0, context.step + code % 8 - 2))


def _end_of_day(code: int, context: Context) -> EndOfDay:
    return EndOfDay()


def _set_phase(code: int, context: Context) -> SetPhase:
    """In and out of calls by turns. What phase a book is in is not known here, so about every second is refused."""
    scales = context.plan.scales * 2
    code, at = divmod(code, 2 * len(scales))  # mostly the first, in which half of all orders meet
    code, astray = divmod(code, 6)
    phase = Phase.CALL if (context.step - _OPENING // 2) // _TURN % 2 == 0 else Phase.CONTINUOUS
    if astray == 5:
        phase = _ELSEWHERE[code % len(_ELSEWHERE)]
    return SetPhase(scales[at if at < len(scales) else 0].symbol, phase)


def _snapshot(code: int, context: Context) -> TakeSnapshot:
    return TakeSnapshot()


def _amount(code: int, context: Context) -> tuple[int, int, Symbol | None]:
    """An account, and cash for some orders or lots of one book: little, so that it runs out."""
    scales = context.plan.scales
    code, account = divmod(code, ACCOUNTS)
    code, at = divmod(code, 2 * len(scales))
    code, size = divmod(code, SIZES)
    if at < len(scales):
        return account + 1, scales[at].quantities[size], scales[at].symbol
    return account + 1, 200 * (size + 1), None


def _deposit(code: int, context: Context) -> Deposit:
    return Deposit(*_amount(code, context))


def _withdraw(code: int, context: Context) -> Withdraw:
    return Withdraw(*_amount(code, context))


def _set_limits(code: int, context: Context) -> SetLimits:
    """One limit in two is none."""
    scales = context.plan.scales
    code, account = divmod(code, ACCOUNTS)
    code, at = divmod(code, len(scales))
    code, sizes = divmod(code, 3 * SIZES)
    code, short = divmod(code, 3)
    code, orders = divmod(code, 10)
    code, notional = divmod(code, 10)
    lot = scales[at].quantities[0]
    return SetLimits(
        account + 1,
        Limits(
            lot * (sizes + 1) if sizes % 2 else None,
            lot * 10 * short,
            orders if orders % 2 else None,
            200 * notional if notional % 2 else None,
        ),
    )


def _reduce(code: int, context: Context) -> Reduce:
    code, at = divmod(code, len(context.plan.drawn_scales))
    symbol, prices, quantities = context.plan.drawn_scales[at]
    code, account = divmod(code, ACCOUNTS)
    code, side = divmod(code, 2)
    code, size = divmod(code, SIZES)
    code, level = divmod(code, LEVELS + 3)
    price = prices[level] if level < LEVELS else None
    order_id, account = len(context.used) + 1, account + 1
    plain = Reduce(symbol, order_id, account, _SIDES[side], quantities[size], price)
    code, lives = divmod(code, len(_REDUCERS_LIVE))
    code, shown = divmod(code, 8)
    rests = plain._replace(time_in_force=_REDUCERS_LIVE[lives])
    if price is None or rests.time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
        return rests
    return rests._replace(display=(None, 0, quantities[size // 2])[max(0, shown - 5)])


def _spend(code: int, context: Context) -> Spend:
    """A little more or less than what one of the usual orders would cost, so that some of it is often left over."""
    code, at = divmod(code, len(context.plan.drawn_scales))
    symbol, prices, quantities = context.plan.drawn_scales[at]
    code, account = divmod(code, ACCOUNTS)
    code, size = divmod(code, SIZES)
    code, level = divmod(code, LEVELS)
    code, more = divmod(code, 4)
    mode = _MODES[code % len(_MODES)] if context.plan.prevents else _NONE
    budget = max(1, prices[level] * quantities[size] + (0, -1, 60, 1_000)[more])
    return Spend(symbol, len(context.used) + 1, account + 1, budget, mode)


def _bust(code: int, context: Context) -> Bust:
    """About as many trades as half of the orders, so about half of the busts come too late or too early."""
    scales = context.plan.drawn_scales
    code, at = divmod(code, len(scales))
    return Bust(scales[at].symbol, code % (len(context.used) // (2 * len(scales)) + 1) + 1)


def _block(code: int, context: Context) -> BlockTrade:
    """Two different parties, but for one in six."""
    code, at = divmod(code, len(context.plan.scales))
    symbol, prices, quantities = context.plan.scales[at]
    code, buyer = divmod(code, ACCOUNTS)
    code, away = divmod(code, 2 * ACCOUNTS)
    code, size = divmod(code, SIZES)
    seller = (buyer + (away if away % ACCOUNTS or not away else 1)) % ACCOUNTS
    return BlockTrade(symbol, buyer + 1, seller + 1, prices[code % LEVELS], quantities[size])


def _route(code: int, context: Context) -> Route:
    """As any new order, but neither a stop nor post-only."""
    return Route(_submit(code, context)._replace(stop=None, post_only=False))


def _mark(code: int, context: Context) -> SetMark:
    """A price of the book's, or about twice or half of that: far enough to leave somebody short of margin."""
    code, at = divmod(code, len(context.plan.drawn_scales))
    symbol, prices, _ = context.plan.drawn_scales[at]
    code, level = divmod(code, LEVELS)
    price, step = prices[level], max(1, prices[1] - prices[0])
    return SetMark(symbol, (price, 2 * price, price // 2 // step * step)[code % 3])


def _liquidate(code: int, context: Context) -> Liquidate:
    """Under a new id: its orders are gone when it has ended, so the id is free again; one time in eight it is used."""
    code, at = divmod(code, 8)
    code, account = divmod(code, 2 * len(MARGIN_ACCOUNTS) + 1)
    order_id = _target(code, context)[2] if at == 7 else len(context.used) + 1
    return Liquidate((*MARGIN_ACCOUNTS * 2, 1)[account], order_id)


def _spoiled(code: int, context: Context) -> Command:
    decoders = context.plan.decoders
    code, at = divmod(code, len(decoders))
    code, choice = divmod(code, WAYS)
    decoder = decoders[at]
    return spoil((_submit if decoder is _spoiled else decoder)(code, context), choice)


_DECODERS: Mapping[str, Decoder] = {
    "replace": _replace,
    "basket": _basket,
    "mass_cancel": _mass_cancel,
    "halt": _halt,
    "resume": _resume,
    "advance_clock": _advance_clock,
    "end_of_day": _end_of_day,
    "snapshot": _snapshot,
    "kill_switch": _kill_switch,
    "reinstate": _reinstate,
    "disconnect": _disconnect,
    "set_reference": _set_reference,
    "index_level": _index_level,
    "resume_market": _resume_market,
    "spoiled": _spoiled,
    "set_phase": _set_phase,
    "list": _list,
    "deposit": _deposit,
    "withdraw": _withdraw,
    "set_limits": _set_limits,
    "reduce": _reduce,
    "bust": _bust,
    "block": _block,
    "route": _route,
    "mark": _mark,
    "liquidate": _liquidate,
    "spend": _spend,
}
