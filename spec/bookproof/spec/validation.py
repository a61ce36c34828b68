"""What is wrong with a command by itself: the refusals that need no book, only the command and the listing (A1, A3).

Each check is one line that returns one reason, in the order of `RejectReason`.
"""

from __future__ import annotations

from collections.abc import Mapping

from bookproof.spec.commands import Basket, Cancel, Leg, Liquidate, Reduce, Replace, Spend, Submit, SubmitList
from bookproof.spec.events import Accepted
from bookproof.spec.instruments import LARGEST, Instrument, families_of
from bookproof.spec.profile import MarketByBudget, Profile, ReduceOnly
from bookproof.spec.reasons import RejectReason
from bookproof.spec.rulebook import fired
from bookproof.spec.slices import smallest_slice
from bookproof.spec.values import DisplayRange, ListKind, Lots, Side, Symbol, TimeInForce

_LARGEST_ID = 2**63 - 1
_AT_ONCE = (TimeInForce.IOC, TimeInForce.FOK)


def submit_fault(order: Submit, instrument: Instrument | None, *, ranges: bool = False) -> RejectReason | None:
    """Why a new order is refused whatever the book holds; None when it is well formed.

    `ranges` says whether the venue takes icebergs whose slices are drawn from a range (D3).

    >>> from bookproof.spec.values import Side
    >>> submit_fault(Submit("ABC", 1, 7, Side.BUY, 0, 100), Instrument("ABC")).value
    'invalid-quantity'
    """
    reason = _submit_fault(order, instrument, ranges)
    if reason is not None:
        fired("A1")
    return reason


def _submit_fault(order: Submit, instrument: Instrument | None, ranges: bool = False) -> RejectReason | None:
    if instrument is None:
        return RejectReason.UNKNOWN_SYMBOL
    if not is_id(order.order_id):
        return RejectReason.INVALID_ORDER_ID
    if not is_id(order.account):
        return RejectReason.INVALID_ACCOUNT
    if not instrument.accepts_quantity(order.quantity):
        return RejectReason.INVALID_QUANTITY
    if order.price is not None and not instrument.accepts_price(order.price):
        return RejectReason.INVALID_PRICE
    if order.stop is not None and not instrument.accepts_price(order.stop):
        return RejectReason.INVALID_STOP
    if _contradictory(order):
        return RejectReason.INVALID_COMBINATION
    if type(order.min_quantity) is not int or not 0 <= order.min_quantity <= order.quantity:
        return RejectReason.INVALID_MIN_QUANTITY
    if order.display is not None and not _may_display(order.display, order.quantity, instrument, ranges):
        return RejectReason.INVALID_DISPLAY
    if (order.expires is not None) != (order.time_in_force is TimeInForce.GTD):
        return RejectReason.INVALID_TIME
    if order.expires is not None and not is_id(order.expires):
        return RejectReason.INVALID_TIME
    return None


def _may_display(display: object, quantity: Lots, instrument: Instrument, ranges: bool) -> bool:
    """Whole lots only: slices are what trades, and A1 holds for every trade."""
    if isinstance(display, DisplayRange):
        return ranges and _may_draw(display, quantity, instrument)
    return (
        type(display) is int
        and 0 <= display <= quantity
        and display % instrument.lot == 0
        and not has_too_many_slices(instrument, display, quantity)
    )


def _may_draw(range_: DisplayRange, quantity: Lots, instrument: Instrument) -> bool:
    """Whether every size that can be drawn is one that an iceberg may name (D3)."""
    numbers = (range_.least, range_.most, range_.step)
    if not is_id(range_.draw) or any(type(number) is not int or number < 1 for number in numbers):
        return False
    least, most, step = numbers
    whole = least % instrument.lot == 0 and step % instrument.lot == 0 and (most - least) % step == 0
    return whole and least <= most <= quantity and not has_too_many_slices(instrument, range_, quantity)


def has_too_many_slices(instrument: Instrument, display: Lots | DisplayRange | None, leaves: Lots) -> bool:
    """Whether an iceberg with so much open could go through more slices than it may (D1). Others have no slices.

    >>> at_kraken = Instrument("ABC", most_slices=15)
    >>> [has_too_many_slices(at_kraken, display, leaves) for display, leaves in ((2, 30), (2, 31), (None, 10**12))]
    [False, True, False]
    """
    return bool(display) and leaves > smallest_slice(display or leaves) * instrument.most_slices


