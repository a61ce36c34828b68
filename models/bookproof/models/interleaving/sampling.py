"""Schedules by lot, for scenarios that are too big to run every one.

- `Walk`: whoever can go on is as likely as the others, at every step.
- `UniformWalk`: a thread is as likely as it has transitions left, which makes all schedules about as likely, where a
  plain walk hardly ever lets a thread with few of them wait (Zhao, Wolff, Mathur, Roychoudhury, ASPLOS 2025).
- `Pct`: threads have priorities, and the one with the highest goes on; at so many steps, drawn beforehand, the one
  that is about to go on falls behind all others (Burckhardt, Kothari, Musuvathi, Nagarakatte, ASPLOS 2010). A defect
  that needs d steps in some order is met by each run with probability 1/(n k^(d-1)) at least, for n threads, k steps.

Each run is drawn from the seed alone, so the same seed makes the same runs.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from bookproof.models.interleaving.scheduler import Run
from bookproof.models.interleaving.search import Execute, Strayed, Wanted
from bookproof.models.interleaving.traces import linearizations


class Walk:
    """So many runs by lot; at every step each thread that can go on is as likely as the others."""

    def __init__(self, execute: Execute, samples: int, seed: int) -> None:
        self._execute = execute
        self._samples = samples
        self._dice = random.Random(seed)
        self.strayed: Strayed | None = None
        self._unlikely = 1.0
        """One over the probability of the run at hand."""
        self._drawn = 0
        self._weight = 0.0
        """Of all runs so far: for each, one over how likely its trace was."""

    def __iter__(self) -> Iterator[Run]:
        for _ in range(self._samples):
            self._begin()
            run = self._execute(self._choose)
            self._end(run)
            yield run

    def estimate(self) -> float:
        """How many traces there are, without bias: each run counts as one over how likely its trace was (Knuth).

        A trace may be met in as many orders as it has linearizations, all of them about as likely.
        """
        return self._weight / self._drawn if self._drawn else 1.0

    def _begin(self) -> None:
        self._unlikely = 1.0

    def _end(self, run: Run) -> None:
        self._drawn += 1
        self._weight += self._unlikely / linearizations(run).orders

    def _choose(self, wanted: Wanted, able: frozenset[int]) -> int | None:
        self._unlikely *= len(able)
        return self._dice.choice(sorted(able))


class UniformWalk(Walk):
    """So many runs by lot; at every step a thread is as likely as it has transitions left."""

    def __init__(self, execute: Execute, samples: int, seed: int) -> None:
        super().__init__(execute, samples, seed)
        self._lengths: dict[int, int] = {}
        """The most transitions that each thread has been seen to make."""
        self._made: dict[int, int] = {}

    def _begin(self) -> None:
        super()._begin()
        self._made = {}

    def _end(self, run: Run) -> None:
        super()._end(run)
        for thread, made in self._made.items():
            self._lengths[thread] = max(made, self._lengths.get(thread, 0))

    def _choose(self, wanted: Wanted, able: frozenset[int]) -> int | None:
        threads = sorted(able)
        left = [max(1, self._lengths.get(thread, 1) - self._made.get(thread, 0)) for thread in threads]
        chosen = self._dice.choices(threads, left)[0]
        self._unlikely *= sum(left) / left[threads.index(chosen)]
        self._made[chosen] = self._made.get(chosen, 0) + 1
        return chosen


class Pct(Walk):
    """So many runs by lot; each thread has a priority, and loses it at so many steps."""

    def __init__(self, execute: Execute, samples: int, seed: int, changes: int) -> None:
        super().__init__(execute, samples, seed)
        self._changes = changes
        self._steps = 1
        """The most that a run has had."""
        self._step = 0
        self._falls: dict[int, int] = {}
        self._priority: dict[int, float] = {}

    def estimate(self) -> float:
        """Nothing is known of what these runs leave out: as many as there were."""
        return float(self._drawn)

    def _begin(self) -> None:
        drawn = self._dice.sample(range(self._steps), min(self._changes, self._steps))
        self._falls = {step: at for at, step in enumerate(drawn)}
        self._priority = {}
        self._step = 0

    def _end(self, run: Run) -> None:
        self._drawn += 1
        self._steps = max(self._steps, len(run.events))

    def _choose(self, wanted: Wanted, able: frozenset[int]) -> int | None:
        for thread in sorted(wanted):
            if thread not in self._priority:
                self._priority[thread] = 1.0 + self._dice.random()
        chosen = max(able, key=self._priority.__getitem__)
        fall = self._falls.get(self._step)
        if fall is not None:
            self._priority[chosen] = -float(fall)
            chosen = max(able, key=self._priority.__getitem__)
        self._step += 1
        return chosen
