"""History files: what is read back, what is refused and with which line, and how bad input is understood."""

from __future__ import annotations

import io
import json
from pathlib import Path
from random import Random

import pytest

from bookproof.engine.global_lock import GlobalLockEngine
from bookproof.engine.striped import StripedEngine
from bookproof.engine.sync import Sync
from bookproof.models.concurrent.recorder import record
from bookproof.models.concurrent.run import numbered_scenario, run_concurrent
from bookproof.models.generate.features import EVERYTHING, PLAIN, Feature
from bookproof.models.generate.packed import BITS, decode, plan_for
from bookproof.models.generate.venues import VENUES, books, fitting
from bookproof.models.linearize import quick
from bookproof.models.linearize.entries import Call, Return
from bookproof.models.linearize.file import EXAMPLE, entries, lines, read, write
from bookproof.models.linearize.history import Filled, History, Operation
from bookproof.models.linearize.recorded import of_recorder
from bookproof.spec import codec
from bookproof.spec.commands import Cancel, Submit
from bookproof.spec.events import Accepted, Trade
from bookproof.spec.input_error import InputError
from bookproof.spec.instruments import listing
from bookproof.spec.profile import PROFILES
from bookproof.spec.values import Side

VERSION_1 = """\
{"history":1,"header":{"bookproof":1,"kind":"outcomes","instruments":[{"symbol":"ABC"}]}}
{"call":0,"client":0,"time":0,"command":{"do":"submit","symbol":"ABC","order_id":1,"account":1,"side":"sell","quantity":5,"price":100}}
{"call":1,"client":1,"time":5,"command":{"do":"submit","symbol":"ABC","order_id":2,"account":2,"side":"buy","quantity":5,"price":100}}
{"return":0,"client":0,"time":10,"stamp":1,"events":[{"say":"accepted","symbol":"ABC","order_id":1,"side":"sell","price":100,"quantity":5}]}
{"return":1,"client":1,"time":15,"stamp":2,"events":[{"say":"accepted","symbol":"ABC","order_id":2,"side":"buy","price":100,"quantity":5},{"say":"trade","symbol":"ABC","price":100,"quantity":5,"maker":1,"taker":2}]}
{"final":{"show":"book-view","symbol":"ABC","phase":"continuous","last_price":100,"queue":{"bids":[],"asks":[]},"stops":{"buys":[],"sells":[]}}}
"""
"""As it was written before there was a version 2."""

WRITTEN = """\
{"history":2,"header":{"bookproof":1,"kind":"outcomes","instruments":[{"symbol":"ABC"}],"profile":"default"},"feed":true}
{"call":7,"client":1,"time":10,"command":{"do":"cancel","symbol":"ABC","order_id":1}}
{"call":3,"client":2,"time":10,"command":{"do":"cancel","symbol":"ABC","order_id":2}}
{"return":7,"time":12,"stamp":1,"events":[{"say":"rejected","symbol":"ABC","order_id":1,"reason":"unknown-order"}]}
{"unknown":3,"time":20}
{"trade":{"symbol":"ABC","maker":1,"taker":2}}
{"final":{"show":"book-view","symbol":"ABC","phase":"continuous","last_price":null,"queue":{"bids":[],"asks":[]},"stops":{"buys":[],"sells":[]}}}
{"end":2}
"""
HEADER, CALL, OTHER_CALL, RETURN, UNKNOWN, TRADE, FINAL, END = WRITTEN.splitlines()


def found_in(*written: str) -> History:
    return read(io.BytesIO("".join(line + "\n" for line in written).encode()))


def refused(*written: str) -> str:
    with pytest.raises(InputError) as caught:
        found_in(*written)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix("<stream>:")


# ── there and back ──


def recorded(case: int) -> History:
    scenario = numbered_scenario(1, case)

    def make(sync: Sync) -> StripedEngine:
        return StripedEngine(scenario.instruments, scenario.profile, stripes=3, sync=sync)

    return of_recorder(record(make, scenario.instruments, scenario.profile, scenario.scripts))


@pytest.mark.parametrize("case", [2, 4], ids=["books only", "with accounts"])
def test_a_recorded_history_is_read_back_as_it_was_written(tmp_path: Path, case: int) -> None:
    history = recorded(case)
    assert bool(history.accounts) is (case == 4)
    write(history, tmp_path / "run.ndjson")
    assert read(tmp_path / "run.ndjson") == history
    assert [path.name for path in tmp_path.iterdir()] == ["run.ndjson"], "no half-written file is left"


