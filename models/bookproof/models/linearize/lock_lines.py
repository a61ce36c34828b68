"""The lines of a history file that tell what operations did with the locks of an engine of ours.

>>> step = LockStep(4, Doing.TAKES, "stripe 0", 120, 17)
>>> print(line_of(step))
{"lock":"stripe 0","of":4,"does":"takes","time":120,"number":17}
>>> read_lock_line({"lock": "stripe 0", "of": 4, "does": "takes", "time": 120, "number": 17}) == step
True
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bookproof.models.concurrent.history import Doing, LockStep
from bookproof.spec.input_error import InputError
from bookproof.spec.values import Nanoseconds, Value
from bookproof.spec.wire import Record, choice, text


class _Line(Value, frozen=True):
    of: int
    does: Doing
    time: Nanoseconds
    number: int = 0


_WORDS = {"waits-for": Doing.WAITS, "takes": Doing.TAKES, "leaves": Doing.LEAVES, "draws": Doing.DRAWS}
_LOCK = text("the name of a lock")
_LINE = Record(_Line, does=choice(_WORDS))


def line_of(step: LockStep) -> str:
    """One step as a line. Its operation is told by its number in the file."""
    rest = _LINE.shape.write(_Line(step.operation, step.doing, step.time, step.number))
    return f'{{"lock":{_LOCK.write(step.lock)},{rest[1:]}'


def read_lock_line(found: dict[str, Any]) -> LockStep:
    """What a line with a field `lock` says. InputError, without path and line, if it is no such line."""
    try:
        lock = _LOCK.read(found.pop("lock"))
    except InputError as error:
        raise error.within("lock") from None
    line = _LINE.read(found)
    return LockStep(line.of, line.does, lock, line.time, line.number)


class LockLines:
    """The lines read so far: each is held to the call and the return of its operation."""

    def __init__(self) -> None:
        self._called: dict[int, tuple[int, Nanoseconds]] = {}
        """By number, the place and the time of each call."""
        self._latest: dict[int, Nanoseconds] = {}
        """By place, when an operation did something with a lock for the last time."""
        self._steps: list[LockStep] = []

    def called(self, number: int, place: int, time: Nanoseconds) -> None:
        """An operation was called: from now on there may be lines about it."""
        self._called[number] = place, time

    def add(self, step: LockStep, returned: Sequence[Any]) -> None:
        """One more line; `returned` has at each place the operation, or None while it is under way."""
        place, time = self._called.get(step.operation, (-1, 0))
        if place < 0:
            got = f"{step.operation}, which was not called"
            raise InputError("", 0, "of", "the number of an operation that was called", got)
        if step.time < time:
            raise InputError("", 0, "time", f"a time that is not before that of its call, {time}", str(step.time))
        if self._steps and step.time < self._steps[-1].time:
            expected = f"a time that is not before that of an earlier lock line, {self._steps[-1].time}"
            raise InputError("", 0, "time", expected, str(step.time))
        if returned[place] is not None:
            _expect_before(step.time, returned[place].returned)
        self._latest[place] = step.time
        self._steps.append(step._replace(operation=place))

    def returned(self, place: int, time: Nanoseconds) -> None:
        """An operation has returned: it cannot have done anything with locks after that."""
        if place in self._latest:
            _expect_before(self._latest[place], time)

    def steps(self) -> tuple[LockStep, ...]:
        """All of them, with places for numbers."""
        return tuple(self._steps)


def _expect_before(time: Nanoseconds, returned: Nanoseconds) -> None:
    if time > returned:
        expected = f"lock lines that are not behind the return of their operation, at {returned}"
        raise InputError("", 0, "time", expected, str(time), "times are of one monotonic clock")
