"""The main job, `bookproof verify`: every part, within a budget, told in one table.

`workloads` and `data` are parts of their own; the sequential and the concurrent part live in their packages. `run`
plans them over the cores and collects their results.
"""
