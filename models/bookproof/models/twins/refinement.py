"""`tla/StripedRefines.tla` and its like in Python: an engine refines the sequential exchange.

The modules say so by `INSTANCE`, for TLC alone. Here refinement is a property of steps: what the sequential exchange is
before and after a step of the engine has to be one of its steps, or the same; and the first step has to begin where it
begins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from bookproof.models.states.model import Action, Fairness, LeadsTo, Model, as_value
from bookproof.models.tla.values import Function, TlaValue
from bookproof.models.twins import exchange, lists, settlement, striped
from bookproof.models.twins.parts import Constants, Map, one_of, put, specified
from bookproof.models.twins.records import Exchange, concerns_all
from bookproof.models.twins.scenarios import scenario_named, stripe_of

Before = tuple[Exchange, ...]
"""Client -> the floor as it found it when it entered, until it is stamped."""

AsStamped = Callable[[Any, Before], Exchange]
"""What the sequential exchange is, of a state of the engine: the floor, but for what is not stamped yet."""


class StateR(NamedTuple):
    """The variables of the engine, and one more."""

    engine: Any
    before: Before

    def as_tla(self) -> TlaValue:
        """One record of all variables."""
        shown = as_value(self.engine)
        assert isinstance(shown, Function)
        return Function({**shown, "before": as_value(self.before)})


def remembers_floor(before: Exchange, floor: Exchange) -> Exchange:
    """`before' = [before EXCEPT ![c] = floor]`."""
    return floor


def remembers_purses(before: Exchange, floor: Exchange) -> Exchange:
    """`before' = [before EXCEPT ![c].purse = floor.purse]`."""
    return before._replace(purse=floor.purse)


def refining(
    model: Model[Any],
    constants: Constants,
    as_stamped: AsStamped,
    remembers: Mapping[str, Callable[[Exchange, Exchange], Exchange]],
) -> Model[StateR]:
    """The model of an engine with one variable more: that every step of it is a step of the sequential exchange."""
    scenario = scenario_named(constants["Scenario"])
    beginning = scenario.beginning
    rules = exchange.exchange(constants)
    serve = rules.actions[0]

    def seen_as(s: StateR) -> exchange.State:
        return exchange.State(as_stamped(s.engine, s.before), s.engine.told)

    def refines(s: StateR, after: StateR) -> bool:
        now, then = seen_as(s), seen_as(after)
        if s == start and now not in rules.initial:
            return False
        return now == then or any(serve.next_state(now, *arguments) == then for arguments in serve.arguments)

    def with_memory(action: Action[Any]) -> Action[StateR]:
        def next_state(s: StateR, *arguments: int) -> StateR | None:
            then = action.next_state(s.engine, *arguments)
            if then is None:
                return None
            before = s.before
            if action.name == "Commit":
                before = put(before, arguments[0], beginning)
            elif action.name in remembers:
                kept = remembers[action.name](before[arguments[0] - 1], s.engine.floor)
                before = put(before, arguments[0], kept)
            return StateR(then, before)

        return Action(action.name, next_state, action.arguments)

    def of_engine(predicate: Callable[[Any], bool]) -> Callable[[StateR], bool]:
        return lambda s: predicate(s.engine)

    returns = [LeadsTo(of_engine(each.first), of_engine(each.then)) for each in model.leads_to["Returns"] if each.first]
    (start,) = (StateR(state, (beginning,) * len(scenario.clients)) for state in model.initial)
    return Model(
        model.name,
        (start,),
        tuple(map(with_memory, model.actions)),
        always={name: of_engine(predicate) for name, predicate in model.always.items()},
        every_step={"Refines": refines},
        sometimes={"AllDone": of_engine(model.sometimes["AllDone"])},
        leads_to={"AllReturn": tuple(returns)},
        fair=(Fairness(tuple(action.name for action in model.actions if action.name != "Finished")),),
    )


def striped_refines(constants: Constants, specification: str) -> Model[StateR]:
    """`tla/StripedRefines.tla` with its constants."""
    specified(specification, "SpecR")
    design = one_of(constants, "Design", *striped.DESIGNS)
    engine = striped.Striped(scenario_named(constants["Scenario"]), design)

    def as_stamped(s: striped.State, before: Before) -> Exchange:
        unstamped = [(before[c - 1], engine.command(s, c)) for c in engine.clients if s.pc[c - 1] == "stamp"]

        def by(symbol: str) -> Exchange:
            stripe = stripe_of(symbol)
            return next((then for then, command in unstamped if stripe in engine.needs(command)), s.floor)

        whole = next((then for then, command in unstamped if concerns_all(command)), s.floor)
        books = Map(engine.listed, tuple(by(symbol).book.of(symbol) for symbol in engine.listed))
        return s.floor._replace(book=books, halted=whole.halted, blocked=whole.blocked)

    return refining(striped.striped(constants, "FairSpec"), constants, as_stamped, {"Enter": remembers_floor})


def lists_refines(constants: Constants, specification: str) -> Model[StateR]:
    """`tla/ListsRefines.tla` with its constants."""
    specified(specification, "SpecR")
    engine = lists.Lists(scenario_named(constants["Scenario"]), one_of(constants, "Design", *lists.DESIGNS))

    def as_stamped(s: striped.State, before: Before) -> Exchange:
        unstamped = [c for c in engine.clients if s.pc[c - 1] == "stamp"]

        def in_book(symbol: str) -> set[int]:
            return {c for c in unstamped if s.holder[stripe_of(symbol) - 1] == c}

        def by(clients: set[int]) -> Exchange:
            return before[min(clients) - 1] if clients else s.floor

        whole = by({c for c in unstamped if concerns_all(engine.command(s, c))})
        known = s.floor.mates.union(*(before[c - 1].mates for c in unstamped))
        mates = frozenset(
            each for each in known if each in by(set.intersection(*map(in_book, lists.books_of(each)))).mates
        )
        books = Map(engine.listed, tuple(by(in_book(symbol)).book.of(symbol) for symbol in engine.listed))
        return s.floor._replace(book=books, halted=whole.halted, blocked=whole.blocked, mates=mates)

    return refining(lists.lists(constants, "SpecTied"), constants, as_stamped, {"EnterTied": remembers_floor})


def settlement_refines(constants: Constants, specification: str) -> Model[StateR]:
    """`tla/SettlementRefines.tla` with its constants."""
    specified(specification, "SpecR")
    design = one_of(constants, "Design", *settlement.DESIGNS)
    engine = settlement.Settlement(scenario_named(constants["Scenario"]), design)

    def as_stamped(s: settlement.State, before: Before) -> Exchange:
        matching = [c for c in engine.clients if s.pc[c - 1] in ("settle", "stamp")]
        booking = [c for c in matching if s.pc[c - 1] == "stamp"]

        def by(clients: list[int], lock: int) -> Exchange:
            return next((before[c - 1] for c in clients if s.holder.of(lock) == c), s.floor)

        whole = next((before[c - 1] for c in matching if concerns_all(engine.command(s, c))), s.floor)
        in_book = {symbol: by(matching, stripe_of(symbol)) for symbol in engine.listed}
        return s.floor._replace(
            book=Map(engine.listed, tuple(then.book.of(symbol) for symbol, then in in_book.items())),
            halted=whole.halted,
            blocked=whole.blocked,
            purse=tuple(by(booking, settlement.balance(a)).purse[a - 1] for a in engine.accounts),
            lots=Map(engine.listed, tuple(then.lots.of(symbol) for symbol, then in in_book.items())),
        )

    remembers = dict.fromkeys(("Enter", "Check", "Trade"), remembers_floor) | {"Book": remembers_purses}
    return refining(settlement.settlement(constants, "FairSpec"), constants, as_stamped, remembers)