def test_open_operations_stamps_per_stripe_and_the_feed_are_read_back(tmp_path: Path) -> None:
    assert EXAMPLE.operations[1].is_open
    assert EXAMPLE.feed
    write(EXAMPLE, tmp_path / "run.ndjson")
    assert read(tmp_path / "run.ndjson") == EXAMPLE
    without_feed = EXAMPLE._replace(feed=None)
    assert found_in(*lines(without_feed)) == without_feed
    assert found_in(*lines(EXAMPLE._replace(feed=()))).feed == (), "a feed without trades is not the lack of one"


def test_lines_are_in_order_of_time_and_a_call_comes_before_a_return_of_the_same_moment() -> None:
    cancel = Cancel("ABC", 1)
    first = Operation(1, cancel, 10, 20, ())
    second = Operation(2, cancel, 20, 30, ())
    history = History(listing(["ABC"]), (second, first))
    told = [json.loads(line) for line in lines(history)][1:-1]
    assert [next(iter(line)) for line in told] == ["call", "call", "return", "return"]
    assert [line["time"] for line in told] == [10, 20, 20, 30]
    assert found_in(*lines(history)).operations == (first, second), "in order of their calls"


def test_what_could_not_be_read_back_is_not_written_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "run.ndjson"
    path.write_text("old")
    [sell, buy] = EXAMPLE.operations
    for bad in (sell._replace(returned=99), sell._replace(client=2**63), sell._replace(stamps=(("a", 1), ("a", 2)))):
        with pytest.raises(InputError, match=r"run\.ndjson"):
            write(EXAMPLE._replace(operations=(bad, buy)), path)
    assert path.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["run.ndjson"]


def test_a_file_of_version_1_is_read(tmp_path: Path) -> None:
    path = tmp_path / "old.ndjson"
    path.write_text(VERSION_1)
    history = read(path)
    sell, buy = (Submit("ABC", order, order, side, 5, 100) for order, side in ((1, Side.SELL), (2, Side.BUY)))
    said = (Accepted("ABC", 2, Side.BUY, 100, 5), Trade("ABC", 100, 5, 1, 2))
    assert history.operations == (
        Operation(0, sell, 0, 10, (Accepted("ABC", 1, Side.SELL, 100, 5),), (("", 1),)),
        Operation(1, buy, 5, 15, said, (("", 2),)),
    )
    assert [book.last_price for book in history.final] == [100]


def test_verify_keeps_its_histories_in_this_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bookproof.models.concurrent.run.LEAST", 1)
    run_concurrent(budget_seconds=0, seed=1, save_to=tmp_path)
    kept = sorted(tmp_path.glob("*.ndjson"))
    assert kept
    history = read(kept[0])
    assert all(operation.stamps for operation in history.operations)
    assert history.final


# ── what C reads and what the codec reads are the same ──


@pytest.mark.parametrize("venue", list(VENUES))
def test_the_quick_reader_reads_every_command_and_every_answer_as_the_codec_does(venue: str) -> None:
    features = fitting(EVERYTHING - {Feature.BAD_INPUT}, VENUES[venue])
    dice = Random(f"quick {venue}")
    listed = books(features)
    engine = GlobalLockEngine(listed, VENUES[venue])
    for command in decode([dice.getrandbits(BITS) for _ in range(600)], plan_for(features, listed)):
        call = f'{{"call":1,"client":2,"time":3,"command":{codec.encode(command)}}}'
        events = engine.submit(command).events
        back = f'{{"return":1,"time":3,"stamps":{{"a":4}},"events":[{",".join(map(codec.encode, events))}]}}'
        assert quick.call(call.encode()) == Call(1, 2, 3, command)
        assert quick.returned(back.encode()) == Return(1, None, 3, events, (("a", 4),))


SPOILED = [
    ('"client":1', '"client":1,"client":1'),
    ('"client":1', '"client":1.0'),
    ('"client":1', '"client":true'),
    ('"client":1', '"client":9223372036854775808'),
    ('"client":1', '"klient":1'),
    ('"order_id":1', '"order_id":1,"order_id":1'),
    ('"order_id":1', '"order_id":"1"'),
    ('"order_id":1', '"order_id":1,"price":5'),
    ('"order_id":1', '"order_id":-9223372036854775809'),
    ('"order_id":1', '"order_id" :1,"order_id" :2'),
    ('"do":"cancel"', '"do":"cancel","do":"cancel"'),
    ('"do":"cancel"', '"do":"submit"'),
    ('"do":"cancel",', ""),
    ("ABC", "\\ud800"),
    ("}}", "}},"),
    ("}}", "}}}"),
]


