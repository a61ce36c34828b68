"""`tla/Snapshot.tla` in Python: a picture of all books is one cut."""

from __future__ import annotations

from collections.abc import Iterator

from bookproof.models.states.model import Model
from bookproof.models.twins.parts import Constants, one_of, put, specified
from bookproof.models.twins.records import Event, Said
from bookproof.models.twins.rulebook import shown
from bookproof.models.twins.scenarios import scenario_named
from bookproof.models.twins.striped import State, Step, Striped, model_of


class Snapshot(Striped):
    """The invariants of the module, and the steps of the design that is refuted."""

    # ── properties ──

    def pictures(self, s: State) -> Iterator[tuple[Said, Said]]:
        """Each `IsPicture` that was told, and what the sequential exchange says."""
        for told, right in zip(s.told, s.right, strict=True):
            yield from ((mine, its) for mine, its in zip(told, right, strict=False) if is_picture(mine))

    def no_half_basket(self, s: State) -> bool:
        """`NoHalfBasket`."""
        return not any(lots_shown(told, 1, 2) in ((2, 1), (1, 2)) for told, _ in self.pictures(s))

    def one_cut(self, s: State) -> bool:
        """`OneCut`."""
        return all(told == right for told, right in self.pictures(s))

    # ── refuted: "book by book" ──

    def is_looking(self, s: State, c: int) -> bool:
        """`Pictures`."""
        return self.command(s, c).do == "snapshot"

    def unless_looking(self, step: Step) -> Step:
        """The step, of whoever does not take a picture."""
        return lambda s, c: step(s, c) if s.pc[c - 1] in ("take", "leave") and not self.is_looking(s, c) else None

    def look_at_one(self, s: State, c: int) -> State | None:
        """`LookAtOne`."""
        if s.pc[c - 1] != "take" or not self.is_looking(s, c) or s.holder[s.wants[c - 1][0] - 1]:
            return None
        stripe, *others = s.wants[c - 1]
        so_far = s.work[c - 1] or (Event("snapshot", 0, 0, 0, 0),)
        return s._replace(
            holder=put(s.holder, stripe, c),
            has=put(s.has, c, (stripe,)),
            wants=put(s.wants, c, tuple(others)),
            work=put(s.work, c, so_far + shown(s.floor, self.listed[stripe - 1 : stripe])),
            pc=put(s.pc, c, "leave"),
        )

    def let_go_of_one(self, s: State, c: int) -> State | None:
        """`LetGoOfOne`."""
        if s.pc[c - 1] != "leave" or not self.is_looking(s, c):
            return None
        return s._replace(
            holder=put(s.holder, s.has[c - 1][0], 0),
            has=put(s.has, c, ()),
            pc=put(s.pc, c, "take" if s.wants[c - 1] else "stamp"),
        )

    def steps_by_book(self) -> dict[str, Step]:
        """The parts of `NextByBook`."""
        return {
            "Call": self.call,
            "Take": self.unless_looking(self.take),
            "Enter": self.unless_looking(self.enter),
            "LookAtOne": self.look_at_one,
            "LetGoOfOne": self.let_go_of_one,
            "Commit": self.commit,
            "Release": self.unless_looking(self.release),
        }


def is_picture(said: Said) -> bool:
    """`IsPicture`."""
    return bool(said) and said[0].is_ == "snapshot"


def lots_shown(said: Said, *ids: int) -> tuple[int, ...]:
    """`LotsShown`, of each of these."""
    return tuple(sum(event.lots for event in said if event.is_ == "shown" and event.id == id) for id in ids)


def snapshot(constants: Constants, specification: str) -> Model[State]:
    """The module with its constants."""
    by_book = specified(specification, "Spec", "SpecByBook") == "SpecByBook"
    engine = Snapshot(scenario_named(constants["Scenario"]), one_of(constants, "Design", "striped", "book by book"))
    model = model_of(engine, "Snapshot", engine.steps_by_book() if by_book else engine.steps())
    return model._replace(always={**model.always, "NoHalfBasket": engine.no_half_basket, "OneCut": engine.one_cut})
