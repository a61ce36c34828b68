"""tla-checker, the second checker: written apart from TLC, in another language, and run as WebAssembly under Node.

It decides on invariants and deadlock. Its liveness is unsound, so properties are taken from what it is asked. It reads
one source, so that a module and what it extends are put together for it; INSTANCE it does not know.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

from bookproof.models.tla.checker import DEADLOCK, Finding, Says, Step, Tell
from bookproof.models.tla.manifest import Model
from bookproof.models.tla.modules import Inlined, inlined
from bookproof.models.tla.processes import child
from bookproof.models.tla.tools import WasmChecker, find_wasm_checker
from bookproof.models.tla.values import Function, TlaValue, parse
from bookproof.spec.input_error import InputError, quote

MOST_STATES = 5_000_000
DEEPEST = 100_000
"""Beyond these nothing is decided: a limit that was reached is no pass."""

SCRIPT = Path(__file__).with_name("tla_checker.mjs")
_LIMITS = {"MaxStatesExceeded": "states", "MaxDepthExceeded": "depth"}
_INVARIANT = re.compile(r"Invariant (\d+) violated")
_SPAN = re.compile(r"start: (\d+)")
_MESSAGE = re.compile(r'message: "((?:[^"\\]|\\.)*)"')
_SMALL = re.compile(r'"(?:[^"\\]|\\.)*"|\b(?:true|false)\b')


class TlaChecker:
    """Checks models with tla-checker."""

    name = "tla-checker"
    checks_properties = False

    def __init__(self, tools: WasmChecker) -> None:
        self.tools = tools

    def check(self, model: Model, budget_seconds: float, tell: Tell) -> Finding:
        """Decide on invariants and deadlock. Raises InputError for a model that it cannot read or evaluate."""
        began = perf_counter()
        whole, cfg = model.checked()
        for module in whole.modules:
            if module.instances:
                hint = f'take it from the "checkers" of model {model.name}'
                raise InputError(str(module.path), 0, "", "no INSTANCE, for tla-checker", module.instances[0], hint)
        one = inlined(whole)
        asked = cfg.asking()
        request = {
            "folder": str(self.tools.package),
            "source": one.source,
            "cfg": asked.written(),
            "max_states": MOST_STATES,
            "max_depth": DEEPEST,
            "deadlock": True,
        }
        answer = self._answer(request, budget_seconds)
        seconds = perf_counter() - began
        if answer is None:
            note = f"its budget of {budget_seconds:g} s was spent"
            return Finding(Says.UNDECIDED, seconds=seconds, note=note)
        found = concluded(answer, asked.invariants, one, model.path)
        note = "without its properties" if cfg.properties and not found.note else found.note
        if found.distinct is not None:
            tell(found.distinct)
        return found._replace(seconds=seconds, note=note)

    def _answer(self, request: Mapping[str, object], budget_seconds: float) -> dict[str, Any] | None:
        """What the checker answers, or None when its budget was spent. It has nowhere to write to."""
        with tempfile.TemporaryDirectory(prefix="bookproof-") as folder:
            words = [str(self.tools.node), str(SCRIPT)]
            with child(words, Path(folder), budget_seconds) as (process, spent):
                output, errors = process.communicate(json.dumps(request))
        if spent.is_set():
            return None
        try:
            answer = json.loads(output)
        except json.JSONDecodeError:
            answer = None
        if process.returncode or not isinstance(answer, dict):
            lines = [line for line in errors.splitlines() if "Error" in line]
            got = quote(lines[0] if lines else f"exit code {process.returncode}")
            raise InputError("tla-checker", 0, "", "an answer", got)
        return answer


def find() -> TlaChecker:
    """tla-checker as it is found on this machine. Raises InputError when something is missing."""
    return TlaChecker(find_wasm_checker())


def concluded(answer: Mapping[str, Any], invariants: tuple[str, ...], source: Inlined, cfg: Path) -> Finding:
    """What is concluded from an answer. Raises InputError when the model cannot be read or evaluated."""
    kind, told = answer.get("error_type"), str(answer.get("error_message"))
    distinct = int(answer.get("states_explored") or 0)
    if answer.get("success") is True and kind is None:
        return Finding(Says.HOLDS, distinct=distinct)
    if kind in _LIMITS:
        return Finding(Says.UNDECIDED, distinct=distinct, note=f"a limit was reached: {told}")
    trace = tuple(_step(step) for step in answer.get("steps") or ())
    if kind == "Deadlock":
        return Finding(Says.VIOLATES, DEADLOCK, distinct, trace=trace)
    violated = _INVARIANT.match(told)
    if kind == "InvariantViolation" and violated is not None:
        return Finding(Says.VIOLATES, invariants[int(violated[1])], distinct, trace=trace)
    if kind == "ParseError":
        span, message = _SPAN.search(told), _MESSAGE.search(told)
        path, line = source.origin(int(span[1])) if span is not None else (cfg, 0)
        said = message[1].replace('\\"', '"') if message is not None else told
        raise InputError(str(path), line, "", "a module that tla-checker can parse", quote(said))
    said = quote(told.split("\n")[0])
    raise InputError(str(cfg), 0, "", "a model that tla-checker can evaluate", f"{kind}: {said}")


def _step(step: Mapping[str, Any]) -> Step:
    return Step(step["action"], Function({name: _read(value) for name, value in step["state"].items()}))


def _read(written: str) -> TlaValue:
    """A value as tla-checker prints it: like TLC, but for booleans within others, which it writes small."""
    return parse(_SMALL.sub(lambda found: found[0] if found[0].startswith('"') else found[0].upper(), written))
