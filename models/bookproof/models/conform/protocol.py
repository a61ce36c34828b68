"""The protocol for an engine in any language: one JSON object a line, over standard input and output or a TCP socket.

The checker asks, the engine answers each question with one line, in order, as soon as it has it (flush after each).
Every question has a number `n`, and its answer has the same. A hundred lines are enough to take part:

    ask      {"n":1,"do":"hello","bookproof":1}
    answer   {"n":1,"protocol":1,"capabilities":{"name":"mine","orders":["limit","market"],"commands":["cancel"],
              "views":["trades","depth"]}}
    ask      {"n":2,"do":"open","instruments":[{"symbol":"ABC"}],"settings":{}}
    answer   {"n":2,"ok":true}
    ask      {"n":3,"do":"submit","symbol":"ABC","order_id":1,"account":7,"side":"sell","quantity":5,"price":100}
    answer   {"n":3,"ok":true,"trades":[]}
    ask      {"n":4,"do":"submit","symbol":"ABC","order_id":2,"account":8,"side":"buy","quantity":3,"price":101}
    answer   {"n":4,"ok":true,"trades":[{"price":100,"quantity":3,"maker":1,"taker":2}]}
    ask      {"n":5,"do":"look","what":["depth"],"symbols":["ABC"]}
    answer   {"n":5,"depth":{"ABC":{"bids":[],"asks":[{"price":100,"quantity":2}]}}}
    ask      {"n":6,"do":"cancel","symbol":"ABC","order_id":7}
    answer   {"n":6,"ok":false,"why":"no such order"}

`hello` comes once, first, on each connection. `capabilities` are the fields of `capabilities.Capabilities`: what is not
named has its default there. What an engine does not declare it is not asked.

`open` begins anew: whatever was before is forgotten. Books come with those limits that are not plain, and `settings`
is the venue profile the engine is held to, for an engine that has switches (`bookproof.spec.profile`).

Commands are those of the wire format (`bookproof.spec.codec`), fields with their default left out: `submit`, `cancel`
and `replace`, and others where they are declared. Prices are in ticks, quantities in lots, ids are integers. With
`"at"` comes the time, in nanoseconds; without it the clock stands still. The answer has `ok`: true for a command that
was accepted, false for one that was refused, null where the engine does not say; `why` is for people. `trades` lists
what the command traded; an engine that tells of its trades elsewhere leaves the field out, declares `results` other
than `answer`, and is asked for them by `look`.

`look` asks for views: `trades` (since the last time), `queue`, `depth`, `top`, `stops`, and `status`, which is of
`orders`, a list of symbol and id:

    queue    {"ABC":{"bids":[{"order_id":1,"price":100,"quantity":2,"leaves":5}],"asks":[]}}      in order of priority
    depth    {"ABC":{"bids":[{"price":100,"quantity":7,"orders":2}],"asks":[]}}                  best first
    top      {"ABC":{"bid":{"price":100,"quantity":7},"ask":null}}
    stops    {"ABC":{"buys":[4,5],"sells":[]}}                                        in the order of their trigger
    status   [{"state":"live","leaves":2,"executed":3},null]                          null: not known any more

A trade in another book than the command's has its `symbol`. Every field of a view but price, quantity and order id
may be left out: what an engine does not say is not judged.

Other answers: `{"n":3,"raised":"ValueError: …"}` when a command failed within, `{"n":3,"missing":"…"}` for what was
declared by mistake, and `{"n":3,"fault":"…"}` for a question that makes no sense.

Who declares `sessions` takes several connections, each with its own numbers. `open` with `"exchange":"x"` names the
books, and `{"do":"join","exchange":"x"}` on another connection enters them. Who declares `threads` is asked

    ask      {"n":9,"do":"together","scripts":[[{"do":"submit",…},{"do":"cancel",…}],[…]]}
    answer   {"n":9,"operations":[{"client":0,"called":17,"returned":23,"ok":true,"trades":[]},…]}

and carries out each script in a thread of its own, all at once. The operations come back client by client, each in the
order of its script, with the times of its call and its return in nanoseconds of one monotonic clock.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from bookproof.models.conform.subject import Ask
from bookproof.spec.codec import encode
from bookproof.spec.commands import Command
from bookproof.spec.instruments import Instrument
from bookproof.spec.profile import Profile
from bookproof.spec.values import OrderId, Symbol
from bookproof.spec.wire import Record

_PROFILE = Record(Profile)
_INSTRUMENT = Record(Instrument)


def opening(instruments: Iterable[Instrument], profile: Profile, exchange: str = "") -> Ask:
    """Begin anew with these books; `exchange` names what other sessions may join.

    >>> opening([Instrument("ABC", lot=10)], Profile()).line
    '{"do":"open","instruments":[{"symbol":"ABC","lot":10}],"settings":{}}'
    """
    named = f',"exchange":{json.dumps(exchange)}' if exchange else ""
    listed = ",".join(map(_INSTRUMENT.write, instruments))
    return Ask(f'{{"do":"open","instruments":[{listed}],"settings":{_PROFILE.write(profile)}{named}}}')


def asked(command: Command, at: int | None = None) -> Ask:
    """Carry out a command, at this time where the clock moves. InputError for one that no line can hold.

    >>> from bookproof.spec.commands import Cancel
    >>> asked(Cancel("ABC", 1), at=17).line
    '{"at":17,"do":"cancel","symbol":"ABC","order_id":1}'
    """
    line = encode(command)
    return Ask(line if at is None else f'{{"at":{at},{line[1:]}', command)


def looking(views: Sequence[str], symbols: Sequence[Symbol] = (), orders: Iterable[tuple[Symbol, OrderId]] = ()) -> Ask:
    """Show these views of these books, and the status of these orders.

    >>> looking(["depth"], ["ABC"]).line
    '{"do":"look","what":["depth"],"symbols":["ABC"],"orders":[]}'
    """
    return Ask(f'{{"do":"look","what":{_listed(views)},"symbols":{_listed(symbols)},"orders":{_listed(list(orders))}}}')


def joining(exchange: str) -> Ask:
    """Enter an exchange that another session has opened."""
    return Ask(f'{{"do":"join","exchange":{json.dumps(exchange)}}}')


def together(scripts: Iterable[Iterable[Command]]) -> Ask:
    """Carry out each script in a thread of its own, all at once."""
    told = ",".join(f"[{','.join(encode(command) for command in script)}]" for script in scripts)
    return Ask(f'{{"do":"together","scripts":[{told}]}}')


def _listed(items: Sequence[object]) -> str:
    return json.dumps(items, separators=(",", ":"))
