"""Programs of others, run for no longer than their budget, and never left behind."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Lock, Timer
from typing import NamedTuple


class Child(NamedTuple):
    """A program that runs."""

    process: subprocess.Popen[str]
    spent: Event
    """Set when it was killed because its budget was spent."""


_running: set[subprocess.Popen[str]] = set()
_lock = Lock()  # guards _running


@contextmanager
def child(words: Sequence[str], folder: Path, budget_seconds: float, *, merged: bool = False) -> Iterator[Child]:
    """Run a program in a folder, with pipes; with `merged` its errors come with its output.

    It is killed when its budget is spent, and when the `with` ends before it does.
    """
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
    with _lock:
        _running.add(process)
    spent = Event()

    def give_up() -> None:
        spent.set()
        process.kill()

    watch = Timer(budget_seconds, give_up)
    watch.daemon = True
    watch.start()
    try:
        with process:
            try:
                yield Child(process, spent)
            finally:
                watch.cancel()
                if process.poll() is None:
                    process.kill()
    finally:
        with _lock:
            _running.discard(process)


def kill_all() -> None:
    """Kill every program that runs, for whoever has to stop before they do."""
    with _lock:
        for process in _running:
            process.kill()
