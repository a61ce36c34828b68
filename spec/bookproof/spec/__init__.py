"""The rule book: the vocabulary every part speaks, and the sequential oracle that decides what is right.

Read in this order:

1. `values`, `instruments`, `profile`: the nouns.
2. `commands`, `events`, `reasons`, `views`: what goes in, what comes out, why not, what can be seen.
3. `kernel`: matching, with nothing but integers.
4. `book`, `exchange`: the numbered rules as pure functions; `exchange.step` is the only way in.
5. `rulebook`: the numbers. `tape`, `invariants`: what must hold after any step.
"""
