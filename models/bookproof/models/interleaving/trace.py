"""One run, heard in full: every lock, every cell with its value, and the lines of the engine at which it happens.

A `Recorder` listens to the engine itself, not to the scheduler: it puts itself between the engine and its locks, and
around whatever touches a cell. So it hears each step in the thread that makes it, with the stack that led there.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from bookproof.models.report.plainly import plainly
from bookproof.spec.reasons import RejectReason
from bookproof.spec.views import OrderStatus, Queue, QueuedOrder, Stops

_ENGINE = "bookproof/engine/"
_HELPERS = ("__enter__", "_holding", "_holding_all", "_holding_to_spend", "_holding_balances")
"""What takes locks on behalf of somebody: whoever calls these is more telling."""


class Site(NamedTuple):
    """A line of the engine."""

    file: str
    """Below `bookproof/engine`."""
    line: int
    function: str
    code: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Step(NamedTuple):
    """Something that a thread did."""

    thread: int
    verb: str
    """`calls`, `takes`, `tries in vain`, `leaves`, `sleeps at`, `is not woken in time at`, `wakes who sleeps at`,
    `reads`, `writes`, `draws`, `waits for`, `raises`, `is told`."""
    place: str
    """A lock, a cell or a counter; of a call its command, of an answer its events."""
    value: str = ""
    """What was read or written."""
    sites: tuple[Site, ...] = ()
    """Where the engine stands, innermost first."""
    turn: int = 0
    """How many transitions of all threads had begun: 0 while the threads are still starting."""
    touched: tuple[tuple[str, bool], ...] = ()
    """The cells that were touched, and whether to change them."""
    minor: bool = False
    """Whether it is of interest only in the full trace, or when somebody else comes between."""

    @property
    def site(self) -> Site | None:
        """The line that says most."""
        telling = (site for site in self.sites if site.function not in _HELPERS)
        return next(telling, self.sites[0] if self.sites else None)

    @property
    def what(self) -> str:
        """The step in words.

        >>> Step(0, "reads", "A", "status of order 1: 1 open").what
        'reads A: status of order 1: 1 open'
        """
        return f"{self.verb} {self.place}{': ' if self.value else ''}{self.value}"


class Recorder:
    """Hears everything that happens in one run."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._scheduler: Any = None
        self._deep: dict[int, list[tuple[str, bool]]] = {}
        """What a thread has touched in the call that it is in."""
        self._named: dict[str, str] = {}
        """What a cell is called: a book may have the name of a thread."""
        self._raised: set[int] = set()
        self._wants: dict[int, tuple[str, tuple[Site, ...]]] = {}

    # ── what the program tells ──

    def sync(self, scheduler: Any) -> Any:
        """The scheduler, for the engine that is to be heard."""
        self._scheduler = scheduler
        touch = scheduler.touch

        def touching(cell: str, writes: bool) -> None:
            deep = self._deep.get(scheduler._running)
            if deep is not None:
                deep.append((self._named.get(cell, cell), writes))
            touch(cell, writes)

        scheduler.touch = touching
        return _Heard(scheduler, self)

    def listen(
        self,
        engine: Any,
        books: Mapping[str, Any],
        methods: Iterable[str],
        others: Iterable[tuple[Any, Iterable[str]]],
    ) -> None:
        """Listen to an engine that is watched already: its books, and other objects with these methods."""
        self._named = {symbol: f"book {symbol}" for symbol in books}
        for symbol, book in books.items():
            named: dict[str, Any] = {name: self._method(name, getattr(type(book), name), symbol) for name in methods}
            held = getattr(type(book), "lists", None)
            if isinstance(held, property):
                named["lists"] = self._cell("lists", symbol, held, True)
            book.__class__ = type(f"Told{type(book).__name__}", (type(book),), {"__slots__": (), **named})
        for owner, names in others:
            for name in names:
                setattr(owner, name, self._function(name, getattr(owner, name)))
        shared = getattr(type(engine), "shared", ())
        cells = {name: self._cell("", name, getattr(type(engine), name)) for name in shared}
        if cells:
            engine.__class__ = type(f"Told{type(engine).__name__}", (type(engine),), cells)

    def called(self, thread: int, command: str) -> None:
        """A thread calls the engine."""
        self._add(thread, "calls", command)

    def returned(self, thread: int, answer: str) -> None:
        """It is told the answer."""
        self._add(thread, "is told", answer)

    def ended(self, waiting: Mapping[int, Any], errors: Mapping[int, BaseException]) -> None:
        """The run is over, and these threads never ended, or fell over."""
        for thread, action in sorted(waiting.items()):
            place, sites = self._wants.get(thread, (action.place, ()))
            self._add(thread, "waits for", place, sites=sites)
        for thread, error in sorted(errors.items()):
            if thread not in self._raised:
                self._add(thread, "raises", f"{type(error).__name__}: {error}", sites=tuple(_stack_of(error)))

    # ── what happens ──

    def _add(self, thread: int, verb: str, place: str, value: str = "", **more: Any) -> None:
        self.steps.append(Step(thread, verb, place, value, turn=len(self._scheduler._events), **more))

    def take(self, name: str, acquire: Callable[[], Any]) -> Any:
        """A thread takes a lock."""
        me = self._scheduler._running
        if me < 0:
            return acquire()
        sites = tuple(_stack())
        self._wants[me] = name, sites
        taken = acquire()
        self._add(me, "takes" if taken is not False else "tries in vain", name, sites=sites)
        return taken

    def at(self, verb: str, name: str, act: Callable[[], Any]) -> Any:
        """A thread does something else with one of the engine's primitives."""
        me = self._scheduler._running
        if me >= 0:
            sites = tuple(_stack())
            self._wants[me] = name, sites
            self._add(me, verb, name, sites=sites)
        return act()

    def sleep(self, name: str, wait: Callable[[], bool]) -> bool:
        """A thread waits at a condition, to the end or not."""
        woken = bool(self.at("sleeps at", name, wait))
        me = self._scheduler._running
        if me >= 0 and not woken:
            self._add(me, "is not woken in time at", name, sites=tuple(_stack()))
        return woken

    def leave(self, name: str, release: Callable[[], Any]) -> Any:
        """It leaves one."""
        me = self._scheduler._running
        sites = tuple(_stack()) if me >= 0 else ()
        left = release()
        if me >= 0 and not self._scheduler._over:
            self._add(me, "leaves", name, sites=sites)
        return left

    def draw(self, name: str, number: int) -> int:
        """It draws a number."""
        me = self._scheduler._running
        if me >= 0:
            self._add(me, "draws", name, str(number), sites=tuple(_stack()))
        return number

    def _method(self, name: str, act: Callable[..., Any], symbol: str) -> Callable[..., Any]:
        def told(book: Any, *given: Any, **named: Any) -> Any:
            return self._heard(name, lambda: act(book, *given, **named), (*given, *named.values()), symbol)

        return told

    def _function(self, name: str, act: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *given, **named: self._heard(name, lambda: act(*given, **named), (*given, *named.values()), "")

    def _cell(self, name: str, cell: str, inner: property, minor: bool = False) -> property:
        def read(owner: Any) -> Any:
            return self._heard(name, lambda: inner.__get__(owner), (), cell, minor)

        def write(owner: Any, value: Any) -> None:
            self._heard(name, lambda: inner.__set__(owner, value), (value,), cell, minor)

        return property(read, write)

    def _heard(self, name: str, act: Callable[[], Any], given: tuple[Any, ...], place: str, minor: bool = False) -> Any:
        """Something touches a cell. What it touches on the way belongs to it."""
        me = self._scheduler._running
        if me < 0 or self._scheduler._over or me in self._deep:
            return act()
        sites = tuple(_stack())
        events = given[-1] if name in ("fill", "trigger_stops") else None
        before = len(events or ())
        touched: list[tuple[str, bool]] = []
        self._deep[me] = touched
        try:
            result = act()
        except Exception as error:
            self._raised.add(me)
            sites, cells = tuple(_stack_of(error)), tuple(dict.fromkeys(touched))
            self._add(me, "raises", f"{type(error).__name__}: {error}", sites=sites, touched=cells)
            raise
        finally:
            del self._deep[me]
        if touched:
            writes = any(changes for _, changes in touched)
            said = events[before:] if events is not None else result
            where = self._named.get(place, place) or ", ".join(
                dict.fromkeys(cell for cell, changes in touched if changes is writes)
            )
            value = _value(name, given, said)
            self._add(
                me,
                "writes" if writes else "reads",
                where,
                value,
                sites=sites,
                touched=tuple(dict.fromkeys(touched)),
                minor=minor,
            )
        return result


class _Heard:
    """A scheduler whose locks and counters are heard."""

    def __init__(self, scheduler: Any, recorder: Recorder) -> None:
        self._scheduler, self._recorder = scheduler, recorder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._scheduler, name)

    def lock(self, name: str) -> Any:
        return self._told(self._scheduler.lock(name), name)

    def try_lock(self, name: str) -> Any:
        return self._told(self._scheduler.try_lock(name), name)

    def rlock(self, name: str) -> Any:
        return self._told(self._scheduler.rlock(name), name)

    def condition(self, name: str, lock: Any) -> Any:
        made, recorder = self._scheduler.condition(name, lock), self._recorder
        inner = type(made)
        methods: dict[str, Callable[..., Any]] = {
            "wait": lambda self, timeout=None: recorder.sleep(name, lambda: inner.wait(self, timeout)),
            "notify": lambda self, n=1: recorder.at("wakes who sleeps at", name, lambda: inner.notify(self, n)),
        }
        made.__class__ = type(f"Told{inner.__name__}", (inner,), methods)
        return made

    def _told(self, lock: Any, name: str) -> Any:
        recorder, inner = self._recorder, type(lock)

        def acquire(self: Any, *given: Any, **named: Any) -> Any:
            return recorder.take(name, lambda: inner.acquire(self, *given, **named))

        def release(self: Any) -> Any:
            return recorder.leave(name, lambda: inner.release(self))

        methods = {
            "acquire": acquire,
            "release": release,
            "__enter__": acquire,
            "__exit__": lambda self, *error: release(self),
        }
        lock.__class__ = type(f"Told{inner.__name__}", (inner,), {"__slots__": (), **methods})
        return lock

    def counter(self, name: str) -> Callable[[], int]:
        following, recorder = self._scheduler.counter(name), self._recorder
        return lambda: recorder.draw(name, following())


