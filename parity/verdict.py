"""The ladder: from the runs of one leaf to one word, rung by rung."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from parity import tolerances
from parity.compare import Statistics, compare
from parity.dtypes import epsilon, largest
from parity.evidence import GIVEN, SIDES, Evidence, Values, as_float64, decimal, is_discrete
from parity.finding import Cause, Finding, Verdict


@dataclass(frozen=True)
class Leaf:
    """One leaf on one rung: what is judged."""

    evidence: Evidence
    name: str
    dtype: str
    mode: str

    def value(self, side: str, dtype: str, values: Values = GIVEN) -> np.ndarray | None:
        # The truth and the error ratio are questions to the mathematics: for these the uncompiled function answers.
        found = self.evidence.result(side, dtype, self.mode if dtype == self.dtype else "eager", values).leaf(self.name)
        return found if isinstance(found, np.ndarray) else None


def judge(evidence: Evidence, name: str, dtype: str, mode: str) -> Finding:
    """The verdict for one leaf that both sides have, with equal shape and dtype."""
    leaf = Leaf(evidence, name, dtype, mode)
    values = Values(dtype)
    actual, expected = (leaf.value(side, dtype, values) for side in SIDES)
    assert actual is not None
    assert expected is not None
    statistics = compare(actual, expected)
    finding = Finding(
        leaf=name,
        dtype=dtype,
        mode=mode,
        verdict=Verdict.EXACT,
        error=statistics.error,
        index=statistics.worst_index,
        mismatches=statistics.mismatches,
        size=statistics.size,
        message="bit-equal",
    )
    nothing = _vacuous(name, statistics)
    if nothing:
        return replace(finding, verdict=Verdict.VACUOUS, message=nothing)
    finding = _with_values(finding, actual, expected, evidence.truth(name, values))
    judged = _float64_rung(leaf, finding) if dtype == "float64" else _low_rung(leaf, finding, actual, expected)
    return _third_opinion(leaf, judged) if dtype == "float64" else judged


def _with_values(finding: Finding, actual: np.ndarray, expected: np.ndarray, truth: np.ndarray | None) -> Finding:
    if finding.index is None:
        return finding

    def at(array: np.ndarray | None) -> Any:
        return None if array is None or array.shape != actual.shape else array[finding.index].item()

    return replace(finding, actual=at(actual), expected=at(expected), truth=at(truth))


def _vacuous(name: str, statistics: Statistics) -> str:
    """Why this comparison could not have failed; empty if it could."""
    if statistics.size == 0:
        return "the leaf is empty: nothing was compared"
    if statistics.nan_actual == statistics.nan_expected == statistics.size:
        return "all NaN on both sides: no number was compared; use inputs inside the function's domain"
    if not statistics.mismatches and not statistics.finite_pairs:
        return "no finite number on either side: infinities and NaN hide every difference; use other inputs"
    lowest, highest = statistics.lowest_actual, statistics.highest_actual
    if statistics.mismatches or lowest is None or lowest != highest:
        return ""
    if highest == 0 and name.startswith("grad"):
        return "no gradient flows on either side: every element is zero; exclude this input with wrt="
    if highest == 0:
        return "every element is zero on both sides: a broken function could give the same; use other inputs"
    if statistics.size > 1:
        return f"every element is {highest:g} on both sides: constant; use other inputs"
    return ""


# --- float64: is it the same function? -------------------------------------------------------------------------------


def _float64_rung(leaf: Leaf, finding: Finding) -> Finding:
    if finding.mismatches == 0:
        return finding
    actual, expected = (leaf.value(side, "float64") for side in SIDES)
    assert actual is not None
    assert expected is not None
    statistics = compare(actual, expected)
    if statistics.nan_mismatches or statistics.inf_mismatches:
        return _other_numbers(finding, actual, expected)
    if is_discrete(actual):
        return replace(
            finding,
            verdict=Verdict.SEMANTIC,
            side=_further_side(leaf),
            message=f"{finding.mismatches} of {finding.size} discrete values differ in float64",
        )
    measured = f"largest difference {decimal(finding.error)} of the leaf's largest magnitude"
    if finding.error <= tolerances.FLOAT64_EQUAL:
        return replace(
            finding, verdict=Verdict.ROUNDING, message=f"{measured}, within {decimal(tolerances.FLOAT64_EQUAL)}"
        )
    ratio = _error_ratio(leaf)
    measured = f"{measured}; float32 error / float64 error = {decimal(ratio)}"
    if ratio >= tolerances.RATIO_CUT:
        return _conditioning(leaf, replace(finding, message=f"{measured}: it scales as rounding does"))
    noise = _noise(leaf, finding.error)
    if noise:
        return replace(
            finding,
            verdict=Verdict.INTERNAL_PRECISION,
            side=_further_side(leaf),
            causes=(Cause("low-precision step", noise),),
            message=f"{measured}; {noise}",
        )
    return replace(
        finding,
        verdict=Verdict.SEMANTIC,
        side=_further_side(leaf),
        message=f"{measured}: it does not scale as rounding does",
    )


def _other_numbers(finding: Finding, actual: np.ndarray, expected: np.ndarray) -> Finding:
    """NaN or infinity on one side where the other is finite, or infinities of other signs."""
    bad = {side: ~np.isfinite(array) for side, array in zip(SIDES, (actual, expected), strict=True)}
    only = [side for side, other in (SIDES, SIDES[::-1]) if (bad[side] & ~bad[other]).any()]
    side = only[0] if len(only) == 1 else None
    counts = ", ".join(f"{side}: {int(mask.sum())} of {mask.size}" for side, mask in bad.items())
    return replace(
        finding,
        verdict=Verdict.SEMANTIC,
        side=side,
        causes=(Cause("NaN or infinity", f"not finite on {counts}"),),
        message=f"NaN or infinity at different places: not finite on {counts}",
    )


def _error_ratio(leaf: Leaf) -> float:
    """Largest float32 difference divided by the largest float64 difference, on the same float32-representable values.

    Not scaled by the leaf, so that it also tells for a leaf that is zero but for rounding, such as the gradient of a
    bias in front of a softmax.
    """
    rounded = Values("float32")
    largest_difference = {}
    for dtype in ("float32", "float64"):
        pair = [leaf.value(side, dtype, rounded) for side in SIDES]
        if any(array is None for array in pair) or pair[0].shape != pair[1].shape or pair[0].dtype != pair[1].dtype:  # type: ignore[union-attr]
            return math.nan
        statistics = compare(*pair)  # type: ignore[arg-type]
        if math.isinf(statistics.error):
            return math.nan
        largest_difference[dtype] = statistics.max_abs
    return largest_difference["float32"] / largest_difference["float64"] if largest_difference["float64"] else math.inf


def _conditioning(leaf: Leaf, finding: Finding) -> Finding:
    """The same function in a badly conditioned place; is one side's arithmetic worse there?"""
    low = Leaf(leaf.evidence, leaf.name, "float32", "eager")
    side, measured = _compare_errors(low, Values("float32"))
    if side is None:
        return replace(finding, verdict=Verdict.ROUNDING, message=f"{finding.message}; {measured}")
    return replace(finding, verdict=Verdict.STABILITY, side=side, message=f"{finding.message}; {measured}")


