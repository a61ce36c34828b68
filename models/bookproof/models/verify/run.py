"""Plans the parts over the cores, shows how far each is, and collects the results."""

from __future__ import annotations

import multiprocessing
import os
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.sharedctypes import SynchronizedArray
from pathlib import Path
from typing import Any, TypeAlias

from bookproof.models.concurrent.run import run_concurrent
from bookproof.models.interleaving.run import run_schedules
from bookproof.models.sequential.determinism import run_determinism
from bookproof.models.sequential.run import run_sequential
from bookproof.models.verdict import Disagreement, Result, Verdict
from bookproof.models.verify.data import run_data
from bookproof.models.verify.workloads import BudgetSpent, run_workload
from bookproof.models.workloads import DEFAULT_SEED, PUBLISHED_ORDERS, WORKLOADS

PARTS = ("workloads", "data", "sequential", "concurrent", "schedules")

ORACLE_WORKLOADS = ("static", "normal")
"""What the oracle runs unless everything is asked for: the two that modify into the other side of the book."""

RANDOM_SECONDS = 30.0
"""How long the sequential and the concurrent part each search when no budget is given."""


@dataclass(frozen=True)
class Request:
    """What `bookproof verify` was asked for."""

    engine: str = "striped"
    parts: tuple[str, ...] = PARTS
    workloads: tuple[str, ...] = tuple(WORKLOADS)
    oracle_workloads: tuple[str, ...] = ORACLE_WORKLOADS
    orders: int = PUBLISHED_ORDERS
    budget: float | None = None
    """Seconds for the whole run; None lets the workloads take what they need."""
    seed: int | None = None
    """Of workloads and of random parts; None is the published seed, and 1."""
    case: int | None = None
    profile: str | None = None
    """Of the sequential and the concurrent part: a shipped venue or a file; None goes through all venues in turn."""
    save_histories: Path | None = None
    processes: int = field(default_factory=lambda: os.cpu_count() or 1)


Tell: TypeAlias = Callable[[float, str], None]
Show: TypeAlias = Callable[[str, float, str], None]
"""Is told a task's name, the share done of it, and what is going on in it."""


@dataclass(frozen=True)
class _Task:
    """One thing to do in a process of its own."""

    name: str
    work: Callable[..., list[Result]]
    options: dict[str, Any]
    stand_in: tuple[str, tuple[str, ...]]
    """The part and the checks that were not run if this does not come to its end."""
    keeps_its_budget: bool = False
    """It ends by itself, with what it has, and is not to be stopped."""


def run_verify(request: Request, show: Show | None = None) -> list[Result]:
    """Run every part that was asked for and give their results, in the order of the parts.

    Schedules are searched when the processes are done, and the concurrent part runs last, with nothing beside it.
    """
    tell = show or (lambda name, share, what: None)
    deadline = None if request.budget is None else time.time() + request.budget
    results: list[Result] = []
    tasks = _tasks(request)
    if tasks:
        results += _in_processes(tasks, request, deadline, tell)
    if "schedules" in request.parts and request.case is None:
        left_over = None if deadline is None else max(0.0, deadline - time.time())
        results += run_schedules(request.engine, left_over, lambda share, what: tell("schedules", share, what))
    if "concurrent" in request.parts:
        left = RANDOM_SECONDS if deadline is None else max(0.0, deadline - time.time())
        results += run_concurrent(
            request.engine,
            budget_seconds=left,
            seed=1 if request.seed is None else request.seed,
            progress=lambda share, what: tell("concurrent", share, what),
            case=request.case,
            save_to=request.save_histories,
            profile=request.profile,
        )
    return sorted(results, key=_place)


def _place(result: Result) -> tuple[int, int]:
    """Results come as they are ready, and are told in the order of the parts and of the published workloads."""
    workload = result.check.partition(" ")[0]
    return PARTS.index(result.part), list(WORKLOADS).index(workload) if workload in WORKLOADS else 0


