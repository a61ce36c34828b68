----------------------------- MODULE Scenarios ------------------------------
\* Who does what, in the bounded models. Small on purpose: every order of the steps is explored.
\*
\* The same scenarios are run on the Python engine (bookproof.models.binding).
EXTENDS RuleBook

CONSTANT Scenario   \* the name of one of them

Listed == IF Scenario \in {"ties-grow", "ties-met", "busy-books", "busy-rivals"} THEN <<"A", "B", "C">> ELSE <<"A", "B">>
Symbols == {Listed[i] : i \in 1..Len(Listed)}

\* Books share a stripe by their number in the listing, modulo the number of stripes: here each has its own.
\* (Bound by a name of its own: tla-checker puts in arguments as they are written, and one of them says i.)
StripeOf(symbol) == CHOOSE place \in 1..Len(Listed) : Listed[place] = symbol
Stripes == 1..Len(Listed)

\* Accounts: 1 buys, 2 sells, 3 trades baskets.
Both(first) == Basket(<<Leg("A", Buy(first, 3, 1, 100)), Leg("B", Buy(first + 1, 3, 1, 100))>>)

Swapped(first) == Basket(<<Leg("B", Buy(first, 3, 1, 100)), Leg("A", Buy(first + 1, 3, 1, 100))>>)

OfferedBoth == <<Submit("A", Sell(1, 2, 1, 100)), Submit("B", Sell(2, 2, 1, 100))>>

\* Two lots each, of which a basket takes one: so half of a basket shows.
OfferedTwice == <<Submit("A", Sell(1, 2, 2, 100)), Submit("B", Sell(2, 2, 2, 100))>>

\* One of two offers, each of two lots.
Rivals == OneOf(<<Leg("A", Sell(1, 2, 2, 100)), Leg("B", Sell(2, 2, 2, 100))>>)

\* One of two more, of which one is in a book of its own.
MoreRivals == OneOf(<<Leg("B", Sell(3, 2, 1, 101)), Leg("C", Sell(4, 2, 1, 100))>>)

\* Scenarios in which accounts are kept. Cash is paid in before the clients begin, and lots are brought in.
Paid == {"one-purse", "paid-by-fill", "each-pays-the-other", "withdraw-order", "cancel-frees", "replace-grows",
         "order-limit", "basket-purse", "busy-purses", "purses-all-day", "purses-all-week"}

Accounts == IF Scenario \in Paid THEN 1..3 ELSE {}

\* The beginning of most of them: 2 has a lot in each book, for sale at 100; 1 has so much cash.
Funded(cash) == <<Deposit(1, "cash", cash), Deposit(2, "A", 1), Deposit(2, "B", 1)>> \o OfferedBoth

\* What has happened before the clients begin.
Before ==
    IF Scenario = "cancel-fill" THEN <<Submit("A", Sell(1, 2, 1, 100))>>
    ELSE IF Scenario = "replace-fill" THEN <<Submit("A", Sell(1, 2, 2, 100))>>
    ELSE IF Scenario = "price-time" THEN <<Submit("A", Sell(1, 2, 2, 101)), Submit("A", Sell(2, 2, 1, 100))>>
    ELSE IF Scenario = "same-price" THEN <<Submit("A", Sell(1, 2, 1, 100))>>
    ELSE IF Scenario \in {"snapshot-basket", "busy-books"} THEN OfferedTwice
    ELSE IF Scenario \in {"rivals-hit", "rival-cancelled", "ties-grow"} THEN <<Rivals>>
    ELSE IF Scenario \in {"ties-met", "busy-rivals"} THEN <<Rivals, MoreRivals>>
    ELSE IF Scenario = "rivals-enter" THEN <<>>
    ELSE IF Scenario = "one-purse" THEN Funded(100)
    ELSE IF Scenario = "paid-by-fill"
    THEN <<Deposit(1, "A", 1), Deposit(2, "cash", 100), Submit("A", Sell(1, 1, 1, 100))>>
    ELSE IF Scenario = "each-pays-the-other"
    THEN <<Deposit(1, "cash", 100), Deposit(2, "cash", 100), Deposit(2, "A", 1), Deposit(1, "B", 1),
           Submit("A", Sell(1, 2, 1, 100)), Submit("B", Sell(2, 1, 1, 100))>>
    ELSE IF Scenario = "withdraw-order" THEN Funded(100)
    ELSE IF Scenario = "cancel-frees" THEN Funded(202)
    ELSE IF Scenario = "replace-grows" THEN <<Deposit(1, "cash", 200), Submit("A", Buy(1, 1, 1, 100))>>
    ELSE IF Scenario = "order-limit"
    THEN <<Deposit(1, "cash", 400), SetLimit(1, 1)>>
    ELSE IF Scenario = "basket-purse"
    THEN <<Deposit(3, "cash", 200), Deposit(2, "A", 1), Deposit(2, "B", 1)>> \o OfferedBoth
    ELSE IF Scenario \in {"busy-purses", "purses-all-day", "purses-all-week"}
    THEN <<Deposit(1, "cash", 100), Deposit(2, "cash", 100), Deposit(2, "A", 1), Deposit(1, "B", 1),
           Submit("A", Sell(1, 2, 1, 100)), Submit("B", Sell(2, 1, 1, 100))>>
    ELSE OfferedBoth

