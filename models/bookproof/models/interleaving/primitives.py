"""What a scheduler hands out in the place of locks, conditions, semaphores, events and cells.

Outside a run, when an engine is made or looked at by one thread, locks do nothing and the others just keep their value.
When a run is over nothing counts, and whoever would stop leaves instead.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Generic, TypeVar

from bookproof.engine.sync import Cell
from bookproof.models.held import Held
from bookproof.models.interleaving.actions import FLAG, NAP, taking

if TYPE_CHECKING:
    from bookproof.models.interleaving.scheduler import Scheduler

T = TypeVar("T")


class Abandoned(BaseException):
    """Ends a thread of a run that is over."""


class ControlledLock(Held):
    """A lock of the scheduler's. Only its holder may leave it."""

    def __init__(self, scheduler: Scheduler, name: str) -> None:
        self.name = name
        self._scheduler = scheduler
        self._take = taking(name)

    def acquire(self) -> object:
        """Stop until this thread is chosen and nobody holds the lock."""
        scheduler = self._scheduler
        if scheduler.counts():
            scheduler.point(self._take)
        return True

    def release(self) -> None:
        """Let the next one have it. RuntimeError if nobody holds it."""
        self._scheduler.release(self.name)

    def let_go(self) -> None:
        """Leave it, however often it was taken."""
        self._scheduler.release(self.name)

    def held_again(self) -> None:
        """It was taken back for a thread that was woken."""


class ControlledTryLock(ControlledLock):
    """A lock that one may ask for without waiting. Leaving it is a point: others can see whether it is held."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Wait for it; or ask for it once. A wait of some seconds may end without it at any moment: it is a try too."""
        scheduler = self._scheduler
        if not scheduler.counts():
            return True
        if blocking and timeout < 0:
            scheduler.point(self._take)
            return True
        return scheduler.attempt(self.name)


class ControlledRLock(ControlledLock):
    """A lock that its holder may take again."""

    def __init__(self, scheduler: Scheduler, name: str) -> None:
        super().__init__(scheduler, name)
        self._times = 0
        self._saved: dict[int, int] = {}

    def acquire(self) -> object:
        """Stop as for any lock, unless this thread holds it already."""
        scheduler = self._scheduler
        if scheduler.counts():
            if scheduler.holder(self.name) == scheduler.running:
                self._times += 1
            else:
                scheduler.point(self._take)
                self._times = 1
        return True

    def release(self) -> None:
        """Leave it once; the last time lets the next one have it."""
        scheduler = self._scheduler
        if scheduler.running >= 0 and not scheduler.over:
            scheduler.check_held(self.name, "leave")
            self._times -= 1
            if not self._times:
                scheduler.left(self.name)

    def let_go(self) -> None:
        """Leave it, however often it was taken, and remember how often that was."""
        self._saved[self._scheduler.running] = self._times
        self._scheduler.left(self.name)

    def held_again(self) -> None:
        """It is held as often as it was before."""
        self._times = self._saved.pop(self._scheduler.running)


