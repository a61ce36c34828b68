"""How large the slices of an iceberg are (D1, D2, D3).

A slice is as large as the order says, or of a size drawn from its range. What is drawn follows from the order and from
what is open of it, and from nothing else: so an order that only tries what it would get sees the very slices that it
would meet (C5), and a replay sees them again (A5).
"""

from __future__ import annotations

from typing import Final

from bookproof.spec.values import DisplayRange, Lots

_GAMMA: Final = 0x9E37_79B9_7F4A_7C15
_FIRST, _SECOND = 0xBF58_476D_1CE4_E5B9, 0x94D0_49BB_1331_11EB
_BITS_64: Final = 2**64 - 1


def slice_of(display: Lots | DisplayRange, left: Lots) -> Lots:
    """The slice that an order shows of what is left of it, when it comes to rest and whenever one is used up.

    >>> slice_of(3, 9), slice_of(3, 2)
    (3, 2)
    >>> some, left = DisplayRange(2, 5, draw=1234567), [20]
    >>> while left[-1]:  # an order for 20 lots, all of which trade
    ...     left.append(left[-1] - slice_of(some, left[-1]))
    >>> [before - after for before, after in zip(left, left[1:])]
    [2, 5, 5, 3, 3, 2]
    """
    return min(_drawn(display, left) if isinstance(display, DisplayRange) else display, left)


def largest_slice(display: Lots | DisplayRange) -> Lots:
    """No slice is larger (D1).

    >>> largest_slice(3), largest_slice(DisplayRange(2, 5, draw=7))
    (3, 5)
    """
    return display.most if isinstance(display, DisplayRange) else display


def smallest_slice(display: Lots | DisplayRange) -> Lots:
    """None is smaller, but for the last (D1)."""
    return display.least if isinstance(display, DisplayRange) else display


def _drawn(range_: DisplayRange, left: Lots) -> Lots:
    sizes = range_.sizes
    return sizes[split_mix(range_.draw, left) % len(sizes)]


def split_mix(seed: int, number: int) -> int:
    """Number `number` of the stream that a seed starts, the first is 1: SplitMix64.

    Steele, Lea and Flood, Fast splittable pseudorandom number generators, OOPSLA 2014. The numbers are those that
    Rosetta Code publishes, under Pseudo-random numbers/Splitmix64.

    >>> [split_mix(1234567, number) for number in (1, 2, 5)]
    [6457827717110365317, 3203168211198807973, 16408922859458223821]
    """
    mixed = (seed + number * _GAMMA) & _BITS_64
    mixed = ((mixed ^ (mixed >> 30)) * _FIRST) & _BITS_64
    mixed = ((mixed ^ (mixed >> 27)) * _SECOND) & _BITS_64
    return mixed ^ (mixed >> 31)
