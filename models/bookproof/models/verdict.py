"""What a check found, and what the finding was worth. Every part of `bookproof verify` ends in these values."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple


class Verdict(StrEnum):
    """Three values. A budget that ran out before anything was checked is `NOT_RUN`, never `AGREE`."""

    AGREE = "agree"
    """Everything that `worth` counts was checked, and it agreed. Nothing is said of what was not checked."""
    DISAGREE = "disagree"
    """There is a counterexample."""
    NOT_RUN = "not-run"
    """Nothing was checked; `note` says why."""


class Disagreement(NamedTuple):
    """One counterexample, told so that a person can follow it and run it again."""

    title: str
    """One sentence: what differs."""
    rules: tuple[str, ...]
    """Numbers of the rules broken, as far as they are known."""
    expected: str
    """What the oracle says, one event or line per line."""
    got: str
    """What the engine said, in the same form."""
    program: str
    """The shortest sequence as a Python test that can be pasted into a file and run by itself."""
    run_again: str
    """The command line that finds it again."""

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return self._asdict() | {"rules": list(self.rules)}


class Result(NamedTuple):
    """The outcome of one check."""

    part: str
    """workloads, data, sequential or concurrent."""
    check: str
    """Which check of the part, such as `normal by the engine`."""
    verdict: Verdict
    worth: Mapping[str, int | str]
    """What was covered: commands, rules reached, operations overlapped, histories, …"""
    seconds: float
    note: str = ""
    disagreement: Disagreement | None = None

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "part": self.part,
            "check": self.check,
            "verdict": self.verdict.value,
            "worth": dict(self.worth),
            "seconds": round(self.seconds, 3),
            "note": self.note,
            "disagreement": self.disagreement.to_json() if self.disagreement else None,
        }
