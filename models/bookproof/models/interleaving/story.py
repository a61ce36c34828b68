"""A run as a person follows it: a column a thread, a line for everything that happens, and the test to paste."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.table import Table
from rich.text import Text

from bookproof.models.interleaving.judge import Fault
from bookproof.models.interleaving.program import Outcome
from bookproof.models.interleaving.scenarios import Scenario
from bookproof.models.interleaving.scheduler import Race
from bookproof.models.interleaving.trace import Step
from bookproof.models.interleaving.why import Switch, racing_in, switches_of
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


def columns(scenario: Scenario, steps: Sequence[Step], fault: Fault | None, races: Iterable[Race] = ()) -> Table:
    """What happened, from top to bottom, with the lines of the engine; before each switch, why it matters."""
    busy = [thread for thread, script in enumerate(scenario.scripts) if script]
    table = Table("", *(letter(thread) for thread in busy), title="The interleaving", title_justify="left")
    turns = {switch.at: switch for switch in switches_of(steps)}
    racing = racing_in(steps, races if fault is not None and fault.kind == "race" else ())
    shown = telling(steps, turns.values()) | racing
    for at, step in enumerate(steps):
        switch = turns.get(at)
        if switch is not None:
            table.add_section()
            why = Text(f"{letter(switch.leaves)} → {letter(switch.enters)}: {switch.why}", "italic yellow")
            table.add_row("", *(why if thread == switch.enters else "" for thread in busy))
        if at in shown and step.thread in busy:
            table.add_row(str(at + 1), *(_cell(step, at in racing) if step.thread == thread else "" for thread in busy))
    if fault is not None:
        expected = f"\nthe rule book says: {fault.expected}" if fault.expected else ""
        table.caption = f"{fault.kind}: {fault.story}{expected}"
        table.caption_justify = "left"
    return table


def telling(steps: Sequence[Step], turns: Iterable[Switch]) -> set[int]:
    """The steps that belong into a short story: all but the minor ones, unless a switch is about them."""
    needed = {at for switch in turns for at in switch.conflict}
    return {at for at, step in enumerate(steps) if not step.minor or at in needed}


_COLOURS = {"takes": "cyan", "leaves": "cyan", "waits for": "bold red", "raises": "bold red", "writes": "green"}


def _cell(step: Step, races: bool) -> Text:
    text = Text(step.what, _COLOURS.get(step.verb, ""))
    if races:
        text.append("  races", "bold red")
    if step.site is not None and step.verb != "leaves":
        text.append(f"\n{step.site}  {step.site.code}", "dim")
    return text


def full_trace(steps: Sequence[Step]) -> Iterator[Text]:
    """Everything that happened, and for each step the whole way into the engine, innermost first."""
    turns = {switch.at: switch for switch in switches_of(steps)}
    for at, step in enumerate(steps):
        if at in turns:
            switch = turns[at]
            yield Text(f"      {letter(switch.leaves)} → {letter(switch.enters)}: {switch.why}", "italic yellow")
        yield Text(f"{at + 1:>4}  {letter(step.thread)}  {step.what}", _COLOURS.get(step.verb, ""))
        for site in step.sites:
            yield Text(f"         {site}  {site.function}  {site.code}", "dim")


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
