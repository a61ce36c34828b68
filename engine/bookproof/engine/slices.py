"""The slices of icebergs: how much of an order shows next (D1, D2, D3).

Written apart from the rule book's own, so that each can show a mistake of the other. Nothing is kept from one slice to
the next: what is drawn follows from the order's terms and from what is open of it.
"""

from __future__ import annotations

from bookproof.spec.values import DisplayRange, Lots

_ROUND = 1 << 64


def next_slice(display: Lots | DisplayRange, left: Lots) -> Lots:
    """How much an iceberg shows of what is left of it.

    >>> next_slice(3, 9), next_slice(3, 2), next_slice(DisplayRange(4, 4, draw=7), 9)
    (3, 2, 4)
    """
    size = display
    if isinstance(size, DisplayRange):
        size = _pick(size.least, size.most, size.step, _mixed(size.draw, left))
    return size if size < left else left


def fewest(display: Lots | DisplayRange) -> Lots:
    """How much an iceberg shows at least while it has as much: so many slices at most."""
    return display.least if isinstance(display, DisplayRange) else display


def _pick(least: Lots, most: Lots, step: Lots, number: int) -> Lots:
    return least + number % ((most - least) // step + 1) * step


def _mixed(draw: int, turn: int) -> int:
    """What SplitMix64 gives at its turn `turn`, started from `draw`.

    >>> [_mixed(1234567, turn) for turn in (3, 4)]  # as Rosetta Code has it
    [9817491932198370423, 4593380528125082431]
    """
    state = (draw + turn * 11_400_714_819_323_198_485) % _ROUND  # 2**64 over the golden ratio, odd
    state = (state ^ state >> 30) * 13_787_848_793_156_543_929 % _ROUND
    state = (state ^ state >> 27) * 10_723_151_780_598_845_931 % _ROUND
    return state ^ state >> 31
