"""Engines as the models have them: a stripe for each book."""

from __future__ import annotations

from collections.abc import Iterable

from bookproof.engine.interface import Engine
from bookproof.engine.striped import StripedEngine
from bookproof.engine.sync import THREADS, Sync
from bookproof.models.engines_by_name import Factory
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import DEFAULT, Profile


def striped(kind: type[StripedEngine] = StripedEngine) -> Factory:
    """Makes striped engines of one kind, such as one of the zoo, with as many stripes as books.

    >>> from bookproof.spec.commands import Halt
    >>> striped()([Instrument("A"), Instrument("B")]).submit(Halt("A")).stamp
    1
    """

    def make(instruments: Iterable[Instrument], profile: Profile = DEFAULT, *, sync: Sync = THREADS) -> Engine:
        listed = tuple(instruments)
        return kind(listed, profile, stripes=len(listed), sync=sync)

    return make
