"""The guides: what they quote is in the modules, and where they point to there is something."""

from __future__ import annotations

import re
import subprocess
import sys
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


def test_your_engine_in_ten_minutes_does_what_the_page_says(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "your-engine.md").read_text("utf-8")
    [[name, source]] = re.findall(r"<!-- file: (\S+) -->\n```python\n(.*?)```", page, re.S)
    [[line, instead]] = re.findall(r"<!-- replace in \S+: (.*?) -->\n```python\n(.*?)```", page, re.S)
    runs = re.findall(r"```console\n\$ bookproof (.*?)\n(.*?)\n```", page, re.S)
    assert len(runs) == 2
    file = tmp_path / name
    for at, (words, printed) in enumerate(runs):
        assert f"        {line}\n" in source
        file.write_text(source if at == 0 else source.replace(f"        {line}\n", instead), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "bookproof", *words.split()],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 1 - at, done.stdout + done.stderr
        assert printed in " ".join(done.stdout.split()), done.stdout
