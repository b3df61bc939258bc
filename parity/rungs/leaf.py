"""One leaf on one rung, and the measurements that more than one rung needs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from parity import tolerances
from parity.compare import Statistics, compare
from parity.dtypes import epsilon
from parity.evidence import SIDES, Evidence, Values, as_float64, decimal

ZERO = "zero but for rounding on both sides: no digit of it is certain even in float64"


@dataclass(frozen=True)
class Leaf:
    """What is judged.

    Attributes:
        values: the inputs of the judged runs; their regime holds for all other runs of the leaf too.
    """

    evidence: Evidence
    name: str
    dtype: str
    mode: str
    values: Values

    def at(self, side: str, dtype: str, values: Values) -> np.ndarray | None:
        """One side's value. The truth and the error ratio are questions to the mathematics: there the eager run answers."""
        found = self.evidence.result(side, dtype, self.mode if dtype == self.dtype else "eager", values).leaf(self.name)
        return found if isinstance(found, np.ndarray) else None

    def pair(self, dtype: str, values: Values) -> tuple[np.ndarray, np.ndarray] | None:
        """Both sides' values; None unless both are there with equal shape and dtype."""
        actual, expected = (self.at(side, dtype, values) for side in SIDES)
        if actual is None or expected is None or actual.shape != expected.shape:
            return None
        both_integers = actual.dtype.kind in "iu" and expected.dtype.kind in "iu"
        return (actual, expected) if actual.dtype == expected.dtype or both_integers else None

    def judged(self) -> tuple[np.ndarray, np.ndarray]:
        """The two arrays that the verdict is about."""
        found = self.pair(self.dtype, self.values)
        assert found is not None, f"{self.name} was not seen to be comparable before"
        return found

    def truth(self, values: Values) -> np.ndarray | None:
        return self.evidence.truth(self.name, values)

    def reference_errors(self) -> dict[str, float]:
        """How far each side is from the caller's reference in float64; empty without one."""
        reference = self.evidence.reference_leaf(self.name, self.values)
        pair = self.pair("float64", self.values)
        if reference is None or pair is None or pair[0].shape != reference.shape:
            return {}
        return {
            side: compare(as_float64(value), as_float64(reference)).error
            for side, value in zip(SIDES, pair, strict=True)
        }

    def further_side(self) -> str | None:
        """The side that is not the reference, if the other one is."""
        errors = self.reference_errors()
        near = [side for side, error in errors.items() if error <= tolerances.REFERENCE_EQUAL]
        return next(side for side in SIDES if side not in near) if len(near) == 1 else None

    def is_zero_but_for_rounding(self) -> bool:
        """Do its values shrink as the unit roundoff does, from float32 to float64, over this input and changed ones?

        Such a leaf (the gradient of a bias in front of a softmax) is exactly zero in one run and 1e-17 in the next.
        """
        peaks = {"float32": 0.0, "float64": 0.0}
        for number in range(tolerances.SIDE_JITTERS + 1):
            values = replace(self.values, rounded_to="float32")
            if number:
                values = replace(values, jitter=number, size=tolerances.SIDE_JITTER_SIZE)
            for dtype, peak in peaks.items():
                found = self.statistics(dtype, values)
                if found is None:
                    return False
                peaks[dtype] = max(peak, found.peak_actual, found.peak_expected)
            if 0 < peaks["float32"] < tolerances.RATIO_CUT * peaks["float64"]:
                return False
        return peaks["float32"] > 0

    def statistics(self, dtype: str, values: Values) -> Statistics | None:
        pair = self.pair(dtype, values)
        return None if pair is None else compare(*pair)


def worse_side(leaf: Leaf) -> tuple[str | None, str]:
    """The side that is much further from the float64 truth, or None; and both errors in words.

    One input decides only that both are near. A side is called worse only if it is so over several changed inputs too:
    the largest of a handful of rounding errors varies by itself.
    """
    reference_pair = leaf.statistics("float64", replace(leaf.values, rounded_to=leaf.dtype))
    if reference_pair is not None and reference_pair.error > tolerances.NO_DIGITS:
        return None, ZERO
    errors = Errors(leaf)
    errors.measure(leaf.values)
    side = errors.worse()
    if side is not None:
        size = max(tolerances.SIDE_JITTER_SIZE, tolerances.SIDE_JITTER_UNITS * epsilon(leaf.dtype))
        for number in range(1, tolerances.SIDE_JITTERS + 1):
            errors.measure(replace(leaf.values, jitter=number, size=size))
        side = errors.worse()
    if side is not None and leaf.is_zero_but_for_rounding():
        return None, ZERO
    return side, errors.words()


class Errors:
    """Errors of both sides to the float64 truth, in units of the dtype, over some inputs."""

    def __init__(self, leaf: Leaf) -> None:
        self.leaf = leaf
        self.peaks: dict[str, list[float]] = {side: [] for side in SIDES}
        self.squares: dict[str, list[float]] = {side: [] for side in SIDES}

    def measure(self, values: Values) -> None:
        truth, pair = self.leaf.truth(values), self.leaf.pair(self.leaf.dtype, values)
        if truth is None or pair is None or truth.shape != pair[0].shape:
            return
        for side, value in zip(SIDES, pair, strict=True):
            statistics = compare(as_float64(value), as_float64(truth))
            unit = epsilon(self.leaf.dtype) * statistics.peak_expected or 1.0
            self.peaks[side].append(statistics.max_abs / unit)
            self.squares[side].append((statistics.rms / unit) ** 2)

    def rms(self, side: str) -> float:
        return math.sqrt(float(np.mean(self.squares[side]))) if self.squares[side] else math.nan

    def ratios(self) -> list[float]:
        """The symmetric ratio of the errors for each input, largest errors."""
        floor = tolerances.FLOOR_PEAK_UNITS
        pairs = zip(*self.peaks.values(), strict=True)
        return [(max(pair) + floor) / (min(pair) + floor) for pair in pairs]

    def worse(self) -> str | None:
        far = max(SIDES, key=self.rms)
        near = SIDES[1 - SIDES.index(far)]
        peak = {side: max(self.peaks[side], default=math.nan) for side in SIDES}
        floor = tolerances.FLOOR_RMS_UNITS
        ratio = (self.rms(far) + floor) / (self.rms(near) + floor)
        floor = tolerances.FLOOR_PEAK_UNITS
        peak_ratio = (peak[far] + floor) / (peak[near] + floor)
        often = sum(
            (ours + floor) / (theirs + floor) > tolerances.SIDE_RATIO
            for ours, theirs in zip(self.peaks[far], self.peaks[near], strict=True)
        )
        is_worse = (
            peak[far] > tolerances.FAR_UNITS
            and min(ratio, peak_ratio) > tolerances.SIDE_RATIO
            and often >= tolerances.SIDE_SHARE * len(self.peaks[far])
        )
        return far if is_worse else None

    def words(self) -> str:
        if not self.squares["jax"]:
            return "no error to the float64 truth could be measured"
        largest = ", ".join(f"{side} {decimal(max(peaks))}" for side, peaks in self.peaks.items())
        ratios = self.ratios()
        over = f"over {len(ratios)} inputs: worst {decimal(max(ratios))}, median {decimal(float(np.median(ratios)))}"
        return f"largest error to the float64 truth in units of {self.leaf.dtype}: {largest}; ratio " + (
            over if len(ratios) > 1 else decimal(ratios[0])
        )
