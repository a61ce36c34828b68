"""Which conventions an engine follows: found by small scenarios in which they differ, so that none is called a bug.

For each topic on which venues differ, a few commands are played that come out otherwise under each choice. The choice
under which the engine does as the rule book says is the engine's. Where all choices look the same from outside, the
rule book's default stands, and the draft says so. Conventions that no profile can express are named, and what they are
about is not asked any more.

What is written to a file is a draft: whoever runs the venue knows its rules, a probe only what came of a few orders.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import Enum
from types import MappingProxyType
from typing import Any, NamedTuple

from bookproof.models.conform.adapter import Capabilities
from bookproof.models.conform.judge import alike, diverges
from bookproof.models.conform.scenarios import (
    USUAL,
    Conventions,
    ReplaceSends,
    Scenario,
    TradePrice,
    fitted,
)
from bookproof.models.conform.subject import Subject
from bookproof.models.generate.case import Case
from bookproof.spec.commands import Cancel, Command, Replace, Submit
from bookproof.spec.instruments import listing
from bookproof.spec.profile import (
    DEFAULT,
    Icebergs,
    MarketOrders,
    PostOnly,
    Profile,
    ReplaceAllows,
    ReplaceKeeps,
    ReplaceQuantity,
    StopsLookedAt,
    TrueStop,
)
from bookproof.spec.values import SelfTradePrevention, Side, defaults_of

BOOKS = listing(["ABC"])

PATIENCE = 2.0
"""Seconds for an answer to a probe: an engine that hangs is found out by the runs, which wait longer."""

Probe = tuple[Command, ...]

NONE: Mapping[str, Any] = MappingProxyType({})


class Way(NamedTuple):
    """One choice in a topic."""

    words: str
    profile: Mapping[str, Any] = NONE
    """Settings of a profile."""
    conventions: Mapping[str, Any] = NONE
    """What is beside the profile: how commands are put, and how trades are priced."""


class Topic(NamedTuple):
    """Something on which venues differ, and commands that tell their choices apart."""

    name: str
    rules: str
    needs: Callable[[Capabilities], bool]
    ways: tuple[Way, ...]
    """The rule book's default first."""
    probes: tuple[Probe, ...]


class Variant(NamedTuple):
    """What was found on one topic."""

    topic: str
    rules: str
    choice: str
    """In words."""
    evidence: str
    settings: tuple[str, ...] = ()
    """The fields of the profile that it settles, or leaves; none where no profile can say it."""
    found: bool = True
    """False: the rule book's default stands, because the engine shows nothing else or follows none of the choices."""
    modelled: bool = True


class Conduct(NamedTuple):
    """Everything that was found: what the engine is to be held to."""

    profile: Profile
    conventions: Conventions
    capabilities: Capabilities
    """Less what no profile can judge."""
    variants: tuple[Variant, ...]


# ── the topics ──


def _buy(order_id: int, quantity: int, price: int | None, **terms: Any) -> Submit:
    return Submit("ABC", order_id, terms.pop("account", order_id), Side.BUY, quantity, price, **terms)


def _sell(order_id: int, quantity: int, price: int | None, **terms: Any) -> Submit:
    return _buy(order_id, quantity, price, **terms)._replace(side=Side.SELL)


def _orders(*words: str) -> Callable[[Capabilities], bool]:
    return lambda has: set(words) <= has.orders


def _replaces(*words: str) -> Callable[[Capabilities], bool]:
    return lambda has: "replace" in has.commands and set(words) <= has.replaces


