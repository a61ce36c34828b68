----------------------------- MODULE Settlement ------------------------------
\* The striped engine where accounts are kept: whoever spends knows its account beforehand, whoever trades does not know
\* with whom.
\*
\* Whose orders a command meets is known only when it has matched (M4), so the locks of their accounts cannot be sorted
\* with the others. What an account has is one number over all books, so the stripe of a book does not guard it. Each
\* account has two locks: the right to spend, held from check to stamp by whoever may lower what it has available; and
\* its balance, held by whoever reads or writes its purse, for that long only. A command that must be paid
\*
\*   Call      is submitted
\*   Take      takes its stripes, from the lowest up; all but the last one here
\*   Enter     takes the last one; if the books themselves turn it away, that is stamped next
\*   Spend     takes its account's right to spend
\*   Check     takes its account's balance, and asks whether the account can stand for it; if not, that is stamped next,
\*             before the balance is let go: what is missing may come at any moment
\*   Trade     lets the balance go, matches, and moves the lots; now it is known who is concerned
\*   Settle    takes the balances of all concerned, from the lowest up; all but the last one here
\*   Book      takes the last one, and moves the cash
\*   Commit    draws the stamp: its linearization point
\*   Release   lets a lock go, the one taken last first; with the last one it returns
\*
\* Whatever is free of charge matches in Enter, and then settles: a cancel gives back what was reserved. Lots that come
\* or go need the stripe of their book alone; cash that comes the balance, cash that goes the right to spend as well.
\*
\* Why a check is still right when its command takes effect, though the balance was let go meanwhile: a maker's cost was
\* reserved when its order came to rest, so a trade only adds to what a maker has available; and what a taker has
\* available is lowered by commands of its account alone, and the right to spend keeps these apart.
\*
\* Left out on purpose, beside what Striped leaves out: accounts that share a lock (the engine has 16 of each kind);
\* lists where accounts are kept (there the engine takes every lock that there is); limits of position and value, which
\* are read and written where that of open orders is; margin (M3).
EXTENDS Scenarios

CONSTANT Design     \* "settled", or the name of a design that is refuted (see below)

VARIABLES floor,    \* the exchange as it stands in memory
          holder,   \* lock -> the client that holds it, or 0
          at,       \* client -> how many of its commands it has submitted
          pc,       \* client -> what is next: "idle", "take", "spend", "check", "match", "settle", "stamp", "leave"
          wants,    \* client -> the locks that it has yet to take before it goes on, in this order
          has,      \* client -> the locks that it holds, in the order in which it took them
          work,     \* client -> what it will be told, once that is stamped
          owed,     \* client -> what its command moves: account -> [cash, reserved, orders]
          told,     \* client -> the answers it was given, in order
          oracle,   \* ghost: the sequential exchange
          right     \* ghost: client -> the sequential exchange's answers

vars == <<floor, holder, at, pc, wants, has, work, owed, told, oracle, right>>

\* ---- Locks: numbers, in the order in which they are taken ----

Spending(account) == 10 + account
Balance(account)  == 20 + account

Locks == Stripes \cup {Spending(a) : a \in Accounts} \cup {Balance(a) : a \in Accounts}

RECURSIVE Ascending(_)
Ascending(locks) ==
    IF locks = {} THEN <<>>
    ELSE LET least == CHOOSE lock \in locks : \A other \in locks : lock <= other
         IN <<least>> \o Ascending(locks \ {least})

\* The stripes that a command needs; none for one about cash.
Needs(command) ==
    IF ConcernsAll(command) THEN Stripes ELSE {StripeOf(s) : s \in Names(command)}

\* ---- Designs ----

\* "settled" is the engine's. These are refuted:
\*   "checked, then spent": nobody takes a right to spend, so two commands of one account can both pass the check;
\*   "balances as met": a command keeps its account's balance, and takes those of the others in the order of the fills;
\*   "booked late": the cash moves when the stamp is drawn and all locks are let go;
\*   "refused late": who cannot pay lets the balance go first, and is stamped as refused then.

\* What must be held before one can be told whether the account can pay.
ToCheck(account) ==
    IF Design = "checked, then spent" THEN <<Balance(account)>> ELSE <<Spending(account), Balance(account)>>

