"""A counterexample told: its steps with lines and values, each switch with its reason, and the page."""

from __future__ import annotations

from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import pytest

from bookproof.engine.zoo import ZOO
from bookproof.models.cli import main
from bookproof.models.engines_by_name import factory
from bookproof.models.interleaving.explore import replayed
from bookproof.models.interleaving.page import Counterexample, page
from bookproof.models.interleaving.run import again_by
from bookproof.models.interleaving.story import as_test
from bookproof.models.interleaving.token import read_token
from bookproof.models.interleaving.trace import Recorder, Step
from bookproof.models.interleaving.why import held_in, switches_of, waits_of
from bookproof.models.interleaving.zoo import caught

ENGINE = Path(__file__).parents[2] / "engine" / "bookproof" / "engine"


def heard(token: str, engine: str) -> Sequence[Step]:
    recorder = Recorder()
    replayed(factory(engine), read_token(token), recorder)
    return recorder.steps


def whys(token: str, engine: str) -> list[str]:
    return [switch.why for switch in switches_of(heard(token, engine))]


def test_a_look_before_the_lock_is_heard_with_its_value_and_the_line_of_the_engine() -> None:
    steps = heard("cancel-fill-B1/AB", "look-up-before-lock")
    look = next(step for step in steps if step.verb == "reads" and not step.minor)
    assert look.what == "reads book A: status of order 1: new, 1 open"
    assert look.site is not None
    assert look.site.code.startswith("seen = book.status(command.order_id)")


@pytest.mark.parametrize(("token", "engine"), [("cancel-fill-B1/AB", "striped"), ("one-purse-C1/A4", "striped")])
def test_every_line_that_is_told_stands_in_the_engine_where_it_is_said_to(token: str, engine: str) -> None:
    sites = [site for step in heard(token, engine) for site in step.sites]
    assert sites
    for site in sites:
        lines = (ENGINE / site.file).read_text(encoding="utf-8").splitlines()
        assert lines[site.line - 1].strip() == site.code


def test_hearing_a_run_changes_nothing_of_it() -> None:
    for token, engine in (("cancel-fill-B1/AB", "look-up-before-lock"), ("three-by-three/A2", "striped")):
        replay = read_token(token)
        plain, fault, _ = replayed(factory(engine), replay)
        told, same, _ = replayed(factory(engine), replay, Recorder())
        assert plain.run.schedule == told.run.schedule
        assert [each.answer for each in plain.told] == [each.answer for each in told.told]
        assert fault == same


@pytest.mark.parametrize(
    ("token", "engine", "why"),
    [
        (
            "cancel-fill-B1/AB",
            "look-up-before-lock",
            ["B goes on with book A as it saw it, and A has changed it since"],
        ),
        ("baskets-cross/AB", "unordered-stripes", ["B takes stripe 1 before A, which waits for it ever after"]),
        (
            "basket-torn-B1C1/A2BA2",
            "check-then-fill",
            [
                "A has read book A; now B writes it, and A goes on with what it has seen",
                "A goes on with book A as it saw it, and B has changed it since",
            ],
        ),
        ("cancel-fill-B2/AB", "striped", ["A wrote book A before B writes it"]),
    ],
)
def test_each_switch_is_explained_by_what_conflicts(token: str, engine: str, why: list[str]) -> None:
    assert whys(token, engine) == why


def test_a_thread_that_leaves_the_lock_of_another_is_told_so() -> None:
    found = caught("left-twice")
    assert "C leaves stripe 0, which B holds" in whys(found.token, "left-twice")


def test_a_switch_between_steps_that_have_nothing_to_do_with_each_other_says_so() -> None:
    one = Step(0, "writes", "book A", turn=1, touched=(("book A", True),))
    other = Step(1, "writes", "book B", turn=2, touched=(("book B", True),))
    more = Step(0, "leaves", "stripe 0", turn=2)
    assert [switch.why for switch in switches_of([one, other, more])] == [
        "nothing that B does here conflicts with A",
        "B is done",
    ]


def test_a_deadlock_is_a_ring_of_waits_at_the_lines_where_they_stand() -> None:
    steps = heard("baskets-cross/AB", "unordered-stripes")
    assert [(wait.thread, wait.place, wait.holder) for wait in waits_of(steps)] == [
        (0, "stripe 1", 1),
        (1, "stripe 0", 0),
    ]
    assert all(step.site is not None for step in steps if step.verb == "waits for")
    assert [held.end for held in held_in(steps)] == [len(steps)] * 2, "nobody leaves what it holds"


def test_what_an_engine_raises_is_heard_where_it_happens() -> None:
    found = caught("id-freed-early")
    raised = [step for step in heard(found.token, "id-freed-early") if step.verb == "raises"]
    assert [step.place for step in raised] == ["KeyError: 1"]
    assert raised[0].site is not None
    assert raised[0].site.file == "book.py"