TOPICS: tuple[Topic, ...] = (
    Topic(
        "trade price",
        "B4",
        lambda has: "trades" in has.views and "price" in has.trade_parts,
        (
            Way("the maker's", {}, {"trade_price": TradePrice.MAKER}),
            Way("always the seller's", {}, {"trade_price": TradePrice.SELLER}),
        ),
        ((_buy(1, 5, 102), _sell(2, 3, 100)), (_sell(1, 5, 100), _buy(2, 3, 102))),
    ),
    Topic(
        "replace quantity",
        "F4",
        _replaces("smaller"),
        (
            Way("the new total", {"replace_quantity": ReplaceQuantity.TOTAL}),
            Way("the new open quantity", {"replace_quantity": ReplaceQuantity.OPEN}),
            Way("how much more, or less", {}, {"replace_sends": ReplaceSends.DELTA}),
            Way("how much less", {}, {"replace_sends": ReplaceSends.LESS}),
        ),
        ((_buy(1, 6, 100), Replace("ABC", 1, 4)), (_buy(1, 6, 100), _sell(2, 2, 100), Replace("ABC", 1, 5))),
    ),
    Topic(
        "what may be replaced",
        "F7",
        _replaces("smaller", "larger", "price"),
        (
            Way("anything", {"replace_allows": ReplaceAllows.ANYTHING}),
            Way("reductions only", {"replace_allows": ReplaceAllows.REDUCTION}),
        ),
        (
            (_buy(1, 5, 100), Replace("ABC", 1, 8)),
            (_buy(1, 5, 100), Replace("ABC", 1, 5, 101)),
            (_buy(1, 5, 100), Replace("ABC", 1, 3)),
        ),
    ),
    Topic(
        "priority after a replace",
        "F1",
        _replaces("smaller"),
        (
            Way("kept by a reduction", {"replace_keeps": ReplaceKeeps.ON_REDUCE}),
            Way("always lost", {"replace_keeps": ReplaceKeeps.NEVER}),
        ),
        ((_buy(1, 5, 100), _buy(2, 5, 100), Replace("ABC", 1, 3), _sell(3, 2, 100)),),
    ),
    Topic(
        "market orders",
        "C3",
        _orders("market"),
        (
            Way("walk the book, the remainder is cancelled", {"market_orders": MarketOrders.WALK}),
            Way("go to the best price, the remainder rests there", {"market_orders": MarketOrders.LIMIT}),
        ),
        (
            (_sell(1, 3, 100), _buy(2, 5, None), _sell(3, 1, 100)),
            (_sell(1, 3, 100), _sell(2, 3, 101), _buy(3, 5, None)),
        ),
    ),
    Topic(
        "a post-only order that would take",
        "C6",
        _orders("post-only"),
        (
            Way("is refused", {"post_only": PostOnly.REJECT}),
            Way("steps back by a tick", {"post_only": PostOnly.REPRICE}),
        ),
        ((_sell(1, 3, 100), _buy(2, 2, 100, post_only=True)),),
    ),
    Topic(
        "an aggressor larger than an iceberg's slice",
        "D3",
        _orders("iceberg"),
        (
            Way("takes the slice, and the next one queues", {"icebergs": Icebergs.SLICE}),
            Way("takes of all that is open", {"icebergs": Icebergs.WHOLE}),
        ),
        ((_sell(1, 6, 100, display=2), _sell(2, 2, 100), _buy(3, 3, 100)),),
    ),
    Topic(
        "a stop that is true on entry",
        "E7",
        lambda has: bool({"stop", "stop-limit"} & has.orders),
        (
            Way("is refused", {"true_stop": TrueStop.REJECT}),
            Way("is triggered", {"true_stop": TrueStop.TRIGGER}),
        ),
        ((_sell(1, 1, 100), _buy(2, 1, 100), _sell(3, 5, 103), _buy(4, 2, 103, stop=99)),),
    ),
    Topic(
        "stops are looked at",
        "E2",
        lambda has: bool({"stop", "stop-limit"} & has.orders),
        (
            Way("after the command", {"stops_looked_at": StopsLookedAt.AFTER_COMMAND}),
            Way("after each fill", {"stops_looked_at": StopsLookedAt.AFTER_EACH_FILL}),
        ),
        (
            (
                *(_sell(1, 1, 105), _buy(2, 1, 105), _sell(3, 1, 100), _sell(4, 1, 101)),
                *(_sell(5, 1, 99, stop=100), _buy(6, 2, 101), _buy(7, 1, 99)),
            ),
        ),
    ),
)
"""In the order in which they are asked: later ones build on the choices before."""


# ── asking ──


def conduct(subject: Subject, base: Profile = DEFAULT) -> Conduct:
    """What an engine follows, topic by topic. Its capabilities are cut to what can be judged by that.

    >>> from bookproof.models.conform.ways import engine
    >>> with engine("--engine", "striped") as subject:
    ...     found = conduct(subject)
    >>> found.profile == DEFAULT, {variant.found for variant in found.variants}
    (True, {True})
    """
    profile, conventions = base, USUAL
    variants = []
    for topic in TOPICS:
        if not topic.needs(subject.capabilities):
            continue
        variant, way = _asked(subject, topic, base, profile, conventions)
        variants.append(variant)
        profile = profile._replace(**way.profile)
        conventions = conventions._replace(**way.conventions)
    for beyond in (_self_trades, _kept_by_any_quantity, _remainder_rests):
        found = beyond(subject, profile)
        if found is not None:
            variants.append(found)
    variants += _dead_cancels(subject, profile)
    if profile != base:
        profile = profile._replace(name=_file_name(subject.capabilities.name))
    has = subject.capabilities
    if conventions.replace_sends is ReplaceSends.LESS:
        has = subject.capabilities = replace(has, replaces=frozenset({"smaller"}))
    return Conduct(profile, conventions, has, tuple(variants))


