"""`bookproof prove`: ask CrossHair about every contract, and believe nothing but "confirmed over all paths".

Three kinds of question are asked. A *proof* must be confirmed. A *defect*, a broken kernel, must be refuted by the
property it breaks, else that property shows nothing. A *situation* must be reached, else the contract shows nothing
because nothing happens in it; CrossHair is asked to prove that it never occurs, and must refute that.

CrossHair is asked in processes of its own, as it traces every call. Its answer counts only if it is one of the two
that are definite; a path or a whole exploration that took too long is no answer.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

from bookproof.models.prove.contracts import CONTRACTS, Property, asking
from bookproof.models.prove.defects import DEFECTS, seeded
from bookproof.spec.values import Value

CLAIM = "for all integers, in books of the sizes given, in CrossHair's model of Python"
SECONDS_PER_PATH = 20
SECONDS_QUICK, SECONDS_FULL = 120, 3_600
"""CPU time that one exploration may take."""


class Kind(StrEnum):
    """What a question is for."""

    PROOF = "proof"
    DEFECT = "defect"
    SITUATION = "situation"


class Verdict(StrEnum):
    """What came of a question. Only the first two are definite."""

    CONFIRMED = "confirmed"
    """True on every path, and there are no others."""
    REFUTED = "refuted"
    """False on some path; there is a counterexample."""
    UNCONFIRMED = "unconfirmed"
    """True on every path explored, but not all were. Neither a proof nor a counterexample: make the book smaller."""
    ERROR = "error"
    """No answer at all: an exception, preconditions that nothing meets, or an answer this version does not know."""


class Question(NamedTuple):
    """One exploration."""

    kind: Kind
    contract: str
    asks: tuple[str, ...]
    """Names of properties, or of the situation."""
    full: bool
    defect: int | None = None
    """Index in DEFECTS."""

    @property
    def wanted(self) -> Verdict:
        """The only verdict that is a pass."""
        return Verdict.CONFIRMED if self.kind is Kind.PROOF else Verdict.REFUTED

    @property
    def books(self) -> str:
        """How large the books are, makers first."""
        return CONTRACTS[self.contract].size(self.full).says


class Finding(NamedTuple):
    """The answer to a question."""

    question: Question
    verdict: Verdict
    details: str
    """The counterexample as a call, or what went wrong."""
    paths: int
    seconds: float
    """CPU time."""

    @property
    def passed(self) -> bool:
        """Whether the verdict is the one that is wanted."""
        return self.verdict is self.question.wanted


# ── questions ──


def questions(full: bool = False, only: str | None = None) -> list[Question]:
    """Everything to ask, proofs first, as they take longest; `only` keeps what has it in its name.

    Defects and situations show up in small books, so these are asked about no others.
    """
    asked = []
    for name, contract in CONTRACTS.items():
        if full or contract.quick is not None:
            properties = tuple(prop.__name__ for prop in contract.properties)
            asked.append(Question(Kind.PROOF, name, properties, full))
            asked += [Question(Kind.SITUATION, name, (situation.__name__,), False) for situation in contract.reaches]
            asked += [
                Question(Kind.DEFECT, name, (defect.breaks.__name__,), False, at)
                for at, defect in enumerate(DEFECTS)
                if defect.contract.__name__ == name
            ]
    if only is not None:
        asked = [question for question in asked if any(only in name for name in (question.contract, *question.asks))]
    return sorted(asked, key=lambda question: question.kind is not Kind.PROOF)


# ── exploration, in a process of its own ──


def explore(question: Question) -> Finding:
    """Ask CrossHair one question."""
    from crosshair.core_and_libs import analyze_function, run_checkables
    from crosshair.options import AnalysisKind, AnalysisOptionSet

    _let_values_be_made()
    paths = Counter[str]()
    options = AnalysisOptionSet(
        analysis_kind=[AnalysisKind.PEP316],
        report_all=True,
        per_path_timeout=SECONDS_PER_PATH,
        per_condition_timeout=SECONDS_FULL if question.full else SECONDS_QUICK,
        max_uninteresting_iterations=0,  # no limit
        stats=paths,
    )
    run = CONTRACTS[question.contract].sized(question.full)
    defect = None if question.defect is None else DEFECTS[question.defect]
    started = time.process_time()
    with seeded(defect), asking(_predicates(question)):
        try:
            messages = run_checkables(analyze_function(run, options))
            verdict, details = verdict_of([(message.state.name, message.message) for message in messages])
        except Exception as error:  # CrossHair's own: say which question it was
            verdict, details = Verdict.ERROR, f"{type(error).__name__}: {error}"
    return Finding(question, verdict, details, paths["num_paths"], time.process_time() - started)


def _let_values_be_made() -> None:
    """Let CrossHair make values in its way: it takes every class apart into `__new__` and `__init__`.

    A `msgspec.Struct` is made by neither, only by calling its class, and that where CrossHair does not look.
    """
    from crosshair.tracers import NoTracing

    def made(cls: type[Value], *fields: Any, **named: Any) -> Value:
        with NoTracing():  # type: ignore[no-untyped-call]
            return cls(*fields, **named)

    Value.__new__ = made  # type: ignore[method-assign, assignment]


def _predicates(question: Question) -> tuple[Property, ...]:
    contract = CONTRACTS[question.contract]
    if question.kind is Kind.SITUATION:
        return tuple(_never(situation) for situation in _named(question, contract.reaches))
    return _named(question, contract.properties)


def _named(question: Question, predicates: Sequence[Property]) -> tuple[Property, ...]:
    return tuple(predicate for predicate in predicates if predicate.__name__ in question.asks)


def _never(situation: Property) -> Property:
    def never(outcome: Any) -> bool:
        return not situation(outcome)

    return never


def verdict_of(messages: Sequence[tuple[str, str]]) -> tuple[Verdict, str]:
    """What CrossHair's messages on one condition amount to, and the counterexample or what went wrong.

    Strict on purpose: CrossHair's exit code is 0 as well for what it could not confirm, and for preconditions that
    nothing meets.

    >>> verdict_of([("CONFIRMED", "Confirmed over all paths.")])
    (<Verdict.CONFIRMED: 'confirmed'>, '')
    >>> verdict_of([])
    (<Verdict.ERROR: 'error'>, 'CrossHair said nothing; is there a contract?')
    """
    if len(messages) != 1:
        return Verdict.ERROR, f"CrossHair said {messages or 'nothing; is there a contract?'}"
    ((state, text),) = messages
    call = text.removeprefix(_FALSE).partition(" (which returns ")[0]
    if state == "CONFIRMED" and text == "Confirmed over all paths.":
        return Verdict.CONFIRMED, ""
    if state == "POST_FAIL" and text.startswith(_FALSE):
        return Verdict.REFUTED, call
    if state == "CANNOT_CONFIRM":
        return Verdict.UNCONFIRMED, "true on every path that was explored, but not all of them were"
    return Verdict.ERROR, f"{state}: {call}"


_FALSE = "false when calling "


def ask(asked: Sequence[Question], jobs: int, patience: float) -> Iterator[Finding]:
    """The findings as they come, from `jobs` processes. After `patience` seconds of silence all others have failed."""
    waiting = dict.fromkeys(asked)
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        findings = pool.imap_unordered(explore, asked)
        while waiting:
            try:
                finding = findings.next(timeout=patience)
            except multiprocessing.TimeoutError:
                for question in waiting:
                    yield Finding(question, Verdict.ERROR, f"no answer within {patience:.0f} s", 0, 0.0)
                return
            del waiting[finding.question]
            yield finding


def prove(asked: Sequence[Question], jobs: int, told: Callable[[Finding], None]) -> list[Finding]:
    """All findings, in the order of the questions; `told` hears each as it comes.

    The properties of a contract are explored together, as they have their paths in common. When one of them is
    refuted, each is asked for by itself, to say which.
    """
    patience = 5.0 * max(SECONDS_FULL if question.full else SECONDS_QUICK for question in asked)
    findings = {}
    for finding in ask(asked, jobs, patience):
        findings[finding.question] = finding
        told(finding)
    apart = {
        finding.question: [finding.question._replace(asks=(name,)) for name in finding.question.asks]
        for finding in findings.values()
        if finding.question.kind is Kind.PROOF and finding.verdict is Verdict.REFUTED and len(finding.question.asks) > 1
    }
    again = [single for singles in apart.values() for single in singles]
    findings |= {finding.question: finding for finding in (ask(again, jobs, patience) if again else ())}
    return [findings[each] for question in asked for each in (question, *apart.get(question, ()))]


# ── report ──


def run_prove(*, full: bool = False, as_json: bool = False, only: str | None = None, jobs: int = 2) -> int:
    """Ask everything and print what came of it. 0 when all is as wanted, 1 when not, 2 when it cannot be asked."""
    try:
        crosshair = version("crosshair-tool")
    except PackageNotFoundError:
        print("bookproof prove needs CrossHair: pip install 'bookproof[prove]'", file=sys.stderr)
        return 2
    asked = questions(full, only)
    if not asked:
        print(f"nothing is called {only!r}; there are: {', '.join(CONTRACTS)}", file=sys.stderr)
        return 2
    with _progress(len(asked)) as told:
        findings = prove(asked, jobs, told)
    if as_json:
        print(json.dumps(as_dict(findings, crosshair), indent=2))
    else:
        _print(findings)
    return 0 if all(finding.passed for finding in findings) else 1


def as_dict(findings: Sequence[Finding], crosshair: str) -> dict[str, Any]:
    """The findings for a machine."""
    return {
        "claim": CLAIM,
        "crosshair": crosshair,
        "passed": all(finding.passed for finding in findings),
        "cpu_seconds": round(sum(finding.seconds for finding in findings), 2),
        "findings": [
            {
                "kind": finding.question.kind,
                "contract": finding.question.contract,
                "asks": list(finding.question.asks),
                "books": finding.question.books,
                "defect": _says(finding.question) if finding.question.kind is Kind.DEFECT else None,
                "wanted": finding.question.wanted,
                "verdict": finding.verdict,
                "passed": finding.passed,
                "details": finding.details,
                "paths": finding.paths,
                "cpu_seconds": round(finding.seconds, 2),
            }
            for finding in findings
        ],
    }


def _print(findings: Sequence[Finding]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("what", "property, and its rules", "verdict", "paths", "CPU s")
    table.columns[3].justify = table.columns[4].justify = "right"
    for kind in Kind:
        table.add_section()
        for finding in findings:
            if finding.question.kind is kind:
                color = "green" if finding.passed else "bold red"
                table.add_row(
                    _says(finding.question),
                    _properties(finding.question),
                    f"[{color}]{_VERDICTS.get((kind, finding.verdict), finding.verdict)}[/{color}]",
                    str(finding.paths),
                    f"{finding.seconds:.1f}",
                )
    console = Console()
    console.print(table)
    failed = [finding for finding in findings if not finding.passed]
    for finding in failed:
        console.print(_explained(finding), markup=False, highlight=False, soft_wrap=True)
    console.print(_summary(findings), markup=False, highlight=False)


_VERDICTS = {
    (Kind.DEFECT, Verdict.CONFIRMED): "not refuted",
    (Kind.SITUATION, Verdict.CONFIRMED): "never reached",
    (Kind.SITUATION, Verdict.REFUTED): "reached",
}


def _says(question: Question) -> str:
    contract = CONTRACTS[question.contract]
    if question.kind is Kind.PROOF:
        return f"{_sentence(contract.run)}; {question.books}"
    if question.defect is not None:
        return f"Broken: {_sentence(DEFECTS[question.defect].broken)}"
    return " ".join(map(_sentence, _named(question, contract.reaches)))


def _sentence(described: Callable[..., Any]) -> str:
    return str(described.__doc__).partition(".")[0]


def _properties(question: Question) -> str:
    properties = _named(question, CONTRACTS[question.contract].properties)
    return "\n".join(f"{shown.__name__} {str(shown.__doc__).partition(':')[0]}" for shown in properties)


def _summary(findings: Sequence[Finding]) -> str:
    """What has been shown, or that it has not."""
    passed = Counter(finding.question.kind for finding in findings if finding.passed)
    asked = Counter(finding.question.kind for finding in findings)
    return (
        f"{passed[Kind.PROOF]} of {asked[Kind.PROOF]} contracts confirmed over all paths: {CLAIM}.\n"
        f"{passed[Kind.DEFECT]} of {asked[Kind.DEFECT]} broken kernels refuted, "
        f"{passed[Kind.SITUATION]} of {asked[Kind.SITUATION]} situations reached. "
        f"{sum(finding.seconds for finding in findings):.0f} CPU seconds."
    )


def _explained(finding: Finding) -> str:
    """What was wanted, what came, what that usually means, and how to see it again."""
    question = finding.question
    causes = {
        (Kind.PROOF, Verdict.REFUTED): "Call it in Python to see what happens.",
        (Kind.DEFECT, Verdict.CONFIRMED): "The property does not see what is broken: strengthen it.",
        (Kind.SITUATION, Verdict.CONFIRMED): "It cannot occur: do the preconditions forbid it?",
    }
    cause = causes.get((question.kind, finding.verdict), "This is neither a proof nor a counterexample.")
    return (
        f"\n{question.contract}: {_says(question)}: {', '.join(question.asks)}\n"
        f"  wanted: {question.wanted}, came: {finding.verdict}. {cause}\n"
        f"  {finding.details}\n"
        f"  again: bookproof prove {'--full' if question.full else '--quick'} --only {question.contract}"
    )


@contextmanager
def _progress(total: int) -> Iterator[Callable[[Finding], None]]:
    """A bar on stderr while the block runs; nothing where nobody watches."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("exploring", total=total)

        def told(finding: Finding) -> None:
            progress.update(task, advance=1, description=f"{finding.question.contract}: {finding.verdict}")

        yield told


# ── command line ──


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `bookproof prove`."""
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="small books, about a minute of CPU time (default)")
    size.add_argument("--full", action="store_true", help="larger books, about ten minutes of CPU time")
    parser.add_argument("--only", metavar="NAME", help="only contracts and properties whose name contains NAME")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes (default: 2)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")


def main(args: argparse.Namespace) -> int:
    """Run `bookproof prove` as the options say; the exit code."""
    return run_prove(full=args.full, as_json=args.json, only=args.only, jobs=max(1, args.jobs))
