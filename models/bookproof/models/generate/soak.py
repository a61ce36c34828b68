"""Our own generator: a seed and a number in, a case out, at a rate that never keeps the engine waiting."""

from __future__ import annotations

import random

from bookproof.models.generate.case import Case
from bookproof.models.generate.features import Feature, Features
from bookproof.models.generate.funds import opening_deposits, profile_for
from bookproof.models.generate.packed import BITS, decode, plan_for
from bookproof.models.generate.venues import books, closed, fitting
from bookproof.spec.profile import DEFAULT, Profile

SHORTEST, LONGEST = 20, 60
"""Commands in a case: enough for a second order to go wrong, few enough to judge a thousand cases a minute."""

FEWEST_BOOKS = 2
BOOK_COUNTS = (2, 2, 2, 3, 4)
"""Two to four books, over fewer stripes; mostly two, for the fewer the books the deeper each of them."""

SPREAD_COUNTS = (3, 3, 5)
"""A spread and its legs, or with a book of another spread or of a group beside it."""

BESIDE_LISTS = 0.3
"""In how many of the cases with lists there are spreads, and in how many groups: no order of a list is in a spread or
in a leg of one, and no two rivals are on one side of a group."""


def soak_case(seed: int, number: int, features: Features, profile: Profile = DEFAULT) -> Case:
    """Case `number` of a seed: the same arguments give the same case in every run and on every Python.

    >>> from bookproof.models.generate.features import PLAIN
    >>> soak_case(1, 7, PLAIN) == soak_case(1, 7, PLAIN)
    True
    """
    dice = random.Random(f"bookproof {seed} {number}")
    profile = profile_for(features, profile)
    features = fitting(features, profile)
    if Feature.LISTS in features:
        features -= {each for each in (Feature.SPREADS, Feature.ROUTING) if dice.random() > BESIDE_LISTS}
    listed = books(features)
    if Feature.SPREADS in features:  # from the front, so that no spread lacks a leg
        instruments = listed[: dice.choice(SPREAD_COUNTS)]
    else:
        chosen = sorted(dice.sample(range(len(listed)), dice.choice(BOOK_COUNTS)))
        instruments = closed(listed[at] for at in chosen)
    draw = dice.getrandbits
    codes = [draw(BITS) for _ in range(dice.randint(SHORTEST, LONGEST))]
    commands = decode(codes, plan_for(features, instruments))
    return Case(instruments, opening_deposits(instruments, profile) + commands, profile)
