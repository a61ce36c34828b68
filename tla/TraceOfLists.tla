--------------------------- MODULE TraceOfLists -----------------------------
\* Whether what runs of the real engine wrote down are behaviours of the model: lists across books. For TLC alone.
\*
\* As TraceOfStriped, with the steps of Lists.
EXTENDS Lists, Recorded, TLC

VARIABLES which,    \* the trace that is read
          cursor,   \* the line that comes next
          heard     \* client -> how many answers it has heard

traceVars == <<vars, which, cursor, heard>>

Trace == Recorded[which]

InitT == Init /\ which \in 1..Len(Recorded) /\ cursor = 1 /\ heard = [c \in Clients |-> 0]

\* The next line says that a client did this.
Says(c, did) == cursor <= Len(Trace) /\ Trace[cursor].did = did /\ Trace[cursor].client = c

Onward == cursor' = cursor + 1 /\ UNCHANGED which

\* A stamp has been drawn for each command before, and for each that was told since.
RECURSIVE Drawn(_)
Drawn(c) == IF c = 0 THEN Len(Before) ELSE Len(told[c]) + Drawn(c - 1)

CallT(c) ==
    /\ Says(c, "call")
    /\ heard[c] = at[c]
    /\ at[c] < Len(Scripts[c])
    /\ Trace[cursor].what = Scripts[c][at[c] + 1]
    /\ Call(c)
    /\ UNCHANGED heard
    /\ Onward

TakeNextT(c) ==
    /\ Says(c, "take")
    /\ wants[c] # <<>>
    /\ Trace[cursor].what = wants[c][1]
    /\ TakeNext(c)
    /\ UNCHANGED heard
    /\ Onward

EnterTiedT(c) ==
    /\ Says(c, "take")
    /\ wants[c] # <<>>
    /\ Trace[cursor].what = wants[c][1]
    /\ EnterTied(c)
    /\ UNCHANGED heard
    /\ Onward

GoBackT(c) ==
    /\ Says(c, "take")
    /\ wants[c] # <<>>
    /\ Trace[cursor].what = wants[c][1]
    /\ GoBack(c)
    /\ UNCHANGED heard
    /\ Onward

LetGoT(c) ==
    /\ Says(c, "leave")
    /\ has[c] # <<>>
    /\ Trace[cursor].what = has[c][Len(has[c])]
    /\ LetGo(c)
    /\ UNCHANGED heard
    /\ Onward

CommitT(c) ==
    /\ Says(c, "draw")
    /\ Trace[cursor].what = Drawn(Len(Scripts)) + 1
    /\ Commit(c)
    /\ UNCHANGED heard
    /\ Onward

ReleaseT(c) ==
    /\ Says(c, "leave")
    /\ has[c] # <<>>
    /\ Trace[cursor].what = has[c][Len(has[c])]
    /\ Release(c)
    /\ UNCHANGED heard
    /\ Onward

\* The client hears its answer. In the model it has it since the stamp, so nothing changes.
ReturnT(c) ==
    /\ Says(c, "return")
    /\ pc[c] = "idle"
    /\ heard[c] < at[c]
    /\ Trace[cursor].what = told[c][at[c]]
    /\ heard' = [heard EXCEPT ![c] = @ + 1]
    /\ UNCHANGED vars
    /\ Onward

EndT ==
    /\ Says(0, "end")
    /\ \A c \in Clients : heard[c] = Len(Scripts[c])
    /\ UNCHANGED <<vars, heard>>
    /\ Onward

NextT ==
    \/ \E c \in Clients : CallT(c)
    \/ \E c \in Clients : TakeNextT(c)
    \/ \E c \in Clients : EnterTiedT(c)
    \/ \E c \in Clients : GoBackT(c)
    \/ \E c \in Clients : LetGoT(c)
    \/ \E c \in Clients : CommitT(c)
    \/ \E c \in Clients : ReleaseT(c)
    \/ \E c \in Clients : ReturnT(c)
    \/ EndT

SpecT == InitT /\ [][NextT]_traceVars

\* Violated by the state behind the last line: so a trace that stops early, or is refused, cannot pass.
Unread == cursor <= Len(Trace)

\* It always holds, and TLC tells of every state how far it has come.
Noted == PrintT(<<"read", which, cursor>>)
=============================================================================