@pytest.mark.parametrize(("right", "wrong"), SPOILED, ids=[wrong for _, wrong in SPOILED])
def test_what_the_codec_refuses_the_quick_reader_does_not_read(right: str, wrong: str) -> None:
    assert quick.call(CALL.encode()) is not None
    spoiled = CALL.replace(right, wrong, 1)
    assert quick.call(spoiled.encode()) is None
    assert refused(HEADER, spoiled, END).startswith("2: ")


def test_fields_in_another_order_white_space_and_explicit_defaults_are_all_the_same() -> None:
    loose = '{ "time" : 10, "command": {"order_id": 1, "symbol": "ABC", "do": "cancel"}, "client": 1, "call": 7 }\r'
    submit = '{"call":3,"client":2,"time":10,"command":{"do":"submit","symbol":"A:B","order_id":2,"account":1,'
    submit += '"side":"buy","quantity":1,"price":null,"post_only":false}}'
    [first, second] = found_in(HEADER, loose, submit, '{"end": 2}').operations
    assert (first.client, first.called, first.command) == (1, 10, Cancel("ABC", 1))
    assert second.command == Submit("A:B", 2, 1, Side.BUY, 1)


def test_a_profile_of_ones_own_and_every_profile_that_ships_is_read_back() -> None:
    for profile in (*PROFILES.values(), EXAMPLE.profile._replace(name="mine")):
        if fitting(PLAIN, profile) == PLAIN:
            history = EXAMPLE._replace(profile=profile)
            assert found_in(*lines(history)) == history


# ── bad input: the line, and what is wrong with it ──

