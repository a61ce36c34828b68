------------------------------- MODULE Striped -------------------------------
\* The striped engine: several clients at once, and a lock for each stripe of books.
\*
\* One step of the model is what a thread of bookproof.engine.striped does from one synchronisation point to the next:
\*
\*   Call      the client submits its next command; which stripes it needs follows from the command alone
\*   Take      it takes the lowest stripe that it still needs, if nobody holds it
\*   Enter     it takes the last one, and matches: it has all it needs, and nobody can look in between
\*   Commit    it draws the stamp: its linearization point
\*   Release   it lets a stripe go, the one taken last first; with the last one it returns
\*
\* `oracle` is a ghost: the sequential exchange, fed at each Commit. No action of the engine reads it.
\*
\* Left out on purpose: how a book finds and stores its orders (matching is one step, as whoever matches holds the stripe:
\* the interleaving checker watches the engine's memory for what is touched without); the number on the stamp (the order
\* of Commits is what it says); commands that are wrong by themselves, which take no lock. Lists that tie books together
\* are in Lists, accounts in Settlement.
EXTENDS Scenarios

CONSTANT Design     \* "striped", or the name of a design that is refuted (see below)

VARIABLES floor,    \* the exchange as it stands in memory
          holder,   \* stripe -> the client that holds it, or 0
          at,       \* client -> how many of its commands it has submitted
          pc,       \* client -> what it does next: "idle", "look", "take", "stamp" or "leave"
          wants,    \* client -> the stripes that it has yet to take, in this order
          has,      \* client -> the stripes that it holds, in the order in which it took them
          seen,     \* client -> what it looked up before it took a lock: nothing, in the right design
          work,     \* client -> what it will be told, once that is stamped
          told,     \* client -> the answers it was given, in order
          oracle,   \* ghost: the sequential exchange
          right     \* ghost: client -> the sequential exchange's answers

vars == <<floor, holder, at, pc, wants, has, seen, work, told, oracle, right>>

\* ---- Which stripes a command needs ----

RECURSIVE Ascending(_)
Ascending(stripes) ==
    IF stripes = {} THEN <<>>
    ELSE LET least == CHOOSE s \in stripes : \A other \in stripes : s <= other
         IN <<least>> \o Ascending(stripes \ {least})

Needs(command) ==
    IF ConcernsAll(command) THEN Stripes ELSE {StripeOf(s) : s \in Names(command)}

\* "striped": in ascending order. Two designs are refuted here:
\*   "as named": in the order of the legs, so two baskets can each wait for the stripe that the other holds;
\*   "first leg": the stripes of the other legs are left out, so others change their books meanwhile.
Plan(command) ==
    IF Design = "as named" /\ command.do = "basket"
    THEN [i \in 1..Len(command.legs) |-> StripeOf(command.legs[i].symbol)]
    ELSE IF Design = "first leg" /\ command.do = "basket"
    THEN <<StripeOf(command.legs[1].symbol)>>
    ELSE Ascending(Needs(command))

Command(c) == Scripts[c][at[c]]

\* "look-up first": a cancel looks its order up before it takes the stripe, and believes what it saw.
LooksFirst(command) == Design = "look-up first" /\ command.do = "cancel"

\* What a client does to the floor, and what it will say. By the rule book, but for what it has seen too early.
Result(c) ==
    IF seen[c] = <<>> THEN Do(floor, Command(c), Listed)
    ELSE [x |-> Do(floor, Command(c), Listed).x, said |-> <<Cancelled(seen[c][1])>>]

\* ---- Steps ----

Init ==
    /\ floor = Beginning
    /\ holder = [s \in Stripes |-> 0]
    /\ at = [c \in Clients |-> 0]
    /\ pc = [c \in Clients |-> "idle"]
    /\ wants = [c \in Clients |-> <<>>]
    /\ has = [c \in Clients |-> <<>>]
    /\ seen = [c \in Clients |-> <<>>]
    /\ work = [c \in Clients |-> <<>>]
    /\ told = [c \in Clients |-> <<>>]
    /\ oracle = Beginning
    /\ right = [c \in Clients |-> <<>>]

Call(c) ==
    /\ pc[c] = "idle"
    /\ at[c] < Len(Scripts[c])
    /\ at' = [at EXCEPT ![c] = @ + 1]
    /\ wants' = [wants EXCEPT ![c] = Plan(Scripts[c][at[c] + 1])]
    /\ pc' = [pc EXCEPT ![c] = IF LooksFirst(Scripts[c][at[c] + 1]) THEN "look" ELSE "take"]
    /\ UNCHANGED <<floor, holder, has, seen, work, told, oracle, right>>

\* Only in the design "look-up first".
Look(c) ==
    /\ pc[c] = "look"
    /\ seen' = [seen EXCEPT ![c] = Find(floor.book[Command(c).symbol], Command(c).id)]
    /\ pc' = [pc EXCEPT ![c] = "take"]
    /\ UNCHANGED <<floor, holder, at, wants, has, work, told, oracle, right>>

