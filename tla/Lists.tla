------------------------------- MODULE Lists --------------------------------
\* Lists of orders in several books: what happens to one order reaches its rivals in other books, in the same command
\* (H1). Which books a list ties together is written in these books, so it is known only under their stripes.
\*
\* One step is, as in Striped, what a thread of bookproof.engine.striped does from one synchronisation point to the next:
\*
\*   Call       the client submits its next command
\*   TakeNext   it takes the lowest stripe that it still needs
\*   EnterTied  it takes the last one, looks which lists there are, has all that they call for, and matches
\*   GoBack     it takes the last one, looks, and what it holds is not enough: it begins anew, with what it has seen
\*   LetGo      on its way back, it lets a stripe go
\*   Commit     it draws the stamp
\*   Release    it lets a stripe go and returns with the last one
\*
\* A command about one book tries its stripe alone at first, as nearly all books have no lists. If this one has, it goes
\* the long way: it takes that stripe again, then those of the books that it sees tied to it, then those that are tied to
\* these, until the ties that it sees lead nowhere else. Each round lets go of all before it takes more, so that stripes
\* are taken in ascending order; none is ever dropped from the set, so there are no more rounds than stripes.
EXTENDS Striped

\* ---- Ties ----

StripesOf(books) == {StripeOf(s) : s \in books}

BooksOf(list) == {place.symbol : place \in list}

\* Some books and all that live lists tie to them, as far as the stripes held let one see.
RECURSIVE Tied(_, _, _)
Tied(mates, books, held) ==
    LET met  == {list \in mates : \E s \in BooksOf(list) : s \in books /\ StripeOf(s) \in held}
        more == books \cup UNION {BooksOf(list) : list \in met}
    IN IF more = books THEN books ELSE Tied(mates, more, held)

\* The books that a command is about by itself.
About(command) == IF ConcernsAll(command) THEN Symbols ELSE Names(command)

\* What a client holds once it has taken the next stripe.
Holding(c) == {has[c][i] : i \in 1..Len(has[c])} \cup {wants[c][1]}

Needed(c) == StripesOf(Tied(floor.mates, About(Command(c)), Holding(c)))

\* The first try of a command about one book: with its stripe alone, and without any lists.
AboutOneBook(c) == Command(c).do \in {"submit", "cancel", "replace"}

TriesOne(c) == pc[c] = "take" /\ AboutOneBook(c)

HasLists(s) == \E list \in floor.mates : s \in BooksOf(list)

HoldsEnough(c) == IF TriesOne(c) THEN ~HasLists(Command(c).symbol) ELSE Needed(c) \subseteq Holding(c)

\* What it takes next time.
Anew(c) == Ascending(IF TriesOne(c) THEN Holding(c) ELSE Holding(c) \cup Needed(c))

\* ---- Steps ----

TakeNext(c) ==
    /\ pc[c] \in {"take", "again"}
    /\ Len(wants[c]) > 1
    /\ holder[wants[c][1]] = 0
    /\ holder' = [holder EXCEPT ![wants[c][1]] = c]
    /\ has' = [has EXCEPT ![c] = Append(@, wants[c][1])]
    /\ wants' = [wants EXCEPT ![c] = Tail(@)]
    /\ UNCHANGED <<floor, at, pc, seen, work, told, oracle, right>>

EnterTied(c) ==
    /\ pc[c] \in {"take", "again"}
    /\ Len(wants[c]) = 1
    /\ holder[wants[c][1]] = 0
    /\ HoldsEnough(c)
    /\ holder' = [holder EXCEPT ![wants[c][1]] = c]
    /\ has' = [has EXCEPT ![c] = Append(@, wants[c][1])]
    /\ wants' = [wants EXCEPT ![c] = <<>>]
    /\ floor' = Do(floor, Command(c), Listed).x
    /\ work' = [work EXCEPT ![c] = Do(floor, Command(c), Listed).said]
    /\ seen' = [seen EXCEPT ![c] = <<>>]
    /\ pc' = [pc EXCEPT ![c] = "stamp"]
    /\ UNCHANGED <<at, told, oracle, right>>

GoBack(c) ==
    /\ pc[c] \in {"take", "again"}
    /\ Len(wants[c]) = 1
    /\ holder[wants[c][1]] = 0
    /\ ~HoldsEnough(c)
    /\ holder' = [holder EXCEPT ![wants[c][1]] = c]
    /\ has' = [has EXCEPT ![c] = Append(@, wants[c][1])]
    /\ wants' = [wants EXCEPT ![c] = Anew(c)]
    /\ pc' = [pc EXCEPT ![c] = "back"]
    /\ UNCHANGED <<floor, at, seen, work, told, oracle, right>>

LetGo(c) ==
    /\ pc[c] = "back"
    /\ holder' = [holder EXCEPT ![has[c][Len(has[c])]] = 0]
    /\ has' = [has EXCEPT ![c] = SubSeq(@, 1, Len(@) - 1)]
    /\ pc' = [pc EXCEPT ![c] = IF Len(has[c]) > 1 THEN "back" ELSE "again"]
    /\ UNCHANGED <<floor, at, wants, seen, work, told, oracle, right>>

