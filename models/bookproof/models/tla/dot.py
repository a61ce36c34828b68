"""The graph of all states of a model, from TLC: its `-dump dot,actionlabels`, read into a `StateGraph`."""

from __future__ import annotations

import re
from pathlib import Path

from bookproof.models.states.graph import Edge, StateGraph
from bookproof.models.tla.checker import Says, Tell
from bookproof.models.tla.manifest import Model
from bookproof.models.tla.tlc import TlcChecker, concluded, copied, run
from bookproof.models.tla.values import Function, States
from bookproof.spec.input_error import InputError, quote

_STATE = re.compile(r'(-?\d+) \[label="((?:[^"\\]|\\.)*)"(,style = filled)?\]')
_STEP = re.compile(r'(-?\d+) -> (-?\d+) \[label="([^"]*)"')
_ESCAPE = re.compile(r"\\(.)")


def state_graph(checker: TlcChecker, model: Model, tell: Tell = lambda distinct: None) -> StateGraph:
    """All states of a model and all steps between them, as TLC has them.

    Every action has its name; TLC does not say with what it was done. Properties are left out, as they bring steps that
    only stutter. Raises InputError for a model that cannot be read, that is violated, or that exceeds its budget.
    """
    cfg = model.checked()[1].asking()
    with copied(model.folder, model.module, cfg) as place:
        dump = place.scratch / "graph.dot"
        said = run(checker.tools, place, ("-dump", "dot,actionlabels", str(dump)), model.budget_seconds, tell)
        found = concluded(said, model.path, model.budget_seconds)
        if found.says is not Says.HOLDS:
            got = found.note or f"{found.violates} violated"
            raise InputError(str(model.path), 0, "", "a model that holds, for all of its states", got)
        graph = read_dot(dump)
    if len(graph.states) != found.distinct:
        raise InputError("TLC", 0, "dump", f"{found.distinct} states", str(len(graph.states)), "report this")
    return graph


def read_dot(path: Path) -> StateGraph:
    r"""Read a dump. Raises InputError for a line that is none of it.

    >>> import tempfile
    >>> lines = ['-1 [label="x = 0",style = filled]', '-1 -> 7 [label="Up",color="black"];', '7 [label="x = 1"];']
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "g.dot").write_text("\n".join(lines))
    ...     read_dot(Path(folder, "g.dot"))
    StateGraph(states=(Function({'x': 0}), Function({'x': 1})), initial=(0,), edges=(Edge(source=0, action='Up', ...
    """
    read, number, states = States(), dict[str, int](), list[Function]()
    initial: list[int] = []
    steps: list[tuple[str, str, str]] = []
    with path.open(encoding="utf-8") as lines:
        for at, line in enumerate(lines, 1):
            step = _STEP.match(line)
            if step is not None:
                steps.append((step[1], step[3], step[2]))
                continue
            state = _STATE.match(line)
            if state is not None:
                number[state[1]] = len(states)
                states.append(read(_ESCAPE.sub(lambda found: "\n" if found[1] == "n" else found[1], state[2])))
                if state[3]:
                    initial.append(number[state[1]])
            elif line.split(" ")[0].lstrip("-").isdigit():
                raise InputError(str(path), at, "", "a state, or a step with its action", quote(line.strip()))
    edges = tuple(Edge(number[source], action, number[target]) for source, action, target in steps)
    return StateGraph(tuple(states), tuple(initial), edges)
