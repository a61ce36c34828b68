"""The bench on tiny workloads: what it says, never how fast anything is."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from importlib.metadata import version

import pytest

from bookproof.models.bench import ours, run
from bookproof.models.bench.ladders import openings, time_lists, time_sorted_dict
from bookproof.models.bench.peers import PEERS, Peer, PeerResult, Session
from bookproof.models.workloads import BUY, CANCEL, MODIFY, NEW, SELL, WORKLOADS, Message, generate

REQUIREMENT = f"rich=={version('rich')}"
"""What the stand-ins for peers claim to be: something that is installed."""


def peer(name: str, opener: Callable[[], Session], *, python: tuple[int, int] = (3, 11)) -> Peer:
    return Peer(name, REQUIREMENT, python, "rich", "a stand-in", opener)


def forgetful() -> Session:
    """Our own engine, but its last trade is never told."""
    session = ours.striped()

    def result() -> PeerResult:
        right = session.result()
        assert right.trades is not None
        return right._replace(trades=right.trades - 1)

    return session._replace(result=result)


def broken() -> Session:
    def feed(messages: Sequence[Message]) -> None:
        raise KeyError("no such order")

    return Session(feed, lambda: PeerResult(0, 0, 0, None))


@pytest.mark.parametrize("name", sorted(run.OURS))
def test_every_variant_of_our_engine_trades_the_same(name: str) -> None:
    messages = generate(WORKLOADS["normal"], orders=300)
    right, session = ours.striped(), run.OURS[name]()
    right.feed(messages)
    session.feed(messages)
    assert session.result() == right.result()
    assert session.result().trades


def test_a_report_names_same_work_different_work_failures_and_what_is_missing() -> None:
    peers = [
        peer("twin", ours.striped),
        peer("forgetful", forgetful),
        peer("broken", broken),
        peer("of the future", ours.striped, python=(4, 0)),
    ]
    report = run.measure(["normal", "static"], peers, orders=200, rounds=2)
    assert report.work["twin"] == run.SAME
    assert report.work["forgetful"].startswith("different work: normal, trades: ")
    assert report.work["broken"] == "raised KeyError: 'no such order'"
    assert not report.measured("broken")
    assert report.missing == {"of the future": ("needs Python 4.0", f"pip install {REQUIREMENT}")}
    assert set(report.ratios("twin")) == {"normal", "static", "worst"}
    assert set(report.costs()) == set(run.COSTS)
    assert all(len(times) == 2 for name in run.OURS for times in report.seconds[name].values())
    assert all(ratio > 0 for ratio in report.ladder.values())


def test_the_worst_of_the_workloads_is_each_engines_own_worst() -> None:
    seconds = {run.STRIPED: {"normal": [1.0], "static": [2.0]}, "peer": {"normal": [4.0], "static": [1.0]}}
    report = run.Report(1, 1, {"normal": 100, "static": 100}, seconds, {"peer": run.SAME}, {}, {})
    assert report.ratios("peer") == {"normal": 4.0, "static": 0.5, "worst": 2.0}


def test_json_is_one_object_with_every_figure(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench("--orders", "50", "--rounds", "1", "--workload", "normal", "--peer", "fastlob", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["messages"].keys() == {"normal"}
    assert told["messages_per_cpu_second"].keys() >= set(run.OURS)
    assert told["costs"].keys() == set(run.COSTS)
    assert told["peers"].keys() | told["missing"].keys() == {"fastlob"}


def test_the_tables_show_engines_costs_and_how_to_install_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench("--orders", "50", "--rounds", "1", "--workload", "normal", "--workload", "static") == 0
    told = capsys.readouterr().out
    assert "worst of 2" in told
    assert "striping" in told
    for absent in PEERS:
        if absent.available() is not None:
            assert f"{absent.name} did not run" in told


def test_refuses_a_workload_nobody_published() -> None:
    with pytest.raises(SystemExit):
        bench("--workload", "lively")


def test_levels_open_and_close_as_orders_come_and_go() -> None:
    messages: list[Message] = [
        (NEW, 1, BUY, 100, 5, False),
        (NEW, 2, SELL, 105, 5, False),
        (NEW, 3, BUY, 101, 5, True),
        (MODIFY, 1, BUY, 102, 6, False),
        (CANCEL, 1, BUY, 0, 0, False),
        (CANCEL, 1, BUY, 0, 0, False),
    ]
    changes = openings(messages)
    assert changes == [(100, True), (100, False), (102, True), (102, False)]
    assert time_lists(changes) >= 0
    assert time_sorted_dict(changes) >= 0


def bench(*words: str) -> int:
    parser = argparse.ArgumentParser()
    run.add_arguments(parser)
    return run.main(parser.parse_args(words))
