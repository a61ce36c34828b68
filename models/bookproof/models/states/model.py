"""What a model is: where it begins, what it can do, and what has to be true of it.

A model answers the questions of a TLA+ module, under the same names: initial states (`Init`), actions (the parts of
`Next`), invariants (`always`), properties of steps (`every_step`), fairness (`WF`, `SF`) and what it brings about
(`leads_to`, `<>`). And one that TLA+ does not ask: what can be reached at all (`sometimes`), since a model that does
nothing has every invariant.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar

from bookproof.models.tla.values import Function, TlaValue
from bookproof.spec.input_error import InputError

S = TypeVar("S", bound=Hashable)

Arguments = tuple[Any, ...]

NOTHING: Mapping[str, Any] = MappingProxyType({})


class Action(NamedTuple, Generic[S]):
    """One kind of step.

    >>> count = Action("Count", lambda n, by: n + by if n + by < 5 else None, ((1,), (2,)))
    >>> count.next_state(0, 2), count.next_state(4, 1)
    (2, None)
    """

    name: str
    next_state: Callable[..., S | None]
    """Of a state and the arguments: the state after it, or None where the action is not enabled. A choice is made by
    the arguments, never within. States are not changed, but made anew."""
    arguments: tuple[Arguments, ...] = ((),)
    """All that it can be done with, such as each client. `\\E c \\in Clients : Take(c)` is one argument a client."""


class Fairness(NamedTuple):
    """Who can go on does so: `WF_vars(A)` or `SF_vars(A)`, where A is the disjunction of these actions.

    Of every behaviour that has no end: A is done again and again, or from some moment on it is not (weakly fair:
    always) enabled. So it is weakly fair never to do what is disabled again and again, and not strongly fair. A step
    that changes nothing is none: neither does it enable A nor is A done by it.
    """

    actions: tuple[str, ...]
    each: bool = True
    """For each first argument by itself, `\\A c \\in Clients : WF_vars(A(c))`; else once for all of them together."""
    strong: bool = False


class Group(NamedTuple):
    """What is done by one of some instances, and has to be fair."""

    instances: frozenset[int]
    """By their places."""
    strong: bool


class LeadsTo(NamedTuple, Generic[S]):
    """Whenever one thing is so, then now or later another is: `first ~> then`."""

    first: Callable[[S], bool] | None
    """None: at the beginning, so `<>then`."""
    then: Callable[[S], bool]


def eventually(then: Callable[[S], bool]) -> tuple[LeadsTo[S], ...]:
    """Sooner or later it is so, if only once: `<>then`."""
    return (LeadsTo(None, then),)


def again_and_again(then: Callable[[S], bool]) -> tuple[LeadsTo[S], ...]:
    """However often it was so, it will be so again: `[]<>then`."""
    return (LeadsTo(lambda _: True, then),)


def never(_: object) -> bool:
    """No state is."""
    return False


def as_value(value: Any) -> TlaValue:
    """A Python value as the TLA+ value that it stands for. TypeError for one that stands for none.

    A named tuple is a record; a field that Python has a word for ends in `_` there. Whatever knows better has a method
    `as_tla`.

    >>> class Event(NamedTuple):
    ...     is_: str
    ...     legs: tuple[int, ...]
    >>> print(as_value(Event("trade", (1, 2))))
    [is |-> "trade", legs |-> <<1, 2>>]
    """
    if hasattr(value, "as_tla"):
        made: TlaValue = value.as_tla()
        return made
    match value:
        case bool() | int() | str() | Function():
            return value
        case frozenset():
            return frozenset(map(as_value, value))
        case tuple():
            fields = getattr(value, "_fields", None)
            if fields is None:
                return tuple(map(as_value, value))
            return Function({name.rstrip("_"): as_value(field) for name, field in zip(fields, value, strict=True)})
        case _:
            raise TypeError(f"expected a number, string, tuple, named tuple or frozenset, got {type(value).__name__}")


def as_state(state: Any) -> Function:
    """A named tuple as a state of TLA+: each field is a variable."""
    value = as_value(state)
    return value if isinstance(value, Function) else Function({"state": value})


class Instance(NamedTuple, Generic[S]):
    """An action with its arguments."""

    action: str
    arguments: Arguments
    next_state: Callable[..., S | None]


class Model(NamedTuple, Generic[S]):
    """A machine, and what has to be true of it.

    >>> lamp = Model("lamp", ("off",), (Action("Press", lambda s: "on" if s == "off" else "off"),),
    ...              always={"TypeOK": lambda s: s in ("on", "off")}, sometimes={"Lit": lambda s: s == "on"})
    >>> lamp.checked().instances()[0].next_state("off")
    'on'
    """

    name: str
    initial: tuple[S, ...]
    actions: tuple[Action[S], ...]
    always: Mapping[str, Callable[[S], bool]] = NOTHING
    """Invariants: true of every reachable state."""
    sometimes: Mapping[str, Callable[[S], bool]] = NOTHING
    """True of at least one reachable state each: a model in which one never is, is not the model that was meant."""
    every_step: Mapping[str, Callable[[S, S], bool]] = NOTHING
    """`[][A]_vars`: true of the states before and after every step that changes anything."""
    leads_to: Mapping[str, tuple[LeadsTo[S], ...]] = NOTHING
    fair: tuple[Fairness, ...] = ()
    finished: Callable[[S], bool] = never
    """States that may be the last: without a step out of them and yet no deadlock."""
    within: Callable[[S], bool] | None = None
    """CONSTRAINT: states that it is not true of are judged, but neither counted nor gone on from."""
    shown: Callable[[S], Function] = as_state

    def instances(self) -> tuple[Instance[S], ...]:
        """Every action with all its arguments."""
        return tuple(
            Instance(action.name, arguments, action.next_state)
            for action in self.actions
            for arguments in action.arguments
        )

    def checked(self) -> Model[S]:
        """The model itself. Raises InputError for one that could not be judged, whatever it does.

        >>> Model("empty", (), ()).checked()
        Traceback (most recent call last):
        bookproof.spec.input_error.InputError: model empty: initial: expected at least one state, got none
        """
        known = {action.name for action in self.actions}
        for field, expected, wrong in self._faults(known):
            if wrong:
                raise InputError(f"model {self.name}", 0, field, expected, wrong)
        return self

    def _faults(self, known: set[str]) -> Iterator[tuple[str, str, str]]:
        yield "initial", "at least one state", "" if self.initial else "none"
        names = [action.name for action in self.actions]
        yield "actions", "a name for each", ", ".join(sorted({name for name in names if names.count(name) > 1}))
        asked = {name for fairness in self.fair for name in fairness.actions}
        yield "fair", f"names of actions ({', '.join(sorted(known))})", ", ".join(sorted(asked - known))
        each = {name for fairness in self.fair if fairness.each for name in fairness.actions}
        bare = [action.name for action in self.actions if action.name in each and () in action.arguments]
        yield "fair", "an argument of every action that is fair for each of them", ", ".join(bare)
        cut = self.within is not None and bool(self.leads_to)
        yield "within", "no constraint where something has to happen sooner or later", "one" if cut else ""
        properties = [*self.always, *self.sometimes, *self.every_step, *self.leads_to]
        yield "properties", "a name for each", ", ".join(sorted({n for n in properties if properties.count(n) > 1}))

    def groups(self) -> list[Group]:
        """What has to be fair."""
        made: list[Group] = []
        instances = self.instances()
        for fairness in self.fair:
            by: dict[Any, set[int]] = {}
            for at, instance in enumerate(instances):
                if instance.action in fairness.actions:
                    by.setdefault(instance.arguments[0] if fairness.each else None, set()).add(at)
            made += [Group(frozenset(places), fairness.strong) for places in by.values()]
        return made