def _contradictory(order: Submit) -> bool:
    never_rests = order.price is None or order.time_in_force in _AT_ONCE
    return (never_rests and (order.post_only or order.display is not None)) or (
        order.post_only and bool(order.min_quantity)
    )


def cancel_fault(command: Cancel, instrument: Instrument | None) -> RejectReason | None:
    """Why a cancel is refused whatever the book holds; None when it is well formed.

    >>> cancel_fault(Cancel("ABC", True), Instrument("ABC")).value  # would else be taken for order 1
    'invalid-order-id'
    """
    if instrument is None:
        return RejectReason.UNKNOWN_SYMBOL
    if not is_id(command.order_id):
        return RejectReason.INVALID_ORDER_ID
    return None


def replace_fault(command: Replace, instrument: Instrument | None) -> RejectReason | None:
    """Why a replace is refused whatever the book holds; None when it is well formed."""
    reason = _replace_fault(command, instrument)
    if reason is not None:
        fired("A1")
    return reason


def _replace_fault(command: Replace, instrument: Instrument | None) -> RejectReason | None:
    if instrument is None:
        return RejectReason.UNKNOWN_SYMBOL
    if not is_id(command.order_id):
        return RejectReason.INVALID_ORDER_ID
    if not instrument.accepts_quantity(command.quantity):
        return RejectReason.INVALID_QUANTITY
    if command.price is not None and not instrument.accepts_price(command.price):
        return RejectReason.INVALID_PRICE
    if command.stop is not None and not instrument.accepts_price(command.stop):
        return RejectReason.INVALID_STOP
    return None


def basket_fault(basket: Basket, listing: Mapping[Symbol, Instrument]) -> tuple[Leg | None, RejectReason] | None:
    """The leg at fault and why: the first reason in order of precedence, of equals the first leg.

    None when the basket is well formed.
    """
    faults = [
        (reason, leg)
        for leg in basket.legs
        if (reason := _submit_fault(leg_order(basket, leg), listing.get(leg.symbol))) is not None
    ]
    symbols = [leg.symbol for leg in basket.legs]
    if not basket.legs:
        return None, RejectReason.INVALID_LEGS
    tied = families_of(list(listing.values()))
    for at, leg in enumerate(basket.legs):
        if leg.symbol in symbols[:at] or (leg.symbol in tied) is not (symbols[0] in tied):
            faults.append((RejectReason.INVALID_LEGS, leg))
    if not faults:
        return None
    fired("A1")
    reason, leg = min(faults, key=lambda fault: fault[0].precedence)
    return leg, reason


def list_fault(
    command: SubmitList, listing: Mapping[Symbol, Instrument], *, ranges: bool = False
) -> tuple[Submit | None, RejectReason] | None:
    """The leg at fault and why: the first reason in order of precedence, of equals the first leg (H4).

    None when the list is well formed.
    """
    legs = command.legs
    if len(legs) < (3 if command.kind is ListKind.OTOCO else 2):
        return None, RejectReason.INVALID_LEGS
    faults = [
        (reason, at)
        for at, leg in enumerate(legs)
        if (reason := _submit_fault(leg, listing.get(leg.symbol), ranges)) is not None
    ]
    tied = families_of(list(listing.values()))
    for at, leg in enumerate(legs):
        twice = any((other.symbol, other.order_id) == (leg.symbol, leg.order_id) for other in legs[:at])
        misplaced = any(collide(leg, it) or _within_one_route(leg, it, listing) for it in _rivals(command, at))
        if twice or misplaced or leg.account != legs[0].account or leg.symbol in tied:
            faults.append((RejectReason.INVALID_LEGS, at))
    if not faults:
        return None
    fired("H4")
    reason, at = min(faults, key=lambda fault: (fault[0].precedence, fault[1]))
    return legs[at], reason


def _rivals(command: SubmitList, at: int) -> tuple[Submit, ...]:
    """The legs before this one of which at most one may execute."""
    first = {ListKind.OCO: 0, ListKind.OTO: at, ListKind.OTOCO: 1}[command.kind]
    return command.legs[first:at]


def _within_one_route(leg: Submit, rival: Submit, listing: Mapping[Symbol, Instrument]) -> bool:
    """Whether one routed order could trade with both (L5): they rest on one side of a group, in different books."""
    if leg.stop is not None or rival.stop is not None or leg.side is not rival.side or leg.symbol == rival.symbol:
        return False
    here, there = listing.get(leg.symbol), listing.get(rival.symbol)
    return here is not None and there is not None and bool(here.group) and here.group == there.group


