"""The rule book, coverage and properties for a person at a terminal: one table a letter, then what is left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console, Group
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from bookproof.models.report.literal import literal
from bookproof.models.rules.book import LETTERS, Entry
from bookproof.models.rules.coverage import (
    RUN,
    Coverage,
    again,
    apart_pairs,
    coverage_case,
    possible_pairs,
    told_by,
)
from bookproof.models.rules.hunt import HUNT, Hunted
from bookproof.models.rules.occasions import OCCASIONS, in_order
from bookproof.models.rules.properties import PROPERTIES
from bookproof.models.sequential.run import DECISION_RULES
from bookproof.spec.profile import Profile
from bookproof.spec.profile_files import ProfileFile
from bookproof.spec.rulebook import RULES

_FEW = 12
"""So many unreached pairs are told; the rest are counted."""


def print_book(
    chosen: Mapping[str, Entry],
    left_out: Mapping[str, str],
    venue: ProfileFile[Profile],
    console: Console | None = None,
) -> None:
    """Every rule, a table for each letter; what this version leaves out stands below the letter."""
    console = console or Console()
    console.print(_title(venue))
    letters = sorted({number[0] for number in (*chosen, *left_out)})
    for letter in letters:
        rules = [entry for number, entry in chosen.items() if number[0] == letter]
        out = {number: why for number, why in left_out.items() if number[0] == letter}
        console.print(_letter(letter, rules, out))
    elsewhere = [other for other in venue.not_modelled if other.rule not in chosen and other.rule[0] in letters]
    if elsewhere:
        console.print(Text(f"Of {venue.profile.name}, and in no rule of this version", style="bold"))
        for other in elsewhere:
            console.print(_entry_line(other.rule, other.text, other.source))
        console.print()


def print_rule(entry: Entry, tests: Sequence[str] | None, console: Console | None = None) -> None:
    """One rule with all that is known of it."""
    console = console or Console()
    lines = [Text(entry.rule.text), *_details(entry, everything=True)]
    if tests is None:
        lines.append(Text("Tests: they are in the checkout, not beside an installed package", style="dim"))
    else:
        lines.append(Text("Tests", style="bold"))
        lines += [Text(f"  {name}") for name in tests]
    title = Text(f"{entry.rule.number}  {entry.rule.scope}", style="bold")
    console.print(Panel(Group(*lines), title=title, title_align="left"))


def print_coverage(found: Coverage, console: Console | None = None) -> None:
    """What a run reached: rule by rule, letter by letter, then whatever is missing or should not be there."""
    console = console or Console()
    possible = possible_pairs()
    console.print(_reached(found, possible))
    console.print(_letters(found, possible))
    for rule in found.unreached_rules:
        console.print(Text(f"Never reached: {rule}  {RULES[rule].text}  Run it again: {RUN}", style="red"))
    missing = found.unreached_pairs
    for first, second in missing[:_FEW]:
        console.print(Text(f"Never in one command: {first} and {second}. Run it again: {RUN}", style="red"))
    if missing[_FEW:]:
        console.print(Text(f"… and {len(missing) - _FEW} pairs more", style="red"))
    for other in found.impossible:
        console.print(
            Panel(
                Group(
                    Text(f"{', '.join(other.rules)} met in one command. The table of occasions says: {other.why_not}."),
                    Text("The shortest case, in whose last command they meet:"),
                    Syntax("\n".join(map(literal, other.shortest.commands)), "python", background_color="default"),
                    Text(f"Run it again: {again(other.case)}", style="bold"),
                ),
                title=Text("rules that cannot meet met", style="bold red"),
                title_align="left",
                border_style="red",
            )
        )
    if found.impossible_more:
        console.print(Text(f"… and {found.impossible_more} sets of rules more that cannot meet", style="red"))
    for rule in found.unplaced:
        partners = {other for pair in found.pairs if rule in pair for other in pair} - {rule}
        seen = f", seen with {', '.join(sorted(partners, key=in_order))}" if partners else ""
        told = f"Without a row in the table of occasions, so its pairs are not judged: {rule}{seen}"
        console.print(Text(told, style="yellow"))
    console.print(closing_sentence(found))


def closing_sentence(found: Coverage) -> Text:
    """What may be concluded, and no more."""
    possible = len(possible_pairs())
    rules, reached = len(DECISION_RULES) - len(found.unreached_rules), possible - len(found.unreached_pairs)
    told = (
        f"{rules} of {len(DECISION_RULES)} rules and {reached} of the {possible} pairs that can meet in one command "
        f"were reached, by {found.commands:,} commands in {found.cases:,} cases"
    )
    if found.impossible:
        return Text(f"DISAGREE: {told}; rules met that the table says cannot meet.", style="bold red")
    if found.unplaced or found.partial:
        why = found.partial or "rules are not in the table of occasions"
        return Text(f"INCOMPLETE: {told}; {why}.", style="yellow")
    if found.unreached_rules or found.unreached_pairs:
        return Text(f"DISAGREE: {told}.", style="bold red")
    apart = sum(1 for _ in apart_pairs())
    return Text(f"AGREE: {told}; none of the {apart} that cannot has met.", style="green")


def print_hunt(found: Hunted, console: Console | None = None) -> None:
    """What a hunt caught, and what got away."""
    console = console or Console()
    told = f"{found.caught} of {found.caught + len(found.missing)} pairs caught; {len(found.kept)} cases are kept."
    console.print(Text(told, style="yellow" if found.missing else "green"))
    for first, second in found.missing:
        console.print(Text(f"Never in one command: {first} and {second}"))
    if found.missing:
        console.print(Text(f"Go on: {HUNT} --budget 10m", style="bold"))


def print_case(number: int, console: Console | None = None) -> None:
    """One case of the coverage run, command by command, with the rules by which each was decided."""
    console = console or Console()
    case = coverage_case(number)
    console.print(Text(f"case {number}: {literal(case.profile)}, {literal(list(case.instruments))}"))
    for command, rules in told_by(case):
        console.print(Text(f"  {literal(command)}"))
        console.print(Text(f"      {' '.join(sorted(rules, key=in_order)) or 'no rule'}", style="cyan"))


def print_occasions(console: Console | None = None) -> None:
    """The table from which it follows which rules can meet."""
    console = console or Console()
    table = _table("Which rules may decide in one command", ("outcome", "rules", "why no other"))
    for occasion in OCCASIONS:
        table.add_row(occasion.outcome, " ".join(sorted(occasion.rules, key=in_order)), occasion.because)
    console.print(table)


def print_properties(console: Console | None = None) -> None:
    """P1 to P16, and who judges each of them."""
    console = console or Console()
    table = _table("The properties, and what judges them", ("", "property", "judged by", "on"))
    for row in PROPERTIES:
        said = Text.assemble((row.name, "bold"), f"\n{row.text}")
        names = Text("\n".join(judge.partition(":")[2] for judge in row.judges) or "nothing yet")
        where = Text(row.where)
        if row.missing:
            where.append(f"{'; ' if row.where else ''}not judged: {row.missing}", style="yellow")
        table.add_row(row.number, said, names, where)
    console.print(table)


# ── parts of a table ──


def _table(title: str, columns: Iterable[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", pad_edge=False, show_lines=True)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _title(venue: ProfileFile[Profile]) -> Text:
    return Text.assemble(("The rule book, as chosen by ", ""), (venue.profile.name, "bold"), f": {venue.venue}\n")


def _letter(letter: str, rules: Sequence[Entry], left_out: Mapping[str, str]) -> Table:
    title = f"{letter}: {LETTERS.get(letter, '')}"
    table = Table(title=title, title_justify="left", title_style="bold", pad_edge=False, expand=True)
    table.add_column("rule", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("what it says", ratio=1)
    for entry in rules:
        lines: list[Text] = [Text(entry.rule.text), *_details(entry, everything=False)]
        table.add_row(Text(entry.rule.number, style="bold"), entry.rule.scope, Group(*lines))
    for number, why in left_out.items():
        table.add_row(Text(number, style="dim"), "", Text(f"not in this version: {why}", style="yellow"))
    return table


def _details(entry: Entry, everything: bool) -> list[Text]:
    """What stands below a rule's sentence."""
    lines: list[Text] = []
    if entry.rule.source:
        lines.append(Text(f"source: {entry.rule.source}", style="dim"))
    if entry.decided_in:
        lines.append(Text(f"decided in {', '.join(map(str, entry.decided_in))}", style="dim"))
    if entry.held_by and (everything or not entry.decided_in):
        lines.append(Text(f"held by {', '.join(entry.held_by)}", style="dim"))
    for choice in entry.choices:
        style = "bold cyan" if choice.differs else "cyan"
        lines.append(Text(f"chosen: {choice.field} = {choice.value}  ({choice.source})", style=style))
    lines += [Text(f"not in this version, {part}: {why}", style="yellow") for part, why in entry.left_out]
    lines += [Text(f"the venue, not modelled: {text} ({source})", style="yellow") for text, source in entry.elsewhere]
    return lines


