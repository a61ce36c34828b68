"""The striped engine: many books, few locks, any number of threads.

Lock table
==========

====================  ==========================================  =====================================================
lock                  guards                                      taken by
====================  ==========================================  =====================================================
``_stripes[i]``       every book whose stripe is ``i``            submit, cancel, replace, halt, resume, phase and
                                                                  reference of one book, its mark where there are no
                                                                  accounts, views: the book's stripe
                      and all accounts' lots of these books, and  with accounts also reduce, block trade, deposit and
                      what they leave of reduce-only orders (C9)  withdrawal of lots
several stripes       the books of a command's legs, and those    basket and list: the stripes of the legs' books;
                      that live lists tie to its books            a command about one book that has lists: its stripe;
                                                                  each with the stripes of all books that live lists
                                                                  tie to these, and so on
                      the books of a group (rule L5), and all     routed order: the stripes of its book's group, and of
                      accounts' lots of what they quote           all books that live lists tie to these; with accounts
                                                                  each command about a book of the group
                      the books of a family, which spreads tie    each command about one book of a family, and its
                      together (rules L2, L3), and all accounts' implied view: the stripes of the family; basket: those
                      lots in them; no lists are in them          of its legs' families
several stripes       a book and those that depend on it: that    halt, resume and phase of such a book; where a collar
                      it is halted (the stripe of any one of      may halt books, also whatever may trade in it
                      them, to read that)
all stripes           the market-wide halt, the clock, the index  mass cancel, halt and resume of the market, clock, end
                      and the blocked accounts, to write them     of day, snapshot, kill switch, reinstatement,
                      (any one stripe, to read them)              disconnect, index; bust, the view of an account
all stripes and       everything; and the marks of the books, to  (with accounts) list, and a command about books that
all balances          write them (any one stripe, to read them)   have lists: it reads balances while it matches; mark;
                                                                  liquidation
``_spending[i]``      the right to lower what accounts of stripe  (with accounts) submit, replace, reduce, spend,
                      ``i`` have available: nobody else does      basket and routed order of the account, from check to
                      while it is held                            stamp; withdrawal of cash and new limits; block trade:
                                                                  of both parties; lots of a margin account
``_balances[i]``      cash, worth, reserved cash, count of        (with accounts) whoever moves or reads any of it: for
                      orders, limits of accounts of stripe ``i``  the check, and again to book the cash with the stamp
====================  ==========================================  =====================================================

Order: stripes before `_spending` before `_balances`, and in each of the three from the lowest number up, through
`_holding`, `_holding_to_spend` and `_holding_balances` and nowhere else, so no two operations can each wait for a lock
that the other holds. No lock is reentrant. Where no accounts are kept there are only stripes.

Whose accounts a trade concerns is known only when it has matched (rule M4), so their locks cannot be sorted first; nor
whose a transfer of prevented quantity does (rule G3), which settles in the same way.
Three facts make it enough to take them, sorted, afterwards:

- a maker's cost was reserved when its order came to rest, so a trade never lowers what a maker has available: it can
  only add to it, and does not need anybody's right to spend;
- what a taker has available is lowered by commands of the same account alone, and `_spending` keeps these apart. What
  the check has found is there can therefore only have grown when the command takes effect: it is accepted still.
  Only a bust and a command among lists lower what others have, and these hold all stripes, so that nobody is between
  check and effect;
- what the check has not found may come from another book at any moment. So a refusal is stamped before the balance
  that it was refused for is let go, and cash is booked and the stamp drawn in one breath, under the balances of all
  concerned. Every refusal and every booking of an account thus stand in one order, that of their stamps.

A margin account (M3) is asked for its whole portfolio, and no other book is locked for that. What its positions and
open orders in a book come to at the mark stands on its shelf there, and the sum over all books in its till, as of the
last stamp of each: a shelf is written under its stripe, and what that changes in the sum is booked with the cash. The
same three facts hold of what such an account has free as of what others have available, while the marks stand:

- what a fill costs beyond the mark, and the margin of the position that it leads to, were counted when the order came
  in, so a fill can make a maker's position worth less and still never lowers what is free (`Desk.worth`);
- only its own commands lower it, and lots that come or go, under `_spending`;
- it is read and booked under the balance, where cash and worth move together. Who reads the shelves of other books
  instead may see lots that are not paid for yet (`zoo.account_defects.PortfolioAsSeen`).

A mark lowers what many have free at once, and a liquidation meets anybody anywhere and looks at its account in between:
they hold everything.

A command among lists reads balances while it matches, for what it releases is paid for at that moment. So with accounts
it does not go by ties: it looks under the stripes that it would need without lists, and if there are any lets go and
takes all stripes and then all balances.

Lots need none of this: an account's position in a book, and what is reserved of it, change only with the book's stripe.
Of a group it is one position, and an order in a spread is for lots of its legs: there it changes only with the stripes
of all books of the group or family, and which these are is in the listing.
So a reduce-only order that rests (C9) is cut to size under the stripe that its account's position changed under, before
that is let go: after a fill, a block trade, a deposit of lots and a bust alike. What the cut releases only adds to what
its account has available, so it is booked like a maker's fill.
The zoo keeps the designs that were refuted: without `_spending`, with balances in the order of the fills, and with cash
booked after the stamp (`zoo.account_defects`).

Which books are tied is known only under their stripes, and a list comes and goes under the stripes of all its books. So
a command about one book takes the one stripe, looks whether the book has lists, and if so lets go and begins anew with
`_together`; and that takes more stripes until the ties that it sees under those it holds lead nowhere else. What a
command can set off through lists stays among books that are tied when it begins: it ties no new ones but its own legs.

Which books depend on which is known from the listing, so their stripes are simply taken with the others (J6). Each of
the dependent books knows which books above it are halted, and is told when the command that halts one is over.

Every operation takes effect at one instant (its linearization point): the moment it draws its commit stamp, which it
does while it holds every lock it needs. So the stamps of two operations that share a book are in the order in which
these held its stripe, and replaying the commands in order of their stamps gives the same answers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Any, ClassVar

from bookproof.engine.accounts import AccountCommand, Entries, OrderCommand
from bookproof.engine.book import FastBook
from bookproof.engine.floor import Floor, is_number, refused
from bookproof.engine.interface import Answer
from bookproof.engine.sync import THREADS, Lock, Sync
from bookproof.engine.views import LockedViews
from bookproof.spec.commands import (
    AdvanceClock,
    Basket,
    BlockTrade,
    Bust,
    Cancel,
    Command,
    Deposit,
    Disconnect,
    EndOfDay,
    Halt,
    IndexLevel,
    KillSwitch,
    Liquidate,
    MassCancel,
    Reduce,
    Reinstate,
    Replace,
    Resume,
    Route,
    SetLimits,
    SetMark,
    SetPhase,
    SetReference,
    Spend,
    Submit,
    SubmitList,
    TakeSnapshot,
    Withdraw,
)
from bookproof.spec.events import Event
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import DEFAULT, CollarAction, Profile
from bookproof.spec.reasons import RejectReason
from bookproof.spec.values import Account, OrderId, Symbol
from bookproof.spec.views import AccountView, ImpliedQuotes

_ABOUT_ONE_ORDER = (Submit, Cancel, Replace, Reduce, Spend)
_ABOUT_A_PHASE = (Halt, Resume, SetPhase)
_HALTS_NOBODY = (Cancel, SetReference)

_OPERATIONS: Mapping[type[Command], str] = {
    Basket: "_basket",
    MassCancel: "_mass_cancel",
    Halt: "_halt",
    Resume: "_resume",
    AdvanceClock: "_advance_clock",
    EndOfDay: "_end_of_day",
    TakeSnapshot: "_take_snapshot",
    SetPhase: "_set_phase",
    SubmitList: "_submit_list",
    Route: "_route",
    Deposit: "_about_account",
    Withdraw: "_about_account",
    SetLimits: "_about_account",
    Bust: "_about_account",
    BlockTrade: "_about_account",
    KillSwitch: "_about_all_of_an_account",
    Reinstate: "_about_all_of_an_account",
    Disconnect: "_about_all_of_an_account",
    SetReference: "_set_reference",
    IndexLevel: "_index_level",
    SetMark: "_about_account",
    Liquidate: "_liquidate",
}
"""The method for each kind of command that is not about one book."""

ACCOUNT_STRIPES = 16
"""Accounts share locks by their number modulo this."""


class StripedEngine(LockedViews):
    """An exchange whose books are spread over stripes, each with a lock of its own.

    >>> from bookproof.spec.instruments import listing
    >>> from bookproof.spec.values import Side
    >>> engine = StripedEngine(listing(["ABC", "XYZ"]), stripes=2)
    >>> engine.submit(Submit("ABC", 1, 7, Side.SELL, 5, 100)).stamp
    1
    >>> engine.submit(Submit("ABC", 2, 8, Side.BUY, 3, 101)).events[1]
    Trade(symbol='ABC', price=100, quantity=3, maker=1, taker=2)

    Raises ValueError for less than one stripe or a symbol listed twice.
    """

    book_type: ClassVar[type[FastBook]] = FastBook

    def __init__(
        self,
        instruments: Iterable[Instrument],
        profile: Profile = DEFAULT,
        *,
        stripes: int = 16,
        sync: Sync = THREADS,
    ) -> None:
        if stripes < 1:
            raise ValueError(f"an engine needs at least 1 stripe, got {stripes}")
        self._floor = Floor(instruments, profile, self.book_type)
        self._stripes = [sync.lock(f"stripe {number}") for number in range(stripes)]
        self._stripe_of = {symbol: number % stripes for number, symbol in enumerate(self._floor.books)}
        self._next_stamp = sync.counter("stamp")
        self._any_lock = self._stripes[0]
        self._lock_of = {symbol: self._stripes[number] for symbol, number in self._stripe_of.items()}
        # All that a command about one book needs, found in one look. A book that others depend on (J6) or that is
        # part of a spread (L2) needs more.
        self._desks = {
            symbol: (lock.acquire, lock.release, self._floor.books[symbol])
            for symbol, lock in self._lock_of.items()
            if not self._floor.books[symbol].dependents and symbol not in self._floor.family_of
        }
        self._dependents = {
            symbol: dict.fromkeys(self._stripe_of[other.symbol] for other in book.dependents)
            for symbol, book in self._floor.books.items()
        }
        self._collars_halt = profile.collar_action is CollarAction.HALT
        self._ledger = self._floor.ledger
        self._spending: list[Lock] = []
        self._balances: list[Lock] = []
        self._sharing: dict[Symbol, list[int]] = {}
        if self._ledger is not None:
            self._desks.clear()  # every command goes by `_submit_special`
            self._sharing = {
                symbol: [self._stripe_of[other] for other in others] for symbol, others in self._floor.sharing.items()
            }
            self._spending = [sync.lock(f"spending {number}") for number in range(ACCOUNT_STRIPES)]
            self._balances = [sync.lock(f"balance {number}") for number in range(ACCOUNT_STRIPES)]

    def submit(self, command: Command) -> Answer:
        """Carry out one command. TypeError for anything that is not a command."""
        one: Any = command
        try:
            acquire, release, book = self._desks[one.symbol]
        except (AttributeError, KeyError):  # not about one book, or about one that is not listed
            return self._submit_special(command)
        kind = type(command)
        # Guards book. Not `with`, here only: for a lock of `threading` that costs 130 to 180 ns, this way 60, and
        # everything else that a cancel takes is about 700.
        acquire()
        try:
            if not book.lists:  # asked under the lock, or a list could tie the book to others meanwhile
                if kind is Submit:
                    events = book.submit(one)
                elif kind is Cancel:
                    events = book.cancel(one)
                elif kind is Replace:
                    events = book.replace(one)
                else:  # a halt or a resume of this book, or another phase, or something that needs accounts
                    events = tuple(self._floor.carry_out(command))
                return Answer(self._next_stamp(), events)
        finally:
            release()
        return self._together(command, [one.symbol])

    def _submit_special(self, command: Any) -> Answer:
        """A command that is about no book, about one that others depend on, or about one that is not listed."""
        kind = type(command)
        if self._ledger is None and getattr(command, "symbol", None) in self._floor.family_of:
            return self._in_family(command)
        if getattr(command, "symbol", None) in self._lock_of:  # there is no desk: accounts are kept, or others depend
            return self._above_others(command) if self._ledger is None else self._at_the_book(command)
        if kind in _ABOUT_ONE_ORDER:
            return self._refuse(command.symbol, command.order_id, RejectReason.UNKNOWN_SYMBOL)
        operation = _OPERATIONS.get(kind)
        if operation is None:
            raise TypeError(f"expected a command, got {kind.__name__}; see bookproof.spec.commands")
        answer: Answer = getattr(self, operation)(command)
        return answer

    def _above_others(self, command: Any) -> Answer:
        """A command about a book that others depend on."""
        symbol = command.symbol
        if isinstance(command, _HALTS_NOBODY):
            with self._lock_of[symbol]:  # guards book
                if not self._floor.books[symbol].lists:  # asked under the lock, as at a desk
                    return self._stamped(self._floor.carry_out(command))
        return self._together(command, [symbol])

    # ── the stripes of some books, and of all that lists tie them to ──

    def _together(self, command: Command, symbols: Iterable[Symbol]) -> Answer:
        """A command about these books: it holds their stripes, and those of every book that it may reach from there.

        Which books these are is written in the books themselves, so it is read under their stripes. If more stripes
        are needed than are held, all are let go and taken anew, in order, with the new ones among them: no stripe is
        taken while another is waited for out of turn. Ends after as many rounds as there are stripes, as none is ever
        dropped from the set.
        """
        first = tuple(symbols)
        wanted = self._stripes_at(command, first)
        while True:
            with self._holding(wanted):  # guards the books named, and all that they are tied to
                needed = self._tied(first, wanted)
                if needed.keys() <= wanted.keys():
                    return self._stamped(self._floor.carry_out(command))
            wanted |= needed

    def _tied(self, symbols: Iterable[Symbol], held: Collection[int]) -> dict[int, None]:
        """The stripes of some books and of those that live lists tie to them, as far as the stripes held let one see.

        Two orders of a list in two books tie these: a fill in one reaches the other (H1, H2). From there it may reach
        a third, so ties are followed on; but no book is read whose stripe is not held.
        """
        found = dict.fromkeys(symbols)
        ahead = list(found)
        while ahead:
            symbol = ahead.pop()
            if self._stripe_of[symbol] in held:  # guards the book's lists
                for one in self._floor.books[symbol].lists.values():
                    ahead += one.symbols - found.keys()
                    found |= dict.fromkeys(one.symbols)
        needed = dict.fromkeys(self._stripe_of[symbol] for symbol in found)
        if self._collars_halt:  # any of them may halt while it matches, and with it who depends on it (J5, J6)
            for symbol in found:
                needed |= self._dependents[symbol]
        return needed

    def _stripes_at(self, command: Command, symbols: Iterable[Symbol]) -> dict[int, None]:
        """The stripes of some books, and of those that must be told if the command halts or frees these (J6).

        A listing does not change, so this is known before any lock is taken.
        """
        stripes: dict[int, None] = {}
        for symbol in symbols:
            stripes[self._stripe_of[symbol]] = None
            stripes |= dict.fromkeys(self._sharing.get(symbol, ()))  # with accounts: orders in these move lots of it
            halts = self._collars_halt and not isinstance(command, _HALTS_NOBODY)
            if halts or isinstance(command, _ABOUT_A_PHASE):
                stripes |= self._dependents[symbol]
        return stripes

    def _basket(self, basket: Basket) -> Answer:
        rejected = self._floor.basket_fault(basket)
        if rejected is not None:
            return self._stamped([rejected])
        symbols = [leg.symbol for leg in basket.legs]
        if self._ledger is None:
            return self._together(basket, self._with_families(symbols))
        with self._holding(self._stripes_at(basket, symbols)):  # guards the legs' books
            if not any(self._floor.books[symbol].lists for symbol in symbols):
                return self._basket_at_its_books(basket)
        return self._with_everything(basket)

    def _basket_at_its_books(self, basket: Basket) -> Answer:
        return self._stamped(self._floor.match(basket)) if self._ledger is None else self._paid(basket)

    def _submit_list(self, command: SubmitList) -> Answer:
        rejected = self._floor.lists.fault(command)
        if rejected is not None:
            return self._stamped([rejected])
        if self._ledger is not None:
            return self._with_everything(command)
        return self._together(command, [leg.symbol for leg in command.legs])

    # ── accounts ──

    def _at_the_book(self, command: Any) -> Answer:
        """A command about one book, while accounts are kept."""
        kind = type(command)
        if kind is Bust:
            return self._bust(command)
        if kind is SetMark:
            rejected = self._floor.account_fault(command)
            return self._with_everything(command) if rejected is None else self._stamped([rejected])
        with self._holding(self._stripes_at(command, [command.symbol])):  # guards the book, and everybody's lots of it
            if kind is BlockTrade:
                return self._block(command)
            if kind is Deposit or kind is Withdraw:
                rejected = self._floor.account_fault(command)
                if rejected is None and self._ledger is not None and command.account in self._ledger.on_margin:
                    return self._lots_on_margin(command)
                if rejected is not None:
                    return self._stamped([rejected])
                entries: Entries = {}
                return self._booked(self._floor.on_account(command, entries), entries)
            if not self._floor.books[command.symbol].lists:  # asked under the stripe, as where no accounts are kept
                if kind is Submit or kind is Replace or kind is Reduce or kind is Spend:
                    return self._paid(command)
                return self._stamped(self._floor.match(command))
        return self._with_everything(command)

    def _lots_on_margin(self, command: Deposit | Withdraw) -> Answer:
        """Lots of a margin account come or go, and with them what it has free. Call it with the book's stripe held."""
        with self._holding_to_spend([command.account]), self._holding_balances([command.account]):  # guards its worth
            entries: Entries = {}
            events = self._floor.on_account(command, entries)
            assert self._ledger is not None
            self._ledger.book(entries)
            return Answer(self._next_stamp(), tuple(events))

    def _liquidate(self, command: Liquidate) -> Answer:
        """It meets whoever is in the way, in any book, and looks at its account again after each: all there is."""
        if self._ledger is not None:
            return self._with_everything(command)
        with self._holding_all():  # guards every book, and the market-wide halt
            return self._stamped(self._floor.liquidate(command))

    def _with_everything(self, command: Command) -> Answer:
        """A command among lists, while accounts are kept: an order that it releases is paid for from its account as it
        stands at that moment, so whom it reads and books is known neither before it matches nor in one go after it.

        All stripes and all balances are all there is: whoever spends holds a stripe from check to stamp, and
        withdrawals and new limits hold their balance all the while.
        """
        with self._holding_all(), self._holding_balances(range(ACCOUNT_STRIPES)):  # guards every book and account
            events = tuple(self._floor.carry_out(command))
            return Answer(self._next_stamp(), events)

    def _paid(self, command: OrderCommand) -> Answer:
        """What an account has to stand for: check, match, settle. Call it with the stripes of the orders held."""
        floor, ledger = self._floor, self._ledger
        assert ledger is not None
        rejected = floor.order_fault(command)
        if rejected is not None:
            return self._stamped([rejected])
        demand = ledger.demand(command)
        with self._holding_to_spend([demand.account]):  # nothing else may lower what this account has available
            with self._holding_balances([demand.account]):  # guards its cash and limits
                rejected = ledger.refusal(demand)
                if rejected is not None:  # stamped now: what is missing may come at any moment
                    return Answer(self._next_stamp(), (rejected,))
            ledger.admit(demand)
            events = list(floor.match(command))
            return self._booked(events, floor.write_up(command, events))

    def _booked(self, events: Sequence[Event], entries: Entries) -> Answer:
        """Cash moves and the stamp is drawn in one breath. Call it while the stripes are held."""
        assert self._ledger is not None
        with self._holding_balances(entries):  # guards the cash of all concerned: makers, taker, owners of stops
            self._ledger.book(entries)
            return Answer(self._next_stamp(), tuple(events))  # the linearization point

    def _about_account(self, command: AccountCommand) -> Answer:
        """A command about cash or limits; one about lots or trades comes here only to be refused."""
        rejected = self._floor.account_fault(command)
        if rejected is not None:
            return self._stamped([rejected])
        if self._ledger is None:
            return self._stamped(list(self._floor.match(command)))
        assert not isinstance(command, Bust | BlockTrade | SetMark), "these name a book"
        with ExitStack() as held:
            if not isinstance(command, Deposit):  # which lowers nothing
                held.enter_context(self._holding_to_spend([command.account]))
            held.enter_context(self._holding_balances([command.account]))  # guards its cash and limits
            events = tuple(self._floor.on_account(command, {}))
            return Answer(self._next_stamp(), events)  # drawn when it is done, as everywhere

    def _bust(self, command: Bust) -> Answer:
        """It lowers what accounts have available without their right to spend: all stripes are held, so no command
        is between its check and its stamp, and a withdrawal holds the balance all the while.
        """
        with self._holding_all():  # guards the trades of every book
            entries: Entries = {}
            return self._booked(self._floor.on_account(command, entries), entries)

    def account(self, account: Account) -> AccountView:
        """One account over all books, at one instant. Where none are kept it has nothing."""
        if self._ledger is None:
            return self._floor.account(account)
        with self._holding_all(), self._holding_balances([account]):  # guards its lots, and its cash
            return self._floor.account(account)

    def _block(self, command: BlockTrade) -> Answer:
        """Both parties are known beforehand, so their locks are simply sorted. Call it with the book's stripe held."""
        rejected = self._floor.account_fault(command) or self._floor.block_refusal(command)
        if rejected is not None:
            return self._stamped([rejected])
        assert self._ledger is not None
        parties = (command.buyer, command.seller)
        with self._holding_to_spend(parties), self._holding_balances(parties):  # guards the cash of both
            entries: Entries = {}
            events = self._floor.on_account(command, entries)
            self._ledger.book(entries)
            return Answer(self._next_stamp(), tuple(events))

    def _holding_to_spend(self, accounts: Iterable[Account]) -> AbstractContextManager[None]:
        """Whoever holds this may lower what these accounts have available: from the lowest number up, after stripes."""
        return _holding_those_of(accounts, self._spending)

    def _holding_balances(self, accounts: Iterable[Account]) -> AbstractContextManager[None]:
        """Hold the balances of some accounts, from the lowest number up. Taken last: nothing is waited for under it."""
        return _holding_those_of(accounts, self._balances)

    # ── the stripes of a group, and of a family ──

    def _route(self, command: Route) -> Answer:
        rejected = self._floor.route_fault(command)
        if rejected is not None:
            return self._stamped([rejected])
        group = self._floor.group_of[command.order.symbol]  # known before matching
        if self._ledger is None:
            return self._together(command, self._with_families(group))
        with self._holding(self._stripes_at(command, group)):  # guards the books of the group or family, and their lots
            if not any(self._floor.books[symbol].lists for symbol in group):
                return self._paid(command)
        return self._with_everything(command)

    def _in_family(self, command: Command) -> Answer:
        """A command about one book that is part of a spread. It may trade in every book of the family (L2)."""
        named: Any = command
        with self._holding(self._stripe_of[symbol] for symbol in self._with_families([named.symbol])):  # guards them
            return self._stamped(self._floor.carry_out(command))

    def _with_families(self, symbols: Iterable[Symbol]) -> list[Symbol]:
        """These books and all that spreads tie to them: known before matching."""
        families = self._floor.family_of
        return [member for one in symbols for member in (families[one].books if one in families else (one,))]

    def implied(self, symbol: Symbol) -> ImpliedQuotes:
        """What others imply in one book, beside its own depth (L2)."""
        family = self._with_families([symbol])  # itself if it is in none: KeyError for an unknown one, as in every view
        with self._holding(self._stripe_of[member] for member in family):  # guards the books of the family
            return self._floor.implied(symbol)

    # ── all stripes ──

    def _halt(self, command: Halt) -> Answer:
        if command.symbol is not None:
            return self._refuse(command.symbol, None, RejectReason.UNKNOWN_SYMBOL)
        with self._holding_all():  # guards the market-wide halt
            return self._stamped([self._floor.halt_market()])

    def _resume(self, command: Resume) -> Answer:
        if command.symbol is not None:
            return self._refuse(command.symbol, None, RejectReason.UNKNOWN_SYMBOL)
        with self._holding_all():  # guards the market-wide halt
            return self._stamped(self._floor.resume_market())

    def _set_phase(self, command: SetPhase) -> Answer:
        """Of a book that is not listed: any other has its own stripe and needs no other."""
        return self._refuse(command.symbol, None, RejectReason.UNKNOWN_SYMBOL)

    def _set_reference(self, command: SetReference) -> Answer:
        """Of a book that is not listed: any other has its own stripe and needs no other."""
        return self._refuse(command.symbol, None, RejectReason.UNKNOWN_SYMBOL)

    def _mass_cancel(self, command: MassCancel) -> Answer:
        if not is_number(command.account):
            return self._refuse(None, None, RejectReason.INVALID_ACCOUNT)
        with self._holding_all():  # guards every book
            return self._stamped(self._floor.mass_cancel(command))

    def _advance_clock(self, command: AdvanceClock) -> Answer:
        if not is_number(command.now):
            return self._refuse(None, None, RejectReason.INVALID_TIME)
        with self._holding_all():  # guards the clock and every book
            return self._stamped(self._floor.advance_clock(command))

    def _end_of_day(self, command: EndOfDay) -> Answer:
        with self._holding_all():  # guards every book
            return self._stamped(self._floor.end_of_day())

    def _take_snapshot(self, command: TakeSnapshot) -> Answer:
        with self._holding_all():  # guards every book
            return self._stamped([self._floor.snapshot()])

    def _about_all_of_an_account(self, command: KillSwitch | Reinstate | Disconnect) -> Answer:
        """The barrier of a kill switch is its stamp: whoever enters later holds a stripe later, and sees the block."""
        if not is_number(command.account):
            return self._refuse(None, None, RejectReason.INVALID_ACCOUNT)
        with self._holding_all():  # guards the blocked accounts and every book
            return self._stamped(self._floor.match(command))

    def _index_level(self, command: IndexLevel) -> Answer:
        if not is_number(command.value) or command.value == 0:
            return self._refuse(None, None, RejectReason.INVALID_INDEX)
        with self._holding_all():  # guards the index and the market-wide halt
            return self._stamped(self._floor.index_level(command.value))

    # ── the one way to hold several stripes ──

    def _holding(self, stripes: Iterable[int]) -> AbstractContextManager[None]:
        """Hold several stripes, taken from the lowest number up and each one once."""
        return _Together([self._stripes[number] for number in sorted(set(stripes))])

    def _holding_all(self) -> AbstractContextManager[None]:
        return self._holding(range(len(self._stripes)))

    # ── answers ──

    def _stamped(self, events: Sequence[Event]) -> Answer:
        """The answer, stamped now: call it while every lock is held. The linearization point is here."""
        if self._ledger is not None:
            entries = self._floor.write_up(None, events)
            if entries:  # orders of some accounts left their books
                return self._booked(events, entries)
        return Answer(self._next_stamp(), tuple(events))

    def _refuse(self, symbol: Symbol | None, order_id: OrderId | None, reason: RejectReason) -> Answer:
        """The answer to a command that is wrong by itself: it reads nothing that can change, so it holds no lock."""
        return self._stamped(refused(symbol, order_id, reason))


def _holding_those_of(accounts: Iterable[Account], locks: Sequence[Lock]) -> AbstractContextManager[None]:
    """Hold the locks that these accounts share among `locks`, from the lowest number up and each one once."""
    return _Together([locks[number] for number in sorted({account % ACCOUNT_STRIPES for account in accounts})])


class _Together:
    """Locks that are held together, taken as they are named: an `ExitStack` for this alone, at a third of its price."""

    __slots__ = ("_locks",)

    def __init__(self, locks: Sequence[Lock]) -> None:
        self._locks = locks

    def __enter__(self) -> None:
        taken = 0
        try:
            for lock in self._locks:
                lock.acquire()
                taken += 1
        except BaseException:
            for lock in reversed(self._locks[:taken]):
                lock.release()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for lock in reversed(self._locks):
            lock.release()
