"""The guides: what they quote is in the modules, and where they point to there is something."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDES = sorted((ROOT / "docs").glob("*.md"))


@pytest.fixture(autouse=True)
def in_a_checkout() -> None:
    if not GUIDES:
        pytest.skip("the guides are in the checkout, not in the wheel")


def test_every_piece_of_tla_that_a_guide_quotes_stands_in_a_module() -> None:
    modules = [file.read_text(encoding="utf-8") for file in (ROOT / "tla").glob("*.tla")]
    quoted = [piece for guide in GUIDES for piece in re.findall(r"```tla\n(.*?)```", guide.read_text("utf-8"), re.S)]
    assert quoted
    for piece in quoted:
        assert any(piece in module for module in modules), piece


def test_every_link_of_a_guide_leads_somewhere() -> None:
    links = [
        (guide, link)
        for guide in GUIDES
        for link in re.findall(r"\]\(([^)#]+)\)", guide.read_text("utf-8"))
        if "://" not in link
    ]
    assert links
    for guide, link in links:
        assert (guide.parent / link).resolve().exists(), f"{guide.name}: {link}"
