"""Seeded defects of waiting: who waits is woken too early, or by the wrong one, or never, or never waits at all, or has
waited long enough and believes that it has got what it waited for.

Their correct twins are in `other_locking`.
"""

from __future__ import annotations

from contextlib import ExitStack

from bookproof.engine.other_locking import PATIENCE, Monitor, MonitorEngine, PoliteEngine, WaryMonitor
from bookproof.engine.zoo.defect import Defect


class _WokenAndBelieved(Monitor):
    def enter(self, wanted: frozenset[int]) -> None:
        with self.freed:  # guards taken
            if self.taken.value & wanted:  # the defect: somebody may have come first who was not asleep
                self.freed.wait()
            self.taken.value |= wanted


class WokenAndBelieved(MonitorEngine):
    """Whoever is woken takes its stripes without looking again."""

    monitor_type = _WokenAndBelieved


class _WakesIfAwaited(Monitor):
    waiting = 0
    """Guarded by the door."""

    def enter(self, wanted: frozenset[int]) -> None:
        with self.freed:  # guards taken and waiting
            while self.taken.value & wanted:
                self.waiting += 1
                self.freed.wait()
                self.waiting -= 1
            self.taken.value |= wanted

    def leave(self, held: frozenset[int]) -> None:
        awaited = self.waiting  # the defect: the door is not held yet
        with self.freed:  # guards taken
            self.taken.value -= held
            if awaited:
                self.freed.notify_all()


class WakesIfAwaited(MonitorEngine):
    """Whoever lets stripes go spares itself the wake-up when nobody waits, as far as it can see."""

    monitor_type = _WakesIfAwaited


class _WakesFirst(Monitor):
    def leave(self, held: frozenset[int]) -> None:
        with self.freed:  # the defect: who looks now finds them taken, and nobody wakes it afterwards
            self.freed.notify_all()
        with self.door:  # guards taken
            self.taken.value -= held


class WakesFirst(MonitorEngine):
    """Whoever lets stripes go wakes the others first."""

    monitor_type = _WakesFirst


class _LooksThenWaits(Monitor):
    def enter(self, wanted: frozenset[int]) -> None:
        while not self._taken_by(wanted):
            with self.freed:  # the defect: they may have been freed since it looked, and nobody wakes it again
                self.freed.wait()

    def _taken_by(self, wanted: frozenset[int]) -> bool:
        with self.door:  # guards taken
            free = not self.taken.value & wanted
            if free:
                self.taken.value |= wanted
            return free


class LooksThenWaits(MonitorEngine):
    """Looks under the door's lock whether stripes are free, lets it go, and takes it again to wait."""

    monitor_type = _LooksThenWaits


class PoliteForEver(PoliteEngine):
    """Lets all stripes go when one is taken, and tries the same again, without end."""

    def take(self, wanted: list[int], held: ExitStack) -> bool:
        """Take stripes without waiting for one while another is held, however often it takes."""
        while not super().take(wanted, held):  # the defect: the other one does just the same
            pass
        return True


class _LateIsGranted(WaryMonitor):
    def enter(self, wanted: frozenset[int]) -> None:
        with self.freed:  # guards taken
            while self.taken.value & wanted:
                if not self.freed.wait(PATIENCE):
                    break  # the defect: whoever has them has not let them go
            self.taken.value |= wanted


class LateIsGranted(MonitorEngine):
    """Whoever has waited long enough for its stripes takes them as if they were free."""

    monitor_type = _LateIsGranted


WAITING = (
    Defect(
        "woken-and-believed",
        WokenAndBelieved,
        "Who was woken takes its stripe without looking again (`if` instead of `while`): another thread that was not "
        "asleep has come first, and both change one book.",
        True,
        "flashbots/mev-boost-relay #602: a condition is taken to be true when the wait for it returns.",
        "cancel-fill",
    ),
    Defect(
        "wakes-if-awaited",
        WakesIfAwaited,
        "Who lets stripes go wakes nobody if it saw nobody wait before it had the door: another thread has gone to "
        "sleep meanwhile, and sleeps on though its stripe is free.",
        True,
        "apache/incubator-heron #1657: a notify is spared when a flag says that nobody waits.",
        "cancel-fill",
    ),
    Defect(
        "wakes-first",
        WakesFirst,
        "Who lets stripes go wakes the others before it does: they find the stripes taken, go to sleep again, and "
        "nobody is left to wake them.",
        True,
        "made up: the two lines commute as long as one lock is held around both.",
        "cancel-fill",
    ),
    Defect(
        "looks-then-waits",
        LooksThenWaits,
        "A thread that has found its stripe taken lets the door go before it waits: the stripe is freed in between, "
        "and the wake-up finds nobody asleep.",
        True,
        "zeek/zeek #761: between the check of a flag and the wait for it the notification is missed.",
        "cancel-fill",
    ),
    Defect(
        "late-is-granted",
        LateIsGranted,
        "A thread that has waited for its stripe for so long goes on as if it had got it, though another one is still "
        "at work there: both change one book. As long as nobody is slow, nothing shows.",
        True,
        "dimagi/formplayer #187: a thread whose wait for a lock has timed out proceeds as if it had obtained it.",
        "cancel-fill",
    ),
    Defect(
        "polite-for-ever",
        PoliteForEver,
        "A basket that finds a stripe taken lets all its stripes go and begins anew: two of them with the same books "
        "in opposite order do so in step, for ever, and nobody waits.",
        True,
        "mratsim/weave #43: threads that back off keep each other from getting on.",
        "baskets-cross",
    ),
)
"""Each defect of waiting."""
