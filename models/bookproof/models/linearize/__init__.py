"""Is there one order of its operations that explains a history? The history checker.

Read in this order: `history` (what clients saw), `conclusion` (what can be said of it), `stamped` (a history that
names its order), `conflicts` (one that does not), `generic` (the search that knows no rule of the rule book), `judge`
(which of them is asked when, and why its answer can be believed).
"""
