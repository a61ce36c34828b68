"""Stamps as witnesses: what they explain, what they do not, and the sentences that say why."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from itertools import permutations
from random import Random

import pytest

from bookproof.engine.interface import Answer
from bookproof.engine.striped import StripedEngine
from bookproof.models.concurrent.run import MIXES
from bookproof.models.engines_by_name import factory
from bookproof.models.linearize.conclusion import Conclusion, Verdict
from bookproof.models.linearize.file import read, write
from bookproof.models.linearize.generic import search
from bookproof.models.linearize.histories import large
from bookproof.models.linearize.history import Filled, History, Operation
from bookproof.models.linearize.record import Stamps, record, scripts_of
from bookproof.models.linearize.stamped import check_stamps
from bookproof.spec.commands import Basket, Cancel, Command, Leg, MassCancel, Submit, TakeSnapshot
from bookproof.spec.events import Event
from bookproof.spec.exchange import account, opening, snapshot, step
from bookproof.spec.instruments import listing
from bookproof.spec.profile import DEFAULT, Risk
from bookproof.spec.values import Side

BOOKS = listing(["ABC", "XYZ"])
SELL = Submit("ABC", 1, 1, Side.SELL, 5, 100)
BUY = Submit("ABC", 2, 2, Side.BUY, 5, 100)
CANCEL = Cancel("ABC", 1)
OTHER = Submit("XYZ", 1, 1, Side.BUY, 5, 100)
BOTH = Basket(3, (Leg("ABC", 11, Side.BUY, 5, 100), Leg("XYZ", 12, Side.SELL, 5, 100)))

Step = tuple[Command, int, int, dict[str, int]]
"""A command, when it was called, when it returned, and its stamps."""


def told(*steps: Step, order: Sequence[int] | None = None) -> History:
    """The history in which the commands took effect in the order given; listed in it, or in another."""
    state = opening(BOOKS)
    operations = []
    for client, (command, called, returned, stamps) in enumerate(steps):
        state, events = step(state, command)
        operations.append(Operation(client, command, called, returned, events, tuple(stamps.items())))
    places = range(len(steps)) if order is None else order
    return History(BOOKS, tuple(operations[place] for place in places), final=snapshot(state))


def changed(history: History, place: int, **fields: object) -> History:
    operations = list(history.operations)
    operations[place] = operations[place]._replace(**fields)
    return history._replace(operations=tuple(operations))


def explained(history: History) -> tuple[int, ...]:
    conclusion = check_stamps(history)
    assert conclusion is not None
    assert conclusion.verdict is Verdict.LINEARIZABLE, conclusion.proof
    assert check_stamps(history, by_oracle=False) == conclusion
    return conclusion.order


def refused(history: History) -> Conclusion:
    conclusion = check_stamps(history)
    assert conclusion is not None
    assert (conclusion.verdict, conclusion.kind) == (Verdict.NOT_LINEARIZABLE, "stamps")
    assert check_stamps(history, by_oracle=False) == conclusion
    return conclusion


def sentences(history: History) -> list[str]:
    return [reason.sentence for reason in refused(history).proof]


# ── one order ──


def test_accepts_overlapping_operations_in_the_order_of_their_stamps() -> None:
    steps: list[Step] = [(SELL, 0, 10, {"": 4}), (BUY, 5, 15, {"": 7}), (CANCEL, 6, 20, {"": 9})]
    assert explained(told(*steps)) == (0, 1, 2)
    assert explained(told(*steps, order=[2, 0, 1])) == (1, 2, 0)


def test_a_history_without_stamps_is_not_for_this_check() -> None:
    assert check_stamps(told((SELL, 0, 10, {}))) is None
    assert check_stamps(told()) is None


def test_rejects_two_operations_with_one_stamp() -> None:
    [sentence] = sentences(told((SELL, 0, 10, {"": 1}), (BUY, 5, 15, {"": 1})))
    assert sentence.startswith("Two operations have the stamp 1: operation 0 (client 0, ABC: sell 5 at 100 as order 1)")


def test_rejects_a_stamp_order_that_goes_against_real_time() -> None:
    history = told((OTHER, 0, 10, {"": 1}), (SELL, 20, 30, {"": 2}))
    assert explained(history) == (0, 1)
    conclusion = refused(changed(history, 0, stamps=(("", 3),)))
    sell, buy = "client 1, ABC: sell 5 at 100 as order 1", "client 0, XYZ: buy 5 at 100 as order 1"
    assert [reason.sentence for reason in conclusion.proof] == [
        f"Operation 1 ({sell}) comes before operation 0 ({buy}): the stamps are 2 and 3.",
        f"Operation 0 ({buy}) comes before operation 1 ({sell}) in real time: it returned 10 ns before the other was "
        "called.",
        "So each of them comes before the other: no order has both.",
    ]
    assert conclusion.core == (1, 0)


def test_an_operation_that_returned_when_another_was_called_may_come_after_it() -> None:
    assert explained(told((SELL, 10, 20, {"": 1}), (OTHER, 0, 10, {"": 2}))) == (0, 1)


def test_rejects_an_answer_that_is_not_right_where_its_stamp_puts_it() -> None:
    history = told((SELL, 0, 10, {"": 1}), (BUY, 5, 15, {"": 2}), (CANCEL, 6, 20, {"": 3}))
    moved = changed(history, 1, stamps=(("", 4),))
    assert sentences(moved) == [
        'Operation 2 (client 2, ABC: cancel order 1) was answered "refused: unknown-order"; where its stamps put it, '
        '"ABC: order 1 cancelled with 5 open (requested)" is right.'
    ]
    history = changed(history, 1, events=history.operations[1].events[:1])  # type: ignore[index]
    conclusion = refused(history)
    assert conclusion.prefix == (0,)
    assert conclusion.core == (1,)
    assert conclusion.proof[0].sentence.endswith(
        'was answered "order 2 accepted"; where its stamps put it, "order 2 accepted; ABC: order 2 takes 5 at 100 from '
        'order 1" is right.'
    )


def test_rejects_books_that_do_not_end_as_they_were_seen() -> None:
    history = told((SELL, 0, 10, {"": 1}))
    other = told((OTHER, 0, 10, {"": 1}))
    assert sentences(history._replace(final=other.final))[0].startswith("After the last operation ABC is ")
    assert explained(history._replace(final=())) == (0,)


def test_rejects_a_feed_that_tells_of_other_trades() -> None:
    history = told((SELL, 0, 10, {"": 1}), (BUY, 5, 15, {"": 2}))
    assert explained(history._replace(feed=(Filled("ABC", 1, 2),))) == (0, 1)
    for feed in ((), (Filled("ABC", 2, 1),), (Filled("ABC", 1, 2), Filled("XYZ", 1, 2))):
        assert sentences(history._replace(feed=feed))[0].startswith("The feed of ")


# ── stripes ──


def test_accepts_stripes_whose_orders_fit_together_and_operations_that_do_not_meet_stay_as_they_were_called() -> None:
    steps: list[Step] = [
        (SELL, 0, 10, {"a": 1}),
        (OTHER, 1, 30, {"x": 1}),
        (BOTH, 5, 40, {"a": 2, "x": 2}),
        (TakeSnapshot(), 6, 50, {"a": 3, "x": 3}),
    ]
    assert explained(told(*steps)) == (0, 1, 2, 3)
    assert explained(told(*steps, order=[3, 2, 1, 0])) == (3, 2, 1, 0)


def test_a_torn_basket_is_found_by_the_cycle_of_two_stripes_though_each_stripe_for_itself_is_right() -> None:
    """A picture of all books shows the first leg traded, and the second not."""
    history = told(
        (SELL, 0, 1, {"a": 1}),
        (OTHER, 0, 2, {"x": 1}),
        (BOTH, 5, 40, {"a": 2, "x": 3}),
        (TakeSnapshot(), 6, 50, {"a": 3, "x": 2}),
    )
    basket, picture = (
        "client 2, basket of ABC buy 5 at 100 as 11, XYZ sell 5 at 100 as 12",
        "client 3, a picture of all books",
    )
    assert sentences(history) == [
        f"Operation 2 ({basket}) comes before operation 3 ({picture}) in stripe a: the stamps are 2 and 3.",
        f"Operation 3 ({picture}) comes before operation 2 ({basket}) in stripe x: the stamps are 2 and 3.",
        "So operation 2 or operation 3 is torn, in effect more than one step: operation 3 came after 2 in stripe a and "
        "before it in stripe x.",
    ]
    assert set(refused(history).core) == {2, 3}
    assert refused(history).prefix == (0, 1)


def test_a_torn_basket_is_found_though_nothing_but_real_time_ties_the_stripes() -> None:
    """Whoever saw the first leg in effect told somebody, who did not see the second."""
    history = told(
        (SELL, 0, 1, {"a": 1}),
        (OTHER, 0, 2, {"x": 1}),
        (Cancel("XYZ", 77), 20, 30, {"x": 2}),
        (BOTH, 5, 40, {"a": 2, "x": 3}),
        (Cancel("ABC", 77), 6, 10, {"a": 3}),
    )
    proof = refused(history).proof
    assert [reason.operations for reason in proof[:3]] == [(3, 4), (4, 2), (2, 3)]
    assert proof[3].sentence == (
        "So operation 3 is torn, in effect more than one step: operation 4 came after 3 in stripe a, and operation 2, "
        "which is later still, came before 3 in stripe x."
    )
    without = changed(history, 2, called=8)
    assert explained(without)


def test_a_stripe_that_goes_against_real_time_is_no_torn_operation() -> None:
    history = told((SELL, 0, 10, {"a": 2}), (Cancel("ABC", 5), 20, 30, {"a": 1}), (OTHER, 0, 40, {"x": 1}))
    assert sentences(history)[2] == "So each of them comes before the other: no order has both."


def test_what_touched_no_stripe_and_was_refused_is_free_to_be_anywhere() -> None:
    """An order for a book that is not listed takes no lock."""
    unlisted = Cancel("QQQ", 1)
    assert explained(told((SELL, 0, 10, {"a": 1}), (unlisted, 5, 6, {}), (BUY, 7, 20, {"a": 2}))) == (0, 1, 2)
    broken = told((SELL, 0, 10, {"a": 2}), (unlisted, 5, 6, {}), (BUY, 7, 20, {"a": 1}))
    assert refused(broken)


def test_where_something_may_have_happened_without_a_stamp_a_wrong_answer_is_for_a_search() -> None:
    history = told((SELL, 0, 10, {}), (BUY, 5, 15, {"a": 1}), (CANCEL, 7, 20, {"a": 2}))
    assert check_stamps(history) is not None, "by their calls they come in the right order"
    late = changed(changed(history, 0, called=6), 1, called=5)
    assert check_stamps(late) is None
    assert search(late).verdict is Verdict.LINEARIZABLE


# ── operations that nobody heard of again ──


def opened(history: History, place: int) -> History:
    return changed(history, place, returned=None, events=None, stamps=())


def test_an_open_operation_is_put_where_it_is_missed_first() -> None:
    history = told((SELL, 0, 10, {"": 1}), (BUY, 15, 25, {"": 3}), (CANCEL, 26, 30, {"": 4}))
    lost = opened(history, 0)
    conclusion = check_stamps(lost)
    assert conclusion is not None
    assert conclusion.order == (0, 1, 2)
    assert check_stamps(lost, by_oracle=False) is None, "the engine cannot take a step back"


def test_an_open_operation_that_nobody_saw_never_happened_and_one_that_the_last_book_shows_did() -> None:
    history = told((SELL, 0, 10, {"": 1}), (OTHER, 15, 25, {"": 2}))
    conclusion = check_stamps(opened(history, 0))
    assert conclusion is not None
    assert conclusion.order == (1, 0)
    without = told((OTHER, 15, 25, {"": 2}))
    conclusion = check_stamps(opened(history, 0)._replace(final=without.final))
    assert conclusion is not None
    assert conclusion.order == (1,)


def test_an_open_operation_happens_not_before_it_was_called() -> None:
    history = told((SELL, 0, 10, {"": 1}), (BUY, 15, 25, {"": 3}), (CANCEL, 26, 30, {"": 4}))
    assert check_stamps(changed(opened(history, 0), 0, called=26)) is None


# ── against the definition ──


def by_definition(history: History) -> bool:
    """Whether an order that all stripes and real time allow gives the recorded answers and the books at the end."""
    operations = history.operations
    for order in permutations(range(len(operations))):
        position = {place: at for at, place in enumerate(order)}
        fits = all(
            position[one] < position[other]
            for one, first in enumerate(operations)
            for other, second in enumerate(operations)
            if (first.returned or 0) < second.called
            or any(stripe == name and stamp < later for stripe, stamp in first.stamps for name, later in second.stamps)
        )
        if not fits:
            continue
        state = opening(history.instruments)
        for place in order:
            state, events = step(state, operations[place].command)
            if events != operations[place].events:
                break
        else:
            if snapshot(state) == history.final:
                return True
    return False


def random_history(dice: Random) -> History:
    """Five operations on two books, with stamps that are right, or some of which have changed places."""
    counts = {"a": 0, "x": 0}
    steps: list[Step] = []
    for number in range(5):
        symbol = dice.choice(["ABC", "XYZ"])
        choices: list[Command] = [
            Submit(symbol, number, number, dice.choice(list(Side)), dice.randint(1, 3), 100),
            Submit(symbol, number, number, dice.choice(list(Side)), dice.randint(1, 3), 100),
            Cancel(symbol, dice.randrange(5)),
            Basket(9, (Leg("ABC", 10 + number, Side.BUY, 1, 100), Leg("XYZ", 10 + number, Side.SELL, 1, 100))),
            MassCancel(dice.randrange(5)),
        ]
        command = dice.choice(choices)
        touched = "ax" if isinstance(command, Basket | MassCancel) else "a" if symbol == "ABC" else "x"
        for stripe in touched:
            counts[stripe] += 1
        moment = 10 * number
        spread = dice.choice([5, 20])
        called, returned = moment - dice.randint(0, spread), moment + dice.randint(1, spread)
        steps.append((command, called, returned, {stripe: counts[stripe] for stripe in touched}))
    history = told(*steps, order=dice.sample(range(5), 5))
    if dice.random() < 0.7:
        stripe = dice.choice("ax")
        users = [place for place, one in enumerate(history.operations) if stripe in dict(one.stamps)]
        if len(users) > 1:
            one, other = dice.sample(users, 2)
            first, second = (dict(history.operations[place].stamps) for place in (one, other))
            first[stripe], second[stripe] = second[stripe], first[stripe]
            history = changed(history, one, stamps=tuple(first.items()))
            history = changed(history, other, stamps=tuple(second.items()))
    return history


def test_the_check_agrees_with_the_definition_on_random_histories() -> None:
    dice = Random(11)
    verdicts = []
    for _ in range(400):
        history = random_history(dice)
        right = by_definition(history)
        if right:
            assert search(history).verdict is Verdict.LINEARIZABLE
            explained(history)
        else:
            refused(history)
        verdicts.append(right)
    assert 100 < sum(verdicts) < 300, "some of each"


# ── our engines ──


def recorded(engine: str, mix: str, seed: int, stamps: Stamps, cuts: float = 0.0, crash: float = 0.0) -> History:
    listed, profile, scripts = scripts_of(mix, clients=4, commands=150, seed=seed)
    make = partial(factory(engine), listed, profile)
    return record(
        lambda sync: make(sync=sync), listed, profile, scripts, stamps=stamps, seed=seed, cuts=cuts, crash=crash
    )


@pytest.mark.parametrize("mix", list(MIXES))
def test_the_striped_engine_is_explained_by_the_order_of_its_locks(mix: str) -> None:
    history = recorded("striped", mix, 1, Stamps.STRIPES, cuts=0.05)
    assert all(operation.stamps for operation in history.operations if len(operation.events or ()) > 1)
    explained(history)
    explained(recorded("striped", mix, 2, Stamps.ORDER))


@pytest.mark.parametrize("engine", ["global-lock", "monitor", "polite"])
def test_other_ways_to_lock_are_explained_as_well(engine: str) -> None:
    explained(recorded(engine, "across books", 1, Stamps.STRIPES, cuts=0.05))


class TornBasket(StripedEngine):
    """A basket holds one stripe after the other, for no longer than it takes to trade in its book."""

    def _basket(self, basket: Basket) -> Answer:
        rejected = self._floor.basket_fault(basket)
        if rejected is not None:
            return self._stamped([rejected])
        with self._holding(self._stripe_of[leg.symbol] for leg in basket.legs):  # guards the legs' books, to look
            if self._floor.basket_refusal(basket) is not None:
                return self._stamped(self._floor.basket(basket))
        events: list[Event] = []
        for leg in basket.legs:
            with self._lock_of[leg.symbol]:  # the defect: the other leg's book is anybody's meanwhile
                order = Submit(leg.symbol, leg.order_id, basket.account, leg.side, leg.quantity, leg.price)
                events += self._floor.books[leg.symbol].submit(order)
        return self._stamped(events)


def torn(seed: int) -> History:
    """One client sends baskets, another takes pictures, and there is always somebody to trade with."""
    listed = listing(["ABC", "XYZ"])
    makers = [
        Submit(one.symbol, 1000, 1, side, 10**6, 100) for one, side in zip(listed, (Side.SELL, Side.BUY), strict=True)
    ]
    baskets = [
        Basket(2, (Leg("ABC", 10 * n, Side.BUY, 1, 100), Leg("XYZ", 10 * n + 1, Side.SELL, 1, 100))) for n in range(40)
    ]
    scripts: list[list[Command]] = [[*makers, *baskets], [TakeSnapshot()] * 40]
    return record(
        lambda sync: TornBasket(listed, stripes=2, sync=sync),
        listed,
        DEFAULT,
        scripts,
        stamps=Stamps.STRIPES,
        cuts=0.05,
        seed=seed,
    )


def test_a_torn_basket_of_a_striped_engine_is_found_by_the_union_cycle_and_told_in_a_sentence() -> None:
    for seed in range(20):  # threads are not obedient
        conclusion = check_stamps(torn(seed))
        assert conclusion is not None
        if conclusion.proof and " torn, " in conclusion.proof[-1].sentence:
            break
    else:
        pytest.fail("no basket was torn in twenty runs")
    first, second, closing = (reason.sentence for reason in conclusion.proof)
    assert "basket of ABC" in first
    assert "a picture of all books" in second or "a picture of all books" in first
    assert "came after" in closing
    assert " in stripe 0" in closing
    assert " in stripe 1" in closing


@pytest.mark.parametrize("engine", ["basket-not-undone", "snapshot-book-by-book", "mass-cancel-book-by-book"])
def test_engines_of_the_zoo_that_let_go_half_way_are_found_by_the_union_cycle(engine: str) -> None:
    for seed in range(20):
        conclusion = check_stamps(recorded(engine, "across books", seed, Stamps.STRIPES, cuts=0.1))
        if conclusion is not None and conclusion.proof and " torn, " in conclusion.proof[-1].sentence:
            return
    pytest.fail("nothing was torn in twenty runs")


@pytest.mark.parametrize("stamps", list(Stamps))
@pytest.mark.parametrize("mix", ["one book at a time", "accounts"])
def test_operations_of_clients_that_crash_are_open_and_their_clients_come_back_under_new_numbers(
    mix: str, stamps: Stamps
) -> None:
    history = recorded("striped", mix, 3, stamps, crash=0.1)
    lost = [operation for operation in history.operations if operation.is_open]
    assert lost
    assert len({operation.client for operation in lost}) == len(lost), "nobody crashes twice"
    for operation in lost:
        later = [one for one in history.operations if one.called > operation.called]
        assert operation.client not in {one.client for one in later}
        assert operation.stamps == ()
    conclusion = check_stamps(history)
    assert conclusion is None or conclusion.verdict is Verdict.LINEARIZABLE
    if stamps is Stamps.NONE:
        assert conclusion is None


def test_accounts_at_the_end_are_held_against_the_replay() -> None:
    history = recorded("striped", "accounts", 1, Stamps.ORDER)
    assert history.profile.risk is not Risk.NONE
    held = history.accounts[0]
    state = opening(history.instruments, history.profile)
    for place in explained(history):
        state, _ = step(state, history.operations[place].command)
    assert account(state, held.account) == held
    wrong = (held._replace(cash=held.cash + 1), *history.accounts[1:])
    assert sentences(history._replace(accounts=wrong))[0].startswith(f"After the last operation account {held.account}")


# ── many ──

OPERATIONS = int(os.environ.get("BOOKPROOF_OPERATIONS", "4000"))
"""Of a long history. A million is for a nightly run."""


@pytest.fixture(scope="module")
def long_run(tmp_path_factory: pytest.TempPathFactory) -> History:
    """Over sixteen books, with baskets, mass cancels and clients that crash; it has been through a file."""
    history = large(OPERATIONS, 16, symbols=16, stamped=True, crashed=0.0005, feed=True, seed=5)
    path = tmp_path_factory.mktemp("long") / "run.ndjson"
    write(history, path)
    found = read(path)
    assert found.operations == tuple(sorted(history.operations, key=lambda operation: operation.called))
    assert (found.feed, found.final) == (history.feed, history.final)
    return found


def test_a_long_run_over_many_stripes_is_explained() -> None:
    conclusion = check_stamps(large(OPERATIONS, 16, symbols=16, stamped=True, seed=6), by_oracle=False)
    assert conclusion is not None
    assert conclusion.verdict is Verdict.LINEARIZABLE


def test_a_long_run_goes_through_a_file_and_who_crashed_in_it_is_no_violation(long_run: History) -> None:
    assert any(operation.is_open for operation in long_run.operations)
    conclusion = check_stamps(long_run, by_oracle=False)
    assert conclusion is None or conclusion.verdict is Verdict.LINEARIZABLE


def test_two_stamps_of_a_long_run_that_changed_places_are_found() -> None:
    right = large(OPERATIONS, 16, symbols=16, stamped=True, seed=6)
    dice = Random(7)
    found = 0
    for _ in range(4):
        stripe = dice.choice(right.instruments).symbol
        users = [place for place, one in enumerate(right.operations) if stripe in dict(one.stamps)]
        one, other = dice.sample(users, 2)
        first, second = (dict(right.operations[place].stamps) for place in (one, other))
        first[stripe], second[stripe] = second[stripe], first[stripe]
        wrong = changed(changed(right, one, stamps=tuple(first.items())), other, stamps=tuple(second.items()))
        conclusion = check_stamps(wrong, by_oracle=False)
        assert conclusion is not None
        found += conclusion.verdict is Verdict.NOT_LINEARIZABLE
        assert len(conclusion.core) <= 4
    assert found >= 3, "those that are far apart are against real time"
