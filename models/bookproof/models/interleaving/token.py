"""A schedule in a few characters, to run it again: `cancel-fill/AB2A`.

Threads are letters, and a number after one says how many transitions in a row it makes. A scenario made smaller
says which of its commands are left out, thread by thread, counted from 1: `mass-cancel-A2C12/B2A`. Racing cells that
threads stop at stand at the end, with underscores for spaces: `basket-torn/A4B2A+B`. That of a spread is named after
its legs: `implied-in/A15+A-B`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from bookproof.models.interleaving.generated import named
from bookproof.models.interleaving.scenarios import NAMED, Scenario
from bookproof.models.interleaving.words import LETTERS, letter
from bookproof.spec.input_error import InputError

_TOKEN = re.compile(r"([a-z][a-z0-9]*(?:-[a-z]+)*)((?:-(?:[A-H][1-9]+)+)?)/((?:[A-H]\d*)*)((?:\+[\w-]+)*)")


def schedule_text(schedule: Sequence[int]) -> str:
    """A schedule as letters and run lengths.

    >>> schedule_text([0, 1, 1, 0])
    'AB2A'
    """
    runs = [(thread, len(list(run))) for thread, run in groupby(schedule)]
    return "".join(f"{letter(thread)}{times if times > 1 else ''}" for thread, times in runs)


def schedule_of(text: str) -> tuple[int, ...]:
    """The schedule that `schedule_text` wrote.

    >>> schedule_of("AB2A")
    (0, 1, 1, 0)
    """
    steps = re.findall(r"([A-H])(\d*)", text)
    return tuple(LETTERS.index(name) for name, times in steps for _ in range(int(times or 1)))


class Replay(NamedTuple):
    """What a token stands for."""

    scenario: Scenario
    """Without what is left out."""
    left_out: tuple[tuple[int, int], ...]
    schedule: tuple[int, ...]
    points: frozenset[str]


def token_of(
    scenario: str, left_out: Sequence[tuple[int, int]], schedule: Sequence[int], points: Sequence[str] = ()
) -> str:
    """What `bookproof replay` takes. `left_out` names commands by thread and number, both from 0.

    >>> token_of("mass-cancel", [(0, 1), (2, 0), (2, 1)], [1, 1, 0], ["B"])
    'mass-cancel-A2C12/B2A+B'
    """
    by_thread = groupby(sorted(left_out), key=lambda place: place[0])
    gaps = "".join(letter(thread) + "".join(str(number + 1) for _, number in places) for thread, places in by_thread)
    cells = "".join(f"+{cell.replace(' ', '_')}" for cell in sorted(points))
    return f"{scenario}{'-' + gaps if gaps else ''}/{schedule_text(schedule)}{cells}"


def read_token(token: str) -> Replay:
    """What `token_of` wrote. Raises InputError.

    >>> replay = read_token("mass-cancel-A1/B2A+B")
    >>> replay.scenario.scripts[0], replay.left_out, replay.schedule, replay.points
    ((), ((0, 0),), (1, 1, 0), frozenset({'B'}))
    >>> sorted(read_token("implied-in/A+A-B+B").points)
    ['A-B', 'B']
    """
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise InputError("token", 0, "", "SCENARIO/SCHEDULE, such as cancel-fill/AB2A", token)
    name, gaps, text, cells = match.groups()
    scenario = named(name)
    if scenario is None:
        raise InputError("token", 0, "scenario", f"one of {', '.join(NAMED)}, or a number such as g3x2n17", name)
    places = re.findall(r"([A-H])([1-9]+)", gaps)
    left_out = tuple((LETTERS.index(name), int(number) - 1) for name, numbers in places for number in numbers)
    points = frozenset(cell.replace("_", " ") for cell in cells.split("+")[1:])
    return Replay(without(scenario, left_out), left_out, schedule_of(text), points)


def without(scenario: Scenario, left_out: Sequence[tuple[int, int]]) -> Scenario:
    """The scenario without some of its commands. A thread with nothing to do stays, so that letters keep their meaning.

    >>> [len(script) for script in without(NAMED["cancel-fill"], [(1, 0)]).scripts]
    [1, 1]
    """
    scripts = tuple(
        tuple(command for number, command in enumerate(script) if (thread, number) not in left_out)
        for thread, script in enumerate(scenario.scripts)
    )
    return scenario._replace(scripts=scripts)
