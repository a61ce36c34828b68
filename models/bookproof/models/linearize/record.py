"""Records histories of engines under real threads: with stamps of one order, of each stripe, or with none; with
clients that crash.

A client that crashes in an operation never hears of it again. What becomes of the operation is as open as it is on any
network: it never arrives, or it is carried out and the answer is lost, or it is on its way for a while and happens when
others have gone on. The client itself comes back under another number and goes on with its script.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from enum import StrEnum

from bookproof.engine.interface import Answer, Engine
from bookproof.engine.sync import Sync
from bookproof.models.concurrent import recorder
from bookproof.models.concurrent.history import Operation as Recorded
from bookproof.models.concurrent.recorder import PATIENCE, RunError, Script
from bookproof.models.concurrent.run import LISTS_ON_ACCOUNT, MIXES, ON_ACCOUNT
from bookproof.models.concurrent.seam import OverlappingThreads, StampingThreads, TracingThreads
from bookproof.models.generate.features import Feature
from bookproof.models.generate.funds import opening_deposits, with_accounts
from bookproof.models.generate.packed import BITS, decode, plan_for
from bookproof.models.generate.venues import books, fitting
from bookproof.models.linearize.history import History, Operation
from bookproof.models.linearize.recorded import steps_by_call
from bookproof.spec.commands import Command
from bookproof.spec.input_error import InputError
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import DEFAULT, Profile
from bookproof.spec.values import Account, Symbol
from bookproof.spec.views import AccountView, BookView

_ON_ITS_WAY = 2e-3
"""Seconds that a late operation is on its way at most: some hundred operations of others."""


class Stamps(StrEnum):
    """What a history says of the order in which the engine worked."""

    NONE = "none"
    """Nothing, as most exchanges."""
    ORDER = "order"
    """The commit stamp of each operation: one order of all."""
    STRIPES = "stripes"
    """For each lock that an operation took, which in its order it was."""


def record(
    make: Callable[[Sync], Engine],
    instruments: Sequence[Instrument],
    profile: Profile,
    scripts: Sequence[Script],
    *,
    stamps: Stamps = Stamps.ORDER,
    crash: float = 0.0,
    cuts: float = 0.0,
    seed: int = 0,
    patience: float = PATIENCE,
    locks: bool = False,
) -> History:
    """Run every script in a thread of its own against one engine, as `concurrent.recorder.record` does.

    `crash` is the probability with which a client crashes in an operation. With `locks`, what every operation did with
    the engine's locks is part of the history. RunError as there.

    >>> from bookproof.engine.striped import StripedEngine
    >>> from bookproof.spec.commands import Cancel
    >>> from bookproof.spec.instruments import listing
    >>> listed = listing(["ABC"])
    >>> found = record(
    ...     lambda sync: StripedEngine(listed, sync=sync, stripes=1), listed, DEFAULT, [[Cancel("ABC", 1)]],
    ...     stamps=Stamps.STRIPES,
    ... )
    >>> [operation.stamps for operation in found.operations]
    [(('stripe 0', 1),)]
    """

    seam = OverlappingThreads()
    if locks or stamps is Stamps.STRIPES:
        seam = TracingThreads() if locks else StampingThreads()

    def watched(_: OverlappingThreads) -> Engine:
        return _Watched(make(seam), seam, stamps, crash, seed)  # type: ignore[return-value]  # has what is called

    found = recorder.record(watched, instruments, profile, scripts, cuts=cuts, seed=seed, patience=patience, seam=seam)
    return History(
        found.instruments,
        _operations(found.operations),
        found.profile,
        final=found.final,
        accounts=found.accounts,
        lock_steps=steps_by_call(found),
    )


def scripts_of(
    mix: str, *, clients: int, commands: int, seed: int, profile: Profile = DEFAULT
) -> tuple[tuple[Instrument, ...], Profile, list[list[Command]]]:
    """Books, venue and what each client does, in one of the mixes of the concurrent part of `verify`.

    InputError for a profile that does not know what the mix is about.

    >>> listed, _, scripts = scripts_of("across books", clients=3, commands=100, seed=1)
    >>> sum(map(len, scripts))
    100
    """
    features = MIXES[mix]
    if {Feature.SPREADS, Feature.ROUTING} & features and fitting(features, profile) != features:
        raise InputError("options", 0, "--profile", f"one that lists the books of {mix!r}", repr(profile.name))
    if mix in (ON_ACCOUNT, LISTS_ON_ACCOUNT):
        profile = with_accounts(profile)
    listed = books(features)
    dice = random.Random(f"record {seed} {mix}")
    scripts: list[list[Command]] = [[] for _ in range(clients)]
    scripts[0] += opening_deposits(listed, profile)
    for command in decode([dice.getrandbits(BITS) for _ in range(commands)], plan_for(features, listed)):
        scripts[dice.randrange(clients)].append(command)
    return listed, profile, scripts


class _Told(Answer, frozen=True):
    """An answer, and what only the recorder knows of it."""

    stamps: tuple[tuple[str, int], ...] = ()
    is_lost: bool = False
    """Whether the client crashed before it came."""


class _Watched:
    """An engine whose answers get lost now and then, or come with the order of its locks."""

    def __init__(self, engine: Engine, seam: OverlappingThreads, stamps: Stamps, crash: float, seed: int) -> None:
        self._engine, self._seam, self._stamps = engine, seam, stamps
        self._crash = crash
        self._dice = random.Random(f"crash {seed}")  # which thread gets which number is for the threads to say
        self._late: list[threading.Thread] = []
        self._failures: list[Exception] = []

    def submit(self, command: Command) -> _Told:
        """Carry out one command, unless its client crashes."""
        if self._crash and self._dice.random() < self._crash:
            return self._lost(command)
        if isinstance(self._seam, StampingThreads) and self._stamps is Stamps.STRIPES:
            self._seam.begin()
            answer = self._engine.submit(command)
            return _Told(answer.stamp, answer.events, self._seam.stamps())
        answer = self._engine.submit(command)
        return _Told(answer.stamp, answer.events, (("", answer.stamp),) if self._stamps is Stamps.ORDER else ())

    def _lost(self, command: Command) -> _Told:
        fate = self._dice.random()
        if fate < 1 / 3:  # it never arrives
            pass
        elif fate < 2 / 3:
            self._engine.submit(command)
        else:
            whose = self._seam.operation if isinstance(self._seam, TracingThreads) else None
            thread = threading.Thread(target=self._arrive, args=(command, self._dice.random(), whose), daemon=True)
            self._late.append(thread)
            thread.start()
        return _Told(0, (), (), True)

    def _arrive(self, command: Command, share: float, whose: int | None) -> None:
        if isinstance(self._seam, TracingThreads) and whose is not None:
            self._seam.begin_as(whose)
        time.sleep(share * _ON_ITS_WAY)
        try:
            self._engine.submit(command)
        except Exception as error:  # whatever the engine under test raises is a finding
            self._failures.append(error)

    def view(self, symbol: Symbol) -> BookView:
        """A book, when all that was on its way has arrived."""
        for thread in self._late:
            thread.join()
        if self._failures:
            raise RunError(f"the engine raised {self._failures[0]!r}", None)
        return self._engine.view(symbol)

    def account(self, account: Account) -> AccountView:
        """An account."""
        return self._engine.account(account)


def _operations(recorded: Sequence[Recorded]) -> tuple[Operation, ...]:
    """In order of their calls; whoever crashed goes on under a number that nobody had."""
    unused = 1 + max((one.client for one in recorded), default=0)
    now: dict[int, int] = {}
    operations: list[Operation] = []
    for one in sorted(recorded, key=lambda one: one.called):
        told = one.answer
        assert isinstance(told, _Told)
        client = now.setdefault(one.client, one.client)
        if told.is_lost:
            operations.append(Operation(client, one.command, one.called, None, None))
            now[one.client], unused = unused, unused + 1
        else:
            operations.append(Operation(client, one.command, one.called, one.returned, told.events, told.stamps))
    return tuple(operations)
