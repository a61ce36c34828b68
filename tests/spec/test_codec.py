"""The wire format: everything goes out and comes back, and whatever is wrong is said in one line with its place."""

from __future__ import annotations

import io
import pickle
import random
import typing
from contextlib import nullcontext
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bookproof.spec import exchange
from bookproof.spec.codec import (
    ANY,
    COMMAND,
    EVENT,
    HEADER,
    LONGEST_LINE,
    OUTCOME,
    REPORT,
    VIEW,
    VIEWS,
    Header,
    Kind,
    Outcome,
    decode,
    encode,
    load,
    read,
    write,
)
from bookproof.spec.commands import (
    COMMANDS,
    AdvanceClock,
    Basket,
    Cancel,
    Command,
    Deposit,
    Disconnect,
    EndOfDay,
    Halt,
    IndexLevel,
    KillSwitch,
    Leg,
    Liquidate,
    MassCancel,
    Reinstate,
    Replace,
    Resume,
    SetLimits,
    SetMark,
    SetReference,
    Submit,
    TakeSnapshot,
)
from bookproof.spec.events import EVENTS, Accepted, Busted, Liquidated, Rejected, SnapshotTaken, Trade
from bookproof.spec.input_error import InputError
from bookproof.spec.instruments import Instrument, listing
from bookproof.spec.profile import DEFAULT, PROFILES, WORKLOADS, Profile, TrueStop
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.reports import (
    REPORTS,
    CancelReject,
    CxlRejReason,
    CxlRejResponseTo,
    ExecType,
    ExecutionReport,
    OrdStatus,
)
from bookproof.spec.values import Limits, SelfTradePrevention, Side, TimeInForce, Value
from bookproof.spec.views import Level
from bookproof.spec.wire import kebab, shape_of

# ── values of every type, from the annotations and without the codec's help ──


def values(hint: Any) -> st.SearchStrategy[Any]:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint is int:
        return st.integers(-(2**63), 2**63 - 1) | st.integers(0, 9)
    if hint is str:
        return st.text(max_size=5)
    if hint is bool:
        return st.booleans()
    if hint is NoneType:
        return st.none()
    if origin is tuple:
        return st.lists(values(inner[0]), max_size=3).map(tuple)
    if origin in (typing.Union, UnionType):
        return st.one_of(*map(values, inner))
    if issubclass(hint, Enum):
        return st.sampled_from(list(hint))
    return st.builds(hint, **{name: values(part) for name, part in typing.get_type_hints(hint).items()})


def headers() -> st.SearchStrategy[Header[Any]]:
    return st.builds(
        Header,
        st.sampled_from([COMMAND, EVENT, OUTCOME, VIEW, REPORT]),
        st.lists(st.builds(instrument, values(str), *[st.integers(1, 10**15)] * 6), max_size=3).map(tuple),
        st.sampled_from([DEFAULT, WORKLOADS]) | values(Profile).map(with_rising_levels),
    ).filter(can_open)


def with_rising_levels(profile: Profile) -> Profile:
    levels = {1 + level % 100 for level in profile.breaker_levels}
    return profile._replace(breaker_levels=tuple(sorted(levels)))


def instrument(symbol: str, tick: int, lot: int, price: int, other: int, size: int, another: int) -> Instrument:
    (low, high), (least, most) = sorted((price, other)), sorted((size, another))
    return Instrument(symbol, tick, lot, low, high, least, most, min_notional=price)


def can_open(header: Header[Any]) -> bool:
    try:
        exchange.opening(header.instruments, header.profile)
    except ValueError:
        return False
    return True


def anatomy(record: Any) -> Any:
    """A value with the type of each of its parts: 1 and True differ, and so do "buy" and Side.BUY."""
    if isinstance(record, Value):
        return type(record), [anatomy(getattr(record, name)) for name in record.__struct_fields__]
    return type(record), [anatomy(part) for part in record] if isinstance(record, tuple) else record


def kind_of(cls: type[Any]) -> Kind[Any]:
    kinds: dict[Kind[Any], tuple[type[Any], ...]] = {COMMAND: COMMANDS, EVENT: EVENTS, VIEW: VIEWS, REPORT: REPORTS}
    return next((kind for kind, types in kinds.items() if cls in types), OUTCOME)


# ── what goes out comes back ──


@pytest.mark.parametrize("cls", [*COMMANDS, *EVENTS, *VIEWS, *REPORTS, Outcome], ids=lambda cls: cls.__name__)
def test_every_record_comes_back_with_every_type_in_it(cls: type[Any]) -> None:
    @settings(max_examples=20, deadline=None)
    @given(values(cls))
    def comes_back(record: Any) -> None:
        line = encode(record)
        assert line.isascii()
        assert len(line.splitlines()) == 1
        for kind in (kind_of(cls), ANY):
            assert decode(line, kind) == record
            assert anatomy(decode(line.encode(), kind)) == anatomy(record)
        assert encode(decode(line, ANY)) == line

    comes_back()


