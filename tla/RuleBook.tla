------------------------------ MODULE RuleBook ------------------------------
\* The sequential rules, as operators: what one command does to an exchange.
\*
\* This module has no variables and no threads. Do(x, command) is the exchange
\* after the command, and what its client is told; everything else here serves
\* it. The numbers are those of `bookproof rules`.
\*
\*   an order     [id, account, side, px, lots, done]   lots that are open, and done
\*   a book       [buy, sell]: orders, the one that trades first in front (B1, B2)
\*   an exchange  [book, halted, blocked, mates]
\*   an event     [is, id, maker, lots, px]             0 for what does not apply
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

\* The books that a command names; none for one that concerns them all.
LegsOf(command) == {command.legs[i].symbol : i \in 1..Len(command.legs)}

Names(command) ==
    IF command.do \in {"submit", "cancel", "replace"} THEN {command.symbol}
    ELSE IF command.do \in {"basket", "list"} THEN LegsOf(command)
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
    [book |-> [s \in symbols |-> EmptyBook], halted |-> FALSE, blocked |-> {}, mates |-> {}]

Outcome(x, said) == [x |-> x, said |-> said]

\* Whether an order is turned away at the door (J1, J7).
Barred(x, account) == x.halted \/ account \in x.blocked

\* Where the other order of a list rests, if there is one; and that one cancelled.
RECURSIVE CancelMates(_, _, _)
CancelMates(x, places, said) ==
    IF places = {} THEN Outcome(x, said)
    ELSE LET place == CHOOSE p \in places : \A q \in places : p.id <= q.id
             found == Find(x.book[place.symbol], place.id)
         IN IF found = <<>> THEN CancelMates(x, places \ {place}, said)
            ELSE CancelMates([x EXCEPT !.book[place.symbol] = Without(@, place.id)], places \ {place},
                             Append(said, Cancelled(found[1])))

Touched(said) == {said[i].maker : i \in {j \in 1..Len(said) : said[j].is = "trade"}}
                 \cup {said[i].id : i \in {j \in 1..Len(said) : said[j].is \in {"trade", "cancelled"}}}

\* What lists make of what has happened.
Follow(x, said) ==
    LET broken == {pair \in x.mates : \E place \in pair : place.id \in Touched(said)}
    IN CancelMates([x EXCEPT !.mates = @ \ broken],
                   {place \in UNION broken : place.id \notin Touched(said)}, said)

DoSubmit(x, symbol, o) ==
    IF Barred(x, o.account) THEN Outcome(x, <<Rejected(o.id)>>)
    ELSE LET r == Come(x.book[symbol], o, <<Accepted(o)>>)
         IN Follow([x EXCEPT !.book[symbol] = r.book], r.said)

DoCancel(x, symbol, id) ==
    LET found == Find(x.book[symbol], id)
    IN IF found = <<>> THEN Outcome(x, <<Rejected(id)>>)
       ELSE Follow([x EXCEPT !.book[symbol] = Without(@, id)], <<Cancelled(found[1])>>)

DoReplace(x, symbol, id, lots, px) ==
    LET found == Find(x.book[symbol], id)
    IN IF found = <<>> THEN Outcome(x, <<Rejected(id)>>)
       ELSE IF Barred(x, found[1].account) THEN Outcome(x, <<Rejected(id)>>)
       ELSE LET r == ReplaceIn(x.book[symbol], found[1], lots, px)
            IN Follow([x EXCEPT !.book[symbol] = r.book], r.said)

\* The legs of a basket are in books of their own, so each can be looked at by itself (L4).
CanTradeWhole(x, leg) == Reach(leg.order, x.book[leg.symbol][Opposite(leg.order.side)]) >= leg.order.lots

RECURSIVE TradeLegs(_, _, _)
TradeLegs(x, legs, said) ==
    IF legs = <<>> THEN Outcome(x, said)
    ELSE LET r == Come(x.book[legs[1].symbol], legs[1].order, said)
         IN TradeLegs([x EXCEPT !.book[legs[1].symbol] = r.book], Tail(legs), r.said)