def _tasks(request: Request) -> list[_Task]:
    tasks: list[_Task] = []
    if "sequential" in request.parts:
        seconds = RANDOM_SECONDS if request.budget is None else request.budget / len(request.parts)
        options: dict[str, Any] = {
            "budget_seconds": seconds,
            "seed": 1 if request.seed is None else request.seed,
            "case": request.case,
            "profile": request.profile,
        }
        tasks.append(_Task("sequential", _sequential, options, ("sequential", ("all features",)), True))
    if "workloads" in request.parts:
        for name in sorted(request.workloads, key=lambda name: name not in request.oracle_workloads):
            oracle = name in request.oracle_workloads
            options = {
                "name": name,
                "oracle": oracle,
                "orders": request.orders,
                "seed": DEFAULT_SEED if request.seed is None else request.seed,
            }
            checks = (f"{name} by {request.engine}", *([f"{name} by the oracle"] if oracle else []))
            tasks.append(_Task(name, run_workload, options, ("workloads", checks)))
    if "data" in request.parts:
        tasks.append(_Task("data", run_data, {}, ("data", ("Bitstamp",))))
    return tasks


def _sequential(*, engine: str, seed: int, case: int | None, profile: str | None, **options: Any) -> list[Result]:
    """The differential run, then whether everything is said again in the same way."""
    results = run_sequential(engine, seed=seed, case=case, profile=profile, **options)
    agrees = all(result.verdict is not Verdict.DISAGREE for result in results)
    return [*results, run_determinism(engine, seed=seed, case=case, profile=profile, worth_it=agrees)]


# ── processes ──

_shares: SynchronizedArray[float] | None = None


def _begin(shares: SynchronizedArray[float]) -> None:
    global _shares
    _shares = shares


def _work(number: int, task: _Task, engine: str, deadline: float | None) -> list[Result]:
    """Runs in a process of its own."""
    parent = os.getppid()

    def tell(share: float, what: str) -> None:
        assert _shares is not None
        _shares[number] = share
        if os.getppid() != parent:  # whoever asked is gone, perhaps killed: nobody will ever read the result
            os._exit(1)
        if deadline is not None and time.time() > deadline and not task.keeps_its_budget:
            raise BudgetSpent

    try:
        return task.work(engine=engine, progress=tell, **task.options)
    except BudgetSpent:
        return _not_run(task, "the budget was spent")
    except MemoryError:
        return _not_run(task, "there was not enough memory; try --processes 1")
    except Exception as error:  # whatever the engine under test raises is a finding
        part, checks = task.stand_in
        story = "".join(traceback.format_exception(error)[-3:])
        again = f"bookproof verify --only {part} --engine {engine}"
        found = Disagreement(f"{type(error).__name__}: {error}", (), "an answer", story, f"# {again}\n", again)
        return [Result(part, checks[0], Verdict.DISAGREE, {}, 0.0, "an exception", found)]


def _not_run(task: _Task, why: str) -> list[Result]:
    part, checks = task.stand_in
    return [Result(part, check, Verdict.NOT_RUN, {}, 0.0, why) for check in checks]


def _in_processes(tasks: list[_Task], request: Request, deadline: float | None, tell: Show) -> list[Result]:
    results: list[Result] = []
    # The concurrent part comes after these and needs some of the budget.
    kept = (request.budget or 0.0) / len(request.parts) if "concurrent" in request.parts else 0.0
    stop = None if deadline is None else deadline - kept
    with _pool(tasks, request.processes) as (pool, shares):
        running: dict[Future[list[Result]], tuple[int, _Task]] = {
            pool.submit(_work, number, task, request.engine, stop): (number, task) for number, task in enumerate(tasks)
        }
        pending = set(running)
        while pending:
            done, pending = wait(pending, timeout=0.2)
            for future in pending | done:
                number, task = running[future]
                tell(task.name, 1.0 if future in done else shares[number], task.name)
            for future in done:
                _, task = running[future]
                try:
                    results += future.result()
                except BrokenProcessPool:
                    results += _not_run(task, "its process died; was the machine out of memory? try --processes 1")
    return results


@contextmanager
def _pool(tasks: list[_Task], processes: int) -> Iterator[tuple[ProcessPoolExecutor, SynchronizedArray[float]]]:
    """Processes that begin afresh: none inherits a lock that some thread holds here."""
    context = multiprocessing.get_context("spawn")
    shares = context.Array("d", len(tasks))
    pool = ProcessPoolExecutor(min(processes, len(tasks)), context, initializer=_begin, initargs=(shares,))
    try:
        yield pool, shares
    except BaseException:
        for process in (pool._processes or {}).values():  # nothing else stops work that has begun
            process.kill()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
