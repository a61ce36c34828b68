"""The counterexample of a model once more, on the Python engine of the zoo that has the same defect."""

from __future__ import annotations

from bookproof.engine.zoo import ZOO
from bookproof.models.engines_by_name import factory
from bookproof.models.interleaving.explore import replayed
from bookproof.models.interleaving.page import Counterexample
from bookproof.models.interleaving.run import again_by, token
from bookproof.models.interleaving.story import as_test
from bookproof.models.interleaving.token import read_token
from bookproof.models.interleaving.trace import Recorder
from bookproof.models.interleaving.zoo import faults
from bookproof.models.tla.manifest import Model
from bookproof.spec.input_error import InputError, quote


def on_the_engine(model: Model) -> Counterexample | None:
    """What the interleaving search finds on the engine that the manifest names; None where it names none.

    Raises InputError when there is no such engine, or nothing is found on it.
    """
    if model.zoo is None:
        return None
    path, field = str(model.folder / "manifest.json"), f"model {model.name}: zoo"
    if model.zoo not in ZOO:
        raise InputError(
            path, 0, field, "the name of an engine of the zoo", quote(model.zoo), "bookproof zoo lists them"
        )
    found = next(faults(model.zoo), None)
    if found is None:
        raise InputError(path, 0, field, "an engine that the interleaving search refutes", model.zoo)
    text = token(found)
    recorder = Recorder()
    replay = read_token(text)
    outcome, fault, _ = replayed(factory(model.zoo), replay, recorder)
    return Counterexample(
        text,
        model.zoo,
        replay.scenario,
        outcome,
        recorder.steps,
        fault,
        as_test(text, model.zoo),
        again_by(text, model.zoo),
        ZOO[model.zoo].story,
    )
