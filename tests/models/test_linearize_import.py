"""Importers: logs of other people, what is read out of them, and what is refused with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bookproof.models.cli import main
from bookproof.models.linearize.conclusion import Verdict
from bookproof.models.linearize.from_csv import mapped, read_csv, read_mapping
from bookproof.models.linearize.from_fix import read_fix
from bookproof.models.linearize.generic import search
from bookproof.models.linearize.history import Filled, History, Operation
from bookproof.spec.commands import Cancel, Replace, Submit
from bookproof.spec.events import Accepted, Cancelled, Rejected, Replaced, Trade
from bookproof.spec.input_error import InputError
from bookproof.spec.instruments import Instrument
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.values import Side, TimeInForce

# ── CSV ──

MAPPING = """
tick = "0.5"
lot = "10"
time_unit = "us"
ids = "names"
delimiter = ";"
feed = true

[columns]
row = "type"
operation = "request"
client = "session"
time = "ts"
symbol = "market"
order_id = "order"
account = "owner"
side = "bs"
quantity = "qty"
price = "px"
maker = "against"
taker = "by"
reason = "why"

[rows]
NEW = "call submit"
CXL = "call cancel"
ACK = "say accepted"
FILL = "say trade"
GONE = "say cancelled"
REJ = "say rejected"
LOST = "unknown"
PRINT = "trade"

[values.side]
B = "buy"
S = "sell"

