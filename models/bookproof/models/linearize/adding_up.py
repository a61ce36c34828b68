"""What became of each order: what came to rest was filled, withdrawn or is alive."""

from __future__ import annotations

from bookproof.models.linearize.answers import Answers
from bookproof.models.linearize.consumers import Consumers
from bookproof.models.linearize.facts import NEVER, NOBODY, Beyond, Entry, Impossible
from bookproof.spec.commands import MassCancel
from bookproof.spec.values import Lots, OrderId, Side


class Sums(Answers):
    """Every lot is accounted for."""

    def add_up(self) -> None:
        """Add up what each order lost. Raises Impossible where that is not what came to rest."""
        facts = self.facts
        taken = [0] * len(facts.key)
        for entries in facts.entries:
            for entry in entries:
                for order, lots in entry.touches:
                    taken[order] += lots
        lost = list(taken)
        for withdraws in facts.withdraws:
            for order, lots in withdraws:
                lost[order] += lots
        self._move_on(taken, lost)
        facts.consumers = Consumers(len(facts.key))
        consumed = facts.consumers.add
        for at in range(len(facts.entries)):
            for order, _ in facts.withdraws[at]:
                consumed(at, order)
            for entry in facts.entries[at]:
                last = len(entry.touches) - 1
                before = NOBODY
                for number, (order, _) in enumerate(entry.touches):
                    self._check_touch(at, entry, order, before)
                    consumed(at, order)
                    beyond = number < last
                    if beyond and order in facts.display:  # it may have gone on to others behind one slice (D2)
                        beyond = facts.level[entry.touches[-1][0]] > facts.level[order]
                    if beyond or entry.left:
                        self.ends(at, order)
                    before = order
        facts.consumers.sort()
        facts.gone = bytearray(len(facts.key))
        living = self._living()
        for order, rested in enumerate(facts.rested):
            if rested:
                self._add_up_one(order, rested - lost[order], living)
            else:
                facts.gone[order] = True
        for book, name in living:
            known = [facts.entered[stay] for stay in self.lives(book, name)]
            story = f"order {name} is in the final book as it cannot be after what became of it"
            raise Impossible(story if known else f"order {name} is in the final book, and never rested", *known)

    def _move_on(self, taken: list[Lots], lost: list[Lots]) -> None:
        """What a replace that lost its place took from one stay to the next: what was asked for, less what traded."""
        facts = self.facts
        executed: dict[int, Lots] = {}
        for at, old, new, total, at_once in self.moves:
            name, first = facts.order_id[old], facts.entered[old]
            before = executed.get(old)
            if before is None:
                before = self.asked(first) - facts.rested[old]
            executed[new] = before + taken[old] + at_once
            left, moved = total - executed[new], facts.rested[old] - lost[old]
            if moved <= 0 or left < 0:
                raise Impossible(f"order {name} was replaced when less was left of it", first, at)
            facts.withdraws[at] = ((old, moved),)
            lost[old] += moved
            facts.rested[new] = left
            if not left:
                if taken[new]:
                    raise Impossible(f"order {name} was filled when it was replaced, and once more", at)
                [entry] = facts.entries[at]
                facts.entries[at] = (entry._replace(left=False, rests=NOBODY),)

    def _check_touch(self, at: int, entry: Entry, order: int, before: int) -> None:
        facts = self.facts
        name = facts.order_id[order]
        if facts.side_of[order] != entry.opposite:
            raise Impossible(f"it traded with order {name}, which is on its own side", at, facts.entered[order])
        if facts.level[order] > entry.reach:
            raise Impossible(f"it traded with order {name} beyond its limit", at, facts.entered[order])
        if facts.entered[order] == at and at not in self.cascades:  # what it set off may take from it
            raise Impossible("it traded with itself", at)
        if order == before and order not in facts.display:
            raise Impossible(f"it met order {name} twice, which shows all it has", at, facts.entered[order])
        if before != NOBODY:
            if facts.level[before] > facts.level[order]:
                raise Impossible("it took the worse price first", at, facts.entered[before], facts.entered[order])
            if facts.level[before] == facts.level[order] and not facts.display.keys() & {before, order}:
                self.force(before, order, "its order was met behind that of {1} by one taker, at one price")

    def _living(self) -> dict[tuple[int, OrderId], tuple[int, int, Lots]]:
        """What is in the final books: side, key and lots of each order."""
        found: dict[tuple[int, OrderId], tuple[int, int, Lots]] = {}
        for view in self.history.final:
            book = self.book[view.symbol]
            for order in view.queue.bids:
                found[book, order.order_id] = 2 * book, -(order.price or 0), order.leaves
            for order in view.queue.asks:
                found[book, order.order_id] = 2 * book + 1, order.price or 0, order.leaves
            for side, stops in ((Side.BUY, view.stops.buys), (Side.SELL, view.stops.sells)):
                for stop in stops:
                    found[book, stop.order_id] = self.facts.waiting(book, side), stop.stop, 1
        return found

    def _add_up_one(self, order: int, left: Lots, living: dict[tuple[int, OrderId], tuple[int, int, Lots]]) -> None:
        """What rested was filled, withdrawn or is alive."""
        facts = self.facts
        name, entered, consumers = facts.order_id[order], facts.entered[order], facts.consumers[order]
        book = facts.book_of(order)
        looked_at = book in self.looked_at
        alive = left > 0 and living.get((book, name)) == (facts.side_of[order], facts.key[order], left)
        if entered in facts.optional:
            if not consumers and not alive:
                facts.gone[order] = True  # it may never have happened
                return
            if left < 0 or (looked_at and left and not alive):
                raise Beyond("operations without a return that did something that nobody saw")
            facts.optional.discard(entered)
            facts.returned[entered] = NEVER - 1
        if left < 0:
            story = f"order {name} rested with {facts.rested[order]} lots and lost {-left} more"
            raise Impossible(story, entered, *consumers)
        if facts.ender[order] != NOBODY and left:
            story = f"{left} lots of order {name} are unaccounted for: they were there when nothing was left of it"
            raise Impossible(story, entered, *consumers)
        if alive:
            del living[book, name]
        elif left:
            opened = [*self.open_cancels.get((book, name), ()), *self.open_sweeps.get(facts.owner[order], ())]
            if opened and not looked_at:
                raise Beyond("cancels without a return where the final books are not known")
            if len(opened) > 1:
                raise Beyond("several cancels without a return for one order")
            if looked_at and not opened:
                story = f"{left} lots of order {name} are in no fill, no cancel and not in the final book"
                raise Impossible(story, entered, *consumers)
            if opened:
                self._has_cancelled(opened[0], order, left)
                left = 0
        facts.gone[order] = not left

    def _has_cancelled(self, at: int, order: int, left: Lots) -> None:
        """An operation without a return that must have happened: nobody else took the order out."""
        facts = self.facts
        facts.optional.discard(at)
        facts.returned[at] = NEVER - 1
        facts.withdraws[at] = (*facts.withdraws[at], (order, left))
        facts.consumers.add_late(at, order)
        facts.ender[order] = at
        command = self.history.operations[at].command
        if isinstance(command, MassCancel):
            facts.cleared[at] = command.account