@settings(max_examples=50, deadline=None)
@given(headers())
def test_every_header_comes_back(header: Header[Any]) -> None:
    assert anatomy(decode(encode(header), HEADER)) == anatomy(header)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.builds(Instrument, st.sampled_from("AB"), *[st.sampled_from([-1, 0, 1, 10**15 + 1])] * 7), max_size=2),
    st.lists(st.lists(st.integers(0, 9), max_size=2).map(tuple), max_size=2),
)
def test_a_header_is_written_if_and_only_if_an_exchange_can_open_with_it(
    instruments: list[Instrument], groups: list[tuple[int, ...]]
) -> None:
    header = Header(COMMAND, tuple(instruments), Profile(self_trade_groups=tuple(groups)))
    with nullcontext() if can_open(header) else pytest.raises(InputError):
        encode(header)


@settings(max_examples=50, deadline=None)
@given(st.lists(values(Command), max_size=10))
def test_a_file_comes_back(commands: list[Command]) -> None:
    file = io.BytesIO()
    header = Header(COMMAND, listing(["ABC"]))
    write(file, header, commands)
    assert file.getvalue().count(b"\n") == len(commands) + 1
    file.seek(0)
    assert load(file, COMMAND) == (header, tuple(commands))


def test_a_recorded_run_of_the_oracle_comes_back(tmp_path: Path) -> None:
    commands: list[Command] = [
        Submit("ABC", 1, 7, Side.SELL, 5, 100),
        Submit("XYZ", 2, 8, Side.BUY, 3, 50, stop=60),
        Basket(9, (Leg("ABC", 3, Side.BUY, 2, 100), Leg("XYZ", 4, Side.BUY, 2, 50))),
        Submit("ABC", 5, 7, Side.BUY, 0, 100),
        TakeSnapshot(),
    ]
    state = exchange.opening(listing(["ABC", "XYZ"]))
    run: list[Outcome] = []
    for stamp, command in enumerate(commands):
        state, events = exchange.step(state, command)
        run.append(Outcome(command, stamp, events))
    file = tmp_path / "run.ndjson"
    write(file, Header(OUTCOME, listing(["ABC", "XYZ"])), run)
    assert load(file, OUTCOME).records == tuple(run)


