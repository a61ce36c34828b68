"""The readable tier: a Hypothesis state machine that feeds an engine and the oracle the same commands.

A failure is a short program, one line for each command, with the orders as variables:

    state = AgreementMachine()
    order_0 = state.order(account=1, price=100, quantity=1, side=<Side.BUY: 'buy'>, symbol='ABC', terms={})
    state.replace(order=order_0, price=None, quantity=2, stop=None)
    state.teardown()
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, TypeAlias

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, rule

from bookproof.models.engines_by_name import MakeEngine
from bookproof.models.generate.case import entered
from bookproof.models.generate.features import EVERYTHING, Feature, Features
from bookproof.models.generate.funds import opening_deposits
from bookproof.models.generate.spoil import spoil
from bookproof.models.generate.strategies import (
    ACCOUNT,
    AMOUNT,
    BUDGET,
    INDEX,
    LIMITS,
    MARK,
    PHASE,
    PRICE,
    QUANTITY,
    REDUCERS_LIVE,
    SIDES,
    SPOIL,
    TIME,
    TRADE,
    Terms,
    legs,
    order,
    order_lists,
    routed,
    terms,
)
from bookproof.models.generate.venues import LEVELS, SIZES, books, closed, fitting, scale_of
from bookproof.models.sequential.differential import PATIENCE, SideBySide
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
    SetLimits,
    SetMark,
    SetPhase,
    SetReference,
    Spend,
    SubmitList,
    TakeSnapshot,
    Withdraw,
)
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import DEFAULT, Profile
from bookproof.spec.values import (
    Account,
    Limits,
    Lots,
    Nanoseconds,
    OrderId,
    Phase,
    SelfTradePrevention,
    Side,
    Symbol,
    Ticks,
    TimeInForce,
)

Order: TypeAlias = tuple[Symbol, OrderId]
"""An order entered before, whatever became of it."""

orders: Bundle[Order] = Bundle("order")


class AgreementMachine(RuleBasedStateMachine):
    """An engine beside the oracle. Subclasses say which engine, and add rules that end in `do` or `enter`."""

    engine_factory: ClassVar[tuple[MakeEngine]]
    """In a tuple, or a function would be taken for a method."""
    instruments: ClassVar[tuple[Instrument, ...]]
    profile: ClassVar[Profile]
    patience: ClassVar[float] = PATIENCE

    def __init__(self) -> None:
        super().__init__()
        self.pair = SideBySide(self.engine_factory[0], self.instruments, self.profile)
        self.next_id = 1
        for deposit in opening_deposits(self.instruments, self.profile):
            self.do(deposit)

    def do(self, command: Command) -> None:
        """Give both a command. AssertionError, with both answers side by side, when they differ in anything."""
        difference = self.pair.patiently(lambda: self.pair.step(command), self.patience)
        assert difference is None, f"\n{difference}"

    def enter(self, make: Callable[[OrderId], Command]) -> Order:
        """Give both a command that enters an order under a new id."""
        command = make(self.next_id)
        self.next_id += 1
        self.do(command)
        return entered(command)[0]


def agreement_machine(
    factory: MakeEngine, features: Features = EVERYTHING, profile: Profile = DEFAULT
) -> type[AgreementMachine]:
    """A state machine for one engine, with rules for these features only. Give its `TestCase` to pytest or unittest.

    >>> from bookproof.models.engines_by_name import factory
    >>> from bookproof.models.generate.features import PLAIN
    >>> from hypothesis import settings
    >>> from hypothesis.stateful import run_state_machine_as_test
    >>> machine = agreement_machine(factory("striped"), PLAIN)
    >>> run_state_machine_as_test(machine, settings=settings(max_examples=5, database=None))
    """
    fits = fitting(features - {Feature.SPREADS} if Feature.LISTS in features else features, profile)
    listed = closed(books(fits)[:3])
    symbols = st.sampled_from([instrument.symbol for instrument in listed])
    somewhere = st.none() | symbols
    scales = {instrument.symbol: scale_of(instrument) for instrument in listed}

    class Machine(AgreementMachine):
        engine_factory = (factory,)
        instruments = listed

        @rule(
            target=orders,
            symbol=symbols,
            account=ACCOUNT,
            side=SIDES,
            quantity=QUANTITY,
            price=PRICE,
            terms=terms(features),
        )
        def order(
            self, symbol: Symbol, account: Account, side: Side, quantity: Lots, price: Ticks, terms: Terms
        ) -> Order:
            return self.enter(lambda new_id: order(symbol, new_id, account, side, quantity, price, terms))

        @rule(order=orders)
        def cancel(self, order: Order) -> None:
            self.do(Cancel(*order))

        if Feature.REPLACE in features:

            @rule(order=orders, quantity=QUANTITY, price=st.none() | PRICE)
            def replace(self, order: Order, quantity: Lots, price: Ticks | None) -> None:
                self.do(Replace(*order, quantity, price))

            if Feature.STOPS in features:

                @rule(order=orders, quantity=QUANTITY, price=st.none() | PRICE, stop=PRICE)
                def move_stop(self, order: Order, quantity: Lots, price: Ticks | None, stop: Ticks) -> None:
                    self.do(Replace(*order, quantity, price, stop))

        if Feature.BASKETS in features:

            @rule(
                account=ACCOUNT,
                legs=legs(scales, st.integers(10**6, 10**6 + 9)),
                self_trade=st.sampled_from(SelfTradePrevention),
            )
            def basket(self, account: Account, legs: tuple[Leg, ...], self_trade: SelfTradePrevention) -> None:
                self.do(Basket(account, legs, self_trade))

        if Feature.ROUTING in features:

            @rule(
                target=orders,
                symbol=symbols,
                account=ACCOUNT,
                side=SIDES,
                quantity=QUANTITY,
                price=PRICE,
                terms=terms(features),
            )
            def routed_order(
                self, symbol: Symbol, account: Account, side: Side, quantity: Lots, price: Ticks, terms: Terms
            ) -> Order:
                return self.enter(lambda new_id: routed(order(symbol, new_id, account, side, quantity, price, terms)))

        if Feature.MASS_CANCEL in features:

            @rule(account=ACCOUNT)
            def mass_cancel(self, account: Account) -> None:
                self.do(MassCancel(account))

        if Feature.HALTS in features:

            @rule(symbol=somewhere)
            def halt(self, symbol: Symbol | None) -> None:
                self.do(Halt(symbol))

            @rule(symbol=somewhere)
            def resume(self, symbol: Symbol | None) -> None:
                self.do(Resume(symbol))

        if Feature.MARKET in features:

            @rule(
                target=orders,
                symbol=symbols,
                account=ACCOUNT,
                budget=BUDGET,
                self_trade=st.sampled_from(SelfTradePrevention),
            )
            def spend(self, symbol: Symbol, account: Account, budget: int, self_trade: SelfTradePrevention) -> Order:
                return self.enter(lambda new_id: Spend(symbol, new_id, account, budget, self_trade))

        if Feature.CLOCK in features:

            @rule(now=TIME)
            def advance_clock(self, now: Nanoseconds) -> None:
                self.do(AdvanceClock(now))

            @rule()
            def end_of_day(self) -> None:
                self.do(EndOfDay())

        if Feature.SNAPSHOT in features:

            @rule()
            def snapshot(self) -> None:
                self.do(TakeSnapshot())

        if Feature.AUCTIONS in features:

            @rule(symbol=symbols, phase=PHASE)
            def set_phase(self, symbol: Symbol, phase: Phase) -> None:
                self.do(SetPhase(symbol, phase))

        if Feature.LISTS in features:

            @rule(target=orders, asked=order_lists(scales, st.integers(1, 9), features))
            def order_list(self, asked: SubmitList) -> Order:
                """Under new ids; the second of its orders is there to be cancelled or replaced."""
                first = self.next_id
                self.next_id += len(asked.legs)
                legs = tuple(leg._replace(order_id=first + at) for at, leg in enumerate(asked.legs))
                self.do(asked._replace(legs=legs))
                return legs[1].symbol, legs[1].order_id

        if Feature.ACCOUNTS in features:

            @rule(account=ACCOUNT, amount=AMOUNT, symbol=somewhere)
            def deposit(self, account: Account, amount: int, symbol: Symbol | None) -> None:
                self.do(Deposit(account, amount, symbol))

            @rule(account=ACCOUNT, amount=AMOUNT, symbol=somewhere)
            def withdraw(self, account: Account, amount: int, symbol: Symbol | None) -> None:
                self.do(Withdraw(account, amount, symbol))

            @rule(account=ACCOUNT, limits=LIMITS)
            def set_limits(self, account: Account, limits: Limits) -> None:
                self.do(SetLimits(account, limits))

            @rule(
                target=orders,
                symbol=symbols,
                account=ACCOUNT,
                side=SIDES,
                quantity=QUANTITY,
                price=st.none() | PRICE,
                lives=REDUCERS_LIVE,
            )
            def reduce(
                self,
                symbol: Symbol,
                account: Account,
                side: Side,
                quantity: Lots,
                price: Ticks | None,
                lives: TimeInForce,
            ) -> Order:
                return self.enter(lambda new_id: Reduce(symbol, new_id, account, side, quantity, price, lives))

            @rule(symbol=symbols, trade=TRADE)
            def bust(self, symbol: Symbol, trade: int) -> None:
                self.do(Bust(symbol, trade))

            @rule(symbol=symbols, buyer=ACCOUNT, seller=ACCOUNT, price=PRICE, quantity=QUANTITY)
            def block_trade(
                self, symbol: Symbol, buyer: Account, seller: Account, price: Ticks, quantity: Lots
            ) -> None:
                self.do(BlockTrade(symbol, buyer, seller, price, quantity))

        if Feature.KILL_SWITCH in features:

            @rule(account=ACCOUNT)
            def kill_switch(self, account: Account) -> None:
                self.do(KillSwitch(account))

            @rule(account=ACCOUNT)
            def reinstate(self, account: Account) -> None:
                self.do(Reinstate(account))

            @rule(account=ACCOUNT)
            def disconnect(self, account: Account) -> None:
                self.do(Disconnect(account))

        if Feature.BREAKER in features:

            @rule(value=INDEX)
            def index_level(self, value: int) -> None:
                self.do(IndexLevel(value))

            @rule()
            def resume_market(self) -> None:
                self.do(Resume())

        if Feature.BANDS in features:

            @rule(symbol=symbols, price=PRICE)
            def set_reference(self, symbol: Symbol, price: Ticks) -> None:
                self.do(SetReference(symbol, price))

        if Feature.MARGIN in features:

            @rule(symbol=symbols, price=MARK)
            def set_mark(self, symbol: Symbol, price: Ticks) -> None:
                self.do(SetMark(symbol, price))

            @rule(account=ACCOUNT)
            def liquidate(self, account: Account) -> None:
                self.do(Liquidate(account, self.next_id))

        if Feature.LIMITS in features or Feature.SPREADS in features:

            @rule(
                target=orders,
                symbol=symbols,
                account=ACCOUNT,
                side=SIDES,
                size=st.integers(0, SIZES - 1),
                level=st.integers(0, LEVELS - 1),
            )
            def order_on_scale(self, symbol: Symbol, account: Account, side: Side, size: int, level: int) -> Order:
                """In the ticks and lots of the book, which the other rules pay no heed to."""
                _, prices, quantities = scales[symbol]
                return self.enter(
                    lambda new_id: order(symbol, new_id, account, side, quantities[size], prices[level], {})
                )

        if Feature.REUSED_IDS in features:

            @rule(old=orders, symbol=symbols, account=ACCOUNT, side=SIDES, quantity=QUANTITY, price=PRICE)
            def order_under_old_id(
                self, old: Order, symbol: Symbol, account: Account, side: Side, quantity: Lots, price: Ticks
            ) -> None:
                self.do(order(symbol, old[1], account, side, quantity, price, {}))

        if Feature.BAD_INPUT in features:

            @rule(
                symbol=symbols,
                account=ACCOUNT,
                side=SIDES,
                quantity=QUANTITY,
                price=PRICE,
                terms=terms(features),
                fault=SPOIL,
            )
            def spoiled_order(
                self,
                symbol: Symbol,
                account: Account,
                side: Side,
                quantity: Lots,
                price: Ticks,
                terms: Terms,
                fault: int,
            ) -> None:
                self.enter(lambda new_id: spoil(order(symbol, new_id, account, side, quantity, price, terms), fault))

            @rule(old=orders, fault=SPOIL)
            def spoiled_cancel(self, old: Order, fault: int) -> None:
                self.do(spoil(Cancel(*old), fault))

            @rule(old=orders, quantity=QUANTITY, price=PRICE, fault=SPOIL)
            def spoiled_replace(self, old: Order, quantity: Lots, price: Ticks, fault: int) -> None:
                self.do(spoil(Replace(*old, quantity, price), fault))

    Machine.profile = profile
    Machine.__name__ = Machine.__qualname__ = "AgreementMachine"
    return Machine
