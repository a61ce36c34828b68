"""The decisions that `dev.py` takes before it runs anything. What it sets up is tested by running it."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "dev.py"


@pytest.fixture
def dev(tmp_path: Path) -> ModuleType:
    """A `dev.py` of its own, whose checkout is an empty folder but for the files that an environment is made from."""
    (tmp_path / "tests").mkdir()
    for name in ("dev.py", "pyproject.toml", "tests/constraints.txt"):
        (tmp_path / name).write_bytes((SCRIPT.parent / name).read_bytes())
    spec = spec_from_file_location("dev", tmp_path / "dev.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def python(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run Python and return what it said."""
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=cwd, check=False)


def ready(dev: ModuleType, place: Path, extras: str = "greenlets prove test") -> str:
    """Make what looks like an environment, and return the record it would have."""
    program = Path(dev.program(place, "python"))
    program.parent.mkdir(parents=True)
    program.touch()
    return f"{dev.TAG}\n{place}\n{extras}\n{dev.stamp()}\n"


@pytest.mark.parametrize("version", ["3, 6, 15", "3, 10, 99"])
def test_an_older_python_is_told_so_in_one_line(version: str) -> None:
    old = f"import runpy, sys; sys.version_info = ({version}, 'final', 0); runpy.run_path({str(SCRIPT)!r})"
    done = python("-c", old)
    said = "bookproof needs Python 3.11 or later; this is Python {}.{}.\n".format(*version.split(", "))
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)


def test_an_older_python_can_parse_the_script() -> None:
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 7))
    too_new = (ast.NamedExpr, ast.Match, ast.TryStar)
    assert not [node for node in ast.walk(tree) if isinstance(node, too_new)]
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "__future__"]


def test_no_command_shows_the_commands() -> None:
    done = python(str(SCRIPT))
    assert done.returncode == 2
    assert all(f"dev.py {name}" in done.stderr for name in ("verify", "bookproof", "test", "tla", "check", "wheel"))
    assert python(str(SCRIPT), "--help").returncode == 0


def test_the_stamp_follows_each_file_an_environment_is_made_from(dev: ModuleType) -> None:
    seen = {dev.stamp()}
    assert dev.stamp() in seen
    for source in dev.SOURCES:
        source.write_bytes(source.read_bytes() + b"\n")
        assert dev.stamp() not in seen
        seen.add(dev.stamp())


def test_a_ready_environment_is_used(dev: ModuleType, tmp_path: Path) -> None:
    place = tmp_path / "a place with spaces"
    record = ready(dev, place)
    assert dev.decide(record, place, dev.EXTRAS, dev.stamp()) == "use"
    assert dev.decide(record, place, frozenset({"test"}), dev.stamp()) == "use"


def test_an_environment_is_updated_when_more_is_asked_of_it(dev: ModuleType, tmp_path: Path) -> None:
    record = ready(dev, tmp_path / ".venv")
    assert dev.decide(record, tmp_path / ".venv", frozenset({"dev", "test"}), dev.stamp()) == "update"
    assert dev.decide(record, tmp_path / ".venv", dev.EXTRAS, "another stamp") == "update"


def test_a_broken_environment_is_made_anew(dev: ModuleType, tmp_path: Path) -> None:
    place = tmp_path / ".venv"
    record = ready(dev, place)
    whole = record.splitlines(keepends=True)
    killed_after = ["".join(whole[:lines]) for lines in range(3)]
    assert [dev.decide(left, place, dev.EXTRAS, dev.stamp()) for left in killed_after] == ["make"] * 3
    assert dev.decide(record, tmp_path / "moved" / ".venv", dev.EXTRAS, dev.stamp()) == "make"
    Path(dev.program(place, "python")).unlink()
    assert dev.decide(record, place, dev.EXTRAS, dev.stamp()) == "make"


def test_the_environment_of_another_python_is_left_alone(dev: ModuleType, tmp_path: Path) -> None:
    record = ready(dev, tmp_path / ".venv").replace(dev.TAG, "cpython-399")
    assert dev.decide(record, tmp_path / ".venv", dev.EXTRAS, dev.stamp()) == "elsewhere"


