"""Which side is worse? The errors of both to the float64 truth, over several inputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from parity.compare.compare import compare
from parity.data.dtypes import epsilon
from parity.execution.run_cache import InputVariant, as_float64, decimal
from parity.judge import tolerances
from parity.judge.rungs.leaf import Leaf
from parity.sides import SIDES

ZERO = "zero but for rounding on both sides: no digit of it is certain even in float64"


@dataclass(frozen=True)
class Sides:
    """What was measured.

    Attributes:
        worse: the side that is much further from the float64 truth, or None.
        words: both errors.
        has_digits: the nearer side has a digit of the truth right.
    """

    worse: str | None
    words: str
    has_digits: bool = True


def compare_sides(leaf: Leaf) -> Sides:
    """One input decides only that both are near. A side is called worse only if it is so over several changed inputs too:
    the largest of a handful of rounding errors varies by itself. And only if it is further off than a few units in the last
    place of the inputs make of the truth: more no arithmetic can promise.
    """
    high = leaf.statistics("float64", replace(leaf.values, rounded_to=leaf.dtype))
    if high is not None and high.error > tolerances.NO_DIGITS:
        return Sides(None, ZERO)
    first = Errors(leaf, (leaf.values,))
    if first.worse() is None:
        return Sides(None, first.words(), first.have_digits())
    errors = Errors(leaf, (leaf.values, *leaf.changed()))
    side = errors.worse()
    if side is not None and leaf.is_zero_but_for_rounding():
        return Sides(None, ZERO)
    if side is not None and errors.is_excused(side):
        return Sides(None, f"{errors.words()}; a few units of {leaf.dtype} in the inputs make as much of the truth")
    return Sides(side, errors.words(), errors.have_digits())


class Errors:
    """Largest and root mean square errors of both sides to the float64 truth, in units of the dtype, for each input."""

    def __init__(self, leaf: Leaf, inputs: Sequence[InputVariant]) -> None:
        self.leaf = leaf
        self.peaks: dict[str, list[float]] = {side: [] for side in SIDES}
        self.spreads: dict[str, list[float]] = {side: [] for side in SIDES}
        self.measured: list[tuple[InputVariant, float]] = []
        for values in inputs:
            truth, pair = leaf.truth(values), leaf.pair(leaf.dtype, values)
            if truth is None or pair is None or truth.shape != pair[0].shape:
                continue
            both = [compare(as_float64(value), as_float64(truth)) for value in pair]
            # A gradient far below its natural scale comes from terms of that scale, which are rounded before they cancel.
            unit = epsilon(leaf.dtype) * max(both[0].peak_expected, leaf.natural_scale(values)) or 1.0
            self.measured.append((values, unit))
            for side, statistics in zip(SIDES, both, strict=True):
                self.peaks[side].append(statistics.max_abs / unit)
                self.spreads[side].append(statistics.rms / unit)

    def rms(self, side: str) -> float:
        # hypot: the square of an error of 1e160 units is no float.
        spreads = self.spreads[side]
        return math.hypot(*spreads) / math.sqrt(len(spreads)) if spreads else math.nan

    def ratios(self) -> list[float]:
        """The symmetric ratio of the errors for each input, largest errors."""
        floor = tolerances.FLOOR_PEAK_UNITS
        pairs = zip(*self.peaks.values(), strict=True)
        return [(max(pair) + floor) / (min(pair) + floor) for pair in pairs]

    def worse(self) -> str | None:
        far = max(SIDES, key=self.rms)
        near = SIDES[1 - SIDES.index(far)]
        peak = {side: max(self.peaks[side], default=math.nan) for side in SIDES}
        needed = tolerances.SIDE_RATIO if peak[near] <= tolerances.FAR_UNITS else tolerances.FAR_SIDE_RATIO
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
            and min(ratio, peak_ratio) > needed
            and often >= tolerances.SIDE_SHARE * len(self.peaks[far])
        )
        return far if is_worse else None

    def is_excused(self, side: str) -> bool:
        """Is a side no further off than the truth itself after its inputs moved by a few units of the dtype?"""
        size = tolerances.EXCUSE_UNITS * epsilon(self.leaf.dtype)
        excused = 0
        for (values, unit), peak in zip(self.measured, self.peaks[side], strict=True):
            moved = [replace(values, again=k, again_size=size) for k in range(1, tolerances.EXCUSE_MOVES + 1)]
            truth, *others = [self.leaf.truth(at) for at in (values, *moved)]
            if truth is None:
                continue
            changes = [compare(as_float64(other), as_float64(truth)).max_abs for other in others if other is not None]
            excused += peak * unit <= tolerances.EXCUSE_FACTOR * max(changes, default=0.0)
        return excused > (1 - tolerances.SIDE_SHARE) * len(self.measured)

    def have_digits(self) -> bool:
        """Is the nearer side, on the median input, nearer to the truth than the truth is to zero?"""
        near = min((float(np.median(peaks)) for peaks in self.peaks.values() if peaks), default=0.0)
        return near * epsilon(self.leaf.dtype) < tolerances.NO_DIGIT_LEFT

    def words(self) -> str:
        if not self.spreads["jax"]:
            return "no error to the float64 truth could be measured"
        largest = ", ".join(f"{side} {decimal(max(peaks))}" for side, peaks in self.peaks.items())
        ratios = self.ratios()
        over = f"over {len(ratios)} inputs: worst {decimal(max(ratios))}, median {decimal(float(np.median(ratios)))}"
        return f"largest error to the float64 truth in units of {self.leaf.dtype}: {largest}; ratio " + (
            over if len(ratios) > 1 else decimal(ratios[0])
        )
