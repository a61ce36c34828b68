"""Porcupine, the checker to compare with: our histories in its format, and a program that gives them to it.

Porcupine (github.com/anishathalye/porcupine, MIT) is a Go library, so a model of the object has to be written in Go and
built with it: `porcupine/main.go` beside this file models one order book with limit, market, immediate, fill-or-kill
and post-only orders and cancels. It needs a Go tool chain (on Debian `golang-go`) and a checkout of the module, in the
folder that the environment variable PORCUPINE names.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bookproof.models.linearize.history import History
from bookproof.spec.commands import Cancel, Command, Submit
from bookproof.spec.events import Accepted, Cancelled, Event, Rejected, Trade

CHECKOUT = "PORCUPINE"
"""The environment variable that says where the module is."""

MOST_MEMORY = 14 << 30
"""Bytes of address space that it may use: it needs n²/8 of them for n operations that all get a place."""

_MODULE = "github.com/anishathalye/porcupine"


class Peer(NamedTuple):
    """What Porcupine made of a history."""

    verdict: str
    """`Ok`, `Illegal`, `Unknown` when its time was up, `out of memory`."""
    seconds: float
    """CPU seconds of the check alone, on all cores."""
    mebibytes: int
    """The most memory that its process had."""


def missing() -> str | None:
    """Why Porcupine cannot be asked here; None if it can."""
    if shutil.which("go") is None:
        return "no Go tool chain: apt-get install golang-go"
    checkout = os.environ.get(CHECKOUT, "")
    if not checkout or not (Path(checkout) / "porcupine.go").is_file():
        return f"no checkout of {_MODULE}: set {CHECKOUT} to its folder"
    return None


def built(folder: Path) -> Path:
    """The program, built in this folder. RuntimeError with what Go says when it cannot be."""
    source = Path(__file__).parent / "porcupine" / "main.go"
    shutil.copy(source, folder / "main.go")
    checkout = Path(os.environ[CHECKOUT]).resolve()
    (folder / "go.mod").write_text(
        f"module bookproof.invalid/peer\n\ngo 1.16\n\nrequire {_MODULE} v0.0.0\n\nreplace {_MODULE} => {checkout}\n"
    )
    environment = os.environ | {"GOFLAGS": "-mod=mod", "GOPROXY": "off"}
    ran = subprocess.run(
        ["go", "build", "-o", "peer", "."], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if ran.returncode:
        raise RuntimeError(f"go build: {ran.stderr.strip()}")
    return folder / "peer"


def checked(program: Path, history: History, folder: Path, seconds: int) -> Peer:
    """What it says within so many seconds of wall time."""
    path = folder / "history.txt"
    with path.open("w") as file:
        file.writelines(f"{line}\n" for line in lines(history))
    said, complained = folder / "said.txt", folder / "complained.txt"
    with said.open("w") as out, complained.open("w") as err:
        process = subprocess.Popen(
            [str(program), str(path), str(seconds)],
            stdout=out,
            stderr=err,
            preexec_fn=partial(resource.setrlimit, resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY)),
        )
        _, status, usage = os.wait4(process.pid, 0)  # which tells the memory of this process, and of no other
        process.returncode = os.waitstatus_to_exitcode(status)
    mebibytes = usage.ru_maxrss // 1024
    if process.returncode == 0:
        verdict, used, _ = said.read_text().split()
        return Peer(verdict, float(used), mebibytes)
    why = complained.read_text()
    what = "out of memory" if "out of memory" in why or process.returncode < 0 else f"failed: {why[:80]}"
    return Peer(what, usage.ru_utime + usage.ru_stime, mebibytes)


def lines(history: History) -> Iterator[str]:
    """A history in the key-value log format of Porcupine's tests, call before return where the times are equal.

    A process has one operation at a time there, so one of a client that has another on its way is given to a process
    of its own. ValueError for what the model in Go does not know.

    >>> from bookproof.models.linearize.histories import large
    >>> for line in lines(large(1, 1)):
    ...     print(line)
    {:process 0, :type :invoke, :f :submit, :key "S00", :value "1 sell 9 1004 gtc"}
    {:process 0, :type :ok, :f :submit, :key "S00", :value "A"}
    """
    moments: list[tuple[int, int, int]] = []
    for at, operation in enumerate(history.operations):
        if operation.returned is None:
            raise ValueError("an operation without a return has no line in this format")
        moments += [(operation.called, 0, at), (operation.returned, 1, at)]
    busy: dict[int, int] = {}  # operations by process
    spare = 1 + max((operation.client for operation in history.operations), default=0)
    process_of: dict[int, int] = {}
    for _, returns, at in sorted(moments):
        operation = history.operations[at]
        kind, symbol, value = _called(operation.command)
        if returns:
            process = process_of.pop(at)
            del busy[process]
            value = ";".join(map(_said, operation.events or ()))
        else:
            process = operation.client
            if process in busy:
                process, spare = spare, spare + 1
            busy[process] = at
            process_of[at] = process
        state = ":ok" if returns else ":invoke"
        yield f'{{:process {process}, :type {state}, :f :{kind}, :key "{symbol}", :value "{value}"}}'


def _called(command: Command) -> tuple[str, str, str]:
    if type(command) is Cancel:
        return "cancel", command.symbol, str(command.order_id)
    if type(command) is not Submit:
        raise ValueError(f"the model in Go has no {type(command).__name__} commands")
    terms = "post-only" if command.post_only else command.time_in_force.value
    plain = Submit(
        *(command.symbol, command.order_id, command.account, command.side, command.quantity, command.price),
        time_in_force=command.time_in_force,
        post_only=command.post_only,
    )
    if command != plain or terms not in ("gtc", "ioc", "fok", "post-only"):
        raise ValueError(f"the model in Go does not know all terms of {command}")
    price = "market" if command.price is None else str(command.price)
    return "submit", command.symbol, f"{command.order_id} {command.side.value} {command.quantity} {price} {terms}"


def _said(event: Event) -> str:
    match event:
        case Accepted():
            return "A"
        case Rejected():
            return f"R {event.reason.value}"
        case Trade():
            return f"T {event.price} {event.quantity} {event.maker}"
        case Cancelled():
            return f"C {event.quantity} {event.reason.value}"
        case _:
            raise ValueError(f"the model in Go says no {type(event).__name__}")
