"""What every engine of the zoo says of itself."""

from __future__ import annotations

from typing import NamedTuple

from bookproof.engine.striped import StripedEngine


class Defect(NamedTuple):
    """One engine of the zoo."""

    name: str
    engine: type[StripedEngine]
    story: str
    """What is wrong, and what a client sees of it."""
    needs_threads: bool
    """Whether one thread alone can never see it."""
    seen: str = ""
    """Where it was seen: a project and its issue; or `made up: ` and what makes it likely."""
    scenario: str = ""
    """The named scenario that shows it best: searched first. The others are searched if that one does not."""
