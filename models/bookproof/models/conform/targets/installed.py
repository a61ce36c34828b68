"""What the adapters of installed engines have in common: the engine is looked for when the adapter is made."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module, metadata
from typing import Any, ClassVar

from bookproof.models.conform.adapter import Adapter


class Installed(Adapter):
    """An engine that is a package of somebody else's. `capabilities.version` is the version the adapter is for."""

    module: ClassVar[str]
    """What is imported of it: `self.engine`."""

    def __init__(self) -> None:
        has = self.capabilities
        self.engine: Any = import_module(self.module)
        there = metadata.version(has.name)
        if there != has.version:  # somebody tries a later one, perhaps a repaired one
            self.capabilities = replace(has, version=f"{there}, with the adapter for {has.version}")
        super().__init__()
