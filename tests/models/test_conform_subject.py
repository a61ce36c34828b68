"""An engine under test is in a process of its own: whatever it does there is reported, and nothing is lost."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from bookproof.models.conform.adapter import Capabilities
from bookproof.models.conform.protocol import asked, looking, opening
from bookproof.models.conform.subject import Ask, FaultKind, InProcess, Played, worker
from bookproof.spec.commands import Cancel, Submit
from bookproof.spec.input_error import InputError
from bookproof.spec.instruments import listing
from bookproof.spec.profile import DEFAULT
from bookproof.spec.values import Side

BOOKS = listing(["ABC"])
OPEN = opening(BOOKS, DEFAULT)
SELL = asked(Submit("ABC", 1, 7, Side.SELL, 5, 100))
BUY = asked(Submit("ABC", 2, 8, Side.BUY, 3, 101))

ENGINE = """
import os, time
from bookproof.models.conform.adapter import Adapter, Capabilities, Reply

class Mine(Adapter):
    capabilities = Capabilities("mine", "1.0")

    def open(self, books, settings):
        print("an engine may print what it likes")
        os.write(1, b"native code too" + bytes([10]))

    def submit(self, order):
        if order.is_buy:
            {does}
        return Reply(True)
"""


@contextmanager
def engine(folder: Path, does: str, memory: int = 100) -> Iterator[InProcess]:
    path = folder / "mine.py"
    path.write_text(ENGINE.format(does=does))
    with closing(worker(f"{path}:Mine", ("--engine", "mine"), memory=memory)) as subject:
        yield subject


def play(subject: InProcess, *asks: Ask) -> Played:
    return subject.play([OPEN, *asks], patience=1.0)


def test_our_own_engine_answers_with_its_trades_and_its_views() -> None:
    named = ("--engine", "striped")
    with closing(worker("bookproof.models.conform.ours:Ours", named, argument="striped")) as subject:
        played = play(subject, SELL, BUY, looking(["queue", "depth", "top", "status"], ["ABC"], [("ABC", 1)]))
    assert played.fault is None
    assert [answer.get("trades") for answer in played.answers[1:3]] == [
        [],
        [{"price": 100, "quantity": 3, "maker": 1, "taker": 2}],
    ]
    looked = played.answers[3]
    assert looked["queue"]["ABC"]["asks"] == [{"order_id": 1, "price": 100, "quantity": 2, "leaves": 2}]
    assert looked["depth"]["ABC"] == {"bids": [], "asks": [{"price": 100, "quantity": 2, "orders": 1}]}
    assert looked["top"]["ABC"] == {"bid": None, "ask": {"price": 100, "quantity": 2, "orders": 1}}
    assert looked["status"] == [{"state": "live", "leaves": 2, "executed": 3}]


def test_what_an_engine_prints_does_not_get_between_its_answers(tmp_path: Path) -> None:
    with engine(tmp_path, "print('again')") as subject:
        assert [answer["ok"] for answer in play(subject, SELL, BUY).answers] == [True] * 3
        assert subject.capabilities == Capabilities("mine", "1.0")


@pytest.mark.parametrize(
    ("does", "kind", "told"),
    [
        ("while True: pass", FaultKind.HANG, "no answer within 1 s"),
        ("time.sleep(1000)", FaultKind.HANG, "no answer within 1 s"),
        ("import re; re.match('(a+)+$', 'a' * 60 + 'b')", FaultKind.HANG, "no answer within 1 s"),  # in C, GIL held
        ("os.abort()", FaultKind.CRASH, "its process died of SIGABRT"),
        ("os._exit(3)", FaultKind.CRASH, "its process ended with exit code 3"),
        ("import ctypes; ctypes.string_at(0)", FaultKind.CRASH, "its process died of SIGSEGV"),
        ("self.kept = []\n            while True: self.kept.append(bytearray(2**22))", FaultKind.MEMORY, "more memory"),
    ],
)
def test_what_it_does_instead_of_answering_is_told(tmp_path: Path, does: str, kind: FaultKind, told: str) -> None:
    with engine(tmp_path, does) as subject:
        played = play(subject, SELL, BUY, SELL)
        assert len(played.answers) == 2
        assert played.fault is not None
        assert played.fault.kind is kind
        assert told in played.fault.told
        assert play(subject, SELL, SELL).fault is None  # in a new process


def test_what_it_wrote_to_standard_error_before_it_died_is_kept(tmp_path: Path) -> None:
    with engine(
        tmp_path, "import sys; sys.stderr.write('invariant 7 broken'); sys.stderr.flush(); os.abort()"
    ) as subject:
        fault = play(subject, BUY).fault
    assert fault is not None
    assert "invariant 7 broken" in fault.errors


def test_an_exception_is_an_answer_and_a_panic_of_native_code_is_one_too(tmp_path: Path) -> None:
    with engine(tmp_path, "raise BaseException('called `Option::unwrap()` on a `None` value')") as subject:
        played = play(subject, BUY, SELL)
    assert played.fault is None
    assert played.answers[1] == {"n": 3, "raised": "BaseException: called `Option::unwrap()` on a `None` value"}
    assert played.answers[2]["ok"] is True


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("print('hello, world', flush=True)", 'as one JSON object, got "hello, world"'),
        ("print('[1]', flush=True)", 'as one JSON object, got "[1]"'),
        ("print('{\"n\":7}', flush=True)", "answers come in order, each once"),
        ("sys.stdout.write('{\"n\":'); sys.stdout.flush(); time.sleep(9)", "without a line feed"),
        ("[print('x' * 9999) for _ in range(9999)]", "as one JSON object"),
        ("sys.stdout.write('x' * 9_000_000)", "a line of more than"),
        ("sys.exit('no licence')", "ended with exit code 1: no licence"),
    ],
)
def test_a_program_that_does_not_speak_the_protocol_is_unusable_and_says_why(
    monkeypatch: pytest.MonkeyPatch, program: str, told: str
) -> None:
    monkeypatch.setattr("bookproof.models.conform.subject.TO_BEGIN", 0.5)
    source = f"import sys, time; sys.stdin.readline(); {program}; sys.stdin.readline()"
    with pytest.raises(InputError) as raised:
        InProcess((sys.executable, "-c", source), ("--exec", "mine"))
    assert told in str(raised.value)


FAULTY = """
import json, sys
for number, line in enumerate(sys.stdin):
    n = json.loads(line)["n"]
    answer = dict(n=n, ok=True, protocol=1, capabilities=dict(name="faulty"))
    text = json.dumps(answer)
    if number == 2:
        {does}
    print(text, flush=True)
