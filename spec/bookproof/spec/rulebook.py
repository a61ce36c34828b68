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
    """`decision`: the oracle marks it with `fired`. `invariant NAME`: that predicate of `invariants` holds it.
    `stream invariant NAME`: that predicate of `report_checks` does, over all the reports of a run."""
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


@contextmanager
def rehearsing() -> Iterator[Counter[str]]:
    """Keep to oneself what is fired while the block runs: it may be forgotten with what it decided, or `performed`.

    >>> with listening() as seen:
    ...     with rehearsing() as rehearsed:
    ...         fired("B7")
    >>> seen["B7"], rehearsed["B7"]
    (0, 1)
    """
    global _listener
    outer, mine = _listener, Counter[str]()
    if outer is not None:
        _listener = mine
    try:
        yield mine
    finally:
        _listener = outer


def performed(rehearsed: Counter[str]) -> None:
    """What was rehearsed has happened, by these rules."""
    if _listener is not None:
        _listener.update(rehearsed)


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
        "A market order never rests, or only as a limit order at the best opposite price where the profile makes it "
        "one; without any opposite order it is refused, or cancelled where the profile says so; and a market buy over "
        "an amount of money, where the profile takes it, is one for as many whole lots as that pays for now at the "
        "makers' prices, the best first, and is refused if it pays for none.",
        source="Coinbase: funds; Binance Spot: quoteOrderQty",
    ),
    Rule("C4", "L1", "What an immediate-or-cancel order cannot trade at once is cancelled."),
    Rule(
        "C5",
        "L1",
        "A fill-or-kill order trades whole at once or has no effect at all, whatever the dry run would have touched.",
        source="OrderBook-rs #96, #137, #179",
    ),
    Rule(
        "C6",
        "L1",
        "A post-only order that would take is refused, or cancelled when it comes from a triggered stop; where the "
        "profile says so it steps back to one tick from the best opposite price instead.",
        source="Nasdaq; Deribit: reject_post_only",
    ),
    Rule(
        "C7",
        "L1",
        "An order with a minimum quantity trades at least that on entry or is cancelled without effect.",
        source="CME: a minimum equal to the quantity is fill-or-kill",
    ),
    # D: iceberg and hidden
    Rule(
        "D1",
        "L1",
        "An iceberg shows at most its display quantity, which is as large a part of it as the instrument asks for, and "
        "only what it shows has priority.",
        source="TSX; Kraken: at least a fifteenth",
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
        "One aggressor meets all slices of a level first to last, then the refreshed ones in turn; or, where the "
        "profile says so, all that is behind a slice together with it, in one trade; and where it says so, an order "
        "may name a range for its slices and a draw, from which and from what is open the size of each follows.",
        "invariant price_time_priority",
        "TSX: one trade; DisplayRange; FIX: DisplayMethod, DisplayLowQty, DisplayHighQty, DisplayMinIncr",
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
        "A stop waits off-book until the last trade of its book reaches it, or its mark where the profile says so: "
        "buys from below, sells from above.",
        source="Deribit: stops by mark or index price",
    ),
    Rule(
        "E2",
        "L1",
        "Stops are looked at when the matching of an order has ended, or at each of its fills where the profile says "
        "so, and enter after it either way.",
        source="TSX; WhiteBIT: each fill triggers re-evaluation, in the same engine cycle",
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
    Rule(
        "E6",
        "L1",
        "A triggered stop-limit order becomes a limit order, a stop without a limit a market order, or a limit order "
        "at the end of the protection range where the instrument has one.",
        source="CME: stop orders with protection",
    ),
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
        "F6",
        "L1",
        "Of an order that is in several states at once, the one that FIX ranks highest is reported.",
        "stream invariant status_has_precedence",
        "FIX 5.0 SP2, appendix D: Pending Cancel 12, Pending Replace 11, Filled 8, Canceled 5, New 2",
    ),
    Rule(
        "F7",
        "L1",
        "What a replace does to priority, and whether it may do more than reduce, is a convention, so the profile "
        "names it.",
        source="Flash One: a modify is a cancel and a new entry; Binance: order amend keep priority",
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
    Rule(
        "G3",
        "LA",
        "Prevention cancels the aggressor, the maker or both, or takes from both what would have traded; which moves "
        "between their accounts all the same where these are two and both orders ask for it.",
        source="Binance: TRANSFER",
    ),
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
    # H: contingent orders and lists
    Rule(
        "H1",
        "LX",
        "Of the orders of an OCO at most one executes: the first fill or trigger of one cancels the others at once, or "
        "where the profile says so a fill in part makes them smaller by as much.",
        source="Binance: activation of one leg cancels the other; Eurex: OCO",
    ),
    Rule(
        "H2",
        "LX",
        "An order that waits for another enters its book when that one is filled whole, and not before.",
        source="Binance: OTO, PENDING_NEW",
    ),
    Rule(
        "H3",
        "LX",
        "The orders that wait in an OTOCO cancel one another from the moment at which they may enter.",
        source="Deribit: linked_order_type",
    ),
    Rule(
        "H4",
        "LX",
        "A list is accepted or refused as a whole, and ends as a whole when one of its orders is cancelled.",
        source="Binance: order lists",
    ),
    # I: auctions
    Rule(
        "I1",
        "L1",
        "A call collects orders without matching, crossing or not, and refuses terms about what trades on entry.",
        source="MarketGrid",
    ),
    Rule(
        "I2",
        "L1",
        "An uncross is at a price at which the largest volume can trade, from the lowest limit to the highest.",
        source="LSE: maximum executable volume",
    ),
    Rule(
        "I3",
        "L1",
        "Of several such prices, one with the smallest surplus on either side.",
        source="LSE: minimum surplus",
    ),
    Rule(
        "I4",
        "L1",
        "Of these, the highest with buyers left over and the lowest with sellers left over.",
        source="LSE: market pressure",
    ),
    Rule(
        "I5",
        "L1",
        "Of these, the nearest to the last trade in the book, and the higher if two are as near or nothing traded yet.",
        source="LSE: reference price; Quedex: nearest to the last",
    ),
    Rule(
        "I6",
        "L1",
        "All fills of an uncross are at its price, market orders first, then by price and time.",
        source="Natarajan, Sarswat and Singh, ITP 2021: fair and uniform",
    ),
    Rule("I7", "L1", "After an uncross the best bid is below the best ask.", "invariant uncrossed"),
    Rule("I8", "L1", "An iceberg takes part in an uncross with all it has, at its place in the queue."),
    Rule("I9", "L1", "Stops that the price of an uncross has reached are triggered after it."),
    Rule(
        "I10",
        "L1",
        "No outcome at one price trades more than an uncross, and nobody better is left while somebody worse trades.",
        "invariant better_orders_fill_first",
        "Natarajan, Sarswat and Singh, ITP 2021; Imandra on IEX",
    ),
    # J: phases and halts; L: several legs
    Rule(
        "J1",
        "L1",
        "A book is in one of six phases, and goes from one to another by command and along its state machine only.",
        source="Binance: TRADING, HALT, BREAK, CANCEL_ONLY, END_OF_DAY",
    ),
    Rule("J2", "L1", "In a halted book nothing enters, changes or trades; orders may be cancelled and may expire."),
    Rule("J3", "L1", "Where the profile says so, a book comes back to continuous trading only through a call."),
    Rule(
        "J4",
        "L1",
        "An order whose price is further from the reference than the band is wide is refused.",
        source="Binance: PERCENT_PRICE; Eurex: price reasonability",
    ),
    Rule(
        "J5",
        "L1",
        "An order trades within the collar that was put around it when it began to take, and when its next trade would "
        "be outside, the profile says whether what is left expires, rests at the end, or goes and halts the book; with "
        "J3, the halt is a call.",
        source="Binance: PRICE_RANGE; CME: protection points; LSE: price monitoring",
    ),
    Rule(
        "J6",
        "LG",
        "A market-wide halt, by command or when an index falls through a level, halts every book, and a book's halt "
        "halts those that depend on it; each book's own halt stays as it was.",
        source="Nasdaq rule 4120, also (a)(3)(B); US market-wide circuit breaker: 7, 13 and 20 %",
    ),
    Rule(
        "J7",
        "LX",
        "A mass cancel takes every live order of an account out of all books, a kill switch keeps the account out as "
        "well, and a lost connection takes out what the account or the venue wants to go.",
        source="CME: kill switch, cancel on disconnect",
    ),
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
        "while a book of the family does not trade continuously; where a quote may rest on another, it is for what "
        "nothing else fills.",
        source="CME: implied orders, second generation",
    ),
    Rule("L4", "LX", "All legs of a basket trade whole in one step, or no book changes."),
    Rule(
        "L5",
        "LX",
        "A routed order takes the best level of its group's open books, of equal ones its own book's first, then in "
        "listing order, and what is left rests in its own book.",
        source="Binance: SOR",
    ),
    # K: sharing a level among its orders
    Rule(
        "K1",
        "L1",
        "First come, first served, unless the profile names another allocation.",
        "invariant price_time_priority",
    ),
    Rule(
        "K2",
        "L1",
        "Pro-rata gives each order its part of the level, rounded down, less than a minimum nothing, the rest by FIFO.",
        source="CME: algorithms A and C, minimum 2",
    ),
    Rule(
        "K3",
        "L1",
        "The order that bettered the market last is TOP while it keeps its place: served first, up to a maximum.",
        source="CME: TOP",
    ),
    Rule(
        "K4",
        "L1",
        "Split gives a percentage by FIFO before the rest is shared in proportion, and leveling one lot after it to "
        "each order whose share came to nothing.",
        source="CME: algorithm K; notice of 5 May 2008: Pro Rata Leveling",
    ),
    Rule(
        "K5",
        "L1",
        "Each lead market maker gets its percentage of what TOP has left, before the others.",
        source="CME: algorithms Q, S, T",
    ),
    Rule(
        "K6",
        "L1",
        "With a threshold, an order that displays less has no share in proportion.",
        source="CME: algorithms O and Q",
    ),
    Rule(
        "K7",
        "L1",
        "Time pro-rata weighs each order's part by its place in the queue: earlier counts for more.",
        source="Liffe 2007; Eurex",
    ),
    Rule(
        "K8",
        "L1",
        "An aggressor that can fill all that takes part fills it, and the fills are told in queue order.",
        source="CME: FIFO exception",
    ),
    Rule(
        "K9",
        "L1",
        "Whatever the algorithm, all that can trade does, and nobody gives more than it offers or less than nothing.",
        "invariant level_is_shared_out",
    ),
    # O: reports
    Rule(
        "O1",
        "L1",
        "Whatever happens to an order is reported, with why (ExecType) and where it stands after that (OrdStatus).",
        "invariant reports_tell_where_orders_stand",
        "FIX 5.0 SP2, appendix D: order state change matrices",
    ),
    Rule(
        "O2",
        "L1",
        "The reports of a book are numbered from 1 without a gap, refusals among them.",
        "stream invariant numbers_have_no_gap",
    ),
    Rule(
        "O3",
        "LG",
        "Report numbers are per book and commit stamps global, and within a book the two never disagree.",
        "stream invariant stamps_rise_with_numbers",
    ),
    # C9, M, N: accounts
    Rule(
        "C9",
        "LA",
        "A reduce-only order is refused if it is larger than what the position it trades against leaves for it; it "
        "trades at once or, where the profile lets it, rests: then it is cut to size, the newest of an account first, "
        "whenever a fill or anything else brings the position too low, between two fills of one sweep if need be.",
        source="Binance rejects it; it may rest at Deribit (private/close_position), and is cut at Bybit (Reduce-Only)",
    ),
    Rule(
        "L6",
        "LA",
        "Two accounts may trade off-book from a least size on: both are asked and settle at once, and no book, last "
        "price or stop hears of it.",
        source="Deribit: block trades",
    ),
    Rule(
        "M1",
        "LA",
        "What an order can cost at worst is reserved before it matches or it is refused, and released as soon as it is "
        "needed no more.",
        source="exchange-core: R1, the pre-trade check, before the matching shard",
    ),
    Rule(
        "M2",
        "LA",
        "No new order or replace may go beyond its account's limits of position, live orders and notional.",
        source="Binance: MAX_POSITION, MAX_NUM_ORDERS, NOTIONAL",
    ),
    Rule(
        "M3",
        "LA",
        "A margin account's equity covers the worst that all its open orders can come to, over all books; below its "
        "maintenance margin it may be liquidated, by orders that make nothing worse.",
        source="Deribit and Binance Futures: initial and maintenance margin of what is worth its mark price",
    ),
    Rule(
        "M4",
        "LA",
        "Each trade moves lots to the buyer and cash to the seller in the same command, maker and taker alike.",
        source="exchange-core: R2, the settlement, after the matching shard",
    ),
    Rule(
        "N1",
        "LA",
        "A bust gives back the cash and the lots of one trade, once, and changes no book.",
        source="FIX: Trade Cancel",
    ),
    Rule(
        "N2",
        "LX",
        "A bust of one trade of a basket busts all of that basket's trades.",
        "invariant busts_are_whole_and_once",
    ),
)

