"""What a refusal, or that there was none, says of the moment: what was halted, who blocked, which order was there."""

from __future__ import annotations

from typing import Any

from bookproof.models.linearize.arrivals import Arrivals
from bookproof.models.linearize.facts import MARKET_HALTED, UNBOUNDED, Beyond, Flag, Impossible, Killed
from bookproof.spec.commands import Basket, Cancel, Halt, KillSwitch, MassCancel, Reinstate, Replace, Resume, Submit
from bookproof.spec.events import Rejected
from bookproof.spec.reasons import RejectReason
from bookproof.spec.validation import basket_fault, cancel_fault, is_id, replace_fault, submit_fault
from bookproof.spec.values import Account, OrderId, Side, Symbol

OF_THE_BOOK = {
    RejectReason.UNKNOWN_ORDER,
    RejectReason.WOULD_TAKE,
    RejectReason.STOP_ALREADY_TRUE,
    RejectReason.NO_LIQUIDITY,
    RejectReason.DUPLICATE_ORDER_ID,
    RejectReason.BOOK_HALTED,
    RejectReason.MARKET_HALTED,
    RejectReason.ACCOUNT_BLOCKED,
    RejectReason.ACCOUNT_NOT_BLOCKED,
    RejectReason.NOT_HALTED,
}
"""Refusals that say something of the books; all others follow from the command alone."""


class Refusals(Arrivals):
    """What the refused say, and those who were not refused."""

    def refused(self, at: int, command: Any, head: Rejected) -> None:
        """A refusal that follows from the command alone is checked here; others are clauses."""
        reason = head.reason
        if (head.symbol, head.order_id) not in _named(command):
            raise Impossible("its refusal names something else than was asked", at)
        if reason not in OF_THE_BOOK:
            if self.fault(command) is not reason:
                if self.fault(command) is None and isinstance(command, Replace):
                    raise Beyond(f"replaces refused as {reason.value}")
                raise Impossible(f"it was refused as {reason.value}, which it is not", at)
            return
        if self.fault(command) is not None:
            raise Impossible(f"it was refused as {reason.value}, and is wrong by itself", at)
        facts = self.facts
        match reason, command:
            case RejectReason.UNKNOWN_ORDER, Cancel() | Replace():
                facts.absent[at] = self.lives(self.book[command.symbol], command.order_id)
                if isinstance(command, Replace):
                    self.reads_halts(at, command.symbol)
            case RejectReason.WOULD_TAKE, Submit(post_only=True):
                side = 2 * self.book[command.symbol] + (command.side is Side.BUY)
                facts.found_some[at] = ((side, reach_of(command)),)
                self.taken(at, command.symbol, command.order_id, command.account)
            case RejectReason.NO_LIQUIDITY, Submit(price=None):
                facts.killed[at] = (Killed(2 * self.book[command.symbol] + (command.side is Side.BUY), UNBOUNDED, 1),)
                self.taken(at, command.symbol, command.order_id, command.account)
            case RejectReason.NO_LIQUIDITY, Basket():
                leg = next(leg for leg in command.legs if leg.symbol == head.symbol)
                if leg.price is not None:
                    raise Impossible("it was refused for want of anybody to trade with, and has a limit", at)
                facts.killed[at] = (Killed(2 * self.book[leg.symbol] + (leg.side is Side.BUY), UNBOUNDED, 1),)
                before = [each for each in command.legs[: command.legs.index(leg)] if each.price is None]
                facts.found_some[at] = tuple(  # it would have been the first of them that it names
                    (2 * self.book[each.symbol] + (each.side is Side.BUY), UNBOUNDED) for each in before
                )
                for each in command.legs:
                    self.taken(at, each.symbol, each.order_id, command.account)
            case RejectReason.STOP_ALREADY_TRUE, Submit(stop=int(stop)):
                facts.unreached[at] = self.book[command.symbol], command.side, stop, True
                self.taken(at, command.symbol, command.order_id, command.account)
            case RejectReason.DUPLICATE_ORDER_ID, Submit():
                facts.present[at] = self.lives(self.book[command.symbol], command.order_id)
                self.reads_halts(at, command.symbol, command.account)
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

    def fault(self, command: object) -> RejectReason | None:
        """Why a command is refused whatever the books hold; None if it is well formed."""
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

    def taken(self, at: int, symbol: Symbol, order_id: OrderId, account: Account) -> None:
        """What must be so for a new order to be looked at: no halt, no block, and no order of its id."""
        self.reads_halts(at, symbol, account)
        others = tuple(it for it in self.lives(self.book[symbol], order_id) if self.facts.entered[it] != at)
        if others:
            self.facts.absent[at] = others

    def reads_halts(self, at: int, symbol: Symbol, account: Account | None = None) -> None:
        """Nothing was halted when it happened, nor its account blocked (J2, J6, J7)."""
        if self.flags:
            self._reads(at, MARKET_HALTED, False)
            self._reads(at, ("halted", symbol), False)
            if account is not None:
                self._reads(at, ("blocked", account), False)

    def _reads(self, at: int, flag: Flag, value: bool) -> None:
        if flag == ("blocked", None):
            return
        self.facts.reads[at] = (*self.facts.reads.get(at, ()), (flag, value))

    def switch(self, at: int, flag: Flag, value: bool) -> None:
        """It switched something on or off."""
        if not self._is_setter(flag):
            raise Impossible("it names a book that is not listed", at)
        self._reads(at, flag, not value)
        self.facts.sets[at] = flag, value
        self.facts.setters.setdefault((flag, value), []).append(at)

    def _is_setter(self, flag: Flag) -> bool:
        return flag[0] == "blocked" or flag[1] is None or flag[1] in self.book


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


def reach_of(order: Submit) -> int:
    """The last level that an order takes from (B1, D4)."""
    if order.price is None:
        return UNBOUNDED
    return 2 * (order.price if order.side is Side.BUY else -order.price) + 1
