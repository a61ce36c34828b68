"""No gap between the TLA+ models and the engine, in either direction; and whatever opens one is seen."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bookproof.engine.accounts import Ledger
from bookproof.engine.book import FastBook
from bookproof.engine.ladder import Ladder
from bookproof.engine.striped import StripedEngine, _Together
from bookproof.engine.zoo import ZOO
from bookproof.models.binding import accept
from bookproof.models.binding.accept import END, GraphReader, Refusal, TlcReader, recorded, refusals
from bookproof.models.binding.bind import bind
from bookproof.models.binding.engines import striped
from bookproof.models.binding.hook import Line, by_threads, under_scheduler
from bookproof.models.binding.observe import Stage
from bookproof.models.binding.orders import orders
from bookproof.models.binding.records import command_of, record_of
from bookproof.models.binding.replay import action_of, difference_at, engine_graph, moves, replay, walks
from bookproof.models.binding.run import bind_all, chosen, exit_code
from bookproof.models.binding.subject import Subject, by_tlc, by_twin
from bookproof.models.cli import main
from bookproof.models.interleaving.explore import Explorer, Verdict
from bookproof.models.states.graph import difference
from bookproof.models.tla.checker import Says
from bookproof.models.tla.manifest import Model, read_manifest, tla_folder
from bookproof.models.tla.tlc import TlcChecker, concluded, copied, run
from bookproof.models.tla.tlc import find as find_tlc
from bookproof.models.tla.values import TlaValue, parse
from bookproof.spec.input_error import InputError

MODELS = {model.name: model for model in chosen(read_manifest(tla_folder()), [])}
SETTLED = tuple(name for name, model in MODELS.items() if model.module == "Settlement")
STRIPED = tuple(name for name, model in MODELS.items() if model.module == "Striped")


def subject(name: str) -> Subject:
    return by_twin(MODELS[name])


@pytest.fixture(scope="module")
def tlc() -> TlcChecker:
    try:
        return find_tlc()
    except InputError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


# ── one vocabulary ──


@pytest.mark.parametrize(
    "record",
    [
        '[do |-> "submit", symbol |-> "A", order |->'
        ' [id |-> 1, account |-> 2, side |-> "buy", px |-> 7, lots |-> 3, done |-> 0]]',
        '[do |-> "cancel", symbol |-> "A", id |-> 1]',
        '[do |-> "replace", symbol |-> "B", id |-> 1, lots |-> 3, px |-> 100]',
        '[do |-> "halt"]',
        '[do |-> "kill", account |-> 1]',
        '[do |-> "snapshot"]',
    ],
)
def test_a_command_is_the_same_in_both_vocabularies(record: str) -> None:
    assert record_of(command_of(parse(record))) == parse(record)


def test_a_command_that_the_engine_does_not_know_is_bad_input() -> None:
    with pytest.raises(InputError, match='expected a command that the engine knows, got "jump"'):
        command_of(parse('[do |-> "jump"]'))


# ── from the specification to the code ──


@pytest.mark.parametrize("name", MODELS)
def test_every_edge_of_a_model_is_replayed_on_the_engine_and_the_engine_can_do_nothing_else(name: str) -> None:
    bound = subject(name)
    with Stage(striped(), bound.scenario, bound.accounts) as stage:
        replayed = replay(stage, bound.graph)
        own = engine_graph(stage, map(str, bound.graph.states[0]), MODELS[name].module)
    assert replayed.mismatch is None
    assert replayed.covered == replayed.edges == len(set(bound.graph.edges))
    assert not difference(own, bound.graph)
    assert len(own.states) == MODELS[name].distinct


def test_walks_cover_every_edge_and_begin_and_end_where_a_run_does() -> None:
    bound = subject("striped-basket-races")
    leaving = moves(bound.graph)
    found = list(walks(leaving, bound.graph.initial))
    assert {move for walk in found for move in walk} == {move for each in leaving for move in each if move.client}
    for walk in found:
        assert walk[0].edge.source in bound.graph.initial
        assert not any(move.client for move in leaving[walk[-1].edge.target])
        assert all(one.edge.target == other.edge.source for one, other in pairwise(walk))


def test_a_graph_with_an_edge_too_many_is_told_by_what_the_threads_are_able_to_do() -> None:
    bound = subject("striped-cancel-fill")
    spare = bound.graph.edges[0]._replace(action="Commit")
    for edges, expected in (
        ((*bound.graph.edges, spare), "draws stamp"),
        (tuple(edge for edge in bound.graph.edges if edge.source or edge.action != "Call"), "none"),
    ):
        with Stage(striped(), bound.scenario, bound.accounts) as stage:
            found = replay(stage, bound.graph._replace(edges=edges))
        assert not found.whole
        assert found.mismatch is None or expected in found.mismatch.model


@pytest.mark.parametrize(
    "name", ["floor", "holder", "at", "pc", "wants", "has", "seen", "work", "told", "oracle", "right"]
)
def test_a_state_that_differs_in_one_variable_is_seen_and_named(name: str) -> None:
    bound = subject("striped-basket-cancels")
    with Stage(striped(), bound.scenario, bound.accounts) as stage:
        course = stage.run(lambda wanted, able: max(able))
        for state in stage.states(course):
            assert difference_at(state, state) is None
            where, _, _ = difference_at(state, {**state, name: "another"}) or ("", "", "")
            assert where == name


def test_a_model_with_a_variable_that_nobody_observes_is_not_bound() -> None:
    bound = subject("striped-cancel-fill")
    states = tuple(type(state)({**state, "mood": 1}) for state in bound.graph.states)
    with Stage(striped(), bound.scenario, bound.accounts) as stage:
        mismatch = replay(stage, bound.graph._replace(states=states)).mismatch
    assert mismatch is not None
    assert mismatch.what == "mood"


def test_an_action_that_is_not_bound_is_refused() -> None:
    bound = subject("striped-cancel-fill")
    move = moves(bound.graph)[0][0]
    with pytest.raises(ValueError, match="got Leap"):
        action_of(bound.graph.states[0], move._replace(edge=move.edge._replace(action="Leap")))


# ── from the code to the specification ──


@pytest.mark.parametrize("name", [*STRIPED, "settlement-withdraw-order", "settlement-each-pays-the-other"])
def test_the_interleaving_checker_needs_as_many_runs_as_the_model_has_orders(name: str) -> None:
    bound = subject(name)
    certificate = Explorer(striped()).explore(bound.scenario, 60)
    assert certificate.verdict is Verdict.VERIFIED
    assert certificate.traces == orders(bound.graph)


def test_the_hook_writes_what_is_done_and_nothing_when_there_is_none() -> None:
    bound = subject("striped-cancel-fill")
    trace = by_threads(striped(), bound.scenario)
    assert sorted(line.did for line in trace) == sorted(["call", "take", "draw", "leave", "return"] * 2)
    assert type(striped()(bound.scenario.instruments)._stripes[0]).__module__ == "_thread"  # type: ignore[attr-defined]


def test_traces_of_real_threads_are_read_by_the_graph() -> None:
    bound = subject("striped-basket-races")
    traces = [by_threads(striped(), bound.scenario) for _ in range(30)]
    assert not refusals(traces, GraphReader(bound).read(traces))


def doctored(trace: tuple[Line, ...], at: int, line: Line) -> tuple[Line, ...]:
    return (*trace[:at], line, *trace[at + 1 :])


def test_a_doctored_line_is_the_guilty_one_to_both_readers(tlc: TlcChecker) -> None:
    bound = subject("striped-basket-cancels")
    trace = by_threads(striped(), bound.scenario)
    places = {line.did: at for at, line in reversed(list(enumerate(trace)))}
    other_client = {1: 2, 2: 1}
    wrong: dict[str, TlaValue] = {"call": record_of(bound.scenario.before[0]), "return": ()}
    cases = [
        doctored(trace, places[did], changed)
        for did in ("call", "take", "draw", "leave", "return")
        for line in [trace[places[did]]]
        for changed in (
            line._replace(what=wrong.get(did, 9)),
            line._replace(client=other_client[line.client]),
        )
    ]
    cut_short = trace[:-1]
    by_graph, by_other = GraphReader(bound).read([*cases, cut_short]), TlcReader(tlc)(bound, [*cases, cut_short])
    assert by_graph == by_other
    assert all(read <= len(case) for read, case in zip(by_graph, cases, strict=False))
    assert Refusal(cut_short, by_graph[-1]).guilty is END


@pytest.mark.parametrize("name", ["striped-basket-races", "settlement-replace-grows", "barrier-kill-switch"])
def test_tlc_reads_every_trace_of_the_engine_to_the_end(tlc: TlcChecker, name: str) -> None:
    (bound,) = bind_all([MODELS[name]], tlc=tlc, read_by_tlc=True)
    assert bound.complaints == ()
    assert bound.readers == ("graph", "tlc")
    assert bound.traces >= bound.explored == bound.orders


def test_the_twin_has_the_scenario_and_the_states_that_tlc_finds_in_the_modules(tlc: TlcChecker) -> None:
    for name in ("striped-replace-fill", "striped-basket-races"):
        one, other = subject(name), by_tlc(tlc, MODELS[name])
        assert one.scenario == other.scenario
        assert not difference(one.graph, other.graph)


def test_the_trace_in_the_folder_is_one_that_the_engine_wrote(tlc: TlcChecker) -> None:
    bound = subject("striped-cancel-fill")
    with Stage(striped(), bound.scenario, bound.accounts) as stage:
        _, trace = under_scheduler(striped(), bound.scenario, stage.scheduler, lambda wanted, able: min(able))
    assert (tla_folder() / "Recorded.tla").read_text() == recorded([trace])
    assert TlcReader(tlc)(bound, [trace]) == [len(trace) + 1]


def test_the_last_line_is_reached_by_a_whole_trace_and_by_no_other(tlc: TlcChecker) -> None:
    bound = subject("striped-cancel-fill")
    trace = by_threads(striped(), bound.scenario)
    cfg = bound.model.cfg()._replace(specification="SpecT", invariants=("Unread",))
    for written, says in ((trace, Says.VIOLATES), (trace[:-1], Says.HOLDS)):
        with copied(bound.model.folder, "TraceOfStriped", cfg, {"Recorded.tla": recorded([written])}) as place:
            said = run(tlc.tools, place, ("-deadlock",), 60, lambda distinct: None)
            found = concluded(said, bound.model.path, 60)
        assert found.says is says
        assert found.length in (len(trace) + 2, None)


# ── engines of the zoo ──

GUILTY = {
    "lost-stripe-lock": ("striped-baskets", "draw by client 1: 3"),
    "unordered-stripes": ("striped-baskets", "take by client 2: 2"),
    "look-up-before-lock": ("striped-cancel-fill", 'return by client 2: <<[id |-> 1, is |-> "cancelled"'),
    "stamp-before-lock": ("striped-cancel-fill", "draw by client 1: 2"),
    "stamp-after-release": ("striped-cancel-fill", "leave by client 1: 1"),
    "stamp-of-check": ("striped-basket-cancels", "take by client 1: 1"),
    "check-then-fill": ("striped-baskets", "leave by client 1: 2"),
    "replace-counts-old-fills": ("striped-replace-fill", 'return by client 2: <<[id |-> 1, is |-> "replaced"'),
    "never-let-go": ("striped-baskets", "return by client 2: "),
    "id-freed-early": ("striped-cancel-fill", "leave by client 2: 1"),
    "checked-then-spent": ("settlement-one-purse", "take by client 1: 21"),
    "balances-as-met": ("settlement-each-pays-the-other", "take by client 1: 21"),
    "booked-late": ("settlement-one-purse", "draw by client 1"),
    "rival-cancelled-late": ("lists-rivals-hit", "draw by client 1: 2"),
    "lists-read-before-lock": ("lists-rivals-enter", "draw by client 2: 2"),
    "stripes-as-discovered": ("lists-ties-met", "take by client 1: 2"),
    "legs-one-by-one": ("lists-ties-grow", "take by client 1: 1"),
    "snapshot-book-by-book": ("snapshot-basket", "leave by client 2: 1"),
    "halt-read-outside": ("barrier-market-halt", "return by client "),
    "kill-in-two-steps": ("barrier-kill-switch", "leave by client 1: 2"),
    "descending-for-all": ("snapshot-basket", "take by client 2: 2"),
}
"""Where the traces of an engine of the zoo are refused, and at which line."""


@pytest.mark.parametrize("name", GUILTY)
def test_an_engine_of_the_zoo_is_refused_at_the_guilty_line(name: str) -> None:
    model, guilty = GUILTY[name]
    bound = bind(subject(model), name, striped(ZOO[name].engine), {}, 0)
    assert bound.complaints
    first = min(bound.refused, key=lambda refusal: refusal.at)
    assert str(first.guilty).startswith(guilty)


def test_a_trace_of_an_engine_that_is_stuck_ends_too_early() -> None:
    bound = subject("striped-basket-cancels")
    found = bind(bound, "never-let-go", striped(ZOO["never-let-go"].engine), {}, 0)
    assert any(refusal.guilty is END or refusal.guilty.did == "return" for refusal in found.refused)
    assert "expected everybody to return" in found.graphs


# ── one-line changes ──

ENGINE: dict[str, tuple[Callable[..., Any], str, str]] = {
    "the stamp is drawn after the release": (
        StripedEngine.submit,
        "return Answer(self._next_stamp(), events)\n    finally:\n        release()",
        "pass\n    finally:\n        release()\n    return Answer(self._next_stamp(), events)",
    ),
    "no lock at a desk": (StripedEngine.submit, "    acquire()\n    try:", "    release = int\n    try:"),
    "a wrong stripe": (StripedEngine._stripes_at, "stripes[self._stripe_of[symbol]] = None", "stripes[0] = None"),
    "stripes are not sorted": (StripedEngine._holding, "sorted(set(stripes))", "sorted(set(stripes), reverse=True)"),
    "released first come first": (_Together.__exit__, "reversed(self._locks)", "self._locks"),
    "one stripe of a basket is missing": (
        StripedEngine._basket,
        "symbols = [leg.symbol for leg in basket.legs]",
        "symbols = [basket.legs[0].symbol]",
    ),
    "two stamps": (
        StripedEngine._stamped,
        "return Answer(self._next_stamp()",
        "self._next_stamp()\n    return Answer(self._next_stamp()",
    ),
    "the answer is altered": (StripedEngine._stamped, "tuple(events))", "tuple(events[:-1]))"),
    "a stamp of one's own": (StripedEngine.submit, "Answer(self._next_stamp(), events)", "Answer(1, events)"),
    "a cancel counts what is done as well": (
        FastBook.cancel,
        "order.slice + order.reserve",
        "order.slice + order.reserve + order.executed",
    ),
    "who comes last stands in front": (
        Ladder.add,
        "order.preceding = last = level.last\n    order.following = None\n    level.last = last.following = order",
        "order.following = first = level.first\n    order.preceding = None\n    level.first = first.preceding = order",
    ),
    "an order that is cancelled stays in its queue": (FastBook.cancel, ".remove(order)", ".best"),
    "a basket matches before its stripes are held": (
        StripedEngine._basket,
        "return self._together(basket, self._with_families(symbols))",
        "return self._stamped(self._floor.carry_out(basket))",
    ),
    "cash is moved after the stamp": (
        StripedEngine._about_account,
        "events = tuple(self._floor.on_account(command, {}))\n        return Answer(self._next_stamp(), events)",
        "stamp = self._next_stamp()\n        return Answer(stamp, tuple(self._floor.on_account(command, {})))",
    ),
    "nobody has the right to spend": (
        StripedEngine._paid,
        "self._holding_to_spend([demand.account])",
        "self._holding_to_spend([])",
    ),
    "the balance is kept from check to stamp": (
        StripedEngine._paid,
        "        ledger.admit(demand)\n        events = list(floor.match(command))\n"
        "        return self._booked(events, floor.write_up(command, events))",
        "            ledger.admit(demand)\n            events = list(floor.match(command))\n"
        "            return self._booked(events, floor.write_up(command, events))",
    ),
    "cash is booked before the balances are held": (
        StripedEngine._booked,
        "    with self._holding_balances(entries):",
        "    self._ledger.book(entries)\n    entries = dict(entries)\n    with self._holding_balances(()):",
    ),
    "nothing is refunded": (Ledger.book, "till.reserved += reserved", "till.reserved += max(reserved, 0)"),
}
"""What is changed in the engine: the place, the right text and the wrong one."""


@pytest.mark.parametrize("what", ENGINE)
def test_one_line_of_the_engine_changed_opens_a_gap(what: str, plant: Callable[..., Any]) -> None:
    place, right, wrong = ENGINE[what]
    plant(place, right, wrong)
    models = (*STRIPED, *SETTLED[:5], "lists-rivals-hit")
    assert any(bind(subject(name), what, striped(), {}, 0).complaints for name in models)


MODULES: dict[str, tuple[str, str, str, str]] = {
    "a guard is dropped in Take": (
        "Striped",
        "    /\\ Len(wants[c]) > 1\n    /\\ holder[wants[c][1]] = 0",
        "    /\\ Len(wants[c]) > 1",
        "striped-baskets",
    ),
    "stripes are let go in the order in which they were taken": (
        "Striped",
        "[holder EXCEPT ![has[c][Len(has[c])]] = 0]\n    /\\ has' = [has EXCEPT ![c] = SubSeq(@, 1, Len(@) - 1)]",
        "[holder EXCEPT ![has[c][1]] = 0]\n    /\\ has' = [has EXCEPT ![c] = Tail(@)]",
        "striped-baskets",
    ),
    "the stamp comes last": (
        "Striped",
        'IF Design = "late stamp" THEN "leave" ELSE "stamp"',
        '"leave"',
        "striped-cancel-fill",
    ),
    "the worse price stands in front": (
        "RuleBook",
        "IF StaysAhead(queue[1], o) THEN",
        "IF ~StaysAhead(queue[1], o) THEN",
        "striped-price-time",
    ),
    "the last one stands in front": (
        "RuleBook",
        "resting.px >= o.px ELSE resting.px <= o.px",
        "resting.px > o.px ELSE resting.px < o.px",
        "striped-same-price",
    ),
    "a trade is at the taker's price": (
        "RuleBook",
        'Said("trade", o.id, m.id, n, m.px)',
        'Said("trade", o.id, m.id, n, o.px)',
        "striped-price-time",
    ),
    "a replace forgets what is done": ("RuleBook", "!.lots = all - o.done", "!.lots = all", "striped-replace-fill"),
    "nothing is refunded": (
        "RuleBook",
        "Cost(OfAccount(after, a)) - Cost(OfAccount(before, a))",
        "IF Len(after) < Len(before) THEN 0 ELSE Cost(OfAccount(after, a)) - Cost(OfAccount(before, a))",
        "settlement-cancel-frees",
    ),
    "another script": (
        "Scenarios",
        'IF Scenario = "cancel-fill"\n    THEN <<<<Submit("A", Buy(2, 1, 1, 100))>>',
        'IF Scenario = "cancel-fill"\n    THEN <<<<Submit("A", Buy(2, 1, 2, 100))>>',
        "striped-cancel-fill",
    ),
}
"""What is changed in a copy of the modules: which one, the right text and the wrong one, and a model that shows it."""


def changed(folder: Path, model: Model, module: str, right: str, wrong: str) -> Model:
    """The model in a copy of the modules with a change. Nothing is asked of it, so that only the engine can object."""
    shutil.copytree(tla_folder(), folder)
    file, cfg = folder / f"{module}.tla", folder / "models" / f"{model.name}.cfg"
    text = file.read_text()
    assert right in text
    file.write_text(text.replace(right, wrong))
    top = folder / f"{model.module}.tla"
    top.write_text(top.read_text().replace("\nTypeOK ==", "\nAnything == TRUE\n\nTypeOK =="))
    cfg.write_text(cfg.read_text().partition("INVARIANT")[0] + "INVARIANT Anything\n")
    return model._replace(folder=folder)


@pytest.mark.parametrize("what", MODULES)
def test_one_line_of_a_module_changed_opens_a_gap(tlc: TlcChecker, tmp_path: Path, what: str) -> None:
    module, right, wrong, name = MODULES[what]
    other = by_tlc(tlc, changed(tmp_path / "tla", MODELS[name], module, right, wrong))
    # The engine does what it always did: what the twin has in its scripts, while the module says something else.
    found = bind(other._replace(scenario=subject(name).scenario), "striped", striped(), {}, 0)
    assert found.complaints


def test_a_copy_of_the_modules_without_a_change_is_bound(tlc: TlcChecker, tmp_path: Path) -> None:
    model = changed(tmp_path / "tla", MODELS["striped-cancel-fill"], "Striped", "VARIABLES floor", "VARIABLES floor")
    assert not bind(by_tlc(tlc, model), "striped", striped(), {}, 0).complaints


def test_an_unchanged_that_is_forgotten_is_told_as_what_it_is(tlc: TlcChecker, tmp_path: Path) -> None:
    model = changed(
        tmp_path / "tla",
        MODELS["striped-cancel-fill"],
        "Striped",
        "UNCHANGED <<floor, holder, at, wants, has, seen>>",
        "UNCHANGED <<floor, holder, at, wants, has>>",
    )
    with pytest.raises(InputError, match="not completely specified by action Commit"):
        by_tlc(tlc, model)


# ── the command ──


def test_the_command_binds_a_model_without_java(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bind", "striped-cancel-fill", "--reader", "graph", "--threads", "2", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["results"]
    assert found["bound"]
    assert found["replayed"] == found["edges"] == 30
    assert found["states"] == found["engine_states"] == 22
    assert found["orders"] == found["engine_orders"] == 2


def test_the_command_tells_of_a_gap_and_how_to_see_it_again(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bind", "striped-cancel-fill", "--engine", "look-up-before-lock", "--reader", "graph", "--threads", "0"]
    assert main(words) == 1
    told = capsys.readouterr().out
    assert "Enter by client 2: work[2][1]" in " ".join(told.split())
    assert "again: bookproof bind striped-cancel-fill --engine look-up-before-lock" in told


def test_a_model_that_is_not_bound_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bind", "locks"]) == 2
    assert "others are not bound" in capsys.readouterr().err


def test_a_budget_that_is_spent_is_never_a_pass() -> None:
    def slow(bound: Subject, traces: list[Any]) -> list[int]:
        raise accept.Undecided("its budget of 1 s was spent")

    found = bind(subject("striped-cancel-fill"), "striped", striped(), {"slow": slow}, 0)
    assert found.undecided == "its budget of 1 s was spent"
    assert exit_code([found]) == 3


def test_readers_that_differ_are_a_gap() -> None:
    found = bind(
        subject("striped-cancel-fill"), "striped", striped(), {"lazy": lambda bound, traces: [0 for _ in traces]}, 0
    )
    assert any("lazy 0" in complaint for complaint in found.complaints)