@pytest.mark.parametrize(("engine", "lines"), [("neighbours-stripe", 2), ("a-lock-a-side", 2)])
def test_the_two_steps_of_a_race_are_marked(engine: str, lines: int, capsys: pytest.CaptureFixture[str]) -> None:
    found = caught(engine)
    assert found.by == "schedules: race"
    main(["replay", found.token, "--engine", engine])
    told = capsys.readouterr().out.split()  # into words: where a line is full the mark stands at the next one's start
    assert told.count("races") == lines
    assert written(found.token, engine).count("<rect class=mark") >= lines


# ── the page ──


class _Shape(HTMLParser):
    """Sees to it that what has to be closed is, and that nothing is loaded from elsewhere."""

    OPEN = frozenset(
        {"html", "head", "body", "table", "svg", "pre", "details", "div", "h1", "h2", "style", "title", "defs"}
    )

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.text: list[str] = []
        self.counts: dict[str, int] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.counts[tag] = self.counts.get(tag, 0) + 1
        assert tag not in ("script", "link", "img", "iframe")
        assert not {"src", "href", "onclick"} & {name for name, _ in attrs}
        if tag in self.OPEN:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.OPEN:
            assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def shape(html: str) -> _Shape:
    parser = _Shape()
    parser.feed(html)
    assert parser.stack == []
    assert "://" not in html, "nothing is loaded from anywhere"
    return parser


def written(token: str, engine: str) -> str:
    recorder, replay = Recorder(), read_token(token)
    outcome, fault, _ = replayed(factory(engine), replay, recorder)
    test, again = as_test(token, engine), again_by(token, engine)
    return page(Counterexample(token, engine, replay.scenario, outcome, recorder.steps, fault, test, again))


def test_the_page_has_three_zooms_the_graph_the_test_and_the_command() -> None:
    parser = shape(written("baskets-cross/AB", "unordered-stripes"))
    text = "".join(parser.text)
    for part in ("What everybody was told", "The interleaving", "Who waits for whom", "The full trace", "Run it again"):
        assert part in text
    assert "bookproof replay baskets-cross/AB --engine unordered-stripes" in text
    assert 'fault_of("baskets-cross/AB", engine="unordered-stripes") is None' in text
    assert parser.counts["svg"] == 2
    assert parser.counts["circle"] > 2


def test_a_run_that_is_right_has_a_page_too_and_no_graph() -> None:
    text = "".join(shape(written("cancel-fill-B1/AB", "striped")).text)
    assert "explained by its stamps" in text
    assert "Who waits for whom" not in text


def test_what_is_told_cannot_break_the_page() -> None:
    evil = Step(0, "reads", "<script>alert(1)</script>", "'\"&", turn=1)
    replay = read_token("cancel-fill-B1/AB")
    outcome, fault, _ = replayed(factory("striped"), replay)
    parser = shape(page(Counterexample("<b>", "<i>", replay.scenario, outcome, [evil], fault, "<u>", "<s>", "<p>")))
    assert "<script>alert(1)</script>" in "".join(parser.text)


@pytest.mark.parametrize("engine", ZOO)
def test_every_engine_of_the_zoo_has_a_page_and_a_reason_for_every_switch(engine: str) -> None:
    found = caught(engine)
    shape(written(found.token, engine))
    for switch in switches_of(heard(found.token, engine)):
        assert switch.why
        assert switch.leaves != switch.enters


def test_the_command_line_writes_pages_and_full_traces(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    token, engine = "cancel-fill-B1/AB", "look-up-before-lock"
    assert main(["replay", token, "--engine", engine, "--full", "--html", str(tmp_path / "replay.html")]) == 1
    told = capsys.readouterr().out
    assert "The full trace" in told
    assert "lock_defects.py" in told
    assert main(["zoo", engine, "--html", str(tmp_path / "zoo.html")]) == 0
    asked = ["explore", "--engine", engine, "--scenario", "cancel-fill", "--html", str(tmp_path / "explore.html")]
    assert main(asked) == 1
    for name in ("replay", "zoo", "explore"):
        assert token in "".join(shape((tmp_path / f"{name}.html").read_text(encoding="utf-8")).text)
    assert ZOO[engine].story in "".join(shape((tmp_path / "zoo.html").read_text(encoding="utf-8")).text)


def test_a_page_that_cannot_be_written_is_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "cancel-fill-B1/AB", "--html", str(tmp_path / "none" / "a.html")]) == 2
    assert main(["zoo", "--html", str(tmp_path / "a.html")]) == 2
    assert capsys.readouterr().err.count("\n") == 2
