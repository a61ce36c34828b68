------------------------------ MODULE Barrier -------------------------------
\* The halt of the market and the kill switch: barriers. Who raises one takes all stripes, and any one stripe is enough
\* to see it: whoever holds a stripe has begun after the barrier, or is stamped before it.
\*
\* The steps are those of Striped: what concerns all books needs all stripes, and an order looks whether it is let in
\* when it enters, under the stripe of its book. Here is what must hold then, in the words of the rules; and one more
\* design that is refuted.
EXTENDS Striped

\* ---- Properties ----

HasTraded(said) == \E i \in 1..Len(said) : said[i].is = "trade"

IsRefusal(said) == Len(said) = 1 /\ said[1].is = "rejected"

\* Whoever is on its way in with orders of its own, and for which account.
Enters(command) == command.do \in {"submit", "basket", "list"}

AccountOf(command) ==
    IF command.do = "submit" THEN command.order.account ELSE command.legs[1].order.account

\* Nothing that is stamped after the halt and before the resume trades (J1). Whoever is at its stamp can draw it in this
\* very state, and the ghost tells whether the market is halted in the order of the stamps.
NothingTradesInAHalt ==
    oracle.halted => \A c \in Clients : pc[c] = "stamp" => ~HasTraded(work[c])

\* From the stamp of the kill switch on, nothing of the account rests in any book (J7).
NothingOfTheKilledRests ==
    \A account \in oracle.blocked :
        \A s \in Symbols : SelectSeq(Resting(floor.book[s]), LAMBDA o : o.account = account) = <<>>

\* Nor is anything of it let in (J7).
TheKilledAreRefused ==
    \A c \in Clients :
        pc[c] = "stamp" =>
            (Enters(Command(c)) => (AccountOf(Command(c)) \in oracle.blocked => IsRefusal(work[c])))

THEOREM Spec => [](NothingTradesInAHalt /\ NothingOfTheKilledRests /\ TheKilledAreRefused)

\* ---- Refuted: "flag outside" ----
\* An order reads whether it would be let in before it takes its stripe, and believes that when it has it.

Believes(c) == Command(c).do = "submit"

\* Once, after the call and before the stripe.
ReadFlag(c) ==
    /\ pc[c] = "take"
    /\ Believes(c)
    /\ seen[c] = <<>>
    /\ seen' = [seen EXCEPT ![c] = <<Barred(floor, Command(c).order.account)>>]
    /\ UNCHANGED <<floor, holder, at, pc, wants, has, work, told, oracle, right>>

\* What becomes of an order whose client has seen that it is let in, or that it is not.
Believing(c) ==
    IF seen[c][1] THEN Outcome(floor, <<Rejected(Command(c).order.id)>>)
    ELSE LET r == Do([floor EXCEPT !.halted = FALSE, !.blocked = {}], Command(c), Listed)
         IN Outcome([r.x EXCEPT !.halted = floor.halted, !.blocked = floor.blocked], r.said)

EnterBelieving(c) ==
    /\ pc[c] = "take"
    /\ seen[c] # <<>>
    /\ holder[wants[c][1]] = 0
    /\ holder' = [holder EXCEPT ![wants[c][1]] = c]
    /\ has' = [has EXCEPT ![c] = Append(@, wants[c][1])]
    /\ wants' = [wants EXCEPT ![c] = <<>>]
    /\ floor' = Believing(c).x
    /\ work' = [work EXCEPT ![c] = Believing(c).said]
    /\ seen' = [seen EXCEPT ![c] = <<>>]
    /\ pc' = [pc EXCEPT ![c] = "stamp"]
    /\ UNCHANGED <<at, told, oracle, right>>

\* What others do is as in Striped.
EnterSeeing(c) == pc[c] = "take" /\ ~Believes(c) /\ Enter(c)

NextOutside ==
    \/ \E c \in Clients : Call(c)
    \/ \E c \in Clients : ReadFlag(c)
    \/ \E c \in Clients : Take(c)
    \/ \E c \in Clients : EnterSeeing(c)
    \/ \E c \in Clients : EnterBelieving(c)
    \/ \E c \in Clients : Commit(c)
    \/ \E c \in Clients : Release(c)
    \/ Finished

SpecOutside == Init /\ [][NextOutside]_vars
=============================================================================