def _asked(
    subject: Subject, topic: Topic, base: Profile, profile: Profile, conventions: Conventions
) -> tuple[Variant, Way]:
    """The way that all probes agree with; the first where there are several, or none.

    An engine with switches is told the profile that all this began with: it would follow any.
    """
    probes = [_fit(subject, probe) for probe in topic.probes]
    agree = [
        way
        for way in topic.ways
        if all(
            _agrees(subject, probe, profile._replace(**way.profile), conventions._replace(**way.conventions), base)
            for probe in probes
        )
    ]
    usual = topic.ways[0]
    settings = tuple(dict.fromkeys(field for way in topic.ways for field in way.profile))
    tried = f"{len(probes)} small scenario{'s' if len(probes) > 1 else ''}"
    if len(agree) == 1:
        evidence = f"{tried} came out so, and otherwise under every other choice"
        return Variant(topic.name, topic.rules, agree[0].words, evidence, settings), agree[0]
    if agree:
        evidence = f"what it shows is the same under {' and '.join(repr(way.words) for way in agree)}"
        return Variant(topic.name, topic.rules, agree[0].words, evidence, settings, found=False), agree[0]
    evidence = f"{tried} came out as under none of the choices: it is held to the rule book's"
    return Variant(topic.name, topic.rules, usual.words, evidence, settings, found=False), usual


def _agrees(
    subject: Subject, probe: Probe, profile: Profile, conventions: Conventions = USUAL, settings: Profile | None = None
) -> bool:
    """Whether it does in a small scenario as it should under a profile, while it is told these settings."""
    scenario = Scenario(Case(BOOKS, probe, profile), conventions=conventions)
    return diverges(subject, scenario, settings=settings, patience=PATIENCE) is None


def _fit(subject: Subject, probe: Probe) -> Probe:
    return fitted(Case(BOOKS, probe), subject.capabilities).commands


# ── what no profile says, and what engines do in their own way ──


def _self_trades(subject: Subject, profile: Profile) -> Variant | None:
    """What it does on meeting its own account, if it declares that it does nothing and does not say otherwise."""
    has = subject.capabilities
    if has.self_trade != {"none"}:
        return None
    own = (_sell(1, 5, 100, account=7), _sell(2, 5, 100, account=8), _buy(3, 3, 100, account=7))
    topic = ("meeting an order of its own account", "G3")
    for mode in SelfTradePrevention:
        probe = (*own[:2], own[2]._replace(self_trade=mode))
        if _agrees_when_put(subject, own, probe, profile):
            if mode is SelfTradePrevention.NONE:
                return Variant(*topic, "it trades", "a small scenario came out so", ())
            subject.capabilities = replace(has, self_trade=frozenset({mode.value}))
            return Variant(*topic, mode.value, "a small scenario came out so, though nothing was asked for", ())
    if alike(subject, Case(BOOKS, (*own, Cancel("ABC", 1)), profile), (own[1], own[2]._replace(account=9))):
        subject.capabilities = replace(has, self_trade=frozenset({SelfTradePrevention.CANCEL_TAKER.value}))
        told = "its own order is passed over and stays; in what follows nobody meets himself"
        return Variant(*topic, "it skips it", told, (), modelled=False)
    return Variant(*topic, "it trades", "a small scenario came out as under none of the modes", (), found=False)


def _agrees_when_put(subject: Subject, put: Probe, meant: Probe, profile: Profile) -> bool:
    """Whether the engine does with one sequence what the rule book does with another."""
    return alike(subject, Case(BOOKS, put, profile), meant)


def _kept_by_any_quantity(subject: Subject, profile: Profile) -> Variant | None:
    has = subject.capabilities
    if not _replaces("larger")(has) or profile.replace_allows is ReplaceAllows.REDUCTION:
        return None
    probe = (_buy(1, 5, 100), _buy(2, 5, 100), Replace("ABC", 1, 8), _sell(3, 4, 100))
    instead = (_buy(1, 8, 100), _buy(2, 5, 100), _sell(3, 4, 100))
    if _agrees(subject, probe, profile) or not alike(subject, Case(BOOKS, probe, profile), instead):
        return None
    subject.capabilities = replace(has, replaces=has.replaces - {"larger"})
    told = "a small scenario came out so; larger quantities at the same price are not asked for any more"
    return Variant("priority after a larger quantity", "F2", "kept", told, (), modelled=False)


