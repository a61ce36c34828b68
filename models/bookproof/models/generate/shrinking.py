"""Delta debugging: from a case that shows something to the simplest one that still does.

First fewer commands (Zeller and Hildebrandt, TSE 2002), then plainer commands, smaller numbers, fewer books and a
plainer venue, round and round until nothing helps. Every candidate is a whole case, so the judge needs to know nothing
of all this; the result does not depend on the speed of the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from bookproof.models.generate import command_parts, simpler
from bookproof.models.generate.case import Case

Shows: TypeAlias = Callable[[Case], bool]
"""Whether a case still shows what the first one did."""

FEW = 8
"""Only with so few commands are changes to several of them tried, for there are many such changes."""


def shrink_case(case: Case, shows: Shows, attempts: int = 10_000) -> Case:
    """The simplest case found within so many tries. `case` itself must show it; nothing is asked about it.

    >>> from bookproof.models.generate.features import PLAIN
    >>> from bookproof.models.generate.soak import soak_case
    >>> from bookproof.spec.commands import Submit
    >>> def has_a_large_order(case: Case) -> bool:
    ...     return any(type(command) is Submit and command.quantity > 3 for command in case.commands)
    >>> [command] = shrink_case(soak_case(1, 1, PLAIN), has_a_large_order).commands
    >>> command.quantity, command.price, command.account, command.order_id
    (4, 100, 1, 1)
    """
    return _Shrinker(case, shows, attempts).shrink()


class _Shrinker:
    """The best case so far, and how many tries are left."""

    def __init__(self, case: Case, shows: Shows, attempts: int) -> None:
        self.case = case
        self.shows = shows
        self.attempts = attempts
        self.seen: set[Case] = {case}

    def shrink(self) -> Case:
        before = None
        while before != self.case:
            before = self.case
            self._fewer_commands()
            for simplify in (
                simpler.fewer_books,
                simpler.plainer_books,
                simpler.plainer_profiles,
                simpler.renumbered,
                self._plainer_commands,
                self._several_commands,
            ):
                while any(self._try(candidate) for candidate in simplify(self.case)):
                    pass  # as often as it helps
        return self.case

    def _try(self, candidate: Case) -> bool:
        """Keep a candidate if it still shows it. Nothing is tried twice."""
        if self.attempts <= 0 or candidate in self.seen:
            return False
        self.seen.add(candidate)
        self.attempts -= 1
        if not self.shows(candidate):
            return False
        self.case = candidate
        return True

    def _fewer_commands(self) -> None:
        """Leave out runs of commands: long ones first, and from the end, where little depends on them."""
        length = max(1, len(self.case.commands) // 2)
        while True:
            removed = False
            end = len(self.case.commands)
            while end > 0:
                start = max(0, end - length)
                commands = self.case.commands
                removed |= self._try(self.case._replace(commands=commands[:start] + commands[end:]))
                end = start
            if length == 1 and not removed:
                return
            if not removed:
                length //= 2

    def _plainer_commands(self, case: Case) -> Iterator[Case]:
        prices = command_parts.prices(case.commands)
        for at, command in enumerate(case.commands):
            for plainer in simpler.simpler_commands(command, prices):
                yield case._replace(commands=(*case.commands[:at], plainer, *case.commands[at + 1 :]))

    def _several_commands(self, case: Case) -> Iterator[Case]:
        """Changes that help only together: a maker goes and its taker takes less; an order and its cancel go."""
        if len(case.commands) <= FEW:
            for sequences in (simpler.shorter_sequences, simpler.smaller_sequences):
                yield from (case._replace(commands=commands) for commands in sequences(case.commands))