ToPay(account) == IF Design = "balances as met" THEN <<Balance(account)>> ELSE ToCheck(account)

\* What is taken first, and what is done then.
First(command) ==
    IF Needs(command) # {} THEN Ascending(Needs(command))
    ELSE IF command.do = "deposit" THEN <<Balance(command.account)>>
    ELSE ToCheck(command.account)

FirstStep(locks) == IF locks[1] > Balance(0) THEN "check" ELSE IF locks[1] > Spending(0) THEN "spend" ELSE "take"

Command(c) == Scripts[c][at[c]]

\* ---- What a client finds when it holds what it needs ----

\* With its stripes: whether it has to ask its account.
HasToPay(c) == IF MustBePaid(Command(c)) THEN ~TurnedAway(floor, Command(c)) ELSE FALSE

\* With its account's balance: whether that can stand for it.
Refused(c) == IF MustBePaid(Command(c)) THEN NotStoodFor(floor, Command(c)) # 0 ELSE FALSE

\* What its command moves in cash, if that is not done at once.
Owed(c) ==
    IF AboutAccount(Command(c)) THEN <<>>
    ELSE IF MustBePaid(Command(c)) /\ TurnedAway(floor, Command(c)) THEN <<>>
    ELSE Entries(floor, Command(c), Listed)

BalancesOf(entries) == {Balance(a) : a \in DOMAIN entries}

\* The order in which the accounts of a command are met in its events; each once, without its own.
RECURSIVE Distinct(_, _)
Distinct(accounts, known) ==
    IF accounts = <<>> THEN <<>>
    ELSE IF accounts[1] \in known THEN Distinct(Tail(accounts), known)
    ELSE <<accounts[1]>> \o Distinct(Tail(accounts), known \cup {accounts[1]})

Others(c) ==
    Distinct(MetIn(Known(floor, Command(c), Listed), AtTheBooks(floor, Command(c), Listed).said),
             {Payer(floor, Command(c))})

BalancesAsMet(c) == [i \in 1..Len(Others(c)) |-> Balance(Others(c)[i])]

\* Only in the design "balances as met": it matches while it holds the balance that it was checked under.
MatchesAtOnce(c) == IF Design = "balances as met" /\ MustBePaid(Command(c)) THEN ~Refused(c) ELSE FALSE

\* ---- Steps ----

Init ==
    /\ floor = Beginning
    /\ holder = [lock \in Locks |-> 0]
    /\ at = [c \in Clients |-> 0]
    /\ pc = [c \in Clients |-> "idle"]
    /\ wants = [c \in Clients |-> <<>>]
    /\ has = [c \in Clients |-> <<>>]
    /\ work = [c \in Clients |-> <<>>]
    /\ owed = [c \in Clients |-> <<>>]
    /\ told = [c \in Clients |-> <<>>]
    /\ oracle = Beginning
    /\ right = [c \in Clients |-> <<>>]

Call(c) ==
    /\ pc[c] = "idle"
    /\ at[c] < Len(Scripts[c])
    /\ at' = [at EXCEPT ![c] = @ + 1]
    /\ wants' = [wants EXCEPT ![c] = First(Scripts[c][at[c] + 1])]
    /\ pc' = [pc EXCEPT ![c] = FirstStep(First(Scripts[c][at[c] + 1]))]
    /\ UNCHANGED <<floor, holder, has, work, owed, told, oracle, right>>

Take(c) ==
    /\ pc[c] = "take"
    /\ Len(wants[c]) > 1
    /\ holder[wants[c][1]] = 0
    /\ holder' = [holder EXCEPT ![wants[c][1]] = c]
    /\ has' = [has EXCEPT ![c] = Append(@, wants[c][1])]
    /\ wants' = [wants EXCEPT ![c] = Tail(@)]
    /\ UNCHANGED <<floor, at, pc, work, owed, told, oracle, right>>

\* Whatever need not be paid takes effect in the books; if it concerns accounts, their balances come next.
AfterEnter(c) ==
    IF HasToPay(c) THEN FirstStep(ToPay(Payer(floor, Command(c))))
    ELSE IF DOMAIN Owed(c) # {} /\ Design # "booked late" THEN "settle" ELSE "stamp"