RULES: dict[str, Rule] = {rule.number: rule for rule in _TABLE}
"""Every rule of this version by its number."""

NOT_YET: dict[str, str] = {
    "C8": "resting all-or-none is kept out of the core: skipped orders break B6 and B10",
    "L7": "one process, no distributed commit",
    "M3 offsets": "each book needs margin by itself: what is long in one does not offset what is short in another",
    "M3 bankrupt": "who is liquidated below its limit prices keeps its position and its debt: no insurance fund, and "
    "nobody else is deleveraged",
    "M3 again": "a liquidation passes each book once; what traded below the mark may leave work for the next one",
    "M3 unmarked": "lots in a book without a mark are worth nothing and need nothing",
    "C9 calls": "a book that begins to collect orders cancels its reduce-only ones and takes none: what an uncross "
    "leaves of positions is known only when it is over",
    "C9 terms": "a reduce-only order is no stop, neither post-only nor good till a date, and in no list or basket",
    "C9 sharing": "where reduce-only orders rest, levels are served by time alone: a share of one could cut another",
    "C9 budget": "where reduce-only orders rest no market order names a budget: what a fill cuts is not to be had",
    "L6 legs": "a block trade is of one book, and its parties are no quote requests",
    "N1 forced": "a bust asks nobody, so an account that has spent the money owes it; no rule says who collects",
    "C3 sell by money": "a market order over an amount of money buys; none sells until it has brought in so much",
    "C3 budget in spreads": "no order over an amount of money in a book that is part of a spread: what is implied "
    "there would have to be led through both legs to know what it costs",
    "C3 budget waits": "a market order over an amount of money is no stop, and is in no call, basket or list",
    "C6 lock": "a post-only order keeps off a hidden opposite order as off any other, since the book may not lock (B6)",
    "D3 redraw": "a replace changes neither an iceberg's display nor its range or its draw",
    "D4 pegged": "no pegged orders",
    "H2 amend": "an order that others wait for, or that waits itself, cannot be replaced",
    "H1 reserve": "where accounts are kept each rival is reserved for by itself: a bracket needs lots for every exit",
    "H1 amend reduced": "where a fill in part makes rivals smaller none of them is replaced: what a fill on the way "
    "would leave of the others is not settled",
    "H2 halt": "an order whose turn comes while its book takes nothing is refused, not kept until the book resumes",
    "E1 reference": "all stops of a venue follow the last trade, an implied one too, or all follow the mark: no order "
    "chooses",
    "E1 halt": "while the market or a book above is halted no mark is set where stops follow it: none could trigger",
    "E2 mid-sweep": "a stop that a fill has reached waits until the aggressor is done and never takes from under it: "
    "else fill-or-kill would have to try the stops as well (C5)",
    "K2 largest first": "leftovers go by time, as at CME since 2005, not to the largest order",
    "K3 percentage": "TOP has a maximum and no percentage, which CME does not use either",
    "K7 Eurex": "the weights are those of Liffe: Eurex's own formula is not known here",
    "I5 midpoint": "the reference is the last trade; no midpoint, close or theoretical price",
    "I6 extension": "a call ends when the command says so: no random end, no extension when the price moves far",
    "I8 displayed": "icebergs never take part with their displayed slice alone",
    "L1 ratios": "spreads have two legs, one lot of each; no butterflies, no other ratios",
    "L1 margin": "no spreads beside margin accounts: each leg would need margin as if there were no other",
    "N2 implied": "an implied trade is not busted: it has no number, for it has three parties or more",
    "L2 baskets": "the legs of a basket trade with orders of their own books only, and either all of them or none are "
    "in books that are part of spreads: what one leg implies and another releases from a list would need one order",
    "L2 lists": "no order of a list stands in a spread or in a leg of one",
    "L2 sharing": "an implied trade takes the first order of each leg, also where other trades share the level out (K)",
    "L3 longer chains": "an implied quote rests on two orders, or on one and a quote of two others: a chain of three "
    "spreads implies nothing, nor do two spreads the one between their outer legs",
    "L2 bands": "books in groups and spreads have no bands, collars, protection or underlying, and their venue neither "
    "gives market orders a limit, reprices post-only orders, forbids amendments, nor takes icebergs whole",
    "L5 stops": "neither stops nor post-only orders are routed, and a group has no spreads",
    "L5 rivals": "no two rivals of a list stand on one side of a group, where one routed order could fill both",
    "L5 margin": "no groups beside margin accounts: a mark is of one book, and a lot of a group is in none of them",
    "F6 pending": "a cancel or replace that pends belongs to a gateway; here each is over when the next starts",
    "O1 corrections": "a trade is busted or it stands: none is corrected in price or quantity; no order is suspended",
}
"""What these letters also name and this version leaves out, with the reason; with a word for a part of a rule."""
