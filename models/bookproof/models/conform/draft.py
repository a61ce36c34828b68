"""The profile that an engine was found to follow, as a file that `--profile` reads."""

from __future__ import annotations

import json
from enum import Enum

from bookproof.models.conform.scenarios import ReplaceSends, TradePrice
from bookproof.models.conform.variants import Conduct
from bookproof.spec.profile import Profile
from bookproof.spec.values import defaults_of


def draft(found: Conduct) -> str:
    """A profile as `--profile` reads it, each setting with what it was found by.

    >>> from bookproof.models.conform.adapter import Capabilities
    >>> from bookproof.models.conform.scenarios import USUAL
    >>> from bookproof.models.conform.variants import Variant
    >>> from bookproof.spec.profile import TrueStop
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
