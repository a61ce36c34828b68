"""What the accounts of a generated sequence begin with, where the venue keeps accounts (rule M1)."""

from __future__ import annotations

from bookproof.models.generate.features import EVERYTHING, Feature, Features
from bookproof.models.generate.venues import LEVELS, MARGIN_ACCOUNTS, Scale, scale_of
from bookproof.spec.commands import Command, Deposit, SetMark
from bookproof.spec.instruments import LARGEST, Instrument
from bookproof.spec.profile import DisplayRanges, Profile, Risk
from bookproof.spec.values import Account, Money

RICH: Money = LARGEST // 10
"""Enough for some market orders, which reserve the highest price of their instrument."""

CASH: dict[Account, Money] = {1: RICH, 2: 2_000, 3: 800}
"""One account is seldom refused, one now and then, one most of the time."""

SIZES: dict[Account, int] = {1: 30, 2: 12, 3: 4}
"""The same for what they can sell, in the smallest order of each book."""

LEVERAGE = 8
"""A margin account begins with so much less cash, and with no lots: else a mark would have to move very far."""

PLENTY = 300
"""More than all orders of a short sequence sell, in the smallest order of each book."""


def with_accounts(profile: Profile) -> Profile:
    """The same venue, had it kept accounts.

    >>> with_accounts(Profile("open")).name
    'open with accounts'
    """
    if profile.risk is Risk.CASH:
        return profile
    return profile._replace(name=f"{profile.name} with accounts", risk=Risk.CASH)


def with_margin(profile: Profile) -> Profile:
    """The same venue, had it margin accounts.

    >>> with_margin(Profile("open")).name
    'open with margin'
    """
    if profile.margin_accounts:
        return with_accounts(profile)
    return profile._replace(name=f"{profile.name} with margin", risk=Risk.CASH, margin_accounts=MARGIN_ACCOUNTS)


def with_ranges(profile: Profile) -> Profile:
    """The same venue, had it icebergs with slices drawn from a range (D3).

    >>> with_ranges(Profile("open")).name
    'open with ranges'
    """
    if profile.takes_ranges:
        return profile
    return profile._replace(name=f"{profile.name} with ranges", display_ranges=DisplayRanges.TAKEN)


def profile_for(features: Features, profile: Profile) -> Profile:
    """The venue that a sequence runs in: accounts are kept, and slices drawn, if that is among a few features.

    With everything at once the venue decides, for what accounts refuse reaches no other rule.

    >>> from bookproof.models.generate.features import alone
    >>> profile_for(alone(Feature.ACCOUNTS), Profile()).risk, profile_for(EVERYTHING, Profile()).risk
    (<Risk.CASH: 'cash'>, <Risk.NONE: 'none'>)
    """
    if features == EVERYTHING:
        return profile
    if Feature.DISPLAY_RANGES in features:
        profile = with_ranges(profile)
    if Feature.MARGIN in features:
        return with_margin(profile)
    return with_accounts(profile) if Feature.ACCOUNTS in features else profile


def first_marks(instruments: tuple[Instrument, ...], profile: Profile) -> tuple[Command, ...]:
    """Every book is valued in the middle of what is drawn there, where there are margin accounts.

    >>> first_marks((Instrument("ABC"),), with_margin(Profile()))
    (SetMark(symbol='ABC', price=105),)
    """
    if profile.risk is Risk.NONE or not profile.margin_accounts:
        return ()
    return tuple(SetMark(scale.symbol, scale.prices[LEVELS // 2]) for scale in map(scale_of, instruments))


def _scales_of_lots(instruments: tuple[Instrument, ...]) -> list[Scale]:
    """Of the books that lots are deposited in: those of a spread are lots of its legs (L1)."""
    return [scale_of(instrument) for instrument in instruments if not instrument.legs]


def opening_deposits(instruments: tuple[Instrument, ...], profile: Profile) -> tuple[Command, ...]:
    """What comes before a sequence; nothing where no accounts are kept.

    >>> len(opening_deposits((Instrument("ABC"),), Profile(risk=Risk.CASH)))
    6
    """
    if profile.risk is Risk.NONE:
        return ()
    little = profile.margin_accounts
    cash: list[Command] = [
        Deposit(account, amount // LEVERAGE if account in little else amount) for account, amount in CASH.items()
    ]
    return (
        *cash,
        *(
            Deposit(account, scale.quantities[0] * sizes, scale.symbol)
            for scale in _scales_of_lots(instruments)
            for account, sizes in SIZES.items()
            if account not in little
        ),
        *first_marks(instruments, profile),
    )


def generous_deposits(instruments: tuple[Instrument, ...], profile: Profile) -> tuple[Command, ...]:
    """The same, and enough for all but one account to be refused only by its limits.

    >>> len(generous_deposits((Instrument("ABC"),), Profile(risk=Risk.CASH)))
    10
    """
    if profile.risk is Risk.NONE:
        return ()
    *most, _ = CASH
    more: list[Command] = [Deposit(account, RICH) for account in most]
    return (
        *opening_deposits(instruments, profile),
        *more,
        *(
            Deposit(account, scale.quantities[0] * PLENTY, scale.symbol)
            for scale in _scales_of_lots(instruments)
            for account in most
        ),
    )
