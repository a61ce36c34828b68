------------------------------ MODULE RuleBook ------------------------------
\* The sequential rules, as operators: what one command does to an exchange.
\*
\* This module has no variables and no threads. Do(x, command) is the exchange
\* after the command, and what its client is told; everything else here serves
\* it. The numbers are those of `bookproof rules`.
\*
\*   an order     [id, account, side, px, lots, done]   lots that are open, and done
\*   a book       [buy, sell]: orders, the one that trades first in front (B1, B2)
\*   a purse      [cash, reserved, orders, most]        of an account: what it has, and what its orders may cost it at
\*                                                      worst (M1); how many are open, and how many may be (M2)
\*   an exchange  [book, halted, blocked, mates, purse, lots]
\*                                                      mates: live lists, each the set of its orders' [symbol, id];
\*                                                      purse: account -> purse; lots: symbol -> account -> lots that
\*                                                      it has; both empty where no accounts are kept
\*   an event     [is, id, maker, lots, px]             0 for what does not apply
\*
\* Every order of a scenario has an id of its own. "blocked" names the account as `id`, and how many orders go as `lots`.
EXTENDS Naturals, Sequences

\* ---- What is said ----

Said(is, id, maker, lots, px) ==
    [is |-> is, id |-> id, maker |-> maker, lots |-> lots, px |-> px]

Accepted(o)      == Said("accepted", o.id, 0, o.lots, o.px)
Rejected(id)     == Said("rejected", id, 0, 0, 0)
Cancelled(o)     == Said("cancelled", o.id, 0, o.lots, o.px)
Traded(o, m, n)  == Said("trade", o.id, m.id, n, m.px)   \* at the maker's price (B3)
Replaced(o, all) == Said("replaced", o.id, 0, all, o.px)

\* ---- Commands ----

Order(id, account, side, lots, px) ==
    [id |-> id, account |-> account, side |-> side, px |-> px, lots |-> lots, done |-> 0]

Buy(id, account, lots, px)  == Order(id, account, "buy", lots, px)
Sell(id, account, lots, px) == Order(id, account, "sell", lots, px)

Submit(symbol, order)         == [do |-> "submit", symbol |-> symbol, order |-> order]
Cancel(symbol, id)            == [do |-> "cancel", symbol |-> symbol, id |-> id]
Replace(symbol, id, lots, px) == [do |-> "replace", symbol |-> symbol, id |-> id, lots |-> lots, px |-> px]
Leg(symbol, order)            == [symbol |-> symbol, order |-> order]
Basket(legs)                  == [do |-> "basket", legs |-> legs]     \* all or nothing (L4)
OneOf(legs)                   == [do |-> "list", legs |-> legs]       \* one cancels the other (H1)
HaltMarket                    == [do |-> "halt"]
ResumeMarket                  == [do |-> "resume"]
Kill(account)                 == [do |-> "kill", account |-> account] \* the kill switch (J7)
Snapshot                      == [do |-> "snapshot"]

\* About accounts. An asset is "cash" or a symbol, of which there are lots.
Deposit(account, asset, amount)  == [do |-> "deposit", account |-> account, asset |-> asset, amount |-> amount]
Withdraw(account, asset, amount) == [do |-> "withdraw", account |-> account, asset |-> asset, amount |-> amount]
SetLimit(account, most)          == [do |-> "limit", account |-> account, most |-> most]   \* of open orders (M2)

AboutAccount(command) == command.do \in {"deposit", "withdraw", "limit"}
AboutLots(command)    == IF command.do \in {"deposit", "withdraw"} THEN command.asset # "cash" ELSE FALSE

\* What brings in orders, or more of one, and so must be stood for by an account.
MustBePaid(command) == command.do \in {"submit", "replace", "basket"}

\* The books that a command names; none for one that concerns them all.
LegsOf(command) == {command.legs[i].symbol : i \in 1..Len(command.legs)}

Names(command) ==
    IF command.do \in {"submit", "cancel", "replace"} THEN {command.symbol}
    ELSE IF command.do \in {"basket", "list"} THEN LegsOf(command)
    ELSE IF AboutLots(command) THEN {command.asset}
    ELSE {}