BAD: list[tuple[str, list[str], str]] = [
    ("an empty file", [], "1: line: expected a header, got an empty file"),
    ("no JSON", [HEADER, "{", END], "2: line: expected a JSON object"),
    ("no object", [HEADER, "17"], "2: line: expected a JSON object, got 17"),
    ("an empty line", [HEADER, "", END], "2: line: expected a JSON object, got an empty line"),
    ("no header", [CALL, END], "1: history: expected the version of the format in a header line, got another line"),
    ("a header without its version", ["{}"], "1: history: expected the version of the format in a header line"),
    ("another version", [HEADER.replace('"history":2', '"history":4')], "1: history: expected version 1, 2 or 3"),
    ("no version", [HEADER.replace('"history":2', '"history":true')], "1: history: expected version 1, 2 or 3"),
    ("a header of commands", [HEADER.replace("outcomes", "commands")], "1: header.kind: expected outcomes"),
    ("a header without books", ['{"history":2}'], "1: header: expected the header of the wire format, got nothing"),
    ("more in the header", [HEADER.replace('"feed"', '"fead"')], "1: fead: expected no field but header"),
    ("two headers", [HEADER, HEADER, END], "2: history: expected one header, in the first line"),
    ("an unknown line", [HEADER, '{"crash":1}', END], "2: line: expected one of the fields call, return, unknown"),
    ("call and return", [HEADER, CALL[:-1] + ',"return":1}', END], "2: return: expected one of the fields client"),
    ("a call without a time", [HEADER, CALL.replace('"time":10,', ""), END], "2: time: expected an integer number of"),
    ("a time with a point", [HEADER, CALL.replace("10", "1e1"), END], "2: time: expected an integer number of nano"),
    ("a number in quotes", [HEADER, CALL.replace("7", '"7"'), END], "2: call: expected the integer number of an op"),
    ("a wrong command", [HEADER, CALL.replace("cancel", "cansel"), END], "2: command.do: expected one of submit"),
    ("a wrong event", [HEADER, CALL, RETURN.replace("rejected", "x"), END], "3: events[0].say: expected one of"),
    ("a number twice", [HEADER, CALL, CALL, END], "3: call: expected a number that no operation before it has, got 7"),
    (
        "a number of one that has returned",
        [HEADER, CALL, RETURN, CALL.replace('"time":10', '"time":13'), END],
        "4: call: expected a number that no operation before it has, got 7 again",
    ),
    ("a return without a call", [HEADER, RETURN, END], "2: return: expected the number of an operation that"),
    (
        "a return before its call",
        [HEADER, RETURN.replace("12", "9"), CALL, END],
        "2: return: expected the number of an operation that was called and has not returned, got 7, which was not",
    ),
    (
        "two returns",
        [HEADER, CALL, RETURN, RETURN, END],
        "4: return: expected the number of an operation that was called and has not returned, got 7, which has",
    ),
    (
        "a return after all",
        [HEADER, OTHER_CALL, UNKNOWN, RETURN.replace("7", "3").replace("12", "21"), END],
        "4: return: expected the number of an operation that was called and has not returned, got 3, which was given",
    ),
    ("one given up that never was", [HEADER, UNKNOWN, END], "2: unknown: expected the number of an operation that was"),
    ("a clock that runs backwards", [HEADER, OTHER_CALL, CALL.replace("10", "9"), END], "3: time: expected a time th"),
    ("a return too early", [HEADER, CALL, RETURN.replace("12", "9"), END], "3: time: expected a time that is not befo"),
    ("given up too early", [HEADER, OTHER_CALL, UNKNOWN.replace("20", "9"), END], "3: time: expected a time that is"),
    (
        "another client's return",
        [HEADER, CALL, RETURN.replace('"time"', '"client":2,"time"'), END],
        "3: client: expected client 1, who called operation 7, got client 2",
    ),
    (
        "stamp and stamps",
        [HEADER, CALL, RETURN.replace('"stamp":1', '"stamp":1,"stamps":{"a":1}'), END],
        "3: stamps: expected either stamp or stamps, got both",
    ),
    ("a stamp with a point", [HEADER, CALL, RETURN.replace('"stamp":1', '"stamp":1.5'), END], "3: stamp: expected"),
    (
        "a stripe twice",
        [HEADER, CALL, RETURN.replace('"stamp":1', '"stamps":{"a":1,"a":2}'), END],
        "3: a: expected each field once",
    ),
    (
        "a stamp of a stripe in quotes",
        [HEADER, CALL, RETURN.replace('"stamp":1', '"stamps":{"a":"1"}'), END],
        "3: stamps.a: expected an integer",
    ),
    (
        "a trade without a feed",
        [HEADER.replace(',"feed":true', ""), TRADE, END],
        "2: trade: expected no trade line where no feed was announced",
    ),
    ("a trade of no book", [HEADER, TRADE.replace("ABC", "XYZ"), END], "2: trade.symbol: expected a book that the hea"),
    ("a trade with more", [HEADER, TRADE[:-1] + ',"time":1}', END], "2: time: expected no field but trade"),
    ("a final view of no book", [HEADER, FINAL.replace("ABC", "XYZ"), END], "2: final.symbol: expected a book that"),
    ("a final book twice", [HEADER, FINAL, FINAL, END], "3: final: expected each book once"),
    (
        "a final top",
        [HEADER, '{"final":{"show":"top","bid":null,"ask":null}}', END],
        '2: final: expected a book-view or an account-view, got "top"',
    ),
    ("a call behind a final book", [HEADER, FINAL, CALL, END], "3: line: expected nothing but final views and the end"),
    ("a return behind a final book", [HEADER, CALL, FINAL, RETURN, END], "4: line: expected nothing but final views"),
    (
        "an account where there are none",
        [HEADER, '{"final":{"show":"account-view","account":1,"cash":0,"reserved":0,"open_orders":0,"limits":{},'
         '"holdings":[]}}', END],
        "2: final: expected no account, as this venue keeps none",
    ),
    ("a line that is missing", [HEADER, CALL, RETURN, END], "4: end: expected the number of calls in the file, 1, got"),
    ("more behind the end", [*WRITTEN.splitlines(), TRADE], "9: line: expected nothing behind the end"),
    ("two files in one", [*WRITTEN.splitlines(), HEADER], "9: history: expected one header, in the first line"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "message"), [one[1:] for one in BAD], ids=[one[0] for one in BAD])
def test_a_malformed_history_is_refused_with_its_line(written: list[str], message: str) -> None:
    assert refused(*written)[: len(message)] == message


def test_a_file_that_is_cut_off_anywhere_is_refused() -> None:
    whole = WRITTEN.encode()
    assert read(io.BytesIO(whole)) == read(io.BytesIO(whole[:-1])), "the last line feed may be missing"
    for length in range(len(whole) - 1):
        with pytest.raises(InputError):
            read(io.BytesIO(whole[:length]))
    with pytest.raises(InputError, match=r"7: end: expected the last line.*was it cut off"):
        read(io.BytesIO("".join(WRITTEN.splitlines(keepends=True)[:-1]).encode()))
    with pytest.raises(InputError, match=r"4: line: .*the line has no line feed: was the file cut off"):
        read(io.BytesIO(WRITTEN[: WRITTEN.index("rejected")].encode()))


