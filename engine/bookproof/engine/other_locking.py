"""Three more ways to hold stripes, as right as the first: for checkers, which have to pass what they do not expect.

The lock table of `striped` holds for both; what differs is how stripes are come by.

- `MonitorEngine` has one lock, the door, and a table of the stripes that are taken. Whoever needs some waits at a
  condition until all of them are free, and takes them at once: nobody holds one and waits for another, so no order is
  needed. Whoever lets go wakes everybody, as who waits for other stripes might be woken in vain.
- `WaryEngine` is the same, but whoever waits does not trust to be woken: after a while it looks for itself. That it has
  waited long enough says nothing of the stripes. Then it waits to be woken.
- `PoliteEngine` takes stripes in the order in which they are named and does not wait while it holds one: if the next is
  taken it lets all go, and takes them from the lowest number up, as `StripedEngine` does. It backs off once, so it
  cannot go round for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType

from bookproof.engine.striped import StripedEngine
from bookproof.engine.sync import THREADS, Cell, Lock, Sync, Threads, TryLock
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import DEFAULT, Profile


class Monitor:
    """The door, and which stripes are taken by those who have gone through it.

    >>> monitor = Monitor(THREADS)
    >>> monitor.enter(frozenset({0, 2}))
    >>> monitor.leave(frozenset({0}))
    >>> sorted(monitor.taken.value)
    [2]
    """

    def __init__(self, sync: Sync) -> None:
        self.door = sync.lock("door")
        self.freed = sync.condition("stripes freed", self.door)
        self.taken: Cell[frozenset[int]] = sync.cell("stripes taken", frozenset())
        """Guarded by the door."""

    def enter(self, wanted: frozenset[int]) -> None:
        """Wait until nobody has any of these stripes, and take them all."""
        with self.freed:  # guards taken
            while self.taken.value & wanted:
                self.freed.wait()
            self.taken.value |= wanted

    def leave(self, held: frozenset[int]) -> None:
        """Let stripes go. All who wait have a look: who is woken first may need others."""
        with self.freed:  # guards taken
            self.taken.value -= held
            self.freed.notify_all()


PATIENCE = 1.0
"""Seconds after which whoever waits at a wary monitor looks for itself."""


class WaryMonitor(Monitor):
    """The same, and whoever waits looks for itself once.

    >>> monitor = WaryMonitor(THREADS)
    >>> monitor.enter(frozenset({1}))
    >>> sorted(monitor.taken.value)
    [1]
    """

    def enter(self, wanted: frozenset[int]) -> None:
        """Wait until nobody has any of these stripes, and take them all."""
        seconds: float | None = PATIENCE
        with self.freed:  # guards taken
            while self.taken.value & wanted:
                if not self.freed.wait(seconds):
                    seconds = None
            self.taken.value |= wanted


class MonitorStripe:
    """One stripe, taken and left through the door."""

    def __init__(self, monitor: Monitor, number: int) -> None:
        self._monitor = monitor
        self._mine = frozenset({number})

    def acquire(self) -> object:
        """Wait until it is free, and take it."""
        self._monitor.enter(self._mine)
        return True

    def release(self) -> None:
        """Let it go."""
        self._monitor.leave(self._mine)

    def __enter__(self) -> None:
        self._monitor.enter(self._mine)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._monitor.leave(self._mine)


class _StripesThrough(Threads):
    """A `Sync` that makes stripes of a monitor, and all other locks as another one does."""

    def __init__(self, monitor: Monitor, sync: Sync) -> None:
        self._monitor, self._sync = monitor, sync
        self.counter = sync.counter  # type: ignore[method-assign]

    def lock(self, name: str) -> Lock:
        kind, _, number = name.partition(" ")
        return MonitorStripe(self._monitor, int(number)) if kind == "stripe" else self._sync.lock(name)


class MonitorEngine(StripedEngine):
    """Takes all stripes that it needs at once, or waits at a condition.

    >>> from bookproof.spec.commands import Halt
    >>> from bookproof.spec.instruments import listing
    >>> MonitorEngine(listing(["ABC"])).submit(Halt("ABC")).events
    (Halted(symbol='ABC'),)
    """

    monitor_type: type[Monitor] = Monitor

    def __init__(
        self, instruments: Iterable[Instrument], profile: Profile = DEFAULT, *, stripes: int = 16, sync: Sync = THREADS
    ) -> None:
        self._monitor = self.monitor_type(sync)
        super().__init__(instruments, profile, stripes=stripes, sync=_StripesThrough(self._monitor, sync))

    @contextmanager
    def _holding(self, stripes: Iterable[int]) -> Iterator[None]:
        """Hold several stripes, taken all at once."""
        wanted = frozenset(stripes)
        self._monitor.enter(wanted)
        try:
            yield
        finally:
            self._monitor.leave(wanted)


class WaryEngine(MonitorEngine):
    """Takes all stripes that it needs at once, or waits at a condition, and looks for itself after a while.

    >>> from bookproof.spec.commands import Halt
    >>> from bookproof.spec.instruments import listing
    >>> WaryEngine(listing(["ABC"])).submit(Halt("ABC")).events
    (Halted(symbol='ABC'),)
    """

    monitor_type = WaryMonitor


class _TriedStripes(Threads):
    """A `Sync` whose stripes can be tried."""

    def __init__(self, tried: list[TryLock], sync: Sync) -> None:
        self._tried, self._sync = tried, sync
        self.counter = sync.counter  # type: ignore[method-assign]

    def lock(self, name: str) -> Lock:
        if not name.startswith("stripe "):
            return self._sync.lock(name)
        made = self._sync.try_lock(name)
        self._tried.append(made)
        return made


class PoliteEngine(StripedEngine):
    """Takes stripes as they come, lets all go when one is taken, and is strict the second time.

    >>> from bookproof.spec.commands import Halt
    >>> from bookproof.spec.instruments import listing
    >>> PoliteEngine(listing(["ABC"])).submit(Halt()).events
    (Halted(symbol=None),)
    """

    def __init__(
        self, instruments: Iterable[Instrument], profile: Profile = DEFAULT, *, stripes: int = 16, sync: Sync = THREADS
    ) -> None:
        self._tried: list[TryLock] = []
        super().__init__(instruments, profile, stripes=stripes, sync=_TriedStripes(self._tried, sync))

    @contextmanager
    def _holding(self, stripes: Iterable[int]) -> Iterator[None]:
        """Hold several stripes: at the first attempt in any order, and without waiting for more than the first."""
        wanted = list(dict.fromkeys(stripes))
        with ExitStack() as held:
            if not self.take(wanted, held):
                for number in sorted(wanted):
                    held.enter_context(self._stripes[number])
            yield

    def take(self, wanted: list[int], held: ExitStack) -> bool:
        """Take stripes without waiting for one while another is held; False, and hold none, if that cannot be."""
        for at, number in enumerate(wanted):
            stripe = self._tried[number]
            if not stripe.acquire(blocking=at == 0):
                held.close()
                return False
            held.callback(stripe.release)
        return True
