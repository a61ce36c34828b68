"""Small scenarios in which the order of things matters, each for a dependency between books or accounts.

Small on purpose: every order of their transitions is searched, and whoever reads a counterexample has to follow it.
"""

from __future__ import annotations

from typing import NamedTuple

from bookproof.spec.commands import (
    AdvanceClock,
    Basket,
    BlockTrade,
    Bust,
    Cancel,
    Command,
    Deposit,
    EndOfDay,
    Halt,
    KillSwitch,
    Leg,
    Liquidate,
    MassCancel,
    Reduce,
    Replace,
    Resume,
    Route,
    SetLimits,
    SetMark,
    SetPhase,
    Submit,
    SubmitList,
    TakeSnapshot,
    Withdraw,
)
from bookproof.spec.instruments import Instrument, listing
from bookproof.spec.profile import DEFAULT, Generations, Profile, ReduceOnly, ReplaceQuantity, Risk, StopReference
from bookproof.spec.values import (
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

A, B, C = "A", "B", "C"
_BUYER, _SELLER, _OTHER = 1, 2, 3


class Scenario(NamedTuple):
    """Who does what. Nothing is said of when."""

    name: str
    about: str
    """What could go wrong, in a sentence."""
    scripts: tuple[tuple[Command, ...], ...]
    """The commands of each thread, in its order."""
    before: tuple[Command, ...] = ()
    """Carried out before the threads begin."""
    instruments: tuple[Instrument, ...] = listing([A, B, C])
    profile: Profile = DEFAULT

    @property
    def size(self) -> str:
        """Threads times the most commands of one, as in 3x2."""
        return f"{len(self.scripts)}x{max(map(len, self.scripts), default=0)}"


def buy(order_id: OrderId, symbol: Symbol = A, quantity: Lots = 1, price: Ticks | None = 100) -> Submit:
    """A plain buy order."""
    return Submit(symbol, order_id, _BUYER, Side.BUY, quantity, price)


def sell(order_id: OrderId, symbol: Symbol = A, quantity: Lots = 1, price: Ticks | None = 100) -> Submit:
    """A plain sell order."""
    return Submit(symbol, order_id, _SELLER, Side.SELL, quantity, price)


def basket(first_id: OrderId, *symbols: Symbol, side: Side = Side.BUY) -> Basket:
    """One lot of each symbol at 100 ticks, all or nothing."""
    return Basket(_OTHER, tuple(Leg(symbol, first_id + at, side, 1, 100) for at, symbol in enumerate(symbols)))


_OFFERS = (sell(1, A), sell(2, B))
_RIVALS = SubmitList(ListKind.OCO, _OFFERS)
"""One of the two offers, whichever is wanted first."""
_CHAIN = SubmitList(ListKind.OTO, (sell(1, A, 2), sell(2, B)))
"""An offer in one book, and one in another that waits until the first is sold."""

CASH = Profile("cash", risk=Risk.CASH)
"""Accounts are kept, and an order must be paid for (M1)."""

_POOL = tuple(Instrument(symbol, group="pool") for symbol in (A, B, C))
"""Three books whose quotes are interchangeable (L5)."""

_D = "D"
_POOLS = tuple(
    Instrument(symbol, group=group) for symbol, group in ((A, "one"), (B, "one"), (C, "other"), (_D, "other"))
)
"""Two groups of two books."""

_SPREAD = "A-B"
_FAMILY = (*listing([A, B]), Instrument(_SPREAD, min_price=-10, max_price=10, legs=(A, B)))
"""Two books and that of their spread (L1)."""
_FAR_SPREAD = "B-C"
_CHAIN_OF_SPREADS = (
    *listing([A, B, C]),
    *(Instrument(f"{one}-{two}", min_price=-10, max_price=10, legs=(one, two)) for one, two in ((A, B), (B, C))),
)
"""Three books and two spreads with one leg in common (L3)."""
_SECOND = Profile("second-generation", implied_generations=Generations.SECOND)

ON_MARGIN = CASH._replace(name="margin", margin_accounts=(_BUYER,))
"""The buyer has a margin account (M3): an order for a lot at 100 needs 10."""
_MARKS = (SetMark(A, 100), SetMark(B, 100))

NAMED: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "cancel-fill",
            "An order is cancelled while it is filled: one of the two must come too late.",
            ((buy(2),), (Cancel(A, 1), Cancel(A, 1))),
            (sell(1),),
        ),
        Scenario(
            "replace-fill",
            "An order is made larger while it is filled: no lot may trade twice or be lost (F6).",
            ((buy(2), buy(3)), (Replace(A, 1, 3), Cancel(A, 1))),
            (sell(1, quantity=2),),
        ),
        Scenario(
            "same-id",
            "Two clients enter an order with the same id (A3): the second is refused.",
            ((buy(1),), (buy(1, price=101),)),
        ),
        Scenario(
            "post-only",
            "A post-only order comes while the offer that it would take is cancelled (C6).",
            ((buy(2)._replace(post_only=True),), (Cancel(A, 1), sell(3))),
            (sell(1),),
        ),
        Scenario(
            "fok-offer",
            "A fill-or-kill order comes with the offer that it needs (C5): it is filled if that was first.",
            ((buy(2)._replace(time_in_force=TimeInForce.FOK),), (sell(3),)),
            (sell(1, price=101),),
        ),
        Scenario(
            "fok-cancel",
            "A fill-or-kill order needs two offers, and one is cancelled (C5): it is filled or nothing happens.",
            ((buy(3, quantity=2)._replace(time_in_force=TimeInForce.FOK),), (Cancel(A, 1),)),
            (sell(1), sell(2)),
        ),
        Scenario(
            "amend-fill",
            "An order is given a new total while it is filled in part (F4): what was filled counts.",
            ((Replace(A, 1, 4),), (buy(2),)),
            (sell(1, quantity=3),),
            profile=Profile("totals", replace_quantity=ReplaceQuantity.TOTAL),
        ),
        Scenario(
            "resume-call",
            "A halted book is resumed while its opening call begins (J1, J3): one of the two is refused.",
            ((Resume(A),), (SetPhase(A, Phase.CALL), buy(3))),
            (sell(1), Halt(A)),
        ),
        Scenario(
            "buy-sell",
            "A buy and a sell meet in an empty book: the first rests, and the second trades with it (B1).",
            ((buy(1),), (sell(2),)),
        ),
        Scenario(
            "halt-fill",
            "A book is halted while somebody wants what is in it (J2): the order trades before or is refused after.",
            ((Halt(A),), (buy(3),)),
            _OFFERS,
        ),
        Scenario(
            "snapshot-pair",
            "A picture of all books is taken while a basket trades in two of them, and nobody else is there.",
            ((TakeSnapshot(),), (basket(11, A, B),)),
            _OFFERS,
        ),
        Scenario(
            "stop-cascade",
            "An order trades and so triggers a stop, whose trade triggers another (E5), while somebody wants the same.",
            ((buy(5),), (buy(6, price=102),)),
            (
                buy(7, price=90),
                sell(1),
                sell(2, price=101),
                sell(3, price=102),
                buy(8, price=101)._replace(stop=100),
                buy(9, price=102)._replace(stop=101),
            ),
        ),
        Scenario(
            "mark-triggers",
            "A mark sets off a stop (E1) that wants what another order takes; a trade at that price sets off nothing.",
            ((SetMark(A, 105),), (buy(5),), (Cancel(A, 8),)),
            (sell(1), sell(2, price=101), buy(8, price=101)._replace(stop=105)),
            profile=Profile("stops-follow-marks", stop_reference=StopReference.MARK),
        ),
        Scenario(
            "call-ends",
            "A call ends while an order comes that would trade at another price (I6): it takes part, or is after it.",
            ((SetPhase(A, Phase.CONTINUOUS),), (buy(5, price=103),)),
            (SetPhase(A, Phase.CALL), buy(1, price=102), sell(2), sell(3, price=103)),
        ),
        Scenario(
            "thrown-out",
            "Two orders and a basket want one book: nobody is in it beside another.",
            ((buy(3, A),), (basket(11, A, B),), (buy(4, A),)),
            (sell(1, A, 2), sell(2, B)),
        ),
        Scenario(
            "two-books",  # P14
            "Two books are traded in at once while all are looked at: no two stamps are the same.",
            ((buy(3, A),), (buy(4, B),), (TakeSnapshot(),)),
            _OFFERS,
        ),
        Scenario(
            "kill-switch",
            "An account is blocked while it enters another order (J7): it was in time and is cancelled, or is refused.",
            ((KillSwitch(_SELLER),), (sell(3, B),), (buy(4, A),)),
            _OFFERS,
        ),
        Scenario(
            "underlying-halts",
            "A book is halted while somebody trades in another that depends on it (J6): before the halt or not at all.",
            ((Halt(A),), (buy(3, B),), (buy(4, A),)),
            _OFFERS,
            (Instrument(A), Instrument(B, underlying=A), Instrument(C)),
        ),
        Scenario(
            "baskets-cross",
            "Two baskets want the same two books, named in opposite orders (L4): neither may wait for ever.",
            ((basket(11, A, B),), (basket(21, B, A),)),
            _OFFERS,
        ),
        Scenario(
            "baskets-share",
            "Two baskets over two books that share a lock (L4): whoever takes it twice waits for itself.",
            ((basket(11, A, C),), (basket(21, C, A),)),
            (Deposit(_OTHER, 400), Deposit(_SELLER, 2, A), Deposit(_SELLER, 1, C), sell(1, A, 2), sell(2, C)),
            profile=CASH,
        ),
        Scenario(
            "basket-torn",
            "A basket needs two offers, and one of them is taken or cancelled meanwhile: all legs trade or none (L4).",
            ((basket(11, A, B),), (Cancel(B, 2), buy(3, A)), (sell(4, B),)),
            _OFFERS,
        ),
        Scenario(
            "baskets-ring",
            "Three baskets over three books, each wanting what the next one holds.",
            ((basket(11, A, B),), (basket(21, B, C),), (basket(31, C, A),)),
            (*_OFFERS, sell(3, C)),
        ),
        Scenario(
            "mass-cancel",
            "All orders of an account go while it enters more, in two books (J7): none may be forgotten half-way.",
            ((MassCancel(_SELLER),), (sell(3, A), sell(4, B)), (buy(5, B), buy(6, A))),
            _OFFERS,
        ),
        Scenario(
            "market-halt",
            "The whole market is halted and resumed while orders meet (J6): no trade may come after the halt.",
            ((Halt(), Resume()), (buy(3, A), buy(4, B)), (sell(5, B),)),
            _OFFERS,
        ),
        Scenario(
            "book-halt",
            "One book is halted while a basket wants it and its neighbour (J2, L4).",
            ((Halt(A), Resume(A)), (basket(11, A, B),), (buy(3, B),)),
            _OFFERS,
        ),
        Scenario(
            "partial-fill",
            "Two orders share the first of two offers (B7): it keeps its place, and nothing is lost (C1).",
            ((buy(3, quantity=1),), (buy(4, quantity=3),)),
            (sell(1, quantity=2), sell(2)),
        ),
        Scenario(
            "grow-in-queue",
            "An order grows while others queue behind it and somebody takes the first (F2): it goes to the end.",
            ((Replace(A, 1, 3),), (buy(3),)),
            (sell(1), sell(2)),
        ),
        Scenario(
            "expiry-fill",
            "The clock makes an order expire while it is filled (C2).",
            ((AdvanceClock(10),), (buy(2), buy(3)), (Cancel(A, 1),)),
            (sell(1)._replace(time_in_force=TimeInForce.GTD, expires=10),),
        ),
        Scenario(
            "day-end",
            "The day ends while a basket wants two day orders (C2, L4): it gets both or none.",
            ((EndOfDay(),), (basket(11, A, B),), (buy(3, B),)),
            tuple(offer._replace(time_in_force=TimeInForce.DAY) for offer in _OFFERS),
        ),
        Scenario(
            "reprice-cancel",
            "An order is given another price while it is cancelled, and somebody wants it at that price (F2, F3).",
            ((Replace(A, 1, 1, 101),), (Cancel(A, 1),), (buy(3, A, price=101),)),
            (sell(1),),
        ),
        Scenario(
            "snapshot-basket",
            "A picture of all books is taken while a basket trades: it shows both legs or none.",
            ((TakeSnapshot(),), (basket(11, A, B),), (buy(3, B), sell(4, A))),
            _OFFERS,
        ),
        Scenario(
            "rivals-hit",
            "Both offers of an OCO, in two books, are wanted at once: one is sold, and the other goes with it (H1).",
            ((buy(3, A),), (buy(4, B),)),
            (_RIVALS,),
        ),
        Scenario(
            "rivals-enter",
            "An OCO comes in over two books while somebody wants a leg in each of them (H1, H4).",
            ((_RIVALS,), (buy(3, B),), (buy(4, A),)),
        ),
        Scenario(
            "chain-cancel",
            "An OTO is cancelled by one of its orders while the other is filled: all of it goes or enters (H2, H4).",
            ((buy(3, A), buy(4, A)), (Cancel(B, 2),), (buy(5, B),)),
            (_CHAIN,),
        ),
        Scenario(
            "rivals-uncross",
            "One offer of an OCO trades in the uncross of its book while the other is wanted next door (H1, I6).",
            ((SetPhase(A, Phase.CONTINUOUS),), (buy(4, B),), (Cancel(A, 1),)),
            (SetPhase(A, Phase.CALL), _RIVALS, buy(3, A)),
        ),
        Scenario(
            "route-better",
            "A routed order looks for the best price of three books while a better one comes and the best is taken or "
            "cancelled (L5): it must take what was best at one instant.",
            ((Route(buy(11, A, 1, 105)),), (sell(4, C, 1, 90), Cancel(C, 4)), (buy(5, B, 1, 101),)),
            (sell(1, A, 1, 103), sell(2, B, 1, 101)),
            _POOL,
        ),
        Scenario(
            "routes-meet",
            "Two orders are routed from different books over the same offers, each wanting all of them (L5): no lot "
            "may be sold twice, and neither may wait for the other for ever.",
            ((Route(buy(11, A, 2)),), (Route(buy(21, B, 2)),), (Cancel(C, 3),)),
            (sell(1, A), sell(2, B), sell(3, C)),
            _POOL,
        ),
        Scenario(
            "implied-in",
            "Two legs imply a spread, which is bought while one of the legs is taken or cancelled (L2): all three "
            "trade or none.",
            ((Submit(_SPREAD, 11, _OTHER, Side.BUY, 1, 3),), (Cancel(A, 1),), (sell(4, B, 1, 100),)),
            (sell(1, A, 1, 103), buy(2, B, 1, 100)),
            _FAMILY,
        ),
        Scenario(
            "implied-out",
            "Orders in a spread and its two legs come at once, each implied by the two others (L2, L3): none may rest "
            "where it could trade.",
            (
                (Submit(_SPREAD, 11, _OTHER, Side.SELL, 1, 3),),
                (sell(12, B, 1, 100),),
                (buy(13, A, 1, 103),),
            ),
            (),
            _FAMILY,
        ),
        Scenario(
            "implied-halt",
            "One book of a family is halted and resumed while the others trade (L3): nothing is implied meanwhile, and "
            "what could trade then does when it ends.",
            ((Halt(A), Resume(A)), (Submit(_SPREAD, 11, _OTHER, Side.BUY, 1, 3),), (Cancel(B, 2),)),
            (sell(1, A, 1, 103), buy(2, B, 1, 100)),
            _FAMILY,
        ),
        Scenario(
            "implied-chain",
            "An order takes what two spreads and the far book imply together, while the order of the far book is "
            "cancelled and somebody else wants it (L3): all four trade or none.",
            ((buy(11, A, 1, 103),), (Cancel(C, 3),), (buy(12, C, 1, 100),)),
            (
                Submit(_SPREAD, 1, _SELLER, Side.SELL, 1, 2),
                Submit(_FAR_SPREAD, 2, _SELLER, Side.SELL, 1, 1),
                sell(3, C, 1, 100),
            ),
            _CHAIN_OF_SPREADS,
            _SECOND,
        ),
        Scenario(
            "implied-last",
            "Two orders want the same offer of a spread, the one as a link of a chain, while an order comes by which "
            "the chain is not needed (L3): the offer is sold once, and the shorter way goes first.",
            ((buy(11, A, 1, 104),), (sell(4, B, 1, 101),), (Submit(_FAR_SPREAD, 12, _OTHER, Side.BUY, 1, 3),)),
            (
                Submit(_SPREAD, 1, _SELLER, Side.SELL, 1, 2),
                Submit(_FAR_SPREAD, 2, _SELLER, Side.SELL, 1, 1),
                sell(3, C, 1, 100),
            ),
            _CHAIN_OF_SPREADS,
            _SECOND,
        ),
        Scenario(
            "three-by-three",
            "Baskets, cancels and halts, three of each.",
            (
                (basket(11, A, B), Cancel(A, 1), Halt(A)),
                (sell(21, B), basket(22, B, A), Resume(A)),
                (buy(31, A), Cancel(B, 2), basket(33, A, B)),
            ),
            _OFFERS,
        ),
        Scenario(
            "one-purse",
            "Orders in two books reserve from one account, which has the cash for one of them (M1).",
            ((buy(1, A),), (buy(2, B),), (Deposit(_BUYER, 1),)),
            (Deposit(_BUYER, 199),),
            profile=CASH,
        ),
        Scenario(
            "maker-withdraws",
            "A maker is paid while it takes the money out and has another order in mind (M4): it has it or has it not.",
            ((buy(2, A),), (Withdraw(_SELLER, 100),), (Submit(B, 3, _SELLER, Side.BUY, 1, 100),)),
            (Deposit(_BUYER, 100), Deposit(_SELLER, 1, A), sell(1, A)),
            profile=CASH,
        ),
        Scenario(
            "each-pays-the-other",
            "Two accounts trade with each other in two books at once (M4): neither may wait for the other for ever.",
            ((buy(3, A),), (Submit(B, 4, _SELLER, Side.BUY, 1, 100),)),
            (
                Deposit(_BUYER, 100),
                Deposit(_SELLER, 100),
                Deposit(_BUYER, 1, B),
                Deposit(_SELLER, 1, A),
                sell(1, A),
                Submit(B, 2, _BUYER, Side.SELL, 1, 100),
            ),
            profile=CASH,
        ),
        Scenario(
            "released-and-spent",
            "A fill releases an order of another account while that takes its money out (H2, M1): "
            "the order enters if the money is there, and is refused if it is not.",
            ((sell(4, A),), (Withdraw(_BUYER, 100),), (buy(5, C),)),
            (
                Deposit(_BUYER, 200),
                Deposit(_SELLER, 1, A),
                SubmitList(ListKind.OTO, (buy(1, A), buy(2, B))),
            ),
            profile=CASH,
        ),
        Scenario(
            "rival-pays",
            "A fill cancels a rival in another book while its account waits for the money that the rival reserves (H1, "
            "M1).",
            ((sell(4, A),), (buy(5, C),)),
            (
                Deposit(_BUYER, 200),
                Deposit(_SELLER, 1, A),
                SubmitList(ListKind.OCO, (buy(1, A), buy(2, B))),
            ),
            profile=CASH,
        ),
        Scenario(
            "position-limit",
            "Orders in one book come close to the limit of an account's position (M2): the second goes beyond it.",
            ((buy(3, A),), (buy(4, A),)),
            (
                SetLimits(_BUYER, Limits(position=1)),
                Deposit(_BUYER, 200),
                Deposit(_SELLER, 2, A),
                sell(1, A, 2),
            ),
            profile=CASH,
        ),
        Scenario(
            "order-count",
            "An account may have one open order, and enters one in each of two books while the first is filled (M2).",
            ((buy(1, A),), (buy(2, B),), (sell(3, A),)),
            (SetLimits(_BUYER, Limits(open_orders=1)), Deposit(_BUYER, 200), Deposit(_SELLER, 1, A)),
            profile=CASH,
        ),
        Scenario(
            "transferred",
            "Prevention moves an order of one account to another of its group (G3), which takes its money out.",
            ((sell(4, A)._replace(self_trade=SelfTradePrevention.TRANSFER),), (Withdraw(_SELLER, 100),)),
            (
                Deposit(_BUYER, 100),
                Deposit(_SELLER, 1, A),
                buy(1, A)._replace(self_trade=SelfTradePrevention.TRANSFER),
            ),
            profile=Profile("group", risk=Risk.CASH, self_trade_groups=((_BUYER, _SELLER),)),
        ),
        Scenario(
            "bust-basket",
            "A basket is busted by one of its trades while its owner spends what it would get back (N2).",
            ((Bust(A, 1),), (Withdraw(_OTHER, 200),), (Submit(C, 5, _SELLER, Side.BUY, 1, 100),)),
            (
                Deposit(_OTHER, 200),
                Deposit(_SELLER, 1, A),
                Deposit(_SELLER, 1, B),
                *_OFFERS,
                basket(11, A, B),
            ),
            profile=CASH,
        ),
        Scenario(
            "block-trade",
            "Two parties trade past the book while one of them spends the money in it (L6): for one of the two only.",
            ((BlockTrade(A, _BUYER, _SELLER, 1, 100),), (buy(3, B),), (Withdraw(_SELLER, 100),)),
            (Deposit(_BUYER, 100), Deposit(_SELLER, 1, A), Deposit(_SELLER, 1, B), sell(2, B)),
            profile=CASH,
        ),
        Scenario(
            "two-closers",
            "Two reduce-only orders want to close one position (C9): one of them comes too late.",
            ((Reduce(A, 3, _BUYER, Side.SELL, 1, 100),), (Reduce(A, 4, _BUYER, Side.SELL, 1, 100),)),
            (
                SetLimits(_BUYER, Limits(short=1)),
                Deposit(_BUYER, 1, A),
                Deposit(_OTHER, 300),
                Submit(A, 1, _OTHER, Side.BUY, 2, 100),
            ),
            profile=CASH,
        ),
        Scenario(
            "resting-closer",
            "A reduce-only order rests while its account trades past the book (C9): it is cut in the same breath, so "
            "whoever comes for it finds as much of it as there is to reduce.",
            ((BlockTrade(A, _OTHER, _BUYER, 100, 1),), (Submit(A, 3, _SELLER, Side.BUY, 2, 101),)),
            (
                SetLimits(_BUYER, Limits(short=2)),
                Deposit(_BUYER, 2, A),
                Deposit(_OTHER, 100),
                Deposit(_SELLER, 202),
                Reduce(A, 1, _BUYER, Side.SELL, 2, 101, TimeInForce.GTC),
            ),
            profile=CASH._replace(name="reducers", reduce_only=ReduceOnly.RESTS),
        ),
        Scenario(
            "cancel-releases",
            "An order is cancelled while a part of it is filled (M1): what is left of its reserve is released.",
            ((Cancel(A, 1),), (sell(2, A),)),
            (Deposit(_BUYER, 200), Deposit(_SELLER, 1, A), buy(1, A, 2)),
            profile=CASH,
        ),
        Scenario(
            "bust-spends",
            "A trade is busted while its seller spends the money (N1, M1): the order was before, or it is refused.",
            ((Bust(A, 1),), (Submit(B, 3, _SELLER, Side.BUY, 1, 100),)),
            (Deposit(_BUYER, 100), Deposit(_SELLER, 1, A), sell(1, A), buy(2, A)),
            profile=CASH,
        ),
        Scenario(
            "uncross-pays",
            "A call ends while both parties want the money elsewhere (I6, M4): what the buyer reserved too much and "
            "what the seller earned is theirs from that instant on, and no sooner.",
            ((SetPhase(A, Phase.CONTINUOUS),), (Withdraw(_SELLER, 90),), (buy(3, B, price=10),)),
            (
                Deposit(_BUYER, 100),
                Deposit(_SELLER, 2, A),
                SetPhase(A, Phase.CALL),
                buy(1, A),
                sell(2, A, quantity=2, price=90),
            ),
            profile=CASH,
        ),
        Scenario(
            "routes-one-purse",
            "Two orders of one account are routed in two groups, and its cash is enough for one of them (M1, L5).",
            ((Route(buy(11, A)),), (Route(buy(21, C)),), (Deposit(_BUYER, 1),)),
            (
                Deposit(_BUYER, 199),
                Deposit(_SELLER, 1, A),
                Deposit(_SELLER, 1, C),
                sell(1, B, 1, 99),
                sell(2, _D),
            ),
            _POOLS,
            CASH,
        ),
        Scenario(
            "one-holding",
            "An account has one lot of what two books quote, and sells it in both (M1, L5), routed in one of them, "
            "while its lot is bought or taken out.",
            ((sell(11, A),), (Route(sell(21, B)),), (Withdraw(_SELLER, 1, C),)),
            (Deposit(_BUYER, 100), Deposit(_SELLER, 1, C), buy(1, C)),
            _POOL,
            CASH,
        ),
        Scenario(
            "implied-pays",
            "Two legs imply a spread, whose buyer has one lot for it and sells that elsewhere, while a maker takes its "
            "money out (L2, M1, M4): each lot and each coin is somebody's at every moment.",
            (
                (Submit(_SPREAD, 11, _OTHER, Side.BUY, 1, 3),),
                (Submit(B, 12, _OTHER, Side.SELL, 1, 101),),
                (Withdraw(_SELLER, 103),),
            ),
            (
                Deposit(_OTHER, 3),
                Deposit(_OTHER, 1, B),
                Deposit(_SELLER, 1, A),
                Deposit(_BUYER, 100),
                sell(1, A, 1, 103),
                buy(2, B),
            ),
            _FAMILY,
            CASH,
        ),
        Scenario(
            "one-portfolio",
            "Orders in two books need margin of one account, whose equity covers one of them (M3).",
            ((buy(1, A),), (buy(2, B),), (Deposit(_BUYER, 1),)),
            (Deposit(_BUYER, 18), *_MARKS),
            profile=ON_MARGIN,
        ),
        Scenario(
            "maker-on-margin",
            "A maker on margin is filled in one book while it orders in another, which nothing covers before or after "
            "(M3, M4): lots that are not paid for yet are no wealth.",
            ((sell(2, A),), (buy(3, B, 2),)),
            (Deposit(_BUYER, 25), Deposit(_SELLER, 1, A), *_MARKS, buy(1, A)),
            profile=ON_MARGIN,
        ),
        Scenario(
            "mark-moves",
            "A mark falls while an account on margin orders in another book and is filled in that one (M3).",
            ((SetMark(A, 90),), (buy(3, B),), (sell(2, A),)),
            (Deposit(_BUYER, 25), Deposit(_SELLER, 1, A), *_MARKS, buy(1, A)),
            profile=ON_MARGIN,
        ),
        Scenario(
            "liquidated",
            "An account on margin is closed out while somebody takes what it would sell to, and its own order in "
            "another book is filled (M3): each lot and each coin is somebody's at every moment.",
            ((Liquidate(_BUYER, 9),), (sell(5, A),), (sell(6, B),)),
            (
                Deposit(_BUYER, 25),
                Deposit(_OTHER, 200),
                Deposit(_SELLER, 2, A),
                Deposit(_SELLER, 1, B),
                *_MARKS,
                sell(1, A),
                buy(2, A),
                buy(3, B),
                SetMark(A, 76),
                Submit(A, 4, _OTHER, Side.BUY, 1, 76),
            ),
            profile=ON_MARGIN,
        ),
    )
}
"""Every scenario that can be asked for by name."""

