"""Second reading of a history: who took from whom, and whether each answer is one to what was asked."""

from __future__ import annotations

from collections.abc import Sequence

from bookproof.models.linearize.arrivals import Cascade
from bookproof.models.linearize.facts import NOBODY, NOTHING, UNBOUNDED, Beyond, Entry, Impossible, Killed
from bookproof.models.linearize.history import Operation
from bookproof.models.linearize.refusals import Refusals, reach_of
from bookproof.spec.commands import (
    Basket,
    Cancel,
    Command,
    Halt,
    KillSwitch,
    MassCancel,
    Reinstate,
    Replace,
    Resume,
    Submit,
)
from bookproof.spec.events import (
    Accepted,
    AccountBlocked,
    AccountReinstated,
    Cancelled,
    Event,
    Halted,
    MassCancelled,
    Prevented,
    Rejected,
    Replaced,
    Resumed,
    Trade,
)
from bookproof.spec.profile import NoLiquidity
from bookproof.spec.reasons import CancelReason
from bookproof.spec.values import Account, Lots, SelfTradePrevention, Side, TimeInForce


class Answers(Refusals):
    """What each operation did to the orders that were there."""

    def does(self, at: int, operation: Operation) -> None:
        """Read one answer. Raises Impossible where it is none to what was asked."""
        command, events = operation.command, operation.events
        if events is None:
            self._is_open(at, command)
            return
        if self.has_stops:
            self._note_prices(at, self.own_events(at, events))
        if at in self.cascades:
            events = self.own_events(at, events)
            if not events or not isinstance(command, Submit | Replace | Basket):
                raise Impossible("that is no answer to what was asked", at)
        head = events[0]
        if isinstance(head, Rejected):
            self.refused(at, command, head)
            if len(events) > 1:
                raise Impossible("it was refused, and did something all the same", at)
            return
        self._tell(at, command, events)
        for cascade in self.cascades.get(at, ()):
            self._triggered(at, cascade)

    def _tell(self, at: int, command: Command, events: tuple[Event, ...]) -> None:
        head = events[0]
        match command:
            case Submit(stop=int(stop)):
                if events != (
                    Accepted(command.symbol, command.order_id, command.side, command.price, command.quantity),
                ):
                    raise Impossible("that is no answer to what was asked", at)
                if self.fault(command) is not None:
                    raise Impossible("it was accepted, and is wrong by itself", at)
                self.taken(at, command.symbol, command.order_id, command.account)
                book = self.book[command.symbol]
                rests = self.pending[book, command.order_id]
                self.facts.entries[at] = (Entry(self.facts.waiting(book, command.side), NOTHING, (), False, rests),)
                self.facts.unreached[at] = book, command.side, stop, False
            case Submit():
                self._submitted(at, command, events)
            case Cancel():
                self._cancelled(at, command, events)
            case Replace():
                self._replaced(at, command, events)
            case Basket():
                self._basket(at, command, events)
            case MassCancel(account):
                self._swept(at, account, MassCancelled, CancelReason.MASS_CANCEL, events)
            case KillSwitch(account):
                self._swept(at, account, AccountBlocked, CancelReason.KILL_SWITCH, events)
                self.switch(at, ("blocked", account), True)
            case Reinstate(account):
                if head != AccountReinstated(account):
                    raise Impossible("that is no answer to what was asked", at)
                self.switch(at, ("blocked", account), False)
            case Halt(symbol):
                if head != Halted(symbol):
                    raise Impossible("that is no answer to what was asked", at)
                self.switch(at, ("halted", symbol), True)
            case Resume(symbol):
                if head != Resumed(symbol):
                    raise Impossible("that is no answer to what was asked", at)
                self.switch(at, ("halted", symbol), False)
            case _:
                raise Beyond(f"{type(command).__name__} commands")

    def _triggered(self, at: int, cascade: Cascade) -> None:
        """A stop that trades had reached, and what it did when it came in (E4, E6)."""
        order, facts = self.stop_of(at, cascade), self.facts
        book = self.book[order.symbol]
        waited = self.pending[book, order.order_id]
        stop = facts.key[waited]
        prices = [price for where, price in facts.prices.get(at, ()) if where == book]
        if not any(price >= stop if order.side is Side.BUY else price <= stop for price in prices):
            raise Impossible(f"it triggered order {order.order_id} and did not trade at its price", at)
        if order.self_trade is not SelfTradePrevention.NONE or order.post_only or order.min_quantity:
            raise Beyond("stops with terms of their own")
        if order.time_in_force is TimeInForce.FOK:
            raise Beyond("stops that are filled or killed")
        self.ends(at, waited)
        for other, _ in facts.withdraws[at]:
            if facts.side_of[other] == facts.side_of[waited] and facts.level[other] == facts.level[waited]:
                self.force(other, waited, "its stop was triggered behind that of {1}, at one price")
        facts.withdraws[at] = (*facts.withdraws[at], (waited, 1))
        touches, left, ended = self._touches(at, order, cascade.events)
        if ended is not None:
            self._check_end(at, order, ended, left)
        rests = self._brought_in(at, order) if ended is None and left else NOBODY
        facts.entries[at] = (*facts.entries[at], self._entry(order, touches, left > 0, rests))
        self._note_prices(at, cascade.events)

    def _note_prices(self, at: int, events: tuple[Event, ...]) -> None:
        """The last price of each book in which a matching step has traded."""
        last = {event.symbol: event.price for event in events if isinstance(event, Trade)}
        if last:
            step = tuple((self.book[symbol], price) for symbol, price in last.items() if symbol in self.book)
            self.facts.prices[at] = (*self.facts.prices.get(at, ()), *step)

    def _is_open(self, at: int, command: object) -> None:
        if isinstance(command, Submit) and at in self.facts.optional:
            mine = self._brought_in(at, command)
            self.facts.entries[at] = (self._entry(command, (), True, mine),)
            self.taken(at, command.symbol, command.order_id, command.account)

    def _submitted(self, at: int, order: Submit, events: tuple[Event, ...]) -> None:
        if events[0] != Accepted(order.symbol, order.order_id, order.side, order.price, order.quantity):
            raise Impossible("that is no answer to what was asked", at)
        if self.fault(order) is not None:
            raise Impossible("it was accepted, and is wrong by itself", at)
        self.taken(at, order.symbol, order.order_id, order.account)
        touches, left, ended = self._touches(at, order, events[1:])
        need = order.quantity if order.time_in_force is TimeInForce.FOK else order.min_quantity
        if ended is not None and ended.reason in (CancelReason.KILLED, CancelReason.MIN_QUANTITY):
            killed = CancelReason.KILLED if order.time_in_force is TimeInForce.FOK else CancelReason.MIN_QUANTITY
            if touches or ended.quantity != order.quantity or ended.reason is not killed or not need:
                raise Impossible("it was killed, and did something all the same", at)
            if order.self_trade is not SelfTradePrevention.NONE:
                raise Beyond("self-trade prevention of orders that were killed")
            self._found_somebody(at, [order])
            self.facts.killed[at] = (Killed(self._opposite(order), reach_of(order), need),)
            return
        traded = sum(event.quantity for event in events if isinstance(event, Trade))
        if traded < need:
            raise Impossible(f"it traded {traded} lots, and needed {need} or none", at)
        if ended is not None:
            self._check_end(at, order, ended, left)
        rests = NOBODY
        if ended is None and left:
            rests = self._brought_in(at, order)
        if order.post_only and touches:
            raise Impossible("it may never take, and took", at)
        if order.price is None and not touches and self.history.profile.no_liquidity is NoLiquidity.REJECT:
            raise Impossible("a market order that finds nobody is refused", at)
        prevented = ended is not None and ended.reason is CancelReason.SELF_TRADE  # so it did not look any further
        self.facts.entries[at] = (self._entry(order, touches, left > 0 and not prevented, rests),)

    def _found_somebody(self, at: int, orders: Sequence[Submit]) -> None:
        """Market orders that were killed were not refused for want of anybody to trade with (C3)."""
        if self.history.profile.no_liquidity is NoLiquidity.REJECT:
            found = tuple((self._opposite(order), UNBOUNDED) for order in orders if order.price is None)
            if found:
                self.facts.found_some[at] = found

    def _check_end(self, at: int, order: Submit, ended: Cancelled, left: Lots) -> None:
        if ended.quantity != left:
            raise Impossible(f"of {left} lots that were left {ended.quantity} were cancelled", at)
        if ended.reason is CancelReason.SELF_TRADE:
            if left and order.self_trade is not SelfTradePrevention.CANCEL_BOTH:
                raise Beyond("self-trade prevention that ends the taker")
            return
        right = CancelReason.MARKET if order.price is None else CancelReason.IMMEDIATE
        if ended.reason is not right or (order.price is not None and order.time_in_force is not TimeInForce.IOC):
            raise Impossible(f"what was left of it was cancelled as {ended.reason.value}", at)

    def _touches(
        self, at: int, order: Submit, events: tuple[Event, ...]
    ) -> tuple[tuple[tuple[int, Lots], ...], Lots, Cancelled | None]:
        """Whom an order met, what is left of it, and its end if it had one at once."""
        left, ended = order.quantity, None
        touches: list[tuple[int, Lots]] = []
        for event in events:
            if ended is not None:
                raise Impossible("it went on after its end", at)
            if isinstance(event, Trade | Prevented):
                if event.taker != order.order_id or event.symbol != order.symbol:
                    raise Impossible("it tells of a trade of somebody else", at)
                if isinstance(event, Prevented) and order.self_trade is SelfTradePrevention.NONE:
                    raise Impossible("its trade was prevented, and it did not ask for that", at)
                if isinstance(event, Prevented) or order.self_trade is not SelfTradePrevention.NONE:
                    self._check_prevention(at, order, event)
                left -= event.quantity
                touches.append((self._maker(at, event), event.quantity))
                if isinstance(event, Prevented):
                    self.facts.spared.add((at, touches[-1][0]))
                if touches[-1][1] <= 0 or left < 0:
                    raise Impossible(f"it filled more than its {order.quantity} lots, or nothing", at)
            elif isinstance(event, Cancelled) and event.order_id == order.order_id:
                ended = event
            elif isinstance(event, Cancelled) and event.reason is CancelReason.SELF_TRADE:
                self._cancelled_by_prevention(at, order, event, touches)
            else:
                raise Beyond(f"{type(event).__name__} events")
        return tuple(touches), left, ended

    def _cancelled_by_prevention(
        self, at: int, order: Submit, event: Cancelled, touches: list[tuple[int, Lots]]
    ) -> None:
        """A maker that self-trade prevention took out: whole, or what was left of it after both were made smaller."""
        maker = self.stay_there(at, self.book[order.symbol], event.order_id, event.price)
        if maker == NOBODY or event.symbol != order.symbol:
            raise Impossible(f"it cancelled order {event.order_id}, which never rested there", at)
        if self.facts.owner[maker] != order.account or order.self_trade is SelfTradePrevention.NONE:
            raise Impossible(f"it cancelled order {event.order_id} of another account", at, self.facts.entered[maker])
        if order.self_trade.decrements:
            if event.quantity or not touches or touches[-1][0] != maker:
                raise Impossible(f"it cancelled order {event.order_id}, and was to make it smaller", at)
            self.facts.spared.discard((at, maker))
        elif order.self_trade is SelfTradePrevention.CANCEL_TAKER or event.quantity <= 0:
            raise Impossible(f"it cancelled order {event.order_id}, which it was not to", at)
        else:
            touches.append((maker, event.quantity))
            self.facts.wiped.add((at, maker))
        self.prevents = True
        self.ends(at, maker)

    def _check_prevention(self, at: int, order: Submit, event: Trade | Prevented) -> None:
        maker = self._maker(at, event)
        own = self.facts.owner[maker] == order.account
        if own is not isinstance(event, Prevented):
            raise Impossible("it traded with its own account, or was kept from trading with another", at)
        self.prevents = self.prevents or own
        if own and not order.self_trade.decrements:
            raise Impossible("a trade was prevented in a way that it did not ask for", at)

    def _maker(self, at: int, event: Trade | Prevented) -> int:
        """The stay that a fill is of: the one at its price, with which it may have been there at one time."""
        book = self.book.get(event.symbol)
        found = self.stay_there(at, book, event.maker, event.price)
        if found == NOBODY:
            stays = self.stays(book, event.maker)
            at_all = " at that price then" if stays else ""
            makers = tuple(self.facts.entered[stay] for stay in stays)
            raise Impossible(f"it traded with order {event.maker}, which never rested{at_all}", at, *makers)
        return found

    def _brought_in(self, at: int, order: Submit) -> int:
        """The stay that an operation has begun."""
        stays = self.stays(self.book[order.symbol], order.order_id)
        return next(stay for stay in stays if self.facts.entered[stay] == at)

    def _entry(self, order: Submit, touches: tuple[tuple[int, Lots], ...], left: bool, rests: int) -> Entry:
        reach = reach_of(order)
        return Entry(self._opposite(order), self.shared.setdefault(reach, reach), touches, left, rests)

    def _opposite(self, order: Submit) -> int:
        return 2 * self.book[order.symbol] + (order.side is Side.BUY)

    def _cancelled(self, at: int, command: Cancel, events: tuple[Event, ...]) -> None:
        event = events[0]
        if len(events) != 1 or not isinstance(event, Cancelled) or event.reason is not CancelReason.REQUESTED:
            raise Impossible("that is no answer to what was asked", at)
        if (event.symbol, event.order_id) != (command.symbol, command.order_id):
            raise Impossible("it tells of another order than was asked", at)
        self.facts.withdraws[at] = (self._withdrawn(at, event),)

    def _withdrawn(self, at: int, event: Cancelled) -> tuple[int, Lots]:
        """The stay that a cancel ended, and what was left of it."""
        book = self.book.get(event.symbol)
        waited = self.pending.get((book, event.order_id)) if book is not None else None
        if waited is not None and (book, event.order_id) not in self.triggered:
            if self.stays(book, event.order_id):
                raise Beyond("order ids that are used again")
            return self._withdrawn_stop(at, event, waited)
        order = self.stay_there(at, book, event.order_id, event.price)
        if order == NOBODY:
            makers = tuple(self.facts.entered[stay] for stay in self.stays(book, event.order_id))
            raise Impossible(f"order {event.order_id} was cancelled, and never rested there", at, *makers)
        if bool(self.facts.side_of[order] & 1) is not (event.side is Side.SELL) or event.quantity <= 0:
            story = f"order {event.order_id} was cancelled as another than it is"
            raise Impossible(story, at, self.facts.entered[order])
        self.ends(at, order)
        return order, event.quantity

    def _withdrawn_stop(self, at: int, event: Cancelled, waited: int) -> tuple[int, Lots]:
        """A stop that was cancelled while it waited."""
        since = self.facts.entered[waited]
        terms = self.history.operations[since].command
        assert isinstance(terms, Submit)
        if (event.side, event.price, event.quantity) != (terms.side, terms.price, terms.quantity):
            raise Impossible(f"order {event.order_id} was cancelled as another than it is", at, since)
        self.ends(at, waited)
        return waited, 1

    def ends(self, at: int, order: int) -> None:
        """An operation that leaves nothing of an order comes after all others that took from it."""
        ender = self.facts.ender
        if ender[order] not in (NOBODY, at):
            name = self.facts.order_id[order]
            raise Impossible(f"both left nothing of order {name}, which can happen once", ender[order], at)
        ender[order] = at

    def _replaced(self, at: int, command: Replace, events: tuple[Event, ...]) -> None:
        head = events[0]
        if self.fault(command) is not None:
            raise Impossible("it was accepted, and is wrong by itself", at)
        if isinstance(head, Cancelled):
            raise Beyond("replaces that leave nothing")
        if not isinstance(head, Replaced) or (head.symbol, head.order_id, head.quantity) != (
            command.symbol,
            command.order_id,
            command.quantity,
        ):
            raise Impossible("that is no answer to what was asked", at)
        if command.price is not None and command.price != head.price:
            raise Impossible("that is no answer to what was asked", at)
        self.reads_halts(at, command.symbol)
        if self.facts.withdraws[at]:
            if len(events) > 1:
                raise Impossible("it kept its place, and did something all the same", at)
            return
        stays = self.stays(self.book[command.symbol], command.order_id)
        mine = next(number for number, stay in enumerate(stays) if self.facts.entered[stay] == at)
        if mine == 0:
            raise Impossible("it replaced an order that was not there", at)
        old, new = stays[mine - 1], stays[mine]
        lives = (self.history.operations[self.facts.entered[stay]].command for stay in reversed(stays[:mine]))
        first = next((command for command in lives if isinstance(command, Submit)), None)
        if first is None or first.self_trade is not SelfTradePrevention.NONE or first.post_only:
            raise Beyond("replaces of orders with terms of their own")
        if head.side is not first.side or (command.price is None and abs(self.facts.key[old]) != head.price):
            raise Impossible("that is no answer to what was asked", at)
        order = first._replace(price=head.price, quantity=command.quantity)
        touches, _, _ = self._touches(at, order, events[1:])
        self.ends(at, old)
        self.facts.entries[at] = (self._entry(order, touches, True, new),)

    def _basket(self, at: int, basket: Basket, events: tuple[Event, ...]) -> None:
        legs = basket.legs
        taken = [Accepted(leg.symbol, leg.order_id, leg.side, leg.price, leg.quantity) for leg in legs]
        if list(events[: len(legs)]) != taken:
            raise Impossible("that is no answer to what was asked", at)
        if self.fault(basket) is not None:
            raise Impossible("it was accepted, and is wrong by itself", at)
        if basket.self_trade is not SelfTradePrevention.NONE:
            raise Beyond("baskets with self-trade prevention")
        rest = events[len(legs) :]
        orders = [
            Submit(leg.symbol, leg.order_id, basket.account, leg.side, leg.quantity, leg.price, TimeInForce.FOK)
            for leg in legs
        ]
        for order in orders:
            self.taken(at, order.symbol, order.order_id, basket.account)
        if any(isinstance(event, Cancelled) for event in rest):
            killed = [
                Cancelled(order.symbol, order.order_id, order.side, order.price, order.quantity, CancelReason.KILLED)
                for order in orders
            ]
            if list(rest) != killed:
                raise Impossible("it was killed, and did something all the same", at)
            self.facts.killed[at] = tuple(Killed(self._opposite(it), reach_of(it), it.quantity) for it in orders)
            self._found_somebody(at, orders)
            return
        entries = []
        for order in orders:
            mine = tuple(it for it in rest if isinstance(it, Trade | Prevented) and it.symbol == order.symbol)
            touches, left, _ = self._touches(at, order, mine)
            if left:
                raise Impossible(f"{left} lots of its leg in {order.symbol} did not trade, and the others did", at)
            entries.append(self._entry(order, touches, False, NOBODY))
        if sum(len(entry.touches) for entry in entries) != len(rest):
            raise Impossible("it tells of trades of somebody else", at)
        self.facts.entries[at] = tuple(entries)

    def _swept(
        self,
        at: int,
        account: Account,
        said: type[MassCancelled | AccountBlocked],
        reason: CancelReason,
        events: tuple[Event, ...],
    ) -> None:
        head, cancelled = events[0], events[1:]
        if not isinstance(head, said) or head != said(account, len(cancelled)):
            raise Impossible("that is no answer to what was asked", at)
        withdraws = []
        before, last_book = NOBODY, 0
        for event in cancelled:
            if not isinstance(event, Cancelled) or event.reason is not reason:
                raise Impossible("that is no answer to what was asked", at)
            order, lots = self._withdrawn(at, event)
            if self.facts.owner[order] != account:
                raise Impossible(f"it cancelled order {event.order_id} of another account", at)
            book = self.facts.book_of(order)
            if book < last_book:
                raise Impossible("it names books in another order than they are listed", at)
            if book > last_book:
                before = NOBODY
            last_book = book
            withdraws.append((order, lots))
            if order in self.facts.display:  # it has queued anew with each of its slices (D2)
                continue
            if before != NOBODY:
                self.force(
                    before,
                    order,
                    "its order was cancelled together with that of {1}, in the order in which they had come",
                )
            before = order
        self.facts.withdraws[at] = tuple(withdraws)
        self.facts.cleared[at] = account

    def force(self, one: int, other: int, by: str) -> None:
        """One order came into its queue before another."""
        first, then = self.facts.entered[one], self.facts.entered[other]
        if first != then:
            self.facts.forced.setdefault(then, []).append((first, by))