NextTied ==
    \/ \E c \in Clients : Call(c)
    \/ \E c \in Clients : TakeNext(c)
    \/ \E c \in Clients : EnterTied(c)
    \/ \E c \in Clients : GoBack(c)
    \/ \E c \in Clients : LetGo(c)
    \/ \E c \in Clients : Commit(c)
    \/ \E c \in Clients : Release(c)
    \/ Finished

SpecTied == Init /\ [][NextTied]_vars

\* ---- Properties ----

TypeOKTied ==
    /\ holder \in [Stripes -> {0} \cup Clients]
    /\ pc \in [Clients -> {"idle", "take", "back", "again", "stamp", "leave"}]
    /\ \A c \in Clients : \A i \in 1..Len(wants[c]) : wants[c][i] \in Stripes
    /\ \A c \in Clients : Len(told[c]) <= at[c]

\* Whoever has matched and is not stamped yet holds the stripes of all books that it could reach.
LockDisciplineTied ==
    \A c \in Clients :
        pc[c] = "stamp" =>
            \A s \in StripesOf(Tied(oracle.mates, About(Command(c)), Stripes)) : holder[s] = c

\* Nobody waits for a stripe below one that it holds.
OnlyUpwards ==
    \A c \in Clients :
        pc[c] \in {"take", "again"} => \A i \in 1..Len(has[c]) : has[c][i] < wants[c][1]

\* A list lives as long as all its orders do: to be seen where nobody is at work in its books.
ListsAreWhole ==
    \A list \in floor.mates :
        (\A s \in BooksOf(list) : holder[StripeOf(s)] = 0) =>
            \A place \in list : OpenLots(floor.book[place.symbol], place.id) > 0

\* All lists of a scenario.
ListsAmong(commands) ==
    {PlacesOf(commands[i].legs) : i \in {j \in 1..Len(commands) : commands[j].do = "list"}}

AllLists == ListsAmong(Before) \cup UNION {ListsAmong(Scripts[c]) : c \in Clients}

\* Of every list at most one order ever trades (H1): of what clients were told, and as events tell it.
OneExecutes ==
    \A list \in AllLists :
        \A one \in list : \A other \in list :
            (one # other /\ Dealt(AllHeard(told), one.id) > 0) => Dealt(AllHeard(told), other.id) = 0

THEOREM SpecTied => [](TypeOKTied /\ LocksAgree /\ LockDisciplineTied /\ OnlyUpwards)
THEOREM SpecTied => [](BooksAreWellFormed /\ Conserved /\ BooksAgree /\ ListsAreWhole /\ OneExecutes /\ Linearizable)

\* ---- Refuted: "stripes as discovered" ----
\* On the long way, what is found missing is taken while the rest is held, so no longer in ascending order.

Discover(c) ==
    /\ pc[c] \in {"take", "again"}
    /\ ~TriesOne(c)
    /\ Len(wants[c]) = 1
    /\ holder[wants[c][1]] = 0
    /\ ~HoldsEnough(c)
    /\ holder' = [holder EXCEPT ![wants[c][1]] = c]
    /\ has' = [has EXCEPT ![c] = Append(@, wants[c][1])]
    /\ wants' = [wants EXCEPT ![c] = Ascending(Needed(c) \ Holding(c))]
    /\ UNCHANGED <<floor, at, pc, seen, work, told, oracle, right>>

GoBackOnce(c) == TriesOne(c) /\ GoBack(c)

NextDiscovering ==
    \/ \E c \in Clients : Call(c)
    \/ \E c \in Clients : TakeNext(c)
    \/ \E c \in Clients : EnterTied(c)
    \/ \E c \in Clients : GoBackOnce(c)
    \/ \E c \in Clients : Discover(c)
    \/ \E c \in Clients : LetGo(c)
    \/ \E c \in Clients : Commit(c)
    \/ \E c \in Clients : Release(c)
    \/ Finished

SpecDiscovering == Init /\ [][NextDiscovering]_vars

\* ---- Refuted: "rival late" ----
\* The long way is not gone: an order or a cancel holds the stripe of its book, ends the list, says that the rivals are
\* cancelled, and does that when it has let go. `seen` is whom it has still to cancel.

RECURSIVE InOrder(_)
InOrder(places) ==
    IF places = {} THEN <<>>
    ELSE LET first == CHOOSE p \in places : \A q \in places : p.id <= q.id
         IN <<first>> \o InOrder(places \ {first})

IsLate(c) == pc[c] = "again" /\ Command(c).do \in {"submit", "cancel"}

\* Rivals in other books that should go by this command.
Doomed(c) ==
    {place \in UNION floor.mates :
        /\ place.symbol # Command(c).symbol
        /\ OpenLots(floor.book[place.symbol], place.id) > 0
        /\ OpenLots(Do(floor, Command(c), Listed).x.book[place.symbol], place.id) = 0}

EnterLate(c) ==
    /\ IsLate(c)
    /\ holder[wants[c][1]] = 0
    /\ holder' = [holder EXCEPT ![wants[c][1]] = c]
    /\ has' = [has EXCEPT ![c] = Append(@, wants[c][1])]
    /\ wants' = [wants EXCEPT ![c] = <<>>]
    /\ floor' = [floor EXCEPT !.book[Command(c).symbol] = Do(floor, Command(c), Listed).x.book[Command(c).symbol],
                              !.mates = Do(floor, Command(c), Listed).x.mates]
    /\ work' = [work EXCEPT ![c] = Do(floor, Command(c), Listed).said]
    /\ seen' = [seen EXCEPT ![c] = InOrder(Doomed(c))]
    /\ pc' = [pc EXCEPT ![c] = "stamp"]
    /\ UNCHANGED <<at, told, oracle, right>>

