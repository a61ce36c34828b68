"""The graph and the scenario of a model by TLC: one run that dumps the one and prints the other."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from bookproof.models.binding.subject import Subject, scenario_of
from bookproof.models.states.graph import Edge, StateGraph
from bookproof.models.tla.values import Function, States, parse

_STATE = re.compile(r'^(-?\d+) \[label="(.*)"(?:,style = filled)?\];?$')
_EDGE = re.compile(r'^(-?\d+) -> (-?\d+) \[label="(\w*)"')


def subject(folder: Path, model: str, module: str) -> Subject:
    with tempfile.TemporaryDirectory(prefix="bookproof-") as name:
        work = Path(name)
        for file in folder.glob("*.tla"):
            shutil.copy(file, work)
        shutil.copy(folder / "models" / f"{model}.cfg", work / "Asked.cfg")
        (work / "Asked.tla").write_text(
            f"---- MODULE Asked ----\nEXTENDS {module}, TLC\nASSUME PrintT(<<\"asked\", Listed, Before, Scripts>>)\n====\n"
        )
        (work / "t").mkdir()
        words = ["java", f"-Djava.io.tmpdir={work}/t", "-XX:+UseSerialGC", "-cp", os.environ["TLA2TOOLS_JAR"], "tlc2.TLC"]
        words += ["-workers", "1", "-metadir", str(work / "m"), "-dump", "dot,actionlabels", "g", "-config", "Asked.cfg"]
        out = subprocess.run([*words, "Asked.tla"], cwd=work, capture_output=True, text=True, check=False).stdout
        begin = re.search(r'<<\s*"asked"', out)
        if begin is None:
            raise RuntimeError(out)
        depth = 0
        for token in re.finditer(r"<<|>>", out[begin.start() :]):
            depth += 1 if token[0] == "<<" else -1
            if not depth:
                break
        value = parse(out[begin.start() : begin.start() + token.end()])
        _, listed, before, scripts = value
        return Subject(model, module, scenario_of(model, listed, before, scripts), graph_of((work / "g.dot").read_text()), scripts)


def lines_read(folder: Path, model: str, module: str, traces) -> list[int]:
    from bookproof.models.binding.accept import recorded
    with tempfile.TemporaryDirectory(prefix="bookproof-") as name:
        work = Path(name)
        for file in folder.glob("*.tla"):
            shutil.copy(file, work)
        (work / "Recorded.tla").write_text(recorded(traces))
        cfg = (folder / "models" / f"{model}.cfg").read_text()
        consts = "".join(line + "\n" for line in cfg.splitlines() if line.startswith("CONSTANT"))
        (work / "T.cfg").write_text("SPECIFICATION SpecT\n" + consts + "INVARIANT Noted\n")
        (work / "t").mkdir()
        words = ["java", f"-Djava.io.tmpdir={work}/t", "-XX:+UseSerialGC", "-cp", os.environ["TLA2TOOLS_JAR"], "tlc2.TLC"]
        words += ["-workers", "1", "-deadlock", "-metadir", str(work / "m"), "-config", "T.cfg"]
        out = subprocess.run([*words, "TraceOfStriped.tla"], cwd=work, capture_output=True, text=True, check=False).stdout
        if "No error has been found" not in out:
            raise RuntimeError(out[-3000:])
        read = [0] * len(traces)
        for found in re.finditer(r'<<"read", (\d+), (\d+)>>', out):
            read[int(found[1]) - 1] = max(read[int(found[1]) - 1], int(found[2]) - 1)
        return read


def graph_of(dot: str) -> StateGraph:
    read = States()
    numbers: dict[str, int] = {}
    states: list[Function] = []
    initial: list[int] = []
    edges: list[Edge] = []
    for line in dot.splitlines():
        if (found := _EDGE.match(line)) is not None:
            edges.append((found[1], found[3], found[2]))
        elif (found := _STATE.match(line)) is not None and found[1] not in numbers:
            numbers[found[1]] = len(states)
            if "style = filled" in line:
                initial.append(len(states))
            states.append(read(re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), found[2])))
    return StateGraph(tuple(states), tuple(initial), tuple(Edge(numbers[a], b, numbers[c]) for a, b, c in edges))
