"""Programs of others, run for no longer than their budget, and never left behind.

A budget is counted in seconds of the program's own processor time where the platform tells it (Linux), so that a busy
machine decides as much as an idle one; elsewhere, and beyond ten times the budget in any case, it is the clock's.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, RLock, Thread
from time import perf_counter
from typing import NamedTuple

_LOOKS_EVERY = 0.1
"""Seconds between two looks at what a program has used."""
_PATIENCE = 10
"""So many times its budget a program may take on the clock."""


class Child(NamedTuple):
    """A program that runs."""

    process: subprocess.Popen[str]
    spent: Event
    """Set when it was killed because its budget was spent."""


_running: set[subprocess.Popen[str]] = set()
_ended = False
_lock = RLock()  # guards both; a signal may come to whoever holds it


@contextmanager
def child(words: Sequence[str], folder: Path, budget_seconds: float, *, merged: bool = False) -> Iterator[Child]:
    """Run a program in a folder, with pipes; with `merged` its errors come with its output.

    It is killed when its budget is spent, and when the `with` ends before it does. Raises OSError if it cannot start.
    """
    with _lock:  # so that nobody ends all the others while this one is about to begin
        process = subprocess.Popen(
            words,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merged else subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        _running.add(process)
        if _ended:
            process.kill()
    spent, over = Event(), Event()
    Thread(target=_watch, args=(process, budget_seconds, spent, over), daemon=True).start()
    try:
        with process:
            try:
                yield Child(process, spent)
            finally:
                over.set()
                if process.poll() is None:
                    process.kill()
    finally:
        with _lock:
            _running.discard(process)


def _watch(process: subprocess.Popen[str], budget_seconds: float, spent: Event, over: Event) -> None:
    """Kill a program once its budget is spent, unless it is over before."""
    began = perf_counter()
    while not over.wait(min(_LOOKS_EVERY, budget_seconds)):
        on_the_clock = perf_counter() - began
        used = _processor_seconds(process.pid)
        if (on_the_clock if used is None else used) > budget_seconds or on_the_clock > _PATIENCE * budget_seconds:
            spent.set()
            process.kill()
            return


def _processor_seconds(pid: int) -> float | None:
    """What a program has used of the processors so far, or None where the platform does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        ticks: int = os.sysconf("SC_CLK_TCK")
        return (int(fields[11]) + int(fields[12])) / ticks  # in user mode and in the kernel
    except (OSError, AttributeError, IndexError, ValueError):
        return None


def begin() -> None:
    """Let programs run again, after `end_all`."""
    global _ended
    with _lock:
        _ended = False


def end_all() -> None:
    """Kill every program that runs, and until `begin` every one that is started: for whoever has to stop early."""
    global _ended
    with _lock:
        _ended = True
        for process in _running:
            process.kill()