# ── where ──


def _stack() -> Iterator[Site]:
    """The lines of the engine that led here, innermost first."""
    frame: Any = sys._getframe(2)
    while frame is not None:
        site = _site(frame, frame.f_lineno)
        if site is not None:
            yield site
        frame = frame.f_back


def _stack_of(error: BaseException) -> Iterator[Site]:
    trace, sites = error.__traceback__, []
    while trace is not None:
        sites.append(_site(trace.tb_frame, trace.tb_lineno))
        trace = trace.tb_next
    return (site for site in reversed(sites) if site is not None)


def _site(frame: Any, line: int) -> Site | None:
    path = frame.f_code.co_filename.replace("\\", "/")
    _, found, file = path.rpartition(_ENGINE)
    if not found:
        return None
    code = linecache.getline(frame.f_code.co_filename, line).strip()
    return Site(file, line, frame.f_code.co_name, code)


# ── what ──

_SAID = {
    "is_live": "is order {} live",
    "status": "status of order {}",
    "can_fill": "can order {} fill",
    "refusal": "what speaks against order {}",
    "why_not_replace": "what speaks against a replace of order {}",
    "replace_refusal": "what speaks against a replace of order {}",
    "queue": "its queue",
    "top": "its top",
    "stops": "its stops",
    "depth": "its depth",
    "lists": "its lists",
    "go": "to phase {}",
}