ConcernsAll(command) == command.do \in {"halt", "resume", "kill", "snapshot"}

\* ---- One book ----

EmptyBook == [buy |-> <<>>, sell |-> <<>>]

Opposite(side) == IF side = "buy" THEN "sell" ELSE "buy"

\* Whether an order would trade with a resting one (B1).
Crosses(o, maker) == IF o.side = "buy" THEN maker.px <= o.px ELSE maker.px >= o.px

\* Whether a resting order stays in front of one that comes later (B2).
StaysAhead(resting, o) == IF o.side = "buy" THEN resting.px >= o.px ELSE resting.px <= o.px

RECURSIVE Rest(_, _)
Rest(o, queue) ==
    IF queue = <<>> THEN <<o>>
    ELSE IF StaysAhead(queue[1], o) THEN <<queue[1]>> \o Rest(o, Tail(queue))
    ELSE <<o>> \o queue

Filled(o, n) == [o EXCEPT !.lots = @ - n, !.done = @ + n]

\* Trade with the queue from its front, as long as prices cross (B1 to B5).
RECURSIVE Match(_, _, _)
Match(o, queue, said) ==
    IF o.lots = 0 \/ queue = <<>> THEN [order |-> o, queue |-> queue, said |-> said]
    ELSE IF ~Crosses(o, queue[1]) THEN [order |-> o, queue |-> queue, said |-> said]
    ELSE IF queue[1].lots <= o.lots
    THEN Match(Filled(o, queue[1].lots), Tail(queue), Append(said, Traded(o, queue[1], queue[1].lots)))
    ELSE Match(Filled(o, o.lots), <<Filled(queue[1], o.lots)>> \o Tail(queue),
               Append(said, Traded(o, queue[1], o.lots)))

\* An order comes in: what it does not trade comes to rest (B8).
Come(book, o, said) ==
    LET m == Match(o, book[Opposite(o.side)], said)
    IN [book |-> [book EXCEPT ![Opposite(o.side)] = m.queue,
                              ![o.side] = IF m.order.lots = 0 THEN @ ELSE Rest(m.order, @)],
        said |-> m.said]

