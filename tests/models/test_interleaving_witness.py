"""The witness of a search: it finds what `concurrent.check` finds, and every order of stamps that a run allows."""

from __future__ import annotations

from contextlib import closing

import pytest

from bookproof.models.concurrent.check import check
from bookproof.models.concurrent.history import History
from bookproof.models.engines_by_name import factory
from bookproof.models.interleaving.program import Outcome, Program
from bookproof.models.interleaving.reorders import by_stamp, in_order, reordered, right_in_all
from bookproof.models.interleaving.scenarios import NAMED
from bookproof.models.interleaving.scheduler import Scheduler
from bookproof.models.interleaving.search import Reduced
from bookproof.models.interleaving.witness import Witness


def outcomes(name: str, engine: str = "striped") -> list[Outcome]:
    """Every run of a scenario."""
    scenario = NAMED[name]
    with closing(Scheduler(len(scenario.scripts))) as scheduler:
        scheduler.numbers_matter = False
        program = Program(factory(engine), scenario, scheduler)
        found: list[Outcome] = []
        for _ in Reduced(lambda choose: found.append(program.execute(choose)) or found[-1].run):  # type: ignore[func-returns-value]
            pass
        return found


def doctored(history: History) -> list[History]:
    """The history with one thing wrong, in each place where that can be."""
    made: list[History] = []
    operations = history.operations
    for at, one in enumerate(operations):
        for other in (at - 1, at + 1):
            if 0 <= other < len(operations):
                two = operations[other]
                wrong = [
                    one._replace(answer=one.answer._replace(stamp=two.answer.stamp)),
                    one._replace(answer=one.answer._replace(events=two.answer.events)),
                    one._replace(called=two.called + 7, returned=two.returned + 7),
                    one._replace(called=two.called - 7, returned=two.returned - 7),
                ]
                made += [history._replace(operations=(*operations[:at], w, *operations[at + 1 :])) for w in wrong]
    made.append(history._replace(final=history.final[::-1]))
    if history.accounts:
        made.append(history._replace(accounts=(history.accounts[0]._replace(account=99), *history.accounts[1:])))
    return made


@pytest.mark.parametrize("name", ["basket-torn", "mass-cancel", "one-purse"])
def test_the_witness_finds_what_a_check_finds(name: str) -> None:
    witness = Witness()
    wrong = right = 0
    for outcome in outcomes(name):
        assert outcome.history is not None
        assert witness.judge(outcome.history) is None
        for history in doctored(outcome.history):
            violation = check(history)
            assert witness.judge(history) == violation
            wrong, right = wrong + (violation is not None), right + (violation is None)
    assert wrong > right


def test_all_orders_at_once_are_as_right_as_one_by_one() -> None:
    witness = Witness()
    several = 0
    for outcome in outcomes("three-by-three")[:200]:
        orders = list(reordered(outcome))
        several += len(orders) > 1
        assert right_in_all(outcome, witness)
        assert all(witness.judge(each.history) is None for each in orders)
    assert several > 20


def test_an_order_that_is_not_explained_is_noticed() -> None:
    """Told that nothing orders its operations, a run that is right in its own order only is not right in all."""
    witness = Witness()
    noticed = 0
    for outcome in outcomes("cancel-fill"):
        history, told = outcome.history, by_stamp(outcome)
        assert history is not None
        operations = [each for each in history.operations if each.command in [one.command for one in told]]
        free, bound = [0] * len(told), [(1 << at) - 1 for at in range(len(told))]
        operations.sort(key=lambda each: each.answer.stamp)
        assert in_order(outcome) is not None
        assert witness.in_every_order(history, operations, bound, 100)
        noticed += not witness.in_every_order(history, operations, free, 100)
    assert noticed
