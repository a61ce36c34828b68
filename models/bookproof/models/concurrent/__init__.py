"""Real threads on an engine: recording what they saw, and judging it against the oracle.

`recorder` drives the threads and writes the `history`; `check` replays the oracle in the order of the commit stamps;
`run` does both many times over and tells what it was worth.
"""
