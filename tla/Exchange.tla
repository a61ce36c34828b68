------------------------------ MODULE Exchange ------------------------------
\* The sequential exchange: one command at a time, whoever's turn it is.
\*
\* This is what every concurrent module here has to refine: whatever its threads do, the commands take effect one after
\* the other, each client's in its order, and each is told what the rule book says at that moment.
EXTENDS Scenarios

VARIABLES x,     \* the exchange
          told   \* client -> the answers it was given, in order

vars == <<x, told>>

Init ==
    /\ x = Beginning
    /\ told = [c \in Clients |-> <<>>]

\* The next command of a client, all at once.
Serve(c) ==
    /\ Len(told[c]) < Len(Scripts[c])
    /\ x' = Do(x, Scripts[c][Len(told[c]) + 1], Listed).x
    /\ told' = [told EXCEPT ![c] = Append(@, Do(x, Scripts[c][Len(told[c]) + 1], Listed).said)]

Finished ==
    /\ \A c \in Clients : Len(told[c]) = Len(Scripts[c])
    /\ UNCHANGED vars

Next == (\E c \in Clients : Serve(c)) \/ Finished

Spec == Init /\ [][Next]_vars

\* ---- Properties ----

TypeOK ==
    /\ x.halted \in BOOLEAN
    /\ x.blocked \subseteq Nat
    /\ \A c \in Clients : Len(told[c]) <= Len(Scripts[c])

BooksAreWellFormed == \A s \in Symbols : WellFormed(x.book[s])

Conserved == ConservedIn(x, told) /\ MoneyIn(x, AllHeard(told), Listed)

Solvent == SolventIn(x) /\ ReservedIn(x, Listed)

THEOREM Spec => [](TypeOK /\ BooksAreWellFormed /\ Conserved /\ Solvent)
=============================================================================
