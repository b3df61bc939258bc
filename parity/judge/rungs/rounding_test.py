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
    no noise. A difference that is gone after the move is at a tie or a bound. An element of a side that does not change further
    with a larger move jumps, and is set aside: its size says nothing of the others.
    """
    base = difference(leaf, leaf.variant)
    if base is None or not base.size:
        return False
    largest = float(np.max(np.abs(base)))
    key = ("conditioning", difference.__name__, leaf.mode_of("float64"), leaf.variant)
    there, moved = leaf.for_each(key, lambda one: _moved_by(one, difference))
    return there >= tolerances.NOISE_PERSISTS * largest and largest <= tolerances.CONDITION_FACTOR * moved


def _moved_by(leaf: Leaf, difference: Difference) -> tuple[float, float]:
    """(largest difference on the moved inputs, largest change of a side by a unit move, jumps left out), each for the move
    that makes the least of it; NaN for a difference that is not there."""
    moves, sides = variants.conditioning(leaf.variant), leaf.cache.sides
    there = [difference(leaf, variant) for _, variant in moves]
    pairs = [
        [leaf.at(side, "float64", at) for at in (leaf.variant, *(variant for _, variant in moves))] for side in sides
    ]
    if any(one is None or not one.size for one in (*there, *(value for values in pairs for value in values))):
        return math.nan, 0.0
    moved = [0.0] * len(moves)
    for values in pairs:
        base, *others = (as_float64(value) for value in values if value is not None)
        with np.errstate(all="ignore"):
            changes = [np.abs(_finite(other - base)) for other in others]
        grows = changes[1] >= tolerances.CONDITION_GROWS * changes[0]
        for number, ((factor, _), change) in enumerate(zip(moves, changes, strict=True)):
            moved[number] = max(moved[number], float(np.max(change, where=grows, initial=0.0)) / factor)
    return min(float(np.max(np.abs(one))) for one in there if one is not None), min(moved)


def _new_share(leaf: Leaf, difference: Difference, dtype: str) -> float:
    """How much of the difference is another one after a move: about the move if it is smooth, 1 if it is noise.

    0 if it is gone: that is a tie, a kink or a bound, which a move leaves. 0 if it grew: that is a term which the inputs hid.
    Elements whose difference comes or goes are set aside: the move takes them across a branch. Of noise they are few.
    """
    change = kept = elsewhere = here = 0.0
    for variant in variants.noise(leaf.variant, dtype):
        key = ("noise", difference.__name__, leaf.mode_of("float64"), leaf.variant, variant)
        squares = leaf.for_each(key, lambda one, at=variant: _squares(one, difference, at))  # type: ignore[misc]
        if squares is None:
            return 0.0
        change, kept = change + squares[0], kept + squares[1]
        elsewhere, here = elsewhere + squares[2], here + squares[3]
    persists = tolerances.NOISE_PERSISTS**2 * here < elsewhere < tolerances.NOISE_GROWS**2 * here
    return math.sqrt(change / kept) if persists and kept else 0.0


def _squares(leaf: Leaf, difference: Difference, variant: InputVariant) -> tuple[float, float, float, float] | None:
    """Sums of squares: of the change where the difference stays, of both differences there; of all there, of all here."""
    base, other = difference(leaf, leaf.variant), difference(leaf, variant)
    if base is None or other is None or base.shape != other.shape:
        return None
    with np.errstate(all="ignore"):  # a leaf beside the one that is asked for may hold huge numbers
        change, there, here = (np.abs(part) ** 2 for part in (other - base, other, base))
        stays = tolerances.NOISE_PERSISTS**2 * np.maximum(there, here) <= np.minimum(there, here)
        kept = np.sum(change, where=stays), np.sum(there + here, where=stays)
    return float(kept[0]), float(kept[1]), float(np.sum(there)), float(np.sum(here))


def _finite(difference: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(difference), difference, 0.0)  # NaN and infinities were judged before