def _noise(leaf: Leaf, error: float) -> str:
    """Evidence that the difference is rounding noise of a lower precision; empty if it is not.

    A difference of definition is a smooth function of the inputs: a small change of the inputs changes it a little.
    Rounding noise changes altogether when every input moves by many units of the lower precision.
    """
    for dtype, size in (("float32", 2.0**-12), ("bfloat16", 2.0**-5)):
        if error > tolerances.NOISE_UNITS * epsilon(dtype):
            continue
        base, change, scale = _difference(leaf, GIVEN), 0.0, 0.0
        for number in range(1, tolerances.NOISE_JITTERS + 1):
            other = _difference(leaf, Values(jitter=number, size=size))
            if base is None or other is None:
                return ""
            change += float(np.sum(np.abs(other - base) ** 2))
            scale += float(np.sum(np.abs(other) ** 2) + np.sum(np.abs(base) ** 2))
        share = math.sqrt(change / scale) if scale else 0.0
        if share > tolerances.NOISE_SHARE:
            return (
                f"{decimal(share)} of the difference is new after the inputs moved by {decimal(size)}: rounding noise, "
                f"of the size of {dtype}"
            )
    return ""


def _difference(leaf: Leaf, values: Values) -> np.ndarray | None:
    actual, expected = (leaf.value(side, "float64", values) for side in SIDES)
    if actual is None or expected is None or actual.shape != expected.shape:
        return None
    difference = as_float64(actual) - as_float64(expected)
    return np.where(np.isfinite(difference), difference, 0.0)


