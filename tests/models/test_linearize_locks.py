"""What operations did with the locks of a watched engine: recorded, written, read, and shown with a violation."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from bookproof.engine.interface import Engine
from bookproof.engine.sync import Sync
from bookproof.models.cli import main
from bookproof.models.concurrent.history import Doing, LockStep
from bookproof.models.engines_by_name import factory
from bookproof.models.linearize.conclusion import Verdict
from bookproof.models.linearize.file import lines, read, write
from bookproof.models.linearize.history import History, Operation
from bookproof.models.linearize.judge import judge
from bookproof.models.linearize.page import page
from bookproof.models.linearize.record import Stamps, record, scripts_of
from bookproof.models.linearize.story import story
from bookproof.models.linearize.telling import telling
from bookproof.spec.commands import Cancel
from bookproof.spec.events import Rejected
from bookproof.spec.input_error import InputError
from bookproof.spec.instruments import listing
from bookproof.spec.reasons import RejectReason

BOOKS = listing(["ABC"])
GONE = (Rejected("ABC", 1, RejectReason.UNKNOWN_ORDER),)
STEPS = (
    LockStep(1, Doing.TAKES, "stripe 0", 12, 1),
    LockStep(0, Doing.WAITS, "stripe 0", 13),
    LockStep(1, Doing.DRAWS, "stamp", 14, 1),
    LockStep(1, Doing.LEAVES, "stripe 0", 15),
    LockStep(0, Doing.TAKES, "stripe 0", 16, 2),
    LockStep(0, Doing.LEAVES, "stripe 0", 20),
)
WATCHED = History(
    BOOKS,
    (Operation(7, Cancel("ABC", 1), 10, 20, ()), Operation(8, Cancel("ABC", 1), 11, 18, GONE)),
    lock_steps=STEPS,
)
"""The first of the two operations got no answer at all, which nothing explains."""


def read_lines(*written: str) -> History:
    return read(io.BytesIO("\n".join([*written, ""]).encode()))


def test_lock_steps_are_written_as_lines_of_version_3_and_read_back(tmp_path: Path) -> None:
    write(WATCHED, tmp_path / "run.ndjson")
    assert read(tmp_path / "run.ndjson") == WATCHED
    [header, *others] = lines(WATCHED)
    assert header.startswith('{"history":3,')
    assert '{"lock":"stripe 0","of":0,"does":"waits-for","time":13}' in others


def test_a_history_without_them_is_of_version_2_as_before() -> None:
    assert next(lines(WATCHED._replace(lock_steps=()))).startswith('{"history":2,')


def test_operations_keep_their_steps_when_they_are_put_in_order_of_their_calls() -> None:
    swapped = tuple(step._replace(operation=1 - step.operation) for step in STEPS)
    assert read_lines(*lines(WATCHED._replace(operations=WATCHED.operations[::-1], lock_steps=swapped))) == WATCHED


def test_lock_lines_may_stand_anywhere_behind_their_calls() -> None:
    header, *others = lines(WATCHED)
    steps = [line for line in others if line.startswith('{"lock"')]
    rest = [line for line in others if line not in steps]
    assert read_lines(header, *rest[:2], *steps, *rest[2:]) == WATCHED


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"lock":"a","of":2,"does":"takes","time":12}', "4: of: expected the number of an operation that was called"),
        ('{"lock":"a","of":1,"does":"takes","time":10}', "4: time: expected a time that is not before that of its"),
        ('{"lock":"a","of":1,"does":"takes","time":19}', "5: time: expected lock lines that are not behind the return"),
        ('{"lock":"a","of":1,"does":"steals","time":12}', "4: does: expected one of waits-for, takes, leaves, draws"),
        ('{"lock":1,"of":1,"does":"takes","time":12}', "4: lock: expected the name of a lock"),
        ('{"lock":"a","does":"takes","time":12}', "4: of: expected"),
    ],
)
def test_a_lock_line_that_cannot_be_is_refused_with_its_line(line: str, message: str) -> None:
    header, *others = lines(WATCHED._replace(lock_steps=()))
    with pytest.raises(InputError, match=message):
        read_lines(header.replace('"history":2', '"history":3'), *others[:2], line, *others[2:])


def test_a_lock_line_behind_a_later_one_or_behind_the_return_is_refused() -> None:
    header, *others = lines(WATCHED)
    swapped = [*others[:4], others[5], others[4], *others[6:]]
    with pytest.raises(InputError, match="7: time: expected a time that is not before that of an earlier lock line"):
        read_lines(header, *swapped)
    with pytest.raises(InputError, match="11: time: expected lock lines that are not behind the return"):
        read_lines(header, *(line.replace('"time":20}', '"time":21}') for line in others))


def test_a_reader_is_told_where_version_2_has_a_lock_line() -> None:
    header, *others = lines(WATCHED)
    with pytest.raises(InputError, match="6: lock: expected lock lines in version 3 alone, got one in version 2"):
        read_lines(header.replace('"history":3', '"history":2'), *others)


def watched(engine: str, crash: float = 0.0) -> History:
    listed, profile, scripts = scripts_of("across books", clients=4, commands=120, seed=3)
    make = factory(engine)

    def built(sync: Sync) -> Engine:
        return make(listed, profile, sync=sync)

    return record(built, listed, profile, scripts, stamps=Stamps.STRIPES, locks=True, crash=crash)


@pytest.mark.parametrize("crash", [0.0, 0.1])
def test_every_step_is_within_its_operation_and_no_lock_has_two_holders(crash: float) -> None:
    history = watched("striped", crash)
    holder: dict[str, int] = {}
    assert [step.time for step in history.lock_steps] == sorted(step.time for step in history.lock_steps)
    for step in history.lock_steps:
        operation = history.operations[step.operation]
        assert operation.called <= step.time
        assert operation.returned is None or step.time <= operation.returned
        if step.doing is Doing.TAKES:
            assert holder.setdefault(step.lock, step.operation) == step.operation
        elif step.doing is Doing.LEAVES:
            assert holder.pop(step.lock) == step.operation
    assert not holder
    assert len({step.operation for step in history.lock_steps}) > 100
    assert read_lines(*lines(history)) == history


def test_the_steps_are_those_that_the_stamps_of_the_stripes_were_drawn_in() -> None:
    history = watched("striped")
    taken: dict[int, dict[str, int]] = {}
    for step in history.lock_steps:
        if step.doing is Doing.TAKES:
            taken.setdefault(step.operation, {})[step.lock] = step.number
    assert [dict(operation.stamps) for operation in history.operations] == [
        taken.get(place, {}) for place in range(len(history.operations))
    ]


def test_a_run_that_nobody_watches_has_no_steps() -> None:
    listed, profile, scripts = scripts_of("one book at a time", clients=2, commands=10, seed=1)
    make = factory("striped")
    assert record(lambda sync: make(listed, profile, sync=sync), listed, profile, scripts).lock_steps == ()


def test_a_violation_is_told_with_what_its_operations_did_with_locks() -> None:
    judgement = judge(WATCHED)
    assert judgement.verdict is Verdict.NOT_LINEARIZABLE
    told = telling(judgement, WATCHED.lock_steps)
    assert told is not None
    text = story(told)
    assert "Inside the engine:\n" in text
    assert "A  client 7    waits for stripe 0" in text
    html = page(told, name="run", again="bookproof linearize run")
    assert html.count("<rect class=held") == html.count("<rect class=waited") == 1
    assert "held: stripe 0 (no. 2)" in html
    assert "<td>7<td>takes<td>stripe 0 (no. 2)" in html
    assert "Inside the engine" not in page(telling(judgement) or told, name="run", again="")


def test_a_lock_that_is_never_left_is_no_stripe_in_a_bar() -> None:
    judgement = judge(WATCHED)
    told = telling(judgement, [step for step in STEPS if step.doing is not Doing.LEAVES])
    assert told is not None
    assert "<rect class=held" not in page(told, name="run", again="")


def test_recording_with_locks_is_asked_for_on_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "run.ndjson"
    assert main(["record", "--commands", "30", "--locks", "--stamps", "none", "--out", str(file)]) == 0
    history = read(file)
    assert {step.doing for step in history.lock_steps} >= {Doing.TAKES, Doing.LEAVES, Doing.DRAWS}
    assert not any(operation.stamps for operation in history.operations)
    assert main(["linearize", str(file)]) == 0
