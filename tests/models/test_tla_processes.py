"""Programs of others end with their budget, and with whoever runs them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bookproof.models.tla import processes
from bookproof.models.tla.processes import begin, child, end_all

BUSY = [sys.executable, "-c", "while True: pass"]
SLEEPING = [sys.executable, "-c", "import time; time.sleep(1000)"]
LINES = [sys.executable, "-c", "import sys; print(sys.stdin.readline().strip()); print('bad', file=sys.stderr)"]


def test_a_program_that_is_busy_ends_with_its_budget(tmp_path: Path) -> None:
    with child(BUSY, tmp_path, 0.3) as (process, spent):
        process.wait()
    assert spent.is_set()


def test_a_program_that_only_waits_ends_as_well_in_the_end(tmp_path: Path) -> None:
    with child(SLEEPING, tmp_path, 0.02) as (process, spent):
        process.wait()
    assert spent.is_set()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells what a program has used")
def test_a_program_that_waits_for_its_turn_has_not_spent_its_budget(tmp_path: Path) -> None:
    with child(SLEEPING, tmp_path, 1.0) as (process, spent):
        time.sleep(1.5)  # longer than its budget on the clock, of which it has used next to nothing
        assert process.poll() is None
    assert not spent.is_set()


def test_where_the_platform_tells_nothing_the_clock_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_processor_seconds", lambda pid: None)
    with child(SLEEPING, tmp_path, 0.1) as (process, spent):
        process.wait()
    assert spent.is_set()


def test_what_ends_by_itself_has_not_spent_its_budget(tmp_path: Path) -> None:
    with child(LINES, tmp_path, 60) as (process, spent):
        assert process.communicate("hello\n") == ("hello\n", "bad\n")
    with child(LINES, tmp_path, 60, merged=True) as (process, _):
        assert sorted(process.communicate("hello\n")[0].split()) == ["bad", "hello"]
    assert (process.returncode, spent.is_set()) == (0, False)


def test_no_program_is_left_behind(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), child(SLEEPING, tmp_path, 60) as (process, spent):
        raise KeyboardInterrupt
    assert process.returncode is not None
    with child(SLEEPING, tmp_path, 60) as (process, spent):
        threading.Thread(target=end_all).start()
        process.wait()
    with child(SLEEPING, tmp_path, 60) as (process, _):
        process.wait()  # begun too late
    begin()
    with child(SLEEPING, tmp_path, 60) as (process, _):
        assert process.poll() is None
    assert not spent.is_set()


@pytest.mark.skipif(sys.platform == "win32", reason="there, nobody is asked to end")
def test_a_command_that_is_asked_to_end_takes_its_checkers_with_it(tmp_path: Path) -> None:
    node = tmp_path / "java"
    started = tmp_path / "started"
    node.write_text(
        f'#!/bin/sh\nif [ "$1" = -version ]; then echo \'openjdk version "17.0.1"\' >&2; exit 0; fi\n'
        f"echo $$ > {started}\nexec sleep 1000\n",
        encoding="utf-8",
    )
    node.chmod(0o755)
    jar = tmp_path / "tla2tools.jar"
    jar.write_bytes(b"a jar")
    code = (
        "import sys; from bookproof.models.tla import tools; from bookproof.models.cli import main\n"
        "tools.JARS[tools.sha256(tools.Path(sys.argv[1]))] = 'TLC 0'\n"
        "sys.exit(main(['tla', 'lock', '--checker', 'tlc', '--folder', sys.argv[2]]))"
    )
    samples = Path(__file__).with_name("tla_samples")
    environment = {**os.environ, "PATH": f"{tmp_path}:/usr/bin:/bin", "TLA2TOOLS_JAR": str(jar), "JAVA_HOME": ""}
    command = subprocess.Popen(
        [sys.executable, "-c", code, str(jar), str(samples)], env=environment, stderr=subprocess.PIPE, text=True
    )
    while not (started.exists() and started.read_text()):
        assert command.poll() is None
        time.sleep(0.02)
    checker = int(started.read_text())
    command.send_signal(signal.SIGTERM)
    try:
        _, told = command.communicate(timeout=120)
    finally:
        command.kill()
    assert (command.returncode, told.strip()) == (130, "bookproof: interrupted; nothing is concluded")
    with pytest.raises(ProcessLookupError):
        os.kill(checker, 0)
