"""What a history says before anybody searches: who traded with whom, what became of each order, and what must come first.

With distinct order ids and full fill reports, which orders live and with how many lots depends only on the *set* of
operations done, never on their order. So the books of a history can be added up as an accountant would: what came to
rest was filled, withdrawn or is alive. Lost fills, double fills and lost cancels show here, without any search, and
are an `Impossible`. What is left for a search is the order: queues within a price level, and what an order met.

Each rule of the rule book that this module can read is a *clause* that `conflicts` knows how to ask of an order of
operations. A history that holds anything else is `Beyond`, and is for the generic search.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import NamedTuple

from bookproof.models.linearize.conclusion import Reason
from bookproof.models.linearize.history import Filled, History, Operation
from bookproof.spec.commands import (
    Basket,
    Cancel,
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
from bookproof.spec.instruments import LARGEST
from bookproof.spec.profile import NoLiquidity, PostOnly, Profile, ReplaceAllows, ReplaceKeeps, ReplaceQuantity, Risk
from bookproof.spec.reasons import CancelReason, RejectReason
from bookproof.spec.validation import basket_fault, cancel_fault, is_id, replace_fault, submit_fault
from bookproof.spec.values import Account, Lots, OrderId, SelfTradePrevention, Side, Symbol, Ticks, TimeInForce

NEVER = 2**62
"""The return of an operation that has none."""

UNBOUNDED = 2 * LARGEST
"""The reach of a market order: beyond every key."""

NOBODY = -1

Flag = tuple[str, Symbol | Account | None]
"""Something that is on or off: a market halted, a book halted, an account blocked."""

MARKET_HALTED: Flag = ("halted", None)


class Beyond(Exception):
    """The history holds something that no clause is known for."""


class Impossible(Exception):
    """The history is wrong whatever its order is."""

    def __init__(self, sentence: str, *operations: int, kind: str = "accounting") -> None:
        super().__init__(sentence)
        self.reason = Reason(sentence, operations)
        self.kind = kind


class Entry(NamedTuple):
    """What an order did in one book when it came in."""

    opposite: int
    """The side that it took from: twice the number of its book, and one more for the asks."""
    reach: int
    """The largest key that it takes: of an ask its price, of a bid its price negated (B2)."""
    touches: tuple[tuple[int, Lots], ...]
    """The makers that it met, in order, and what each of them lost."""
    left: bool
    """Something was left of it: so nothing more was within its reach (B5)."""
    rests: int
    """The order that is what was left of it and came to rest; -1 if none did."""


class Killed(NamedTuple):
    """Less than this could be had within reach: why a fill-or-kill order had no effect (C5, C7)."""

    opposite: int
    reach: int
    need: Lots


class Facts:
    """A history as columns: operations and orders are numbers, and what they did to each other is added up.

    An *order* here is one stay in a queue: what a replace sends to the back of the queue is another one (F2).
    """

    def __init__(self, size: int) -> None:
        self.called: array[int] = array("q", bytes(8 * size))
        self.returned: array[int] = array("q", bytes(8 * size))
        self.entries: list[tuple[Entry, ...]] = [()] * size
        self.withdraws: list[tuple[tuple[int, Lots], ...]] = [()] * size
        """Orders that lost lots to a cancel or a smaller replace, wherever they stood in their queue."""
        self.killed: dict[int, tuple[Killed, ...]] = {}
        """Operations that were killed: in one of these books less than needed was to be had (C5, L4)."""
        self.would_take: dict[int, tuple[int, int]] = {}
        """Post-only orders that were refused: something of this side was within this reach (C6)."""
        self.passive: dict[int, tuple[int, int]] = {}
        """Post-only orders that were taken: nothing of this side was within this reach (C6)."""
        self.absent: dict[int, tuple[int, ...]] = {}
        """Orders that were not there: why a cancel or a replace found none (A3)."""
        self.present: dict[int, tuple[int, ...]] = {}
        """Of these orders one was there: why a new one of its id was refused (A3)."""
        self.cleared: dict[int, Account] = {}
        """Mass cancels: nothing else of this account was there (J7)."""
        self.reads: dict[int, tuple[tuple[Flag, bool], ...]] = {}
        self.sets: dict[int, tuple[Flag, bool]] = {}
        self.setters: dict[tuple[Flag, bool], list[int]] = {}
        self.optional: set[int] = set()
        """Operations without a return that may have happened or not."""
        # ── orders ──
        self.order_id: list[OrderId] = []
        self.side_of: array[int] = array("i")
        """Where an order rests: twice the number of its book, and one more for the asks."""
        self.key: list[int] = []
        self.rested: list[Lots] = []
        self.entered: array[int] = array("i")
        """The operation that brought it into its queue."""
        self.owner: list[Account] = []
        self.consumers: list[list[int]] = []
        """The operations that took from it, or took it out."""
        self.ender: array[int] = array("i")
        """The one of them that must be the last; -1 if that is not known."""
        self.gone: bytearray = bytearray()
        """Whether nothing is left of it when all of them have happened."""
        self.forced: dict[int, list[tuple[int, str]]] = {}
        """Operations that must come before one, and by what."""
        self.symbols: list[Symbol] = []
        self.last_price: dict[int, Ticks] = {}
        """The last price of each book that was looked at when all was over."""
        self.last_fill: list[dict[int, Ticks]] = []
        """The price of the last trade that an operation made, book by book; only where last prices are known."""
        self.watches_accounts = False

    def preds(self, operation: int) -> Iterator[int]:
        """The operations that must come before one, by the fills alone."""
        entered, ender, consumers = self.entered, self.ender, self.consumers
        for order, _ in self.consumed(operation):
            yield entered[order]
            if ender[order] == operation:
                for other in consumers[order]:
                    if other != operation:
                        yield other
        for other, _ in self.forced.get(operation, ()):
            yield other

    def consumed(self, operation: int) -> Iterator[tuple[int, Lots]]:
        """The orders that lost lots to an operation, and how many."""
        yield from self.withdraws[operation]
        for entry in self.entries[operation]:
            yield from entry.touches

    def why(self, one: int, other: int) -> str:
        """Why, by the fills alone, one operation comes before another; empty if nothing says so."""
        for order, _ in self.consumed(other):
            if self.entered[order] == one:
                return f"it took from order {self.order_id[order]}, which was brought in by that"
            if self.ender[order] == other and one in self.consumers[order]:
                return f"it left nothing of order {self.order_id[order]}, so whoever else took from it came before"
        return next((by for before, by in self.forced.get(other, ()) if before == one), "")

    def is_pure(self, operation: int) -> bool:
        """Whether an operation only takes things away: then it may as well happen as soon as it can."""
        if operation in self.sets or operation in self.reads and operation in self.optional:
            return False
        return all(entry.rests == NOBODY for entry in self.entries[operation])


def gather(history: History) -> Facts:
    """Add up a history. Raises Beyond for what no clause is known for, and Impossible for what cannot be.

    >>> from bookproof.spec.instruments import listing
    >>> sell = Submit("ABC", 1, 7, Side.SELL, 5, 100)
    >>> told = (Accepted("ABC", 1, Side.SELL, 100, 5),)
    >>> facts = gather(History(listing(["ABC"]), (Operation(0, sell, 10, 20, told),)))
    >>> facts.rested, facts.entries[0][0].rests
    ([5], 0)
    """
    return _Gathering(history).facts


def readable(profile: Profile) -> str:
    """Why clauses cannot be read under a profile; empty if they can."""
    if not profile.allocation.is_fifo:
        return "levels that are not shared first come, first served"
    if profile.risk is not Risk.NONE:
        return "accounts"
    if profile.replace_quantity is not ReplaceQuantity.TOTAL:
        return "replaces that name what is open"
    if profile.replace_allows is not ReplaceAllows.ANYTHING:
        return "replaces that a venue forbids"
    if profile.post_only is not PostOnly.REJECT:
        return "post-only orders that step back"
    if profile.market_orders.value != "walk":
        return "market orders that get a limit"
    if profile.self_trade_groups:
        return "accounts of one owner"
    return ""


class _Stay(NamedTuple):
    """One stay of an order id in the queues of a book."""

    order: int
    key: int
    since: int
    """The operation that brought it in."""


class _Move(NamedTuple):
    """A replace that lost its place: from one stay to the next."""

    at: int
    old: int
    new: int
    total: Lots
    """What it asked for."""
    at_once: Lots
    """What it traded when it came in again."""


_AT_ONCE = (TimeInForce.IOC, TimeInForce.FOK)
_OF_THE_BOOK = {
    RejectReason.UNKNOWN_ORDER,
    RejectReason.WOULD_TAKE,
    RejectReason.NO_LIQUIDITY,
    RejectReason.DUPLICATE_ORDER_ID,
    RejectReason.BOOK_HALTED,
    RejectReason.MARKET_HALTED,
    RejectReason.ACCOUNT_BLOCKED,
    RejectReason.ACCOUNT_NOT_BLOCKED,
    RejectReason.NOT_HALTED,
}


class _Gathering:
    """Reads a history twice: first what came to rest, then who took from it."""

    def __init__(self, history: History) -> None:
        flaw = readable(history.profile)
        if flaw:
            raise Beyond(flaw)
        for instrument in history.instruments:
            plain = type(instrument)(instrument.symbol, tick=instrument.tick, lot=instrument.lot)
            if instrument._replace(reference=None) != plain:
                raise Beyond(f"the listing of {instrument.symbol}")
        self.history = history
        self.keeps = history.profile.replace_keeps is ReplaceKeeps.ON_REDUCE
        self.instruments = {instrument.symbol: instrument for instrument in history.instruments}
        self.book = {instrument.symbol: at for at, instrument in enumerate(history.instruments)}
        self.looked_at = {self.book[view.symbol] for view in history.final}
        self.facts = Facts(len(history.operations))
        self.facts.symbols = [instrument.symbol for instrument in history.instruments]
        self.stays: dict[tuple[int, OrderId], list[_Stay]] = {}
        self.submits: dict[tuple[int, OrderId], list[int]] = {}
        """Operations that brought in an id, whether it rested or not."""
        self.quantity: dict[int, Lots] = {}
        """The total asked for at last, of orders that were replaced."""
        self.changed: dict[int, int] = {}
        """The last operation that made an order smaller where it stood."""
        self.moves: list[_Move] = []
        self.open_cancels: dict[tuple[int, OrderId], list[int]] = {}
        self.open_sweeps: dict[Account, list[int]] = {}
        self.flags = any(isinstance(it.command, Halt | Resume | KillSwitch | Reinstate) for it in history.operations)
        self.fed: dict[tuple[int, OrderId], Lots] = {}
        if history.feed is not None and any(operation.is_open for operation in history.operations):
            raise Beyond("operations without a return beside a feed")
        for at, operation in enumerate(history.operations):
            self.facts.called[at] = operation.called
            self.facts.returned[at] = NEVER if operation.returned is None else operation.returned
            if operation.returned is not None and operation.returned < operation.called:
                raise Impossible("it returned before it was called", at, kind="real time")
        for at in sorted(range(len(history.operations)), key=self.facts.called.__getitem__):
            self._rests(at, history.operations[at])
        for at, operation in enumerate(history.operations):
            self._does(at, operation)
        self._add_up()
        self._follow_feed()
        self._order_survivors()
        self._last_prices()

    # ── first reading: what came to rest ──

    def _rests(self, at: int, operation: Operation) -> None:
        command, events = operation.command, operation.events
        match command:
            case Submit():
                self._submit_rests(at, command, events)
            case Replace():
                if events is not None and isinstance(events[0], Replaced):
                    self._replace_rests(at, command, events)
                elif events is None:
                    raise Beyond("replaces without a return")
            case Cancel():
                if events is None and command.symbol in self.book:
                    self.facts.optional.add(at)
                    self.open_cancels.setdefault((self.book[command.symbol], command.order_id), []).append(at)
            case MassCancel():
                self.facts.watches_accounts = True
                if events is None:
                    self.facts.optional.add(at)
                    self.open_sweeps.setdefault(command.account, []).append(at)
            case KillSwitch():
                self.facts.watches_accounts = True
                if events is None:
                    raise Beyond("kill switches without a return")
            case Basket():
                if events is None:
                    raise Beyond("baskets without a return")
            case Halt() | Resume() | Reinstate():
                if events is None:
                    raise Beyond("halts without a return")
            case _:
                raise Beyond(f"{type(command).__name__} commands")

    def _submit_rests(self, at: int, order: Submit, events: tuple[Event, ...] | None) -> None:
        if order.symbol not in self.book:
            return
        if order.stop is not None:
            raise Beyond("stops")
        if order.display is not None:
            raise Beyond("icebergs")
        if order.expires is not None:
            raise Beyond("orders that expire")
        if events is None:
            rests = order.price is not None and order.time_in_force not in _AT_ONCE
            if not rests or submit_fault(order, self.instruments[order.symbol]) is not None:
                if not rests:
                    raise Beyond("takers without a return")
                return
            self.facts.optional.add(at)
            self._rest(at, order.symbol, order.order_id, order.side, order.price, order.quantity, order.account)
            return
        if not isinstance(events[0], Accepted):
            return
        self.submits.setdefault((self.book[order.symbol], order.order_id), []).append(at)
        left = order.quantity
        for event in events[1:]:
            if isinstance(event, Trade | Prevented):
                left -= event.quantity
            elif isinstance(event, Cancelled):
                if event.order_id == order.order_id:
                    return
            else:
                raise Beyond(f"{type(event).__name__} events")
        if left < 0:
            raise Impossible(f"it filled {order.quantity - left} lots of {order.quantity}", at)
        if left:
            if order.price is None or order.time_in_force in _AT_ONCE:
                raise Impossible("what was left of it neither traded nor was cancelled, and may not rest", at)
            self._rest(at, order.symbol, order.order_id, order.side, order.price, left, order.account)

    def _replace_rests(self, at: int, command: Replace, events: tuple[Event, ...]) -> None:
        head = events[0]
        assert isinstance(head, Replaced)
        if head.price is None or head.symbol not in self.book:
            raise Beyond("replaces of orders without a limit")
        key = (self.book[head.symbol], head.order_id)
        before = self.stays.get(key)
        if not before:
            raise Beyond("replaces in no order of time")  # or of an order that nobody brought in: the search says so
        last = before[-1]
        if not self._returned_before(last.since, at):
            raise Beyond("replaces in no order of time")
        facts = self.facts
        asked = self.quantity.get(last.order, self._asked(last.since))
        if not self._returned_before(self.changed.get(last.order, last.since), at):
            raise Beyond("replaces in no order of time")
        self.changed[last.order] = at
        signed = -head.price if head.side is Side.BUY else head.price
        in_place = signed == last.key and head.quantity <= asked and self.keeps
        if in_place:
            self.quantity[last.order] = head.quantity
            facts.withdraws[at] = ((last.order, asked - head.quantity),)
            return
        if signed == last.key:
            raise Beyond("replaces at one price that lose their place")
        if any(isinstance(event, Cancelled) and event.order_id == head.order_id for event in events):
            raise Beyond("replaces that were cancelled at once")
        taken = sum(event.quantity for event in events if isinstance(event, Trade | Prevented))
        new = len(facts.key)
        self.quantity[new] = head.quantity
        self.moves.append(_Move(at, last.order, new, head.quantity, taken))
        self._rest(at, head.symbol, head.order_id, head.side, head.price, head.quantity, facts.owner[last.order])

    def _asked(self, since: int) -> Lots:
        command = self.history.operations[since].command
        assert isinstance(command, Submit | Replace)
        return command.quantity

    def _returned_before(self, one: int, other: int) -> bool:
        returned = self.history.operations[one].returned
        return returned is not None and returned < self.history.operations[other].called

    def _rest(
        self, at: int, symbol: Symbol, order_id: OrderId, side: Side, price: Ticks | None, lots: Lots, owner: Account
    ) -> None:
        assert price is not None
        facts, book = self.facts, self.book[symbol]
        key = -price if side is Side.BUY else price
        number = len(facts.key)
        facts.order_id.append(order_id)
        facts.side_of.append(2 * book + (side is Side.SELL))
        facts.key.append(key)
        facts.rested.append(lots)
        facts.entered.append(at)
        facts.owner.append(owner)
        facts.consumers.append([])
        facts.ender.append(NOBODY)
        self.stays.setdefault((book, order_id), []).append(_Stay(number, key, at))

    # ── second reading: who took from it ──

    def _does(self, at: int, operation: Operation) -> None:
        command, events = operation.command, operation.events
        if events is None:
            self._is_open(at, command)
            return
        if not events:
            raise Impossible("it was answered with nothing", at)
        head = events[0]
        if isinstance(head, Rejected):
            self._refused(at, command, head)
            if len(events) > 1:
                raise Impossible("it was refused, and did something all the same", at)
            return
        match command:
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
                self._set(at, ("blocked", account), True)
            case Reinstate(account):
                if head != AccountReinstated(account):
                    raise Impossible("that is no answer to what was asked", at)
                self._set(at, ("blocked", account), False)
            case Halt(symbol):
                if head != Halted(symbol):
                    raise Impossible("that is no answer to what was asked", at)
                self._set(at, ("halted", symbol), True)
            case Resume(symbol):
                if head != Resumed(symbol):
                    raise Impossible("that is no answer to what was asked", at)
                self._set(at, ("halted", symbol), False)
            case _:
                raise Beyond(f"{type(command).__name__} commands")

    def _is_open(self, at: int, command: object) -> None:
        if isinstance(command, Submit) and at in self.facts.optional:
            stays = self.stays[self.book[command.symbol], command.order_id]
            mine = next(stay for stay in stays if stay.since == at)
            self.facts.entries[at] = (self._entry(command, (), True, mine.order),)
            self._taken(at, command.symbol, command.order_id, command.account)

    def _refused(self, at: int, command: object, head: Rejected) -> None:
        """A refusal that follows from the command alone is checked here; others are clauses."""
        reason = head.reason
        if (head.symbol, head.order_id) not in _named(command):
            raise Impossible("its refusal names something else than was asked", at)
        if reason not in _OF_THE_BOOK:
            if self._fault(command) is not reason:
                if self._fault(command) is None and isinstance(command, Replace):
                    raise Beyond(f"replaces refused as {reason.value}")
                raise Impossible(f"it was refused as {reason.value}, which it is not", at)
            return
        if self._fault(command) is not None:
            raise Impossible(f"it was refused as {reason.value}, and is wrong by itself", at)
        facts = self.facts
        match reason, command:
            case RejectReason.UNKNOWN_ORDER, Cancel() | Replace():
                stays = self.stays.get((self.book[command.symbol], command.order_id), [])
                facts.absent[at] = tuple(stay.order for stay in stays)
                if isinstance(command, Replace):
                    self._reads_halts(at, command.symbol)
            case RejectReason.WOULD_TAKE, Submit(post_only=True):
                facts.would_take[at] = (2 * self.book[command.symbol] + (command.side is Side.BUY), _reach(command))
                self._taken(at, command.symbol, command.order_id, command.account)
            case RejectReason.NO_LIQUIDITY, Submit(price=None):
                facts.killed[at] = (Killed(2 * self.book[command.symbol] + (command.side is Side.BUY), UNBOUNDED, 1),)
                self._taken(at, command.symbol, command.order_id, command.account)
            case RejectReason.DUPLICATE_ORDER_ID, Submit():
                stays = self.stays.get((self.book[command.symbol], command.order_id), [])
                facts.present[at] = tuple(stay.order for stay in stays)
                self._reads_halts(at, command.symbol, command.account)
            case RejectReason.BOOK_HALTED, Submit() | Replace():
                account = command.account if isinstance(command, Submit) else None
                self._reads(at, ("halted", command.symbol), True)
                self._reads(at, MARKET_HALTED, False)
                self._reads(at, ("blocked", account), False)
            case RejectReason.BOOK_HALTED, Halt():
                self._reads(at, ("halted", command.symbol), True)
            case RejectReason.BOOK_HALTED, Basket():
                self._reads(at, ("halted", head.symbol), True)
                self._reads(at, MARKET_HALTED, False)
                self._reads(at, ("blocked", command.account), False)
            case RejectReason.MARKET_HALTED, Submit() | Basket():
                self._reads(at, MARKET_HALTED, True)
                self._reads(at, ("blocked", command.account), False)
            case RejectReason.MARKET_HALTED, Replace() | Halt(symbol=None):
                self._reads(at, MARKET_HALTED, True)
            case RejectReason.NOT_HALTED, Resume():
                self._reads(at, ("halted", command.symbol), False)
            case RejectReason.ACCOUNT_BLOCKED, Submit() | Basket() | KillSwitch():
                self._reads(at, ("blocked", command.account), True)
            case RejectReason.ACCOUNT_NOT_BLOCKED, Reinstate():
                self._reads(at, ("blocked", command.account), False)
            case (RejectReason.DUPLICATE_ORDER_ID, Basket()) | (RejectReason.WOULD_TAKE, Replace()):
                raise Beyond(f"{type(command).__name__} commands refused as {reason.value}")
            case _:
                raise Impossible(f"it was refused as {reason.value}, which is no answer to it", at)

    def _fault(self, command: object) -> RejectReason | None:
        match command:
            case Submit():
                return submit_fault(command, self.instruments.get(command.symbol))
            case Cancel():
                return cancel_fault(command, self.instruments.get(command.symbol))
            case Replace():
                return replace_fault(command, self.instruments.get(command.symbol))
            case Basket():
                found = basket_fault(command, self.instruments)
                return None if found is None else found[1]
            case MassCancel() | KillSwitch() | Reinstate():
                return None if is_id(command.account) else RejectReason.INVALID_ACCOUNT
            case Halt() | Resume():
                known = command.symbol is None or command.symbol in self.book
                return None if known else RejectReason.UNKNOWN_SYMBOL
            case _:
                return None

    def _submitted(self, at: int, order: Submit, events: tuple[Event, ...]) -> None:
        if events[0] != Accepted(order.symbol, order.order_id, order.side, order.price, order.quantity):
            raise Impossible("that is no answer to what was asked", at)
        if self._fault(order) is not None:
            raise Impossible("it was accepted, and is wrong by itself", at)
        self._taken(at, order.symbol, order.order_id, order.account)
        touches, left, ended = self._touches(at, order, events[1:])
        need = order.quantity if order.time_in_force is TimeInForce.FOK else order.min_quantity
        if ended is not None and ended.reason in (CancelReason.KILLED, CancelReason.MIN_QUANTITY):
            killed = CancelReason.KILLED if order.time_in_force is TimeInForce.FOK else CancelReason.MIN_QUANTITY
            if touches or ended.quantity != order.quantity or ended.reason is not killed or not need:
                raise Impossible("it was killed, and did something all the same", at)
            if order.self_trade is not SelfTradePrevention.NONE:
                raise Beyond("self-trade prevention of orders that were killed")
            self._check_limits(at, order)
            self.facts.killed[at] = (Killed(self._opposite(order), _reach(order), need),)
            return
        traded = sum(event.quantity for event in events if isinstance(event, Trade))
        if traded < need:
            raise Impossible(f"it traded {traded} lots, and needed {need} or none", at)
        if ended is not None:
            self._check_end(at, order, ended, left)
        rests = NOBODY
        if ended is None and left:
            mine = self.stays[self.book[order.symbol], order.order_id]
            rests = next(stay.order for stay in mine if stay.since == at)
        if order.post_only and touches:
            raise Impossible("it may never take, and took", at)
        if order.price is None and not touches and self.history.profile.no_liquidity is NoLiquidity.REJECT:
            raise Impossible("a market order that finds nobody is refused", at)
        self.facts.entries[at] = (self._entry(order, touches, left > 0, rests),)

    def _check_limits(self, at: int, order: Submit) -> None:
        if order.price is None and self.history.profile.no_liquidity is NoLiquidity.REJECT:
            raise Beyond("market orders that were killed")

    def _check_end(self, at: int, order: Submit, ended: Cancelled, left: Lots) -> None:
        if ended.quantity != left:
            raise Impossible(f"of {left} lots that were left {ended.quantity} were cancelled", at)
        if ended.reason is CancelReason.SELF_TRADE:
            if left:
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
                if touches[-1][1] <= 0 or left < 0:
                    raise Impossible(f"it filled more than its {order.quantity} lots, or nothing", at)
            elif isinstance(event, Cancelled) and event.order_id == order.order_id:
                ended = event
            elif isinstance(event, Cancelled) and event.reason is CancelReason.SELF_TRADE:
                raise Beyond("self-trade prevention that cancels makers")
            else:
                raise Beyond(f"{type(event).__name__} events")
        return tuple(touches), left, ended

    def _check_prevention(self, at: int, order: Submit, event: Trade | Prevented) -> None:
        maker = self._maker(at, event)
        own = self.facts.owner[maker] == order.account
        if own is not isinstance(event, Prevented):
            raise Impossible("it traded with its own account, or was kept from trading with another", at)
        if own and not order.self_trade.decrements:
            raise Impossible("a trade was prevented in a way that it did not ask for", at)

    def _maker(self, at: int, event: Trade | Prevented) -> int:
        """The stay that a fill is of: the one at its price, with which it may have been there at one time."""
        book = self.book.get(event.symbol)
        stays = self.stays.get((book, event.maker), []) if book is not None else []
        found = self._there(at, stays, event.price)
        if not found:
            at_all = " at that price then" if stays else ""
            makers = tuple(stay.since for stay in stays)
            raise Impossible(f"it traded with order {event.maker}, which never rested{at_all}", at, *makers)
        return found[0].order

    def _there(self, at: int, stays: list[_Stay], price: Ticks | None) -> list[_Stay]:
        """The stay of an id at a price that an operation can have met; none if there is none."""
        found = [stay for stay in stays if abs(stay.key) == price and not self._returned_before(at, stay.since)]
        if len(found) > 1:
            found = [stay for stay in found if not any(self._is_over(stay, other, at) for other in stays)]
        if len(found) > 1:
            raise Beyond("order ids that are used again")
        return found

    def _is_over(self, stay: _Stay, other: _Stay, at: int) -> bool:
        """Whether a stay was over before an operation, since another one of its id had begun."""
        return self._returned_before(stay.since, other.since) and self._returned_before(other.since, at)

    def _entry(self, order: Submit, touches: tuple[tuple[int, Lots], ...], left: bool, rests: int) -> Entry:
        return Entry(self._opposite(order), _reach(order), touches, left, rests)

    def _opposite(self, order: Submit) -> int:
        return 2 * self.book[order.symbol] + (order.side is Side.BUY)

    def _taken(self, at: int, symbol: Symbol, order_id: OrderId, account: Account) -> None:
        """What must be so for a new order to be looked at: no halt, no block, and no order of its id."""
        self._reads_halts(at, symbol, account)
        stays = self.stays.get((self.book[symbol], order_id), ())
        others = tuple(stay.order for stay in stays if stay.since != at)
        if others:
            self.facts.absent[at] = others

    def _reads_halts(self, at: int, symbol: Symbol, account: Account | None = None) -> None:
        if self.flags:
            self._reads(at, MARKET_HALTED, False)
            self._reads(at, ("halted", symbol), False)
            if account is not None:
                self._reads(at, ("blocked", account), False)

    def _reads(self, at: int, flag: Flag, value: bool) -> None:
        if flag == ("blocked", None):
            return
        self.facts.reads[at] = (*self.facts.reads.get(at, ()), (flag, value))

    def _set(self, at: int, flag: Flag, value: bool) -> None:
        if not self._is_setter(flag):
            raise Impossible("it names a book that is not listed", at)
        self._reads(at, flag, not value)
        self.facts.sets[at] = flag, value
        self.facts.setters.setdefault((flag, value), []).append(at)

    def _is_setter(self, flag: Flag) -> bool:
        return flag[0] == "blocked" or flag[1] is None or flag[1] in self.book

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
        stays = self.stays.get((book, event.order_id), []) if book is not None else []
        found = self._there(at, stays, event.price)
        if not found:
            makers = tuple(stay.since for stay in stays)
            raise Impossible(f"order {event.order_id} was cancelled, and never rested there", at, *makers)
        order = found[0].order
        if bool(self.facts.side_of[order] & 1) is not (event.side is Side.SELL) or event.quantity <= 0:
            raise Impossible(f"order {event.order_id} was cancelled as another than it is", at, found[0].since)
        self._ends(at, order)
        return order, event.quantity

    def _ends(self, at: int, order: int) -> None:
        """An operation that leaves nothing of an order comes after all others that took from it."""
        ender = self.facts.ender
        if ender[order] not in (NOBODY, at):
            name = self.facts.order_id[order]
            raise Impossible(f"both left nothing of order {name}, which can happen once", ender[order], at)
        ender[order] = at

    def _replaced(self, at: int, command: Replace, events: tuple[Event, ...]) -> None:
        head = events[0]
        if self._fault(command) is not None:
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
        self._reads_halts(at, command.symbol)
        stays = self.stays[self.book[command.symbol], command.order_id]
        mine = next((at_ for at_, stay in enumerate(stays) if stay.since == at), None)
        if mine is None:  # in place
            if len(events) > 1:
                raise Impossible("it kept its place, and did something all the same", at)
            return
        if mine == 0:
            raise Impossible("it replaced an order that was not there", at)
        old, new = stays[mine - 1].order, stays[mine].order
        first = self.history.operations[stays[0].since].command
        if not isinstance(first, Submit) or first.self_trade is not SelfTradePrevention.NONE or first.post_only:
            raise Beyond("replaces of orders with terms of their own")
        if head.side is not first.side or (command.price is None and abs(stays[mine - 1].key) != head.price):
            raise Impossible("that is no answer to what was asked", at)
        order = first._replace(price=head.price, quantity=command.quantity)
        touches, _, _ = self._touches(at, order, events[1:])
        self._ends(at, old)
        self.facts.entries[at] = (self._entry(order, touches, True, new),)

    def _basket(self, at: int, basket: Basket, events: tuple[Event, ...]) -> None:
        legs = basket.legs
        taken = [Accepted(leg.symbol, leg.order_id, leg.side, leg.price, leg.quantity) for leg in legs]
        if list(events[: len(legs)]) != taken:
            raise Impossible("that is no answer to what was asked", at)
        if self._fault(basket) is not None:
            raise Impossible("it was accepted, and is wrong by itself", at)
        if basket.self_trade is not SelfTradePrevention.NONE:
            raise Beyond("baskets with self-trade prevention")
        if any(leg.price is None for leg in legs):
            raise Beyond("baskets of market orders")
        rest = events[len(legs) :]
        orders = [
            Submit(leg.symbol, leg.order_id, basket.account, leg.side, leg.quantity, leg.price, TimeInForce.FOK)
            for leg in legs
        ]
        for order in orders:
            self._taken(at, order.symbol, order.order_id, basket.account)
        if any(isinstance(event, Cancelled) for event in rest):
            killed = [
                Cancelled(order.symbol, order.order_id, order.side, order.price, order.quantity, CancelReason.KILLED)
                for order in orders
            ]
            if list(rest) != killed:
                raise Impossible("it was killed, and did something all the same", at)
            self.facts.killed[at] = tuple(Killed(self._opposite(it), _reach(it), it.quantity) for it in orders)
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
        self, at: int, account: Account, said: type[Event], reason: CancelReason, events: tuple[Event, ...]
    ) -> None:
        head, cancelled = events[0], events[1:]
        if not isinstance(head, said) or head != said(account, len(cancelled)):  # type: ignore[call-arg]
            raise Impossible("that is no answer to what was asked", at)
        withdraws = []
        before: int | None = None
        for event in cancelled:
            if not isinstance(event, Cancelled) or event.reason is not reason:
                raise Impossible("that is no answer to what was asked", at)
            order, lots = self._withdrawn(at, event)
            if self.facts.owner[order] != account:
                raise Impossible(f"it cancelled order {event.order_id} of another account", at)
            if before is not None:
                if self.facts.side_of[order] >> 1 == self.facts.side_of[before] >> 1:
                    self._force(before, order, "they were cancelled together, in the order in which they had come")
                elif self.facts.side_of[order] >> 1 < self.facts.side_of[before] >> 1:
                    raise Impossible("it names books in another order than they are listed", at)
            withdraws.append((order, lots))
            before = order
        self.facts.withdraws[at] = tuple(withdraws)
        self.facts.cleared[at] = account

    def _force(self, one: int, other: int, by: str) -> None:
        """One order came into its queue before another."""
        first, then = self.facts.entered[one], self.facts.entered[other]
        if first != then:
            self.facts.forced.setdefault(then, []).append((first, by))

    # ── adding up ──

    def _add_up(self) -> None:
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
        for at in range(len(facts.entries)):
            for order, _ in facts.withdraws[at]:
                facts.consumers[order].append(at)
            for entry in facts.entries[at]:
                last = len(entry.touches) - 1
                before = NOBODY
                for number, (order, _) in enumerate(entry.touches):
                    self._check_touch(at, entry, order, before)
                    facts.consumers[order].append(at)
                    if number < last or entry.left:
                        self._ends(at, order)
                    before = order
        facts.gone = bytearray(len(facts.key))
        living = self._living()
        for order, rested in enumerate(facts.rested):
            if rested:
                self._add_up_one(order, rested - lost[order], living)
            else:
                facts.gone[order] = True
        for book, name in living:
            known = [stay.since for stay in self.stays.get((book, name), ())]
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
                before = self._asked(first) - facts.rested[old]
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
        if facts.key[order] > entry.reach:
            raise Impossible(f"it traded with order {name} beyond its limit", at, facts.entered[order])
        if facts.entered[order] == at:
            raise Impossible("it traded with itself", at)
        if before != NOBODY:
            if facts.key[before] > facts.key[order]:
                raise Impossible("it took the worse price first", at, facts.entered[before], facts.entered[order])
            if facts.key[before] == facts.key[order]:
                self._force(before, order, "one taker met them in this order, at one price")

    def _living(self) -> dict[tuple[int, OrderId], tuple[int, int, Lots]]:
        """What is in the final books: side, key and lots of each order."""
        found: dict[tuple[int, OrderId], tuple[int, int, Lots]] = {}
        for view in self.history.final:
            book = self.book[view.symbol]
            for order in view.queue.bids:
                found[book, order.order_id] = 2 * book, -(order.price or 0), order.leaves
            for order in view.queue.asks:
                found[book, order.order_id] = 2 * book + 1, order.price or 0, order.leaves
        return found

    def _add_up_one(self, order: int, left: Lots, living: dict[tuple[int, OrderId], tuple[int, int, Lots]]) -> None:
        """What rested was filled, withdrawn or is alive."""
        facts = self.facts
        name, entered, consumers = facts.order_id[order], facts.entered[order], facts.consumers[order]
        book = facts.side_of[order] >> 1
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
        facts.consumers[order].append(at)
        facts.ender[order] = at
        command = self.history.operations[at].command
        if isinstance(command, MassCancel):
            facts.cleared[at] = command.account

    # ── what a feed and the final books say of the order ──

    def _follow_feed(self) -> None:
        """Trades of a book in the order of the exchange: who traded before whom, and who was queued before whom."""
        feed = self.history.feed
        if feed is None:
            return
        facts = self.facts
        told: dict[int, list[tuple[OrderId, OrderId]]] = {}
        for line in feed:
            if line.symbol in self.book:
                told.setdefault(self.book[line.symbol], []).append((line.maker, line.taker))
        takers: dict[tuple[int, OrderId], list[int]] = {}
        fills: dict[int, dict[int, list[int]]] = {}
        for at, operation in enumerate(self.history.operations):
            met = [order for entry in facts.entries[at] for order, _ in entry.touches]
            trades = [event for event in operation.events or () if isinstance(event, Trade | Prevented)]
            for order, event in zip(met, trades, strict=True):
                book = facts.side_of[order] >> 1
                if isinstance(event, Trade):
                    of_this = fills.setdefault(at, {})
                    if book not in of_this:
                        takers.setdefault((book, event.taker), []).append(at)
                    of_this.setdefault(book, []).append(order)
        by = "the feed has their trades in this order"
        total = 0
        met_before: set[int] = set()
        for book, lines in told.items():
            last, number = NOBODY, 0
            waiting: list[int] = []
            first: dict[tuple[int, int], int] = {}
            for maker, taker in lines:
                if number == len(waiting):
                    candidates = takers.get((book, taker), [])
                    if not candidates:
                        raise Impossible(f"the feed has a trade of order {taker}, of which nobody else tells")
                    if len(candidates) > 1:
                        raise Beyond("takers of one id, beside a feed")
                    at = candidates.pop()
                    if last != NOBODY:
                        facts.forced.setdefault(at, []).append((last, by))
                    last, number, waiting = at, 0, fills[at][book]
                order = waiting[number]
                number += 1
                total += 1
                if facts.order_id[order] != maker or self._taker(last, book) != taker:
                    raise Impossible(f"the feed has order {taker} trade otherwise than it was told", last)
                if order not in met_before:
                    met_before.add(order)
                    level = facts.side_of[order], facts.key[order]
                    if level in first:
                        self._force(first[level], order, "the feed has their first trades in this order, at one price")
                    first[level] = order
            if number != len(waiting):
                raise Impossible("the feed breaks off within its trades", last)
        if total != sum(len(orders) for each in fills.values() for orders in each.values()):
            missing = next(at for ats in takers.values() for at in ats)
            raise Impossible("the feed does not have its trades", missing)

    def _taker(self, at: int, book: int) -> OrderId:
        command = self.history.operations[at].command
        if isinstance(command, Basket):
            return next(leg.order_id for leg in command.legs if self.book[leg.symbol] == book)
        assert isinstance(command, Submit | Replace)
        return command.order_id

    def _order_survivors(self) -> None:
        facts = self.facts
        for view in self.history.final:
            book = self.book[view.symbol]
            for queue in (view.queue.bids, view.queue.asks):
                before = NOBODY
                for order in queue:
                    stays = self.stays[book, order.order_id]
                    now = next((it.order for it in reversed(stays) if abs(it.key) == order.price), None)
                    if now is None:
                        raise Impossible(f"order {order.order_id} is in the final book where it never rested")
                    if before != NOBODY and facts.key[before] == facts.key[now]:
                        self._force(before, now, "the final book has them in this order, at one price")
                    before = now

    def _last_prices(self) -> None:
        """The price of the last trade of each book: whoever made that came after all others (B4)."""
        facts = self.facts
        if not self.history.final:
            return
        facts.last_fill = [{} for _ in facts.symbols]
        for at, operation in enumerate(self.history.operations):
            for event in operation.events or ():
                if isinstance(event, Trade):
                    facts.last_fill[self.book[event.symbol]][at] = event.price
        for view in self.history.final:
            prices = facts.last_fill[self.book[view.symbol]]
            if view.last_price is not None and not prices:
                raise Impossible(f"{view.symbol} has a last price, and no trade")
            if view.last_price is None:
                if prices:
                    raise Impossible(f"{view.symbol} has no last price, and trades", *prices)
                continue
            if view.last_price not in prices.values():
                raise Impossible(f"the last price of {view.symbol} is {view.last_price}, at which nobody traded last")
            facts.last_price[self.book[view.symbol]] = view.last_price


def _named(command: object) -> tuple[tuple[Symbol | None, OrderId | None], ...]:
    """What the refusal of a command may name."""
    match command:
        case Submit() | Cancel() | Replace():
            return ((command.symbol, command.order_id),)
        case Basket():
            return tuple((leg.symbol, leg.order_id) for leg in command.legs) or ((None, None),)
        case Halt() | Resume():
            return ((command.symbol, None),)
        case _:
            return ((None, None),)


def _reach(order: Submit) -> int:
    if order.price is None:
        return UNBOUNDED
    return order.price if order.side is Side.BUY else -order.price


def fed(history: History) -> tuple[Filled, ...]:
    """The feed that would go with a history whose operations stand in the order of the exchange."""
    return tuple(
        Filled(event.symbol, event.maker, event.taker)
        for operation in history.operations
        for event in operation.events or ()
        if isinstance(event, Trade)
    )
