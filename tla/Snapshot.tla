------------------------------ MODULE Snapshot ------------------------------
\* A picture of all books is one cut: it is taken with all stripes held, so it shows the exchange at one instant, that of
\* its stamp.
\*
\* The steps are those of Striped. Here is what must hold of pictures, and one more design that is refuted.
EXTENDS Striped

\* ---- Properties ----

IsPicture(said) == said # <<>> /\ said[1].is = "snapshot"

\* How many lots of an order a picture shows: 0 if it is not there.
RECURSIVE LotsShown(_, _)
LotsShown(said, id) ==
    IF said = <<>> THEN 0
    ELSE (IF said[1].is = "shown" /\ said[1].id = id THEN said[1].lots ELSE 0) + LotsShown(Tail(said), id)

\* In "snapshot-basket" a basket takes one lot of each of two offers, 1 and 2, of two lots each; nobody else trades. A
\* picture that shows one of them as it was and one lot of the other shows half a basket (L4).
ShowsHalf(said) ==
    \/ LotsShown(said, 1) = 2 /\ LotsShown(said, 2) = 1
    \/ LotsShown(said, 1) = 1 /\ LotsShown(said, 2) = 2

NoHalfBasket ==
    \A c \in Clients : \A i \in 1..Len(told[c]) : IsPicture(told[c][i]) => ~ShowsHalf(told[c][i])

\* A picture shows what the sequential exchange shows at its stamp.
OneCut ==
    \A c \in Clients :
        \A i \in 1..Len(told[c]) : IsPicture(told[c][i]) => told[c][i] = right[c][i]

THEOREM Spec => [](NoHalfBasket /\ OneCut)

\* ---- Refuted: "book by book" ----
\* Each stripe is taken, its book is looked at, and it is let go before the next one is taken; then the stamp is drawn.

Pictures(c) == Command(c).do = "snapshot"

LookAtOne(c) ==
    /\ pc[c] = "take"
    /\ Pictures(c)
    /\ holder[wants[c][1]] = 0
    /\ holder' = [holder EXCEPT ![wants[c][1]] = c]
    /\ has' = [has EXCEPT ![c] = <<wants[c][1]>>]
    /\ wants' = [wants EXCEPT ![c] = Tail(@)]
    /\ work' = [work EXCEPT ![c] = (IF @ = <<>> THEN <<Said("snapshot", 0, 0, 0, 0)>> ELSE @)
                                   \o Shown(floor, <<Listed[wants[c][1]]>>)]
    /\ pc' = [pc EXCEPT ![c] = "leave"]
    /\ UNCHANGED <<floor, at, seen, told, oracle, right>>

LetGoOfOne(c) ==
    /\ pc[c] = "leave"
    /\ Pictures(c)
    /\ holder' = [holder EXCEPT ![has[c][1]] = 0]
    /\ has' = [has EXCEPT ![c] = <<>>]
    /\ pc' = [pc EXCEPT ![c] = IF wants[c] = <<>> THEN "stamp" ELSE "take"]
    /\ UNCHANGED <<floor, at, wants, seen, work, told, oracle, right>>

\* What others do is as in Striped.
TakeOfOthers(c)    == pc[c] = "take" /\ ~Pictures(c) /\ Take(c)
EnterOfOthers(c)   == pc[c] = "take" /\ ~Pictures(c) /\ Enter(c)
ReleaseOfOthers(c) == pc[c] = "leave" /\ ~Pictures(c) /\ Release(c)

NextByBook ==
    \/ \E c \in Clients : Call(c)
    \/ \E c \in Clients : TakeOfOthers(c)
    \/ \E c \in Clients : EnterOfOthers(c)
    \/ \E c \in Clients : LookAtOne(c)
    \/ \E c \in Clients : LetGoOfOne(c)
    \/ \E c \in Clients : Commit(c)
    \/ \E c \in Clients : ReleaseOfOthers(c)
    \/ Finished

SpecByBook == Init /\ [][NextByBook]_vars
=============================================================================
