"""Two values as arrays by name: verdict, largest difference and words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from parity.compare.compare import compare
from parity.judge.finding import Verdict
from parity.judge.tolerances import FLOAT64_EQUAL


@dataclass(frozen=True)
class Compared:
    """The worst leaf: its verdict, its difference as a fraction of its largest magnitude, and a sentence."""

    verdict: Verdict
    error: float
    words: str


def compared(
    actual: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray], what: str = "", *, every_leaf: bool = False
) -> Compared:
    """EXACT, ROUNDING (at most FLOAT64_EQUAL), SEMANTIC, STRUCTURE, or VACUOUS if no leaf could have differed.

    A leaf of zeros says nothing; so does one that is zero but for rounding: smaller than FLOAT64_EQUAL times the largest
    number of the tree on both sides. Whole numbers (counts, shapes) always say something.

    Args:
        what: which two are compared, in a few words; the sentence begins with it.
        every_leaf: VACUOUS too if a single leaf is all zero, and SEMANTIC if one holds NaN or Inf on both sides: for what is
            known to have neither, where such a leaf would be a result that got lost.
    """
    found = _worst(actual, expected, every_leaf)
    return replace(found, words=f"{what}: {found.words}") if what else found


def _worst(actual: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray], every_leaf: bool) -> Compared:
    if actual.keys() != expected.keys():
        return _structure(f"leaves {_list(actual)} against {_list(expected)}")
    for name, one in actual.items():
        other = expected[name]
        if one.shape != other.shape or one.dtype != other.dtype:
            return _structure(f"{_at(name)}shape {one.shape} {one.dtype} against shape {other.shape} {other.dtype}")
    floating = [array for array in (*actual.values(), *expected.values()) if array.dtype.kind in "fc" and array.size]
    largest = max((float(np.nanmax(np.abs(array), initial=0.0)) for array in floating), default=0.0)
    nothing = Compared(Verdict.VACUOUS, 0.0, "all zero or empty: nothing could have differed")
    found = []
    for name, one in actual.items():
        if every_leaf and not (np.isfinite(one).all() and np.isfinite(expected[name]).all()):
            return Compared(Verdict.SEMANTIC, float("inf"), f"{_at(name)}not all numbers are finite")
        if leaf := _leaf(name, one, expected[name], 0.0 if every_leaf else largest):
            found.append(leaf)
        elif every_leaf:
            found.append(replace(nothing, words=f"{_at(name)}{nothing.words}"))
    return max(found, key=lambda leaf: (leaf.verdict.severity, leaf.error), default=nothing)


def _leaf(name: str, one: np.ndarray, other: np.ndarray, largest: float) -> Compared | None:
    """None if nothing could have differed."""
    statistics = compare(one, other)
    peak = max(statistics.peak_actual, statistics.peak_expected)
    if one.dtype.kind in "fc":
        informative = statistics.nan_actual or statistics.nan_expected or statistics.inf_mismatches
        if not one.size or (peak <= FLOAT64_EQUAL * largest and not informative and statistics.finite_pairs):
            return None
    if not statistics.mismatches:
        if statistics.nan_actual:
            return Compared(Verdict.VACUOUS, 0.0, f"{_at(name)}{statistics.nan_actual} of {one.size} NaN on both sides")
        return Compared(Verdict.EXACT, 0.0, "bit-equal")
    error = statistics.error
    if one.dtype.kind in "fc" and error <= FLOAT64_EQUAL:
        return Compared(Verdict.ROUNDING, error, f"{_at(name)}largest difference {error:.2g}")
    place = statistics.worst_index
    values = f"{one[place]} against {other[place]} at {list(place)}" if place else f"{one[()]} against {other[()]}"
    words = f"{_at(name)}largest difference {error:.2g} of the largest magnitude: {values}"
    return Compared(Verdict.SEMANTIC, error, words)


def _structure(words: str) -> Compared:
    return Compared(Verdict.STRUCTURE, float("inf"), words)


def _at(name: str) -> str:
    return f"{name}: " if name else ""


def _list(arrays: Mapping[str, np.ndarray]) -> str:
    return ", ".join(sorted(arrays)) or "none"
