"""Configurations, modules and manifests are read as they are meant, and what is wrong has a file and a line."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bookproof.engine.zoo import ZOO
from bookproof.models.tla.cfg import read_cfg
from bookproof.models.tla.manifest import Model, chosen, read_manifest, tla_folder
from bookproof.models.tla.modules import definition, inlined, read_module, read_whole, remarks
from bookproof.models.tla.tla_checker import SCRIPT
from bookproof.models.tla.values import ModelValue
from bookproof.spec.input_error import InputError

SAMPLES = Path(__file__).with_name("tla_samples")


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    """A copy of the samples that a test may spoil."""
    return shutil.copytree(SAMPLES, tmp_path / "tla")


def named(folder: Path, name: str) -> Model:
    return chosen(read_manifest(folder), [name])[0]


def spoil(file: Path, right: str, wrong: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert right in text
    file.write_text(text.replace(right, wrong), encoding="utf-8")


# ── configurations ──


def test_a_configuration_is_read_with_its_constants_as_values() -> None:
    cfg = named(SAMPLES, "lock-live").cfg()
    assert cfg.specification == "FairSpec"
    assert cfg.constants == {"Clients": frozenset({ModelValue("c1"), ModelValue("c2")}), "Design": "right"}
    assert (cfg.invariants, cfg.properties) == (("TypeOK", "Exclusion"), ("AllDone", "Onwards"))


def test_a_configuration_that_is_written_is_read_as_the_same() -> None:
    cfg = named(SAMPLES, "lock-live").cfg()
    assert read_cfg(cfg.written())._replace(lines={}) == cfg._replace(lines={})
    assert read_cfg(cfg.asking("Onwards").written()).properties == ("Onwards",)


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("", "m.cfg: SPECIFICATION: expected the name of a specification, got none"),
        ("SPECIFICATION Spec", "m.cfg: INVARIANT: expected at least one name, got none"),
        ("SPECIFICATION Spec\nSPECIFICATION Other\nINVARIANT I", "m.cfg:2: SPECIFICATION: expected one name"),
        ("SPECIFICATION Spec\n\nCHECK_DEADLOCK FALSE", "m.cfg:3: expected one of SPECIFICATION, CONSTANT"),
        ("INIT Init\nNEXT Next", "got INIT"),
        ("\\* a comment\nstray\nSPECIFICATION Spec", "m.cfg:2: expected one of"),
        (
            "SPECIFICATION Spec\nCONSTANT\n  N <- Other\nINVARIANT I",
            'm.cfg:3: CONSTANT: expected name = value, got "N',
        ),
        ("SPECIFICATION Spec\nCONSTANT N = 1\nCONSTANT N = 2\nINVARIANT I", "m.cfg:3: N: expected each constant once"),
        ("SPECIFICATION Spec\nCONSTANT N = {1,, 2}\nINVARIANT I", "m.cfg:2: N: expected a TLA+ value"),
        ("SPECIFICATION Spec\nINVARIANT I\n  1 + 1", 'm.cfg:3: INVARIANT: expected names, got "1 + 1"'),
    ],
)
def test_says_where_a_configuration_is_wrong(written: str, complaint: str) -> None:
    with pytest.raises(InputError, match=re.escape(complaint)):
        read_cfg(written, "m.cfg")


# ── modules ──


def test_a_module_is_read_with_all_that_it_extends() -> None:
    whole = read_whole(SAMPLES, "Lock")
    assert [module.name for module in whole.modules] == ["Names", "Lock"]
    assert whole.constants == ("Clients", "Design")
    assert whole.variables == ("pc", "owner", "log")
    assert {"Nobody", "Spec", "Take", "Exclusion"} <= whole.defines


def test_one_source_declares_everything_once_and_knows_where_its_lines_come_from() -> None:
    source = inlined(read_whole(SAMPLES, "Lock"))
    assert source.source.startswith(
        "---- MODULE Lock ----\nEXTENDS Naturals, Sequences\nCONSTANTS Clients, Design\nVARIABLES pc, owner, log\n"
    )
    assert len(re.findall(r"^(?:VARIABLE|CONSTANT|EXTENDS|----)", source.source, re.MULTILINE)) == 4
    lines = source.source.split("\n")
    for number, (path, line) in enumerate(source.origins):
        if number > 3 and lines[number] != "====":
            assert path.read_text(encoding="utf-8").split("\n")[line - 1].startswith(lines[number].rstrip())
    assert source.origin(source.source.index("Exclusion ==")) == (SAMPLES / "Lock.tla", 57)


def test_a_page_can_tell_what_a_module_says_of_a_design_and_of_a_property() -> None:
    whole = read_whole(SAMPLES, "Lock")
    said = "a client does not look whether the lock is free, so two are inside at once;"
    assert remarks(whole, "unlocked") == said
    assert remarks(whole, "kept") == "a client that has left keeps the lock;"
    assert remarks(whole, "no such design") == ""
    assert definition(whole, "Exclusion").startswith("\\* No two clients are inside at once.\nExclusion == \\A one")
    assert definition(whole, "NoSuchThing") == ""
    assert read_module(SAMPLES / "Lock.tla").about.startswith("Clients take one lock and leave it")


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ("MODULE Lock", "MODULE Look", r"Lock\.tla: expected a header of module Lock, got module Look"),
        ("=", "", r"Lock\.tla:\d+: expected a line of ==== that ends the module"),
        ("EXTENDS Names", "EXTENDS Names, Gone", r"Lock\.tla:\d+: EXTENDS: expected a standard module, .*, got Gone"),
    ],
)
def test_says_what_is_wrong_with_the_text_of_a_module(samples: Path, right: str, wrong: str, complaint: str) -> None:
    spoil(samples / "Lock.tla", right, wrong)
    with pytest.raises(InputError, match=complaint):
        named(samples, "lock").whole()


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ("Exclusion", "Exclusive", r"lock\.cfg:6: expected a definition of module Lock.*, got Exclusive"),
        ("Spec\n", "Speck\n", r"lock\.cfg:1: expected a definition"),
        (
            "Design =",
            "Desing =",
            r"lock\.cfg:3: CONSTANT: expected one of the constants \(Clients, .*, got Desing",
        ),
        (
            'CONSTANT Design = "right"\n',
            "",
            r"lock\.cfg: CONSTANT: expected a value for every constant, got none for",
        ),
    ],
)
def test_says_which_line_of_a_configuration_names_something_unknown(
    samples: Path, right: str, wrong: str, complaint: str
) -> None:
    spoil(samples / "models" / "lock.cfg", right, wrong)
    with pytest.raises(InputError, match=complaint):
        named(samples, "lock").checked()


def test_a_model_without_its_files_says_which_one_is_missing(samples: Path) -> None:
    (samples / "models" / "lock.cfg").unlink()
    with pytest.raises(InputError, match=r"lock\.cfg: expected the configuration of model lock, got no such file"):
        named(samples, "lock").checked()
    (samples / "Lock.tla").unlink()
    with pytest.raises(InputError, match=r"Lock\.tla: expected module Lock, got no such file"):
        named(samples, "lock").checked()


def test_the_script_that_runs_the_second_checker_comes_with_the_package() -> None:
    assert SCRIPT.read_text(encoding="utf-8").startswith("// Runs tla-checker on one model")


# ── manifests ──


def test_the_manifest_of_this_project_is_whole() -> None:
    models = read_manifest(tla_folder())
    assert {"holds", "violates"} == {model.verdict for model in models}
    for model in models:
        whole, cfg = model.checked()
        assert model.violates in (None, "deadlock", *cfg.invariants, *cfg.properties)
        assert model.zoo is None or model.zoo in ZOO
        if "tla-checker" in model.checkers:
            assert not any(module.instances for module in whole.modules)
    assert {model.name for model in models} == {file.stem for file in (tla_folder() / "models").glob("*.cfg")}


def test_models_are_chosen_by_name_or_by_size() -> None:
    models = read_manifest(SAMPLES)
    assert len(chosen(models, [])) == 5
    assert len(chosen(models, [], nightly=True)) == 6
    assert [model.name for model in chosen(models, ["refuted-never-done", "lock"])] == ["refuted-never-done", "lock"]
    with pytest.raises(InputError, match=r'MODEL: expected one of lock, .*, got "look"'):
        chosen(models, ["look"])


def _without(field: str) -> Callable[[dict[str, Any]], object]:
    return lambda manifest: manifest["models"][0].pop(field)


def _with(field: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda manifest: manifest["models"][0].update({field: value})


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda manifest: manifest.update(version=2), "version: expected 1, got 2"),
        (lambda manifest: manifest.pop("models"), "expected an object of version and models"),
        (lambda manifest: manifest.update(models=[]), "models: expected a list of models"),
        (lambda manifest: manifest.update(models=["lock"]), r"models\[0\]: expected an object"),
        (lambda manifest: manifest["models"].append(manifest["models"][0]), "model lock: expected each model once"),
        (_without("distinct"), "model lock: expected a field distinct, got none"),
        (_with("colour", "red"), 'model lock: expected only model, .*, got "colour"'),
        (_with("model", "../lock"), r"models\[0\].model: expected the name of a file in models/"),
        (_with("verdict", "passes"), 'model lock: verdict: expected holds or violates, got "passes"'),
        (_with("violates", "Exclusion"), "model lock: violates: expected null, as it holds"),
        (_with("distinct", None), "model lock: distinct: expected a number of states, as it holds, got null"),
        (_with("distinct", True), "model lock: distinct: expected a whole number, or null, got true"),
        (_with("diameter", -1), "model lock: diameter: expected a whole number, or null, got -1"),
        (_with("length", 3), "model lock: length: expected null, as it holds, got 3"),
        (_with("checkers", []), "model lock: checkers: expected a list of some of tlc, tla-checker, twin"),
        (_with("checkers", ["spin"]), 'got \\["spin"\\]'),
        (_with("size", "huge"), "model lock: size: expected ci or nightly"),
        (_with("budget_seconds", 0), "model lock: budget_seconds: expected a number of seconds, got 0"),
        (_with("about", ""), "model lock: about: expected some text"),
    ],
)
def test_says_what_is_wrong_with_a_manifest(
    samples: Path, change: Callable[[dict[str, Any]], object], complaint: str
) -> None:
    path = samples / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    change(manifest)
    path.write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(InputError, match=complaint) as caught:
        read_manifest(samples)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(("text", "complaint"), [("{", r"manifest\.json:1: expected JSON"), ("[]", "an object of ver")])
def test_a_manifest_that_is_no_json_or_no_object_is_told(samples: Path, text: str, complaint: str) -> None:
    (samples / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=complaint):
        read_manifest(samples)


def test_a_folder_without_a_manifest_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"manifest\.json: expected a manifest of TLA\+ models, got no such file"):
        read_manifest(tmp_path)
