"""The float64 rung: is it the same function?"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from parity.compare.compare import compare
from parity.data.dtypes import as_float64, is_discrete
from parity.data.input_variant import InputVariant
from parity.judge import structure, tolerances, variants
from parity.judge.finding import Cause, Finding, Verdict, decimal
from parity.judge.rungs import overflow, rounding_test, unsteady
from parity.judge.rungs.error_ratio import ZERO, compare_sides
from parity.judge.rungs.leaf import Leaf


def judge(leaf: Leaf, finding: Finding, *, second_look: bool = True) -> Finding:
    """Same function, the same but for rounding, or another function.

    Args:
        finding: the two values compared, so far EXACT.
        second_look: ask again on moved inputs where the given ones show no difference.
    """
    problem = structure.of_reference(leaf.cache, leaf.name, leaf.judged()[0], leaf.variant)
    if problem:
        return replace(finding, verdict=Verdict.STRUCTURE, message=problem)
    first = _judge_values(leaf, finding)
    if first.verdict.passes:
        return _third_opinion(leaf, _second_look(leaf, first) if second_look else first)
    if leaf.is_saturated("float64" if leaf.variant.regime == "unit" else "float32"):
        message = "the gradient is too small to affect any output at this precision"
        return replace(finding, verdict=Verdict.VACUOUS, message=f"{message}; use other inputs")
    if first.verdict is Verdict.SEMANTIC and not first.causes:
        return _only_at_special_values(leaf, first)
    return first


def _judge_values(leaf: Leaf, finding: Finding) -> Finding:
    """The verdict from the caller's inputs alone."""
    actual, expected = leaf.judged()
    statistics = leaf.statistics(leaf.dtype, leaf.variant)
    assert statistics is not None, f"{leaf.name} was not seen to be comparable before"
    if statistics.mismatches == 0:
        return finding
    if statistics.nan_mismatches or statistics.inf_mismatches:
        return _other_numbers(leaf, finding, actual, expected)
    if is_discrete(actual):
        message = f"{finding.mismatches} of {finding.size} discrete values differ in float64"
        causes = overflow.causes(leaf.cache.sides, actual, expected)
        return replace(finding, verdict=Verdict.SEMANTIC, side=leaf.further_side(), causes=causes, message=message)
    measured = f"largest difference {decimal(finding.error)} of the leaf's largest magnitude"
    if finding.error <= tolerances.FLOAT64_EQUAL:
        message = f"{measured}, within {decimal(tolerances.FLOAT64_EQUAL)}"
        return replace(finding, verdict=Verdict.ROUNDING, message=message)
    ratio = _scaling_ratio(leaf, leaf.variant)
    if not math.isnan(ratio):
        measured = f"{measured}; float32 error / float64 error = {decimal(ratio)}"
    scales = ratio >= tolerances.RATIO_CUT
    if not scales and not ratio < tolerances.RATIO_OF_DEFINITIONS:
        if rounding_test.is_rounding(leaf):
            measured, scales = f"{measured}, but a tiny move of the inputs makes as much", True
        elif (high := _high_ratio(leaf)) >= tolerances.RATIO_CUT:
            measured, scales = f"{measured}, {decimal(high)} on other inputs close by", True
    if scales:
        low = replace(leaf, dtype="float32", mode="eager", variant=leaf.variant.rounded("float32"))
        sides = compare_sides(low)
        verdict = Verdict.STABILITY if sides.worse else Verdict.ROUNDING
        message = f"{measured}: it scales as rounding does; {sides.message}"
        return replace(finding, verdict=verdict, side=sides.worse, message=message)
    if leaf.is_zero_but_for_rounding():
        return replace(finding, verdict=Verdict.ROUNDING, message=f"{measured}; {ZERO}")
    noisy = unsteady.side(leaf)
    if noisy is not None:
        return replace(finding, verdict=Verdict.STABILITY, side=noisy[0], message=f"{measured}; {noisy[1]}")
    low_precision = rounding_test.of_lower_precision(leaf, finding.error)
    if low_precision:
        return replace(
            finding,
            verdict=Verdict.INTERNAL_PRECISION,
            side=leaf.further_side(),
            causes=(Cause("low-precision step", low_precision),),
            message=f"{measured}; {low_precision}",
        )
    message = measured if math.isnan(ratio) else f"{measured}: it does not scale as rounding does"
    return replace(finding, verdict=Verdict.SEMANTIC, side=leaf.further_side(), message=message)


def _other_numbers(leaf: Leaf, finding: Finding, actual: np.ndarray, expected: np.ndarray) -> Finding:
    """NaN or infinity on one side where the other is finite, or infinities of other signs."""
    bad = {side: ~np.isfinite(array) for side, array in zip(leaf.cache.sides, (actual, expected), strict=True)}
    only = [side for side, other in (leaf.cache.sides, leaf.cache.sides[::-1]) if (bad[side] & ~bad[other]).any()]
    # With a NaN among the inputs the side without one may be the wrong one.
    if not all(np.isfinite(array).all() for array in leaf.cache.inputs(leaf.variant).values()):
        only = []
    counts = ", ".join(f"{side}: {int(mask.sum())} of {mask.size}" for side, mask in bad.items())
    return replace(
        finding,
        verdict=Verdict.SEMANTIC,
        side=leaf.further_side() or (only[0] if len(only) == 1 else None),
        causes=(Cause("NaN or infinity", f"not finite: {counts}"),),
        message=f"NaN or infinity at different places; not finite: {counts}",
    )


