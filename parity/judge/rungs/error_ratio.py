"""Which side is worse? The ratio of both sides' errors to the float64 truth, over several inputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from parity.compare.compare import compare
from parity.data.dtypes import as_float64, epsilon, is_alike
from parity.data.input_variant import InputVariant
from parity.judge import tolerances, variants
from parity.judge.finding import decimal
from parity.judge.rungs.leaf import Leaf

ZERO = "zero but for rounding on both sides: no digit of it is certain even in float64"


@dataclass(frozen=True)
class Sides:
    """What was measured.

    Attributes:
        worse: the side that is much further from the float64 truth, or None.
        message: both errors.
        has_digits: the nearer side has a digit of the truth right.
        are_near: the nearer side is as near to the truth as a function in this precision is.
    """

    worse: str | None
    message: str
    has_digits: bool = True
    are_near: bool = True


@dataclass(frozen=True)
class InputErrors:
    """Errors of both sides to the float64 truth on one set of inputs, in units of the dtype.

    Attributes:
        unit: the unit, in the values of the leaf.
        peaks, rms: largest and root mean square error of each side.
    """

    unit: float
    peaks: tuple[float, ...]
    rms: tuple[float, ...]


def compare_sides(leaf: Leaf, *, own: bool = False) -> Sides:
    """One input decides only that both are near. A side is called worse only if it is so over several changed inputs too:
    the largest of a handful of rounding errors varies by itself. And only if it is further off than a few units in the last
    place of the inputs make of the truth: more no arithmetic can promise.

    Args:
        own: the truth of each side is its own float64 value; without, one for both.
    """
    high = leaf.statistics("float64", leaf.variant.rounded(leaf.dtype))
    if not own and high is not None and high.error > tolerances.NO_DIGITS:
        return Sides(None, ZERO)
    first = Errors(leaf, (leaf.variant,), own=own)
    if first.worse() is None:
        return Sides(None, first.message(), first.have_digits(), first.are_near())
    errors = Errors(leaf, (leaf.variant, *variants.close_by(leaf.variant, leaf.precision)), own=own)
    side = errors.worse()
    if side is not None and leaf.is_zero_but_for_rounding():
        return Sides(None, ZERO)
    if side is not None and errors.is_excused(side):
        words = f"{errors.message()}; a few units of {leaf.precision} in the inputs make as much of the truth"
        return Sides(None, words, are_near=errors.are_near())
    return Sides(side, errors.message(), errors.have_digits(), errors.are_near())


class Errors:
    """Largest and root mean square errors of both sides to the float64 truth, in units of the dtype, for each input."""

    def __init__(self, leaf: Leaf, inputs: Sequence[InputVariant], *, own: bool = False) -> None:
        self.leaf, self.sides, self.own = leaf, leaf.cache.sides, own
        self.measured: dict[InputVariant, InputErrors] = {}
        for variant in inputs:
            key = ("errors", leaf.dtype, leaf.mode, own, variant)
            errors = leaf.for_each(key, lambda one, at=variant: _errors_on(one, at, own))  # type: ignore[misc]
            if errors is not None:
                self.measured[variant] = errors

    def peaks(self, side: str) -> list[float]:
        """The largest error of a side on each input."""
        return [errors.peaks[self.sides.index(side)] for errors in self.measured.values()]

    def rms(self, side: str) -> float:
        """The root mean square error of a side over all inputs; NaN if nothing could be measured."""
        # hypot: the square of an error of 1e160 units is no float.
        each = [errors.rms[self.sides.index(side)] for errors in self.measured.values()]
        return math.hypot(*each) / math.sqrt(len(each)) if each else math.nan

    def ratios(self) -> list[float]:
        """The symmetric ratio of the largest errors for each input."""
        floor = tolerances.FLOOR_PEAK_UNITS
        pairs = (errors.peaks for errors in self.measured.values())
        return [(max(pair) + floor) / (min(pair) + floor) for pair in pairs]

    def worse(self) -> str | None:
        """The side that is much further off than the other, in the root mean square, at its worst and often; or None."""
        far = max(self.sides, key=self.rms)
        near = self.sides[1 - self.sides.index(far)]
        peak = {side: max(self.peaks(side), default=math.nan) for side in self.sides}
        needed = tolerances.SIDE_RATIO if peak[near] <= tolerances.FAR_UNITS else tolerances.FAR_SIDE_RATIO
        floor = tolerances.FLOOR_RMS_UNITS
        ratio = (self.rms(far) + floor) / (self.rms(near) + floor)
        floor = tolerances.FLOOR_PEAK_UNITS
        peak_ratio = (peak[far] + floor) / (peak[near] + floor)
        often = sum(
            (ours + floor) / (theirs + floor) > tolerances.SIDE_RATIO
            for ours, theirs in zip(self.peaks(far), self.peaks(near), strict=True)
        )
        is_worse = (
            peak[far] > tolerances.FAR_UNITS
            and min(ratio, peak_ratio) > needed
            and often >= tolerances.SIDE_SHARE * len(self.measured)
        )
        return far if is_worse else None

    def is_excused(self, side: str) -> bool:
        """Is a side no further off than the truth itself after its inputs moved by a few units of the dtype?

        Not in float32 if the other side shows that more can be promised: it is right to the last place on every input, or far
        nearer on most. In less the other side may work in float32 inside, by intent.
        """
        other = self.sides[1 - self.sides.index(side)]
        is_float32 = self.leaf.precision == "float32"
        if is_float32 and max(self.peaks(other), default=math.inf) <= tolerances.ACCURATE_UNITS:
            return False
        excused = better = 0
        for (variant, errors), far, near in zip(
            self.measured.items(), self.peaks(side), self.peaks(other), strict=True
        ):
            budget = tolerances.EXCUSE_FACTOR * self._change_of_truth(variant, side) / errors.unit
            excused += far <= budget
            better += far > tolerances.BETTER_RATIO * max(near, tolerances.ACCURATE_UNITS)
        if is_float32 and better >= tolerances.SIDE_SHARE * len(self.measured):
            return False
        return excused > (1 - tolerances.SIDE_SHARE) * len(self.measured)

    def _change_of_truth(self, variant: InputVariant, side: str) -> float:
        """The most that a few units of the dtype in the inputs change the truth, in the values of the leaf."""
        at = self.sides.index(side) if self.own else None
        changes = []
        for moved in variants.within_units(variant, self.leaf.precision):
            key = ("change of the truth", at, variant, moved)
            measure = lambda one, a=variant, b=moved, c=at: _change_of_truth(one, a, b, c)  # noqa: E731
            changes.append(self.leaf.for_each(key, measure))
        return max(changes)

    def are_near(self) -> bool:
        """Is the nearer side no further from the truth than noise of this precision is?"""
        near = min((max(self.peaks(side)) for side in self.sides if self.measured), default=0.0)
        return near <= tolerances.NOISE_UNITS.get(self.leaf.precision, min(tolerances.NOISE_UNITS.values()))

    def have_digits(self) -> bool:
        """Is the nearer side, on the median input, nearer to the truth than the truth is to zero?"""
        near = min((float(np.median(self.peaks(side))) for side in self.sides if self.measured), default=0.0)
        return near * epsilon(self.leaf.precision) < tolerances.NO_DIGIT_LEFT

    def message(self) -> str:
        """Both sides' largest errors and their ratio."""
        if not self.measured:
            return "no error to the float64 truth could be measured"
        largest = ", ".join(f"{side} {decimal(max(self.peaks(side)))}" for side in self.sides)
        ratios = self.ratios()
        over = f"over {len(ratios)} inputs: worst {decimal(max(ratios))}, median {decimal(float(np.median(ratios)))}"
        return f"largest error to the float64 truth in units of {self.leaf.precision}: {largest}; ratio " + (
            over if len(ratios) > 1 else decimal(ratios[0])
        )


