"""The numbered rules, how each is shown to hold, and a record of which of them a run reached.

The oracle says `fired("B7")` where it decides rule B7. While nobody listens that costs next to nothing. Rules that no
single line decides are properties: `invariants` holds a named predicate for each of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

_listener: Counter[str] | None = None


class Rule(NamedTuple):
    """One rule: its number, how far it reaches, what it says, and where that is shown."""

    number: str
    scope: str
    """L1 own book only, LA also accounts, LX several books, LG the whole exchange."""
    text: str
    shown_by: str = "decision"
    """`decision`: the oracle marks it with `fired`. `invariant NAME`: that predicate of `invariants` holds it."""
    source: str = ""
    """Whose rule it is, or whose mistake it prevents; empty where it is common knowledge of the trade."""


def fired(number: str) -> None:
    """Note that a rule decided something just now. The number is not looked up: a test reads every call instead."""
    if _listener is not None:
        _listener[number] += 1


@contextmanager
def listening() -> Iterator[Counter[str]]:
    """Count the rules fired while the block runs. One listener at a time, in one thread: the oracle is sequential.

    >>> with listening() as seen:
    ...     fired("B7")
    >>> seen["B7"]
    1
    """
    global _listener
    outer, mine = _listener, Counter[str]()
    _listener = mine
    try:
        yield mine
    finally:
        _listener = outer
        if outer is not None:
            outer.update(mine)


_TABLE = (
    # A: inputs, identity, determinism
    Rule(
        "A1",
        "L1",
        "Prices are whole ticks and quantities whole lots, within limits, or the command never reaches the book.",
        source="Binance: PRICE_FILTER, LOT_SIZE, MIN_NOTIONAL; Flash One: integer ticks, no dollars",
    ),
    Rule(
        "A2",
        "L1",
        "Time is the sequence number the book gives out, never a clock of the client's or on the wall.",
        source="OrderBook-rs #132; WhiteBIT: arrival at the engine",
    ),
    Rule(
        "A3",
        "L1",
        "A live order id is unique in its book, free again when its order is gone, and unknown from then on.",
        source="Flash One: conformance gate",
    ),
    Rule(
        "A4",
        "L1",
        "Every command is acknowledged or refused exactly once, and a refusal changes nothing.",
        source="Binance: a failed amend leaves the order as it was",
    ),
    Rule(
        "A5",
        "LG",
        "State and command alone decide the outcome; the clock is part of the state and moves forward by command only.",
        source="ArjunVachhani/order-matcher #15; OrderBook-rs #94",
    ),
    Rule(
        "A6",
        "L1",
        "Of every order, quantity asked for = executed + open + cancelled + prevented.",
        "invariant quantity_identity",
        source="Binance: self-trade prevention FAQ; FIX: OrderQty, CumQty, LeavesQty",
    ),
    # B: continuous matching
    Rule(
        "B1",
        "L1",
        "A buy and a sell can trade if and only if the buy's limit is at least the sell's; a market order has none.",
    ),
    Rule("B2", "L1", "Better-priced orders trade first.", "invariant price_time_priority"),
    Rule(
        "B3",
        "L1",
        "At one price the earlier sequence trades first, and price with time is a strict total order.",
        "invariant priority_is_strict_order",
        source="Imandra on UBS ATS: a ranking that was not transitive",
    ),
    Rule(
        "B4",
        "L1",
        "A trade is at the maker's price: improvement goes to the aggressor, on either side and after a replace.",
        source="Coinbase; Flash One: 17 of 249 findings",
    ),
    Rule("B5", "L1", "An aggressor takes maker after maker until nothing of it is left or nothing crosses its limit."),
    Rule(
        "B6", "L1", "After every command the best bid is below the best ask.", "invariant uncrossed", "Garg and Sarswat"
    ),
    Rule("B7", "L1", "A partly filled maker keeps its place in the queue.", source="OrderBook-rs #88; PriceLevel #39"),
    Rule(
        "B8",
        "L1",
        "No order is lost, doubled or altered other than by trades, prevention and explicit cancels and replaces.",
        "invariant conservation",
        "Garg and Sarswat",
    ),
    Rule(
        "B9",
        "L1",
        "Trades are compared with the fills of each taker and maker merged, makers in the order of their queue.",
        "invariant canonical_order",
        "Garg and Sarswat: cform",
    ),
    Rule(
        "B10",
        "L1",
        "Priority, an uncrossed book and conservation leave exactly one outcome of plain orders.",
        "invariant fills_are_determined",
        "Garg and Sarswat, FSTTCS 2022, theorems 1 and 2",
    ),
    Rule("B11", "L1", "A level whose last order is gone is gone with it.", source="Flash One: phantom best prices"),
    # C: order types and time in force
    Rule("C1", "L1", "A limit order trades what it can, and its remainder rests until cancelled."),
    Rule(
        "C2",
        "LG",
        "Day and good-till-date orders die by the command that ends the day or moves the clock, in order of sequence.",
    ),
    Rule(
        "C3",
        "L1",
        "A market order never rests; without any opposite order it is refused, or cancelled where the profile says so.",
    ),
    Rule("C4", "L1", "What an immediate-or-cancel order cannot trade at once is cancelled."),
    Rule(
        "C5",
        "L1",
        "A fill-or-kill order trades whole at once or has no effect at all, whatever the dry run would have touched.",
        source="OrderBook-rs #96, #137, #179",
    ),
    Rule("C6", "L1", "A post-only order that would take is refused, or cancelled when it comes from a triggered stop."),
    Rule(
        "C7",
        "L1",
        "An order with a minimum quantity trades at least that on entry or is cancelled without effect.",
        source="CME: a minimum equal to the quantity is fill-or-kill",
    ),
    # D: iceberg and hidden
    Rule(
        "D1", "L1", "An iceberg shows at most its display quantity, and only what it shows has priority.", source="TSX"
    ),
    Rule(
        "D2",
        "L1",
        "When a slice is used up the next one queues behind the whole level, with a new sequence.",
        source="LSE: peaks; Deribit: refresh_amount",
    ),
    Rule(
        "D3",
        "L1",
        "One aggressor meets all slices of a level first to last, then the refreshed ones in turn.",
        "invariant price_time_priority",
    ),
    Rule("D4", "L1", "At one price displayed quantity trades before hidden orders.", source="OPZ whitepaper"),
    Rule("D5", "L1", "A smaller total changes an iceberg's visible slice only if it must.", source="Binance"),
    Rule(
        "D6",
        "L1",
        "A slice that prevention empties is refreshed just as one that traded.",
        source="found by aaslyan's TLA+ run",
    ),
    # E: stops
    Rule(
        "E1",
        "L1",
        "A stop waits off-book until the last trade of its book reaches it: buys from below, sells from above.",
    ),
    Rule(
        "E2",
        "L1",
        "Stops are looked at when the matching of the command has ended, not between its fills.",
        source="TSX",
    ),
    Rule(
        "E3",
        "L1",
        "Stops due together are triggered nearest price first, then in order of sequence, buys before sells.",
    ),
    Rule(
        "E4",
        "L1",
        "A triggered stop gets a new sequence: it does not jump the queue.",
        source="found by aaslyan's TLA+ run",
    ),
    Rule(
        "E5",
        "L1",
        "A triggered stop may trigger others, until none is due; all of it is one command.",
        source="melin #2",
    ),
    Rule("E6", "L1", "A triggered stop-limit order becomes a limit order, a stop without a limit a market order."),
    Rule(
        "E7",
        "L1",
        "A stop that is due on entry is refused, or triggered at once where the profile says so.",
        source="Binance refuses; LSE triggers",
    ),
    # F: cancel, amend, replace
    Rule("F1", "L1", "A replace at the same price with no larger quantity keeps its place.", source="Bybit; Kraken"),
    Rule(
        "F2",
        "L1",
        "A larger quantity or another price sends a replaced order to the end of its queue.",
        source="CME; Bybit",
    ),
    Rule(
        "F3", "L1", "A replaced order that crosses trades as an aggressor, at the makers' prices.", source="Flash One"
    ),
    Rule(
        "F4",
        "L1",
        "A new total that is executed already leaves nothing open: the remainder is cancelled.",
        source="FIX: scenarios D11 and D12; Kraken",
    ),
    Rule(
        "F5",
        "L1",
        "Cancel and new order are two commands: a new place, and a cancel that fails if the order is gone.",
        "invariant newcomers_stand_last",
        "Revolut; Kraken",
    ),
    Rule(
        "F7",
        "L1",
        "What a replace does to priority is a convention, so the profile names it.",
        source="Flash One: a modify is a cancel and a new entry",
    ),
    # G: self-trade prevention
    Rule(
        "G1",
        "L1",
        "Two accounts are one owner if the profile puts them in one group.",
        source="Binance: tradeGroupId; CME: SMP ID",
    ),
    Rule(
        "G2", "L1", "The aggressor's instruction decides, not the maker's.", source="Coinbase; Binance; CME: tag 8000"
    ),
    Rule("G3", "L1", "Prevention cancels the aggressor, the maker or both, or takes from both what would have traded."),
    Rule(
        "G4",
        "L1",
        "Prevention acts when the two would trade now, not on an own order further back; earlier fills stand.",
        source="OrderBook-rs #222",
    ),
    Rule(
        "G5",
        "L1",
        "What is left of an aggressor that prevention cancelled never rests.",
        source="OrderBook-rs #97, #138",
    ),
    Rule("G6", "L1", "Prevented quantity is open in neither order any more and counted in both."),
    # J: phases and halts; L: several legs
    Rule("J1", "L1", "A book is continuous or halted, and changes only by command.", source="Binance: TRADING, HALT"),
    Rule("J2", "L1", "In a halted book nothing enters, changes or trades; orders may be cancelled and may expire."),
    Rule(
        "J6",
        "LG",
        "A market-wide halt halts every book and leaves each book's own halt as it was.",
        source="Nasdaq rule 4120",
    ),
    Rule("J7", "LX", "A mass cancel takes every live order of an account out of all books.", source="CME: kill switch"),
    Rule(
        "L1",
        "LX",
        "A spread has a book of its own, and its price is that of its first leg less that of its second.",
        source="CME",
    ),
    Rule(
        "L2",
        "LX",
        "Two orders of a spread and its legs imply a quote in the third book, and trade with an order there, all in "
        "one step, when its limit allows.",
        source="CME: implied in, implied out",
    ),
    Rule(
        "L3",
        "LX",
        "Own orders at the same price go before implied quotes, which meet no other implied quote, and there are none "
        "while a book of the family is halted.",
        source="CME",
    ),
    Rule("L4", "LX", "All legs of a basket trade whole in one step, or no book changes."),
    Rule(
        "L5",
        "LX",
        "A routed order takes the best level of its group's open books, of equal ones its own book's first, then in "
        "listing order, and what is left rests in its own book.",
        source="Binance: SOR",
    ),
)

RULES: dict[str, Rule] = {rule.number: rule for rule in _TABLE}
"""Every rule of this version by its number."""

NOT_YET: dict[str, str] = {
    "C8": "resting all-or-none is kept out of the core: skipped orders break B6 and B10",
    "C9": "reduce-only needs account positions",
    "F6": "in-flight statuses belong to a gateway; here every command is over when the next one starts",
    "J3": "reopening through a call needs auctions (I)",
    "J4": "no static price bands besides the instrument's own limits (A1)",
    "J5": "no execution collars",
    "L6": "no block trades",
    "L7": "one process, no distributed commit",
    "C3 market-limit": "no remainder at the first trade's price, no protection points, no quote budget",
    "C6 reprice": "post-only orders are refused, never repriced; a hidden opposite order counts too (B6)",
    "D1 minimum": "no least display quantity: an iceberg may show one lot of a million",
    "D3 one trade": "no whole iceberg in one trade, no random slices",
    "D4 pegged": "no pegged orders",
    "E1 reference": "only the last trade triggers, an implied one too, but not mark or index prices",
    "E2 each fill": "stops are not looked at after each fill",
    "E6 protection": "a triggered market stop has no protection range",
    "G3 transfer": "moving prevented quantity between accounts needs account positions",
    "J1 phases": "no pre-open, call, cancel-only or closed phases",
    "L1 ratios": "spreads have two legs, one lot of each; no butterflies, no other ratios",
    "L2 baskets": "the legs of a basket trade with orders of their own books only",
    "L3 second generation": "implied quotes rest on real orders only, so a chain of two spreads implies nothing",
    "L5 stops": "neither stops nor post-only orders are routed, and a group has no spreads",
    "J7 entry": "a mass cancel does not block the account's next order",
}
"""What these letters also name and this version leaves out, with the reason; with a word for a part of a rule."""
