"""`tla/Barrier.tla` in Python: the halt of the market and the kill switch."""

from __future__ import annotations

from bookproof.models.states.model import Model
from bookproof.models.twins.accounts import do
from bookproof.models.twins.parts import Constants, one_of, put, specified
from bookproof.models.twins.records import Command, Outcome, Said, rejected
from bookproof.models.twins.rulebook import barred, resting
from bookproof.models.twins.scenarios import scenario_named
from bookproof.models.twins.striped import State, Step, Striped, model_of


class Barrier(Striped):
    """The invariants of the module, and the steps of the design that is refuted."""

    # ── properties ──

    def nothing_trades_in_a_halt(self, s: State) -> bool:
        """`NothingTradesInAHalt`."""
        about_to = [work for pc, work in zip(s.pc, s.work, strict=True) if pc == "stamp"]
        return not s.oracle.halted or not any(event.is_ == "trade" for work in about_to for event in work)

    def nothing_of_the_killed_rests(self, s: State) -> bool:
        """`NothingOfTheKilledRests`."""
        return all(o.account not in s.oracle.blocked for book in s.floor.book.images for o in resting(book))

    def the_killed_are_refused(self, s: State) -> bool:
        """`TheKilledAreRefused`."""
        return all(
            is_refusal(s.work[c - 1])
            for c in self.clients
            if s.pc[c - 1] == "stamp" and accounts_of(self.command(s, c)) & s.oracle.blocked
        )

    # ── refuted: "flag outside" ──

    def believes(self, s: State, c: int) -> bool:
        """`Believes`."""
        return self.command(s, c).do == "submit"

    def read_flag(self, s: State, c: int) -> State | None:
        """`ReadFlag`."""
        if s.pc[c - 1] != "take" or not self.believes(s, c) or s.seen[c - 1]:
            return None
        (account,) = accounts_of(self.command(s, c))
        return s._replace(seen=put(s.seen, c, (barred(s.floor, account),)))

    def enter_disbelieving(self, s: State, c: int) -> State | None:
        """`Enter`, of whoever looks when it has its stripes."""
        return self.enter(s, c) if s.pc[c - 1] == "take" and not self.believes(s, c) else None

    def enter_believing(self, s: State, c: int) -> State | None:
        """`EnterBelieving`."""
        if s.pc[c - 1] != "take" or not s.seen[c - 1] or s.holder[s.wants[c - 1][0] - 1]:
            return None
        (stripe,) = s.wants[c - 1]
        floor, said = self.believing(s, c)
        return s._replace(
            holder=put(s.holder, stripe, c),
            has=put(s.has, c, (*s.has[c - 1], stripe)),
            wants=put(s.wants, c, ()),
            floor=floor,
            work=put(s.work, c, said),
            seen=put(s.seen, c, ()),
            pc=put(s.pc, c, "stamp"),
        )

    def believing(self, s: State, c: int) -> Outcome:
        """`Believing`."""
        command, floor = self.command(s, c), s.floor
        if s.seen[c - 1][0]:
            return Outcome(floor, (rejected(command.order.id if command.order else 0),))
        x, said = do(floor._replace(halted=False, blocked=frozenset()), command, self.listed)
        return Outcome(x._replace(halted=floor.halted, blocked=floor.blocked), said)

    def steps_outside(self) -> dict[str, Step]:
        """The parts of `NextOutside`."""
        return {
            "Call": self.call,
            "ReadFlag": self.read_flag,
            "Take": self.take,
            "Enter": self.enter_disbelieving,
            "EnterBelieving": self.enter_believing,
            "Commit": self.commit,
            "Release": self.release,
        }


def accounts_of(command: Command) -> frozenset[int]:
    """`AccountOf`, of whoever `Enters`."""
    orders = [command.order] if command.do == "submit" else [leg.order for leg in command.legs]
    return frozenset(o.account for o in orders[:1] if o)


def is_refusal(said: Said) -> bool:
    """`IsRefusal`."""
    return [event.is_ for event in said] == ["rejected"]


def barrier(constants: Constants, specification: str) -> Model[State]:
    """The module with its constants."""
    outside = specified(specification, "Spec", "SpecOutside") == "SpecOutside"
    design = one_of(constants, "Design", "striped", "flag outside")
    engine = Barrier(scenario_named(constants["Scenario"]), design)
    model = model_of(engine, "Barrier", engine.steps_outside() if outside else engine.steps())
    return model._replace(
        always={
            **model.always,
            "NothingTradesInAHalt": engine.nothing_trades_in_a_halt,
            "NothingOfTheKilledRests": engine.nothing_of_the_killed_rests,
            "TheKilledAreRefused": engine.the_killed_are_refused,
        }
    )