Resting(book)     == book.buy \o book.sell
Find(book, id)    == SelectSeq(Resting(book), LAMBDA o : o.id = id)
Without(book, id) == [buy  |-> SelectSeq(book.buy, LAMBDA o : o.id # id),
                      sell |-> SelectSeq(book.sell, LAMBDA o : o.id # id)]

\* The lots that an order could trade at once.
RECURSIVE Reach(_, _)
Reach(o, queue) ==
    IF queue = <<>> THEN 0
    ELSE IF ~Crosses(o, queue[1]) THEN 0
    ELSE queue[1].lots + Reach(o, Tail(queue))

\* Put an order's new terms where it stands (F2: less at the same price keeps its place).
Amended(queue, o) == [i \in 1..Len(queue) |-> IF queue[i].id = o.id THEN o ELSE queue[i]]

\* `all` is the new quantity, what is done already included (F1).
ReplaceIn(book, o, all, px) ==
    IF all <= o.done
    THEN [book |-> Without(book, o.id), said |-> <<Cancelled(o)>>]
    ELSE LET new == [o EXCEPT !.lots = all - o.done, !.px = px]
         IN IF px = o.px /\ new.lots <= o.lots
            THEN [book |-> [book EXCEPT ![o.side] = Amended(@, new)], said |-> <<Replaced(new, all)>>]
            ELSE Come(Without(book, o.id), new, <<Replaced(new, all)>>)

\* ---- The exchange ----

Opening(symbols) ==
    [book |-> [s \in symbols |-> EmptyBook], halted |-> FALSE, blocked |-> {}, mates |-> {},
     purse |-> <<>>, lots |-> <<>>]

Outcome(x, said) == [x |-> x, said |-> said]

\* Whether an order is turned away at the door (J1, J7).
Barred(x, account) == x.halted \/ account \in x.blocked

\* Whether an order belongs to a list that is live.
InList(x, id) == \E list \in x.mates : \E place \in list : place.id = id

\* The others of a list go, in the order of their ids: from their books, or from among those that are still held.
RECURSIVE CancelMates(_, _, _, _)
CancelMates(x, places, held, said) ==
    IF places = {} THEN Outcome(x, said)
    ELSE LET place == CHOOSE p \in places : \A q \in places : p.id <= q.id
             found == Find(x.book[place.symbol], place.id) \o SelectSeq(held, LAMBDA o : o.id = place.id)
         IN IF found = <<>> THEN CancelMates(x, places \ {place}, held, said)
            ELSE CancelMates([x EXCEPT !.book[place.symbol] = Without(@, place.id)], places \ {place}, held,
                             Append(said, Cancelled(found[1])))

\* Whom events may part from its list, in their order: the maker before the taker.
RECURSIVE Concerned(_)
Concerned(said) ==
    IF said = <<>> THEN <<>>
    ELSE (IF said[1].is = "trade" THEN <<said[1].maker, said[1].id>>
          ELSE IF said[1].is = "cancelled" THEN <<said[1].id>>
          ELSE <<>>) \o Concerned(Tail(said))

\* Whoever has traded or gone ends its list, and the others of it go (H1, H4).
RECURSIVE Part(_, _, _, _)
Part(x, ids, held, said) ==
    IF ids = <<>> THEN Outcome(x, said)
    ELSE LET ended  == {list \in x.mates : \E place \in list : place.id = ids[1]}
             others == {place \in UNION ended : place.id # ids[1]}
             r      == CancelMates([x EXCEPT !.mates = @ \ ended], others, held, said)
         IN Part(r.x, Tail(ids), held, r.said)

\* What lists make of what has happened in one matching step. `held`: orders that have not entered their books yet.
Follow(x, held, said) == IF x.mates = {} THEN Outcome(x, said) ELSE Part(x, Concerned(said), held, said)

DoSubmit(x, symbol, o) ==
    IF Barred(x, o.account) THEN Outcome(x, <<Rejected(o.id)>>)
    ELSE LET r == Come(x.book[symbol], o, <<Accepted(o)>>)
         IN Follow([x EXCEPT !.book[symbol] = r.book], <<>>, r.said)

DoCancel(x, symbol, id) ==
    LET found == Find(x.book[symbol], id)
    IN IF found = <<>> THEN Outcome(x, <<Rejected(id)>>)
       ELSE Follow([x EXCEPT !.book[symbol] = Without(@, id)], <<>>, <<Cancelled(found[1])>>)

\* An order of a list is not replaced (H1: its rivals would have to be, too).
DoReplace(x, symbol, id, lots, px) ==
    LET found == Find(x.book[symbol], id)
    IN IF found = <<>> THEN Outcome(x, <<Rejected(id)>>)
       ELSE IF Barred(x, found[1].account) \/ InList(x, id) THEN Outcome(x, <<Rejected(id)>>)
       ELSE LET r == ReplaceIn(x.book[symbol], found[1], lots, px)
            IN Follow([x EXCEPT !.book[symbol] = r.book], <<>>, r.said)

\* Whether a leg would trade whole, in the books as they are (L4).
CanTradeWhole(x, leg) == Reach(leg.order, x.book[leg.symbol][Opposite(leg.order.side)]) >= leg.order.lots

\* One leg after the other, each in the books as those before it have left them: rivals go in between (H1).
RECURSIVE TradeLegs(_, _, _)
TradeLegs(x, legs, said) ==
    IF legs = <<>> THEN [x |-> x, said |-> said, whole |-> TRUE]
    ELSE IF ~CanTradeWhole(x, legs[1]) THEN [x |-> x, said |-> said, whole |-> FALSE]
    ELSE LET r == Come(x.book[legs[1].symbol], legs[1].order, <<>>)
             f == Follow([x EXCEPT !.book[legs[1].symbol] = r.book], <<>>, r.said)
         IN TradeLegs(f.x, Tail(legs), said \o f.said)

DoBasket(x, legs) ==
    LET taken == [i \in 1..Len(legs) |-> Accepted(legs[i].order)]
        r     == TradeLegs(x, legs, taken)
    IN IF Barred(x, legs[1].order.account) THEN Outcome(x, <<Rejected(legs[1].order.id)>>)
       ELSE IF r.whole THEN Outcome(r.x, r.said)
       ELSE Outcome(x, taken \o [i \in 1..Len(legs) |-> Cancelled(legs[i].order)])

PlacesOf(legs) == {[symbol |-> legs[i].symbol, id |-> legs[i].order.id] : i \in 1..Len(legs)}

OrdersOf(legs) == [i \in 1..Len(legs) |-> legs[i].order]

\* All legs are held when the list is accepted; then each enters its book like any other order, unless one before it
\* has traded (H1, H4).
RECURSIVE EnterLegs(_, _, _)
EnterLegs(x, legs, said) ==
    IF legs = <<>> THEN Outcome(x, said)
    ELSE LET o == legs[1].order
             r == Come(x.book[legs[1].symbol], o, <<Accepted(o)>>)
             f == Follow([x EXCEPT !.book[legs[1].symbol] = r.book], OrdersOf(Tail(legs)), r.said)
         IN EnterLegs(f.x, IF InList(f.x, o.id) THEN Tail(legs) ELSE <<>>, said \o f.said)

DoList(x, legs) ==
    IF Barred(x, legs[1].order.account) THEN Outcome(x, <<Rejected(legs[1].order.id)>>)
    ELSE EnterLegs([x EXCEPT !.mates = @ \cup {PlacesOf(legs)}], legs, <<>>)

\* The orders of an account in some books, book by book. Within a book they go in the order in which they came; here
\* in the order of the queues, which is the same in all scenarios.
RECURSIVE TakeOut(_, _, _, _)
TakeOut(x, account, symbols, said) ==
    IF symbols = <<>> THEN Outcome(x, said)
    ELSE LET own == SelectSeq(Resting(x.book[symbols[1]]), LAMBDA o : o.account = account)
         IN TakeOut([x EXCEPT !.book[symbols[1]] = [buy  |-> SelectSeq(@.buy, LAMBDA o : o.account # account),
                                                    sell |-> SelectSeq(@.sell, LAMBDA o : o.account # account)]],
                    account, Tail(symbols), said \o [i \in 1..Len(own) |-> Cancelled(own[i])])

DoKill(x, account, listed) ==
    LET r == TakeOut([x EXCEPT !.blocked = @ \cup {account}], account, listed, <<>>)
    IN IF account \in x.blocked THEN Outcome(x, <<Rejected(0)>>)
       ELSE Follow(r.x, <<>>, <<Said("blocked", account, 0, Len(r.said), 0)>> \o r.said)

DoHalt(x) ==
    IF x.halted THEN Outcome(x, <<Rejected(0)>>)
    ELSE Outcome([x EXCEPT !.halted = TRUE], <<Said("halted", 0, 0, 0, 0)>>)

DoResume(x) ==
    IF x.halted THEN Outcome([x EXCEPT !.halted = FALSE], <<Said("resumed", 0, 0, 0, 0)>>)
    ELSE Outcome(x, <<Rejected(0)>>)

\* What a snapshot shows: every open order of every book, from the front.
RECURSIVE Shown(_, _)
Shown(x, symbols) ==
    IF symbols = <<>> THEN <<>>
    ELSE [i \in 1..Len(Resting(x.book[symbols[1]])) |->
             Said("shown", Resting(x.book[symbols[1]])[i].id, 0, Resting(x.book[symbols[1]])[i].lots,
                  Resting(x.book[symbols[1]])[i].px)] \o Shown(x, Tail(symbols))

\* What a command does to the books, whatever accounts say to it. `listed` is the sequence of all symbols.
AtTheBooks(x, command, listed) ==
    IF command.do = "submit" THEN DoSubmit(x, command.symbol, command.order)
    ELSE IF command.do = "cancel" THEN DoCancel(x, command.symbol, command.id)
    ELSE IF command.do = "replace" THEN DoReplace(x, command.symbol, command.id, command.lots, command.px)
    ELSE IF command.do = "basket" THEN DoBasket(x, command.legs)
    ELSE IF command.do = "list" THEN DoList(x, command.legs)
    ELSE IF command.do = "halt" THEN DoHalt(x)
    ELSE IF command.do = "resume" THEN DoResume(x)
    ELSE IF command.do = "kill" THEN DoKill(x, command.account, listed)
    ELSE Outcome(x, <<Said("snapshot", 0, 0, 0, 0)>> \o Shown(x, listed))

\* ---- Accounts ----

\* A seller must have the lots, a buyer the cash for the worst that the order may cost: its price, for every lot (M1).
\* No account sells what it does not have, and there are no lists where accounts are kept.

NoLimit == 99

WithAccounts(x, accounts) ==
    IF accounts = {} THEN x
    ELSE [x EXCEPT !.purse = [a \in accounts |-> [cash |-> 0, reserved |-> 0, orders |-> 0, most |-> NoLimit]],
                   !.lots = [s \in DOMAIN x.book |-> [a \in accounts |-> 0]]]

AccountsKept(x) == DOMAIN x.purse # {}

RECURSIVE RestingIn(_, _)
RestingIn(x, symbols) ==
    IF symbols = <<>> THEN <<>> ELSE Resting(x.book[symbols[1]]) \o RestingIn(x, Tail(symbols))

OfAccount(orders, account) == SelectSeq(orders, LAMBDA o : o.account = account)

RECURSIVE Cost(_)
Cost(orders) ==
    IF orders = <<>> THEN 0
    ELSE (IF orders[1].side = "buy" THEN orders[1].px * orders[1].lots ELSE 0) + Cost(Tail(orders))

RECURSIVE SumOfLots(_)
SumOfLots(orders) == IF orders = <<>> THEN 0 ELSE orders[1].lots + SumOfLots(Tail(orders))

\* What an account has in lots and in cash, and no order of its has a claim on.
FreeLots(x, symbol, account) == x.lots[symbol][account] - SumOfLots(OfAccount(x.book[symbol].sell, account))
FreeCash(x, account)         == x.purse[account].cash - x.purse[account].reserved

\* ---- Whether an account can stand for its orders (M1, M2) ----

\* Whether the books themselves turn a command away.
TurnedAway(x, command) ==
    IF command.do = "submit" THEN Barred(x, command.order.account)
    ELSE IF command.do = "basket" THEN Barred(x, command.legs[1].order.account)
    ELSE LET found == Find(x.book[command.symbol], command.id)
         IN IF found = <<>> THEN TRUE ELSE Barred(x, found[1].account)

Payer(x, command) ==
    IF command.do = "submit" THEN command.order.account
    ELSE IF command.do = "basket" THEN command.legs[1].order.account
    ELSE Find(x.book[command.symbol], command.id)[1].account

\* What an order asks for beyond what is reserved for it already.
Want(symbol, o, lots, cash) ==
    [symbol |-> symbol, id |-> o.id,
     lots |-> IF o.side = "sell" THEN lots ELSE 0, cash |-> IF o.side = "buy" THEN cash ELSE 0]

Wanted(x, command) ==
    IF command.do = "submit"
    THEN <<Want(command.symbol, command.order, command.order.lots, command.order.px * command.order.lots)>>
    ELSE IF command.do = "basket"
    THEN [i \in 1..Len(command.legs) |->
             Want(command.legs[i].symbol, command.legs[i].order, command.legs[i].order.lots,
                  command.legs[i].order.px * command.legs[i].order.lots)]
    ELSE LET o == Find(x.book[command.symbol], command.id)[1]
         IN IF command.lots <= o.done THEN <<>>
            ELSE <<Want(command.symbol, o, command.lots - o.done - o.lots,
                        command.px * (command.lots - o.done) - o.px * o.lots)>>

RECURSIVE CashOf(_)
CashOf(wanted) == IF wanted = <<>> THEN 0 ELSE wanted[1].cash + CashOf(Tail(wanted))

\* The order that an account cannot stand for, 0 if there is none. What one leg of a basket would bring in does not pay
\* for another.
NotStoodFor(x, command) ==
    LET account == Payer(x, command)
        wanted == Wanted(x, command)
        short == {i \in 1..Len(wanted) :
                     wanted[i].lots > 0 /\ wanted[i].lots > FreeLots(x, wanted[i].symbol, account)}
    IN IF wanted = <<>> THEN 0
       ELSE IF command.do # "replace" /\ x.purse[account].orders + Len(wanted) > x.purse[account].most THEN wanted[1].id
       ELSE IF short # {} THEN wanted[CHOOSE i \in short : \A j \in short : i <= j].id
       ELSE IF CashOf(wanted) > 0 /\ CashOf(wanted) > FreeCash(x, account) THEN wanted[1].id
       ELSE 0

\* ---- Settlement (M4) ----

\* All orders that the events of a command can be about: those that rested, and those that it brings in.
Known(x, command, listed) ==
    RestingIn(x, listed) \o (IF command.do = "submit" THEN <<command.order>>
                             ELSE IF command.do = "basket" THEN [i \in 1..Len(command.legs) |-> command.legs[i].order]
                             ELSE <<>>)

Which(orders, id) == orders[CHOOSE i \in 1..Len(orders) : orders[i].id = id]

\* Which account buys or sells in a trade.
PartyOf(known, trade, side) ==
    IF Which(known, trade.maker).side = side THEN Which(known, trade.maker).account ELSE Which(known, trade.id).account

TradesIn(said) == SelectSeq(said, LAMBDA e : e.is = "trade")

SymbolOf(x, id) == CHOOSE s \in DOMAIN x.book : Find(x.book[s], id) # <<>>

\* Lots go from the seller to the buyer. `x` is the exchange before the command.
RECURSIVE Delivered(_, _, _, _)
Delivered(lots, x, known, trades) ==
    IF trades = <<>> THEN lots
    ELSE LET s == SymbolOf(x, trades[1].maker)
             buyer == PartyOf(known, trades[1], "buy")
             seller == PartyOf(known, trades[1], "sell")
             given == [lots EXCEPT ![s] = [@ EXCEPT ![seller] = @ - trades[1].lots]]
         IN Delivered([given EXCEPT ![s] = [@ EXCEPT ![buyer] = @ + trades[1].lots]], x, known, Tail(trades))

\* What trades bring an account in cash, at the price that was traded; and what they cost it.
RECURSIVE Earned(_, _, _)
Earned(account, known, trades) ==
    IF trades = <<>> THEN 0
    ELSE (IF PartyOf(known, trades[1], "sell") = account THEN trades[1].px * trades[1].lots ELSE 0)
         + Earned(account, known, Tail(trades))

RECURSIVE Spent(_, _, _)
Spent(account, known, trades) ==
    IF trades = <<>> THEN 0
    ELSE (IF PartyOf(known, trades[1], "buy") = account THEN trades[1].px * trades[1].lots ELSE 0)
         + Spent(account, known, Tail(trades))

\* Whom the events of a command concern, in the order in which they are met.
RECURSIVE MetIn(_, _)
MetIn(known, said) ==
    IF said = <<>> THEN <<>>
    ELSE (IF said[1].is = "trade" THEN <<PartyOf(known, said[1], "buy"), PartyOf(known, said[1], "sell")>>
          ELSE IF said[1].is \in {"accepted", "cancelled", "replaced"} THEN <<Which(known, said[1].id).account>>
          ELSE <<>>) \o MetIn(known, Tail(said))

\* What the books do, and the lots that change hands there; cash is booked apart.
Matched(x, command, listed) ==
    LET r == AtTheBooks(x, command, listed)
    IN IF ~AccountsKept(x) THEN r
       ELSE Outcome([r.x EXCEPT !.lots = Delivered(@, x, Known(x, command, listed), TradesIn(r.said))], r.said)

\* What a command moves in the purses of those whom it concerns: account -> [cash, reserved, orders], each more or less
\* than before. What is reserved is what the open orders may cost: a fill, a better price and a cancel release the rest.
Tallied(met, known, trades, before, after) ==
    [a \in {met[i] : i \in 1..Len(met)} |->
        [cash     |-> Earned(a, known, trades) - Spent(a, known, trades),
         reserved |-> Cost(OfAccount(after, a)) - Cost(OfAccount(before, a)),
         orders   |-> Len(OfAccount(after, a)) - Len(OfAccount(before, a))]]

TalliedOf(r, known, before, listed) ==
    Tallied(MetIn(known, r.said), known, TradesIn(r.said), before, RestingIn(r.x, listed))

Entries(x, command, listed) ==
    TalliedOf(AtTheBooks(x, command, listed), Known(x, command, listed), RestingIn(x, listed), listed)

Booked(purse, entries) ==
    [a \in DOMAIN purse |->
        IF a \in DOMAIN entries
        THEN [purse[a] EXCEPT !.cash = @ + entries[a].cash, !.reserved = @ + entries[a].reserved,
                              !.orders = @ + entries[a].orders]
        ELSE purse[a]]

\* Amounts of cash are said as prices are, lots as lots.
Moved(is, command) ==
    IF AboutLots(command) THEN <<Said(is, command.account, 0, command.amount, 0)>>
    ELSE <<Said(is, command.account, 0, 0, command.amount)>>

DoAboutAccount(x, command) ==
    IF command.do = "limit"
    THEN Outcome([x EXCEPT !.purse = [@ EXCEPT ![command.account] = [@ EXCEPT !.most = command.most]]],
                 <<Said("limited", command.account, 0, command.most, 0)>>)
    ELSE IF command.do = "deposit" /\ AboutLots(command)
    THEN Outcome([x EXCEPT !.lots = [@ EXCEPT ![command.asset] = [@ EXCEPT ![command.account] = @ + command.amount]]],
                 Moved("deposited", command))
    ELSE IF command.do = "deposit"
    THEN Outcome([x EXCEPT !.purse = [@ EXCEPT ![command.account] = [@ EXCEPT !.cash = @ + command.amount]]],
                 Moved("deposited", command))
    ELSE IF command.amount > (IF AboutLots(command) THEN FreeLots(x, command.asset, command.account)
                              ELSE FreeCash(x, command.account))
    THEN Outcome(x, <<Rejected(0)>>)
    ELSE IF AboutLots(command)
    THEN Outcome([x EXCEPT !.lots = [@ EXCEPT ![command.asset] = [@ EXCEPT ![command.account] = @ - command.amount]]],
                 Moved("withdrawn", command))
    ELSE Outcome([x EXCEPT !.purse = [@ EXCEPT ![command.account] = [@ EXCEPT !.cash = @ - command.amount]]],
                 Moved("withdrawn", command))

Settled(x, command, listed) ==
    LET r == Matched(x, command, listed)
    IN Outcome([r.x EXCEPT !.purse = Booked(@, Entries(x, command, listed))], r.said)

DoWithAccounts(x, command, listed) ==
    IF AboutAccount(command) THEN DoAboutAccount(x, command)
    ELSE IF ~MustBePaid(command) THEN Settled(x, command, listed)
    ELSE IF TurnedAway(x, command) THEN AtTheBooks(x, command, listed)
    ELSE IF NotStoodFor(x, command) # 0 THEN Outcome(x, <<Rejected(NotStoodFor(x, command))>>)
    ELSE Settled(x, command, listed)

\* ---- The one way in ----

Do(x, command, listed) ==
    IF AccountsKept(x) THEN DoWithAccounts(x, command, listed) ELSE AtTheBooks(x, command, listed)

RECURSIVE DoAll(_, _, _, _)
DoAll(x, commands, listed, said) ==
    IF commands = <<>> THEN Outcome(x, said)
    ELSE LET r == Do(x, commands[1], listed) IN DoAll(r.x, Tail(commands), listed, said \o r.said)

\* ---- What must hold of any exchange ----

\* Nobody has promised more than there is, in cash or in lots (M1), nor has more orders than it may (M2).
SolventIn(x) ==
    /\ \A a \in DOMAIN x.purse : x.purse[a].reserved <= x.purse[a].cash /\ x.purse[a].orders <= x.purse[a].most
    /\ \A s \in DOMAIN x.lots : \A a \in DOMAIN x.purse : FreeLots(x, s, a) >= 0

\* What is reserved is what the open orders may cost.
ReservedIn(x, listed) ==
    \A a \in DOMAIN x.purse :
        /\ x.purse[a].reserved = Cost(OfAccount(RestingIn(x, listed), a))
        /\ x.purse[a].orders = Len(OfAccount(RestingIn(x, listed), a))

RECURSIVE CashIn(_, _)
CashIn(purse, accounts) ==
    IF accounts = {} THEN 0
    ELSE LET a == CHOOSE one \in accounts : TRUE IN purse[a].cash + CashIn(purse, accounts \ {a})

RECURSIVE LotsIn(_, _)
LotsIn(lots, accounts) ==
    IF accounts = {} THEN 0
    ELSE LET a == CHOOSE one \in accounts : TRUE IN lots[a] + LotsIn(lots, accounts \ {a})

RECURSIVE LotsOver(_, _)
LotsOver(x, symbols) ==
    IF symbols = <<>> THEN 0 ELSE LotsIn(x.lots[symbols[1]], DOMAIN x.purse) + LotsOver(x, Tail(symbols))

\* What events say was brought or taken away, in cash and in lots.
RECURSIVE CashMoved(_, _)
CashMoved(said, is) ==
    IF said = <<>> THEN 0 ELSE (IF said[1].is = is THEN said[1].px ELSE 0) + CashMoved(Tail(said), is)

RECURSIVE LotsMoved(_, _)
LotsMoved(said, is) ==
    IF said = <<>> THEN 0 ELSE (IF said[1].is = is THEN said[1].lots ELSE 0) + LotsMoved(Tail(said), is)

\* There is as much cash and as many lots as were brought and not taken away again: trades create and lose nothing.
MoneyIn(x, said, listed) ==
    AccountsKept(x) =>
        /\ CashIn(x.purse, DOMAIN x.purse) + CashMoved(said, "withdrawn") = CashMoved(said, "deposited")
        /\ LotsOver(x, listed) + LotsMoved(said, "withdrawn") = LotsMoved(said, "deposited")

\* No book is crossed, as whatever could trade has traded (P1).
NotCrossedIn(book) ==
    \A i \in 1..Len(book.buy) : \A j \in 1..Len(book.sell) : book.buy[i].px < book.sell[j].px

\* Queues stand in order of price (B2).
SortedIn(book) ==
    /\ \A i \in 1..Len(book.buy) : \A j \in 1..Len(book.buy) : i < j => book.buy[i].px >= book.buy[j].px
    /\ \A i \in 1..Len(book.sell) : \A j \in 1..Len(book.sell) : i < j => book.sell[i].px <= book.sell[j].px

\* What a sequence of events says of one order: lots that it traded, and lots that were cancelled.
RECURSIVE Dealt(_, _)
Dealt(said, id) ==
    IF said = <<>> THEN 0
    ELSE (IF said[1].is = "trade" /\ id \in {said[1].id, said[1].maker} THEN said[1].lots ELSE 0)
         + Dealt(Tail(said), id)

RECURSIVE Dropped(_, _)
Dropped(said, id) ==
    IF said = <<>> THEN 0
    ELSE (IF said[1].is = "cancelled" /\ said[1].id = id THEN said[1].lots ELSE 0) + Dropped(Tail(said), id)

\* The quantities that it has had: when it came, and after each replace.
Promised(said, id) ==
    {said[i].lots : i \in {j \in 1..Len(said) : said[j].id = id /\ said[j].is \in {"accepted", "replaced"}}}

OpenLots(book, id) == LET found == Find(book, id) IN IF found = <<>> THEN 0 ELSE found[1].lots

RECURSIVE Flat(_)
Flat(answers) == IF answers = <<>> THEN <<>> ELSE answers[1] \o Flat(Tail(answers))

WellFormed(book) ==
    /\ NotCrossedIn(book)
    /\ SortedIn(book)
    /\ \A i \in 1..Len(Resting(book)) : Resting(book)[i].lots > 0
=============================================================================