def collide(leg: Submit, rival: Submit) -> bool:
    """Whether two rivals, neither of them a stop, stand in one queue or would trade with one another (H1).

    In one queue the worse of the two could never trade: what it waits for would have met the better one first.
    """
    if leg.symbol != rival.symbol or leg.stop is not None or rival.stop is not None:
        return False
    if leg.side is rival.side or leg.price is None or rival.price is None:
        return True
    buy, sell = (leg, rival) if leg.side is Side.BUY else (rival, leg)
    return type(buy.price) is int and type(sell.price) is int and buy.price >= sell.price


def leg_order(basket: Basket, leg: Leg) -> Submit:
    """A leg as the fill-or-kill order that it is (L4)."""
    return Submit(
        leg.symbol,
        leg.order_id,
        basket.account,
        leg.side,
        leg.quantity,
        leg.price,
        TimeInForce.FOK,
        self_trade=basket.self_trade,
    )


def reduce_order(command: Reduce) -> Submit:
    """A reduce-only order as the order that it is beyond that (C9)."""
    fields = (command.symbol, command.order_id, command.account, command.side, command.quantity, command.price)
    return Submit(*fields, command.time_in_force, display=command.display)


def reduce_fault(command: Reduce, instrument: Instrument | None, profile: Profile) -> RejectReason | None:
    """Why a reduce-only order is refused whatever the book and its account hold; None when it is well formed.

    >>> from bookproof.spec.profile import DEFAULT
    >>> reduce_fault(Reduce("ABC", 1, 7, Side.SELL, 5, 110, TimeInForce.GTC), Instrument("ABC"), DEFAULT).value
    'invalid-combination'
    """
    reason = submit_fault(reduce_order(command), instrument, ranges=profile.takes_ranges)
    may_not_rest = RejectReason.INVALID_COMBINATION
    if profile.reduce_only is ReduceOnly.RESTS or command.time_in_force in _AT_ONCE:
        return reason
    if reason is not None and reason.precedence <= may_not_rest.precedence:
        return reason
    fired("C9")
    return may_not_rest


def liquidate_fault(command: Liquidate) -> RejectReason | None:
    """Why a liquidation is refused whatever there is to liquidate; None when it is well formed."""
    if not is_id(command.order_id):
        return RejectReason.INVALID_ORDER_ID
    return None if is_id(command.account) else RejectReason.INVALID_ACCOUNT


def closing_order(command: Liquidate, accepted: Accepted) -> Submit:
    """An order of a liquidation as the immediate-or-cancel order that it is, told by its acceptance (M3)."""
    fields = (accepted.symbol, command.order_id, command.account, accepted.side, accepted.quantity, accepted.price)
    return Submit(*fields, TimeInForce.IOC)


def spend_fault(
    command: Spend, instrument: Instrument | None, profile: Profile, *, implied: bool = False
) -> RejectReason | None:
    """Why a market order over an amount of money is refused whatever the book holds; None when it is well formed.

    At prices of zero and below there is no most that such an order could buy. In a book that is part of a spread it is
    not the book alone that says what there is to buy (L2): what is `implied` is not counted here.

    >>> from bookproof.spec.profile import DEFAULT
    >>> spend_fault(Spend("ABC", 1, 7, 500), Instrument("ABC", min_price=0), DEFAULT).value
    'not-by-budget'
    """
    if instrument is None:
        return RejectReason.UNKNOWN_SYMBOL
    if not is_id(command.order_id):
        return RejectReason.INVALID_ORDER_ID
    if not is_id(command.account):
        return RejectReason.INVALID_ACCOUNT
    if type(command.budget) is not int or not 1 <= command.budget <= LARGEST:
        return RejectReason.INVALID_BUDGET
    refused = profile.market_by_budget is MarketByBudget.REFUSED or profile.reduce_only is ReduceOnly.RESTS
    if refused or instrument.min_price <= 0 or implied:
        fired("C3")
        return RejectReason.NOT_BY_BUDGET
    return None


def spending_order(command: Spend, quantity: Lots) -> Submit:
    """A market order over an amount of money as the immediate-or-cancel order that it is, once that is known (C3)."""
    return Submit(
        command.symbol,
        command.order_id,
        command.account,
        Side.BUY,
        quantity,
        time_in_force=TimeInForce.IOC,
        self_trade=command.self_trade,
    )


def is_id(number: object) -> bool:
    """Whether this is an id, an account or a time: an integer from 0 to 2**63 - 1."""
    return type(number) is int and 0 <= number <= _LARGEST_ID
