"""What the rule book says of a scenario: every event of every command, and every view that it changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeAlias

from bookproof.models.concurrent.recorder import accounts_in
from bookproof.models.generate.case import Case
from bookproof.models.rules.occasions import in_order
from bookproof.models.vectors.collect import Rules, met_in, wanted
from bookproof.spec import exchange
from bookproof.spec.commands import Basket, Command, Reduce, Route, Spend, Submit, SubmitList
from bookproof.spec.events import Event
from bookproof.spec.profile import DEFAULT, Profile
from bookproof.spec.rulebook import listening
from bookproof.spec.values import Value, defaults_of
from bookproof.spec.views import AccountView, BookView, MarketView
from bookproof.spec.wire import kebab

View: TypeAlias = BookView | AccountView | MarketView


class Step(NamedTuple):
    """One command, and all that is expected of it."""

    command: Command
    rules: tuple[str, ...]
    """By which the rule book decided it."""
    events: tuple[Event, ...]
    views: tuple[View, ...]
    """Those that are not what they were before it. The others have not changed."""


class Vector(NamedTuple):
    """A scenario, and all that is expected of an exchange that goes through it."""

    name: str
    """The rules that it is there for, such as B1+B7. No two have the same."""
    needs: tuple[str, ...]
    """What an exchange must know to go through it: commands, terms of orders, choices of the venue."""
    case: Case
    steps: tuple[Step, ...]


def vectors(cases: Iterable[Case]) -> Iterator[Vector]:
    """The vectors of some scenarios, in their order.

    >>> from bookproof.models.vectors.collect import scenarios
    >>> first = next(vectors(scenarios()))
    >>> first.name, [step.command for step in first.steps] == list(first.case.commands)
    ('A1', True)
    """
    for name, case in _named(cases):
        yield Vector(name, needs_of(case), case, tuple(_steps(case)))


def _named(cases: Iterable[Case]) -> Iterator[tuple[str, Case]]:
    """Each case with the first of the rules and pairs that its last command shows and no case before it is named by."""
    targets = sorted(wanted(), key=lambda rules: (len(rules), [in_order(rule) for rule in rules]))
    given: dict[Rules, int] = {}
    for case in cases:
        met = met_in(case)
        shown = [rules for rules in targets if met.issuperset(rules)]
        rules = next((rules for rules in shown if rules not in given), shown[-1] if shown else ("none",))
        given[rules] = given.get(rules, 0) + 1
        yield "+".join(rules) + (f"-{given[rules]}" if given[rules] > 1 else ""), case


def _steps(case: Case) -> Iterator[Step]:
    state = exchange.opening(case.instruments, case.profile)
    accounts = accounts_in(case.profile, [case.commands])

    def views() -> tuple[View, ...]:
        books = (exchange.view(state, instrument.symbol) for instrument in case.instruments)
        return (*books, *(exchange.account(state, account) for account in accounts), exchange.market(state))

    before = views()
    for command in case.commands:
        with listening() as decided:
            state, events = exchange.step(state, command)
        after = views()
        changed = tuple(now for then, now in zip(before, after, strict=True) if now != then)
        yield Step(command, tuple(sorted(set(decided), key=in_order)), tuple(events), changed)
        before = after


# ── what an exchange must know ──

_BASIC = frozenset({"symbol", "order_id", "account", "side", "quantity", "price"})


def needs_of(case: Case) -> tuple[str, ...]:
    """What is used beyond limit orders under the default profile, in alphabetical order.

    >>> from bookproof.spec.commands import Cancel
    >>> from bookproof.spec.instruments import listing
    >>> from bookproof.spec.values import Side, TimeInForce
    >>> order = Submit("ABC", 1, 7, Side.BUY, 1, None, TimeInForce.IOC)
    >>> needs_of(Case(listing(["ABC", "XYZ"]), (order, Cancel("ABC", 1))))
    ('cancel', 'ioc', 'market', 'several-books', 'submit')
    """
    found: set[str] = set()
    for command in case.commands:
        found.add(kebab(type(command).__name__))
        found.update(*map(_terms, _orders(command)))
    if len(case.instruments) > 1:
        found.add("several-books")
    for instrument in case.instruments:
        found.update(f"instrument.{name}" for name in _changed(instrument))
    found.update(f"profile.{name}" for name in _choices(case.profile))
    return tuple(sorted(found))


def _orders(command: Command) -> tuple[Value, ...]:
    if isinstance(command, Submit | Spend | Reduce):
        return (command,)
    if isinstance(command, Basket | SubmitList):
        return (command, *command.legs)
    return (command.order,) if isinstance(command, Route) else ()


def _terms(order: Value) -> Iterator[str]:
    """The terms of an order that are not at their default, by name; the time in force by its value."""
    if getattr(order, "price", 0) is None:
        yield "market"
    for name in _changed(order):
        if name == "time_in_force" or name == "kind":
            yield str(getattr(order, name).value)
        elif name not in _BASIC:
            yield name.replace("_", "-")


def _changed(value: Value) -> list[str]:
    return [name for name, usual in defaults_of(type(value)).items() if getattr(value, name) != usual]


def _choices(profile: Profile) -> list[str]:
    return [
        name
        for name in Profile.__struct_fields__
        if name != "name" and getattr(profile, name) != getattr(DEFAULT, name)
    ]
