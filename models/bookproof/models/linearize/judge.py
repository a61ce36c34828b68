"""Is a history explained by one order? Whoever can tell is asked, and nobody is believed without evidence.

1. What the exchange says of its own order (`stamped`): the quickest, and evidence rather than truth. If the stamps do
   not explain the history another order still may, and then it is the stamps that are wrong.
2. Conflict-driven linearization (`conflicts`), near-linear, for the rules that it has clauses for.
3. The generic search (`generic`), for every rule, within a budget.

*Linearizable* is said only of an order that the oracle, or for long histories the engine behind one lock, has replayed
to the last answer. *Not linearizable* comes with a core of a few operations, cut out of the history, which the generic
search has refuted by itself: by `minimise`, which takes out only what the rules allow, or where they do not say by
`shorten`. Where there is none the proof stands alone, and that is said. All else is *unknown*.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import NamedTuple

from bookproof.models.linearize.certificate import BY_ORACLE, flaw_in
from bookproof.models.linearize.conclusion import Conclusion, Verdict
from bookproof.models.linearize.conflicts import decide
from bookproof.models.linearize.evidence import Progress
from bookproof.models.linearize.generic import search
from bookproof.models.linearize.history import History
from bookproof.models.linearize.minimise import Part, names_of, only, smallest, wrong_by
from bookproof.models.linearize.shorten import shortened
from bookproof.models.linearize.stamped import check_stamps

LONGEST_CORE = 14
"""Operations that the generic search is asked to refute by itself."""

_STEPS = 200_000
"""What it may try for that."""

_SHORTENED = 5_000
"""Operations beyond which the generic search is not asked for a core where clauses have a proof."""

_PLAINLY = 5.0
"""Seconds for trying a refuted history again without shortcuts: a second opinion where it can be had."""

_SHORTENING = 20.0
"""Seconds that may be spent on a core where the rules do not say what may be taken out."""


class Judgement(NamedTuple):
    """A conclusion, who came to it, and what it was checked with."""

    conclusion: Conclusion
    by: str
    """`stamps`, `clauses` or `generic search`."""
    evidence: str
    """What makes the verdict believable, in a sentence."""
    core: Part | None = None
    """Not linearizable: the few operations that no order explains, and where they stand in the history."""
    stamps: Conclusion | None = None
    """What is wrong with the stamps, if there are some and they do not explain the history. If another order does, it
    is the stamps that are wrong."""

    @property
    def verdict(self) -> Verdict:
        """Whether one order explains the history."""
        return self.conclusion.verdict


def judge(history: History, *, budget_seconds: float = 60.0, progress: Progress | None = None) -> Judgement:
    """Whether one order explains a history, with the evidence for it. `progress` is told now and then how far it is.

    >>> from bookproof.models.linearize.history import Operation
    >>> from bookproof.spec.commands import Cancel
    >>> from bookproof.spec.events import Rejected
    >>> from bookproof.spec.instruments import listing
    >>> from bookproof.spec.reasons import RejectReason
    >>> none = Operation(0, Cancel("ABC", 1), 10, 20, (Rejected("ABC", 1, RejectReason.UNKNOWN_ORDER),))
    >>> judgement = judge(History(listing(["ABC"]), (none,)))
    >>> judgement.verdict.value, judgement.evidence
    ('linearizable', 'its order was replayed by the oracle')
    """
    until = perf_counter() + budget_seconds
    with _without_collecting():
        stamped = check_stamps(history)
    if stamped is None:
        return _searched(history, until, progress)
    if stamped.verdict is Verdict.LINEARIZABLE:
        return Judgement(stamped, "stamps", _replayed_by(history))
    return _searched(history, until, progress)._replace(stamps=stamped)


def _searched(history: History, until: float, progress: Progress | None) -> Judgement:
    """The same, whatever the stamps say."""
    budget_seconds = max(1.0, until - perf_counter())
    with _without_collecting():
        found = decide(history, budget_seconds=budget_seconds, progress=progress)
    doubt = ""
    if found.verdict is Verdict.LINEARIZABLE:
        flaw = flaw_in(history, found.order)
        if flaw is None:
            return Judgement(found, "clauses", _replayed_by(history))
        doubt = f"the order that clauses allow does not explain it: {flaw.sentence}"
    elif found.verdict is Verdict.NOT_LINEARIZABLE:
        believed = _believed(history, found, until)
        if believed is not None:
            return believed
        doubt = "the generic search does not refute the core of the proof"
    general = search(history, budget_seconds=max(1.0, until - perf_counter()))
    if general.verdict is Verdict.LINEARIZABLE:
        return Judgement(general, "generic search", _replayed_by(history))
    if general.verdict is Verdict.NOT_LINEARIZABLE:
        # What it left out was left out for a reason that somebody thought of: as far as that goes, also without.
        plainly = search(history, steps=_STEPS, budget_seconds=_PLAINLY, shortcuts=False)
        if plainly.verdict is Verdict.LINEARIZABLE:
            return Judgement(plainly, "generic search", _replayed_by(history))
        told, core = "every order that real time allows was tried", _cut(history)
        if core is None:
            core = shortened(history, seconds=_SHORTENING)
            if core is not None:
                told, general = f"{told}, of all and of a core of {_many(core)}", general._replace(core=core.places)
        return Judgement(general, "generic search", told, core)
    kind = doubt or found.kind
    return Judgement(general._replace(kind=kind), "generic search", "no verdict")


def _believed(history: History, found: Conclusion, until: float) -> Judgement | None:
    """A proof of clauses, with what makes it believable; None if that is for the generic search to say."""
    core, alone = _core(history, found, until), "its rules do not let a core be cut out"
    if core is not None:
        again = search(core.history, steps=_STEPS, shortcuts=False)
        if again.verdict is Verdict.UNKNOWN:
            again = search(core.history, steps=_STEPS)
        if again.verdict is Verdict.NOT_LINEARIZABLE:
            told = f"the generic search refuted its core of {_many(core)} by itself"
            return Judgement(found._replace(core=core.places), "clauses", told, core)
        if again.verdict is Verdict.LINEARIZABLE or len(core.places) <= LONGEST_CORE:
            return None
        alone = "the core is too long to be searched"
    if len(history.operations) <= LONGEST_CORE:
        return None
    short = shortened(history, seconds=_SHORTENING) if len(history.operations) <= _SHORTENED else None
    if short is not None:
        told = f"beside its proof, the generic search refuted a core of {_many(short)} by itself"
        return Judgement(found._replace(core=short.places), "clauses", told, short)
    return Judgement(found, "clauses", f"its proof stands alone: {alone}", core)


def _many(core: Part) -> str:
    return f"{len(core.places)} operations"


def _replayed_by(history: History) -> str:
    who = "the oracle" if len(history.operations) <= BY_ORACLE else "the engine behind one lock"
    return f"its order was replayed by {who}"


def _core(history: History, found: Conclusion, until: float) -> Part | None:
    """The smallest part of a history, around what a proof speaks of, that clauses refute."""
    is_wrong = wrong_by(lambda part: decide(part, steps=50_000))
    named = names_of(history.operations[at] for at in found.core)
    part = only(history, named)
    if part is None:
        return None
    if not is_wrong(part.history):
        near = names_of(part.history.operations)
        part = only(history, near)
        if part is None or not is_wrong(part.history):
            whole = only(history, names_of(history.operations)) if len(history.operations) <= 5_000 else None
            if whole is None or not is_wrong(whole.history):
                return None
            part = whole
    return smallest(part, is_wrong, until=until)


def _cut(history: History) -> Part | None:
    """The smallest part of a short history that the generic search refutes."""
    whole = only(history, names_of(history.operations))
    is_wrong = wrong_by(lambda part: search(part, steps=20_000))
    if whole is None or not is_wrong(whole.history):
        return None
    return smallest(whole, is_wrong, tries=200)


@contextmanager
def _without_collecting() -> Iterator[None]:
    """No cycles are made here, and a million operations are much to look through for them."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
