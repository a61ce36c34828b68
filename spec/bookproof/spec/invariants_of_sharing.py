"""What must hold where levels are shared among their orders: the predicates of rule K, over the same steps and tapes.

They look at *rounds*: what one aggressor does to the orders of one price and rank, as they stand when it comes to them.
None of them asks the allocation algorithm. They say what its answer must be like; where neither TOP nor lead market
makers interfere, that leaves one answer only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from bookproof.spec.allocation_terms import Allocation, Sharing
from bookproof.spec.events import Cancelled
from bookproof.spec.profile import Profile
from bookproof.spec.tape import Standing, Tape, rank, same_owner
from bookproof.spec.values import Lots, OrderId, Side

if TYPE_CHECKING:
    from bookproof.spec.invariants import Step

Sentences = Iterator[str]


class Round(NamedTuple):
    """One aggressor and the orders of one price and rank."""

    first: bool
    """Nothing happened in this book before it."""
    volume: Lots
    """What the aggressor wants as it begins."""
    offers: tuple[Standing, ...]
    """In queue order."""
    fills: tuple[tuple[OrderId, Lots], ...]
    """Traded or prevented, in the order of the events."""
    lot: Lots
    """A whole lot of the instrument."""

    @property
    def ids(self) -> list[OrderId]:
        """The orders, in queue order."""
        return [offer.order_id for offer in self.offers]

    @property
    def given(self) -> list[Lots]:
        """What each offer gave, in whole lots and in queue order."""
        return [sum(lots for maker, lots in self.fills if maker == order_id) // self.lot for order_id in self.ids]

    @property
    def offered(self) -> list[Lots]:
        """What each offer could give, in whole lots and in queue order."""
        return [offer.slice // self.lot for offer in self.offers]

    @property
    def wanted(self) -> Lots:
        """The volume in whole lots."""
        return self.volume // self.lot


def rounds(tape: Tape, lot: Lots) -> Iterator[Round]:
    """The rounds of one command in one book, as its events tell them.

    A round is over when the aggressor, or every offer, has had what there is; or when the events go on otherwise.
    """
    scenes = tape.scenes
    at = 0
    while at < len(scenes):
        taker = scenes[at].met
        if taker is None or isinstance(scenes[at].event, Cancelled) or not scenes[at].facing:
            at += 1
            continue
        start, offers = at, _beside(scenes[at].facing)
        most = min(taker.leaves, sum(offer.slice for offer in offers))
        fills: list[tuple[OrderId, Lots]] = []
        while at < len(scenes) and (at == start or sum(lots for _, lots in fills) < most):
            event, about, aggressor, _ = scenes[at]
            if isinstance(event, Cancelled):  # of a maker that prevention has emptied
                if about.leaves:
                    break
            elif aggressor is None or aggressor.terms is not taker.terms:
                break
            else:
                fills.append((event.maker, event.quantity))
            at += 1
        yield Round(start == 0, taker.leaves, offers, tuple(fills), lot)


def shared_levels_in_order(step: Step) -> Sentences:
    """Better prices come first, displayed orders before hidden ones, and in a round the fills stand in queue order."""
    if step.before.profile.allocation.is_fifo:
        return
    for scene in step.scenes:
        if scene.met is not None and scene.about not in _beside(scene.facing):
            yield f"{scene.met.order_id} met {scene.about.order_id}, and {scene.facing[0].order_id} is better"
    for one in _rounds_of(step):
        makers = [maker for maker, _ in one.fills]
        if makers != [order_id for order_id in one.ids if order_id in makers]:
            yield f"the fills of a level are told as {makers}, and its queue is {one.ids}"


def level_is_shared_out(step: Step) -> Sentences:
    """All that can trade does, nobody gives more than it offers, and all of it in whole lots."""
    if step.before.profile.allocation.is_fifo:
        return
    for one in _rounds_of(step):
        given, most = one.given, min(one.wanted, sum(one.offered))
        if sum(given) != most:
            yield f"{sum(given)} lots of a level were given, and {most} could have been"
        for order_id, lots, offered in zip(one.ids, given, one.offered, strict=True):
            if lots > offered:
                yield f"order {order_id} gave {lots} lots, and it offered {offered}"
        if any(lots < 1 or lots % one.lot for _, lots in one.fills):
            yield f"the fills {one.fills} are not whole lots of {one.lot}"


def top_bettered_the_market(step: Step) -> Sentences:
    """Who is TOP is who came to rest last ahead of its whole side, and has not queued anew since."""
    for symbol, tape in step.tapes.items():
        book = step.after.books[symbol]
        for side in Side:
            live = [order.order_id for order in book.side(side)]
            should = tape.tops[side] if tape.tops[side] in live else None
            tops = [order.order_id for order in book.side(side) if order.sequence == book.top(side)]
            if tops != ([] if should is None else [should]):
                yield f"in {symbol}, the {side} TOP should be {should}, and it is {tops}"


def top_is_served_first(step: Step) -> Sentences:
    """TOP gives all it offers, up to the maximum, before anybody else gives anything.

    Asked of the first round of a command: by later ones TOP may be another.
    """
    allocation = step.before.profile.allocation
    if not allocation.top_maximum:
        return
    for symbol, tape in step.tapes.items():
        book = step.before.books[symbol]
        for one in rounds(tape, book.instrument.lot):
            if not one.first:
                continue
            tops = _tops(step, one)
            for offer, lots, offered in zip(one.offers, one.given, one.offered, strict=True):
                due = min(one.wanted, offered, allocation.top_maximum)
                if offer.order_id in tops and lots < due:
                    yield f"{offer.order_id} is TOP and gave {lots} lots, at least {due} were its due"


def market_makers_get_their_percentage(step: Step) -> Sentences:
    """The orders of a lead market maker give at least its percentage of what TOP has left, or all they offer."""
    allocation = step.before.profile.allocation
    if not allocation.lead_market_makers:
        return
    for one in _rounds_of(step):
        tops = _tops(step, one)
        of_top = sum(
            min(offered, allocation.top_maximum)
            for offer, offered in zip(one.offers, one.offered, strict=True)
            if offer.order_id in tops
        )
        for maker in allocation.lead_market_makers:
            mine = [
                (offered, lots)
                for offer, offered, lots in zip(one.offers, one.offered, one.given, strict=True)
                if offer.terms.account == maker.account and offer.order_id not in tops
            ]
            due = min(sum(offered for offered, _ in mine), max(0, one.wanted - of_top) * maker.percent // 100)
            gave = sum(lots for _, lots in mine)
            if gave < due:
                yield f"lead market maker {maker.account} gave {gave} lots, and {due} were its due"


def the_rest_is_in_proportion(step: Step) -> Sentences:
    """Each order gives its part first come, first served and its part in proportion; what is over goes by the queue.

    With leveling, an order that may have a part in proportion has one lot at least, as far as they go by the queue.

    Asked of rounds without TOP and without orders of lead market makers. That it goes by the queue means: of those
    that gave more than their part, all but the last gave all they offered. So the outcome is determined.
    """
    allocation = step.before.profile.allocation
    if allocation.is_fifo:
        return
    special = {maker.account for maker in allocation.lead_market_makers}
    for one in _rounds_of(step):
        if _tops(step, one) or any(offer.terms.account in special for offer in one.offers):
            continue
        parts = _parts(allocation, one.wanted, one.offered)
        rest = list(zip(one.ids, one.given, parts, one.offered, strict=True))
        for order_id, lots, part, _ in rest:
            if lots < part:
                yield f"order {order_id} gave {lots} lots, and {part} were its part"
        short = [at for at, (_, lots, _, offered) in enumerate(rest) if lots < offered]
        over = [at for at, (_, lots, part, _) in enumerate(rest) if lots > part]
        if short and over and over[-1] > short[0]:
            yield f"order {rest[over[-1]][0]} gave more than its part before {rest[short[0]][0]} had given all"


def foremost(profile: Profile, taker: Standing | None, facing: tuple[Standing, ...]) -> Standing:
    """Whom prevention is about when it cancels the aggressor: the first of the queue, or the first own of the round."""
    if taker is None or profile.allocation.is_fifo:
        return facing[0]
    own = [offer for offer in _beside(facing) if same_owner(profile, taker.terms, offer.terms)]
    return own[0] if own else facing[0]


# ── small things ──


def _rounds_of(step: Step) -> Iterator[Round]:
    for symbol, tape in step.tapes.items():
        yield from rounds(tape, step.before.books[symbol].instrument.lot)


def _beside(facing: Iterable[Standing]) -> tuple[Standing, ...]:
    """Those of the first one's price and rank."""
    everybody = tuple(facing)
    return tuple(offer for offer in everybody if rank(offer.terms) == rank(everybody[0].terms))


