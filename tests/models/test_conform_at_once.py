"""Many clients at once: an engine that says that it is safe to call from several threads is taken at its word."""

from __future__ import annotations

from pathlib import Path

import pytest

from bookproof.models.conform.adapter import Capabilities
from bookproof.models.conform.at_once import CLIENTS, COMMANDS, SESSIONS, THREADS, at_once, lacks_clients, script
from bookproof.models.conform.check import Report, Request, check
from bookproof.models.conform.divergence import Kind
from bookproof.models.conform.serve import HOST, adapter_for, listening
from bookproof.models.conform.told import results
from bookproof.models.conform.ways import engine

CARELESS = '''
import time
from threading import Lock
from bookproof.models.conform.adapter import Fill, Reply
from bookproof.models.conform.ours import Ours
from dataclasses import replace

class Careless(Ours):
    """Our own engine, with a hole of the width of a yawn somewhere."""

    def __init__(self):
        super().__init__("global-lock")
        self.capabilities = replace(self.capabilities, name="careless", {capabilities})
        self.lock = Lock()
        self.seen = set()
        self.log = []

    def submit(self, order):
        {submit}
        return super().submit(order)

    def cancel(self, symbol, order_id):
        {cancel}
        return super().cancel(symbol, order_id)

    def fills(self):
        told, self.log = self.log, []
        return told
'''

LOOKS_FIRST = """known = self.status(symbol, order_id) is not None
        time.sleep(0.0005)
        reply = super().cancel(symbol, order_id)
        return Reply(known)"""
LOSES = """if order.order_id % 10 == 0:
            return Reply(True, [])"""
IN_A_LOG = """reply = super().submit(order)
        self.log += reply.fills or []
        return Reply(reply.accepted)"""
DEADLOCKS = """if order.order_id == 20:
            self.lock.acquire()
        with self.lock:
            pass"""


def careless(folder: Path, *, submit: str = "pass", cancel: str = "pass", capabilities: str = "threads=True") -> str:
    path = folder / "careless.py"
    path.write_text(CARELESS.format(submit=submit, cancel=cancel, capabilities=capabilities))
    return f"{path}:Careless"


def checked(name: str, run: str = THREADS, patience: float = 5.0) -> Report:
    with engine("--engine", name) as subject:
        return check(subject, Request((run,), patience=patience))


def test_our_own_engine_keeps_its_word_with_threads_and_the_report_says_how_many_operations_overlapped() -> None:
    report = checked("striped")
    assert report.exit_code == 0
    (outcome,) = report.outcomes
    assert outcome.commands == outcome.scenarios * COMMANDS
    assert outcome.overlapped > 100
    (row, *_) = results(report)
    assert row.worth == {"histories": 20, "commands": outcome.commands, "overlapped": outcome.overlapped}


def test_our_own_engine_keeps_its_word_with_sessions_over_sockets() -> None:
    with listening(adapter_for("striped")) as port, engine("--tcp", f"{HOST}:{port}") as subject:
        report = check(subject, Request((SESSIONS,), scenarios=3))
    assert report.exit_code == 0
    assert report.outcomes[0].overlapped > 20


def test_a_right_engine_that_tells_of_its_trades_in_a_log_conforms(tmp_path: Path) -> None:
    name = careless(tmp_path, submit=IN_A_LOG, capabilities='threads=True, results="log"')
    assert checked(name).exit_code == 0


@pytest.mark.parametrize(
    ("submit", "cancel", "kind"),
    [
        ("pass", LOOKS_FIRST, Kind.ORDER),
        (LOSES, "pass", Kind.ORDER),
        ("assert order.order_id != 30", "pass", Kind.RAISES),
        ("if order.order_id == 30: return False", "pass", Kind.ANSWER),
        ("pass", "super().cancel(symbol, order_id); return None", Kind.PROTOCOL),
        (DEADLOCKS, "pass", Kind.HANG),
        ("if order.order_id == 30: import os; os.abort()", "pass", Kind.CRASH),
    ],
)
def test_what_goes_wrong_between_threads_is_told_for_what_it_is(
    tmp_path: Path, submit: str, cancel: str, kind: Kind
) -> None:
    report = checked(careless(tmp_path, submit=submit, cancel=cancel), patience=2.0)
    ((_, finding),) = report.findings
    assert finding.divergence.kind is kind
    assert report.exit_code == 1


def test_a_history_without_an_order_is_told_by_a_few_operations_and_as_a_test_that_runs(tmp_path: Path) -> None:
    report = checked(careless(tmp_path, cancel=LOOKS_FIRST))
    ((_, finding),) = report.findings
    told = "\n".join(finding.divergence.got)
    assert "explains what clients saw" in told
    assert "Why to believe it" in told
    namespace: dict[str, object] = {}
    exec(compile(finding.test, "pasted", "exec"), namespace)
    (pasted,) = [value for name, value in namespace.items() if name.startswith("test_")]
    assert callable(pasted)
    with pytest.raises(AssertionError):
        pasted()


def test_what_a_bad_session_says_is_a_finding(tmp_path: Path) -> None:
    name = careless(tmp_path, cancel=LOOKS_FIRST)
    with listening(adapter_for(name)) as port, engine("--tcp", f"{HOST}:{port}") as subject:
        report = check(subject, Request((SESSIONS,)))
    assert [finding.divergence.kind for _, finding in report.findings] == [Kind.ORDER]


def test_who_does_not_claim_to_be_safe_is_not_asked(tmp_path: Path) -> None:
    name = careless(tmp_path, cancel=LOOKS_FIRST, capabilities="threads=False, sessions=1")
    with engine("--engine", name) as subject:
        assert lacks_clients(THREADS, subject) == "it does not say that it is safe to call from several threads"
        assert lacks_clients(SESSIONS, subject) == "it takes one session at a time"
        report = check(subject, Request(scenarios=1))
    assert THREADS not in [outcome.run for outcome in report.outcomes]
    assert THREADS in dict(report.not_covered)


def test_without_who_traded_with_whom_nothing_can_be_said(tmp_path: Path) -> None:
    name = careless(tmp_path, capabilities='threads=True, trade_parts={"price", "quantity"}')
    with engine("--engine", name) as subject:
        assert lacks_clients(THREADS, subject) == "it does not tell who traded with whom"


def test_a_script_is_the_same_for_the_same_seed_and_shares_its_commands_among_the_clients() -> None:
    one = script(7, 3, Capabilities("mine"))
    assert one == script(7, 3, Capabilities("mine"))
    assert one != script(7, 4, Capabilities("mine"))
    assert len(one.parts) == CLIENTS
    assert all(len(part) > 20 for part in one.parts)


def test_one_history_of_an_engine_in_a_process_of_its_own_overlaps() -> None:
    with engine("--engine", "global-lock") as subject:
        judged = [at_once(subject, THREADS, script(1, number, subject.capabilities)) for number in range(5)]
    assert {one.divergence for one in judged} == {None}
    assert sum(one.overlapped for one in judged) > 20