def _value(name: str, given: tuple[Any, ...], result: Any) -> str:
    """What was asked, and what came of it.

    >>> _value("status", (1,), None), _value("can_fill", (), True)
    ('status of order 1: none', 'can order fill: yes')
    """
    first = given[0] if given else ""
    about = getattr(first, "order_id", first if isinstance(first, int | str) else "")
    asked = " ".join(_SAID.get(name, name.replace("_", " ")).format(about).split())
    if not name:
        return _short(first) if given else _short(result)
    return f"{asked}: {_short(result)}"


def _lots(order: QueuedOrder) -> str:
    return f"{order.leaves}{'' if order.price is None else f' at {order.price}'}"


def _short(result: Any) -> str:
    match result:
        case None:
            return "none"
        case bool():
            return "yes" if result else "no"
        case RejectReason():
            return result.value
        case OrderStatus():
            return f"{result.state}, {result.leaves} open"
        case Queue():
            sides = (("bids", result.bids), ("asks", result.asks))
            told = [f"{side} {', '.join(map(_lots, them))}" for side, them in sides if them]
            return "; ".join(told) or "empty"
        case Stops():
            told = [str(stop.order_id) for stop in (*result.buys, *result.sells)]
            return f"orders {', '.join(told)}" if told else "none"
        case list() | tuple() if result and all(hasattr(one, "__struct_fields__") for one in result):
            return plainly(*result)
        case list() | tuple() | dict() if not result:
            return "none"
        case dict():
            return f"of orders {', '.join(map(str, result))}"
        case _:
            text = plainly(result) if hasattr(result, "__struct_fields__") else str(result)
            return text if len(text) <= 80 else f"{text[:77]}..."
