"""Both sides of the protocol: our own engines behind it are checked through it, and bad clients harm nobody."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from bookproof.models.cli import main
from bookproof.models.conform.check import Report, Request, check
from bookproof.models.conform.divergence import Kind
from bookproof.models.conform.serve import HOST, adapter_for, listening
from bookproof.models.conform.ways import engine
from bookproof.spec.input_error import InputError

SERVE = f"{sys.executable} -m bookproof serve --stdio --engine"


def checked(way: str, value: str, request: Request) -> Report:
    with engine(way, value) as subject:
        return check(subject, request)


def test_a_program_on_standard_input_and_output_conforms_and_one_with_a_defect_diverges() -> None:
    few = Request(("limit", "iceberg"), scenarios=8)
    assert checked("--exec", f"{SERVE} striped", few).exit_code == 0
    assert checked("--exec", f"{SERVE} remainder-lost", few).exit_code == 1


def test_a_program_behind_a_socket_conforms_and_one_with_a_defect_diverges() -> None:
    few = Request(("limit", "replace"), scenarios=8)
    for name, code in (("striped", 0), ("remainder-lost", 1)):
        with listening(adapter_for(name)) as port:
            assert checked("--tcp", f"{HOST}:{port}", few).exit_code == code


def test_the_command_serves_on_a_socket_until_it_is_ended() -> None:
    words = [sys.executable, "-m", "bookproof", "serve", "--engine", "global-lock", "--tcp", "0"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            place = process.stderr.readline().split(" listens on ")[1].split(";")[0]
            assert place.startswith(f"{HOST}:")
            assert checked("--tcp", place, Request(("limit",), scenarios=2)).exit_code == 0
        finally:
            process.terminate()


def test_whoever_serves_listens_to_this_machine_only() -> None:
    with listening(adapter_for("striped")) as port:
        other = socket.gethostbyname(socket.gethostname())
        if other.startswith("127."):
            pytest.skip("this machine has no other address")
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((other, port), timeout=1)


@pytest.mark.parametrize("name", ["nobody", "no.such:Engine", "bookproof.spec.values:Side"])
def test_an_engine_that_is_not_there_cannot_be_served(name: str) -> None:
    with pytest.raises(InputError, match="--engine"):
        adapter_for(name)


def test_a_port_that_is_taken_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with listening(adapter_for("striped")) as port:
        assert main(["serve", "--tcp", str(port)]) == 2
    assert "already in use" in capsys.readouterr().err
    assert main(["serve", "--tcp", "70000"]) == 2


# ── an engine that knows nothing of us ──

FOREIGN = """
import json, sys

HAS = {"name": "foreign", "orders": ["limit", "market"], "views": ["trades", "depth"]}

def crosses(order, price):
    limit = order.get("price")
    return limit is None or (price <= limit if order["side"] == "buy" else price >= limit)

def submit(book, order):
    own, other = ("bids", "asks") if order["side"] == "buy" else ("asks", "bids")
    left, trades = order["quantity"], []
    while left and book[other] and crosses(order, book[other][0][0]):
        price, maker, size = book[other][0]
        filled = min(left, size)
        trades.append({"price": price, "quantity": filled, "maker": maker, "taker": order["order_id"]})
        left -= filled
        book[other][0][2] -= filled
        if not book[other][0][2]:
            del book[other][0]
    if left and order.get("price") is not None:
        book[own].append([order["price"], order["order_id"], left])
        book[own].sort(key=lambda one: one[0] if own == "asks" else -one[0])
    return {"ok": True, "trades": trades}

def cancel(book, order_id):
    for side in book.values():
        for one in side:
            if one[1] == order_id:
                side.remove(one)
                return {"ok": True}
    return {"ok": False, "why": "no such order"}

def depth(side):
    levels = {}
    for price, _, quantity in side:
        levels[price] = levels.get(price, 0) + quantity
    return [{"price": price, "quantity": quantity} for price, quantity in levels.items()]

for line in sys.stdin:
    ask = json.loads(line)
    do = ask["do"]
    if do == "hello":
        answer = {"protocol": 1, "capabilities": HAS}
    elif do == "open":
        book = {"bids": [], "asks": []}
        answer = {"ok": True}
    elif do == "submit":
        answer = submit(book, ask)
    elif do == "cancel":
        answer = cancel(book, ask["order_id"])
    else:
        answer = {"depth": {"ABC": {name: depth(side) for name, side in book.items()}}}
    print(json.dumps({"n": ask["n"], **answer}), flush=True)
