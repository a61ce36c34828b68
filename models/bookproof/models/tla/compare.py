"""What the checkers find, held against the manifest and against each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bookproof.models.tla.checker import Finding, Says
from bookproof.models.tla.manifest import Model


class Outcome(NamedTuple):
    """What became of one model with one checker."""

    model: Model
    checker: str
    finding: Finding | None
    """None when the checker could not read or evaluate the model."""
    differences: tuple[str, ...] = ()
    """Each a sentence: where it is not what the manifest, or another checker, says."""
    complaint: str = ""
    """Why there is no finding."""

    @property
    def undecided(self) -> bool:
        """Whether a budget was spent."""
        return self.finding is not None and self.finding.says is Says.UNDECIDED

    @property
    def again(self) -> str:
        """The command line that does it once more."""
        return f"bookproof tla {self.model.name} --checker {self.checker}"


class Expected(NamedTuple):
    """What a checker has to find. None is not compared."""

    says: Says
    violates: str
    distinct: int | None
    diameter: int | None
    length: int | None


def expected(model: Model, checks_properties: bool, properties: Sequence[str]) -> Expected:
    """What the manifest expects of a checker. One that knows no properties has to find that the rest holds."""
    if model.violates is None or (model.violates in properties and not checks_properties):
        return Expected(Says.HOLDS, "", model.distinct, model.diameter, None)
    return Expected(Says.VIOLATES, model.violates, None, None, model.length)


def differences(found: Finding, right: Expected) -> tuple[str, ...]:
    """Where a finding is not what was expected, each as a sentence; nothing for one that is not decided.

    >>> right = Expected(Says.HOLDS, "", 489, 17, None)
    >>> differences(Finding(Says.HOLDS, distinct=488, diameter=17), right)
    ('distinct states: the manifest expects 489, it found 488',)
    >>> differences(Finding(Says.VIOLATES, "Linearizable"), right)
    ('the manifest expects that it holds, it found that Linearizable is violated',)
    """
    if found.says is Says.UNDECIDED:
        return ()
    if (found.says, found.violates) != (right.says, right.violates):
        wanted, came = _verdict(right.says, right.violates), _verdict(found.says, found.violates)
        return (f"the manifest expects that {wanted}, it found that {came}",)
    told = []
    for what, mine, its in (
        ("distinct states", right.distinct, found.distinct),
        ("diameter", right.diameter, found.diameter),
        ("states of the counterexample", right.length, found.length),
    ):
        if mine is not None and its is not None and mine != its:
            told.append(f"{what}: the manifest expects {mine:,}, it found {its:,}")
    return tuple(told)


def against_each_other(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The same, with a sentence more wherever a checker differs from one before it on the same model.

    >>> from bookproof.models.tla.manifest import read_manifest, tla_folder
    >>> model = read_manifest(tla_folder())[0]
    >>> one, other = Finding(Says.HOLDS, distinct=489), Finding(Says.HOLDS, distinct=488)
    >>> compared = against_each_other([Outcome(model, "tlc", one), Outcome(model, "twin", other)])
    >>> [outcome.differences for outcome in compared]
    [(), ('distinct states: 489 by tlc, 488 by twin',)]
    """
    before: dict[str, list[Outcome]] = {}
    compared = []
    for outcome in outcomes:
        earlier = before.setdefault(outcome.model.name, [])
        more = tuple(each for other in earlier for each in _between(other, outcome))
        compared.append(outcome._replace(differences=tuple(dict.fromkeys((*outcome.differences, *more)))))
        earlier.append(outcome)
    return compared


def _between(one: Outcome, other: Outcome) -> list[str]:
    """Where two checkers of one model differ in what both of them say."""
    mine, its = one.finding, other.finding
    if mine is None or its is None or (mine.says, mine.violates) != (its.says, its.violates):
        return []  # a verdict that differs is told against the manifest; it may also be a matter of properties
    told = []
    for what, here, there in (
        ("distinct states", mine.distinct, its.distinct),
        ("diameter", mine.diameter, its.diameter),
        ("states of the counterexample", mine.length, its.length),
    ):
        decided = mine.says is Says.HOLDS or what == "states of the counterexample"
        if decided and here is not None and there is not None and here != there:
            told.append(f"{what}: {here:,} by {one.checker}, {there:,} by {other.checker}")
    return told


def _verdict(says: Says, violates: str) -> str:
    return "it holds" if says is Says.HOLDS else f"{violates} is violated"
