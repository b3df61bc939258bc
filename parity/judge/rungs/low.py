"""float32 and below: is the arithmetic as good?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from parity.compare.compare import compare
from parity.data.dtypes import epsilon, is_alike, is_discrete
from parity.data.input_variant import InputVariant
from parity.data.leaf import LeafName
from parity.judge import variants
from parity.judge.finding import Finding, Verdict
from parity.judge.rungs import discrete, own_truth
from parity.judge.rungs.error_ratio import compare_sides
from parity.judge.rungs.leaf import Leaf
from parity.judge.rungs.lost import counted, lost_elements, side_with_more

LOOKED_UP = 8  # true values that are looked for among the inputs, before all of them are


def judge(leaf: Leaf, finding: Finding, float64: Finding | None) -> Finding:
    """The verdict of a lower rung, given what the float64 rung said about the leaf (None: it could not be run)."""
    if finding.mismatches == 0:
        return finding
    pair = leaf.judged()
    # Without a verdict in float64 the middle of both sides is no truth.
    truth = leaf.truth(leaf.variant) if float64 is not None else leaf.cache.reference_leaf(leaf.name, leaf.variant)
    if float64 is not None and float64.verdict in (Verdict.VACUOUS, Verdict.INCONCLUSIVE):
        return replace(finding, verdict=float64.verdict, message=float64.message)
    if float64 is not None and _is_no_truth(float64, leaf.dtype):
        return own_truth.judge(leaf, finding, float64)
    if truth is None or not is_alike(truth, pair[0]):
        remedy = "fix that first" if LeafName(leaf.name).is_gradient else "fix that first, or pass reference="
        message = f"no float64 truth to judge by: a side has no float64 result; {remedy}"
        return replace(finding, verdict=Verdict.INCONCLUSIVE, message=message)
    if is_discrete(pair[0]):
        return discrete.judge(leaf, finding, truth)
    lost = {
        side: lost_elements(value, truth, leaf.precision) for side, value in zip(leaf.cache.sides, pair, strict=True)
    }
    if any(lost.values()):
        message = f"not finite where the float64 truth is: {counted(lost, finding.size)}"
        return replace(finding, verdict=Verdict.STABILITY, side=side_with_more(lost), message=message)
    if _is_copy(leaf, truth):
        wrong = {
            side: compare(value, truth.astype(value.dtype)).mismatches
            for side, value in zip(leaf.cache.sides, pair, strict=True)
        }
        if any(wrong.values()) and not leaf.is_zero_but_for_rounding():
            message = f"every true value copies an input, so no rounding is due; not equal to it: {counted(wrong, finding.size)}"
            return replace(finding, verdict=Verdict.STABILITY, side=side_with_more(wrong), message=message)
    sides = compare_sides(leaf)
    if float64 is None and not sides.are_near:
        message = f"both sides are far from the reference, and a side has no float64 result to say why; {sides.message}"
        return replace(finding, verdict=Verdict.INCONCLUSIVE, message=message)
    if not sides.has_digits and (sides.worse or leaf.variant.regime != "unit"):
        message = f"no digit is right in {leaf.dtype} on either side, so nothing was compared; {sides.message}"
        return replace(finding, verdict=Verdict.VACUOUS, message=message)
    verdict = Verdict.STABILITY if sides.worse else Verdict.ROUNDING
    return replace(finding, verdict=verdict, side=sides.worse, message=sides.message)


def _is_no_truth(float64: Finding, dtype: str) -> bool:
    """The sides compute other functions, or one has fewer digits in float64 than `dtype` can hold."""
    lost = float64.verdict is Verdict.STABILITY and float64.error > epsilon(dtype)
    return lost or float64.verdict.severity > Verdict.STABILITY.severity


def _is_copy(leaf: Leaf, truth: np.ndarray) -> bool:
    """A copy, permutation or look-up: every true value is that of an element of the inputs, and stays so when they move. Of
    complex values it is so for each part.

    A saturated softmax copies too, but which row hangs on a rounding of its logits.
    """
    if truth.dtype.kind not in "fc" or not _may_copy(leaf, truth):
        return False
    truths, elements = [_parts(truth)], [_elements(leaf, leaf.variant)]
    if not np.isin(truths[0], elements[0]).all():
        return False
    for variant in variants.copies(leaf.variant, leaf.dtype):
        other = leaf.truth(variant)
        if other is None:
            return False
        truths.append(_parts(other))
        elements.append(_elements(leaf, variant))
    return bool(np.isin(_triples(truths), _triples(elements)).all())


def _may_copy(leaf: Leaf, truth: np.ndarray) -> bool:
    """Is each of a few true values that of an input? Answers soon where there are millions: all of them would be sorted."""
    values = _parts(truth)
    values = values[values != 0]  # zeros are everywhere
    few = values[:: max(1, values.size // LOOKED_UP)][:LOOKED_UP]
    arrays = [_parts(array) for array in leaf.cache.inputs(leaf.variant).values() if array.dtype.kind in "fc"]
    return all(any((array == value).any() for array in arrays) for value in few)


def _parts(array: np.ndarray) -> np.ndarray:
    """The values in one row, real and imaginary parts of complex ones after each other."""
    return array.ravel().view(array.real.dtype)


def _triples(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Elements with their moved values, each as one thing that can be looked up; -0 is 0."""
    rows = np.stack([array.ravel().astype(np.float64) + 0.0 for array in arrays], axis=-1)
    return np.ascontiguousarray(rows).view(f"V{8 * len(arrays)}").ravel()


def _elements(leaf: Leaf, variant: InputVariant) -> np.ndarray:
    arrays = [_parts(array) for array in leaf.cache.inputs(variant).values() if array.dtype.kind in "fc"]
    return np.concatenate(arrays) if arrays else np.empty(0)
