"""The explicit-state checker: published numbers, known answers, and defects planted in it that these must show."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import combinations, pairwise
from typing import Any, NamedTuple

import pytest

from bookproof.models.states import fairness
from bookproof.models.states.graph import difference
from bookproof.models.states.model import Action, Fairness, LeadsTo, Model, as_state, eventually
from bookproof.models.states.report import DEADLOCK, Report, Verdict
from bookproof.models.states.search import Space, check, state_graph
from bookproof.models.tla.values import ModelValue
from bookproof.models.twins import known
from bookproof.spec.input_error import InputError

HOLDS, VIOLATES, UNDECIDED = Verdict.HOLDS, Verdict.VIOLATES, Verdict.UNDECIDED
ENTERS = (Fairness(known.PETERSON[1:]),)
ALL_PRISONERS = ("CounterStep", "NonCounterStep")

PUBLISHED: list[tuple[Callable[[], Model[Any]], int, int | None, int | None, str]] = [
    # model, distinct states, states generated, depth, where it says so (see `known`). TLC goes through the parts of a
    # guard with "or" one by one, and counts a step for each that is true: EWD840 has such guards.
    (lambda: known.transaction_commit(3), 34, 94, 7, "transaction_commit/manifest.json"),
    (lambda: known.two_phase_commit(3), 288, 1_146, 11, "transaction_commit/manifest.json"),
    (lambda: known.two_phase_commit(5), 8_832, None, None, "Stateright, examples/2pc.rs"),
    (known.two_jugs, 16, 97, 8, "TLC 2.15 on DieHard/DieHard.tla"),
    (known.peterson, 42, 77, 11, "locks_auxiliary_vars/manifest.json"),
    (lambda: known.ring(3), 302, None, None, "ewd840/manifest.json, EWD840.cfg"),
    (lambda: known.ring(4), 1_566, None, None, "ewd840/manifest.json, EWD840_json.cfg"),
    (lambda: known.philosophers(5), 67, 336, 29, "DiningPhilosophers/manifest.json"),
    (lambda: known.prisoners(4, fair=(Fairness(ALL_PRISONERS),)), 214, 860, 14, "Prisoners/manifest.json"),
]


@pytest.mark.parametrize(("model", "distinct", "generated", "depth", "source"), PUBLISHED)
def test_comes_to_the_numbers_that_others_published(
    model: Callable[[], Model[Any]], distinct: int, generated: int | None, depth: int | None, source: str
) -> None:
    found = check(model())
    assert found.verdict is HOLDS, source
    assert found.distinct == distinct, source
    assert generated in (None, found.generated), source
    assert depth in (None, found.diameter), source


def test_two_phase_commit_of_six_has_the_states_that_its_own_module_tells_of() -> None:
    assert check(known.two_phase_commit(6)).distinct == 50_816


def clock(hours: int, **more: Any) -> Model[int]:
    """It goes up to the last hour, and there it stays."""
    return Model("clock", (0,), (Action("Tick", lambda n: n + 1 if n < hours else None),), **more)


# ── what holds, and what does not ──


def test_the_shortest_way_is_told_when_an_invariant_breaks() -> None:
    found = check(known.two_jugs(solves=True))
    assert (found.verdict, found.violated, found.length) == (VIOLATES, "NotSolved", 6)
    assert [str(step) for step in found.trace[:3]] == ["Init", "FillBigJug", "BigToSmall"]
    assert found.trace[-1].state == as_state(known.Jugs(4, 3))
    for before, step in pairwise(found.trace):
        assert before.state != step.state


def test_an_invariant_that_breaks_in_an_initial_state_takes_no_step() -> None:
    found = check(clock(3, always={"Late": lambda n: n > 0}))
    assert (found.violated, found.length, found.diameter, len(found.trace)) == ("Late", 0, 1, 1)


def test_an_invariant_that_breaks_in_the_last_state_of_all_is_seen() -> None:
    found = check(clock(3, always={"Early": lambda n: n < 3}, finished=lambda n: n == 3))
    assert (found.violated, found.length) == ("Early", 3)


def test_whoever_does_not_wait_for_the_other_is_in_with_it() -> None:
    found = check(known.peterson(looks=False))
    assert (found.violated, found.length) == ("MutualExclusion", 8)


def test_a_state_without_a_way_on_is_a_deadlock_unless_it_is_finished() -> None:
    stuck = check(clock(3))
    assert (stuck.verdict, stuck.violated, stuck.length) == (VIOLATES, DEADLOCK, 3)
    assert check(clock(3, finished=lambda n: n == 3)).verdict is HOLDS


def test_the_nearest_deadlock_is_told() -> None:
    fork = Action("Go", lambda n, by: n + by if n in (0, 10, 11) else None, ((1,), (10,)))
    assert check(Model("fork", (0,), (fork,))).length == 1


def test_what_is_never_reached_is_a_failure() -> None:
    found = check(clock(3, sometimes={"Noon": lambda n: n == 12}, finished=lambda n: n == 3))
    assert (found.verdict, found.violated, found.trace) == (VIOLATES, "Noon", ())
    reached = check(clock(3, sometimes={"Two": lambda n: n >= 2}, finished=lambda n: n == 3))
    assert (reached.verdict, reached.reached) == (HOLDS, {"Two": 2})


def test_a_property_of_steps_is_held_against_every_step_that_changes_something() -> None:
    jump = Action("Jump", lambda n: n + 2 if n == 1 else n)
    model = clock(3, every_step={"ByOne": lambda before, after: after == before + 1})
    assert check(model._replace(finished=lambda n: n == 3)).verdict is HOLDS
    found = check(model._replace(actions=(*model.actions, jump)))
    assert (found.violated, found.length, str(found.trace[-1])) == ("ByOne", 2, "Jump")


def test_a_step_to_a_state_that_is_known_already_has_to_be_right_too() -> None:
    back = Action("Back", lambda n: n - 1 if n == 3 else None)
    model = clock(3, every_step={"Upwards": lambda before, after: after > before})
    found = check(model._replace(actions=(*model.actions, back)))
    assert (found.violated, found.length) == ("Upwards", 4)


def test_states_beyond_the_constraint_are_judged_but_neither_counted_nor_gone_on_from() -> None:
    for_ever = Model("count", (0,), (Action("Tick", lambda n: n + 1),), within=lambda n: n < 5)
    found = check(for_ever, states=1000)
    assert (found.verdict, found.distinct, found.generated, found.diameter) == (HOLDS, 5, 6, 5)
    wrong = check(for_ever._replace(always={"Less": lambda n: n < 5}), states=1000)
    assert (wrong.violated, wrong.length) == ("Less", 5)


def test_a_truth_value_is_not_shown_as_a_number_though_python_calls_them_equal() -> None:
    class Lamp(NamedTuple):
        times: int
        lit: bool

    press = Action("Press", lambda s: Lamp(s.times + 1, not s.lit) if s.times < 2 else None)
    graph = state_graph(Model("lamp", (Lamp(0, False),), (press,)))
    assert [str(state) for state in graph.states] == [
        "[lit |-> FALSE, times |-> 0]",
        "[lit |-> TRUE, times |-> 1]",
        "[lit |-> FALSE, times |-> 2]",
    ]


# ── budgets ──


@pytest.mark.parametrize("budget", [{"states": 100}, {"seconds": 0.0}])
def test_a_budget_that_is_spent_decides_nothing(budget: dict[str, Any]) -> None:
    found = check(known.two_phase_commit(3), **budget)
    assert found.verdict is UNDECIDED
    assert "not enough" in found.why
    with pytest.raises(InputError, match="expected all states within"):
        state_graph(known.two_phase_commit(3), **budget)


def test_what_was_found_wrong_within_the_budget_stands() -> None:
    assert check(known.two_jugs(solves=True), states=14).verdict is VIOLATES


def test_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    check(known.two_phase_commit(5), progress=lambda found, waiting: told.append((found, waiting)))
    assert len(told) > 10
    assert all(0 < waiting <= found for found, waiting in told)


# ── models that cannot be judged ──


@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        (Model[int]("m", (), ()), "initial: expected at least one state, got none"),
        (clock(3, fair=(Fairness(("Tock",)),)), r"fair: expected names of actions \(Tick\), got Tock"),
        (clock(3, fair=(Fairness(("Tick",)),)), "an argument of every action that is fair for each"),
        (clock(3, always={"A": bool}, sometimes={"A": bool}), "properties: expected a name for each, got A"),
        (clock(3, within=bool, leads_to={"A": eventually(bool)}), "within: expected no constraint"),
        (Model("m", (0,), (Action("A", int), Action("A", int))), "actions: expected a name for each, got A"),
    ],
)
def test_a_model_that_cannot_be_judged_is_refused(model: Model[Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        check(model)


# ── sooner or later ──

TOGETHER = Fairness(("Tick",), each=False)


def flicker(**more: Any) -> Model[int]:
    """0 and 1 in turn, for ever; from 1 it may also go to 2. `Leave` is enabled again and again, but never for long."""
    return Model(
        "flicker",
        (0,),
        (
            Action("Tick", lambda n: {0: 1, 1: 0}.get(n)),
            Action("Leave", lambda n: 2 if n == 1 else None),
            Action("Stay", lambda n: n if n != 1 else None),
        ),
        leads_to={"Left": eventually(lambda n: n == 2)},
        **more,
    )


def leave(*, strong: bool) -> Fairness:
    return Fairness(("Leave",), each=False, strong=strong)


def two_traps() -> Model[int]:
    """From 0 three steps lead to a trap; and five lead to another, where one only begins to wait."""
    after = {(0, 1): 1, (1, 1): 2, (2, 1): 3, (0, 2): 10, (10, 1): 11, (11, 1): 12, (12, 1): 13, (13, 1): 14}
    wait = LeadsTo[int](lambda n: n in (0, 14), lambda n: n in (10, 11, 12, 13))
    step = Action("Step", lambda n, way: after.get((n, way)), ((1,), (2,)))
    return Model("traps", (0,), (step,), leads_to={"Saved": (wait,)}, fair=(Fairness(("Step",), each=False),))


THREE: dict[str, tuple[LeadsTo[int], ...]] = {"Three": eventually(lambda n: n == 3)}
FOUR: dict[str, tuple[LeadsTo[int], ...]] = {"Four": eventually(lambda n: n == 4)}

LIVE: list[tuple[str, Model[Any], Verdict, int | None, int | None]] = [
    # what, model, verdict, and of the behaviour: its steps, and where it goes round
    ("nothing has to happen", clock(3, leads_to=THREE), VIOLATES, 0, 0),
    ("nothing has to happen from the other", clock(3, leads_to=THREE)._replace(initial=(3, 2)), VIOLATES, 0, 0),
    ("who can tick does", clock(3, leads_to=THREE, fair=(TOGETHER,)), HOLDS, None, None),
    ("one tick too few", clock(3, leads_to=FOUR, fair=(TOGETHER,)), VIOLATES, 3, 3),
    ("the nearer trap", two_traps(), VIOLATES, 3, 3),
    ("weak: disabled again and again", flicker(fair=(TOGETHER, leave(strong=False))), VIOLATES, 2, 0),
    ("strong: enabled again and again", flicker(fair=(TOGETHER, leave(strong=True))), HOLDS, None, None),
    ("strong, but it may stay before", flicker(fair=(leave(strong=True),)), VIOLATES, 0, 0),
    ("to stay is no step", flicker(fair=(Fairness(("Stay",), each=False), leave(strong=True))), VIOLATES, 0, 0),
    ("whoever wants to enter does", known.peterson(fair=ENTERS), HOLDS, None, None),
    ("one goes on until it wants to enter", known.peterson(fair=(Fairness(("a0",)),)), VIOLATES, 3, 3),
    ("a token has to go round", known.ring(3), HOLDS, None, None),
    ("a token need not go round", known.ring(3, fair=False), VIOLATES, 0, 0),
    ("philosophers go on", known.philosophers(5), HOLDS, None, None),
    ("philosophers may sit still", known.philosophers(5, fair=False), VIOLATES, 0, 0),
    ("every prisoner is brought in", known.prisoners(4, fair=(Fairness(ALL_PRISONERS),)), HOLDS, None, None),
    ("some prisoner is", known.prisoners(4, fair=(Fairness(ALL_PRISONERS, each=False),)), VIOLATES, 2, 0),
    ("the counter alone is", known.prisoners(4, fair=(Fairness(ALL_PRISONERS[:1]),)), VIOLATES, 2, 0),
]


def live_lies() -> Iterator[str]:
    """What is said of these models that is not so."""
    for what, model, verdict, length, back_to in LIVE:
        found = check(model._replace(finished=lambda _: True))
        said = (found.verdict, found.length if found.trace else None, found.back_to)
        if said != (verdict, length, back_to):
            yield f"{what}: {said}"


def test_fairness_decides_what_has_to_happen() -> None:
    assert list(live_lies()) == []


def random_model(seed: int) -> Model[int]:
    """A few states, steps between them as chance has it, and some fairness."""
    chance = random.Random(seed)
    states = chance.randint(1, 5)
    steps = {
        (name, argument): {at: chance.randrange(states) for at in range(states) if chance.random() < 0.4}
        for name in "AB"
        for argument in (1, 2)
    }
    bad = {at for at in range(states) if chance.random() < 0.7}
    starts = {at for at in bad if chance.random() < 0.7}
    kinds = [(names, each, strong) for names in ("A", "B", "AB") for each in (True, False) for strong in (True, False)]
    fair = [Fairness(tuple(names), each, strong) for names, each, strong in chance.sample(kinds, chance.randint(0, 3))]
    initial = tuple(chance.sample(range(states), min(states, chance.randint(1, 2))))
    actions = tuple(Action(name, lambda n, c, name=name: steps[name, c].get(n), ((1,), (2,))) for name in "AB")
    first = None if chance.random() < 0.3 else starts.__contains__
    leads_to = {"P": (LeadsTo[int](first, lambda n: n not in bad),)}
    return Model(f"random {seed}", initial, actions, leads_to=leads_to, fair=tuple(fair), finished=lambda _: True)


def graph_of(model: Model[int]) -> tuple[set[int], set[tuple[int, int, int]]]:
    """Its states and steps (from, instance, to), by the simplest of means."""
    found, steps = set(model.initial), set()
    waiting = list(found)
    while waiting:
        at = waiting.pop()
        for number, instance in enumerate(model.instances()):
            to = instance.next_state(at, *instance.arguments)
            if to is not None:
                steps.add((at, number, to))
                if to not in found:
                    found.add(to)
                    waiting.append(to)
    return found, steps


def reaches(begins: set[int], pairs: set[tuple[int, int]]) -> set[int]:
    found = set(begins)
    while more := {to for at, to in pairs if at in found} - found:
        found |= more
    return found


def is_fair(model: Model[int], visited: set[int], done: set[int], steps: set[tuple[int, int, int]]) -> bool:
    """Whether it is fair to visit these states, and do these instances, again and again, and nothing else."""
    for group in model.groups():
        enabled = {at for at, number, to in steps if number in group.instances and to != at}
        waits = visited & enabled if group.strong else not visited - enabled
        if waits and not done & group.instances:
            return False
    return True


def fails_by_hand(model: Model[int]) -> bool:
    """The same question by trying every set of states that could be visited again and again."""
    states, steps = graph_of(model)
    ((property_,),) = model.leads_to.values()
    bad = {at for at in states if not property_.then(at)}
    begins = {at for at in bad if (at in model.initial if property_.first is None else property_.first(at))}
    inner = {(at, to) for at, _, to in steps if at in bad and to in bad}
    there = reaches(begins, inner)
    for size in range(1, len(there) + 1):
        for visited in map(set, combinations(sorted(there), size)):
            pairs = {(at, to) for at, to in inner if at in visited and to in visited}
            if all(reaches({at}, pairs) >= visited for at in visited):
                done = {number for at, number, to in steps if at in visited and to in visited and at != to}
                if is_fair(model, visited, done, steps):
                    return True
    return False


def wrong_about_lasso(model: Model[int], found: Report) -> str:
    """Why the behaviour that is told is none of the model, or not fair; nothing if it is."""
    _, steps = graph_of(model)
    names = {(instance.action, instance.arguments): number for number, instance in enumerate(model.instances())}
    way = [(step.state["state"], names.get((step.action, step.arguments), -1)) for step in found.trace]
    back = found.back_to
    assert back is not None
    for (at, _), (to, number) in pairwise(way):
        if (at, number, to) not in steps:
            return "no such step"
    if way[back][0] != way[-1][0]:
        return "it does not go round"
    ((property_,),) = model.leads_to.values()
    visited = {at for at, _ in way[back:] if isinstance(at, int)}
    if any(property_.then(at) for at in visited):
        return "it comes about"
    if not is_fair(model, visited, {number for _, number in way[back + 1 :]}, steps):
        return "not fair"
    return ""


def lies_of_chance(seeds: range) -> Iterator[str]:
    for seed in seeds:
        model = random_model(seed)
        found = check(model)
        if (found.verdict is VIOLATES) != fails_by_hand(model):
            yield f"{model.name}: {found.verdict}"
        elif found.verdict is VIOLATES and (wrong := wrong_about_lasso(model, found)):
            yield f"{model.name}: {wrong}"


def test_liveness_agrees_with_trying_every_set_of_states() -> None:
    assert list(lies_of_chance(range(600))) == []


def test_the_random_models_are_worth_something() -> None:
    failing = [fails_by_hand(random_model(seed)) for seed in range(600)]
    assert 150 < sum(failing) < 450
    assert sum(bool(random_model(seed).fair) for seed in range(600)) > 300


def test_a_behaviour_without_end_is_told_to_where_it_goes_on() -> None:
    found = check(flicker(fair=(TOGETHER, leave(strong=False))))
    assert [str(step) for step in found.trace] == ["Init", "Tick", "Tick"]
    assert found.trace[0].state == found.trace[2].state
    assert list(found.lines())[-1].strip() == "and so on, as from 0"
    stays = check(clock(3, leads_to=THREE, finished=lambda n: n == 3))
    assert list(stays.lines())[-1].strip().startswith("and nothing more")


# ── the graph ──


def test_the_graph_has_every_state_and_step() -> None:
    graph = state_graph(known.two_jugs(solves=True))
    assert (len(graph.states), len(graph.edges), graph.initial) == (16, 96, (0,))
    assert {edge.action for edge in graph.steps_from()[0] if edge.target != 0} == {"FillSmallJug", "FillBigJug"}


def test_two_graphs_differ_by_a_state_a_step_or_where_they_begin() -> None:
    jugs = state_graph(known.two_jugs())
    assert not difference(jugs, jugs)
    assert "steps: BigToSmall" in str(difference(jugs, jugs._replace(edges=jugs.edges[:-1])))
    assert "initial states" in str(difference(jugs, jugs._replace(initial=(3,))))
    leaner = state_graph(known.two_jugs()._replace(actions=known.two_jugs().actions[2:]))
    assert "of 16 states" in str(difference(jugs, leaner))


def test_arguments_are_told() -> None:
    lock = Action("Take", lambda _, __: 1, ((ModelValue("c1"),),))
    (edge, _) = state_graph(Model("lock", (0,), (lock,))).edges
    assert edge.arguments == (ModelValue("c1"),)


# ── defects ──

Mutant = tuple[Callable[..., Any], str, str]

DEFECTS: list[Mutant] = [
    # where, the right text, the wrong one
    (Space._go_on_from, "enumerate(self.instances)", "enumerate(self.instances[:-1])"),
    (Space._go_on_from, "is_stuck and", "False and"),
    (Space._go_on_from, "and not self.model.finished(state)", ""),
    (Space._go_on_from, "within is not None and not within(after)", "False"),
    (Space._go_on_from, "self._judge_outside(after, at, number)", "pass"),
    (Space._go_on_from, "self._every_step and to != at", "self._every_step"),
    (Space._go_on_from, "self._every_step and to != at", "self._every_step and to > at"),
    (Space._find, "for name, predicate in self._always:", "for name, predicate in self._always if parent < 0 else ():"),
    (Space._find, "for name, predicate in self._always:", "for name, predicate in self._always if at % 2 else ():"),
    (Space._find, "self._places[kept] = at", "self._places[kept] = parent"),
    (Space._find, "del self._sometimes[name]", "pass"),
    (Space._sharing, "table.setdefault(value, value)", "self._shared[0].setdefault(value, value)"),
    (Space.explore, "self.diameter += 1", "self.diameter = 1"),
    (Space.explore, "while first < beyond:", "while first < beyond and self.diameter < 10:"),
    (Space.explore, "for at in range(first, beyond):", "for at in reversed(range(first, beyond)):"),
    (Space.explore, "if len(self.states) > states:", "if False:"),
    (Space.explore, 'self.spent = f"{seconds:g} seconds"', "pass"),
    (Space.explore, "self.initial = list(range(len(self.states)))", "self.initial = [0]"),
    (Space.way_to, "return way[::-1]", "return way"),
    (Model.groups, "instance.arguments[0] if fairness.each else None", "None"),
    (Model.groups, "instance.arguments[0] if fairness.each else None", "at"),
    (Model.groups, "fairness.strong)", "False)"),
    (Model.groups, "fairness.strong)", "True)"),
    (fairness._Hunt._fair_components, "if self.weak & ~disabled & ~done:", "if False:"),
    (fairness._Hunt._fair_components, "& ~disabled & ~done", "& ~done"),
    (fairness._Hunt._fair_components, "& ~disabled & ~done", "& ~disabled"),
    (fairness._Hunt._fair_components, "starved = self.strong & enabled & ~done", "starved = 0"),
    (fairness._Hunt._fair_components, "if not starved & self._enabled(at)", "if False"),
    (fairness._Hunt._of, "if to in component:", "if True:"),
    (fairness._Hunt._enabled, "if to != at:", "if True:"),
    (fairness._Hunt._steps, "to != at and self.lacking[to]", "to != at"),
    (fairness._Hunt._steps, "to != at and self.lacking[to]", "self.lacking[to]"),
    (fairness._Hunt._round, "self.strong & self._of(inside)[0] | ", ""),
    (fairness._Hunt._round, "return round_ if now == enters else", "return round_ if True else"),
    (fairness._Hunt._spread, "waves[depths[at]]", "waves[0]"),
]


def lies() -> Iterator[str]:
    """What the checker says that is not so: all that is known here, as sentences."""
    for model, distinct, generated, depth, source in PUBLISHED[:6] + PUBLISHED[7:]:
        found = check(model())
        if found.verdict is not HOLDS or found.distinct != distinct:
            yield f"{source}: {found.verdict}, {found.distinct}"
        if generated not in (None, found.generated) or depth not in (None, found.diameter):
            yield f"{source}: {found.generated}, {found.diameter}"
    yield from live_lies()
    yield from lies_of_chance(range(60))
    graph = state_graph(known.two_jugs())
    if len(graph.edges) != 96 or len(graph.states) != 16:
        yield "a step of the graph is missing"
    for test in (
        test_the_shortest_way_is_told_when_an_invariant_breaks,
        test_an_invariant_that_breaks_in_an_initial_state_takes_no_step,
        test_an_invariant_that_breaks_in_the_last_state_of_all_is_seen,
        test_whoever_does_not_wait_for_the_other_is_in_with_it,
        test_a_state_without_a_way_on_is_a_deadlock_unless_it_is_finished,
        test_the_nearest_deadlock_is_told,
        test_what_is_never_reached_is_a_failure,
        test_a_property_of_steps_is_held_against_every_step_that_changes_something,
        test_a_step_to_a_state_that_is_known_already_has_to_be_right_too,
        test_states_beyond_the_constraint_are_judged_but_neither_counted_nor_gone_on_from,
        test_a_truth_value_is_not_shown_as_a_number_though_python_calls_them_equal,
    ):
        try:
            test()
        except AssertionError:
            yield test.__name__
    for budget in ({"states": 100}, {"seconds": 0.0}):
        if check(known.two_phase_commit(3), **budget).verdict is not UNDECIDED:
            yield "a spent budget was a pass"


def test_nothing_is_said_that_is_not_so() -> None:
    assert list(lies()) == []


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: f"{defect[0].__name__}: {defect[2]}")
def test_a_defect_in_the_checker_is_seen(defect: Mutant, plant: Callable[..., Any]) -> None:
    plant(*defect)
    with suppress(LookupError, ValueError, TypeError, AttributeError):  # a checker that breaks is seen as well
        assert next(lies(), None) is not None
