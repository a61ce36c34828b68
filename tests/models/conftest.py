"""What tests of the models use."""

from __future__ import annotations

import os

import pytest

from bookproof.models.tla import tla_checker as tla_checker_module
from bookproof.models.tla import tlc as tlc_module
from bookproof.models.tla.tla_checker import TlaChecker
from bookproof.models.tla.tlc import TlcChecker
from bookproof.spec.input_error import InputError


def _missing(error: InputError) -> None:
    """A checker that is not here: the test is skipped by its name, but fails where everything has to run."""
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(f"in CI no checker may be missing: {error}")
    pytest.skip(str(error))


@pytest.fixture(scope="session")
def tlc() -> TlcChecker:
    """TLC, for tests that need Java."""
    try:
        return tlc_module.find()
    except InputError as error:
        _missing(error)
        raise


@pytest.fixture(scope="session")
def tla_checker() -> TlaChecker:
    """tla-checker, for tests that need Node."""
    try:
        return tla_checker_module.find()
    except InputError as error:
        _missing(error)
        raise