\* The commands of each client, in its order.
Scripts ==
    IF Scenario = "cancel-fill"
    THEN <<<<Submit("A", Buy(2, 1, 1, 100))>>, <<Cancel("A", 1)>>>>
    ELSE IF Scenario = "replace-fill"
    THEN <<<<Submit("A", Buy(2, 1, 1, 100)), Submit("A", Buy(3, 1, 1, 100))>>,
           <<Replace("A", 1, 3, 100), Cancel("A", 1)>>>>
    \* Who came first at a price is served first; who comes second may be it, when the first is gone.
    ELSE IF Scenario = "same-price"
    THEN <<<<Submit("A", Sell(2, 2, 1, 100)), Cancel("A", 2)>>, <<Submit("A", Buy(3, 1, 1, 100))>>>>
    ELSE IF Scenario = "price-time"
    THEN <<<<Submit("A", Buy(3, 1, 2, 101)), Cancel("A", 3)>>, <<Submit("A", Buy(4, 3, 2, 100))>>>>
    ELSE IF Scenario = "baskets"
    THEN <<<<Both(3)>>, <<Swapped(5)>>>>
    ELSE IF Scenario = "basket-cancels"
    THEN <<<<Both(3)>>, <<Cancel("A", 1), Cancel("B", 2)>>>>
    ELSE IF Scenario = "basket-races"
    THEN <<<<Both(3)>>, <<Submit("B", Buy(5, 1, 1, 100))>>, <<Cancel("A", 1)>>>>
    ELSE IF Scenario = "market-halt"
    THEN <<<<HaltMarket, ResumeMarket>>,
           <<Submit("A", Buy(3, 1, 1, 100)), Cancel("A", 3)>>,
           <<Submit("B", Buy(4, 1, 1, 100))>>>>
    ELSE IF Scenario = "kill-switch"
    THEN <<<<Kill(2)>>, <<Submit("B", Sell(3, 2, 1, 101))>>, <<Both(4)>>>>
    ELSE IF Scenario = "snapshot-basket"
    THEN <<<<Both(3)>>, <<Snapshot>>, <<Cancel("B", 2)>>>>
    \* Both offers of a list are wanted at once.
    ELSE IF Scenario = "rivals-hit"
    THEN <<<<Submit("A", Buy(3, 1, 1, 100))>>, <<Submit("B", Buy(4, 3, 1, 100))>>>>
    \* One offer is cancelled while the other is wanted.
    ELSE IF Scenario = "rival-cancelled"
    THEN <<<<Cancel("A", 1)>>, <<Submit("B", Buy(3, 1, 1, 100)), Cancel("B", 2)>>>>
    \* A list comes in while orders for both of its offers do.
    ELSE IF Scenario = "rivals-enter"
    THEN <<<<Rivals>>, <<Submit("B", Buy(3, 1, 1, 100))>>, <<Submit("A", Buy(4, 3, 1, 100))>>>>
    \* Two lists tie three books: what begins in one reaches the third.
    ELSE IF Scenario = "ties-met"
    THEN <<<<Submit("A", Buy(5, 1, 1, 100))>>, <<Submit("C", Buy(6, 1, 1, 100))>>>>
    \* A list comes in that ties one more book to those of another list, while somebody finds out what they are tied to.
    ELSE IF Scenario = "ties-grow"
    THEN <<<<MoreRivals>>,
           <<Submit("A", Buy(5, 1, 1, 100))>>>>
    \* Two books at once, and cash for one of them.
    ELSE IF Scenario = "one-purse"
    THEN <<<<Submit("A", Buy(3, 1, 1, 100))>>, <<Submit("B", Buy(4, 1, 1, 100))>>>>
    \* What 1 wants to spend is what the trade of another brings it.
    ELSE IF Scenario = "paid-by-fill"
    THEN <<<<Submit("A", Buy(2, 2, 1, 100))>>, <<Submit("B", Buy(3, 1, 1, 100))>>>>
    \* 1 buys from 2 while 2 buys from 1.
    ELSE IF Scenario = "each-pays-the-other"
    THEN <<<<Submit("A", Buy(3, 1, 1, 100))>>, <<Submit("B", Buy(4, 2, 1, 100))>>>>
    ELSE IF Scenario = "withdraw-order"
    THEN <<<<Submit("A", Buy(3, 1, 1, 100))>>, <<Withdraw(1, "cash", 100), Withdraw(2, "B", 1)>>>>
    \* It buys for less than it had reserved (1 is left over), and what it did not get is reserved until cancelled.
    ELSE IF Scenario = "cancel-frees"
    THEN <<<<Submit("A", Buy(3, 1, 2, 101)), Cancel("A", 3)>>, <<Submit("B", Buy(4, 1, 1, 100))>>>>
    ELSE IF Scenario = "replace-grows"
    THEN <<<<Replace("A", 1, 2, 100), Cancel("A", 1)>>, <<Submit("B", Buy(2, 1, 1, 100)), Deposit(1, "cash", 100)>>>>
    \* One order may be open at a time.
    ELSE IF Scenario = "order-limit"
    THEN <<<<Submit("A", Buy(1, 1, 1, 100)), Cancel("A", 1)>>, <<Submit("B", Buy(2, 1, 1, 100))>>>>
    ELSE IF Scenario = "basket-purse"
    THEN <<<<Both(3)>>, <<Submit("B", Buy(5, 3, 1, 100))>>>>
    ELSE IF Scenario = "busy-purses"
    THEN <<<<Submit("A", Buy(3, 1, 1, 100)), Cancel("A", 3)>>,
           <<Submit("B", Buy(4, 2, 1, 100)), Withdraw(1, "cash", 100)>>,
           <<Submit("B", Buy(5, 1, 1, 100)), Submit("A", Buy(6, 2, 1, 100))>>>>
    \* As before, while cash comes and goes: that takes no stripe.
    ELSE IF Scenario = "purses-all-day"
    THEN <<<<Submit("A", Buy(3, 1, 1, 100)), Cancel("A", 3)>>,
           <<Submit("B", Buy(4, 2, 1, 100)), Submit("B", Buy(5, 1, 1, 100))>>,
           <<Withdraw(1, "cash", 100), Deposit(2, "cash", 100)>>,
           <<Withdraw(2, "cash", 100), Deposit(1, "cash", 100)>>>>
    ELSE IF Scenario = "purses-all-week"
    THEN <<<<Submit("A", Buy(3, 1, 1, 100)), Cancel("A", 3)>>,
           <<Submit("B", Buy(4, 2, 1, 100)), Submit("B", Buy(5, 1, 1, 100)), Cancel("B", 5)>>,
           <<Withdraw(1, "cash", 100), Deposit(2, "cash", 100), Withdraw(1, "cash", 100)>>,
           <<Withdraw(2, "cash", 100), Deposit(1, "cash", 100), Withdraw(2, "cash", 100)>>>>
    \* Four clients and whatever they can do; the next one with lists.
    ELSE IF Scenario = "busy-books"
    THEN <<<<Both(3), Cancel("A", 1), Snapshot>>,
           <<Submit("A", Buy(5, 1, 1, 100)), Submit("B", Buy(6, 1, 1, 100)), Cancel("B", 6)>>,
           <<Submit("B", Buy(7, 1, 1, 100)), Replace("B", 2, 3, 100), Submit("C", Buy(10, 1, 1, 100))>>,
           <<Submit("A", Buy(8, 1, 1, 100)), Cancel("A", 8), Submit("C", Sell(11, 2, 1, 100))>>>>
    ELSE IF Scenario = "busy-rivals"
    THEN <<<<Submit("A", Buy(5, 1, 1, 100)), Cancel("B", 3)>>,
           <<OneOf(<<Leg("B", Sell(6, 2, 1, 100)), Leg("C", Sell(7, 2, 1, 100))>>), Cancel("A", 1)>>,
           <<Submit("C", Buy(8, 3, 1, 100)), Submit("B", Buy(9, 3, 1, 101))>>,
           <<Submit("B", Buy(10, 1, 1, 100)), Submit("A", Buy(11, 1, 1, 100))>>>>
    ELSE <<<<>>>>

Clients == 1..Len(Scripts)

Opened == WithAccounts(Opening(Symbols), Accounts)

Beginning == DoAll(Opened, Before, Listed, <<>>).x

\* ---- Conservation, of an exchange and all that has been said of it ----

\* One after the other whatever clients heard: in which order does not matter to sums.
RECURSIVE Heard(_, _)
Heard(told, c) == IF c = 0 THEN DoAll(Opened, Before, Listed, <<>>).said ELSE Flat(told[c]) \o Heard(told, c - 1)

AllHeard(told) == Heard(told, Len(Scripts))

OrderIds(said) == {said[i].id : i \in {j \in 1..Len(said) : said[j].is \in {"accepted", "replaced"}}}

RECURSIVE OpenIn(_, _, _)
OpenIn(x, symbols, id) ==
    IF symbols = <<>> THEN 0 ELSE OpenLots(x.book[symbols[1]], id) + OpenIn(x, Tail(symbols), id)

\* Of every order each lot is open, traded or cancelled, and none of them twice (P2).
ConservedIn(x, told) ==
    LET said == AllHeard(told)
    IN \A id \in OrderIds(said) :
           OpenIn(x, Listed, id) + Dealt(said, id) + Dropped(said, id) \in Promised(said, id)
=============================================================================