def _scaling_ratio(leaf: Leaf, variant: InputVariant) -> float:
    """Largest float32 error divided by the largest float64 difference, on the same float32-representable values.

    The float32 error is what the sides differ by, or what a side differs by from its own float64 result: where a softmax is
    saturated both are zero in float32, and agree by luck. The float64 difference on the unrounded values counts too: a cast of
    the inputs shows there alone. Not scaled by the leaf, so that it also tells for a leaf that is zero but for rounding,
    such as the gradient of a bias in front of a softmax.
    """
    key = ("scaling ratio", leaf.mode_of("float64"), leaf.mode_of("float32"), variant)
    return leaf.for_each(key, lambda one: _measured_ratio(one, variant))


def _measured_ratio(leaf: Leaf, variant: InputVariant) -> float:
    rounded = variant.rounded("float32")
    low, high = leaf.pair("float32", rounded), leaf.pair("float64", rounded)
    unrounded = leaf.statistics("float64", variant)
    if low is None or high is None or unrounded is None or low[0].shape != high[0].shape:
        return math.nan
    difference = compare(*high)
    errors = [compare(*low), *(compare(as_float64(ours), as_float64(own)) for ours, own in zip(low, high, strict=True))]
    if math.isinf(difference.error) or math.isinf(errors[0].error):
        return math.nan
    largest = max(difference.max_abs, unrounded.max_abs)
    return max(error.max_abs for error in errors) / largest if largest else math.inf


def _high_ratio(leaf: Leaf) -> float:
    """The scaling ratio that one in five of the judged inputs and changed ones reach.

    That of another definition hardly moves. Where a term falls below the last place of large logits, the difference is 1e-11 on
    one input and 1e-16 on the next, and the ratio 3e4 or 1e10.
    """
    inputs = (leaf.variant, *variants.close_by(leaf.variant, leaf.dtype))
    ratios = [_scaling_ratio(leaf, variant) for variant in inputs]
    return float(np.quantile(ratios, 1 - tolerances.RATIO_SHARE, method="lower"))


def _second_look(leaf: Leaf, finding: Finding) -> Finding:
    """Equal on the caller's inputs: and when each of them moves a little?

    Zeros hide a term, ones hide a factor, values that float32 can hold hide a cast: moved, they hide nothing.
    """
    moved = variants.second_look(leaf.variant)
    statistics = None if leaf.variant.moves else leaf.statistics("float64", moved)
    if statistics is None or statistics.error <= tolerances.FLOAT64_EQUAL:
        return finding
    there = judge(replace(leaf, variant=moved, mode="eager"), replace(finding, error=statistics.error))
    if there.verdict.passes:
        return finding
    arguments = leaf.cache.arguments
    hidden = "".join(
        f" ({what}: {', '.join(names)})"
        for what, names in (
            ("constant inputs that hide a term", arguments.constant()),
            ("symmetric inputs that hide a transpose, or which triangle is read", arguments.symmetric()),
        )
        if names
    )
    return replace(
        there,
        mode=finding.mode,
        index=None,
        mismatches=statistics.mismatches,
        message=f"equal on these inputs, but not after each moved by {decimal(tolerances.LOOK_SIZE)}{hidden}: {there.message}",
    )


def _only_at_special_values(leaf: Leaf, finding: Finding) -> Finding:
    """Different on the caller's inputs: and when each of them moves a little?"""
    if leaf.variant.moves:
        return finding
    for variant in (variants.second_look(leaf.variant), variants.off_zero(leaf.variant)):
        statistics = leaf.statistics("float64", variant)
        if statistics is None or statistics.size == statistics.nan_actual:
            continue
        if statistics.error <= tolerances.FLOAT64_EQUAL:
            size = decimal(tolerances.LOOK_SIZE)
            message = f"equal after every input moved by {size}: the sides differ at ties, kinks or bounds only"
            return replace(finding, causes=(Cause("tie rule", message),), message=f"{finding.message}; {message}")
    return finding


def _third_opinion(leaf: Leaf, finding: Finding) -> Finding:
    """Both sides may agree with each other and still not compute what the reference does."""
    errors = leaf.reference_errors()
    if not errors or not finding.verdict.passes or max(errors.values()) <= tolerances.REFERENCE_EQUAL:
        return finding
    far = max(errors.values())
    if math.isfinite(far) and rounding_test.is_rounding(leaf, rounding_test.to_reference):
        return finding
    message = (
        f"both sides agree with each other, but not with the reference: {decimal(far)} of the leaf's largest magnitude"
    )
    return replace(finding, verdict=Verdict.SEMANTIC, error=far, message=message)
