"""Set up and run bookproof from a checkout. It needs Python 3.11 or later, and nothing else.

  python3 dev.py verify [ARGS]      check everything that bookproof claims: `bookproof verify ARGS`
  python3 dev.py bookproof ARGS     run any other subcommand: `bookproof ARGS`
  python3 dev.py test [ARGS]        run the tests on all cores: `pytest -n auto ARGS`, from the top of the checkout
  python3 dev.py tla [ARGS]         install the checkers of TLA+ models, and run `bookproof tla ARGS`
  python3 dev.py bind [ARGS]        the same, and run `bookproof bind ARGS`: models and engine held against each other
  python3 dev.py check [STEP ...]   run all or some of: lint, format, mypy, pyright, layers, wheel
  python3 dev.py wheel [ARGS]       build the wheel and test it away from the checkout: `pytest -n auto ARGS`; without
                                    any, what would notice that a module, a data file or a script is missing

The first use makes a virtual environment in .venv, with the versions of tests/constraints.txt. It is brought up to date
when those, pyproject.toml or this file change, and made anew when it is broken. A .venv that something else made, or
that belongs to another Python, is left alone: the environment is then .venv-<python> beside it.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT
from typing import IO

if sys.version_info < (3, 11):  # noqa: UP036 (this file parses on Python 3.6, to say this)
    sys.exit(f"bookproof needs Python 3.11 or later; this is Python {sys.version_info[0]}.{sys.version_info[1]}.")
if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

ROOT = Path(__file__).resolve().parent
BASE = getattr(sys, "_base_executable", None) or sys.executable  # not the Python of a .venv that is about to go
GIL = not sysconfig.get_config_var("Py_GIL_DISABLED")
TAG = f"{sys.implementation.cache_tag}{'' if GIL else 't'}"
EXTRAS = frozenset({"test", "prove", "greenlets"} if GIL else {"test"})  # free-threaded Python has no wheels of these
NOTICE_WHAT_A_WHEEL_LACKS = (
    *(
        "tests/e2e",
        "tests/engine",
        "tests/spec/test_codec.py",
        "tests/spec/test_profiles.py",
        "tests/spec/test_reports.py",
    ),
    *("tests/models/test_rules.py", "tests/models/test_audit.py", "tests/models/test_verify.py"),
    "tests/models/test_tla_files.py",
)
CONSTRAINTS = ROOT / "tests" / "constraints.txt"
SOURCES = (ROOT / "dev.py", ROOT / "pyproject.toml", CONSTRAINTS)
RECORD = "bookproof-setup"  # in an environment: its Python and its place; once it is ready, its extras and its stamp
NEIGHBOUR = """
import engine, models, spec, bookproof.engine, bookproof.models, bookproof.spec
assert engine.OURS and models.OURS and spec.OURS and bookproof.__file__  # a checkout has no bookproof/__init__.py
"""


def say(sentence: str) -> None:
    """Tell the person what goes on, and leave standard output to the command that was asked for."""
    print(sentence, file=sys.stderr, flush=True)


def program(place: Path, name: str) -> str:
    """Return where an environment keeps a program."""
    return str(place / "Scripts" / f"{name}.exe" if os.name == "nt" else place / "bin" / name)


def stamp() -> str:
    """Return a hash of everything that an environment is made from."""
    return hashlib.sha256(b"\0".join(source.read_bytes() for source in SOURCES)).hexdigest()


def decide(record: str, place: Path, extras: frozenset[str], made_from: str) -> str:
    """Return what to do about an environment: "use" it, "update" it, "make" it, or go "elsewhere"."""
    owner, home, has, was_made_from = (*record.split("\n"), "", "", "", "")[:4]
    if owner not in ("", TAG):
        return "elsewhere"
    if not was_made_from or home != str(place) or not Path(program(place, "python")).exists():
        return "make"  # its set-up was killed half-way, or it was moved, or the Python beneath it is gone
    return "use" if was_made_from == made_from and extras <= set(has.split()) else "update"


def try_lock(file: IO[str]) -> bool:
    """Lock an environment, unless another run has: until the last process that has the file open closes it."""
    try:
        if sys.platform == "win32":
            file.seek(1 << 20)  # beyond the text, as nobody else can read a locked byte
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def complaint(*command: object) -> str:
    """Run a command silently; return nothing when it worked, else what it said."""
    # It holds the lock too (close_fds=False): should this run be killed, the next one waits for the orphan.
    done = subprocess.run(
        list(map(str, command)), stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, close_fds=False, text=True, errors="replace"
    )
    return (done.stdout.strip() or f"exit code {done.returncode}") if done.returncode else ""


def make(place: Path) -> None:
    """Make an environment, empty but for pip, in the first way that works with this Python."""
    say(f"Making a virtual environment in {place}.")
    target, python, complaints = str(place), program(place, "python"), []
    ways = [
        [["venv", target]],
        [["virtualenv", target]],
        [["venv", "--without-pip", target], ["pip", "--python", python, "install", "pip"]],
    ]
    for way in ways:
        for item in place.iterdir():
            if item.is_dir() and not item.is_symlink():
                shutil.rmtree(item)
            elif item.name != RECORD:
                item.unlink()
        trouble = next(filter(None, (complaint(BASE, "-m", *step) for step in way)), "")
        if not trouble:
            return
        complaints.append(trouble)
    say("\n\n".join(complaints))
    sys.exit(
        f"\n{BASE} can make no virtual environment: it has neither venv with ensurepip, nor virtualenv, nor pip 22.3.\n"
        "Please install one of them (on Debian and Ubuntu: `apt install python3-venv`), and run this again."
    )


def install(place: Path, *what: object) -> None:
    """Install packages, pinned, into an environment; when that fails, say so and stop."""
    pip = (program(place, "python"), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet")
    trouble = complaint(*pip, "--constraint", CONSTRAINTS, *what)
    if trouble:
        sys.exit(f"{trouble}\n\nThat was pip, which could not install {' '.join(map(str, what))}.")


def environment(*more: str) -> Path:
    """Return the place of an environment that is ready, with `more` extras; make, mend or update it first."""
    for place in (ROOT / ".venv", ROOT / f".venv-{TAG}"):
        if (place / "pyvenv.cfg").exists() and not (place / RECORD).exists():
            continue  # something else made it
        place.mkdir(exist_ok=True)
        with open(place / RECORD, "a+", encoding="utf-8") as record:
            os.set_inheritable(record.fileno(), True)
            tries = 0
            while not try_lock(record):
                tries += 1
                if tries == 5:
                    say(f"Waiting for another run, which is setting up {place}.")
                time.sleep(0.2)
            record.seek(0)
            text, extras, made_from = record.read(), EXTRAS.union(more), stamp()
            needed = decide(text, place, extras, made_from)
            if needed == "elsewhere":
                continue
            if needed != "use":
                record.truncate(0)
                print(TAG, place, sep="\n", file=record, flush=True)
                if needed == "make":
                    make(place)
                    say("Installing bookproof and its tools, which takes about a minute.")
                else:
                    extras = extras.union(text.split("\n")[2].split())
                    say(f"Bringing {place} up to date.")
                install(place, "hatchling", "editables")
                install(place, "--no-build-isolation", "--editable", f"{ROOT}[{','.join(sorted(extras))}]")
                install(place, "--no-deps", "ob-analytics")
                print(*sorted(extras), f"\n{made_from}", file=record)
        return place
    sys.exit(f"Something else made both .venv and .venv-{TAG}. Please remove one of them, and run this again.")


def run(*command: object, cwd: Path | None = None) -> int:
    """Run a command in the foreground and return its exit code; Ctrl-C is for the command to answer."""
    child = subprocess.Popen([str(word) for word in command], cwd=cwd)
    while True:
        with suppress(KeyboardInterrupt):
            code = child.wait()
            return code if code >= 0 else 128 - code


def become(*command: str) -> int:
    """Run a command in the place of this one, so that every signal goes straight to it; on Windows, just run it."""
    if os.name == "posix":
        os.execv(command[0], command)
    return run(*command)


def check(arguments: list[str]) -> int:
    """Run every step, or those named, and say at the end which of them failed."""
    place = environment("dev")
    python, folders = program(place, "python"), ("spec", "engine", "models")
    steps: dict[str, tuple[object, ...]] = {
        "lint": (program(place, "ruff"), "check", "."),
        "format": (program(place, "ruff"), "format", "--check", "."),
        "mypy": (program(place, "mypy"), *folders, "tests", "dev.py"),
        "pyright": (program(place, "basedpyright"), "--level", "error", "--pythonpath", python, *folders),
        "layers": (program(place, "pytest"), "--quiet", "tests/test_layers.py"),
        "wheel": (sys.executable, ROOT / "dev.py", "wheel"),
    }
    unknown = sorted(set(arguments) - set(steps))
    if unknown:
        sys.exit(f"No such step: {', '.join(unknown)}. The steps are {', '.join(steps)}.")
    failed = []
    for name in arguments or steps:
        began = time.monotonic()
        if run(*steps[name], cwd=ROOT):
            failed.append(name)
        say(f"{name}: {'FAILED' if name in failed else 'passed'} in {time.monotonic() - began:.1f} s\n")
    say(f"Failed: {', '.join(failed)}." if failed else "Every step passed.")
    return 1 if failed else 0


def wheel(arguments: list[str]) -> int:
    """Build the wheel, test it in an environment of its own, then use it beside packages that are named like ours."""
    hatchling = program(environment(), "hatchling")
    with tempfile.TemporaryDirectory(prefix="bookproof-") as name:
        away, place = Path(name) / "suite", Path(name) / "venv"
        say("Building the wheel.")
        if run(hatchling, "build", "--target", "wheel", "--directory", name, cwd=ROOT):
            return 1
        place.mkdir()
        make(place)
        say("Installing the wheel.")
        install(place, f"{next(Path(name).glob('*.whl'))}[{','.join(sorted(EXTRAS))}]")
        install(place, "--no-deps", "ob-analytics")
        say("Using the wheel in a project that has its own engine, models and spec.")
        for package in ("engine", "models", "spec"):
            (away / package).mkdir(parents=True)
            (away / package / "__init__.py").write_text("OURS = True\n", encoding="utf-8")
        beside = run(program(place, "python"), "-W", "error", "-c", NEIGHBOUR, cwd=away)
        if beside or run(program(place, "bookproof"), "--version", cwd=away):
            return 1
        say("Running the tests on the wheel.")
        shutil.copytree(ROOT / "tests", away / "tests", ignore=shutil.ignore_patterns("__pycache__"))
        for file in filter(Path.is_file, ROOT.iterdir()):
            shutil.copy(file, away)
        return run(
            program(place, "pytest"), "-n", "auto", *(arguments or ("--quiet", *NOTICE_WHAT_A_WHEEL_LACKS)), cwd=away
        )


def main(arguments: list[str]) -> int:
    """Run the command that the first argument names."""
    command, rest = arguments[0] if arguments else "", arguments[1:]
    if command in ("verify", "bookproof"):
        return become(program(environment(), "bookproof"), *(arguments if command == "verify" else rest))
    if command in ("tla", "bind"):
        bookproof = program(environment("tla"), "bookproof")
        return run(bookproof, "tla", "--get") or become(bookproof, *arguments)
    if command == "test":
        pytest = program(environment(), "pytest")
        os.chdir(ROOT)
        return become(pytest, "-n", "auto", *rest)
    if command in ("check", "wheel"):
        return (check if command == "check" else wheel)(rest)
    say(__doc__.strip())
    return 0 if command in ("-h", "--help") else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