WantsAfterEnter(c) ==
    IF HasToPay(c) THEN ToPay(Payer(floor, Command(c)))
    ELSE IF Design = "booked late" THEN <<>> ELSE Ascending(BalancesOf(Owed(c)))

EnteredFloor(c) ==
    IF HasToPay(c) THEN floor
    ELSE IF AboutAccount(Command(c)) THEN Do(floor, Command(c), Listed).x ELSE Matched(floor, Command(c), Listed).x

Enter(c) ==
    /\ pc[c] = "take"
    /\ Len(wants[c]) = 1
    /\ holder[wants[c][1]] = 0
    /\ holder' = [holder EXCEPT ![wants[c][1]] = c]
    /\ has' = [has EXCEPT ![c] = Append(@, wants[c][1])]
    /\ wants' = [wants EXCEPT ![c] = WantsAfterEnter(c)]
    /\ pc' = [pc EXCEPT ![c] = AfterEnter(c)]
    /\ floor' = EnteredFloor(c)
    /\ work' = [work EXCEPT ![c] = IF HasToPay(c) THEN <<>> ELSE Do(floor, Command(c), Listed).said]
    /\ owed' = [owed EXCEPT ![c] = IF HasToPay(c) THEN <<>> ELSE Owed(c)]
    /\ UNCHANGED <<at, told, oracle, right>>

Spend(c) ==
    /\ pc[c] = "spend"
    /\ holder[wants[c][1]] = 0
    /\ holder' = [holder EXCEPT ![wants[c][1]] = c]
    /\ has' = [has EXCEPT ![c] = Append(@, wants[c][1])]
    /\ wants' = [wants EXCEPT ![c] = Tail(@)]
    /\ pc' = [pc EXCEPT ![c] = "check"]
    /\ UNCHANGED <<floor, at, work, owed, told, oracle, right>>

\* A command about cash takes effect in its purse; an order is refused, or its balance is let go.
AfterCheck(c) ==
    IF MatchesAtOnce(c) THEN IF Others(c) = <<>> THEN "stamp" ELSE "settle"
    ELSE IF AboutAccount(Command(c)) THEN "stamp"
    ELSE IF Refused(c) THEN IF Design = "refused late" THEN "excuse" ELSE "stamp"
    ELSE "match"

CheckedFloor(c) ==
    IF MatchesAtOnce(c)
    THEN IF Others(c) = <<>> THEN Settled(floor, Command(c), Listed).x ELSE Matched(floor, Command(c), Listed).x
    ELSE IF AboutAccount(Command(c)) THEN Do(floor, Command(c), Listed).x ELSE floor

Check(c) ==
    /\ pc[c] = "check"
    /\ holder[wants[c][1]] = 0
    /\ holder' = [holder EXCEPT ![wants[c][1]] = c]
    /\ has' = [has EXCEPT ![c] = Append(@, wants[c][1])]
    /\ wants' = [wants EXCEPT ![c] = IF MatchesAtOnce(c) THEN BalancesAsMet(c) ELSE <<>>]
    /\ pc' = [pc EXCEPT ![c] = AfterCheck(c)]
    /\ floor' = CheckedFloor(c)
    /\ work' = [work EXCEPT ![c] = IF AfterCheck(c) = "match" THEN <<>> ELSE Do(floor, Command(c), Listed).said]
    /\ owed' = [owed EXCEPT ![c] = IF MatchesAtOnce(c) THEN Owed(c) ELSE <<>>]
    /\ UNCHANGED <<at, told, oracle, right>>

\* Only in the design "refused late".
Excuse(c) ==
    /\ pc[c] = "excuse"
    /\ holder' = [holder EXCEPT ![has[c][Len(has[c])]] = 0]
    /\ has' = [has EXCEPT ![c] = SubSeq(@, 1, Len(@) - 1)]
    /\ pc' = [pc EXCEPT ![c] = "stamp"]
    /\ UNCHANGED <<floor, at, wants, work, owed, told, oracle, right>>

