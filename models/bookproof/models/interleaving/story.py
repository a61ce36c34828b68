"""A run as a person follows it: a column a thread, a line for everything that happens, and the test to paste."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from bookproof.models.interleaving.explore import Fault
from bookproof.models.interleaving.program import Outcome
from bookproof.models.interleaving.scenarios import Scenario
from bookproof.models.interleaving.words import letter
from bookproof.models.report.plainly import plainly


def scenario_table(scenario: Scenario, outcome: Outcome) -> Table:
    """Who asked what and was told what."""
    table = Table("thread", "command", "stamp", "answer", title="What everybody was told", title_justify="left")
    for command in scenario.before:
        table.add_row("before", plainly(command), "", "")
    told = {(each.client, each.number): each.answer for each in outcome.told}
    for thread, script in enumerate(scenario.scripts):
        if script:
            table.add_section()
        for number, command in enumerate(script):
            answer = told.get((thread, number))
            stamp, events = ("", "never returned") if answer is None else (str(answer.stamp), plainly(*answer.events))
            table.add_row(letter(thread), plainly(command), stamp, events)
    return table


def columns(scenario: Scenario, heard: Sequence[tuple[int, str]], fault: Fault | None) -> Table:
    """What happened, from top to bottom; the first line after a switch to another thread says so."""
    busy = [thread for thread, script in enumerate(scenario.scripts) if script]
    table = Table("", *(letter(thread) for thread in busy), title="The interleaving", title_justify="left")
    last = -1
    for number, (thread, what) in enumerate(heard, start=1):
        if thread not in busy:
            continue
        row = [what if thread == each else "" for each in busy]
        if thread != last and last >= 0:
            table.add_section()
        table.add_row(str(number), *row)
        last = thread
    if fault is not None:
        expected = f"\nthe rule book says: {fault.expected}" if fault.expected else ""
        table.caption = f"{fault.kind}: {fault.story}{expected}"
        table.caption_justify = "left"
    return table


def as_test(token: str, engine: str) -> str:
    """The source of a test that runs one schedule again.

    >>> print(as_test("cancel-fill/AB2", "striped"))
    from bookproof.models.interleaving.run import fault_of
    <BLANKLINE>
    <BLANKLINE>
    def test_this_schedule_is_explained() -> None:
        assert fault_of("cancel-fill/AB2", engine="striped") is None
    <BLANKLINE>
    """
    return (
        "from bookproof.models.interleaving.run import fault_of\n\n\n"
        "def test_this_schedule_is_explained() -> None:\n"
        f'    assert fault_of("{token}", engine="{engine}") is None\n'
    )