def recorded(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let `dev` set environments up without doing it, and return the list in which it tells what it would do."""
    done: list[str] = []

    def make(place: Path) -> None:
        done.append(f"make {place.name}")
        ready(dev, place)

    monkeypatch.setattr(dev, "make", make)
    monkeypatch.setattr(dev, "install", lambda place, *what: done.append(f"install {what[-1]}"))
    return done


def test_two_runs_set_up_once(dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = recorded(dev, monkeypatch)
    assert dev.environment() == tmp_path / ".venv"
    first = ["make .venv", "install editables", f"install {tmp_path}[{','.join(sorted(dev.EXTRAS))}]"]
    assert done == [*first, "install ob-analytics"]
    assert dev.environment() == tmp_path / ".venv"
    assert len(done) == 4


def test_an_update_keeps_what_was_asked_for_before(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    done = recorded(dev, monkeypatch)
    dev.environment("dev")
    dev.CONSTRAINTS.write_bytes(b"")
    dev.environment()
    assert done[5].endswith(f"[{','.join(sorted(dev.EXTRAS | {'dev'}))}]")
    assert [step for step in done if step.startswith("make")] == ["make .venv"]


def test_a_set_up_that_fails_is_not_taken_for_ready(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    done = recorded(dev, monkeypatch)

    def fail(place: Path, *what: object) -> None:
        sys.exit("no network")

    with monkeypatch.context() as broken:
        broken.setattr(dev, "install", fail)
        with pytest.raises(SystemExit, match="no network"):
            dev.environment()
    monkeypatch.setattr(dev, "make", lambda place: done.append("made anew"))
    dev.environment()
    assert done[:3] == ["make .venv", "made anew", "install editables"]


def test_an_environment_that_something_else_made_is_left_alone(
    dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded(dev, monkeypatch)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "pyvenv.cfg").touch()
    assert dev.environment() == tmp_path / f".venv-{dev.TAG}"
    assert [item.name for item in (tmp_path / ".venv").iterdir()] == ["pyvenv.cfg"]


def test_making_starts_from_an_empty_folder_and_tries_one_way_after_the_other(
    dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / ".venv"
    tried: list[str] = []

    def complaint(*command: str) -> str:
        assert [item.name for item in place.iterdir()] == [dev.RECORD]
        (place / "left behind").mkdir()
        (place / "left behind" / "file").touch()
        tried.append(" ".join(word for word in command[2:] if str(tmp_path) not in word))
        return f"{command[2]} is not here"

    (place / "lib").mkdir(parents=True)
    (place / dev.RECORD).touch()
    (place / "pyvenv.cfg").touch()
    monkeypatch.setattr(dev, "complaint", complaint)
    with pytest.raises(SystemExit, match="apt install python3-venv"):
        dev.make(place)
    assert tried == ["venv", "virtualenv", "venv --without-pip"]
    assert "virtualenv is not here" in capsys.readouterr().err


def test_one_run_at_a_time_holds_the_lock(dev: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "lock"
    other = f"import sys; sys.path.insert(0, '.'); import dev; print(dev.try_lock(open({str(path)!r}, 'a+')))"
    with open(path, "a+", encoding="utf-8") as file:
        assert dev.try_lock(file)
        assert python("-c", other, cwd=tmp_path).stdout == "False\n"
    assert python("-c", other, cwd=tmp_path).stdout == "True\n"


def test_a_command_is_silent_unless_it_fails(dev: ModuleType) -> None:
    assert dev.complaint(sys.executable, "-c", "print('all is well')") == ""
    assert dev.complaint(sys.executable, "-c", "print('out', flush=True); exit('err')") == "out\nerr"
    assert dev.complaint(sys.executable, "-c", "exit(3)") == "exit code 3"


def test_exit_codes_are_passed_through(dev: ModuleType) -> None:
    assert [dev.run(sys.executable, "-c", f"exit({code})") for code in (0, 7)] == [0, 7]
    assert dev.run(sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGTERM)") in (143, 15)
