"""Results as JUnit XML, the format that every CI system reads."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from xml.etree import ElementTree

from bookproof.models.verdict import Result, Verdict


def write_junit(results: Iterable[Result], path: str | PathLike[str]) -> None:
    """Write one test case a check. The file appears whole or not at all. Raises OSError."""
    target = Path(path)
    half = target.with_name(target.name + ".part")
    half.write_text(as_junit(results), encoding="utf-8")
    half.replace(target)


def as_junit(results: Iterable[Result]) -> str:
    """One test case a check: a disagreement is a failure, a check that was not run is skipped.

    >>> print(as_junit([Result("data", "audit", Verdict.NOT_RUN, {}, 0.0, "no sample")]).splitlines()[1])
    <testsuites tests="1" failures="0" skipped="1" time="0.000">
    """
    listed = list(results)
    root = ElementTree.Element("testsuites", _totals(listed))
    for part in dict.fromkeys(result.part for result in listed):
        cases = [result for result in listed if result.part == part]
        suite = ElementTree.SubElement(root, "testsuite", {"name": f"bookproof.{part}", **_totals(cases)})
        for result in cases:
            suite.append(_case(result))
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _totals(results: list[Result]) -> dict[str, str]:
    return {
        "tests": str(len(results)),
        "failures": str(sum(result.verdict is Verdict.DISAGREE for result in results)),
        "skipped": str(sum(result.verdict is Verdict.NOT_RUN for result in results)),
        "time": f"{sum(result.seconds for result in results):.3f}",
    }


def _case(result: Result) -> ElementTree.Element:
    case = ElementTree.Element(
        "testcase",
        {"classname": f"bookproof.{result.part}", "name": result.check, "time": f"{result.seconds:.3f}"},
    )
    properties = ElementTree.SubElement(case, "properties")
    for name, value in result.worth.items():
        ElementTree.SubElement(properties, "property", {"name": name, "value": str(value)})
    if result.verdict is Verdict.NOT_RUN:
        ElementTree.SubElement(case, "skipped", {"message": result.note})
    found = result.disagreement
    if found is not None:
        failure = ElementTree.SubElement(case, "failure", {"message": _printable(found.title)})
        failure.text = _printable(
            f"rules: {', '.join(found.rules)}\n\nexpected:\n{found.expected}\n\ngot:\n{found.got}\n\n"
            f"{found.program}\nrun it again: {found.run_again}\n"
        )
    return case


def _printable(text: str) -> str:
    """XML 1.0 has no room for control characters."""
    return "".join(letter if letter in "\n\t" or letter >= " " else "\ufffd" for letter in text)