def _entry_line(number: str, text: str, source: str) -> Text:
    return Text.assemble((f"  {number}  ", "bold"), (f"{text} ({source})", "yellow"))


def _reached(found: Coverage, possible: Sequence[tuple[str, str]]) -> Table:
    """Of each rule, how often it decided, and how many of the rules that it can meet it met."""
    table = Table(title="Rules", title_justify="left", title_style="bold", pad_edge=False)
    for column in ("rule", "commands", "met", "of", "rarest with"):
        table.add_column(column, justify="left" if column in ("rule", "rarest with") else "right")
    for number in DECISION_RULES:
        mine = [pair for pair in possible if number in pair]
        partners = {first if second == number else second: found.pairs[first, second] for first, second in mine}
        met = {other: times for other, times in partners.items() if times}
        rarest = min(met, key=lambda other: (met[other], other), default="")
        told = f"{rarest}, {met[rarest]:,} times, first in case {_first(found, number, rarest):,}" if rarest else ""
        style = "" if len(met) == len(partners) and found.rules[number] else "red"
        table.add_row(number, f"{found.rules[number]:,}", str(len(met)), str(len(partners)), told, style=style)
    return table


def _first(found: Coverage, one: str, other: str) -> int:
    first, second = sorted((one, other), key=in_order)
    return found.first[first, second]


def _letters(found: Coverage, possible: Sequence[tuple[str, str]]) -> Table:
    """Letter by letter, how many of the pairs that can meet have met: 147 if all have, else 145/147."""
    letters = sorted({number[0] for number in DECISION_RULES})
    table = Table(title="Pairs that met, of those that can", title_justify="left", title_style="bold", pad_edge=False)
    table.add_column("")
    for letter in letters:
        table.add_column(letter, justify="right")
    for row in letters:
        cells = []
        for column in letters:
            here = [pair for pair in possible if sorted((pair[0][0], pair[1][0])) == sorted((row, column))]
            met = sum(1 for pair in here if found.pairs[pair])
            told = str(met) if met == len(here) else f"{met}/{len(here)}"
            cells.append("" if column < row or not here else told)
        table.add_row(row, *cells)
    return table