def _further_side(leaf: Leaf) -> str | None:
    """The side that is not the reference, if the other one is."""
    errors = _reference_errors(leaf)
    if not errors:
        return None
    near = [side for side in SIDES if errors[side] <= tolerances.REFERENCE_EQUAL]
    return next((side for side in SIDES if side not in near), None) if len(near) == 1 else None


def _reference_errors(leaf: Leaf) -> dict[str, float]:
    reference = leaf.evidence.reference_leaf(leaf.name, GIVEN)
    errors = {}
    for side in SIDES:
        value = leaf.value(side, "float64")
        if reference is None or value is None or value.shape != reference.shape:
            return {}
        errors[side] = compare(as_float64(value), as_float64(reference)).error
    return errors


def _third_opinion(leaf: Leaf, finding: Finding) -> Finding:
    """Both sides may agree with each other and still not compute what the reference does."""
    unlike = _unlike_reference(leaf) if finding.verdict.passes else ""
    if unlike:
        return replace(finding, verdict=Verdict.STRUCTURE, message=unlike)
    errors = _reference_errors(leaf)
    if not errors or not finding.verdict.passes or max(errors.values()) <= tolerances.REFERENCE_EQUAL:
        return finding
    return replace(
        finding,
        verdict=Verdict.SEMANTIC,
        error=max(errors.values()),
        message=f"both sides agree with each other, but not with the reference: {decimal(max(errors.values()))} of the "
        "leaf's largest magnitude",
    )


def _unlike_reference(leaf: Leaf) -> str:
    """Why the numbers of the reference cannot be compared with this leaf; empty if they can, or there are none to be."""
    evidence = leaf.evidence
    reference, value = evidence.reference_leaf(leaf.name, GIVEN), leaf.value("jax", "float64")
    if evidence.reference is None or evidence.reference_problem or leaf.name.startswith("grad") or value is None:
        return ""
    if reference is None:
        return f"both sides return {leaf.name}, the reference does not"
    if reference.dtype.kind not in "fiubc":
        return f"the reference returns dtype {reference.dtype}, expected numbers"
    if reference.shape != value.shape:
        return f"both sides return shape {value.shape}, the reference returns shape {reference.shape}"
    return ""


# --- float32 and below: is the arithmetic as good? ---------------------------------------------------------------------