LINES: list[tuple[Any, str]] = [
    (
        Submit("ABC", 1, 7, Side.BUY, 10, 100),
        '{"do":"submit","symbol":"ABC","order_id":1,"account":7,"side":"buy","quantity":10,"price":100}',
    ),
    (
        Submit("ABC", 1, 7, Side.SELL, 10, 100, TimeInForce.GTD, 90, True, 2, 3, 50, SelfTradePrevention.CANCEL_BOTH),
        '{"do":"submit","symbol":"ABC","order_id":1,"account":7,"side":"sell","quantity":10,"price":100,'
        '"time_in_force":"gtd","stop":90,"post_only":true,"min_quantity":2,"display":3,"expires":50,'
        '"self_trade":"cancel-both"}',
    ),
    (Cancel("ABC", 1), '{"do":"cancel","symbol":"ABC","order_id":1}'),
    (Replace("ABC", 1, 5, stop=9), '{"do":"replace","symbol":"ABC","order_id":1,"quantity":5,"stop":9}'),
    (
        Basket(7, (Leg("ABC", 1, Side.BUY, 2, 100), Leg("XYZ", 2, Side.SELL, 3))),
        '{"do":"basket","account":7,"legs":[{"symbol":"ABC","order_id":1,"side":"buy","quantity":2,"price":100},'
        '{"symbol":"XYZ","order_id":2,"side":"sell","quantity":3}]}',
    ),
    (MassCancel(7), '{"do":"mass-cancel","account":7}'),
    (Halt(), '{"do":"halt"}'),
    (Resume("ABC"), '{"do":"resume","symbol":"ABC"}'),
    (AdvanceClock(5), '{"do":"advance-clock","now":5}'),
    (EndOfDay(), '{"do":"end-of-day"}'),
    (Deposit(7, 500), '{"do":"deposit","account":7,"amount":500}'),
    (SetMark("ABC", 100), '{"do":"set-mark","symbol":"ABC","price":100}'),
    (Liquidate(7, 9), '{"do":"liquidate","account":7,"order_id":9}'),
    (Liquidated(7, 40, 47), '{"say":"liquidated","account":7,"equity":40,"maintenance":47}'),
    (SetLimits(7, Limits(short=3)), '{"do":"set-limits","account":7,"limits":{"short":3}}'),
    (
        Busted("ABC", 1, 100, 2, 7, 8),
        '{"say":"busted","symbol":"ABC","trade":1,"price":100,"quantity":2,"buyer":7,"seller":8}',
    ),
    (KillSwitch(7), '{"do":"kill-switch","account":7}'),
    (Reinstate(7), '{"do":"reinstate","account":7}'),
    (Disconnect(7), '{"do":"disconnect","account":7}'),
    (SetReference("ABC", 100), '{"do":"set-reference","symbol":"ABC","price":100}'),
    (IndexLevel(100), '{"do":"index-level","value":100}'),
    (Cancel('é"\n', 1), '{"do":"cancel","symbol":"\\u00e9\\"\\n","order_id":1}'),
    (Trade("ABC", 100, 3, 1, 2), '{"say":"trade","symbol":"ABC","price":100,"quantity":3,"maker":1,"taker":2}'),
    (
        Accepted("ABC", 1, Side.BUY, None, 10),
        '{"say":"accepted","symbol":"ABC","order_id":1,"side":"buy","price":null,"quantity":10}',
    ),
    (
        Rejected(None, None, RejectReason.CLOCK_BACKWARDS),
        '{"say":"rejected","symbol":null,"order_id":null,"reason":"clock-backwards"}',
    ),
    (Level(100, 5, 2), '{"show":"level","price":100,"quantity":5,"orders":2}'),
    (
        Outcome(Halt("ABC"), 4, (Rejected("ABC", None, RejectReason.BOOK_HALTED),)),
        '{"do":"halt","symbol":"ABC","stamp":4,'
        '"events":[{"say":"rejected","symbol":"ABC","order_id":null,"reason":"book-halted"}]}',
    ),
    (Outcome(Halt(), None, ()), '{"do":"halt","events":[]}'),
    (
        ExecutionReport(
            "ABC",
            2,
            1,
            7,
            ExecType.TRADE,
            OrdStatus.PARTIALLY_FILLED,
            Side.BUY,
            10,
            3,
            7,
            100,
            last_qty=3,
            last_price=99,
            aggressor=True,
            avg_price=99,
            stamp=4,
        ),
        '{"tell":"execution-report","symbol":"ABC","report_seq":2,"order_id":1,"account":7,"exec_type":"F",'
        '"ord_status":"1","side":"buy","order_qty":10,"cum_qty":3,"leaves_qty":7,"price":100,"last_qty":3,'
        '"last_price":99,"aggressor":true,"avg_price":99,"stamp":4}',
    ),
    (
        ExecutionReport(
            "ABC",
            3,
            1,
            7,
            ExecType.CANCELED,
            OrdStatus.CANCELED,
            Side.SELL,
            9,
            0,
            0,
            stop=90,
            working=False,
            cancel_reason=CancelReason.REQUESTED,
        ),
        '{"tell":"execution-report","symbol":"ABC","report_seq":3,"order_id":1,"account":7,"exec_type":"4",'
        '"ord_status":"4","side":"sell","order_qty":9,"cum_qty":0,"leaves_qty":0,"stop":90,"working":false,'
        '"cancel_reason":"requested"}',
    ),
    (
        CancelReject(
            "ABC",
            4,
            1,
            None,
            OrdStatus.REJECTED,
            CxlRejResponseTo.REPLACE,
            CxlRejReason.UNKNOWN_ORDER,
            RejectReason.UNKNOWN_ORDER,
        ),
        '{"tell":"cancel-reject","symbol":"ABC","report_seq":4,"order_id":1,"account":null,"ord_status":"8",'
        '"response_to":"2","cxl_rej_reason":"1","reason":"unknown-order"}',
    ),
    (
        Header(EVENT, (Instrument("ABC", lot=10),), WORKLOADS),
        '{"bookproof":1,"kind":"events","instruments":[{"symbol":"ABC","lot":10}],"profile":"workloads"}',
    ),
    (
        Header(VIEW, (), Profile("ours", true_stop=TrueStop.TRIGGER, self_trade_groups=((7, 8),))),
        '{"bookproof":1,"kind":"views","instruments":[],'
        '"profile":{"name":"ours","true_stop":"trigger","self_trade_groups":[[7,8]]}}',
    ),
]
"""The protocol, to the letter: whoever changes one of these lines changes the version."""


@pytest.mark.parametrize(("record", "line"), LINES, ids=lambda it: type(it).__name__)
def test_a_record_is_written_like_this(record: Any, line: str) -> None:
    assert encode(record) == line
    kind: Kind[Any] = HEADER if isinstance(record, Header) else ANY
    assert decode(line, kind) == record


@pytest.mark.parametrize(
    "line",
    [
        b'{"order_id":1,"symbol":"ABC","do":"cancel"}',
        b' {\t"do" : "cancel", "symbol": "\\u0041BC", "order_id": 1 }\r\n',
    ],
)
def test_order_of_fields_and_white_space_do_not_matter(line: bytes) -> None:
    assert decode(line, COMMAND) == Cancel("ABC", 1)


def test_fields_at_their_default_may_be_written_out() -> None:
    line = '{"do":"replace","symbol":"ABC","order_id":1,"quantity":5,"price":null,"stop":null}'
    assert decode(line, COMMAND) == Replace("ABC", 1, 5)