def _truths(leaf: Leaf, variant: InputVariant, own: bool) -> list[np.ndarray | None]:
    """The float64 truth of each side."""
    if own:
        return [leaf.at(side, "float64", variant) for side in leaf.cache.sides]
    return [leaf.truth(variant)] * len(leaf.cache.sides)


def _errors_on(leaf: Leaf, variant: InputVariant, own: bool) -> InputErrors | None:
    pair = leaf.pair(leaf.dtype, variant)
    truths = [truth for truth in _truths(leaf, variant, own) if truth is not None]
    if pair is None or len(truths) < len(pair) or not all(is_alike(truth, pair[0]) for truth in truths):
        return None
    both = [compare(as_float64(value), as_float64(truth)) for value, truth in zip(pair, truths, strict=True)]
    # A gradient far below its natural scale comes from terms of that scale, which are rounded before they cancel.
    unit = epsilon(leaf.precision) * max(*(one.peak_expected for one in both), leaf.natural_scale(variant)) or 1.0
    return InputErrors(unit, tuple(one.max_abs / unit for one in both), tuple(one.rms / unit for one in both))


def _change_of_truth(leaf: Leaf, variant: InputVariant, moved: InputVariant, side: int | None) -> float:
    """The largest change of the float64 truth, of one side's own where it is given, by the move; 0 where there is none."""
    truth, other = (_truths(leaf, at, side is not None)[side or 0] for at in (variant, moved))
    if truth is None or other is None or truth.shape != other.shape:
        return 0.0
    return compare(as_float64(other), as_float64(truth)).max_abs
