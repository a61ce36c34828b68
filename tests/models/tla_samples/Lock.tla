-------------------------------- MODULE Lock --------------------------------
\* Clients take one lock and leave it, once each. A sample for the tests of the checkers.
\*
\*   Take    a client takes the lock
\*   Leave   it leaves the lock
EXTENDS Names

CONSTANT Design     \* "right", or one of the designs below

VARIABLES pc,       \* client -> "idle", "in" or "done"
          owner,    \* who holds the lock
          log       \* who held it, in order

vars == <<pc, owner, log>>

\* Three designs are wrong:
\*   "unlocked": a client does not look whether the lock is free,
\*               so two are inside at once;
\*   "kept": a client that has left keeps the lock;
\*   "lazy": clients need not go on.
Free == owner = Nobody \/ Design = "unlocked"

Init ==
    /\ pc = [c \in Clients |-> "idle"]
    /\ owner = Nobody
    /\ log = <<>>

Take(c) ==
    /\ pc[c] = "idle"
    /\ Free
    /\ pc' = [pc EXCEPT ![c] = "in"]
    /\ owner' = c
    /\ log' = Append(log, [who |-> c, first |-> log = <<>>])

Leave(c) ==
    /\ pc[c] = "in"
    /\ pc' = [pc EXCEPT ![c] = "done"]
    /\ owner' = IF Design = "kept" THEN owner ELSE Nobody
    /\ UNCHANGED log

Finished ==
    /\ \A c \in Clients : pc[c] = "done"
    /\ UNCHANGED vars

Next ==
    \/ \E c \in Clients : Take(c)
    \/ \E c \in Clients : Leave(c)
    \/ Finished

Spec == Init /\ [][Next]_vars

FairSpec == Spec /\ \A c \in Clients : WF_vars(Take(c) \/ Leave(c))

TypeOK == \A c \in Clients : pc[c] \in {"idle", "in", "done"}

\* No two clients are inside at once.
Exclusion == \A one, other \in Clients : pc[one] = "in" /\ pc[other] = "in" => one = other

\* Everybody is done in the end.
AllDone == <>(\A c \in Clients : pc[c] = "done")

\* Nobody ever goes back. (This holds.)
Onwards == [][\A c \in Clients : pc[c] = "done" => pc'[c] = "done"]_vars

\* Nobody is ever done. (This does not hold, in one step.)
NeverDone == [][\A c \in Clients : pc'[c] # "done"]_vars
=============================================================================
