"""A run that is watched: the same verdicts as when all is over, and as early as they can be known."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random
from time import sleep

import pytest

from bookproof.models.cli import main
from bookproof.models.engines_by_name import factory
from bookproof.models.linearize import online
from bookproof.models.linearize.conclusion import Conclusion, Verdict
from bookproof.models.linearize.entries import Beginning, Call, End, Entry, GivenUp, Return
from bookproof.models.linearize.file import VERSION, lines
from bookproof.models.linearize.generic import search
from bookproof.models.linearize.history import History, Operation
from bookproof.models.linearize.online import Online
from bookproof.models.linearize.record import Stamps, record, scripts_of
from bookproof.models.linearize.stamped import check_stamps
from bookproof.spec.commands import Basket, Cancel, Command, Leg, Submit, TakeSnapshot
from bookproof.spec.events import Event
from bookproof.spec.exchange import opening, step
from bookproof.spec.instruments import listing
from bookproof.spec.values import Side

BOOKS = listing(["ABC", "XYZ"])
SELL = Submit("ABC", 1, 1, Side.SELL, 5, 100)
BUY = Submit("ABC", 2, 2, Side.BUY, 5, 100)
OTHER = Submit("XYZ", 1, 1, Side.BUY, 5, 100)
BOTH = Basket(3, (Leg("ABC", 11, Side.BUY, 5, 100), Leg("XYZ", 12, Side.SELL, 5, 100)))


Step = tuple[Command, int, int, dict[str, int]]
"""A command, when it was called, when it returned, and its stamps."""


def told(*steps: Step) -> History:
    """The history in which the commands took effect in the order given."""
    state = opening(BOOKS)
    operations = []
    for client, (command, called, returned, stamps) in enumerate(steps):
        state, events = step(state, command)
        operations.append(Operation(client, command, called, returned, events, tuple(stamps.items())))
    return History(BOOKS, tuple(operations))


def entries_of(history: History) -> Iterator[Entry]:
    """What a file of it says: calls and returns by time, calls first, and at the end who gave up."""
    yield Beginning(VERSION, history.instruments, history.profile, history.feed is not None)
    moments: list[tuple[int, int, int]] = []
    for place, operation in enumerate(history.operations):
        moments.append((operation.called, 0, place))
        if operation.returned is not None:
            moments.append((operation.returned, 1, place))
    for moment, is_return, place in sorted(moments):
        one = history.operations[place]
        if is_return:
            yield Return(place, None, moment, one.events or (), one.stamps)
        else:
            yield Call(place, one.client, moment, one.command)
    for place, operation in enumerate(history.operations):
        if operation.is_open:
            yield GivenUp(place, None)
    yield End(len(history.operations))


def watched(history: History) -> tuple[Online, int | None]:
    """A run after its last line; and the number of the line at which something was wrong."""
    run = Online(budget_seconds=5)
    wrong = None
    for line, entry in enumerate(entries_of(history), 1):
        if run.add(line, entry) is not None and wrong is None:
            wrong = line
    return run, wrong


def ordered(history: History) -> History:
    """Operations in order of their calls."""
    return history._replace(operations=tuple(sorted(history.operations, key=lambda one: one.called)))


# ── with stamps ──


def test_an_operation_has_its_place_when_nothing_under_way_was_called_before_it_returned() -> None:
    history = told((SELL, 0, 10, {"": 1}), (BUY, 5, 15, {"": 2}), (OTHER, 20, 30, {"": 3}))
    run = Online()
    explained = []
    for line, entry in enumerate(entries_of(history), 1):
        run.add(line, entry)
        explained.append(run.explained)
    assert explained == [0, 0, 0, 0, 1, 1, 2, 2], "after the header, two calls, two returns, a call, a return, the end"
    assert run.violation is None
    assert run.end().verdict is Verdict.LINEARIZABLE


def test_a_wrong_answer_is_told_as_soon_as_nobody_can_come_before_it() -> None:
    history = told((SELL, 0, 10, {"": 1}), (BUY, 20, 30, {"": 2}), (OTHER, 40, 50, {"": 3}), (OTHER, 60, 70, {"": 4}))
    wrong = history.operations[1]._replace(events=(history.operations[1].events or ())[:1])
    run, line = watched(history._replace(operations=(history.operations[0], wrong, *history.operations[2:])))
    assert line is not None
    assert line <= 7, "at the latest when the next one has returned"
    assert run.violation is not None
    assert run.violation.proof[0].sentence.startswith(
        "Operation 1 (client 1, ABC: buy 5 at 100 as order 2) was answered"
    )


def test_a_torn_basket_is_told_while_others_go_on() -> None:
    """The picture shows the first leg traded, and the second not."""
    torn = told(
        (SELL, 0, 1, {"a": 1}),
        (OTHER, 0, 2, {"x": 1}),
        (BOTH, 5, 40, {"a": 2, "x": 3}),
        (TakeSnapshot(), 6, 50, {"a": 3, "x": 2}),
        *[(Cancel("ABC", 7), 60 + 10 * n, 65 + 10 * n, {"a": 4 + n}) for n in range(20)],
    )
    run, line = watched(torn)
    assert run.violation is not None
    assert line == 9, "the line on which the picture returned"
    assert run.violation.proof[-1].sentence.startswith("So operation 2 or operation 3 is torn")


@pytest.mark.parametrize(
    ("stamp", "sentence"),
    [
        (11, "Operation 3 (client 3, ABC: cancel order 8) comes before operation 1 (client 1, ABC: cancel order 7): "),
        (12, "Two operations have the stamp 12: operation 1 (client 1, ABC: cancel order 7) and operation 3 "),
    ],
    ids=["too late", "twice"],
)
def test_a_stamp_that_comes_too_late_or_twice_is_told(stamp: int, sentence: str) -> None:
    before = [(Cancel("ABC", 7), 100 + 10 * n, 105 + 10 * n, {"": (10, 12, 14)[n]}) for n in range(3)]
    run, _ = watched(told(*before, (Cancel("ABC", 8), 140, 150, {"": stamp})))
    assert run.violation is not None
    assert run.violation.proof[0].sentence.startswith(sentence)


def recorded(engine: str, mix: str, seed: int, stamps: Stamps, cuts: float = 0.0, crash: float = 0.0) -> History:
    listed, profile, scripts = scripts_of(mix, clients=4, commands=120, seed=seed)
    make = partial(factory(engine), listed, profile)
    return record(
        lambda sync: make(sync=sync), listed, profile, scripts, stamps=stamps, seed=seed, cuts=cuts, crash=crash
    )


@pytest.mark.parametrize("stamps", [Stamps.ORDER, Stamps.STRIPES])
@pytest.mark.parametrize("mix", ["across books", "everything", "accounts"])
def test_runs_of_the_striped_engine_are_explained_but_for_the_last_of_them(mix: str, stamps: Stamps) -> None:
    history = recorded("striped", mix, 1, stamps, cuts=0.05)
    run, wrong = watched(history)
    assert (wrong, run.doubt) == (None, "")
    assert len(history.operations) - run.explained <= 4, "as many as there are clients"


def test_what_the_whole_history_says_of_its_stamps_is_said_while_it_goes_on() -> None:
    found: list[Conclusion | None] = []
    for seed in range(6):
        for engine in ("snapshot-book-by-book", "striped", "stamp-after-release"):
            history = recorded(engine, "across books", seed, Stamps.STRIPES if seed % 2 else Stamps.ORDER, cuts=0.1)
            whole = check_stamps(history)
            assert whole is not None
            run, _ = watched(history)
            assert (run.violation is None) or whole.verdict is Verdict.NOT_LINEARIZABLE
            if whole.verdict is Verdict.NOT_LINEARIZABLE and run.violation is None:
                assert run.explained < len(history.operations), "what is wrong is among the last"
            found.append(run.violation)
    assert any(found)
    assert not all(found)


def test_where_an_open_operation_may_have_been_seen_there_is_doubt_and_no_violation() -> None:
    history = told((SELL, 0, 10, {"": 1}), (BUY, 15, 25, {"": 2}), (OTHER, 40, 50, {"": 3}), (OTHER, 60, 70, {"": 4}))
    lost = history.operations[0]._replace(returned=None, events=None, stamps=())
    run = Online()
    for line, entry in enumerate(entries_of(history._replace(operations=(lost, *history.operations[1:]))), 1):
        run.add(line, entry)
        if line == 2:
            run.add(line, GivenUp(0, None))
        if run.doubt:
            break
    assert run.violation is None
    assert run.doubt == "an operation without a stamp may have made an answer what it is"


# ── without ──


def random_history(dice: Random, operations: int) -> History:
    """Two or three at a time on one book, with quiet moments in between; some answers are spoiled."""
    state = opening(BOOKS)
    told_: list[Operation] = []
    moment = 0
    while len(told_) < operations:
        moment += 100
        group = dice.randint(1, 3)
        for turn in range(group):
            number = len(told_)
            command: Command = Submit("ABC", number, number, dice.choice(list(Side)), dice.randint(1, 3), 100)
            if dice.random() < 0.3:
                command = Cancel("ABC", dice.randrange(number + 1))
            state, events = step(state, command)
            begin, end = moment + 10 * turn - dice.randint(0, 15), moment + 10 * turn + dice.randint(1, 15)
            told_.append(Operation(number % 4, command, begin, end, events))
    history = ordered(History(BOOKS, tuple(told_)))
    if dice.random() < 0.5:
        place = dice.randrange(len(told_))
        other = dice.randrange(len(told_))
        swapped = list(history.operations)
        events_of: tuple[Event, ...] | None = swapped[other].events
        swapped[place] = swapped[place]._replace(events=events_of)
        history = history._replace(operations=tuple(swapped))
    return history


def test_runs_without_stamps_have_the_verdict_of_the_search() -> None:
    dice = Random(3)
    verdicts = []
    for _ in range(60):
        history = random_history(dice, 12)
        right = search(history).verdict
        run, _ = watched(history)
        assert run.doubt == ""
        assert (run.violation is None) is (right is Verdict.LINEARIZABLE)
        verdicts.append(right)
    assert {Verdict.LINEARIZABLE, Verdict.NOT_LINEARIZABLE} <= set(verdicts)


def test_a_violation_without_stamps_is_told_at_the_next_quiet_moment() -> None:
    filler: list[Step] = [(OTHER._replace(order_id=9 + n), 100 * n + 100, 100 * n + 150, {}) for n in range(20)]
    history = told((SELL, 0, 10, {}), (BUY, 20, 30, {}), *filler)
    wrong = history.operations[1]._replace(events=(history.operations[1].events or ())[:1])
    run, line = watched(history._replace(operations=(history.operations[0], wrong, *history.operations[2:])))
    assert run.violation is not None
    assert line == 5


def test_both_states_are_kept_where_nobody_can_say_yet_who_was_first() -> None:
    """Two orders of one level enter side by side; only a fill long after says which is ahead."""
    for first, second in ((3, 4), (4, 3)):
        one = Submit("ABC", first, 1, Side.SELL, 5, 100)
        other = Submit("ABC", second, 1, Side.SELL, 5, 100)
        history = ordered(
            told((one, 10 - first, 20, {}), (other, 10 - second, 20, {}), (OTHER, 30, 40, {}), (BUY, 50, 60, {}))
        )
        run, _ = watched(history)
        assert run.violation is None
        assert run.explained == 4


def test_a_run_that_is_never_quiet_is_judged_whenever_it_has_doubled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(online, "MOST_STEPS", 20)
    monkeypatch.setattr(online, "FIRST_LOOK", 8)
    steps: list[Step] = [(OTHER._replace(order_id=n), 10 * n, 10 * n + 15, {}) for n in range(1, 40)]
    right = told((SELL, 0, 15, {}), *steps)
    run, wrong = watched(right)
    assert wrong is None
    assert run.explained > 16
    spoiled = right.operations[10]._replace(events=right.operations[11].events)
    bad = right._replace(operations=(*right.operations[:10], spoiled, *right.operations[11:]))
    run, wrong = watched(bad)
    assert run.violation is not None
    assert wrong is not None
    assert wrong < 60


def test_a_call_at_the_very_moment_of_the_last_return_is_no_quiet_moment() -> None:
    history = ordered(told((SELL, 10, 20, {}), (OTHER, 0, 10, {})))
    assert history.operations[1].called == history.operations[0].returned
    seen = told((SELL, 10, 20, {}), (BUY, 0, 10, {}))
    run, wrong = watched(ordered(seen))
    assert wrong is None or search(ordered(seen)).verdict is Verdict.NOT_LINEARIZABLE
    assert run.end().verdict is search(ordered(seen)).verdict


# ── the command ──


def test_the_command_follows_a_file_that_is_being_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "run.ndjson"
    written = list(lines(recorded("striped", "across books", 1, Stamps.ORDER)))
    path.touch()

    def write_slowly() -> None:
        with path.open("w") as file:
            for number, line in enumerate(written):
                file.write(line[:20])
                if number % 50 == 0:
                    file.flush()
                    sleep(0.02)
                file.write(line[20:] + "\n")

    writer = threading.Thread(target=write_slowly)
    writer.start()
    assert main(["linearize", str(path), "--follow"]) == 0
    writer.join()
    assert "LINEARIZABLE: one order explains all 120 operations" in capsys.readouterr().out
    assert main(["linearize", str(path), "--follow", "--ignore-stamps"]) == 2


def test_the_command_does_not_wait_for_the_end_of_a_run_that_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run.ndjson"
    filler: list[Step] = [(OTHER._replace(order_id=9 + n), 100 * n + 100, 100 * n + 150, {}) for n in range(5)]
    history = told((SELL, 0, 10, {}), (BUY, 20, 30, {}), *filler)
    wrong = history.operations[1]._replace(events=(history.operations[1].events or ())[:1])
    history = history._replace(operations=(history.operations[0], wrong, *history.operations[2:]))
    path.write_text("".join(line + "\n" for line in list(lines(history))[:-1]))  # nobody has written the end
    assert main(["linearize", str(path), "--follow"]) == 1
    assert "wrong after 2 operations" in capsys.readouterr().err