def test_what_is_well_formed_and_makes_no_sense_is_left_to_the_rule_book() -> None:
    line = '{"do":"submit","symbol":"","order_id":-1,"account":-9223372036854775808,"side":"buy","quantity":0}'
    assert decode(line, COMMAND) == Submit("", -1, -(2**63), Side.BUY, 0)


# ── what is wrong is said in one line ──

HEAD = b'{"bookproof":1,"kind":"commands","instruments":[{"symbol":"ABC"}]}\n'
SUBMIT = b'{"do":"submit","symbol":"ABC","order_id":1,"account":7,"side":"buy","quantity":10,"price":100}\n'
TICKS = "write prices in ticks, not in money"


def priced(price: bytes) -> bytes:
    return HEAD + SUBMIT.replace(b"100", price)


def replaced(old: bytes, new: bytes) -> bytes:
    return HEAD + SUBMIT.replace(old, new)


KNOWN_COMMANDS = ", ".join(kebab(command.__name__) for command in COMMANDS)

WRONG: dict[str, tuple[bytes, str]] = {
    # numbers
    "a decimal": (priced(b"100.5"), f"2: price: expected an integer number of ticks, got 100.5; {TICKS}"),
    "a whole decimal": (priced(b"1.0"), f"2: price: expected an integer number of ticks, got 1.0; {TICKS}"),
    "an exponent": (priced(b"1e3"), f"2: price: expected an integer number of ticks, got 1e3; {TICKS}"),
    "a huge exponent": (priced(b"1e99999"), f"2: price: expected an integer number of ticks, got 1e99999; {TICKS}"),
    "text": (priced(b'"100"'), f'2: price: expected an integer number of ticks, got "100"; {TICKS}'),
    "a boolean": (priced(b"true"), f"2: price: expected an integer number of ticks, got true; {TICKS}"),
    "a list": (priced(b"[100]"), f"2: price: expected an integer number of ticks, got a list; {TICKS}"),
    "an object": (priced(b"{}"), f"2: price: expected an integer number of ticks, got an object; {TICKS}"),
    "not a number": (priced(b"NaN"), f"2: price: expected an integer number of ticks, got NaN; {TICKS}"),
    "infinity": (priced(b"-Infinity"), f"2: price: expected an integer number of ticks, got -Infinity; {TICKS}"),
    "one too large": (
        priced(b"9223372036854775808"),
        "2: price: expected an integer number of ticks from -2**63 to 2**63 - 1, got 9223372036854775808",
    ),
    "one too small": (
        priced(b"-9223372036854775809"),
        "2: price: expected an integer number of ticks from -2**63 to 2**63 - 1, got -9223372036854775809",
    ),
    "hundreds of digits": (
        priced(b"9" * 400),
        "2: price: expected an integer number of ticks from -2**63 to 2**63 - 1, got an integer of 1329 bits",
    ),
    "thousands of digits": (
        priced(b"9" * 5000),
        "2: line: expected integers from -2**63 to 2**63 - 1, got a number of thousands of digits",
    ),
    "a null quantity": (
        replaced(b'"quantity":10', b'"quantity":null'),
        "2: quantity: expected an integer number of lots, got null; write quantities in lots",
    ),
    # other fields
    "a number for a symbol": (
        replaced(b'"ABC"', b"7"),
        "2: symbol: expected a symbol, got 7; write it in double quotes",
    ),
    "half a surrogate pair": (
        replaced(b"ABC", b"\\ud800"),
        '2: symbol: expected whole characters, got "\\ud800"; half of a surrogate pair cannot be written as UTF-8',
    ),
    "no such side": (replaced(b"buy", b"BUY"), '2: side: expected one of buy, sell, got "BUY"'),
    "a list for a side": (replaced(b'"buy"', b'["buy"]'), "2: side: expected one of buy, sell, got a list"),
    "a number for a boolean": (
        replaced(b'"price"', b'"post_only":1,"price"'),
        "2: post_only: expected true or false, got 1",
    ),
    "missing": (
        replaced(b',"quantity":10', b""),
        "2: quantity: expected an integer number of lots, got nothing; write quantities in lots",
    ),
    "misspelt": (
        replaced(b'"price"', b'"prize"'),
        f"2: prize: expected one of the fields {', '.join(Submit.__struct_fields__)}, got an unknown one",
    ),
    "unknown with a line break": (
        HEAD + b'{"do":"end-of-day","a\\nb":1}\n',
        "2: a\\nb: expected no more fields, got an unknown one",
    ),
    "twice": (replaced(b'"price"', b'"quantity"'), "2: quantity: expected each field once, got this one 2 times"),
    "in a leg": (
        HEAD + b'{"do":"basket","account":7,"legs":[{"symbol":"A","order_id":1,"side":"buy","quantity":1},7]}\n',
        "2: legs[1]: expected an object, got 7",
    ),
    "deep in a leg": (
        HEAD + b'{"do":"basket","account":7,"legs":[{"symbol":"A","order_id":1,"side":"buy","quantity":"1"}]}\n',
        '2: legs[0].quantity: expected an integer number of lots, got "1"; write quantities in lots',
    ),
    "no list of legs": (
        HEAD + b'{"do":"basket","account":7,"legs":{}}\n',
        "2: legs: expected a list, got an object",
    ),
    # kinds of line
    "no such command": (
        HEAD + b'{"do":"buy"}\n',
        f'2: do: expected one of {KNOWN_COMMANDS}, got "buy"',
    ),
    "no command": (
        HEAD + b"{}\n",
        f"2: do: expected one of {KNOWN_COMMANDS}, got nothing",
    ),
    "an event among commands": (
        HEAD + b'{"say":"day-ended"}\n',
        f"2: do: expected one of {KNOWN_COMMANDS}, got nothing",
    ),
    "an outcome among commands": (
        HEAD + b'{"do":"end-of-day","events":[]}\n',
        "2: events: expected no more fields, got an unknown one",
    ),
    # JSON
    "no JSON": (
        HEAD + SUBMIT + b"cancel 1\n",
        '3: line: expected a JSON object and nothing else, got "cancel 1" at column 1',
    ),
    "single quotes": (
        HEAD + b"{'do':'end-of-day'}\n",
        """2: line: expected a JSON object and nothing else, got "'do':'end-of-day'}" at column 2""",
    ),
    "broken off inside": (
        HEAD + b'{"do":\n{"do":"end-of-day"}\n',
        "2: line: expected a JSON object and nothing else, got the end of the line at column 7",
    ),
    "more behind it": (
        HEAD + b'{"do":"end-of-day"} {"do":"end-of-day"}\n',
        '2: line: expected a JSON object and nothing else, got " {\\"do\\":\\"end-of-day\\"}" at column 20',
    ),
    "white space of Python but not of JSON": (
        HEAD + b'\x0c{"do":"end-of-day"}\n',
        '2: line: expected a JSON object and nothing else, got "\\x0c{\\"do\\":\\"end-of-day\\"}" at column 1',
    ),
    "JSON but no object": (HEAD + b"[1]\n", "2: line: expected a JSON object, got a list"),
    "a control character": (
        HEAD + b'{"do":"end\x1b[31m"}\n',
        '2: line: expected a JSON object and nothing else, got "\\x1b[31m\\"}" at column 11',
    ),
    "nested too deep": (
        HEAD + b"[" * 200_000 + b"\n",
        "2: line: expected a JSON object, got one nested too deep to be a record",
    ),
    # lines and bytes
    "an empty line": (HEAD + b"\n" + SUBMIT, "2: line: expected a JSON object, got an empty line; remove it"),
    "an empty last line": (HEAD + SUBMIT + b"\n", "3: line: expected a JSON object, got an empty line; remove it"),
    "no UTF-8": (
        replaced(b"ABC", b"A\xffC"),
        "2: line: expected UTF-8, got byte 0xff at column 27; save the file as UTF-8",
    ),
    "a surrogate in UTF-8": (
        replaced(b"ABC", b"\xed\xa0\x80"),
        "2: line: expected UTF-8, got byte 0xed at column 26; save the file as UTF-8",
    ),
    "UTF-16": (
        HEAD.decode().encode("utf-16"),
        "1: line: expected UTF-8, got byte 0xff at column 1; save the file as UTF-8",
    ),
    "a byte order mark": (
        b"\xef\xbb\xbf" + HEAD,
        "1: line: expected a JSON object, got a byte order mark; save the file as UTF-8 without one",
    ),
    "too long": (
        HEAD + b" " * LONGEST_LINE + SUBMIT,
        "2: line: expected at most 16,777,216 bytes with the line feed, got more; is there one record a line?",
    ),
    "cut off": (
        HEAD + SUBMIT[:40],
        "2: line: expected a JSON object and nothing else, got the end of the line at column 41; "
        "the line has no line feed: was the file cut off?",
    ),
    "cut off inside a character": (
        HEAD + '{"do":"cancel","symbol":"é'.encode()[:-1],
        "2: line: expected UTF-8, got byte 0xc3 at column 26; the line has no line feed: was the file cut off?",
    ),
    "whole and wrong, without line feed": (
        priced(b"100.5").strip(),
        f"2: price: expected an integer number of ticks, got 100.5; {TICKS}",
    ),
    # the header
    "an empty file": (b"", "1: line: expected a header, got an empty file; was it written to the end?"),
    "no header": (
        SUBMIT,
        "1: bookproof: expected the version of the format in a header line, got nothing; "
        'begin with {"bookproof":1,"kind":"commands","instruments":[{"symbol":"ABC"}]}',
    ),
    "a later version": (
        HEAD.replace(b"1", b"2"),
        "1: bookproof: expected version 1 of the format, got 2; another version needs another bookproof",
    ),
    "a version that only equals 1": (
        HEAD.replace(b"1", b"true"),
        "1: bookproof: expected version 1 of the format, got true; another version needs another bookproof",
    ),
    "no such kind": (
        HEAD.replace(b"commands", b"any"),
        '1: kind: expected one of commands, events, outcomes, views, reports, got "any"',
    ),
    "another kind": (HEAD.replace(b"commands", b"views"), '1: kind: expected commands, got "views"'),
    "no such profile": (
        HEAD.replace(b'"kind"', b'"profile":"LSE","kind"'),
        f'1: profile: expected one of {", ".join(PROFILES)}, got "LSE"',
    ),
    "a switch that the profile has not": (
        HEAD.replace(b'"kind"', b'"profile":{"name":"LSE","true_stop":"wait"},"kind"'),
        '1: profile.true_stop: expected one of reject, trigger, got "wait"',
    ),
    "no instruments": (
        b'{"bookproof":1,"kind":"commands"}\n',
        "1: instruments: expected a list, got nothing",
    ),
    "a tick of nothing": (
        HEAD.replace(b'"ABC"', b'"ABC","tick":0'),
        '1: instruments[0]: expected limits that can be kept, got those of "ABC"; tick must be at least 1, not 0',
    ),
    "an underlying that is not listed": (
        HEAD.replace(b'"ABC"', b'"ABC","underlying":"XYZ"'),
        "1: instruments: expected underlyings that can be, got these; 'ABC' depends on 'XYZ', which is not listed",
    ),
    "levels that fall": (
        HEAD.replace(b'"kind"', b'"profile":{"breaker_levels":[13,7]},"kind"'),
        "1: profile.breaker_levels: expected levels that can be crossed in turn, got these; "
        "breaker_levels must rise from at least 1 to at most 100, not (13, 7)",
    ),
    "listed twice": (
        HEAD.replace(b"]", b',{"symbol":"ABC"}]'),
        '1: instruments[1]: expected each symbol once, got "ABC" again',
    ),
    "in two groups": (
        HEAD.replace(b'"kind"', b'"profile":{"self_trade_groups":[[7,8],[9,8]]},"kind"'),
        "1: profile.self_trade_groups: expected each account in one group at most, got account 8 in 2 places",
    ),
}