Take(c) ==
    /\ pc[c] = "take"
    /\ Len(wants[c]) > 1
    /\ holder[wants[c][1]] = 0
    /\ holder' = [holder EXCEPT ![wants[c][1]] = c]
    /\ has' = [has EXCEPT ![c] = Append(@, wants[c][1])]
    /\ wants' = [wants EXCEPT ![c] = Tail(@)]
    /\ UNCHANGED <<floor, at, pc, seen, work, told, oracle, right>>

Enter(c) ==
    /\ pc[c] = "take"
    /\ Len(wants[c]) = 1
    /\ holder[wants[c][1]] = 0
    /\ holder' = [holder EXCEPT ![wants[c][1]] = c]
    /\ has' = [has EXCEPT ![c] = Append(@, wants[c][1])]
    /\ wants' = [wants EXCEPT ![c] = <<>>]
    /\ floor' = Result(c).x
    /\ work' = [work EXCEPT ![c] = Result(c).said]
    /\ seen' = [seen EXCEPT ![c] = <<>>]
    /\ pc' = [pc EXCEPT ![c] = IF Design = "late stamp" THEN "leave" ELSE "stamp"]
    /\ UNCHANGED <<at, told, oracle, right>>

\* "late stamp": the stamp is drawn when the stripes have been let go, so others can come in between.
Commit(c) ==
    /\ pc[c] = "stamp"
    /\ told' = [told EXCEPT ![c] = Append(@, work[c])]
    /\ work' = [work EXCEPT ![c] = <<>>]
    /\ oracle' = Do(oracle, Command(c), Listed).x
    /\ right' = [right EXCEPT ![c] = Append(@, Do(oracle, Command(c), Listed).said)]
    /\ pc' = [pc EXCEPT ![c] = IF has[c] = <<>> THEN "idle" ELSE "leave"]
    /\ UNCHANGED <<floor, holder, at, wants, has, seen>>

Release(c) ==
    /\ pc[c] = "leave"
    /\ holder' = [holder EXCEPT ![has[c][Len(has[c])]] = 0]
    /\ has' = [has EXCEPT ![c] = SubSeq(@, 1, Len(@) - 1)]
    /\ pc' = [pc EXCEPT ![c] = IF Len(has[c]) > 1 THEN "leave"
                               ELSE IF work[c] # <<>> THEN "stamp" ELSE "idle"]
    /\ UNCHANGED <<floor, at, wants, seen, work, told, oracle, right>>

Finished ==
    /\ \A c \in Clients : pc[c] = "idle" /\ at[c] = Len(Scripts[c])
    /\ UNCHANGED vars

Next ==
    \/ \E c \in Clients : Call(c)
    \/ \E c \in Clients : Look(c)
    \/ \E c \in Clients : Take(c)
    \/ \E c \in Clients : Enter(c)
    \/ \E c \in Clients : Commit(c)
    \/ \E c \in Clients : Release(c)
    \/ Finished

Spec == Init /\ [][Next]_vars

\* A client that can go on does so. That is enough here, as scripts end: see StripeLocks for clients that never do.
Step(c) == Call(c) \/ Look(c) \/ Take(c) \/ Enter(c) \/ Commit(c) \/ Release(c)

FairSpec == Spec /\ \A c \in Clients : WF_vars(Step(c))

\* ---- Properties ----

TypeOK ==
    /\ holder \in [Stripes -> {0} \cup Clients]
    /\ at \in [Clients -> 0..4]
    /\ pc \in [Clients -> {"idle", "look", "take", "stamp", "leave"}]
    /\ \A c \in Clients : \A i \in 1..Len(wants[c]) : wants[c][i] \in Stripes
    /\ \A c \in Clients : Len(told[c]) <= at[c]

\* A stripe is held by whoever has it, and by nobody else.
LocksAgree == \A s \in Stripes : \A c \in Clients : (holder[s] = c) <=> (\E i \in 1..Len(has[c]) : has[c][i] = s)

\* Whoever has touched a book and is not stamped yet holds its stripe. It does not hold of "first leg" and "late stamp",
\* three steps from the beginning: long before anybody is told something wrong.
LockDiscipline ==
    \A c \in Clients : pc[c] = "stamp" => \A s \in Needs(Command(c)) : holder[s] = c

BooksAreWellFormed == \A s \in Symbols : WellFormed(floor.book[s])

\* Counted when all that has matched is stamped as well: in between, what has been traded has not been told yet.
Conserved == (\A c \in Clients : work[c] = <<>>) => ConservedIn(floor, told)

\* Each client is told what the sequential exchange says, in the order of the stamps; and when all is over the books
\* are the same.
Linearizable ==
    /\ told = right
    /\ (\A c \in Clients : pc[c] = "idle") => floor = oracle

\* At any time, even: a book whose stripe nobody holds is as it is in the sequential exchange.
BooksAgree == \A s \in Symbols : holder[StripeOf(s)] = 0 => floor.book[s] = oracle.book[s]

\* Every command that was submitted returns.
Returns == \A c \in Clients : pc[c] # "idle" ~> pc[c] = "idle"

THEOREM Spec => [](TypeOK /\ LocksAgree /\ LockDiscipline /\ BooksAreWellFormed /\ Conserved /\ BooksAgree /\ Linearizable)
THEOREM FairSpec => Returns
=============================================================================