def _tops(step: Step, one: Round) -> set[OrderId]:
    """Who may be TOP in a round: in the first one, who is."""
    if not step.before.profile.allocation.top_maximum:
        return set()
    if not one.first:
        return set(one.ids)
    symbol = one.offers[0].terms.symbol
    book = step.before.books[symbol]
    return {order.order_id for side in Side for order in book.side(side) if order.sequence == book.top(side)}


def _parts(allocation: Allocation, wanted: Lots, offered: list[Lots]) -> list[Lots]:
    """What each order gives at least, as far as nobody comes before the others."""
    if wanted >= sum(offered):
        return offered
    early = wanted * allocation.fifo_percent // 100
    ahead = accumulate(offered, initial=0)
    served = [max(0, min(lots, early - before)) for lots, before in zip(offered, ahead, strict=False)]
    wanted -= sum(served)
    left = [lots - gone for lots, gone in zip(offered, served, strict=True)]
    power = allocation.time_exponent if allocation.sharing is Sharing.TIME_PRO_RATA else 1
    if allocation.sharing is Sharing.FIFO:
        return served
    parts = []
    for at, lots in enumerate(left):
        here, after = sum(left[at:]), sum(left[at + 1 :])
        part = min(lots, wanted * (here**power - after**power) // sum(left) ** power)
        parts.append(part if part >= allocation.minimum and offered[at] >= allocation.threshold else 0)
    over = wanted - sum(parts)
    for at, (part, lots) in enumerate(zip(parts, left, strict=True)) if allocation.leveling else ():
        if not part and lots and over and offered[at] >= allocation.threshold:
            parts[at], over = 1, over - 1
    return [gone + part for gone, part in zip(served, parts, strict=True)]
