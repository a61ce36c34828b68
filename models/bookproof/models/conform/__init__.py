"""Hold any exchange to the rule book: whatever it is written in, whatever it shows of itself.

`adapter` is the one small class to write for an engine in Python and says what a capability is; `protocol` is the same
interface as lines of JSON, for an engine in any language; `worker` puts the first behind the second, in a process of
its own. `subject` is what a checker talks to. `check` is the command.

Only `adapter`, `capabilities`, `answers` and `worker` run beside an engine under test. They need nothing but the
standard library, so that an engine may live in another Python than the checker.

A check draws `scenarios`, plays each to a subject (`ways` gets hold of one) and to the rule book (`expected`), and
compares what came back (`judge`); what diverges (`divergence`) is made as short as can be (`shorter`) and told
(`told`). `variants` finds the conventions that an engine follows, on the `topics` on which venues differ, and `draft`
writes them down. `at_once` is for many clients at a time, `serve` for the other side of the protocol.
"""
