"""The rule book as data: every rule with all that is known of it, under one venue's choices."""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple

from bookproof.models.rules.occasions import in_order
from bookproof.models.rules.sources import Place, decisions, settled_by
from bookproof.spec.invariants import INVARIANTS
from bookproof.spec.profile import DEFAULT, Profile
from bookproof.spec.profile_files import ProfileFile
from bookproof.spec.report_checks import STREAM_INVARIANTS
from bookproof.spec.rulebook import NOT_YET, RULES, Rule
from bookproof.spec.values import Value

LETTERS: dict[str, str] = {
    "A": "inputs, identity, determinism",
    "B": "continuous matching",
    "C": "order types and time in force",
    "D": "iceberg and hidden",
    "E": "stops and cascades",
    "F": "cancel, amend, replace",
    "G": "self-trade prevention",
    "H": "contingent orders and lists",
    "I": "auctions",
    "J": "phases, bands, halts",
    "K": "allocation",
    "L": "several legs, several books",
    "M": "risk before the trade",
    "N": "busts and corrections",
    "O": "reports",
}
"""What each letter of the book is about."""


class Choice(NamedTuple):
    """What a venue chose where a rule leaves a choice."""

    field: str
    value: str
    source: str
    """Where the choice comes from, or why it is as the rule book has it."""
    differs: bool
    """It is not the rule book's default."""


class Entry(NamedTuple):
    """One rule and all that is known of it."""

    rule: Rule
    decided_in: tuple[Place, ...]
    """Where the oracle decides by it; empty for a rule that is a property."""
    held_by: tuple[str, ...]
    """The invariants that hold it: those of a step, then those of streams of reports."""
    choices: tuple[Choice, ...]
    left_out: tuple[tuple[str, str], ...]
    """Parts of the rule that this version does not have, each with the reason."""
    elsewhere: tuple[tuple[str, str], ...]
    """What the venue does by this rule that no profile can express, each with its source."""

    def to_json(self, tests: list[str] | None) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "number": self.rule.number,
            "scope": self.rule.scope,
            "text": self.rule.text,
            "source": self.rule.source,
            "shown_by": self.rule.shown_by,
            "decided_in": [place._asdict() for place in self.decided_in],
            "held_by": list(self.held_by),
            "choices": [choice._asdict() for choice in self.choices],
            "left_out": dict(self.left_out),
            "not_modelled": [{"text": text, "source": source} for text, source in self.elsewhere],
            "tests": tests,
        }


def entries(venue: ProfileFile[Profile]) -> dict[str, Entry]:
    """Every rule of this version by its number, under a venue's choices.

    >>> from bookproof.models.generate.venues import venue_named
    >>> [choice.value for choice in entries(venue_named("nasdaq"))["F7"].choices]
    ['never', 'anything']
    """
    return {number: _entry(RULES[number], venue) for number in sorted(RULES, key=in_order)}


def left_out() -> dict[str, str]:
    """The whole rules that this version does not have, each with the reason."""
    return {number: NOT_YET[number] for number in sorted((n for n in NOT_YET if " " not in n), key=in_order)}


def _entry(rule: Rule, venue: ProfileFile[Profile]) -> Entry:
    number = rule.number
    return Entry(
        rule,
        decisions().get(number, ()),
        (
            *(invariant.name for invariant in INVARIANTS if number in invariant.rules),
            *(invariant.name for invariant in STREAM_INVARIANTS if number in invariant.rules),
        ),
        tuple(_choice(field, venue) for field, rules in settled_by().items() if number in rules),
        tuple((part, why) for part, why in NOT_YET.items() if " " in part and part.split()[0] == number),
        tuple((other.text, other.source) for other in venue.not_modelled if other.rule == number),
    )


def _choice(field: str, venue: ProfileFile[Profile]) -> Choice:
    value = getattr(venue.profile, field)
    why = venue.sources.get(field) or venue.left.get(field) or "the file says nothing of it"
    return Choice(field, told(value), why, value != getattr(DEFAULT, field))


def told(value: object) -> str:
    """A choice as a person reads it.

    >>> told(DEFAULT.true_stop), told(()), told(((1, 2), (3,)))
    ('reject', 'none', '(1, 2), (3)')

    Of a choice with parts only those that are unlike the default:

    >>> from bookproof.spec.allocation_terms import Allocation, Sharing
    >>> told(Allocation()), told(Allocation(Sharing.PRO_RATA, minimum=2))
    ('the default', 'sharing pro-rata, minimum 2')
    """
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, tuple):
        return ", ".join(map(_within, value)) or "none"
    if isinstance(value, Value):
        usual = dict(zip(reversed(value.__struct_fields__), reversed(value.__struct_defaults__), strict=False))
        parts = {field: getattr(value, field) for field in value.__struct_fields__}
        unusual = {field: part for field, part in parts.items() if field not in usual or part != usual[field]}
        return ", ".join(f"{field} {_within(part)}" for field, part in unusual.items()) or "the default"
    return str(value)


def _within(part: object) -> str:
    return f"({told(part)})" if isinstance(part, tuple | Value) else told(part)
