"""What tests of every part use."""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Callable
from typing import Any

import pytest

Plant = Callable[[Callable[..., Any], str, str], Any]


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Plant:
    """Plants a defect until the test is over: the wrong text in place of the right one, in a function or a method.

    What comes back is the function with the defect. The right text has to be there.
    """

    def planted(place: Callable[..., Any], right: str, wrong: str) -> Any:
        source = textwrap.dedent(inspect.getsource(place))
        assert right in source
        module = sys.modules[place.__module__]
        made: dict[str, Any] = {}
        defect = f"from __future__ import annotations\n{source.replace(right, wrong)}"
        exec(compile(defect, "defect", "exec"), vars(module), made)
        *owner, name = place.__qualname__.split(".")
        monkeypatch.setattr(getattr(module, owner[0]) if owner else module, name, made[name])
        return made[name]

    return planted
