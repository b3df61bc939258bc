"""Is a difference in float64 a difference of definition, or rounding noise, and of which precision?

A difference of definition is a smooth function of the inputs: a small move of the inputs changes it a little. Rounding noise
changes altogether as soon as the inputs move by many units of the precision that makes it. No graph is looked at, so this
holds for any function.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from parity.data.dtypes import epsilon
from parity.execution.run_cache import InputVariant, as_float64, decimal
from parity.judge import tolerances
from parity.judge.rungs.leaf import Leaf
from parity.sides import SIDES

Difference = Callable[[InputVariant], np.ndarray | None]


def between_sides(leaf: Leaf) -> Difference:
    """JAX minus torch in float64, zero where either is not finite."""

    def difference(values: InputVariant) -> np.ndarray | None:
        pair = leaf.pair("float64", values)
        return None if pair is None else _finite(as_float64(pair[0]) - as_float64(pair[1]))

    return difference


def to_reference(leaf: Leaf) -> Difference:
    """The middle of both sides minus the caller's reference."""

    def difference(values: InputVariant) -> np.ndarray | None:
        pair, reference = leaf.pair("float64", values), leaf.evidence.reference_leaf(leaf.name, values)
        if pair is None or reference is None or reference.shape != pair[0].shape:
            return None
        return _finite((as_float64(pair[0]) + as_float64(pair[1])) / 2 - as_float64(reference))

    return difference


def is_rounding(difference: Difference, leaf: Leaf) -> bool:
    """Is a difference in float64 made by float64's own rounding?"""
    # A move far above a unit of float64 and far below one of float32: does the difference change altogether?
    is_noise = _new_share(difference, leaf.values, tolerances.NOISE_MOVES["float64"]) > tolerances.FLOAT64_NOISE_SHARE
    return is_noise or _is_conditioning(difference, leaf)


def _is_conditioning(difference: Difference, leaf: Leaf) -> bool:
    """Is it no more than what a few units in the last place of the inputs make of either side by themselves?

    What a function does to such a move no arithmetic can undo: not even the rounding of a constant, 1/√3 in place of √3, which is
    no noise. A difference that is gone after the move is at a tie or a bound, and what does not grow with the move is a jump.
    """
    base = difference(leaf.values)
    if base is None or not base.size:
        return False
    largest, moved = float(np.max(np.abs(base))), []
    for times in (1.0, tolerances.CONDITION_STEP):
        there = replace(leaf.values, again=1, again_size=times * tolerances.CONDITION_MOVE)
        elsewhere = difference(there)
        if elsewhere is None or np.max(np.abs(elsewhere)) < tolerances.NOISE_PERSISTS * largest:
            return False
        pairs = [(leaf.at(side, "float64", leaf.values), leaf.at(side, "float64", there)) for side in SIDES]
        moves = [_finite(as_float64(a) - as_float64(b)) for a, b in pairs if a is not None and b is not None]
        moved.append(max((float(np.max(np.abs(move))) for move in moves), default=0.0) / times)
    return largest <= tolerances.CONDITION_FACTOR * min(moved)


def of_lower_precision(leaf: Leaf, error: float) -> str:
    """RunCache that the difference between the sides is noise of a lower precision; empty if it is not."""
    for dtype in ("float32", "bfloat16"):
        if not tolerances.NOISE_LEAST_UNITS <= error / epsilon(dtype) <= tolerances.NOISE_UNITS[dtype]:
            continue
        move = tolerances.NOISE_MOVES[dtype]
        share = _new_share(between_sides(leaf), leaf.values, move)
        if share > tolerances.NOISE_SHARE:
            return (
                f"rounding noise of the size of {dtype}: a share of {decimal(share)} of the difference is new after the "
                f"inputs moved by {decimal(move)}"
            )
    return ""


def _new_share(difference: Difference, values: InputVariant, move: float) -> float:
    """How much of the difference is another one after the move: about `move` if it is smooth, 1 if it is noise.

    0 if it is gone: that is a tie, a kink or a bound, which a move leaves. 0 if it grew: that is a term which the inputs hid.
    """
    base = difference(values)
    if base is None:
        return 0.0
    change, elsewhere, here = 0.0, 0.0, tolerances.NOISE_JITTERS * float(np.sum(np.abs(base) ** 2))
    for number in range(1, tolerances.NOISE_JITTERS + 1):
        other = difference(replace(values, again=number, again_size=move))
        if other is None:
            return 0.0
        change += float(np.sum(np.abs(other - base) ** 2))
        elsewhere += float(np.sum(np.abs(other) ** 2))
    persists = tolerances.NOISE_PERSISTS**2 * here < elsewhere < tolerances.NOISE_GROWS**2 * here
    return math.sqrt(change / (elsewhere + here)) if persists and here else 0.0


def _finite(difference: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(difference), difference, 0.0)  # NaN and infinities were judged before