def _low_rung(leaf: Leaf, finding: Finding, actual: np.ndarray, expected: np.ndarray) -> Finding:
    if finding.mismatches == 0:
        return finding
    truth = leaf.evidence.truth(leaf.name, Values(leaf.dtype))
    first = judge(leaf.evidence, leaf.name, "float64", "eager") if truth is not None else None
    if truth is None or truth.shape != actual.shape or (first and first.verdict.severity > Verdict.STABILITY.severity):
        word = f"the float64 rung says {first.verdict}" if first else "a side has no float64 result"
        return replace(
            finding,
            verdict=Verdict.INCONCLUSIVE,
            message=f"no float64 truth to judge by: {word}; mend that first, or pass reference=",
        )
    if is_discrete(actual):
        wrong = {side: compare(value, truth.astype(value.dtype)).mismatches for side, value in _pair(actual, expected)}
        counts = ", ".join(f"{side}: {count} of {finding.size}" for side, count in wrong.items())
        return replace(
            finding,
            verdict=Verdict.INCONCLUSIVE,
            message=f"equal in float64, but discrete values differ from it here ({counts}); compare what they were made from",
        )
    lost = {side: _lost(value, truth, leaf.dtype) for side, value in _pair(actual, expected)}
    if any(lost.values()):
        worse = max(SIDES, key=lambda side: lost[side]) if lost["jax"] != lost["torch"] else None
        counts = ", ".join(f"{side}: {count} of {finding.size}" for side, count in lost.items())
        return replace(
            finding, verdict=Verdict.STABILITY, side=worse, message=f"not finite where the float64 truth is ({counts})"
        )
    side, measured = _compare_errors(leaf, Values(leaf.dtype))
    return replace(finding, verdict=Verdict.STABILITY if side else Verdict.ROUNDING, side=side, message=measured)


def _pair(actual: np.ndarray, expected: np.ndarray) -> tuple[tuple[str, np.ndarray], ...]:
    return tuple(zip(SIDES, (actual, expected), strict=True))


def _lost(value: np.ndarray, truth: np.ndarray, dtype: str) -> int:
    """Elements that are not finite although their true value has a place in `dtype`."""
    return int((~np.isfinite(value) & np.isfinite(truth) & (np.abs(truth) <= largest(dtype))).sum())


def _compare_errors(leaf: Leaf, values: Values) -> tuple[str | None, str]:
    """The side that is much further from the truth, or None; and both errors in words.

    One input decides only that both are near. A side is called worse only if it is so over several changed inputs too:
    the largest of a handful of rounding errors varies by itself.
    """
    peaks = {side: [] for side in SIDES}  # type: dict[str, list[float]]
    squares = {side: [] for side in SIDES}  # type: dict[str, list[float]]

    def measure(at: Values) -> None:
        truth = leaf.evidence.truth(leaf.name, at)
        for side in SIDES:
            value = leaf.value(side, leaf.dtype, at)
            if truth is None or value is None or value.shape != truth.shape:
                continue
            statistics = compare(as_float64(value), as_float64(truth))
            unit = epsilon(leaf.dtype) * statistics.peak_expected or 1.0
            peaks[side].append(statistics.max_abs / unit)
            squares[side].append((statistics.rms / unit) ** 2)

    def worse() -> tuple[str | None, float, dict[str, float]]:
        peak = {side: max(peaks[side], default=math.nan) for side in SIDES}
        rms = {side: math.sqrt(float(np.mean(squares[side]))) if squares[side] else math.nan for side in SIDES}
        far = max(SIDES, key=lambda side: rms[side])
        near = SIDES[1 - SIDES.index(far)]
        ratio = (rms[far] + tolerances.FLOOR_RMS_UNITS) / (rms[near] + tolerances.FLOOR_RMS_UNITS)
        peak_ratio = (peak[far] + tolerances.FLOOR_PEAK_UNITS) / (peak[near] + tolerances.FLOOR_PEAK_UNITS)
        is_worse = ratio > tolerances.SIDE_RATIO and peak_ratio > tolerances.SIDE_RATIO
        return (far if is_worse else None), ratio, peak

    measure(values)
    side, ratio, peak = worse()
    if side is not None:
        for number in range(1, tolerances.SIDE_JITTERS + 1):
            measure(Values(values.rounded_to, number, tolerances.SIDE_JITTER_SIZE))
        side, ratio, peak = worse()
    words = ", ".join(f"{name} {decimal(value)}" for name, value in peak.items())
    return side, f"largest error in units of {leaf.dtype}: {words}; ratio of the errors {decimal(ratio)}"
