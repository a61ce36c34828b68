"""The TLA+ modules once more in Python, for the checker in `models.states` and for those who have no Java.

A twin has the names of its module, for variables, actions and properties, so both can be read side by side; and it is
held against what TLC finds: the numbers of the manifest, and every step of the graph.

Read in this order: `records` and `rulebook` (one command, and what it does to the books), `accounts` (and to accounts),
`scenarios` (who does what), `exchange` (one command at a time), `stripe_locks`, `striped` (several at once), `barrier`
and `snapshot`, `lists`, `settlement`, `refinement` (each is the sequential exchange to whoever looks from outside),
`checker` (all of them as a checker of `bookproof tla`). `known` has models that others have counted.
"""