\* It is the account's balance that it took last.
Trade(c) ==
    /\ pc[c] = "match"
    /\ holder' = [holder EXCEPT ![has[c][Len(has[c])]] = 0]
    /\ has' = [has EXCEPT ![c] = SubSeq(@, 1, Len(@) - 1)]
    /\ wants' = [wants EXCEPT ![c] = IF Design = "booked late" THEN <<>> ELSE Ascending(BalancesOf(Owed(c)))]
    /\ pc' = [pc EXCEPT ![c] = IF Design = "booked late" THEN "stamp" ELSE "settle"]
    /\ floor' = Matched(floor, Command(c), Listed).x
    /\ work' = [work EXCEPT ![c] = Matched(floor, Command(c), Listed).said]
    /\ owed' = [owed EXCEPT ![c] = Owed(c)]
    /\ UNCHANGED <<at, told, oracle, right>>

Settle(c) ==
    /\ pc[c] = "settle"
    /\ Len(wants[c]) > 1
    /\ holder[wants[c][1]] = 0
    /\ holder' = [holder EXCEPT ![wants[c][1]] = c]
    /\ has' = [has EXCEPT ![c] = Append(@, wants[c][1])]
    /\ wants' = [wants EXCEPT ![c] = Tail(@)]
    /\ UNCHANGED <<floor, at, pc, work, owed, told, oracle, right>>

Book(c) ==
    /\ pc[c] = "settle"
    /\ Len(wants[c]) = 1
    /\ holder[wants[c][1]] = 0
    /\ holder' = [holder EXCEPT ![wants[c][1]] = c]
    /\ has' = [has EXCEPT ![c] = Append(@, wants[c][1])]
    /\ wants' = [wants EXCEPT ![c] = <<>>]
    /\ pc' = [pc EXCEPT ![c] = IF Design = "booked late" THEN "leave" ELSE "stamp"]
    /\ floor' = [floor EXCEPT !.purse = Booked(@, owed[c])]
    /\ owed' = [owed EXCEPT ![c] = IF Design = "booked late" THEN <<>> ELSE @]
    /\ UNCHANGED <<at, work, told, oracle, right>>

Commit(c) ==
    /\ pc[c] = "stamp"
    /\ told' = [told EXCEPT ![c] = Append(@, work[c])]
    /\ work' = [work EXCEPT ![c] = <<>>]
    /\ owed' = [owed EXCEPT ![c] = IF Design = "booked late" THEN @ ELSE <<>>]
    /\ oracle' = Do(oracle, Command(c), Listed).x
    /\ right' = [right EXCEPT ![c] = Append(@, Do(oracle, Command(c), Listed).said)]
    /\ pc' = [pc EXCEPT ![c] = "leave"]
    /\ UNCHANGED <<floor, holder, at, wants, has>>

\* Whether it books when it has let everything go: only in the design "booked late".
BooksNow(c) == Len(has[c]) = 1 /\ DOMAIN owed[c] # {}

Release(c) ==
    /\ pc[c] = "leave"
    /\ holder' = [holder EXCEPT ![has[c][Len(has[c])]] = 0]
    /\ has' = [has EXCEPT ![c] = SubSeq(@, 1, Len(@) - 1)]
    /\ wants' = [wants EXCEPT ![c] = IF BooksNow(c) THEN Ascending(BalancesOf(owed[c])) ELSE <<>>]
    /\ pc' = [pc EXCEPT ![c] = IF BooksNow(c) THEN "settle" ELSE IF Len(has[c]) > 1 THEN "leave" ELSE "idle"]
    /\ UNCHANGED <<floor, at, work, owed, told, oracle, right>>

Finished ==
    /\ \A c \in Clients : pc[c] = "idle" /\ at[c] = Len(Scripts[c])
    /\ UNCHANGED vars

Next ==
    \/ \E c \in Clients : Call(c)
    \/ \E c \in Clients : Take(c)
    \/ \E c \in Clients : Enter(c)
    \/ \E c \in Clients : Spend(c)
    \/ \E c \in Clients : Check(c)
    \/ \E c \in Clients : Excuse(c)
    \/ \E c \in Clients : Trade(c)
    \/ \E c \in Clients : Settle(c)
    \/ \E c \in Clients : Book(c)
    \/ \E c \in Clients : Commit(c)
    \/ \E c \in Clients : Release(c)
    \/ Finished

Spec == Init /\ [][Next]_vars

