"""Hold any exchange to the rule book: whatever it is written in, whatever it shows of itself.

`adapter` is the one small class to write for an engine in Python and says what a capability is; `protocol` is the same
interface as lines of JSON, for an engine in any language; `worker` puts the first behind the second, in a process of
its own. `subject` is what a checker talks to. `check` is the command.

Only `adapter`, `answers` and `worker` run beside an engine under test. They need nothing but the standard library, so
that an engine may live in another Python than the checker.
"""
