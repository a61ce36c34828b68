-------------------------- MODULE SettlementRefines ---------------------------
\* The striped engine with accounts refines the sequential exchange. For TLC alone: it takes INSTANCE and temporal
\* properties.
\*
\* What the sequential exchange is at any time is read off the engine's memory, not off a ghost: the floor, but where a
\* client has changed a book or a purse and is not stamped yet, as it was before that. Books and purses change at
\* different steps, so each is set back from its own.
EXTENDS Settlement

VARIABLE before   \* client -> its books as it found them when it matched, and the purses as it found them when it booked

allVars == <<vars, before>>

InitR == Init /\ before = [c \in Clients |-> Beginning]

NextR ==
    \/ \E c \in Clients : Enter(c) /\ before' = [before EXCEPT ![c] = floor]
    \/ \E c \in Clients : Check(c) /\ before' = [before EXCEPT ![c] = floor]
    \/ \E c \in Clients : Trade(c) /\ before' = [before EXCEPT ![c] = floor]
    \/ \E c \in Clients : Book(c) /\ before' = [before EXCEPT ![c].purse = floor.purse]
    \/ \E c \in Clients : Commit(c) /\ before' = [before EXCEPT ![c] = Beginning]
    \/ \E c \in Clients : Call(c) /\ UNCHANGED before
    \/ \E c \in Clients : Take(c) /\ UNCHANGED before
    \/ \E c \in Clients : Spend(c) /\ UNCHANGED before
    \/ \E c \in Clients : Excuse(c) /\ UNCHANGED before
    \/ \E c \in Clients : Settle(c) /\ UNCHANGED before
    \/ \E c \in Clients : Release(c) /\ UNCHANGED before
    \/ Finished /\ UNCHANGED before

\* A client that can go on does so: weak fairness, in words of the state. To ask TLC whether a step is enabled would have
\* it work out all that the step does. Whoever makes a step of its own changes what it does next or what it holds.
CanGoOn(c) ==
    IF pc[c] = "idle" THEN at[c] < Len(Scripts[c])
    ELSE IF pc[c] \in {"take", "spend", "check", "settle"} THEN holder[wants[c][1]] = 0
    ELSE TRUE

GoesOn(c) == pc'[c] # pc[c] \/ has'[c] # has[c]

SpecR == InitR /\ [][NextR]_allVars /\ \A c \in Clients : []<>(~CanGoOn(c)) \/ []<><<GoesOn(c)>>_allVars

\* Who has changed books, and who has changed purses, and is not stamped yet. Only one client can have changed the same.
Matching == {c \in Clients : pc[c] \in {"settle", "stamp"}}
Booking == {c \in Clients : pc[c] = "stamp"}

InBook(s)  == {c \in Matching : holder[StripeOf(s)] = c}
InPurse(a) == {c \in Booking : holder[Balance(a)] = c}

BookSettled(s) == IF InBook(s) = {} THEN floor.book[s] ELSE before[CHOOSE c \in InBook(s) : TRUE].book[s]

LotsSettled(s) == IF InBook(s) = {} THEN floor.lots[s] ELSE before[CHOOSE c \in InBook(s) : TRUE].lots[s]

PurseSettled(a) == IF InPurse(a) = {} THEN floor.purse[a] ELSE before[CHOOSE c \in InPurse(a) : TRUE].purse[a]

\* What concerns every book is written with all stripes held.
Whole == {c \in Matching : ConcernsAll(Command(c))}

Unstamped ==
    [book    |-> [s \in Symbols |-> BookSettled(s)],
     halted  |-> IF Whole = {} THEN floor.halted ELSE before[CHOOSE c \in Whole : TRUE].halted,
     blocked |-> IF Whole = {} THEN floor.blocked ELSE before[CHOOSE c \in Whole : TRUE].blocked,
     mates   |-> floor.mates,
     purse   |-> [a \in Accounts |-> PurseSettled(a)],
     lots    |-> [s \in Symbols |-> LotsSettled(s)]]

Rules == INSTANCE Exchange WITH x <- Unstamped

\* Every step of the engine is a step of the sequential exchange, or none at all.
Refines == Rules!Spec

\* Every command that was submitted returns.
AllReturn == Returns

THEOREM SpecR => Refines /\ AllReturn
=============================================================================
