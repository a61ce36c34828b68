"""Generated sequences: what is in them, what they reach, how they shrink; and the same seed gives the same case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from bookproof.models.generate.case import Case, entered
from bookproof.models.generate.features import EVERYTHING, PLAIN, SWARM, Feature, Features, alone
from bookproof.models.generate.packed import BITS, Context, decode, decode_command, plan_for
from bookproof.models.generate.shrinking import shrink_case
from bookproof.models.generate.soak import LONGEST, SHORTEST, soak_case
from bookproof.models.generate.strategies import cases, commands, sequences
from bookproof.models.generate.venues import LIMITED_BOOKS, PLAIN_BOOKS, VENUES, books
from bookproof.models.sequential.run import DECISION_RULES, ROUND, numbered_case
from bookproof.spec.commands import (
    COMMANDS,
    AdvanceClock,
    Basket,
    Bust,
    Cancel,
    Command,
    Disconnect,
    EndOfDay,
    Halt,
    IndexLevel,
    KillSwitch,
    Liquidate,
    MassCancel,
    Reduce,
    Reinstate,
    Replace,
    Resume,
    Route,
    SetLimits,
    SetPhase,
    SetReference,
    Submit,
    SubmitList,
    TakeSnapshot,
    Withdraw,
)
from bookproof.spec.events import Accepted, Cancelled, ImpliedTrade, ListAccepted, Rejected, Trade, Triggered
from bookproof.spec.exchange import opening, run, step
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import PROFILES
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.rulebook import listening
from bookproof.spec.values import DisplayRange, ListKind, SelfTradePrevention, Side, TimeInForce, Value, parts_of

QUICK = settings(
    max_examples=60,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def lives(*how: TimeInForce) -> Callable[[Command], bool]:
    return lambda command: isinstance(command, Submit) and command.time_in_force in how


def has(field: str, *plain: object) -> Callable[[Command], bool]:
    return lambda command: isinstance(command, Submit) and getattr(command, field) not in plain


def is_any(*kinds: type[Command]) -> Callable[[Command], bool]:
    return lambda command: isinstance(command, kinds)


def is_bad(command: Command) -> bool:
    """Whether a number is none, or a symbol is not listed."""
    parts: tuple[Value, ...] = getattr(command, "legs", (command,))
    fields = [field for part in parts for field in parts_of(part).values()]
    return (
        "NONE" in fields
        or () in parts_of(command).values()
        or any(isinstance(field, float) or field == -1 for field in fields)
    )


SIGNS: dict[Feature, Callable[[Command], bool]] = {
    Feature.MARKET: lambda command: isinstance(command, Submit) and command.price is None and command.stop is None,
    Feature.IOC: lives(TimeInForce.IOC),
    Feature.FOK: lives(TimeInForce.FOK),
    Feature.POST_ONLY: has("post_only", False),
    Feature.MIN_QUANTITY: has("min_quantity", 0),
    Feature.ICEBERG: lambda command: (
        isinstance(command, Submit) and type(command.display) is int and command.display > 0
    ),
    Feature.HIDDEN: lambda command: isinstance(command, Submit) and command.display == 0,
    Feature.STOPS: has("stop", None),
    Feature.REPLACE: is_any(Replace),
    Feature.SELF_TRADE: has("self_trade", SelfTradePrevention.NONE),
    Feature.BASKETS: is_any(Basket),
    Feature.MASS_CANCEL: is_any(MassCancel),
    Feature.HALTS: is_any(Halt, Resume),
    Feature.CLOCK: is_any(AdvanceClock, EndOfDay),
    Feature.SNAPSHOT: is_any(TakeSnapshot),
    Feature.KILL_SWITCH: lambda command: (
        is_any(KillSwitch, Reinstate, Disconnect)(command) or has("cancel_on_disconnect", False)(command)
    ),
    Feature.BANDS: is_any(SetReference),
    Feature.BREAKER: is_any(IndexLevel),
    Feature.BAD_INPUT: is_bad,
    Feature.AUCTIONS: is_any(SetPhase),
    Feature.LISTS: is_any(SubmitList),
    Feature.ACCOUNTS: is_any(Withdraw, SetLimits, Reduce, Bust),
    Feature.ROUTING: is_any(Route),
    Feature.MARGIN: is_any(Liquidate),
    Feature.DISPLAY_RANGES: lambda command: isinstance(getattr(command, "display", None), DisplayRange),
}
"""What shows that a feature is on."""

every_feature = pytest.mark.parametrize("feature", SIGNS, ids=str)


def soaked(features: Features, cases: int = 40, seed: int = 1) -> list[Case]:
    return [soak_case(seed, number, features) for number in range(cases)]


def shown_by(sequence: tuple[Command, ...]) -> set[Feature]:
    return {feature for feature, sign in SIGNS.items() if any(map(sign, sequence))}


@every_feature
def test_a_feature_alone_is_there_and_brings_no_other(feature: Feature) -> None:
    shown = shown_by(tuple(command for case in soaked(alone(feature)) for command in case.commands))
    tolerated = {Feature.BAD_INPUT: set(SIGNS), Feature.BREAKER: {Feature.BREAKER, Feature.HALTS}}.get(
        feature, {feature}
    )  # bad input spoils any field
    assert feature in shown
    assert shown <= tolerated


def test_plain_sequences_show_no_feature() -> None:
    assert shown_by(tuple(command for case in soaked(PLAIN) for command in case.commands)) == set()


def test_all_together_shows_every_feature() -> None:
    assert shown_by(tuple(command for case in soaked(EVERYTHING) for command in case.commands)) == set(SIGNS)


def test_reused_ids_are_met_live_dead_and_in_other_books() -> None:
    live = dead = elsewhere = 0
    for case in soaked(alone(Feature.REUSED_IDS)):
        state, used = opening(case.instruments), set[tuple[str, int]]()
        for command in case.commands:
            state, events = step(state, command)
            for symbol, order_id in entered(command):
                refused = isinstance(events[0], Rejected) and events[0].reason is RejectReason.DUPLICATE_ORDER_ID
                live += refused
                dead += (symbol, order_id) in used and not refused
                elsewhere += any(other != symbol and known == order_id for other, known in used)
                used.add((symbol, order_id))
    assert min(live, dead, elsewhere) > 20


def test_limits_refuse_some_orders_of_every_limited_book_and_let_most_pass() -> None:
    refused, passed = Counter[str](), Counter[str]()
    for case in soaked(alone(Feature.LIMITS), cases=100):
        state = opening(case.instruments)
        for command in case.commands:
            state, events = step(state, command)
            if isinstance(command, Submit):
                (refused if isinstance(events[0], Rejected) else passed)[command.symbol] += 1
    assert set(refused) == {"DEF", "GHI", "XYZ"}
    assert all(passed[symbol] > refused[symbol] > 20 for symbol in refused)


def test_the_mix_is_the_one_that_finds_defects() -> None:
    counts, dead = Counter[type[Command]](), 0
    prices, quantities, accounts = set[int | None](), set[int](), set[int]()
    for case in soaked(PLAIN, cases=100):
        assert SHORTEST <= len(case.commands) <= LONGEST
        assert 2 <= len(case.instruments) <= 4
        state = opening(case.instruments)
        for command in case.commands:
            state, events = step(state, command)
            counts[type(command)] += 1
            dead += isinstance(command, Cancel) and isinstance(events[0], Rejected)
            if isinstance(command, Submit):
                prices.add(command.price)
                quantities.add(command.quantity)
                accounts.add(command.account)
    assert 0.17 < counts[Cancel] / counts.total() < 0.23
    assert 0.35 < dead / counts[Cancel] < 0.6
    assert (len(prices), quantities, accounts) == (11, set(range(1, 11)), {1, 2, 3})


def test_a_spread_never_comes_without_its_legs_and_trades_with_them() -> None:
    implied = Counter[str]()
    for case in soaked(alone(Feature.SPREADS), cases=100):
        state = opening(case.instruments)
        for command in case.commands:
            state, events = step(state, command)
            implied.update(event.symbol for event in events if isinstance(event, ImpliedTrade))
    assert min(implied[symbol] for symbol in ("ABC", "DEF", "ABC-DEF", "GHI", "GHI-DEF")) > 0


def test_a_routed_order_finds_the_better_price_in_another_book() -> None:
    elsewhere = 0
    for case in soaked(alone(Feature.ROUTING), cases=100):
        state = opening(case.instruments)
        for command in case.commands:
            state, events = step(state, command)
            if isinstance(command, Route):
                elsewhere += any(isinstance(e, Trade) and e.symbol != command.order.symbol for e in events)
    assert elsewhere > 20


def test_stops_set_each_other_off() -> None:
    longest = 0
    for case in soaked(alone(Feature.STOPS), cases=100):
        state = opening(case.instruments)
        for command in case.commands:
            state, events = step(state, command)
            longest = max(longest, sum(isinstance(event, Triggered) for event in events))
    assert longest >= 3


def test_lists_are_filled_released_refused_and_ended_in_one_book_and_across_books() -> None:
    met = Counter[str]()
    for case in soaked(alone(Feature.LISTS), cases=200):
        state = opening(case.instruments)
        for command in case.commands:
            state, events = step(state, command)
            if isinstance(events[0], ListAccepted):
                across = len({place.symbol for place in events[0].orders}) > 1
                met[f"{events[0].kind} {'across books' if across else 'in one book'}"] += 1
            contingent = [e for e in events if isinstance(e, Cancelled) and e.reason is CancelReason.CONTINGENT]
            by_a_trade = bool(contingent) and any(isinstance(event, Trade) for event in events)
            met["rival cancelled by a fill or a trigger"] += by_a_trade
            met["list ended by a cancel"] += bool(contingent) and isinstance(command, Cancel)
            met["released by a stranger"] += (
                isinstance(command, Submit) and sum(isinstance(event, Accepted) for event in events) - 1 > 0
            )
            met["refused its turn"] += any(
                isinstance(event, Cancelled) and event.reason is CancelReason.REFUSED for event in events
            )
    kinds = {f"{kind} {where}" for kind in ListKind for where in ("across books", "in one book")}
    assert kinds < met.keys()
    assert len(met) == len(kinds) + 4
    assert min(met.values()) > 20, met


# ── the three tiers reach the rule book ──


def test_soak_reaches_every_decision_rule() -> None:
    with listening() as seen:
        for number in range(len(ROUND) * 300):
            _, case = numbered_case(1, number)
            state = opening(case.instruments, case.profile)
            for command in case.commands:
                state, _ = step(state, command)
            if seen.keys() >= set(DECISION_RULES):
                break
    assert set(DECISION_RULES) - seen.keys() == set()


TWO_FEATURES = {"D5", "D6", "F7", "I5", "I8", "I9", "J3"}
"""Rules that need two features in one match or call, a tie, or one venue: in the few cases of a test Hypothesis may
miss them."""


def test_packed_sequences_reach_the_decision_rules() -> None:
    venues = list(VENUES.values())
    with listening() as seen:
        for turn, features in enumerate(SWARM.values()):
            first = turn % len(venues)  # all runs draw alike; so each has the venues in another order

            @settings(QUICK, max_examples=30)
            @given(cases(features, venues[first:] + venues[:first]))
            def run(case: Case) -> None:
                state = opening(case.instruments, case.profile)
                for command in case.commands:
                    state, _ = step(state, command)

            run()
    assert set(DECISION_RULES) - TWO_FEATURES - seen.keys() == set()


@pytest.mark.parametrize("kind", COMMANDS, ids=lambda kind: kind.__name__)
def test_readable_commands_of_every_kind(kind: type[Command]) -> None:
    find(commands(), lambda command: type(command) is kind, settings=settings(QUICK, max_examples=1000))


@every_feature
def test_readable_commands_show_every_feature(feature: Feature) -> None:
    find(commands(alone(feature)), SIGNS[feature], settings=settings(QUICK, max_examples=500))


# ── packed integers ──


@QUICK
@given(st.lists(st.integers(0, (1 << BITS) - 1), max_size=LONGEST), st.sampled_from(list(SWARM.values())))
def test_decoding_is_pure(codes: list[int], features: Features) -> None:
    plan = plan_for(features, books(features))
    decoded = decode(codes, plan)
    assert decoded == decode(codes, plan)
    used = tuple(order for command in decoded[:-1] for order in entered(command))
    if codes:
        assert decode_command(codes[-1], Context(plan, used, len(codes) - 1)) == decoded[-1]


@pytest.mark.parametrize("features", SWARM.values(), ids=list(SWARM))
def test_zero_is_the_plainest_order(features: Features) -> None:
    plain = Submit("ABC", 1, 1, Side.BUY, books(features)[0].lot, 102)
    assert decode_command(0, Context(plan_for(features, books(features)))) == plain


def test_sequences_keep_to_their_books_and_sizes() -> None:
    @QUICK
    @given(sequences(PLAIN, PLAIN_BOOKS[2:3], min_size=5, max_size=9))
    def check(sequence: tuple[Command, ...]) -> None:
        assert 5 <= len(sequence) <= 9
        assert all(command.symbol == "GHI" for command in sequence if isinstance(command, Submit))

    check()


def test_a_plan_needs_a_book() -> None:
    with pytest.raises(ValueError, match="at least one instrument"):
        plan_for(PLAIN, ())


# ── seeds ──


def test_the_same_seed_gives_the_same_case_and_another_seed_another() -> None:
    assert [soak_case(5, number, EVERYTHING) for number in range(9)] == soaked(EVERYTHING, cases=9, seed=5)
    assert len({soak_case(seed, number, EVERYTHING) for seed in range(9) for number in range(9)}) == 81


def test_venues_are_the_shipped_profiles_and_one_variant_for_each_switch() -> None:
    assert VENUES.items() >= PROFILES.items()
    assert len(set(VENUES.values())) == len(VENUES)


@pytest.mark.parametrize("instrument", PLAIN_BOOKS + LIMITED_BOOKS)
def test_drawn_prices_and_quantities_fit_ticks_and_lots(instrument: Instrument) -> None:
    [scale] = plan_for(PLAIN, (instrument,)).scales
    assert all(price % instrument.tick == 0 for price in scale.prices)
    assert all(quantity % instrument.lot == 0 for quantity in scale.quantities)


# ── shrinking ──


def sells_after_a_halt(case: Case) -> bool:
    halted = False
    for command in case.commands:
        halted |= isinstance(command, Halt)
        if not halted or not isinstance(command, Submit) or command.price is None:
            continue  # a limit, for a market order is not made simpler by one
        if command.side is Side.SELL and command.quantity > 1:
            return True
    return False


def test_shrinking_leaves_only_what_matters() -> None:
    number = next(n for n in range(99) if sells_after_a_halt(soak_case(1, n, EVERYTHING)))
    shortest = shrink_case(soak_case(1, number, EVERYTHING), sells_after_a_halt)
    assert [type(command) for command in shortest.commands] == [Halt, Submit]
    assert shortest.commands[1] == Submit("ABC", 1, 1, Side.SELL, 2, 100)
    assert shortest.instruments == PLAIN_BOOKS[:1]
    assert shortest == shrink_case(soak_case(1, number, EVERYTHING), sells_after_a_halt)


def trades_by_implication(case: Case) -> bool:
    try:
        _, events = run(opening(case.instruments, case.profile), case.commands)
    except ValueError:  # a spread without its legs
        return False
    return any(isinstance(event, ImpliedTrade) for event in events)


def test_shrinking_keeps_a_spread_with_its_legs_together() -> None:
    number = next(n for n in range(99) if trades_by_implication(soak_case(1, n, alone(Feature.SPREADS))))
    shortest = shrink_case(soak_case(1, number, alone(Feature.SPREADS)), trades_by_implication)
    assert [type(command) for command in shortest.commands] == [Submit] * 3
    [spread] = [book for book in shortest.instruments if book.legs]
    assert {spread.symbol, *spread.legs} == {book.symbol for book in shortest.instruments}


def test_shrinking_takes_a_route_for_the_plain_order_that_it_could_be() -> None:
    routed = Case(PLAIN_BOOKS[:1], (Route(Submit("ABC", 1, 3, Side.SELL, 9, 105)),))
    shortest = shrink_case(routed, lambda case: len(case.commands) == 1)
    assert shortest.commands == (Submit("ABC", 1, 1, Side.SELL, 1, 100),)


def test_shrinking_keeps_to_its_attempts() -> None:
    asked = 0

    def never(case: Case) -> bool:
        nonlocal asked
        asked += 1
        return False

    case = soak_case(1, 1, EVERYTHING)
    assert shrink_case(case, never, attempts=25) == case
    assert asked == 25


def test_shrinking_tries_two_at_once() -> None:
    """A halt and its resume leave no trace together, and neither can go alone."""
    halts = (Halt("ABC"), Resume("ABC"))
    case = Case(PLAIN_BOOKS[:1], (*halts, Submit("ABC", 1, 1, Side.SELL, 1, 100)))

    def balanced(case: Case) -> bool:
        kinds = Counter(map(type, case.commands))
        return kinds[Halt] == kinds[Resume] and kinds[Submit] == 1

    assert len(shrink_case(case, balanced).commands) == 1
