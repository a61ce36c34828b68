"""TLC, the model checker of TLA+, as a checker of ours: it knows everything, properties and refinement too.

Each run works in a copy of the modules, with folders of its own: two runs that begin within one second would otherwise
write into the same one. One worker, so that the counterexample is a shortest one and comes out the same every time.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from bookproof.models.tla.cfg import Cfg
from bookproof.models.tla.checker import Finding, Says, Tell
from bookproof.models.tla.manifest import Model
from bookproof.models.tla.messages import OUT_OF_MEMORY, Message, Reader, counted, finding
from bookproof.models.tla.processes import child
from bookproof.models.tla.tools import Tlc, find_tlc
from bookproof.spec.input_error import InputError, quote

_VM = ("-XX:+UseParallelGC", "-XX:ParallelGCThreads=1")
"""TLC asks for this collector; one worker needs no more than one thread of it."""
_FINGERPRINTS = ("-fp", "0")
"""Always the same polynomial, so that two runs go the same way."""


class TlcChecker:
    """Checks models with TLC."""

    name = "tlc"
    checks_properties = True

    def __init__(self, tools: Tlc) -> None:
        self.tools = tools

    def check(self, model: Model, budget_seconds: float, tell: Tell) -> Finding:
        """Decide. Raises InputError for a model that TLC cannot read or evaluate."""
        cfg = model.checked()[1]
        began = perf_counter()
        with copied(model.folder, model.module, cfg) as place:
            said = run(self.tools, place, (), budget_seconds, tell)
            found = concluded(said, model.path, budget_seconds)
        if found.says is Says.VIOLATES and not found.violates:
            found = found._replace(violates=self._which(model, cfg, budget_seconds))
        return found._replace(seconds=perf_counter() - began)

    def _which(self, model: Model, cfg: Cfg, budget_seconds: float) -> str:
        """The temporal property that is violated: TLC says only that one of them is."""
        for name in cfg.properties[:-1]:
            with copied(model.folder, model.module, cfg.asking(name)) as place:
                said = run(self.tools, place, (), budget_seconds, _silent)
                if concluded(said, model.path, budget_seconds).says is Says.VIOLATES:
                    return name
        return cfg.properties[-1]


def find() -> TlcChecker:
    """TLC as it is found on this machine. Raises InputError when something is missing."""
    return TlcChecker(find_tlc())


class Place(NamedTuple):
    """A copy of modules that a run of TLC has to itself."""

    folder: Path
    module: str
    scratch: Path
    """For whatever TLC writes, and for what it is asked to write."""


@contextmanager
def copied(folder: Path, module: str, cfg: Cfg, files: Mapping[str, str] | None = None) -> Iterator[Place]:
    """A copy of all modules in a folder, with a configuration, and with more `files` if need be."""
    with tempfile.TemporaryDirectory(prefix="bookproof-") as name:
        work, scratch = Path(name) / "tla", Path(name) / "scratch"
        work.mkdir()
        scratch.mkdir()
        for file in sorted(folder.glob("*.tla")):
            shutil.copy(file, work)
        for file_name, text in (files or {}).items():
            (work / file_name).write_text(text, encoding="utf-8")
        (work / "model.cfg").write_text(cfg.written(), encoding="utf-8")
        yield Place(work, module, scratch)


class Output(NamedTuple):
    """What a run of TLC said."""

    messages: tuple[Message, ...]
    code: int
    spent: bool
    """Whether it was killed because its budget was spent."""

    def text_of(self, *numbers: int) -> str:
        """The text of the first message with one of these numbers."""
        return next((message.text for message in self.messages if message.number in numbers), "")


def run(tools: Tlc, place: Place, options: Sequence[str], budget_seconds: float, tell: Tell) -> Output:
    """Run TLC on a copy. It is killed when its budget is spent, or when this run is interrupted."""
    words = [
        *(str(tools.java.path), *_VM, f"-Djava.io.tmpdir={place.scratch}", "-cp", str(tools.jar), "tlc2.TLC"),
        *("-tool", "-workers", "1", *_FINGERPRINTS, "-metadir", str(place.scratch / "states")),
        *options,
        *("-config", "model.cfg", place.module),
    ]
    reader = Reader()
    with child(words, place.folder, budget_seconds, merged=True) as (process, spent):
        assert process.stdout is not None
        for line in process.stdout:
            message = reader.line(line.rstrip("\n"))
            counts = counted(message) if message is not None else None
            if counts is not None:
                tell(counts[1])
        code = process.wait()
    return Output(tuple(reader.end()), code, spent.is_set())


def concluded(said: Output, cfg: Path, budget_seconds: float) -> Finding:
    """What is concluded from a run. Raises InputError when the model cannot be read or evaluated."""
    found = finding(said.messages)
    if said.code >= 0 and found is not None:
        return found
    if said.spent:
        return Finding(Says.UNDECIDED, note=f"its budget of {budget_seconds:g} s was spent")
    if said.text_of(OUT_OF_MEMORY) or "OutOfMemoryError" in "".join(message.text for message in said.messages):
        return Finding(Says.UNDECIDED, note="Java has no memory left; give it more by JAVA_TOOL_OPTIONS=-Xmx8g")
    raise complaint(said, cfg)


# ── what TLC complains of ──

_UNPARSED = 3002
_IN_CFG = (2229, 2222, 2223, 2224, 2225, 2226, 2227, 2228, 2230, 2231, 5001, 5002, 5003, 5004, 5005, 5006)
_EVALUATING = (1000, 2103, 2104, 2105, 2109, 2111, 2115, 2154)
_ENCOUNTERED = re.compile(r"(?:Was expecting (\"[^\n]*\")\s+)?Encountered \"(.*?)\" at line (\d+)", re.DOTALL)
_LEXICAL = re.compile(r"Lexical error at line (\d+)[^\n]*")
_COULD_NOT = re.compile(r"Could not parse module \w+ from file (\S+)")
_MEANING = re.compile(r"line (\d+), col \d+ to line \d+, col \d+ of module (\w+)\s+(\S[^\n]*)")
_MISSING = re.compile(r"Cannot find source file for module (\w+)(?: imported in module (\w+))?")
_PLACE = re.compile(r"[Ll]ine (\d+), col(?:umn)? \d+ to line \d+, col(?:umn)? \d+ (?:in|of module) (\w+)")


def complaint(said: Output, cfg: Path) -> InputError:
    """The one sentence that says why TLC came to no conclusion, with the place in the module or the configuration."""
    folder = cfg.parent.parent
    everything = "\n".join(message.text for message in said.messages)
    if said.text_of(_UNPARSED):
        return _unparsed(everything, folder)
    in_cfg = said.text_of(*_IN_CFG)
    if in_cfg:
        return InputError(str(cfg), 0, "", "a configuration that fits its module", quote(" ".join(in_cfg.split())))
    evaluating = said.text_of(*_EVALUATING)
    if evaluating:
        lines = [line.lstrip(": ") for line in evaluating.splitlines() if line.strip(": ")]
        lines = [line for line in lines if not line.startswith(_PREAMBLE)] or lines
        places = _PLACE.findall(everything)
        path, line = (folder / f"{places[-1][1]}.tla", int(places[-1][0])) if places else (cfg, 0)
        return InputError(str(path), line, "", "a model that TLC can evaluate", quote(" ".join(lines)))
    first = next((line for line in everything.splitlines() if line.strip()), f"exit code {said.code}")
    return InputError("TLC", 0, "", "an answer", quote(first), "does `bookproof tla --list` find Java and TLC?")


_PREAMBLE = (
    "TLC threw an unexpected",
    "This was probably caused",
    "See the User Output",
    "The exception was a",
)


def _unparsed(everything: str, folder: Path) -> InputError:
    expected = "a module that parses"
    file = _COULD_NOT.search(everything)
    path = str(folder / file[1]) if file is not None else str(folder)
    syntax = _ENCOUNTERED.search(everything)
    if syntax is not None:
        what = f"{expected}, here {syntax[1]}" if syntax[1] else expected
        return InputError(path, int(syntax[3]), "", what, quote(syntax[2]))
    lexical = _LEXICAL.search(everything)
    if lexical is not None:
        return InputError(path, int(lexical[1]), "", expected, quote(lexical[0]))
    meaning = _MEANING.search(everything)
    if meaning is not None:
        return InputError(str(folder / f"{meaning[2]}.tla"), int(meaning[1]), "", expected, quote(meaning[3]))
    missing = _MISSING.search(everything)
    if missing is not None:
        by = str(folder / f"{missing[2] or missing[1]}.tla")
        return InputError(by, 0, "", f"module {missing[1]}", "no such file")
    return InputError(path, 0, "", expected, quote(everything.strip().splitlines()[-1] if everything.strip() else ""))


def _silent(distinct: int) -> None:
    """Tell nobody."""