[values.reason]
"not found" = "unknown-order"
"""

COLUMNS = "type;request;session;ts;market;order;owner;bs;qty;px;against;by;why;note"
LOG = f"""\
{COLUMNS}
NEW;r1;alice;10;ABC;x-1;A;S;50;100.5;;;;
NEW;r2;bob;11;ABC;y-1;B;B;30;101;;;;"a remark; with a semicolon"
ACK;r1;;15;;;;;;;;;;
ACK;r2;;16;;;;;;;;;;
FILL;r2;;17;;;;;30;100.5;x-1;;;
CXL;r3;alice;18;ABC;x-1;;;;;;;;
PRINT;;;18;ABC;;;;;;x-1;y-1;;
GONE;r3;;20;;;;;20;;;;;
CXL;r4;bob;21;ABC;y-1;;;;;;;;
REJ;r4;;22;;;;;;;;;not found;
NEW;r5;bob;23;ABC;y-2;B;B;10;100;;;;
LOST;r5;;30;;;;;;;;;;
"""


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    path = tmp_path / "mapping.toml"
    path.write_text(MAPPING)
    return path


def csv_of(text: str, tmp_path: Path, mapping: Path) -> History:
    path = tmp_path / "log.csv"
    path.write_text(text)
    return read_csv(path, read_mapping(mapping))


def test_a_csv_log_is_a_history_by_its_mapping(tmp_path: Path, mapping: Path) -> None:
    history = csv_of(LOG, tmp_path, mapping)
    assert history.instruments == (Instrument("ABC"),)
    assert history.feed == (Filled("ABC", 1, 2),)
    sell, buy = Submit("ABC", 1, 1, Side.SELL, 5, 201), Submit("ABC", 2, 2, Side.BUY, 3, 202)
    assert history.operations == (
        Operation(1, sell, 10_000, 15_000, (Accepted("ABC", 1, Side.SELL, 201, 5),)),
        Operation(2, buy, 11_000, 17_000, (Accepted("ABC", 2, Side.BUY, 202, 3), Trade("ABC", 201, 3, 1, 2))),
        Operation(
            1,
            Cancel("ABC", 1),
            18_000,
            20_000,
            (Cancelled("ABC", 1, Side.SELL, 201, 2, CancelReason.REQUESTED),),
        ),
        Operation(2, Cancel("ABC", 2), 21_000, 22_000, (Rejected("ABC", 2, RejectReason.UNKNOWN_ORDER),)),
        Operation(2, Submit("ABC", 3, 2, Side.BUY, 1, 200), 23_000, None, None),
    )
    assert search(history).verdict is Verdict.LINEARIZABLE


BAD_ROWS: list[tuple[str, str, str, str]] = [
    ("a row that means nothing", "ACK;r1", "OK;r1", '4: row: expected one of NEW, CXL, ACK, FILL, GONE, REJ, LOST, PR'),
    ("a price between two ticks", "50;100.5", "50;100.7", '2: price: expected a multiple of 0.5, got "100.7"'),
    ("a quantity between two lots", ";50;", ";55;", '2: quantity: expected a multiple of 10, got "55"'),
    ("a side of one's own", ";S;", ";sell;", '2: side: expected one of B, S, got "sell"'),
    ("no time", "alice;10;", "alice;;", '2: time: expected a whole number from 0'),
    ("a clock that runs backwards", ";16;", ";14;", "5: time: expected a time that is not before that of an earlier"),
    ("an answer to nothing", "ACK;r1", "ACK;r9", '4: operation: expected the name of an operation that was called be'),
    ("a name twice", "NEW;r2", "NEW;r1", '3: operation: expected a name that no call before it has, got "r1" again'),
    ("an answer after giving up", "LOST;r5;;30", "LOST;r5;;30;;;;;;;;;;\nACK;r5;;31", "14: operation: expected no an"),
    ("a line that is cut off", ";;;not found;\n", "\n", "11: line: expected 14 cells, as many as columns, got 10; was"),
    ("a reason that is not mapped", "not found", "busy", '11: reason: expected one of not found, got "busy"'),
    ("a command without what it needs", "CXL;r4;bob;21;ABC;y-1", "CXL;r4;bob;21;ABC;", "10: order_id: expected an int"),
    ("a fill without its maker", "100.5;x-1;;;\nCXL", "100.5;;;;\nCXL", "6: maker: expected an integer order id, got"),
    ("a feed without a taker", "x-1;y-1;;\n", "x-1;;;\n", "8: taker: expected something in every line of the feed"),
    ("a column that is not there", "owner", "owners", "1: owner: expected one column of this name, got none of that"),
    ("a column twice", "note", "why", "1: why: expected one column of this name, got it several times"),
    ("an open quote", '"a remark; with a semicolon"', '"a remark', "3: line: expected CSV in UTF-8"),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "message"), [one[1:] for one in BAD_ROWS], ids=[one[0] for one in BAD_ROWS])
def test_a_row_that_the_mapping_does_not_cover_is_refused_with_its_line(
    right: str, wrong: str, message: str, tmp_path: Path, mapping: Path
) -> None:
    assert right in LOG
    with pytest.raises(InputError) as caught:
        csv_of(LOG.replace(right, wrong, 1), tmp_path, mapping)
    assert str(caught.value).removeprefix(f"{tmp_path / 'log.csv'}:").startswith(message)


def test_a_log_without_a_feed_has_no_lines_of_one(tmp_path: Path, mapping: Path) -> None:
    mapping.write_text(MAPPING.replace("feed = true", "feed = false"))
    with pytest.raises(InputError, match="8: trade: expected no trade line where no feed was announced"):
        csv_of(LOG, tmp_path, mapping)


def test_books_that_are_named_beforehand_are_the_only_ones(tmp_path: Path, mapping: Path) -> None:
    mapping.write_text('instruments = ["XYZ"]\n' + MAPPING.replace("feed = true", ""))
    history = csv_of("\n".join(line for line in LOG.splitlines() if "PRINT" not in line), tmp_path, mapping)
    assert history.instruments == (Instrument("XYZ"),)
    assert search(history).verdict is Verdict.NOT_LINEARIZABLE


NEEDED = {"row": "a", "operation": "b", "time": "c"}
BAD_MAPPINGS: list[tuple[dict[str, Any], str]] = [
    ({}, "columns.row: expected the name of a column"),
    ({"columns": NEEDED, "row": {}}, "row: expected one of tick"),
    ({"columns": NEEDED | {"colour": "x"}}, "columns.colour: expected a field of a command or an event"),
    ({"columns": NEEDED, "rows": {"X": "call cansel"}}, 'rows.X: expected "call" and a command'),
    ({"columns": NEEDED, "rows": {"X": "trade now"}}, 'rows.X: expected "call" and a command'),
    ({"columns": NEEDED, "rows": ["X"]}, "rows: expected a table of texts"),
    ({"columns": NEEDED, "values": {"side": "B"}}, "values.side: expected a table of texts"),
    ({"columns": NEEDED, "values": 1}, "values: expected a table for each column"),
    ({"columns": NEEDED, "tick": 1}, "tick: expected text in double quotes"),
    ({"columns": NEEDED, "tick": "0"}, "options: tick or lot size: expected a decimal above 0"),
    ({"columns": NEEDED, "time_unit": "min"}, "time_unit: expected one of ns, us, ms, s"),
    ({"columns": NEEDED, "ids": "any"}, "ids: expected one of numbers, names"),
    ({"columns": NEEDED, "delimiter": ";;"}, "delimiter: expected one character"),
    ({"columns": NEEDED, "feed": 1}, "feed: expected true or false"),
    ({"columns": NEEDED, "instruments": "ABC"}, "instruments: expected a list of symbols"),
    ({"columns": NEEDED, "profile": "nowhere"}, "options: --profile: expected one of"),
]


@pytest.mark.parametrize(("found", "message"), BAD_MAPPINGS, ids=[message for _, message in BAD_MAPPINGS])
def test_a_mapping_that_makes_no_sense_is_refused(found: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        mapped(found)
    assert str(caught.value).startswith(message)


def test_a_mapping_that_is_no_toml_or_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mapping.toml"
    with pytest.raises(InputError, match="a file that can be opened"):
        read_mapping(path)
    path.write_text("tick = ")
    with pytest.raises(InputError, match="expected TOML"):
        read_mapping(path)


def test_numbers_are_taken_as_they_are_unless_they_are_names(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("kind,op,at,book,order\nC,1,5,ABC,77\n")
    columns = {"row": "kind", "operation": "op", "time": "at", "symbol": "book", "order_id": "order"}
    [operation] = read_csv(path, mapped({"columns": columns, "rows": {"C": "call cancel"}})).operations
    assert operation == Operation(1, Cancel("ABC", 77), 5, None, None)


# ── FIX ──


def fix(time: str, *fields: str) -> str:
    body = f"8=FIX.4.4|9=0|{'|'.join(fields)}|"
    checked = sum(body.replace("|", "\x01").encode()) % 256
    return f"{time} {body}10={checked:03}|"


def at(microseconds: int) -> str:
    return f"20240105-12:30:00.{microseconds:06}"


ALICE, BOB = ("49=ALICE", "56=VENUE"), ("49=BOB", "56=VENUE")
TO_ALICE, TO_BOB = ("49=VENUE", "56=ALICE"), ("49=VENUE", "56=BOB")

TALK = [
    fix(at(1), "35=A", *ALICE),
    fix(at(10), "35=D", *ALICE, "11=a1", "55=ABC", "54=2", "38=5", "40=2", "44=100.5", "59=1"),
    fix(at(11), "35=D", *BOB, "11=b1", "55=ABC", "54=1", "38=3", "40=2", "44=101", "59=3", "1=HOUSE"),
    fix(at(12), "35=8", *TO_ALICE, "11=a1", "150=A", "39=A", "55=ABC"),
    fix(at(13), "35=8", *TO_ALICE, "11=a1", "150=0", "39=0", "55=ABC"),
    fix(at(14), "35=8", *TO_BOB, "11=b1", "150=0", "39=0", "55=ABC"),
    fix(at(15), "35=8", *TO_BOB, "11=b1", "150=F", "32=3", "31=100.5", "880=t1", "1057=Y", "38=3", "14=3"),
    fix(at(15), "35=8", *TO_ALICE, "11=a1", "150=F", "32=3", "31=100.5", "880=t1", "1057=N", "38=5", "14=3"),
    fix(at(16), "35=G", *ALICE, "11=a2", "41=a1", "55=ABC", "54=2", "38=6", "44=102"),
    fix(at(18), "35=8", *TO_ALICE, "11=a2", "41=a1", "150=5", "38=6", "14=3"),
    fix(at(20), "35=F", *ALICE, "11=a3", "41=a2", "55=ABC", "54=2"),
    fix(at(21), "35=8", *TO_ALICE, "11=a3", "41=a2", "150=4", "38=6", "14=3"),
    fix(at(22), "35=F", *BOB, "11=b2", "41=b1", "55=ABC", "54=1"),
    fix(at(23), "35=9", *TO_BOB, "11=b2", "41=b1", "102=1"),
    fix(at(24), "35=D", *BOB, "11=b3", "55=ABC", "54=1", "38=3", "40=2", "44=99", "59=3"),
    fix(at(25), "35=8", *TO_BOB, "11=b3", "150=0"),
    fix(at(26), "35=8", *TO_BOB, "11=b3", "150=4", "38=3", "14=0"),
    fix(at(27), "35=D", *BOB, "11=b4", "55=ABC", "54=1", "38=3", "40=1"),
    fix(at(28), "35=8", *TO_BOB, "11=b4", "150=8", "58=no-liquidity"),
    fix(at(30), "35=D", *BOB, "11=b5", "55=ABC", "54=1", "38=3", "40=2", "44=99"),
]


def fix_of(lines: list[str], tmp_path: Path) -> History:
    path = tmp_path / "talk.fix"
    path.write_text("".join(line + "\n" for line in lines))
    return read_fix(path, tick="0.5")


@pytest.mark.parametrize("separator", ["|", "\x01"], ids=["bars", "SOH"])
def test_a_fix_log_is_a_history(separator: str, tmp_path: Path) -> None:
    history = fix_of([line.replace("|", separator) for line in TALK], tmp_path)
    assert history.instruments == (Instrument("ABC"),)
    first = history.operations[0].called
    assert first == 1_704_457_800 * 10**9 + 10_000
    told = [
        one._replace(called=one.called - first, returned=one.returned and one.returned - first)
        for one in history.operations
    ]
    ioc = Submit("ABC", 2, 2, Side.BUY, 3, 202, TimeInForce.IOC)
    late = Submit("ABC", 3, 3, Side.BUY, 3, 198, TimeInForce.IOC)
    gone = Cancelled("ABC", 3, Side.BUY, 198, 3, CancelReason.IMMEDIATE)
    market = Submit("ABC", 4, 3, Side.BUY, 3, time_in_force=TimeInForce.DAY)
    assert told == [
        Operation(1, Submit("ABC", 1, 1, Side.SELL, 5, 201), 0, 3_000, (Accepted("ABC", 1, Side.SELL, 201, 5),)),
        Operation(2, ioc, 1_000, 5_000, (Accepted("ABC", 2, Side.BUY, 202, 3), Trade("ABC", 201, 3, 1, 2))),
        Operation(1, Replace("ABC", 1, 6, 204), 6_000, 8_000, (Replaced("ABC", 1, Side.SELL, 204, 6),)),
        Operation(
            1, Cancel("ABC", 1), 10_000, 11_000, (Cancelled("ABC", 1, Side.SELL, 204, 3, CancelReason.REQUESTED),)
        ),
        Operation(2, Cancel("ABC", 2), 12_000, 13_000, (Rejected("ABC", 2, RejectReason.UNKNOWN_ORDER),)),
        Operation(2, late, 14_000, 16_000, (Accepted("ABC", 3, Side.BUY, 198, 3), gone)),
        Operation(2, market, 17_000, 18_000, (Rejected("ABC", 4, RejectReason.NO_LIQUIDITY),)),
        Operation(2, Submit("ABC", 5, 3, Side.BUY, 3, 198, TimeInForce.DAY), 20_000, None, None),
    ]
    assert search(history).verdict is Verdict.LINEARIZABLE


@pytest.mark.parametrize("time", ["1704457800000010000", "2024-01-05T12:30:00.00001Z", "20240105-12:30:00.000010000:"])
def test_times_before_a_message_come_in_three_forms_and_a_message_may_begin_at_its_type(
    time: str, tmp_path: Path
) -> None:
    [operation] = fix_of([f"{time} 35=F|11=x|41=y|55=ABC"], tmp_path).operations
    assert operation.called == 1_704_457_800 * 10**9 + 10_000


D = TALK[1].split(" ")[1]
BAD_LINES: list[tuple[str, list[str], str]] = [
    ("no time", [D], "1: line: expected a time and a FIX message"),
    ("no message", [f"{at(1)} hello"], "1: line: expected a time and a FIX message"),
    ("a day that is none", [f"20240231-12:30:00 {D}"], "1: time: expected YYYYMMDD-HH:MM:SS.fraction"),
    ("a message that is cut off", [TALK[1][:-8]], "1: 10: expected a check sum at the end, got none"),
    ("a tag that is cut off", [TALK[1][:-40]], "1: "),
    (
        "a character that has changed",
        [TALK[1].replace("100.5", "100.0")],
        "1: 10: expected the check sum of the message",
    ),
    ("a tag twice", [f"{at(1)} 35=F|11=x|11=z|41=y|55=ABC"], "1: 11: expected this tag once"),
    ("another message", [f"{at(1)} 35=E|11=x"], "1: 35: expected one of D, F, G, 8, 9 or session messages"),
    ("a report of nothing", [TALK[4]], "1: operation: expected the name of an operation that was called before"),
    ("a ClOrdID twice", [TALK[1], TALK[1]], "2: operation: expected a name that no call before it has"),
    ("a clock that runs backwards", [TALK[2], TALK[1]], "2: time: expected a time that is not before"),
    ("a pegged order", [f"{at(1)} 35=D|11=x|55=ABC|54=1|38=1|40=P"], "1: 40: expected one of 1, 2, 3, 4"),
    ("a limit order without a limit", [f"{at(1)} 35=D|11=x|55=ABC|54=1|38=1|40=2"], "1: 44: expected a decimal number"),
    ("a short sale", [f"{at(1)} 35=D|11=x|55=ABC|54=5|38=1|40=1"], "1: 54: expected one of 1, 2"),
    ("a trade of FIX 4.2", [*TALK[1:3], f"{at(15)} 35=8|56=BOB|11=b1|150=2"], "3: 150: expected 0, 4, 5, 8, F"),
    ("no aggressor", [*TALK[1:3], f"{at(15)} 35=8|56=BOB|11=b1|150=F|880=t1"], "3: 1057: expected one of Y, N"),
    ("one side of a trade", [*TALK[1:7]], "6: 880: expected a trade that the report of its resting order"),
    ("two resting orders", [*TALK[1:8], TALK[7]], "8: 880: expected one resting order in a trade"),
    (
        "a cancel that nobody asked for",
        [TALK[1], f"{at(13)} 35=8|56=ALICE|11=a1|150=4|38=5|14=0"],
        "2: 150: expected a cancel of what was to be cancelled",
    ),
    (
        "a reason that says nothing",
        [TALK[1], f"{at(13)} 35=8|56=ALICE|11=a1|150=8|103=99|58=sorry"],
        "2: 58: expected a reason of the rule book",
    ),
]


@pytest.mark.parametrize(("written", "message"), [one[1:] for one in BAD_LINES], ids=[one[0] for one in BAD_LINES])
def test_a_message_that_cannot_be_read_is_refused_with_its_line(
    written: list[str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        fix_of(written, tmp_path)
    assert str(caught.value).removeprefix(f"{tmp_path / 'talk.fix'}:").startswith(message)


def test_a_log_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a file that can be opened"):
        read_fix(tmp_path / "none.fix")
    (tmp_path / "talk.fix").write_bytes(b"\xff\n")
    with pytest.raises(InputError, match="1: line: expected UTF-8"):
        read_fix(tmp_path / "talk.fix")


# ── the command ──


def test_the_command_judges_logs_and_keeps_them_as_histories(
    tmp_path: Path, mapping: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, talk, kept = tmp_path / "log.csv", tmp_path / "talk.fix", tmp_path / "kept.ndjson"
    log.write_text(LOG)
    talk.write_text("\n".join(TALK))
    assert main(["linearize", str(log), "--format", "csv", "--mapping", str(mapping), "--save", str(kept)]) == 0
    assert main(["linearize", str(kept)]) == 0
    assert main(["linearize", str(talk), "--format", "fix", "--tick", "0.5"]) == 0
    capsys.readouterr()
    assert main(["linearize", str(log), "--format", "csv"]) == 2
    assert "--mapping: expected a mapping with --format csv" in capsys.readouterr().err
    assert main(["linearize", str(talk), "--format", "fix"]) == 2
    assert f"{talk}:2: 44: expected a multiple of 1" in capsys.readouterr().err
    talk.write_text("\n".join(TALK).replace("150=F", "150=I").replace("8=FIX.4.4|9=0|", ""))
    assert main(["linearize", str(talk), "--format", "fix", "--tick", "0.5"]) == 1