\* It has let go of its own book, and goes on to the rivals'.
LeaveLate(c) ==
    /\ pc[c] = "leave"
    /\ seen[c] # <<>>
    /\ holder' = [holder EXCEPT ![has[c][1]] = 0]
    /\ has' = [has EXCEPT ![c] = <<>>]
    /\ pc' = [pc EXCEPT ![c] = "follow"]
    /\ UNCHANGED <<floor, at, wants, seen, work, told, oracle, right>>

CancelLate(c) ==
    /\ pc[c] = "follow"
    /\ holder[StripeOf(seen[c][1].symbol)] = 0
    /\ holder' = [holder EXCEPT ![StripeOf(seen[c][1].symbol)] = c]
    /\ has' = [has EXCEPT ![c] = <<StripeOf(seen[c][1].symbol)>>]
    /\ floor' = [floor EXCEPT !.book[seen[c][1].symbol] = Without(@, seen[c][1].id)]
    /\ seen' = [seen EXCEPT ![c] = Tail(@)]
    /\ pc' = [pc EXCEPT ![c] = "leave"]
    /\ UNCHANGED <<at, wants, work, told, oracle, right>>

EnterInTime(c) == ~IsLate(c) /\ EnterTied(c)
GoBackInTime(c) == ~IsLate(c) /\ GoBack(c)
LeaveInTime(c) == pc[c] = "leave" /\ seen[c] = <<>> /\ Release(c)

NextLate ==
    \/ \E c \in Clients : Call(c)
    \/ \E c \in Clients : TakeNext(c)
    \/ \E c \in Clients : EnterInTime(c)
    \/ \E c \in Clients : EnterLate(c)
    \/ \E c \in Clients : GoBackInTime(c)
    \/ \E c \in Clients : LetGo(c)
    \/ \E c \in Clients : Commit(c)
    \/ \E c \in Clients : LeaveInTime(c)
    \/ \E c \in Clients : LeaveLate(c)
    \/ \E c \in Clients : CancelLate(c)
    \/ Finished

SpecLate == Init /\ [][NextLate]_vars

\* ---- Refuted: "lists read before lock" ----
\* An order or a cancel looks whether its book has lists before it takes the stripe, and believes that there are none.

MayBelieve(c) == pc[c] = "take" /\ Command(c).do \in {"submit", "cancel"}

ReadLists(c) ==
    /\ MayBelieve(c)
    /\ seen[c] = <<>>
    /\ seen' = [seen EXCEPT ![c] = <<HasLists(Command(c).symbol)>>]
    /\ UNCHANGED <<floor, holder, at, pc, wants, has, work, told, oracle, right>>

\* Without a look at any list.
Alone(c) == Do([floor EXCEPT !.mates = {}], Command(c), Listed)

EnterAlone(c) ==
    /\ MayBelieve(c)
    /\ seen[c] = <<FALSE>>
    /\ holder[wants[c][1]] = 0
    /\ holder' = [holder EXCEPT ![wants[c][1]] = c]
    /\ has' = [has EXCEPT ![c] = Append(@, wants[c][1])]
    /\ wants' = [wants EXCEPT ![c] = <<>>]
    /\ floor' = [Alone(c).x EXCEPT !.mates = floor.mates]
    /\ work' = [work EXCEPT ![c] = Alone(c).said]
    /\ seen' = [seen EXCEPT ![c] = <<>>]
    /\ pc' = [pc EXCEPT ![c] = "stamp"]
    /\ UNCHANGED <<at, told, oracle, right>>

EnterWarned(c)  == (MayBelieve(c) => seen[c] = <<TRUE>>) /\ EnterTied(c)
GoBackWarned(c) == (MayBelieve(c) => seen[c] = <<TRUE>>) /\ GoBack(c)

NextReadFirst ==
    \/ \E c \in Clients : Call(c)
    \/ \E c \in Clients : ReadLists(c)
    \/ \E c \in Clients : TakeNext(c)
    \/ \E c \in Clients : EnterAlone(c)
    \/ \E c \in Clients : EnterWarned(c)
    \/ \E c \in Clients : GoBackWarned(c)
    \/ \E c \in Clients : LetGo(c)
    \/ \E c \in Clients : Commit(c)
    \/ \E c \in Clients : Release(c)
    \/ Finished

SpecReadFirst == Init /\ [][NextReadFirst]_vars
=============================================================================
