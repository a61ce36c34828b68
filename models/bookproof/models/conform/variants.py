"""Which conventions an engine follows: found by small scenarios in which they differ, so that none is called a bug.

For each topic on which venues differ, a few commands are played that come out otherwise under each choice. The choice
under which the engine does as the rule book says is the engine's. Where all choices look the same from outside, the
rule book's default stands, and the draft says so. Conventions that no profile can express are named, and what they are
about is not asked any more.

What is written to a file is a draft: whoever runs the venue knows its rules, a probe only what came of a few orders.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, NamedTuple

from bookproof.models.conform.capabilities import Capabilities
from bookproof.models.conform.judge import alike, diverges
from bookproof.models.conform.protocol import asked, opening
from bookproof.models.conform.scenarios import USUAL, Conventions, ReplaceSends, Scenario, fitted
from bookproof.models.conform.subject import Subject
from bookproof.models.conform.topics import BOOKS, TOPICS, Probe, Topic, Way, buy, has_replaces, sell
from bookproof.models.generate.case import Case
from bookproof.spec.commands import Cancel, Replace
from bookproof.spec.profile import DEFAULT, Profile, ReplaceAllows
from bookproof.spec.values import SelfTradePrevention

PATIENCE = 2.0
"""Seconds for an answer to a probe: an engine that hangs is found out by the runs, which wait longer."""


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
    opened = subject.play([opening(BOOKS, base)], PATIENCE).answers
    if not opened or "raised" in opened[0]:  # the runs will tell
        return Conduct(base, USUAL, subject.capabilities, ())
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
    own = (sell(1, 5, 100, account=7), sell(2, 5, 100, account=8), buy(3, 3, 100, account=7))
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
    if not has_replaces("larger")(has) or profile.replace_allows is ReplaceAllows.REDUCTION:
        return None
    probe = (buy(1, 5, 100), buy(2, 5, 100), Replace("ABC", 1, 8), sell(3, 4, 100))
    instead = (buy(1, 8, 100), buy(2, 5, 100), sell(3, 4, 100))
    if _agrees(subject, probe, profile) or not alike(subject, Case(BOOKS, probe, profile), instead):
        return None
    subject.capabilities = replace(has, replaces=has.replaces - {"larger"})
    told = "a small scenario came out so; larger quantities at the same price are not asked for any more"
    return Variant("priority after a larger quantity", "F2", "kept", told, (), modelled=False)


def _remainder_rests(subject: Subject, profile: Profile) -> Variant | None:
    has = subject.capabilities
    if "market" not in has.orders:
        return None
    probe = (sell(1, 3, 100), sell(2, 1, 101), buy(3, 6, None), sell(4, 1, 101))
    instead = (sell(1, 3, 100), sell(2, 1, 101), buy(3, 6, 101), sell(4, 1, 101))
    if _agrees(subject, probe, profile) or not alike(subject, Case(BOOKS, probe, profile), instead):
        return None
    subject.capabilities = replace(has, orders=has.orders - {"market"})
    told = "it walks the book and rests at the last price it traded at; market orders are not asked for any more"
    return Variant("the remainder of a market order", "C3", "rests", told, (), modelled=False)


def _dead_cancels(subject: Subject, profile: Profile) -> list[Variant]:
    """What becomes of the cancel of an order that is gone: told, and judged by what was declared."""
    if "cancel" not in subject.capabilities.commands:
        return []
    commands = (buy(1, 5, 100), Cancel("ABC", 1), Cancel("ABC", 1))
    played = subject.play([opening(BOOKS, profile), *(asked(command) for command in commands)])
    if len(played.answers) < 4:
        fault = played.fault.told if played.fault is not None else "nothing came back"
        return [Variant("the cancel of an order that is gone", "A3", fault, "the engine was lost by it", (), False)]
    answer = played.answers[-1]
    said = f"raises {answer['raised']}" if "raised" in answer else _ANSWERS.get(answer.get("ok"), "is answered")
    return [Variant("the cancel of an order that is gone", "A3", said, "seen once", ())]


_ANSWERS: dict[Any, str] = {True: "is accepted", False: "is refused", None: "is passed over without an answer"}


def _file_name(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "engine"
