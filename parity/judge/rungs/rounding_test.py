"""Is a difference in float64 a difference of definition, or rounding noise, and of which precision?

A difference of definition is a smooth function of the inputs: a small move of the inputs changes it a little. Rounding noise
changes altogether as soon as the inputs move by many units of the precision that makes it. No graph is looked at, so this
holds for any function.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from parity.data.dtypes import as_float64, epsilon
from parity.data.input_variant import InputVariant
from parity.judge import tolerances, variants
from parity.judge.finding import decimal
from parity.judge.rungs.leaf import Leaf

Difference = Callable[[Leaf, InputVariant], np.ndarray | None]


def between_sides(leaf: Leaf, variant: InputVariant) -> np.ndarray | None:
    """Actual minus expected in float64, zero where either is not finite."""
    pair = leaf.pair("float64", variant)
    with np.errstate(all="ignore"):
        return None if pair is None else _finite(as_float64(pair[0]) - as_float64(pair[1]))


def to_reference(leaf: Leaf, variant: InputVariant) -> np.ndarray | None:
    """The middle of both sides minus the caller's reference."""
    pair, reference = leaf.pair("float64", variant), leaf.cache.reference_leaf(leaf.name, variant)
    if pair is None or reference is None or reference.shape != pair[0].shape:
        return None
    return _finite((as_float64(pair[0]) + as_float64(pair[1])) / 2 - as_float64(reference))


def is_rounding(leaf: Leaf, difference: Difference = between_sides) -> bool:
    """Is a difference in float64 made by float64's own rounding?"""
    # A move far above a unit of float64 and far below one of float32: does the difference change altogether?
    is_noise = _new_share(leaf, difference, "float64") > tolerances.FLOAT64_NOISE_SHARE
    return is_noise or _is_conditioning(leaf, difference)


def of_lower_precision(leaf: Leaf, error: float) -> str:
    """Evidence that the difference between the sides is noise of a lower precision; empty if it is not."""
    for dtype in ("float32", "bfloat16"):
        if not tolerances.NOISE_LEAST_UNITS <= error / epsilon(dtype) <= tolerances.NOISE_UNITS[dtype]:
            continue
        share = _new_share(leaf, between_sides, dtype)
        if share > tolerances.NOISE_SHARE:
            return (
                f"rounding noise of the size of {dtype}: a share of {decimal(share)} of the difference is new after the "
                f"inputs moved by {decimal(tolerances.NOISE_MOVES[dtype])}"
            )
    return ""


def _is_conditioning(leaf: Leaf, difference: Difference) -> bool:
    """Is it no more than what a few units in the last place of the inputs make of either side by themselves?

    What a function does to such a move no arithmetic can undo: not even the rounding of a constant, 1/√3 in place of √3, which is
    no noise. A difference that is gone after the move is at a tie or a bound, and what does not grow with the move is a jump.
    """
    base = difference(leaf, leaf.variant)
    if base is None or not base.size:
        return False
    largest, moved = float(np.max(np.abs(base))), []
    for factor, variant in variants.conditioning(leaf.variant):
        key = ("conditioning", difference.__name__, leaf.mode_of("float64"), leaf.variant, variant)
        there, change = leaf.for_each(key, lambda one, at=variant: _moved_by(one, difference, at))  # type: ignore[misc]
        if not there >= tolerances.NOISE_PERSISTS * largest:
            return False
        moved.append(change / factor)
    return largest <= tolerances.CONDITION_FACTOR * min(moved)


def _moved_by(leaf: Leaf, difference: Difference, variant: InputVariant) -> tuple[float, float]:
    """(largest difference on the moved inputs, largest change of a side by the move); NaN for a difference that is not there."""
    elsewhere = difference(leaf, variant)
    if elsewhere is None or not elsewhere.size:
        return math.nan, 0.0
    sides = leaf.cache.sides
    pairs = [(leaf.at(side, "float64", leaf.variant), leaf.at(side, "float64", variant)) for side in sides]
    changes = [_finite(as_float64(a) - as_float64(b)) for a, b in pairs if a is not None and b is not None]
    return float(np.max(np.abs(elsewhere))), max((float(np.max(np.abs(change))) for change in changes), default=0.0)


def _new_share(leaf: Leaf, difference: Difference, dtype: str) -> float:
    """How much of the difference is another one after a move: about the move if it is smooth, 1 if it is noise.

    0 if it is gone: that is a tie, a kink or a bound, which a move leaves. 0 if it grew: that is a term which the inputs hid.
    """
    change = elsewhere = here = 0.0
    for variant in variants.noise(leaf.variant, dtype):
        key = ("noise", difference.__name__, leaf.mode_of("float64"), leaf.variant, variant)
        squares = leaf.for_each(key, lambda one, at=variant: _squares(one, difference, at))  # type: ignore[misc]
        if squares is None:
            return 0.0
        change, elsewhere, here = change + squares[0], elsewhere + squares[1], here + squares[2]
    persists = tolerances.NOISE_PERSISTS**2 * here < elsewhere < tolerances.NOISE_GROWS**2 * here
    return math.sqrt(change / (elsewhere + here)) if persists and here else 0.0


def _squares(leaf: Leaf, difference: Difference, variant: InputVariant) -> tuple[float, float, float] | None:
    """Sums of squares: of the change of the difference by the move, of it there, of it here."""
    base, other = difference(leaf, leaf.variant), difference(leaf, variant)
    if base is None or other is None or base.shape != other.shape:
        return None
    with np.errstate(all="ignore"):  # a leaf beside the one that is asked for may hold huge numbers
        change, there, here = (float(np.sum(np.abs(part) ** 2)) for part in (other - base, other, base))
    return change, there, here


def _finite(difference: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(difference), difference, 0.0)  # NaN and infinities were judged before
