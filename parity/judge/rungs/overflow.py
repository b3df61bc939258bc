"""Integers that wrap around: a sum in too few bits is told by what the sides differ by."""

from __future__ import annotations

import numpy as np

from parity.judge.finding import Cause

WIDTHS = (32, 16, 8)


def causes(sides: tuple[str, str], actual: np.ndarray, expected: np.ndarray) -> tuple[Cause, ...]:
    """ "integer overflow" where every difference is a multiple of 2^32, 2^16 or 2^8; empty otherwise.

    Two columns of numbers that are such multiples themselves differ so whatever made them: they count only where one side
    fits the width and the other does not.
    """
    if actual.dtype.kind not in "iu" or expected.dtype.kind not in "iu":
        return ()
    apart = actual.astype(np.uint64) - expected.astype(np.uint64)  # modulo 2^64, which each width divides
    wrong = apart != 0
    for width in WIDTHS:
        if not wrong.any() or (apart % 2**width).any():
            continue
        fitting = [
            side
            for side, ours, theirs in zip(sides, (actual, expected), (expected, actual), strict=True)
            if _fits(ours, theirs[wrong], width)
        ]
        says_nothing = not any((value[wrong].astype(np.uint64) % 2**width).any() for value in (actual, expected))
        if says_nothing and not fitting:
            continue
        evidence = f"every difference is a multiple of 2^{width}"
        wraps = f"; all numbers of {fitting[0]} fit {width} bits, those of the other side do not" if fitting else ""
        return (Cause("integer overflow", evidence + wraps),)
    return ()


def _fits(all_ours: np.ndarray, wrong_theirs: np.ndarray, width: int) -> bool:
    """Does a signed or an unsigned integer of so many bits hold all numbers of one side, and none of the other's here?"""
    for least in (-(2 ** (width - 1)), 0):
        inside = [(least <= value) & (value < least + 2**width) for value in (all_ours, wrong_theirs)]
        if inside[0].all() and not inside[1].any():
            return True
    return False
