---------------------------- MODULE StripedRefines ---------------------------
\* The striped engine refines the sequential exchange. For TLC alone: it takes INSTANCE and temporal properties.
\*
\* What the sequential exchange is at any time is read off the engine's memory, not off a ghost: the floor, but where a
\* client has matched and is not stamped yet, as it was before that.
EXTENDS Striped

VARIABLE before   \* client -> the floor as it found it when it entered, until it is stamped

allVars == <<vars, before>>

InitR == Init /\ before = [c \in Clients |-> Beginning]

NextR ==
    \/ \E c \in Clients : Enter(c) /\ before' = [before EXCEPT ![c] = floor]
    \/ \E c \in Clients : Commit(c) /\ before' = [before EXCEPT ![c] = Beginning]
    \/ \E c \in Clients : Call(c) /\ UNCHANGED before
    \/ \E c \in Clients : Look(c) /\ UNCHANGED before
    \/ \E c \in Clients : Take(c) /\ UNCHANGED before
    \/ \E c \in Clients : Release(c) /\ UNCHANGED before
    \/ Finished /\ UNCHANGED before

\* Weak fairness, written out: a client that can go on and go on does so. (WF_allVars(Enter(c) ...) says the same, and has
\* TLC match orders over and over to find out whether a client can enter.)
CanGoOn(c) ==
    \/ pc[c] = "idle" /\ at[c] < Len(Scripts[c])
    \/ pc[c] \in {"look", "stamp", "leave"}
    \/ pc[c] = "take" /\ holder[wants[c][1]] = 0

GoesOn(c) == at'[c] # at[c] \/ pc'[c] # pc[c] \/ has'[c] # has[c]

Fair(c) == []<>(~CanGoOn(c)) \/ []<><<GoesOn(c)>>_allVars

SpecR == InitR /\ [][NextR]_allVars /\ \A c \in Clients : Fair(c)

\* Who has matched and is not stamped yet.
Unstamped == {c \in Clients : pc[c] = "stamp"}

BookSettled(s) ==
    IF \E c \in Unstamped : StripeOf(s) \in Needs(Command(c))
    THEN before[CHOOSE c \in Unstamped : StripeOf(s) \in Needs(Command(c))].book[s]
    ELSE floor.book[s]

\* What concerns every book is written with all stripes held: by one client at a time, and nobody else is unstamped then.
Whole == {c \in Unstamped : ConcernsAll(Command(c))}

AsStamped ==
    [book    |-> [s \in Symbols |-> BookSettled(s)],
     halted  |-> IF Whole = {} THEN floor.halted ELSE before[CHOOSE c \in Whole : TRUE].halted,
     blocked |-> IF Whole = {} THEN floor.blocked ELSE before[CHOOSE c \in Whole : TRUE].blocked,
     mates   |-> floor.mates,
     purse   |-> floor.purse,
     lots    |-> floor.lots]

Rules == INSTANCE Exchange WITH x <- AsStamped

\* Every step of the engine is a step of the sequential exchange, or none at all.
Refines == Rules!Spec

\* Every command that was submitted returns.
AllReturn == Returns

THEOREM SpecR => Refines /\ AllReturn
=============================================================================
