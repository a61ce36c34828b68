"""The engines that the command line, a report or a generated test can call by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, TypeAlias

from bookproof.engine.global_lock import GlobalLockEngine
from bookproof.engine.interface import Engine
from bookproof.engine.other_locking import MonitorEngine, PoliteEngine, WaryEngine
from bookproof.engine.striped import StripedEngine
from bookproof.engine.sync import THREADS, Sync
from bookproof.engine.zoo import ZOO
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import DEFAULT, Profile

MakeEngine: TypeAlias = Callable[[tuple[Instrument, ...], Profile], Engine]
"""All that a sequential judge needs: an engine with these books, for this venue."""


class Factory(Protocol):
    """Makes an engine, with locks of one's own choice if need be."""

    def __call__(
        self, instruments: Iterable[Instrument], profile: Profile = DEFAULT, *, sync: Sync = THREADS
    ) -> Engine:
        """An engine with these books, for this venue."""
        ...


_ENGINES: Mapping[str, type[StripedEngine] | type[GlobalLockEngine]] = {
    "striped": StripedEngine,
    "global-lock": GlobalLockEngine,
    "monitor": MonitorEngine,
    "polite": PoliteEngine,
    "wary": WaryEngine,
    **{name: defect.engine for name, defect in ZOO.items()},
}


def factory(name: str) -> Factory:
    """What makes the engine of that name: `striped`, `global-lock`, `monitor`, `polite`, `wary`, or one of the zoo.

    A striped engine gets fewer stripes than books, so that some share one. ValueError for an unknown name.

    >>> from bookproof.spec.commands import Halt
    >>> factory("striped")([Instrument("ABC")]).submit(Halt("ABC")).events
    (Halted(symbol='ABC'),)
    """
    engine = _ENGINES.get(name)
    if engine is None:
        raise ValueError(f"expected the name of an engine, got {name!r}; known are {', '.join(known())}")
    return _fewer_stripes(engine) if issubclass(engine, StripedEngine) else engine


def known() -> list[str]:
    """Every name that `factory` takes."""
    return list(_ENGINES)


def _fewer_stripes(engine: type[StripedEngine]) -> Factory:
    def make(instruments: Iterable[Instrument], profile: Profile = DEFAULT, *, sync: Sync = THREADS) -> Engine:
        listed = tuple(instruments)
        return engine(listed, profile, stripes=max(1, len(listed) - 1), sync=sync)

    return make
