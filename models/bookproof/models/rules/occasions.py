"""Which rules may decide something in one and the same command: the table of occasions, kept by hand and checked.

A command has one outcome, and only so many rules have a say in it. Each row names such an outcome, the rules, and why
no other rule decides anything then. Two rules that share no row can never meet in a command; a coverage run that sees
them meet has found a mistake, here or in the oracle. Two rules that share a row can meet, and a run has to show it.

A rule that is new needs its place here: put it into every row in which it may decide something.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import NamedTuple


class Occasion(NamedTuple):
    """One outcome of a command, and the rules that may decide something on the way to it."""

    outcome: str
    rules: frozenset[str]
    because: str
    """Why no other rule has a say."""


def _occasion(outcome: str, rules: str, because: str) -> Occasion:
    return Occasion(outcome, frozenset(rules.split()), because)


# What orders do that meet, and what it sets off; of a level that is shared, all but how its proportions are found.
_MATCHING = "A2 B1 B4 B5 B7 B11 C1 C2 C3 C4 C5 C6 C7 D1 D2 D4 D6 E3 E4 E5 E6 G1 G2 G3 G4 G5 G6 J5 K3 K4 K5 K6 K8 M4"

_ONE_REASON = "the first reason that applies is the answer, and a refused command does nothing else"

_REASONS = ("A1", "A3", "A5", "C2", "C3", "C6", "E7", "F7", "I1", "J1", "J2", "J3", "J4", "J6", "J7")


_UNSHARED = " ".join(rule for rule in _MATCHING.split() if not rule.startswith("K"))
"""What orders do that meet where reduce-only ones rest: no level is shared there (K)."""


def _matched(outcome: str, rules: str, because: str, *, reducers: bool = True) -> tuple[Occasion, ...]:
    """An outcome on the way to which orders meet: more than once, because a venue weighs shares by size or by time, not
    both, and lets reduce-only orders rest only if it shares no level.

    With `reducers` there may be such orders in the books that are concerned, for fills to cut (C9).
    """
    resting = (f"{outcome}, where reduce-only orders rest", f"{_UNSHARED} C9 {rules}", because)
    return (
        _occasion(outcome, f"{_MATCHING} K2 {rules}", because),
        _occasion(f"{outcome}, at a venue that weighs by time", f"{_MATCHING} K7 {rules}", because),
        *([_occasion(*resting)] if reducers else []),
    )


_LISTS_OFF_MARGIN = "E1 E2 E7 H1 H2 H3 H4 I1 J1 J2 J4 J6 M1"
_LISTS = f"{_LISTS_OFF_MARGIN} M3"
"""With what may befall an order whose turn comes, in whatever book it is."""

_AND_THEN = (
    "what matched is followed by orders whose turn has come: stops, orders that a call collects, and such as their "
    "books refuse; their ids were theirs before, and a clock that passes them ends them"
)

_OF_GROUPS = " ".join(rule for rule in _MATCHING.split() if rule != "J5")
"""What orders do in books of a group: they have no collars."""
_OF_SPREADS = f"{_OF_GROUPS} L1 L2 L3"
"""What orders do in books that are part of spreads: they have no collars either, and no order of a list is in them."""


def _implying(outcome: str, rules: str, because: str) -> tuple[Occasion, Occasion]:
    """As `_matched`, where spreads imply quotes."""
    return (
        _occasion(outcome, f"{_OF_SPREADS} K2 {rules}", because),
        _occasion(f"{outcome}, at a venue that weighs by time", f"{_OF_SPREADS} K7 {rules}", because),
    )


OCCASIONS: tuple[Occasion, ...] = (
    *_matched(
        "a new order is taken",
        "E2 M1 M3",
        "what refuses an order has been ruled out, and no order is replaced; the stops it sets off may be of any kind",
    ),
    _occasion(
        "a new order is collected in a call",
        "A2 D1 D4 E2 G1 I1 M1 M3",
        "it rests whatever it crosses, so nobody is met and no stop becomes due; what it betters is no market (K3)",
    ),
    *_matched(
        "a new stop is taken",
        "E1 M1 M3",
        "it trades only when the profile triggers stops that are due on entry, and then as a cascade, without a "
        "matching of its own for E2 to wait for",
    ),
    *_matched(
        "a replaced order gives up its place",
        "E2 F2 F3 M1 M3",
        "another price or a larger quantity makes a new entry; its place is lost by F2, so neither kept nor lost by "
        "the profile's convention",
    ),
    _occasion(
        "a replaced order gives up its place because the profile says so",
        "A2 C1 C2 D1 D4 E2 F7 G1 K3 M1 M3",
        "the price is the same and the book was uncrossed (B6), so nothing trades, no stop becomes due, and all of it "
        "rests again",
    ),
    *(
        _occasion(
            f"a replaced order {why} and is collected again in a call",
            f"A2 D1 D4 E2 {rule} G1 I1 M1 M3",
            "it rests whatever it crosses, so nobody is met and no stop becomes due",
        )
        for rule, why in (("F2", "gives up its place"), ("F7", "gives up its place by convention"))
    ),
    _occasion("a replaced order keeps its place", "D5 F1 M1 M3", "nothing moves, so nothing is met"),
    _occasion("a replaced order has nothing left to fill", "F4", "its remainder is cancelled, and nothing is met"),
    *_matched(
        "a basket is taken",
        "E2 L4 M1 M3",
        "its legs are fill-or-kill orders without stops, and none of them is refused or replaced",
    ),
    _occasion(
        "a basket is refused for several of its legs",
        "A1 A3 A4 C3 I1 J1 J2 J4 J6",
        "legs have no stop, no expiry and are never post-only, so these are the reasons that a book can have; the "
        "market's own halt is told before any book is asked",
    ),
    *(
        _occasion(f"an order is routed{where}", f"{of} {weighs} E2 L5 M1", because)
        for weighs, venue in (("K2", ""), ("K7", " at a venue that weighs by time"))
        for where, of, because in (
            (
                venue,
                _OF_GROUPS,
                "what refuses it has been ruled out; it is no stop and replaces nothing, and the books of a group are "
                "part of no spread and beside no margin accounts",
            ),
            (f" over books with lists{venue}", f"{_MATCHING} {_LISTS_OFF_MARGIN}", _AND_THEN),
        )
    ),
    *_implying(
        "a new order is taken in a book that is part of a spread",
        "E2 M1",
        "what refuses an order has been ruled out, and no order is replaced; where there are spreads no lists stand, "
        "and no account is on margin",
    ),
    *_implying(
        "a new stop is taken in a book that is part of a spread",
        "E1 M1",
        "as in any other book: a stop that is due on entry trades in a cascade",
    ),
    *_implying(
        "a replaced order gives up its place in a book that is part of a spread",
        "E2 F2 F3 M1",
        "another price or a larger quantity makes a new entry, which may meet what is implied",
    ),
    _occasion(
        "a replaced order gives up its place by convention in a book that is part of a spread",
        "A2 C1 C2 D1 D4 E2 F7 G1 K3 L1 M1",
        "the price is the same and nothing implied could trade at it before, so all of it rests again",
    ),
    *_implying(
        "a basket is taken in books that are part of spreads",
        "E2 L4 M1",
        "its legs are fill-or-kill orders that meet orders of their own books; the stops they set off may do more",
    ),
    *_implying(
        "a call ends, and quotes are implied again",
        "I2 I3 I4 I5 I6 I8 I9 J1",
        "the orders are there already; what is implied is taken by orders that rest, and stops follow",
    ),
    *(
        row
        for rule, what in (("J1", "a book"), ("J6", "the market"))
        for row in _implying(
            f"{what} trades again without an uncross, and quotes are implied again",
            rule,
            "what is implied is taken by orders that rest, and stops follow",
        )
    ),
    _occasion("a post-only order would take what is implied", "A4 C6 L1", _ONE_REASON),
    _occasion("a cancel", "A3 J2", "it takes one order out, or finds none; a halt does not stop it; nothing is met"),
    _occasion("a mass cancel, kill switch, reinstatement or lost connection", "J7", "nothing is met"),
    _occasion("a book has another reference", "J4", "orders that are in stay in"),
    _occasion("the clock or the end of the day", "C2", "orders expire, and nothing is met"),
    *_matched(
        "a call ends with an uncross",
        "I2 I3 I4 I5 I6 I8 I9 J1",
        "the book may go, so no phase refuses it; the orders are there already, so none is taken, collected or "
        "replaced, and stops follow the uncross (I9), not a matching (E2); no reduce-only order was in the call (C9)",
        reducers=False,
    ),
    *_matched(
        "a mark is set, and stops follow it",
        "E1 M3",
        "the orders are there already, and stops follow the mark (E1), not a matching (E2)",
    ),
    _occasion(
        "a book goes to another phase without an uncross",
        "C9 J1",
        "only the phase changes, and with it reduce-only orders go if it is one that collects orders",
    ),
    _occasion("the market is halted or resumed, or its index moves", "J6", "only the market's own state changes"),
    _occasion(
        "an account cannot stand for its orders",
        "A4 M1 M2 M3",
        "what its orders would have done is forgotten, and so are the rules that it would have been done by",
    ),
    _occasion("a reduce-only order does not reduce", "A4 C9 M1", "limits are looked at before, and funds after it"),
    _occasion("cash or lots are deposited or withdrawn, or not", "M1 M3", "no order and no book is concerned"),
    *(
        _occasion(
            f"{what}, and reduce-only orders are cut to size", f"C9 {rules}", "nobody is met, and no order enters"
        )
        for what, rules in (
            ("lots are deposited", "M1"),
            ("a block trade is made", "L6 M3"),
            ("a trade is busted", "N1"),
        )
    ),
    _occasion("an account has new limits", "M2", "they bind the orders that come after them"),
    _occasion(
        "a block trade is made, or is too small or too much for its parties", "A4 L6 M3", "it goes past the book"
    ),
    _occasion("a book has another mark", "M3", "everybody is worth another sum from now on, and no book is concerned"),
    _occasion("there is nothing to liquidate", "A4 M3", _ONE_REASON),
    _occasion("a trade is busted, or there is none to bust", "N1", "it asks nobody and changes no book"),
    *(_occasion(f"a command is refused by {reason}", f"A4 {reason}", _ONE_REASON) for reason in _REASONS),
    *(
        row
        for outcome, rules in (
            ("a new order is taken in a book with lists", "E2"),
            ("a replaced order gives up its place in a book with lists", "E2 F2 F3"),
            ("a basket is taken in books with lists", "E2 L4"),
            ("a call ends with an uncross in a book with lists", "I2 I3 I4 I5 I6 I8 I9 J1"),
            ("a list is taken", ""),
            ("an account is liquidated", "E2"),
            ("a mark is set in a book with lists, and stops follow it", "M3"),
        )
        for row in _matched(outcome, f"{rules} {_LISTS}", _AND_THEN)
    ),
    *(
        _occasion(
            f"a replace amends rivals in an OCO, and nobody trades ({way})",
            f"A2 C1 C2 D1 D4 E2 {way} F2 F4 G1 H1 H4 I1 K3 M1 M3",
            "a rival that trades ends the list: the others are cancelled, not replaced, and as their prices stay they "
            "meet nobody; whether a place is kept or lost by convention is the profile's",
        )
        for way in ("D5 F1", "F7")
    ),
    _occasion(
        "a replace is refused for one of several rivals in an OCO",
        "A1 A4 C6 E7 H1 I1 J1 J2",
        "the replace of each is tried before any happens, and what a trial would have done decides nothing",
    ),
    _occasion("a replace is refused by its list", "A4 H1", _ONE_REASON),
    _occasion(
        "a replace that would amend rivals is refused, as one of them would not become smaller",
        "A4 F7 H1",
        "where only reductions are taken nothing moves and nothing is met, and the replace of every rival is tried",
    ),
    _occasion(
        "a list is refused for its legs",
        "A1 A3 A4 C2 C3 C6 E7 H4 I1 J1 J2 J4 J6",
        "every leg is asked, and no leg enters; these are the reasons that a leg or its book can have",
    ),
    _occasion("a cancel ends a list", "H4 J2", "the others are taken out as well, and nothing is met"),
    _occasion(
        "a mass cancel, kill switch or lost connection ends lists", "H4 J7", "orders are taken out, and nothing is met"
    ),
    _occasion("the clock or the end of the day ends lists", "C2 H4", "orders expire or go with them; nothing is met"),
)

PLACED: frozenset[str] = frozenset(rule for occasion in OCCASIONS for rule in occasion.rules)
"""The rules that the table knows."""


def why_not(rules: Iterable[str]) -> str | None:
    """Why these rules cannot all decide something in one command; None when some occasion has them all.

    >>> why_not({"B1", "B7"})
    >>> why_not({"A5", "B1"}).partition(" (")[0]
    'A5 decides only when a command is refused by A5'
    """
    together = frozenset(rules)
    if any(together <= occasion.rules for occasion in OCCASIONS):
        return None
    places = {rule: [occasion for occasion in OCCASIONS if rule in occasion.rules] for rule in sorted(together)}
    narrow = min(places, key=lambda rule: (len(places[rule]), rule))
    if not places[narrow]:
        return f"{narrow} is in no row of the table of occasions"
    outcomes = " or ".join(occasion.outcome for occasion in places[narrow])
    others = " and ".join(sorted(together - {narrow}, key=in_order))
    because = "; ".join(dict.fromkeys(occasion.because for occasion in places[narrow]))
    return f"{narrow} decides only when {outcomes} ({because}), and {others} never then"


def pairs(rules: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Every two of the rules, each pair once and in the order of the rule book.

    >>> list(pairs({"B2", "B10", "A1"}))
    [('A1', 'B2'), ('A1', 'B10'), ('B2', 'B10')]
    """
    return combinations(sorted(rules, key=in_order), 2)


def in_order(number: str) -> tuple[str, int]:
    """The place of a rule in the book.

    >>> sorted(["B10", "B2", "A1"], key=in_order)
    ['A1', 'B2', 'B10']
    """
    return number[0], int(number[1:])
