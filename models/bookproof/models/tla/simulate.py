"""Long random behaviours of a model, from TLC: its `-simulate`."""

from __future__ import annotations

import re

from bookproof.models.tla.manifest import Model
from bookproof.models.tla.tlc import TlcChecker, complaint, copied, run
from bookproof.models.tla.values import Function, States
from bookproof.spec.input_error import InputError

_STATE = re.compile(r"^STATE_\d+ ==[ \t]*$", re.MULTILINE)
_END = re.compile(r"^={4,}", re.MULTILINE)
_NOTHING_WRONG = (0,)


def behaviours(checker: TlcChecker, model: Model, count: int, steps: int, seed: int) -> list[tuple[Function, ...]]:
    """Draw so many behaviours of at most so many steps each; the same ones for the same seed.

    They begin with an initial state, and do not name their actions. Raises InputError for a model that cannot be
    read, that exceeds its budget, or that a behaviour violates.
    """
    cfg = model.checked()[1].asking()
    with copied(model.folder, model.module, cfg) as place:
        target = place.scratch / "behaviour"
        options = ("-simulate", f"num={count},file={target}", "-depth", str(steps + 1), "-seed", str(seed))
        said = run(checker.tools, place, options, model.budget_seconds, lambda distinct: None)
        if said.spent:
            raise InputError(str(model.path), 0, "", f"{count} behaviours in {model.budget_seconds:g} s", "fewer")
        if said.code not in _NOTHING_WRONG:
            raise complaint(said, model.path)
        read = States()
        files = sorted(place.scratch.glob("behaviour_*"), key=lambda file: int(file.name.rpartition("_")[2]))
        found = [tuple(map(read, _states(file.read_text(encoding="utf-8")))) for file in files]
    if len(found) != count:
        raise InputError("TLC", 0, "-simulate", f"{count} behaviours", str(len(found)))
    return found


def _states(written: str) -> list[str]:
    """The text of each state of a behaviour.

    >>> _states("---- MODULE b_0_0 ----\\nSTATE_1 == \\nx = 0\\n\\nSTATE_2 == \\nx = 1\\n\\n=====")
    ['x = 0', 'x = 1']
    """
    end = _END.search(written)
    body = written[: end.start()] if end is not None else written
    return [state.strip() for state in _STATE.split(body)[1:]]
