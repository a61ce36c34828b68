"""The adapters that ship: small, honest about what is installed, and as their engines are known to behave."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from bookproof.models.conform.adapter import Adapter
from bookproof.models.conform.check import Request, check
from bookproof.models.conform.scenarios import covered
from bookproof.models.conform.targets.installed import Installed
from bookproof.models.conform.targets.shelf import SHELF, Target, must_be_installed
from bookproof.models.conform.ways import SHIPPED, engine
from bookproof.spec.input_error import InputError

ROOT = Path(__file__).parents[2]
LONGEST = 80
ONLY_WITH_THREADS = {"orderly-chaos"}
"""What is known of these takes luck to see: that is for a check, and not for a test."""


def adapter(name: str) -> type[Installed]:
    place, _, word = SHELF[name].place.partition(":")
    found: type[Installed] = getattr(importlib.import_module(place), word)
    return found


def installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


@pytest.mark.parametrize("name", SHELF)
def test_an_adapter_is_imported_without_its_engine(name: str) -> None:
    shipped = adapter(name)
    assert issubclass(shipped, Adapter)
    assert shipped.module not in sys.modules
    assert (shipped.capabilities.name, shipped.capabilities.version) == (name, SHELF[name].version)


@pytest.mark.parametrize("name", SHELF)
def test_an_adapter_has_at_most_eighty_lines(name: str) -> None:
    file = sys.modules[adapter(name).__module__].__file__
    assert file is not None
    assert len(Path(file).read_text().splitlines()) <= LONGEST


def test_every_engine_on_the_shelf_is_found_by_its_name() -> None:
    assert {name: target.place for name, target in SHELF.items()} == SHIPPED


def test_an_engine_that_is_not_installed_is_told_how_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SHELF, "no-such-engine", Target("1.2.3", "nowhere:Nothing", python="3.12"))
    with pytest.raises(InputError) as told:
        must_be_installed("no-such-engine", sys.executable)
    assert "expected no-such-engine 1.2.3, which installs from Python 3.12 on" in str(told.value)
    assert "-m pip install no-such-engine==1.2.3" in str(told.value)


def test_a_python_that_cannot_be_started_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--python: expected a Python that can be started"):
        must_be_installed("nanobook", str(tmp_path / "python"))


def test_the_extra_pins_the_versions_that_the_adapters_are_for() -> None:
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["targets"]
    assert extra == sorted(_pinned(name, target) for name, target in SHELF.items() if target.in_extra)


def _pinned(name: str, target: Target) -> str:
    limits = [f"python_version>='{target.python}'"] if target.python != "3.11" else []
    limits += [f"python_version<'{target.below}'"] if target.below else []
    return f"{name}=={target.version}{'; ' if limits else ''}{' and '.join(limits)}"


@pytest.mark.parametrize("name", SHELF)
def test_an_engine_behaves_as_it_is_known_to(name: str) -> None:
    if installed(name) != SHELF[name].version:
        pytest.skip(f"{name} {SHELF[name].version} is not installed")
    with engine("--engine", name) as subject:
        report = check(subject, Request(tuple(covered(subject.capabilities)), scenarios=20))
    assert report.lost == ""
    assert report.exit_code == (1 if SHELF[name].known and name not in ONLY_WITH_THREADS else 0)


def test_no_engine_is_imported_by_the_names_alone() -> None:
    modules = sorted(adapter(name).module for name in SHELF)
    asks = f"import sys, bookproof.models.conform.ways; print([name for name in {modules} if name in sys.modules])"
    told = subprocess.run((sys.executable, "-c", asks), capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