ROWS: dict[int, tuple[str, ...]] = {
    1: ("one-purse", "cancel-releases"),
    2: ("maker-withdraws", "each-pays-the-other", "uncross-pays"),
    3: ("position-limit", "two-closers", "resting-closer", "maker-on-margin"),
    4: ("rivals-hit", "rivals-enter", "chain-cancel", "rivals-uncross", "released-and-spent", "rival-pays"),
    5: ("implied-in", "implied-out", "implied-halt", "implied-chain", "implied-last", "implied-pays"),
    6: ("route-better", "routes-meet", "routes-one-purse", "one-holding"),
    7: ("baskets-cross", "basket-torn", "baskets-ring", "baskets-share"),
    8: ("mass-cancel", "kill-switch"),
    9: ("market-halt", "underlying-halts"),
    10: ("mark-triggers",),
    11: ("transferred",),
    12: ("same-id",),
    13: ("order-count",),
    14: ("two-books", "snapshot-basket", "snapshot-pair"),
    15: ("bust-basket", "bust-spends", "block-trade"),
    16: ("day-end", "expiry-fill", "call-ends", "resume-call"),
}
"""What needs more than one lock, as the rules list it (section P): the scenarios of each row.

1 credit, 2 settlement of makers, 3 position limits and reduce-only, 4 lists over two books, 5 spreads and what they
imply, 6 routed orders, 7 baskets, 8 mass cancel and kill switch, 9 halts of the market and of what depends on a book,
10 stops that follow a mark, 11 prevention between two accounts, 12 order ids, 13 order counts, 14 stamps and pictures
of all books, 15 busts and block trades, 16 end of day, expiry and phases.
"""