@pytest.mark.parametrize(("content", "message"), WRONG.values(), ids=list(WRONG))
def test_it_says_what_is_wrong(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "orders.ndjson"
    file.write_bytes(content)
    with pytest.raises(InputError) as caught:
        load(file, COMMAND)
    assert str(caught.value) == f"{file}:{message}"


def test_an_error_has_its_parts_and_survives_a_trip_between_processes() -> None:
    with pytest.raises(InputError) as caught:
        load(io.BytesIO(priced(b"100.5")), COMMAND)
    error = pickle.loads(pickle.dumps(caught.value))
    assert str(error) == str(caught.value)
    assert (error.path, error.line, error.field) == ("<stream>", 2, "price")
    assert (error.expected, error.got, error.hint) == ("an integer number of ticks", "100.5", TICKS)


def test_a_path_with_a_line_break_makes_one_line_all_the_same() -> None:
    assert str(InputError("a\nb", 1, "price", "\x85", "\u2028")) == "a\\nb:1: price: expected \\x85, got \\u2028"


def test_a_file_that_cannot_be_opened_is_an_input_error_too(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.ndjson: expected a file that can be opened, got No such file"):
        load(tmp_path / "none.ndjson", COMMAND)


@pytest.mark.parametrize(
    ("line", "kind", "message"),
    [
        ("{}", ANY, "expected one of the fields do, say, show and tell, got none of them"),
        ('{"do":"end-of-day"}', OUTCOME, "events: expected a list, got nothing"),
        ('{"do":"end-of-day","events":[{"say":"day-ended"},7]}', OUTCOME, "events[1]: expected an object, got 7"),
        ('{"do":"end-of-day","events":[],"stamp":1.5}', OUTCOME, "stamp: expected an integer, got 1.5"),
        ('{"show":"top","bid":null,"ask":{"price":1}}', VIEW, "ask.quantity: expected an integer number of lots, "
         "got nothing; write quantities in lots"),
        ('{"show":"top","bid":null}', VIEW, "ask: expected an object or null, got nothing"),
    ],
)  # fmt: skip
def test_it_says_what_is_wrong_with_other_kinds_of_line(line: str, kind: Kind[Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        decode(line, kind)
    assert str(caught.value) == message


def test_many_fields_or_instruments_take_no_longer_than_their_bytes() -> None:
    """Each of these is a line of nearly a megabyte; what is quadratic in its fields would take minutes."""
    fields = ",".join(f'"{at}":0' for at in range(90_000))
    instruments = ",".join(f'{{"symbol":"{at}"}}' for at in range(40_000))
    with pytest.raises(InputError, match=r"^7: expected each field once, got this one 2 times$"):
        decode(f'{{{fields},"7":0}}', COMMAND)
    with pytest.raises(InputError, match=r'^instruments\[40000\]: expected each symbol once, got "7" again$'):
        decode(f'{{"bookproof":1,"kind":"events","instruments":[{instruments},{{"symbol":"7"}}]}}', HEADER)


# ── files ──


def test_a_last_line_without_line_feed_counts_if_it_is_whole() -> None:
    assert load(io.BytesIO(HEAD + SUBMIT.strip()), COMMAND).records == (Submit("ABC", 1, 7, Side.BUY, 10, 100),)


def test_a_line_may_be_as_long_as_the_limit_and_no_longer() -> None:
    longest = SUBMIT.strip().ljust(LONGEST_LINE - 1) + b"\n"
    assert len(load(io.BytesIO(HEAD + longest + SUBMIT), COMMAND).records) == 2
    with pytest.raises(InputError, match="at most 16,777,216 bytes"):
        load(io.BytesIO(HEAD + b" " + longest), COMMAND)
    room = LONGEST_LINE - len(encode(Cancel("", 1)) + "\n")
    assert len(encode(Cancel("A" * room, 1)) + "\n") == LONGEST_LINE
    with pytest.raises(InputError, match="got 16,777,217 bytes"):
        encode(Cancel("A" * (room + 1), 1))


def test_a_line_that_is_too_long_is_refused_before_the_rest_of_it_is_read() -> None:
    class Endless(io.BytesIO):
        asked = 0

        def readline(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            assert size >= 0, "somebody wants all of an endless line"
            self.asked += size
            return b" " * size

    stream = Endless()
    with pytest.raises(InputError, match="1: line: expected at most"):
        load(stream, COMMAND)
    assert stream.asked <= LONGEST_LINE + 1


def test_reading_goes_line_by_line_and_loading_is_all_or_nothing() -> None:
    content = HEAD + SUBMIT + b"oops\n"
    with read(io.BytesIO(content), COMMAND) as (header, records):
        assert header == Header(COMMAND, listing(["ABC"]))
        assert next(records) == (2, Submit("ABC", 1, 7, Side.BUY, 10, 100))
        with pytest.raises(InputError, match="3: line"):
            next(records)
    with pytest.raises(InputError, match="3: line"):
        load(io.BytesIO(content), COMMAND)


def test_any_kind_of_file_can_be_read_if_any_is_asked_for() -> None:
    assert load(io.BytesIO(HEAD + SUBMIT), ANY).header.kind == COMMAND
    with pytest.raises(InputError, match="2: do: expected"):
        load(io.BytesIO(HEAD + b'{"say":"day-ended"}\n'), ANY)


def test_a_stream_stays_open_and_a_text_stream_is_turned_down() -> None:
    stream = io.BytesIO()
    write(stream, Header(COMMAND, ()), [EndOfDay()])
    assert not stream.closed
    for use in (lambda text: load(text, COMMAND), lambda text: write(text, Header(COMMAND, ()), [])):
        with pytest.raises(TypeError, match="open it in binary"):
            use(typing.cast(typing.Any, io.StringIO()))


def test_a_vocabulary_the_wire_has_no_shape_for_is_found_at_import() -> None:
    with pytest.raises(TypeError, match="no shape for <class 'float'>"):
        shape_of(float)


# ── nothing is written that could not be read ──

UNWRITABLE: list[tuple[Any, str]] = [
    (Trade("ABC", 100.5, 1, 1, 2), f"price: expected an integer number of ticks, got 100.5; {TICKS}"),  # type: ignore[arg-type]
    (Trade("ABC", True, 1, 1, 2), f"price: expected an integer number of ticks, got true; {TICKS}"),
    (Trade("ABC", 10**5000, 1, 1, 2), "price: expected an integer number of ticks from -2**63 to 2**63 - 1, "
     "got an integer of 16610 bits"),
    (Trade("\ud800", 1, 1, 1, 2), 'symbol: expected whole characters, got "\\ud800"; '
     "half of a surrogate pair cannot be written as UTF-8"),
    (Trade(Side.BUY, 1, 1, 1, 2), "symbol: expected a symbol, got a Python Side; write it in double quotes"),
    (Submit("ABC", 1, 7, "buy", 1), 'side: expected one of buy, sell, got "buy"'),  # type: ignore[arg-type]
    (Submit("ABC", 1, 7, Side.BUY, 1, post_only=0), "post_only: expected true or false, got 0"),  # type: ignore[arg-type]
    (Submit("ABC", 1, 7, Side.BUY, 1, time_in_force="gtc"),  # type: ignore[arg-type]
     'time_in_force: expected one of gtc, day, gtd, ioc, fok, got "gtc"'),
    (Basket(7, [Leg("ABC", 1, Side.BUY, 1)]), "legs: expected a tuple, got a list"),  # type: ignore[arg-type]
    (Basket(7, (("ABC", 1, Side.BUY, 1, None),)), "legs[0]: expected a Leg, got a Python tuple"),  # type: ignore[arg-type]
    (Outcome(EndOfDay(), 1, (EndOfDay(),)), f"events[0]: expected one of {', '.join(e.__name__ for e in EVENTS)}, "  # type: ignore[arg-type]
     "got a Python EndOfDay"),
    (Header(Kind("any"), ()), "kind: expected one of commands, events, outcomes, views, reports, got a Python Kind"),
    (Header(COMMAND, (Instrument("ABC", lot=0),)),
     'instruments[0]: expected limits that can be kept, got those of "ABC"; lot must be at least 1, not 0'),
    (Cancel("A" * LONGEST_LINE, 1), "line: expected at most 16,777,216 bytes with the line feed, "
     "got 16,777,257 bytes; is there one record a line?"),
]  # fmt: skip


@pytest.mark.parametrize(("record", "message"), UNWRITABLE)
def test_it_does_not_write_what_would_not_come_back(record: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        encode(record)
    assert str(caught.value) == message


def test_writing_stops_at_the_record_that_cannot_be_written_and_names_its_line(tmp_path: Path) -> None:
    file = tmp_path / "run.ndjson"
    records: list[Command] = [EndOfDay(), Cancel("ABC", 2**63)]
    with pytest.raises(InputError, match=r"run\.ndjson:3: order_id: expected an integer order id from"):
        write(file, Header(COMMAND, ()), records)
    assert load(file, COMMAND).records == (EndOfDay(),)


def test_an_old_file_survives_a_header_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "run.ndjson"
    write(file, Header(COMMAND, ()), [])
    with pytest.raises(InputError, match="tick"):
        write(file, Header(COMMAND, (Instrument("ABC", tick=0),)), [])
    assert load(file, COMMAND).header == Header(COMMAND, ())


def test_what_is_no_record_is_a_mistake_in_the_program() -> None:
    with pytest.raises(TypeError, match="a str is no command"):
        encode("end-of-day")  # type: ignore[arg-type]
    commands: list[Any] = [Cancel("ABC", 1)]
    with pytest.raises(TypeError, match="a Cancel is none of the events"):
        write(io.BytesIO(), Header(EVENT, ()), commands)


# ── whatever comes in: a value, or an InputError in one line ──


def survives(content: bytes, kind: Kind[Any]) -> None:
    """Read what may be anything. What is accepted must be writable and come back; what is not must be well said."""
    lines = content.count(b"\n") + 1
    try:
        records = load(io.BytesIO(content), kind).records
    except InputError as caught:
        error = caught
    else:
        assert len(records) == lines - 1 - content.endswith(b"\n")
        assert [anatomy(decode(encode(record), kind)) for record in records] == [anatomy(record) for record in records]
        return
    assert 1 <= error.line <= lines
    assert str(error).isprintable()  # so there is no line end of any kind in it
    assert len(str(error)) < 1000


SNAPSHOT = exchange.snapshot(
    exchange.run(
        exchange.opening(listing(["ABC"])),
        [Submit("ABC", 1, 7, Side.BUY, 5, 100), Submit("ABC", 2, 7, Side.SELL, 5, stop=90)],
    )[0]
)
EXAMPLES = [record for record, _ in LINES if not isinstance(record, Header)]
EXAMPLES += [SnapshotTaken(SNAPSHOT), Outcome(TakeSnapshot(), 1, (SnapshotTaken(SNAPSHOT),)), *SNAPSHOT]
TOKENS = [b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\n", b"null", b"true", b"1e5", b"-", b"9" * 20, b"NaN"]
TOKENS += [b"\\ud800", b"\xed\xa0\x80", b"\xff", b"\xef\xbb\xbf", b"\x00", b'"do"', b'"say"', b'"events":[],']


def file_of(record: Any) -> tuple[bytes, Kind[Any]]:
    kind = kind_of(type(record))
    file = io.BytesIO()
    write(file, Header(kind, (Instrument("ABC", lot=10), *listing(["XYZ"])), WORKLOADS), [record, record])
    return file.getvalue(), kind


FILES = [file_of(record) for record in EXAMPLES]


@settings(max_examples=200, deadline=None)
@given(st.binary(), st.booleans())
def test_any_bytes_are_refused_in_one_line(content: bytes, with_header: bool) -> None:
    survives(HEAD * with_header + content, COMMAND)


@settings(max_examples=1000, deadline=None)
@given(st.integers(0, 2**64))
def test_any_damage_to_a_file_is_harmless_or_refused_in_one_line(seed: int) -> None:
    chance = random.Random(seed)
    content, kind = chance.choice(FILES)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(content) + 1)
        to = min(len(content), at + chance.choice([0, 1, 1, 1, 10, len(content)]))
        new = chance.choice([b"", bytes([chance.randrange(256)]), chance.choice(TOKENS), content[at:to] * 2])
        content = content[:at] + new + content[to:]
    survives(content, kind)
