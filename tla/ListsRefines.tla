----------------------------- MODULE ListsRefines ----------------------------
\* The engine with lists across books refines the sequential exchange. For TLC alone: it takes INSTANCE and temporal
\* properties.
EXTENDS Lists

VARIABLE before   \* client -> the floor as it found it when it entered, until it is stamped

allVars == <<vars, before>>

InitR == Init /\ before = [c \in Clients |-> Beginning]

NextR ==
    \/ \E c \in Clients : EnterTied(c) /\ before' = [before EXCEPT ![c] = floor]
    \/ \E c \in Clients : Commit(c) /\ before' = [before EXCEPT ![c] = Beginning]
    \/ \E c \in Clients : Call(c) /\ UNCHANGED before
    \/ \E c \in Clients : TakeNext(c) /\ UNCHANGED before
    \/ \E c \in Clients : GoBack(c) /\ UNCHANGED before
    \/ \E c \in Clients : LetGo(c) /\ UNCHANGED before
    \/ \E c \in Clients : Release(c) /\ UNCHANGED before
    \/ Finished /\ UNCHANGED before

\* Weak fairness, written out as in StripedRefines.
CanGoOn(c) ==
    \/ pc[c] = "idle" /\ at[c] < Len(Scripts[c])
    \/ pc[c] \in {"back", "stamp", "leave"}
    \/ pc[c] \in {"take", "again"} /\ holder[wants[c][1]] = 0

GoesOn(c) == at'[c] # at[c] \/ pc'[c] # pc[c] \/ has'[c] # has[c]

Fair(c) == []<>(~CanGoOn(c)) \/ []<><<GoesOn(c)>>_allVars

SpecR == InitR /\ [][NextR]_allVars /\ \A c \in Clients : Fair(c)

\* Who has matched and is not stamped yet, and holds a book; or a list, with all its books.
InBook(s) == {c \in Clients : pc[c] = "stamp" /\ holder[StripeOf(s)] = c}

InListOf(list) == {c \in Clients : \A s \in BooksOf(list) : c \in InBook(s)}

BookSettled(s) == IF InBook(s) = {} THEN floor.book[s] ELSE before[CHOOSE c \in InBook(s) : TRUE].book[s]

\* All lists that live, or did when somebody entered who is not stamped yet.
KnownLists == floor.mates \cup UNION {before[c].mates : c \in {d \in Clients : pc[d] = "stamp"}}

LivesYet(list) ==
    IF InListOf(list) = {} THEN list \in floor.mates ELSE list \in before[CHOOSE c \in InListOf(list) : TRUE].mates

\* What concerns every book is written with all stripes held.
Whole == {c \in Clients : pc[c] = "stamp" /\ ConcernsAll(Command(c))}

AsStamped ==
    [book    |-> [s \in Symbols |-> BookSettled(s)],
     halted  |-> IF Whole = {} THEN floor.halted ELSE before[CHOOSE c \in Whole : TRUE].halted,
     blocked |-> IF Whole = {} THEN floor.blocked ELSE before[CHOOSE c \in Whole : TRUE].blocked,
     mates   |-> {list \in KnownLists : LivesYet(list)},
     purse   |-> floor.purse,
     lots    |-> floor.lots]

Rules == INSTANCE Exchange WITH x <- AsStamped

\* Every step of the engine is a step of the sequential exchange, or none at all.
Refines == Rules!Spec

\* Every command that was submitted returns: however often it has to begin anew.
AllReturn == Returns

THEOREM SpecR => Refines /\ AllReturn
=============================================================================