\* A client that can go on does so. That is enough here, as scripts end: see StripeLocks for clients that never do.
Step(c) ==
    \/ Call(c) \/ Take(c) \/ Enter(c) \/ Spend(c) \/ Check(c) \/ Excuse(c)
    \/ Trade(c) \/ Settle(c) \/ Book(c) \/ Commit(c) \/ Release(c)

FairSpec == Spec /\ \A c \in Clients : WF_vars(Step(c))

\* ---- Properties ----

TypeOK ==
    /\ holder \in [Locks -> {0} \cup Clients]
    /\ at \in [Clients -> 0..4]
    /\ pc \in [Clients -> {"idle", "take", "spend", "check", "excuse", "match", "settle", "stamp", "leave"}]
    /\ \A c \in Clients : \A i \in 1..Len(wants[c]) : wants[c][i] \in Locks
    /\ \A c \in Clients : DOMAIN owed[c] \subseteq Accounts
    /\ \A c \in Clients : Len(told[c]) <= at[c]

\* A lock is held by whoever has it, and by nobody else.
LocksAgree == \A l \in Locks : \A c \in Clients : (holder[l] = c) <=> (\E i \in 1..Len(has[c]) : has[c][i] = l)

\* Nobody waits for a lock below one that it holds: so there is no cycle of clients that wait for each other. A balance
\* that was taken for the check is let go before others are taken.
OnlyUpwards ==
    \A c \in Clients : wants[c] # <<>> => \A i \in 1..Len(has[c]) : has[c][i] < wants[c][1]

\* Whoever has touched a book and is not stamped yet holds its stripe, and its account's right to spend if it is to pay;
\* whoever is about to be stamped holds the balances of all whose cash it has moved.
HoldsItsBooks(c) == \A s \in Needs(Command(c)) : holder[s] = c

MaySpend(c) == \E a \in Accounts : holder[Spending(a)] = c

HoldsWhatItMoved(c) == \A a \in DOMAIN owed[c] : holder[Balance(a)] = c

LockDiscipline ==
    /\ \A c \in Clients : pc[c] \in {"match", "settle", "stamp"} => HoldsItsBooks(c)
    /\ \A c \in Clients : (DOMAIN owed[c] # {} /\ MustBePaid(Command(c))) => MaySpend(c)
    /\ \A c \in Clients : pc[c] = "match" => MaySpend(c)
    /\ \A c \in Clients : pc[c] = "stamp" => HoldsWhatItMoved(c)

BooksAreWellFormed == \A s \in Symbols : WellFormed(floor.book[s])

\* No account has promised more than it has, at any time, even in memory.
Solvent == SolventIn(floor)

\* What is told and what is about to be told.
RECURSIVE AboutToHear(_)
AboutToHear(c) == IF c = 0 THEN <<>> ELSE work[c] \o AboutToHear(c - 1)

\* Lots of orders are counted when all that has matched is stamped as well; cash and lots of accounts at any time: what
\* one pays another gets in the same step.
Conserved ==
    /\ (\A c \in Clients : work[c] = <<>>) => ConservedIn(floor, told)
    /\ MoneyIn(floor, AllHeard(told) \o AboutToHear(Len(Scripts)), Listed)

\* Each client is told what the sequential exchange says, in the order of the stamps; and when all is over books and
\* purses are the same.
Linearizable ==
    /\ told = right
    /\ (\A c \in Clients : pc[c] = "idle") => floor = oracle

\* At any time, even: a book whose stripe nobody holds, and a purse whose balance nobody holds, are as they are in the
\* sequential exchange.
FloorAgrees ==
    /\ \A s \in Symbols : holder[StripeOf(s)] = 0 => floor.book[s] = oracle.book[s] /\ floor.lots[s] = oracle.lots[s]
    /\ \A a \in Accounts : holder[Balance(a)] = 0 => floor.purse[a] = oracle.purse[a]

\* Every command that was submitted returns.
Returns == \A c \in Clients : pc[c] # "idle" ~> pc[c] = "idle"

THEOREM Spec => [](TypeOK /\ LocksAgree /\ OnlyUpwards /\ LockDiscipline /\ BooksAreWellFormed /\ Solvent /\ Conserved
                   /\ FloorAgrees /\ Linearizable)
THEOREM FairSpec => Returns
=============================================================================