def _remainder_rests(subject: Subject, profile: Profile) -> Variant | None:
    has = subject.capabilities
    if "market" not in has.orders:
        return None
    probe = (_sell(1, 3, 100), _sell(2, 1, 101), _buy(3, 6, None), _sell(4, 1, 101))
    instead = (_sell(1, 3, 100), _sell(2, 1, 101), _buy(3, 6, 101), _sell(4, 1, 101))
    if _agrees(subject, probe, profile) or not alike(subject, Case(BOOKS, probe, profile), instead):
        return None
    subject.capabilities = replace(has, orders=has.orders - {"market"})
    told = "it walks the book and rests at the last price it traded at; market orders are not asked for any more"
    return Variant("the remainder of a market order", "C3", "rests", told, (), modelled=False)


def _dead_cancels(subject: Subject, profile: Profile) -> list[Variant]:
    """What becomes of the cancel of an order that is gone: told, and judged by what was declared."""
    from bookproof.models.conform.protocol import asked, opening

    if "cancel" not in subject.capabilities.commands:
        return []
    commands = (_buy(1, 5, 100), Cancel("ABC", 1), Cancel("ABC", 1))
    played = subject.play([opening(BOOKS, profile), *(asked(command) for command in commands)])
    if len(played.answers) < 4:
        fault = played.fault.told if played.fault is not None else "nothing came back"
        return [Variant("the cancel of an order that is gone", "A3", fault, "the engine was lost by it", (), False)]
    answer = played.answers[-1]
    said = f"raises {answer['raised']}" if "raised" in answer else _ANSWERS.get(answer.get("ok"), "is answered")
    return [Variant("the cancel of an order that is gone", "A3", said, "seen once", ())]


_ANSWERS: dict[Any, str] = {True: "is accepted", False: "is refused", None: "is passed over without an answer"}


# ── the draft ──


def draft(found: Conduct) -> str:
    """A profile as `--profile` reads it, each setting with what it was found by.

    >>> from bookproof.spec.profile_files import parse_profile
    >>> variant = Variant("a stop that is true on entry", "E7", "is triggered", "seen", ("true_stop",))
    >>> profile = Profile("mine", true_stop=TrueStop.TRIGGER)
    >>> text = draft(Conduct(profile, USUAL, Capabilities("mine"), (variant,)))
    >>> parse_profile(text, Profile, "mine").profile == profile
    True
    """
    plain = defaults_of(Profile)
    sources = {field: variant for variant in found.variants for field in variant.settings}
    venue = " ".join(filter(None, (found.capabilities.name, found.capabilities.version)))
    lines = [f"# A draft, found by probing: read it before you believe it.\nvenue = {_quoted(venue)}", ""]
    left = []
    for field in plain:
        variant, value = sources.get(field), getattr(found.profile, field)
        if field == "name":
            continue
        if variant is not None and (variant.found or value != plain[field]):
            told = f"found by probing: {variant.topic}: {variant.choice}; {variant.evidence}"
            lines += [f"[settings.{field}]", f"value = {_quoted(_value(value))}", f"source = {_quoted(told)}", ""]
        else:
            left.append((field, variant.evidence if variant is not None else "not probed"))
    lines.append("[left]")
    lines += [f"{field} = {_quoted(why)}" for field, why in left]
    beyond = [
        (variant.rules, f"{variant.topic}: {variant.choice}") for variant in found.variants if not variant.modelled
    ]
    beyond += [("B4", "trade price: always the seller's")] * (found.conventions.trade_price is TradePrice.SELLER)
    if found.conventions.replace_sends is not ReplaceSends.QUANTITY:
        beyond.append(("F4", f"the quantity of a replace is {_SENT[found.conventions.replace_sends]}"))
    for rule, text in beyond:
        lines += ["", "[[not-modelled]]", f"rule = {_quoted(rule)}", f"text = {_quoted(text)}"]
        lines.append('source = "found by probing"')
    return "\n".join(lines) + "\n"


_SENT = {ReplaceSends.DELTA: "how much more, or less", ReplaceSends.LESS: "how much less"}


def _value(value: object) -> str:
    return str(value.value) if isinstance(value, Enum) else str(value)


def _quoted(text: str) -> str:
    return json.dumps(text)


def _file_name(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "engine"