"""


@pytest.mark.parametrize(
    ("does", "kind", "told"),
    [
        ("text += chr(10) + text", FaultKind.PROTOCOL, "answers come in order, each once"),
        ("text = text.replace(str(n), str(n - 1))", FaultKind.PROTOCOL, "answers come in order, each once"),
        ("text = text[:9]", FaultKind.PROTOCOL, "as one JSON object"),
        ("sys.stdout.write(text[:9]); sys.stdout.flush(); sys.exit()", FaultKind.CRASH, "in the middle of the line"),
        ("text = '{}'", FaultKind.PROTOCOL, "answers come in order, each once"),
        ("text = '\\x00\\xff' * 50", FaultKind.PROTOCOL, "as one JSON object"),
        ("text = '[' * 5000", FaultKind.PROTOCOL, "as one JSON object"),
        ("text = json.dumps(dict(n=n, fault='open comes first'))", FaultKind.PROTOCOL, "open comes first"),
        (
            "import time\n        while True: sys.stdout.write(' '); sys.stdout.flush(); time.sleep(.01)",
            FaultKind.HANG,
            "without a line feed",
        ),
    ],
)
def test_what_is_no_answer_is_told_and_the_answers_before_it_are_kept(does: str, kind: FaultKind, told: str) -> None:
    words = (sys.executable, "-c", FAULTY.replace("{does}", does))
    with closing(InProcess(words, ("--exec", "faulty"))) as subject:
        played = subject.play([OPEN, SELL, BUY], patience=0.5)
        assert len(played.answers) in (1, 2)
        assert played.fault is not None
        assert played.fault.kind is kind
        assert told in played.fault.told
        again = subject.play([OPEN], patience=5)
        assert again.fault is None


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("nowhere:Mine", "No module named 'nowhere'"),
        ("bookproof.models.conform.adapter:Mine", "is it spelled so?"),
        ("mine", "expected module:Class"),
        ("nowhere.py:Mine", "is the path right?"),
    ],
)
def test_an_engine_that_is_not_there_is_unusable_and_the_message_names_it(target: str, told: str) -> None:
    with pytest.raises(InputError) as raised:
        worker(target, ("--engine", target))
    assert told in str(raised.value)


def test_a_program_that_cannot_be_started_is_unusable() -> None:
    with pytest.raises(InputError, match="a program that can be started"):
        InProcess(("/nowhere/engine",), ("--exec", "/nowhere/engine"))


def test_the_worker_needs_nothing_but_the_standard_library(tmp_path: Path) -> None:
    """An engine may live in another Python than the checker, without its dependencies."""
    folder = Path(__file__).parents[2] / "models" / "bookproof" / "models" / "conform"
    path = tmp_path / "mine.py"
    path.write_text(ENGINE.format(does="pass"))
    words = (sys.executable, "-I", "-S", str(folder / "worker.py"), f"{path}:Mine")
    with closing(InProcess(words, ("--engine", "mine"))) as subject:
        assert play(subject, SELL, BUY).fault is None


def test_a_dead_cancel_is_answered_and_a_thousand_questions_go_at_once() -> None:
    named = ("--engine", "striped")
    with closing(worker("bookproof.models.conform.ours:Ours", named, argument="striped")) as subject:
        played = play(subject, *[asked(Cancel("ABC", 1))] * 1_000)
    assert played.fault is None
    assert [answer["ok"] for answer in played.answers[1:]] == [False] * 1_000
