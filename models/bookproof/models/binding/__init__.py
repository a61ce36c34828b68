"""No gap between the TLA+ modules and the engine: what one can do, the other can do, state by state.

Read in this order: `records` (one vocabulary for both), `subject` (a bounded model and the scenario that it is about),
`observe` (the engine's memory as a state of the model), `replay` (every step of the model on the engine, and back),
`hook` (what a run of the engine writes down), `accept` (whether the model allows what was written down).
"""
