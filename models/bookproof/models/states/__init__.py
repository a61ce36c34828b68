"""An explicit-state checker: everything that a model can do, breadth first, for those who have no Java.

Read in this order: `model` (what a model is), `search` (all states, and what has to be true of them), `fairness` (what
has to happen sooner or later), `report` (what came of it), `graph` (all of it as a value).
"""