DoBasket(x, legs) ==
    LET taken == [i \in 1..Len(legs) |-> Accepted(legs[i].order)]
    IN IF Barred(x, legs[1].order.account) THEN Outcome(x, <<Rejected(legs[1].order.id)>>)
       ELSE IF \A i \in 1..Len(legs) : CanTradeWhole(x, legs[i])
       THEN LET r == TradeLegs(x, legs, taken) IN Follow(r.x, r.said)
       ELSE Outcome(x, taken \o [i \in 1..Len(legs) |-> Cancelled(legs[i].order)])

\* The legs of a list rest, each in its book: scenarios have none that trades on entry.
RECURSIVE RestLegs(_, _)
RestLegs(x, legs) ==
    IF legs = <<>> THEN x
    ELSE RestLegs([x EXCEPT !.book[legs[1].symbol] = Come(@, legs[1].order, <<>>).book], Tail(legs))

PlacesOf(legs) == {[symbol |-> legs[i].symbol, id |-> legs[i].order.id] : i \in 1..Len(legs)}

DoList(x, legs) ==
    IF Barred(x, legs[1].order.account) THEN Outcome(x, <<Rejected(legs[1].order.id)>>)
    ELSE Outcome([RestLegs(x, legs) EXCEPT !.mates = @ \cup {PlacesOf(legs)}],
                 [i \in 1..Len(legs) |-> Accepted(legs[i].order)])

\* The orders of an account in some books, book by book.
RECURSIVE TakeOut(_, _, _, _)
TakeOut(x, account, symbols, said) ==
    IF symbols = <<>> THEN Outcome(x, said)
    ELSE LET own == SelectSeq(Resting(x.book[symbols[1]]), LAMBDA o : o.account = account)
         IN TakeOut([x EXCEPT !.book[symbols[1]] = [buy  |-> SelectSeq(@.buy, LAMBDA o : o.account # account),
                                                    sell |-> SelectSeq(@.sell, LAMBDA o : o.account # account)]],
                    account, Tail(symbols), said \o [i \in 1..Len(own) |-> Cancelled(own[i])])

\* What a snapshot shows: every open order of every book, from the front.
RECURSIVE Shown(_, _)
Shown(x, symbols) ==
    IF symbols = <<>> THEN <<>>
    ELSE [i \in 1..Len(Resting(x.book[symbols[1]])) |->
             Said("shown", Resting(x.book[symbols[1]])[i].id, 0, Resting(x.book[symbols[1]])[i].lots,
                  Resting(x.book[symbols[1]])[i].px)] \o Shown(x, Tail(symbols))

\* The one way in. `listed` is the sequence of all symbols.
Do(x, command, listed) ==
    IF command.do = "submit" THEN DoSubmit(x, command.symbol, command.order)
    ELSE IF command.do = "cancel" THEN DoCancel(x, command.symbol, command.id)
    ELSE IF command.do = "replace" THEN DoReplace(x, command.symbol, command.id, command.lots, command.px)
    ELSE IF command.do = "basket" THEN DoBasket(x, command.legs)
    ELSE IF command.do = "list" THEN DoList(x, command.legs)
    ELSE IF command.do = "halt" THEN Outcome([x EXCEPT !.halted = TRUE], <<Said("halted", 0, 0, 0, 0)>>)
    ELSE IF command.do = "resume" THEN Outcome([x EXCEPT !.halted = FALSE], <<Said("resumed", 0, 0, 0, 0)>>)
    ELSE IF command.do = "kill"
    THEN TakeOut([x EXCEPT !.blocked = @ \cup {command.account}], command.account, listed,
                 <<Said("blocked", command.account, 0, 0, 0)>>)
    ELSE Outcome(x, <<Said("snapshot", 0, 0, 0, 0)>> \o Shown(x, listed))

RECURSIVE DoAll(_, _, _, _)
DoAll(x, commands, listed, said) ==
    IF commands = <<>> THEN Outcome(x, said)
    ELSE LET r == Do(x, commands[1], listed) IN DoAll(r.x, Tail(commands), listed, said \o r.said)

\* ---- What must hold of any exchange ----

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
