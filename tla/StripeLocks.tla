----------------------------- MODULE StripeLocks -----------------------------
\* The protocol of the stripes alone: clients that never end, each with any set of stripes, time and again.
\*
\* Taking them in ascending order excludes deadlock for any number of clients, stripes and rounds: no exchange is needed
\* to see it. That everybody gets its turn needs more, locks that are fair: see Fairness below.
EXTENDS Naturals, Sequences

CONSTANTS Clients,   \* a set of naturals without 0
          Stripes,   \* a set of naturals
          Design     \* "ascending"; "any order" and "unfair locks" are refuted

VARIABLES holder,    \* stripe -> the client that holds it, or 0
          wants,     \* client -> the stripes that it has yet to take, in this order
          has,       \* client -> the stripes that it holds, in the order in which it took them
          pc         \* client -> "idle", "take" or "leave"

vars == <<holder, wants, has, pc>>

Among(queue) == {queue[i] : i \in 1..Len(queue)}

RECURSIVE Ascending(_)
Ascending(stripes) ==
    IF stripes = {} THEN <<>>
    ELSE LET least == CHOOSE s \in stripes : \A other \in stripes : s <= other
         IN <<least>> \o Ascending(stripes \ {least})

\* All orders in which some stripes can be taken.
Orders(stripes) ==
    {order \in [1..Len(Ascending(stripes)) -> stripes] : Among(order) = stripes}

PlansFor(stripes) == IF Design = "any order" THEN Orders(stripes) ELSE {Ascending(stripes)}

Plans == UNION {PlansFor(stripes) : stripes \in (SUBSET Stripes) \ {{}}}

Init ==
    /\ holder = [s \in Stripes |-> 0]
    /\ wants = [c \in Clients |-> <<>>]
    /\ has = [c \in Clients |-> <<>>]
    /\ pc = [c \in Clients |-> "idle"]

Call(c) ==
    /\ pc[c] = "idle"
    /\ \E plan \in Plans : wants' = [wants EXCEPT ![c] = plan]
    /\ pc' = [pc EXCEPT ![c] = "take"]
    /\ UNCHANGED <<holder, has>>

Take(c) ==
    /\ pc[c] = "take"
    /\ holder[wants[c][1]] = 0
    /\ holder' = [holder EXCEPT ![wants[c][1]] = c]
    /\ has' = [has EXCEPT ![c] = Append(@, wants[c][1])]
    /\ wants' = [wants EXCEPT ![c] = Tail(@)]
    /\ pc' = [pc EXCEPT ![c] = IF Len(wants[c]) = 1 THEN "leave" ELSE "take"]

Release(c) ==
    /\ pc[c] = "leave"
    /\ holder' = [holder EXCEPT ![has[c][Len(has[c])]] = 0]
    /\ has' = [has EXCEPT ![c] = SubSeq(@, 1, Len(@) - 1)]
    /\ pc' = [pc EXCEPT ![c] = IF Len(has[c]) = 1 THEN "idle" ELSE "leave"]
    /\ UNCHANGED wants

Next ==
    \/ \E c \in Clients : Call(c)
    \/ \E c \in Clients : Take(c)
    \/ \E c \in Clients : Release(c)

\* A client may stay away as long as it likes, but whoever holds a stripe goes on. Whoever waits for a stripe that is
\* let go and taken again, over and over, gets it only from a lock that is fair (strong fairness). Python's locks
\* promise no more than weak fairness, and that is not enough: design "unfair locks".
Fairness ==
    \A c \in Clients :
        /\ WF_vars(Release(c))
        /\ IF Design = "unfair locks" THEN WF_vars(Take(c)) ELSE SF_vars(Take(c))

Spec == Init /\ [][Next]_vars

FairSpec == Spec /\ Fairness

\* ---- Properties ----

TypeOK ==
    /\ holder \in [Stripes -> {0} \cup Clients]
    /\ pc \in [Clients -> {"idle", "take", "leave"}]
    /\ \A c \in Clients : Among(wants[c]) \subseteq Stripes

\* A stripe is held by whoever has it, and by nobody else.
LocksAgree == \A s \in Stripes : \A c \in Clients : (holder[s] = c) <=> (s \in Among(has[c]))

\* Nobody waits for a stripe below one that it holds: so there is no cycle of clients that wait for each other.
OnlyUpwards ==
    \A c \in Clients : pc[c] = "take" => \A held \in Among(has[c]) : held < wants[c][1]

\* Whoever wants stripes gets them, and lets them go.
Served == \A c \in Clients : pc[c] = "take" ~> pc[c] = "idle"

THEOREM Spec => [](TypeOK /\ LocksAgree /\ OnlyUpwards)
THEOREM FairSpec => Served
=============================================================================
