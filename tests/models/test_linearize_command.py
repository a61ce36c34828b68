"""`bookproof linearize` and `bookproof record`: exit codes, JSON, limits, and that one reads what the other writes."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest

from bookproof.models.cli import main
from bookproof.models.linearize import run
from bookproof.models.linearize.conclusion import Conclusion, Verdict
from bookproof.models.linearize.file import read, write
from bookproof.models.linearize.history import History, Operation
from bookproof.models.linearize.judge import Judgement
from bookproof.spec.commands import Command, Submit
from bookproof.spec.exchange import opening, step
from bookproof.spec.instruments import listing
from bookproof.spec.values import Side

BOOKS = listing(["ABC"])


def told(*steps: tuple[Command, int, int, int]) -> History:
    """Commands in the order in which they took effect: with call, return and stamp."""
    state = opening(BOOKS)
    operations = []
    for client, (command, called, returned, stamp) in enumerate(steps):
        state, events = step(state, command)
        operations.append(Operation(client, command, called, returned, events, (("", stamp),)))
    return History(BOOKS, tuple(operations))


SELL = Submit("ABC", 1, 1, Side.SELL, 5, 100)
BUY = Submit("ABC", 2, 2, Side.BUY, 5, 100)
RIGHT = told((SELL, 0, 10, 1), (BUY, 5, 20, 2))
WRONG = told((SELL, 30, 40, 2), (BUY, 5, 20, 1))
"""The order was bought before anybody wanted to sell."""
STAMPS_WRONG = told((SELL, 0, 10, 2), (BUY, 5, 20, 1))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "run.ndjson"


def verdict_of(history: History, file: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    write(history, file)
    code = main(["linearize", str(file), *options])
    return code, capsys.readouterr().out


def test_a_history_that_one_order_explains_ends_with_0(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, told_ = verdict_of(RIGHT, file, capsys)
    assert (code, told_) == (
        0,
        "LINEARIZABLE: one order explains all 2 operations (its order was replayed by the oracle).\n",
    )


def test_a_history_that_none_explains_ends_with_1_and_a_proof(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, told_ = verdict_of(WRONG, file, capsys)
    assert code == 1
    assert told_.startswith("NOT LINEARIZABLE (")
    assert "\n  1. " in told_
    assert "→ order 2 accepted; ABC: order 2 takes 5 at 100 from order 1" in told_


def test_a_violation_is_a_page_as_well_if_that_is_asked_for(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    html = tmp_path / "page.html"
    code, told_ = verdict_of(WRONG, file, capsys, "--html", str(html))
    assert (code, told_.splitlines()[-1]) == (1, f"Page: {html}")
    assert f"bookproof linearize {file}" in html.read_text()
    html.unlink()
    code, told_ = verdict_of(RIGHT, file, capsys, "--html", str(html))
    assert (code, told_.splitlines()[-1]) == (0, "No page: there is no violation of a few operations.")
    assert not html.exists()


def test_where_the_budget_ends_first_the_verdict_is_unknown_and_ends_with_3(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Judgement(Conclusion(Verdict.UNKNOWN, kind="budget", prefix=(1,)), "generic search", "none")
    monkeypatch.setattr(run, "judge", lambda history, budget_seconds, progress: found)
    code, told_ = verdict_of(RIGHT, file, capsys, "--budget", "1s")
    assert code == 3
    assert told_.splitlines() == [
        "UNKNOWN: no order was found, and no proof that there is none (budget).",
        "The longest beginning of an order that works has 1 operations.",
    ]
    assert json.loads(verdict_of(RIGHT, file, capsys, "--json")[1])["explained"] == 1


def test_stamps_that_do_not_explain_what_another_order_does_are_called_wrong(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told_ = verdict_of(STAMPS_WRONG, file, capsys)
    assert code == 0
    assert "The stamps are wrong:\n  1. Operation 1 (client 1, ABC: buy 5 at 100 as order 2) was answered" in told_
    code, told_ = verdict_of(STAMPS_WRONG, file, capsys, "--ignore-stamps")
    assert code == 0
    assert "stamps" not in told_


def test_json_has_the_verdict_with_all_its_evidence(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, told_ = verdict_of(RIGHT, file, capsys, "--json")
    document: dict[str, Any] = json.loads(told_)
    assert (document["verdict"], document["exit_code"], document["order"]) == ("linearizable", code, [0, 1])
    assert (document["operations"], document["open"], document["clients"], document["books"]) == (2, 0, 2, 1)
    code, told_ = verdict_of(WRONG, file, capsys, "--json")
    document = json.loads(told_)
    assert (document["verdict"], document["exit_code"]) == ("not-linearizable", 1)
    assert sorted(document["core"]) == [0, 1]
    assert all(reason["sentence"] for reason in document["proof"])
    assert document["stamps"][0]["sentence"].startswith("Operation 0 ")


def test_bad_input_ends_with_2_and_its_line(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text('{"call":1}\n')
    assert main(["linearize", str(file)]) == 2
    assert capsys.readouterr().err.startswith(f"bookproof: {file}:1: history: expected the version of the format")
    assert main(["linearize", str(file) + ".not"]) == 2


def test_a_memory_limit_ends_with_3_and_says_so(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, told_ = verdict_of(RIGHT, file, capsys, "--memory", "1M")
    assert code == 3
    assert told_ == (
        "UNKNOWN: no order was found, and no proof that there is none (1 MiB of memory is not enough to read it).\n"
    )
    assert verdict_of(RIGHT, file, capsys, "--memory", "1000G")[0] == 0


@pytest.fixture(params=[signal.default_int_handler, signal.SIG_IGN], ids=["in front", "in the background"])
def in_a_shell(request: pytest.FixtureRequest) -> Iterator[None]:
    """A shell lets a job in the background ignore interrupts."""
    was = signal.signal(signal.SIGINT, request.param)
    yield
    assert signal.signal(signal.SIGINT, was) is request.param


@pytest.mark.usefixtures("in_a_shell")
def test_a_memory_limit_ends_a_check_that_is_under_way(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """More and more memory is taken, and the check itself would never end."""
    growing = chain([10**6, 10**6], repeat(10**10))
    monkeypatch.setattr(run, "peak_memory", lambda: next(growing))

    def endless(history: History, budget_seconds: float, progress: object) -> None:
        while True:
            pass

    monkeypatch.setattr(run, "judge", endless)
    code, told_ = verdict_of(RIGHT, file, capsys, "--memory", "1G", "--json")
    document = json.loads(told_)
    assert (code, document["kind"]) == (3, "1,024 MiB of memory is not enough to judge it")
    assert document["operations"] == 2


def test_an_interrupt_is_not_taken_for_a_memory_limit(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(history: History, budget_seconds: float, progress: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "judge", interrupted)
    write(RIGHT, file)
    assert main(["linearize", str(file), "--memory", "1000G"]) == 130


@pytest.mark.parametrize("wrong", ["2X", "-1", "", "G"])
def test_a_size_that_is_none_is_refused(wrong: str, file: Path) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["linearize", str(file), "--memory", wrong])


# ── record ──


def stamps_in(history: History) -> Iterator[str]:
    return (stripe for operation in history.operations for stripe, _ in operation.stamps)


def test_what_is_recorded_can_be_judged(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--commands", "60", "--clients", "3", "--crash", "0.05", "--stamps", "stripes", "--seed", "4"]
    assert main(["record", *options, "--out", str(file)]) == 0
    assert f"bookproof linearize {file}" in capsys.readouterr().out
    history = read(file)
    assert len(history.operations) == 60
    assert any(stripe.startswith("stripe ") for stripe in stamps_in(history))
    assert main(["linearize", str(file)]) in (0, 3), "a client that crashed may leave more than the stamps can tell"


@pytest.mark.parametrize(("kind", "stripes"), [("none", set()), ("order", {""})])
def test_stamps_are_of_the_kind_that_was_asked_for(kind: str, stripes: set[str], file: Path) -> None:
    main(["record", "--commands", "20", "--stamps", kind, "--mix", "one book at a time", "--out", str(file)])
    assert set(stamps_in(read(file))) == stripes


def test_a_run_with_accounts_of_a_venue_is_recorded_with_its_accounts(file: Path) -> None:
    main(["record", "--commands", "30", "--mix", "accounts", "--profile", "default", "--out", str(file)])
    assert read(file).accounts
    assert main(["linearize", str(file)]) == 0


def test_an_engine_that_hangs_ends_with_1(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["record", "--engine", "stripe-taken-twice", "--seed", "1", "--out", str(file)]) == 1
    assert "the run did not come to its end" in capsys.readouterr().err
    assert not file.exists()


def test_requests_that_make_no_sense_are_refused(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["record", "--clients", "0", "--out", str(file)]) == 2
    assert main(["record", "--profile", "nowhere", "--out", str(file)]) == 2
    with pytest.raises(SystemExit):
        main(["record", "--crash", "2", "--out", str(file)])
    assert "from 0 to 1" in capsys.readouterr().err
