"""The vectors: they cover the rule book, are short, tell right exchanges from wrong ones, and can be read."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bookproof.models.cli import main
from bookproof.models.concurrent.recorder import accounts_in
from bookproof.models.engines_by_name import factory
from bookproof.models.generate.case import Case
from bookproof.models.vectors.collect import met_in, scenarios, wanted
from bookproof.models.vectors.expected import Step, Vector, vectors
from bookproof.models.vectors.forms import as_json, as_lines, fnv1a
from bookproof.models.vectors.run import uncovered
from bookproof.spec.codec import COMMAND, HEADER, decode, encode
from bookproof.spec.commands import Submit
from bookproof.spec.events import Accepted, Event

READERS = Path(__file__).parents[2] / "examples" / "readers"


@pytest.fixture(scope="module")
def every() -> list[Vector]:
    return list(vectors(scenarios()))


@pytest.fixture(scope="module")
def written(every: list[Vector], tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("vectors") / "vectors.txt"
    file.write_text("".join(f"{line}\n" for line in as_lines(every)), encoding="ascii", newline="\n")
    return file


def test_there_are_a_thousand_and_they_show_every_rule_and_every_pair_that_can_meet(every: list[Vector]) -> None:
    assert len(every) >= 1_000
    assert uncovered(every) == []


def test_without_a_scenario_what_only_it_shows_is_missing(every: list[Vector]) -> None:
    for at, vector in enumerate(every):
        if missing := uncovered(every[:at] + every[at + 1 :]):
            assert all(set(rules) <= set(vector.steps[-1].rules) for rules in missing)
            return
    pytest.fail("every scenario is superfluous")


def test_no_two_have_the_same_name_and_none_the_same_commands(every: list[Vector]) -> None:
    assert len({vector.name for vector in every}) == len(every)
    assert len({vector.case for vector in every}) == len(every)


def test_no_command_can_be_left_out(every: list[Vector]) -> None:
    all_targets = [set(rules) for rules in wanted()]
    for vector in every:
        commands = vector.case.commands
        without = [
            met_in(vector.case._replace(commands=commands[:at] + commands[at + 1 :])) for at in range(len(commands) - 1)
        ]
        shown = met_in(vector.case)
        targets = [target for target in all_targets if target <= shown]
        assert any(not any(target <= met for met in without) for target in targets), vector.name


def _wrong(engine_name: str, lines: Iterator[str]) -> list[str]:
    """The scenarios, as they are written, in which an engine says or shows something else."""
    next(lines)
    wrong = []
    for line in lines:
        found: dict[str, Any] = json.loads(line)
        head = {"bookproof": 1, "kind": "commands", "instruments": found["instruments"], "profile": found["profile"]}
        header = decode(json.dumps(head), HEADER)
        commands = tuple(decode(json.dumps(step["command"]), COMMAND) for step in found["steps"])
        case = Case(header.instruments, commands, header.profile)
        engine = factory(engine_name)(case.instruments, case.profile)
        accounts = accounts_in(case.profile, [commands])
        for command, step in zip(commands, found["steps"], strict=True):
            said = [json.loads(encode(event)) for event in engine.submit(command).events]
            views: list[Any] = [
                *(engine.view(instrument.symbol) for instrument in case.instruments),
                *(engine.account(account) for account in accounts),
                engine.market(),
            ]
            shown = [json.loads(encode(view)) for view in views]
            if said != step["events"] or any(view not in shown for view in step["views"]):
                wrong.append(found["scenario"])
                break
    return wrong


def test_the_striped_engine_is_right_in_all_of_them(every: list[Vector]) -> None:
    assert _wrong("striped", as_json(every)) == []


@pytest.mark.parametrize("name", ["priority-kept", "remainder-lost", "check-then-fill", "replace-in-two-steps"])
def test_an_engine_with_a_defect_that_one_thread_can_see_is_wrong_in_some(name: str, every: list[Vector]) -> None:
    assert _wrong(name, as_json(every))


def test_a_file_that_was_cut_or_changed_has_another_checksum(written: Path) -> None:
    *lines, end = written.read_bytes().splitlines(keepends=True)
    assert end == f"end checksum={fnv1a(b''.join(lines)):016x}\n".encode()
    assert fnv1a(b"".join(lines[:-1])) != fnv1a(b"".join(lines))


def _right_by_a_book_that_never_trades(every: list[Vector]) -> int:
    """What the exchange in the examples gets right: it takes every order, and says nothing to anything else."""

    def taken(step: Step) -> tuple[Event, ...]:
        order = step.command
        if not isinstance(order, Submit) or order.price is None:
            return ()
        return (Accepted(order.symbol, order.order_id, order.side, order.price, order.quantity),)

    return sum(all(step.events == taken(step) for step in vector.steps) for vector in every)


LANGUAGES = {
    "Go": (("go",), [["go", "build", "-o", "{out}", "reader.go"], ["{out}"]]),
    "Rust": (("rustc",), [["rustc", "-O", "reader.rs", "-o", "{out}"], ["{out}"]]),
    "C++": (("c++",), [["c++", "-O2", "-std=c++17", "-Wall", "-Werror", "reader.cpp", "-o", "{out}"], ["{out}"]]),
    "Java": (("java", "javac"), [["java", "Reader.java"]]),
    "TypeScript": (("tsc", "node"), [["tsc", "--outDir", "{folder}", "reader.ts"], ["node", "{folder}/reader.js"]]),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_reader_of_forty_lines_reads_all_of_it(
    language: str, every: list[Vector], written: Path, tmp_path: Path
) -> None:
    tools, commands = LANGUAGES[language]
    for tool in tools:
        if shutil.which(tool) is None:
            pytest.skip(f"there is no {tool}, so the {language} reader is not run")
    printed = ""
    for at, words in enumerate(commands):
        line = [word.format(out=tmp_path / "reader", folder=tmp_path) for word in words]
        last = at == len(commands) - 1
        done = subprocess.run(
            [*line, *([str(written)] if last else [])],
            cwd=READERS,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        printed = done.stdout
    steps = [step for vector in every for step in vector.steps]
    assert [int(number) for number in printed.split()] == [
        len(every),
        len(steps),
        sum(len(step.events) for step in steps),
        sum(len(step.views) for step in steps),
        _right_by_a_book_that_never_trades(every),
    ]


def test_the_command_writes_both_forms_and_says_what_they_cover(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["vectors", "--out", str(tmp_path), "--rule", "L4", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    lines = (tmp_path / "vectors.txt").read_text().splitlines()
    assert sum(line.startswith("scenario ") for line in lines) == told["scenarios"] > 10
    assert len((tmp_path / "vectors.ndjson").read_text().splitlines()) == told["scenarios"] + 1
    assert told["missing"] == []


def test_only_what_an_exchange_knows_is_written_when_that_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["vectors", "--out", str(tmp_path), "--knows", "submit,cancel", "--form", "json"]) == 0
    needs = [json.loads(line)["needs"] for line in (tmp_path / "vectors.ndjson").read_text().splitlines()[1:]]
    assert needs
    assert all(set(each) <= {"submit", "cancel"} for each in needs)
    assert not (tmp_path / "vectors.txt").exists()
    capsys.readouterr()


@pytest.mark.parametrize("words", [["--rule", "Z9"], ["--knows", "teleport"]])
def test_a_rule_or_a_word_that_there_is_not_is_refused_by_name(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["vectors", "--out", str(tmp_path), *words]) == 2
    assert words[1] in capsys.readouterr().err
