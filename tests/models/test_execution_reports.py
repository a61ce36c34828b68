"""`bookproof reports`: files in, reports out, and an exit code that says whether they can be right."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from bookproof.models.cli import main
from bookproof.models.generate.features import EVERYTHING, Feature
from bookproof.models.generate.soak import soak_case
from bookproof.spec import exchange
from bookproof.spec.codec import COMMAND, EVENT, OUTCOME, REPORT, Header, Kind, Outcome, decode, encode, load, write
from bookproof.spec.commands import Cancel, Command, Replace, Submit
from bookproof.spec.events import Event
from bookproof.spec.instruments import listing
from bookproof.spec.profile import DEFAULT, WORKLOADS, Profile
from bookproof.spec.report_checks import broken_stream
from bookproof.spec.reporting import Reporter
from bookproof.spec.reports import Report
from bookproof.spec.values import Side

COMMANDS = (Submit("ABC", 1, 7, Side.BUY, 10, 100), Submit("XYZ", 1, 8, Side.SELL, 4, 99), Cancel("ABC", 2))


def outcomes(commands: Iterable[Command], stamped: bool = True) -> list[Outcome]:
    state, told = exchange.opening(listing(["ABC", "XYZ"])), []
    for stamp, command in enumerate(commands, 1):
        state, events = exchange.step(state, command)
        told.append(Outcome(command, stamp if stamped else None, events))
    return told


def file(folder: Path, kind: Kind[Any], records: Iterable[Any], profile: Profile = DEFAULT) -> str:
    path = folder / "run.ndjson"
    write(path, Header(kind, listing(["ABC", "XYZ"]), profile), records)
    return str(path)


def test_commands_are_answered_by_the_rule_book_and_what_is_written_can_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reports", file(tmp_path, COMMAND, COMMANDS)]) == 0
    (tmp_path / "reports.ndjson").write_text(capsys.readouterr().out, encoding="utf-8")
    header, reports = load(tmp_path / "reports.ndjson", REPORT)
    assert header == Header(REPORT, listing(["ABC", "XYZ"]))
    assert [(each.symbol, each.report_seq, each.stamp) for each in reports] == [
        ("ABC", 1, 1),
        ("XYZ", 1, 2),
        ("ABC", 2, 3),
    ]


def test_outcomes_are_taken_in_the_order_of_their_stamps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["reports", file(tmp_path, COMMAND, COMMANDS)])
    expected = capsys.readouterr().out
    assert main(["reports", file(tmp_path, OUTCOME, reversed(outcomes(COMMANDS)))]) == 0
    assert capsys.readouterr().out == expected


def test_outcomes_without_stamps_are_taken_as_they_stand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reports", "--fix", file(tmp_path, OUTCOME, outcomes(COMMANDS, stamped=False))]) == 0
    assert [line.split("|")[:3] for line in capsys.readouterr().out.splitlines()] == [
        ["35=8", "1180=ABC", "1181=1"],
        ["35=8", "1180=XYZ", "1181=1"],
        ["35=9", "1180=ABC", "1181=2"],
    ]


def test_the_venue_of_the_file_is_the_venue_of_the_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commands = [COMMANDS[0], Submit("ABC", 2, 8, Side.SELL, 4, 100), Replace("ABC", 1, 10)]
    assert main(["reports", "--fix", file(tmp_path, COMMAND, commands, WORKLOADS)]) == 0
    assert "|38=14|" in capsys.readouterr().out.splitlines()[-1]  # 4 are executed, and 10 shall be open


def test_a_run_that_cannot_be_reported_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said: tuple[Event, ...] = outcomes(COMMANDS)[0].events
    assert main(["reports", file(tmp_path, OUTCOME, [Outcome(Cancel("ABC", 1), 1, said)])]) == 1
    assert "order 1 of ABC was accepted, and the command did not bring it" in capsys.readouterr().err


def test_a_run_whose_reports_break_a_rule_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    resting, hit = outcomes([COMMANDS[0], Submit("ABC", 2, 8, Side.SELL, 4, 100)])
    overfilled = hit._replace(events=(hit.events[0], hit.events[1]._replace(quantity=11)))
    assert main(["reports", file(tmp_path, OUTCOME, [resting, overfilled])]) == 1
    assert "quantities_add_up (O1, A6): in ABC, report 3 (trade) of order 1: " in capsys.readouterr().err


def test_a_file_of_anything_else_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reports", file(tmp_path, EVENT, [])]) == 2
    said = capsys.readouterr()
    assert "kind: expected commands or outcomes, got events" in said.err
    assert not said.out


def test_every_report_of_a_run_comes_back_from_its_line() -> None:
    for number in range(30):
        case = soak_case(17, number, EVERYTHING - {Feature.BAD_INPUT})
        state = exchange.opening(case.instruments, case.profile)
        reporter = Reporter(state.books, case.profile)
        reports: list[Report] = []
        for stamp, command in enumerate(case.commands):
            state, events = exchange.step(state, command)
            reports += reporter.feed(command, events, stamp)
        assert [decode(encode(report), REPORT) for report in reports] == reports
        assert broken_stream(reports) == []
