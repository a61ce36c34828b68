------------------------------- MODULE Names --------------------------------
\* What both samples know: who there is.
EXTENDS Naturals, Sequences

CONSTANT Clients    \* who takes the lock

Nobody == "nobody"
=============================================================================
