"""The sixteen properties of the exchange, each with what judges it: predicates of a step, or a check of whole runs.

A row names its judges as `module:name`, and `judges` looks each of them up: a table that names what is not there is a
mistake that a test finds. A property that this version has no state for has no judge, and says what it waits for.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

_STEP = "bookproof.spec.invariants"
_ACCOUNTS = "bookproof.spec.account_invariants"
_LISTS = "bookproof.spec.list_invariants"


class Property(NamedTuple):
    """One property by its number."""

    number: str
    name: str
    text: str
    judges: tuple[str, ...]
    """Who judges it, each as `module:name`; empty when nothing does yet."""
    where: str
    """On what it is judged."""
    missing: str = ""
    """What of it this version does not judge, and why."""


def _of_step(*names: str) -> tuple[str, ...]:
    return tuple(f"{_STEP}:{name}" for name in names)


_EACH_STEP = "every step of the oracle; an engine by being equal to it in every view"
_HISTORY = "recorded histories of real threads"

PROPERTIES: tuple[Property, ...] = (
    Property(
        "P1",
        "uncrossed",
        "After every command the best bid is below the best ask.",
        _of_step("uncrossed"),
        _EACH_STEP,
    ),
    Property(
        "P2",
        "price-time",
        "Who trades is the first of the queue by price, rank and sequence, and that is a strict total order.",
        (
            *_of_step("price_time_priority", "queues_sorted", "priority_is_strict_order", "partial_maker_keeps_place"),
            "bookproof.spec.priority:faults_of_order",
        ),
        f"{_EACH_STEP}; that it is an order, of any orders at all",
    ),
    Property(
        "P3",
        "conservation of orders",
        "No order is lost, doubled or altered; asked for = executed + open + cancelled + prevented.",
        _of_step("conservation", "quantity_identity", "ids_live_once", "index_agrees", "untouched_books_stay"),
        _EACH_STEP,
    ),
    Property(
        "P4",
        "conservation of money",
        "Cash and lots over all accounts change by deposits and withdrawals alone; all else moves them between two.",
        (f"{_ACCOUNTS}:wealth_is_conserved", f"{_ACCOUNTS}:both_sides_settle"),
        f"{_EACH_STEP}, at venues that keep accounts",
    ),
    Property("P5", "maker price", "Every fill is at the maker's price.", _of_step("maker_price"), _EACH_STEP),
    Property(
        "P6",
        "residuals",
        "What is left of an order rests or is cancelled as its terms say, and what was cancelled never rests.",
        _of_step("nothing_dead_rests", "remainder_never_rests", "cancels_have_a_cause", "within_limits"),
        _EACH_STEP,
    ),
    Property(
        "P7",
        "no self fill",
        "An aggressor that asks for prevention never trades with its own owner.",
        _of_step("no_self_trade", "prevention_has_a_cause"),
        _EACH_STEP,
    ),
    Property(
        "P8",
        "iceberg bound",
        "An iceberg offers at most its display quantity at a time, or the most of its range, and never nothing.",
        _of_step("iceberg_bound", "no_empty_slices"),
        _EACH_STEP,
    ),
    Property(
        "P9",
        "one leg of an OCO",
        "Of orders that cancel one another at most one ever executes, and no other is there after that.",
        (f"{_LISTS}:at_most_one_rival_executes", f"{_LISTS}:lists_end_together"),
        _EACH_STEP,
    ),
    Property(
        "P10",
        "limits",
        "Every order in a book is within the limits of its instrument, every account within its own, and what may only "
        "reduce a position within that.",
        (
            *_of_step("on_the_grid"),
            f"{_ACCOUNTS}:limits_bind",
            f"{_ACCOUNTS}:reduce_only_fits",
            f"{_ACCOUNTS}:available_stays_above_zero",
            f"{_ACCOUNTS}:reserved_is_what_live_orders_need",
        ),
        _EACH_STEP,
        "of an instrument's limits, ticks and lots are judged after a step, the others as refusals, by being equal to "
        "the oracle",
    ),
    Property(
        "P11",
        "halt barrier",
        "While a book, or one above it, or the market is halted nothing enters, changes, is triggered or trades.",
        _of_step(
            "no_trade_while_halted", "phases_change_by_command", "halts_reach_what_depends", "breaker_halts_the_market"
        ),
        _EACH_STEP,
    ),
    Property(
        "P12",
        "kill barrier",
        "From a kill switch to the reinstatement no order of the account enters, trades or is live in any book.",
        _of_step("blocked_accounts_stay_out", "account_cancels_are_complete", "mass_cancel_is_complete"),
        _EACH_STEP,
    ),
    Property(
        "P13",
        "determinism",
        "State and command alone decide: a second run says the same, also where sets and dicts hash otherwise.",
        (
            "bookproof.models.sequential.determinism:same_again",
            "bookproof.models.sequential.determinism:first_difference",
        ),
        "cases of every feature and venue, by the oracle and by the engine, each run twice",
    ),
    Property(
        "P14",
        "serializability",
        "What the threads were told is what one thread is told, in the order of the stamps, which keeps to real time.",
        ("bookproof.models.concurrent.check:check",),
        _HISTORY,
    ),
    Property(
        "P15",
        "no deadlock",
        "No circle of threads waits for each other's locks.",
        ("bookproof.models.concurrent.recorder:record", "bookproof.models.sequential.patience:patiently"),
        f"{_HISTORY}, and every sequential case: who stands still for the length of a patience hangs",
    ),
    Property(
        "P16",
        "completion",
        "Every operation that was called returns, with exactly one acknowledgement or refusal.",
        (
            "bookproof.models.concurrent.recorder:record",
            "bookproof.models.sequential.patience:patiently",
            *_of_step("one_acknowledgement"),
        ),
        f"{_HISTORY}, every sequential case, and every step of the oracle",
    ),
)


def judges(row: Property) -> list[Callable[..., Any]]:
    """What a row names, looked up. LookupError for a name that nothing has.

    >>> [judge.__name__ for judge in judges(PROPERTIES[0])]
    ['uncrossed']
    """
    found: list[Callable[..., Any]] = []
    for named in row.judges:
        module, _, name = named.partition(":")
        try:
            judge = getattr(import_module(module), name)
        except (ImportError, AttributeError):
            raise LookupError(f"{row.number} names {named}, and there is no such thing") from None
        found.append(judge)
    return found