class ControlledCondition(Held):
    """A condition: whoever waits lets its lock go, is woken by somebody who has it, and takes it again."""

    def __init__(self, scheduler: Scheduler, name: str, lock: ControlledLock) -> None:
        self.name = name
        self._scheduler = scheduler
        self._lock = lock

    def acquire(self) -> object:
        """Take its lock."""
        return self._lock.acquire()

    def release(self) -> None:
        """Leave its lock."""
        self._lock.release()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait to be woken. Nobody is woken but by a notify; who waits for some seconds may stop to at any moment.

        As with `threading`, that thread can be woken until it has its lock again, and whoever does so wakes nobody.
        """
        scheduler, woken = self._scheduler, True
        if scheduler.counts():
            scheduler.check_held(self._lock.name, "wait without")
            scheduler.lie_down(self.name, timeout is not None)
            self._lock.let_go()
            if timeout is None:
                scheduler.stop("sleep", self.name)
            else:
                woken = scheduler.ask(self.name, NAP) != NAP.vain
                if not woken:
                    scheduler.stop("take", self._lock.name)
                    scheduler.get_up(self.name)
            self._lock.held_again()
        elif scheduler.running < 0:
            if timeout is None:
                raise RuntimeError(f"nobody is there to wake who waits at {self.name}")
            return False
        return woken

    def notify(self, n: int = 1) -> None:
        """Wake the `n` that have waited longest."""
        if self._scheduler.counts():
            self._scheduler.check_held(self._lock.name, "notify without")
            self._scheduler.wake(self.name, self._lock.name, n)

    def notify_all(self) -> None:
        """Wake everybody who waits."""
        self.notify(len(self._scheduler.sleepers(self.name)))


class ControlledSemaphore(Held):
    """Permits that are taken and given, each a transition."""

    def __init__(self, scheduler: Scheduler, name: str, value: int) -> None:
        self.name = name
        self._scheduler = scheduler
        self.value = value
        """Permits that are there."""

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        """Wait for a permit; or ask for one once, which is also what a wait of some seconds comes to."""
        scheduler = self._scheduler
        if scheduler.counts():
            if not blocking or timeout is not None:
                return scheduler.attempt(self.name)
            scheduler.stop("take", self.name)
        elif scheduler.running < 0:
            if not self.value:
                if blocking and timeout is None:
                    raise RuntimeError(f"nobody is there to give a permit of {self.name}")
                return False
            self.value -= 1
            scheduler.shut(self.name, not self.value)
        return True

    def release(self, n: int = 1) -> None:
        """Give permits, all at once."""
        if n < 1:
            raise ValueError(f"expected one or more permits, got {n}")
        scheduler = self._scheduler
        if scheduler.counts():
            scheduler.stop("give", self.name)
            self.value += n
            scheduler.gave(self.name, n)
        elif scheduler.running < 0:
            self.value += n
            scheduler.shut(self.name, False)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._scheduler.over:
            self.release()


class ControlledEvent:
    """A flag: raising it, lowering it and looking at it are transitions; whoever waits goes on when it is up."""

    def __init__(self, scheduler: Scheduler, name: str) -> None:
        self.name = name
        self._scheduler = scheduler

    def is_set(self) -> bool:
        """Whether the flag is up."""
        if self._scheduler.counts():
            self._scheduler.stop("look", self.name)
        return not self._scheduler.is_shut(self.name)

    def set(self) -> None:
        """Raise it."""
        self._move("raise", True)

    def clear(self) -> None:
        """Lower it."""
        self._move("lower", False)

    def _move(self, kind: str, up: bool) -> None:
        scheduler = self._scheduler
        if scheduler.counts():
            scheduler.stop(kind, self.name)
        scheduler.flag(self.name, up)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is up; or look at it once, which is also what a wait of some seconds comes to."""
        scheduler = self._scheduler
        if scheduler.counts():
            if timeout is not None:
                return scheduler.ask(self.name, FLAG) == FLAG.found
            scheduler.stop("wait", self.name)
        elif scheduler.running < 0 and scheduler.is_shut(self.name):
            if timeout is None:
                raise RuntimeError(f"nobody is there to raise {self.name}")
            return False
        return True


class ControlledCell(Cell[T], Generic[T]):
    """A shared cell that tells the race detector of every read and write."""

    __slots__ = ("_held", "_name", "_scheduler")

    def __init__(self, scheduler: Scheduler, name: str, value: T) -> None:
        self._scheduler = scheduler
        self._name = name
        self._held = value

    @property
    def value(self) -> T:
        """What the cell holds."""
        self._scheduler.touch(self._name, writes=False)
        return self._held

    @value.setter
    def value(self, value: T) -> None:
        self._scheduler.touch(self._name, writes=True)
        self._held = value