def test_a_file_of_version_1_that_is_cut_off_inside_an_operation_is_refused() -> None:
    written = VERSION_1.splitlines()
    assert refused(*written[:3]).startswith("3: return: expected the return of operation 0, got the end of the file")
    assert refused(*written[:4]).startswith("4: return: expected the return of operation 1, got the end of the file")
    assert refused(*written[:3], '{"unknown":0}').startswith("4: line: expected a line of version 1")
    assert refused(*written, '{"end":2}').startswith("7: line: expected a line of version 1")
    assert refused(*written[:3], written[3].replace('"stamp":1,', "")).startswith("4: return: expected one stamp")


def test_bytes_that_are_no_text_and_lines_without_end_are_refused() -> None:
    bad = f"{HEADER}\n{CALL}\n".replace("ABC", "\xff").encode("latin-1")
    with pytest.raises(InputError, match="1: line: expected UTF-8"):
        read(io.BytesIO(bad))
    endless = HEADER.encode() + b"\n" + CALL[:-2].encode() + b" " * (codec.LONGEST_LINE + 1)
    with pytest.raises(InputError, match="2: line: expected at most"):
        read(io.BytesIO(endless))


def test_a_file_that_is_not_there_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a file that can be opened"):
        read(tmp_path / "none.ndjson")


# ── documented interpretations ──


def test_an_operation_that_neither_returned_nor_was_given_up_is_open() -> None:
    implicit = found_in(HEADER, CALL, OTHER_CALL, RETURN, END)
    explicit = found_in(HEADER, CALL, OTHER_CALL, RETURN, UNKNOWN, END)
    assert implicit == explicit
    assert [operation.is_open for operation in implicit.operations] == [False, True]


def test_a_client_may_have_several_operations_under_way() -> None:
    pipelined = OTHER_CALL.replace('"client":2', '"client":1')
    assert {one.client for one in found_in(HEADER, CALL, pipelined, RETURN, END).operations} == {1}


def test_operations_are_named_by_the_place_of_their_call_lines_whatever_their_numbers() -> None:
    history = found_in(HEADER, CALL, OTHER_CALL, RETURN, END)
    assert [one.command for one in history.operations] == [Cancel("ABC", 1), Cancel("ABC", 2)]


def test_trade_lines_may_stand_anywhere_and_keep_their_order() -> None:
    other = TRADE.replace('"maker":1', '"maker":9')
    assert found_in(HEADER, TRADE, CALL, other, RETURN, END.replace("2", "1")).feed == (
        Filled("ABC", 1, 2),
        Filled("ABC", 9, 2),
    )


def test_a_million_clients_are_as_good_as_one() -> None:
    """Here thirty thousand: nothing is kept for a client."""
    clients = range(30_000)
    calls = (f'{{"call":{-one},"client":{one},"time":{one},"command":{{"do":"end-of-day"}}}}' for one in clients)
    backs = (f'{{"return":{-one},"time":{10**18},"events":[]}}' for one in clients)
    history = found_in(HEADER, *calls, *backs, f'{{"end":{len(clients)}}}')
    assert len({operation.client for operation in history.operations}) == len(clients)


def test_entries_come_one_at_a_time_before_the_rest_is_there() -> None:
    class Trickling(io.BytesIO):
        def __init__(self) -> None:
            super().__init__()
            self.left = [HEADER, CALL, "{"]

        def readline(self, limit: int | None = -1, /) -> bytes:
            return f"{self.left.pop(0)}\n".encode()

    arriving = entries(Trickling())
    assert next(arriving)[0] == 1
    assert next(arriving) == (2, Call(7, 1, 10, Cancel("ABC", 1)))
    with pytest.raises(InputError, match="3: line"):
        next(arriving)


def test_whoever_waits_is_told_how_many_lines_have_been_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bookproof.models.linearize.file.PROGRESS_EVERY", 3)
    told: list[int] = []
    read(io.BytesIO(WRITTEN.encode()), told.append)
    assert told == [3, 6]


def test_every_kind_of_damage_to_one_character_is_noticed_or_changes_what_is_read() -> None:
    """Never a silent pass: no byte of a file is without a meaning, but for white space."""
    whole = WRITTEN.encode()
    right = read(io.BytesIO(whole))
    dice = Random(5)
    for _ in range(600):
        at = dice.randrange(len(whole))
        damaged = whole[:at] + bytes([dice.choice(b'0123456789abc"{}[],: ')]) + whole[at + 1 :]
        if damaged == whole:
            continue
        try:
            found = read(io.BytesIO(damaged))
        except InputError:
            continue
        # Numbers of operations and the time at which a client gave up name nothing outside the file.
        line = damaged[:at].count(b"\n")
        assert found != right or b"unknown" in damaged.splitlines()[line], damaged.splitlines()[line]