"""


def test_fifty_lines_in_any_language_are_enough_to_take_part(tmp_path: Path) -> None:
    path = tmp_path / "foreign.py"
    path.write_text(FOREIGN)
    few = Request(scenarios=20)
    report = checked("--exec", f"{sys.executable} -I {path}", few)
    assert report.exit_code == 0
    assert [outcome.run for outcome in report.outcomes] == ["limit", "market", "all together"]
    path.write_text(FOREIGN.replace("left -= filled", "left -= 1"))
    assert checked("--exec", f"{sys.executable} -I {path}", few).exit_code == 1


def test_an_answer_that_is_not_flushed_is_a_hang_with_a_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bookproof.models.conform.subject.TO_BEGIN", 1.0)
    path = tmp_path / "foreign.py"
    path.write_text(FOREIGN.replace(", flush=True", ""))
    with pytest.raises(InputError, match="does it flush after each answer"):
        checked("--exec", f"{sys.executable} -I {path}", Request())


# ── bad clients ──


@contextmanager
def client(port: int) -> Iterator[socket.socket]:
    with socket.create_connection((HOST, port), timeout=10) as connection:
        yield connection


@pytest.mark.parametrize(
    "question",
    [
        b"hello\n",
        b"[1,2]\n",
        b"\xff\xfe\n",
        b"{}\n",
        b"\n",
        b'{"n":1,"do":"open"}\n',
        b'{"n":1,"do":"open","instruments":7}\n',
        b'{"n":1,"do":"submit","symbol":"ABC"}\n',
        b'{"n":1,"do":"look","what":["depth"]}\n',
        b'{"n":1,"do":"join","exchange":"nowhere"}\n',
        b"[" * 100_000 + b"\n",
        b"1" * 10_000 + b"\n",
    ],
)
def test_a_question_that_makes_no_sense_is_answered_with_what_is_wrong_and_the_session_goes_on(question: bytes) -> None:
    with listening(adapter_for("striped")) as port, client(port) as connection:
        answers = connection.makefile("rb")
        connection.sendall(question)
        answer = json.loads(answers.readline())
        assert "fault" in answer or "raised" in answer
        connection.sendall(b'{"n":2,"do":"hello"}\n')
        assert json.loads(answers.readline())["n"] == 2


def test_a_client_that_sends_half_a_line_or_a_flood_or_goes_away_harms_no_other() -> None:
    with listening(adapter_for("striped")) as port:
        with client(port) as half, client(port) as flood:
            half.sendall(b'{"n":1,"do"')
            flooding = Thread(target=_flood, args=(flood,), daemon=True)
            flooding.start()
            assert checked("--tcp", f"{HOST}:{port}", Request(("limit",), scenarios=2)).exit_code == 0
        flooding.join(10)


def _flood(connection: socket.socket) -> None:
    try:
        for _ in range(100):
            connection.sendall(b"x" * 2**16)
    except OSError:
        return


# ── bad servers ──


class Bad:
    """A server in front of a good one, which does something bad with the lines that pass."""

    def __init__(self, port: int, what: str) -> None:
        self._port, self._what = port, what
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            Thread(target=self._session, args=(connection,), daemon=True).start()

    def _session(self, connection: socket.socket) -> None:
        with connection, socket.create_connection((HOST, self._port)) as good:
            try:
                self._pass_on(connection, good)
            except OSError:
                return

    def _pass_on(self, connection: socket.socket, good: socket.socket) -> None:
        questions, answers = connection.makefile("rb"), good.makefile("rb")
        kept = b""
        for number, question in enumerate(questions):
            good.sendall(question)
            answer = answers.readline()
            if number == 40:
                if self._what == "goes":
                    return
                answer = {"again": answer * 2, "half": answer[:9], "twice": kept, "garbage": b"\x00\xff\n"}[self._what]
            kept = answer
            connection.sendall(answer)
            if number == 40 and self._what == "half":
                return

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes whoever accepts
        self._listener.close()


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        ("goes", Kind.CRASH),
        ("half", Kind.CRASH),
        ("again", Kind.PROTOCOL),
        ("twice", Kind.PROTOCOL),
        ("garbage", Kind.PROTOCOL),
    ],
)
def test_a_bad_server_is_a_finding_and_the_next_scenario_meets_a_new_connection(what: str, kind: Kind) -> None:
    with listening(adapter_for("striped")) as port:
        bad = Bad(port, what)
        report = checked("--tcp", f"{HOST}:{bad.port}", Request(("limit", "ioc"), scenarios=3))
        bad.close()
    assert report.exit_code == 1
    assert [finding.divergence.kind for _, finding in report.findings] == [kind] * 2


def test_a_server_that_goes_for_good_leaves_what_was_found_before() -> None:
    with listening(adapter_for("remainder-lost")) as port:
        bad = Bad(port, "goes")
        with engine("--tcp", f"{HOST}:{bad.port}") as subject:
            first = check(subject, Request(("limit",), scenarios=3))
            bad.close()
            subject.renew()
            second = check(subject, Request(("limit", "ioc"), scenarios=3))
    assert first.exit_code == 1
    assert second.exit_code == 2
    assert "is the engine running" in second.lost
    assert [outcome.not_run != "" for outcome in second.outcomes] == [True, True]
