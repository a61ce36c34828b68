"""What can be wrong with a recording, and what one cannot tell: the names, and what each of them means."""

from __future__ import annotations

from dataclasses import dataclass, field

from bookproof.models.audit.report import Defect, Unchecked

FLAWS = {
    "order named after its end": "the order had already ended; the event is passed over",
    "order created twice": "the second line repeats the first, or adds to the snapshot; it is passed over",
    "id used again": "an order got the id of one that had ended; the two are kept apart",
    "deleted at its successor's price": (
        "the deletion carries not the order's own price but that of the order which the very next event "
        "creates on the same side: this is how a replacement is written"
    ),
    "deleted at a foreign price": "the deletion carries a price that is not its own, for no visible cause",
    "fill at the trade's price": (
        "the order event of a fill carries the trade's price and not the order's limit, which is kept from its creation"
    ),
    "changed at a foreign price": (
        "the event carries a price that is not the order's, nor of a trade, at a venue that lets nobody amend"
    ),
    "changed to what it was": "the event changes neither price nor quantity, and no trade accounts for it",
    "price of zero": "an order of the snapshot rests at price zero: its price was probably rounded down",
    "time runs backwards": "the venue's clock steps back between two order events; line order is followed",
    "arrival runs backwards": (
        "the recorder's clock steps back between two order events: lines were not written as they came"
    ),
    "trade repeated": (
        "the trade was there before, word for word, and its maker has no room for two; it is passed over"
    ),
    "trade of an unknown order": "no order event before this trade names its maker, or its taker",
    "snapshot crossed": "the snapshot has a bid at or above an ask: it shows no single moment of the book",
    "closing quantity differs": "the recorder closes the order with another quantity than its events leave",
    "closing of no open order": "the recorder closes an order that is not open",
}
"""Every flaw that single lines show, by name."""

LIMITS = {
    "order within one time stamp": (
        "order events with the same time as the one before: their order rests on the order of the lines alone"
    ),
    "time priority inside the snapshot": (
        "trades whose maker came with the snapshot and was not alone at its price: how these orders arrived "
        "is not recorded, and the order in which the snapshot lists them is taken for the queue"
    ),
    "quantity of orders by budget": "trades of orders of unknown size: overfilling them cannot be seen",
    "limit of takers without one": "trades of takers that have no limit to trade beyond",
    "limit of unknown takers": "trades whose taker has no order event: its limit and quantity are unknown",
    "place of unknown makers": "trades whose maker has no order event: who was ahead of it is unknown",
    "remainder of an order without a limit": "it stayed open after its flight; where it stands is unknown",
    "fills no order event shows": "trades took it, and no later event of the order confirms or denies that",
    "reductions by their owners": "quantity went without a trade, which is taken for an amendment",
}
"""Every limit that single lines meet, by name."""

SHOWN_LINES = 3


@dataclass(slots=True)
class _Count:
    count: int = 0
    lines: list[int] = field(default_factory=list)


class Tally:
    """Count things by name, and remember where each was seen first.

    >>> tally = Tally(FLAWS)
    >>> for line in (4, 9):
    ...     tally.add("id used again", line)
    >>> tally.defects()[0].count, tally.defects()[0].lines
    (2, (4, 9))
    """

    def __init__(self, meanings: dict[str, str]) -> None:
        self._meanings = dict(meanings)
        self._counts: dict[str, _Count] = {}

    def add(self, name: str, line: int = 0, meaning: str = "") -> None:
        """Count one more, seen at a line. A name that is not in the table brings its meaning."""
        entry = self._counts.get(name)
        if entry is None:
            entry = self._counts[name] = _Count()
            self._meanings.setdefault(name, meaning)
        entry.count += 1
        if line and len(entry.lines) < SHOWN_LINES:
            entry.lines.append(line)

    def defects(self) -> list[Defect]:
        """What was seen, as flaws, in the order in which it was first seen."""
        return [
            Defect(name, entry.count, self._meanings[name], tuple(entry.lines)) for name, entry in self._counts.items()
        ]

    def unchecked(self) -> list[Unchecked]:
        """What was seen, as limits, in the order in which it was first seen."""
        return [Unchecked(name, entry.count, self._meanings[name]) for name, entry in self._counts.items()]
