"""The published workloads: messages drawn as the method says, and report lines in published order.

The five published hashes take a minute and belong to `bookproof verify`; here the same code runs on small
sizes.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable

import pytest

from bookproof.models.workloads import (
    BATCH,
    BUY,
    CANCEL,
    MODIFY,
    NEW,
    SELL,
    WORKLOADS,
    Message,
    ReportStream,
    Workload,
    generate,
    mersenne_twister,
)

every_workload = pytest.mark.parametrize("workload", WORKLOADS.values(), ids=list(WORKLOADS))


def by_the_letter(workload: Workload, seed: int, orders: int) -> list[Message]:
    """Draw the messages exactly as the published method words it: clock, both roundings, final sort."""
    uniform = mersenne_twister(seed).random

    def integer(low: int, high: int) -> int:
        return low + math.floor(uniform() * (high - low + 1))

    def normal() -> float:
        u1 = max(uniform(), 1e-300)
        u2 = uniform()
        return math.sqrt(-2.0 * math.log(u1)) * math.cos(2.0 * math.pi * u2)

    def exponential(rate: float) -> float:
        return -math.log(max(uniform(), 1e-300)) / rate

    def nearest(x: float) -> int:
        return math.floor(abs(x) + 0.5) * (1 if x >= 0 else -1)

    sigma, swing = workload.volatility, workload.swing
    dt = (swing / sigma) ** 2 / orders if sigma > 0 else 0.0
    step = sigma * math.sqrt(dt)
    tick, mid = 0.005, 167.52
    weights = [1.0 / (k + 1) ** 2.23 + 5.0 * math.exp(-0.5 * (k - 8) ** 2) for k in range(800)]
    stage_1: list[tuple[int, int, int, int, int]] = []
    for i in range(orders):
        z = normal()
        mid = mid * math.exp(-0.5 * step * step + step * z)
        middle = nearest((nearest(mid / tick) * tick) / tick)
        x = uniform() * sum(weights)
        k, running = 0, weights[0]
        while running < x:
            k += 1
            running += weights[k]
        quantity = integer(1, 100)
        side = BUY if i < orders // 2 else SELL
        price = middle - (k + 1) if side == BUY else middle + (k + 1)
        stage_1.append((i + 1, side, max(price, 1), quantity, k))

    for i in range(orders - 1, 0, -1):
        j = integer(0, i)
        stage_1[i], stage_1[j] = stage_1[j], stage_1[i]

    now = 0
    base_rate = math.log(2) / 431
    timed: list[tuple[int, Message]] = []
    for order, side, price, quantity, k in stage_1:
        ioc = uniform() < 0.15
        timed.append((now, (NEW, order, side, price, quantity, ioc)))
        if not ioc:
            modified = uniform() < 0.20
            if modified:
                now += 30 + math.floor(70 * uniform())
                toward = 1 if side == BUY else -1
                new_price = price + toward if uniform() < 0.80 else price
                timed.append((now, (MODIFY, order, side, new_price, quantity + 1, False)))
            cancelled = uniform() < 0.95
            if cancelled:
                now += math.floor(exponential(base_rate / math.sqrt(1 + k)))
                timed.append((now, (CANCEL, order, side, 0, 0, False)))
                if uniform() < 0.02:
                    now += 1 + math.floor(20 * uniform())
                    timed.append((now, (CANCEL, order, side, 0, 0, False)))
            if modified and cancelled and uniform() < 0.02:
                now += 1 + math.floor(20 * uniform())
                timed.append((now, (MODIFY, order, side, new_price, quantity + 1, False)))
        now += 1
    return [message for _, message in sorted(timed, key=lambda item: item[0])]


def play(messages: list[Message], reports: ReportStream, *, modify_first: bool = False) -> ReportStream:
    """Run a book so naive that it searches all resting orders for the best one."""
    resting: dict[int, tuple[int, int, int]] = {}  # in time order: side, price, quantity

    def enter(seq: int, order: int, side: int, price: int, quantity: int) -> int:
        sign = 1 if side == BUY else -1
        while quantity:
            makers = [(sign * at, maker) for maker, (other, at, _) in resting.items() if other != side]
            best, maker = min(makers, key=lambda found: found[0], default=(math.inf, 0))
            if best > sign * price:
                break
            other, at, there = resting[maker]
            fill = min(quantity, there)
            reports.traded(seq, at, fill, maker, order)
            quantity -= fill
            resting[maker] = (other, at, there - fill)
            if fill == there:
                del resting[maker]
        return quantity

    for seq, (kind, order, side, price, quantity, ioc) in enumerate(messages):
        if kind == CANCEL:
            if order in resting:
                reports.cancelled(seq, side, order, resting.pop(order)[1])
            else:
                reports.cancel_refused(seq, order)
            continue
        if kind == MODIFY:
            if resting.pop(order, None) is None:
                reports.modify_refused(seq, order)
                continue
            if modify_first:
                reports.modified(seq, side, order, price, quantity)
        else:
            reports.accepted(seq, side, order, price, quantity)
        left = enter(seq, order, side, price, quantity)
        if kind == MODIFY and not modify_first:
            reports.modified(seq, side, order, price, quantity)
        if left and ioc:
            reports.cancelled(seq, side, order, price)
        elif left:
            resting[order] = (side, price, left)
    return reports


def published_order(line: str) -> tuple[int, int]:
    kind, seq = line.split(",")[:2]
    return int(seq), int(kind)


def test_the_seeding_gives_the_words_the_cpp_standard_demands() -> None:
    twister = mersenne_twister(5489)
    words = [twister.getrandbits(32) for _ in range(10_000)]
    assert words[0] == 3499211612
    assert words[-1] == 4123659995  # [rand.predef]: "the 10000th consecutive invocation"


def test_random_is_the_published_uniform_of_two_words() -> None:
    words, twister = mersenne_twister(23), mersenne_twister(23)
    for _ in range(1000):
        a, b = words.getrandbits(32) >> 5, words.getrandbits(32) >> 6
        assert twister.random() == (a * 2**26 + b) / 2**53


@every_workload
@pytest.mark.parametrize("orders", [1, 2, 3, 1001])
def test_the_clock_and_the_second_rounding_change_no_message(workload: Workload, orders: int) -> None:
    assert generate(workload, seed=orders, orders=orders) == by_the_letter(workload, orders, orders)


@every_workload
def test_each_order_is_entered_once_and_first_and_the_first_half_buys(workload: Workload) -> None:
    entered: dict[int, int] = {}
    for kind, order, side, price, quantity, ioc in generate(workload, orders=501):
        assert (kind == NEW) == (order not in entered)
        assert side == entered.setdefault(order, side)
        assert (price, quantity) == (0, 0) if kind == CANCEL else price >= 1 <= quantity <= 101
        assert kind == NEW or not ioc
    assert sorted(entered) == list(range(1, 502))
    assert all((side == BUY) == (order <= 250) for order, side in entered.items())


def test_kinds_come_in_the_published_proportions() -> None:
    messages = generate(WORKLOADS["normal"], orders=20_000)
    kinds = Counter(kind for kind, *_ in messages)
    assert kinds[NEW] == 20_000
    assert sum(ioc for *_, ioc in messages) == pytest.approx(0.15 * 20_000, rel=0.05)
    assert kinds[MODIFY] == pytest.approx(0.85 * 0.20 * (1 + 0.95 * 0.02) * 20_000, rel=0.05)
    assert kinds[CANCEL] == pytest.approx(0.85 * 0.95 * 1.02 * 20_000, rel=0.05)


def test_a_price_is_at_least_one_tick_however_far_the_mid_falls() -> None:
    abyss = Workload("abyss", volatility=0.5, swing=6.0, trades=0, sha256="")
    messages = generate(abyss, orders=500)
    assert messages == by_the_letter(abyss, 23, 500)
    assert min(price for kind, _, side, price, _, _ in messages if (kind, side) == (NEW, BUY)) == 1


def test_a_static_mid_keeps_entries_on_their_own_side_of_it() -> None:
    for kind, _, side, price, _, _ in generate(WORKLOADS["static"], orders=1000):
        if kind == NEW:
            assert price < 33504 if side == BUY else price > 33504


def test_the_same_seed_gives_the_same_messages_and_another_seed_others() -> None:
    first, again, other = (generate(WORKLOADS["normal"], seed=seed, orders=100) for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize("orders", [1, 49, 51, 1000])
def test_progress_rises_to_a_hundred_and_changes_nothing(orders: int) -> None:
    told: list[int] = []
    assert generate(WORKLOADS["normal"], orders=orders, progress=told.append) == generate(
        WORKLOADS["normal"], orders=orders
    )
    assert told == sorted(set(told))
    assert told[-1] == 100


@pytest.mark.parametrize("orders", [0, -1])
def test_a_workload_without_orders_is_refused(orders: int) -> None:
    with pytest.raises(ValueError, match=f"orders must be at least 1, not {orders}"):
        generate(WORKLOADS["static"], orders=orders)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_is_no_32_bit_integer_is_refused(seed: int) -> None:
    with pytest.raises(ValueError, match=rf"seed must be in 0\.\.2\*\*32-1, not {seed}"):
        generate(WORKLOADS["static"], seed=seed, orders=1)


@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_the_outermost_seeds_are_accepted(seed: int) -> None:
    assert generate(WORKLOADS["static"], seed=seed, orders=1)


@pytest.mark.parametrize(
    ("name", "trades", "digest"),
    [
        ("static", 3, "ed0587b8fc4e5d70f637e1a827ad016e0a2042ef9ffb073169d48fb224a19fc9"),
        ("normal", 75, "4c939c989ab75f624fd39ed05fb5624a92875fa1b32abb8625addee947984e24"),
        ("swing-25", 75, "d700a3503abb903ce1344524a7b147bf31d156146543a2756b23d8724e7ce3b9"),
        ("swing-40", 75, "971e7246d34ca0450e997c3a0d509e46ac4344a7e1f71b9da02f35881af01078"),
        ("flash-crash", 75, "df8d5c72a3dbd6dc4a30b03ebd14a939a3bd848502434c5d524ef487514c803b"),
    ],
)
def test_a_naive_book_reports_the_same_small_stream_as_ever(name: str, trades: int, digest: str) -> None:
    reports = play(generate(WORKLOADS[name], orders=1000), ReportStream())
    assert (reports.trades, reports.digest()) == (trades, digest)


@every_workload
def test_the_stream_is_in_published_order_beyond_a_batch(workload: Workload) -> None:
    reports = play(generate(workload, orders=3000), ReportStream(keep=True))
    lines = reports.lines()
    assert len(lines) > BATCH
    assert lines == sorted(lines, key=published_order)
    assert reports.digest() == hashlib.sha256("\n".join(lines).encode()).hexdigest()
    assert reports.trades == sum(line.startswith("1,") for line in lines)


def test_a_modify_announced_before_its_fills_gives_the_same_stream() -> None:
    # With a static mid only a modify can cross, so each of these trades is announced late.
    messages = generate(WORKLOADS["static"], seed=52, orders=3000)
    before, after = play(messages, ReportStream(), modify_first=True), play(messages, ReportStream())
    assert before.trades == after.trades == 6
    assert before.digest() == after.digest()


Close = Callable[[ReportStream], None]
closing = pytest.mark.parametrize(
    ("close", "line"),
    [
        (lambda reports: reports.modified(2, BUY, 9, 11, 7), "3,2,0,9,11,7"),
        (lambda reports: reports.cancelled(2, BUY, 9, 11), "2,2,0,9,11"),
    ],
    ids=["modify", "residual"],
)


@closing
def test_fills_announced_late_keep_their_order_in_front_of_the_closing_line(close: Close, line: str) -> None:
    reports = ReportStream(keep=True)
    reports.cancel_refused(1, 3)
    close(reports)
    reports.traded(2, 10, 1, 5, 9)
    reports.traded(2, 11, 2, 4, 9)
    reports.cancel_refused(3, 9)
    assert reports.lines() == ["4,1,3", "1,2,10,1,5,9", "1,2,11,2,4,9", line, "4,3,9"]


@closing
def test_fills_of_the_next_message_stay_behind_the_closing_line(close: Close, line: str) -> None:
    reports = ReportStream(keep=True)
    close(reports)
    reports.traded(3, 10, 1, 5, 9)
    assert reports.lines() == [line, "1,3,10,1,5,9"]


def test_every_kind_of_line_is_written_as_published() -> None:
    reports = ReportStream(keep=True)
    reports.accepted(0, SELL, 7, 101, 5)
    reports.traded(1, 101, 2, 7, 8)
    reports.cancelled(2, SELL, 7, 101)
    reports.modified(3, BUY, 8, 99, 4)
    reports.cancel_refused(4, 7)
    reports.modify_refused(5, 7)
    assert reports.lines() == [
        "0,0,1,7,101,5",
        "1,1,101,2,7,8",
        "2,2,1,7,101",
        "3,3,0,8,99,4",
        "4,4,7",
        "5,5,7",
    ]
    assert reports.trades == 1


def test_an_empty_stream_hashes_no_bytes() -> None:
    assert ReportStream().digest() == hashlib.sha256(b"").hexdigest()


def test_a_digest_on_the_way_does_not_disturb_the_stream() -> None:
    asked, unasked = ReportStream(), ReportStream()
    for seq in range(2 * BATCH + 1):
        asked.accepted(seq, BUY, seq, 1, 1)
        unasked.accepted(seq, BUY, seq, 1, 1)
        if seq % 1000 == 0:
            assert asked.digest() == asked.digest()
    assert asked.digest() == unasked.digest()


def test_lines_are_refused_when_they_were_let_go() -> None:
    with pytest.raises(ValueError, match=r"ReportStream\(keep=True\)"):
        ReportStream().lines()
